//! Geometries grown or shrunk by a distance: GEO.BUFFER.

use weft_gts::geo::buffer::{Buffer, BufferError, Buffering, Cap, Join};
use weft_gts::geo::{self, Polygon};

use super::cover;
use super::format::{self, Dialect, Geometry, Kind};
use crate::error::{Fault, Result};
use crate::heap::Map;
use crate::machine::{Flow, Machine, Task};
use crate::registry::{Family, word};
use crate::text;
use crate::value::Value;

pub(in crate::words) static FAMILY: Family = Family {
    name: "buffers",
    words: &[word(
        "GEO.BUFFER",
        buffer,
        "2.7.0",
        "definition<MAP> GEO.BUFFER geometry<STRING>\n\
         definition<MAP> GEO.BUFFER geometry<BYTES>\n\
         definition<MAP> GEO.BUFFER",
        "Grows a geometry by a distance, or shrinks an area by one that is less than 0. The map has \
         the geometry under wkt, geojson, gml, kml or wkb; the result has that form, too. The \
         distance is dist, in degrees, or mdist, in metres at the equator. segments says how many \
         straight segments a quarter of a circle has (8), cap how lines end (ROUND, FLAT, SQUARE), \
         join how corners look (ROUND, MITRE, BEVEL), limit how far mitres reach out, in distances \
         (5.0), and singlesided whether lines grow to the left only, or to the right when the \
         distance is less than 0. Without a geometry, the next word that makes a shape of a \
         geometry makes it of its buffer.",
        &[(
            "{ 'wkt' 'LINESTRING(0 0,10 0)' 'dist' 1.0 'cap' 'FLAT' } GEO.BUFFER",
            "[\"POLYGON ((10 1, 10 -1, 0 -1, 0 1, 10 1))\"]",
        )],
    )],
};

/// A metre on the equator, in degrees.
const METRE: f64 = 360.0 / (1852.0 * 360.0 * 60.0);

/// Comparisons between two looks at the fuel.
const STEP: usize = 256;

/// Bytes that a segment takes in every form it has on the way.
const SEGMENT_BYTES: usize = 512;

/// How many segments a buffer may have however much room there is.
const SEGMENTS_MAX: usize = 1 << 20;

fn buffer(vm: &mut Machine) -> Result {
    let Value::Map(map) = vm.pop()? else {
        return Err(vm.error("expects a buffer definition map."));
    };
    let map = vm.heap.map(map).clone();
    let buffer = definition(vm, &map)?;
    let given = ["wkb", "wkt", "geojson", "gml", "kml"]
        .into_iter()
        .filter_map(|form| map.get_text(form).map(|value| (form, value)));
    let given: Vec<(&'static str, Value)> = given.collect();
    let (form, input) = match given[..] {
        [] => {
            vm.settings.buffer = Some(buffer);
            return Ok(());
        }
        [given] => given,
        _ => {
            return Err(vm.error("expects one of 'wkb', 'wkt', 'geojson', 'gml' and 'kml' only."));
        }
    };
    if (form == "wkb") != matches!(input, Value::Bytes(_)) {
        return Err(vm.error("expects BYTES under 'wkb' and a STRING under other forms."));
    }
    let geometry = cover::read(vm, input, form)?.flat();
    let work = start(vm, buffer, &geometry)?;
    vm.push_task(Words { work, form })
}

/// What a map says about a buffer.
fn definition(vm: &Machine, map: &Map) -> Result<Buffer> {
    let text_of = |key: &str| map.get_text(key).map(|value| text::display(vm, value));
    let number = |key: &str| match text_of(key) {
        None => Ok(None),
        Some(text) => match weft_gts::parse_double(&text) {
            Some(number) if number.is_finite() => Ok(Some(number)),
            _ => Err(vm.error(&format!("expects a number under '{key}'."))),
        },
    };
    let distance = match (number("dist")?, number("mdist")?) {
        (Some(degrees), _) => degrees,
        (None, Some(metres)) => metres * METRE,
        (None, None) => METRE,
    };
    let mut buffer = Buffer::new(distance);
    if let Some(segments) = text_of("segments") {
        let count = segments.trim().parse();
        buffer.quadrant_segments =
            count.map_err(|_| vm.error("expects an integer under 'segments'."))?;
    }
    if let Some(limit) = number("limit")? {
        buffer.mitre_limit = limit;
    }
    if let Some(cap) = text_of("cap") {
        buffer.cap = match cap.to_ascii_uppercase().as_str() {
            "ROUND" => Cap::Round,
            "FLAT" => Cap::Flat,
            "SQUARE" => Cap::Square,
            _ => return Err(vm.error("expects 'cap' to be ROUND, FLAT or SQUARE.")),
        };
    }
    if let Some(join) = text_of("join") {
        buffer.join = match join.to_ascii_uppercase().as_str() {
            "ROUND" => Join::Round,
            "MITRE" => Join::Mitre,
            "BEVEL" => Join::Bevel,
            _ => return Err(vm.error("expects 'join' to be ROUND, MITRE or BEVEL.")),
        };
    }
    buffer.single_sided = matches!(map.get_text("singlesided"), Some(Value::Boolean(true)));
    Ok(buffer)
}

/// A buffer that is being computed.
pub(super) struct Work(Buffering);

/// Starts to buffer a geometry, as far as there is room for it.
pub(super) fn start(vm: &mut Machine, buffer: Buffer, geometry: &geo::Geometry) -> Result<Work> {
    let room = vm.heap.limit().saturating_sub(vm.heap.used());
    let work = buffer.start(geometry, SEGMENTS_MAX.min(room / SEGMENT_BYTES));
    let work = work.map_err(|error| failed(vm, error))?;
    vm.charge(work.segments());
    Ok(Work(work))
}

fn failed(vm: &Machine, error: BufferError) -> Fault {
    vm.error(&format!("cannot go on: {error}."))
}

impl Work {
    /// Goes on until it is done or fuel has to be looked at.
    pub(super) fn advance(&mut self, vm: &mut Machine) -> Result<Option<Vec<Polygon>>> {
        loop {
            let before = self.0.compared();
            let polygons = self.0.advance(STEP).map_err(|error| failed(vm, error))?;
            vm.charge(self.0.compared() - before);
            vm.heap.claim(self.0.segments().saturating_mul(SEGMENT_BYTES))?;
            if polygons.is_some() || vm.should_yield() {
                return Ok(polygons);
            }
        }
    }
}

/// The word's own work: the result is written in the form of what was given.
struct Words {
    work: Work,
    form: &'static str,
}

impl Task for Words {
    fn resume(&mut self, vm: &mut Machine) -> Result<Flow> {
        let Some(polygons) = self.work.advance(vm)? else { return Ok(Flow::Again) };
        let mut polygons: Vec<Geometry> =
            polygons.into_iter().map(|polygon| Geometry::Polygon(polygon.rings)).collect();
        let geometry = match polygons.len() {
            0 => Geometry::Polygon(Vec::new()),
            1 => polygons.remove(0),
            _ => Geometry::Many(Kind::Polygons, polygons),
        };
        let written = match self.form {
            "wkb" => {
                let bytes = format::write_wkb(&geometry)?;
                vm.charge(bytes.len());
                let bytes = vm.heap.alloc_bytes(bytes.into())?;
                vm.push(Value::Bytes(bytes))?;
                return Ok(Flow::Done);
            }
            "geojson" => format::write_geojson(&geometry),
            "gml" => format::write_markup(&geometry, Dialect::Gml),
            "kml" => format::write_markup(&geometry, Dialect::Kml),
            _ => format::write_wkt(&geometry),
        };
        vm.charge(written.len());
        vm.push_string(written)?;
        Ok(Flow::Done)
    }
}
