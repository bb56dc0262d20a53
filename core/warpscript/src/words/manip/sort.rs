//! Sorting points, and sorting lists of series.

use std::cmp::Ordering;

use weft_gts::{Column, Columns, Labels, Metadata, Value as PointValue};

use crate::error::Result;
use crate::heap::{Gts, List, Order};
use crate::java::{compare_doubles, compare_texts};
use crate::machine::Machine;
use crate::value::{Handle, Value};
use crate::words::points::{self, order};

pub(super) fn sort(vm: &mut Machine) -> Result {
    let reversed = vm.word.name == "RSORT";
    points::each_gts(vm, |vm, handle| {
        points::sort_in_place(vm, handle, reversed)?;
        Ok(Value::Gts(handle))
    })
}

pub(super) fn value_sort(vm: &mut Machine) -> Result {
    let reversed = vm.word.name == "RVALUESORT";
    points::each_gts(vm, |vm, handle| {
        sort_by_value(vm, handle, reversed)?;
        Ok(Value::Gts(handle))
    })
}

/// Sorts a series in place by value, points of one value by tick.
pub(crate) fn sort_by_value(vm: &mut Machine, handle: Handle<Gts>, reversed: bool) -> Result {
    points::claim_copy(vm, handle)?;
    let mut gts = vm.heap.change_gts(handle)?;
    let columns = &gts.series.points;
    let places = match &columns.values {
        Column::Boolean(values) => boolean_order(columns, values, reversed),
        _ => order::quicksort(columns.len(), |a, b| {
            let order = compare_values(columns, a as usize, b as usize);
            if reversed { order.reverse() } else { order }
        }),
    };
    if !places.is_empty() {
        gts.series.points = columns.gather(&places);
    }
    gts.order = Order::Unknown;
    Ok(())
}

/// By value, then by tick. NaN equals everything, whatever its tick.
fn compare_values(points: &Columns, a: usize, b: usize) -> Ordering {
    let values = match &points.values {
        Column::Long(v) => Some(v[a].cmp(&v[b])),
        Column::Double(v) => v[a].partial_cmp(&v[b]),
        Column::String(v) => Some(compare_texts(&v[a], &v[b])),
        Column::Empty | Column::Boolean(_) | Column::Mixed(_) => None,
    };
    values
        .map_or(Ordering::Equal, |order| order.then_with(|| points.ticks[a].cmp(&points.ticks[b])))
}

/// `false` before `true`, each half by tick.
fn boolean_order(points: &Columns, values: &[bool], reversed: bool) -> Vec<u32> {
    let half = |wanted: bool| {
        let places: Vec<u32> =
            (0..values.len() as u32).filter(|p| values[*p as usize] == wanted).collect();
        let mut part = Gts::default();
        part.series.points.ticks = points.gather(&places).ticks;
        let known = order::order(&part);
        let ascending = match known {
            Order::Unknown => order::sorted_by_tick(&part.series.points.ticks, reversed),
            _ => (0..places.len() as u32).collect(),
        };
        let mut sorted: Vec<u32> = ascending.iter().map(|p| places[*p as usize]).collect();
        let is_descending = match known {
            Order::Unknown => reversed,
            known => known == Order::Descending,
        };
        if is_descending != reversed {
            sorted.reverse();
        }
        sorted
    };
    let mut places = half(reversed);
    places.extend(half(!reversed));
    places
}

/// Takes the list of series at the top, which stays there.
fn peek_list(vm: &mut Machine) -> Result<(Handle<List>, Vec<Handle<Gts>>)> {
    let message = "operates on a list of Geo Time Series.";
    let top = vm.peek(0)?;
    let Some(list) = top.as_list() else {
        return Err(vm.error(message));
    };
    let series = points::gts_list(vm, top, message)?;
    Ok((list, series))
}

/// Sorts a list of series in place.
fn sort_list(
    vm: &mut Machine,
    list: Handle<List>,
    mut series: Vec<Handle<Gts>>,
    compare: impl Fn(&Machine, Handle<Gts>, Handle<Gts>) -> Ordering,
) -> Result {
    vm.charge(series.len() * 16);
    series.sort_by(|a, b| compare(vm, *a, *b));
    *vm.heap.change_list(list)? = series.into_iter().map(Value::Gts).collect();
    Ok(())
}

pub(super) fn last_sort(vm: &mut Machine) -> Result {
    let (list, series) = peek_list(vm)?;
    if series.len() > 1 {
        for handle in &series {
            points::sort_in_place(vm, *handle, true)?;
        }
    }
    sort_list(vm, list, series, |vm, a, b| {
        let (a, b) = (&vm.heap.gts(a).series, &vm.heap.gts(b).series);
        let by_name = || compare_metadata(&a.metadata, &b.metadata);
        match (a.points.is_empty(), b.points.is_empty()) {
            (true, true) => by_name(),
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) => compare_last(&a.points.values.get(0), &b.points.values.get(0))
                .then_with(|| b.points.ticks[0].cmp(&a.points.ticks[0]))
                .then_with(by_name),
        }
    })
}

/// The order of two values: of one type by that, numbers as doubles, others as text.
fn compare_last(a: &PointValue, b: &PointValue) -> Ordering {
    match (a, b) {
        (PointValue::Long(a), PointValue::Long(b)) => a.cmp(b),
        (PointValue::Double(a), PointValue::Double(b)) => compare_doubles(*a, *b),
        (PointValue::Long(a), PointValue::Double(b)) => compare_doubles(*a as f64, *b),
        (PointValue::Double(a), PointValue::Long(b)) => compare_doubles(*a, *b as f64),
        (PointValue::Boolean(a), PointValue::Boolean(b)) => a.cmp(b),
        (PointValue::String(a), PointValue::String(b)) => compare_texts(a, b),
        (a, b) => compare_texts(&points::point_text(a), &points::point_text(b)),
    }
}

pub(super) fn meta_sort(vm: &mut Machine) -> Result {
    let mut top = vm.pop()?;
    let mut with_attributes = false;
    if let Value::Boolean(flag) = top {
        with_attributes = flag;
        top = vm.pop()?;
    }
    let Some(fields) = top.as_list() else {
        let message = "expects a list of fields to consider for sorting on top of the stack.";
        return Err(vm.error(message));
    };
    let mut names = Vec::new();
    for field in vm.heap.list(fields) {
        names.push(match *field {
            Value::Null => None,
            field => match vm.as_text(field) {
                Some(text) => Some(text.to_string()),
                None => return Err(vm.error("expects a list of fields (strings).")),
            },
        });
    }
    let (list, series) = peek_list(vm)?;
    sort_list(vm, list, series, |vm, a, b| {
        let (a, b) = (&vm.heap.gts(a).series.metadata, &vm.heap.gts(b).series.metadata);
        if names.is_empty() {
            compare_metadata(a, b)
        } else {
            compare_fields(a, b, &names, with_attributes)
        }
    })
}

fn compare_optional(a: Option<&str>, b: Option<&str>) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) => compare_texts(a, b),
        (a, b) => a.is_some().cmp(&b.is_some()),
    }
}

fn compare_fields(
    a: &Metadata,
    b: &Metadata,
    fields: &[Option<String>],
    with_attributes: bool,
) -> Ordering {
    let get = |metadata: &'_ Metadata, field: &Option<String>| -> Option<String> {
        match field {
            None => metadata.name.clone(),
            Some(name) => {
                let attribute = || metadata.attributes.get(name).filter(|_| with_attributes);
                metadata.labels.get(name).or_else(attribute).map(str::to_owned)
            }
        }
    };
    let orders = fields
        .iter()
        .map(|field| compare_optional(get(a, field).as_deref(), get(b, field).as_deref()));
    orders.into_iter().find(|o| o.is_ne()).unwrap_or(Ordering::Equal)
}

/// The order of names, labels and attributes.
pub(super) fn compare_metadata(a: &Metadata, b: &Metadata) -> Ordering {
    compare_optional(a.name.as_deref(), b.name.as_deref())
        .then_with(|| compare_labels(&a.labels, &b.labels))
        .then_with(|| compare_labels(&a.attributes, &b.attributes))
}

fn compare_labels(a: &Labels, b: &Labels) -> Ordering {
    if a.is_empty() || b.is_empty() {
        return a.len().cmp(&b.len());
    }
    let sorted = |labels: &Labels| {
        let mut pairs: Vec<(String, String)> =
            labels.iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
        pairs.sort_by(|a, b| compare_texts(&a.0, &b.0));
        pairs
    };
    let (a, b) = (sorted(a), sorted(b));
    let pairs = a.iter().zip(&b);
    let mut orders =
        pairs.map(|(a, b)| compare_texts(&a.0, &b.0).then_with(|| compare_texts(&a.1, &b.1)));
    orders.find(|o| o.is_ne()).unwrap_or_else(|| a.len().cmp(&b.len()))
}
