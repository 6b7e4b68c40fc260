import { AxiosError, AxiosHeaders, type AxiosResponse } from "axios";
import i18next from "i18next";
import { describe, expect, it } from "vitest";
import { problemOf } from "@/api/problem";
import { fieldErrors, problemTexts } from "@/components/problems";

function refused(status: number, data: unknown): AxiosError {
  const response = { status, data, statusText: "", headers: {}, config: {} } as AxiosResponse;
  return new AxiosError("", "ERR_BAD_REQUEST", { headers: new AxiosHeaders() }, null, response);
}

describe("what the server refuses", () => {
  const body = {
    code: "name_taken",
    title: "The name is taken.",
    detail: "There is a storage location 'archive'.",
    remedy: "Choose another name.",
    status: 409,
    request_id: "r1",
    errors: [{ pointer: "/storage/0/name", detail: "taken" }],
  };

  it("keeps its cause, remedy and code", () => {
    const problem = problemOf(refused(409, body));
    expect(problemTexts(problem, i18next.t)).toMatchObject({
      code: "name_taken",
      detail: "There is a storage location 'archive'.",
      remedy: "Choose another name.",
    });
    expect(problem.isTransient).toBe(false);
  });

  it("shows field errors where the form has the field", () => {
    expect(fieldErrors(problemOf(refused(409, body)))).toEqual({ "storage.0.name": "taken" });
  });

  it("has a remedy also when a proxy answers in the server's place", () => {
    const problem = problemOf(refused(502, "<html>Bad Gateway</html>"));
    const texts = problemTexts(problem, i18next.t);
    expect(texts.detail).toContain("502");
    expect(texts.remedy).not.toBe("");
    expect(problem.isTransient).toBe(true);
  });
});

describe("what happens in the browser", () => {
  it("tells a lost network from a slow server", () => {
    expect(problemOf(new AxiosError("", "ERR_NETWORK")).code).toBe("page_server_unreachable");
    expect(problemOf(new AxiosError("", "ECONNABORTED")).code).toBe("page_server_slow");
  });

  it("shows a mistake of the page with its words", () => {
    expect(problemTexts(new Error("x is undefined"), i18next.t).detail).toContain("x is undefined");
  });
});
