//! Texts with variables, for signatures and templates of mail: `Dear {{ name }}`, `{% if phone %}...{% endif %}`.
//!
//! Pure: no files, no loaders, no clock. Who writes a template is trusted with what it says, and not with more: it can take no
//! more time ([`FUEL`]) or memory ([`MAX_OUTPUT`]) than a mail needs, because it has no loops but over its data, no functions,
//! and no operator or filter that makes a text grow. What it is filled with is not trusted at all: it is escaped by where it
//! stands ([`places`]), and where no escaping is safe, the template is refused when it is saved.

mod filters;
mod places;
mod tags;

use minijinja::value::Serde;
use minijinja::{
    AutoEscape, Environment, Error, ErrorKind, Output, State, UndefinedBehavior, Value,
};
use std::io;

/// Longest template, in bytes.
pub const MAX_SOURCE: usize = 512 * 1024;
/// Longest text that comes of one, in bytes.
pub const MAX_OUTPUT: usize = 1024 * 1024;
/// Steps of the engine for one text.
pub const FUEL: u64 = 200_000;

/// What a template makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// HTML: what is filled in is text there, never markup.
    Html,
    /// Plain text.
    Text,
    /// One line, such as a subject: line breaks in what is filled in become blanks.
    Line,
}

/// What is done where the data lacks something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// It is an error that names it.
    Refused,
    /// It is empty.
    Empty,
}

/// Why a template cannot be used, or not with this data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{message}", line.map_or_else(String::new, |line| format!("line {line}: ")))]
pub struct TemplateError {
    /// The line of the template, from 1.
    pub line: Option<usize>,
    /// What is wrong, in plain words.
    pub message: String,
}

impl TemplateError {
    fn new(line: Option<usize>, message: impl Into<String>) -> Self {
        Self {
            line,
            message: message.into(),
        }
    }
}

/// Checks a template, and tells the variables that it takes, such as `name` and `order.number`, in order.
///
/// # Errors
/// It is too long, is no template, or fills something in where no escaping is safe.
pub fn check(source: &str, form: Form) -> Result<Vec<String>, TemplateError> {
    let prepared = prepared(source, form)?;
    let environment = environment(form);
    let template = environment
        .template_from_named_str("template", &prepared)
        .map_err(|error| refused(&error, Vec::new()))?;
    let mut variables: Vec<String> = template.undeclared_variables(true).into_iter().collect();
    variables.sort();
    Ok(variables)
}

/// Fills a template. `data`: an object. A template can ask for what may be missing (`{% if phone %}`, `{{ phone|default("") }}`).
///
/// # Errors
/// As [`check`], or the data does not fit, or the text would be too long.
pub fn render(
    source: &str,
    form: Form,
    data: &serde_json::Value,
    missing: Missing,
) -> Result<String, TemplateError> {
    let prepared = prepared(source, form)?;
    let mut environment = environment(form);
    if missing == Missing::Empty {
        environment.set_undefined_behavior(UndefinedBehavior::Chainable);
    }
    let template = environment
        .template_from_named_str("template", &prepared)
        .map_err(|error| refused(&error, Vec::new()))?;
    let mut out = Bounded(Vec::new());
    let done = template.render_captured_to(Value::from(Serde(data)), &mut out);
    if let Err(error) = done {
        let wanted = template.undeclared_variables(true).into_iter();
        let mut missing: Vec<String> = wanted.filter(|path| !has(data, path)).collect();
        missing.sort();
        return Err(refused(&error, missing));
    }
    // What was written are texts of ours and of the engine: whole characters.
    let text = String::from_utf8_lossy(&out.0).into_owned();
    Ok(match form {
        Form::Line => text.split_whitespace().collect::<Vec<_>>().join(" "),
        Form::Html | Form::Text => text,
    })
}

fn prepared(source: &str, form: Form) -> Result<String, TemplateError> {
    if source.len() > MAX_SOURCE {
        let text = format!("the template has more than {MAX_SOURCE} bytes");
        return Err(TemplateError::new(None, text));
    }
    let pieces = tags::pieces(source)?;
    match form {
        Form::Html => places::escaped(&pieces),
        Form::Text | Form::Line => Ok(source.to_owned()),
    }
}

/// An engine that knows the filters of [`filters`] and nothing else.
fn environment(form: Form) -> Environment<'static> {
    let mut environment = Environment::empty();
    environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    environment.set_fuel(Some(FUEL));
    environment.set_auto_escape_callback(move |_| match form {
        Form::Html => AutoEscape::Html,
        Form::Text | Form::Line => AutoEscape::None,
    });
    environment.set_formatter(write);
    filters::add(&mut environment);
    environment
}

/// Writes a value: nothing for null, and in HTML with the five signs escaped that mean something there. The engine would escape
/// every slash as well, which makes links hard to read for people and for filters of spam.
fn write(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    if value.is_none() {
        return Ok(());
    }
    if value.is_undefined() || !matches!(state.auto_escape(), AutoEscape::Html) {
        return minijinja::escape_formatter(out, state, value);
    }
    let text = value.to_string();
    let mut rest = text.as_str();
    while let Some(at) = rest.find(['&', '<', '>', '"', '\'']) {
        let (plain, from) = rest.split_at(at);
        let sign = match from.as_bytes().first() {
            Some(b'&') => "&amp;",
            Some(b'<') => "&lt;",
            Some(b'>') => "&gt;",
            Some(b'"') => "&quot;",
            _ => "&#39;",
        };
        out.write_str(plain)?;
        out.write_str(sign)?;
        rest = from.get(1..).unwrap_or_default();
    }
    Ok(out.write_str(rest)?)
}

/// Whether the data has something at a path such as `order.number`.
fn has(data: &serde_json::Value, path: &str) -> bool {
    let mut at = Some(data);
    for name in path.split('.') {
        at = at.and_then(|value| value.get(name));
    }
    at.is_some()
}

/// The engine's words, where they help whoever wrote the template.
fn refused(error: &minijinja::Error, missing: Vec<String>) -> TemplateError {
    let detail = error.detail().unwrap_or_default();
    let text = match error.kind() {
        ErrorKind::UndefinedError if !missing.is_empty() => {
            format!("the data has no {}", missing.join(", no "))
        }
        ErrorKind::UndefinedError => "the data lacks what is asked for here".to_owned(),
        ErrorKind::OutOfFuel => "it takes more steps than a mail may".to_owned(),
        ErrorKind::WriteFailure => format!("the text would have more than {MAX_OUTPUT} bytes"),
        ErrorKind::UnknownFilter => format!("there is no such filter: {detail}"),
        ErrorKind::UnknownTest => format!("there is no such test: {detail}"),
        ErrorKind::UnknownFunction => "there are no functions".to_owned(),
        _ if detail.is_empty() => error.kind().to_string(),
        _ => detail.to_owned(),
    };
    TemplateError::new(error.line(), text)
}

/// Takes so much and no more.
struct Bounded(Vec<u8>);

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > MAX_OUTPUT {
            return Err(io::Error::other("too long"));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn html(source: &str, data: serde_json::Value) -> String {
        render(source, Form::Html, &data, Missing::Refused)
            .unwrap_or_else(|error| format!("{error}"))
    }

    #[test]
    fn what_is_filled_in_is_never_markup_and_never_a_script() {
        let evil = "<script>alert(1)</script>\" onclick='x'";
        let made = html("<p title=\"{{ a }}\">{{ a|upper }}</p>", json!({"a": evil}));
        assert!(
            !made.contains("<script") && !made.contains("<SCRIPT") && !made.contains("' "),
            "{made}"
        );
        assert_eq!(made.matches('"').count(), 2, "{made}");
        let link = "<a href=\"{{ a }}\">x</a>";
        assert_eq!(
            html(link, json!({"a": "mailto:a@b.c"})),
            "<a href=\"mailto:a@b.c\">x</a>"
        );
        let refused = html(link, json!({"a": "javascript:alert(1)"}));
        assert!(refused.contains("a link may only go to"), "{refused}");
        let query = html("<a href='https://x.y/?q={{ a }}'>", json!({"a": "b&c=d'"}));
        assert!(query.contains("q=b%26c%3Dd%27"), "{query}");
        let line = render(
            "Hi {{ a }}",
            Form::Line,
            &json!({"a": "x\r\nBcc: y@z"}),
            Missing::Refused,
        );
        assert_eq!(line.unwrap(), "Hi x Bcc: y@z");
        let text = render(
            "{{ a }}",
            Form::Text,
            &json!({"a": "<b> & c"}),
            Missing::Refused,
        );
        assert_eq!(text.unwrap(), "<b> & c");
    }

    #[test]
    fn what_is_missing_is_named_unless_it_was_asked_for() {
        let data = json!({"name": "Ann", "order": {"number": 7}, "items": ["a", "b"], "date": "2026-03-02"});
        let source = "{{ name }} {{ order.number }} {% for one in items %}[{{ one }}]{% endfor %} {{ items|join(\", \") }}\
            {% if phone %}{{ phone }}{% endif %}{{ phone|default('-') }} {{ date|date('%d.%m.%Y') }}";
        assert_eq!(
            render(source, Form::Text, &data, Missing::Refused).unwrap(),
            "Ann 7 [a][b] a, b- 02.03.2026"
        );
        let wanted = ["date", "items", "name", "order.number", "phone"];
        assert_eq!(check(source, Form::Text).unwrap(), wanted);
        let error = render(
            "a\n{{ order.total }}{{ who }}",
            Form::Text,
            &data,
            Missing::Refused,
        )
        .unwrap_err();
        assert_eq!(error.line, Some(2));
        assert!(error.message.contains("order.total"), "{error}");
        let empty = render(
            "[{{ order.total.sum }}{{ who }}]",
            Form::Text,
            &data,
            Missing::Empty,
        );
        assert_eq!(empty.unwrap(), "[]");
        for (source, word) in [
            ("{{ a", "does not end"),
            ("{% if a %}", "end"),
            ("{% set a = 1 %}", "there is no tag"),
            ("{% include 'x' %}", "there is no tag"),
            ("{{ a ~ a }}", "cannot stand here"),
            ("{{ 'x' * 1000000000 }}", "cannot stand here"),
            ("{{ a|safe }}", "filter"),
            ("{{ range(9) }}", "function"),
        ] {
            let error =
                render(source, Form::Html, &json!({"a": "x"}), Missing::Refused).unwrap_err();
            assert!(error.message.contains(word), "{source}: {error}");
        }
    }

    #[test]
    fn no_template_takes_more_than_a_mail_needs() {
        let many: Vec<u32> = (0..1_000).collect();
        let loops =
            "{% for a in l %}{% for b in l %}{% for c in l %}x{% endfor %}{% endfor %}{% endfor %}";
        let error = render(loops, Form::Text, &json!({"l": many}), Missing::Refused).unwrap_err();
        assert!(error.message.contains("more steps"), "{error}");
        let long = "y".repeat(10_000);
        let source = "{% for a in l %}{{ t }}{% endfor %}";
        let error = render(
            source,
            Form::Text,
            &json!({"l": many, "t": long}),
            Missing::Refused,
        )
        .unwrap_err();
        assert!(error.message.contains("more than"), "{error}");
        assert!(check(&"x".repeat(MAX_SOURCE + 1), Form::Text).is_err());
        let deep = format!("{}{}", "{% if a %}".repeat(500), "{% endif %}".repeat(500));
        assert!(check(&deep, Form::Text).is_err());
        let wide = format!("{{{{ {}a{} }}}}", "(".repeat(5_000), ")".repeat(5_000));
        assert!(check(&wide, Form::Text).is_err());
    }
}
