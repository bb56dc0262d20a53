//! Positions as the language shows them: latitude and longitude of an HHCode.

/// Latitude and longitude of a location's centre.
pub fn from_location(location: i64) -> (f64, f64) {
    let bits = location as u64;
    let (lat, lon) = (compact(bits >> 1), compact(bits));
    (
        f64::from(lat) / SCALE_LAT - 90.0,
        f64::from(lon) / SCALE_LON - 180.0,
    )
}

/// The location of a position.
pub fn to_location(lat: f64, lon: f64) -> i64 {
    let y = ((lat + 90.0) * SCALE_LAT) as i64 as u32;
    let x = ((lon + 180.0) * SCALE_LON) as i64 as u32;
    (spread(y) << 1 | spread(x)) as i64
}

const SCALE_LAT: f64 = 4_294_967_296.0 / 180.0;
const SCALE_LON: f64 = 4_294_967_296.0 / 360.0;

/// Every second bit, closed up.
const fn compact(bits: u64) -> u32 {
    let mut v = bits & 0x5555_5555_5555_5555;
    v = (v | v >> 1) & 0x3333_3333_3333_3333;
    v = (v | v >> 2) & 0x0f0f_0f0f_0f0f_0f0f;
    v = (v | v >> 4) & 0x00ff_00ff_00ff_00ff;
    v = (v | v >> 8) & 0x0000_ffff_0000_ffff;
    (v | v >> 16) as u32
}

/// The bits of `v`, every second one zero.
const fn spread(v: u32) -> u64 {
    let mut v = v as u64;
    v = (v | v << 16) & 0x0000_ffff_0000_ffff;
    v = (v | v << 8) & 0x00ff_00ff_00ff_00ff;
    v = (v | v << 4) & 0x0f0f_0f0f_0f0f_0f0f;
    v = (v | v << 2) & 0x3333_3333_3333_3333;
    (v | v << 1) & 0x5555_5555_5555_5555
}
