//! Postfix: submission in three security modes, sign-in through Dovecot, delivery by LMTP into Dovecot.
//!
//! Nothing leaves the machine: mail for any domain but the test domains is refused.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, UNIX_EPOCH};

use crate::Server;
use crate::certificates::Certificates;
use crate::dovecot::Mail;
use crate::machine::{Machine, Result, user};
use crate::{filter, policy};

/// Where Postfix listens.
pub struct Submission {
    /// STARTTLS.
    pub starttls: u16,
    /// Implicit TLS.
    pub tls: u16,
    /// No TLS at all.
    pub plain: u16,
}

/// The largest message that is accepted, in bytes (SIZE).
const MESSAGE_SIZE_LIMIT: u32 = 26_214_400;

/// Recipients of every domain that are refused or put off, so that results per recipient can be tested.
const RECIPIENT_RULES: &str = "\
/^refused[^@]*@/  550 5.1.1 This test user does not exist
/^full[^@]*@/     552 5.2.2 This test user's mailbox is full
/^later[^@]*@/    450 4.2.0 This test user is greylisted, come back later
";

/// Recipients who are taken and then not delivered to for a while, so that there are notices of delay.
const TRANSPORT_RULES: &str = "/^slow[^@]*@/  lmtp:inet:127.0.0.1:1\n";

/// Where our own helpers listen.
struct Helpers {
    /// Greylisting.
    policy: u16,
    /// The content filter.
    filter: u16,
}

/// Writes the configuration and starts Postfix's master process.
pub fn start(
    machine: &Machine,
    certificates: &Certificates,
    mail: &Mail,
) -> Result<(Server, Submission)> {
    let dir = machine.folder("postfix")?;
    let etc = machine.folder("postfix/etc")?;
    let submission = Submission {
        starttls: machine.port()?,
        tls: machine.port()?,
        plain: machine.port()?,
    };
    make_queue(machine)?;
    fs::write(etc.join("recipients"), RECIPIENT_RULES)?;
    // A sender belongs to the user of the same address, with or without "+detail".
    fs::write(
        etc.join("senders"),
        "/^([^+@]+)(\\+[^@]*)?@(.+)$/ ${1}@${3}\n",
    )?;
    fs::write(etc.join("transports"), TRANSPORT_RULES)?;
    let helpers = Helpers {
        policy: policy::start(machine)?,
        filter: filter::start(machine)?,
    };
    write_aged(
        &etc.join("main.cf"),
        &main_cf(&dir, &etc, certificates, mail, &helpers),
    )?;
    write_aged(
        &etc.join("master.cf"),
        &master_cf(&submission, mail.own_mail),
    )?;
    let daemons = command_output("postconf", &["-dh", "daemon_directory"])?;
    // "-d": stay in the foreground. The wrapper's checks of a whole installation are not needed here.
    let mut command = Command::new(Path::new(daemons.trim()).join("master"));
    command.arg("-c").arg(&etc).arg("-d");
    let server = machine.spawn("postfix", "-TERM", &mut command)?;
    Ok((server, submission))
}

/// Postfix waits up to two seconds for an editor that may still be writing a file younger than that.
fn write_aged(path: &Path, text: &str) -> Result<()> {
    let mut file = fs::File::create(path)?;
    file.write_all(text.as_bytes())?;
    file.set_modified(UNIX_EPOCH + Duration::from_secs(1_600_000_000))?;
    Ok(())
}

/// The queue's directories with the owners that Postfix insists on.
fn make_queue(machine: &Machine) -> Result<()> {
    let (postfix, _) = user("postfix")?;
    let postdrop = group("postdrop")?;
    let data = machine.folder("postfix/data")?;
    chown(&data, Some(postfix), None)?;
    fs::set_permissions(&data, fs::Permissions::from_mode(0o700))?;
    let queue = machine.folder("postfix/queue")?;
    machine.folder("postfix/queue/pid")?;
    let owned = [
        "active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "private",
        "saved", "trace",
    ];
    for name in owned {
        let path = queue.join(name);
        fs::create_dir_all(&path)?;
        chown(&path, Some(postfix), None)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700))?;
    }
    for (name, mode) in [("maildrop", 0o1730), ("public", 0o2710)] {
        let path = queue.join(name);
        fs::create_dir_all(&path)?;
        chown(&path, Some(postfix), Some(postdrop))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(mode))?;
    }
    Ok(())
}

fn main_cf(
    dir: &Path,
    etc: &Path,
    certificates: &Certificates,
    mail: &Mail,
    helpers: &Helpers,
) -> String {
    let Helpers { policy, filter } = helpers;
    let (dir, etc) = (dir.display(), etc.display());
    let lmtp = mail.lmtp;
    let auth_socket = mail.auth_socket.display();
    let certificate = certificates.good.certificate.display();
    let key = certificates.good.key.display();
    format!(
        "
compatibility_level = 3.6
queue_directory = {dir}/queue
data_directory = {dir}/data
# Who hands over more than is delivered meanwhile is not made to wait a second for each message.
in_flow_delay = 0s
maillog_file = {dir}/log
maillog_file_prefixes = {dir}
myhostname = mail.test.local
mydestination =
mynetworks =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
alias_maps =
alias_database =
local_recipient_maps =
smtputf8_enable = yes

# Delivery: into Dovecot, or not at all.
virtual_mailbox_domains = example.test, other.test, split.test
virtual_transport = lmtp:inet:127.0.0.1:{lmtp}
default_transport = error:5.7.1 nothing leaves the test servers
relay_transport = error:5.7.1 nothing leaves the test servers
local_transport = error:5.7.1 nobody lives here
recipient_delimiter = +
message_size_limit = {MESSAGE_SIZE_LIMIT}
virtual_mailbox_limit = 0
lmtp_destination_concurrency_limit = 50
minimal_backoff_time = 2s
queue_run_delay = 2s
in_flow_delay = 0
transport_maps = regexp:{etc}/transports
delay_warning_time = 1s

# Greylisting and the content filter.
smtpd_policy_service_request_limit = 0
smtpd_milters = inet:127.0.0.1:{filter}
milter_default_action = tempfail
milter_protocol = 6

# Sign-in through Dovecot.
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = {auth_socket}
smtpd_sasl_security_options = noanonymous
smtpd_sender_login_maps = regexp:{etc}/senders
smtpd_sender_restrictions = reject_sender_login_mismatch
smtpd_relay_restrictions = permit_sasl_authenticated, reject
smtpd_recipient_restrictions = reject_unauth_destination, check_recipient_access regexp:{etc}/recipients, check_policy_service inet:127.0.0.1:{policy}, permit_sasl_authenticated, reject
smtpd_tls_chain_files = {key}, {certificate}
smtpd_tls_mandatory_protocols = >=TLSv1.2
smtpd_tls_session_cache_database =
tls_random_source = dev:/dev/urandom

# One machine plays every client: no limits per client, no punishment.
smtpd_error_sleep_time = 0
smtpd_soft_error_limit = 1000
smtpd_hard_error_limit = 1000
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
smtpd_client_auth_rate_limit = 0
smtpd_peername_lookup = no
default_process_limit = 200
max_idle = 600s
"
    )
}

fn master_cf(submission: &Submission, own_mail: u16) -> String {
    let Submission {
        starttls,
        tls,
        plain,
    } = submission;
    format!(
        "
127.0.0.1:{starttls} inet n - n - - smtpd
  -o smtpd_tls_security_level=encrypt
  -o smtpd_tls_auth_only=yes
127.0.0.1:{tls} inet n - n - - smtpd
  -o smtpd_tls_wrappermode=yes
  -o smtpd_tls_security_level=encrypt
127.0.0.1:{plain} inet n - n - - smtpd
  -o smtpd_tls_security_level=none
127.0.0.1:{own_mail} inet n - n - - smtpd
  -o smtpd_tls_security_level=none
  -o smtpd_sasl_auth_enable=no
  -o smtpd_sender_restrictions=
  -o smtpd_relay_restrictions=permit_auth_destination,reject
  -o smtpd_recipient_restrictions=permit_auth_destination,reject
cleanup   unix n - n - 0   cleanup
qmgr      unix n - n 1 1   qmgr
tlsmgr    unix - - n 1000? 1 tlsmgr
rewrite   unix - - n - -   trivial-rewrite
bounce    unix - - n - 0   bounce
defer     unix - - n - 0   bounce
trace     unix - - n - 0   bounce
proxymap  unix - - n - -   proxymap
error     unix - - n - -   error
retry     unix - - n - -   error
lmtp      unix - - n - -   lmtp
anvil     unix - - n - 1   anvil
postlog   unix-dgram n - n - 1 postlogd
"
    )
}

fn command_output(program: &str, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .map_err(|e| format!("{program} does not start ({e}): run scripts/install-test-deps"))?;
    Ok(String::from_utf8(output.stdout)?)
}

fn group(name: &str) -> Result<u32> {
    let groups = fs::read_to_string("/etc/group")?;
    let line = groups
        .lines()
        .find(|line| line.split(':').next() == Some(name));
    let id = line.and_then(|line| line.split(':').nth(2));
    Ok(id
        .ok_or_else(|| format!("the machine has no group {name}: run scripts/install-test-deps"))?
        .parse()?)
}
