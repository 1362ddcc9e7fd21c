//! What a mailbox still lacks until it works: one list, so that nobody has to guess which of several switches is off.

use crate::mailbox::{Auth, ConnectionState, Lifecycle, Mailbox, Proof};
use crate::missing::{Missing, MissingId};

impl Mailbox {
    /// What the mailbox lacks. `has_secrets`: whether a password is stored for receiving and for sending.
    pub fn lacks(&self, has_secrets: (bool, bool)) -> Vec<Missing> {
        let mut list = Vec::new();
        let lack = |id, text: String| Missing {
            id,
            text,
            problem_id: None,
            since: None,
        };
        let connected = matches!(
            self.connection.state,
            ConnectionState::Live | ConnectionState::Polling
        );
        let incoming = self.incoming.as_ref().map(|side| side.auth);
        let outgoing = self.outgoing.as_ref().map(|side| side.auth);
        for (side, auth, has_secret, proof, proven) in [
            (
                "receiving",
                incoming,
                has_secrets.0,
                self.receiving,
                connected,
            ),
            ("sending", outgoing, has_secrets.1, self.sending, false),
        ] {
            let Some(auth) = auth else { continue };
            if auth != Auth::None && !has_secret {
                let what = if auth == Auth::Oauth2 {
                    "token"
                } else {
                    "password"
                };
                list.push(lack(
                    MissingId::Password,
                    format!("no {what} is stored for {side}"),
                ));
            }
            match proof {
                Proof::Untested if !proven => {
                    list.push(lack(MissingId::Test, format!("{side} was not tested")));
                }
                Proof::Fails => list.push(lack(
                    MissingId::WorkingSettings,
                    format!("{side} did not work when it was tested"),
                )),
                Proof::Untested | Proof::Works | Proof::WorksWithWarnings => {}
            }
        }
        match self.lifecycle {
            Lifecycle::Draft => list.push(lack(MissingId::Enabling, "not enabled yet".to_owned())),
            Lifecycle::AwaitingApproval => {
                list.push(lack(MissingId::Approval, "not approved yet".to_owned()))
            }
            Lifecycle::Paused => {
                list.push(lack(MissingId::Enabling, "paused by a person".to_owned()))
            }
            Lifecycle::Disabled => {
                list.push(lack(MissingId::Enabling, "disabled by a person".to_owned()))
            }
            Lifecycle::Enabled => list.extend(self.stopped()),
        }
        list
    }

    /// What keeps an enabled mailbox from being connected.
    fn stopped(&self) -> Option<Missing> {
        let connection = &self.connection;
        let state = match connection.state {
            ConnectionState::Held => "held until a person acts",
            ConnectionState::Waiting => "waiting for the next try",
            ConnectionState::Limited => "asked by the provider to wait",
            _ => return None,
        };
        // The problem and the time are told beside the text, for a program to put into words.
        Some(Missing {
            id: MissingId::Connection,
            text: state.to_owned(),
            problem_id: connection.problem_id.clone(),
            since: connection.since,
        })
    }
}
