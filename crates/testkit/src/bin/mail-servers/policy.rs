//! Greylisting as a policy service of Postfix (SMTPD_POLICY_README): whoever writes to `greylisted...` for the first time is
//! asked to come back, and let in a second later.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use crate::forward;
use crate::machine::{Machine, Result};

/// How soon somebody who comes back is let in.
const WAIT: Duration = Duration::from_secs(1);
const ASK_AGAIN: &str = "DEFER_IF_PERMIT 4.2.0 Greylisted, come back in some seconds";
const GO_ON: &str = "DUNNO";

/// When each pair of sender and recipient was first seen.
type Seen = Arc<Mutex<HashMap<(String, String), Instant>>>;

/// Answers Postfix on the port that it gives back.
pub fn start(machine: &Machine) -> Result<u16> {
    let (port, listener) = forward::listen(machine)?;
    let seen = Seen::default();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream, Arc::clone(&seen)));
        }
    });
    Ok(port)
}

/// Questions of lines `name=value`, each ended by an empty line, and one line back to each.
async fn answer(stream: TcpStream, seen: Seen) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut question = HashMap::new();
    let mut line = String::new();
    while stream.read_line(&mut line).await? > 0 {
        match line.trim_end().split_once('=') {
            Some((name, value)) => {
                question.insert(name.to_owned(), value.to_owned());
            }
            None => {
                let action = decide(&question, &seen);
                stream
                    .get_mut()
                    .write_all(format!("action={action}\n\n").as_bytes())
                    .await?;
                question.clear();
            }
        }
        line.clear();
    }
    Ok(())
}

fn decide(question: &HashMap<String, String>, seen: &Seen) -> &'static str {
    let word = |name: &str| question.get(name).cloned().unwrap_or_default();
    let pair = (word("sender"), word("recipient"));
    if word("protocol_state") != "RCPT" || !pair.1.starts_with("greylisted") {
        return GO_ON;
    }
    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    let first = seen.entry(pair).or_insert_with(Instant::now);
    if first.elapsed() < WAIT {
        ASK_AGAIN
    } else {
        GO_ON
    }
}
