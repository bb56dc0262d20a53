//! Distances between positions, in metres on a sphere with nautical miles of 1,852 metres.
//!
//! Trigonometry comes from the `libm` crate: the one of the platform may differ in the last bits
//! from machine to machine.

use std::f64::consts::{FRAC_PI_2, PI};

use super::hhcode;

/// Steps in each direction of an HHCode.
const STEPS: f64 = (1u64 << 32) as f64;

/// Metres of a minute of arc.
const MINUTE: f64 = 1852.0;

/// Metres of a step of latitude, and of a step of longitude at the equator.
const LATITUDE_STEP: f64 = 180.0 * 60.0 * MINUTE / STEPS;
const LONGITUDE_STEP: f64 = 360.0 * 60.0 * MINUTE / STEPS;

/// Half of the steps around the earth.
const HALF_TURN: i64 = 0x7fff_ffff;

/// Metres along the great circle between two HHCodes.
pub fn orthodromic(from: i64, to: i64) -> f64 {
    orthodromic_steps(hhcode::to_steps(from), hhcode::to_steps(to))
}

/// Metres along the great circle between two positions in steps.
pub(super) fn orthodromic_steps(from: (i64, i64), to: (i64, i64)) -> f64 {
    let radians = |(latitude, longitude): (i64, i64)| {
        (latitude as f64 * (PI / STEPS) - FRAC_PI_2, longitude as f64 * (2.0 * PI / STEPS) - PI)
    };
    haversine(radians(from), radians(to))
}

/// Metres along the great circle between two positions (latitude, longitude) in radians.
pub(super) fn haversine(from: (f64, f64), to: (f64, f64)) -> f64 {
    let square = |x: f64| x * x;
    let haversine = square(libm::sin((from.0 - to.0) / 2.0))
        + libm::cos(from.0) * libm::cos(to.0) * square(libm::sin((from.1 - to.1) / 2.0));
    2.0 * libm::asin(haversine.sqrt()) * (180.0 / PI) * (MINUTE * 60.0)
}

/// Metres along the rhumb line between two HHCodes, taken as a straight line on a map that is
/// scaled as the middle latitude demands.
pub fn loxodromic(from: i64, to: i64) -> f64 {
    let (from, to) = (hhcode::to_steps(from), hhcode::to_steps(to));
    let scale = libm::cos(((from.0 + to.0) / 2) as f64 * (PI / STEPS) + FRAC_PI_2).abs();
    let latitude = (from.0 - to.0) as f64 * LATITUDE_STEP;
    let turn = (from.1 - to.1).abs();
    // The other way round is shorter.
    let turn = if turn > HALF_TURN { 0xffff_ffff - turn } else { turn };
    let longitude = turn as f64 * LONGITUDE_STEP * scale;
    (latitude * latitude + longitude * longitude).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_degree_is_sixty_miles() {
        let code = hhcode::from_degrees;
        for distance in [orthodromic, loxodromic] {
            let meridian = distance(code(0.0, 10.0), code(1.0, 10.0));
            assert!((meridian / (60.0 * MINUTE) - 1.0).abs() < 1e-6, "{meridian}");
            let across = distance(code(0.0, 179.5), code(0.0, -179.5));
            assert!((across / (60.0 * MINUTE) - 1.0).abs() < 1e-6, "{across}");
            assert_eq!(distance(42, 42), 0.0);
        }
    }
}
