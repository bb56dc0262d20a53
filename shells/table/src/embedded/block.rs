//! Blocks: cells of one series, by column and compressed.
//!
//! ```text
//! block:    count, has (1 byte: 1 positions, 2 elevations), ticks, cell timestamps, times to live,
//!           [positions], [elevations], values
//! values:   kind (1 byte), then
//!   0  LONG      column of integers
//!   1  DECIMAL   digits after the point (1 byte), column of the doubles times ten to that
//!   2  DOUBLE    column of the doubles' bits
//!   3  BOOLEAN   bits, eight a byte, from the low one on
//!   4  STRING    distinct texts: count, column of lengths, bytes; column of their places
//!   5  MIXED     bytes: for each value its kind (1 byte) and what it needs
//! bytes:    length, squeezed length or 0, the bytes or what LZ4 made of them
//! ```
//!
//! Ticks go down: the newest datapoint is the first.

use std::collections::HashMap;
use std::sync::Arc;

use rustc_hash::FxBuildHasher;
use weft_gts::{Column, Columns, Decimal, NO_ELEVATION, NO_LOCATION, Value, varint};

use super::cells::Cells;
use super::cursor::{Cursor, Damaged};
use super::ints;

/// Cells in a block; few in tests, so that these have many blocks.
pub(super) const BLOCK_CELLS: usize = if cfg!(test) { 64 } else { 8_192 };

const LONG: u8 = 0;
const DECIMAL: u8 = 1;
const DOUBLE: u8 = 2;
const BOOLEAN: u8 = 3;
const STRING: u8 = 4;
const MIXED: u8 = 5;

const HAS_LOCATIONS: u8 = 1;
const HAS_ELEVATIONS: u8 = 2;

/// The most digits after the point that doubles are tried with.
const DIGITS_MAX: usize = 6;

/// Integers that doubles hold exactly.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Appends cells, newest first.
pub(super) fn write(out: &mut Vec<u8>, cells: &Cells) {
    let points = &cells.points;
    varint::write_unsigned(out, points.len() as u64);
    let has_locations = points.locations.iter().any(|&l| l != NO_LOCATION);
    let has_elevations = points.elevations.iter().any(|&e| e != NO_ELEVATION);
    let has = u8::from(has_locations) * HAS_LOCATIONS + u8::from(has_elevations) * HAS_ELEVATIONS;
    out.push(has);
    ints::write(out, &points.ticks);
    for runs in [&cells.cell_ms, &cells.ttl_ms] {
        match runs.only() {
            Some(value) => ints::write(out, &[value]),
            None => ints::write(out, &runs.to_vec()),
        }
    }
    if has_locations {
        ints::write(out, &points.locations);
    }
    if has_elevations {
        ints::write(out, &points.elevations);
    }
    write_values(out, &points.values);
}

/// Reads cells.
pub(super) fn read(bytes: &[u8]) -> Result<Cells, Damaged> {
    let mut input = Cursor::new(bytes);
    let count = input.length()?;
    if count > BLOCK_CELLS {
        return Err(Damaged("more cells than a block has"));
    }
    let has = input.byte()?;
    let ticks = ints::read(&mut input, count)?;
    if ticks.windows(2).any(|pair| pair[0] <= pair[1]) {
        return Err(Damaged("ticks that do not go down"));
    }
    let cell_ms = ints::read_runs(&mut input, count)?;
    let ttl_ms = ints::read_runs(&mut input, count)?;
    let mut optional = |bit| match has & bit {
        0 => Ok(Vec::new()),
        _ => ints::read(&mut input, count),
    };
    let (locations, elevations) = (optional(HAS_LOCATIONS)?, optional(HAS_ELEVATIONS)?);
    let values = read_values(&mut input, count)?;
    let points = Columns {
        ticks: Arc::new(ticks),
        locations: Arc::new(locations),
        elevations: Arc::new(elevations),
        values,
    };
    Ok(Cells { points, cell_ms, ttl_ms })
}

fn write_values(out: &mut Vec<u8>, values: &Column) {
    match values {
        Column::Empty => out.push(LONG),
        Column::Long(values) => {
            out.push(LONG);
            ints::write(out, values);
        }
        Column::Double(values) => write_doubles(out, values),
        Column::Boolean(values) => {
            out.push(BOOLEAN);
            let bits =
                |bits: &[bool]| bits.iter().rev().fold(0, |byte, &bit| byte << 1 | u8::from(bit));
            out.extend(values.chunks(8).map(bits));
        }
        Column::String(values) => write_texts(out, values),
        Column::Mixed(values) => {
            out.push(MIXED);
            let mut bytes = Vec::new();
            values.iter().for_each(|value| write_value(&mut bytes, value));
            write_bytes(out, &bytes);
        }
    }
}

fn read_values(input: &mut Cursor<'_>, count: usize) -> Result<Column, Damaged> {
    if count == 0 {
        return Ok(Column::Empty);
    }
    Ok(match input.byte()? {
        LONG => Column::Long(Arc::new(ints::read(input, count)?)),
        DECIMAL => {
            let power = POWERS.get(usize::from(input.byte()?));
            let power = *power.ok_or(Damaged("more digits than doubles are written with"))?;
            let digits = ints::read(input, count)?;
            Column::Double(Arc::new(digits.into_iter().map(|n| n as f64 / power).collect()))
        }
        DOUBLE => {
            let bits = ints::read(input, count)?;
            let doubles = bits.into_iter().map(|bits| f64::from_bits(bits as u64));
            Column::Double(Arc::new(doubles.collect()))
        }
        BOOLEAN => {
            let bytes = input.take(count.div_ceil(8))?;
            let bits = (0..count).map(|row| bytes[row / 8] >> (row % 8) & 1 == 1);
            Column::Boolean(Arc::new(bits.collect()))
        }
        STRING => Column::String(Arc::new(read_texts(input, count)?)),
        MIXED => {
            let bytes = read_bytes(input)?;
            let mut input = Cursor::new(&bytes);
            let values = (0..count).map(|_| read_value(&mut input)).collect::<Result<_, _>>()?;
            Column::Mixed(Arc::new(values))
        }
        _ => return Err(Damaged("an unknown kind of values")),
    })
}

const POWERS: [f64; DIGITS_MAX + 1] = [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6];

/// Doubles of few digits after the point are integers over a power of ten: division rounds to the
/// very double that the digits mean.
fn write_doubles(out: &mut Vec<u8>, values: &[f64]) {
    let digits_of = |value: f64, power: f64| -> Option<i64> {
        let rounded = (value * power).round();
        // As an integer, which has no zero below zero.
        let digits = rounded as i64;
        let is_exact =
            rounded.abs() < EXACT && (digits as f64 / power).to_bits() == value.to_bits();
        is_exact.then_some(digits)
    };
    let mut places = 0;
    for &value in values {
        while places <= DIGITS_MAX && digits_of(value, POWERS[places]).is_none() {
            places += 1;
        }
        if places > DIGITS_MAX {
            out.push(DOUBLE);
            let bits: Vec<i64> = values.iter().map(|value| value.to_bits() as i64).collect();
            return ints::write(out, &bits);
        }
    }
    let digits: Option<Vec<i64>> =
        values.iter().map(|&value| digits_of(value, POWERS[places])).collect();
    match digits {
        Some(digits) => {
            out.push(DECIMAL);
            out.push(places as u8);
            ints::write(out, &digits);
        }
        // Fewer digits do not always stay exact with more.
        None => {
            out.push(DOUBLE);
            let bits: Vec<i64> = values.iter().map(|value| value.to_bits() as i64).collect();
            ints::write(out, &bits);
        }
    }
}

fn write_texts(out: &mut Vec<u8>, values: &[Arc<str>]) {
    out.push(STRING);
    let mut known: HashMap<&str, i64, FxBuildHasher> = HashMap::default();
    let mut distinct: Vec<&str> = Vec::new();
    let places: Vec<i64> = values
        .iter()
        .map(|text| {
            *known.entry(text).or_insert_with(|| {
                distinct.push(text);
                distinct.len() as i64 - 1
            })
        })
        .collect();
    varint::write_unsigned(out, distinct.len() as u64);
    let lengths: Vec<i64> = distinct.iter().map(|text| text.len() as i64).collect();
    ints::write(out, &lengths);
    write_bytes(out, distinct.concat().as_bytes());
    ints::write(out, &places);
}

fn read_texts(input: &mut Cursor<'_>, count: usize) -> Result<Vec<Arc<str>>, Damaged> {
    let distinct = input.length()?;
    if distinct > count {
        return Err(Damaged("more distinct texts than values"));
    }
    let lengths = ints::read(input, distinct)?;
    let bytes = read_bytes(input)?;
    let mut rest = std::str::from_utf8(&bytes).map_err(|_| Damaged("a text that is not UTF-8"))?;
    let mut texts: Vec<Arc<str>> = Vec::with_capacity(distinct);
    for length in lengths {
        let cut = usize::try_from(length).ok().and_then(|length| rest.split_at_checked(length));
        let (text, after) = cut.ok_or(Damaged("a text that ends too early"))?;
        texts.push(text.into());
        rest = after;
    }
    let places = ints::read(input, count)?;
    let text = |place: i64| usize::try_from(place).ok().and_then(|place| texts.get(place).cloned());
    places.into_iter().map(|place| text(place).ok_or(Damaged("no such text"))).collect()
}

fn write_value(out: &mut Vec<u8>, value: &Value) {
    let mut text = |kind, bytes: &[u8]| {
        out.push(kind);
        varint::write_unsigned(out, bytes.len() as u64);
        out.extend_from_slice(bytes);
    };
    match value {
        Value::String(value) => text(b's', value.as_bytes()),
        Value::Bytes(value) => text(b'b', value),
        Value::Long(value) => {
            out.push(b'l');
            varint::write_signed(out, *value);
        }
        Value::Double(value) => {
            out.push(b'd');
            out.extend_from_slice(&value.to_bits().to_le_bytes());
        }
        Value::Decimal(value) => {
            out.push(b'e');
            varint::write_signed(out, value.unscaled);
            varint::write_signed(out, i64::from(value.scale));
        }
        Value::Boolean(value) => out.push(if *value { b't' } else { b'f' }),
        Value::Deleted => out.push(b'-'),
    }
}

fn read_value(input: &mut Cursor<'_>) -> Result<Value, Damaged> {
    let text = |input: &mut Cursor<'_>| {
        let length = input.length()?;
        input.take(length).map(<[u8]>::to_vec)
    };
    Ok(match input.byte()? {
        b's' => {
            let text = String::from_utf8(text(input)?);
            Value::String(text.map_err(|_| Damaged("a text that is not UTF-8"))?.into())
        }
        b'b' => Value::Bytes(text(input)?.into()),
        b'l' => Value::Long(input.signed()?),
        b'd' => Value::Double(f64::from_bits(u64::from_le_bytes(input.array()?))),
        b'e' => {
            let (unscaled, scale) = (input.signed()?, i32::try_from(input.signed()?));
            let scale = scale.map_err(|_| Damaged("a decimal that is none"))?;
            Value::Decimal(Decimal { unscaled, scale })
        }
        b't' => Value::Boolean(true),
        b'f' => Value::Boolean(false),
        b'-' => Value::Deleted,
        _ => return Err(Damaged("an unknown kind of value")),
    })
}

fn write_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    let squeezed = lz4_flex::compress(bytes);
    varint::write_unsigned(out, bytes.len() as u64);
    if squeezed.len() < bytes.len() {
        varint::write_unsigned(out, squeezed.len() as u64);
        out.extend_from_slice(&squeezed);
    } else {
        varint::write_unsigned(out, 0);
        out.extend_from_slice(bytes);
    }
}

fn read_bytes(input: &mut Cursor<'_>) -> Result<Vec<u8>, Damaged> {
    let (length, squeezed) = (input.length()?, input.length()?);
    if squeezed == 0 {
        return Ok(input.take(length)?.to_vec());
    }
    ints::unpack_bytes(input.take(squeezed)?, length)
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Cells of any kind, newest first.
    pub(in super::super) fn any_cells() -> impl Strategy<Value = Cells> {
        let long = || any::<i64>().prop_map(Value::Long);
        let double = || {
            let not_nan = any::<f64>().prop_map(|v| if v.is_nan() { -0.0 } else { v });
            not_nan.prop_map(Value::Double)
        };
        let decimal = || (-1_000..1_000_i64).prop_map(|n| Value::Double(n as f64 / 100.0));
        let boolean = || any::<bool>().prop_map(Value::Boolean);
        let text = || "[a-c]{0,3}|\\PC{0,9}".prop_map(|text| Value::String(text.into()));
        let binary =
            || prop::collection::vec(any::<u8>(), 0..9).prop_map(|b| Value::Bytes(b.into()));
        let any_value = || prop_oneof![long(), double(), decimal(), boolean(), text(), binary()];
        let many = |value: BoxedStrategy<Value>| prop::collection::vec(value, 1..40);
        let alike = prop_oneof![
            many(long().boxed()),
            many(double().boxed()),
            many(decimal().boxed()),
            many(boolean().boxed()),
            many(text().boxed()),
        ];
        let values = prop_oneof![3 => alike, 1 => many(any_value().boxed())];
        let place = || prop_oneof![Just(NO_LOCATION), any::<i64>()];
        let height = || prop_oneof![Just(NO_ELEVATION), any::<i64>()];
        (values, any::<bool>()).prop_flat_map(move |(values, placed)| {
            let count = values.len();
            let ticks = prop::collection::btree_set(any::<i64>(), count);
            let row = (place(), height(), 0..3_i64, prop_oneof![Just(i64::MAX), 0..9_i64]);
            (Just(values), ticks, prop::collection::vec(row, count)).prop_map(
                move |(values, ticks, rows)| {
                    let mut cells = Cells::default();
                    for ((value, tick), row) in
                        values.into_iter().zip(ticks.into_iter().rev()).zip(rows)
                    {
                        let (location, elevation, cell_ms, ttl_ms) = row;
                        let (location, elevation) = if placed {
                            (location, elevation)
                        } else {
                            (NO_LOCATION, NO_ELEVATION)
                        };
                        cells.points.push(tick, location, elevation, value);
                        cells.cell_ms.push(cell_ms, 1);
                        cells.ttl_ms.push(ttl_ms, 1);
                    }
                    cells
                },
            )
        })
    }

    fn written(cells: &Cells) -> Vec<u8> {
        let mut out = Vec::new();
        write(&mut out, cells);
        out
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(cells in any_cells()) {
            let read = read(&written(&cells)).expect("good bytes");
            prop_assert_eq!(&read.cell_ms, &cells.cell_ms);
            prop_assert_eq!(&read.ttl_ms, &cells.ttl_ms);
            for row in 0..cells.len() {
                let (was, is) = (cells.points.get(row), read.points.get(row));
                if let (Value::Double(was), Value::Double(is)) = (&was.value, &is.value) {
                    prop_assert_eq!(was.to_bits(), is.to_bits());
                }
                prop_assert_eq!(was, is);
            }
        }

        #[test]
        fn damage_is_told_or_read_and_never_panics(
            cells in any_cells(),
            place in any::<prop::sample::Index>(),
            to in any::<u8>(),
            length in any::<prop::sample::Index>(),
        ) {
            let mut bytes = written(&cells);
            let place = place.index(bytes.len());
            bytes[place] = to;
            let _ = read(&bytes);
            let _ = read(&bytes[..length.index(bytes.len())]);
        }
    }

    #[test]
    fn a_zero_below_zero_stays_one() {
        let mut cells = Cells::default();
        for (tick, value) in [(3, 1.5), (2, -0.0), (1, 0.0)] {
            cells.points.push(tick, NO_LOCATION, NO_ELEVATION, Value::Double(value));
        }
        cells.cell_ms.push(1, 3);
        cells.ttl_ms.push(1, 3);
        let read = read(&written(&cells)).expect("good bytes");
        let Column::Double(values) = &read.points.values else { panic!("doubles") };
        let bits: Vec<u64> = values.iter().map(|value| value.to_bits()).collect();
        assert_eq!(bits, [1.5, -0.0, 0.0].map(f64::to_bits));
    }

    #[test]
    fn doubles_of_few_digits_are_small() {
        let mut cells = Cells::default();
        for row in 0..8_192_i64 {
            let value = Value::Double((2_000 + row * row % 100) as f64 / 100.0);
            cells.points.push(-row, NO_LOCATION, NO_ELEVATION, value);
        }
        cells.cell_ms.push(1, 8_192);
        cells.ttl_ms.push(1, 8_192);
        assert!(written(&cells).len() < 8_192, "{}", written(&cells).len());
    }
}
