//! Geohashes: positions as text of five bits a character, longitude first.

use super::hhcode;

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
        fn a_hash_is_a_prefix(code in any::<i64>(), resolution in 0u32..=32) {
            let text = from_code(code, resolution);
            let first = to_code(&text).unwrap();
            prop_assert_eq!(from_code(first, resolution), text.clone());
            prop_assert_eq!(to_code(&from_code(code, 32)).unwrap() ^ code & !0xf, 0);
        }
    }
}
