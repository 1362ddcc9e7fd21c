//! Step 6: signing in, once.

use crate::open::Opening;
use crate::recognise::Failure;
use crate::report::Good;
use model::Secret;

pub(crate) async fn run(
    opening: &mut Opening<'_>,
    secret: Option<&Secret>,
) -> Result<Good, Failure> {
    if !opening.wants_sign_in() {
        return Ok(Good::did(format!("{} wants no sign-in", opening.peer.host)));
    }
    let way = opening.sign_in(secret).await?;
    Ok(Good::did(format!(
        "signed in as {} with {way}",
        opening.peer.username
    )))
}
