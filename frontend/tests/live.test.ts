import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { connectLive, staleKeys } from "@/api/live";
import { gatherFor } from "@/contexts/live";

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

  it("tries again when the session has ended: somebody may sign in again", () => {
    last().onopen?.();
    const ended = last();
    ended.say("signed_out", {});
    expect(listener.onSignedOut).toHaveBeenCalledOnce();
    expect(ended.closed).toBe(true);
    expect(listener.onState).toHaveBeenLastCalledWith("reconnecting");
    vi.advanceTimersByTime(1_000);
    expect(last()).not.toBe(ended);
  });

  it("asks everything again when its first greeting comes late", () => {
    last().onerror?.();
    vi.advanceTimersByTime(1_001);
    last().say("hello", { seq: 4 }, "4");
    expect(listener.onResync).toHaveBeenCalledOnce();
  });

  it("trusts what was asked just before a prompt greeting", () => {
    last().say("hello", { seq: 4 }, "4");
    expect(listener.onResync).not.toHaveBeenCalled();
  });

  it("gives up a connection that nobody answers", () => {
    vi.advanceTimersByTime(41_001);
    expect(FakeEventSource.opened).toHaveLength(2);
  });

  it("gives its connection back while nobody looks, and goes on where it left off", () => {
    last().say("change", { kind: "scan.finished" }, "41");
    const hidden = vi.spyOn(document, "hidden", "get").mockReturnValue(true);
    document.dispatchEvent(new Event("visibilitychange"));
    vi.advanceTimersByTime(5_000);
    expect(last().closed).toBe(true);
    hidden.mockReturnValue(false);
    document.dispatchEvent(new Event("visibilitychange"));
    expect(last().url).toBe("/api/events?after=41");
    hidden.mockRestore();
  });
});

describe("gatherFor", () => {
  it("leaves a slow server in peace for longer, and people waiting for seconds at most", () => {
    expect(gatherFor(10)).toBe(250);
    expect(gatherFor(400)).toBe(800);
    expect(gatherFor(60_000)).toBe(3_000);
  });
});

describe("staleKeys", () => {
  it("asks for the run alone when a run says that it lives, and for the file that grows", () => {
    expect(staleKeys({ kind: "run.progress", run_id: "r1" })).toEqual([["runs"]]);
    expect(staleKeys({ kind: "copies.progress", instrument_id: "i1" })).toEqual([
      ["instruments", "i1", "live"],
    ]);
  });

  it("makes everything stale for a kind that it does not know", () => {
    expect(staleKeys({ kind: "telescope.moved" })).toEqual([[]]);
  });
});
