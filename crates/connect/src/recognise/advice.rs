//! What a known provider's own entry says about a refused password: most of those who meet one entered the account's ordinary
//! password where an app password is wanted, or have a mailbox that lets no mail program in until it is told to.
//!
//! The words are those of the preparation list, so that the same thing is said before the sign-in and after it failed. An entry
//! of an administrator's own speaks in the same way as a built-in one.

use super::{Failure, Spoken};
use crate::providers::{Provider, Table, preparation};
use model::detection::{Preparation, PreparationId};
use model::problem::Remedy;

/// The general refusals: a provider's own form of one has its own words already.
const PLAIN: &[&str] = &["password_refused", "sign_in_refused_unclear"];

/// The same failure, led by what the first of these providers with something to say wants; the catalogue's remedy comes after.
pub(super) fn in_the_providers_words<'p>(
    mut failure: Failure,
    table: &Table,
    mut providers: impl Iterator<Item = &'p Provider>,
    spoken: Spoken,
) -> Failure {
    if !PLAIN.contains(&failure.id()) {
        return failure;
    }
    let said = providers.find_map(|provider| {
        let wanted = wanted(table, provider, spoken);
        (!wanted.is_empty()).then_some(wanted)
    });
    let mut wanted = said.unwrap_or_default().into_iter();
    let Some(first) = wanted.next() else {
        return failure;
    };
    let catalogues = std::mem::replace(&mut failure.problem.remedy, first);
    let later = wanted.chain([Remedy {
        url: None,
        ..catalogues
    }]);
    failure.others.splice(0..0, later);
    failure
}

/// What this provider wants of everybody: the password first, since most have only that wrong; then the switch.
fn wanted(table: &Table, provider: &Provider, spoken: Spoken) -> Vec<Remedy> {
    let lines = preparation(table, provider);
    let of = |id| {
        lines
            .iter()
            .find(|line| line.id == id && line.required)
            .cloned()
    };
    let password = of(PreparationId::AppPassword).map(|line| Preparation {
        text: format!("{} Enter it here.", line.text),
        ..line
    });
    // The switch is one for reading; a provider that has one for sending too has a problem of its own for it.
    let switch = of(PreparationId::EnableImap).filter(|_| spoken != Spoken::Smtp);
    let remedy = |line: Preparation| Remedy {
        text: line.text,
        action: Some("open_provider".to_owned()),
        url: line.url,
    };
    password.into_iter().chain(switch).map(remedy).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::peer;
    use super::super::{Failure, Peer, Spoken};
    use model::mailbox::Auth;

    fn refused(host: &'static str, spoken: Spoken) -> Failure {
        let peer = Peer {
            host,
            ..peer(spoken, Auth::Password)
        };
        peer.sign_in_refused("password_refused", "no", None)
    }

    #[test]
    fn a_provider_that_takes_app_passwords_only_says_so_first() {
        for (host, spoken, words) in [
            ("imap.qq.com", Spoken::Imap, "authorisation code"),
            ("imap.fastmail.com", Spoken::Imap, "app password"),
            ("smtp.fastmail.com", Spoken::Smtp, "app password"),
            ("imap.163.com", Spoken::Imap, "client authorisation code"),
            ("imap.mail.yahoo.com", Spoken::Imap, "app password"),
        ] {
            let failure = refused(host, spoken);
            let remedy = &failure.problem.remedy;
            assert_eq!(failure.id(), "password_refused", "{host}");
            assert!(
                remedy.text.to_lowercase().contains(words),
                "{host}: {}",
                remedy.text
            );
            assert_eq!(remedy.action.as_deref(), Some("open_provider"), "{host}");
            assert!(remedy.url.is_some(), "{host}");
            // Whoever did all that already may still have mistyped it.
            let typed = failure
                .others
                .iter()
                .find(|other| other.action.as_deref() == Some("enter_password"));
            assert!(typed.is_some(), "{host}: {:?}", failure.others);
        }
    }

    #[test]
    fn where_imap_is_off_at_first_the_way_to_the_switch_is_told() {
        let failure = refused("imap.gmx.net", Spoken::Imap);
        let remedy = &failure.problem.remedy;
        assert!(
            remedy
                .text
                .starts_with("IMAP is off until it is switched on."),
            "{}",
            remedy.text
        );
        assert!(remedy.url.is_some());
        // The same password for sending: the switch is not what is wrong.
        let sending = refused("mail.gmx.net", Spoken::Smtp);
        assert_eq!(
            sending.problem.remedy.action.as_deref(),
            Some("enter_password")
        );
        // Both: the password leads, the switch follows.
        let both = refused("imap.qq.com", Spoken::Imap);
        assert!(
            both.others[0].text.starts_with("IMAP is off"),
            "{:?}",
            both.others
        );
    }

    #[test]
    fn a_server_of_nobody_known_gets_the_catalogues_words() {
        let failure = refused("mail.example.com", Spoken::Imap);
        assert_eq!(
            failure.problem.remedy.action.as_deref(),
            Some("enter_password")
        );
    }
}
