//! Folders of one role over many mailboxes.

use crate::common::both;
use crate::reading::{mailbox, put};
use model::folder::Role;
use store::folders;
use store::messages::{self, Filter};

/// More than are walked one by one.
const MAILBOXES: usize = 20;

#[tokio::test(flavor = "multi_thread")]
async fn the_inboxes_of_many_mailboxes_are_one_list_without_gap_or_repetition() {
    both(|fixture| async move {
        let store = &fixture.store;
        let mut filled = Vec::new();
        for n in 0..MAILBOXES {
            filled.push(mailbox(&fixture, &format!("a{n}@example.com")).await);
        }
        // Times are the UIDs: some mailboxes have the same, some are quiet, and the archive is no inbox.
        let mut expected = Vec::new();
        for (n, one) in filled.iter().enumerate() {
            for step in 0..4 {
                let uid = 1 + (n as i64 % 5) * 7 + step * (1 + n as i64 % 3);
                put(store, one, "INBOX", uid, &format!("{n}.{step}"), "topic").await;
                expected.push(uid);
            }
            put(store, one, "Archive", 100 + n as i64, "elsewhere", "topic").await;
        }
        expected.sort_by_key(|uid| -uid);
        for limit in [1, 3, 7, 50, 500] {
            let (mut after, mut seen, mut ids) =
                (None, Vec::new(), std::collections::HashSet::new());
            loop {
                let filter = Filter {
                    role: Some(Role::Inbox),
                    ..Filter::default()
                };
                let page = messages::list(store, filter, after, limit).await.unwrap();
                for message in page.messages {
                    seen.push((message.received_at.0 - crate::common::START.0) / 1_000);
                    assert!(ids.insert(message.id));
                }
                match page.next {
                    Some(next) => after = Some(next),
                    None => break,
                }
            }
            assert_eq!(seen, expected, "pages of {limit}");
        }
        let all = folders::unified(store, None).await.unwrap();
        let inbox = &all[0];
        assert_eq!(
            (inbox.role, inbox.folders, inbox.messages),
            (Role::Inbox, 20, 80)
        );
        assert_eq!(
            inbox.unread,
            expected.iter().filter(|uid| *uid % 2 != 0).count() as i64
        );
        let some = folders::unified(store, Some(vec![filled[0].mailbox_id.clone()]))
            .await
            .unwrap();
        assert_eq!((some[0].folders, some[0].messages), (1, 4));
        let visible = Filter {
            role: Some(Role::Inbox),
            visible: Some(vec![
                filled[0].mailbox_id.clone(),
                filled[7].mailbox_id.clone(),
            ]),
            ..Filter::default()
        };
        assert_eq!(
            messages::list(store, visible, None, 50)
                .await
                .unwrap()
                .messages
                .len(),
            8
        );
    })
    .await;
}
