//! Datapoints of many series that take turns, put in order by series.
//!
//! They are kept in the order of arrival, which costs nothing per series, and sorted when they go
//! out.

use weft_gts::{Decimal, Encoder, ValueRef};

/// Datapoints that wait.
#[derive(Debug, Default)]
pub(super) struct Collector {
    points: Vec<Point>,
    /// The texts and binaries among the values.
    texts: String,
    binaries: Vec<u8>,
}

/// One datapoint.
#[derive(Clone, Copy, Debug)]
struct Point {
    tick: i64,
    location: i64,
    elevation: i64,
    /// A number, or where a text begins.
    value: u64,
    /// The scale of a decimal, or the length of a text.
    extent: u32,
    series: u32,
    kind: Kind,
}

/// What a value is.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Long,
    Double,
    Decimal,
    Boolean,
    String,
    Bytes,
    Deleted,
}

impl Collector {
    /// How many there are.
    pub(super) const fn len(&self) -> usize {
        self.points.len()
    }

    /// Bytes of memory that they take.
    pub(super) const fn memory(&self) -> usize {
        self.points.capacity() * size_of::<Point>()
            + self.texts.capacity()
            + self.binaries.capacity()
    }

    /// Bytes of the texts and binaries among the values.
    pub(super) const fn text_bytes(&self) -> usize {
        self.texts.len() + self.binaries.len()
    }

    /// Adds a datapoint of a series.
    #[inline(always)]
    pub(super) fn add(
        &mut self,
        series: u32,
        tick: i64,
        location: i64,
        elevation: i64,
        value: ValueRef<'_>,
    ) {
        let (kind, value, extent) = match value {
            ValueRef::Long(long) => (Kind::Long, long as u64, 0),
            ValueRef::Double(double) => (Kind::Double, double.to_bits(), 0),
            ValueRef::Decimal(decimal) => {
                (Kind::Decimal, decimal.unscaled as u64, decimal.scale as u32)
            }
            ValueRef::Boolean(boolean) => (Kind::Boolean, u64::from(boolean), 0),
            ValueRef::String(text) => {
                self.texts.push_str(text);
                (Kind::String, (self.texts.len() - text.len()) as u64, text.len() as u32)
            }
            ValueRef::Bytes(bytes) => {
                self.binaries.extend_from_slice(bytes);
                (Kind::Bytes, (self.binaries.len() - bytes.len()) as u64, bytes.len() as u32)
            }
            ValueRef::Deleted => (Kind::Deleted, 0, 0),
        };
        self.points.push(Point { tick, location, elevation, value, extent, series, kind });
    }

    /// Hands each series, of `count`, that has datapoints to `take`, and `take` adds them to an
    /// encoder by the function it is given, as many at a time as it likes.
    pub(super) fn drain(&mut self, count: usize, mut take: impl FnMut(u32, Run<'_>)) {
        let mut ends = vec![0u32; count + 1];
        for point in &self.points {
            ends[point.series as usize + 1] += 1;
        }
        for series in 0..count {
            ends[series + 1] += ends[series];
        }
        // Where each series begins becomes where it ends.
        let mut order = vec![0u32; self.points.len()];
        for (index, point) in (0..).zip(&self.points) {
            let place = &mut ends[point.series as usize];
            order[*place as usize] = index;
            *place += 1;
        }
        let (mut start, mut points) = (0, Vec::new());
        for (series, &end) in (0..).zip(&ends[..count]) {
            let order = &order[start as usize..end as usize];
            if !order.is_empty() {
                // Gathered before they are looked at, so that the processor waits for many at once.
                points.clear();
                points.extend(order.iter().map(|index| self.points[*index as usize]));
                take(series, Run { collector: self, points: &points });
            }
            start = end;
        }
        self.points.clear();
        self.texts.clear();
        self.binaries.clear();
    }

    /// Gives the memory back.
    pub(super) fn release(&mut self) {
        debug_assert_eq!(self.len(), 0, "everything went out");
        *self = Self::default();
    }

    fn value(&self, point: &Point) -> ValueRef<'_> {
        let range = || point.value as usize..point.value as usize + point.extent as usize;
        match point.kind {
            Kind::Long => ValueRef::Long(point.value as i64),
            Kind::Double => ValueRef::Double(f64::from_bits(point.value)),
            Kind::Decimal => {
                let (unscaled, scale) = (point.value as i64, point.extent as i32);
                ValueRef::Decimal(Decimal { unscaled, scale })
            }
            Kind::Boolean => ValueRef::Boolean(point.value != 0),
            Kind::String => ValueRef::String(&self.texts[range()]),
            Kind::Bytes => ValueRef::Bytes(&self.binaries[range()]),
            Kind::Deleted => ValueRef::Deleted,
        }
    }
}

/// The datapoints of one series, in the order of arrival.
#[derive(Debug)]
pub(super) struct Run<'a> {
    collector: &'a Collector,
    points: &'a [Point],
}

impl Run<'_> {
    /// Adds datapoints to `encoder` until it has more than `bytes_max`; whether there are more.
    pub(super) fn encode(&mut self, encoder: &mut Encoder, bytes_max: usize) -> bool {
        while let [point, rest @ ..] = self.points {
            self.points = rest;
            let value = self.collector.value(point);
            let size = encoder.add(point.tick, point.location, point.elevation, value);
            if size > bytes_max {
                break;
            }
        }
        !self.points.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use weft_gts::{NO_ELEVATION, NO_LOCATION, Value};

    fn values() -> impl Strategy<Value = Value> {
        prop_oneof![
            any::<i64>().prop_map(Value::Long),
            any::<i64>().prop_map(|v| Value::Double(v as f64)),
            (any::<i32>(), 0..5).prop_map(|(unscaled, scale)| {
                Value::Decimal(Decimal { unscaled: unscaled.into(), scale })
            }),
            any::<bool>().prop_map(Value::Boolean),
            any::<String>().prop_map(|text| Value::String(text.into())),
            any::<Vec<u8>>().prop_map(|bytes| Value::Bytes(bytes.into())),
        ]
    }

    proptest! {
        #[test]
        fn every_series_gets_what_was_added_in_order(
            points in prop::collection::vec((0u32..5, any::<i64>(), values()), 0..60),
            bytes_max in 0usize..100,
        ) {
            let mut collector = Collector::default();
            for (series, tick, value) in &points {
                collector.add(*series, *tick, NO_LOCATION, NO_ELEVATION, value.into());
            }
            let (mut got, mut order) = (Vec::new(), Vec::new());
            collector.drain(5, |series, mut run| {
                order.push(series);
                loop {
                    let mut encoder = Encoder::new(0);
                    let has_more = run.encode(&mut encoder, bytes_max);
                    for point in encoder.decoder() {
                        let point = point.expect("a point");
                        got.push((series, point.tick, point.value));
                    }
                    if !has_more {
                        break;
                    }
                }
            });
            prop_assert!(order.is_sorted());
            let mut sorted = points;
            sorted.sort_by_key(|(series, ..)| *series);
            let alike = |value: &Value| match value {
                // A decimal that is written is without zeros at the end.
                Value::Decimal(decimal) => Value::Decimal(decimal.normalized()),
                other => other.clone(),
            };
            let sorted: Vec<_> = sorted.iter().map(|(s, t, v)| (*s, *t, alike(v))).collect();
            prop_assert_eq!(got, sorted);
            prop_assert_eq!(collector.len(), 0);
        }
    }
}
