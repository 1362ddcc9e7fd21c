//! A template in pieces: text, and what stands in braces. Only what cannot make a text grow may stand there.

use crate::TemplateError;

/// A piece of a template, with the line that it begins in, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Piece<'a> {
    pub(crate) kind: Kind,
    /// With its braces.
    pub(crate) text: &'a str,
    pub(crate) line: usize,
}

/// What it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Stands for itself.
    Text,
    /// `{{ ... }}`
    Value,
    /// `{% ... %}`
    Tag,
    /// `{# ... #}`
    Comment,
}

/// Tags that there are.
const TAGS: [&str; 6] = ["if", "elif", "else", "endif", "for", "endfor"];

/// Takes a template apart.
pub(crate) fn pieces(source: &str) -> Result<Vec<Piece<'_>>, TemplateError> {
    let mut pieces = Vec::new();
    let (mut rest, mut line) = (source, 1);
    while !rest.is_empty() {
        let begin = ["{{", "{%", "{#"]
            .iter()
            .filter_map(|open| rest.find(open))
            .min();
        let begin = begin.unwrap_or(rest.len());
        let (text, after) = rest.split_at(begin);
        if !text.is_empty() {
            pieces.push(Piece {
                kind: Kind::Text,
                text,
                line,
            });
            line += text.matches('\n').count();
        }
        if after.is_empty() {
            break;
        }
        let (kind, close) = match after.as_bytes().get(1) {
            Some(b'{') => (Kind::Value, "}}"),
            Some(b'%') => (Kind::Tag, "%}"),
            _ => (Kind::Comment, "#}"),
        };
        let Some(end) = end(after, close, kind == Kind::Comment) else {
            let text = format!("what begins with {} does not end", &after[..2]);
            return Err(TemplateError::new(Some(line), text));
        };
        let (text, after) = after.split_at(end);
        let piece = Piece { kind, text, line };
        check(&piece)?;
        pieces.push(piece);
        line += text.matches('\n').count();
        rest = after;
    }
    Ok(pieces)
}

/// Where it ends, after its closing braces. Braces in texts of an expression do not count.
fn end(text: &str, close: &str, comment: bool) -> Option<usize> {
    if comment {
        return text.get(2..)?.find(close).map(|at| at + 4);
    }
    let bytes = text.as_bytes();
    let (mut at, mut quote) = (2, None);
    while at < bytes.len() {
        match (quote, bytes[at]) {
            (Some(_), b'\\') => at += 1,
            (Some(open), byte) if byte == open => quote = None,
            (Some(_), _) => {}
            (None, byte @ (b'"' | b'\'')) => quote = Some(byte),
            (None, _) if bytes[at..].starts_with(close.as_bytes()) => return Some(at + 2),
            (None, _) => {}
        }
        at += 1;
    }
    None
}

/// The expression in the braces, without the marks that take blanks away.
pub(crate) fn inside<'a>(piece: &Piece<'a>) -> &'a str {
    let text = piece.text.get(2..piece.text.len() - 2).unwrap_or_default();
    let text = text.strip_prefix(['-', '+']).unwrap_or(text);
    text.strip_suffix(['-', '+']).unwrap_or(text).trim()
}

fn check(piece: &Piece<'_>) -> Result<(), TemplateError> {
    let refuse = |text: String| Err(TemplateError::new(Some(piece.line), text));
    let expression = match piece.kind {
        Kind::Text | Kind::Comment => return Ok(()),
        Kind::Value => inside(piece),
        Kind::Tag => {
            let inside = inside(piece);
            let word: String = inside
                .chars()
                .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
                .collect();
            if !TAGS.contains(&word.as_str()) {
                return refuse(format!(
                    "there is no tag {word:?}: there are if, elif, else and for"
                ));
            }
            inside
        }
    };
    if let Some(sign) = growing(expression) {
        return refuse(format!(
            "{sign} cannot stand here: write the texts one after the other"
        ));
    }
    Ok(())
}

/// An operator that could make a text grow without bound, outside of texts.
fn growing(expression: &str) -> Option<char> {
    let (mut quote, mut escaped) = (None, false);
    for c in expression.chars() {
        match quote {
            Some(_) if escaped => escaped = false,
            Some(_) if c == '\\' => escaped = true,
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if matches!(c, '"' | '\'') => quote = Some(c),
            None if matches!(c, '+' | '*' | '~') => return Some(c),
            None => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_end_where_their_braces_end() {
        let text = "a{{ \"}}\" }}b\n{# {{ #}{%- if x -%}c{% endif %}";
        let all: Vec<_> = pieces(text)
            .unwrap()
            .into_iter()
            .map(|p| (p.text, p.line))
            .collect();
        let wanted = [
            ("a", 1),
            ("{{ \"}}\" }}", 1),
            ("b\n", 1),
            ("{# {{ #}", 2),
            ("{%- if x -%}", 2),
            ("c", 2),
            ("{% endif %}", 2),
        ];
        assert_eq!(all, wanted);
        assert_eq!(pieces("x\n{{ y").unwrap_err().line, Some(2));
    }
}
