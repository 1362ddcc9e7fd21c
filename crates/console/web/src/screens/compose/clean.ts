// HTML that comes from elsewhere, by paste or by drop, made plain enough to be part of a message:
// structure stays, looks do not, nothing that loads or runs.

const KEPT = new Set([
  "A", "B", "STRONG", "I", "EM", "U", "S", "P", "DIV", "BR", "UL", "OL", "LI", "BLOCKQUOTE", "PRE", "CODE", "H1", "H2", "H3",
  "TABLE", "THEAD", "TBODY", "TR", "TD", "TH", "HR", "SUB", "SUP", "IMG",
]);
const DROPPED = new Set(["SCRIPT", "STYLE", "TITLE", "TEMPLATE", "IFRAME", "OBJECT", "EMBED", "SVG", "MATH", "NOSCRIPT", "FORM", "INPUT", "BUTTON", "SELECT", "TEXTAREA", "HEAD", "META", "LINK"]);

/** Only links that a person follows. */
export const goodLink = (href: string) => /^(https?:|mailto:|tel:)/i.test(href.trim());

const goodPicture = (src: string) => /^data:image\/(png|jpe?g|gif|webp);base64,/i.test(src);

/** The HTML with what a message may have. */
export function cleaned(html: string): string {
  const to = document.implementation.createHTMLDocument("");
  copy(parsed(html), to.body, to);
  return to.body.innerHTML;
}

/**
 * HTML in a document that is never shown. The page's policy holds there too, and the browser would complain of each style and
 * handler that it refuses: they go first. What is missed here is still refused, and taken out below.
 */
function parsed(html: string): HTMLElement {
  const quiet = html
    .replaceAll(/<(style|script|title)\b[^>]*>[\s\S]*?<\/\1\s*>/gi, "")
    .replaceAll(/<[a-z](?:"[^"]*"|'[^']*'|[^'">])*>/gi, (tag) => tag.replaceAll(/\s(?:style|on[a-z]+)\s*=\s*(?:"[^"]*"|'[^']*'|[^\s"'>]+)/gi, ""));
  return new DOMParser().parseFromString(quiet, "text/html").body;
}

function copy(from: Node, into: Node, doc: Document) {
  for (const node of from.childNodes) {
    if (node.nodeType === Node.TEXT_NODE) into.appendChild(doc.createTextNode(node.textContent ?? ""));
    if (node.nodeType !== Node.ELEMENT_NODE) continue;
    const element = node as Element;
    const name = element.tagName.toUpperCase();
    if (DROPPED.has(name)) continue;
    const kept = keep(element, name, doc);
    if (kept) into.appendChild(kept);
    copy(element, kept ?? into, doc);
  }
}

function keep(element: Element, name: string, doc: Document): Element | null {
  if (!KEPT.has(name)) return null;
  const made = doc.createElement(name);
  if (name === "A") {
    const href = element.getAttribute("href") ?? "";
    if (!goodLink(href)) return null;
    made.setAttribute("href", href.trim());
  }
  if (name === "IMG") {
    const src = element.getAttribute("src") ?? "";
    // A picture of another server would tell who reads when: it stays away.
    if (!goodPicture(src)) return null;
    made.setAttribute("src", src);
    made.setAttribute("alt", element.getAttribute("alt") ?? "");
  }
  for (const span of ["colspan", "rowspan"]) {
    const value = element.getAttribute(span);
    if (value && /^\d{1,3}$/.test(value) && (name === "TD" || name === "TH")) made.setAttribute(span, value);
  }
  return made;
}

const FORMATTING = "a, b, strong, i, em, u, s, ul, ol, blockquote, pre, code, h1, h2, h3, table, hr, sub, sup, img";

/** Whether there is more in it than lines of text: such a message goes out as text alone. */
export function isFormatted(html: string): boolean {
  return parsed(html).querySelector(FORMATTING) !== null;
}

/** The lines of a rich text. */
export function textOf(html: string): string {
  const body = parsed(html);
  for (const br of body.querySelectorAll("br")) {
    // A lone break in a block is how browsers keep an empty line open: the block is the line.
    const lone = br.parentElement?.childNodes.length === 1 && br.parentElement !== body;
    br.replaceWith(lone ? "" : "\n");
  }
  for (const block of body.querySelectorAll("p, div, li, blockquote, tr, h1, h2, h3, pre")) block.append("\n");
  return (body.textContent ?? "").replaceAll(/\u00a0/g, " ").replaceAll(/[ \t]+\n/g, "\n").replace(/\n+$/, "");
}

/** Plain lines as paragraphs of the editor. */
export function htmlOf(text: string): string {
  if (!text) return "";
  const made = document.createElement("div");
  for (const line of text.split("\n")) {
    const block = document.createElement("div");
    if (line) block.textContent = line;
    else block.append(document.createElement("br"));
    made.append(block);
  }
  return made.innerHTML;
}
