//! Pieces of a series put together.

use std::sync::Arc;

use weft_gts::{Column, Columns, NO_ELEVATION, NO_LOCATION};

/// The types of values, as parameters name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Long,
    Double,
    Boolean,
    String,
}

impl Kind {
    /// By the name of the type, in any case.
    pub(super) fn parse(name: &str) -> Option<Self> {
        let kinds = [
            ("LONG", Self::Long),
            ("DOUBLE", Self::Double),
            ("BOOLEAN", Self::Boolean),
            ("STRING", Self::String),
        ];
        kinds.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, kind)| kind)
    }

    /// Columns without points, of this type.
    pub(super) fn columns(self) -> Columns {
        let values = match self {
            Self::Long => Column::Long(Arc::default()),
            Self::Double => Column::Double(Arc::default()),
            Self::Boolean => Column::Boolean(Arc::default()),
            Self::String => Column::String(Arc::default()),
        };
        Columns { values, ..Columns::default() }
    }
}

/// Appends points to a series: values become what the first one is.
pub(super) fn append_converted(into: &mut Columns, from: &Columns) {
    if matches!(into.values, Column::Empty) && !matches!(from.values, Column::Mixed(_)) {
        *into = from.clone();
        return;
    }
    if !append_alike(into, from) {
        for point in from.iter() {
            into.append(point.tick, point.location, point.elevation, point.value);
        }
    }
}

/// Appends points to an encoder: values stay what they are.
pub(super) fn append_as_is(into: &mut Columns, from: &Columns) {
    if into.is_empty() {
        *into = from.clone();
    } else if !append_alike(into, from) {
        for point in from.iter() {
            into.push(point.tick, point.location, point.elevation, point.value);
        }
    }
}

/// Appends columns of the same type as a whole; `false` when they are not.
fn append_alike(into: &mut Columns, from: &Columns) -> bool {
    match (&mut into.values, &from.values) {
        (Column::Long(a), Column::Long(b)) => Arc::make_mut(a).extend_from_slice(b),
        (Column::Double(a), Column::Double(b)) => Arc::make_mut(a).extend_from_slice(b),
        (Column::Boolean(a), Column::Boolean(b)) => Arc::make_mut(a).extend_from_slice(b),
        (Column::String(a), Column::String(b)) => Arc::make_mut(a).extend_from_slice(b),
        _ => return false,
    }
    let (before, added) = (into.ticks.len(), from.ticks.len());
    append_optional(&mut into.locations, &from.locations, before, added, NO_LOCATION);
    append_optional(&mut into.elevations, &from.elevations, before, added, NO_ELEVATION);
    Arc::make_mut(&mut into.ticks).extend_from_slice(&from.ticks);
    true
}

/// Appends columns that are empty as long as every entry is `none`.
fn append_optional(into: &mut Arc<Vec<i64>>, from: &[i64], before: usize, added: usize, none: i64) {
    if into.is_empty() && from.is_empty() {
        return;
    }
    let into = Arc::make_mut(into);
    into.resize(before, none);
    into.extend_from_slice(from);
    into.resize(before + added, none);
}

#[cfg(test)]
mod tests {
    use weft_gts::Value;

    use super::*;

    fn points(values: &[Value], location: i64) -> Columns {
        let mut columns = Columns::default();
        for (tick, value) in values.iter().enumerate() {
            columns.push(tick as i64, location, NO_ELEVATION, value.clone());
        }
        columns
    }

    #[test]
    fn pieces_are_put_together() {
        let mut series = points(&[Value::Long(1)], NO_LOCATION);
        append_converted(&mut series, &points(&[Value::Long(2)], 5));
        assert_eq!(*series.locations, vec![NO_LOCATION, 5]);
        append_converted(&mut series, &points(&[Value::Double(3.5)], NO_LOCATION));
        assert_eq!(series.values, Column::Long(Arc::new(vec![1, 2, 3])));
        assert_eq!(*series.locations, vec![NO_LOCATION, 5, NO_LOCATION]);
        let mut encoder = points(&[Value::Long(1)], NO_LOCATION);
        append_as_is(&mut encoder, &points(&[Value::Boolean(true)], NO_LOCATION));
        assert_eq!(encoder.get(1).value, Value::Boolean(true));
        let mut forced = Kind::String.columns();
        append_converted(&mut forced, &points(&[Value::Long(1)], NO_LOCATION));
        assert_eq!(forced.get(0).value, Value::String("1".into()));
    }
}
