// Add a mailbox: the settings on one side, the proof of them on the other.

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { ChevronLeft, PlugZap } from "lucide-react";
import { useRef, useState } from "react";
import { api, Problem } from "../../api/client";
import { useConnectionTest } from "../../api/connection-test";
import type { Mailbox, MailboxInput } from "../../api/types";
import { Button, Failed } from "../../ui/basics";
import { toast } from "../../ui/overlays";
import { Promise } from "../set-up";
import { SettingsFields } from "./form";
import { ReportView } from "./report";
import { emptyForm, inputOf, type SettingsForm } from "./settings-form";
import { TrustDialog, useRemedies } from "./remedies";

export function AddMailbox() {
  const [form, setForm] = useState(emptyForm);
  const { run, start } = useConnectionTest();
  const client = useQueryClient();
  const navigate = useNavigate();
  const element = useRef<HTMLFormElement>(null);
  const reportPane = useRef<HTMLElement>(null);

  const save = useMutation({
    mutationFn: (enable: boolean) => api.post<Mailbox>("/v1/mailboxes", { ...inputOf(form), enable } satisfies MailboxInput),
    onSuccess: async (mailbox, enable) => {
      void client.invalidateQueries({ queryKey: ["mailboxes"] });
      if (!enable) toast("Saved as a draft", { description: "Nothing is fetched until it is enabled." });
      else if (mailbox.lifecycle === "draft") {
        toast("Saved as a draft: the test failed", { description: "Nothing you typed is lost. The report says what to change.", bad: true });
      } else toast(`${mailbox.address} is connected`, { description: "Its mail is being fetched, newest first." });
      await navigate({ to: "/mailboxes/$id", params: { id: mailbox.id } });
    },
  });
  const problem = save.error instanceof Problem ? save.error : run.problem;

  const test = (with_: SettingsForm = form) => {
    if (!element.current?.reportValidity()) return;
    reportPane.current?.scrollIntoView({ block: "nearest", behavior: "smooth" });
    save.reset();
    void start(inputOf(with_));
  };
  const remedies = useRemedies(form, setForm, test);
  const works = run.report && run.report.verdict !== "fails";
  const busy = run.state === "running" || save.isPending;

  return (
    <div className="page">
      <div className="inner">
        <div className="page-head">
          <div className="titles">
            <Link to="/mailboxes" search={{}} className="crumb"><ChevronLeft className="i" aria-hidden />Mailboxes</Link>
            <h1>Add a mailbox</h1>
          </div>
        </div>
        <div className="connect">
          <form
            ref={element} className="card" aria-label="Settings"
            onSubmit={(e) => {
              e.preventDefault();
              test();
            }}
          >
            {save.error && <div className="form-section"><Failed error={save.error} /></div>}
            <SettingsFields form={form} onChange={setForm} problem={problem} />
            <div className="form-foot">
              <Button type="submit" look={works ? undefined : "primary"} icon={PlugZap} busy={run.state === "running"} disabled={busy || (!form.receives && !form.sends)}>
                {run.state === "idle" ? "Test these settings" : "Test again"}
              </Button>
              {works && (
                <Button look="primary" busy={save.isPending && save.variables} disabled={busy} onClick={() => element.current?.reportValidity() && save.mutate(true)}>
                  Save and start
                </Button>
              )}
              <Button look="ghost" disabled={busy} busy={save.isPending && !save.variables} onClick={() => element.current?.reportValidity() && save.mutate(false)}>
                Save as draft
              </Button>
            </div>
          </form>
          <aside ref={reportPane} className="stack" aria-label="Connection report">
            <div className="card">
              <ReportView
                steps={run.steps} report={run.report} running={run.state === "running"} startedAt={run.startedAt}
                problem={run.problem} canApply={remedies.label} onApply={remedies.apply}
              />
            </div>
            <Promise />
          </aside>
        </div>
        <TrustDialog {...remedies.trust} />
      </div>
    </div>
  );
}
