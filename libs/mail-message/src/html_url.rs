//! Addresses in HTML: which links may be followed and which pictures may be shown.

/// Longest address of a link or picture.
const MAX_URL: usize = 4_000;
/// Longest picture inside the HTML itself.
const MAX_DATA_URL: usize = 512 * 1024;

/// The rest of `url` after `scheme`, any case.
pub(crate) fn strip_scheme<'u>(url: &'u str, scheme: &str) -> Option<&'u str> {
    let (start, rest) = url.split_at_checked(scheme.len())?;
    start.eq_ignore_ascii_case(scheme).then_some(rest)
}

/// `http://host` or `https://host`.
pub(crate) fn is_web(url: &str) -> bool {
    url.len() <= MAX_URL
        && ["http://", "https://"].iter().any(|scheme| {
            strip_scheme(url, scheme)
                .is_some_and(|rest| rest.starts_with(|c: char| c.is_alphanumeric() || c == '['))
        })
}

/// Pictures without script inside: never SVG.
pub(crate) fn is_data_picture(url: &str) -> bool {
    url.len() <= MAX_DATA_URL
        && ["png", "jpeg", "jpg", "gif", "webp"].iter().any(|kind| {
            strip_scheme(url, &format!("data:image/{kind};base64,")).is_some_and(|data| {
                data.bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'='))
            })
        })
}

/// A link that may be followed: web, mail or telephone.
pub(crate) fn link(url: &str) -> Option<String> {
    let url = url.trim();
    if url.len() > MAX_URL {
        return None;
    }
    let known = is_web(url)
        || strip_scheme(url, "mailto:").is_some()
        || strip_scheme(url, "tel:").is_some_and(|n| {
            n.chars()
                .all(|c| c.is_ascii_digit() || "+-.()%;=".contains(c))
        });
    known.then(|| url.split_whitespace().collect::<Vec<_>>().join("%20"))
}

/// Undoes percent-encoding; wrong escapes stay.
pub(crate) fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&b, tail)) = rest.split_first() {
        let escape = tail.get(..2).and_then(|h| std::str::from_utf8(h).ok());
        match escape.and_then(|h| u8::from_str_radix(h, 16).ok()) {
            Some(code) if b == b'%' => {
                bytes.push(code);
                rest = tail.get(2..).unwrap_or_default();
            }
            _ => {
                bytes.push(b);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
