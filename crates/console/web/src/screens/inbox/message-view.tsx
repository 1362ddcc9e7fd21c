// One message: who, when, what, its files, and what it looks like.

import { useMutation, useQuery } from "@tanstack/react-query";
import { ChevronUp, Code2, Download, File as FileIcon, FileText, Image as ImageIcon, ImageOff, MailOpen } from "lucide-react";
import { useState } from "react";
import { api } from "../../api/client";
import { message as messageQuery } from "../../api/queries";
import type { Address, Attachment, Message, MessageBody } from "../../api/types";
import { Button, Failed, Kbd, Note, Pill, Waiting } from "../../ui/basics";
import { bytes, fullTime, plural, who, whole } from "../../ui/format";
import { toastProblem } from "../../ui/overlays";
import { useFlag } from "./actions";
import { MessageFrame } from "./frame";
import { DraftLine } from "./draft-line";
import { InvitationCard } from "./invitation-card";
import { Labels } from "./labels";
import { ReceiptLine } from "./receipt";
import { CertifiedLine } from "./certified";
import { ReportNote } from "./returned";
import { Tags } from "./tags";
import { TextBody } from "./text-body";

interface Props {
  /** What the list already knows; the body follows. */
  known?: Message;
  id: string;
  /** In a thread: folds the message away again. */
  onFold?: () => void;
}

export function MessageView({ id, known, onFold }: Props) {
  const [images, setImages] = useState(false);
  const [plain, setPlain] = useState(false);
  const query = useQuery(messageQuery(id, images));
  const head = query.data ?? known;
  const body = query.data;

  if (!head) return query.isError ? <Failed error={query.error} retry={() => void query.refetch()} /> : <Waiting lines={10} label="Loading the message" />;
  return (
    <article className="message" aria-label={`Message from ${head.from.map(who).join(", ")}`}>
      <Head message={head} onFold={onFold} />
      <UnreadLine message={head} />
      {head.flags.draft && <DraftLine message={head} />}
      {body?.report && <ReportNote report={body.report} />}
      {body && <CertifiedLine body={body} />}
      {body && <ReceiptLine key={body.id} body={body} />}
      {body && <InvitationCard body={body} />}
      {query.isError && <Failed error={query.error} retry={() => void query.refetch()} />}
      {!body && !query.isError && <Waiting lines={8} label="Loading the text" />}
      {body && (
        <>
          {body.attachments.some((a) => !a.inline) && <Attachments message={body} />}
          {body.complete ? <Body body={body} images={images} plain={plain} onImages={() => setImages(true)} /> : <HeadersOnly message={body} onFetched={() => void query.refetch()} />}
          {body.html && body.text && (
            <button type="button" className="link small" onClick={() => setPlain(!plain)}>{plain ? "Show as designed" : "Show as plain text"}</button>
          )}
        </>
      )}
    </article>
  );
}

function Head({ message, onFold }: { message: Message; onFold?: () => void }) {
  const [open, setOpen] = useState(false);
  const from = message.from[0];
  const people = [...message.to, ...message.cc];
  return (
    <header className="message-head">
      <Avatar address={from} />
      <div className="grow">
        <div className="row between">
          <span className="cut"><b>{from ? who(from) : "(no sender)"}</b>{from?.name && <span className="faint"> {from.address}</span>}</span>
          <time className="faint small num" dateTime={message.received_at} title={`Received ${fullTime(message.received_at)}`}>{fullTime(message.date ?? message.received_at).replace(/:\d\d$/, "")}</time>
          {onFold && <Button look="ghost" size="small" icon={ChevronUp} aria-label="Fold this message" aria-expanded onClick={onFold} />}
        </div>
        <div className="row small">
          <button type="button" className="link people cut" aria-expanded={open} onClick={() => setOpen(!open)}>
            to {people.map(who).join(", ") || "(nobody named)"}
          </button>
          <Tags message={message} />
          {message.automatic && <Pill title="The message says of itself that no person wrote it">automatic</Pill>}
        </div>
        {open && (
          <dl className="pairs small">
            <People label="From" list={message.from} />
            <People label="To" list={message.to} />
            <People label="Cc" list={message.cc} />
            <People label="Bcc" list={message.bcc} />
            <People label="Reply to" list={message.reply_to} />
            <dt>Date</dt><dd>{message.date ? fullTime(message.date) : "none given"}</dd>
            <dt>Received</dt><dd>{fullTime(message.received_at)}</dd>
            <dt>Message-ID</dt><dd className="mono">{message.internet_message_id ?? "none"}</dd>
            <dt>Folders</dt><dd>{message.folders.map((f) => f.path).join(", ")}</dd>
            {(message.takes_labels || message.labels.length > 0) && (
              <>
                <dt>Labels</dt>
                <dd><Labels message={message} /></dd>
              </>
            )}
            <dt>Size</dt><dd>{bytes(message.size)}</dd>
          </dl>
        )}
      </div>
    </header>
  );
}

function People({ label, list }: { label: string; list: Address[] }) {
  if (!list.length) return null;
  return (
    <>
      <dt>{label}</dt>
      <dd>{list.map(whole).join(", ")}</dd>
    </>
  );
}

function Avatar({ address }: { address: Address | undefined }) {
  const name = address ? who(address) : "?";
  let hue = 0;
  for (const letter of address?.address ?? "") hue = (hue * 31 + (letter.codePointAt(0) ?? 0)) % 8;
  return <span className={`avatar h${hue}`} aria-hidden>{(/[\p{L}\p{N}]/u.exec(name)?.[0] ?? "?").toUpperCase()}</span>;
}

/** Opening a message changes nothing on its server; marking it read is a decision. */
function UnreadLine({ message }: { message: Message }) {
  const flag = useFlag();
  if (message.flags.seen || message.direction === "outgoing") return null;
  return (
    <div className="unread-line small">
      <MailOpen className="i" aria-hidden />
      <span className="grow">Still unread on the server: looking at it here changed nothing.</span>
      <Button size="small" onClick={() => flag.mutate({ messages: [message], change: { seen: true } })}>Mark read <Kbd>u</Kbd></Button>
    </div>
  );
}

/** Of this message, the folder's mode or a limit left the text on the server. */
function HeadersOnly({ message, onFetched }: { message: Message; onFetched: () => void }) {
  const fetch = useMutation({
    mutationFn: () => api.post(`/v1/messages/${message.id}/fetch`),
    onSuccess: onFetched,
    onError: toastProblem,
  });
  return (
    <Note tone="info" title="Only the header of this message is stored">
      <p className="small">The message itself ({bytes(message.size)}) is on its server.</p>
      <Button size="small" icon={Download} disabled={fetch.isPending} onClick={() => fetch.mutate()}>{fetch.isPending ? "Fetching" : "Fetch the message"}</Button>
    </Note>
  );
}

function Body({ body, images, plain, onImages }: { body: MessageBody; images: boolean; plain: boolean; onImages: () => void }) {
  if (body.html && !plain) {
    const blocked = body.blocked_remote_images ?? 0;
    return (
      <>
        {blocked > 0 && !images && (
          <div className="images-line small">
            <ImageOff className="i" aria-hidden />
            <span className="grow">{plural(blocked, "image")} from the internet blocked, so that the sender does not learn that you read this.</span>
            <Button size="small" icon={ImageIcon} onClick={onImages}>Show</Button>
          </div>
        )}
        <MessageFrame html={body.html} images={images} title={`The message: ${body.subject ?? "no subject"}`} />
      </>
    );
  }
  if (body.text) return <TextBody text={body.text} />;
  return <p className="faint">This message has no text.</p>;
}

function TypeIcon({ type }: { type: string }) {
  if (type.startsWith("image/")) return <ImageIcon className="i" aria-hidden />;
  if (type.startsWith("text/") || type === "application/pdf") return <FileText className="i" aria-hidden />;
  return <FileIcon className="i" aria-hidden />;
}

function Attachments({ message }: { message: MessageBody }) {
  const files = message.attachments.filter((a) => !a.inline);
  return (
    <ul className="files" aria-label={plural(files.length, "attachment")}>
      {files.map((file) => <FileLink key={file.id} messageId={message.id} file={file} />)}
    </ul>
  );
}

function FileLink({ messageId, file }: { messageId: string; file: Attachment }) {
  const name = file.filename || "unnamed";
  return (
    <li>
      <a className="file" href={`/v1/messages/${messageId}/attachments/${file.id}`} download={name} title={`${file.content_type}, ${bytes(file.size)}`}>
        <TypeIcon type={file.content_type} />
        <span className="cut">{name}</span>
        <span className="faint small num">{bytes(file.size)}</span>
        <Download className="i" aria-hidden />
      </a>
    </li>
  );
}

export function RawLink({ id }: { id: string }) {
  return <a className="btn small" href={`/v1/messages/${id}/raw`} download={`${id}.eml`}><Code2 className="i" aria-hidden />Raw source</a>;
}
