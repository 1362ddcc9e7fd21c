//! LOGIN and AUTHENTICATE, with the ways in which they are refused.

use super::command::Command;
use super::session::{Next, Session, argument};
use super::{ImapFault, Point};
use crate::PASSWORD;
use crate::net::{Encryption, lock};
use crate::sasl::{self, Said};

impl Session {
    pub(super) async fn sign_in(&mut self, command: &Command) -> std::io::Result<Next> {
        let faults = self.faults();
        let said = if command.name == "AUTHENTICATE" {
            let mechanism = argument(command, 0).to_uppercase();
            if mechanism == "SCRAM-SHA-256" && faults.contains(&ImapFault::ForgedProof) {
                return self.forge(command).await;
            }
            if !sasl::KNOWN.contains(&mechanism.as_str()) {
                let answer = format!("{} NO unknown mechanism\r\n", command.tag);
                self.connection.send(answer).await?;
                return Ok(Next::GoOn);
            }
            let mut words = Vec::new();
            let first = argument(command, 1);
            if !first.is_empty() {
                words.push(first);
            }
            for challenge in sasl::challenges(&mechanism).iter().skip(words.len()) {
                words.push(self.ask(challenge).await?);
            }
            sasl::read(&mechanism, &words)
        } else {
            Said {
                user: argument(command, 0),
                secret: argument(command, 1),
                is_token: false,
                raw: command
                    .arguments
                    .iter()
                    .map(|a| a.text())
                    .collect::<Vec<_>>()
                    .join(" "),
            }
        };
        let open = {
            let mut connections = lock(&self.shared.connections);
            connections.logins += 1;
            connections.open
        };
        if self.strike(Point::Login).await? == Next::End {
            return Ok(Next::End);
        }
        let not_understood = faults.iter().find_map(|fault| match fault {
            ImapFault::LoginNotUnderstood(text) => Some(text.clone()),
            _ => None,
        });
        if let Some(text) = not_understood {
            let answer = format!("{} BAD {text}\r\n", command.tag);
            self.connection.send(answer).await?;
            return Ok(Next::GoOn);
        }
        let mut refusal =
            (said.secret != PASSWORD).then(|| lock(&self.shared.script).wrong_password.clone());
        for fault in faults {
            match fault {
                ImapFault::LoginRefused(text) => refusal = Some(text),
                ImapFault::TokenRefused(json, text) if said.is_token => {
                    self.ask(&sasl::encode(&json)).await?;
                    refusal = Some(text);
                }
                ImapFault::Echo => {
                    refusal = Some(format!(
                        "no, {} with {} ({})",
                        said.user, said.secret, said.raw
                    ));
                }
                ImapFault::TooManyConnections(limit) if open > limit => {
                    refusal =
                        Some("[LIMIT] Too many simultaneous connections. (Failure)".to_owned());
                }
                _ => {}
            }
        }
        if lock(&self.shared.script).encryption == Encryption::Starttls
            && !self.connection.encrypted
        {
            refusal = Some("[PRIVACYREQUIRED] Start TLS first".to_owned());
        }
        match refusal {
            Some(text) => {
                self.connection
                    .send(format!("{} NO {text}\r\n", command.tag))
                    .await?
            }
            None => {
                self.signed_in = true;
                self.done(&command.tag, "", "OK").await?;
            }
        }
        Ok(Next::GoOn)
    }

    /// SCRAM up to its last message, which proves nothing.
    async fn forge(&mut self, command: &Command) -> std::io::Result<Next> {
        let mut first = argument(command, 1);
        if first.is_empty() {
            first = self.ask("").await?;
        }
        self.ask(&sasl::encode(&sasl::scram_first(&first))).await?;
        self.ask(&sasl::encode(sasl::FORGED_PROOF)).await?;
        self.signed_in = true;
        self.done(&command.tag, "", "OK").await?;
        Ok(Next::GoOn)
    }

    async fn ask(&mut self, challenge: &str) -> std::io::Result<String> {
        self.connection.send(format!("+ {challenge}\r\n")).await?;
        let line = self.connection.line().await?;
        Ok(String::from_utf8_lossy(&line).trim().to_owned())
    }
}
