import { describe, expect, it } from "vitest";
import { Problem } from "../../api/client";
import type { ServerDraft, SubmissionInput } from "../../api/types";
import { type Begun, begin } from "./begun";

const draft = { id: "drf_1", version: 1 } as ServerDraft;
const refused = (status: number, code?: string) => new Problem({ title: "No", status, code });

/** A server that answers, or loses or refuses what comes. */
function keeper() {
  const asked: Begun[] = [];
  let noted: Begun | null = null;
  const step = (subject: string, error?: unknown) =>
    begin(noted, { subject } as SubmissionInput, (one) => {
      asked.push(one);
      return error ? Promise.reject(error) : Promise.resolve(draft);
    }, (one) => {
      noted = one;
    });
  return { asked, step, noted: () => noted };
}

describe("the request that begins a draft", () => {
  it("is made again as it was, under its key, while nobody knows whether it made one", async () => {
    const { asked, step, noted } = keeper();
    for (const error of [refused(0), refused(502), refused(409, "idempotency_in_progress")]) await expect(step(`Plan ${asked.length}`, error)).rejects.toBe(error);
    expect((await step("Plan B")).content).toEqual({ subject: "Plan 0" });
    expect(asked).toHaveLength(4);
    expect(new Set(asked.map((one) => JSON.stringify(one))).size).toBe(1);
    expect(noted()).toBeNull();
  });

  it("is another one after it was refused", async () => {
    const { asked, step } = keeper();
    await expect(step("Plan", refused(422, "invalid_request"))).rejects.toThrow();
    expect((await step("Plan B")).content).toEqual({ subject: "Plan B" });
    expect(asked[1]?.key).not.toBe(asked[0]?.key);
  });
});
