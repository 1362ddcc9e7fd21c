// How much of one folder is stored: since when, and up to which size. What is left empty is as the mailbox says.

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { api, Problem } from "../../api/client";
import type { Folder, Mailbox } from "../../api/types";
import { Button, Failed, Field } from "../../ui/basics";
import { bytes, day } from "../../ui/format";
import { Dialog, toast } from "../../ui/overlays";

const MEGABYTE = 1_000_000;

/** The body of the request: a day as its beginning (UTC), megabytes as octets, nothing as "as the mailbox says". */
export function storingOf(since: string, megabytes: string) {
  return {
    since: since === "" ? null : `${since}T00:00:00Z`,
    size_limit: megabytes === "" ? null : Math.round(Number(megabytes) * MEGABYTE),
  };
}

export function StoringDialog({ mailbox, folder, onClose }: { mailbox: Mailbox; folder: Folder; onClose: () => void }) {
  const [since, setSince] = useState(folder.since?.slice(0, 10) ?? "");
  const [megabytes, setMegabytes] = useState(folder.size_limit ? String(folder.size_limit / MEGABYTE) : "");
  const client = useQueryClient();
  const save = useMutation({
    mutationFn: () => api.patch<Folder>(`/v1/mailboxes/${mailbox.id}/folders/${folder.id}`, storingOf(since, megabytes)),
    onSuccess: () => {
      toast(`Changed: ${folder.path}`);
      onClose();
    },
    onSettled: () => Promise.all(["folders", "plans", "mailboxes"].map((key) => client.invalidateQueries({ queryKey: [key] }))),
  });
  const problem = save.error instanceof Problem ? save.error : null;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    save.mutate();
  };
  return (
    <Dialog open onClose={onClose} title={`What is stored of ${folder.path}`}>
      <form className="stack" onSubmit={submit}>
        {save.error && <Failed error={save.error} />}
        <Field
          label="Mail since" error={problem?.at("/since")}
          hint={`Empty: as the mailbox says, ${mailbox.fetch_since ? `since ${day(mailbox.fetch_since)}` : "everything"}.`}
        >
          {(ids) => <input {...ids} className="input" type="date" value={since} onChange={(e) => setSince(e.target.value)} />}
        </Field>
        {mailbox.incoming?.protocol === "imap" && (
          <Field
            label="Whole messages up to" error={problem?.at("/size_limit")}
            hint={`Megabytes; of larger ones the header. Empty: as the mailbox says, ${mailbox.size_limit ? `up to ${bytes(mailbox.size_limit)}` : "no limit"}.`}
          >
            {(ids) => <input {...ids} className="input" type="number" min={0} step="any" value={megabytes} onChange={(e) => setMegabytes(e.target.value)} />}
          </Field>
        )}
        <div className="row end"><Button look="primary" type="submit" busy={save.isPending}>Save</Button></div>
      </form>
    </Dialog>
  );
}
