import { CloseButton, Group, Select, type SelectProps, Text, TextInput } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { IconSearch } from "@tabler/icons-react";
import { type ReactNode, useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { formatShort } from "./format";
import { InstrumentSelect } from "./InstrumentChoice";

/** Filters beside each other; below each other on a phone. */
export function FilterBar({ children, label }: { children: ReactNode; label: string }) {
  return (
    <Group component="search" aria-label={label} gap="xs" align="flex-end">
      {children}
    </Group>
  );
}

const TYPING_PAUSE_MILLISECONDS = 250;

interface SearchFilterProps {
  value: string | undefined;
  label: string;
  placeholder?: string;
  onChange: (value: string | undefined) => void;
}

/** A text filter: takes effect when the typing rests, and follows the address. */
export function SearchFilter({ value, label, placeholder, onChange }: SearchFilterProps) {
  const { t } = useTranslation();
  const [typed, setTyped] = useState(value ?? "");
  const sent = useRef(value);
  useEffect(() => {
    // The echo of what was typed here: more may have been typed since.
    if (value === sent.current) return;
    sent.current = value;
    setTyped(value ?? "");
  }, [value]);
  const settle = useDebouncedCallback((next: string) => {
    sent.current = next.trim() || undefined;
    onChange(sent.current);
  }, TYPING_PAUSE_MILLISECONDS);
  const change = (next: string) => {
    setTyped(next);
    settle(next);
  };
  return (
    <TextInput
      type="text"
      aria-label={label}
      placeholder={placeholder ?? label}
      value={typed}
      onChange={(event) => change(event.currentTarget.value)}
      leftSection={<IconSearch size={16} aria-hidden />}
      rightSection={
        typed && (
          <CloseButton
            size="sm"
            aria-label={t("common.actions.clear")}
            onClick={() => change("")}
          />
        )
      }
      flex={{ base: "1 1 100%", sm: "1 1 220px" }}
      maw={{ sm: 360 }}
    />
  );
}

const CHOICE_LOOK = {
  w: { base: "calc(50% - 5px)", sm: 180 },
  comboboxProps: { width: "max-content", position: "bottom-start" },
} satisfies Partial<SelectProps>;

interface ChoiceFilterProps<Choice extends string> {
  value: Choice | undefined;
  label: string;
  choices: { value: Choice; label: string }[];
  onChange: (value: Choice | undefined) => void;
  searchable?: boolean;
  renderOption?: SelectProps["renderOption"];
}

/** One of some values, or any. */
export function ChoiceFilter<Choice extends string>(props: ChoiceFilterProps<Choice>) {
  return (
    <Select
      aria-label={props.label}
      placeholder={props.label}
      data={props.choices}
      value={props.value ?? null}
      onChange={(next) => props.onChange((next as Choice | null) ?? undefined)}
      searchable={props.searchable}
      renderOption={props.renderOption}
      clearable
      {...CHOICE_LOOK}
    />
  );
}

interface InstrumentFilterProps {
  value: string | undefined;
  onChange: (value: string | undefined) => void;
  label: string;
}

/** One of the instruments that the person may see. */
export function InstrumentFilter({ value, onChange, label }: InstrumentFilterProps) {
  return (
    <InstrumentSelect
      aria-label={label}
      placeholder={label}
      value={value ?? null}
      onChange={(next) => onChange(next ?? undefined)}
      clearable
      {...CHOICE_LOOK}
    />
  );
}

interface FilterChipProps {
  /** What is filtered for; nothing shows nothing. */
  children: string | undefined;
  onRemove: () => void;
}

/** A filter that a link has set: said in words, and taken away by a press. */
export function FilterChip({ children, onRemove }: FilterChipProps) {
  const { t } = useTranslation();
  if (!children) return null;
  return (
    <Group gap={4} mih={36} wrap="nowrap">
      <Text size="sm">{children}</Text>
      <CloseButton
        size="sm"
        aria-label={t("common.actions.remove_filter", { name: children })}
        onClick={onRemove}
      />
    </Group>
  );
}

/** A span of time in words; none is undefined. */
export function useSpan(): (
  what: string,
  after: string | undefined,
  before: string | undefined,
) => string | undefined {
  const { t } = useTranslation();
  return (what, after, before) => {
    const from = after && formatShort(new Date(after));
    const to = before && formatShort(new Date(before));
    if (from && to) return t("common.span.between", { what, from, to });
    if (from) return t("common.span.since", { what, from });
    return to ? t("common.span.until", { what, to }) : undefined;
  };
}
