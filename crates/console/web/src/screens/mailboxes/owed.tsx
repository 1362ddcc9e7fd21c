// What the mailbox's server has not confirmed: tried again or given up by hand.

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { RotateCw, X } from "lucide-react";
import { api } from "../../api/client";
import { owed as owedQuery } from "../../api/queries";
import type { Mailbox, Owed } from "../../api/types";
import { Ago, Button, Pill } from "../../ui/basics";
import { plural } from "../../ui/format";
import { toast, toastProblem } from "../../ui/overlays";

const WORDS = { pending: "waits", working: "at work", failed: "failed" } as const;

/** Nothing is shown where nothing is owed. */
export function OwedCard({ mailbox }: { mailbox: Mailbox }) {
  const query = useQuery({ ...owedQuery(mailbox.id), enabled: mailbox.incoming?.protocol === "imap" });
  const client = useQueryClient();
  const act = useMutation({
    mutationFn: ({ change, verb }: { change: Owed; verb: "retry" | "cancel" }) =>
      api.post(`/v1/mailboxes/${mailbox.id}/owed/${change.id}/${verb}`),
    onSuccess: (_, { verb }) => toast(verb === "retry" ? "The server is asked again" : "Given up: what the server has counts"),
    onError: toastProblem,
    onSettled: () => client.invalidateQueries({ queryKey: ["owed", mailbox.id] }),
  });
  const rows = query.data?.data ?? [];
  if (rows.length === 0) return null;
  const failed = rows.filter((each) => each.state === "failed").length;
  const busy = (change: Owed, verb: string) => act.isPending && act.variables.change.id === change.id && act.variables.verb === verb;
  return (
    <section className="card" aria-label="Changes that the server has not confirmed">
      <header>
        <h2>Not confirmed by the server</h2>
        <Pill tone={failed > 0 ? "warn" : "quiet"}>{failed > 0 ? `${failed} failed` : plural(rows.length, "change")}</Pill>
      </header>
      {mailbox.read_only && <p className="body quiet">The mailbox is read only: these changes rest until that is off.</p>}
      <ul>
        {rows.map((each) => (
          <li key={each.id} className="ledger">
            <div className="grow">
              <div>{each.what}</div>
              <div className="faint small">
                {WORDS[each.state]} · asked for <Ago time={each.created_at} step={10} /> · {plural(each.attempts, "try", "tries")}
                {each.reason && <> · {each.reason}</>}
              </div>
            </div>
            <Button size="small" icon={RotateCw} busy={busy(each, "retry")} disabled={mailbox.read_only || each.state === "working"} onClick={() => act.mutate({ change: each, verb: "retry" })}>Retry</Button>
            <Button look="ghost" size="small" icon={X} busy={busy(each, "cancel")} disabled={each.state === "working"} onClick={() => act.mutate({ change: each, verb: "cancel" })}>Give up</Button>
          </li>
        ))}
      </ul>
    </section>
  );
}
