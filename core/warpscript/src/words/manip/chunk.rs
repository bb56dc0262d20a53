//! CHUNK: splitting by time into pieces of one width.

use std::collections::BTreeMap;

use weft_gts::{Bucket, Columns, Metadata, Value as PointValue, utf8};

use crate::error::{Fault, Kind, Result};
use crate::heap::{Encoder, Gts, Text};
use crate::machine::Machine;
use crate::value::{Handle, Value};
use crate::words::points;

/// What a chunk takes at least.
const CHUNK_BYTES: usize = 256;

/// How to cut.
struct Cut {
    /// End of the newest chunk; 0 finds one.
    last: i64,
    width: i64,
    /// How many chunks; 0 takes as many as there are points for.
    count: i64,
    label: Text,
    keep_empty: bool,
    overlap: i64,
}

pub(super) fn chunk(vm: &mut Machine) -> Result {
    let keep_empty = vm.pop_boolean(
        "expects on top of the stack a boolean indicating whether or not to keep empty chunks.",
    )?;
    let label = vm.pop_text("expects the name of the 'chunk' label below the top of the stack.")?;
    let count = vm.pop_long("expects a number of chunks under the 'chunk' label.")?;
    let overlap = vm.pop_long("expects an overlap below the number of chunks.")?.max(0);
    let message = "expects a chunk width on top of the end timestamp of the most recent chunk.";
    let width = vm.pop_long(message)?;
    let message = "expects the end timestamp of the most recent chunk under the chunk width.";
    let last = vm.pop_long(message)?;
    let cut = Cut { last, width, count, label, keep_empty, overlap };
    let is_encoder = matches!(vm.visible().last(), Some(Value::Encoder(_)));
    if vm.word.name == "CHUNKENCODER" && !is_encoder {
        return Err(vm.error("operates on an encoder instance."));
    }
    points::each(vm, |vm, value| {
        let metadata = match value {
            Value::Gts(handle) => &vm.heap.gts(handle).series.metadata,
            Value::Encoder(handle) => &vm.heap.encoder(handle).metadata,
            _ => {
                return Err(vm.error(
                    "expects a Geo Time Series, a GTSEncoder or a list thereof under the lastchunk \
                     parameter.",
                ));
            }
        };
        if cut.overlap > cut.width {
            return Err(Fault::text("Overlap cannot exceed chunk width."));
        }
        if metadata.labels.contains(&cut.label) {
            let label = &cut.label;
            return Err(Fault::text(format!(
                "Cannot operate on series which already have a label named '{label}'"
            )));
        }
        match value {
            Value::Gts(handle) => chunk_series(vm, handle, &cut),
            Value::Encoder(handle) => {
                let encoder = vm.heap.encoder(handle);
                let (metadata, columns) = (encoder.metadata.clone(), encoder.points.clone());
                chunk_encoder(vm, &metadata, &columns, &cut)
            }
            _ => Ok(value),
        }
    })
}

fn by_zero() -> Fault {
    Fault::kind(Kind::Arithmetic, "/ by zero")
}

/// A chunk of a series: the places of its points and its buckets.
struct Piece {
    places: Vec<u32>,
    bucket: Option<Bucket>,
}

fn chunk_series(vm: &mut Machine, handle: Handle<Gts>, cut: &Cut) -> Result<Value> {
    let gts = vm.heap.gts(handle);
    let bucket = points::bucket(gts);
    if bucket.is_some_and(|b| b.span > cut.width) {
        return Err(Fault::text(
            "Cannot operate on Geo Time Series with a bucketspan greater than the chunk width.",
        ));
    }
    if bucket.is_none() && gts.series.points.is_empty() && cut.last == 0 {
        return vm.heap.new_list(Vec::new());
    }
    if cut.width == 0 {
        return Err(by_zero());
    }
    points::claim_copy(vm, handle)?;
    points::sort_in_place(vm, handle, true)?;
    let gts = vm.heap.gts(handle);
    let newest_tick = points::last_tick(gts);
    let ticks = gts.series.points.ticks.clone();
    let (last, count) = bounds(cut, &ticks, bucket, newest_tick)?;
    let mut pieces = cut_pieces(vm, cut, &ticks, bucket, (last, count))?;
    if cut.overlap > 0 {
        overlap_pieces(&mut pieces, cut, &ticks);
        pieces.remove(&last);
        pieces.remove(&last.wrapping_sub(count.wrapping_sub(1).wrapping_mul(cut.width)));
    }
    let mut results = Vec::with_capacity(pieces.len());
    for (end, piece) in pieces {
        if !cut.keep_empty && piece.places.is_empty() {
            continue;
        }
        let gts = vm.heap.gts(handle);
        let mut chunk = super::split::part(gts, &piece.places, &cut.label, end.to_string());
        chunk.series.bucket = piece.bucket;
        vm.charge(piece.places.len());
        results.push(points::new_gts(vm, chunk)?);
    }
    vm.heap.new_list(results)
}

/// The end of the newest chunk and how many chunks there are, two more at the ends when chunks
/// overlap.
fn bounds(
    cut: &Cut,
    ticks: &[i64],
    bucket: Option<Bucket>,
    newest_tick: i64,
) -> Result<(i64, i64)> {
    let mut count = if cut.count == 0 { i64::from(i32::MAX) } else { cut.count };
    let mut last = cut.last;
    if last == 0 {
        last = match bucket {
            Some(bucket) => bucket.last,
            None => {
                let newest = *ticks.first().ok_or_else(Fault::bounds)?;
                match newest.wrapping_rem(cut.width) {
                    0 => newest,
                    rest => newest.wrapping_sub(rest).wrapping_add(cut.width),
                }
            }
        };
    }
    if !cut.keep_empty && last > newest_tick {
        let skipped = last.wrapping_sub(newest_tick).wrapping_div(cut.width);
        if cut.count != 0 {
            count = count.wrapping_sub(skipped);
        }
        last = last.wrapping_sub(cut.width.wrapping_mul(skipped));
    }
    if cut.overlap > 0 {
        count = count.wrapping_add(2);
        last = last.wrapping_add(cut.width);
    }
    Ok((last, count))
}

/// Cuts the points, newest first, without overlap.
fn cut_pieces(
    vm: &mut Machine,
    cut: &Cut,
    ticks: &[i64],
    bucket: Option<Bucket>,
    (last, count): (i64, i64),
) -> Result<BTreeMap<i64, Piece>> {
    let with_empty = cut.keep_empty || cut.overlap > 0;
    let mut pieces = BTreeMap::new();
    let mut next = 0;
    let mut number = 0i64;
    while number < count {
        if next >= ticks.len() && cut.count == 0 {
            break;
        }
        let end = last.wrapping_sub(number.wrapping_mul(cut.width));
        let start = end.wrapping_sub(cut.width).wrapping_add(1);
        while next < ticks.len() && ticks[next] > end {
            next += 1;
        }
        let outside = bucket.is_some_and(|b| {
            b.last < start || end <= b.last.wrapping_sub(b.count.wrapping_mul(b.span))
        });
        let first = next;
        if !outside {
            while next < ticks.len() && ticks[next] >= start {
                next += 1;
            }
        }
        if next > first || with_empty {
            vm.charge(16);
            vm.heap.claim(pieces.len().saturating_mul(CHUNK_BYTES))?;
            let places = (first as u32..next as u32).collect();
            let bucket = if outside { bucket } else { piece_bucket(bucket, cut, end) };
            pieces.insert(end, Piece { places, bucket });
            number += 1;
        } else {
            // Empty chunks that nobody wants are skipped at once.
            let until = match bucket {
                Some(bucket) if outside && bucket.last < start => bucket.last,
                _ if outside || next >= ticks.len() => break,
                _ => ticks[next],
            };
            let skipped = (i128::from(end) - i128::from(until)) / i128::from(cut.width);
            number = number.saturating_add((skipped as i64).max(1));
        }
    }
    Ok(pieces)
}

/// The buckets of a chunk: those of the series when they fit into it.
fn piece_bucket(bucket: Option<Bucket>, cut: &Cut, end: i64) -> Option<Bucket> {
    let bucket = bucket?;
    if cut.width.wrapping_rem(bucket.span) != 0 {
        return None;
    }
    let count = i64::from(cut.width.wrapping_div(bucket.span) as i32);
    Some(Bucket { last: end, span: bucket.span, count })
}

/// Adds to each chunk the points of its neighbours that it overlaps: of the older one newest first,
/// of the newer one oldest first.
fn overlap_pieces(pieces: &mut BTreeMap<i64, Piece>, cut: &Cut, ticks: &[i64]) {
    let ends: Vec<i64> = pieces.keys().copied().collect();
    let own: Vec<Vec<u32>> = pieces.values().map(|p| p.places.clone()).collect();
    for (index, (end, piece)) in ends.iter().zip(pieces.values_mut()).enumerate() {
        let lower = end.wrapping_sub(cut.width).wrapping_add(1).wrapping_sub(cut.overlap);
        let upper = end.wrapping_add(cut.overlap);
        if let Some(older) = index.checked_sub(1).and_then(|i| own.get(i)) {
            let wanted = older.iter().take_while(|p| ticks[**p as usize] >= lower);
            piece.places.extend(wanted);
        }
        if let Some(newer) = own.get(index + 1) {
            let wanted = newer.iter().rev().take_while(|p| ticks[**p as usize] <= upper);
            piece.places.extend(wanted);
        }
    }
}

fn chunk_encoder(
    vm: &mut Machine,
    metadata: &Metadata,
    columns: &Columns,
    cut: &Cut,
) -> Result<Value> {
    if columns.is_empty() && cut.last == 0 {
        return vm.heap.new_list(Vec::new());
    }
    if cut.width == 0 {
        return Err(by_zero());
    }
    vm.charge(columns.len() * 2);
    vm.heap.claim(columns.len().saturating_mul(96))?;
    let mut chunks = encoder_pieces(columns, cut);
    let newest = chunks.keys().next_back().copied().unwrap_or(i64::MIN);
    let oldest = chunks.keys().next().copied().unwrap_or(i64::MAX);
    let first = match cut.count {
        0 => oldest,
        count => cut.last.wrapping_sub(count.wrapping_sub(1).wrapping_mul(cut.width)),
    };
    let mut last = if cut.last == 0 { newest } else { cut.last };
    let mut count = if cut.count == 0 { i64::from(i32::MAX) } else { cut.count };
    if !cut.keep_empty && last > newest {
        if cut.count != 0 {
            count = count.wrapping_sub(last.wrapping_sub(newest).wrapping_div(cut.width));
        }
        last = newest;
    }
    let mut results = Vec::new();
    let mut end = last;
    while end >= first {
        let number = last.wrapping_sub(end).wrapping_div(cut.width);
        if cut.count != 0 && number >= count {
            break;
        }
        let points = chunks.remove(&end);
        if points.is_some() || cut.keep_empty {
            let mut metadata = metadata.clone();
            metadata.labels.insert(&*cut.label, end.to_string());
            let points = points.unwrap_or_default();
            let encoder = Encoder { metadata, points, ..Encoder::default() };
            results.push(Value::Encoder(vm.heap.alloc_encoder(encoder)?));
            vm.charge(16);
        }
        let next = match cut.keep_empty {
            true => end.checked_sub(cut.width),
            false => chunks.range(..end).next_back().map(|(end, _)| *end),
        };
        match next {
            Some(next) if next < end => end = next,
            _ => break,
        }
    }
    results.reverse();
    vm.heap.new_list(results)
}

/// The points of each chunk, in their order, by the end of the chunk.
fn encoder_pieces(columns: &Columns, cut: &Cut) -> BTreeMap<i64, Columns> {
    let mut chunks: BTreeMap<i64, Columns> = BTreeMap::new();
    for point in columns.iter() {
        let value = match point.value {
            PointValue::Bytes(bytes) => PointValue::String(utf8::from_latin1(&bytes).into()),
            value => value,
        };
        let distance = point.tick.wrapping_sub(cut.last);
        let rest = distance.wrapping_rem(cut.width);
        let end = match rest {
            0 => point.tick,
            rest if distance < 0 => point.tick.wrapping_sub(rest),
            rest => point.tick.wrapping_sub(rest).wrapping_add(cut.width),
        };
        let mut ends = vec![end];
        if cut.overlap > 0 {
            if point.tick >= end.wrapping_add(1).wrapping_sub(cut.overlap) {
                ends.push(end.wrapping_add(cut.width));
            }
            if point.tick <= end.wrapping_sub(cut.width).wrapping_add(cut.overlap) {
                ends.push(end.wrapping_sub(cut.width));
            }
        }
        for end in ends {
            let chunk = chunks.entry(end).or_default();
            chunk.push(point.tick, point.location, point.elevation, value.clone());
        }
    }
    chunks
}
