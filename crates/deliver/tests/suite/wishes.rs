//! What a submission asks of the server, and how much the server takes at once.

use crate::outbox::{queue, until};
use crate::{Fixture, net_trusting};
use mail_sim::{Encryption, SmtpFault, SmtpScript, SmtpSim};
use model::mailbox::{Auth, Mailbox, Security};
use model::submission::{Dsn, Notify, Return, State, Submission, Wishes};
use store::submissions::{self, NewSubmission};

const MINUTE: i64 = 60_000;
const RAW: &[u8] = b"Message-ID: <one@example.com>\r\nSubject: x\r\n\r\nHello\r\n.dot\r\n";

async fn wish(f: &Fixture, mailbox: &Mailbox, wishes: Wishes) -> Submission {
    queue_raw(f, mailbox, RAW, wishes).await
}

async fn queue_raw(f: &Fixture, mailbox: &Mailbox, raw: &[u8], wishes: Wishes) -> Submission {
    let digest = f.store.blobs.put(raw).await.expect("stored");
    let to = vec!["bob@x.org".to_owned()];
    let new = NewSubmission {
        wishes,
        ..NewSubmission::new(&mailbox.id, digest, &mailbox.address, "one@example.com", to)
    };
    submissions::create(&f.store, new)
        .await
        .expect("a submission")
}

#[tokio::test]
async fn notices_are_asked_for_as_wished_and_always_under_the_submissions_id() {
    let f = Fixture::started().await;
    let sim = SmtpSim::start(SmtpScript::new().offer(&["DSN", "CHUNKING"]));
    let mailbox = f.mailbox(sim.port(), Auth::None).await;
    let wished = Wishes {
        dsn: Some(Dsn {
            notify: vec![Notify::Success, Notify::Delay],
            r#return: Some(Return::Headers),
        }),
        ..Wishes::default()
    };
    let never = Wishes {
        dsn: Some(Dsn {
            notify: vec![Notify::Never],
            r#return: None,
        }),
        ..Wishes::default()
    };
    for (wishes, of_mail, of_recipient) in [
        (wished, "RET=HDRS ", "NOTIFY=SUCCESS,DELAY "),
        (never, "", "NOTIFY=NEVER "),
        (Wishes::default(), "", ""),
    ] {
        let id = wish(&f, &mailbox, wishes).await.id;
        until(&f, &id, |s| s.state == State::Accepted).await;
        let mail = sim.mails().pop().expect("a message");
        let asked = format!("{of_mail}ENVID={id}");
        assert!(mail.sender_parameters.ends_with(&asked), "{mail:?}");
        let asked = format!("{of_recipient}ORCPT=rfc822;bob@x.org");
        assert_eq!(mail.recipient_parameters, [asked]);
        assert_eq!(mail.data, RAW);
    }
    f.end().await;
}

#[tokio::test]
async fn what_must_travel_over_tls_goes_only_to_a_server_that_promises_it() {
    let secure = SmtpScript::new().encryption(Encryption::Implicit);
    for (script, security, taken) in [
        (secure.clone().offer(&["REQUIRETLS"]), Security::Tls, true),
        (secure, Security::Tls, false),
        (
            SmtpScript::new().offer(&["REQUIRETLS"]),
            Security::None,
            false,
        ),
    ] {
        let sim = SmtpSim::start(script);
        let mut f = Fixture::new().await;
        f.net = net_trusting(&["127.0.0.0/8"], Some(sim.ca_pem()));
        f.start().await;
        let mailbox = f.mailbox_over(sim.port(), Auth::None, security).await;
        let wishes = Wishes {
            require_tls: true,
            ..Wishes::default()
        };
        let id = wish(&f, &mailbox, wishes).await.id;
        let settled = until(&f, &id, |s| s.state.is_final()).await;
        if taken {
            assert_eq!(settled.state, State::Accepted);
            let asked = &sim.mails()[0].sender_parameters;
            assert!(asked.contains("REQUIRETLS"), "{asked}");
        } else {
            assert_eq!(settled.state, State::Failed);
            assert_eq!(settled.problem_id.as_deref(), Some("smtp_feature_missing"));
            assert!(sim.mails().is_empty());
        }
        f.end().await;
    }
}

#[tokio::test]
async fn a_servers_own_limits_are_obeyed_and_nobody_waits_for_who_is_put_off() {
    let f = Fixture::started().await;
    let script = SmtpScript::new().offer(&["LIMITS RCPTMAX=2 MAILMAX=2 RCPTDOMAINMAX=1"]);
    let sim = SmtpSim::start(script.fault(SmtpFault::TempfailRecipient("a@x.org".into())));
    let mailbox = f.mailbox(sim.port(), Auth::None).await;
    let all = [
        "a@x.org", "b@x.org", "c@x.org", "d@y.org", "e@x.org", "f@x.org",
    ];
    let id = queue(&f, &mailbox, &all).await.id;
    let nobody_is_left = |s: &Submission| s.recipients.iter().all(|r| r.state != State::Queued);
    let waiting = until(&f, &id, |s| s.state == State::Deferred && nobody_is_left(s)).await;
    let left: Vec<_> = waiting
        .recipients
        .iter()
        .filter(|r| r.state != State::Accepted)
        .map(|r| r.address.as_str())
        .collect();
    assert_eq!(left, ["a@x.org"]);
    assert!(waiting.next_attempt_at > Some(f.clock.now().plus_millis(4 * MINUTE)));
    sim.set_faults(&[]);
    f.advance(2 * 60 * MINUTE);
    until(&f, &id, |s| s.state == State::Accepted).await;
    let mails = sim.mails();
    let mut to: Vec<_> = mails.iter().flat_map(|mail| mail.to.clone()).collect();
    to.sort();
    assert_eq!(to, all, "everyone got it once");
    let most = mails.iter().map(|mail| mail.to.len()).max();
    assert_eq!((most, mails.len()), (Some(2), 5));
    assert!(sim.connections() >= 3);
    // The server never had to refuse what was too much.
    let asked = sim
        .log()
        .iter()
        .filter(|line| line.starts_with("RCPT"))
        .count();
    assert_eq!(asked, all.len() + 1);
    f.end().await;
}

#[tokio::test]
async fn a_server_that_does_not_know_the_chunks_it_offers_gets_the_message_without() {
    let f = Fixture::started().await;
    let no_chunks = SmtpFault::Refuse("BDAT", "502 5.5.1 not implemented".into());
    let sim = SmtpSim::start(SmtpScript::new().offer(&["CHUNKING"]).fault(no_chunks));
    let mailbox = f.mailbox(sim.port(), Auth::None).await;
    let id = queue(&f, &mailbox, &["bob@x.org"]).await.id;
    let sent = until(&f, &id, |s| s.state == State::Accepted).await;
    assert_eq!((sent.attempts, sent.possible_duplicate), (1, false));
    let mails = sim.mails();
    assert_eq!(mails.len(), 1);
    assert!(mails[0].chunks.is_empty() && mails[0].data == RAW);
    f.end().await;
}

#[tokio::test]
async fn a_server_that_takes_no_8_bit_content_gets_the_message_rewritten() {
    const RAW: &str = "Message-ID: <one@example.com>\r\nSubject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\
        Content-Transfer-Encoding: 8bit\r\n\r\nCaf\u{e9} = 1\r\n.dot\r\n";
    let signed = "Message-ID: <two@example.com>\r\nContent-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\n\u{e9}\r\n--b--\r\n";
    for extensions in [&["SIZE 1000"][..], &["PIPELINING", "CHUNKING"]] {
        let f = Fixture::started().await;
        let sim = SmtpSim::start(SmtpScript::new().extensions(extensions));
        let mailbox = f.mailbox(sim.port(), Auth::None).await;
        let id = queue_raw(&f, &mailbox, RAW.as_bytes(), Wishes::default())
            .await
            .id;
        until(&f, &id, |s| s.state == State::Accepted).await;
        let mail = sim.mails().remove(0);
        let text = String::from_utf8(mail.data.clone()).expect("ASCII");
        assert!(text.is_ascii() && !text.contains("8bit"), "{text}");
        assert!(
            text.ends_with("quoted-printable\r\n\r\nCaf=C3=A9 =3D 1\r\n.dot\r\n"),
            "{text}"
        );
        if extensions[0].starts_with("SIZE") {
            let size = format!("SIZE={}", mail.data.len());
            assert_eq!(mail.sender_parameters, size, "the size of what goes out");
        }
        // A signature would be lost: this one is refused, and said so.
        let id = queue_raw(&f, &mailbox, signed.as_bytes(), Wishes::default())
            .await
            .id;
        let failed = until(&f, &id, |s| s.state == State::Failed).await;
        assert_eq!(failed.problem_id.as_deref(), Some("smtp_feature_missing"));
        assert_eq!(sim.mails().len(), 1);
        f.end().await;
    }
}

#[tokio::test]
async fn an_address_beyond_ascii_fails_alone_where_the_server_cannot_carry_it() {
    let f = Fixture::started().await;
    let sim = SmtpSim::start(SmtpScript::new().extensions(&["PIPELINING", "8BITMIME"]));
    let mailbox = f.mailbox(sim.port(), Auth::None).await;
    let id = queue(&f, &mailbox, &["j\u{f6}rg@x.org", "bob@x.org"])
        .await
        .id;
    let sent = until(&f, &id, |s| s.state == State::Accepted).await;
    let fates: Vec<_> = sent.recipients.iter().map(|r| r.state).collect();
    assert_eq!(fates, [State::Failed, State::Accepted]);
    let words = sent.recipients[0].text.as_deref().unwrap_or_default();
    assert!(words.contains("SMTPUTF8"), "{words}");
    let mails = sim.mails();
    assert_eq!(
        (mails.len(), mails[0].to.as_slice()),
        (1, &["bob@x.org".to_owned()][..])
    );
    f.end().await;
}
