//! Killed anywhere: the server dies again and again, at random moments, while another client changes the mailbox. At the
//! end nothing is lost, nothing doubled, and no event was told twice.
//!
//! `POSTROOM_CRASH_ROUNDS=1000` makes as many rounds (the nightly run does); `POSTROOM_CRASH_SEED` tries other ones.

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

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
fn killed_anywhere_nothing_is_lost_doubled_or_told_twice() {
    let seed = number("POSTROOM_CRASH_SEED", 7);
    let user = user("crash");
    user.seed("INBOX", Generator::new(seed).mean_size(3_000).take(400));
    user.seed("Sent", Generator::new(seed + 1).mean_size(3_000).take(150));
    let mut other = SecondClient::new(Brand::Dovecot, &user, seed);
    let mut random = Random(seed);
    let mut postroom = postroom();
    let mailbox = connect(&postroom, settings(&user));
    for round in 1..=number("POSTROOM_CRASH_ROUNDS", ROUNDS) {
        let life = Duration::from_millis(random.below(LIFE));
        thread::scope(|scope| {
            let acting = scope.spawn(|| other.act_for_a_while(5));
            thread::sleep(life);
            postroom.kill9();
            acting.join().expect("the second client");
        });
        postroom.restart();
        if round % COMPARE_EVERY != 0 {
            continue;
        }
        let wanted = original(&user);
        let equal = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            wait_for(SOON, "the copy equals the mailbox", || {
                (copy(&postroom, &mailbox) == wanted).then_some(())
            });
        }));
        if equal.is_err() {
            let here = copy(&postroom, &mailbox);
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
    let told = replay(&all(api, &format!("/v1/events?mailbox_id={mailbox}")));
    let ids: BTreeSet<&String> = told.keys().chain(stored.keys()).collect();
    ids.into_iter()
        .filter(|id| told.get(*id) != stored.get(*id))
        .map(|id| format!("{id}: told {:?}, stored {:?}", told.get(id), stored.get(id)))
        .collect()
}
