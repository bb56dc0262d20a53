//! Shapes: areas as sets of geo cells.
//!
//! A shape keeps the cells it was made of. Its algebra works on intervals of HHCodes, because a
//! cell holds all codes with its prefix and nothing else; what comes out has the fewest cells that
//! hold the same codes, down to resolution 30.

use super::cell::{self, CELL_RESOLUTION_MAX};
use super::hhcode::{self, BoundingBox};

/// An area: geo cells in the order of signed numbers, each once.
///
/// A cell may lie inside another one when the shape was made of such cells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GeoShape {
    cells: Vec<i64>,
}

/// HHCodes from the first to the second, which belongs to them.
type Interval = (u64, u64);

impl GeoShape {
    /// A shape of these cells. Numbers that are no cells ([`cell::resolution`] 0) are left out.
    pub fn from_cells(mut cells: Vec<i64>) -> Self {
        cells.retain(|&cell| cell::resolution(cell) != 0);
        cells.sort_unstable();
        cells.dedup();
        Self { cells }
    }

    /// The cells, in the order of signed numbers.
    pub fn cells(&self) -> &[i64] {
        &self.cells
    }

    /// The cells, eight bytes each, big endian.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.cells.iter().flat_map(|cell| cell.to_be_bytes()).collect()
    }

    /// Whether there is nothing in the shape.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// Whether the HHCode `code` is in the shape.
    pub fn contains(&self, code: i64) -> bool {
        cell::all_from_code(code).iter().any(|cell| self.cells.binary_search(cell).is_ok())
    }

    /// What is in either shape.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let mut both = self.intervals();
        both.extend(other.intervals());
        Self::from_intervals(merge(both))
    }

    /// What is in both shapes.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        Self::from_intervals(common(&self.intervals(), &other.intervals()))
    }

    /// Whether anything is in both shapes.
    pub fn intersects(&self, other: &Self) -> bool {
        !common(&self.intervals(), &other.intervals()).is_empty()
    }

    /// What is in this shape and not in `other`.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        Self::from_intervals(common(&self.intervals(), &gaps(&other.intervals())))
    }

    /// The same area with the fewest cells.
    #[must_use]
    pub fn optimized(&self) -> Self {
        Self::from_intervals(self.intervals())
    }

    /// The area with cells finer than `resolution` (even, 2 to 30) replaced by the ones of that
    /// resolution around them.
    #[must_use]
    pub fn limit_resolution(&self, resolution: u32) -> Self {
        let coarse = self.cells.iter().map(|&fine| {
            if cell::resolution(fine) <= resolution {
                fine
            } else {
                cell::from_code(cell::to_code(fine), resolution).unwrap_or(fine)
            }
        });
        Self::from_cells(coarse.collect()).optimized()
    }

    /// The rectangle around the shape; `None` for nothing.
    pub fn bounding_box(&self) -> Option<BoundingBox> {
        let boxes = self
            .cells
            .iter()
            .map(|&cell| hhcode::bounding_box(cell::to_code(cell), cell::resolution(cell)));
        boxes.reduce(|a, b| BoundingBox {
            south: a.south.min(b.south),
            west: a.west.min(b.west),
            north: a.north.max(b.north),
            east: a.east.max(b.east),
        })
    }

    /// The codes of the shape: disjoint intervals with gaps between them, in order.
    fn intervals(&self) -> Vec<Interval> {
        merge(self.cells.iter().map(|&cell| {
            let first = cell::to_code(cell) as u64;
            (first, first | (u64::MAX >> (2 * cell::resolution(cell))))
        }))
    }

    fn from_intervals(intervals: Vec<Interval>) -> Self {
        let mut cells = Vec::new();
        for interval in intervals {
            push_cells(&mut cells, interval);
        }
        cells.sort_unstable();
        Self { cells }
    }
}

/// Joins intervals that overlap or touch.
fn merge(intervals: impl IntoIterator<Item = Interval>) -> Vec<Interval> {
    let mut sorted: Vec<Interval> = intervals.into_iter().collect();
    sorted.sort_unstable();
    let mut merged: Vec<Interval> = Vec::new();
    for (first, last) in sorted {
        match merged.last_mut() {
            Some(previous) if first <= previous.1.saturating_add(1) => {
                previous.1 = previous.1.max(last);
            }
            _ => merged.push((first, last)),
        }
    }
    merged
}

/// What is in intervals of both lists.
fn common(a: &[Interval], b: &[Interval]) -> Vec<Interval> {
    let (mut a, mut b) = (a.iter().peekable(), b.iter().peekable());
    let mut common = Vec::new();
    while let (Some(&&(first_a, last_a)), Some(&&(first_b, last_b))) = (a.peek(), b.peek()) {
        let (first, last) = (first_a.max(first_b), last_a.min(last_b));
        if first <= last {
            common.push((first, last));
        }
        if last_a < last_b {
            a.next();
        } else {
            b.next();
        }
    }
    common
}

/// What is in no interval.
fn gaps(intervals: &[Interval]) -> Vec<Interval> {
    let mut gaps = Vec::new();
    let mut next = Some(0);
    for &(first, last) in intervals {
        if let Some(next) = next
            && next < first
        {
            gaps.push((next, first - 1));
        }
        next = last.checked_add(1);
    }
    gaps.extend(next.map(|next| (next, u64::MAX)));
    gaps
}

/// Appends the largest cells that an interval consists of.
fn push_cells(cells: &mut Vec<i64>, (mut first, last): Interval) {
    loop {
        // The coarsest cell that starts here and does not end too late.
        let resolution = (2..=CELL_RESOLUTION_MAX).step_by(2).find(|&resolution| {
            let inside = u64::MAX >> (2 * resolution);
            first & inside == 0 && first | inside <= last
        });
        // Intervals come from cells, so the finest resolution fits at least.
        let Some(resolution) = resolution else { return };
        cells.push(cell::make(first as i64, resolution));
        match (first | (u64::MAX >> (2 * resolution))).checked_add(1) {
            Some(next) if next <= last => first = next,
            _ => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// Shapes that overlap: of cells within few coarse ones.
    fn shapes() -> impl Strategy<Value = GeoShape> {
        let cell = (any::<u64>(), 1u32..=4).prop_map(|(bits, half)| {
            let code = (bits & 0x3333_0000_0000_0000) as i64;
            cell::from_code(code, 2 * half).unwrap_or_default()
        });
        vec(cell, 0..30).prop_map(GeoShape::from_cells)
    }

    fn codes() -> impl Strategy<Value = i64> {
        any::<u64>().prop_map(|bits| (bits & 0x3333_ffff_ffff_ffff) as i64)
    }

    #[test]
    fn sixteen_cells_are_one() {
        let parts = (0..16).map(|digit| cell::make(digit << 56, 4)).collect();
        let shape = GeoShape::from_cells(parts);
        assert_eq!(shape.cells().len(), 16);
        assert_eq!(shape.optimized().cells(), [cell::make(0, 2)]);
        assert!(shape.difference(&shape.optimized()).is_empty());
        assert_eq!(GeoShape::from_cells(vec![0, 5]), GeoShape::default());
    }

    #[test]
    fn the_whole_earth() {
        let earth = GeoShape::from_cells((0..16).map(|d: i64| cell::make(d << 60, 2)).collect());
        assert!(earth.contains(0) && earth.contains(-1));
        assert!(earth.difference(&earth).is_empty());
        let part = GeoShape::from_cells(vec![cell::make(0x1234 << 48, 8)]);
        let rest = earth.difference(&part);
        assert_eq!(rest.union(&part), earth);
        let bounds = earth.bounding_box().expect("not empty");
        assert_eq!((bounds.south, bounds.west), (-90.0, -180.0));
        assert_eq!(GeoShape::default().bounding_box(), None);
    }

    proptest! {
        #[test]
        fn algebra_is_that_of_sets(a in shapes(), b in shapes(), codes in vec(codes(), 50)) {
            let (union, both, only) = (a.union(&b), a.intersection(&b), a.difference(&b));
            for code in codes {
                let (in_a, in_b) = (a.contains(code), b.contains(code));
                prop_assert_eq!(union.contains(code), in_a || in_b);
                prop_assert_eq!(both.contains(code), in_a && in_b);
                prop_assert_eq!(only.contains(code), in_a && !in_b);
                prop_assert_eq!(a.optimized().contains(code), in_a);
                prop_assert!(!in_a || a.limit_resolution(4).contains(code));
            }
            prop_assert_eq!(a.intersects(&b), !both.is_empty());
            prop_assert_eq!(both.union(&only), a.optimized());
            prop_assert!(a.limit_resolution(4).cells().iter().all(|&c| cell::resolution(c) <= 4));
        }
    }
}
