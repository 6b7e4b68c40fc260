import { fireEvent, screen, waitFor } from "@testing-library/react";
import { useState } from "react";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { Problem } from "@/api/problem";
import { DataTable } from "@/components/DataTable";
import { SearchFilter } from "@/components/filters";
import type { RowSource } from "@/components/table";
import { show } from "./show";

interface Row {
  id: string;
}

const COLUMNS = [{ id: "name", header: "Name", cell: (row: Row) => row.id }];

function table(source: Partial<RowSource<Row>>) {
  return (
    <DataTable
      name="test"
      label="Things"
      columns={COLUMNS}
      source={{ rows: [], isPending: false, error: null, refetch: () => undefined, ...source }}
      rowKey={(row) => row.id}
      empty={{ title: "There is nothing" }}
    />
  );
}

const BROKEN = new Problem({
  code: "internal",
  title: "It broke",
  detail: "It broke",
  remedy: "Try again.",
  status: 500,
  request_id: "r1",
});

describe("a table of an endless list", () => {
  const fetchNextPage = vi.fn();
  beforeEach(() => fetchNextPage.mockClear());

  it("goes on after an empty page, and does not say that nothing is there", async () => {
    show(table({ hasNextPage: true, fetchNextPage }));
    await waitFor(() => expect(fetchNextPage).toHaveBeenCalledOnce());
    expect(screen.queryByText("There is nothing")).toBeNull();
    expect(screen.getByRole("table").getAttribute("aria-busy")).toBe("true");
  });

  it("says that nothing is there when the last page was empty", async () => {
    show(table({ hasNextPage: false, fetchNextPage }));
    expect(await screen.findByText("There is nothing")).toBeTruthy();
  });

  it("asks no more after an error until a person tries again", async () => {
    const refetch = vi.fn();
    const rows = [{ id: "one" }];
    show(table({ rows, hasNextPage: true, fetchNextPage, error: BROKEN, refetch }));
    fireEvent.click(await screen.findByRole("button", { name: /again/i }));
    expect(refetch).toHaveBeenCalledOnce();
    expect(fetchNextPage).not.toHaveBeenCalled();
  });
});

function Follower() {
  const [value, setValue] = useState<string | undefined>();
  return (
    <>
      <SearchFilter label="Search" value={value} onChange={setValue} />
      <button type="button" onClick={() => setValue("other")}>
        elsewhere
      </button>
    </>
  );
}

describe("a text filter", () => {
  it("keeps the space that was typed last, and follows the address", async () => {
    show(<Follower />);
    const field = (await screen.findByLabelText("Search")) as HTMLInputElement;
    fireEvent.change(field, { target: { value: "gold " } });
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(field.value).toBe("gold ");
    fireEvent.click(screen.getByText("elsewhere"));
    await waitFor(() => expect(field.value).toBe("other"));
  });
});
