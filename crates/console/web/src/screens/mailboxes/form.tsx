// The settings of a mailbox as a form; adding and editing share it.

import { ChevronDown, ChevronRight, Eye, EyeOff, ShieldCheck, X } from "lucide-react";
import { type ReactNode, useState } from "react";
import type { Problem } from "../../api/client";
import type { Security } from "../../api/types";
import { Button, Field, Note, Switch } from "../../ui/basics";
import { SECURITY } from "../../ui/words";
import { BelongingFields } from "./belonging";
import { type Focus, likelyHost, portWarning, type SettingsForm, type Side, type SideName, withProtocol, withSecurity } from "./settings-form";

interface Props {
  form: SettingsForm;
  onChange: (form: SettingsForm) => void;
  problem: Problem | null;
  /** The mailbox exists: its address is fixed and an empty password keeps the stored one. */
  saved?: boolean;
}

export function SettingsFields({ form, onChange, problem, saved = false }: Props) {
  const set = (part: Partial<SettingsForm>) => onChange({ ...form, ...part });
  return (
    <>
      <fieldset className="form-section">
        <legend className="hide">The mailbox</legend>
        <div className="form-grid">
          <Field label="Mail address" className="c7" error={problem?.at("/address")}>
            {(ids) => (
              <input
                {...ids} data-field="f-address" className="input" type="email" required disabled={saved} placeholder="ann@example.com"
                autoComplete="off" value={form.address} onChange={(e) => set({ address: e.target.value })}
              />
            )}
          </Field>
          <Field label="Name" className="c5" hint={undefined} error={problem?.at("/name")}>
            {(ids) => <input {...ids} className="input" placeholder="For people" value={form.name} onChange={(e) => set({ name: e.target.value })} />}
          </Field>
          <Field label={form.incoming.auth === "oauth2" && form.receives ? "Access token" : "Password, or app password"} className="c7"
            hint={saved ? "Empty: the stored one stays. It is never shown." : undefined} error={problem?.at("/password") ?? problem?.at("/incoming/password")}>
            {(ids) => <Secret {...ids} domId="f-password" value={form.password} saved={saved} onChange={(password) => set({ password })} />}
          </Field>
          <Field label="Kind" className="c5" error={problem?.at("/kind")}>
            {(ids) => (
              <select {...ids} className="input" value={form.kind} onChange={(e) => set({ kind: e.target.value as SettingsForm["kind"] })}>
                <option value="personal">Personal</option>
                <option value="group">Group</option>
                <option value="shared">Shared</option>
                <option value="certified">Certified</option>
                <option value="sandbox">Sandbox</option>
              </select>
            )}
          </Field>
        </div>
      </fieldset>
      <SideFields
        title="Receive mail" name="incoming" on={form.receives} onSwitch={(receives) => set({ receives })}
        form={form} onChange={onChange} problem={problem}
      />
      <SideFields
        title="Send mail" name="outgoing" on={form.sends} onSwitch={(sends) => set({ sends })}
        form={form} onChange={onChange} problem={problem} saved={saved}
      />
      {form.receives && <WhatToFetch form={form} set={set} problem={problem} />}
      <BelongingFields form={form} set={set} problem={problem} />
    </>
  );
}

export function SideFields({ title, name, on, onSwitch, form, onChange, problem, saved = false }: Props & {
  title: string; name: SideName; on: boolean; onSwitch: (on: boolean) => void;
}) {
  const [more, setMore] = useState(false);
  const side = form[name];
  const set = (part: Partial<Side>) => onChange({ ...form, [name]: { ...side, ...part } });
  const at = (field: string) => problem?.at(`/${name}/${field}`);
  return (
    <fieldset className={`form-section ${on ? "" : "off"}`}>
      <legend className="hide">{title}</legend>
      <div className="row between">
        <h2 aria-hidden>{title}</h2>
        <label className="row small quiet">
          {on ? "" : name === "incoming" ? "Send only" : "Receive only"}
          <Switch checked={on} onChange={onSwitch} label={title} />
        </label>
      </div>
      {on && (
        <div className="form-grid">
          {name === "incoming" && (
            <Field label="Protocol" className="c3" error={at("protocol")}>
              {(ids) => (
                <select {...ids} className="input" value={form.protocol} onChange={(e) => onChange(withProtocol(form, e.target.value === "pop3" ? "pop3" : "imap"))}>
                  <option value="imap">IMAP</option>
                  <option value="pop3">POP3</option>
                </select>
              )}
            </Field>
          )}
          <Field label="Server" className={name === "incoming" ? "c9" : "c12"} error={at("host")}>
            {(ids) => (
              <input {...ids} data-field={`f-${name}-host`} className="input" required spellCheck={false} autoComplete="off" placeholder={likelyHost(form, name)} value={side.host} onChange={(e) => set({ host: e.target.value })} />
            )}
          </Field>
          <Field label="Security" className="c8 c-half" error={at("security")}>
            {(ids) => (
              <select {...ids} className="input" value={side.security} onChange={(e) => onChange(withSecurity(form, name, e.target.value as Security))}>
                <option value="tls">{SECURITY.tls}: encrypted from the first byte</option>
                <option value="starttls">{SECURITY.starttls}: encrypted after a greeting</option>
                <option value="none">{SECURITY.none}</option>
              </select>
            )}
          </Field>
          <Field label="Port" className="c4 c-half" error={at("port")}>
            {(ids) => <input {...ids} data-field={`f-${name}-port`} className="input num" inputMode="numeric" required value={side.port} onChange={(e) => set({ port: e.target.value.trim() })} />}
          </Field>
          <SideWarnings form={form} name={name} onAllow={(plaintext) => set({ plaintext })} />
          <Field label="User name" className="c8" error={at("username")}>
            {(ids) => (
              <input
                {...ids} data-field={`f-${name}-username`} className="input" spellCheck={false} autoComplete="off" disabled={side.auth === "none"}
                placeholder={side.auth === "none" ? "no sign-in" : form.address || "the mail address"} value={side.username} onChange={(e) => set({ username: e.target.value })}
              />
            )}
          </Field>
          <Field label="Sign in with" className="c4" error={at("auth")}>
            {(ids) => (
              <select {...ids} data-field={`f-${name}-auth`} className="input" value={side.auth} onChange={(e) => set({ auth: e.target.value as Side["auth"] })}>
                <option value="password">Password</option>
                <option value="oauth2">OAuth2 token</option>
                {name === "outgoing" && <option value="none">Nothing</option>}
              </select>
            )}
          </Field>
          {name === "outgoing" && side.auth !== "none" && form.receives && (
            <div className="c12">
              <button type="button" className="link small row" aria-expanded={more || form.ownOutgoingPassword} onClick={() => {
                setMore(!more);
                onChange({ ...form, ownOutgoingPassword: !form.ownOutgoingPassword, outgoingPassword: "" });
              }}>
                {form.ownOutgoingPassword ? <ChevronDown className="i" aria-hidden /> : <ChevronRight className="i" aria-hidden />}
                {form.ownOutgoingPassword ? "Use the same password for both" : "Another password for sending"}
              </button>
            </div>
          )}
          {name === "outgoing" && form.ownOutgoingPassword && (
            <Field label="Password for sending" className="c8" error={at("password")}>
              {(ids) => <Secret {...ids} value={form.outgoingPassword} saved={saved} onChange={(outgoingPassword) => onChange({ ...form, outgoingPassword })} />}
            </Field>
          )}
          {side.certificate && (
            <div className="c12">
              <div className="note info">
                <ShieldCheck className="i" aria-hidden />
                <div className="grow">
                  Only this certificate is trusted: <code className="small">{side.certificate}</code>
                </div>
                <Button look="ghost" size="small" icon={X} aria-label="Check certificates the usual way again" onClick={() => set({ certificate: "" })} />
              </div>
            </div>
          )}
        </div>
      )}
    </fieldset>
  );
}

function SideWarnings({ form, name, onAllow }: { form: SettingsForm; name: SideName; onAllow: (allowed: boolean) => void }) {
  const warning = portWarning(form, name);
  const lines: ReactNode[] = [];
  if (warning) lines.push(<Note key="port" tone="warn">{warning}</Note>);
  if (form[name].security === "none") {
    lines.push(<Note key="none" tone="warn">Password and mail travel readable by anyone on the way. Choose this only inside your own network.
        {form[name].auth !== "none" && (
          <label className="check">
            <input type="checkbox" checked={form[name].plaintext} onChange={(e) => onAllow(e.target.checked)} />
            The password may travel unencrypted
          </label>
        )}
      </Note>);
  }
  return lines.length ? <div className="c12 stack s">{lines}</div> : null;
}

export function Secret({ value, onChange, saved, domId, ...ids }: {
  id: string; value: string; onChange: (value: string) => void; saved: boolean; domId?: string;
}) {
  const [shown, setShown] = useState(false);
  return (
    <div className="secret">
      <input
        {...ids} id={ids.id} data-field={domId} className="input" type={shown ? "text" : "password"} autoComplete="new-password" spellCheck={false}
        placeholder={saved ? "unchanged" : ""} value={value} onChange={(e) => onChange(e.target.value)}
      />
      <Button look="ghost" size="small" icon={shown ? EyeOff : Eye} aria-label={shown ? "Hide the password" : "Show the password"} aria-pressed={shown} onClick={() => setShown(!shown)} />
    </div>
  );
}

function WhatToFetch({ form, set, problem }: { form: SettingsForm; set: (part: Partial<SettingsForm>) => void; problem: Problem | null }) {
  return (
    <fieldset className="form-section">
      <legend className="hide">What to fetch</legend>
      <div className="row between"><h2 aria-hidden>What to fetch</h2></div>
      <div className="form-grid">
        <Field label="Mail since" className="c5" hint="Empty: everything, newest first." error={problem?.at("/fetch_since")}>
          {(ids) => <input {...ids} className="input" type="date" value={form.fetchSince} onChange={(e) => set({ fetchSince: e.target.value })} />}
        </Field>
        <Field label="Whole messages up to" className="c7" hint="Megabytes. Of larger ones only the header is stored, until somebody asks for the rest. Empty: no limit." error={problem?.at("/size_limit")}>
          {(ids) => <input {...ids} className="input" type="number" min={0} step="any" placeholder="no limit" value={form.sizeLimit} onChange={(e) => set({ sizeLimit: e.target.value })} />}
        </Field>
        {form.protocol === "pop3" && (
          <Field
            label="Delete from the server after" className="c7" error={problem?.at("/pop3_delete_after_days")}
            hint="Days after a message is safely stored here; 0: at once. Empty: everything stays on the server."
          >
            {(ids) => (
              <input {...ids} className="input" type="number" min={0} max={3650} step={1} placeholder="never" value={form.deleteAfter} onChange={(e) => set({ deleteAfter: e.target.value })} />
            )}
          </Field>
        )}
        {form.protocol === "imap" && (
          <div className="c7 stack s">
            <span className="field-label" id="folders-label">Folders</span>
            <div role="radiogroup" aria-labelledby="folders-label" className="stack s">
              <label className="check">
                <input type="radio" name="folders" checked={form.everyFolder} onChange={() => set({ everyFolder: true })} />
                Every folder but junk and trash
              </label>
              <label className="check">
                <input type="radio" name="folders" checked={!form.everyFolder} onChange={() => set({ everyFolder: false })} />
                Only these
              </label>
            </div>
            {!form.everyFolder && (
              <Field label="Folder paths, one a line" error={problem?.at("/monitored_folders")}>
                {(ids) => <textarea {...ids} data-field="f-folders" className="input mono" rows={3} spellCheck={false} value={form.folders} onChange={(e) => set({ folders: e.target.value })} />}
              </Field>
            )}
          </div>
        )}
        <div className="c12">
          <label className="check">
            <input type="checkbox" checked={form.readOnly} onChange={(e) => set({ readOnly: e.target.checked })} />
            Read only: change nothing on the server
          </label>
          <p className="faint small">No flag, no folder, no message, and no copy of what is sent. What was asked for before rests until this is off.</p>
        </div>
      </div>
    </fieldset>
  );
}

/** Brings the field that a remedy names into view and focus. */
export function focusField(focus: Focus, side: SideName) {
  const name = focus === "password" || focus === "address" || focus === "folders" ? `f-${focus}` : `f-${side}-${focus}`;
  const node = document.querySelector<HTMLElement>(`[data-field="${name}"]`);
  node?.scrollIntoView({ block: "center" });
  node?.focus();
  if (node instanceof HTMLInputElement) node.select();
}
