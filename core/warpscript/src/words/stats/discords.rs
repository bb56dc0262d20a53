//! Windows that are unlike all others.

use std::collections::BTreeMap;

use super::sax::Shape;
use crate::error::Result;
use crate::heap::{Gts, List, Text};
use crate::machine::{Flow, Machine, Task};
use crate::value::{Handle, Value};
use crate::words::manip::dedup::last_of_ticks;
use crate::words::points;

/// What DISCORDS is to look for.
#[derive(Debug)]
struct Wish {
    shape: Shape,
    count: usize,
    may_overlap: bool,
    /// Discords whose distance is smaller than the greatest by more than this factor are left
    /// out; 0: none.
    ratio: f64,
}

/// A window and how far its nearest neighbour is.
#[derive(Clone, Copy, Debug)]
struct Discord {
    place: usize,
    distance: f64,
}

/// The search in one series: for the windows of rare words first, the nearest neighbour is looked
/// for among windows of the same word and of those before it in their order.
struct Search {
    values: Vec<f64>,
    /// Where windows of each word are, words in their order.
    places: Vec<Vec<usize>>,
    /// Words by how often they come.
    order: Vec<usize>,
    /// Place in `order`, and in the places of that word.
    at: (usize, usize),
    found: Vec<Discord>,
}

impl Search {
    fn new(vm: &mut Machine, handle: Handle<Gts>, shape: &Shape) -> Result<Self> {
        let words = shape.words(vm, handle)?;
        let column = vm.heap.gts(handle).series.points.values.clone();
        let values = points::numbers(vm, &column)?;
        vm.heap.claim(words.len().saturating_mul(64))?;
        let mut by_word: BTreeMap<Text, Vec<usize>> = BTreeMap::new();
        for (place, word) in words.into_iter().enumerate() {
            by_word.entry(word).or_default().push(place);
        }
        let places: Vec<Vec<usize>> = by_word.into_values().collect();
        let mut order: Vec<usize> = (0..places.len()).collect();
        order.sort_by_key(|word| places[*word].len());
        Ok(Self { values, places, order, at: (0, 0), found: Vec::new() })
    }

    /// Looks at one window after the other until it is time for others; whether that was all.
    fn go_on(&mut self, vm: &mut Machine, wish: &Wish) -> Result<bool> {
        while let Some(word) = self.order.get(self.at.0) {
            let windows = self.places[*word].len();
            let (word, index) = (*word, self.at.1);
            if index == 0
                && self.found.len() >= wish.count
                && windows > wish.count.saturating_add(wish.shape.window)
            {
                return Ok(true);
            }
            if let Some(discord) = self.look(vm, wish, word, index) {
                self.insert(wish, discord);
                if self.found.is_empty() {
                    return Err(vm.error("expects to look for at least one discord."));
                }
            }
            self.at = if index + 1 < windows { (self.at.0, index + 1) } else { (self.at.0 + 1, 0) };
            if vm.should_yield() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// A window as a candidate, unless there are enough that are farther from others.
    fn look(&self, vm: &mut Machine, wish: &Wish, word: usize, index: usize) -> Option<Discord> {
        let window = wish.shape.window;
        let place = self.places[word][index];
        let worst = match self.found.last() {
            Some(last) if self.found.len() == wish.count => last.distance,
            _ => f64::NEG_INFINITY,
        };
        let here = &self.values[place..place + window];
        let mut nearest = f64::INFINITY;
        for other_word in (0..=word).rev() {
            for other in &self.places[other_word] {
                if place.abs_diff(*other) < window {
                    continue;
                }
                vm.charge(window);
                let there = &self.values[*other..other + window];
                let distance = distance(here, there);
                if distance < nearest {
                    nearest = distance;
                }
                if nearest < worst {
                    return None;
                }
            }
            if other_word < word && nearest != f64::INFINITY {
                break;
            }
        }
        Some(Discord { place, distance: nearest })
    }

    fn insert(&mut self, wish: &Wish, discord: Discord) {
        let found = &mut self.found;
        let rank = found.partition_point(|other| other.distance >= discord.distance);
        found.insert(rank, discord);
        if !wish.may_overlap {
            // As in the reference, the neighbour in rank of one that goes is not looked at.
            let mut rank = found.len();
            while rank > 1 {
                rank -= 1;
                if found[rank].place.abs_diff(found[rank - 1].place) < wish.shape.window {
                    found.remove(rank);
                    rank -= 1;
                }
            }
        }
        found.truncate(wish.count);
        if wish.ratio != 0.0 {
            let greatest = found.first().map_or(0.0, |first| first.distance);
            while found.len() > 1
                && found.last().is_some_and(|last| last.distance * wish.ratio < greatest)
            {
                found.pop();
            }
        }
    }

    /// The points of all windows found.
    fn result(&self, vm: &mut Machine, handle: Handle<Gts>, wish: &Wish) -> Result<Value> {
        let count = self.found.len().saturating_mul(wish.shape.window);
        vm.charge(count);
        vm.heap.claim(count.saturating_mul(64))?;
        let windows = self.found.iter().map(|d| d.place as u32);
        let places: Vec<u32> =
            windows.flat_map(|place| place..place + wish.shape.window as u32).collect();
        let gts = vm.heap.gts(handle);
        let points = gts.series.points.gather(&places);
        let points = points.gather(&last_of_ticks(&points.ticks));
        points::new_gts(vm, points::with_points(gts, points))
    }
}

/// The square of the distance.
fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

/// DISCORDS at work.
struct Discords {
    wish: Wish,
    argument: Value,
    series: Vec<Handle<Gts>>,
    search: Option<Search>,
    results: List,
}

impl Task for Discords {
    fn resume(&mut self, vm: &mut Machine) -> Result<Flow> {
        while let Some(handle) = self.series.get(self.results.len()) {
            let mut search = match self.search.take() {
                Some(search) => search,
                None => Search::new(vm, *handle, &self.wish.shape)?,
            };
            if !search.go_on(vm, &self.wish)? {
                self.search = Some(search);
                return Ok(Flow::Again);
            }
            self.results.push(search.result(vm, *handle, &self.wish)?);
        }
        match self.argument {
            Value::Gts(_) => vm.push(self.results.pop().unwrap_or(Value::Null))?,
            _ => vm.push_list(std::mem::take(&mut self.results))?,
        }
        Ok(Flow::Done)
    }

    fn trace(&self, visit: &mut dyn FnMut(Value)) {
        visit(self.argument);
        self.series.iter().for_each(|gts| visit(Value::Gts(*gts)));
        self.results.iter().for_each(|value| visit(*value));
    }
}

/// DISCORDS and ZDISCORDS.
pub(super) fn discords(vm: &mut Machine) -> Result {
    let ratio = vm.pop_double("expects a double distance ratio.")?;
    if ratio < 0.0 {
        return Err(vm.error("expects a positive distance ratio."));
    }
    let may_overlap =
        vm.pop_boolean("expects a boolean flag to indicate tolerance to overlapping.")?;
    let count = vm.pop_long("expects an integer discord count.")? as i32;
    let alphabet = vm.pop_long("expects an integer quantization scale.")? as i32;
    if alphabet < 2 {
        return Err(vm.error("expects a quantization scale of at least 2."));
    }
    let word = vm.pop_long("expects an integer pattern length.")? as i32;
    let window = vm.pop_long("expects an integer detection window length.")? as i32;
    let argument = vm.peek(0)?;
    let mut series = Vec::new();
    points::each_gts(vm, |_, handle| {
        series.push(handle);
        Ok(Value::Null)
    })?;
    vm.pop()?;
    let standardized = !vm.word.name.starts_with('Z');
    let shape = Shape::new(vm, window, word, alphabet, standardized)?;
    let Ok(count) = usize::try_from(count) else {
        return Err(vm.error("expects a discord count that is not negative."));
    };
    let wish = Wish { shape, count, may_overlap, ratio };
    vm.push_task(Discords { wish, argument, series, search: None, results: Vec::new() })
}
