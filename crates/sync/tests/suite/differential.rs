//! The differential check: a second client does random things to a mailbox while Postroom follows. At every checkpoint
//! the store equals the server, and replaying the events from the first to the last gives what the store has.
//!
//! Every run is told by its seed. `POSTROOM_DIFFERENTIAL_SEEDS=1000..1200` tries other ones (the nightly run does).

use crate::follower::{Choice, Follower};
use model::event::Event;
use std::collections::BTreeMap;
use std::time::Duration;
use testkit::{Brand, Generator, ImapProbe, Random, TestUser, deliver};

on_each_server!(whatever_another_client_does_the_store_equals_the_server_and_so_do_the_events);

/// Seeds that every run of the tests tries. With 118, mail arrives in a folder that is open and being filled.
const SEEDS: [u64; 3] = [1, 2, 118];
/// Checkpoints of one run.
const CHECKPOINTS: usize = 6;
/// Things done between two checkpoints.
const ACTS: usize = 12;

fn seeds() -> Vec<u64> {
    let asked = std::env::var("POSTROOM_DIFFERENTIAL_SEEDS").ok();
    asked.map_or(SEEDS.to_vec(), |range| {
        let (first, end) = range.split_once("..").expect("two numbers: 1000..1200");
        let number = |text: &str| text.parse().expect("a number");
        (number(first)..number(end)).collect()
    })
}

/// The second client: it knows which folders there are, and asks for the rest.
struct Other {
    server: Brand,
    user: TestUser,
    probe: ImapProbe,
    random: Random,
    mail: Generator,
    folders: Vec<String>,
    named: u32,
}

impl Other {
    fn new(server: Brand, user: &TestUser, seed: u64) -> Self {
        let mut probe = ImapProbe::login(user);
        for folder in ["Alpha", "Beta"] {
            probe.create(&server.path(folder));
        }
        Self {
            server,
            user: user.clone(),
            probe,
            random: Random(seed),
            mail: Generator::new(seed).mean_size(900),
            folders: ["INBOX", "Sent", "Alpha", "Beta"]
                .map(|folder| server.path(folder))
                .into(),
            named: 0,
        }
    }

    fn any_folder(&mut self) -> String {
        let i = self.random.index(self.folders.len());
        self.folders[i].clone()
    }

    /// Opens a folder that has mail, and chooses up to four messages of it.
    fn choose(&mut self) -> Option<(String, String)> {
        let folder = self.any_folder();
        self.probe.select(&folder);
        let all = self.probe.search("ALL");
        if all.is_empty() {
            return None;
        }
        let count = 1 + self.random.index(4);
        let mut uids: Vec<u32> = (0..count)
            .map(|_| all[self.random.index(all.len())])
            .collect();
        uids.sort_unstable();
        uids.dedup();
        let uids: Vec<String> = uids.iter().map(ToString::to_string).collect();
        Some((folder, uids.join(",")))
    }

    fn fresh_name(&mut self) -> String {
        self.named += 1;
        self.server.path(&format!("Folder {}", self.named))
    }

    /// A folder of its own making, that may be renamed and removed.
    fn own_folder(&mut self) -> usize {
        2 + self.random.index(self.folders.len() - 2)
    }

    fn act(&mut self) {
        match self.random.below(100) {
            0..=19 => {
                let folder = self.any_folder();
                let mail = self.mail.next().expect("the generator never ends");
                let flags = ["", "\\Seen", "\\Flagged $Todo"][self.random.index(3)];
                self.probe.append(&folder, flags, "", &mail.raw);
                // The same bytes again are another message.
                if self.random.chance(15) {
                    self.probe.append(&folder, "", "", &mail.raw);
                }
            }
            20..=29 => {
                let mail = self.mail.next().expect("the generator never ends");
                deliver(&self.user, &mail.raw);
            }
            30..=49 => {
                if let Some((_, uids)) = self.choose() {
                    let how = ["+FLAGS", "-FLAGS", "FLAGS"][self.random.index(3)];
                    let flags =
                        ["\\Seen", "\\Answered", "\\Flagged $Todo", "$Done"][self.random.index(4)];
                    self.probe.store(&uids, how, flags);
                }
            }
            50..=67 => {
                if let Some((from, uids)) = self.choose() {
                    let to = self.any_folder();
                    if to != from {
                        self.probe.move_to(&uids, &to);
                    }
                }
            }
            68..=73 => {
                if let Some((_, uids)) = self.choose() {
                    let to = self.any_folder();
                    self.probe.copy_to(&uids, &to);
                }
            }
            74..=87 => {
                if let Some((_, uids)) = self.choose() {
                    self.probe.remove(&uids);
                }
            }
            88..=92 => {
                let (i, to) = (self.own_folder(), self.fresh_name());
                self.probe.select("INBOX");
                self.probe.rename(&self.folders[i], &to);
                self.folders[i] = to;
            }
            93..=95 => {
                let i = self.own_folder();
                self.probe.select("INBOX");
                self.probe.delete(&self.folders[i]);
                // The same name again, with nothing in it and other UIDs.
                self.probe.create(&self.folders[i]);
            }
            _ => {
                let name = self.fresh_name();
                self.probe.create(&name);
                self.folders.push(name);
            }
        }
    }
}

/// What a consumer of the events knows: message to folder and flags.
type Known = BTreeMap<String, (String, serde_json::Value)>;

/// Replays events as a consumer would, and refuses what makes no sense to one.
fn replay(events: &[Event]) -> Known {
    let mut known = Known::new();
    for event in events {
        let data = &event.data;
        let text = |name: &str| data[name].as_str().unwrap_or_default().to_owned();
        let id = text("message_id");
        match event.kind.as_str() {
            "message.received" | "message.sent" => {
                let before = known.insert(id.clone(), (text("folder_id"), data["flags"].clone()));
                assert!(before.is_none(), "{id} was told of twice");
            }
            "message.changed" => {
                let entry = known
                    .get_mut(&id)
                    .expect("a change of a message that is known");
                assert_eq!(entry.1, data["before"], "{id}: flags before the change");
                entry.1 = data["flags"].clone();
            }
            "message.moved" => {
                let entry = known
                    .get_mut(&id)
                    .expect("a move of a message that is known");
                entry.0 = text("folder_id");
            }
            "message.removed" => {
                assert!(
                    known.remove(&id).is_some(),
                    "{id} was removed and not known"
                );
            }
            _ => {}
        }
    }
    known
}

/// The same from the store.
async fn stored(follower: &Follower) -> Known {
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
    let known: Known = rows
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
    let mut other = tokio::task::spawn_blocking(move || Other::new(server, &other, seed))
        .await
        .expect("the second client");
    let mut follower = Follower::start(&user, Choice::on(server)).await;
    for checkpoint in 0..CHECKPOINTS {
        other = tokio::task::spawn_blocking(move || {
            for _ in 0..ACTS {
                other.act();
                let pause = other.random.below(60);
                std::thread::sleep(Duration::from_millis(pause));
            }
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
            let (told, has) = (replay(&follower.events().await), stored(&follower).await);
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
    for seed in seeds() {
        eprintln!("seed {seed}");
        run(server, seed).await;
    }
}
