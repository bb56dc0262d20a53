//! Searching sorted ticks from where the last search ended.

/// The first index whose tick is not below `tick`, looked for from `hint` on.
pub(crate) fn lower_bound(ticks: &[i64], hint: usize, tick: i64) -> usize {
    seek(ticks, hint, |t| t < tick)
}

/// The first index whose tick is above `tick`, looked for from `hint` on.
pub(crate) fn upper_bound(ticks: &[i64], hint: usize, tick: i64) -> usize {
    seek(ticks, hint, |t| t <= tick)
}

/// The first index for which `before` is false: steps that double away from `hint`, then halves.
#[inline]
fn seek(ticks: &[i64], hint: usize, before: impl Fn(i64) -> bool) -> usize {
    let hint = hint.min(ticks.len());
    let mut step = 1;
    if hint < ticks.len() && before(ticks[hint]) {
        let mut low = hint + 1;
        let mut high = low;
        while high < ticks.len() && before(ticks[high]) {
            low = high + 1;
            high = (high + step).min(ticks.len());
            step *= 2;
        }
        return low + ticks[low..high].partition_point(|t| before(*t));
    }
    let mut high = hint;
    let mut low = high;
    while low > 0 && !before(ticks[low - 1]) {
        high = low - 1;
        low = low.saturating_sub(step);
        step *= 2;
    }
    low + ticks[low..high].partition_point(|t| before(*t))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeking_is_what_partition_point_finds() {
        let ticks = [1, 3, 3, 3, 7, 9, 12, 12, 40];
        for hint in 0..=ticks.len() {
            for tick in -1..45 {
                assert_eq!(lower_bound(&ticks, hint, tick), ticks.partition_point(|t| *t < tick));
                assert_eq!(upper_bound(&ticks, hint, tick), ticks.partition_point(|t| *t <= tick));
            }
        }
        assert_eq!(lower_bound(&[], 3, 1), 0);
    }
}
