//! Commands that a fault refuses, whatever they would do.

use super::ImapFault;
use super::command::Command;
use super::session::{Next, Session, argument};
use crate::net::lock;

impl Session {
    /// Answers a command that a fault refuses.
    pub(super) async fn refuse(&mut self, command: &Command) -> std::io::Result<Option<Next>> {
        for fault in self.faults() {
            match fault {
                ImapFault::Refuse(name, text) if name == command.name => {
                    let answer = format!("{} NO {text}\r\n", command.tag);
                    self.connection.send(answer).await?;
                    return Ok(Some(Next::GoOn));
                }
                ImapFault::RefuseIn(folder, name, text)
                    if name == command.name
                        && self.selected.as_ref().is_some_and(|open| open.0 == folder) =>
                {
                    let answer = format!("{} NO {text}\r\n", command.tag);
                    self.connection.send(answer).await?;
                    return Ok(Some(Next::GoOn));
                }
                ImapFault::GoneBefore(name, text) if name == command.name => {
                    self.remove_elsewhere(&argument(command, 0));
                    let answer = format!("{} NO {text}\r\n", command.tag);
                    self.connection.send(answer).await?;
                    return Ok(Some(Next::GoOn));
                }
                ImapFault::MarksStay(text)
                    if command.name.ends_with("STORE")
                        && argument(command, 1).starts_with("-FLAGS") =>
                {
                    let answer = format!("{} NO {text}\r\n", command.tag);
                    self.connection.send(answer).await?;
                    return Ok(Some(Next::GoOn));
                }
                ImapFault::Closed(folder, text)
                    if matches!(command.name.as_str(), "SELECT" | "EXAMINE")
                        && self.folder_named(command, 0) == folder =>
                {
                    let answer = format!("{} NO {text}\r\n", command.tag);
                    self.connection.send(answer).await?;
                    return Ok(Some(Next::GoOn));
                }
                ImapFault::ClosedAfterBodies(folder, text)
                    if self.has_fetched
                        && matches!(command.name.as_str(), "SELECT" | "EXAMINE")
                        && self.folder_named(command, 0) == folder =>
                {
                    let answer = format!("{} NO {text}\r\n", command.tag);
                    self.connection.send(answer).await?;
                    return Ok(Some(Next::GoOn));
                }
                ImapFault::OkButNothing(name) if name == command.name => {
                    self.done(&command.tag, "", "OK").await?;
                    return Ok(Some(Next::GoOn));
                }
                ImapFault::ByeAt(name, text) if name == command.name => {
                    self.connection.send(format!("* BYE {text}\r\n")).await?;
                    return Ok(Some(Next::End));
                }
                ImapFault::WantsId(text)
                    if !self.named && matches!(command.name.as_str(), "SELECT" | "EXAMINE") =>
                {
                    let answer = format!("{} NO {text}\r\n", command.tag);
                    self.connection.send(answer).await?;
                    return Ok(Some(Next::GoOn));
                }
                _ => {}
            }
        }
        Ok(None)
    }

    /// Another client removes these messages of the open folder.
    fn remove_elsewhere(&self, set: &str) {
        let (name, _) = self.selected.clone().unwrap_or_default();
        let mut script = lock(&self.shared.script);
        let folder = script.mailbox.folder_mut(&name);
        for (_, uid) in folder.select(set, true) {
            folder.messages.remove(&uid);
        }
    }
}
