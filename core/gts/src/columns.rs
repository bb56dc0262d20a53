//! Datapoints by column.

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
