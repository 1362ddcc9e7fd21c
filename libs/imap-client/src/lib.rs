//! An IMAP client (RFC 3501, RFC 9051 and the extensions a synchroniser needs) that survives real servers.
//!
//! Three rules shape it:
//!
//! * **Frame first, interpret second.** [`wire`] finds where a response ends without understanding it, so one odd
//!   item never costs the response, and one odd response never costs the connection.
//! * **Bodies leave as chunks**, borrowed from the read buffer. A 2 GiB message needs no more memory than a small one.
//! * **Sequence numbers never outlive a command.** Everything the caller does is by UID ([`UidSet`]).
//!
//! A [`Session`] is one connection: [`Session::start`], [`Session::login`], [`Session::select`], then the commands,
//! one file each in `commands/` and `ext/`. What the server says unasked is kept for [`Session::take_unsolicited`].
//! Hard bounds on everything a server can send are in [`Limits`]; nothing a server sends can cause a panic.

mod capability;
mod commands;
mod date;
mod error;
mod ext;
mod limits;
mod mailbox_name;
mod message_meta;
mod pipeline;
mod session;
mod uid_set;
mod unsolicited;
mod wire;

pub use capability::Capabilities;
pub use commands::append::AppendUid;
pub use commands::fetch_body::{BodyEvent, Completion};
pub use commands::fetch_meta::{MetaItems, MetaResult};
pub use commands::list::{ListEntry, ListOptions};
pub use commands::login::LoginDone;
pub use commands::move_copy::CopyUid;
pub use commands::namespace::{Namespace, Namespaces};
pub use commands::quota::{Quota, QuotaResource};
pub use commands::search::{SearchResult, SearchReturn};
pub use commands::select::{Mode, Selected};
pub use commands::status::{StatusData, StatusItem};
pub use commands::store::{StoreMode, StoreResult};
pub use date::search_date;
pub use error::ImapError;
pub use ext::idle::IdleEnd;
pub use ext::notify::NotifySet;
pub use ext::qresync::QresyncFrom;
pub use limits::Limits;
pub use mailbox_name::MailboxName;
pub use message_meta::MessageMeta;
pub use session::{Greeting, GreetingKind, Session, Tag};
pub use uid_set::UidSet;
pub use unsolicited::Unsolicited;
pub use wire::command::quoted;
