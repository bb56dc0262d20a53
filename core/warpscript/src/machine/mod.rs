//! The machine that runs a script: resumable, deterministic, bounded.
//!
//! # Contract
//! - [`Machine::run`] does at most about `fuel` instructions' worth of work and returns. Nothing
//!   else makes progress. Clock and entropy are its arguments; a script sees one clock per slice.
//! - [`Run::Need`] hands out a request; the machine goes on meanwhile. Answers come back through
//!   [`Machine::answer`]; [`Run::Waiting`] means that only an answer (or time) helps.
//! - The machine owns everything it refers to and is `Send`: slices may run on different threads.
//! - No native recursion: frames, parsing, output, comparison, cloning and dropping are iterative.

mod context;
mod frames;
mod platform;
mod stack;
mod symbols;

use std::collections::VecDeque;
use std::sync::Arc;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;
use weft_wire::token::TokenAuthority;

pub(crate) use frames::{Count, Frame, LoopState};
pub use frames::{Flow, Loop, Task, Turn};
pub use symbols::Symbols;

use crate::config::{Config, Limits, UrlFetchLimits};
use crate::entropy::Entropy;
use crate::error::{Error, Fault, Kind, Result};
use crate::function::Role;
use crate::heap::{Function, Heap, Text};
use crate::interactive::Interactive;
use crate::macros::{Instruction, Macro, Symbol};
use crate::parser::{ParseState, Source};
use crate::registry::{self, Action, Word};
use crate::requests::{Answer, Request, RequestId, Sight};
use crate::value::{Handle, Value};
use crate::words::shared::Section;

/// What time it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Clock {
    /// Nanoseconds since the epoch.
    pub wall_ns: i64,
    /// Nanoseconds of a clock that never jumps.
    pub mono_ns: u64,
}

/// Why [`Machine::run`] returned.
#[derive(Clone, Debug, PartialEq)]
pub enum Run {
    /// The script ended: see [`Machine::failure`], and the stack.
    Done,
    /// The slice is used up.
    OutOfFuel,
    /// The script asks for something; run on at once.
    Need(RequestId, Request),
    /// The script no longer wants this answer; run on at once.
    Cancel(RequestId),
    /// Nothing to do before an answer arrives.
    Waiting,
}

/// How a script failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The line of the script (from 1) that was running; 0 before the first.
    pub line: usize,
    /// The place that `LINEON`-style sections reported, if any.
    pub position: Option<String>,
    /// What happened.
    pub error: Error,
}

/// Settings that words of a script change.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `STRICTJSON`-like words: NaN and infinities as strings.
    pub json_strict: bool,
    /// `JSONPRETTY`.
    pub json_pretty: bool,
    /// Values shown after an error (`DEBUGON`, `NDEBUGON`).
    pub debug_depth: i64,
    /// Whether a line starts a section of its own (`LINEON`).
    pub line_sections: bool,
    /// Whether words that `DEF` made may be used (`NOREDEF`-like guards).
    pub allow_redefined: bool,
    /// Whether macros of an evaluated string escape being secure (`XEVAL`).
    pub in_xeval: bool,
    /// `TIMINGS` on: elapsed times, nanoseconds.
    pub timings: bool,
    /// What `EXPORT` named; an empty name stands for all.
    pub exports: Vec<Option<Text>>,
    /// Prefixes that `IMPORT` replaces in macro names, longest first.
    pub imports: Vec<(Text, Text)>,
    /// Headers of the answer (`HEADER`).
    pub headers: Vec<(Text, Text)>,
    /// Capabilities of the caller.
    pub capabilities: IndexMap<Text, Text, FxBuildHasher>,
    /// Capabilities that a guarded macro hands on; `None` outside.
    pub exported_capabilities: Option<Vec<Option<Text>>>,
    /// Stop watches of `CHRONOSTART`, by name.
    pub chronos: IndexMap<Text, Chrono, FxBuildHasher>,
    /// The key that secure scripts are made and read with (`SECUREKEY`).
    pub secure_key: Option<Text>,
    /// Whether `INFO` ends the script with its map (`INFOMODE`).
    pub info: bool,
    /// Whether `DOC` ends the script with its text (`DOCMODE`).
    pub doc: bool,
    /// Whether `AUTHENTICATE` was called.
    pub authenticated: bool,
    /// Whether `CEVAL` runs.
    pub concurrent: bool,
    /// Whether statements remember where they stand (`STMTPOS`).
    pub positions: bool,
    /// Where the statement stands that ran last.
    pub last_position: Option<Place>,
    /// Where the statement stands that failed last.
    pub last_failure: Option<Place>,
    /// What `WSAUDITMODE` found; `None` when it never ran.
    pub audit: Option<Vec<Finding>>,
    /// How long a macro of a repository may be kept, milliseconds (`MACROTTL`).
    pub macro_ttl: Option<i64>,
    /// Repositories that macros are looked up in, as the script set them.
    pub repositories: Option<Vec<Text>>,
    /// When the runner should run the script again: at an instant, milliseconds (`RUNNERAT`).
    pub rerun_at: Option<i64>,
    /// When the runner should run the script again: after a span, milliseconds (`RUNNERIN`).
    pub rerun_in: Option<i64>,
    /// How often a session should run the script, milliseconds (`EVERY`).
    pub every: Option<i64>,
    /// What an interactive session shows, and how; `None` elsewhere.
    pub interactive: Option<Box<Interactive>>,
    /// Configuration keys that the script set (`SETMACROCONFIG`).
    pub macro_config: IndexMap<Text, Option<Text>, FxBuildHasher>,
    /// Time spent in lines (`TIMINGS`).
    pub elapsed: Vec<i64>,
    /// Datapoints fetched so far.
    pub fetched: i64,
    /// Series fetched so far.
    pub fetched_series: i64,
    /// Calls that go out through the log, so far (`WEBCALL`).
    pub webcalls: i64,
    /// Calls of `HTTP` so far.
    pub http_requests: i64,
    /// Bytes that those brought.
    pub http_bytes: i64,
    /// What `URLFETCH` has done.
    pub urlfetched: UrlFetchLimits,
    /// What it may do.
    pub urlfetch: UrlFetchLimits,
    /// The generator that `PRNG` seeded.
    pub prng: Option<crate::random::Random>,
    /// How the next geometry is buffered that a shape is made of (`GEO.BUFFER`).
    pub buffer: Option<weft_gts::geo::Buffer>,
}

/// What a script is called, for whoever asks which scripts run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// Its name (`WSNAME`).
    pub name: Option<Text>,
    /// Its session (`WSSESSION`).
    pub session: Option<Text>,
}

/// A stop watch of `CHRONOSTART` and `CHRONOEND`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Chrono {
    /// When the outermost run started, nanoseconds.
    pub started: u64,
    /// How many runs are open.
    pub open: i64,
    /// How many runs were started since none was open.
    pub calls: i64,
    /// Time of finished runs in nanoseconds, and how many there were; `None` before the first.
    pub finished: Option<(u64, i64)>,
}

/// Where a statement stands in its line: first and last place.
pub type Place = (u32, u32);

/// A mistake that `WSAUDITMODE` found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What kind: `UNKNOWN`, `WS_EXCEPTION`, `WS_WARNING`.
    pub kind: &'static str,
    /// Where in the line it starts.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
    /// The statement, or what is wrong.
    pub text: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            json_strict: false,
            json_pretty: false,
            debug_depth: 0,
            line_sections: false,
            allow_redefined: true,
            in_xeval: false,
            timings: false,
            exports: Vec::new(),
            imports: Vec::new(),
            headers: Vec::new(),
            capabilities: IndexMap::default(),
            exported_capabilities: None,
            chronos: IndexMap::default(),
            secure_key: None,
            info: false,
            doc: false,
            authenticated: false,
            concurrent: false,
            positions: false,
            last_position: None,
            last_failure: None,
            audit: None,
            macro_ttl: None,
            repositories: None,
            rerun_at: None,
            rerun_in: None,
            every: None,
            interactive: None,
            macro_config: IndexMap::default(),
            elapsed: Vec::new(),
            fetched: 0,
            fetched_series: 0,
            webcalls: 0,
            http_requests: 0,
            http_bytes: 0,
            urlfetched: UrlFetchLimits::default(),
            urlfetch: UrlFetchLimits::default(),
            prng: None,
            buffer: None,
        }
    }
}

/// A request that is under way.
#[derive(Debug, Default)]
struct Inbox {
    answers: VecDeque<Answer>,
}

/// A script and everything it holds.
pub struct Machine {
    /// The objects.
    pub heap: Heap,
    /// Limits in force.
    pub limits: Limits,
    /// The configuration.
    pub config: Arc<Config>,
    /// The time of this slice.
    pub clock: Clock,
    /// Random numbers.
    pub entropy: Entropy,
    /// Settings that words change.
    pub settings: Settings,
    /// The error that `TRY` caught last.
    pub last_error: Option<Error>,
    /// The word that runs, for error messages.
    pub word: &'static Word,
    /// Whether a secure macro runs.
    pub in_secure: bool,
    /// The name of the macro that runs.
    pub macro_name: Option<Symbol>,
    /// The section that runs.
    pub section: Symbol,
    pub(crate) ops: i64,
    pub(crate) fuel: i64,
    pub(crate) level: i64,
    pub(crate) stack: Vec<Value>,
    pub(crate) hidden: usize,
    pub(crate) frames: Vec<Frame>,
    pub(crate) symbols: Symbols,
    pub(crate) registers: Vec<Value>,
    pub(crate) defined: IndexMap<Text, Handle<Function>, FxBuildHasher>,
    pub(crate) parse: ParseState,
    pub(crate) line: usize,
    /// Macros of the platform's library that were loaded, by name.
    pub(crate) library: IndexMap<Symbol, Handle<Macro>, FxBuildHasher>,
    /// What goes on when that ends which runs apart, outermost first.
    contexts: Vec<context::Context>,
    /// The mutex that it holds, and what it uses of what that guards.
    pub(crate) section_shared: Option<Section>,
    /// What the script is called, and its session.
    pub identity: Identity,
    /// Who says which tokens are good; without it, the keys of the configuration alone.
    pub authority: Option<Arc<TokenAuthority>>,
    /// Time units that the script may take in all.
    pub(crate) time_limit: Option<i64>,
    outbox: VecDeque<Run>,
    inboxes: IndexMap<RequestId, Inbox, FxBuildHasher>,
    next_request: u64,
    failure: Option<Failure>,
    deadlines: Vec<Deadline>,
    finished: bool,
}

/// A time limit on what a task runs, and the state to go back to when it is reached.
struct Deadline {
    at: u64,
    error: Error,
    frame: usize,
    level: i64,
    section: Symbol,
    macro_name: Option<Symbol>,
    in_secure: bool,
}

/// The section that a script starts in.
pub const TOP_SECTION: &str = "[TOP]";

/// How much of a slice one step of a collection may use.
const COLLECT_STEP: usize = 4096;

impl Machine {
    /// A machine that will run `script`.
    pub fn new(config: Arc<Config>, script: impl Into<Text>) -> Self {
        let mut symbols = Symbols::default();
        let (section, _) = symbols.intern(TOP_SECTION);
        let mut machine = Self {
            heap: Heap::new(config.memory),
            limits: config.soft,
            clock: Clock::default(),
            entropy: Entropy::default(),
            settings: Settings { urlfetch: config.urlfetch[0], ..Settings::default() },
            last_error: None,
            word: &crate::words::NOTHING,
            in_secure: false,
            macro_name: None,
            section,
            // The reference counts the macro of `egress.bootstrap`, empty as it may be.
            ops: 1,
            fuel: 0,
            level: 0,
            stack: Vec::new(),
            hidden: 0,
            frames: Vec::new(),
            symbols,
            registers: vec![Value::Null; config.registers],
            defined: IndexMap::default(),
            parse: ParseState::default(),
            line: 0,
            library: IndexMap::default(),
            contexts: Vec::new(),
            section_shared: None,
            identity: Identity::default(),
            authority: None,
            time_limit: None,
            outbox: VecDeque::new(),
            inboxes: IndexMap::default(),
            next_request: 0,
            failure: None,
            deadlines: Vec::new(),
            finished: false,
            config,
        };
        machine.frames.push(Frame::Task {
            word: &crate::words::NOTHING,
            task: Some(Box::new(Source::script(script.into()))),
        });
        machine
    }

    /// Works until done, for about `fuel` instructions, or until the platform is needed.
    pub fn run(&mut self, fuel: u64, clock: Clock, entropy: [u8; 32]) -> Run {
        self.clock = clock;
        self.entropy.offer(entropy);
        self.fuel = i64::try_from(fuel).unwrap_or(i64::MAX).max(1);
        if !self.deadlines.is_empty() {
            self.check_deadlines();
        }
        loop {
            if let Some(effect) = self.outbox.pop_front() {
                return effect;
            }
            if self.frames.is_empty() {
                if !std::mem::replace(&mut self.finished, true) {
                    self.finish();
                }
                return Run::Done;
            }
            if self.fuel <= 0 {
                return Run::OutOfFuel;
            }
            if self.collect_garbage() {
                continue;
            }
            let flow = match self.step() {
                Err(fault) => self.unwind(fault),
                flow => flow,
            };
            match flow {
                Ok(Flow::Wait) if self.outbox.is_empty() => return Run::Waiting,
                Ok(_) => (),
                Err(fault) => self.fail(fault),
            }
        }
    }

    /// Goes on with a collection or starts one that is due; whether it did.
    fn collect_garbage(&mut self) -> bool {
        if !self.heap.is_collecting() {
            if !self.heap.is_due() {
                return false;
            }
            let Self { heap, stack, frames, symbols, registers, defined, parse, .. } = self;
            let (library, contexts) = (&self.library, &self.contexts);
            let section = &self.section_shared;
            heap.start_collection(|visit| {
                section.iter().for_each(|section| section.trace(visit));
                library.values().for_each(|m| visit(Value::Macro(*m)));
                contexts.iter().for_each(|c| c.trace(visit));
                stack.iter().for_each(|v| visit(*v));
                registers.iter().for_each(|v| visit(*v));
                symbols.iter().for_each(|(_, v)| visit(v));
                defined.values().for_each(|f| visit(Value::Function(*f)));
                parse.trace(visit);
                frames.iter().for_each(|f| trace_frame(f, visit));
            });
        }
        let budget = COLLECT_STEP.min(usize::try_from(self.fuel).unwrap_or(COLLECT_STEP)).max(1);
        let work = self.heap.collect(budget);
        self.fuel -= work as i64 / 4 + 1;
        if !self.heap.is_collecting() && self.heap.used() >= self.heap.limit() {
            let fault =
                Fault::limit(format!("Memory limit of {} bytes reached.", self.heap.limit()));
            if let Err(fault) = self.unwind(fault) {
                self.fail(fault);
            }
        }
        true
    }

    /// The script ends because nothing caught `fault`.
    fn fail(&mut self, fault: Fault) {
        self.frames.clear();
        self.leave_from(0);
        self.inboxes.clear();
        self.deadlines.clear();
        if matches!(fault, Fault::Stop | Fault::Return(_)) {
            return;
        }
        self.failure = Some(Failure { line: self.line, position: None, error: fault.into_error() });
    }

    /// Ends the script with an error (time-out, client gone).
    pub fn abort(&mut self, message: impl Into<String>) {
        let ids: Vec<RequestId> = self.inboxes.keys().copied().collect();
        self.fail(Fault::kind(Kind::Control, message.into()));
        self.outbox.clear();
        self.outbox.extend(ids.into_iter().map(Run::Cancel));
    }

    /// Ends the script as `STOP` does: what is on its stack is the result.
    pub fn stop(&mut self) {
        let ids: Vec<RequestId> = self.inboxes.keys().copied().collect();
        self.inboxes.clear();
        self.outbox.extend(ids.into_iter().map(Run::Cancel));
        if let Err(fault) = self.unwind(Fault::Stop) {
            self.fail(fault);
        }
    }

    /// How far the script is, and what it calls itself.
    pub fn sight(&self) -> Sight {
        let name = |symbol: Symbol| Text::clone(self.symbols.name(symbol));
        Sight {
            fetched: self.settings.fetched,
            fetched_series: self.settings.fetched_series,
            macro_name: self.macro_name.map(name),
            section: Some(name(self.section)),
            name: self.identity.name.clone(),
            session: self.identity.session.clone(),
        }
    }

    /// How the script failed, if it did.
    pub const fn failure(&self) -> Option<&Failure> {
        self.failure.as_ref()
    }

    /// Operations so far (`X-Warp10-Ops`).
    pub const fn ops(&self) -> i64 {
        self.ops
    }

    /// Asks the platform; the answer comes to [`Machine::take_answer`] under the id.
    pub fn request(&mut self, request: Request) -> RequestId {
        let id = RequestId(self.next_request);
        self.next_request += 1;
        self.inboxes.insert(id, Inbox::default());
        self.outbox.push_back(Run::Need(id, request));
        id
    }

    /// Tells the platform something that it does not answer.
    pub(crate) fn tell(&mut self, request: Request) {
        let id = RequestId(self.next_request);
        self.next_request += 1;
        self.outbox.push_back(Run::Need(id, request));
    }

    /// A task no longer wants the answer.
    pub fn cancel(&mut self, id: RequestId) {
        if self.inboxes.shift_remove(&id).is_some() {
            self.outbox.push_back(Run::Cancel(id));
        }
    }

    /// The next piece of an answer, for the task that asked. `End` and `Err` close the request.
    pub fn take_answer(&mut self, id: RequestId) -> Option<Answer> {
        let answer = self.inboxes.get_mut(&id)?.answers.pop_front()?;
        if !matches!(answer, Answer::Chunk(_)) {
            self.inboxes.shift_remove(&id);
        }
        Some(answer)
    }

    /// The platform answers. Answers to requests that were cancelled are dropped.
    pub fn answer(&mut self, id: RequestId, answer: Answer) {
        if let Some(inbox) = self.inboxes.get_mut(&id) {
            inbox.answers.push_back(answer);
        }
    }

    /// Pays for work beyond one instruction: about one for each 16 bytes or value touched.
    #[inline]
    pub fn charge(&mut self, work: usize) {
        self.fuel = self.fuel.saturating_sub((work as i64) / 4);
    }

    /// Whether a word that works in slices should return [`Flow::Again`] now.
    pub const fn should_yield(&self) -> bool {
        self.fuel <= 0
    }

    /// An error whose text starts with the name of the running word.
    #[cold]
    pub fn error(&self, message: &str) -> Fault {
        Fault::text(format!("{} {message}", self.word.name))
    }

    /// Fails when more operations were done than allowed.
    #[inline]
    pub(crate) fn check_ops(&self) -> Result {
        if self.ops > self.limits.ops {
            return Err(self.ops_exceeded());
        }
        Ok(())
    }

    #[cold]
    pub(crate) fn ops_exceeded(&self) -> Fault {
        Fault::text(format!(
            "Operation count ({}) exceeded maximum of {}. Consider raising the limit or using \
             capabilities.",
            self.ops, self.limits.ops
        ))
    }

    /// Runs a word of the library.
    #[inline]
    pub(crate) fn call_word(&mut self, word: &'static Word) -> Result {
        self.word = word;
        match word.action {
            Action::Run(run) => run(self),
            Action::Push(_) => self.push(Value::Word(word)),
        }
    }

    /// Runs a function value: a word, or one that the script defined. Others are pushed.
    ///
    /// # Errors
    /// As the function.
    pub fn apply_function(&mut self, handle: Handle<Function>) -> Result {
        match self.heap.function(handle).role {
            Role::Defined(body) => self.exec(body),
            Role::Undefined => {
                let name = crate::text::function_name(&self.heap, handle);
                Err(Fault::text(format!("{name} is undefined.")))
            }
            Role::Applied(applied) => {
                let function = self.heap.function(handle);
                if let Some(word) = function.word {
                    self.word = word;
                }
                let parameters = function.parameters.clone();
                (applied.run)(self, &parameters)
            }
            _ => self.push(Value::Function(handle)),
        }
    }

    /// Whether EVAL and its like can run this value: a macro or a function that runs.
    pub fn is_callable(&self, value: Value) -> bool {
        match value {
            Value::Macro(_) => true,
            Value::Word(word) => matches!(word.action, Action::Run(_)),
            Value::Function(h) => {
                matches!(self.heap.function(h).role, Role::Defined(_) | Role::Applied(_))
            }
            _ => false,
        }
    }

    /// The symbol of a name.
    ///
    /// # Errors
    /// When memory is used up.
    pub fn intern(&mut self, name: &str) -> Result<Symbol> {
        let (symbol, bytes) = self.symbols.intern(name);
        if bytes > 0 {
            self.heap.book(bytes)?;
        }
        Ok(symbol)
    }

    /// The variables.
    pub const fn symbols(&self) -> &Symbols {
        &self.symbols
    }

    /// Stores a variable.
    ///
    /// # Errors
    /// When the table is full, even if the variable exists already.
    #[inline]
    pub fn store(&mut self, symbol: Symbol, value: Value) -> Result {
        if self.symbols.len() as i64 >= self.limits.symbols {
            return Err(self.too_many_symbols());
        }
        self.symbols.set(symbol, value);
        Ok(())
    }

    #[cold]
    fn too_many_symbols(&self) -> Fault {
        Fault::text(format!(
            "Symbol table has reached its maximum number of entries: {}",
            self.limits.symbols
        ))
    }

    /// Finds what a word's name means now.
    ///
    /// # Errors
    /// When it means nothing.
    pub(crate) fn resolve(&self, name: &str) -> Result<Instruction> {
        if let Some(function) = self.defined.get(name) {
            if !self.settings.allow_redefined {
                return Err(Fault::text(format!("Disallowed redefined function '{name}'.")));
            }
            return Ok(Instruction::Apply(*function));
        }
        match registry::find(name).filter(|word| self.config.has(word)) {
            Some(word) => Ok(match word.action {
                Action::Run(_) => Instruction::Call(word),
                Action::Push(_) => Instruction::Push(Value::Word(word)),
            }),
            None => Err(Fault::text(format!("Unknown function '{name}'"))),
        }
    }

    /// Runs the macro `@name`.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) fn run_named(&mut self, symbol: Symbol) -> Result {
        let symbol = self.rewrite(symbol)?;
        match self.symbols.get(symbol) {
            Some(Value::Macro(body)) => self.exec(body),
            None | Some(Value::Null) => crate::words::macros::run_from_library(self, symbol),
            Some(_) => Err(Fault::text(format!("'{}' is not a macro.", self.symbols.name(symbol)))),
        }
    }

    /// Applies the rules of `IMPORT` to a macro's name.
    pub(crate) fn rewrite(&mut self, symbol: Symbol) -> Result<Symbol> {
        if self.settings.imports.is_empty() {
            return Ok(symbol);
        }
        let name = Arc::clone(self.symbols.name(symbol));
        let rule = self.settings.imports.iter().find(|(p, _)| name.starts_with(&**p));
        match rule {
            Some((prefix, with)) => {
                let rewritten = format!("{with}{}", &name[prefix.len()..]);
                self.intern(&rewritten)
            }
            None => Ok(symbol),
        }
    }

    /// The value of a register.
    ///
    /// # Errors
    /// When there is no such register.
    pub fn register(&self, number: i64) -> Result<Value> {
        let index = usize::try_from(number as i32).ok();
        let value = index.and_then(|i| self.registers.get(i)).copied();
        value.ok_or_else(|| self.bad_register())
    }

    /// Stores into a register.
    ///
    /// # Errors
    /// When there is no such register.
    pub fn set_register(&mut self, number: i64, value: Value) -> Result {
        let index = usize::try_from(number as i32).ok();
        match index.and_then(|i| self.registers.get_mut(i)) {
            Some(register) => {
                *register = value;
                Ok(())
            }
            None => Err(self.bad_register()),
        }
    }

    #[cold]
    fn bad_register(&self) -> Fault {
        let last = self.registers.len() as i64 - 1;
        Fault::text(format!("Invalid register number, must be between 0 and {last}"))
    }

    /// The task on top gives what it runs until `at` on the monotonic clock; then everything above
    /// it and itself are dropped and `error` travels on.
    pub(crate) fn set_deadline(&mut self, at: u64, error: Error) {
        self.deadlines.push(Deadline {
            at,
            error,
            frame: self.frames.len() - 1,
            level: self.level,
            section: self.section,
            macro_name: self.macro_name,
            in_secure: self.in_secure,
        });
    }

    /// What the task on top runs has ended in time.
    pub(crate) fn clear_deadline(&mut self) {
        self.deadlines.pop();
    }

    /// Stops what ran out of time.
    fn check_deadlines(&mut self) {
        let Some(index) = self.deadlines.iter().position(|d| d.at <= self.clock.mono_ns) else {
            return;
        };
        let deadline = self.deadlines.swap_remove(index);
        self.deadlines.truncate(index);
        self.frames.truncate(deadline.frame);
        self.leave_from(deadline.frame);
        self.level = deadline.level;
        self.section = deadline.section;
        self.macro_name = deadline.macro_name;
        self.in_secure = deadline.in_secure;
        if let Err(fault) = self.unwind(Fault::Error(Box::new(deadline.error))) {
            self.fail(fault);
        }
    }

    /// The script is over: what EXPORT named goes on top of the stack.
    fn finish(&mut self) {
        let exports = std::mem::take(&mut self.settings.exports);
        if exports.is_empty() {
            return;
        }
        let mut map = crate::heap::Map::default();
        let all = exports.iter().any(Option::is_none);
        let names: Vec<Text> = if all {
            self.symbols.iter().map(|(s, _)| Text::clone(self.symbols.name(s))).collect()
        } else {
            exports.into_iter().flatten().collect()
        };
        for name in names {
            let value = self.symbols.find(&name).and_then(|s| self.symbols.get(s));
            if let Ok(key) = self.heap.text_key(&name) {
                map.entries.insert(key, value.unwrap_or_default());
            }
        }
        // Without room for it there is no export: the script itself is done.
        let _ = self.push_map(map);
    }

    /// How deeply macros are nested.
    pub const fn recursion_level(&self) -> i64 {
        self.level
    }

    /// The macros that are running, innermost first.
    pub fn running_macros(&self) -> impl Iterator<Item = Handle<Macro>> + '_ {
        self.frames.iter().rev().filter_map(|f| match f {
            Frame::Macro(frame) => Some(frame.handle),
            _ => None,
        })
    }
}

fn trace_frame(frame: &Frame, visit: &mut dyn FnMut(Value)) {
    match frame {
        Frame::Macro(frame) => {
            visit(Value::Macro(frame.handle));
            // The macro may have been rewritten while it runs.
            for instruction in &*frame.code {
                match instruction {
                    Instruction::Push(value) => visit(*value),
                    Instruction::Apply(function) => visit(Value::Function(*function)),
                    _ => (),
                }
            }
        }
        Frame::Task { task, .. } => {
            if let Some(task) = task {
                task.trace(visit);
            }
        }
        Frame::Loop { body, state, .. } => {
            visit(Value::Macro(*body));
            if let LoopState::Other(Some(state)) = state {
                state.trace(visit);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_moves_between_threads() {
        fn check<T: Send>() {}
        check::<Machine>();
    }
}
