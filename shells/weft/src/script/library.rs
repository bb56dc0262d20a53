//! The library of scripts: macros of a folder, files that they include, the bootstrap, and the
//! programs that they call.
//!
//! `DIRECTORY/path/of/macro.mc2` is the source of `@path/of/macro`. The folder is read as a whole
//! when `warpscript.repository.refresh` says so, and file by file when a macro is asked for that is
//! not known or whose time is over (unless `warpscript.repository.ondemand` is `false`).

use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use indexmap::IndexMap;
use weft_warpscript::requests::Library;

use super::programs::Programs;
use crate::config::{ConfigError, Settings};
use crate::report::warn;

/// The key that names the folder.
pub(crate) const REPOSITORY_KEY: &str = "warpscript.repository.directory";

/// The key that names the bootstrap.
pub(crate) const BOOTSTRAP_KEY: &str = "warpscript.bootstrap.path";

/// Bytes of one source.
const SOURCE_MAX: u64 = 16 << 20;

/// Folders inside folders.
const FOLDER_DEPTH_MAX: usize = 32;

const EXTENSION: &str = ".mc2";

/// What there is for a question; `Err` says why it cannot be read.
pub(crate) type Sourced = Result<Option<Arc<str>>, String>;

/// The library.
pub(crate) struct Folder {
    root: Option<PathBuf>,
    bootstrap: Option<PathBuf>,
    programs: Option<Programs>,
    options: Options,
    state: Mutex<State>,
}

/// Spans in milliseconds.
#[derive(Clone, Copy, Debug)]
struct Options {
    on_demand: bool,
    /// Between two readings of the whole folder; 0 for never.
    refresh_ms: u64,
    ttl_ms: i64,
    ttl_failed_ms: i64,
    ttl_hard_ms: i64,
    cache_size: usize,
    /// Between two readings of the bootstrap; 0 for once.
    bootstrap_ms: u64,
}

#[derive(Default)]
struct State {
    macros: IndexMap<String, Entry>,
    /// When the folder was read as a whole last.
    scanned_ms: Option<u64>,
    bootstrap: Option<Arc<str>>,
    /// The last bootstrap that ran.
    bootstrap_good: Option<Arc<str>>,
    bootstrap_read_ms: Option<u64>,
}

struct Entry {
    source: Arc<str>,
    /// From when on it is to be read anew.
    expires_ms: u64,
}

impl Folder {
    /// The library that the configuration names, if it names one.
    pub(crate) fn new(settings: &Settings) -> Result<Option<Self>, ConfigError> {
        let path = |key| settings.get(key).map(PathBuf::from);
        let span = |key: &str, default: i64| match settings.get(key).map(str::parse::<i64>) {
            None => Ok(default),
            Some(Ok(span)) if span >= 0 => Ok(span),
            Some(_) => Err(settings.error(key, "it must be a number of milliseconds")),
        };
        let refresh = span("warpscript.repository.refresh", 3_600_000)?;
        let options = Options {
            on_demand: refresh == 0
                || settings.get("warpscript.repository.ondemand") != Some("false"),
            refresh_ms: refresh.unsigned_abs(),
            ttl_ms: span("warpscript.repository.ttl", 600_000)?,
            ttl_failed_ms: span("warpscript.repository.ttl.failed", 10_000)?,
            ttl_hard_ms: span("warpscript.repository.ttl.hard", i64::MAX >> 2)?,
            cache_size: settings.size("warpscript.repository.cache.size", 10_000),
            bootstrap_ms: span("warpscript.bootstrap.period", 0)?.unsigned_abs(),
        };
        let (root, bootstrap) = (path(REPOSITORY_KEY), path(BOOTSTRAP_KEY));
        let programs = Programs::new(settings)?;
        let is_set = root.is_some() || bootstrap.is_some() || programs.is_some();
        let state = Mutex::default();
        Ok(is_set.then_some(Self { root, bootstrap, programs, options, state }))
    }

    /// Whether there is code that runs before every script.
    pub(crate) const fn has_bootstrap(&self) -> bool {
        self.bootstrap.is_some()
    }

    /// Answers a script. Reads files. `now_ms` is of a clock that never jumps.
    pub(crate) fn answer(&self, ask: &Library, now_ms: u64) -> Sourced {
        if let Library::Program { name, line, wait_ms } = ask {
            let Some(programs) = &self.programs else { return Ok(None) };
            return programs.call(name, line, Duration::from_millis(*wait_ms));
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match ask {
            Library::Macro(name) => self.find(&mut state, name, now_ms),
            Library::Include { name, path } => self.include(name, path),
            Library::Bootstrap => Ok(self.bootstrap(&mut state, now_ms)),
            // Answered above: nobody else waits for it.
            Library::Program { .. } => Ok(None),
            Library::Loaded { name: Some(name), ttl_ms, failure } => {
                if let Some(reason) = failure {
                    warn("macros", &format!("@{name} cannot be loaded: {reason}"));
                }
                let options = &self.options;
                let ttl_ms = match failure {
                    None => ttl_ms.unwrap_or(options.ttl_ms).min(options.ttl_hard_ms),
                    Some(_) => {
                        let half = i64::try_from(options.refresh_ms / 2).unwrap_or(i64::MAX);
                        options.ttl_failed_ms.max(half)
                    }
                };
                if let Some(entry) = state.macros.get_mut(&**name) {
                    entry.expires_ms = expiry(now_ms, ttl_ms);
                }
                Ok(None)
            }
            Library::Loaded { name: None, failure, .. } => {
                if let (Some(reason), Some(path)) = (failure, &self.bootstrap) {
                    let path = path.display();
                    warn("bootstrap", &format!("{path} failed, it is not used: {reason}"));
                    let bad = state.bootstrap.take();
                    state.bootstrap =
                        state.bootstrap_good.take().filter(|text| bad.as_ref() != Some(text));
                }
                Ok(None)
            }
        }
    }

    fn find(&self, state: &mut State, name: &str, now_ms: u64) -> Sourced {
        let Some(root) = self.root.as_deref().filter(|_| is_macro_name(name)) else {
            return Ok(None);
        };
        let options = &self.options;
        let is_due = |at: u64| now_ms.saturating_sub(at) >= options.refresh_ms;
        if options.refresh_ms > 0 && state.scanned_ms.is_none_or(is_due) {
            state.scanned_ms = Some(now_ms);
            self.scan(state, root, now_ms);
        }
        match state.macros.get(name) {
            Some(entry) if !options.on_demand || now_ms < entry.expires_ms => {
                return Ok(Some(entry.source.clone()));
            }
            None if !options.on_demand => return Ok(None),
            _ => {}
        }
        state.macros.shift_remove(name);
        let source = read(&root.join(format!("{name}{EXTENSION}")))?;
        if let Some(source) = &source {
            self.keep(state, name.to_owned(), source.clone(), now_ms);
        }
        Ok(source)
    }

    /// Keeps a source; the oldest goes where there is no room.
    fn keep(&self, state: &mut State, name: String, source: Arc<str>, now_ms: u64) {
        let ttl_ms = self.options.ttl_ms.min(self.options.ttl_hard_ms);
        let expires_ms = expiry(now_ms, ttl_ms);
        state.macros.insert(name, Entry { source, expires_ms });
        if state.macros.len() > self.options.cache_size {
            state.macros.shift_remove_index(0);
        }
    }

    /// Reads the folder as a whole. Where it cannot be read, what is known stays.
    fn scan(&self, state: &mut State, root: &Path, now_ms: u64) {
        let mut found = Vec::new();
        let mut folders = vec![(root.to_path_buf(), String::new(), 0)];
        while let Some((folder, prefix, depth)) = folders.pop() {
            let entries = match std::fs::read_dir(&folder) {
                Ok(entries) => entries,
                Err(error) if depth == 0 => {
                    return warn("macros", &format!("{}: {error}", folder.display()));
                }
                Err(_) => continue,
            };
            let mut entries: Vec<_> = entries.flatten().collect();
            entries.sort_by_key(std::fs::DirEntry::file_name);
            for entry in entries {
                let (path, name) = (entry.path(), entry.file_name());
                let Some(name) = name.to_str() else { continue };
                if path.is_dir() {
                    if depth < FOLDER_DEPTH_MAX {
                        folders.push((path, format!("{prefix}{name}/"), depth + 1));
                    }
                } else if let (Some(name), true) = (name.strip_suffix(EXTENSION), depth > 0) {
                    found.push((format!("{prefix}{name}"), path));
                }
            }
        }
        if found.len() > self.options.cache_size {
            let message = "there are more macros than warpscript.repository.cache.size";
            warn("macros", message);
            found.truncate(self.options.cache_size);
        }
        let mut old = std::mem::take(&mut state.macros);
        for (name, path) in found {
            match read(&path) {
                // What did not change keeps its time.
                Ok(Some(source)) => match old.swap_remove(&name) {
                    Some(entry) if entry.source == source && now_ms < entry.expires_ms => {
                        state.macros.insert(name, entry);
                    }
                    _ => self.keep(state, name, source, now_ms),
                },
                Ok(None) => {}
                Err(error) => warn("macros", &error),
            }
        }
    }

    /// A file in the first folder of a macro's name.
    fn include(&self, name: &str, path: &str) -> Sourced {
        let Some(root) = &self.root else { return Ok(None) };
        let folder = name.split('/').next().unwrap_or_default();
        if !stays_inside(path) {
            return Err("INCLUDE invalid path.".to_owned());
        }
        match read(&root.join(folder).join(path))? {
            Some(source) => Ok(Some(source)),
            None => Err(format!("INCLUDE was unable to load '{path}'.")),
        }
    }

    fn bootstrap(&self, state: &mut State, now_ms: u64) -> Option<Arc<str>> {
        let path = self.bootstrap.as_ref()?;
        let period = self.options.bootstrap_ms;
        let is_due = |at: u64| period > 0 && now_ms.saturating_sub(at) >= period;
        if state.bootstrap_read_ms.is_none_or(is_due) {
            state.bootstrap_read_ms = Some(now_ms);
            match read(path) {
                Ok(Some(source)) if state.bootstrap.as_ref() != Some(&source) => {
                    state.bootstrap_good = state.bootstrap.replace(source);
                }
                Ok(Some(_)) => {}
                Ok(None) => warn("bootstrap", &format!("there is no {}", path.display())),
                Err(error) => warn("bootstrap", &error),
            }
        }
        state.bootstrap.clone()
    }
}

fn expiry(now_ms: u64, ttl_ms: i64) -> u64 {
    now_ms.saturating_add(u64::try_from(ttl_ms).unwrap_or(0))
}

/// Macros live in folders, and their names have no way out of them.
fn is_macro_name(name: &str) -> bool {
    name.contains('/') && stays_inside(name)
}

fn stays_inside(path: &str) -> bool {
    let is_plain = |part: &str| !part.is_empty() && part != "." && part != "..";
    !path.contains(['\0', '\\']) && path.split('/').all(is_plain)
}

/// A source; `None` when there is no such file.
fn read(path: &Path) -> Sourced {
    let failed = |error: std::io::Error| format!("{}: {error}", path.display());
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) => {
            return match error.kind() {
                ErrorKind::NotFound | ErrorKind::NotADirectory => Ok(None),
                _ => Err(failed(error)),
            };
        }
    };
    let mut bytes = Vec::new();
    file.take(SOURCE_MAX + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > SOURCE_MAX {
        return Err(format!("{}: it is larger than {SOURCE_MAX} bytes", path.display()));
    }
    Ok(Some(String::from_utf8_lossy(&bytes).into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder, and the library over it.
    fn library(conf: &str, files: &[(&str, &str)]) -> (tempfile::TempDir, Folder) {
        let home = tempfile::tempdir().expect("a folder");
        for (name, text) in files {
            write(&home, name, text);
        }
        let root = home.path().display();
        let conf = format!("{REPOSITORY_KEY} = {root}\n{BOOTSTRAP_KEY} = {root}/boot\n{conf}");
        let settings = Settings::parse(&conf).expect("a configuration");
        let folder = Folder::new(&settings).expect("it fits").expect("it is set");
        (home, folder)
    }

    fn write(home: &tempfile::TempDir, name: &str, text: &str) {
        let path = home.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("it is made");
        std::fs::write(path, text).expect("it is written");
    }

    fn find(folder: &Folder, name: &str, now_ms: u64) -> Option<String> {
        let source = folder.answer(&Library::Macro(name.into()), now_ms).expect("it is read");
        source.map(|text| text.to_string())
    }

    #[test]
    fn a_macro_is_read_anew_when_its_time_is_over() {
        let conf = "warpscript.repository.refresh = 0\nwarpscript.repository.ttl = 100\n\
                    warpscript.repository.ttl.failed = 7\nwarpscript.repository.ttl.hard = 500";
        let (home, folder) = library(conf, &[("a/b.mc2", "1"), ("top.mc2", "2")]);
        assert_eq!(find(&folder, "a/b", 0).as_deref(), Some("1"));
        write(&home, "a/b.mc2", "changed");
        assert_eq!(find(&folder, "a/b", 99).as_deref(), Some("1"));
        assert_eq!(find(&folder, "a/b", 100).as_deref(), Some("changed"));
        for bad in ["top", "a/../top", "/a/b", "a/./b", "../x/a/b", "a//b", "a/none", "a/b/c"] {
            assert_eq!(find(&folder, bad, 0), None, "{bad}");
        }
        let told = |ttl_ms, failure: Option<&str>| {
            let failure = failure.map(str::to_owned);
            let told = Library::Loaded { name: Some("a/b".into()), ttl_ms, failure };
            assert_eq!(folder.answer(&told, 200), Ok(None));
        };
        told(Some(1_000_000), None);
        write(&home, "a/b.mc2", "again");
        assert_eq!(find(&folder, "a/b", 699).as_deref(), Some("changed"));
        told(None, Some("bad"));
        assert_eq!(find(&folder, "a/b", 206).as_deref(), Some("changed"));
        assert_eq!(find(&folder, "a/b", 207).as_deref(), Some("again"));
    }

    #[test]
    fn without_demand_the_folder_is_read_as_a_whole() {
        let conf = "warpscript.repository.refresh = 50\nwarpscript.repository.ondemand = false\n\
                    warpscript.repository.ttl = 1";
        let (home, folder) = library(conf, &[("a/b/c.mc2", "1"), ("a/no.txt", "2")]);
        assert_eq!(find(&folder, "a/b/c", 0).as_deref(), Some("1"));
        write(&home, "a/b/c.mc2", "changed");
        write(&home, "a/d.mc2", "new");
        assert_eq!(find(&folder, "a/b/c", 49).as_deref(), Some("1"));
        assert_eq!(find(&folder, "a/d", 49), None);
        assert_eq!(find(&folder, "a/b/c", 50).as_deref(), Some("changed"));
        assert_eq!(find(&folder, "a/d", 50).as_deref(), Some("new"));
        std::fs::remove_file(home.path().join("a/d.mc2")).expect("it is gone");
        assert_eq!(find(&folder, "a/d", 100), None);
    }

    #[test]
    fn only_so_many_macros_are_kept() {
        let conf = "warpscript.repository.refresh = 0\nwarpscript.repository.cache.size = 1";
        let (home, folder) = library(conf, &[("a/b.mc2", "1"), ("a/c.mc2", "2")]);
        assert_eq!(find(&folder, "a/b", 0).as_deref(), Some("1"));
        assert_eq!(find(&folder, "a/c", 0).as_deref(), Some("2"));
        write(&home, "a/b.mc2", "changed");
        assert_eq!(find(&folder, "a/b", 0).as_deref(), Some("changed"));
    }

    #[test]
    fn files_are_included_from_the_first_folder() {
        let (_home, folder) = library("", &[("a/x/y.txt", "1"), ("b/z.txt", "2")]);
        let include = |path: &str| {
            let ask = Library::Include { name: "a/m/n".into(), path: path.into() };
            folder.answer(&ask, 0).map(|source| source.map(|text| text.to_string()))
        };
        assert_eq!(include("x/y.txt"), Ok(Some("1".to_owned())));
        assert_eq!(include("../b/z.txt"), Err("INCLUDE invalid path.".to_owned()));
        assert_eq!(include("z.txt"), Err("INCLUDE was unable to load 'z.txt'.".to_owned()));
    }

    #[test]
    fn a_bootstrap_that_fails_gives_way_to_the_one_before() {
        let (home, folder) = library("warpscript.bootstrap.period = 10", &[("boot", "1")]);
        let boot = |now_ms| {
            let source = folder.answer(&Library::Bootstrap, now_ms).expect("it is read");
            source.map(|text| text.to_string())
        };
        assert_eq!(boot(0).as_deref(), Some("1"));
        write(&home, "boot", "bad");
        assert_eq!(boot(9).as_deref(), Some("1"));
        assert_eq!(boot(10).as_deref(), Some("bad"));
        let failure = Some("no".to_owned());
        let told = Library::Loaded { name: None, ttl_ms: None, failure };
        assert_eq!(folder.answer(&told, 11), Ok(None));
        assert_eq!(boot(12).as_deref(), Some("1"));
    }

    #[test]
    fn a_program_is_asked_where_there_are_programs() {
        let ask = Library::Program { name: "p".into(), line: "x".into(), wait_ms: 0 };
        let (home, folder) = library("", &[]);
        assert_eq!(folder.answer(&ask, 0), Ok(None));
        let conf = format!("{} = {}", super::super::programs::CALL_KEY, home.path().display());
        let (_home, folder) = library(&conf, &[]);
        assert_eq!(folder.answer(&ask, 0), Err("invalid subprogram 'p'.".to_owned()));
    }

    #[test]
    fn nothing_is_a_library_when_no_key_is_set() {
        let settings = Settings::parse("").expect("a configuration");
        assert!(Folder::new(&settings).expect("it fits").is_none());
        let settings = Settings::parse("warpscript.repository.ttl = x").expect("read");
        assert!(Folder::new(&settings).is_err());
    }
}
