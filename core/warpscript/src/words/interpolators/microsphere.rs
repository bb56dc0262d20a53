//! Interpolation in any dimension by microsphere projection.
//!
//! Around the point in question lies a small sphere with facets in random directions. Each sample
//! lights the facets that face it, the more the nearer it is, and a facet remembers the sample
//! that lights it most. The value is the mean over facets, weighted by light.

use std::any::Any;

use super::{answer, computed, number, pop_point, push_function, window_numbers};
use crate::error::{Fault, Kind, Result};
use crate::function::{Aggregator, Applied, Point, Window};
use crate::heap::{List, Object};
use crate::machine::Machine;
use crate::random::Random;
use crate::value::{Handle, Value};

/// The most facets, unless the configuration or a capability of this name says otherwise.
const FACETS_MAX: i64 = 50;
const FACETS_LIMIT: &str = "interpolation.microsphere.max.elements";

/// How often a direction is drawn at most: in high dimensions hardly one lies in the sphere.
const DRAWS_MAX: usize = 1_000_000;

#[derive(Clone, Debug)]
struct Microsphere {
    facets: Vec<Vec<f64>>,
    points: Vec<Vec<f64>>,
    values: Vec<f64>,
    /// The largest share of facets without light for which there is a value.
    dark_fraction_max: f64,
    /// Light that does not count.
    dark_threshold: f64,
    /// The value where too many facets are dark.
    background: f64,
    exponent: f64,
    /// Nearer than this a sample is the value.
    tolerance: f64,
}

impl Object for Microsphere {
    fn type_name(&self) -> &'static str {
        "X-MICROSPHERE"
    }

    fn footprint(&self) -> usize {
        let dimension = self.points.first().map_or(0, Vec::len);
        (self.facets.len() + self.points.len()) * (dimension * 8 + 24)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).fold(0.0, |sum, (a, b)| sum + a * b)
}

fn norm(v: &[f64]) -> f64 {
    dot(v, v).sqrt()
}

impl Microsphere {
    fn at(&self, point: &[f64]) -> f64 {
        let mut lights = vec![(0.0, 0.0); self.facets.len()];
        for (sample, value) in self.points.iter().zip(&self.values) {
            let direction: Vec<f64> = sample.iter().zip(point).map(|(s, p)| s - p).collect();
            let distance = norm(&direction);
            if distance < self.tolerance {
                return *value;
            }
            let weight = libm::pow(distance, -self.exponent);
            for (facet, light) in self.facets.iter().zip(&mut lights) {
                let cosine = dot(facet, &direction) / (norm(facet) * distance);
                let illumination = cosine * weight;
                if cosine > 0.0 && illumination > self.dark_threshold && illumination > light.0 {
                    *light = (illumination, *value);
                }
            }
        }
        let dark = lights.iter().filter(|light| light.0 == 0.0).count();
        if dark as f64 / lights.len() as f64 > self.dark_fraction_max {
            return self.background;
        }
        let total = lights.iter().fold(0.0, |sum, light| sum + light.0);
        lights.iter().fold(0.0, |sum, light| sum + light.0 * light.1) / total
    }

    /// What one value costs.
    fn work(&self) -> usize {
        self.points.len() * self.facets.len() * self.points.first().map_or(1, Vec::len)
    }
}

/// Directions that are equally likely.
fn draw_facets(
    vm: &mut Machine,
    count: usize,
    dimension: usize,
    mut next: impl FnMut(&mut Machine) -> f64,
) -> Result<Vec<Vec<f64>>> {
    let mut facets = Vec::with_capacity(count);
    for _ in 0..count {
        let mut draws = 0;
        let facet = loop {
            let facet: Vec<f64> = (0..dimension).map(|_| 2.0 * next(vm) - 1.0).collect();
            let square = dot(&facet, &facet);
            draws += 1;
            vm.charge(dimension * 4);
            if square <= 1.0 {
                let factor = 1.0 / square.sqrt();
                break facet.into_iter().map(|v| v * factor).collect();
            }
            if draws > DRAWS_MAX {
                return Err(vm.error("has too many dimensions."));
            }
        };
        facets.push(facet);
    }
    Ok(facets)
}

/// The DOUBLEs of a list.
fn doubles(vm: &Machine, list: Handle<List>) -> Result<Vec<f64>> {
    let double = |value: &Value| match value {
        Value::Double(v) => Ok(*v),
        _ => Err(vm.error("expects values of type DOUBLE.")),
    };
    vm.heap.claim(vm.heap.list(list).len().saturating_mul(8))?;
    vm.heap.list(list).iter().map(double).collect()
}

/// The points of a list of lists, all of one dimension.
fn points(vm: &Machine, list: Handle<List>, count: usize) -> Result<Vec<Vec<f64>>> {
    let incoherent = || {
        let name = vm.word.name;
        Fault::text(format!("{name}: incoherent input list sizes."))
    };
    let values = vm.heap.list(list);
    if values.len() != count {
        return Err(incoherent());
    }
    let mut points: Vec<Vec<f64>> = Vec::with_capacity(count);
    for value in values {
        let message = "expects a List of List as first argument.";
        let point = doubles(vm, value.as_list().ok_or_else(|| vm.error(message))?)?;
        if points.first().is_some_and(|first| first.len() != point.len()) {
            return Err(incoherent());
        }
        points.push(point);
    }
    Ok(points)
}

/// An option of the map, or what it is without.
fn option(vm: &Machine, options: Option<Value>, name: &str, default: f64) -> Result<f64> {
    let Some(Value::Map(map)) = options else {
        return Ok(default);
    };
    match vm.heap.map(map).get_text(name) {
        None => Ok(default),
        Some(value) => number(vm, value)
            .ok_or_else(|| vm.error(&format!("expects a number as option '{name}'."))),
    }
}

fn facets_max(vm: &Machine) -> i64 {
    let configured = vm.config.properties.iter().rev().find(|(key, _)| key == FACETS_LIMIT);
    let capability = vm.settings.capabilities.get(FACETS_LIMIT).map(|text| &**text);
    let text = capability.or_else(|| configured.map(|(_, value)| value.as_str()));
    text.and_then(|text| text.trim().parse().ok()).unwrap_or(FACETS_MAX)
}

static REDUCER: Aggregator = Aggregator::reducer(reduce);
static RANDOM: Applied = Applied {
    run,
    mapper: Some(&REDUCER),
    snapshot: Some(|vm, p| super::snapshot(vm, p, "INTERPOLATOR.ND.MICROSPHERE")),
};
static SEEDED: Applied = Applied {
    run,
    mapper: Some(&REDUCER),
    snapshot: Some(|vm, p| super::snapshot(vm, p, "INTERPOLATOR.ND.SMICROSPHERE")),
};

pub(super) fn interpolator(vm: &mut Machine) -> Result {
    let seeded = vm.word.name == "INTERPOLATOR.ND.SMICROSPHERE";
    let (options, values) = match vm.pop()? {
        map @ Value::Map(_) => (Some(map), vm.pop()?),
        values => (None, values),
    };
    let name = vm.word.name;
    let Some(value_list) = values.as_list() else {
        return Err(Fault::text(format!("{name}: wrong argument type")));
    };
    let values = doubles(vm, value_list)?;
    let point_list = vm.pop_list("expects a List of List as first argument.")?;
    let points = points(vm, point_list, values.len())?;
    let count = option(vm, options, "elements", 2.0)? as i32;
    if i64::from(count) > facets_max(vm) {
        return Err(Fault::text(format!(
            "{name}: argument elements is above the limit {FACETS_LIMIT}"
        )));
    }
    let dimension = points.first().map_or(0, Vec::len);
    let bad = |text: &str| Err(Fault::kind(Kind::Argument, text.to_owned()));
    if dimension == 0 || count <= 0 {
        return bad("the count of elements and the dimension must be positive");
    }
    let dark_fraction_max = option(vm, options, "max.dark.fraction", 0.5)?;
    let dark_threshold = option(vm, options, "dark.threshold", 0.01)?;
    let exponent = option(vm, options, "exponent", 2.0)?;
    if !(0.0..=1.0).contains(&dark_fraction_max) || dark_threshold < 0.0 || exponent < 0.0 {
        return bad("an option is out of range");
    }
    let facets = if seeded {
        let Some(prng) = &mut vm.settings.prng else {
            return Err(vm.error("seeded PRNG was not initialized."));
        };
        let mut random = Random::new(i64::from(prng.next_int()));
        draw_facets(vm, count as usize, dimension, |_| random.next_double())?
    } else {
        draw_facets(vm, count as usize, dimension, |vm| vm.entropy.next_f64())?
    };
    let background = option(vm, options, "background", f64::NAN)?;
    let tolerance = option(vm, options, "no.interpolation.tolerance", f64::EPSILON)?;
    let computed = vm.heap.new_object(Microsphere {
        facets,
        points,
        values,
        dark_fraction_max,
        dark_threshold,
        background,
        exponent,
        tolerance,
    })?;
    let mut shown = vec![Value::List(point_list), Value::List(value_list)];
    shown.extend(options);
    push_function(vm, if seeded { &SEEDED } else { &RANDOM }, computed, shown)
}

fn run(vm: &mut Machine, parameters: &[Value]) -> Result {
    let sphere = computed::<Microsphere>(vm, parameters)?;
    let (work, dimension) = (sphere.work(), sphere.points[0].len());
    let point = pop_point(vm, None)?;
    if point.len() != dimension {
        let text = format!("{} != {dimension}", point.len());
        return Err(Fault::kind(Kind::Argument, text));
    }
    vm.charge(work);
    let value = computed::<Microsphere>(vm, parameters)?.at(&point);
    vm.push(value)
}

fn reduce(vm: &mut Machine, window: &Window<'_>, parameters: &[Value]) -> Result<Point> {
    let sphere = computed::<Microsphere>(vm, parameters)?;
    let point: Option<Vec<f64>> = window_numbers(window).into_iter().collect();
    let point = point.ok_or_else(|| {
        vm.error(
            "expects to operate on numeric GTS when used as reducer, instead got at least one non \
             numeric element",
        )
    })?;
    if point.len() != sphere.points[0].len() {
        let text = format!("{} != {}", point.len(), sphere.points[0].len());
        return Err(Fault::kind(Kind::Argument, text));
    }
    let (value, work) = (sphere.at(&point), sphere.work());
    vm.charge(work);
    Ok(answer(window, value))
}
