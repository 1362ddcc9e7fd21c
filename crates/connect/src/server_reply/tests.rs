use super::*;
use mail_net::Stream;
use model::Timestamp;
use model::auto_reply::{Audience, Place, Settings, Wording};
use model::mailbox::{Auth, Security};
use sieve_client::Limits;
use testkit::script::{Step, Step::*, play};

const GREETING: &[Step] = &[Say(
    "\"IMPLEMENTATION\" \"mx\"\r\n\"SIEVE\" \"vacation include\"\r\nOK\r\n",
)];

fn peer() -> Peer<'static> {
    Peer {
        spoken: crate::Spoken::Sieve,
        host: "mail.example.com",
        port: PORT,
        security: Security::Starttls,
        username: "ann",
        auth: Auth::Password,
        now: Timestamp(0),
    }
}

fn wanted() -> Wanted {
    Wanted {
        settings: Settings {
            enabled: true,
            place: Place::Server,
            starts_at: None,
            ends_at: None,
            time_zone: "UTC".into(),
            wording: Wording {
                text: Some("Away.".into()),
                ..Wording::default()
            },
            inside: None,
            inside_domains: Vec::new(),
            audience: Audience::Everyone,
            exclusions: Vec::new(),
            period_days: 7,
        },
        addresses: vec!["ann@example.com".into()],
        handle: "arp_1.0".into(),
    }
}

async fn started(steps: &[Step]) -> (Session, testkit::script::Peer) {
    let (io, server) = play(&[GREETING, steps].concat());
    let session = Session::start(Stream::from_io(io), Limits::default(), None).await;
    (session.unwrap(), server)
}

/// The lines of our script, of which the server hears as many as there are.
fn script_lines() -> usize {
    let script = script::write(&wanted(), |_| true).unwrap();
    script.lines().count()
}

fn storing(end: &'static str) -> Vec<Step> {
    // The command, the script, and the empty line that ends the command.
    let mut steps = vec![HearAny; script_lines() + 2];
    steps.push(Say(end));
    steps
}

#[tokio::test]
async fn a_line_that_breaks_after_the_activation_leaves_it_unsure_and_before_it_does_not() {
    let mut steps = vec![Hear("LISTSCRIPTS"), Say("OK\r\n")];
    steps.extend(storing("OK\r\n"));
    steps.extend([Hear("SETACTIVE \"postroom-vacation\""), Close]);
    let (mut session, server) = started(&steps).await;
    let not_done = put(&mut session, &peer(), &wanted()).await.unwrap_err();
    assert!(not_done.unsure, "{not_done:?}");
    server.finish(session).await;

    let mut steps = vec![Hear("LISTSCRIPTS"), Say("\"old\"\r\nOK\r\n")];
    steps.extend(vec![HearAny; script_lines() + 2]);
    steps.push(Close);
    let (mut session, server) = started(&steps).await;
    let not_done = put(&mut session, &peer(), &wanted()).await.unwrap_err();
    assert!(!not_done.unsure, "{not_done:?}");
    server.finish(session).await;
}

#[tokio::test]
async fn a_no_changes_nothing_and_says_why() {
    let mut steps = vec![
        Hear("LISTSCRIPTS"),
        Say("\"postroom-vacation\" ACTIVE\r\nOK\r\n"),
    ];
    steps.extend(storing("NO (QUOTA/MAXSIZE) \"too large\"\r\n"));
    let (mut session, server) = started(&steps).await;
    let not_done = put(&mut session, &peer(), &wanted()).await.unwrap_err();
    assert_eq!(
        (not_done.failure.id(), not_done.unsure),
        ("server_reply_refused", false)
    );
    let said = not_done.failure.problem.server_said.as_deref();
    assert_eq!(said, Some("too large"));
    server.finish(session).await;
}

#[tokio::test]
async fn an_owner_who_includes_ours_keeps_a_whole_script() {
    let (mut session, server) = started(&[
        Hear("LISTSCRIPTS"),
        Say("\"mine\" ACTIVE\r\n\"postroom-vacation\"\r\nOK\r\n"),
        Hear("GETSCRIPT \"mine\""),
        Say("{40}\r\ninclude :personal \"postroom-vacation\";\r\n\r\nOK\r\n"),
        HearAny,
        Hear("# Switched off by Postroom."),
        Hear("keep;"),
        Hear(""),
        Say("OK\r\n"),
    ])
    .await;
    take_away(&mut session, &peer()).await.unwrap();
    server.finish(session).await;
}

#[tokio::test]
async fn what_the_owner_has_made_active_since_stays_active() {
    let (mut session, server) = started(&[
        Hear("LISTSCRIPTS"),
        Say("\"mine\" ACTIVE\r\n\"postroom-vacation\"\r\n\"postroom-active\"\r\nOK\r\n"),
        Hear("GETSCRIPT \"mine\""),
        Say("\"keep;\"\r\nOK\r\n"),
        Hear("DELETESCRIPT \"postroom-active\""),
        Say("OK\r\n"),
        Hear("DELETESCRIPT \"postroom-vacation\""),
        Say("NO (ACTIVE) \"no\"\r\n"),
    ])
    .await;
    take_away(&mut session, &peer()).await.unwrap();
    server.finish(session).await;
}

#[test]
fn the_front_remembers_what_was_active_before() {
    for name in ["main", "Regeln \"1\" \\ gr\u{fc}n"] {
        assert_eq!(before(&front(name)).as_deref(), Some(name));
    }
    assert_eq!(before("keep;\r\n"), None);
    assert!(includes_ours(&front("main")) && !includes_ours("keep;"));
}

#[test]
fn an_owners_script_is_in_the_way_where_it_answers_or_cannot_be_included() {
    assert_eq!(in_the_way("m", "require \"fileinto\"; keep;", true), None);
    let said = in_the_way("m", "require [\"fileinto\", \"Vacation\"];", true).unwrap();
    assert!(said.contains("answers by itself"), "{said}");
    let said = in_the_way("m", "require \"reject\";", true).unwrap();
    assert!(said.contains("refuses messages"), "{said}");
    let said = in_the_way("m", "keep;", false).unwrap();
    assert!(said.contains("include"), "{said}");
}
