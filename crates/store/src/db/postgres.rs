//! PostgreSQL: a few connections of our own, and one that listens for wake-ups.

use super::{Cell, Connection, Dialect, Row, Value};
use crate::error::{Result, StoreError};
use crate::wake::{Topic, Wakes};
use bytes::BytesMut;
use postgres::fallible_iterator::FallibleIterator;
use postgres::types::{IsNull, ToSql, Type};
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

type BoxError = Box<dyn std::error::Error + Sync + Send>;

/// Pause before the listener connects again.
const LISTENER_PAUSE: Duration = Duration::from_secs(2);
/// Silence after which the listener checks that its connection lives.
const LISTENER_PROBE: Duration = Duration::from_secs(30);

/// How to reach the server.
#[derive(Clone)]
pub(super) struct Connector {
    config: postgres::Config,
    tls: tokio_postgres_rustls::MakeRustlsConnect,
}

impl Connector {
    pub(super) fn new(url: &str, extra_ca: Option<&Path>) -> Result<Self> {
        let mut config: postgres::Config = url.parse().map_err(|error: postgres::Error| {
            StoreError::Setup(format!("the PostgreSQL URL is not valid: {error}"))
        })?;
        config
            .application_name("postroom")
            .connect_timeout(Duration::from_secs(10))
            .keepalives_idle(Duration::from_secs(30));
        Ok(Self {
            config,
            tls: tokio_postgres_rustls::MakeRustlsConnect::new(tls(extra_ca)?),
        })
    }

    fn connect(&self) -> Result<postgres::Client> {
        let mut client = self.config.connect(self.tls.clone()).map_err(to_error)?;
        // Our statements take milliseconds; compiling one, because PostgreSQL expects it to be long, takes hundreds.
        client.batch_execute("SET jit = off").map_err(to_error)?;
        Ok(client)
    }
}

fn tls(extra_ca: Option<&Path>) -> Result<rustls::ClientConfig> {
    use rustls::pki_types::{CertificateDer, pem::PemObject};
    let mut roots = rustls::RootCertStore::empty();
    for certificate in rustls_native_certs::load_native_certs().certs {
        // One odd certificate of the system is not a reason to refuse all.
        let _ = roots.add(certificate);
    }
    if let Some(path) = extra_ca {
        let unreadable = |error: &dyn std::fmt::Display| {
            StoreError::Setup(format!("cannot read {}: {error}", path.display()))
        };
        for certificate in CertificateDer::pem_file_iter(path).map_err(|e| unreadable(&e))? {
            roots
                .add(certificate.map_err(|e| unreadable(&e))?)
                .map_err(|e| unreadable(&e))?;
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| StoreError::Setup(e.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

/// One connection, made again when it was lost.
pub(super) struct Postgres {
    connector: Connector,
    client: postgres::Client,
    statements: HashMap<String, postgres::Statement>,
    in_transaction: bool,
    collided: bool,
}

impl Postgres {
    pub(super) fn connect(connector: &Connector) -> Result<Self> {
        let client = connector.connect()?;
        Ok(Self {
            connector: connector.clone(),
            client,
            statements: HashMap::new(),
            in_transaction: false,
            collided: false,
        })
    }

    /// Outside a transaction a lost connection is replaced before the work begins.
    fn ensure(&mut self) -> Result<()> {
        if self.client.is_closed() && !self.in_transaction {
            self.client = self.connector.connect()?;
            self.statements.clear();
        }
        Ok(())
    }

    fn statement(&mut self, sql: &str) -> Result<postgres::Statement> {
        if let Some(statement) = self.statements.get(sql) {
            return Ok(statement.clone());
        }
        let prepared = self.client.prepare(sql);
        let statement = prepared.map_err(|error| self.failed(error))?;
        self.statements.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }

    fn failed(&mut self, error: postgres::Error) -> StoreError {
        // serialization_failure, deadlock_detected
        self.collided |= matches!(
            error.code().map(postgres::error::SqlState::code),
            Some("40001" | "40P01")
        );
        to_error(error)
    }
}

impl Connection for Postgres {
    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    fn begin(&mut self) -> Result<()> {
        self.ensure()?;
        self.collided = false;
        self.client.batch_execute("BEGIN").map_err(to_error)?;
        self.in_transaction = true;
        Ok(())
    }

    fn commit(&mut self) -> Result<()> {
        let committed = self.client.batch_execute("COMMIT");
        committed.map_err(|error| self.failed(error))?;
        self.in_transaction = false;
        Ok(())
    }

    fn roll_back(&mut self) {
        if self.in_transaction {
            self.in_transaction = false;
            // A lost connection has rolled back by itself.
            let _ = self.client.batch_execute("ROLLBACK");
        }
    }

    fn written(&self) -> Option<u64> {
        // Each transaction has its own commit.
        None
    }

    fn collided(&self) -> bool {
        self.collided
    }

    fn execute(&mut self, sql: &str, args: &[Value]) -> Result<u64> {
        self.ensure()?;
        let statement = self.statement(sql)?;
        let done = self.client.execute(&statement, &bind(args));
        done.map_err(|error| self.failed(error))
    }

    fn query(&mut self, sql: &str, args: &[Value]) -> Result<Vec<Row>> {
        self.ensure()?;
        let statement = self.statement(sql)?;
        let rows = self.client.query(&statement, &bind(args));
        let rows = rows.map_err(|error| self.failed(error))?;
        rows.iter().map(read_row).collect()
    }

    fn query_each(&mut self, sql: &str, shared: &[Value], rows: &[Vec<Value>]) -> Result<Vec<Row>> {
        let mut found = Vec::new();
        for row in rows {
            let args = [shared, row].concat();
            found.extend(self.query(sql, &args)?);
        }
        Ok(found)
    }

    fn batch(&mut self, sql: &str) -> Result<()> {
        self.ensure()?;
        self.client.batch_execute(sql).map_err(to_error)
    }
}

fn bind(args: &[Value]) -> Vec<&(dyn ToSql + Sync)> {
    args.iter()
        .map(|value| value as &(dyn ToSql + Sync))
        .collect()
}

/// An integer takes the width that the server has inferred for its place: `$1 = 1` makes it 32 bits.
impl ToSql for Value {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, BoxError> {
        match self {
            Self::Int(Some(value)) if *kind == Type::INT4 => {
                i32::try_from(*value)?.to_sql(kind, out)
            }
            Self::Int(value) => value.to_sql(kind, out),
            Self::Text(value) => value.to_sql(kind, out),
            Self::Blob(value) => value.to_sql(kind, out),
        }
    }

    fn to_sql_checked(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, BoxError> {
        let fits = match self {
            Self::Int(_) => matches!(*kind, Type::INT4 | Type::INT8),
            Self::Text(_) => <String as ToSql>::accepts(kind),
            Self::Blob(_) => <Vec<u8> as ToSql>::accepts(kind),
        };
        if fits {
            self.to_sql(kind, out)
        } else {
            Err(format!("the statement wants {kind} here").into())
        }
    }

    fn accepts(_: &Type) -> bool {
        // It depends on the value: see `to_sql_checked`.
        true
    }
}

fn read_row(row: &postgres::Row) -> Result<Row> {
    let mut cells = Vec::with_capacity(row.len());
    for (i, column) in row.columns().iter().enumerate() {
        let kind = column.type_();
        let cell = if *kind == Type::INT8 {
            row.try_get::<_, Option<i64>>(i).map(|v| v.map(Cell::Int))
        } else if *kind == Type::INT4 {
            row.try_get::<_, Option<i32>>(i)
                .map(|v| v.map(|v| Cell::Int(v.into())))
        } else if *kind == Type::BOOL {
            row.try_get::<_, Option<bool>>(i)
                .map(|v| v.map(|v| Cell::Int(v.into())))
        } else if *kind == Type::BYTEA {
            row.try_get::<_, Option<Vec<u8>>>(i)
                .map(|v| v.map(Cell::Blob))
        } else {
            row.try_get::<_, Option<String>>(i)
                .map(|v| v.map(Cell::Text))
        };
        cells.push(cell.map_err(to_error)?.unwrap_or(Cell::Null));
    }
    Ok(Row(cells))
}

fn to_error(error: postgres::Error) -> StoreError {
    let Some(db) = error.as_db_error() else {
        return StoreError::Unavailable(error.to_string());
    };
    let code = db.code().code();
    // Classes of SQLSTATE: https://www.postgresql.org/docs/current/errcodes-appendix.html
    match code.get(..2) {
        Some("08" | "40" | "55" | "57") => StoreError::Unavailable(db.message().to_owned()),
        Some("53" | "58") => StoreError::Full(db.message().to_owned()),
        Some("23") => StoreError::Conflict(db.message().to_owned()),
        Some("28" | "3D") => StoreError::Setup(db.message().to_owned()),
        _ => StoreError::Corrupt(format!("{} ({code})", db.message())),
    }
}

/// Hears the wake-ups of other nodes, for ever. A lost connection is made again; polling is the
/// floor under what was missed meanwhile.
pub(super) fn listen(connector: Connector, wakes: Wakes) -> Result<()> {
    std::thread::Builder::new()
        .name("postgres-listen".into())
        .spawn(move || {
            loop {
                if let Err(error) = listen_once(&connector, &wakes) {
                    tracing::warn!(%error, "lost the wake-up connection to PostgreSQL");
                }
                std::thread::sleep(LISTENER_PAUSE);
            }
        })?;
    Ok(())
}

fn listen_once(connector: &Connector, wakes: &Wakes) -> Result<()> {
    let mut client = connector.connect()?;
    client.batch_execute("LISTEN postroom").map_err(to_error)?;
    loop {
        {
            let mut notifications = client.notifications();
            let mut heard = notifications.timeout_iter(LISTENER_PROBE);
            while let Some(notification) = heard.next().map_err(to_error)? {
                if let Some(topic) = Topic::parse(notification.payload()) {
                    wakes.send_all(&[topic]);
                }
            }
        }
        client.batch_execute("SELECT 1").map_err(to_error)?;
    }
}
