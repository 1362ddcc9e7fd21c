//! What is known of providers: dated facts, kept as data.
//!
//! - [`Provider`] is one entry: servers, sign-in, switches, limits, quirks, known problems, and who says so.
//! - [`Table`] is all entries, found by id, by domain, by the server that takes a domain's mail, and by a mail server's name.
//! - [`overrides`](Table::with_overrides) reads an administrator's file that adds entries or changes some.
//! - [`Providers`] is the table in use: it reads that file anew when it changed.
//! - [`preparation()`] turns an entry into what a person has to do first.
//!
//! The facts are in `data/`: they age, so that code knows none of them, and each says when it was last looked at.
//! `docs/providers/writing-an-entry.md` explains the fields.

mod all_mail;
mod allowed;
mod check;
#[cfg(test)]
mod data_is_sound;
mod live;
mod oauth;
mod overrides;
mod preparation;
mod provider;
mod search;
mod table;

pub use all_mail::stores_all_mail;
pub use allowed::{allowed, cut_after};
pub use live::Providers;
pub use oauth::OauthService;
pub use overrides::TableError;
pub use preparation::preparation;
pub use provider::{
    AppPassword, AppPasswordKind, AppPasswordNeed, Folders, ImapEnable, Kind, Limits, Origin,
    Provider, SentCopy, SentCopyBehaviour, Server, SignIn, Status,
};
pub use search::Wanted;
pub use table::Table;
