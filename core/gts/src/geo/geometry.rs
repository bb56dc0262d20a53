//! Plane geometries in degrees, and how they lie to rectangles.
//!
//! Longitude is x, latitude is y; an edge is straight on that map and does not cross the date line
//! unless its coordinates do.

use std::cmp::Ordering;

/// A position: x is the longitude, y the latitude.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Degrees east.
    pub x: f64,
    /// Degrees north.
    pub y: f64,
}

/// Positions, lines and areas.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Geometry {
    /// Single positions.
    pub points: Vec<Point>,
    /// Lines from position to position.
    pub lines: Vec<Vec<Point>>,
    /// Areas.
    pub polygons: Vec<Polygon>,
}

/// An area: what is within an odd number of rings, so an outline and holes in it. Each ring ends
/// where it starts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Polygon {
    /// The outline, then the holes.
    pub rings: Vec<Vec<Point>>,
}

/// A rectangle along the axes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rectangle {
    pub(super) min: Point,
    pub(super) max: Point,
}

/// A straight line between two positions, which may be the same.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Edge {
    pub(super) from: Point,
    pub(super) to: Point,
}

impl Geometry {
    /// Adds everything of `other`.
    pub fn append(&mut self, other: Self) {
        self.points.extend(other.points);
        self.lines.extend(other.lines);
        self.polygons.extend(other.polygons);
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.positions().next().is_none()
    }

    /// The rectangle around everything; `None` for nothing.
    pub(super) fn bounds(&self) -> Option<Rectangle> {
        let boxes = self.positions().map(|point| Rectangle { min: point, max: point });
        boxes.reduce(|a, b| Rectangle {
            min: Point { x: a.min.x.min(b.min.x), y: a.min.y.min(b.min.y) },
            max: Point { x: a.max.x.max(b.max.x), y: a.max.y.max(b.max.y) },
        })
    }

    fn positions(&self) -> impl Iterator<Item = Point> + '_ {
        let rings = self.polygons.iter().flat_map(|polygon| &polygon.rings);
        self.points.iter().chain(self.lines.iter().chain(rings).flatten()).copied()
    }
}

impl Polygon {
    /// Whether a position is inside; on a ring it may count as either.
    pub(super) fn contains(&self, point: Point) -> bool {
        let crossings = self.rings.iter().flat_map(|ring| edges(ring)).filter(|edge| {
            // Edges that a ray to the east crosses, the lower end belonging to them.
            let (low, high) =
                if edge.from.y <= edge.to.y { (edge.from, edge.to) } else { (edge.to, edge.from) };
            low.y <= point.y
                && point.y < high.y
                && orientation(low, high, point) == Ordering::Greater
        });
        crossings.count() % 2 == 1
    }
}

/// The edges of a line; one position is an edge to itself.
pub(super) fn edges(line: &[Point]) -> impl Iterator<Item = Edge> + '_ {
    let single = match line {
        [point] => Some(Edge { from: *point, to: *point }),
        _ => None,
    };
    line.windows(2).map(|pair| Edge { from: pair[0], to: pair[1] }).chain(single)
}

impl Rectangle {
    pub(super) fn center(self) -> Point {
        Point { x: (self.min.x + self.max.x) / 2.0, y: (self.min.y + self.max.y) / 2.0 }
    }

    /// Whether an edge has a position in the rectangle, its border included.
    pub(super) fn touches(self, edge: Edge) -> bool {
        let (min, max) = edge.corners();
        min.x <= self.max.x
            && max.x >= self.min.x
            && min.y <= self.max.y
            && max.y >= self.min.y
            && self.sides(edge).is_none_or(|[left, right, on]| on || left && right)
    }

    /// Whether an edge has a position in the rectangle, its border left out.
    pub(super) fn crosses(self, edge: Edge) -> bool {
        let (min, max) = edge.corners();
        min.x < self.max.x
            && max.x > self.min.x
            && min.y < self.max.y
            && max.y > self.min.y
            && self.sides(edge).is_none_or(|[left, right, _]| left && right)
    }

    /// Whether there are corners to the left of an edge, to the right of it, and on its line;
    /// `None` for an edge without a direction.
    fn sides(self, edge: Edge) -> Option<[bool; 3]> {
        if edge.from == edge.to {
            return None;
        }
        let Self { min, max } = self;
        let corners = [min, Point { x: max.x, ..min }, max, Point { x: min.x, ..max }];
        let sides = corners.map(|corner| orientation(edge.from, edge.to, corner));
        Some([Ordering::Greater, Ordering::Less, Ordering::Equal].map(|side| sides.contains(&side)))
    }
}

impl Edge {
    fn corners(self) -> (Point, Point) {
        let Self { from, to } = self;
        (
            Point { x: from.x.min(to.x), y: from.y.min(to.y) },
            Point { x: from.x.max(to.x), y: from.y.max(to.y) },
        )
    }
}

/// Whether `c` is to the left of the line from `a` to `b` (`Greater`), to the right, or on it.
pub(super) fn orientation(a: Point, b: Point, c: Point) -> Ordering {
    /// Relative error of the plain determinant.
    const ERROR: f64 = 4.0 * f64::EPSILON;
    let left = (a.x - c.x) * (b.y - c.y);
    let right = (a.y - c.y) * (b.x - c.x);
    let determinant = left - right;
    if determinant.abs() > ERROR * (left.abs() + right.abs()) {
        return determinant.total_cmp(&0.0);
    }
    let left = Twofold::difference(a.x, c.x).times(Twofold::difference(b.y, c.y));
    let right = Twofold::difference(a.y, c.y).times(Twofold::difference(b.x, c.x));
    let (high, low) = left.minus(right);
    let sum = high + low;
    // A zero of either sign is on the line.
    sum.partial_cmp(&0.0).unwrap_or(Ordering::Equal)
}

/// A number of about 106 bits: the sum of two doubles.
#[derive(Clone, Copy)]
struct Twofold {
    high: f64,
    low: f64,
}

impl Twofold {
    /// `a - b`, exactly.
    fn difference(a: f64, b: f64) -> Self {
        let high = a - b;
        let virtual_b = a - high;
        let virtual_a = high + virtual_b;
        Self { high, low: (a - virtual_a) + (virtual_b - b) }
    }

    fn times(self, other: Self) -> Self {
        let high = self.high * other.high;
        let error = self.high.mul_add(other.high, -high);
        let low = error + (self.high * other.low + self.low * other.high);
        let sum = high + low;
        Self { high: sum, low: low - (sum - high) }
    }

    fn minus(self, other: Self) -> (f64, f64) {
        let difference = Self::difference(self.high, other.high);
        (difference.high, difference.low + (self.low - other.low))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SQUARE: Rectangle =
        Rectangle { min: Point { x: 0.0, y: 0.0 }, max: Point { x: 1.0, y: 1.0 } };

    fn edge(x1: f64, y1: f64, x2: f64, y2: f64) -> Edge {
        Edge { from: Point { x: x1, y: y1 }, to: Point { x: x2, y: y2 } }
    }

    #[test]
    fn edges_touch_or_cross_a_rectangle() {
        for (edge, touches, crosses) in [
            (edge(-1.0, 0.5, 2.0, 0.5), true, true),
            (edge(-1.0, -1.0, 2.0, 2.0), true, true),
            (edge(0.2, 0.2, 0.3, 0.4), true, true),
            (edge(0.5, 0.5, 0.5, 0.5), true, true),
            (edge(1.0, -1.0, 1.0, 2.0), true, false),
            (edge(0.0, 1.0, 1.0, 2.0), true, false),
            (edge(1.0, 1.0, 1.0, 1.0), true, false),
            (edge(-1.0, 0.0, 0.0, -1.0), false, false),
            (edge(-0.5, 0.4, 0.4, -0.5), false, false),
            (edge(-1.0, 0.98, 1.0, 1.01), true, true),
            // Through a corner: 1.0 is halfway between the doubles of 0.99 and 1.01.
            (edge(-1.0, 0.99, 1.0, 1.01), true, false),
            (edge(0.0, 1.0, 2.0, 1.0), true, false),
            (edge(2.0, 2.0, 3.0, 3.0), false, false),
        ] {
            assert_eq!(
                (SQUARE.touches(edge), SQUARE.crosses(edge)),
                (touches, crosses),
                "{edge:?}"
            );
            let back = Edge { from: edge.to, to: edge.from };
            assert_eq!(
                (SQUARE.touches(back), SQUARE.crosses(back)),
                (touches, crosses),
                "{edge:?}"
            );
        }
    }

    #[test]
    fn orientation_sees_the_last_bit() {
        let (a, b) = (Point { x: 0.1, y: 0.1 }, Point { x: 0.3, y: 0.3 });
        let on = Point { x: 0.2, y: 0.2 };
        assert_eq!(orientation(a, b, on), Ordering::Equal);
        let above = Point { y: 0.2f64.next_up(), ..on };
        assert_eq!(orientation(a, b, above), Ordering::Greater);
        assert_eq!(orientation(b, a, above), Ordering::Less);
    }

    #[test]
    fn holes_are_outside() {
        let ring = |size: f64| {
            [(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0), (-1.0, -1.0)]
                .map(|(x, y)| Point { x: x * size, y: y * size })
                .to_vec()
        };
        let polygon = Polygon { rings: vec![ring(2.0), ring(1.0)] };
        let at = |x, y| polygon.contains(Point { x, y });
        assert!(at(1.5, 0.0) && at(-1.5, 1.5));
        assert!(!at(0.0, 0.0) && !at(3.0, 0.0) && !at(0.0, 2.5));
    }
}
