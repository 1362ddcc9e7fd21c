//! What a submission server can be told to do wrong.

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SmtpFault {
    /// 450 4.2.0 for this recipient, always.
    TempfailRecipient(String),
    /// 550 5.1.1 for this recipient.
    RejectRecipient(String),
    /// This answer to MAIL FROM ("553 5.7.1 not your address").
    RejectSender(String),
    /// This answer to every sign-in ("535 5.7.8 wrong password").
    RefuseAuth(String),
    /// The message is taken, and the connection is closed instead of an answer.
    CloseAfterDot,
    /// The message is taken, and no answer ever comes.
    StallAfterDot,
    /// The connection is closed in the middle of the client's data, after so many lines; nothing is taken.
    CloseInData(usize),
    /// This answer to the final dot or the last chunk ("554 5.7.1 spam", "451 4.3.0 try later").
    RejectData(String),
    /// 552 5.3.4 to MAIL FROM with a larger SIZE, and to larger data.
    RejectSize(usize),
    /// 452 4.5.3 to every further recipient of a message that has so many; EHLO says nothing of it.
    MostRecipients(usize),
    /// 451 4.7.1 for every recipient's first try.
    Greylist,
    /// This line instead of a greeting ("421 4.3.2 too busy"), then the connection is closed.
    ByeAtOnce(String),
    /// The greeting of an IMAP server.
    NotSmtp,
    /// A greeting that never ends.
    EndlessGreeting,
    /// Random bytes instead of the answer to EHLO.
    Nonsense,
    /// Plain text that pretends to come from inside TLS, sent together with the answer to STARTTLS.
    StartTlsInjection,
    /// This first line instead of the greeting; the session goes on.
    Greeting(String),
    /// The connection is closed as soon as so many replies were sent (the greeting is the first), before the next command is
    /// read.
    CutAfterReplies(usize),
    /// After so many replies this one more, unasked ("421 4.3.2 going down"), and the connection is closed.
    ByeAfterReplies(usize, String),
    /// The connection is closed when half of a command of this name was read.
    CutInside(&'static str),
    /// The connection is closed in the middle of a chunk, after so many bytes of the message; nothing is taken.
    CloseInChunk(usize),
    /// This answer to the chunk of this number, counted from 1; its bytes are read.
    RefuseChunk(usize, String),
    /// 555 to MAIL and RCPT with any parameter for notices, whatever EHLO says.
    NoNotices,
    /// This answer to every command of this name (`EHLO`, `RCPT`); after a 421 the connection is closed.
    Refuse(&'static str, String),
    /// The connection is closed instead of an answer to a command of this name.
    CloseAt(&'static str),
    /// Silence instead of an answer to a command of this name.
    StallAt(&'static str),
    /// A token is refused with this JSON as a challenge and then with this answer (RFC 7628 section 3.2.2).
    TokenRefused(String, String),
    /// 535 to every sign-in, repeating the client's own words.
    Echo,
}
