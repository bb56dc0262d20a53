//! Columns of integers.
//!
//! ```text
//! kind 0  CONSTANT   value
//! kind 1  LINEAR     first, step
//! kind 2  PLAIN      packs of the values
//! kind 3  DELTA      first, packs of the differences
//! kind 4  CHOICE     count, column of the distinct values, packs of their places
//! kind 5  LZ_PLAIN   width in bytes, least, length, LZ4 of the values less the least
//! kind 6  LZ_DELTA   first, then as LZ_PLAIN of the differences
//!
//! pack:   least, width in bits (1 byte), up to 128 numbers less the least, packed from the low
//!         bits on
//! ```
//!
//! Numbers without a width are zigzag varints. Differences wrap. What is shortest is taken.

use std::collections::HashMap;

use rustc_hash::FxBuildHasher;
use weft_gts::varint;

use super::cursor::{Cursor, Damaged};
use super::runs::Runs;

const CONSTANT: u8 = 0;
const LINEAR: u8 = 1;
const PLAIN: u8 = 2;
const DELTA: u8 = 3;
const CHOICE: u8 = 4;
const LZ_PLAIN: u8 = 5;
const LZ_DELTA: u8 = 6;

/// Numbers in a pack.
const PACK: usize = 128;

/// Bits a number from which on looking for repeated values is worth its time.
const CHOICE_BITS: usize = 12;

/// Numbers that tell whether LZ4 helps.
const SAMPLE: usize = 1_024;

/// Appends a column.
pub(super) fn write(out: &mut Vec<u8>, values: &[i64]) {
    let Some((&first, rest)) = values.split_first() else { return };
    if rest.iter().all(|&value| value == first) {
        out.push(CONSTANT);
        return varint::write_signed(out, first);
    }
    let step = rest[0].wrapping_sub(first);
    let is_linear = values.windows(2).all(|pair| pair[1].wrapping_sub(pair[0]) == step);
    if is_linear {
        out.push(LINEAR);
        varint::write_signed(out, first);
        return varint::write_signed(out, step);
    }
    let deltas: Vec<i64> = values.windows(2).map(|pair| pair[1].wrapping_sub(pair[0])).collect();
    let (plain_bits, delta_bits) = (packed_bits(values), packed_bits(&deltas));
    let bits = plain_bits.min(delta_bits);
    if bits / values.len() >= CHOICE_BITS && write_choice(out, values, bits) {
        return;
    }
    let is_delta = delta_bits < plain_bits;
    let numbers = if is_delta { deltas.as_slice() } else { values };
    if let Some(squeezed) = squeeze(numbers, bits / 8) {
        out.push(if is_delta { LZ_DELTA } else { LZ_PLAIN });
        if is_delta {
            varint::write_signed(out, first);
        }
        out.extend_from_slice(&squeezed);
        return;
    }
    out.push(if is_delta { DELTA } else { PLAIN });
    if is_delta {
        varint::write_signed(out, first);
    }
    write_packs(out, numbers);
}

/// Reads a column of `count` numbers.
pub(super) fn read(input: &mut Cursor<'_>, count: usize) -> Result<Vec<i64>, Damaged> {
    if count == 0 {
        return Ok(Vec::new());
    }
    match input.byte()? {
        CONSTANT => Ok(vec![input.signed()?; count]),
        LINEAR => {
            let (first, step) = (input.signed()?, input.signed()?);
            Ok((0..count as i64).map(|row| first.wrapping_add(step.wrapping_mul(row))).collect())
        }
        PLAIN => read_packs(input, count),
        DELTA => {
            let first = input.signed()?;
            let deltas = read_packs(input, count - 1)?;
            Ok(summed(first, deltas))
        }
        CHOICE => {
            let distinct = input.length()?;
            if distinct > count {
                return Err(Damaged("more distinct values than values"));
            }
            let distinct = read(input, distinct)?;
            let mut values = read_packs(input, count)?;
            for value in &mut values {
                let place = usize::try_from(*value).ok();
                let found = place.and_then(|place| distinct.get(place));
                *value = *found.ok_or(Damaged("no such distinct value"))?;
            }
            Ok(values)
        }
        LZ_PLAIN => unsqueeze(input, count),
        LZ_DELTA => {
            let first = input.signed()?;
            Ok(summed(first, unsqueeze(input, count - 1)?))
        }
        _ => Err(Damaged("an unknown kind of column")),
    }
}

/// Reads a column of `count` numbers that are all alike more often than not.
pub(super) fn read_runs(input: &mut Cursor<'_>, count: usize) -> Result<Runs, Damaged> {
    let mut ahead = input.clone();
    if count > 0 && ahead.byte()? == CONSTANT {
        *input = ahead;
        let mut runs = Runs::default();
        runs.push(input.signed()?, count);
        return Ok(runs);
    }
    read(input, count).map(|values| Runs::of(&values))
}

fn summed(first: i64, mut deltas: Vec<i64>) -> Vec<i64> {
    let mut sum = first;
    for delta in &mut deltas {
        sum = sum.wrapping_add(*delta);
        *delta = sum;
    }
    deltas.insert(0, first);
    deltas
}

/// The distinct values and their places, when that is shorter than `bits`.
fn write_choice(out: &mut Vec<u8>, values: &[i64], bits: usize) -> bool {
    let mut places: HashMap<i64, i64, FxBuildHasher> = HashMap::default();
    let mut distinct = Vec::new();
    let chosen: Vec<i64> = values
        .iter()
        .map_while(|&value| {
            let next = distinct.len() as i64;
            let place = *places.entry(value).or_insert_with(|| {
                distinct.push(value);
                next
            });
            (distinct.len() <= values.len() / 4).then_some(place)
        })
        .collect();
    if chosen.len() < values.len() {
        return false;
    }
    let start = out.len();
    out.push(CHOICE);
    varint::write_unsigned(out, distinct.len() as u64);
    write(out, &distinct);
    write_packs(out, &chosen);
    if (out.len() - start) * 8 >= bits {
        out.truncate(start);
        return false;
    }
    true
}

/// The numbers by LZ4, when that takes at most three quarters of `packed` bytes.
fn squeeze(numbers: &[i64], packed: usize) -> Option<Vec<u8>> {
    let (least, most) = range(numbers);
    let width = (bits_of(most.wrapping_sub(least) as u64) as usize).div_ceil(8).max(1);
    let bytes = |numbers: &[i64]| -> Vec<u8> {
        let mut bytes = Vec::with_capacity(numbers.len() * width);
        for number in numbers {
            bytes.extend_from_slice(&number.wrapping_sub(least).to_le_bytes()[..width]);
        }
        bytes
    };
    if numbers.len() > SAMPLE {
        let sample = lz4_flex::compress(&bytes(&numbers[..SAMPLE]));
        if sample.len() * numbers.len() > packed * SAMPLE / 4 * 3 {
            return None;
        }
    }
    let squeezed = lz4_flex::compress(&bytes(numbers));
    if squeezed.len() > packed / 4 * 3 {
        return None;
    }
    let mut out = vec![width as u8];
    varint::write_signed(&mut out, least);
    varint::write_unsigned(&mut out, squeezed.len() as u64);
    out.extend_from_slice(&squeezed);
    Some(out)
}

fn unsqueeze(input: &mut Cursor<'_>, count: usize) -> Result<Vec<i64>, Damaged> {
    let width = usize::from(input.byte()?);
    if !(1..=8).contains(&width) {
        return Err(Damaged("a width that is none"));
    }
    let least = input.signed()?;
    let length = input.length()?;
    let bytes = unpack_bytes(input.take(length)?, count * width)?;
    Ok(match width {
        1 => widened::<1>(&bytes, least),
        2 => widened::<2>(&bytes, least),
        3 => widened::<3>(&bytes, least),
        4 => widened::<4>(&bytes, least),
        5 => widened::<5>(&bytes, least),
        6 => widened::<6>(&bytes, least),
        7 => widened::<7>(&bytes, least),
        _ => widened::<8>(&bytes, least),
    })
}

/// Numbers of so many bytes; that the compiler knows how many is worth a copy of this for each.
fn widened<const WIDTH: usize>(bytes: &[u8], least: i64) -> Vec<i64> {
    let (numbers, _) = bytes.as_chunks::<WIDTH>();
    // Room for one more: differences get their first value in front.
    let mut widened = Vec::with_capacity(numbers.len() + 1);
    widened.extend(numbers.iter().map(|bytes| {
        let mut number = [0; 8];
        number[..WIDTH].copy_from_slice(bytes);
        least.wrapping_add(i64::from_le_bytes(number))
    }));
    widened
}

/// What LZ4 made smaller, which must have been `length` bytes.
pub(super) fn unpack_bytes(squeezed: &[u8], length: usize) -> Result<Vec<u8>, Damaged> {
    let bytes = lz4_flex::decompress(squeezed, length);
    let bytes = bytes.map_err(|_| Damaged("bytes that LZ4 did not make"))?;
    if bytes.len() == length { Ok(bytes) } else { Err(Damaged("too few bytes from LZ4")) }
}

/// Bits that packs of the numbers take, about.
fn packed_bits(numbers: &[i64]) -> usize {
    let bits = |pack: &[i64]| {
        let (least, most) = range(pack);
        24 + pack.len() * bits_of(most.wrapping_sub(least) as u64) as usize
    };
    numbers.chunks(PACK).map(bits).sum()
}

fn range(numbers: &[i64]) -> (i64, i64) {
    let start = (i64::MAX, i64::MIN);
    numbers.iter().fold(start, |(least, most), &n| (least.min(n), most.max(n)))
}

const fn bits_of(number: u64) -> u32 {
    64 - number.leading_zeros()
}

fn write_packs(out: &mut Vec<u8>, numbers: &[i64]) {
    for pack in numbers.chunks(PACK) {
        let (least, most) = range(pack);
        let width = bits_of(most.wrapping_sub(least) as u64);
        varint::write_signed(out, least);
        out.push(width as u8);
        let (mut bits, mut held) = (0_u128, 0);
        for number in pack {
            bits |= u128::from(number.wrapping_sub(least) as u64) << held;
            held += width;
            if held >= 64 {
                out.extend_from_slice(&(bits as u64).to_le_bytes());
                bits >>= 64;
                held -= 64;
            }
        }
        out.extend_from_slice(&(bits as u64).to_le_bytes()[..(held as usize).div_ceil(8)]);
    }
}

fn read_packs(input: &mut Cursor<'_>, count: usize) -> Result<Vec<i64>, Damaged> {
    // Room for one more: differences get their first value in front.
    let mut numbers = Vec::with_capacity(count + 1);
    while numbers.len() < count {
        let length = PACK.min(count - numbers.len());
        let least = input.signed()?;
        let width = u32::from(input.byte()?);
        match width {
            0 => numbers.resize(numbers.len() + length, least),
            1..=64 => {
                let bytes = input.take((length * width as usize).div_ceil(8))?;
                unpack(bytes, width, length, least, &mut numbers);
            }
            _ => return Err(Damaged("a width that is none")),
        }
    }
    Ok(numbers)
}

fn unpack(bytes: &[u8], width: u32, length: usize, least: i64, numbers: &mut Vec<i64>) {
    let mask = u64::MAX >> (64 - width);
    // Where eight bytes are at hand and hold a number wherever it begins in the first of them, it is
    // cut out of these at once.
    let at_once = if width > 57 || bytes.len() < 8 {
        0
    } else {
        length.min((bytes.len() - 8) * 8 / width as usize + 1)
    };
    numbers.extend((0..at_once).map(|index| {
        let bit = index * width as usize;
        let word = bytes[bit / 8..].first_chunk().map_or(0, |word| u64::from_le_bytes(*word));
        least.wrapping_add((word >> (bit % 8) & mask) as i64)
    }));
    let bit = at_once * width as usize;
    let (bytes, skip) = (&bytes[bit / 8..], bit as u32 % 8);
    let mut words = bytes.chunks(8);
    let (mut bits, mut held) = (0_u128, 0);
    if let Some(&first) = bytes.first() {
        words = bytes[1..].chunks(8);
        (bits, held) = (u128::from(first >> skip), 8 - skip);
    }
    numbers.extend((at_once..length).map(|_| {
        if held < width {
            let mut word = [0; 8];
            if let Some(bytes) = words.next() {
                word[..bytes.len()].copy_from_slice(bytes);
            }
            bits |= u128::from(u64::from_le_bytes(word)) << held;
            held += 64;
        }
        let number = (bits as u64) & mask;
        bits >>= width;
        held -= width;
        least.wrapping_add(number as i64)
    }));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(values: &[i64]) -> Vec<u8> {
        let mut out = Vec::new();
        write(&mut out, values);
        out
    }

    fn kinds() -> impl Strategy<Value = Vec<i64>> {
        let period = prop::collection::vec(any::<i64>(), 1..20);
        prop_oneof![
            prop::collection::vec(any::<i64>(), 0..400),
            prop::collection::vec(-3_i64..3, 0..3_000),
            (any::<i64>(), any::<i64>(), 0..3_000_i64)
                .prop_map(|(a, b, n)| (0..n).map(|i| b.wrapping_mul(i).wrapping_add(a)).collect()),
            (period, 1..4_000_usize).prop_map(|(period, n)| period
                .iter()
                .copied()
                .cycle()
                .take(n)
                .collect()),
            (prop::collection::vec(0..1_000_i64, 1..3_000), any::<i64>()).prop_map(|(steps, a)| {
                let mut tick = a;
                steps
                    .into_iter()
                    .map(|step| {
                        tick = tick.wrapping_add(step);
                        tick
                    })
                    .collect()
            }),
        ]
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(values in kinds()) {
            let bytes = written(&values);
            let mut input = Cursor::new(&bytes);
            prop_assert_eq!(read(&mut input, values.len()), Ok(values));
            prop_assert!(input.is_at_end());
        }

        #[test]
        fn damage_is_told_or_read_and_never_panics(
            values in kinds(),
            place in any::<prop::sample::Index>(),
            to in any::<u8>(),
            count in 0..5_000_usize,
        ) {
            let mut bytes = written(&values);
            if !bytes.is_empty() {
                let place = place.index(bytes.len());
                bytes[place] = to;
            }
            let _ = read(&mut Cursor::new(&bytes), count);
        }
    }

    #[test]
    fn regular_columns_are_small() {
        let ticks: Vec<i64> = (0..8_192).map(|i| 1_600_000_000_000_000 + i * 1_000_000).collect();
        assert!(written(&ticks).len() < 20);
        let cycle: Vec<i64> = (0..8_192).map(|i| i * i % 50 * 17).collect();
        assert!(written(&cycle).len() < 8_192 / 4, "{}", written(&cycle).len());
        let few: Vec<i64> = (0..8_192).map(|i| ((i * i) % 7) << 50).collect();
        assert!(written(&few).len() < 8_192 / 2, "{}", written(&few).len());
        let noise: Vec<i64> =
            (0..8_192_u64).map(|i| (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 54) as i64).collect();
        assert!(written(&noise).len() < 8_192 * 11 / 8, "{}", written(&noise).len());
    }
}
