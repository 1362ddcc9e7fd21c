//! Fetches whole messages of one set, straight from the wire into their batch.

use super::fetch::{INVENTED, Ready, fetched};
use crate::error::Result;
use crate::way::Way;
use imap_client::{BodyEvent, Completion, ImapError, Session, UidSet};
use store::blobs::Stored;

/// Bodies that a server may send beyond twice what it was asked for, before it counts as one that never stops.
const BODIES_UNASKED: u64 = 16;

/// Bytes of the past that are read in one go, before others of this node have their turn: half a millisecond of decrypting
/// and hashing.
const IN_A_ROW: usize = 128 << 10;

/// Fetches the bodies of one set. Returns the server's words when it refused; `doubtful`: messages that may be an invention;
/// `in_body`: the message that is on the wire; `way`: who is let past, where it is the past that is read.
pub(super) async fn read(
    session: &mut Session,
    wanted: &UidSet,
    ready: &mut Ready,
    doubtful: &mut UidSet,
    in_body: &mut Option<u64>,
    way: Option<&Way>,
) -> Result<Option<ImapError>> {
    let most = wanted.len().saturating_mul(2) + BODIES_UNASKED;
    let (mut begun, mut in_a_row) = (0, 0);
    let mut stored: Option<Stored> = None;
    let only = (wanted.len() == 1).then(|| wanted.first()).flatten();
    session.start_fetch_bodies(wanted).await?;
    loop {
        match session.next_body_event().await? {
            BodyEvent::Begin { uid, .. } => {
                *in_body = uid.or(only);
                begun += 1;
                if begun > most {
                    let what = format!(
                        "{begun} bodies in answer to a question for {}",
                        wanted.len()
                    );
                    return Err(ImapError::Limit { what }.into());
                }
                ready.blobs.begin();
            }
            BodyEvent::Chunk(bytes) => {
                let length = bytes.len();
                ready.blobs.append(bytes).await?;
                in_a_row += length;
                if let Some(way) = way.filter(|_| in_a_row >= IN_A_ROW) {
                    in_a_row = 0;
                    way.give().await;
                }
            }
            BodyEvent::BodyEnd { .. } => stored = Some(ready.blobs.end()),
            BodyEvent::Missing => stored = None,
            BodyEvent::MessageEnd { meta, .. } => {
                *in_body = None;
                let Some(stored) = stored.take() else {
                    continue;
                };
                let Some(uid) = meta.uid.filter(|uid| wanted.contains(*uid)) else {
                    continue;
                };
                let length = stored.place.length;
                if length == INVENTED || meta.size.is_some_and(|size| size != length) {
                    doubtful.insert(uid);
                }
                if !ready
                    .fetched
                    .iter()
                    .any(|message| message.uid == uid as i64)
                {
                    ready.fetched.push(fetched(uid, &meta, stored, None));
                }
            }
            BodyEvent::Done {
                status: Completion::Ok,
                ..
            } => return Ok(None),
            BodyEvent::Done {
                status: Completion::No { code, text },
                ..
            } => {
                let command = "UID FETCH";
                let refused = ImapError::No {
                    command,
                    code,
                    text,
                };
                return Ok(Some(refused));
            }
            BodyEvent::Done {
                status: Completion::Bad { code, text },
                ..
            } => {
                let command = "UID FETCH";
                let refused = ImapError::Bad {
                    command,
                    code,
                    text,
                };
                return Ok(Some(refused));
            }
        }
    }
}
