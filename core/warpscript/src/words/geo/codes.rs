//! HHCodes and geohashes of positions, distances, bounding boxes.

use weft_gts::geo::{GeoShape, geohash, hhcode};
use weft_gts::{NO_LOCATION, geo::BoundingBox};

use super::{as_shape, push_shape};
use crate::error::{Fault, Kind, Result};
use crate::java;
use crate::machine::Machine;
use crate::registry::{Family, Word, word};
use crate::value::Value;
use crate::words::points;

pub(in crate::words) static FAMILY: Family = Family { name: "positions", words: WORDS };

macro_rules! neighbor {
    ($name:literal, $since:literal, $where:literal, $answer:literal) => {
        word(
            $name,
            neighbor,
            $since,
            concat!(
                "hhcode<ANY> ", $name, " hhcode<ANY>\nhhcode<ANY> resolution<LONG> ", $name,
                " hhcode<ANY>"
            ),
            concat!(
                "The HHCode one cell to the ", $where, ", in the form of the one given. A STRING \
                 or BYTES have the resolution of their length unless one is given, a LONG has 32."
            ),
            &[(concat!("'c3' ", $name), $answer)],
        )
    };
}

const WORDS: &[Word] = &[
    word(
        "->HHCODE",
        to_code,
        "1.0.11",
        "lat<NUMBER> lon<NUMBER> ->HHCODE hhcode<STRING>",
        "Gives the HHCode of a position as sixteen hexadecimal digits.",
        &[("0.0 0.0 ->HHCODE", "[\"c000000000000000\"]")],
    ),
    word(
        "->HHCODELONG",
        to_code,
        "1.2.5",
        "lat<NUMBER> lon<NUMBER> ->HHCODELONG hhcode<LONG>",
        "Gives the HHCode of a position.",
        &[("0.0 0.0 ->HHCODELONG", "[-4611686018427387904]")],
    ),
    word(
        "->GTSHHCODE",
        to_code,
        "2.2.0",
        "lat<NUMBER> lon<NUMBER> ->GTSHHCODE hhcode<STRING>",
        "Gives the HHCode of a position as sixteen hexadecimal digits; of NaN and NaN the one that \
         points without a position carry.",
        &[("NaN NaN ->GTSHHCODE", "[\"0145014501450145\"]")],
    ),
    word(
        "->GTSHHCODELONG",
        to_code,
        "2.2.0",
        "lat<NUMBER> lon<NUMBER> ->GTSHHCODELONG hhcode<LONG>",
        "Gives the HHCode of a position; of NaN and NaN the one that points without a position \
         carry.",
        &[("0.0 0.0 ->GTSHHCODELONG", "[-4611686018427387904]")],
    ),
    word(
        "HHCODE->",
        from_code,
        "1.0.11",
        "hhcode<ANY> HHCODE-> lat<DOUBLE> lon<DOUBLE>",
        "Gives the position of an HHCode, a LONG, hexadecimal STRING or BYTES: the south-west corner \
         of its cell.",
        &[("'c0' HHCODE->", "[0.0,0.0]")],
    ),
    word(
        "GTSHHCODE->",
        from_code,
        "2.2.0",
        "hhcode<ANY> GTSHHCODE-> lat<DOUBLE> lon<DOUBLE>",
        "Gives the position of an HHCode as HHCODE-> does, and NaN for the one that points without \
         a position carry.",
        &[("'0145014501450145' GTSHHCODE->", "[NaN,NaN]")],
    ),
    neighbor!("HHCODE.NORTH", "2.4.0", "north", "[\"c9\"]"),
    neighbor!("HHCODE.SOUTH", "2.4.0", "south", "[\"c1\"]"),
    neighbor!("HHCODE.EAST", "2.4.0", "east", "[\"c6\"]"),
    neighbor!("HHCODE.WEST", "2.4.0", "west", "[\"c2\"]"),
    neighbor!("HHCODE.NORTH.EAST", "2.4.0", "north-east", "[\"cc\"]"),
    neighbor!("HHCODE.NORTH.WEST", "2.4.0", "north-west", "[\"c8\"]"),
    neighbor!("HHCODE.SOUTH.EAST", "2.4.0", "south-east", "[\"c4\"]"),
    neighbor!("HHCODE.SOUTH.WEST", "2.4.0", "south-west", "[\"c0\"]"),
    word(
        "HHCODE.BBOX",
        bounds,
        "2.4.0",
        "hhcode<ANY> HHCODE.BBOX south<DOUBLE> west<DOUBLE> north<DOUBLE> east<DOUBLE>\n\
         hhcode<ANY> resolution<LONG> HHCODE.BBOX south<DOUBLE> west<DOUBLE> north<DOUBLE> east<DOUBLE>",
        "Gives the corners of the cell of an HHCode.",
        &[("'c3' HHCODE.BBOX", "[44.99999991618097,22.499999958090484,22.5,11.25]")],
    ),
    word(
        "HHCODE.CENTER",
        center,
        "2.4.0",
        "hhcode<ANY> HHCODE.CENTER lat<DOUBLE> lon<DOUBLE>\n\
         hhcode<ANY> resolution<LONG> HHCODE.CENTER lat<DOUBLE> lon<DOUBLE>",
        "Gives the centre of the cell of an HHCode.",
        &[("'c3a5' HHCODE.CENTER", "[27.421875,20.0390625]")],
    ),
    word(
        "->GEOHASH",
        to_geohash,
        "1.0.11",
        "lat<DOUBLE> lon<DOUBLE> ->GEOHASH geohash<STRING>\n\
         hhcode<LONG> ->GEOHASH geohash<STRING>\n\
         shape<GEOSHAPE> ->GEOHASH geohashes<LIST<STRING>>",
        "Gives the geohash of a position in twelve characters, or the geohashes that cover a shape.",
        &[("0 ->GEOHASH", "[\"000000000000\"]"), ("0.0 0.0 ->GEOHASH", "[\"s00000000000\"]")],
    ),
    word(
        "GEOHASH->",
        from_geohash,
        "1.0.11",
        "geohash<STRING> GEOHASH-> lat<DOUBLE> lon<DOUBLE>\n\
         geohash<STRING> text<BOOLEAN> GEOHASH-> hhcode<ANY>\n\
         geohashes<LIST<STRING>> GEOHASH-> shape<GEOSHAPE>",
        "Gives the position of a geohash, its HHCode as a STRING (true) or LONG (false), or the \
         shape that geohashes make.",
        &[("'s' GEOHASH->", "[0.0,0.0]"), ("'s' true GEOHASH->", "[\"c000000000000000\"]")],
    ),
    word(
        "HAVERSINE",
        haversine,
        "1.0.0",
        "lat1<NUMBER> lon1<NUMBER> lat2<NUMBER> lon2<NUMBER> HAVERSINE metres<DOUBLE>",
        "Gives the distance of two positions along the great circle, in metres on a sphere of \
         6,371 km.",
        &[("48.5 -4.5 48.5 -4.5 HAVERSINE", "[0.0]")],
    ),
    word(
        "BBOX",
        bounding_box,
        "1.0.0",
        "gts<GTS> BBOX corners<LIST<DOUBLE>>\n\
         series<LIST<GTS>> BBOX corners<LIST>",
        "Gives the least and the greatest latitude and longitude of the points of a series: \
         `[ south west north east ]`. The whole world when there is no position.",
        &[("NEWGTS BBOX", "[[-90.0,-180.0,90.0,180.0]]")],
    ),
];

fn to_code(vm: &mut Machine) -> Result {
    let message = "expects a latitude and a longitude on the stack.";
    let (longitude, latitude) = (vm.pop()?, vm.pop()?);
    let number = |vm: &Machine, value| points::number(vm, value).ok_or_else(|| vm.error(message));
    let (longitude, latitude) = (number(vm, longitude)?, number(vm, latitude)?);
    let name = vm.word.name;
    let code = match (name.starts_with("->GTS"), latitude.is_nan(), longitude.is_nan()) {
        (true, true, true) => NO_LOCATION,
        (true, true, false) | (true, false, true) => {
            return Err(
                vm.error("expects latitude and longitude to both be NaN or both be not NaN")
            );
        }
        _ => hhcode::from_degrees(latitude, longitude),
    };
    if name.ends_with("LONG") { vm.push(code) } else { vm.push_string(hhcode::to_text(code, 32)) }
}

/// An HHCode as scripts write it, and its resolution.
pub(super) fn read_code(vm: &Machine, value: Value) -> Result<(i64, u32)> {
    match value {
        Value::Long(code) => Ok((code, 32)),
        Value::String(text) => {
            let text = vm.heap.text(text);
            let length = text.encode_utf16().count();
            if length > 16 {
                let message = "Hexadecimal HHCode string of must be of length <= 16";
                return Err(Fault::text(message));
            }
            if text.is_empty() {
                return Ok((0, 0));
            }
            let code = hhcode::from_text(text);
            let code =
                code.ok_or_else(|| Fault::kind(Kind::Argument, format!("Error in: \"{text}\"")))?;
            Ok((code, 2 * length as u32))
        }
        Value::Bytes(bytes) => {
            let bytes = vm.heap.bytes(bytes);
            let mut code = [0; 8];
            let place = code.get_mut(..bytes.len());
            let place =
                place.ok_or_else(|| Fault::text("Byte array HHCode must be of length <= 8"))?;
            place.copy_from_slice(bytes);
            Ok((i64::from_be_bytes(code), 4 * bytes.len() as u32))
        }
        _ => Err(Fault::text("HHCode must be represented as a long, a string or a byte array.")),
    }
}

fn from_code(vm: &mut Machine) -> Result {
    let value = vm.pop()?;
    let (code, _) = unexpected(vm, read_code(vm, value))?;
    let (latitude, longitude) = if vm.word.name.starts_with("GTS") && code == NO_LOCATION {
        (f64::NAN, f64::NAN)
    } else {
        hhcode::to_degrees(code)
    };
    vm.push(latitude)?;
    vm.push(longitude)
}

fn unexpected<T>(vm: &Machine, result: Result<T>) -> Result<T> {
    let message = || format!("{} was given unexpected arguments.", vm.word.name);
    result.map_err(|fault| fault.wrap(message()))
}

/// Takes an HHCode with its resolution, or with the one above it.
fn pop_cell(vm: &mut Machine) -> Result<(i64, u32, Value)> {
    let mut top = vm.pop()?;
    let mut given = None;
    // A LONG alone cannot be told from a resolution.
    if let Some(number) = top.as_f64() {
        let resolution = number as i32;
        if !(0..=32).contains(&resolution) {
            let message = "expects a resolution which is an long between 0 and 32, inclusive.";
            return Err(vm.error(message));
        }
        given = Some(resolution as u32);
        top = vm.pop()?;
    }
    let (code, resolution) = unexpected(vm, read_code(vm, top))?;
    Ok((code, given.unwrap_or(resolution), top))
}

fn neighbor(vm: &mut Machine) -> Result {
    let (code, resolution, form) = pop_cell(vm)?;
    // A step as the reference's 32 bits have it: 1 at resolution 0.
    let step = i64::from(1i32.wrapping_shl(32 - resolution));
    let (mut latitude, mut longitude) = hhcode::to_steps(code);
    let name = vm.word.name;
    if name.contains("NORTH") {
        latitude += step;
    } else if name.contains("SOUTH") {
        latitude -= step;
    }
    if name.contains("EAST") {
        longitude += step;
    } else if name.contains("WEST") {
        longitude -= step;
    }
    let code = hhcode::from_steps(latitude, longitude);
    match form {
        Value::Bytes(_) => {
            let bytes = vm.heap.alloc_bytes(code.to_be_bytes().as_slice().into())?;
            vm.push(Value::Bytes(bytes))
        }
        Value::String(_) => vm.push_string(hhcode::to_text(code, resolution)),
        _ => vm.push(code),
    }
}

fn bounds(vm: &mut Machine) -> Result {
    let (code, resolution, _) = pop_cell(vm)?;
    let BoundingBox { south, west, north, east } = hhcode::bounding_box(code, resolution);
    [south, west, north, east].into_iter().try_for_each(|degrees| vm.push(degrees))
}

fn center(vm: &mut Machine) -> Result {
    let (code, resolution, _) = pop_cell(vm)?;
    // Odd resolutions have no cells.
    let has_cells = resolution >= 2 && resolution.is_multiple_of(2);
    let center = if has_cells { hhcode::center(code, resolution) } else { code };
    let (latitude, longitude) = hhcode::to_degrees(center);
    vm.push(latitude)?;
    vm.push(longitude)
}

fn to_geohash(vm: &mut Machine) -> Result {
    let top = vm.pop()?;
    if let Some(shape) = as_shape(vm, top) {
        let cells = shape.cells().to_vec();
        vm.charge(cells.len() * 32);
        vm.heap.claim(cells.len().saturating_mul(1024))?;
        let mut hashes = geohash::from_cells(&cells);
        java::hash_order(&mut hashes, |hash| java::hash_text(hash));
        let hashes = hashes.into_iter().map(|hash| vm.heap.string(hash));
        let hashes = hashes.collect::<Result<Vec<_>>>()?;
        return vm.push_list(hashes);
    }
    let code = match top {
        Value::Long(code) => code,
        Value::Double(longitude) => {
            let message = "expects a latitude and a longitude on the stack.";
            hhcode::from_degrees(vm.pop_double(message)?, longitude)
        }
        _ => {
            let message = "operates on a HHCode, a GEOSHAPE or a latitude and longitude.";
            return Err(vm.error(message));
        }
    };
    vm.push_string(geohash::from_code(code, 32))
}

fn from_geohash(vm: &mut Machine) -> Result {
    let message = "expects a GeoHash to be a string.";
    let mut top = vm.pop()?;
    let invalid = |text: &str| Fault::text(format!("Invalid GeoHash '{text}'"));
    if let Some(list) = top.as_list() {
        let mut cells = Vec::new();
        for item in vm.heap.list(list) {
            let text = vm.as_text(*item).ok_or_else(|| vm.error(message))?.to_lowercase();
            cells.extend(geohash::to_cells(&text).ok_or_else(|| invalid(&text))?);
        }
        vm.charge(cells.len() * 8);
        vm.heap.claim(cells.len() * 32)?;
        return push_shape(vm, GeoShape::from_cells(cells).optimized());
    }
    let mut as_text = None;
    if let Value::Boolean(flag) = top {
        as_text = Some(flag);
        top = vm.pop()?;
    }
    let text = vm.as_text(top).ok_or_else(|| vm.error(message))?.to_lowercase();
    let code = geohash::to_code(&text).ok_or_else(|| invalid(&text))?;
    match as_text {
        Some(true) => vm.push_string(hhcode::to_text(code, 32)),
        Some(false) => vm.push(code),
        None => {
            let (latitude, longitude) = hhcode::to_degrees(code);
            vm.push(latitude)?;
            vm.push(longitude)
        }
    }
}

fn haversine(vm: &mut Machine) -> Result {
    let values = [vm.pop()?, vm.pop()?, vm.pop()?, vm.pop()?];
    let mut radians = [0.0; 4];
    for (radians, value) in radians.iter_mut().zip(values) {
        let number = points::number(vm, value);
        let message = "expects two sets of lat/lon coordinates.";
        *radians = number.ok_or_else(|| vm.error(message))?.to_radians();
    }
    let [lon2, lat2, lon1, lat1] = radians;
    let square = |x: f64| x * x;
    let angle = square(libm::sin((lat2 - lat1) / 2.0))
        + libm::cos(lat1) * libm::cos(lat2) * square(libm::sin((lon2 - lon1) / 2.0));
    vm.push(2.0 * 6_371_000.0 * libm::asin(angle.sqrt()))
}

fn bounding_box(vm: &mut Machine) -> Result {
    points::each_gts(vm, |vm, gts| {
        let locations = vm.heap.gts(gts).series.points.locations.clone();
        vm.charge(locations.len());
        let (mut south, mut west, mut north, mut east) = (90.0, 180.0, -90.0, -180.0);
        if locations.is_empty() {
            (south, west, north, east) = (-90.0, -180.0, 90.0, 180.0);
        }
        for location in locations.iter().filter(|location| **location != NO_LOCATION) {
            let (latitude, longitude) = hhcode::to_degrees(*location);
            south = f64::min(south, latitude);
            north = f64::max(north, latitude);
            west = f64::min(west, longitude);
            east = f64::max(east, longitude);
        }
        vm.heap.new_list([south, west, north, east].map(Value::Double).to_vec())
    })
}
