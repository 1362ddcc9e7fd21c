//! Greylisting, a content filter and notices of delivery, by Postfix.

use smtp_client::{DataResult, Dsn, Envelope, Notify, Return, Session};
use std::time::Duration;
use testkit::{TestUser, servers, unique, user, wait_for};

use crate::accepted;
use crate::real_servers::{HOST, delivered, envelope, password, session};

async fn signed_in(user: &TestUser) -> Session {
    let mut session = session().await;
    session
        .login(&password(user), HOST, servers().submission_port)
        .await
        .expect("login");
    session
}

/// A recipient with a name that means something to the test servers.
fn someone(kind: &str) -> TestUser {
    let local = unique(kind);
    TestUser {
        password: format!("secret-{local}"),
        address: format!("{local}@example.test"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_greylisting_server_takes_the_message_when_it_is_offered_again() {
    let user = user("smtp-greylisted");
    let bob = someone("greylisted");
    let mut session = signed_in(&user).await;
    let letter = envelope(&user, &[&bob.address, &user.address]);
    let body = &b"Subject: x\r\n\r\n"[..];
    let outcome = session.send(&letter, body).await.expect("an outcome");
    assert_eq!(accepted(&outcome), [false, true]);
    let reply = &outcome.recipients[0].reply;
    assert_eq!(
        (reply.code, reply.enhanced.as_deref()),
        (450, Some("4.2.0")),
        "{reply}"
    );
    let mut tries = 0;
    loop {
        tries += 1;
        assert!(tries < 100, "the server never let us in");
        let letter = envelope(&user, &[&bob.address]);
        let outcome = session.send(&letter, body).await.expect("an outcome");
        match outcome.data {
            DataResult::Accepted(_) => break,
            DataResult::NotSent => tokio::time::sleep(Duration::from_millis(200)).await,
            _ => panic!("{outcome:?}"),
        }
    }
    session.quit().await;
    assert_eq!(delivered(&bob, 1).len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_content_filter_answers_for_each_recipient_and_for_the_whole_message() {
    let user = user("smtp-filter");
    let (refused, busy) = (someone("filtered"), someone("filterbusy"));
    for chunks in [true, false] {
        let mut session = signed_in(&user).await;
        if !chunks {
            session.avoid_chunks();
        }
        let to = [&*refused.address, &busy.address, &user.address];
        let outcome = session
            .send(&envelope(&user, &to), &b"Subject: fine\r\n\r\n"[..])
            .await
            .expect("an outcome");
        assert_eq!(accepted(&outcome), [false, false, true]);
        let codes: Vec<_> = outcome.recipients.iter().map(|to| to.reply.code).collect();
        assert_eq!(codes[..2], [550, 451]);
        assert!(
            matches!(outcome.data, DataResult::Accepted(_)),
            "{outcome:?}"
        );
        for (wanted, code, enhanced) in [
            ("554 5.7.1 This is spam", 554, "5.7.1"),
            ("451 4.3.0 Scanner is busy", 451, "4.3.0"),
        ] {
            let body = format!("Subject: bad\r\nX-Filter: {wanted}\r\n\r\ntext\r\n");
            let outcome = session
                .send(&envelope(&user, &[&user.address]), body.as_bytes())
                .await
                .expect("an outcome");
            assert_eq!(accepted(&outcome), [true]);
            let DataResult::Refused(reply) = &outcome.data else {
                panic!("{outcome:?}")
            };
            assert_eq!(
                (reply.code, reply.enhanced.as_deref()),
                (code, Some(enhanced))
            );
        }
        session.quit().await;
    }
    let arrived = delivered(&user, 2);
    assert_eq!(arrived.len(), 2);
    assert!(arrived.iter().all(|message| {
        let text = String::from_utf8_lossy(message).into_owned();
        text.contains("Subject: fine")
    }));
}

/// The notices among what a user got, that name this recipient.
fn notice(user: &TestUser, about: &str) -> String {
    wait_for(Duration::from_secs(40), "the notice", || {
        delivered(user, 1).into_iter().find_map(|message| {
            let text = String::from_utf8_lossy(&message).replace("\r\n", "\n");
            (text.contains("multipart/report") && text.contains(&format!("rfc822;{about}")))
                .then_some(text)
        })
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn notices_of_success_delay_and_failure_come_back_under_the_envelope_id() {
    let user = user("smtp-notices");
    let mut session = signed_in(&user).await;
    assert!(session.capabilities().dsn);
    let all = Notify {
        success: true,
        failure: true,
        delay: true,
    };
    let fine = someone("fine");
    let (gone, late, unheard) = (someone("bounce"), someone("slow"), someone("bounce"));
    for (to, id, notify) in [
        // Nothing comes back of this one, though it fails like the last.
        (&unheard, "sub_never", Notify::default()),
        (&fine, "sub_fine", all),
        (&late, "sub_late+x", all),
        (&gone, "sub_gone", all),
    ] {
        let letter = Envelope {
            dsn: Some(Dsn {
                envelope_id: Some(id.to_owned()),
                returned: Some(Return::Headers),
                notify: Some(notify),
            }),
            ..envelope(&user, &[&to.address])
        };
        let outcome = session
            .send(&letter, &b"Subject: x\r\n\r\nthe body itself\r\n"[..])
            .await
            .expect("an outcome");
        assert!(
            matches!(outcome.data, DataResult::Accepted(_)),
            "{outcome:?}"
        );
    }
    session.quit().await;
    for (to, id, actions) in [
        (&fine, "sub_fine", &["delivered", "relayed"][..]),
        (&gone, "sub_gone", &["failed"]),
        (&late, "sub_late+x", &["delayed"]),
    ] {
        let text = notice(&user, &to.address);
        assert!(
            text.contains(&format!("Original-Envelope-Id: {id}\n")),
            "{text}"
        );
        let action = |word: &&str| text.contains(&format!("Action: {word}\n"));
        assert!(actions.iter().any(action), "{text}");
        assert!(
            !text.contains("the body itself"),
            "only the header was asked for: {text}"
        );
    }
    let about_unheard =
        |message: &Vec<u8>| String::from_utf8_lossy(message).contains(&unheard.address);
    assert!(!delivered(&user, 3).iter().any(about_unheard));
}
