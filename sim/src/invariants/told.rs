//! What is passed over because nobody understands it is told the operator before it is committed.

use std::collections::BTreeSet;
use std::ops::Range;

use super::history::History;

/// The records of the data topic of which an operator was told, by partition and offset.
#[derive(Debug, Default)]
pub struct Told {
    records: BTreeSet<(u32, u64)>,
}

impl Told {
    /// A store warns.
    pub fn warned(&mut self, text: &str) {
        self.records.extend(place_of(text));
    }

    /// Checks a commit of a partition of the data topic that moved over `range`.
    pub fn check(
        &self,
        history: &History,
        partition: u32,
        range: Range<u64>,
    ) -> Result<(), String> {
        // A commit that puts the group back moves over nothing.
        let range = range.start..range.end.max(range.start);
        let mut junk = history.junk.range((partition, range.start)..(partition, range.end));
        match junk.find(|place| !self.records.contains(place)) {
            Some((_, offset)) => Err(format!(
                "{} is committed in partition {partition}, and nobody was told that record \
                 {offset} was passed over",
                range.end
            )),
            None => Ok(()),
        }
    }
}

/// Of which record a warning says that it is passed over.
fn place_of(text: &str) -> Option<(u32, u64)> {
    let (offset, rest) = text.strip_prefix("store: record ")?.split_once(" of partition ")?;
    let (partition, rest) = rest.split_once(' ')?;
    rest.contains("is passed over").then_some(())?;
    Some((partition.parse().ok()?, offset.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_passed_over_silently_is_seen() {
        let mut history = History::default();
        history.junk.extend([(3, 5), (4, 5)]);
        let mut told = Told::default();
        assert_eq!(told.check(&history, 3, 0..5), Ok(()));
        assert!(told.check(&history, 3, 0..6).is_err());
        let back = Range { start: 9, end: 2 };
        assert_eq!(told.check(&history, 3, back), Ok(()), "put back");
        told.warned("store: record 5 of partition 4 of data is passed over: bad MAC");
        assert!(told.check(&history, 3, 0..6).is_err(), "another partition");
        told.warned("store: record 5 of partition 3 of data: something else");
        assert!(told.check(&history, 3, 0..6).is_err(), "another warning");
        told.warned("store: record 5 of partition 3 of data is passed over: bad MAC");
        assert_eq!(told.check(&history, 3, 0..6), Ok(()));
    }
}
