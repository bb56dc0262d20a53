//! Datapoints by column.

use std::ops::Range;
use std::sync::Arc;

use crate::{NO_ELEVATION, NO_LOCATION, Value};

/// The values of a run of datapoints, by type.
///
/// Columns are shared: cloning costs nothing, and the first change to a shared column copies it.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Column {
    /// No values yet, so no type.
    #[default]
    Empty,
    /// Integers.
    Long(Arc<Vec<i64>>),
    /// Doubles.
    Double(Arc<Vec<f64>>),
    /// Booleans.
    Boolean(Arc<Vec<bool>>),
    /// Texts.
    String(Arc<Vec<Arc<str>>>),
    /// Values of several types, exact decimals or binaries: encoders only, never a series.
    Mixed(Arc<Vec<Value>>),
}

/// Parallel columns of datapoints: ticks, values, and, where any point has them, positions and
/// elevations.
///
/// `locations` and `elevations` are empty, or as long as `ticks` with [`NO_LOCATION`] and
/// [`NO_ELEVATION`] for points that have none. Order is the order of arrival.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Columns {
    /// Timestamps in time units.
    pub ticks: Arc<Vec<i64>>,
    /// Positions as HHCodes.
    pub locations: Arc<Vec<i64>>,
    /// Elevations, in millimetres by convention.
    pub elevations: Arc<Vec<i64>>,
    /// Values.
    pub values: Column,
}

/// One datapoint of [`Columns`].
#[derive(Clone, Debug, PartialEq)]
pub struct PointRef {
    /// Timestamp in time units.
    pub tick: i64,
    /// HHCode or [`NO_LOCATION`].
    pub location: i64,
    /// Elevation or [`NO_ELEVATION`].
    pub elevation: i64,
    /// The value.
    pub value: Value,
}

impl Column {
    /// How many values there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Empty => 0,
            Self::Long(v) => v.len(),
            Self::Double(v) => v.len(),
            Self::Boolean(v) => v.len(),
            Self::String(v) => v.len(),
            Self::Mixed(v) => v.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value at `index`.
    ///
    /// # Panics
    /// When `index` is out of bounds.
    pub fn get(&self, index: usize) -> Value {
        match self {
            Self::Empty => panic!("index {index} of an empty column"),
            Self::Long(v) => Value::Long(v[index]),
            Self::Double(v) => Value::Double(v[index]),
            Self::Boolean(v) => Value::Boolean(v[index]),
            Self::String(v) => Value::String(v[index].clone()),
            Self::Mixed(v) => v[index].clone(),
        }
    }

    /// Appends a value without conversion: another type turns the column into [`Column::Mixed`].
    pub fn push(&mut self, value: Value) {
        match (&mut *self, value) {
            (Self::Empty, value) => {
                *self = match value {
                    Value::Long(v) => Self::Long(Arc::new(vec![v])),
                    Value::Double(v) => Self::Double(Arc::new(vec![v])),
                    Value::Boolean(v) => Self::Boolean(Arc::new(vec![v])),
                    Value::String(v) => Self::String(Arc::new(vec![v])),
                    other => Self::Mixed(Arc::new(vec![other])),
                }
            }
            (Self::Long(c), Value::Long(v)) => Arc::make_mut(c).push(v),
            (Self::Double(c), Value::Double(v)) => Arc::make_mut(c).push(v),
            (Self::Boolean(c), Value::Boolean(v)) => Arc::make_mut(c).push(v),
            (Self::String(c), Value::String(v)) => Arc::make_mut(c).push(v),
            (Self::Mixed(c), value) => Arc::make_mut(c).push(value),
            (_, value) => {
                let mut mixed: Vec<Value> = (0..self.len()).map(|i| self.get(i)).collect();
                mixed.push(value);
                *self = Self::Mixed(Arc::new(mixed));
            }
        }
    }

    /// The values at the given places, in their order.
    ///
    /// # Panics
    /// When a place is out of bounds.
    #[must_use]
    pub fn gather(&self, places: &[u32]) -> Self {
        fn pick<T: Clone>(values: &[T], places: &[u32]) -> Arc<Vec<T>> {
            Arc::new(places.iter().map(|&i| values[i as usize].clone()).collect())
        }
        match self {
            Self::Empty => Self::Empty,
            Self::Long(v) => Self::Long(pick(v, places)),
            Self::Double(v) => Self::Double(pick(v, places)),
            Self::Boolean(v) => Self::Boolean(pick(v, places)),
            Self::String(v) => Self::String(pick(v, places)),
            Self::Mixed(v) => Self::Mixed(pick(v, places)),
        }
    }

    /// The values in a range of places.
    ///
    /// # Panics
    /// When the range is out of bounds.
    #[must_use]
    pub fn slice(&self, range: Range<usize>) -> Self {
        match self {
            Self::Empty => Self::Empty,
            Self::Long(v) => Self::Long(Arc::new(v[range].to_vec())),
            Self::Double(v) => Self::Double(Arc::new(v[range].to_vec())),
            Self::Boolean(v) => Self::Boolean(Arc::new(v[range].to_vec())),
            Self::String(v) => Self::String(Arc::new(v[range].to_vec())),
            Self::Mixed(v) => Self::Mixed(Arc::new(v[range].to_vec())),
        }
    }

    /// Turns the order of the values round.
    pub fn reverse(&mut self) {
        match self {
            Self::Empty => (),
            Self::Long(v) => Arc::make_mut(v).reverse(),
            Self::Double(v) => Arc::make_mut(v).reverse(),
            Self::Boolean(v) => Arc::make_mut(v).reverse(),
            Self::String(v) => Arc::make_mut(v).reverse(),
            Self::Mixed(v) => Arc::make_mut(v).reverse(),
        }
    }

    /// Appends the values of a column of the same type, or without one. `false`, and nothing done,
    /// when the types differ.
    pub fn extend_alike(&mut self, from: &Self) -> bool {
        fn add<T: Clone>(to: &mut Arc<Vec<T>>, from: &[T]) {
            Arc::make_mut(to).extend_from_slice(from);
        }
        match (&mut *self, from) {
            (_, Self::Empty) => (),
            (Self::Empty, from) => *self = from.clone(),
            (Self::Long(a), Self::Long(b)) => add(a, b),
            (Self::Double(a), Self::Double(b)) => add(a, b),
            (Self::Boolean(a), Self::Boolean(b)) => add(a, b),
            (Self::String(a), Self::String(b)) => add(a, b),
            (Self::Mixed(a), Self::Mixed(b)) => add(a, b),
            _ => return false,
        }
        true
    }
}

impl Columns {
    /// The datapoints at the given places, in their order. An empty selection has no type.
    ///
    /// # Panics
    /// When a place is out of bounds.
    #[must_use]
    pub fn gather(&self, places: &[u32]) -> Self {
        if places.is_empty() {
            return Self::default();
        }
        let pick = |column: &Arc<Vec<i64>>, none: i64| {
            let picked = match column.is_empty() {
                true => Vec::new(),
                false => places.iter().map(|&i| column[i as usize]).collect(),
            };
            trimmed(picked, none)
        };
        Self {
            ticks: Arc::new(places.iter().map(|&i| self.ticks[i as usize]).collect()),
            locations: pick(&self.locations, NO_LOCATION),
            elevations: pick(&self.elevations, NO_ELEVATION),
            values: self.values.gather(places),
        }
    }

    /// The datapoints in a range of places. An empty range has no type.
    ///
    /// # Panics
    /// When the range is out of bounds.
    #[must_use]
    pub fn slice(&self, range: Range<usize>) -> Self {
        if range.is_empty() {
            return Self::default();
        }
        if range == (0..self.len()) {
            return self.clone();
        }
        let cut = |column: &Arc<Vec<i64>>, none: i64| {
            trimmed(column.get(range.clone()).unwrap_or_default().to_vec(), none)
        };
        Self {
            ticks: Arc::new(self.ticks[range.clone()].to_vec()),
            locations: cut(&self.locations, NO_LOCATION),
            elevations: cut(&self.elevations, NO_ELEVATION),
            values: self.values.slice(range),
        }
    }

    /// Turns the order of the datapoints round.
    pub fn reverse(&mut self) {
        Arc::make_mut(&mut self.ticks).reverse();
        if !self.locations.is_empty() {
            Arc::make_mut(&mut self.locations).reverse();
        }
        if !self.elevations.is_empty() {
            Arc::make_mut(&mut self.elevations).reverse();
        }
        self.values.reverse();
    }
}

/// A column that is empty when every entry is `none`.
fn trimmed(column: Vec<i64>, none: i64) -> Arc<Vec<i64>> {
    if column.iter().all(|&entry| entry == none) {
        return Arc::default();
    }
    Arc::new(column)
}

impl Columns {
    /// How many datapoints there are.
    pub fn len(&self) -> usize {
        self.ticks.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ticks.is_empty()
    }

    /// Appends a datapoint.
    pub fn push(&mut self, tick: i64, location: i64, elevation: i64, value: Value) {
        let count = self.ticks.len();
        push_optional(&mut self.locations, count, location, NO_LOCATION);
        push_optional(&mut self.elevations, count, elevation, NO_ELEVATION);
        Arc::make_mut(&mut self.ticks).push(tick);
        self.values.push(value);
    }

    /// The datapoint at `index`.
    ///
    /// # Panics
    /// When `index` is out of bounds.
    pub fn get(&self, index: usize) -> PointRef {
        PointRef {
            tick: self.ticks[index],
            location: self.location(index),
            elevation: self.elevation(index),
            value: self.values.get(index),
        }
    }

    /// The position at `index`, [`NO_LOCATION`] when it has none.
    pub fn location(&self, index: usize) -> i64 {
        self.locations.get(index).copied().unwrap_or(NO_LOCATION)
    }

    /// The elevation at `index`, [`NO_ELEVATION`] when it has none.
    pub fn elevation(&self, index: usize) -> i64 {
        self.elevations.get(index).copied().unwrap_or(NO_ELEVATION)
    }

    /// The datapoints in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = PointRef> + ExactSizeIterator + '_ {
        (0..self.len()).map(|index| self.get(index))
    }
}

/// Appends to a column that stays empty as long as every entry is `none`.
fn push_optional(column: &mut Arc<Vec<i64>>, count: usize, entry: i64, none: i64) {
    if column.is_empty() && entry == none {
        return;
    }
    let column = Arc::make_mut(column);
    column.resize(count, none);
    column.push(entry);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn optional_columns_appear_with_their_first_entry() {
        let mut columns = Columns::default();
        columns.push(1, NO_LOCATION, NO_ELEVATION, Value::Long(1));
        assert!(columns.locations.is_empty());
        columns.push(2, 42, NO_ELEVATION, Value::Long(2));
        columns.push(3, NO_LOCATION, NO_ELEVATION, Value::String("x".into()));
        assert_eq!(*columns.locations, vec![NO_LOCATION, 42, NO_LOCATION]);
        assert!(columns.elevations.is_empty());
        assert_eq!(columns.get(0).value, Value::Long(1));
        assert_eq!(columns.get(2).value, Value::String("x".into()));
    }
}
