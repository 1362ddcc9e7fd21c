//! How the servers of well-known providers look and speak: greeting, capabilities, folders, oddities, and the words with
//! which they refuse. Taken from public conversations and from the providers' pages; the addresses in them are examples.

mod east;
mod europe;
mod servers;
mod worldwide;

use crate::imap::ImapFault;
use crate::pop3::Pop3Fault;
use crate::smtp::SmtpFault;

/// A provider, or a kind of server software, as its clients see it.
#[derive(Debug)]
pub struct Profile {
    /// A short name, such as `gmail`.
    pub id: &'static str,
    /// The host for reading; the simulator's certificate is for it.
    pub imap_host: &'static str,
    /// The host for sending.
    pub smtp_host: &'static str,
    /// The host for fetching; empty where there is none.
    pub pop3_host: &'static str,
    /// Reading.
    pub imap: ImapProfile,
    /// Sending.
    pub smtp: SmtpProfile,
    /// Fetching.
    pub pop3: Option<Pop3Profile>,
    /// What it says when it refuses, and what that means.
    pub refusals: &'static [Refusal],
}

/// An IMAP server's looks.
#[derive(Debug)]
pub struct ImapProfile {
    /// After `* OK `.
    pub greeting: &'static str,
    /// Capabilities before the sign-in.
    pub offered: &'static str,
    /// Capabilities after it.
    pub signed_in: &'static str,
    /// Between the parts of a folder's name.
    pub delimiter: char,
    /// Names as LIST shows them, with their attributes.
    pub folders: &'static [(&'static str, &'static str)],
    /// NO to a wrong password.
    pub wrong_password: &'static str,
    /// NO to SELECT until the client has said its name (ID).
    pub wants_id: Option<&'static str>,
}

/// A submission server's looks.
#[derive(Debug)]
pub struct SmtpProfile {
    /// The whole first line.
    pub greeting: &'static str,
    /// What EHLO shows.
    pub extensions: &'static [&'static str],
    /// The answer to a wrong password.
    pub wrong_password: &'static str,
}

/// A POP3 server's looks.
#[derive(Debug)]
pub struct Pop3Profile {
    /// The whole first line.
    pub greeting: &'static str,
    /// What CAPA shows.
    pub capabilities: &'static [&'static str],
    /// After `-ERR ` to a wrong password.
    pub wrong_password: &'static str,
}

/// A refusal in the provider's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// What it is, by the name that lists of mail errors have for it.
    pub means: &'static str,
    /// Where it is said.
    pub at: At,
    /// The words, with their code.
    pub says: &'static str,
}

/// Where a server refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// IMAP: every sign-in.
    ImapSignIn,
    /// IMAP: a token, with this JSON before the words.
    ImapToken(&'static str),
    /// IMAP: every command of this name.
    Imap(&'static str),
    /// SMTP: every sign-in.
    SmtpSignIn,
    /// SMTP: a token, with this JSON before the words.
    SmtpToken(&'static str),
    /// SMTP: every command of this name.
    Smtp(&'static str),
    /// SMTP: the message itself.
    SmtpMessage,
    /// POP3: every sign-in.
    Pop3SignIn,
}

impl Refusal {
    /// As a fault of the IMAP simulator, if it is said there.
    pub fn imap(&self) -> Option<ImapFault> {
        let says = self.says.to_owned();
        Some(match self.at {
            At::ImapSignIn => ImapFault::LoginRefused(says),
            At::ImapToken(json) => ImapFault::TokenRefused(json.to_owned(), says),
            At::Imap(command) => ImapFault::Refuse(command, says),
            _ => return None,
        })
    }

    /// As a fault of the SMTP simulator, if it is said there.
    pub fn smtp(&self) -> Option<SmtpFault> {
        let says = self.says.to_owned();
        Some(match self.at {
            At::SmtpSignIn => SmtpFault::RefuseAuth(says),
            At::SmtpToken(json) => SmtpFault::TokenRefused(json.to_owned(), says),
            At::Smtp(command) => SmtpFault::Refuse(command, says),
            At::SmtpMessage => SmtpFault::RejectData(says),
            _ => return None,
        })
    }

    /// As a fault of the POP3 simulator, if it is said there.
    pub fn pop3(&self) -> Option<Pop3Fault> {
        match self.at {
            At::Pop3SignIn => Some(Pop3Fault::Refuse("LOGIN", self.says.to_owned())),
            _ => None,
        }
    }
}

/// Every profile.
pub fn profiles() -> impl Iterator<Item = &'static Profile> {
    [worldwide::ALL, europe::ALL, east::ALL, servers::ALL]
        .into_iter()
        .flatten()
}

/// The profile of this name.
///
/// # Panics
/// When there is none.
pub fn profile(id: &str) -> &'static Profile {
    profiles()
        .find(|profile| profile.id == id)
        .unwrap_or_else(|| panic!("there is no profile {id}"))
}

const fn says(means: &'static str, at: At, says: &'static str) -> Refusal {
    Refusal { means, at, says }
}
