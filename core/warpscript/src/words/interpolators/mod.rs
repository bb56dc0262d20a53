//! Functions that interpolate between given points: on a line, on grids, in any dimension.

mod grid;
mod line;
mod microsphere;

use crate::decimal;
use crate::error::{Error, Fault, Kind, Result};
use crate::function::{Applied, Point, Role, Window};
use crate::heap::{Function, List};
use crate::machine::Machine;
use crate::registry::{Family, word};
use crate::snapshot::{self, Style};
use crate::value::{Handle, Value};

pub(super) static FAMILY: Family = Family {
    name: "interpolators",
    words: &[
        word(
            "INTERPOLATOR.1D.LINEAR",
            line::interpolator,
            "3.3.0",
            "xs<LIST> ys<LIST> INTERPOLATOR.1D.LINEAR function<AGGREGATOR>",
            "Makes a function that goes through points in straight lines; NaN outside of them. It \
             can be evaluated on a number and used as a mapper.",
            &[("2 [ 0 1 3 ] [ 0 10 30 ] INTERPOLATOR.1D.LINEAR EVAL", "[20.0]")],
        ),
        word(
            "INTERPOLATOR.1D.SPLINE",
            line::interpolator,
            "3.3.0",
            "xs<LIST> ys<LIST> INTERPOLATOR.1D.SPLINE function<AGGREGATOR>",
            "Makes a function that goes through points as a natural cubic spline; NaN outside of \
             them.",
            &[("2 [ 0 1 2 3 ] [ 0 1 8 27 ] INTERPOLATOR.1D.SPLINE EVAL", "[8.0]")],
        ),
        word(
            "INTERPOLATOR.1D.AKIMA",
            line::interpolator,
            "3.3.0",
            "xs<LIST> ys<LIST> INTERPOLATOR.1D.AKIMA function<AGGREGATOR>",
            "Makes a function that goes through points as an Akima spline; NaN outside of them.",
            &[("2 [ 0 1 2 3 4 ] [ 0 1 4 9 16 ] INTERPOLATOR.1D.AKIMA EVAL", "[4.0]")],
        ),
        word(
            "INTERPOLATOR.2D.BICUBIC",
            grid::bicubic,
            "3.3.0",
            "xs<LIST> ys<LIST> values<LIST> INTERPOLATOR.2D.BICUBIC function<AGGREGATOR>",
            "Makes a function that interpolates on a grid of two dimensions; values are a list of \
             lists. It can be evaluated on a list of two numbers and used as a reducer of two \
             series.",
            &[(
                "[ 1 1 ] [ 0 1 2 ] [ 0 1 2 ] [ [ 0 1 2 ] [ 1 2 3 ] [ 2 3 4 ] ] \
                 INTERPOLATOR.2D.BICUBIC EVAL",
                "[2.0]",
            )],
        ),
        word(
            "INTERPOLATOR.3D.TRICUBIC",
            grid::tricubic,
            "3.3.0",
            "xs<LIST> ys<LIST> zs<LIST> values<LIST> INTERPOLATOR.3D.TRICUBIC function<AGGREGATOR>",
            "Makes a function that interpolates on a grid of three dimensions. It can be evaluated \
             on a list of three numbers and used as a reducer of three series.",
            &[(
                "[ 1 1 1 ] [ 0 1 ] [ 0 1 ] [ 0 1 ] [ [ [ 0 1 ] [ 1 2 ] ] [ [ 1 2 ] [ 2 3 ] ] ] \
                 INTERPOLATOR.3D.TRICUBIC EVAL",
                "[3.0]",
            )],
        ),
        word(
            "INTERPOLATOR.ND.MICROSPHERE",
            microsphere::interpolator,
            "3.3.0",
            "points<LIST> values<LIST> INTERPOLATOR.ND.MICROSPHERE function<AGGREGATOR>\n\
             points<LIST> values<LIST> options<MAP> INTERPOLATOR.ND.MICROSPHERE function<AGGREGATOR>",
            "Makes a function that interpolates between points in any dimension by how they light \
             the facets of a small sphere. The facets are random.",
            &[(
                "[ 1.0 ] [ [ 0.0 ] [ 1.0 ] ] [ 1.0 2.0 ] INTERPOLATOR.ND.MICROSPHERE EVAL",
                "[2.0]",
            )],
        ),
        word(
            "INTERPOLATOR.ND.SMICROSPHERE",
            microsphere::interpolator,
            "3.3.0",
            "points<LIST> values<LIST> INTERPOLATOR.ND.SMICROSPHERE function<AGGREGATOR>\n\
             points<LIST> values<LIST> options<MAP> INTERPOLATOR.ND.SMICROSPHERE function<AGGREGATOR>",
            "The same with facets from the generator that PRNG seeded.",
            &[(
                "[ 1.0 ] 42 PRNG [ [ 0.0 ] [ 1.0 ] ] [ 1.0 2.0 ] INTERPOLATOR.ND.SMICROSPHERE EVAL",
                "[2.0]",
            )],
        ),
    ],
};

/// A value as a number.
fn number(vm: &Machine, value: Value) -> Option<f64> {
    match value {
        Value::Decimal(v) => Some(decimal::to_double(vm.heap.decimal(v))),
        value => value.as_f64(),
    }
}

/// The numbers of a list.
fn numbers(vm: &Machine, list: Handle<List>, message: &str) -> Result<Vec<f64>> {
    let values = vm.heap.list(list);
    vm.heap.claim(values.len().saturating_mul(8))?;
    let number = |value: &Value| number(vm, *value).ok_or_else(|| vm.error(message));
    values.iter().map(number).collect()
}

/// Fails unless numbers increase.
fn check_order(numbers: &[f64]) -> Result {
    for (index, pair) in numbers.windows(2).enumerate() {
        if pair[1] <= pair[0] {
            let text = format!(
                "points {index} and {} are not strictly increasing ({} >= {})",
                index + 1,
                pair[0],
                pair[1]
            );
            return Err(Fault::kind(Kind::Argument, text));
        }
    }
    Ok(())
}

/// Pushes a function: what was computed for it, and the lists that it is shown with.
fn push_function(
    vm: &mut Machine,
    applied: &'static Applied,
    computed: Value,
    shown: Vec<Value>,
) -> Result {
    let parameters = std::iter::once(computed).chain(shown).collect();
    let (word, role) = (Some(vm.word), Role::Applied(applied));
    let function = vm.heap.alloc_function(Function { word, name: None, role, parameters })?;
    vm.push(Value::Function(function))
}

/// The lists of a function and its name.
fn snapshot(vm: &Machine, parameters: &[Value], name: &str) -> Result<String> {
    let mut text = String::new();
    for parameter in parameters.iter().skip(1) {
        let style = Style { readable: true, ..Style::default() };
        text.push_str(&snapshot::value(vm, *parameter, style)?);
    }
    text.push_str(name);
    Ok(text)
}

/// What a word computed for its function.
fn computed<'vm, T: crate::heap::Object>(vm: &'vm Machine, parameters: &[Value]) -> Result<&'vm T> {
    let found = match parameters.first() {
        Some(Value::Object(object)) => vm.heap.object::<T>(*object),
        _ => None,
    };
    found.ok_or_else(|| Fault::Error(Box::new(Error::bare(Kind::Null))))
}

/// The numbers of a window, one for each series; `None` for one that is missing or no number.
fn window_numbers(window: &Window<'_>) -> Vec<Option<f64>> {
    let number = |index: usize| match window.value(index)? {
        weft_gts::Value::Long(v) => Some(v as f64),
        weft_gts::Value::Double(v) => Some(v),
        _ => None,
    };
    (0..window.len()).map(number).collect()
}

/// A point at the place of the first one of a window.
fn answer(window: &Window<'_>, value: f64) -> Point {
    Point {
        tick: window.tick,
        location: window.location(0),
        elevation: window.elevation(0),
        value: Some(weft_gts::Value::Double(value)),
    }
}

/// Takes a list of so many numbers from the stack.
fn pop_point(vm: &mut Machine, dimension: Option<usize>) -> Result<Vec<f64>> {
    let list = vm.pop_list("expects a LIST")?;
    let size = vm.heap.list(list).len();
    if let Some(dimension) = dimension.filter(|dimension| *dimension != size) {
        let message = format!("expects a LIST with {dimension} components {size}");
        return Err(vm.error(&message));
    }
    numbers(
        vm,
        list,
        "expects a numeric LIST as argument, but it contains at least one non-numeric element.",
    )
}
