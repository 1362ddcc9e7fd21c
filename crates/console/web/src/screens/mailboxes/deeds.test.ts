import { describe, expect, it } from "vitest";
import { deedOf } from "./deeds";
import { applyAction, emptyForm } from "./settings-form";

/** The engine, the catalogue, and the API that corrects what people type: whoever can put an action into an answer. */
const SOURCES = import.meta.glob(["../../../../../connect/src/**/*.rs", "../../../../../api/src/**/*.rs", "../../../../../sync/src/**/*.rs"], {
  query: "?raw", import: "default", eager: true,
}) as Record<string, string>;
/** An action's verb where it is written: `action: "…"`, `Some("…".to_owned())`, `format!("use_host:{name}")`, `remedy(text, "…")`. */
const WRITTEN = [
  /\baction(?:: &'static str)?\s*[:=]\s*(?:Some\()?(?:format!\(\s*)?"([a-z_]+(?::[^"]*)?)"/g,
  /format!\(\s*"((?:use|choose|trust)[a-z_]*:[^"]*)"/g,
  /"((?:edit|enter|open|contact|choose|swap|allow|sign_in_ag|try_ag|free)_?[a-z_]+)"/g,
];
function written(): string[] {
  const found = Object.values(SOURCES).flatMap((text) => {
    const code = text.split("#[cfg(test)]")[0] ?? "";
    return WRITTEN.flatMap((pattern) => [...code.matchAll(pattern)].map((match) => match[1] ?? ""));
  });
  return [...new Set(found)].sort();
}

describe("the buttons of the report", () => {
  const actions = written();

  it("know where the actions are written", () => {
    expect(Object.keys(SOURCES).length).toBeGreaterThan(50);
    expect(actions).toEqual(expect.arrayContaining(["wait", "allow_network", "contact_provider", "swap_hosts", "use_host:{name}", "trust_certificate:{sha256}"]));
    expect(actions.length).toBeGreaterThan(25);
  });

  it("leave no action without one", () => {
    expect(actions.filter((action) => action !== "none" && deedOf(action) === null)).toEqual([]);
  });

  it("can carry out in the form whatever they promise there", () => {
    const sample = (action: string) => action.replace(/\{(other_)?port\}/, "143").replace(/\{security\}/, "tls").replace(/\{(scheme|protocol)\}/, "imap");
    const promised = actions.map(sample).filter((action) => ["apply", "field", "trust"].includes(deedOf(action)?.kind ?? ""));
    expect(promised.filter((action) => applyAction(emptyForm(), action, "incoming") === null)).toEqual([]);
  });

  it("say what they change", () => {
    expect(deedOf("use:143:starttls")).toEqual({ kind: "apply", label: "Apply and re-test: port 143 with STARTTLS" });
    expect(deedOf("use_username:ann:x")).toMatchObject({ label: "Apply and re-test: user name ann:x" });
    expect(deedOf("something_new")).toBeNull();
    expect(deedOf("none")).toBeNull();
  });
});
