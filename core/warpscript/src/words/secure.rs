//! Scripts that only those who know their key may read.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use weft_gts::WrapKey;
use weft_wire::opb64;
use weft_wire::thrift::SecureScript;

use crate::error::{Fault, Kind, Result};
use crate::heap::Text;
use crate::machine::{Flow, Machine, Task};
use crate::macros::{Instruction, Macro};
use crate::parser::Source;
use crate::registry::{self, Family, word};
use crate::tokens;
use crate::value::Value;

pub(super) static FAMILY: Family = Family {
    name: "secure",
    words: &[
        word(
            "SECUREKEY",
            secure_key,
            "1.0.0",
            "key<STRING> SECUREKEY",
            "Sets the key that secure scripts are made and read with.",
            &[("1 SECUREKEY", "!only accepts a string secure key.")],
        ),
        word(
            "SECURE",
            secure,
            "1.2.10",
            "script<STRING> SECURE secured<STRING>",
            "Encrypts a script. Only the platform can run it, and only those who know the key of \
             SECUREKEY can read it.",
            &[("'1' SECURE", "!You need to set the secure key first.")],
        ),
        word(
            "UNSECURE",
            unsecure,
            "1.0.0",
            "secured<STRING> UNSECURE script<STRING>",
            "Decrypts a secure script whose key was given to SECUREKEY.",
            &[("'x' UNSECURE", "!You need to set the secure key first.")],
        ),
        word(
            "EVALSECURE",
            eval_secure,
            "1.0.0",
            "secured<STRING> EVALSECURE results<ANY>",
            "Runs a secure script. Its macros are secure, words that DEF made mean nothing in it, \
             and after an error the stack is empty.",
            &[("1 EVALSECURE", "!can only evaluate a secure script stored as a string.")],
        ),
        word(
            "GETHOOK",
            get_hook,
            "1.0.8",
            "token<STRING> name<STRING> GETHOOK macro<MACRO>",
            "A macro that runs the script which a read token has under a name; an empty one when \
             there is none.",
            &[("'x' 'h' GETHOOK", "!Invalid token.")],
        ),
    ],
};

/// The most bytes that a compressed script may have once it is read.
const SCRIPT_MAX: u64 = 64 << 20;

fn secure_key(vm: &mut Machine) -> Result {
    let key = vm.pop_text("only accepts a string secure key.")?;
    vm.settings.secure_key = Some(key);
    Ok(())
}

fn wrap_key(vm: &Machine) -> Result<WrapKey> {
    let missing = || Fault::text("Missing secure script encryption key.");
    let bytes = vm.config.keys.scripts_aes.as_deref().ok_or_else(missing)?;
    WrapKey::new(bytes).map_err(|_| missing())
}

/// The encrypted form of a script.
fn seal(vm: &mut Machine, key: &str, script: &str) -> Result<String> {
    let wrap = wrap_key(vm)?;
    vm.charge(script.len() / 4);
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    let packed = gzip.write_all(script.as_bytes()).and_then(|()| gzip.finish()).ok();
    let packed = packed.filter(|p| p.len() < script.len());
    let compressed = packed.is_some();
    let sealed = SecureScript {
        timestamp_ms: vm.clock.wall_ns.div_euclid(1_000_000),
        key: Some(key.to_owned()),
        script: Some(packed.unwrap_or_else(|| script.as_bytes().to_vec())),
        compressed,
    };
    Ok(opb64::encode(&wrap.wrap(&sealed.encode())))
}

/// The key and text of an encrypted script.
fn open(vm: &mut Machine, sealed: &str) -> Result<(String, String)> {
    let unable = || Fault::text("Unable to unsecure script.");
    let wrap = wrap_key(vm)?;
    vm.charge(sealed.len() / 4);
    let bytes = opb64::decode(sealed.as_bytes()).map_err(|_| unable())?;
    let bytes = wrap.unwrap(&bytes).map_err(|_| unable())?;
    let sealed = SecureScript::decode(&bytes).map_err(|_| unable())?;
    let mut script = sealed.script.unwrap_or_default();
    if sealed.compressed {
        let room = vm.heap.limit().saturating_sub(vm.heap.used()) as u64;
        let mut plain = Vec::new();
        let mut gzip = MultiGzDecoder::new(script.as_slice()).take(SCRIPT_MAX.min(room));
        gzip.read_to_end(&mut plain).map_err(|_| unable())?;
        script = plain;
    }
    Ok((sealed.key.unwrap_or_default(), String::from_utf8_lossy(&script).into_owned()))
}

fn key_in_force(vm: &Machine) -> Result<Text> {
    vm.settings
        .secure_key
        .clone()
        .ok_or_else(|| Fault::text("You need to set the secure key first."))
}

fn secure(vm: &mut Machine) -> Result {
    let top = vm.pop()?;
    let key = key_in_force(vm)?;
    let Some(script) = vm.as_text(top).cloned() else {
        return Err(vm.error("operates on a string."));
    };
    let sealed = seal(vm, &key, &script)?;
    vm.push_string(sealed)
}

fn unsecure(vm: &mut Machine) -> Result {
    let top = vm.pop()?;
    let key = key_in_force(vm)?;
    let Some(sealed) = vm.as_text(top).cloned() else {
        return Err(vm.error("operates on a string."));
    };
    let (own, script) = open(vm, &sealed)?;
    if *own != *key {
        return Err(Fault::text("Invalid secure key."));
    }
    vm.push_string(script)
}

/// Runs a secure script, and puts back what it changed.
struct Secured {
    started: bool,
    exports: Vec<Option<Text>>,
    debug_depth: i64,
    in_secure: bool,
    allow_redefined: bool,
}

fn eval_secure(vm: &mut Machine) -> Result {
    let message = "can only evaluate a secure script stored as a string.";
    if vm.as_text(vm.peek(0)?).is_none() {
        return Err(vm.error(message));
    }
    vm.push_task(Secured {
        started: false,
        exports: Vec::new(),
        debug_depth: 0,
        in_secure: false,
        allow_redefined: false,
    })
}

impl Secured {
    fn restore(&mut self, vm: &mut Machine, failed: bool) {
        vm.in_secure = self.in_secure;
        vm.settings.allow_redefined = self.allow_redefined;
        if !failed {
            vm.settings.debug_depth = self.debug_depth;
            vm.settings.exports = std::mem::take(&mut self.exports);
        }
    }
}

impl Task for Secured {
    fn resume(&mut self, vm: &mut Machine) -> Result<Flow> {
        if self.started {
            self.restore(vm, false);
            return Ok(Flow::Done);
        }
        self.started = true;
        let sealed = vm.pop_text("can only evaluate a secure script stored as a string.")?;
        self.exports = std::mem::take(&mut vm.settings.exports);
        self.debug_depth = std::mem::take(&mut vm.settings.debug_depth);
        self.in_secure = std::mem::replace(&mut vm.in_secure, true);
        self.allow_redefined = std::mem::replace(&mut vm.settings.allow_redefined, false);
        match open(vm, &sealed) {
            Ok((_, script)) => {
                vm.push_task(Source::evaluated(script.into(), None))?;
                Ok(Flow::Again)
            }
            Err(fault) => {
                self.restore(vm, true);
                vm.truncate(0);
                Err(fault)
            }
        }
    }

    fn catch(&mut self, vm: &mut Machine, fault: Fault) -> Result<Flow> {
        match fault {
            Fault::Return(levels) => {
                self.restore(vm, false);
                if levels > 1 { Err(Fault::Return(levels - 1)) } else { Ok(Flow::Done) }
            }
            Fault::Error(error) if error.kind() != Kind::Control => {
                self.restore(vm, true);
                vm.truncate(0);
                Err(Fault::Error(error))
            }
            jump => {
                self.restore(vm, false);
                Err(jump)
            }
        }
    }
}

fn get_hook(vm: &mut Machine) -> Result {
    let hook = vm.pop_text("expects a hook name on top of the stack.")?;
    let token = vm.pop_text("expects a read token below the hook name.")?;
    let token = tokens::read(vm, &token).map_err(|error| Fault::text(error.to_string()))?;
    let script = token.hooks.as_ref().and_then(|hooks| hooks.get(&hook));
    let mut code = Vec::new();
    if let Some(script) = script {
        // Nobody knows the key: the script can be run but not read.
        let key = format!("{:016x}{:016x}", vm.entropy.next_u64(), vm.entropy.next_u64());
        let sealed = seal(vm, &key, script)?;
        code.push(Instruction::Push(vm.heap.string(sealed)?));
        code.extend(registry::find("EVALSECURE").map(Instruction::Call));
    }
    let body = vm.heap.alloc_macro(Macro::new(code))?;
    vm.push(Value::Macro(body))
}
