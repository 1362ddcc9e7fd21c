//! The servers answer, as the tests of every other crate expect.

#[test]
fn servers_are_there() {
    let s = testkit::servers();
    assert!(std::net::TcpStream::connect(("127.0.0.1", s.imap_port)).is_ok());
}
