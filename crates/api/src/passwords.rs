//! Passwords of people, hashed slowly (Argon2id) on threads of their own, a few at a time.

use crate::error::{ApiError, Result};
use crate::state::ApiState;
use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use model::Secret;

/// The hash of no password: so that an unknown address takes as long as a wrong password.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRvZm5vYm9keQ$0000000000000000000000000000000000000000000";

/// Hashes a password.
pub(crate) async fn hash(state: &ApiState, password: Secret) -> Result<String> {
    let _place = state.hashes_at_once.acquire().await;
    blocking(move || {
        let hash = Argon2::default().hash_password(password.expose().as_bytes());
        hash.map(|hash| hash.to_string()).map_err(|error| {
            tracing::error!(%error, "a password could not be hashed");
            ApiError::internal()
        })
    })
    .await?
}

/// Whether the password is the one that was hashed; without a hash, never.
pub(crate) async fn verify(
    state: &ApiState,
    password: Secret,
    hash: Option<String>,
) -> Result<bool> {
    let _place = state.hashes_at_once.acquire().await;
    blocking(move || {
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| NOBODY.to_owned());
        let fits = PasswordHash::new(&hash).is_ok_and(|hash| {
            Argon2::default()
                .verify_password(password.expose().as_bytes(), &hash)
                .is_ok()
        });
        fits && known
    })
    .await
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| ApiError::internal())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_of_nobody_is_a_hash() {
        assert!(PasswordHash::new(NOBODY).is_ok());
    }
}
