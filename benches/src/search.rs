//! The first page of a search in a store of a million messages, on SQLite and on PostgreSQL: how long one person waits
//! who asks one thing after the other. Each question is asked with several words of the same kind, each word once after
//! one that warms the connection, so that no answer comes from the one before.

use std::time::Instant;

use testkit::{Api, Launch, postgres_database};

use crate::corpus::{self, Corpus, OLD_WORD, person, word};
use crate::meter::percentile;
use crate::table::Row;
use crate::{World, say};

/// The most milliseconds for a first page.
const GOAL: f64 = 50.0;
/// Different words for one kind of question.
const WORDS: usize = 20;

pub fn measure(world: &World) -> Vec<Row> {
    let mut rows = Vec::new();
    for (name, on_postgres) in [("SQLite", false), ("PostgreSQL", true)] {
        if world
            .options
            .only
            .as_deref()
            .is_some_and(|only| only != name)
        {
            continue;
        }
        rows.extend(on(world, name, on_postgres));
    }
    rows
}

fn on(world: &World, name: &str, on_postgres: bool) -> Vec<Row> {
    let mut launch = Launch::new(&world.options.binary);
    let url = on_postgres.then(postgres_database);
    if let Some(url) = &url {
        launch = launch.env("POSTROOM_DATABASE", url);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let count = world.options.searched;
    let since = Instant::now();
    let corpus = runtime.block_on(async {
        let store = corpus::open(launch.data_dir(), url.as_deref()).await;
        corpus::fill(&store, count).await
    });
    drop(runtime);
    let filled = since.elapsed().as_secs_f64();
    let size = match &url {
        None => std::fs::metadata(launch.data_dir().join("postroom.db")).map_or(0, |m| m.len()),
        Some(_) => 0,
    };
    say(&format!(
        "{name}: {count} messages in {filled:.0} s, {:.0} MB",
        size as f64 / 1e6
    ));
    let postroom = launch.start();
    let mut rows = Vec::new();
    for (what, ask) in questions(&corpus) {
        let (times, found) = time(&postroom, &*ask);
        let mut sorted = times.clone();
        let (middle, worst) = (percentile(&mut sorted, 0.5), percentile(&mut sorted, 1.0));
        say(&format!(
            "{name}: {what}: median {middle:.1} ms, slowest {worst:.1} ms, {found:.0} found"
        ));
        rows.push(
            Row::new(
                format!("{name}, {count} messages: {what}"),
                format!("{middle:.1} ms (slowest {worst:.1} ms)"),
            )
            .goal("< 50 ms", worst < GOAL),
        );
    }
    rows
}

type Question = Box<dyn Fn(usize) -> String>;

/// Kinds of questions; each makes the n-th of its kind.
fn questions(corpus: &Corpus) -> Vec<(&'static str, Question)> {
    let [large, middle, small] = corpus.mailboxes.clone();
    let folder = corpus.folder.clone();
    let in_large = large.clone();
    vec![
        (
            "no search",
            Box::new(|n| format!("&since=2020-01-{:02}T00:00:00Z", n + 1)),
        ),
        (
            "a rare word",
            Box::new(|n| format!("&q={}", word(40_000 + n * 37))),
        ),
        (
            "a word of the middle",
            Box::new(|n| format!("&q={}", word(1_000 + n * 11))),
        ),
        (
            "a frequent word",
            Box::new(|n| format!("&q={}", word(60 + n * 3))),
        ),
        (
            "a very frequent word",
            Box::new(|n| format!("&q={}", word(n))),
        ),
        (
            "two frequent words",
            Box::new(|n| format!("&q={}+{}", word(20 + n), word(80 + n * 7))),
        ),
        (
            "two words that seldom meet",
            Box::new(|n| format!("&q={}+{}", word(300 + n * 5), word(700 + n * 9))),
        ),
        (
            "a word in the oldest mail only",
            Box::new(|n| format!("&q={OLD_WORD}+-{}", word(5_000 + n))),
        ),
        (
            "a frequent word without another",
            Box::new(|n| format!("&q={}+-{}", word(60 + n), word(n))),
        ),
        (
            "a phrase",
            Box::new(|n| format!("&q=%22{}+{}%22", word(n), word(n + 1))),
        ),
        (
            "in the subject",
            Box::new(|n| format!("&q=subject:{}", word(100 + n * 3))),
        ),
        (
            "a busy sender",
            Box::new(|n| format!("&q=from:{}", person(n))),
        ),
        (
            "a quiet sender",
            Box::new(|n| format!("&q=from:{}", person(3_000 + n * 13))),
        ),
        (
            "a sender and a frequent word",
            Box::new(|n| format!("&q=from:{}+{}", person(n * 3), word(10 + n))),
        ),
        (
            "a frequent word, the largest mailbox",
            Box::new(move |n| format!("&q={}&mailbox_id={in_large}", word(60 + n))),
        ),
        (
            "a frequent word, a mailbox of the middle",
            Box::new(move |n| format!("&q={}&mailbox_id={middle}", word(60 + n))),
        ),
        (
            "a frequent word, the smallest mailbox",
            Box::new(move |n| format!("&q={}&mailbox_id={small}", word(60 + n))),
        ),
        (
            "a frequent word, one folder",
            Box::new(move |n| format!("&q={}&folder_id={folder}", word(60 + n))),
        ),
        (
            "a frequent word, all sent folders",
            Box::new(|n| format!("&q={}&role=sent", word(60 + n))),
        ),
        (
            "a frequent word, one month long ago",
            Box::new(|n| format!("&q={}+after:2023-03-01+before:2023-04-01", word(60 + n))),
        ),
        (
            "a frequent word, unread",
            Box::new(|n| format!("&q={}+is:unread", word(60 + n))),
        ),
        (
            "a frequent word, marked",
            Box::new(|n| format!("&q={}+is:flagged", word(60 + n))),
        ),
        (
            "a frequent word, with attachments",
            Box::new(|n| format!("&q={}+has:attachment", word(60 + n))),
        ),
    ]
}

/// Milliseconds of each answer, and how many messages the first pages had in the mean.
fn time(api: &Api, ask: &dyn Fn(usize) -> String) -> (Vec<f64>, f64) {
    let mut times = Vec::with_capacity(WORDS);
    let mut found = 0;
    let _ = api.get("/v1/messages?limit=1");
    for n in 0..WORDS {
        let path = format!("/v1/messages?limit=50{}", ask(n));
        let since = Instant::now();
        let (status, page) = api.get(&path);
        times.push(since.elapsed().as_secs_f64() * 1_000.0);
        assert_eq!(status, 200, "{path}: {page:#}");
        found += page["data"].as_array().map_or(0, Vec::len);
    }
    (times, found as f64 / WORDS as f64)
}
