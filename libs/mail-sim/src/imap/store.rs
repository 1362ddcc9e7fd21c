//! STORE: flags, and Gmail's labels.

use super::command::{Argument, Command};
use super::fetch::labels as shown_labels;
use super::session::{Session, argument};
use crate::net::lock;

impl Session {
    pub(super) async fn store(&mut self, command: &Command) -> std::io::Result<()> {
        let by_uid = command.name.starts_with("UID");
        let (set, how) = (argument(command, 0), argument(command, 1).to_uppercase());
        let flags: Vec<String> = command
            .arguments
            .iter()
            .skip(2)
            .map(Argument::text)
            .filter(|f| !f.is_empty())
            .collect();
        let (name, _) = self.selected.clone().unwrap_or_default();
        let mut untagged = String::new();
        if how.contains("X-GM-LABELS") {
            let mut script = lock(&self.shared.script);
            let labels = flags.into_iter().collect();
            for (sequence, uid) in script.mailbox.folder_mut(&name).select(&set, by_uid) {
                let messages = &script.mailbox.folder_mut(&name).messages;
                let Some(id) = messages.get(&uid).map(|message| message.id) else {
                    continue;
                };
                let shown = script.mailbox.label(id, how.as_bytes().first(), &labels);
                untagged.push_str(&format!(
                    "* {sequence} FETCH (UID {uid} {})\r\n",
                    shown_labels(&shown)
                ));
            }
        } else {
            let one = self.offers("X-GM-EXT-1");
            let mut script = lock(&self.shared.script);
            for (sequence, uid) in script.mailbox.folder_mut(&name).select(&set, by_uid) {
                let folder = script.mailbox.folder_mut(&name);
                let Some(message) = folder.messages.get_mut(&uid) else {
                    continue;
                };
                match how.as_bytes().first() {
                    Some(b'+') => message.flags.extend(flags.iter().cloned()),
                    Some(b'-') => message.flags.retain(|flag| !flags.contains(flag)),
                    _ => message.flags = flags.iter().cloned().collect(),
                }
                if !how.ends_with(".SILENT") {
                    let flags = message.flags.iter().cloned().collect::<Vec<_>>().join(" ");
                    untagged.push_str(&format!(
                        "* {sequence} FETCH (UID {uid} FLAGS ({flags}))\r\n"
                    ));
                }
                // With labels a message is one wherever it shows; but it is expunged from the folder that is open.
                let (id, flags) = (message.id, message.flags.clone());
                if one && !flags.contains("\\Deleted") {
                    for copy in script.mailbox.copies(id) {
                        copy.flags.clone_from(&flags);
                    }
                }
            }
        }
        self.done(&command.tag, &untagged, "OK").await
    }
}
