//! Geometries as shapes: which geo cells they cover.
//!
//! The earth is divided from coarse cells to fine ones. A cell that lies inside the geometry is
//! taken, one apart from it is dropped, any other is divided, down to the finest resolution.

use std::collections::VecDeque;
use std::sync::Arc;

use super::cell::{self, CELL_RESOLUTION_MAX};
use super::distance;
use super::geometry::{Edge, Geometry, Point, Polygon, Rectangle, edges};
use super::hhcode::{RESOLUTION_MAX, RESOLUTION_MIN, cell_steps, latitude_degrees};
use super::hhcode::{longitude_degrees, to_steps};
use super::shape::GeoShape;

/// How cells cover a geometry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cover {
    /// Resolution of the coarsest cells: even, 2 to 30.
    pub coarsest: u32,
    /// Resolution of the finest cells: even, 2 to 32. Cells of 32 themselves are left out, as no
    /// geo cell can have that resolution.
    pub finest: u32,
    /// Whether cells must lie inside the geometry; else those that touch it are taken too.
    pub inside: bool,
    /// More cells than this are refused.
    pub cells_max: usize,
    /// Looking at more cells than this is refused: it bounds the work where few cells are found.
    pub visits_max: usize,
}

/// A geometry that takes too many cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the geometry takes more than {cells_max} cells: ask for a coarser resolution")]
pub struct CoverError {
    /// What was allowed.
    pub cells_max: usize,
}

/// A cell to look at.
struct Task {
    cell: i64,
    /// The edges that touch the cell around it.
    edges: Arc<[Boundary]>,
}

/// An edge, and the polygon whose ring it is of.
#[derive(Clone, Copy)]
struct Boundary {
    edge: Edge,
    polygon: Option<u32>,
}

/// A geometry that is being covered, bit by bit.
pub struct Covering {
    cover: Cover,
    geometry: Geometry,
    tasks: VecDeque<Task>,
    cells: Vec<i64>,
    visits: usize,
}

impl Covering {
    /// Starts to cover a geometry.
    pub fn new(cover: Cover, geometry: Geometry) -> Self {
        let boundaries: Arc<[Boundary]> = boundaries(&geometry).collect();
        let tasks = (0..16)
            .map(|digit| Task { cell: cell::make(digit << 60, 2), edges: Arc::clone(&boundaries) })
            .collect();
        Self { cover, geometry, tasks, cells: Vec::new(), visits: 0 }
    }

    /// Looks at up to `count` cells. The shape, once all were looked at: with the fewest cells when
    /// different resolutions are allowed.
    pub fn advance(&mut self, count: usize) -> Result<Option<GeoShape>, CoverError> {
        for _ in 0..count {
            let Some(task) = self.tasks.pop_front() else {
                let shape = GeoShape::from_cells(std::mem::take(&mut self.cells));
                let mixed = self.cover.coarsest < self.cover.finest;
                return Ok(Some(if mixed { shape.optimized() } else { shape }));
            };
            self.visits += 1;
            let cells_max = self.cover.cells_max;
            if self.visits > self.cover.visits_max || self.cells.len() >= cells_max {
                return Err(CoverError { cells_max });
            }
            if let Some(taken) = self.cover.visit(&self.geometry, task, &mut self.tasks) {
                self.cells.push(taken);
            }
        }
        Ok(None)
    }

    /// How many edges are looked at for each cell, at most.
    pub fn edges(&self) -> usize {
        self.tasks.front().map_or(0, |task| task.edges.len())
    }

    /// How many cells are taken or to be looked at.
    pub fn len(&self) -> usize {
        self.tasks.len() + self.cells.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl std::fmt::Debug for Covering {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Covering").field("cover", &self.cover).finish_non_exhaustive()
    }
}

impl Cover {
    /// The shape of a geometry: with the fewest cells when different resolutions are allowed.
    pub fn shape(&self, geometry: &Geometry) -> Result<GeoShape, CoverError> {
        let mut covering = Covering::new(*self, geometry.clone());
        loop {
            if let Some(shape) = covering.advance(usize::MAX)? {
                return Ok(shape);
            }
        }
    }

    /// Looks at one cell: returns it when it is taken, else appends its parts to `tasks` when it is
    /// to be divided.
    fn visit(&self, geometry: &Geometry, task: Task, tasks: &mut VecDeque<Task>) -> Option<i64> {
        let resolution = cell::resolution(task.cell);
        let rectangle = rectangle(task.cell);
        let touching: Arc<[Boundary]> =
            task.edges.iter().filter(|b| rectangle.touches(b.edge)).copied().collect();
        let around = geometry
            .polygons
            .iter()
            .enumerate()
            .find(|&(index, polygon)| lies_inside(rectangle, &touching, index as u32, polygon));
        if touching.is_empty() && around.is_none() {
            return None;
        }
        let finest = resolution == self.finest;
        if finest && !self.inside || around.is_some() && resolution >= self.coarsest {
            return Some(task.cell);
        }
        if !finest && resolution < CELL_RESOLUTION_MAX {
            tasks.extend((0..16).map(|digit| Task {
                cell: cell::make(
                    cell::to_code(task.cell) | (digit << (60 - 2 * resolution)),
                    resolution + 2,
                ),
                edges: Arc::clone(&touching),
            }));
        }
        None
    }
}

/// The resolution at which cells are as fine as `error` says, as a part of the geometry's diagonal.
pub fn resolution_for(geometry: &Geometry, error: f64) -> u32 {
    let Some(bounds) = geometry.bounds() else { return RESOLUTION_MIN };
    let steps = |point: Point| (latitude_steps(point.y), longitude_steps(point.x));
    let error = distance::orthodromic_steps(steps(bounds.min), steps(bounds.max)) * error;
    let mut resolution = RESOLUTION_MAX;
    while resolution > RESOLUTION_MIN {
        // The diagonal of a cell at the equator, where cells are largest.
        let height = std::f64::consts::PI / (1u64 << resolution) as f64;
        let diagonal = distance::haversine((-height / 2.0, 0.0), (height / 2.0, 2.0 * height));
        if diagonal > error {
            break;
        }
        resolution -= 2;
    }
    resolution
}

/// Whether a cell lies inside a polygon: no edge goes through it, and its centre is inside.
fn lies_inside(rectangle: Rectangle, touching: &[Boundary], index: u32, polygon: &Polygon) -> bool {
    let mut own = touching.iter().filter(|boundary| boundary.polygon == Some(index));
    !own.any(|boundary| rectangle.crosses(boundary.edge)) && polygon.contains(rectangle.center())
}

fn boundaries(geometry: &Geometry) -> impl Iterator<Item = Boundary> + '_ {
    let points = geometry.points.iter().map(|&point| Edge { from: point, to: point });
    let lines = geometry.lines.iter().flat_map(|line| edges(line));
    let rings = geometry.polygons.iter().enumerate().flat_map(|(index, polygon)| {
        let edges = polygon.rings.iter().flat_map(|ring| edges(ring));
        edges.map(move |edge| Boundary { edge, polygon: Some(index as u32) })
    });
    points.chain(lines).map(|edge| Boundary { edge, polygon: None }).chain(rings)
}

/// A cell in degrees, up to where the next one starts.
fn rectangle(cell: i64) -> Rectangle {
    let (latitude, longitude) = to_steps(cell::to_code(cell));
    let size = cell_steps(cell::resolution(cell));
    Rectangle {
        min: Point { x: longitude_degrees(longitude), y: latitude_degrees(latitude) },
        max: Point { x: longitude_degrees(longitude + size), y: latitude_degrees(latitude + size) },
    }
}

/// Steps of a latitude, the pole within the map.
fn latitude_steps(degrees: f64) -> i64 {
    to_step(degrees + 90.0, 180.0)
}

/// Steps of a longitude, the date line within the map.
fn longitude_steps(degrees: f64) -> i64 {
    to_step(degrees + 180.0, 360.0)
}

fn to_step(degrees: f64, turn: f64) -> i64 {
    let steps = (1u64 << 32) as f64;
    if degrees == turn { (1 << 32) - 1 } else { (degrees / (turn / steps)) as i64 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geo::hhcode;
    use crate::geo::wkt;

    fn cover(text: &str, finest: u32, inside: bool) -> Result<GeoShape, CoverError> {
        let geometry = wkt::parse(text).expect("well formed");
        Cover { coarsest: 2, finest, inside, cells_max: 10_000, visits_max: 100_000 }
            .shape(&geometry)
    }

    #[test]
    fn a_cell_is_covered_by_itself() {
        // Resolution 2: 45 degrees high, 90 wide.
        let text = "POLYGON ((0 0, 90 0, 90 45, 0 45, 0 0))";
        let shape = cover(text, 6, true).expect("few cells");
        assert_eq!(shape.cells(), [cell::make(hhcode::from_degrees(1.0, 1.0) & (0xf << 60), 2)]);
        // What touches it from outside is taken too.
        assert!(cover(text, 2, false).expect("few cells").cells().len() == 9);
    }

    #[test]
    fn points_and_lines_have_no_inside() {
        for text in ["POINT (2.35 48.85)", "LINESTRING (0 0, 1 1, 2 0)"] {
            assert!(cover(text, 8, true).expect("few cells").is_empty());
            assert!(!cover(text, 8, false).expect("few cells").is_empty());
        }
        assert!(cover("POINT EMPTY", 8, false).expect("none").is_empty());
    }

    #[test]
    fn too_many_cells_are_refused() {
        let text = "POLYGON ((-170 -80, 170 -80, 0 80, -170 -80))";
        assert_eq!(cover(text, 20, false), Err(CoverError { cells_max: 10_000 }));
        // Nothing is found inside a line, however fine; that ends too.
        assert!(cover("LINESTRING (-170 -80, 170 80)", 30, true).is_err());
    }
}
