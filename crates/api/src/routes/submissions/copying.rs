//! Makes the copies of drafts that are due for the Drafts folders of their servers, one after the other. Each is put together as a
//! submission is, as the one who wrote it; its files stay where they lie until its bytes are written. What is owed to the server
//! and when: [`store::drafts::copying`].

use super::drafts::{composed, parsed};
use crate::caller::Caller;
use crate::error::{ApiError, Result};
use crate::state::ApiState;
use serde_json::Value;
use std::time::Duration;
use store::StoreError;
use store::drafts::copying::{self, Copy, Work};

/// How often it is looked for what falls due, at least. It is less than the usual pause after a change, so that nothing is late.
const LOOK: Duration = Duration::from_secs(5);
/// The same while another node works on what is due.
const SOON: Duration = Duration::from_secs(1);

/// Makes copies until the server stops.
pub(crate) async fn run(state: ApiState) {
    loop {
        let pause = match some(&state).await {
            Ok(true) => continue,
            Ok(false) => pause(&state).await,
            Err(error) => {
                tracing::warn!(%error, "the copies of drafts wait for the store");
                LOOK
            }
        };
        tokio::select! {
            () = state.shutdown.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// How long nothing is due that could be taken.
async fn pause(state: &ApiState) -> Duration {
    let most = LOOK.min(Duration::from_millis(
        state.store.drafts.after_millis.unsigned_abs(),
    ));
    match copying::next_due(&state.store).await {
        Ok(Some(due)) => {
            let left = due.0.saturating_sub(state.store.now().0);
            match u64::try_from(left) {
                Ok(left @ 1..) => Duration::from_millis(left).min(most),
                _ => SOON,
            }
        }
        _ => most,
    }
}

/// Makes a copy that is due. `true`: there may be more.
async fn some(state: &ApiState) -> std::result::Result<bool, StoreError> {
    if state.shutdown.is_cancelled() {
        return Ok(false);
    }
    let Some(work) = copying::take(&state.store).await? else {
        return Ok(false);
    };
    let made = async {
        let copy = copy(state, &work).await?;
        Ok::<_, ApiError>(copying::made(&state.store, &work, copy).await?)
    };
    if let Err(error) = made.await {
        // What is wrong may speak of what was written: whoever changes the draft is told.
        let code = error.problem().code;
        tracing::info!(draft_id = work.id, code, "the copy of a draft waits");
        copying::postpone(&state.store, &work).await?;
    }
    Ok(true)
}

/// The copy as a message, with its bytes durable.
async fn copy(state: &ApiState, work: &Work) -> Result<Copy> {
    let caller = Caller::as_it_was(&work.caller)?;
    let Value::Object(content) = &work.content else {
        return Err(ApiError::internal());
    };
    let value = parsed(content)?;
    let (_, ready) = composed(state, &caller, value, (&work.id, work.version)).await?;
    Ok(Copy {
        stored: ready.store(state).await?,
        internet_message_id: ready.message_id,
        subject: ready.subject,
    })
}
