//! Every bound of the product in one place.

/// Messages in one transaction of the synchronisation.
pub const BATCH_MESSAGES: usize = 200;
/// Octets of raw messages in one batch; a larger message is a batch of its own.
pub const BATCH_BYTES: u64 = 8 * 1024 * 1024;
/// Largest message that is stored.
pub const MESSAGE_BYTES: u64 = 2 * 1024 * 1024 * 1024;
/// Largest message that is parsed as a whole; of a larger one the beginning is parsed.
pub const PARSE_BYTES: u64 = 64 * 1024 * 1024;
/// How much of a message larger than [`PARSE_BYTES`] is parsed.
pub const PARSE_HEAD_BYTES: u64 = 4 * 1024 * 1024;
/// Largest page of a list.
pub const PAGE_MAX: i64 = 500;
/// Page of a list when nothing else is asked.
pub const PAGE_DEFAULT: i64 = 50;
/// Largest JSON body of a request (attachments come in base64).
pub const REQUEST_BYTES: usize = 64 * 1024 * 1024;
/// Largest message that comes whole in a request.
pub const SUBMISSION_BYTES: usize = 48 * 1024 * 1024;
/// Largest outgoing message: a file of [`UPLOAD_BYTES`] in base64, with room for the text and a few pictures.
pub const OUTGOING_BYTES: u64 = 150 * 1024 * 1024;
/// Largest file that is uploaded.
pub const UPLOAD_BYTES: u64 = 100 * 1024 * 1024;
/// How long an uploaded file can be used.
pub const UPLOAD_MILLIS: i64 = 24 * 3_600_000;
/// Uploaded files of one caller that may wait.
pub const UPLOADS_KEPT: i64 = 1_000;
/// Their bytes, together.
pub const UPLOADS_BYTES: i64 = 2 * 1024 * 1024 * 1024;
/// Recipients of one submission.
pub const SUBMISSION_RECIPIENTS: usize = 500;
/// Tries to fetch a message that failed before only a person starts another.
pub const FAILURE_ATTEMPTS: i64 = 8;
/// Connection reports kept for each mailbox.
pub const REPORTS_KEPT: i64 = 50;
/// How long an idempotency key is kept.
pub const IDEMPOTENCY_MILLIS: i64 = 24 * 3_600_000;
/// How long a webhook delivery is tried.
pub const WEBHOOK_TRY_MILLIS: i64 = 3 * 24 * 3_600_000;
/// How long a submission is tried.
pub const SUBMISSION_TRY_MILLIS: i64 = 5 * 24 * 3_600_000;
/// How long events are kept.
pub const EVENTS_KEPT_MILLIS: i64 = 30 * 24 * 3_600_000;
/// Life of a mailbox lease without renewal.
pub const LEASE_MILLIS: i64 = 12_000;
/// Time between two renewals of the leases.
pub const LEASE_RENEW_MILLIS: i64 = 3_000;
