// What the screens read, by name. Keys start with the noun, so that an event can invalidate
// everything about it at once.

import { infiniteQueryOptions, keepPreviousData, queryOptions } from "@tanstack/react-query";
import { api, path, Problem, send } from "./client";
import type { ComposeMode } from "../addresses";
import type {
  AnswerStart,
  Audit,
  CatalogueEntry, CoverageState, Delivery, Failure, Folder, Mailbox, Message, MessageBody, Owed, Page, Plan, Report, Role, ServerDraft, ServerProfile, Submission, Tag, Thread, ThreadDetail, Token, Unified, User, Webhook,
} from "./types";

/** How often the mailboxes are asked for: "proven alive" moves without an event. */
const MAILBOXES_EVERY = 15_000;
/** The same while one of them is being filled. */
const FILLING_EVERY = 2_000;
const PAGE = 50;

export const session = queryOptions({
  queryKey: ["session"],
  queryFn: async ({ signal }) => {
    try {
      return (await api.get<{ user: User }>("/v1/session", signal)).user;
    } catch (error) {
      if (error instanceof Problem && error.status === 401) return null;
      throw error;
    }
  },
  staleTime: Infinity,
});

export const setup = queryOptions({
  queryKey: ["setup"],
  queryFn: ({ signal }) => api.get<{ needed: boolean }>("/v1/setup", signal),
});

/** Every page of a list that is known to be short. */
export async function all<T>(base: string, signal: AbortSignal, further: Record<string, boolean> = {}): Promise<T[]> {
  const rows: T[] = [];
  let cursor: string | null = null;
  do {
    const page: Page<T> = await api.get(path(base, { ...further, limit: 200, cursor }), signal);
    rows.push(...page.data);
    cursor = page.next_cursor ?? null;
  } while (cursor && rows.length < 5000);
  return rows;
}

export const mailboxes = queryOptions({
  queryKey: ["mailboxes"],
  queryFn: ({ signal }) => all<Mailbox>("/v1/mailboxes", signal),
  refetchInterval: (query) =>
    query.state.data?.some((m) => m.coverage.state === "filling" || m.connection.state === "connecting")
      ? FILLING_EVERY
      : MAILBOXES_EVERY,
});

export const serverProfiles = queryOptions({
  queryKey: ["server-profiles"],
  queryFn: ({ signal }) => all<ServerProfile>("/v1/server-profiles", signal),
});

export const mailbox = (id: string) =>
  queryOptions({
    queryKey: ["mailboxes", id],
    queryFn: ({ signal }) => api.get<Mailbox>(`/v1/mailboxes/${id}`, signal),
    refetchInterval: (query) => (query.state.data?.coverage.state === "filling" ? FILLING_EVERY : MAILBOXES_EVERY),
  });

export const folders = (mailboxId: string) =>
  queryOptions({
    queryKey: ["folders", mailboxId],
    queryFn: ({ signal }) => all<Folder>(`/v1/mailboxes/${mailboxId}/folders`, signal),
    staleTime: 10_000,
  });

/** How often own tags and folders are counted: it is not free. */
const COUNTED_EVERY = 20_000;

/** What each role holds over all mailboxes. */
export const unified = queryOptions({
  queryKey: ["unified"],
  queryFn: async ({ signal }) => (await api.get<Page<Unified>>("/v1/unified-folders", signal)).data,
  staleTime: 5_000,
});

export const tags = queryOptions({
  queryKey: ["tags"],
  queryFn: ({ signal }) => all<Tag>("/v1/tags", signal, { counts: true }),
  staleTime: 10_000,
  refetchInterval: COUNTED_EVERY,
});

export const plan = (mailboxId: string, state: CoverageState) =>
  queryOptions({
    queryKey: ["plans", mailboxId, state],
    queryFn: ({ signal }) => api.get<Plan>(`/v1/mailboxes/${mailboxId}/plan`, signal),
    refetchInterval: state === "filling" ? FILLING_EVERY : false,
  });

export const failures = (mailboxId: string) =>
  queryOptions({
    queryKey: ["failures", mailboxId],
    queryFn: ({ signal }) => api.get<Page<Failure>>(`/v1/mailboxes/${mailboxId}/failures`, signal),
  });

export const owed = (mailboxId: string) =>
  queryOptions({
    queryKey: ["owed", mailboxId],
    queryFn: ({ signal }) => api.get<Page<Owed>>(`/v1/mailboxes/${mailboxId}/owed`, signal),
    refetchInterval: 15_000,
  });

/** While one is under way, it is looked at again and again. */
export const audit = (mailboxId: string) =>
  queryOptions({
    queryKey: ["audits", mailboxId],
    queryFn: ({ signal }) => api.get<Audit>(`/v1/mailboxes/${mailboxId}/audit`, signal),
    refetchInterval: (query) => (query.state.data?.asked_at ? 1_000 : false),
  });

export const report = (id: string | null) =>
  queryOptions({
    queryKey: ["reports", id],
    queryFn: ({ signal }) => api.get<Report>(`/v1/connection-tests/${id}`, signal),
    enabled: id !== null,
    staleTime: Infinity,
  });

/** The last reports of a mailbox, newest first; `last` makes a new list when there is a new report. */
export const reports = (mailboxId: string, last: string | null) =>
  queryOptions({
    queryKey: ["reports", "of", mailboxId, last],
    queryFn: ({ signal }) => api.get<Page<Report>>(path("/v1/connection-tests", { mailbox_id: mailboxId, limit: 50 }), signal),
    placeholderData: keepPreviousData,
  });

/** An entry of the catalogue of problems. */
export const problem = (id: string | null) =>
  queryOptions({
    queryKey: ["problems", id],
    queryFn: ({ signal }) => api.get<CatalogueEntry>(`/v1/problems/${id}`, signal),
    enabled: id !== null,
    staleTime: Infinity,
  });

export interface ListFilter {
  mailbox?: string;
  role?: Role;
  folder?: string;
  tag?: string;
  q?: string;
  unread?: boolean;
  flagged?: boolean;
}

export const messages = (filter: ListFilter) =>
  infiniteQueryOptions({
    queryKey: ["messages", filter],
    queryFn: ({ pageParam, signal }) =>
      api.get<Page<Message>>(
        path("/v1/messages", {
          mailbox_id: filter.mailbox,
          role: filter.folder || filter.q ? undefined : filter.role,
          folder_id: filter.folder,
          tag_id: filter.tag,
          q: filter.q,
          unread: filter.unread,
          flagged: filter.flagged,
          limit: PAGE,
          cursor: pageParam,
        }),
        signal,
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.next_cursor ?? undefined,
  });

export const threads = (filter: ListFilter) =>
  infiniteQueryOptions({
    queryKey: ["threads", filter],
    queryFn: ({ pageParam, signal }) =>
      api.get<Page<Thread>>(
        path("/v1/threads", { mailbox_id: filter.mailbox, role: filter.role, tag_id: filter.tag, unread: filter.unread, limit: PAGE, cursor: pageParam }),
        signal,
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.next_cursor ?? undefined,
  });

export const thread = (id: string) =>
  queryOptions({
    queryKey: ["thread", id],
    queryFn: ({ signal }) => api.get<ThreadDetail>(`/v1/threads/${id}`, signal),
  });

/** A message that is being written. */
export const serverDraft = (id: string) =>
  queryOptions({
    queryKey: ["draft", id],
    queryFn: ({ signal }) => api.get<ServerDraft>(`/v1/drafts/${id}`, signal),
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
  });

/** What is being written, from all mailboxes. */
export const allDrafts = queryOptions({
  queryKey: ["drafts", "all"],
  queryFn: ({ signal }) => all<ServerDraft>("/v1/drafts", signal),
  staleTime: 0,
});

/** What is being written from a mailbox. */
export const drafts = (mailbox: string) =>
  queryOptions({
    queryKey: ["drafts", mailbox],
    queryFn: async ({ signal }) => (await api.get<Page<ServerDraft>>(path("/v1/drafts", { mailbox_id: mailbox, limit: 500 }), signal)).data,
    staleTime: 0,
  });

/** How an answer or a forward begins, as the server would fill it in. */
export const answerStart = (id: string, kind: ComposeMode) =>
  queryOptions({
    queryKey: ["answer", id, kind],
    queryFn: ({ signal }) => api.get<AnswerStart>(path(`/v1/messages/${id}/answer`, { kind }), signal),
    // Once begun it is the writer's own.
    staleTime: Number.POSITIVE_INFINITY,
  });

export const message = (id: string, images = false) =>
  queryOptions({
    queryKey: ["message", id, images],
    queryFn: async ({ signal }) => {
      try {
        return await api.get<MessageBody>(
          path(`/v1/messages/${id}`, { body: "text,html", remote_images: images ? "allowed" : undefined }),
          signal,
        );
      } catch (error) {
        if (!(error instanceof Problem && error.code === "headers_only")) throw error;
        const head = await api.get<Message>(`/v1/messages/${id}`, signal);
        return { ...head, text: null, html: null, reply_text: null, attachments: [], auth_results: null, report: null };
      }
    },
    staleTime: 60_000,
    placeholderData: (previous) => (previous?.id === id ? previous : undefined),
  });

/** The text of a calendar that came with a message. */
export const invitation = (message: string, attachment: string) =>
  queryOptions({
    queryKey: ["invitation", message, attachment],
    queryFn: async ({ signal }) => (await send("GET", `/v1/messages/${message}/attachments/${attachment}`, { signal })).text(),
    staleTime: Number.POSITIVE_INFINITY,
  });

/** What was said to the invitation in a message, by the newest answer that is sent or on its way. */
export const invitationAnswer = (message: string) =>
  queryOptions({
    queryKey: ["submissions", "answers", message],
    queryFn: async ({ signal }) => answerGiven((await api.get<Page<Submission>>(path("/v1/submissions", { in_reply_to_message_id: message }), signal)).data),
  });

/** `answers`: newest first, among them words to whoever invites. */
export const answerGiven = (answers: Pick<Submission, "state" | "calendar_reply">[]) =>
  answers.find((one) => one.calendar_reply && one.state !== "cancelled" && one.state !== "failed")?.calendar_reply ?? null;

/** How many messages wait for their time to be sent: exact up to a page. */
export const scheduled = queryOptions({
  queryKey: ["submissions", "scheduled", "count"],
  queryFn: async ({ signal }) => (await api.get<Page<Submission>>(path("/v1/submissions", { scheduled: true, limit: 500 }), signal)).data.length,
  refetchInterval: 60_000,
});

export const submissions = (state?: string, scheduled?: boolean) =>
  infiniteQueryOptions({
    queryKey: ["submissions", scheduled ? "scheduled" : (state ?? "all")],
    queryFn: ({ pageParam, signal }) =>
      api.get<Page<Submission>>(path("/v1/submissions", { state, scheduled, limit: PAGE, cursor: pageParam }), signal),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.next_cursor ?? undefined,
    placeholderData: keepPreviousData,
  });

export const tokens = queryOptions({
  queryKey: ["tokens"],
  queryFn: ({ signal }) => all<Token>("/v1/tokens", signal),
});

export const webhooks = queryOptions({
  queryKey: ["webhooks"],
  queryFn: ({ signal }) => all<Webhook>("/v1/webhooks", signal),
});

export const deliveries = (id: string) =>
  infiniteQueryOptions({
    queryKey: ["webhooks", id, "deliveries"],
    queryFn: ({ pageParam, signal }) =>
      api.get<Page<Delivery>>(path(`/v1/webhooks/${id}/deliveries`, { limit: PAGE, cursor: pageParam }), signal),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.next_cursor ?? undefined,
    refetchInterval: 10_000,
  });
