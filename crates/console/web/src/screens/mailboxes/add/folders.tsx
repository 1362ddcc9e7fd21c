// Which folders, since when, and what that means: a plan before anything is fetched.

import { Play } from "lucide-react";
import type { TestRun } from "../../../api/connection-test";
import type { ReportFolder } from "../../../api/types";
import { Button, Empty, Failed, Field, Pill } from "../../../ui/basics";
import { bytes, clock, count, plural, span } from "../../../ui/format";
import { FolderNotes, inOrder, RoleSelect } from "../folder-parts";
import { choiceOf, type Choice, type Plan, planOf, type StepProps } from "./state";
import type { Saving } from "./proof";

interface Props extends StepProps {
  run: TestRun;
  /** Counts again, with another first day. */
  onRetest: () => void;
  saving: Saving;
  onSave: () => void;
  onDraft: () => void;
}

export function FoldersStep({ wizard, change, go, run, onRetest, saving, onSave, onDraft }: Props) {
  const { form, choices } = wizard;
  const folders = inOrder(run.report?.folders ?? []);
  const counting = run.state === "running";
  const plan = planOf(folders, choices, run.report?.megabytes_per_day ?? null);
  const choose = (folder: ReportFolder, part: Partial<Choice>) =>
    change({ choices: { ...choices, [folder.path]: { ...choiceOf(folder, choices), ...part } } });
  const imap = form.receives && form.protocol === "imap";
  return (
    <section className="card" aria-label="Folders and plan">
      {saving.error && <div className="form-section"><Failed error={saving.error} /></div>}
      {form.receives && (
        <div className="form-section form-grid">
          <Field label="Mail since" className="c5" hint="Empty: everything, newest first.">
            {(ids) => (
              <input
                {...ids} className="input" type="date" value={form.fetchSince}
                onChange={(e) => change({ form: { ...form, fetchSince: e.target.value } })} onBlur={() => run.state !== "running" && onRetest()}
              />
            )}
          </Field>
          <div className="c7"><PlanView plan={plan} counting={counting} known={folders.length > 0} /></div>
        </div>
      )}
      {!form.receives && <Empty icon={Play} title="This mailbox only sends"><p>There is nothing to fetch. It can start now.</p></Empty>}
      {imap && folders.length > 0 && (
        <div className="notes">
          <FolderNotes folders={folders.map((folder) => ({ ...folder, ...choiceOf(folder, choices) }))} sends={form.sends} since={form.fetchSince} />
        </div>
      )}
      {imap && folders.length > 0 && (
        <div className="table-wrap">
          <table className="table cards-on-phone">
            <thead><tr><th scope="col">Store</th><th scope="col">Folder</th><th scope="col">Role</th><th scope="col" className="right">Messages</th><th scope="col" className="right">Size</th></tr></thead>
            <tbody>
              {folders.map((folder) => {
                const { stored, role } = choiceOf(folder, choices);
                return (
                  <tr key={folder.path}>
                    <td data-label="Store"><input type="checkbox" aria-label={`Store ${folder.path}`} checked={stored} onChange={(e) => choose(folder, { stored: e.target.checked })} /></td>
                    <td className="head">{folder.path}</td>
                    <td data-label="Role">
                      <div className="row wrap">
                        <RoleSelect path={folder.path} role={role} onChange={(next) => choose(folder, { role: next })} />
                        {folder.guessed && role === folder.role && <Pill tone="warn">guessed from the name</Pill>}
                      </div>
                    </td>
                    <td className="right num" data-label="Messages">{folder.messages === null ? "unknown" : count(folder.messages)}</td>
                    <td className="right num" data-label="Size">{folder.bytes === null ? "unknown" : bytes(folder.bytes)}</td>
                  </tr>
                );
              })}
            </tbody>
          </table>
        </div>
      )}
      <div className="form-foot">
        <Button look="primary" icon={Play} disabled={counting} busy={saving.isPending && saving.variables} onClick={onSave}>Save and start</Button>
        <Button disabled={counting || saving.isPending} busy={saving.isPending && !saving.variables} onClick={onDraft}>Save as draft</Button>
        <Button look="ghost" onClick={() => go("test")}>Back</Button>
      </div>
    </section>
  );
}

function PlanView({ plan, counting, known }: { plan: Plan; counting: boolean; known: boolean }) {
  if (counting) return <p className="quiet" role="status">Counting …</p>;
  if (!known) return <p className="quiet">How much there is shows as soon as it runs.</p>;
  if (plan.messages === 0 && plan.unknown === 0) return <p className="quiet" role="status">Nothing to fetch yet: the chosen folders are empty. New mail comes by itself.</p>;
  return (
    <div className="stack xs" role="status" aria-label="The plan">
      <div><strong>About {plural(plan.messages, "message")}{plan.bytes > 0 && `, ${bytes(plan.bytes)}`}</strong>, newest first.</div>
      {plan.seconds !== null && plan.messages > 0 && (
        <div className="quiet small">
          {plan.limited
            ? `The provider limits how much can be fetched in a day: about ${span(plan.seconds)}, in daily parts.`
            : `Ends about ${clock(new Date(Date.now() + plan.seconds * 1000).toISOString())} (${span(plan.seconds)}) over an ordinary line. What is there can be used at once.`}
        </div>
      )}
      {plan.unknown > 0 && <div className="faint small">The server did not tell the size of {plural(plan.unknown, "folder")}.</div>}
    </div>
  );
}
