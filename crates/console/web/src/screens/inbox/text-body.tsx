// Plain text: links that can be followed, quotations folded away when they are long.

import { Fragment, type ReactNode } from "react";

const FOLD_FROM = 5;
const URL = /https?:\/\/[^\s<>"']+[^\s<>"'.,;:!?)\]]/g;

export interface Block {
  quoted: boolean;
  lines: string[];
}

/** Runs of quoted and of own lines. */
export function blocksOf(text: string): Block[] {
  const blocks: Block[] = [];
  for (const line of text.replaceAll("\r\n", "\n").trimEnd().split("\n")) {
    const quoted = line.startsWith(">");
    const last = blocks.at(-1);
    if (last && last.quoted === quoted) last.lines.push(line);
    else blocks.push({ quoted, lines: [line] });
  }
  return blocks;
}

function withLinks(text: string): ReactNode[] {
  const parts: ReactNode[] = [];
  let at = 0;
  for (const found of text.matchAll(URL)) {
    parts.push(text.slice(at, found.index));
    parts.push(<a key={found.index} href={found[0]} target="_blank" rel="noopener noreferrer">{found[0]}</a>);
    at = found.index + found[0].length;
  }
  parts.push(text.slice(at));
  return parts;
}

export function TextBody({ text }: { text: string }) {
  return (
    <div className="text-body">
      {blocksOf(text).map((block, n) => {
        const body = withLinks(block.lines.join("\n"));
        // Blocks never move: the text is what the message says.
        const key = `${n}`;
        if (!block.quoted) return <Fragment key={key}><div>{body}</div></Fragment>;
        if (block.lines.length < FOLD_FROM) return <div key={key} className="quoted">{body}</div>;
        return (
          <details key={key}>
            <summary>Quoted text, {block.lines.length} lines</summary>
            <div className="quoted">{body}</div>
          </details>
        );
      })}
    </div>
  );
}
