//! Nested lists as tensors: FLATTEN, SHAPE, RESHAPE, PERMUTE and the like.

use rustc_hash::FxHashSet;

use super::access::checked_index;
use super::basic::copy_list;
use crate::error::{Fault, Kind, Result};
use crate::heap::List;
use crate::machine::{Flow, Machine, Task};
use crate::value::{Handle, Value};

/// How many lists may be inside each other for FLATTEN.
const FLATTEN_NESTING_MAX: usize = 16;

/// How many dimensions a shape may have.
const DIMENSIONS_MAX: usize = 1000;

const INCOHERENT: &str = "expects that the sizes of the nested lists are coherent together to form \
                          a tensor (or multidimensional array).";

/// Walks nested lists in slices: lists that share parts may stand for very many elements.
struct Flatten {
    open: Vec<(Handle<List>, usize)>,
    out: List,
    /// The shape that RESHAPE gives to the elements.
    shape: Option<Vec<usize>>,
}

impl Flatten {
    /// Walks until done or out of fuel; whether it is done.
    fn walk(&mut self, vm: &mut Machine) -> Result<bool> {
        while let Some((list, index)) = self.open.last_mut() {
            if vm.should_yield() {
                return Ok(false);
            }
            let values = vm.heap.list(*list);
            let rest = values.get(*index..).unwrap_or_default();
            let flat = rest.iter().take_while(|v| v.as_list().is_none()).count();
            let next = rest.get(flat).and_then(|v| v.as_list());
            self.out.extend(&rest[..flat]);
            *index += flat + 1;
            if next.is_none() {
                self.open.pop();
            }
            if flat > 0 && self.open.len() + 1 + usize::from(next.is_none()) > FLATTEN_NESTING_MAX {
                return Err(too_deep(vm));
            }
            vm.heap.claim_values(self.out.len())?;
            vm.charge(flat + 4);
            if let Some(inner) = next {
                if self.open.len() >= FLATTEN_NESTING_MAX {
                    return Err(too_deep(vm));
                }
                self.open.push((inner, 0));
            }
        }
        Ok(true)
    }
}

fn too_deep(vm: &Machine) -> Fault {
    vm.error(&format!("cannot flatten lists nested more than {FLATTEN_NESTING_MAX} levels"))
}

impl Task for Flatten {
    fn resume(&mut self, vm: &mut Machine) -> Result<Flow> {
        if !self.walk(vm)? {
            return Ok(Flow::Again);
        }
        let values = std::mem::take(&mut self.out);
        match &self.shape {
            None => vm.push_list(values)?,
            Some(shape) => {
                let cells = shape.iter().fold(1usize, |n, dim| n.saturating_mul(*dim));
                if cells != values.len() {
                    let found = values.len();
                    let message = format!("expected {cells} elements, but found {found}");
                    return Err(vm.error(&message));
                }
                push_tensor(vm, values, shape)?;
            }
        }
        Ok(Flow::Done)
    }

    fn trace(&self, visit: &mut dyn FnMut(Value)) {
        self.open.iter().for_each(|(list, _)| visit(Value::List(*list)));
        self.out.iter().for_each(|v| visit(*v));
    }
}

/// Pushes cells as lists in lists of a shape that has at least one dimension, or none at all.
fn push_tensor(vm: &mut Machine, cells: List, shape: &[usize]) -> Result {
    let mut level = cells;
    for depth in (1..shape.len()).rev() {
        let count = shape[..depth].iter().fold(1usize, |n, dim| n.saturating_mul(*dim));
        vm.heap.claim_values(count.saturating_mul(4).saturating_add(level.len()))?;
        vm.charge(level.len() + count * 4);
        let mut lists = List::with_capacity(count);
        for index in 0..count {
            let from = index * shape[depth];
            let row = level[from..from + shape[depth]].to_vec();
            lists.push(vm.heap.new_list(row)?);
        }
        level = lists;
    }
    vm.push_list(level)
}

pub(super) fn flatten(vm: &mut Machine) -> Result {
    let value = vm.pop()?;
    match value.as_list() {
        Some(list) => {
            vm.push_task(Flatten { open: vec![(list, 0)], out: List::new(), shape: None })
        }
        None => vm.push(value),
    }
}

pub(super) fn reshape(vm: &mut Machine) -> Result {
    let dimensions = vm.pop_list("expects a shape (a list of dimensions).")?;
    let mut shape = Vec::new();
    for dimension in copy_list(vm, dimensions)? {
        match dimension {
            Value::Long(n) if n > 0 => shape.push(usize::try_from(n).unwrap_or(usize::MAX)),
            Value::Long(_) => return Err(vm.error("dimension cannot be negative or null.")),
            _ => return Err(vm.error("expects dimensions to be LONGs.")),
        }
    }
    let list = vm.pop_list("operates on a list.")?;
    vm.push_task(Flatten { open: vec![(list, 0)], out: List::new(), shape: Some(shape) })
}

/// The sizes of the first lists at each level.
fn candidate_shape(vm: &Machine, list: Handle<List>) -> Result<Vec<usize>> {
    let mut shape = Vec::new();
    let mut next = Some(list);
    while let Some(list) = next {
        if shape.len() == DIMENSIONS_MAX {
            return Err(vm.error("lists are nested too deeply."));
        }
        let values = vm.heap.list(list);
        shape.push(values.len());
        next = values.first().and_then(|v| v.as_list());
    }
    Ok(shape)
}

/// The distinct lists inside of some lists. Shared lists are looked at once, so that this takes
/// time in proportion to memory.
fn inner_lists(vm: &Machine, lists: &[Handle<List>]) -> Vec<Handle<List>> {
    let mut seen = FxHashSet::default();
    let inner = lists.iter().flat_map(|list| vm.heap.list(*list)).filter_map(|v| v.as_list());
    inner.filter(|list| seen.insert(*list)).collect()
}

/// Whether all lists at each level have the sizes of a shape.
fn has_shape(vm: &mut Machine, list: Handle<List>, shape: &[usize]) -> bool {
    let mut level = vec![list];
    for (depth, size) in shape.iter().enumerate() {
        let last = depth + 1 == shape.len();
        for list in &level {
            let values = vm.heap.list(*list);
            let nested = values.iter().filter(|v| v.as_list().is_some()).count();
            let wanted = if last { 0 } else { values.len() };
            if values.len() != *size || nested != wanted || (!last && nested == 0) {
                return false;
            }
        }
        vm.charge(level.len() * size);
        level = inner_lists(vm, &level);
    }
    true
}

pub(super) fn shape(vm: &mut Machine) -> Result {
    let (fast, value) = flag(vm)?;
    let Some(list) = value.as_list() else {
        return Err(vm.error("expects a LIST."));
    };
    let shape = candidate_shape(vm, list)?;
    if !fast && !has_shape(vm, list, &shape) {
        return Err(vm.error(INCOHERENT));
    }
    vm.push_list(shape.iter().map(|n| Value::Long(*n as i64)).collect())
}

/// An optional BOOLEAN and what is below it.
fn flag(vm: &mut Machine) -> Result<(bool, Value)> {
    match vm.pop()? {
        Value::Boolean(flag) => Ok((flag, vm.pop()?)),
        value => Ok((false, value)),
    }
}

pub(super) fn check_shape(vm: &mut Machine) -> Result {
    let list = vm.pop_list("expects a LIST.")?;
    let shape = candidate_shape(vm, list)?;
    let fits = has_shape(vm, list, &shape);
    vm.push(fits)
}

pub(super) fn hull_shape(vm: &mut Machine) -> Result {
    let list = vm.pop_list("expects a LIST.")?;
    let mut level = vec![list];
    let mut hull = List::new();
    while !level.is_empty() {
        if hull.len() == DIMENSIONS_MAX {
            return Err(vm.error("lists are nested too deeply."));
        }
        let size = level.iter().map(|list| vm.heap.list(*list).len()).max().unwrap_or(0);
        let values: usize = level.iter().map(|list| vm.heap.list(*list).len()).sum();
        vm.charge(values);
        hull.push(Value::Long(size as i64));
        level = inner_lists(vm, &level);
    }
    vm.push_list(hull)
}

pub(super) fn permute(vm: &mut Machine) -> Result {
    let (fast, pattern) = flag(vm)?;
    let pattern = pattern_axes(vm, pattern)?;
    let tensor = vm.pop_list("expects a LIST as first argument.")?;
    let mut sorted = pattern.clone();
    sorted.sort_unstable();
    sorted.dedup();
    if sorted.len() < pattern.len() {
        return Err(vm.error("error: duplicate axis in permutation pattern."));
    }
    let shape = candidate_shape(vm, tensor)?;
    if !fast && !has_shape(vm, tensor, &shape) {
        return Err(vm.error(INCOHERENT));
    }
    let mut new_shape = Vec::with_capacity(pattern.len());
    for axis in &pattern {
        let index = *axis as i32;
        let size = usize::try_from(index).ok().and_then(|at| shape.get(at));
        new_shape.push(*size.ok_or_else(|| {
            let message = format!("Index {index} out of bounds for length {}", shape.len());
            Fault::kind(Kind::Bounds, message)
        })?);
    }
    let cells = new_shape.iter().fold(1usize, |n, dim| n.saturating_mul(*dim));
    vm.heap.claim_values(cells.saturating_mul(2))?;
    // Where each axis of the tensor stands in the new order.
    let mut place_of = Vec::with_capacity(pattern.len());
    for axis in 0..pattern.len() as i64 {
        place_of.push(pattern.iter().position(|p| *p == axis));
    }
    if pattern.is_empty() {
        return Err(Fault::bounds());
    }
    let mut out = List::with_capacity(cells);
    let mut indices = vec![0usize; new_shape.len()];
    for _ in 0..cells {
        out.push(nested_cell(vm, tensor, &indices, &place_of)?);
        vm.charge(4 * indices.len());
        for (index, size) in indices.iter_mut().zip(&new_shape).rev() {
            *index += 1;
            if *index < *size {
                break;
            }
            *index = 0;
        }
    }
    push_tensor(vm, out, &new_shape)
}

fn pattern_axes(vm: &Machine, pattern: Value) -> Result<Vec<i64>> {
    let message = "expects a LIST of LONG as second argument.";
    let list = pattern.as_list().ok_or_else(|| vm.error(message))?;
    let axis = |value: &Value| match value {
        Value::Long(axis) => Ok(*axis),
        _ => Err(vm.error(message)),
    };
    vm.heap.list(list).iter().map(axis).collect()
}

fn nested_cell(
    vm: &Machine,
    tensor: Handle<List>,
    indices: &[usize],
    place_of: &[Option<usize>],
) -> Result<Value> {
    let mut value = Value::List(tensor);
    for place in place_of {
        let index = indices[place.ok_or_else(Fault::bounds)?];
        let Some(list) = value.as_list() else {
            return Err(Fault::text(
                "Tried to get an element at a nested path that does not exist in the input list.",
            ));
        };
        let values = vm.heap.list(list);
        value = values[checked_index(index as i32, values.len())?];
    }
    Ok(value)
}
