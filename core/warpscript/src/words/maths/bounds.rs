//! Bounds of intervals, and the normal distribution.

use crate::decimal;
use crate::error::Result;
use crate::function::{Applied, Role};
use crate::heap::{Function, List};
use crate::machine::Machine;
use crate::value::Value;

const INTERVALS_MAX: i32 = 65_536;

/// Takes how many intervals there are to be.
fn intervals(vm: &mut Machine, fewest: &str) -> Result<i32> {
    let message = "expects a number of intervals on top of the stack.";
    match vm.pop_long(message)? as i32 {
        ..=0 => Err(vm.error(&format!("cannot generate bounds for less than {fewest}."))),
        count if count > INTERVALS_MAX => {
            let message =
                format!("cannot generate bounds for more than {INTERVALS_MAX} intervals.");
            Err(vm.error(&message))
        }
        count => Ok(count),
    }
}

fn number(vm: &mut Machine, message: &str) -> Result<f64> {
    match vm.pop()? {
        Value::Decimal(v) => Ok(decimal::to_double(vm.heap.decimal(v))),
        value => value.as_f64().ok_or_else(|| vm.error(message)),
    }
}

pub(super) fn linear(vm: &mut Machine) -> Result {
    let count = intervals(vm, "1 interval")?;
    let upper = number(vm, "expects an upper bound below the number of intervals.")?;
    let lower = number(vm, "expects a lower bounds below the upper bound.")?;
    if lower >= upper {
        return Err(vm.error("expects the lower bound to be strictly less than the upper bound."));
    }
    let step = (upper - lower) / f64::from(count);
    if step == 0.0 {
        return Err(vm.error("cannot operate if bounds are too close."));
    }
    let inner = (1..count).map(|index| lower + f64::from(index) * step);
    let bounds = std::iter::once(lower).chain(inner).chain([upper]);
    let bounds: List = bounds.map(Value::Double).collect();
    vm.charge(bounds.len());
    vm.push_list(bounds)
}

pub(super) fn normal(vm: &mut Machine) -> Result {
    let count = intervals(vm, "2 intervals")?;
    let sigma = number(vm, "expects a standard deviation below the number of intervals.")?;
    if sigma <= 0.0 {
        return Err(vm.error("expects a standard deviation strictly positive."));
    }
    let mu = number(vm, "expects a mean below the standard deviation.")?;
    let area = 1.0 / f64::from(count);
    let bound = |index: i32| {
        let probability = f64::from(index) * area;
        mu + sigma * std::f64::consts::SQRT_2 * erf_inverse(2.0 * probability - 1.0)
    };
    let bounds: List = (1..count).map(|index| Value::Double(bound(index))).collect();
    vm.charge(bounds.len() * 8);
    vm.push_list(bounds)
}

/// The inverse of the error function, after M. Giles: polynomials in the logarithm of `1 - x²`.
pub(crate) fn erf_inverse(x: f64) -> f64 {
    const CENTER: [f64; 23] = [
        -3.644_412_064_017_82e-21,
        -1.685_059_138_182_016_6e-19,
        1.285_848_071_525_64e-18,
        1.115_787_767_802_518_1e-17,
        -1.333_171_662_854_621e-16,
        2.097_276_787_596_856_2e-17,
        6.637_638_134_358_324e-15,
        -4.054_566_272_975_207e-14,
        -8.151_934_197_605_472e-14,
        2.633_509_315_308_232_3e-12,
        -1.297_513_325_345_353_2e-11,
        -5.415_412_054_294_628e-11,
        1.051_212_273_321_532_3e-9,
        -4.112_633_980_346_984e-9,
        -2.907_036_995_788_2e-8,
        4.234_787_782_793_24e-7,
        -1.365_469_200_083_467_9e-6,
        -1.388_252_336_278_646_9e-5,
        0.000_186_734_208_034_057_14,
        -0.000_740_702_534_166_267,
        -0.006_033_670_871_430_149,
        0.240_158_182_425_589_62,
        1.653_654_562_683_102_7,
    ];
    const MIDDLE: [f64; 19] = [
        2.213_737_692_177_578_7e-9,
        9.075_656_193_888_54e-8,
        -2.751_740_629_706_454_5e-7,
        1.823_962_921_438_922_8e-8,
        1.502_740_396_890_982_8e-6,
        -4.013_867_526_981_546e-6,
        2.923_444_908_995_544_6e-6,
        1.247_530_448_167_177_9e-5,
        -4.731_822_900_905_573e-5,
        6.828_485_145_957_318e-5,
        2.403_111_038_709_789_4e-5,
        -0.000_355_037_520_362_847_5,
        0.000_953_289_379_737_380_5,
        -0.001_688_275_556_023_504_7,
        0.002_491_442_096_107_851,
        -0.003_751_208_507_569_241,
        0.005_370_914_553_590_064,
        1.005_258_967_694_159_2,
        3.083_885_610_492_221,
    ];
    const TAIL: [f64; 17] = [
        -2.710_992_061_643_857_3e-11,
        -2.555_641_816_996_525e-10,
        1.507_657_269_350_054_8e-9,
        -3.789_465_440_126_737e-9,
        7.615_701_208_078_338e-9,
        -1.496_002_662_714_924e-8,
        2.914_795_345_090_108e-8,
        -6.771_199_775_845_234e-8,
        2.290_048_222_802_665_5e-7,
        -9.929_827_294_231_7e-7,
        4.526_062_597_223_154e-6,
        -1.968_177_810_553_167e-5,
        7.599_527_703_001_776e-5,
        -0.000_215_030_119_300_444_77,
        -0.000_138_719_318_336_231_23,
        1.010_300_464_864_534_4,
        4.849_906_401_408_584,
    ];
    let polynomial = |terms: &[f64], w: f64| terms.iter().fold(0.0, |sum, term| sum * w + term);
    let w = -libm::log((1.0 - x) * (1.0 + x));
    if w < 6.25 {
        polynomial(&CENTER, w - 3.125) * x
    } else if w < 16.0 {
        polynomial(&MIDDLE, w.sqrt() - 3.25) * x
    } else if w.is_finite() {
        polynomial(&TAIL, w.sqrt() - 5.0) * x
    } else {
        f64::INFINITY * x
    }
}

static DENSITY: Applied = Applied { run: density, mapper: None, snapshot: None };

/// `NPDF`: makes a function of the mean and standard deviation.
pub(super) fn normal_density(vm: &mut Machine) -> Result {
    let message = "expects a standard deviation (sigma) on top of the stack.";
    let sigma = number(vm, message)?;
    if sigma <= 0.0 {
        return Err(vm.error(message));
    }
    let mu = number(vm, "expects a mean (mu) below the standard deviation.")?;
    let function = vm.heap.alloc_function(Function {
        word: Some(vm.word),
        name: None,
        role: Role::Applied(&DENSITY),
        parameters: vec![Value::Double(mu), Value::Double(sigma)],
    })?;
    vm.push(Value::Function(function))
}

/// The density of a number.
fn density(vm: &mut Machine, parameters: &[Value]) -> Result {
    let x = match vm.pop()? {
        Value::Decimal(v) => decimal::to_double(vm.heap.decimal(v)),
        value => value
            .as_f64()
            .ok_or_else(|| vm.error("expects a numeric value on top of the stack."))?,
    };
    let parameter = |index: usize| parameters.get(index).and_then(|v| v.as_f64());
    let (mu, sigma) = (parameter(0).unwrap_or(0.0), parameter(1).unwrap_or(1.0));
    let scale = 1.0 / (std::f64::consts::PI * 2.0).sqrt();
    let distance = x - mu;
    vm.push((scale / sigma) * libm::exp((-1.0 / (2.0 * sigma * sigma)) * (distance * distance)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_inverse_inverts() {
        for x in [-0.999_999_9, -0.5, 0.0, 1e-9, 0.3, 0.99, 0.999_999_999_999] {
            let back = libm::erf(erf_inverse(x));
            assert!((back - x).abs() < 1e-14, "{x}: {back}");
        }
        assert_eq!(erf_inverse(1.0), f64::INFINITY);
    }
}
