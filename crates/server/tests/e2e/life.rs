//! A mailbox's life: paused, resumed, changed, removed; and how patient Postroom is with its server.

use std::time::{Duration, Instant};

use mail_sim::{ImapFault, ImapScript, ImapSim, Point};
use serde_json::json;
use testkit::{Generator, Proxy, deliver, servers, user, wait_for};

use crate::setting::{
    SOON, all, connect, connect_whole, copy, events, mail, original, postroom, raw, settings_by,
    simulated, text, wait_complete, wait_connection, wait_count,
};

#[test]
fn a_paused_mailbox_has_no_connection_and_catches_up_when_resumed() {
    let user = user("paused");
    user.seed("INBOX", Generator::new(80).take(5));
    let proxy = Proxy::start(servers().imap_port);
    let postroom = postroom();
    let mailbox = connect(&postroom, settings_by(&user, proxy.port()));
    wait_complete(&postroom, &mailbox);
    let path = format!("/v1/mailboxes/{mailbox}");
    for (stop, lifecycle, start) in [
        ("pause", "paused", "resume"),
        ("disable", "disabled", "enable"),
    ] {
        let (status, stopped) = postroom.post(&format!("{path}/{stop}"), &json!({}));
        assert_eq!(
            (status, &stopped["lifecycle"]),
            (200, &json!(lifecycle)),
            "{stopped:#}"
        );
        wait_for(SOON, "the connection ends", || {
            (proxy.open() == 0).then_some(())
        });
        assert_eq!(
            wait_connection(&postroom, &mailbox, "off")["lifecycle"],
            lifecycle
        );
        deliver(&user, &mail(stop, "meanwhile"));
        let (status, started) = postroom.post(&format!("{path}/{start}"), &json!({}));
        assert_eq!(
            (status, &started["lifecycle"]),
            (200, &json!("enabled")),
            "{started:#}"
        );
        let found = wait_count(&postroom, &format!("/v1/messages?q=subject:{stop}"), 1);
        let told = events(&postroom, "message.received");
        let event = told
            .iter()
            .find(|event| event["data"]["message_id"] == found[0]["id"]);
        assert_eq!(event.expect("it is told")["origin"], "catch_up");
    }
    assert_eq!(copy(&postroom, &mailbox), original(&user));
}

#[test]
fn a_removed_mailbox_takes_everything_of_it_along_and_leaves_the_server_alone() {
    let user = user("removed");
    user.seed("INBOX", Generator::new(81).take(5));
    let before = original(&user);
    let proxy = Proxy::start(servers().imap_port);
    let postroom = postroom();
    let mailbox = connect(&postroom, settings_by(&user, proxy.port()));
    wait_complete(&postroom, &mailbox);
    let message = text(&all(&postroom, "/v1/messages")[0], "id").to_owned();
    assert_eq!(postroom.delete(&format!("/v1/mailboxes/{mailbox}")).0, 204);
    wait_for(SOON, "the connection ends", || {
        (proxy.open() == 0).then_some(())
    });
    for path in [
        format!("/v1/mailboxes/{mailbox}"),
        format!("/v1/messages/{message}"),
        format!("/v1/messages/{message}/raw"),
    ] {
        assert_eq!(postroom.get(&path).0, 404, "{path}");
    }
    for path in ["/v1/messages", "/v1/threads", "/v1/mailboxes"] {
        wait_count(&postroom, path, 0);
    }
    assert_eq!(events(&postroom, "mailbox.removed").len(), 1);
    assert_eq!(original(&user), before);
    // The same address can come back.
    let again = connect(&postroom, settings_by(&user, proxy.port()));
    wait_complete(&postroom, &again);
    assert_eq!(copy(&postroom, &again), before);
}

#[test]
fn two_people_who_change_the_same_mailbox_do_not_overwrite_each_other() {
    let user = user("if-match");
    let postroom = postroom();
    let mailbox = connect_whole(&postroom, &user);
    let path = format!("/v1/mailboxes/{mailbox}");
    let first = postroom.send("GET", &path, &[], b"");
    let tag = first.header("etag").expect("an ETag").to_owned();
    let change = |name: &str| {
        let headers = [("if-match", tag.as_str())];
        postroom.send_json("PATCH", &path, &headers, &json!({"name": name}))
    };
    assert_eq!(change("One").0, 200);
    let (status, problem) = change("Two");
    assert_eq!(status, 412, "{problem:#}");
    assert_eq!(postroom.get(&path).1["name"], "One");
}

#[test]
fn original_bytes_are_given_in_parts() {
    let user = user("ranges");
    user.seed("INBOX", Generator::new(82).take(1));
    let postroom = postroom();
    connect_whole(&postroom, &user);
    let id = text(&all(&postroom, "/v1/messages")[0], "id").to_owned();
    let whole = raw(&postroom, &id);
    let part = |range: &str| {
        postroom.send(
            "GET",
            &format!("/v1/messages/{id}/raw"),
            &[("range", range)],
            b"",
        )
    };
    let middle = part("bytes=10-19");
    assert_eq!(
        (middle.status, middle.body.as_slice()),
        (206, &whole[10..20])
    );
    assert_eq!(
        middle.header("content-range"),
        Some(format!("bytes 10-19/{}", whole.len()).as_str())
    );
    let tail = part("bytes=-5");
    assert_eq!(
        (tail.status, tail.body.as_slice()),
        (206, &whole[whole.len() - 5..])
    );
    assert_eq!(part("bytes=99999999-").status, 416);
}

#[test]
fn a_held_mailbox_stays_held_over_a_restart_without_another_try() {
    let sim = ImapSim::start(ImapScript::new().mail("INBOX", b"Subject: x\r\n\r\ny\r\n"));
    let mut postroom = postroom();
    let mailbox = connect(&postroom, simulated(sim.port()));
    wait_connection(&postroom, &mailbox, "live");
    sim.set_faults(&[ImapFault::LoginRefused("[AUTHENTICATIONFAILED] no".into())]);
    let before = sim.logins();
    postroom.restart();
    wait_connection(&postroom, &mailbox, "held");
    assert_eq!(sim.logins() - before, 2);
    postroom.restart();
    let connections = sim.connections();
    // Another mailbox is live: the server had its time to come back for this one.
    let user = user("other");
    connect_whole(&postroom, &user);
    assert_eq!((sim.logins() - before, sim.connections()), (2, connections));
    sim.set_faults(&[]);
    let (status, answer) = postroom.post(&format!("/v1/mailboxes/{mailbox}/try-again"), &json!({}));
    assert!(status < 300, "{answer:#}");
    wait_connection(&postroom, &mailbox, "live");
}

#[test]
fn a_server_that_hangs_up_is_visited_ever_more_rarely() {
    let postroom = postroom();
    let sims: Vec<ImapSim> = [
        ImapFault::CloseAt(Point::Idle),
        ImapFault::CloseAt(Point::Select),
        ImapFault::CloseAt(Point::Greeting),
    ]
    .into_iter()
    .map(|fault| {
        ImapSim::start(
            ImapScript::new()
                .mail("INBOX", b"Subject: x\r\n\r\ny\r\n")
                .fault(fault),
        )
    })
    .collect();
    let since = Instant::now();
    for sim in &sims {
        let (_, mailbox) = postroom.post("/v1/mailboxes", &simulated(sim.port()));
        let path = format!("/v1/mailboxes/{}/enable?test=false", text(&mailbox, "id"));
        assert_eq!(postroom.post(&path, &json!({})).0, 200);
    }
    // One more for the first, which brings mail before it hangs up, and one for the report of it, because it works. The last,
    // which hangs up before it says anything, is asked a second time at each visit whether it wants TLS.
    let per_visit = [1, 1, 2];
    let reports = [1, 0, 0];
    for (sim, count) in sims.iter().zip([5, 3, 6]) {
        wait_for(SOON, "it is visited again", || {
            (sim.connections() >= count).then_some(())
        });
    }
    assert!(
        since.elapsed() >= Duration::from_secs(6),
        "{:?}",
        since.elapsed()
    );
    let visits: Vec<usize> = sims
        .iter()
        .zip(per_visit.into_iter().zip(reports))
        .map(|(sim, (connections, reports))| (sim.connections() - reports).div_ceil(connections))
        .collect();
    assert!(
        visits.iter().all(|count| *count <= 4),
        "{visits:?} in {:?}",
        since.elapsed()
    );
}

#[test]
fn a_change_that_breaks_the_connection_does_not_keep_new_mail_out() {
    let sim = ImapSim::start(
        ImapScript::new()
            .mail("INBOX", b"Subject: x\r\n\r\ny\r\n")
            .fault(ImapFault::CloseAt(Point::Store)),
    );
    let postroom = postroom();
    let mailbox = connect(&postroom, simulated(sim.port()));
    let messages = format!("/v1/messages?mailbox_id={mailbox}");
    let first = wait_count(&postroom, &messages, 1);
    let path = format!("/v1/messages/{}", text(&first[0], "id"));
    let (status, _) = postroom.patch(&path, &json!({"flags": {"flagged": true}}));
    assert!(status < 300, "{status}");
    sim.deliver("INBOX", b"Subject: new\r\n\r\ny\r\n");
    wait_count(&postroom, &messages, 2);
}
