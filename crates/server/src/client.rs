//! The REST client behind the commands: they speak the public API and nothing else.
//!
//! The token is POSTROOM_TOKEN; without one, whoever may read the data directory may also make a token
//! there: a short-lived one for this one command, taken back at its end.

use crate::config::Config;
use crate::exit::{self, Exit, Failure};
use crate::sse;
use model::Secret;
use model::access::{COMMAND, Scope};
use reqwest::{Method, Response};
use serde_json::Value;
use std::time::Duration;
use store::Store;

/// Life of a token that a command makes for itself.
const OWN_TOKEN_MILLIS: i64 = 10 * 60_000;
/// How long the server may take to accept a connection.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// How long it may take to answer; a connection report takes 45 s at most.
const ANSWER_LIMIT: Duration = Duration::from_secs(120);
/// How long a file may take to be uploaded.
const UPLOAD_LIMIT: Duration = Duration::from_secs(3_600);
/// Largest answer that is read into memory as JSON.
const ANSWER_BYTES: usize = 256 * 1024 * 1024;
/// Items asked for at once when a list is read to its end.
const PAGE: usize = 200;

/// A client with a token.
pub struct Client {
    http: reqwest::Client,
    base: String,
    token: Secret,
    own: Option<(Store, String)>,
}

/// Query parameters; those without a value are left out.
pub type Query<'a> = &'a [(&'a str, Option<String>)];

impl Client {
    /// Finds the server and a token for it.
    ///
    /// # Errors
    /// There is no token, and none can be made.
    pub async fn open(config: &Config, url: Option<&str>) -> Result<Self, Failure> {
        let named = url
            .map(str::to_owned)
            .or_else(|| std::env::var("POSTROOM_URL").ok().filter(|u| !u.is_empty()));
        let base = match &named {
            Some(url) => url.clone(),
            None => crate::lifecycle::announced_url(config).unwrap_or_else(|| config.local_url()),
        };
        let base = base.trim_end_matches('/').to_owned();
        let http = build(config)?;
        let mut own = None;
        let token = match std::env::var("POSTROOM_TOKEN")
            .ok()
            .filter(|t| !t.is_empty())
        {
            Some(token) => Secret::new(token),
            None => {
                let (store, id, token) = own_token(config, &base, named.is_some()).await?;
                own = Some((store, id));
                token
            }
        };
        Ok(Self {
            http,
            base,
            token,
            own,
        })
    }

    /// Whether the token is of this command alone, made on the server's machine: what belongs to it belongs to nobody afterwards.
    pub const fn is_of_one_command(&self) -> bool {
        self.own.is_some()
    }

    /// GET.
    ///
    /// # Errors
    /// The server is away or refuses.
    pub async fn get(&self, path: &str, query: Query<'_>) -> Result<Value, Failure> {
        self.json(Method::GET, path, query, None).await
    }

    /// POST.
    ///
    /// # Errors
    /// The server is away or refuses.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        self.json(Method::POST, path, &[], Some(body)).await
    }

    /// POST that, with a key, is done once however often it is repeated.
    ///
    /// # Errors
    /// The server is away or refuses.
    pub async fn post_once(
        &self,
        path: &str,
        body: &Value,
        key: Option<&str>,
    ) -> Result<Value, Failure> {
        let mut request = self
            .request(Method::POST, path, &[])?
            .timeout(ANSWER_LIMIT)
            .json(body);
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        self.answer(request).await
    }

    /// Uploads a file, a piece at a time.
    ///
    /// # Errors
    /// The server is away or refuses.
    pub async fn upload(
        &self,
        filename: &str,
        content_type: &str,
        file: tokio::fs::File,
        length: Option<u64>,
    ) -> Result<Value, Failure> {
        let query = [("filename", Some(filename.to_owned()))];
        let mut request = self
            .request(Method::POST, "/v1/uploads", &query)?
            .timeout(UPLOAD_LIMIT)
            .header("content-type", content_type)
            .body(file);
        if let Some(length) = length {
            request = request.header("content-length", length);
        }
        self.answer(request).await
    }

    /// PATCH.
    ///
    /// # Errors
    /// The server is away or refuses.
    pub async fn patch(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        self.json(Method::PATCH, path, &[], Some(body)).await
    }

    /// DELETE.
    ///
    /// # Errors
    /// The server is away or refuses.
    pub async fn delete(&self, path: &str) -> Result<Value, Failure> {
        self.json(Method::DELETE, path, &[], None).await
    }

    /// A list to its end, or to `limit` items, as one page.
    ///
    /// # Errors
    /// The server is away or refuses.
    pub async fn list(&self, path: &str, query: Query<'_>, limit: usize) -> Result<Value, Failure> {
        let mut data = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let mut query = query.to_vec();
            query.push(("limit", Some(PAGE.min(limit - data.len()).to_string())));
            if cursor.is_some() {
                query.push(("cursor", cursor));
            }
            let page = self.get(path, &query).await?;
            let rows = crate::output::rows(&page);
            let empty = rows.is_empty();
            data.extend(rows.iter().cloned());
            cursor = page["next_cursor"].as_str().map(str::to_owned);
            if cursor.is_none() || data.len() >= limit || empty {
                return Ok(serde_json::json!({ "data": data, "next_cursor": cursor }));
            }
        }
    }

    /// The bytes of an answer, piece by piece into `take`.
    ///
    /// # Errors
    /// The server is away or refuses, or `take` fails.
    pub async fn bytes(
        &self,
        path: &str,
        mut take: impl FnMut(&[u8]) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let request = self.request(Method::GET, path, &[])?;
        let mut response = refused(self.send(request).await?).await?;
        while let Some(chunk) = response.chunk().await.map_err(|e| self.broken(&e))? {
            take(&chunk)?;
        }
        Ok(())
    }

    /// A stream of events; `take` says whether it wants more.
    ///
    /// # Errors
    /// The server is away, refuses, or breaks off before `take` has had enough.
    pub async fn events(
        &self,
        method: Method,
        path: &str,
        query: Query<'_>,
        body: Option<&Value>,
        mut take: impl FnMut(sse::Event) -> Result<bool, Failure>,
    ) -> Result<(), Failure> {
        let mut request = self
            .request(method, path, query)?
            .header("accept", "text/event-stream");
        if let Some(body) = body {
            request = request.json(body);
        }
        let mut response = refused(self.send(request).await?).await?;
        let mut parser = sse::Parser::default();
        while let Some(chunk) = response.chunk().await.map_err(|e| self.broken(&e))? {
            let Some(events) = parser.push(&chunk) else {
                return Err(Failure::new(
                    Exit::Unexpected,
                    "the server sent an event without end",
                ));
            };
            for event in events {
                if !take(event)? {
                    return Ok(());
                }
            }
        }
        Err(Failure::new(
            Exit::Network,
            "the server closed the line before it had said all",
        ))
    }

    /// POST whose answer may stream the steps of a connection report: each goes to `on_step`. Gives the
    /// last document: the report, or whatever the server answers.
    ///
    /// # Errors
    /// The server is away or refuses.
    pub async fn post_with_steps(
        &self,
        path: &str,
        body: &Value,
        mut on_step: impl FnMut(&model::report::Step),
    ) -> Result<Value, Failure> {
        let request = self
            .request(Method::POST, path, &[])?
            .header("accept", "text/event-stream, application/json;q=0.9")
            .timeout(ANSWER_LIMIT)
            .json(body);
        let mut response = refused(self.send(request).await?).await?;
        let kind = response
            .headers()
            .get("content-type")
            .and_then(|v| v.to_str().ok());
        if !kind.is_some_and(|kind| kind.starts_with("text/event-stream")) {
            let text = limited(response).await.map_err(|e| self.broken(&e))?;
            return Ok(serde_json::from_slice(&text).unwrap_or(Value::Null));
        }
        let mut parser = sse::Parser::default();
        let mut last = None;
        while let Some(chunk) = response.chunk().await.map_err(|e| self.broken(&e))? {
            for event in parser.push(&chunk).unwrap_or_default() {
                let document: Value = serde_json::from_str(&event.data).unwrap_or(Value::Null);
                match event.name.as_str() {
                    "step" => {
                        if let Ok(step) = serde_json::from_value(document) {
                            on_step(&step);
                        }
                    }
                    "problem" => return Err(of_problem(500, document)),
                    _ => last = Some(document),
                }
            }
        }
        last.ok_or_else(|| {
            Failure::new(
                Exit::Network,
                "the server closed the line before it had said all",
            )
        })
    }

    /// Takes back a token that was made for this command.
    pub async fn close(self) {
        if let Some((store, id)) = self.own {
            // It runs out by itself, should this fail.
            let _ = store::access::revoke_token(&store, &id).await;
        }
    }

    async fn json(
        &self,
        method: Method,
        path: &str,
        query: Query<'_>,
        body: Option<&Value>,
    ) -> Result<Value, Failure> {
        let mut request = self.request(method, path, query)?.timeout(ANSWER_LIMIT);
        if let Some(body) = body {
            request = request.json(body);
        }
        self.answer(request).await
    }

    async fn answer(&self, request: reqwest::RequestBuilder) -> Result<Value, Failure> {
        let response = refused(self.send(request).await?).await?;
        let text = limited(response).await.map_err(|e| self.broken(&e))?;
        if text.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&text).map_err(|_| {
            Failure::new(
                Exit::Unexpected,
                format!("{} answered something that is not JSON", self.base),
            )
            .remedy("is this the address of a Postroom server?")
        })
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        query: Query<'_>,
    ) -> Result<reqwest::RequestBuilder, Failure> {
        let mut url = url::Url::parse(&format!("{}{path}", self.base)).map_err(|error| {
            Failure::usage(format!("{} is not a URL", self.base)).because(error)
        })?;
        for (name, value) in query {
            if let Some(value) = value {
                url.query_pairs_mut().append_pair(name, value);
            }
        }
        Ok(self
            .http
            .request(method, url)
            .bearer_auth(self.token.expose()))
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Result<Response, Failure> {
        request.send().await.map_err(|error| self.broken(&error))
    }

    fn broken(&self, error: &reqwest::Error) -> Failure {
        if error.is_timeout() {
            return Failure::new(
                Exit::TimedOut,
                format!("the server at {} did not answer in time", self.base),
            );
        }
        let mut cause: &dyn std::error::Error = error;
        while let Some(inner) = cause.source() {
            cause = inner;
        }
        Failure::new(
            Exit::Network,
            format!("no Postroom server answers at {}", self.base),
        )
        .because(cause)
        .remedy("start it with `postroom serve`, or name it with --url or POSTROOM_URL")
    }
}

/// A path with an id in it, which may be anything that was typed.
pub fn segment(id: &str) -> String {
    let mut url = String::with_capacity(id.len());
    for byte in id.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-') {
            url.push(char::from(byte));
        } else {
            url.push_str(&format!("%{byte:02X}"));
        }
    }
    url
}

fn build(config: &Config) -> Result<reqwest::Client, Failure> {
    let mut builder = reqwest::Client::builder()
        .connect_timeout(CONNECT_LIMIT)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .user_agent(concat!("postroom/", env!("CARGO_PKG_VERSION")));
    if let Some(path) = &config.extra_ca_file {
        let unusable = |error: &dyn std::fmt::Display| {
            Failure::configuration(format!("{} cannot be used", path.display())).because(error)
        };
        let pem = std::fs::read(path).map_err(|e| unusable(&e))?;
        for certificate in reqwest::Certificate::from_pem_bundle(&pem).map_err(|e| unusable(&e))? {
            builder = builder.add_root_certificate(certificate);
        }
    }
    builder
        .build()
        .map_err(|e| Failure::new(Exit::Unexpected, "no HTTP client can be made").because(e))
}

/// A token made directly in the store, for a server on this machine only: another one must not see it.
async fn own_token(
    config: &Config,
    base: &str,
    named: bool,
) -> Result<(Store, String, Secret), Failure> {
    let missing = || {
        Failure::new(Exit::Refused, "there is no token for the server")
            .remedy("make one on the server's machine with `postroom token create --name NAME --scope all`, then set POSTROOM_TOKEN")
    };
    if named && !is_local(base) && config.public_url.as_deref() != Some(base) {
        return Err(missing().because(format!(
            "POSTROOM_TOKEN is not set, and {base} is not this machine"
        )));
    }
    if !config.store.key_file.exists() {
        return Err(missing().because(format!(
            "POSTROOM_TOKEN is not set, and there is no store in {}",
            config.data_dir.display()
        )));
    }
    let store = crate::wire::open_store_beside(config).await?;
    let ends = store.now().plus_millis(OWN_TOKEN_MILLIS);
    let (token, secret) =
        store::access::create_token(&store, COMMAND, &[Scope::All], &[], Some(ends)).await?;
    Ok((store, token.id, secret))
}

fn is_local(base: &str) -> bool {
    let Ok(url) = url::Url::parse(base) else {
        return false;
    };
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

async fn limited(mut response: Response) -> Result<Vec<u8>, reqwest::Error> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if bytes.len() + chunk.len() > ANSWER_BYTES {
            break;
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// An answer that is not good, as a failure.
async fn refused(response: Response) -> Result<Response, Failure> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let text = limited(response).await.unwrap_or_default();
    let document = serde_json::from_slice(&text).unwrap_or(Value::Null);
    Err(of_problem(status.as_u16(), document))
}

/// A failure of a problem document (RFC 9457).
pub fn of_problem(status: u16, document: Value) -> Failure {
    let text = |pointer: &str| document.pointer(pointer).and_then(Value::as_str);
    let what =
        text("/title").map_or_else(|| format!("the server answered {status}"), str::to_owned);
    let mut why: Vec<String> = text("/detail").map(str::to_owned).into_iter().collect();
    for error in document["errors"].as_array().into_iter().flatten() {
        let place = error["pointer"].as_str().unwrap_or_default();
        let said = error["detail"].as_str().unwrap_or("not accepted");
        let line = format!("{place}: {said}");
        // A single mistake is in the detail already.
        if !why.contains(&line) {
            why.push(line);
        }
    }
    let exit = text("/code")
        .and_then(exit::of_problem_id)
        .unwrap_or_else(|| exit::of_status(status));
    Failure {
        exit,
        what,
        why: (!why.is_empty()).then(|| why.join("; ")),
        remedy: text("/remedy/text")
            .or_else(|| text("/remedy"))
            .map(str::to_owned),
        document: document.is_object().then_some(document.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_becomes_three_lines_and_its_exit_code() {
        let failure = of_problem(
            422,
            serde_json::json!({
                "title": "The request has fields that do not fit", "detail": "1 field", "code": "invalid_request",
                "errors": [{ "pointer": "/address", "detail": "no @" }], "remedy": { "text": "Correct it." },
            }),
        );
        assert_eq!(failure.exit, Exit::Usage);
        assert_eq!(failure.to_string().lines().count(), 3);
        assert!(failure.to_string().contains("/address: no @"));
        assert_eq!(of_problem(500, Value::Null).exit, Exit::Unexpected);
        assert_eq!(
            of_problem(502, serde_json::json!({ "code": "password_refused" })).exit,
            Exit::SignIn
        );
    }

    #[test]
    fn what_was_typed_as_an_id_stays_one_segment() {
        assert_eq!(segment("mbx_01"), "mbx_01");
        assert_eq!(segment("../x?y"), "%2E%2E%2Fx%3Fy");
    }

    #[test]
    fn a_token_of_its_own_is_for_this_machine_only() {
        assert!(is_local("http://127.0.0.1:8025"));
        assert!(is_local("http://[::1]:8025"));
        assert!(is_local("http://localhost:8025"));
        assert!(!is_local("http://127.0.0.1.evil.example"));
        assert!(!is_local("nonsense"));
    }
}
