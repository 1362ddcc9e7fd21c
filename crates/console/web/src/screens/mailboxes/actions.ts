// What people can do with a mailbox, from the table and from its page.

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { api } from "../../api/client";
import type { Mailbox } from "../../api/types";
import { toast, toastProblem } from "../../ui/overlays";

export type Verb = "enable" | "disable" | "pause" | "resume" | "approve" | "resync" | "try-again";

const DONE: Record<Verb, string> = {
  enable: "Enabled", disable: "Disabled", pause: "Paused", resume: "Resumed", approve: "Approved", resync: "A full comparison has begun", "try-again": "Trying again",
};

/** The decisions that make sense now. */
export function verbsFor({ lifecycle, connection }: Mailbox): Verb[] {
  switch (lifecycle) {
    case "draft":
    case "disabled":
      return ["enable"];
    case "awaiting_approval":
      return ["approve"];
    case "enabled":
      return [...(["held", "waiting", "limited"].includes(connection.state) ? (["try-again"] as const) : []), "pause", "resync", "disable"];
    case "paused":
      return ["resume", "disable"];
  }
}

export function useMailboxAction() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ mailbox, verb }: { mailbox: Mailbox; verb: Verb }) => api.post<unknown>(`/v1/mailboxes/${mailbox.id}/${verb}`),
    onSuccess: (_answer, { mailbox, verb }) => toast(`${DONE[verb]}: ${mailbox.address}`),
    onError: toastProblem,
    onSettled: () => client.invalidateQueries({ queryKey: ["mailboxes"] }),
  });
}

export function useRemoveMailbox(onDone: () => void) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (mailbox: Mailbox) => api.delete(`/v1/mailboxes/${mailbox.id}`),
    onSuccess: (_answer, mailbox) => {
      client.removeQueries({ queryKey: ["mailboxes", mailbox.id] });
      for (const key of ["mailboxes", "messages", "threads"]) void client.invalidateQueries({ queryKey: [key], exact: key === "mailboxes" });
      toast(`Removed ${mailbox.address}`, { description: "The copy here is gone; nothing was deleted on its server." });
      onDone();
    },
    onError: toastProblem,
  });
}
