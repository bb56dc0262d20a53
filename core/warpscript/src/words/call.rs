//! CALL: programs of the platform that answer texts.

use crate::error::{Fault, Kind, Result};
use crate::heap::Text;
use crate::literal::{url_decode, url_encode};
use crate::machine::{Flow, Machine, Task};
use crate::requests::{Answer, Chunk, Library, Request, RequestId};
use crate::words::capabilities;

const WAIT: &str = "call.maxwait";

/// Waits for the line of a program.
struct Call {
    request: RequestId,
    line: Option<Text>,
}

pub(super) fn call(vm: &mut Machine) -> Result {
    let (program, argument) = (vm.pop()?, vm.pop()?);
    let texts = vm.as_text(program).cloned().zip(vm.as_text(argument).cloned());
    let Some((name, argument)) = texts else {
        return Err(vm.error("expects a subprogram name on top of an argument string."));
    };
    let wait = match capabilities::get(vm, WAIT) {
        Some(text) => text
            .parse()
            .map_err(|_| Fault::kind(Kind::Argument, format!("For input string: \"{text}\"")))?,
        None => vm.config.call_wait_ms,
    };
    let wait_ms = u64::try_from(wait).unwrap_or(0);
    vm.charge(argument.len() / 4);
    vm.heap.claim(argument.len().saturating_mul(3))?;
    let line = url_encode(&argument).into();
    let ask = Library::Program { name, line, wait_ms };
    let request = vm.request(Request::Library(ask));
    vm.push_task(Call { request, line: None })
}

impl Task for Call {
    fn resume(&mut self, vm: &mut Machine) -> Result<Flow> {
        while let Some(answer) = vm.take_answer(self.request) {
            match answer {
                Answer::Chunk(Chunk::Source(line)) => self.line = Some(line),
                Answer::Chunk(_) => (),
                Answer::Err(error) => {
                    return Err(Fault::Error(Box::new(error.named(vm.word.name))));
                }
                Answer::End => return self.end(vm),
            }
        }
        Ok(Flow::Wait)
    }
}

impl Call {
    fn end(&mut self, vm: &mut Machine) -> Result<Flow> {
        let Some(line) = self.line.take() else {
            let message = "configuration key 'warpscript.call.directory' not set, CALL disabled.";
            return Err(vm.error(message));
        };
        vm.charge(line.len() / 4);
        vm.heap.claim(line.len())?;
        let decode = |text: &str| url_decode(&text.replace('+', " "));
        if let Some(reason) = line.strip_prefix(' ') {
            return Err(Fault::text(decode(reason)?));
        }
        vm.push_string(decode(&line)?)?;
        Ok(Flow::Done)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::config::Config;
    use crate::jsonl;
    use crate::machine::Clock;

    /// A script on a platform whose program answers with `answer`; what it was asked goes before.
    fn run(script: &str, capabilities: &[(&str, &str)], answer: &str) -> String {
        let mut machine = Machine::new(Arc::new(Config::default()), script);
        capabilities.iter().for_each(|(name, value)| machine.grant(name, value));
        let mut asked = String::new();
        let mut programs = |ask: &Library| {
            let Library::Program { name, line, wait_ms } = ask else { return Ok(None) };
            asked = format!("{name} {line} {wait_ms}: ");
            Ok(Some(answer.into()))
        };
        jsonl::finish(&mut machine, &mut Clock::default, [0; 32], &mut programs);
        asked
            + &match machine.failure() {
                Some(failure) => failure.error.to_string(),
                None => machine.stack_json().expect("JSON"),
            }
    }

    #[test]
    fn texts_are_encoded_both_ways() {
        let script = "'a b%0Aé' 'p.py' CALL";
        assert_eq!(run(script, &[], "x%20y+z"), r#"p.py a%20b%0A%C3%A9 10000: ["x y z"]"#);
        assert_eq!(run("'' 'p' CALL", &[(WAIT, "5")], ""), r#"p  5: [""]"#);
        let failed = run("'' 'p' CALL", &[], " it%20broke");
        assert!(failed.contains("(it broke)"), "{failed}");
        assert!(run("'' 'p' CALL", &[], "%").contains("URLDecoder"));
        assert!(run("'' 'p' CALL", &[(WAIT, "x")], "").contains("For input string"));
    }
}
