//! An index as bytes, piece by piece, and back: faster than building it from its rows, since each
//! text comes once and series come in order.
//!
//! A piece is a kind (a byte) and elements one behind the other, numbers as variable-length
//! integers:
//!
//! ```text
//! head      how many classes, names, pairs, series there are, and pairs of series
//! classes   length, text
//! names     length, text
//! pairs     name, length of the value, value
//! series    ids (16 bytes), last activity (8, little endian), class, count of labels, count of
//!           attributes, their pairs; in the order of ids
//! end       nothing
//! ```
//!
//! Classes, names and pairs are numbered in the order in which they come.

use std::ops::Bound;

use weft_gts::{SeriesId, varint};

use super::{Index, Series};
use crate::directory::symbols::reserve;

/// What pieces are made of and how: part of what a snapshot is known by.
pub(in crate::directory) const VERSION: u32 = 1;

/// Bytes of a piece, about.
const PIECE_BYTES: usize = 1 << 20;

/// The most elements for which room is made before they come.
const ROOM_MAX: usize = 1 << 27;

/// The most bytes of a text.
const TEXT_MAX: usize = u32::MAX as usize;

/// The kind of a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Head = 1,
    Classes,
    Names,
    Pairs,
    Series,
    End,
}

/// How far an index that does not change meanwhile has been saved.
#[derive(Debug)]
pub(in crate::directory) struct Saver {
    kind: Kind,
    /// Elements of the kind that were saved.
    saved: u32,
    /// The last series.
    after: Option<SeriesId>,
}

/// How far an index has been loaded.
#[derive(Debug)]
pub(in crate::directory) struct Loader {
    kind: Kind,
    /// What the head says.
    counts: [usize; 5],
    last: Option<SeriesId>,
}

/// A piece is not what belongs there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the snapshot of the index is damaged: {0}")]
pub(in crate::directory) struct Damaged(&'static str);

impl Default for Saver {
    fn default() -> Self {
        Self { kind: Kind::Head, saved: 0, after: None }
    }
}

impl Default for Loader {
    fn default() -> Self {
        Self { kind: Kind::Head, counts: [0; 5], last: None }
    }
}

impl Loader {
    /// Whether the last piece was loaded.
    pub(in crate::directory) fn is_complete(&self) -> bool {
        self.kind == Kind::End
    }
}

impl Saver {
    /// The next piece, and whether it is the last.
    pub(in crate::directory) fn piece(&mut self, index: &Index) -> (Vec<u8>, bool) {
        loop {
            let mut out = vec![self.kind as u8];
            match self.kind {
                // Once: the other kinds come until nothing of them is left.
                Kind::Head => {
                    for count in index.counts() {
                        varint::write_unsigned(&mut out, count as u64);
                    }
                    self.kind = Kind::Classes;
                    return (out, false);
                }
                Kind::Classes => {
                    self.texts(&mut out, index.classes.len(), |class| index.classes.get(class));
                }
                Kind::Names => {
                    self.texts(&mut out, index.names.len(), |name| index.names.get(name));
                }
                Kind::Pairs => self.elements(&mut out, index.pairs.len(), |out, pair| {
                    varint::write_unsigned(out, index.pairs.name(pair).into());
                    write_text(out, index.pairs.value(pair));
                }),
                Kind::Series => self.series(&mut out, index),
                Kind::End => return (out, true),
            }
            if out.len() > 1 {
                return (out, false);
            }
            self.saved = 0;
            self.kind = match self.kind {
                Kind::Head => Kind::Classes,
                Kind::Classes => Kind::Names,
                Kind::Names => Kind::Pairs,
                Kind::Pairs => Kind::Series,
                Kind::Series | Kind::End => Kind::End,
            };
        }
    }

    fn texts<'a>(&mut self, out: &mut Vec<u8>, count: usize, text: impl Fn(u32) -> &'a str) {
        self.elements(out, count, |out, symbol| write_text(out, text(symbol)));
    }

    fn elements(&mut self, out: &mut Vec<u8>, count: usize, write: impl Fn(&mut Vec<u8>, u32)) {
        while (self.saved as usize) < count && out.len() < PIECE_BYTES {
            write(out, self.saved);
            self.saved += 1;
        }
    }

    fn series(&mut self, out: &mut Vec<u8>, index: &Index) {
        let from = self.after.map_or(Bound::Unbounded, Bound::Excluded);
        for slot in index.order.from(from, |slot| index.id(slot)) {
            let series = index.series[slot as usize];
            out.extend_from_slice(&series.id.to_bytes());
            out.extend_from_slice(&series.last_activity.to_le_bytes());
            for number in [series.class, series.labels, series.attributes] {
                varint::write_unsigned(out, number.into());
            }
            let (labels, attributes) = index.pairs_of(slot);
            for pair in labels.iter().chain(attributes) {
                varint::write_unsigned(out, (*pair).into());
            }
            self.after = Some(series.id);
            if out.len() >= PIECE_BYTES {
                break;
            }
        }
    }
}

fn write_text(out: &mut Vec<u8>, text: &str) {
    varint::write_unsigned(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

impl Index {
    /// Classes, names, pairs, series, pairs of series.
    const fn counts(&self) -> [usize; 5] {
        let in_lists = self.lists.len() - self.dead;
        [self.classes.len(), self.names.len(), self.pairs.len(), self.len(), in_lists]
    }

    /// Takes the next piece in, into an index that was empty before the first. After an error what
    /// it holds is of no use.
    pub(in crate::directory) fn load(
        &mut self,
        loader: &mut Loader,
        piece: &[u8],
    ) -> Result<(), Damaged> {
        let mut input = Input { bytes: piece, position: 0 };
        let kind = match input.array::<1>()? {
            [1] => Kind::Head,
            [2] => Kind::Classes,
            [3] => Kind::Names,
            [4] => Kind::Pairs,
            [5] => Kind::Series,
            [6] => Kind::End,
            _ => return Err(Damaged("a piece of an unknown kind")),
        };
        if kind < loader.kind || loader.is_complete() {
            return Err(Damaged("a piece out of order"));
        }
        loader.kind = kind;
        match kind {
            Kind::Head => {
                for count in &mut loader.counts {
                    *count = input.number(usize::MAX)?;
                }
                let [_, _, pairs, series, in_lists] = loader.counts.map(|n| n.min(ROOM_MAX));
                self.pairs.reserve(pairs);
                self.series.reserve_exact(series);
                self.lists.reserve_exact(in_lists);
            }
            Kind::End if loader.counts != self.counts() => {
                return Err(Damaged("its counts are others"));
            }
            _ => {}
        }
        while !input.is_empty() {
            match kind {
                Kind::Head => return Err(Damaged("something behind its head")),
                Kind::Classes => {
                    self.classes.push(self.seed, input.text()?);
                    self.by_class.push(super::Class { id: None, count: 0 });
                }
                Kind::Names => {
                    self.names.push(self.seed, input.text()?);
                }
                Kind::Pairs => {
                    let name = input.symbol(self.names.len())?;
                    self.pairs.push(self.seed, name, input.text()?);
                }
                Kind::Series => self.load_series(loader, &mut input)?,
                Kind::End => return Err(Damaged("something behind its end")),
            }
        }
        Ok(())
    }

    fn load_series(&mut self, loader: &mut Loader, input: &mut Input<'_>) -> Result<(), Damaged> {
        let id = SeriesId::from_bytes(input.array()?);
        if loader.last.is_some_and(|last| last >= id) {
            return Err(Damaged("series out of order"));
        }
        loader.last = Some(id);
        let last_activity = i64::from_le_bytes(input.array()?);
        let class = input.symbol(self.classes.len())?;
        let [labels, attributes] = [(); 2].map(|()| input.number(u32::MAX as usize));
        let (labels, attributes) = (labels? as u32, attributes? as u32);
        let (slot, start) = (self.series.len() as u32, self.lists.len() as u32);
        for _ in 0..u64::from(labels) + u64::from(attributes) {
            let pair = input.symbol(self.pairs.len())?;
            self.pairs.hold(pair, slot);
            reserve(&mut self.lists);
            self.lists.push(pair);
        }
        self.count_class(class, id.class_id);
        reserve(&mut self.series);
        self.series.push(Series { id, last_activity, class, start, labels, attributes });
        self.order.push(slot);
        Ok(())
    }
}

/// What is left of a piece.
struct Input<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Input<'a> {
    fn is_empty(&self) -> bool {
        self.position >= self.bytes.len()
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Damaged> {
        let rest = self.bytes.get(self.position..).unwrap_or_default();
        let taken = rest.get(..length).ok_or(Damaged("it ends too early"))?;
        self.position += length;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Damaged> {
        self.take(N)?.try_into().map_err(|_| Damaged("it ends too early"))
    }

    fn number(&mut self, max: usize) -> Result<usize, Damaged> {
        let number = varint::read_unsigned(self.bytes, &mut self.position)
            .map_err(|_| Damaged("it ends too early"))?;
        let number = usize::try_from(number).ok().filter(|number| *number <= max);
        number.ok_or(Damaged("a number out of range"))
    }

    /// A number below `count`.
    fn symbol(&mut self, count: usize) -> Result<u32, Damaged> {
        let below = count.checked_sub(1).ok_or(Damaged("a number out of range"))?;
        Ok(self.number(below)? as u32)
    }

    fn text(&mut self) -> Result<&'a str, Damaged> {
        let length = self.number(TEXT_MAX)?;
        std::str::from_utf8(self.take(length)?).map_err(|_| Damaged("a text that is none"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use weft_gts::Metadata;

    use super::super::tests::{changes, index};
    use super::*;

    fn saved(index: &Index) -> Vec<Vec<u8>> {
        let mut saver = Saver::default();
        let mut pieces = Vec::new();
        loop {
            let (piece, is_last) = saver.piece(index);
            pieces.push(piece);
            if is_last {
                return pieces;
            }
        }
    }

    fn loaded(pieces: &[Vec<u8>]) -> Result<Index, Damaged> {
        let (mut index, mut loader) = (Index::new(7), Loader::default());
        pieces.iter().try_for_each(|piece| index.load(&mut loader, piece))?;
        if loader.is_complete() { Ok(index) } else { Err(Damaged("it ends too early")) }
    }

    proptest! {
        #[test]
        fn what_was_saved_is_loaded_and_goes_on(before in changes(), after in changes()) {
            let (saved_index, mut model) = index(&before);
            let mut index = loaded(&saved(&saved_index)).expect("it was just saved");
            prop_assert!(index.iter().eq(model.values().cloned()));
            prop_assert_eq!(index.class_count(), saved_index.class_count());
            // It is an index like any other: what it holds can be replaced and removed.
            let (_, changed) = super::super::tests::index(&after);
            for (number, (id, metadata)) in changed.into_iter().enumerate() {
                if number % 3 == 0 {
                    prop_assert_eq!(index.remove(id), model.remove(&id).is_some());
                } else {
                    index.insert(&metadata);
                    model.insert(id, metadata);
                }
            }
            prop_assert!(index.iter().eq(model.values().cloned()));
        }

        #[test]
        fn damage_is_an_error_or_an_index(
            changes in changes(),
            place: prop::sample::Index,
            byte: u8,
            cut: Option<prop::sample::Index>,
        ) {
            let mut pieces = saved(&index(&changes).0);
            let number = place.index(pieces.len());
            let piece = &mut pieces[number];
            let at = place.index(piece.len());
            piece[at] = byte;
            if let Some(cut) = cut {
                piece.truncate(cut.index(piece.len()));
            }
            if let Ok(index) = loaded(&pieces) {
                prop_assert_eq!(index.iter().count(), index.len());
            }
        }
    }

    #[test]
    fn a_large_index_comes_in_pieces() {
        let mut index = Index::new(3);
        for number in 0..30_000i64 {
            let labels = [("l", format!("{number:0>60}"))].into_iter().collect();
            let id = SeriesId { class_id: number % 7, labels_id: number };
            index.insert(&Metadata { id, ..Metadata::new(format!("c{}", number % 7), labels) });
        }
        let pieces = saved(&index);
        assert!(pieces.len() > 5, "{}", pieces.len());
        assert!(pieces.iter().all(|piece| piece.len() < PIECE_BYTES + 200));
        let other = loaded(&pieces).expect("it was just saved");
        assert!(other.iter().eq(index.iter()));
        let without = |left: usize| {
            let mut some = pieces.clone();
            some.remove(left);
            loaded(&some).err()
        };
        for left in 0..pieces.len() {
            assert!(without(left).is_some(), "without piece {left}");
        }
    }
}
