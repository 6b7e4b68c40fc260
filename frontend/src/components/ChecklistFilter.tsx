import { Badge, Button, Checkbox, Popover, ScrollArea, Stack, TextInput } from "@mantine/core";
import { IconChevronDown } from "@tabler/icons-react";
import { type ReactNode, useId, useState } from "react";
import { useTranslation } from "react-i18next";

interface Option<Choice extends string> {
  value: Choice;
  label: string;
  /** Names from data are not translated. */
  isData?: boolean;
  /** How many it would show. */
  count?: string | undefined;
}

interface ChecklistFilterProps<Choice extends string> {
  label: string;
  options: Option<Choice>[];
  value: Choice[] | undefined;
  onChange: (value: Choice[] | undefined) => void;
  /** There are more options than these: hears what is typed, and brings those that fit. */
  onSearch?: ((typed: string) => void) | undefined;
}

const SEARCH_FROM = 10;

/** Any of some values: a button that opens a list to tick, with how many each would show. */
export function ChecklistFilter<Choice extends string>(props: ChecklistFilterProps<Choice>) {
  const { label, options, value = [], onChange, onSearch } = props;
  const { t } = useTranslation();
  const [query, setQuery] = useState("");
  const id = useId();
  const fits = (one: Option<Choice>) => one.label.toLowerCase().includes(query.toLowerCase());
  const shown = onSearch ? options : options.filter(fits);
  const toggle = (choice: Choice) => {
    const next = value.includes(choice)
      ? value.filter((one) => one !== choice)
      : [...value, choice];
    onChange(next.length > 0 ? next : undefined);
  };
  return (
    <Popover position="bottom-start" withinPortal trapFocus shadow="md">
      <Popover.Target>
        <FilterButton label={label} count={value.length} />
      </Popover.Target>
      <Popover.Dropdown p="sm">
        <Stack gap="xs">
          {(onSearch || options.length > SEARCH_FROM) && (
            <TextInput
              size="xs"
              aria-label={t("common.actions.search")}
              placeholder={t("common.actions.search")}
              value={query}
              onChange={(event) => {
                setQuery(event.currentTarget.value);
                onSearch?.(event.currentTarget.value);
              }}
            />
          )}
          <ScrollArea.Autosize mah={320}>
            <Stack gap={8} component="fieldset" bd={0} p={2} m={0} aria-labelledby={id}>
              <legend id={id} className="sr-only">
                {label}
              </legend>
              {shown.map((option) => (
                <Checkbox
                  key={option.value}
                  size="xs"
                  checked={value.includes(option.value)}
                  onChange={() => toggle(option.value)}
                  label={<OptionLabel option={option} />}
                />
              ))}
            </Stack>
          </ScrollArea.Autosize>
          {value.length > 0 && (
            <Button size="compact-xs" variant="subtle" onClick={() => onChange(undefined)}>
              {t("common.actions.clear")}
            </Button>
          )}
        </Stack>
      </Popover.Dropdown>
    </Popover>
  );
}

function OptionLabel<Choice extends string>({ option }: { option: Option<Choice> }): ReactNode {
  return (
    <span style={{ display: "flex", justifyContent: "space-between", gap: 24 }}>
      <span translate={option.isData ? "no" : undefined}>{option.label}</span>
      {option.count !== undefined && (
        <span className="tabular" translate="no" style={{ color: "var(--mantine-color-dimmed)" }}>
          {option.count}
        </span>
      )}
    </span>
  );
}

interface FilterButtonProps extends React.ComponentPropsWithRef<"button"> {
  label: string;
  /** How many values are chosen. */
  count: number;
}

/** The button of a filter; says how many values it holds. */
export function FilterButton({ label, count, ...rest }: FilterButtonProps) {
  return (
    <Button
      {...rest}
      variant="default"
      fw={500}
      rightSection={
        count > 0 ? (
          <Badge size="sm" circle translate="no">
            {count}
          </Badge>
        ) : (
          <IconChevronDown size={14} aria-hidden />
        )
      }
    >
      {label}
    </Button>
  );
}
