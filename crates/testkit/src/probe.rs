//! A second IMAP client: blocking, small, its own parser. Tests use it to act behind the product's back and to see
//! what the server really has.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufReader, ErrorKind, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::encode::rfc5322_date;
use crate::response::{self, Item};
use crate::{Brand, Mail, TestUser, utf7_decode, utf7_encode};

/// How long the server may take for anything: Dovecot gives up a locked mailbox after two minutes.
const PATIENCE: Duration = Duration::from_secs(150);

/// So often is asked again what is refused: Dovecot gives up on a lock that another session holds, and on a folder that
/// another one has just changed.
const ASKED_AGAIN: usize = 2;

/// A folder's messages: UID to flags (without `\Recent`) and the SHA-256 of the bytes, as hex.
pub type Contents = BTreeMap<u32, (BTreeSet<String>, String)>;
/// Everything that the server has for a user: folder name (decoded) to contents.
pub type Oracle = BTreeMap<String, Contents>;

/// What the server has for this user, read over a connection of its own, leaving everything as it is.
pub fn oracle(user: &TestUser) -> Oracle {
    let mut probe = ImapProbe::login(user);
    let folders = probe.folders();
    folders
        .into_iter()
        .map(|name| (name.clone(), probe.contents(&name)))
        .collect()
}

/// The SHA-256 of bytes, as lower-case hex.
pub fn sha256_hex(bytes: &[u8]) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
    digest
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// A connection. Every method panics with the server's words when the server says NO, except [`ImapProbe::command`].
pub struct ImapProbe {
    reader: BufReader<TcpStream>,
    writer: TcpStream,
    tags: u32,
    /// What is refused is left undone, and no panic.
    lenient: bool,
    /// What the server can do, in capitals, once it was asked.
    abilities: Option<Vec<String>>,
}

/// The answer to one command.
#[derive(Debug, Clone)]
pub struct Reply {
    /// `OK`, `NO` or `BAD`.
    pub status: String,
    /// The response code without its brackets, empty where there is none.
    pub code: String,
    /// The untagged responses that came before, without the `*`.
    pub untagged: Vec<Vec<Item>>,
}

/// What SELECT and EXAMINE tell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selected {
    /// How many messages.
    pub exists: u32,
    /// UIDVALIDITY.
    pub uid_validity: u32,
    /// UIDNEXT.
    pub uid_next: u32,
    /// HIGHESTMODSEQ, 0 where not told.
    pub highest_modseq: u64,
}

impl ImapProbe {
    /// Connects to a plain-text port of 127.0.0.1 and reads the greeting.
    pub fn connect(port: u16) -> Self {
        let writer = TcpStream::connect(("127.0.0.1", port))
            .unwrap_or_else(|e| panic!("no IMAP server on {port}: {e}"));
        writer.set_nodelay(true).expect("a socket takes options");
        writer
            .set_read_timeout(Some(PATIENCE))
            .expect("a socket takes options");
        let reader = BufReader::new(writer.try_clone().expect("a socket can be shared"));
        let mut probe = Self {
            reader,
            writer,
            tags: 0,
            lenient: false,
            abilities: None,
        };
        probe.read().expect("the server greets");
        probe
    }

    /// Connects to the user's server and signs in.
    pub fn login(user: &TestUser) -> Self {
        let mut probe = Self::connect(Brand::of(user).imap_port());
        probe.ok(&format!(
            "LOGIN {} {}",
            quote(&user.address),
            quote(&user.password)
        ));
        probe
    }

    /// Sends one command and reads until its tagged answer, whatever it is.
    pub fn command(&mut self, command: &str) -> Reply {
        self.tags += 1;
        let tag = format!("p{}", self.tags);
        self.send(format!("{tag} {command}\r\n").as_bytes());
        self.finish(&tag)
    }

    /// The same, and the answer must be OK; a refusal that passes is waited for.
    #[track_caller]
    pub fn ok(&mut self, command: &str) -> Reply {
        let reply = self.patiently(|probe| probe.command(command));
        if self.lenient && reply.status == "NO" {
            eprintln!("left undone: {command}: {reply:?}");
            return reply;
        }
        assert_eq!(reply.status, "OK", "{command}: {reply:?}");
        reply
    }

    /// Asks again where the server refuses for a moment: another session holds a lock.
    fn patiently(&mut self, mut ask: impl FnMut(&mut Self) -> Reply) -> Reply {
        for _ in 0..ASKED_AGAIN {
            let reply = ask(self);
            if reply.status != "NO" {
                return reply;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        ask(self)
    }

    /// Does the server offer this? It is asked once, after the sign-in.
    pub fn can(&mut self, ability: &str) -> bool {
        if self.abilities.is_none() {
            let reply = self.ok("CAPABILITY");
            let told = reply.untagged.iter().filter(|i| is(i, 0, "CAPABILITY"));
            let words = told.flatten().map(|item| item.as_str().to_uppercase());
            self.abilities = Some(words.collect());
        }
        self.abilities.iter().flatten().any(|had| had == ability)
    }

    fn how_to_open(&mut self) -> &'static str {
        if self.can("CONDSTORE") {
            " (CONDSTORE)"
        } else {
            ""
        }
    }

    /// Opens a folder for reading and writing.
    pub fn select(&mut self, folder: &str) -> Selected {
        let how = self.how_to_open();
        let reply = self.ok(&format!("SELECT {}{how}", name(folder)));
        selected(&reply)
    }

    /// Opens a folder for reading only.
    pub fn examine(&mut self, folder: &str) -> Selected {
        let how = self.how_to_open();
        let reply = self.ok(&format!("EXAMINE {}{how}", name(folder)));
        selected(&reply)
    }

    /// From now on what the server refuses again and again is left undone: for a client whose acts do not matter one by one.
    pub(crate) const fn be_lenient(&mut self) {
        self.lenient = true;
    }

    /// Appends a message and returns its UID. `flags` as in `\Seen $label`; `date` as in `"01-Feb-2024 10:00:00 +0000"`
    /// without the quotes, or empty.
    pub fn append(&mut self, folder: &str, flags: &str, date: &str, raw: &[u8]) -> u32 {
        let reply = self.patiently(|probe| probe.append_once(folder, flags, date, raw));
        if self.lenient && reply.status == "NO" {
            eprintln!("left undone: APPEND to {folder}: {reply:?}");
            return 0;
        }
        assert_eq!(reply.status, "OK", "APPEND to {folder}: {reply:?}");
        // APPENDUID <uidvalidity> <uid>
        reply
            .code
            .rsplit(' ')
            .next()
            .and_then(|uid| uid.parse().ok())
            .expect("the server has UIDPLUS")
    }

    fn append_once(&mut self, folder: &str, flags: &str, date: &str, raw: &[u8]) -> Reply {
        let at_once = self.can("LITERAL+");
        self.tags += 1;
        let tag = format!("p{}", self.tags);
        let date = if date.is_empty() {
            String::new()
        } else {
            format!("\"{date}\" ")
        };
        let plus = if at_once { "+" } else { "" };
        self.send(
            format!(
                "{tag} APPEND {} ({flags}) {date}{{{}{plus}}}\r\n",
                name(folder),
                raw.len()
            )
            .as_bytes(),
        );
        if !at_once {
            while self.read().expect("the server accepts APPEND").0 != "+" {}
        }
        self.send(raw);
        self.send(b"\r\n");
        self.finish(&tag)
    }

    /// Makes a folder where it is missing and appends mail in one command (MULTIAPPEND, RFC 3502). Returns how many.
    pub(crate) fn append_all(
        &mut self,
        folder: &str,
        mails: impl IntoIterator<Item = Mail>,
    ) -> usize {
        if !self.folders().iter().any(|had| had == folder) {
            self.create(folder);
        }
        self.tags += 1;
        let tag = format!("p{}", self.tags);
        let mut command = format!("{tag} APPEND {}", name(folder)).into_bytes();
        let mut count = 0;
        for mail in mails {
            let (flags, date) = (mail.flags.join(" "), imap_date(mail.internal_date));
            let head = format!(" ({flags}) \"{date}\" {{{}+}}\r\n", mail.raw.len());
            command.extend_from_slice(head.as_bytes());
            command.extend_from_slice(&mail.raw);
            count += 1;
        }
        command.extend_from_slice(b"\r\n");
        if count > 0 {
            self.send(&command);
            let reply = self.finish(&tag);
            if self.lenient && reply.status == "NO" {
                eprintln!("left undone: APPEND to {folder}: {reply:?}");
                return 0;
            }
            assert_eq!(reply.status, "OK", "APPEND to {folder}: {reply:?}");
        }
        count
    }

    /// Changes flags in the selected folder: `store("1:3", "+FLAGS", "\\Seen")`.
    pub fn store(&mut self, uids: &str, how: &str, flags: &str) {
        self.ok(&format!("UID STORE {uids} {how}.SILENT ({flags})"));
    }

    /// Moves messages of the selected folder; without MOVE as every client has to: copy, mark, remove.
    pub fn move_to(&mut self, uids: &str, folder: &str) {
        if self.can("MOVE") {
            self.ok(&format!("UID MOVE {uids} {}", name(folder)));
        } else {
            self.copy_to(uids, folder);
            self.remove(uids);
        }
    }

    /// Copies messages of the selected folder.
    pub fn copy_to(&mut self, uids: &str, folder: &str) {
        self.ok(&format!("UID COPY {uids} {}", name(folder)));
    }

    /// Marks messages of the selected folder deleted and removes them.
    pub fn remove(&mut self, uids: &str) {
        self.store(uids, "+FLAGS", "\\Deleted");
        self.ok(&format!("UID EXPUNGE {uids}"));
    }

    /// Makes a folder.
    pub fn create(&mut self, folder: &str) {
        self.ok(&format!("CREATE {}", name(folder)));
    }

    /// Makes a folder that was removed just now. Dovecot may say that it is there still or again: another session had it
    /// open.
    ///
    /// # Panics
    /// At any other refusal.
    pub fn create_again(&mut self, folder: &str) {
        let reply = self.command(&format!("CREATE {}", name(folder)));
        let there = reply.status == "OK" || reply.code.eq_ignore_ascii_case("ALREADYEXISTS");
        assert!(there, "CREATE {folder}: {reply:?}");
    }

    /// Opens a folder for reading and writing, where the server lets us.
    pub fn try_select(&mut self, folder: &str) -> bool {
        self.command(&format!("SELECT {}", name(folder))).status == "OK"
    }

    /// Renames a folder. `false`: it was refused, which only a lenient client lives through.
    pub fn rename(&mut self, from: &str, to: &str) -> bool {
        self.ok(&format!("RENAME {} {}", name(from), name(to)))
            .status
            == "OK"
    }

    /// Removes a folder.
    pub fn delete(&mut self, folder: &str) {
        self.ok(&format!("DELETE {}", name(folder)));
    }

    /// The UIDs in the selected folder that fit: `search("UNSEEN")`.
    pub fn search(&mut self, criteria: &str) -> Vec<u32> {
        let reply = self.ok(&format!("UID SEARCH {criteria}"));
        let found = reply
            .untagged
            .iter()
            .filter(|items| is(items, 0, "SEARCH"))
            .flatten();
        found
            .filter_map(Item::number)
            .filter_map(|n| u32::try_from(n).ok())
            .collect()
    }

    /// The names of all folders that can be opened, decoded.
    pub fn folders(&mut self) -> Vec<String> {
        let reply = self.ok("LIST \"\" \"*\"");
        let listed = reply.untagged.iter().filter(|items| is(items, 0, "LIST"));
        let open = listed.filter(|items| {
            !items[1]
                .list()
                .iter()
                .any(|a| a.as_str().eq_ignore_ascii_case("\\Noselect"))
        });
        open.map(|items| utf7_decode(&items[3].as_str())).collect()
    }

    /// One message's bytes, unread staying unread.
    pub fn fetch(&mut self, uid: u32) -> Vec<u8> {
        let reply = self.ok(&format!("UID FETCH {uid} (BODY.PEEK[])"));
        for items in &reply.untagged {
            if let Some(Item::Text(raw)) = field(items, "BODY[]") {
                return raw.clone();
            }
        }
        panic!("the server has no message with UID {uid}: {reply:?}")
    }

    /// The bytes of every message of a folder, in order.
    pub fn bodies(&mut self, folder: &str) -> Vec<Vec<u8>> {
        if self.examine(folder).exists == 0 {
            return Vec::new();
        }
        let reply = self.ok("UID FETCH 1:* (BODY.PEEK[])");
        let bodies = reply.untagged.iter().filter_map(|items| {
            let Some(Item::Text(raw)) = field(items, "BODY[]") else {
                return None;
            };
            Some(raw.clone())
        });
        bodies.collect()
    }

    /// Flags and hashes of every message of a folder.
    pub fn contents(&mut self, folder: &str) -> Contents {
        let mut contents = Contents::new();
        let mut opened = self.examine(folder);
        if opened.uid_next == 0 {
            // Courier tells no UIDNEXT, and gives no UIDs that last to whoever only reads.
            opened = self.select(folder);
        }
        if opened.exists == 0 {
            return contents;
        }
        let reply = self.ok("UID FETCH 1:* (UID FLAGS BODY.PEEK[])");
        for items in &reply.untagged {
            let (Some(uid), Some(Item::Text(raw))) = (field(items, "UID"), field(items, "BODY[]"))
            else {
                continue;
            };
            let uid = uid
                .number()
                .and_then(|n| u32::try_from(n).ok())
                .expect("a UID is a number");
            let flags = field(items, "FLAGS").map(Item::list).unwrap_or_default();
            let flags = flags
                .iter()
                .map(Item::as_str)
                .filter(|flag| flag != "\\Recent")
                .collect();
            contents.insert(uid, (flags, sha256_hex(raw)));
        }
        contents
    }

    /// Starts IDLE (RFC 2177) in the selected folder.
    pub fn idle(&mut self) {
        self.tags += 1;
        self.send(format!("p{} IDLE\r\n", self.tags).as_bytes());
        while self.read().expect("the server accepts IDLE").0 != "+" {}
    }

    /// Waits in IDLE for an untagged response with this word (`EXISTS`, `EXPUNGE`, `FETCH`); returns when it came, or
    /// none after `limit`.
    #[allow(
        clippy::disallowed_methods,
        reason = "the moment of arrival is what a speed test measures"
    )]
    pub fn wait_for(&mut self, word: &str, limit: Duration) -> Option<Instant> {
        let since = Instant::now();
        while let Some(left) = limit
            .checked_sub(since.elapsed())
            .filter(|left| !left.is_zero())
        {
            self.writer
                .set_read_timeout(Some(left))
                .expect("a socket takes options");
            let arrived = self.has_bytes();
            self.writer
                .set_read_timeout(Some(PATIENCE))
                .expect("a socket takes options");
            if !arrived {
                return None;
            }
            let (_, items) = self.read()?;
            if items
                .iter()
                .any(|item| matches!(item, Item::Word(w) if w.eq_ignore_ascii_case(word)))
            {
                return Some(Instant::now());
            }
        }
        None
    }

    /// Waits until the server ends the connection.
    ///
    /// # Panics
    /// After `limit`.
    pub fn wait_for_end(&mut self, limit: Duration) {
        self.writer
            .set_read_timeout(Some(limit))
            .expect("a socket takes options");
        while self.has_bytes() && self.read().is_some() {}
        // A reset is an end too; only silence is none.
        let mut byte = [0];
        let silent =
            |e: &std::io::Error| matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
        let end = std::io::Read::read(&mut self.reader, &mut byte);
        assert!(
            !end.as_ref().is_err_and(silent),
            "the server keeps the connection open"
        );
    }

    /// Ends IDLE.
    pub fn done(&mut self) {
        let tag = format!("p{}", self.tags);
        self.send(b"DONE\r\n");
        self.finish(&tag);
    }

    fn has_bytes(&mut self) -> bool {
        use std::io::BufRead as _;
        self.reader.fill_buf().is_ok_and(|bytes| !bytes.is_empty())
    }

    fn send(&mut self, bytes: &[u8]) {
        self.writer.write_all(bytes).expect("the IMAP server reads");
    }

    fn read(&mut self) -> Option<(String, Vec<Item>)> {
        response::read(&mut self.reader)
    }

    fn finish(&mut self, tag: &str) -> Reply {
        let mut untagged = Vec::new();
        loop {
            let (got, items) = self
                .read()
                .expect("the IMAP server stays connected until the command ends");
            if got == tag {
                let status = items.first().map(Item::as_str).unwrap_or_default();
                let code = match items.get(1) {
                    Some(Item::Code(code)) => code.clone(),
                    _ => String::new(),
                };
                return Reply {
                    status,
                    code,
                    untagged,
                };
            }
            untagged.push(items);
        }
    }
}

fn selected(reply: &Reply) -> Selected {
    let mut selected = Selected::default();
    for items in &reply.untagged {
        if is(items, 1, "EXISTS") {
            selected.exists = items[0]
                .number()
                .and_then(|n| u32::try_from(n).ok())
                .unwrap_or(0);
        }
        if let Some(Item::Code(code)) = items.get(1) {
            let (word, value) = code.split_once(' ').unwrap_or((code, ""));
            let number: u64 = value.parse().unwrap_or(0);
            let small = u32::try_from(number).unwrap_or(0);
            match word {
                "UIDVALIDITY" => selected.uid_validity = small,
                "UIDNEXT" => selected.uid_next = small,
                "HIGHESTMODSEQ" => selected.highest_modseq = number,
                _ => {}
            }
        }
    }
    selected
}

/// Is the item at this place this word?
fn is(items: &[Item], at: usize, word: &str) -> bool {
    matches!(items.get(at), Some(Item::Word(w)) if w.eq_ignore_ascii_case(word))
}

/// A named part of `n FETCH (UID 1 FLAGS () BODY[] {..})`.
fn field<'a>(items: &'a [Item], name: &str) -> Option<&'a Item> {
    if !is(items, 1, "FETCH") {
        return None;
    }
    let parts = items.get(2)?.list();
    parts
        .chunks_exact(2)
        .find(|pair| pair[0].as_str().eq_ignore_ascii_case(name))
        .map(|pair| &pair[1])
}

/// `01-Feb-2024 10:00:00 +0000` of Unix seconds.
fn imap_date(seconds: i64) -> String {
    let date = rfc5322_date(seconds, 0);
    let words: Vec<&str> = date.split(' ').collect();
    format!(
        "{:0>2}-{}-{} {} {}",
        words[1], words[2], words[3], words[4], words[5]
    )
}

fn name(folder: &str) -> String {
    quote(&utf7_encode(folder))
}

fn quote(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
