//! The completeness audit of a maildrop. Every look compares the ids already, and what messages without an id say when they are
//! read; an audit says in numbers what that found.

use super::Polling;
use super::plan::Listed;
use crate::audit;
use crate::error::Result;
use model::completeness::FolderAudit;
use std::collections::HashMap;
use store::completeness;
use store::folders::Known;
use store::pop3::{Standing, is_nameless};

impl Polling<'_> {
    /// Tells what a look has found, where a person asked for it or the time has come. `before`: the ids as they stood
    /// before anything was fetched.
    pub(super) async fn audit_if_due(
        &self,
        folder: &Known,
        listed: &[Listed],
        before: &HashMap<String, Standing>,
    ) -> Result<()> {
        let Some(order) = audit::due(self.context, &self.mailbox.id).await? else {
            return Ok(());
        };
        let store = &self.context.store;
        let after = store::pop3::known(store, &folder.id).await?;
        // Messages without an id are those that the last reading saw.
        let nameless = after.keys().filter(|key| is_nameless(key));
        let named = listed.iter().filter_map(|message| message.key.as_ref());
        let keys: Vec<&String> = named.chain(nameless).collect();
        let mut found = FolderAudit {
            folder_id: folder.id.clone(),
            path: folder.path.clone(),
            server: keys.len() as i64,
            ..FolderAudit::default()
        };
        for key in keys {
            let now = after.get(key);
            // It was stored once, and was not stored any more.
            if before.get(key) == Some(&Standing::Open) {
                found.missing += 1;
                found.repaired += i64::from(now == Some(&Standing::Stored));
            }
            match now {
                Some(Standing::Stored) => found.stored += 1,
                Some(Standing::Failed { .. }) => found.in_ledger += 1,
                Some(Standing::LeftOut(_)) => found.server -= 1,
                Some(Standing::Open) | None => found.to_come += 1,
            }
        }
        let counts = completeness::counts(store, &folder.id).await?;
        found.miscounted = counts.off_by.abs().max(i64::from(counts.unread_wrong));
        if order.repair && found.miscounted > 0 {
            completeness::recount(store, self.lease, &folder.id).await?;
            found.repaired = found.repaired.max(found.miscounted);
        }
        audit::finish(self.context, self.lease, order, vec![found]).await
    }
}
