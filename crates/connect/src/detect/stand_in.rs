#![allow(missing_docs, dead_code)]
use model::detection::{Confidence, LoginFormat, Preparation};
use model::mailbox::Security;
use std::sync::Arc;
#[derive(Debug, Clone)]
pub struct Endpoint {
    pub host: String,
    pub port: u16,
    pub security: Security,
}
#[derive(Debug, Clone)]
pub struct Provider {
    pub id: String,
    pub name: String,
    pub kind: String,
    pub status: String,
    pub imap: Option<Endpoint>,
    pub imap_alternatives: Vec<Endpoint>,
    pub pop3: Option<Endpoint>,
    pub smtp: Option<Endpoint>,
    pub login_format: LoginFormat,
    pub login_note: Option<String>,
    pub auth: Vec<String>,
    pub confidence: Confidence,
}
pub struct Table;
impl Table {
    pub fn by_domain(&self, _d: &str) -> Option<&Provider> {
        None
    }
    pub fn by_mx(&self, _d: &str) -> Option<&Provider> {
        None
    }
    pub fn by_mail_host(&self, _d: &str) -> Option<&Provider> {
        None
    }
    pub fn get(&self, _d: &str) -> Option<&Provider> {
        None
    }
    pub fn compiled(&self) -> &str {
        "2026-11"
    }
}
#[derive(Debug, Clone)]
pub struct Providers;
impl Providers {
    pub fn new(_p: Option<std::path::PathBuf>) -> Self {
        Self
    }
    pub fn current(&self) -> Arc<Table> {
        Arc::new(Table)
    }
}
pub fn preparation(_t: &Table, _p: &Provider) -> Vec<Preparation> {
    Vec::new()
}
