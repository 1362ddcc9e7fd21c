//! A mail client that does random things to a mailbox: appends, flags, moves, copies, expunges, makes, renames and
//! removes folders. The same seed does the same things.

use std::time::Duration;

use crate::{Brand, Generator, ImapProbe, Random, TestUser, deliver};

/// The second client: it knows which folders there are, and asks for the rest.
pub struct SecondClient {
    server: Brand,
    user: TestUser,
    probe: ImapProbe,
    random: Random,
    mail: Generator,
    folders: Vec<String>,
    named: u32,
}

impl SecondClient {
    /// Signs in and makes two folders. What it does from then on is told by the seed.
    ///
    /// # Panics
    /// The server refuses.
    pub fn new(server: Brand, user: &TestUser, seed: u64) -> Self {
        let mut probe = ImapProbe::login(user);
        for folder in ["Alpha", "Beta"] {
            probe.create(&server.path(folder));
        }
        probe.be_lenient();
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
        if !self.probe.try_select(&folder) {
            return None;
        }
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

    /// Does one thing.
    ///
    /// # Panics
    /// The server is away, or says what makes no sense.
    pub fn act(&mut self) {
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
                if self.probe.rename(&self.folders[i], &to) {
                    self.folders[i] = to;
                }
            }
            93..=95 => {
                let i = self.own_folder();
                self.probe.select("INBOX");
                self.probe.delete(&self.folders[i]);
                // The same name again, with nothing in it and other UIDs.
                self.probe.create_again(&self.folders[i]);
            }
            _ => {
                let name = self.fresh_name();
                self.probe.create(&name);
                self.folders.push(name);
            }
        }
    }

    /// Does so many things, with short pauses of its own choice.
    pub fn act_for_a_while(&mut self, count: usize) {
        for _ in 0..count {
            self.act();
            std::thread::sleep(Duration::from_millis(self.random.below(60)));
        }
    }
}
