//! `docs/providers` is the provider table as pages, one for each provider, and a list in its README between two marks.
//! `UPDATE_DOCS=1 cargo nextest run -p connect` writes them anew.

use connect::problems;
use connect::providers::{Limits, Provider, SentCopyBehaviour, Server, SignIn, Table, preparation};
use model::detection::{Confidence, LoginFormat};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

/// Pages that people write.
const BY_HAND: &[&str] = &["README.md", "writing-an-entry.md"];
/// Around the list in the README.
const BEGIN: &str = "<!-- made from the provider table: begin -->\n";
const END: &str = "<!-- made from the provider table: end -->\n";

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/providers")
}

fn updating() -> bool {
    std::env::var_os("UPDATE_DOCS").is_some()
}

#[test]
fn the_pages_of_providers_say_what_the_table_says() {
    let table = Table::built_in();
    let pages = table
        .iter()
        .map(|provider| (format!("{}.md", provider.id), page(&table, provider)));
    let wanted: BTreeMap<_, _> = pages.collect();
    let there = || {
        let names = std::fs::read_dir(folder()).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| !BY_HAND.contains(&name.as_str()))
    };
    if updating() {
        for old in there().filter(|name| !wanted.contains_key(name)) {
            std::fs::remove_file(folder().join(old)).unwrap();
        }
        for (name, text) in &wanted {
            std::fs::write(folder().join(name), text).unwrap();
        }
    }
    let advice = "run UPDATE_DOCS=1 cargo nextest run -p connect";
    for (name, text) in &wanted {
        let found = std::fs::read_to_string(folder().join(name)).unwrap_or_default();
        assert!(
            found == *text,
            "docs/providers/{name} is out of date: {advice}"
        );
    }
    for name in there() {
        assert!(
            wanted.contains_key(&name),
            "docs/providers/{name} is about nothing: {advice}"
        );
    }
}

#[test]
fn the_list_of_providers_is_the_table() {
    let path = folder().join("README.md");
    let found = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = found.split_once(BEGIN).expect("the first mark");
    let (_, after) = rest.split_once(END).expect("the second mark");
    let wanted = format!("{before}{BEGIN}{}{END}{after}", list(&Table::built_in()));
    if updating() {
        std::fs::write(&path, &wanted).unwrap();
    } else {
        assert!(
            found == wanted,
            "the list in docs/providers/README.md is out of date: run UPDATE_DOCS=1 cargo nextest run -p connect"
        );
    }
}

#[test]
fn the_page_on_writing_an_entry_names_every_field() {
    let page = std::fs::read_to_string(folder().join("writing-an-entry.md")).unwrap();
    let table = Table::built_in();
    let entry = serde_json::to_value(table.get("gmail").unwrap()).unwrap();
    for (field, value) in entry.as_object().unwrap() {
        let inner = value
            .as_object()
            .filter(|_| !matches!(field.as_str(), "imap" | "pop3" | "smtp"));
        let inner = inner.map(|map| map.keys().cloned().collect::<Vec<_>>());
        for name in inner.unwrap_or_default().iter().chain([field]) {
            assert!(page.contains(&format!("`{name}`")), "{field}: {name}");
        }
    }
}

fn list(table: &Table) -> String {
    let mut text = format!(
        "{} providers, last checked {}.\n\n| provider | country | kind | sign-in | IMAP at first |\n|---|---|---|---|---|\n",
        table.iter().count(),
        table.compiled()
    );
    let mut sorted: Vec<_> = table.iter().collect();
    sorted.sort_by_key(|provider| provider.name.to_lowercase());
    for provider in sorted {
        let ways: Vec<_> = provider
            .auth
            .iter()
            .map(|way| way.as_str().replace('_', " "))
            .collect();
        let imap = match (&provider.imap, provider.imap_enable.default_on) {
            (None, _) if provider.pop3.is_some() => "POP3 only",
            (None, _) => "none",
            (Some(_), Some(true)) => "on",
            (Some(_), Some(false)) => "off",
            (Some(_), None) => "",
        };
        let _ = writeln!(
            text,
            "| [{}]({}.md) | {} | {} | {} | {imap} |",
            provider.name,
            provider.id,
            provider.region,
            provider.kind,
            ways.join(", ")
        );
    }
    text
}

fn page(table: &Table, provider: &Provider) -> String {
    let mut page = format!(
        "# {}\n\n`{}`, {}, {}. Last checked {}; {}.\n",
        provider.name,
        provider.id,
        provider.kind,
        provider.region,
        provider.compiled,
        match provider.confidence {
            Confidence::High => "several sources agree on the servers",
            Confidence::Medium => "one source names the servers, or sources differ in a detail",
            Confidence::Low => "the servers are poorly proven: test before you rely on them",
        }
    );
    settings(&mut page, provider);
    first_steps(&mut page, table, provider);
    oauth(&mut page, table, provider);
    folders(&mut page, provider);
    let limits: Vec<_> = limits(&provider.limits).collect();
    bullets(&mut page, "Limits", limits);
    bullets(&mut page, "To know", provider.quirks.clone());
    bullets(&mut page, "Known problems", known_problems(provider));
    let docs = provider.docs.iter().map(|url| format!("<{url}>"));
    bullets(&mut page, "The provider's pages", docs.collect());
    recognised_by(&mut page, provider);
    let _ = write!(
        page,
        "\n[All providers](README.md) · [writing an entry](writing-an-entry.md). Made from `crates/connect/data`; sources: {}.\n",
        provider
            .source
            .iter()
            .map(|source| format!("`{source}`"))
            .collect::<Vec<_>>()
            .join(", ")
    );
    page
}

fn settings(page: &mut String, provider: &Provider) {
    if provider.servers().next().is_none() {
        return;
    }
    page.push_str("\n## Settings\n\n| | server | port | security |\n|---|---|---|---|\n");
    let imap = provider.imap.iter().chain(&provider.imap_alternatives);
    let smtp = provider.smtp.iter().chain(&provider.smtp_alternatives);
    rows(page, "IMAP", imap);
    rows(page, "POP3", provider.pop3.iter());
    rows(page, "SMTP", smtp);
    let name = |format| match format {
        LoginFormat::Email => "the full address",
        LoginFormat::LocalPart => "what stands before the @",
        LoginFormat::Custom => "a name that the provider gives",
    };
    let _ = write!(page, "\nUser name: {}", name(provider.login_format));
    if let Some(sending) = provider.smtp_login_format {
        let _ = write!(page, "; for sending, {}", name(sending));
    }
    let ways = |ways: &[SignIn]| {
        let words = ways.iter().map(|way| match way.as_str() {
            "oauth2" => "OAuth 2.0",
            "app_password" => "app password",
            other => other,
        });
        words.collect::<Vec<_>>().join(", ")
    };
    let _ = write!(page, ". Sign-in: {}", ways(&provider.auth));
    if !provider.smtp_auth.is_empty() {
        let _ = write!(page, "; for sending, {}", ways(&provider.smtp_auth));
    }
    page.push_str(".\n");
    if let Some(domain) = provider.domains.first() {
        let _ = write!(page, "\n```sh\npostroom test ann@{domain}\n```\n");
    }
}

fn rows<'a>(page: &mut String, protocol: &str, servers: impl Iterator<Item = &'a Server>) {
    for (index, server) in servers.enumerate() {
        let or = if index == 0 { "" } else { "or " };
        let security = match server.security.as_str() {
            "tls" => "TLS",
            "starttls" => "STARTTLS",
            other => other,
        };
        let _ = writeln!(
            page,
            "| {or}{protocol} | `{}` | {} | {security} |",
            server.host, server.port
        );
    }
}

fn first_steps(page: &mut String, table: &Table, provider: &Provider) {
    let steps = preparation(table, provider);
    if steps.is_empty() {
        return;
    }
    page.push_str("\n## Before the first sign-in\n\n");
    for (index, step) in steps.iter().enumerate() {
        let _ = write!(page, "{}. {}", index + 1, step.text);
        if let Some(url) = &step.url {
            let _ = write!(page, " See <{url}>.");
        }
        page.push('\n');
    }
}

fn oauth(page: &mut String, table: &Table, provider: &Provider) {
    let Some(service) = provider.oauth.as_deref().and_then(|name| table.oauth(name)) else {
        return;
    };
    let code = |texts: &[String]| {
        let texts: Vec<_> = texts.iter().map(|text| format!("`{text}`")).collect();
        texts.join(", ")
    };
    let _ = write!(
        page,
        "\n## Sign-in with OAuth 2.0\n\n- Service: {}; tokens come from `{}`\n- Scopes: {}\n- Ways to a token: {}\n- SASL: {}\n",
        service.issuer,
        service.token_url,
        code(&service.scopes),
        code(&service.flows),
        service.sasl.join(", ")
    );
    for note in &service.notes {
        let _ = writeln!(page, "- {note}");
    }
}

fn folders(page: &mut String, provider: &Provider) {
    let known = &provider.folders;
    let mut lines: Vec<String> = [
        ("Drafts", &known.drafts),
        ("Sent", &known.sent),
        ("Junk", &known.junk),
        ("Trash", &known.trash),
        ("Archive", &known.archive),
        ("All mail", &known.all),
        ("Flagged", &known.flagged),
    ]
    .into_iter()
    .filter_map(|(role, name)| Some(format!("{role}: `{}`", name.as_ref()?)))
    .collect();
    if known.store_all {
        lines.push("The folder of all mail is stored too: with labels it doubles nothing, and mail without a label is kept.".to_owned());
    }
    lines.extend(known.note.clone());
    let copy = match provider.sent_copy.behaviour {
        SentCopyBehaviour::Server => Some("The copy of a sent message: the provider files it."),
        SentCopyBehaviour::UserSetting => {
            Some("The copy of a sent message: a setting of the mailbox decides who files it.")
        }
        SentCopyBehaviour::Unknown => None,
    };
    if let Some(copy) = copy {
        let note = provider.sent_copy.note.as_deref();
        lines.push(note.map_or(copy.to_owned(), |note| format!("{copy} {note}")));
    }
    bullets(page, "Folders", lines);
}

fn limits(known: &Limits) -> impl Iterator<Item = String> {
    [
        ("IMAP connections at the same time", known.imap_connections),
        (
            "Minutes after which a silent IMAP connection is cut",
            known.imap_idle_minutes,
        ),
        (
            "Megabytes downloaded over IMAP in a day",
            known.imap_download_mb_per_day,
        ),
        (
            "Megabytes uploaded over IMAP in a day",
            known.imap_upload_mb_per_day,
        ),
        (
            "Megabytes downloaded over POP3 in a day",
            known.pop3_download_mb_per_day,
        ),
        ("Megabytes of one message", known.message_mb),
        (
            "Sending connections at the same time",
            known.smtp_concurrent_connections,
        ),
        ("Messages sent in a minute", known.smtp_messages_per_minute),
        ("Recipients in a day", known.recipients_per_day),
        ("Recipients of one message", known.recipients_per_message),
    ]
    .into_iter()
    .filter_map(|(what, limit)| Some(format!("{what}: {}", limit?)))
}

fn known_problems(provider: &Provider) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for id in &provider.errors {
        let Some(entry) = problems::find(id) else {
            continue;
        };
        let line = format!("[{}](../problems/{}.md)", entry.title, entry.id);
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    lines
}

fn recognised_by(page: &mut String, provider: &Provider) {
    let code = |names: &[String]| {
        let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
        names.join(", ")
    };
    let mut lines = Vec::new();
    if !provider.domains.is_empty() {
        lines.push(format!("Domains: {}", code(&provider.domains)));
    }
    if !provider.mx_suffixes.is_empty() {
        let ends = code(&provider.mx_suffixes);
        lines.push(format!(
            "Other domains whose mail goes to servers under {ends}"
        ));
    }
    bullets(page, "Recognised by", lines);
}

fn bullets(page: &mut String, title: &str, lines: Vec<String>) {
    if lines.is_empty() {
        return;
    }
    let _ = write!(page, "\n## {title}\n\n");
    for line in lines {
        let _ = writeln!(page, "- {line}");
    }
}
