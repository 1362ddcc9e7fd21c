// A stored template in a message: chosen, filled, and looked at before it is used.

import { useQuery } from "@tanstack/react-query";
import { LayoutTemplate, X } from "lucide-react";
import { useState } from "react";
import { identities as identitiesQuery, type Template, type TemplatePreview, templates as templatesQuery } from "../../api/sending";
import { Button, Failed, Field, Note, Waiting } from "../../ui/basics";
import { Dialog } from "../../ui/overlays";
import { MessageFrame } from "../inbox/frame";
import { usePreview } from "../settings/preview";
import { dataFrom, dataOf, valuesOf } from "../settings/template-data";
import type { Draft } from "./draft";

type Chosen = NonNullable<Draft["template"]>;

/** The templates that a mailbox may use. */
export function useTemplates(mailbox: string): Template[] {
  const { data } = useQuery(templatesQuery);
  return data?.filter((one) => !one.mailbox_id || one.mailbox_id === mailbox) ?? [];
}

/** What the server makes of it, as the mailbox would send it. */
function useFilled(mailbox: string, identity: string | undefined, chosen: Chosen | null) {
  const { data: identities } = useQuery(identitiesQuery);
  const main = identities?.find((one) => one.mailbox_id === mailbox && one.is_main);
  return usePreview<TemplatePreview>("/v1/templates/preview", chosen && { template_id: chosen.id, data: chosen.data, identity_id: identity ?? main?.id ?? null });
}

interface Props {
  mailbox: string;
  /** As whom it goes out; left out: as the mailbox's main one. */
  identity: string | undefined;
}

function Filled({ preview }: { preview: TemplatePreview }) {
  return preview.html ? <MessageFrame html={preview.html} images title="The message" /> : <pre className="wrap">{preview.text}</pre>;
}

/** In the place of the editor: what goes out, and the ways to change it. */
export function TemplateInPlace({ mailbox, identity, chosen, edit, write, leave }: Props & {
  chosen: Chosen; edit: () => void; /** Goes on with it as ordinary text. */ write: (filled: TemplatePreview) => void; leave: () => void;
}) {
  const preview = useFilled(mailbox, identity, chosen);
  const { data: all } = useQuery(templatesQuery);
  const name = all?.find((one) => one.id === chosen.id)?.name;
  return (
    <section className="compose-files stack s grow" aria-label="Template">
      <div className="row wrap">
        <LayoutTemplate className="i faint" aria-hidden />
        <strong className="grow">{name ?? "A template"}</strong>
        <Button size="small" onClick={edit}>Change</Button>
        <Button size="small" disabled={!preview.data} onClick={() => preview.data && write(preview.data)}>Write in it</Button>
        <Button size="small" look="ghost" icon={X} aria-label="Without the template" onClick={leave} />
      </div>
      {preview.isPending && <Waiting lines={5} />}
      {preview.error && <Failed error={preview.error} />}
      {preview.data && <><p className="small quiet">Subject: {preview.data.subject || "none"}</p><Filled preview={preview.data} /></>}
    </section>
  );
}

export function ChooseTemplate({ mailbox, identity, before, use, onClose }: Props & {
  before: Chosen | null; use: (chosen: Chosen) => void; onClose: () => void;
}) {
  const templates = useTemplates(mailbox);
  const [id, setId] = useState(before?.id ?? "");
  const template = templates.find((one) => one.id === id);
  const [fields] = useState(() => (before && template ? valuesOf(template.variables, before.data) : {}));
  const [values, setValues] = useState(fields ?? {});
  /** Data as JSON, for whoever needs lists in it; null: in fields. */
  const [json, setJson] = useState<string | null>(() => (fields ? null : JSON.stringify(before?.data, null, 2)));
  const data = json === null ? dataFrom(values) : dataOf(json);
  const chosen = template && data ? { id: template.id, data } : null;
  const preview = useFilled(mailbox, identity, chosen);
  const variables = template?.variables ?? [];
  const swap = () => {
    if (json !== null) setValues((data && valuesOf(variables, data)) ?? {});
    setJson(json === null ? JSON.stringify(data, null, 2) : null);
  };
  return (
    <Dialog open onClose={onClose} title="Use a template" wide>
      <Field label="Template">
        {(ids) => (
          <select {...ids} className="input" autoFocus value={id} onChange={(e) => setId(e.target.value)}>
            <option value="">Choose one</option>
            {templates.map((one) => <option key={one.id} value={one.id}>{one.name}</option>)}
          </select>
        )}
      </Field>
      {variables.length > 0 && json === null && (
        <fieldset className="form-grid">
          <legend className="hide">What it is filled with</legend>
          {variables.map((variable) => (
            <Field key={variable} label={variable} className="c6">
              {(ids) => <input {...ids} className="input" value={values[variable] ?? ""} onChange={(e) => setValues((now) => ({ ...now, [variable]: e.target.value }))} />}
            </Field>
          ))}
        </fieldset>
      )}
      {json !== null && (
        <Field label="Data" error={data ? undefined : "This is no JSON object."}>
          {(ids) => <textarea {...ids} className="input mono" rows={5} spellCheck={false} value={json} onChange={(e) => setJson(e.target.value)} />}
        </Field>
      )}
      {variables.length > 0 && (
        <div className="row"><button type="button" className="link small" onClick={swap}>{json === null ? "Fill it with JSON, for lists" : "Fill it in fields"}</button></div>
      )}
      {template && (
        <section className="stack s" aria-label="Preview">
          {preview.error && <Note tone="info" title="Not complete yet">{preview.error instanceof Error ? preview.error.message : null}</Note>}
          {preview.data && !preview.error && <><strong>{preview.data.subject || "without a subject"}</strong><Filled preview={preview.data} /></>}
        </section>
      )}
      <div className="row end">
        <Button onClick={onClose}>Cancel</Button>
        <Button look="primary" disabled={!chosen || !preview.data || Boolean(preview.error) || preview.isPlaceholderData} onClick={() => chosen && use(chosen)}>Use it</Button>
      </div>
    </Dialog>
  );
}
