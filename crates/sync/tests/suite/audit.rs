//! The completeness audit: damage done to the store behind the engine's back is found, told and repaired.

use crate::follower::{Choice, Follower, until};
use crate::limits::allow;
use crate::pop3::{act, pop3s};
use mail_sim::{ImapFault, ImapScript, ImapSim};
use model::completeness::{Audit, AuditOutcome, FolderAudit};
use model::mailbox::Security;
use model::message::FlagChange;
use model::server_profile::ProfileLimits;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::time::Duration;
use testkit::{Brand, Generator, ImapProbe, Proxy, TestUser, deliver, servers, user};

pub async fn audit(follower: &Follower, repair: bool) -> Audit {
    let (store, id) = (&follower.store, &follower.mailbox.id);
    store::completeness::ask(store, id, repair)
        .await
        .expect("asked");
    tokio::time::timeout(Duration::from_secs(40), async {
        loop {
            let audit = store::completeness::get(store, id).await.expect("an audit");
            if audit.asked_at.is_none() {
                return audit;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
    .expect("the audit ends")
}

pub async fn damage(follower: &Follower, sql: &'static str) {
    let changed = follower
        .store
        .db
        .write(move |tx| tx.exec(sql, &[]))
        .await
        .expect("the damage");
    assert!(changed > 0, "{sql}");
}

pub fn inbox(audit: &Audit) -> &FolderAudit {
    let found = audit.folders.iter().find(|folder| folder.path == "INBOX");
    found.expect("INBOX was compared")
}

pub fn outcome(audit: &Audit) -> AuditOutcome {
    audit.last.as_ref().expect("a last audit").outcome
}

async fn damage_in_the_store_is_found_told_and_repaired(brand: Brand) {
    damaged(brand, Choice::on(brand)).await;
}

async fn damage_is_found_and_repaired_a_part_of_the_folder_at_a_time(brand: Brand) {
    let choice = Choice {
        flags_at_once: Some(7),
        ..Choice::on(brand)
    };
    damaged(brand, choice).await;
}

async fn damaged(brand: Brand, choice: Choice) {
    let user = brand.user("audit damage");
    user.seed("INBOX", Generator::new(7).take(40));
    let mut follower = Follower::start(&user, choice).await;
    follower.in_step().await;
    let before = follower.events().await.len();
    let whole = audit(&follower, false).await;
    assert_eq!(outcome(&whole), AuditOutcome::Equal, "{whole:?}");
    assert_eq!((inbox(&whole).server, inbox(&whole).stored), (40, 40));

    for sql in [
        "DELETE FROM placements WHERE message_id IN (SELECT id FROM messages ORDER BY id LIMIT 3)",
        "UPDATE messages SET flagged = 1 - flagged WHERE id IN (SELECT id FROM messages ORDER BY id DESC LIMIT 2)",
        "INSERT INTO placements (folder_id, uid_validity, uid, message_id, mod_seq, received_at)
         SELECT folder_id, uid_validity, 900000, message_id, 0, received_at FROM placements ORDER BY uid DESC LIMIT 1",
    ] {
        damage(&follower, sql).await;
    }
    let found = audit(&follower, false).await;
    assert_eq!(outcome(&found), AuditOutcome::Differs, "{found:?}");
    assert_eq!(inbox(&found).missing, 3, "{found:?}");
    // Where flags and what is gone can only be told by comparing all, a look has mended them already.
    if brand != Brand::Courier {
        assert_eq!((inbox(&found).surplus, inbox(&found).flags), (1, 2));
    }
    let repaired = audit(&follower, true).await;
    assert_eq!(outcome(&repaired), AuditOutcome::Repaired, "{repaired:?}");
    follower.in_step().await;
    let again = audit(&follower, true).await;
    assert_eq!(outcome(&again), AuditOutcome::Equal, "{again:?}");
    assert_eq!(follower.now().await.last_audit, again.last);
    // The messages are the same ones: only their flags are told.
    let events = follower.events().await;
    let kinds = events[before..].iter().map(|e| e.kind.as_str());
    // (A folder that we and the second client open as the first ones at the same moment may be complete twice.)
    let kinds: Vec<&str> = kinds.filter(|kind| kind.starts_with("message.")).collect();
    assert_eq!(kinds, ["message.changed"; 2], "{kinds:?}");
    follower.stop().await;
}

on_each_server!(
    damage_in_the_store_is_found_told_and_repaired,
    damage_is_found_and_repaired_a_part_of_the_folder_at_a_time,
);

/// Forty messages on a simulator, all stored; the folders are looked at when an audit does.
async fn simulated(flags_at_once: Option<usize>) -> (ImapSim, Follower) {
    let mut script = ImapScript::new();
    for n in 0..40 {
        let mail = format!("Message-ID: <{n}@audit>\r\nSubject: {n}\r\n\r\nx\r\n");
        script = script.mail("INBOX", mail.as_bytes());
    }
    let sim = ImapSim::start(script);
    let choice = Choice {
        tested: true,
        poll: Duration::from_secs(3_600),
        flags_at_once,
        ..Choice::default()
    };
    let follower = Follower::simulated(&sim, choice).await;
    follower.event("mailbox.backfill_completed", |_| true).await;
    (sim, follower)
}

/// The UIDs of INBOX here, and there.
async fn uids(sim: &ImapSim, follower: &Follower) -> (Vec<u32>, Vec<u32>) {
    let view = follower.view().await;
    let here = view.get("INBOX").map(|all| all.keys().copied().collect());
    let there = sim.contents()["INBOX"].keys().copied().collect();
    (here.unwrap_or_default(), there)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_audit_holds_a_part_of_a_folder_at_a_time() {
    let (sim, mut follower) = simulated(Some(7)).await;
    let before = sim.log().len();
    let whole = audit(&follower, false).await;
    assert_eq!(outcome(&whole), AuditOutcome::Equal, "{whole:?}");
    assert_eq!((inbox(&whole).server, inbox(&whole).stored), (40, 40));
    let log = sim.log();
    let asked = log[before..]
        .iter()
        .filter(|line| line.contains("(UID FLAGS RFC822.SIZE)"));
    let sets: Vec<&str> = asked.filter_map(|line| line.split(' ').nth(3)).collect();
    assert_eq!(sets, ["1:7", "8:14", "15:21", "22:28", "29:35", "36:40"]);
    follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_lost_and_found_again_is_told_and_repaired() {
    let (sim, mut follower) = simulated(None).await;
    let lost: Vec<_> = (3..6).filter_map(|uid| sim.lose("INBOX", uid)).collect();
    // A look mends what is gone; what it cannot see is counted.
    let found = audit(&follower, false).await;
    assert_eq!(inbox(&found).server, 37, "{found:?}");
    assert_eq!(outcome(&found), AuditOutcome::Equal, "{found:?}");
    for _ in 0..3 {
        follower.event("message.removed", |_| true).await;
    }
    assert_eq!(uids(&sim, &follower).await.0.len(), 37);

    // The same again under their old numbers, and others lost: the count is what it was.
    for one in lost {
        sim.give_back(one);
    }
    for uid in 20..23 {
        assert!(sim.lose("INBOX", uid).is_some());
    }
    let found = audit(&follower, false).await;
    assert_eq!(outcome(&found), AuditOutcome::Differs, "{found:?}");
    assert_eq!((inbox(&found).server, inbox(&found).missing), (37, 3));
    let repaired = audit(&follower, true).await;
    assert_eq!(outcome(&repaired), AuditOutcome::Repaired, "{repaired:?}");
    assert_eq!(inbox(&repaired).repaired, 3, "{repaired:?}");
    let (here, there) = uids(&sim, &follower).await;
    assert_eq!(here, there);
    let again = audit(&follower, true).await;
    assert_eq!(outcome(&again), AuditOutcome::Equal, "{again:?}");
    follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_lost_here_as_a_whole_are_fetched_again() {
    let user = user("audit rows");
    user.seed("INBOX", Generator::new(8).take(20));
    let mut follower = Follower::start(&user, Choice::default()).await;
    follower.in_step().await;
    damage(
        &follower,
        "DELETE FROM messages WHERE id IN (SELECT id FROM messages ORDER BY id LIMIT 5)",
    )
    .await;
    let repaired = audit(&follower, true).await;
    assert_eq!(inbox(&repaired).missing, 5, "{repaired:?}");
    assert_eq!(outcome(&repaired), AuditOutcome::Repaired, "{repaired:?}");
    follower.in_step().await;
    follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_that_only_we_have_is_not_surplus() {
    let user = user("audit kept");
    user.seed("INBOX", Generator::new(9).take(10));
    let mut follower = Follower::start(&user, Choice::default()).await;
    follower.in_step().await;
    follower.stop().await;
    damage(
        &follower,
        "UPDATE placements SET uid_validity = 0 WHERE uid = 3",
    )
    .await;
    let expunge = user.clone();
    tokio::task::spawn_blocking(move || {
        let mut probe = ImapProbe::login(&expunge);
        probe.select("INBOX");
        probe.remove("3");
    })
    .await
    .expect("the second client");
    follower.go();
    let found = audit(&follower, true).await;
    assert_eq!(inbox(&found).surplus, 0, "{found:?}");
    let kept = follower.view().await["INBOX"].len();
    assert_eq!(kept, 10);
    follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_maildrop_is_audited_by_its_ids() {
    let user = user("audit pop3");
    user.seed("INBOX", Generator::new(10).take(12));
    let mut follower = Follower::start(&user, pop3s(Brand::Dovecot)).await;
    follower.event("mailbox.backfill_completed", |_| true).await;
    let whole = audit(&follower, false).await;
    assert_eq!(outcome(&whole), AuditOutcome::Equal, "{whole:?}");
    assert_eq!((inbox(&whole).server, inbox(&whole).stored), (12, 12));
    damage(
        &follower,
        "DELETE FROM placements WHERE message_id IN (SELECT id FROM messages ORDER BY id LIMIT 3)",
    )
    .await;
    let repaired = audit(&follower, true).await;
    assert_eq!(inbox(&repaired).missing, 3, "{repaired:?}");
    assert_eq!(outcome(&repaired), AuditOutcome::Repaired, "{repaired:?}");
    assert_eq!(follower.view().await["INBOX"].len(), 12);
    let again = audit(&follower, false).await;
    assert_eq!(outcome(&again), AuditOutcome::Equal, "{again:?}");
    follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_audit_says_why_a_folder_is_left_alone() {
    let script = ImapScript::new()
        .mail("INBOX", b"Subject: one\r\n\r\nx\r\n")
        .mail("Shut", b"Subject: two\r\n\r\nx\r\n")
        .fault(ImapFault::Closed("Shut", "not now".to_owned()));
    let sim = ImapSim::start(script);
    let choice = Choice {
        tested: true,
        ..Choice::default()
    };
    let mut follower = Follower::simulated(&sim, choice).await;
    until("it is left alone", async || {
        let known = store::folders::known(&follower.store, &follower.mailbox.id).await;
        let known = known.expect("the folders");
        known.iter().any(|folder| folder.parked_until.is_some())
    })
    .await;
    let audit = audit(&follower, false).await;
    assert_eq!(outcome(&audit), AuditOutcome::Unfinished, "{audit:?}");
    let shut = audit.folders.iter().find(|folder| folder.path == "Shut");
    let problem = shut.and_then(|folder| folder.problem_id.as_deref());
    assert_eq!(problem, Some("folder_unreadable"));
    follower.stop().await;
}

/// A mailbox of Dovecot that is audited slowly, until it need not be any more.
struct Slow {
    user: TestUser,
    follower: Follower,
    slow: Arc<AtomicBool>,
    told: Arc<AtomicUsize>,
    /// Flags that were told because of a look.
    looked: Arc<AtomicUsize>,
    _proxy: Proxy,
}

impl Slow {
    /// So many messages in one folder, and two in INBOX; all are stored.
    async fn start(name: &str, folder: &str, messages: usize, poll: Duration) -> Self {
        Self::start_on(servers().imap_port, name, folder, messages, poll).await
    }

    async fn start_on(
        port: u16,
        name: &str,
        folder: &str,
        messages: usize,
        poll: Duration,
    ) -> Self {
        let user = user(name);
        user.seed(folder, Generator::new(71).take(messages));
        user.seed("INBOX", Generator::new(72).take(2));
        let slow = Arc::new(AtomicBool::new(false));
        let told = Arc::new(AtomicUsize::new(0));
        let looked = Arc::new(AtomicUsize::new(0));
        let (is_slow, count, looks) = (slow.clone(), told.clone(), looked.clone());
        let is_basic = port == servers().basic_imap_port;
        let proxy = Proxy::rewriting(port, move |line| {
            // It offers no CONDSTORE, and says this all the same.
            if is_basic && line.contains("[HIGHESTMODSEQ") {
                return Some(String::new());
            }
            let flags = is_slow.load(Relaxed) && line.contains("FETCH") && line.contains("FLAGS");
            if flags && !line.contains("RFC822.SIZE") && !line.contains("BODY") {
                looks.fetch_add(1, Relaxed);
            } else if flags {
                count.fetch_add(1, Relaxed);
                std::thread::sleep(Duration::from_millis(100));
            }
            None
        });
        let choice = Choice {
            port: proxy.port(),
            security: Security::None,
            tested: true,
            flags_at_once: Some(10),
            poll,
            ..Choice::default()
        };
        let follower = Follower::start(&user, choice).await;
        follower.in_step().await;
        Self {
            user,
            follower,
            slow,
            told,
            looked,
            _proxy: proxy,
        }
    }

    /// An audit is under way.
    async fn begin(&self) {
        self.slow.store(true, Relaxed);
        let (store, id) = (&self.follower.store, &self.follower.mailbox.id);
        let asked = store::completeness::ask(store, id, true).await;
        asked.expect("asked");
        until("it is under way", async || self.told.load(Relaxed) > 5).await;
    }

    async fn audit(&self) -> Audit {
        let (store, id) = (&self.follower.store, &self.follower.mailbox.id);
        store::completeness::get(store, id).await.expect("an audit")
    }

    async fn is_audited(&self) -> bool {
        self.audit().await.asked_at.is_some()
    }
}

async fn news_and_changes_do_not_wait_for_the_audit_of(folder: &'static str) {
    // Nothing is looked at because of the time: only what is new brings it.
    let seldom = Duration::from_secs(3_600);
    let mut slow = Slow::start("looked after", folder, 300, seldom).await;
    let follower = &slow.follower;
    follower.event("mailbox.live", |_| true).await;
    slow.begin().await;
    act(&slow.user, |user, _| {
        deliver(user, b"Subject: meanwhile\r\n\r\nx\r\n")
    })
    .await;
    let came = follower.event("message.received", |e| e.data["subject"] == "meanwhile");
    let message = came.await.data["message_id"].clone();
    assert!(slow.is_audited().await, "new mail came after the audit");
    let seen = FlagChange {
        seen: Some(true),
        ..FlagChange::default()
    };
    let id = message.as_str().expect("an id");
    let changed = store::owed::change_flags(&follower.store, id, seen).await;
    changed.expect("changed");
    until("it is paid", async || {
        let owed = store::owed::list(&follower.store, &follower.mailbox.id, None, 1).await;
        owed.expect("what is owed").is_empty()
    })
    .await;
    assert!(slow.is_audited().await, "the change came after the audit");
    slow.slow.store(false, Relaxed);
    until("it ends", async || !slow.is_audited().await).await;
    let audit = slow.audit().await;
    assert_eq!(outcome(&audit), AuditOutcome::Equal, "{audit:?}");
    follower.in_step().await;
    slow.follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn news_and_changes_do_not_wait_for_the_audit_of_the_inbox() {
    news_and_changes_do_not_wait_for_the_audit_of("INBOX").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn news_and_changes_do_not_wait_for_the_audit_of_another_folder() {
    news_and_changes_do_not_wait_for_the_audit_of("Archive").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_surplus_in_one_folder_and_missing_in_another_is_one_message_whatever_comes_between()
 {
    let mut slow = Slow::start("between", "Archive", 30, Duration::from_millis(200)).await;
    let before = slow.follower.events().await.len();
    damage(
        &slow.follower,
        "UPDATE placements SET uid = 900000,
           (folder_id, uid_validity) = (SELECT id, uid_validity FROM folders WHERE messages > 0 ORDER BY id LIMIT 1)
         WHERE folder_id = (SELECT id FROM folders WHERE messages > 0 ORDER BY id DESC LIMIT 1) AND uid = 1",
    )
    .await;
    // Folders are compared in the order of their ids: what is surplus is seen first.
    slow.begin().await;
    until("it ends", async || !slow.is_audited().await).await;
    let audit = slow.audit().await;
    assert_eq!(outcome(&audit), AuditOutcome::Repaired, "{audit:?}");
    slow.follower.in_step().await;
    let events = slow.follower.events().await;
    let kinds: Vec<&str> = events[before..].iter().map(|e| e.kind.as_str()).collect();
    assert!(
        !kinds.contains(&"message.removed") && !kinds.contains(&"message.received"),
        "{kinds:?}"
    );
    slow.follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_client_changes_while_an_audit_is_under_way_does_not_get_its_old_flags_back() {
    let seldom = Duration::from_secs(3_600);
    let mut slow = Slow::start("changed meanwhile", "INBOX", 58, seldom).await;
    slow.follower.event("mailbox.live", |_| true).await;
    damage(
        &slow.follower,
        "UPDATE messages SET flagged = 1 - flagged WHERE id IN (SELECT message_id FROM placements WHERE uid = 1)",
    )
    .await;
    let before = slow.follower.events().await.len();
    slow.begin().await;
    // All sixty are compared a second time by now but for the last parts: that the first one differs is known.
    until("it was seen twice", async || slow.told.load(Relaxed) > 75).await;
    act(&slow.user, |_, probe| {
        probe.select("INBOX");
        probe.store("1", "+FLAGS", "\\Answered");
    })
    .await;
    let told = slow
        .follower
        .event("message.changed", |e| e.data["flags"]["answered"] == true);
    told.await;
    assert!(slow.is_audited().await, "the change came after the audit");
    slow.slow.store(false, Relaxed);
    until("it ends", async || !slow.is_audited().await).await;
    slow.follower.in_step().await;
    let events = slow.follower.events().await;
    let changed = events[before..]
        .iter()
        .filter(|e| e.kind == "message.changed");
    let answered: Vec<bool> = changed
        .map(|e| e.data["flags"]["answered"] == true)
        .collect();
    assert_eq!(answered, [true]);
    slow.follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_removed_while_an_audit_is_under_way_is_told_before_its_end() {
    let seldom = Duration::from_secs(3_600);
    let mut slow = Slow::start("removed meanwhile", "Archive", 200, seldom).await;
    slow.follower.event("mailbox.live", |_| true).await;
    slow.begin().await;
    act(&slow.user, |_, probe| {
        probe.select("INBOX");
        probe.remove("1");
    })
    .await;
    slow.follower.event("message.removed", |_| true).await;
    assert!(slow.is_audited().await, "it was told after the audit");
    slow.slow.store(false, Relaxed);
    until("it ends", async || !slow.is_audited().await).await;
    slow.follower.in_step().await;
    slow.follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_audit_may_not_fetch_today_is_fetched_once_it_may() {
    let user = user("audit limit");
    user.seed("Archive", Generator::new(73).take(8));
    let ten_a_day = ProfileLimits {
        messages_per_day: Some(10),
        ..ProfileLimits::default()
    };
    let choice = Choice {
        limits: Some(ten_a_day),
        ..Choice::default()
    };
    let mut follower = Follower::start(&user, choice).await;
    follower.in_step().await;
    damage(
        &follower,
        "DELETE FROM messages WHERE id IN (SELECT id FROM messages ORDER BY id LIMIT 5)",
    )
    .await;
    let found = audit(&follower, true).await;
    assert_eq!(outcome(&found), AuditOutcome::Differs, "{found:?}");
    assert_eq!(follower.view().await["Archive"].len(), 5);
    // No second audit: what is missing is known.
    allow(&follower, ProfileLimits::default()).await;
    follower.in_step().await;
    follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_is_opened_again_in_an_audit_is_not_compared_because_of_that() {
    let (port, seldom) = (servers().basic_imap_port, Duration::from_secs(3_600));
    let mut slow = Slow::start_on(port, "opened again", "Archive", 100, seldom).await;
    slow.follower.event("mailbox.live", |_| true).await;
    slow.begin().await;
    for n in 0..3 {
        let subject = format!("meanwhile {n}");
        let mail = format!("Subject: {subject}\r\n\r\nx\r\n");
        act(&slow.user, move |user, _| deliver(user, mail.as_bytes())).await;
        let came = slow
            .follower
            .event("message.received", |e| e.data["subject"] == *subject);
        came.await;
    }
    assert!(slow.is_audited().await, "new mail came after the audit");
    until("it ends", async || !slow.is_audited().await).await;
    slow.slow.store(false, Relaxed);
    let audit = slow.audit().await;
    assert_eq!(outcome(&audit), AuditOutcome::Equal, "{audit:?}");
    // Once when it was opened for the audit, and once more where it is still open after it.
    let looked = slow.looked.load(Relaxed);
    assert!((100..230).contains(&looked), "{looked}");
    slow.follower.in_step().await;
    slow.follower.stop().await;
}
