// Out of office: what mailboxes answer by themselves.

import { queryOptions } from "@tanstack/react-query";
import { api } from "./client";
import type { Page, Time } from "./types";

export interface Wording {
  subject: string | null;
  text: string | null;
  html: string | null;
}

export interface AutoReply extends Wording {
  id: string;
  mailbox_id: string;
  enabled: boolean;
  /** Who answers: Postroom, or the mailbox's own server. */
  place: "postroom" | "server";
  /** What is known of it on that server; null: it does not stand there. */
  on_server: "changing" | "set" | "unsure" | null;
  /** Whether that server answers by itself; null: it was not asked. */
  server_offers: boolean | null;
  starts_at: Time | null;
  ends_at: Time | null;
  time_zone: string;
  /** Null: the same for all. */
  inside: Wording | null;
  inside_domains: string[];
  audience: "everyone" | "inside" | "outside";
  exclusions: string[];
  period_days: number;
  /** Senders who got one since it was switched on. */
  answered: number;
  enabled_at: Time | null;
  created_at: Time;
}

/** What a mailbox's server says about answering by itself. */
export interface AutoReplyServer {
  offers: boolean;
  port: number;
  active_script: string | null;
  reason: string | null;
}

export interface AutoReplyPreview {
  data: {
    message_id: string; from: string | null; subject: string | null; received_at: Time; answered: boolean; to: string | null; inside: boolean | null;
    answer_subject: string | null; reason: string | null; reason_text: string | null;
  }[];
  answered: number;
  truncated: boolean;
}

/** The out of office of a mailbox; null: it has none. */
export const autoReply = (mailboxId: string) => queryOptions({
  queryKey: ["auto-replies", mailboxId],
  queryFn: async ({ signal }) => (await api.get<Page<AutoReply>>(`/v1/auto-replies?mailbox_id=${mailboxId}`, signal)).data[0] ?? null,
  staleTime: 10_000,
});

/** Who would have got it in the last days, as it is stored. */
export const autoReplyPreview = (id: string) => queryOptions({
  queryKey: ["auto-reply-preview", id],
  queryFn: () => api.post<AutoReplyPreview>(`/v1/auto-replies/${id}/preview`, { days: 7 }),
  staleTime: 0,
  gcTime: 0,
});
