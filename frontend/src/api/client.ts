import axios, { AxiosError, type AxiosRequestConfig } from "axios";
import { Problem as ApiError, problemOf } from "./problem";

const CSRF_COOKIE = "streamweave_csrf";
const CSRF_HEADER = "x-csrf-token";
const TIMEOUT_MILLISECONDS = 30_000;

/** Called when the server says that the session has ended; the session context listens. */
let onSignedOut: () => void = () => {};

export function listenForSignOut(listener: () => void): () => void {
  onSignedOut = listener;
  return () => {
    onSignedOut = () => {};
  };
}

export const http = axios.create({
  timeout: TIMEOUT_MILLISECONDS,
  withCredentials: true,
  xsrfCookieName: CSRF_COOKIE,
  xsrfHeaderName: CSRF_HEADER,
  paramsSerializer: { indexes: null }, // repeated parameters, as FastAPI reads them
});

http.interceptors.response.use(undefined, (error: unknown) => {
  const problem = error instanceof AxiosError ? problemOf(error) : error;
  if (problem instanceof ApiError && problem.code === "not_signed_in") onSignedOut();
  return Promise.reject(problem);
});

/** What every generated function calls: the answer's body, or a rejected `Problem`. */
export async function request<T>(
  config: AxiosRequestConfig,
  options?: AxiosRequestConfig,
): Promise<T> {
  const answer = await http.request<T>({ ...config, ...options });
  return withTag(answer.data, answer.headers.etag);
}

const TAG = Symbol("etag");

/** Edits need the revision that was read: it is kept beside the answer. */
function withTag<T>(data: T, etag: unknown): T {
  if (typeof etag === "string" && typeof data === "object" && data !== null) {
    Object.defineProperty(data, TAG, { value: etag, enumerable: false });
  }
  return data;
}

/** The ETag that an answer came with, for `If-Match`. */
export function tagOf(data: object): string {
  const tag = (data as { [TAG]?: string })[TAG];
  if (tag !== undefined) return tag;
  const { revision } = data as { revision?: number };
  if (revision !== undefined) return `"r${revision}"`;
  throw new Error("This answer came without an ETag.");
}

export type ErrorType<_Error> = ApiError;
export type BodyType<Body> = Body;
