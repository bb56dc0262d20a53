//! Positions, cells, distances and areas on the earth.
//!
//! - [`hhcode`]: positions as 64-bit numbers, what datapoints carry.
//! - [`cell`]: HHCode prefixes as rectangles.
//! - [`distance`]: metres between positions.

pub mod cell;
pub mod distance;
pub mod hhcode;
