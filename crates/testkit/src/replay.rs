//! What a consumer knows of a mailbox that has read all events and nothing else.

use std::collections::BTreeMap;

use serde_json::Value;

/// What a consumer of the events knows: message to folder (several with commas, sorted) and flags.
pub type Replayed = BTreeMap<String, (String, Value)>;

/// Replays events, first to last, as a consumer would.
///
/// # Panics
/// At what makes no sense to one: a message told of twice, a change of a message that nobody told of.
pub fn replay(events: &[Value]) -> Replayed {
    let mut known = Replayed::new();
    for event in events {
        let data = &event["data"];
        let text = |name: &str| data[name].as_str().unwrap_or_default().to_owned();
        let id = text("message_id");
        match event["type"].as_str().unwrap_or_default() {
            "message.received" | "message.sent" => {
                let before = known.insert(id.clone(), (text("folder_id"), data["flags"].clone()));
                assert!(before.is_none(), "{id} was told of twice");
            }
            "message.changed" => {
                let entry = known
                    .get_mut(&id)
                    .expect("a change of a message that is known");
                assert_eq!(entry.1, data["before"], "{id}: flags before the change");
                entry.1 = data["flags"].clone();
            }
            "message.moved" => {
                let entry = known
                    .get_mut(&id)
                    .expect("a move of a message that is known");
                let folders = data["folders"].as_array();
                let mut folders: Vec<&str> = folders
                    .into_iter()
                    .flatten()
                    .filter_map(|folder| folder["folder_id"].as_str())
                    .collect();
                folders.sort_unstable();
                entry.0 = match folders.as_slice() {
                    [] => text("folder_id"),
                    folders => folders.join(","),
                };
            }
            "message.removed" => {
                assert!(
                    known.remove(&id).is_some(),
                    "{id} was removed and not known"
                );
            }
            _ => {}
        }
    }
    known
}
