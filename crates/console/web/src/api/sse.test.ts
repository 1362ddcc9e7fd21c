import { describe, expect, it } from "vitest";
import { withStep } from "./connection-test";
import { staleAfter } from "./live";
import { SseParser } from "./sse";
import type { Step } from "./types";

describe("server-sent events", () => {
  it("are whole however the chunks are cut", () => {
    const text = ": hello\r\n\r\nid: 7\r\nevent: step\r\ndata: {\"a\":\r\ndata: 1}\r\n\r\ndata: x\n\n";
    for (let cut = 1; cut < text.length; cut++) {
      const parser = new SseParser();
      const found = [...parser.push(text.slice(0, cut)), ...parser.push(text.slice(cut))];
      expect(found).toEqual([
        { id: "7", event: "step", data: '{"a":\n1}' },
        { id: "7", event: "message", data: "x" },
      ]);
    }
  });

  it("say which lists are old", () => {
    expect(staleAfter("message.received")).not.toContain("message");
    expect(staleAfter("message.changed")).toContain("message");
    expect(staleAfter("submission.accepted")).toEqual(["submissions"]);
    expect(staleAfter("something.new")).toEqual([]);
  });

  it("replace a running step by its end", () => {
    const step = (n: number, status: string) => ({ n, status }) as Step;
    expect(withStep([step(1, "pass"), step(2, "running")], step(2, "fail")).map((s) => s.status)).toEqual(["pass", "fail"]);
  });
});
