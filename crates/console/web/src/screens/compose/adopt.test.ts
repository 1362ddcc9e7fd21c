import { describe, expect, it } from "vitest";
import type { Identity } from "../../api/sending";
import type { MessageBody } from "../../api/types";
import { adopted, isCopyOf } from "./adopt";

const message = {
  id: "msg_1", mailbox_id: "mbx_1", subject: null, from: [{ name: "Ann", address: "Service@example.com" }], to: [{ name: null, address: "bo@example.com" }], cc: [], bcc: [],
  reply_to: [{ name: null, address: "desk@example.com" }], text: "Half", attachments: [],
} as unknown as MessageBody;
const identity = (part: Partial<Identity>) => ({ id: "idn_1", mailbox_id: "mbx_1", address: "service@example.com", usable: true, is_main: false, ...part }) as Identity;

describe("a draft of another program", () => {
  it("is told from the copies of ours, also from one that is on its way out", () => {
    const ours = [{ id: "drf_0a1", message_id: "msg_9" }];
    expect(isCopyOf({ id: "msg_9", internet_message_id: null }, ours)).toBe(true);
    expect(isCopyOf({ id: "msg_8", internet_message_id: "<drf_0a1.3@example.com>" }, ours)).toBe(true);
    expect(isCopyOf({ id: "msg_7", internet_message_id: "<drf_0a2.3@example.com>" }, ours)).toBe(false);
    expect(isCopyOf({ id: "msg_7", internet_message_id: "<abc@example.com>" }, ours)).toBe(false);
  });

  it("becomes ours with its author, recipients, text and files, and takes its place", () => {
    const file = { blob_id: "upl_1", filename: "a.txt", content_type: "text/plain", size: 1, expires_at: "" };
    expect(adopted(message, null, [file], null, [identity({ mailbox_id: "mbx_2" }), identity({ id: "idn_2" })])).toEqual({
      mailbox_id: "mbx_1", to: message.to, cc: [], bcc: [], subject: "", text: "Half", reply_to: message.reply_to, attachments: [{ blob_id: "upl_1", filename: "a.txt" }],
      identity_id: "idn_2", signature: "none", replaces_message_id: "msg_1",
    });
  });

  it("stays an answer, and quotes nothing a second time", () => {
    const made = adopted(message, "<b>Half</b>", [], "msg_0", [identity({ is_main: true })]);
    expect(made).toMatchObject({ in_reply_to_message_id: "msg_0", quote: false, html: "<b>Half</b>" });
    expect(made).not.toHaveProperty("text");
    expect(made).not.toHaveProperty("identity_id");
  });
});
