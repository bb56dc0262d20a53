//! What a platform does with a machine around a script: definitions before it, limits, errors
//! shown to clients.

use std::fmt;

use super::{Flow, Frame, Machine, TOP_SECTION, Task};
use crate::error::{Fault, Result};
use crate::heap::{Map, Text};
use crate::parser::{ParseState, Source};
use crate::value::Value;

/// Runs expressions and stores what they leave, before the script.
struct Definitions {
    /// Names and expressions, the first one last.
    rest: Vec<(Text, Text)>,
    /// The one that runs, and the stack's depth before it.
    current: Option<(Text, usize)>,
}

impl Task for Definitions {
    fn resume(&mut self, vm: &mut Machine) -> Result<Flow> {
        if let Some((name, depth)) = self.current.take() {
            if vm.depth() != depth + 1 {
                return Err(Fault::text("Each symbol definition must output one element."));
            }
            let value = vm.pop()?;
            let symbol = vm.intern(&name)?;
            vm.store(symbol, value)?;
        }
        let Some((name, expression)) = self.rest.pop() else { return Ok(Flow::Done) };
        self.current = Some((name, vm.depth()));
        vm.push_task(Source::definition(expression))?;
        Ok(Flow::Again)
    }
}

impl Machine {
    /// Before the script, each expression runs and what it leaves is stored under its name. Call
    /// it before the first [`Machine::run`].
    pub fn define(&mut self, mut definitions: Vec<(Text, Text)>) {
        if definitions.is_empty() {
            return;
        }
        definitions.reverse();
        let task = Definitions { rest: definitions, current: None };
        self.frames.push(Frame::Task { word: &crate::words::NOTHING, task: Some(Box::new(task)) });
    }

    /// Stores a map of lists of texts in a variable: the headers of a request, say.
    ///
    /// # Errors
    /// When memory or the table of variables is used up.
    pub fn store_lists(&mut self, name: &str, lists: &[(String, Vec<String>)]) -> Result {
        let mut map = Map::default();
        for (key, texts) in lists {
            let mut values = Vec::with_capacity(texts.len());
            for text in texts {
                values.push(self.heap.string(text.as_str())?);
            }
            let list = self.heap.new_list(values)?;
            map.entries.insert(self.heap.text_key(key)?, list);
        }
        let map = Value::Map(self.heap.alloc_map(map)?);
        let symbol = self.intern(name)?;
        self.store(symbol, map)
    }

    /// Gives the script a capability, unless it has one of that name.
    pub fn grant(&mut self, name: &str, value: &str) {
        crate::words::add_capability(self, name, value);
    }

    /// Before the script, the platform's bootstrap code runs, if there is any: the script begins
    /// with its variables, registers and words. Call it before the first [`Machine::run`], and
    /// after [`Machine::define`].
    pub fn bootstrap(&mut self) {
        let task = crate::words::macros::bootstrap(self);
        self.frames.push(Frame::Task { word: &crate::words::NOTHING, task: Some(task) });
    }

    /// The value of a capability.
    pub fn capability(&self, name: &str) -> Option<Text> {
        self.settings.capabilities.get(name).map(Text::clone)
    }

    /// The whole script may take so many time units. It is read as one macro then, as the
    /// reference does. Call it before the first [`Machine::run`].
    pub const fn limit_time(&mut self, units: i64) {
        self.time_limit = Some(units);
    }

    /// After a failure: leaves the `depth` topmost values on the stack and puts a message on top.
    pub fn show_failure(&mut self, depth: usize, message: &str) {
        let visible = self.depth();
        let kept = depth.min(visible);
        self.visible_mut().rotate_left(visible - kept);
        self.truncate(kept);
        self.limits.depth = i64::from(i32::MAX);
        // Without memory for the message the values stand alone.
        let _ = self.push_string(message);
    }

    /// Runs another script on the stack and with the variables that the last one left. What it
    /// left open (a macro, a comment) or how it failed is forgotten.
    pub fn go_on(&mut self, script: impl Into<Text>) {
        self.frames.clear();
        self.leave_from(0);
        // What was loaded may have changed since.
        self.library.clear();
        self.parse = ParseState::default();
        self.failure = None;
        self.finished = false;
        self.line = 0;
        self.level = 0;
        self.hidden = 0;
        self.in_secure = false;
        self.macro_name = None;
        self.settings.in_xeval = false;
        self.settings.exported_capabilities = None;
        let (section, _) = self.symbols.intern(TOP_SECTION);
        self.section = section;
        self.frames.push(Frame::Task {
            word: &crate::words::NOTHING,
            task: Some(Box::new(Source::script(script.into()))),
        });
    }

    /// The line that runs, from 1; 0 before the first.
    pub const fn line(&self) -> usize {
        self.line
    }
}

impl fmt::Debug for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Machine").field("line", &self.line).field("ops", &self.ops).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::config::Config;
    use crate::machine::{Clock, Run};

    fn finish(machine: &mut Machine) -> String {
        while machine.run(1000, Clock::default(), [0; 32]) == Run::OutOfFuel {}
        match machine.failure() {
            Some(failure) => format!("{}: {}", failure.line, failure.error),
            None => machine.stack_json().expect("JSON"),
        }
    }

    fn defined(definitions: &[(&str, &str)], script: &str) -> String {
        let mut machine = Machine::new(Arc::new(Config::default()), script);
        let text = |(name, value): &(&str, &str)| (Text::from(*name), Text::from(*value));
        machine.define(definitions.iter().map(text).collect());
        finish(&mut machine)
    }

    #[test]
    fn definitions_come_before_the_script() {
        assert_eq!(defined(&[("x", "1"), ("y", "[ $x 2 ]")], "$y $x"), "[1,[1,2]]");
        let message = "0: Each symbol definition must output one element.";
        assert_eq!(defined(&[("x", "1 2")], "$x"), message);
        let message = "0: Exception at '=>FOO<=' in section [TOP] (Unknown function 'FOO')";
        assert_eq!(defined(&[("x", "FOO")], "$x"), message);
    }

    #[test]
    fn a_script_with_a_time_limit_is_one_macro() {
        let run = |script: &str| {
            let mut machine = Machine::new(Arc::new(Config::default()), script);
            machine.limit_time(1_000);
            finish(&mut machine)
        };
        assert_eq!(run("1\n2 STOP 3"), "[2,1]");
        assert_eq!(run(""), "[]");
        assert_eq!(run("1 %>"), "1: Not inside a macro definition.");
        assert!(run("1\n'a' LOAD").starts_with("2: Exception at 'LOAD' in section '[TOP]'"));
    }

    #[test]
    fn a_time_limit_ends_a_script() {
        let mut machine = Machine::new(Arc::new(Config::default()), "<% T %> <% %> WHILE");
        machine.limits.ops = i64::MAX;
        machine.limit_time(1_000);
        let mut clock = Clock::default();
        while machine.run(1000, clock, [0; 32]) == Run::OutOfFuel {
            clock.mono_ns += 1_000;
        }
        let error = &machine.failure().expect("it failed").error;
        let message = "TIMEBOX reached the execution time limit (1000 MICROSECONDS).";
        assert_eq!(error.to_string(), message);
    }

    #[test]
    fn another_script_goes_on_with_the_stack() {
        let mut machine = Machine::new(Arc::new(Config::default()), "1 'x' STORE 5 <% FOO");
        assert!(finish(&mut machine).contains("Unknown function 'FOO'"));
        machine.go_on("$x");
        assert_eq!(finish(&mut machine), "[1,5]");
    }

    #[test]
    fn a_failure_is_shown_above_the_top_of_the_stack() {
        let mut machine = Machine::new(Arc::new(Config::default()), "1 2 3 FOO");
        finish(&mut machine);
        machine.show_failure(2, "no");
        assert_eq!(machine.stack_json().expect("JSON"), r#"["no",3,2]"#);
    }
}
