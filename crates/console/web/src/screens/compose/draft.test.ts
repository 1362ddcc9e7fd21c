import { describe, expect, it } from "vitest";
import { draftFrom, looksLikeAddress, parseAddresses, timeOf } from "./draft";

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
    const start = { to: [{ name: null, address: "ann@example.com" }], cc: [], subject: "Re: Offer", quoted_text: "> a" };
    expect(draftFrom(start)).toMatchObject({ to: start.to, cc: [], bcc: [], subject: "Re: Offer", html: "", quote: true });
  });
});

describe("a time to send at", () => {
  it("is told in UTC, and only where one was chosen", () => {
    expect(timeOf("2026-12-24T18:00")).toBe(new Date(2026, 11, 24, 18).toISOString());
    for (const none of [null, "", "soon"]) expect(timeOf(none)).toBeNull();
  });
});
