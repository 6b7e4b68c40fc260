/** What a template of destination paths may use of a file; the server checks it again. */
export const TEMPLATE_FIELDS = [
  "instrument",
  "path",
  "folder",
  "name",
  "stem",
  "suffix",
  "acquired",
] as const;
type Field = (typeof TEMPLATE_FIELDS)[number];

export interface Sample {
  path: string;
  modified_at: string | null;
}

type Part = { literal: string } | { field: Field; format: string };
export type Wrong =
  | "braces"
  | "field"
  | "format"
  | "no_format"
  | "same_name"
  | "literal"
  | "length";
export type Understood = { parts: Part[] } | { wrong: Wrong };

const MOST_CHARACTERS = 400;
const PIECE = /\{\{|\}\}|\{([^{}]*)\}|[{}]|[^{}]+/g;
const TIME = /^(?:%[YmdHMSjGVy]|[-_./ T])+$/;
const WHICH_FILE: readonly string[] = ["path", "name", "stem"];

const isField = (name: string): name is Field =>
  (TEMPLATE_FIELDS as readonly string[]).includes(name);

/** Understands a template, or says what is wrong with it. */
export function understood(text: string): Understood {
  if (text.length > MOST_CHARACTERS) return { wrong: "length" };
  const parts: Part[] = [];
  for (const [piece, inner] of text.matchAll(PIECE)) {
    if (piece === "{" || piece === "}") return { wrong: "braces" };
    if (inner === undefined) {
      parts.push({ literal: piece === "{{" || piece === "}}" ? piece.slice(1) : piece });
      continue;
    }
    const colon = inner.indexOf(":");
    const field = colon < 0 ? inner : inner.slice(0, colon);
    const format = colon < 0 ? "" : inner.slice(colon + 1);
    if (!isField(field)) return { wrong: "field" };
    if (field === "acquired" ? !TIME.test(format) : format !== "") {
      return { wrong: field === "acquired" ? "format" : "no_format" };
    }
    parts.push({ field, format });
  }
  if (!parts.some((part) => "field" in part && WHICH_FILE.includes(part.field))) {
    return { wrong: "same_name" };
  }
  const literal = parts.map((part) => ("literal" in part ? part.literal : "x")).join("");
  const isUnsafe = (segment: string) =>
    segment === "" || segment.startsWith(".") || segment.includes("\\") || segment.includes("\0");
  if (literal.split("/").some(isUnsafe)) return { wrong: "literal" };
  return { parts };
}

/** Where a file would go, below the root of the storage. */
export function rendered(parts: Part[], instrument: string, file: Sample): string {
  const slash = file.path.lastIndexOf("/");
  const name = file.path.slice(slash + 1);
  const dot = name.lastIndexOf(".");
  // A name that begins with its only dot has no suffix.
  const [stem, suffix] = dot > 0 ? [name.slice(0, dot), name.slice(dot + 1)] : [name, ""];
  const values: Record<Exclude<Field, "acquired">, string> = {
    instrument,
    path: file.path,
    folder: slash < 0 ? "" : file.path.slice(0, slash),
    name,
    stem,
    suffix,
  };
  const at = new Date(file.modified_at ?? 0);
  return parts
    .map((part) => {
      if ("literal" in part) return part.literal;
      return part.field === "acquired" ? inUtc(at, part.format) : values[part.field];
    })
    .join("")
    .split("/")
    .filter(Boolean)
    .join("/");
}

const DAY_MILLISECONDS = 86_400_000;
const padded = (value: number, digits: number) => String(value).padStart(digits, "0");

/** The moment in UTC by the formats that templates know. */
function inUtc(at: Date, format: string): string {
  const year = at.getUTCFullYear();
  const day = Math.floor(
    (Date.UTC(year, at.getUTCMonth(), at.getUTCDate()) - Date.UTC(year, 0)) / DAY_MILLISECONDS,
  );
  // The week of ISO 8601 belongs to the year of its Thursday.
  const thursday = new Date(at);
  thursday.setUTCDate(at.getUTCDate() + 4 - (at.getUTCDay() || 7));
  const weekYear = thursday.getUTCFullYear();
  const week = Math.floor((thursday.getTime() - Date.UTC(weekYear, 0)) / DAY_MILLISECONDS / 7) + 1;
  const values: Record<string, string> = {
    Y: padded(year, 4),
    y: padded(year % 100, 2),
    m: padded(at.getUTCMonth() + 1, 2),
    d: padded(at.getUTCDate(), 2),
    H: padded(at.getUTCHours(), 2),
    M: padded(at.getUTCMinutes(), 2),
    S: padded(at.getUTCSeconds(), 2),
    j: padded(day + 1, 3),
    G: padded(weekYear, 4),
    V: padded(week, 2),
  };
  return format.replace(/%(.)/g, (whole, letter: string) => values[letter] ?? whole);
}
