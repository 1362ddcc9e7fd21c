//! Whether a folder is another one by now. One server gives another UIDVALIDITY for a single session, and the old one after
//! it; whoever believes it at once fetches everything again. A new number is believed when a second connection is told the
//! same, and a folder that gets another number on each connection is left alone.

use crate::folder::plan::RESETS_MAX;
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::Instant;

/// How long a server lists hardly any folders before it is believed.
const SHORT_LIST: Duration = Duration::from_secs(900);

/// What the connections of a mailbox were told of folders that have another UIDVALIDITY than we know.
#[derive(Debug, Default)]
pub struct Doubts {
    /// Counts connections.
    connection: u64,
    folders: HashMap<String, Doubt>,
    /// Since when the server's list of folders lacks what every mailbox has, or most of what this one had.
    short_list: Option<Instant>,
}

#[derive(Debug)]
struct Doubt {
    uid_validity: i64,
    /// The connection that was told so.
    connection: u64,
    /// Connections in a row that were told different numbers, none of them the one we know.
    times: i64,
}

impl Doubts {
    /// Another connection begins.
    pub fn begin_connection(&mut self) {
        self.connection += 1;
    }

    /// The UIDVALIDITY that an earlier connection was told, if one was: told again, it is believed.
    pub fn told_before(&self, folder_id: &str) -> Option<i64> {
        let doubt = self.folders.get(folder_id)?;
        (doubt.connection < self.connection).then_some(doubt.uid_validity)
    }

    /// This connection was told another UIDVALIDITY. Returns `true` when that has gone on for too long.
    pub fn note(&mut self, folder_id: &str, uid_validity: i64) -> bool {
        let connection = self.connection;
        let doubt = self.folders.entry(folder_id.to_owned()).or_insert(Doubt {
            uid_validity,
            connection: 0,
            times: 0,
        });
        doubt.times += i64::from(doubt.connection < connection);
        doubt.uid_validity = uid_validity;
        doubt.connection = connection;
        doubt.times >= RESETS_MAX
    }

    /// The folder is the one that we know, or is believed to be another one, or is left alone.
    pub fn settle(&mut self, folder_id: &str) {
        self.folders.remove(folder_id);
    }

    /// The list of folders lacks more than is likely. Returns whether it has done so for long enough.
    pub fn is_short_list_believed(&mut self) -> bool {
        let since = self.short_list.get_or_insert_with(Instant::now);
        since.elapsed() >= SHORT_LIST
    }

    /// The list of folders is as it may be.
    pub fn list_is_whole(&mut self) {
        self.short_list = None;
    }

    /// Whether this connection was told of a folder what only another connection can confirm.
    pub fn is_another_connection_wanted(&self) -> bool {
        let now = self.connection;
        self.folders.values().any(|doubt| doubt.connection == now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_believed_when_two_connections_are_told_it() {
        let mut doubts = Doubts::default();
        doubts.begin_connection();
        assert!(!doubts.note("f", 9));
        assert_eq!(doubts.told_before("f"), None);
        assert!(doubts.is_another_connection_wanted());
        doubts.begin_connection();
        assert!(!doubts.is_another_connection_wanted());
        assert_eq!(doubts.told_before("f"), Some(9));
        doubts.settle("f");
        assert_eq!(doubts.told_before("f"), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_short_list_is_believed_when_it_stays_short() {
        let mut doubts = Doubts::default();
        assert!(!doubts.is_short_list_believed());
        tokio::time::advance(SHORT_LIST / 2).await;
        doubts.list_is_whole();
        assert!(!doubts.is_short_list_believed());
        tokio::time::advance(SHORT_LIST).await;
        assert!(doubts.is_short_list_believed());
    }

    #[test]
    fn a_number_for_each_connection_ends_it_and_many_on_one_do_not() {
        let mut doubts = Doubts::default();
        for number in 1..RESETS_MAX {
            doubts.begin_connection();
            assert!(!doubts.note("f", number));
            assert!(!doubts.note("f", number + 100));
        }
        doubts.begin_connection();
        assert!(doubts.note("f", 50));
    }
}
