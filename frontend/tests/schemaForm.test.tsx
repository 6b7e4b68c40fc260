import { MantineProvider } from "@mantine/core";
import { render, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { useState } from "react";
import { expect, test, vi } from "vitest";
import { friendly, withoutEmpty } from "@/components/schema/friendly";
import SchemaForm from "@/components/schema/SchemaForm";
import { validator } from "@/components/schema/validator";
import schemas from "./fixtures/hookSchemas.json";

const FILTER = schemas["file-filter"] as Record<string, unknown>;

interface HeldProps {
  schema: Record<string, unknown>;
  said: (value: Record<string, unknown>, isValid: boolean) => void;
}

function Held({ schema, said }: HeldProps) {
  const [value, setValue] = useState<Record<string, unknown>>({});
  return (
    <MantineProvider>
      <SchemaForm
        schema={schema}
        value={value}
        onChange={(next, isValid) => {
          said(next, isValid);
          setValue(next);
        }}
      />
    </MantineProvider>
  );
}

function show(schema: Record<string, unknown>) {
  const said = vi.fn();
  render(<Held schema={schema} said={said} />);
  return said;
}

test("what may be null is a field that may stay empty, not a choice of kinds", () => {
  const shown = friendly(FILTER);
  const rule = shown.$defs?.Rule as { properties: Record<string, Record<string, unknown>> };
  expect(rule.properties.regex).toMatchObject({ type: "string", maxLength: 1000, title: "Regex" });
  expect(rule.properties.min_size_bytes).toMatchObject({
    type: "integer",
    title: "Min size bytes",
  });
  expect(rule.properties.regex).not.toHaveProperty("default");
});

test("fields that were left empty are not sent", () => {
  expect(withoutEmpty({ a: "", b: null, c: [{ d: undefined, e: 0 }], f: false })).toEqual({
    c: [{ e: 0 }],
    f: false,
  });
});

test("a rule is added, filled in and told as the server wants it", async () => {
  const user = userEvent.setup();
  const said = show(FILTER);
  await user.click(screen.getByRole("button", { name: /add/i }));
  await user.type(await screen.findByRole("textbox", { name: /^Name/ }), "temporary");
  await waitFor(() => {
    const [value, isValid] = said.mock.lastCall ?? [];
    expect(value.rules).toHaveLength(1);
    expect(value.rules[0]).toMatchObject({ name: "temporary", action: "exclude" });
    expect(isValid).toBe(true);
  });
});

test("what does not fit is told beside its field", () => {
  const { errorSchema, errors } = validator.validateFormData(
    { rules: [{ name: "", min_size_bytes: -1 }], otherwise: "include" },
    friendly(FILTER),
  );
  expect(errors.length).toBeGreaterThan(0);
  const rule = (
    errorSchema as unknown as { rules: Record<string, Record<string, { __errors: string[] }>> }
  ).rules[0];
  expect(rule?.name?.__errors).toHaveLength(1);
  expect(rule?.min_size_bytes?.__errors).toHaveLength(1);
});

test("a missing field is told beside it", () => {
  const { errorSchema } = validator.validateFormData({ rules: [{}] }, friendly(FILTER));
  const rule = (errorSchema as unknown as { rules: Record<string, Record<string, unknown>> })
    .rules[0];
  expect(rule).toHaveProperty("name");
});
