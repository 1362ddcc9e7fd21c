//! Says who may sign in to Cyrus and Courier: everybody whose password is `secret-` and the local part of the address.
//!
//! Both servers ask a daemon over a Unix socket. These are the two daemons' protocols, so that no user has to be
//! registered anywhere: the one of saslauthd (Cyrus) and the one of authdaemond (Courier).

use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};

use crate::machine::{Machine, Result};

/// More than any question that a mail server asks.
const QUESTION_LIMIT: usize = 4096;

/// Answers Cyrus at this socket.
pub fn for_cyrus(socket: &Path, domain: &'static str) -> Result<()> {
    let listener = listen(socket)?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer_saslauthd(stream, domain));
        }
    });
    Ok(())
}

/// Answers Courier at this socket, and makes the Maildir of whoever signs in for the first time.
pub fn for_courier(
    machine: &Machine,
    socket: &Path,
    domain: &'static str,
    mail: &Path,
) -> Result<()> {
    let listener = listen(socket)?;
    let homes = Homes {
        root: mail.to_owned(),
        uid: machine.mail_uid,
        gid: machine.mail_gid,
    };
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer_authdaemond(stream, domain, homes.clone()));
        }
    });
    Ok(())
}

fn listen(socket: &Path) -> Result<UnixListener> {
    if let Some(above) = socket.parent() {
        fs::create_dir_all(above)?;
    }
    let listener = UnixListener::bind(socket)?;
    fs::set_permissions(socket, fs::Permissions::from_mode(0o777))?;
    Ok(listener)
}

fn is_welcome(user: &str, password: &str, domain: &str) -> bool {
    let (local, at) = user.split_once('@').unwrap_or((user, domain));
    at == domain && password == format!("secret-{local}")
}

/// Four counted strings (user, password, service, realm), and one back: `OK` or `NO`.
async fn answer_saslauthd(mut stream: UnixStream, domain: &str) -> io::Result<()> {
    let mut fields = Vec::new();
    for _ in 0..4 {
        let length = stream.read_u16().await?;
        let mut field = vec![0; usize::from(length)];
        stream.read_exact(&mut field).await?;
        fields.push(String::from_utf8_lossy(&field).into_owned());
    }
    let mut user = fields[0].clone();
    if !fields[3].is_empty() && !user.contains('@') {
        user = format!("{user}@{}", fields[3]);
    }
    let answer = if is_welcome(&user, &fields[1], domain) {
        "OK"
    } else {
        "NO"
    };
    stream.write_u16(answer.len() as u16).await?;
    stream.write_all(answer.as_bytes()).await
}

/// Lines `NAME=value`, then `AUTH <bytes>` and so many bytes: service, kind, user and password, a line each.
async fn answer_authdaemond(stream: UnixStream, domain: &str, homes: Homes) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    let length = loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        if let Some(length) = line.strip_prefix("AUTH ") {
            break length.trim().parse::<usize>().unwrap_or(0);
        }
    };
    let mut question = vec![0; length.min(QUESTION_LIMIT)];
    stream.read_exact(&mut question).await?;
    let question = String::from_utf8_lossy(&question).into_owned();
    let mut lines = question.lines().skip(1);
    let answer = match (lines.next(), lines.next(), lines.next()) {
        (Some("login"), Some(user), Some(password)) if is_welcome(user, password, domain) => {
            let home = homes.of(user)?;
            // No USERNAME: that would be a user of the machine.
            format!(
                "UID={}\nGID={}\nHOME={}\nADDRESS={user}\nMAILDIR=Maildir\n.\n",
                homes.uid,
                homes.gid,
                home.display()
            )
        }
        _ => "FAIL\n".to_owned(),
    };
    stream.write_all(answer.as_bytes()).await
}

/// Where Courier's users live.
#[derive(Clone)]
struct Homes {
    root: PathBuf,
    uid: u32,
    gid: u32,
}

impl Homes {
    /// The user's home with a Maildir in it.
    fn of(&self, user: &str) -> io::Result<PathBuf> {
        let home = self.root.join(user);
        let maildir = home.join("Maildir");
        for folder in ["cur", "new", "tmp"] {
            fs::create_dir_all(maildir.join(folder))?;
            chown(maildir.join(folder), Some(self.uid), Some(self.gid))?;
        }
        chown(&maildir, Some(self.uid), Some(self.gid))?;
        chown(&home, Some(self.uid), Some(self.gid))?;
        Ok(home)
    }
}
