//! Which candidate is better, and when nothing better can come. Pure.

use crate::providers::Table;
use model::detection::{Candidate, Confidence, Preparation, PreparationId, Source};

/// The place of a source, best first.
pub(super) fn of(source: Source) -> usize {
    let place = Source::ALL.iter().position(|known| *known == source);
    place.unwrap_or(Source::ALL.len())
}

/// Best first: what has servers, what can be trusted, and then by the source.
pub(super) fn sort(candidates: &mut [Candidate]) {
    candidates.sort_by_key(place);
}

fn place(candidate: &Candidate) -> (bool, bool, usize) {
    // A provider without any server is the answer all the same, where the table says so by domain.
    let empty = !has_server(candidate) && candidate.source == Source::Exchange;
    (empty, !candidate.trusted, of(candidate.source))
}

pub(super) fn has_server(candidate: &Candidate) -> bool {
    candidate.incoming.is_some() || candidate.outgoing.is_some()
}

/// Whether a candidate could be used as it is.
pub(super) fn is_usable(candidate: &Candidate) -> bool {
    candidate.trusted && has_server(candidate)
}

/// Whether the search can end: a usable candidate is there, and every source that ranks above it has answered.
pub(super) fn is_settled(candidates: &[Candidate], waiting: impl Iterator<Item = Source>) -> bool {
    let best = candidates.iter().filter(|c| is_usable(c)).map(place).min();
    match best {
        Some((_, _, best)) => waiting.map(of).all(|source| source > best),
        None => false,
    }
}

/// What to say where a server of the domain's own turned out to be Exchange and nobody says how to reach it.
pub(super) fn exchange_note(candidates: &[Candidate], table: &Table) -> Option<Preparation> {
    let own = candidates
        .iter()
        .find(|c| c.source == Source::Exchange && !has_server(c))?;
    Some(Preparation {
        id: PreparationId::Note,
        text: format!(
            "{}. Ask its administrator whether IMAP is switched on there, and under which host.",
            capital(&own.because)
        ),
        url: None,
        required: false,
        checked: table.compiled().to_owned(),
    })
}

fn capital(text: &str) -> String {
    let mut characters = text.chars();
    characters
        .next()
        .map(|first| first.to_uppercase().chain(characters).collect())
        .unwrap_or_default()
}

/// How far a candidate can be relied on, weaker of two.
pub(super) fn weaker(a: Confidence, b: Confidence) -> Confidence {
    let place = |c| Confidence::ALL.iter().position(|known| *known == c);
    if place(a) >= place(b) { a } else { b }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::detection::LoginFormat;
    use model::mailbox::{Auth, Outgoing, Security};

    fn candidate(source: Source, trusted: bool, with_server: bool) -> Candidate {
        Candidate {
            source,
            because: "a server of the domain is Exchange".into(),
            confidence: Confidence::Medium,
            provider_id: None,
            server_profile_id: None,
            login_format: LoginFormat::Email,
            incoming: None,
            outgoing: with_server.then(|| Outgoing {
                host: "smtp.example.com".into(),
                port: 465,
                security: Security::Tls,
                username: "ann".into(),
                auth: Auth::Password,
                certificate_sha256: None,
            }),
            alternatives: Vec::new(),
            trusted,
        }
    }

    #[test]
    fn what_can_be_trusted_comes_first_and_then_the_better_source() {
        let mut list = vec![
            candidate(Source::Exchange, true, false),
            candidate(Source::Probe, true, true),
            candidate(Source::Srv, false, true),
            candidate(Source::Autoconfig, true, true),
        ];
        sort(&mut list);
        let order: Vec<_> = list.iter().map(|c| c.source).collect();
        assert_eq!(
            order,
            [
                Source::Autoconfig,
                Source::Probe,
                Source::Srv,
                Source::Exchange
            ]
        );
    }

    #[test]
    fn the_search_ends_when_only_lesser_sources_are_missing() {
        let found = [candidate(Source::Srv, true, true)];
        assert!(is_settled(
            &found,
            [Source::Autoconfig, Source::Probe].into_iter()
        ));
        assert!(!is_settled(&found, [Source::Mx].into_iter()));
        let doubtful = [candidate(Source::Srv, false, true)];
        assert!(!is_settled(&doubtful, [Source::Probe].into_iter()));
        assert!(!is_settled(&[], std::iter::empty()));
    }
}
