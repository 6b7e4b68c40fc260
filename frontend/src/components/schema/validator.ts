import { type Schema, Validator } from "@cfworker/json-schema";
import {
  type RJSFSchema,
  type RJSFValidationError,
  toErrorSchema,
  type ValidatorType,
} from "@rjsf/utils";

/** What the library says of a part that only failed because of its parts is no news. */
const OF_PARTS = new Set(["properties", "items", "$ref", "additionalProperties", "anyOf", "oneOf"]);

function found(schema: RJSFSchema, data: unknown) {
  // Interpreted, never compiled: the page's policy allows no code that is made from text.
  return new Validator(schema as Schema, "2020-12", false).validate(data ?? {});
}

function propertyOf(location: string): string {
  return location
    .replace(/^#\/?/, "")
    .split("/")
    .filter(Boolean)
    .map((part) => `.${decodeURIComponent(part)}`)
    .join("");
}

function errorsOf(schema: RJSFSchema, data: unknown): RJSFValidationError[] {
  return found(schema, data)
    .errors.filter((error) => !OF_PARTS.has(error.keyword))
    .map((error) => {
      // A missing property is told of the whole; it belongs beside its field.
      const missing = error.keyword === "required" ? /"([^"]+)"/.exec(error.error)?.[1] : undefined;
      const property = propertyOf(error.instanceLocation) + (missing ? `.${missing}` : "");
      return { name: error.keyword, property, message: error.error, stack: error.error };
    });
}

/** Checks configurations in the browser as one types; the server checks again when it is saved. */
export const validator: ValidatorType = {
  validateFormData(data, schema, _own, transform) {
    const found = errorsOf(schema, data);
    const errors = transform ? transform(found) : found;
    return { errors, errorSchema: toErrorSchema(errors) };
  },
  isValid(schema, data, root) {
    return found({ $defs: root.$defs, ...schema }, data).valid;
  },
  rawValidation(schema, data) {
    return { errors: errorsOf(schema, data) as never[] };
  },
};
