//! What was asked of streams of the table and is not answered yet: what hangs is given up, so that
//! nobody waits for ever.

use std::collections::{BTreeMap, VecDeque};

use crate::contract::ActionId;
use crate::contract::table::{READ_TIME_MAX, TableError};
use crate::time::{Mono, Now};

/// Streams that owe an answer, and until when.
#[derive(Debug, Default)]
pub(crate) struct TableReads {
    due: BTreeMap<ActionId, Mono>,
    /// The same by time, with what was answered or asked again since.
    in_order: VecDeque<(Mono, ActionId)>,
}

impl TableReads {
    /// A stream is asked for more.
    pub(crate) fn asked(&mut self, now: Now, stream: ActionId) {
        let due = now.mono.after(READ_TIME_MAX);
        self.due.insert(stream, due);
        self.in_order.push_back((due, stream));
        self.settle();
    }

    /// A stream has answered, or is not wanted any more.
    pub(crate) fn answered(&mut self, stream: ActionId) {
        self.due.remove(&stream);
        self.settle();
    }

    /// The first in order is one that is due.
    fn settle(&mut self) {
        while let Some((due, stream)) = self.in_order.front()
            && self.due.get(stream) != Some(due)
        {
            self.in_order.pop_front();
        }
    }

    /// The streams that have not answered in time; each is told once.
    pub(crate) fn late(&mut self, now: Now) -> Vec<ActionId> {
        let mut late = Vec::new();
        while let Some((due, stream)) = self.in_order.front().copied()
            && due <= now.mono
        {
            late.push(stream);
            self.answered(stream);
        }
        late
    }

    /// When the next one is late.
    pub(crate) fn deadline(&self) -> Option<Mono> {
        self.in_order.front().map(|(due, _)| *due)
    }
}

/// What a stream that is late counts as having answered.
pub(crate) fn no_answer() -> TableError {
    TableError::Unavailable(format!("no answer within {READ_TIME_MAX:?}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::time::Wall;

    proptest! {
        #[test]
        fn what_is_late_is_told_once(
            steps in proptest::collection::vec((0..3_u8, 0..4_u64, 0..40_u64), 0..60),
        ) {
            let (mut reads, mut model) = (TableReads::default(), BTreeMap::new());
            let mut now = Now { mono: Mono(0), wall: Wall(0) };
            for (step, stream, seconds) in steps {
                now.mono = Mono(now.mono.0 + seconds * 1_000_000_000);
                match step {
                    0 => {
                        reads.asked(now, ActionId(stream));
                        model.insert(ActionId(stream), now.mono.after(READ_TIME_MAX));
                    }
                    1 => {
                        reads.answered(ActionId(stream));
                        model.remove(&ActionId(stream));
                    }
                    _ => {
                        let mut late = reads.late(now);
                        late.sort();
                        let is_late = |due: &Mono| *due <= now.mono;
                        let expected: Vec<ActionId> =
                            model.extract_if(.., |_, due| is_late(due)).map(|(id, _)| id).collect();
                        prop_assert_eq!(late, expected);
                    }
                }
                let first = model.values().min().copied();
                prop_assert_eq!(reads.deadline(), first);
            }
        }
    }
}
