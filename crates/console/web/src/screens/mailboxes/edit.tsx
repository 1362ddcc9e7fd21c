// Change a saved mailbox: the same form; the password field is write-only.

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useParams } from "@tanstack/react-router";
import { ChevronLeft, PlugZap } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { api, Problem } from "../../api/client";
import { useConnectionTest } from "../../api/connection-test";
import { mailbox as mailboxQuery, report as reportQuery } from "../../api/queries";
import type { Mailbox } from "../../api/types";
import { Button, Failed, Waiting } from "../../ui/basics";
import { SettingsFields } from "./form";
import { isAboutRoles, takeCarried, TrustDialog, useRemedies } from "./remedies";
import type { Hands } from "./remedy-view";
import { ReportView } from "./report";
import { formOf, inputOf, type SettingsForm } from "./settings-form";

export function EditMailbox() {
  const { id } = useParams({ from: "/inside/mailboxes/$id/settings" });
  const query = useQuery(mailboxQuery(id));
  return (
    <div className="page">
      <div className="inner">
        <div className="page-head">
          <div className="titles">
            <Link to="/mailboxes/$id" params={{ id }} className="crumb"><ChevronLeft className="i" aria-hidden />{query.data?.name ?? "Mailbox"}</Link>
            <h1>Settings</h1>
          </div>
        </div>
        {query.isPending && <div className="card"><div className="body"><Waiting lines={8} /></div></div>}
        {query.isError && !query.data && <Failed error={query.error} retry={() => void query.refetch()} />}
        {query.data && <Form key={id} mailbox={query.data} />}
      </div>
    </div>
  );
}

function Form({ mailbox }: { mailbox: Mailbox }) {
  const [form, setForm] = useState(() => formOf(mailbox));
  const { run, start } = useConnectionTest();
  const last = useQuery(reportQuery(mailbox.last_report_id));
  const client = useQueryClient();
  const navigate = useNavigate();
  const element = useRef<HTMLFormElement>(null);

  const save = useMutation({
    mutationFn: (changed: SettingsForm) => {
      const { address: _address, ...body } = inputOf(changed);
      // Left out means "as it was" in a PATCH; every folder has to be said.
      return api.patch<Mailbox>(`/v1/mailboxes/${mailbox.id}`, { ...body, monitored_folders: body.monitored_folders ?? null });
    },
    onSuccess: (saved) => {
      client.setQueryData(mailboxQuery(saved.id).queryKey, saved);
      void client.invalidateQueries({ queryKey: ["mailboxes"] });
      setForm((now) => ({ ...now, password: "", outgoingPassword: "" }));
    },
  });

  const saveAndTest = async (changed: SettingsForm = form) => {
    if (!element.current?.reportValidity()) return;
    await save.mutateAsync(changed).then(
      () => start({ mailbox_id: mailbox.id }),
      () => null,
    );
    void client.invalidateQueries({ queryKey: ["mailboxes"] });
  };
  const remedies = useRemedies(form, setForm, (changed) => void saveAndTest(changed));
  const hands: Hands = {
    ...remedies.hands,
    apply: (action, side, step) =>
      isAboutRoles(action, step) ? void navigate({ to: "/mailboxes/$id", params: { id: mailbox.id } }) : remedies.hands.apply(action, side, step),
  };
  const begun = useRef(false);
  useEffect(() => {
    // What was chosen in a report elsewhere is carried out here, where one sees what changes.
    const waiting = begun.current ? null : takeCarried(mailbox.id);
    begun.current = true;
    if (waiting) setTimeout(() => remedies.hands.apply(waiting.action, waiting.side, waiting.step));
  });
  const busy = run.state === "running" || save.isPending;
  const shown = run.state === "idle" ? (last.data ?? null) : run.report;

  return (
    <div className="connect">
      <form
        ref={element} className="card" aria-label="Settings"
        onSubmit={(e) => {
          e.preventDefault();
          void saveAndTest();
        }}
      >
        {save.error && <div className="form-section"><Failed error={save.error} /></div>}
        <SettingsFields form={form} onChange={setForm} problem={save.error instanceof Problem ? save.error : null} saved />
        <div className="form-foot">
          <Button type="submit" look="primary" icon={PlugZap} busy={busy}>Save and test</Button>
          <Button look="ghost" disabled={busy} onClick={() => void navigate({ to: "/mailboxes/$id", params: { id: mailbox.id } })}>Back to the mailbox</Button>
        </div>
      </form>
      <aside aria-label="Connection report">
        <div className="card">
          <ReportView
            steps={run.state === "idle" ? (last.data?.steps ?? []) : run.steps} report={shown} running={run.state === "running"}
            startedAt={run.startedAt} problem={run.problem} hands={hands}
          />
        </div>
      </aside>
      <TrustDialog {...remedies.trust} />
    </div>
  );
}
