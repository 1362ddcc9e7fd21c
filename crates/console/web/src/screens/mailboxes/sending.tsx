// A mailbox: as whom it sends, who may use which address, and who else sends through it.

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Pencil, Plus, Trash2 } from "lucide-react";
import { type FormEvent, useState } from "react";
import { api, Problem } from "../../api/client";
import { session, tokens as tokensQuery } from "../../api/queries";
import { type Identity, identities as identitiesQuery, signatures as signaturesQuery } from "../../api/sending";
import type { Mailbox } from "../../api/types";
import { Button, Failed, Field, IconButton, Pill, Waiting } from "../../ui/basics";
import { plural } from "../../ui/format";
import { Confirm, Dialog, toast, toastProblem } from "../../ui/overlays";
import { type Fields, fieldsOf, linesOf } from "./identity-fields";

export function SendingCard({ mailbox }: { mailbox: Mailbox }) {
  const query = useQuery(identitiesQuery);
  const client = useQueryClient();
  const [editing, setEditing] = useState<Identity | "new" | null>(null);
  const [removing, setRemoving] = useState<Identity | null>(null);
  const remove = useMutation({
    mutationFn: (identity: Identity) => api.delete(`/v1/identities/${identity.id}`),
    onSuccess: () => setRemoving(null),
    onError: toastProblem,
    onSettled: () => client.invalidateQueries({ queryKey: ["identities"] }),
  });
  const own = query.data?.filter((one) => one.mailbox_id === mailbox.id) ?? [];
  return (
    <section className="card" aria-label="Sending">
      <header><h2>Sends as</h2><Button size="small" icon={Plus} onClick={() => setEditing("new")}>Add an address</Button></header>
      {query.isPending && <div className="body"><Waiting lines={2} /></div>}
      {query.isError && <div className="body"><Failed error={query.error} retry={() => void query.refetch()} /></div>}
      <ul>
        {own.map((one) => (
          <li key={one.id} className="ledger">
            <div className="grow stack xs">
              <span className="row wrap">
                <strong className="cut">{one.name || one.address}</strong>
                {one.is_main && <Pill tone="info">main</Pill>}
                {one.is_alias && <Pill title="Mail to it arrives in this mailbox">alias</Pill>}
                {!one.usable_by.everyone && <Pill tone="warn">{users(one)}</Pill>}
              </span>
              <span className="small quiet cut">{one.name && one.address}{one.reply_to && <> answers go to {one.reply_to}</>}</span>
            </div>
            <IconButton label={`Change ${one.address}`} icon={Pencil} size="small" onClick={() => setEditing(one)} />
            {!one.is_main && <IconButton label={`Remove ${one.address}`} icon={Trash2} size="small" onClick={() => setRemoving(one)} />}
          </li>
        ))}
      </ul>
      {mailbox.outgoing && <SentCopy mailbox={mailbox} />}
      <Shared mailbox={mailbox} />
      {editing && <Edit mailbox={mailbox} identity={editing === "new" ? null : editing} onClose={() => setEditing(null)} />}
      <Confirm open={removing !== null} onClose={() => setRemoving(null)} title={`Remove ${removing?.address}?`} action="Remove" busy={remove.isPending} onConfirm={() => removing && remove.mutate(removing)}>
        Nobody sends as this address through this mailbox any more. What was sent stays.
      </Confirm>
    </section>
  );
}

function users({ usable_by }: Identity) {
  const count = usable_by.user_ids.length + usable_by.token_ids.length;
  return count ? `for ${plural(count, "sender")}` : "for nobody";
}

/** Who files what was sent: learned from what the mailbox shows. */
function SentCopy({ mailbox }: { mailbox: Mailbox }) {
  const text =
    mailbox.incoming?.protocol !== "imap" ? "No copy is filed in Sent: the mailbox is not read by IMAP."
    : mailbox.sent_copy_by === "server" ? "The mail server files the copy in Sent by itself."
    : mailbox.read_only ? "Postroom files no copy in Sent: the mailbox is read only."
    : mailbox.sent_copy_by === "postroom" ? "Postroom files the copy in Sent: the mail server does not do it."
    : "Who files the copy in Sent shows with the first message: Postroom, unless the mail server does it by itself.";
  return <div className="body"><p className="small quiet">{text}</p></div>;
}

/** Who else sends through the mailbox: for administrators. */
function Shared({ mailbox }: { mailbox: Mailbox }) {
  const { data: user } = useQuery(session);
  const client = useQueryClient();
  const change = useMutation({
    mutationFn: (part: { send_shared?: boolean; system_sender?: boolean }) => api.patch(`/v1/mailboxes/${mailbox.id}`, part),
    onSuccess: () => toast("Changed"),
    onError: toastProblem,
    onSettled: () => client.invalidateQueries({ queryKey: ["mailboxes"] }),
  });
  const administers = user?.role === "owner" || user?.role === "admin";
  const rows = [
    { on: mailbox.send_shared ?? false, part: "send_shared", label: "Everyone may send through it", hint: "Also who does not see this mailbox. Nobody reads it by that." },
    { on: mailbox.system_sender ?? false, part: "system_sender", label: "The installation’s own sender", hint: "Sends for those who have no mailbox of their own. There is one." },
  ] as const;
  return (
    <div className="body stack s">
      {rows.map((row) => (
        <label key={row.part} className="check">
          <input type="checkbox" role="switch" checked={row.on} disabled={!administers || change.isPending} onChange={(e) => change.mutate({ [row.part]: e.target.checked })} />
          <span><span className="strong">{row.label}</span><span className="small quiet block">{row.hint}</span></span>
        </label>
      ))}
    </div>
  );
}

interface Typed {
  name: string;
  address: string;
  replyTo: string;
  main: boolean;
  alias: boolean;
  fields: string;
  /** Empty: the central one. */
  signature: string;
  everyone: boolean;
  tokens: string[];
}

const typedOf = (identity: Identity | null): Typed => ({
  name: identity?.name ?? "", address: identity?.address ?? "", replyTo: identity?.reply_to ?? "", main: identity?.is_main ?? false,
  alias: identity?.is_alias ?? true, fields: linesOf(identity?.fields ?? {}), signature: identity?.signature_id ?? "",
  everyone: identity?.usable_by.everyone ?? true, tokens: identity?.usable_by.token_ids ?? [],
});

function Edit({ mailbox, identity, onClose }: { mailbox: Mailbox; identity: Identity | null; onClose: () => void }) {
  const [typed, setTyped] = useState(() => typedOf(identity));
  const set = (part: Partial<Typed>) => setTyped((now) => ({ ...now, ...part }));
  const client = useQueryClient();
  const signatures = useQuery(signaturesQuery);
  const tokens = useQuery({ ...tokensQuery, enabled: !typed.everyone });
  const fields: Fields = fieldsOf(typed.fields);
  const save = useMutation({
    mutationFn: () => {
      const body = {
        name: typed.name.trim(), address: typed.address.trim(), reply_to: typed.replyTo.trim() || null, is_main: typed.main || undefined,
        is_alias: typed.alias, fields: fields.fields, signature_id: typed.signature || null,
        usable_by: { everyone: typed.everyone, user_ids: identity?.usable_by.user_ids ?? [], token_ids: typed.tokens },
      };
      return identity ? api.patch(`/v1/identities/${identity.id}`, body) : api.post("/v1/identities", { ...body, mailbox_id: mailbox.id });
    },
    onSuccess: onClose,
    onSettled: () => client.invalidateQueries({ queryKey: ["identities"] }),
  });
  const problem = save.error instanceof Problem ? save.error : null;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    save.mutate();
  };
  return (
    <Dialog open onClose={onClose} title={identity ? `Change ${identity.address}` : "Another address to send as"}>
      <form className="stack" onSubmit={submit}>
        {save.error && <Failed error={save.error} />}
        <Field label="Address" hint="The mail server has the last word on whether it takes it." error={problem?.at("/address")}>
          {(ids) => <input {...ids} className="input" type="email" required autoFocus placeholder="sales@example.com" value={typed.address} onChange={(e) => set({ address: e.target.value })} />}
        </Field>
        <Field label="Name" error={problem?.at("/name")}>
          {(ids) => <input {...ids} className="input" placeholder="Sales of Harbour Tools" value={typed.name} onChange={(e) => set({ name: e.target.value })} />}
        </Field>
        <Field label="Answers go to" hint="Empty: to the address." error={problem?.at("/reply_to")}>
          {(ids) => <input {...ids} className="input" type="email" value={typed.replyTo} onChange={(e) => set({ replyTo: e.target.value })} />}
        </Field>
        <label className="check"><input type="checkbox" checked={typed.alias} onChange={(e) => set({ alias: e.target.checked })} /><span>Mail to it arrives in this mailbox</span></label>
        {!identity?.is_main && <label className="check"><input type="checkbox" checked={typed.main} onChange={(e) => set({ main: e.target.checked })} /><span>The main one: taken where nothing else is said</span></label>}
        <Field label="Signature">
          {(ids) => (
            <select {...ids} className="input" value={typed.signature} onChange={(e) => set({ signature: e.target.value })}>
              <option value="">the central one, if there is one</option>
              <option value="none">none</option>
              {signatures.data?.filter((one) => one.kind !== "central").map((one) => <option key={one.id} value={one.id}>{one.name}</option>)}
            </select>
          )}
        </Field>
        <Field label="What signatures can say of it" hint="One in a line, such as “phone: +49 30 1234”." error={fields.wrong ?? problem?.at("/fields")}>
          {(ids) => <textarea {...ids} className="input" rows={3} value={typed.fields} onChange={(e) => set({ fields: e.target.value })} />}
        </Field>
        <fieldset className="stack xs">
          <legend className="field-label">Who may use it</legend>
          <label className="check"><input type="radio" name="users" checked={typed.everyone} onChange={() => set({ everyone: true })} /><span>Everyone who may send through the mailbox</span></label>
          <label className="check"><input type="radio" name="users" checked={!typed.everyone} onChange={() => set({ everyone: false })} /><span>Administrators, and these tokens</span></label>
          {!typed.everyone && tokens.data?.map((token) => (
            <label key={token.id} className="check inset">
              <input
                type="checkbox" checked={typed.tokens.includes(token.id)}
                onChange={(e) => set({ tokens: e.target.checked ? [...typed.tokens, token.id] : typed.tokens.filter((id) => id !== token.id) })}
              />
              <span>{token.name}</span>
            </label>
          ))}
        </fieldset>
        <div className="row end">
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" look="primary" busy={save.isPending} disabled={Boolean(fields.wrong)}>{identity ? "Save" : "Add"}</Button>
        </div>
      </form>
    </Dialog>
  );
}
