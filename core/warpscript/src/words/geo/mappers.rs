//! Mappers that look at positions.

use weft_gts::geo::{GeoShape, hhcode};
use weft_gts::{NO_LOCATION, Value as PointValue};

use super::{Shape, as_shape};
use crate::error::{Fault, Result};
use crate::function::{Aggregator, Point, Role, Window};
use crate::machine::Machine;
use crate::registry::{Family, function, word};
use crate::value::Value;
use crate::words::filters::push_function;
use crate::words::points;

pub(in crate::words) static FAMILY: Family = Family {
    name: "mappers of positions",
    words: &[
        word(
            "mapper.geo.within",
            make,
            "1.0.0",
            "shape<GEOSHAPE> mapper.geo.within mapper<AGGREGATOR>",
            "The first point of a window, if it lies in a shape.",
            &[(
                "[ NEWGTS 1 0.0 0.0 NaN 5 ADDVALUE [ 'c' ] ->GEOSHAPE mapper.geo.within 0 0 0 ] MAP \
                 0 GET VALUES",
                "[[5]]",
            )],
        ),
        word(
            "mapper.geo.outside",
            make,
            "1.0.0",
            "shape<GEOSHAPE> mapper.geo.outside mapper<AGGREGATOR>",
            "The first point of a window, if it has a position outside of a shape.",
            &[(
                "[ NEWGTS 1 0.0 0.0 NaN 5 ADDVALUE [ 'c' ] ->GEOSHAPE mapper.geo.outside 0 0 0 ] MAP \
                 0 GET VALUES",
                "[[]]",
            )],
        ),
        word(
            "mapper.geo.fence",
            make,
            "2.7.1",
            "shape<GEOSHAPE> mapper.geo.fence mapper<AGGREGATOR>",
            "Whether the first point of a window lies in a shape. Points without a position are \
             dropped.",
            &[(
                "[ NEWGTS 1 0.0 0.0 NaN 5 ADDVALUE [ 'c' ] ->GEOSHAPE mapper.geo.fence 0 0 0 ] MAP \
                 0 GET VALUES",
                "[[true]]",
            )],
        ),
        word(
            "mapper.geo.approximate",
            make_approximate,
            "1.0.0",
            "resolution<NUMBER> mapper.geo.approximate mapper<AGGREGATOR>",
            "The first point of a window, moved to the centre of its cell of a resolution: an even \
             number from 2 to 32. Points without a position are dropped.",
            &[(
                "[ NEWGTS 1 0.0 0.0 NaN 5 ADDVALUE 2 mapper.geo.approximate 0 0 0 ] MAP 0 GET \
                 LOCATIONS",
                "[[45.0],[22.5]]",
            )],
        ),
        function(
            "mapper.geo.clear",
            Role::Aggregator(&CLEAR),
            "1.0.11",
            "mapper.geo.clear",
            "The value alone, without position and elevation.",
            &[(
                "[ NEWGTS 1 0.0 0.0 NaN 5 ADDVALUE mapper.geo.clear 0 0 0 ] MAP 0 GET VALUES",
                "[[5]]",
            )],
        ),
    ],
};

static WITHIN: Aggregator = Aggregator::mapper(|vm, window, parameters| {
    place(vm, window, parameters, |inside, value| value.filter(|_| inside))
});

static OUTSIDE: Aggregator = Aggregator::mapper(|vm, window, parameters| {
    place(vm, window, parameters, |inside, value| value.filter(|_| !inside))
});

static FENCE: Aggregator = Aggregator::mapper(|vm, window, parameters| {
    place(vm, window, parameters, |inside, _| Some(PointValue::Boolean(inside)))
});

static CLEAR: Aggregator = Aggregator::mapper(|vm, window, _| {
    if window.len() > 1 {
        return Err(vm.error("can only be applied to a single value."));
    }
    Ok(Point { value: window.value(0), ..Point::none(window.tick) })
});

fn make(vm: &mut Machine) -> Result {
    let value = vm.pop()?;
    let fence = vm.word.name == "mapper.geo.fence";
    let Some(shape) = as_shape(vm, value).cloned() else {
        let message =
            if fence { "expects a Geo Shape." } else { "expects a Geo Shape on top of the stack." };
        return Err(vm.error(message));
    };
    let aggregator = match vm.word.name {
        "mapper.geo.within" => &WITHIN,
        "mapper.geo.outside" => &OUTSIDE,
        _ => &FENCE,
    };
    // Looked at as it is now.
    let shape = vm.heap.new_object(Shape(shape))?;
    push_function(vm, Role::Aggregator(aggregator), vec![shape])
}

/// The first point of a window, with the value that its place gives it.
fn place(
    vm: &mut Machine,
    window: &Window<'_>,
    parameters: &[Value],
    value: fn(bool, Option<PointValue>) -> Option<PointValue>,
) -> Result<Point> {
    let shape: Option<&GeoShape> = parameters.first().and_then(|value| as_shape(vm, *value));
    let shape = shape.ok_or_else(Fault::null)?;
    let location = window.location(0);
    let known = !window.is_empty() && location != NO_LOCATION;
    let found = known.then(|| value(shape.contains(location), window.value(0))).flatten();
    vm.charge(4);
    Ok(Point { tick: window.tick, location, elevation: window.elevation(0), value: found })
}

fn make_approximate(vm: &mut Machine) -> Result {
    let message = "expects an even resolution between 2 (coarsest) and 32 (finest).";
    let value = vm.pop()?;
    let resolution = points::integer(vm, value).ok_or_else(|| vm.error(message))? as i32;
    if !(2..=32).contains(&resolution) || resolution % 2 != 0 {
        return Err(vm.error(message));
    }
    static APPROXIMATE: Aggregator = Aggregator::mapper(approximate);
    let parameters = vec![Value::Long(i64::from(resolution))];
    push_function(vm, Role::Aggregator(&APPROXIMATE), parameters)
}

fn approximate(_: &mut Machine, window: &Window<'_>, parameters: &[Value]) -> Result<Point> {
    if window.is_empty() {
        return Err(Fault::bounds());
    }
    let resolution = parameters.first().and_then(|value| value.as_i64()).unwrap_or(32) as u32;
    let location = window.location(0);
    let known = location != NO_LOCATION;
    Ok(Point {
        tick: window.tick,
        location: if known { hhcode::center(location, resolution) } else { location },
        elevation: window.elevation(0),
        value: if known { window.value(0) } else { None },
    })
}
