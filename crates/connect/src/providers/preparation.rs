//! What a person has to do before the first sign-in, made from what is known of the provider. Pure.
//!
//! The order is the order in which it is done: whether it can work at all; what has to run or be switched on; the password; the
//! name to sign in with; what else to know.

use super::provider::{AppPasswordKind, AppPasswordNeed, Kind, Provider, SignIn, Status};
use super::table::Table;
use model::detection::{LoginFormat, Preparation, PreparationId};

/// What to do before the first sign-in at this provider.
pub fn preparation(table: &Table, provider: &Provider) -> Vec<Preparation> {
    if provider.imap.is_none() && provider.pop3.is_none() {
        return vec![no_way_in(provider)];
    }
    let list = [
        moved(table, provider),
        bridge(provider),
        pop3_only(provider),
        oauth_only(provider),
        imap_switch(provider),
        two_factor(provider),
        password(provider),
        shared_mailbox(provider),
        login_name(provider),
    ];
    list.into_iter().flatten().collect()
}

fn no_way_in(provider: &Provider) -> Preparation {
    let why = reason(provider);
    let text = format!(
        "{} lets no mail program fetch mail.{why} Have the mail forwarded to a mailbox that has IMAP.",
        provider.name
    );
    Preparation {
        required: true,
        ..of(provider, PreparationId::NoImap, text, first_page(provider))
    }
}

fn moved(table: &Table, provider: &Provider) -> Option<Preparation> {
    let by = provider.served_by.as_deref()?;
    let by = table.get(by).map_or(by, |other| other.name.as_str());
    let text = match provider.status {
        Status::Migrating => format!(
            "{} moves its mailboxes to the servers of {by}. If these settings are refused, try those of {by}.",
            provider.name
        ),
        _ => format!(
            "{} uses the servers of {by}: follow the instructions of {by}.",
            provider.name
        ),
    };
    Some(of(provider, PreparationId::Note, text, None))
}

fn bridge(provider: &Provider) -> Option<Preparation> {
    let imap = provider.imap.as_ref()?;
    if provider.kind != Kind::Bridge {
        return None;
    }
    let text = format!(
        "{} is a program that runs beside Postroom and answers at {} port {}. Start it first. The administrator has to allow \
         that network (network.allow). In a container, {} is the container itself.",
        bridge_name(provider),
        imap.host,
        imap.port,
        imap.host
    );
    let url = provider.app_password.help_url.clone();
    Some(Preparation {
        required: true,
        ..of(provider, PreparationId::Note, text, url)
    })
}

/// "Proton Bridge" of "Proton Mail (through Proton Bridge)".
fn bridge_name(provider: &Provider) -> &str {
    let inner = provider.name.split_once("(through ");
    inner.map_or(&provider.name, |(_, name)| name.trim_end_matches(')'))
}

fn pop3_only(provider: &Provider) -> Option<Preparation> {
    if provider.imap.is_some() {
        return None;
    }
    let text = format!(
        "{} has POP3 and no IMAP.{} Postroom fetches the inbox; folders, and what is read or moved, stay on the provider's side.",
        provider.name,
        reason(provider)
    );
    Some(of(
        provider,
        PreparationId::Pop3Only,
        text,
        first_page(provider),
    ))
}

fn oauth_only(provider: &Provider) -> Option<Preparation> {
    if !provider.is_oauth_only() {
        return None;
    }
    let name = &provider.name;
    let text = if provider.sending_auth().contains(&SignIn::Password) {
        format!(
            "{name} takes no passwords and no app passwords for reading: sign in with OAuth 2.0, which does for sending too. For \
             sending alone, a password works as long as the organisation allows it."
        )
    } else {
        format!(
            "{name} takes no passwords and no app passwords from mail programs: sign in with OAuth 2.0."
        )
    };
    Some(Preparation {
        required: true,
        ..of(
            provider,
            PreparationId::OauthOnly,
            text,
            first_page(provider),
        )
    })
}

fn imap_switch(provider: &Provider) -> Option<Preparation> {
    let switch = &provider.imap_enable;
    let protocol = if provider.imap.is_some() {
        "IMAP"
    } else {
        "POP3"
    };
    let how = switch.how.as_deref();
    let (id, required, text) = match (switch.default_on, how) {
        (Some(false), Some(how)) => (
            PreparationId::EnableImap,
            true,
            format!("{protocol} is off until it is switched on. {how}"),
        ),
        (Some(false), None) => (
            PreparationId::EnableImap,
            true,
            format!("{protocol} is off until it is switched on in the settings of the mailbox."),
        ),
        (None, Some(how)) => (
            PreparationId::EnableImap,
            false,
            format!("{protocol} may have to be switched on. {how}"),
        ),
        (Some(true), Some(how)) => (PreparationId::Note, false, how.to_owned()),
        (Some(true) | None, None) => return None,
    };
    Some(Preparation {
        required,
        ..of(provider, id, text, switch.help_url.clone())
    })
}

fn two_factor(provider: &Provider) -> Option<Preparation> {
    if !provider.app_password.two_factor_first {
        return None;
    }
    let text = format!(
        "Switch two-factor sign-in on: {} offers app passwords only with it.",
        provider.name
    );
    let url = provider.app_password.help_url.clone();
    Some(Preparation {
        required: true,
        ..of(provider, PreparationId::TwoFactor, text, url)
    })
}

fn password(provider: &Provider) -> Option<Preparation> {
    let known = &provider.app_password;
    let name = &provider.name;
    // The provider's own word, unless it is the general one.
    let term = known.term.as_deref().filter(|term| *term != "app password");
    let called = term.map_or(String::new(), |term| {
        format!(" {name} calls it \"{term}\".")
    });
    let or_token = if provider.auth.contains(&SignIn::Oauth2) {
        " A sign-in with OAuth 2.0 works too."
    } else {
        ""
    };
    let (id, required, text) = match (known.required, known.kind) {
        (_, Some(AppPasswordKind::MailboxPassword)) => (
            PreparationId::Note,
            false,
            "Use the password of the mailbox, not that of the customer's account.".to_owned(),
        ),
        (_, Some(AppPasswordKind::BridgePassword)) => (
            PreparationId::AppPassword,
            true,
            format!(
                "Use the password that {} shows, not that of the account.",
                bridge_name(provider)
            ),
        ),
        (AppPasswordNeed::Always, Some(AppPasswordKind::ClientPassword)) => (
            PreparationId::AppPassword,
            true,
            format!("Choose a password for mail programs; the ordinary one is refused.{called}"),
        ),
        (AppPasswordNeed::Always, _) => (
            PreparationId::AppPassword,
            true,
            format!("Make an app password; the ordinary password is refused.{called}{or_token}"),
        ),
        (AppPasswordNeed::IfTwoFactor, _) => (
            PreparationId::AppPassword,
            false,
            format!(
                "With two-factor sign-in, make an app password; without it, the ordinary password works.{called}{or_token}"
            ),
        ),
        (AppPasswordNeed::Unknown, Some(_)) => (
            PreparationId::AppPassword,
            false,
            format!("If the ordinary password is refused, make an app password.{called}{or_token}"),
        ),
        (AppPasswordNeed::Never | AppPasswordNeed::Unknown, _) => return None,
    };
    Some(Preparation {
        required,
        ..of(provider, id, text, known.help_url.clone())
    })
}

fn shared_mailbox(provider: &Provider) -> Option<Preparation> {
    let text = provider.shared_mailbox.clone()?;
    Some(of(provider, PreparationId::SharedMailbox, text, None))
}

fn login_name(provider: &Provider) -> Option<Preparation> {
    let text = match (&provider.login_note, provider.login_format) {
        (Some(note), _) => format!("The name to sign in with: {note}"),
        (None, LoginFormat::LocalPart) => {
            "The name to sign in with is what stands before the @.".to_owned()
        }
        (None, LoginFormat::Custom) => {
            format!(
                "The name to sign in with is one that {} gave you.",
                provider.name
            )
        }
        (None, LoginFormat::Email) => return None,
    };
    Some(of(provider, PreparationId::Note, text, None))
}

fn of(provider: &Provider, id: PreparationId, text: String, url: Option<String>) -> Preparation {
    Preparation {
        id,
        text,
        url,
        required: false,
        checked: provider.compiled.clone(),
    }
}

/// Why there is no IMAP, as a sentence with a blank before it.
fn reason(provider: &Provider) -> String {
    let reason = provider.no_imap_reason.as_deref();
    reason.map_or(String::new(), |reason| format!(" {reason}"))
}

fn first_page(provider: &Provider) -> Option<String> {
    let switch = provider.imap_enable.help_url.as_ref();
    switch.or(provider.docs.first()).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_provider(id: &str) -> Vec<(PreparationId, bool, String)> {
        let table = Table::built_in();
        preparation(&table, table.get(id).unwrap())
            .into_iter()
            .map(|p| (p.id, p.required, p.text))
            .collect()
    }

    fn ids(id: &str) -> Vec<(PreparationId, bool)> {
        of_provider(id).into_iter().map(|p| (p.0, p.1)).collect()
    }

    #[test]
    fn each_family_of_providers_has_its_own_list() {
        use PreparationId as P;
        for (provider, wanted) in [
            (
                "gmail",
                vec![
                    (P::Note, false),
                    (P::TwoFactor, true),
                    (P::AppPassword, true),
                ],
            ),
            ("outlook", vec![(P::OauthOnly, true), (P::EnableImap, true)]),
            (
                "microsoft-365",
                vec![
                    (P::OauthOnly, true),
                    (P::EnableImap, false),
                    (P::SharedMailbox, false),
                ],
            ),
            (
                "icloud",
                vec![
                    (P::TwoFactor, true),
                    (P::AppPassword, true),
                    (P::Note, false),
                ],
            ),
            ("gmx", vec![(P::EnableImap, true), (P::AppPassword, false)]),
            (
                "qq",
                vec![
                    (P::EnableImap, true),
                    (P::AppPassword, true),
                    (P::Note, false),
                ],
            ),
            ("aruba-pec", vec![(P::AppPassword, false)]),
            (
                "proton-bridge",
                vec![(P::Note, true), (P::AppPassword, true)],
            ),
            ("tuta", vec![(P::NoImap, true)]),
            ("cox", vec![(P::Note, false), (P::AppPassword, true)]),
        ] {
            assert_eq!(ids(provider), wanted, "{provider}");
        }
    }

    #[test]
    fn every_line_is_dated_and_is_a_sentence() {
        let table = Table::built_in();
        for provider in table.iter() {
            for line in preparation(&table, provider) {
                assert_eq!(line.checked, "2026-11");
                assert!(
                    line.text.ends_with(['.', '"', ')']),
                    "{}: {}",
                    provider.id,
                    line.text
                );
                assert!(
                    !line.text.contains("  ") && !line.text.contains(".."),
                    "{}: {}",
                    provider.id,
                    line.text
                );
            }
        }
    }
}
