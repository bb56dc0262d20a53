//! Positions, geo cells, shapes and geometries.

mod buffer;
mod cells;
mod codes;
mod cover;
mod format;
mod mappers;
mod outline;
mod pack;
mod shapes;
mod translate;

use std::any::Any;

use weft_gts::geo::GeoShape;

use crate::error::Result;
use crate::heap::Object;
use crate::machine::Machine;
use crate::value::Value;

pub(super) use buffer::FAMILY as BUFFER;
pub(super) use cells::FAMILY as CELLS;
pub(super) use codes::FAMILY as CODES;
pub(super) use cover::FAMILY as COVER;
pub(super) use mappers::FAMILY as MAPPERS;
pub(super) use pack::FAMILY as PACK;
pub(super) use shapes::FAMILY as SHAPES;
pub(super) use translate::FAMILY as TRANSLATE;

/// A GEOSHAPE.
#[derive(Clone, Debug)]
pub(crate) struct Shape(pub(crate) GeoShape);

impl Object for Shape {
    fn type_name(&self) -> &'static str {
        "GEOSHAPE"
    }

    fn footprint(&self) -> usize {
        self.0.cells().len() * 8 + 24
    }

    fn size(&self) -> Option<usize> {
        Some(self.0.cells().len())
    }

    fn snapshot(&self) -> Option<String> {
        Some(format!("'{}' GEOUNPACK ", pack::to_text(&self.0)))
    }

    fn duplicate(&self) -> Option<Box<dyn Object>> {
        Some(Box::new(self.clone()))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}

/// The shape that a value is.
fn as_shape(vm: &Machine, value: Value) -> Option<&GeoShape> {
    match value {
        Value::Object(object) => vm.heap.object::<Shape>(object).map(|shape| &shape.0),
        _ => None,
    }
}

/// Takes a shape; otherwise fails with `NAME message`.
fn pop_shape(vm: &mut Machine, message: &str) -> Result<GeoShape> {
    let value = vm.pop()?;
    match as_shape(vm, value).cloned() {
        Some(shape) => {
            vm.charge(shape.cells().len());
            Ok(shape)
        }
        None => Err(vm.error(message)),
    }
}

/// Makes a value of a shape.
fn shape_value(vm: &mut Machine, shape: GeoShape) -> Result<Value> {
    vm.charge(shape.cells().len());
    vm.heap.new_object(Shape(shape))
}

fn push_shape(vm: &mut Machine, shape: GeoShape) -> Result {
    let value = shape_value(vm, shape)?;
    vm.push(value)
}
