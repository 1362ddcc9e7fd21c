//! The proxy does to a connection what it says.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use testkit::{Fault, Proxy, wait_for};

const LIMIT: Duration = Duration::from_secs(10);

/// A server that sends every byte back.
fn echo() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let mut reader = stream.try_clone().expect("a socket can be shared");
                let _ = std::io::copy(&mut reader, &mut &stream);
            });
        }
    });
    port
}

fn connect(proxy: &Proxy) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", proxy.port())).expect("the proxy listens");
    stream
        .set_read_timeout(Some(LIMIT))
        .expect("a socket takes options");
    stream
}

fn round_trip(stream: &mut TcpStream, text: &[u8]) -> Vec<u8> {
    stream.write_all(text).expect("the proxy reads");
    let mut back = vec![0; text.len()];
    stream.read_exact(&mut back).expect("the echo comes back");
    back
}

/// The other side has closed: that is an end or a reset, not a silence.
fn assert_ended(stream: &mut TcpStream) {
    match stream.read(&mut [0; 1]) {
        Ok(0) => {}
        Err(e) if e.kind() == ErrorKind::ConnectionReset => {}
        other => panic!("the connection is still open: {other:?}"),
    }
}

#[test]
fn without_a_fault_bytes_pass_and_are_counted() {
    let proxy = Proxy::start(echo());
    assert_eq!(round_trip(&mut connect(&proxy), b"hello"), b"hello");
    assert_eq!(
        (
            proxy.connections(),
            proxy.bytes_to_client(),
            proxy.bytes_to_server()
        ),
        (1, 5, 5)
    );
    wait_for(LIMIT, "the connection is closed", || {
        (proxy.open() == 0).then_some(())
    });
}

#[test]
fn a_cut_comes_after_exactly_so_many_bytes() {
    let proxy = Proxy::start(echo());
    proxy.set(Fault::CutAfter(7));
    let mut stream = connect(&proxy);
    stream.write_all(b"hello world").expect("the proxy reads");
    let mut back = Vec::new();
    if let Err(e) = stream.read_to_end(&mut back) {
        assert_eq!(e.kind(), ErrorKind::ConnectionReset);
    }
    assert_eq!(back, b"hello w");
    proxy.set(Fault::None);
    assert_eq!(round_trip(&mut connect(&proxy), b"again"), b"again");
}

#[test]
fn what_is_stalled_or_blocked_comes_when_the_fault_is_gone() {
    let proxy = Proxy::start(echo());
    for fault in [Fault::StallAfter(2), Fault::Block] {
        proxy.set(fault);
        let mut stream = connect(&proxy);
        stream.write_all(b"hello").expect("the proxy reads");
        stream
            .set_read_timeout(Some(Duration::from_millis(100)))
            .expect("a socket takes options");
        assert!(stream.read_exact(&mut [0; 5]).is_err());
        proxy.set(Fault::None);
        stream
            .set_read_timeout(Some(LIMIT))
            .expect("a socket takes options");
        let mut rest = [0; 3];
        stream.read_exact(&mut rest).expect("the rest comes");
    }
}

#[test]
fn a_refused_port_opens_again() {
    let proxy = Proxy::start(echo());
    let mut open = connect(&proxy);
    round_trip(&mut open, b"x");
    proxy.set(Fault::Refuse);
    wait_for(LIMIT, "the port is closed", || {
        TcpStream::connect(("127.0.0.1", proxy.port()))
            .is_err()
            .then_some(())
    });
    assert_ended(&mut open);
    proxy.set(Fault::None);
    wait_for(LIMIT, "the port is open", || {
        TcpStream::connect(("127.0.0.1", proxy.port())).ok()
    });
}

#[test]
fn cutting_now_ends_open_connections_only() {
    let proxy = Proxy::start(echo());
    let mut open = connect(&proxy);
    round_trip(&mut open, b"x");
    proxy.cut_now();
    assert_ended(&mut open);
    assert_eq!(round_trip(&mut connect(&proxy), b"new"), b"new");
}
