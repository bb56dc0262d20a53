//! Series in the making: typed columns that convert what is added to them.

use std::sync::Arc;

use weft_gts::{
    Bucket, Column, Columns, Metadata, NO_ELEVATION, NO_LOCATION, Series, Value as PointValue,
};

use crate::heap::{Gts, Order};

#[derive(Debug, Default)]
enum Typed {
    #[default]
    Empty,
    Long(Vec<i64>),
    Double(Vec<f64>),
    Boolean(Vec<bool>),
    String(Vec<Arc<str>>),
}

/// Points in the making. The first value says of which type the series is; later ones are
/// converted.
#[derive(Debug, Default)]
pub(crate) struct Building {
    ticks: Vec<i64>,
    locations: Vec<i64>,
    elevations: Vec<i64>,
    values: Typed,
    /// An empty column of their type: it knows how to convert.
    kind: Column,
    order: Order,
    /// How many points are expected.
    room: usize,
}

impl Building {
    /// With room for some points, made when the first one comes.
    pub(crate) fn with_room(room: usize) -> Self {
        Self { room, ..Self::default() }
    }

    /// How many points there are.
    pub(crate) fn len(&self) -> usize {
        self.ticks.len()
    }

    /// The bytes that a point takes at most.
    pub(crate) const POINT_BYTES: usize = 40;

    /// Adds a point. [`PointValue::Deleted`] stands for values that no series holds: they are
    /// dropped, but make an empty series one of booleans, as in the reference.
    pub(crate) fn push(&mut self, tick: i64, location: i64, elevation: i64, value: PointValue) {
        self.note_order(tick);
        match (&mut self.values, value) {
            (Typed::Long(values), PointValue::Long(v)) => values.push(v),
            (Typed::Double(values), PointValue::Double(v)) => values.push(v),
            (Typed::Boolean(values), PointValue::Boolean(v)) => values.push(v),
            (Typed::String(values), PointValue::String(v)) => values.push(v),
            (values, PointValue::Deleted) => {
                if matches!(values, Typed::Empty) {
                    *values = Typed::Boolean(Vec::new());
                    self.kind = Column::Boolean(Arc::default());
                }
                return;
            }
            (values, value) => {
                if matches!(values, Typed::Empty) {
                    self.ticks.reserve(self.room);
                }
                push_converted(values, &mut self.kind, value, self.room);
            }
        }
        self.place(location, elevation);
        self.ticks.push(tick);
    }

    fn place(&mut self, location: i64, elevation: i64) {
        let count = self.ticks.len();
        if location != NO_LOCATION || !self.locations.is_empty() {
            self.locations.resize(count, NO_LOCATION);
            self.locations.push(location);
        }
        if elevation != NO_ELEVATION || !self.elevations.is_empty() {
            self.elevations.resize(count, NO_ELEVATION);
            self.elevations.push(elevation);
        }
    }

    /// What the reference knows about the order after each point.
    fn note_order(&mut self, tick: i64) {
        let last = self.ticks.last().copied();
        self.order = match (self.order, last) {
            (_, None) => Order::Ascending,
            (_, Some(last)) if self.ticks.len() == 1 => {
                if last > tick {
                    Order::Descending
                } else {
                    Order::Ascending
                }
            }
            (Order::Ascending, Some(last)) if last <= tick => Order::Ascending,
            (Order::Descending, Some(last)) if last >= tick => Order::Descending,
            _ => Order::Unknown,
        };
    }

    /// Adds points that were made at once: ticks, and the other columns without ticks.
    pub(crate) fn extend(&mut self, ticks: &[i64], columns: &Columns) {
        match (&mut self.values, &columns.values) {
            (Typed::Empty, Column::Long(v)) => {
                self.values = Typed::Long(many(v, self.room));
                self.kind = Column::Long(Arc::default());
            }
            (Typed::Empty, Column::Double(v)) => {
                self.values = Typed::Double(many(v, self.room));
                self.kind = Column::Double(Arc::default());
            }
            (Typed::Empty, Column::Boolean(v)) => {
                self.values = Typed::Boolean(many(v, self.room));
                self.kind = Column::Boolean(Arc::default());
            }
            (Typed::Empty, Column::String(v)) => {
                self.values = Typed::String(many(v, self.room));
                self.kind = Column::String(Arc::default());
            }
            (Typed::Long(to), Column::Long(v)) => to.extend_from_slice(v),
            (Typed::Double(to), Column::Double(v)) => to.extend_from_slice(v),
            (Typed::Boolean(to), Column::Boolean(v)) => to.extend_from_slice(v),
            (Typed::String(to), Column::String(v)) => to.extend_from_slice(v),
            _ => {
                for (index, tick) in ticks.iter().enumerate().take(columns.values.len()) {
                    let (location, elevation) = (columns.location(index), columns.elevation(index));
                    self.push(*tick, location, elevation, columns.values.get(index));
                }
                return;
            }
        }
        let before = self.ticks.len();
        spread(&mut self.locations, before, &columns.locations, ticks.len(), NO_LOCATION);
        spread(&mut self.elevations, before, &columns.elevations, ticks.len(), NO_ELEVATION);
        self.ticks.reserve(if before == 0 { self.room.max(ticks.len()) } else { ticks.len() });
        let follows = |last: &i64| ticks.first().is_none_or(|first| last <= first);
        let goes_on = before > 1 && self.order == Order::Ascending;
        if goes_on && self.ticks.last().is_none_or(follows) && ticks.is_sorted() {
            self.ticks.extend_from_slice(ticks);
            return;
        }
        for tick in ticks {
            self.note_order(*tick);
            self.ticks.push(*tick);
        }
    }

    /// The points, and how they are ordered.
    pub(crate) fn finish(self) -> (Columns, Order) {
        let values = match self.values {
            _ if self.ticks.is_empty() => Column::Empty,
            Typed::Empty => Column::Empty,
            Typed::Long(v) => Column::Long(Arc::new(v)),
            Typed::Double(v) => Column::Double(Arc::new(v)),
            Typed::Boolean(v) => Column::Boolean(Arc::new(v)),
            Typed::String(v) => Column::String(Arc::new(v)),
        };
        let columns = Columns {
            ticks: Arc::new(self.ticks),
            locations: optional(self.locations, NO_LOCATION),
            elevations: optional(self.elevations, NO_ELEVATION),
            values,
        };
        (columns, self.order)
    }

    /// A series of the points.
    pub(crate) fn into_gts(self, metadata: Metadata, bucket: Option<Bucket>) -> Gts {
        let (points, order) = self.finish();
        let mut gts = Gts::new(Series { metadata, bucket, points });
        gts.order = order;
        gts
    }
}

/// Adds a value of another type than the last ones.
fn push_converted(values: &mut Typed, kind: &mut Column, value: PointValue, room: usize) {
    let value = kind.convert(value);
    match (&mut *values, value) {
        (Typed::Long(values), PointValue::Long(v)) => values.push(v),
        (Typed::Double(values), PointValue::Double(v)) => values.push(v),
        (Typed::Boolean(values), PointValue::Boolean(v)) => values.push(v),
        (Typed::String(values), PointValue::String(v)) => values.push(v),
        (Typed::Empty, PointValue::Long(v)) => {
            (*values, *kind) = (Typed::Long(one(v, room)), Column::Long(Arc::default()));
        }
        (Typed::Empty, PointValue::Double(v)) => {
            (*values, *kind) = (Typed::Double(one(v, room)), Column::Double(Arc::default()));
        }
        (Typed::Empty, PointValue::Boolean(v)) => {
            (*values, *kind) = (Typed::Boolean(one(v, room)), Column::Boolean(Arc::default()));
        }
        (Typed::Empty, PointValue::String(v)) => {
            (*values, *kind) = (Typed::String(one(v, room)), Column::String(Arc::default()));
        }
        // Conversion answers with the type of the column.
        _ => (),
    }
}

/// A vector of one value, with room for more.
fn one<T>(value: T, room: usize) -> Vec<T> {
    let mut values = Vec::with_capacity(room.max(1));
    values.push(value);
    values
}

/// A vector of values, with room for more.
fn many<T: Clone>(first: &[T], room: usize) -> Vec<T> {
    let mut values = Vec::with_capacity(room.max(first.len()));
    values.extend_from_slice(first);
    values
}

/// A column that is left out when nothing is in it.
fn optional(column: Vec<i64>, none: i64) -> Arc<Vec<i64>> {
    if column.iter().all(|v| *v == none) { Arc::default() } else { Arc::new(column) }
}

fn spread(to: &mut Vec<i64>, before: usize, from: &[i64], count: usize, none: i64) {
    if from.is_empty() {
        if !to.is_empty() {
            to.resize(before + count, none);
        }
        return;
    }
    to.resize(before, none);
    to.extend_from_slice(from);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build(values: &[PointValue]) -> Columns {
        let mut building = Building::default();
        for (index, value) in values.iter().enumerate() {
            building.push(index as i64, NO_LOCATION, NO_ELEVATION, value.clone());
        }
        building.finish().0
    }

    #[test]
    fn the_first_value_gives_the_type() {
        let text = |t: &str| PointValue::String(t.into());
        let longs =
            build(&[PointValue::Long(1), text("none"), text("7.9"), PointValue::Double(2.9)]);
        assert_eq!(longs.values, Column::Long(Arc::new(vec![1, 0, 7, 2])));
        let texts = build(&[text("a"), PointValue::Boolean(true), PointValue::Double(1.0)]);
        let expected: Vec<Arc<str>> = vec!["a".into(), "T".into(), "1.0".into()];
        assert_eq!(texts.values, Column::String(Arc::new(expected)));
        let odd = build(&[PointValue::Deleted, PointValue::Long(3)]);
        assert_eq!((odd.values, odd.ticks.len()), (Column::Boolean(Arc::new(vec![true])), 1));
    }
}
