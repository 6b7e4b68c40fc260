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

/** Which queries each kind of event makes stale; a kind's room is what stands before its dot. */
const STALE: Record<string, QueryKey[]> = {
  breaker: [["instruments"], ["overview"]],
  copies: [["files"], ["transfers"], ["overview"], ["instruments"]],
  copy: [["files"], ["transfers"], ["overview"], ["instruments"]],
  files: [["files"], ["overview"], ["instruments"]],
  grant: [["instruments"], ["overview"], ["files"]],
  harvest: [["instruments"], ["runs"], ["audit"]],
  instrument: [["instruments"], ["overview"], ["audit"]],
  run: [["runs"], ["overview"], ["instruments"]],
  scan: [["instruments"], ["overview"], ["files"]],
  schedule: [["schedules"], ["audit"]],
  service_account: [["accounts"], ["overview"], ["audit"]],
  sign_in: [["audit"]],
  storage: [["storage"], ["overview"], ["audit"]],
  token: [["tokens"], ["audit"]],
  user: [["users"], ["me"], ["audit"]],
  version: [["files"]],
};

/** Return what an event makes stale. An unknown kind makes everything stale: slow, never wrong. */
export function staleKeys(event: LiveEvent): QueryKey[] {
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

  const heard = (event?: MessageEvent<string>) => {
    if (event?.lastEventId) lastId = event.lastEventId;
    clearTimeout(silence);
    silence = setTimeout(reconnect, SILENCE_MILLISECONDS);
    listener.onHeard();
  };
  const reconnect = () => {
    source?.close();
    listener.onState(wasConnected ? "reconnecting" : "connecting");
    clearTimeout(timer);
    timer = setTimeout(connect, pause);
    pause = Math.min(pause * 2, LONGEST_PAUSE_MILLISECONDS);
  };
  const connect = () => {
    source = new EventSource(lastId ? `/api/events?after=${lastId}` : "/api/events");
    source.onopen = () => {
      pause = FIRST_PAUSE_MILLISECONDS;
      wasConnected = true;
      heard();
      listener.onState("connected");
    };
    source.onerror = reconnect;
    source.addEventListener("hello", heard);
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
      source?.close();
      listener.onSignedOut();
    });
  };
  // The browser knows before the stream does.
  const online = () => {
    pause = FIRST_PAUSE_MILLISECONDS;
    source?.close();
    clearTimeout(timer);
    connect();
  };
  window.addEventListener("offline", reconnect);
  window.addEventListener("online", online);
  connect();
  return () => {
    window.removeEventListener("offline", reconnect);
    window.removeEventListener("online", online);
    source?.close();
    clearTimeout(timer);
    clearTimeout(silence);
  };
}
