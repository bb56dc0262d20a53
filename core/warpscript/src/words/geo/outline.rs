//! Shapes as polygons: connected parts, and the rings around them.

use std::collections::BTreeMap;

use weft_gts::geo::{GeoShape, cell, hhcode};

/// The connected parts of a set of cells, sorted: cells that have a side in common, also across
/// the poles, but not across the date line.
///
/// Parts come in the order in which a search from the first cell that belongs to none finds them;
/// one that meets parts found before takes them over.
pub(super) fn clusters(cells: &[i64]) -> Vec<Vec<i64>> {
    let mut owner: Vec<usize> = vec![usize::MAX; cells.len()];
    // Which part took a part over, by number.
    let mut taken: Vec<usize> = Vec::new();
    for first in 0..cells.len() {
        if owner[first] != usize::MAX {
            continue;
        }
        let current = taken.len();
        taken.push(current);
        owner[first] = current;
        let mut window = vec![first];
        while let Some(index) = window.pop() {
            for neighbor in neighbors(cells[index]) {
                let Ok(found) = cells.binary_search(&neighbor) else { continue };
                if owner[found] == usize::MAX {
                    owner[found] = current;
                    window.push(found);
                } else {
                    let part = root(&mut taken, owner[found]);
                    taken[part] = current;
                }
            }
        }
    }
    let mut parts: BTreeMap<usize, Vec<i64>> = BTreeMap::new();
    for (index, &cell) in cells.iter().enumerate() {
        parts.entry(root(&mut taken, owner[index])).or_default().push(cell);
    }
    parts.into_values().collect()
}

/// The part that has taken over a part in the end.
fn root(taken: &mut [usize], part: usize) -> usize {
    let mut root = part;
    while taken[root] != root {
        root = taken[root];
    }
    let mut part = part;
    while taken[part] != root {
        (part, taken[part]) = (taken[part], root);
    }
    root
}

/// The cells beside a cell, and those around them.
fn neighbors(of: i64) -> Vec<i64> {
    let resolution = cell::resolution(of);
    let code = cell::to_code(of);
    let mut cells = Vec::new();
    // The digits of the rows and columns of the map on the other side of its borders.
    let sides: [(i64, i64, &[u64]); 4] = [
        (1, 0, &[0x0, 0x1, 0x4, 0x5]),
        (0, 1, &[0xa, 0x8, 0x2, 0x0]),
        (-1, 0, &[0xa, 0xb, 0xe, 0xf]),
        (0, -1, &[0xf, 0xd, 0x7, 0x5]),
    ];
    for (north, east, beyond) in sides {
        let there = hhcode::neighbor(code, resolution, north, east);
        let digit = (there as u64) >> 60;
        if beyond.contains(&digit) && digit != (code as u64) >> 60 {
            continue;
        }
        cells.extend((1..=resolution / 2).filter_map(|half| cell::from_code(there, 2 * half)));
    }
    cells
}

/// A position in steps: latitude in the upper half, longitude in the lower one.
type Corner = u64;

/// Positions in the order in which Java's hash table walks them.
struct Table {
    /// Every position there ever was.
    order: Vec<Corner>,
    next: usize,
    ends: BTreeMap<Corner, Vec<Corner>>,
}

/// The hash of a Java long, spread as its hash tables do.
fn spread(value: u64) -> u32 {
    let hash = (value ^ (value >> 32)) as u32;
    hash ^ (hash >> 16)
}

/// Sorts keys, in order of insertion, into the order in which Java's hash table walks them.
fn table_order(keys: &mut [u64]) {
    let mut capacity = 16usize;
    while keys.len() > capacity / 4 * 3 {
        capacity *= 2;
    }
    keys.sort_by_key(|key| spread(*key) as usize & (capacity - 1));
}

/// The borders of cells that lie on lines of one direction: by the place of the line, from where
/// to where. Borders that two cells have in common are none.
fn borders(cells: &[i64], along_latitudes: bool) -> Vec<(u64, Vec<(u64, u64)>)> {
    let mut lines: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    let mut inserted = Vec::new();
    let end = |start: u64, size: u64| (start + size).min(u64::from(u32::MAX));
    for &cell in cells {
        let (latitude, longitude) = hhcode::to_steps(cell::to_code(cell));
        let (mut y, mut x) = (latitude as u64, longitude as u64);
        if along_latitudes {
            std::mem::swap(&mut y, &mut x);
        }
        let size = 1u64 << (32 - cell::resolution(cell));
        for line in [x, end(x, size)] {
            let ends = lines.entry(line).or_insert_with(|| {
                inserted.push(line);
                Vec::new()
            });
            ends.extend([y, end(y, size)]);
        }
    }
    let mut ordered = inserted;
    table_order(&mut ordered);
    let mut kept = Vec::new();
    for line in ordered {
        let Some(mut ends) = lines.remove(&line) else { continue };
        ends.sort_unstable();
        // Where as many borders start as end, the border goes on or was none.
        let mut single: Vec<u64> = Vec::new();
        for end in ends {
            if single.last() == Some(&end) {
                single.pop();
            } else {
                single.push(end);
            }
        }
        let mut segments: Vec<(u64, u64)> = single.chunks_exact(2).map(|p| (p[0], p[1])).collect();
        if segments.is_empty() {
            continue;
        }
        let mut keys: Vec<u64> = segments.iter().map(|(from, to)| from << 32 | to).collect();
        table_order(&mut keys);
        segments = keys.into_iter().map(|key| (key >> 32, key & 0xffff_ffff)).collect();
        kept.push((line, segments));
    }
    let mut keys: Vec<u64> = kept.iter().map(|(line, _)| *line).collect();
    table_order(&mut keys);
    let place: BTreeMap<u64, usize> = keys.iter().enumerate().map(|(i, key)| (*key, i)).collect();
    kept.sort_by_key(|(line, _)| place.get(line).copied());
    kept
}

impl Table {
    fn new(cells: &[i64]) -> Self {
        let mut ends: BTreeMap<Corner, Vec<Corner>> = BTreeMap::new();
        let mut inserted: Vec<Corner> = Vec::new();
        let mut link = |from: Corner, to: Corner| {
            for (from, to) in [(from, to), (to, from)] {
                let ends = ends.entry(from).or_insert_with(|| {
                    inserted.push(from);
                    Vec::new()
                });
                ends.push(to);
            }
        };
        for (x, segments) in borders(cells, false) {
            segments.iter().for_each(|(from, to)| link(from << 32 | x, to << 32 | x));
        }
        for (y, segments) in borders(cells, true) {
            segments.iter().for_each(|(from, to)| link(y << 32 | from, y << 32 | to));
        }
        table_order(&mut inserted);
        Self { order: inserted, next: 0, ends }
    }

    /// The first corner that borders are left at.
    fn first(&mut self) -> Option<Corner> {
        while let Some(corner) = self.order.get(self.next) {
            if self.ends.contains_key(corner) {
                return Some(*corner);
            }
            self.next += 1;
        }
        None
    }

    /// Takes a border away from a corner: its other end.
    fn take(&mut self, from: Corner) -> Option<Corner> {
        let to = self.ends.get_mut(&from)?.pop()?;
        if let Some(back) = self.ends.get_mut(&to)
            && let Some(index) = back.iter().position(|end| *end == from)
        {
            back.remove(index);
        }
        for corner in [to, from] {
            if self.ends.get(&corner).is_some_and(Vec::is_empty) {
                self.ends.remove(&corner);
            }
        }
        Some(to)
    }
}

/// Latitude and longitude, as exact as a float is.
type Position = (f32, f32);

/// The rings around cells, in no order.
fn rings(cells: &[i64]) -> Vec<Vec<Position>> {
    let mut table = Table::new(cells);
    let position = |corner: Corner| {
        let latitude = hhcode::latitude_degrees((corner >> 32) as i64);
        let longitude = hhcode::longitude_degrees((corner & 0xffff_ffff) as i64);
        (latitude as f32, longitude as f32)
    };
    let mut rings = Vec::new();
    while let Some(origin) = table.first() {
        let mut ring = vec![position(origin)];
        let mut last = origin;
        while let Some(next) = table.take(last) {
            ring.push(position(next));
            if next == origin {
                break;
            }
            last = next;
        }
        rings.push(ring);
    }
    rings
}

/// Whether a ring has the outside on its left.
fn is_clockwise(ring: &[Position]) -> bool {
    let sum: f64 = ring
        .windows(2)
        .map(|pair| (pair[1].1 - pair[0].1) * (pair[1].0 + pair[0].0))
        .filter(|area| area.is_finite())
        .map(f64::from)
        .sum();
    sum >= 0.0
}

/// A shape as polygons, each with its outline and then its holes.
pub(super) fn polygons(shape: &GeoShape) -> Vec<Vec<Vec<Position>>> {
    let cells = shape.optimized();
    let polygon = |cells: Vec<i64>| {
        let mut rings = rings(&cells);
        for (index, ring) in rings.iter_mut().enumerate() {
            // The outline one way round, holes the other.
            if is_clockwise(ring) == (index == 0) {
                ring.reverse();
            }
        }
        rings
    };
    clusters(cells.cells()).into_iter().map(polygon).collect()
}
