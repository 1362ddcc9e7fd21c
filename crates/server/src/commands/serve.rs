//! `postroom serve`: the server, from the lock on its data to the last committed step.

use super::context::Context;
use crate::config::{Config, reachable_url};
use crate::exit::{Exit, Failure};
use crate::lifecycle::{self, Announcement, DataDirLock, STOP_LIMIT, Signals};
use crate::metrics::Metrics;
use crate::{http, logs, output, wire};
use std::time::Duration;
use store::Store;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

/// How long tasks may take to end the step they are in; the rest of [`STOP_LIMIT`] is for dropping them.
const TASKS_LIMIT: Duration = Duration::from_secs(7);
/// How long giving back the leases may take.
const LEAVE_LIMIT: Duration = Duration::from_secs(1);

/// Runs until a signal asks for the end.
pub fn run(context: &Context, runtime: &Runtime) -> Result<Exit, Failure> {
    let config = context.config()?;
    logs::start(&config);
    runtime.block_on(async {
        // Heard from the first moment on: a signal while starting is answered once the start is done.
        let signals = Signals::listen()?;
        serve(&config, signals).await
    })
}

async fn serve(config: &Config, mut signals: Signals) -> Result<Exit, Failure> {
    lifecycle::make_data_dir(config)?;
    let _lock = wire::is_alone(config)
        .then(|| DataDirLock::take(config))
        .transpose()?;
    lifecycle::raise_open_files();
    let metrics = Metrics::install()
        .map_err(|error| Failure::new(Exit::Unexpected, "metrics cannot start").because(error))?;
    let listener = listen(config).await?;
    let url = reachable_url(listener.local_addr()?);
    let public = config.public_url.clone().unwrap_or_else(|| url.clone());
    let public_url = url::Url::parse(&public)
        .map_err(|error| Failure::configuration("public_url is not a URL").because(error))?;
    let store = wire::open_store(config).await?;
    let stop = CancellationToken::new();
    let parts = wire::start(config, &store, metrics, public_url, stop.clone()).await?;
    let connections = tokio::spawn(http::serve(listener, parts.router, stop.clone()));
    let announcement = Announcement::make(config, &url);
    greet(&store, &public, &url).await?;

    let name = signals.next().await;
    tracing::info!(signal = name, "stopping: what is under way ends first");
    signals.impatient();
    drop(announcement);
    stop.cancel();
    let (late, connections) = tokio::join!(
        parts.supervisor.shutdown(TASKS_LIMIT),
        tokio::time::timeout(TASKS_LIMIT, connections)
    );
    if connections.is_err() {
        tracing::warn!("some requests did not end in time; their connections are cut");
    }
    if !late.is_empty() {
        tracing::warn!(tasks = ?late, "some tasks did not end within {STOP_LIMIT:?}; they go on after the next start");
    }
    // The roster does so itself, unless it was dropped.
    let leave = tokio::time::timeout(LEAVE_LIMIT, store::leases::leave(&store)).await;
    if !matches!(leave, Ok(Ok(()))) {
        tracing::warn!("the leases were not given back; they run out by themselves");
    }
    tracing::info!("stopped");
    Ok(Exit::Good)
}

async fn listen(config: &Config) -> Result<TcpListener, Failure> {
    TcpListener::bind(config.listen).await.map_err(|error| {
        let exit = match error.kind() {
            std::io::ErrorKind::AddrInUse => Exit::Conflict,
            _ => Exit::Configuration,
        };
        Failure::new(exit, format!("Postroom cannot listen at {}", config.listen))
            .because(error)
            .remedy("choose another address: --listen 127.0.0.1:PORT")
    })
}

/// The lines that somebody waits for: the set-up link while there is no owner, then the address.
async fn greet(store: &Store, public: &str, url: &str) -> Result<(), Failure> {
    let mut lines = String::new();
    if let Some(secret) = store::access::new_setup_secret(store).await? {
        lines.push_str(&format!(
            "set up the console once at {public}/setup#token={}\n",
            secret.expose()
        ));
    }
    lines.push_str(&format!("postroom is ready at {url}\n"));
    output::print(&lines)
}
