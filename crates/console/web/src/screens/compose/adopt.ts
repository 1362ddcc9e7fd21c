// A draft that another mail program left in the Drafts folder becomes one of ours: with its recipients, text and files.

import { api, send } from "../../api/client";
import { all } from "../../api/queries";
import type { Identity } from "../../api/sending";
import type { Message, MessageBody, ServerDraft, SubmissionInput, ThreadDetail, Upload } from "../../api/types";
import { upload } from "../../api/upload";
import { cleaned, isFormatted } from "./clean";

/** Whether a message in a Drafts folder is the copy of one of these drafts: the newest, or one that is on its way out. */
export function isCopyOf(message: Pick<Message, "id" | "internet_message_id">, drafts: Pick<ServerDraft, "id" | "message_id">[]): boolean {
  const made = /^<?(drf_[^.@]+)\./.exec(message.internet_message_id ?? "")?.[1];
  return drafts.some((draft) => draft.message_id === message.id || draft.id === made);
}

export interface Adopted extends Partial<SubmissionInput> {
  reply_to?: Message["reply_to"];
  /** It goes from the Drafts folder once ours is there. */
  replaces_message_id: string;
}

/** What is taken over. `html`: where it is more than lines of text, with what the editor keeps of it. */
export function adopted(message: MessageBody, html: string | null, files: Upload[], answered: string | null, identities: Identity[]): Adopted {
  const from = message.from[0]?.address.toLowerCase();
  const identity = identities.find((one) => one.mailbox_id === message.mailbox_id && one.usable && one.address.toLowerCase() === from);
  return {
    mailbox_id: message.mailbox_id, to: message.to, cc: message.cc, bcc: message.bcc, subject: message.subject ?? "",
    ...(html ? { html } : { text: message.text ?? "" }),
    ...(message.reply_to.length ? { reply_to: message.reply_to } : {}),
    ...(files.length ? { attachments: files.map(({ blob_id, filename }) => ({ blob_id, filename })) } : {}),
    ...(identity && !identity.is_main ? { identity_id: identity.id } : {}),
    // Its writer has quoted already what is quoted, and put the signature that is wanted.
    ...(answered ? { in_reply_to_message_id: answered, quote: false } : {}),
    signature: "none",
    replaces_message_id: message.id,
  };
}

/** The stored message that it answers, if there is one. */
async function answeredBy(message: Message): Promise<string | null> {
  if (!message.in_reply_to) return null;
  const thread = await api.get<ThreadDetail>(`/v1/threads/${message.thread_id}`);
  return thread.messages.find((one) => one.internet_message_id === message.in_reply_to)?.id ?? null;
}

/** Files go the way of those that are attached by hand: the message that they lie in is on its way out. */
async function filesOf(message: MessageBody): Promise<Upload[]> {
  const files: Upload[] = [];
  for (const a of message.attachments) {
    const got = await send("GET", `/v1/messages/${message.id}/attachments/${a.id}`);
    const file = new File([await got.blob()], a.filename ?? "file", { type: a.content_type });
    files.push(await upload(file, () => undefined, new AbortController().signal));
  }
  return files;
}

async function read(id: string, answers: string | null): Promise<Adopted> {
  const message = await api.get<MessageBody>(`/v1/messages/${id}?body=text,html`);
  const html = message.html ? cleaned(message.html) : "";
  const [files, answered, identities] = await Promise.all([filesOf(message), answeredBy(message), all<Identity>("/v1/identities", new AbortController().signal)]);
  return adopted(message, isFormatted(html) ? html : null, files, answered ?? answers, identities);
}

/** Makes it ours. */
export const adopt = async (id: string): Promise<ServerDraft> => api.post<ServerDraft>("/v1/drafts", await read(id, null));

/** What a message says whole, and a draft therefore has no more. */
const TAKEN_AWAY = { text: null, html: null, template_id: null, data: null, attachments: null, reply_to: null, identity_id: null, forward_message_id: null, forward_as: null };

/** Makes of a draft what another program made of its copy on the server (`message_id`). */
export async function takeOver(draft: ServerDraft, id: string): Promise<ServerDraft> {
  const theirs = await read(id, draft.content.in_reply_to_message_id ?? null);
  return api.patch<ServerDraft>(`/v1/drafts/${draft.id}`, { ...TAKEN_AWAY, ...theirs, version: draft.version });
}
