// Message files (.eml) that a person brings: stored in a folder of the server, as they are.

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { FileInput } from "lucide-react";
import { useRef, useState } from "react";
import { api, freshKey } from "../../api/client";
import type { Folder, Mailbox, Owed } from "../../api/types";
import { Button, Failed } from "../../ui/basics";
import { base64 } from "../../ui/base64";
import { bytes, plural } from "../../ui/format";
import { Dialog, toast } from "../../ui/overlays";

/** The largest message that Postroom takes. */
const MAX = 48 * 1024 * 1024;

interface Letter {
  file: File;
  /** Of this file: the same request, however often it is sent. */
  key: string;
}

/** Those that are too large, by their names. */
export const tooLarge = (files: { name: string; size: number }[]) => files.filter((f) => f.size > MAX).map((f) => f.name);

export function BringDialog({ mailbox, folder, onClose }: { mailbox: Mailbox; folder: Folder; onClose: () => void }) {
  const picker = useRef<HTMLInputElement>(null);
  const [letters, setLetters] = useState<Letter[]>([]);
  const [done, setDone] = useState(0);
  const [seen, setSeen] = useState(true);
  const client = useQueryClient();
  const bring = useMutation({
    // One after the other: each is in memory as a whole. What failed is asked for again by the same key.
    mutationFn: async () => {
      for (const [n, { file, key }] of letters.entries()) {
        if (n < done) continue;
        await api.post<Owed>("/v1/messages", { folder_id: folder.id, raw_base64: await base64(file), flags: { seen } }, key);
        setDone(n + 1);
      }
    },
    onSuccess: () => {
      toast(`${plural(letters.length, "message")} on the way to ${folder.path}`);
      onClose();
    },
    onSettled: () => client.invalidateQueries({ queryKey: ["owed", mailbox.id] }),
  });
  const large = tooLarge(letters.map((each) => each.file));
  const choose = (files: FileList | null) => {
    bring.reset();
    setDone(0);
    setLetters([...(files ?? [])].map((file) => ({ file, key: freshKey() })));
  };
  return (
    <Dialog open onClose={onClose} title={`Store message files in ${folder.path}`}>
      <form className="stack" onSubmit={(e) => { e.preventDefault(); bring.mutate(); }}>
        {bring.error && <Failed error={bring.error} />}
        <p className="small quiet">Files as other mail programs save them (.eml). The server stores them as they are; nobody is told of them as new mail.</p>
        <input ref={picker} type="file" accept=".eml,message/rfc822" multiple hidden aria-label="Message files" onChange={(e) => choose(e.target.files)} />
        <div className="row">
          <Button icon={FileInput} disabled={bring.isPending} onClick={() => picker.current?.click()}>Choose files</Button>
          <span className="small quiet cut">
            {letters.length === 0 ? "None yet" : `${plural(letters.length, "file")}, ${bytes(letters.reduce((sum, each) => sum + each.file.size, 0))}`}
          </span>
        </div>
        {large.length > 0 && <p className="small error" role="alert">Larger than {bytes(MAX)}: {large.join(", ")}</p>}
        <label className="row small"><input type="checkbox" checked={seen} onChange={(e) => setSeen(e.target.checked)} />As read</label>
        <div className="row end">
          {bring.isPending && <span className="small faint num">{done} of {letters.length}</span>}
          <Button look="primary" type="submit" busy={bring.isPending} disabled={letters.length === 0 || large.length > 0}>Store them</Button>
        </div>
      </form>
    </Dialog>
  );
}
