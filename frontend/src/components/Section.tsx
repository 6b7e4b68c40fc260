import { Group, Paper, Stack, Text, Title } from "@mantine/core";
import { type ReactNode, useId } from "react";

interface SectionProps {
  /** Where links of this page, and of others, may lead. */
  anchor?: string;
  title: string;
  hint?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
}

/** A block of a page with its own heading. */
export function Section({ anchor, title, hint, actions, children }: SectionProps) {
  const id = useId();
  return (
    <Paper component="section" id={anchor} aria-labelledby={id} p={{ base: "md", sm: "lg" }}>
      <Stack gap="md">
        <Group justify="space-between" gap="sm">
          <div>
            <Title order={2} id={id}>
              {title}
            </Title>
            {hint && (
              <Text size="sm" c="dimmed" component="div">
                {hint}
              </Text>
            )}
          </div>
          {actions && <Group gap="xs">{actions}</Group>}
        </Group>
        {children}
      </Stack>
    </Paper>
  );
}
