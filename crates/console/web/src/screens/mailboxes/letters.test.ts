import { describe, expect, it } from "vitest";
import type { Step } from "../../api/types";
import { administratorLetter, first, innermost, networkLetter, networksOf, providerLetter } from "./letters";

const step = (part: Partial<Step>): Step => ({
  n: 6, code: "login", status: "fail", ms: 1, did: "tried to sign in", server_said: "NO LOGIN failed", means: "The server refused it",
  remedy: { text: "Ask them", action: "contact_provider", url: null }, problem_id: "password_refused", retry: "after_change", others: [], ...part,
});

describe("ready messages", () => {
  it("name the problem, the step, the server's words, and the end of the conversation", () => {
    for (const text of [providerLetter(step({ transcript: ["C: a LOGIN <hidden>", "S: a NO"] }), null), administratorLetter(step({ transcript: ["C: a LOGIN <hidden>"] }), null, "ann@example.com")]) {
      expect(text).toContain("password_refused");
      expect(text).toContain("Step 6: Sign in (login)");
      expect(text).toContain("NO LOGIN failed");
      expect(text).toContain("C: a LOGIN <hidden>");
    }
  });

  it("tell the administrator the very setting for the server's addresses", () => {
    const dns = step({ n: 1, code: "dns", details: [{ name: "addresses", values: ["10.1.2.3", "fd00::1"] }] });
    expect(networksOf(dns)).toEqual(["10.1.2.3/32", "fd00::1/128"]);
    expect(networkLetter(dns)).toContain("POSTROOM_NETWORK_ALLOW=10.1.2.3/32,fd00::1/128");
  });

  it("are about the first step that failed, and there about the innermost", () => {
    const inner = step({ n: 3, code: "tls" });
    const sending = step({ n: 9, code: "smtp", steps: [step({ n: 1, code: "dns", status: "pass" }), inner] });
    expect(first([step({ n: 5, status: "warn" }), step({ status: "pass" }), sending])).toBe(sending);
    expect(innermost(sending)).toBe(inner);
  });
});
