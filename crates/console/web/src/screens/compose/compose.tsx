// Write, reply, forward. One key per composition: a double click sends once.

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useBlocker, useCanGoBack, useNavigate, useRouter, useSearch } from "@tanstack/react-router";
import { ChevronLeft, Paperclip, SendHorizontal } from "lucide-react";
import { type DragEvent, type FormEvent, useEffect, useRef, useState } from "react";
import { api, freshKey, Problem } from "../../api/client";
import { answerStart, serverDraft, mailboxes as mailboxesQuery, message as messageQuery } from "../../api/queries";
import type { AnswerStart, Mailbox, MessageBody, ServerDraft, Submission, SubmissionInput } from "../../api/types";
import type { ComposeSearch } from "../../addresses";
import { Button, CopyLine, Empty, Failed, Note, Waiting } from "../../ui/basics";
import { Confirm, toast } from "../../ui/overlays";
import { takeOver } from "./adopt";
import { Attachments, useAttachments } from "./attachments";
import { type Author, AuthorFields, authorOf } from "./author-fields";
import { cleaned, htmlOf, isFormatted, textOf } from "./clean";
import { type Draft, draftFrom, draftOf, emptyDraft, looksLikeAddress, parseAddresses, restOf } from "./draft";
import { useDraftKeeper } from "./draft-keeper";
import { Editor } from "./editor";
import { handedOver, UNDO_SECONDS, writtenAgain } from "./handed-over";
import { forget, keep, kept, note, storageKey, type Typed, typedOver } from "./kept";
import { type Later, laterBody, SendLater, startLater } from "./later";
import { Original } from "./original";
import { Recipients } from "./recipients";
import { senderOf } from "./sender";
import { Settle } from "./settle";
import { ChooseTemplate, TemplateInPlace, useTemplates } from "./template";
import { DeliveryWishes, wishesBody, wishesOf } from "./wishes";

const TITLES = { reply: "Reply", reply_all: "Reply to all", forward: "Forward" };

export function Compose() {
  const asked = useSearch({ from: "/inside/compose" });
  return <Going key={storageKey(asked)} asked={asked} />;
}

function Going({ asked }: { asked: ComposeSearch }) {
  // What was begun here and is a draft by now is gone on with after a reload.
  const [id] = useState(() => asked.draft ?? kept(asked)?.saved?.id);
  const draft = useQuery({ ...serverDraft(id ?? ""), enabled: Boolean(id) });
  if (id && draft.isPending) return <div className="page"><div className="inner narrow"><Waiting lines={10} /></div></div>;
  // Sent or thrown away in another window: what was typed here begins a new one.
  const isOver = !asked.draft && draft.error instanceof Problem && draft.error.status === 404;
  if (draft.isError && !isOver) return <div className="page"><div className="inner narrow"><Failed error={draft.error} retry={() => void draft.refetch()} /></div></div>;
  const { in_reply_to_message_id: answered, forward_message_id: forwarded } = draft.data?.content ?? {};
  const search: ComposeSearch = draft.data && asked.draft ? { draft: asked.draft, message: answered ?? forwarded, mode: answered ? "reply" : forwarded ? "forward" : undefined } : asked;
  return <Ready search={search} going={draft.data ?? null} />;
}

function Ready({ search, going }: { search: ComposeSearch; going: ServerDraft | null }) {
  const mailboxes = useQuery(mailboxesQuery);
  const original = useQuery({ ...messageQuery(search.message ?? ""), enabled: Boolean(search.message) });
  const begun = useQuery({ ...answerStart(search.message ?? "", search.mode ?? "reply"), enabled: Boolean(search.message && search.mode) });
  const senders = mailboxes.data?.filter((m) => m.outgoing) ?? [];
  const [{ turn, from }, setTurn] = useState({ turn: 0, from: going });

  if (mailboxes.isPending || (search.message && (original.isPending || (search.mode && begun.isPending)))) return <div className="page"><div className="inner narrow"><Waiting lines={10} /></div></div>;
  if (mailboxes.isError) return <div className="page"><div className="inner narrow"><Failed error={mailboxes.error} retry={() => void mailboxes.refetch()} /></div></div>;
  if (original.isError) return <div className="page"><div className="inner narrow"><Failed error={original.error} retry={() => void original.refetch()} /></div></div>;
  if (begun.isError) return <div className="page"><div className="inner narrow"><Failed error={begun.error} retry={() => void begun.refetch()} /></div></div>;
  if (senders.length === 0) {
    return <Empty icon={SendHorizontal} title="No mailbox can send yet"><p>Add one with its sending side switched on.</p></Empty>;
  }
  return <Form key={`${search.draft}-${search.mode}-${search.message}-${turn}`} search={search} going={from} senders={senders} original={original.data ?? null} begun={begun.data ?? null} anew={(from) => setTurn({ turn: turn + 1, from })} />;
}

function start(search: ComposeSearch, going: ServerDraft | null, senders: Mailbox[], begun: AnswerStart | null): Typed {
  const draft = going ? draftOf(going) : begun && search.mode ? draftFrom(begun) : emptyDraft(parseAddresses(search.to ?? ""));
  return { key: freshKey(), from: senderOf(senders, going, begun, search.mailbox), draft };
}

/** What is said. The server makes the text of what is formatted; lines alone go out as text. */
function written(draft: Draft): Pick<SubmissionInput, "subject" | "text" | "html" | "template_id" | "data"> {
  if (draft.template) return { ...(draft.subject ? { subject: draft.subject } : {}), template_id: draft.template.id, data: draft.template.data };
  return { subject: draft.subject, ...(isFormatted(draft.html) ? { html: cleaned(draft.html), text: null } : { text: textOf(draft.html), html: null }) };
}

interface FormProps {
  search: ComposeSearch;
  going: ServerDraft | null;
  senders: Mailbox[];
  original: MessageBody | null;
  begun: AnswerStart | null;
  /** Begins again with this. */
  anew: (going: ServerDraft) => void;
}

function Form({ search, going, senders, original, begun, anew }: FormProps) {
  const [first] = useState(() => start(search, going, senders, begun));
  const [typed] = useState(() => typedOver(kept(search), going));
  const [{ key, from, draft }, setState] = useState<Typed>(() => typed ?? first);
  const files = useAttachments(going?.content.attachments);
  const [copies, setCopies] = useState(draft.cc.length > 0 || draft.bcc.length > 0);
  /** Null: not asked for. */
  const [later, setLater] = useState<Later | null>(null);
  const [choosing, setChoosing] = useState(false);
  const [author, setAuthor] = useState<Author>(() => authorOf(going?.content));
  const [wishes, setWishes] = useState(() => wishesOf(going?.content));
  const [dropping, setDropping] = useState(false);
  const [done, setDone] = useState(false);
  const picker = useRef<HTMLInputElement>(null);
  const text = useRef<HTMLDivElement>(null);
  // The second click of a double click comes before React has drawn the first.
  const underWay = useRef(false);
  const client = useQueryClient();
  const navigate = useNavigate();
  const router = useRouter();
  // As it was on arrival: leaving changes it.
  const [canGoBack] = useState(useCanGoBack());
  const sender = senders.find((m) => m.id === from);
  const isReply = search.mode === "reply" || search.mode === "reply_all";
  const when = laterBody(later);
  const templates = useTemplates(from);
  // What became a draft here is found by what this tab remembers: its address does not name it.
  const touched = Boolean(going && !search.draft) || files.list.length > 0 || JSON.stringify(draft) !== JSON.stringify(first.draft);

  const set = (part: Partial<Draft>) => setState((s) => ({ ...s, draft: { ...s.draft, ...part } }));
  useEffect(() => {
    if (isReply) text.current?.focus();
  }, [isReply]);
  const everyone = [...draft.to, ...draft.cc, ...draft.bcc];
  const wrong = everyone.filter((a) => !looksLikeAddress(a.address));
  const goingUp = files.list.some((a) => !a.blobId);
  const content: SubmissionInput = {
    ...restOf(going?.content), ...author, mailbox_id: from, to: draft.to, cc: draft.cc, bcc: draft.bcc, ...written(draft),
    ...(search.mode ? { quote: draft.quote } : {}),
    attachments: files.list.flatMap((a) => (a.blobId ? [{ blob_id: a.blobId, filename: a.name }] : [])),
    ...wishesBody(wishes),
    ...(isReply && search.message ? { in_reply_to_message_id: search.message } : {}),
    ...(search.mode === "forward" && search.message ? { forward_message_id: search.message, forward_as: draft.forwardAs } : {}),
  };
  const keeper = useDraftKeeper(wrong.length || goingUp || !from ? null : content, going, typed, touched && !done, { saved: (saved) => note(search, { saved }), begun: (begun) => note(search, { begun }) });
  useEffect(() => {
    if (touched && !done) keep(search, { key, from, draft, saved: keeper.saved(), begun: keeper.begun() });
    else forget(search);
  }, [search, key, from, draft, touched, done]);
  const isOpen = () => touched && !done;
  const blocker = useBlocker({ shouldBlockFn: isOpen, enableBeforeUnload: () => isOpen() && !keeper.isKept(), withResolver: true });
  const [asking, setAsking] = useState(false);
  useEffect(() => {
    if (blocker.status !== "blocked") return;
    // Whoever leaves finds it among the drafts; only what cannot be kept is asked about.
    keeper.keep().then(
      (id) => {
        if (!id) return setAsking(true);
        forget(search);
        toast("Kept as a draft", { action: { label: "Throw it away", run: () => void api.delete(`/v1/drafts/${id}`) } });
        blocker.proceed();
      },
      () => setAsking(true),
    );
  }, [blocker.status]);

  // A try that nobody answered may have been taken. The same text is handed over again as it was then, under its key; another
  // text under that key is refused where it was taken, so that nothing goes out twice.
  const unanswered = useRef<{ text: string; body: object } | null>(null);
  const send = useMutation({
    mutationFn: async () => {
      const text = JSON.stringify({ ...content, ...when });
      if (unanswered.current?.text === text) return api.post<Submission>("/v1/submissions", unanswered.current.body, key);
      // What is being kept is finished first: the message takes the draft with it.
      const id = keeper.state === "none" ? null : await keeper.keep().catch(() => keeper.id);
      const body = { ...content, ...when, ...(id ? { draft_id: id, draft_version: keeper.saved()?.version } : {}), undo_seconds: UNDO_SECONDS };
      unanswered.current = { text, body };
      return api.post<Submission>("/v1/submissions", body, key);
    },
    onSuccess: (submission) => {
      setDone(true);
      void client.invalidateQueries({ queryKey: ["submissions"] });
      // With its files, its author and its wishes: as a draft it has all of them.
      handedOver(submission, async () => {
        const again = await writtenAgain(content);
        await navigate({ to: "/compose", search: { draft: again.id } });
      });
    },
    // Changed text under the same key would be refused: after an answer, the next try is a new one.
    onSettled: () => {
      underWay.current = false;
    },
    onError: (error) => {
      if (!(error instanceof Problem) || error.status === 0 || error.status >= 500) return;
      // The key is taken: a try of this message that nobody answered was heard all the same, and is in the outbox.
      if (error.code === "idempotency_conflict" || error.code === "idempotency_in_progress") return;
      unanswered.current = null;
      setState((s) => ({ ...s, key: freshKey() }));
      if (error.status === 409) void keeper.look();
    },
  });
  useEffect(() => {
    // Leaves only after `done` is set, so that the guard does not ask.
    if (!done) return;
    if (canGoBack) router.history.back();
    else void navigate({ to: "/inbox", search: {} });
  }, [done, canGoBack, router, navigate]);

  const problem = send.error instanceof Problem ? send.error : null;
  const wasTaken = problem?.code === "idempotency_conflict";
  const blockedBy =
    keeper.theirs ? "Choose first which text stays."
    : !from ? "Choose the mailbox that sends."
    : everyone.length === 0 ? "Name at least one recipient."
    : wrong.length ? `“${wrong[0]?.address}” is not an address.`
    : files.list.some((a) => a.error) ? "A file did not go up: try it again, or remove it."
    : goingUp ? "The files are still going up."
    : null;

  const submit = (event?: FormEvent) => {
    event?.preventDefault();
    if (blockedBy || underWay.current || done) return;
    underWay.current = true;
    send.mutate();
  };
  const takeTheirs = async () => {
    const { theirs } = keeper;
    if (!theirs) return;
    const newest = theirs.on_server === "changed" && theirs.message_id ? await takeOver(theirs, theirs.message_id) : theirs;
    client.setQueryData(serverDraft(newest.id).queryKey, newest);
    forget(search);
    // What became a draft in this window has no address of its own yet.
    if (going) anew(newest);
    else await navigate({ to: "/compose", search: { draft: newest.id }, replace: true, ignoreBlocker: true });
  };
  const drop = (event: DragEvent) => {
    event.preventDefault();
    setDropping(false);
    files.add(event.dataTransfer.files);
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
          {keeper.state !== "none" && <span className="small quiet" role="status">{{ saving: "Keeping…", saved: "Kept as a draft", failed: "Not kept" }[keeper.state]}</span>}
          <Button icon={Paperclip} onClick={() => picker.current?.click()}>Attach</Button>
          <Button type="submit" look="primary" icon={SendHorizontal} busy={send.isPending} disabled={Boolean(blockedBy)} title={blockedBy ?? "Ctrl+Enter"}>{when.send_at ? "Schedule" : "Send"}</Button>
          <input ref={picker} type="file" multiple hidden onChange={(e) => {
            files.add(e.target.files ?? []);
            e.target.value = "";
          }} />
        </div>
        {keeper.theirs && <Settle mine={draft} theirs={keeper.theirs} keepMine={keeper.keepMine} takeTheirs={takeTheirs} />}
        {send.error && <div className="compose-files">{wasTaken ? <Note tone="bad" title="It is on its way already">An earlier try of this message was taken, and is in the outbox. What was changed since is not in it.</Note> : <Failed error={send.error} retry={() => submit()} />}</div>}
        <div className="compose-line">
          <label htmlFor="compose-from">From</label>
          <select id="compose-from" className="bare" value={from} onChange={(e) => setState((s) => ({ ...s, from: e.target.value }))}>
            {!from && <option value="">Choose the mailbox that sends</option>}
            {senders.map((m) => <option key={m.id} value={m.id}>{m.name === m.address ? m.address : `${m.name} <${m.address}>`}</option>)}
          </select>
        </div>
        <AuthorFields mailbox={from} isReply={isReply} author={author} onChange={setAuthor} />
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
          <input id="compose-subject" className="bare strong" placeholder={draft.template ? "as the template says" : undefined} value={draft.subject} onChange={(e) => set({ subject: e.target.value })} />
        </div>
        {(!later || (templates.length > 0 && !draft.template)) && (
          <div className="compose-line">
            <span className="label" />
            {!later && <button type="button" className="link small copies" onClick={() => setLater(startLater())}>Send later</button>}
            {templates.length > 0 && !draft.template && <button type="button" className="link small copies" onClick={() => setChoosing(true)}>Use a template</button>}
          </div>
        )}
        {later && <SendLater later={later} set={setLater} errors={[problem?.at("/send_at"), problem?.at("/time_zone")]} />}
        {draft.template ? (
          <TemplateInPlace
            mailbox={from} identity={author.identity_id} chosen={draft.template} edit={() => setChoosing(true)} leave={() => set({ template: null })}
            write={(filled) => set({ template: null, html: cleaned(filled.html ?? htmlOf(filled.text)), subject: draft.subject || filled.subject })}
          />
        ) : (
          <Editor box={text} start={draft.html} onChange={(html) => set({ html })} />
        )}
        {choosing && (
          <ChooseTemplate
            mailbox={from} identity={author.identity_id} before={draft.template} onClose={() => setChoosing(false)}
            use={(template) => {
              set({ template });
              setChoosing(false);
            }}
          />
        )}
        {search.mode && begun && (
          <Original
            mode={search.mode} begun={begun} draft={draft} hasFiles={Boolean(original?.has_attachments)} set={set}
            edit={draft.template ? undefined : () => {
              const html = `${draft.html || "<div><br></div>"}<div><br></div>${htmlOf(begun.quoted_text)}`;
              if (text.current) text.current.innerHTML = cleaned(html);
              set({ html, quote: false });
              text.current?.focus();
            }}
          />
        )}
        {files.list.length > 0 && <div className="compose-files"><Attachments list={files.list} remove={files.remove} again={files.again} /></div>}
        <DeliveryWishes wishes={wishes} set={(part) => setWishes((w) => ({ ...w, ...part }))} />
        <details className="compose-files small">
          <summary className="quiet">The same by API</summary>
          <CopyLine
            label="command"
            text={`curl ${window.location.origin}/v1/submissions -H "Authorization: Bearer $POSTROOM_TOKEN" -H "Idempotency-Key: $(uuidgen)" --json '${JSON.stringify({ mailbox_id: from, to: draft.to.map(({ address }) => ({ address })), ...(draft.template ? { template_id: draft.template.id, data: draft.template.data } : { subject: draft.subject, text: "…" }), ...when, ...wishesBody(wishes) })}'`}
          />
        </details>
      </form>
      <Confirm
        open={asking} onClose={() => {
          setAsking(false);
          blocker.reset?.();
        }} title="Leave this message?" action="Throw it away" onConfirm={() => {
          setDone(true);
          forget(search);
          blocker.proceed?.();
        }}
      >
        It was not sent, and cannot be kept as a draft as it is.
      </Confirm>
    </div>
  );
}
