import { Group, NumberInput, Popover, Select, Stack, TagsInput, TextInput } from "@mantine/core";
import { DateInput } from "@mantine/dates";
import "@mantine/dates/styles.css";
import { useDebouncedCallback } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { fileCountsQuery } from "@/api/files";
import { FileOrder, FileStatus } from "@/api/models";
import { ChecklistFilter, FilterButton } from "@/components/ChecklistFilter";
import { FilterBar, FilterChip, SearchFilter, useSpan } from "@/components/filters";
import { formatCount } from "@/components/format";
import { InstrumentsFilter } from "@/components/InstrumentChoice";
import { useSetSearch } from "@/components/useSetSearch";
import { type MetaFilter, metaOf, partsOf } from "./metaFilter";

const BYTES_A_MEGABYTE = 1e6;
/** A list or calendar that is drawn elsewhere would be outside of this one, and close it. */
const INSIDE = { withinPortal: false };
const TYPING_PAUSE_MILLISECONDS = 400;

/** The filters of the list and how to change them; they live in the address. */
export function useFileSearch() {
  const search = useSearch({ from: "/app/files" });
  const set = useSetSearch<typeof search>("/files");
  return { search, set };
}

export function FileFilters() {
  const { t } = useTranslation();
  const { search, set } = useFileSearch();
  const { sort: _, ...filters } = search;
  const { data: counts } = useQuery(fileCountsQuery(filters));
  return (
    <FilterBar label={t("files.filter.label")}>
      <SearchFilter
        label={t("files.filter.search")}
        value={search.search}
        onChange={(value) => set({ search: value })}
      />
      <InstrumentsFilter
        label={t("files.filter.instrument")}
        value={search.instrument}
        onChange={(instrument) => set({ instrument })}
      />
      <ChecklistFilter
        label={t("files.filter.status")}
        value={search.state}
        onChange={(state) => set({ state })}
        options={Object.values(FileStatus).map((value) => ({
          value,
          label: t(`status.${value}.name`),
          count: counts && formatCount(counts.statuses[value]),
        }))}
      />
      <MoreFilters />
      <SetByLinks />
    </FilterBar>
  );
}

/** Filters that only links set: what a number counts, in words. */
function SetByLinks() {
  const { t } = useTranslation();
  const { search, set } = useFileSearch();
  const spanOf = useSpan();
  const { complete_after, complete_before, first_seen_after, first_seen_before } = search;
  return (
    <>
      <FilterChip onRemove={() => set({ complete_after: undefined, complete_before: undefined })}>
        {spanOf(t("files.filter.complete"), complete_after, complete_before)}
      </FilterChip>
      <FilterChip
        onRemove={() => set({ first_seen_after: undefined, first_seen_before: undefined })}
      >
        {spanOf(t("files.columns.first_seen"), first_seen_after, first_seen_before)}
      </FilterChip>
      <FilterChip onRemove={() => set({ reason: undefined })}>
        {search.reason && t("files.filter.reason", { code: search.reason })}
      </FilterChip>
      <FilterChip onRemove={() => set({ q: undefined })}>
        {search.q && t("files.filter.path", { path: search.q })}
      </FilterChip>
      <FilterChip onRemove={() => set({ present: undefined })}>
        {search.present === undefined
          ? undefined
          : t(search.present ? "files.filter.present" : "files.filter.absent")}
      </FilterChip>
    </>
  );
}

function MoreFilters() {
  const { t } = useTranslation();
  const { search, set } = useFileSearch();
  const { type, tag, meta, modified_after, modified_before, size_min, size_max } = search;
  const inUse = [type, tag, meta, modified_after, modified_before, size_min, size_max];
  return (
    <Popover position="bottom-start" withinPortal trapFocus shadow="md" width={340}>
      <Popover.Target>
        <FilterButton
          label={t("files.filter.more")}
          count={inUse.filter((one) => one !== undefined).length}
        />
      </Popover.Target>
      <Popover.Dropdown>
        <Stack>
          <TagsInput
            label={t("files.filter.type")}
            description={t("files.filter.type_hint")}
            value={type ?? []}
            onChange={(values) => set({ type: values.length > 0 ? values.map(ending) : undefined })}
          />
          <SaidFilter />
          <ChangedFilter />
          <Group grow>
            <SizeFilter
              label={t("files.filter.size_min")}
              value={size_min}
              onChange={(value) => set({ size_min: value })}
            />
            <SizeFilter
              label={t("files.filter.size_max")}
              value={size_max}
              onChange={(value) => set({ size_max: value })}
            />
          </Group>
          <Select
            label={t("files.filter.sort")}
            data={Object.values(FileOrder).map((value) => ({
              value,
              label: t(`files.sort.${value}`),
            }))}
            value={search.sort ?? FileOrder["-first_seen"]}
            allowDeselect={false}
            comboboxProps={INSIDE}
            onChange={(value) => set({ sort: (value as FileOrder | null) ?? undefined })}
          />
        </Stack>
      </Popover.Dropdown>
    </Popover>
  );
}

/** By a tag, and by a metadata field of one plain value; both as hooks and people said them. */
function SaidFilter() {
  const { t } = useTranslation();
  const { search, set } = useFileSearch();
  const [tag, setTag] = useState(search.tag ?? "");
  const [meta, setMeta] = useState(partsOf(search.meta));
  const settleTag = useDebouncedCallback(
    (next: string) => set({ tag: next.trim() || undefined }),
    TYPING_PAUSE_MILLISECONDS,
  );
  const settleMeta = useDebouncedCallback(
    (next: MetaFilter) => set({ meta: metaOf(next) }),
    TYPING_PAUSE_MILLISECONDS,
  );
  const changeMeta = (change: Partial<MetaFilter>) => {
    const next = { ...meta, ...change };
    setMeta(next);
    settleMeta(next);
  };
  return (
    <>
      <TextInput
        label={t("files.filter.tag")}
        value={tag}
        maxLength={200}
        onChange={({ currentTarget }) => {
          setTag(currentTarget.value);
          settleTag(currentTarget.value);
        }}
      />
      <Group grow align="flex-end">
        <TextInput
          label={t("files.filter.meta_name")}
          value={meta.name}
          maxLength={64}
          spellCheck={false}
          onChange={({ currentTarget }) => changeMeta({ name: currentTarget.value })}
        />
        <TextInput
          label={t("files.filter.meta_value")}
          value={meta.value}
          maxLength={200}
          onChange={({ currentTarget }) => changeMeta({ value: currentTarget.value })}
        />
      </Group>
    </>
  );
}

/** "*.TIF" and ".tif" mean "tif". */
function ending(typed: string): string {
  return typed.toLowerCase().replace(/[^a-z0-9]/g, "");
}

function ChangedFilter() {
  const { t } = useTranslation();
  const { search, set } = useFileSearch();
  // A day as the person's clock counts it.
  const dayOf = (at: string | undefined) => (at ? new Date(at) : null);
  const startOf = (day: string | null) =>
    day ? new Date(`${day.slice(0, 10)}T00:00:00`).toISOString() : undefined;
  const endOf = (day: string | null) =>
    day ? new Date(`${day.slice(0, 10)}T23:59:59.999`).toISOString() : undefined;
  return (
    <Group grow>
      <DateInput
        label={t("files.filter.changed_after")}
        value={dayOf(search.modified_after)}
        onChange={(day) => set({ modified_after: startOf(day) })}
        clearable
        popoverProps={INSIDE}
      />
      <DateInput
        label={t("files.filter.changed_before")}
        value={dayOf(search.modified_before)}
        onChange={(day) => set({ modified_before: endOf(day) })}
        clearable
        popoverProps={INSIDE}
      />
    </Group>
  );
}

interface SizeFilterProps {
  label: string;
  value: number | undefined;
  onChange: (bytes: number | undefined) => void;
}

/** Takes effect when the typing rests: "0." is on its way to "0.5". */
function SizeFilter({ label, value, onChange }: SizeFilterProps) {
  const [typed, setTyped] = useState<number | string>(
    value === undefined ? "" : value / BYTES_A_MEGABYTE,
  );
  const settle = useDebouncedCallback((next: number | string) => {
    const megabytes = next === "" ? Number.NaN : Number(next);
    onChange(Number.isNaN(megabytes) ? undefined : Math.round(megabytes * BYTES_A_MEGABYTE));
  }, TYPING_PAUSE_MILLISECONDS);
  return (
    <NumberInput
      label={label}
      suffix=" MB"
      min={0}
      decimalScale={3}
      value={typed}
      onChange={(next) => {
        setTyped(next);
        settle(next);
      }}
    />
  );
}
