//! Reads what an IMAP client says.

use crate::net::Connection;

/// One command.
pub(crate) struct Command {
    pub tag: String,
    /// In upper case; `UID FETCH` and the like as one.
    pub name: String,
    /// What follows, as words, strings and brackets.
    pub arguments: Vec<Argument>,
}

/// One thing in a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Argument {
    Word(String),
    Text(Vec<u8>),
    Open,
    Close,
}

impl Argument {
    /// The word or text as a string; brackets are empty.
    pub fn text(&self) -> String {
        match self {
            Self::Word(word) => word.clone(),
            Self::Text(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            Self::Open | Self::Close => String::new(),
        }
    }
}

/// Reads a command with its literals, synchronising ones too. None at the end of the connection. `no_utf8_data`: one that
/// announces a message marked UTF8 is answered with BAD, and the next one is read.
pub(crate) async fn read(
    connection: &mut Connection,
    no_utf8_data: bool,
) -> std::io::Result<Option<(Command, String)>> {
    let mut bytes = Vec::new();
    loop {
        let line = connection.line().await?;
        if line.is_empty() {
            return Ok(None);
        }
        if no_utf8_data && line.windows(8).any(|some| some == b" UTF8 (~") {
            let tag = line.split(|byte| *byte == b' ').next().unwrap_or_default();
            let tag = String::from_utf8_lossy(tag).into_owned();
            connection
                .send(format!("{tag} BAD APPEND takes no UTF8\r\n"))
                .await?;
            bytes.clear();
            continue;
        }
        bytes.extend_from_slice(&line);
        let Some((length, waits)) = literal(&line) else {
            break;
        };
        if waits {
            connection.send("+ go on\r\n").await?;
        }
        bytes.extend(connection.bytes(length).await?);
    }
    let shown = String::from_utf8_lossy(&bytes).trim_end().to_owned();
    Ok(Some((parse(&bytes), shown)))
}

/// The length of the literal that a line announces, and whether the client waits before it sends it.
fn literal(line: &[u8]) -> Option<(usize, bool)> {
    let text = line.strip_suffix(b"}\r\n")?;
    let start = text.iter().rposition(|b| *b == b'{')?;
    let number = std::str::from_utf8(&text[start + 1..]).ok()?;
    match number.strip_suffix('+') {
        Some(number) => Some((number.parse().ok()?, false)),
        None => Some((number.parse().ok()?, true)),
    }
}

fn parse(bytes: &[u8]) -> Command {
    let mut words = arguments(bytes).into_iter();
    let tag = words.next().map(|word| word.text()).unwrap_or_default();
    let mut name = words
        .next()
        .map(|word| word.text().to_uppercase())
        .unwrap_or_default();
    if name == "UID" {
        name = format!(
            "UID {}",
            words
                .next()
                .map(|word| word.text().to_uppercase())
                .unwrap_or_default()
        );
    }
    Command {
        tag,
        name,
        arguments: words.collect(),
    }
}

fn arguments(bytes: &[u8]) -> Vec<Argument> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b' ' | b'\r' | b'\n' => at += 1,
            b'(' => {
                found.push(Argument::Open);
                at += 1;
            }
            b')' => {
                found.push(Argument::Close);
                at += 1;
            }
            b'"' => {
                let (text, next) = quoted(bytes, at + 1);
                found.push(Argument::Text(text));
                at = next;
            }
            b'~' if bytes.get(at + 1) == Some(&b'{') => at += 1,
            b'{' => {
                let end = bytes[at..]
                    .iter()
                    .position(|b| *b == b'\n')
                    .map_or(bytes.len(), |n| at + n + 1);
                let length = literal(&bytes[at..end]).map_or(0, |(length, _)| length);
                let stop = (end + length).min(bytes.len());
                found.push(Argument::Text(bytes[end..stop].to_vec()));
                at = stop;
            }
            _ => {
                let (word, next) = word(bytes, at);
                found.push(Argument::Word(word));
                at = next;
            }
        }
    }
    found
}

fn quoted(bytes: &[u8], mut at: usize) -> (Vec<u8>, usize) {
    let mut text = Vec::new();
    while let Some(byte) = bytes.get(at) {
        at += 1;
        match byte {
            b'"' => break,
            b'\\' => {
                text.extend(bytes.get(at));
                at += 1;
            }
            _ => text.push(*byte),
        }
    }
    (text, at)
}

/// Up to the next space or bracket; inside `[...]` both belong to the word.
fn word(bytes: &[u8], start: usize) -> (String, usize) {
    let mut at = start;
    let mut depth = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'[' => depth += 1,
            b']' => depth -= 1,
            b'\r' | b'\n' => break,
            b' ' | b'(' | b')' if depth <= 0 => break,
            _ => {}
        }
        at += 1;
    }
    (String::from_utf8_lossy(&bytes[start..at]).into_owned(), at)
}

#[cfg(test)]
mod tests {
    use super::{Argument, parse};

    #[test]
    fn a_command_falls_into_words_strings_and_brackets() {
        let command = parse(b"a1 uid fetch 1:* (UID BODY.PEEK[HEADER.FIELDS (SUBJECT)]<0.9>)\r\n");
        assert_eq!(
            (command.tag.as_str(), command.name.as_str()),
            ("a1", "UID FETCH")
        );
        assert_eq!(command.arguments[1], Argument::Open);
        assert_eq!(
            command.arguments[3].text(),
            "BODY.PEEK[HEADER.FIELDS (SUBJECT)]<0.9>"
        );
        let command = parse(b"a2 LOGIN \"a\\\"b\" {3}\r\nx y\r\n");
        assert_eq!(
            command.arguments,
            [
                Argument::Text(b"a\"b".to_vec()),
                Argument::Text(b"x y".to_vec())
            ]
        );
    }
}
