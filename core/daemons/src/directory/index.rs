//! The series of one shard, found by id, by class and by label.
//!
//! Class names, and names with values of labels, are kept once ([`Pairs`]); a series is a class, a
//! list of pairs and two ids. A selector is compiled to symbols: exact parts and those expressions
//! that few values can match choose the shortest lists of series, each value is compared with an
//! expression once, and candidates are checked by comparing numbers. Answers come in the order of
//! ids and can be resumed after any id.

mod snapshot;

use std::ops::Bound;

use weft_gts::selector::{Matcher, Selector};
use weft_gts::{Labels, Metadata, SeriesId};

use super::order::Order;
use super::symbols::{Pairs, Texts, reserve};
pub(super) use snapshot::{Damaged, Loader, Saver, VERSION as SNAPSHOT_VERSION};

/// Values of a label that an expression is compared with to find the series that have it.
const VALUES_MAX: usize = 4_096;

/// Lists of series up to this length are always sorted rather than all series walked through.
const SORTED_MAX: usize = 4_096;

/// Dead weight below which nothing is built anew.
const WEIGHT_MIN: usize = 4_096;

/// The index.
#[derive(Debug, Default)]
pub struct Index {
    /// By slot. A slot that is free has no class.
    series: Vec<Series>,
    free: Vec<u32>,
    /// The pairs of all series.
    lists: Vec<u32>,
    /// Entries of `lists` that no series has any more.
    dead: usize,
    order: Order,
    classes: Texts,
    by_class: Vec<Class>,
    used_classes: usize,
    names: Texts,
    pairs: Pairs,
    seed: u64,
}

/// A series.
#[derive(Clone, Copy, Debug)]
struct Series {
    id: SeriesId,
    /// `i64::MIN` when there is none.
    last_activity: i64,
    class: u32,
    /// Where its pairs begin in the lists: labels, then attributes.
    start: u32,
    labels: u32,
    attributes: u32,
}

/// A class.
#[derive(Clone, Copy, Debug)]
struct Class {
    /// The id of its series' class, where that is the same for all: they stand together.
    id: Option<i64>,
    count: u32,
}

/// A part of an answer.
#[derive(Debug, Default)]
pub struct Found {
    /// Series that match, in the order of ids.
    pub series: Vec<Metadata>,
    /// Go on after this id; `None` when there are no more.
    pub next: Option<SeriesId>,
}

/// What restricts a find besides the selector.
#[derive(Clone, Copy, Debug, Default)]
pub struct Activity {
    /// Active at or after this moment, milliseconds since the epoch.
    pub active_after: Option<i64>,
    /// Not active at or after this moment.
    pub quiet_after: Option<i64>,
}

impl Index {
    /// An empty index. Who does not know the seed cannot choose names that make it slow.
    pub fn new(seed: u64) -> Self {
        Self { seed, ..Self::default() }
    }

    /// How many series there are.
    pub const fn len(&self) -> usize {
        self.series.len() - self.free.len()
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many classes there are.
    pub const fn class_count(&self) -> usize {
        self.used_classes
    }

    /// The series of that id.
    pub fn get(&self, id: SeriesId) -> Option<Metadata> {
        let slot = self.order.get(id, |slot| self.id(slot))?;
        Some(self.metadata(slot))
    }

    /// Every series, in the order of ids.
    pub fn iter(&self) -> impl Iterator<Item = Metadata> {
        self.order.from(Bound::Unbounded, |slot| self.id(slot)).map(|slot| self.metadata(slot))
    }

    /// Adds or replaces the series `metadata.id`.
    pub fn insert(&mut self, metadata: &Metadata) {
        let id = metadata.id;
        self.remove(id);
        let class = self.classes.intern(self.seed, metadata.class());
        self.count_class(class, id.class_id);
        let slot = self.free.pop().unwrap_or(self.series.len() as u32);
        let start = self.lists.len() as u32;
        for (name, value) in metadata.labels.iter().chain(metadata.attributes.iter()) {
            let name = self.names.intern(self.seed, name);
            let pair = self.pairs.intern(self.seed, name, value);
            self.pairs.hold(pair, slot);
            reserve(&mut self.lists);
            self.lists.push(pair);
        }
        let series = Series {
            id,
            last_activity: metadata.last_activity.unwrap_or(i64::MIN),
            class,
            start,
            labels: metadata.labels.len() as u32,
            attributes: metadata.attributes.len() as u32,
        };
        match self.series.get_mut(slot as usize) {
            Some(free) => *free = series,
            None => {
                reserve(&mut self.series);
                self.series.push(series);
            }
        }
        let all = &self.series;
        self.order.insert(slot, |slot| all[slot as usize].id);
    }

    /// A class has one more series.
    fn count_class(&mut self, class: u32, class_id: i64) {
        if self.by_class.len() <= class as usize {
            self.by_class.resize(class as usize + 1, Class { id: None, count: 0 });
        }
        let state = &mut self.by_class[class as usize];
        if state.count == 0 {
            state.id = Some(class_id);
            self.used_classes += 1;
        } else if state.id != Some(class_id) {
            state.id = None;
        }
        state.count += 1;
    }

    /// Removes a series; whether it was there.
    pub fn remove(&mut self, id: SeriesId) -> bool {
        let all = &self.series;
        let Some(slot) = self.order.remove(id, |slot| all[slot as usize].id) else { return false };
        let Series { class, start, labels, attributes, .. } = self.series[slot as usize];
        for index in start..start + labels + attributes {
            self.pairs.release(self.lists[index as usize], slot);
        }
        self.dead += (labels + attributes) as usize;
        let state = &mut self.by_class[class as usize];
        state.count -= 1;
        self.used_classes -= usize::from(state.count == 0);
        self.free.push(slot);
        let is_heavy = |dead: usize, all: usize| dead > WEIGHT_MIN && dead > all / 2;
        if is_heavy(self.dead, self.lists.len())
            || is_heavy(self.pairs.unused(), self.pairs.len())
            || is_heavy(self.classes.len() - self.used_classes, self.classes.len())
        {
            self.rebuild();
        }
        true
    }

    /// Builds everything anew, without what no series has any more.
    fn rebuild(&mut self) {
        let mut new = Self::new(self.seed);
        self.iter().for_each(|metadata| new.insert(&metadata));
        *self = new;
    }

    /// Series after `after` that match any of the selectors, each once, looking at no more than
    /// `scan_max` candidates and returning no more than `found_max`.
    pub fn find(
        &self,
        selectors: &[Selector],
        activity: Activity,
        after: Option<SeriesId>,
        found_max: usize,
        scan_max: usize,
    ) -> Found {
        let mut found = Found::default();
        let mut plans: Vec<Plan<'_>> =
            selectors.iter().filter_map(|selector| Plan::new(self, selector)).collect();
        let mut heads: Vec<_> =
            plans.iter_mut().map(|plan| self.candidates(plan, after).peekable()).collect();
        let mut scanned = 0;
        while let Some((id, slot)) = heads.iter_mut().filter_map(|ids| ids.peek().copied()).min() {
            let is_active = activity.allows(&self.series[slot as usize]);
            let mut is_found = false;
            for (head, plan) in heads.iter_mut().zip(&mut plans) {
                if head.next_if(|(other, _)| *other == id).is_some() {
                    scanned += 1;
                    is_found |= is_active && !is_found && plan.matches(self, slot);
                }
            }
            if is_found {
                found.series.push(self.metadata(slot));
            }
            if found.series.len() >= found_max || scanned >= scan_max {
                found.next = Some(id);
                break;
            }
        }
        found
    }

    /// Series that can match, in the order of ids.
    fn candidates<'a>(
        &'a self,
        plan: &mut Plan<'a>,
        after: Option<SeriesId>,
    ) -> Box<dyn Iterator<Item = (SeriesId, u32)> + 'a> {
        let lists = plan.shortest(self);
        let count = lists.as_ref().map_or(usize::MAX, |lists| lists.iter().map(|l| l.len()).sum());
        // Sorting a list again for each piece of an answer costs more than walking through all
        // series where the list is long.
        let is_short = count <= SORTED_MAX || count.saturating_mul(count) / 1_024 <= self.len();
        if let Some(lists) = lists
            && is_short
        {
            let slots = lists.into_iter().flatten().copied();
            let mut sorted: Vec<(SeriesId, u32)> = slots
                .map(|slot| (self.id(slot), slot))
                .filter(|(id, _)| after.is_none_or(|after| *id > after))
                .collect();
            sorted.sort_unstable();
            sorted.dedup();
            return Box::new(sorted.into_iter());
        }
        let mut from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let class = plan.class_id;
        if let Some(class_id) = class {
            let first = SeriesId { class_id, labels_id: 0 };
            if after.is_none_or(|after| after < first) {
                from = Bound::Included(first);
            }
        }
        let walk = self.order.from(from, |slot| self.id(slot)).map(|slot| (self.id(slot), slot));
        Box::new(walk.take_while(move |(id, _)| class.is_none_or(|class| id.class_id == class)))
    }

    fn id(&self, slot: u32) -> SeriesId {
        self.series[slot as usize].id
    }

    /// The pairs of a series: labels, attributes.
    fn pairs_of(&self, slot: u32) -> (&[u32], &[u32]) {
        let Series { start, labels, attributes, .. } = self.series[slot as usize];
        let (start, middle) = (start as usize, (start + labels) as usize);
        (&self.lists[start..middle], &self.lists[middle..middle + attributes as usize])
    }

    fn metadata(&self, slot: u32) -> Metadata {
        let series = &self.series[slot as usize];
        let (labels, attributes) = self.pairs_of(slot);
        let map = |pairs: &[u32]| -> Labels {
            let pair =
                |pair: &u32| (self.names.get(self.pairs.name(*pair)), self.pairs.value(*pair));
            pairs.iter().map(pair).collect()
        };
        Metadata {
            name: Some(self.classes.get(series.class).to_owned()),
            labels: map(labels),
            attributes: map(attributes),
            id: series.id,
            source: None,
            last_activity: Some(series.last_activity).filter(|last| *last != i64::MIN),
        }
    }
}

/// A selector in symbols.
#[derive(Debug)]
struct Plan<'a> {
    class: ClassTerm<'a>,
    /// Where the series of the class stand.
    class_id: Option<i64>,
    labels: Vec<LabelTerm<'a>>,
    /// Names that must not be there.
    absent: Vec<u32>,
}

#[derive(Debug)]
enum ClassTerm<'a> {
    Exact(u32),
    Pattern(&'a Matcher, Answers),
}

#[derive(Debug)]
enum LabelTerm<'a> {
    Exact { name: u32, pair: u32 },
    Pattern { name: u32, matcher: &'a Matcher, answers: Answers },
}

/// What an expression said of symbols: each is asked once.
#[derive(Debug)]
struct Answers(Vec<Option<bool>>);

impl Answers {
    fn of(&mut self, symbol: u32, ask: impl FnOnce() -> bool) -> bool {
        *self.0[symbol as usize].get_or_insert_with(ask)
    }
}

impl<'a> Plan<'a> {
    /// `None` when nothing can match.
    fn new(index: &Index, selector: &'a Selector) -> Option<Self> {
        let class = match selector.class.exact() {
            Some(class) => ClassTerm::Exact(index.classes.find(index.seed, class)?),
            None => ClassTerm::Pattern(&selector.class, Answers(vec![None; index.classes.len()])),
        };
        let class_id = match &class {
            ClassTerm::Exact(class) => index.by_class[*class as usize].id,
            ClassTerm::Pattern(..) => None,
        };
        let mut labels = Vec::new();
        for (name, matcher) in &selector.labels {
            let name = index.names.find(index.seed, name)?;
            labels.push(match matcher.exact() {
                Some(value) => {
                    LabelTerm::Exact { name, pair: index.pairs.find(index.seed, name, value)? }
                }
                None => {
                    let answers = Answers(vec![None; index.pairs.len()]);
                    LabelTerm::Pattern { name, matcher, answers }
                }
            });
        }
        let absent = selector.absent.iter();
        let absent = absent.filter_map(|name| index.names.find(index.seed, name)).collect();
        Some(Self { class, class_id, labels, absent })
    }

    /// The shortest lists that hold every series that can match, when there are any.
    fn shortest<'i>(&mut self, index: &'i Index) -> Option<Vec<&'i [u32]>> {
        let lists = self.labels.iter_mut().filter_map(|term| match term {
            LabelTerm::Exact { pair, .. } => Some(vec![index.pairs.holders(*pair)]),
            LabelTerm::Pattern { name, matcher, answers } => {
                let pairs = index.pairs.of_name(*name);
                (pairs.len() <= VALUES_MAX).then(|| {
                    let matching = pairs.iter().filter(|pair| {
                        answers.of(**pair, || matcher.matches(index.pairs.value(**pair)))
                    });
                    matching.map(|pair| index.pairs.holders(*pair)).collect()
                })
            }
        });
        lists.min_by_key(|lists| lists.iter().map(|list| list.len()).sum::<usize>())
    }

    /// Whether a series is meant.
    fn matches(&mut self, index: &Index, slot: u32) -> bool {
        let class = index.series[slot as usize].class;
        let is_class = match &mut self.class {
            ClassTerm::Exact(exact) => *exact == class,
            ClassTerm::Pattern(matcher, answers) => {
                answers.of(class, || matcher.matches(index.classes.get(class)))
            }
        };
        let (labels, attributes) = index.pairs_of(slot);
        // A label goes before an attribute of the same name.
        let value = |name: u32| {
            labels.iter().chain(attributes).copied().find(|pair| index.pairs.name(*pair) == name)
        };
        is_class
            && self.absent.iter().all(|name| value(*name).is_none())
            && self.labels.iter_mut().all(|term| match term {
                LabelTerm::Exact { name, pair } => value(*name) == Some(*pair),
                LabelTerm::Pattern { name, matcher, answers } => value(*name).is_some_and(|pair| {
                    answers.of(pair, || matcher.matches(index.pairs.value(pair)))
                }),
            })
    }
}

impl Activity {
    /// As the reference: a series whose activity is not known counts as active at the epoch.
    fn allows(self, series: &Series) -> bool {
        let last = if series.last_activity == i64::MIN { 0 } else { series.last_activity };
        self.active_after.is_none_or(|after| last >= after)
            && self.quiet_after.is_none_or(|after| last < after)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::collection::vec;
    use proptest::option;
    use proptest::prelude::*;

    use super::*;

    /// What happens to a series: `None` removes it.
    pub(super) type Change = (u8, Option<(u8, Option<u8>, Option<u8>, Option<i64>)>);

    pub(super) fn changes() -> impl Strategy<Value = Vec<Change>> {
        let value = || option::of(0u8..3);
        let series = (0u8..3, value(), value(), option::of(0i64..3));
        vec((any::<u8>(), option::weighted(0.8, series)), 0..80)
    }

    pub(super) fn index(changes: &[Change]) -> (Index, BTreeMap<SeriesId, Metadata>) {
        let (mut index, mut model) = (Index::new(3), BTreeMap::new());
        for &(number, change) in changes {
            let class = number % 3;
            let id = SeriesId { class_id: i64::from(class) - 1, labels_id: i64::from(number) };
            let Some((label, attribute, both, last_activity)) = change else {
                assert_eq!(index.remove(id), model.remove(&id).is_some());
                continue;
            };
            let pair = |name: &'static str, value: Option<u8>| {
                value.map(|value| {
                    (name, if value == 0 { String::new() } else { format!("v{value}") })
                })
            };
            let labels = [pair("l", Some(label)), pair("both", both)].into_iter().flatten();
            let attributes = [pair("a", attribute), pair("both", Some(1))].into_iter().flatten();
            let metadata = Metadata {
                id,
                attributes: attributes.collect(),
                last_activity,
                ..Metadata::new(format!("c{class}"), labels.collect())
            };
            index.insert(&metadata);
            model.insert(id, metadata);
        }
        (index, model)
    }

    fn selectors() -> impl Strategy<Value = Vec<Selector>> {
        let text = prop::sample::select(vec![
            "c0{}",
            "c1{l=v1}",
            "~c[12]{l~v[01]}",
            "~.*{l=v2}",
            "~.*{both=v1}",
            "c2{both~v2|}",
            "~.*{a=}",
            "~.*{a=,l=v1}",
            "~c.{a~.*}",
            "c9{}",
            "~.*{none=1}",
            "~.*{none=}",
            "~.*{}",
        ]);
        vec(text.prop_map(|text| Selector::parse(text, true).expect("a selector")), 0..4)
    }

    proptest! {
        #[test]
        fn a_find_in_pieces_is_every_match_once_and_in_order(
            changes in changes(),
            selectors in selectors(),
            active_after in option::of(0i64..3),
            quiet_after in option::of(0i64..3),
            found_max in 1usize..8,
            scan_max in 1usize..8,
        ) {
            let (index, model) = index(&changes);
            let activity = Activity { active_after, quiet_after };
            let is_asked = |metadata: &&Metadata| {
                let last = metadata.last_activity.unwrap_or(0);
                selectors.iter().any(|selector| selector.matches(metadata))
                    && active_after.is_none_or(|after| last >= after)
                    && quiet_after.is_none_or(|after| last < after)
            };
            let asked: Vec<Metadata> = model.values().filter(is_asked).cloned().collect();
            let (mut got, mut after) = (Vec::new(), None);
            loop {
                let found = index.find(&selectors, activity, after, found_max, scan_max);
                prop_assert!(found.series.len() <= found_max);
                got.extend(found.series);
                if found.next.is_none() {
                    break;
                }
                after = found.next;
            }
            prop_assert_eq!(got, asked);
        }

        #[test]
        fn it_holds_what_was_inserted_last(changes in changes(), rebuilt: bool) {
            let (mut index, model) = index(&changes);
            if rebuilt {
                index.rebuild();
            }
            prop_assert_eq!(index.len(), model.len());
            let classes: std::collections::BTreeSet<&str> =
                model.values().map(Metadata::class).collect();
            prop_assert_eq!(index.class_count(), classes.len());
            for (id, metadata) in &model {
                prop_assert_eq!(index.get(*id), Some(metadata.clone()));
            }
            prop_assert!(index.iter().eq(model.values().cloned()));
        }
    }

    #[test]
    fn what_comes_and_goes_leaves_nothing_behind() {
        let mut index = Index::new(3);
        for number in 0..50_000i64 {
            let id = SeriesId { class_id: 1, labels_id: number % 100 };
            let labels = [("l", number.to_string())].into_iter().collect();
            index.insert(&Metadata { id, ..Metadata::new("c", labels) });
        }
        assert_eq!(index.len(), 100);
        assert!(index.pairs.len() < 3 * WEIGHT_MIN, "{}", index.pairs.len());
        assert!(index.lists.len() < 3 * WEIGHT_MIN, "{}", index.lists.len());
    }
}
