//! Positions as the language shows them: latitude and longitude of an HHCode.

use weft_gts::geo::hhcode;

/// Latitude and longitude of a location.
pub fn from_location(location: i64) -> (f64, f64) {
    hhcode::to_degrees(location)
}

/// The location of a position.
pub fn to_location(latitude: f64, longitude: f64) -> i64 {
    hhcode::from_degrees(latitude, longitude)
}
