//! GETQUOTAROOT (RFC 9208, before it RFC 2087): how full the account is.

use crate::session::Session;
use crate::wire::response::Response;
use crate::wire::tokenizer::Cursor;
use crate::wire::value::Value;
use crate::{ImapError, MailboxName};

/// More quota roots of one folder are not kept.
const MAX_ROOTS: usize = 100;
/// More resources of one root are not kept.
const MAX_RESOURCES: usize = 50;
/// What STORAGE counts in, in bytes (RFC 9208 section 5.1).
const STORAGE_UNIT: u64 = 1024;

/// One limit that a folder falls under, alone or together with others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quota {
    /// The server's name for it; may be empty.
    pub root: String,
    /// What is limited.
    pub resources: Vec<QuotaResource>,
}

/// One limited thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuotaResource {
    /// Its name in capitals: `STORAGE` (in units of 1,024 bytes), `MESSAGE`, `MAILBOX`, or the server's own.
    pub name: String,
    /// How much is in use.
    pub usage: u64,
    /// How much may be.
    pub limit: u64,
}

impl Quota {
    /// Bytes in use and bytes allowed, where storage is limited.
    pub fn storage(&self) -> Option<(u64, u64)> {
        let storage = self.resources.iter().find(|one| one.name == "STORAGE")?;
        Some((
            storage.usage.saturating_mul(STORAGE_UNIT),
            storage.limit.saturating_mul(STORAGE_UNIT),
        ))
    }
}

impl Session {
    /// The limits that a folder falls under; none where there is no limit, and where the server does not offer QUOTA.
    ///
    /// # Errors
    /// `No`/`Bad`, or a fatal error.
    pub async fn quota_root(&mut self, folder: &MailboxName) -> Result<Vec<Quota>, ImapError> {
        if !self.supports("QUOTA") {
            return Ok(Vec::new());
        }
        let command = self.command("GETQUOTAROOT").mailbox(folder)?;
        let mut found: Vec<Quota> = Vec::new();
        self.run(command, &mut |response: &Response<'_>| {
            if response.is_data("QUOTAROOT") {
                return Ok(true);
            }
            let Some(rest) = response.data("QUOTA") else {
                return Ok(false);
            };
            if found.len() < MAX_ROOTS {
                found.extend(parse(rest));
            }
            Ok(true)
        })
        .await?;
        Ok(found)
    }
}

/// Reads `"" (STORAGE 10 512 MESSAGE 20 100)`.
fn parse(mut rest: Cursor<'_>) -> Option<Quota> {
    let root = rest.value().text()?;
    let mut items = rest.value().list()?;
    let mut resources = Vec::new();
    while resources.len() < MAX_RESOURCES {
        let name = match items.value() {
            Value::End => break,
            name => name.text(),
        };
        let (usage, limit) = (items.value().number(), items.value().number());
        if let (Some(name), Some(usage), Some(limit)) = (name, usage, limit) {
            resources.push(QuotaResource {
                name: name.to_ascii_uppercase(),
                usage,
                limit,
            });
        }
    }
    Some(Quota { root, resources })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<Quota> {
        parse(Cursor::new(text.as_bytes()))
    }

    #[test]
    fn quotas_are_read_with_all_their_resources() {
        let quota = read("\"User quota\" (storage 10 512 MESSAGE 20 100)\r\n").unwrap();
        assert_eq!(quota.root, "User quota");
        assert_eq!(quota.storage(), Some((10_240, 524_288)));
        assert_eq!(quota.resources[1].name, "MESSAGE");
        assert_eq!(read("\"\" ()\r\n").unwrap().storage(), None);
        assert!(read("NIL").is_none() && read("root").is_none());
    }

    #[test]
    fn numbers_that_make_no_sense_and_lists_without_end_cost_nothing() {
        let odd = read("r (STORAGE -1 5 MESSAGE 1 99999999999999999999 X 1)").unwrap();
        assert!(odd.resources.is_empty());
        let many = format!("r ({})", "A 1 2 ".repeat(10_000));
        assert_eq!(read(&many).unwrap().resources.len(), MAX_RESOURCES);
        let huge = read("r (STORAGE 18446744073709551615 1)").unwrap();
        assert_eq!(huge.storage(), Some((u64::MAX, 1024)));
    }
}
