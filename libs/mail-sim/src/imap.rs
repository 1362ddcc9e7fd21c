//! An IMAP server with a small mailbox in memory and faults by name.

mod append;
mod command;
mod fetch;
mod mailbox;
mod names;
mod refusals;
mod session;
mod sign_in;
mod status;
mod store;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use tokio::sync::watch;

use crate::net::{Encryption, Server, lock};
use crate::profiles::Profile;
use crate::tls::{Identity, TlsFault};
use mailbox::Mailbox;

/// A moment in a session where a fault can strike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    /// Instead of the greeting.
    Greeting,
    /// Instead of the answer to CAPABILITY.
    Capability,
    /// Instead of the answer to LOGIN or AUTHENTICATE.
    Login,
    /// Instead of the answer to LIST.
    List,
    /// Instead of the answer to SELECT or EXAMINE.
    Select,
    /// In the place of a message's bytes in the answer to FETCH.
    Fetch,
    /// Instead of the answer to STORE.
    Store,
    /// After the client said IDLE.
    Idle,
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImapFault {
    /// A line that never ends.
    EndlessLine(Point),
    /// A literal that claims 4 GiB, and bytes without end.
    HugeLiteralClaim(Point),
    /// Random bytes, then silence.
    Nonsense(Point),
    /// Silence; the connection stays open.
    StallAfter(Point),
    /// The connection is closed.
    CloseAt(Point),
    /// Half of a message's bytes, then the connection is closed.
    CloseMidLiteral,
    /// The greeting of a POP3 server.
    NotImap,
    /// `* BYE` instead of a greeting.
    ByeAtOnce(String),
    /// NO to every sign-in, with this text (response code included).
    LoginRefused(String),
    /// BAD with this text to every sign-in: the command was not understood.
    LoginNotUnderstood(String),
    /// So many connections are served at once; the next sign-in is refused with `[LIMIT]`.
    TooManyConnections(usize),
    /// Silence in the place of this message, when its bytes are asked for; the connection stays open.
    StallAtUid(u32),
    /// Silence in the place of this message of this folder, when its bytes are asked for, until the fault is taken away.
    WaitAt(&'static str, u32),
    /// STATUS is answered when so many have come, and not before.
    StatusTogether(usize),
    /// Silence instead of the answer to a STATUS that asks for octets (RFC 8438).
    StallAtSize,
    /// NO to every FETCH whose set contains this UID.
    BadUidFails(u32),
    /// `BODY[] NIL` for this UID.
    NilBody(u32),
    /// NO with this text to every FETCH ("Request is throttled. Suggested Backoff Time: 300000 milliseconds").
    ThrottleText(String),
    /// Plain text that pretends to come from inside TLS, sent together with the answer to STARTTLS (RFC 9051
    /// section 11.1).
    StartTlsInjection,
    /// A folder whose name is neither UTF-8 nor modified UTF-7.
    InvalidUtf8FolderNames,
    /// RFC822.SIZE says this for every message.
    WrongSize(u64),
    /// EXISTS in the answer to SELECT says this.
    WrongCount(u32),
    /// This first line instead of the greeting; the session goes on.
    Greeting(String),
    /// NO with this text to every command of this name (`LIST`, `UID FETCH`, `STARTTLS`).
    Refuse(&'static str, String),
    /// NO with this text to every command of this name while this folder is open.
    RefuseIn(&'static str, &'static str, String),
    /// Just before a command of this name another client removes the messages that it is about (by UID): NO with this text.
    GoneBefore(&'static str, String),
    /// NO with this text to every STORE that takes flags off.
    MarksStay(String),
    /// NO with this text to SELECT and EXAMINE of this folder.
    Closed(&'static str, String),
    /// NO with this text to SELECT and EXAMINE of this folder on a connection that has fetched bodies.
    ClosedAfterBodies(&'static str, String),
    /// OK to every command of this name, and nothing is done.
    OkButNothing(&'static str),
    /// `* BYE` with this text instead of an answer to a command of this name, then the connection is closed.
    ByeAt(&'static str, String),
    /// A token is refused with this JSON as a challenge and then NO with this text (RFC 7628 section 3.2.2).
    TokenRefused(String, String),
    /// NO with this text to SELECT and EXAMINE, as long as the client has not said its name (RFC 2971).
    WantsId(String),
    /// BAD to APPEND with the UTF8 data item (RFC 6855 section 4), before the message is sent.
    NoUtf8Append,
    /// Every message that is stored by APPEND gets one more line in its header.
    AltersAppended,
    /// Once: the message is stored by APPEND, and the connection is closed instead of an answer.
    AppendAnswerLost,
    /// LIST shows nothing.
    NoFolders,
    /// SCRAM ends with a signature that only an impostor would send (RFC 5802 section 3).
    ForgedProof,
    /// NO to every sign-in, repeating the client's own words.
    Echo,
}

/// What the server offers, has and does wrong.
#[derive(Debug, Clone)]
pub struct ImapScript {
    pub(crate) mailbox: Mailbox,
    pub(crate) capabilities: String,
    /// What is offered after the sign-in, where that differs.
    pub(crate) signed_in: Option<String>,
    pub(crate) greeting: String,
    pub(crate) wrong_password: String,
    pub(crate) encryption: Encryption,
    pub(crate) identity: Identity,
    pub(crate) faults: Vec<ImapFault>,
}

impl Default for ImapScript {
    fn default() -> Self {
        Self::new()
    }
}

/// A message of a simulator, for comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    /// Its flags.
    pub flags: BTreeSet<String>,
    /// Its labels.
    pub labels: BTreeSet<String>,
    /// Its bytes.
    pub raw: Vec<u8>,
}

/// A message that the simulator has lost.
#[derive(Debug)]
pub struct Lost {
    folder: String,
    uid: u32,
    message: mailbox::Message,
}

impl ImapScript {
    /// An empty INBOX, no encryption, no fault.
    pub fn new() -> Self {
        Self {
            mailbox: Mailbox::default(),
            capabilities:
                "IMAP4rev1 SASL-IR LITERAL+ IDLE ID NAMESPACE UNSELECT UIDPLUS AUTH=PLAIN"
                    .to_owned(),
            signed_in: None,
            greeting: "mail-sim ready".to_owned(),
            wrong_password: "[AUTHENTICATIONFAILED] Invalid credentials".to_owned(),
            encryption: Encryption::None,
            identity: Identity::default(),
            faults: Vec::new(),
        }
    }

    /// Looks and speaks as the servers of a provider do, under that provider's host name.
    #[must_use]
    pub fn profile(mut self, profile: &Profile) -> Self {
        let imap = &profile.imap;
        self.greeting = imap.greeting.to_owned();
        self.capabilities = imap.offered.to_owned();
        self.signed_in = Some(imap.signed_in.to_owned());
        self.wrong_password = imap.wrong_password.to_owned();
        self.mailbox.delimiter = imap.delimiter;
        for (name, attributes) in imap.folders {
            self.mailbox.folder_mut(name).attributes = attributes;
        }
        if let Some(text) = imap.wants_id {
            self.faults.push(ImapFault::WantsId(text.to_owned()));
        }
        self.names(&[profile.imap_host])
    }

    /// The names that the certificate is for; localhost without.
    #[must_use]
    pub fn names(mut self, names: &[&str]) -> Self {
        self.identity.names = names.iter().map(|name| (*name).to_owned()).collect();
        self
    }

    /// Something is wrong with its TLS.
    #[must_use]
    pub fn tls_fault(mut self, fault: TlsFault) -> Self {
        self.identity.fault = Some(fault);
        self
    }

    /// Adds a message to a folder, made where missing; UIDs count from 1.
    #[must_use]
    pub fn mail(mut self, folder: &str, raw: &[u8]) -> Self {
        self.mailbox.add(folder, raw);
        self
    }

    /// Adds one message to several folders, with the same lasting ids and these labels everywhere, as Gmail has it.
    #[must_use]
    pub fn labelled_mail(mut self, folders: &[&str], labels: &[&str], raw: &[u8]) -> Self {
        if let Some((first, others)) = folders.split_first() {
            let uid = self.mailbox.add(first, raw);
            let messages = &mut self.mailbox.folder_mut(first).messages;
            if let Some(message) = messages.get_mut(&uid) {
                message.labels = labels.iter().map(|label| (*label).to_owned()).collect();
                let copy = message.clone();
                for folder in others {
                    self.mailbox.place(folder, copy.clone());
                }
            }
        }
        self
    }

    /// Adds an empty folder with these attributes, as LIST shows them.
    #[must_use]
    pub fn marked_folder(mut self, folder: &str, attributes: &'static str) -> Self {
        self.mailbox.folder_mut(folder).attributes = attributes;
        self
    }

    /// Adds an empty folder.
    #[must_use]
    pub fn folder(mut self, folder: &str) -> Self {
        self.mailbox.folder_mut(folder);
        self
    }

    /// Sets a folder's UIDVALIDITY.
    #[must_use]
    pub fn uid_validity(mut self, folder: &str, value: u32) -> Self {
        self.mailbox.folder_mut(folder).uid_validity = value;
        self
    }

    /// Replaces the capabilities, whether the simulator can do them or not.
    #[must_use]
    pub fn capabilities(mut self, words: &str) -> Self {
        self.capabilities = words.to_owned();
        self
    }

    /// Encrypts.
    #[must_use]
    pub fn encryption(mut self, encryption: Encryption) -> Self {
        self.encryption = encryption;
        self
    }

    /// Adds a fault.
    #[must_use]
    pub fn fault(mut self, fault: ImapFault) -> Self {
        self.faults.push(fault);
        self
    }
}

/// A running IMAP server.
pub struct ImapSim {
    server: Server,
    shared: Arc<Shared>,
}

/// What sessions and the test look at together.
pub(crate) struct Shared {
    pub script: Mutex<ImapScript>,
    pub log: Mutex<Vec<String>>,
    pub connections: Mutex<Connections>,
    /// Counts arrivals, so that IDLE wakes up.
    pub arrivals: watch::Sender<u64>,
}

#[derive(Default)]
pub(crate) struct Connections {
    pub accepted: usize,
    pub open: usize,
    pub logins: usize,
}

impl ImapSim {
    /// Starts it.
    pub fn start(script: ImapScript) -> Self {
        let identity = script.identity.clone();
        let shared = Arc::new(Shared {
            script: Mutex::new(script),
            log: Mutex::default(),
            connections: Mutex::default(),
            arrivals: watch::Sender::new(0),
        });
        let state = Arc::clone(&shared);
        let server = Server::start_with(&identity, move |connection| {
            session::serve(connection, Arc::clone(&state))
        });
        Self { server, shared }
    }

    /// Where it listens, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.server.port
    }

    /// The authority that signed its certificate, as PEM.
    pub fn ca_pem(&self) -> &str {
        &self.server.ca_pem
    }

    /// What clients sent, one command each, in order, passwords included.
    pub fn log(&self) -> Vec<String> {
        lock(&self.shared.log).clone()
    }

    /// How many connections were accepted so far.
    pub fn connections(&self) -> usize {
        lock(&self.shared.connections).accepted
    }

    /// How many connections are open now.
    pub fn open_connections(&self) -> usize {
        lock(&self.shared.connections).open
    }

    /// How many sign-ins were tried.
    pub fn logins(&self) -> usize {
        lock(&self.shared.connections).logins
    }

    /// Replaces all faults, for open sessions and new ones.
    pub fn set_faults(&self, faults: &[ImapFault]) {
        lock(&self.shared.script).faults = faults.to_vec();
    }

    /// Replaces the capabilities for sessions that begin from now on, whether the simulator can do them or not.
    pub fn set_capabilities(&self, words: &str) {
        let mut script = lock(&self.shared.script);
        script.capabilities = words.to_owned();
        script.signed_in = None;
    }

    /// Delivers a message; sessions in IDLE hear of it. Returns its UID.
    pub fn deliver(&self, folder: &str, raw: &[u8]) -> u32 {
        let uid = lock(&self.shared.script).mailbox.add(folder, raw);
        self.shared.arrivals.send_modify(|count| *count += 1);
        uid
    }

    /// Gives a message these labels and no others, as another client of Gmail would: it shows in the folders of its labels.
    pub fn set_labels(&self, folder: &str, uid: u32, labels: &[&str]) {
        let mut script = lock(&self.shared.script);
        let found = script.mailbox.folder_mut(folder).messages.get(&uid);
        let Some(id) = found.map(|message| message.id) else {
            return;
        };
        let labels = labels.iter().map(|label| (*label).to_owned()).collect();
        script.mailbox.label(id, None, &labels);
        drop(script);
        self.shared.arrivals.send_modify(|count| *count += 1);
    }

    /// Delivers one message to several folders, as [`ImapScript::labelled_mail`] does. Returns its UID in the first.
    pub fn deliver_labelled(&self, folders: &[&str], labels: &[&str], raw: &[u8]) -> u32 {
        let uid = {
            let mut script = lock(&self.shared.script);
            let old = std::mem::take(&mut *script);
            *script = old.labelled_mail(folders, labels, raw);
            let newest = |first: &&str| script.mailbox.folder_mut(first).uid_next - 1;
            folders.first().map_or(0, newest)
        };
        self.shared.arrivals.send_modify(|count| *count += 1);
        uid
    }

    /// Gives a message these flags and no others, in every folder that has it.
    pub fn set_flags(&self, folder: &str, uid: u32, flags: &[&str]) {
        let mut script = lock(&self.shared.script);
        let found = script.mailbox.folder_mut(folder).messages.get(&uid);
        let Some(id) = found.map(|message| message.id) else {
            return;
        };
        for message in script.mailbox.copies(id) {
            message.flags = flags.iter().map(|flag| (*flag).to_owned()).collect();
        }
    }

    /// Removes a message from every folder that has it.
    pub fn remove(&self, folder: &str, uid: u32) {
        let mut script = lock(&self.shared.script);
        let found = script.mailbox.folder_mut(folder).messages.get(&uid);
        let Some(id) = found.map(|message| message.id) else {
            return;
        };
        for folder in script.mailbox.folders.values_mut() {
            folder.messages.retain(|_, message| message.id != id);
        }
    }

    /// Loses a message of a folder, and tells nobody: as a disk does, and not a client.
    pub fn lose(&self, folder: &str, uid: u32) -> Option<Lost> {
        let mut script = lock(&self.shared.script);
        let message = script.mailbox.folder_mut(folder).messages.remove(&uid)?;
        Some(Lost {
            folder: folder.to_owned(),
            uid,
            message,
        })
    }

    /// What was lost is there again, under its old UID.
    pub fn give_back(&self, lost: Lost) {
        let mut script = lock(&self.shared.script);
        let folder = script.mailbox.folder_mut(&lost.folder);
        folder.messages.insert(lost.uid, lost.message);
    }

    /// Everything there is: folder, UID, then flags, labels and bytes.
    pub fn contents(&self) -> BTreeMap<String, BTreeMap<u32, Contents>> {
        let script = lock(&self.shared.script);
        let one = |message: &mailbox::Message| Contents {
            flags: message.flags.clone(),
            labels: message.labels.clone(),
            raw: message.raw.clone(),
        };
        let folder = |(name, folder): (&String, &mailbox::Folder)| {
            let messages = folder.messages.iter();
            (
                name.clone(),
                messages.map(|(uid, m)| (*uid, one(m))).collect(),
            )
        };
        script.mailbox.folders.iter().map(folder).collect()
    }

    /// Gives a folder another UIDVALIDITY; its messages keep their UIDs.
    pub fn set_uid_validity(&self, folder: &str, value: u32) {
        lock(&self.shared.script)
            .mailbox
            .folder_mut(folder)
            .uid_validity = value;
    }
}
