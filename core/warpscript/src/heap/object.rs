//! What the heap holds.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use indexmap::{IndexMap, IndexSet};
use num_bigint::BigInt;
use rustc_hash::FxBuildHasher;
use weft_gts::{Column, Columns, Metadata, Series};

use super::key::{Key, TextKey};
use super::slab::Footprint;
use crate::function::Role;
use crate::registry::Word;
use crate::value::Value;

/// The contents of a STRING. Lengths and positions of the language count UTF-16 units.
pub type Text = Arc<str>;

/// The contents of BYTES.
pub type Bytes = Arc<[u8]>;

/// The contents of a LIST or VLIST.
pub type List = Vec<Value>;

/// A BIGDECIMAL: `unscaled × 10^-scale`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decimal {
    /// The digits as one integer.
    pub unscaled: BigInt,
    /// How many digits stand behind the point.
    pub scale: i32,
}

/// The contents of a MAP.
#[derive(Clone, Debug, Default)]
pub struct Map {
    /// Entries in order of insertion.
    pub entries: IndexMap<Key, Value, FxBuildHasher>,
}

/// The contents of a SET.
#[derive(Clone, Debug, Default)]
pub struct Set {
    /// Members in order of insertion.
    pub members: IndexSet<Key, FxBuildHasher>,
}

/// A series and what is known about its order.
#[derive(Clone, Debug, Default)]
pub struct Gts {
    /// Metadata, bucket parameters, columns.
    pub series: Series,
    /// How the ticks are ordered, as far as known. Whoever appends or moves points resets it.
    pub order: Order,
    /// The series was renamed, so the ids of its metadata mean nothing.
    pub renamed: bool,
    /// Bytes of the texts among the values, as counted last.
    pub(crate) text_bytes: usize,
}

/// What is known about the order of ticks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// Nothing.
    #[default]
    Unknown,
    /// Oldest first.
    Ascending,
    /// Newest first.
    Descending,
}

/// An encoder: points in order of arrival, of any types.
#[derive(Clone, Debug, Default)]
pub struct Encoder {
    /// Name, labels, attributes.
    pub metadata: Metadata,
    /// The points; values of different types make a mixed column.
    pub points: Columns,
    /// Bytes of the texts among the values, as counted last.
    pub(crate) text_bytes: usize,
}

/// A function value that is more than a word of the library.
#[derive(Clone, Debug)]
pub struct Function {
    /// The word that made it, for its name.
    pub word: Option<&'static Word>,
    /// The name that `DEF` gave it.
    pub name: Option<Text>,
    /// What it can do.
    pub role: Role,
    /// The parameters it was made with, in the order in which they were given.
    pub parameters: Vec<Value>,
}

/// A value of a type that only some families know.
///
/// `as_any` gives the type back: `vm.heap.object::<Matrix>(handle)`.
pub trait Object: Any + Send + fmt::Debug {
    /// The name that TYPEOF gives.
    fn type_name(&self) -> &'static str;

    /// Bytes held beside the handle.
    fn footprint(&self) -> usize;

    /// Names the values that this one holds.
    fn trace(&self, _visit: &mut dyn FnMut(Value)) {}

    /// How large it is, for SIZE.
    fn size(&self) -> Option<usize> {
        None
    }

    /// How the value reads in JSON: already as JSON. `None` is `null`.
    fn json(&self) -> Option<String> {
        None
    }

    /// The script that makes the value again, for SNAPSHOT.
    fn snapshot(&self) -> Option<String> {
        None
    }

    /// The same for people, where it differs.
    fn snapshot_readable(&self) -> Option<String> {
        self.snapshot()
    }

    /// The same value once more, for CLONE.
    fn duplicate(&self) -> Option<Box<dyn Object>> {
        None
    }

    /// Whether another object is equal to this one; identity is asked before.
    fn same(&self, _other: &dyn Object) -> bool {
        false
    }

    /// For `downcast_ref`.
    fn as_any(&self) -> &dyn Any;

    /// For `downcast_mut`.
    fn as_any_mut(&mut self) -> &mut dyn Any;
}

impl Map {
    /// The value of a text key.
    pub fn get_text(&self, key: &str) -> Option<Value> {
        self.entries.get(&TextKey(key)).copied()
    }
}

impl Gts {
    /// A series whose order is not known.
    pub fn new(series: Series) -> Self {
        Self { series, ..Self::default() }
    }

    /// Appends a point by the rules of the first value and keeps track of the order. Deleted
    /// values are left out.
    #[inline]
    pub fn append(&mut self, tick: i64, location: i64, elevation: i64, value: weft_gts::Value) {
        let points = &mut self.series.points;
        let (count, last) = (points.len(), points.ticks.last().copied());
        if !points.append(tick, location, elevation, value) {
            return;
        }
        self.order = match last {
            Some(last) => self.order.after(count, last, tick),
            None => Order::Ascending,
        };
    }

    /// As [`Gts::append`] of a number without a place, for a series that has only such, of the same
    /// type, and shares no columns: the bytes by which these grew. `None`: another case, and nothing
    /// happened.
    #[inline]
    pub(crate) fn append_number(&mut self, tick: i64, value: Value) -> Option<usize> {
        let points = &mut self.series.points;
        if !points.locations.is_empty() || !points.elevations.is_empty() {
            return None;
        }
        let ticks = Arc::get_mut(&mut points.ticks)?;
        let last = *ticks.last()?;
        let grown = match (&mut points.values, value) {
            (Column::Long(values), Value::Long(value)) => push(Arc::get_mut(values)?, value),
            (Column::Double(values), Value::Double(value)) => push(Arc::get_mut(values)?, value),
            _ => return None,
        };
        self.order = self.order.after(ticks.len(), last, tick);
        Some(grown + push(ticks, tick))
    }
}

/// Appends; the bytes by which the room grew.
#[inline]
fn push<T>(values: &mut Vec<T>, value: T) -> usize {
    let room = values.capacity();
    values.push(value);
    (values.capacity() - room) * size_of::<T>()
}

impl Order {
    /// The order of points of which there were `count`, the last one at `last`, and then one more.
    const fn after(self, count: usize, last: i64, tick: i64) -> Self {
        match (count, self) {
            (1, _) if last > tick => Self::Descending,
            (1, _) => Self::Ascending,
            (_, Self::Ascending) if last <= tick => Self::Ascending,
            (_, Self::Descending) if last >= tick => Self::Descending,
            _ => Self::Unknown,
        }
    }

    /// The order of ticks that came one by one.
    pub(crate) fn of(ticks: &[i64]) -> Self {
        let mut order = Self::Ascending;
        for (count, pair) in (1..).zip(ticks.windows(2)) {
            order = order.after(count, pair[0], pair[1]);
            if matches!(order, Self::Unknown) {
                break;
            }
        }
        order
    }
}

impl Footprint for Text {
    fn footprint(&self) -> usize {
        self.len() + 16
    }
}

impl Footprint for Bytes {
    fn footprint(&self) -> usize {
        self.len() + 16
    }
}

impl Footprint for List {
    fn footprint(&self) -> usize {
        self.capacity() * size_of::<Value>()
    }
}

impl Footprint for Decimal {
    fn footprint(&self) -> usize {
        self.unscaled.bits() as usize / 8 + 8
    }
}

impl Footprint for Map {
    fn footprint(&self) -> usize {
        // An entry with its hash, and the index table at its lowest load.
        self.entries.capacity() * (size_of::<Key>() + size_of::<Value>() + 8 + 10)
    }
}

impl Footprint for Set {
    fn footprint(&self) -> usize {
        self.members.capacity() * (size_of::<Key>() + 8 + 10)
    }
}

/// Bytes of columns without the texts they refer to. A shared column counts for each of its series.
pub(crate) fn columns_footprint(points: &Columns) -> usize {
    let values = match &points.values {
        Column::Empty => 0,
        Column::Long(v) => v.capacity() * 8,
        Column::Double(v) => v.capacity() * 8,
        Column::Boolean(v) => v.capacity(),
        Column::String(v) => v.capacity() * size_of::<Text>(),
        Column::Mixed(v) => v.capacity() * size_of::<weft_gts::Value>(),
    };
    let longs =
        points.ticks.capacity() + points.locations.capacity() + points.elevations.capacity();
    longs * 8 + values
}

/// Bytes of the texts that columns refer to; runs of one shared text count once.
///
/// Takes time in proportion to the points, so it runs when columns enter the heap and at every
/// collection. Between those a text that a word put into a column is still counted as the string
/// it was before.
pub(crate) fn text_bytes(points: &Columns) -> usize {
    let mut bytes = 0;
    let mut last: *const u8 = std::ptr::null();
    let mut count = |address: *const u8, length: usize| {
        if address != last {
            last = address;
            bytes += length + 16;
        }
    };
    match &points.values {
        Column::String(values) => values.iter().for_each(|v| count(v.as_ptr(), v.len())),
        Column::Mixed(values) => values.iter().for_each(|v| match v {
            weft_gts::Value::String(v) => count(v.as_ptr(), v.len()),
            weft_gts::Value::Bytes(v) => count(v.as_ptr(), v.len()),
            _ => (),
        }),
        _ => (),
    }
    bytes
}

fn metadata_footprint(metadata: &Metadata) -> usize {
    let maps = [&metadata.labels, &metadata.attributes];
    maps.iter().map(|m| m.byte_len() + m.len() * 48).sum::<usize>() + metadata.class().len()
}

impl Footprint for Gts {
    fn footprint(&self) -> usize {
        columns_footprint(&self.series.points)
            + self.text_bytes
            + metadata_footprint(&self.series.metadata)
    }
}

impl Footprint for Encoder {
    fn footprint(&self) -> usize {
        columns_footprint(&self.points) + self.text_bytes + metadata_footprint(&self.metadata)
    }
}

impl Footprint for Function {
    fn footprint(&self) -> usize {
        self.parameters.capacity() * size_of::<Value>()
    }
}

impl Footprint for Box<dyn Object> {
    fn footprint(&self) -> usize {
        Object::footprint(self.as_ref())
    }
}

/// Calls `visit` with the values that a collection holds.
pub(crate) fn trace_map(map: &Map, visit: &mut dyn FnMut(Value)) {
    for (key, value) in &map.entries {
        visit(key.value());
        visit(*value);
    }
}
