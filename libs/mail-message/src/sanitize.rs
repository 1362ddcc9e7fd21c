//! Message HTML made inert (promise S7): nothing runs, nothing loads by itself, nothing leaves
//! its place.
//!
//! Two filters that know nothing of each other, each with an allow-list: `html_gate` rewrites
//! the document from scratch, then ammonia parses that with a browser's rules and filters again.
//! Both are repeated until nothing changes, so what a browser reads is what was checked.

use crate::html_gate::{self, Passed};
use crate::{body, clean, css, html_text, html_url};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;
use utoipa::ToSchema;

/// Bytes of HTML looked at.
pub const MAX_INPUT: usize = 4 * 1024 * 1024;
/// Rounds until the document must have come to rest; two are enough for anything honest.
const MAX_ROUNDS: usize = 5;

/// Pictures on other servers tell the sender who reads when and where.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RemoteImages {
    /// The address moves to `data-blocked-src`.
    #[default]
    Blocked,
    /// `http` and `https` pictures load.
    Allowed,
}

/// Gives the address under which the part with this `Content-ID` can be had.
pub type CidMap<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// How to show.
#[derive(Clone, Copy, Default)]
pub struct Options<'a> {
    /// Whether pictures of other servers load.
    pub remote_images: RemoteImages,
    /// Content-ID without brackets to the address of the part; none: such pictures vanish.
    pub cid: Option<&'a CidMap<'a>>,
}

/// HTML that may be given to a browser, in a sandboxed frame.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Sanitized {
    /// The body's content.
    pub html: String,
    /// Pictures that did not load.
    pub blocked_remote: usize,
    /// The document was longer than is shown.
    pub truncated: bool,
}

/// Makes `html` inert. Never fails; a document that does not come to rest is shown as text.
#[must_use]
pub fn sanitize(html: &str, options: &Options<'_>) -> Sanitized {
    let (html, cut) = clean::body(html.to_owned(), MAX_INPUT);
    let mut passed = html_gate::pass(&html, options, &HashSet::new());
    let truncated = cut || passed.truncated;
    let mut shown = second(&passed);
    for _ in 1..MAX_ROUNDS {
        let own = std::mem::take(&mut passed.own);
        passed = html_gate::pass(&shown, options, &own);
        let again = second(&passed);
        if again == shown {
            return Sanitized {
                html: shown,
                blocked_remote: passed.blocked_remote,
                truncated,
            };
        }
        shown = again;
    }
    let text = html_text::text(&html);
    Sanitized {
        html: body::escape_block(&text),
        blocked_remote: 0,
        truncated,
    }
}

fn second(passed: &Passed) -> String {
    AMMONIA.clean(&passed.html).to_string()
}

static AMMONIA: LazyLock<ammonia::Builder<'static>> = LazyLock::new(|| {
    let mut builder = ammonia::Builder::empty();
    let specific: HashMap<&str, HashSet<&str>> = html_gate::SPECIFIC
        .iter()
        .map(|(tag, names)| (*tag, names.iter().copied().collect()))
        .collect();
    builder
        .tags(html_gate::TAGS.into_iter().collect())
        .clean_content_tags(
            [
                "script", "style", "svg", "math", "iframe", "object", "template",
            ]
            .into_iter()
            .collect(),
        )
        .generic_attributes(html_gate::GENERIC.into_iter().collect())
        .tag_attributes(specific)
        .set_tag_attribute_value("a", "target", "_blank")
        .link_rel(Some("noopener noreferrer nofollow"))
        .url_schemes(
            ["http", "https", "mailto", "tel", "data", "cid"]
                .into_iter()
                .collect(),
        )
        // Addresses of inline parts are the caller's own: relative ones, or `cid:` in a quote. The gate let no other by.
        .url_relative(ammonia::UrlRelative::PassThrough)
        .strip_comments(true)
        .attribute_filter(attribute);
    builder
});

/// ammonia's second look at values.
fn attribute<'u>(tag: &str, name: &str, value: &'u str) -> Option<Cow<'u, str>> {
    match (tag, name) {
        ("a", "href") => html_url::link(value).map(Cow::Owned),
        ("img", "data-blocked-src") => html_url::is_web(value).then_some(Cow::Borrowed(value)),
        ("img", "src") => {
            let data = value
                .get(..5)
                .is_some_and(|s| s.eq_ignore_ascii_case("data:"));
            (!data || html_url::is_data_picture(value)).then_some(Cow::Borrowed(value))
        }
        (_, "style") => Some(css::filter(value))
            .filter(|s| !s.is_empty())
            .map(Cow::Owned),
        _ => Some(Cow::Borrowed(value)),
    }
}
