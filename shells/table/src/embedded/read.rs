//! Streams: fetches and scans, told one item at a time and read some ahead.
//!
//! Series may have few datapoints: a change of threads for each item would take longer than reading
//! it. So a reading thread fills a queue, which whoever asks for an item empties.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use weft_daemons::contract::table::{CHUNK_POINTS_MAX, CHUNK_ROWS_MAX, FetchRequest, Slice};
use weft_daemons::contract::{ActionId, TableError, TableEvent};
use weft_daemons::select::Selection;
use weft_gts::{Columns, SeriesId};

use super::cells::Cells;
use super::engine::{Engine, Snapshot};
use super::memtable::Memtable;
use super::merge::window;
use super::metadata::Metadata;
use super::snapshot::Reading;
use super::{Sink, now_ms};

/// Items that are read at once, and those left in the queue at which more are read.
const ITEMS: usize = 256;
const ITEMS_FEW: usize = 64;

/// What a reading thread is told.
pub(super) enum Job {
    Fill(Arc<Stream>, Sink),
    Close,
}

/// A stream, as who asks and who reads share it.
pub(super) struct Stream {
    /// Held by the thread that reads.
    source: Mutex<Source>,
    queue: Mutex<Queue>,
}

/// What was read and not told, or asked for and not read.
#[derive(Default)]
struct Queue {
    items: VecDeque<TableEvent>,
    /// Items that were asked for and are not read yet.
    wanted: usize,
    /// A thread reads, or is about to.
    is_filling: bool,
    /// There is nothing more to read.
    is_read: bool,
    /// Nobody wants the rest.
    is_cancelled: bool,
}

impl Queue {
    /// Whether there is so much that nothing more needs to be read now.
    fn is_full(&self) -> bool {
        let points: usize = self.items.iter().map(weight).sum();
        self.items.len() >= ITEMS || points >= CHUNK_POINTS_MAX
    }
}

/// How many datapoints an item is worth: other items are large.
fn weight(item: &TableEvent) -> usize {
    match item {
        TableEvent::Points { points, .. } => points.len(),
        _ => CHUNK_POINTS_MAX,
    }
}

/// Where items come from.
struct Source {
    id: ActionId,
    kind: Kind,
}

enum Kind {
    Fetch(Box<Fetch>),
    Scan(Scan),
}

/// A scan of metadata rows under way.
struct Scan {
    slice: Slice,
    stage: Stage,
}

/// What a scan reads next.
enum Stage {
    /// The snapshot with this tag, if there is one.
    Wanted(u64),
    Pieces(Box<Reading>),
    /// Rows that changed since and are not read yet, the last ones first, and those that were read
    /// and are not there.
    Changed {
        left: Vec<SeriesId>,
        gone: Vec<SeriesId>,
    },
    /// All rows after this one.
    Rows(Option<[u8; 16]>),
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
        Self::new(id, Kind::Fetch(Box::new(fetch)))
    }

    pub(super) fn scan(id: ActionId, slice: Slice, snapshot: Option<u64>) -> Self {
        let stage = snapshot.map_or(Stage::Rows(None), Stage::Wanted);
        Self::new(id, Kind::Scan(Scan { slice, stage }))
    }

    fn new(id: ActionId, kind: Kind) -> Self {
        Self { source: Mutex::new(Source { id, kind }), queue: Mutex::default() }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether everything was told.
    pub(super) fn is_over(&self) -> bool {
        let queue = self.queue();
        queue.is_read && queue.items.is_empty()
    }

    pub(super) fn cancel(&self) {
        self.queue().is_cancelled = true;
    }

    /// One more item is wanted: the item, when it is there, and whether [`Stream::fill`] is to be
    /// called.
    pub(super) fn next(&self) -> (Option<TableEvent>, bool) {
        let mut queue = self.queue();
        let item = queue.items.pop_front();
        if item.is_none() && !queue.is_read {
            queue.wanted += 1;
        }
        let is_low = queue.wanted > 0 || queue.items.len() < ITEMS_FEW && !queue.is_full();
        let fills = is_low && !queue.is_filling && !queue.is_read;
        queue.is_filling |= fills;
        (item, fills)
    }

    /// Reads until there is enough ahead, and tells what is waited for.
    pub(super) fn fill(&self, engine: &Engine, metadata: &Metadata, sink: &Sink) {
        let mut source = self.source.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let items = source.read(engine, metadata);
            let mut queue = self.queue();
            queue.is_read = matches!(items.last(), None | Some(TableEvent::End { .. }));
            queue.items.extend(items);
            while queue.wanted > 0 && !queue.is_cancelled {
                let Some(item) = queue.items.pop_front() else { break };
                queue.wanted -= 1;
                sink(item);
            }
            if queue.is_full() || queue.is_read || queue.is_cancelled {
                queue.is_filling = false;
                return;
            }
        }
    }
}

impl Source {
    /// The next items, up to [`CHUNK_POINTS_MAX`] datapoints and a chunk, the last of all an end.
    fn read(&mut self, engine: &Engine, metadata: &Metadata) -> Vec<TableEvent> {
        let (id, mut items, mut read) = (self.id, Vec::new(), 0);
        if let Kind::Fetch(fetch) = &mut self.kind {
            engine.snapshot(&mut fetch.snapshot);
        }
        let now_ms = now_ms();
        while items.len() < ITEMS && read < CHUNK_POINTS_MAX {
            let item = match &mut self.kind {
                Kind::Fetch(fetch) => fetch.item(now_ms).map(|found| {
                    found.map(|(series, points)| TableEvent::Points { id, series, points })
                }),
                Kind::Scan(scan) => scan.item(id, metadata),
            };
            let item = match item {
                Ok(Some(item)) => item,
                Ok(None) => TableEvent::End { id, result: Ok(()) },
                Err(error) => TableEvent::End { id, result: Err(error) },
            };
            read += weight(&item);
            let is_last = matches!(item, TableEvent::End { .. });
            items.push(item);
            if is_last {
                break;
            }
        }
        // A client that is slow must not hold memory that was flushed.
        if let Kind::Fetch(fetch) = &mut self.kind
            && let Some(snapshot) = &mut fetch.snapshot
        {
            snapshot.memtables.clear();
        }
        items
    }
}

impl Scan {
    /// The next item; `None` after the last.
    fn item(
        &mut self,
        id: ActionId,
        metadata: &Metadata,
    ) -> Result<Option<TableEvent>, TableError> {
        let slice = self.slice;
        loop {
            match &mut self.stage {
                Stage::Wanted(tag) => {
                    let reading = metadata.snapshots()?.read(*tag).map_err(useless)?;
                    self.stage = reading.map_or(Stage::Rows(None), |r| Stage::Pieces(Box::new(r)));
                }
                Stage::Pieces(reading) => match reading.piece().map_err(useless)? {
                    Some(piece) => return Ok(Some(TableEvent::Snapshot { id, piece })),
                    None => {
                        let left = std::mem::take(&mut reading.changed);
                        self.stage = Stage::Changed { left, gone: Vec::new() };
                    }
                },
                Stage::Changed { left, gone } => {
                    if !gone.is_empty() {
                        let series = std::mem::take(gone);
                        return Ok(Some(TableEvent::Gone { id, series }));
                    }
                    if left.is_empty() {
                        return Ok(None);
                    }
                    let chunk = left.split_off(left.len().saturating_sub(CHUNK_ROWS_MAX));
                    let rows;
                    (rows, *gone) = metadata.get(slice, &chunk)?;
                    if !rows.is_empty() {
                        return Ok(Some(TableEvent::Rows { id, rows }));
                    }
                }
                Stage::Rows(after) => {
                    let rows = metadata.scan(slice, after)?;
                    return Ok((!rows.is_empty()).then_some(TableEvent::Rows { id, rows }));
                }
            }
        }
    }
}

/// Why a snapshot cannot be read: the rows can.
fn useless(error: io::Error) -> TableError {
    TableError::Corrupt(format!("the snapshot of the index: {error}"))
}

impl Fetch {
    /// The next datapoints. Within a series each reading begins from what there is then.
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
        if all_live && let Some(taken) = part.take_run(rows.len()) {
            return read.points.slice(rows.start..rows.start + taken);
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

    /// [`Selection::take_run`].
    fn take_run(&mut self, count: usize) -> Option<usize> {
        match self {
            Self::Range { selection, .. } => selection.take_run(count),
            Self::Post { left, .. } | Self::Pre { left, .. } => {
                let taken = count.min(usize::try_from(*left).unwrap_or(usize::MAX));
                *left -= taken as u64;
                Some(taken)
            }
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
