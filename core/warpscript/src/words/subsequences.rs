//! Where a short sequence of numbers is found in a longer one, by dynamic time warping.

use crate::decimal;
use crate::error::{Error, Fault, Kind, Result};
use crate::heap::List;
use crate::java;
use crate::machine::{Flow, Machine, Task};
use crate::registry::{Family, word};
use crate::value::{Handle, Value};

pub(super) static FAMILY: Family = Family {
    name: "subsequences",
    words: &[word(
        "OPTDTW",
        optdtw,
        "1.0.0",
        "sequence<LIST> query<LIST> count<NUMBER> OPTDTW matches<LIST>\n\
         sequence<LIST> query<LIST> window<LONG> count<NUMBER> OPTDTW matches<LIST>",
        "The best matches of a query in a sequence of numbers, at most `count` of them: lists of \
         index and distance, nearest first. Distances are those of dynamic time warping, within a \
         window, of values with mean zero and standard deviation one.",
        &[("[ 0.0 1.0 2.0 3.0 0.0 ] [ 1.0 2.0 3.0 ] 1 OPTDTW", "[[[1,0.0]]]")],
    )],
};

/// Mean and deviation by shifted sums, as the reference has them.
fn normalize(values: &mut [f64]) {
    let n = values.len() as f64;
    let last = values.last().copied().unwrap_or(0.0);
    let shift = values.iter().copied().find(|v| *v == 0.0).unwrap_or(last);
    let (mut sum, mut squares) = (0.0, 0.0);
    for value in values.iter() {
        let term = value - shift;
        sum += term;
        squares += term * term;
    }
    let mean = sum / n;
    let mut variance = squares / n - mean * mean;
    if values.len() > 1 {
        variance = variance * n / (n - 1.0);
    }
    let (mean, deviation) = (mean + shift / n, variance.sqrt());
    values.iter_mut().for_each(|value| *value = (*value - mean) / deviation);
}

/// A table of distances, two rows of it at a time.
struct Warp {
    part: Vec<f64>,
    last: Vec<f64>,
    row: Vec<f64>,
    next: usize,
    /// Some way so far is short enough.
    below: bool,
}

impl Warp {
    fn new(mut part: Vec<f64>) -> Self {
        normalize(&mut part);
        let size = part.len();
        Self { part, last: vec![0.0; size], row: vec![0.0; size], next: 0, below: false }
    }

    /// One more row.
    fn step(&mut self, query: &[f64], window: usize, threshold: f64) {
        let i = self.next;
        let end = (i + 1).saturating_add(window).min(query.len());
        let from = i.saturating_sub(window);
        for (j, value) in query.iter().enumerate().take(end).skip(from) {
            let left = if i > 0 && i + window != j { self.last[j] } else { f64::INFINITY };
            let inside = j > 0 && i != j.saturating_add(window);
            let bottom = if inside { self.row[j - 1] } else { f64::INFINITY };
            let corner = if j > 0 { self.last[j - 1] } else { f64::INFINITY };
            let best = if (i, j) == (0, 0) { 0.0 } else { minimum(left, minimum(bottom, corner)) };
            self.row[j] =
                if threshold >= best { best + (value - self.part[i]).abs() } else { f64::INFINITY };
            self.below |= self.row[j] <= threshold;
        }
        std::mem::swap(&mut self.last, &mut self.row);
        self.next += 1;
    }
}

/// `Math.min`: NaN when there is one.
fn minimum(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() { f64::NAN } else { a.min(b) }
}

/// Matches in a binary heap laid out as that of Java, whose layout decides how far distances are
/// followed.
#[derive(Default)]
struct Heap(Vec<(i64, f64)>);

impl Heap {
    fn less(a: (i64, f64), b: (i64, f64)) -> bool {
        java::compare_doubles(a.1, b.1).is_lt()
    }

    fn push(&mut self, entry: (i64, f64)) {
        self.0.push(entry);
        let mut at = self.0.len() - 1;
        while at > 0 {
            let parent = (at - 1) / 2;
            if !Self::less(entry, self.0[parent]) {
                break;
            }
            self.0.swap(at, parent);
            at = parent;
        }
    }

    fn pop(&mut self) -> Option<(i64, f64)> {
        if self.0.is_empty() {
            return None;
        }
        let first = self.0.swap_remove(0);
        let mut at = 0;
        loop {
            let mut child = 2 * at + 1;
            if child >= self.0.len() {
                break;
            }
            if child + 1 < self.0.len() && Self::less(self.0[child + 1], self.0[child]) {
                child += 1;
            }
            if !Self::less(self.0[child], self.0[at]) {
                break;
            }
            self.0.swap(at, child);
            at = child;
        }
        Some(first)
    }
}

struct Search {
    query: Vec<f64>,
    sequence: Vec<f64>,
    count: usize,
    window: usize,
    at: usize,
    warp: Option<Warp>,
    found: Heap,
    threshold: f64,
}

impl Search {
    /// The next match, in slices; whether it is done.
    fn advance(&mut self, vm: &mut Machine) -> bool {
        let size = self.query.len();
        let warp = self
            .warp
            .get_or_insert_with(|| Warp::new(self.sequence[self.at..self.at + size].to_vec()));
        while warp.next < size {
            if vm.should_yield() {
                return false;
            }
            warp.step(&self.query, self.window, self.threshold);
            vm.charge(size * 2);
            if !warp.below {
                break;
            }
        }
        let total = warp.last.last().copied().unwrap_or(f64::INFINITY);
        if warp.below && total <= self.threshold {
            self.found.push((self.at as i64, total));
            if self.count > 0 && self.found.0.len() >= self.count {
                self.threshold = self.found.0[self.count - 1].1;
            }
        }
        self.warp = None;
        self.at += 1;
        true
    }
}

impl Task for Search {
    fn resume(&mut self, vm: &mut Machine) -> Result<Flow> {
        while self.at + self.query.len() <= self.sequence.len() {
            if vm.should_yield() || !self.advance(vm) {
                return Ok(Flow::Again);
            }
        }
        let mut matches = List::new();
        while let Some((index, distance)) = self.found.pop() {
            matches.push(vm.heap.new_list(vec![Value::Long(index), Value::Double(distance)])?);
            if matches.len() == self.count {
                break;
            }
        }
        vm.push_list(matches)?;
        Ok(Flow::Done)
    }
}

/// The numbers of a list.
fn numbers(vm: &Machine, list: Handle<List>) -> Result<Vec<f64>> {
    let number = |value: &Value| match value {
        Value::Decimal(v) => Ok(decimal::to_double(vm.heap.decimal(*v))),
        value => value.as_f64().ok_or_else(|| Fault::Error(Box::new(Error::bare(Kind::Cast)))),
    };
    vm.heap.claim(vm.heap.list(list).len().saturating_mul(40))?;
    vm.heap.list(list).iter().map(number).collect()
}

fn optdtw(vm: &mut Machine) -> Result {
    let top = vm.pop()?;
    let message = "expects a count of best results to return on top of the stack.";
    let count = top.as_i64().ok_or_else(|| vm.error(message))? as i32;
    let (window, list) = match vm.pop()? {
        Value::Long(window) => (usize::try_from(window).ok(), vm.pop()?),
        list => (None, list),
    };
    let message = "expects a numeric list to use as query below the count.";
    let query = numbers(vm, list.as_list().ok_or_else(|| vm.error(message))?)?;
    let message = "expects a numeric list as the sequence in which to find best matches below the \
                   'query' list.";
    let sequence = vm.pop_list(message)?;
    let sequence = numbers(vm, sequence)?;
    let mut query = query;
    if query.is_empty() {
        return Err(Fault::bounds());
    }
    normalize(&mut query);
    if sequence.len() < query.len() {
        return Err(vm.error("expects the query list to be shorter than the sequence list."));
    }
    let window = window.unwrap_or(usize::MAX).min(query.len() - 1);
    vm.push_task(Search {
        query,
        sequence,
        count: usize::try_from(count).unwrap_or(0),
        window,
        at: 0,
        warp: None,
        found: Heap::default(),
        threshold: f64::INFINITY,
    })
}
