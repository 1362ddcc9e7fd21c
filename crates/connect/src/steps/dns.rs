//! Step 1: from the host's name to its addresses.

use super::count;
use crate::open::Opening;
use crate::recognise::Failure;
use crate::report::Good;

pub(crate) async fn run(opening: &mut Opening<'_>) -> Result<Good, Failure> {
    opening.resolve().await?;
    let found = opening
        .resolved
        .as_ref()
        .map_or(0, |resolved| resolved.addresses.len());
    let addresses = count(found as u64, "address", "addresses");
    Ok(Good::did(format!("{} has {addresses}", opening.peer.host)))
}
