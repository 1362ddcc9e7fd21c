//! Messages for the search, made straight into a store: the words of a language (Zipf's law), people who write more and
//! less, five years of mail, twenty mailboxes of different sizes, stored newest first as a first synchronisation does.
//! No message has raw bytes: only rows, words and conversations.

use std::collections::HashMap;

use model::event::Origin;
use model::folder::{Mode, Role};
use model::mailbox::{Credentials, Kind, Lifecycle, Logins};
use model::message::{Direction, Flags};
use model::{Clock, Timestamp};
use store::Store;
use store::blobs::{Place, Stored};
use store::folders::{Cursor, ListChange, NewFolder};
use store::ingest::{Batch, NewMessage, ThreadRefs, Threaded};
use store::leases::Lease;
use store::search::Words;
use testkit::Random;

use crate::say;

/// Words of the language.
const VOCABULARY: usize = 60_000;
/// People who write.
const PEOPLE: usize = 5_000;
/// Words of a text: from, to.
const TEXT: (u64, u64) = (20, 90);
/// Mailboxes; the n-th has a share of 1 / n.
const MAILBOXES: usize = 20;
/// Messages stored in one transaction.
const BATCH: usize = 500;
/// Messages after which PostgreSQL counts its tables anew.
const COUNTED_EVERY: usize = 20_000;
/// When the newest message came: 2026-11-01.
const END: i64 = 1_793_491_200_000;
/// How far back the mail goes: five years.
const SPAN_SECONDS: u64 = 5 * 365 * 86_400;

/// What the questions need to know of the corpus.
pub struct Corpus {
    /// The largest mailbox, one of middle size and the smallest.
    pub mailboxes: [String; 3],
    /// A folder with a tenth of the largest mailbox.
    pub folder: String,
}

/// The word of this rank, the most frequent first.
pub fn word(rank: usize) -> String {
    const ONSET: [&str; 16] = [
        "b", "d", "f", "g", "h", "k", "l", "m", "n", "p", "r", "s", "t", "v", "w", "z",
    ];
    const REST: [&str; 8] = ["a", "e", "i", "o", "u", "an", "er", "ol"];
    let mut left = rank + 130;
    let mut word = String::new();
    while left > 0 {
        let syllable = left % 128;
        word.push_str(ONSET[syllable / 8]);
        word.push_str(REST[syllable % 8]);
        left /= 128;
    }
    word
}

/// The address of the n-th person, the busiest first.
pub fn person(n: usize) -> String {
    format!(
        "{}.{}@{}.example",
        word(n + 40),
        word(n + 900),
        word(n % 400 + 5_000)
    )
}

/// A word that only the oldest sixtieth of the mail has, each of it: many messages, none of them near.
pub const OLD_WORD: &str = "zzarchive";

/// Numbers that fall like the words of a language: the n-th with a probability of 1 / n.
struct Zipf(Vec<f64>);

impl Zipf {
    fn new(count: usize) -> Self {
        let mut sum = 0.0;
        let mut sums = Vec::with_capacity(count);
        for n in 1..=count {
            sum += 1.0 / n as f64;
            sums.push(sum);
        }
        Self(sums)
    }

    fn draw(&self, random: &mut Random) -> usize {
        let total = self.0.last().copied().unwrap_or(1.0);
        let at = random.below(1 << 53) as f64 / (1u64 << 53) as f64 * total;
        self.0
            .partition_point(|sum| *sum < at)
            .min(self.0.len() - 1)
    }
}

/// Fills a store that nobody else works on.
pub async fn fill(store: &Store, messages: usize) -> Corpus {
    let words = Zipf::new(VOCABULARY);
    let people = Zipf::new(PEOPLE);
    let shares: f64 = (1..=MAILBOXES).map(|n| 1.0 / n as f64).sum();
    let mut random = Random(4);
    let (mut ids, mut done) = (Vec::new(), 0);
    let mut archive = String::new();
    let mut uncounted = 0;
    for number in 0..MAILBOXES {
        let count = (messages as f64 / shares / (number + 1) as f64) as usize;
        let (lease, folders) = mailbox(store, number).await;
        ids.push(lease.mailbox_id.clone());
        if number == 0 {
            archive.clone_from(&folders[1]);
        }
        let span = SPAN_SECONDS / count.max(1) as u64;
        let mut uid = [i64::try_from(count).unwrap_or(0); 3];
        let mut batches: [Vec<NewMessage>; 3] = Default::default();
        for n in 0..count {
            // Newest first, about evenly.
            let age = span * n as u64 + random.below(span.max(1));
            let folder = match random.below(20) {
                0..2 => 1,
                2..4 => 2,
                _ => 0,
            };
            uid[folder] -= 1;
            let at = Timestamp(END - i64::try_from(age).unwrap_or(0) * 1_000);
            let old = age > SPAN_SECONDS / 60 * 59;
            let unique = done + n;
            let message = message(&mut random, &words, &people, unique, uid[folder], at, old);
            batches[folder].push(message);
            if batches[folder].len() == BATCH {
                let batch = std::mem::take(&mut batches[folder]);
                put(store, &lease, &folders[folder], batch).await;
                uncounted += BATCH;
                if uncounted >= COUNTED_EVERY {
                    uncounted = 0;
                    analyse(store).await;
                }
            }
        }
        for (folder, batch) in folders.iter().zip(batches) {
            put(store, &lease, folder, batch).await;
        }
        store::mailboxes::set_lifecycle(store, &lease.mailbox_id, Lifecycle::Disabled)
            .await
            .expect("the mailbox is switched off");
        store::leases::release(store, vec![lease])
            .await
            .expect("the lease is given back");
        done += count;
        say(&format!("{done} messages are stored"));
    }
    analyse(store).await;
    Corpus {
        mailboxes: [
            ids[0].clone(),
            ids[MAILBOXES / 2].clone(),
            ids[MAILBOXES - 1].clone(),
        ],
        folder: archive,
    }
}

/// PostgreSQL counts how its tables are filled, as it does by itself within a minute of a large load where it is left to.
async fn analyse(store: &Store) {
    if store.db.dialect() == store::db::Dialect::Postgres {
        let analysed = store.db.write(|tx| tx.batch("ANALYZE")).await;
        analysed.expect("PostgreSQL counts what there is");
    }
}

fn message(
    random: &mut Random,
    words: &Zipf,
    people: &Zipf,
    unique: usize,
    uid: i64,
    at: Timestamp,
    old: bool,
) -> NewMessage {
    let from = person(people.draw(random));
    let text = |random: &mut Random, count: u64| -> String {
        let drawn: Vec<String> = (0..count).map(|_| word(words.draw(random))).collect();
        drawn.join(" ")
    };
    let subject_words = 2 + random.below(6);
    let subject = text(random, subject_words);
    let count = TEXT.0 + random.below(TEXT.1 - TEXT.0);
    let mut body = text(random, count);
    if old {
        body.push(' ');
        body.push_str(OLD_WORD);
    }
    let message_id = format!("{unique}@bench.example");
    let answers = random.chance(40) && unique > 0;
    let answered = format!("{}@bench.example", unique.saturating_sub(1));
    let preview: String = body.chars().take(120).collect();
    let head = serde_json::json!({
        "internet_message_id": message_id, "in_reply_to": null, "references": [], "subject": subject,
        "from": [{"name": null, "address": from}], "to": [{"name": null, "address": "owner@bench.example"}],
        "cc": [], "bcc": [], "reply_to": [], "date": null, "preview": preview, "has_attachments": false, "automatic": false,
    });
    NewMessage {
        uid,
        flags: Flags {
            seen: !random.chance(5),
            flagged: random.below(200) == 0,
            ..Flags::default()
        },
        mod_seq: 1,
        received_at: at,
        stored: Stored {
            digest: format!("{unique:064x}"),
            place: Place {
                segment: "bench".into(),
                position: unique as u64 * 2_000,
                length: 2_000,
            },
        },
        headers_only: None,
        report: None,
        labels: None,
        object_id: None,
        head: head.to_string(),
        words: Words {
            subject,
            from: from.replace(['.', '@'], " "),
            to: "owner bench example".into(),
            body,
        },
        refs: ThreadRefs {
            names: std::iter::once(message_id.clone())
                .chain(answers.then_some(answered))
                .collect(),
            message_id: Some(message_id),
            ..ThreadRefs::default()
        },
        direction: Direction::Incoming,
        sender: from,
        subject: String::new(),
        automatic: false,
        has_attachments: random.below(10) == 0,
    }
}

async fn mailbox(store: &Store, number: usize) -> (Lease, [String; 3]) {
    let new = store::mailboxes::NewMailbox {
        owner: None,
        limits: model::server_profile::ProfileLimits::default(),
        folder_roles: std::collections::BTreeMap::new(),
        address: format!("owner{number}@bench.example"),
        name: format!("Owner {number}"),
        kind: Kind::Personal,
        incoming: None,
        outgoing: None,
        credentials: Credentials::default(),
        login_formats: Logins::default(),
        server_profile_id: None,
        fetch_since: None,
        size_limit: None,
        monitored_folders: None,
        read_only: false,
        pop3_delete_after_days: None,
    };
    let mailbox = store::mailboxes::create(store, new)
        .await
        .expect("a mailbox");
    store::mailboxes::set_lifecycle(store, &mailbox.id, Lifecycle::Enabled)
        .await
        .expect("the mailbox is switched on");
    store::leases::renew(store).await.expect("leases");
    let taken = store::leases::acquire(store, 10).await.expect("leases");
    let lease = taken
        .into_iter()
        .find(|lease| lease.mailbox_id == mailbox.id);
    let lease = lease.expect("the new mailbox is free");
    let folder = |path: &str, role| {
        ListChange::Created(NewFolder {
            wire_name: path.into(),
            path: path.into(),
            delimiter: Some("/".into()),
            role: Some(role),
            mode: Mode::Full,
            object_id: None,
            empty: None,
        })
    };
    let list = vec![
        folder("INBOX", Role::Inbox),
        folder("Archive", Role::Archive),
        folder("Sent", Role::Sent),
    ];
    store::folders::apply_list(store, &lease, list)
        .await
        .expect("folders");
    let mut by_path = HashMap::new();
    let known = store::folders::known(store, &mailbox.id)
        .await
        .expect("folders");
    for folder in known {
        store::folders::reset(store, &lease, &folder.id, 1)
            .await
            .expect("a folder");
        by_path.insert(folder.path, folder.id);
    }
    let ids = ["INBOX", "Archive", "Sent"].map(|path| by_path[path].clone());
    (lease, ids)
}

async fn put(store: &Store, lease: &Lease, folder_id: &str, messages: Vec<NewMessage>) {
    let batch = Batch {
        folder_id: folder_id.to_owned(),
        uid_validity: 1,
        origin: Origin::Backfill,
        messages,
        failures: Vec::new(),
        gone: Vec::new(),
        cursor: Cursor::default(),
        copies_too: true,
    };
    store::leases::renew(store).await.expect("leases");
    store::ingest::ingest(store, lease, batch, by_reference)
        .await
        .expect("a batch is stored");
}

/// Conversations by the one reference that these messages have.
fn by_reference(
    known: &HashMap<String, String>,
    batch: &[ThreadRefs],
    fresh: &mut dyn FnMut() -> String,
) -> Threaded {
    let mut known = known.clone();
    let mut threaded = Threaded::default();
    for refs in batch {
        let ids = &refs.names;
        let thread = ids.iter().find_map(|id| known.get(id).cloned());
        let thread = thread.unwrap_or_else(&mut *fresh);
        for id in ids {
            known.insert(id.clone(), thread.clone());
            threaded.links.push((id.clone(), thread.clone()));
        }
        threaded.threads.push(thread);
    }
    threaded
}

/// Opens the store in a data directory, or a PostgreSQL database.
pub async fn open(data_dir: &std::path::Path, database: Option<&str>) -> Store {
    let config = store::Config {
        database: match database {
            Some(url) => store::db::Location::Postgres(url.to_owned()),
            None => store::db::Location::Sqlite(data_dir.join("postroom.db")),
        },
        blobs: store::blobs::Location::Folder(data_dir.join("blobs")),
        key_file: data_dir.join("secret.key"),
        extra_ca_file: None,
        node: "bench".to_owned(),
    };
    Store::open(&config, Clock::system())
        .await
        .expect("the store opens")
}
