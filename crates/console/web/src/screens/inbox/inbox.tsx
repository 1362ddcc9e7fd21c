// The inbox: three panes, or on a phone one page after the other.

import { useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { ChevronDown, CircleHelp, ListFilter, Mails, PanelLeft, Plus, Rows3, Search, X } from "lucide-react";
import { type FormEvent, useCallback, useMemo, useRef, useState } from "react";
import { folders as foldersQuery, mailboxes as mailboxesQuery, messages as messagesQuery, tags as tagsQuery, threads as threadsQuery } from "../../api/queries";
import type { Mailbox, Message, Role } from "../../api/types";
import type { InboxSearch } from "../../addresses";
import { Bar, Button, Empty, IconButton, Kbd } from "../../ui/basics";
import { count, percent } from "../../ui/format";
import { Dialog, toast } from "../../ui/overlays";
import { ROLE } from "../../ui/words";
import { isThreaded, placed, useLayout } from "../layout";
import { folderWithRole, useFlag, useCopy, useMove, useUnlabel } from "./actions";
import { KEYS, useKeys } from "./keys";
import { List } from "./list";
import { Reader, type ReaderActions } from "./reader";
import { lineOfMessage, lineOfThread } from "./rows";
import { Tree } from "./tree";

/** The filter and how it is shown; /threads knows neither folders nor searches. */
function useLines(search: InboxSearch, threaded: boolean, ready: boolean) {
  const filter = {
    mailbox: search.mailbox, flagged: search.flagged, role: search.folder || search.tag || search.q || search.flagged ? undefined : (search.role ?? ("inbox" as Role)),
    folder: search.folder, tag: search.tag, q: search.q, unread: search.unread,
  };
  const canThread = !search.folder && !search.q && !search.flagged;
  const asThreads = canThread && threaded;
  const threads = useInfiniteQuery({ ...threadsQuery(filter), enabled: ready && asThreads });
  const messages = useInfiniteQuery({ ...messagesQuery(filter), enabled: ready && !asThreads });
  const lines = useMemo(
    () =>
      asThreads
        ? (threads.data?.pages.flatMap((p) => p.data.map(lineOfThread)) ?? [])
        : (messages.data?.pages.flatMap((p) => p.data.map(lineOfMessage)) ?? []),
    [asThreads, threads.data, messages.data],
  );
  return { lines, query: asThreads ? threads : messages, asThreads, canThread };
}

export function Inbox() {
  const asked = useSearch({ from: "/inside/inbox" });
  const navigate = useNavigate({ from: "/inbox" });
  const client = useQueryClient();
  const { data: mailboxes } = useQuery(mailboxesQuery);
  const { layout, change: relayout } = useLayout();
  const search = placed(asked, layout, mailboxes);
  const { lines, query, asThreads, canThread } = useLines(search, isThreaded(search, layout), layout.merge_folders || mailboxes !== undefined);
  const [help, setHelp] = useState(false);
  const [tree, setTree] = useState(false);
  const searchBox = useRef<HTMLInputElement>(null);
  const [loaded, setLoaded] = useState<Message[]>([]);
  const current = search.t ?? search.m;
  const shown = current ? loaded : [];
  const last = shown.at(-1);
  const flag = useFlag();
  const move = useMove();
  const copy = useCopy();
  const unlabel = useUnlabel();

  const go = (part: InboxSearch, replace = false) => void navigate({ search: (s: InboxSearch) => ({ ...s, ...part }), replace });
  const openLine = (n: number) => {
    const line = lines[n];
    if (!line) return;
    go(line.kind === "thread" ? { t: line.id, m: undefined } : { m: line.id, t: undefined }, Boolean(current));
    document.querySelector(`[data-line="${CSS.escape(line.id)}"]`)?.scrollIntoView({ block: "nearest" });
  };
  const at = lines.findIndex((l) => l.id === current);
  const step = (by: 1 | -1) => {
    openLine(at < 0 ? 0 : Math.max(0, Math.min(lines.length - 1, at + by)));
    if (at + by >= lines.length - 5 && query.hasNextPage && !query.isFetchingNextPage) void query.fetchNextPage();
  };
  const close = () => {
    const link = current ? document.querySelector<HTMLElement>(`[data-line="${CSS.escape(current)}"]`) : null;
    go({ m: undefined, t: undefined });
    link?.focus();
  };
  /** After a message left the list, its neighbour opens where one is being read. */
  const leave = () => {
    const next = lines[at + 1] ?? lines[at - 1];
    if (next) go(next.kind === "thread" ? { t: next.id, m: undefined } : { m: next.id, t: undefined }, true);
    else go({ m: undefined, t: undefined }, true);
  };

  const actions: ReaderActions = {
    reply: (m, mode) => void navigate({ to: "/compose", search: { mode, message: m.id } }),
    archive: (ms) => void archive(ms),
    trash: (ms) => {
      leave();
      move.mutate({ messages: ms, to: "trash" });
    },
    toggleRead: (ms) => {
      const seen = ms.some((m) => !m.flags.seen);
      flag.mutate({ messages: seen ? ms.filter((m) => !m.flags.seen) : ms.slice(-1), change: { seen } });
    },
    toggleFlag: (ms) => {
      const flagged = !ms.some((m) => m.flags.flagged);
      flag.mutate({ messages: flagged ? ms.slice(-1) : ms.filter((m) => m.flags.flagged), change: { flagged } });
    },
    moveTo: (ms, folder, name) => {
      leave();
      move.mutate({ messages: ms, to: { folder, name } });
    },
    copyTo: (messages, folder, name) => copy.mutate({ messages, folder, name }),
  };

  async function archive(ms: Message[]) {
    // Only what lies in the inbox leaves it; sent copies of the thread stay where they are.
    const here = ms.filter((m) => ms.length === 1 || m.folders.some((f) => f.role === "inbox"));
    const first = here[0];
    if (!first) return toast("Nothing of this lies in the inbox");
    if (here.every((m) => m.takes_labels)) {
      leave();
      return unlabel.mutate({ messages: here, label: "\\Inbox", done: "Archived" });
    }
    const folder = await folderWithRole(client, first.mailbox_id, "archive").catch(() => null);
    if (!folder) return toast("This mailbox has no folder for the archive", { description: "Give one of its folders that role, or move the message by hand.", bad: true });
    leave();
    move.mutate({ messages: here, to: { folder: folder.id, name: folder.name } });
  }

  const withShown = (run: (ms: Message[]) => void) => () => shown.length && run(shown);
  useKeys({
    j: () => step(1),
    k: () => step(-1),
    Enter: () => (current ? document.querySelector<HTMLElement>(".reader-scroll")?.focus() : openLine(0)),
    Escape: () => (current ? close() : search.q ? go({ q: undefined }) : undefined),
    r: last && (() => actions.reply(last, "reply")),
    a: last && (() => actions.reply(last, "reply_all")),
    f: last && (() => actions.reply(last, "forward")),
    e: withShown(actions.archive),
    "#": withShown(actions.trash),
    u: withShown(actions.toggleRead),
    s: withShown(actions.toggleFlag),
    c: () => void navigate({ to: "/compose", search: { mailbox: search.mailbox } }),
    "/": () => searchBox.current?.focus(),
    "?": () => setHelp(true),
  });

  const { fetchNextPage, refetch } = query;
  const onMore = useCallback(() => void fetchNextPage(), [fetchNextPage]);
  const many = (mailboxes?.length ?? 0) > 1 && !search.mailbox;

  if (mailboxes?.length === 0) {
    return (
      <Empty icon={Mails} title="No mailbox is connected yet">
        <p>Mail appears here as soon as the first one is.</p>
        <Button look="primary" icon={Plus} onClick={() => void navigate({ to: "/mailboxes/new" })}>Add a mailbox</Button>
      </Empty>
    );
  }

  return (
    <div className={`inbox ${current ? "reading" : ""}`}>
      <Tree search={search} />
      <section className="list-pane" aria-label="Message list">
        <div className="list-bar">
          <SearchBox key={search.q ?? ""} inputRef={searchBox} q={search.q} onSearch={(q) => go({ q, m: undefined, t: undefined })} />
          <div className="row between">
            <Where search={search} mailboxes={mailboxes} onOpen={() => setTree(true)} />
            <div className="row list-tools">
              <IconButton size="small" label={search.unread ? "Show all" : "Show unread only"} icon={ListFilter} aria-pressed={Boolean(search.unread)} onClick={() => go({ unread: search.unread ? undefined : true })} />
              <IconButton
                size="small" icon={Rows3} aria-pressed={asThreads} disabled={!canThread}
                label={!canThread ? "Threads are not shown in one folder, a search or among what is flagged" : asThreads ? "Show single messages" : "Show threads"}
                onClick={() => {
                  relayout.mutate({ threads: !asThreads });
                  go({ view: undefined, m: undefined, t: undefined });
                }}
              />
              <IconButton size="small" label="Keys" hotkey="?" icon={CircleHelp} onClick={() => setHelp(true)} />
            </div>
          </div>
        </div>
        <Filling mailboxes={mailboxes} only={search.mailbox} />
        <div className="list-scroll">
          <List
            lines={lines} search={search} current={current} state={{ pending: query.isPending, error: query.error, more: query.hasNextPage, loadingMore: query.isFetchingNextPage }}
            onMore={onMore} onRetry={() => void refetch()} mailboxName={(id) => (many ? (mailboxes?.find((m) => m.id === id)?.name ?? null) : null)}
            emptyHint={search.q ? "Operators: from:ann  subject:invoice  has:attachment  is:unread  label:Work  \"exact words\"" : mailboxes?.some((m) => m.coverage.state === "filling") ? "Mail is still being fetched; it appears as it comes." : "New mail appears by itself."}
          />
        </div>
      </section>
      <section className="reader-pane" aria-label="Reader">
        <Reader messageId={search.m} threadId={search.t} actions={actions} onClose={close} onShown={setLoaded} />
      </section>
      <Dialog open={help} onClose={() => setHelp(false)} title="Keys">
        <dl className="keys">
          {KEYS.map(([key, does]) => <div key={key}><dt><Kbd>{key}</Kbd></dt><dd>{does}</dd></div>)}
        </dl>
        <p className="small quiet">Search: <code>from:ann</code> <code>subject:invoice</code> <code>has:attachment</code> <code>is:unread</code> <code>label:Work</code> <code>"exact words"</code></p>
      </Dialog>
      <Dialog open={tree} onClose={() => setTree(false)} title="Go to"><Tree search={search} onGo={() => setTree(false)} /></Dialog>
    </div>
  );
}

function SearchBox({ q, onSearch, inputRef }: { q: string | undefined; onSearch: (q: string | undefined) => void; inputRef: React.RefObject<HTMLInputElement | null> }) {
  const [text, setText] = useState(q ?? "");
  const submit = (event: FormEvent) => {
    event.preventDefault();
    onSearch(text.trim() || undefined);
  };
  return (
    <form className="search" role="search" onSubmit={submit}>
      <Search className="i" aria-hidden />
      <input
        ref={inputRef} className="input" placeholder="Search mail" aria-label="Search mail" title='from:ann subject:invoice has:attachment is:unread label:Work "exact words"'
        enterKeyHint="search" value={text} onChange={(e) => setText(e.target.value)} onKeyDown={(e) => e.key === "Escape" && e.currentTarget.blur()}
      />
      {q ? <Button look="ghost" size="small" icon={X} aria-label="End the search" onClick={() => onSearch(undefined)} /> : <Kbd>/</Kbd>}
    </form>
  );
}

/** Where the list is; on a phone it opens the tree. */
function Where({ search, mailboxes, onOpen }: { search: InboxSearch; mailboxes: Mailbox[] | undefined; onOpen: () => void }) {
  const mailbox = mailboxes?.find((m) => m.id === search.mailbox);
  const { data: folders } = useQuery({ ...foldersQuery(search.mailbox ?? ""), enabled: Boolean(search.mailbox && search.folder) });
  const folder = folders?.find((f) => f.id === search.folder);
  const { data: tags } = useQuery({ ...tagsQuery, enabled: Boolean(search.tag) });
  const place = search.q ? "Search" : search.flagged ? "Flagged" : search.tag ? (tags?.find((t) => t.id === search.tag)?.name ?? "Tag") : search.folder ? (folder?.name ?? "Folder") : ROLE[search.role ?? "inbox"];
  return (
    <div className="grow cut">
      <button type="button" className="where only-phone-flex" onClick={onOpen}>
        <PanelLeft className="i" aria-hidden /><b>{place}</b><ChevronDown className="i" aria-hidden />
      </button>
      <h1 className="where not-phone"><b>{place}</b> <span className="faint">{mailbox ? mailbox.name : "all mailboxes"}</span></h1>
    </div>
  );
}

function Filling({ mailboxes, only }: { mailboxes: Mailbox[] | undefined; only: string | undefined }) {
  const busy = mailboxes?.filter((m) => m.coverage.state === "filling" && (!only || m.id === only)) ?? [];
  if (!busy.length) return null;
  const done = busy.reduce((sum, m) => sum + m.coverage.done, 0);
  const total = busy.reduce((sum, m) => sum + m.coverage.total, 0);
  return (
    <div className="filling">
      <div className="row between small">
        <span className="cut">Fetching {busy.length === 1 ? busy[0]?.name : `${busy.length} mailboxes`}, newest first</span>
        <span className="num faint">{count(done)} / {count(total)} · {percent(done, total)} %</span>
      </div>
      <Bar value={done} total={total} label="Fetching mail" />
    </div>
  );
}
