//! A column of numbers that seldom change from one row to the next.

use std::ops::Range;

/// Numbers by run. Every run is as long as possible.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Runs {
    /// Where each run ends, exclusive.
    ends: Vec<u32>,
    values: Vec<i64>,
}

impl Runs {
    pub(super) fn len(&self) -> usize {
        self.ends.last().map_or(0, |&end| end as usize)
    }

    /// Appends `count` times `value`.
    pub(super) fn push(&mut self, value: i64, count: usize) {
        if count == 0 {
            return;
        }
        let end = self.len() as u32 + count as u32;
        match (self.values.last(), self.ends.last_mut()) {
            (Some(&last), Some(last_end)) if last == value => *last_end = end,
            _ => {
                self.ends.push(end);
                self.values.push(value);
            }
        }
    }

    /// The only value, when there is only one.
    pub(super) fn only(&self) -> Option<i64> {
        match self.values.as_slice() {
            [value] => Some(*value),
            _ => None,
        }
    }

    pub(super) fn get(&self, row: usize) -> i64 {
        self.values[self.run_of(row)]
    }

    /// The runs within rows: value and count.
    pub(super) fn runs(&self, rows: Range<usize>) -> impl Iterator<Item = (i64, usize)> + '_ {
        let (mut at, first) = (rows.start, self.run_of(rows.start));
        (first..self.ends.len()).map_while(move |run| {
            let end = rows.end.min(self.ends[run] as usize);
            let count = end.checked_sub(std::mem::replace(&mut at, end)).filter(|&n| n > 0)?;
            Some((self.values[run], count))
        })
    }

    /// Appends rows of another column.
    pub(super) fn extend(&mut self, from: &Self, rows: Range<usize>) {
        if !rows.is_empty() {
            from.runs(rows).for_each(|(value, count)| self.push(value, count));
        }
    }

    pub(super) fn slice(&self, rows: Range<usize>) -> Self {
        let mut slice = Self::default();
        slice.extend(self, rows);
        slice
    }

    pub(super) fn gather(&self, places: &[u32]) -> Self {
        let mut gathered = Self::default();
        match self.only() {
            Some(value) => gathered.push(value, places.len()),
            None => places.iter().for_each(|&place| gathered.push(self.get(place as usize), 1)),
        }
        gathered
    }

    pub(super) fn reverse(&mut self) {
        let len = self.len() as u32;
        let starts = std::iter::once(0).chain(self.ends.iter().copied()).take(self.ends.len());
        let mut ends: Vec<u32> = starts.map(|start| len - start).collect();
        ends.reverse();
        self.ends = ends;
        self.values.reverse();
    }

    /// The least value.
    pub(super) fn least(&self) -> i64 {
        self.values.iter().copied().min().unwrap_or(i64::MAX)
    }

    pub(super) fn to_vec(&self) -> Vec<i64> {
        let mut all = Vec::with_capacity(self.len());
        for (value, &end) in self.values.iter().zip(&self.ends) {
            all.resize(end as usize, *value);
        }
        all
    }

    pub(super) fn of(values: &[i64]) -> Self {
        let mut runs = Self::default();
        values.chunk_by(|a, b| a == b).for_each(|run| runs.push(run[0], run.len()));
        runs
    }

    fn run_of(&self, row: usize) -> usize {
        self.ends.partition_point(|&end| end as usize <= row)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_what_a_list_is(
            values in prop::collection::vec(0..3_i64, 1..50),
            places in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
            cut in any::<(prop::sample::Index, prop::sample::Index)>(),
        ) {
            let mut runs = Runs::of(&values);
            prop_assert_eq!(runs.to_vec(), values.clone());
            prop_assert_eq!(runs.len(), values.len());
            let places: Vec<u32> = places.iter().map(|p| p.index(values.len()) as u32).collect();
            let gathered: Vec<i64> = places.iter().map(|&p| values[p as usize]).collect();
            prop_assert_eq!(runs.gather(&places).to_vec(), gathered);
            let (a, b) = (cut.0.index(values.len() + 1), cut.1.index(values.len() + 1));
            prop_assert_eq!(runs.slice(a.min(b)..a.max(b)).to_vec(), &values[a.min(b)..a.max(b)]);
            runs.reverse();
            let reversed: Vec<i64> = values.iter().rev().copied().collect();
            prop_assert_eq!(runs.to_vec(), reversed);
        }
    }
}
