//! Geometries as text and bytes.

mod geojson;
mod markup;
mod text;
mod wkb;

use weft_gts::geo::{self, Point};

use crate::error::{self, Fault, Result};

pub(super) use geojson::{read as read_geojson, write as write_geojson};
pub(super) use markup::{Dialect, read as read_markup, write as write_markup};
pub(super) use text::{read as read_wkt, write as write_wkt};
pub(super) use wkb::{read as read_wkb, write as write_wkb};

/// How deep collections may be nested.
const DEPTH_MAX: usize = 32;

/// A geometry with the structure that its text has.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Geometry {
    Point(Option<Point>),
    Line(Vec<Point>),
    /// A line that ends where it starts, by itself.
    Ring(Vec<Point>),
    /// An outline, and holes in it.
    Polygon(Vec<Vec<Point>>),
    Many(Kind, Vec<Self>),
}

/// What a collection is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Points,
    Lines,
    Polygons,
    /// Geometries of any kind.
    Any,
}

impl Geometry {
    /// All of it, without its structure.
    pub(super) fn flat(self) -> geo::Geometry {
        let mut flat = geo::Geometry::default();
        let mut rest = vec![self];
        while let Some(next) = rest.pop() {
            match next {
                Self::Point(point) => flat.points.extend(point),
                Self::Line(line) | Self::Ring(line) if line.is_empty() => (),
                Self::Line(line) | Self::Ring(line) => flat.lines.push(line),
                Self::Polygon(rings) if rings.is_empty() => (),
                Self::Polygon(rings) => flat.polygons.push(geo::Polygon { rings }),
                Self::Many(_, parts) => rest.extend(parts.into_iter().rev()),
            }
        }
        flat
    }
}

/// An error in a text.
fn bad(message: impl Into<String>) -> Fault {
    Fault::kind(error::Kind::Argument, message.into())
}

/// A line of no position or of two at least.
fn line(points: Vec<Point>) -> Result<Vec<Point>> {
    if points.len() == 1 {
        return Err(bad("Invalid number of points in LineString (found 1 - must be 0 or >= 2)"));
    }
    Ok(points)
}

/// A ring of no position, or of four at least that ends where it starts.
fn ring(points: Vec<Point>) -> Result<Vec<Point>> {
    if points.is_empty() {
        return Ok(points);
    }
    if points.first() != points.last() {
        return Err(bad("Points of LinearRing do not form a closed linestring"));
    }
    if points.len() < 4 {
        let count = points.len();
        return Err(bad(format!(
            "Invalid number of points in LinearRing (found {count} - must be 0 or >= 4)"
        )));
    }
    Ok(points)
}

/// A polygon: holes need an outline.
fn polygon(rings: Vec<Vec<Point>>) -> Result<Geometry> {
    let rings = rings.into_iter().map(ring).collect::<Result<Vec<_>>>()?;
    match rings.split_first() {
        None => Ok(Geometry::Polygon(rings)),
        Some((outline, holes)) if outline.is_empty() => {
            if holes.iter().any(|hole| !hole.is_empty()) {
                return Err(bad("shell is empty but holes are not"));
            }
            Ok(Geometry::Polygon(Vec::new()))
        }
        Some(_) => Ok(Geometry::Polygon(rings)),
    }
}

/// Coordinates that can be on a map.
fn point(x: f64, y: f64) -> Result<Point> {
    if x.is_finite() && y.is_finite() {
        return Ok(Point { x, y });
    }
    Err(bad("a coordinate is no finite number"))
}
