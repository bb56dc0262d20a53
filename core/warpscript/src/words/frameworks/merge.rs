//! Several series side by side, tick by tick: what REDUCE and APPLY walk over.

use std::ops::Range;
use std::sync::Arc;

use weft_gts::{Bucket, Column, Columns, Labels, NO_ELEVATION, NO_LOCATION, Value as PointValue};

use super::sorted;
use crate::error::Result;
use crate::function::{Values, Window};
use crate::heap::Gts;
use crate::machine::Machine;
use crate::value::Handle;
use crate::words::points;

/// The values at one tick.
enum Row {
    /// Of series that are all of longs, all there.
    Long(Vec<i64>),
    /// Of doubles.
    Double(Vec<f64>),
    /// Anything, with holes.
    Any,
}

/// Sorted series and the place of each.
pub(super) struct Merge {
    series: Vec<Columns>,
    places: Vec<usize>,
    names: Vec<Arc<str>>,
    /// The labels of each series, and those that all have in common.
    labels: Vec<Labels>,
    tick: i64,
    ticks: Vec<i64>,
    locations: Vec<i64>,
    elevations: Vec<i64>,
    values: Vec<Option<PointValue>>,
    /// Room for rows without holes, when all series are of one numeric type.
    row: Row,
    /// Whether the present row is in `row`.
    full: bool,
    /// What stands for the tick of each series: its collection in APPLY; in REDUCE the tick itself,
    /// [`i64::MIN`] where it has none.
    collections: Option<Vec<i64>>,
}

impl Merge {
    /// Sorts the series, for all who hold them.
    pub(super) fn start(
        vm: &mut Machine,
        members: &[Handle<Gts>],
        common: Labels,
        collections: Option<Vec<i64>>,
    ) -> Result<Self> {
        let count = members.len();
        vm.heap.claim(count * 512)?;
        let (mut series, mut names) = (Vec::with_capacity(count), Vec::with_capacity(count));
        let mut labels = Vec::with_capacity(count + 1);
        for member in members {
            series.push(sorted(vm, *member)?);
            let metadata = &vm.heap.gts(*member).series.metadata;
            names.push(Arc::from(metadata.class()));
            labels.push(metadata.labels.clone());
        }
        labels.push(common);
        let all = |kind: fn(&Column) -> bool| series.iter().all(|s: &Columns| kind(&s.values));
        let row = if count > 0 && all(|c| matches!(c, Column::Double(_))) {
            Row::Double(vec![0.0; count])
        } else if count > 0 && all(|c| matches!(c, Column::Long(_))) {
            Row::Long(vec![0; count])
        } else {
            Row::Any
        };
        let located = series.iter().any(|s| !s.locations.is_empty());
        let elevated = series.iter().any(|s| !s.elevations.is_empty());
        Ok(Self {
            places: vec![0; count],
            names,
            labels,
            tick: 0,
            ticks: collections.clone().unwrap_or_else(|| vec![i64::MIN; count]),
            locations: if located { vec![NO_LOCATION; count] } else { Vec::new() },
            elevations: if elevated { vec![NO_ELEVATION; count] } else { Vec::new() },
            values: vec![None; count],
            row,
            full: false,
            series,
            collections,
        })
    }

    /// How many series there are.
    pub(super) fn width(&self) -> usize {
        self.series.len()
    }

    /// The tick of the present row.
    pub(super) const fn tick(&self) -> i64 {
        self.tick
    }

    /// Names of the series.
    pub(super) fn names(&self) -> &[Arc<str>] {
        &self.names
    }

    /// Their labels, and the common ones behind.
    pub(super) fn labels(&self) -> &[Labels] {
        &self.labels
    }

    /// Goes on to the next tick that any series has; `false` at the end. Points at the last tick
    /// of all are never reached.
    pub(super) fn next(&mut self) -> bool {
        let mut smallest = i64::MAX;
        let mut alike = true;
        for (series, place) in self.series.iter().zip(&self.places) {
            let tick = series.ticks.get(*place).copied().unwrap_or(i64::MAX);
            alike &= tick == smallest || smallest == i64::MAX;
            smallest = smallest.min(tick);
        }
        if smallest == i64::MAX {
            return false;
        }
        self.tick = smallest;
        let first = self.series[0].ticks.get(self.places[0]) == Some(&smallest);
        self.full = alike && first && !matches!(self.row, Row::Any);
        if self.full {
            self.read_full();
        } else {
            self.read_with_holes();
        }
        true
    }

    fn read_full(&mut self) {
        match &mut self.row {
            Row::Long(row) => {
                for ((cell, series), place) in row.iter_mut().zip(&self.series).zip(&self.places) {
                    if let Column::Long(values) = &series.values {
                        *cell = values[*place];
                    }
                }
            }
            Row::Double(row) => {
                for ((cell, series), place) in row.iter_mut().zip(&self.series).zip(&self.places) {
                    if let Column::Double(values) = &series.values {
                        *cell = values[*place];
                    }
                }
            }
            Row::Any => (),
        }
        if self.collections.is_none() {
            self.ticks.fill(self.tick);
        }
        for (index, series) in self.series.iter().enumerate() {
            if let Some(cell) = self.locations.get_mut(index) {
                *cell = series.location(self.places[index]);
            }
            if let Some(cell) = self.elevations.get_mut(index) {
                *cell = series.elevation(self.places[index]);
            }
        }
        self.places.iter_mut().for_each(|place| *place += 1);
    }

    fn read_with_holes(&mut self) {
        for (index, series) in self.series.iter().enumerate() {
            let place = self.places[index];
            let there = series.ticks.get(place) == Some(&self.tick);
            if self.collections.is_none() {
                self.ticks[index] = if there { self.tick } else { i64::MIN };
            }
            if let Some(cell) = self.locations.get_mut(index) {
                *cell = if there { series.location(place) } else { NO_LOCATION };
            }
            if let Some(cell) = self.elevations.get_mut(index) {
                *cell = if there { series.elevation(place) } else { NO_ELEVATION };
            }
            self.values[index] = there.then(|| series.values.get(place));
            self.places[index] += usize::from(there);
        }
    }

    /// Whether all series have the same ticks and are of one numeric type, without positions and
    /// elevations: then [`Merge::block`] takes many rows at once.
    pub(super) fn is_aligned(&self) -> bool {
        let alike = |other: &Columns| {
            let ticks = &self.series[0].ticks;
            Arc::ptr_eq(ticks, &other.ticks) || ticks == &other.ticks
        };
        let bare = self.locations.is_empty() && self.elevations.is_empty();
        bare && !matches!(self.row, Row::Any) && self.series[1..].iter().all(alike)
    }

    /// The next rows of aligned series, at most `count`: their ticks, and all their values one row
    /// behind the other.
    pub(super) fn block(&mut self, count: usize) -> (&[i64], Columns) {
        let first = self.places[0];
        let ticks = &self.series[0].ticks;
        let mut end = (first + count).min(ticks.len());
        while end > first && ticks[end - 1] == i64::MAX {
            end -= 1;
        }
        self.places.fill(end);
        let width = self.series.len();
        let values = match &self.row {
            Row::Long(_) => Column::Long(Arc::new(rows(&self.series, first..end, |s| match s {
                Column::Long(v) => v,
                _ => &[],
            }))),
            _ => Column::Double(Arc::new(rows(&self.series, first..end, |s| match s {
                Column::Double(v) => v,
                _ => &[],
            }))),
        };
        let ticks = &self.series[0].ticks[first..end];
        let all = ticks.iter().flat_map(|t| std::iter::repeat_n(*t, width)).collect();
        (ticks, Columns { ticks: Arc::new(all), values, ..Columns::default() })
    }

    /// The present row.
    pub(super) fn window(&self) -> Window<'_> {
        let values = match &self.row {
            Row::Long(row) if self.full => Values::Long(row),
            Row::Double(row) if self.full => Values::Double(row),
            _ => Values::Any(&self.values),
        };
        Window {
            tick: self.tick,
            ticks: &self.ticks,
            locations: &self.locations,
            elevations: &self.elevations,
            values,
            names: &self.names,
            labels: &self.labels,
            index: None,
        }
    }
}

/// Values of columns, one row behind the other.
fn rows<T: Copy + Default>(
    series: &[Columns],
    range: Range<usize>,
    column: impl Fn(&Column) -> &[T],
) -> Vec<T> {
    let width = series.len();
    let mut rows = vec![T::default(); range.len() * width];
    for (offset, series) in series.iter().enumerate() {
        let cells = rows[offset..].iter_mut().step_by(width);
        cells.zip(&column(&series.values)[range.clone()]).for_each(|(cell, v)| *cell = *v);
    }
    rows
}

/// The buckets of what comes out of series, when all of them have congruent ones.
pub(super) fn common_bucket(vm: &Machine, members: &[Handle<Gts>]) -> Option<Bucket> {
    let buckets = members.iter().map(|m| points::bucket(vm.heap.gts(*m)));
    let buckets: Vec<Bucket> = buckets.collect::<Option<_>>()?;
    let first = *buckets.first()?;
    let (mut last, mut start) = (i64::MIN, i64::MAX);
    for bucket in buckets {
        if last == i64::MIN {
            last = bucket.last;
        }
        let span = first.span;
        if bucket.span != span || last.wrapping_rem(span) != bucket.last.wrapping_rem(span) {
            return None;
        }
        last = last.max(bucket.last);
        start = start.min(bucket.last.wrapping_sub(bucket.count.wrapping_mul(span)));
    }
    let count = i64::from(last.wrapping_sub(start).wrapping_div(first.span) as i32);
    Some(Bucket { last, span: first.span, count })
}
