//! Invariant 34: the disk is really full. The synchronisation pauses and says why, what is stored can be read, and when there
//! is room again everything goes on by itself.

use std::fs;
use std::io::Write as _;

use serde_json::json;
use testkit::{Generator, Postroom, deliver, user, wait_for};

use crate::setting::{
    SOON, all, connect, copy, each_told_once, launch, mail, original, raw, settings, text,
    wait_complete, wait_connection,
};

/// Octets of the disk.
const DISK: u64 = 96 << 20;
/// What another program leaves of it: what Postroom leaves to its database, and a little.
const LEFT: u64 = 34 << 20;

/// Fills the disk but for some octets. Returns the file to remove.
fn fill(postroom: &Postroom, name: &str, left: u64) -> std::path::PathBuf {
    let path = postroom.data().join(name);
    let mut file = fs::File::create(&path).expect("a file on the small disk");
    let block = vec![0_u8; 64 << 10];
    while file.write_all(&block).is_ok() {}
    let length = file.metadata().expect("its length").len();
    file.set_len(length.saturating_sub(left)).expect("cut");
    path
}

#[test]
fn i34_a_full_disk_pauses_the_synchronisation_and_passes() {
    let user = user("full-disk");
    user.seed("INBOX", Generator::new(34).mean_size(20_000).take(60));
    let postroom = launch().small_disk(DISK).start();
    let mailbox = connect(&postroom, settings(&user));
    wait_complete(&postroom, &mailbox);
    let before = all(&postroom, &format!("/v1/messages?mailbox_id={mailbox}"));
    assert_eq!(before.len(), 60);
    let filler = fill(&postroom, "filler", LEFT);
    let large = "A line of sixty octets, so that a message has many octets..\r\n".repeat(4_000);
    for n in 0..70 {
        deliver(&user, &mail(&format!("large {n}"), &large));
    }
    let paused = wait_for(SOON, "the mailbox says that the disk is full", || {
        let (_, mailbox) = postroom.get(&format!("/v1/mailboxes/{mailbox}"));
        (mailbox["connection"]["problem_id"] == "disk_full").then_some(mailbox)
    });
    assert_eq!(paused["connection"]["state"], "waiting", "{paused:#}");
    assert!(paused["connection"]["until"].is_string(), "{paused:#}");
    // What is stored is served.
    let (status, page) = postroom.get(&format!("/v1/messages?mailbox_id={mailbox}&limit=50"));
    assert_eq!(status, 200, "{page:#}");
    assert!(!raw(&postroom, text(&before[0], "id")).is_empty());
    let (status, _) = postroom.get("/v1/search?q=zzz");
    assert!(status < 500);
    // Not even the database has room any more: what is stored is served all the same.
    let rest = fill(&postroom, "rest", 0);
    assert_eq!(copy(&postroom, &mailbox), copy(&postroom, &mailbox));
    let (status, answer) = postroom.post("/v1/tokens", &json!({"name": "t", "scopes": ["all"]}));
    assert_eq!((status, answer["code"].as_str()), (507, Some("disk_full")));
    fs::remove_file(rest).expect("room again");
    // No message is to blame, and none is half there.
    let path = format!("/v1/mailboxes/{mailbox}/failures");
    assert_eq!(all(&postroom, &path), Vec::<serde_json::Value>::new());
    fs::remove_file(filler).expect("room again");
    wait_connection(&postroom, &mailbox, "live");
    let wanted = original(&user);
    wait_for(SOON, "everything is stored", || {
        (copy(&postroom, &mailbox) == wanted).then_some(())
    });
    each_told_once(&postroom, &mailbox);
    let (status, _) = postroom.post(&format!("/v1/mailboxes/{mailbox}/resync"), &json!({}));
    assert!(status < 300);
}
