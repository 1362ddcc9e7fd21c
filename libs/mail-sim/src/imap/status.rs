//! STATUS: the numbers of a folder.

use super::ImapFault;
use super::command::Command;
use super::mailbox::id_of;
use super::session::Session;

impl Session {
    pub(super) async fn status(&mut self, command: &Command) -> std::io::Result<()> {
        let name = self.folder_named(command, 0);
        let sizes = command.arguments[1..].iter();
        let mut sizes = sizes.filter(|item| item.text().eq_ignore_ascii_case("SIZE"));
        if sizes.next().is_some() && self.faults().contains(&ImapFault::StallAtSize) {
            return self.connection.stall().await;
        }
        let Some(values) = self.with_folder(&name, |folder| {
            let unseen = folder
                .messages
                .values()
                .filter(|m| !m.flags.contains("\\Seen"))
                .count();
            let mut values = String::new();
            for item in command.arguments[1..]
                .iter()
                .map(|a| a.text().to_uppercase())
            {
                let value = match item.as_str() {
                    "MESSAGES" => folder.messages.len(),
                    "UIDNEXT" => folder.uid_next as usize,
                    "UIDVALIDITY" => folder.uid_validity as usize,
                    "UNSEEN" => unseen,
                    "RECENT" => 0,
                    "SIZE" => folder.messages.values().map(|m| m.raw.len()).sum(),
                    "MAILBOXID" => {
                        let id = id_of(&name);
                        values.push_str(&format!("MAILBOXID ({id}) "));
                        continue;
                    }
                    _ => continue,
                };
                values.push_str(&format!("{item} {value} "));
            }
            values.trim_end().to_owned()
        }) else {
            return self
                .connection
                .send(format!(
                    "{} NO [NONEXISTENT] no such folder\r\n",
                    command.tag
                ))
                .await;
        };
        let (name, tag) = (self.said(&name), &command.tag);
        let answer = format!("* STATUS \"{name}\" ({values})\r\n{tag} OK done\r\n");
        self.held_back.push(answer);
        let held = self.held_back.len();
        let waits = |fault: &ImapFault| matches!(fault, ImapFault::StatusTogether(n) if held < *n);
        if self.faults().iter().any(waits) {
            return Ok(());
        }
        let answers = std::mem::take(&mut self.held_back).concat();
        self.connection.send(answers).await
    }
}
