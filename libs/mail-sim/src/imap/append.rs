//! APPEND, also of messages whose header is in UTF-8 (RFC 6855 section 4).

use super::ImapFault;
use super::command::{Argument, Command};
use super::session::{Next, Session};
use crate::net::lock;

impl Session {
    pub(super) async fn append(&mut self, command: &Command) -> std::io::Result<Next> {
        let texts = command.arguments.iter().rev();
        let raw = texts.into_iter().find_map(|argument| match argument {
            Argument::Text(raw) => Some(raw),
            _ => None,
        });
        let Some(raw) = raw else {
            let answer = format!("{} BAD no message\r\n", command.tag);
            self.connection.send(answer).await?;
            return Ok(Next::GoOn);
        };
        let header = raw.windows(4).position(|four| four == b"\r\n\r\n");
        let is_utf8 = !raw[..header.unwrap_or(raw.len())].is_ascii();
        let marked = command
            .arguments
            .contains(&Argument::Word("UTF8".to_owned()));
        // RFC 6855 section 4; RFC 9051 has no such rule.
        if is_utf8 && !marked && self.utf8 == Some("UTF8=ACCEPT") && !self.tolerates_utf8() {
            let answer = format!("{} NO the header has to be marked UTF8\r\n", command.tag);
            self.connection.send(answer).await?;
            return Ok(Next::GoOn);
        }
        let mut raw = raw.clone();
        if self.faults().contains(&ImapFault::AltersAppended) {
            raw.splice(..0, *b"X-Stored-By: mail-sim\r\n");
        }
        let name = self.folder_named(command, 0);
        let (uid, validity) = {
            let mut script = lock(&self.shared.script);
            let uid = script.mailbox.add(&name, &raw);
            (uid, script.mailbox.folder_mut(&name).uid_validity)
        };
        self.shared.arrivals.send_modify(|count| *count += 1);
        if self.strikes_once(&ImapFault::AppendAnswerLost) {
            return Ok(Next::End);
        }
        let told = match self.offers("UIDPLUS") {
            true => format!("OK [APPENDUID {validity} {uid}]"),
            false => "OK stored".to_owned(),
        };
        self.done(&command.tag, "", &told).await?;
        Ok(Next::GoOn)
    }

    /// Whether this fault is there; then it is no more.
    fn strikes_once(&self, fault: &ImapFault) -> bool {
        let faults = &mut lock(&self.shared.script).faults;
        let at = faults.iter().position(|there| there == fault);
        at.map(|at| faults.remove(at)).is_some()
    }

    /// Whether it is one of the servers that know UTF8=ACCEPT and not the UTF8 data item.
    pub(super) fn tolerates_utf8(&self) -> bool {
        self.faults().contains(&ImapFault::NoUtf8Append)
    }
}
