//! Secure scripts: texts that run for everybody but can be read only with their key.

use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use weft_gts::aeswrap::WrapKey;
use weft_wire::opb64;
use weft_wire::thrift::SecureScript;

use crate::error::{Fault, Kind, Result};
use crate::heap::Text;
use crate::machine::{Flow, Machine, Task};
use crate::parser::Source;
use crate::registry::{Word, word};
use crate::value::Value;

pub(super) const SECURE: Word = word(
    "SECURE",
    secure,
    "1.2.10",
    "script<STRING> SECURE secured<STRING>",
    "Makes a secure script of a text, under the key that SECUREKEY set.",
    &[("'1 2 +' SECURE", "!set the secure key first.")],
);

pub(super) const SECUREKEY: Word = word(
    "SECUREKEY",
    |vm| {
        let key = vm.pop_text("only accepts a string secure key.")?;
        vm.settings.secure_key = Some(key);
        Ok(())
    },
    "1.0.0",
    "key<STRING> SECUREKEY",
    "Sets the key of the secure scripts that SECURE, `<S` and UNSECURE work on.",
    &[("'k3y' SECUREKEY", "[]"), ("5 SECUREKEY", "!only accepts a string")],
);

pub(super) const UNSECURE: Word = word(
    "UNSECURE",
    unsecure,
    "1.0.0",
    "secured<STRING> UNSECURE script<STRING>",
    "The text of a secure script, for who has set its key with SECUREKEY.",
    &[("'x' UNSECURE", "!set the secure key first.")],
);

pub(super) const EVALSECURE: Word = word(
    "EVALSECURE",
    evaluate,
    "1.0.0",
    "secured<STRING> EVALSECURE results<ANY>",
    "Runs a secure script; its key is not needed. Errors clear the stack.",
    &[("5 EVALSECURE", "!can only evaluate a secure script stored as a string.")],
);

/// The key of the platform, if it has one.
fn wrap_key(vm: &Machine) -> Result<WrapKey> {
    let key = vm.config.keys.scripts_aes.as_deref().and_then(|key| WrapKey::new(key).ok());
    key.ok_or_else(|| Fault::text("Missing secure script encryption key."))
}

fn secure(vm: &mut Machine) -> Result {
    let top = vm.pop()?;
    let Some(key) = vm.settings.secure_key.clone() else {
        return Err(Fault::text("You need to set the secure key first."));
    };
    let Some(script) = vm.as_text(top).cloned() else {
        return Err(vm.error("operates on a string."));
    };
    let wrap = wrap_key(vm)?;
    vm.heap.claim(script.len().saturating_mul(4))?;
    vm.charge(script.len() * 8);
    let plain = script.as_bytes();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    let zipped = gzip.write_all(plain).and_then(|()| gzip.finish()).unwrap_or_default();
    let compressed = !zipped.is_empty() && zipped.len() < plain.len();
    let secured = SecureScript {
        timestamp_ms: vm.clock.wall_ns.div_euclid(1_000_000),
        key: Some(key.to_string()),
        script: Some(if compressed { zipped } else { plain.to_vec() }),
        compressed,
    };
    vm.push_string(opb64::encode(&wrap.wrap(&secured.encode())))
}

/// Opens a secure script; `checked` when its key must be the one that is set.
fn open(vm: &mut Machine, secured: &str, checked: bool) -> Result<Text> {
    let unable = || Fault::text("Unable to unsecure script.");
    let raw = opb64::decode(secured.as_bytes()).map_err(|_| unable())?;
    vm.charge(raw.len() * 4);
    let unwrapped = wrap_key(vm)?.unwrap(&raw).map_err(|_| unable())?;
    let secured = SecureScript::decode(&unwrapped).map_err(|_| unable())?;
    if checked && vm.settings.secure_key.as_deref() != secured.key.as_deref() {
        return Err(Fault::text("Invalid secure key."));
    }
    let mut script = secured.script.unwrap_or_default();
    if secured.compressed {
        let room = vm.heap.limit().saturating_sub(vm.heap.used()) / 2;
        let mut plain = Vec::new();
        let read = GzDecoder::new(&script[..]).take(room as u64).read_to_end(&mut plain);
        vm.heap.claim(plain.len().saturating_mul(2))?;
        read.map_err(|_| unable())?;
        script = plain;
    }
    vm.charge(script.len());
    Ok(String::from_utf8_lossy(&script).into())
}

fn unsecure(vm: &mut Machine) -> Result {
    let top = vm.pop()?;
    if vm.settings.secure_key.is_none() {
        return Err(Fault::text("You need to set the secure key first."));
    }
    let Some(secured) = vm.as_text(top).cloned() else {
        return Err(vm.error("operates on a string."));
    };
    let script = open(vm, &secured, true)?;
    vm.push_string(script)
}

/// Runs a secure script: what it may not touch is set aside.
struct Evaluation {
    secured: Option<Text>,
    exports: Vec<Option<Text>>,
    debug_depth: i64,
    in_secure: bool,
    allow_redefined: bool,
}

fn evaluate(vm: &mut Machine) -> Result {
    let top = vm.peek(0)?;
    let Some(secured) = vm.as_text(top).cloned() else {
        return Err(vm.error("can only evaluate a secure script stored as a string."));
    };
    vm.pop()?;
    let settings = &mut vm.settings;
    let evaluation = Evaluation {
        secured: Some(secured),
        exports: std::mem::take(&mut settings.exports),
        debug_depth: std::mem::take(&mut settings.debug_depth),
        in_secure: std::mem::replace(&mut vm.in_secure, true),
        allow_redefined: std::mem::replace(&mut vm.settings.allow_redefined, false),
    };
    vm.push_task(evaluation)
}

impl Evaluation {
    fn restore(&mut self, vm: &mut Machine) {
        vm.in_secure = self.in_secure;
        vm.settings.allow_redefined = self.allow_redefined;
        vm.settings.debug_depth = self.debug_depth;
        vm.settings.exports = std::mem::take(&mut self.exports);
    }
}

impl Task for Evaluation {
    fn resume(&mut self, vm: &mut Machine) -> Result<Flow> {
        let Some(secured) = self.secured.take() else {
            self.restore(vm);
            return Ok(Flow::Done);
        };
        match open(vm, &secured, false) {
            Ok(script) => {
                vm.push_task(Source::evaluated(script, None))?;
                Ok(Flow::Again)
            }
            Err(fault) => self.catch(vm, fault),
        }
    }

    fn catch(&mut self, vm: &mut Machine, fault: Fault) -> Result<Flow> {
        self.restore(vm);
        match fault {
            Fault::Return(levels) if levels <= 1 => Ok(Flow::Done),
            Fault::Return(levels) => Err(Fault::Return(levels - 1)),
            Fault::Error(error) if error.kind() != Kind::Control => {
                // Nothing that a secure script held may be seen.
                vm.settings.debug_depth = 0;
                vm.truncate(0);
                Err(Fault::Error(error))
            }
            jump => Err(jump),
        }
    }

    fn trace(&self, _visit: &mut dyn FnMut(Value)) {}
}
