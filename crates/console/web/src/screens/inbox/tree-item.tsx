// One place in the left pane.

import { Link } from "@tanstack/react-router";
import type { LucideIcon } from "lucide-react";
import type { InboxSearch } from "../../addresses";
import { count } from "../../ui/format";

export function TreeItem({ icon: Icon, color, name, current, search, number, what = "unread", title, onGo }: {
  icon: LucideIcon; color?: string | null; name: string; current: boolean; search: InboxSearch; number?: number; what?: string; title?: string; onGo?: () => void;
}) {
  return (
    <Link to="/inbox" search={search} className="tree-item" aria-current={current ? "page" : undefined} data-current={current} title={title} onClick={onGo}>
      <Icon className="i" aria-hidden style={color ? { color } : undefined} />
      <span className="cut grow">{name}</span>
      {number ? <span className="num small unread-count">{count(number)}<span className="hide"> {what}</span></span> : null}
    </Link>
  );
}
