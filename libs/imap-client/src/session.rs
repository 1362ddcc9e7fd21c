//! One connection: tags, the reading loop, and what every command shares.
//!
//! A command is sent, then every response is offered to the command's own handler; what it does not claim is
//! unsolicited and goes to [`Facts`]. A session whose command was dropped half-way, or that failed fatally, refuses
//! further commands: nobody could tell whose answer comes next.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use mail_net::{Direction, Stream, TlsInfo, Transcript};

use crate::capability::Capabilities;
use crate::commands::fetch_body::BodyStream;
use crate::unsolicited::Facts;
use crate::wire::buffer::{Frame, Framing, Wire};
use crate::wire::command::{Command, LiteralMode};
use crate::wire::response::{Response, StatusKind};
use crate::wire::value::{clean, digits};
use crate::{ImapError, Limits, MailboxName, Unsolicited};

/// How long a server that said BYE may take to close or to answer.
const PATIENCE_AFTER_BYE: Duration = Duration::from_secs(2);
/// More lines in a row that are no IMAP at all, and it is not IMAP.
const MAX_RUBBISH: usize = 1000;
/// A line of noise, which is not even text, counts as so many lines of rubbish: a server that sends random bytes and then
/// falls silent is found out before our patience ends.
const NOISE_WEIGHT: usize = 100;

/// Names a command in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tag(u64);

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "P{}", self.0)
    }
}

impl Tag {
    fn parse(text: &[u8]) -> Option<Tag> {
        text.strip_prefix(b"P").and_then(digits).map(Tag)
    }
}

/// The server's first line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Greeting {
    /// The human part.
    pub text: String,
    /// What kind of welcome it is.
    pub kind: GreetingKind,
    /// The capabilities, if the greeting named them.
    pub capabilities: Option<Capabilities>,
}

/// The kinds of greeting (RFC 9051 section 7.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GreetingKind {
    /// Log in, please.
    Ok,
    /// Logged in already.
    PreAuth,
    /// Not now.
    Bye,
}

/// The commands of a session that may only read. Bodies are fetched with PEEK, which sets no flag.
const CHANGES_NOTHING: [&str; 21] = [
    "AUTHENTICATE",
    "CAPABILITY",
    "CLOSE",
    "COMPRESS",
    "ENABLE",
    "EXAMINE",
    "GETQUOTAROOT",
    "ID",
    "IDLE",
    "LIST",
    "LOGIN",
    "LOGOUT",
    "NAMESPACE",
    "NOOP",
    "NOTIFY",
    // Only for lasting UIDs: whoever wants to write is given EXAMINE.
    "SELECT",
    "STARTTLS",
    "STATUS",
    "UID FETCH",
    "UID SEARCH",
    "UNSELECT",
];

/// An IMAP connection.
pub struct Session {
    pub(crate) wire: Wire,
    pub(crate) facts: Facts,
    pub(crate) limits: Limits,
    pub(crate) transcript: Option<Transcript>,
    /// The selected folder.
    pub(crate) selected: Option<MailboxName>,
    /// Whether the selected folder counts modifications (it gave HIGHESTMODSEQ).
    pub(crate) has_modseq: bool,
    /// What ENABLE really enabled, in capitals.
    pub(crate) enabled: Vec<String>,
    /// Body fetches whose answers are still coming.
    pub(crate) in_flight: VecDeque<Tag>,
    pub(crate) bodies: BodyStream,
    next_tag: u64,
    state: State,
    /// Whether commands that change something on the server are refused here.
    read_only: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Ready,
    /// A command has begun; if this is seen at the start of another, the first one was abandoned.
    Busy,
    /// Nothing can be said any more.
    Over,
}

/// A command's end.
#[derive(Debug, Clone)]
pub(crate) struct Completed {
    pub(crate) kind: StatusKind,
    /// The code's name in capitals, and its arguments as sent.
    pub(crate) code: Option<(String, Vec<u8>)>,
    pub(crate) text: String,
}

impl Completed {
    pub(crate) fn code_name(&self) -> Option<String> {
        self.code.as_ref().map(|(name, _)| name.clone())
    }

    /// The arguments of the code with this name.
    pub(crate) fn code_args(&self, wanted: &str) -> Option<&[u8]> {
        match &self.code {
            Some((name, args)) if name == wanted => Some(args),
            _ => None,
        }
    }

    pub(crate) fn into_result(self, command: &'static str) -> Result<Completed, ImapError> {
        let code = self.code_name();
        match self.kind {
            StatusKind::Ok => Ok(self),
            StatusKind::No => Err(ImapError::No {
                command,
                code,
                text: self.text,
            }),
            _ => Err(ImapError::Bad {
                command,
                code,
                text: self.text,
            }),
        }
    }
}

/// What the server wants next.
pub(crate) enum Step {
    /// A `+`, with its text.
    Continue(Vec<u8>),
    Completed(Completed),
}

/// Looks at a response and says whether it was meant for the command.
pub(crate) type Handler<'h> = dyn FnMut(&Response<'_>) -> Result<bool, ImapError> + Send + 'h;

impl Session {
    /// Waits for the greeting. Anything that is not IMAP is named as such.
    ///
    /// # Errors
    /// [`ImapError::NotImap`] with the first line; `TimedOut`, `Closed`, `Io`, `Limit`.
    pub async fn start(
        stream: Stream,
        limits: Limits,
        transcript: Option<Transcript>,
    ) -> Result<(Session, Greeting), ImapError> {
        let mut session = Session {
            wire: Wire::new(stream, limits),
            facts: Facts::default(),
            limits,
            transcript,
            selected: None,
            has_modseq: false,
            enabled: Vec::new(),
            in_flight: VecDeque::new(),
            bodies: BodyStream::default(),
            next_tag: 1,
            state: State::Ready,
            read_only: false,
        };
        session.wire.expect("the greeting", limits.greeting);
        let greeting = session.read_greeting().await?;
        if greeting.kind == GreetingKind::Bye {
            session.state = State::Over;
        }
        Ok((session, greeting))
    }

    async fn read_greeting(&mut self) -> Result<Greeting, ImapError> {
        let range = match self.wire.frame(Framing::Whole).await? {
            Frame::Complete(range) | Frame::Body { head: range, .. } => range,
        };
        let bytes = self.wire.bytes(&range);
        if let Some(transcript) = &self.transcript {
            transcript.note(Direction::Received, &clean(bytes));
        }
        let greeting = match Response::parse(bytes) {
            Response::Status {
                tag: None,
                kind,
                code,
                text,
            } if bytes.starts_with(b"*") => {
                if let Some(code) = code {
                    self.facts
                        .absorb_code(&code, text, self.limits.unsolicited)?;
                }
                Some(Greeting {
                    text: clean(text),
                    kind: match kind {
                        StatusKind::PreAuth => GreetingKind::PreAuth,
                        StatusKind::Bye => GreetingKind::Bye,
                        _ => GreetingKind::Ok,
                    },
                    capabilities: self.facts.capabilities.clone(),
                })
            }
            _ => None,
        };
        let greeting = greeting.ok_or_else(|| ImapError::NotImap { line: clean(bytes) });
        let length = range.len();
        self.wire.consume(length);
        greeting
    }

    /// From now on no command leaves that could change something on the server: it fails with
    /// [`ImapError::ReadOnly`] before its first byte, and SELECT becomes EXAMINE, but where UIDs last only for who selects
    /// ([`Mode::LastingUids`](crate::Mode::LastingUids)). There is no way back.
    pub fn read_only(&mut self) {
        self.read_only = true;
    }

    /// From now on a command may go for so long without a single byte from the server.
    pub fn patience(&mut self, progress: Duration) {
        self.limits.progress = progress;
    }

    /// Whether [`Session::read_only`] was called.
    pub fn is_read_only(&self) -> bool {
        self.read_only
    }

    /// What TLS agreed on; `None` on a plain connection.
    pub fn tls_info(&self) -> Option<&TlsInfo> {
        self.wire.stream().tls_info()
    }

    /// Whether the connection is inside TLS.
    pub fn is_tls(&self) -> bool {
        self.wire.stream().is_tls()
    }

    /// Whether the capability is known to be offered; see [`Session::capability`] for asking the server.
    pub fn supports(&self, capability: &str) -> bool {
        self.facts
            .capabilities
            .as_ref()
            .is_some_and(|list| list.has(capability))
    }

    /// Whether ENABLE turned it on in this session.
    pub fn is_enabled(&self, extension: &str) -> bool {
        self.enabled
            .iter()
            .any(|name| name.eq_ignore_ascii_case(extension))
    }

    /// The folder that is selected now.
    pub fn selected(&self) -> Option<&MailboxName> {
        self.selected.as_ref()
    }

    /// Bytes received so far: below TLS's own overhead, and as they came where they were compressed.
    pub fn bytes_received(&self) -> u64 {
        self.wire.bytes_read()
    }

    /// Bytes sent so far: below TLS's own overhead, and before compression.
    pub fn bytes_sent(&self) -> u64 {
        self.wire.bytes_written()
    }

    /// What the server said unasked since the last call, in order. Take it before selecting another folder.
    pub fn take_unsolicited(&mut self) -> Vec<Unsolicited> {
        self.facts.take_unsolicited()
    }

    /// Gives buffers back to the system; [`Session::idle`] does it by itself.
    pub fn shrink(&mut self) {
        self.wire.shrink();
        self.facts.unsolicited.shrink_to_fit();
        self.bodies.shrink();
    }

    pub(crate) fn literal_mode(&self) -> LiteralMode {
        self.facts
            .capabilities
            .as_ref()
            .map_or(LiteralMode::Sync, LiteralMode::offered_by)
    }

    pub(crate) fn command(&self, name: &'static str) -> Command {
        Command::new(name, self.literal_mode(), self.facts.name_form)
    }

    /// Runs a command to its OK.
    pub(crate) async fn run(
        &mut self,
        command: Command,
        handler: &mut Handler<'_>,
    ) -> Result<Completed, ImapError> {
        let name = command.name;
        self.run_to_end(command, handler).await?.into_result(name)
    }

    /// Runs a command to its end, whichever that is.
    pub(crate) async fn run_to_end(
        &mut self,
        command: Command,
        handler: &mut Handler<'_>,
    ) -> Result<Completed, ImapError> {
        self.begin(command.name)?;
        let outcome = self.converse(&command, handler).await;
        self.end(outcome)
    }

    async fn converse(
        &mut self,
        command: &Command,
        handler: &mut Handler<'_>,
    ) -> Result<Completed, ImapError> {
        let tag = self.tag();
        if let Some(ended) = self.send(tag, command, handler).await? {
            return Ok(ended);
        }
        match self.step(tag, handler).await? {
            Step::Completed(completed) => Ok(completed),
            Step::Continue(_) => Err(ImapError::protocol(format!(
                "the server asks for more after {}",
                command.name
            ))),
        }
    }

    /// Marks a command as begun; refuses while answers to body fetches are still coming.
    pub(crate) fn begin(&mut self, waiting_for: &'static str) -> Result<(), ImapError> {
        if !self.in_flight.is_empty() {
            return Err(ImapError::protocol(
                "a command was given while bodies are still coming",
            ));
        }
        self.begin_pipelined(waiting_for)
    }

    pub(crate) fn begin_pipelined(&mut self, waiting_for: &'static str) -> Result<(), ImapError> {
        if self.state == State::Busy {
            // The future of an earlier command was dropped: its answer would be taken for ours.
            self.state = State::Over;
        }
        self.check_alive()?;
        self.state = State::Busy;
        self.wire.expect(waiting_for, self.limits.progress);
        Ok(())
    }

    /// The counterpart of [`Session::begin`].
    pub(crate) fn end<T>(&mut self, outcome: Result<T, ImapError>) -> Result<T, ImapError> {
        let over = matches!(&outcome, Err(error) if error.is_fatal());
        self.state = if over { State::Over } else { State::Ready };
        outcome.map_err(|error| match (error, &self.facts.bye) {
            // The server said why before it hung up.
            (ImapError::Closed | ImapError::TimedOut { .. }, Some(text)) => {
                ImapError::Bye { text: text.clone() }
            }
            (error, _) => error,
        })
    }

    /// Refuses when the session is over.
    pub(crate) fn check_alive(&self) -> Result<(), ImapError> {
        match (self.state, &self.facts.bye) {
            (State::Over, Some(text)) => Err(ImapError::Bye { text: text.clone() }),
            (State::Over, None) => Err(ImapError::Closed),
            _ => Ok(()),
        }
    }

    pub(crate) fn tag(&mut self) -> Tag {
        let tag = Tag(self.next_tag);
        self.next_tag += 1;
        tag
    }

    /// Sends a command, waiting for a `+` before each literal that needs one. `Some` when the server ended it early.
    pub(crate) async fn send(
        &mut self,
        tag: Tag,
        command: &Command,
        handler: &mut Handler<'_>,
    ) -> Result<Option<Completed>, ImapError> {
        // Every command passes here, so what is not known to change nothing stays here.
        if self.read_only && !CHANGES_NOTHING.contains(&command.name) {
            return Err(ImapError::ReadOnly {
                command: command.name,
            });
        }
        let mut bytes = format!("{tag} ").into_bytes();
        for (index, part) in command.parts.iter().enumerate() {
            if index > 0
                && let Step::Completed(completed) = self.step(tag, handler).await?
            {
                return Ok(Some(completed));
            }
            bytes.extend_from_slice(part);
            if index + 1 == command.parts.len() {
                bytes.extend_from_slice(b"\r\n");
            }
            self.note_sent(command, &bytes);
            self.wire.write(&bytes).await?;
            self.wire.flush().await?;
            bytes.clear();
        }
        Ok(None)
    }

    fn note_sent(&self, command: &Command, bytes: &[u8]) {
        if let Some(transcript) = &self.transcript {
            if command.secret {
                transcript.note(Direction::Sent, &format!("{} <hidden>", command.name));
            } else {
                transcript.note(Direction::Sent, &clean(bytes));
            }
        }
    }

    /// Sends a line that belongs to a running command, such as a SASL answer or DONE.
    pub(crate) async fn send_line(&mut self, line: &[u8], secret: bool) -> Result<(), ImapError> {
        if let Some(transcript) = &self.transcript {
            if secret {
                transcript.hidden(Direction::Sent);
            } else {
                transcript.note(Direction::Sent, &clean(line));
            }
        }
        let mut bytes = Vec::with_capacity(line.len() + 2);
        bytes.extend_from_slice(line);
        bytes.extend_from_slice(b"\r\n");
        self.wire.write(&bytes).await?;
        self.wire.flush().await
    }

    /// Reads until the server wants something or the command ends.
    pub(crate) async fn step(
        &mut self,
        tag: Tag,
        handler: &mut Handler<'_>,
    ) -> Result<Step, ImapError> {
        Ok(self.step_of(&[tag], handler).await?.1)
    }

    /// Reads until the server wants something or one of these commands ends, and says which.
    pub(crate) async fn step_of(
        &mut self,
        tags: &[Tag],
        handler: &mut Handler<'_>,
    ) -> Result<(Option<Tag>, Step), ImapError> {
        let mut rubbish = 0;
        loop {
            let range = match self.wire.frame(Framing::Whole).await? {
                Frame::Complete(range) | Frame::Body { head: range, .. } => range,
            };
            let response = Response::parse(self.wire.bytes(&range));
            note_received(self.transcript.as_ref(), self.wire.bytes(&range));
            let step = match response {
                Response::Continue(text) => Some((None, Step::Continue(text.to_vec()))),
                Response::Status {
                    tag: Some(tag),
                    kind,
                    code,
                    text,
                } => {
                    if let Some(code) = &code {
                        self.facts
                            .absorb_code(code, text, self.limits.unsolicited)?;
                    }
                    let ours = Tag::parse(tag).filter(|tag| tags.contains(tag));
                    ours.map(|tag| (Some(tag), Step::Completed(completed(kind, code, text))))
                }
                Response::Rubbish => {
                    rubbish += 1;
                    None
                }
                Response::Noise => {
                    rubbish += NOISE_WEIGHT;
                    None
                }
                response => {
                    if !handler(&response)? {
                        self.facts.absorb(&response, self.limits.unsolicited)?;
                    }
                    None
                }
            };
            self.wire.consume(range.len());
            if let Some(step) = step {
                return Ok(step);
            }
            if rubbish > MAX_RUBBISH {
                return Err(ImapError::protocol(
                    "the server does not speak IMAP any more",
                ));
            }
            if self.facts.bye.is_some() {
                self.wire
                    .expect("the end of the session", PATIENCE_AFTER_BYE);
            }
        }
    }
}

pub(crate) fn completed(
    kind: StatusKind,
    code: Option<crate::wire::response::Code<'_>>,
    text: &[u8],
) -> Completed {
    Completed {
        kind,
        code: code.map(|code| (code.shown(), code.args.to_vec())),
        text: clean(text),
    }
}

/// A response up to its first literal, which may be somebody's mail: a transcript is for reading, and for showing.
pub(crate) fn note_received(transcript: Option<&Transcript>, bytes: &[u8]) {
    const SHOWN: usize = 4 * 1024;
    if let Some(transcript) = transcript {
        let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or(bytes);
        let shown = clean(&line[..line.len().min(SHOWN)]);
        transcript.note(Direction::Received, &shown);
    }
}

/// A handler for commands that want nothing but their end.
pub(crate) fn ignore(_: &Response<'_>) -> Result<bool, ImapError> {
    Ok(false)
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("stream", self.wire.stream())
            .field("selected", &self.selected)
            .finish_non_exhaustive()
    }
}
