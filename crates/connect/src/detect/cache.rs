//! What was found for a domain, kept for minutes: a list of people that is imported asks about the same few domains.
//!
//! A domain's servers are the same for all its addresses, but for autoconfig files, which may name servers for one user:
//! those are kept for that address. What could not be asked is not kept, and what was not there only for seconds, because
//! somebody may be putting it right this very moment.

use super::address::Address;
use crate::providers::Table;
use model::detection::{Candidate, LoginFormat, Outcome, Searched, Source};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How long settings are kept.
const FOUND: Duration = Duration::from_secs(5 * 60);
/// How long it is kept that there are none.
const NOTHING: Duration = Duration::from_secs(10);
/// Domains that are kept.
const DOMAINS: usize = 1_000;

/// Answers by domain, and whether the public directory was asked.
#[derive(Debug, Default)]
pub(super) struct Cache(Mutex<HashMap<(String, bool), Kept>>);

#[derive(Debug)]
struct Kept {
    address: Address,
    /// The table that recognised the servers; a new one may know better.
    table: Arc<Table>,
    candidates: Vec<Candidate>,
    searched: Vec<Searched>,
    until: Instant,
}

impl Cache {
    /// What is kept, as it is for this address.
    pub(super) fn get(
        &self,
        address: &Address,
        directory: bool,
        table: &Arc<Table>,
        now: Instant,
    ) -> Option<(Vec<Candidate>, Vec<Searched>)> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = kept.get(&(address.domain.clone(), directory))?;
        if kept.until <= now || !Arc::ptr_eq(&kept.table, table) {
            return None;
        }
        let candidates = if kept.address.whole == address.whole {
            kept.candidates.clone()
        } else {
            let candidates = kept.candidates.iter();
            let theirs = candidates.map(|candidate| as_for(candidate, &kept.address, address));
            theirs.collect::<Option<Vec<_>>>()?
        };
        Some((candidates, kept.searched.clone()))
    }

    /// Keeps an answer, unless a source could not be asked and nothing was found elsewhere.
    pub(super) fn put(
        &self,
        address: &Address,
        directory: bool,
        table: &Arc<Table>,
        found: (&[Candidate], &[Searched]),
        now: Instant,
    ) {
        let (candidates, searched) = found;
        let usable = candidates.iter().any(super::rank::is_usable);
        let failed = searched.iter().any(|s| s.outcome == Outcome::Failed);
        if failed && !usable {
            return;
        }
        let kept = Kept {
            address: address.clone(),
            table: table.clone(),
            candidates: candidates.to_vec(),
            searched: searched.to_vec(),
            until: now + if usable { FOUND } else { NOTHING },
        };
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= DOMAINS {
            all.retain(|_, kept| kept.until > now);
        }
        if all.len() >= DOMAINS
            && let Some(oldest) = all.iter().min_by_key(|(_, kept)| kept.until)
        {
            let oldest = oldest.0.clone();
            all.remove(&oldest);
        }
        all.insert((address.domain.clone(), directory), kept);
    }
}

/// The same servers for another address of the domain; nothing where they may be one user's own.
fn as_for(candidate: &Candidate, old: &Address, new: &Address) -> Option<Candidate> {
    if matches!(candidate.source, Source::Autoconfig | Source::Directory)
        || candidate.login_format == LoginFormat::Custom
    {
        return None;
    }
    let renamed = |name: &mut String| {
        let renamed = match name.as_str() {
            name if name == old.whole => &new.whole,
            name if name == old.local => &new.local,
            _ => return None,
        };
        name.clone_from(renamed);
        Some(())
    };
    let mut candidate = candidate.clone();
    for side in candidate
        .incoming
        .iter_mut()
        .chain(&mut candidate.alternatives)
    {
        renamed(&mut side.username)?;
    }
    if let Some(side) = &mut candidate.outgoing {
        renamed(&mut side.username)?;
    }
    Some(candidate)
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::detection::Confidence;
    use model::mailbox::{Auth, Outgoing, Security};

    fn candidate(source: Source, username: &str) -> Candidate {
        Candidate {
            source,
            because: String::new(),
            confidence: Confidence::High,
            provider_id: None,
            server_profile_id: None,
            login_format: LoginFormat::Email,
            incoming: None,
            outgoing: Some(Outgoing {
                host: "smtp.example.com".into(),
                port: 465,
                security: Security::Tls,
                username: username.into(),
                auth: Auth::Password,
                certificate_sha256: None,
            }),
            alternatives: Vec::new(),
            trusted: true,
        }
    }

    fn searched(outcome: Outcome) -> Vec<Searched> {
        vec![Searched {
            source: Source::Mx,
            outcome,
            ms: 1,
            detail: String::new(),
        }]
    }

    fn read(address: &str) -> Address {
        Address::read(address).unwrap()
    }

    #[tokio::test]
    async fn an_answer_serves_the_domain_for_minutes_with_each_ones_own_name() {
        let (cache, table, now) = (Cache::default(), Table::built_in(), Instant::now());
        let (ann, bob) = (read("ann@example.com"), read("bob@example.com"));
        let found = [candidate(Source::Srv, "ann@example.com")];
        cache.put(
            &ann,
            false,
            &table,
            (&found, &searched(Outcome::Found)),
            now,
        );
        let (theirs, _) = cache.get(&bob, false, &table, now).unwrap();
        assert_eq!(
            theirs[0].outgoing.as_ref().unwrap().username,
            "bob@example.com"
        );
        assert!(cache.get(&ann, true, &table, now).is_none());
        assert!(
            cache
                .get(&ann, false, &Arc::new(Table::default()), now)
                .is_none()
        );
        assert!(cache.get(&ann, false, &table, now + FOUND).is_none());
        // Servers that one user's file names are that user's.
        let found = [candidate(Source::Autoconfig, "ann@example.com")];
        cache.put(
            &ann,
            false,
            &table,
            (&found, &searched(Outcome::Found)),
            now,
        );
        assert!(cache.get(&ann, false, &table, now).is_some());
        assert!(cache.get(&bob, false, &table, now).is_none());
    }

    #[tokio::test]
    async fn failures_are_not_kept_nothing_is_kept_for_seconds_and_all_of_it_is_bounded() {
        let (cache, table, now) = (Cache::default(), Table::built_in(), Instant::now());
        let ann = read("ann@example.com");
        cache.put(&ann, false, &table, (&[], &searched(Outcome::Failed)), now);
        assert!(cache.get(&ann, false, &table, now).is_none());
        cache.put(&ann, false, &table, (&[], &searched(Outcome::Nothing)), now);
        assert!(cache.get(&ann, false, &table, now).is_some());
        assert!(cache.get(&ann, false, &table, now + NOTHING).is_none());
        for n in 0..DOMAINS + 50 {
            let address = read(&format!("ann@d{n}.example"));
            let found = [candidate(Source::Srv, &address.whole)];
            cache.put(
                &address,
                false,
                &table,
                (&found, &searched(Outcome::Found)),
                now,
            );
        }
        assert_eq!(cache.0.lock().unwrap().len(), DOMAINS);
    }
}
