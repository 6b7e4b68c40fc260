import { Button, Code, Group, Stack, Text, TextInput } from "@mantine/core";
import { DateInput } from "@mantine/dates";
import "@mantine/dates/styles.css";
import { useForm } from "@mantine/form";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import type { OwnToken } from "@/api/models";
import { tokensQuery, useCreateToken, useDeleteToken } from "@/api/users";
import { Confirm } from "@/components/Confirm";
import { CopyButton } from "@/components/CopyButton";
import { ProblemPanel } from "@/components/ProblemPanel";
import { fieldErrors } from "@/components/problems";
import { Section } from "@/components/Section";
import { Time } from "@/components/Time";
import classes from "./Tokens.module.css";

/** What acts in the person's name: sessions of the page and tokens of programs. */
export function Tokens() {
  const { t } = useTranslation();
  const { data, error, refetch } = useInfiniteQuery(tokensQuery());
  const tokens = data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <Section title={t("profile.tokens.title")} hint={t("profile.tokens.add_hint")}>
      {error && <ProblemPanel error={error} onRetry={() => void refetch()} />}
      <ul className={classes.list}>
        {tokens.map((token) => (
          <OneToken key={token.id} token={token} />
        ))}
      </ul>
      <MakeToken />
    </Section>
  );
}

function OneToken({ token }: { token: OwnToken }) {
  const { t } = useTranslation();
  const remove = useDeleteToken();
  const kind = t(`profile.tokens.kind.${token.kind as "session" | "token"}`);
  const name = token.name || kind;
  return (
    <li className={classes.token}>
      <div>
        <Text size="sm" fw={600} translate={token.name ? "no" : undefined}>
          {name}
        </Text>
        <Text size="xs" c="dimmed" component="div">
          {token.current && `${t("profile.tokens.current")}, `}
          {token.name && `${kind}, `}
          {t("profile.tokens.since")} <Time at={token.created_at} />
          {", "}
          {token.expires_at ? (
            <>
              {t("profile.tokens.expires")} <Time at={token.expires_at} exact />
            </>
          ) : (
            t("profile.tokens.never")
          )}
        </Text>
      </div>
      <Confirm
        danger
        title={t("profile.tokens.revoke_title", { name })}
        consequences={t("profile.tokens.revoke_hint")}
        confirmLabel={t("profile.tokens.revoke")}
        isPending={remove.isPending}
        error={remove.error}
        onConfirm={() => remove.mutateAsync(token.id)}
      >
        {(ask) => (
          <Button variant="default" size="xs" onClick={ask}>
            {t("profile.tokens.revoke")}
          </Button>
        )}
      </Confirm>
    </li>
  );
}

function MakeToken() {
  const { t } = useTranslation();
  const create = useCreateToken();
  const form = useForm({
    initialValues: { name: "", until: null as string | null },
    validate: { name: (value) => (value.trim() ? null : t("profile.tokens.required")) },
  });
  return (
    <Stack gap="sm">
      {create.data && (
        <div role="status" className={classes.made}>
          <Text size="sm" fw={600}>
            {t("profile.tokens.made", { name: create.data.name })}
          </Text>
          <Text size="sm">{t("profile.tokens.copy_now")}</Text>
          <Group gap={6} wrap="nowrap">
            <Code style={{ overflowWrap: "anywhere" }} translate="no">
              {create.data.value}
            </Code>
            <CopyButton value={create.data.value} />
          </Group>
        </div>
      )}
      {create.error && <ProblemPanel error={create.error} />}
      <form
        onSubmit={form.onSubmit(({ name, until }) =>
          create.mutate(
            // To the end of the day, by the person's own clock.
            { name, ...(until && { expires_at: new Date(`${until}T23:59:59`).toISOString() }) },
            {
              onSuccess: () => form.reset(),
              onError: (error) => {
                const { expires_at, ...errors } = fieldErrors(error);
                form.setErrors(expires_at ? { ...errors, until: expires_at } : errors);
              },
            },
          ),
        )}
      >
        <Group align="flex-start" gap="xs">
          <TextInput
            aria-label={t("profile.tokens.name")}
            placeholder={t("profile.tokens.name")}
            flex={{ base: "1 1 100%", xs: "0 1 280px" }}
            {...form.getInputProps("name")}
          />
          <DateInput
            aria-label={t("profile.tokens.until")}
            placeholder={t("profile.tokens.until")}
            flex={{ base: "1 1 100%", xs: "0 1 220px" }}
            clearable
            minDate={new Date()}
            {...form.getInputProps("until")}
          />
          <Button type="submit" variant="default" loading={create.isPending}>
            {t("profile.tokens.add")}
          </Button>
        </Group>
      </form>
    </Stack>
  );
}
