// Who signs in, and with what: in the provider's own terms.

import { PlugZap } from "lucide-react";
import type { FormEvent } from "react";
import { Button, Field, Note, Switch } from "../../../ui/basics";
import { Secret } from "../form";
import { Preparations } from "./settings";
import { wantsOauth, type StepProps } from "./state";

export function SignInStep({ wizard, change, go, onTest }: StepProps & { onTest: () => void }) {
  const { form, found } = wizard;
  const set = (part: Partial<typeof form>) => change({ form: { ...form, ...part } });
  const oauth = wantsOauth(wizard);
  const name = found?.provider?.name;
  const app = found?.preparation.some((p) => p.id === "app_password");
  const mayBeShared = form.kind === "shared" || found?.preparation.some((p) => p.id === "shared_mailbox");
  const format = found?.candidates[wizard.chosen]?.login_format;
  const [incoming, outgoing] = [form.incoming.username, form.outgoing.username];
  const own = form.sends && form.receives && (form.kind === "shared" || outgoing !== incoming);
  const setNames = (receiving: string, sending: string) => set({ incoming: { ...form.incoming, username: receiving }, outgoing: { ...form.outgoing, username: sending } });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    onTest();
  };
  return (
    <>
      {found && found.preparation.length > 0 && <Preparations list={found.preparation} name={name} />}
      <form className="card" aria-label="Sign in" onSubmit={submit}>
        <div className="form-section stack">
          {oauth && (
            <Note tone="info" title={`${name ?? "This provider"} takes no passwords from mail programs`}>
              It wants OAuth 2.0: paste an access token that your sign-in app got for this mailbox.
            </Note>
          )}
          <div className="form-grid">
            <Field label={form.receives && form.sends && own ? "User name for receiving" : "User name"} className={own ? "c6" : "c12"}
              hint={format === "local_part" ? "This provider wants the part before the @." : format === "custom" ? "This provider gives a name of its own: look it up there." : "Empty: the address."}>
              {(ids) => (
                <input {...ids} data-field="f-incoming-username" className="input" spellCheck={false} autoComplete="off" placeholder={form.address}
                  value={form.receives ? incoming : outgoing} onChange={(e) => setNames(e.target.value, own ? outgoing : e.target.value)} />
              )}
            </Field>
            {own && (
              <Field label="User name for sending" className="c6" hint="Empty: the address.">
                {(ids) => (
                  <input {...ids} data-field="f-outgoing-username" className="input" spellCheck={false} autoComplete="off" placeholder={form.address}
                    value={outgoing} onChange={(e) => setNames(incoming, e.target.value)} />
                )}
              </Field>
            )}
            <Field label={oauth ? "Access token" : app ? "App password" : "Password, or app password"} className="c12"
              hint={app && !oauth ? `Not the usual password: the one that ${name ?? "the provider"} makes for a program. Blanks in it do not matter.` : undefined}>
              {(ids) => <Secret {...ids} domId="f-password" value={form.password} saved={false} onChange={(password) => set({ password })} />}
            </Field>
            <Field label="Name" className="c12" hint="For people. Empty: the address.">
              {(ids) => <input {...ids} className="input" value={form.name} onChange={(e) => set({ name: e.target.value })} />}
            </Field>
          </div>
          {mayBeShared && (
            <label className="row">
              <Switch label="This mailbox is shared" checked={form.kind === "shared"} onChange={(shared) => {
                // Receiving and sending can want different names; with Microsoft the shared address receives and the person sends.
                set({ kind: shared ? "shared" : "personal", incoming: { ...form.incoming, username: "" }, outgoing: { ...form.outgoing, username: "" } });
              }} />
              <span>Is this a shared mailbox, opened with somebody's own sign-in? Then say above who signs in for each side.</span>
            </label>
          )}
        </div>
        <div className="form-foot">
          <Button type="submit" look="primary" icon={PlugZap}>Test the connection</Button>
          <Button look="ghost" onClick={() => go("settings")}>Back</Button>
        </div>
      </form>
    </>
  );
}
