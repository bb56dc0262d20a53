//! The regions of the table, some of which are split in two.

use weft_gts::SeriesId;

/// Ticks of clients are so far apart.
const TICK_STEP: i64 = 60_000_000;

/// The most regions before any is split.
const REGIONS_MAX: u32 = 8;

/// Which datapoint lies where.
#[derive(Clone, Copy, Debug)]
pub(super) struct Regions {
    count: u32,
    /// Those that are split, as bits.
    split: u32,
}

impl Regions {
    /// So many regions, none of them split.
    pub(super) const fn new(count: u32) -> Self {
        Self { count, split: 0 }
    }

    /// All numbers of regions are below.
    pub(super) const fn end(self) -> u32 {
        2 * REGIONS_MAX
    }

    /// The region of a datapoint. A series lies in two or more: regions are split within series,
    /// too.
    pub(super) const fn of(self, series: SeriesId, tick: i64) -> u32 {
        let step = (tick / TICK_STEP) as u64;
        let place = (series.class_id as u64).wrapping_add(step & 1);
        let region = (place % self.count as u64) as u32;
        let upper = self.split & (1 << region) != 0 && step & 2 != 0;
        if upper { region + REGIONS_MAX } else { region }
    }

    /// Splits a region, or merges its halves. Both are closed meanwhile.
    pub(super) const fn toggle(&mut self, region: u32) -> [u32; 2] {
        self.split ^= 1 << region;
        [region, region + REGIONS_MAX]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn places(regions: Regions) -> BTreeSet<u32> {
        let series = SeriesId { class_id: 4, labels_id: 1 };
        let ticks = (0..8).map(|step| (1_600_000_000 + 60 * step) * 1_000_000);
        ticks.map(|tick| regions.of(series, tick)).collect()
    }

    #[test]
    fn a_series_lies_in_two_regions_and_in_three_when_one_is_split() {
        let mut regions = Regions::new(4);
        assert_eq!(places(regions), BTreeSet::from([0, 1]));
        assert_eq!(regions.toggle(1), [1, 1 + REGIONS_MAX]);
        assert_eq!(places(regions), BTreeSet::from([0, 1, 1 + REGIONS_MAX]));
        regions.toggle(1);
        assert_eq!(places(regions), BTreeSet::from([0, 1]), "merged again");
        assert!(places(regions).iter().all(|region| *region < regions.end()));
    }
}
