//! Streams: fetches and scans, one item at a time.

use std::sync::{Arc, Mutex};

use weft_daemons::contract::table::{CHUNK_POINTS_MAX, FetchRequest, Slice};
use weft_daemons::contract::{ActionId, TableError, TableEvent};
use weft_daemons::select::Selection;
use weft_gts::{Columns, SeriesId};

use super::cells::Cells;
use super::engine::{Engine, Snapshot};
use super::memtable::Memtable;
use super::merge::window;
use super::metadata::Metadata;
use super::{Sink, now_ms};

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
    /// Cells that were read and not looked at yet, in the order of reading.
    read: Cells,
    looked_at: usize,
    snapshot: Option<Snapshot>,
}

/// Which part of a series comes next. `from` is the next tick to read, `None` after the last.
enum Part {
    /// After the range, upwards: so many more.
    Post { left: u64, from: Option<i64> },
    /// In the range, downwards.
    Range { selection: Selection, from: Option<i64> },
    /// Before the range, downwards: so many more.
    Pre { left: u64, from: Option<i64> },
}

impl Stream {
    pub(super) fn fetch(id: ActionId, request: FetchRequest) -> Self {
        let part = Part::first(&request);
        let read = Cells::default();
        let fetch = Fetch { part, request, series: 0, read, looked_at: 0, snapshot: None };
        Self { id, kind: Kind::Fetch(Box::new(fetch)), is_over: false }
    }

    pub(super) const fn scan(id: ActionId, slice: Slice) -> Self {
        Self { id, kind: Kind::Scan { slice, after: None }, is_over: false }
    }

    pub(super) const fn is_over(&self) -> bool {
        self.is_over
    }

    /// The next item; `None` after the end.
    pub(super) fn next(&mut self, engine: &Engine, metadata: &Metadata) -> Option<TableEvent> {
        if self.is_over {
            return None;
        }
        let id = self.id;
        let item = match &mut self.kind {
            Kind::Fetch(fetch) => fetch.next(engine).map(|found| {
                found.map(|(series, points)| TableEvent::Points { id, series, points })
            }),
            Kind::Scan { slice, after } => metadata
                .scan(*slice, after)
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

impl Fetch {
    /// The next datapoints. Within a series each reading begins from what there is then.
    fn next(&mut self, engine: &Engine) -> Result<Option<(usize, Columns)>, TableError> {
        engine.snapshot(&mut self.snapshot);
        let item = self.item(now_ms());
        // A client that is slow must not hold memory that was flushed.
        if let Some(snapshot) = &mut self.snapshot {
            snapshot.memtables.clear();
        }
        item
    }

    fn item(&mut self, now_ms: i64) -> Result<Option<(usize, Columns)>, TableError> {
        while let Some(&series) = self.request.series.get(self.series) {
            let index = self.series;
            if self.looked_at < self.read.len() && !self.part.is_done() {
                let points = self.take(now_ms);
                if !points.is_empty() {
                    return Ok(Some((index, points)));
                }
                continue;
            }
            (self.read, self.looked_at) = (Cells::default(), 0);
            if !self.fill(series)? {
                match self.part.after(&self.request, index) {
                    Some(part) => self.part = part,
                    None => {
                        self.part = Part::first(&self.request);
                        self.series += 1;
                    }
                }
            }
        }
        Ok(None)
    }

    /// Reads more cells of the part. False when there are no more.
    fn fill(&mut self, series: SeriesId) -> Result<bool, TableError> {
        let Some((from, last, is_up, limit)) = self.part.wants(self.request.start) else {
            return Ok(false);
        };
        let Some(snapshot) = &mut self.snapshot else { return Ok(false) };
        let memtables: Vec<&Memtable> = snapshot.memtables.iter().map(|m| &**m).collect();
        let range = if is_up { (from, last) } else { (last, from) };
        if range.0 > range.1 {
            return Ok(false);
        }
        let found = window(&mut snapshot.files, &memtables, series, range, is_up, limit)?;
        self.read = found.cells;
        if is_up {
            self.read.reverse();
        }
        let step = |tick: i64| if is_up { tick.checked_add(1) } else { tick.checked_sub(1) };
        self.part.go_on(found.until.and_then(step));
        Ok(true)
    }

    /// Takes from what was read what the part wants, at most a chunk.
    fn take(&mut self, now_ms: i64) -> Columns {
        let (read, part) = (&self.read, &mut self.part);
        let end = read.len().min(self.looked_at + CHUNK_POINTS_MAX);
        let rows = std::mem::replace(&mut self.looked_at, end)..end;
        let all_live = match (read.cell_ms.only(), read.ttl_ms.only()) {
            (Some(_), Some(_)) => read.expiry_ms(0) > now_ms,
            _ => read.cell_ms.least().saturating_add(read.ttl_ms.least()) > now_ms,
        };
        if all_live && part.takes_all() {
            return read.points.slice(rows);
        }
        let mut places = Vec::new();
        for row in rows {
            if part.is_done() {
                break;
            }
            let is_live = all_live || read.expiry_ms(row) > now_ms;
            if is_live && part.takes(read.points.ticks[row]) {
                places.push(row as u32);
            }
        }
        read.points.gather(&places)
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

    /// What to read: the first tick, the last, whether upwards, about how many cells.
    fn wants(&self, start: i64) -> Option<(i64, i64, bool, usize)> {
        if self.is_done() {
            return None;
        }
        let limit = |left: u64| usize::try_from(left).unwrap_or(usize::MAX).min(CHUNK_POINTS_MAX);
        match self {
            Self::Post { left, from } => Some(((*from)?, i64::MAX, true, limit(*left))),
            Self::Range { selection, from } => {
                Some(((*from)?, start, false, limit(selection.at_most().unwrap_or(u64::MAX))))
            }
            Self::Pre { left, from } => Some(((*from)?, i64::MIN, false, limit(*left))),
        }
    }

    const fn takes_all(&self) -> bool {
        match self {
            Self::Range { selection, .. } => selection.takes_all(),
            Self::Post { .. } | Self::Pre { .. } => false,
        }
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

    const fn go_on(&mut self, next: Option<i64>) {
        let (Self::Post { from, .. } | Self::Range { from, .. } | Self::Pre { from, .. }) = self;
        *from = next;
    }
}
