// A connection test of a saved mailbox, started from the table.

import { useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useEffect } from "react";
import { useConnectionTest } from "../../api/connection-test";
import type { Mailbox } from "../../api/types";
import { Button } from "../../ui/basics";
import { Dialog } from "../../ui/overlays";
import { carry } from "./remedies";
import type { Hands } from "./remedy-view";
import { ReportView } from "./report";

export function TestDialog({ mailbox, onClose }: { mailbox: Mailbox; onClose: () => void }) {
  const { run, start } = useConnectionTest();
  const client = useQueryClient();
  const navigate = useNavigate();
  useEffect(() => {
    void start({ mailbox_id: mailbox.id }).then(() => client.invalidateQueries({ queryKey: ["mailboxes"] }));
  }, [mailbox.id, start, client]);
  const hands: Hands = {
    apply: (action, side, step) => {
      carry(mailbox.id, action, side, step);
      void navigate({ to: "/mailboxes/$id/settings", params: { id: mailbox.id } });
    },
    test: () => void start({ mailbox_id: mailbox.id }),
    until: mailbox.connection.until,
    address: mailbox.address,
  };
  return (
    <Dialog open onClose={onClose} title={`Test of ${mailbox.address}`} wide>
      <ReportView
        steps={run.steps} report={run.report} running={run.state === "running"} startedAt={run.startedAt} problem={run.problem}
        hands={hands}
      />
      <div className="row end">
        <Button disabled={run.state === "running"} onClick={() => void start({ mailbox_id: mailbox.id })}>Test again</Button>
        <Button look="primary" onClick={onClose}>Close</Button>
      </div>
    </Dialog>
  );
}
