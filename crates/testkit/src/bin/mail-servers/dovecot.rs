//! Dovecot: IMAP, POP3, LMTP, and the sign-in that Postfix asks.
//!
//! Variants (other certificates, fewer capabilities) are told apart by the local address of the
//! connection, 127.0.0.11 and so on; `forward.rs` leads to them from ports of 127.0.0.1.

use std::fs;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::Server;
use crate::certificates::{Certificates, Pair};
use crate::machine::{Machine, Result};

/// The address where the certificate is for another host.
pub const WRONG_NAME: &str = "127.0.0.11";
/// The address where the certificate has ended.
pub const EXPIRED: &str = "127.0.0.12";
/// The address where the certificate is from an unknown authority.
pub const UNTRUSTED: &str = "127.0.0.13";
/// The address with the capabilities of an old server.
pub const BASIC: &str = "127.0.0.14";
/// The address where nobody signs in before TLS.
pub const TLS_REQUIRED: &str = "127.0.0.15";

/// What an old server offers.
const BASIC_CAPABILITIES: &str = "IMAP4rev1 NAMESPACE UNSELECT";

/// Where Dovecot listens and what Postfix must know.
pub struct Mail {
    /// IMAP.
    pub imap: u16,
    /// IMAP with TLS.
    pub imaps: u16,
    /// POP3.
    pub pop3: u16,
    /// POP3 with TLS.
    pub pop3s: u16,
    /// LMTP.
    pub lmtp: u16,
    /// ManageSieve; none where Pigeonhole is not installed.
    pub sieve: Option<u16>,
    /// Where Postfix takes what Dovecot itself sends: answers of scripts.
    pub own_mail: u16,
    /// The socket where Postfix checks a sign-in.
    pub auth_socket: PathBuf,
    /// The users' mail.
    pub root: PathBuf,
    /// The key of access tokens.
    pub token_key: String,
}

/// Writes the configuration and starts Dovecot.
pub fn start(machine: &Machine, certificates: &Certificates) -> Result<(Server, Mail)> {
    check_version()?;
    let dir = machine.folder("dovecot")?;
    let root = machine.folder("mail")?;
    chown(&root, Some(machine.mail_uid), Some(machine.mail_gid))?;
    let mail = Mail {
        imap: machine.port()?,
        imaps: machine.port()?,
        pop3: machine.port()?,
        pop3s: machine.port()?,
        lmtp: machine.port()?,
        sieve: has_sieve().then(|| machine.port()).transpose()?,
        own_mail: machine.port()?,
        auth_socket: dir.join("auth-for-postfix"),
        root,
        token_key: "postroom tests sign their access tokens with this".to_owned(),
    };
    fs::write(dir.join("nobody"), "")?;
    write_token_key(&dir, &mail.token_key)?;
    let config = dir.join("dovecot.conf");
    let mut text = configuration(machine, certificates, &mail, &dir);
    if let Some(port) = mail.sieve {
        text.push_str(&sieve(port, mail.own_mail));
    }
    fs::write(&config, text)?;
    let server = machine.spawn(
        "dovecot",
        "-TERM",
        Command::new("dovecot").arg("-F").arg("-c").arg(&config),
    )?;
    Ok((server, mail))
}

/// Whether Pigeonhole is installed beside Dovecot.
fn has_sieve() -> bool {
    Path::new("/usr/lib/dovecot/managesieve").exists()
}

/// Scripts over incoming mail, and the server where users change them.
fn sieve(port: u16, own_mail: u16) -> String {
    format!(
        r"
protocols = $protocols sieve
submission_host = 127.0.0.1:{own_mail}
plugin {{
  sieve = file:~/sieve;active=~/.dovecot.sieve
  sieve_max_script_size = 64k
  sieve_quota_max_scripts = 5
}}
protocol lmtp {{
  mail_plugins = sieve
}}
service managesieve-login {{
  service_count = 0
  inet_listener sieve {{
    port = {port}
  }}
}}
service managesieve {{
  service_count = 256
}}
"
    )
}

/// The configuration language changed with 2.4.
fn check_version() -> Result<()> {
    let output = Command::new("dovecot").arg("--version").output();
    let output = output
        .map_err(|e| format!("Dovecot does not start ({e}): run scripts/install-test-deps"))?;
    let version = String::from_utf8_lossy(&output.stdout);
    if !version.starts_with("2.3.") {
        return Err(format!(
            "these tests are written for Dovecot 2.3 (Debian 12); this one is {version}"
        )
        .into());
    }
    Ok(())
}

/// Dovecot's local validation of access tokens reads the file `default/HS256/default`.
fn write_token_key(dir: &Path, key: &str) -> Result<()> {
    let keys = dir.join("keys/default/HS256");
    fs::create_dir_all(&keys)?;
    fs::write(keys.join("default"), STANDARD.encode(key))?;
    fs::write(
        dir.join("oauth2.conf"),
        format!(
            "introspection_mode = local\nlocal_validation_key_dict = fs:posix:prefix={}/keys/\nusername_attribute = email\n",
            dir.display()
        ),
    )?;
    Ok(())
}

fn configuration(
    machine: &Machine,
    certificates: &Certificates,
    mail: &Mail,
    dir: &Path,
) -> String {
    let dir = dir.display();
    let Mail {
        imap,
        imaps,
        pop3,
        pop3s,
        lmtp,
        ..
    } = mail;
    let (uid, gid) = (machine.mail_uid, machine.mail_gid);
    let auth_socket = mail.auth_socket.display();
    let root = mail.root.display();
    let good = tls(&certificates.good);
    let wrong_name = tls(&certificates.wrong_name);
    let expired = tls(&certificates.expired);
    let untrusted = tls(&certificates.untrusted);
    format!(
        r"
base_dir = {dir}/run
state_dir = {dir}/state
log_path = {dir}/log
instance_name = {dir}
protocols = imap pop3 lmtp
listen = 127.0.0.1, {WRONG_NAME}, {EXPIRED}, {UNTRUSTED}, {BASIC}, {TLS_REQUIRED}
shutdown_clients = yes
default_client_limit = 8000
default_process_limit = 4000
default_vsz_limit = 0
verbose_proctitle = no

ssl = yes
ssl_min_protocol = TLSv1.2
{good}

# --- who may sign in -------------------------------------------------------------------------
disable_plaintext_auth = no
auth_mechanisms = plain login scram-sha-256 scram-sha-1 xoauth2 oauthbearer
auth_username_format = %Lu
auth_failure_delay = 0
auth_default_realm = example.test
auth_verbose = yes
passdb {{
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = {dir}/oauth2.conf
}}
# Users of split.test have another password for each service (imap-ann, smtp-ann).
passdb {{
  driver = static
  username_filter = *@split.test
  args = password=%s-%n
}}
# Users named bounce-... exist for Postfix and are refused at delivery, which makes a bounce.
passdb {{
  driver = static
  username_filter = *@example.test *@other.test !bounce-*
  args = password=secret-%n
}}
# Whoever fits no rule above is unknown, and that is another answer than a broken server.
passdb {{
  driver = passwd-file
  args = {dir}/nobody
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={root}/%d/%n
}}

# --- mail ------------------------------------------------------------------------------------
first_valid_uid = 1
first_valid_gid = 1
mail_location = maildir:~/Maildir
mail_fsync = never
maildir_stat_dirs = no
maildir_very_dirty_syncs = no
lda_mailbox_autocreate = yes
recipient_delimiter = +
namespace inbox {{
  inbox = yes
  separator = /
  mailbox Drafts {{
    special_use = \Drafts
    auto = subscribe
  }}
  mailbox Sent {{
    special_use = \Sent
    auto = subscribe
  }}
  mailbox Junk {{
    special_use = \Junk
    auto = subscribe
  }}
  mailbox Trash {{
    special_use = \Trash
    auto = subscribe
  }}
  mailbox Archive {{
    special_use = \Archive
    auto = subscribe
  }}
}}
protocol imap {{
  mail_max_userip_connections = 10000
  mail_plugins = zlib imap_zlib
}}
protocol pop3 {{
  mail_max_userip_connections = 10000
}}

# --- where it listens ------------------------------------------------------------------------
service imap-login {{
  service_count = 0
  client_limit = 8000
  process_min_avail = 1
  process_limit = 2
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = {imaps}
    ssl = yes
  }}
}}
service imap {{
  process_limit = 4000
  process_min_avail = 4
  # Every user has the same number, so that a process can serve one after the other.
  service_count = 256
}}
service pop3-login {{
  service_count = 0
  client_limit = 8000
  inet_listener pop3 {{
    port = {pop3}
  }}
  inet_listener pop3s {{
    port = {pop3s}
    ssl = yes
  }}
}}
service pop3 {{
  service_count = 256
}}
service lmtp {{
  service_count = 256
  process_min_avail = 4
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {lmtp}
  }}
}}
service auth {{
  client_limit = 20000
  unix_listener {auth_socket} {{
    mode = 0666
  }}
}}
service anvil {{
  client_limit = 20000
  # Without this socket nobody is slowed down for what another test did from the same address.
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}

# --- variants --------------------------------------------------------------------------------
local {WRONG_NAME} {{
  {wrong_name}
}}
local {EXPIRED} {{
  {expired}
}}
local {UNTRUSTED} {{
  {untrusted}
}}
local {BASIC} {{
  protocol imap {{
    imap_capability = {BASIC_CAPABILITIES}
  }}
}}
local {TLS_REQUIRED} {{
  ssl = required
  disable_plaintext_auth = yes
}}
"
    )
}

fn tls(pair: &Pair) -> String {
    format!(
        "ssl_cert = <{}\n  ssl_key = <{}",
        pair.certificate.display(),
        pair.key.display()
    )
}
