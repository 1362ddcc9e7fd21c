//! Detection for a caller: counted, its mistakes in an address put right, and what is found filled into a mailbox whose
//! settings were left out.

use crate::caller::Caller;
use crate::error::{ApiError, FieldError, Result};
use crate::proving;
use crate::routes::mailboxes::input::Settings;
use crate::state::ApiState;
use connect::detect::{AddressError, DetectRequest, Profile};
use model::detection::{Candidate, Detection, PreparationId, Suggestion};
use model::normalised::Normalised;

/// What is kept of a typed address, in characters.
const NOTED: usize = 320;

/// An address without what people put around it, and the note that tells so.
pub(crate) fn tidy(typed: &str) -> (String, Option<Normalised>) {
    let (bare, because) = connect::detect::tidy(typed);
    let note = because
        .filter(|_| typed.trim() != bare)
        .map(|because| Normalised {
            pointer: "/address".to_owned(),
            was: Some(typed.chars().take(NOTED).collect()),
            became: Some(bare.clone()),
            because: because.to_owned(),
        });
    (bare, note)
}

/// Finds settings. What takes the network counts as a connection test of the caller's.
pub(crate) async fn run(
    state: &ApiState,
    caller: &Caller,
    request: DetectRequest,
) -> Result<Detection> {
    let malformed = |error: AddressError| refused(state, &request.address, error);
    if let Some(known) = state.detector.at_once(&request).map_err(malformed)? {
        return Ok(known);
    }
    proving::admit(state, caller)?;
    // The detector has a bound of its own: a search of seconds does not wait behind reports.
    let found = state.detector.detect(request.clone()).await;
    found.map_err(malformed)
}

/// What is no address, with the one that was probably meant.
fn refused(state: &ApiState, typed: &str, error: AddressError) -> ApiError {
    let mut field = FieldError::new("/address", error.to_string());
    if let Some(meant) = state.detector.suggestion(typed) {
        field.remedy = Some(did_you_mean(&meant));
        field.action = Some(format!("use_address:{}", meant.address));
    }
    ApiError::fields(vec![field])
}

fn did_you_mean(meant: &Suggestion) -> String {
    format!("Did you mean {} ({})?", meant.address, meant.provider)
}

/// Server profiles that detection may take.
pub(crate) async fn profiles(state: &ApiState, address: &str) -> Result<Vec<Profile>> {
    let all = store::server_profiles::all(&state.store).await?;
    let of = |profile| Profile::of(profile, address);
    Ok(all.into_iter().map(of).collect())
}

/// Fills in the sides of which nothing was said, and gives the candidate that they come from.
///
/// With one side given, the other may stay empty. A password goes only to servers that detection trusts: those that a
/// forged answer could have named are told to the caller, who may name them.
///
/// # Errors
/// 422, when neither side was given and nothing usable was found.
pub(crate) async fn fill(
    state: &ApiState,
    caller: &Caller,
    address: &str,
    settings: &mut Settings,
) -> Result<Option<Candidate>> {
    let nothing_said = settings.incoming.is_none() && settings.outgoing.is_none();
    let given =
        matches!(settings.incoming, Some(Some(_))) || matches!(settings.outgoing, Some(Some(_)));
    if settings.incoming.is_some() && settings.outgoing.is_some() {
        return Ok(None);
    }
    let request = DetectRequest {
        address: address.to_owned(),
        profiles: profiles(state, address).await?,
        ..DetectRequest::default()
    };
    let found = match run(state, caller, request).await {
        Ok(found) => found,
        Err(_) if given => return Ok(None),
        Err(error) => return Err(error),
    };
    let wanted = |candidate: &&Candidate| {
        candidate.trusted
            && (settings.incoming.is_some() || candidate.incoming.is_some())
            && (settings.outgoing.is_some() || candidate.outgoing.is_some() || nothing_said)
    };
    let Some(candidate) = found.candidates.iter().find(wanted).cloned() else {
        return if given {
            Ok(None)
        } else {
            Err(nothing_usable(&found))
        };
    };
    if settings.incoming.is_none() {
        settings.incoming = Some(candidate.incoming.clone());
    }
    if settings.outgoing.is_none() {
        settings.outgoing = Some(candidate.outgoing.clone());
    }
    Ok(Some(candidate))
}

/// Why the settings have to be given, and which ones might be right.
fn nothing_usable(found: &Detection) -> ApiError {
    let no_imap = found
        .preparation
        .iter()
        .find(|item| item.id == PreparationId::NoImap);
    if let Some(no_imap) = no_imap {
        return ApiError::field("/address", &no_imap.text);
    }
    let Some(doubtful) = found.best() else {
        if let Some(meant) = &found.suggestion {
            let detail = format!("no settings were found for {}", found.domain);
            let mut field = FieldError::new("/address", detail);
            field.remedy = Some(did_you_mean(meant));
            field.action = Some(format!("use_address:{}", meant.address));
            return ApiError::fields(vec![field]).called("settings_not_found");
        }
        let detail = format!("must be given: no settings were found for {}", found.domain);
        return ApiError::field("/incoming", detail).called("settings_not_found").remedy(
            "Give the settings of `incoming`, of `outgoing`, or of both; the provider's help pages have them.",
        );
    };
    let incoming = doubtful.incoming.as_ref().map(|side| &side.host);
    let outgoing = doubtful.outgoing.as_ref().map(|side| &side.host);
    let hosts: Vec<_> = incoming.into_iter().chain(outgoing).cloned().collect();
    let detail = format!(
        "must be given: {} was found, but {}",
        hosts.join(" and "),
        doubtful.because
    );
    ApiError::field("/incoming", detail).called("settings_unconfirmed").remedy(
        "If these servers are right, give them in `incoming` and `outgoing`; the password is sent to them only then.",
    )
}
