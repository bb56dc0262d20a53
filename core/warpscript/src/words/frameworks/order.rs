//! Sorting series, as the reference does it.

use std::sync::Arc;

use weft_gts::{Column, Columns};

use crate::heap::{Gts, Order};

/// Sorts a series by tick. Nothing happens to one that is sorted; one that is sorted the other way
/// is turned around.
pub(crate) fn sort(gts: &mut Gts, descending: bool) {
    let wanted = if descending { Order::Descending } else { Order::Ascending };
    if gts.order == wanted {
        return;
    }
    if gts.order == Order::Unknown {
        let order = sorted_indices(&gts.series.points.ticks, descending);
        permute(&mut gts.series.points, &order);
    } else {
        reverse(&mut gts.series.points);
    }
    gts.order = wanted;
}

/// The points of a series, oldest first.
pub(crate) fn ascending(gts: &mut Gts) -> Columns {
    sort(gts, false);
    gts.series.points.clone()
}

/// Indices in order of their ticks. Equal ticks come in the order in which the reference's
/// partitioning leaves them, which is not the order of arrival.
pub(crate) fn sorted_indices(ticks: &[i64], descending: bool) -> Vec<u32> {
    let mut order: Vec<u32> = (0..ticks.len() as u32).collect();
    let key = |index: u32| {
        let tick = ticks[index as usize];
        // Complement keeps the order of all integers, turned around.
        if descending { !tick } else { tick }
    };
    if distinct_when_sorted(ticks, &mut order, descending) {
        return order;
    }
    let mut order: Vec<u32> = (0..ticks.len() as u32).collect();
    let mut ranges = vec![(0, ticks.len())];
    while let Some((low, end)) = ranges.pop() {
        if end - low < 2 {
            continue;
        }
        let (mut i, mut j) = (low as isize, end as isize - 1);
        let pivot = key(order[low + (end - 1 - low) / 2]);
        while i <= j {
            while key(order[i as usize]) < pivot {
                i += 1;
            }
            while key(order[j as usize]) > pivot {
                j -= 1;
            }
            if i <= j {
                order.swap(i as usize, j as usize);
                i += 1;
                j -= 1;
            }
        }
        ranges.push((low, (j + 1).max(low as isize) as usize));
        ranges.push(((i as usize).min(end), end));
    }
    order
}

/// Sorts indices by tick; whether all ticks differ, so that the way of sorting does not show.
fn distinct_when_sorted(ticks: &[i64], order: &mut [u32], descending: bool) -> bool {
    if descending {
        order.sort_by_key(|i| std::cmp::Reverse(ticks[*i as usize]));
    } else {
        order.sort_by_key(|i| ticks[*i as usize]);
    }
    order.windows(2).all(|w| ticks[w[0] as usize] != ticks[w[1] as usize])
}

fn pick<T: Clone>(values: &mut Arc<Vec<T>>, order: &[u32]) {
    if !values.is_empty() {
        *values = Arc::new(order.iter().map(|i| values[*i as usize].clone()).collect());
    }
}

/// Puts points into a new order.
pub(crate) fn permute(points: &mut Columns, order: &[u32]) {
    pick(&mut points.ticks, order);
    pick(&mut points.locations, order);
    pick(&mut points.elevations, order);
    match &mut points.values {
        Column::Empty => (),
        Column::Long(v) => pick(v, order),
        Column::Double(v) => pick(v, order),
        Column::Boolean(v) => pick(v, order),
        Column::String(v) => pick(v, order),
        Column::Mixed(v) => pick(v, order),
    }
}

fn reverse(points: &mut Columns) {
    Arc::make_mut(&mut points.ticks).reverse();
    Arc::make_mut(&mut points.locations).reverse();
    Arc::make_mut(&mut points.elevations).reverse();
    match &mut points.values {
        Column::Empty => (),
        Column::Long(v) => Arc::make_mut(v).reverse(),
        Column::Double(v) => Arc::make_mut(v).reverse(),
        Column::Boolean(v) => Arc::make_mut(v).reverse(),
        Column::String(v) => Arc::make_mut(v).reverse(),
        Column::Mixed(v) => Arc::make_mut(v).reverse(),
    }
}

fn cut<T: Clone>(values: &Arc<Vec<T>>, first: usize, end: usize) -> Arc<Vec<T>> {
    if values.is_empty() { Arc::default() } else { Arc::new(values[first..end].to_vec()) }
}

/// The points from `first` to before `end`, as columns of their own.
pub(crate) fn slice(points: &Columns, first: usize, end: usize) -> Columns {
    if first == end {
        return Columns::default();
    }
    Columns {
        ticks: cut(&points.ticks, first, end),
        locations: cut(&points.locations, first, end),
        elevations: cut(&points.elevations, first, end),
        values: match &points.values {
            Column::Empty => Column::Empty,
            Column::Long(v) => Column::Long(cut(v, first, end)),
            Column::Double(v) => Column::Double(cut(v, first, end)),
            Column::Boolean(v) => Column::Boolean(cut(v, first, end)),
            Column::String(v) => Column::String(cut(v, first, end)),
            Column::Mixed(v) => Column::Mixed(cut(v, first, end)),
        },
    }
}

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

    #[test]
    fn sorting_orders_and_keeps_all() {
        let ticks: Vec<i64> = (0..500).map(|i| (i * 7919) % 97).collect();
        for descending in [false, true] {
            let order = sorted_indices(&ticks, descending);
            let sorted: Vec<i64> = order.iter().map(|i| ticks[*i as usize]).collect();
            assert!(sorted.windows(2).all(|w| if descending { w[0] >= w[1] } else { w[0] <= w[1] }));
            let mut all = order;
            all.sort_unstable();
            assert!(all.iter().enumerate().all(|(i, v)| i == *v as usize));
        }
    }
}
