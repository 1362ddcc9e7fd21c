// Server profiles: servers that many mailboxes share, found by the address's domain.

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Pencil, PlugZap, Plus, Server as ServerIcon, Trash2 } from "lucide-react";
import { type FormEvent, useCallback, useEffect, useState } from "react";
import { api, Problem } from "../../api/client";
import { useConnectionTest } from "../../api/connection-test";
import { mailboxes as mailboxesQuery, serverProfiles } from "../../api/queries";
import type { Security, ServerProfile, ServerProfileInput } from "../../api/types";
import { Button, Empty, Failed, Field, IconButton, Note, Pill, Switch, Waiting } from "../../ui/basics";
import { plural } from "../../ui/format";
import { Confirm, Dialog, toast } from "../../ui/overlays";
import { SECURITY } from "../../ui/words";
import { ReportView } from "../mailboxes/report";
import { LimitFields } from "./limit-fields";
import { limitsOf, limitTexts } from "./limits";

export function ServerProfiles() {
  const query = useQuery(serverProfiles);
  const [editing, setEditing] = useState<ServerProfile | "new" | null>(null);
  const [testing, setTesting] = useState<ServerProfile | null>(null);
  const [removing, setRemoving] = useState<ServerProfile | null>(null);
  return (
    <section className="card" aria-label="Server profiles">
      <header>
        <h2>Server profiles</h2>
        <Button look="primary" size="small" icon={Plus} onClick={() => setEditing("new")}>New profile</Button>
      </header>
      {query.isPending && <div className="body"><Waiting /></div>}
      {query.isError && <div className="body"><Failed error={query.error} retry={() => void query.refetch()} /></div>}
      {query.data?.length === 0 && (
        <Empty icon={ServerIcon} title="No server profile yet">
          <p className="small">A profile names the servers of a domain once. From then on its people type an address and a password, and nothing else.</p>
        </Empty>
      )}
      {query.data && query.data.length > 0 && (
        <ul>
          {query.data.map((p) => (
            <li key={p.id} className="ledger">
              <div className="grow stack xs">
                <span className="row wrap"><strong>{p.name}</strong>{p.is_default && <Pill tone="info">default</Pill>}{p.domains.map((d) => <Pill key={d}>{d}</Pill>)}</span>
                <span className="small quiet">{line(p)}</span>
                <span className="small faint">{p.usage_count > 0 ? `used by ${plural(p.usage_count, "mailbox", "mailboxes")}` : "not used yet"}</span>
              </div>
              <IconButton label={`Test ${p.name}`} icon={PlugZap} onClick={() => setTesting(p)} />
              <IconButton label={`Change ${p.name}`} icon={Pencil} onClick={() => setEditing(p)} />
              <IconButton label={`Remove ${p.name}`} icon={Trash2} onClick={() => setRemoving(p)} />
            </li>
          ))}
        </ul>
      )}
      {editing && <Edit profile={editing === "new" ? null : editing} onClose={() => setEditing(null)} />}
      {testing && <Test profile={testing} onClose={() => setTesting(null)} onEdit={() => {
        setEditing(testing);
        setTesting(null);
      }} />}
      {removing && <Remove profile={removing} onClose={() => setRemoving(null)} />}
    </section>
  );
}

const line = ({ incoming, outgoing }: ServerProfile) =>
  [
    incoming && `${incoming.protocol.toUpperCase()} ${incoming.host}:${incoming.port} ${SECURITY[incoming.security]}`,
    outgoing && `SMTP ${outgoing.host}:${outgoing.port} ${SECURITY[outgoing.security]}`,
  ].filter(Boolean).join("; ");

interface Side {
  on: boolean;
  host: string;
  /** Empty: the usual one for the security. */
  port: string;
  security: Security;
}

const sideOf = (from: { host: string; port: number; security: Security } | null | undefined, fresh: boolean): Side =>
  from ? { on: true, host: from.host, port: String(from.port), security: from.security } : { on: fresh, host: "", port: "", security: "tls" };

function Edit({ profile, onClose }: { profile: ServerProfile | null; onClose: () => void }) {
  const [name, setName] = useState(profile?.name ?? "");
  const [domains, setDomains] = useState(profile?.domains.join(", ") ?? "");
  const [protocol, setProtocol] = useState(profile?.incoming?.protocol ?? "imap");
  const [incoming, setIncoming] = useState(() => sideOf(profile?.incoming, profile === null));
  const [outgoing, setOutgoing] = useState(() => sideOf(profile?.outgoing, profile === null));
  const [format, setFormat] = useState(profile?.login_format ?? "email");
  const [auth, setAuth] = useState(profile?.auth ?? "password");
  const [limits, setLimits] = useState(() => limitTexts(profile?.limits));
  const [since, setSince] = useState(profile?.fetch_since?.slice(0, 10) ?? "");
  const [isDefault, setDefault] = useState(profile?.is_default ?? false);
  const client = useQueryClient();
  const save = useMutation({
    mutationFn: () => {
      const server = (side: Side) => ({ host: side.host.trim(), security: side.security, ...(side.port ? { port: Number(side.port) } : {}) });
      const body = {
        name: name.trim(), domains: domains.split(/[\s,;]+/).filter(Boolean), login_format: format, auth, is_default: isDefault, limits: limitsOf(limits), fetch_since: since ? `${since}T00:00:00Z` : null,
        incoming: incoming.on ? { protocol, ...server(incoming) } : null,
        outgoing: outgoing.on ? server(outgoing) : null,
      } as ServerProfileInput;
      return profile ? api.patch<ServerProfile>(`/v1/server-profiles/${profile.id}`, body) : api.post<ServerProfile>("/v1/server-profiles", body);
    },
    onSuccess: (saved) => {
      void client.invalidateQueries({ queryKey: ["server-profiles"] });
      toast(profile ? `Changed: ${saved.name}` : `Added: ${saved.name}`);
      onClose();
    },
  });
  const problem = save.error instanceof Problem ? save.error : null;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    save.mutate();
  };
  return (
    <Dialog open onClose={onClose} title={profile ? `Change ${profile.name}` : "New server profile"} wide>
      <form className="stack" onSubmit={submit}>
        {save.error && <Failed error={save.error} />}
        {profile && profile.usage_count > 0 && <Note tone="info">{plural(profile.usage_count, "mailbox follows", "mailboxes follow")} this profile. A password is not sent to another server by itself: a mailbox whose server changes waits for its password.</Note>}
        <div className="form-grid">
          <Field label="Name" className="c6" error={problem?.at("/name")}>
            {(ids) => <input {...ids} className="input" required autoFocus value={name} onChange={(e) => setName(e.target.value)} />}
          </Field>
          <Field label="Domains" className="c6" hint="Addresses there get this profile." error={problem?.at("/domains")}>
            {(ids) => <input {...ids} className="input" placeholder="example.com, example.org" spellCheck={false} value={domains} onChange={(e) => setDomains(e.target.value)} />}
          </Field>
        </div>
        <ServerFields title="Receiving server" name="incoming" side={incoming} onChange={setIncoming} problem={problem}>
          <Field label="Protocol" className="c3" error={problem?.at("/incoming/protocol")}>
            {(ids) => (
              <select {...ids} className="input" value={protocol} onChange={(e) => setProtocol(e.target.value === "pop3" ? "pop3" : "imap")}>
                <option value="imap">IMAP</option>
                <option value="pop3">POP3</option>
              </select>
            )}
          </Field>
        </ServerFields>
        <ServerFields title="Sending server" name="outgoing" side={outgoing} onChange={setOutgoing} problem={problem} />
        <div className="form-grid">
          <Field label="User name" className="c6" error={problem?.at("/login_format")}>
            {(ids) => (
              <select {...ids} className="input" value={format} onChange={(e) => setFormat(e.target.value as typeof format)}>
                <option value="email">the whole address</option>
                <option value="local_part">the part before the @</option>
                <option value="auto">tried in order, once each</option>
                <option value="custom">typed for each mailbox</option>
              </select>
            )}
          </Field>
          <Field label="Sign in with" className="c6" error={problem?.at("/auth")}>
            {(ids) => (
              <select {...ids} className="input" value={auth} onChange={(e) => setAuth(e.target.value as typeof auth)}>
                <option value="password">Password</option>
                <option value="oauth2">OAuth2 token</option>
              </select>
            )}
          </Field>
        </div>
        <Field label="Mail since" hint="For new mailboxes that name no day of their own. Empty: everything." error={problem?.at("/fetch_since")}>
          {(ids) => <input {...ids} className="input" type="date" value={since} onChange={(e) => setSince(e.target.value)} />}
        </Field>
        <LimitFields title="What the provider allows each mailbox" empty="as usual" texts={limits} onChange={setLimits} problem={problem} />
        <label className="check">
          <input type="checkbox" checked={isDefault} onChange={() => setDefault(!isDefault)} />
          <span>Use it where nothing else is known of an address</span>
        </label>
        <div className="row end">
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" look="primary" busy={save.isPending} disabled={!incoming.on && !outgoing.on}>{profile ? "Save" : "Add the profile"}</Button>
        </div>
      </form>
    </Dialog>
  );
}

function ServerFields({ title, name, side, onChange, problem, children }: {
  title: string; name: "incoming" | "outgoing"; side: Side; onChange: (side: Side) => void; problem: Problem | null; children?: React.ReactNode;
}) {
  const at = (field: string) => problem?.at(`/${name}/${field}`);
  return (
    <fieldset className="stack s">
      <legend className="hide">{title}</legend>
      <div className="row between"><h3 aria-hidden>{title}</h3><Switch checked={side.on} onChange={(on) => onChange({ ...side, on })} label={title} /></div>
      {side.on && (
        <div className="form-grid">
          {children}
          <Field label="Server" className={children ? "c4" : "c6"} error={at("host")}>
            {(ids) => <input {...ids} className="input" required spellCheck={false} value={side.host} onChange={(e) => onChange({ ...side, host: e.target.value })} />}
          </Field>
          <Field label="Security" className="c3" error={at("security")}>
            {(ids) => (
              <select {...ids} className="input" value={side.security} onChange={(e) => onChange({ ...side, security: e.target.value as Security, port: "" })}>
                <option value="tls">{SECURITY.tls}</option>
                <option value="starttls">{SECURITY.starttls}</option>
              </select>
            )}
          </Field>
          <Field label="Port" className={children ? "c2" : "c3"} error={at("port")}>
            {(ids) => <input {...ids} className="input num" inputMode="numeric" placeholder="usual" value={side.port} onChange={(e) => onChange({ ...side, port: e.target.value.replace(/\D/g, "") })} />}
          </Field>
        </div>
      )}
    </fieldset>
  );
}

function Test({ profile, onClose, onEdit }: { profile: ServerProfile; onClose: () => void; onEdit: () => void }) {
  const { run, start } = useConnectionTest();
  const test = useCallback(() => void start(null, `/v1/server-profiles/${profile.id}/test`), [profile.id, start]);
  useEffect(test, [test]);
  return (
    <Dialog open onClose={onClose} title={`Test of the servers of ${profile.name}`} wide>
      <ReportView steps={run.steps} report={run.report} running={run.state === "running"} startedAt={run.startedAt} problem={run.problem} hands={{ apply: onEdit, test }} />
      <div className="row end"><Button look="primary" onClick={onClose}>Close</Button></div>
    </Dialog>
  );
}

function Remove({ profile, onClose }: { profile: ServerProfile; onClose: () => void }) {
  const client = useQueryClient();
  const boxes = useQuery({ ...mailboxesQuery, enabled: profile.usage_count > 0 });
  const remove = useMutation({
    mutationFn: () => api.delete(`/v1/server-profiles/${profile.id}`),
    onSuccess: () => {
      toast(`Removed: ${profile.name}`);
      onClose();
    },
    onSettled: () => client.invalidateQueries({ queryKey: ["server-profiles"] }),
  });
  if (profile.usage_count > 0) {
    const users = boxes.data?.filter((m) => m.server_profile_id === profile.id) ?? [];
    return (
      <Dialog open onClose={onClose} title={`${profile.name} is in use`}>
        <p>{plural(profile.usage_count, "mailbox follows", "mailboxes follow")} it. Give them other servers, or remove them, first.</p>
        <ul className="stack xs">{users.map((m) => <li key={m.id}><Link to="/mailboxes/$id" params={{ id: m.id }}>{m.address}</Link></li>)}</ul>
        <div className="row end"><Button look="primary" onClick={onClose}>Close</Button></div>
      </Dialog>
    );
  }
  return (
    <Confirm open onClose={onClose} title={`Remove ${profile.name}?`} action="Remove" busy={remove.isPending} onConfirm={() => remove.mutate()}>
      {remove.error ? <Failed error={remove.error} /> : "No mailbox uses it. Addresses of its domains are found in the usual way again."}
    </Confirm>
  );
}
