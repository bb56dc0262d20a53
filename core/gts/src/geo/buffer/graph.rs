//! The planar graph of pieces, and the rings around what they enclose.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::noding::Piece;
use super::{BufferError, is_counterclockwise};
use crate::geo::geometry::{Point, Polygon, orientation};

/// A position as a key, from west to east and from south to north.
type NodeKey = (u64, u64);

fn key(point: Point) -> NodeKey {
    // Zeros are one; the order of the bits is that of the numbers.
    let bits = |v: f64| {
        let bits = (v + 0.0).to_bits();
        if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
    };
    (bits(point.x), bits(point.y))
}

/// A piece, and by how much more is enclosed to its left than to its right.
#[derive(Debug)]
struct Edge {
    points: Vec<Point>,
    delta: i32,
    south: f64,
    north: f64,
    east: f64,
}

/// An edge in one direction: number `2 · edge` along it, `2 · edge + 1` against it.
type Arrow = usize;

const fn reverse(arrow: Arrow) -> Arrow {
    arrow ^ 1
}

#[derive(Debug)]
struct Graph {
    edges: Vec<Edge>,
    /// The arrows that start at each position, counterclockwise from east.
    stars: BTreeMap<NodeKey, Vec<Arrow>>,
    /// How much encloses the left and the right of each arrow.
    depths: Vec<(i32, i32)>,
    known: Vec<bool>,
    in_result: Vec<bool>,
    next: Vec<Option<Arrow>>,
    used: Vec<bool>,
}

/// Connected arrows, and their easternmost position.
#[derive(Debug)]
struct Part {
    nodes: Vec<NodeKey>,
    arrows: Vec<Arrow>,
    /// An arrow at the easternmost position that has nothing to its right.
    outer: Arrow,
    east: Point,
}

/// Polygons that are being made of pieces.
#[derive(Debug)]
pub(super) struct Build {
    graph: Graph,
    segments: usize,
    /// What is left, the easternmost part last: what lies around a part is known when it is its
    /// turn.
    parts: Vec<Part>,
    done: Vec<Arrow>,
    polygons: Vec<Polygon>,
    /// Holes that belong to no polygon yet, the first one last once there are no parts left.
    holes: Vec<Vec<Point>>,
}

impl Build {
    pub(super) fn new(pieces: Vec<Piece>) -> Result<Self, BufferError> {
        let segments = pieces.iter().map(|(points, _)| points.len()).sum();
        let graph = Graph::new(pieces);
        let mut parts = graph.parts()?;
        parts.sort_by(|a, b| b.east.x.total_cmp(&a.east.x));
        parts.reverse();
        Ok(Self {
            graph,
            segments,
            parts,
            done: Vec::new(),
            polygons: Vec::new(),
            holes: Vec::new(),
        })
    }

    pub(super) fn segments(&self) -> usize {
        self.segments
    }

    /// Does about `count` comparisons: how many it were, unless all is done.
    pub(super) fn advance(&mut self, count: usize) -> Result<Option<usize>, BufferError> {
        let mut spent = 0;
        while spent < count {
            if let Some(part) = self.parts.pop() {
                spent += 1 + self.done.len() + part.arrows.len();
                self.add_part(part)?;
                if self.parts.is_empty() {
                    self.holes.reverse();
                }
            } else if let Some(hole) = self.holes.pop() {
                spent += 1 + self.polygons.iter().map(|p| p.rings[0].len()).sum::<usize>();
                place_hole(&mut self.polygons, hole)?;
            } else {
                return Ok(None);
            }
        }
        Ok(Some(spent))
    }

    /// The polygons, once all is done.
    pub(super) fn finish(&mut self) -> Vec<Polygon> {
        std::mem::take(&mut self.polygons)
    }

    fn add_part(&mut self, part: Part) -> Result<(), BufferError> {
        let graph = &mut self.graph;
        let outside = graph.depth_at(&self.done, part.east);
        graph.spread_depths(&part, outside)?;
        for &arrow in &part.arrows {
            let (left, right) = graph.depths[arrow];
            graph.in_result[arrow] = right >= 1 && left <= 0;
        }
        graph.link(&part)?;
        for ring in graph.rings(&part)? {
            if is_counterclockwise(&ring) {
                self.holes.push(ring);
            } else {
                self.polygons.push(Polygon { rings: vec![ring] });
            }
        }
        self.done.extend(part.arrows);
        Ok(())
    }
}

impl Graph {
    fn new(pieces: Vec<Piece>) -> Self {
        let mut edges: Vec<Edge> = Vec::new();
        let mut known: BTreeMap<Vec<NodeKey>, usize> = BTreeMap::new();
        for (points, (left, right)) in pieces {
            let delta = i32::from(left) - i32::from(right);
            let keys: Vec<NodeKey> = points.iter().map(|p| key(*p)).collect();
            let back: Vec<NodeKey> = keys.iter().rev().copied().collect();
            if let Some(index) = known.get(&keys) {
                edges[*index].delta += delta;
            } else if let Some(index) = known.get(&back) {
                edges[*index].delta -= delta;
            } else {
                known.insert(keys, edges.len());
                let fold = |f: fn(f64, f64) -> f64, pick: fn(&Point) -> f64| {
                    points.iter().map(pick).fold(pick(&points[0]), f)
                };
                let (south, north) = (fold(f64::min, |p| p.y), fold(f64::max, |p| p.y));
                let east = fold(f64::max, |p| p.x);
                edges.push(Edge { points, delta, south, north, east });
            }
        }
        let count = edges.len() * 2;
        let mut graph = Self {
            edges,
            stars: BTreeMap::new(),
            depths: vec![(0, 0); count],
            known: vec![false; count],
            in_result: vec![false; count],
            next: vec![None; count],
            used: vec![false; count],
        };
        let mut stars: BTreeMap<NodeKey, Vec<Arrow>> = BTreeMap::new();
        for arrow in 0..count {
            stars.entry(key(graph.start(arrow).0)).or_default().push(arrow);
        }
        for star in stars.values_mut() {
            star.sort_by(|a, b| graph.compare(*a, *b));
        }
        graph.stars = stars;
        graph
    }

    /// Where an arrow starts, and the next position on it.
    fn start(&self, arrow: Arrow) -> (Point, Point) {
        let points = &self.edges[arrow / 2].points;
        let last = points.len() - 1;
        if arrow.is_multiple_of(2) {
            (points[0], points[1])
        } else {
            (points[last], points[last - 1])
        }
    }

    fn node(&self, arrow: Arrow) -> NodeKey {
        key(self.start(arrow).0)
    }

    fn star(&self, node: &NodeKey) -> &[Arrow] {
        self.stars.get(node).map_or(&[], Vec::as_slice)
    }

    /// The quarter that an arrow points into: 0 to 3, counterclockwise from east to north.
    fn quadrant(&self, arrow: Arrow) -> u8 {
        let (from, to) = self.start(arrow);
        match (to.x >= from.x, to.y >= from.y) {
            (true, true) => 0,
            (false, true) => 1,
            (false, false) => 2,
            (true, false) => 3,
        }
    }

    /// Which of two arrows of a star comes first.
    fn compare(&self, a: Arrow, b: Arrow) -> Ordering {
        let ((_, a_to), (b_from, b_to)) = (self.start(a), self.start(b));
        self.quadrant(a).cmp(&self.quadrant(b)).then_with(|| orientation(b_from, b_to, a_to))
    }

    fn parts(&self) -> Result<Vec<Part>, BufferError> {
        let mut visited: BTreeMap<NodeKey, ()> = BTreeMap::new();
        let mut parts = Vec::new();
        for &first in self.stars.keys() {
            if visited.contains_key(&first) {
                continue;
            }
            let (mut nodes, mut arrows) = (Vec::new(), Vec::new());
            let mut rest = vec![first];
            while let Some(node) = rest.pop() {
                if visited.insert(node, ()).is_some() {
                    continue;
                }
                nodes.push(node);
                for &arrow in self.star(&node) {
                    arrows.push(arrow);
                    let there = self.node(reverse(arrow));
                    if !visited.contains_key(&there) {
                        rest.push(there);
                    }
                }
            }
            let (outer, east) = self.outer(&arrows)?;
            parts.push(Part { nodes, arrows, outer, east });
        }
        Ok(parts)
    }

    /// The arrow at the easternmost position of a part that has the outside on its right.
    fn outer(&self, arrows: &[Arrow]) -> Result<(Arrow, Point), BufferError> {
        let mut found: Option<(Arrow, usize, Point)> = None;
        for &arrow in arrows.iter().filter(|arrow| arrow.is_multiple_of(2)) {
            let points = &self.edges[arrow / 2].points;
            for (index, point) in points[..points.len() - 1].iter().enumerate() {
                if found.is_none_or(|(_, _, east)| point.x > east.x) {
                    found = Some((arrow, index, *point));
                }
            }
        }
        let (mut arrow, mut index, east) = found.ok_or(BufferError::Topology)?;
        if index == 0 {
            arrow = self.easternmost(&self.node(arrow)).ok_or(BufferError::Topology)?;
            if arrow % 2 == 1 {
                arrow = reverse(arrow);
                index = self.edges[arrow / 2].points.len() - 1;
            }
        } else {
            let points = &self.edges[arrow / 2].points;
            let (before, after) = (points[index - 1], points[index + 1]);
            let turn = orientation(east, after, before);
            let below = before.y < east.y && after.y < east.y && turn == Ordering::Greater;
            let above = before.y > east.y && after.y > east.y && turn == Ordering::Less;
            if below || above {
                index -= 1;
            }
        }
        let points = &self.edges[arrow / 2].points;
        let goes_up = |index: usize| {
            let (from, to) = (points.get(index)?, points.get(index + 1)?);
            (from.y != to.y).then_some(from.y < to.y)
        };
        let up = goes_up(index).or_else(|| index.checked_sub(1).and_then(goes_up));
        Ok((if up == Some(false) { reverse(arrow) } else { arrow }, east))
    }

    /// The arrow of a star that is next to the outside of the easternmost position.
    fn easternmost(&self, node: &NodeKey) -> Option<Arrow> {
        let star = self.star(node);
        let (first, last) = (*star.first()?, *star.last()?);
        let northern = |arrow| self.quadrant(arrow) < 2;
        let level = |arrow| {
            let (from, to) = self.start(arrow);
            from.y == to.y
        };
        Some(match (northern(first), northern(last)) {
            _ if star.len() == 1 => first,
            (true, true) => first,
            (false, false) => last,
            _ if !level(first) => first,
            _ => last,
        })
    }

    /// How much encloses a position, as far as the parts that are done say.
    fn depth_at(&self, done: &[Arrow], at: Point) -> i32 {
        // The segment nearest to the east decides.
        let mut nearest: Option<((Point, Point), i32)> = None;
        for &arrow in done.iter().filter(|arrow| arrow.is_multiple_of(2)) {
            let Edge { south, north, east, .. } = self.edges[arrow / 2];
            if at.y < south || at.y > north || at.x > east {
                continue;
            }
            let (left, right) = self.depths[arrow];
            for pair in self.edges[arrow / 2].points.windows(2) {
                let upwards = pair[0].y <= pair[1].y;
                let segment = if upwards { (pair[0], pair[1]) } else { (pair[1], pair[0]) };
                let (low, high) = segment;
                if low.x.max(high.x) < at.x || low.y == high.y || at.y < low.y || at.y > high.y {
                    continue;
                }
                if orientation(low, high, at) == Ordering::Less {
                    continue;
                }
                let nearer = nearest.is_none_or(|(other, _)| is_west_of(segment, other));
                if nearer {
                    nearest = Some((segment, if upwards { left } else { right }));
                }
            }
        }
        nearest.map_or(0, |(_, depth)| depth)
    }

    /// Sets the depths of an arrow and of its reverse from what encloses its right.
    fn set_depths(&mut self, arrow: Arrow, right: i32) {
        let delta = self.edges[arrow / 2].delta;
        let left = right + if arrow.is_multiple_of(2) { delta } else { -delta };
        self.depths[arrow] = (left, right);
        self.depths[reverse(arrow)] = (right, left);
    }

    /// Spreads depths from the outer arrow of a part around one star after the other.
    fn spread_depths(&mut self, part: &Part, outside: i32) -> Result<(), BufferError> {
        self.set_depths(part.outer, outside);
        self.known[part.outer] = true;
        self.known[reverse(part.outer)] = true;
        let mut rest = std::collections::VecDeque::from([self.node(part.outer)]);
        let mut visited: BTreeMap<NodeKey, ()> = BTreeMap::new();
        while let Some(node) = rest.pop_front() {
            if visited.insert(node, ()).is_some() {
                continue;
            }
            let star = self.star(&node).to_vec();
            let first = star.iter().position(|arrow| self.known[*arrow]);
            let first = first.ok_or(BufferError::Topology)?;
            let (mut depth, target) = self.depths[star[first]];
            for step in 1..star.len() {
                let arrow = star[(first + step) % star.len()];
                if self.known[arrow] && self.depths[arrow].1 != depth {
                    return Err(BufferError::Topology);
                }
                self.set_depths(arrow, depth);
                self.known[arrow] = true;
                self.known[reverse(arrow)] = true;
                depth = self.depths[arrow].0;
            }
            if depth != target {
                return Err(BufferError::Topology);
            }
            rest.extend(star.iter().map(|arrow| self.node(reverse(*arrow))));
        }
        Ok(())
    }

    /// Says at every position where a ring that comes in goes on.
    fn link(&mut self, part: &Part) -> Result<(), BufferError> {
        for node in &part.nodes {
            let star = self.star(node).to_vec();
            let result = &self.in_result;
            let first_out = star.iter().copied().find(|arrow| result[*arrow]);
            let mut incoming = None;
            let mut links = Vec::new();
            for &out in star.iter().filter(|a| result[**a] || result[reverse(**a)]) {
                match incoming {
                    None if result[reverse(out)] => incoming = Some(reverse(out)),
                    Some(from) if result[out] => {
                        links.push((from, out));
                        incoming = None;
                    }
                    _ => (),
                }
            }
            if let Some(from) = incoming {
                links.push((from, first_out.ok_or(BufferError::Topology)?));
            }
            for (from, to) in links {
                self.next[from] = Some(to);
            }
        }
        Ok(())
    }

    /// The rings that the arrows of the result make.
    fn rings(&mut self, part: &Part) -> Result<Vec<Vec<Point>>, BufferError> {
        let mut rings = Vec::new();
        for &first in &part.arrows {
            if !self.in_result[first] || self.used[first] {
                continue;
            }
            let mut ring: Vec<Point> = Vec::new();
            let mut arrow = first;
            loop {
                if std::mem::replace(&mut self.used[arrow], true) {
                    return Err(BufferError::Topology);
                }
                let points = &self.edges[arrow / 2].points;
                let skip = usize::from(!ring.is_empty());
                if arrow.is_multiple_of(2) {
                    ring.extend(points.iter().skip(skip));
                } else {
                    ring.extend(points.iter().rev().skip(skip));
                }
                arrow = self.next[arrow].ok_or(BufferError::Topology)?;
                if arrow == first {
                    break;
                }
            }
            rings.push(ring);
        }
        Ok(rings)
    }
}

/// Whether a segment lies west of another one, where both go from south to north past a position.
fn is_west_of(a: (Point, Point), b: (Point, Point)) -> bool {
    if a.0.x.min(a.1.x) >= b.0.x.max(b.1.x) {
        return false;
    }
    if a.0.x.max(a.1.x) <= b.0.x.min(b.1.x) {
        return true;
    }
    // Seen from the other one, both ends are to the left or on it; or seen from this, to the right.
    let beside = |s: (Point, Point), t: (Point, Point)| {
        let sides = [orientation(s.0, s.1, t.0), orientation(s.0, s.1, t.1)];
        match sides {
            [Ordering::Equal, side] | [side, Ordering::Equal] => Some(side),
            [a, b] if a == b => Some(a),
            _ => None,
        }
    };
    match beside(b, a) {
        Some(side) if side != Ordering::Equal => side == Ordering::Greater,
        _ => beside(a, b) == Some(Ordering::Less),
    }
}

/// The extent of a ring: from west to east, from south to north.
fn extent(ring: &[Point]) -> ((f64, f64), (f64, f64)) {
    let fold = |pick: fn(&Point) -> f64| {
        let start = (f64::INFINITY, f64::NEG_INFINITY);
        ring.iter().map(pick).fold(start, |(low, high), v| (low.min(v), high.max(v)))
    };
    (fold(|p| p.x), fold(|p| p.y))
}

/// Gives a hole to the smallest polygon around it.
fn place_hole(polygons: &mut [Polygon], hole: Vec<Point>) -> Result<(), BufferError> {
    let (across, up) = extent(&hole);
    let mut smallest: Option<(f64, usize)> = None;
    for (index, polygon) in polygons.iter().enumerate() {
        let shell = &polygon.rings[0];
        let ((west, east), (south, north)) = extent(shell);
        let fits = west <= across.0 && east >= across.1 && south <= up.0 && north >= up.1;
        let area = (east - west) * (north - south);
        if !fits || smallest.is_some_and(|(other, _)| other <= area) {
            continue;
        }
        // A position of the hole that the shell does not share.
        let own = hole.iter().find(|point| !shell.contains(point));
        let inside = Polygon { rings: vec![shell.clone()] };
        if own.is_some_and(|point| inside.contains(*point)) {
            smallest = Some((area, index));
        }
    }
    let (_, index) = smallest.ok_or(BufferError::Topology)?;
    polygons[index].rings.push(hole);
    Ok(())
}
