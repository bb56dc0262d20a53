//! Explicit frames: what is running, what waits for it, and how faults travel.

use std::sync::Arc;

use super::{Machine, Place};
use crate::error::{Fault, Kind, Result};
use crate::heap::{Heap, Text};
use crate::macros::{Instruction, Macro, Symbol};
use crate::registry::{Quick, Word};
use crate::value::{Handle, Value};

/// A word that takes more than one step: it calls macros, waits for answers or works in slices.
///
/// Its state lives in a frame. While the frame is on top, [`Task::resume`] is called until it says
/// [`Flow::Done`]. When it calls [`Machine::exec`], the macro runs first and `resume` is called
/// again afterwards: the state says where it was.
pub trait Task: Send {
    /// Goes on. An error leaves the frame and travels on.
    ///
    /// # Errors
    /// As the word.
    fn resume(&mut self, vm: &mut Machine) -> Result<Flow>;

    /// A fault from a macro that this task called. The default lets it pass.
    ///
    /// # Errors
    /// The fault that travels on.
    fn catch(&mut self, _vm: &mut Machine, fault: Fault) -> Result<Flow> {
        Err(fault)
    }

    /// Names the values that the state holds.
    fn trace(&self, _visit: &mut dyn FnMut(Value)) {}
}

/// What a task wants after a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// The word is finished.
    Done,
    /// More to do: at once, or after the macro that was just called.
    Again,
    /// Nothing to do until an answer arrives.
    Wait,
}

/// A word that runs one macro again and again. Cheaper than a [`Task`]: between two rounds no
/// frame is made.
pub trait Loop: Send {
    /// Prepares the next round (collects the result of the last, pushes arguments); `false` ends
    /// the loop.
    ///
    /// # Errors
    /// As the word.
    fn next(&mut self, vm: &mut Machine) -> Result<bool>;

    /// The next round where it only moves values, as [`Loop::next`] would make it; `false` when
    /// anything is out of the ordinary, and nothing happened.
    fn turn(&mut self, _heap: &Heap, _stack: &mut Turn<'_>) -> bool {
        false
    }

    /// The loop is over: leaves the results. Not called after `BREAK`.
    ///
    /// # Errors
    /// As the word.
    fn end(&mut self, _vm: &mut Machine) -> Result {
        Ok(())
    }

    /// Whether `BREAK` and `CONTINUE` mean this loop; words like LMAP let them pass.
    fn breaks(&self) -> bool {
        false
    }

    /// Names the values that the state holds.
    fn trace(&self, _visit: &mut dyn FnMut(Value)) {}
}

/// The stack between two rounds of a loop.
pub struct Turn<'a> {
    values: &'a mut Vec<Value>,
    hidden: usize,
    depth: i64,
}

impl Turn<'_> {
    /// What the round before left on top, if it left anything.
    #[inline(always)]
    pub fn top(&self) -> Option<Value> {
        self.values[self.hidden..].last().copied()
    }

    /// Whether `count` values fit.
    #[inline(always)]
    pub const fn has_room(&self, count: usize) -> bool {
        (self.values.len() + count) as i64 <= self.depth
    }

    /// Puts a value in the place of the top, which is there.
    #[inline(always)]
    pub fn replace(&mut self, value: Value) {
        if let Some(top) = self.values.last_mut() {
            *top = value;
        }
    }

    /// Pushes a value, for which there is room.
    #[inline(always)]
    pub fn push(&mut self, value: Value) {
        self.values.push(value);
    }
}

pub(crate) enum Frame {
    Macro(MacroFrame),
    Task { word: &'static Word, task: Option<Box<dyn Task>> },
    Loop { word: &'static Word, body: Handle<Macro>, state: LoopState },
}

/// What a loop keeps between two rounds.
pub(crate) enum LoopState {
    /// Counting, by far the most common.
    Count(Count),
    /// Any other; `None` while it prepares a round.
    Other(Option<Box<dyn Loop>>),
}

/// A loop over integers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Count {
    /// The next number.
    pub(crate) next: i64,
    /// The last one.
    pub(crate) to: i64,
    /// There is no number after the last one.
    pub(crate) done: bool,
    /// Whether numbers are pushed.
    pub(crate) push: bool,
    /// When the loop has run for too long, on the monotonic clock.
    pub(crate) deadline: u64,
}

/// A macro that runs, and what is restored when it ends.
pub(crate) struct MacroFrame {
    pub(crate) handle: Handle<Macro>,
    pub(crate) code: Arc<[Instruction]>,
    pub(crate) pc: usize,
    section: Symbol,
    name: Option<Symbol>,
    secure: bool,
}

/// What a word over two numbers leaves.
#[inline(always)]
fn quick_pair(quick: Quick, a: Value, b: Value) -> Option<Value> {
    Some(match (a, b) {
        (Value::Long(a), Value::Long(b)) => match quick {
            Quick::Add => Value::Long(a.wrapping_add(b)),
            Quick::Subtract => Value::Long(a.wrapping_sub(b)),
            Quick::Multiply => Value::Long(a.wrapping_mul(b)),
            Quick::Less => Value::Boolean(a < b),
            Quick::LessOrEqual => Value::Boolean(a <= b),
            Quick::Greater => Value::Boolean(a > b),
            Quick::GreaterOrEqual => Value::Boolean(a >= b),
            _ => return None,
        },
        (Value::Double(a), Value::Double(b)) => match quick {
            Quick::Add => Value::Double(a + b),
            Quick::Subtract => Value::Double(a - b),
            Quick::Multiply => Value::Double(a * b),
            _ => return None,
        },
        _ => return None,
    })
}

impl Machine {
    /// Runs a macro. The call returns at once: the macro runs when the word has returned, before
    /// anything else. Of several calls in one word the last runs first.
    ///
    /// # Errors
    /// When macros are nested too deeply.
    pub fn exec(&mut self, handle: Handle<Macro>) -> Result {
        let body = self.heap.macro_(handle);
        let (code, name, secure) = (Arc::clone(&body.code), body.name, body.secure);
        self.ops += 1;
        self.frames.push(Frame::Macro(MacroFrame {
            handle,
            code,
            pc: 0,
            section: self.section,
            name: self.macro_name,
            secure: self.in_secure,
        }));
        self.macro_name = name;
        self.in_secure |= secure;
        self.recurse_in()
    }

    /// Puts a task on top. Its first `resume` comes when the word has returned.
    ///
    /// # Errors
    /// When memory is used up.
    pub fn push_task(&mut self, task: impl Task + 'static) -> Result {
        let task: Option<Box<dyn Task>> = Some(Box::new(task));
        self.frames.push(Frame::Task { word: self.word, task });
        self.check_frames()
    }

    /// Starts a loop over a macro.
    ///
    /// # Errors
    /// When memory is used up.
    pub fn push_loop(&mut self, body: Handle<Macro>, state: impl Loop + 'static) -> Result {
        let state = LoopState::Other(Some(Box::new(state)));
        self.frames.push(Frame::Loop { word: self.word, body, state });
        self.check_frames()
    }

    /// Starts a loop over integers.
    ///
    /// # Errors
    /// When memory is used up.
    pub(crate) fn push_count(&mut self, body: Handle<Macro>, count: Count) -> Result {
        let state = LoopState::Count(count);
        self.frames.push(Frame::Loop { word: self.word, body, state });
        self.check_frames()
    }

    /// Frames count against memory: endless recursion under lifted limits must end in an error.
    fn check_frames(&self) -> Result {
        const FRAME_BYTES: usize = size_of::<Frame>() + 64;
        let bytes = self.frames.len() * FRAME_BYTES;
        if bytes > self.heap.limit().saturating_sub(self.heap.used()) {
            return Err(Fault::limit("Memory limit reached by nested calls."));
        }
        Ok(())
    }

    /// One level deeper, as the reference counts levels.
    pub(crate) fn recurse_in(&mut self) -> Result {
        self.level += 1;
        if self.level > self.limits.recursion {
            return Err(Fault::text(format!("Maximum recursion level reached ({})", self.level)));
        }
        // Operations are counted out at ends of macros, as the reference does; macros that only
        // call have none. What is so far beyond would fail at the first end.
        if self.ops.saturating_sub(self.limits.ops / 2) > self.limits.ops {
            return Err(self.ops_exceeded());
        }
        self.check_frames()
    }

    /// Runs what is on top until it leaves or fuel is out.
    pub(crate) fn step(&mut self) -> Result<Flow> {
        let index = self.frames.len() - 1;
        match &mut self.frames[index] {
            Frame::Macro(_) => self.run_macro(index).map(|()| Flow::Again),
            Frame::Task { word, task } => {
                self.word = word;
                let Some(mut task) = task.take() else {
                    return Err(Fault::text("A task was entered twice."));
                };
                let flow = task.resume(self);
                self.fuel -= 1;
                self.keep_task(index, task, flow)
            }
            Frame::Loop { body, .. } => {
                let body = *body;
                match self.next_round(index) {
                    Ok(true) => self.exec(body)?,
                    Ok(false) => self.end_loop()?,
                    Err(fault) => {
                        self.frames.pop();
                        return Err(fault);
                    }
                }
                Ok(Flow::Again)
            }
        }
    }

    /// Puts a task back after a step, or takes its frame away.
    fn keep_task(&mut self, index: usize, task: Box<dyn Task>, flow: Result<Flow>) -> Result<Flow> {
        match flow {
            Ok(Flow::Done) => {
                // A macro that the task called last is above it.
                self.frames.remove(index);
            }
            Ok(_) => {
                if let Frame::Task { task: place, .. } = &mut self.frames[index] {
                    *place = Some(task);
                }
            }
            Err(fault) if self.frames.len() == index + 1 => {
                self.frames.pop();
                return Err(fault);
            }
            // The call itself failed: its frame is above and says where.
            Err(fault) => {
                self.frames.remove(index);
                return Err(fault);
            }
        }
        flow
    }

    /// The next round of the loop in frame `index`. After an error the frame is of no use.
    #[inline]
    fn next_round(&mut self, index: usize) -> Result<bool> {
        self.fuel -= 1;
        let Frame::Loop { word, state, .. } = &mut self.frames[index] else {
            return Ok(false);
        };
        let LoopState::Count(count) = state else {
            return self.next_other_round(index);
        };
        if self.clock.mono_ns > count.deadline {
            self.word = word;
            return Err(self.overdue());
        }
        if count.done || count.next > count.to {
            return Ok(false);
        }
        let number = count.next;
        // The reference wraps around here and never ends; one round at the end is meant.
        (count.next, count.done) = number.overflowing_add(1);
        if count.push {
            self.push(number)?;
        }
        Ok(true)
    }

    #[inline(never)]
    fn next_other_round(&mut self, index: usize) -> Result<bool> {
        let Frame::Loop { word, state: LoopState::Other(state), .. } = &mut self.frames[index]
        else {
            return Ok(false);
        };
        self.word = word;
        let Some(mut state) = state.take() else {
            return Err(Fault::text("A loop was entered twice."));
        };
        let goes_on = state.next(self)?;
        if let Frame::Loop { state: LoopState::Other(place), .. } = &mut self.frames[index] {
            // It was taken above: there is nothing to drop.
            std::mem::forget(place.replace(state));
        }
        Ok(goes_on)
    }

    /// The loop of the running word has run for too long.
    #[cold]
    pub(crate) fn overdue(&self) -> Fault {
        let limit = self.limits.loop_ms;
        self.error(&format!(
            "executed for too long (> {limit} ms). Consider raising the limit or using capabilities."
        ))
    }

    /// Takes the loop on top away and lets it leave its results.
    fn end_loop(&mut self) -> Result {
        if let Some(Frame::Loop { word, state: LoopState::Other(Some(mut state)), .. }) =
            self.frames.pop()
        {
            self.word = word;
            state.end(self)?;
        }
        Ok(())
    }

    /// Runs the macro in frame `index` (the top).
    fn run_macro(&mut self, index: usize) -> Result {
        let Frame::Macro(frame) = &self.frames[index] else {
            return Ok(());
        };
        let code = Arc::clone(&frame.code);
        let mut pc = frame.pc;
        let numbered = self.settings.positions;
        loop {
            if numbered {
                self.set_pc(index, pc);
            }
            let Some(instruction) = code.get(pc) else {
                if self.turn(index) {
                    pc = 0;
                    continue;
                }
                if !self.end_of_macro(index, pc)? {
                    return Ok(());
                }
                pc = 0;
                if self.must_pause() {
                    self.set_pc(index, 0);
                    return Ok(());
                }
                continue;
            };
            self.fuel -= 1;
            pc += 1;
            let mut runs = false;
            let done = match *instruction {
                Instruction::Push(value) => {
                    self.ops += 1;
                    self.push(value)
                }
                Instruction::Load(symbol) => self.load_variable(symbol),
                Instruction::Store(symbol) => self.store_variable(symbol),
                Instruction::PushRegister(n) => {
                    self.ops += 1;
                    self.push(self.registers[usize::from(n)])
                }
                Instruction::PopRegister(n) => self.pop_register(n),
                Instruction::Call(word) => {
                    self.ops += 1;
                    if self.quick(word.quick) {
                        continue;
                    }
                    runs = true;
                    self.call_word(word)
                }
                Instruction::Apply(function) => {
                    runs = true;
                    self.ops += 1;
                    self.apply_function(function)
                }
                Instruction::Run(symbol) => {
                    runs = true;
                    self.ops += 2;
                    self.run_named(symbol)
                }
            };
            if let Err(fault) = done {
                // As after a call: the frame stands behind the instruction that failed.
                self.set_pc_if_there(index, pc);
                return Err(fault);
            }
            // What only moves values makes no frames and no garbage.
            if runs && (self.frames.len() != index + 1 || self.must_pause()) {
                self.set_pc(index, pc);
                return Ok(());
            }
        }
    }

    /// The common turn of a loop: `false` when anything is out of the ordinary, and nothing
    /// happened.
    #[inline(always)]
    fn turn(&mut self, index: usize) -> bool {
        if self.must_pause() || self.ops >= self.limits.ops || index == 0 {
            return false;
        }
        let [Frame::Loop { state, .. }, Frame::Macro(frame)] = &mut self.frames[index - 1..] else {
            return false;
        };
        match state {
            LoopState::Count(count) => {
                if count.done
                    || count.next > count.to
                    || !count.push
                    || self.clock.mono_ns > count.deadline
                    || self.stack.len() as i64 >= self.limits.depth
                {
                    return false;
                }
                self.stack.push(Value::Long(count.next));
                (count.next, count.done) = count.next.overflowing_add(1);
            }
            LoopState::Other(Some(state)) => {
                let (hidden, depth) = (self.hidden, self.limits.depth);
                let mut stack = Turn { values: &mut self.stack, hidden, depth };
                if !state.turn(&self.heap, &mut stack) {
                    return false;
                }
            }
            LoopState::Other(None) => return false,
        }
        self.section = frame.section;
        self.fuel -= 1;
        self.ops += 1;
        true
    }

    /// Does what a word does to the values that are met most; `false` when they are others, and
    /// nothing happened.
    #[inline(always)]
    fn quick(&mut self, quick: Quick) -> bool {
        let has_room = (self.stack.len() as i64) < self.limits.depth;
        let top = match (quick, &mut self.stack[self.hidden..]) {
            (Quick::No, _) => return false,
            (Quick::Drop, [_, ..]) => None,
            (Quick::Dup, [.., top]) if has_room => {
                let top = *top;
                self.stack.push(top);
                return true;
            }
            (Quick::Swap, [.., a, b]) => {
                std::mem::swap(a, b);
                return true;
            }
            (_, [.., a, b]) => match quick_pair(quick, *a, *b) {
                Some(value) => Some((a, value)),
                None => return false,
            },
            _ => return false,
        };
        if let Some((place, value)) = top {
            *place = value;
        }
        self.stack.pop();
        true
    }

    /// Whether the slice is over or a collection is due.
    #[inline]
    const fn must_pause(&self) -> bool {
        self.fuel <= 0 || self.heap.is_due()
    }

    #[inline]
    fn set_pc(&mut self, index: usize, pc: usize) {
        if let Frame::Macro(frame) = &mut self.frames[index] {
            frame.pc = pc;
        }
    }

    #[cold]
    fn set_pc_if_there(&mut self, index: usize, pc: usize) {
        if index < self.frames.len() {
            self.set_pc(index, pc);
        }
    }

    #[inline(always)]
    fn load_variable(&mut self, symbol: Symbol) -> Result {
        self.ops += 2;
        match self.symbols.get(symbol) {
            Some(value) => self.push(value),
            None => Err(self.unknown_symbol(symbol)),
        }
    }

    #[inline(always)]
    fn store_variable(&mut self, symbol: Symbol) -> Result {
        self.ops += 2;
        let value = self.pop()?;
        self.store(symbol, value)
    }

    #[inline(always)]
    fn pop_register(&mut self, register: u16) -> Result {
        self.ops += 1;
        self.registers[usize::from(register)] = self.pop()?;
        Ok(())
    }

    #[cold]
    fn unknown_symbol(&self, symbol: Symbol) -> Fault {
        let name = self.symbols.name(symbol);
        Fault::text(format!("LOAD symbol '{name}' does not exist."))
    }

    /// The macro in frame `index` ran to its end. `true`: a loop wants it once more.
    // Apart, so that the loop over instructions stays small.
    #[inline(never)]
    fn end_of_macro(&mut self, index: usize, pc: usize) -> Result<bool> {
        if let Err(fault) = self.check_ops() {
            self.set_pc(index, pc + 1);
            return Err(fault);
        }
        if index > 0 && matches!(self.frames[index - 1], Frame::Loop { .. }) {
            let Frame::Macro(frame) = &self.frames[index] else {
                return Ok(false);
            };
            self.section = frame.section;
            match self.next_round(index - 1) {
                Ok(true) => {
                    self.ops += 1;
                    return Ok(true);
                }
                Ok(false) => {
                    self.leave_macro();
                    self.end_loop()?;
                    return Ok(false);
                }
                Err(fault) => {
                    self.leave_macro();
                    self.frames.pop();
                    return Err(fault);
                }
            }
        }
        self.leave_macro();
        Ok(false)
    }

    /// Pops the macro frame on top and restores what it saved.
    fn leave_macro(&mut self) -> Option<MacroFrame> {
        let Some(Frame::Macro(frame)) = self.frames.pop() else {
            return None;
        };
        self.level -= 1;
        self.section = frame.section;
        self.macro_name = frame.name;
        self.in_secure = frame.secure;
        Some(frame)
    }

    /// Lets a fault travel down the frames until one catches it; `Err` when none did.
    pub(crate) fn unwind(&mut self, mut fault: Fault) -> Result<Flow> {
        while let Some(top) = self.frames.last_mut() {
            match top {
                Frame::Macro(_) => match self.unwind_macro(fault) {
                    Some(on) => fault = on,
                    None => return Ok(Flow::Again),
                },
                Frame::Loop { state, .. } => {
                    let breaks = match state {
                        LoopState::Count(_) => true,
                        LoopState::Other(state) => state.as_ref().is_some_and(|s| s.breaks()),
                    };
                    match fault {
                        Fault::Break if breaks => {
                            self.frames.pop();
                            return Ok(Flow::Again);
                        }
                        Fault::Continue if breaks => return Ok(Flow::Again),
                        _ => {
                            self.frames.pop();
                        }
                    }
                }
                Frame::Task { word, task } => {
                    self.word = word;
                    let Some(mut task) = task.take() else {
                        self.frames.pop();
                        continue;
                    };
                    let index = self.frames.len() - 1;
                    let flow = task.catch(self, fault);
                    match self.keep_task(index, task, flow) {
                        Ok(flow) => return Ok(flow),
                        Err(on) => fault = on,
                    }
                }
            }
        }
        Err(fault)
    }

    /// A fault leaves the macro on top; `None` when it was a RETURN that ends here.
    fn unwind_macro(&mut self, fault: Fault) -> Option<Fault> {
        let secure = self.in_secure;
        if self.settings.positions {
            self.settings.last_failure = self.place_before().or(self.settings.last_failure);
        }
        let message = match &fault {
            Fault::Error(error) if error.kind() != Kind::Control && !secure => {
                Some(self.describe_failure())
            }
            _ => None,
        };
        self.leave_macro();
        match (fault, message) {
            (Fault::Return(levels), _) if levels <= 1 => None,
            (Fault::Return(levels), _) => Some(Fault::Return(levels - 1)),
            (fault, Some(message)) => Some(fault.wrap(message)),
            (fault, None) => Some(fault),
        }
    }

    /// `Exception at '+' in section '[TOP]' called from macro 'm'` for the macro on top.
    fn describe_failure(&self) -> String {
        let Some(Frame::Macro(frame)) = self.frames.last() else {
            return String::new();
        };
        let at = match frame.pc.checked_sub(1).and_then(|pc| frame.code.get(pc)) {
            Some(instruction) => format!(" at '{}'", self.statement_text(*instruction)),
            None => String::new(),
        };
        let place = match self.settings.last_failure {
            Some((start, end)) => format!(" at position -1:{start}:{end}"),
            None => String::new(),
        };
        let section = self.symbols.name(self.section);
        let name: Option<&Text> = self.macro_name.map(|n| self.symbols.name(n));
        let caller = name.map_or(String::new(), |n| format!(" called from macro '{n}'"));
        format!("Exception{at} in section '{section}'{place}{caller}")
    }

    /// Where the statement stands that is before the one where the macro on top is: while a word
    /// runs the one before it, after a fault the one that failed.
    pub(crate) fn place_before(&self) -> Option<Place> {
        let frame = self.frames.iter().rev().find_map(|frame| match frame {
            Frame::Macro(frame) => Some(frame),
            _ => None,
        })?;
        let places = self.heap.macro_(frame.handle).positions.as_ref()?;
        places.get(frame.pc.checked_sub(1)?).copied()
    }

    fn statement_text(&self, instruction: Instruction) -> String {
        match instruction {
            Instruction::Push(value) => crate::text::display(self, value),
            Instruction::Call(word) => word.name.to_owned(),
            Instruction::Load(_) => "LOAD".to_owned(),
            Instruction::Store(_) => "STORE".to_owned(),
            Instruction::Run(_) => "RUN".to_owned(),
            Instruction::PushRegister(n) => format!("PUSHR{n}"),
            Instruction::PopRegister(n) => format!("POPR{n}"),
            Instruction::Apply(function) => crate::text::function_name(&self.heap, function),
        }
    }
}
