// Through which mailbox a message goes that says nothing of it.

import type { AnswerStart, Mailbox, ServerDraft } from "../../api/types";

/** A draft keeps its mailbox, an answer takes the one that the server names, and a new message the one that is looked at; else the
 * installation's own sender, or the only one that there is. Never one of several: who writes then chooses. Empty: none. */
export function senderOf(senders: Mailbox[], going: ServerDraft | null, begun: AnswerStart | null, lookedAt: string | undefined): string {
  const wanted = [going?.mailbox_id, begun?.mailbox_id, lookedAt, senders.find((m) => m.system_sender)?.id, senders.length === 1 ? senders[0]?.id : null];
  return wanted.find((id) => senders.some((m) => m.id === id)) ?? "";
}
