//! The new part of a reply.
pub(crate) fn new_part(text: &str, _html: Option<&str>) -> String {
    text.to_owned()
}
