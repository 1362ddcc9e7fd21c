//! The kit's Cyrus and Courier: each lets its users in, keeps what it is given, and forgets its UIDs when told to.

use std::time::Duration;

use testkit::{Brand, Generator, ImapProbe, Oracle, deliver, oracle, sha256_hex, wait_for};

const LIMIT: Duration = Duration::from_secs(20);

/// Each of these for each server; the module's name says which.
macro_rules! on_each_brand {
    ($($test:ident),+ $(,)?) => {
        mod dovecot {
            $(#[test] fn $test() { super::$test(testkit::Brand::Dovecot); })+
        }
        mod cyrus {
            $(#[test] fn $test() { super::$test(testkit::Brand::Cyrus); })+
        }
        mod courier {
            $(#[test] fn $test() { super::$test(testkit::Brand::Courier); })+
        }
    };
}

on_each_brand!(
    a_user_is_let_in_with_the_right_password_only,
    seeded_mail_is_on_the_server_with_its_flags_and_dates,
    mail_is_delivered_into_the_inbox,
    a_second_client_changes_what_it_likes,
    uids_are_forgotten_on_demand,
);

fn a_user_is_let_in_with_the_right_password_only(brand: Brand) {
    let mut user = brand.user("password");
    ImapProbe::login(&user).ok("NOOP");
    user.password.push('x');
    let mut probe = ImapProbe::connect(brand.imap_port());
    let refused = probe.command(&format!("LOGIN {} {}", user.address, user.password));
    assert_eq!(refused.status, "NO");
}

fn seeded_mail_is_on_the_server_with_its_flags_and_dates(brand: Brand) {
    let user = brand.user("seeded");
    let mails: Vec<_> = Generator::new(11).take(60).collect();
    assert_eq!(user.seed("INBOX", mails.clone()), 60);
    assert_eq!(user.seed("Work/Entwürfe", mails[..5].to_vec()), 5);
    let oracle = oracle(&user);
    assert_eq!(oracle[&brand.path("Work/Entwürfe")].len(), 5);
    let wanted: Vec<_> = mails
        .iter()
        .map(|mail| {
            let flags = mail.flags.iter().map(|f| (*f).to_owned()).collect();
            (flags, sha256_hex(&mail.raw))
        })
        .collect();
    let inbox: Vec<_> = oracle["INBOX"].values().cloned().collect();
    assert!(inbox == wanted, "other messages, or another order");
    let mut probe = ImapProbe::login(&user);
    probe.select("INBOX");
    let reply = probe.ok("UID FETCH 1 (INTERNALDATE)");
    let parts = reply.untagged[0][2].list();
    assert!(
        parts.iter().any(|part| part.as_str().contains("2019")),
        "{parts:?}"
    );
}

fn mail_is_delivered_into_the_inbox(brand: Brand) {
    let user = brand.user("delivered");
    deliver(&user, b"Subject: 1\r\n\r\none\r\n");
    ImapProbe::login(&user);
    deliver(&user, b"Subject: 2\r\n\r\n.two\r\n");
    deliver(&user, b"Subject: 2\r\n\r\n.two\r\n");
    wait_for(LIMIT, "all are in the INBOX", || {
        (oracle(&user)["INBOX"].len() == 3).then_some(())
    });
}

fn a_second_client_changes_what_it_likes(brand: Brand) {
    let user = brand.user("second client");
    let (green, blue) = (brand.path("Projekte/Grün"), brand.path("Projekte/Blau"));
    let mut probe = ImapProbe::login(&user);
    probe.create(&green);
    let date = "01-Feb-2024 10:00:00 +0000";
    let first = probe.append("INBOX", "\\Seen $label", date, b"Subject: 1\r\n\r\n1\r\n");
    let second = probe.append("INBOX", "", "", b"Subject: 2\r\n\r\n2\r\n");
    assert_eq!(probe.select("INBOX").exists, 2);
    probe.store(&first.to_string(), "+FLAGS", "\\Flagged");
    assert_eq!(probe.search("FLAGGED"), [first]);
    probe.move_to(&first.to_string(), &green);
    probe.remove(&second.to_string());
    probe.rename(&green, &blue);
    let oracle = oracle(&user);
    assert!(oracle["INBOX"].is_empty());
    let (flags, hash) = oracle[&blue].values().next().expect("the moved message");
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    assert_eq!(flags, ["$label", "\\Flagged", "\\Seen"]);
    assert_eq!(*hash, sha256_hex(b"Subject: 1\r\n\r\n1\r\n"));
    probe.delete(&blue);
}

fn uids_are_forgotten_on_demand(brand: Brand) {
    let user = brand.user("forgotten");
    user.seed("Box", Generator::new(12).take(4));
    let folder = brand.path("Box");
    let look = || ImapProbe::login(&user).examine(&folder);
    let was = oracle(&user);
    let before = look();
    user.forget_uids("Box");
    let after = look();
    assert_eq!((after.exists, before.exists), (4, 4));
    assert_ne!(after.uid_validity, before.uid_validity);
    let digests = |oracle: &Oracle| -> Vec<String> {
        oracle[&folder].values().map(|(_, d)| d.clone()).collect()
    };
    assert_eq!(digests(&oracle(&user)), digests(&was));
}
