//! FILTER and the functions that choose among series.

mod by_metadata;
mod by_value;
mod latencies;
mod partition;

use weft_gts::Labels;

use crate::error::Result;
use crate::function::{Filter, Purpose, Role, Selection};
use crate::heap::{Function, Gts, Map};
use crate::machine::{Flow, Machine, Task};
use crate::macros::Macro;
use crate::registry::{Action, Family, word};
use crate::value::{Handle, Value};
use crate::words::frameworks::partition::ByLabels;
use crate::words::points;
use partition::Class;

pub(super) use by_metadata::FAMILY as BY_METADATA;
pub(super) use by_value::FAMILY as BY_VALUE;
pub(super) use by_value::{not_a_number, value_text};
pub(super) use latencies::FAMILY as LATENCIES;

pub(super) static FAMILY: Family = Family {
    name: "filter",
    words: &[
        word(
            "FILTER",
            filter,
            "1.0.0",
            "[ series<LIST<GTS>> labels<LIST<STRING>> filter<FILTER> ] FILTER kept<LIST<GTS>>",
            "Hands series to a filter, class by class, and leaves a list of those it keeps. A class \
             holds the series that have the same values of the given labels; NULL stands for all \
             labels. There may be several lists of series: classes are made of the series of all \
             lists that hold more than one, and a list of one series is part of every class.",
            &[
                (
                    "[ [ NEWGTS 'a' RENAME NEWGTS 'b' RENAME ] [] '~b' filter.byclass ] FILTER SIZE",
                    "[1]",
                ),
                ("[ [] [] 0 9 filter.bysize ] FILTER", "[[]]"),
                ("[ [] ] FILTER", "!expects at least 3 parameters."),
            ],
        ),
        word(
            "PFILTER",
            filter,
            "1.0.0",
            "[ series<LIST<GTS>> labels<LIST<STRING>> filter<FILTER> ] PFILTER kept<MAP>",
            "Does what FILTER does and leaves a map: the series that are kept of each class, by the \
             labels that all series of the class have in common.",
            &[("[ [ NEWGTS ] [] 0 9 filter.bysize ] PFILTER VALUELIST 0 GET SIZE", "[1]")],
        ),
        word(
            "MACROFILTER",
            macro_filter,
            "1.0.0",
            "body<MACRO> MACROFILTER filter<FILTER>",
            "Makes a filter of a macro. The macro finds the common labels of a class and above them \
             a list of lists of series, one for each list that FILTER was given, and leaves the \
             list of series to keep.",
            &[
                ("[ [ NEWGTS ] [] <% 0 GET SWAP DROP %> MACROFILTER ] FILTER SIZE", "[1]"),
                ("<% %> MACROFILTER TYPEOF", "[\"FILTER\"]"),
            ],
        ),
    ],
};

/// Pushes a function value made by the running word.
pub(crate) fn push_function(vm: &mut Machine, role: Role, parameters: Vec<Value>) -> Result {
    let function = Function { word: Some(vm.word), name: None, role, parameters };
    let function = vm.heap.alloc_function(function)?;
    vm.push(Value::Function(function))
}

/// Pushes a filter with parameters.
fn push_filter(vm: &mut Machine, filter: Filter, parameters: Vec<Value>) -> Result {
    push_function(vm, Role::Filter(filter), parameters)
}

fn macro_filter(vm: &mut Machine) -> Result {
    let body = vm.pop_macro("expects a macro on top of the stack.")?;
    push_function(vm, Role::Macro(body, Purpose::Filter), Vec::new())
}

/// The role and parameters of a function value.
pub(crate) fn function_value(vm: &Machine, value: Value) -> Option<(Role, Vec<Value>)> {
    match value {
        Value::Function(handle) => {
            let function = vm.heap.function(handle);
            Some((function.role, function.parameters.clone()))
        }
        Value::Word(word) => match word.action {
            Action::Push(role) => Some((role, Vec::new())),
            Action::Run(_) => None,
        },
        _ => None,
    }
}

fn filter(vm: &mut Machine) -> Result {
    let params = vm.pop_list("expects a list as input.")?;
    let params = vm.heap.list(params).clone();
    let Some(count) = params.len().checked_sub(2).filter(|count| *count > 0) else {
        return Err(vm.error("expects at least 3 parameters."));
    };
    let series_message = "expects lists of Geo Time Series as first parameters.";
    if params[..count].iter().any(|p| p.as_list().is_none()) {
        return Err(vm.error(series_message));
    }
    let names = label_names(vm, params[count])?;
    let role = function_value(vm, params[count + 1]);
    let (body, choice) = match role {
        Some((Role::Filter(filter), parameters)) => (None, Some(filter(vm, &parameters)?)),
        Some((Role::Macro(body, Purpose::Filter), _)) => (Some(body), None),
        _ => return Err(vm.error("expects a filter function as last parameter.")),
    };
    let mut collections = Vec::with_capacity(count);
    for param in &params[..count] {
        collections.push(points::gts_list(vm, *param, series_message)?);
    }
    let classes = partition::classes(vm, &collections, &names)?;
    let flat = vm.word.name == "FILTER";
    let mut run =
        Run { classes, next: 0, flat, kept: Vec::new(), map: Map::default(), waiting: None };
    match (body, choice) {
        (Some(body), _) => vm.push_task(MacroRun { run, body }),
        (None, Some(mut choice)) => {
            while let Some(class) = run.take() {
                let kept = choice(vm, &class.collections, &class.labels)?;
                run.add(vm, &class.labels, kept)?;
            }
            run.leave(vm)
        }
        (None, None) => Ok(()),
    }
}

/// The names of labels that classes are made by; nothing for all labels.
fn label_names(vm: &Machine, value: Value) -> Result<ByLabels> {
    let items: Vec<Value> = match value {
        Value::Null => return Ok(None),
        Value::List(list) | Value::Vector(list) => vm.heap.list(list).clone(),
        Value::Set(set) => vm.heap.set(set).members.iter().map(|k| k.value()).collect(),
        _ => {
            return Err(vm.error("expects a list of label names or null as penultimate parameter."));
        }
    };
    let names = items.iter().map(|item| vm.as_text(*item).map(|text| text.to_string()));
    let names: Option<Vec<_>> = names.collect();
    names
        .map(Some)
        .ok_or_else(|| vm.error("expects a list of label names as penultimate parameter."))
}

/// A FILTER under way.
struct Run {
    classes: Vec<Class>,
    next: usize,
    flat: bool,
    kept: Vec<Value>,
    map: Map,
    /// The labels of the class that a macro looks at.
    waiting: Option<Labels>,
}

impl Run {
    fn take(&mut self) -> Option<Class> {
        let class = self.classes.get_mut(self.next).map(std::mem::take);
        self.next += 1;
        class
    }

    fn add(&mut self, vm: &mut Machine, labels: &Labels, kept: Vec<Value>) -> Result {
        vm.charge(kept.len());
        if self.flat {
            self.kept.extend(kept);
            return Ok(());
        }
        let key = points::labels_as_they_are(vm, labels)?;
        let key = Value::Map(vm.heap.alloc_map(key)?);
        let key = vm.heap.key(key)?;
        let list = vm.heap.new_list(kept)?;
        self.map.entries.insert(key, list);
        Ok(())
    }

    fn leave(&mut self, vm: &mut Machine) -> Result {
        if self.flat {
            vm.push_list(std::mem::take(&mut self.kept))
        } else {
            vm.push_map(std::mem::take(&mut self.map))
        }
    }
}

/// Values of handles.
pub(super) fn values(series: &[Handle<Gts>]) -> Vec<Value> {
    series.iter().map(|h| Value::Gts(*h)).collect()
}

struct MacroRun {
    run: Run,
    body: Handle<Macro>,
}

impl Task for MacroRun {
    fn resume(&mut self, vm: &mut Machine) -> Result<Flow> {
        if let Some(labels) = self.run.waiting.take() {
            let message = "macro should return a list of Geo Time Series onto the stack.";
            let kept = vm.pop_list(message)?;
            let kept = vm.heap.list(kept).clone();
            self.run.add(vm, &labels, kept)?;
        }
        let Some(class) = self.run.take() else {
            self.run.leave(vm)?;
            return Ok(Flow::Done);
        };
        let labels = points::labels_as_they_are(vm, &class.labels)?;
        vm.push_map(labels)?;
        let mut lists = Vec::with_capacity(class.collections.len());
        for collection in &class.collections {
            lists.push(vm.heap.new_list(values(collection))?);
        }
        vm.push_list(lists)?;
        self.run.waiting = Some(class.labels);
        vm.exec(self.body)?;
        Ok(Flow::Again)
    }

    fn trace(&self, visit: &mut dyn FnMut(Value)) {
        visit(Value::Macro(self.body));
        self.run.kept.iter().for_each(|v| visit(*v));
        for (key, value) in &self.run.map.entries {
            visit(key.value());
            visit(*value);
        }
        let series = self.run.classes.iter().flat_map(|c| c.collections.iter().flatten());
        series.for_each(|h| visit(Value::Gts(*h)));
    }
}

/// Keeps the series that a test says yes to.
fn keep_if(
    mut test: impl FnMut(&Machine, Handle<Gts>) -> Result<bool> + Send + 'static,
) -> Selection {
    Box::new(move |vm: &mut Machine, collections: &[Vec<Handle<Gts>>], _: &Labels| {
        let mut kept = Vec::new();
        for gts in collections.iter().flatten() {
            vm.charge(1);
            if test(vm, *gts)? {
                kept.push(Value::Gts(*gts));
            }
        }
        Ok(kept)
    })
}
