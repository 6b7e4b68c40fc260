import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { connectLive, staleKeys } from "@/api/live";

class FakeEventSource extends EventTarget {
  static opened: FakeEventSource[] = [];
  onopen: (() => void) | null = null;
  onerror: (() => void) | null = null;
  closed = false;

  constructor(readonly url: string) {
    super();
    FakeEventSource.opened.push(this);
  }

  close() {
    this.closed = true;
  }

  say(name: string, data: unknown, id = "") {
    this.dispatchEvent(new MessageEvent(name, { data: JSON.stringify(data), lastEventId: id }));
  }
}

function last(): FakeEventSource {
  const source = FakeEventSource.opened.at(-1);
  if (!source) throw new Error("nothing was opened");
  return source;
}

const listener = {
  onState: vi.fn(),
  onHeard: vi.fn(),
  onStale: vi.fn(),
  onResync: vi.fn(),
  onSignedOut: vi.fn(),
};

describe("the live connection", () => {
  let stop: () => void;
  beforeEach(() => {
    vi.useFakeTimers();
    FakeEventSource.opened = [];
    vi.stubGlobal("EventSource", FakeEventSource);
    for (const heard of Object.values(listener)) heard.mockClear();
    stop = connectLive(listener);
  });
  afterEach(() => {
    stop();
    vi.useRealTimers();
  });

  it("makes stale what an event touches", () => {
    last().say("change", { kind: "run.started", instrument_id: "i1" }, "7");
    expect(listener.onStale).toHaveBeenCalledWith(staleKeys({ kind: "run.started" }));
  });

  it("connects again after an error, from the last event that it saw", () => {
    last().onopen?.();
    last().say("change", { kind: "scan.finished" }, "41");
    last().onerror?.();
    expect(listener.onState).toHaveBeenLastCalledWith("reconnecting");
    vi.advanceTimersByTime(1_000);
    expect(last().url).toBe("/api/events?after=41");
    last().onopen?.();
    expect(listener.onState).toHaveBeenLastCalledWith("connected");
  });

  it("waits longer from try to try, and never for more than 15 seconds", () => {
    for (let tries = 0; tries < 8; tries += 1) {
      last().onerror?.();
      vi.advanceTimersByTime(15_000);
    }
    expect(FakeEventSource.opened).toHaveLength(9);
  });

  it("takes silence for a lost connection", () => {
    last().onopen?.();
    last().say("heartbeat", {});
    vi.advanceTimersByTime(39_000);
    expect(listener.onState).not.toHaveBeenCalledWith("reconnecting");
    vi.advanceTimersByTime(1_001);
    expect(listener.onState).toHaveBeenLastCalledWith("reconnecting");
  });

  it("asks everything again when events were missed", () => {
    last().say("resync", { seq: 9 }, "9");
    expect(listener.onResync).toHaveBeenCalledOnce();
  });

  it("stops when the session has ended", () => {
    last().say("signed_out", {});
    expect(listener.onSignedOut).toHaveBeenCalledOnce();
    expect(last().closed).toBe(true);
  });
});

describe("staleKeys", () => {
  it("makes everything stale for a kind that it does not know", () => {
    expect(staleKeys({ kind: "telescope.moved" })).toEqual([[]]);
  });
});
