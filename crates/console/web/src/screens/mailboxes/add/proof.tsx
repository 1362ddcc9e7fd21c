// The proof, line by line; a failure has one button that changes what is wrong and tests again.

import { ArrowRight, PlugZap } from "lucide-react";
import type { UseMutationResult } from "@tanstack/react-query";
import { useRef } from "react";
import type { TestRun } from "../../../api/connection-test";
import { Problem } from "../../../api/client";
import type { Mailbox } from "../../../api/types";
import { Button, Failed } from "../../../ui/basics";
import { SettingsFields } from "../form";
import { isAboutRoles, TrustDialog, useRemedies } from "../remedies";
import type { Hands } from "../remedy-view";
import { ReportView } from "../report";
import type { SettingsForm } from "../settings-form";
import type { StepProps } from "./state";

export type Saving = UseMutationResult<Mailbox, Error, boolean>;

interface Props extends StepProps {
  run: TestRun;
  onTest: (form?: SettingsForm) => void;
  saving: Saving;
  onDraft: () => void;
}

export function ProofStep({ wizard, change, go, run, onTest, saving, onDraft }: Props) {
  const element = useRef<HTMLFormElement>(null);
  const { form } = wizard;
  const test = (with_: SettingsForm = form) => {
    if (element.current?.reportValidity()) onTest(with_);
  };
  const remedies = useRemedies(form, (next) => change({ form: next }), test);
  const usable = run.report !== null && run.report.verdict !== "fails";
  // One side that fails can be mended later: to go on is possible, and not the first thing to do.
  const works = usable && (run.report?.verdict === "works" || !(form.receives && form.sends));
  const next = works ? (form.receives ? "Next: folders" : "Next") : run.report?.verdict === "receives_only" ? "Go on: it receives" : "Go on: it sends";
  const hands: Hands = {
    ...remedies.hands,
    apply: (action, side, step) => (usable && isAboutRoles(action, step) ? go("folders") : remedies.hands.apply(action, side, step)),
  };
  const busy = run.state === "running" || saving.isPending;
  return (
    <div className="connect report-first">
      <form
        ref={element} className="card" aria-label="Settings"
        onSubmit={(e) => {
          e.preventDefault();
          test();
        }}
      >
        {saving.error && <div className="form-section"><Failed error={saving.error} /></div>}
        <SettingsFields form={form} onChange={(next) => change({ form: next })} problem={saving.error instanceof Problem ? saving.error : run.problem} />
        <div className="form-foot">
          {works && <Button look="primary" icon={ArrowRight} disabled={busy} onClick={() => go("folders")}>{next}</Button>}
          <Button type="submit" look={works ? undefined : "primary"} icon={PlugZap} busy={run.state === "running"} disabled={busy || (!form.receives && !form.sends)}>
            {run.state === "idle" ? "Test these settings" : "Test again"}
          </Button>
          {usable && !works && <Button icon={ArrowRight} disabled={busy} onClick={() => go("folders")}>{next}</Button>}
          <Button look="ghost" disabled={busy} busy={saving.isPending} onClick={() => element.current?.reportValidity() && onDraft()}>Save as draft</Button>
        </div>
      </form>
      <aside aria-label="Connection report">
        <div className="card">
          <ReportView
            steps={run.steps} report={run.report} running={run.state === "running"} startedAt={run.startedAt}
            problem={run.problem} hands={hands}
          />
        </div>
      </aside>
      <TrustDialog {...remedies.trust} />
    </div>
  );
}
