import { describe, expect, it } from "vitest";
import { changes, draftFrom, draftOf, looksLikeAddress, parseAddresses, restOf } from "./draft";

describe("a draft", () => {
  it("reads addresses however they are typed", () => {
    expect(parseAddresses('"Lee, Ann" <ann@example.com>; bo@example.com,\ncy@example.com')).toEqual([
      { name: "Lee, Ann", address: "ann@example.com" },
      { name: null, address: "bo@example.com" },
      { name: null, address: "cy@example.com" },
    ]);
    expect(looksLikeAddress("ann@example")).toBe(true);
    expect(looksLikeAddress("ann example.com")).toBe(false);
  });

  it("starts an answer as the server says", () => {
    const start = { mailbox_id: null, to: [{ name: null, address: "ann@example.com" }], cc: [], subject: "Re: Offer", quoted_text: "> a" };
    expect(draftFrom(start)).toMatchObject({ to: start.to, cc: [], bcc: [], subject: "Re: Offer", html: "", quote: true });
  });
});

describe("a kept draft", () => {
  it("loses what is asked for no more", () => {
    expect(changes({ to: [], dsn: { notify: ["delay"] }, priority: "high" }, { to: [1], text: "x" })).toEqual({ dsn: null, priority: null, to: [1], text: "x" });
  });

  it("keeps what an application wrote and this form does not show", () => {
    expect(restOf({ subject: "x", reply_to: [{ address: "a@x.test" }], headers: { "X-Ticket": "7" } })).toEqual({ reply_to: [{ address: "a@x.test" }], headers: { "X-Ticket": "7" } });
    expect(restOf(undefined)).toEqual({});
  });

  it("goes on with the template that it had", () => {
    const draft = { id: "drf_1", mailbox_id: "mbx_1", version: 1, message_id: null, on_server: "stored", created_at: "", updated_at: "" } as const;
    expect(draftOf({ ...draft, content: { template_id: "tpl_1", data: { n: 1 } } }).template).toEqual({ id: "tpl_1", data: { n: 1 } });
  });
});
