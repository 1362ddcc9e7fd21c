//! A proxy that minds what the client asks for: it cuts the line behind one command, or before its answer, or says OK to it and
//! does nothing. For IMAP without TLS.

use std::net::Ipv4Addr;
use std::sync::Arc;

use crate::rewriting::{Edit, Editor, literal};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

const BUFFER: usize = 16 * 1024;

/// What becomes of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// It passes, and so does its answer.
    Pass,
    /// It reaches the server, and the client's line is cut behind its last byte.
    CutBehind,
    /// It reaches the server, which has answered when the client's line is cut; the client has heard nothing of it.
    CutBeforeAnswer,
    /// It does not reach the server, and the client is told that it is done.
    OkAndNothing,
}

type Mind = Arc<dyn Fn(&str) -> Deed + Send + Sync>;

/// The proxy; gone when dropped.
pub struct MindingProxy {
    port: u16,
    _end: oneshot::Sender<()>,
}

impl MindingProxy {
    /// Starts a proxy in front of a port of 127.0.0.1. `mind` is asked about each command (its first line, without the tag);
    /// `edit` about each line of the server, as [`crate::Proxy::rewriting`] does.
    pub fn start(
        target_port: u16,
        mind: impl Fn(&str) -> Deed + Send + Sync + 'static,
        edit: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let (end, ended) = oneshot::channel();
        let (mind, edit): (Mind, Edit) = (Arc::new(mind), Arc::new(edit));
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(async {
                tokio::select! {
                    () = serve(listener, target_port, mind, edit) => {}
                    _ = ended => {}
                }
            });
        });
        Self { port, _end: end }
    }

    /// Where it listens, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }
}

async fn serve(listener: std::net::TcpListener, target_port: u16, mind: Mind, edit: Edit) {
    listener
        .set_nonblocking(true)
        .expect("a socket takes options");
    let listener = TcpListener::from_std(listener).expect("a listening socket");
    while let Ok((client, _)) = listener.accept().await {
        let (commands, editor) = (Commands::new(Arc::clone(&mind)), Editor::new(edit.clone()));
        tokio::spawn(async move {
            // Whoever ends the line ends it for both.
            let _ = connection(client, target_port, commands, editor).await;
        });
    }
}

async fn connection(
    mut client: TcpStream,
    target_port: u16,
    mut commands: Commands,
    mut editor: Editor,
) -> std::io::Result<()> {
    let mut server = TcpStream::connect((Ipv4Addr::LOCALHOST, target_port)).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (mut asked, mut said) = (vec![0; BUFFER], vec![0; BUFFER]);
    // The tag whose answer is kept from the client, and what the server said since.
    let mut kept: Option<(String, Vec<u8>)> = None;
    loop {
        tokio::select! {
            read = client.read(&mut asked) => {
                let read = read?;
                if read == 0 {
                    return Ok(());
                }
                for step in commands.feed(&asked[..read]) {
                    match step {
                        Step::Forward(bytes) => server.write_all(&bytes).await?,
                        Step::Answer(text) => client.write_all(text.as_bytes()).await?,
                        Step::Keep(tag) => kept = Some((tag, Vec::new())),
                        Step::Cut => {
                            drop(client);
                            // The server reads all of it, and then the end.
                            server.shutdown().await?;
                            while server.read(&mut said).await? > 0 {}
                            return Ok(());
                        }
                    }
                }
            }
            read = server.read(&mut said) => {
                let read = read?;
                if read == 0 {
                    return Ok(());
                }
                match &mut kept {
                    None => client.write_all(&editor.feed(&said[..read])).await?,
                    Some((tag, all)) => {
                        all.extend_from_slice(&said[..read]);
                        let answered = all.split(|byte| *byte == b'\n').any(|line| line.starts_with(tag.as_bytes()));
                        if answered {
                            return Ok(());
                        }
                    }
                }
            }
        }
    }
}

/// What the proxy does with what a client said.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    Forward(Vec<u8>),
    Answer(String),
    Keep(String),
    Cut,
}

/// The commands of one client, as far as they have come.
struct Commands {
    mind: Mind,
    /// The line that has no end yet.
    line: Vec<u8>,
    /// Octets of a literal that are still to come.
    literal: usize,
    /// The command that has no end yet: its tag (with a blank) and what becomes of it.
    current: Option<(String, Deed)>,
}

impl Commands {
    fn new(mind: Mind) -> Self {
        Self {
            mind,
            line: Vec::new(),
            literal: 0,
            current: None,
        }
    }

    fn feed(&mut self, mut bytes: &[u8]) -> Vec<Step> {
        let mut steps = Vec::new();
        while !bytes.is_empty() {
            if self.literal > 0 {
                let (part, rest) = bytes.split_at(self.literal.min(bytes.len()));
                self.forward(&mut steps, part);
                self.literal -= part.len();
                bytes = rest;
                continue;
            }
            let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else {
                self.line.extend_from_slice(bytes);
                break;
            };
            let (part, rest) = bytes.split_at(end + 1);
            self.line.extend_from_slice(part);
            bytes = rest;
            let line = std::mem::take(&mut self.line);
            self.take_line(&mut steps, &line);
        }
        steps
    }

    fn take_line(&mut self, steps: &mut Vec<Step>, line: &[u8]) {
        if self.current.is_none() {
            let text = String::from_utf8_lossy(line);
            let text = text.trim_end();
            // DONE, and what belongs to a sign-in, have no tag.
            self.current = Some(match text.split_once(' ') {
                Some((tag, command)) => (format!("{tag} "), (self.mind)(command)),
                None => (String::new(), Deed::Pass),
            });
        }
        self.forward(steps, line);
        self.literal = literal(line);
        if line.ends_with(b"}\r\n") {
            let waits = !line.ends_with(b"+}\r\n");
            if waits && matches!(self.current, Some((_, Deed::OkAndNothing))) {
                steps.push(Step::Answer("+ go on\r\n".to_owned()));
            }
            return;
        }
        match self.current.take() {
            Some((tag, Deed::OkAndNothing)) => {
                steps.push(Step::Answer(format!("{tag}OK done\r\n")));
            }
            Some((_, Deed::CutBehind)) => steps.push(Step::Cut),
            Some((tag, Deed::CutBeforeAnswer)) => {
                // Before the last line leaves, so that no answer can be faster.
                let last = steps.len() - 1;
                steps.insert(last, Step::Keep(tag));
            }
            Some((_, Deed::Pass)) | None => {}
        }
    }

    fn forward(&self, steps: &mut Vec<Step>, bytes: &[u8]) {
        if !matches!(self.current, Some((_, Deed::OkAndNothing))) {
            steps.push(Step::Forward(bytes.to_vec()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(deed: Deed, said: &[u8], size: usize) -> Vec<Step> {
        let mut commands = Commands::new(Arc::new(move |command: &str| {
            if command.starts_with("APPEND") {
                deed
            } else {
                Deed::Pass
            }
        }));
        let all = said.chunks(size).flat_map(|part| commands.feed(part));
        // What is forwarded counts as one piece.
        all.fold(Vec::new(), |mut all, step| {
            match (all.last_mut(), step) {
                (Some(Step::Forward(before)), Step::Forward(more)) => before.extend(more),
                (_, step) => all.push(step),
            }
            all
        })
    }

    #[test]
    fn a_command_with_a_literal_ends_behind_it_however_the_bytes_are_cut() {
        let said = b"A1 NOOP\r\nA2 APPEND Sent {9+}\r\nA3 NOOP\r\n\r\nDONE\r\n";
        for size in 1..said.len() {
            let nothing = steps(Deed::OkAndNothing, said, size);
            let wanted = [
                Step::Forward(b"A1 NOOP\r\n".to_vec()),
                Step::Answer("A2 OK done\r\n".to_owned()),
                Step::Forward(b"DONE\r\n".to_vec()),
            ];
            assert_eq!(nothing, wanted, "in pieces of {size}");
            let cut = steps(Deed::CutBehind, said, size);
            assert_eq!(cut[1], Step::Cut, "in pieces of {size}");
            let kept = steps(Deed::CutBeforeAnswer, said, size);
            assert_eq!(kept[1], Step::Keep("A2 ".to_owned()), "in pieces of {size}");
            assert_eq!(kept[2], Step::Forward(b"\r\nDONE\r\n".to_vec()));
        }
    }
}
