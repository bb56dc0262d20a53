//! HHCodes: positions as 64-bit numbers.
//!
//! Latitude and longitude are each cut into 2^32 steps, counted from the south pole and from the
//! date line westwards, and the bits of both are interleaved, latitude first (Morton order). A
//! prefix of 2·R bits is a cell of resolution R, an even number from 2 (16 cells) to 32 (square
//! centimetres), written as R/2 hexadecimal digits.

/// The coarsest resolution.
pub const RESOLUTION_MIN: u32 = 2;

/// The finest resolution.
pub const RESOLUTION_MAX: u32 = 32;

/// Steps in each direction.
const STEPS: f64 = (1u64 << 32) as f64;

/// Degrees of a step of latitude.
const LATITUDE_STEP: f64 = 180.0 / STEPS;

/// Degrees of a step of longitude.
const LONGITUDE_STEP: f64 = 360.0 / STEPS;

/// Opposite corners of a rectangle, in degrees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BoundingBox {
    /// Latitude of the south-west corner.
    pub south: f64,
    /// Longitude of the south-west corner.
    pub west: f64,
    /// Latitude of the north-east corner.
    pub north: f64,
    /// Longitude of the north-east corner.
    pub east: f64,
}

/// The HHCode of a position in degrees. Beyond a pole it goes on on the other side of the earth;
/// longitudes wrap around.
///
/// Every position has a code: no number at all counts as 0 steps, and infinity as very far.
pub fn from_degrees(latitude: f64, longitude: f64) -> i64 {
    let latitude = ((latitude + 90.0) / LATITUDE_STEP).floor() as i64;
    let longitude = ((longitude + 180.0) / LONGITUDE_STEP).floor() as i64;
    from_steps(latitude, longitude)
}

/// Latitude and longitude in degrees: the south-west corner of the code's square centimetre.
pub fn to_degrees(code: i64) -> (f64, f64) {
    let (latitude, longitude) = to_steps(code);
    (latitude_degrees(latitude), longitude_degrees(longitude))
}

/// The HHCode of steps of latitude and longitude, as [`to_steps`] has them. Steps outside of 32
/// bits leave the map and come back on its other side.
pub const fn from_steps(mut latitude: i64, mut longitude: i64) -> i64 {
    if latitude & (1 << 32) != 0 {
        // Over a pole: down again, on the opposite meridian.
        latitude ^= 0xffff_ffff;
        longitude ^= 0x8000_0000;
    }
    ((spread(latitude as u32) << 1) | spread(longitude as u32)) as i64
}

/// Steps of latitude and longitude, each of 32 bits.
pub const fn to_steps(code: i64) -> (i64, i64) {
    (gather(code as u64 >> 1) as i64, gather(code as u64) as i64)
}

/// The latitude of a step, in degrees.
pub const fn latitude_degrees(step: i64) -> f64 {
    step as f64 * LATITUDE_STEP - 90.0
}

/// The longitude of a step, in degrees.
pub const fn longitude_degrees(step: i64) -> f64 {
    step as f64 * LONGITUDE_STEP - 180.0
}

/// The centre of the cell of `resolution` that holds `code`.
pub const fn center(code: i64, resolution: u32) -> i64 {
    let code = code & prefix_mask(resolution);
    if resolution >= RESOLUTION_MAX {
        return code;
    }
    // Half a cell north and east: the two bits below the prefix.
    code | (0b11 << (62 - 2 * resolution))
}

/// The code as many cells of `resolution` to the north and to the east, south and west for
/// negative numbers.
pub const fn neighbor(code: i64, resolution: u32, north: i64, east: i64) -> i64 {
    let (latitude, longitude) = to_steps(code);
    let step = cell_steps(resolution);
    from_steps(
        latitude.wrapping_add(north.wrapping_mul(step)),
        longitude.wrapping_add(east.wrapping_mul(step)),
    )
}

/// The rectangle of the cell of `resolution` that holds `code`. Its north-east corner is the
/// position of the last code in the cell.
pub const fn bounding_box(code: i64, resolution: u32) -> BoundingBox {
    let (latitude, longitude) = to_steps(code);
    let inside = cell_steps(resolution) - 1;
    BoundingBox {
        south: latitude_degrees(latitude & !inside),
        west: longitude_degrees(longitude & !inside),
        north: latitude_degrees(latitude | inside),
        east: longitude_degrees(longitude | inside),
    }
}

/// The hexadecimal digits of the cell of `resolution` that holds `code`.
pub fn to_text(code: i64, resolution: u32) -> String {
    let mut text = format!("{code:016x}");
    text.truncate(resolution.min(RESOLUTION_MAX) as usize / 2);
    text
}

/// The code of 1 to 16 hexadecimal digits, missing ones taken as 0; `None` for any other text.
pub fn from_text(text: &str) -> Option<i64> {
    let count = text.len() as u32;
    if !(1..=16).contains(&count) || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let code = u64::from_str_radix(text, 16).ok()?;
    Some((code << (4 * (16 - count))) as i64)
}

/// The bytes of the prefix of `resolution`, a half byte at the end filled up with zeros.
pub fn to_prefix_bytes(code: i64, resolution: u32) -> Vec<u8> {
    let mut bytes = (code & prefix_mask(resolution)).to_be_bytes().to_vec();
    bytes.truncate(resolution.min(RESOLUTION_MAX).div_ceil(4) as usize);
    bytes
}

/// Keeps the bits of a prefix of `resolution`.
pub(super) const fn prefix_mask(resolution: u32) -> i64 {
    match resolution {
        0 => 0,
        RESOLUTION_MAX.. => -1,
        _ => -1 << (64 - 2 * resolution),
    }
}

/// The steps a cell of `resolution` is wide and high.
pub(super) const fn cell_steps(resolution: u32) -> i64 {
    if resolution > RESOLUTION_MAX { 1 } else { 1 << (RESOLUTION_MAX - resolution) }
}

/// Puts 32 bits on the even bits of a word.
const fn spread(bits: u32) -> u64 {
    let bits = bits as u64;
    let bits = (bits | (bits << 16)) & 0x0000_ffff_0000_ffff;
    let bits = (bits | (bits << 8)) & 0x00ff_00ff_00ff_00ff;
    let bits = (bits | (bits << 4)) & 0x0f0f_0f0f_0f0f_0f0f;
    let bits = (bits | (bits << 2)) & 0x3333_3333_3333_3333;
    (bits | (bits << 1)) & 0x5555_5555_5555_5555
}

/// Takes the even bits of a word.
const fn gather(word: u64) -> u32 {
    let word = word & 0x5555_5555_5555_5555;
    let word = (word | (word >> 1)) & 0x3333_3333_3333_3333;
    let word = (word | (word >> 2)) & 0x0f0f_0f0f_0f0f_0f0f;
    let word = (word | (word >> 4)) & 0x00ff_00ff_00ff_00ff;
    let word = (word | (word >> 8)) & 0x0000_ffff_0000_ffff;
    (word | (word >> 16)) as u32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn corners_of_the_map() {
        assert_eq!(from_degrees(-90.0, -180.0), 0);
        assert_eq!(from_degrees(0.0, 0.0) as u64, 0xc000_0000_0000_0000);
        assert_eq!(to_degrees(0), (-90.0, -180.0));
        // Beyond the pole and beyond the date line.
        assert_eq!(from_degrees(91.0, 10.0), from_degrees(89.0, -170.0));
        assert_eq!(from_degrees(12.0, 190.0), from_degrees(12.0, -170.0));
        from_degrees(f64::NEG_INFINITY, f64::MAX);
    }

    #[test]
    fn text() {
        assert_eq!(to_text(0x0123_4567_89ab_cdef, 10), "01234");
        assert_eq!(to_text(-1, 32), "ffffffffffffffff");
        assert_eq!(from_text("01234"), Some(0x0123_4000_0000_0000));
        assert_eq!(from_text("ffffffffffffffff"), Some(-1));
        for wrong in ["", "g", "+1", "01234567890123456", "é"] {
            assert_eq!(from_text(wrong), None, "{wrong}");
        }
        assert_eq!(to_prefix_bytes(0x0123_4567_89ab_cdef, 10), [0x01, 0x23, 0x40]);
    }

    proptest! {
        #[test]
        fn every_code_is_a_position(code in any::<i64>()) {
            let (latitude, longitude) = to_steps(code);
            prop_assert_eq!(from_steps(latitude, longitude), code);
            let (latitude, longitude) = to_degrees(code);
            prop_assert_eq!(from_degrees(latitude, longitude), code);
        }

        #[test]
        fn codes_grow_along_a_meridian_and_along_a_parallel(
            code in any::<i64>(), other in 0i64..1 << 32,
        ) {
            let (latitude, longitude) = to_steps(code);
            let compare = |code: i64| (code as u64).cmp(&(from_steps(latitude, longitude) as u64));
            prop_assert_eq!(compare(from_steps(other, longitude)), other.cmp(&latitude));
            prop_assert_eq!(compare(from_steps(latitude, other)), other.cmp(&longitude));
        }

        #[test]
        fn cells_hold_what_shares_their_prefix(
            code in any::<i64>(), other in any::<i64>(), half in 1u32..=16,
        ) {
            let resolution = 2 * half;
            // Share half of the prefix at least, so that both cases occur.
            let other = (code & prefix_mask(half & !1)) | (other & !prefix_mask(half & !1));
            let same = to_text(code, resolution) == to_text(other, resolution);
            let cell = bounding_box(code, resolution);
            let (latitude, longitude) = to_degrees(other);
            let inside = (cell.south..=cell.north).contains(&latitude)
                && (cell.west..=cell.east).contains(&longitude);
            prop_assert_eq!(inside, same);
            prop_assert_eq!(to_text(center(code, resolution), resolution), to_text(code, resolution));
            let there = neighbor(code, resolution, 1, -1);
            prop_assert_eq!(neighbor(there, resolution, -1, 1) == code, cell.north < 89.99
                || to_steps(code).0 + cell_steps(resolution) < 1 << 32);
        }
    }
}
