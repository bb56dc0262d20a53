//! Curves cut where they meet.

use std::cmp::Ordering;

use super::Sides;
use super::curve::Curve;
use crate::geo::geometry::{Point, orientation};

/// A piece of a curve between two places where curves meet, and what lies to its sides.
pub(super) type Piece = (Vec<Point>, Sides);

/// A place on a curve: on which segment, and where.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Place {
    segment: usize,
    point: Point,
}

/// A segment of a curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Part {
    curve: u32,
    segment: u32,
}

/// A place on the grid that segments snap to which come near.
#[derive(Clone, Copy, Debug)]
struct Pixel {
    point: Point,
    /// Which segment starts here, when this is not a crossing.
    start: Option<Part>,
}

/// What is compared, with its extent from west to east.
#[derive(Clone, Copy, Debug)]
struct Entry {
    west: f64,
    east: f64,
    item: Item,
}

#[derive(Clone, Copy, Debug)]
enum Item {
    Part(Part),
    Pixel(Pixel),
}

/// Curves that are being compared.
///
/// On a grid, positions are numbers of steps; what crosses snaps to it, and so does what comes near
/// a position of a curve or near a crossing.
#[derive(Debug)]
pub(super) struct Noding {
    curves: Vec<Curve>,
    places: Vec<Vec<Place>>,
    /// All segments, from west to east; those up to `next` have been compared with what is east of
    /// them, `next` itself up to `against`.
    entries: Vec<Entry>,
    next: usize,
    against: usize,
    /// How many places there are.
    found: usize,
    /// Steps of the grid in a degree; no grid otherwise.
    scale: Option<f64>,
    /// Where segments cross between positions of the grid.
    crossings: Vec<Point>,
    snapping: bool,
}

impl Noding {
    pub(super) fn new(mut curves: Vec<Curve>, scale: Option<f64>) -> Self {
        if let Some(scale) = scale {
            for (points, _) in &mut curves {
                for point in points.iter_mut() {
                    *point = rounded(Point { x: point.x * scale, y: point.y * scale });
                }
                points.dedup();
            }
            curves.retain(|(points, _)| points.len() > 1);
        }
        let mut entries = Vec::new();
        for (curve, (points, _)) in curves.iter().enumerate() {
            for (segment, pair) in points.windows(2).enumerate() {
                entries.push(Entry {
                    west: pair[0].x.min(pair[1].x),
                    east: pair[0].x.max(pair[1].x),
                    item: Item::Part(Part { curve: curve as u32, segment: segment as u32 }),
                });
            }
        }
        entries.sort_by(|a, b| a.west.total_cmp(&b.west));
        let places = vec![Vec::new(); curves.len()];
        Self {
            curves,
            places,
            entries,
            next: 0,
            against: 1,
            found: 0,
            scale,
            crossings: Vec::new(),
            snapping: false,
        }
    }

    /// How many segments there are, as far as they are cut.
    pub(super) fn segments(&self) -> usize {
        self.entries.len() + self.found
    }

    /// Compares up to about `count` pairs; whether all are.
    pub(super) fn advance(&mut self, count: usize) -> bool {
        for _ in 0..count {
            let Some(first) = self.entries.get(self.next).copied() else {
                if self.scale.is_none() || self.snapping {
                    return true;
                }
                self.snap();
                continue;
            };
            match self.entries.get(self.against).copied() {
                Some(second) if second.west <= first.east => {
                    self.compare(first, second);
                    self.against += 1;
                }
                _ => {
                    self.next += 1;
                    self.against = self.next + 1;
                }
            }
        }
        false
    }

    /// Goes on with the places of the grid, if there is one.
    fn snap(&mut self) {
        let around = |point: Point, start: Option<Part>| Entry {
            west: point.x - 0.5,
            east: point.x + 0.5,
            item: Item::Pixel(Pixel { point, start }),
        };
        self.crossings.sort_by(|a, b| a.x.total_cmp(&b.x).then(a.y.total_cmp(&b.y)));
        self.crossings.dedup();
        self.entries.extend(self.crossings.drain(..).map(|point| around(point, None)));
        for (curve, (points, _)) in self.curves.iter().enumerate() {
            for (segment, point) in points.iter().enumerate() {
                let start = Part { curve: curve as u32, segment: segment as u32 };
                self.entries.push(around(*point, Some(start)));
            }
        }
        self.entries.sort_by(|a, b| a.west.total_cmp(&b.west));
        self.snapping = true;
        self.next = 0;
        self.against = 1;
    }

    fn ends(&self, part: Part) -> Segment {
        let points = &self.curves[part.curve as usize].0;
        (points[part.segment as usize], points[part.segment as usize + 1])
    }

    fn compare(&mut self, first: Entry, second: Entry) {
        match (first.item, second.item) {
            (Item::Part(first), Item::Part(second)) if !self.snapping => self.meet(first, second),
            (Item::Part(part), Item::Pixel(pixel)) | (Item::Pixel(pixel), Item::Part(part)) => {
                self.snap_to(part, pixel);
            }
            _ => (),
        }
    }

    /// Cuts a segment at a place of the grid that it comes near.
    fn snap_to(&mut self, part: Part, Pixel { point, start }: Pixel) {
        let own = |start: Part| {
            start.curve == part.curve
                && (start.segment == part.segment || start.segment == part.segment + 1)
        };
        if start.is_some_and(own) || !passes(point, self.ends(part)) {
            return;
        }
        self.add(part, point);
        if let Some(Part { curve, segment }) = start {
            self.found += 1;
            self.places[curve as usize].push(Place { segment: segment as usize, point });
        }
    }

    fn meet(&mut self, first: Part, second: Part) {
        let found = intersections(self.ends(first), self.ends(second));
        // Neighbours on a curve meet where they should.
        let neighbours = first.curve == second.curve && first.segment.abs_diff(second.segment) == 1;
        if neighbours && matches!(found, Found::One(_)) {
            return;
        }
        let points = match found {
            Found::None => return,
            Found::One(point) => [Some(point), None],
            Found::Two(a, b) => [Some(a), Some(b)],
        };
        for mut point in points.into_iter().flatten() {
            if self.scale.is_some() {
                point = rounded(point);
                let is_end = |(a, b): Segment| a == point || b == point;
                if !is_end(self.ends(first)) || !is_end(self.ends(second)) {
                    self.crossings.push(point);
                }
            }
            self.add(first, point);
            self.add(second, point);
        }
    }

    fn add(&mut self, part: Part, point: Point) {
        let points = &self.curves[part.curve as usize].0;
        let mut segment = part.segment as usize;
        // The end of a segment is the start of the next one.
        if points[segment + 1] == point {
            segment += 1;
        }
        self.found += 1;
        self.places[part.curve as usize].push(Place { segment, point });
    }

    /// The pieces, in the order of the curves.
    pub(super) fn pieces(&mut self) -> Vec<Piece> {
        let mut pieces = Vec::new();
        for ((points, sides), mut places) in self.curves.drain(..).zip(self.places.drain(..)) {
            let last = points.len() - 1;
            places.push(Place { segment: 0, point: points[0] });
            places.push(Place { segment: last, point: points[last] });
            // A curve that turns back on itself is cut where it does.
            for (index, triple) in points.windows(3).enumerate() {
                if triple[0] == triple[2] {
                    places.push(Place { segment: index + 1, point: triple[1] });
                }
            }
            sort_places(&points, &mut places);
            // So is one that comes back to where it was cut.
            let collapsed = places.windows(2).filter_map(|pair| {
                let (from, to) = (pair[0], pair[1]);
                let between = to.segment - from.segment;
                let inner = usize::from(points[to.segment] == to.point);
                let segment = from.segment + 1;
                let collapses = from.point == to.point && between == 1 + inner;
                collapses.then(|| Place { segment, point: points[segment] })
            });
            let collapsed: Vec<Place> = collapsed.collect();
            places.extend(collapsed);
            sort_places(&points, &mut places);
            for pair in places.windows(2) {
                let (from, to) = (pair[0], pair[1]);
                let mut piece = vec![from.point];
                piece.extend_from_slice(&points[from.segment + 1..=to.segment]);
                if piece.len() == 1 || points[to.segment] != to.point {
                    piece.push(to.point);
                }
                if let Some(scale) = self.scale {
                    for point in &mut piece {
                        *point = Point { x: point.x / scale, y: point.y / scale };
                    }
                }
                if piece.len() > 2 || piece[0] != piece[1] {
                    pieces.push((piece, sides));
                }
            }
        }
        pieces
    }
}

/// A position of the grid, rounded as Java rounds.
fn rounded(point: Point) -> Point {
    Point { x: (point.x + 0.5).floor(), y: (point.y + 0.5).floor() }
}

/// Whether a segment passes through what is nearest to a position of the grid.
fn passes(at: Point, segment: Segment) -> bool {
    let corner = |x: f64, y: f64| Point { x: at.x + x, y: at.y + y };
    let [ne, nw] = [corner(0.5, 0.5), corner(-0.5, 0.5)];
    let [sw, se] = [corner(-0.5, -0.5), corner(0.5, -0.5)];
    if !overlap(segment, (sw, ne)) {
        return false;
    }
    let sides = [(ne, nw), (nw, sw), (sw, se), (se, ne)];
    let touches = |side: Segment| !matches!(intersections(segment, side), Found::None);
    sides.into_iter().any(|side| crosses(segment, side))
        || (touches(sides[1]) && touches(sides[2]))
        || segment.0 == at
        || segment.1 == at
}

/// Whether two segments cross, with no end on the other.
fn crosses(p: Segment, q: Segment) -> bool {
    let apart = |s: Segment, t: Segment| {
        let sides = [orientation(s.0, s.1, t.0), orientation(s.0, s.1, t.1)];
        sides[0] != sides[1] && !sides.contains(&Ordering::Equal)
    };
    overlap(p, q) && apart(p, q) && apart(q, p)
}

fn sort_places(points: &[Point], places: &mut Vec<Place>) {
    places.sort_by(|a, b| compare_places(points, *a, *b));
    places.dedup();
}

/// Which of two places comes first on a curve.
fn compare_places(points: &[Point], a: Place, b: Place) -> Ordering {
    let by_segment = a.segment.cmp(&b.segment);
    let (Some(from), Some(to)) = (points.get(a.segment), points.get(a.segment + 1)) else {
        return by_segment;
    };
    let (dx, dy) = (to.x - from.x, to.y - from.y);
    let along = |first: f64, second: f64, direction: f64| {
        let order = first.total_cmp(&second);
        if direction < 0.0 { order.reverse() } else { order }
    };
    let (x, y) = (along(a.point.x, b.point.x, dx), along(a.point.y, b.point.y, dy));
    by_segment.then(if dx.abs() >= dy.abs() { x.then(y) } else { y.then(x) })
}

enum Found {
    None,
    One(Point),
    Two(Point, Point),
}

type Segment = (Point, Point);

fn overlap(a: Segment, b: Segment) -> bool {
    let apart =
        |a0: f64, a1: f64, b0: f64, b1: f64| a0.max(a1) < b0.min(b1) || b0.max(b1) < a0.min(a1);
    !apart(a.0.x, a.1.x, b.0.x, b.1.x) && !apart(a.0.y, a.1.y, b.0.y, b.1.y)
}

/// Where two segments meet: nowhere, at a position, or on a stretch.
fn intersections(p: Segment, q: Segment) -> Found {
    if !overlap(p, q) {
        return Found::None;
    }
    let beside = |s: Segment, t: Segment| [orientation(s.0, s.1, t.0), orientation(s.0, s.1, t.1)];
    let (of_q, of_p) = (beside(p, q), beside(q, p));
    for sides in [of_q, of_p] {
        if sides[0] == sides[1] && sides[0] != Ordering::Equal {
            return Found::None;
        }
    }
    if of_q == [Ordering::Equal; 2] && of_p == [Ordering::Equal; 2] {
        return stretch(p, q);
    }
    // An end that lies on the other segment is taken as it is.
    if p.0 == q.0 || p.0 == q.1 {
        return Found::One(p.0);
    }
    if p.1 == q.0 || p.1 == q.1 {
        return Found::One(p.1);
    }
    let ends = [(of_q[0], q.0), (of_q[1], q.1), (of_p[0], p.0), (of_p[1], p.1)];
    match ends.into_iter().find(|(side, _)| *side == Ordering::Equal) {
        Some((_, end)) => Found::One(end),
        None => Found::One(proper(p, q)),
    }
}

/// What two segments of one line have in common.
fn stretch(p: Segment, q: Segment) -> Found {
    let within = |s: Segment, point: Point| overlap(s, (point, point));
    let (q0, q1) = (within(p, q.0), within(p, q.1));
    let (p0, p1) = (within(q, p.0), within(q, p.1));
    let pair = |a: Point, b: Point, more: bool| {
        if a == b && !more { Found::One(a) } else { Found::Two(a, b) }
    };
    match (q0, q1, p0, p1) {
        (true, true, ..) => Found::Two(q.0, q.1),
        (_, _, true, true) => Found::Two(p.0, p.1),
        (true, _, true, _) => pair(q.0, p.0, q1 || p1),
        (true, _, _, true) => pair(q.0, p.1, q1 || p0),
        (_, true, true, _) => pair(q.1, p.0, q0 || p1),
        (_, true, _, true) => pair(q.1, p.1, q0 || p0),
        _ => Found::None,
    }
}

/// The only position that two segments have in common, if there is one; one of several otherwise.
pub(super) fn crossing(p: Segment, q: Segment) -> Option<Point> {
    match intersections(p, q) {
        Found::None => None,
        Found::One(point) | Found::Two(point, _) => Some(point),
    }
}

/// Where the lines of two segments meet.
pub(super) fn meeting(p: Segment, q: Segment) -> Option<Point> {
    let (px, py) = (p.0.y - p.1.y, p.1.x - p.0.x);
    let pw = p.0.x * p.1.y - p.1.x * p.0.y;
    let (qx, qy) = (q.0.y - q.1.y, q.1.x - q.0.x);
    let qw = q.0.x * q.1.y - q.1.x * q.0.y;
    let w = px * qy - qx * py;
    let point = Point { x: (py * qw - qy * pw) / w, y: (qx * pw - px * qw) / w };
    (point.x.is_finite() && point.y.is_finite()).then_some(point)
}

/// Where two segments cross that do, computed around the middle of what they share: near zero
/// numbers are most exact.
fn proper(p: Segment, q: Segment) -> Point {
    let middle = |pick: fn(Point) -> f64| {
        let low = pick(p.0).min(pick(p.1)).max(pick(q.0).min(pick(q.1)));
        let high = pick(p.0).max(pick(p.1)).min(pick(q.0).max(pick(q.1)));
        (low + high) / 2.0
    };
    let (x, y) = (middle(|p| p.x), middle(|p| p.y));
    let moved =
        |(a, b): Segment| (Point { x: a.x - x, y: a.y - y }, Point { x: b.x - x, y: b.y - y });
    let point = meeting(moved(p), moved(q)).map(|point| Point { x: point.x + x, y: point.y + y });
    let inside = |point: &Point| overlap(p, (*point, *point)) && overlap(q, (*point, *point));
    point.filter(inside).unwrap_or_else(|| nearest_end(p, q))
}

/// The end of either segment that is nearest to the other one.
fn nearest_end(p: Segment, q: Segment) -> Point {
    let ends = [(p.0, q), (p.1, q), (q.0, p), (q.1, p)];
    let distance =
        |(point, other): &(Point, Segment)| super::segment_distance(*point, other.0, other.1);
    let nearest = ends.iter().min_by(|a, b| distance(a).total_cmp(&distance(b)));
    nearest.map_or(p.0, |(point, _)| *point)
}
