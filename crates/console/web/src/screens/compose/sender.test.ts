import { describe, expect, it } from "vitest";
import type { AnswerStart, Mailbox, ServerDraft } from "../../api/types";
import { senderOf } from "./sender";

const box = (id: string, part: Partial<Mailbox> = {}) => ({ id, ...part }) as Mailbox;
const answer = (mailbox_id: string | null) => ({ mailbox_id }) as AnswerStart;

describe("the mailbox that a message goes through", () => {
  const several = [box("ann"), box("bob"), box("robot", { system_sender: true })];

  it("is what the server names, also where the original's only receives", () => {
    expect(senderOf(several, null, answer("bob"), undefined)).toBe("bob");
    expect(senderOf(several, { mailbox_id: "ann" } as ServerDraft, answer("bob"), undefined)).toBe("ann");
    expect(senderOf(several, { mailbox_id: "support" } as ServerDraft, answer("bob"), undefined)).toBe("bob");
  });

  it("is the one that is looked at, or else the installation's own sender", () => {
    expect(senderOf(several, null, null, "bob")).toBe("bob");
    expect(senderOf(several, null, null, "support")).toBe("robot");
    expect(senderOf(several, null, null, undefined)).toBe("robot");
  });

  it("is never one of several colleagues'", () => {
    const colleagues = [box("ann"), box("bob")];
    expect(senderOf(colleagues, null, answer(null), undefined)).toBe("");
    expect(senderOf(colleagues, null, null, undefined)).toBe("");
    expect(senderOf([box("ann")], null, null, undefined)).toBe("ann");
  });
});
