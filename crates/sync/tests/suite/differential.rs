//! The differential check: a second client does random things to a mailbox while Postroom follows. At every checkpoint
//! the store equals the server, and replaying the events from the first to the last gives what the store has.
//!
//! Every run is told by its seed. `POSTROOM_DIFFERENTIAL_SEEDS=1000..1200` tries other ones (the nightly run does).

use crate::follower::{Choice, Follower};
use model::server_profile::ProfileLimits;
use std::time::Duration;
use testkit::{Brand, Generator, Replayed, SecondClient, replay};

on_each_server!(whatever_another_client_does_the_store_equals_the_server_and_so_do_the_events);

/// Seeds that every run of the tests tries. With 118, mail arrives in a folder that is open and being filled.
const SEEDS: [u64; 3] = [1, 2, 118];
/// Checkpoints of one run.
const CHECKPOINTS: usize = 6;
/// Things done between two checkpoints.
const ACTS: usize = 12;

fn seeds(server: Brand) -> Vec<u64> {
    let asked = std::env::var("POSTROOM_DIFFERENTIAL_SEEDS").ok();
    // Courier takes two seconds to rename a folder.
    let usual = match server {
        Brand::Courier => &SEEDS[..1],
        _ => &SEEDS[..],
    };
    asked.map_or(usual.to_vec(), |range| {
        let (first, end) = range.split_once("..").expect("two numbers: 1000..1200");
        let number = |text: &str| text.parse().expect("a number");
        (number(first)..number(end)).collect()
    })
}

/// What a consumer should know.
async fn stored(follower: &Follower) -> Replayed {
    let rows = follower
        .store
        .db
        .read(|tx| {
            tx.rows(
                "SELECT m.id, p.folder_id, m.seen, m.answered, m.flagged, m.draft, m.keywords
                 FROM messages m JOIN placements p ON p.message_id = m.id",
                &[],
            )
        })
        .await
        .expect("rows");
    let known: Replayed = rows
        .iter()
        .map(|row| {
            let flags = model::message::Flags {
                seen: row.get(2).unwrap(),
                answered: row.get(3).unwrap(),
                flagged: row.get(4).unwrap(),
                draft: row.get(5).unwrap(),
                keywords: row.json(6).unwrap(),
            };
            let flags = serde_json::to_value(flags).expect("flags are JSON");
            (row.get(0).unwrap(), (row.get(1).unwrap(), flags))
        })
        .collect();
    assert_eq!(known.len(), rows.len(), "each message lies in one folder");
    known
}

async fn run(server: Brand, seed: u64) {
    let user = server.user("differential");
    user.seed("INBOX", Generator::new(seed).mean_size(900).take(20));
    user.seed("Sent", Generator::new(seed + 1).mean_size(900).take(6));
    let other = user.clone();
    let mut other = tokio::task::spawn_blocking(move || SecondClient::new(server, &other, seed))
        .await
        .expect("the second client");
    // Where a number is known, several connections fill the past.
    let several = ProfileLimits {
        max_connections: Some(4),
        ..ProfileLimits::default()
    };
    let choice = Choice {
        limits: seed.is_multiple_of(2).then_some(several),
        helped_from: Some(1),
        ..Choice::on(server)
    };
    let mut follower = Follower::start(&user, choice).await;
    for checkpoint in 0..CHECKPOINTS {
        other = tokio::task::spawn_blocking(move || {
            other.act_for_a_while(ACTS);
            other
        })
        .await
        .unwrap_or_else(|_| panic!("seed {seed}: the second client failed"));
        // Half of the time the work ends in the middle of things, and begins anew.
        match checkpoint % 3 {
            1 => {
                follower.stop().await;
                follower.go();
            }
            2 => {
                follower.crash().await;
                follower.go();
            }
            _ => {}
        }
        follower.in_step().await;
        let end = tokio::time::Instant::now() + Duration::from_secs(20);
        loop {
            let events = follower.events().await;
            let events: Vec<_> = events
                .iter()
                .map(|event| serde_json::to_value(event).expect("JSON"))
                .collect();
            let (told, has) = (replay(&events), stored(&follower).await);
            if told == has {
                break;
            }
            // What vanished is told at the end of its round.
            assert!(
                tokio::time::Instant::now() < end,
                "seed {seed}, checkpoint {checkpoint}: told and not stored {:?}, stored and not told {:?}",
                told.iter()
                    .filter(|one| has.get(one.0) != Some(one.1))
                    .collect::<Vec<_>>(),
                has.iter()
                    .filter(|one| told.get(one.0) != Some(one.1))
                    .collect::<Vec<_>>(),
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    follower.stop().await;
}

async fn whatever_another_client_does_the_store_equals_the_server_and_so_do_the_events(
    server: Brand,
) {
    for seed in seeds(server) {
        eprintln!("seed {seed}");
        run(server, seed).await;
    }
}
