//! Courier: IMAP and POP3, unpacked and not installed.
//!
//! Courier has paths compiled in, of which two matter: `/run/courier` with the sign-in socket, and the list of users.
//! Both are ours in a mount namespace of its own. A process namespace ends whatever Courier leaves behind (gamin's
//! server goes its own way). There is no delivery by LMTP: a delivery agent writes into the Maildir.

use std::fs;
use std::os::unix::fs::chown;
use std::path::Path;
use std::process::Command;

use testkit::{Brand, OtherServer};

use crate::Server;
use crate::certificates::Certificates;
use crate::machine::{Machine, Result};
use crate::sign_in;
use crate::unpacked::Unpacked;

/// Debian's own settings (`/etc/courier/imapd`), but for the capabilities' length and the limits per client.
const SETTINGS: &str = r#"
export IMAP_CAPABILITY="IMAP4rev1 UIDPLUS CHILDREN NAMESPACE THREAD=ORDEREDSUBJECT THREAD=REFERENCES SORT QUOTA IDLE"
export IMAP_KEYWORDS=1 IMAP_ACL=1 IMAP_PROXY=0 IMAP_PROXY_FOREIGN=0 IMAP_IDLE_TIMEOUT=60 IMAP_ENHANCEDIDLE=0
export IMAP_MAILBOX_SANITY_CHECK=1 IMAP_USELOCKS=1 IMAP_DISABLETHREADSORT=0 IMAP_CHECK_ALL_FOLDERS=0
export IMAP_OBSOLETE_CLIENT=0 IMAP_UMASK=022 IMAP_TRASHFOLDERNAME=Trash IMAP_EMPTYTRASH=Trash:7
export IMAP_MOVE_EXPUNGE_TO_TRASH=0 IMAP_TLS_REQUIRED=0 POP3AUTH="" POP3AUTH_TLS="" POP3_PROXY=0 POP3_TLS_REQUIRED=0
export MAILDIRPATH=Maildir TLS_VERIFYPEER=NONE
"#;

/// Starts Courier.
pub fn start(
    machine: &Machine,
    certificates: &Certificates,
    unpacked: &Unpacked,
) -> Result<(Server, OtherServer)> {
    let dir = machine.folder("courier")?;
    let run = machine.folder("courier/run")?;
    let mail_root = machine.folder("courier/mail")?;
    chown(&mail_root, Some(machine.mail_uid), Some(machine.mail_gid))?;
    let courier = OtherServer {
        imap_port: machine.port()?,
        imaps_port: machine.port()?,
        pop3_port: machine.port()?,
        pop3s_port: machine.port()?,
        lmtp_port: None,
        mail_root,
        programs: unpacked.program("usr/lib/courier"),
        library_path: unpacked.library_path()?,
        uid: machine.mail_uid,
        gid: machine.mail_gid,
    };
    sign_in::for_courier(
        machine,
        &run.join("courier/authdaemon/socket"),
        Brand::Courier.domain(),
        &courier.mail_root,
    )?;
    write_users(machine, &dir)?;
    // Courier wants certificate and key in one file.
    let good = &certificates.good;
    let both = [fs::read(&good.certificate)?, fs::read(&good.key)?].concat();
    fs::write(dir.join("certificate.pem"), both)?;
    let script = script(&dir, &courier, unpacked);
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "--propagation", "private"])
        .args(["--pid", "--fork", "--kill-child"])
        .args(["sh", "-e", "-c", &script])
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("LD_LIBRARY_PATH", &courier.library_path);
    // Killed, and with it every process of its namespace.
    let server = machine.spawn("courier", "-KILL", &mut command)?;
    Ok((server, courier))
}

/// The machine's users and one more: `courier` is what couriertls becomes, and gamin wants a name for the number that
/// works on the mail.
fn write_users(machine: &Machine, dir: &Path) -> Result<()> {
    let users = fs::read_to_string("/etc/passwd")?;
    let others = users.lines().filter(|line| !line.starts_with("courier:"));
    let mut users: Vec<String> = others.map(str::to_owned).collect();
    let (uid, gid) = (machine.mail_uid, machine.mail_gid);
    users.push(format!("courier:x:{uid}:{gid}::/nonexistent:/bin/false\n"));
    fs::write(dir.join("passwd"), users.join("\n"))?;
    Ok(())
}

/// What the start scripts of the packages do, for four ports.
fn script(dir: &Path, courier: &OtherServer, unpacked: &Unpacked) -> String {
    let daemon = |path: &str| unpacked.program(path).display().to_string();
    let (dir, log) = (dir.display(), dir.join("log").display().to_string());
    let tls = daemon("usr/bin/couriertls");
    let imap = format!(
        "{} {} Maildir",
        daemon("usr/lib/courier/courier/imaplogin"),
        daemon("usr/bin/imapd")
    );
    let pop3 = format!(
        "{0}/courierpop3login {0}/courierpop3d Maildir",
        daemon("usr/lib/courier/courier")
    );
    let listen = |environment: &str, port: u16, program: &str| {
        format!(
            "env {environment} {} -address=127.0.0.1 -maxprocs=1000 -maxperip=1000 -nodnslookup -noidentlookup \
             -stderr={log} {port} {program} &\n",
            daemon("usr/sbin/couriertcpd")
        )
    };
    let wrapped = |program: &str| format!("{tls} -server -tcpd -user=courier {program}");
    [
        format!("mount --bind {dir}/run /run\nmount --bind {dir}/passwd /etc/passwd\n"),
        SETTINGS.to_owned(),
        format!("export COURIERTLS={tls} TLS_CERTFILE={dir}/certificate.pem\n"),
        format!(
            "export GAMIN_DEBUG_SERVER={}\n",
            daemon("usr/libexec/gam_server")
        ),
        "umask 022\n".to_owned(),
        listen("IMAP_STARTTLS=YES", courier.imap_port, &imap),
        listen(
            "IMAP_STARTTLS=NO IMAP_TLS=1",
            courier.imaps_port,
            &wrapped(&imap),
        ),
        listen("POP3_STARTTLS=YES", courier.pop3_port, &pop3),
        listen(
            "POP3_STARTTLS=NO POP3_TLS=1",
            courier.pop3s_port,
            &wrapped(&pop3),
        ),
        "wait\n".to_owned(),
    ]
    .concat()
}
