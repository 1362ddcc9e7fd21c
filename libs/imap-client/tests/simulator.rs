//! Against the simulator, over real sockets: what Gmail does with labels, lasting ids, and compression by another hand.

use imap_client::{
    Limits, ListOptions, MailboxName, MetaItems, Mode, Session, StatusItem, StoreMode, UidSet,
    Unsolicited,
};
use mail_net::sasl::{Credentials, Secret};
use mail_net::{Net, Policy, Timeouts, TlsSettings};
use mail_sim::{ImapFault, ImapScript, ImapSim};

const MAIL: &[u8] = b"Subject: hello\r\n\r\nA line.\r\n";

async fn session(sim: &ImapSim) -> Session {
    let policy = Policy {
        allow: vec!["127.0.0.0/8".parse().unwrap()],
        ..Policy::public_only()
    };
    let net = Net::new(policy, TlsSettings::new(None).unwrap(), Timeouts::default());
    let resolved = net.resolve("127.0.0.1").await.unwrap();
    let stream = net.connect(&resolved, sim.port()).await.unwrap();
    let (mut session, _) = Session::start(stream, Limits::default(), None)
        .await
        .unwrap();
    let credentials = Credentials {
        username: "joe".to_owned(),
        secret: Secret::Password("secret".to_owned()),
    };
    session
        .login(&credentials, "localhost", sim.port())
        .await
        .unwrap();
    session.capability().await.unwrap();
    session
}

/// Lasting id and labels of every message of a folder.
async fn look(session: &mut Session, folder: &str) -> Vec<(String, Vec<String>)> {
    let name = MailboxName::from_decoded(folder);
    session.select(&name, Mode::ReadWrite, None).await.unwrap();
    let items = MetaItems {
        object_ids: true,
        labels: true,
        ..MetaItems::default()
    };
    let all = UidSet::parse("1:*");
    let told = session.fetch_meta(&all, &items, None, false).await.unwrap();
    let facts = told.messages.into_iter().map(|meta| {
        assert!(meta.thread_id.is_some());
        (meta.email_id.unwrap(), meta.labels.unwrap_or_default())
    });
    facts.collect()
}

#[tokio::test]
async fn a_gmail_message_is_one_wherever_its_labels_show_it() {
    let script = ImapScript::new()
        .capabilities("IMAP4rev1 SASL-IR LITERAL+ X-GM-EXT-1 UIDPLUS AUTH=PLAIN")
        .labelled_mail(&["[Gmail]/All Mail", "INBOX"], &["\\Inbox"], MAIL)
        .mail("[Gmail]/All Mail", b"Subject: other\r\n\r\n");
    let sim = ImapSim::start(script);
    let mut session = session(&sim).await;
    let all = look(&mut session, "[Gmail]/All Mail").await;
    let inbox = look(&mut session, "INBOX").await;
    assert_eq!(inbox, all[..1]);
    assert_eq!(inbox[0].1, ["\\Inbox"]);
    let one = UidSet::parse("1");
    let added = session
        .uid_store_labels(&one, StoreMode::Add, &["Bücher \"neu\"", "\\Starred"])
        .await
        .unwrap();
    let labels = added.updated[0].labels.clone().unwrap();
    assert_eq!(labels, ["Bücher \"neu\"", "\\Inbox", "\\Starred"]);
    let shown = look(&mut session, "Bücher \"neu\"").await;
    assert_eq!(shown, [(inbox[0].0.clone(), labels)]);
    look(&mut session, "[Gmail]/All Mail").await;
    session
        .uid_store_labels(&one, StoreMode::Remove, &["\\Inbox"])
        .await
        .unwrap();
    assert!(look(&mut session, "INBOX").await.is_empty());
    assert_eq!(look(&mut session, "[Gmail]/All Mail").await.len(), 2);
}

#[tokio::test]
async fn lasting_ids_of_folders_are_the_same_in_every_answer() {
    let script = ImapScript::new()
        .capabilities("IMAP4rev1 SASL-IR LITERAL+ OBJECTID STATUS=SIZE AUTH=PLAIN")
        .mail("Work", MAIL);
    let sim = ImapSim::start(script);
    let mut session = session(&sim).await;
    let work = MailboxName::from_decoded("Work");
    let told = session.status(&work, &StatusItem::ALL).await.unwrap();
    assert_eq!(told.size, Some(MAIL.len() as u64));
    let selected = session.select(&work, Mode::Examine, None).await.unwrap();
    assert!(selected.mailbox_id.is_some());
    assert_eq!(selected.mailbox_id, told.mailbox_id);
    let ids = look(&mut session, "Work").await;
    assert!(ids[0].0.starts_with('M'), "{ids:?}");
}

#[tokio::test]
async fn a_whole_conversation_goes_through_compression() {
    let script = ImapScript::new()
        .capabilities("IMAP4rev1 SASL-IR LITERAL+ COMPRESS=DEFLATE UIDPLUS IDLE AUTH=PLAIN");
    let sim = ImapSim::start(script);
    let mut session = session(&sim).await;
    assert!(session.compress().await.unwrap());
    let inbox = MailboxName::inbox();
    let text = "The same line again and again.\r\n".repeat(30_000);
    for _ in 0..3 {
        session
            .append(&inbox, &[], None, text.len() as u64, text.as_bytes())
            .await
            .unwrap();
    }
    assert_eq!(
        session.list(&ListOptions::default()).await.unwrap().len(),
        1
    );
    session.select(&inbox, Mode::Examine, None).await.unwrap();
    let before = session.bytes_received();
    let mut body = Vec::new();
    session.fetch_rest(2, 0, 100_000, &mut body).await.unwrap();
    assert!(body == text.as_bytes());
    assert!(session.bytes_received() - before < text.len() as u64 / 20);
    // The simulator sees plain commands.
    assert!(
        sim.log()
            .iter()
            .any(|line| line.contains("BODY.PEEK[]<0.100000>"))
    );
    sim.deliver("INBOX", MAIL);
    session.noop().await.unwrap();
    assert_eq!(session.take_unsolicited(), [Unsolicited::Exists(4)]);
}

const UTF8_MAIL: &[u8] = "Subject: grüße\r\n\r\nA line.\r\n".as_bytes();

async fn append(session: &mut Session, folder: &str, raw: &[u8]) -> bool {
    let name = MailboxName::from_decoded(folder);
    let told = session
        .append(&name, &["\\Seen"], None, raw.len() as u64, raw)
        .await;
    told.unwrap().is_some()
}

/// How APPEND announced each message.
fn announced(sim: &ImapSim) -> Vec<String> {
    let log = sim.log();
    let lines = log.iter().filter(|line| line.contains("APPEND"));
    lines
        .map(|line| line.lines().next().unwrap_or_default())
        .map(|line| {
            line.split("(\\Seen) ")
                .nth(1)
                .unwrap_or_default()
                .to_owned()
        })
        .collect()
}

#[tokio::test]
async fn a_header_in_utf8_is_marked_where_the_server_wants_it_and_sent_all_the_same_where_not() {
    let size = UTF8_MAIL.len();
    let marked = format!("UTF8 (~{{{size}}}");
    let plain = format!("{{{size}+}}");
    let ascii = format!("{{{}+}}", MAIL.len());
    for (offered, fault, expected) in [
        ("", None, vec![&plain, &ascii]),
        ("ENABLE UTF8=ACCEPT", None, vec![&marked, &ascii]),
        ("ENABLE UTF8=ACCEPT IMAP4rev2", None, vec![&plain, &ascii]),
        // The refused one is not in the log: it was no whole command.
        (
            "ENABLE UTF8=ACCEPT",
            Some(ImapFault::NoUtf8Append),
            vec![&plain, &ascii],
        ),
    ] {
        let words = format!("IMAP4rev1 SASL-IR LITERAL+ UIDPLUS AUTH=PLAIN {offered}");
        let mut script = ImapScript::new()
            .capabilities(&words)
            .folder("Entw&APw-rfe");
        script = fault.iter().cloned().fold(script, ImapScript::fault);
        let sim = ImapSim::start(script);
        let mut session = session(&sim).await;
        session.enable(&["UTF8=ACCEPT", "IMAP4rev2"]).await.unwrap();
        assert!(
            append(&mut session, "Entwürfe", UTF8_MAIL).await,
            "{offered}"
        );
        assert!(append(&mut session, "Entwürfe", MAIL).await, "{offered}");
        assert_eq!(
            announced(&sim),
            expected.into_iter().cloned().collect::<Vec<_>>()
        );
        let there = sim.contents();
        let raw: Vec<&[u8]> = there["Entw&APw-rfe"].values().map(|m| &*m.raw).collect();
        assert_eq!(raw, [UTF8_MAIL, MAIL], "{offered}");
    }
}

#[tokio::test]
async fn folders_have_the_same_names_whether_or_not_the_server_speaks_utf8() {
    let mut told = Vec::new();
    for offered in ["", "ENABLE UTF8=ACCEPT", "ENABLE IMAP4rev2"] {
        let words = format!("IMAP4rev1 SASL-IR LITERAL+ UIDPLUS AUTH=PLAIN {offered}");
        let mut script = ImapScript::new().capabilities(&words);
        for folder in ["Entw&APw-rfe", "R&-D", "&U,BTFw-/&ZeVnLIqe-", "&2D3c7A-"] {
            script = script.folder(folder);
        }
        let sim = ImapSim::start(script);
        let mut session = session(&sim).await;
        session.enable(&["UTF8=ACCEPT", "IMAP4rev2"]).await.unwrap();
        let listed = session.list(&ListOptions::default()).await.unwrap();
        let mut names: Vec<MailboxName> = listed.into_iter().map(|entry| entry.name).collect();
        names.sort();
        for name in &names {
            session.select(name, Mode::Examine, None).await.unwrap();
            session.status(name, &[StatusItem::Messages]).await.unwrap();
        }
        // As people write them, once it is on.
        let is_utf8 = sim.log().iter().any(|line| line.contains("\"Entwürfe\""));
        assert_eq!(is_utf8, !offered.is_empty(), "{offered}");
        told.push(names);
    }
    assert_eq!(told[0], told[1]);
    assert_eq!(told[0], told[2]);
    assert_eq!(told[0].len(), 5);
}
