//! What people type into the search, as a filter of the store.

use mail_message::search::{self, parse_query};
use model::Timestamp;
use store::messages::Filter;
use store::search::{Field, Term};

/// Narrows a filter by the words and operators of a search; `false` when there is nothing in it
/// that could be looked for (signs alone), so that nothing is found.
pub(super) fn narrow(filter: &mut Filter, text: &str) -> bool {
    let query = parse_query(text);
    if query == search::Query::default() {
        return text.trim().is_empty();
    }
    filter
        .terms
        .extend(query.terms.into_iter().map(|term| Term {
            field: match term.field {
                search::Field::Any => Field::Any,
                search::Field::Subject => Field::Subject,
                search::Field::From => Field::From,
                search::Field::To => Field::To,
                search::Field::Body => Field::Body,
            },
            tokens: term.text_tokens,
            phrase: term.phrase,
            negated: term.negated,
            prefix: term.prefix,
        }));
    let from = query.from.into_iter().map(|person| (Field::From, person));
    let to = query.to.into_iter().map(|person| (Field::To, person));
    for (field, tokens) in from.chain(to) {
        filter.terms.push(Term {
            field,
            tokens,
            phrase: true,
            negated: false,
            prefix: true,
        });
    }
    filter.terms.retain(|term| !term.tokens.is_empty());
    filter.has_attachments = filter.has_attachments.or(query.has_attachment);
    filter.unread = filter.unread.or(query.is_unread);
    filter.flagged = filter.flagged.or(query.is_flagged);
    filter.label = filter.label.take().or(query.label);
    let day = |text: &Option<String>| text.as_deref().and_then(Timestamp::parse);
    if let Some(at) = day(&query.before) {
        filter.before = Some(filter.before.map_or(at, |before| before.min(at)));
    }
    if let Some(at) = day(&query.after) {
        filter.since = Some(filter.since.map_or(at, |since| since.max(at)));
    }
    true
}
