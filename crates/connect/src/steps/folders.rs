//! Step 7: the folders and what they are for; with POP3, the messages with their lasting numbers.

use super::count;
use crate::open::{Conversation, ImapTalk, Opening};
use crate::recognise::{self, Failure, Peer};
use crate::report::{Good, remedy};
use crate::roles;
use imap_client::{ListOptions, MailboxName};
use model::folder::Role;
use model::report::{DetailName, StepCode};

/// The names of folders for sent mail that nobody could mistake.
const PLAINLY_SENT: &[&str] = &[
    "sent",
    "sent items",
    "sent mail",
    "sent messages",
    "sent-mail",
];
/// Roles that are named in the report, in this order.
const TOLD: &[Role] = &[
    Role::Inbox,
    Role::Sent,
    Role::Drafts,
    Role::Junk,
    Role::Trash,
    Role::Archive,
    Role::All,
    Role::Flagged,
];

/// What there is to read, for the steps after this one.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// IMAP: the folders.
    pub(crate) folders: Vec<Found>,
    /// POP3: the number of the newest message.
    pub(crate) newest: Option<u32>,
    /// POP3: how many messages there are.
    pub(crate) messages: u64,
}

/// One folder.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) name: MailboxName,
    /// As people read it.
    pub(crate) path: String,
    pub(crate) role: Option<Role>,
    /// The server itself said so.
    pub(crate) marked: bool,
    /// It shows messages of other folders.
    pub(crate) view: bool,
    pub(crate) selectable: bool,
}

impl Listing {
    /// The folder with this path, as a person wrote it.
    pub(crate) fn folder(&self, path: &str) -> Option<&Found> {
        self.folders.iter().find(|folder| {
            folder.path == path || (folder.name.is_inbox() && path.eq_ignore_ascii_case("inbox"))
        })
    }

    /// The folder with this role; a marked one before a guessed one.
    pub(crate) fn with_role(&self, role: Role) -> Option<&Found> {
        let these = || {
            self.folders
                .iter()
                .filter(|folder| folder.role == Some(role) && folder.selectable)
        };
        these()
            .find(|folder| folder.marked)
            .or_else(|| these().next())
    }
}

pub(crate) async fn run(opening: &mut Opening<'_>, listing: &mut Listing) -> Result<Good, Failure> {
    let peer = opening.peer;
    match &mut opening.conversation {
        Some(Conversation::Imap(talk)) => {
            *listing = list(talk, &peer).await?;
            if listing.folders.is_empty() {
                return Err(peer.failure("no_folders_visible", &[], None));
            }
            Ok(words(listing))
        }
        Some(Conversation::Pop3(session)) => {
            let ids = session
                .uidl()
                .await
                .map_err(|error| recognise::pop3(&error, &peer).at(StepCode::Folders))?;
            listing.newest = ids.iter().map(|message| message.number).max();
            listing.messages = ids.len() as u64;
            Ok(Good::did(format!(
                "{}, each with a lasting number (UIDL)",
                count(ids.len() as u64, "message", "messages")
            )))
        }
        _ => Err(peer.failure("internal_error", &[], None)),
    }
}

/// All folders with their roles.
pub(crate) async fn list(talk: &mut ImapTalk, peer: &Peer<'_>) -> Result<Listing, Failure> {
    let options = ListOptions {
        status_items: None,
        special_use: true,
    };
    let entries = talk.session.list(&options).await;
    let entries = entries.map_err(|error| recognise::imap(&error, peer).at(StepCode::Folders))?;
    let folders = entries
        .into_iter()
        .map(|entry| {
            let path = entry.name.decoded();
            Found {
                role: roles::role_of(&entry.attributes, &path, entry.delimiter),
                marked: roles::by_mark(&entry.attributes).is_some(),
                view: roles::is_view(&entry.attributes),
                selectable: entry.is_selectable(),
                name: entry.name,
                path,
            }
        })
        .collect();
    Ok(Listing {
        folders,
        ..Listing::default()
    })
}

fn words(listing: &Listing) -> Good {
    let recognised: Vec<&str> = TOLD
        .iter()
        .filter(|role| listing.with_role(**role).is_some())
        .map(|role| plain(*role))
        .collect();
    let good = Good::did(format!(
        "{}; {} recognised",
        count(listing.folders.len() as u64, "folder", "folders"),
        if recognised.is_empty() {
            "none".to_owned()
        } else {
            recognised.join(", ")
        }
    ));
    let good = good
        .with(
            DetailName::Folders,
            listing.folders.iter().map(|folder| folder.path.as_str()),
        )
        .with(
            DetailName::Roles,
            TOLD.iter().filter_map(|role| {
                let folder = listing.with_role(*role)?;
                Some(format!("{role}: {}", folder.path))
            }),
        );
    match listing.with_role(Role::Sent) {
        Some(sent)
            if !sent.marked
                && !PLAINLY_SENT.contains(&last_part(&sent.path).to_lowercase().as_str()) =>
        {
            let guess = remedy(
                format!("Confirm that {} is the folder for sent mail.", sent.path),
                "choose_folders",
            );
            good.but(
                format!(
                    "The server marks no folder as Sent: Postroom guessed {}.",
                    sent.path
                ),
                Some(guess),
            )
        }
        Some(_) => good,
        None => good.but(
            "There is no folder for sent mail: Postroom keeps what it sends, and no other mail program sees it.",
            Some(remedy(
                "Make a folder for sent mail, such as Sent, or choose one.",
                "choose_folders",
            )),
        ),
    }
}

fn last_part(path: &str) -> &str {
    path.rsplit(['/', '.']).next().unwrap_or(path)
}

const fn plain(role: Role) -> &'static str {
    match role {
        Role::Inbox => "Inbox",
        Role::Drafts => "Drafts",
        Role::Sent => "Sent",
        Role::Junk => "Spam",
        Role::Trash => "Trash",
        Role::Archive => "Archive",
        Role::All => "All mail",
        Role::Flagged => "Flagged",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(folders: &[(&str, &[&str])]) -> Listing {
        let folders = folders
            .iter()
            .map(|(path, attributes)| {
                let attributes: Vec<String> =
                    attributes.iter().map(|text| (*text).to_owned()).collect();
                Found {
                    name: MailboxName::from_decoded(path),
                    path: (*path).to_owned(),
                    role: roles::role_of(&attributes, path, Some('/')),
                    marked: roles::by_mark(&attributes).is_some(),
                    view: roles::is_view(&attributes),
                    selectable: true,
                }
            })
            .collect();
        Listing {
            folders,
            ..Listing::default()
        }
    }

    #[test]
    fn recognised_folders_are_named() {
        let good = words(&listing(&[
            ("INBOX", &[]),
            ("Gesendet", &["\\Sent"]),
            ("Junk", &[]),
            ("Projekte", &[]),
        ]));
        assert_eq!(good.did, "4 folders; Inbox, Sent, Spam recognised");
        assert!(!good.warning);
    }

    #[test]
    fn a_guess_asks_to_be_confirmed() {
        let good = words(&listing(&[("INBOX", &[]), ("Gesendet", &[])]));
        assert!(good.warning && good.means.unwrap().contains("Gesendet"));
        assert!(!words(&listing(&[("INBOX", &[]), ("Sent Items", &[])])).warning);
    }

    #[test]
    fn a_marked_folder_goes_before_a_guessed_one() {
        let listing = listing(&[("Sent", &[]), ("Verschickt", &["\\Sent"])]);
        assert_eq!(listing.with_role(Role::Sent).unwrap().path, "Verschickt");
    }
}
