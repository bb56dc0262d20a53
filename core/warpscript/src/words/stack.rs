//! Moving values about on the stack.

use crate::error::{Fault, Kind, Result};
use crate::machine::Machine;
use crate::registry::{Family, word};
use crate::value::Value;

pub(super) static FAMILY: Family = Family {
    name: "stack",
    words: &[
        word(
            "DUP",
            dup,
            "1.0.0",
            "x<ANY> DUP x<ANY> x<ANY>",
            "Duplicates the top of the stack. Collections are not copied: both levels are the same \
             object.",
            &[("1 DUP", "[1,1]"), ("DUP", "!Empty stack.")],
        ),
        word(
            "DUPN",
            dupn,
            "1.0.0",
            "x1<ANY> xN<ANY> n<LONG> DUPN x1<ANY> xN<ANY> x1<ANY> xN<ANY>",
            "Duplicates the n topmost levels, keeping their order.",
            &[("1 2 2 DUPN", "[2,1,2,1]"), ("1 5 DUPN", "!Index out of bound.")],
        ),
        word(
            "DROP",
            drop_top,
            "1.0.0",
            "x<ANY> DROP",
            "Removes the top of the stack.",
            &[("1 2 DROP", "[1]")],
        ),
        word(
            "DROPN",
            dropn,
            "1.0.0",
            "x1<ANY> xN<ANY> n<LONG> DROPN",
            "Removes the n topmost levels.",
            &[("1 2 3 2 DROPN", "[1]")],
        ),
        word(
            "SWAP",
            swap,
            "1.0.0",
            "a<ANY> b<ANY> SWAP b<ANY> a<ANY>",
            "Exchanges the two topmost levels.",
            &[("1 2 SWAP", "[1,2]"), ("1 SWAP", "!Index out of bound.")],
        ),
        word(
            "ROT",
            rot,
            "1.0.0",
            "a<ANY> b<ANY> c<ANY> ROT b<ANY> c<ANY> a<ANY>",
            "Brings the third level to the top.",
            &[("1 2 3 ROT", "[1,3,2]")],
        ),
        word(
            "ROLL",
            roll,
            "1.0.0",
            "x1<ANY> xN<ANY> n<LONG> ROLL x2<ANY> xN<ANY> x1<ANY>",
            "Brings the n-th level to the top.",
            &[("'a' 'b' 'c' 3 ROLL", "[\"a\",\"c\",\"b\"]")],
        ),
        word(
            "ROLLD",
            rolld,
            "1.0.0",
            "x1<ANY> xN<ANY> n<LONG> ROLLD xN<ANY> x1<ANY>",
            "Moves the top down to the n-th level.",
            &[("'a' 'b' 'c' 3 ROLLD", "[\"b\",\"a\",\"c\"]")],
        ),
        word(
            "PICK",
            pick,
            "1.0.0",
            "xN<ANY> x1<ANY> n<LONG> PICK xN<ANY> x1<ANY> xN<ANY>",
            "Copies the n-th level to the top; 1 is the top itself.",
            &[("'a' 'b' 2 PICK", "[\"a\",\"b\",\"a\"]")],
        ),
        word(
            "DEPTH",
            depth,
            "1.0.0",
            "DEPTH depth<LONG>",
            "Pushes how many levels there were before.",
            &[("7 8 DEPTH", "[2,8,7]")],
        ),
        word(
            "CLEAR",
            clear,
            "1.0.0",
            "CLEAR",
            "Removes all visible levels.",
            &[("1 2 CLEAR", "[]")],
        ),
        word(
            "RESET",
            reset,
            "1.0.0",
            "depth<LONG> RESET",
            "Removes levels from the top until `depth` of them are left.",
            &[("1 2 3 1 RESET", "[1]")],
        ),
        word(
            "HIDE",
            hide_levels,
            "2.7.0",
            "levels<LONG> HIDE hidden<LONG>",
            "Hides the deepest levels from everything that follows and says how many that were. A \
             negative number says how many stay visible, NULL hides all.",
            &[("1 2 3 2 HIDE", "[2,3]"), ("1 2 3 NULL HIDE DEPTH", "[1,3]")],
        ),
        word(
            "SHOW",
            show_levels,
            "2.7.0",
            "levels<LONG> SHOW",
            "Shows hidden levels again. A negative number says how many are to be visible, NULL \
             shows all.",
            &[("1 2 3 3 HIDE DROP 1 SHOW", "[3]"), ("1 2 HIDE NULL SHOW", "[1,1]")],
        ),
        word(
            "STACKTOLIST",
            to_list,
            "1.0.14",
            "x1<ANY> xN<ANY> STACKTOLIST list<LIST>",
            "Replaces the stack by a list of its levels, bottom first.",
            &[("1 'a' STACKTOLIST", "[[1,\"a\"]]")],
        ),
        word(
            "PSTACK",
            |vm| vm.show_levels(usize::MAX),
            "2.0.0",
            "PSTACK",
            "Shows the stack in an interactive session. Does nothing elsewhere.",
            &[("1 PSTACK", "[1]")],
        ),
        word(
            "PEEK",
            |vm| vm.show_levels(1),
            "2.0.0",
            "PEEK",
            "Shows the top in an interactive session. Does nothing elsewhere.",
            &[("1 PEEK", "[1]")],
        ),
        word(
            "PEEKN",
            peekn,
            "2.0.0",
            "level<NUMBER> PEEKN level<NUMBER>",
            "Shows one level in an interactive session. Leaves its argument.",
            &[("1 2 PEEKN", "[2,1]"), ("'a' PEEKN", "!expects a numeric value.")],
        ),
        word(
            "NPEEK",
            |vm| {
                let count = vm.pop_number("expects a numeric value.")? as i32;
                vm.show_levels(usize::try_from(count).unwrap_or(0))
            },
            "2.0.0",
            "levels<NUMBER> NPEEK",
            "Shows the topmost levels in an interactive session.",
            &[("1 2 NPEEK", "[1]")],
        ),
    ],
};

/// A count of levels: a number, cut to 32 bits, at most as many as there are.
fn levels(vm: &mut Machine) -> Result<usize> {
    let n = match vm.pop()? {
        Value::Long(v) => v as i32,
        Value::Double(v) => v as i32,
        _ => {
            return Err(Fault::kind(Kind::Bounds, "Unexpected type, expecting a numerical value."));
        }
    };
    let n = usize::try_from(n).map_err(|_| Fault::bounds())?;
    if n > vm.depth() {
        return Err(Fault::bounds());
    }
    Ok(n)
}

/// Fails like an empty stack, or like a bad index when some values are there but too few.
fn need(vm: &Machine, count: usize) -> Result {
    match vm.depth() {
        0 => Err(Fault::empty_stack()),
        depth if depth < count => Err(Fault::bounds()),
        _ => Ok(()),
    }
}

fn dup(vm: &mut Machine) -> Result {
    let top = vm.peek(0)?;
    vm.push(top)
}

fn dupn(vm: &mut Machine) -> Result {
    let n = levels(vm)?;
    vm.charge(n);
    let from = vm.depth() - n;
    for index in from..from + n {
        let value = vm.visible()[index];
        vm.push(value)?;
    }
    Ok(())
}

fn drop_top(vm: &mut Machine) -> Result {
    vm.pop().map(|_| ())
}

fn dropn(vm: &mut Machine) -> Result {
    let n = levels(vm)?;
    vm.truncate(vm.depth() - n);
    Ok(())
}

fn swap(vm: &mut Machine) -> Result {
    need(vm, 2)?;
    let top = vm.depth() - 1;
    vm.visible_mut().swap(top, top - 1);
    Ok(())
}

fn rot(vm: &mut Machine) -> Result {
    need(vm, 3)?;
    let from = vm.depth() - 3;
    vm.visible_mut()[from..].rotate_left(1);
    Ok(())
}

fn roll(vm: &mut Machine) -> Result {
    let n = levels(vm)?;
    if n == 0 {
        // The place of the count just popped is level 0: it takes the place of the top.
        return replace_top(vm, 0);
    }
    vm.charge(n);
    let from = vm.depth() - n;
    vm.visible_mut()[from..].rotate_left(1);
    Ok(())
}

fn rolld(vm: &mut Machine) -> Result {
    let n = levels(vm)?;
    need(vm, 1)?;
    vm.charge(n);
    let from = vm.depth() - n;
    if n > 0 {
        vm.visible_mut()[from..].rotate_right(1);
    }
    Ok(())
}

fn replace_top(vm: &mut Machine, value: i64) -> Result {
    vm.pop().map_err(|_| Fault::bounds())?;
    vm.push(value)
}

fn pick(vm: &mut Machine) -> Result {
    match levels(vm)? {
        // As with ROLL, level 0 is the count itself.
        0 => vm.push(0),
        n => {
            let value = vm.peek(n - 1)?;
            vm.push(value)
        }
    }
}

fn depth(vm: &mut Machine) -> Result {
    vm.push(vm.depth() as i64)
}

fn clear(vm: &mut Machine) -> Result {
    vm.truncate(0);
    Ok(())
}

fn reset(vm: &mut Machine) -> Result {
    let message = "expects a number of levels on top of the stack.";
    let depth = vm.pop_number(message)? as i32;
    let depth = usize::try_from(depth).map_err(|_| Fault::bounds())?;
    if depth < vm.depth() {
        vm.truncate(depth);
    }
    Ok(())
}

/// Hides levels, the deepest first: `count` of them, or all but `-count`, or all. How many.
pub(super) fn hide(vm: &mut Machine, count: Option<i32>) -> usize {
    let depth = vm.depth();
    let hidden = match count {
        None => depth,
        Some(count) if count < 0 => depth.saturating_sub(count.unsigned_abs() as usize),
        Some(count) => depth.min(count as usize),
    };
    vm.hidden += hidden;
    hidden
}

/// Shows hidden levels: `count` of them, or as many as make `-count` visible, or all.
pub(super) fn show(vm: &mut Machine, count: Option<i32>) {
    let shown = match count {
        None => vm.hidden,
        Some(count) if count < 0 => (count.unsigned_abs() as usize).saturating_sub(vm.depth()),
        Some(count) => count as usize,
    };
    vm.hidden -= shown.min(vm.hidden);
}

/// A number of levels that is a LONG or NULL.
fn levels_or_all(vm: &mut Machine, message: &str) -> Result<Option<i32>> {
    match vm.pop()? {
        Value::Null => Ok(None),
        Value::Long(count) => Ok(Some(count as i32)),
        _ => Err(vm.error(message)),
    }
}

fn hide_levels(vm: &mut Machine) -> Result {
    let count = levels_or_all(vm, "expects a number of levels to hide.")?;
    let hidden = hide(vm, count);
    vm.push(hidden as i64)
}

fn show_levels(vm: &mut Machine) -> Result {
    let count = levels_or_all(vm, "expects a number of levels to show.")?;
    show(vm, count);
    Ok(())
}

fn to_list(vm: &mut Machine) -> Result {
    let values = vm.pop_many(vm.depth())?;
    vm.charge(values.len());
    vm.push_list(values)
}

fn peekn(vm: &mut Machine) -> Result {
    let Some(level) = vm.peek(0)?.as_f64() else {
        return Err(vm.error("expects a numeric value."));
    };
    if vm.settings.interactive.is_none() {
        return Ok(());
    }
    // The number itself is no level.
    let level = usize::try_from(level as i32).unwrap_or(usize::MAX);
    let value = vm.peek(level.saturating_add(1))?;
    vm.show_level(level, value)
}
