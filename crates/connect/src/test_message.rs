//! The message of step 10: small, plain, and known by its Message-ID and its header, so that an import can leave it out.

use model::{Timestamp, fresh_id};
use std::fmt;

/// The host in a Message-ID where ours is not fit for one.
const NO_HOST: &str = "postroom.invalid";

/// The Message-ID of a test message, such as `test_01k…@mail.example.com`, without angle brackets. The part before the `@` stands
/// in the header `X-Postroom-Test` too; it begins with `test_` and nobody can guess it.
///
/// A sender may write such a header on any mail, so neither it nor the beginning of a Message-ID is a reason to leave mail out:
/// only a Message-ID that was noted before its message was sent is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestMessageId {
    local: String,
    host: String,
}

impl TestMessageId {
    /// A new one. `host` is how this installation introduces itself to mail servers.
    pub fn fresh(host: &str, now: Timestamp) -> Self {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
        let fit = !host.is_empty() && host.len() <= 255 && host.chars().all(fits);
        Self {
            local: fresh_id("test", now),
            host: if fit { host } else { NO_HOST }.to_owned(),
        }
    }

    /// The part before the `@`, which stands in `X-Postroom-Test`.
    pub fn local(&self) -> &str {
        &self.local
    }
}

impl fmt::Display for TestMessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.local, self.host)
    }
}

/// The message that is sent.
pub(crate) struct TestMessage {
    pub(crate) from: String,
    pub(crate) to: String,
    /// With angle brackets.
    pub(crate) message_id: String,
    pub(crate) raw: String,
}

impl TestMessage {
    pub(crate) fn new(from: &str, to: &str, id: &TestMessageId, now: Timestamp) -> Self {
        let message_id = format!("<{id}>");
        let (date, local) = (date(now), id.local());
        let raw = format!(
            "From: <{from}>\r\nTo: <{to}>\r\nSubject: Postroom connection test\r\nDate: {date}\r\nMessage-ID: {message_id}\r\n\
             X-Postroom-Test: {local}\r\nAuto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n\
             Content-Type: text/plain; charset=utf-8\r\n\r\n\
             Postroom sent this message to test a mailbox and removes it when it finds it.\r\nIt can be deleted.\r\n"
        );
        Self {
            from: from.to_owned(),
            to: to.to_owned(),
            message_id,
            raw,
        }
    }

    /// Whether this header is that of the message.
    pub(crate) fn is(&self, header: &[u8]) -> bool {
        let id = mail_message::read(header).head.internet_message_id;
        id.is_some_and(|id| self.message_id.trim_matches(['<', '>']) == id.trim_matches(['<', '>']))
    }

    /// Whether it goes to the mailbox that is read here, `+detail` left aside.
    pub(crate) fn comes_back(&self) -> bool {
        let plain = |address: &str| {
            let lower = address.to_lowercase();
            match lower.split_once('@') {
                Some((local, domain)) => {
                    format!("{}@{domain}", local.split('+').next().unwrap_or(local))
                }
                None => lower,
            }
        };
        plain(&self.from) == plain(&self.to)
    }
}

/// The Date header (RFC 5322 section 3.3), in UTC.
fn date(now: Timestamp) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    // 1970-01-01 was a Thursday.
    let weekday =
        DAYS[usize::try_from(now.seconds().div_euclid(86_400).rem_euclid(7)).unwrap_or_default()];
    let text = now.to_string();
    let part = |from: usize, to: usize| text.get(from..to).unwrap_or("00");
    let month = part(5, 7).parse::<usize>().unwrap_or(1).clamp(1, 12);
    format!(
        "{weekday}, {} {} {} {} +0000",
        part(8, 10),
        MONTHS[month - 1],
        part(0, 4),
        part(11, 19)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_is_that_of_rfc_5322() {
        let at = Timestamp::parse("2026-11-21T02:47:07Z").unwrap();
        assert_eq!(date(at), "Sat, 21 Nov 2026 02:47:07 +0000");
    }

    #[test]
    fn only_mail_to_the_same_mailbox_is_waited_for() {
        let id = TestMessageId::fresh("host.example", Timestamp(0));
        let message = |to: &str| TestMessage::new("Ann@example.com", to, &id, Timestamp(0));
        assert!(message("ann+test@EXAMPLE.com").comes_back());
        assert!(!message("bob@example.com").comes_back());
    }

    #[test]
    fn a_test_message_is_known_by_its_message_id_and_its_header() {
        let id = TestMessageId::fresh("host.example", Timestamp(0));
        assert!(
            id.local().split('_').next() == Some("test")
                && id.to_string().ends_with("@host.example")
        );
        let raw = TestMessage::new("a@example.com", "a@example.com", &id, Timestamp(0)).raw;
        assert!(
            raw.contains(&format!("\r\nMessage-ID: <{id}>\r\n")),
            "{raw}"
        );
        assert!(
            raw.contains(&format!("\r\nX-Postroom-Test: {}\r\n", id.local())),
            "{raw}"
        );
        let unfit = TestMessageId::fresh("a b>\r\nX: y", Timestamp(0));
        assert!(unfit.to_string().ends_with("@postroom.invalid"));
    }
}
