// A template that goes out to many: recipients are pasted, the first message is looked at, and a job sends them.

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useRef, useState } from "react";
import { api, freshKey, Problem } from "../../api/client";
import { mailboxes as mailboxesQuery } from "../../api/queries";
import { identities as identitiesQuery, type Job, type Template, type TemplatePreview } from "../../api/sending";
import { Button, Failed, Field, Note } from "../../ui/basics";
import { count, plural } from "../../ui/format";
import { Dialog, toast } from "../../ui/overlays";
import { browserZone, instant, zones } from "../../ui/zones";
import { MessageFrame } from "../inbox/frame";
import { MergeRows } from "./merge-rows-view";
import { rowsOf } from "./merge-rows";
import { usePreview } from "./preview";

export function Merge({ template, onClose }: { template: Template; onClose: () => void }) {
  const { data: mailboxes } = useQuery(mailboxesQuery);
  const { data: identities } = useQuery(identitiesQuery);
  const senders = mailboxes?.filter((m) => m.outgoing && (!template.mailbox_id || m.id === template.mailbox_id)) ?? [];
  const [chosen, setChosen] = useState("");
  const [text, setText] = useState("");
  const [at, setAt] = useState("");
  const [zone, setZone] = useState(browserZone);
  const [unsubscribe, setUnsubscribe] = useState("");
  const [key, setKey] = useState(freshKey);
  const picker = useRef<HTMLInputElement>(null);
  const client = useQueryClient();
  const mailbox = chosen || (senders[0]?.id ?? "");
  const { rows, problem } = rowsOf(text);
  const first = rows[0];
  const main = identities?.find((one) => one.mailbox_id === mailbox && one.is_main);
  const preview = usePreview<TemplatePreview>("/v1/templates/preview", first && !problem ? { template_id: template.id, data: { ...first.data, recipient: first.to }, identity_id: main?.id ?? null } : null);
  const begin = useMutation({
    mutationFn: () => {
      const sendAt = instant(at, zone);
      return api.post<Job>("/v1/merges", {
        template_id: template.id, mailbox_id: mailbox, recipients: rows, ...(sendAt ? { send_at: sendAt } : {}), ...(unsubscribe.trim() ? { unsubscribe_url: unsubscribe.trim() } : {}),
      }, key);
    },
    onSuccess: (job) => {
      toast("The job has begun", { description: `${plural(job.total, "message")}, by and by. It can be paused and cancelled below the templates.` });
      onClose();
    },
    onSettled: () => {
      setKey(freshKey());
      return client.invalidateQueries({ queryKey: ["jobs"] });
    },
  });
  const refused = begin.error instanceof Problem ? begin.error : null;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    begin.mutate();
  };
  return (
    <Dialog open onClose={onClose} title={`Send “${template.name}” to many`} wide>
      <form className="stack" onSubmit={submit}>
        {begin.error && <Failed error={begin.error} />}
        <Field label="From" error={refused?.at("/mailbox_id")}>
          {(ids) => (
            <select {...ids} className="input" value={mailbox} onChange={(e) => setChosen(e.target.value)}>
              {senders.map((m) => <option key={m.id} value={m.id}>{m.name === m.address ? m.address : `${m.name} <${m.address}>`}</option>)}
            </select>
          )}
        </Field>
        <Field
          label="Recipients" error={problem}
          hint={rows.length ? `${plural(rows.length, "recipient")}; each gets a message of their own.` : <>CSV with a first line that names the columns, or JSON. One column is <code>email</code>, the others fill {template.variables.length ? template.variables.map((v) => <code key={v}>{v} </code>) : "the template"}</>}
        >
          {(ids) => (
            <textarea
              {...ids} className="input mono" rows={6} spellCheck={false} autoFocus value={text} onChange={(e) => setText(e.target.value)}
              placeholder={`email,${template.variables.join(",") || "name"}\nann@example.com,…`}
            />
          )}
        </Field>
        <div className="row">
          <Button size="small" onClick={() => picker.current?.click()}>Take a file</Button>
          <input ref={picker} type="file" accept=".csv,.tsv,.txt,.json,text/csv,application/json" hidden aria-label="File of recipients" onChange={(e) => {
            void e.target.files?.[0]?.text().then(setText);
            e.target.value = "";
          }} />
        </div>
        {first && !problem && <MergeRows rows={rows} />}
        <div className="form-grid">
          <Field label="Not before" hint="Empty: now." className="c6" error={refused?.at("/send_at")}>
            {(ids) => <input {...ids} className="input" type="datetime-local" value={at} onChange={(e) => setAt(e.target.value)} />}
          </Field>
          <Field label="Time zone" className="c6">
            {(ids) => <select {...ids} className="input" value={zone} onChange={(e) => setZone(e.target.value)}>{zones(zone).map((one) => <option key={one}>{one}</option>)}</select>}
          </Field>
        </div>
        <Field label="Address to unsubscribe" hint={<>Empty: none. For one click (RFC 8058), as <code>{"https://example.com/stop?who={{ recipient.address|urlencode }}"}</code></>} error={refused?.at("/unsubscribe_url")}>
          {(ids) => <input {...ids} className="input" value={unsubscribe} onChange={(e) => setUnsubscribe(e.target.value)} />}
        </Field>
        {first && !problem && (
          <section className="stack s" aria-label="Preview">
            <h3>The first, to {first.to.address}</h3>
            {preview.error && <Note tone="warn" title="The first message cannot be made">{preview.error.message}</Note>}
            {preview.data && !preview.error && (
              <>
                <strong>{preview.data.subject || "without a subject"}</strong>
                {preview.data.html ? <MessageFrame html={preview.data.html} images title="The first message" /> : <pre className="small wrap">{preview.data.text}</pre>}
              </>
            )}
          </section>
        )}
        <div className="row end">
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" look="primary" busy={begin.isPending} disabled={!first || Boolean(problem) || !mailbox || !preview.data || Boolean(preview.error)}>
            {rows.length ? `Send to ${count(rows.length)}` : "Send"}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
