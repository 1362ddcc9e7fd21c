// Signatures: one's own, everybody's, and the central one; written beside a picture of what they become.

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { ImagePlus, Pencil, PenLine, Plus, Trash2 } from "lucide-react";
import { type FormEvent, useRef, useState } from "react";
import { api, Problem } from "../../api/client";
import { session } from "../../api/queries";
import { identities as identitiesQuery, type Signature, type SignaturePreview, shown, signatures as signaturesQuery } from "../../api/sending";
import { Button, Empty, Failed, Field, IconButton, Pill, Waiting } from "../../ui/basics";
import { base64 } from "../../ui/base64";
import { bytes } from "../../ui/format";
import { Confirm, Dialog, toast, toastProblem } from "../../ui/overlays";
import { MessageFrame } from "../inbox/frame";
import { usePreview } from "./preview";

const KINDS = { personal: "yours alone", shared: "for everybody", central: "central" } as const;
/** Larger pictures would go out with every message. */
const PICTURE = 200_000;
const START = "<p>{{ identity.name }}<br>\n{{ identity.address }}</p>";

export function Signatures() {
  const query = useQuery(signaturesQuery);
  const client = useQueryClient();
  const [editing, setEditing] = useState<Signature | "new" | null>(null);
  const [removing, setRemoving] = useState<Signature | null>(null);
  const remove = useMutation({
    mutationFn: (signature: Signature) => api.delete(`/v1/signatures/${signature.id}`),
    onSuccess: () => setRemoving(null),
    onError: toastProblem,
    onSettled: () => client.invalidateQueries({ queryKey: ["signatures"] }),
  });
  return (
    <section className="card" aria-label="Signatures">
      <header><h2>Signatures</h2><Button look="primary" size="small" icon={Plus} onClick={() => setEditing("new")}>New signature</Button></header>
      {query.isPending && <div className="body"><Waiting /></div>}
      {query.isError && <div className="body"><Failed error={query.error} retry={() => void query.refetch()} /></div>}
      {query.data?.length === 0 && (
        <Empty icon={PenLine} title="No signature yet">
          <p className="small">The central one goes below every message. An address that a mailbox sends as can have another, or none.</p>
        </Empty>
      )}
      {query.data && query.data.length > 0 && (
        <ul>
          {query.data.map((one) => (
            <li key={one.id} className="ledger">
              <div className="grow"><span className="row wrap"><strong>{one.name}</strong><Pill tone={one.kind === "central" ? "info" : ""}>{KINDS[one.kind]}</Pill></span></div>
              <IconButton label={`Change ${one.name}`} icon={Pencil} onClick={() => setEditing(one)} />
              <IconButton label={`Remove ${one.name}`} icon={Trash2} onClick={() => setRemoving(one)} />
            </li>
          ))}
        </ul>
      )}
      {editing && <Edit signature={editing === "new" ? null : editing} onClose={() => setEditing(null)} />}
      <Confirm open={removing !== null} onClose={() => setRemoving(null)} title={`Remove “${removing?.name}”?`} action="Remove" busy={remove.isPending} onConfirm={() => removing && remove.mutate(removing)}>
        Addresses that had it have the central one from now on, if there is one.
      </Confirm>
    </section>
  );
}

function Edit({ signature, onClose }: { signature: Signature | null; onClose: () => void }) {
  const { data: user } = useQuery(session);
  const [name, setName] = useState(signature?.name ?? "");
  const [kind, setKind] = useState<Signature["kind"]>(signature?.kind ?? "personal");
  const [html, setHtml] = useState(signature?.html ?? START);
  const [text, setText] = useState(signature?.text ?? "");
  const [identity, setIdentity] = useState("");
  const identities = useQuery(identitiesQuery);
  const picker = useRef<HTMLInputElement>(null);
  const area = useRef<HTMLTextAreaElement>(null);
  const client = useQueryClient();
  const preview = usePreview<SignaturePreview>("/v1/signatures/preview", { html, text: text || null, identity_id: identity || null });
  const save = useMutation({
    mutationFn: () => {
      const body = { name: name.trim(), kind, html, text: text || null };
      return signature ? api.patch(`/v1/signatures/${signature.id}`, body) : api.post("/v1/signatures", body);
    },
    onSuccess: onClose,
    onSettled: () => client.invalidateQueries({ queryKey: ["signatures"] }),
  });
  const problem = save.error instanceof Problem ? save.error : null;
  const administers = user?.role === "owner" || user?.role === "admin";
  const insert = async (file: File | undefined) => {
    if (!file) return;
    if (file.size > PICTURE) return void toast(`The picture has ${bytes(file.size)}; ${bytes(PICTURE)} fit.`, { bad: true });
    const picture = `<img src="data:${file.type};base64,${await base64(file)}" alt="${file.name.replaceAll(/["<>&]/g, "")}">`;
    const at = area.current?.selectionStart ?? html.length;
    setHtml(html.slice(0, at) + picture + html.slice(at));
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    save.mutate();
  };
  return (
    <Dialog open onClose={onClose} title={signature ? `Change “${signature.name}”` : "New signature"} wide>
      <form className="stack" onSubmit={submit}>
        {save.error && <Failed error={save.error} />}
        <Field label="Name" error={problem?.at("/name")}>
          {(ids) => <input {...ids} className="input" required autoFocus placeholder="Company" value={name} onChange={(e) => setName(e.target.value)} />}
        </Field>
        <Field label="Whose" hint={kind === "central" ? "Below every message whose address has no other. There is one: the one before is for everybody then." : undefined} error={problem?.at("/kind")}>
          {(ids) => (
            <select {...ids} className="input" value={kind} onChange={(e) => setKind(e.target.value as Signature["kind"])}>
              {(!signature || signature.kind === "personal") && <option value="personal">Yours alone</option>}
              <option value="shared">For everybody</option>
              {administers && <option value="central">Central: wherever no other is named</option>}
            </select>
          )}
        </Field>
        <Field
          label="HTML" error={problem?.at("/html")}
          hint={<>Variables: <code>{"{{ identity.name }}"}</code> <code>identity.address</code> <code>identity.fields.phone</code> <code>user.name</code> <code>mailbox.name</code> <code>date</code>. What an address lacks is left out: <code>{"{% if identity.fields.phone %}…{% endif %}"}</code></>}
        >
          {(ids) => <textarea {...ids} ref={area} className="input mono" rows={7} spellCheck={false} value={html} onChange={(e) => setHtml(e.target.value)} />}
        </Field>
        <div className="row">
          <Button size="small" icon={ImagePlus} onClick={() => picker.current?.click()}>Insert a picture</Button>
          <input ref={picker} type="file" accept="image/png,image/jpeg,image/gif,image/webp" hidden aria-label="Picture" onChange={(e) => {
            void insert(e.target.files?.[0]);
            e.target.value = "";
          }} />
        </div>
        <Field label="As text" hint="Empty: made from the HTML." error={problem?.at("/text")}>
          {(ids) => <textarea {...ids} className="input mono" rows={3} spellCheck={false} value={text} onChange={(e) => setText(e.target.value)} />}
        </Field>
        <section className="stack s" aria-label="Preview">
          <div className="row between">
            <h3>What it looks like</h3>
            {(identities.data?.length ?? 0) > 1 && (
              <select className="input mode" aria-label="For which address" value={identity} onChange={(e) => setIdentity(e.target.value)}>
                <option value="">for the first address</option>
                {identities.data?.map((one) => <option key={one.id} value={one.id}>for {shown(one)}</option>)}
              </select>
            )}
          </div>
          {preview.error && <Failed error={preview.error} />}
          {preview.data && (
            <>
              <MessageFrame html={preview.data.html} images title="The signature" />
              <pre className="small quiet wrap">{`-- \n${preview.data.text}`}</pre>
            </>
          )}
        </section>
        <div className="row end">
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" look="primary" busy={save.isPending}>{signature ? "Save" : "Make it"}</Button>
        </div>
      </form>
    </Dialog>
  );
}
