import { CloseButton, Group, Select, type SelectProps, TextInput } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { IconSearch } from "@tabler/icons-react";
import { type ReactNode, useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { useInstruments } from "./useInstruments";

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
      w={{ base: "calc(50% - 5px)", sm: 180 }}
      comboboxProps={{ width: "max-content", position: "bottom-start" }}
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
  const { instruments } = useInstruments();
  return (
    <ChoiceFilter
      label={label}
      value={value}
      onChange={onChange}
      searchable
      choices={instruments.map((one) => ({ value: one.id, label: one.name }))}
    />
  );
}
