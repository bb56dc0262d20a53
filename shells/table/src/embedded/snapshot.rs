//! What the directory made of the metadata rows, kept so that the next start reads few of them.
//!
//! ```text
//! NUMBER.snapshot   frames: head (magic, tag), pieces, an empty one at the end
//! NUMBER.changes    ids of rows written and deleted since it was begun, each with its checksum
//! ```
//!
//! A frame is a length (4 bytes, little endian), a checksum (CRC-32) and so many bytes. A snapshot
//! is written under another name and takes its own once it is durable. It can be made again from
//! the rows: whatever is wrong with it, it is dropped.

use std::fmt;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use weft_daemons::contract::table::PIECE_BYTES_MAX;
use weft_files::{Appendable, Files, Reader};
use weft_gts::SeriesId;

const MAGIC: &[u8; 8] = b"weftsnp1";

/// Bytes of a change: an id and the checksum.
const CHANGE_BYTES: usize = 20;

/// Bytes after which what was written is made durable, so that the last sync is a short one.
const SYNC_BYTES: usize = 16 << 20;

/// Bytes of changes that are read.
const CHANGES_MAX: u64 = 1 << 30;

/// The snapshots of one table.
pub(super) struct Snapshots {
    files: Arc<dyn Files>,
    folder: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    next: u64,
    whole: Option<Whole>,
    begun: Option<Begun>,
    /// It may or may not have its name: it must go before any row changes.
    doubtful: Option<u64>,
}

/// The snapshot that there is.
#[derive(Debug)]
struct Whole {
    number: u64,
    tag: u64,
    changes: Changes,
}

/// The snapshot that is being saved.
#[derive(Debug)]
struct Begun {
    number: u64,
    tag: u64,
    file: Box<dyn Appendable>,
    unsynced: usize,
    changes: Changes,
}

/// A file of changes.
#[derive(Debug)]
struct Changes {
    file: Box<dyn Appendable>,
    is_synced: bool,
}

/// A snapshot that is read.
pub(super) struct Reading {
    frames: Frames,
    /// Rows that changed since it was begun, sorted; taken from the end.
    pub(super) changed: Vec<SeriesId>,
}

/// Frames of a file, one after the other.
struct Frames {
    input: io::BufReader<Reader>,
}

impl fmt::Debug for Snapshots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshots").field("folder", &self.folder).finish_non_exhaustive()
    }
}

fn snapshot_path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:016}.snapshot"))
}

fn new_path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:016}.new"))
}

fn changes_path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:016}.changes"))
}

fn number_of(path: &Path) -> Option<u64> {
    path.file_stem()?.to_str()?.parse().ok()
}

impl Snapshots {
    /// Opens the folder, which is made when it is not there, and removes what is of no use in it;
    /// `warn` is told what is damaged.
    pub(super) fn open(
        files: Arc<dyn Files>,
        folder: &Path,
        warn: &dyn Fn(&str),
    ) -> io::Result<Self> {
        files.create_folder(folder)?;
        let paths = files.list(folder)?;
        let is_snapshot = |path: &&PathBuf| path.extension().is_some_and(|e| e == "snapshot");
        let last = paths.iter().filter(is_snapshot).filter_map(|path| number_of(path)).max();
        let next = paths.iter().filter_map(|path| number_of(path)).max().map_or(0, |n| n + 1);
        let whole = last.and_then(|number| match Whole::open(&*files, folder, number) {
            Ok(whole) => Some(whole),
            Err(error) => {
                let path = snapshot_path(folder, number);
                warn(&format!("{}: {error}; it is made again", path.display()));
                None
            }
        });
        let kept = whole.as_ref().map(|whole| whole.number);
        for path in paths.iter().filter(|path| kept.is_none() || number_of(path) != kept) {
            files.remove(path)?;
        }
        files.sync_folder(folder)?;
        let state = Mutex::new(State { next, whole, begun: None, doubtful: None });
        Ok(Self { files, folder: folder.to_owned(), state })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// These rows are about to change. An error when that could neither be remembered nor the
    /// snapshot dropped.
    pub(super) fn changed(&self, rows: impl Iterator<Item = SeriesId>) -> io::Result<()> {
        let mut state = self.state();
        self.settle(&mut state)?;
        if state.whole.is_none() && state.begun.is_none() {
            return Ok(());
        }
        let bytes: Vec<u8> = rows.flat_map(change).collect();
        if let Some(begun) = &mut state.begun
            && begun.changes.append(&bytes).is_err()
        {
            self.drop_begun(&mut state);
        }
        if let Some(whole) = &mut state.whole
            && whole.changes.append(&bytes).is_err()
        {
            self.drop_whole(&mut state)?;
        }
        Ok(())
    }

    /// Makes durable what changed.
    pub(super) fn sync(&self) -> io::Result<()> {
        let mut state = self.state();
        if let Some(begun) = &mut state.begun
            && begun.changes.sync().is_err()
        {
            self.drop_begun(&mut state);
        }
        if let Some(whole) = &mut state.whole
            && whole.changes.sync().is_err()
        {
            self.drop_whole(&mut state)?;
        }
        Ok(())
    }

    /// One more piece of a snapshot.
    pub(super) fn save(
        &self,
        tag: u64,
        is_first: bool,
        is_last: bool,
        piece: &[u8],
    ) -> io::Result<()> {
        let mut state = self.state();
        if is_first {
            self.drop_begun(&mut state);
            state.begun = Some(self.begin(&mut state.next, tag)?);
        }
        let Some(begun) = state.begun.as_mut().filter(|begun| begun.tag == tag) else {
            return Err(io::Error::other("the snapshot that it belongs to was dropped"));
        };
        let saved = begun.piece(piece).and_then(|()| if is_last { begun.end() } else { Ok(()) });
        if saved.is_err() || !is_last {
            return saved.inspect_err(|_| self.drop_begun(&mut state));
        }
        let Some(begun) = state.begun.take() else { return Ok(()) };
        let (number, changes) = (begun.number, begun.changes);
        // The names of both are durable before the name that counts.
        let named = self.files.sync_folder(&self.folder).and_then(|()| {
            let path = snapshot_path(&self.folder, number);
            self.files.rename(&new_path(&self.folder, number), &path)?;
            self.files.sync_folder(&self.folder)
        });
        if let Err(error) = named {
            // The one before goes on.
            state.doubtful = Some(number);
            let _ = self.settle(&mut state);
            return Err(error);
        }
        if let Some(old) = state.whole.replace(Whole { number, tag, changes }) {
            let _ = self.files.remove(&snapshot_path(&self.folder, old.number));
            let _ = self.files.remove(&changes_path(&self.folder, old.number));
        }
        Ok(())
    }

    fn begin(&self, next: &mut u64, tag: u64) -> io::Result<Begun> {
        let number = *next;
        *next += 1;
        let mut file = self.files.append(&new_path(&self.folder, number), 0)?;
        write_frame(&mut *file, &[&MAGIC[..], &tag.to_le_bytes()].concat())?;
        let changes = self.files.append(&changes_path(&self.folder, number), 0)?;
        let changes = Changes { file: changes, is_synced: false };
        Ok(Begun { number, tag, file, unsynced: 0, changes })
    }

    fn settle(&self, state: &mut State) -> io::Result<()> {
        if let Some(number) = state.doubtful {
            self.remove(&snapshot_path(&self.folder, number))?;
            state.doubtful = None;
        }
        Ok(())
    }

    /// Removes a file for good, if it is there.
    fn remove(&self, path: &Path) -> io::Result<()> {
        match self.files.remove(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        self.files.sync_folder(&self.folder)
    }

    fn drop_begun(&self, state: &mut State) {
        if let Some(begun) = state.begun.take() {
            // What stays is removed at the next start.
            let _ = self.files.remove(&new_path(&self.folder, begun.number));
            let _ = self.files.remove(&changes_path(&self.folder, begun.number));
        }
    }

    fn drop_whole(&self, state: &mut State) -> io::Result<()> {
        if let Some(whole) = &state.whole {
            self.remove(&snapshot_path(&self.folder, whole.number))?;
            let _ = self.files.remove(&changes_path(&self.folder, whole.number));
            state.whole = None;
        }
        Ok(())
    }

    /// The snapshot with a tag, if there is one.
    pub(super) fn read(&self, tag: u64) -> io::Result<Option<Reading>> {
        let state = self.state();
        let Some(whole) = state.whole.as_ref().filter(|whole| whole.tag == tag) else {
            return Ok(None);
        };
        let mut frames = Frames::open(&*self.files, &snapshot_path(&self.folder, whole.number))?;
        frames.head()?;
        let mut changed = read_changes(&*self.files, &changes_path(&self.folder, whole.number))?;
        changed.sort_unstable();
        changed.dedup();
        Ok(Some(Reading { frames, changed }))
    }
}

/// Reads every snapshot and its changes to their ends: what is wrong.
pub(super) fn check(files: &dyn Files, folder: &Path) -> Vec<String> {
    let paths = files.list(folder).unwrap_or_default();
    let snapshots = paths.iter().filter(|path| path.extension().is_some_and(|e| e == "snapshot"));
    let wrong = snapshots.filter_map(|path| {
        let read = || {
            let mut frames = Frames::open(files, path)?;
            frames.head()?;
            while !frames.next()?.is_empty() {}
            read_changes(files, &path.with_extension("changes"))
        };
        let error = read().err()?;
        Some(format!("{}: {error}; the next start makes it again", path.display()))
    });
    wrong.collect()
}

impl Whole {
    fn open(files: &dyn Files, folder: &Path, number: u64) -> io::Result<Self> {
        let tag = Frames::open(files, &snapshot_path(folder, number))?.head()?;
        let path = changes_path(folder, number);
        let length = read_changes(files, &path)?.len() * CHANGE_BYTES;
        let changes = Changes { file: files.append(&path, length as u64)?, is_synced: true };
        Ok(Self { number, tag, changes })
    }
}

impl Begun {
    fn piece(&mut self, piece: &[u8]) -> io::Result<()> {
        write_frame(&mut *self.file, piece)?;
        self.unsynced += piece.len();
        if self.unsynced >= SYNC_BYTES {
            self.unsynced = 0;
            self.file.sync()?;
        }
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        write_frame(&mut *self.file, &[])?;
        self.file.sync()?;
        self.changes.sync()
    }
}

impl Changes {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.is_synced = false;
        self.file.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        if !self.is_synced {
            self.file.sync()?;
            self.is_synced = true;
        }
        Ok(())
    }
}

impl Reading {
    /// The next piece; `None` after the last.
    pub(super) fn piece(&mut self) -> io::Result<Option<Bytes>> {
        let piece = self.frames.next()?;
        Ok((!piece.is_empty()).then(|| piece.into()))
    }
}

impl Frames {
    fn open(files: &dyn Files, path: &Path) -> io::Result<Self> {
        Ok(Self { input: io::BufReader::with_capacity(1 << 16, Reader::new(files.open(path)?, 0)) })
    }

    /// What the first one says: the tag.
    fn head(&mut self) -> io::Result<u64> {
        let head = self.next()?;
        let tag = head.strip_prefix(MAGIC).and_then(|tag| tag.try_into().ok());
        tag.map(u64::from_le_bytes).ok_or_else(|| damaged("it is of another kind"))
    }

    fn next(&mut self) -> io::Result<Vec<u8>> {
        let mut head = [0; 8];
        self.input.read_exact(&mut head)?;
        let [length, sum] = [&head[..4], &head[4..]]
            .map(|part| u32::from_le_bytes(part.try_into().unwrap_or_default()));
        let length = usize::try_from(length).ok().filter(|length| *length <= PIECE_BYTES_MAX);
        let mut bytes = vec![0; length.ok_or_else(|| damaged("a piece is too long"))?];
        self.input.read_exact(&mut bytes)?;
        if crc32fast::hash(&bytes) != sum {
            return Err(damaged("the checksum of a piece is wrong"));
        }
        Ok(bytes)
    }
}

fn write_frame(file: &mut dyn Appendable, bytes: &[u8]) -> io::Result<()> {
    // What is longer could not be read again.
    let length = u32::try_from(bytes.len()).ok().filter(|_| bytes.len() <= PIECE_BYTES_MAX);
    let length = length.ok_or_else(|| damaged("a piece is too long"))?;
    let sum = crc32fast::hash(bytes);
    file.write_all(&[length.to_le_bytes(), sum.to_le_bytes()].concat())?;
    file.write_all(bytes)
}

fn change(id: SeriesId) -> [u8; CHANGE_BYTES] {
    let mut change = [0; CHANGE_BYTES];
    let id = id.to_bytes();
    change[..16].copy_from_slice(&id);
    change[16..].copy_from_slice(&change_sum(&id).to_le_bytes());
    change
}

/// Not that of nothing: zeros are no change.
fn change_sum(id: &[u8]) -> u32 {
    !crc32fast::hash(id)
}

fn read_changes(files: &dyn Files, path: &Path) -> io::Result<Vec<SeriesId>> {
    let file = files.open(path)?;
    if file.length()? > CHANGES_MAX {
        return Err(damaged("it has too many changes"));
    }
    let mut bytes = Vec::new();
    Reader::new(file, 0).take(CHANGES_MAX).read_to_end(&mut bytes)?;
    let (changes, rest) = bytes.as_chunks::<CHANGE_BYTES>();
    let ids = changes.iter().map(|change| {
        let (id, sum) = change.split_first_chunk::<16>()?;
        (change_sum(id).to_le_bytes() == *sum).then(|| SeriesId::from_bytes(*id))
    });
    let ids: Option<Vec<SeriesId>> = ids.collect();
    ids.filter(|_| rest.is_empty()).ok_or_else(|| damaged("a change cannot be read"))
}

fn damaged(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use weft_files::{Damage, Random, SimulatedDisk};

    use super::*;

    const TAG: u64 = 5;

    fn folder() -> &'static Path {
        Path::new("/snapshot")
    }

    fn id(number: u64) -> SeriesId {
        SeriesId { class_id: number as i64, labels_id: -1 }
    }

    fn open(disk: &SimulatedDisk) -> io::Result<Snapshots> {
        Snapshots::open(Arc::new(disk.clone()), folder(), &|_| {})
    }

    /// The pieces of a snapshot as it is read, and what changed since.
    fn read(snapshots: &Snapshots) -> io::Result<Option<(Vec<Bytes>, Vec<SeriesId>)>> {
        let Some(mut reading) = snapshots.read(TAG)? else { return Ok(None) };
        let mut pieces = Vec::new();
        while let Some(piece) = reading.piece()? {
            pieces.push(piece);
        }
        Ok(Some((pieces, reading.changed)))
    }

    /// A snapshot as it was begun, and the rows that changed since and were synced.
    #[derive(Clone, Debug, Default)]
    struct Saved {
        pieces: Vec<Bytes>,
        synced: BTreeSet<SeriesId>,
        changed: BTreeSet<SeriesId>,
    }

    /// What a table does with its snapshots on a disk that fails, over seeds: one that is read is
    /// one that was saved, and no change of a row that was answered is missing from it.
    #[test]
    fn what_is_read_is_whole_and_misses_no_change() {
        let (mut read_after_crash, mut whole) = (0, 0);
        for seed in 0..3_000 {
            let disk = SimulatedDisk::new(seed);
            let mut random = Random::new(seed ^ 0x736e_6170);
            disk.create_folder(Path::new("/")).expect("a folder");
            let mut snapshots = open(&disk).expect("an empty folder");
            // All that may be read: by the first piece, which says which it is.
            let mut all: Vec<Saved> = Vec::new();
            let mut begun: Option<Saved> = None;
            let mut pieces = 0u64;
            for _ in 0..40 {
                disk.set_damage(Damage {
                    failing: if seed % 3 == 0 { 60 } else { 0 },
                    short: 20,
                    capacity: None,
                    disorder: seed % 2 == 0,
                });
                match random.below(10) {
                    0..=3 => {
                        let is_first = begun.is_none() || random.below(6) == 0;
                        let is_last = random.below(3) == 0;
                        pieces += 1;
                        let piece = Bytes::from(vec![7; random.below(2_000) as usize + 1]);
                        let piece = [&pieces.to_le_bytes()[..], &piece].concat();
                        if is_first {
                            begun = Some(Saved::default());
                        }
                        let saved = snapshots.save(TAG, is_first, is_last, &piece);
                        let Some(current) = &mut begun else { continue };
                        current.pieces.push(piece.into());
                        if is_last {
                            // It may be there although that failed.
                            all.extend(begun.take());
                        } else if saved.is_err() {
                            begun = None;
                        }
                    }
                    4..=6 => {
                        let rows: Vec<SeriesId> =
                            (0..1 + random.below(4)).map(|_| id(random.below(50))).collect();
                        let changed = snapshots.changed(rows.iter().copied());
                        for saved in all.iter_mut().chain(&mut begun) {
                            saved.changed.extend(&rows);
                        }
                        if changed.is_ok() && snapshots.sync().is_ok() {
                            for saved in all.iter_mut().chain(&mut begun) {
                                saved.synced.extend(&rows);
                            }
                        }
                    }
                    7 => {
                        if let Ok(Some((pieces, changed))) = read(&snapshots) {
                            whole += 1;
                            check(&all, &pieces, &changed, seed);
                        }
                    }
                    _ => {
                        disk.set_damage(Damage::default());
                        if random.below(2) == 0 {
                            disk.crash()
                        } else {
                            disk.kill()
                        }
                        begun = None;
                        if seed % 5 == 0 && random.below(3) == 0 {
                            disk.flip_bit();
                        }
                        snapshots = open(&disk).expect("the disk is well");
                        if let Ok(Some((pieces, changed))) = read(&snapshots) {
                            read_after_crash += 1;
                            check(&all, &pieces, &changed, seed);
                        }
                    }
                }
            }
        }
        assert!(read_after_crash > 1_000 && whole > 1_000, "{read_after_crash}, {whole}");
    }

    fn check(all: &[Saved], pieces: &[Bytes], changed: &[SeriesId], seed: u64) {
        let saved = all.iter().find(|saved| saved.pieces == pieces);
        let saved = saved.unwrap_or_else(|| panic!("seed {seed}: no such snapshot was saved"));
        let missing: Vec<_> = saved.synced.iter().filter(|id| !changed.contains(id)).collect();
        assert!(missing.is_empty(), "seed {seed}: {missing:?} changed since");
        let strange: Vec<_> = changed.iter().filter(|id| !saved.changed.contains(id)).collect();
        assert!(strange.is_empty(), "seed {seed}: {strange:?} did not change");
    }

    #[test]
    fn a_newer_snapshot_replaces_an_older_one_and_another_tag_is_none() {
        let disk = SimulatedDisk::new(1);
        let snapshots = open(&disk).expect("an empty folder");
        assert!(read(&snapshots).expect("it reads").is_none());
        snapshots.save(TAG, true, false, b"a").expect("it is saved");
        snapshots.changed([id(1)].into_iter()).expect("it is remembered");
        snapshots.save(TAG, false, true, b"b").expect("it is saved");
        snapshots.changed([id(2), id(1)].into_iter()).expect("it is remembered");
        let pieces = vec![Bytes::from("a"), Bytes::from("b")];
        assert_eq!(read(&snapshots).expect("it reads"), Some((pieces, vec![id(1), id(2)])));
        assert!(snapshots.read(TAG + 1).expect("it reads").is_none());
        snapshots.save(TAG, true, true, b"c").expect("it is saved");
        disk.kill();
        let snapshots = open(&disk).expect("the disk is well");
        assert_eq!(read(&snapshots).expect("it reads"), Some((vec![Bytes::from("c")], vec![])));
        assert_eq!(disk.list(folder()).expect("a folder").len(), 2);
        assert_eq!(super::check(&disk, folder()), Vec::<String>::new());
        assert!(snapshots.save(TAG, false, true, b"d").is_err(), "it was never begun");
    }
}
