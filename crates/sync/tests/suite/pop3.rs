//! Maildrops: of the real Dovecot, and of a small server that does what bad servers do.

use crate::audit::{audit, damage, inbox, outcome};
use crate::follower::{Choice, Follower};
use model::Timestamp;
use model::completeness::AuditOutcome;
use model::mailbox::{Protocol, Security};
use model::message::FlagChange;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use store::StoreError;
use testkit::{Brand, Generator, ImapProbe, TestUser, deliver, user};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

on_each_server!(
    a_maildrop_is_stored_as_the_server_has_it,
    new_mail_in_a_maildrop_is_seen_in_the_next_round,
    a_restart_on_a_maildrop_fetches_and_tells_nothing_again,
    a_crash_while_a_maildrop_is_fetched_loses_and_doubles_nothing,
    what_the_server_has_no_more_is_kept_here,
    new_ids_for_all_messages_double_and_tell_nothing,
    a_mailbox_that_changes_its_protocol_keeps_its_messages,
    flags_change_here_alone_and_moves_are_refused,
);

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(40);

pub fn pop3s(server: Brand) -> Choice {
    Choice {
        protocol: Protocol::Pop3,
        port: server.pop3s_port(),
        ..Choice::default()
    }
}

pub async fn until(what: &str, mut fits: impl AsyncFnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !fits().await {
        assert!(Instant::now() < end, "{what}: waited too long");
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
}

/// The digests of what is stored, sorted.
pub async fn stored(follower: &Follower) -> Vec<String> {
    let view = follower.view().await;
    let mut digests: Vec<String> = view
        .get("INBOX")
        .into_iter()
        .flat_map(|contents| contents.values().map(|(_, digest)| digest.clone()))
        .collect();
    digests.sort();
    digests
}

async fn is_complete(follower: &Follower) -> bool {
    follower.now().await.coverage.state.as_str() == "complete"
}

/// Waits until the store has exactly what the server has.
pub async fn in_step(follower: &Follower) {
    let server = follower.servers_view().await;
    let mut wanted: Vec<String> = server["INBOX"].values().map(|(_, d)| d.clone()).collect();
    wanted.sort();
    until("in step", || async {
        stored(follower).await == wanted && is_complete(follower).await
    })
    .await;
}

pub async fn act(user: &TestUser, work: impl FnOnce(&TestUser, &mut ImapProbe) + Send + 'static) {
    let user = user.clone();
    tokio::task::spawn_blocking(move || {
        let mut probe = ImapProbe::login(&user);
        work(&user, &mut probe);
    })
    .await
    .expect("the second client");
}

/// Waits until the maildrop was looked at once more.
pub async fn another_round(follower: &Follower) {
    let before = follower.now().await.connection.proven_alive_at;
    until("a round", || async {
        follower.now().await.connection.proven_alive_at > before
    })
    .await;
}

async fn a_maildrop_is_stored_as_the_server_has_it(server: Brand) {
    let user = server.user("pop3first");
    user.seed("INBOX", Generator::new(31).take(450));
    let mut follower = Follower::start(&user, pop3s(server)).await;
    in_step(&follower).await;
    let events = follower.events().await;
    let news: Vec<_> = events
        .iter()
        .filter(|e| e.kind == "message.received")
        .collect();
    assert_eq!(news.len(), 450);
    assert!(news.iter().all(|e| e.origin.as_str() == "backfill"));
    assert!(news.iter().all(|e| e.data["folder_role"] == "inbox"));
    follower.event("mailbox.backfill_completed", |_| true).await;
    assert_eq!(follower.now().await.connection.state.as_str(), "polling");
    // Nothing was deleted there.
    let there = follower.servers_view().await;
    assert_eq!(there["INBOX"].len(), 450);
    follower.stop().await;
}

async fn new_mail_in_a_maildrop_is_seen_in_the_next_round(server: Brand) {
    let user = server.user("pop3new");
    user.seed("INBOX", Generator::new(32).take(5));
    let choice = Choice {
        port: server.pop3_port(),
        security: Security::Starttls,
        ..pop3s(server)
    };
    let mut follower = Follower::start(&user, choice).await;
    in_step(&follower).await;
    act(&user, |user, _| {
        deliver(user, b"From: a@b.test\r\nSubject: Fresh\r\n\r\nnew\r\n");
    })
    .await;
    let event = follower
        .event("message.received", |e| e.data["subject"] == "Fresh")
        .await;
    assert_eq!(event.origin.as_str(), "live");
    in_step(&follower).await;
    follower.stop().await;
}

async fn a_restart_on_a_maildrop_fetches_and_tells_nothing_again(server: Brand) {
    let user = server.user("pop3again");
    user.seed("INBOX", Generator::new(33).take(60));
    let mut follower = Follower::start(&user, pop3s(server)).await;
    in_step(&follower).await;
    follower.stop().await;
    let before = follower.events().await.len();
    follower.go();
    another_round(&follower).await;
    in_step(&follower).await;
    follower.stop().await;
    let after: Vec<_> = follower.events().await.split_off(before);
    assert!(
        after.iter().all(|e| e.kind.starts_with("mailbox.")),
        "{after:?}"
    );
    // What comes while we are away is told as caught up.
    act(&user, |user, _| {
        for i in 0..3 {
            deliver(user, format!("Subject: away {i}\r\n\r\nx\r\n").as_bytes());
        }
    })
    .await;
    follower.go();
    let gap = follower.event("mailbox.gap_filled", |_| true).await;
    assert_eq!(gap.data["messages"], 3);
    in_step(&follower).await;
    let caught_up = follower.events().await;
    let caught_up = caught_up
        .iter()
        .filter(|e| e.kind == "message.received" && e.origin.as_str() == "catch_up");
    assert_eq!(caught_up.count(), 3);
    follower.stop().await;
}

async fn a_crash_while_a_maildrop_is_fetched_loses_and_doubles_nothing(server: Brand) {
    let user = server.user("pop3crash");
    user.seed("INBOX", Generator::new(34).take(700));
    let mut follower = Follower::start(&user, pop3s(server)).await;
    for goal in [100, 300, 500] {
        until("some mail", || async {
            stored(&follower).await.len() >= goal
        })
        .await;
        follower.crash().await;
        follower.go();
    }
    in_step(&follower).await;
    assert_eq!(follower.count("message.received").await, 700);
    follower.stop().await;
}

async fn what_the_server_has_no_more_is_kept_here(server: Brand) {
    let user = server.user("pop3gone");
    user.seed("INBOX", Generator::new(35).take(20));
    let mut follower = Follower::start(&user, pop3s(server)).await;
    in_step(&follower).await;
    let before = stored(&follower).await;
    act(&user, |user, probe| {
        probe.select("INBOX");
        probe.remove("1:8");
        deliver(user, b"Subject: later\r\n\r\nx\r\n");
    })
    .await;
    follower
        .event("message.received", |e| e.data["subject"] == "later")
        .await;
    let after = stored(&follower).await;
    assert_eq!(after.len(), 21);
    assert!(before.iter().all(|digest| after.contains(digest)));
    assert_eq!(follower.count("message.removed").await, 0);
    assert!(is_complete(&follower).await);
    follower.stop().await;
}

async fn new_ids_for_all_messages_double_and_tell_nothing(server: Brand) {
    let user = server.user("pop3ids");
    user.seed("INBOX", Generator::new(36).take(40));
    let mut follower = Follower::start(&user, pop3s(server)).await;
    in_step(&follower).await;
    follower.stop().await;
    let before = keys(&follower).await;
    user.forget_uids("INBOX");
    follower.go();
    another_round(&follower).await;
    in_step(&follower).await;
    assert_eq!(follower.count("message.received").await, 40);
    let after = keys(&follower).await;
    assert_eq!(after.len(), 40);
    assert!(after.is_disjoint(&before));
    follower.stop().await;
}

async fn keys(follower: &Follower) -> BTreeSet<String> {
    let folders = store::folders::known(&follower.store, &follower.mailbox.id).await;
    let folders = folders.expect("the folders");
    let known = store::pop3::known(&follower.store, &folders[0].id).await;
    known.expect("the ids").into_keys().collect()
}

/// Changes the settings to another protocol of the same server.
pub async fn set_protocol(follower: &Follower, server: Brand, protocol: Protocol) {
    let mut incoming = follower.now().await.incoming.expect("the receiving side");
    incoming.protocol = protocol;
    incoming.port = match protocol {
        Protocol::Pop3 => server.pop3s_port(),
        Protocol::Imap => server.imaps_port(),
    };
    let change = store::mailboxes::Change {
        incoming: Some(Some(incoming)),
        ..store::mailboxes::Change::default()
    };
    store::mailboxes::change(&follower.store, &follower.mailbox.id, change, None)
        .await
        .expect("changed");
}

/// Changes the protocol, and waits until the other one works.
pub async fn change_protocol(follower: &Follower, server: Brand, protocol: Protocol) {
    set_protocol(follower, server, protocol).await;
    let state = match protocol {
        Protocol::Pop3 => "polling",
        Protocol::Imap => "live",
    };
    until(state, || async {
        follower.now().await.connection.state.as_str() == state
    })
    .await;
}

async fn a_mailbox_that_changes_its_protocol_keeps_its_messages(server: Brand) {
    let user = server.user("pop3switch");
    user.seed("INBOX", Generator::new(38).take(30));
    user.seed("Work", Generator::new(39).take(4));
    let mut follower = Follower::start(&user, Choice::on(server)).await;
    follower.in_step().await;
    let received = follower.count("message.received").await;
    let sent = follower.count("message.sent").await;
    let flags = |view: testkit::Oracle| {
        let mut flags: Vec<_> = view["INBOX"].values().cloned().collect();
        flags.sort();
        flags
    };
    let before = flags(follower.view().await);
    for protocol in [Protocol::Pop3, Protocol::Imap] {
        change_protocol(&follower, server, protocol).await;
        in_step(&follower).await;
        if protocol == Protocol::Pop3 {
            // POP3 tells no flags: those that were known stay. (Dovecot marks what RETR gave as read,
            // which is seen when IMAP is spoken again.)
            assert_eq!(flags(follower.view().await), before);
        }
    }
    follower.in_step().await;
    assert_eq!(follower.count("message.received").await, received);
    assert_eq!(follower.count("message.sent").await, sent);
    assert_eq!(follower.count("message.removed").await, 0);
    follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_mail_since_the_date_is_fetched_from_a_maildrop() {
    let dated = |day: u32| {
        let text = format!("Date: {day} Mar 2024 12:00:00 +0000\r\nSubject: {day}\r\n\r\nx\r\n");
        (format!("id{day}"), text.into_bytes())
    };
    let mut mails: Vec<_> = (1..=9).map(dated).collect();
    mails.push(("undated".to_owned(), b"Subject: none\r\n\r\nx\r\n".to_vec()));
    let fake = Fake::start(mails).await;
    let user = user("pop3since");
    let choice = Choice {
        fetch_since: Some(Timestamp::parse("2024-03-07").unwrap()),
        ..fake.choice()
    };
    let mut follower = Follower::start(&user, choice).await;
    follower.event("mailbox.backfill_completed", |_| true).await;
    assert_eq!(stored(&follower).await.len(), 4);
    let asked = fake.with(|state| state.tops);
    assert_eq!(asked, 10);
    fake.another_round().await;
    assert_eq!(fake.with(|state| (state.tops, state.retrs)), (10, 4));
    follower.stop().await;
}

async fn flags_change_here_alone_and_moves_are_refused(server: Brand) {
    let user = server.user("pop3flags");
    user.seed("INBOX", Generator::new(37).take(3));
    let mut follower = Follower::start(&user, pop3s(server)).await;
    in_step(&follower).await;
    let store = &follower.store;
    let id = follower.events().await;
    let id = id.iter().find(|e| e.kind == "message.received").unwrap();
    let id = id.data["message_id"].as_str().unwrap().to_owned();
    let change = FlagChange {
        flagged: Some(true),
        ..FlagChange::default()
    };
    store::owed::change_flags(store, &id, change).await.unwrap();
    until("the change is settled", || async {
        store::owed::pending(store, &id).await.unwrap().is_empty()
    })
    .await;
    let view = follower.view().await;
    let flagged = view["INBOX"]
        .values()
        .filter(|(flags, _)| flags.contains("\\Flagged"))
        .count();
    assert_eq!(flagged, 1);
    let refused = store::owed::trash(store, &id, false).await;
    assert!(
        matches!(
            refused,
            Err(StoreError::Refused {
                problem_id: "imap_only",
                ..
            })
        ),
        "{refused:?}"
    );
    follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_ids_is_read_by_what_the_messages_say() {
    let mails = (0..30).map(|i| (String::new(), mail(i / 2))).collect();
    let fake = Fake::start(mails).await;
    fake.with(|state| state.no_uidl = true);
    let user = user("pop3noids");
    let mut follower = Follower::start(&user, fake.choice()).await;
    follower.event("mailbox.backfill_completed", |_| true).await;
    // Two that are equal to the byte are two.
    assert_eq!(stored(&follower).await.len(), 30);
    fake.another_round().await;
    assert_eq!(fake.with(|state| state.retrs), 30);
    fake.with(|state| {
        state.mails.remove(0);
        state.mails.push((String::new(), mail(100)));
    });
    let event = follower
        .event("message.received", |e| e.data["subject"] == "Mail 100")
        .await;
    assert_eq!(event.origin.as_str(), "live");
    fake.another_round().await;
    assert_eq!(stored(&follower).await.len(), 31);
    assert_eq!(follower.count("message.received").await, 31);
    follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_share_an_id_are_told_apart() {
    let mails = (0..6).map(|i| (format!("id{}", i / 3), mail(i))).collect();
    let fake = Fake::start(mails).await;
    let user = user("pop3shared");
    let mut follower = Follower::start(&user, fake.choice()).await;
    follower.event("mailbox.backfill_completed", |_| true).await;
    assert_eq!(stored(&follower).await.len(), 6);
    fake.with(|state| {
        // One goes and another one comes under the same id: counting would not see it.
        state.mails.remove(0);
        state.mails.push(("id0".to_owned(), mail(77)));
    });
    follower
        .event("message.received", |e| e.data["subject"] == "Mail 77")
        .await;
    assert_eq!(stored(&follower).await.len(), 7);
    follower.stop().await;
}

/// One has an id of its own, six share two ids, and two of these are equal to the byte.
#[tokio::test(flavor = "multi_thread")]
async fn a_maildrop_without_ids_is_audited_by_what_its_messages_say() {
    let mut mails: Vec<_> = (0..6)
        .map(|i| (format!("id{}", i / 3), mail(i / 2)))
        .collect();
    mails.push(("alone".to_owned(), mail(50)));
    let fake = Fake::start(mails).await;
    let user = user("pop3 audit without ids");
    let mut follower = Follower::start(&user, fake.choice()).await;
    follower.event("mailbox.backfill_completed", |_| true).await;
    let before = fake.with(|state| state.retrs);
    let whole = audit(&follower, false).await;
    assert_eq!(outcome(&whole), AuditOutcome::Equal, "{whole:?}");
    let found = inbox(&whole);
    assert_eq!((found.server, found.stored, found.to_come), (7, 7, 0));
    // A person asked: that they are the same is seen by reading them.
    assert!(fake.with(|state| state.retrs) >= before + 6);
    damage(
        &follower,
        "DELETE FROM placements WHERE message_id IN (SELECT id FROM messages ORDER BY id LIMIT 3)",
    )
    .await;
    let repaired = audit(&follower, true).await;
    assert_eq!(inbox(&repaired).missing, 3, "{repaired:?}");
    assert_eq!(outcome(&repaired), AuditOutcome::Repaired, "{repaired:?}");
    assert_eq!(stored(&follower).await.len(), 7);
    // What the server has no more is not counted.
    fake.with(|state| state.mails.truncate(4));
    let fewer = audit(&follower, false).await;
    assert_eq!((inbox(&fewer).server, inbox(&fewer).stored), (4, 4));
    follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_messages_go_to_the_ledger_and_the_others_pass() {
    let mails = (0..20).map(|i| (format!("id{i}"), mail(i))).collect();
    let fake = Fake::start(mails).await;
    fake.with(|state| {
        state.refused.insert("id4".to_owned());
        state.cut.insert("id11".to_owned());
    });
    let user = user("pop3bad");
    let mut follower = Follower::start(&user, fake.choice()).await;
    follower.event("mailbox.backfill_completed", |_| true).await;
    assert_eq!(stored(&follower).await.len(), 18);
    let id = follower.mailbox.id.clone();
    let failures = store::failures::list(&follower.store, &id, None, 10).await;
    let failures = failures.unwrap();
    let mut problems: Vec<&str> = failures.iter().map(|f| f.problem_id.as_str()).collect();
    problems.sort_unstable();
    assert_eq!(problems, ["message_unreadable", "server_closed"]);
    // The server has mended them, and a person asks to try again.
    fake.with(|state| {
        state.refused.clear();
        state.cut.clear();
    });
    for failure in &failures {
        store::failures::retry(&follower.store, &id, &failure.id)
            .await
            .unwrap();
    }
    until("the ledger is empty", || async {
        let left = store::failures::list(&follower.store, &id, None, 10).await;
        left.unwrap().is_empty()
    })
    .await;
    assert_eq!(stored(&follower).await.len(), 20);
    assert_eq!(follower.count("message.received").await, 20);
    follower.stop().await;
}

fn mail(i: usize) -> Vec<u8> {
    format!("From: a@b.test\r\nSubject: Mail {i}\r\n\r\nText {i}\r\n.dot\r\n").into_bytes()
}

/// A POP3 server that does as it is told.
struct Fake {
    port: u16,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    mails: Vec<(String, Vec<u8>)>,
    no_uidl: bool,
    /// Ids of messages that RETR refuses.
    refused: BTreeSet<String>,
    /// Ids of messages in the middle of which the connection is cut.
    cut: BTreeSet<String>,
    sessions: usize,
    retrs: usize,
    tops: usize,
}

impl Fake {
    async fn start(mails: Vec<(String, Vec<u8>)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let state = Arc::new(Mutex::new(State {
            mails,
            ..State::default()
        }));
        let shared = state.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, shared.clone()));
            }
        });
        Self { port, state }
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.state.lock().expect("the state"))
    }

    /// Waits until a session has begun and ended since.
    async fn another_round(&self) {
        let goal = self.with(|state| state.sessions) + 2;
        until("a round", || async {
            self.with(|state| state.sessions) >= goal
        })
        .await;
    }

    fn choice(&self) -> Choice {
        Choice {
            port: self.port,
            security: Security::None,
            tested: true,
            ..pop3s(Brand::Dovecot)
        }
    }
}

/// Talks to one client. A maildrop does not change within a session.
async fn serve(stream: TcpStream, state: Arc<Mutex<State>>) -> std::io::Result<()> {
    let mails = {
        let mut state = state.lock().expect("the state");
        state.sessions += 1;
        state.mails.clone()
    };
    let (read, mut write) = stream.into_split();
    write.write_all(b"+OK ready\r\n").await?;
    let mut lines = BufReader::new(read).lines();
    while let Some(line) = lines.next_line().await? {
        let words: Vec<&str> = line.split(' ').collect();
        let wanted = words.get(1).and_then(|n| n.parse::<usize>().ok());
        let found = wanted.and_then(|n| mails.get(n.wrapping_sub(1)));
        let answer = {
            let mut state = state.lock().expect("the state");
            match (words[0].to_ascii_uppercase().as_str(), found) {
                ("USER" | "PASS" | "NOOP", _) => "+OK\r\n".to_owned(),
                ("QUIT", _) => "+OK bye\r\n".to_owned(),
                ("STAT", _) => {
                    let bytes: usize = mails.iter().map(|(_, raw)| raw.len()).sum();
                    format!("+OK {} {bytes}\r\n", mails.len())
                }
                ("UIDL", _) if !state.no_uidl => {
                    let ids = mails.iter().enumerate();
                    let ids = ids.map(|(i, (id, _))| format!("{} {id}\r\n", i + 1));
                    format!("+OK\r\n{}.\r\n", ids.collect::<String>())
                }
                ("RETR", Some((id, raw))) if !state.refused.contains(id) => {
                    state.retrs += 1;
                    let text = String::from_utf8_lossy(raw).replace("\r\n.", "\r\n..");
                    if state.cut.contains(id) {
                        format!("+OK\r\n{}", &text[..text.len() / 2])
                    } else {
                        format!("+OK\r\n{text}.\r\n")
                    }
                }
                ("TOP", Some((_, raw))) => {
                    state.tops += 1;
                    let text = String::from_utf8_lossy(raw);
                    let header = text.split("\r\n\r\n").next().unwrap_or_default();
                    format!("+OK\r\n{header}\r\n\r\n.\r\n")
                }
                _ => "-ERR no\r\n".to_owned(),
            }
        };
        write.write_all(answer.as_bytes()).await?;
        if words[0].eq_ignore_ascii_case("QUIT") || !answer.ends_with("\r\n") {
            return Ok(());
        }
    }
    Ok(())
}
