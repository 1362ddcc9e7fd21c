//! Sets of UIDs as sorted ranges: a folder of a million messages without gaps is one range.

use std::fmt;

/// How `*` is kept; no real UID comes near it.
const STAR: u64 = u64::MAX;

/// A set of UIDs. Inside, ranges are sorted, disjoint and never adjacent.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct UidSet {
    ranges: Vec<(u64, u64)>,
}

impl UidSet {
    /// The empty set.
    pub fn new() -> UidSet {
        UidSet::default()
    }

    /// All from `first` to `last`, in either order, ends included.
    pub fn range(first: u64, last: u64) -> UidSet {
        UidSet {
            ranges: vec![(first.min(last), first.max(last))],
        }
    }

    /// All UIDs below `end`; none where there is none (UIDs begin at 1, RFC 9051 section 2.3.1.1).
    pub fn below(end: u64) -> UidSet {
        match end {
            0 | 1 => UidSet::new(),
            end => UidSet::range(1, end - 1),
        }
    }

    /// `first:*`: everything from `first` on. A server always counts its last message to it, even when that is lower.
    pub fn starting_at(first: u64) -> UidSet {
        UidSet::range(first, STAR)
    }

    /// Reads `1:5,9,12:*`. Pieces that are not UIDs are left out; ranges may be in any order and direction.
    pub fn parse(text: &str) -> UidSet {
        UidSet::parse_bytes(text.as_bytes())
    }

    pub(crate) fn parse_bytes(text: &[u8]) -> UidSet {
        let ranges = pieces(text).map(|(a, b)| (a.min(b), a.max(b))).collect();
        UidSet::normalised(ranges)
    }

    fn normalised(mut ranges: Vec<(u64, u64)>) -> UidSet {
        if !ranges.is_sorted() {
            ranges.sort_unstable();
        }
        let mut set = UidSet {
            ranges: Vec::with_capacity(ranges.len()),
        };
        for (first, last) in ranges {
            set.push_sorted(first, last);
        }
        set
    }

    /// Adds a range that begins at or behind the last one's beginning.
    fn push_sorted(&mut self, first: u64, last: u64) {
        match self.ranges.last_mut() {
            Some(end) if first <= end.1.saturating_add(1) => end.1 = end.1.max(last),
            _ => self.ranges.push((first, last)),
        }
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// How many UIDs are in it. A set with `*` counts up to the largest number there is.
    pub fn len(&self) -> u64 {
        self.ranges.iter().fold(0_u64, |sum, (first, last)| {
            sum.saturating_add((last - first).saturating_add(1))
        })
    }

    /// The lowest UID.
    pub fn first(&self) -> Option<u64> {
        self.ranges.first().map(|range| range.0)
    }

    /// The highest UID.
    pub fn last(&self) -> Option<u64> {
        self.ranges.last().map(|range| range.1)
    }

    /// The ranges in rising order, ends included.
    pub fn ranges(&self) -> &[(u64, u64)] {
        &self.ranges
    }

    /// Whether the UID is in it.
    pub fn contains(&self, uid: u64) -> bool {
        let behind = self.ranges.partition_point(|range| range.0 <= uid);
        behind > 0 && self.ranges[behind - 1].1 >= uid
    }

    /// Adds one UID. Rising order is fast.
    pub fn insert(&mut self, uid: u64) {
        self.insert_range(uid, uid);
    }

    /// Adds all from `first` to `last`, in either order.
    pub fn insert_range(&mut self, first: u64, last: u64) {
        let (first, last) = (first.min(last), first.max(last));
        if self.ranges.last().is_none_or(|end| end.0 <= first) {
            self.push_sorted(first, last);
            return;
        }
        // All ranges that touch the new one melt into it.
        let from = self
            .ranges
            .partition_point(|range| range.1.saturating_add(1) < first);
        let to = self
            .ranges
            .partition_point(|range| range.0 <= last.saturating_add(1));
        let merged = self.ranges[from..to]
            .iter()
            .fold((first, last), |(a, b), range| {
                (a.min(range.0), b.max(range.1))
            });
        self.ranges.splice(from..to, [merged]);
    }

    /// Adds all of another set.
    pub fn extend(&mut self, other: &UidSet) {
        let behind = match (self.last(), other.first()) {
            (_, None) => return,
            (Some(last), Some(first)) => last <= first,
            (None, _) => true,
        };
        if behind {
            for (first, last) in &other.ranges {
                self.push_sorted(*first, *last);
            }
        } else {
            let mut all = std::mem::take(&mut self.ranges);
            all.extend_from_slice(&other.ranges);
            *self = UidSet::normalised(all);
        }
    }

    /// Takes one UID out.
    pub fn remove(&mut self, uid: u64) {
        if self.contains(uid) {
            *self = self.difference(&UidSet::range(uid, uid));
        }
    }

    /// What is in both.
    pub fn intersect(&self, other: &UidSet) -> UidSet {
        let mut both = UidSet::new();
        let (mut left, mut right) = (0, 0);
        while let (Some(a), Some(b)) = (self.ranges.get(left), other.ranges.get(right)) {
            let (first, last) = (a.0.max(b.0), a.1.min(b.1));
            if first <= last {
                both.push_sorted(first, last);
            }
            if a.1 < b.1 {
                left += 1;
            } else {
                right += 1;
            }
        }
        both
    }

    /// What is in this set and not in the other.
    pub fn difference(&self, other: &UidSet) -> UidSet {
        let mut rest = UidSet::new();
        let mut right = 0;
        for (first, last) in &self.ranges {
            let mut first = *first;
            while other.ranges.get(right).is_some_and(|hole| hole.1 < first) {
                right += 1;
            }
            let mut next = right;
            let mut used_up = false;
            while let Some(hole) = other.ranges.get(next).filter(|hole| hole.0 <= *last) {
                if hole.0 > first {
                    rest.push_sorted(first, hole.0 - 1);
                }
                if hole.1 >= *last {
                    used_up = true;
                    break;
                }
                first = hole.1 + 1;
                next += 1;
            }
            if !used_up {
                rest.push_sorted(first, *last);
            }
        }
        rest
    }

    /// Every UID in rising order. Sets from a server may claim huge ranges: intersect them with known UIDs first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = u64> + '_ {
        self.ranges.iter().flat_map(|(first, last)| *first..=*last)
    }

    /// Cuts the set, in rising order, into sets of at most `count` UIDs whose text is at most `text` characters.
    pub fn chunks(&self, count: u64, text: usize) -> Vec<UidSet> {
        let count = count.max(1);
        let mut chunks = Vec::new();
        let mut current = UidSet::new();
        let (mut used, mut length) = (0_u64, 0_usize);
        for (first, last) in &self.ranges {
            let mut first = *first;
            loop {
                let room = count - used;
                let piece_last = (*last).min(first.saturating_add(room - 1));
                let piece_length = piece_text(first, piece_last).len() + 1;
                if used > 0 && length + piece_length > text {
                    chunks.push(std::mem::take(&mut current));
                    (used, length) = (0, 0);
                    continue;
                }
                current.push_sorted(first, piece_last);
                used += (piece_last - first).saturating_add(1).min(room);
                length += piece_length;
                if used >= count {
                    chunks.push(std::mem::take(&mut current));
                    (used, length) = (0, 0);
                }
                if piece_last == *last {
                    break;
                }
                first = piece_last + 1;
            }
        }
        if !current.is_empty() {
            chunks.push(current);
        }
        chunks
    }
}

/// The UIDs and ranges of a text in their own order and direction.
pub(crate) fn pieces(text: &[u8]) -> impl Iterator<Item = (u64, u64)> + '_ {
    text.split(|byte| matches!(byte, b',' | b' ' | b'\r' | b'\n'))
        .filter_map(|piece| {
            let mut ends = piece.splitn(2, |byte| *byte == b':');
            let first = number(ends.next()?)?;
            let last = ends.next().map_or(Some(first), number)?;
            Some((first, last))
        })
}

/// UID 0 does not exist; servers that send it mean nothing by it.
fn number(text: &[u8]) -> Option<u64> {
    if text == b"*" {
        return Some(STAR);
    }
    crate::wire::value::digits(text).filter(|uid| *uid > 0)
}

fn piece_text(first: u64, last: u64) -> String {
    let end = |uid: u64| {
        if uid == STAR {
            "*".to_owned()
        } else {
            uid.to_string()
        }
    };
    if first == last {
        end(first)
    } else {
        format!("{}:{}", end(first), end(last))
    }
}

impl fmt::Display for UidSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (first, last)) in self.ranges.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            f.write_str(&piece_text(*first, *last))?;
        }
        Ok(())
    }
}

impl fmt::Debug for UidSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UidSet({self})")
    }
}

impl FromIterator<u64> for UidSet {
    fn from_iter<I: IntoIterator<Item = u64>>(uids: I) -> UidSet {
        UidSet::normalised(uids.into_iter().map(|uid| (uid, uid)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    #[test]
    fn text_is_read_tolerantly_and_written_shortly() {
        assert_eq!(UidSet::parse("5:3,1,2,9,x,0,7:8,").to_string(), "1:5,7:9");
        assert_eq!(UidSet::parse("12:*").to_string(), "12:*");
        assert_eq!(UidSet::parse("*:12,4").to_string(), "4,12:*");
        assert_eq!(UidSet::parse("").to_string(), "");
        assert_eq!(UidSet::parse("1:18446744073709551615").len(), u64::MAX);
        assert!(UidSet::parse("99999999999999999999,a:b,1:2:3").is_empty());
    }

    #[test]
    fn chunks_obey_both_limits() {
        let set = UidSet::parse("1:10,20:21,30");
        let texts: Vec<String> = set.chunks(4, 1000).iter().map(UidSet::to_string).collect();
        assert_eq!(texts, ["1:4", "5:8", "9:10,20:21", "30"]);
        let scattered: UidSet = (1..2000).map(|n| n * 1000).collect();
        let chunks = scattered.chunks(u64::MAX, 100);
        assert!(chunks.iter().all(|chunk| chunk.to_string().len() <= 100));
        assert_eq!(chunks.iter().map(UidSet::len).sum::<u64>(), 1999);
        assert_eq!(UidSet::starting_at(7).chunks(u64::MAX, 1000).len(), 1);
        assert_eq!(UidSet::parse("123456789").chunks(10, 1).len(), 1);
    }

    fn small_set() -> impl Strategy<Value = BTreeSet<u64>> {
        proptest::collection::btree_set(1_u64..60, 0..30)
    }

    proptest! {
        #[test]
        fn sets_behave_like_plain_sets(a in small_set(), b in small_set(), uid in 1_u64..60, to in 1_u64..60) {
            let set = |plain: &BTreeSet<u64>| plain.iter().copied().collect::<UidSet>();
            let (left, right) = (set(&a), set(&b));
            prop_assert_eq!(left.intersect(&right), set(&a.intersection(&b).copied().collect()));
            prop_assert_eq!(left.difference(&right), set(&a.difference(&b).copied().collect()));
            let mut both = left.clone();
            both.extend(&right);
            prop_assert_eq!(&both, &set(&a.union(&b).copied().collect()));
            prop_assert_eq!(left.contains(uid), a.contains(&uid));
            prop_assert_eq!(left.len(), a.len() as u64);
            prop_assert!(left.iter().eq(a.iter().copied()));
            prop_assert_eq!(&UidSet::parse(&left.to_string()), &left);
            let mut more = left.clone();
            more.insert_range(uid, to);
            let mut plain = a.clone();
            plain.extend(uid.min(to)..=uid.max(to));
            prop_assert_eq!(&more, &set(&plain));
            more.remove(uid);
            plain.remove(&uid);
            prop_assert_eq!(&more, &set(&plain));
            let mut joined = UidSet::new();
            for chunk in left.chunks(3, 8) {
                prop_assert!(chunk.len() <= 3);
                joined.extend(&chunk);
            }
            prop_assert_eq!(joined, left);
        }
    }
}
