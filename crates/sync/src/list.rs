//! The list of folders: what the server has against what we know.

use model::folder::{Mode, Role};
use std::collections::{HashMap, HashSet};
use store::folders::{Empty, Known, ListChange, NewFolder};

/// Folders that hardly anybody removes at once.
const MANY: usize = 5;

/// A folder as the server lists it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    /// The name on the wire.
    pub wire_name: String,
    /// The decoded path.
    pub path: String,
    /// The delimiter.
    pub delimiter: Option<String>,
    /// What it is for.
    pub role: Option<Role>,
    /// The server marks it as a view of messages that lie elsewhere, without a role.
    pub view: bool,
    /// It is the folder of all mail of a server with labels, whose provider wants it stored.
    pub all_mail: bool,
    /// MAILBOXID, if the server has it.
    pub object_id: Option<String>,
    /// Counts from STATUS, if it was asked.
    pub status: Status,
}

/// What STATUS says; absent where the server does not say it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// UIDVALIDITY.
    pub uid_validity: Option<i64>,
    /// UIDNEXT.
    pub uid_next: Option<i64>,
    /// HIGHESTMODSEQ; zero and NOMODSEQ are absent.
    pub mod_seq: Option<i64>,
    /// MESSAGES.
    pub messages: Option<i64>,
    /// UNSEEN.
    pub unseen: Option<i64>,
}

impl Status {
    /// What a folder begins with that never had a message. Two counts have to say so, MESSAGES and UIDNEXT: then it need not be
    /// opened. One that was emptied is opened like any other.
    fn never_used(&self) -> Option<Empty> {
        let empty = Empty {
            uid_validity: self.uid_validity?,
            uid_next: self.uid_next?,
            mod_seq: self.mod_seq?,
        };
        (self.messages == Some(0) && empty.uid_next == 1).then_some(empty)
    }
}

/// How much of a folder to store when nobody said otherwise: everything but junk, trash, and the
/// views that show messages of other folders again.
pub fn default_mode(folder: &Listed, monitored: Option<&[String]>) -> Mode {
    let wanted = match monitored {
        Some(paths) => paths.iter().any(|want| same_path(want, &folder.path)),
        None => folder.all_mail || connect::roles::stored_by_default(folder.role, folder.view),
    };
    if wanted { Mode::Full } else { Mode::Off }
}

/// INBOX is the same in any case, other names are not (RFC 3501 section 5.1).
fn same_path(a: &str, b: &str) -> bool {
    a == b || (a.eq_ignore_ascii_case("INBOX") && b.eq_ignore_ascii_case("INBOX"))
}

/// The changes that make what we know equal to what the server lists. A renamed folder is known by
/// its MAILBOXID, or else by being the only one with the same UIDVALIDITY, UIDNEXT and count. Courier gives a renamed
/// folder another UIDVALIDITY: on a server without HIGHESTMODSEQ the other two have to do. Whether the messages are the
/// same is seen when the folder is opened, as after any other change of UIDVALIDITY.
pub fn plan(known: &[Known], listed: &[Listed], monitored: Option<&[String]>) -> Vec<ListChange> {
    let mut changes = Vec::new();
    let mut there: HashMap<&str, &Listed> = listed.iter().map(|l| (&*l.wire_name, l)).collect();
    let mut ours: HashSet<&str> = known.iter().map(|folder| &*folder.wire_name).collect();
    for (old, now) in respelled(known, listed) {
        changes.push(ListChange::Respelled {
            id: old.id.clone(),
            wire_name: now.wire_name.clone(),
        });
        there.insert(&old.wire_name, now);
        ours.insert(&now.wire_name);
    }
    let missing: Vec<&Known> = known
        .iter()
        .filter(|folder| !there.contains_key(&*folder.wire_name))
        .collect();
    let fresh: Vec<&Listed> = listed
        .iter()
        .filter(|l| !ours.contains(&*l.wire_name))
        .collect();
    let mut renamed: HashSet<&str> = HashSet::new();
    for new in &fresh {
        let candidates: Vec<&&Known> = missing.iter().filter(|old| is_rename(old, new)).collect();
        let rivals = fresh
            .iter()
            .filter(|other| candidates.first().is_some_and(|old| is_rename(old, other)));
        let mode = default_mode(new, monitored);
        let folder = NewFolder {
            wire_name: new.wire_name.clone(),
            path: new.path.clone(),
            delimiter: new.delimiter.clone(),
            role: new.role,
            mode,
            object_id: new.object_id.clone(),
            empty: new.status.never_used().filter(|_| mode != Mode::Off),
        };
        match candidates.as_slice() {
            [old] if rivals.count() == 1 => {
                renamed.insert(&old.id);
                changes.push(ListChange::Renamed {
                    id: old.id.clone(),
                    to: folder,
                });
            }
            _ => changes.push(ListChange::Created(folder)),
        }
    }
    for old in missing.iter().filter(|old| !renamed.contains(&*old.id)) {
        changes.push(ListChange::Removed { id: old.id.clone() });
    }
    for old in known {
        let Some(now) = there.get(&*old.wire_name) else {
            continue;
        };
        let role = if old.role_fixed { old.role } else { now.role };
        // It is asked for where the folder is stored, and stays what it was elsewhere.
        let object_id = now.object_id.as_ref().or(old.object_id.as_ref());
        let mode = if old.mode_fixed {
            old.mode
        } else {
            default_mode(now, monitored)
        };
        if role != old.role || mode != old.mode || object_id != old.object_id.as_ref() {
            changes.push(ListChange::Adjusted {
                id: old.id.clone(),
                role,
                mode,
                object_id: object_id.cloned(),
            });
        }
    }
    // Renames before removals and creations: a name may be free only afterwards.
    changes.sort_by_key(|change| match change {
        ListChange::Respelled { .. } => 0,
        ListChange::Renamed { .. } => 1,
        ListChange::Removed { .. } => 2,
        ListChange::Created(_) => 3,
        ListChange::Adjusted { .. } => 4,
    });
    changes
}

/// Folders whose name is the same and is written another way on the wire. A server that names a folder in no proper form of
/// modified UTF-7 has it in another form on a connection that was switched to UTF-8.
fn respelled<'a>(known: &'a [Known], listed: &'a [Listed]) -> Vec<(&'a Known, &'a Listed)> {
    let there: HashSet<&str> = listed.iter().map(|l| &*l.wire_name).collect();
    let ours: HashSet<&str> = known.iter().map(|folder| &*folder.wire_name).collect();
    let mut by_path: HashMap<&str, Vec<&Listed>> = HashMap::new();
    for fresh in listed.iter().filter(|l| !ours.contains(&*l.wire_name)) {
        by_path.entry(&fresh.path).or_default().push(fresh);
    }
    let mut pairs: HashMap<&str, Vec<(&Known, &Listed)>> = HashMap::new();
    for old in known.iter().filter(|old| !there.contains(&*old.wire_name)) {
        if let Some([fresh]) = by_path.get(&*old.path).map(Vec::as_slice) {
            pairs.entry(&old.path).or_default().push((old, fresh));
        }
    }
    // Two of one name are told apart by nothing.
    let alone = pairs.into_values().filter(|pairs| pairs.len() == 1);
    alone.flatten().collect()
}

/// Whether so much is missing from the list that a server in trouble is likelier than somebody who removed it: INBOX, which
/// every mailbox has (RFC 9051 section 5.1), or most of many folders at once.
pub fn is_unlikely(known: &[Known], changes: &[ListChange]) -> bool {
    let removed: HashSet<&str> = changes
        .iter()
        .filter_map(|change| match change {
            ListChange::Removed { id } => Some(&**id),
            _ => None,
        })
        .collect();
    let is_inbox = |folder: &Known| folder.wire_name.eq_ignore_ascii_case("INBOX");
    let lacks_inbox = known
        .iter()
        .any(|folder| is_inbox(folder) && removed.contains(&*folder.id));
    lacks_inbox || (removed.len() >= MANY && removed.len() * 2 > known.len())
}

fn is_rename(old: &Known, new: &Listed) -> bool {
    if old.object_id.is_some() && new.object_id.is_some() {
        return old.object_id == new.object_id;
    }
    // An empty folder has nothing to keep: a new id costs nothing and guesses nothing.
    let counted = old
        .server_messages
        .or(old.backfilled.then_some(old.messages));
    let Some(count) = counted.filter(|count| *count > 0) else {
        return false;
    };
    let has_simple_server = new.status.mod_seq.is_none() && old.mod_seq.is_none();
    old.uid_validity.is_some()
        && (old.uid_validity == new.status.uid_validity || has_simple_server)
        && Some(old.high_uid) == new.status.uid_next
        && Some(count) == new.status.messages
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(id: &str, name: &str) -> Known {
        Known {
            id: id.into(),
            wire_name: name.into(),
            path: name.into(),
            role: None,
            role_fixed: false,
            mode: Mode::Full,
            mode_fixed: false,
            since: None,
            size_limit: None,
            object_id: None,
            uid_validity: Some(7),
            high_uid: 100,
            low_uid: Some(1),
            mod_seq: None,
            server_messages: Some(50),
            messages: 50,
            total: 50,
            backfilled: true,
            resets: 0,
            parked_until: None,
        }
    }

    fn listed(name: &str) -> Listed {
        Listed {
            wire_name: name.into(),
            path: name.into(),
            ..Listed::default()
        }
    }

    fn with_counts(mut listed: Listed) -> Listed {
        listed.status = Status {
            uid_validity: Some(7),
            uid_next: Some(100),
            messages: Some(50),
            ..Status::default()
        };
        listed
    }

    #[test]
    fn the_same_list_changes_nothing() {
        assert_eq!(plan(&[known("a", "INBOX")], &[listed("INBOX")], None), []);
    }

    #[test]
    fn a_name_that_is_written_another_way_is_the_same_folder() {
        let spelled = |wire: &str| Listed {
            path: "AT&T".into(),
            ..listed(wire)
        };
        let mut old = known("a", "AT&T");
        old.mod_seq = Some(5);
        let respelled = ListChange::Respelled {
            id: "a".into(),
            wire_name: "AT&-T".into(),
        };
        let one = std::slice::from_ref(&old);
        assert_eq!(plan(one, &[spelled("AT&-T")], None), [respelled]);
        // The server has both: one was made.
        let both = [spelled("AT&-T"), spelled("AT&T")];
        let changes = plan(one, &both, None);
        assert!(
            matches!(&changes[..], [ListChange::Created(_)]),
            "{changes:?}"
        );
        // Neither is known by its spelling.
        let others = [spelled("AT&-T"), spelled("&AEEAVAAmAFQ-")];
        let changes = plan(one, &others, None);
        let respelled = |change: &ListChange| matches!(change, ListChange::Respelled { .. });
        assert!(!changes.iter().any(respelled), "{changes:?}");
    }

    #[test]
    fn a_folder_with_the_same_counts_under_a_new_name_was_renamed() {
        let changes = plan(&[known("a", "Old")], &[with_counts(listed("New"))], None);
        assert!(
            matches!(&changes[..], [ListChange::Renamed { id, to }] if id == "a" && to.path == "New")
        );
    }

    #[test]
    fn another_uidvalidity_is_a_rename_where_the_server_is_a_simple_one() {
        let mut new = with_counts(listed("New"));
        new.status.uid_validity = Some(8);
        let simple = plan(&[known("a", "Old")], std::slice::from_ref(&new), None);
        assert!(matches!(&simple[..], [ListChange::Renamed { .. }]));
        new.status.mod_seq = Some(5);
        let modern = plan(&[known("a", "Old")], &[new], None);
        assert!(matches!(
            &modern[..],
            [ListChange::Removed { .. }, ListChange::Created(_)]
        ));
    }

    #[test]
    fn a_folder_that_never_had_a_message_need_not_be_opened() {
        let empty = |status: Status| {
            let new = Listed {
                status,
                ..listed("New")
            };
            match &plan(&[], &[new], None)[..] {
                [ListChange::Created(folder)] => folder.empty,
                other => panic!("{other:?}"),
            }
        };
        let fresh = Status {
            uid_validity: Some(7),
            uid_next: Some(1),
            mod_seq: Some(3),
            messages: Some(0),
            ..Status::default()
        };
        let known = Empty {
            uid_validity: 7,
            uid_next: 1,
            mod_seq: 3,
        };
        assert_eq!(empty(fresh), Some(known));
        for opened in [
            Status {
                uid_next: Some(9),
                ..fresh
            },
            Status {
                messages: Some(1),
                ..fresh
            },
            Status {
                messages: None,
                ..fresh
            },
            Status {
                mod_seq: None,
                ..fresh
            },
            Status {
                uid_validity: None,
                ..fresh
            },
        ] {
            assert_eq!(empty(opened), None, "{opened:?}");
        }
    }

    #[test]
    fn two_candidates_are_no_rename() {
        let new = [with_counts(listed("New1")), with_counts(listed("New2"))];
        let changes = plan(&[known("a", "Old")], &new, None);
        assert_eq!(
            changes
                .iter()
                .filter(|c| matches!(c, ListChange::Created(_)))
                .count(),
            2
        );
        assert!(
            changes
                .iter()
                .any(|c| matches!(c, ListChange::Removed { .. }))
        );
    }

    #[test]
    fn other_counts_are_another_folder() {
        let changes = plan(&[known("a", "Old")], &[listed("New")], None);
        assert!(matches!(
            &changes[..],
            [ListChange::Removed { .. }, ListChange::Created(_)]
        ));
    }

    #[test]
    fn a_list_without_inbox_or_without_most_folders_is_unlikely() {
        let all: Vec<Known> = ["INBOX", "a", "b", "c", "d", "e", "f"]
            .map(|name| known(name, name))
            .into();
        let of =
            |names: &[&str]| -> Vec<Listed> { names.iter().map(|name| listed(name)).collect() };
        let unlikely = |names: &[&str]| is_unlikely(&all, &plan(&all, &of(names), None));
        assert!(unlikely(&[]));
        assert!(unlikely(&["a", "b", "c", "d", "e", "f"]));
        assert!(unlikely(&["INBOX", "a"]));
        assert!(!unlikely(&["INBOX", "a", "b", "c"]));
        assert!(!unlikely(&["INBOX", "a", "b", "c", "d", "e", "f"]));
    }

    #[test]
    fn what_a_person_said_and_what_was_not_asked_for_is_no_change() {
        let mut old = known("a", "Old");
        (old.role, old.role_fixed) = (Some(Role::Archive), true);
        old.object_id = Some("F1".into());
        assert_eq!(plan(&[old], &[listed("Old")], None), []);
    }

    #[test]
    fn object_ids_beat_counts() {
        let mut old = known("a", "Old");
        old.object_id = Some("F1".into());
        let mut new = listed("New");
        new.object_id = Some("F1".into());
        assert!(matches!(
            &plan(&[old], &[new], None)[..],
            [ListChange::Renamed { .. }]
        ));
    }

    #[test]
    fn junk_and_trash_are_left_out_unless_named() {
        let with = |path: &str, role| Listed {
            role,
            ..listed(path)
        };
        let spam = with("Spam", Some(Role::Junk));
        assert_eq!(default_mode(&spam, None), Mode::Off);
        let named = ["inbox".to_owned(), "Spam".to_owned()];
        let mode = |folder: &Listed| default_mode(folder, Some(&named));
        assert_eq!(mode(&spam), Mode::Full);
        assert_eq!(mode(&with("INBOX", Some(Role::Inbox))), Mode::Full);
        assert_eq!(mode(&with("Work", None)), Mode::Off);
    }
}
