//! Classes, and labels with their values, each kept once and known by a number; and which series
//! have a label.

use crate::keyed_hash::keyed_hash;

/// No symbol.
const NONE: u32 = u32::MAX;

/// Texts that are few: class names, names of labels.
#[derive(Debug, Default)]
pub(super) struct Texts {
    texts: Vec<Box<str>>,
    slots: Slots,
}

/// A label or attribute: a name and a value.
#[derive(Clone, Copy, Debug)]
struct Pair {
    name: u32,
    length: u32,
    /// Where the value is among the values.
    start: usize,
    holders: Holders,
}

/// The series that have a pair.
#[derive(Clone, Copy, Debug)]
enum Holders {
    None,
    One(u32),
    /// Index of a list.
    Many(u32),
}

/// Pairs.
#[derive(Debug, Default)]
pub(super) struct Pairs {
    pairs: Vec<Pair>,
    slots: Slots,
    /// Values, one behind the other.
    values: String,
    /// Lists of holders, each in the order of slots.
    lists: Vec<Vec<u32>>,
    /// The pairs of each name.
    by_name: Vec<Vec<u32>>,
    /// Pairs that no series has.
    unused: usize,
}

/// Open addressing: symbols by hash. At most three quarters of it are taken.
#[derive(Debug, Default)]
struct Slots {
    slots: Vec<u32>,
    count: usize,
}

impl Texts {
    /// The symbol of a text.
    pub(super) fn find(&self, seed: u64, text: &str) -> Option<u32> {
        self.slots.find(keyed_hash(seed, text.as_bytes()), |symbol| *self.get(symbol) == *text)
    }

    /// The symbol of a text, which is new when it is not known.
    pub(super) fn intern(&mut self, seed: u64, text: &str) -> u32 {
        match self.find(seed, text) {
            Some(symbol) => symbol,
            None => self.push(seed, text),
        }
    }

    /// Adds a text that is not known.
    pub(super) fn push(&mut self, seed: u64, text: &str) -> u32 {
        let symbol = self.texts.len() as u32;
        self.texts.push(text.into());
        let texts = &self.texts;
        self.slots.insert(symbol, |symbol| keyed_hash(seed, texts[symbol as usize].as_bytes()));
        symbol
    }

    /// The text of a symbol.
    pub(super) fn get(&self, symbol: u32) -> &str {
        &self.texts[symbol as usize]
    }

    /// How many there are.
    pub(super) const fn len(&self) -> usize {
        self.texts.len()
    }
}

impl Pairs {
    /// The symbol of a pair.
    pub(super) fn find(&self, seed: u64, name: u32, value: &str) -> Option<u32> {
        self.slots.find(pair_hash(seed, name, value), |symbol| {
            self.name(symbol) == name && *self.value(symbol) == *value
        })
    }

    /// Room for so many.
    pub(super) fn reserve(&mut self, count: usize) {
        self.pairs.reserve_exact(count);
        self.slots.reserve(count);
    }

    /// The symbol of a pair, which is new when it is not known.
    pub(super) fn intern(&mut self, seed: u64, name: u32, value: &str) -> u32 {
        match self.find(seed, name, value) {
            Some(symbol) => symbol,
            None => self.push(seed, name, value),
        }
    }

    /// Adds a pair that is not known.
    pub(super) fn push(&mut self, seed: u64, name: u32, value: &str) -> u32 {
        let symbol = self.pairs.len() as u32;
        let (start, length) = (self.values.len(), value.len() as u32);
        reserve(&mut self.pairs);
        self.pairs.push(Pair { name, length, start, holders: Holders::None });
        self.unused += 1;
        if self.values.capacity() - start < value.len() {
            self.values.reserve_exact(value.len() + start / 8);
        }
        self.values.push_str(value);
        if self.by_name.len() <= name as usize {
            self.by_name.resize_with(name as usize + 1, Vec::new);
        }
        reserve(&mut self.by_name[name as usize]);
        self.by_name[name as usize].push(symbol);
        let (pairs, values) = (&self.pairs, &self.values);
        self.slots.insert(symbol, |symbol| {
            let Pair { name, start, length, .. } = pairs[symbol as usize];
            pair_hash(seed, name, &values[start..start + length as usize])
        });
        symbol
    }

    /// How many there are, those that no series has included.
    pub(super) const fn len(&self) -> usize {
        self.pairs.len()
    }

    /// How many no series has.
    pub(super) const fn unused(&self) -> usize {
        self.unused
    }

    /// The name's symbol.
    pub(super) fn name(&self, pair: u32) -> u32 {
        self.pairs[pair as usize].name
    }

    /// The value.
    pub(super) fn value(&self, pair: u32) -> &str {
        let Pair { start, length, .. } = self.pairs[pair as usize];
        &self.values[start..start + length as usize]
    }

    /// The pairs of a name.
    pub(super) fn of_name(&self, name: u32) -> &[u32] {
        self.by_name.get(name as usize).map_or(&[], Vec::as_slice)
    }

    /// The slots of the series that have the pair.
    pub(super) fn holders(&self, pair: u32) -> &[u32] {
        match &self.pairs[pair as usize].holders {
            Holders::None => &[],
            Holders::One(slot) => std::slice::from_ref(slot),
            Holders::Many(list) => &self.lists[*list as usize],
        }
    }

    /// A series has the pair.
    pub(super) fn hold(&mut self, pair: u32, slot: u32) {
        let holders = &mut self.pairs[pair as usize].holders;
        match *holders {
            Holders::None => {
                *holders = Holders::One(slot);
                self.unused -= 1;
            }
            Holders::One(other) if other == slot => {}
            Holders::One(other) => {
                *holders = Holders::Many(self.lists.len() as u32);
                self.lists.push(vec![other.min(slot), other.max(slot)]);
            }
            Holders::Many(list) => {
                let list = &mut self.lists[list as usize];
                if let Err(place) = place_of(list, slot) {
                    reserve(list);
                    list.insert(place, slot);
                }
            }
        }
    }

    /// A series does not have the pair any more.
    pub(super) fn release(&mut self, pair: u32, slot: u32) {
        let holders = &mut self.pairs[pair as usize].holders;
        match *holders {
            Holders::None => return,
            Holders::One(other) if other != slot => return,
            Holders::One(_) => *holders = Holders::None,
            Holders::Many(list) => {
                let list = &mut self.lists[list as usize];
                if let Ok(place) = list.binary_search(&slot) {
                    list.remove(place);
                }
                if !list.is_empty() {
                    return;
                }
                // The list's place is won back when all is built anew.
                *list = Vec::new();
                *holders = Holders::None;
            }
        }
        self.unused += 1;
    }
}

/// Slots are mostly given out in order: the end comes first.
fn place_of(list: &[u32], slot: u32) -> Result<usize, usize> {
    match list.last() {
        Some(last) if *last < slot => Err(list.len()),
        _ => list.binary_search(&slot),
    }
}

/// Room for one more, and for an eighth: doubling would waste too much of large lists.
pub(super) fn reserve<T>(list: &mut Vec<T>) {
    if list.len() == list.capacity() {
        list.reserve_exact(list.len() / 8 + 2);
    }
}

fn pair_hash(seed: u64, name: u32, value: &str) -> u64 {
    keyed_hash(seed ^ u64::from(name).wrapping_mul(0x9e37_79b9_7f4a_7c15), value.as_bytes())
}

impl Slots {
    /// Room for so many, where there are none yet.
    fn reserve(&mut self, count: usize) {
        if self.slots.is_empty() {
            // As many as they would have become.
            self.slots = vec![NONE; (count * 4).div_ceil(3).next_power_of_two()];
        }
    }

    fn find(&self, hash: u64, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        let mask = self.slots.len().checked_sub(1)?;
        let mut slot = hash as usize & mask;
        loop {
            match self.slots[slot] {
                NONE => return None,
                symbol if is_it(symbol) => return Some(symbol),
                _ => slot = (slot + 1) & mask,
            }
        }
    }

    /// Adds a symbol that is not there.
    fn insert(&mut self, symbol: u32, hash: impl Fn(u32) -> u64) {
        self.count += 1;
        if self.slots.len() * 3 < self.count * 4 {
            let old = std::mem::take(&mut self.slots);
            self.slots = vec![NONE; (old.len() * 2).max(8)];
            for symbol in old.into_iter().filter(|symbol| *symbol != NONE) {
                self.put(symbol, hash(symbol));
            }
        }
        self.put(symbol, hash(symbol));
    }

    fn put(&mut self, symbol: u32, hash: u64) {
        let mask = self.slots.len() - 1;
        let mut slot = hash as usize & mask;
        while self.slots[slot] != NONE {
            slot = (slot + 1) & mask;
        }
        self.slots[slot] = symbol;
    }
}
