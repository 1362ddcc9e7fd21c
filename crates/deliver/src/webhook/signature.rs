//! Signatures by Standard Webhooks 1.0: HMAC-SHA256 over `id.timestamp.body`, in base64.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::Secret;
use ring::hmac;
use store::webhooks::SECRET_PREFIX;

/// The value of `webhook-signature` for one try. `seconds` is the value of `webhook-timestamp`.
/// Nothing when the secret is not one of ours (`whsec_` and base64).
pub fn sign(secret: &Secret, id: &str, seconds: i64, body: &str) -> Option<String> {
    let text = secret.expose();
    let key = STANDARD
        .decode(text.strip_prefix(SECRET_PREFIX).unwrap_or(text))
        .ok()?;
    let mut signing = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, &key));
    for part in [id, ".", &seconds.to_string(), ".", body] {
        signing.update(part.as_bytes());
    }
    Some(format!("v1,{}", STANDARD.encode(signing.sign())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_example_has_the_published_signature() {
        let secret = Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let signature = sign(
            &secret,
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            "{\"test\": 2432232314}",
        );
        assert_eq!(
            signature.as_deref(),
            Some("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
        );
    }

    #[test]
    fn the_prefix_is_optional_and_nonsense_signs_nothing() {
        let with = sign(
            &Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
            "a",
            1,
            "b",
        );
        let without = sign(
            &Secret::new("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
            "a",
            1,
            "b",
        );
        assert_eq!(with, without);
        assert_eq!(sign(&Secret::new("whsec_?"), "a", 1, "b"), None);
    }
}
