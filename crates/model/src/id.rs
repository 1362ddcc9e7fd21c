//! Opaque ids with a prefix: 48 bits of time, 80 random bits, in Crockford's base 32, so that they sort by age.

use crate::Timestamp;

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// A fresh id such as `msg_01k9…`: unique without coordination.
///
/// # Panics
/// When the operating system has no randomness to give: nothing safe can be done without.
pub fn fresh_id(prefix: &str, now: Timestamp) -> String {
    let mut random = [0u8; 10];
    #[allow(
        clippy::expect_used,
        reason = "documented: without randomness nothing is safe"
    )]
    getrandom::fill(&mut random).expect("the operating system gives random bytes");
    compose(prefix, now, random)
}

fn compose(prefix: &str, now: Timestamp, random: [u8; 10]) -> String {
    let mut bits: u128 = (now.0.max(0) as u128 & 0xffff_ffff_ffff) << 80;
    for (i, byte) in random.iter().enumerate() {
        bits |= u128::from(*byte) << (72 - 8 * i);
    }
    let mut id = String::with_capacity(prefix.len() + 27);
    id.push_str(prefix);
    id.push('_');
    for i in (0..26).rev() {
        id.push(ALPHABET[((bits >> (5 * i)) & 31) as usize] as char);
    }
    id
}

/// An id below every id with this prefix that is made from `at` on: where a list of what is younger than something begins.
pub fn least_id(prefix: &str, at: Timestamp) -> String {
    compose(prefix, at, [0; 10])
}

/// When an id was made, whatever its prefix; `None`: it is no id.
pub fn made_at(id: &str) -> Option<Timestamp> {
    let (prefix, _) = id.split_once('_')?;
    let letters = has_prefix(id, prefix).then(|| &id.as_bytes()[prefix.len() + 1..])?;
    // Ten letters have 50 bits; the first two are none of the 48 of the time.
    letters[..10]
        .iter()
        .try_fold(0, |millis, letter| {
            let value = ALPHABET.iter().position(|one| one == letter)?;
            Some(millis << 5 | i64::try_from(value).ok()?)
        })
        .map(Timestamp)
}

/// Whether `id` has the form of an id with this prefix.
pub fn has_prefix(id: &str, prefix: &str) -> bool {
    id.len() == prefix.len() + 27
        && id.starts_with(prefix)
        && id.as_bytes()[prefix.len()] == b'_'
        && id[prefix.len() + 1..]
            .bytes()
            .all(|b| ALPHABET.contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_time() {
        let older = compose("msg", Timestamp(1_000), [255; 10]);
        let newer = compose("msg", Timestamp(1_001), [0; 10]);
        assert!(older < newer);
        assert!(has_prefix(&older, "msg"));
        assert!(!has_prefix(&older, "thr"));
    }

    #[test]
    fn an_id_tells_when_it_was_made_and_where_what_is_younger_begins() {
        let at = Timestamp(1_795_334_400_123);
        let id = fresh_id("msg", at);
        assert_eq!(made_at(&id), Some(at));
        assert_eq!(made_at("msg_1"), None);
        assert_eq!(made_at("nothing"), None);
        assert!(least_id("msg", at) <= id && id < least_id("msg", Timestamp(at.0 + 1)));
    }

    #[test]
    fn two_fresh_ids_differ() {
        assert_ne!(fresh_id("evt", Timestamp(5)), fresh_id("evt", Timestamp(5)));
    }
}
