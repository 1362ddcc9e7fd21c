// The files of a message: they go up as soon as they are named, and show how far they are.

import { RotateCw, X } from "lucide-react";
import { useRef, useState } from "react";
import { upload } from "../../api/upload";
import { Problem } from "../../api/client";
import { bytes } from "../../ui/format";

/** What one file may have. */
const MAX_FILE = 100 * 1024 * 1024;

export interface Attached {
  n: number;
  name: string;
  size: number | null;
  /** None: it went up before. */
  file: File | null;
  /** 0 to 1. */
  part: number;
  blobId: string | null;
  error: string | null;
}

/** The files, and what can be done with them. */
export function useAttachments(before: { blob_id: string; filename?: string }[] = []) {
  const [list, setList] = useState<Attached[]>(() =>
    before.map((a, n) => ({ n: -1 - n, name: a.filename ?? "file", size: null, file: null, part: 1, blobId: a.blob_id, error: null })));
  const next = useRef(0);
  const running = useRef(new Map<number, AbortController>());
  const change = (n: number, part: Partial<Attached>) => setList((now) => now.map((a) => (a.n === n ? { ...a, ...part } : a)));
  const begin = (n: number, file: File) => {
    if (file.size > MAX_FILE) return change(n, { error: `has ${bytes(file.size)}; ${bytes(MAX_FILE)} fit` });
    const stop = new AbortController();
    running.current.set(n, stop);
    change(n, { error: null, part: 0 });
    upload(file, (part) => change(n, { part }), stop.signal)
      .then((made) => change(n, { blobId: made.blob_id, part: 1 }))
      .catch((error: unknown) => {
        if (error instanceof DOMException) return;
        change(n, { error: error instanceof Problem ? (error.detail ?? error.title) : "did not go up" });
      })
      .finally(() => running.current.delete(n));
  };
  const add = (files: Iterable<File>) => {
    const added = [...files].map((file) => ({ n: next.current++, name: file.name, size: file.size, file, part: 0, blobId: null, error: null }));
    setList((now) => [...now, ...added]);
    for (const { n, file } of added) begin(n, file);
  };
  const remove = (n: number) => {
    running.current.get(n)?.abort();
    setList((now) => now.filter((a) => a.n !== n));
  };
  return { list, add, remove, again: (a: Attached) => a.file && begin(a.n, a.file) };
}

export function Attachments({ list, remove, again }: { list: Attached[]; remove: (n: number) => void; again: (a: Attached) => void }) {
  return (
    <ul className="files" aria-label="Attachments">
      {list.map((a) => (
        <li key={a.n} className={`chip ${a.error ? "bad" : ""}`}>
          <span className="cut">{a.name}</span> <span className="faint num">{a.error ?? (a.size === null ? "" : bytes(a.size))}</span>
          {!a.blobId && !a.error && <progress max={1} value={a.part} aria-label={`${a.name} goes up`} />}
          {a.error && (a.size ?? 0) <= MAX_FILE && <button type="button" aria-label={`Try ${a.name} again`} onClick={() => again(a)}><RotateCw className="i" aria-hidden /></button>}
          <button type="button" aria-label={`Remove ${a.name}`} onClick={() => remove(a.n)}><X className="i" aria-hidden /></button>
        </li>
      ))}
    </ul>
  );
}
