//! Text in a built-in font, and shapes read from SVG.

use super::canvas::Canvas;
use super::path::{Matrix, Path, Point};
use super::style::{AlignX, AlignY};

/// The font: columns of 7 dots for each character from the space on, lowest bit above.
#[rustfmt::skip]
const FONT: [[u8; 5]; 95] = [
    [0x00, 0x00, 0x00, 0x00, 0x00], [0x00, 0x00, 0x5f, 0x00, 0x00],
    [0x00, 0x07, 0x00, 0x07, 0x00], [0x14, 0x7f, 0x14, 0x7f, 0x14],
    [0x24, 0x2a, 0x7f, 0x2a, 0x12], [0x23, 0x13, 0x08, 0x64, 0x62],
    [0x36, 0x49, 0x55, 0x22, 0x50], [0x00, 0x05, 0x03, 0x00, 0x00],
    [0x00, 0x1c, 0x22, 0x41, 0x00], [0x00, 0x41, 0x22, 0x1c, 0x00],
    [0x14, 0x08, 0x3e, 0x08, 0x14], [0x08, 0x08, 0x3e, 0x08, 0x08],
    [0x00, 0x50, 0x30, 0x00, 0x00], [0x08, 0x08, 0x08, 0x08, 0x08],
    [0x00, 0x60, 0x60, 0x00, 0x00], [0x20, 0x10, 0x08, 0x04, 0x02],
    [0x3e, 0x51, 0x49, 0x45, 0x3e], [0x00, 0x42, 0x7f, 0x40, 0x00],
    [0x42, 0x61, 0x51, 0x49, 0x46], [0x21, 0x41, 0x45, 0x4b, 0x31],
    [0x18, 0x14, 0x12, 0x7f, 0x10], [0x27, 0x45, 0x45, 0x45, 0x39],
    [0x3c, 0x4a, 0x49, 0x49, 0x30], [0x01, 0x71, 0x09, 0x05, 0x03],
    [0x36, 0x49, 0x49, 0x49, 0x36], [0x06, 0x49, 0x49, 0x29, 0x1e],
    [0x00, 0x36, 0x36, 0x00, 0x00], [0x00, 0x56, 0x36, 0x00, 0x00],
    [0x08, 0x14, 0x22, 0x41, 0x00], [0x14, 0x14, 0x14, 0x14, 0x14],
    [0x00, 0x41, 0x22, 0x14, 0x08], [0x02, 0x01, 0x51, 0x09, 0x06],
    [0x32, 0x49, 0x79, 0x41, 0x3e], [0x7e, 0x11, 0x11, 0x11, 0x7e],
    [0x7f, 0x49, 0x49, 0x49, 0x36], [0x3e, 0x41, 0x41, 0x41, 0x22],
    [0x7f, 0x41, 0x41, 0x22, 0x1c], [0x7f, 0x49, 0x49, 0x49, 0x41],
    [0x7f, 0x09, 0x09, 0x09, 0x01], [0x3e, 0x41, 0x49, 0x49, 0x7a],
    [0x7f, 0x08, 0x08, 0x08, 0x7f], [0x00, 0x41, 0x7f, 0x41, 0x00],
    [0x20, 0x40, 0x41, 0x3f, 0x01], [0x7f, 0x08, 0x14, 0x22, 0x41],
    [0x7f, 0x40, 0x40, 0x40, 0x40], [0x7f, 0x02, 0x0c, 0x02, 0x7f],
    [0x7f, 0x04, 0x08, 0x10, 0x7f], [0x3e, 0x41, 0x41, 0x41, 0x3e],
    [0x7f, 0x09, 0x09, 0x09, 0x06], [0x3e, 0x41, 0x51, 0x21, 0x5e],
    [0x7f, 0x09, 0x19, 0x29, 0x46], [0x46, 0x49, 0x49, 0x49, 0x31],
    [0x01, 0x01, 0x7f, 0x01, 0x01], [0x3f, 0x40, 0x40, 0x40, 0x3f],
    [0x1f, 0x20, 0x40, 0x20, 0x1f], [0x3f, 0x40, 0x38, 0x40, 0x3f],
    [0x63, 0x14, 0x08, 0x14, 0x63], [0x07, 0x08, 0x70, 0x08, 0x07],
    [0x61, 0x51, 0x49, 0x45, 0x43], [0x00, 0x7f, 0x41, 0x41, 0x00],
    [0x02, 0x04, 0x08, 0x10, 0x20], [0x00, 0x41, 0x41, 0x7f, 0x00],
    [0x04, 0x02, 0x01, 0x02, 0x04], [0x40, 0x40, 0x40, 0x40, 0x40],
    [0x00, 0x01, 0x02, 0x04, 0x00], [0x20, 0x54, 0x54, 0x54, 0x78],
    [0x7f, 0x48, 0x44, 0x44, 0x38], [0x38, 0x44, 0x44, 0x44, 0x20],
    [0x38, 0x44, 0x44, 0x48, 0x7f], [0x38, 0x54, 0x54, 0x54, 0x18],
    [0x08, 0x7e, 0x09, 0x01, 0x02], [0x0c, 0x52, 0x52, 0x52, 0x3e],
    [0x7f, 0x08, 0x04, 0x04, 0x78], [0x00, 0x44, 0x7d, 0x40, 0x00],
    [0x20, 0x40, 0x44, 0x3d, 0x00], [0x7f, 0x10, 0x28, 0x44, 0x00],
    [0x00, 0x41, 0x7f, 0x40, 0x00], [0x7c, 0x04, 0x18, 0x04, 0x78],
    [0x7c, 0x08, 0x04, 0x04, 0x78], [0x38, 0x44, 0x44, 0x44, 0x38],
    [0x7c, 0x14, 0x14, 0x14, 0x08], [0x08, 0x14, 0x14, 0x18, 0x7c],
    [0x7c, 0x08, 0x04, 0x04, 0x08], [0x48, 0x54, 0x54, 0x54, 0x20],
    [0x04, 0x3f, 0x44, 0x40, 0x20], [0x3c, 0x40, 0x40, 0x20, 0x7c],
    [0x1c, 0x20, 0x40, 0x20, 0x1c], [0x3c, 0x40, 0x30, 0x40, 0x3c],
    [0x44, 0x28, 0x10, 0x28, 0x44], [0x0c, 0x50, 0x50, 0x50, 0x3c],
    [0x44, 0x64, 0x54, 0x4c, 0x44], [0x00, 0x08, 0x36, 0x41, 0x00],
    [0x00, 0x00, 0x7f, 0x00, 0x00], [0x00, 0x41, 0x36, 0x08, 0x00], [0x10, 0x08, 0x08, 0x10, 0x08],
];

/// Dots from one line of text to the next, and with that a line's height.
const EM_DOTS: f32 = 9.0;

/// How far text reaches above and below its line, as a share of its size.
pub(crate) const ASCENT: f32 = 7.0 / EM_DOTS;
pub(crate) const DESCENT: f32 = 2.0 / EM_DOTS;

/// Dots from one character to the next.
const ADVANCE_DOTS: usize = 6;

impl Canvas {
    /// How wide a text is: its widest line.
    pub(crate) fn text_width(&self, text: &str) -> f32 {
        let widest = text.lines().map(|line| line.chars().count()).max().unwrap_or(0);
        widest as f32 * ADVANCE_DOTS as f32 * self.style.text_size / EM_DOTS
    }

    /// Writes a text at a place.
    pub(crate) fn text(&mut self, text: &str, x: f32, y: f32) {
        let lines: Vec<&str> = text.split('\n').collect();
        let above = (lines.len() - 1) as f32 * self.style.leading;
        let mut y = y + match self.style.align.1 {
            AlignY::Top => self.style.ascent(),
            AlignY::Center => (self.style.ascent() - above) / 2.0,
            AlignY::Bottom => -self.style.descent() - above,
            AlignY::Baseline => 0.0,
        };
        for line in lines {
            let shift = match self.style.align.0 {
                AlignX::Left => 0.0,
                AlignX::Center => self.text_width(line) / 2.0,
                AlignX::Right => self.text_width(line),
            };
            self.text_line(line, x - shift, y);
            y += self.style.leading;
        }
    }

    /// Writes a text into a box: lines break between words, and end at the lower edge.
    pub(crate) fn text_box(&mut self, text: &str, numbers: [f32; 4]) {
        let [x1, y1, x2, y2] = self.style.rect.corners(numbers);
        let mut lines = Vec::new();
        for paragraph in text.split('\n') {
            let mut line = String::new();
            for word in paragraph.split(' ') {
                let longer =
                    if line.is_empty() { word.to_owned() } else { format!("{line} {word}") };
                if !line.is_empty() && self.text_width(&longer) > x2 - x1 {
                    lines.push(std::mem::replace(&mut line, word.to_owned()));
                } else {
                    line = longer;
                }
            }
            lines.push(line);
        }
        let x = match self.style.align.0 {
            AlignX::Left => x1,
            AlignX::Center => (x1 + x2) / 2.0,
            AlignX::Right => x2,
        };
        let vertical = std::mem::replace(&mut self.style.align.1, AlignY::Baseline);
        let mut y = y1 + self.style.ascent();
        for line in lines {
            if y + self.style.descent() > y2 + self.style.text_size {
                break;
            }
            self.text(&line, x, y);
            y += self.style.leading;
        }
        self.style.align.1 = vertical;
    }

    fn text_line(&mut self, line: &str, x: f32, y: f32) {
        let dot = f64::from(self.style.text_size / EM_DOTS);
        let (x, y) = (f64::from(x), f64::from(y));
        let mut path = Path::default();
        for (index, c) in line.chars().enumerate() {
            let glyph = (c as usize).wrapping_sub(' ' as usize);
            let glyph = if glyph < FONT.len() { glyph } else { '?' as usize - ' ' as usize };
            for (column, dots) in FONT[glyph].into_iter().enumerate() {
                let left = x + (index * ADVANCE_DOTS + column) as f64 * dot;
                for row in (0..7).filter(|row| dots >> row & 1 == 1) {
                    let top = y + (f64::from(row) - 7.0) * dot;
                    let corners = [
                        (left, top),
                        (left + dot, top),
                        (left + dot, top + dot),
                        (left, top + dot),
                    ];
                    path.contours.extend(Path::polygon(&corners, true).contours);
                }
            }
        }
        self.fill_path(&path);
    }

    /// Draws a shape.
    pub(crate) fn shape(&mut self, shape: &Shape) {
        let style = self.style.clone();
        for part in &shape.parts {
            let path = part.path.transformed(&part.matrix);
            self.style.fill = part.fill;
            self.style.stroke = part.stroke;
            self.style.weight = part.weight;
            self.draw(&path);
        }
        self.style = style;
    }
}

/// A shape: what an SVG file draws.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shape {
    pub(crate) width: f32,
    pub(crate) height: f32,
    parts: Vec<Part>,
}

#[derive(Clone, Debug)]
struct Part {
    path: Path,
    matrix: Matrix,
    fill: Option<i32>,
    stroke: Option<i32>,
    weight: f32,
}

impl Shape {
    pub(crate) fn footprint(&self) -> usize {
        self.parts.iter().map(|part| part.path.len() * 16 + 256).sum()
    }

    /// Reads an SVG file; what it has beside simple shapes, paths, groups and their colours is
    /// left out.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        if !text.trim_start().starts_with('<') {
            return Err("Content is not allowed in prolog.");
        }
        let mut shape = Self::default();
        let start = Part {
            path: Path::default(),
            matrix: Matrix::default(),
            fill: Some(0xff00_0000_u32 as i32),
            stroke: None,
            weight: 1.0,
        };
        let mut open = vec![start];
        let mut rest = text;
        let mut seen = false;
        while let Some(begin) = rest.find('<') {
            let tag = &rest[begin + 1..];
            if let Some(comment) = tag.strip_prefix("!--") {
                rest = comment.split_once("-->").ok_or("A comment does not end.")?.1;
                continue;
            }
            let end = tag.find('>').ok_or("A tag does not end.")?;
            let (tag, after) = (&tag[..end], &tag[end + 1..]);
            rest = after;
            if tag.starts_with(['?', '!']) {
                continue;
            }
            if tag.starts_with('/') {
                if open.len() > 1 {
                    open.pop();
                }
                continue;
            }
            let (tag, alone) = tag.strip_suffix('/').map_or((tag, false), |tag| (tag, true));
            let (name, attributes) = tag.split_once(char::is_whitespace).unwrap_or((tag, ""));
            let element = Element { attributes: read_attributes(attributes) };
            if !seen {
                if name != "svg" {
                    return Err("root is not <svg>, it's something else");
                }
                seen = true;
                (shape.width, shape.height) = element.size();
            }
            let mut part = open.last().cloned().ok_or("A tag is closed twice.")?;
            element.style(&mut part);
            if let Some(path) = element.path(name) {
                shape.parts.push(Part { path, ..part.clone() });
            }
            if !alone {
                open.push(part);
            }
        }
        if seen { Ok(shape) } else { Err("Premature end of file.") }
    }
}

struct Element {
    attributes: Vec<(String, String)>,
}

fn read_attributes(text: &str) -> Vec<(String, String)> {
    let mut attributes = Vec::new();
    let mut rest = text;
    while let Some((name, after)) = rest.split_once('=') {
        let after = after.trim_start();
        let Some(quote) = after.chars().next().filter(|c| matches!(c, '"' | '\'')) else { break };
        let Some((value, after)) = after[1..].split_once(quote) else { break };
        attributes.push((name.trim().to_owned(), value.to_owned()));
        rest = after;
    }
    attributes
}

/// The numbers of a text, whatever stands between them.
fn numbers(text: &str) -> Vec<f64> {
    let mut numbers = Vec::new();
    let mut now = String::new();
    let mut flush = |now: &mut String| {
        numbers.extend(now.parse::<f64>().ok());
        now.clear();
    };
    for c in text.chars() {
        let after_exponent = now.ends_with(['e', 'E']);
        let goes_on = c.is_ascii_digit()
            || (matches!(c, '-' | '+') && (now.is_empty() || after_exponent))
            || (c == '.' && !now.contains('.'))
            || (matches!(c, 'e' | 'E') && !now.is_empty());
        if !goes_on {
            flush(&mut now);
        }
        if goes_on || matches!(c, '-' | '+' | '.') {
            now.push(c);
        }
    }
    flush(&mut now);
    numbers
}

fn color(text: &str) -> Option<Option<i32>> {
    let text = text.trim();
    let opaque = |rgb: u32| Some(Some((0xff00_0000 | rgb) as i32));
    if let Some(digits) = text.strip_prefix('#') {
        let value = u32::from_str_radix(digits, 16).ok()?;
        let wide = |value: u32, at: u32| (value >> at & 0xf) * 0x11;
        return match digits.len() {
            6 => opaque(value),
            3 => opaque(wide(value, 8) << 16 | wide(value, 4) << 8 | wide(value, 0)),
            _ => None,
        };
    }
    if text.starts_with("rgb")
        && let [r, g, b, ..] = numbers(text)[..]
    {
        let part = |value: f64| value.clamp(0.0, 255.0) as u32;
        return opaque(part(r) << 16 | part(g) << 8 | part(b));
    }
    match text {
        "none" | "transparent" => Some(None),
        "black" => opaque(0),
        "white" => opaque(0xff_ffff),
        "red" => opaque(0xff_0000),
        "green" => opaque(0x00_8000),
        "blue" => opaque(0x00_00ff),
        "yellow" => opaque(0xff_ff00),
        "gray" | "grey" => opaque(0x80_8080),
        _ => None,
    }
}

impl Element {
    /// An attribute, or the property of its name in `style`.
    fn get(&self, name: &str) -> Option<&str> {
        let style = self.attributes.iter().find(|(key, _)| key == "style");
        let property = style.and_then(|(_, style)| {
            let mut pairs = style.split(';').filter_map(|pair| pair.split_once(':'));
            pairs.find(|(key, _)| key.trim() == name).map(|(_, value)| value.trim())
        });
        property.or_else(|| {
            self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
        })
    }

    fn number(&self, name: &str) -> Option<f64> {
        numbers(self.get(name)?).first().copied()
    }

    fn size(&self) -> (f32, f32) {
        let view = self.get("viewBox").map(numbers).unwrap_or_default();
        let side = |name: &str, at: usize| {
            self.number(name).or_else(|| view.get(at).copied()).unwrap_or(100.0) as f32
        };
        (side("width", 2), side("height", 3))
    }

    fn style(&self, part: &mut Part) {
        if let Some(fill) = self.get("fill").and_then(color) {
            part.fill = fill;
        }
        if let Some(stroke) = self.get("stroke").and_then(color) {
            part.stroke = stroke;
        }
        if let Some(weight) = self.number("stroke-width") {
            part.weight = weight as f32;
        }
        let faded = |color: Option<i32>, share: Option<f64>| {
            let alpha = (share.unwrap_or(1.0).clamp(0.0, 1.0) * 255.0 + 0.5) as i32;
            color.map(|color| color & 0xff_ffff | alpha << 24)
        };
        let all = self.number("opacity");
        if let Some(share) = self.number("fill-opacity").or(all) {
            part.fill = faded(part.fill, Some(share));
        }
        if let Some(share) = self.number("stroke-opacity").or(all) {
            part.stroke = faded(part.stroke, Some(share));
        }
        for call in self.get("transform").unwrap_or_default().split(')') {
            let Some((name, arguments)) = call.split_once('(') else { continue };
            let n = numbers(arguments);
            let first = n.first().copied().unwrap_or(0.0);
            let second = n.get(1).copied();
            let matrix = match name.trim_matches([' ', ',']) {
                "translate" => [1.0, 0.0, 0.0, 1.0, first, second.unwrap_or(0.0)],
                "scale" => [first, 0.0, 0.0, second.unwrap_or(first), 0.0, 0.0],
                "rotate" => {
                    let (sin, cos) = libm::sincos(first.to_radians());
                    [cos, sin, -sin, cos, 0.0, 0.0]
                }
                "matrix" if n.len() == 6 => [n[0], n[1], n[2], n[3], n[4], n[5]],
                _ => continue,
            };
            part.matrix = part.matrix.then(matrix);
        }
    }

    fn path(&self, name: &str) -> Option<Path> {
        let n = |name: &str| self.number(name).unwrap_or(0.0);
        Some(match name {
            "rect" => {
                let (x, y, w, h) = (n("x"), n("y"), n("width"), n("height"));
                Path::polygon(&[(x, y), (x + w, y), (x + w, y + h), (x, y + h)], true)
            }
            "line" => Path::polygon(&[(n("x1"), n("y1")), (n("x2"), n("y2"))], false),
            "circle" | "ellipse" => {
                let (rx, ry) = if name == "circle" { (n("r"), n("r")) } else { (n("rx"), n("ry")) };
                let corner = (n("cx") - rx, n("cy") - ry);
                let full = std::f64::consts::TAU;
                let mut path = Path::arc(corner, (rx * 2.0, ry * 2.0), 0.0, full);
                path.close();
                path
            }
            "polygon" | "polyline" => {
                let numbers = numbers(self.get("points")?);
                let points: Vec<Point> = numbers.chunks_exact(2).map(|p| (p[0], p[1])).collect();
                Path::polygon(&points, name == "polygon")
            }
            "path" => commands(self.get("d")?),
            _ => return None,
        })
    }
}

/// The path that `d` describes; arcs become straight lines.
fn commands(text: &str) -> Path {
    let mut path = Path::default();
    let mut at: Point = (0.0, 0.0);
    let mut start = at;
    let mut control: Option<Point> = None;
    let mut rest = text;
    while let Some(place) = rest.find(|c: char| c.is_ascii_alphabetic() && c != 'e' && c != 'E') {
        let command = rest.as_bytes()[place];
        let after = &rest[place + 1..];
        let end = after.find(|c: char| c.is_ascii_alphabetic() && c != 'e' && c != 'E');
        let (arguments, after) = after.split_at(end.unwrap_or(after.len()));
        rest = after;
        let n = numbers(arguments);
        let relative = command.is_ascii_lowercase();
        let kind = command.to_ascii_uppercase();
        let size = match kind {
            b'H' | b'V' => 1,
            b'C' => 6,
            b'S' | b'Q' => 4,
            b'A' => 7,
            b'Z' => {
                path.close();
                at = start;
                continue;
            }
            _ => 2,
        };
        for (index, n) in n.chunks_exact(size).enumerate() {
            let base = if relative { at } else { (0.0, 0.0) };
            let point = |i: usize| (base.0 + n[i], base.1 + n[i + 1]);
            let end = match kind {
                b'H' => (base.0 + n[0], at.1),
                b'V' => (at.0, base.1 + n[0]),
                _ => point(size - 2),
            };
            let mirrored = control.map_or(at, |c| (2.0 * at.0 - c.0, 2.0 * at.1 - c.1));
            control = None;
            match kind {
                b'M' if index == 0 => {
                    path.move_to(end);
                    start = end;
                }
                b'C' => {
                    path.curve_to(point(0), point(2), end);
                    control = Some(point(2));
                }
                b'S' => {
                    path.curve_to(mirrored, point(0), end);
                    control = Some(point(0));
                }
                b'Q' | b'T' => {
                    let middle = if kind == b'Q' { point(0) } else { mirrored };
                    let near =
                        |p: Point| (p.0 + (middle.0 - p.0) / 1.5, p.1 + (middle.1 - p.1) / 1.5);
                    path.curve_to(near(at), near(end), end);
                    control = Some(middle);
                }
                _ => path.line_to(end),
            }
            at = end;
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read() {
        let shape = Shape::parse(
            "<?xml version=\"1.0\"?><svg width='6' height='4'><!-- <x> --><g fill='red'>\
             <rect x=\"1\" width=\"2\" height=\"2\"/></g><path d='M0 0h3.5v-2e0l-1-1Z'/></svg>",
        )
        .expect("an SVG file");
        assert_eq!((shape.width, shape.height), (6.0, 4.0));
        assert_eq!(shape.parts[0].fill, Some(0xffff_0000_u32 as i32));
        assert_eq!(
            shape.parts[1].path.contours[0].points,
            [(0.0, 0.0), (3.5, 0.0), (3.5, -2.0), (2.5, -3.0)]
        );
        assert!(Shape::parse("nope").is_err() && Shape::parse("<a").is_err());
        assert_eq!(numbers("1.5.5-3,4e-1"), [1.5, 0.5, -3.0, 0.4]);
    }
}
