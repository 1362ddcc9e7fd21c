//! Killed anywhere: the server dies again and again, at random moments, while another client changes the mailbox. At the
//! end nothing is lost, nothing doubled, and no event was told twice.
//!
//! `POSTROOM_CRASH_ROUNDS=1000` makes as many rounds (the nightly run does); `POSTROOM_CRASH_SEED` tries other ones.
//! `POSTROOM_CRASH_WISHES=1` has an application change messages at the same time.

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Api, Brand, Generator, Random, Replayed, SecondClient, replay, user, wait_for};

use crate::setting::{SOON, all, connect, copy, original, postroom, settings, text};

/// Rounds of every run of the tests.
const ROUNDS: u64 = 50;
/// Rounds after which everything is compared.
const COMPARE_EVERY: u64 = 10;
/// The longest that a server lives, in milliseconds after it is ready. At the beginning it has much to do.
const LIFE: u64 = 400;

pub fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

#[test]
fn i32_killed_anywhere_nothing_is_lost_doubled_or_told_twice() {
    let seed = number("POSTROOM_CRASH_SEED", 7);
    let user = user("crash");
    user.seed("INBOX", Generator::new(seed).mean_size(3_000).take(400));
    user.seed("Sent", Generator::new(seed + 1).mean_size(3_000).take(150));
    let mut other = SecondClient::new(Brand::Dovecot, &user, seed);
    let has_wishes = number("POSTROOM_CRASH_WISHES", 0) > 0;
    let (mut random, mut wishes) = (Random(seed), Random(seed + 1));
    let mut postroom = postroom();
    let mailbox = connect(&postroom, settings(&user));
    for round in 1..=number("POSTROOM_CRASH_ROUNDS", ROUNDS) {
        let life = Duration::from_millis(random.below(LIFE));
        let api = postroom.api().clone();
        thread::scope(|scope| {
            let acting = scope.spawn(|| other.act_for_a_while(5));
            let asking =
                has_wishes.then(|| scope.spawn(|| ask_for_changes(&api, &mailbox, &mut wishes)));
            thread::sleep(life);
            postroom.kill9();
            acting.join().expect("the second client");
            if let Some(asking) = asking {
                asking.join().expect("the application");
            }
        });
        postroom.restart();
        if round % COMPARE_EVERY != 0 {
            continue;
        }
        let settled = |api: &Api| {
            let owed = all(api, &format!("/v1/mailboxes/{mailbox}/owed"));
            owed.iter().all(|change| change["state"] == "failed")
        };
        let equal = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            wait_for(SOON * 2, "the copy equals the mailbox", || {
                (settled(&postroom) && copy(&postroom, &mailbox) == original(&user)).then_some(())
            });
        }));
        if equal.is_err() {
            let (here, wanted) = (copy(&postroom, &mailbox), original(&user));
            let show = |one: &crate::setting::Sorted, other: &crate::setting::Sorted| {
                one.iter()
                    .flat_map(|(path, mails)| {
                        mails.iter().map(move |mail| (path.clone(), mail.clone()))
                    })
                    .filter(|(path, mail)| {
                        !other.get(path).is_some_and(|mails| mails.contains(mail))
                    })
                    .collect::<Vec<_>>()
            };
            let now = postroom.get(&format!("/v1/mailboxes/{mailbox}")).1;
            let folders = all(&postroom, &format!("/v1/mailboxes/{mailbox}/folders"));
            let failures = all(&postroom, &format!("/v1/mailboxes/{mailbox}/failures"));
            panic!(
                "seed {seed}, round {round}: only here {:#?}, only there {:#?}; {now:#}; {folders:#?}; {failures:#?}",
                show(&here, &wanted),
                show(&wanted, &here)
            );
        }
        told_is_stored(&postroom, &mailbox, &format!("seed {seed}, round {round}"));
    }
}

/// Asks for changes of some of the newest messages until the server does not answer any more. Some are refused, or never come
/// about: the other client was faster.
fn ask_for_changes(api: &Api, mailbox: &str, random: &mut Random) {
    let get = |path: String| -> Option<Vec<Value>> {
        let answer = api.try_send("GET", &path, &[], b"").ok()?;
        let list: Value = serde_json::from_slice(&answer.body).ok()?;
        list["data"].as_array().cloned()
    };
    while let (Some(messages), Some(folders)) = (
        get(format!("/v1/messages?mailbox_id={mailbox}&limit=50")),
        get(format!("/v1/mailboxes/{mailbox}/folders")),
    ) {
        if messages.is_empty() || folders.is_empty() {
            continue;
        }
        let message = text(&messages[random.index(messages.len())], "id");
        let path = format!("/v1/messages/{message}");
        let to = json!({"folder_id": text(&folders[random.index(folders.len())], "id")});
        let (method, path, body) = match random.below(10) {
            0..=4 => {
                let flags = json!({"seen": random.chance(50), "keywords": ["$Asked"]});
                ("PATCH", path, json!({ "flags": flags }))
            }
            5..=7 => ("PATCH", path, to),
            8 => ("POST", format!("{path}/copy"), to),
            _ => ("DELETE", format!("{path}?permanent=true"), json!({})),
        };
        let json = [("content-type", "application/json")];
        let asked = api.try_send(method, &path, &json, body.to_string().as_bytes());
        let Ok(answer) = asked else {
            return;
        };
        assert!(answer.status < 500, "{method} {path}: {}", answer.text());
        thread::sleep(Duration::from_millis(random.below(60)));
    }
}

/// Waits until the events, from the first on, tell what is stored.
fn told_is_stored(api: &Api, mailbox: &str, when: &str) {
    let mut differ = Vec::new();
    let found = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        wait_for(SOON, "the events tell what is stored", || {
            differ = told_and_not_stored(api, mailbox);
            differ.is_empty().then_some(())
        });
    }));
    assert!(found.is_ok(), "{when}: {differ:#?}");
}

fn told_and_not_stored(api: &Api, mailbox: &str) -> Vec<String> {
    let stored: Replayed = all(api, &format!("/v1/messages?mailbox_id={mailbox}"))
        .into_iter()
        .map(|message| {
            // In no folder: it left one, and whether it turns up in another is not known yet.
            let folder = message["folders"][0]["folder_id"]
                .as_str()
                .unwrap_or_default();
            let entry = (folder.to_owned(), message["flags"].clone());
            (text(&message, "id").to_owned(), entry)
        })
        .collect();
    let events = all(api, &format!("/v1/events?mailbox_id={mailbox}"));
    let told = replay(&events);
    let ids: BTreeSet<&String> = told.keys().chain(stored.keys()).collect();
    ids.into_iter()
        .filter(|id| told.get(*id) != stored.get(*id))
        .map(|id| {
            let about: Vec<&Value> = events
                .iter()
                .filter(|event| event["data"]["message_id"] == **id)
                .collect();
            let now = api.get(&format!("/v1/messages/{id}")).1;
            let (told, stored) = (told.get(id), stored.get(id));
            format!("{id}: told {told:?}, stored {stored:?}; {now}; {about:#?}")
        })
        .collect()
}
