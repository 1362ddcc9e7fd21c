//! A connection that is made again when nothing is new: what goes over it, against mbsync doing the same.
//!
//! Plain text through a tap, so that the commands themselves can be counted: no command may list the whole folder.

use std::time::Duration;

use crate::mbsync::{Mbsync, Setting};
use crate::product::{self, Door};
use crate::table::Row;
use crate::tap::{Tap, Traffic};
use crate::{World, say};
use serde_json::Value;
use testkit::{Generator, ImapProbe, Mail, Postroom, TestUser, servers};

/// Nothing more is said for so long: the client waits.
const SILENCE: Duration = Duration::from_secs(3);

/// Folders beside INBOX, and how many messages each has.
const OTHERS: [(&str, usize); 3] = [("Sent", 300), ("Archive", 300), ("Work/Orders", 300)];

/// What it may cost to see that nothing is new in a folder, in bytes from the server.
const NOTHING_NEW_GOAL: u64 = 2_000;
/// What happens to INBOX meanwhile.
const NEW: usize = 100;
const FLAGGED: usize = 100;
const EXPUNGED: usize = 50;
/// Beside the new messages' own bytes, a tenth more, and this.
const DELTA_GOAL: u64 = 30_000;

pub fn measure(world: &World) -> Vec<Row> {
    for (at, (folder, count)) in OTHERS.into_iter().enumerate() {
        let mails = Generator::new(30 + at as u64).take(count);
        world.large().seed(folder, mails);
    }
    let (ours, theirs) = (Ours::in_step(world), Theirs::in_step(world));
    let unchanged = (ours.again(), theirs.again());
    say(&format!("postroom: {:#?}", unchanged.0));
    say(&format!("mbsync: {:#?}", unchanged.1));
    ours.pause();
    let own = change(world.large());
    let changed = (ours.resume(), theirs.again());
    say(&format!(
        "changed, {own} bytes of new mail; postroom: {:#?}",
        changed.0
    ));
    let mut rows = rows(&unchanged.0, &unchanged.1);
    rows.extend(delta_rows(own, &changed.0, &changed.1));
    rows
}

/// New mail, flags and expunges in INBOX; returns the bytes of the new mail.
fn change(user: &TestUser) -> u64 {
    let mails: Vec<Mail> = Generator::new(77).take(NEW).collect();
    let own = mails.iter().map(|mail| mail.raw.len() as u64).sum();
    user.seed("INBOX", mails);
    let mut probe = ImapProbe::login(user);
    probe.select("INBOX");
    let uids = probe.search("ALL");
    let some = |from: usize, count: usize, step: usize| {
        let uids = uids.iter().skip(from).step_by(step).take(count);
        uids.map(u32::to_string).collect::<Vec<_>>().join(",")
    };
    probe.store(&some(3, FLAGGED, 37), "+FLAGS", "\\Flagged");
    probe.remove(&some(5, EXPUNGED, 61));
    own
}

fn delta_rows(own: u64, ours: &Traffic, theirs: &Traffic) -> Vec<Row> {
    let most = own + own / 10 + DELTA_GOAL;
    vec![
        Row::new(
            format!("{NEW} new, {FLAGGED} flags, {EXPUNGED} expunges: bytes from the server"),
            format!(
                "{} ({} beside the new mail)",
                ours.down,
                ours.down.saturating_sub(own)
            ),
        )
        .peer(
            format!("{} mbsync", theirs.down),
            ours.down as f64 / theirs.down.max(1) as f64,
        )
        .goal(format!("<= {most}"), ours.down <= most),
    ]
}

fn door(tap: &Tap) -> Door {
    Door {
        port: tap.port(),
        security: "none",
    }
}

/// Postroom behind a tap.
struct Ours {
    tap: Tap,
    postroom: Postroom,
    id: String,
}

impl Ours {
    fn in_step(world: &World) -> Self {
        let tap = Tap::start(servers().imap_port);
        let postroom = product::start(world);
        let id = product::add(&postroom, world.large(), door(&tap));
        product::enable(&postroom, &id);
        product::wait_until_in_step(&postroom, &id);
        std::thread::sleep(SILENCE);
        Self { tap, postroom, id }
    }

    /// A connection that is made again.
    fn again(&self) -> Traffic {
        self.tap.take();
        self.tap.cut();
        self.tap.wait_for_silence(SILENCE);
        self.tap.take()
    }

    fn pause(&self) {
        self.act("pause");
        std::thread::sleep(SILENCE);
        self.tap.take();
    }

    fn resume(&self) -> Traffic {
        self.act("resume");
        self.tap.wait_for_silence(SILENCE);
        self.tap.take()
    }

    fn act(&self, what: &str) {
        let path = format!("/v1/mailboxes/{}/{what}", self.id);
        let (status, answer) = self.postroom.post(&path, &Value::Null);
        assert_eq!(status, 200, "{what}: {answer:#}");
    }
}

/// mbsync behind a tap.
struct Theirs {
    tap: Tap,
    mbsync: Mbsync,
}

impl Theirs {
    fn in_step(world: &World) -> Self {
        let tap = Tap::start(servers().imap_port);
        let setting = Setting {
            durable: false,
            compress: false,
        };
        let mbsync = Mbsync::new(world.large(), door(&tap), setting);
        mbsync.pull();
        Self { tap, mbsync }
    }

    fn again(&self) -> Traffic {
        self.tap.take();
        self.mbsync.pull();
        self.tap.take()
    }
}

fn rows(ours: &Traffic, theirs: &Traffic) -> Vec<Row> {
    let after_sign_in = after_sign_in(&ours.commands);
    let opened = opened(after_sign_in);
    let worst = opened.values().copied().max().unwrap_or(0);
    let lists_all = after_sign_in
        .iter()
        .any(|command| lists_everything(command));
    let mut rows = vec![
        Row::new(
            "nothing new: bytes from the server",
            format!("{}", ours.down),
        )
        .peer(
            format!("{} mbsync", theirs.down),
            ours.down as f64 / theirs.down.max(1) as f64,
        ),
        Row::new(
            "  of them for the folder of 20,000",
            for_opening(ours).to_string(),
        )
        .goal("< 2000", for_opening(ours) < NOTHING_NEW_GOAL),
        Row::new(
            "  round trips, greeting to IDLE",
            format!("{} ({} commands)", ours.round_trips, ours.commands.len()),
        )
        .peer(
            format!("{} mbsync", theirs.round_trips),
            ours.round_trips as f64 / theirs.round_trips.max(1) as f64,
        ),
    ];
    rows.push(
        Row::new(
            "  commands for one folder (the most)",
            format!(
                "{worst} ({} of {} folders opened)",
                opened.len(),
                OTHERS.len() + 1
            ),
        )
        .goal("<= 1 round trip a folder", worst <= 1),
    );
    rows.push(
        Row::new(
            "  a listing of all UIDs",
            if lists_all { "yes" } else { "none" },
        )
        .goal("none", !lists_all),
    );
    rows
}

/// Bytes from the server between the opening of a folder and the next command.
fn for_opening(traffic: &Traffic) -> u64 {
    let opens = |command: &String| command.starts_with("EXAMINE") || command.starts_with("SELECT");
    let Some(at) = traffic.commands.iter().position(opens) else {
        return 0;
    };
    let next = traffic.before.get(at + 1).copied().unwrap_or(traffic.down);
    next - traffic.before[at]
}

/// The commands that follow the sign-in.
fn after_sign_in(commands: &[String]) -> &[String] {
    let sign_in = |command: &String| matches!(command.as_str(), "LOGIN" | "AUTHENTICATE");
    let at = commands.iter().rposition(sign_in).map_or(0, |at| at + 1);
    &commands[at..]
}

/// How many commands were spent on each folder that was opened: the opening, and all until the next one.
fn opened(commands: &[String]) -> std::collections::BTreeMap<String, usize> {
    let mut spent = std::collections::BTreeMap::new();
    let mut folder = None;
    for command in commands {
        let mut words = command.splitn(3, ' ');
        match words.next().unwrap_or_default() {
            "SELECT" | "EXAMINE" => folder = words.next().map(str::to_owned),
            // Waiting is not asking, and the list is one for all folders.
            "IDLE" | "LIST" | "NOTIFY" | "ENABLE" => continue,
            _ => {}
        }
        if let Some(folder) = &folder {
            *spent.entry(folder.clone()).or_default() += 1;
        }
    }
    spent
}

/// A range to the end that begins at the first message.
fn lists_everything(command: &str) -> bool {
    let searches = command.starts_with("UID SEARCH") && command.ends_with(" ALL");
    let fetches = command.contains("FETCH 1:") && !command.contains("CHANGEDSINCE");
    searches || fetches
}

#[cfg(test)]
mod tests {
    use super::{after_sign_in, lists_everything, opened};

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn commands_belong_to_the_folder_that_is_open() {
        let commands = lines(
            "CAPABILITY\nAUTHENTICATE\nENABLE QRESYNC\nLIST \"\" *\nEXAMINE INBOX (QRESYNC (1 2))\nUID SEARCH UID 9:*\nEXAMINE Sent\nIDLE",
        );
        let spent = opened(after_sign_in(&commands));
        assert_eq!((spent["INBOX"], spent["Sent"]), (2, 1));
    }

    #[test]
    fn a_listing_of_everything_is_recognised() {
        assert!(lists_everything("UID FETCH 1:* (FLAGS)"));
        assert!(lists_everything("UID SEARCH RETURN (ALL) ALL"));
        assert!(!lists_everything("UID FETCH 1:* (FLAGS) (CHANGEDSINCE 12)"));
        assert!(!lists_everything("UID SEARCH RETURN (ALL) UID 20001:*"));
    }
}
