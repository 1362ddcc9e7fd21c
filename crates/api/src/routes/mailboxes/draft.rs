//! The settings of a mailbox that is not there yet: as typed, from a server profile, or found from the address.

use super::input::{self, Settings, Sides};
use super::profile;
use crate::caller::Caller;
use crate::detection;
use crate::error::Result;
use crate::input::Checks;
use crate::state::ApiState;
use model::detection::Candidate;
use model::mailbox::Logins;
use model::normalised::Normalised;

/// Settings without mistakes; sides of which nothing was said are still missing.
pub(crate) struct Draft {
    address: String,
    settings: Settings,
    /// As typed, for a server profile that comes later.
    sides: Sides,
    /// What was put right in the address.
    put_right: Option<Normalised>,
}

/// Settings that are whole.
pub(crate) struct Complete {
    pub(crate) settings: Settings,
    /// Where they were found, if they were left out.
    pub(crate) detected: Option<Candidate>,
    /// The server profile that they come from.
    pub(crate) server_profile_id: Option<String>,
}

impl Draft {
    /// Reads what was typed. A server profile is taken when it is named, or when it is for the domain and nothing else was
    /// said about the servers.
    ///
    /// # Errors
    /// 422 with every mistake, those in `checks` too.
    pub(crate) async fn read(
        state: &ApiState,
        mut sides: Sides,
        profile_id: Option<&str>,
        address: String,
        mut checks: Checks,
    ) -> Result<Self> {
        sides.profile = match profile_id {
            Some(id) => Some(profile::named(state, id).await?),
            None if sides.incoming.is_none() && sides.outgoing.is_none() => {
                profile::of_domain(state, &address).await?
            }
            None => None,
        };
        let settings = sides
            .clone()
            .settle(&state.rules, &address, None, &mut checks);
        checks.end()?;
        Ok(Self {
            address,
            settings,
            sides,
            put_right: None,
        })
    }

    /// With what was put right in the address.
    pub(crate) fn noting(self, put_right: Option<Normalised>) -> Self {
        Self { put_right, ..self }
    }

    /// Finds what was left out: from the address, else from the default server profile.
    ///
    /// # Errors
    /// 422, when nothing usable was found.
    pub(crate) async fn complete(self, state: &ApiState, caller: &Caller) -> Result<Complete> {
        let Self {
            address,
            mut settings,
            mut sides,
            put_right,
        } = self;
        let mut detected = None;
        if sides.profile.is_none() {
            let nothing_said = settings.incoming.is_none() && settings.outgoing.is_none();
            match detection::fill(state, caller, &address, &mut settings).await {
                Ok(found) => detected = found,
                Err(error) => {
                    let default = if nothing_said {
                        profile::by_default(state).await?
                    } else {
                        None
                    };
                    let Some(default) = default else {
                        return Err(error);
                    };
                    sides.profile = Some(default);
                    let mut checks = Checks::default();
                    settings = sides
                        .clone()
                        .settle(&state.rules, &address, None, &mut checks);
                    checks.end()?;
                }
            }
            settings.tidy_secrets(&state.rules);
        }
        input::need_a_side(&settings)?;
        settings.normalised.extend(put_right);
        Ok(Complete {
            settings,
            detected,
            server_profile_id: sides.profile.map(|profile| profile.id),
        })
    }
}

impl Settings {
    /// Where the names of a new mailbox come from.
    pub(crate) fn logins(&self) -> Logins {
        Logins {
            incoming: self.incoming_login.unwrap_or_default(),
            outgoing: self.outgoing_login.unwrap_or_default(),
        }
    }

    /// Where the names of a mailbox come from after a change.
    pub(crate) fn logins_over(&self, old: Logins) -> Logins {
        Logins {
            incoming: self.incoming_login.unwrap_or(old.incoming),
            outgoing: self.outgoing_login.unwrap_or(old.outgoing),
        }
    }
}
