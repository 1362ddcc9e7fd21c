// Write, reply, forward. One key per composition: a double click sends once.

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useBlocker, useCanGoBack, useNavigate, useRouter, useSearch } from "@tanstack/react-router";
import { ChevronLeft, Paperclip, SendHorizontal, X } from "lucide-react";
import { type DragEvent, type FormEvent, useEffect, useRef, useState } from "react";
import { api, freshKey, Problem } from "../../api/client";
import { mailboxes as mailboxesQuery, message as messageQuery } from "../../api/queries";
import type { Mailbox, MessageBody, Submission, SubmissionInput } from "../../api/types";
import type { ComposeSearch } from "../../addresses";
import { Button, CopyLine, Empty, Failed, Note, Waiting } from "../../ui/basics";
import { base64 } from "../../ui/base64";
import { bytes, fullTime, plural } from "../../ui/format";
import { Confirm, toast } from "../../ui/overlays";
import { type Draft, draftFrom, emptyDraft, looksLikeAddress, parseAddresses, timeOf } from "./draft";
import { Recipients } from "./recipients";

/** Attachments travel as base64 inside JSON: more than this needs the upload that is to come. */
const MAX_TOTAL = 20_000_000;

const TITLES = { reply: "Reply", reply_all: "Reply to all", forward: "Forward" };

export function Compose() {
  const search = useSearch({ from: "/inside/compose" });
  const mailboxes = useQuery(mailboxesQuery);
  const original = useQuery({ ...messageQuery(search.message ?? ""), enabled: Boolean(search.message) });
  const senders = mailboxes.data?.filter((m) => m.outgoing) ?? [];

  if (mailboxes.isPending || (search.message && original.isPending)) return <div className="page"><div className="inner narrow"><Waiting lines={10} /></div></div>;
  if (mailboxes.isError) return <div className="page"><div className="inner narrow"><Failed error={mailboxes.error} retry={() => void mailboxes.refetch()} /></div></div>;
  if (original.isError) return <div className="page"><div className="inner narrow"><Failed error={original.error} retry={() => void original.refetch()} /></div></div>;
  if (senders.length === 0) {
    return <Empty icon={SendHorizontal} title="No mailbox can send yet"><p>Add one with its sending side switched on.</p></Empty>;
  }
  return <Form key={`${search.mode}-${search.message}`} search={search} senders={senders} original={original.data ?? null} />;
}

interface Kept {
  key: string;
  from: string;
  draft: Draft;
}

/** What was typed outlives a reload, in this tab only. */
function storageKey(search: ComposeSearch) {
  return `postroom.compose.${search.mode ?? "new"}.${search.message ?? ""}`;
}

function kept(search: ComposeSearch): Kept | null {
  try {
    const text = sessionStorage.getItem(storageKey(search));
    return text ? (JSON.parse(text) as Kept) : null;
  } catch {
    return null;
  }
}

function start(search: ComposeSearch, senders: Mailbox[], original: MessageBody | null): Kept {
  const wanted = original?.mailbox_id ?? search.mailbox;
  const sender = senders.find((m) => m.id === wanted) ?? senders[0];
  const own = sender?.address ?? "";
  const draft = original && search.mode ? draftFrom(original, search.mode, own) : emptyDraft(parseAddresses(search.to ?? ""));
  return { key: freshKey(), from: sender?.id ?? "", draft };
}

function Form({ search, senders, original }: { search: ComposeSearch; senders: Mailbox[]; original: MessageBody | null }) {
  const [first] = useState(() => start(search, senders, original));
  const [{ key, from, draft }, setState] = useState<Kept>(() => kept(search) ?? first);
  const [files, setFiles] = useState<File[]>([]);
  const [copies, setCopies] = useState(draft.cc.length > 0 || draft.bcc.length > 0);
  /** As the browser writes it, in local time; empty: now; null: not asked for. */
  const [later, setLater] = useState<string | null>(null);
  const [dropping, setDropping] = useState(false);
  const [done, setDone] = useState(false);
  const picker = useRef<HTMLInputElement>(null);
  const text = useRef<HTMLTextAreaElement>(null);
  // The second click of a double click comes before React has drawn the first.
  const underWay = useRef(false);
  const client = useQueryClient();
  const navigate = useNavigate();
  const router = useRouter();
  // As it was on arrival: leaving changes it.
  const [canGoBack] = useState(useCanGoBack());
  const sender = senders.find((m) => m.id === from);
  const isReply = search.mode === "reply" || search.mode === "reply_all";
  const sendAt = timeOf(later);
  const touched = files.length > 0 || JSON.stringify(draft) !== JSON.stringify(first.draft);

  const set = (part: Partial<Draft>) => setState((s) => ({ ...s, draft: { ...s.draft, ...part } }));
  useEffect(() => {
    try {
      if (touched && !done) sessionStorage.setItem(storageKey(search), JSON.stringify({ key, from, draft }));
      else sessionStorage.removeItem(storageKey(search));
    } catch {
      // Without storage a reload loses the draft; the browser asks before it.
    }
  }, [search, key, from, draft, touched, done]);
  useEffect(() => {
    // A reply starts above the quotation.
    if (!isReply || !text.current) return;
    text.current.focus();
    text.current.setSelectionRange(0, 0);
    text.current.scrollTop = 0;
  }, [isReply]);
  const blocker = useBlocker({ shouldBlockFn: () => touched && !done, enableBeforeUnload: () => touched && !done, withResolver: true });

  const send = useMutation({
    mutationFn: async () => {
      const body: SubmissionInput = {
        mailbox_id: from, to: draft.to, cc: draft.cc, bcc: draft.bcc, subject: draft.subject, text: draft.text,
        // The quotation is in the text already, or was taken out on purpose.
        ...(search.mode ? { quote: false } : {}),
        attachments: await Promise.all(files.map(encode)),
        ...(sendAt ? { send_at: sendAt } : {}),
        ...(isReply && search.message ? { in_reply_to_message_id: search.message } : {}),
        ...(search.mode === "forward" && search.message ? { forward_message_id: search.message } : {}),
      };
      return api.post<Submission>("/v1/submissions", body, key);
    },
    onSuccess: (submission) => {
      setDone(true);
      void client.invalidateQueries({ queryKey: ["submissions"] });
      toast("In the outbox", {
        description: `To ${plural(submission.recipients?.length ?? draft.to.length, "recipient")}. ${submission.send_at ? `It goes out ${fullTime(submission.send_at)}.` : "It is sent now."}`,
        action: { label: "Show", run: () => void navigate({ to: "/outbox", search: { scheduled: Boolean(submission.send_at) || undefined, open: submission.id } }) },
      });
    },
    // Changed text under the same key would be refused: after an answer, the next try is a new one.
    onSettled: () => {
      underWay.current = false;
    },
    onError: (error) => error instanceof Problem && error.status > 0 && error.status < 500 && setState((s) => ({ ...s, key: freshKey() })),
  });
  useEffect(() => {
    // Leaves only after `done` is set, so that the guard does not ask.
    if (!done) return;
    if (canGoBack) router.history.back();
    else void navigate({ to: "/inbox", search: {} });
  }, [done, canGoBack, router, navigate]);

  const problem = send.error instanceof Problem ? send.error : null;
  const everyone = [...draft.to, ...draft.cc, ...draft.bcc];
  const wrong = everyone.filter((a) => !looksLikeAddress(a.address));
  const size = files.reduce((sum, f) => sum + f.size, 0);
  const blockedBy =
    everyone.length === 0 ? "Name at least one recipient."
    : wrong.length ? `“${wrong[0]?.address}” is not an address.`
    : size > MAX_TOTAL ? `The files have ${bytes(size)}; ${bytes(MAX_TOTAL)} fit.`
    : null;

  const submit = (event?: FormEvent) => {
    event?.preventDefault();
    if (blockedBy || underWay.current || done) return;
    underWay.current = true;
    send.mutate();
  };
  const drop = (event: DragEvent) => {
    event.preventDefault();
    setDropping(false);
    setFiles((now) => [...now, ...event.dataTransfer.files]);
  };

  return (
    <div className="compose-page">
      <form
        className={dropping ? "dropping" : ""} onSubmit={submit} aria-label="Write a message"
        onDragOver={(e) => {
          e.preventDefault();
          setDropping(true);
        }}
        onDragLeave={() => setDropping(false)} onDrop={drop}
        onKeyDown={(e) => {
          if (e.key === "Enter" && (e.ctrlKey || e.metaKey)) submit();
        }}
      >
        <div className="compose-bar">
          <Button look="ghost" icon={ChevronLeft} aria-label="Back" onClick={() => (canGoBack ? router.history.back() : void navigate({ to: "/inbox", search: {} }))} />
          <h1>{search.mode ? TITLES[search.mode] : "New message"}</h1>
          <Button icon={Paperclip} onClick={() => picker.current?.click()}>Attach</Button>
          <Button type="submit" look="primary" icon={SendHorizontal} busy={send.isPending} disabled={Boolean(blockedBy)} title={blockedBy ?? "Ctrl+Enter"}>{sendAt ? "Schedule" : "Send"}</Button>
          <input ref={picker} type="file" multiple hidden onChange={(e) => {
            setFiles((now) => [...now, ...(e.target.files ?? [])]);
            e.target.value = "";
          }} />
        </div>
        {send.error && <div className="compose-files"><Failed error={send.error} retry={() => submit()} /></div>}
        <div className="compose-line">
          <label htmlFor="compose-from">From</label>
          <select id="compose-from" className="bare" value={from} onChange={(e) => setState((s) => ({ ...s, from: e.target.value }))}>
            {senders.map((m) => <option key={m.id} value={m.id}>{m.name === m.address ? m.address : `${m.name} <${m.address}>`}</option>)}
          </select>
        </div>
        {sender && (sender.sending === "fails" || sender.lifecycle !== "enabled") && (
          <div className="compose-files">
            <Note tone="warn">
              {sender.lifecycle !== "enabled" ? "This mailbox is not enabled: the message waits in the outbox until it is." : "The last proof of sending from this mailbox failed: the message may have to wait in the outbox."}
            </Note>
          </div>
        )}
        <Recipients label="To" list={draft.to} onChange={(to) => set({ to })} error={problem?.at("/to")} autoFocus={!isReply} />
        {copies ? (
          <>
            <Recipients label="Cc" list={draft.cc} onChange={(cc) => set({ cc })} error={problem?.at("/cc")} />
            <Recipients label="Bcc" list={draft.bcc} onChange={(bcc) => set({ bcc })} error={problem?.at("/bcc")} />
          </>
        ) : (
          <div className="compose-line"><span className="label" /><button type="button" className="link small copies" onClick={() => setCopies(true)}>Add Cc and Bcc</button></div>
        )}
        <div className="compose-line">
          <label htmlFor="compose-subject">Subject</label>
          <input id="compose-subject" className="bare strong" value={draft.subject} onChange={(e) => set({ subject: e.target.value })} />
        </div>
        {later === null ? (
          <div className="compose-line"><span className="label" /><button type="button" className="link small copies" onClick={() => setLater("")}>Send later</button></div>
        ) : (
          <div className="compose-line">
            <label htmlFor="compose-at">Send at</label>
            <input id="compose-at" className="bare" type="datetime-local" autoFocus value={later} onChange={(e) => setLater(e.target.value)} />
            <Button look="ghost" size="small" icon={X} aria-label="Send now instead" onClick={() => setLater(null)} />
          </div>
        )}
        <textarea ref={text} className="compose-text" aria-label="Text" value={draft.text} onChange={(e) => set({ text: e.target.value })} placeholder="Write here. Files can be dropped anywhere." />
        {(files.length > 0 || (search.mode === "forward" && original?.has_attachments)) && (
          <div className="compose-files stack s">
            {search.mode === "forward" && original?.has_attachments && <div className="small quiet">The attachments of the original go along.</div>}
            <ul className="files" aria-label="Attachments">
              {files.map((file, n) => (
                <li key={`${file.name}-${n}`} className="chip">
                  <span className="cut">{file.name}</span> <span className="faint num">{bytes(file.size)}</span>
                  <button type="button" aria-label={`Remove ${file.name}`} onClick={() => setFiles(files.filter((_, m) => m !== n))}><X className="i" aria-hidden /></button>
                </li>
              ))}
            </ul>
            {size > MAX_TOTAL && <Note tone="bad">{blockedBy}</Note>}
          </div>
        )}
        <details className="compose-files small">
          <summary className="quiet">The same by API</summary>
          <CopyLine
            label="command"
            text={`curl ${window.location.origin}/v1/submissions -H "Authorization: Bearer $POSTROOM_TOKEN" -H "Idempotency-Key: $(uuidgen)" --json '${JSON.stringify({ mailbox_id: from, to: draft.to.map(({ address }) => ({ address })), subject: draft.subject, text: "…" })}'`}
          />
        </details>
      </form>
      <Confirm
        open={blocker.status === "blocked"} onClose={() => blocker.reset?.()} title="Leave this message?" action="Throw it away" onConfirm={() => {
          setDone(true);
          sessionStorage.removeItem(storageKey(search));
          blocker.proceed?.();
        }}
      >
        It was not sent. Drafts are not stored on the server yet.
      </Confirm>
    </div>
  );
}

const encode = async (file: File) => ({ filename: file.name, content_type: file.type || "application/octet-stream", content_base64: await base64(file) });
