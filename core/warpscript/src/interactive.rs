//! Scripts typed line by line: what a session shows, and whether a line goes on in the next one.

use crate::error::{Fault, Result};
use crate::json::JsonWriter;
use crate::machine::Machine;
use crate::snapshot::{self, Style};
use crate::value::Value;

/// Bytes that one line shows.
const SHOWN_MAX: usize = 1 << 20;

/// What an interactive session shows, and how.
#[derive(Clone, Debug, Default)]
pub struct Interactive {
    /// Values are shown as JSON (`JSONSTACK`).
    pub json: bool,
    /// How many levels are shown after each line (`ECHOON`).
    pub echo: Option<i32>,
    /// Whether it is shown how long each line took (`TIMEON`).
    pub times: bool,
    shown: Vec<String>,
    shown_bytes: usize,
}

/// What is open at the end of an input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Open {
    /// Macros and secure scripts.
    pub macros: usize,
    /// Lists, maps, sets and vectors.
    pub collections: usize,
    /// A text of several lines.
    pub text: bool,
    /// A comment.
    pub comment: bool,
}

impl Open {
    /// At the end of an input.
    pub fn at_end_of(input: &str) -> Self {
        let (mut macros, mut collections) = (0_i64, 0_i64);
        let (mut text, mut comment) = (false, false);
        for line in input.lines() {
            if text || line.trim() == "<'" {
                text = line.trim() != "'>";
                continue;
            }
            let mut quote = None;
            for word in line.split_whitespace() {
                if comment || word.starts_with("/*") {
                    comment = !word.ends_with("*/");
                    continue;
                }
                if let Some(open) = quote {
                    quote = (!word.ends_with(open)).then_some(open);
                    continue;
                }
                if word.starts_with("//") || word.starts_with('#') {
                    break;
                }
                match word {
                    "<%" | "<S" => macros += 1,
                    "%>" | "S>" => macros -= 1,
                    "[" | "{" | "(" | "[[" => collections += 1,
                    "]" | "}" | ")" | "]]" => collections -= 1,
                    _ => {}
                }
                if let Some(open @ ('\'' | '"')) = word.chars().next() {
                    let is_closed = word.len() > 1 && word.ends_with(open);
                    quote = (!is_closed).then_some(open);
                }
            }
        }
        let [macros, collections] = [macros, collections].map(|n| usize::try_from(n).unwrap_or(0));
        Self { macros, collections, text, comment }
    }

    /// Whether statements are not complete. Collections may be: a mark is a value like any other.
    pub const fn goes_on(self) -> bool {
        self.macros > 0 || self.text || self.comment
    }
}

impl Machine {
    /// What is shown in its session since that was asked last, a message each.
    pub fn take_shown(&mut self) -> Vec<String> {
        let Some(session) = &mut self.settings.interactive else { return Vec::new() };
        session.shown_bytes = 0;
        std::mem::take(&mut session.shown)
    }

    /// Shows so many levels that the session wants to see after each line.
    ///
    /// # Errors
    /// When a value cannot be written, or too much is shown.
    pub fn show_echo(&mut self) -> Result {
        let echo = self.settings.interactive.as_ref().and_then(|session| session.echo);
        let Some(levels) = echo.filter(|_| self.depth() > 0) else { return Ok(()) };
        self.show(" \n".to_owned())?;
        self.show_levels(usize::try_from(levels).unwrap_or(0))?;
        self.show(" \n".to_owned())
    }

    /// Shows the topmost levels in an interactive session, the deepest first.
    ///
    /// # Errors
    /// When a value cannot be written, or too much is shown.
    pub(crate) fn show_levels(&mut self, count: usize) -> Result {
        if self.settings.interactive.is_none() {
            return Ok(());
        }
        for level in (0..count.min(self.depth())).rev() {
            let value = self.peek(level)?;
            self.show_level(level, value)?;
        }
        Ok(())
    }

    /// Shows a value as that of a level.
    ///
    /// # Errors
    /// As [`Machine::show_levels`].
    pub(crate) fn show_level(&mut self, level: usize, value: Value) -> Result {
        let Some(session) = &self.settings.interactive else { return Ok(()) };
        let text = if session.json {
            let mut out = Vec::new();
            let mut writer = JsonWriter::value(value, self.json_format());
            while !writer.write(self, &mut out, SHOWN_MAX)? {
                if out.len() > SHOWN_MAX {
                    return Err(too_much());
                }
            }
            String::from_utf8_lossy(&out).into_owned()
        } else {
            snapshot::value(self, value, Style::default())?
        };
        self.charge(text.len() / 16);
        self.show(format!("/* {} */ {text}\n", level + 1))
    }

    fn show(&mut self, message: String) -> Result {
        let Some(session) = &mut self.settings.interactive else { return Ok(()) };
        session.shown_bytes += message.len();
        if session.shown_bytes > SHOWN_MAX {
            return Err(too_much());
        }
        session.shown.push(message);
        Ok(())
    }
}

fn too_much() -> Fault {
    Fault::text(format!("One line can show at most {SHOWN_MAX} bytes."))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::config::Config;
    use crate::machine::{Clock, Run};

    fn shown(machine: &mut Machine, line: &str) -> String {
        machine.go_on(line);
        while machine.run(1_000, Clock::default(), [0; 32]) == Run::OutOfFuel {}
        machine.show_echo().expect("shown");
        machine.take_shown().concat()
    }

    #[test]
    fn words_show_levels() {
        let mut machine = Machine::new(Arc::new(Config::default()), "");
        assert_eq!(shown(&mut machine, "1 PSTACK"), "", "elsewhere they do nothing");
        machine.settings.interactive = Some(Box::default());
        assert_eq!(shown(&mut machine, "CLEAR 1 'a' PSTACK"), "/* 2 */ 1 \n/* 1 */ 'a' \n");
        assert_eq!(shown(&mut machine, "JSONSTACK 2 NPEEK"), "/* 2 */ 1\n/* 1 */ \"a\"\n");
        assert_eq!(shown(&mut machine, "PEEK"), "/* 1 */ \"a\"\n");
        assert_eq!(shown(&mut machine, "1 PEEKN DROP"), "/* 2 */ 1\n");
        assert_eq!(shown(&mut machine, "1 ECHOON"), " \n/* 1 */ \"a\"\n \n");
        assert_eq!(shown(&mut machine, "ECHOOFF WSSTACK PEEK"), "/* 1 */ 'a' \n");
    }

    #[test]
    fn what_is_shown_is_bounded() {
        let mut machine = Machine::new(Arc::new(Config::default()), "");
        machine.settings.interactive = Some(Box::default());
        let line = "'0123456789' 'x' STORE 1 10 <% DROP $x 'x' STORE $x $x + 'x' STORE %> FOR $x \
                    1 300 <% DROP PSTACK %> FOR";
        let bytes = shown(&mut machine, line).len();
        assert!(bytes <= SHOWN_MAX, "{bytes}");
        let failure = machine.failure().expect("a failure").error.to_string();
        assert!(failure.contains("at most"), "{failure}");
    }

    #[test]
    fn a_line_goes_on_while_something_is_open() {
        for open in ["<% 1", "<'\na", "/* x", "1 <% ']' ", "<% <% %>"] {
            assert!(Open::at_end_of(open).goes_on(), "{open}");
        }
        for closed in
            ["1 2", "<% 1 %>", "[ 1", "'<% ' 1", "'a [ b' 2", "// <%", "<'\na\n'>", "%>", "]"]
        {
            assert!(!Open::at_end_of(closed).goes_on(), "{closed}");
        }
        assert_eq!(Open::at_end_of("[ 1 {").collections, 2);
    }
}
