// The text of a message, with formatting: the browser's own editing, a small bar above it, and a
// paste that leaves the looks of elsewhere behind. Pictures are pasted into the text itself; the
// server makes parts of them.

import { Bold, Italic, Link as LinkIcon, List, ListOrdered, Quote, RemoveFormatting, Underline } from "lucide-react";
import { type ClipboardEvent, type DragEvent, type RefObject, useEffect, useState } from "react";
import { Button } from "../../ui/basics";
import { bytes } from "../../ui/format";
import { toast } from "../../ui/overlays";
import { cleaned, goodLink, htmlOf, textOf } from "./clean";

/** Larger pictures are better sent as a file. */
const MAX_PICTURE = 5_000_000;

// The one way to change a selection that keeps the browser's own undo; every browser has it.
const run = (command: string, value?: string) => document.execCommand(command, false, value);

/** A piece of a line, with nothing in it that means something in HTML. */
const plain = (text: string) => {
  const made = document.createElement("div");
  made.textContent = text;
  return made.innerHTML;
};

const dataUrl = (file: File) =>
  new Promise<string>((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result));
    reader.onerror = () => reject(reader.error ?? new Error("the picture cannot be read"));
    reader.readAsDataURL(file);
  });

export function Editor({ box, start, onChange, label = "Text", placeholder = "Write here. Files can be dropped anywhere, pictures pasted." }: {
  box: RefObject<HTMLDivElement | null>; start: string; onChange: (html: string) => void; label?: string; placeholder?: string;
}) {
  const [linking, setLinking] = useState<string | null>(null);
  const [selected, setSelected] = useState<Range | null>(null);
  useEffect(() => {
    // Written once: from here on the browser owns what is inside.
    if (box.current) box.current.innerHTML = cleaned(start);
    run("styleWithCSS", "false");
    run("defaultParagraphSeparator", "div");
  }, []);
  const tell = () => {
    const inside = box.current;
    // Browsers leave a line break where all was taken out: nothing is nothing.
    if (inside && !inside.textContent && !inside.querySelector("img, li, table, hr, div + div, div + br")) inside.innerHTML = "";
    onChange(inside?.innerHTML ?? "");
  };
  const act = (command: string, value?: string) => {
    box.current?.focus();
    run(command, value);
    tell();
  };
  const pictures = async (files: File[]) => {
    for (const file of files) {
      if (file.size > MAX_PICTURE) {
        toast("The picture is too large for the text", { description: `It has ${bytes(file.size)}. Attach it as a file.` });
        continue;
      }
      const url = await dataUrl(file);
      act("insertHTML", cleaned(`<img src="${url}" alt="">`));
    }
  };
  const paste = (event: ClipboardEvent) => {
    const images = [...event.clipboardData.files].filter((f) => f.type.startsWith("image/"));
    const html = event.clipboardData.getData("text/html");
    event.preventDefault();
    const clean = html ? cleaned(html) : "";
    // Office programs put a picture of the text beside the text; of a picture alone nothing else is left.
    if (images.length && !textOf(clean).trim()) return void pictures(images);
    const text = event.clipboardData.getData("text/plain").replaceAll("\r\n", "\n");
    act("insertHTML", clean || (text.includes("\n") ? htmlOf(text) : plain(text)));
  };
  const drop = (event: DragEvent) => {
    // Files are the form's.
    if (event.dataTransfer.files.length) return;
    event.preventDefault();
    act("insertHTML", cleaned(event.dataTransfer.getData("text/html")) || plain(event.dataTransfer.getData("text/plain")));
  };
  const askLink = () => {
    const selection = window.getSelection();
    setSelected(selection?.rangeCount && box.current?.contains(selection.anchorNode) ? selection.getRangeAt(0).cloneRange() : null);
    setLinking("https://");
  };
  const link = () => {
    const url = linking?.trim() ?? "";
    setLinking(null);
    if (!goodLink(url) || url === "https://") return;
    box.current?.focus();
    const selection = window.getSelection();
    if (selected && selection) {
      selection.removeAllRanges();
      selection.addRange(selected);
    }
    const escaped = document.createElement("a");
    escaped.href = url;
    escaped.textContent = url;
    if (selected && !selected.collapsed) act("createLink", url);
    else act("insertHTML", escaped.outerHTML);
  };
  const tools = [
    { icon: Bold, name: "Bold", run: () => act("bold") },
    { icon: Italic, name: "Italic", run: () => act("italic") },
    { icon: Underline, name: "Underline", run: () => act("underline") },
    { icon: List, name: "List", run: () => act("insertUnorderedList") },
    { icon: ListOrdered, name: "Numbered list", run: () => act("insertOrderedList") },
    { icon: Quote, name: "Quote", run: () => act("formatBlock", "blockquote") },
    { icon: LinkIcon, name: "Link", run: askLink },
    { icon: RemoveFormatting, name: "No formatting", run: () => { act("removeFormat"); act("formatBlock", "div"); } },
  ];
  return (
    <>
      <div className="editor-bar" role="toolbar" aria-label="Formatting">
        {/* The selection stays where it is: a press on the bar does not take it. */}
        {tools.map(({ icon, name, run: press }) => (
          <Button key={name} look="ghost" size="small" icon={icon} aria-label={name} title={name} onMouseDown={(e) => e.preventDefault()} onClick={press} />
        ))}
        {linking !== null && (
          <span className="editor-link">
            <input
              className="bare" aria-label="Address of the link" autoFocus value={linking} onChange={(e) => setLinking(e.target.value)}
              onKeyDown={(e) => {
                if (e.key === "Enter") {
                  e.preventDefault();
                  link();
                }
                if (e.key === "Escape") setLinking(null);
              }}
            />
            <Button size="small" onClick={link}>Link it</Button>
          </span>
        )}
      </div>
      <div
        ref={box} className="compose-text rich" role="textbox" aria-multiline aria-label={label} contentEditable suppressContentEditableWarning tabIndex={0}
        data-placeholder={placeholder} onInput={tell} onPaste={paste} onDrop={drop}
      />
    </>
  );
}
