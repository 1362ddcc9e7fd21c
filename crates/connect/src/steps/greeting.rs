//! Step 4: the server's first line.

use crate::open::Opening;
use crate::recognise::Failure;
use crate::report::Good;
use std::time::Duration;

/// A first line that takes longer is worth a warning: the server may be asking who we are.
const SLOW: Duration = Duration::from_secs(5);

pub(crate) async fn run(opening: &mut Opening<'_>) -> Result<Good, Failure> {
    opening.greet().await?;
    let took = opening.greeting_took;
    let host = opening.peer.host;
    let good = Good::did(format!("{host} speaks {}", opening.peer.spoken.name()));
    let good = good.said(opening.greeting.as_deref().unwrap_or_default());
    Ok(if took > SLOW {
        let seconds = took.as_secs();
        good.but(format!("The first line took {seconds} s: the server may look up this machine's address first."), None)
    } else {
        good
    })
}
