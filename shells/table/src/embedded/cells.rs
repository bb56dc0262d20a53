//! Datapoints with what a table knows of each: its cell's timestamp and how long it lives.

use std::ops::Range;
use std::sync::Arc;

use weft_gts::{Column, Columns, NO_ELEVATION, NO_LOCATION, Value};

use super::runs::Runs;

/// The time to live of cells that live for ever.
pub(super) const FOR_EVER: i64 = i64::MAX;

/// Cells of one series.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Cells {
    pub(super) points: Columns,
    /// Timestamps of the cells, milliseconds.
    pub(super) cell_ms: Runs,
    /// Times to live, milliseconds after the cell's timestamp; [`FOR_EVER`].
    pub(super) ttl_ms: Runs,
}

impl Cells {
    pub(super) fn len(&self) -> usize {
        self.points.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.points.is_empty()
    }

    /// When the cell at `row` is not read any more, milliseconds.
    pub(super) fn expiry_ms(&self, row: usize) -> i64 {
        self.cell_ms.get(row).saturating_add(self.ttl_ms.get(row))
    }

    pub(super) fn slice(&self, rows: Range<usize>) -> Self {
        Self {
            points: self.points.slice(rows.clone()),
            cell_ms: self.cell_ms.slice(rows.clone()),
            ttl_ms: self.ttl_ms.slice(rows),
        }
    }

    pub(super) fn gather(&self, places: &[u32]) -> Self {
        Self {
            points: self.points.gather(places),
            cell_ms: self.cell_ms.gather(places),
            ttl_ms: self.ttl_ms.gather(places),
        }
    }

    pub(super) fn reverse(&mut self) {
        self.points.reverse();
        self.cell_ms.reverse();
        self.ttl_ms.reverse();
    }

    /// Appends what another holds.
    pub(super) fn append(&mut self, other: &Self) {
        append(&mut self.points, &other.points);
        self.cell_ms.extend(&other.cell_ms, 0..other.len());
        self.ttl_ms.extend(&other.ttl_ms, 0..other.len());
    }

    /// Without those whose time is over; `true` for what lives on.
    pub(super) fn retain(&mut self, mut keeps: impl FnMut(&Self, usize) -> bool) {
        let places: Vec<u32> =
            (0..self.len() as u32).filter(|&row| keeps(self, row as usize)).collect();
        if places.len() < self.len() {
            *self = self.gather(&places);
        }
    }
}

/// Appends datapoints to others, whatever their types.
pub(super) fn append(to: &mut Columns, from: &Columns) {
    if to.is_empty() {
        *to = from.clone();
        return;
    }
    let total = to.len() + from.len();
    extend_optional(&mut to.locations, &from.locations, to.ticks.len(), total, NO_LOCATION);
    extend_optional(&mut to.elevations, &from.elevations, to.ticks.len(), total, NO_ELEVATION);
    Arc::make_mut(&mut to.ticks).extend_from_slice(&from.ticks);
    if !to.values.extend_alike(&from.values) {
        (0..from.len()).for_each(|row| to.values.push(from.values.get(row)));
    }
}

fn extend_optional(
    to: &mut Arc<Vec<i64>>,
    from: &Arc<Vec<i64>>,
    before: usize,
    total: usize,
    none: i64,
) {
    if to.is_empty() && from.is_empty() {
        return;
    }
    let to = Arc::make_mut(to);
    to.resize(before, none);
    to.extend_from_slice(from);
    to.resize(total, none);
}

/// Bytes of memory that datapoints take, about.
pub(super) fn memory(points: &Columns) -> usize {
    let numbers =
        points.ticks.capacity() + points.locations.capacity() + points.elevations.capacity();
    let values = match &points.values {
        Column::Empty => 0,
        Column::Long(v) => v.capacity() * 8,
        Column::Double(v) => v.capacity() * 8,
        Column::Boolean(v) => v.capacity(),
        Column::String(v) => v.iter().map(|text| 40 + text.len()).sum(),
        Column::Mixed(v) => v.iter().map(value_memory).sum(),
    };
    numbers * 8 + values
}

fn value_memory(value: &Value) -> usize {
    size_of::<Value>()
        + match value {
            Value::String(text) => text.len() + 24,
            Value::Bytes(bytes) => bytes.len() + 24,
            _ => 0,
        }
}
