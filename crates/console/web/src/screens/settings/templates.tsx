// Stored templates of messages, with the data that they take and what comes of it.

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { LayoutTemplate, Pencil, Plus, Trash2, Users } from "lucide-react";
import { type FormEvent, useState } from "react";
import { api, Problem } from "../../api/client";
import { mailboxes as mailboxesQuery } from "../../api/queries";
import { type Template, type TemplatePreview, templates as templatesQuery } from "../../api/sending";
import { Button, CopyLine, Empty, Failed, Field, IconButton, Pill, Waiting } from "../../ui/basics";
import { Confirm, Dialog, toastProblem } from "../../ui/overlays";
import { MessageFrame } from "../inbox/frame";
import { usePreview } from "./preview";
import { Jobs } from "./jobs";
import { Merge } from "./merge";
import { dataOf, sampleFor } from "./template-data";

export function Templates() {
  return (
    <>
      <TemplateList />
      <Jobs />
    </>
  );
}

function TemplateList() {
  const query = useQuery(templatesQuery);
  const client = useQueryClient();
  const [editing, setEditing] = useState<Template | "new" | null>(null);
  const [removing, setRemoving] = useState<Template | null>(null);
  const [merging, setMerging] = useState<Template | null>(null);
  const remove = useMutation({
    mutationFn: (template: Template) => api.delete(`/v1/templates/${template.id}`),
    onSuccess: () => setRemoving(null),
    onError: toastProblem,
    onSettled: () => client.invalidateQueries({ queryKey: ["templates"] }),
  });
  return (
    <section className="card" aria-label="Templates">
      <header><h2>Templates</h2><Button look="primary" size="small" icon={Plus} onClick={() => setEditing("new")}>New template</Button></header>
      {query.isPending && <div className="body"><Waiting /></div>}
      {query.isError && <div className="body"><Failed error={query.error} retry={() => void query.refetch()} /></div>}
      {query.data?.length === 0 && (
        <Empty icon={LayoutTemplate} title="No template yet">
          <p className="small">An application names a template and sends the data: <code>template_id</code> and <code>data</code> of a submission.</p>
        </Empty>
      )}
      {query.data && query.data.length > 0 && (
        <ul>
          {query.data.map((one) => (
            <li key={one.id} className="ledger">
              <div className="grow stack xs">
                <strong>{one.name}</strong>
                <span className="small quiet cut">{one.subject || "without a subject"}</span>
                <span className="row wrap">{one.variables.map((variable) => <Pill key={variable}>{variable}</Pill>)}</span>
              </div>
              <IconButton label={`Send ${one.name} to many`} icon={Users} onClick={() => setMerging(one)} />
              <IconButton label={`Change ${one.name}`} icon={Pencil} onClick={() => setEditing(one)} />
              <IconButton label={`Remove ${one.name}`} icon={Trash2} onClick={() => setRemoving(one)} />
            </li>
          ))}
        </ul>
      )}
      {merging && <Merge template={merging} onClose={() => setMerging(null)} />}
      {editing && <Edit template={editing === "new" ? null : editing} onClose={() => setEditing(null)} />}
      <Confirm open={removing !== null} onClose={() => setRemoving(null)} title={`Remove “${removing?.name}”?`} action="Remove" busy={remove.isPending} onConfirm={() => removing && remove.mutate(removing)}>
        Applications that name it are refused from now on. What was sent stays.
      </Confirm>
    </section>
  );
}

function Edit({ template, onClose }: { template: Template | null; onClose: () => void }) {
  const [name, setName] = useState(template?.name ?? "");
  const [mailbox, setMailbox] = useState(template?.mailbox_id ?? "");
  const [subject, setSubject] = useState(template?.subject ?? "");
  const [html, setHtml] = useState(template?.html ?? "");
  const [text, setText] = useState(template?.text ?? (template ? "" : "Dear {{ name }},\n"));
  const [data, setData] = useState(() => sampleFor(template?.variables ?? ["name"]));
  const mailboxes = useQuery(mailboxesQuery);
  const client = useQueryClient();
  const parts = { subject, html: html || null, text: text || null };
  const given = dataOf(data);
  const empty = !html && !text;
  const preview = usePreview<TemplatePreview>("/v1/templates/preview", given && !empty ? { ...parts, data: given } : null);
  const save = useMutation({
    mutationFn: () => {
      const body = { name: name.trim(), mailbox_id: mailbox || null, ...parts };
      return template ? api.patch(`/v1/templates/${template.id}`, body) : api.post("/v1/templates", body);
    },
    onSuccess: onClose,
    onSettled: () => client.invalidateQueries({ queryKey: ["templates"] }),
  });
  const problem = save.error instanceof Problem ? save.error : null;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    save.mutate();
  };
  return (
    <Dialog open onClose={onClose} title={template ? `Change “${template.name}”` : "New template"} wide>
      <form className="stack" onSubmit={submit}>
        {save.error && <Failed error={save.error} />}
        <Field label="Name" error={problem?.at("/name")}>
          {(ids) => <input {...ids} className="input" required autoFocus placeholder="Order confirmation" value={name} onChange={(e) => setName(e.target.value)} />}
        </Field>
        <Field label="For" error={problem?.at("/mailbox_id")}>
          {(ids) => (
            <select {...ids} className="input" value={mailbox} onChange={(e) => setMailbox(e.target.value)}>
              <option value="">every mailbox</option>
              {mailboxes.data?.filter((one) => one.outgoing).map((one) => <option key={one.id} value={one.id}>{one.address} alone</option>)}
            </select>
          )}
        </Field>
        <Field label="Subject" error={problem?.at("/subject")}>
          {(ids) => <input {...ids} className="input" placeholder={"Order {{ order.number }}"} value={subject} onChange={(e) => setSubject(e.target.value)} />}
        </Field>
        <Field label="HTML" hint={<>Variables are escaped by where they stand. <code>{"{{ name }}"}</code> <code>{"{% if note %}…{% endif %}"}</code> <code>{"{% for line in lines %}…{% endfor %}"}</code></>} error={problem?.at("/html")}>
          {(ids) => <textarea {...ids} className="input mono" rows={6} spellCheck={false} value={html} onChange={(e) => setHtml(e.target.value)} />}
        </Field>
        <Field label="Text" hint="Empty: made from the HTML." error={problem?.at("/text")}>
          {(ids) => <textarea {...ids} className="input mono" rows={4} spellCheck={false} value={text} onChange={(e) => setText(e.target.value)} />}
        </Field>
        <Field label="Data to try it with" error={given ? undefined : "This is no JSON object."}>
          {(ids) => <textarea {...ids} className="input mono" rows={4} spellCheck={false} value={data} onChange={(e) => setData(e.target.value)} />}
        </Field>
        <section className="stack s" aria-label="Preview">
          <h3>What it looks like</h3>
          {preview.error && !empty && <Failed error={preview.error} />}
          {preview.data && (
            <>
              <strong>{preview.data.subject}</strong>
              {preview.data.html && <MessageFrame html={preview.data.html} images title="The message" />}
              <pre className="small quiet wrap">{preview.data.text}</pre>
            </>
          )}
        </section>
        {template && (
          <CopyLine
            label="command"
            text={`curl ${window.location.origin}/v1/submissions -H "Authorization: Bearer $POSTROOM_TOKEN" --json '${JSON.stringify({ to: [{ address: "…" }], template_id: template.id, data: given ?? {} })}'`}
          />
        )}
        <div className="row end">
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" look="primary" busy={save.isPending}>{template ? "Save" : "Store it"}</Button>
        </div>
      </form>
    </Dialog>
  );
}
