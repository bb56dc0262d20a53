//! Geo cells, and shapes made of them.

use weft_gts::geo::{GeoShape, cell, hhcode};

use super::codes::read_code;
use super::{as_shape, push_shape};
use crate::error::Result;
use crate::machine::Machine;
use crate::registry::{Family, word};
use crate::value::Value;

pub(in crate::words) static FAMILY: Family = Family {
    name: "geo cells",
    words: &[
        word(
            "->GEOCELL",
            to_cell,
            "2.6.0",
            "prefix<ANY> ->GEOCELL cell<LONG>",
            "Gives the geo cell of an HHCode prefix: 1 to 15 hexadecimal digits, or BYTES.",
            &[("'12' ->GEOCELL", "[2386907802506362880]")],
        ),
        word(
            "GEOCELL->",
            from_cell,
            "2.6.0",
            "cell<LONG> GEOCELL-> prefix<STRING>",
            "Gives the HHCode prefix of a geo cell.",
            &[("'12' ->GEOCELL GEOCELL->", "[\"12\"]")],
        ),
        word(
            "->GEOSHAPE",
            to_shape,
            "2.6.0",
            "cells<LIST> ->GEOSHAPE shape<GEOSHAPE>",
            "Makes a shape of geo cells (LONG) or HHCode prefixes (STRING or BYTES).",
            &[("[ '1' '23' ] ->GEOSHAPE SIZE", "[2]")],
        ),
        word(
            "GEOSHAPE->",
            from_shape,
            "2.6.0",
            "shape<GEOSHAPE> GEOSHAPE-> cells<LIST<LONG>>\n\
             shape<GEOSHAPE> text<BOOLEAN> GEOSHAPE-> cells<LIST>",
            "Gives the geo cells of a shape, as HHCode prefixes when the flag is true.",
            &[("[ '1' '23' ] ->GEOSHAPE true GEOSHAPE->", "[[\"1\",\"23\"]]")],
        ),
    ],
};

/// The HHCode prefix of a cell.
pub(super) fn prefix(cell: i64) -> String {
    hhcode::to_text(cell::to_code(cell), cell::resolution(cell))
}

fn to_cell(vm: &mut Machine) -> Result {
    let value = vm.pop()?;
    if !matches!(value, Value::String(_) | Value::Bytes(_)) {
        return Err(vm.error("expects a STRING or a BYTES."));
    }
    let (code, resolution) = read_code(vm, value)?;
    match cell::from_code(code, resolution) {
        Some(cell) => vm.push(cell),
        None => Err(
            vm.error("expects the geocell resolution to be even and between 2 and 30, inclusive.")
        ),
    }
}

fn from_cell(vm: &mut Machine) -> Result {
    let cell = vm.pop_long("expects a LONG geocell.")?;
    vm.push_string(prefix(cell))
}

fn to_shape(vm: &mut Machine) -> Result {
    let message = "expects a LIST of LONG,STRING or BYTES representing geocells.";
    let list = vm.pop_list(message)?;
    let items = vm.heap.list(list).clone();
    vm.charge(items.len());
    let mut cells = Vec::with_capacity(items.len());
    for item in items {
        let cell = match item {
            Value::Long(cell) => Some(cell),
            Value::String(_) | Value::Bytes(_) => {
                let (code, resolution) = read_code(vm, item)?;
                cell::from_code(code, resolution)
            }
            _ => return Err(vm.error(message)),
        };
        match cell.filter(|cell| cell::resolution(*cell) > 0) {
            Some(cell) => cells.push(cell),
            None => {
                return Err(vm.error(
                    "expects geocells resolutions to be even and between 2 and 30, inclusive.",
                ));
            }
        }
    }
    push_shape(vm, GeoShape::from_cells(cells))
}

fn from_shape(vm: &mut Machine) -> Result {
    let mut top = vm.pop()?;
    let mut as_text = false;
    if let Value::Boolean(flag) = top {
        as_text = flag;
        top = vm.pop()?;
    }
    let Some(shape) = as_shape(vm, top) else {
        return Err(vm.error("expects a GEOSHAPE."));
    };
    let cells = shape.cells().to_vec();
    vm.charge(cells.len());
    vm.heap.claim_values(cells.len())?;
    let mut values = Vec::with_capacity(cells.len());
    for cell in cells {
        values.push(if as_text { vm.heap.string(prefix(cell))? } else { Value::Long(cell) });
    }
    vm.push_list(values)
}
