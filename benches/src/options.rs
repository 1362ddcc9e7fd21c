//! What to measure, and how much of it.

use std::path::PathBuf;

/// The benchmarks by name, in the order in which they run.
pub const NAMES: [&str; 10] = [
    "first_sync",
    "resync",
    "large",
    "new_mail",
    "memory",
    "many",
    "list",
    "search",
    "reports",
    "send",
];

/// What is printed for `--help` and after a mistake.
pub const USAGE: &str = "\
usage: benches [options] [first_sync] [resync] [large] [new_mail] [memory] [many] [list] [search] [reports] [send]

  --rounds N          rounds of first_sync and send, interleaved with their peers (2)
  --peers N           mbsync's settings that first_sync is measured against, of four (4; 1: the fastest, 2: its defaults too)
  --megabytes N       size of the huge message of large (1000)
  --messages N        messages in the large mailbox, 40 KB mean (20000)
  --deliveries N      messages delivered by new_mail (40)
  --mailboxes N       mailboxes connected by memory (5000)
  --small N           mailboxes of 20 messages synchronised at once by many (500)
  --listed N          messages in the store of list, over five mailboxes (100000)
  --seconds N         seconds for each question of list (10)
  --connections N     connections of list's load (8)
  --searched N        messages in the stores of search (1000000)
  --only NAME         search on SQLite or on PostgreSQL alone
  --reports N         connection reports asked for at once by reports (1000)
  --submissions N     messages sent in each round of send (20000)
  --queued N          messages in the queue of send (100000)
  --binary PATH       the program (postroom beside this one)";

/// The choice for one run.
#[derive(Debug, Clone)]
pub struct Options {
    /// Names from [`NAMES`].
    pub names: Vec<String>,
    /// Rounds of `first_sync` and `send`.
    pub rounds: usize,
    /// Settings of mbsync in `first_sync`.
    pub peers: usize,
    /// Size of the huge message of `large`.
    pub megabytes: usize,
    /// Messages in the large mailbox.
    pub messages: usize,
    /// Deliveries of `new_mail`.
    pub deliveries: usize,
    /// Mailboxes of `memory`.
    pub mailboxes: usize,
    /// Mailboxes of `many`.
    pub small: usize,
    /// Messages in the store of `list`.
    pub listed: usize,
    /// Seconds for each question of `list`.
    pub seconds: u64,
    /// Connections of the load of `list`.
    pub connections: usize,
    /// Messages in the stores of `search`.
    pub searched: usize,
    /// The one database of `search`.
    pub only: Option<String>,
    /// Reports of `reports`.
    pub reports: usize,
    /// Messages of a round of `send`.
    pub submissions: usize,
    /// Messages in the queue of `send`.
    pub queued: usize,
    /// The program to measure.
    pub binary: PathBuf,
}

impl Options {
    /// Reads the command line.
    ///
    /// # Errors
    /// A sentence that names what is wrong; empty where only help was asked for.
    pub fn read(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self {
            names: Vec::new(),
            rounds: 2,
            peers: 4,
            megabytes: 1_000,
            messages: 20_000,
            deliveries: 40,
            mailboxes: 5_000,
            small: 500,
            listed: 100_000,
            seconds: 10,
            connections: 8,
            searched: 1_000_000,
            only: None,
            reports: 1_000,
            submissions: 20_000,
            queued: 100_000,
            binary: beside_this_program()?,
        };
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or(format!("{word} needs a value"));
            match word.as_str() {
                "--rounds" => options.rounds = number(&value()?)?,
                "--peers" => options.peers = number(&value()?)?,
                "--megabytes" => options.megabytes = number(&value()?)?,
                "--messages" => options.messages = number(&value()?)?,
                "--deliveries" => options.deliveries = number(&value()?)?,
                "--mailboxes" => options.mailboxes = number(&value()?)?,
                "--small" => options.small = number(&value()?)?,
                "--listed" => options.listed = number(&value()?)?,
                "--seconds" => options.seconds = number(&value()?)? as u64,
                "--connections" => options.connections = number(&value()?)?,
                "--searched" => options.searched = number(&value()?)?,
                "--only" => options.only = Some(value()?),
                "--reports" => options.reports = number(&value()?)?,
                "--submissions" => options.submissions = number(&value()?)?,
                "--queued" => options.queued = number(&value()?)?,
                "--binary" => options.binary = value()?.into(),
                "--help" | "-h" => return Err(String::new()),
                name if NAMES.contains(&name) => options.names.push(name.to_owned()),
                other => return Err(format!("{other} is neither an option nor a benchmark")),
            }
        }
        if options.names.is_empty() {
            options.names = NAMES.map(str::to_owned).to_vec();
        }
        // One order only: resync adds folders to the mailbox that first_sync counts.
        options
            .names
            .sort_by_key(|name| NAMES.iter().position(|known| known == name));
        options.names.dedup();
        Ok(options)
    }
}

fn beside_this_program() -> Result<PathBuf, String> {
    let this = std::env::current_exe().map_err(|e| e.to_string())?;
    Ok(this.with_file_name("postroom"))
}

fn number(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|n| *n > 0);
    number.ok_or(format!("{text} is not a number of at least 1"))
}

#[cfg(test)]
mod tests {
    use super::{NAMES, Options};

    fn read(words: &[&str]) -> Result<Options, String> {
        Options::read(words.iter().map(|word| (*word).to_owned()))
    }

    #[test]
    fn no_name_means_all_and_a_name_only_itself() {
        assert_eq!(read(&[]).expect("options").names, NAMES);
        let options = read(&["--rounds", "3", "list"]).expect("options");
        assert_eq!(
            (options.rounds, options.names),
            (3, vec!["list".to_owned()])
        );
        let both = read(&["resync", "first_sync", "resync"]).expect("options");
        assert_eq!(both.names, ["first_sync", "resync"]);
    }

    #[test]
    fn nonsense_is_refused_by_name() {
        assert!(
            read(&["lists"])
                .expect_err("no such name")
                .contains("lists")
        );
        assert!(read(&["--rounds", "0"]).is_err());
        assert!(read(&["--rounds"]).is_err());
    }
}
