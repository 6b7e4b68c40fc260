import type { RJSFSchema } from "@rjsf/utils";

type Part = RJSFSchema | boolean | undefined;

/**
 * The same schema as people like to fill it in: what may be null is a field that may stay empty,
 * and names of fields are words.
 */
export function friendly(schema: RJSFSchema): RJSFSchema {
  const { anyOf, default: preset, ...rest } = schema;
  const choices = anyOf?.filter((one) => typeof one === "object" && one.type !== "null");
  if (anyOf && choices?.length === 1 && anyOf.length === 2) {
    const kept = preset === null || preset === undefined ? {} : { default: preset };
    return friendly({ ...(choices[0] as RJSFSchema), ...rest, ...kept });
  }
  const changed: RJSFSchema = { ...rest };
  if (preset !== undefined && preset !== null) changed.default = preset;
  if (anyOf) changed.anyOf = anyOf.map(part) as RJSFSchema["anyOf"];
  if (schema.title) changed.title = words(schema.title);
  if (schema.items && !Array.isArray(schema.items)) changed.items = part(schema.items) as never;
  if (typeof schema.additionalProperties === "object")
    changed.additionalProperties = part(schema.additionalProperties) as never;
  for (const key of ["properties", "$defs"] as const) {
    const parts = schema[key];
    if (parts)
      changed[key] = Object.fromEntries(
        Object.entries(parts).map(([name, one]) => [name, part(one as Part)]),
      ) as never;
  }
  return changed;
}

function part(value: Part): Part {
  return typeof value === "object" ? friendly(value) : value;
}

/** pydantic writes "Min Size Bytes"; a label is "Min size bytes". */
function words(title: string): string {
  return title.replace(/(?<=\s)([A-Z])(?=[a-z])/g, (letter) => letter.toLowerCase());
}

/** Fields that were left empty are not sent. */
export function withoutEmpty(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutEmpty);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, one]) => one !== undefined && one !== null && one !== "")
      .map(([name, one]) => [name, withoutEmpty(one)]),
  );
}
