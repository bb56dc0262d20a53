//! Macros that carry a signature: the last four statements are a curve, a public key, the
//! signature and `MSIG`.

use super::elliptic::{decode, is_valid, named, public_of, signature};
use super::keys::{self, EcPublic, Key};
use super::{hex, push_bytes, unhex};
use crate::error::Result;
use crate::heap::{Map, Text};
use crate::machine::Machine;
use crate::macros::{Instruction, Macro};
use crate::registry::{self, Word, word};
use crate::snapshot::{self, Style};
use crate::value::{Handle, Value};

pub(super) const MSIG: Word = word(
    "MSIG",
    signature_of,
    "2.8.0",
    "macro<MACRO> MSIG macro<MACRO> signature<MACRO>\n\
     curve<STRING> key<STRING> signature<STRING> MSIG",
    "The signature of a macro, as a macro; empty when there is none. Inside a signature it does \
     nothing.",
    &[("<% 1 %> MSIG", "[\"<% %>\",\"<% 1 %>\"]"), ("'c' 'k' 's' MSIG", "[]")],
);

pub(super) const MSIGN: Word = word(
    "MSIGN",
    sign,
    "2.8.0",
    "macro<MACRO> private<KEY> MSIGN macro<MACRO> signature<MACRO>",
    "Signs a macro; `+` puts the signature behind it.",
    &[("'secp256r1' ECGEN DROP ECPRIVATE 'k' STORE <% 1 %> $k MSIGN + MVERIFY EVAL", "[1]")],
);

pub(super) const MSIGCOUNT: Word = word(
    "MSIGCOUNT",
    count,
    "2.8.0",
    "macro<MACRO> MSIGCOUNT count<LONG>",
    "How many signatures a macro carries.",
    &[("<% 1 %> MSIGCOUNT", "[0]")],
);

pub(super) const MSIGINFO: Word = word(
    "MSIGINFO",
    info,
    "2.8.0",
    "macro<MACRO> MSIGINFO macro<MACRO> info<MAP>\nmacro<MACRO> MSIGINFO signed<BOOLEAN>",
    "The signature (`sig`) and the public key (`key`) of a signed macro; false alone when it is \
     not signed.",
    &[("<% 1 %> MSIGINFO", "[false]")],
);

pub(super) const MVERIFY: Word = word(
    "MVERIFY",
    verify,
    "2.8.0",
    "macro<MACRO> MVERIFY macro<MACRO>",
    "Fails unless the macro carries a valid signature.",
    &[("<% 1 %> MVERIFY", "!unable to verify macro.")],
);

pub(super) const MCHECKSIG: Word = word(
    "MCHECKSIG",
    verify,
    "2.8.0",
    "macro<MACRO> MCHECKSIG macro<MACRO> valid<BOOLEAN>",
    "Whether the macro carries a valid signature.",
    &[("<% 1 %> MCHECKSIG", "[false,\"<% 1 %>\"]")],
);

pub(super) const MDETACH: Word = word(
    "MDETACH",
    detach,
    "2.8.0",
    "macro<MACRO> MDETACH macro<MACRO> signature<MACRO>",
    "Takes the signature off a macro.",
    &[("<% 1 %> MDETACH", "[\"<% %>\",\"<% 1 %>\"]")],
);

/// How `ECSIGN` and `ECVERIFY` are asked.
const ALGORITHM: &str = "SHA256WITHECDSA";

/// Statements of a signature.
const SIZE: usize = 4;

/// Whether statements end with a signature.
fn is_signed(statements: &[Instruction]) -> bool {
    let Some((_, end)) = statements.split_last_chunk::<SIZE>() else { return false };
    let [texts @ .., Instruction::Call(word)] = end else { return false };
    let is_text = |i: &Instruction| matches!(i, Instruction::Push(Value::String(_)));
    word.name == "MSIG" && texts.iter().all(is_text)
}

/// The statements of a macro, before and in its signature.
fn parts(vm: &mut Machine, body: Handle<Macro>) -> Result<(Vec<Instruction>, Vec<Instruction>)> {
    let mut statements = vm.statements(body)?;
    let length = if is_signed(&statements) { SIZE } else { 0 };
    let end = statements.split_off(statements.len() - length);
    Ok((statements, end))
}

fn push_macro(vm: &mut Machine, statements: &[Instruction]) -> Result {
    let code = vm.compile(statements)?;
    let body = vm.heap.alloc_macro(Macro::new(code))?;
    vm.push(Value::Macro(body))
}

fn signature_of(vm: &mut Machine) -> Result {
    match vm.pop()? {
        Value::Macro(body) => {
            let (_, end) = parts(vm, body)?;
            vm.push(Value::Macro(body))?;
            push_macro(vm, &end)
        }
        Value::String(_) => {
            vm.pop_text("expects a hex encoded ECC public key.")?;
            vm.pop_text("expects an ECC curve name.")?;
            Ok(())
        }
        _ => Err(vm.error("expects a hex encoded signature.")),
    }
}

/// What is signed: the macro as a script.
fn signed_text(vm: &mut Machine, body: Handle<Macro>) -> Result<String> {
    let mut text =
        snapshot::value(vm, Value::Macro(body), Style { readable: false, reveal: true })?;
    text.truncate(text.trim_end_matches(' ').len());
    vm.charge(text.len());
    Ok(text)
}

fn sign(vm: &mut Machine) -> Result {
    let key = keys::pop_ec_private(vm, "expects an ECC private key.")?;
    let body = vm.pop_macro("operates on a macro.")?;
    let text = signed_text(vm, body)?;
    let signature = signature(vm, &key, ALGORITHM, text.as_bytes())?;
    let public = public_of(vm, &key);
    let mut statements = Vec::with_capacity(SIZE);
    for text in [public.on.name, hex(&public.encoded), hex(&signature)] {
        statements.push(Instruction::Push(vm.heap.string(text)?));
    }
    statements.extend(registry::find("MSIG").map(Instruction::Call));
    vm.push(Value::Macro(body))?;
    push_macro(vm, &statements)
}

fn count(vm: &mut Machine) -> Result {
    let body = vm.pop_macro("operates on a Macro.")?;
    let statements = vm.statements(body)?;
    let mut rest = &statements[..];
    let mut count = 0;
    while is_signed(rest) {
        count += 1;
        rest = &rest[..rest.len() - SIZE];
    }
    vm.push(count)
}

/// The key and the signature that the statements of a signature hold.
fn read(vm: &Machine, end: &[Instruction]) -> Result<(EcPublic, Vec<u8>)> {
    let text = |place: usize| match end.get(place) {
        Some(Instruction::Push(value)) => vm.as_text(*value).cloned().unwrap_or_default(),
        _ => Text::from(""),
    };
    let on = named(&text(0)).ok_or_else(|| vm.error("does not know the curve."))?;
    let key = decode(on, unhex(&text(1))?)?;
    Ok((key, unhex(&text(2))?))
}

fn info(vm: &mut Machine) -> Result {
    let body = vm.pop_macro("expects a macro.")?;
    let (_, end) = parts(vm, body)?;
    if end.is_empty() {
        return vm.push(false);
    }
    let (key, signature) = read(vm, &end)?;
    vm.push(Value::Macro(body))?;
    push_bytes(vm, signature)?;
    let signature = vm.pop()?;
    let key = vm.heap.new_object(Key::EcPublic(key))?;
    let mut map = Map::default();
    for (name, value) in [("sig", signature), ("key", key)] {
        map.entries.insert(vm.heap.text_key(name)?, value);
    }
    vm.push_map(map)
}

fn verify(vm: &mut Machine) -> Result {
    let body = vm.pop_macro("operates on a macro.")?;
    let (start, end) = parts(vm, body)?;
    let mut valid = false;
    if !end.is_empty() {
        let (key, signature) = read(vm, &end)?;
        let code = vm.compile(&start)?;
        let plain = vm.heap.alloc_macro(Macro::new(code))?;
        let text = signed_text(vm, plain)?;
        valid = is_valid(vm, &key, ALGORITHM, &signature, text.as_bytes())?;
    }
    vm.push(Value::Macro(body))?;
    if vm.word.name == "MCHECKSIG" {
        return vm.push(valid);
    }
    if valid { Ok(()) } else { Err(vm.error("unable to verify macro.")) }
}

fn detach(vm: &mut Machine) -> Result {
    let body = vm.pop_macro("operates on a macro.")?;
    let (start, end) = parts(vm, body)?;
    if !end.is_empty() {
        let code = vm.compile(&start)?;
        vm.heap.change_macro(body)?.code = code.into();
    }
    vm.push(Value::Macro(body))?;
    push_macro(vm, &end)
}
