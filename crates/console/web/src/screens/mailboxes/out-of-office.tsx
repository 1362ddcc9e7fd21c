// A mailbox: what it answers by itself while nobody is there, and who of those who wrote lately would have got that.

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Pencil, Trash2 } from "lucide-react";
import { type FormEvent, useState } from "react";
import { api, Problem } from "../../api/client";
import { type AutoReply, type AutoReplyPreview, autoReply } from "../../api/auto-replies";
import type { Mailbox } from "../../api/types";
import { Button, Clock, CopyLine, Failed, Field, IconButton, Pill, Switch, Waiting } from "../../ui/basics";
import { day, plural } from "../../ui/format";
import { Confirm, Dialog, toastProblem } from "../../ui/overlays";
import { zones } from "../../ui/zones";
import { textOf } from "../compose/clean";
import { bodyOf, type Typed, typedOf } from "./out-of-office-fields";
import { PREVIEW_DAYS, Previewed, SwitchOn } from "./out-of-office-preview";
import { WhoAnswers } from "./out-of-office-server";
import { fitsEditor, WordsField } from "./words";

export function OutOfOfficeCard({ mailbox }: { mailbox: Mailbox }) {
  const query = useQuery(autoReply(mailbox.id));
  const client = useQueryClient();
  const [editing, setEditing] = useState(false);
  const [removing, setRemoving] = useState(false);
  const [switching, setSwitching] = useState<AutoReply | null>(null);
  const settled = () => client.invalidateQueries({ queryKey: ["auto-replies"] });
  const off = useMutation({
    mutationFn: () => api.patch(`/v1/auto-replies/${query.data?.id}`, { enabled: false }),
    onError: toastProblem,
    onSettled: settled,
  });
  const remove = useMutation({
    mutationFn: () => api.delete(`/v1/auto-replies/${query.data?.id}`),
    onSuccess: () => setRemoving(false),
    onError: toastProblem,
    onSettled: settled,
  });
  const own = query.data ?? null;
  return (
    <section className="card" aria-label="Out of office">
      <header>
        <h2>Out of office</h2>
        {own && <Switch label="Out of office" checked={own.enabled} disabled={off.isPending} onChange={(on) => (on ? setSwitching(own) : off.mutate())} />}
        {query.data === null && <Button size="small" onClick={() => setEditing(true)}>Set up</Button>}
      </header>
      {query.isPending && <div className="body"><Waiting lines={2} /></div>}
      {query.isError && <div className="body"><Failed error={query.error} retry={() => void query.refetch()} /></div>}
      {query.data === null && <div className="body"><p className="small quiet">Whoever writes while nobody is there can get an answer by itself, once in a while. Lists and machines never do.</p></div>}
      {own && (
        <ul>
          <li className="ledger">
            <div className="grow stack xs">
              <span className="row wrap"><Dates own={own} />{own.answered > 0 && <Pill>{plural(own.answered, "sender")} answered</Pill>}</span>
              <span className="small quiet cut">{own.text ?? textOf(own.html ?? "")}</span>
            </div>
            <IconButton label="Change the out of office" icon={Pencil} size="small" onClick={() => setEditing(true)} />
            <IconButton label="Remove the out of office" icon={Trash2} size="small" onClick={() => setRemoving(true)} />
          </li>
        </ul>
      )}
      {own && mailbox.incoming && <WhoAnswers mailbox={mailbox} own={own} />}
      {editing && <Edit mailbox={mailbox} own={own} onClose={() => setEditing(false)} onMade={setSwitching} />}
      {switching && <SwitchOn mailbox={mailbox} own={switching} onClose={() => setSwitching(null)} />}
      <Confirm open={removing} onClose={() => setRemoving(false)} title="Remove the out of office?" action="Remove" busy={remove.isPending} onConfirm={() => remove.mutate()}>
        Nothing is answered by itself any more. To keep its words for the next time, switch it off instead.
      </Confirm>
    </section>
  );
}

function Dates({ own }: { own: AutoReply }) {
  if (!own.enabled) return <strong>Switched off</strong>;
  return (
    <strong>
      {own.starts_at ? <>From {day(own.starts_at)} <Clock time={own.starts_at} /></> : "Switched on"}
      {own.ends_at && <> until {day(own.ends_at)} <Clock time={own.ends_at} /></>}
    </strong>
  );
}

/** A new one is made switched off: it is switched on by whoever has seen whom it would answer. */
function Edit({ mailbox, own, onClose, onMade }: { mailbox: Mailbox; own: AutoReply | null; onClose: () => void; onMade: (made: AutoReply) => void }) {
  const [typed, setTyped] = useState(() => typedOf(own, mailbox.address, fitsEditor));
  const set = (part: Partial<Typed>) => setTyped((now) => ({ ...now, ...part }));
  const client = useQueryClient();
  const body = bodyOf(typed, own);
  const save = useMutation({
    mutationFn: () => (own ? api.patch<AutoReply>(`/v1/auto-replies/${own.id}`, body) : api.post<AutoReply>("/v1/auto-replies", { ...body, mailbox_id: mailbox.id, enabled: false })),
    onSuccess: (made) => {
      onClose();
      if (!own) onMade(made);
    },
    onSettled: () => client.invalidateQueries({ queryKey: ["auto-replies"] }),
  });
  const preview = useMutation({
    mutationFn: () => api.post<AutoReplyPreview>(`/v1/auto-replies/${own?.id}/preview`, { days: PREVIEW_DAYS, settings: body }),
  });
  const problem = save.error instanceof Problem ? save.error : null;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    save.mutate();
  };
  return (
    <Dialog open onClose={onClose} title={`Out of office of ${mailbox.address}`} wide>
      <form className="stack" onSubmit={submit}>
        {save.error && <Failed error={save.error} />}
        <Field label="From" hint="Empty: at once." error={problem?.at("/starts_at")}>
          {(ids) => <input {...ids} className="input" type="datetime-local" value={typed.starts} onChange={(e) => set({ starts: e.target.value })} />}
        </Field>
        <Field label="Until" hint="Empty: until it is switched off." error={problem?.at("/ends_at")}>
          {(ids) => <input {...ids} className="input" type="datetime-local" value={typed.ends} onChange={(e) => set({ ends: e.target.value })} />}
        </Field>
        <Field label="Time zone" error={problem?.at("/time_zone")}>
          {(ids) => (
            <select {...ids} className="input" value={typed.zone} onChange={(e) => set({ zone: e.target.value })}>
              {zones(typed.zone).map((zone) => <option key={zone}>{zone}</option>)}
            </select>
          )}
        </Field>
        <Field label="Subject" hint="Empty: “Auto:” and the subject of the message." error={problem?.at("/subject")}>
          {(ids) => <input {...ids} className="input" value={typed.subject} onChange={(e) => set({ subject: e.target.value })} />}
        </Field>
        <WordsField label="Answer" words={typed.words} onChange={(words) => set({ words })} error={problem?.at("/text") ?? problem?.at("/html")} />
        <WordsField label="Answer for those inside" hint="Empty: the same for all." words={typed.inside} onChange={(inside) => set({ inside })} error={problem?.at("/inside/text") ?? problem?.at("/inside/html")} />
        <Field label="Subject for those inside" hint="Empty: “Auto:” and the subject of the message." error={problem?.at("/inside/subject")}>
          {(ids) => <input {...ids} className="input" value={typed.insideSubject} onChange={(e) => set({ insideSubject: e.target.value })} />}
        </Field>
        <Field label="Domains that are inside" hint="One in a line." error={problem?.at("/inside_domains")}>
          {(ids) => <textarea {...ids} className="input" rows={2} value={typed.domains} onChange={(e) => set({ domains: e.target.value })} />}
        </Field>
        <Field label="Who gets an answer">
          {(ids) => (
            <select {...ids} className="input" value={typed.audience} onChange={(e) => set({ audience: e.target.value as Typed["audience"] })}>
              <option value="everyone">everyone</option>
              <option value="inside">only those inside</option>
              <option value="outside">only those outside</option>
            </select>
          )}
        </Field>
        <Field label="Who never gets one" hint="Addresses or domains, one in a line." error={problem?.at("/exclusions")}>
          {(ids) => <textarea {...ids} className="input" rows={2} value={typed.never} onChange={(e) => set({ never: e.target.value })} />}
        </Field>
        <Field label="Days until a sender gets another one" error={problem?.at("/period_days")}>
          {(ids) => <input {...ids} className="input" type="number" min={1} max={365} required value={typed.days} onChange={(e) => set({ days: e.target.value })} />}
        </Field>
        {own && (
          <section className="stack s" aria-label="Preview">
            <div className="row between"><h3>Who would have got it in the last {PREVIEW_DAYS} days</h3><Button size="small" busy={preview.isPending} onClick={() => preview.mutate()}>Show</Button></div>
            {preview.error && <Failed error={preview.error} />}
            {preview.data && <Previewed preview={preview.data} />}
            <CopyLine label="command" text={`postroom auto-reply preview ${mailbox.address}`} />
          </section>
        )}
        <div className="row end">
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" look="primary" busy={save.isPending}>{own ? "Save" : "Next: who would get it"}</Button>
        </div>
      </form>
    </Dialog>
  );
}
