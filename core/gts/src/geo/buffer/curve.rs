//! Curves at a distance from points, lines and rings.

use std::cmp::Ordering;
use std::f64::consts::{FRAC_PI_2, PI};

use super::{Buffer, BufferError, Cap, Join, Sides, distance, segment_distance};
use crate::geo::geometry::{Point, orientation};

/// How much of the distance a line may be simplified by.
const SIMPLIFY: f64 = 0.01;

/// Positions closer than this part of the distance are one.
const SNAP: f64 = 1e-6;

/// Offset segments whose ends are closer than this part of the distance need no corner.
const NEAR: f64 = 1e-3;

/// A curve, and what lies to its sides.
pub(super) type Curve = (Vec<Point>, Sides);

/// Curves that are being made.
pub(super) struct Curves {
    buffer: Buffer,
    segments: usize,
    segments_max: usize,
    /// Steps of the grid in a degree, if positions are on one.
    scale: Option<f64>,
    curves: Vec<Curve>,
}

impl Curves {
    pub(super) fn new(mut buffer: Buffer, segments_max: usize, scale: Option<f64>) -> Self {
        // The number of segments says something about corners, too.
        if buffer.quadrant_segments <= 0 {
            buffer.quadrant_segments = 1;
        }
        Self { buffer, segments: 0, segments_max, scale, curves: Vec::new() }
    }

    pub(super) fn finish(self) -> Vec<Curve> {
        self.curves
    }

    fn room(&self) -> usize {
        self.segments_max.saturating_sub(self.segments)
    }

    fn add_side(&mut self, side: Side, sides: Sides) -> Result<(), BufferError> {
        if side.steps > side.steps_max {
            return Err(BufferError::TooLarge { segments_max: self.segments_max });
        }
        self.add(side.points, sides)
    }

    fn add(&mut self, curve: Vec<Point>, sides: Sides) -> Result<(), BufferError> {
        self.segments += curve.len();
        if self.segments > self.segments_max {
            return Err(BufferError::TooLarge { segments_max: self.segments_max });
        }
        if curve.len() >= 2 {
            self.curves.push((curve, sides));
        }
        Ok(())
    }

    /// Adds the curve around a line, or around a point that is one.
    pub(super) fn add_line(&mut self, line: &[Point]) -> Result<(), BufferError> {
        let Buffer { distance, single_sided, .. } = self.buffer;
        let Some(first) = line.first() else { return Ok(()) };
        if distance == 0.0 || (distance < 0.0 && !single_sided) {
            return Ok(());
        }
        let mut side = Side::new(self.buffer, line.len(), self.room(), self.scale);
        match line {
            [_] => side.around_point(*first),
            _ if single_sided => side.along_one_side(line, distance < 0.0),
            _ => side.around_line(line),
        }
        self.add_side(side, (false, true))
    }

    /// Adds the curve on one side of a ring.
    pub(super) fn add_ring(
        &mut self,
        ring: &[Point],
        left: bool,
        sides: Sides,
    ) -> Result<(), BufferError> {
        if ring.len() <= 2 {
            let buffer = Buffer { distance: self.buffer.distance.abs(), ..self.buffer };
            let mut side = Side::new(buffer, ring.len(), self.room(), self.scale);
            match ring {
                [] => (),
                [point] => side.around_point(*point),
                _ => side.around_line(ring),
            }
            return self.add_side(side, sides);
        }
        if self.buffer.distance == 0.0 {
            return self.add(ring.to_vec(), sides);
        }
        let mut side = Side::new(self.buffer, ring.len(), self.room(), self.scale);
        side.left = left;
        side.around_ring(ring);
        self.add_side(side, sides)
    }
}

type Segment = (Point, Point);

/// A curve that is being made along a line.
struct Side {
    distance: f64,
    cap: Cap,
    join: Join,
    mitre_limit: f64,
    /// The angle of a segment of an arc.
    quantum: f64,
    /// How much nearer to the offset segments than to the corner inside turns are closed.
    closing: f64,
    left: bool,
    points: Vec<Point>,
    /// How many positions arcs have taken so far, and how many to stop after.
    steps: usize,
    steps_max: usize,
    scale: Option<f64>,
    /// The last three positions of the line, and the offset segments between them.
    line: [Point; 3],
    offsets: [Segment; 2],
}

impl Side {
    fn new(buffer: Buffer, count: usize, steps_max: usize, scale: Option<f64>) -> Self {
        let zero = Point { x: 0.0, y: 0.0 };
        let segments = f64::from(buffer.quadrant_segments);
        let fine = buffer.quadrant_segments >= 8 && buffer.join == Join::Round;
        Self {
            distance: buffer.distance.abs(),
            cap: buffer.cap,
            join: buffer.join,
            mitre_limit: buffer.mitre_limit,
            quantum: FRAC_PI_2 / segments,
            closing: if fine { 80.0 } else { 1.0 },
            left: true,
            points: Vec::with_capacity(count * 2),
            steps: 0,
            steps_max,
            scale,
            line: [zero; 3],
            offsets: [(zero, zero); 2],
        }
    }

    fn push(&mut self, mut point: Point) {
        if let Some(scale) = self.scale {
            let round = |v: f64| (v * scale + 0.5).floor() / scale;
            point = Point { x: round(point.x), y: round(point.y) };
        }
        let near = |last: &Point| distance(*last, point) < self.distance * SNAP;
        if !self.points.last().is_some_and(near) {
            self.points.push(point);
        }
    }

    fn close(&mut self) {
        if let (Some(first), Some(last)) = (self.points.first().copied(), self.points.last())
            && first != *last
        {
            self.points.push(first);
        }
    }

    fn around_point(&mut self, point: Point) {
        let d = self.distance;
        match self.cap {
            Cap::Round => {
                self.push(Point { x: point.x + d, ..point });
                self.arc(point, 0.0, 2.0 * PI, false);
            }
            Cap::Square => {
                for (x, y) in [(d, d), (d, -d), (-d, -d), (-d, d)] {
                    self.push(Point { x: point.x + x, y: point.y + y });
                }
            }
            Cap::Flat => (),
        }
        self.close();
    }

    fn around_line(&mut self, line: &[Point]) {
        let tolerance = self.distance * SIMPLIFY;
        let there = simplified(line, tolerance);
        self.start(there[0], there[1]);
        there[2..].iter().for_each(|point| self.next(*point, true));
        self.push(self.offsets[1].1);
        self.end_cap(there[there.len() - 2], there[there.len() - 1]);
        let back: Vec<Point> = simplified(line, -tolerance).into_iter().rev().collect();
        self.start(back[0], back[1]);
        back[2..].iter().for_each(|point| self.next(*point, true));
        self.push(self.offsets[1].1);
        self.end_cap(back[back.len() - 2], back[back.len() - 1]);
        self.close();
    }

    fn along_one_side(&mut self, line: &[Point], right: bool) {
        let tolerance = self.distance * SIMPLIFY;
        let side: Vec<Point> = if right {
            line.iter().for_each(|point| self.push(*point));
            simplified(line, -tolerance).into_iter().rev().collect()
        } else {
            line.iter().rev().for_each(|point| self.push(*point));
            simplified(line, tolerance)
        };
        self.start(side[0], side[1]);
        self.push(self.offsets[1].0);
        side[2..].iter().for_each(|point| self.next(*point, true));
        self.push(self.offsets[1].1);
        self.close();
    }

    fn around_ring(&mut self, ring: &[Point]) {
        let tolerance = self.distance * SIMPLIFY;
        let ring = simplified(ring, if self.left { tolerance } else { -tolerance });
        let last = ring.len() - 1;
        self.start(ring[last - 1], ring[0]);
        for (index, point) in ring.iter().enumerate().skip(1) {
            self.next(*point, index != 1);
        }
        self.close();
    }

    /// A segment moved to a side.
    fn offset(&self, (a, b): Segment, left: bool) -> Segment {
        let sign = if left { 1.0 } else { -1.0 };
        let (dx, dy) = (b.x - a.x, b.y - a.y);
        let length = (dx * dx + dy * dy).sqrt();
        let ux = sign * self.distance * dx / length;
        let uy = sign * self.distance * dy / length;
        (Point { x: a.x - uy, y: a.y + ux }, Point { x: b.x - uy, y: b.y + ux })
    }

    fn start(&mut self, a: Point, b: Point) {
        self.line = [a, a, b];
        self.offsets[1] = self.offset((a, b), self.left);
    }

    /// Goes on to the next position of the line and makes the corner before it.
    fn next(&mut self, point: Point, with_start: bool) {
        self.line = [self.line[1], self.line[2], point];
        let [a, b, c] = self.line;
        self.offsets = [self.offset((a, b), self.left), self.offset((b, c), self.left)];
        if b == c {
            return;
        }
        let turn = orientation(a, b, c);
        let outside = if self.left { Ordering::Less } else { Ordering::Greater };
        match turn {
            Ordering::Equal => self.straight_on(with_start),
            turn if turn == outside => self.outside_turn(turn == Ordering::Greater, with_start),
            _ => self.inside_turn(),
        }
    }

    fn straight_on(&mut self, with_start: bool) {
        let [a, b, c] = self.line;
        // Nothing to do unless the line turns back on itself.
        let back = (a.x - b.x) * (c.x - b.x) + (a.y - b.y) * (c.y - b.y) > 0.0;
        if !back {
            return;
        }
        let [(_, end), (start, _)] = self.offsets;
        if self.join == Join::Round {
            self.fillet(b, end, start, false);
            return;
        }
        if with_start {
            self.push(end);
        }
        self.push(start);
    }

    fn outside_turn(&mut self, counterclockwise: bool, with_start: bool) {
        let [(_, end), (start, _)] = self.offsets;
        if distance(end, start) < self.distance * NEAR {
            self.push(end);
            return;
        }
        match self.join {
            Join::Mitre => self.mitre(),
            Join::Bevel => {
                self.push(end);
                self.push(start);
            }
            Join::Round => {
                if with_start {
                    self.push(end);
                }
                self.fillet(self.line[1], end, start, counterclockwise);
                self.push(start);
            }
        }
    }

    fn inside_turn(&mut self) {
        let [first, second] = self.offsets;
        if let Some(crossing) = super::noding::crossing(first, second) {
            self.push(crossing);
            return;
        }
        let (end, start) = (first.1, second.0);
        self.push(end);
        if distance(end, start) < self.distance * NEAR {
            return;
        }
        // A short way to the other side that stays clear of the corner.
        let (corner, f) = (self.line[1], self.closing);
        let towards = |p: Point| Point {
            x: (f * p.x + corner.x) / (f + 1.0),
            y: (f * p.y + corner.y) / (f + 1.0),
        };
        self.push(towards(end));
        self.push(towards(start));
        self.push(start);
    }

    fn mitre(&mut self) {
        let corner = self.line[1];
        let meeting = super::noding::meeting(self.offsets[0], self.offsets[1]);
        match meeting.filter(|p| distance(*p, corner) / self.distance <= self.mitre_limit) {
            Some(point) => self.push(point),
            None => self.limited_mitre(),
        }
    }

    /// A mitre that is cut off.
    fn limited_mitre(&mut self) {
        let [before, corner, after] = self.line;
        let angle = |p: Point| libm::atan2(p.y - corner.y, p.x - corner.x);
        let normal = |mut angle: f64| {
            while angle > PI {
                angle -= 2.0 * PI;
            }
            while angle <= -PI {
                angle += 2.0 * PI;
            }
            angle
        };
        let from = angle(before);
        let mut turn = angle(after) - from;
        if turn <= -PI {
            turn += 2.0 * PI;
        } else if turn > PI {
            turn -= 2.0 * PI;
        }
        let half = turn / 2.0;
        let middle = normal(normal(from + half) + PI);
        let reach = self.mitre_limit * self.distance;
        let half_length = self.distance - reach * libm::sin(half).abs();
        let tip = Point {
            x: corner.x + reach * libm::cos(middle),
            y: corner.y + reach * libm::sin(middle),
        };
        let (dx, dy) = (tip.x - corner.x, tip.y - corner.y);
        let length = (dx * dx + dy * dy).sqrt();
        let beside = |offset: f64| Point {
            x: corner.x + dx - offset * dy / length,
            y: corner.y + dy + offset * dx / length,
        };
        let (left, right) = (beside(half_length), beside(-half_length));
        let ends = if self.left { [left, right] } else { [right, left] };
        ends.into_iter().for_each(|end| self.push(end));
    }

    fn end_cap(&mut self, a: Point, b: Point) {
        let (_, left) = self.offset((a, b), true);
        let (_, right) = self.offset((a, b), false);
        let angle = libm::atan2(b.y - a.y, b.x - a.x);
        match self.cap {
            Cap::Round => {
                self.push(left);
                self.arc(b, angle + FRAC_PI_2, angle - FRAC_PI_2, false);
                self.push(right);
            }
            Cap::Flat => {
                self.push(left);
                self.push(right);
            }
            Cap::Square => {
                let (dx, dy) = (self.distance * libm::cos(angle), self.distance * libm::sin(angle));
                self.push(Point { x: left.x + dx, y: left.y + dy });
                self.push(Point { x: right.x + dx, y: right.y + dy });
            }
        }
    }

    /// An arc around a position from one position to another one.
    fn fillet(&mut self, around: Point, from: Point, to: Point, counterclockwise: bool) {
        let angle = |p: Point| libm::atan2(p.y - around.y, p.x - around.x);
        let (mut start, end) = (angle(from), angle(to));
        if counterclockwise {
            if start >= end {
                start -= 2.0 * PI;
            }
        } else if start <= end {
            start += 2.0 * PI;
        }
        self.push(from);
        self.arc(around, start, end, counterclockwise);
        self.push(to);
    }

    fn arc(&mut self, around: Point, start: f64, end: f64, counterclockwise: bool) {
        let sign = if counterclockwise { 1.0 } else { -1.0 };
        let total = (start - end).abs();
        let count = (total / self.quantum + 0.5) as i32;
        if count < 1 {
            return;
        }
        let step = total / f64::from(count);
        let mut turned = 0.0;
        while turned < total && self.steps <= self.steps_max {
            self.steps += 1;
            let angle = start + sign * turned;
            self.push(Point {
                x: around.x + self.distance * libm::cos(angle),
                y: around.y + self.distance * libm::sin(angle),
            });
            turned += step;
        }
    }
}

/// A line without shallow dents on the side that the sign of the tolerance says.
fn simplified(line: &[Point], tolerance: f64) -> Vec<Point> {
    let concave = if tolerance < 0.0 { Ordering::Less } else { Ordering::Greater };
    let tolerance = tolerance.abs();
    let mut kept = vec![true; line.len()];
    let after = |kept: &[bool], index: usize| {
        (index + 1..line.len()).find(|next| kept[*next]).unwrap_or(line.len())
    };
    let shallow = |a: Point, b: Point, c: Point| segment_distance(b, a, c) < tolerance;
    loop {
        let mut changed = false;
        // The end segments stay as they are.
        let mut index = 1;
        let mut middle = after(&kept, index);
        let mut last = after(&kept, middle);
        while last < line.len() {
            let [a, b, c] = [line[index], line[middle], line[last]];
            let step = ((last - index) / 10).max(1);
            let dent = orientation(a, b, c) == concave
                && shallow(a, b, c)
                && (index..last).step_by(step).all(|i| shallow(a, b, line[i]));
            if dent {
                kept[middle] = false;
                changed = true;
                index = last;
            } else {
                index = middle;
            }
            middle = after(&kept, index);
            last = after(&kept, middle);
        }
        if !changed {
            return line.iter().zip(kept).filter(|(_, kept)| *kept).map(|(p, _)| *p).collect();
        }
    }
}
