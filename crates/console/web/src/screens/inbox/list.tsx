// The middle pane: the lines of a folder, a role or a search, newest first, without an end.

import { Link } from "@tanstack/react-router";
import { Flag, Inbox, Paperclip, Reply, SearchX } from "lucide-react";
import { memo, useEffect, useRef } from "react";
import type { InboxSearch } from "../../addresses";
import { Button, Empty, Failed } from "../../ui/basics";
import { useNow } from "../../ui/clock";
import { fullTime, listTime } from "../../ui/format";
import type { Line } from "./rows";
import { Dot } from "./tags";

/** Tags that a line has room for. */
const ROW_TAGS = 2;

interface Props {
  lines: Line[];
  search: InboxSearch;
  current: string | undefined;
  mailboxName: (id: string) => string | null;
  state: { pending: boolean; error: unknown; more: boolean; loadingMore: boolean };
  onMore: () => void;
  onRetry: () => void;
  emptyHint: string;
}

export function List({ lines, search, current, mailboxName, state, onMore, onRetry, emptyHint }: Props) {
  const now = useNow(30);
  const end = useRef<HTMLLIElement>(null);
  const { more, loadingMore } = state;
  useEffect(() => {
    const node = end.current;
    if (!node || !more || loadingMore) return;
    const observer = new IntersectionObserver((seen) => seen.some((s) => s.isIntersecting) && onMore(), { rootMargin: "600px" });
    observer.observe(node);
    return () => observer.disconnect();
  }, [more, loadingMore, onMore]);

  if (state.pending) return <ListWaiting />;
  if (state.error && lines.length === 0) return <div className="list-pad"><Failed error={state.error} retry={onRetry} /></div>;
  if (lines.length === 0) {
    return search.q ? (
      <Empty icon={SearchX} title="Nothing found">
        <p className="small">{emptyHint}</p>
      </Empty>
    ) : (
      <Empty icon={Inbox} title={search.unread ? "Nothing unread" : "No mail here"}><p className="small">{emptyHint}</p></Empty>
    );
  }
  return (
    <ul className="lines" aria-label="Messages">
      {lines.map((line) => (
        <Row key={line.id} line={line} search={search} current={line.id === current} mailbox={mailboxName(line.mailboxId)} time={listTime(line.time, now)} />
      ))}
      <li ref={end} className="list-end small faint">
        {state.error ? <Button size="small" onClick={onMore}>Could not load more: try again</Button> : loadingMore ? "Loading more …" : more ? "" : "That is all."}
      </li>
    </ul>
  );
}

const Row = memo(function Row({ line, search, current, mailbox, time }: {
  line: Line; search: InboxSearch; current: boolean; mailbox: string | null; time: string;
}) {
  const open: InboxSearch = line.kind === "thread" ? { ...search, t: line.id, m: undefined } : { ...search, m: line.id, t: undefined };
  return (
    <li>
      <Link to="/inbox" search={open} className={`line ${line.unread ? "unread" : ""}`} aria-current={current ? "true" : undefined} data-current={current} data-line={line.id}>
        <span className={`dot ${line.unread ? "on" : ""}`} aria-hidden />
        <span className="line-top">
          {line.unread && <span className="hide">Unread. </span>}
          <span className="people cut">{line.people}</span>
          {line.count > 1 && <span className="thread-count num" title={`${line.count} messages`}>{line.count}</span>}
          <time className="num" dateTime={line.time} title={fullTime(line.time)}>{time}</time>
        </span>
        <span className="line-subject">
          {line.answered && <Reply className="i" aria-label="Answered" />}
          <span className="cut grow">{line.subject}</span>
          {line.flagged && <Flag className="i flagged" aria-label="Flagged" />}
          {line.attachments && <Paperclip className="i" aria-label="Has attachments" />}
        </span>
        <span className="line-preview">
          <span className="cut grow">{line.preview}</span>
          {line.tags.slice(0, ROW_TAGS).map((tag) => <span key={tag.id} className="pill cut"><Dot color={tag.color} />{tag.name}</span>)}
          {mailbox && <span className="pill cut">{mailbox}</span>}
        </span>
      </Link>
    </li>
  );
});

function ListWaiting() {
  return (
    <div role="status" aria-label="Loading the messages">
      {Array.from({ length: 9 }, (_, n) => (
        <div key={n} className="line ghost">
          <span className="dot" />
          <span className="line-top"><i className="skeleton" style={{ width: `${30 + ((n * 17) % 30)}%`, height: 12 }} /></span>
          <span className="line-subject"><i className="skeleton" style={{ width: `${55 + ((n * 29) % 35)}%`, height: 11 }} /></span>
          <span className="line-preview"><i className="skeleton" style={{ width: "92%", height: 10 }} /></span>
        </div>
      ))}
    </div>
  );
}
