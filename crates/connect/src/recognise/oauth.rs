//! The JSON that servers send when they refuse a token (RFC 7628 section 3.2.2, and XOAUTH2 before it), in words.

use serde_json::Value;

/// More of a text that is no JSON is not shown.
const SHOWN_CHARS: usize = 500;

/// "status 401 (the token is wrong or has expired), scope https://mail.google.com/ (the permission that is wanted)".
pub(super) fn in_words(json: &str) -> String {
    let Ok(Value::Object(fields)) = serde_json::from_str(json) else {
        return json.chars().take(SHOWN_CHARS).collect();
    };
    let words: Vec<String> = ["status", "scope", "schemes", "error", "error_description"]
        .into_iter()
        .filter_map(|name| {
            let value = text_of(fields.get(name)?)?;
            let meaning = match name {
                "status" => of_status(&value),
                "scope" => Some("the permission that is wanted"),
                "schemes" => Some("the kind of token that is wanted"),
                _ => None,
            };
            Some(match meaning {
                Some(meaning) => format!("{name} {value} ({meaning})"),
                None => format!("{name} {value}"),
            })
        })
        .collect();
    words.join(", ")
}

/// Whether the token is good and only does not allow this.
pub(super) fn lacks_permission(json: &str) -> bool {
    let Ok(Value::Object(fields)) = serde_json::from_str(json) else {
        return false;
    };
    let status = fields.get("status").and_then(text_of);
    matches!(status.as_deref(), Some("403" | "insufficient_scope"))
}

/// Statuses of HTTP (Google, Microsoft) and words of RFC 6750 section 3.1 (RFC 7628).
fn of_status(status: &str) -> Option<&'static str> {
    Some(match status {
        "400" | "401" | "invalid_token" => "the token is wrong or has expired",
        "403" | "insufficient_scope" => "the token does not allow this",
        "invalid_request" => "the server did not understand the sign-in",
        _ => return None,
    })
}

fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_what_was_wanted() {
        assert_eq!(
            in_words(r#"{"status":"400","schemes":"Bearer","scope":"https://mail.google.com/"}"#),
            "status 400 (the token is wrong or has expired), scope https://mail.google.com/ \
             (the permission that is wanted), schemes Bearer (the kind of token that is wanted)"
        );
        assert_eq!(
            in_words(r#"{"status":401}"#),
            "status 401 (the token is wrong or has expired)"
        );
        assert_eq!(in_words("no json"), "no json");
    }

    #[test]
    fn a_token_without_the_permission_is_told_from_a_bad_one() {
        assert!(lacks_permission(
            r#"{"status":"insufficient_scope","scope":"mail"}"#
        ));
        assert!(!lacks_permission(r#"{"status":"invalid_token"}"#));
        assert!(!lacks_permission(""));
    }
}
