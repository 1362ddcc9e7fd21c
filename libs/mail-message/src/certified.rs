//! Italian certified mail (posta elettronica certificata, PEC; technical rules of 2 November 2005): a provider wraps the message
//! into an envelope of its own (`X-Trasporto`), and tells its sender by receipts (`X-Ricevuta`) what became of it.
//!
//! The envelope holds the message as `postacert.eml` and facts for machines as `daticert.xml`. Signatures are not verified here.

use crate::clean;
use crate::header;
use crate::mime::{Kind, Part, Tree};
use crate::report::{Confidence, Report, ReportKind, ReportRecipient};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Bytes of `daticert.xml` that are read.
const MAX_FACTS: usize = 256 * 1024;
/// Recipients that are kept.
const MAX_RECIPIENTS: usize = 500;
const MAX_TEXT: usize = 1_000;

/// What a message of a certified provider is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CertifiedKind {
    /// Somebody's certified message, in its envelope.
    Message,
    /// An ordinary message, in an envelope that says so.
    Anomaly,
    /// The sender's provider took the message.
    Acceptance,
    /// The sender's provider refused it.
    Refusal,
    /// The recipient's provider took it over; providers tell each other.
    TakenOver,
    /// It lies in the recipient's mailbox.
    Delivery,
    /// It could not be delivered.
    Failure,
    /// It could not be delivered in time; the provider keeps trying.
    Delay,
    /// A virus was found in it.
    Virus,
}

/// A recipient of certified mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CertifiedRecipient {
    /// The address.
    pub address: String,
    /// It is a certified mailbox: delivery to it is proven by a receipt.
    pub certified: bool,
}

/// What a certified provider says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Certified {
    /// What it is.
    pub kind: CertifiedKind,
    /// Message-ID of the message that it is about, without brackets.
    pub original_message_id: Option<String>,
    /// Who sent that message.
    pub sender: Option<String>,
    /// To whom.
    pub recipients: Vec<CertifiedRecipient>,
    /// Whom this receipt is about, where it is one recipient.
    pub about: Option<String>,
    /// The subject of that message.
    pub subject: Option<String>,
    /// The provider that wrote it.
    pub provider: Option<String>,
    /// The provider's own number for the message.
    pub identifier: Option<String>,
    /// What went wrong, in the provider's words.
    pub error: Option<String>,
}

/// Recognises certified mail by the fields that its providers write.
pub(crate) fn find(tree: &Tree<'_>) -> Option<Certified> {
    let root = tree.parts.first()?;
    let word = |name: &str| {
        root.fields
            .text(name)
            .map(|value| value.trim().to_ascii_lowercase())
    };
    let kind = match word("X-Ricevuta").as_deref() {
        Some("accettazione") => CertifiedKind::Acceptance,
        Some("non-accettazione") => CertifiedKind::Refusal,
        Some("presa-in-carico") => CertifiedKind::TakenOver,
        Some("avvenuta-consegna") => CertifiedKind::Delivery,
        Some("errore-consegna" | "mancata-consegna") => CertifiedKind::Failure,
        Some("preavviso-errore-consegna") => CertifiedKind::Delay,
        Some("rilevazione-virus") => CertifiedKind::Virus,
        Some(_) => return None,
        None => match word("X-Trasporto").as_deref() {
            Some("posta-certificata") => CertifiedKind::Message,
            Some("errore") => CertifiedKind::Anomaly,
            _ => return None,
        },
    };
    let facts = facts(tree);
    let get = |name| facts.as_deref().and_then(|text| value(text, name));
    let original = root
        .fields
        .get("X-Riferimento-Message-ID")
        .and_then(|id| header::message_ids(id, 1).pop())
        .or_else(|| get("msgid").and_then(|id| header::message_ids(id.as_bytes(), 1).pop()));
    Some(Certified {
        kind,
        original_message_id: original,
        sender: get("mittente"),
        recipients: facts.as_deref().map(recipients).unwrap_or_default(),
        about: get("consegna"),
        subject: get("oggetto"),
        provider: get("gestore-emittente"),
        identifier: get("identificativo"),
        error: get("errore-esteso").or_else(|| {
            let code = facts
                .as_deref()
                .and_then(|text| attribute(text, "postacert", "errore"));
            code.filter(|code| code != "nessuno")
        }),
    })
}

/// What a receipt reports, for its sender. Envelopes report nothing.
pub(crate) fn report(certified: &Certified, from_provider: bool) -> Option<Report> {
    let kind = match certified.kind {
        CertifiedKind::Acceptance => ReportKind::Accepted,
        CertifiedKind::Delivery => ReportKind::Delivered,
        CertifiedKind::Delay => ReportKind::Delayed,
        CertifiedKind::Failure | CertifiedKind::Refusal | CertifiedKind::Virus => {
            ReportKind::Bounce
        }
        CertifiedKind::Message | CertifiedKind::Anomaly | CertifiedKind::TakenOver => return None,
    };
    let confidence = if from_provider {
        Confidence::Certain
    } else {
        Confidence::Likely
    };
    let mut report = Report::new(kind, confidence);
    let all = certified.recipients.iter().map(|r| r.address.clone());
    let named: Vec<String> = match &certified.about {
        Some(one) => vec![one.clone()],
        None => all.clone().collect(),
    };
    report.recipients = named
        .into_iter()
        .map(|address| {
            let mut recipient = ReportRecipient::new(address, kind);
            recipient.permanent = kind == ReportKind::Bounce;
            recipient.diagnostic.clone_from(&certified.error);
            recipient
        })
        .collect();
    report
        .original_message_id
        .clone_from(&certified.original_message_id);
    report.original_subject.clone_from(&certified.subject);
    report.original_to = all.collect();
    Some(report)
}

/// The part that holds the message itself, where its envelope can be opened for reading.
pub(crate) fn enclosed(tree: &Tree<'_>) -> Option<usize> {
    let root = tree.parts.first()?;
    let carried = root.fields.text("X-Trasporto")?;
    if !matches!(
        carried.trim().to_ascii_lowercase().as_str(),
        "posta-certificata" | "errore"
    ) {
        return None;
    }
    tree.parts.iter().enumerate().position(|(n, part)| {
        part.kind == Kind::Message
            && is_outer(tree, part)
            && (named(part, "postacert.eml") || n > 0 && only_message(tree))
    })
}

fn only_message(tree: &Tree<'_>) -> bool {
    let messages = tree
        .parts
        .iter()
        .filter(|p| p.kind == Kind::Message && is_outer(tree, p));
    messages.count() == 1
}

/// Not inside another message.
fn is_outer(tree: &Tree<'_>, part: &Part<'_>) -> bool {
    let mut at = part.parent;
    while let Some(parent) = at.and_then(|n| tree.parts.get(n)) {
        if parent.kind != Kind::Multipart {
            return false;
        }
        at = parent.parent;
    }
    true
}

fn named(part: &Part<'_>, name: &str) -> bool {
    let names = [
        part.disposition.get("filename"),
        part.content_type.get("name"),
    ];
    names
        .into_iter()
        .flatten()
        .any(|n| n.eq_ignore_ascii_case(name))
}

/// The text of `daticert.xml`.
fn facts(tree: &Tree<'_>) -> Option<String> {
    let part = tree
        .parts
        .iter()
        .find(|part| named(part, "daticert.xml") && is_outer(tree, part))?;
    Some(part.text(MAX_FACTS))
}

/// The content of the first element called `name`.
fn value(xml: &str, name: &str) -> Option<String> {
    elements(xml, name)
        .next()
        .map(|(_, text)| text)
        .filter(|text| !text.is_empty())
}

fn recipients(xml: &str) -> Vec<CertifiedRecipient> {
    elements(xml, "destinatari")
        .filter(|(_, address)| address.contains('@'))
        .take(MAX_RECIPIENTS)
        .map(|(start, address)| CertifiedRecipient {
            address,
            certified: quoted(&start, "tipo").as_deref() == Some("certificato"),
        })
        .collect()
}

/// The start tag and the text of each element called `name`, in order. Elements of this document hold text or elements, never both.
fn elements<'x>(xml: &'x str, name: &'x str) -> impl Iterator<Item = (String, String)> + 'x {
    let mut rest = xml;
    std::iter::from_fn(move || {
        loop {
            let (_, after) = rest.split_once('<')?;
            rest = after;
            let Some(tail) = after.strip_prefix(name) else {
                continue;
            };
            if !tail.starts_with(|c: char| c == '>' || c.is_whitespace()) {
                continue;
            }
            let (start, content) = tail.split_once('>')?;
            if start.ends_with('/') {
                continue;
            }
            let end = content.find("</").unwrap_or(content.len());
            let (text, after) = content.split_at_checked(end)?;
            rest = after;
            return Some((start.to_owned(), plain(text)));
        }
    })
}

fn attribute(xml: &str, element: &str, name: &str) -> Option<String> {
    let open = format!("<{element}");
    let (_, after) = xml.split_once(open.as_str())?;
    let (start, _) = after.split_once('>')?;
    quoted(start, name)
}

/// The value of an attribute in a start tag.
fn quoted(start: &str, name: &str) -> Option<String> {
    let (_, after) = start.split_once(format!("{name}=").as_str())?;
    let mark = after.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let value = after.get(1..)?.split(mark).next()?;
    Some(plain(value))
}

/// Text of XML as text.
fn plain(text: &str) -> String {
    let text = text.trim();
    let inside = text
        .strip_prefix("<![CDATA[")
        .and_then(|t| t.strip_suffix("]]>"));
    let text = match inside {
        Some(inside) => inside.to_owned(),
        None => {
            let mut out = String::with_capacity(text.len());
            crate::html_scan::unescape(text, &mut out);
            out
        }
    };
    clean::line(&text, MAX_TEXT)
}
