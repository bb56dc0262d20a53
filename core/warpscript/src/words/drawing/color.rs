//! Colours, and the numbers of Processing's mathematics.

use super::arguments::{change, compute, copied, draw, float, floats, int, look, pop, text};
use crate::error::{Fault, Kind, Result};
use crate::graphics::canvas::Canvas;
use crate::graphics::color::Mode;
use crate::machine::Machine;
use crate::value::Value;

/// A colour of one to four numbers. One LONG is a gray or a packed colour; one DOUBLE is a gray.
fn read(vm: &Machine, mode: &Mode, values: &[Value], packed: bool) -> Result<i32> {
    match *values {
        [gray] | [gray, _] => {
            let alpha = values.get(1).map(|value| float(vm, *value)).transpose()?;
            if packed || matches!(gray, Value::Long(_)) {
                return Ok(mode.gray_or_packed(int(vm, gray)?, alpha));
            }
            Ok(mode.gray(float(vm, gray)?, alpha.unwrap_or(mode.max[3])))
        }
        [x, y, z, ..] => {
            let alpha = values.get(3).map(|value| float(vm, *value)).transpose()?;
            let numbers = [float(vm, x)?, float(vm, y)?, float(vm, z)?];
            Ok(mode.color(numbers, alpha))
        }
        [] => Ok(0),
    }
}

const COLORS: &[usize] = &[1, 2, 3, 4];

pub(super) fn color(vm: &mut Machine) -> Result {
    compute(vm, COLORS, |vm, canvas, values| {
        Ok(Value::Long(read(vm, &canvas.style.mode, values, true)?.into()))
    })
}

/// Sets a colour of the style.
pub(super) fn set(vm: &mut Machine, run: impl FnOnce(&mut Canvas, i32)) -> Result {
    let (target, values) = pop(vm, COLORS)?;
    if let [value] | [value, _] = values[..]
        && !matches!(value, Value::Long(_) | Value::Double(_))
    {
        // Neither a gray nor a packed colour: nothing is set.
        return vm.push(Value::Object(target));
    }
    let color = read(vm, &look(vm, target)?.style.mode, &values, false)?;
    draw(vm, target, |canvas| {
        run(canvas, color);
        Ok(())
    })
}

pub(super) fn background(vm: &mut Machine) -> Result {
    let (target, values) = pop(vm, COLORS)?;
    if let [image] = values[..]
        && let Some(picture) = copied(vm, image)?
    {
        let size = change(vm, target, |canvas| {
            let own = (canvas.picture.width, canvas.picture.height);
            if own == (picture.width, picture.height) {
                canvas.picture.paste(0, 0, &picture);
            }
            own
        })?;
        if size != (picture.width, picture.height) {
            return Err(Fault::text("background image must be the same size as your application"));
        }
        return vm.push(Value::Object(target));
    }
    for value in values.into_iter().rev().chain([Value::Object(target)]).rev() {
        vm.push(value)?;
    }
    set(vm, Canvas::background)
}

pub(super) fn mode(vm: &mut Machine) -> Result {
    let (target, values) = pop(vm, &[1, 2, 4, 5])?;
    let hsb = match &*text(vm, values[0])? {
        "RGB" => false,
        "HSB" => true,
        _ => return Err(vm.error(": invalid mode, should be one of 'RGB' or 'HSB'")),
    };
    let max = floats(vm, &values[1..])?;
    draw(vm, target, |canvas| {
        let mode = &mut canvas.style.mode;
        mode.hsb = hsb;
        match max[..] {
            [all] => mode.max = [all; 4],
            [x, y, z] => mode.max = [x, y, z, mode.max[3]],
            [x, y, z, a] => mode.max = [x, y, z, a],
            _ => (),
        }
        Ok(())
    })
}

/// A part of a colour: `which` as [`Mode::part`] has it.
pub(super) fn part(vm: &mut Machine, which: usize) -> Result {
    compute(vm, &[1], |vm, canvas, values| {
        Ok(f64::from(canvas.style.mode.part(int(vm, values[0])?, which)).into())
    })
}

/// Hue, saturation or brightness of a colour.
pub(super) fn hsb(vm: &mut Machine, which: usize) -> Result {
    compute(vm, &[1], |vm, canvas, values| {
        Ok(f64::from(canvas.style.mode.hsb_part(int(vm, values[0])?, which)).into())
    })
}

pub(super) fn mix(vm: &mut Machine) -> Result {
    compute(vm, &[3], |vm, canvas, values| {
        let (a, b) = (int(vm, values[0])?, int(vm, values[1])?);
        Ok(Value::Long(canvas.style.mode.mix(a, b, float(vm, values[2])?).into()))
    })
}

pub(super) fn constrain(vm: &mut Machine) -> Result {
    compute(vm, &[3], |vm, _, values| {
        if matches!(values[0], Value::Long(_)) {
            let [value, low, high] =
                [int(vm, values[0])?, int(vm, values[1])?, int(vm, values[2])?];
            let inside = if value < low { low } else { value.min(high) };
            return Ok(Value::Long(inside.into()));
        }
        let n = floats(vm, values)?;
        let inside = if n[0] < n[1] {
            n[1]
        } else if n[0] > n[2] {
            n[2]
        } else {
            n[0]
        };
        Ok(f64::from(inside).into())
    })
}

/// A word that computes a float from floats.
pub(super) fn number(
    vm: &mut Machine,
    counts: &[usize],
    run: impl Fn(&[f32], &Canvas) -> f32,
) -> Result {
    compute(vm, counts, |vm, canvas, values| {
        let numbers = floats(vm, values)?;
        Ok(f64::from(run(&numbers, canvas)).into())
    })
}

fn length(parts: &[f32]) -> f32 {
    libm::sqrt(f64::from(parts.iter().map(|part| part * part).sum::<f32>())) as f32
}

/// `Pdist`; of points in space the reference says 0.
pub(super) fn distance(n: &[f32]) -> f32 {
    match n {
        [x1, y1, x2, y2] => length(&[x2 - x1, y2 - y1]),
        _ => 0.0,
    }
}

pub(super) fn magnitude(n: &[f32]) -> f32 {
    length(n)
}

pub(super) fn bezier_point(n: &[f32]) -> f32 {
    let (a, b, c, d, t) = (n[0], n[1], n[2], n[3], n[4]);
    let s = 1.0 - t;
    (a * s + 3.0 * b * t) * s * s + (3.0 * c * s + d * t) * t * t
}

pub(super) fn bezier_tangent(n: &[f32]) -> f32 {
    let (a, b, c, d, t) = (n[0], n[1], n[2], n[3], n[4]);
    3.0 * t * t * (-a + 3.0 * b - 3.0 * c + d) + 6.0 * t * (a - 2.0 * b + c) + 3.0 * (-a + b)
}

/// How much each point weighs, for each power of the place from the third down.
fn weights(tightness: f32) -> [[f32; 4]; 4] {
    let s = tightness;
    [
        [(s - 1.0) / 2.0, (s + 3.0) / 2.0, (-3.0 - s) / 2.0, (1.0 - s) / 2.0],
        [1.0 - s, (-5.0 - s) / 2.0, s + 2.0, (s - 1.0) / 2.0],
        [(s - 1.0) / 2.0, 0.0, (1.0 - s) / 2.0, 0.0],
        [0.0, 1.0, 0.0, 0.0],
    ]
}

pub(super) fn curve_point(n: &[f32], tightness: f32) -> f32 {
    let w = weights(tightness);
    let t = n[4];
    let (tt, ttt) = (t * t, t * (t * t));
    (0..4)
        .map(|i| n[i] * (ttt * w[0][i] + tt * w[1][i] + t * w[2][i] + w[3][i]))
        .fold(0.0, |sum, term| sum + term)
}

pub(super) fn curve_tangent(n: &[f32], tightness: f32) -> f32 {
    let w = weights(tightness);
    let (tt3, t2) = (n[4] * n[4] * 3.0, n[4] * 2.0);
    (0..4)
        .map(|i| n[i] * (tt3 * w[0][i] + t2 * w[1][i] + w[2][i]))
        .fold(0.0, |sum, term| sum + term)
}

/// What is no mode of a word.
pub(super) fn bad_mode(vm: &Machine, allowed: &str) -> Fault {
    Fault::kind(Kind::Script, format!("{}: invalid mode, should be {allowed}.", vm.word.name))
}
