//! Who is to blame when a server refuses to give a message: the message, or a server that gives nothing at all for a while.
//! A message that is refused while others come is to blame. Where none came yet, a few from elsewhere in the folder are asked
//! for before anything is said.

use imap_client::UidSet;
use std::collections::VecDeque;
use store::failures::NewFailure;

/// So many messages refused one by one while none comes, and as many from elsewhere in the folder: that is the server's
/// trouble and not theirs.
const ALONE: usize = 3;

/// What one run of fetching has met.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    /// Refused alone, before any came.
    suspects: Vec<NewFailure>,
    came: bool,
    /// Asked for out of their order.
    elsewhere: UidSet,
}

/// What follows from a message that was refused alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It goes into the ledger, with those before it.
    Blamed,
    /// The next messages tell.
    Open,
    /// The server gives nothing.
    ServerInTrouble,
}

impl Refusals {
    /// A message was refused alone. `patient`: the server is still given time.
    pub(super) fn alone(
        &mut self,
        failure: NewFailure,
        queue: &mut VecDeque<UidSet>,
        patient: bool,
    ) -> Verdict {
        self.suspects.push(failure);
        if self.came || !patient {
            return Verdict::Blamed;
        }
        if self.suspects.len() >= 2 * ALONE {
            return Verdict::ServerInTrouble;
        }
        if queue.is_empty() {
            return Verdict::Blamed;
        }
        if self.suspects.len() == ALONE {
            self.look_elsewhere(queue);
        }
        Verdict::Open
    }

    /// Messages came: whatever was refused is to blame itself.
    pub(super) fn came(&mut self) {
        self.came = true;
    }

    /// Those that are to blame, when that is clear, or nothing else is left to ask for.
    pub(super) fn blamed(&mut self, nothing_left: bool) -> Vec<NewFailure> {
        match self.came || nothing_left {
            true => std::mem::take(&mut self.suspects),
            false => Vec::new(),
        }
    }

    /// Whether the cursor may move with this batch: it passes no message that nothing is known of.
    pub(super) fn lets_pass(&self, batch: &UidSet) -> bool {
        let is_far = batch
            .first()
            .is_some_and(|uid| self.elsewhere.contains(uid));
        self.suspects.is_empty() && !is_far
    }

    /// Messages of which nothing was said in the end.
    pub(super) fn undecided(&self) -> impl Iterator<Item = UidSet> + '_ {
        let uid = |failure: &NewFailure| failure.uid.unsigned_abs();
        self.suspects
            .iter()
            .map(move |failure| UidSet::range(uid(failure), uid(failure)))
    }

    /// Puts a few from all over the rest in front.
    fn look_elsewhere(&mut self, queue: &mut VecDeque<UidSet>) {
        let mut rest = UidSet::new();
        for batch in queue.iter() {
            rest.extend(batch);
        }
        let uids: Vec<u64> = rest.iter().collect();
        let few = [uids.len() / 2, 0, uids.len().saturating_sub(1)];
        for uid in few.into_iter().filter_map(|at| uids.get(at).copied()) {
            if self.elsewhere.contains(uid) {
                continue;
            }
            for batch in queue.iter_mut() {
                batch.remove(uid);
            }
            self.elsewhere.insert(uid);
            queue.push_front(UidSet::range(uid, uid));
        }
        queue.retain(|batch| !batch.is_empty());
    }
}

#[cfg(test)]
mod tests {
    use super::super::fetch::failure;
    use super::*;

    fn refused(uid: u64) -> NewFailure {
        failure(uid, "message_unreadable", "no".to_owned())
    }

    #[test]
    fn one_among_others_is_to_blame_when_another_comes() {
        let mut refusals = Refusals::default();
        let mut queue = VecDeque::from([UidSet::parse("1:8")]);
        assert_eq!(refusals.alone(refused(9), &mut queue, true), Verdict::Open);
        assert!(!refusals.lets_pass(&UidSet::parse("9")));
        assert!(refusals.blamed(false).is_empty());
        refusals.came();
        assert_eq!(refusals.blamed(false).len(), 1);
        assert!(refusals.lets_pass(&UidSet::parse("1:8")));
        assert_eq!(
            refusals.alone(refused(7), &mut queue, true),
            Verdict::Blamed
        );
    }

    #[test]
    fn a_few_from_elsewhere_are_asked_for_before_the_server_is_in_trouble() {
        let mut refusals = Refusals::default();
        let mut queue = VecDeque::from([UidSet::parse("1:90")]);
        for uid in [100, 99] {
            assert_eq!(
                refusals.alone(refused(uid), &mut queue, true),
                Verdict::Open
            );
            assert_eq!(queue.len(), 1);
        }
        assert_eq!(refusals.alone(refused(98), &mut queue, true), Verdict::Open);
        let asked: Vec<UidSet> = queue.drain(..3).collect();
        assert_eq!(
            asked,
            [UidSet::parse("90"), UidSet::parse("1"), UidSet::parse("46")]
        );
        assert_eq!(queue, [UidSet::parse("2:45,47:89")]);
        for uid in [90, 1] {
            assert_eq!(
                refusals.alone(refused(uid), &mut queue, true),
                Verdict::Open
            );
        }
        let last = refusals.alone(refused(46), &mut queue, true);
        assert_eq!(last, Verdict::ServerInTrouble);
        assert_eq!(refusals.undecided().count(), 6);
    }

    #[test]
    fn the_last_of_few_and_those_of_a_server_without_an_end_are_to_blame() {
        let mut refusals = Refusals::default();
        let mut queue = VecDeque::new();
        assert_eq!(
            refusals.alone(refused(1), &mut queue, true),
            Verdict::Blamed
        );
        let mut queue = VecDeque::from([UidSet::parse("1:90")]);
        assert_eq!(
            refusals.alone(refused(2), &mut queue, false),
            Verdict::Blamed
        );
        assert_eq!(refusals.blamed(true).len(), 2);
    }
}
