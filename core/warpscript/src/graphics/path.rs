//! Paths: lines and curves, flattened, transformed, and turned into outlines of strokes.

/// A point.
pub(crate) type Point = (f64, f64);

/// A transformation `x' = ax + cy + e`, `y' = bx + dy + f`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Matrix(pub(crate) [f64; 6]);

impl Default for Matrix {
    fn default() -> Self {
        Self([1.0, 0.0, 0.0, 1.0, 0.0, 0.0])
    }
}

impl Matrix {
    /// This after `inner`.
    #[must_use]
    pub(crate) fn then(&self, inner: [f64; 6]) -> Self {
        let [a, b, c, d, e, f] = self.0;
        let [p, q, r, s, t, u] = inner;
        Self([
            a * p + c * q,
            b * p + d * q,
            a * r + c * s,
            b * r + d * s,
            a * t + c * u + e,
            b * t + d * u + f,
        ])
    }

    pub(crate) fn apply(&self, (x, y): Point) -> Point {
        let [a, b, c, d, e, f] = self.0;
        (a * x + c * y + e, b * x + d * y + f)
    }

    /// How much areas grow, as a length.
    pub(crate) fn scale(&self) -> f64 {
        let [a, b, c, d, ..] = self.0;
        libm::sqrt((a * d - b * c).abs())
    }
}

/// A part of a path, flattened.
#[derive(Clone, Debug, Default)]
pub(crate) struct Contour {
    pub(crate) points: Vec<Point>,
    pub(crate) closed: bool,
}

/// A path, flattened as it is made.
#[derive(Clone, Debug, Default)]
pub(crate) struct Path {
    pub(crate) contours: Vec<Contour>,
}

/// How strokes end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Cap {
    Square,
    Project,
    #[default]
    Round,
}

/// How strokes turn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Join {
    #[default]
    Miter,
    Bevel,
    Round,
}

/// Lines that a curve becomes.
const CURVE_STEPS: usize = 32;

/// Lines that a full circle becomes.
const CIRCLE_STEPS: usize = 128;

impl Path {
    pub(crate) const fn is_empty(&self) -> bool {
        self.contours.is_empty()
    }

    pub(crate) fn move_to(&mut self, point: Point) {
        self.contours.push(Contour { points: vec![point], closed: false });
    }

    pub(crate) fn line_to(&mut self, point: Point) {
        match self.contours.last_mut() {
            Some(contour) if !contour.closed => contour.points.push(point),
            _ => self.move_to(point),
        }
    }

    /// Where the path is.
    pub(crate) fn current(&self) -> Option<Point> {
        self.contours.last().and_then(|contour| contour.points.last()).copied()
    }

    pub(crate) fn curve_to(&mut self, a: Point, b: Point, end: Point) {
        let Some(start) = self.current() else { return self.move_to(end) };
        for step in 1..=CURVE_STEPS {
            let t = step as f64 / CURVE_STEPS as f64;
            let s = 1.0 - t;
            let at = |from: f64, a: f64, b: f64, to: f64| {
                s * s * s * from + 3.0 * s * s * t * a + 3.0 * s * t * t * b + t * t * t * to
            };
            self.line_to((at(start.0, a.0, b.0, end.0), at(start.1, a.1, b.1, end.1)));
        }
    }

    pub(crate) fn close(&mut self) {
        if let Some(contour) = self.contours.last_mut() {
            contour.closed = true;
        }
    }

    /// A path of straight lines.
    pub(crate) fn polygon(points: &[Point], closed: bool) -> Self {
        Self { contours: vec![Contour { points: points.to_vec(), closed }] }
    }

    /// Part of an ellipse in a box, from one angle to another.
    pub(crate) fn arc(corner: Point, size: Point, from: f64, to: f64) -> Self {
        let share = ((to - from).abs() / std::f64::consts::TAU).min(1.0);
        let steps = ((CIRCLE_STEPS as f64 * share).ceil() as usize).max(2);
        let (rx, ry) = (size.0 / 2.0, size.1 / 2.0);
        let point = |step: usize| {
            let angle = from + (to - from) * step as f64 / steps as f64;
            (corner.0 + rx + rx * libm::cos(angle), corner.1 + ry + ry * libm::sin(angle))
        };
        Self { contours: vec![Contour { points: (0..=steps).map(point).collect(), closed: false }] }
    }

    /// The path under a transformation.
    #[must_use]
    pub(crate) fn transformed(&self, matrix: &Matrix) -> Self {
        let mut path = self.clone();
        for contour in &mut path.contours {
            contour.points.iter_mut().for_each(|point| *point = matrix.apply(*point));
        }
        path
    }

    /// How many points there are.
    pub(crate) fn len(&self) -> usize {
        self.contours.iter().map(|contour| contour.points.len()).sum()
    }

    /// The outline of a stroke: pieces that all turn the same way, so that together they fill what
    /// any of them covers.
    #[must_use]
    pub(crate) fn stroked(&self, width: f64, cap: Cap, join: Join) -> Self {
        let mut stroke = Stroke { out: Self::default(), half: width / 2.0 };
        for contour in &self.contours {
            stroke.contour(contour, cap, join);
        }
        stroke.out
    }
}

struct Stroke {
    out: Path,
    half: f64,
}

/// Miters that are longer than so many widths are cut.
const MITER_LIMIT: f64 = 10.0;

impl Stroke {
    /// Adds a piece, turned the common way.
    fn piece(&mut self, mut points: Vec<Point>) {
        let next = points.iter().cycle().skip(1);
        let area: f64 = points.iter().zip(next).map(|(a, b)| a.0 * b.1 - b.0 * a.1).sum();
        if area < 0.0 {
            points.reverse();
        }
        self.out.contours.push(Contour { points, closed: true });
    }

    fn disc(&mut self, (x, y): Point) {
        let size = self.half * 2.0;
        let corner = (x - self.half, y - self.half);
        let mut circle = Path::arc(corner, (size, size), 0.0, std::f64::consts::TAU);
        self.piece(circle.contours.pop().map(|c| c.points).unwrap_or_default());
    }

    fn contour(&mut self, contour: &Contour, cap: Cap, join: Join) {
        let mut points = contour.points.clone();
        points.dedup();
        if contour.closed && points.len() > 1 && points.first() == points.last() {
            points.pop();
        }
        let (Some(first), Some(last)) = (points.first().copied(), points.last().copied()) else {
            return;
        };
        if points.len() == 1 {
            match cap {
                Cap::Round => self.disc(first),
                Cap::Project => self.segment(first, first, (1.0, 0.0), self.half, self.half),
                Cap::Square => (),
            }
            return;
        }
        let count = points.len();
        let segments = if contour.closed { count } else { count - 1 };
        let half = self.half;
        let extra = |at_end: bool| if at_end && cap == Cap::Project { half } else { 0.0 };
        let directions: Vec<Point> =
            (0..segments).map(|i| direction(points[i], points[(i + 1) % count])).collect();
        for (i, along) in directions.iter().enumerate() {
            let before = extra(!contour.closed && i == 0);
            let after = extra(!contour.closed && i + 1 == segments);
            self.segment(points[i], points[(i + 1) % count], *along, before, after);
        }
        let corners = if contour.closed { 0..count } else { 1..count - 1 };
        for i in corners {
            let before = directions[(i + segments - 1) % segments];
            self.corner(points[i], before, directions[i], join);
        }
        if !contour.closed && cap == Cap::Round {
            self.disc(first);
            self.disc(last);
        }
    }

    /// A straight piece, longer by some at both ends.
    fn segment(&mut self, a: Point, b: Point, along: Point, before: f64, after: f64) {
        let side = (-along.1 * self.half, along.0 * self.half);
        let a = (a.0 - along.0 * before, a.1 - along.1 * before);
        let b = (b.0 + along.0 * after, b.1 + along.1 * after);
        self.piece(vec![
            (a.0 + side.0, a.1 + side.1),
            (b.0 + side.0, b.1 + side.1),
            (b.0 - side.0, b.1 - side.1),
            (a.0 - side.0, a.1 - side.1),
        ]);
    }

    fn corner(&mut self, at: Point, before: Point, after: Point, join: Join) {
        let turn = before.0 * after.1 - before.1 * after.0;
        let cosine = before.0 * after.0 + before.1 * after.1;
        if turn == 0.0 && cosine >= 0.0 {
            return;
        }
        if join == Join::Round {
            return self.disc(at);
        }
        // The outer side of the turn.
        let out = if turn > 0.0 { -self.half } else { self.half };
        let side = |d: Point| (at.0 - d.1 * out, at.1 + d.0 * out);
        let (a, b) = (side(before), side(after));
        let mut points = vec![at, a];
        // 1 / sin(angle / 2), squared.
        let stretch = 2.0 / (1.0 + cosine);
        if join == Join::Miter && stretch <= MITER_LIMIT * MITER_LIMIT {
            let middle = ((a.0 + b.0) / 2.0 - at.0, (a.1 + b.1) / 2.0 - at.1);
            points.push((at.0 + middle.0 * stretch, at.1 + middle.1 * stretch));
        }
        points.push(b);
        self.piece(points);
    }
}

fn direction(a: Point, b: Point) -> Point {
    let (dx, dy) = (b.0 - a.0, b.1 - a.1);
    let length = libm::hypot(dx, dy);
    if length > 0.0 && length.is_finite() { (dx / length, dy / length) } else { (1.0, 0.0) }
}

impl Matrix {
    /// The way back; `None` when areas become nothing.
    pub(crate) fn inverse(&self) -> Option<Self> {
        let [a, b, c, d, e, f] = self.0;
        let size = a * d - b * c;
        if size == 0.0 || !size.is_finite() {
            return None;
        }
        let [p, q, r, s] = [d / size, -b / size, -c / size, a / size];
        Some(Self([p, q, r, s, -(p * e + r * f), -(q * e + s * f)]))
    }
}
