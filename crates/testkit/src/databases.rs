//! A fresh PostgreSQL database and a fresh S3 bucket for a test.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use crate::{http, servers, unique, wait_for};

/// How long a server that started with the run may still need.
const START_LIMIT: Duration = Duration::from_secs(60);
/// Version 3.0 of PostgreSQL's protocol.
const PROTOCOL: u32 = 196_608;

/// An S3 bucket and who may use it.
#[derive(Debug, Clone)]
pub struct S3Bucket {
    /// `http://127.0.0.1:PORT`; the bucket is the first part of the path.
    pub endpoint: String,
    /// The bucket's name.
    pub bucket: String,
    /// The region to sign for.
    pub region: String,
    /// Access key id.
    pub access_key: String,
    /// Secret access key.
    pub secret_key: String,
}

/// Makes an empty database and returns its URL (`postgres://postgres@127.0.0.1:PORT/NAME`).
pub fn postgres_database() -> String {
    let port = servers().postgres_port;
    let name = unique("db").replace('-', "_");
    let mut connection = wait_for(START_LIMIT, "PostgreSQL starts", || {
        PgConnection::open(port).ok()
    });
    connection.query(&format!("CREATE DATABASE {name} TEMPLATE template0"));
    format!("postgres://postgres@127.0.0.1:{port}/{name}")
}

/// Makes an empty bucket.
pub fn bucket() -> S3Bucket {
    let port = servers()
        .s3_port
        .unwrap_or_else(|| panic!("no S3 server is installed: run scripts/install-test-deps"));
    let bucket = unique("bucket");
    let put = || {
        http::request(port, "PUT", &format!("/{bucket}"), &[], b"")
            .ok()
            .filter(|r| r.status == 200)
    };
    wait_for(START_LIMIT, "the S3 server starts", put);
    S3Bucket {
        endpoint: format!("http://127.0.0.1:{port}"),
        bucket,
        region: "us-east-1".to_owned(),
        access_key: "test".to_owned(),
        secret_key: "test".to_owned(),
    }
}

/// As much of PostgreSQL's protocol as one statement needs.
struct PgConnection(TcpStream);

impl PgConnection {
    /// Signs in as `postgres`, which needs no password here.
    fn open(port: u16) -> std::io::Result<Self> {
        let mut connection = Self(TcpStream::connect(("127.0.0.1", port))?);
        connection.0.set_read_timeout(Some(START_LIMIT))?;
        let mut body = PROTOCOL.to_be_bytes().to_vec();
        body.extend_from_slice(b"user\0postgres\0database\0postgres\0\0");
        connection.send(None, &body)?;
        // "The database system is starting up" is an error too: the caller tries again.
        connection.until_ready()?;
        Ok(connection)
    }

    fn query(&mut self, sql: &str) {
        self.send(Some(b'Q'), format!("{sql}\0").as_bytes())
            .and_then(|()| self.until_ready())
            .unwrap_or_else(|e| panic!("PostgreSQL refused {sql}: {e}"));
    }

    fn send(&mut self, kind: Option<u8>, body: &[u8]) -> std::io::Result<()> {
        let length = u32::try_from(body.len() + 4).expect("a short statement");
        let mut message: Vec<u8> = kind.into_iter().collect();
        message.extend_from_slice(&length.to_be_bytes());
        message.extend_from_slice(body);
        self.0.write_all(&message)
    }

    /// Reads messages until the server is ready for the next one; an error message becomes an error.
    fn until_ready(&mut self) -> std::io::Result<()> {
        loop {
            let mut head = [0; 5];
            self.0.read_exact(&mut head)?;
            let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
            let mut body = vec![0; length.saturating_sub(4) as usize];
            self.0.read_exact(&mut body)?;
            match head[0] {
                b'Z' => return Ok(()),
                b'E' => {
                    return Err(std::io::Error::other(
                        String::from_utf8_lossy(&body).replace('\0', " "),
                    ));
                }
                _ => {}
            }
        }
    }
}
