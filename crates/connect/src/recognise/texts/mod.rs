//! The one table of well-known texts. Providers give the same code for many causes; only their words tell which.
//!
//! A file for each provider family, asked first where the server belongs to that provider, and [`general`] for everyone.
//! Matching is by lower-case words, the first row wins, so the more telling rows come first.
//!
//! This is code and not data beside the provider table: a row leads to an entry of the catalogue, which is code, and its order
//! and its moment are what makes it right. The compiler and the tests below prove every row; a file could only do so when it is
//! read. Administrators add providers, not meanings: an entry of theirs joins a family by its `errors`.

mod east_asia;
mod general;
mod google;
mod microsoft;
mod russia;
mod single;

use super::Spoken;
use crate::providers::Provider;

/// What the server was asked when it said something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    /// To let us in.
    SignIn,
    /// To open or to describe a folder.
    Folder,
    /// To carry a message, up to its last byte.
    Sending,
    /// Anything else.
    Other,
}

/// A text and its meaning. `*` in the words stands for any others between.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    /// When it is said; none: whenever.
    moment: Option<Moment>,
    words: &'static str,
    id: &'static str,
}

/// Said whenever.
const fn always(words: &'static str, id: &'static str) -> Row {
    Row {
        moment: None,
        words,
        id,
    }
}

/// Said at a certain moment only.
const fn at(moment: Moment, words: &'static str, id: &'static str) -> Row {
    Row {
        moment: Some(moment),
        words,
        id,
    }
}

/// What providers with the same machines say.
#[derive(Debug)]
pub(super) struct Family {
    /// Ids of the provider table.
    providers: &'static [&'static str],
    rows: &'static [Row],
    /// A general problem, where it shows, and the provider's form of it, whatever the words.
    instead: &'static [(&'static str, &'static [Spoken], &'static str)],
}

const READING: &[Spoken] = &[Spoken::Imap, Spoken::Pop3];
const SENDING: &[Spoken] = &[Spoken::Smtp];
const ANY: &[Spoken] = &[Spoken::Imap, Spoken::Pop3, Spoken::Smtp];

const FAMILIES: &[&Family] = &[
    &google::GOOGLE,
    &microsoft::MICROSOFT,
    &microsoft::RESOLD,
    &east_asia::NETEASE,
    &east_asia::QQ,
    &russia::YANDEX,
    &russia::MAIL_RU,
    &single::YAHOO,
    &single::APPLE,
    &single::ZOHO,
    &single::FREE,
    &single::LEGALMAIL,
];

/// The family that a provider belongs to. An entry of an administrator's own belongs where its `errors` come from.
pub(super) fn family(provider: &Provider) -> Option<&'static Family> {
    let holds = |family: &Family, id: &str| {
        let mut forms = family.instead.iter().map(|(_, _, form)| *form);
        family.rows.iter().any(|row| row.id == id) || forms.any(|form| form == id)
    };
    let by_id = FAMILIES
        .iter()
        .find(|family| family.providers.contains(&provider.id.as_str()));
    by_id
        .or_else(|| {
            FAMILIES
                .iter()
                .find(|family| provider.errors.iter().any(|id| holds(family, id)))
        })
        .copied()
}

/// What a text means: the provider's own rows first, then those for everyone.
pub(super) fn meaning(family: Option<&Family>, moment: Moment, text: &str) -> Option<&'static str> {
    let text = text.to_ascii_lowercase();
    let own = family.map_or(&[][..], |family| family.rows);
    own.iter()
        .filter(|row| row.moment.is_none_or(|at| at == moment))
        .find(|row| says(&text, row.words))
        .map(|row| row.id)
        .or_else(|| general::meaning(moment, &text))
}

/// The provider's form of a general problem, or the problem itself.
pub(super) fn form<'i>(family: Option<&Family>, spoken: Spoken, id: &'i str) -> &'i str {
    let forms = family.map_or(&[][..], |family| family.instead);
    forms
        .iter()
        .find(|(general, at, _)| *general == id && at.contains(&spoken))
        .map_or(id, |(_, _, form)| form)
}

/// Whether a text in small letters holds these words in this order.
fn says(text: &str, words: &str) -> bool {
    let mut rest = text;
    words.split('*').all(|part| match rest.split_once(part) {
        Some((_, after)) => {
            rest = after;
            true
        }
        None => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problems;
    use crate::providers::Table;

    #[test]
    fn every_row_leads_to_an_entry_and_can_match() {
        let own = FAMILIES.iter().flat_map(|family| family.rows);
        for row in own.chain(general::rows()) {
            assert!(problems::find(row.id).is_some(), "{}", row.id);
            assert_eq!(
                row.words.to_lowercase(),
                row.words,
                "{} can never match",
                row.words
            );
        }
        for (general, _, form) in FAMILIES.iter().flat_map(|family| family.instead) {
            let form = problems::find(form).unwrap();
            // Mostly a form of it, sometimes what the same refusal means at this provider.
            assert!(problems::find(general).is_some() && form.kind_of.is_some());
        }
    }

    #[test]
    fn families_are_made_of_providers_that_the_table_knows() {
        let table = Table::built_in();
        for family in FAMILIES {
            for id in family.providers {
                assert!(table.get(id).is_some(), "{id}");
            }
            let ids = family.rows.iter().map(|row| row.id);
            for id in ids.chain(family.instead.iter().map(|(_, _, form)| *form)) {
                let of = problems::find(id).unwrap().providers;
                assert!(
                    of.is_empty() || of.iter().any(|id| family.providers.contains(id)),
                    "{id} is not this family's"
                );
            }
        }
    }

    #[test]
    fn a_wrong_name_or_password_is_not_taken_for_imap_being_off() {
        for text in [
            "invalid imap user or password",
            "imap username or password incorrect",
            "[authenticationfailed] authentication failed: imap user unknown",
        ] {
            assert_ne!(
                meaning(None, Moment::SignIn, text),
                Some("imap_disabled"),
                "{text}"
            );
        }
    }

    #[test]
    fn words_are_found_in_their_order() {
        assert!(says(
            "class of service: too much traffic",
            "class of service*too much"
        ));
        assert!(!says(
            "too much class of service",
            "class of service*too much"
        ));
    }
}
