// Folders: how much of one is stored; and on the server a new one, another name, none any more.

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { CalendarRange, Ellipsis, FileInput, FolderInput, FolderPlus, Pencil, Trash2 } from "lucide-react";
import { useState } from "react";
import { api } from "../../api/client";
import { folders as foldersQuery } from "../../api/queries";
import type { Folder, Mailbox } from "../../api/types";
import { Button, Failed, Field, Waiting } from "../../ui/basics";
import { plural } from "../../ui/format";
import { Confirm, Dialog, Menu, toast, toastProblem } from "../../ui/overlays";
import { BringDialog } from "./bring";
import { StoringDialog } from "./storing";

function useFolderChange(mailbox: Mailbox, done: () => void) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (send: () => Promise<unknown>) => send(),
    onSuccess: () => {
      toast("The server is asked; what it has not confirmed is shown above");
      done();
    },
    onError: toastProblem,
    onSettled: () => {
      void client.invalidateQueries({ queryKey: ["folders", mailbox.id] });
      void client.invalidateQueries({ queryKey: ["owed", mailbox.id] });
    },
  });
}

const base = (mailbox: Mailbox) => `/v1/mailboxes/${mailbox.id}/folders`;
const can = (mailbox: Mailbox) => mailbox.incoming?.protocol === "imap" && !mailbox.read_only;

function NameDialog(props: { title: string; action: string; name: string; open: boolean; busy: boolean; onClose: () => void; onName: (name: string) => void }) {
  const [name, setName] = useState(props.name);
  return (
    <Dialog open={props.open} onClose={props.onClose} title={props.title}>
      <form className="stack" onSubmit={(e) => { e.preventDefault(); props.onName(name.trim()); }}>
        <Field label="Name">
          {(ids) => <input {...ids} className="input" required maxLength={100} value={name} onChange={(e) => setName(e.target.value)} />}
        </Field>
        <div className="row end"><Button look="primary" type="submit" busy={props.busy}>{props.action}</Button></div>
      </form>
    </Dialog>
  );
}

/** Where a folder can lie: anywhere but where it is, in itself, and in those inside it. */
export function places(all: Folder[], folder: Folder): Folder[] {
  const between = all.map((f) => f.path.slice(0, f.path.length - f.name.length).slice(-1)).find(Boolean) ?? "/";
  const parent = folder.path.slice(0, Math.max(0, folder.path.length - folder.name.length - between.length));
  return all.filter((f) => f.id !== folder.id && f.path !== parent && !f.path.startsWith(folder.path + between));
}

function PlaceDialog(props: { mailbox: Mailbox; folder: Folder; busy: boolean; onClose: () => void; onPlace: (parent: string | null) => void }) {
  const query = useQuery(foldersQuery(props.mailbox.id));
  const isTop = props.folder.path === props.folder.name;
  return (
    <Dialog open onClose={props.onClose} title={`Move ${props.folder.path} to`}>
      {query.isPending && <Waiting />}
      {query.isError && <Failed error={query.error} />}
      <ul className="folder-choice">
        {!isTop && <li><button type="button" disabled={props.busy} onClick={() => props.onPlace(null)}>The top</button></li>}
        {places(query.data ?? [], props.folder).map((f) => <li key={f.id}><button type="button" disabled={props.busy} onClick={() => props.onPlace(f.id)}>{f.path}</button></li>)}
      </ul>
    </Dialog>
  );
}

/** A button for a new folder at the top. */
export function NewFolder({ mailbox }: { mailbox: Mailbox }) {
  const [open, setOpen] = useState(false);
  const change = useFolderChange(mailbox, () => setOpen(false));
  if (!can(mailbox)) return null;
  return (
    <>
      <Button size="small" icon={FolderPlus} onClick={() => setOpen(true)}>New folder</Button>
      {open && (
        <NameDialog title="New folder on the server" action="Make it" name="" open busy={change.isPending} onClose={() => setOpen(false)} onName={(name) => change.mutate(() => api.post(base(mailbox), { name }))} />
      )}
    </>
  );
}

/** What can be done about one folder: how much of it is stored, inside it, its name, its end. */
export function FolderMenu({ mailbox, folder }: { mailbox: Mailbox; folder: Folder }) {
  const [asked, setAsked] = useState<"storing" | "bring" | "inside" | "name" | "place" | "end" | null>(null);
  const close = () => setAsked(null);
  const change = useFolderChange(mailbox, close);
  const one = `${base(mailbox)}/${folder.id}`;
  const entries = [{ label: "What is stored of it", icon: CalendarRange, onSelect: () => setAsked("storing") }];
  if (can(mailbox)) entries.push({ label: "Store message files in it", icon: FileInput, onSelect: () => setAsked("bring") });
  if (can(mailbox)) entries.push({ label: "New folder inside", icon: FolderPlus, onSelect: () => setAsked("inside") });
  if (can(mailbox) && !folder.role) {
    entries.push({ label: "Rename", icon: Pencil, onSelect: () => setAsked("name") });
    entries.push({ label: "Move", icon: FolderInput, onSelect: () => setAsked("place") });
    entries.push({ label: "Delete", icon: Trash2, onSelect: () => setAsked("end") });
  }
  const last = folder.name;
  return (
    <>
      <Menu trigger={<Button look="ghost" size="small" icon={Ellipsis} aria-label={`Change ${folder.path}`} />} items={entries} />
      {asked === "storing" && <StoringDialog mailbox={mailbox} folder={folder} onClose={close} />}
      {asked === "bring" && <BringDialog mailbox={mailbox} folder={folder} onClose={close} />}
      {asked === "inside" && (
        <NameDialog title={`New folder inside ${folder.path}`} action="Make it" name="" open busy={change.isPending} onClose={close} onName={(name) => change.mutate(() => api.post(base(mailbox), { name, parent_id: folder.id }))} />
      )}
      {asked === "name" && (
        <NameDialog title={`Rename ${folder.path}`} action="Rename" name={last} open busy={change.isPending} onClose={close} onName={(name) => change.mutate(() => api.patch(one, { name }))} />
      )}
      {asked === "place" && (
        <PlaceDialog mailbox={mailbox} folder={folder} busy={change.isPending} onClose={close} onPlace={(parent_id) => change.mutate(() => api.patch(one, { parent_id }))} />
      )}
      <Confirm open={asked === "end"} onClose={close} title={`Delete ${folder.path} on the server?`} action="Delete the folder" busy={change.isPending} onConfirm={() => change.mutate(() => api.delete(`${one}?with_messages=true`))}>
        {folder.messages > 0 ? <p>{plural(folder.messages, "message")} in it will be deleted for good, on the server and here.</p> : <p>It is empty.</p>}
      </Confirm>
    </>
  );
}
