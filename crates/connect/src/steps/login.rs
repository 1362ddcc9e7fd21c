//! Step 6: signing in, once; or, where it was asked to find the user name, once with each of at most three names. A report
//! ends at its third refusal, whatever was refused: see [`REFUSALS`].

use crate::open::Opening;
use crate::recognise::Failure;
use crate::report::{Good, remedy};
use model::Secret;
use model::problem::Remedy;
use model::report::DetailName;

/// Refusals after which another user name makes sense: the server says no more than that something is wrong.
const ANOTHER_NAME: &[&str] = &["password_refused", "sign_in_refused_unclear"];
/// Words after which nothing is tried any more, whatever else the text says.
const STOP: &[&str] = &[
    "lock", "too many", "block", "disabled", "suspend", "attempt", "limit", "later", "captcha",
    "verif", "abuse",
];

/// So many sign-ins with one secret may be refused in a report, both sides and all mechanisms together. Servers were seen that
/// lock an account after five.
pub(crate) const REFUSALS: usize = 3;
/// Why a sign-in for sending is left out.
pub(crate) const USED_UP: &str =
    "not tried: the same password was refused three times, and more could lock the account";

/// `names` are tried in order, each over a connection of its own.
pub(crate) async fn run<'a>(
    opening: &mut Opening<'a>,
    secret: Option<&Secret>,
    names: &'a [String],
) -> Result<Good, Failure> {
    if !opening.wants_sign_in() {
        return Ok(Good::did(format!("{} wants no sign-in", opening.peer.host)));
    }
    let mut refused: Option<Failure> = None;
    let mut untried: &[String] = &[];
    let offered = opening.ways_to_sign_in();
    for (tries, name) in names.iter().enumerate() {
        if tries > 0 && opening.tries.left() == 0 {
            untried = &names[tries..];
            break;
        }
        if tries > 0 {
            opening.start_again().await?;
        }
        opening.peer.username = name;
        match opening.sign_in(secret).await {
            Ok(way) => {
                let good = words(opening.peer.host, name, &way, &names[..tries]);
                let encrypted = opening.tls_info().is_some();
                return Ok(with_what_was_not_done(good, &offered, &way, encrypted));
            }
            // The first name is the likeliest: its refusal is the one that is told.
            Err(failure) if may_go_on(&failure) => refused = refused.or(Some(failure)),
            Err(failure) => return Err(with_end(failure, opening)),
        }
    }
    if let Some(first) = names.first() {
        opening.peer.username = first;
    }
    let failure = refused.unwrap_or_else(|| opening.peer.failure("credentials_missing", &[], None));
    let refused = &names[..names.len() - untried.len()];
    Err(with_end(with_names(failure, refused), opening))
}

/// Says that the report stopped trying, where it did.
fn with_end(mut failure: Failure, opening: &Opening<'_>) -> Failure {
    if opening.tries.left() == 0 {
        failure.problem.means.push_str(
            " Postroom stopped after three refused sign-ins: more could lock the account.",
        );
    }
    failure
}

/// Whether a refusal may be followed by another try. Anything that sounds like a lock ends it.
fn may_go_on(failure: &Failure) -> bool {
    let said = failure.problem.server_said.as_deref().unwrap_or_default();
    let said = said.to_lowercase();
    ANOTHER_NAME.contains(&failure.kind()) && !STOP.iter().any(|word| said.contains(word))
}

fn words(host: &str, name: &str, way: &str, refused: &[String]) -> Good {
    let good = Good::did(format!("signed in as {name} with {way}"))
        .with(DetailName::SignIn, [way])
        .with(DetailName::UserName, [name]);
    if refused.is_empty() {
        return good;
    }
    let kind = match name.contains('@') {
        true => "the full address",
        false => "the short user name",
    };
    good.but(
        format!("{host} accepted only {kind}, {name}."),
        Some(remedy(
            format!("Use {name} as the user name."),
            format!("use_username:{name}"),
        )),
    )
}

/// A server that offers to leave the password here, and cannot: its password went out all the same. Within TLS that is as good
/// as with most servers; without, everybody on the way has it.
fn with_what_was_not_done(good: Good, offered: &[String], way: &str, encrypted: bool) -> Good {
    const WITH_PASSWORD: &[&str] = &["PLAIN", "LOGIN", "LOGIN command", "USER and PASS"];
    let better = offered
        .iter()
        .find(|name| name.to_ascii_uppercase().starts_with("SCRAM-"));
    let Some(better) = better.filter(|_| WITH_PASSWORD.contains(&way) && !good.warning) else {
        return good;
    };
    let means = format!("The server offers {better} and could not do it, so {way} was used");
    if encrypted {
        let means = Some(format!(
            "{means}; the password went to the server, encrypted on the way."
        ));
        Good { means, ..good }
    } else {
        good.but(
            format!("{means}: the password could be read on the way."),
            None,
        )
    }
}

/// Says that the name alone is not the reason.
fn with_names(mut failure: Failure, names: &[String]) -> Failure {
    if names.len() > 1 {
        let text = format!(
            "Every form of the user name was refused: {}.",
            names.join(", ")
        );
        failure.others.insert(
            0,
            Remedy {
                text,
                ..Remedy::default()
            },
        );
    }
    failure
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recognise::{Spoken, tests::peer};
    use model::mailbox::Auth;

    #[test]
    fn nothing_is_tried_again_after_a_text_that_sounds_like_a_lock() {
        let peer = peer(Spoken::Imap, Auth::Password);
        for (id, said, wanted) in [
            ("password_refused", Some("Invalid credentials"), true),
            ("password_refused", None, true),
            ("password_refused", Some("Too many failed tries"), false),
            ("password_refused", Some("Account LOCKED"), false),
            ("account_locked", None, false),
            ("app_password_required", None, false),
            ("too_many_sign_ins", None, false),
        ] {
            assert_eq!(
                may_go_on(&peer.failure(id, &[], said)),
                wanted,
                "{id} {said:?}"
            );
        }
    }

    #[test]
    fn a_password_that_went_out_although_scram_is_on_offer_is_told() {
        let told = |offered: &str, way: &str, encrypted| {
            let offered: Vec<String> = offered.split(' ').map(str::to_owned).collect();
            let good =
                with_what_was_not_done(words("h", "ann", way, &[]), &offered, way, encrypted);
            (good.means.unwrap_or_default(), good.warning)
        };
        let (means, warning) = told("PLAIN SCRAM-SHA-256", "PLAIN", true);
        assert_eq!(
            means,
            "The server offers SCRAM-SHA-256 and could not do it, so PLAIN was used; the password went to the server, encrypted on the way."
        );
        assert!(!warning && told("SCRAM-SHA-1 LOGIN", "LOGIN", false).1);
        assert_eq!(told("PLAIN SCRAM-SHA-256", "SCRAM-SHA-256", true).0, "");
        assert_eq!(told("PLAIN LOGIN", "PLAIN", true).0, "");
    }

    #[test]
    fn the_name_that_was_accepted_is_told() {
        let good = words("h", "ann", "PLAIN", &["ann@example.com".to_owned()]);
        assert_eq!(
            good.means.as_deref(),
            Some("h accepted only the short user name, ann.")
        );
        assert_eq!(
            good.remedy.unwrap().action.as_deref(),
            Some("use_username:ann")
        );
        assert!(!words("h", "ann", "PLAIN", &[]).warning);
    }
}
