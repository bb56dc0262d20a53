//! Files of blocks.
//!
//! ```text
//! file:       magic, blocks, pages, directory, footer
//! block:      checksum (CRC-32, 4 bytes), what `block` writes
//! page:       checksum, entries in the order of series, of one series newest first
//! entry:      series (16 bytes), count of tombstones, [start, end, cell from, cell until],
//!             count of blocks, place of the first, [length, newest, newest - oldest, count, flags]
//! directory:  checksum, count of pages, [first series (16 bytes), newest tick, place, length]
//! footer:     place of the directory (8 bytes), its length (8), cells (8), magic (8)
//! ```
//!
//! A file never changes. The directory is in memory; a page has about [`PAGE_BYTES`] bytes.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use weft_daemons::contract::TableError;
use weft_files::{Appendable, Files, Readable};
use weft_gts::{SeriesId, varint};

use super::block;
use super::cells::{Cells, FOR_EVER};
use super::cursor::{Cursor, Damaged, LENGTH_MAX};

const MAGIC: &[u8; 8] = b"weftblk1";
const FOOTER: usize = 32;
const PAGE_BYTES: usize = if cfg!(test) { 64 } else { 4 << 10 };

/// Blocks in one entry; a longer series has several.
const ENTRY_BLOCKS: usize = if cfg!(test) { 2 } else { 128 };

/// Bytes that are read at once, so that neighbours need no further call.
const WINDOW: usize = 64 << 10;

const MORTAL: u8 = 1;

/// Cells that are deleted, of what is older than the file that says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tombstone {
    pub(super) start: i64,
    pub(super) end: i64,
    pub(super) cell_from: i64,
    pub(super) cell_until: i64,
}

impl Tombstone {
    pub(super) fn hides(&self, tick: i64, cell_ms: i64) -> bool {
        (self.start..=self.end).contains(&tick)
            && (self.cell_from..=self.cell_until).contains(&cell_ms)
    }

    pub(super) const fn overlaps(&self, oldest: i64, newest: i64) -> bool {
        self.start <= newest && oldest <= self.end
    }

    /// Whether it hides all that another does.
    pub(super) const fn covers(&self, other: &Self) -> bool {
        self.start <= other.start
            && other.end <= self.end
            && self.cell_from <= other.cell_from
            && other.cell_until <= self.cell_until
    }
}

/// What the index says of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BlockMeta {
    position: u64,
    length: usize,
    pub(super) newest: i64,
    pub(super) oldest: i64,
    pub(super) count: usize,
    /// Whether any of its cells dies.
    pub(super) is_mortal: bool,
}

/// What a page says of a series, or of a part of its blocks.
#[derive(Clone, Debug)]
struct Entry {
    series: SeriesId,
    tombstones: Vec<Tombstone>,
    blocks: Vec<BlockMeta>,
}

#[derive(Clone, Copy, Debug)]
struct PageRef {
    series: SeriesId,
    newest: i64,
    position: u64,
    length: usize,
}

/// An open file.
#[derive(Debug)]
pub(super) struct BlockFile {
    pub(super) number: u64,
    pub(super) path: PathBuf,
    /// Its length.
    pub(super) bytes: u64,
    pub(super) cells: u64,
    file: Box<dyn Readable>,
    pages: Vec<PageRef>,
}

impl BlockFile {
    pub(super) fn open(files: &dyn Files, path: &Path, number: u64) -> Result<Self, TableError> {
        let file = files.open(path).map_err(|error| unreadable(path, &error))?;
        let opened =
            Self { number, path: path.to_owned(), bytes: 0, cells: 0, file, pages: vec![] };
        opened.load()
    }

    fn load(mut self) -> Result<Self, TableError> {
        let (head, length) = self.head_and_length()?;
        let damaged = |what| self.damaged(length, Damaged(what));
        if head != *MAGIC || length < (MAGIC.len() + FOOTER) as u64 {
            return Err(damaged("it is no file of blocks, or not a whole one"));
        }
        let footer = self.bytes_at(length - FOOTER as u64, FOOTER)?;
        let number =
            |at: usize| u64::from_le_bytes(footer[at..at + 8].try_into().unwrap_or_default());
        let (position, size) = (number(0), number(8));
        if footer[24..] != *MAGIC
            || position.saturating_add(size) > length
            || size > LENGTH_MAX as u64
        {
            return Err(damaged("its end is missing"));
        }
        let directory = self.checked(position, size as usize)?;
        self.pages = pages_of(&directory).map_err(|what| self.damaged(position, what))?;
        self.bytes = length;
        self.cells = number(16);
        Ok(self)
    }

    fn head_and_length(&self) -> Result<([u8; 8], u64), TableError> {
        let mut head = [0; 8];
        let got = read_fully(&*self.file, 0, &mut head)
            .map_err(|error| unreadable(&self.path, &error))?;
        let length = self.file.length().map_err(|error| unreadable(&self.path, &error))?;
        Ok((if got == head.len() { head } else { [0; 8] }, length))
    }

    fn bytes_at(&self, position: u64, length: usize) -> Result<Vec<u8>, TableError> {
        let mut bytes = vec![0; length];
        let got = read_fully(&*self.file, position, &mut bytes)
            .map_err(|error| unreadable(&self.path, &error))?;
        if got < length {
            return Err(self.damaged(position, Damaged("it ends too early")));
        }
        Ok(bytes)
    }

    /// The bytes behind a checksum that is right.
    fn checked(&self, position: u64, length: usize) -> Result<Vec<u8>, TableError> {
        let bytes = self.bytes_at(position, length)?;
        unsealed(&bytes).map(<[u8]>::to_vec).map_err(|what| self.damaged(position, what))
    }

    /// Copies it.
    pub(super) fn copy(
        &self,
        files: &dyn Files,
        to: &Path,
        go_on: &dyn Fn() -> io::Result<()>,
    ) -> Result<(), TableError> {
        weft_files::copy(files, &*self.file, self.bytes, to, go_on)
            .map_err(|error| unreadable(&self.path, &error))
    }

    /// Reads all of it and checks it against its index. What is damaged.
    pub(super) fn check(self: Arc<Self>) -> Result<Vec<String>, TableError> {
        let mut damage = Vec::new();
        let mut tell = |result: Result<(), TableError>| match result {
            Ok(()) => Ok(()),
            Err(TableError::Corrupt(what)) => {
                damage.push(what);
                Ok(())
            }
            Err(error) => Err(error),
        };
        let mut cursor = FileCursor::new(self.clone());
        let (mut last, mut cells, mut position) = (None, 0, MAGIC.len() as u64);
        for number in 0..self.pages.len() {
            let entries = match cursor.page(number) {
                Ok(entries) => entries.to_vec(),
                Err(error) => {
                    tell(Err(error))?;
                    continue;
                }
            };
            let page = self.pages[number];
            for entry in entries {
                let first = entry.blocks.first().map_or(i64::MAX, |block| block.newest);
                let place = (entry.series, std::cmp::Reverse(first));
                if last.is_some_and(|last| last >= place) {
                    tell(Err(self.damaged(page.position, Damaged("its index is out of order"))))?;
                }
                last = Some(place);
                for block in entry.blocks {
                    if block.position != position {
                        let what = Damaged("blocks that do not follow each other");
                        tell(Err(self.damaged(block.position, what)))?;
                    }
                    position = block.position.saturating_add(block.length as u64);
                    cells += block.count as u64;
                    tell(cursor.read(block).map(|_| ()))?;
                }
            }
        }
        if damage.is_empty() && cells != self.cells {
            let what = Damaged("its count of datapoints is wrong");
            damage.push(self.damaged(self.bytes, what).to_string());
        }
        Ok(damage)
    }

    fn damaged(&self, position: u64, Damaged(what): Damaged) -> TableError {
        TableError::Corrupt(format!(
            "{} is damaged at byte {position}: {what}; restore it from a copy",
            self.path.display()
        ))
    }

    /// The first page that may speak of `series`, from `newest` on down.
    fn first_page(&self, series: SeriesId, newest: i64) -> usize {
        // A page begins before the tick when its first block of the series is newer.
        let before =
            |page: &PageRef| page.series < series || page.series == series && page.newest > newest;
        self.pages.partition_point(before).saturating_sub(1)
    }
}

/// Reads a file; keeps what was read last, since neighbours are asked for one after the other.
#[derive(Debug)]
pub(super) struct FileCursor {
    pub(super) file: Arc<BlockFile>,
    page: Option<(usize, Vec<Entry>)>,
    window: (u64, Vec<u8>),
}

impl FileCursor {
    pub(super) const fn new(file: Arc<BlockFile>) -> Self {
        Self { file, page: None, window: (0, Vec::new()) }
    }

    fn page(&mut self, number: usize) -> Result<&[Entry], TableError> {
        if self.page.as_ref().is_none_or(|(known, _)| *known != number) {
            let PageRef { position, length, .. } = self.file.pages[number];
            let bytes = self.file.checked(position, length)?;
            let entries = entries_of(&bytes).map_err(|what| self.file.damaged(position, what))?;
            self.page = Some((number, entries));
        }
        Ok(self.page.as_ref().map_or(&[], |(_, entries)| entries))
    }

    /// The blocks of a series that have ticks within, newest first, until `stop` says so.
    pub(super) fn blocks(
        &mut self,
        series: SeriesId,
        oldest: i64,
        newest: i64,
        mut stop: impl FnMut(BlockMeta) -> bool,
    ) -> Result<(), TableError> {
        let mut number = self.file.first_page(series, newest);
        while self.file.pages.get(number).is_some_and(|page| page.series <= series) {
            let entries = self.page(number)?;
            let first = entries.partition_point(|entry| entry.series < series);
            for entry in entries[first..].iter().take_while(|entry| entry.series == series) {
                let first = entry.blocks.partition_point(|block| block.oldest > newest);
                for block in &entry.blocks[first..] {
                    if block.newest < oldest || stop(*block) {
                        return Ok(());
                    }
                }
            }
            number += 1;
        }
        Ok(())
    }

    /// What is deleted of a series in older files.
    pub(super) fn tombstones(&mut self, series: SeriesId) -> Result<&[Tombstone], TableError> {
        let number = self.file.first_page(series, i64::MAX);
        // The entry may be the first of the next page.
        for number in [number, number + 1] {
            if self.file.pages.get(number).is_none_or(|page| page.series > series) {
                break;
            }
            let entries = self.page(number)?;
            let place = entries.partition_point(|entry| entry.series < series);
            if entries.get(place).is_some_and(|entry| entry.series == series) {
                return Ok(self.page(number)?.get(place).map_or(&[], |entry| &entry.tombstones));
            }
        }
        Ok(&[])
    }

    /// The first series after another one, or the first of all.
    pub(super) fn series_after(
        &mut self,
        after: Option<SeriesId>,
    ) -> Result<Option<SeriesId>, TableError> {
        let mut number = after.map_or(0, |series| self.file.first_page(series, i64::MIN));
        while number < self.file.pages.len() {
            let entries = self.page(number)?;
            let next =
                entries.iter().map(|entry| entry.series).find(|&s| after.is_none_or(|a| s > a));
            if next.is_some() {
                return Ok(next);
            }
            number += 1;
        }
        Ok(None)
    }

    /// The cells of a block.
    pub(super) fn read(&mut self, meta: BlockMeta) -> Result<Cells, TableError> {
        let cells =
            block::read(self.raw(meta)?).map_err(|what| self.file.damaged(meta.position, what));
        cells.and_then(|cells| {
            let ticks = &cells.points.ticks;
            let is_right = cells.len() == meta.count
                && ticks.first() == Some(&meta.newest)
                && ticks.last() == Some(&meta.oldest);
            let what = Damaged("a block that the index does not mean");
            if is_right { Ok(cells) } else { Err(self.file.damaged(meta.position, what)) }
        })
    }

    /// The bytes of a block, whose checksum is right.
    pub(super) fn raw(&mut self, meta: BlockMeta) -> Result<&[u8], TableError> {
        let BlockMeta { position, length, .. } = meta;
        let (start, bytes) = &self.window;
        let end = position.saturating_add(length as u64);
        let is_here = position >= *start && end <= start + bytes.len() as u64;
        if !is_here {
            let rest =
                usize::try_from(self.file.bytes.saturating_sub(position)).unwrap_or(usize::MAX);
            let wanted = length.max(WINDOW.min(rest));
            self.window = (position, self.file.bytes_at(position, wanted)?);
        }
        let (start, bytes) = &self.window;
        let at = (position - start) as usize;
        unsealed(&bytes[at..at + length]).map_err(|what| self.file.damaged(position, what))
    }
}

/// Writes a file. Series come in their order, blocks of a series newest first.
pub(super) struct FileWriter {
    path: PathBuf,
    out: io::BufWriter<Box<dyn Appendable>>,
    position: u64,
    cells: u64,
    entry: Option<Entry>,
    page: Vec<u8>,
    /// First series and newest tick of the page under way.
    page_start: Option<(SeriesId, i64)>,
    pages: Vec<(SeriesId, i64, Vec<u8>)>,
    scratch: Vec<u8>,
}

impl FileWriter {
    pub(super) fn create(files: &dyn Files, path: &Path) -> io::Result<Self> {
        let mut out = io::BufWriter::with_capacity(1 << 20, files.append(path, 0)?);
        out.write_all(MAGIC)?;
        Ok(Self {
            path: path.to_owned(),
            out,
            position: MAGIC.len() as u64,
            cells: 0,
            entry: None,
            page: Vec::new(),
            page_start: None,
            pages: Vec::new(),
            scratch: Vec::new(),
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What follows is of this series.
    pub(super) fn begin(&mut self, series: SeriesId, tombstones: Vec<Tombstone>) {
        self.end_entry();
        self.entry = Some(Entry { series, tombstones, blocks: Vec::new() });
    }

    /// Cells, at least one, at most a block, newest first.
    pub(super) fn block(&mut self, cells: &Cells) -> io::Result<()> {
        let (Some(&newest), Some(&oldest)) =
            (cells.points.ticks.first(), cells.points.ticks.last())
        else {
            return Ok(());
        };
        let mut bytes = std::mem::take(&mut self.scratch);
        bytes.clear();
        block::write(&mut bytes, cells);
        let is_mortal = cells.ttl_ms.least() < FOR_EVER;
        let meta =
            BlockMeta { position: 0, length: 0, newest, oldest, count: cells.len(), is_mortal };
        let written = self.raw(meta, &bytes);
        self.scratch = bytes;
        written
    }

    /// A block as another file has it.
    pub(super) fn raw(&mut self, meta: BlockMeta, bytes: &[u8]) -> io::Result<()> {
        if self.entry.as_ref().is_some_and(|entry| entry.blocks.len() >= ENTRY_BLOCKS) {
            let series = self.entry.as_ref().map(|entry| entry.series);
            self.end_entry();
            self.entry = series.map(|series| Entry { series, tombstones: vec![], blocks: vec![] });
        }
        let Some(entry) = &mut self.entry else { return Ok(()) };
        let length = bytes.len() + 4;
        entry.blocks.push(BlockMeta { position: self.position, length, ..meta });
        self.out.write_all(&crc32fast::hash(bytes).to_le_bytes())?;
        self.out.write_all(bytes)?;
        self.position += length as u64;
        self.cells += meta.count as u64;
        Ok(())
    }

    fn end_entry(&mut self) {
        let Some(entry) = self.entry.take() else { return };
        if entry.blocks.is_empty() && entry.tombstones.is_empty() {
            return;
        }
        let newest = entry.blocks.first().map_or(i64::MAX, |block| block.newest);
        self.page_start.get_or_insert((entry.series, newest));
        write_entry(&mut self.page, &entry);
        if self.page.len() >= PAGE_BYTES {
            self.end_page();
        }
    }

    fn end_page(&mut self) {
        if let Some((series, newest)) = self.page_start.take() {
            self.pages.push((series, newest, std::mem::take(&mut self.page)));
        }
    }

    /// Writes the index and makes the file durable.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.end_entry();
        self.end_page();
        let mut directory = Vec::new();
        varint::write_unsigned(&mut directory, self.pages.len() as u64);
        for (series, newest, page) in std::mem::take(&mut self.pages) {
            directory.extend_from_slice(&series.to_bytes());
            varint::write_signed(&mut directory, newest);
            varint::write_unsigned(&mut directory, self.position);
            varint::write_unsigned(&mut directory, page.len() as u64 + 4);
            self.sealed(&page)?;
        }
        let (position, length) = (self.position, directory.len() as u64 + 4);
        self.sealed(&directory)?;
        for number in [position, length, self.cells] {
            self.out.write_all(&number.to_le_bytes())?;
        }
        self.out.write_all(MAGIC)?;
        self.out.flush()?;
        self.out.get_mut().sync()
    }

    fn sealed(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.position += bytes.len() as u64 + 4;
        self.out.write_all(&crc32fast::hash(bytes).to_le_bytes())?;
        self.out.write_all(bytes)
    }
}

/// What stands behind a checksum.
fn unsealed(bytes: &[u8]) -> Result<&[u8], Damaged> {
    let (sum, bytes) = bytes.split_first_chunk::<4>().ok_or(Damaged("it ends too early"))?;
    let is_right = crc32fast::hash(bytes) == u32::from_le_bytes(*sum);
    if is_right { Ok(bytes) } else { Err(Damaged("its checksum is wrong")) }
}

fn write_entry(out: &mut Vec<u8>, entry: &Entry) {
    out.extend_from_slice(&entry.series.to_bytes());
    varint::write_unsigned(out, entry.tombstones.len() as u64);
    for Tombstone { start, end, cell_from, cell_until } in &entry.tombstones {
        for number in [start, end, cell_from, cell_until] {
            varint::write_signed(out, *number);
        }
    }
    varint::write_unsigned(out, entry.blocks.len() as u64);
    let Some(first) = entry.blocks.first() else { return };
    varint::write_unsigned(out, first.position);
    for block in &entry.blocks {
        varint::write_unsigned(out, block.length as u64);
        varint::write_signed(out, block.newest);
        varint::write_unsigned(out, block.newest.wrapping_sub(block.oldest) as u64);
        varint::write_unsigned(out, block.count as u64);
        out.push(u8::from(block.is_mortal) * MORTAL);
    }
}

fn entries_of(page: &[u8]) -> Result<Vec<Entry>, Damaged> {
    let mut input = Cursor::new(page);
    let mut entries = Vec::new();
    while !input.is_at_end() {
        let series = SeriesId::from_bytes(input.array()?);
        let mut tombstones = Vec::new();
        for _ in 0..input.length()? {
            let mut number = || input.signed();
            let (start, end) = (number()?, number()?);
            let (cell_from, cell_until) = (number()?, number()?);
            tombstones.push(Tombstone { start, end, cell_from, cell_until });
        }
        let count = input.length()?;
        let mut blocks = Vec::new();
        let mut position = if count > 0 { input.unsigned()? } else { 0 };
        for _ in 0..count {
            let length = input.length()?;
            let newest = input.signed()?;
            let oldest = newest.wrapping_sub(input.unsigned()? as i64);
            let (count, flags) = (input.length()?, input.byte()?);
            let is_mortal = flags & MORTAL != 0;
            blocks.push(BlockMeta { position, length, newest, oldest, count, is_mortal });
            position = position.saturating_add(length as u64);
        }
        entries.push(Entry { series, tombstones, blocks });
    }
    Ok(entries)
}

fn pages_of(directory: &[u8]) -> Result<Vec<PageRef>, Damaged> {
    let mut input = Cursor::new(directory);
    let count = input.length()?;
    let mut pages = Vec::new();
    for _ in 0..count {
        let series = SeriesId::from_bytes(input.array()?);
        let (newest, position, length) = (input.signed()?, input.unsigned()?, input.length()?);
        pages.push(PageRef { series, newest, position, length });
    }
    Ok(pages)
}

/// Reads until the buffer is full or the file ends.
fn read_fully(file: &dyn Readable, position: u64, buffer: &mut [u8]) -> io::Result<usize> {
    let mut got = 0;
    while got < buffer.len() {
        match file.read_at(position + got as u64, &mut buffer[got..])? {
            0 => break,
            more => got += more,
        }
    }
    Ok(got)
}

pub(super) fn unreadable(path: &Path, error: &io::Error) -> TableError {
    TableError::Unavailable(format!("{}: {error}", path.display()))
}
