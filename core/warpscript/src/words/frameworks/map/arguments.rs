//! The arguments of MAP: a list of series and numbers, or series below a map of parameters.

use super::super::callee::{Callee, Use};
use super::Plan;
use crate::error::Result;
use crate::heap::{Gts, List, Map};
use crate::machine::Machine;
use crate::value::{Handle, Value};

/// Takes the arguments from the stack.
pub(super) fn take(vm: &mut Machine) -> Result<(Plan, Vec<Handle<Gts>>)> {
    match vm.pop()? {
        Value::Map(map) => {
            let plan = from_map(vm, map)?;
            let series = vm.pop()?;
            Ok((plan, series_of(vm, series)?))
        }
        Value::List(list) | Value::Vector(list) => from_list(vm, list),
        _ => {
            let text = "expects a list as input or a map of parameters on top of a list of GTS.";
            Err(vm.error(text))
        }
    }
}

fn from_list(vm: &Machine, list: Handle<List>) -> Result<(Plan, Vec<Handle<Gts>>)> {
    let items = vm.heap.list(list);
    let is_series = |v: &Value| matches!(v, Value::Gts(_)) || v.as_list().is_some();
    let count = items.iter().take_while(|v| is_series(v)).count();
    if count == 0 {
        return Err(vm.error("expects Geo Time Series or lists thereof as first parameters."));
    }
    let callee = items.get(count).and_then(|v| Callee::find(vm, *v, Use::Map));
    if callee.is_none() {
        return Err(vm.error("expects a mapper function or a macro after Geo Time Series."));
    }
    let parameter = |i: usize| items.get(count + i).copied().unwrap_or(Value::Long(0));
    let (Value::Long(pre), Value::Long(post)) = (parameter(1), parameter(2)) else {
        let text =
            "expects prewindow and postwindow as 2 parameters following the mapper function.";
        return Err(vm.error(text));
    };
    let step = match items.get(count + 4) {
        None => 1,
        Some(Value::Long(step)) => *step as i32,
        Some(_) => return Err(vm.error("expects a step parameter that is an integer number.")),
    };
    if step <= 0 {
        return Err(vm.error("expects a step parameter which is strictly positive."));
    }
    let own_ticks = match items.get(count + 5) {
        None => false,
        Some(Value::Boolean(v)) => *v,
        Some(_) => return Err(vm.error("expects a boolean as 'override tick' parameter.")),
    };
    let mut plan = Plan {
        callee,
        pre: 0,
        post: 0,
        occurrences: 0,
        reversed: false,
        step: i64::from(step),
        own_ticks,
        output: None,
    };
    set_window(&mut plan, pre, post);
    set_occurrences(vm, &mut plan, parameter(3))?;
    let mut series = Vec::with_capacity(count);
    for item in &items[..count] {
        collect(vm, *item, &mut series)?;
    }
    Ok((plan, series))
}

fn from_map(vm: &Machine, map: Handle<Map>) -> Result<Plan> {
    let map = vm.heap.map(map);
    if map.get_text("occurences").is_some() {
        return Err(vm.error("was given a parameter with a typo: use 'occurrences'."));
    }
    if map.get_text("ticks").is_some() {
        return Err(vm.error("was given a deprecated parameter: use 'occurrences'."));
    }
    let Some(mapper) = map.get_text("mapper") else {
        return Err(vm.error("Missing 'mapper' parameter."));
    };
    let long = |name: &str| match map.get_text(name) {
        None => Ok(None),
        Some(Value::Long(v)) => Ok(Some(v)),
        Some(_) => Err(vm.error(&format!("expects the {name} parameter to be a LONG."))),
    };
    let (pre, post) = (long("pre")?, long("post")?);
    let mut plan = Plan {
        callee: Callee::find(vm, mapper, Use::Map),
        pre: 0,
        post: 0,
        occurrences: 0,
        reversed: false,
        step: 1,
        own_ticks: false,
        output: None,
    };
    set_window(&mut plan, pre.unwrap_or(0), post.unwrap_or(0));
    if let Some(value) = map.get_text("occurrences") {
        set_occurrences(vm, &mut plan, value)?;
    }
    if let Some(step) = long("step")? {
        plan.step = i64::from(step.min(i64::from(i32::MAX)) as i32).max(1);
    }
    plan.own_ticks = match map.get_text("override") {
        None => false,
        Some(Value::Boolean(v)) => v,
        Some(_) => return Err(vm.error("expects the override parameter to be a BOOLEAN.")),
    };
    Ok(plan)
}

/// A series has at most as many points as an int counts.
fn set_window(plan: &mut Plan, pre: i64, post: i64) {
    plan.pre = pre.min(i64::from(i32::MAX));
    plan.post = post.min(i64::from(i32::MAX));
}

fn set_occurrences(vm: &Machine, plan: &mut Plan, value: Value) -> Result {
    let text = "expects the occurrences parameter to be a LONG or a sorted LIST of LONG.";
    match value {
        Value::Long(v) => {
            plan.reversed = v < 0;
            plan.occurrences = v.saturating_abs().min(i64::from(i32::MAX));
            Ok(())
        }
        Value::List(list) | Value::Vector(list) => {
            let mut ticks = Vec::with_capacity(vm.heap.list(list).len());
            for item in vm.heap.list(list) {
                match item {
                    Value::Long(tick) => ticks.push(*tick),
                    _ => return Err(vm.error(text)),
                }
            }
            plan.reversed = ticks.windows(2).any(|w| w[1] < w[0]);
            if plan.reversed && ticks.windows(2).any(|w| w[1] > w[0]) {
                return Err(vm.error(text));
            }
            plan.output = Some(ticks);
            Ok(())
        }
        _ => Err(vm.error(text)),
    }
}

/// The series of a value: itself, those of a list, or of a list of lists.
fn series_of(vm: &Machine, value: Value) -> Result<Vec<Handle<Gts>>> {
    let mut series = Vec::new();
    match value.as_list() {
        Some(list) => {
            for item in vm.heap.list(list) {
                collect(vm, *item, &mut series)?;
            }
        }
        None => collect(vm, value, &mut series)?,
    }
    Ok(series)
}

/// A series, or those of a list.
fn collect(vm: &Machine, value: Value, series: &mut Vec<Handle<Gts>>) -> Result {
    let text = "operates on lists of Geo Time Series.";
    match value {
        Value::Gts(gts) => series.push(gts),
        Value::List(list) | Value::Vector(list) => {
            for item in vm.heap.list(list) {
                match item {
                    Value::Gts(gts) => series.push(*gts),
                    _ => return Err(vm.error(text)),
                }
            }
        }
        _ => return Err(vm.error(text)),
    }
    Ok(())
}
