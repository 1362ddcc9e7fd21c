//! Asking for notices about delivery (RFC 3461): for which events, with how much of the message, under which name.

use crate::error::SmtpError;

/// The longest envelope id as it goes over the wire, in bytes (RFC 3461 4.4).
const ENVELOPE_ID_BYTES: usize = 100;
/// The longest original recipient as it goes over the wire, in bytes (RFC 3461 4.2).
const ORIGINAL_RECIPIENT_BYTES: usize = 500;

/// What is asked of those who deliver a message.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Dsn {
    /// A name for this sending that every notice repeats (ENVID): printable ASCII.
    pub envelope_id: Option<String>,
    /// How much of the message comes back with a notice of failure; the server's custom when none.
    pub returned: Option<Return>,
    /// The events that are to be told; the server's custom (failures) when none.
    pub notify: Option<Notify>,
}

/// How much of the message comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Return {
    /// All of it.
    Full,
    /// Only its header.
    Headers,
}

/// The events that are to be told. With none of them nothing is told at all, not even a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Notify {
    /// It was delivered, or handed to a server that tells nothing.
    pub success: bool,
    /// It could not be delivered.
    pub failure: bool,
    /// It is late.
    pub delay: bool,
}

impl Dsn {
    /// Whether it can be put on the wire.
    ///
    /// # Errors
    /// [`SmtpError::BadEnvelopeId`].
    pub(crate) fn check(&self) -> Result<(), SmtpError> {
        match &self.envelope_id {
            Some(id)
                if id.is_empty()
                    || !id.bytes().all(|byte| (b' '..=b'~').contains(&byte))
                    || xtext(id).len() > ENVELOPE_ID_BYTES =>
            {
                Err(SmtpError::BadEnvelopeId { id: id.clone() })
            }
            _ => Ok(()),
        }
    }

    /// What MAIL says of it, with a blank before each parameter.
    pub(crate) fn mail_parameters(&self) -> String {
        let mut text = match self.returned {
            Some(Return::Full) => " RET=FULL".to_owned(),
            Some(Return::Headers) => " RET=HDRS".to_owned(),
            None => String::new(),
        };
        if let Some(id) = &self.envelope_id {
            text.push_str(" ENVID=");
            text.push_str(&xtext(id));
        }
        text
    }

    /// What RCPT says of it, with a blank before each parameter.
    pub(crate) fn recipient_parameters(&self, address: &str) -> String {
        let mut text = match &self.notify {
            None => String::new(),
            Some(notify) => format!(" NOTIFY={}", notify.words()),
        };
        let original = if address.is_ascii() {
            format!("rfc822;{}", xtext(address))
        } else {
            format!("utf-8;{}", unicode_xtext(address))
        };
        if original.len() <= ORIGINAL_RECIPIENT_BYTES {
            text.push_str(" ORCPT=");
            text.push_str(&original);
        }
        text
    }
}

impl Notify {
    fn words(self) -> String {
        let events = [
            (self.success, "SUCCESS"),
            (self.failure, "FAILURE"),
            (self.delay, "DELAY"),
        ];
        let words: Vec<&str> = events
            .iter()
            .filter_map(|(wanted, word)| wanted.then_some(*word))
            .collect();
        if words.is_empty() {
            "NEVER".to_owned()
        } else {
            words.join(",")
        }
    }
}

/// ASCII in the form that no parameter can be hidden in (RFC 3461 section 4).
fn xtext(text: &str) -> String {
    let mut coded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'!'..=b'~' if byte != b'+' && byte != b'=' => coded.push(char::from(byte)),
            _ => coded.push_str(&format!("+{byte:02X}")),
        }
    }
    coded
}

/// The same for letters beyond ASCII (`utf-8-addr-xtext` of RFC 6533 section 3).
fn unicode_xtext(text: &str) -> String {
    let mut coded = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '!'..='~' if !matches!(c, '+' | '=' | '\\') => coded.push(c),
            _ => coded.push_str(&format!("\\x{{{:02X}}}", u32::from(c))),
        }
    }
    coded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_hold_nothing_that_could_be_taken_for_another() {
        let dsn = Dsn {
            envelope_id: Some("sub_1 +=x".to_owned()),
            returned: Some(Return::Headers),
            notify: Some(Notify {
                success: true,
                failure: true,
                delay: true,
            }),
        };
        assert_eq!(dsn.mail_parameters(), " RET=HDRS ENVID=sub_1+20+2B+3Dx");
        assert_eq!(
            dsn.recipient_parameters("a+b=c@example.org"),
            " NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=rfc822;a+2Bb+3Dc@example.org"
        );
        assert_eq!(
            dsn.recipient_parameters("j\u{f6}rg+x@example.org"),
            " NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=utf-8;j\\x{F6}rg\\x{2B}x@example.org"
        );
    }

    #[test]
    fn what_is_not_asked_for_is_not_said_and_no_event_is_never() {
        let silent = Dsn::default();
        assert_eq!(silent.mail_parameters(), "");
        assert_eq!(silent.recipient_parameters("a@x"), " ORCPT=rfc822;a@x");
        let never = Dsn {
            returned: Some(Return::Full),
            notify: Some(Notify::default()),
            ..Dsn::default()
        };
        assert_eq!(never.mail_parameters(), " RET=FULL");
        assert_eq!(
            never.recipient_parameters("a@x"),
            " NOTIFY=NEVER ORCPT=rfc822;a@x"
        );
    }

    #[test]
    fn an_original_recipient_that_is_too_long_is_left_out() {
        let long = format!("{}@x", "+".repeat(200));
        assert_eq!(Dsn::default().recipient_parameters(&long), "");
    }

    #[test]
    fn an_envelope_id_must_fit_and_be_printable() {
        let with = |id: &str| Dsn {
            envelope_id: Some(id.to_owned()),
            ..Dsn::default()
        };
        assert!(with("sub_01J").check().is_ok() && Dsn::default().check().is_ok());
        for bad in [
            "",
            "a\r\nb",
            "\u{f6}",
            "a\0",
            &"x".repeat(101),
            &"+".repeat(34),
        ] {
            assert!(
                matches!(with(bad).check(), Err(SmtpError::BadEnvelopeId { .. })),
                "{bad:?}"
            );
        }
    }
}
