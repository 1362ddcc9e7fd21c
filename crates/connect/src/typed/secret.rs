//! Passwords as they come out of a clipboard. Pure.

use model::Secret;

/// Longest password or token, in bytes.
const SECRET_BYTES: usize = 16 * 1024;
/// Shortest group of an app password that is shown in groups.
const GROUP: usize = 3;

/// What is wrong with a secret.
pub(super) fn check(secret: &Secret) -> Result<(), String> {
    let text = secret.expose();
    if text.is_empty() || text.len() > SECRET_BYTES {
        Err(format!("must have 1 to {SECRET_BYTES} bytes"))
    } else if text.contains(['\r', '\n']) {
        Err("may not hold line breaks".to_owned())
    } else {
        Ok(())
    }
}

/// Takes off what no password ends with, and, of an app password, the blanks that its page shows for reading.
/// Gives the reason where something was taken off.
pub(super) fn tidy(secret: &Secret, app_password: bool) -> Option<(Secret, &'static str)> {
    let text = secret.expose();
    if app_password && let Some(joined) = joined_groups(text) {
        let because = "the provider shows app passwords with blanks that are not part of them";
        return (joined.expose() != text).then_some((joined, because));
    }
    let line = text.trim_end_matches(['\r', '\n']);
    (line.len() != text.len()).then(|| {
        (
            Secret::new(line),
            "a line break at the end was copied along",
        )
    })
}

/// `abcd efgh ijkl mnop`: groups of one length, letters and digits alone. Anything else may be a real password.
fn joined_groups(text: &str) -> Option<Secret> {
    let groups: Vec<&str> = text.split_whitespace().collect();
    let length = groups.first()?.len();
    let even = groups
        .iter()
        .all(|group| group.len() == length && group.bytes().all(|b| b.is_ascii_alphanumeric()));
    (even && (groups.len() == 1 || length >= GROUP)).then(|| Secret::new(groups.concat()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_go_from_app_passwords_alone() {
        for (typed, app, became) in [
            ("abcd efgh ijkl mnop", true, Some("abcdefghijklmnop")),
            (
                " abcd\u{a0}efgh ijkl mnop \r\n",
                true,
                Some("abcdefghijklmnop"),
            ),
            ("abcdefghijklmnop ", true, Some("abcdefghijklmnop")),
            ("abcdefghijklmnop", true, None),
            ("abcd-efgh-ijkl-mnop", true, None),
            ("correct horse battery staple", true, None),
            ("abcd efgh ijkl mnop", false, None),
            (" pass word ", false, None),
            ("password\r\n", false, Some("password")),
            ("password\n", true, Some("password")),
        ] {
            let tidied =
                tidy(&Secret::new(typed), app).map(|(secret, _)| secret.expose().to_owned());
            assert_eq!(tidied.as_deref(), became, "{typed:?}");
        }
    }

    #[test]
    fn what_no_server_takes_is_refused() {
        assert!(check(&Secret::new("")).is_err());
        assert!(check(&Secret::new("a\r\nb")).is_err());
        assert!(check(&Secret::new("x".repeat(SECRET_BYTES + 1))).is_err());
        assert!(check(&Secret::new(" ")).is_ok());
    }
}
