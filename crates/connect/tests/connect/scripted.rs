//! A server that answers line by line, for what the simulators do not do.

use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// What a line is answered with; none: the server hangs up.
pub type Answer = Option<String>;

/// The server, and the lines that it heard. It ends with the test.
pub struct Scripted {
    pub port: u16,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Scripted {
    /// Greets, and answers each line as the function says.
    pub async fn start(
        greeting: &'static str,
        answer: impl Fn(&str) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let lines = Arc::new(Mutex::new(Vec::new()));
        let (heard, answer) = (Arc::clone(&lines), Arc::new(answer));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (heard, answer) = (Arc::clone(&heard), Arc::clone(&answer));
                tokio::spawn(async move { talk(stream, greeting, &heard, &*answer).await });
            }
        });
        Self { port, lines }
    }

    /// The lines so far that begin with this word, behind a tag or not.
    pub fn heard(&self, word: &str) -> Vec<String> {
        let lines = self.lines.lock().unwrap();
        let these = lines
            .iter()
            .filter(|line| line.split(' ').take(2).any(|part| part == word));
        these.cloned().collect()
    }
}

async fn talk(
    stream: TcpStream,
    greeting: &str,
    heard: &Mutex<Vec<String>>,
    answer: &(dyn Fn(&str) -> Answer + Send + Sync),
) {
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader).lines();
    let _ = writer.write_all(format!("{greeting}\r\n").as_bytes()).await;
    while let Ok(Some(line)) = reader.next_line().await {
        heard.lock().unwrap().push(line.clone());
        match answer(&line) {
            Some(text) => {
                if writer.write_all(text.as_bytes()).await.is_err() {
                    return;
                }
            }
            None => return,
        }
    }
}

/// An IMAP server's answers: `sign_in` decides about LOGIN, the rest is as small as can be.
pub fn small_imap(
    capabilities: &'static str,
    sign_in: impl Fn(&str) -> Result<(), &'static str> + Send + Sync + 'static,
) -> impl Fn(&str) -> Answer + Send + Sync + 'static {
    move |line| {
        let (tag, command) = line.split_once(' ').unwrap_or((line, ""));
        let name = command.split(' ').next().unwrap_or_default().to_uppercase();
        let before = match name.as_str() {
            "CAPABILITY" => format!("* CAPABILITY {capabilities}\r\n"),
            "LIST" => "* LIST () \"/\" INBOX\r\n".to_owned(),
            "EXAMINE" => {
                "* 0 EXISTS\r\n* OK [UIDVALIDITY 1] .\r\n* OK [UIDNEXT 1] .\r\n".to_owned()
            }
            "LOGIN" => {
                return Some(match sign_in(command) {
                    Ok(()) => format!("{tag} OK in\r\n"),
                    Err(text) => format!("{tag} NO {text}\r\n"),
                });
            }
            "LOGOUT" => return None,
            _ => String::new(),
        };
        Some(format!("{before}{tag} OK done\r\n"))
    }
}
