//! The console's web pages, built from `web/` and embedded in the binary.
//!
//! The pages are a single-page application: [`asset`] answers for files that exist, [`index`] for
//! every other path that a browser asks for, so that deep links work after a reload. In a debug
//! build the files are read from disk at each request; in a release build they are in the binary.
//! Where `web/dist` was never built, [`index`] is a page that says how to build it.

use rust_embed::RustEmbed;
use std::borrow::Cow;

/// Content-Security-Policy of every page of the console but the message frames: nothing from
/// elsewhere, nothing inline.
pub const CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Policy of the empty page that a message's HTML is written into. It has to be a page of its own:
/// a `srcdoc` frame would inherit [`CSP`], which refuses the style attributes that mail lives on.
/// The frame element adds `sandbox` without scripts.
pub const FRAME_CSP: &str = "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; form-action 'none'; base-uri 'none'; frame-ancestors 'self'";

/// The same after the reader chose to show pictures from the internet.
pub const FRAME_IMAGES_CSP: &str = "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' data: http: https:; form-action 'none'; base-uri 'none'; frame-ancestors 'self'";

/// Shown by [`index`] when the pages were not built.
const NOT_BUILT: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Postroom</title>\
<h1>The console was not built</h1>\
<p>Postroom runs and its API answers under <code>/v1</code>, but this binary was built without the web pages.</p>\
<p>Build them with <code>npm ci &amp;&amp; npm run build</code> in <code>crates/console/web</code>, then build Postroom again.</p></html>";

#[derive(RustEmbed)]
#[folder = "web/dist"]
#[allow_missing = true]
struct Dist;

/// One file of the console with what its response needs.
#[derive(Clone, Debug)]
pub struct Asset {
    /// The file.
    pub bytes: Cow<'static, [u8]>,
    /// Value of the Content-Type header.
    pub content_type: &'static str,
    /// Its name carries a hash of its content: a browser may keep it for ever. Otherwise it is
    /// served with `Cache-Control: no-cache`.
    pub immutable: bool,
    /// Value of the Content-Security-Policy header.
    pub csp: &'static str,
}

/// The file at `path` (with or without a leading slash), if there is one. Never leaves the
/// embedded folder, whatever the path says.
pub fn asset(path: &str) -> Option<Asset> {
    let path = path.trim_start_matches('/');
    if path.is_empty() || path.split('/').any(|part| part == "..") {
        return None;
    }
    let file = Dist::get(path)?;
    Some(Asset {
        bytes: file.data,
        content_type: content_type(path),
        immutable: path.starts_with("assets/"),
        csp: policy(path),
    })
}

/// The page that starts the console, or the page that says how to build it.
pub fn index() -> Asset {
    asset("index.html").unwrap_or(Asset {
        bytes: Cow::Borrowed(NOT_BUILT.as_bytes()),
        content_type: content_type("index.html"),
        immutable: false,
        csp: CSP,
    })
}

fn policy(path: &str) -> &'static str {
    match path {
        "message-frame.html" => FRAME_CSP,
        "message-frame-images.html" => FRAME_IMAGES_CSP,
        _ => CSP,
    }
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, extension)| extension) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        Some("woff2") => "font/woff2",
        Some("json" | "webmanifest") => "application/json",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_answers_whether_or_not_the_pages_were_built() {
        let page = index();
        assert_eq!(page.content_type, "text/html; charset=utf-8");
        assert!(String::from_utf8_lossy(&page.bytes).contains("Postroom"));
        assert!(!page.immutable);
    }

    #[test]
    fn a_path_that_climbs_out_finds_nothing() {
        for path in [
            "../Cargo.toml",
            "/../../Cargo.toml",
            "assets/../../package.json",
            "",
            "/",
        ] {
            assert!(asset(path).is_none(), "{path}");
        }
    }

    #[test]
    fn only_the_message_frames_allow_inline_styles_and_no_page_allows_inline_scripts() {
        assert!(!policy("index.html").contains("unsafe"));
        for path in ["message-frame.html", "message-frame-images.html"] {
            assert!(policy(path).contains("style-src 'self' 'unsafe-inline'"));
            assert!(!policy(path).contains("script-src"));
            assert!(policy(path).contains("frame-ancestors 'self'"));
        }
        assert!(!policy("message-frame.html").contains("http"));
    }
}
