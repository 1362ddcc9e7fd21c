//! Pictures inside HTML: every `cid:` has its part, every inline part is named, and pictures that
//! came as `data:` become parts, because many mail programs do not show them otherwise.

use crate::attachments::safe_filename;
use crate::compose::{Draft, DraftAttachment, FieldError, MAX_ATTACHMENTS};
use crate::decode;
use crate::html_scan::{Piece, Scanner, attributes, unescape};
use crate::html_url::percent_decoded;
use std::collections::{HashMap, HashSet};

/// Ids that are looked at, so that a bad document costs no more than a good one.
const MAX_NAMED: usize = 2_000;

/// Brings the HTML and the attachments of a draft together: `data:` pictures of the HTML become
/// inline attachments, attachments that the HTML names become inline, and inline ones that it
/// does not name become files like any other. What cannot be mended is named.
pub(crate) fn settle(draft: &mut Draft) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let Some(html) = draft.html.take() else {
        draft.attachments.iter_mut().for_each(|a| a.inline = false);
        return errors;
    };
    let html = match with_parts(&html, draft) {
        Ok(html) => html,
        Err(message) => {
            errors.push(refused("/html", message));
            html
        }
    };
    let named = all_named(&html);
    let mut known = HashSet::new();
    for (n, file) in draft.attachments.iter_mut().enumerate() {
        let Some(id) = &file.content_id else {
            file.inline = false;
            continue;
        };
        file.inline = named.shown.contains(id) || named.styled.contains(id);
        if file.inline && !known.insert(id.clone()) {
            let pointer = format!("/attachments/{n}/content_id");
            errors.push(refused(&pointer, "is another attachment's content id too"));
        }
    }
    let mut missing: Vec<_> = named.shown.difference(&known).collect();
    missing.sort_unstable();
    for id in missing.into_iter().take(10) {
        let message = format!("shows the picture cid:{id}, and no attachment has this content_id");
        errors.push(refused("/html", message));
    }
    draft.html = Some(html);
    errors
}

/// The content ids that HTML shows, without brackets.
#[must_use]
pub fn named(html: &str) -> HashSet<String> {
    let Named { mut shown, styled } = all_named(html);
    shown.extend(styled);
    shown
}

/// The content ids in HTML: in attributes, and in style sheets, where they are only believed.
#[derive(Default)]
struct Named {
    shown: HashSet<String>,
    styled: HashSet<String>,
}

fn all_named(html: &str) -> Named {
    let mut named = Named::default();
    let lower = html.to_ascii_lowercase();
    if !lower.contains("cid:") {
        return named;
    }
    for value in values(html) {
        let mut plain = String::new();
        unescape(value, &mut plain);
        let plain = plain.trim();
        if let Some(id) = after_scheme(plain, "cid:") {
            add(&mut named.shown, id);
        }
    }
    let mut from = 0;
    while let Some(at) = lower.get(from..).and_then(|rest| rest.find("url(")) {
        from += at + "url(".len();
        let inside = html.get(from..).unwrap_or_default();
        let inside = inside.trim_start().trim_start_matches("&quot;");
        let inside = inside.trim_start_matches(['"', '\'']);
        if let Some(id) = after_scheme(inside, "cid:") {
            let end = id.find([')', '"', '\'', '&', ' ']).unwrap_or(id.len());
            add(&mut named.styled, id.get(..end).unwrap_or_default());
        }
    }
    named
}

fn add(ids: &mut HashSet<String>, id: &str) {
    if !id.is_empty() && ids.len() < MAX_NAMED {
        ids.insert(percent_decoded(id.trim()));
    }
}

/// The raw values of all attributes.
fn values(html: &str) -> impl Iterator<Item = &str> {
    Scanner::new(html)
        .filter_map(|(_, piece)| match piece {
            Piece::Start { attributes, .. } => Some(attributes),
            _ => None,
        })
        .flat_map(|list| attributes(list).map(|(_, value)| value))
}

fn after_scheme<'v>(value: &'v str, scheme: &str) -> Option<&'v str> {
    let head = value.get(..scheme.len())?;
    head.eq_ignore_ascii_case(scheme)
        .then(|| value.get(scheme.len()..))?
}

/// The HTML with each `data:` picture named by a content id, its bytes added to the attachments.
fn with_parts(html: &str, draft: &mut Draft) -> Result<String, String> {
    let mut out = String::new();
    let mut from = 0;
    let mut known: HashMap<&str, String> = HashMap::new();
    for value in values(html) {
        let begins = value.trim_start();
        if after_scheme(begins, "data:").is_none() {
            continue;
        }
        let id = match known.get(value) {
            Some(id) => id.clone(),
            None => {
                let Some((content_type, bytes)) = picture(begins)? else {
                    continue;
                };
                if draft.attachments.len() >= MAX_ATTACHMENTS {
                    return Err(format!("holds more than {MAX_ATTACHMENTS} pictures"));
                }
                let n = known.len() + 1;
                let domain = draft.message_id.rsplit('@').next().unwrap_or_default();
                let unique = draft.message_id.split('@').next().unwrap_or_default();
                let short = unique.get(..unique.len().min(100)).unwrap_or_default();
                let id = format!("picture-{n}.{short}@{domain}");
                let kind = content_type.split(['/', '+']).nth(1).unwrap_or("bin");
                draft.attachments.push(DraftAttachment {
                    filename: safe_filename(&format!("picture-{n}.{}", extension(kind))),
                    content_type,
                    bytes,
                    content_id: Some(id.clone()),
                    inline: true,
                    outside: None,
                });
                known.insert(value, id.clone());
                id
            }
        };
        // Values are slices of the document: where they begin is where they stand in it.
        let at = (value.as_ptr() as usize).saturating_sub(html.as_ptr() as usize);
        out.push_str(html.get(from..at).unwrap_or_default());
        out.push_str("cid:");
        out.push_str(&id);
        from = at + value.len();
    }
    out.push_str(html.get(from..).unwrap_or_default());
    Ok(out)
}

/// Type and bytes of a `data:` picture (RFC 2397); none where it is something else.
fn picture(value: &str) -> Result<Option<(String, Vec<u8>)>, String> {
    let mut plain = String::new();
    unescape(value.trim(), &mut plain);
    let rest = plain.get("data:".len()..).unwrap_or_default();
    let Some((head, data)) = rest.split_once(',') else {
        return Ok(None);
    };
    let mut words = head.split(';').map(str::trim);
    let content_type = words.next().unwrap_or_default().to_ascii_lowercase();
    if !content_type.starts_with("image/") {
        return Ok(None);
    }
    let data = percent_decoded(data).into_bytes();
    let bytes = if words.any(|word| word.eq_ignore_ascii_case("base64")) {
        let good = |b: &u8| b.is_ascii_alphanumeric() || b"+/=-_ \t\r\n".contains(b);
        if !data.iter().all(good) {
            return Err("has a data: picture that is not base64".to_owned());
        }
        decode::base64(&data, usize::MAX)
    } else {
        data
    };
    Ok(Some((content_type, bytes)))
}

fn extension(kind: &str) -> &str {
    match kind {
        "jpeg" | "pjpeg" => "jpg",
        kind => kind,
    }
}

fn refused(pointer: &str, message: impl Into<String>) -> FieldError {
    FieldError {
        pointer: pointer.to_owned(),
        message: message.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(id: Option<&str>, inline: bool) -> DraftAttachment {
        DraftAttachment {
            filename: "a.png".into(),
            content_type: "image/png".into(),
            content_id: id.map(str::to_owned),
            inline,
            ..DraftAttachment::default()
        }
    }

    fn settled(html: &str, attachments: Vec<DraftAttachment>) -> (Draft, Vec<FieldError>) {
        let mut draft = Draft {
            html: Some(html.to_owned()),
            message_id: "m1@x.test".into(),
            attachments,
            ..Draft::default()
        };
        let errors = settle(&mut draft);
        (draft, errors)
    }

    #[test]
    fn a_picture_without_its_part_is_an_error_and_a_part_without_its_picture_is_a_file() {
        let (_, errors) = settled("<img src='cid:gone'> cid:text", vec![]);
        assert_eq!(errors.len(), 1);
        assert_eq!(errors[0].pointer, "/html");
        assert!(errors[0].message.contains("cid:gone"));
        let html = "<img src=\"CID:a%40x\"><td style='background:url(cid:b)'>";
        let files = vec![
            file(Some("a@x"), false),
            file(Some("b"), true),
            file(Some("c"), true),
            file(None, true),
        ];
        let (draft, errors) = settled(html, files);
        assert_eq!(errors, []);
        let inline: Vec<bool> = draft.attachments.iter().map(|a| a.inline).collect();
        assert_eq!(inline, [true, true, false, false]);
        let twice = vec![file(Some("a"), true), file(Some("a"), true)];
        assert_eq!(
            settled("<img src=cid:a>", twice).1[0].pointer,
            "/attachments/1/content_id"
        );
    }

    #[test]
    fn data_pictures_become_parts_once_each() {
        let png = "data:image/png;base64,AQID";
        let html =
            format!("<p>a<img src=\"{png}\" alt=x><img src='{png}'><a href='data:text/html,x'>b");
        let (draft, errors) = settled(&html, vec![]);
        assert_eq!(errors, []);
        assert_eq!(draft.attachments.len(), 1);
        assert_eq!(draft.attachments[0].bytes, [1, 2, 3]);
        assert_eq!(draft.attachments[0].filename, "picture-1.png");
        assert_eq!(
            draft.html.as_deref(),
            Some(
                "<p>a<img src=\"cid:picture-1.m1@x.test\" alt=x><img src='cid:picture-1.m1@x.test'><a href='data:text/html,x'>b"
            )
        );
        let (_, errors) = settled("<img src='data:image/png;base64,!!'>", vec![]);
        assert_eq!(errors[0].pointer, "/html");
    }
}
