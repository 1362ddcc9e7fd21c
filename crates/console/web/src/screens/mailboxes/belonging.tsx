// Whose a mailbox is, and what it alone may take of its server.

import type { Problem } from "../../api/client";
import type { Owner } from "../../api/types";
import { Field } from "../../ui/basics";
import { LimitFields } from "../settings/limit-fields";
import type { SettingsForm } from "./settings-form";

export function BelongingFields({ form, set, problem }: { form: SettingsForm; set: (part: Partial<SettingsForm>) => void; problem: Problem | null }) {
  const { owner } = form;
  return (
    <fieldset className="form-section">
      <legend className="hide">Whose it is, and its limits</legend>
      <div className="row between"><h2 aria-hidden>Whose it is, and its limits</h2></div>
      <div className="form-grid">
        <Field label="Belongs to" className="c5">
          {(ids) => (
            <select {...ids} className="input" value={owner.kind} onChange={(e) => set({ owner: { ...owner, kind: e.target.value as Owner["kind"] } })}>
              <option value="user">a user</option>
              <option value="queue">a queue</option>
            </select>
          )}
        </Field>
        <Field label="Its name in your application" className="c7" hint="To find mailboxes by. Postroom grants nothing by it." error={problem?.at("/owner/name") ?? problem?.at("/owner")}>
          {(ids) => <input {...ids} className="input" maxLength={200} placeholder="nobody was named" value={owner.name} onChange={(e) => set({ owner: { ...owner, name: e.target.value } })} />}
        </Field>
      </div>
      {form.receives && <LimitFields title="Limits of this mailbox alone" empty="as its profile" texts={form.limits} onChange={(limits) => set({ limits })} problem={problem} />}
    </fieldset>
  );
}

/** "queue Support". */
export const ownerText = (owner: Owner | null | undefined) => (owner ? `${owner.kind} ${owner.name}` : "");
