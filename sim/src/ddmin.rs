//! Delta debugging: the least of a list that still does it.

/// Leaves out as many items as it can: nearly all, halves, then smaller pieces, then one by one,
/// until no single one can be left out. `works` says whether a list still does it, and, if so, what
/// of the list there is left to look at: all of it, or what it found to matter.
pub fn ddmin<T: Clone>(items: Vec<T>, mut works: impl FnMut(&[T]) -> Option<Vec<T>>) -> Vec<T> {
    let mut items = items;
    if items.is_empty() {
        return items;
    }
    // What does it without any of them needs no more; below, none of them alone is known not to.
    if let Some(left) = works(&[]) {
        return left;
    }
    let mut piece = items.len().div_ceil(2);
    loop {
        let is_smaller = pass(&mut items, piece, &mut works);
        match piece {
            _ if items.len() <= 1 => return items,
            1 if !is_smaller => return items,
            1 => {}
            // What went may have been much: pieces are never larger than half of the rest.
            _ => piece = (piece / 2).min(items.len().div_ceil(2)).max(1),
        }
    }
}

/// Tries to leave out each piece; whether any could be.
fn pass<T: Clone>(
    items: &mut Vec<T>,
    piece: usize,
    works: &mut impl FnMut(&[T]) -> Option<Vec<T>>,
) -> bool {
    let (mut start, mut is_smaller) = (0, false);
    while start < items.len() && items.len() > 1 {
        let end = items.len().min(start + piece);
        let rest = [&items[..start], &items[end..]].concat();
        match works(&rest) {
            Some(left) => {
                is_smaller = true;
                *items = left;
            }
            None => start = end,
        }
    }
    is_smaller
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    fn run(count: u32, does_it: impl Fn(&[u32]) -> bool) -> (Vec<u32>, usize) {
        let mut runs = 0;
        let left = ddmin((0..count).collect(), |items| {
            runs += 1;
            does_it(items).then(|| items.to_vec())
        });
        (left, runs)
    }

    #[test]
    fn what_matters_is_left() {
        for wanted in [vec![], vec![0], vec![99], vec![3, 17], vec![0, 50, 99], (20..40).collect()]
        {
            let (left, runs) = run(100, |items| wanted.iter().all(|item| items.contains(item)));
            assert_eq!(left, wanted);
            assert!(runs < 40 * (wanted.len() + 1), "{runs} runs for {wanted:?}");
        }
        assert_eq!(run(0, |_| true), (vec![], 0));
    }

    #[test]
    fn what_needs_everything_stays_whole() {
        assert_eq!(run(16, |items| items.len() == 16).0.len(), 16);
    }

    #[test]
    fn nothing_more_can_be_left_out() {
        // Not monotone: what works with some need not work with more.
        let mut random = Random::new(7);
        for _ in 0..200 {
            let salt = random.next();
            let does_it = |items: &[u32]| {
                let sum: u64 = items.iter().map(|item| u64::from(*item)).sum();
                items.len() == 60
                    || items.contains(&7) && !(sum ^ salt).is_multiple_of(3) && sum > 40
            };
            let (left, _) = run(60, does_it);
            assert!(does_it(&left));
            for index in 0..left.len() {
                let mut fewer = left.clone();
                fewer.remove(index);
                assert!(!does_it(&fewer), "{left:?} without {index}");
            }
        }
    }

    #[test]
    fn what_did_not_matter_goes_with_the_rest() {
        let mut runs = 0;
        let left = ddmin((0..1_000_u32).collect(), |items| {
            runs += 1;
            items.contains(&500).then(|| vec![500])
        });
        assert_eq!((left, runs), (vec![500], 2), "nothing, then without a half");
    }
}
