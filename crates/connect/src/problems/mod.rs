//! The catalogue of problems: everything that can stand in the way, in words, once.
//!
//! One entry serves the connection report, the running engine, the API's `type` links, `postroom explain` and the pages in
//! `docs/problems`. Texts may hold placeholders such as `{host}`; [`fill`] puts the facts of one occurrence in their place and
//! general words where a fact is not known, so that a sentence is always whole.
//!
//! The entries are grouped by where they arise, in the order of the connection report; what only one provider says comes last.

mod address;
mod certificate;
mod mailbox;
mod provider;
mod request;
mod sending;
mod server_reply;
mod service;
mod sign_in;
mod talk;

use model::problem::{Problem, Remedy, Retry};
use model::report::StepCode;

/// One problem as such; [`Entry::occurred`] makes it one occurrence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The lasting name, such as `password_refused`; a provider's own problem has the provider's name before a dot.
    pub id: &'static str,
    /// The step of the connection report where it shows; none: it is not about a connection.
    pub step: Option<StepCode>,
    /// A short clause that begins with a capital: "The server refused the password".
    pub title: &'static str,
    /// What it means, one line, with placeholders.
    pub cause: &'static str,
    /// What to do, one line, with placeholders.
    pub remedy: &'static str,
    /// What a program could offer as a button, with placeholders: `try_again`, `use:{other_port}:tls`.
    pub action: &'static str,
    /// When trying again makes sense.
    pub retry: Retry,
    /// Other causes, the likeliest first.
    pub likely_others: &'static [&'static str],
    /// Ids of the provider table: whose servers say this; empty: anybody's.
    pub providers: &'static [&'static str],
    /// A provider's problem: the general one that it is a form of. Whoever decides by ids goes by [`Entry::kind`].
    pub kind_of: Option<&'static str>,
    /// The provider's page for the remedy: where app passwords are made or access is switched on.
    pub url: Option<&'static str>,
    /// Ids that other lists of mail errors have for the same.
    pub also_known_as: &'static [&'static str],
}

/// The facts of one occurrence: what is put in the place of `{name}`.
pub type Facts<'a> = &'a [(&'a str, &'a str)];

/// Words for facts that are not known. A placeholder that is missing here is a mistake, which a test finds.
/// In a sentence, a port that is not known has [`PORTS_IN_GENERAL`].
const IN_GENERAL: &[(&str, &str)] = &[
    ("host", "the server"),
    ("port", "PORT"),
    ("user", "this user"),
    ("names", "other names"),
    ("name", "one of those it shows"),
    ("sha256", "fingerprint"),
    ("issuer", "an authority"),
    ("until", "a day that has passed"),
    ("spoken", "another protocol"),
    ("wanted", "the wanted protocol"),
    ("offered", "nothing that fits"),
    ("folder", "in question"),
    ("alike", "one of the folders that exist"),
    ("other_port", "PORT"),
    ("what", "an answer"),
    ("size", "more bytes than allowed"),
    ("limit", "the limit"),
    ("address", "the address"),
];

/// How a sentence speaks of ports when it is about no connection in particular.
const PORTS_IN_GENERAL: &[(&str, &str, &str)] = &[
    ("port", "port {port}", "the port that is set"),
    ("other_port", "port {other_port}", "the usual port for it"),
    (
        "other_port",
        "{other_port}",
        "993 for IMAP, 995 for POP3, 465 or 587 for sending",
    ),
];

impl Entry {
    /// What most entries have nothing to say about.
    const BASE: Self = Self {
        id: "",
        step: None,
        title: "",
        cause: "",
        remedy: "",
        action: "",
        retry: Retry::Backoff,
        likely_others: &[],
        providers: &[],
        kind_of: None,
        url: None,
        also_known_as: &[],
    };

    /// The id of the general problem: its own, unless it is a provider's form of another.
    pub fn kind(&self) -> &'static str {
        self.kind_of.unwrap_or(self.id)
    }

    /// One occurrence, with the server's words if it said something.
    pub fn occurred(&self, facts: Facts<'_>, server_said: Option<String>) -> Problem {
        Problem {
            id: self.id.to_owned(),
            retry: self.retry,
            means: sentence(self.cause, facts),
            server_said,
            remedy: Remedy {
                text: sentence(self.remedy, facts),
                action: Some(fill(self.action, facts)),
                url: self.url.map(str::to_owned),
            },
            until: None,
        }
    }

    /// The other causes as remedies.
    pub fn others(&self, facts: Facts<'_>) -> Vec<Remedy> {
        self.likely_others
            .iter()
            .map(|text| Remedy {
                text: sentence(text, facts),
                ..Remedy::default()
            })
            .collect()
    }
}

/// Every entry, grouped by where it arises.
pub fn catalogue() -> impl Iterator<Item = &'static Entry> {
    [
        address::ENTRIES,
        certificate::ENTRIES,
        talk::ENTRIES,
        sign_in::ENTRIES,
        mailbox::ENTRIES,
        sending::ENTRIES,
        server_reply::ENTRIES,
        service::ENTRIES,
        request::ENTRIES,
        provider::google::ENTRIES,
        provider::microsoft::ENTRIES,
        provider::others::ENTRIES,
    ]
    .into_iter()
    .flatten()
}

/// The entry of this id, or of a name that others have for it.
pub fn find(id: &str) -> Option<&'static Entry> {
    catalogue().find(|entry| entry.id == id || entry.also_known_as.contains(&id))
}

/// The general problem behind an id: `app_password_required` for `google.app_password_required`. An unknown id is its own.
pub fn kind(id: &str) -> &str {
    find(id).map_or(id, |entry| entry.kind())
}

/// Whether a server that asks for quiet with this may in truth refuse the sign-in: some have one text for both. It is tried once
/// more after the pause, and then a person has to look; a refused secret that is shown for ever locks an account.
pub fn may_be_the_secret(id: &str) -> bool {
    find(id).is_some_and(|entry| {
        entry.retry == Retry::PauseUntil
            && entry.step == Some(StepCode::Login)
            && entry.action != "wait"
    })
}

/// The entry of an id that the code itself names; an unknown one becomes `internal_error`, which a test keeps from happening.
pub(crate) fn entry(id: &str) -> &'static Entry {
    find(id).unwrap_or(&service::INTERNAL_ERROR)
}

/// Puts facts into a text's placeholders, and general words where a fact is missing.
pub fn fill(template: &str, facts: Facts<'_>) -> String {
    let mut text = String::with_capacity(template.len() + 40);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(before);
        let (name, behind) = after.split_once('}').unwrap_or((after, ""));
        let value = facts
            .iter()
            .chain(IN_GENERAL)
            .find(|(known, _)| *known == name);
        text.push_str(value.map_or(name, |(_, value)| value));
        rest = behind;
    }
    text.push_str(rest);
    text
}

/// [`fill`] for a sentence: it begins with a capital, unless a fact that is written small, such as a host, begins it.
pub fn sentence(template: &str, facts: Facts<'_>) -> String {
    let mut general = template.to_owned();
    for (name, words, instead) in PORTS_IN_GENERAL {
        if !facts.iter().any(|(known, _)| known == name) {
            general = general.replace(words, instead);
        }
    }
    let text = fill(&general, facts);
    let begins_with_fact = facts
        .iter()
        .any(|(name, _)| template.starts_with(&format!("{{{name}}}")));
    if begins_with_fact {
        return text;
    }
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn texts(entry: &Entry) -> Vec<&'static str> {
        let mut all = vec![entry.title, entry.cause, entry.remedy];
        all.extend(entry.likely_others);
        all
    }

    #[test]
    fn ids_are_unique_and_written_like_words() {
        let mut seen = HashSet::new();
        for entry in catalogue() {
            assert!(seen.insert(entry.id), "{} is there twice", entry.id);
            assert!(
                entry.id.bytes().all(|b| b.is_ascii_lowercase()
                    || b == b'_'
                    || b == b'.'
                    || b.is_ascii_digit()),
                "{}",
                entry.id
            );
            assert!(
                entry.also_known_as.iter().all(|name| seen.insert(name)),
                "{}: a name leads to two entries",
                entry.id
            );
        }
        assert!(seen.len() > 80);
    }

    #[test]
    fn a_providers_problem_is_a_form_of_a_general_one() {
        for entry in catalogue() {
            let Some(kind) = entry.kind_of else { continue };
            let general = find(kind).unwrap();
            assert_eq!(
                (general.kind_of, general.providers.len()),
                (None, 0),
                "{kind}"
            );
            assert!(entry.id.contains('.'), "{}", entry.id);
        }
        assert_eq!(kind("google.smtp_badcreds"), "password_refused");
        assert_eq!(kind("generic.auth_failed"), "password_refused");
        assert_eq!(kind("unknown"), "unknown");
    }

    #[test]
    fn every_field_says_something() {
        for entry in catalogue() {
            assert!(!entry.action.is_empty(), "{}", entry.id);
            for text in texts(entry) {
                assert!(text.len() > 8, "{}: {text:?}", entry.id);
            }
        }
    }

    #[test]
    fn the_words_keep_the_rules() {
        const BANNED: &[&str] = &[
            "oops", "sorry", "please", "invalid", "illegal", "!", "  ", "\n",
        ];
        for entry in catalogue() {
            assert!(
                !entry.title.ends_with('.'),
                "{}: a title is a clause",
                entry.id
            );
            assert!(
                !entry.title.contains('{'),
                "{}: a title needs no facts",
                entry.id
            );
            assert!(entry.title.starts_with(char::is_uppercase), "{}", entry.id);
            for text in texts(entry) {
                let lower = text.to_lowercase();
                for word in BANNED {
                    assert!(!lower.contains(word), "{}: {text:?} has {word:?}", entry.id);
                }
                assert!(text.len() <= 240, "{}: one line, not {text:?}", entry.id);
            }
            for text in &texts(entry)[1..] {
                assert!(text.ends_with('.'), "{}: {text:?} is no sentence", entry.id);
            }
        }
    }

    /// "Connection failed" names nobody; a person wants to know who did what.
    #[test]
    fn every_cause_names_who_acted() {
        const ACTORS: &[&str] = &[
            "{host}",
            "the server",
            "postroom",
            "this machine",
            "the provider",
            "the certificate",
            "the network",
            "the name",
            "the administrator",
            "the request",
            "the caller",
            "another",
            "the message",
            "the mailbox",
            "the token",
            "the webhook",
            "the account",
            "the folder",
            "the receiver",
            "the disk",
            "google",
            "microsoft",
            "exchange",
            "yahoo",
            "apple",
            "netease",
            "qq",
            "yandex",
            "mail.ru",
            "zoho",
            "free",
            "legalmail",
        ];
        for entry in catalogue() {
            let lower = entry.cause.to_lowercase();
            assert!(
                ACTORS.iter().any(|actor| lower.contains(actor)),
                "{}: {:?} names nobody",
                entry.id,
                entry.cause
            );
        }
    }

    #[test]
    fn every_placeholder_has_general_words() {
        for entry in catalogue() {
            for text in texts(entry).into_iter().chain([entry.action]) {
                for part in text.split('{').skip(1) {
                    let name = part.split('}').next().unwrap_or_default();
                    assert!(
                        IN_GENERAL.iter().any(|(known, _)| *known == name),
                        "{}: {{{name}}} is unknown",
                        entry.id
                    );
                }
            }
        }
    }

    #[test]
    fn facts_take_the_place_of_general_words() {
        let template = "{host} says no to {user}.";
        assert_eq!(sentence(template, &[]), "The server says no to this user.");
        assert_eq!(
            sentence(template, &[("host", "imap.example.com")]),
            "imap.example.com says no to this user."
        );
        assert_eq!(fill("a {", &[]), "a ");
    }

    #[test]
    fn a_port_that_is_not_known_has_words_and_no_letter_in_its_place() {
        for entry in catalogue() {
            for text in texts(entry) {
                let said = sentence(text, &[]);
                assert!(!said.contains("PORT"), "{said}");
            }
        }
        assert_eq!(
            sentence("TLS on port {other_port}.", &[("other_port", "993")]),
            "TLS on port 993."
        );
    }

    #[test]
    fn a_fact_cannot_bring_in_a_placeholder() {
        assert_eq!(fill("{host}", &[("host", "{user}")]), "{user}");
    }
}
