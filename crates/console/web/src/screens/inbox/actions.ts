// What a reader does with messages: shown at once, sent to the server, taken back when refused.

import { type InfiniteData, type QueryClient, useMutation, useQueryClient } from "@tanstack/react-query";
import { api } from "../../api/client";
import { folders as foldersQuery } from "../../api/queries";
import type { Flags, Message, MessageBody, Page, Role, Thread, ThreadDetail } from "../../api/types";
import { plural } from "../../ui/format";
import { toast, toastProblem } from "../../ui/overlays";

type FlagChange = Partial<Pick<Flags, "seen" | "flagged">>;

/** Applies `change` to every copy of these messages that a screen may show. */
function patchCaches(client: QueryClient, ids: Set<string>, change: FlagChange) {
  const apply = <T extends Message>(m: T): T => (ids.has(m.id) ? { ...m, flags: { ...m.flags, ...change } } : m);
  client.setQueriesData<InfiniteData<Page<Message>>>({ queryKey: ["messages"] }, (old) =>
    old && { ...old, pages: old.pages.map((p) => ({ ...p, data: p.data.map(apply) })) });
  client.setQueriesData<MessageBody>({ queryKey: ["message"] }, (old) => old && apply(old));
  const touched = new Map<string, ThreadDetail>();
  client.setQueriesData<ThreadDetail>({ queryKey: ["thread"] }, (old) => {
    if (!old?.messages.some((m) => ids.has(m.id))) return old;
    const next = { ...old, messages: old.messages.map(apply) };
    touched.set(next.id, next);
    return next;
  });
  client.setQueriesData<InfiniteData<Page<Thread>>>({ queryKey: ["threads"] }, (old) =>
    old && {
      ...old,
      pages: old.pages.map((p) => ({
        ...p,
        data: p.data.map((t) => {
          const detail = touched.get(t.id);
          return detail ? { ...t, unread: detail.messages.filter((m) => !m.flags.seen).length } : t;
        }),
      })),
    });
}

function dropFromLists(client: QueryClient, ids: Set<string>, threadIds: Set<string>) {
  client.setQueriesData<InfiniteData<Page<Message>>>({ queryKey: ["messages"] }, (old) =>
    old && { ...old, pages: old.pages.map((p) => ({ ...p, data: p.data.filter((m) => !ids.has(m.id)) })) });
  client.setQueriesData<InfiniteData<Page<Thread>>>({ queryKey: ["threads"] }, (old) =>
    old && { ...old, pages: old.pages.map((p) => ({ ...p, data: p.data.filter((t) => !threadIds.has(t.id)) })) });
}

const refresh = (client: QueryClient) => {
  for (const key of ["messages", "threads", "thread", "message", "folders", "unified", "tags"]) void client.invalidateQueries({ queryKey: [key] });
};

export function useFlag() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ messages, change }: { messages: Message[]; change: FlagChange }) =>
      Promise.all(messages.map((m) => api.patch(`/v1/messages/${m.id}`, { flags: change }))),
    onMutate: ({ messages, change }) => patchCaches(client, new Set(messages.map((m) => m.id)), change),
    onSuccess: () => {
      for (const key of ["folders", "unified", "tags"]) void client.invalidateQueries({ queryKey: [key] });
    },
    onError: (error) => {
      toastProblem(error);
      refresh(client);
    },
  });
}

interface Put {
  messages: Message[];
  add?: string[];
  remove?: string[];
}

/** Puts own tags and folders on messages, or takes them off: the mail servers do not hear of it. */
export function usePut() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ messages, add = [], remove = [] }: Put) =>
      Promise.all(messages.map((m) => api.patch(`/v1/messages/${m.id}`, { tags: { add, remove } }))),
    onError: toastProblem,
    onSettled: () => refresh(client),
  });
}

interface Move {
  messages: Message[];
  /** Where to: a folder's id, or "trash" for the API's own way. */
  to: { folder: string; name: string } | "trash";
}

/** Moves messages and offers to take it back. Undo puts each one where it was. */
export function useMove() {
  const client = useQueryClient();
  const move = useMutation({
    mutationFn: ({ messages, to }: Move) =>
      Promise.all(
        messages.map((m) => (to === "trash" ? api.delete(`/v1/messages/${m.id}`) : api.patch(`/v1/messages/${m.id}`, { folder_id: to.folder }))),
      ),
    onMutate: ({ messages }) =>
      dropFromLists(client, new Set(messages.map((m) => m.id)), new Set(messages.map((m) => m.thread_id))),
    onSuccess: (_answer, { messages, to }) => {
      const what = messages.length === 1 ? "" : `${plural(messages.length, "message")}: `;
      toast(what + (to === "trash" ? "Moved to the trash" : `Moved to ${to.name}`), {
        action: { label: "Undo", run: () => void undo(client, messages) },
      });
      void client.invalidateQueries({ queryKey: ["folders"] });
    },
    onError: (error) => {
      toastProblem(error);
      refresh(client);
    },
  });
  return move;
}

/** Takes a label off: on a server with labels, archived is what is not labelled Inbox. */
export function useUnlabel() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ messages, label }: { messages: Message[]; label: string; done: string }) =>
      Promise.all(messages.map((m) => api.patch(`/v1/messages/${m.id}`, { labels: { remove: [label] } }))),
    onMutate: ({ messages }) => dropFromLists(client, new Set(messages.map((m) => m.id)), new Set(messages.map((m) => m.thread_id))),
    onSuccess: (_, { done }) => toast(done),
    onError: toastProblem,
    onSettled: () => refresh(client),
  });
}

/** Copies messages into a folder of their mailbox; the copies show when the server has made them. */
export function useCopy() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ messages, folder }: { messages: Message[]; folder: string; name: string }) =>
      Promise.all(messages.map((m) => api.post(`/v1/messages/${m.id}/copy`, { folder_id: folder }))),
    onSuccess: (_, { messages, name }) => toast(`${messages.length === 1 ? "" : `${plural(messages.length, "message")}: `}Copied to ${name}`),
    onError: toastProblem,
    onSettled: () => refresh(client),
  });
}

async function undo(client: QueryClient, messages: Message[]) {
  try {
    await Promise.all(
      messages.map((m) => {
        const home = m.folders[0]?.folder_id;
        return home ? api.patch(`/v1/messages/${m.id}`, { folder_id: home }) : Promise.resolve();
      }),
    );
    toast("Moved back");
  } catch (error) {
    toastProblem(error);
  }
  refresh(client);
}

/** The folder with a role in a mailbox, asked for when needed. */
export async function folderWithRole(client: QueryClient, mailboxId: string, role: Role) {
  const all = await client.ensureQueryData(foldersQuery(mailboxId));
  return all.find((f) => f.role === role) ?? null;
}
