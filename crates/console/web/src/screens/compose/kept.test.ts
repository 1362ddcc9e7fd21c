import { beforeEach, describe, expect, it, vi } from "vitest";
import { emptyDraft } from "./draft";
import { forget, keep, kept, note, typedOver } from "./kept";

const what = { key: "k", from: "mbx_1", draft: { ...emptyDraft(), subject: "Plan" }, saved: null };

beforeEach(() => {
  const held = new Map<string, string>();
  vi.stubGlobal("sessionStorage", {
    getItem: (key: string) => held.get(key) ?? null,
    setItem: (key: string, value: string) => held.set(key, value),
    removeItem: (key: string) => held.delete(key),
  });
  return () => vi.unstubAllGlobals();
});

describe("what was typed before a reload", () => {
  it("stays with the version that it was typed over, though another window wrote a newer one", () => {
    const search = { draft: "drf_1" };
    keep(search, { ...what, saved: { id: "drf_1", version: 3 } });
    expect(typedOver(kept(search), { id: "drf_1", version: 4 })?.saved).toEqual({ id: "drf_1", version: 3 });
  });

  it("is not taken for a draft of which it names no version, or for another one", () => {
    const { saved: _, ...old } = what;
    expect(typedOver(old as typeof what, { id: "drf_1", version: 4 })).toBeNull();
    expect(typedOver(what, { id: "drf_1", version: 4 })).toBeNull();
    expect(typedOver({ ...what, saved: { id: "drf_2", version: 4 } }, { id: "drf_1", version: 4 })).toBeNull();
  });

  it("remembers the draft that it became, and goes on with it", () => {
    const search = { mode: "reply", message: "msg_1" } as const;
    keep(search, what);
    note(search, { saved: { id: "drf_1", version: 1 } });
    expect(kept(search)).toEqual({ ...what, saved: { id: "drf_1", version: 1 } });
    expect(typedOver(kept(search), { id: "drf_1", version: 1 })?.draft.subject).toBe("Plan");
  });

  it("remembers what was asked of the server to begin a draft, until that is answered", () => {
    const begun = { key: "b", content: { mailbox_id: "mbx_1", to: [], subject: "Plan" } };
    keep({}, what);
    note({}, { begun });
    expect(typedOver(kept({}), null)?.begun).toEqual(begun);
    note({}, { begun: null });
    expect(typedOver(kept({}), null)?.begun).toBeNull();
  });

  it("begins a new draft where the one that it became is gone", () => {
    expect(typedOver({ ...what, saved: { id: "drf_1", version: 2 } }, null)).toEqual(what);
  });

  it("does not come back once it is forgotten", () => {
    keep({}, what);
    forget({});
    note({}, { saved: { id: "drf_1", version: 1 } });
    expect(kept({})).toBeNull();
  });
});
