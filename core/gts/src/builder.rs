//! Columns of one type out of values of any type.

use std::sync::Arc;

use crate::double::{JavaDouble, parse_double};
use crate::{Column, Columns, NO_ELEVATION, NO_LOCATION, Value, ValueRef, utf8};

/// Collects datapoints into [`Columns`] as a series has them: the first value decides the type,
/// and later ones are converted to it.
///
/// Numbers become each other, booleans are 0 and 1, `T` and `F`; texts are parsed, and are 0 when
/// they are no numbers. Binaries are texts in ISO-8859-1. Delete markers are left out.
#[derive(Clone, Debug, Default)]
pub struct SeriesBuilder {
    ticks: Vec<i64>,
    /// Empty as long as no point has one; likewise `elevations`.
    locations: Vec<i64>,
    elevations: Vec<i64>,
    values: Values,
    /// The latest value was added as a text, unconverted.
    ends_in_text: bool,
}

#[derive(Clone, Debug, Default)]
enum Values {
    #[default]
    Empty,
    Long(Vec<i64>),
    Double(Vec<f64>),
    Boolean(Vec<bool>),
    String(Vec<Arc<str>>),
}

impl SeriesBuilder {
    /// A builder with room for `capacity` datapoints.
    pub fn with_capacity(capacity: usize) -> Self {
        Self { ticks: Vec::with_capacity(capacity), ..Self::default() }
    }

    /// How many datapoints there are.
    pub const fn len(&self) -> usize {
        self.ticks.len()
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.ticks.is_empty()
    }

    /// Appends a datapoint.
    #[inline(always)]
    pub fn push(&mut self, tick: i64, location: i64, elevation: i64, value: ValueRef<'_>) {
        match value {
            ValueRef::Long(long) if let Values::Long(values) = &mut self.values => {
                values.push(long);
            }
            ValueRef::Double(double) if let Values::Double(values) = &mut self.values => {
                values.push(double);
            }
            ValueRef::Decimal(decimal) if let Values::Double(values) = &mut self.values => {
                values.push(decimal.to_f64());
            }
            ValueRef::Deleted => return,
            value => self.push_value(value),
        }
        self.push_place(tick, location, elevation);
    }

    /// Appends a value that is not a number of the right type.
    fn push_value(&mut self, value: ValueRef<'_>) {
        self.ends_in_text = false;
        match (&mut self.values, value) {
            (Values::Boolean(values), ValueRef::Boolean(boolean)) => values.push(boolean),
            (Values::String(values), ValueRef::String(text)) => {
                values.push(text.into());
                self.ends_in_text = true;
            }
            (Values::Empty, value) => self.start(value),
            (_, value) => self.push_converted(value),
        }
    }

    /// Appends a datapoint with the text of the one before it, without a copy. `false` when that
    /// one has none.
    #[inline]
    pub fn repeat_text(&mut self, tick: i64, location: i64, elevation: i64) -> bool {
        let Values::String(values) = &mut self.values else {
            return false;
        };
        if !self.ends_in_text {
            return false;
        }
        let Some(last) = values.last().cloned() else {
            return false;
        };
        values.push(last);
        self.push_place(tick, location, elevation);
        true
    }

    /// The columns.
    pub fn finish(self) -> Columns {
        Columns {
            ticks: Arc::new(self.ticks),
            locations: Arc::new(self.locations),
            elevations: Arc::new(self.elevations),
            values: match self.values {
                Values::Empty => Column::Empty,
                Values::Long(values) => Column::Long(Arc::new(values)),
                Values::Double(values) => Column::Double(Arc::new(values)),
                Values::Boolean(values) => Column::Boolean(Arc::new(values)),
                Values::String(values) => Column::String(Arc::new(values)),
            },
        }
    }

    #[inline(always)]
    fn push_place(&mut self, tick: i64, location: i64, elevation: i64) {
        let count = self.ticks.len();
        push_optional(&mut self.locations, count, location, NO_LOCATION);
        push_optional(&mut self.elevations, count, elevation, NO_ELEVATION);
        self.ticks.push(tick);
    }

    /// Decides the type by the first value.
    #[cold]
    fn start(&mut self, value: ValueRef<'_>) {
        let capacity = self.ticks.capacity();
        self.values = match value {
            ValueRef::Long(_) => Values::Long(Vec::with_capacity(capacity)),
            ValueRef::Double(_) | ValueRef::Decimal(_) => {
                Values::Double(Vec::with_capacity(capacity))
            }
            ValueRef::Boolean(_) => Values::Boolean(Vec::with_capacity(capacity)),
            ValueRef::String(_) | ValueRef::Bytes(_) => {
                Values::String(Vec::with_capacity(capacity))
            }
            ValueRef::Deleted => return,
        };
        self.push_converted(value);
        self.ends_in_text = matches!(value, ValueRef::String(_) | ValueRef::Bytes(_));
    }

    fn push_converted(&mut self, value: ValueRef<'_>) {
        match &mut self.values {
            Values::Empty => {}
            Values::Long(values) => values.push(to_long(value)),
            Values::Double(values) => values.push(to_double(value)),
            Values::Boolean(values) => values.push(to_boolean(value)),
            Values::String(values) => values.push(to_text(value)),
        }
    }
}

/// Collects datapoints into [`Columns`] with each value as it is: of several types, they are mixed.
#[derive(Debug)]
pub(crate) struct ColumnsBuilder {
    capacity: usize,
    ticks: Vec<i64>,
    locations: Vec<i64>,
    elevations: Vec<i64>,
    longs: Vec<i64>,
    doubles: Vec<f64>,
    /// Values once they are neither longs alone nor doubles alone.
    others: Column,
}

impl ColumnsBuilder {
    /// A builder with room for about `capacity` datapoints.
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self {
            capacity,
            ticks: Vec::with_capacity(capacity),
            locations: Vec::new(),
            elevations: Vec::new(),
            longs: Vec::new(),
            doubles: Vec::new(),
            others: Column::Empty,
        }
    }

    /// Appends a datapoint.
    #[inline(always)]
    pub(crate) fn push(&mut self, tick: i64, location: i64, elevation: i64, value: ValueRef<'_>) {
        let count = self.ticks.len();
        match value {
            ValueRef::Long(long) if self.longs.len() == count => {
                if count == 0 {
                    self.longs.reserve(self.capacity);
                }
                self.longs.push(long);
            }
            ValueRef::Double(double) if self.doubles.len() == count => {
                if count == 0 {
                    self.doubles.reserve(self.capacity);
                }
                self.doubles.push(double);
            }
            value => self.push_other(value),
        }
        push_optional(&mut self.locations, count, location, NO_LOCATION);
        push_optional(&mut self.elevations, count, elevation, NO_ELEVATION);
        self.ticks.push(tick);
    }

    fn push_other(&mut self, value: ValueRef<'_>) {
        if self.others.is_empty() {
            self.others = self.numbers();
        }
        self.others.push(value.into());
    }

    /// The longs or doubles so far.
    fn numbers(&mut self) -> Column {
        let (longs, doubles) = (std::mem::take(&mut self.longs), std::mem::take(&mut self.doubles));
        match (longs.is_empty(), doubles.is_empty()) {
            (false, _) => Column::Long(Arc::new(longs)),
            (true, false) => Column::Double(Arc::new(doubles)),
            (true, true) => Column::Empty,
        }
    }

    /// The columns.
    pub(crate) fn finish(mut self) -> Columns {
        let values =
            if self.others.is_empty() { self.numbers() } else { std::mem::take(&mut self.others) };
        Columns {
            ticks: Arc::new(self.ticks),
            locations: Arc::new(self.locations),
            elevations: Arc::new(self.elevations),
            values,
        }
    }
}

impl Columns {
    /// Appends a datapoint to a series: its first value decides the type, later ones are
    /// converted as [`SeriesBuilder`] does. A deleted point is left out; whether it was added.
    #[inline]
    pub fn append(&mut self, tick: i64, location: i64, elevation: i64, value: Value) -> bool {
        let value = match (&self.values, value) {
            (Column::Long(_), value @ Value::Long(_))
            | (Column::Double(_), value @ Value::Double(_)) => value,
            (_, Value::Deleted) => return false,
            (column, value) => column.convert(value),
        };
        self.push(tick, location, elevation, value);
        true
    }

    /// Puts another value, location and elevation in the place of a datapoint of a series.
    ///
    /// # Panics
    /// When `index` is out of bounds.
    pub fn replace(&mut self, index: usize, location: i64, elevation: i64, value: Value) {
        let count = self.len();
        let value = self.values.convert(value);
        match (&mut self.values, value) {
            (Column::Long(column), Value::Long(v)) => Arc::make_mut(column)[index] = v,
            (Column::Double(column), Value::Double(v)) => Arc::make_mut(column)[index] = v,
            (Column::Boolean(column), Value::Boolean(v)) => Arc::make_mut(column)[index] = v,
            (Column::String(column), Value::String(v)) => Arc::make_mut(column)[index] = v,
            _ => return,
        }
        replace_optional(&mut self.locations, count, index, location, NO_LOCATION);
        replace_optional(&mut self.elevations, count, index, elevation, NO_ELEVATION);
    }
}

impl Column {
    /// The value as a series with this column takes it: converted to the type of the column, or
    /// to the nearest type that a series can have when there is none yet.
    pub fn convert(&self, value: Value) -> Value {
        match (self, value) {
            (Self::Long(_), value) => Value::Long(to_long((&value).into())),
            (Self::Double(_), value) => Value::Double(to_double((&value).into())),
            (Self::Boolean(_), value) => Value::Boolean(to_boolean((&value).into())),
            (Self::String(_) | Self::Empty, value @ Value::String(_)) => value,
            (Self::String(_), value) => Value::String(to_text((&value).into())),
            (Self::Empty, Value::Bytes(bytes)) => Value::String(utf8::from_latin1(&bytes).into()),
            (Self::Empty, Value::Decimal(decimal)) => Value::Double(decimal.to_f64()),
            (Self::Empty | Self::Mixed(_), value) => value,
        }
    }
}

fn replace_optional(column: &mut Arc<Vec<i64>>, count: usize, index: usize, entry: i64, none: i64) {
    if column.is_empty() && entry == none {
        return;
    }
    let column = Arc::make_mut(column);
    column.resize(count, none);
    column[index] = entry;
}

/// Appends to a column that stays empty as long as every entry is `none`.
#[inline(always)]
fn push_optional(column: &mut Vec<i64>, count: usize, entry: i64, none: i64) {
    if entry != none || !column.is_empty() {
        column.resize(count, none);
        column.push(entry);
    }
}

fn to_long(value: ValueRef<'_>) -> i64 {
    match value {
        ValueRef::Long(long) => long,
        ValueRef::Double(double) => double as i64,
        ValueRef::Decimal(decimal) => decimal.to_i64_wrapping(),
        ValueRef::Boolean(boolean) => i64::from(boolean),
        ValueRef::String(text) => parse_long(text),
        ValueRef::Bytes(bytes) => parse_long(&utf8::from_latin1(bytes)),
        ValueRef::Deleted => 0,
    }
}

fn parse_long(text: &str) -> i64 {
    text.parse().unwrap_or_else(|_| parse_double(text).unwrap_or(0.0) as i64)
}

fn to_double(value: ValueRef<'_>) -> f64 {
    match value {
        ValueRef::Long(long) => long as f64,
        ValueRef::Double(double) => double,
        ValueRef::Decimal(decimal) => decimal.to_f64(),
        ValueRef::Boolean(boolean) => f64::from(u8::from(boolean)),
        ValueRef::String(text) => parse_double(text).unwrap_or(0.0),
        ValueRef::Bytes(bytes) => parse_double(&utf8::from_latin1(bytes)).unwrap_or(0.0),
        ValueRef::Deleted => 0.0,
    }
}

fn to_boolean(value: ValueRef<'_>) -> bool {
    match value {
        ValueRef::Long(long) => long != 0,
        ValueRef::Double(double) => double != 0.0,
        ValueRef::Decimal(decimal) => decimal.to_f64() != 0.0,
        ValueRef::Boolean(boolean) => boolean,
        ValueRef::String(text) => !text.is_empty(),
        ValueRef::Bytes(bytes) => !bytes.is_empty(),
        ValueRef::Deleted => false,
    }
}

fn to_text(value: ValueRef<'_>) -> Arc<str> {
    match value {
        ValueRef::Long(long) => long.to_string().into(),
        ValueRef::Double(double) => JavaDouble(double).to_string().into(),
        ValueRef::Decimal(decimal) => decimal.to_java_string().into(),
        ValueRef::Boolean(boolean) => if boolean { "T" } else { "F" }.into(),
        ValueRef::String(text) => text.into(),
        ValueRef::Bytes(bytes) => utf8::from_latin1(bytes).into(),
        ValueRef::Deleted => "".into(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Decimal;

    proptest! {
        #[test]
        fn columns_are_built_as_they_are_pushed(
            points in prop::collection::vec((any::<i64>(), 0usize..8, 0i64..3, 0i64..3), 0..12),
            kinds in 1usize..8,
        ) {
            let (mut builder, mut pushed) = (ColumnsBuilder::with_capacity(1), Columns::default());
            for (tick, other, location, elevation) in points {
                let none = |place, none| if place == 0 { none } else { place };
                let (location, elevation) =
                    (none(location, NO_LOCATION), none(elevation, NO_ELEVATION));
                let value = OTHERS[other % kinds];
                builder.push(tick, location, elevation, value);
                pushed.push(tick, location, elevation, value.into());
            }
            prop_assert_eq!(builder.finish(), pushed);
        }
    }

    fn series(values: &[ValueRef<'_>]) -> Vec<Value> {
        let mut builder = SeriesBuilder::default();
        for &value in values {
            builder.push(0, NO_LOCATION, NO_ELEVATION, value);
        }
        let columns = builder.finish();
        columns.iter().map(|point| point.value).collect()
    }

    const OTHERS: [ValueRef<'static>; 8] = [
        ValueRef::Long(-7),
        ValueRef::Double(2.5),
        ValueRef::Decimal(Decimal { unscaled: 1500, scale: 3 }),
        ValueRef::Boolean(true),
        ValueRef::String("12.75"),
        ValueRef::String("x"),
        ValueRef::Bytes(b"\xe9"),
        ValueRef::Deleted,
    ];

    #[test]
    fn the_first_value_decides() {
        let after = |first| series(&[&[first][..], &OTHERS].concat())[1..].to_vec();
        let longs = [-7, 2, 1, 1, 12, 0, 0].map(Value::Long);
        assert_eq!(after(ValueRef::Long(0)), longs);
        let doubles = [-7.0, 2.5, 1.5, 1.0, 12.75, 0.0, 0.0].map(Value::Double);
        assert_eq!(after(ValueRef::Double(0.0)), doubles);
        assert_eq!(after(ValueRef::Decimal(Decimal { unscaled: 1, scale: 0 })), doubles);
        assert_eq!(after(ValueRef::Boolean(false)), [true; 7].map(Value::Boolean));
        let texts = ["-7", "2.5", "1.500", "T", "12.75", "x", "\u{e9}"];
        assert_eq!(after(ValueRef::Bytes(b"")), texts.map(|text| Value::String(text.into())));
        assert_eq!(series(&[ValueRef::Deleted]), []);
    }

    #[test]
    fn only_a_text_is_repeated() {
        let mut builder = SeriesBuilder::with_capacity(4);
        assert!(!builder.repeat_text(0, NO_LOCATION, NO_ELEVATION));
        builder.push(1, NO_LOCATION, NO_ELEVATION, ValueRef::String("a"));
        assert!(builder.repeat_text(2, 5, NO_ELEVATION));
        builder.push(3, NO_LOCATION, NO_ELEVATION, ValueRef::Long(1));
        assert!(!builder.repeat_text(4, NO_LOCATION, NO_ELEVATION));
        let columns = builder.finish();
        assert_eq!(columns.len(), 3);
        assert_eq!(*columns.locations, [NO_LOCATION, 5, NO_LOCATION]);
        let Column::String(texts) = columns.values else { panic!("not texts") };
        assert!(Arc::ptr_eq(&texts[0], &texts[1]));
    }
}
