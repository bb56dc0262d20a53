//! The stack as a script that makes it again.

use crate::error::Result;
use crate::heap::Text;
use crate::java;
use crate::machine::Machine;
use crate::registry::{Family, word};
use crate::snapshot::{self, Style};
use crate::value::Value;

pub(super) static FAMILY: Family = Family {
    name: "snapshot",
    words: &[
        word(
            "SNAPSHOT",
            |vm| take(vm, Levels::All, true, false, false),
            "1.0.6",
            "x1<ANY> xN<ANY> SNAPSHOT script<STRING>",
            "Replaces the stack by a script that makes it again.",
            &[("1 'a b' [ 2 ] SNAPSHOT", "[\"1 'a%20b' [] 2 +! \"]")],
        ),
        word(
            "SNAPSHOTREADABLE",
            |vm| take(vm, Levels::All, true, false, true),
            "2.8.0",
            "x1<ANY> xN<ANY> SNAPSHOTREADABLE script<STRING>",
            "SNAPSHOT as people would write it.",
            &[("[ 1 'a b' ] SNAPSHOTREADABLE", "[\"[ 1 'a b' ] \"]")],
        ),
        word(
            "SNAPSHOTALL",
            |vm| take(vm, Levels::All, true, true, false),
            "1.0.7",
            "x1<ANY> xN<ANY> SNAPSHOTALL script<STRING>",
            "SNAPSHOT with variables and registers.",
            &[("1 5 'x' STORE SNAPSHOTALL", "[\"1 5 'x' STORE CLEARREGS \"]")],
        ),
        word(
            "SNAPSHOTTOMARK",
            |vm| take(vm, Levels::ToMark, true, false, false),
            "1.0.7",
            "mark<MARK> x1<ANY> xN<ANY> SNAPSHOTTOMARK script<STRING>",
            "SNAPSHOT of what is above the topmost mark, which goes too.",
            &[("1 MARK 2 3 SNAPSHOTTOMARK", "[\"2 3 \",1]"), ("SNAPSHOTTOMARK", "!expects a MARK")],
        ),
        word(
            "SNAPSHOTALLTOMARK",
            |vm| take(vm, Levels::ToMark, true, true, false),
            "1.0.7",
            "mark<MARK> x1<ANY> xN<ANY> SNAPSHOTALLTOMARK script<STRING>",
            "SNAPSHOTTOMARK with variables and registers.",
            &[("MARK 'a' SNAPSHOTALLTOMARK", "[\"'a' CLEARREGS \"]")],
        ),
        word(
            "SNAPSHOTN",
            |vm| take(vm, Levels::Count, true, false, false),
            "1.2.13",
            "x1<ANY> xN<ANY> n<LONG> SNAPSHOTN script<STRING>",
            "SNAPSHOT of the n topmost levels.",
            &[("1 2 3 2 SNAPSHOTN", "[\"2 3 \",1]")],
        ),
        word(
            "SNAPSHOTCOPY",
            |vm| take(vm, Levels::All, false, false, false),
            "1.2.5",
            "x1<ANY> xN<ANY> SNAPSHOTCOPY x1<ANY> xN<ANY> script<STRING>",
            "SNAPSHOT that leaves the stack.",
            &[("1 SNAPSHOTCOPY", "[\"1 \",1]")],
        ),
        word(
            "SNAPSHOTCOPYALL",
            |vm| take(vm, Levels::All, false, true, false),
            "1.2.5",
            "x1<ANY> xN<ANY> SNAPSHOTCOPYALL x1<ANY> xN<ANY> script<STRING>",
            "SNAPSHOTALL that leaves the stack.",
            &[("9 POPR1 3 SNAPSHOTCOPYALL", "[\"3 CLEARREGS 9 POPR1 \",3]")],
        ),
        word(
            "SNAPSHOTCOPYTOMARK",
            |vm| take(vm, Levels::ToMark, false, false, false),
            "1.2.5",
            "mark<MARK> x1<ANY> xN<ANY> SNAPSHOTCOPYTOMARK mark<MARK> x1<ANY> xN<ANY> script<STRING>",
            "SNAPSHOTTOMARK that leaves the stack.",
            &[("MARK 2 SNAPSHOTCOPYTOMARK", "[\"2 \",2,null]")],
        ),
        word(
            "SNAPSHOTCOPYALLTOMARK",
            |vm| take(vm, Levels::ToMark, false, true, false),
            "1.2.5",
            "mark<MARK> x1<ANY> xN<ANY> SNAPSHOTCOPYALLTOMARK mark<MARK> x1<ANY> xN<ANY> script<STRING>",
            "SNAPSHOTALLTOMARK that leaves the stack.",
            &[("MARK 5 SNAPSHOTCOPYALLTOMARK", "[\"5 CLEARREGS \",5,null]")],
        ),
        word(
            "SNAPSHOTCOPYN",
            |vm| take(vm, Levels::Count, false, false, false),
            "1.2.13",
            "x1<ANY> xN<ANY> n<LONG> SNAPSHOTCOPYN x1<ANY> xN<ANY> script<STRING>",
            "SNAPSHOTN that leaves the stack.",
            &[("1 2 2 SNAPSHOTCOPYN", "[\"1 2 \",2,1]")],
        ),
    ],
};

/// Which levels are meant.
#[derive(Clone, Copy)]
enum Levels {
    All,
    ToMark,
    Count,
}

/// Writes levels as a script; `removes` takes them away, `state` adds variables and registers.
fn take(vm: &mut Machine, levels: Levels, removes: bool, state: bool, readable: bool) -> Result {
    let mut mark = 0;
    let count = match levels {
        Levels::All => vm.depth(),
        Levels::Count => {
            let count = vm.pop_long("expects a number of stack levels to snapshot.")? as i32;
            usize::try_from(count).unwrap_or(0).min(vm.depth())
        }
        Levels::ToMark => {
            let above = vm.visible().iter().rev().position(|v| matches!(v, Value::Mark));
            mark = 1;
            above.ok_or_else(|| vm.error("expects a MARK on the stack."))?
        }
    };
    let style = Style { readable, ..Style::default() };
    let mut out = String::new();
    let from = vm.depth() - count;
    for index in from..vm.depth() {
        add(vm, &mut out, vm.visible()[index], style)?;
    }
    if state {
        add_state(vm, &mut out, style)?;
    }
    vm.charge(out.len() / 4);
    if removes {
        vm.truncate(from - mark);
    }
    vm.push_string(out)
}

fn add(vm: &Machine, out: &mut String, value: Value, style: Style) -> Result {
    let text = snapshot::value(vm, value, style)?;
    vm.heap.claim(out.len() + text.len())?;
    out.push_str(&text);
    Ok(())
}

/// Variables in the order of a Java hash table, then registers.
fn add_state(vm: &mut Machine, out: &mut String, style: Style) -> Result {
    let mut symbols: Vec<(Text, Value)> =
        vm.symbols.iter().map(|(s, v)| (Text::clone(vm.symbols.name(s)), v)).collect();
    java::hash_order(&mut symbols, |(name, _)| java::hash_text(name));
    for (name, value) in symbols {
        add(vm, out, value, style)?;
        let name = vm.heap.string(name)?;
        add(vm, out, name, style)?;
        out.push_str("STORE ");
    }
    out.push_str("CLEARREGS ");
    for (number, value) in vm.registers.iter().enumerate().filter(|(_, v)| !v.is_null()) {
        add(vm, out, *value, style)?;
        out.push_str(&format!("POPR{number} "));
    }
    Ok(())
}

/// One value as a script, for words that run it.
pub(super) fn script(vm: &Machine, value: Value) -> Result<String> {
    snapshot::value(vm, value, Style::default())
}
