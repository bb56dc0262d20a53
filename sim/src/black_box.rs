//! What clients alone can tell of a platform that they do not see into: whether what they read
//! fits what they asked for before, acknowledged, refused or left without an answer.
//!
//! Requests overlap, so each is an interval: one comes after another for sure only where it began
//! when the other had been answered. What was not answered may be done at any time, or never; parts of
//! it alone, too. Each datapoint, and each series' being there, is judged by itself.
//!
//! | sentence | does not hold when |
//! |---|---|
//! | `acknowledged` | what was acknowledged, or newer, is not there and no delete can have taken it |
//! | `deletes` | what an acknowledged delete took is there |
//! | `phantoms` | what is there was never asked for, or is there twice |
//! | `findable` | a series of something acknowledged is not found and no delete can have taken it |

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::invariants::Violation;

/// A series of one set; the sets are apart from each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Series {
    /// The one that all requests write to.
    Main,
    /// One that a single request makes.
    Own(i64),
}

/// Something that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Store values at ticks.
    Update(Vec<(Series, i64, i64)>),
    /// Delete a range of the main series.
    Delete {
        /// The oldest tick.
        start: i64,
        /// The newest tick.
        end: i64,
    },
    /// Delete all other series, with everything in them.
    Forget,
    /// The same on a cluster. Only those count that the answer names: the directory that was asked
    /// may not know the others yet. Their datapoints are gone; an ingress that cannot know whether
    /// it wrote before or after the delete may have made the series known again, empty.
    ForgetThese(BTreeSet<Series>),
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was done, and known to be at that moment.
    Acknowledged(u64),
    /// It was not done.
    Refused,
    /// It may be done by now, or in part, or later, or never.
    Unknown,
}

/// A request and what came of it. Moments are of one clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// When it was sent.
    pub begun: u64,
    /// How it ended.
    pub outcome: Outcome,
    /// What was asked for.
    pub request: Request,
}

impl Operation {
    /// Whether this was over before `other` began.
    const fn is_before(&self, other: &Self) -> bool {
        matches!(self.outcome, Outcome::Acknowledged(ended) if ended < other.begun)
    }

    const fn is_acknowledged(&self) -> bool {
        matches!(self.outcome, Outcome::Acknowledged(_))
    }

    fn takes(&self, series: Series, tick: i64) -> bool {
        match self.request {
            Request::Update(_) => false,
            Request::Delete { start, end } => {
                series == Series::Main && (start..=end).contains(&tick)
            }
            Request::Forget => series != Series::Main,
            Request::ForgetThese(ref named) => named.contains(&series),
        }
    }
}

/// All requests of one set of series.
#[derive(Clone, Debug, Default)]
pub struct History {
    operations: Vec<Operation>,
}

impl History {
    /// A request is sent; its number.
    pub fn begin(&mut self, begun: u64, request: Request) -> usize {
        self.operations.push(Operation { begun, outcome: Outcome::Unknown, request });
        self.operations.len() - 1
    }

    /// A request has ended.
    pub fn end(&mut self, number: usize, outcome: Outcome) {
        self.operations[number].outcome = outcome;
    }

    /// A delete of all other series was answered, and these were named.
    pub fn named(&mut self, number: usize, series: BTreeSet<Series>) {
        self.operations[number].request = Request::ForgetThese(series);
    }

    /// What was known when something was asked for at `moment`: what was answered later may be
    /// done by then or not.
    #[must_use]
    pub fn as_of(&self, moment: u64) -> Self {
        let mut known = self.clone();
        for operation in &mut known.operations {
            if matches!(operation.outcome, Outcome::Acknowledged(ended) if ended >= moment) {
                operation.outcome = Outcome::Unknown;
            }
        }
        known
    }

    /// How many were acknowledged, refused, and left without an answer.
    pub fn counts(&self) -> [usize; 3] {
        let count = |which: fn(&Outcome) -> bool| {
            self.operations.iter().filter(|operation| which(&operation.outcome)).count()
        };
        [
            count(|outcome| matches!(outcome, Outcome::Acknowledged(_))),
            count(|outcome| *outcome == Outcome::Refused),
            count(|outcome| *outcome == Outcome::Unknown),
        ]
    }

    /// Those that may have done something.
    fn done(&self) -> impl Iterator<Item = &Operation> {
        self.operations.iter().filter(|operation| operation.outcome != Outcome::Refused)
    }

    /// Checks everything that is stored, read with nothing else going on but what is unknown.
    ///
    /// # Errors
    /// The first sentence that does not hold.
    pub fn check_points(&self, read: &[(Series, i64, i64)]) -> Result<(), Violation> {
        let mut seen = BTreeMap::new();
        for (series, tick, value) in read {
            if seen.insert((*series, *tick), *value).is_some() {
                return violation("phantoms", format!("{series:?} at {tick} is there twice"));
            }
        }
        let mut writes: BTreeMap<(Series, i64), Vec<(&Operation, i64)>> = BTreeMap::new();
        for operation in self.done() {
            let Request::Update(points) = &operation.request else { continue };
            for (series, tick, value) in points {
                writes.entry((*series, *tick)).or_default().push((operation, *value));
            }
        }
        if let Some(((series, tick), value)) = seen.iter().find(|(at, _)| !writes.contains_key(at))
        {
            let what = format!("{series:?} at {tick} is {value}, and was never written");
            return violation("phantoms", what);
        }
        let deletes: Vec<&Operation> =
            self.done().filter(|op| !matches!(op.request, Request::Update(_))).collect();
        for ((series, tick), writes) in &writes {
            let takers = deletes.iter().copied().filter(|delete| delete.takes(*series, *tick));
            let takers: Vec<&Operation> = takers.collect();
            let seen = seen.get(&(*series, *tick));
            check_one(
                &format_args!("{series:?} at {tick}"),
                "acknowledged",
                writes,
                &takers,
                seen,
            )?;
        }
        Ok(())
    }

    /// Checks which series are found.
    ///
    /// # Errors
    /// The first sentence that does not hold.
    pub fn check_found(&self, found: &[Series]) -> Result<(), Violation> {
        let mut seen = BTreeSet::new();
        if let Some(twice) = found.iter().find(|series| !seen.insert(**series)) {
            return violation("phantoms", format!("{twice:?} is found twice"));
        }
        let mut writes: BTreeMap<Series, Vec<(&Operation, i64)>> = BTreeMap::new();
        for operation in self.done() {
            let Request::Update(points) = &operation.request else { continue };
            let series: BTreeSet<Series> = points.iter().map(|(series, ..)| *series).collect();
            for series in series {
                writes.entry(series).or_default().push((operation, 0));
            }
        }
        if let Some(series) = seen.iter().find(|series| !writes.contains_key(series)) {
            return violation("phantoms", format!("{series:?} is found, and was never written"));
        }
        for (series, writes) in &writes {
            let takers = self.done().filter(|operation| match operation.request {
                Request::Forget | Request::ForgetThese(_) => operation.takes(*series, 0),
                _ => false,
            });
            let takers: Vec<&Operation> = takers.collect();
            let is_there = seen.contains(series).then_some(&0);
            let is_doubtful = |taker: &&Operation| matches!(taker.request, Request::ForgetThese(_));
            if is_there.is_some() && takers.iter().any(is_doubtful) {
                continue;
            }
            check_one(&format_args!("{series:?}"), "findable", writes, &takers, is_there)?;
        }
        Ok(())
    }
}

/// Judges one thing: what was written to it, what may have taken it away, and what is there. It is
/// `lost` that does not hold where something is missing.
fn check_one(
    name: &dyn fmt::Display,
    lost: &'static str,
    writes: &[(&Operation, i64)],
    takers: &[&Operation],
    seen: Option<&i64>,
) -> Result<(), Violation> {
    let Some(seen) = seen else {
        let is_missing = |write: &Operation| {
            write.is_acknowledged() && takers.iter().all(|taker| taker.is_before(write))
        };
        return match writes.iter().find(|(write, _)| is_missing(write)) {
            Some((_, value)) => violation(lost, format!("{name}: {value} was stored and is gone")),
            None => Ok(()),
        };
    };
    let takes_from = |write: &Operation| {
        takers.iter().any(|taker| taker.is_acknowledged() && write.is_before(taker))
    };
    let newer_than = |write: &Operation| {
        let of_others = writes.iter().filter(|(_, value)| value != seen);
        let mut newer =
            of_others.filter(|(other, _)| other.is_acknowledged() && write.is_before(other));
        newer.next().map(|(_, value)| *value)
    };
    let mut reason = ("phantoms", format!("{name} is {seen}, which nobody wrote"));
    for (write, _) in writes.iter().filter(|(_, value)| value == seen) {
        if takes_from(write) {
            reason = ("deletes", format!("{name} is {seen}, which was deleted"));
        } else if let Some(newer) = newer_than(write) {
            reason = ("acknowledged", format!("{name} is {seen}, and {newer} was stored after it"));
        } else {
            return Ok(());
        }
    }
    violation(reason.0, reason.1)
}

fn violation(invariant: &'static str, what: String) -> Result<(), Violation> {
    Err(Violation { invariant, what })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK: i64 = 5;

    fn update(value: i64) -> Request {
        Request::Update(vec![(Series::Main, TICK, value), (Series::Own(value), 1, value)])
    }

    const DELETE: Request = Request::Delete { start: 0, end: 9 };

    /// Requests, one after the other, each beginning where the last one ended or was given up.
    fn history(requests: &[(Request, bool)]) -> History {
        let mut history = History::default();
        for (number, (request, is_acknowledged)) in (0..).zip(requests) {
            let begun = number * 10;
            let index = history.begin(begun, request.clone());
            if *is_acknowledged {
                history.end(index, Outcome::Acknowledged(begun + 5));
            }
        }
        history
    }

    fn broken(result: Result<(), Violation>) -> Option<&'static str> {
        result.err().map(|violation| violation.invariant)
    }

    /// What does not hold when the main datapoint is that.
    fn at_main(history: &History, value: Option<i64>) -> Option<&'static str> {
        let mut read: Vec<_> = value.map(|value| (Series::Main, TICK, value)).into_iter().collect();
        // The other series are as they must be.
        for operation in &history.operations {
            if let Request::Update(points) = &operation.request {
                read.extend(points.iter().filter(|(series, ..)| *series != Series::Main));
            }
        }
        broken(history.check_points(&read))
    }

    #[test]
    fn losses_and_older_values_are_seen() {
        let two = history(&[(update(1), true), (update(2), true)]);
        assert_eq!(at_main(&two, Some(2)), None);
        assert_eq!(at_main(&two, Some(1)), Some("acknowledged"));
        assert_eq!(at_main(&two, None), Some("acknowledged"));
        assert_eq!(at_main(&two, Some(3)), Some("phantoms"));
        let unsure = history(&[(update(1), true), (update(2), false)]);
        assert_eq!(at_main(&unsure, Some(1)), None);
        assert_eq!(at_main(&unsure, Some(2)), None);
        assert_eq!(at_main(&unsure, None), Some("acknowledged"));
        // It may come late.
        let late = history(&[(update(1), false), (update(2), true)]);
        assert_eq!(at_main(&late, Some(1)), None);
    }

    #[test]
    fn deletes_that_do_not_last_are_seen() {
        let deleted = history(&[(update(1), true), (DELETE, true)]);
        assert_eq!(at_main(&deleted, None), None);
        assert_eq!(at_main(&deleted, Some(1)), Some("deletes"));
        let unsure = history(&[(update(1), true), (DELETE, false)]);
        assert_eq!(at_main(&unsure, None), None);
        assert_eq!(at_main(&unsure, Some(1)), None);
        let before = history(&[(DELETE, true), (update(1), true)]);
        assert_eq!(at_main(&before, None), Some("acknowledged"));
        let unsure_before = history(&[(DELETE, false), (update(1), true)]);
        assert_eq!(at_main(&unsure_before, None), None, "it may come late");
        let elsewhere = Request::Delete { start: 6, end: 9 };
        let elsewhere = history(&[(update(1), true), (elsewhere, true)]);
        assert_eq!(at_main(&elsewhere, None), Some("acknowledged"));
    }

    #[test]
    fn what_overlaps_has_no_order() {
        let mut history = History::default();
        let numbers = [update(1), update(2), DELETE].map(|request| history.begin(0, request));
        for number in numbers {
            history.end(number, Outcome::Acknowledged(9));
        }
        for value in [None, Some(1), Some(2)] {
            assert_eq!(at_main(&history, value), None, "{value:?}");
        }
    }

    #[test]
    fn what_was_refused_is_not_done() {
        let mut refused = history(&[(update(1), true), (update(2), false), (DELETE, false)]);
        refused.end(1, Outcome::Refused);
        refused.end(2, Outcome::Refused);
        let own = (Series::Own(1), 1, 1);
        let check = |value| broken(refused.check_points(&[own, (Series::Main, TICK, value)]));
        assert_eq!(check(1), None);
        assert_eq!(check(2), Some("phantoms"));
        assert_eq!(broken(refused.check_points(&[own])), Some("acknowledged"));
    }

    #[test]
    fn what_is_there_twice_or_was_never_written_is_seen() {
        let one = history(&[(update(1), true)]);
        let point = (Series::Main, TICK, 1);
        let own = (Series::Own(1), 1, 1);
        assert_eq!(broken(one.check_points(&[point, own])), None);
        assert_eq!(broken(one.check_points(&[point, own, point])), Some("phantoms"));
        assert_eq!(broken(one.check_points(&[point, own, (Series::Main, 6, 1)])), Some("phantoms"));
        let (main, own) = (Series::Main, Series::Own(1));
        assert_eq!(broken(one.check_found(&[main, own])), None);
        assert_eq!(broken(one.check_found(&[main, own, own])), Some("phantoms"));
        assert_eq!(broken(one.check_found(&[main, own, Series::Own(2)])), Some("phantoms"));
    }

    #[test]
    fn series_that_are_not_found_or_come_back_are_seen() {
        let (main, own) = (Series::Main, Series::Own(1));
        let one = history(&[(update(1), true), (DELETE, true)]);
        assert_eq!(broken(one.check_found(&[main, own])), None, "a range leaves the series");
        assert_eq!(broken(one.check_found(&[main])), Some("findable"));
        assert_eq!(broken(one.check_found(&[own])), Some("findable"));
        let forgotten = history(&[(update(1), true), (Request::Forget, true)]);
        assert_eq!(broken(forgotten.check_found(&[main])), None);
        assert_eq!(broken(forgotten.check_found(&[main, own])), Some("deletes"));
        let point = (Series::Main, TICK, 1);
        assert_eq!(broken(forgotten.check_points(&[point])), None);
        assert_eq!(broken(forgotten.check_points(&[point, (own, 1, 1)])), Some("deletes"));
        assert_eq!(broken(forgotten.check_points(&[(own, 1, 1)])), Some("acknowledged"));
    }

    #[test]
    fn what_was_answered_after_a_read_began_may_be_missing_from_it() {
        let two = history(&[(update(1), true), (update(2), true)]);
        assert_eq!(at_main(&two.as_of(15), Some(1)), None);
        assert_eq!(at_main(&two.as_of(16), Some(1)), Some("acknowledged"));
        assert_eq!(two.as_of(15).counts(), [1, 0, 1]);
    }

    #[test]
    fn only_what_the_answer_names_is_gone() {
        let mut history = history(&[(update(1), true), (update(2), true), (Request::Forget, true)]);
        history.named(2, BTreeSet::from([Series::Own(1)]));
        let found = |own: &[i64]| {
            let own = own.iter().map(|&own| Series::Own(own)).chain([Series::Main]);
            broken(history.check_found(&own.collect::<Vec<_>>()))
        };
        assert_eq!(found(&[2]), None);
        assert_eq!(found(&[1, 2]), None, "made known again, empty");
        assert_eq!(found(&[]), Some("findable"));
        let point = |series, tick, value| (series, tick, value);
        let mut read = vec![point(Series::Main, TICK, 2), point(Series::Own(2), 1, 2)];
        assert_eq!(broken(history.check_points(&read)), None);
        read.push(point(Series::Own(1), 1, 1));
        assert_eq!(broken(history.check_points(&read)), Some("deletes"));
    }
}
