import { useForm } from "@mantine/form";
import { screen } from "@testing-library/react";
import { describe, expect, it } from "vitest";
import type { Protocol } from "@/api/models";
import { AccountFields } from "@/pages/wizard/AccountFields";
import type { SourceForm } from "@/pages/wizard/SourceStep";
import { show } from "./show";

function Fields({ protocol }: { protocol: Protocol }) {
  const typed = { protocol, account: "new", username: "", secret: "", secret_kind: "password" };
  return <AccountFields form={useForm({ initialValues: typed }) as unknown as SourceForm} />;
}

describe("a new account", () => {
  it("is a person's for servers", async () => {
    show(<Fields protocol="smb" />);
    expect(await screen.findByLabelText(/User name/)).toBeTruthy();
    expect(screen.queryByLabelText(/Client id/)).toBeNull();
  });

  it("is a program's for Globus", async () => {
    show(<Fields protocol="globus" />);
    expect(await screen.findByLabelText(/Client id/)).toBeTruthy();
    expect(screen.getByLabelText(/Client secret/)).toBeTruthy();
    expect(screen.queryByLabelText(/User name/)).toBeNull();
  });
});
