//! One partition: its segments, and where to append.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use weft_daemons::contract::{NewRecord, Record};
use weft_files::{Appendable, Files};

use super::LogOpenError;
use super::segment::{Segment, write_record, write_synced};

/// Bytes of memory that are kept for what is pending.
const PENDING_KEPT: usize = 1 << 20;

/// A partition.
#[derive(Debug)]
pub(crate) struct Partition {
    files: Arc<dyn Files>,
    folder: PathBuf,
    segments: Vec<Segment>,
    file: Option<Box<dyn Appendable>>,
    /// The offset that the next record gets.
    next: u64,
    last_ms: i64,
    /// Records that are not written yet, and the offset and timestamp after them.
    pending: Vec<u8>,
    pending_next: u64,
    pending_ms: i64,
    segment_bytes: u64,
}

/// A place to read on from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// The offset of the next record wanted.
    pub(crate) offset: u64,
    /// Where that is, when known: first offset of its segment, and byte.
    place: Option<(u64, u64)>,
}

impl Cursor {
    /// At an offset whose place is not known yet.
    pub(crate) const fn at(offset: u64) -> Self {
        Self { offset, place: None }
    }
}

impl Partition {
    /// Opens a partition: the last segment is scanned and a torn tail is cut.
    pub(crate) fn open(
        files: Arc<dyn Files>,
        folder: &Path,
        segment_bytes: u64,
    ) -> Result<Self, LogOpenError> {
        files.create_folder(folder).map_err(LogOpenError::io(folder))?;
        let names = files.list(folder).map_err(LogOpenError::io(folder))?;
        let mut firsts: Vec<u64> =
            names.iter().filter_map(|path| Segment::first_of(path)).collect();
        firsts.sort_unstable();
        let (mut segments, mut next, mut last_ms) = (Vec::new(), 0, i64::MIN);
        for (index, first) in firsts.iter().enumerate() {
            let path = folder.join(Segment::name(*first));
            let scan = Segment::scan(&*files, &path, *first)?;
            let is_last = index + 1 == firsts.len();
            // A crash tears the end of the last segment only; anything else is damage.
            let position = scan.segment.len;
            if scan.is_torn && (!is_last || Segment::has_records_after(&*files, &scan)?) {
                return Err(LogOpenError::Damaged { path, position });
            }
            if index > 0 && next != *first {
                return Err(LogOpenError::Damaged { path, position: 0 });
            }
            if scan.is_torn {
                eprintln!(
                    "log: {}: what follows byte {position} is no whole record and is cut: it was \
                     being written when the process ended",
                    path.display()
                );
            }
            next = scan.next;
            last_ms = last_ms.max(scan.segment.last_ms);
            segments.push(scan.segment);
        }
        // A process that was killed may have left what it had not synced: before anybody reads it,
        // it is made durable, and a torn tail is cut.
        let mut file = None;
        if let Some(last) = segments.last() {
            let sync = |mut file: Box<dyn Appendable>| file.sync().map(|()| file);
            let synced = last.append_to(&*files).and_then(sync);
            file = Some(synced.map_err(LogOpenError::io(&last.path))?);
            files.sync_folder(folder).map_err(LogOpenError::io(folder))?;
        }
        Ok(Self {
            files,
            folder: folder.to_owned(),
            segments,
            file,
            next,
            last_ms,
            pending: Vec::new(),
            pending_next: next,
            pending_ms: last_ms,
            segment_bytes,
        })
    }

    /// The offset after the last durable record.
    pub(crate) const fn end(&self) -> u64 {
        self.next
    }

    /// Its segments, the oldest first.
    pub(crate) fn segments(&self) -> impl Iterator<Item = &Segment> {
        self.segments.iter()
    }

    /// The last segment, and where its last whole record ends.
    pub(crate) fn last_segment(&self) -> Option<(PathBuf, u64)> {
        self.segments.last().map(|segment| (segment.path.clone(), segment.len))
    }

    /// Whether it ever had a record.
    pub(crate) const fn has_segments(&self) -> bool {
        !self.segments.is_empty()
    }

    /// The offset of the oldest record there is.
    pub(crate) fn start(&self) -> u64 {
        self.segments.first().map_or(self.next, |segment| segment.first)
    }

    /// Takes a record; it is durable after [`Partition::sync`]. The offset it gets.
    pub(crate) fn push(&mut self, record: &NewRecord, now_ms: i64) -> u64 {
        let offset = self.pending_next;
        self.pending_ms = self.pending_ms.max(now_ms);
        write_record(&mut self.pending, offset, self.pending_ms, &record.key, &record.value);
        self.pending_next += 1;
        offset
    }

    /// Writes what was taken, durably. After an error nothing of it counts.
    pub(crate) fn sync(&mut self) -> io::Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let written = self.write_pending();
        self.pending.clear();
        // A burst is no reason to keep its memory.
        self.pending.shrink_to(PENDING_KEPT);
        if written.is_err() {
            // What is on disk is not known: the file is cut to what was durable when it is
            // opened again.
            self.file = None;
            self.pending_next = self.next;
            self.pending_ms = self.last_ms;
        }
        written
    }

    fn write_pending(&mut self) -> io::Result<()> {
        let is_full = self.segments.last().is_none_or(|last| last.len >= self.segment_bytes);
        if is_full {
            let path = self.folder.join(Segment::name(self.next));
            self.segments.push(Segment { path, first: self.next, len: 0, last_ms: i64::MIN });
            self.file = None;
        }
        let Some(segment) = self.segments.last_mut() else { return Ok(()) };
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                let file = segment.append_to(&*self.files)?;
                self.files.sync_folder(&self.folder)?;
                self.file.insert(file)
            }
        };
        write_synced(file.as_mut(), &self.pending)?;
        segment.len += self.pending.len() as u64;
        segment.last_ms = self.pending_ms;
        self.next = self.pending_next;
        self.last_ms = self.pending_ms;
        Ok(())
    }

    /// Writes what was taken without a sync.
    #[cfg(test)]
    pub(crate) fn write_unsynced(&mut self) {
        if let (Some(file), Some(_)) = (&mut self.file, self.segments.last()) {
            let _ = file.write_all(&self.pending);
        }
    }

    /// Records from `cursor` on, which moves behind them.
    pub(crate) fn read(
        &self,
        cursor: &mut Cursor,
        bytes_max: usize,
        track: impl FnOnce(Vec<u8>) -> Bytes,
    ) -> io::Result<Vec<Record>> {
        cursor.offset = cursor.offset.max(self.start());
        if cursor.offset >= self.next {
            return Ok(Vec::new());
        }
        let index = self.segments.partition_point(|segment| segment.first <= cursor.offset) - 1;
        let segment = &self.segments[index];
        let position = match cursor.place {
            Some((first, position)) if first == segment.first => position,
            _ => self.find(segment, cursor.offset)?,
        };
        let (bytes, records) = segment.read(&*self.files, position, bytes_max, track)?;
        if let Some(last) = records.last() {
            *cursor =
                Cursor { offset: last.offset + 1, place: Some((segment.first, position + bytes)) };
        }
        Ok(records)
    }

    /// Where a record begins.
    fn find(&self, segment: &Segment, offset: u64) -> io::Result<u64> {
        let mut position = 0;
        while position < segment.len {
            let (bytes, records) = segment.read(&*self.files, position, 1 << 20, Bytes::from)?;
            let Some(last) = records.last() else { break };
            if last.offset >= offset {
                let before = records.iter().take_while(|record| record.offset < offset);
                let skipped: usize =
                    before.map(|record| 28 + record.key.len() + record.value.len()).sum();
                return Ok(position + skipped as u64);
            }
            position += bytes;
        }
        Ok(position)
    }

    /// Removes whole segments below `offset` whose records are older than `before_ms`.
    pub(crate) fn retain(&mut self, offset: u64, before_ms: i64) -> io::Result<()> {
        let mut removed = false;
        while let [first, second, ..] = &self.segments[..]
            && second.first <= offset
            && first.last_ms < before_ms
        {
            self.files.remove(&first.path)?;
            self.segments.remove(0);
            removed = true;
        }
        if removed { self.files.sync_folder(&self.folder) } else { Ok(()) }
    }
}
