import type { AxiosError } from "axios";

/** What the server says about one field; `pointer` is a JSON pointer into the request. */
export interface FieldProblem {
  detail: string;
  pointer: string;
}

interface ProblemBody {
  code: string;
  title: string;
  detail: string;
  remedy: string;
  status: number;
  request_id: string;
  errors?: FieldProblem[] | null;
}

/** An error as people see it: cause, remedy, code (RFC 9457 with StreamWeave's catalogue). */
export class Problem extends Error {
  readonly code: string;
  readonly title: string;
  readonly detail: string;
  /** Empty for errors that arise in the browser: their remedy is a translated text. */
  readonly remedy: string;
  readonly status: number;
  readonly requestId: string;
  readonly fields: FieldProblem[];

  constructor(body: ProblemBody) {
    super(body.detail);
    this.name = "Problem";
    this.code = body.code;
    this.title = body.title;
    this.detail = body.detail;
    this.remedy = body.remedy;
    this.status = body.status;
    this.requestId = body.request_id;
    this.fields = body.errors ?? [];
  }

  /** Whether asking again may help without a person's doing. */
  get isTransient(): boolean {
    return this.status === 0 || this.status >= 500 || this.status === 429;
  }
}

function isProblemBody(body: unknown): body is ProblemBody {
  return typeof body === "object" && body !== null && "code" in body && "remedy" in body;
}

function local(code: string, status: number): Problem {
  return new Problem({ code, title: "", detail: "", remedy: "", status, request_id: "" });
}

/** Translate what axios throws; nothing but a `Problem` leaves src/api. */
export function problemOf(error: AxiosError): Problem {
  if (error.code === "ERR_CANCELED") return local("page_cancelled", 0);
  if (!error.response) {
    const slow = error.code === "ECONNABORTED" || error.code === "ETIMEDOUT";
    return local(slow ? "page_server_slow" : "page_server_unreachable", 0);
  }
  if (isProblemBody(error.response.data)) return new Problem(error.response.data);
  return local("page_answer_unreadable", error.response.status);
}
