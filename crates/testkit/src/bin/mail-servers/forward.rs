//! A port of 127.0.0.1 that leads to another loopback address.

use std::net::Ipv4Addr;

use tokio::net::{TcpListener, TcpStream};

use crate::machine::{Machine, Result};

/// Opens a port and forwards every connection to `address:port`; ends with the runtime.
pub fn start(machine: &Machine, address: &'static str, port: u16) -> Result<u16> {
    let (from, listener) = listen(machine)?;
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            tokio::spawn(async move {
                if let Ok(mut server) = TcpStream::connect((address, port)).await {
                    let _ = client.set_nodelay(true);
                    let _ = server.set_nodelay(true);
                    let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
                }
            });
        }
    });
    Ok(from)
}

/// Listens on a port of its own.
pub fn listen(machine: &Machine) -> Result<(u16, TcpListener)> {
    let port = machine.port()?;
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    listener.set_nonblocking(true)?;
    Ok((port, TcpListener::from_std(listener)?))
}
