// Keeps the screens fresh: one event stream per tab, whose events only say "look again".

import { type QueryClient, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { Problem, path, send } from "./client";
import { events } from "./sse";
import type { Event } from "./types";

/** Events come in bursts while a mailbox fills: lists are read again at most this often. */
const CALM = 1_500;
const RETRY_FIRST = 1_000;
const RETRY_LAST = 30_000;

export type LiveState = "connecting" | "live" | "broken";

/** Which queries an event makes stale. */
export function staleAfter(type: string): string[] {
  const noun = type.split(".")[0];
  switch (noun) {
    case "message":
      // New mail leaves an open message as it is; a change may be about it.
      return type === "message.received" || type === "message.sent"
        ? ["messages", "threads", "thread", "folders", "unified", "owed", "drafts"]
        : ["messages", "threads", "thread", "folders", "unified", "message", "owed", "drafts"];
    case "tag":
      return ["tags", "messages", "threads", "thread", "message"];
    case "folder":
      return ["folders", "unified", "mailboxes"];
    case "mailbox":
    case "credential":
      return ["mailboxes", "folders", "failures"];
    case "change":
      return ["owed", "messages", "message"];
    case "submission":
      return ["submissions"];
    case "webhook":
      return ["webhooks"];
    default:
      return [];
  }
}

/** Collects stale keys and invalidates them together, at most every `CALM` ms. */
class Refresher {
  private readonly keys = new Set<string>();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly client: QueryClient;
  constructor(client: QueryClient) {
    this.client = client;
  }
  add(keys: string[]) {
    for (const key of keys) this.keys.add(key);
    if (this.keys.size) this.timer ??= setTimeout(() => this.flush(), CALM);
  }
  flush() {
    this.timer = undefined;
    for (const key of this.keys) void this.client.invalidateQueries({ queryKey: [key] });
    this.keys.clear();
  }
  stop() {
    clearTimeout(this.timer);
  }
}

/** Follows the event log while mounted and says whether the line is up. */
export function useLive(enabled: boolean): LiveState {
  const client = useQueryClient();
  const [state, setState] = useState<LiveState>("connecting");
  useEffect(() => {
    if (!enabled) return;
    const abort = new AbortController();
    const refresher = new Refresher(client);
    void follow(client, refresher, setState, abort.signal);
    return () => {
      abort.abort();
      refresher.stop();
    };
  }, [client, enabled]);
  return state;
}

async function follow(client: QueryClient, refresher: Refresher, say: (s: LiveState) => void, signal: AbortSignal) {
  let lastId: string | null = null;
  let pause = RETRY_FIRST;
  let interrupted = false;
  while (!signal.aborted) {
    try {
      const response = await send("GET", path("/v1/events", lastId ? { cursor: lastId } : { from: "now" }), {
        accept: "text/event-stream",
        signal,
      });
      say("live");
      pause = RETRY_FIRST;
      // What happened while the line was down is read by looking at everything once.
      if (interrupted) refresher.add(["messages", "threads", "thread", "message", "folders", "unified", "tags", "mailboxes", "submissions", "drafts", "webhooks"]);
      for await (const event of events(response)) {
        if (event.id) lastId = event.id;
        refresher.add(staleAfter(typeOf(event.event, event.data)));
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof Problem && error.status === 401) {
        void client.invalidateQueries({ queryKey: ["session"] });
        return;
      }
      // The log has outlived the cursor, or is another one: begin with what comes next.
      if (error instanceof Problem && (error.status === 410 || error.status === 400)) lastId = null;
    }
    interrupted = true;
    say("broken");
    await new Promise((done) => setTimeout(done, pause));
    pause = Math.min(pause * 2, RETRY_LAST);
  }
}

function typeOf(event: string, data: string): string {
  if (event !== "message") return event;
  try {
    return (JSON.parse(data) as Event).type;
  } catch {
    return "";
  }
}
