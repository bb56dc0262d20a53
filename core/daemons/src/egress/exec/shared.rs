//! What the scripts of a process share: mutexes, and values that they guard.
//!
//! It promises:
//! - At most one script holds a mutex; those that want it have it in the order in which they came.
//! - A script that is over, however, holds nothing and waits for nothing.
//! - Values together are bounded, and those that nobody used for long are gone.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use weft_warpscript::error::{Error, Kind};
use weft_warpscript::requests::{Answer, Chunk, RequestId as NeedId, Shared};

use super::super::config::ExecConfig;
use crate::contract::http::RequestId;
use crate::time::Mono;

/// Values may take this part of the memory for scripts.
const MEMORY_PART: usize = 4;

/// What a value takes beside its text.
const VALUE_LEN: usize = 256;

/// Values that nobody uses are looked for at least so often.
const SWEEP_MAX: Duration = Duration::from_mins(1);

/// Who asks: a request, and the number of its question.
type Asker = (RequestId, NeedId);

/// Mutexes and values.
#[derive(Debug)]
pub(in crate::egress) struct SharedMemory {
    /// Those that are held.
    mutexes: BTreeMap<Arc<str>, Mutex>,
    values: BTreeMap<Arc<str>, Value>,
    bytes: usize,
    bytes_max: usize,
    ttl: Duration,
    /// When values are looked through.
    sweep: Option<Mono>,
    answers: Vec<(Asker, Vec<Answer>)>,
}

/// A mutex that is held.
#[derive(Debug)]
struct Mutex {
    holder: RequestId,
    waiting: VecDeque<Waiting>,
}

/// Who wants a mutex, and until when.
#[derive(Debug)]
struct Waiting {
    asker: Asker,
    wait_ms: u64,
    until: Option<Mono>,
}

/// A shared value.
#[derive(Debug)]
struct Value {
    script: Arc<str>,
    mutex: Arc<str>,
    used: Mono,
}

fn refused(message: impl Into<String>) -> Vec<Answer> {
    vec![Answer::Err(Error::new(Kind::Script, message.into()))]
}

fn count(count: u64) -> Vec<Answer> {
    vec![Answer::Chunk(Chunk::Count(count)), Answer::End]
}

impl SharedMemory {
    /// Nothing is shared yet.
    pub(in crate::egress) fn new(config: &ExecConfig) -> Self {
        let ttl_ms = u64::try_from(config.machine.shared_ttl_ms).unwrap_or(0);
        Self {
            mutexes: BTreeMap::new(),
            values: BTreeMap::new(),
            bytes: 0,
            bytes_max: config.memory_max / MEMORY_PART,
            ttl: Duration::from_millis(ttl_ms),
            sweep: None,
            answers: Vec::new(),
        }
    }

    /// A script asks for something.
    pub(super) fn ask(&mut self, now: Mono, asker: Asker, ask: Shared) {
        let answers = match ask {
            Shared::Lock { mutex, wait_ms } => return self.lock(now, asker, mutex, wait_ms),
            Shared::Unlock { mutex, changed } => {
                let stored = self.change(now, asker.0, &mutex, changed);
                self.release(&mutex, asker.0);
                stored.map_or_else(refused, |()| vec![Answer::End])
            }
            Shared::Load(symbol) => self.load(now, asker.0, &symbol),
            Shared::Store { symbol, mutex, value } => {
                self.store(now, asker.0, symbol, mutex, value).map_or_else(refused, count)
            }
            Shared::Defined(symbol) => count(u64::from(self.values.contains_key(&symbol))),
        };
        self.answers.push((asker, answers));
    }

    /// Answers that are ready.
    pub(super) fn take_answers(&mut self) -> Vec<(Asker, Vec<Answer>)> {
        std::mem::take(&mut self.answers)
    }

    /// Time passes.
    pub(in crate::egress) fn tick(&mut self, now: Mono) {
        for mutex in self.mutexes.values_mut() {
            let answers = &mut self.answers;
            mutex.waiting.retain(|waiting| {
                let is_late = waiting.until.is_some_and(|until| until <= now);
                if is_late {
                    let ms = waiting.wait_ms;
                    let message = format!("failed to acquire mutex within {ms} ms.");
                    answers.push((waiting.asker, refused(message)));
                }
                !is_late
            });
        }
        if self.sweep.is_some_and(|at| at <= now) {
            self.sweep(now);
        }
    }

    /// When it wants a tick.
    pub(in crate::egress) fn deadline(&self) -> Option<Mono> {
        let waiting = self.mutexes.values().flat_map(|mutex| &mutex.waiting);
        waiting.filter_map(|waiting| waiting.until).chain(self.sweep).min()
    }

    /// A script no longer wants an answer.
    pub(super) fn cancel(&mut self, asker: Asker) {
        for mutex in self.mutexes.values_mut() {
            mutex.waiting.retain(|waiting| waiting.asker != asker);
        }
    }

    /// A script is over.
    pub(super) fn forget(&mut self, request: RequestId) {
        let mut held = Vec::new();
        for (name, mutex) in &mut self.mutexes {
            mutex.waiting.retain(|waiting| waiting.asker.0 != request);
            if mutex.holder == request {
                held.push(Arc::clone(name));
            }
        }
        held.iter().for_each(|name| self.release(name, request));
    }

    fn lock(&mut self, now: Mono, asker: Asker, name: Arc<str>, wait_ms: u64) {
        let Some(mutex) = self.mutexes.get_mut(&name) else {
            self.mutexes.insert(name, Mutex { holder: asker.0, waiting: VecDeque::new() });
            return self.answers.push((asker, vec![Answer::End]));
        };
        let until = (wait_ms > 0).then(|| now.after(Duration::from_millis(wait_ms)));
        mutex.waiting.push_back(Waiting { asker, wait_ms, until });
    }

    /// The next one has the mutex.
    fn release(&mut self, name: &Arc<str>, request: RequestId) {
        let Some(mutex) = self.mutexes.get_mut(name) else { return };
        if mutex.holder != request {
            return;
        }
        match mutex.waiting.pop_front() {
            Some(next) => {
                mutex.holder = next.asker.0;
                self.answers.push((next.asker, vec![Answer::End]));
            }
            None => {
                self.mutexes.remove(name);
            }
        }
    }

    fn is_held(&self, mutex: &Arc<str>, request: RequestId) -> bool {
        self.mutexes.get(mutex).is_some_and(|mutex| mutex.holder == request)
    }

    fn load(&mut self, now: Mono, request: RequestId, symbol: &Arc<str>) -> Vec<Answer> {
        let Some(value) = self.values.get(symbol) else {
            return refused(format!("Unknown shared memory symbol '{symbol}'."));
        };
        if !self.is_held(&value.mutex, request) {
            return refused(format!(
                "Invalid access to shared memory symbol '{symbol}', not in a mutex section with \
                 mutex '{}' held.",
                value.mutex
            ));
        }
        let script = Arc::clone(&value.script);
        if let Some(value) = self.values.get_mut(symbol) {
            value.used = now;
        }
        vec![Answer::Chunk(Chunk::Source(script)), Answer::End]
    }

    /// How many values were stored: one that is there stays.
    fn store(
        &mut self,
        now: Mono,
        request: RequestId,
        symbol: Arc<str>,
        mutex: Arc<str>,
        value: Option<Arc<str>>,
    ) -> Result<u64, String> {
        if !self.is_held(&mutex, request) {
            return Err(format!("expects the mutex '{mutex}' to be held when calling SHMSTORE"));
        }
        let Some(script) = value else {
            self.remove(&symbol);
            return Ok(0);
        };
        if self.values.contains_key(&symbol) {
            return Ok(0);
        }
        self.put(symbol, Value { script, mutex, used: now })?;
        Ok(1)
    }

    /// Takes the values that a script changed while it held their mutex.
    fn change(
        &mut self,
        now: Mono,
        request: RequestId,
        mutex: &Arc<str>,
        changed: Vec<(Arc<str>, Arc<str>)>,
    ) -> Result<(), String> {
        if !self.is_held(mutex, request) {
            return Ok(());
        }
        for (symbol, script) in changed {
            if self.values.get(&symbol).is_some_and(|value| value.mutex == *mutex) {
                self.put(symbol, Value { script, mutex: Arc::clone(mutex), used: now })?;
            }
        }
        Ok(())
    }

    fn put(&mut self, symbol: Arc<str>, value: Value) -> Result<(), String> {
        let before = self.values.get(&symbol).map_or(0, |value| len(&symbol, value));
        let bytes = self.bytes - before + len(&symbol, &value);
        if bytes > self.bytes_max {
            let max = self.bytes_max;
            return Err(format!("found shared memory full: it has {max} bytes."));
        }
        self.bytes = bytes;
        self.sweep = self.sweep.or_else(|| Some(value.used.after(self.sweep_period())));
        self.values.insert(symbol, value);
        Ok(())
    }

    fn remove(&mut self, symbol: &Arc<str>) {
        if let Some(value) = self.values.remove(symbol) {
            self.bytes -= len(symbol, &value);
        }
    }

    fn sweep_period(&self) -> Duration {
        (self.ttl / 2).clamp(Duration::from_millis(1), SWEEP_MAX)
    }

    /// Drops values that nobody used for long and whose mutex nobody holds.
    fn sweep(&mut self, now: Mono) {
        let is_old = |value: &Value| {
            now.since(value.used) > self.ttl && !self.mutexes.contains_key(&value.mutex)
        };
        let old = self.values.iter().filter(|(_, value)| is_old(value));
        let old: Vec<Arc<str>> = old.map(|(symbol, _)| Arc::clone(symbol)).collect();
        old.iter().for_each(|symbol| self.remove(symbol));
        let period = self.sweep_period();
        self.sweep = (!self.values.is_empty()).then(|| now.after(period));
    }
}

/// What a value takes.
fn len(symbol: &str, value: &Value) -> usize {
    VALUE_LEN + symbol.len() + value.mutex.len() + value.script.len()
}
