import { formatLocale } from "@/i18n";

/** Making a formatter costs a hundred times what it does: each is made once. */
function kept<Options, Format>(make: (locale: string, options?: Options) => Format) {
  const made = new Map<string, Format>();
  return (locale: string, options?: Options): Format => {
    const key = `${locale} ${JSON.stringify(options)}`;
    const format = made.get(key) ?? make(locale, options);
    made.set(key, format);
    return format;
  };
}

const numbers = kept((locale, options?: Intl.NumberFormatOptions) => {
  return new Intl.NumberFormat(locale, options);
});
const distances = kept((locale, options?: Intl.RelativeTimeFormatOptions) => {
  return new Intl.RelativeTimeFormat(locale, options);
});
const moments = kept((locale, options?: Intl.DateTimeFormatOptions) => {
  return new Intl.DateTimeFormat(locale, options);
});

const STEP = 1000;
const UNITS = ["B", "kB", "MB", "GB", "TB", "PB", "EB"] as const;
const SIGNIFICANT = 3;

/** Bytes in SI units (1 kB = 1000 B), three significant digits: "1.21 MB". */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  // 999.5 and more would be shown as 1000 of the smaller unit.
  while (Math.abs(value) >= STEP - 0.5 && unit < UNITS.length - 1) {
    value /= STEP;
    unit += 1;
  }
  const digits =
    unit === 0 ? { maximumFractionDigits: 0 } : { maximumSignificantDigits: SIGNIFICANT };
  return `${numbers(formatLocale(), digits).format(value)} ${UNITS[unit]}`;
}

/** The exact number of bytes, for tooltips. */
export function formatExactBytes(bytes: number): string {
  return `${formatNumber(bytes)} B`;
}

export function formatNumber(value: number): string {
  return numbers(formatLocale()).format(value);
}

/** "10,000+" where counting stopped. */
export function formatCount(count: { count: number; more: boolean } | undefined): string {
  if (count === undefined) return formatNumber(0);
  return count.more ? `${formatNumber(count.count)}+` : formatNumber(count.count);
}

export function formatPercent(part: number): string {
  return numbers(formatLocale(), { style: "percent" }).format(part);
}

const MINUTE = 60;
const HOUR = 3600;
const DAY = 86_400;

/** How long ago (negative) or ahead a moment is, in its biggest sensible unit. */
export function formatRelative(seconds: number): string {
  const format = distances(formatLocale(), { numeric: "auto" });
  const distance = Math.abs(seconds);
  if (distance < MINUTE) return format.format(Math.round(seconds), "second");
  if (distance < HOUR) return format.format(Math.round(seconds / MINUTE), "minute");
  if (distance < 2 * DAY) return format.format(Math.round(seconds / HOUR), "hour");
  if (distance < 60 * DAY) return format.format(Math.round(seconds / DAY), "day");
  if (distance < 700 * DAY) return format.format(Math.round(seconds / (30.44 * DAY)), "month");
  return format.format(Math.round(seconds / (365.25 * DAY)), "year");
}

/** A duration in at most two units: "2 h 5 min". */
export function formatDuration(seconds: number): string {
  if (seconds > 0 && seconds < 1) return formatUnit(Math.round(seconds * 1000), "millisecond");
  const parts = splitDuration(Math.round(seconds));
  return parts.map(([value, unit]) => formatUnit(value, unit)).join(" ");
}

function formatUnit(value: number, unit: string): string {
  const options = { style: "unit", unit, unitDisplay: "short" } as const;
  return numbers(formatLocale(), options).format(value);
}

function splitDuration(seconds: number): [number, string][] {
  if (seconds < MINUTE) return [[seconds, "second"]];
  const units: [number, string][] = [
    [Math.floor(seconds / DAY), "day"],
    [Math.floor((seconds % DAY) / HOUR), "hour"],
    [Math.floor((seconds % HOUR) / MINUTE), "minute"],
    [seconds % MINUTE, "second"],
  ];
  const first = units.findIndex(([value]) => value > 0);
  return units.slice(first, first + 2).filter(([value]) => value > 0);
}

/** The person's own region where it speaks the page's language: days and months in its order. */
function timeLocale(): string {
  const locale = formatLocale();
  return navigator.languages.find((one) => one.split("-")[0] === locale) ?? locale;
}

/** Date and time to the second with the zone's name, for tooltips and evidence. */
export function formatExact(at: Date): string {
  return moments(timeLocale(), {
    dateStyle: "medium",
    timeStyle: "long",
    hourCycle: "h23",
  }).format(at);
}

/** Date and time to the minute, for columns where the distance says too little. */
export function formatShort(at: Date): string {
  return moments(timeLocale(), {
    dateStyle: "medium",
    timeStyle: "short",
    hourCycle: "h23",
  }).format(at);
}
