import { expect, test } from "vitest";
import type { Submission } from "../api/types";
import { outboxCsv } from "./outbox-export";

const recipient = (part: Partial<Submission["recipients"][0]>) => ({ address: "a@x.test", state: "accepted", code: null, enhanced_code: null, text: null, ...part }) as Submission["recipients"][0];

test("the outbox as CSV has a line for each recipient, and nothing that a spreadsheet would run", () => {
  const submission = {
    id: "sub_1", mailbox_id: "mbx_1", state: "deferred", subject: 'Quote, "new"', created_at: "2026-11-22T04:00:00Z", send_at: null, next_attempt_at: null, problem_id: "greylisted",
    sent_copy: { state: "pending" }, message_id: null, attempts: 2, possible_duplicate: false,
    recipients: [recipient({ code: 250 }), recipient({ address: "b@x.test", state: "deferred", text: "=cmd()\r\nlater" })],
  } as unknown as Submission;
  const [head, first, second, end] = outboxCsv([submission]).split("\r\n");
  expect(head).toMatch(/^id,mailbox_id,state,subject,.*,attempts,possible_duplicate$/);
  expect(first).toBe('sub_1,mbx_1,deferred,"Quote, ""new""",2026-11-22T04:00:00Z,,,greylisted,pending,,a@x.test,accepted,250,,,,2,false');
  expect(second).toContain(",b@x.test,deferred,,,'=cmd() later,");
  expect(end).toBe("");
});
