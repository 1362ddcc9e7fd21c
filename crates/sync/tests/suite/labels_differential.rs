//! The differential check on a server with labels: a second client does random things to a Gmail mailbox while Postroom
//! follows. At every checkpoint the store equals the server, and replaying the events gives what the store has.
//!
//! Every run is told by its seed. `POSTROOM_DIFFERENTIAL_SEEDS=1000..1200` tries other ones (the nightly run does).

use crate::follower::{Choice, Follower};
use mail_sim::{ImapScript, ImapSim};
use model::mailbox::Security;
use model::message::Flags;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use testkit::{Random, Replayed, TestUser, replay, sha256_hex};
use tokio::time::Instant;

const SEEDS: std::ops::Range<u64> = 1..4;
const CHECKPOINTS: usize = 5;
/// Things done between two checkpoints.
const ACTS: usize = 10;
const PATIENCE: Duration = Duration::from_secs(60);
const ALL_MAIL: &str = "[Gmail]/All Mail";
/// Folders that are followed: the last one holds everything.
const FOLDERS: [&str; 4] = ["INBOX", "Projects", "Work", ALL_MAIL];
const LABELS: [&str; 3] = ["\\Inbox", "Projects", "Work"];
const FLAGS: [&str; 3] = ["\\Seen", "\\Flagged", "$Later"];

/// Folder, UID: flags, labels, bytes.
type View = BTreeMap<String, BTreeMap<i64, (BTreeSet<String>, BTreeSet<String>, String)>>;

/// The other client.
struct Client {
    random: Random,
    written: usize,
    resets: u32,
}

impl Client {
    fn some(&mut self, of: &[&'static str]) -> Vec<&'static str> {
        let chosen = of.iter().filter(|_| self.random.below(2) == 0);
        chosen.copied().collect()
    }

    fn act(&mut self, sim: &ImapSim) {
        let contents = sim.contents();
        let all: Vec<u32> = contents[ALL_MAIL].keys().copied().collect();
        let chosen = |random: &mut Random| all[random.below(all.len() as u64) as usize];
        match self.random.below(10) {
            _ if all.len() < 4 => self.write(sim),
            0..=2 => self.write(sim),
            3..=5 => {
                let labels = self.some(&LABELS);
                sim.set_labels(ALL_MAIL, chosen(&mut self.random), &labels);
            }
            6..=7 => {
                let flags = self.some(&FLAGS);
                sim.set_flags(ALL_MAIL, chosen(&mut self.random), &flags);
            }
            8 => sim.remove(ALL_MAIL, chosen(&mut self.random)),
            _ => {
                self.resets += 1;
                let folder = FOLDERS[self.random.below(FOLDERS.len() as u64) as usize];
                // Five in a row are a problem of the server, and another test.
                if self.resets < 4 {
                    sim.set_uid_validity(folder, 2_000 + self.resets);
                }
            }
        }
    }

    /// New mail; now and then with the bytes of an older one.
    fn write(&mut self, sim: &ImapSim) {
        self.written += 1;
        let n = if self.random.below(6) == 0 {
            1
        } else {
            self.written
        };
        let raw = format!("Message-ID: <{n}@x>\r\nSubject: mail {n}\r\n\r\ntext {n}\r\n");
        let labels = self.some(&LABELS);
        let mut folders = vec![ALL_MAIL];
        folders.extend(labels.iter().map(|label| match *label {
            "\\Inbox" => "INBOX",
            other => other,
        }));
        sim.deliver_labelled(&folders, &labels, raw.as_bytes());
    }
}

fn servers(sim: &ImapSim) -> View {
    let one = |message: mail_sim::Contents| {
        let flags: BTreeSet<String> =
            Flags::from_imap(&message.flags.into_iter().collect::<Vec<_>>())
                .to_imap()
                .into_iter()
                .collect();
        (flags, message.labels, sha256_hex(&message.raw))
    };
    sim.contents()
        .into_iter()
        .filter(|(_, messages)| !messages.is_empty())
        .map(|(path, messages)| {
            let messages = messages.into_iter();
            (
                path,
                messages.map(|(uid, m)| (i64::from(uid), one(m))).collect(),
            )
        })
        .collect()
}

/// What is stored, as the server would show it, and as a consumer of the events should know it.
async fn ours(follower: &Follower) -> (View, Replayed, BTreeMap<String, BTreeSet<String>>) {
    let rows = follower
        .store
        .db
        .read(|tx| {
            tx.rows(
                "SELECT m.id, f.id, f.path, p.uid, m.seen, m.answered, m.flagged, m.draft, m.keywords, m.labels, m.digest
                 FROM messages m JOIN placements p ON p.message_id = m.id JOIN folders f ON f.id = p.folder_id
                 ORDER BY m.id, CASE WHEN f.role = 'all' THEN 1 ELSE 0 END, f.id",
                &[],
            )
        })
        .await
        .expect("rows");
    let (mut view, mut replayed, mut labels) = (View::new(), Replayed::new(), BTreeMap::new());
    for row in rows {
        let flags = Flags {
            seen: row.get(4).unwrap(),
            answered: row.get(5).unwrap(),
            flagged: row.get(6).unwrap(),
            draft: row.get(7).unwrap(),
            keywords: row.json(8).unwrap(),
        };
        let (id, folder_id): (String, String) = (row.get(0).unwrap(), row.get(1).unwrap());
        let its: BTreeSet<String> = row.json(9).unwrap();
        labels.insert(id.clone(), its.clone());
        let told = serde_json::to_value(&flags).expect("flags are JSON");
        let entry = replayed.entry(id).or_insert((String::new(), told));
        // All Mail is told where a message lies nowhere else; it comes last.
        if row.get::<String>(2).unwrap() != ALL_MAIL || entry.0.is_empty() {
            if !entry.0.is_empty() {
                entry.0.push(',');
            }
            entry.0.push_str(&folder_id);
        }
        let shown = (
            flags.to_imap().into_iter().collect(),
            its,
            row.get(10).unwrap(),
        );
        let folder = view.entry(row.get(2).unwrap()).or_default();
        assert!(folder.insert(row.get(3).unwrap(), shown).is_none());
    }
    (view, replayed, labels)
}

/// The labels that the events tell.
fn told_labels(events: &[serde_json::Value]) -> BTreeMap<String, BTreeSet<String>> {
    let mut known = BTreeMap::new();
    for event in events {
        let data = &event["data"];
        let id = data["message_id"].as_str().unwrap_or_default().to_owned();
        if event["type"] == "message.removed" {
            known.remove(&id);
        } else if let Some(labels) = data["labels"].as_array() {
            let labels = labels.iter().filter_map(|label| label.as_str());
            known.insert(id, labels.map(str::to_owned).collect());
        }
    }
    known
}

async fn run(seed: u64) {
    let script = FOLDERS
        .iter()
        .fold(ImapScript::new(), |script, folder| script.folder(folder))
        .profile(mail_sim::profile("gmail"));
    let sim = ImapSim::start(script);
    let user = TestUser {
        address: "ann@gmail.test".to_owned(),
        password: mail_sim::PASSWORD.to_owned(),
    };
    let mut client = Client {
        random: Random(seed),
        written: 0,
        resets: 0,
    };
    (0..ACTS).for_each(|_| client.write(&sim));
    let choice = Choice {
        port: sim.port(),
        security: Security::None,
        poll: Duration::from_millis(200),
        monitored: Some(FOLDERS.map(str::to_owned).to_vec()),
        ..Choice::default()
    };
    let mut follower = Follower::start(&user, choice).await;
    for checkpoint in 0..CHECKPOINTS {
        for _ in 0..ACTS {
            client.act(&sim);
            tokio::time::sleep(Duration::from_millis(client.random.below(120))).await;
        }
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
        let end = Instant::now() + PATIENCE;
        loop {
            let wanted = servers(&sim);
            let (view, has, labels) = ours(&follower).await;
            let events = follower.events().await;
            let events: Vec<_> = events
                .iter()
                .map(|event| serde_json::to_value(event).expect("JSON"))
                .collect();
            let (told, told_labels) = (replay(&events), told_labels(&events));
            if view == wanted && told == has && told_labels == labels {
                break;
            }
            assert!(
                Instant::now() < end,
                "seed {seed}, checkpoint {checkpoint}:\nstored {view:#?}\nserver {wanted:#?}\ntold {told:#?}\nhas {has:#?}\n\
                 labels told {told_labels:#?}\nlabels {labels:#?}"
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_another_client_does_with_labels_the_store_equals_the_server_and_so_do_the_events()
{
    let asked = std::env::var("POSTROOM_DIFFERENTIAL_SEEDS").ok();
    let seeds = asked.map_or(SEEDS, |range| {
        let (first, end) = range.split_once("..").expect("two numbers: 1000..1200");
        let number = |text: &str| text.parse().expect("a number");
        number(first)..number(end)
    });
    for seed in seeds {
        eprintln!("seed {seed}");
        run(seed).await;
    }
}
