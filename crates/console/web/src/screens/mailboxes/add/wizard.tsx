// Add a mailbox: from an address to live mail, one question after the other. Every step can be left and resumed in this tab.

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { Check, ChevronLeft } from "lucide-react";
import { useEffect, useState } from "react";
import { api } from "../../../api/client";
import { useConnectionTest } from "../../../api/connection-test";
import type { Mailbox, ServerProfile } from "../../../api/types";
import { toast } from "../../../ui/overlays";
import { inputOf, type SettingsForm, withNames } from "../settings-form";
import { AddressStep } from "./address";
import { FoldersStep } from "./folders";
import { SettingsStep } from "./settings";
import { SignInStep } from "./sign-in";
import { bodyOf, emptyWizard, forget, keep, profileOf, resume, STEP_NAMES, STEPS, type Wizard, type WizardStep } from "./state";
import { ProofStep } from "./proof";

export function AddMailbox() {
  const [wizard, setWizard] = useState(resume);
  const test = useConnectionTest();
  const client = useQueryClient();
  const navigate = useNavigate();
  useEffect(() => keep(wizard), [wizard]);

  const change = (part: Partial<Wizard>) => setWizard((now) => ({ ...now, ...part }));
  const go = (step: WizardStep) => change({ step });
  const report = test.run.report;

  const save = useMutation({
    mutationFn: async (enable: boolean) => {
      if (wizard.shared) {
        await api.post<ServerProfile>("/v1/server-profiles", profileOf(wizard));
        // Done: should the mailbox itself be refused, a second try makes no second profile.
        change({ shared: false });
      }
      return api.post<Mailbox>("/v1/mailboxes", bodyOf(wizard, report?.folders ?? [], enable));
    },
    onSuccess: async (mailbox, enable) => {
      forget();
      void client.invalidateQueries({ queryKey: ["mailboxes"] });
      if (!enable) toast("Saved as a draft", { description: "Nothing is fetched until it is enabled." });
      else if (mailbox.lifecycle === "draft") {
        toast("Saved as a draft: the test failed", { description: "Nothing you typed is lost. The report says what to change.", bad: true });
      }
      const live = enable && mailbox.lifecycle !== "draft";
      await navigate({ to: "/mailboxes/$id", params: { id: mailbox.id }, search: live ? { new: true } : {} });
    },
  });

  const startTest = (form: SettingsForm = wizard.form) => {
    save.reset();
    setWizard((now) => ({ ...now, form, step: "test", choices: {} }));
    void test.start(inputOf(form)).then((done) => done && setWizard((now) => ({ ...now, form: withNames(now.form, done) })));
  };
  const countAgain = () => void test.start(inputOf(wizard.form)).then((again) => {
    if (again?.verdict === "fails" || again === null) go("test");
  });
  const startOver = () => {
    forget();
    test.reset();
    save.reset();
    setWizard(emptyWizard());
  };
  const steps = { wizard, change, go };
  const draft = () => save.mutate(false);

  return (
    <div className="page">
      <div className={`inner ${wizard.step === "settings" || wizard.step === "test" ? "" : "narrow"}`}>
        <div className="page-head">
          <div className="titles">
            <Link to="/mailboxes" search={{}} className="crumb"><ChevronLeft className="i" aria-hidden />Mailboxes</Link>
            <h1>Add a mailbox</h1>
          </div>
          {wizard.step !== "address" && <button type="button" className="link small" onClick={startOver}>Start over</button>}
        </div>
        <Progress wizard={wizard} go={go} tested={report !== null && report.verdict !== "fails"} />
        {wizard.step === "address" && <AddressStep {...steps} />}
        {wizard.step === "settings" && <SettingsStep {...steps} />}
        {wizard.step === "sign-in" && <SignInStep {...steps} onTest={startTest} />}
        {wizard.step === "test" && <ProofStep {...steps} run={test.run} onTest={startTest} saving={save} onDraft={draft} />}
        {wizard.step === "folders" && (
          <FoldersStep {...steps} run={test.run} onRetest={countAgain} saving={save} onSave={() => save.mutate(true)} onDraft={draft} />
        )}
      </div>
    </div>
  );
}

/** Where one is. What lies behind can be gone back to; what lies ahead opens in its turn. */
function Progress({ wizard, go, tested }: { wizard: Wizard; go: (step: WizardStep) => void; tested: boolean }) {
  const at = STEPS.indexOf(wizard.step);
  return (
    <nav aria-label="Steps">
      <ol className="wizard-steps">
        {STEPS.map((step, n) => {
          const open = n < at || (step === "folders" && tested && n <= at);
          return (
            <li key={step} className={n < at ? "done" : n === at ? "now" : ""} aria-current={n === at ? "step" : undefined}>
              <button type="button" disabled={!open} onClick={() => go(step)}>
                <span className="n" aria-hidden>{n < at ? <Check className="i" /> : n + 1}</span>
                {STEP_NAMES[step]}
              </button>
            </li>
          );
        })}
      </ol>
    </nav>
  );
}
