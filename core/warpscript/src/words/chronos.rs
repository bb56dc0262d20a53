//! Stop watches.

use crate::error::Result;
use crate::heap::{Map, Text};
use crate::java;
use crate::machine::{Chrono, Machine};
use crate::macros::{Instruction, Macro};
use crate::registry::{self, Family, word};
use crate::value::Value;

pub(super) static FAMILY: Family = Family {
    name: "chronos",
    words: &[
        word(
            "CHRONOSTART",
            start,
            "2.1.0",
            "name<STRING> CHRONOSTART",
            "Starts a stop watch. Started again before it was stopped, it counts the call and goes on.",
            &[("7 'a' CHRONOSTART", "[7]"), ("1 CHRONOSTART", "!expects a STRING alias.")],
        ),
        word(
            "CHRONOEND",
            end,
            "2.1.0",
            "name<STRING> CHRONOEND",
            "Stops a stop watch; one that was started several times stops with the last of as many \
             calls.",
            &[
                ("'a' CHRONOSTART 'a' CHRONOEND", "[]"),
                ("'a' CHRONOEND", "!called before CHRONOSTART"),
            ],
        ),
        word(
            "CHRONOSTATS",
            stats,
            "2.1.0",
            "CHRONOSTATS statistics<MAP>",
            "For each stop watch that was stopped, how long it ran in nanoseconds and how often it \
             was started. NULL when there is none.",
            &[
                ("CHRONOSTATS", "[null]"),
                ("'a' CHRONOSTART 'a' CHRONOEND CHRONOSTATS 'a' GET 'total_calls' GET", "[1]"),
            ],
        ),
        word(
            "TIMED",
            timed,
            "2.1.0",
            "macro<MACRO> name<STRING> TIMED timed<MACRO>",
            "A macro that runs another and takes its time with a stop watch.",
            &[("<% 1 2 + %> 'm' TIMED EVAL", "[3]")],
        ),
    ],
};

fn start(vm: &mut Machine) -> Result {
    let name = vm.pop_text("expects a STRING alias.")?;
    let now = vm.clock.mono_ns;
    if !vm.settings.chronos.contains_key(&name) {
        vm.heap.book(name.len() + size_of::<Chrono>())?;
    }
    let chrono = vm.settings.chronos.entry(name).or_default();
    chrono.open += 1;
    chrono.calls += 1;
    if chrono.open == 1 {
        chrono.started = now;
    }
    Ok(())
}

fn end(vm: &mut Machine) -> Result {
    let name = vm.pop_text("expects a STRING alias.")?;
    let now = vm.clock.mono_ns;
    let Some(chrono) = vm.settings.chronos.get_mut(&name) else {
        return Err(vm.error(&format!("called before CHRONOSTART for {name}.")));
    };
    chrono.open -= 1;
    if chrono.open > 0 {
        return Ok(());
    }
    if chrono.open < 0 {
        return Err(vm.error(&format!("called more times than CHRONOSTART for {name}.")));
    }
    let (time, calls) = chrono.finished.unwrap_or_default();
    let time = time.saturating_add(now.saturating_sub(chrono.started));
    chrono.finished = Some((time, calls + std::mem::take(&mut chrono.calls)));
    Ok(())
}

fn stats(vm: &mut Machine) -> Result {
    let chronos = vm.settings.chronos.iter();
    let mut finished: Vec<(Text, (u64, i64))> =
        chronos.filter_map(|(name, c)| c.finished.map(|f| (Text::clone(name), f))).collect();
    if finished.is_empty() {
        return vm.push(Value::Null);
    }
    java::hash_order(&mut finished, |(name, _)| java::hash_text(name));
    let mut result = Map::default();
    for (name, (time, calls)) in finished {
        let mut map = Map::default();
        map.entries.insert(vm.heap.text_key("total_time")?, Value::Long(time as i64));
        map.entries.insert(vm.heap.text_key("total_calls")?, Value::Long(calls));
        let map = Value::Map(vm.heap.alloc_map(map)?);
        result.entries.insert(vm.heap.text_key(&name)?, map);
    }
    vm.push_map(result)
}

fn timed(vm: &mut Machine) -> Result {
    let name = vm.pop_text("expects a STRING alias.")?;
    let message = "expects a macro under the top of the stack which will be timed.";
    let body = vm.pop_macro(message)?;
    let name = Instruction::Push(vm.heap.string(name)?);
    let call = |word: &str| registry::find(word).map(Instruction::Call);
    let catch: Vec<Instruction> = call("RETHROW").into_iter().collect();
    let catch = Value::Macro(vm.heap.alloc_macro(Macro::new(catch))?);
    let finally: Vec<Instruction> = [Some(name), call("CHRONOEND")].into_iter().flatten().collect();
    let finally = Value::Macro(vm.heap.alloc_macro(Macro::new(finally))?);
    let code = [
        Some(name),
        call("CHRONOSTART"),
        Some(Instruction::Push(Value::Macro(body))),
        Some(Instruction::Push(catch)),
        Some(Instruction::Push(finally)),
        call("TRY"),
    ];
    let code: Vec<Instruction> = code.into_iter().flatten().collect();
    let timed = vm.heap.alloc_macro(Macro::new(code))?;
    vm.push(Value::Macro(timed))
}
