//! REXEC and REXECZ: scripts that another platform runs.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use weft_wire::opb64;

use super::web::Headers;
use super::{Collect, Collector};
use crate::error::Result;
use crate::heap::Text;
use crate::machine::Machine;
use crate::parser::Source;
use crate::requests::{Chunk, Hosts, Http, Request};
use crate::text::to_text;
use crate::value::Value;

/// Bytes of the answer at most, and never more than the script may still have.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// The header of an answer that says what went wrong.
const ERROR_HEADER: &str = "X-Warp10-Error-Message";

pub(super) fn rexec(vm: &mut Machine) -> Result {
    let endpoint = vm.pop()?;
    let endpoint = to_text(vm, endpoint)?;
    let program = vm.pop()?;
    let mut script = to_text(vm, program)?;
    if matches!(program, Value::Macro(_)) {
        script.push_str(" EVAL");
    }
    // The stack comes back as one script that makes it.
    script.push_str("\nSNAPSHOT\n->OPB64\n");
    vm.charge(script.len() / 16);
    let (mut body, mut headers) = (script.into_bytes(), Headers::new());
    if vm.word.name == "REXECZ" {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        let compressed = encoder.write_all(&body).and_then(|()| encoder.finish());
        body = compressed.map_err(|error| vm.error(&error.to_string()))?;
        headers.push(("Content-Type".into(), "application/gzip".into()));
    }
    let call = Http {
        method: "POST".into(),
        url: endpoint.into(),
        headers,
        body,
        token: None,
        answer_bytes_max: ANSWER_BYTES_MAX.min(vm.heap.limit().saturating_sub(vm.heap.used())),
        hosts: Hosts::Rexec,
    };
    let request = vm.request(Request::Http(Box::new(call)));
    vm.push_task(Collect { request, collector: Remote(None) })
}

/// The script that makes what the other platform's stack held.
struct Remote(Option<Text>);

impl Collector for Remote {
    fn take(&mut self, vm: &mut Machine, chunk: Chunk) -> Result {
        let Chunk::Http { status, headers, body, .. } = chunk else { return Ok(()) };
        if status != 200 {
            let told = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(ERROR_HEADER));
            let why = match told {
                Some((_, message)) => format!("remote execution failed: {message}"),
                None => format!("remote execution failed with HTTP code {status}."),
            };
            return Err(vm.error(&why));
        }
        vm.charge(body.len() / 16);
        vm.heap.claim(body.len())?;
        let script = body
            .trim_ascii()
            .strip_prefix(b"[\"")
            .and_then(|rest| rest.strip_suffix(b"\"]"))
            .and_then(|text| opb64::decode(text).ok())
            .and_then(|script| String::from_utf8(script).ok());
        match script {
            Some(script) => self.0 = Some(script.into()),
            None => return Err(vm.error("the endpoint's answer is no stack.")),
        }
        Ok(())
    }

    fn end(&mut self, vm: &mut Machine) -> Result {
        match self.0.take() {
            Some(script) => vm.push_task(Source::evaluated(script, None)),
            None => Ok(()),
        }
    }
}
