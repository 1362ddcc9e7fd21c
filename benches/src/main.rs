//! Benchmarks against real servers: what the product promises about speed and memory, each number beside its peer from
//! the same run. `benches/run` starts the servers and this program; docs/performance.md keeps the results.
//!
//! - [`first_sync`], [`resync`], [`new_mail`], [`memory`], [`many`], [`list`], [`search`], [`reports`], [`send`]: one benchmark each, which returns rows of the table
//! - [`corpus`]: a million messages for the search, made straight into the store
//! - [`product`]: the release binary at work; [`mbsync`] and [`raw`]: the peers
//! - [`meter`]: wall time, processor time and memory of a process; [`tap`]: what goes over a connection; [`load`]: HTTP load

mod corpus;
mod first_sync;
mod large;
mod list;
mod load;
mod many;
mod mbsync;
mod memory;
mod meter;
mod new_mail;
mod options;
mod product;
mod raw;
mod reports;
mod resync;
mod search;
mod send;
mod table;
mod tap;

use std::cell::OnceCell;
use std::process::ExitCode;

use options::Options;
use table::Row;
use testkit::{Generator, Profile, TestUser, user};

/// What the benchmarks share.
struct World {
    options: Options,
    large: OnceCell<TestUser>,
}

impl World {
    /// The user with the large mailbox, filled at first use; the server's cache is warm afterwards.
    fn large(&self) -> &TestUser {
        self.large.get_or_init(|| {
            let user = user("large");
            let count = self.options.messages;
            say(&format!("writing {count} messages of 40 KB mean"));
            user.seed(
                "INBOX",
                Generator::new(1).profile(Profile::Bench).take(count),
            );
            let read = raw::read_everything(&user);
            say(&format!(
                "{:.0} MB, read once to warm the server's cache",
                read as f64 / 1e6
            ));
            user
        })
    }
}

fn main() -> ExitCode {
    let options = match Options::read(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(mistake) => {
            eprintln!("{mistake}\n{}", options::USAGE);
            return if mistake.is_empty() {
                ExitCode::SUCCESS
            } else {
                ExitCode::from(2)
            };
        }
    };
    println!("{}", meter::machine());
    let world = World {
        options,
        large: OnceCell::new(),
    };
    let mut rows: Vec<Row> = Vec::new();
    for name in &world.options.names {
        say(&format!("== {name}, load {}", meter::load_average()));
        rows.extend(match name.as_str() {
            "first_sync" => first_sync::measure(&world),
            "resync" => resync::measure(&world),
            "new_mail" => new_mail::measure(&world),
            "memory" => memory::measure(&world),
            "many" => many::measure(&world),
            "search" => search::measure(&world),
            "large" => large::measure(&world),
            "reports" => reports::measure(&world),
            "send" => send::measure(&world),
            _ => list::measure(&world),
        });
    }
    print!("{}", table::render(&rows));
    ExitCode::SUCCESS
}

/// Progress, beside the table.
fn say(text: &str) {
    eprintln!("{text}");
}
