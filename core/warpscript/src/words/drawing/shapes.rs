//! Words that draw shapes and text.

use super::arguments::{Font, compute, draw, float, floats, numeric, pop, text};
use super::color::bad_mode;
use crate::error::{Fault, Kind as FaultKind, Result};
use crate::graphics::canvas::{Canvas, Kind};
use crate::graphics::path::{Cap, Join};
use crate::graphics::shapes::Shape;
use crate::graphics::style::{AlignX, AlignY, Box4};
use crate::machine::Machine;
use crate::value::Value;

/// A word that ignores its numbers: it means something in space alone.
pub(super) fn in_space(vm: &mut Machine, counts: &[usize]) -> Result {
    numeric(vm, counts, |_, _| Ok(()))
}

pub(super) fn point(n: f32, m: f32) -> (f64, f64) {
    (f64::from(n), f64::from(m))
}

/// The corners that pairs of numbers are.
pub(super) fn corners(n: &[f32]) -> Vec<(f64, f64)> {
    n.chunks_exact(2).map(|pair| point(pair[0], pair[1])).collect()
}

pub(super) fn rect(canvas: &mut Canvas, n: &[f32]) {
    let radii = match n[4..] {
        [all] => [all; 4],
        [tl, tr, br, bl] => [tl, tr, br, bl],
        _ => [0.0; 4],
    };
    canvas.rect([n[0], n[1], n[2], n[3]], radii);
}

pub(super) fn arc(vm: &mut Machine) -> Result {
    let (target, values) = pop(vm, &[6, 7])?;
    let n = floats(vm, &values[..6])?;
    let mode = match values.get(6) {
        Some(mode) => text(vm, *mode)?,
        None => "".into(),
    };
    if values.len() == 7 && !matches!(&*mode, "CHORD" | "PIE" | "OPEN") {
        return Err(vm.error("invalid mode, expected 'CHORD', 'PIE' or 'OPEN'."));
    }
    draw(vm, target, |canvas| {
        canvas.arc([n[0], n[1], n[2], n[3]], n[4], n[5], &mode);
        Ok(())
    })
}

/// `Pbezier` and `Pcurve`: a shape of its own.
pub(super) fn curve(vm: &mut Machine, bezier: bool) -> Result {
    let name = vm.word.name;
    numeric(vm, &[8, 12], |canvas, n| {
        if n.len() == 12 {
            return Err("need a 3D container to draw a 3D curve.");
        }
        canvas.begin_shape(Kind::Polygon);
        if bezier {
            canvas.vertex(n[0], n[1]);
            canvas.bezier_vertex([n[2], n[3], n[4], n[5], n[6], n[7]])?;
        } else {
            for pair in n.chunks_exact(2) {
                canvas.curve_vertex(pair[0], pair[1])?;
            }
        }
        canvas.end_shape(false);
        Ok(())
    })
    .map_err(|fault| fault.wrap(name))
}

pub(super) fn begin_shape(vm: &mut Machine) -> Result {
    let (target, values) = pop(vm, &[0, 1])?;
    let kind = match values.first() {
        None => Kind::Polygon,
        Some(kind) => match &*text(vm, *kind)? {
            "POLYGON" => Kind::Polygon,
            "POINTS" => Kind::Points,
            "LINES" => Kind::Lines,
            "TRIANGLES" => Kind::Triangles,
            "TRIANGLE_STRIP" => Kind::TriangleStrip,
            "TRIANGLE_FAN" => Kind::TriangleFan,
            "QUADS" => Kind::Quads,
            "QUAD_STRIP" => Kind::QuadStrip,
            _ => {
                return Err(bad_mode(
                    vm,
                    "'POLYGON', 'POINTS', 'LINES', 'TRIANGLES', 'TRIANGLE_STRIP', \
                     'TRIANGLE_FAN', 'QUADS' or 'QUAD_STRIP'",
                ));
            }
        },
    };
    draw(vm, target, |canvas| {
        canvas.begin_shape(kind);
        Ok(())
    })
}

pub(super) fn end_shape(vm: &mut Machine) -> Result {
    let (target, values) = pop(vm, &[0, 1])?;
    let close = match values.first() {
        None => false,
        Some(mode) => match &*text(vm, *mode)? {
            "OPEN" => false,
            "CLOSE" => true,
            _ => return Err(bad_mode(vm, "'OPEN' or 'CLOSE'")),
        },
    };
    draw(vm, target, |canvas| {
        canvas.end_shape(close);
        Ok(())
    })
}

pub(super) fn cap(vm: &mut Machine) -> Result {
    let (target, values) = pop(vm, &[1])?;
    let cap = match &*text(vm, values[0])? {
        "SQUARE" => Cap::Square,
        "PROJECT" => Cap::Project,
        "ROUND" => Cap::Round,
        _ => return Err(bad_mode(vm, "'SQUARE', 'PROJECT' or 'ROUND'")),
    };
    draw(vm, target, |canvas| {
        canvas.style.cap = cap;
        Ok(())
    })
}

pub(super) fn join(vm: &mut Machine) -> Result {
    let (target, values) = pop(vm, &[1])?;
    let join = match &*text(vm, values[0])? {
        "MITER" => Join::Miter,
        "BEVEL" => Join::Bevel,
        "ROUND" => Join::Round,
        _ => return Err(bad_mode(vm, "'MITER', 'BEVEL' or 'ROUND'")),
    };
    draw(vm, target, |canvas| {
        canvas.style.join = join;
        Ok(())
    })
}

pub(super) fn write(vm: &mut Machine) -> Result {
    let (target, values) = pop(vm, &[3, 4, 5])?;
    let words = text(vm, values[0])?;
    vm.charge(words.len() * 64);
    vm.heap.claim(words.len().saturating_mul(35 * 128))?;
    let n = floats(vm, &values[1..])?;
    draw(vm, target, |canvas| {
        match n[..] {
            [x, y, c, d] => canvas.text_box(&words, [x, y, c, d]),
            _ => canvas.text(&words, n[0], n[1]),
        }
        Ok(())
    })
}

pub(super) fn align(vm: &mut Machine) -> Result {
    let (target, values) = pop(vm, &[1, 2])?;
    let x = match &*text(vm, values[0])? {
        "LEFT" => AlignX::Left,
        "RIGHT" => AlignX::Right,
        "CENTER" => AlignX::Center,
        _ => {
            let text = "invalid alignment for X, should be 'LEFT', 'RIGHT' or 'CENTER'.";
            return Err(vm.error(text));
        }
    };
    let y = match values.get(1) {
        None => AlignY::Baseline,
        Some(y) => match &*text(vm, *y)? {
            "TOP" => AlignY::Top,
            "BOTTOM" => AlignY::Bottom,
            "CENTER" => AlignY::Center,
            "BASELINE" => AlignY::Baseline,
            _ => {
                let text = "invalid alignment for Y, should be 'TOP', 'BOTTOM', 'CENTER' or \
                            'BASELINE'.";
                return Err(vm.error(text));
            }
        },
    };
    draw(vm, target, |canvas| {
        canvas.style.align = (x, y);
        Ok(())
    })
}

pub(super) fn text_width(vm: &mut Machine) -> Result {
    compute(vm, &[1], |vm, canvas, values| {
        Ok(f64::from(canvas.text_width(&text(vm, values[0])?)).into())
    })
}

pub(super) fn text_mode(vm: &mut Machine) -> Result {
    let (target, values) = pop(vm, &[1])?;
    match vm.as_text(values[0]).map(|text| &**text) {
        Some("MODEL" | "SHAPE") => vm.push(Value::Object(target)),
        _ => Err(vm.error("invalid mode, should be 'MODEL' or 'SHAPE'.")),
    }
}

pub(super) fn create_font(vm: &mut Machine) -> Result {
    const DEFAULT_SIZE: f32 = 12.0;
    let (target, values) = pop(vm, &[1, 2, 3, 4])?;
    let name = text(vm, values[0])?;
    if ["http://", "https://", "file://"].iter().any(|scheme| name.starts_with(scheme)) {
        return Err(vm.error(&format!("error loading font {name}")));
    }
    let size = match values.get(1) {
        Some(size) => float(vm, *size)?,
        None => DEFAULT_SIZE,
    };
    vm.push(Value::Object(target))?;
    let font = vm.heap.new_object(Font(size))?;
    vm.push(font)
}

pub(super) fn text_font(vm: &mut Machine) -> Result {
    let (target, values) = pop(vm, &[1, 2])?;
    let font = match values[0] {
        Value::Object(handle) => vm.heap.object::<Font>(handle).copied(),
        _ => None,
    };
    let Some(Font(own)) = font else {
        return Err(Fault::kind(FaultKind::Cast, "Not a font."));
    };
    let size = match values.get(1) {
        Some(size) => float(vm, *size)?,
        None => own,
    };
    draw(vm, target, |canvas| {
        canvas.style.set_text_size(size);
        Ok(())
    })
}

pub(super) fn load_shape(vm: &mut Machine) -> Result {
    let top = vm.pop()?;
    let file = text(vm, top)?;
    vm.charge(file.len() * 4);
    vm.heap.claim(file.len().saturating_mul(64))?;
    let shape = Shape::parse(&file).map_err(|text| {
        Fault::text(text).wrap("PloadShape caught an exception while loading SVG.")
    })?;
    let value = vm.heap.new_object(shape)?;
    vm.push(value)
}

pub(super) fn shape(vm: &mut Machine) -> Result {
    let (target, values) = pop(vm, &[1, 3, 5])?;
    let shape = match values[0] {
        Value::Object(handle) => vm.heap.object::<Shape>(handle).cloned(),
        _ => None,
    };
    let Some(shape) = shape else { return Err(Fault::kind(FaultKind::Cast, "Not a shape.")) };
    vm.charge(shape.footprint());
    let n = floats(vm, &values[1..])?;
    draw(vm, target, |canvas| {
        let mode = canvas.style.shape;
        let (width, height) = (shape.width, shape.height);
        let [x, y, w, h] = match n[..] {
            [x, y, c, d] if mode == Box4::Corners => [x, y, c - x, d - y],
            [x, y, w, h] => [x, y, w, h],
            [x, y] => [x, y, width, height],
            _ => [0.0, 0.0, width, height],
        };
        let centered = mode == Box4::Center;
        let (left, top) = if centered { (x - w / 2.0, y - h / 2.0) } else { (x, y) };
        canvas.push_matrix()?;
        let scale = |side: f32, own: f32| if own == 0.0 { 1.0 } else { f64::from(side / own) };
        canvas.transform([
            scale(w, width),
            0.0,
            0.0,
            scale(h, height),
            f64::from(left),
            f64::from(top),
        ]);
        canvas.shape(&shape);
        canvas.pop_matrix()
    })
}
