//! HTML as text that people can read: lists, tables, quotes and links keep their sense.
//!
//! One pass in linear time; output is at most [`MAX_TEXT`] bytes.

use crate::html_scan::{Piece, Scanner, attribute, unescape};

/// Longest text produced, in bytes.
pub const MAX_TEXT: usize = 8 * 1024 * 1024;
/// Quotes and lists inside each other that still indent.
const MAX_INDENT: usize = 8;
/// Longer addresses are tracking links and help nobody.
const MAX_LINK: usize = 300;

/// Readable text of `html`; the address of a link follows its text in brackets.
#[must_use]
pub fn text(html: &str) -> String {
    convert(html, true, MAX_TEXT)
}

/// Words only, for previews and search: no link addresses; at most `max` bytes.
pub(crate) fn words(html: &str, max: usize) -> String {
    convert(html, false, max)
}

fn convert(html: &str, links: bool, max: usize) -> String {
    let mut writer = Writer::new(max);
    // The address of the open link and where its text began.
    let mut link: Option<(String, usize)> = None;
    let mut skipping: Option<&'static str> = None;
    for (_, piece) in Scanner::new(html) {
        if writer.full() {
            break;
        }
        if let Some(until) = skipping {
            if matches!(piece, Piece::End { name } if name.eq_ignore_ascii_case(until)) {
                skipping = None;
            }
            continue;
        }
        match piece {
            Piece::Text(text) => writer.text(text),
            Piece::Start { name, attributes } => {
                let name = name.to_ascii_lowercase();
                match name.as_str() {
                    "head" | "template" => {
                        // Unclosed heads end at the body; see the end of this arm.
                    }
                    "a" if links => {
                        close_link(&mut link, &mut writer);
                        link = attribute(attributes, "href").map(|href| (href, writer.out.len()));
                    }
                    "img" => {
                        if let Some(alt) = attribute(attributes, "alt") {
                            writer.plain(&alt);
                        }
                    }
                    "svg" => skipping = Some("svg"),
                    "math" => skipping = Some("math"),
                    "select" => skipping = Some("select"),
                    "object" => skipping = Some("object"),
                    _ => writer.open(&name, attributes),
                }
            }
            Piece::End { name } => {
                let name = name.to_ascii_lowercase();
                if name == "a" {
                    close_link(&mut link, &mut writer);
                }
                writer.close(&name);
            }
        }
    }
    close_link(&mut link, &mut writer);
    writer.finish()
}

fn close_link(link: &mut Option<(String, usize)>, writer: &mut Writer) {
    let Some((href, from)) = link.take() else {
        return;
    };
    let href = href.trim();
    let web = href.starts_with("http://") || href.starts_with("https://");
    let shown = writer.out.get(from..).unwrap_or_default().trim();
    let bare = |s: &str| {
        s.trim_start_matches("https://")
            .trim_start_matches("http://")
            .trim_end_matches('/')
            .to_ascii_lowercase()
    };
    if web
        && href.len() <= MAX_LINK
        && !shown.is_empty()
        && bare(shown) != bare(href)
        && !href.chars().any(|c| c.is_whitespace() || c.is_control())
    {
        writer.plain(&format!(" ({href})"));
    }
}

/// What an open list counts.
enum List {
    Bullets,
    Numbers(usize),
}

struct Writer {
    out: String,
    max: usize,
    /// Line ends owed before the next word: 1 or 2.
    breaks: usize,
    space: bool,
    cell: bool,
    /// Words have been written on this line.
    started: bool,
    pre: usize,
    quotes: usize,
    lists: Vec<List>,
    scratch: String,
}

impl Writer {
    fn new(max: usize) -> Self {
        Self {
            out: String::new(),
            max,
            breaks: 0,
            space: false,
            cell: false,
            started: false,
            pre: 0,
            quotes: 0,
            lists: Vec::new(),
            scratch: String::new(),
        }
    }

    fn full(&self) -> bool {
        self.out.len() >= self.max
    }

    fn text(&mut self, raw: &str) {
        if raw.contains('&') {
            let mut scratch = std::mem::take(&mut self.scratch);
            scratch.clear();
            unescape(raw, &mut scratch);
            self.plain(&scratch);
            self.scratch = scratch;
        } else {
            self.plain(raw);
        }
    }

    fn plain(&mut self, text: &str) {
        if self.pre > 0 {
            for (n, line) in text.split('\n').enumerate() {
                if n > 0 {
                    self.line_break();
                }
                let line = line.trim_end_matches('\r');
                if !line.is_empty() {
                    self.begin();
                    self.out.push_str(line);
                }
            }
            return;
        }
        // Blanks of HTML are ASCII; a no-break space is a character.
        for (n, word) in text.split(|c: char| c.is_ascii_whitespace()).enumerate() {
            if n > 0 {
                self.space = true;
            }
            if !word.is_empty() {
                self.begin();
                self.out.push_str(word);
            }
        }
    }

    /// Writes what is owed before a word: line ends, quote marks, a blank or a cell border.
    fn begin(&mut self) {
        if self.breaks > 0 {
            if !self.out.is_empty() {
                let have = self.out.bytes().rev().take_while(|b| *b == b'\n').count();
                for _ in have..self.breaks {
                    self.out.push('\n');
                }
            }
            self.breaks = 0;
            self.started = false;
        }
        if !self.started {
            for _ in 0..self.quotes.min(MAX_INDENT) {
                self.out.push_str("> ");
            }
        } else if self.cell {
            self.out.push('\t');
        } else if self.space {
            self.out.push(' ');
        }
        self.started = true;
        self.space = false;
        self.cell = false;
    }

    fn line_break(&mut self) {
        self.breaks = (self.breaks + 1).min(2);
        self.space = false;
    }

    fn block(&mut self, breaks: usize) {
        self.breaks = self.breaks.max(breaks);
        self.space = false;
        self.cell = false;
    }

    fn open(&mut self, name: &str, attributes: &str) {
        match name {
            "br" => self.line_break(),
            "p" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "table" | "dl" => self.block(2),
            "div" | "tr" | "section" | "article" | "header" | "footer" | "address" | "dt"
            | "dd" | "center" | "form" | "fieldset" | "caption" | "figure" | "main" | "nav"
            | "body" | "details" | "summary" | "option" => self.block(1),
            "td" | "th" if self.started && self.breaks == 0 => self.cell = true,
            "pre" => {
                self.block(2);
                self.pre += 1;
            }
            "blockquote" => {
                self.block(2);
                self.quotes += 1;
            }
            "ul" | "ol" => {
                self.block(if self.lists.is_empty() { 2 } else { 1 });
                let start = attribute(attributes, "start").and_then(|s| s.trim().parse().ok());
                // Deeper lists than this are attacks: they count but do not indent.
                if self.lists.len() < 64 {
                    self.lists.push(if name == "ul" {
                        List::Bullets
                    } else {
                        List::Numbers(start.unwrap_or(1))
                    });
                }
            }
            "li" => {
                self.block(1);
                self.begin();
                let depth = self.lists.len().saturating_sub(1).min(MAX_INDENT);
                for _ in 0..depth {
                    self.out.push_str("  ");
                }
                match self.lists.last_mut() {
                    Some(List::Numbers(n)) => {
                        self.out.push_str(&format!("{n}. "));
                        *n = n.saturating_add(1);
                    }
                    _ => self.out.push_str("- "),
                }
            }
            "hr" => {
                self.block(1);
                self.begin();
                self.out.push_str("---");
                self.block(1);
            }
            _ => {}
        }
    }

    fn close(&mut self, name: &str) {
        match name {
            "p" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "table" | "dl" => self.block(2),
            "div" | "tr" | "li" | "section" | "article" | "header" | "footer" | "address"
            | "dt" | "dd" | "center" | "form" | "fieldset" | "caption" | "figure" | "main"
            | "nav" | "details" | "summary" => self.block(1),
            "pre" => {
                self.block(2);
                self.pre = self.pre.saturating_sub(1);
            }
            "blockquote" => {
                self.block(2);
                self.quotes = self.quotes.saturating_sub(1);
            }
            "ul" | "ol" => {
                self.lists.pop();
                self.block(if self.lists.is_empty() { 2 } else { 1 });
            }
            _ => {}
        }
    }

    fn finish(self) -> String {
        let mut text = crate::clean::body(self.out, self.max).0;
        text.truncate(text.trim_end().len());
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_becomes_readable_text() {
        let table = [
            ("<p>One</p><p>Two</p>", "One\n\nTwo"),
            ("a<br>b<br><br>c", "a\nb\n\nc"),
            ("<div>a</div><div>b</div>", "a\nb"),
            ("<ul><li>x<li>y</ul>z", "- x\n- y\n\nz"),
            (
                "<ol start=3><li>x</li><li>y<ul><li>in</li></ul></li></ol>",
                "3. x\n4. y\n  - in",
            ),
            (
                "<table><tr><td>a<td>b</tr><tr><td>c</td><td>d</td></tr></table>",
                "a\tb\nc\td",
            ),
            (
                "see <a href='https://e.com/x'>here</a>.",
                "see here (https://e.com/x).",
            ),
            ("<a href='https://e.com/'>e.com</a>", "e.com"),
            ("<a href='javascript:x'>b</a>", "b"),
            ("<style>p{}</style><script>x</script>t", "t"),
            ("<title>no</title><body>yes", "yes"),
            ("hello\n  world&nbsp;&amp; co", "hello world\u{a0}& co"),
            ("<pre>a\n  b</pre>", "a\n  b"),
            ("x<blockquote>q<br>r</blockquote>y", "x\n\n> q\n> r\n\ny"),
            ("a<!-- c -->b", "ab"),
            ("<b>bo</b>ld <i>it</i>", "bold it"),
            ("<img src=x alt='A logo'>", "A logo"),
            ("1 < 2 &lt; 3", "1 < 2 < 3"),
            ("a<hr>b", "a\n---\nb"),
            ("x\0y", "xy"),
            ("", ""),
        ];
        for (html, want) in table {
            assert_eq!(text(html), want, "{html}");
        }
    }

    #[test]
    fn hostile_html_is_read_in_linear_time() {
        let n = 200_000;
        for bad in [
            "<div>",
            "<blockquote>",
            "<ul><li>",
            "<",
            "<a href='",
            "<!--",
            "&",
            "</",
            "<td>x",
            "<script>",
            "<a href=https://x.y>z",
        ] {
            let out = text(&bad.repeat(n));
            assert!(out.len() <= MAX_TEXT);
        }
    }
}
