//! Geohashes: positions as text of five bits a character, longitude first.

use super::{cell, hhcode};

const DIGITS: &[u8; 32] = b"0123456789bcdefghjkmnpqrstuvwxyz";

/// Characters that fit an HHCode.
const LENGTH_MAX: u32 = 12;

/// The geohash of the cell of `resolution` that holds `code`: as many characters as its 2·resolution
/// bits fill, twelve at most.
pub fn from_code(code: i64, resolution: u32) -> String {
    let bits = swap(code);
    let length = (2 * resolution / 5).min(LENGTH_MAX);
    (1..=length).map(|count| DIGITS[(bits >> (64 - 5 * count)) as usize & 0x1f] as char).collect()
}

/// The first HHCode in the cell of a geohash in lower case; characters behind the twelfth count for
/// nothing. `None` for other characters.
pub fn to_code(text: &str) -> Option<i64> {
    let mut bits = 0;
    for (index, byte) in (1..).zip(text.bytes().take(LENGTH_MAX as usize)) {
        let digit = DIGITS.iter().position(|&digit| digit == byte)?;
        bits |= (digit as u64) << (64 - 5 * index);
    }
    Some(swap(bits as i64) as i64)
}

/// The geo cells that a geohash in lower case consists of: of the coarsest resolution of which
/// cells fit. `None` for other characters, and for no character.
pub fn to_cells(text: &str) -> Option<Vec<i64>> {
    let code = to_code(text)?;
    let bits = 5 * text.chars().count().min(LENGTH_MAX as usize) as u32;
    if bits == 0 {
        return None;
    }
    let resolution = bits.next_multiple_of(4) / 2;
    let (latitude, longitude) = hhcode::to_steps(code);
    // Longitude has the odd bit.
    let (north, east) = (resolution - bits / 2, resolution - bits.div_ceil(2));
    let step = hhcode::cell_steps(resolution);
    let cells = (0..1i64 << north).flat_map(|y| {
        (0..1i64 << east).filter_map(move |x| {
            let code = hhcode::from_steps(latitude + y * step, longitude + x * step);
            cell::from_code(code, resolution)
        })
    });
    Some(cells.collect())
}

/// The geohashes that geo cells lie in or consist of, each once, in no useful order: cells that
/// no whole number of characters fits are divided.
pub fn from_cells(cells: &[i64]) -> Vec<String> {
    let mut hashes = Vec::new();
    for &cell in cells {
        let bits = 2 * cell::resolution(cell);
        let mut parts = bits.next_multiple_of(5);
        if parts % 2 == 1 {
            parts += 1;
        }
        let first = cell::to_code(cell) as u64;
        for part in 0..1u64 << (parts - bits) {
            hashes.push(from_code((first | part << (64 - parts)) as i64, parts / 2));
        }
    }
    hashes.sort_unstable();
    hashes.dedup();
    join(&hashes)
}

/// Puts one geohash in the place of the 32 that it consists of. They come sorted.
fn join(hashes: &[String]) -> Vec<String> {
    let mut joined: Vec<String> = Vec::new();
    let stem = |hash: &str| hash[..hash.len().saturating_sub(1)].to_owned();
    let mut rest = hashes;
    while let Some(first) = rest.first() {
        let (stem, length) = (stem(first), first.len());
        let same = |hash: &&String| hash.len() == length && hash.starts_with(&stem);
        let count = rest.iter().take_while(same).count();
        if count == 32 {
            joined.push(stem);
        } else {
            joined.extend_from_slice(&rest[..count]);
        }
        rest = &rest[count..];
    }
    joined
}

/// Puts longitude first where latitude is, and back.
fn swap(code: i64) -> u64 {
    let (latitude, longitude) = hhcode::to_steps(code);
    hhcode::from_steps(longitude, latitude) as u64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn well_known_hashes() {
        let code = hhcode::from_degrees(57.64911, 10.40744);
        assert_eq!(from_code(code, 32), "u4pruydqqvj8");
        assert_eq!(from_code(code, 28), "u4pruydqqvj");
        assert_eq!(to_code("U"), None);
        assert_eq!(to_code("é"), None);
    }

    proptest! {
        #[test]
        fn cells_of_a_hash_make_it_again(text in "[0-9bc-hjkmnp-z]{1,12}") {
            let cells = to_cells(&text).expect("a geohash");
            let resolution = cell::resolution(cells[0]);
            prop_assert!(cells.iter().all(|&c| cell::resolution(c) == resolution));
            let covered = cells.len() << (60 - 2 * resolution);
            prop_assert_eq!(covered, 1 << (60 - 5 * text.len()));
            prop_assert!(from_cells(&cells).iter().all(|hash| hash.starts_with(&text)));
        }

        #[test]
        fn a_hash_is_a_prefix(code in any::<i64>(), resolution in 0u32..=32) {
            let text = from_code(code, resolution);
            let first = to_code(&text).unwrap();
            prop_assert_eq!(from_code(first, resolution), text.clone());
            prop_assert_eq!(to_code(&from_code(code, 32)).unwrap() ^ code & !0xf, 0);
        }
    }
}
