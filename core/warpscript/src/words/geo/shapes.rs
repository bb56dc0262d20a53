//! Shapes: their algebra, and series in them.

use std::collections::BTreeSet;

use weft_gts::NO_LOCATION;
use weft_gts::geo::{GeoShape, cell, hhcode};

use super::cells::prefix;
use super::outline;
use super::{as_shape, pop_shape, push_shape, shape_value};
use crate::error::{Fault, Result};
use crate::machine::Machine;
use crate::registry::{Family, Word, word};
use crate::value::Value;
use crate::words::points;

pub(in crate::words) static FAMILY: Family = Family { name: "shapes", words: WORDS };

const WORDS: &[Word] = &[
    word(
        "GEO.UNION",
        combine,
        "1.0.0",
        "a<GEOSHAPE> b<GEOSHAPE> GEO.UNION shape<GEOSHAPE>\n\
         shapes<LIST<GEOSHAPE>> GEO.UNION shape<GEOSHAPE>",
        "Gives what is in any of the shapes, with the fewest cells.",
        &[("[ '1' ] ->GEOSHAPE [ '2' ] ->GEOSHAPE GEO.UNION SIZE", "[2]")],
    ),
    word(
        "GEO.INTERSECTION",
        combine,
        "1.0.0",
        "a<GEOSHAPE> b<GEOSHAPE> GEO.INTERSECTION shape<GEOSHAPE>\n\
         shapes<LIST<GEOSHAPE>> GEO.INTERSECTION shape<GEOSHAPE>",
        "Gives what is in all of the shapes, with the fewest cells.",
        &[(
            "[ '1' ] ->GEOSHAPE [ '12' ] ->GEOSHAPE GEO.INTERSECTION true GEOSHAPE->",
            "[[\"12\"]]",
        )],
    ),
    word(
        "GEO.DIFFERENCE",
        difference,
        "1.0.0",
        "a<GEOSHAPE> b<GEOSHAPE> GEO.DIFFERENCE shape<GEOSHAPE>",
        "Gives what is in the first shape and not in the second, with the fewest cells.",
        &[("[ '1' ] ->GEOSHAPE [ '12' ] ->GEOSHAPE GEO.DIFFERENCE SIZE", "[15]")],
    ),
    word(
        "GEO.INTERSECTS",
        intersects,
        "1.0.0",
        "a<GEOSHAPE> b<GEOSHAPE> GEO.INTERSECTS flag<BOOLEAN>\n\
         gts<GTS> shape<GEOSHAPE> GEO.INTERSECTS flag<BOOLEAN>\n\
         series<LIST<GTS>> shape<GEOSHAPE> GEO.INTERSECTS flags<LIST<BOOLEAN>>",
        "Says whether two shapes have anything in common, or whether any point of a series lies in \
         a shape.",
        &[("[ '1' ] ->GEOSHAPE [ '12' ] ->GEOSHAPE GEO.INTERSECTS", "[true]")],
    ),
    word(
        "GEO.WITHIN",
        within,
        "1.0.0",
        "gts<GTS> shape<GEOSHAPE> GEO.WITHIN flag<BOOLEAN>\n\
         series<LIST<GTS>> shape<GEOSHAPE> GEO.WITHIN flags<LIST<BOOLEAN>>",
        "Says whether a series has positions and all of them lie in a shape.",
        &[("NEWGTS [ '1' ] ->GEOSHAPE GEO.WITHIN", "[false]")],
    ),
    word(
        "GEO.OPTIMIZE",
        optimize,
        "1.2.13",
        "shape<GEOSHAPE> resolution<LONG> GEO.OPTIMIZE shape<GEOSHAPE>",
        "Gives a shape with fewer cells: none finer than the resolution, those around the fine ones \
         instead. 0 only joins what makes a coarser cell.",
        &[("[ '1' '12' '123' ] ->GEOSHAPE 2 GEO.OPTIMIZE true GEOSHAPE->", "[[\"1\"]]")],
    ),
    word(
        "GEO.NORMALIZE",
        normalize,
        "2.5.0",
        "a<GEOSHAPE> b<GEOSHAPE> GEO.NORMALIZE a<GEOSHAPE> b<GEOSHAPE>",
        "Divides cells of two shapes until no cell of one lies inside of a cell of the other.",
        &[("[ '1' ] ->GEOSHAPE [ '12' ] ->GEOSHAPE GEO.NORMALIZE SIZE SWAP SIZE", "[16,1]")],
    ),
    word(
        "GEO.REGEXP",
        regexp,
        "1.0.11",
        "shape<GEOSHAPE> GEO.REGEXP regexp<STRING>",
        "Gives a regular expression that matches the HHCodes in a shape.",
        &[("[ '12' '13' '2a' ] ->GEOSHAPE GEO.REGEXP", "[\"1[23].*|2[a].*\"]")],
    ),
    word(
        "GEO.COVER",
        cover,
        "2.2.0",
        "gts<GTS> resolution<LONG> GEO.COVER shape<GEOSHAPE>\n\
         encoder<GTSENCODER> resolution<LONG> GEO.COVER shape<GEOSHAPE>\n\
         series<LIST> resolution<LONG> GEO.COVER shapes<LIST<GEOSHAPE>>",
        "Gives the cells in which the positions of a series lie.",
        &[("NEWGTS 1 0.0 0.0 NaN 5 ADDVALUE 4 GEO.COVER true GEOSHAPE->", "[[\"c0\"]]")],
    ),
    word(
        "GEO.COVER.RL",
        cover,
        "2.2.0",
        "gts<GTS> resolution<LONG> GEO.COVER.RL shape<GEOSHAPE>\n\
         encoder<GTSENCODER> resolution<LONG> GEO.COVER.RL shape<GEOSHAPE>\n\
         series<LIST> resolution<LONG> GEO.COVER.RL shapes<LIST<GEOSHAPE>>",
        "Gives the cells that straight lines on the map from each position of a series to the next \
         one go through.",
        &[("NEWGTS 1 0.0 0.0 NaN 5 ADDVALUE 2 0.0 60.0 NaN 5 ADDVALUE 4 GEO.COVER.RL SIZE", "[3]")],
    ),
    word(
        "GEOSPLIT",
        split,
        "2.5.0",
        "shape<GEOSHAPE> GEOSPLIT shapes<LIST<GEOSHAPE>>",
        "Gives the connected parts of a shape: cells that have a side in common.",
        &[("[ '10' '55' ] ->GEOSHAPE GEOSPLIT SIZE", "[2]")],
    ),
    word(
        "GEOSHIFT",
        shift,
        "2.5.0",
        "shape<GEOSHAPE> lat<NUMBER> lon<NUMBER> resolution<LONG> GEOSHIFT shape<GEOSHAPE>\n\
         shape<GEOSHAPE> meridian<NUMBER> lat<NUMBER> lon<NUMBER> resolution<LONG> GEOSHIFT shape<GEOSHAPE>",
        "Moves a shape by degrees north and east, rounded to cells of the resolution (0: that of \
         the finest cells). With a meridian, cells more than a quarter of the earth away from it \
         move the other way north.",
        &[("[ 'ff' ] ->GEOSHAPE 0.0 45.0 0 GEOSHIFT true GEOSHAPE->", "[[\"ab\"]]")],
    ),
];

const TWO_OR_LIST: &str = "expects two GeoShape instances as the top 2 elements of the stack or a \
                           list of GeoShape instances.";

fn combine(vm: &mut Machine) -> Result {
    let top = vm.pop()?;
    let shapes: Vec<Value> = match top.as_list() {
        Some(list) => vm.heap.list(list).clone(),
        None => vec![top, vm.pop()?],
    };
    let union = vm.word.name == "GEO.UNION";
    let mut result: Option<GeoShape> = None;
    for value in shapes {
        let Some(shape) = as_shape(vm, value) else {
            return Err(vm.error(TWO_OR_LIST));
        };
        result = Some(match result {
            None => shape.clone(),
            Some(result) if union => result.union(shape),
            Some(result) => result.intersection(shape),
        });
        let size = result.as_ref().map_or(0, |shape| shape.cells().len());
        vm.charge(size * 8);
        vm.heap.claim(size.saturating_mul(64))?;
    }
    push_shape(vm, result.unwrap_or_default())
}

fn difference(vm: &mut Machine) -> Result {
    let message = "expects two GeoShape instances as the top 2 elements of the stack.";
    let (b, a) = (vm.pop()?, vm.pop()?);
    let (Some(a), Some(b)) = (as_shape(vm, a), as_shape(vm, b)) else {
        return Err(vm.error(message));
    };
    let shape = a.difference(b);
    vm.charge(shape.cells().len() * 8);
    push_shape(vm, shape)
}

fn intersects(vm: &mut Machine) -> Result {
    let shape = pop_shape(vm, "expects a geo shape on top of the stack.")?;
    if vm.depth() > 0
        && let Some(other) = as_shape(vm, vm.peek(0)?)
    {
        let answer = shape.intersects(other);
        vm.pop()?;
        return vm.push(answer);
    }
    points::each_gts(vm, |vm, gts| {
        let locations = vm.heap.gts(gts).series.points.locations.clone();
        vm.charge(locations.len() * 8);
        let inside = |location: &i64| *location != NO_LOCATION && shape.contains(*location);
        Ok(Value::Boolean(locations.iter().any(inside)))
    })
}

fn within(vm: &mut Machine) -> Result {
    let shape = pop_shape(vm, "expects a geo shape on top of the stack.")?;
    points::each_gts(vm, |vm, gts| {
        let locations = vm.heap.gts(gts).series.points.locations.clone();
        vm.charge(locations.len() * 8);
        let mut known = locations.iter().filter(|location| **location != NO_LOCATION).peekable();
        let some = known.peek().is_some();
        Ok(Value::Boolean(some && known.all(|location| shape.contains(*location))))
    })
}

fn optimize(vm: &mut Machine) -> Result {
    let resolution = vm.pop_long("expects a maximum resolution on top of the stack.")? as i32;
    if resolution != 0 && (!(2..=30).contains(&resolution) || resolution % 2 != 0) {
        return Err(
            vm.error("expects a maximum resolution which is an even number between 2 and 30 or 0.")
        );
    }
    let shape = pop_shape(vm, "operates on a shape.")?.optimized();
    if resolution == 0 {
        return push_shape(vm, shape);
    }
    let coarse = |&fine: &i64| {
        if cell::resolution(fine) <= resolution as u32 {
            return fine;
        }
        cell::from_code(cell::to_code(fine), resolution as u32).unwrap_or(fine)
    };
    let cells = shape.cells().iter().map(coarse).collect();
    push_shape(vm, GeoShape::from_cells(cells))
}

/// The sixteen cells that a cell consists of; none for the finest.
fn children(parent: i64) -> impl Iterator<Item = i64> {
    let resolution = cell::resolution(parent);
    let code = cell::to_code(parent);
    (0..16i64).filter_map(move |digit| {
        let shift = 60u32.checked_sub(2 * resolution)?;
        cell::from_code(code | digit << shift, resolution + 2)
    })
}

/// Divides the cell of a shape that is coarser than `target` and holds it, until `target` itself
/// is among the parts.
fn divide_to(cells: &mut BTreeSet<i64>, target: i64) {
    let code = cell::to_code(target);
    let resolution = cell::resolution(target);
    let around = (1..resolution / 2)
        .filter_map(|half| cell::from_code(code, 2 * half))
        .find(|around| cells.contains(around));
    let Some(mut around) = around else { return };
    while cell::resolution(around) < resolution {
        cells.remove(&around);
        cells.extend(children(around));
        match cell::from_code(code, cell::resolution(around) + 2) {
            Some(next) => around = next,
            None => return,
        }
    }
}

fn normalize(vm: &mut Machine) -> Result {
    let message = "operates on two GEOSHAPE instances.";
    let b = pop_shape(vm, message)?;
    let a = pop_shape(vm, message)?;
    let mut cells = [a, b].map(|shape| shape.cells().iter().copied().collect::<BTreeSet<i64>>());
    // Coarse cells first: what they are divided into counts for the finer ones.
    for half in 1..=15 {
        for (from, to) in [(0, 1), (1, 0)] {
            let at = |cell: &&i64| cell::resolution(**cell) == 2 * half;
            let targets: Vec<i64> = cells[from].iter().filter(at).copied().collect();
            vm.charge(targets.len() * 16);
            vm.heap.claim(targets.len().saturating_mul(64))?;
            targets.into_iter().for_each(|target| divide_to(&mut cells[to], target));
            vm.heap.claim(cells[to].len().saturating_mul(32))?;
        }
    }
    cells
        .into_iter()
        .try_for_each(|cells| push_shape(vm, GeoShape::from_cells(cells.into_iter().collect())))
}

fn regexp(vm: &mut Machine) -> Result {
    let shape = pop_shape(vm, "expects a GeoShape instance on top of the stack.")?;
    vm.charge(shape.cells().len() * 8);
    vm.heap.claim(shape.cells().len().saturating_mul(32))?;
    // Cells up to resolution 14 come before finer ones, which are negative numbers.
    let (fine, coarse): (Vec<i64>, Vec<i64>) = shape.cells().iter().partition(|cell| **cell < 0);
    let mut parts: Vec<String> = Vec::new();
    let mut open = String::new();
    let mut last: Option<String> = None;
    for cell in coarse.into_iter().chain(fine) {
        let mut stem = prefix(cell);
        let Some(digit) = stem.pop() else { continue };
        if stem.is_empty() {
            // A single digit: all of them make one class.
            if open.is_empty() {
                open.push('[');
            }
            open.push(digit);
            continue;
        }
        if last.as_ref() != Some(&stem) {
            if open.len() > 1 {
                parts.push(std::mem::take(&mut open) + "].*");
            }
            open.push_str(&stem);
            open.push('[');
        }
        open.push(digit);
        last = Some(stem);
    }
    parts.push(open + "].*");
    vm.push_string(parts.join("|"))
}

fn cover(vm: &mut Machine) -> Result {
    let message = "expects a resolution (even number from 2 to 30).";
    let resolution = vm.pop_long(message)?;
    if !(2..=30).contains(&resolution) || resolution % 2 != 0 {
        return Err(vm.error(message));
    }
    let resolution = resolution as u32;
    let lines = vm.word.name == "GEO.COVER.RL";
    points::each(vm, |vm, value| {
        let locations: Vec<i64> = match value {
            Value::Gts(gts) if lines => {
                points::sort_in_place(vm, gts, false)?;
                vm.heap.gts(gts).series.points.locations.to_vec()
            }
            Value::Gts(gts) => vm.heap.gts(gts).series.points.locations.to_vec(),
            Value::Encoder(encoder) => {
                let points = &vm.heap.encoder(encoder).points;
                points.locations.to_vec()
            }
            _ => return Err(vm.error("can only operate on Geo Time Series\u{a0}or GTS Encoders.")),
        };
        let known: Vec<i64> = locations.into_iter().filter(|l| *l != NO_LOCATION).collect();
        vm.charge(known.len() * 4);
        let mut cells = Vec::new();
        if lines {
            if known.is_empty() {
                return Err(Fault::bounds());
            }
            for pair in known.windows(2) {
                cover_line(vm, &mut cells, (pair[0], pair[1]), resolution)?;
            }
        } else {
            cells.extend(known.iter().filter_map(|code| cell::from_code(*code, resolution)));
        }
        shape_value(vm, GeoShape::from_cells(cells))
    })
}

/// Adds the cells that a line goes through, from west to east. The cell in which it ends is left
/// out when it ends on the border of it.
fn cover_line(
    vm: &mut Machine,
    cells: &mut Vec<i64>,
    (from, to): (i64, i64),
    resolution: u32,
) -> Result {
    let (mut from, mut to) = (hhcode::to_steps(from), hhcode::to_steps(to));
    if from.1 > to.1 {
        std::mem::swap(&mut from, &mut to);
    }
    let size = 1i64 << (32 - resolution);
    let inside = size - 1;
    let north = (to.0 - from.0).signum();
    let (rise, run) = ((to.0 - from.0).abs(), to.1 - from.1);
    let (mut latitude, mut longitude) = from;
    let steps = (rise / size + run / size + 2) as usize;
    vm.charge(steps.saturating_mul(4));
    vm.heap.claim(steps.saturating_mul(24))?;
    let ahead = |latitude: i64| match north {
        1 => latitude & !inside < to.0,
        _ => latitude | inside > to.0,
    };
    let mut add = |latitude: i64, longitude: i64| {
        cells.extend(cell::from_code(hhcode::from_steps(latitude, longitude), resolution));
    };
    if north == 0 {
        while longitude & !inside < to.1 {
            add(latitude, longitude);
            longitude += size;
        }
        return Ok(());
    }
    if run == 0 {
        while ahead(latitude) {
            add(latitude, longitude);
            latitude += north * size;
        }
        return Ok(());
    }
    loop {
        add(latitude, longitude);
        // How far it is to the next border north or south, and east.
        let to_border = match north {
            1 => (latitude | inside) + 1 - latitude,
            _ => (latitude & inside) + 1,
        };
        let to_east = (longitude | inside) + 1 - longitude;
        let vertical = i128::from(to_border) * i128::from(run);
        let horizontal = i128::from(to_east) * i128::from(rise);
        if vertical >= horizontal {
            longitude = (longitude | inside) + 1;
        } else {
            longitude += (vertical / i128::from(rise)) as i64;
        }
        if vertical <= horizontal {
            latitude += north * to_border;
        } else {
            latitude += north * (horizontal / i128::from(run)) as i64;
        }
        if !ahead(latitude) || longitude & !inside >= to.1 {
            return Ok(());
        }
    }
}

fn split(vm: &mut Machine) -> Result {
    let shape = pop_shape(vm, "operates on a GEOSHAPE.")?;
    vm.charge(shape.cells().len().saturating_mul(64));
    vm.heap.claim(shape.cells().len().saturating_mul(64))?;
    let parts = outline::clusters(shape.cells());
    let mut shapes = Vec::with_capacity(parts.len());
    for cells in parts {
        shapes.push(shape_value(vm, GeoShape::from_cells(cells))?);
    }
    vm.push_list(shapes)
}

/// Takes degrees within limits.
fn pop_degrees(vm: &mut Machine, limit: f64, what: &str) -> Result<f64> {
    let value = vm.pop()?;
    let number = points::number(vm, value).filter(|v| !(*v < -limit || *v > limit));
    number.ok_or_else(|| {
        vm.error(&format!("expects a {what} delta between -{limit:.1} and {limit:.1}."))
    })
}

fn shift(vm: &mut Machine) -> Result {
    let message = "expects a resolution, even number between 0 and 30.";
    let resolution = vm.pop_long(message)? as i32;
    if !(0..=30).contains(&resolution) || resolution % 2 != 0 {
        return Err(vm.error(message));
    }
    let east = pop_degrees(vm, 360.0, "longitude")?;
    let north = pop_degrees(vm, 180.0, "latitude")?;
    let mut meridian = None;
    let top = vm.peek(0)?;
    if let Some(number) = points::number(vm, top) {
        vm.pop()?;
        meridian = Some(((number + 180.0) % 360.0 + 360.0) % 360.0).filter(|m| !m.is_nan());
    }
    let shape = pop_shape(vm, "operates on a GEOSHAPE.")?;
    let finest = shape.cells().iter().map(|cell| cell::resolution(*cell)).max().unwrap_or(0);
    let resolution = if resolution == 0 { finest } else { resolution as u32 };
    if resolution > finest {
        return Err(vm.error(&format!("cannot use resolution finer than {finest}")));
    }
    // Degrees as steps, rounded to cells.
    let cells_around = (1u64 << resolution) as f64;
    let size = 1i64 << (32 - resolution);
    let steps = |degrees: f64, turn: f64| {
        crate::words::mappers::round(degrees / (turn / cells_around)).wrapping_mul(size)
    };
    let (north, east) = (steps(north, 180.0), steps(east, 360.0));
    let meridian = meridian.map(|meridian| steps(meridian, 360.0));
    let limit = usize::try_from(vm.limits.geocells).unwrap_or(usize::MAX);
    let mut rest = shape.cells().to_vec();
    let mut moved = Vec::new();
    while let Some(next) = rest.pop() {
        if cell::resolution(next) < resolution {
            rest.extend(children(next));
            vm.charge(4);
            if rest.len() + moved.len() > limit.max(shape.cells().len()) {
                return Err(vm.error("reached the maximum number of cells in a shape."));
            }
            continue;
        }
        let (latitude, longitude) = hhcode::to_steps(cell::to_code(next));
        let away = meridian.is_some_and(|m| (longitude - m).abs() > 1 << 30);
        let north = if away { north.wrapping_neg() } else { north };
        let code = hhcode::from_steps(latitude.wrapping_add(north), longitude.wrapping_add(east));
        moved.extend(cell::from_code(code, cell::resolution(next)));
    }
    vm.charge(moved.len() * 8);
    push_shape(vm, GeoShape::from_cells(moved).optimized())
}
