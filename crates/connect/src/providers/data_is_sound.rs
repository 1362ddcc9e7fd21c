//! Tests of the data that comes with Postroom: what no compiler sees.

use super::check;
use super::oauth::OauthService;
use super::provider::{Provider, Status};
use super::table::{FILES, OAUTH, Table};
use serde::Deserialize;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::{Duration, Instant};

const SOURCES: &str = include_str!("../../data/sources.json");

/// A place that facts were taken from.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "read to prove its form")]
struct Source {
    what: String,
    #[serde(default, rename = "where")]
    place: Option<String>,
    #[serde(default)]
    revision: Option<String>,
    #[serde(default)]
    license: Option<String>,
}

fn all() -> Vec<Provider> {
    let read = |file: &&str| -> Vec<Provider> { serde_json::from_str(file).unwrap() };
    FILES.iter().flat_map(read).collect()
}

fn sources() -> BTreeMap<String, Source> {
    serde_json::from_str(SOURCES).unwrap()
}

#[test]
fn every_file_has_the_form_and_every_entry_keeps_the_rules() {
    let table = Table::built_in();
    assert_eq!(all().len(), table.iter().count());
    assert!(all().len() > 100);
    for provider in table.iter() {
        let id = &provider.id;
        assert_eq!(check::check(provider, &table), Ok(()), "{id}");
        let region = &provider.region;
        let two_letters = region.len() == 2 && region.bytes().all(|b| b.is_ascii_lowercase());
        assert!(two_letters || region == "global", "{id}: {region}");
        let reachable = provider.imap.is_some() || provider.pop3.is_some();
        assert_eq!(reachable, provider.status != Status::NoImap, "{id}");
        assert_eq!(reachable, !provider.auth.is_empty(), "{id}");
        let by = provider.served_by.as_deref();
        assert!(by.is_none_or(|by| table.get(by).is_some()), "{id}: {by:?}");
    }
}

#[test]
fn nothing_is_claimed_twice() {
    let mut ids = HashSet::new();
    let mut domains: HashMap<String, String> = HashMap::new();
    let mut suffixes: HashMap<String, String> = HashMap::new();
    for provider in all() {
        assert!(ids.insert(provider.id.clone()), "{}", provider.id);
        for (claimed, holders) in [
            (&provider.domains, &mut domains),
            (&provider.mx_suffixes, &mut suffixes),
        ] {
            for name in claimed {
                let other = holders.insert(name.clone(), provider.id.clone());
                assert_eq!(other, None, "{name} of {}", provider.id);
            }
        }
    }
}

#[test]
fn every_fact_has_a_source_that_is_described() {
    let sources = sources();
    let oauth: BTreeMap<String, OauthService> = serde_json::from_str(OAUTH).unwrap();
    let cited = all()
        .into_iter()
        .map(|provider| (provider.id, provider.source))
        .chain(
            oauth
                .into_iter()
                .map(|(name, service)| (name, service.source)),
        );
    for (id, cited) in cited {
        assert!(!cited.is_empty(), "{id}");
        for source in cited {
            let name = source.split(':').next().unwrap();
            assert!(sources.contains_key(name), "{id}: {source}");
        }
    }
    for copied in [
        "ispdb",
        "fairemail",
        "provider-db",
        "mailcore2",
        "nodemailer",
    ] {
        assert!(sources[copied].license.is_some(), "{copied}");
    }
}

#[test]
fn every_problem_that_an_entry_names_is_in_the_catalogue() {
    for provider in all() {
        for id in &provider.errors {
            assert!(crate::problems::find(id).is_some(), "{}: {id}", provider.id);
        }
    }
    for entry in crate::problems::catalogue() {
        for id in entry.providers {
            let known = Table::built_in().get(id).is_some();
            assert!(known, "{}: provider {id}", entry.id);
        }
    }
}

/// Other programs' registrations are theirs.
#[test]
fn no_oauth_client_of_anybodys_is_in_the_data() {
    for text in FILES.iter().chain(&[OAUTH, SOURCES]) {
        for mark in [
            "client_id",
            "client_secret",
            "clientId",
            "clientSecret",
            "googleusercontent",
            "GOCSPX",
        ] {
            assert!(!text.contains(mark), "{mark}");
        }
        let is_uuid = |word: &str| {
            let parts: Vec<_> = word.split('-').map(str::len).collect();
            parts == [8, 4, 4, 4, 12] && word.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
        };
        // The address of a page may hold one.
        let texts = text.split('"').filter(|text| !text.contains("://"));
        let words =
            texts.flat_map(|text| text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-'));
        let found: Vec<_> = words.filter(|word| is_uuid(word)).collect();
        assert_eq!(found, Vec::<&str>::new());
    }
}

/// The first look-up reads all files: 2 ms in an unoptimised build. The bounds leave room for a machine that is busy.
#[test]
fn the_first_lookup_is_quick_and_the_others_take_no_time() {
    let begin = Instant::now();
    let table = Table::built_in();
    assert!(table.by_domain("gmail.com").is_some());
    let first = begin.elapsed();
    let begin = Instant::now();
    for _ in 0..1000 {
        assert!(
            table
                .by_mx("mx1.emea.mail.protection.outlook.com")
                .is_some()
        );
    }
    let rest = begin.elapsed();
    eprintln!("first {first:?}, a thousand more {rest:?}");
    assert!(first < Duration::from_millis(50), "{first:?}");
    assert!(rest < Duration::from_millis(50), "{rest:?}");
}
