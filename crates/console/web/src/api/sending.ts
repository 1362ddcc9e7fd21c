// As whom mail is sent, what goes below it, and stored templates.

import { queryOptions } from "@tanstack/react-query";
import { api } from "./client";
import { all } from "./queries";
import type { Page, Time } from "./types";

export interface Identity {
  id: string;
  mailbox_id: string;
  name: string;
  address: string;
  reply_to: string | null;
  is_main: boolean;
  /** Mail to it arrives in the mailbox. */
  is_alias: boolean;
  fields: Record<string, string>;
  /** Null: the central one; `none`: none. */
  signature_id: string | null;
  usable_by: { everyone: boolean; user_ids: string[]; token_ids: string[] };
  /** By whoever asks. */
  usable: boolean;
  created_at: Time;
}

export interface Signature {
  id: string;
  name: string;
  kind: "personal" | "shared" | "central";
  owner_id: string | null;
  html: string;
  text: string | null;
  created_at: Time;
}

export interface Template {
  id: string;
  name: string;
  mailbox_id: string | null;
  subject: string;
  html: string | null;
  text: string | null;
  variables: string[];
  created_at: Time;
}

export interface SignaturePreview {
  html: string;
  text: string;
  identity_id: string;
}

export interface TemplatePreview {
  subject: string;
  html: string | null;
  text: string;
  variables: string[];
}

export interface Job {
  id: string;
  phase: "running" | "paused" | "cancelled" | "done";
  mailbox_id: string;
  total: number;
  done: number;
  failed: number;
  rate: number | null;
  eta: Time | null;
  last_error: string | null;
  created_at: Time;
  finished_at: Time | null;
}

/** How often jobs that run are asked for. */
const RUNNING_EVERY = 2_000;

export const jobs = queryOptions({
  queryKey: ["jobs"],
  queryFn: async ({ signal }) => (await api.get<Page<Job>>("/v1/jobs", signal)).data,
  refetchInterval: (query) => (query.state.data?.some((job) => job.phase === "running") ? RUNNING_EVERY : 30_000),
});

/** Every identity that may be seen; which of them this user may send as is `usable`. */
export const identities = queryOptions({
  queryKey: ["identities"],
  queryFn: ({ signal }) => all<Identity>("/v1/identities", signal),
  staleTime: 10_000,
});

export const signatures = queryOptions({
  queryKey: ["signatures"],
  queryFn: ({ signal }) => all<Signature>("/v1/signatures", signal),
  staleTime: 10_000,
});

export const templates = queryOptions({
  queryKey: ["templates"],
  queryFn: ({ signal }) => all<Template>("/v1/templates", signal),
  staleTime: 10_000,
});

export const shown = (identity: Identity) => (identity.name ? `${identity.name} <${identity.address}>` : identity.address);
