//! Attachments: what they are and names that are safe to save under (S18).

use crate::clean;
use crate::mime::{Kind, Part};
use crate::read::AttachmentMeta;

/// Longest file name in bytes: below the 255 of common file systems, with room for a suffix.
pub(crate) const MAX_FILENAME: usize = 200;

/// Describes part `index`; `size` is filled from the decoded body.
pub(crate) fn meta(part: &Part<'_>, index: usize) -> AttachmentMeta {
    let content_type = content_type(part);
    AttachmentMeta {
        index: u32::try_from(index).unwrap_or(u32::MAX),
        filename: filename(part, index, &content_type),
        size: part.bytes(usize::MAX).len() as u64,
        inline: is_inline(part),
        content_id: content_id(part),
        content_type,
    }
}

/// Shown inside the text: a picture that the HTML names, not a file to list.
pub(crate) fn is_inline(part: &Part<'_>) -> bool {
    match part.disposition.value.as_str() {
        "attachment" => false,
        "inline" => {
            content_id(part).is_some()
                || (part.content_type.value.starts_with("image/") && raw_name(part).is_none())
        }
        _ => content_id(part).is_some() && part.content_type.value.starts_with("image/"),
    }
}

pub(crate) fn content_id(part: &Part<'_>) -> Option<String> {
    let value = part.fields.get("Content-ID")?;
    crate::header::message_ids(value, 1).pop().or_else(|| {
        let text = clean::line(
            &String::from_utf8_lossy(crate::header::cap(value, 998)),
            998,
        );
        (!text.is_empty()).then(|| text.trim_matches(['<', '>']).to_owned())
    })
}

/// The file name as given, still unsafe.
pub(crate) fn raw_name(part: &Part<'_>) -> Option<String> {
    let name = part
        .disposition
        .get("filename")
        .or_else(|| part.content_type.get("name"))?;
    let name = if name.contains("=?") {
        crate::words::text(name.as_bytes())
    } else {
        name.to_owned()
    };
    (!name.trim().is_empty()).then_some(name)
}

/// "type/subtype" of known good characters, else `application/octet-stream`.
fn content_type(part: &Part<'_>) -> String {
    let value = &part.content_type.value;
    let good = |s: &str| {
        !s.is_empty()
            && s.bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"!#$&^_.+-".contains(&b))
    };
    match value.split_once('/') {
        Some((main, sub)) if good(main) && good(sub) && value.len() <= 127 => value.clone(),
        _ => "application/octet-stream".to_owned(),
    }
}

fn filename(part: &Part<'_>, index: usize, content_type: &str) -> String {
    if let Some(name) = raw_name(part)
        .map(|n| safe_filename(&n))
        .filter(|n| !n.is_empty())
    {
        return name;
    }
    if part.kind == Kind::Message || content_type == "message/rfc822" {
        let subject = inner_subject(part.body);
        let name = safe_filename(&subject);
        if !name.is_empty() {
            return safe_filename(&format!("{name}.eml"));
        }
        return format!("message-{index}.eml");
    }
    let extension = match content_type {
        "text/plain" => "txt",
        "text/html" => "html",
        "text/calendar" => "ics",
        "text/csv" => "csv",
        "text/vcard" | "text/x-vcard" => "vcf",
        "image/png" => "png",
        "image/jpeg" => "jpg",
        "image/gif" => "gif",
        "image/webp" => "webp",
        "application/pdf" => "pdf",
        "application/zip" => "zip",
        "application/pgp-signature" => "asc",
        "application/pkcs7-signature" | "application/x-pkcs7-signature" => "p7s",
        "message/delivery-status" | "message/disposition-notification" => "txt",
        _ => "bin",
    };
    format!("attachment-{index}.{extension}")
}

fn inner_subject(body: &[u8]) -> String {
    let (fields, _) = crate::header::block(body, |_| false);
    fields
        .get("Subject")
        .map(|v| crate::words::text(crate::header::cap(v, 2_000)))
        .unwrap_or_default()
}

/// A file name without path, control characters or tricks of direction, at most
/// [`MAX_FILENAME`] bytes with its extension kept; empty where nothing is left.
pub(crate) fn safe_filename(name: &str) -> String {
    let last = name
        .rsplit(['/', '\\'])
        .find(|p| !p.trim().is_empty())
        .unwrap_or_default();
    let kept: String = last
        .chars()
        .filter(|c| !clean::is_invisible(*c))
        .map(|c| {
            // Separators of paths, streams and shells on any system; look-alike slashes too.
            if matches!(
                c,
                ':' | '*'
                    | '?'
                    | '"'
                    | '<'
                    | '>'
                    | '|'
                    | '\u{2215}'
                    | '\u{2044}'
                    | '\u{ff0f}'
                    | '\u{ff3c}'
            ) {
                '_'
            } else {
                c
            }
        })
        .collect();
    // Cut for good below, where the extension survives.
    let kept = clean::line(&kept, 20 * MAX_FILENAME);
    // Leading dots hide files or climb; trailing dots and blanks vanish on Windows.
    let kept = kept
        .trim_start_matches(['.', ' '])
        .trim_end_matches(['.', ' ']);
    let kept = shorten(kept);
    if is_device(&kept) {
        format!("_{kept}")
    } else {
        kept
    }
}

fn shorten(name: &str) -> String {
    if name.len() <= MAX_FILENAME {
        return name.to_owned();
    }
    let (stem, extension) = match name.rsplit_once('.') {
        Some((stem, extension)) if extension.len() <= 20 => (stem, Some(extension)),
        _ => (name, None),
    };
    let room = MAX_FILENAME - extension.map_or(0, |e| e.len() + 1);
    let stem = stem
        .get(..clean::floor_boundary(stem, room))
        .unwrap_or_default();
    match extension {
        Some(extension) => format!("{stem}.{extension}"),
        None => stem.to_owned(),
    }
}

/// Names that mean devices on Windows, with any extension.
fn is_device(name: &str) -> bool {
    let stem = name
        .split('.')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_uppercase();
    matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL")
        || ((stem.starts_with("COM") || stem.starts_with("LPT"))
            && stem.len() == 4
            && stem.ends_with(|c: char| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_are_safe_to_save_under() {
        let long = format!("{}.pdf", "ä".repeat(300));
        let table = [
            ("report.pdf", "report.pdf"),
            ("../../etc/passwd", "passwd"),
            ("C:\\Users\\x\\a.doc", "a.doc"),
            ("..", ""),
            (".htaccess", "htaccess"),
            ("a\r\nSet-Cookie: x", "a Set-Cookie_ x"),
            ("gpj.\u{202e}exe", "gpj.exe"),
            ("a\0b.txt", "ab.txt"),
            ("nul.txt", "_nul.txt"),
            ("x. . .", "x"),
            ("grün 中.txt", "grün 中.txt"),
            ("a/b/", "b"),
        ];
        for (given, want) in table {
            assert_eq!(safe_filename(given), want, "{given:?}");
        }
        let short = safe_filename(&long);
        assert!(short.len() <= MAX_FILENAME && short.ends_with(".pdf"));
    }
}
