//! Bad input: a bounded, named problem for what cannot be stored; everything else is stored.

use mail_sim::{ImapFault, ImapScript, ImapSim, Point};
use serde_json::{Value, json};
use testkit::{Api, Mail, user, wait_for};

use crate::setting::{
    SOON, all, connect, copy, events, mail, original, postroom, raw, settings, simulated, text,
    wait_complete, wait_connection, wait_count,
};

/// Odd mail, each with what a reader should at least see of it.
fn odd_mail() -> Vec<(&'static str, Vec<u8>)> {
    let head = "From: a@x.test\r\nTo: b@x.test\r\nMIME-Version: 1.0\r\n";
    let nested = |depth: usize| {
        let mut text = format!("{head}Subject: nested\r\n");
        for n in 0..depth {
            text.push_str(&format!(
                "Content-Type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\n"
            ));
        }
        text.push_str("Content-Type: text/plain\r\n\r\ninnermost\r\n");
        text.into_bytes()
    };
    let attached = {
        let mut text = format!("{head}Subject: messages in messages\r\n");
        for _ in 0..2_000 {
            text.push_str("Content-Type: message/rfc822\r\n\r\nSubject: inner\r\n");
        }
        text.into_bytes()
    };
    let invalid = [b"From: \xff\xfe\x80 <a@x.test>\r\nSubject: invalid \xc3\x28 utf-8 \xf0\x28\x8c\xbc\r\nX-\xff: y\r\n\r\nbody \xff\r\n".as_slice()].concat();
    let mut nul = b"From: a@x.test\r\nSubject: nul\x00led\r\n\r\n".to_vec();
    nul.extend(std::iter::repeat_n(0, 100_000));
    nul.extend(b"\r\n");
    let wide = format!(
        "{head}Subject: many\r\n{}\r\nbody\r\n",
        "X-Header: value\r\n".repeat(20_000)
    );
    vec![
        ("no header at all", b"\r\njust text\r\n".to_vec()),
        ("only a header", b"Subject: headless\r\n".to_vec()),
        ("no colon", b"This is no header\r\nNor is this\r\n\r\nbody\r\n".to_vec()),
        ("truncated multipart", format!("{head}Subject: truncated\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: text/pl").into_bytes()),
        ("bad base64", format!("{head}Subject: bad base64\r\nContent-Transfer-Encoding: base64\r\n\r\n%%%=a=b=\r\n").into_bytes()),
        ("unknown charset", format!("{head}Subject: =?no-such-charset?Q?abc?=\r\nContent-Type: text/plain; charset=no-such\r\n\r\nabc\r\n").into_bytes()),
        ("10,000 levels", nested(10_000)),
        ("2,000 messages in messages", attached),
        ("invalid UTF-8", invalid),
        ("NUL", nul),
        ("20,000 header fields", wide.into_bytes()),
        ("a long header line", format!("{head}Subject: {}\r\n\r\nx\r\n", "long ".repeat(60_000)).into_bytes()),
        ("year 9999", format!("{head}Subject: far\r\nDate: Fri, 31 Dec 9999 23:59:59 +0000\r\n\r\nx\r\n").into_bytes()),
        ("a wrong date", format!("{head}Subject: never\r\nDate: Sometime, 99 Foo -5 99:99:99 +9999\r\n\r\nx\r\n").into_bytes()),
    ]
}

/// A file of the mail server.
fn as_mail(raw: Vec<u8>, n: i64) -> Mail {
    Mail {
        raw,
        internal_date: 1_600_000_000 + n,
        flags: Vec::new(),
        subject: String::new(),
        message_id: None,
        sentence: None,
    }
}

#[test]
fn i22_odd_mail_is_stored_as_it_is_and_can_be_read() {
    let user = user("odd mail");
    let odd = odd_mail();
    let count = odd.len();
    user.seed(
        "INBOX",
        odd.into_iter()
            .zip(0..)
            .map(|((_, raw), n)| as_mail(raw, n)),
    );
    let postroom = postroom();
    let mailbox = connect(&postroom, settings(&user));
    wait_complete(&postroom, &mailbox);
    assert_eq!(copy(&postroom, &mailbox), original(&user));
    let messages = all(&postroom, "/v1/messages");
    assert_eq!(messages.len(), count);
    for message in &messages {
        let answer = postroom.send(
            "GET",
            &format!("/v1/messages/{}?body=text,html", text(message, "id")),
            &[],
            b"",
        );
        assert_eq!(answer.status, 200, "{message:#}");
        assert!(
            answer.body.len() < 2_000_000,
            "{} bytes for {}",
            answer.body.len(),
            message["subject"]
        );
    }
    let subjects: Vec<&str> = messages
        .iter()
        .filter_map(|m| m["subject"].as_str())
        .collect();
    for wanted in ["headless", "truncated", "nested", "bad base64"] {
        assert!(subjects.contains(&wanted), "{wanted}: {subjects:#?}");
    }
    assert_eq!(
        all(&postroom, &format!("/v1/mailboxes/{mailbox}/failures")).len(),
        0
    );
}

#[test]
fn i21_fifty_megabytes_and_a_megabyte_of_nul_are_stored_in_bounded_memory() {
    let user = user("fifty megabytes");
    let mut large = b"From: a@x.test\r\nSubject: large\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\
        Content-Type: application/octet-stream; name=large.bin\r\nContent-Transfer-Encoding: base64\r\n\r\n".to_vec();
    let line = [b"QUJD".repeat(19), b"\r\n".to_vec()].concat();
    while large.len() < 50_000_000 {
        large.extend_from_slice(&line);
    }
    large.extend(b"\r\n--x--\r\n");
    let nul = [
        b"Subject: nul\r\n\r\n".to_vec(),
        vec![0; 1_000_000],
        b"\r\n".to_vec(),
    ]
    .concat();
    user.seed(
        "INBOX",
        [
            as_mail(large, 1),
            as_mail(nul, 2),
            as_mail(mail("small", "x"), 3),
        ],
    );
    let postroom = postroom();
    let mailbox = connect(&postroom, settings(&user));
    wait_complete(&postroom, &mailbox);
    assert_eq!(all(&postroom, "/v1/messages").len(), 3);
    let peak = postroom.peak_memory() / 1_000_000;
    assert!(peak < 400, "{peak} MB");
    assert_eq!(copy(&postroom, &mailbox), original(&user));
    let peak = postroom.peak_memory() / 1_000_000;
    assert!(peak < 400, "{peak} MB after reading it");
}

/// A simulator with so many small mails.
fn simulator(count: usize) -> ImapScript {
    (0..count).fold(ImapScript::new(), |script, n| {
        script.mail("INBOX", &mail(&format!("m{}", n + 1), "x"))
    })
}

/// The one entry of the failure ledger.
#[track_caller]
fn failure(api: &Api, mailbox: &str) -> Value {
    wait_count(api, &format!("/v1/mailboxes/{mailbox}/failures"), 1).remove(0)
}

/// The subjects that are stored.
fn subjects(api: &Api) -> Vec<String> {
    let mut found: Vec<String> = all(api, "/v1/messages")
        .iter()
        .map(|m| text(m, "subject").to_owned())
        .collect();
    found.sort();
    found
}

#[test]
fn a_message_that_the_server_does_not_give_is_named_and_the_others_are_stored() {
    let cases: [(&str, ImapFault); 2] = [
        ("refused", ImapFault::BadUidFails(4)),
        ("empty", ImapFault::NilBody(4)),
    ];
    for (name, fault) in cases {
        let sim = ImapSim::start(simulator(9).fault(fault));
        let postroom = postroom();
        let mailbox = connect(&postroom, simulated(sim.port()));
        let failure = failure(&postroom, &mailbox);
        assert_eq!(failure["uid"], 4, "{name}: {failure:#}");
        let (status, page) =
            postroom.get(&format!("/v1/problems/{}", text(&failure, "problem_id")));
        assert_eq!(status, 200, "{name}: {page:#}");
        wait_count(&postroom, "/v1/messages", 8);
        assert_eq!(
            wait_connection(&postroom, &mailbox, "live")["coverage"]["holes"],
            1
        );
        assert_eq!(events(&postroom, "message.unreadable").len(), 1);
        // Once the server gives it, "try again" fetches it.
        sim.set_faults(&[]);
        let retry = format!(
            "/v1/mailboxes/{mailbox}/failures/{}/retry",
            text(&failure, "id")
        );
        let (status, answer) = postroom.post(&retry, &json!({}));
        assert!(status < 300, "{name}: {answer:#}");
        wait_count(&postroom, "/v1/messages", 9);
        wait_count(&postroom, &format!("/v1/mailboxes/{mailbox}/failures"), 0);
        assert!(subjects(&postroom).contains(&"m4".to_owned()));
    }
}

#[test]
fn i26_a_misbehaving_server_costs_little_and_is_named_until_it_behaves() {
    let postroom = postroom();
    let faults = [
        (
            "an endless greeting",
            ImapFault::EndlessLine(Point::Greeting),
        ),
        (
            "an endless line of a list",
            ImapFault::EndlessLine(Point::List),
        ),
        (
            "an endless line instead of a message",
            ImapFault::EndlessLine(Point::Fetch),
        ),
        (
            "a literal of 4 GiB",
            ImapFault::HugeLiteralClaim(Point::Fetch),
        ),
        (
            "a literal of 4 GiB in a list",
            ImapFault::HugeLiteralClaim(Point::List),
        ),
        (
            "an end in the middle of a message",
            ImapFault::CloseMidLiteral,
        ),
        (
            "nonsense instead of a folder",
            ImapFault::Nonsense(Point::Select),
        ),
        (
            "nonsense instead of a greeting",
            ImapFault::Nonsense(Point::Greeting),
        ),
        ("an end while waiting", ImapFault::CloseAt(Point::Idle)),
        ("another protocol", ImapFault::NotImap),
        (
            "a farewell instead of a greeting",
            ImapFault::ByeAtOnce("too busy".into()),
        ),
    ];
    let sims: Vec<(&str, ImapSim, String)> = faults
        .into_iter()
        .map(|(name, fault)| {
            let sim = ImapSim::start(simulator(5).fault(fault));
            let (status, mailbox) = postroom.post("/v1/mailboxes", &simulated(sim.port()));
            assert_eq!(status, 201, "{mailbox:#}");
            let id = text(&mailbox, "id").to_owned();
            assert_eq!(
                postroom
                    .post(&format!("/v1/mailboxes/{id}/enable?test=false"), &json!({}))
                    .0,
                200
            );
            (name, sim, id)
        })
        .collect();
    for (name, _, id) in &sims {
        let path = format!("/v1/mailboxes/{id}");
        let problem = postroom.poll(&path, SOON, |_, value| {
            value["connection"]["problem_id"]
                .as_str()
                .map(str::to_owned)
        });
        let (status, _) = postroom.get(&format!("/v1/problems/{problem}"));
        assert_eq!(status, 200, "{name}: {problem}");
    }
    let peak = postroom.peak_memory() / 1_000_000;
    assert!(peak < 300, "{peak} MB");
    for (_, sim, _) in &sims {
        sim.set_faults(&[]);
    }
    for (name, _, id) in &sims {
        let (status, answer) = postroom.post(&format!("/v1/mailboxes/{id}/try-again"), &json!({}));
        assert!(status < 300, "{name}: {answer:#}");
        let path = format!("/v1/messages?mailbox_id={id}");
        let failures = format!("/v1/mailboxes/{id}/failures");
        wait_for(SOON, &format!("all mail is there after {name}"), || {
            for failure in all(&postroom, &failures) {
                postroom.post(
                    &format!("{failures}/{}/retry", text(&failure, "id")),
                    &json!({}),
                );
            }
            (all(&postroom, &path).len() == 5).then_some(())
        });
    }
}

#[test]
fn folder_names_that_are_no_text_do_not_stop_a_mailbox() {
    let sim = ImapSim::start(simulator(3).fault(ImapFault::InvalidUtf8FolderNames));
    let postroom = postroom();
    let mailbox = connect(&postroom, simulated(sim.port()));
    wait_count(&postroom, "/v1/messages", 3);
    let folders = all(&postroom, &format!("/v1/mailboxes/{mailbox}/folders"));
    assert_eq!(folders.len(), 2, "{folders:#?}");
    wait_connection(&postroom, &mailbox, "live");
}

#[test]
fn lying_counts_and_sizes_do_no_harm() {
    for fault in [
        ImapFault::WrongSize(1),
        ImapFault::WrongSize(4_000_000_000),
        ImapFault::WrongCount(1_000_000),
    ] {
        let sim = ImapSim::start(simulator(4).fault(fault.clone()));
        let postroom = postroom();
        connect(&postroom, simulated(sim.port()));
        let messages = wait_count(&postroom, "/v1/messages", 4);
        for message in messages {
            assert!(
                raw(&postroom, text(&message, "id")).ends_with(b"x\r\n"),
                "{fault:?}"
            );
        }
    }
}

#[test]
fn a_new_uid_validity_doubles_nothing_and_tells_nothing_twice() {
    let sim = ImapSim::start(simulator(6));
    let postroom = postroom();
    let mailbox = connect(&postroom, simulated(sim.port()));
    wait_count(&postroom, "/v1/messages", 6);
    sim.set_uid_validity("INBOX", 4711);
    let (status, _) = postroom.post(&format!("/v1/mailboxes/{mailbox}/resync"), &json!({}));
    assert!(status < 300);
    wait_for(SOON, "the reset is told", || {
        (events(&postroom, "folder.reset").len() == 1).then_some(())
    });
    sim.deliver("INBOX", &mail("after", "x"));
    wait_count(&postroom, "/v1/messages", 7);
    assert_eq!(events(&postroom, "message.received").len(), 7);
}
