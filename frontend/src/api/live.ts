import type { QueryKey } from "@tanstack/react-query";
import type { LiveEvent } from "./models";

export type LiveState = "connecting" | "connected" | "reconnecting";

interface LiveListener {
  onState: (state: LiveState) => void;
  /** Any word from the server. */
  onHeard: () => void;
  /** What the event made stale. */
  onStale: (keys: QueryKey[]) => void;
  /** Events were missed: everything is asked again. */
  onResync: () => void;
  /** The session has ended; nothing more comes. */
  onSignedOut: () => void;
}

const FIRST_PAUSE_MILLISECONDS = 1_000;
const LONGEST_PAUSE_MILLISECONDS = 15_000;
/** The server sends a heartbeat every 15 s; silence for longer means that nobody is there. */
const SILENCE_MILLISECONDS = 40_000;
/** What is asked while the page is drawn may be older than a connection that took longer. */
const PROMPT_MILLISECONDS = 1_000;
/** A browser has few connections to one server for all of its tabs: a hidden one gives its back. */
const HIDDEN_MILLISECONDS = 5_000;

/** Which queries each kind of event makes stale; a kind's room is what stands before its dot. */
const STALE: Record<string, QueryKey[]> = {
  breaker: [["instruments"], ["overview"], ["audit"]],
  copies: [["files"], ["transfers"], ["overview"], ["instruments"], ["audit"]],
  copy: [["files"], ["transfers"], ["overview"], ["instruments"], ["audit"]],
  files: [["files"], ["overview"], ["instruments"]],
  grant: [["instruments"], ["overview"], ["files"], ["audit"]],
  harvest: [["instruments"], ["runs"], ["audit"]],
  // Its name and its places stand on many pages.
  instrument: [
    ["instruments"],
    ["overview"],
    ["files"],
    ["transfers"],
    ["storage"],
    ["accounts"],
    ["hooks"],
    ["schedules"],
    ["audit"],
  ],
  run: [["runs"], ["overview"], ["instruments"], ["audit"]],
  scan: [["instruments"], ["overview"], ["files"], ["audit"]],
  schedule: [["schedules"], ["overview"], ["audit"]],
  hook: [["hooks"], ["audit"]],
  service_account: [["accounts"], ["overview"], ["audit"]],
  sign_in: [["audit"], ["tokens"]],
  storage: [["storage"], ["overview"], ["files"], ["transfers"], ["audit"]],
  token: [["tokens"], ["audit"]],
  user: [["users"], ["me"], ["instruments"], ["audit"]],
  version: [["files"]],
};

/** What every live run and every big file says every few seconds touches little. */
const OFTEN: Record<string, (event: LiveEvent) => QueryKey[]> = {
  "copies.progress": ({ instrument_id: id }) => [["instruments", ...(id ? [id, "live"] : [])]],
  "run.progress": () => [["runs"]],
};

/** Return what an event makes stale. An unknown kind makes everything stale: slow, never wrong. */
export function staleKeys(event: LiveEvent): QueryKey[] {
  const often = OFTEN[event.kind];
  if (often) return often(event);
  return STALE[event.kind.split(".")[0] ?? ""] ?? [[]];
}

/**
 * Listen to the server's events (Server-Sent Events) for as long as the page lives; return what
 * ends it. The browser sends Last-Event-ID when it connects again; what it won't do by itself
 * (after an error answer, or a silent connection) is done here.
 */
export function connectLive(listener: LiveListener): () => void {
  let source: EventSource | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let silence: ReturnType<typeof setTimeout> | undefined;
  let pause = FIRST_PAUSE_MILLISECONDS;
  let lastId = "";
  let wasConnected = false;
  let hiding: ReturnType<typeof setTimeout> | undefined;
  const began = Date.now();

  const heard = (event?: MessageEvent<string>) => {
    if (event?.lastEventId) lastId = event.lastEventId;
    watchSilence();
    listener.onHeard();
  };
  const watchSilence = () => {
    clearTimeout(silence);
    silence = setTimeout(reconnect, SILENCE_MILLISECONDS);
  };
  const reconnect = () => {
    source?.close();
    listener.onState(wasConnected ? "reconnecting" : "connecting");
    clearTimeout(silence);
    clearTimeout(timer);
    timer = setTimeout(connect, pause);
    pause = Math.min(pause * 2, LONGEST_PAUSE_MILLISECONDS);
  };
  const connect = () => {
    const isFirst = lastId === "";
    source = new EventSource(lastId ? `/api/events?after=${lastId}` : "/api/events");
    watchSilence(); // also of a server that takes the connection and never answers
    source.onopen = () => {
      pause = FIRST_PAUSE_MILLISECONDS;
      wasConnected = true;
      heard();
      listener.onState("connected");
    };
    source.onerror = reconnect;
    source.addEventListener("hello", (event) => {
      heard(event);
      // Nobody told what happened between the drawing of the page and this greeting.
      if (isFirst && Date.now() - began > PROMPT_MILLISECONDS) listener.onResync();
    });
    source.addEventListener("heartbeat", heard);
    source.addEventListener("resync", (event) => {
      heard(event);
      listener.onResync();
    });
    source.addEventListener("change", (event) => {
      heard(event);
      listener.onStale(staleKeys(JSON.parse(event.data) as LiveEvent));
    });
    source.addEventListener("signed_out", () => {
      listener.onSignedOut();
      reconnect(); // refused until somebody has signed in again
    });
  };
  // The browser knows before the stream does.
  const online = () => {
    pause = FIRST_PAUSE_MILLISECONDS;
    source?.close();
    clearTimeout(timer);
    connect();
  };
  const leave = () => {
    source?.close();
    source = undefined;
    clearTimeout(timer);
    clearTimeout(silence);
  };
  const look = () => {
    clearTimeout(hiding);
    if (document.hidden) hiding = setTimeout(leave, HIDDEN_MILLISECONDS);
    else if (source === undefined) online();
  };
  document.addEventListener("visibilitychange", look);
  window.addEventListener("offline", reconnect);
  window.addEventListener("online", online);
  connect();
  return () => {
    document.removeEventListener("visibilitychange", look);
    window.removeEventListener("offline", reconnect);
    window.removeEventListener("online", online);
    clearTimeout(hiding);
    leave();
  };
}
