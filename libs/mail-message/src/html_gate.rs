//! The first of two sanitisers: rewrites HTML as a well-formed tree of few elements.
//!
//! The output is written from scratch by an allow-list, so no reading of the input, however
//! wrong, can let anything active through. It is balanced, at most [`MAX_DEPTH`] deep and
//! [`MAX_NODES`] long, and nested as the HTML standard wants it, so that the tree builder behind
//! (ammonia) neither rearranges it nor takes more than linear time.

use crate::css;
use crate::html_scan::{Piece, Scanner, attributes, unescape};
use crate::html_url::{is_data_picture, is_web, link, percent_decoded, strip_scheme};
use crate::sanitize::{Options, RemoteImages};
use std::collections::HashSet;

/// Elements inside each other; deeper ones lose their tags and keep their text.
pub(crate) const MAX_DEPTH: usize = 150;
/// Elements and texts; the rest is cut.
pub(crate) const MAX_NODES: usize = 150_000;

/// Ampersands and the like in one run of text.
const MAX_STOPS: usize = 256;

/// Elements that may stay. Anything else loses its tags.
pub(crate) const TAGS: [&str; 64] = [
    "a",
    "abbr",
    "address",
    "article",
    "aside",
    "b",
    "bdi",
    "bdo",
    "big",
    "blockquote",
    "br",
    "caption",
    "center",
    "cite",
    "code",
    "dd",
    "del",
    "dfn",
    "div",
    "dl",
    "dt",
    "em",
    "figcaption",
    "figure",
    "font",
    "footer",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "hr",
    "i",
    "img",
    "ins",
    "kbd",
    "li",
    "main",
    "mark",
    "ol",
    "p",
    "pre",
    "q",
    "s",
    "samp",
    "section",
    "small",
    "span",
    "strike",
    "strong",
    "sub",
    "sup",
    "table",
    "tbody",
    "td",
    "tfoot",
    "th",
    "thead",
    "tr",
    "tt",
    "u",
    "ul",
];

/// Elements that vanish with their content.
const DROPPED: [&str; 10] = [
    "svg", "math", "template", "object", "applet", "audio", "video", "canvas", "select", "frameset",
];

/// Elements that end an open paragraph (HTML section 13.2.6.4.7).
const BLOCKS: [&str; 28] = [
    "address",
    "article",
    "aside",
    "blockquote",
    "center",
    "dd",
    "div",
    "dl",
    "dt",
    "figcaption",
    "figure",
    "footer",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "hr",
    "li",
    "main",
    "ol",
    "p",
    "pre",
    "section",
    "table",
    "ul",
];

/// What the gate lets through.
#[derive(Debug, Default)]
pub(crate) struct Passed {
    pub(crate) html: String,
    pub(crate) blocked_remote: usize,
    pub(crate) truncated: bool,
    /// Addresses that the caller's `cid` gave; a later pass lets them through.
    pub(crate) own: HashSet<String>,
}

/// Rewrites `html`. `own` are addresses made by an earlier pass over the same document.
pub(crate) fn pass(html: &str, options: &Options<'_>, own: &HashSet<String>) -> Passed {
    let mut gate = Gate {
        options,
        known: own,
        passed: Passed::default(),
        stack: Vec::new(),
        nodes: 0,
        after_pre: false,
        stops: 0,
    };
    let mut skipping: Option<(&'static str, usize)> = None;
    for (_, piece) in Scanner::new(html) {
        if gate.nodes >= MAX_NODES {
            gate.passed.truncated = true;
            break;
        }
        if let Some((name, depth)) = skipping {
            skipping = match piece {
                Piece::Start { name: n, .. } if n.eq_ignore_ascii_case(name) => {
                    Some((name, depth + 1))
                }
                Piece::End { name: n } if n.eq_ignore_ascii_case(name) => {
                    (depth > 1).then_some((name, depth - 1))
                }
                _ => skipping,
            };
            continue;
        }
        match piece {
            Piece::Text(text) => gate.text(text),
            Piece::Start { name, attributes } => {
                if let Some(dropped) = DROPPED.iter().find(|d| name.eq_ignore_ascii_case(d)) {
                    if !attributes.ends_with('/') {
                        skipping = Some((dropped, 1));
                    }
                } else if let Some(tag) = known(name) {
                    gate.start(tag, attributes);
                }
            }
            Piece::End { name } => {
                if let Some(tag) = known(name) {
                    gate.end(tag);
                }
            }
        }
    }
    gate.pop_to(0);
    gate.passed
}

fn known(name: &str) -> Option<&'static str> {
    TAGS.iter().copied().find(|t| name.eq_ignore_ascii_case(t))
}

fn is_void(tag: &str) -> bool {
    matches!(tag, "br" | "hr" | "img")
}

/// Parts of a table that are not its cells.
fn is_frame(tag: &str) -> bool {
    matches!(tag, "table" | "tbody" | "thead" | "tfoot" | "tr")
}

/// Where a search for an open element ends.
fn is_scope(tag: &str) -> bool {
    matches!(tag, "td" | "th" | "caption") || is_frame(tag)
}

struct Gate<'o, 'p> {
    options: &'o Options<'p>,
    known: &'o HashSet<String>,
    passed: Passed,
    stack: Vec<&'static str>,
    nodes: usize,
    /// The parser behind drops a line end right after `<pre>`.
    after_pre: bool,
    /// See [`Gate::write_text`]: stops since the last tag.
    stops: usize,
}

impl Gate<'_, '_> {
    fn top(&self) -> &'static str {
        self.stack.last().copied().unwrap_or_default()
    }

    fn text(&mut self, raw: &str) {
        let mut text = String::with_capacity(raw.len());
        unescape(raw, &mut text);
        text.retain(|c| !c.is_control() || c == '\n' || c == '\t');
        let mut text = text.as_str();
        if self.after_pre {
            text = text.trim_start_matches('\n');
        }
        if text.is_empty() {
            return;
        }
        if is_frame(self.top()) {
            if text.bytes().all(|b| b.is_ascii_whitespace()) {
                return;
            }
            self.open_cell();
        }
        self.after_pre = false;
        self.nodes += 1;
        self.write_text(text);
    }

    /// Writes text; a run with many characters that html5ever's serialiser stops at is divided
    /// by `<span>`, because at each stop it looks through the rest of the run again.
    fn write_text(&mut self, text: &str) {
        let mut in_span = false;
        for c in text.chars() {
            if c == '&' || ('\u{80}'..='\u{bf}').contains(&c) {
                self.stops += 1;
                if self.stops > MAX_STOPS {
                    if self.stack.len() >= MAX_DEPTH {
                        // No room for a span.
                        self.passed.truncated = true;
                        break;
                    }
                    self.passed
                        .html
                        .push_str(if in_span { "</span><span>" } else { "<span>" });
                    self.nodes += 1;
                    self.stops = 1;
                    in_span = true;
                }
            }
            match c {
                '&' => self.passed.html.push_str("&amp;"),
                '<' => self.passed.html.push_str("&lt;"),
                '>' => self.passed.html.push_str("&gt;"),
                c => self.passed.html.push(c),
            }
        }
        if in_span {
            self.passed.html.push_str("</span>");
            self.stops = 0;
        }
    }

    fn start(&mut self, tag: &'static str, list: &str) {
        if !self.make_room(tag) {
            return;
        }
        if self.stack.len() >= MAX_DEPTH && !is_void(tag) {
            return;
        }
        self.nodes += 1;
        self.stops = 0;
        self.after_pre = tag == "pre";
        self.passed.html.push('<');
        self.passed.html.push_str(tag);
        self.attributes(tag, list);
        self.passed.html.push('>');
        if !is_void(tag) {
            self.stack.push(tag);
        }
    }

    /// Closes and opens what the standard implies before `tag`. False: the tag has no place.
    fn make_room(&mut self, tag: &'static str) -> bool {
        match tag {
            "caption" => return self.top() == "table",
            "tbody" | "thead" | "tfoot" => return self.back_to(&["table"]),
            "tr" => {
                if !self.back_to(&["tbody", "thead", "tfoot", "table"]) {
                    return false;
                }
                if self.top() == "table" {
                    self.open("tbody");
                }
                return true;
            }
            "td" | "th" => {
                if !self.back_to(&["tr", "tbody", "thead", "tfoot", "table"]) {
                    return false;
                }
                if self.top() == "table" {
                    self.open("tbody");
                }
                if self.top() != "tr" {
                    self.open("tr");
                }
                return true;
            }
            _ => {}
        }
        if is_frame(self.top()) {
            self.open_cell();
        }
        if BLOCKS.contains(&tag) {
            self.close_open("p", &[]);
        }
        match tag {
            "li" => self.close_open("li", &["ul", "ol"]),
            "dd" | "dt" => {
                self.close_open("dd", &["dl"]);
                self.close_open("dt", &["dl"]);
            }
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" if is_heading(self.top()) => {
                self.pop_to(self.stack.len() - 1);
            }
            // A link inside a link ends the outer one.
            "a" => self.close_open("a", &[]),
            _ => {}
        }
        true
    }

    /// Content between the cells of a table gets a cell of its own.
    fn open_cell(&mut self) {
        if self.top() == "table" {
            self.open("tbody");
        }
        if self.top() != "tr" {
            self.open("tr");
        }
        self.open("td");
    }

    fn open(&mut self, tag: &'static str) {
        self.nodes += 1;
        self.stops = 0;
        self.passed.html.push('<');
        self.passed.html.push_str(tag);
        self.passed.html.push('>');
        self.stack.push(tag);
    }

    /// Closes down to the nearest of `frames` of the innermost table. False where there is none.
    fn back_to(&mut self, frames: &[&str]) -> bool {
        for at in (0..self.stack.len()).rev() {
            let tag = self.stack.get(at).copied().unwrap_or_default();
            if frames.contains(&tag) {
                self.pop_to(at + 1);
                return true;
            }
            if tag == "table" {
                return false;
            }
        }
        false
    }

    /// Closes an open `tag`, unless one of `walls` or a table stands between.
    fn close_open(&mut self, tag: &str, walls: &[&str]) {
        for at in (0..self.stack.len()).rev() {
            let open = self.stack.get(at).copied().unwrap_or_default();
            if open == tag {
                self.pop_to(at);
                return;
            }
            if is_scope(open) || walls.contains(&open) {
                return;
            }
        }
    }

    fn end(&mut self, tag: &'static str) {
        let inline = !BLOCKS.contains(&tag) && !is_scope(tag);
        for at in (0..self.stack.len()).rev() {
            let open = self.stack.get(at).copied().unwrap_or_default();
            if open == tag {
                self.pop_to(at);
                return;
            }
            // </b> does not end the block around it; </div> does not end the cell around it.
            let wall = if is_scope(tag) {
                open == "table"
            } else {
                is_scope(open)
            };
            if wall || (inline && BLOCKS.contains(&open)) {
                return;
            }
        }
    }

    fn pop_to(&mut self, length: usize) {
        self.after_pre = false;
        while self.stack.len() > length {
            if let Some(tag) = self.stack.pop() {
                self.stops = 0;
                self.passed.html.push_str("</");
                self.passed.html.push_str(tag);
                self.passed.html.push('>');
            }
        }
    }

    fn attributes(&mut self, tag: &str, list: &str) {
        let mut written: Vec<&'static str> = Vec::new();
        let mut picture = None;
        for (name, raw) in attributes(list) {
            let Some(name) = allowed(tag, name) else {
                continue;
            };
            if written.contains(&name) {
                continue;
            }
            written.push(name);
            let mut value = String::new();
            unescape(raw, &mut value);
            value.retain(|c| !c.is_control() && c != '\u{feff}');
            match name {
                "src" => picture = Some(value),
                "data-blocked-src" => picture = picture.or(Some(value)),
                "href" => {
                    if let Some(url) = link(&value) {
                        self.write(name, &url);
                    }
                }
                "style" => {
                    let style = css::filter(&value);
                    if !style.is_empty() {
                        self.write(name, &style);
                    }
                }
                "type" if tag == "blockquote" => {
                    if value.eq_ignore_ascii_case("cite") {
                        self.write(name, "cite");
                    }
                }
                "title" | "alt" => {
                    let text = crate::clean::line(&value, 1_000);
                    self.write(name, &text);
                }
                _ => {
                    let simple = |c: char| c.is_ascii_alphanumeric() || "#%.,- ".contains(c);
                    let value = value.trim();
                    if value.len() <= 100 && value.chars().all(simple) {
                        self.write(name, value);
                    }
                }
            }
        }
        if let Some(url) = picture {
            self.picture(&url);
        }
        if tag == "a" {
            self.write("target", "_blank");
        }
    }

    /// Inline parts become the caller's addresses; remote pictures load only where allowed.
    fn picture(&mut self, url: &str) {
        let url: String = url.split_whitespace().collect::<Vec<_>>().join("%20");
        if self.known.contains(&url) {
            self.passed.own.insert(url.clone());
            self.write("src", &url);
        } else if let Some(id) = strip_scheme(&url, "cid:") {
            if let Some(own) = self.options.cid.and_then(|map| map(&percent_decoded(id))) {
                self.passed.own.insert(own.clone());
                self.write("src", &own);
            }
        } else if is_data_picture(&url) {
            self.write("src", &url);
        } else if is_web(&url) {
            match self.options.remote_images {
                RemoteImages::Allowed => self.write("src", &url),
                RemoteImages::Blocked => {
                    self.passed.blocked_remote += 1;
                    self.write("data-blocked-src", &url);
                }
            }
        }
    }

    fn write(&mut self, name: &str, value: &str) {
        let out = &mut self.passed.html;
        out.push(' ');
        out.push_str(name);
        out.push_str("=\"");
        for c in value.chars() {
            match c {
                '&' => out.push_str("&amp;"),
                '"' => out.push_str("&quot;"),
                '<' => out.push_str("&lt;"),
                '>' => out.push_str("&gt;"),
                c => out.push(c),
            }
        }
        out.push('"');
    }
}

fn is_heading(tag: &str) -> bool {
    matches!(tag, "h1" | "h2" | "h3" | "h4" | "h5" | "h6")
}

/// Attributes that may stay, by element.
pub(crate) const GENERIC: [&str; 5] = ["align", "dir", "lang", "style", "title"];
/// More attributes of single elements.
pub(crate) const SPECIFIC: [(&str, &[&str]); 10] = [
    ("a", &["href"]),
    ("blockquote", &["type"]),
    ("font", &["color", "face", "size"]),
    (
        "img",
        &[
            "alt",
            "border",
            "data-blocked-src",
            "height",
            "src",
            "width",
        ],
    ),
    ("li", &["value"]),
    ("ol", &["start"]),
    (
        "table",
        &[
            "bgcolor",
            "border",
            "cellpadding",
            "cellspacing",
            "height",
            "width",
        ],
    ),
    (
        "td",
        &["bgcolor", "colspan", "height", "rowspan", "valign", "width"],
    ),
    (
        "th",
        &["bgcolor", "colspan", "height", "rowspan", "valign", "width"],
    ),
    ("tr", &["bgcolor", "height", "valign"]),
];

fn allowed(tag: &str, name: &str) -> Option<&'static str> {
    let same = |a: &&'static str| name.eq_ignore_ascii_case(a);
    GENERIC.iter().copied().find(same).or_else(|| {
        let (_, list) = SPECIFIC.iter().find(|(t, _)| *t == tag)?;
        list.iter().copied().find(same)
    })
}
