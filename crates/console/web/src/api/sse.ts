// Server-sent events over fetch: EventSource can neither POST (connection tests) nor tell a 401
// from a broken network.

export interface SseEvent {
  id: string | null;
  event: string;
  data: string;
}

/** Cuts a stream of text chunks into events, as the HTML standard describes the format. */
export class SseParser {
  private buffer = "";
  private data: string[] = [];
  private event = "";
  private id: string | null = null;

  /** Events that are complete after this chunk. */
  push(chunk: string): SseEvent[] {
    this.buffer += chunk;
    const found: SseEvent[] = [];
    for (;;) {
      const end = this.buffer.search(/\r\n|\n|\r/);
      // A lone CR at the very end may be the first half of CRLF: wait for more.
      if (end < 0 || (this.buffer[end] === "\r" && end === this.buffer.length - 1)) return found;
      const line = this.buffer.slice(0, end);
      this.buffer = this.buffer.slice(end + (this.buffer.startsWith("\r\n", end) ? 2 : 1));
      const event = this.line(line);
      if (event) found.push(event);
    }
  }

  private line(line: string): SseEvent | null {
    if (line === "") {
      const event = this.data.length
        ? { id: this.id, event: this.event || "message", data: this.data.join("\n") }
        : null;
      this.data = [];
      this.event = "";
      return event;
    }
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "data") this.data.push(value);
    else if (field === "event") this.event = value;
    else if (field === "id") this.id = value;
    return null;
  }
}

/** Yields the events of a response until it ends. */
export async function* events(response: Response): AsyncGenerator<SseEvent> {
  if (!response.body) return;
  const parser = new SseParser();
  const decoder = new TextDecoder();
  const reader = response.body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield* parser.push(decoder.decode(value, { stream: true }));
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}
