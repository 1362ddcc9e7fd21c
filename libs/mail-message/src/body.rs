//! Which parts are the text of a message and which are attachments.
//!
//! After RFC 8621 section 4.1.4: alternatives are one text in two forms, the root of a related
//! set is text and its siblings are pictures, everything named or marked is an attachment, and
//! inner messages are attachments as a whole.

use crate::attachments;
use crate::certified;
use crate::flowed;
use crate::html_text;
use crate::mime::{Kind, Part, Tree};

/// One place of the message in its two forms.
#[derive(Debug, Default)]
pub(crate) struct Slot {
    plain: Vec<usize>,
    html: Vec<usize>,
}

/// The parts of a message by use.
#[derive(Debug, Default)]
pub(crate) struct Layout {
    slots: Vec<Slot>,
    /// Numbers of the attachments, in order.
    pub(crate) attachments: Vec<usize>,
}

/// Sorts the parts of `tree` into text and attachments.
pub(crate) fn layout(tree: &Tree<'_>) -> Layout {
    let mut layout = Layout::default();
    // Per part: inside an inner message, and the slot of the nearest alternative.
    let mut inner = vec![false; tree.parts.len()];
    let mut alternative: Vec<Option<usize>> = vec![None; tree.parts.len()];
    let mut seen_child = vec![false; tree.parts.len()];
    // An envelope of certified mail is opened: what people read is the message in it.
    let opened = certified::enclosed(tree);
    let mut within = vec![opened.is_none(); tree.parts.len()];
    for (number, part) in tree.parts.iter().enumerate() {
        let mut first = true;
        if let Some(p) = part.parent {
            let parent_kind = tree.parts.get(p).map(|p| p.kind);
            let closed = parent_kind == Some(Kind::Message) && opened != Some(p);
            let inside = inner.get(p).copied().unwrap_or(false) || closed;
            set(&mut inner, number, inside);
            let of_envelope = within.get(p).copied().unwrap_or(false) || opened == Some(p);
            set(&mut within, number, of_envelope);
            let slot = alternative.get(p).copied().flatten();
            set(&mut alternative, number, slot);
            first = !seen_child.get(p).copied().unwrap_or(false);
            set(&mut seen_child, p, true);
        }
        if inner.get(number).copied().unwrap_or(false) {
            continue;
        }
        match part.kind {
            Kind::Multipart => {
                if part.is("multipart/alternative")
                    && alternative.get(number).copied().flatten().is_none()
                {
                    layout.slots.push(Slot::default());
                    set(&mut alternative, number, Some(layout.slots.len() - 1));
                }
            }
            Kind::Message => layout.attachments.push(number),
            Kind::Leaf => {
                let parent = part.parent.and_then(|p| tree.parts.get(p));
                let parent = parent.filter(|p| p.kind == Kind::Multipart);
                if !within.get(number).copied().unwrap_or(false) {
                    // The envelope's own words are for those who cannot open it; its facts and its signature are files.
                    if !part.is("text/plain") && !part.is("text/html") {
                        layout.attachments.push(number);
                    }
                    continue;
                }
                if is_text(part, parent, first) {
                    let slot = match alternative.get(number).copied().flatten() {
                        Some(slot) => slot,
                        None => {
                            layout.slots.push(Slot::default());
                            layout.slots.len() - 1
                        }
                    };
                    if let Some(slot) = layout.slots.get_mut(slot) {
                        if part.is("text/html") {
                            slot.html.push(number);
                        } else {
                            slot.plain.push(number);
                        }
                    }
                } else {
                    layout.attachments.push(number);
                }
            }
        }
    }
    layout
}

fn set<T>(list: &mut [T], at: usize, value: T) {
    if let Some(slot) = list.get_mut(at) {
        *slot = value;
    }
}

fn is_text(part: &Part<'_>, parent: Option<&Part<'_>>, first: bool) -> bool {
    let value = part.content_type.value.as_str();
    let readable = match value {
        "text/plain" | "text/html" => true,
        // A type that cannot be read, or a multipart without its boundary, is shown as text.
        "" | "text" => true,
        _ => {
            parent.is_none()
                && (value.starts_with("text/") || value.starts_with("multipart/"))
                && value != "text/calendar"
        }
    };
    if !readable || part.disposition.value == "attachment" {
        return false;
    }
    let Some(parent) = parent else {
        return true;
    };
    if parent.is("multipart/alternative") {
        return true;
    }
    if parent.is("multipart/related") && !first {
        return false;
    }
    if parent.is("multipart/report") && !first {
        return false;
    }
    attachments::raw_name(part).is_none()
}

impl Layout {
    /// Something a person would call an attachment.
    pub(crate) fn has_attachments(&self, tree: &Tree<'_>) -> bool {
        self.attachments
            .iter()
            .filter_map(|n| tree.parts.get(*n))
            .any(|p| !attachments::is_inline(p))
    }

    /// The text of the message; made from HTML where there is no text. `links` keeps addresses
    /// of links; `max` bounds the bytes read of each part and the result. The second value says
    /// whether something was cut.
    pub(crate) fn text(&self, tree: &Tree<'_>, links: bool, max: usize) -> (String, bool) {
        let mut out = String::new();
        let mut cut = false;
        for slot in &self.slots {
            if out.len() >= max {
                cut = true;
                break;
            }
            let mut piece = String::new();
            for part in parts(&slot.plain, tree) {
                cut |= append(&mut piece, &plain(part, read_limit(max)), "\n", max);
            }
            if piece.trim().is_empty() {
                piece.clear();
                for part in parts(&slot.html, tree) {
                    let html = part.text(html_limit(max, links));
                    let text = if links {
                        html_text::text(&html)
                    } else {
                        html_text::words(&html, max)
                    };
                    cut |= append(&mut piece, &text, "\n\n", max);
                }
            }
            cut |= append(&mut out, &piece, "\n", max);
        }
        let (out, over) = crate::clean::body(out, max);
        (out, cut || over)
    }

    /// The HTML of the message, unsanitised; none where no part is HTML. Plain parts between
    /// HTML parts are kept, escaped.
    pub(crate) fn html(&self, tree: &Tree<'_>, max: usize) -> Option<(String, bool)> {
        if self.slots.iter().all(|s| s.html.is_empty()) {
            return None;
        }
        let mut out = String::new();
        let mut cut = false;
        for slot in &self.slots {
            if slot.html.is_empty() {
                for part in parts(&slot.plain, tree) {
                    let text = plain(part, read_limit(max));
                    if !text.trim().is_empty() {
                        cut |= append(&mut out, &escape_block(text.trim_end()), "\n", max);
                    }
                }
            }
            for part in parts(&slot.html, tree) {
                cut |= append(&mut out, &part.text(read_limit(max)), "\n", max);
            }
        }
        let (out, over) = crate::clean::body(out, max);
        Some((out, cut || over))
    }
}

fn parts<'t, 'a>(numbers: &'t [usize], tree: &'t Tree<'a>) -> impl Iterator<Item = &'t Part<'a>> {
    numbers.iter().filter_map(|n| tree.parts.get(*n))
}

/// A plain part as it was written: flowed lines are whole again.
fn plain(part: &Part<'_>, max: usize) -> String {
    let text = part.text(max);
    let says = |name: &str, wanted: &str| {
        let value = part.content_type.get(name);
        value.is_some_and(|value| value.eq_ignore_ascii_case(wanted))
    };
    if part.is("text/plain") && says("format", "flowed") {
        flowed::unflow(&text, says("delsp", "yes"))
    } else {
        text
    }
}

/// Bytes to decode so that `max` bytes of text can come out of wide charsets.
fn read_limit(max: usize) -> usize {
    max.saturating_mul(2).saturating_add(16)
}

/// Markup is mostly tags: for a short text a longer piece of HTML is read.
fn html_limit(max: usize, whole: bool) -> usize {
    const SEARCH_HTML: usize = 2 * 1024 * 1024;
    if whole {
        read_limit(max)
    } else {
        read_limit(max).max(SEARCH_HTML)
    }
}

/// Appends with a separator between; says whether something did not fit.
fn append(out: &mut String, piece: &str, separator: &str, max: usize) -> bool {
    if piece.is_empty() {
        return false;
    }
    if !out.is_empty() && (!out.ends_with('\n') || separator.len() > 1) {
        out.push_str(separator);
    }
    let room = max.saturating_sub(out.len());
    if piece.len() > room {
        let end = crate::clean::floor_boundary(piece, room);
        out.push_str(piece.get(..end).unwrap_or_default());
        return true;
    }
    out.push_str(piece);
    false
}

/// Plain text as an HTML block.
pub(crate) fn escape_block(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 32);
    out.push_str("<div>");
    for (n, line) in text.lines().enumerate() {
        if n > 0 {
            out.push_str("<br>\n");
        }
        escape(line, &mut out);
    }
    out.push_str("</div>");
    out
}

/// Escapes the five characters that mean something in HTML.
pub(crate) fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
}
