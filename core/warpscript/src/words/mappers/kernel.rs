//! Weighted means: kernel smoothers and dot products.

use std::f64::consts::{FRAC_PI_2, FRAC_PI_4, PI, SQRT_2};

use weft_gts::{NO_ELEVATION, NO_LOCATION, Value as PointValue, ValueRef};

use super::{bad_cast, maker};
use crate::error::{Fault, Kind, Result};
use crate::function::{Aggregator, Point, Role, Window};
use crate::machine::Machine;
use crate::position;
use crate::registry::{Family, Word};
use crate::value::Value;
use crate::words::filters::push_function;
use crate::words::operators::numeric::pow;

pub(in crate::words) static FAMILY: Family = Family { name: "smoothing mappers", words: WORDS };

macro_rules! kernel_word {
    ($name:literal, $what:literal) => {
        maker(
            $name,
            make_kernel,
            "1.0.0",
            concat!("step<LONG> width<LONG> ", $name, " mapper<AGGREGATOR>"),
            concat!(
                "A weighted mean of the window: value, position and elevation. Weights fall with \
                 the distance from the tick, counted in steps; half of the odd width is where the \
                 kernel ends. The kernel is ", $what, "."
            ),
            &[(
                concat!(
                    "[ NEWGTS 1 NaN NaN NaN 5.0 ADDVALUE 2 NaN NaN NaN 5.0 ADDVALUE 1 5 ", $name,
                    " 5 5 0 ] MAP 0 GET SIZE"
                ),
                "[2]",
            )],
        )
    };
}

macro_rules! product_word {
    ($name:literal, $doc:literal, $answer:literal) => {
        maker(
            $name,
            make_product,
            "1.0.0",
            concat!("weights<LIST<DOUBLE>> ", $name, " mapper<AGGREGATOR>"),
            $doc,
            &[(
                concat!(
                    "[ NEWGTS 1 NaN NaN NaN 0 ADDVALUE [ 2.0 ] ",
                    $name,
                    " 0 0 0 ] MAP 0 GET VALUES"
                ),
                $answer,
            )],
        )
    };
}

const WORDS: &[Word] = &[
    kernel_word!("mapper.kernel.cosine", "π/4·cos(π/2·u)"),
    kernel_word!("mapper.kernel.epanechnikov", "3/4·(1-u²)"),
    kernel_word!("mapper.kernel.gaussian", "exp(-u²/2)/√2π"),
    kernel_word!("mapper.kernel.logistic", "1/(exp(u)+2+exp(-u))"),
    kernel_word!("mapper.kernel.quartic", "15/16·(1-u²)²"),
    kernel_word!("mapper.kernel.silverman", "exp(-|u|/√2)/2·sin(π/4·|u|/√2)"),
    kernel_word!("mapper.kernel.triangular", "1-|u|"),
    kernel_word!("mapper.kernel.tricube", "70/81·(1-|u|³)³"),
    kernel_word!("mapper.kernel.triweight", "35/32·(1-u²)³"),
    kernel_word!("mapper.kernel.uniform", "1/2"),
    product_word!(
        "mapper.dotproduct",
        "The sum of the values of the window, each times a weight. Windows that hold another number \
         of values than there are weights give nothing.",
        "[[0.0]]"
    ),
    product_word!(
        "mapper.dotproduct.positive",
        "What mapper.dotproduct gives, or 0 where that is negative.",
        "[[0.0]]"
    ),
    product_word!(
        "mapper.dotproduct.sigmoid",
        "The logistic function of what mapper.dotproduct gives.",
        "[[0.5]]"
    ),
    product_word!(
        "mapper.dotproduct.tanh",
        "The hyperbolic tangent of what mapper.dotproduct gives.",
        "[[0.0]]"
    ),
];

/// A weight by the distance from the centre, 1 being the end of the kernel.
type Kernel = fn(f64) -> f64;

const KERNELS: [(&str, Kernel); 10] = [
    ("mapper.kernel.cosine", |u| FRAC_PI_4 * libm::cos(FRAC_PI_2 * u)),
    ("mapper.kernel.epanechnikov", |u| 0.75 * (1.0 - u * u)),
    ("mapper.kernel.gaussian", |u| (1.0 / (2.0 * PI).sqrt()) * libm::exp(-0.5 * u * u)),
    ("mapper.kernel.logistic", |u| 1.0 / (libm::exp(u) + 2.0 + libm::exp(-u))),
    ("mapper.kernel.quartic", |u| (15.0 / 16.0) * pow(1.0 - u * u, 2.0)),
    ("mapper.kernel.silverman", |u| {
        0.5 * libm::exp(-u.abs() / SQRT_2) * libm::sin(FRAC_PI_4 * u.abs() / SQRT_2)
    }),
    ("mapper.kernel.triangular", |u| 1.0 - u),
    ("mapper.kernel.tricube", |u| (70.0 / 81.0) * pow(1.0 - pow(u.abs(), 3.0), 3.0)),
    ("mapper.kernel.triweight", |u| (35.0 / 32.0) * pow(1.0 - u * u, 3.0)),
    ("mapper.kernel.uniform", |_| 0.5),
];

fn make_kernel(vm: &mut Machine) -> Result {
    let width = vm.pop_long("expects a window width in ticks on top of the stack.")? as i32;
    if width % 2 == 0 {
        return Err(vm.error("window width MUST be odd (we count ticks, not intervals)."));
    }
    let step = vm.pop_long("expects a step length as a LONG.")?;
    static SMOOTH: Aggregator = Aggregator::mapper(smooth);
    let parameters = vec![Value::Long(step), Value::Long(i64::from(width))];
    push_function(vm, Role::Aggregator(&SMOOTH), parameters)
}

/// A weighted sum and the sum of its weights.
#[derive(Clone, Copy, Default)]
struct Mean {
    sum: f64,
    weights: f64,
}

impl Mean {
    fn add(&mut self, weight: f64, value: f64) {
        self.sum += weight * value;
        self.weights += weight;
    }

    fn value(self) -> Option<f64> {
        (self.weights != 0.0).then(|| self.sum / self.weights)
    }
}

fn smooth(vm: &mut Machine, window: &Window<'_>, parameters: &[Value]) -> Result<Point> {
    let name = vm.word.name;
    let kernel = KERNELS.iter().find(|(word, _)| *word == name).map(|(_, kernel)| *kernel);
    let (Some(kernel), [Value::Long(step), Value::Long(width)]) = (kernel, parameters) else {
        return Ok(Point::none(window.tick));
    };
    // Half of the width as an unsigned number of 32 bits.
    let count = i64::from(1 + (*width as i32 as u32 >> 1));
    let [mut values, mut latitudes, mut longitudes, mut elevations] = [Mean::default(); 4];
    vm.charge(window.len() * 4);
    for (index, tick) in window.ticks.iter().enumerate() {
        if *step == 0 {
            return Err(Fault::kind(Kind::Arithmetic, "/ by zero"));
        }
        let distance = tick.wrapping_sub(window.tick).wrapping_abs().wrapping_div(*step);
        let distance = i64::from(distance as i32);
        let value = match window.at(index) {
            Some(ValueRef::Long(v)) => v as f64,
            Some(ValueRef::Double(v)) => v,
            _ => continue,
        };
        if distance >= count {
            continue;
        }
        if distance < 0 {
            return Err(Fault::bounds());
        }
        let weight = kernel(distance as f64 / (count - 1) as f64);
        values.add(weight, value);
        let location = window.location(index);
        if location != NO_LOCATION {
            let (latitude, longitude) = position::from_location(location);
            latitudes.add(weight, latitude);
            longitudes.add(weight, longitude);
        }
        let elevation = window.elevation(index);
        if elevation != NO_ELEVATION {
            elevations.add(weight, elevation as f64);
        }
    }
    let Some(value) = values.value() else {
        return Ok(Point::none(window.tick));
    };
    let mut point = Point::new(window.tick, PointValue::Double(value));
    if let (Some(latitude), Some(longitude)) = (latitudes.value(), longitudes.value()) {
        point.location = position::to_location(latitude, longitude);
    }
    if let Some(elevation) = elevations.value() {
        point.elevation = elevation as i64;
    }
    Ok(point)
}

fn make_product(vm: &mut Machine) -> Result {
    let message = "expects an input vector (list of doubles) on top of the stack.";
    let weights = vm.pop_list(message)?;
    let weights = vm.heap.list(weights).clone();
    if weights.iter().any(|weight| !matches!(weight, Value::Double(_))) {
        return Err(bad_cast());
    }
    let weights = vm.heap.new_list(weights)?;
    static PRODUCT: Aggregator = Aggregator::mapper(product);
    push_function(vm, Role::Aggregator(&PRODUCT), vec![weights])
}

fn product(vm: &mut Machine, window: &Window<'_>, parameters: &[Value]) -> Result<Point> {
    let Some(list) = parameters.first().and_then(|value| value.as_list()) else {
        return Ok(Point::none(window.tick));
    };
    let weights = vm.heap.list(list);
    if window.is_empty() || weights.len() != window.len() {
        return Ok(Point::none(window.tick));
    }
    let number = |index: usize| match window.at(index) {
        Some(ValueRef::Long(v)) => Ok(v as f64),
        Some(ValueRef::Double(v)) => Ok(v),
        _ if index == 0 => Err(vm.error("can only be applied to LONG or DOUBLE values.")),
        _ => Err(bad_cast()),
    };
    number(0)?;
    let at = usize::try_from(window.index.unwrap_or(0)).map_err(|_| Fault::bounds())?;
    let mut sum = 0.0;
    for (index, weight) in weights.iter().enumerate() {
        sum += weight.as_f64().unwrap_or(f64::NAN) * number(index)?;
    }
    let value = match vm.word.name {
        "mapper.dotproduct.positive" if sum <= 0.0 => 0.0,
        "mapper.dotproduct.sigmoid" => 1.0 / (1.0 + libm::exp(-sum)),
        "mapper.dotproduct.tanh" => libm::tanh(sum),
        _ => sum,
    };
    vm.charge(window.len());
    Ok(Point {
        tick: window.tick,
        location: window.location(at),
        elevation: window.elevation(at),
        value: Some(PointValue::Double(value)),
    })
}
