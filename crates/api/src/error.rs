//! Failures as problem documents (RFC 9457). The words of each code come from the one catalogue of
//! problems; what the store says of itself stays inside.

use crate::trace;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use model::report::Report;
use serde::Serialize;
use std::time::Duration;
use store::StoreError;

/// The result of handlers.
pub type Result<T, E = ApiError> = std::result::Result<T, E>;

/// One field of the request that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct FieldError {
    /// JSON pointer (RFC 6901) into the body; for a parameter of the query, `/name`.
    pub pointer: String,
    /// What is wrong with it.
    pub detail: String,
    /// What to do about it, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// The correction, for a button: `use:465:tls`, `use_host:imap.example.com`, `swap_hosts`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
}

impl FieldError {
    /// A mistake whose correction is not known.
    pub fn new(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            pointer: pointer.into(),
            detail: detail.into(),
            remedy: None,
            action: None,
        }
    }
}

/// A mailbox that stands in the way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct InUseBy {
    /// `mbx_…`
    pub id: String,
    /// Its address.
    pub address: String,
}

/// The body of every error.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Problem {
    /// The page of this problem.
    #[serde(rename = "type")]
    pub kind: String,
    /// The problem in general.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// This occurrence.
    pub detail: String,
    /// The catalogue's id.
    pub code: String,
    /// The fields at fault.
    pub errors: Vec<FieldError>,
    /// What to do.
    pub remedy: String,
    /// The correction, for a button.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// Mailboxes that stand in the way: the first hundred.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub mailboxes: Vec<InUseBy>,
    /// Names this request in the logs.
    pub trace_id: String,
    /// The connection report behind it, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report_id: Option<String>,
}

/// A failure on its way out.
#[derive(Clone, Debug)]
pub struct ApiError(Box<Failure>);

#[derive(Clone, Debug)]
struct Failure {
    status: StatusCode,
    code: String,
    detail: String,
    errors: Vec<FieldError>,
    remedy: Option<String>,
    action: Option<String>,
    mailboxes: Vec<InUseBy>,
    retry_after: Option<u64>,
    report_id: Option<String>,
}

impl ApiError {
    /// A failure with a code of the catalogue.
    pub fn new(status: StatusCode, code: &str, detail: impl Into<String>) -> Self {
        Self(Box::new(Failure {
            status,
            code: code.to_owned(),
            detail: detail.into(),
            errors: Vec::new(),
            remedy: None,
            action: None,
            mailboxes: Vec::new(),
            retry_after: None,
            report_id: None,
        }))
    }

    /// 404: it is not there, or the caller may not see it; the two look the same.
    pub fn not_found(what: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not_found",
            format!("{what} was not found"),
        )
    }

    /// 422: one field is wrong.
    pub fn field(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::fields(vec![FieldError::new(pointer, detail)])
    }

    /// 422: these fields are wrong.
    pub fn fields(errors: Vec<FieldError>) -> Self {
        let detail = match errors.as_slice() {
            [one] => format!("{}: {}", one.pointer, one.detail),
            many => format!("{} fields are wrong", many.len()),
        };
        let mut error = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_request", detail);
        // With one correction there is one button; several are at their fields.
        error.0.remedy = errors.iter().find_map(|error| error.remedy.clone());
        error.0.action = errors.iter().find_map(|error| error.action.clone());
        error.0.errors = errors;
        error
    }

    /// The same as another problem of the catalogue, which says more than that a field is wrong.
    #[must_use]
    pub fn called(mut self, code: &str) -> Self {
        self.0.code = code.to_owned();
        self
    }

    /// The same, or another refusal where something was not found: what failed otherwise is said as it is.
    #[must_use]
    pub fn or_missing(self, missing: impl FnOnce() -> Self) -> Self {
        match self.0.status {
            StatusCode::NOT_FOUND => missing(),
            _ => self,
        }
    }

    /// Whether it is this field that is wrong.
    pub fn is_about(&self, pointer: &str) -> bool {
        self.0.errors.iter().any(|error| error.pointer == pointer)
    }

    /// Whether it is nobody's mistake, and the same may go well later: the store does not answer, or is full.
    pub fn passes(&self) -> bool {
        matches!(
            self.0.status,
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::INSUFFICIENT_STORAGE
        )
    }

    /// 403: whoever asks may not send as this.
    pub fn identity_not_allowed(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        let mut error = Self::field(pointer, detail).called("identity_not_allowed");
        error.0.status = StatusCode::FORBIDDEN;
        error
    }

    /// 409: these mailboxes use it.
    pub fn in_use(detail: impl Into<String>, mailboxes: Vec<InUseBy>) -> Self {
        let mut error = Self::new(StatusCode::CONFLICT, "in_use", detail);
        error.0.mailboxes = mailboxes;
        error
    }

    /// 400: one parameter of the query is wrong.
    pub fn parameter(name: &str, detail: impl Into<String>) -> Self {
        let mut error = Self::field(format!("/{name}"), detail);
        error.0.status = StatusCode::BAD_REQUEST;
        error
    }

    /// 401: nobody is signed in.
    pub fn unauthorized(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", detail)
    }

    /// 403: not allowed to this caller.
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", detail)
    }

    /// 409: the state does not allow it.
    pub fn conflict(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "conflict", detail)
    }

    /// 429: wait.
    pub fn rate_limited(detail: impl Into<String>, wait: Duration) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", detail)
            .retry_after(wait.as_secs().max(1))
    }

    /// 409: the settings were tested and do not work; in the words of the first step that failed.
    pub fn test_failed(report: &Report) -> Self {
        let failed = report
            .steps
            .iter()
            .find(|step| step.status == model::report::StepStatus::Fail);
        let code = failed.and_then(|step| step.problem_id.as_deref());
        let remedy = failed.and_then(|step| step.remedy.as_ref());
        let code = code.unwrap_or("conflict");
        let mut error = Self::new(StatusCode::CONFLICT, code, &report.summary);
        error.0.remedy = remedy.map(|remedy| remedy.text.clone());
        error.0.action = remedy.and_then(|remedy| remedy.action.clone());
        error.0.report_id = Some(report.id.clone());
        error
    }

    /// Adds the time to wait.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.0.retry_after = Some(seconds);
        self
    }

    /// Another remedy than the catalogue's.
    #[must_use]
    pub fn remedy(mut self, text: impl Into<String>) -> Self {
        self.0.remedy = Some(text.into());
        self
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// The problem document.
    pub fn problem(&self) -> Problem {
        let entry = connect::problems::find(&self.0.code);
        let general = |text: Option<&str>| text.unwrap_or_default().to_owned();
        let remedy = self.0.remedy.clone();
        Problem {
            kind: format!("/v1/problems/{}", self.0.code),
            title: general(entry.map(|entry| entry.title)),
            status: self.0.status.as_u16(),
            detail: self.0.detail.clone(),
            code: self.0.code.clone(),
            errors: self.0.errors.clone(),
            remedy: remedy.unwrap_or_else(|| {
                entry.map_or_else(String::new, |entry| entry.occurred(&[], None).remedy.text)
            }),
            action: self.0.action.clone(),
            mailboxes: self.0.mailboxes.clone(),
            trace_id: trace::id(),
            report_id: self.0.report_id.clone(),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self.problem()).unwrap_or_default();
        let mut response = (self.0.status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if let Some(seconds) = self.0.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.0.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound(what) => Self::not_found(what),
            StoreError::Conflict(detail) => Self::conflict(detail),
            StoreError::Refused {
                problem_id: "folder_name_invalid",
                detail,
            } => Self::field("/name", detail).called("folder_name_invalid"),
            StoreError::Refused { problem_id, detail } => {
                Self::new(StatusCode::CONFLICT, problem_id, detail)
            }
            StoreError::ReadOnly => {
                Self::new(StatusCode::CONFLICT, "mailbox_read_only", error.to_string())
            }
            StoreError::Fenced => Self::conflict("another node works on this mailbox now"),
            StoreError::Unavailable(_) => {
                tracing::warn!(%error, "the store is not available");
                Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "store_unavailable",
                    "the database or the store of messages does not answer now",
                )
                .retry_after(2)
            }
            StoreError::Full(_) => {
                tracing::error!(%error, "the store cannot be written");
                Self::new(
                    StatusCode::INSUFFICIENT_STORAGE,
                    "disk_full",
                    "the store cannot be written now; nothing was changed",
                )
                .retry_after(60)
            }
            StoreError::Corrupt(_) | StoreError::Setup(_) => {
                tracing::error!(%error, "the store failed");
                Self::internal()
            }
        }
    }
}

impl ApiError {
    /// 500: our own mistake. What it was is in the log, under the trace id.
    pub fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal_error",
            "Postroom made a mistake; the log has more under the trace id",
        )
    }
}

impl From<serde_json::Error> for ApiError {
    fn from(error: serde_json::Error) -> Self {
        tracing::error!(%error, "an answer could not be written as JSON");
        Self::internal()
    }
}
