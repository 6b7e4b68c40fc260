import { fireEvent, screen } from "@testing-library/react";
import { describe, expect, it, vi } from "vitest";
import { PlaceRules } from "@/pages/storage/PlaceRules";
import { rendered, understood } from "@/pages/storage/template";
import { show } from "./show";

const FILE = { path: "a/run_1/grid.007.dm4", modified_at: "2027-01-01T05:06:07Z" };

function made(template: string, path = FILE.path): string {
  const found = understood(template);
  return "parts" in found ? rendered(found.parts, "tem-2", { ...FILE, path }) : found.wrong;
}

describe("a template of paths", () => {
  it.each([
    ["{instrument}/{path}", "tem-2/a/run_1/grid.007.dm4"],
    ["{acquired:%Y/%m/%d}/{name}", "2027/01/01/grid.007.dm4"],
    ["{acquired:%G-%V %j %H%M%S %y}/{stem}.{suffix}", "2026-53 001 050607 27/grid.007.dm4"],
    ["{{{folder}}}/{name}", "{a/run_1}/grid.007.dm4"],
  ])("makes of %s what the server makes", (template, path) => {
    expect(made(template)).toBe(path);
  });

  it("leaves out what is empty", () => {
    expect(made("{folder}/x{suffix}/{name}", ".hidden")).toBe("x/.hidden");
  });

  it.each([
    ["{secret}/{path}", "field"],
    ["{path", "braces"],
    ["{path!r}", "field"],
    ["{path:x}", "no_format"],
    ["{acquired}/{path}", "format"],
    ["{acquired:%Z}/{path}", "format"],
    ["{folder}", "same_name"],
    ["/{path}", "literal"],
    ["../{path}", "literal"],
    ["a//{path}", "literal"],
    ["", "same_name"],
  ])("says what is wrong with %s", (template, wrong) => {
    expect(made(template)).toBe(wrong);
  });
});

describe("the rules of a place", () => {
  it("show what a template makes of real files, and what the server says at its field", async () => {
    const change = vi.fn();
    show(
      <PlaceRules
        name="Archive"
        rules={{ required: true, template: "{acquired:%Y}/{name}" }}
        onChange={change}
        slug="tem-2"
        samples={[FILE]}
        error="It makes nothing."
      />,
    );
    expect(await screen.findByText("2027/grid.007.dm4")).toBeTruthy();
    const field = screen.getByRole("textbox", { name: "Destination template" });
    expect(field.getAttribute("aria-invalid")).toBe("true");
    expect(screen.getByText("It makes nothing.")).toBeTruthy();
    fireEvent.click(screen.getByRole("switch", { name: /^Required/ }));
    expect(change).toHaveBeenCalledWith({ required: false, template: "{acquired:%Y}/{name}" });
  });
});
