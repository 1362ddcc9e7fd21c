//! Against the simulator, over real sockets: what Gmail does with labels, lasting ids, and compression by another hand.

use imap_client::{
    Limits, ListOptions, MailboxName, MetaItems, Mode, Session, StatusItem, StoreMode, UidSet,
    Unsolicited,
};
use mail_net::sasl::{Credentials, Secret};
use mail_net::{Net, Policy, Timeouts, TlsSettings};
use mail_sim::{ImapScript, ImapSim};

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
