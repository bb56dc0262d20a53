//! Streams: fetches and scans, one item at a time.

use std::ops::Bound;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use weft_daemons::contract::table::{CHUNK_POINTS_MAX, CHUNK_ROWS_MAX, FetchRequest, Slice};
use weft_daemons::contract::{ActionId, TableError, TableEvent};
use weft_daemons::select::Selection;
use weft_gts::{Columns, SeriesId};

use super::cell;
use super::write::unavailable;
use super::{Sink, Store};

/// Cells that one item may pass over before another stream has its turn.
const CELLS_MAX: usize = 262_144;

/// What a reading thread is told.
pub(super) enum Job {
    Next(Arc<Mutex<Stream>>, Sink),
    Close,
}

/// A stream.
pub(super) struct Stream {
    id: ActionId,
    kind: Kind,
    is_over: bool,
}

enum Kind {
    Fetch(Box<Fetch>),
    Scan { slice: Slice, after: Option<[u8; 16]> },
}

/// A fetch under way.
struct Fetch {
    request: FetchRequest,
    series: usize,
    part: Part,
}

/// Which part of a series comes next.
enum Part {
    /// After the range: so many more, from that tick up. `None` when there are no more ticks.
    Post { left: u64, from: Option<i64> },
    /// In the range, from that tick down.
    Range { selection: Selection, from: Option<i64> },
    /// Before the range: so many more, from that tick down.
    Pre { left: u64, from: Option<i64> },
}

impl Stream {
    pub(super) fn fetch(id: ActionId, request: FetchRequest) -> Self {
        let fetch = Fetch { part: Part::first(&request), request, series: 0 };
        Self { id, kind: Kind::Fetch(Box::new(fetch)), is_over: false }
    }

    pub(super) const fn scan(id: ActionId, slice: Slice) -> Self {
        Self { id, kind: Kind::Scan { slice, after: None }, is_over: false }
    }

    pub(super) const fn is_over(&self) -> bool {
        self.is_over
    }

    /// The next item; `None` after the end.
    pub(super) fn next(&mut self, store: &Store) -> Option<TableEvent> {
        if self.is_over {
            return None;
        }
        let id = self.id;
        let item = match &mut self.kind {
            Kind::Fetch(fetch) => fetch.next(store).map(|found| {
                found.map(|(series, points)| TableEvent::Points { id, series, points })
            }),
            Kind::Scan { slice, after } => scan(store, *slice, after)
                .map(|rows| (!rows.is_empty()).then_some(TableEvent::Rows { id, rows })),
        };
        Some(match item {
            Ok(Some(event)) => event,
            Ok(None) => {
                self.is_over = true;
                TableEvent::End { id, result: Ok(()) }
            }
            Err(error) => {
                self.is_over = true;
                TableEvent::End { id, result: Err(error) }
            }
        })
    }
}

impl Part {
    const fn first(request: &FetchRequest) -> Self {
        Self::Post { left: request.post_boundary, from: request.end.checked_add(1) }
    }

    /// The part after this one; `None` after the last.
    fn after(&self, request: &FetchRequest, series: usize) -> Option<Self> {
        match self {
            Self::Post { .. } => {
                let selection = Selection::new(request, series);
                Some(Self::Range { selection, from: Some(request.end) })
            }
            Self::Range { .. } => {
                Some(Self::Pre { left: request.pre_boundary, from: request.start.checked_sub(1) })
            }
            Self::Pre { .. } => None,
        }
    }
}

impl Fetch {
    fn next(&mut self, store: &Store) -> Result<Option<(usize, Columns)>, TableError> {
        while let Some(&series) = self.request.series.get(self.series) {
            let (index, mut points) = (self.series, Columns::default());
            if !self.part.read(store, series, self.request.start, &mut points)? {
                match self.part.after(&self.request, index) {
                    Some(part) => self.part = part,
                    None => {
                        self.part = Part::first(&self.request);
                        self.series += 1;
                    }
                }
            }
            if !points.is_empty() {
                return Ok(Some((index, points)));
            }
        }
        Ok(None)
    }
}

impl Part {
    /// Reads a chunk. Whether there may be more.
    fn read(
        &mut self,
        store: &Store,
        series: SeriesId,
        start: i64,
        points: &mut Columns,
    ) -> Result<bool, TableError> {
        let now_ms = now_ms();
        let (from, last, is_up) = match self {
            Self::Post { left, from } => {
                (if *left > 0 { from } else { return Ok(false) }, i64::MAX, true)
            }
            Self::Range { selection, from } => {
                (if selection.is_done() { return Ok(false) } else { from }, start, false)
            }
            Self::Pre { left, from } => {
                (if *left > 0 { from } else { return Ok(false) }, i64::MIN, false)
            }
        };
        let Some(first) = *from else { return Ok(false) };
        if !is_up && first < last {
            return Ok(false);
        }
        for (passed, entry) in cells(store, series, first, last, is_up).enumerate() {
            let (key, value) = entry.into_inner().map_err(unavailable)?;
            let tick = cell::tick_of(&key)?;
            let is_alive = !cell::is_expired(&value, now_ms);
            if is_alive && self.takes(tick) {
                cell::read(points, tick, &value)?;
            }
            self.go_on_after(tick, is_up);
            if self.is_done() {
                return Ok(false);
            }
            if points.len() >= CHUNK_POINTS_MAX || passed + 1 >= CELLS_MAX {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn takes(&mut self, tick: i64) -> bool {
        match self {
            Self::Range { selection, .. } => selection.takes(tick),
            Self::Post { left, .. } | Self::Pre { left, .. } => {
                *left -= 1;
                true
            }
        }
    }

    const fn is_done(&self) -> bool {
        match self {
            Self::Range { selection, .. } => selection.is_done(),
            Self::Post { left, .. } | Self::Pre { left, .. } => *left == 0,
        }
    }

    const fn go_on_after(&mut self, tick: i64, is_up: bool) {
        let (Self::Post { from, .. } | Self::Range { from, .. } | Self::Pre { from, .. }) = self;
        *from = if is_up { tick.checked_add(1) } else { tick.checked_sub(1) };
    }
}

/// The cells between two ticks, inclusive, in the order of reading.
fn cells(
    store: &Store,
    series: SeriesId,
    first: i64,
    last: i64,
    is_up: bool,
) -> Box<dyn Iterator<Item = fjall::Guard>> {
    if is_up {
        Box::new(store.data.range(cell::key(series, last)..=cell::key(series, first)).rev())
    } else {
        Box::new(store.data.range(cell::key(series, first)..=cell::key(series, last)))
    }
}

fn scan(
    store: &Store,
    slice: Slice,
    after: &mut Option<[u8; 16]>,
) -> Result<Vec<(SeriesId, Bytes)>, TableError> {
    let from = after.map_or(Bound::Unbounded, Bound::Excluded);
    let mut rows = Vec::new();
    for entry in store.metadata.range::<[u8; 16], _>((from, Bound::Unbounded)) {
        let (key, value) = entry.into_inner().map_err(unavailable)?;
        let key: [u8; 16] =
            key.as_ref().try_into().map_err(|_| cell::corrupt("a metadata key is not an id"))?;
        *after = Some(key);
        let series = SeriesId::from_bytes(key);
        if series.in_slice(slice.modulus, slice.remainder) {
            rows.push((series, Bytes::copy_from_slice(cell::split_row(&value)?.1)));
            if rows.len() >= CHUNK_ROWS_MAX {
                break;
            }
        }
    }
    Ok(rows)
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
