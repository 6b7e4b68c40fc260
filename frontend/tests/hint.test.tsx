import { fireEvent, screen, waitFor } from "@testing-library/react";
import { describe, expect, it } from "vitest";
import { Hint } from "@/components/Hint";
import { show } from "./show";

describe("a hint", () => {
  it("leaves what it explains where it is: a click on its way is not lost", async () => {
    show(
      <Hint label="all of it">
        <span>short</span>
      </Hint>,
    );
    const before = await screen.findByText("short");
    fireEvent.pointerEnter(before);
    fireEvent.mouseMove(before);
    await waitFor(() => expect(screen.getByText("all of it")).toBeTruthy());
    expect(screen.getByText("short")).toBe(before);
  });
});
