import { expect, it } from "vitest";
import { answerGiven } from "../../api/queries";

it("what was said to an invitation is the newest answer that was not taken back and did not fail", () => {
  expect(answerGiven([{ state: "accepted", calendar_reply: null }, { state: "cancelled", calendar_reply: "declined" }, { state: "queued", calendar_reply: "tentative" }, { state: "accepted", calendar_reply: "accepted" }])).toBe("tentative");
  expect(answerGiven([{ state: "failed", calendar_reply: "accepted" }])).toBeNull();
  expect(answerGiven([])).toBeNull();
});
