//! The programs that scripts call (`CALL`): each of a folder, run as often as it allows.
//!
//! A program says on its first line of output how many of it may run, and then answers each line
//! that it reads with one. Whoever calls has one for itself meanwhile. They end with this process,
//! for their input ends.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::library::Sourced;
use crate::config::{ConfigError, Settings};

/// The key that names the folder.
pub(crate) const CALL_KEY: &str = "warpscript.call.directory";

/// Bytes of an answer.
const LINE_MAX: u64 = 64 << 20;

/// Callers that wait for a program that others have.
const WAITING_MAX: usize = 64;

/// How often a call is begun: a program may have ended since it was used last.
const ATTEMPTS: usize = 2;

/// The programs of a folder.
pub(crate) struct Programs {
    root: PathBuf,
    capacity_max: usize,
    pools: Mutex<BTreeMap<String, Arc<Pool>>>,
}

/// One program.
struct Pool {
    path: PathBuf,
    state: Mutex<State>,
    /// One is free, or ended.
    freed: Condvar,
}

#[derive(Default)]
struct State {
    idle: Vec<Running>,
    /// Those that run, idle or not.
    running: usize,
    /// How many may; known when one has run.
    capacity: Option<usize>,
    waiting: usize,
}

/// A program that runs.
struct Running {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

/// Why there is no answer.
enum Failure {
    /// What is between the two of us broke: another one may do.
    Broken(String),
    Other(String),
}

impl Programs {
    /// The programs that the configuration names, if it names some.
    pub(crate) fn new(settings: &Settings) -> Result<Option<Self>, ConfigError> {
        let Some(root) = settings.get(CALL_KEY).map(PathBuf::from) else { return Ok(None) };
        let key = "warpscript.call.maxcapacity";
        let capacity_max = settings.size(key, 1);
        if capacity_max == 0 {
            return Err(settings.error(key, "it must be at least 1"));
        }
        Ok(Some(Self { root, capacity_max, pools: Mutex::default() }))
    }

    /// Has a program answer a line. Waits for both; an error is said of the word that asks.
    pub(crate) fn call(&self, name: &str, line: &str, wait: Duration) -> Sourced {
        let pool = self.pool(name)?;
        let deadline = Instant::now() + wait;
        let mut attempt = 1;
        loop {
            let mut program = pool.take(self.capacity_max, deadline)?;
            match program.answer(line) {
                Ok(answer) => {
                    pool.give(Some(program));
                    return Ok(Some(answer.into()));
                }
                Err(Failure::Broken(_)) if attempt < ATTEMPTS => pool.give(None),
                Err(Failure::Broken(reason) | Failure::Other(reason)) => {
                    pool.give(None);
                    return Err(reason);
                }
            }
            attempt += 1;
        }
    }

    fn pool(&self, name: &str) -> Result<Arc<Pool>, String> {
        let is_plain = |part: &str| !part.is_empty() && part != "." && part != "..";
        if name.contains('\0') || !name.split('/').all(is_plain) {
            return Err("invalid subprogram, not in the correct directory.".to_owned());
        }
        let mut pools = lock(&self.pools);
        if let Some(pool) = pools.get(name) {
            return Ok(pool.clone());
        }
        let path = self.root.join(name);
        if !is_program(&path) {
            return Err(format!("invalid subprogram '{name}'."));
        }
        let pool = Arc::new(Pool { path, state: Mutex::default(), freed: Condvar::new() });
        pools.insert(name.to_owned(), pool.clone());
        Ok(pool)
    }
}

fn is_program(path: &Path) -> bool {
    let data = std::fs::metadata(path);
    data.is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

impl Pool {
    /// One of the program that nobody else has: one that runs, or a new one.
    fn take(&self, capacity_max: usize, deadline: Instant) -> Result<Running, String> {
        const LATE: &str = "Timed out waiting for available process.";
        let mut state = lock(&self.state);
        loop {
            while let Some(mut program) = state.idle.pop() {
                if program.is_alive() {
                    return Ok(program);
                }
                state.running -= 1;
            }
            // The first one tells how many there may be.
            if state.running < state.capacity.unwrap_or(1) {
                state.running += 1;
                drop(state);
                return self.begin(capacity_max);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || state.waiting >= WAITING_MAX {
                return Err(LATE.to_owned());
            }
            state.waiting += 1;
            let woken = self.freed.wait_timeout(state, left);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
            state.waiting -= 1;
        }
    }

    fn begin(&self, capacity_max: usize) -> Result<Running, String> {
        match Running::begin(&self.path) {
            Ok((program, capacity)) => {
                let capacity =
                    usize::try_from(capacity).ok().filter(|c| (1..=capacity_max).contains(c));
                lock(&self.state).capacity = Some(capacity.unwrap_or(capacity_max));
                self.freed.notify_all();
                Ok(program)
            }
            Err(reason) => {
                self.give(None);
                Err(reason)
            }
        }
    }

    /// A program is free, or is not there any more.
    fn give(&self, program: Option<Running>) {
        let mut state = lock(&self.state);
        match program {
            Some(program) => state.idle.push(program),
            None => state.running -= 1,
        }
        drop(state);
        self.freed.notify_one();
    }
}

impl Running {
    /// Starts a program, and reads how many of it may run.
    fn begin(path: &Path) -> Result<(Self, i64), String> {
        let failed = |error: std::io::Error| format!("cannot run '{}': {error}", path.display());
        let mut command = Command::new(path);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(failed)?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(format!("cannot talk to '{}'.", path.display()));
        };
        let mut program = Self { child, input, output: BufReader::new(output) };
        let first = program.read_line().map_err(failed)?;
        let unknown =
            || format!("Subprogram '{}' did not return its configured capacity.", path.display());
        let capacity = first.and_then(|line| line.trim().parse().ok()).ok_or_else(unknown)?;
        Ok((program, capacity))
    }

    fn answer(&mut self, line: &str) -> Result<String, Failure> {
        // What it said without being asked is not the answer.
        let unexpected = self.output.buffer().len();
        self.output.consume(unexpected);
        let broken = |error: std::io::Error| Failure::Broken(error.to_string());
        self.input.write_all(format!("{line}\n").as_bytes()).map_err(broken)?;
        self.input.flush().map_err(broken)?;
        let answer = self.read_line().map_err(broken)?;
        answer.ok_or_else(|| Failure::Other("subprogram died unexpectedly.".to_owned()))
    }

    /// A line; `None` at the end of what it says.
    fn read_line(&mut self) -> std::io::Result<Option<String>> {
        let mut bytes = Vec::new();
        let read = (&mut self.output).take(LINE_MAX).read_until(b'\n', &mut bytes)?;
        if bytes.pop_if(|byte| *byte == b'\n').is_none() && (read == 0 || read as u64 == LINE_MAX) {
            return Ok(None);
        }
        bytes.pop_if(|byte| *byte == b'\r');
        Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
    }

    fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with programs, and what calls them.
    fn programs(conf: &str, scripts: &[(&str, &str)]) -> (tempfile::TempDir, Programs) {
        let home = tempfile::tempdir().expect("a folder");
        for (name, script) in scripts {
            let path = home.path().join(name);
            std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("it is written");
            let mode = std::fs::Permissions::from_mode(0o755);
            std::fs::set_permissions(&path, mode).expect("it may run");
        }
        let conf = format!("{CALL_KEY} = {}\n{conf}", home.path().display());
        let settings = Settings::parse(&conf).expect("a configuration");
        let programs = Programs::new(&settings).expect("it fits").expect("it is set");
        (home, programs)
    }

    fn call(programs: &Programs, name: &str, line: &str) -> Result<String, String> {
        let answer = programs.call(name, line, Duration::from_secs(10));
        answer.map(|line| line.expect("a line").to_string())
    }

    const ECHO: &str = "echo 1; while read line; do echo \"$$ $line\"; done";

    #[test]
    fn a_program_answers_line_by_line() {
        let (home, programs) =
            programs("", &[("echo", ECHO), ("mute", ""), ("dies", "echo 1; read x")]);
        let first = call(&programs, "echo", "a%20b").expect("an answer");
        let (process, line) = first.split_once(' ').expect("two words");
        assert_eq!(line, "a%20b");
        assert_eq!(call(&programs, "echo", "c"), Ok(format!("{process} c")), "the same one");
        std::fs::write(home.path().join("plain"), "x").expect("it is written");
        for (name, reason) in [
            ("none", "invalid subprogram 'none'."),
            ("plain", "invalid subprogram 'plain'."),
            ("../echo", "invalid subprogram, not in the correct directory."),
            ("/bin/sh", "invalid subprogram, not in the correct directory."),
            ("dies", "subprogram died unexpectedly."),
        ] {
            assert_eq!(call(&programs, name, "x"), Err(reason.to_owned()));
        }
        let mute = call(&programs, "mute", "x").expect_err("it says nothing");
        assert!(mute.ends_with("did not return its configured capacity."), "{mute}");
    }

    #[test]
    fn a_program_that_ended_is_started_anew() {
        let once = "echo 1; read line; echo \"$$\"";
        let (_home, programs) = programs("", &[("once", once)]);
        let first = call(&programs, "once", "x").expect("an answer");
        let pool = programs.pool("once").expect("a pool");
        // Its end is seen before the next call is.
        lock(&pool.state).idle[0].child.wait().expect("it ends");
        assert_ne!(call(&programs, "once", "x").expect("an answer"), first);
        assert_eq!(lock(&pool.state).running, 1);
    }

    #[test]
    fn as_many_run_as_the_program_and_the_configuration_allow() {
        let two = "echo 2; while read line; do echo \"$$\"; done";
        let many = "echo 9; while read line; do echo \"$$\"; done";
        let conf = "warpscript.call.maxcapacity = 2";
        let (_home, programs) = programs(conf, &[("two", two), ("many", many)]);
        for name in ["two", "many"] {
            let pool = programs.pool(name).expect("a pool");
            let soon = Instant::now();
            let held = [(); 2].map(|()| pool.take(2, soon).expect("one of two"));
            let late = pool.take(2, soon).err();
            assert_eq!(late.as_deref(), Some("Timed out waiting for available process."));
            held.into_iter().for_each(|program| pool.give(Some(program)));
            assert!(call(&programs, name, "x").is_ok());
        }
    }
}
