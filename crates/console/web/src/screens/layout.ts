// How mail is shown to the user who is signed in: kept with the user, so that it is the same in every browser.

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import type { InboxSearch } from "../addresses";
import { api } from "../api/client";
import { session } from "../api/queries";
import type { Layout, Mailbox, User } from "../api/types";
import { toastProblem } from "../ui/overlays";

const USUAL: Layout = { threads: true, merge_folders: true };

export function useLayout() {
  const { data: user } = useQuery(session);
  const client = useQueryClient();
  const change = useMutation({
    mutationFn: (layout: Partial<Layout>) => api.patch<{ user: User }>("/v1/session", { layout }),
    // Shown at once; taken back where it could not be kept.
    onMutate: (layout) => {
      const before = client.getQueryData(session.queryKey);
      const now: User | null = before ? { ...before, layout: { ...USUAL, ...before.layout, ...layout } } : null;
      client.setQueryData(session.queryKey, now);
      return { before };
    },
    onSuccess: ({ user: after }) => client.setQueryData(session.queryKey, after),
    onError: (error, _layout, kept) => {
      if (kept?.before) client.setQueryData(session.queryKey, kept.before);
      toastProblem(error);
    },
  });
  return { layout: { ...USUAL, ...user?.layout }, change };
}

/** What is shown where the address names no mailbox: all as one, or the first mailbox that receives. */
export function placed(search: InboxSearch, layout: Layout, mailboxes: Mailbox[] | undefined): InboxSearch {
  if (layout.merge_folders || search.mailbox || search.q || search.tag || search.flagged) return search;
  return { ...search, mailbox: mailboxes?.find((m) => m.incoming)?.id };
}

/** As conversations or message by message: what the address says, else what the user chose. */
export const isThreaded = (search: InboxSearch, layout: Layout) => (search.view ? search.view === "threads" : layout.threads);
