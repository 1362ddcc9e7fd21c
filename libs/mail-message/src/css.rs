//! Style attributes reduced to what can only change the look of the text itself.
//!
//! A short list of properties, values without addresses or functions other than colours,
//! nothing that leaves its place: no `position`, no negative margins, no `url()`.

/// Longest style attribute looked at, in bytes.
const MAX_STYLE: usize = 8 * 1024;
const MAX_VALUE: usize = 200;

const PROPERTIES: [&str; 57] = [
    "background",
    "background-color",
    "border",
    "border-bottom",
    "border-bottom-color",
    "border-bottom-style",
    "border-bottom-width",
    "border-collapse",
    "border-color",
    "border-left",
    "border-left-color",
    "border-left-style",
    "border-left-width",
    "border-radius",
    "border-right",
    "border-right-color",
    "border-right-style",
    "border-right-width",
    "border-spacing",
    "border-style",
    "border-top",
    "border-top-color",
    "border-top-style",
    "border-top-width",
    "border-width",
    "clear",
    "color",
    "direction",
    "display",
    "float",
    "font",
    "font-family",
    "font-size",
    "font-style",
    "font-variant",
    "font-weight",
    "height",
    "letter-spacing",
    "line-height",
    "list-style-type",
    "margin",
    "margin-bottom",
    "margin-left",
    "margin-right",
    "margin-top",
    "max-width",
    "min-width",
    "padding",
    "padding-bottom",
    "padding-left",
    "padding-right",
    "padding-top",
    "text-align",
    "text-decoration",
    "vertical-align",
    "white-space",
    "width",
];

/// The safe part of a style attribute, normalised; empty where nothing is left.
pub(crate) fn filter(style: &str) -> String {
    // Escapes and comments exist to hide words from filters.
    if style.len() > MAX_STYLE || style.contains('\\') || style.contains("/*") {
        return String::new();
    }
    let mut out = String::new();
    for declaration in split(style) {
        let Some((name, value)) = declaration.split_once(':') else {
            continue;
        };
        let name = name.trim().to_ascii_lowercase();
        if !PROPERTIES.contains(&name.as_str()) {
            continue;
        }
        let value = value.split_whitespace().collect::<Vec<_>>().join(" ");
        if safe(&name, &value) {
            if !out.is_empty() {
                out.push_str("; ");
            }
            out.push_str(&name);
            out.push_str(": ");
            out.push_str(&value);
        }
    }
    out
}

/// Splits at semicolons outside of quotes and brackets.
fn split(style: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let (mut from, mut depth, mut quote) = (0, 0usize, None);
    for (at, c) in style.char_indices() {
        match (quote, c) {
            (Some(q), c) if c == q => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '(') => depth += 1,
            (None, ')') => depth = depth.saturating_sub(1),
            (None, ';') if depth == 0 => {
                pieces.push(style.get(from..at).unwrap_or_default());
                from = at + 1;
            }
            _ => {}
        }
    }
    pieces.push(style.get(from..).unwrap_or_default());
    pieces
}

fn safe(name: &str, value: &str) -> bool {
    if value.is_empty() || value.len() > MAX_VALUE {
        return false;
    }
    let plain = |c: char| c.is_alphanumeric() || " #%.,-+'\"()!/".contains(c);
    if !value.chars().all(plain) {
        return false;
    }
    let even = |q: char| value.matches(q).count().is_multiple_of(2);
    if !even('"') || !even('\'') || value.matches('(').count() != value.matches(')').count() {
        return false;
    }
    let lower = value.to_ascii_lowercase();
    // Every bracket belongs to a colour.
    let mut rest = lower.as_str();
    while let Some((before, after)) = rest.split_once('(') {
        let function = before.rsplit([' ', ',']).next().unwrap_or_default();
        if !matches!(function, "rgb" | "rgba" | "hsl" | "hsla") {
            return false;
        }
        rest = after;
    }
    if [
        "url",
        "expression",
        "javascript",
        "behavior",
        "-moz-binding",
    ]
    .iter()
    .any(|w| lower.contains(w))
    {
        return false;
    }
    // Text must not be moved over other text.
    let negative = lower.starts_with('-') || lower.contains(" -");
    if negative && !name.starts_with("font") {
        return false;
    }
    name != "display"
        || matches!(
            lower.as_str(),
            "block"
                | "inline"
                | "inline-block"
                | "none"
                | "table"
                | "table-cell"
                | "table-row"
                | "none !important"
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_harmless_declarations_stay() {
        let table = [
            ("color:red", "color: red"),
            (
                "COLOR : #FFF;font-family:\"Segoe UI\", Arial",
                "color: #FFF; font-family: \"Segoe UI\", Arial",
            ),
            ("background:url(http://e.vil/x)", ""),
            ("background:#fff url('//e.vil')", ""),
            (
                "background-color:rgba(0,0,0,.5)",
                "background-color: rgba(0,0,0,.5)",
            ),
            ("width:expression(alert(1))", ""),
            ("position:fixed;top:0;color:blue", "color: blue"),
            ("color:re\\64;", ""),
            ("color:/**/red", ""),
            ("@import 'x';color:red", "color: red"),
            ("margin:-100px", ""),
            ("margin:0 -1px", ""),
            ("font-family:'a;color:red", ""),
            ("color:red!important", "color: red!important"),
            ("color:var(--x)", ""),
            ("background-image:image-set('x')", ""),
            ("width:100%", "width: 100%"),
            ("behavior:url(x)", ""),
            ("display:flex", ""),
        ];
        for (given, want) in table {
            assert_eq!(filter(given), want, "{given}");
            assert_eq!(filter(want), want, "{given}");
        }
    }
}
