//! What a draft may hold: addresses that can be sent to, headers that may be set, no control
//! characters anywhere. Everything refused is named by its JSON pointer.

use crate::address::Address;
use crate::clean;
use crate::compose::{DraftAttachment, FieldError, MAX_ATTACHMENTS, MAX_HEADERS, MAX_RECIPIENTS};
use unicode_normalization::UnicodeNormalization as _;

/// Longest piece without a blank in an extra header: it cannot be folded.
const MAX_WORD: usize = 900;
const MAX_HEADER_VALUE: usize = 8_000;

/// Collects what is wrong with a draft, by field.
#[derive(Default)]
pub(crate) struct Check {
    pub(crate) errors: Vec<FieldError>,
}

impl Check {
    pub(crate) fn refuse(&mut self, pointer: impl Into<String>, message: impl Into<String>) {
        // One bad list must not make a bad answer of megabytes.
        const MAX_ERRORS: usize = 50;
        if self.errors.len() < MAX_ERRORS {
            self.errors.push(FieldError {
                pointer: pointer.into(),
                message: message.into(),
            });
        }
    }

    pub(crate) fn line(&mut self, text: &str, pointer: &str, max: usize) {
        if text
            .chars()
            .any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}'))
        {
            self.refuse(
                pointer,
                "contains a line break or another control character",
            );
        }
        if text.chars().count() > max {
            self.refuse(pointer, format!("is longer than {max} characters"));
        }
    }

    pub(crate) fn list(&mut self, list: &[Address], pointer: &str) -> Vec<Address> {
        list.iter()
            .take(MAX_RECIPIENTS + 1)
            .enumerate()
            .map(|(n, a)| self.address(a, &format!("{pointer}/{n}")))
            .collect()
    }

    pub(crate) fn address(&mut self, address: &Address, pointer: &str) -> Address {
        if let Some(name) = &address.name {
            self.line(name, &format!("{pointer}/name"), 500);
        }
        let ascii = match wire_address(address.address.trim()) {
            Ok(ascii) if !address.address.chars().any(char::is_control) => ascii,
            Ok(_) => {
                self.refuse(format!("{pointer}/address"), "contains a control character");
                String::new()
            }
            Err(message) => {
                self.refuse(format!("{pointer}/address"), message);
                String::new()
            }
        };
        Address {
            name: address
                .name
                .as_deref()
                .map(str::trim)
                .filter(|n| !n.is_empty())
                .map(str::to_owned),
            address: ascii,
        }
    }

    pub(crate) fn headers(&mut self, headers: &[(String, String)]) {
        if headers.len() > MAX_HEADERS {
            self.refuse("/headers", format!("more than {MAX_HEADERS} headers"));
        }
        for (name, value) in headers.iter().take(MAX_HEADERS) {
            let pointer = format!("/headers/{}", name.replace('~', "~0").replace('/', "~1"));
            if !is_allowed_header(name) {
                self.refuse(
                    &pointer,
                    "may not be set; only X-*, List-* and a few others may",
                );
                continue;
            }
            self.line(value, &pointer, MAX_HEADER_VALUE);
            if value.split_whitespace().any(|w| w.len() > MAX_WORD) {
                self.refuse(&pointer, "has a word that is too long for one line");
            }
            if is_structured(name) && !value.is_ascii() {
                self.refuse(&pointer, "must be ASCII");
            }
        }
    }

    pub(crate) fn attachments(&mut self, list: &[DraftAttachment]) {
        if list.len() > MAX_ATTACHMENTS {
            self.refuse(
                "/attachments",
                format!("more than {MAX_ATTACHMENTS} attachments"),
            );
        }
        for (n, file) in list.iter().take(MAX_ATTACHMENTS).enumerate() {
            let pointer = format!("/attachments/{n}");
            self.line(&file.filename, &format!("{pointer}/filename"), 1_000);
            if !is_media_type(&file.content_type) {
                self.refuse(
                    format!("{pointer}/content_type"),
                    "is not a content type like application/pdf",
                );
            }
            let good = |b: u8| b.is_ascii_graphic() && !b"<>()\"\\,;".contains(&b);
            if let Some(id) = &file.content_id
                && (id.is_empty() || id.len() > 250 || !id.bytes().all(good))
            {
                self.refuse(format!("{pointer}/content_id"), "is not a content id");
            }
        }
    }
}

fn is_allowed_header(name: &str) -> bool {
    let token = !name.is_empty()
        && name.len() <= 76
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    let lower = name.to_ascii_lowercase();
    token
        && (lower.len() > 2 && lower.starts_with("x-")
            || lower.len() > 5 && lower.starts_with("list-")
            || matches!(
                lower.as_str(),
                "importance"
                    | "priority"
                    | "sensitivity"
                    | "auto-submitted"
                    | "precedence"
                    | "organization"
                    | "comments"
                    | "keywords"
                    | "feedback-id"
                    | "expires"
                    | "content-language"
                    | "disposition-notification-to"
                    | "archived-at"
            ))
}

/// Fields that machines read: no encoded words in them.
pub(crate) fn is_structured(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    !(lower.starts_with("x-") || matches!(lower.as_str(), "organization" | "comments" | "keywords"))
}

fn is_media_type(value: &str) -> bool {
    let good = |s: &str| {
        !s.is_empty()
            && s.bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"!#$&^_.+-".contains(&b))
    };
    value.len() <= 127
        && value.split_once('/').is_some_and(|(main, sub)| {
            good(main) && good(sub) && !main.eq_ignore_ascii_case("multipart")
        })
}

/// The address with its domain in ASCII. With letters beyond ASCII before the @ it can only go to
/// servers with SMTPUTF8 (RFC 6531); what is put together in one way only is so (RFC 6532 section 3.1).
fn wire_address(address: &str) -> Result<String, &'static str> {
    let (local, domain) = address
        .rsplit_once('@')
        .ok_or("is not an address like name@domain")?;
    let local: String = local.nfc().collect();
    let atom = |c: char| {
        c.is_ascii_alphanumeric()
            || "!#$%&'*+-/=?^_`{|}~.".contains(c)
            || (!c.is_ascii()
                && !c.is_control()
                && !c.is_whitespace()
                && !clean::is_invisible(c)
                && !clean::is_bidi_control(c))
    };
    if local.is_empty() || local.len() > 64 || !local.chars().all(atom) {
        return Err("has characters before the @ that cannot be sent");
    }
    let domain = ascii_domain(domain).ok_or("has no valid domain after the @")?;
    Ok(format!("{local}@{domain}"))
}

/// The domain in ASCII (IDNA), or an address literal as it is; none where it is neither.
pub(crate) fn ascii_domain(domain: &str) -> Option<String> {
    if let Some(literal) = domain.strip_prefix('[').and_then(|d| d.strip_suffix(']')) {
        let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | ':');
        return (!literal.is_empty() && literal.len() < 60 && literal.chars().all(good))
            .then(|| domain.to_owned());
    }
    let good = |c: char| {
        c.is_alphanumeric()
            || matches!(c, '-' | '.' | '_')
            || (!c.is_ascii() && !c.is_control() && !c.is_whitespace() && !clean::is_invisible(c))
    };
    if domain.is_empty() || domain.len() > 255 || !domain.chars().all(good) {
        return None;
    }
    let ascii = if domain.is_ascii() {
        domain.to_owned()
    } else {
        match url::Host::parse(domain).ok()? {
            url::Host::Domain(d) => d,
            _ => return None,
        }
    };
    let labels = ascii.split('.').all(|l| !l.is_empty() && l.len() <= 63);
    (ascii.len() <= 255 && ascii.is_ascii() && labels).then_some(ascii)
}

/// Printable ASCII with one @, no brackets or blanks.
pub(crate) fn is_id(id: &str) -> bool {
    id.len() <= 250
        && id.split('@').count() == 2
        && !id.starts_with('@')
        && !id.ends_with('@')
        && id
            .bytes()
            .all(|b| b.is_ascii_graphic() && !b"<>()\"\\,;".contains(&b))
}
