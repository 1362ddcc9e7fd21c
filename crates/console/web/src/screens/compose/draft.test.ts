import { describe, expect, it } from "vitest";
import type { MessageBody } from "../../api/types";
import { draftFrom, looksLikeAddress, parseAddresses, quoted, subjectFor, timeOf } from "./draft";

const message = {
  direction: "incoming", subject: "Offer", text: "Hello\n> earlier\n", date: "2026-11-20T10:00:00Z", received_at: "2026-11-20T10:00:01Z",
  from: [{ name: "Ann", address: "ann@example.com" }], reply_to: [],
  to: [{ name: null, address: "Me@example.org" }, { name: "Bo", address: "bo@example.com" }],
  cc: [{ name: null, address: "ann@example.com" }, { name: null, address: "cy@example.com" }], bcc: [],
} as unknown as MessageBody;

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

  it("answers the sender alone, or everyone but oneself, each once", () => {
    expect(draftFrom(message, "reply", "me@example.org").to.map((a) => a.address)).toEqual(["ann@example.com"]);
    expect(draftFrom(message, "reply", "me@example.org").cc).toEqual([]);
    expect(draftFrom(message, "reply_all", "me@example.org").cc.map((a) => a.address)).toEqual(["bo@example.com", "cy@example.com"]);
  });

  it("goes on to the recipients when the message was one's own", () => {
    const own = { ...message, direction: "outgoing", from: [{ name: null, address: "me@example.org" }], to: [{ name: null, address: "bo@example.com" }] } as MessageBody;
    expect(draftFrom(own, "reply", "me@example.org").to.map((a) => a.address)).toEqual(["bo@example.com"]);
  });

  it("prefixes a subject once", () => {
    expect(subjectFor("reply", "Offer")).toBe("Re: Offer");
    expect(subjectFor("reply", "RE: Offer")).toBe("RE: Offer");
    expect(subjectFor("forward", "Re: Offer")).toBe("Fwd: Re: Offer");
  });

  it("quotes line by line", () => {
    expect(quoted("a\n> b\n\nc\n")).toBe("> a\n>> b\n> \n> c");
  });
});

describe("a time to send at", () => {
  it("is told in UTC, and only where one was chosen", () => {
    expect(timeOf("2026-12-24T18:00")).toBe(new Date(2026, 11, 24, 18).toISOString());
    for (const none of [null, "", "soon"]) expect(timeOf(none)).toBeNull();
  });
});
