//! UID MOVE (RFC 6851), UID COPY and UID EXPUNGE (RFC 4315).

use super::fetch_meta::MAX_SET_TEXT;
use crate::session::{Session, ignore};
use crate::uid_set::pieces;
use crate::wire::response::Response;
use crate::{ImapError, MailboxName, UidSet};

/// Pairs beyond this number are not listed one by one; a server could claim any number.
const MAX_PAIRS: usize = 1_000_000;

/// Where messages went.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CopyUid {
    /// UIDVALIDITY of the target folder.
    pub uidvalidity: u64,
    /// Their UIDs in the folder they came from.
    pub from: UidSet,
    /// Their UIDs in the target.
    pub to: UidSet,
    /// Old and new UID of each; empty when the server's two lists do not match.
    pub pairs: Vec<(u64, u64)>,
}

impl Session {
    /// Moves messages, in one step. A server without MOVE is left to the caller: of a copy and an expunge either may fail alone.
    /// The result is `None` when the server does not say where they went.
    ///
    /// # Errors
    /// [`ImapError::Unsupported`] without MOVE, `No` (with code `TRYCREATE` when there is no such folder), `Bad`, or a fatal
    /// error.
    pub async fn uid_move(
        &mut self,
        uids: &UidSet,
        target: &MailboxName,
    ) -> Result<Option<CopyUid>, ImapError> {
        if !self.supports("MOVE") {
            return Err(ImapError::Unsupported { what: "MOVE" });
        }
        self.transfer("UID MOVE", uids, target).await
    }

    /// Copies messages. The result is `None` when the server does not say where the copies are.
    ///
    /// # Errors
    /// `No` (with code `TRYCREATE` when there is no such folder), `Bad`, or a fatal error.
    pub async fn uid_copy(
        &mut self,
        uids: &UidSet,
        target: &MailboxName,
    ) -> Result<Option<CopyUid>, ImapError> {
        self.transfer("UID COPY", uids, target).await
    }

    /// Removes those of the messages that are marked `\Deleted`, and no others.
    ///
    /// # Errors
    /// [`ImapError::NeedsExpunge`] without UIDPLUS, `No`/`Bad`, or a fatal error.
    pub async fn uid_expunge(&mut self, uids: &UidSet) -> Result<(), ImapError> {
        if !self.supports("UIDPLUS") {
            return Err(ImapError::NeedsExpunge);
        }
        for set in uids.chunks(u64::MAX, MAX_SET_TEXT) {
            let command = self.command("UID EXPUNGE").raw(&set.to_string())?;
            self.run(command, &mut ignore).await?;
        }
        Ok(())
    }

    /// Removes every message of the open folder that is marked `\Deleted`, whoever marked it (RFC 9051 section 6.4.3).
    ///
    /// # Errors
    /// `No`/`Bad`, or a fatal error.
    pub async fn expunge(&mut self) -> Result<(), ImapError> {
        let command = self.command("EXPUNGE");
        self.run(command, &mut ignore).await?;
        Ok(())
    }

    async fn transfer(
        &mut self,
        verb: &'static str,
        uids: &UidSet,
        target: &MailboxName,
    ) -> Result<Option<CopyUid>, ImapError> {
        let mut went: Option<CopyUid> = None;
        for set in uids.chunks(u64::MAX, MAX_SET_TEXT) {
            let command = self.command(verb).raw(&set.to_string())?.mailbox(target)?;
            let mut seen = None;
            let ended = self
                .run(command, &mut |response: &Response<'_>| {
                    // MOVE tells it in an untagged OK, before the expunges.
                    if let Some(code) = response.code()
                        && code.is("COPYUID")
                    {
                        seen = parse(code.args);
                        return Ok(true);
                    }
                    Ok(false)
                })
                .await?;
            let told = seen.or_else(|| ended.code_args("COPYUID").and_then(parse));
            match (&mut went, told) {
                (Some(all), Some(more)) => all.add(more),
                (None, told) => went = told,
                (Some(_), None) => {}
            }
        }
        Ok(went)
    }
}

impl CopyUid {
    fn add(&mut self, more: CopyUid) {
        self.from.extend(&more.from);
        self.to.extend(&more.to);
        self.pairs.extend(more.pairs);
    }
}

/// Reads `38505 304,319:320 3956:3958`. The lists correspond in their own order, which need not rise.
fn parse(args: &[u8]) -> Option<CopyUid> {
    let mut words = args
        .split(|byte| *byte == b' ')
        .filter(|word| !word.is_empty());
    let uidvalidity = crate::wire::value::digits(words.next()?)?;
    let (from, to) = (words.next()?, words.next()?);
    let (old, new) = (one_by_one(from), one_by_one(to));
    let pairs = if old.len() == new.len() {
        old.into_iter().zip(new).collect()
    } else {
        Vec::new()
    };
    Some(CopyUid {
        uidvalidity,
        from: UidSet::parse_bytes(from),
        to: UidSet::parse_bytes(to),
        pairs,
    })
}

fn one_by_one(text: &[u8]) -> Vec<u64> {
    let mut uids = Vec::new();
    for (first, last) in pieces(text) {
        // A range is unordered: 5:3 means 3, 4, 5 (RFC 4315 section 3).
        let room = MAX_PAIRS - uids.len();
        uids.extend((first.min(last)..=first.max(last)).take(room));
    }
    uids
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copyuid_pairs_old_and_new_in_the_servers_order() {
        let told = parse(b"38505 304,319:320 3956:3958").unwrap();
        assert_eq!(told.pairs, [(304, 3956), (319, 3957), (320, 3958)]);
        assert_eq!(parse(b"1 9,3 10,11").unwrap().pairs, [(9, 10), (3, 11)]);
        assert!(parse(b"1 1:3 7").unwrap().pairs.is_empty());
        assert!(parse(b"1 2").is_none());
        assert!(parse(b"x 2 3").is_none());
        assert_eq!(
            parse(b"1 1:18446744073709551614 1:18446744073709551614")
                .unwrap()
                .pairs
                .len(),
            MAX_PAIRS
        );
    }
}
