//! Several commands in flight: sent ahead of their answers, so that a long way to the server is gone once and not once for
//! each (RFC 9051 section 5.5). Only for commands whose answers name what they are about, such as UIDs or folders.

use crate::ImapError;
use crate::session::{Completed, Handler, Session, Step, Tag};
use crate::wire::command::Command;

/// The most commands in flight ...
const WINDOW: usize = 32;
/// ... and the most bytes they may have together: far less than a socket buffer, so that writing never waits for a server
/// that itself waits for us to read.
const WINDOW_BYTES: usize = 8 << 10;

/// A command that was sent and has not ended.
struct Flying {
    tag: Tag,
    index: usize,
    bytes: usize,
}

impl Session {
    /// Runs all commands, each to its own end, and gives their ends in the order of the commands. What the server says
    /// meanwhile is offered to `handler`, whichever command it belongs to.
    pub(crate) async fn run_all(
        &mut self,
        what: &'static str,
        commands: Vec<Command>,
        handler: &mut Handler<'_>,
    ) -> Result<Vec<Completed>, ImapError> {
        self.begin(what)?;
        let outcome = self.converse_all(commands, handler).await;
        self.end(outcome)
    }

    async fn converse_all(
        &mut self,
        commands: Vec<Command>,
        handler: &mut Handler<'_>,
    ) -> Result<Vec<Completed>, ImapError> {
        let mut ended: Vec<Option<Completed>> = vec![None; commands.len()];
        let mut flying: Vec<Flying> = Vec::new();
        let mut waiting = commands.iter().enumerate().peekable();
        loop {
            while let Some((index, command)) =
                waiting.next_if(|(_, command)| has_room(&flying, command))
            {
                let tag = self.tag();
                match self.send(tag, command, handler).await? {
                    Some(completed) => ended[index] = Some(completed),
                    None => flying.push(Flying {
                        tag,
                        index,
                        bytes: size(command),
                    }),
                }
            }
            if flying.is_empty() {
                break;
            }
            let tags: Vec<Tag> = flying.iter().map(|one| one.tag).collect();
            let (tag, step) = self.step_of(&tags, handler).await?;
            match step {
                Step::Completed(completed) => {
                    if let Some(at) = flying.iter().position(|one| Some(one.tag) == tag) {
                        ended[flying.swap_remove(at).index] = Some(completed);
                    }
                }
                Step::Continue(_) => {
                    return Err(ImapError::protocol(format!(
                        "the server asks for more during {}",
                        commands.first().map_or("a command", |command| command.name)
                    )));
                }
            }
        }
        Ok(ended.into_iter().flatten().collect())
    }
}

/// Whether the command may be sent now. One that has to ask before a literal goes alone: its `+` must be its own.
fn has_room(flying: &[Flying], command: &Command) -> bool {
    let bytes: usize = flying.iter().map(|one| one.bytes).sum();
    flying.is_empty()
        || (command.parts.len() == 1
            && flying.len() < WINDOW
            && bytes + size(command) <= WINDOW_BYTES)
}

fn size(command: &Command) -> usize {
    command.parts.iter().map(Vec::len).sum()
}
