//! Geo cells: HHCode prefixes that carry their resolution, as members of shapes and index keys.
//!
//! The top four bits are half of the resolution (1 to 15, so 2 to 30), the other sixty the prefix,
//! filled up with zeros.

use super::hhcode::prefix_mask;

/// The finest resolution of a cell: the resolution takes the bits of the last one.
pub const CELL_RESOLUTION_MAX: u32 = 30;

/// The bits of the prefix.
const PREFIX: i64 = 0x0fff_ffff_ffff_ffff;

/// The cell of `resolution` that holds the HHCode `code`; `None` for resolutions that are odd or
/// not within 2 to 30.
pub const fn from_code(code: i64, resolution: u32) -> Option<i64> {
    if resolution < 2 || resolution > CELL_RESOLUTION_MAX || !resolution.is_multiple_of(2) {
        return None;
    }
    Some(make(code & prefix_mask(resolution), resolution))
}

/// The fifteen cells that hold the HHCode `code`, coarsest first.
pub fn all_from_code(code: i64) -> [i64; 15] {
    std::array::from_fn(|index| {
        let resolution = 2 * (index as u32 + 1);
        make(code & prefix_mask(resolution), resolution)
    })
}

/// The resolution of a cell: 2 to 30, 0 for what is no cell.
pub const fn resolution(cell: i64) -> u32 {
    2 * (cell as u64 >> 60) as u32
}

/// The first HHCode in a cell.
pub const fn to_code(cell: i64) -> i64 {
    cell << 4
}

/// The cell around `cell`, of the next coarser resolution; `None` for the coarsest.
pub const fn parent(cell: i64) -> Option<i64> {
    match resolution(cell) {
        0 | 2 => None,
        resolution => from_code(to_code(cell), resolution - 2),
    }
}

/// The cell of a prefix that has zeros behind.
pub(super) const fn make(prefix: i64, resolution: u32) -> i64 {
    ((resolution as i64) << 59) | ((prefix >> 4) & PREFIX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn cells_show_resolution_and_prefix() {
        let code = 0x0123_4567_89ab_cdef;
        assert_eq!(from_code(code, 10), Some(0x5012_3400_0000_0000));
        assert_eq!(from_code(code, 30), Some(0xf012_3456_789a_bcde_u64 as i64));
        assert_eq!([0, 1, 9, 32].map(|resolution| from_code(code, resolution)), [None; 4]);
        assert_eq!(parent(0x1700_0000_0000_0000), None);
        assert_eq!(parent(0), None);
    }

    proptest! {
        #[test]
        fn parents_hold_what_their_children_hold(code in any::<i64>()) {
            let cells = all_from_code(code);
            for (index, &cell) in cells.iter().enumerate() {
                prop_assert_eq!(resolution(cell), 2 * (index as u32 + 1));
                prop_assert_eq!(from_code(code, resolution(cell)), Some(cell));
                prop_assert_eq!(parent(cell), index.checked_sub(1).map(|index| cells[index]));
                prop_assert_eq!(to_code(cell), code & prefix_mask(resolution(cell)));
            }
        }
    }
}
