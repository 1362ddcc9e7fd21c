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
    let script = ours::sealed(&script::write(&wanted(), |_| true).unwrap());
    script.lines().count()
}

/// What a server says that gives a script.
fn given(script: &str) -> &'static str {
    let said = format!("{{{}}}\r\n{script}\r\nOK\r\n", script.len());
    Box::leak(said.into_boxed_str())
}

/// A server that lists these scripts, and is asked for these in turn.
fn has_scripts(list: &'static str, asked: &[(&str, &str)]) -> Vec<Step> {
    let mut steps = vec![Hear("LISTSCRIPTS"), Say(list)];
    for (name, script) in asked {
        let command = format!("GETSCRIPT \"{name}\"");
        steps.extend([
            Hear(Box::leak(command.into_boxed_str())),
            Say(given(script)),
        ]);
    }
    steps
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
        Hear("GETSCRIPT \"postroom-vacation\""),
        Say(given(&ours::sealed("keep;"))),
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
    let mut steps = has_scripts(
        "\"mine\" ACTIVE\r\n\"more\"\r\n\"postroom-vacation\"\r\nOK\r\n",
        &[
            ("postroom-vacation", &ours::sealed("keep;")),
            ("mine", "include \"more\";"),
            ("more", "include :personal \"postroom-vacation\";"),
        ],
    );
    steps.extend([
        HearAny,
        HearAny,
        Hear("# Switched off by Postroom."),
        Hear("keep;"),
        Hear(""),
        Say("OK\r\n"),
    ]);
    let (mut session, server) = started(&steps).await;
    take_away(&mut session, &peer()).await.unwrap();
    server.finish(session).await;
}

#[tokio::test]
async fn an_owner_who_includes_ours_behind_our_front_does_not_have_it_run_twice() {
    let list = "\"mine\"\r\n\"postroom-active\" ACTIVE\r\n\"postroom-vacation\"\r\nOK\r\n";
    let asked = [
        ("postroom-vacation", &*ours::sealed("keep;")),
        ("postroom-active", &ours::front("mine")),
        ("mine", "include :personal \"postroom-vacation\";"),
    ];
    // A change: theirs alone is active from then on.
    let mut steps = has_scripts(list, &asked);
    steps.extend([
        Hear("SETACTIVE \"mine\""),
        Say("OK\r\n"),
        Hear("DELETESCRIPT \"postroom-active\""),
        Say("OK\r\n"),
    ]);
    steps.extend(storing("OK\r\n"));
    let (mut session, server) = started(&steps).await;
    put(&mut session, &peer(), &wanted()).await.unwrap();
    server.finish(session).await;

    // The end: theirs has to stay whole, and ours stays without a task.
    let mut steps = has_scripts(list, &asked);
    steps.extend([
        Hear("SETACTIVE \"mine\""),
        Say("OK\r\n"),
        HearAny,
        HearAny,
        Hear("# Switched off by Postroom."),
        Hear("keep;"),
        Hear(""),
        Say("OK\r\n"),
        Hear("DELETESCRIPT \"postroom-active\""),
        Say("OK\r\n"),
    ]);
    let (mut session, server) = started(&steps).await;
    take_away(&mut session, &peer()).await.unwrap();
    server.finish(session).await;
}

#[tokio::test]
async fn ours_is_seen_at_work_where_the_owner_includes_it() {
    let list = "\"mine\" ACTIVE\r\n\"postroom-vacation\"\r\nOK\r\n";
    let include = "include :personal \"postroom-vacation\";";
    for (mine, ours, at_work_now) in [
        (include, "vacation \"Away.\";", true),
        (include, ours::IDLE, false),
    ] {
        let sealed = ours::sealed(ours);
        let asked = [("mine", mine), ("postroom-vacation", &*sealed)];
        let (mut session, server) = started(&has_scripts(list, &asked)).await;
        let found = at_work(&mut session, &peer()).await.unwrap();
        assert_eq!(found, (Some("mine".to_owned()), at_work_now), "{ours}");
        server.finish(session).await;
    }
    let (mut session, server) = started(&has_scripts(list, &[("mine", "keep;")])).await;
    let found = at_work(&mut session, &peer()).await.unwrap();
    assert_eq!(found, (Some("mine".to_owned()), false));
    server.finish(session).await;
}

#[tokio::test]
async fn what_the_owner_has_made_active_since_stays_active() {
    let mut steps = has_scripts(
        "\"mine\" ACTIVE\r\n\"postroom-vacation\"\r\n\"postroom-active\"\r\nOK\r\n",
        &[
            ("postroom-vacation", &ours::sealed("keep;")),
            ("postroom-active", &ours::front("mine")),
            ("mine", "# include \"postroom-vacation\"\r\nkeep;"),
        ],
    );
    steps.extend([
        Hear("DELETESCRIPT \"postroom-active\""),
        Say("OK\r\n"),
        Hear("DELETESCRIPT \"postroom-vacation\""),
        Say("NO (ACTIVE) \"no\"\r\n"),
    ]);
    let (mut session, server) = started(&steps).await;
    take_away(&mut session, &peer()).await.unwrap();
    server.finish(session).await;
}

/// Neither a change nor its end touches anything: the server hears no more than these questions.
async fn stands_in_the_way(steps: &[Step], putting: bool, taking_away: bool) {
    if putting {
        let (mut session, server) = started(steps).await;
        let not_done = put(&mut session, &peer(), &wanted()).await.unwrap_err();
        let found = (not_done.failure.id(), not_done.unsure);
        assert_eq!(found, ("server_reply_script_in_the_way", false));
        server.finish(session).await;
    }
    if taking_away {
        let (mut session, server) = started(steps).await;
        let not_done = take_away(&mut session, &peer()).await.unwrap_err();
        let found = (not_done.failure.id(), not_done.unsure);
        assert_eq!(found, ("server_reply_script_in_the_way", false));
        server.finish(session).await;
    }
}

#[tokio::test]
async fn a_script_of_ours_that_the_owner_changed_is_neither_overwritten_nor_taken_away() {
    let (sealed, front) = (ours::sealed("keep;"), ours::front("mine"));
    let edited = format!("{sealed}\r\nfileinto \"Green\";");
    let steps = has_scripts(
        "\"postroom-vacation\" ACTIVE\r\nOK\r\n",
        &[("postroom-vacation", &edited)],
    );
    stands_in_the_way(&steps, true, true).await;

    let list = "\"mine\"\r\n\"postroom-active\" ACTIVE\r\n\"postroom-vacation\"\r\nOK\r\n";
    for front in ["keep;", "discard;\r\n", &format!("{front}discard;\r\n")] {
        let asked = [("postroom-vacation", &*sealed), ("postroom-active", front)];
        stands_in_the_way(&has_scripts(list, &asked), true, true).await;
    }
    let asked = [("postroom-vacation", &*edited), ("postroom-active", &front)];
    stands_in_the_way(&has_scripts(list, &asked), true, true).await;

    // It is not at work: only to be written over it stands in the way.
    let idle = "\"mine\" ACTIVE\r\n\"postroom-active\"\r\nOK\r\n";
    let asked = [("postroom-active", "discard;"), ("mine", "keep;")];
    stands_in_the_way(&has_scripts(idle, &asked), true, false).await;
    let (mut session, server) = started(&has_scripts(idle, &asked[..1])).await;
    take_away(&mut session, &peer()).await.unwrap();
    server.finish(session).await;
}

#[tokio::test]
async fn a_script_of_the_owners_that_another_one_includes_can_be_in_the_way() {
    let list = "\"mine\" ACTIVE\r\n\"rules\"\r\n\"other\"\r\n\"holiday\"\r\nOK\r\n";
    let asked = [
        ("mine", "include :personal \"rules\"; # \"other\""),
        ("rules", "include \"mine\"; include \"holiday\";"),
        ("holiday", "require \"vacation\";\r\nvacation \"Gone.\";"),
    ];
    stands_in_the_way(&has_scripts(list, &asked), true, false).await;

    let nothing = [Say(
        "\"IMPLEMENTATION\" \"mx\"\r\n\"SIEVE\" \"vacation\"\r\nOK\r\n",
    )];
    let asked = [("mine", "keep;")];
    let steps = has_scripts("\"mine\" ACTIVE\r\nOK\r\n", &asked);
    let (io, server) = play(&[&nothing[..], &steps].concat());
    let session = Session::start(Stream::from_io(io), Limits::default(), None).await;
    let mut session = session.unwrap();
    let not_done = put(&mut session, &peer(), &wanted()).await.unwrap_err();
    let said = not_done.failure.to_string();
    assert!(said.contains("include"), "{said}");
    server.finish(session).await;
}
