//! A TCP proxy that misbehaves on demand: cuts, stalls, refuses, blocks, counts, and puts other words into the server's mouth.
//!
//! It runs in a thread of its own, so that blocking and asynchronous tests use it alike.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::rewriting::{Edit, Editor};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};

const BUFFER: usize = 16 * 1024;

/// What happens to connections. Byte counts are per connection, server to client, from its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// After so many bytes both sides are closed.
    CutAfter(u64),
    /// After so many bytes nothing comes any more; the connection stays open.
    StallAfter(u64),
    /// Nothing goes either way until the fault changes; nothing is lost.
    Block,
    /// So many bytes a second, and no more.
    Slow(u64),
    /// The port is closed: connecting fails, and open connections are cut.
    Refuse,
}

/// A proxy; gone when dropped.
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
    fault: watch::Sender<Fault>,
    cuts: watch::Sender<u64>,
}

#[derive(Default)]
struct Shared {
    connections: AtomicU64,
    open: AtomicU64,
    to_client: AtomicU64,
    to_server: AtomicU64,
}

impl Proxy {
    /// Starts a proxy in front of a port of 127.0.0.1.
    pub fn start(target_port: u16) -> Self {
        Self::begin(target_port, None)
    }

    /// Starts a proxy that asks `edit` about each line of the server (with its CRLF; not about what lies in literals): `None`
    /// lets it pass, a text takes its place, an empty text swallows it. Only for conversations without TLS.
    pub fn rewriting(
        target_port: u16,
        edit: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        Self::begin(target_port, Some(Arc::new(edit)))
    }

    fn begin(target_port: u16, edit: Option<Edit>) -> Self {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let shared = Arc::new(Shared::default());
        let (fault, faults) = watch::channel(Fault::None);
        let (cuts, cut_numbers) = watch::channel(0);
        let state = Arc::clone(&shared);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(serve(
                listener,
                address,
                target_port,
                state,
                edit,
                faults,
                cut_numbers,
            ));
        });
        Self {
            port: address.port(),
            shared,
            fault,
            cuts,
        }
    }

    /// Where it listens, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Changes what happens, for open connections and new ones.
    pub fn set(&self, fault: Fault) {
        self.fault.send_replace(fault);
    }

    /// Cuts every open connection now; new ones are served.
    pub fn cut_now(&self) {
        self.cuts.send_modify(|number| *number += 1);
    }

    /// How many connections were accepted.
    pub fn connections(&self) -> u64 {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// How many are open now.
    pub fn open(&self) -> u64 {
        self.shared.open.load(Ordering::SeqCst)
    }

    /// Bytes that went from the server to the clients.
    pub fn bytes_to_client(&self) -> u64 {
        self.shared.to_client.load(Ordering::SeqCst)
    }

    /// Bytes that went from the clients to the server.
    pub fn bytes_to_server(&self) -> u64 {
        self.shared.to_server.load(Ordering::SeqCst)
    }
}

/// Accepts until the [`Proxy`] is dropped.
async fn serve(
    listener: std::net::TcpListener,
    address: SocketAddr,
    target_port: u16,
    shared: Arc<Shared>,
    edit: Option<Edit>,
    mut faults: watch::Receiver<Fault>,
    cuts: watch::Receiver<u64>,
) {
    listener
        .set_nonblocking(true)
        .expect("a socket takes options");
    let mut listener = Some(TcpListener::from_std(listener).expect("a listening socket"));
    loop {
        match (*faults.borrow_and_update() == Fault::Refuse, &listener) {
            (true, Some(_)) => listener = None,
            // The port is ours again as soon as nobody listens: tokio binds with SO_REUSEADDR.
            (false, None) => {
                listener = Some(
                    TcpListener::bind(address)
                        .await
                        .expect("the port is still free"),
                )
            }
            _ => {}
        }
        tokio::select! {
            changed = faults.changed() => if changed.is_err() { return },
            accepted = accept(listener.as_ref()) => {
                shared.connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(connection(
                    accepted,
                    target_port,
                    Arc::clone(&shared),
                    edit.clone().map(Editor::new),
                    faults.clone(),
                    cuts.clone(),
                ));
            }
        }
    }
}

async fn accept(listener: Option<&TcpListener>) -> TcpStream {
    loop {
        match listener {
            Some(listener) => {
                if let Ok((stream, _)) = listener.accept().await {
                    return stream;
                }
            }
            None => std::future::pending().await,
        }
    }
}

/// Serves one connection until either side ends it, a fault does, or the proxy is dropped.
async fn connection(
    client: TcpStream,
    target_port: u16,
    shared: Arc<Shared>,
    editor: Option<Editor>,
    faults: watch::Receiver<Fault>,
    mut cuts: watch::Receiver<u64>,
) {
    shared.open.fetch_add(1, Ordering::SeqCst);
    if let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, target_port)).await {
        let _ = client.set_nodelay(true);
        let _ = server.set_nodelay(true);
        let (client_read, client_write) = client.into_split();
        let (server_read, server_write) = server.into_split();
        cuts.borrow_and_update();
        let mut refused = faults.clone();
        let cut = Notify::new();
        tokio::select! {
            // An end of the client is passed on; the answers to its last words still come.
            () = async {
                tokio::join!(
                    pump(client_read, server_write, &shared.to_server, faults.clone(), None, None),
                    pump(server_read, client_write, &shared.to_client, faults.clone(), editor, Some(&cut)),
                );
            } => {}
            () = cut.notified() => {}
            _ = refused.wait_for(|fault| *fault == Fault::Refuse) => {}
            _ = cuts.changed() => {}
        }
    }
    shared.open.fetch_sub(1, Ordering::SeqCst);
}

/// Carries bytes one way until the end of either side; the way to the client is the one with limits, and tells `cut`.
async fn pump(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    counter: &AtomicU64,
    mut faults: watch::Receiver<Fault>,
    mut editor: Option<Editor>,
    cut: Option<&Notify>,
) {
    let mut buffer = vec![0; BUFFER];
    let mut carried = 0_u64;
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        let edited = editor.as_mut().map(|editor| editor.feed(&buffer[..read]));
        let mut rest = edited.as_deref().unwrap_or(&buffer[..read]);
        while !rest.is_empty() {
            let fault = *faults.borrow_and_update();
            let allowed = match fault {
                Fault::CutAfter(limit) | Fault::StallAfter(limit) if cut.is_some() => {
                    limit.saturating_sub(carried)
                }
                Fault::Block => 0,
                _ => u64::MAX,
            };
            if allowed == 0 {
                if let (Fault::CutAfter(_), Some(cut)) = (fault, cut) {
                    return cut.notify_one();
                }
                // Stalled or blocked: until somebody changes that.
                if faults.changed().await.is_err() {
                    return;
                }
                continue;
            }
            let part = usize::try_from(allowed)
                .unwrap_or(usize::MAX)
                .min(rest.len());
            // Counted first: whoever has read the bytes finds them counted.
            counter.fetch_add(part as u64, Ordering::SeqCst);
            if to.write_all(&rest[..part]).await.is_err() {
                return;
            }
            carried += part as u64;
            if let (Fault::Slow(a_second), true) = (fault, cut.is_some()) {
                tokio::time::sleep(Duration::from_secs_f64(part as f64 / a_second as f64)).await;
            }
            rest = &rest[part..];
        }
    }
    let _ = to.shutdown().await;
}
