//! Cyrus: IMAP, POP3 and LMTP, unpacked and not installed, with a configuration and a spool of its own.

use std::fs;
use std::os::unix::fs::chown;
use std::path::Path;
use std::process::Command;

use testkit::{Brand, OtherServer};

use crate::Server;
use crate::certificates::Certificates;
use crate::machine::{Machine, Result, user};
use crate::sign_in;
use crate::unpacked::Unpacked;

/// A user that every Debian machine has; Cyrus refuses to work as root.
const USER: &str = "mail";

/// Writes the configuration and starts Cyrus.
pub fn start(
    machine: &Machine,
    certificates: &Certificates,
    unpacked: &Unpacked,
) -> Result<(Server, OtherServer)> {
    let dir = machine.folder("cyrus")?;
    let (uid, gid) = user(USER)?;
    for name in ["", "conf", "conf/db", "conf/socket", "run", "spool"] {
        let path = machine.folder(&format!("cyrus/{name}"))?;
        chown(&path, Some(uid), Some(gid))?;
    }
    let library_path = unpacked.library_path()?;
    let cyrus = OtherServer {
        imap_port: machine.port()?,
        imaps_port: machine.port()?,
        pop3_port: machine.port()?,
        pop3s_port: machine.port()?,
        lmtp_port: Some(machine.port()?),
        mail_root: dir.join("spool"),
        programs: unpacked.program("usr/lib/cyrus/bin"),
        library_path: library_path.clone(),
        uid,
        gid,
    };
    sign_in::for_cyrus(&dir.join("run/sign-in"), Brand::Cyrus.domain())?;
    let settings = dir.join("imapd.conf");
    fs::write(&settings, imapd_conf(&dir, certificates))?;
    let services = dir.join("cyrus.conf");
    fs::write(&services, cyrus_conf(&cyrus, &settings))?;
    let mut command = Command::new(cyrus.programs.join("master"));
    command
        .env("LD_LIBRARY_PATH", library_path)
        .arg("-C")
        .arg(&settings)
        .arg("-M")
        .arg(&services)
        .arg("-p")
        .arg(dir.join("run/pid"));
    let server = machine.spawn("cyrus", "-TERM", &mut command)?;
    Ok((server, cyrus))
}

/// Its databases are synced as in earnest: with skiplist_unsafe, processes at work at once see stale pages and abort.
fn imapd_conf(dir: &Path, certificates: &Certificates) -> String {
    let dir = dir.display();
    let domain = Brand::Cyrus.domain();
    let certificate = certificates.good.certificate.display();
    let key = certificates.good.key.display();
    format!(
        "
configdirectory: {dir}/conf
partition-default: {dir}/spool
proc_path: {dir}/run/proc
mboxname_lockpath: {dir}/run/lock
idlesocket: {dir}/run/idle
lmtpsocket: {dir}/run/lmtp
notifysocket: {dir}/run/notify
cyrus_user: {USER}
cyrus_group: {USER}
servername: mail.test.local
virtdomains: userid
defaultdomain: {domain}
# As Cyrus itself has it since 3.0: no prefix, and / between folders.
altnamespace: yes
unixhierarchysep: yes

allowplaintext: yes
sasl_mech_list: PLAIN LOGIN
sasl_pwcheck_method: saslauthd
sasl_saslauthd_path: {dir}/run/sign-in
tls_server_cert: {certificate}
tls_server_key: {key}
tls_session_timeout: 0

# Whoever signs in, or gets mail, has a mailbox from then on.
autocreate_quota: 0
autocreate_post: yes
autocreate_inbox_folders: Drafts | Sent | Junk | Trash | Archive
autocreate_subscribe_folders: Drafts | Sent | Junk | Trash | Archive
xlist-drafts: Drafts
xlist-sent: Sent
xlist-junk: Junk
xlist-trash: Trash
xlist-archive: Archive

# Tests deliver the same message twice, and look often.
duplicatesuppression: no
# A folder that is removed twice in a second would be kept twice under one name, which is refused.
delete_mode: immediate
popminpoll: 0
failedloginpause: 0
"
    )
}

fn cyrus_conf(cyrus: &OtherServer, settings: &Path) -> String {
    let service = |name: &str, port: u16, program: &str, options: &str, ready: u8| {
        format!(
            "  {name} cmd=\"{} -C {} {options}\" listen=\"127.0.0.1:{port}\" prefork={ready}\n",
            cyrus.programs.join(program).display(),
            settings.display()
        )
    };
    let alone = |program: &str| {
        format!(
            "{} -C {}",
            cyrus.programs.join(program).display(),
            settings.display()
        )
    };
    let services = [
        service("imap", cyrus.imap_port, "imapd", "", 1),
        service("imaps", cyrus.imaps_port, "imapd", "-s", 1),
        service("pop3", cyrus.pop3_port, "pop3d", "", 0),
        service("pop3s", cyrus.pop3s_port, "pop3d", "-s", 0),
        service(
            "lmtp",
            cyrus.lmtp_port.unwrap_or_default(),
            "lmtpd",
            "-a",
            0,
        ),
    ];
    format!(
        "START {{\n  recover cmd=\"{} -r\"\n}}\nSERVICES {{\n{}}}\nEVENTS {{\n}}\nDAEMON {{\n  idled cmd=\"{}\"\n}}\n",
        alone("ctl_cyrusdb"),
        services.concat(),
        alone("idled")
    )
}
