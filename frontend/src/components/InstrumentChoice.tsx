import { Select, type SelectProps } from "@mantine/core";
import { useState } from "react";
import { ChecklistFilter } from "./ChecklistFilter";
import { useInstrumentName, useInstrumentNames, useInstruments } from "./useInstruments";

/** An instrument by its name, wherever its id stands. */
export function InstrumentName({ id }: { id: string }) {
  return <span translate="no">{useInstrumentName(id) ?? id}</span>;
}

/** One of the instruments that the person may see, however many there are. */
export function InstrumentSelect(props: Omit<SelectProps, "data">) {
  const [typed, setTyped] = useState("");
  const { items, isPart } = useInstruments(typed);
  const chosen = typeof props.value === "string" && props.value !== "" ? props.value : null;
  const name = useInstrumentName(chosen);
  const data = items.map((one) => ({ value: one.id, label: one.name }));
  if (chosen && name && !items.some((one) => one.id === chosen)) {
    data.unshift({ value: chosen, label: name });
  }
  return (
    <Select
      data={data}
      searchable
      onSearchChange={setTyped}
      // What the server found is not narrowed once more: it looks at short names, too.
      {...(isPart && { filter: ({ options }) => options })}
      {...props}
    />
  );
}

interface InstrumentsFilterProps {
  label: string;
  value: string[] | undefined;
  onChange: (value: string[] | undefined) => void;
}

/** Any of the instruments that the person may see. */
export function InstrumentsFilter({ label, value, onChange }: InstrumentsFilterProps) {
  const [typed, setTyped] = useState("");
  const { items, isPart } = useInstruments(typed);
  const nameOf = useInstrumentNames(value ?? []);
  const shown = new Set(items.map((one) => one.id));
  const chosen = (value ?? []).filter((id) => !shown.has(id));
  return (
    <ChecklistFilter
      label={label}
      value={value}
      onChange={onChange}
      onSearch={isPart ? setTyped : undefined}
      options={[
        ...chosen.map((id) => ({ value: id, label: nameOf(id) ?? id, isData: true })),
        ...items.map((one) => ({ value: one.id, label: one.name, isData: true })),
      ]}
    />
  );
}
