use super::stream;
use crate::caller::Caller;
use crate::detection;
use crate::error::{ApiError, Result};
use crate::input::{Checks, Json, present};
use crate::proving;
use crate::routes::mailboxes::draft::Draft;
use crate::routes::mailboxes::input::{self, IncomingInput, OutgoingInput, Sides};
use crate::routes::mailboxes::{self, profile};
use crate::state::ApiState;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use connect::TestRequest;
use connect::detect::{Address, AddressError};
use model::access::Scope;
use model::mailbox::{Credentials, Kind, Mailbox, Owner};
use model::normalised::Normalised;
use model::report::{Report, Trigger};
use model::server_profile::ProfileLimits;
use model::{Secret, Timestamp};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// What to test: a mailbox, with other settings or its own; or settings that were never saved. The
/// whole body of `POST /v1/mailboxes` is taken too.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TestInput {
    /// The mailbox; what is left out below is taken from it.
    #[serde(default)]
    mailbox_id: Option<String>,
    /// The mail address.
    #[serde(default)]
    address: Option<String>,
    /// The receiving side; null: send only; left out, and without a mailbox: found from the address.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<IncomingInput>)]
    incoming: Option<Option<IncomingInput>>,
    /// The sending side; null: receive only; left out, and without a mailbox: found from the address.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<OutgoingInput>)]
    outgoing: Option<Option<OutgoingInput>>,
    /// The password of both sides, unless a side has its own.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Password, write_only)]
    password: Option<Secret>,
    /// The server profile that the servers come from.
    #[serde(default)]
    server_profile_id: Option<String>,
    /// Folders that must be there; left out: INBOX.
    #[serde(default)]
    monitored_folders: Option<Vec<String>>,
    /// Who gets a test message; left out: none is sent.
    #[serde(default)]
    test_recipient: Option<String>,
    /// Not used here.
    #[serde(default)]
    #[allow(dead_code, reason = "the body of POST /v1/mailboxes is taken as it is")]
    name: Option<String>,
    /// Not used here.
    #[serde(default)]
    #[allow(dead_code, reason = "as above")]
    kind: Option<Kind>,
    /// Unsaved settings: mail from this time on is counted, for the plan in `folders`; left out: all.
    #[serde(default)]
    fetch_since: Option<Timestamp>,
    /// Not used here.
    #[serde(default)]
    #[allow(dead_code, reason = "as above")]
    pop3_delete_after_days: Option<u32>,
    /// Whether nothing may be changed on the receiving server: a test message that came back stays there.
    #[serde(default)]
    read_only: bool,
    /// Not used here.
    #[serde(default)]
    #[allow(dead_code, reason = "as above")]
    size_limit: Option<i64>,
    /// Not used here.
    #[serde(default)]
    #[allow(dead_code, reason = "as above")]
    owner: Option<Owner>,
    /// Not used here.
    #[serde(default)]
    #[allow(dead_code, reason = "as above")]
    limits: ProfileLimits,
    /// Not used here.
    #[serde(default)]
    #[allow(dead_code, reason = "as above")]
    enable: Option<bool>,
}

/// A report, with what was put right in the settings.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct TestReport {
    #[serde(flatten)]
    report: Report,
    /// What was typed in one way and understood in another.
    normalised: Vec<Normalised>,
}

/// Makes a connection report. `Accept: text/event-stream` streams `step` events and a last `report`.
#[utoipa::path(post, path = "/v1/connection-tests", tag = "connection-tests", request_body = TestInput,
    responses((status = 201, body = TestReport)))]
pub(crate) async fn create_connection_test(
    caller: Caller,
    State(state): State<ApiState>,
    headers: HeaderMap,
    Json { mut value, .. }: Json<TestInput>,
) -> Result<Response> {
    caller.need(Scope::Manage)?;
    let mut put_right = Vec::new();
    let mut checks = Checks::default();
    if let Some(typed) = value.test_recipient.take() {
        match recipient(&typed) {
            Ok((read, because)) => {
                put_right.extend(because);
                value.test_recipient = Some(read);
            }
            Err(error) => checks.refuse("/test_recipient", error.to_string()),
        }
    }
    let recipient = value.test_recipient.clone();
    let mailbox = match &value.mailbox_id {
        Some(id) => Some(mailboxes::visible(&state, &caller, id).await?),
        None => None,
    };
    let own_settings = value.incoming.is_none()
        && value.outgoing.is_none()
        && value.password.is_none()
        && value.address.is_none()
        && value.server_profile_id.is_none()
        && value.monitored_folders.is_none();
    let (on_step, steps) = proving::steps();
    match mailbox {
        Some(mailbox) if own_settings => {
            checks.end()?;
            proving::admit(&state, &caller)?;
            let report = async move {
                let trigger = Trigger::Button;
                let proven = proving::prove(&state, &mailbox, recipient, trigger, on_step).await;
                let report = proven?.report;
                Ok(TestReport {
                    report,
                    normalised: put_right,
                })
            };
            stream::answer(&headers, StatusCode::CREATED, steps, report).await
        }
        mailbox => {
            if mailbox.is_none() {
                caller.need_all_mailboxes()?;
            }
            let stored = match &mailbox {
                Some(mailbox) => store::mailboxes::credentials_of(&state.store, mailbox).await?,
                None => Credentials::default(),
            };
            let who = (&state, &caller);
            let (request, mut normalised) =
                checked(who, value, mailbox.as_ref(), stored, checks).await?;
            normalised.extend(put_right);
            proving::admit(&state, &caller)?;
            let report = async move {
                let report = proving::run(&state, request, on_step).await?;
                Ok(TestReport { report, normalised })
            };
            stream::answer(&headers, StatusCode::CREATED, steps, report).await
        }
    }
}

/// Whom the test message goes to, without what stood around it. A machine of one's own needs no dot in its name.
fn recipient(typed: &str) -> std::result::Result<(String, Option<Normalised>), AddressError> {
    match Address::read(typed) {
        Ok(address) => {
            let put_right = address.normalised("/test_recipient", typed);
            Ok((address.whole, put_right))
        }
        Err(_) if is_local(typed) => Ok((typed.to_owned(), None)),
        Err(error) => Err(error),
    }
}

/// Such as `ann@localhost`, `ann@mail-1` and `ann@[192.0.2.1]`.
fn is_local(typed: &str) -> bool {
    let Some((local, domain)) = typed.split_once('@') else {
        return false;
    };
    let fits = |c: char| c.is_ascii_graphic() && !matches!(c, '<' | '>' | '"' | ',' | ';');
    if local.is_empty() || !local.chars().all(fits) {
        return false;
    }
    let label = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let in_brackets = domain
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    match in_brackets {
        Some(address) => address
            .trim_start_matches("IPv6:")
            .parse::<IpAddr>()
            .is_ok(),
        None => !domain.is_empty() && domain.chars().all(label),
    }
}

/// Settings that are not saved. The report belongs to no mailbox: it proves nothing about the saved ones.
async fn checked(
    (state, caller): (&ApiState, &Caller),
    value: TestInput,
    mailbox: Option<&Mailbox>,
    stored: Credentials,
    mut checks: Checks,
) -> Result<(TestRequest, Vec<Normalised>)> {
    let address = value
        .address
        .or(mailbox.map(|mailbox| mailbox.address.clone()));
    let Some(address) = address else {
        return Err(ApiError::field(
            "/address",
            "must be given, or `mailbox_id`",
        ));
    };
    let (address, put_right) = detection::tidy(&address);
    checks.address("/address", &address);
    input::check_folders(&mut checks, value.monitored_folders.as_deref());
    let sides = Sides {
        incoming: value.incoming,
        outgoing: value.outgoing,
        password: value.password,
        profile: None,
    };
    let profile = value.server_profile_id.as_deref();
    let (settings, login) = match mailbox {
        None => {
            let draft = Draft::read(state, sides, profile, address.clone(), checks).await?;
            let draft = draft.noting(put_right);
            let settings = draft.complete(state, caller).await?.settings;
            let login = settings.logins();
            (settings, login)
        }
        Some(mailbox) => {
            let profile = match profile {
                Some(id) => Some(profile::named(state, id).await?),
                None => None,
            };
            let sides = Sides { profile, ..sides };
            let settings = sides.settle(&state.rules, &address, Some(mailbox), &mut checks);
            input::keep_secrets_home(mailbox, &stored, &settings, &mut checks);
            checks.end()?;
            let login = settings.logins_over(mailbox.login_formats);
            (settings, login)
        }
    };
    let old_folders = mailbox.and_then(|mailbox| mailbox.monitored_folders.clone());
    let old_incoming = mailbox.and_then(|mailbox| mailbox.incoming.clone());
    let old_outgoing = mailbox.and_then(|mailbox| mailbox.outgoing.clone());
    let request = TestRequest {
        count: Some(connect::Count {
            since: value.fetch_since,
        }),
        mailbox_id: None,
        address,
        incoming: settings.incoming.unwrap_or(old_incoming),
        outgoing: settings.outgoing.unwrap_or(old_outgoing),
        credentials: Credentials {
            incoming: settings.credentials.incoming.or(stored.incoming),
            outgoing: settings.credentials.outgoing.or(stored.outgoing),
        },
        login,
        monitored_folders: value.monitored_folders.or(old_folders).unwrap_or_default(),
        test_recipient: value.test_recipient,
        read_only: value.read_only || mailbox.is_some_and(|mailbox| mailbox.read_only),
        test_message_id: None,
        trigger: Trigger::Wizard,
    };
    Ok((request, settings.normalised))
}
