//! Whether a folder is another one by now. One server gives another UIDVALIDITY for a single session, and the old one after
//! it; whoever believes it at once fetches everything again. A new number is believed when a second connection is told the
//! same, and a folder that gets another number on each connection is left alone.

use crate::folder::plan::RESETS_MAX;
use std::collections::HashMap;

/// What the connections of a mailbox were told of folders that have another UIDVALIDITY than we know.
#[derive(Debug, Default)]
pub struct Doubts {
    /// Counts connections.
    connection: u64,
    folders: HashMap<String, Doubt>,
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
