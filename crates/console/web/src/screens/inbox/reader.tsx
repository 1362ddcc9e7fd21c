// The right pane: a message, or a thread with its messages one below the other.

import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import {
  Archive, ChevronLeft, Copy, CornerUpLeft, CornerUpRight, Flag, FolderInput, Mail, MailOpen, MoreHorizontal, ReplyAll, Tags as TagsIcon, Trash2,
} from "lucide-react";
import { useEffect, useState } from "react";
import { Problem } from "../../api/client";
import { folders as foldersQuery, message as messageQuery, thread as threadQuery } from "../../api/queries";
import type { Message } from "../../api/types";
import { Button, CopyLine, Empty, Failed, IconButton, Kbd, Waiting } from "../../ui/basics";
import { useNow } from "../../ui/clock";
import { listTime, plural, who } from "../../ui/format";
import { Dialog, Menu } from "../../ui/overlays";
import { MessageView, RawLink } from "./message-view";
import { TagsDialog } from "./tags";

export interface ReaderActions {
  reply: (m: Message, mode: "reply" | "reply_all" | "forward") => void;
  archive: (ms: Message[]) => void;
  trash: (ms: Message[]) => void;
  toggleRead: (ms: Message[]) => void;
  toggleFlag: (ms: Message[]) => void;
  moveTo: (ms: Message[], folder: string, name: string) => void;
  copyTo: (ms: Message[], folder: string, name: string) => void;
}

interface Props {
  messageId?: string;
  threadId?: string;
  actions: ReaderActions;
  onClose: () => void;
  /** The messages that keys act on, once they are known. */
  onShown: (messages: Message[]) => void;
}

export function Reader(props: Props) {
  if (props.threadId) return <ThreadReader key={props.threadId} {...props} threadId={props.threadId} />;
  if (props.messageId) return <MessageReader key={props.messageId} {...props} messageId={props.messageId} />;
  return (
    <Empty icon={Mail} title="Nothing open">
      <p className="small"><Kbd>j</Kbd> and <Kbd>k</Kbd> go through the list, <Kbd>?</Kbd> shows all keys.</p>
    </Empty>
  );
}

const isGone = (error: unknown) => error instanceof Problem && error.status === 404;

function Gone({ onClose }: { onClose: () => void }) {
  return (
    <Empty icon={Mail} title="This is not here any more">
      <p>It was removed on its server, or moved to a folder that is not stored.</p>
      <Button onClick={onClose}>Back to the list</Button>
    </Empty>
  );
}

function MessageReader({ messageId, actions, onClose, onShown }: Props & { messageId: string }) {
  const query = useQuery(messageQuery(messageId));
  const message = query.data;
  useEffect(() => onShown(message ? [message] : []), [message, onShown]);
  if (isGone(query.error)) return <Gone onClose={onClose} />;
  return (
    <div className="reader">
      <Toolbar messages={message ? [message] : []} last={message} actions={actions} onClose={onClose} />
      <div className="reader-scroll" tabIndex={-1}>
        {query.isPending && <Waiting lines={10} label="Loading the message" />}
        {query.isError && !message && <Failed error={query.error} retry={() => void query.refetch()} />}
        {message && (
          <>
            <h1 className="subject">{message.subject || "(no subject)"}</h1>
            <MessageView id={message.id} known={message} />
            <SameByApi path={`/v1/messages/${message.id}?body=text,html`} raw={message.id} />
          </>
        )}
      </div>
    </div>
  );
}

function ThreadReader({ threadId, actions, onClose, onShown }: Props & { threadId: string }) {
  const query = useQuery(threadQuery(threadId));
  const messages = query.data?.messages;
  const lastId = messages?.at(-1)?.id;
  const [toggled, setToggled] = useState<Record<string, boolean>>({});
  // What was unread when the thread was opened stays open after it is marked read.
  const [unreadAtFirst, setUnreadAtFirst] = useState<Set<string> | null>(null);
  const now = useNow(60);
  if (messages && !unreadAtFirst) setUnreadAtFirst(new Set(messages.filter((m) => !m.flags.seen).map((m) => m.id)));
  const isOpen = (m: Message) => toggled[m.id] ?? (m.id === lastId || unreadAtFirst?.has(m.id) === true);
  useEffect(() => onShown(messages ?? []), [messages, onShown]);
  if (isGone(query.error)) return <Gone onClose={onClose} />;
  return (
    <div className="reader">
      <Toolbar messages={messages ?? []} last={messages?.at(-1)} actions={actions} onClose={onClose} />
      <div className="reader-scroll" tabIndex={-1}>
        {query.isPending && <Waiting lines={10} label="Loading the thread" />}
        {query.isError && !messages && <Failed error={query.error} retry={() => void query.refetch()} />}
        {query.data && messages && (
          <>
            <h1 className="subject">
              {query.data.subject || "(no subject)"}
              {messages.length > 1 && <span className="faint subject-count">{plural(messages.length, "message")}</span>}
            </h1>
            {messages.map((m) => (
              <section key={m.id} className="in-thread">
                {isOpen(m) ? (
                  <MessageView id={m.id} known={m} onFold={messages.length > 1 ? () => setToggled({ ...toggled, [m.id]: false }) : undefined} />
                ) : (
                  <button type="button" className="in-thread-head" aria-expanded={false} onClick={() => setToggled({ ...toggled, [m.id]: true })}>
                    <span className={`dot ${m.flags.seen ? "" : "on"}`} aria-hidden />
                    <span className="strong cut">{m.from[0] ? who(m.from[0]) : "(no sender)"}</span>
                    <span className="faint cut grow">{m.preview}</span>
                    <time className="faint small num">{listTime(m.received_at, now)}</time>
                  </button>
                )}
              </section>
            ))}
            <SameByApi path={`/v1/threads/${threadId}`} raw={lastId} />
          </>
        )}
      </div>
    </div>
  );
}

function Toolbar({ messages, last, actions, onClose }: {
  messages: Message[]; last: Message | undefined; actions: ReaderActions; onClose: () => void;
}) {
  const navigate = useNavigate();
  const [asked, setAsked] = useState<"move" | "copy" | "tags" | null>(null);
  const disabled = messages.length === 0;
  const unread = messages.some((m) => !m.flags.seen);
  const flagged = messages.some((m) => m.flags.flagged);
  return (
    <div className="reader-bar" role="toolbar" aria-label="What to do with this message">
      <Button look="ghost" icon={ChevronLeft} className="only-phone" aria-label="Back to the list" onClick={onClose} />
      <IconButton label="Reply" hotkey="r" icon={CornerUpLeft} disabled={!last} onClick={() => last && actions.reply(last, "reply")} />
      <IconButton label="Reply to all" hotkey="a" icon={ReplyAll} disabled={!last} onClick={() => last && actions.reply(last, "reply_all")} />
      <IconButton label="Forward" hotkey="f" icon={CornerUpRight} disabled={!last} onClick={() => last && actions.reply(last, "forward")} />
      <span className="bar-line" />
      <IconButton label="Archive" hotkey="e" icon={Archive} disabled={disabled} onClick={() => actions.archive(messages)} />
      <IconButton label="To the trash" hotkey="#" icon={Trash2} disabled={disabled} onClick={() => actions.trash(messages)} />
      <IconButton label={unread ? "Mark read" : "Mark unread"} hotkey="u" icon={unread ? MailOpen : Mail} disabled={disabled} onClick={() => actions.toggleRead(messages)} />
      <IconButton label={flagged ? "Unflag" : "Flag"} hotkey="s" icon={Flag} aria-pressed={flagged} disabled={disabled} onClick={() => actions.toggleFlag(messages)} />
      <span className="grow" />
      <Menu
        trigger={<Button look="ghost" icon={MoreHorizontal} aria-label="More" disabled={disabled} />}
        items={[
          { label: "Move to a folder …", icon: FolderInput, onSelect: () => setAsked("move") },
          { label: "Copy to a folder …", icon: Copy, onSelect: () => setAsked("copy") },
          { label: "Tags and own folders …", icon: TagsIcon, onSelect: () => setAsked("tags") },
          last && messages.length > 1 && { label: "Show the last one alone", icon: Mail, onSelect: () => void navigate({ to: "/inbox", search: (s) => ({ ...s, t: undefined, m: last.id }) }) },
        ]}
      />
      {asked === "tags" && last && <TagsDialog messages={messages} onClose={() => setAsked(null)} />}
      {asked && asked !== "tags" && last && <FolderDialog title={asked === "move" ? "Move to" : "Copy to"} mailboxId={last.mailbox_id} onClose={() => setAsked(null)} onFolder={(id, name) => {
        setAsked(null);
        if (asked === "move") actions.moveTo(messages, id, name);
        else actions.copyTo(messages, id, name);
      }} />}
    </div>
  );
}

function FolderDialog({ title, mailboxId, onClose, onFolder }: { title: string; mailboxId: string; onClose: () => void; onFolder: (id: string, name: string) => void }) {
  const query = useQuery(foldersQuery(mailboxId));
  const [find, setFind] = useState("");
  const rows = (query.data ?? []).filter((f) => f.path.toLowerCase().includes(find.toLowerCase()));
  return (
    <Dialog open onClose={onClose} title={title}>
      <input className="input" autoFocus placeholder="Find a folder" aria-label="Find a folder" value={find} onChange={(e) => setFind(e.target.value)}
        onKeyDown={(e) => e.key === "Enter" && rows[0] && onFolder(rows[0].id, rows[0].name)} />
      {query.isPending && <Waiting />}
      {query.isError && <Failed error={query.error} />}
      <ul className="folder-choice">
        {rows.map((f) => <li key={f.id}><button type="button" onClick={() => onFolder(f.id, f.name)}>{f.path}</button></li>)}
      </ul>
    </Dialog>
  );
}

function SameByApi({ path, raw }: { path: string; raw?: string }) {
  return (
    <footer className="same stack s">
      <div className="row between">
        <span className="faint small">The same by API</span>
        {raw && <RawLink id={raw} />}
      </div>
      <CopyLine text={`curl "${window.location.origin}${path}" -H "Authorization: Bearer $POSTROOM_TOKEN"`} label="command" />
    </footer>
  );
}
