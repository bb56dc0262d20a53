//! Geometries grown or shrunk by a distance, on the plane of degrees.
//!
//! - `curve`: the closed curve at a distance from a point, a line or a ring.
//! - `noding`: curves cut where they meet each other or themselves.
//! - `graph`: how many curves each piece has around it; the pieces with nothing on one side and
//!   something on the other are the rings of the result.
//!
//! The steps are those of the planar graph that the reference's geometry library uses, so that
//! positions come out in the same order with the same digits. When rounding leads to a graph that
//! cannot be, all starts again on a grid of twelve digits, then of eleven, and so on.

mod curve;
mod graph;
mod noding;

use super::geometry::{Geometry, Point, Polygon, orientation};
use std::cmp::Ordering;

use curve::Curves;
use graph::Build;
use noding::Noding;

/// How ends of lines are closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cap {
    /// A half circle.
    #[default]
    Round,
    /// Straight through the end.
    Flat,
    /// Straight, the distance beyond the end.
    Square,
}

/// How corners are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Join {
    /// An arc.
    #[default]
    Round,
    /// Sides go on until they meet.
    Mitre,
    /// A straight line from side to side.
    Bevel,
}

/// How a geometry is buffered.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Buffer {
    /// The distance; less than 0 shrinks areas, and takes the right side of lines when
    /// `single_sided`.
    pub distance: f64,
    /// Straight segments of a quarter of a circle.
    pub quadrant_segments: i32,
    /// Ends of lines.
    pub cap: Cap,
    /// Corners.
    pub join: Join,
    /// How far mitres may reach out, in distances.
    pub mitre_limit: f64,
    /// Only one side of lines.
    pub single_sided: bool,
}

/// A buffer that cannot be computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BufferError {
    /// Positions are so close to each other that numbers do not tell them apart.
    #[error("the sides of the buffer cannot be told apart")]
    Topology,
    /// The geometry takes more segments than allowed.
    #[error("the buffer takes more than {segments_max} segments")]
    TooLarge {
        /// How many are allowed.
        segments_max: usize,
    },
}

/// A buffer that is being computed, bit by bit.
#[derive(Debug)]
pub struct Buffering {
    step: Step,
    segments_max: usize,
    compared: usize,
    buffer: Buffer,
    geometry: Geometry,
    /// Digits of the next grid to try when numbers do not tell positions apart.
    digits: Option<i32>,
}

/// Digits of the finest grid.
const DIGITS_MAX: i32 = 12;

#[derive(Debug)]
enum Step {
    Noding(Noding),
    Building(Build),
}

/// What a piece of a curve has to its left and right, seen along it: whether it is inside.
type Sides = (bool, bool);

impl Buffer {
    /// A buffer of a distance, with the defaults of the reference.
    pub const fn new(distance: f64) -> Self {
        Self {
            distance,
            quadrant_segments: 8,
            cap: Cap::Round,
            join: Join::Round,
            mitre_limit: 5.0,
            single_sided: false,
        }
    }

    /// Starts to buffer a geometry whose curves have up to `segments_max` segments.
    pub fn start(
        &self,
        geometry: &Geometry,
        segments_max: usize,
    ) -> Result<Buffering, BufferError> {
        let step = self.curves(geometry, segments_max, None)?;
        let geometry = geometry.clone();
        let digits = Some(DIGITS_MAX);
        Ok(Buffering { step, segments_max, compared: 0, buffer: *self, geometry, digits })
    }

    /// The curves around a geometry, maybe on a grid of so many steps in a degree.
    fn curves(
        &self,
        geometry: &Geometry,
        segments_max: usize,
        scale: Option<f64>,
    ) -> Result<Step, BufferError> {
        let mut curves = Curves::new(*self, segments_max, scale);
        for point in &geometry.points {
            curves.add_line(&[*point])?;
        }
        for line in &geometry.lines {
            curves.add_line(&without_repeats(line))?;
        }
        for polygon in &geometry.polygons {
            self.add_polygon(&mut curves, polygon)?;
        }
        Ok(Step::Noding(Noding::new(curves.finish(), scale)))
    }

    /// Steps in a degree of a grid on which positions have so many digits.
    fn scale(&self, geometry: &Geometry, digits: i32) -> f64 {
        let lines = geometry.lines.iter().flatten();
        let rings = geometry.polygons.iter().flat_map(|polygon| &polygon.rings).flatten();
        let points = geometry.points.iter().chain(lines).chain(rings);
        let extent = points.map(|p| p.x.abs().max(p.y.abs())).fold(0.0, f64::max);
        let extent = extent + 2.0 * self.distance.max(0.0);
        let before = (libm::log(extent) / libm::log(10.0) + 1.0) as i32;
        libm::pow(10.0, f64::from(digits - before))
    }

    fn add_polygon(&self, curves: &mut Curves, polygon: &Polygon) -> Result<(), BufferError> {
        let Some((shell, holes)) = polygon.rings.split_first() else {
            return Ok(());
        };
        let shell = without_repeats(shell);
        if self.distance < 0.0 && erodes(&shell, self.distance) {
            return Ok(());
        }
        if self.distance <= 0.0 && shell.len() < 3 {
            return Ok(());
        }
        let outside_left = self.distance >= 0.0;
        self.add_ring(curves, &shell, outside_left, (false, true))?;
        for hole in holes {
            let hole = without_repeats(hole);
            if self.distance > 0.0 && erodes(&hole, -self.distance) {
                continue;
            }
            self.add_ring(curves, &hole, !outside_left, (true, false))?;
        }
        Ok(())
    }

    /// Adds the curve on one side of a ring, as seen along a clockwise one.
    fn add_ring(
        &self,
        curves: &mut Curves,
        ring: &[Point],
        left: bool,
        sides: Sides,
    ) -> Result<(), BufferError> {
        if self.distance == 0.0 && ring.len() < 4 {
            return Ok(());
        }
        let turned = ring.len() >= 4 && is_counterclockwise(ring);
        let (left, sides) = if turned { (!left, (sides.1, sides.0)) } else { (left, sides) };
        curves.add_ring(ring, left, sides)
    }
}

impl Buffering {
    /// How many segments the curves have, as far as they are cut.
    pub fn segments(&self) -> usize {
        match &self.step {
            Step::Noding(noding) => noding.segments(),
            Step::Building(build) => build.segments(),
        }
    }

    /// How many comparisons there have been.
    pub fn compared(&self) -> usize {
        self.compared
    }

    /// Does about `count` comparisons; the result once all is done.
    pub fn advance(&mut self, count: usize) -> Result<Option<Vec<Polygon>>, BufferError> {
        match (self.go_on(count), self.digits) {
            (Err(BufferError::Topology), Some(digits)) => {
                self.digits = (digits > 0).then(|| digits - 1);
                let scale = self.buffer.scale(&self.geometry, digits);
                self.step = self.buffer.curves(&self.geometry, self.segments_max, Some(scale))?;
                Ok(None)
            }
            (result, _) => result,
        }
    }

    fn go_on(&mut self, count: usize) -> Result<Option<Vec<Polygon>>, BufferError> {
        match &mut self.step {
            Step::Noding(noding) => {
                let done = noding.advance(count);
                self.compared += count;
                if noding.segments() > self.segments_max {
                    return Err(BufferError::TooLarge { segments_max: self.segments_max });
                }
                if done {
                    self.step = Step::Building(Build::new(noding.pieces())?);
                }
                Ok(None)
            }
            Step::Building(build) => {
                let left = build.advance(count)?;
                self.compared += left.unwrap_or(count);
                Ok(left.is_none().then(|| build.finish()))
            }
        }
    }
}

/// A line without positions that follow themselves.
fn without_repeats(line: &[Point]) -> Vec<Point> {
    let mut line = line.to_vec();
    line.dedup();
    line
}

fn distance(a: Point, b: Point) -> f64 {
    let (dx, dy) = (a.x - b.x, a.y - b.y);
    (dx * dx + dy * dy).sqrt()
}

/// The distance from a position to a segment.
fn segment_distance(p: Point, a: Point, b: Point) -> f64 {
    if a == b {
        return distance(p, a);
    }
    let length2 = (b.x - a.x) * (b.x - a.x) + (b.y - a.y) * (b.y - a.y);
    let along = ((p.x - a.x) * (b.x - a.x) + (p.y - a.y) * (b.y - a.y)) / length2;
    if along <= 0.0 {
        return distance(p, a);
    }
    if along >= 1.0 {
        return distance(p, b);
    }
    let across = ((a.y - p.y) * (b.x - a.x) - (a.x - p.x) * (b.y - a.y)) / length2;
    across.abs() * length2.sqrt()
}

/// Whether nothing is left of a ring that shrinks by a distance less than 0.
fn erodes(ring: &[Point], by: f64) -> bool {
    if ring.len() < 4 {
        return by < 0.0;
    }
    if ring.len() == 4 {
        let [a, b, c] = [ring[0], ring[1], ring[2]];
        let (la, lb, lc) = (distance(b, c), distance(a, c), distance(a, b));
        let around = la + lb + lc;
        let center = Point {
            x: (la * a.x + lb * b.x + lc * c.x) / around,
            y: (la * a.y + lb * b.y + lc * c.y) / around,
        };
        return segment_distance(center, a, b) < by.abs();
    }
    let extent = |pick: fn(&Point) -> f64| {
        let least = ring.iter().map(pick).fold(f64::INFINITY, f64::min);
        ring.iter().map(pick).fold(f64::NEG_INFINITY, f64::max) - least
    };
    by < 0.0 && 2.0 * by.abs() > extent(|p| p.x).min(extent(|p| p.y))
}

/// Whether a ring turns left, seen at its highest position.
fn is_counterclockwise(ring: &[Point]) -> bool {
    let count = ring.len().saturating_sub(1);
    if count < 3 {
        return false;
    }
    let mut high = 0;
    for index in 1..=count {
        if ring[index].y > ring[high].y {
            high = index;
        }
    }
    let top = ring[high];
    let different = |index: &usize| ring[*index] != top;
    let before = (1..=count).map(|step| (high + count - step % count) % count).find(different);
    let after = (1..=count).map(|step| (high + step) % count).find(different);
    let (Some(before), Some(after)) = (before, after) else { return false };
    if before == after || ring[before] == ring[after] {
        return false;
    }
    match orientation(ring[before], top, ring[after]) {
        Ordering::Equal => ring[before].x > ring[after].x,
        turn => turn == Ordering::Greater,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::geo::wkt;

    fn buffer(text: &str, buffer: Buffer) -> Vec<Vec<(f64, f64)>> {
        let geometry = wkt::parse(text).expect("well formed");
        let mut work = buffer.start(&geometry, 10_000).expect("few segments");
        let polygons = loop {
            if let Some(polygons) = work.advance(1000).expect("a result") {
                break polygons;
            }
        };
        let rings = polygons.iter().flat_map(|polygon| &polygon.rings);
        rings.map(|ring| ring.iter().map(|p| (p.x, p.y)).collect()).collect()
    }

    #[test]
    fn simple_buffers() {
        let flat = Buffer { cap: Cap::Flat, ..Buffer::new(1.0) };
        assert_eq!(
            buffer("LINESTRING (0 0, 10 0)", flat),
            [[(10.0, 1.0), (10.0, -1.0), (0.0, -1.0), (0.0, 1.0), (10.0, 1.0)]]
        );
        let square = "POLYGON ((0 0, 0 10, 10 10, 10 0, 0 0))";
        assert_eq!(
            buffer(square, Buffer::new(-1.0)),
            [[(1.0, 1.0), (1.0, 9.0), (9.0, 9.0), (9.0, 1.0), (1.0, 1.0)]]
        );
        assert!(buffer(square, Buffer::new(-6.0)).is_empty());
        assert_eq!(buffer("POINT (0 0)", Buffer::new(1.0))[0].len(), 33);
        // Two circles that meet are one area; a ring of a line has a hole.
        assert_eq!(buffer("MULTIPOINT ((0 0), (1 0))", Buffer::new(1.0)).len(), 1);
        assert_eq!(buffer("LINESTRING (0 0, 9 0, 9 9, 0 9, 0 0)", Buffer::new(1.0)).len(), 2);
    }

    /// Whether two turns of a line to one side are so close to each other that the offset segment
    /// between them has its ends the wrong way round.
    fn folds(line: &[Point], by: f64) -> bool {
        let mut line = line.to_vec();
        line.dedup();
        // The turn at a position, and how far from it the offset segments cross.
        let turn = |a: Point, b: Point, c: Point| {
            let (ax, ay, cx, cy) = (a.x - b.x, a.y - b.y, c.x - b.x, c.y - b.y);
            let angle = (ax * cy - ay * cx).abs().atan2(ax * cx + ay * cy);
            (orientation(a, b, c), by / (angle / 2.0).tan())
        };
        line.windows(4).any(|at| {
            let (first, before) = turn(at[0], at[1], at[2]);
            let (second, after) = turn(at[1], at[2], at[3]);
            let same = first == second && first != Ordering::Equal;
            same && before + after > 0.999 * distance(at[1], at[2])
        })
    }

    /// The reference's geometry library has this hole, too, although another part of the line is
    /// near enough to cover it: (-1.7, -1.9) is 1.37 away from the segment that goes to (2, -8).
    /// Inside the two turns at (-3, -6) and (-5, -6) the offset segments cross in the wrong order:
    /// the curve folds over and does not go around the hole. What the curve is made of stays that
    /// way on purpose, so that results are those of the reference.
    #[test]
    fn folds_leave_the_hole_of_the_reference() {
        let text = "LINESTRING (-4 -9, -7 0, 3 0, -3 -6, -5 -6, -8 3, 2 -8, 0 -3)";
        assert!(folds(&wkt::parse(text).expect("well formed").lines[0], 1.8));
        let rings = buffer(text, Buffer::new(1.8));
        assert_eq!(rings.len(), 2);
        let expected = [
            (-3.7133711559921223, -4.167786743720551),
            (-1.3455844122715712, -1.8),
            (-4.502633403898972, -1.8),
            (-3.7133711559921223, -4.167786743720551),
        ];
        assert_eq!(rings[1].len(), expected.len());
        for (position, expected) in rings[1].iter().zip(expected) {
            let apart = (position.0 - expected.0).abs().max((position.1 - expected.1).abs());
            assert!(apart < 1e-9, "{position:?} is not {expected:?}");
        }
    }

    proptest! {
        // Positions near a line that folds need not be inside: see above.
        #[test]
        fn positions_near_a_line_are_inside(
            points in prop::collection::vec((-9i8..9, -9i8..9), 1..20), by in 1u8..30,
            at in prop::collection::vec((-120i16..120, -120i16..120), 50),
        ) {
            let line = points.iter().map(|(x, y)| Point { x: f64::from(*x), y: f64::from(*y) });
            let line: Vec<Point> = line.collect();
            let geometry = Geometry { lines: vec![line.clone()], ..Geometry::default() };
            let by = f64::from(by) / 10.0;
            let mut work = Buffer::new(by).start(&geometry, 10_000).expect("few segments");
            let polygons = loop {
                if let Some(polygons) = work.advance(1000).expect("a result") {
                    break polygons;
                }
            };
            let folds = folds(&line, by);
            for (x, y) in at {
                let at = Point { x: f64::from(x) / 10.0, y: f64::from(y) / 10.0 };
                let pairs = line.windows(2).map(|pair| segment_distance(at, pair[0], pair[1]));
                let near = pairs.fold(distance(at, line[0]), f64::min);
                let inside = polygons.iter().any(|polygon| polygon.contains(at));
                prop_assert!(near > 0.97 * by || inside || folds, "{at:?} is near");
                prop_assert!(near < 1.01 * by || !inside, "{at:?} is far");
            }
        }

        #[test]
        fn any_line_ends(
            points in prop::collection::vec((-9i8..9, -9i8..9), 1..12), by in 1u8..5,
            join in 0u8..3, single_sided in any::<bool>(),
        ) {
            let line = points.iter().map(|(x, y)| Point { x: f64::from(*x), y: f64::from(*y) });
            let geometry = Geometry { lines: vec![line.collect()], ..Geometry::default() };
            let join = [Join::Round, Join::Mitre, Join::Bevel][usize::from(join)];
            let buffer = Buffer { join, single_sided, ..Buffer::new(f64::from(by)) };
            let mut work = buffer.start(&geometry, 10_000).expect("few segments");
            while let Ok(None) = work.advance(1000) {}
        }
    }
}
