//! Killed anywhere while the application changes messages: every change that was accepted is made on the mail server, once.
//! A request without an answer is repeated as it was, as an application would.
//!
//! `POSTROOM_CRASH_ROUNDS=1000` makes as many rounds (the nightly run does); `POSTROOM_CRASH_SEED` tries other ones.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Api, Generator, Random, sha256_hex, user, wait_for};

use crate::crash::number;
use crate::setting::{
    SOON, Sorted, all, connect_whole, copy, folder_id, original, postroom, raw, sorted, text,
};

/// Rounds of every run of the tests.
const ROUNDS: u64 = 20;
/// Rounds after which everything is compared.
const COMPARE_EVERY: u64 = 5;
/// The longest that a server lives, in milliseconds after it is ready.
const LIFE: u64 = 700;
/// Messages that are changed.
const MESSAGES: usize = 24;
/// The folders that they go to and fro between.
const FOLDERS: [&str; 2] = ["One", "Two"];

/// A message as the application wants it.
struct Wanted {
    id: String,
    digest: String,
    flags: BTreeSet<String>,
    /// Which of [`FOLDERS`]; `None`: removed.
    folder: Option<usize>,
}

/// A change.
#[derive(Clone, Debug)]
enum Deed {
    Flags { seen: bool, flagged: bool },
    Move { to: usize },
    Copy { to: usize, key: String },
    Remove,
}

impl Deed {
    fn request(&self, id: &str, folders: &[String]) -> (&'static str, String, Value) {
        let path = format!("/v1/messages/{id}");
        match self {
            Self::Flags { seen, flagged } => {
                let flags = json!({"seen": seen, "flagged": flagged});
                ("PATCH", path, json!({ "flags": flags }))
            }
            Self::Move { to } => ("PATCH", path, json!({"folder_id": folders[*to]})),
            Self::Copy { to, .. } => (
                "POST",
                format!("{path}/copy"),
                json!({"folder_id": folders[*to]}),
            ),
            Self::Remove => ("DELETE", format!("{path}?permanent=true"), Value::Null),
        }
    }
}

/// An application at work.
struct Application {
    wanted: Vec<Wanted>,
    /// Folder, digest and flags of the copies that it asked for.
    copies: Vec<(usize, String, BTreeSet<String>)>,
    folders: Vec<String>,
    random: Random,
    asked: u64,
    /// Asked for, and not answered.
    unsure: Option<(usize, Deed)>,
}

impl Application {
    /// Asks for changes until the server does not answer any more.
    fn work(&mut self, api: &Api) {
        while self.ask(api) {
            thread::sleep(Duration::from_millis(self.random.below(40)));
        }
    }

    fn ask(&mut self, api: &Api) -> bool {
        let again = self.unsure.take();
        let is_repeated = again.is_some();
        let (at, deed) = again.unwrap_or_else(|| self.choose());
        let (method, path, body) = deed.request(&self.wanted[at].id, &self.folders);
        let mut headers = vec![("content-type", "application/json")];
        if let Deed::Copy { key, .. } = &deed {
            headers.push(("idempotency-key", key));
        }
        let body = match body {
            Value::Null => Vec::new(),
            body => body.to_string().into_bytes(),
        };
        let Ok(answer) = api.try_send(method, &path, &headers, &body) else {
            self.unsure = Some((at, deed));
            return false;
        };
        if matches!(deed, Deed::Copy { .. }) && answer.status == 409 {
            // It lies there already.
            return true;
        }
        let is_gone = is_repeated && matches!(deed, Deed::Remove) && answer.status == 404;
        assert!(
            (200..300).contains(&answer.status) || is_gone,
            "{deed:?} of {}: {} {}",
            self.wanted[at].id,
            answer.status,
            answer.text()
        );
        self.note(at, deed);
        true
    }

    fn choose(&mut self) -> (usize, Deed) {
        let there: Vec<usize> = (0..self.wanted.len())
            .filter(|at| self.wanted[*at].folder.is_some())
            .collect();
        let at = there[self.random.index(there.len())];
        let deed = match self.random.below(100) {
            0..=49 => Deed::Flags {
                seen: self.random.chance(50),
                flagged: self.random.chance(50),
            },
            50..=84 => Deed::Move {
                to: self.random.index(FOLDERS.len()),
            },
            85..=95 => {
                self.asked += 1;
                Deed::Copy {
                    to: self.random.index(FOLDERS.len()),
                    key: format!("copy-{}", self.asked),
                }
            }
            // Some are left to the end.
            _ if there.len() > MESSAGES / 2 => Deed::Remove,
            _ => Deed::Move {
                to: self.random.index(FOLDERS.len()),
            },
        };
        (at, deed)
    }

    /// It was accepted.
    fn note(&mut self, at: usize, deed: Deed) {
        let message = &mut self.wanted[at];
        match deed {
            Deed::Flags { seen, flagged } => {
                for (name, on) in [("\\Seen", seen), ("\\Flagged", flagged)] {
                    match on {
                        true => message.flags.insert(name.to_owned()),
                        false => message.flags.remove(name),
                    };
                }
            }
            Deed::Move { to } => message.folder = Some(to),
            Deed::Copy { to, .. } => {
                let copy = (to, message.digest.clone(), message.flags.clone());
                self.copies.push(copy);
            }
            Deed::Remove => message.folder = None,
        }
    }

    /// What the mail server is to have.
    fn result(&self) -> Sorted {
        let mut result = Sorted::new();
        let wanted = self
            .wanted
            .iter()
            .filter_map(|message| Some((message.folder?, &message.digest, &message.flags)));
        let copies = self.copies.iter().map(|copy| (copy.0, &copy.1, &copy.2));
        for (folder, digest, flags) in wanted.chain(copies) {
            let entry = result.entry(FOLDERS[folder].to_owned()).or_default();
            entry.push((digest.clone(), flags.iter().cloned().collect()));
        }
        sorted(result)
    }
}

#[test]
fn killed_anywhere_what_was_accepted_is_done_once() {
    let seed = number("POSTROOM_CRASH_SEED", 7);
    let user = user("crash-changes");
    for (folder, n) in FOLDERS.iter().zip(0..) {
        let mails = Generator::new(seed + n).mean_size(2_000);
        user.seed(folder, mails.take(MESSAGES / FOLDERS.len()));
    }
    let mut postroom = postroom();
    let mailbox = connect_whole(&postroom, &user);
    let before = original(&user);
    let wanted: Vec<Wanted> = all(&postroom, &format!("/v1/messages?mailbox_id={mailbox}"))
        .iter()
        .map(|message| {
            let id = text(message, "id").to_owned();
            let digest = sha256_hex(&raw(&postroom, &id));
            let path = text(&message["folders"][0], "path");
            let (_, flags) = before[path]
                .iter()
                .find(|mail| mail.0 == digest)
                .expect("the server has it");
            Wanted {
                flags: flags.iter().cloned().collect(),
                folder: FOLDERS.iter().position(|folder| *folder == path),
                id,
                digest,
            }
        })
        .collect();
    assert_eq!(wanted.len(), MESSAGES);
    let folders = FOLDERS.map(|path| folder_id(&postroom, &mailbox, path));
    let mut application = Application {
        wanted,
        copies: Vec::new(),
        folders: folders.into(),
        random: Random(seed),
        asked: 0,
        unsure: None,
    };
    let mut random = Random(seed + 1);
    for round in 1..=number("POSTROOM_CRASH_ROUNDS", ROUNDS) {
        let life = Duration::from_millis(random.below(LIFE));
        let api = postroom.api().clone();
        thread::scope(|scope| {
            let working = scope.spawn(|| application.work(&api));
            thread::sleep(life);
            postroom.kill9();
            working.join().expect("the application");
        });
        postroom.restart();
        if round % COMPARE_EVERY != 0 {
            continue;
        }
        // What it does not know of it asks for once more.
        while application.unsure.is_some() {
            application.ask(&postroom);
        }
        let wanted = application.result();
        let found = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            wait_for(SOON, "the server has what was asked for", || {
                let is_done = all(&postroom, &format!("/v1/mailboxes/{mailbox}/owed")).is_empty()
                    && original(&user) == wanted
                    && copy(&postroom, &mailbox) == wanted;
                is_done.then_some(())
            });
        }));
        if found.is_err() {
            let owed = all(&postroom, &format!("/v1/mailboxes/{mailbox}/owed"));
            panic!(
                "seed {seed}, round {round}: the server {}, the copy {}; owed {owed:#?}",
                differences(&original(&user), &wanted),
                differences(&copy(&postroom, &mailbox), &wanted)
            );
        }
    }
}

/// What is too much and what is missing, by folder.
fn differences(had: &Sorted, wanted: &Sorted) -> String {
    let lacks = |one: &Sorted, other: &Sorted| -> BTreeMap<String, Vec<(String, Vec<String>)>> {
        let mut lacks = other.clone();
        for (path, mails) in one {
            let left = lacks.entry(path.clone()).or_default();
            for mail in mails {
                if let Some(at) = left.iter().position(|other| other == mail) {
                    left.remove(at);
                }
            }
        }
        lacks.retain(|_, mails| !mails.is_empty());
        lacks
    };
    format!(
        "lacks {:#?} and has too much {:#?}",
        lacks(had, wanted),
        lacks(wanted, had)
    )
}
