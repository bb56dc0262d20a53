//! A disk in memory that fails as disks do, under a seed.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::random::Random;
use crate::{Appendable, Files, Readable};

/// What a disk writes at once: a crash tears between sectors.
const SECTOR: u64 = 512;

/// A disk. Clones are the same disk.
#[derive(Clone, Debug)]
pub struct SimulatedDisk {
    state: Arc<Mutex<State>>,
}

/// What goes wrong while the disk is in use.
#[derive(Clone, Copy, Debug, Default)]
pub struct Damage {
    /// Of 1,000 writes and syncs so many fail, after a part of a write was done.
    pub failing: u64,
    /// Of 1,000 reads so many give less than was asked for.
    pub short: u64,
    /// So many bytes fit.
    pub capacity: Option<u64>,
    /// A crash may write sectors of what was not synced in any order, not only the first ones.
    pub disorder: bool,
}

#[derive(Debug)]
struct State {
    random: Random,
    damage: Damage,
    /// Counts crashes: files opened before one are closed.
    life: u64,
    next_file: u64,
    files: BTreeMap<u64, Contents>,
    /// Names now, and those that a crash leaves.
    names: Names,
    durable: Names,
}

#[derive(Clone, Debug, Default)]
struct Names {
    folders: BTreeSet<PathBuf>,
    files: BTreeMap<PathBuf, u64>,
}

#[derive(Clone, Debug, Default)]
struct Contents {
    now: Vec<u8>,
    durable: Vec<u8>,
}

impl SimulatedDisk {
    /// An empty disk. Everything it does follows from `seed`.
    pub fn new(seed: u64) -> Self {
        let mut names = Names::default();
        names.folders.insert(PathBuf::from("/"));
        let durable = names.clone();
        let (damage, files) = (Damage::default(), BTreeMap::new());
        let state = State {
            random: Random::new(seed),
            damage,
            life: 0,
            next_file: 0,
            files,
            names,
            durable,
        };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// What goes wrong from now on.
    pub fn set_damage(&self, damage: Damage) {
        self.lock().damage = damage;
    }

    /// The power goes: names and bytes that were not synced may be lost, and sectors torn. Files
    /// that are open can be used no more.
    pub fn crash(&self) {
        let state = &mut *self.lock();
        state.life += 1;
        let names = state.crashed_names();
        let mut files = BTreeMap::new();
        for number in names.files.values() {
            let Some(contents) = state.files.remove(number) else { continue };
            let left = state.crashed_bytes(contents);
            files.insert(*number, Contents { now: left.clone(), durable: left });
        }
        (state.names, state.durable, state.files) = (names.clone(), names, files);
    }

    /// The process is killed: nothing is lost, but files that are open can be used no more.
    pub fn kill(&self) {
        self.lock().life += 1;
    }

    /// Flips one bit of one file, if any has a byte: its path and the place of the byte.
    pub fn flip_bit(&self) -> Option<(PathBuf, u64)> {
        let state = &mut *self.lock();
        let filled: Vec<(PathBuf, u64)> = state
            .names
            .files
            .iter()
            .filter(|(_, number)| !state.files[number].now.is_empty())
            .map(|(path, number)| (path.clone(), *number))
            .collect();
        let (path, number) = filled.get(state.below(filled.len() as u64) as usize)?.clone();
        let (place, bit) = (state.below(state.files[&number].now.len() as u64), state.below(8));
        let contents = state.files.get_mut(&number)?;
        contents.now[place as usize] ^= 1 << bit;
        contents.durable.clone_from(&contents.now);
        Some((path, place))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn below(&mut self, n: u64) -> u64 {
        self.random.below(n)
    }

    fn fails(&mut self) -> bool {
        self.below(1_000) < self.damage.failing
    }

    fn used(&self) -> u64 {
        self.names.files.values().map(|number| self.files[number].now.len() as u64).sum()
    }

    /// Names that are not durable are there after a crash, or not, each by itself; never below a
    /// folder that is not.
    fn crashed_names(&mut self) -> Names {
        let mut left = Names::default();
        for folder in &self.durable.folders.union(&self.names.folders).cloned().collect::<Vec<_>>()
        {
            let above = folder.parent().is_none_or(|above| left.folders.contains(above));
            let stays = self.durable.folders.contains(folder) || self.below(2) == 0;
            if above && stays {
                left.folders.insert(folder.clone());
            }
        }
        let mut paths: BTreeSet<PathBuf> = self.durable.files.keys().cloned().collect();
        paths.extend(self.names.files.keys().cloned());
        for path in paths {
            let (now, durable) = (self.names.files.get(&path), self.durable.files.get(&path));
            let (now, durable) = (now.copied(), durable.copied());
            let file = if now == durable || self.below(2) == 0 { durable } else { now };
            let above = path.parent().is_some_and(|above| left.folders.contains(above));
            // A rename moves one file: it is not left under both names. Where it stays under the
            // old one, the new name has what it had.
            if let (Some(file), true) = (file, above) {
                let other = left.files.iter().find(|(_, other)| **other == file);
                if let Some(other) = other.map(|(other, _)| other.clone()) {
                    left.files.remove(&other);
                    let before = self.durable.files.get(&other).filter(|before| **before != file);
                    left.files.extend(before.map(|before| (other, *before)));
                }
                left.files.insert(path, file);
            }
        }
        left
    }

    /// What a crash leaves of a file's bytes.
    fn crashed_bytes(&mut self, contents: Contents) -> Vec<u8> {
        let Contents { now, durable } = contents;
        let same = now.iter().zip(&durable).take_while(|(a, b)| a == b).count();
        if same == now.len() && same == durable.len() {
            return durable;
        }
        // Either the old end stayed, or a part of the new one is there.
        if same < durable.len() && self.below(2) == 0 {
            return durable;
        }
        let written = self.below((now.len() - same) as u64 + 1) as usize;
        let mut left = now[..same + written].to_vec();
        match self.below(4) {
            // The length was written and the last bytes were not.
            0 => {
                let zeros = self.below(2 * SECTOR) as usize;
                left.resize((left.len() + zeros).min(now.len()), 0);
            }
            1 if self.damage.disorder => {
                let mut start = same as u64;
                while start < left.len() as u64 {
                    let end = ((start / SECTOR + 1) * SECTOR).min(left.len() as u64);
                    if self.below(3) == 0 {
                        left[start as usize..end as usize].fill(0);
                    }
                    start = end;
                }
            }
            _ => {}
        }
        left
    }
}

fn missing(path: &Path) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, format!("{}: not there", path.display()))
}

fn failed() -> io::Error {
    io::Error::other("the disk failed")
}

impl Files for SimulatedDisk {
    fn create_folder(&self, folder: &Path) -> io::Result<()> {
        self.lock().names.folders.extend(folder.ancestors().map(Path::to_owned));
        Ok(())
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        let names = &self.lock().names;
        if !names.folders.contains(folder) {
            return Err(missing(folder));
        }
        let all = names.folders.iter().chain(names.files.keys());
        let mut paths: Vec<PathBuf> =
            all.filter(|path| path.parent() == Some(folder)).cloned().collect();
        paths.sort();
        Ok(paths)
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn Readable>> {
        let state = self.lock();
        let number = *state.names.files.get(path).ok_or_else(|| missing(path))?;
        Ok(Box::new(Handle { disk: self.clone(), number, life: state.life }))
    }

    fn append(&self, path: &Path, len: u64) -> io::Result<Box<dyn Appendable>> {
        let state = &mut *self.lock();
        let above = path.parent().is_some_and(|above| state.names.folders.contains(above));
        if !above {
            return Err(missing(path));
        }
        if state.fails() {
            return Err(failed());
        }
        let number = match state.names.files.get(path) {
            Some(number) => *number,
            None => {
                state.next_file += 1;
                state.files.insert(state.next_file, Contents::default());
                state.names.files.insert(path.to_owned(), state.next_file);
                state.next_file
            }
        };
        let contents = state.files.get_mut(&number).ok_or_else(|| missing(path))?;
        contents.now.resize(len as usize, 0);
        Ok(Box::new(Handle { disk: self.clone(), number, life: state.life }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let state = &mut *self.lock();
        if state.fails() {
            return Err(failed());
        }
        let number = state.names.files.remove(from).ok_or_else(|| missing(from))?;
        state.names.files.insert(to.to_owned(), number);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.lock().names.files.remove(path).map(|_| ()).ok_or_else(|| missing(path))
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        let state = &mut *self.lock();
        if !state.names.folders.contains(folder) {
            return Err(missing(folder));
        }
        if state.fails() {
            return Err(failed());
        }
        let is_in = |path: &Path| path.parent() == Some(folder);
        state.durable.files.retain(|path, _| !is_in(path));
        let files = state.names.files.iter().filter(|(path, _)| is_in(path));
        state.durable.files.extend(files.map(|(path, number)| (path.clone(), *number)));
        let folders = state.names.folders.iter().filter(|path| is_in(path));
        state.durable.folders.extend(folders.cloned());
        Ok(())
    }
}

/// An open file.
#[derive(Debug)]
struct Handle {
    disk: SimulatedDisk,
    number: u64,
    life: u64,
}

impl Handle {
    /// The disk and the file's contents, while the process that opened it lives.
    fn with<T>(&self, act: impl FnOnce(&mut State, u64) -> io::Result<T>) -> io::Result<T> {
        let state = &mut *self.disk.lock();
        if state.life != self.life || !state.files.contains_key(&self.number) {
            return Err(io::Error::other("the process that opened this file is gone"));
        }
        act(state, self.number)
    }
}

impl Readable for Handle {
    fn read_at(&self, position: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.with(|state, number| {
            let len = state.files[&number].now.len();
            let start = (position as usize).min(len);
            let mut count = buffer.len().min(len - start);
            if count > 1 && state.below(1_000) < state.damage.short {
                count = 1 + state.below(count as u64 - 1) as usize;
            }
            buffer[..count].copy_from_slice(&state.files[&number].now[start..start + count]);
            Ok(count)
        })
    }

    fn length(&self) -> io::Result<u64> {
        self.with(|state, number| Ok(state.files[&number].now.len() as u64))
    }
}

impl io::Write for Handle {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.with(|state, number| {
            let room = state.damage.capacity.map(|capacity| capacity.saturating_sub(state.used()));
            let count = (bytes.len() as u64).min(room.unwrap_or(u64::MAX));
            let fails = state.fails();
            let count = if fails { state.below(count) } else { count } as usize;
            let now = &mut state.files.entry(number).or_default().now;
            now.extend_from_slice(&bytes[..count]);
            match (fails, count) {
                (true, _) => Err(failed()),
                (false, 0) if !bytes.is_empty() => {
                    Err(io::Error::new(io::ErrorKind::StorageFull, "the disk is full"))
                }
                _ => Ok(count),
            }
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Appendable for Handle {
    fn sync(&mut self) -> io::Result<()> {
        self.with(|state, number| {
            if state.fails() {
                return Err(failed());
            }
            let contents = state.files.entry(number).or_default();
            contents.durable.clone_from(&contents.now);
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn write(disk: &SimulatedDisk, path: &Path, bytes: &[u8]) -> Box<dyn Appendable> {
        let mut file = disk.append(path, 0).expect("a file");
        file.write_all(bytes).expect("a write");
        file
    }

    fn read(disk: &SimulatedDisk, path: &Path) -> Option<Vec<u8>> {
        let mut buffer = vec![0; 64];
        let read = disk.open(path).ok()?.read_at(0, &mut buffer).expect("a read");
        buffer.truncate(read);
        Some(buffer)
    }

    /// How many of 200 seeds end with the file whole.
    fn whole(sync_file: bool, sync_folder: bool) -> usize {
        let is_whole = |seed: &u64| {
            let disk = SimulatedDisk::new(*seed);
            let path = Path::new("/f");
            let mut file = write(&disk, path, b"bytes");
            if sync_file {
                file.sync().expect("a sync");
            }
            if sync_folder {
                disk.sync_folder(Path::new("/")).expect("a sync");
            }
            disk.crash();
            assert!(file.write_all(b"more").is_err(), "the process is gone");
            read(&disk, path).as_deref() == Some(b"bytes")
        };
        (0..200).filter(is_whole).count()
    }

    #[test]
    fn what_was_synced_stays_and_the_rest_may_go() {
        assert_eq!(whole(true, true), 200);
        assert!((50..150).contains(&whole(true, false)), "the name may be lost");
        assert!((1..150).contains(&whole(false, true)), "the bytes may be lost");
    }

    #[test]
    fn a_rename_leaves_the_old_file_or_the_new() {
        let (old, new) = (Path::new("/old"), Path::new("/new"));
        let mut seen = BTreeSet::new();
        for seed in 0..100 {
            let disk = SimulatedDisk::new(seed);
            write(&disk, old, b"old").sync().expect("a sync");
            write(&disk, new, b"new").sync().expect("a sync");
            disk.sync_folder(Path::new("/")).expect("a sync");
            disk.rename(new, old).expect("a rename");
            disk.crash();
            seen.insert(read(&disk, old).expect("one of them"));
        }
        assert_eq!(seen.len(), 2);
    }

    #[test]
    fn a_full_disk_says_so() {
        let disk = SimulatedDisk::new(1);
        disk.set_damage(Damage { capacity: Some(7), ..Damage::default() });
        write(&disk, Path::new("/a"), b"1234");
        let mut file = disk.append(Path::new("/b"), 0).expect("a file");
        let error = file.write_all(b"5678").expect_err("full");
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }
}
