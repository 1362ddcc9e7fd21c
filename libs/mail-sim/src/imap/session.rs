//! One client's session: commands in, answers or faults out.

use std::sync::Arc;

use super::command::{self, Argument, Command};
use super::{ImapFault, ImapScript, Point, Shared};
use crate::net::{Connection, Encryption, lock, nonsense};

/// How much nonsense is sent, in bytes.
const NONSENSE: usize = 64 * 1024;
/// What an account may have, where the simulator offers QUOTA.
const QUOTA_KIB: usize = 10_240;
/// A folder name in bytes that are no text.
const INVALID_NAME: &[u8] = b"* LIST (\\HasNoChildren) \"/\" \"Caf\xe9 \xff\xfe&bad-\"\r\n";

/// Whether the session goes on.
#[derive(PartialEq, Eq)]
pub(super) enum Next {
    GoOn,
    End,
}

/// Serves a connection until either side ends it.
pub(crate) async fn serve(connection: Connection, shared: Arc<Shared>) -> std::io::Result<()> {
    {
        let mut connections = lock(&shared.connections);
        connections.accepted += 1;
        connections.open += 1;
    }
    let _open = Open(Arc::clone(&shared));
    let implicit = lock(&shared.script).encryption == Encryption::Implicit;
    let connection = if implicit {
        connection.encrypt().await?
    } else {
        connection
    };
    Session {
        connection,
        shared,
        selected: None,
        told: 0,
        signed_in: false,
        named: false,
        utf8: None,
        held_back: Vec::new(),
        has_fetched: false,
    }
    .run()
    .await
}

/// Counts the connection while it lives.
struct Open(Arc<Shared>);

impl Drop for Open {
    fn drop(&mut self) {
        lock(&self.0.connections).open -= 1;
    }
}

pub(super) struct Session {
    pub connection: Connection,
    pub shared: Arc<Shared>,
    /// The open folder, and whether it may be written to.
    pub selected: Option<(String, bool)>,
    /// The number of messages that the client was told of.
    told: usize,
    pub signed_in: bool,
    /// The client has said its name.
    pub named: bool,
    /// Names and texts are UTF-8 since the client enabled this.
    pub utf8: Option<&'static str>,
    /// Answers to STATUS that wait for more questions.
    pub held_back: Vec<String>,
    /// The client has asked for bodies.
    pub has_fetched: bool,
}

impl Session {
    async fn run(mut self) -> std::io::Result<()> {
        if self.greet().await? == Next::End {
            return Ok(());
        }
        loop {
            let refuses = self.tolerates_utf8();
            let Some((command, shown)) = command::read(&mut self.connection, refuses).await? else {
                return Ok(());
            };
            lock(&self.shared.log).push(shown);
            if let Some(next) = self.refuse(&command).await? {
                if next == Next::End {
                    break;
                }
            } else if command.name == "STARTTLS" {
                self = self.starttls(&command).await?;
            } else if command.name == "COMPRESS" && self.offers("COMPRESS=DEFLATE") {
                self.done(&command.tag, "", "OK").await?;
                self.connection = self.connection.compress();
            } else if self.answer(&command).await? == Next::End {
                break;
            }
        }
        Ok(())
    }

    async fn greet(&mut self) -> std::io::Result<Next> {
        if self.strike(Point::Greeting).await? == Next::End {
            return Ok(Next::End);
        }
        for fault in self.faults() {
            match fault {
                ImapFault::NotImap => {
                    self.connection
                        .send("+OK POP3 server ready <1.2@localhost>\r\n")
                        .await?;
                    self.connection.stall().await?;
                    return Ok(Next::End);
                }
                ImapFault::ByeAtOnce(text) => {
                    self.connection.send(format!("* BYE {text}\r\n")).await?;
                    return Ok(Next::End);
                }
                _ => {}
            }
        }
        let usual = format!("* OK {}", lock(&self.shared.script).greeting);
        let faults = self.faults();
        let scripted = faults.into_iter().find_map(|fault| match fault {
            ImapFault::Greeting(line) => Some(line),
            _ => None,
        });
        let line = scripted.unwrap_or(usual);
        self.connection.send(format!("{line}\r\n")).await?;
        Ok(Next::GoOn)
    }

    /// Does what a fault at this point says.
    pub(super) async fn strike(&mut self, point: Point) -> std::io::Result<Next> {
        for fault in self.faults() {
            match fault {
                ImapFault::EndlessLine(at) if at == point => {
                    self.connection.send("* OK ").await?;
                    self.connection.send_for_ever(b'x').await?;
                }
                ImapFault::HugeLiteralClaim(at) if at == point => {
                    self.connection
                        .send("* LIST () \"/\" {4294967296}\r\n")
                        .await?;
                    self.connection.send_for_ever(b'x').await?;
                }
                ImapFault::Nonsense(at) if at == point => {
                    self.connection.send(nonsense(NONSENSE)).await?;
                    self.connection.stall().await?;
                }
                ImapFault::StallAfter(at) if at == point => self.connection.stall().await?,
                ImapFault::CloseAt(at) if at == point => {}
                _ => continue,
            }
            return Ok(Next::End);
        }
        Ok(Next::GoOn)
    }

    pub(super) fn faults(&self) -> Vec<ImapFault> {
        lock(&self.shared.script).faults.clone()
    }

    async fn starttls(mut self, command: &Command) -> std::io::Result<Self> {
        let offered = lock(&self.shared.script).encryption == Encryption::Starttls
            && !self.connection.encrypted;
        if !offered {
            self.connection
                .send(format!("{} BAD STARTTLS is not offered\r\n", command.tag))
                .await?;
            return Ok(self);
        }
        let mut answer = format!("{} OK begin\r\n", command.tag);
        if self.faults().contains(&ImapFault::StartTlsInjection) {
            // In one write, so that a client that reads ahead has it in its buffer when TLS begins.
            answer.push_str("* CAPABILITY IMAP4rev1 AUTH=PLAIN X-INJECTED\r\n* OK [ALERT] injected before TLS\r\n");
        }
        self.connection.send(answer).await?;
        self.connection = self.connection.encrypt().await?;
        Ok(self)
    }

    async fn answer(&mut self, command: &Command) -> std::io::Result<Next> {
        let tag = &command.tag;
        match command.name.as_str() {
            "CAPABILITY" => {
                if self.strike(Point::Capability).await? == Next::End {
                    return Ok(Next::End);
                }
                let words = self.capabilities();
                self.done(tag, &format!("* CAPABILITY {words}\r\n"), "OK")
                    .await?;
            }
            "NOOP" | "CHECK" => {
                self.tell_count().await?;
                self.done(tag, "", "OK").await?;
            }
            "LOGOUT" => {
                self.done(tag, "* BYE until next time\r\n", "OK").await?;
                return Ok(Next::End);
            }
            "ID" => {
                self.named = true;
                self.done(tag, "* ID (\"name\" \"mail-sim\")\r\n", "OK")
                    .await?
            }
            "NAMESPACE" => {
                self.done(tag, "* NAMESPACE ((\"\" \"/\")) NIL NIL\r\n", "OK")
                    .await?
            }
            "ENABLE" => self.enable(command).await?,
            "LOGIN" | "AUTHENTICATE" => return self.sign_in(command).await,
            "LIST" | "LSUB" => return self.list(command).await,
            "STATUS" => self.status(command).await?,
            "SELECT" | "EXAMINE" => return self.select(command).await,
            "CLOSE" | "UNSELECT" => {
                self.selected = None;
                self.done(tag, "", "OK").await?;
            }
            "FETCH" | "UID FETCH" => return self.fetch(command).await,
            "SEARCH" | "UID SEARCH" => self.search(command).await?,
            "STORE" | "UID STORE" => {
                if self.strike(Point::Store).await? == Next::End {
                    return Ok(Next::End);
                }
                self.store(command).await?;
            }
            "EXPUNGE" | "UID EXPUNGE" => self.expunge(command).await?,
            "UID COPY" | "UID MOVE" => self.copy(command).await?,
            "APPEND" => return self.append(command).await,
            "GETQUOTAROOT" if self.offers("QUOTA") => {
                let used: usize = {
                    let script = lock(&self.shared.script);
                    let folders = script.mailbox.folders.values();
                    folders
                        .flat_map(|f| f.messages.values())
                        .map(|m| m.raw.len())
                        .sum()
                };
                let told = format!(
                    "* QUOTAROOT INBOX \"\"\r\n* QUOTA \"\" (STORAGE {} {QUOTA_KIB})\r\n",
                    used.div_ceil(1024)
                );
                self.done(tag, &told, "OK").await?;
            }
            "CREATE" => {
                let name = self.folder_named(command, 0);
                lock(&self.shared.script).mailbox.folder_mut(&name);
                self.done(tag, "", "OK").await?;
            }
            "IDLE" => return self.idle(command).await,
            other => {
                self.connection
                    .send(format!("{tag} BAD unknown command {other}\r\n"))
                    .await?
            }
        }
        Ok(Next::GoOn)
    }

    /// Untagged responses and the tagged end, in one write.
    pub(super) async fn done(
        &mut self,
        tag: &str,
        untagged: &str,
        status: &str,
    ) -> std::io::Result<()> {
        self.connection
            .send(format!("{untagged}{tag} {status} done\r\n"))
            .await
    }

    /// Whether the client was told of this capability.
    pub(super) fn offers(&self, capability: &str) -> bool {
        self.capabilities()
            .split(' ')
            .any(|word| word == capability)
    }

    fn capabilities(&self) -> String {
        let script = lock(&self.shared.script);
        if let Some(words) = &script.signed_in
            && self.signed_in
        {
            return words.clone();
        }
        match (script.encryption, self.connection.encrypted) {
            (Encryption::Starttls, false) => {
                let words = script
                    .capabilities
                    .split(' ')
                    .filter(|word| !word.starts_with("AUTH="));
                format!(
                    "{} STARTTLS LOGINDISABLED",
                    words.collect::<Vec<_>>().join(" ")
                )
            }
            _ => script.capabilities.clone(),
        }
    }

    async fn list(&mut self, command: &Command) -> std::io::Result<Next> {
        if self.strike(Point::List).await? == Next::End {
            return Ok(Next::End);
        }
        let pattern = argument(command, 1);
        let mut answer = Vec::new();
        if pattern.is_empty() && !command.arguments.contains(&Argument::Open) {
            answer.extend_from_slice(b"* LIST (\\Noselect) \"/\" \"\"\r\n");
        } else {
            // A pattern with a wildcard, or options: everything.
            let exact = !pattern.is_empty() && !pattern.contains(['*', '%']);
            let nothing = self.faults().contains(&ImapFault::NoFolders);
            let script = lock(&self.shared.script);
            let between = script.mailbox.delimiter;
            for (name, folder) in script
                .mailbox
                .folders
                .iter()
                .filter(|(name, _)| !nothing && (!exact || **name == pattern))
            {
                let line = format!(
                    "* {} ({}) \"{between}\" \"{}\"\r\n",
                    command.name,
                    folder.attributes,
                    self.said(name)
                );
                answer.extend_from_slice(line.as_bytes());
            }
            drop(script);
            if self.faults().contains(&ImapFault::InvalidUtf8FolderNames) {
                answer.extend_from_slice(INVALID_NAME);
            }
        }
        self.connection.send(answer).await?;
        self.done(&command.tag, "", "OK").await?;
        Ok(Next::GoOn)
    }

    async fn select(&mut self, command: &Command) -> std::io::Result<Next> {
        if self.strike(Point::Select).await? == Next::End {
            return Ok(Next::End);
        }
        let name = self.folder_named(command, 0);
        let claimed = self.faults().iter().find_map(|fault| match fault {
            ImapFault::WrongCount(count) => Some(*count as usize),
            _ => None,
        });
        let told = self.with_folder(&name, |folder| {
            (folder.messages.len(), folder.uid_validity, folder.uid_next)
        });
        let Some((count, validity, next)) = told else {
            self.selected = None;
            self.connection
                .send(format!(
                    "{} NO [NONEXISTENT] no such folder\r\n",
                    command.tag
                ))
                .await?;
            return Ok(Next::GoOn);
        };
        let writable = command.name == "SELECT";
        let mode = if writable { "READ-WRITE" } else { "READ-ONLY" };
        let mailbox_id = if self.offers("OBJECTID") {
            format!("* OK [MAILBOXID ({})] x\r\n", super::mailbox::id_of(&name))
        } else {
            String::new()
        };
        let untagged = format!(
            "{mailbox_id}* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)\r\n* {} EXISTS\r\n* 0 RECENT\r\n\
             * OK [UIDVALIDITY {validity}] x\r\n* OK [UIDNEXT {next}] x\r\n* OK [PERMANENTFLAGS (\\Seen \\*)] x\r\n",
            claimed.unwrap_or(count)
        );
        self.selected = Some((name, writable));
        self.told = count;
        self.done(&command.tag, &untagged, &format!("OK [{mode}]"))
            .await?;
        Ok(Next::GoOn)
    }

    /// Tells of messages that came since the client was last told.
    async fn tell_count(&mut self) -> std::io::Result<()> {
        let Some((name, _)) = self.selected.clone() else {
            return Ok(());
        };
        let count = self
            .with_folder(&name, |folder| folder.messages.len())
            .unwrap_or(0);
        if count > self.told {
            self.connection
                .send(format!("* {count} EXISTS\r\n"))
                .await?;
        }
        self.told = count;
        Ok(())
    }

    async fn idle(&mut self, command: &Command) -> std::io::Result<Next> {
        let mut arrivals = self.shared.arrivals.subscribe();
        self.connection.send("+ idling\r\n").await?;
        if self.strike(Point::Idle).await? == Next::End {
            return Ok(Next::End);
        }
        // What came before it was listened for, behind the last command.
        self.tell_count().await?;
        loop {
            tokio::select! {
                line = self.connection.line() => {
                    if line?.is_empty() {
                        return Ok(Next::End);
                    }
                    break;
                }
                _ = arrivals.changed() => self.tell_count().await?,
            }
        }
        self.done(&command.tag, "", "OK").await?;
        Ok(Next::GoOn)
    }

    async fn search(&mut self, command: &Command) -> std::io::Result<()> {
        let by_uid = command.name.starts_with("UID");
        let words: Vec<String> = command.arguments.iter().map(Argument::text).collect();
        // "UID 5:*" and "HEADER name text" narrow; every other criterion is taken as ALL.
        let set = words
            .iter()
            .position(|w| w.eq_ignore_ascii_case("UID"))
            .and_then(|at| words.get(at + 1))
            .cloned();
        let (name, _) = self.selected.clone().unwrap_or_default();
        let header = words.iter().position(|w| w.eq_ignore_ascii_case("HEADER"));
        let header = header.and_then(|at| words.get(at + 1).zip(words.get(at + 2)));
        let found = self.with_folder(&name, |folder| {
            let mut found = folder.select(set.as_deref().unwrap_or("1:*"), true);
            if let Some((name, text)) = header {
                found.retain(|(_, uid)| {
                    let message = folder.messages.get(uid);
                    message.is_some_and(|message| message.has(name, text))
                });
            }
            found
        });
        let numbers = found
            .unwrap_or_default()
            .into_iter()
            .map(|(n, uid)| if by_uid { uid as usize } else { n });
        let numbers: String = numbers.map(|n| format!(" {n}")).collect();
        self.done(&command.tag, &format!("* SEARCH{numbers}\r\n"), "OK")
            .await
    }

    async fn expunge(&mut self, command: &Command) -> std::io::Result<()> {
        let set = if command.name.starts_with("UID") {
            argument(command, 0)
        } else {
            "1:*".to_owned()
        };
        let (name, _) = self.selected.clone().unwrap_or_default();
        let mut untagged = String::new();
        {
            let mut script = lock(&self.shared.script);
            let folder = script.mailbox.folder_mut(&name);
            // From the end, so that the numbers before stay right.
            for (sequence, uid) in folder.select(&set, true).into_iter().rev() {
                if folder
                    .messages
                    .get(&uid)
                    .is_some_and(|m| m.flags.contains("\\Deleted"))
                {
                    folder.messages.remove(&uid);
                    untagged.push_str(&format!("* {sequence} EXPUNGE\r\n"));
                }
            }
            self.told = folder.messages.len();
        }
        self.done(&command.tag, &untagged, "OK").await
    }

    /// Copies or moves messages by UID (RFC 6851); with UIDPLUS it says where to (COPYUID, RFC 4315).
    async fn copy(&mut self, command: &Command) -> std::io::Result<()> {
        let (set, target) = (argument(command, 0), self.folder_named(command, 1));
        let moves = command.name == "UID MOVE";
        let (name, _) = self.selected.clone().unwrap_or_default();
        let (mut from, mut to, mut expunged) = (Vec::new(), Vec::new(), String::new());
        let validity = {
            let mut script = lock(&self.shared.script);
            let chosen = script.mailbox.folder_mut(&name).select(&set, true);
            for (_, uid) in &chosen {
                let message = script.mailbox.folder_mut(&name).messages.get(uid).cloned();
                if let Some(message) = message {
                    from.push(uid.to_string());
                    to.push(script.mailbox.place(&target, message).to_string());
                }
            }
            if moves {
                // From the end, so that the numbers before stay right.
                for (sequence, uid) in chosen.into_iter().rev() {
                    script.mailbox.folder_mut(&name).messages.remove(&uid);
                    expunged.push_str(&format!("* {sequence} EXPUNGE\r\n"));
                }
                self.told = script.mailbox.folder_mut(&name).messages.len();
            }
            script.mailbox.folder_mut(&target).uid_validity
        };
        let told = match self.offers("UIDPLUS") && !from.is_empty() {
            true => format!(
                "* OK [COPYUID {validity} {} {}] done\r\n",
                from.join(","),
                to.join(",")
            ),
            false => String::new(),
        };
        self.done(&command.tag, &format!("{told}{expunged}"), "OK")
            .await
    }

    /// Reads a folder that may not exist.
    pub(super) fn with_folder<T>(
        &self,
        name: &str,
        read: impl FnOnce(&super::mailbox::Folder) -> T,
    ) -> Option<T> {
        let script = lock(&self.shared.script);
        let ImapScript { mailbox, .. } = &*script;
        let found = mailbox
            .folders
            .iter()
            .find(|(known, _)| *known == name || is_inbox(known) && is_inbox(name));
        found.map(|(_, folder)| read(folder))
    }
}

/// INBOX is the one name without case.
fn is_inbox(name: &str) -> bool {
    name.eq_ignore_ascii_case("INBOX")
}

/// The argument at this place as text; empty where there is none.
pub(super) fn argument(command: &Command, at: usize) -> String {
    command
        .arguments
        .get(at)
        .map(Argument::text)
        .unwrap_or_default()
}
