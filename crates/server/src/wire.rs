//! The one file that knows every crate: it builds the parts and hands each what it needs.
//!
//! `store` is below everything; `sync`, `deliver` and `api` stand side by side and meet in its tables;
//! the supervisor runs what goes on in the background; the console is what answers outside the API.

use crate::config::Config;
use crate::exit::Failure;
use crate::housekeeping::Housekeeping;
use crate::metrics::Metrics;
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use connect::detect::Detector;
use connect::providers::Providers;
use connect::typed::Rules;
use mail_net::{Net, Policy, Timeouts, TlsSettings};
use model::Clock;
use runner::Supervisor;
use std::sync::Arc;
use store::Store;
use tokio_util::sync::CancellationToken;

/// The name of the one node of a store in SQLite.
const ALONE: &str = "local";
/// The name of commands that work on a store beside its server; it holds no leases.
const BESIDE: &str = "command";

/// Whether the store has one server by its nature.
pub const fn is_alone(config: &Config) -> bool {
    matches!(config.store.database, store::db::Location::Sqlite(_))
}

/// Opens the store as a server.
///
/// # Errors
/// It cannot be opened.
pub async fn open_store(config: &Config) -> Result<Store, Failure> {
    let clock = Clock::system();
    let store = if is_alone(config) {
        let store = open(config, ALONE, clock).await?;
        // The lock on the data directory proves that no other server is alive.
        store::leases::enter_alone(&store).await?;
        store
    } else {
        let node = model::fresh_id("nod", clock.now());
        open(config, &node, clock).await?
    };
    store.blobs.take_over(&store.db).await?;
    Ok(store)
}

/// Opens the store for a command, beside a server that may run.
///
/// # Errors
/// It cannot be opened.
pub async fn open_store_beside(config: &Config) -> Result<Store, Failure> {
    open(config, BESIDE, Clock::system()).await
}

async fn open(config: &Config, node: &str, clock: Clock) -> Result<Store, Failure> {
    let own = store::Config {
        node: node.to_owned(),
        ..config.store.clone()
    };
    let mut store = Store::open(&own, clock).await?;
    store.sending = config.sending.clone();
    store.drafts = config.drafts;
    Ok(store)
}

/// The way out to mail servers and webhooks: which addresses, whose certificates.
///
/// # Errors
/// The extra certificate authorities cannot be read.
pub fn network(config: &Config) -> Result<Net, Failure> {
    let pem = match &config.extra_ca_file {
        None => None,
        Some(path) => Some(std::fs::read(path).map_err(|error| {
            Failure::configuration(format!("{} cannot be read", path.display()))
                .because(error)
                .remedy("correct tls.extra_ca_file")
        })?),
    };
    let tls = TlsSettings::new(pem.as_deref()).map_err(|error| {
        Failure::configuration("the certificate authorities cannot be used").because(error)
    })?;
    let net = Net::new(policy(config), tls, Timeouts::default());
    Ok(if config.dns.is_empty() {
        net
    } else {
        net.using_dns(config.dns.clone())
    })
}

/// Which addresses and ports mail servers may have.
fn policy(config: &Config) -> Policy {
    Policy {
        allow: config.allow.clone(),
        mail_ports: config.mail_ports.clone(),
    }
}

/// What is known of providers: the built-in table and the administrator's file.
pub fn providers(config: &Config) -> Providers {
    Providers::new(config.providers_file.clone())
}

/// What may be typed as settings.
pub fn rules(config: &Config) -> Rules {
    Rules::new(policy(config), providers(config))
}

/// Finds settings for addresses; `directory` says whether the public directory may be asked.
///
/// # Errors
/// The HTTP client cannot be made.
pub fn detector(
    config: &Config,
    net: Net,
    providers: Providers,
    directory: bool,
) -> Result<Detector, Failure> {
    let options = connect::detect::Options {
        directory,
        ehlo_name: host_name(config),
        ..connect::detect::Options::default()
    };
    Detector::new(net, providers, Clock::system(), options).map_err(|error| {
        Failure::configuration("the HTTP client for detection cannot be made").because(error)
    })
}

/// The engine of connection reports.
pub fn engine(config: &Config, net: Net) -> connect::Engine {
    connect::recognise::know(providers(config));
    connect::Engine::new(net, Clock::system(), host_name(config))
}

/// How we introduce ourselves to sending servers: our public name, else the machine's.
fn host_name(config: &Config) -> String {
    let public = config
        .public_url
        .as_deref()
        .and_then(|url| url::Url::parse(url).ok());
    let public = public.and_then(|url| url.domain().map(str::to_owned));
    let machine = || {
        let name = rustix::system::uname()
            .nodename()
            .to_string_lossy()
            .into_owned();
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
        (!name.is_empty() && name.chars().all(fits)).then_some(name)
    };
    public
        .or_else(machine)
        .unwrap_or_else(|| "localhost".to_owned())
}

/// Everything that runs in the background, and the router for requests.
pub struct Parts {
    /// Ends the background work.
    pub supervisor: Supervisor,
    /// Answers requests.
    pub router: Router,
}

/// Puts the server together and starts its background work.
///
/// # Errors
/// A part cannot be started.
pub async fn start(
    config: &Config,
    store: &Store,
    metrics: Metrics,
    public_url: url::Url,
    stop: CancellationToken,
) -> Result<Parts, Failure> {
    let net = network(config)?;
    let engine = engine(config, net.clone());
    let providers = providers(config);
    let detector = detector(config, net.clone(), providers.clone(), config.directory)?;
    let supervisor = Supervisor::new(store.db.wakes().clone());
    let mut context = sync::Context::new(
        store.clone(),
        net.clone(),
        engine.clone(),
        sync::Timing {
            audit: config.audit,
            ..sync::Timing::default()
        },
    );
    context.compress = config.compress;
    supervisor.run("sync", move |stop| sync::roster::run(context, stop));
    supervisor.spawn("housekeeping", Housekeeping::new(store.clone()));
    deliver::spawn(
        &supervisor,
        store,
        &net,
        providers.clone(),
        Some(engine.clone()),
    )
    .await
    .map_err(|error| Failure::new(crate::exit::Exit::Unexpected, error.to_string()))?;
    let upkeep = metrics.clone();
    supervisor.run("metrics", move |stop| async move {
        tokio::select! {
            () = upkeep.upkeep() => {}
            () = stop.cancelled() => {}
        }
    });
    let for_page = store.clone();
    let router = api::router(api::Setup {
        store: store.clone(),
        reporter: Arc::new(engine),
        rules: rules(config),
        detector: Arc::new(detector),
        providers,
        public_url,
        shutdown: stop,
        // The page is asked for as a plain function; the gauges come from the database's own threads.
        metrics: Arc::new(move || {
            tokio::task::block_in_place(|| {
                tokio::runtime::Handle::current().block_on(metrics.render(&for_page))
            })
        }),
        fallback: Some(console_router()),
    });
    Ok(Parts { supervisor, router })
}

/// The console's files; every other path that a browser asks for is its first page.
fn console_router() -> Router {
    Router::new().fallback(console_page)
}

async fn console_page(request: Request) -> Response {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    let path = request.uri().path();
    let accept = request.headers().get(header::ACCEPT);
    let wants_page = accept
        .and_then(|value| value.to_str().ok())
        .is_some_and(|accept| accept.contains("text/html"));
    let asset = match console::asset(path) {
        Some(asset) => asset,
        // A missing file is missing; a deep link is the application's business.
        None if wants_page || !path.rsplit('/').next().unwrap_or_default().contains('.') => {
            console::index()
        }
        None => return StatusCode::NOT_FOUND.into_response(),
    };
    let mut response = Response::new(Body::from(asset.bytes.into_owned()));
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(asset.content_type),
    );
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(asset.csp),
    );
    let cache = if asset.immutable {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use tower::Service as _;

    async fn ask(method: Method, path: &str, accept: &str) -> Response {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::ACCEPT, accept)
            .body(Body::empty())
            .unwrap();
        console_router().call(request).await.unwrap()
    }

    #[tokio::test]
    async fn a_deep_link_is_the_first_page_and_a_missing_file_is_missing() {
        let page = ask(Method::GET, "/mailboxes/mbx_1", "text/html").await;
        assert_eq!(page.status(), StatusCode::OK);
        let policy = page.headers()[header::CONTENT_SECURITY_POLICY]
            .to_str()
            .unwrap();
        assert!(policy.contains("default-src 'none'"), "{policy}");
        let missing = ask(Method::GET, "/assets/none.js", "*/*").await;
        assert_eq!(missing.status(), StatusCode::NOT_FOUND);
        let post = ask(Method::POST, "/", "text/html").await;
        assert_eq!(post.status(), StatusCode::METHOD_NOT_ALLOWED);
    }
}
