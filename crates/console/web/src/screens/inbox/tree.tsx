// The left pane: all mailboxes together by role, then each mailbox with its folders.

import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { AlertTriangle, Archive, CalendarClock, ChevronDown, ChevronRight, FileText, Flag, Folder as FolderIcon, Inbox, type LucideIcon, Mails, Send, ShieldAlert, Trash2 } from "lucide-react";
import { useState } from "react";
import { folders as foldersQuery, mailboxes, scheduled as scheduledQuery, unified as unifiedQuery } from "../../api/queries";
import type { Folder, Mailbox, Role, Unified } from "../../api/types";
import type { InboxSearch } from "../../addresses";
import { Failed, Waiting } from "../../ui/basics";
import { Mark } from "../../ui/facts";
import { count, percent, plural } from "../../ui/format";
import { CONNECTION, ROLE } from "../../ui/words";
import { useLayout } from "../layout";
import { OwnItems } from "./own";
import { TreeItem as Item } from "./tree-item";

export const ROLE_ICON: Record<Role, LucideIcon> = {
  inbox: Inbox, drafts: FileText, sent: Send, junk: ShieldAlert, trash: Trash2, archive: Archive, all: Mails, flagged: Flag,
};
const SHARED: Role[] = ["inbox", "sent", "drafts", "archive", "junk", "trash"];
/** The order in which people look for folders. */
const ORDER: Role[] = ["inbox", "flagged", "drafts", "sent", "archive", "all", "junk", "trash"];

export function Tree({ search, onGo }: { search: InboxSearch; onGo?: () => void }) {
  const query = useQuery(mailboxes);
  const keep = { view: search.view, unread: search.unread };
  const { layout } = useLayout();
  const { data: unified } = useQuery({ ...unifiedQuery, enabled: layout.merge_folders });
  const here = (role: Role) => !search.mailbox && !search.folder && !search.tag && !search.q && !search.flagged && (search.role ?? "inbox") === role;
  return (
    <nav className="tree" aria-label="Mailboxes and folders">
      <h2 className="tree-title">All mailboxes</h2>
      <ul>
        {layout.merge_folders && SHARED.map((role) => (
          <li key={role}>
            {role === "drafts" ? <DraftsItem onGo={onGo} {...counted(unified?.find((u) => u.role === role))} /> : (
              <Item
                icon={ROLE_ICON[role]} name={ROLE[role]} current={here(role)} search={{ ...keep, role: role === "inbox" ? undefined : role }} onGo={onGo}
                {...counted(unified?.find((u) => u.role === role))}
              />
            )}
          </li>
        ))}
        <li>
          <Item icon={Flag} name="Flagged" title="What is marked, in every folder of every mailbox" current={Boolean(search.flagged)} search={{ ...keep, view: undefined, flagged: true }} onGo={onGo} />
        </li>
        <li><ScheduledItem onGo={onGo} /></li>
        {!layout.merge_folders && <li><DraftsItem onGo={onGo} /></li>}
      </ul>
      <OwnItems search={search} keep={keep} onGo={onGo} />
      <h2 className="tree-title">Mailboxes</h2>
      {query.isPending && <div className="tree-pad"><Waiting lines={3} /></div>}
      {query.isError && !query.data && <div className="tree-pad"><Failed error={query.error} retry={() => void query.refetch()} /></div>}
      <ul>
        {query.data?.filter((m) => m.incoming).map((m) => <MailboxItem key={m.id} mailbox={m} search={search} keep={keep} onGo={onGo} />)}
      </ul>
      <Link to="/mailboxes/new" className="tree-add small" onClick={onGo}>Add a mailbox</Link>
    </nav>
  );
}

/** What waits for its time to be sent: it lies in no folder yet. */
function ScheduledItem({ onGo }: { onGo?: () => void }) {
  const { data: waiting } = useQuery(scheduledQuery);
  return (
    <Link to="/outbox" search={{ scheduled: true }} className="tree-item" title="What waits for its time to be sent" onClick={onGo}>
      <CalendarClock className="i" aria-hidden />
      <span className="cut grow">Scheduled</span>
      {waiting ? <span className="num small unread-count">{count(waiting)}<span className="hide"> waiting</span></span> : null}
    </Link>
  );
}

/** What is being written is opened to go on with, not to be read. */
function DraftsItem({ number, title = "What is being written, of all mailboxes", onGo }: { number?: number; title?: string; onGo?: () => void }) {
  return (
    <Link to="/drafts" className="tree-item" title={title} onClick={onGo}>
      <FileText className="i" aria-hidden />
      <span className="cut grow">{ROLE.drafts}</span>
      {number ? <span className="num small unread-count">{count(number)}<span className="hide"> waiting</span></span> : null}
    </Link>
  );
}

/** Of drafts all that wait are shown, of the rest what is unread. */
export function counted(unified: Unified | undefined) {
  if (!unified) return {};
  const waiting = unified.role === "drafts";
  return {
    number: waiting ? unified.messages : unified.unread, what: waiting ? "waiting" : "unread",
    title: `${plural(unified.messages, "message")}, ${count(unified.unread)} unread, in ${plural(unified.folders, "folder")}`,
  };
}

function MailboxItem({ mailbox: m, search, keep, onGo }: { mailbox: Mailbox; search: InboxSearch; keep: InboxSearch; onGo?: () => void }) {
  const chosen = search.mailbox === m.id;
  const [toggled, setToggled] = useState<boolean | null>(null);
  const open = toggled ?? chosen;
  const { tone, word } = CONNECTION[m.connection.state];
  const here = chosen && !search.folder && !search.tag && !search.flagged && (search.role ?? "inbox") === "inbox" && !search.q;
  const filling = m.coverage.state === "filling";
  return (
    <li>
      <div className="tree-mailbox">
        <button type="button" className="twist" aria-expanded={open} aria-label={`Folders of ${m.address}`} onClick={() => setToggled(!open)}>
          {open ? <ChevronDown className="i" aria-hidden /> : <ChevronRight className="i" aria-hidden />}
        </button>
        <Link
          to="/inbox" search={{ ...keep, mailbox: m.id }} className="tree-item" title={`${m.address}: ${word}`} onClick={onGo}
          data-current={here} aria-current={here ? "page" : undefined}
        >
          <span className="cut grow">{m.name}</span>
          {filling && <span className="small faint num">{percent(m.coverage.done, m.coverage.total)} %</span>}
          <span className={`fact ${tone}`}><Mark tone={tone} /><span className="hide">{word}</span></span>
        </Link>
      </div>
      {open && <FolderItems mailbox={m} search={search} keep={keep} onGo={onGo} />}
    </li>
  );
}

const rank = (f: Folder) => (f.role ? ORDER.indexOf(f.role) : ORDER.length);

function FolderItems({ mailbox, search, keep, onGo }: { mailbox: Mailbox; search: InboxSearch; keep: InboxSearch; onGo?: () => void }) {
  const query = useQuery(foldersQuery(mailbox.id));
  if (query.isPending) return <div className="tree-pad"><Waiting lines={3} /></div>;
  if (query.isError) return <div className="tree-pad small faint row"><AlertTriangle className="i" aria-hidden />Folders could not be loaded.</div>;
  const rows = query.data.filter((f) => f.mode !== "off").sort((a, b) => rank(a) - rank(b) || a.path.localeCompare(b.path));
  return (
    <ul className="tree-folders">
      {rows.map((f) => (
        <li key={f.id}>
          <Item
            icon={f.role ? ROLE_ICON[f.role] : FolderIcon} name={f.role === "inbox" ? ROLE.inbox : f.name} title={f.path} number={f.unread}
            current={search.folder === f.id} search={{ ...keep, mailbox: mailbox.id, folder: f.id }} onGo={onGo}
          />
        </li>
      ))}
    </ul>
  );
}
