//! Positions, cells, distances and areas on the earth.
//!
//! - [`hhcode`]: positions as 64-bit numbers, what datapoints carry; [`geohash`]: as short text.
//! - [`cell`]: HHCode prefixes as rectangles; [`shape`]: areas of such cells.
//! - [`distance`]: metres between positions.
//! - [`geometry`]: points, lines and polygons; [`wkt`]: as text; [`cover`]: as shapes; [`buffer`]:
//!   grown or shrunk.

pub mod buffer;
pub mod cell;
pub mod cover;
pub mod distance;
pub mod geohash;
pub mod geometry;
pub mod hhcode;
pub mod shape;
pub mod wkt;

pub use buffer::{Buffer, Buffering};
pub use cover::{Cover, CoverError, Covering};
pub use geometry::{Geometry, Point, Polygon};
pub use hhcode::BoundingBox;
pub use shape::GeoShape;
