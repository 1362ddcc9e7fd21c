// The comparison of everything that is stored with the server: what the last one found, and another one at once.

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Scale } from "lucide-react";
import { useEffect, useRef } from "react";
import { api } from "../../api/client";
import { audit as auditQuery } from "../../api/queries";
import type { Audit, FolderAudit, LastAudit, Mailbox } from "../../api/types";
import { Ago, Button, Failed, Pill, Waiting } from "../../ui/basics";
import { plural } from "../../ui/format";
import { toastProblem } from "../../ui/overlays";

const OUTCOMES: Record<LastAudit["outcome"], { tone: "good" | "warn"; text: string }> = {
  equal: { tone: "good", text: "equal" },
  repaired: { tone: "good", text: "repaired" },
  differs: { tone: "warn", text: "differs" },
  unfinished: { tone: "warn", text: "unfinished" },
};

/** What is wrong with a folder, in words; nothing where it is as it should be. */
export function differences(folder: FolderAudit): string {
  const found = [
    folder.missing > 0 && `${plural(folder.missing, "message")} missing here`,
    folder.surplus > 0 && `${plural(folder.surplus, "message")} not on the server any more`,
    folder.flags > 0 && `other flags on ${plural(folder.flags, "message")}`,
    folder.miscounted > 0 && folder.missing + folder.surplus + folder.flags === 0 && "counted wrong",
    folder.problem_id && "could not be compared",
  ].filter(Boolean);
  if (found.length > 0 && folder.repaired > 0) found.push(`${folder.repaired} repaired`);
  return found.join(", ");
}

export function AuditCard({ mailbox }: { mailbox: Mailbox }) {
  const query = useQuery(auditQuery(mailbox.id));
  const client = useQueryClient();
  const start = useMutation({
    mutationFn: () => api.post<Audit>(`/v1/mailboxes/${mailbox.id}/audit`, { repair: true }),
    onError: toastProblem,
    onSettled: () => client.invalidateQueries({ queryKey: ["audits", mailbox.id] }),
  });
  const running = Boolean(query.data?.asked_at);
  const ran = useRef(false);
  useEffect(() => {
    if (ran.current && !running) void client.invalidateQueries({ queryKey: ["mailboxes"] });
    ran.current = running;
  }, [running, client]);
  const last = query.data?.last;
  const wrong = (query.data?.folders ?? []).filter((folder) => differences(folder) !== "");
  return (
    <section className="card" aria-label="Compared with the server">
      <header>
        <h2>Compared with the server</h2>
        {last && !running && <Pill tone={OUTCOMES[last.outcome].tone}>{OUTCOMES[last.outcome].text}</Pill>}
        <Button size="small" icon={Scale} busy={running || start.isPending} disabled={mailbox.lifecycle !== "enabled"} onClick={() => start.mutate()}>
          Compare and repair
        </Button>
      </header>
      {query.isPending && <div className="body"><Waiting lines={1} /></div>}
      {query.isError && <div className="body"><Failed error={query.error} retry={() => void query.refetch()} /></div>}
      {query.data && !last && <p className="body quiet">{running ? "Every message is being compared." : "Not yet. It happens by itself once a day."}</p>}
      {last && (
        <p className="body quiet">
          {running ? "Every message is being compared. The last time: " : ""}
          {wrong.length === 0 ? "Every message is here, and as it is on the server" : `${plural(last.differences, "message")} differed, ${last.repaired} repaired`}
          {", "}<Ago time={last.at} step={10} />.
        </p>
      )}
      {wrong.length > 0 && (
        <ul>
          {wrong.map((folder) => (
            <li key={folder.folder_id} className="ledger">
              <div className="grow"><div>{folder.path}</div><div className="faint small">{differences(folder)}</div></div>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
