//! Marks for deletion: DELE, alone or many ahead of their answers, and RSET. Only QUIT deletes.

use crate::error::Pop3Error;
use crate::limits::PIPELINED_COMMANDS;
use crate::session::Session;

const WHAT_DELE: &str = "the answer to DELE";

impl Session {
    /// Marks a message for deletion. It is deleted when [`Session::quit`] says so, and not if the connection is lost before.
    ///
    /// # Errors
    /// [`Pop3Error::Refused`] and those of the connection.
    pub async fn dele(&mut self, number: u32) -> Result<(), Pop3Error> {
        self.command("DELE", &format!("DELE {number}"), WHAT_DELE)
            .await
            .map(drop)
    }

    /// Marks many messages for deletion, ahead of the answers where the server offers PIPELINING. Returns those that the
    /// server would not mark.
    ///
    /// # Errors
    /// Those of the connection; nothing is deleted then.
    pub async fn dele_all(&mut self, numbers: &[u32]) -> Result<Vec<u32>, Pop3Error> {
        let window = if self.capabilities.pipelining {
            PIPELINED_COMMANDS
        } else {
            1
        };
        let mut refused = Vec::new();
        for ahead in numbers.chunks(window) {
            self.begin()?;
            let lines: String = ahead
                .iter()
                .map(|number| format!("DELE {number}\r\n"))
                .collect();
            self.wire
                .write_lines(&lines, None, self.limits.command, WHAT_DELE)
                .await?;
            for number in ahead {
                if !self.answer(WHAT_DELE).await?.ok {
                    refused.push(*number);
                }
            }
            self.end();
        }
        Ok(refused)
    }

    /// Takes all marks for deletion back.
    ///
    /// # Errors
    /// [`Pop3Error::Refused`] and those of the connection.
    pub async fn rset(&mut self) -> Result<(), Pop3Error> {
        self.command("RSET", "RSET", "the answer to RSET")
            .await
            .map(drop)
    }
}
