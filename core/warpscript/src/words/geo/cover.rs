//! Geometries as shapes: GEO.WKT and the like.

use weft_gts::geo::cover::resolution_for;
use weft_gts::geo::{self, Cover, Covering};

use super::format::{self, Geometry};
use super::{buffer, push_shape};
use crate::error::{Fault, Result};
use crate::machine::{Flow, Machine, Task};
use crate::registry::{Family, Word, word};
use crate::value::Value;

pub(in crate::words) static FAMILY: Family = Family { name: "geometries", words: WORDS };

macro_rules! cover_word {
    ($name:literal, $since:literal, $type:literal, $what:literal, $how:literal, $text:literal) => {
        word(
            $name,
            cover,
            $since,
            concat!(
                "geometry<", $type, "> error<DOUBLE> inside<BOOLEAN> ", $name,
                " shape<GEOSHAPE>\ngeometry<", $type, "> resolution<LONG> inside<BOOLEAN> ", $name,
                " shape<GEOSHAPE>"
            ),
            concat!(
                "Makes a shape of ", $what, ": geo cells ", $how, ". A DOUBLE is the error that is \
                 allowed, as a part of the geometry's diagonal. With true only cells are taken that \
                 lie inside of the geometry, with false those that touch it, too."
            ),
            &[(concat!($text, " 6 false ", $name, " true GEOSHAPE->"), "[[\"e02\"]]")],
        )
    };
}

const WORDS: &[Word] = &[
    cover_word!(
        "GEO.WKT",
        "1.0.0",
        "STRING",
        "well-known text",
        "down to a resolution (an even number from 2 to 30)",
        "'POINT (2.25 48.5)'"
    ),
    cover_word!(
        "GEO.WKT.UNIFORM",
        "1.2.10",
        "STRING",
        "well-known text",
        "of one resolution (an even number from 2 to 30)",
        "'POINT (2.25 48.5)'"
    ),
    cover_word!(
        "GEO.JSON",
        "1.2.9",
        "STRING",
        "a GeoJSON geometry",
        "down to a resolution (an even number from 2 to 30)",
        "'{\"type\":\"Point\",\"coordinates\":[2.25,48.5]}'"
    ),
    cover_word!(
        "GEO.JSON.UNIFORM",
        "1.2.13",
        "STRING",
        "a GeoJSON geometry",
        "of one resolution (an even number from 2 to 30)",
        "'{\"type\":\"Point\",\"coordinates\":[2.25,48.5]}'"
    ),
    cover_word!(
        "GEO.GML",
        "2.9.0",
        "STRING",
        "a GML 2 geometry",
        "down to a resolution (an even number from 2 to 30)",
        "'<gml:Point><gml:coordinates>2.25,48.5</gml:coordinates></gml:Point>'"
    ),
    cover_word!(
        "GEO.GML.UNIFORM",
        "2.9.0",
        "STRING",
        "a GML 2 geometry",
        "of one resolution (an even number from 2 to 30)",
        "'<gml:Point><gml:coordinates>2.25,48.5</gml:coordinates></gml:Point>'"
    ),
    cover_word!(
        "GEO.KML",
        "2.9.0",
        "STRING",
        "a KML geometry",
        "down to a resolution (an even number from 2 to 30)",
        "'<Point><coordinates>2.25,48.5</coordinates></Point>'"
    ),
    cover_word!(
        "GEO.KML.UNIFORM",
        "2.9.0",
        "STRING",
        "a KML geometry",
        "of one resolution (an even number from 2 to 30)",
        "'<Point><coordinates>2.25,48.5</coordinates></Point>'"
    ),
    cover_word!(
        "GEO.WKB",
        "2.3.0",
        "BYTES",
        "well-known binary",
        "down to a resolution (an even number from 2 to 30)",
        "'POINT (2.25 48.5)' ->WKB"
    ),
    cover_word!(
        "GEO.WKB.UNIFORM",
        "2.3.0",
        "BYTES",
        "well-known binary",
        "of one resolution (an even number from 2 to 30)",
        "'POINT (2.25 48.5)' ->WKB"
    ),
];

/// How many cells are looked at for each that may be taken, before a cover is given up.
const VISITS_PER_CELL: usize = 64;

/// The least number of cells to look at before a cover is given up.
const VISITS_MIN: usize = 1 << 20;

/// Cells looked at between two looks at the fuel.
const STEP: usize = 64;

fn cover(vm: &mut Machine) -> Result {
    let (inside, fineness, input) = (vm.pop()?, vm.pop()?, vm.pop()?);
    let name = vm.word.name;
    let (form, type_name) = match name.split('.').nth(1).unwrap_or_default() {
        "WKB" => ("wkb", " GeoWKB BYTES"),
        "JSON" => ("geojson", "a GeoJSON STRING"),
        "GML" => ("gml", "a GML STRING"),
        "KML" => ("kml", "a KML STRING"),
        _ => ("wkt", "a WKT STRING"),
    };
    let fits = match input {
        Value::Bytes(_) => form == "wkb",
        Value::String(_) => form != "wkb",
        _ => false,
    };
    let (true, Value::Boolean(inside)) = (fits, inside) else {
        return Err(bad_operands(vm, type_name));
    };
    match fineness {
        Value::Double(_) => (),
        Value::Long(resolution) if (2..=30).contains(&resolution) && resolution % 2 == 0 => (),
        Value::Long(_) => {
            return Err(vm.error("expects the resolution to be an even number between 2 and 30"));
        }
        _ => return Err(bad_operands(vm, type_name)),
    }
    let geometry = read(vm, input, form);
    let geometry =
        geometry.map_err(|fault| fault.wrap(format!("{name} expects valid {type_name}.")))?;
    let geometry = geometry.flat();
    let order = Order { fineness, uniform: name.ends_with(".UNIFORM"), inside };
    let mut work = match vm.settings.buffer.take() {
        Some(buffer) => Work::Buffering(order, Box::new(buffer::start(vm, buffer, &geometry)?)),
        None => Work::Covering(order.start(vm, geometry)),
    };
    match work.resume(vm)? {
        Flow::Done => Ok(()),
        _ => vm.push_task(work),
    }
}

/// How a geometry is to be covered.
#[derive(Clone, Copy)]
struct Order {
    /// The finest resolution, or the error that is allowed.
    fineness: Value,
    uniform: bool,
    inside: bool,
}

impl Order {
    fn start(self, vm: &Machine, geometry: geo::Geometry) -> Covering {
        let finest = match self.fineness {
            Value::Double(error) => resolution_for(&geometry, error),
            other => other.as_i64().unwrap_or(2) as u32,
        };
        let coarsest = if self.uniform { finest } else { 2 };
        let cells_max = usize::try_from(vm.limits.geocells).unwrap_or(0);
        let visits_max = cells_max.saturating_mul(VISITS_PER_CELL).max(VISITS_MIN);
        let cover = Cover { coarsest, finest, inside: self.inside, cells_max, visits_max };
        Covering::new(cover, geometry)
    }
}

fn bad_operands(vm: &Machine, type_name: &str) -> Fault {
    vm.error(&format!(
        "expects {type_name}, a DOUBLE error percentage or a LONG resolution (even number between \
         2 and 30) and a BOOLEAN."
    ))
}

/// Reads a geometry of a known form.
pub(super) fn read(vm: &mut Machine, input: Value, form: &str) -> Result<Geometry> {
    let (size, result) = match input {
        Value::Bytes(bytes) => {
            let bytes = vm.heap.bytes(bytes);
            vm.heap.claim(bytes.len().saturating_mul(4))?;
            (bytes.len(), format::read_wkb(bytes))
        }
        other => {
            let text = vm.as_text(other).ok_or_else(Fault::null)?;
            vm.heap.claim(text.len().saturating_mul(8))?;
            let geometry = match form {
                "geojson" => format::read_geojson(text),
                "gml" | "kml" => format::read_markup(text),
                _ => format::read_wkt(text),
            };
            (text.len(), geometry)
        }
    };
    vm.charge(size / 4);
    result
}

/// A geometry that is being covered, maybe after it was buffered.
enum Work {
    Buffering(Order, Box<buffer::Work>),
    Covering(Covering),
}

impl Task for Work {
    fn resume(&mut self, vm: &mut Machine) -> Result<Flow> {
        loop {
            let covering = match self {
                Self::Covering(covering) => covering,
                Self::Buffering(order, work) => {
                    if let Some(polygons) = work.advance(vm)? {
                        let geometry = geo::Geometry { polygons, ..geo::Geometry::default() };
                        *self = Self::Covering(order.start(vm, geometry));
                    }
                    if vm.should_yield() {
                        return Ok(Flow::Again);
                    }
                    continue;
                }
            };
            let shape = covering.advance(STEP);
            let limit = vm.limits.geocells;
            let shape = shape.map_err(|_| {
                vm.error(&format!(
                    "reached the maximum number of cells in a geographic shape \
                     (warpscript.maxgeocells={limit})."
                ))
            })?;
            if let Some(shape) = shape {
                push_shape(vm, shape)?;
                return Ok(Flow::Done);
            }
            vm.charge(STEP * (8 + covering.edges()));
            vm.heap.claim(covering.len().saturating_mul(64))?;
            if vm.should_yield() {
                return Ok(Flow::Again);
            }
        }
    }
}
