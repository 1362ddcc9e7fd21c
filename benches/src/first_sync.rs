//! The first synchronisation of a large mailbox over TLS, against mbsync and a bare reader, round by round.
//!
//! Postroom counts from `enable` until its coverage is complete: every message committed and synced to disk, parsed,
//! threaded and searchable. mbsync counts its whole run. The bare reader keeps nothing.

use std::time::Instant;

use crate::mbsync::{Mbsync, Setting};
use crate::meter::{self, Cost, median};
use crate::product::{self, Door};
use crate::table::Row;
use crate::{World, raw, say};

/// The most memory that a first synchronisation may take, in bytes.
const MEMORY_GOAL: u64 = 250_000_000;
/// The most it may take of a bare reader's time.
const RAW_GOAL: f64 = 1.6;

/// A setting of mbsync, and the most of its time that Postroom may take.
struct Peer {
    name: &'static str,
    setting: Setting,
    goal: Option<f64>,
}

const PEERS: [Peer; 4] = [
    Peer {
        name: "mbsync, FSync no, no COMPRESS",
        setting: Setting {
            durable: false,
            compress: false,
        },
        goal: Some(1.0),
    },
    Peer {
        name: "mbsync, its defaults (FSync yes, COMPRESS)",
        setting: Setting {
            durable: true,
            compress: true,
        },
        goal: Some(0.1),
    },
    Peer {
        name: "mbsync, FSync yes, no COMPRESS",
        setting: Setting {
            durable: true,
            compress: false,
        },
        goal: None,
    },
    Peer {
        name: "mbsync, FSync no, COMPRESS",
        setting: Setting {
            durable: false,
            compress: true,
        },
        goal: Some(1.0),
    },
];

/// One round.
struct Round {
    raw: f64,
    ours: Cost,
    peers: Vec<Cost>,
}

pub fn measure(world: &World) -> Vec<Row> {
    world.large();
    let rounds: Vec<Round> = (0..world.options.rounds).map(|_| round(world)).collect();
    rows(world, &rounds)
}

fn round(world: &World) -> Round {
    let user = world.large();
    meter::settle_disk();
    let since = Instant::now();
    raw::read_everything(user);
    let raw = since.elapsed().as_secs_f64();
    say(&format!("bare reader: {raw:.1} s"));
    let ours = ours(world);
    say(&format!("postroom: {ours:.1?}"));
    let peers = PEERS.iter().take(world.options.peers).map(|peer| {
        let cost = theirs(world, peer.setting);
        say(&format!("{}: {cost:.1?}", peer.name));
        cost
    });
    Round {
        raw,
        ours,
        peers: peers.collect(),
    }
}

fn ours(world: &World) -> Cost {
    let postroom = product::start(world);
    let id = product::add(&postroom, world.large(), Door::tls());
    meter::settle_disk();
    let cpu = meter::processor_time(postroom.pid());
    let since = Instant::now();
    product::enable(&postroom, &id);
    product::wait_until_in_step(&postroom, &id);
    let cost = Cost {
        wall: since.elapsed().as_secs_f64(),
        cpu: meter::processor_time(postroom.pid()) - cpu,
        peak: postroom.peak_memory(),
    };
    assert_eq!(
        product::stored(&postroom, &id),
        world.options.messages as u64
    );
    let (_, found) = postroom.get("/v1/messages?q=quotation&limit=1");
    assert!(
        found["data"][0].is_object(),
        "the search finds nothing: {found:#}"
    );
    cost
}

fn theirs(world: &World, setting: Setting) -> Cost {
    let mbsync = Mbsync::new(world.large(), Door::tls(), setting);
    meter::settle_disk();
    let cost = mbsync.pull();
    assert_eq!(mbsync.stored(), world.options.messages as u64);
    cost
}

fn rows(world: &World, rounds: &[Round]) -> Vec<Row> {
    let wall = median(rounds.iter().map(|round| round.ours.wall));
    let cpu = median(rounds.iter().map(|round| round.ours.cpu));
    let rate = world.options.messages as f64 / wall;
    let mut rows = Vec::new();
    for (at, peer) in PEERS.iter().take(world.options.peers).enumerate() {
        let theirs = median(rounds.iter().map(|round| round.peers[at].wall));
        // Of the same round: whatever else the machine did then, it did to both.
        let ratio = median(
            rounds
                .iter()
                .map(|round| round.ours.wall / round.peers[at].wall),
        );
        let row = Row::new(
            "first synchronisation over TLS",
            format!("{wall:.1} s ({rate:.0} messages/s)"),
        )
        .peer(format!("{theirs:.1} s {}", peer.name), ratio);
        rows.push(match peer.goal {
            Some(goal) => row.goal(format!("<= {goal}"), ratio <= goal),
            None => row,
        });
    }
    let raw = median(rounds.iter().map(|round| round.raw));
    let ratio = median(rounds.iter().map(|round| round.ours.wall / round.raw));
    rows.push(
        Row::new("first synchronisation over TLS", format!("{wall:.1} s"))
            .peer(format!("{raw:.1} s bare reader over TLS"), ratio)
            .goal(format!("<= {RAW_GOAL}"), ratio <= RAW_GOAL),
    );
    let theirs = median(rounds.iter().map(|round| round.peers[0].cpu));
    rows.push(
        Row::new("  processor time", format!("{cpu:.1} s"))
            .peer(format!("{theirs:.1} s {}", PEERS[0].name), cpu / theirs),
    );
    let peak = rounds
        .iter()
        .map(|round| round.ours.peak)
        .max()
        .unwrap_or(0);
    let theirs = rounds
        .iter()
        .map(|round| round.peers[0].peak)
        .max()
        .unwrap_or(0);
    rows.push(
        Row::new(
            "  largest resident memory",
            format!("{:.0} MB", peak as f64 / 1e6),
        )
        .peer(
            format!("{:.0} MB {}", theirs as f64 / 1e6, PEERS[0].name),
            peak as f64 / theirs.max(1) as f64,
        )
        .goal("< 250 MB", peak < MEMORY_GOAL),
    );
    rows
}
