//! Geometries and shapes in other forms: ->WKT and the like.

use weft_gts::double::JavaDouble;
use weft_gts::geo::{BoundingBox, GeoShape, Point, cell, hhcode};

use super::format::{self, Dialect, Geometry, Kind};
use super::{as_shape, outline, pop_shape};
use crate::error::{Fault, Result};
use crate::machine::Machine;
use crate::registry::{Family, Word, word};
use crate::value::Value;

pub(in crate::words) static FAMILY: Family = Family { name: "forms of geometries", words: WORDS };

macro_rules! translate_word {
    ($name:literal, $since:literal, $type:literal, $what:literal, $script:literal, $answer:literal) => {
        word(
            $name,
            translate,
            $since,
            concat!(
                "geometry<STRING> ", $name, " geometry<", $type, ">\ngeometry<BYTES> ", $name,
                " geometry<", $type, ">\nshape<GEOSHAPE> ", $name, " geometry<", $type,
                ">\nshape<GEOSHAPE> cells<BOOLEAN> ", $name, " geometry<", $type, ">"
            ),
            concat!(
                "Writes a geometry as ", $what, ". It may be given as WKT, GeoJSON, GML, KML, WKB or \
                 as a shape: the outlines of its parts, or every cell by itself when the flag is true."
            ),
            &[($script, $answer)],
        )
    };
}

const WORDS: &[Word] = &[
    translate_word!(
        "->WKT",
        "2.7.0",
        "STRING",
        "well-known text",
        "'LINESTRING(0 0,1.5 2)' ->WKT",
        "[\"LINESTRING (0 0, 1.5 2)\"]"
    ),
    translate_word!(
        "->GEOJSON",
        "2.5.0",
        "STRING",
        "GeoJSON",
        "'POINT(1 2)' ->GEOJSON",
        "[\"{\\\"type\\\":\\\"Point\\\",\\\"coordinates\\\":[1.0,2.0]}\"]"
    ),
    translate_word!(
        "->KML",
        "2.9.0",
        "STRING",
        "KML",
        "'POINT(1 2)' ->KML",
        "[\"<Point><coordinates>1.0,2.0 </coordinates></Point>\"]"
    ),
    translate_word!(
        "->GML",
        "2.9.0",
        "STRING",
        "GML 2",
        "'POINT(1 2)' ->GML",
        "[\"<gml:Point><gml:coordinates>1.0,2.0 </gml:coordinates></gml:Point>\"]"
    ),
    translate_word!(
        "->WKB",
        "2.7.0",
        "BYTES",
        "well-known binary",
        "'POINT(1 2)' ->WKB SIZE",
        "[21]"
    ),
];

fn translate(vm: &mut Machine) -> Result {
    let name = vm.word.name;
    let top = vm.peek(0)?;
    let (text, geometry) = if let Value::Boolean(cells) = top {
        vm.pop()?;
        let shape = pop_shape(vm, "operates on a GEOSHAPE when first given a BOOLEAN.")?;
        from_shape(vm, &shape, cells)?
    } else if let Some(shape) = as_shape(vm, top).cloned() {
        vm.pop()?;
        from_shape(vm, &shape, false)?
    } else {
        vm.pop()?;
        (None, read(vm, top)?)
    };
    match name {
        "->WKB" => {
            let bytes = format::write_wkb(&geometry).map_err(|fault| invalid(vm, fault))?;
            vm.charge(bytes.len());
            let bytes = vm.heap.alloc_bytes(bytes.into())?;
            return vm.push(Value::Bytes(bytes));
        }
        "->GEOJSON" if text.is_some() => return vm.push_string(text.unwrap_or_default()),
        _ => (),
    }
    let written = match name {
        "->GEOJSON" => format::write_geojson(&geometry),
        "->KML" => format::write_markup(&geometry, Dialect::Kml),
        "->GML" => format::write_markup(&geometry, Dialect::Gml),
        _ => format::write_wkt(&geometry),
    };
    vm.charge(written.len());
    vm.push_string(written)
}

fn invalid(vm: &Machine, fault: Fault) -> Fault {
    fault.wrap(format!("{} was given invalid input.", vm.word.name))
}

/// Reads a geometry of any form.
fn read(vm: &mut Machine, value: Value) -> Result<Geometry> {
    let geometry = match value {
        Value::Bytes(bytes) => {
            let bytes = vm.heap.bytes(bytes);
            vm.heap.claim(bytes.len().saturating_mul(8))?;
            format::read_wkb(bytes)
        }
        Value::String(text) => {
            let text = vm.heap.text(text).trim();
            vm.heap.claim(text.len().saturating_mul(16))?;
            match text.chars().next() {
                Some('{') => format::read_geojson(text),
                Some('<') => format::read_markup(text),
                _ => format::read_wkt(text),
            }
        }
        _ => {
            let expected = "expects a GEOSHAPE, a WKT STRING, a GeoJSON STRING, a GML STRING, a KML \
                            STRING or WKB BYTES.";
            return Err(Fault::text("Unknown geometry format.")
                .wrap(format!("{} {expected}", vm.word.name)));
        }
    };
    geometry.map_err(|fault| invalid(vm, fault))
}

/// A shape as polygons, and as the GeoJSON that the other forms are made of.
fn from_shape(
    vm: &mut Machine,
    shape: &GeoShape,
    all_cells: bool,
) -> Result<(Option<String>, Geometry)> {
    let count = shape.cells().len();
    vm.charge(count.saturating_mul(128));
    vm.heap.claim(count.saturating_mul(1024))?;
    // Numbers are written, and read again for the other forms: floats lose nothing on the way.
    let polygons: Vec<Vec<Vec<(String, String)>>> = if all_cells {
        shape.cells().iter().map(|cell| vec![corners(*cell)]).collect()
    } else {
        let text = |(latitude, longitude): &(f32, f32)| (float(*longitude), float(*latitude));
        let polygons = outline::polygons(shape).into_iter();
        polygons
            .map(|rings| rings.iter().map(|ring| ring.iter().map(text).collect()).collect())
            .collect()
    };
    let position = |(x, y): &(String, String)| format!("[{x},{y}]");
    let joined = |parts: Vec<String>| format!("[{}]", parts.join(","));
    let ring = |ring: &Vec<(String, String)>| joined(ring.iter().map(position).collect());
    let polygon = |rings: &Vec<Vec<(String, String)>>| joined(rings.iter().map(ring).collect());
    let coordinates = joined(polygons.iter().map(polygon).collect());
    let number = |text: &str| weft_gts::parse_double(text).unwrap_or(0.0);
    let point = |(x, y): &(String, String)| Point { x: number(x), y: number(y) };
    let parts = polygons.iter().map(|rings| {
        Geometry::Polygon(rings.iter().map(|ring| ring.iter().map(point).collect()).collect())
    });
    let geometry = Geometry::Many(Kind::Polygons, parts.collect());
    let text = format!("{{\"type\":\"MultiPolygon\",\"coordinates\":{coordinates}}}");
    Ok((Some(text), geometry))
}

/// The corners of a cell, from the south-west and back.
fn corners(cell: i64) -> Vec<(String, String)> {
    let bounds = hhcode::bounding_box(cell::to_code(cell), cell::resolution(cell));
    let BoundingBox { south, west, north, east } = bounds;
    [(west, south), (east, south), (east, north), (west, north), (west, south)]
        .map(|(x, y)| (JavaDouble(x).to_string(), JavaDouble(y).to_string()))
        .to_vec()
}

/// `Float.toString`.
fn float(value: f32) -> String {
    let magnitude = value.abs();
    if magnitude == 0.0 || (1e-3..1e7).contains(&magnitude) {
        return format!("{value:?}");
    }
    let text = format!("{value:e}");
    match text.split_once('e') {
        Some((digits, exponent)) if digits.contains('.') => format!("{digits}E{exponent}"),
        Some((digits, exponent)) => format!("{digits}.0E{exponent}"),
        None => text,
    }
}
