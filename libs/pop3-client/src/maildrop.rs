//! What is in the maildrop: STAT, LIST and UIDL.

use mail_net::line_wire::printable;

use crate::answer::Answer;
use crate::error::Pop3Error;
use crate::session::Session;

/// The maildrop in two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// How many messages there are.
    pub messages: u32,
    /// Their size together, in bytes, as the server counts.
    pub bytes: u64,
}

/// One message of LIST.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listed {
    /// Its number, for this session only.
    pub number: u32,
    /// Its size in bytes, as the server counts; not always that of what RETR gives.
    pub bytes: u64,
}

/// One message of UIDL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UniqueId {
    /// The message's number, for this session only.
    pub number: u32,
    /// Its id: bytes to compare and nothing else. RFC 1939 wants 1 to 70 of them, printable and unique; servers
    /// differ, and some give none for a message.
    pub id: Vec<u8>,
}

impl Session {
    /// Counts the maildrop.
    ///
    /// # Errors
    /// [`Pop3Error::Refused`] and those of the connection.
    pub async fn stat(&mut self) -> Result<Stat, Pop3Error> {
        let answer = self.command("STAT", "STAT", "the answer to STAT").await?;
        let mut words = answer.text.split_ascii_whitespace();
        match (words.next().map(str::parse), words.next().map(str::parse)) {
            (Some(Ok(messages)), Some(Ok(bytes))) => Ok(Stat { messages, bytes }),
            _ => Err(Pop3Error::Nonsense { line: answer.text }),
        }
    }

    /// Lists all messages with their sizes, in the server's order.
    ///
    /// # Errors
    /// [`Pop3Error::Refused`], [`Pop3Error::TooLong`] and those of the connection.
    pub async fn list(&mut self) -> Result<Vec<Listed>, Pop3Error> {
        let mut found = Vec::new();
        self.listing("LIST", "the answer to LIST", |number, rest| {
            let bytes = std::str::from_utf8(first_word(rest)).ok()?.parse().ok()?;
            found.push(Listed { number, bytes });
            Some(())
        })
        .await?;
        Ok(found)
    }

    /// Lists the unique ids of all messages, in the server's order.
    ///
    /// # Errors
    /// [`Pop3Error::Unsupported`] when the server has no UIDL, [`Pop3Error::Refused`], [`Pop3Error::TooLong`] and those of the
    /// connection.
    pub async fn uidl(&mut self) -> Result<Vec<UniqueId>, Pop3Error> {
        let limit = self.limits.listing_bytes;
        let mut bytes = 0;
        let mut found = Vec::new();
        let listed = self.listing("UIDL", "the answer to UIDL", |number, id| {
            bytes += id.len();
            if bytes <= limit {
                found.push(UniqueId {
                    number,
                    id: id.to_vec(),
                });
            }
            Some(())
        });
        match listed.await {
            Ok(()) if bytes > limit => Err(Pop3Error::TooLong {
                what: "the list of unique ids",
            }),
            Ok(()) => Ok(found),
            Err(Pop3Error::Refused { command, answer }) => {
                Err(self.missing_or_refused(command, answer, self.capabilities.uidl))
            }
            Err(error) => Err(error),
        }
    }

    /// A server that lists the command, or gives a reason code, has it and says no; any other does not have it.
    pub(crate) fn missing_or_refused(
        &self,
        command: &'static str,
        answer: Answer,
        offered: bool,
    ) -> Pop3Error {
        if offered || answer.code.is_some() {
            Pop3Error::Refused { command, answer }
        } else {
            Pop3Error::Unsupported { command }
        }
    }

    /// Runs a command that answers with lines of a number and something else.
    async fn listing(
        &mut self,
        command: &'static str,
        what: &'static str,
        mut take: impl FnMut(u32, &[u8]) -> Option<()>,
    ) -> Result<(), Pop3Error> {
        self.begin()?;
        let answer = self.ask(command, what).await?;
        if !answer.ok {
            self.end();
            return Err(Pop3Error::Refused { command, answer });
        }
        let mut entries = 0_usize;
        while let Some(line) = self.listing_line(what).await? {
            entries += 1;
            if entries > self.limits.listing_entries {
                return Err(Pop3Error::TooLong {
                    what: "the list of messages",
                });
            }
            if numbered(&line)
                .and_then(|(number, rest)| take(number, rest))
                .is_none()
            {
                return Err(Pop3Error::Nonsense {
                    line: printable(&line),
                });
            }
        }
        self.note(&format!("{entries} lines"));
        self.end();
        Ok(())
    }
}

/// `12 rest`: the number of a message, which is never 0, and what follows, which may be nothing.
fn numbered(line: &[u8]) -> Option<(u32, &[u8])> {
    let line = line.trim_ascii();
    let digits = line
        .iter()
        .position(|b| !b.is_ascii_digit())
        .unwrap_or(line.len());
    let (digits, rest) = line.split_at(digits);
    let number: u32 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    let separated = rest.first().is_none_or(u8::is_ascii_whitespace);
    (number > 0 && separated).then_some((number, rest.trim_ascii_start()))
}

fn first_word(text: &[u8]) -> &[u8] {
    text.split(u8::is_ascii_whitespace)
        .next()
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    type Numbered = Option<(u32, &'static [u8])>;

    #[test]
    fn listing_lines_have_a_number_and_something_else() {
        let table: &[(&[u8], Numbered)] = &[
            (b"1 120", Some((1, b"120"))),
            (b"7  \xff\xfe odd id ", Some((7, b"\xff\xfe odd id"))),
            (b" 2 x", Some((2, b"x"))),
            (b"4294967295 x", Some((u32::MAX, b"x"))),
            (b"4294967296 x", None),
            (b"0 x", None),
            (b"1", Some((1, b""))),
            (b"1 ", Some((1, b""))),
            (b"1x 2", None),
            (b"x 2", None),
            (b"-1 2", None),
            (b"", None),
        ];
        for (line, wanted) in table {
            assert_eq!(numbered(line), *wanted, "{line:?}");
        }
    }
}
