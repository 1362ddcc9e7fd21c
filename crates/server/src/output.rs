//! What commands print: tables for people, JSON for programs.
//!
//! Mail text is data: whatever a server or a stranger wrote may hold terminal codes, so every text goes
//! through [`line`] or [`text`] (or, as JSON, through [`json`]) before it meets a terminal. Results go to
//! standard output; progress and notes to standard error.

use crate::exit::Failure;
use comfy_table::{ContentArrangement, Table, presets};
use serde_json::Value;
use std::io::{IsTerminal as _, Write as _};

/// Columns of a terminal that does not say its own width.
const USUAL_WIDTH: u16 = 120;
/// A narrower terminal has not said its width.
const NARROWEST: u16 = 40;

/// How this invocation prints.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    /// JSON instead of tables.
    pub json: bool,
    /// Colours on standard output.
    colour: bool,
}

/// A colour with a meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Nothing to say.
    Plain,
    /// Works.
    Good,
    /// Look at it.
    Warning,
    /// Does not work.
    Bad,
    /// Less important.
    Faint,
}

impl Output {
    /// Colours only on a terminal, and never with NO_COLOR.
    pub fn new(json: bool) -> Self {
        Self {
            json,
            colour: std::io::stdout().is_terminal() && colours_wanted(),
        }
    }

    /// Prints a value as JSON, or the lines that `human` makes of it.
    ///
    /// # Errors
    /// Standard output is closed.
    pub fn value(
        &self,
        value: &Value,
        human: impl FnOnce(&Self, &Value) -> String,
    ) -> Result<(), Failure> {
        if self.json {
            print(&json(value, std::io::stdout().is_terminal()))
        } else {
            print(&human(self, value))
        }
    }

    /// A text in a colour.
    pub fn tone(&self, tone: Tone, text: &str) -> String {
        paint(self.colour, tone, text)
    }

    /// A table; the first row is its head. Cells are made safe here.
    pub fn table<const N: usize>(&self, head: [&str; N], rows: Vec<[String; N]>) -> String {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        // A program that reads the table wants one line for each row, however long.
        match width() {
            Some(columns) => table
                .set_content_arrangement(ContentArrangement::Dynamic)
                .set_width(columns),
            None => table.set_content_arrangement(ContentArrangement::Disabled),
        };
        table.set_header(head);
        for row in rows {
            table.add_row(row.iter().map(|cell| line(cell)));
        }
        let text = table.to_string();
        let lines: Vec<_> = text.lines().map(str::trim_end).collect();
        lines.join("\n")
    }
}

/// Whether colours are wanted at all.
pub fn colours_wanted() -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    !set("NO_COLOR") && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// A text in a colour, where colours are on.
pub fn paint(on: bool, tone: Tone, text: &str) -> String {
    let code = match tone {
        Tone::Plain => return text.to_owned(),
        Tone::Good => "32",
        Tone::Warning => "33",
        Tone::Bad => "31",
        Tone::Faint => "2",
    };
    if on {
        format!("\x1b[{code}m{text}\x1b[0m")
    } else {
        text.to_owned()
    }
}

/// Prints to standard output, with a line end. A closed pipe (`| head`) is an end, not a fault.
///
/// # Errors
/// Standard output cannot be written.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    let done = out
        .write_all(text.as_bytes())
        .and_then(|()| {
            if text.ends_with('\n') {
                Ok(())
            } else {
                out.write_all(b"\n")
            }
        })
        .and_then(|()| out.flush());
    finish(done)
}

/// Writes bytes as they are (a raw message into a file or pipe).
///
/// # Errors
/// Standard output cannot be written.
pub fn print_bytes(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    let done = out.write_all(bytes).and_then(|()| out.flush());
    finish(done)
}

fn finish(done: std::io::Result<()>) -> Result<(), Failure> {
    match done {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Failure::from(error)),
        _ => Ok(()),
    }
}

/// A note on standard error.
pub fn note(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Whether standard error is a terminal: only then is there progress.
pub fn shows_progress() -> bool {
    std::io::stderr().is_terminal()
}

/// One safe line: control characters and direction marks become visible, line ends become spaces.
pub fn line(text: &str) -> String {
    text.chars()
        .map(|c| {
            if matches!(c, '\n' | '\r' | '\t') {
                ' '
            } else {
                safe(c)
            }
        })
        .collect()
}

/// A cell of CSV (RFC 4180), on one line. What a spreadsheet would take for a formula begins with an apostrophe.
pub fn csv(text: &str) -> String {
    let safe = line(&text.replace("\r\n", "\n"));
    let formula = safe.starts_with(['=', '+', '-', '@']);
    let cell = if formula { format!("'{safe}") } else { safe };
    if cell.contains([',', '"']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell
    }
}

/// Safe text of several lines.
pub fn text(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    text.chars()
        .map(|c| if matches!(c, '\n' | '\t') { c } else { safe(c) })
        .collect()
}

fn safe(c: char) -> char {
    match c {
        // The control pictures of Unicode show what it was without doing it.
        '\0'..='\x1f' => char::from_u32(0x2400 + c as u32).unwrap_or('\u{fffd}'),
        '\x7f' => '\u{2421}',
        _ if is_unsafe(c) => '\u{fffd}',
        _ => c,
    }
}

/// Characters that terminals act on, and those that turn the reading direction around.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{061c}'
        )
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// JSON that is safe on a terminal: what JSON leaves unescaped but a terminal acts on is escaped.
pub fn json(value: &Value, pretty: bool) -> String {
    let text = if pretty {
        serde_json::to_string_pretty(value)
    } else {
        serde_json::to_string(value)
    };
    escape_json(&text.unwrap_or_default())
}

/// Escapes, inside JSON text, what only strings can hold.
pub fn escape_json(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        // Pretty JSON has line ends between its values; inside strings they are escaped already.
        if c != '\n' && is_unsafe(c) {
            let _ = write!(out, "\\u{:04x}", c as u32);
        } else {
            out.push(c);
        }
    }
    out
}

/// A string at a JSON pointer, or "-".
pub fn at<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or("-")
}

/// A number at a JSON pointer, or 0.
pub fn number(value: &Value, pointer: &str) -> i64 {
    value.pointer(pointer).and_then(Value::as_i64).unwrap_or(0)
}

/// The page of a list.
pub fn rows(value: &Value) -> &[Value] {
    value
        .get("data")
        .and_then(Value::as_array)
        .or_else(|| value.as_array())
        .map_or(&[], Vec::as_slice)
}

/// A time without its fraction: "2026-11-21 02:47:07Z".
pub fn time(value: &Value, pointer: &str) -> String {
    let text = at(value, pointer);
    match text.split_once('T') {
        Some((date, rest)) => format!(
            "{date} {}Z",
            rest.split(['.', 'Z']).next().unwrap_or_default()
        ),
        None => text.to_owned(),
    }
}

/// A number of octets for people.
pub fn size(octets: i64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if octets < 1000 {
        return format!("{octets} B");
    }
    let mut value = octets as f64;
    let mut unit = "";
    for next in UNITS {
        if value < 999.5 {
            break;
        }
        value /= 1000.0;
        unit = next;
    }
    format!("{value:.1} {unit}")
}

/// Columns of the terminal; none where standard output is none.
fn width() -> Option<u16> {
    let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok()?;
    Some(if size.ws_col >= NARROWEST {
        size.ws_col
    } else {
        USUAL_WIDTH
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_codes_of_strangers_are_shown_not_obeyed() {
        let hostile = "ok\x1b]0;owned\x07\u{9b}31m\r\nnext\u{202e}txt";
        for safe in [line(hostile), text(hostile)] {
            assert!(
                !safe.contains(['\x1b', '\x07', '\u{9b}', '\r', '\u{202e}']),
                "{safe:?}"
            );
        }
        assert_eq!(line("a\nb\tc"), "a b c");
        assert_eq!(text("a\r\nb\tc"), "a\nb\tc");
    }

    #[test]
    fn json_stays_the_same_value_without_terminal_codes() {
        let value = serde_json::json!({ "subject": "\u{9b}31m \x1b[2J \x7f \u{202e} é" });
        for pretty in [false, true] {
            let printed = json(&value, pretty);
            assert!(!printed.contains(['\u{9b}', '\x1b', '\x7f', '\u{202e}']));
            assert_eq!(serde_json::from_str::<Value>(&printed).unwrap(), value);
        }
    }

    #[test]
    fn a_table_has_a_line_for_each_row() {
        let output = Output {
            json: false,
            colour: false,
        };
        let table = output.table(
            ["ID", "SUBJECT"],
            vec![["1".to_owned(), "two\nlines \x1b[1m".to_owned()]],
        );
        assert_eq!(table.lines().count(), 2, "{table}");
        assert!(!table.contains('\x1b'));
    }

    #[test]
    fn sizes_and_times_are_for_people() {
        assert_eq!(size(999), "999 B");
        assert_eq!(size(40_000), "40.0 kB");
        assert_eq!(size(1_500_000_000), "1.5 GB");
        let value = serde_json::json!({ "at": "2026-11-21T02:47:07.123Z" });
        assert_eq!(time(&value, "/at"), "2026-11-21 02:47:07Z");
        assert_eq!(time(&value, "/none"), "-");
    }

    #[test]
    fn colours_are_off_where_they_are_not_wanted() {
        assert_eq!(paint(false, Tone::Bad, "x"), "x");
        assert_eq!(paint(true, Tone::Bad, "x"), "\x1b[31mx\x1b[0m");
    }
}
