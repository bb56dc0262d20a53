//! FILL and the functions that fill gaps of series.

mod curves;
mod fill;
mod loess;
mod near;

use weft_gts::NO_ELEVATION;

use crate::error::Result;
use crate::function::{Filler, Near, Purpose, Role};
use crate::machine::Machine;
use crate::registry::{Family, Word, function, word};
use crate::value::Value;
use crate::words::filters::push_function;
use crate::words::points;

pub(super) static FAMILY: Family = Family { name: "fill", words: WORDS };

const WORDS: &[Word] = &[
    word(
        "FILL",
        fill::fill,
        "2.0.0",
        "a<GTS> b<GTS> filler<FILLER> FILL a<GTS> b<GTS>\n\
         [ series<GTS> filler<FILLER> ticks<LIST<LONG>> ] FILL filled<LIST<GTS>>\n\
         series<GTS> params<MAP> FILL filled<LIST<GTS>>",
        "Fills gaps of series. Two series and a filler: each series gets the ticks of the other. A \
         list or a map: a series or a list of series gets points at the given ticks, or, without \
         ticks, in its empty buckets. Keys of the map are `filler`, `ticks`, `verify` (false: fill \
         ticks that are there, too) and `invalid.value` (the value where the filler has none). New \
         points come behind the others. A macro instead of a filler finds the series and above it \
         the tick; what it leaves is added to the series that was given, not to its copy.",
        &[
            (
                "[ NEWGTS 1 NaN NaN NaN 1.0 ADDVALUE 3 NaN NaN NaN 2.0 ADDVALUE filler.linear [ 2 ] ] \
                 FILL 0 GET VALUES",
                "[[1.0,2.0,1.5]]",
            ),
            ("1 FILL", "!argument types do not match the expected ones."),
        ],
    ),
    word(
        "MACROFILLER",
        macro_filler,
        "2.0.0",
        "body<MACRO> before<LONG> after<LONG> MACROFILLER filler<FILLER>",
        "Makes a filler of a macro. It finds an empty series with the metadata of the one that is \
         filled, one with those of the other series (NULL when there is none), the list of points \
         before the gap, the point of the other series, the list of points after the gap and the \
         tick; points are `[ tick lat lon elev value ]`. It leaves a point as a list of one to five \
         values.",
        &[(
            "[ NEWGTS <% 'tick' STORE DROP DROP DROP DROP DROP [ $tick 7 ] %> 0 0 MACROFILLER [ 5 ] ] \
             FILL 0 GET VALUES",
            "[[7]]",
        )],
    ),
    function(
        "filler.previous",
        Role::Filler(&Filler {
            near: Some(Near { window: (1, 0), run: near::previous }),
            whole: Some(near::previous_curve),
        }),
        "2.0.0",
        "filler.previous filler<FILLER>",
        "Fills a gap with the point before it.",
        &[(
            "[ NEWGTS 1 NaN NaN NaN 5 ADDVALUE filler.previous [ 3 ] ] FILL 0 GET VALUES",
            "[[5,5]]",
        )],
    ),
    function(
        "filler.next",
        Role::Filler(&Filler {
            near: Some(Near { window: (0, 1), run: near::next }),
            whole: Some(near::next_curve),
        }),
        "2.0.0",
        "filler.next filler<FILLER>",
        "Fills a gap with the point after it.",
        &[("[ NEWGTS 4 NaN NaN NaN 5 ADDVALUE filler.next [ 3 ] ] FILL 0 GET VALUES", "[[5,5]]")],
    ),
    function(
        "filler.interpolate",
        Role::Filler(&Filler {
            near: Some(Near { window: (1, 1), run: near::interpolate }),
            whole: Some(curves::interpolate),
        }),
        "2.0.0",
        "filler.interpolate filler<FILLER>",
        "Fills a gap on the straight line between its neighbours: value, position and elevation.",
        &[(
            "[ NEWGTS 1 NaN NaN NaN 1.0 ADDVALUE 5 NaN NaN NaN 2.0 ADDVALUE filler.interpolate [ 2 ] ] \
             FILL 0 GET VALUES",
            "[[1.0,2.0,1.25]]",
        )],
    ),
    function(
        "filler.trend",
        Role::Filler(&Filler {
            near: Some(Near { window: (2, 2), run: near::trend }),
            whole: None,
        }),
        "2.0.0",
        "filler.trend filler<FILLER>",
        "Fills a gap from how the two points before it and the two after it go on.",
        &[(
            "[ NEWGTS 1 NaN NaN NaN 1.0 ADDVALUE 2 NaN NaN NaN 2.0 ADDVALUE filler.trend [ 3 ] ] \
             FILL 0 GET VALUES",
            "[[1.0,2.0,3.0]]",
        )],
    ),
    word(
        "filler.value",
        value,
        "3.1.0",
        "value<ANY> filler.value filler<FILLER>\n\
         [ lat<DOUBLE> lon<DOUBLE> elev<LONG> value<ANY> ] filler.value filler<FILLER>",
        "Fills every gap with the same value, position and elevation. NaN stands for no position or \
         elevation.",
        &[("[ NEWGTS 7 filler.value [ 3 ] ] FILL 0 GET VALUES", "[[7]]")],
    ),
    function(
        "filler.linear",
        Role::Filler(&Filler { near: None, whole: Some(curves::linear) }),
        "3.4.0",
        "filler.linear filler<FILLER>",
        "Fills gaps between points on straight lines. Positions and elevations are left out.",
        &[(
            "[ NEWGTS 1 NaN NaN NaN 1.0 ADDVALUE 5 NaN NaN NaN 2.0 ADDVALUE filler.linear [ 3 9 ] ] \
             FILL 0 GET VALUES",
            "[[1.0,2.0,1.5]]",
        )],
    ),
    function(
        "filler.spline",
        Role::Filler(&Filler { near: None, whole: Some(curves::spline) }),
        "3.4.0",
        "filler.spline filler<FILLER>",
        "Fills gaps between points on a natural cubic spline; on a straight line between two points.",
        &[(
            "[ NEWGTS 1 NaN NaN NaN 1.0 ADDVALUE 5 NaN NaN NaN 2.0 ADDVALUE filler.spline [ 3 ] ] \
             FILL 0 GET VALUES",
            "[[1.0,2.0,1.5]]",
        )],
    ),
    function(
        "filler.akima",
        Role::Filler(&Filler { near: None, whole: Some(curves::akima) }),
        "3.4.0",
        "filler.akima filler<FILLER>",
        "Fills gaps between points on an Akima spline; on straight lines when there are fewer than \
         five points.",
        &[(
            "[ NEWGTS 1 NaN NaN NaN 1.0 ADDVALUE 5 NaN NaN NaN 2.0 ADDVALUE filler.akima [ 3 ] ] \
             FILL 0 GET VALUES",
            "[[1.0,2.0,1.5]]",
        )],
    ),
    function(
        "filler.newton",
        Role::Filler(&Filler { near: None, whole: Some(curves::newton) }),
        "3.4.0",
        "filler.newton filler<FILLER>",
        "Fills gaps with values of the polynomial through all points, before the first and after the \
         last one, too.",
        &[(
            "[ NEWGTS 0 NaN NaN NaN 0.0 ADDVALUE 1 NaN NaN NaN 1.0 ADDVALUE 2 NaN NaN NaN 4.0 \
             ADDVALUE filler.newton [ 3 ] ] FILL 0 GET VALUES",
            "[[0.0,1.0,4.0,9.0]]",
        )],
    ),
    word(
        "filler.lowess",
        lowess,
        "3.4.0",
        "bandwidth<LONG> filler.lowess filler<FILLER>\n\
         bandwidth<LONG> accuracy<DOUBLE> filler.lowess filler<FILLER>",
        "Fills gaps between points on a spline through the points as local regression smooths them, \
         each from the `bandwidth` points nearest to it.",
        &[
            (
                "[ NEWGTS 1 NaN NaN NaN 1.0 ADDVALUE 5 NaN NaN NaN 2.0 ADDVALUE 3 filler.lowess [ 3 ] ] \
                 FILL 0 GET VALUES",
                "[[1.0,2.0,1.5]]",
            ),
            ("1 filler.lowess", "!expects a bandwidth > 1"),
        ],
    ),
    word(
        "filler.rlowess",
        lowess,
        "3.4.0",
        "bandwidth<LONG> rounds<LONG> filler.rlowess filler<FILLER>\n\
         bandwidth<LONG> rounds<LONG> accuracy<DOUBLE> filler.rlowess filler<FILLER>",
        "Does what filler.lowess does with `rounds` more rounds that give outliers less weight.",
        &[
            (
                "[ NEWGTS 1 NaN NaN NaN 1.0 ADDVALUE 5 NaN NaN NaN 2.0 ADDVALUE 3 1 filler.rlowess \
                 [ 3 ] ] FILL 0 GET VALUES",
                "[[1.0,2.0,1.5]]",
            ),
            ("3 0 filler.rlowess", "!expects a positive robustness"),
        ],
    ),
];

fn macro_filler(vm: &mut Machine) -> Result {
    let after = vm.pop_long("expects a 'post' window length on top of the stack.")?;
    let before = vm.pop_long("expects a 'pre' window length below the 'post' window length.")?;
    let body = vm.pop_macro("operates on a MACRO.")?;
    let length = |window: i64| usize::try_from(window as i32);
    let (Ok(before_length), Ok(after_length)) = (length(before), length(after)) else {
        return Err(vm.error("expects windows that are not negative."));
    };
    let role = Role::Macro(body, Purpose::Filler(before_length, after_length));
    push_function(vm, role, Vec::new())
}

fn value(vm: &mut Machine) -> Result {
    let top = vm.pop()?;
    let [lat, lon, elev, value] = match top.as_list() {
        None => [Value::Double(f64::NAN), Value::Double(f64::NAN), Value::Double(f64::NAN), top],
        Some(list) => match vm.heap.list(list).as_slice() {
            [lat, lon, elev, value] => [*lat, *lon, *elev, *value],
            _ => {
                let message = "expects a LIST of 4 parameters: latitude longitude elevation value";
                return Err(vm.error(message));
            }
        },
    };
    let number = |value: Value, what: &str| match value.as_f64() {
        Some(number) => Ok(number),
        None => Err(vm.error(&format!("expects the {what} to be a NUMBER"))),
    };
    let location = points::to_location(number(lat, "latitude")?, number(lon, "longitude")?);
    let elevation = match elev {
        Value::Long(v) => v,
        Value::Double(v) if v.is_nan() => NO_ELEVATION,
        _ => return Err(vm.error("expects the elevation to be a LONG or NAN")),
    };
    let fits = matches!(
        value,
        Value::Long(_) | Value::Double(_) | Value::Boolean(_) | Value::String(_) | Value::Bytes(_)
    );
    if !fits {
        return Err(vm.error(
            "expects the value to be either a LONG, a DOUBLE, a BOOLEAN, a STRING or a BYTEARRAY",
        ));
    }
    // As the reference writes it in snapshots: a position even where there is none.
    let (lat, lon) = crate::position::from_location(location);
    let items = vec![Value::Double(lat), Value::Double(lon), Value::Long(elevation), value];
    let list = vm.heap.new_list(items)?;
    static FILLER: Filler = Filler {
        near: Some(Near { window: (0, 0), run: near::value }),
        whole: Some(near::value_curve),
    };
    push_function(vm, Role::Filler(&FILLER), vec![list])
}

fn lowess(vm: &mut Machine) -> Result {
    let robust = vm.word.name == "filler.rlowess";
    let mut top = vm.pop()?;
    let mut accuracy = loess::ACCURACY;
    if let Value::Double(v) = top {
        accuracy = v;
        top = vm.pop()?;
    }
    let mut parameters = Vec::new();
    if robust {
        let Value::Long(rounds) = top else {
            return Err(vm.error("expects a number of robustifying iterations (LONG)"));
        };
        parameters.push(Value::Long(i64::from(rounds as i32)));
        top = vm.pop()?;
    }
    let Value::Long(bandwidth) = top else {
        return Err(vm.error("expects a bandwidth as a number of data points (LONG)"));
    };
    if bandwidth <= 1 {
        return Err(vm.error(&format!("expects a bandwidth > 1, instead got {bandwidth}")));
    }
    if let Some(Value::Long(rounds)) = parameters.first()
        && *rounds <= 0
    {
        return Err(vm.error(&format!("expects a positive robustness, instead got {rounds}")));
    }
    if accuracy <= 0.0 {
        return Err(vm.error(&format!("expects a positive accuracy, instead got {accuracy}")));
    }
    parameters.insert(0, Value::Long(bandwidth));
    parameters.push(Value::Double(accuracy));
    static FILLER: Filler = Filler { near: None, whole: Some(loess::curve) };
    push_function(vm, Role::Filler(&FILLER), parameters)
}
