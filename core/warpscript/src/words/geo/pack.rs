//! Shapes as text: the cells are the ticks of an encoder, wrapped.

use weft_gts::geo::{GeoShape, cell};
use weft_gts::{Decoder, Encoder, NO_ELEVATION, NO_LOCATION, ValueRef};
use weft_wire::opb64;
use weft_wire::thrift::GtsWrapper;
use weft_wire::wrapper::{RATIO_DEFAULT, WrapOptions};

use super::{pop_shape, push_shape};
use crate::error::{Fault, Result};
use crate::machine::Machine;
use crate::registry::{Family, word};
use crate::value::Value;

pub(in crate::words) static FAMILY: Family = Family {
    name: "packed shapes",
    words: &[
        word(
            "GEOPACK",
            pack,
            "1.0.7",
            "shape<GEOSHAPE> GEOPACK packed<STRING>",
            "Packs a shape into a text that GEOUNPACK reads.",
            &[("[] ->GEOSHAPE GEOPACK", "[\"T..L...\"]")],
        ),
        word(
            "GEOUNPACK",
            unpack,
            "1.0.7",
            "packed<STRING> GEOUNPACK shape<GEOSHAPE>\n\
             packed<BYTES> GEOUNPACK shape<GEOSHAPE>",
            "Makes a shape of what GEOPACK packed.",
            &[("[ '1' ] ->GEOSHAPE GEOPACK GEOUNPACK true GEOSHAPE->", "[[\"1\"]]")],
        ),
    ],
};

/// A shape as text.
pub(super) fn to_text(shape: &GeoShape) -> String {
    let mut encoder = Encoder::new(0);
    for &cell in shape.cells() {
        encoder.add(cell, NO_LOCATION, NO_ELEVATION, ValueRef::Boolean(true));
    }
    let options = WrapOptions { ratio: RATIO_DEFAULT, passes_max: u32::MAX, count: true };
    opb64::encode(&GtsWrapper::of(&encoder, options).encode())
}

fn pack(vm: &mut Machine) -> Result {
    let shape = pop_shape(vm, "expects a shape on top of the stack.")?;
    vm.charge(shape.cells().len() * 4);
    vm.heap.claim(shape.cells().len().saturating_mul(24))?;
    vm.push_string(to_text(&shape))
}

fn unpack(vm: &mut Machine) -> Result {
    let bytes: Vec<u8> = match vm.pop()? {
        Value::String(text) => {
            let text = vm.heap.text(text);
            opb64::decode(text.as_bytes()).map_err(|error| Fault::text(error.to_string()))?
        }
        Value::Bytes(bytes) => vm.heap.bytes(bytes).to_vec(),
        _ => return Err(vm.error("expects a packed shape on top of the stack.")),
    };
    let fail = |error: &dyn std::fmt::Display| Fault::text(error.to_string());
    let wrapper = GtsWrapper::decode(&bytes).map_err(|error| fail(&error))?;
    let room = vm.heap.limit().saturating_sub(vm.heap.used()) / 32;
    let points = wrapper.datapoints(room).map_err(|error| fail(&error))?;
    let mut decoder = Decoder::new(wrapper.base.unwrap_or(0), &points, None);
    let columns = decoder.columns().map_err(|error| fail(&error))?;
    vm.charge(columns.len() * 2);
    let is_cell = |cell: &i64| cell::resolution(*cell) > 0;
    let cells = columns.ticks.iter().copied().filter(is_cell).collect();
    push_shape(vm, GeoShape::from_cells(cells))
}
