//! Synchronise: the copy equals the mailbox, whatever is killed or cut, and stays in step.

use std::time::Duration;

use serde_json::json;
use testkit::{Api, Fault, Generator, ImapProbe, Mail, Proxy, deliver, servers, user, wait_for};

use crate::setting::{
    SOON, all, connect, connect_whole, copy, each_told_once, events, folder_id, mail, original,
    postroom, settings, settings_by, text, wait_complete, wait_count, with,
};

/// How many messages are stored so far.
fn done(api: &Api, mailbox: &str) -> u64 {
    let (_, mailbox) = api.get(&format!("/v1/mailboxes/{mailbox}"));
    mailbox["coverage"]["done"].as_u64().unwrap_or(0)
}

#[test]
fn a_whole_mailbox_is_copied_byte_for_byte() {
    let user = user("whole mailbox");
    user.seed("INBOX", Generator::new(1).take(60));
    user.seed("Archive", Generator::new(2).take(30));
    user.seed("Kunden/Größe", Generator::new(3).take(10));
    user.seed("Trash", Generator::new(4).take(3));
    let before = original(&user);
    let postroom = postroom();
    let mailbox = connect_whole(&postroom, &user);
    assert_eq!(copy(&postroom, &mailbox), before);
    each_told_once(&postroom, &mailbox);
    // Nothing was marked read, moved or removed.
    assert_eq!(original(&user), before);
    let told = events(&postroom, "message.*");
    assert!(
        told.iter().all(|event| event["origin"] == "backfill"),
        "{told:#?}"
    );
    assert_eq!(events(&postroom, "mailbox.backfill_completed").len(), 1);
}

#[test]
fn an_old_server_without_extensions_is_copied_and_followed_too() {
    let user = user("old server");
    user.seed("INBOX", Generator::new(5).take(40));
    user.seed("Work/2024", Generator::new(6).take(10));
    let postroom = postroom();
    let side = json!({"host": "localhost", "port": servers().basic_imap_port, "security": "none"});
    let mailbox = connect(&postroom, with(settings(&user), json!({"incoming": side})));
    wait_complete_or_polling(&postroom, &mailbox);
    assert_eq!(copy(&postroom, &mailbox), original(&user));
    let mut probe = ImapProbe::login(&user);
    probe.select("INBOX");
    probe.store("1:3", "+FLAGS", "\\Flagged");
    probe.remove("7:9");
    probe.append("INBOX", "", "", &mail("Later", "one more"));
    let (status, _) = postroom.post(&format!("/v1/mailboxes/{mailbox}/resync"), &json!({}));
    assert!(status < 300, "{status}");
    let wanted = original(&user);
    wait_for(SOON, "the copy equals the mailbox again", || {
        (copy(&postroom, &mailbox) == wanted).then_some(())
    });
    each_told_once_with_removed(&postroom, &mailbox, 51);
}

fn wait_complete_or_polling(api: &Api, mailbox: &str) {
    api.poll(&format!("/v1/mailboxes/{mailbox}"), SOON, |_, value| {
        let state = &value["connection"]["state"];
        (value["coverage"]["state"] == "complete" && (state == "live" || state == "polling"))
            .then_some(())
    });
}

/// Each message that was ever stored was told of once.
fn each_told_once_with_removed(api: &Api, mailbox: &str, count: usize) {
    let path = format!("/v1/events?types=message.received,message.sent&mailbox_id={mailbox}");
    let told = all(api, &path);
    let mut ids: Vec<&str> = told
        .iter()
        .map(|event| text(&event["data"], "message_id"))
        .collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!((told.len(), ids.len()), (count, count));
}

#[test]
fn i19_killed_again_and_again_during_the_first_copy_nothing_is_lost_doubled_or_fetched_again() {
    let user = user("killed");
    user.seed("INBOX", Generator::new(7).mean_size(6_000).take(700));
    user.seed("Archive", Generator::new(8).mean_size(6_000).take(300));
    let bytes_of = |kill_at: &[u64]| {
        let proxy = Proxy::start(servers().imap_port);
        let mut postroom = postroom();
        let mailbox = connect(&postroom, settings_by(&user, proxy.port()));
        let mut kills = 0;
        for count in kill_at {
            wait_for(SOON, "the copy grows", || {
                (done(&postroom, &mailbox) >= *count).then_some(())
            });
            postroom.kill9();
            postroom.restart();
            kills += 1;
        }
        wait_complete(&postroom, &mailbox);
        assert_eq!(
            copy(&postroom, &mailbox),
            original(&user),
            "after {kills} kills"
        );
        each_told_once(&postroom, &mailbox);
        proxy.bytes_to_client()
    };
    let whole = bytes_of(&[]);
    let kills = [1, 250, 600, 900];
    let bytes = bytes_of(&kills);
    // At most the batch in flight is fetched again: 200 messages of these 1,000 for each kill, and the listing.
    let bound = whole + whole * kills.len() as u64 / 4;
    assert!(bytes < bound, "{bytes} bytes instead of {whole}");
}

#[test]
fn i18_connections_cut_in_the_middle_of_messages_do_no_harm() {
    let user = user("cut");
    user.seed("INBOX", Generator::new(9).mean_size(20_000).take(150));
    let proxy = Proxy::start(servers().imap_port);
    let postroom = postroom();
    let (_, mailbox) = postroom.post("/v1/mailboxes", &settings_by(&user, proxy.port()));
    let id = text(&mailbox, "id").to_owned();
    // Each connection breaks off somewhere else, most of them in the middle of a message.
    proxy.set(Fault::CutAfter(150_000));
    let enable = format!("/v1/mailboxes/{id}/enable?test=false");
    assert_eq!(postroom.post(&enable, &json!({})).0, 200);
    wait_for(SOON, "the connection breaks", || {
        (proxy.connections() >= 2).then_some(())
    });
    proxy.set(Fault::CutAfter(700_000));
    wait_for(SOON, "the connection breaks again", || {
        (proxy.connections() >= 3).then_some(())
    });
    proxy.set(Fault::None);
    wait_complete(&postroom, &id);
    assert_eq!(copy(&postroom, &id), original(&user));
    each_told_once(&postroom, &id);
}

#[test]
fn progress_can_be_seen_while_the_copy_fills() {
    let user = user("progress");
    user.seed("INBOX", Generator::new(10).mean_size(10_000).take(500));
    let proxy = Proxy::start(servers().imap_port);
    let postroom = postroom();
    let (_, mailbox) = postroom.post("/v1/mailboxes", &settings_by(&user, proxy.port()));
    let id = text(&mailbox, "id").to_owned();
    proxy.set(Fault::StallAfter(3_000_000));
    let enable = format!("/v1/mailboxes/{id}/enable?test=false");
    assert_eq!(postroom.post(&enable, &json!({})).0, 200);
    let path = format!("/v1/mailboxes/{id}");
    let coverage = postroom.poll(&path, SOON, |_, value| {
        let coverage = &value["coverage"];
        (coverage["done"].as_u64()? > 0).then(|| coverage.clone())
    });
    assert_eq!(
        (&coverage["state"], &coverage["total"]),
        (&json!("filling"), &json!(500)),
        "{coverage:#}"
    );
    let (_, folders) = postroom.get(&format!("{path}/folders"));
    let inbox = folders["data"]
        .as_array()
        .and_then(|list| list.iter().find(|f| f["role"] == "inbox"));
    let progress = &inbox.expect("INBOX")["progress"];
    assert_eq!(
        (&progress["state"], &progress["total"]),
        (&json!("filling"), &json!(500)),
        "{progress:#}"
    );
    // The newest mail is there first.
    let messages = all(&postroom, &format!("/v1/messages?mailbox_id={id}"));
    let newest = Generator::new(10)
        .mean_size(10_000)
        .take(500)
        .last()
        .expect("a mail");
    assert_eq!(messages[0]["subject"], newest.subject);
    proxy.set(Fault::None);
    let complete = wait_complete(&postroom, &id);
    assert_eq!(complete["coverage"]["done"], 500);
}

#[test]
fn new_mail_is_an_event_on_the_stream_at_once() {
    let user = user("new mail");
    user.seed("INBOX", Generator::new(11).take(5));
    let postroom = postroom();
    let mailbox = connect_whole(&postroom, &user);
    let mut stream = postroom.events("/v1/events?types=message.received", "");
    for n in 0..3 {
        deliver(&user, &mail(&format!("Hello {n}"), "Hello."));
        let event = stream.next(SOON).expect("an event").json();
        assert_eq!(
            (&event["type"], &event["origin"]),
            (&json!("message.received"), &json!("live")),
            "{event:#}"
        );
        let data = &event["data"];
        assert_eq!(
            (&data["folder_role"], &data["direction"], &data["automatic"]),
            (&json!("inbox"), &json!("incoming"), &json!(false))
        );
        let (_, message) = postroom.get(&format!(
            "/v1/messages/{}?body=text",
            text(data, "message_id")
        ));
        assert_eq!(message["subject"], format!("Hello {n}"));
        assert_eq!(text(&message, "text").trim_end(), "Hello.");
    }
    each_told_once(&postroom, &mailbox);
}

#[test]
fn mail_to_oneself_is_received_mail() {
    let user = user("to oneself");
    let postroom = postroom();
    connect_whole(&postroom, &user);
    let raw = format!(
        "From: {0}\r\nTo: {0}\r\nSubject: Contact form\r\n\r\nHello\r\n",
        user.address
    );
    deliver(&user, raw.as_bytes());
    let told = wait_count(
        &postroom,
        "/v1/events?types=message.received,message.sent",
        1,
    );
    assert_eq!(told[0]["type"], "message.received", "{told:#?}");
}

#[test]
fn what_other_programs_do_is_followed() {
    let user = user("followed");
    user.seed("INBOX", Generator::new(12).take(20));
    user.seed("Work", Generator::new(13).take(10));
    let postroom = postroom();
    let mailbox = connect_whole(&postroom, &user);
    let mut probe = ImapProbe::login(&user);
    probe.select("INBOX");
    probe.store("1:4", "+FLAGS", "\\Flagged $Work");
    probe.store("5", "-FLAGS", "\\Seen");
    probe.remove("9:11");
    probe.move_to("15:17", "Work");
    probe.create("Neu");
    probe.append("Neu", "\\Seen", "", &mail("In a new folder", "text"));
    let wanted = original(&user);
    wait_for(SOON, "the copy equals the mailbox again", || {
        let now = copy(&postroom, &mailbox);
        (now == wanted).then_some(())
    });
    let told = |kind: &str| events(&postroom, kind).len();
    probe.rename("Work", "Arbeit");
    wait_for(SOON, "the folder's new name is told", || {
        (told("folder.renamed") == 1).then_some(())
    });
    // Removals are told one round late.
    wait_for(SOON, "the removals are told", || {
        (told("message.removed") >= 3).then_some(())
    });
    assert_eq!(told("message.removed"), 3);
    assert_eq!(told("message.moved"), 3);
    assert_eq!(told("message.received") + told("message.sent"), 31);

    probe.select("INBOX");
    probe.delete("Neu");
    wait_for(SOON, "the folder is gone", || {
        (told("folder.removed") == 1).then_some(())
    });
    assert_eq!(copy(&postroom, &mailbox), original(&user));
}

#[test]
fn only_mail_since_a_day_is_fetched_when_asked() {
    let user = user("since");
    let mails: Vec<Mail> = Generator::new(14).take(60).collect();
    let from_day = 1_546_300_800 + 3 * 86_400; // 2019-01-04
    let wanted = mails.iter().filter(|m| m.internal_date >= from_day).count();
    assert!(wanted > 5 && wanted < 55, "{wanted}");
    user.seed("INBOX", mails);
    let postroom = postroom();
    let body = with(settings(&user), json!({"fetch_since": "2019-01-04"}));
    let mailbox = connect(&postroom, body);
    wait_complete(&postroom, &mailbox);
    let stored = all(&postroom, &format!("/v1/messages?mailbox_id={mailbox}"));
    assert_eq!(stored.len(), wanted);
    // What is new is fetched whatever date it has.
    deliver(&user, &mail("New", "today"));
    wait_count(
        &postroom,
        &format!("/v1/messages?mailbox_id={mailbox}"),
        wanted + 1,
    );
}

#[test]
fn only_the_named_folders_are_stored() {
    let user = user("monitored");
    user.seed("INBOX", Generator::new(15).take(5));
    user.seed("Archive", Generator::new(16).take(5));
    let postroom = postroom();
    let mailbox = connect(
        &postroom,
        with(settings(&user), json!({"monitored_folders": ["INBOX"]})),
    );
    wait_complete(&postroom, &mailbox);
    let stored = all(&postroom, "/v1/messages");
    assert_eq!(stored.len(), 5);
    let archive = folder_id(&postroom, &mailbox, "Archive");
    let (status, folder) = postroom.patch(
        &format!("/v1/mailboxes/{mailbox}/folders/{archive}"),
        &json!({"mode": "full"}),
    );
    assert_eq!(status, 200, "{folder:#}");
    wait_count(&postroom, "/v1/messages", 10);
}

#[test]
fn words_of_every_language_are_found() {
    let user = user("search");
    user.seed("INBOX", Generator::new(17).take(20));
    let postroom = postroom();
    connect_whole(&postroom, &user);
    for (subject, body) in [
        (
            "=?utf-8?Q?Verl=C3=A4ngerung?=",
            "Die Übergrößenträger kosten 12,50 Euro; Straße gesperrt.",
        ),
        ("Resume", "Mon résumé déjà vu à Besançon"),
        ("Tokyo", "明日の会議は午後三時に変更になりました。"),
        ("Moskau", "Встреча переносится на четверг"),
    ] {
        deliver(&user, &mail(subject, body));
    }
    wait_count(&postroom, "/v1/messages", 24);
    for (query, subject) in [
        ("%C3%9Cbergr%C3%B6%C3%9Fentr%C3%A4ger", "Verlängerung"),
        ("ubergrossentrager", "Verlängerung"),
        ("strasse%20gesperrt", "Verlängerung"),
        ("subject:verl%C3%A4ngerung", "Verlängerung"),
        ("besancon", "Resume"),
        ("%22d%C3%A9j%C3%A0%20vu%22", "Resume"),
        ("%E4%BC%9A%E8%AD%B0", "Tokyo"),
        ("%E5%8D%88%E5%BE%8C%E4%B8%89%E6%99%82", "Tokyo"),
        (
            "%D0%B2%D1%81%D1%82%D1%80%D0%B5%D1%87%D0%B0%20%D1%87%D0%B5%D1%82%D0%B2%D0%B5%D1%80%D0%B3",
            "Moskau",
        ),
        ("from:sender%20subject:moskau", "Moskau"),
    ] {
        let found = all(
            &postroom,
            &format!("/v1/messages?q={query}&from=elsewhere.test"),
        );
        let subjects: Vec<&str> = found.iter().map(|m| text(m, "subject")).collect();
        assert_eq!(subjects, [subject], "{query}");
    }
    assert_eq!(all(&postroom, "/v1/messages?q=nosuchwordanywhere").len(), 0);
}

#[test]
fn conversations_are_threads_across_folders() {
    let user = user("threads");
    let postroom = postroom();
    connect_whole(&postroom, &user);
    let mut probe = ImapProbe::login(&user);
    let one = "From: a@elsewhere.test\r\nSubject: Offer\r\nMessage-ID: <t1@x>\r\n\r\none\r\n";
    let three = "From: a@elsewhere.test\r\nSubject: Re: Offer\r\nMessage-ID: <t3@x>\r\nReferences: <t1@x> <t2@x>\r\nIn-Reply-To: <t2@x>\r\n\r\nthree\r\n";
    let two = format!(
        "From: {}\r\nSubject: Re: Offer\r\nMessage-ID: <t2@x>\r\nIn-Reply-To: <t1@x>\r\n\r\ntwo\r\n",
        user.address
    );
    probe.append("INBOX", "", "", one.as_bytes());
    // The answer to an answer arrives before the copy in Sent.
    probe.append("INBOX", "", "", three.as_bytes());
    probe.append("Sent", "\\Seen", "", two.as_bytes());
    probe.append("INBOX", "", "", &mail("Offer", "another conversation"));
    wait_count(&postroom, "/v1/messages", 4);
    let threads = wait_count(&postroom, "/v1/threads", 2);
    let mut sizes = Vec::new();
    for thread in &threads {
        let id = text(thread, "id");
        let (status, whole) = postroom.get(&format!("/v1/threads/{id}"));
        assert_eq!(status, 200, "{whole:#}");
        sizes.push(all(&postroom, &format!("/v1/messages?thread_id={id}")).len());
    }
    sizes.sort_unstable();
    assert_eq!(sizes, [1, 3], "{threads:#?}");
}

#[test]
fn a_server_that_was_away_is_caught_up_with() {
    let user = user("away");
    user.seed("INBOX", Generator::new(18).take(10));
    let proxy = Proxy::start(servers().imap_port);
    let postroom = postroom();
    let mailbox = connect(&postroom, settings_by(&user, proxy.port()));
    wait_complete(&postroom, &mailbox);
    proxy.set(Fault::Refuse);
    crate::setting::wait_connection(&postroom, &mailbox, "waiting");
    for n in 0..3 {
        deliver(&user, &mail(&format!("Meanwhile {n}"), "text"));
    }
    let mut probe = ImapProbe::login(&user);
    probe.select("INBOX");
    probe.remove("2:3");
    proxy.set(Fault::None);
    wait_for(
        Duration::from_secs(40),
        "the copy equals the mailbox again",
        || (copy(&postroom, &mailbox) == original(&user)).then_some(()),
    );
    let told = events(&postroom, "message.received");
    let caught_up = told
        .iter()
        .filter(|event| event["origin"] == "catch_up")
        .count();
    assert_eq!(caught_up, 3, "{told:#?}");
}

#[test]
fn news_of_other_folders_never_gets_into_a_message() {
    // Dovecot 2.3 writes what NOTIFY tells into the middle of a message that is read slowly.
    let user = user("notify");
    let large: Vec<u8> = [
        b"Subject: large\r\n\r\n".to_vec(),
        b"0123456789abcdef0123456789abcdef\r\n".repeat(900_000),
    ]
    .concat();
    user.seed("INBOX", Generator::new(19).take(3));
    let proxy = Proxy::start(servers().imap_port);
    let postroom = postroom();
    let mailbox = connect(&postroom, settings_by(&user, proxy.port()));
    wait_complete(&postroom, &mailbox);
    let before = proxy.bytes_to_client();
    proxy.set(Fault::StallAfter(before + 4_000_000));
    deliver(&user, &large);
    wait_for(SOON, "the message is on its way", || {
        (proxy.bytes_to_client() >= before + 1_000_000).then_some(())
    });
    let mut probe = ImapProbe::login(&user);
    for n in 0..3 {
        let folder = format!("Meanwhile {n}");
        probe.create(&folder);
        probe.append(&folder, "", "", &mail("elsewhere", "x"));
        // The server looks for news about once a second; this gives it the time to tell.
        std::thread::sleep(Duration::from_millis(700));
    }
    proxy.set(Fault::None);
    wait_count(&postroom, &format!("/v1/messages?mailbox_id={mailbox}"), 7);
    assert_eq!(copy(&postroom, &mailbox), original(&user));
    assert_eq!(
        all(&postroom, &format!("/v1/mailboxes/{mailbox}/failures")).len(),
        0
    );
    each_told_once(&postroom, &mailbox);
}
