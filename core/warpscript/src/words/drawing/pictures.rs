//! Words on pictures: pixels, copies, filters, files.

use super::arguments::{
    change, change_picture, compute, copied, draw, float, int, look, picture, pop, text,
};
use super::color::bad_mode;
use crate::error::{Fault, Result};
use crate::graphics::blend::Blend;
use crate::graphics::canvas::Canvas;
use crate::graphics::filter::Filter;
use crate::graphics::png::Note;
use crate::graphics::style::Box4;
use crate::graphics::{Picture, jpeg, png};
use crate::heap::{Map, Text};
use crate::machine::Machine;
use crate::value::{Handle, Value};

/// Fails when a picture would have too many pixels.
fn check_size(vm: &Machine, width: i64, height: i64) -> Result {
    let pixels = width.max(0).saturating_mul(height.max(0));
    if pixels > vm.limits.pixels {
        return Err(vm.error(&format!(
            "only allows pictures with a total number of pixels less than {} requested size was \
             {width}x{height}.",
            vm.limits.pixels
        )));
    }
    vm.heap.claim((pixels as usize).saturating_mul(16))
}

pub(super) fn create(vm: &mut Machine) -> Result {
    let top = vm.pop()?;
    let kind = text(vm, top)?;
    let Some(level) = kind.strip_prefix("2D") else {
        return Err(vm.error("expects a type ('2D' or '3D') on top of the stack."));
    };
    let smooth = match level {
        "" => true,
        level => match level.parse::<i32>() {
            Ok(level) => level != 0,
            Err(_) => return Err(Fault::text(format!("For input string: \"{level}\""))),
        },
    };
    let height = vm.pop_long("expects a height in pixels below the type.")?;
    let width = vm.pop_long("expects a width in pixels below the height.")?;
    check_size(vm, width, height)?;
    let (Ok(w), Ok(h)) = (u32::try_from(width), u32::try_from(height)) else {
        return Err(vm.error("expects a positive size."));
    };
    if w == 0 || h == 0 {
        return Err(Fault::text(format!("Width ({w}) and height ({h}) must be > 0")));
    }
    let canvas = vm.heap.new_object(Canvas::new(w as usize, h as usize, smooth))?;
    vm.push(canvas)
}

fn push_picture(vm: &mut Machine, picture: Picture) -> Result {
    let value = vm.heap.new_object(picture)?;
    vm.push(value)
}

pub(super) fn pixels(vm: &mut Machine) -> Result {
    let top = vm.peek(0)?;
    let Some(found) = picture(vm, top) else {
        return Err(vm.error("can only be applied to PGraphics or PImage instances."));
    };
    vm.heap.claim_values(found.pixels.len())?;
    let list: Vec<Value> = found.pixels.iter().map(|p| Value::Long((*p).into())).collect();
    vm.charge(list.len());
    let is_canvas = matches!(top, Value::Object(h) if vm.heap.object::<Canvas>(h).is_some());
    if !is_canvas {
        vm.pop()?;
    }
    vm.push_list(list)
}

pub(super) fn update_pixels(vm: &mut Machine) -> Result {
    let below = if vm.depth() >= 2 { vm.peek(1)? } else { Value::Null };
    let is_picture = matches!(below, Value::Object(h) if vm.heap.object::<Picture>(h).is_some());
    let (target, list) = if is_picture && vm.peek(0)?.as_list().is_some() {
        let list = vm.pop()?;
        (vm.pop()?, list)
    } else {
        let (target, values) = pop(vm, &[1])?;
        (Value::Object(target), values[0])
    };
    let Some(list) = list.as_list() else {
        return Err(vm.error("expects an array of pixels on top of the stack."));
    };
    let count = picture(vm, target).map_or(0, |picture| picture.pixels.len());
    let list = vm.heap.list(list);
    if list.len() != count {
        return Err(vm.error(&format!("expected an array of {count} pixels, found {}", list.len())));
    }
    let pixels: Option<Vec<i32>> = list
        .iter()
        .map(|value| if let Value::Long(v) = value { Some(*v as i32) } else { None })
        .collect();
    let Some(pixels) = pixels else { return Err(vm.error("expected an array of LONG.")) };
    vm.charge(count);
    change_picture(vm, target, |picture| picture.pixels.clone_from(&pixels));
    vm.push(target)
}

pub(super) fn size(vm: &mut Machine) -> Result {
    let top = vm.pop()?;
    let Some(found) = picture(vm, top) else {
        return Err(vm.error("expects a PIMAGE or a PGRAPHICS instance."));
    };
    let (width, height) = (found.width as i64, found.height as i64);
    vm.push(width)?;
    vm.push(height)
}

pub(super) fn get(vm: &mut Machine) -> Result {
    let (target, values) = pop(vm, &[0, 2, 4])?;
    let n: Vec<i32> = values.iter().map(|v| int(vm, *v)).collect::<Result<_>>()?;
    vm.push(Value::Object(target))?;
    match n[..] {
        [x, y] => {
            let color = look(vm, target)?.picture.get(x, y);
            vm.push(i64::from(color))
        }
        [x, y, width, height] => {
            check_size(vm, width.into(), height.into())?;
            let (width, height) = (width.max(0) as usize, height.max(0) as usize);
            vm.charge(width * height);
            let part = look(vm, target)?.picture.part(x, y, width, height);
            push_picture(vm, part)
        }
        _ => {
            let copy = copied(vm, Value::Object(target))?.unwrap_or_default();
            push_picture(vm, copy)
        }
    }
}

pub(super) fn set(vm: &mut Machine) -> Result {
    let (target, values) = pop(vm, &[3])?;
    let (x, y) = (int(vm, values[0])?, int(vm, values[1])?);
    match copied(vm, values[2])? {
        Some(picture) => draw(vm, target, |canvas| {
            canvas.picture.paste(x, y, &picture);
            Ok(())
        }),
        None => {
            let color = int(vm, values[2])?;
            vm.heap.update_object(target, |canvas: &mut Canvas| canvas.picture.set(x, y, color));
            vm.push(Value::Object(target))
        }
    }
}

pub(super) fn to_image(vm: &mut Machine) -> Result {
    let top = vm.pop()?;
    let is_canvas = matches!(top, Value::Object(h) if vm.heap.object::<Canvas>(h).is_some());
    match copied(vm, top)? {
        Some(copy) if is_canvas => push_picture(vm, copy),
        _ => Err(vm.error("operates on a PGraphics instance.")),
    }
}

pub(super) fn image(vm: &mut Machine) -> Result {
    let (target, values) = pop(vm, &[3, 5])?;
    let Some(picture) = copied(vm, values[0])? else {
        return Err(vm.error("expects an image as parameter deepest."));
    };
    let n: Vec<f32> = values[1..].iter().map(|v| float(vm, *v)).collect::<Result<_>>()?;
    draw(vm, target, |canvas| {
        let numbers = match n[..] {
            [x, y, c, d] => [x, y, c, d],
            _ => canvas.image_box(&picture, n[0], n[1]),
        };
        canvas.image(&picture, numbers);
        Ok(())
    })
}

pub(super) fn copy(vm: &mut Machine) -> Result {
    let (target, values) = pop(vm, &[0, 8, 9])?;
    if values.is_empty() {
        let copy = copied(vm, Value::Object(target))?.unwrap_or_default();
        vm.push(Value::Object(target))?;
        return push_picture(vm, copy);
    }
    let (source, numbers) = source(vm, &values, 8)?;
    draw(vm, target, |canvas| {
        match source {
            Some(source) => canvas.copy_from(&source, numbers),
            None => canvas.copy_within(numbers),
        }
        Ok(())
    })
}

/// The picture that may come first, and eight numbers.
fn source(vm: &mut Machine, values: &[Value], count: usize) -> Result<(Option<Picture>, [i32; 8])> {
    let (source, rest) = values.split_at(values.len() - count);
    let source = match source {
        [value] => match copied(vm, *value)? {
            Some(picture) => Some(picture),
            None => return Err(Fault::text("Not a picture.")),
        },
        _ => None,
    };
    let mut numbers = [0; 8];
    for (number, value) in numbers.iter_mut().zip(rest) {
        *number = int(vm, *value)?;
    }
    Ok((source, numbers))
}

pub(super) fn blend(vm: &mut Machine) -> Result {
    let (target, values) = pop(vm, &[9, 10])?;
    let (mode, values) = match values.split_last() {
        Some((mode, values)) => (*mode, values),
        None => return Err(Fault::null()),
    };
    let mode = text(vm, mode)?;
    let Some(blend) = Blend::named(&mode) else { return Err(vm.error("invalid blend mode.")) };
    let (source, numbers) = source(vm, values, 8)?;
    let source = match source {
        Some(source) => source,
        None => copied(vm, Value::Object(target))?.unwrap_or_default(),
    };
    draw(vm, target, |canvas| {
        canvas.blend(&source, numbers, blend);
        Ok(())
    })
}

pub(super) fn blend_mode(vm: &mut Machine) -> Result {
    const ALLOWED: &str = "'BLEND', 'ADD', 'SUBTRACT', 'DARKEST', 'LIGHTEST', 'DIFFERENCE', \
                           'EXCLUSION', 'MULTIPLY', 'SCREEN', or 'REPLACE'";
    let (target, values) = pop(vm, &[1])?;
    let mode = text(vm, values[0])?;
    let blend = Blend::named(&mode).filter(|_| ALLOWED.contains(&format!("'{mode}'")));
    let Some(blend) = blend else { return Err(bad_mode(vm, ALLOWED)) };
    draw(vm, target, |canvas| {
        canvas.style.blend = blend;
        Ok(())
    })
}

pub(super) fn filter(vm: &mut Machine) -> Result {
    let (target, values) = pop(vm, &[1, 2])?;
    let kind = text(vm, values[0])?;
    let level = values.get(1).map(|value| float(vm, *value)).transpose()?;
    let filter = match (&*kind, level) {
        ("THRESHOLD", level) => Filter::Threshold(level.unwrap_or(0.5)),
        ("BLUR", level) => Filter::Blur(level.unwrap_or(1.0)),
        ("GRAY", None) => Filter::Gray,
        ("OPAQUE", None) => Filter::Opaque,
        ("INVERT", None) => Filter::Invert,
        ("ERODE", None) => Filter::Erode,
        ("DILATE", None) => Filter::Dilate,
        ("POSTERIZE", Some(level)) if (2..=255).contains(&(level as i32)) => {
            Filter::Posterize(level as i32)
        }
        ("POSTERIZE", Some(_)) => {
            return Err(Fault::text(
                "Levels must be between 2 and 255 for filter(POSTERIZE, levels)",
            ));
        }
        ("POSTERIZE", None) => {
            return Err(Fault::text(
                "Use filter(POSTERIZE, int levels) instead of filter(POSTERIZE)",
            ));
        }
        ("GRAY" | "OPAQUE" | "INVERT" | "ERODE" | "DILATE", Some(_)) => {
            return Err(Fault::text(format!(
                "Use filter({kind}) instead of filter({kind}, param)"
            )));
        }
        _ => return Err(vm.error("invalid mode.")),
    };
    if let Filter::Blur(radius) = filter {
        let work = (radius.clamp(0.0, 71.0) * 7.0) as usize + 2;
        let pixels = look(vm, target)?.picture.pixels.len();
        vm.charge(pixels.saturating_mul(work));
    }
    draw(vm, target, |canvas| canvas.filter(filter))
}

pub(super) fn mask(vm: &mut Machine) -> Result {
    const MESSAGE: &str = "expects two PIMAGEs.";
    let top = vm.pop()?;
    let Some(mask) = copied(vm, top)? else { return Err(vm.error(MESSAGE)) };
    let target = vm.pop()?;
    let Some(size) = picture(vm, target).map(|picture| picture.pixels.len()) else {
        return Err(vm.error(MESSAGE));
    };
    if size != mask.pixels.len() {
        return Err(vm.error("expects the two PIMAGEs to be of the same size."));
    }
    vm.charge(size);
    change_picture(vm, target, |picture| {
        for (pixel, mask) in picture.pixels.iter_mut().zip(&mask.pixels) {
            *pixel = (mask & 0xff) << 24 | *pixel & 0xff_ffff;
        }
    });
    vm.push(target)
}

fn pop_side(vm: &mut Machine, message: &str) -> Result<usize> {
    let side = vm.pop_long(message)?;
    let side = i32::try_from(side).ok().and_then(|side| usize::try_from(side).ok());
    side.ok_or_else(|| vm.error("expects the height to be positive and less than 2147483647."))
}

pub(super) fn resize(vm: &mut Machine) -> Result {
    let mut height = pop_side(vm, "expects a height in pixel.")?;
    let mut width = pop_side(vm, "expects a width in pixel.")?;
    check_size(vm, width as i64, height as i64)?;
    let target = vm.pop()?;
    let Some(found) = picture(vm, target) else {
        return Err(vm.error("expects a PIMAGE or a PGRAPHICS instance."));
    };
    let scaled = |side: usize, from: usize, to: usize| {
        (to as f32 * (side as f32 / from.max(1) as f32)) as usize
    };
    match (width, height) {
        (0, 0) => {
            return Err(Fault::text("width or height must be greater than 0 for resize"));
        }
        (0, side) => width = scaled(side, found.height, found.width),
        (side, 0) => height = scaled(side, found.width, found.height),
        _ => (),
    }
    check_size(vm, width as i64, height as i64)?;
    vm.charge(width * height * 4);
    change_picture(vm, target, |picture| *picture = picture.resized(width, height));
    vm.push(target)
}

/// How a word names one of the boxes that it accepts.
pub(super) fn box_mode(
    vm: &mut Machine,
    radius: bool,
    run: impl FnOnce(&mut Canvas, Box4),
) -> Result {
    let (target, values) = pop(vm, &[1])?;
    let mode = match &*text(vm, values[0])? {
        "CORNER" => Box4::Corner,
        "CORNERS" => Box4::Corners,
        "CENTER" => Box4::Center,
        "RADIUS" if radius => Box4::Radius,
        _ if radius => return Err(bad_mode(vm, "'CENTER', 'RADIUS', 'CORNER' or 'CORNERS'")),
        _ => return Err(bad_mode(vm, "'CENTER', 'CORNER' or 'CORNERS'")),
    };
    draw(vm, target, |canvas| {
        run(canvas, mode);
        Ok(())
    })
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn to_base64(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let mut group = [0; 4];
        group[1..=chunk.len()].copy_from_slice(chunk);
        let bits = u32::from_be_bytes(group);
        for place in 0..4 {
            let digit = BASE64[(bits >> (18 - 6 * place) & 63) as usize];
            out.push(if place <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
    out
}

fn from_base64(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let (mut held, mut count) = (0u32, 0);
    for c in text.bytes() {
        let c = match c {
            b'-' => b'+',
            b'_' => b'/',
            c => c,
        };
        let Some(digit) = BASE64.iter().position(|known| *known == c) else { continue };
        held = held << 6 | digit as u32;
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((held >> count) as u8);
        }
    }
    out
}

pub(super) fn encode(vm: &mut Machine) -> Result {
    let mut top = vm.pop()?;
    let mut options = None;
    if let Value::Map(map) = top {
        options = Some(vm.heap.map(map).clone());
        top = vm.pop()?;
    }
    let Some(picture) = copied(vm, top)? else {
        return Err(vm.error("operates on a PGRAPHICS or PIMAGE instance."));
    };
    vm.heap.claim(picture.pixels.len().saturating_mul(12))?;
    vm.charge(picture.pixels.len().saturating_mul(8));
    let options = options.unwrap_or_default();
    let format = match options.get_text("format") {
        None => "png".into(),
        Some(format) => text(vm, format)?,
    };
    let bytes = match &*format {
        "png" => png::encode(&picture, &notes(vm, &options)?),
        "jpeg" => {
            let quality = match options.get_text("quality") {
                None => 0.75,
                Some(Value::Double(quality)) => quality as f32,
                Some(Value::Long(quality)) => quality as f32 / 100.0,
                Some(_) => {
                    return Err(Fault::text(
                        "Parameter 'quality' for format 'jpeg' must be a DOUBLE between 0.0 and \
                         1.0, or a LONG between 0 and 100.",
                    ));
                }
            };
            let encoded =
                if picture.pixels.is_empty() { None } else { jpeg::encode(&picture, quality) };
            encoded.ok_or_else(|| vm.error("cannot encode a picture of this size."))?
        }
        _ => return Err(Fault::text("Only formats 'png' and 'jpeg' are supported.")),
    };
    vm.push_string(format!("data:image/{format};base64,{}", to_base64(&bytes)))
}

/// The texts that go into a PNG file.
fn notes(vm: &Machine, options: &Map) -> Result<Vec<Note>> {
    let mut notes = Vec::new();
    for (key, value) in &options.entries {
        let kind = key.as_text().map(|text| &**text).unwrap_or_default();
        if kind == "format" {
            continue;
        }
        if !matches!(kind, "tEXt" | "zTXt" | "iTXt") {
            return Err(Fault::text("Only 'tEXt', 'zTXt' and 'iTXt' chunks can be specified."));
        }
        let Some(list) = value.as_list() else {
            return Err(Fault::text("Chunk type must be associated with a list of chunks."));
        };
        for item in vm.heap.list(list) {
            let Value::Map(map) = item else {
                return Err(Fault::text(format!("{kind} chunks must be MAP instances.")));
            };
            notes.push(note(vm, kind, *map)?);
        }
    }
    Ok(notes)
}

fn note(vm: &Machine, kind: &str, map: Handle<Map>) -> Result<Note> {
    let map = vm.heap.map(map);
    let get = |key: &str| map.get_text(key).and_then(|value| vm.as_text(value));
    let (Some(keyword), Some(content)) = (get("keyword"), get("text")) else {
        return Err(Fault::text(format!(
            "{kind} chunks MUST contains 'keyword' and 'text' entries of type STRING."
        )));
    };
    let (keyword, text) = (keyword.to_string(), content.to_string());
    let other = |key: &str| get(key).map(Text::to_string).unwrap_or_default();
    Ok(match kind {
        "tEXt" => Note::Text(keyword, text),
        "zTXt" => Note::Packed(keyword, text),
        _ => Note::International {
            keyword,
            text,
            language: other("languageTag"),
            translated: other("translatedKeyword"),
            packed: matches!(map.get_text("compressionFlag"), Some(Value::Boolean(true))),
        },
    })
}

pub(super) fn decode(vm: &mut Machine) -> Result {
    let bytes = match vm.pop()? {
        Value::Bytes(bytes) => vm.heap.bytes(bytes).to_vec(),
        Value::String(text) if vm.heap.text(text).starts_with("data:image/") => {
            let text = vm.heap.text(text);
            from_base64(text.split_once(',').map_or(&**text, |(_, data)| data))
        }
        _ => {
            return Err(vm.error("expects a base64 data URI or a byte array on top of the stack."));
        }
    };
    let room = vm.heap.limit().saturating_sub(vm.heap.used()) / 16;
    let most = usize::try_from(vm.limits.pixels).unwrap_or(room).min(room);
    vm.charge(bytes.len() * 8);
    // What cannot be read is a picture without pixels.
    let picture = png::decode(&bytes, most).unwrap_or_default();
    vm.charge(picture.pixels.len() * 4);
    push_picture(vm, picture)
}

/// Looks at the canvas and leaves a number of it.
pub(super) fn measure(vm: &mut Machine, run: impl Fn(&Canvas) -> f32) -> Result {
    compute(vm, &[0], |_, canvas, _| Ok(f64::from(run(canvas)).into()))
}

pub(super) fn clear(vm: &mut Machine) -> Result {
    let (target, _) = pop(vm, &[0])?;
    change(vm, target, |canvas| canvas.background(0))?;
    vm.push(Value::Object(target))
}
