//! Puts together what several sources have of one series.
//!
//! Sources have an order, the oldest first: what a source deletes is deleted of older ones, and of
//! two cells of a tick the one with the newer timestamp is seen, the one of the younger source
//! where they are equal. That is what a table would hold that did each write when it came.

use weft_daemons::contract::TableError;
use weft_gts::SeriesId;

use super::cells::Cells;
use super::file::{BlockMeta, FileCursor, Tombstone};
use super::memtable::{Memtable, Taken};

/// A part of a series.
#[derive(Debug)]
pub(super) struct Window {
    /// Newest first.
    pub(super) cells: Cells,
    /// The last tick, in the direction of reading, up to which nothing is missing; `None` when
    /// that is all there is.
    pub(super) until: Option<i64>,
}

/// What a source has within a window.
#[derive(Debug, Default)]
pub(super) struct Part {
    pub(super) cells: Cells,
    pub(super) tombstones: Vec<Tombstone>,
}

/// Reads on from one end of a range of ticks: about `limit` cells of each source.
pub(super) fn window(
    files: &mut [FileCursor],
    memtables: &[&Memtable],
    series: SeriesId,
    (oldest, newest): (i64, i64),
    is_up: bool,
    limit: usize,
) -> Result<Window, TableError> {
    let taken: Vec<Taken> = memtables
        .iter()
        .map(|memtable| memtable.take(series, (oldest, newest), is_up, limit))
        .collect();
    let mut found = Vec::with_capacity(files.len());
    let mut until: Option<i64> = None;
    let mut narrow = |bound: Option<i64>| {
        until = match (until, bound) {
            (Some(a), Some(b)) => Some(if is_up { a.min(b) } else { a.max(b) }),
            (a, b) => a.or(b),
        };
    };
    for file in files.iter_mut() {
        let (blocks, bound) = blocks(file, series, (oldest, newest), is_up, limit)?;
        narrow(bound);
        found.push(blocks);
    }
    taken.iter().for_each(|taken| narrow(taken.until));
    let (oldest, newest) = match until {
        None => (oldest, newest),
        Some(tick) if is_up => (oldest, newest.min(tick)),
        Some(tick) => (oldest.max(tick), newest),
    };
    let mut parts = Vec::with_capacity(files.len() + taken.len());
    for (file, blocks) in files.iter_mut().zip(found) {
        let mut part =
            Part { cells: Cells::default(), tombstones: file.tombstones(series)?.to_vec() };
        for block in blocks {
            if block.oldest <= newest && oldest <= block.newest {
                append_within(&mut part.cells, file.read(block)?, oldest, newest);
            }
        }
        parts.push(part);
    }
    for taken in taken {
        let mut part = Part { cells: Cells::default(), tombstones: taken.tombstones };
        append_within(&mut part.cells, taken.cells, oldest, newest);
        parts.push(part);
    }
    Ok(Window { cells: fold(parts), until })
}

/// The first blocks of a file, in the direction of reading, that have `limit` cells together; when
/// there are more, up to which tick these are complete.
fn blocks(
    file: &mut FileCursor,
    series: SeriesId,
    (oldest, newest): (i64, i64),
    is_up: bool,
    limit: usize,
) -> Result<(Vec<BlockMeta>, Option<i64>), TableError> {
    let (mut found, mut count, mut bound) = (Vec::new(), 0, None);
    if is_up {
        file.blocks(series, oldest, newest, |block| {
            found.push(block);
            false
        })?;
        let enough = found.iter().rev().position(|block| {
            count += block.count;
            count >= limit
        });
        if let Some(place) = enough.map(|place| found.len() - 1 - place).filter(|&place| place > 0)
        {
            bound = Some(found[place - 1].oldest.saturating_sub(1));
            found.drain(..place);
        }
    } else {
        file.blocks(series, oldest, newest, |block| {
            if count >= limit {
                bound = Some(block.newest.saturating_add(1));
                return true;
            }
            count += block.count;
            found.push(block);
            false
        })?;
    }
    Ok((found, bound))
}

/// Appends older cells, those with ticks within.
fn append_within(to: &mut Cells, cells: Cells, oldest: i64, newest: i64) {
    let ticks = &cells.points.ticks;
    let start = ticks.partition_point(|&tick| tick > newest);
    let end = ticks.partition_point(|&tick| tick >= oldest);
    if start == 0 && end == ticks.len() && to.is_empty() {
        *to = cells;
    } else if start < end {
        to.append(&cells.slice(start..end));
    }
}

/// Puts parts together, the oldest first.
pub(super) fn fold(mut parts: Vec<Part>) -> Cells {
    let hides_nothing = parts.iter().all(|part| part.tombstones.is_empty());
    let mut filled = parts.iter().enumerate().filter(|(_, part)| !part.cells.is_empty());
    let (Some((first, _)), second) = (filled.next(), filled.next()) else {
        return Cells::default();
    };
    if hides_nothing && second.is_none() {
        return std::mem::take(&mut parts[first].cells);
    }
    if hides_nothing && let Some(cells) = concatenated(&parts) {
        return cells;
    }
    let mut all = Cells::default();
    let mut entries: Vec<(i64, u32, u32)> = Vec::new();
    for (age, part) in parts.iter().enumerate() {
        let rows = all.len() as u32..;
        let ticks = part.cells.points.ticks.iter();
        entries.extend(ticks.zip(rows).map(|(&tick, row)| (tick, age as u32, row)));
        all.append(&part.cells);
    }
    entries.sort_unstable_by_key(|&(tick, age, _)| (std::cmp::Reverse(tick), age));
    let hidden = |age: u32, until: usize, tick: i64, row: u32| {
        let cell_ms = all.cell_ms.get(row as usize);
        let younger = &parts[age as usize + 1..until];
        younger.iter().any(|part| part.tombstones.iter().any(|t| t.hides(tick, cell_ms)))
    };
    let mut places = Vec::with_capacity(entries.len());
    for same in entries.chunk_by(|a, b| a.0 == b.0) {
        let mut seen: Option<(u32, u32)> = None;
        for &(tick, age, row) in same {
            seen = seen.filter(|&(seen_age, seen_row)| {
                !hidden(seen_age, age as usize + 1, tick, seen_row)
            });
            let is_newer = seen.is_none_or(|(_, seen_row)| {
                all.cell_ms.get(row as usize) >= all.cell_ms.get(seen_row as usize)
            });
            if is_newer {
                seen = Some((age, row));
            }
        }
        let tick = same[0].0;
        let seen = seen.filter(|&(age, row)| !hidden(age, parts.len(), tick, row));
        places.extend(seen.map(|(_, row)| row));
    }
    all.gather(&places)
}

/// Cells of parts that do not overlap.
fn concatenated(parts: &[Part]) -> Option<Cells> {
    let mut order: Vec<&Cells> =
        parts.iter().map(|part| &part.cells).filter(|cells| !cells.is_empty()).collect();
    order.sort_by_key(|cells| std::cmp::Reverse(cells.points.ticks[0]));
    let is_apart =
        order.windows(2).all(|pair| pair[0].points.ticks.last() > pair[1].points.ticks.first());
    is_apart.then(|| {
        let mut all = order[0].clone();
        order[1..].iter().for_each(|cells| all.append(cells));
        all
    })
}
