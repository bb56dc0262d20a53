//! Well-known text: `POLYGON ((0 0, 0 10, 10 10, 0 0))`.

use weft_gts::double::JavaDouble;
use weft_gts::geo::Point;

use super::{DEPTH_MAX, Geometry, Kind, bad, line, point, polygon, ring};
use crate::error::Result;

/// Reads a geometry. What follows it is ignored.
pub(in crate::words::geo) fn read(text: &str) -> Result<Geometry> {
    Parser { rest: text }.geometry(0)
}

struct Parser<'t> {
    rest: &'t str,
}

impl<'t> Parser<'t> {
    /// The next sign or word; empty at the end.
    fn token(&mut self) -> &'t str {
        let rest = self.rest.trim_start();
        let is_word = |c: char| c.is_alphanumeric() || matches!(c, '-' | '+' | '.');
        let length = match rest.chars().next() {
            Some(c) if is_word(c) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
            Some(c) => c.len_utf8(),
            None => 0,
        };
        let (token, rest) = rest.split_at(length);
        self.rest = rest;
        token
    }

    fn peek(&self) -> &'t str {
        Parser { rest: self.rest }.token()
    }

    fn geometry(&mut self, depth: usize) -> Result<Geometry> {
        let word = self.token();
        if depth > DEPTH_MAX {
            return Err(bad("collections are nested too deeply"));
        }
        Ok(match word.to_ascii_uppercase().as_str() {
            "POINT" => Geometry::Point(self.single_point()?),
            "LINESTRING" => Geometry::Line(line(self.list(Self::position)?)?),
            "LINEARRING" => Geometry::Ring(ring(self.list(Self::position)?)?),
            "POLYGON" => self.polygon()?,
            "MULTIPOINT" => Geometry::Many(Kind::Points, self.list(Self::nested_point)?),
            "MULTILINESTRING" => {
                let lines =
                    self.list(|parser| Ok(Geometry::Line(line(parser.list(Self::position)?)?)))?;
                Geometry::Many(Kind::Lines, lines)
            }
            "MULTIPOLYGON" => Geometry::Many(Kind::Polygons, self.list(Self::polygon)?),
            "GEOMETRYCOLLECTION" => {
                Geometry::Many(Kind::Any, self.list(|parser| parser.geometry(depth + 1))?)
            }
            "" => return Err(bad("Expected word but found End-of-Stream")),
            _ => return Err(bad(format!("Unknown geometry type: {word}"))),
        })
    }

    /// `EMPTY` or `(item, …)`.
    fn list<T>(&mut self, mut item: impl FnMut(&mut Self) -> Result<T>) -> Result<Vec<T>> {
        match self.token() {
            word if word.eq_ignore_ascii_case("EMPTY") => return Ok(Vec::new()),
            "(" => (),
            other => return Err(bad(format!("Expected EMPTY or ( but found '{other}'"))),
        }
        let mut items = vec![item(self)?];
        loop {
            match self.token() {
                "," => items.push(item(self)?),
                ")" => return Ok(items),
                other => return Err(bad(format!("Expected , or ) but found '{other}'"))),
            }
        }
    }

    fn number(&mut self) -> Result<f64> {
        let token = self.token();
        let number = weft_gts::parse_double(token);
        number.ok_or_else(|| bad(format!("Expected number but found '{token}'")))
    }

    /// Two coordinates; a third one is read and dropped.
    fn position(&mut self) -> Result<Point> {
        let (x, y) = (self.number()?, self.number()?);
        if !matches!(self.peek(), "," | ")" | "") {
            self.number()?;
        }
        point(x, y)
    }

    fn single_point(&mut self) -> Result<Option<Point>> {
        let points = self.list(Self::position)?;
        match points.as_slice() {
            [] => Ok(None),
            [point] => Ok(Some(*point)),
            _ => Err(bad("Expected ) but found ','")),
        }
    }

    /// A position in brackets or without.
    fn nested_point(&mut self) -> Result<Geometry> {
        if self.peek() == "(" || self.peek().eq_ignore_ascii_case("EMPTY") {
            return Ok(Geometry::Point(self.single_point()?));
        }
        Ok(Geometry::Point(Some(self.position()?)))
    }

    fn polygon(&mut self) -> Result<Geometry> {
        polygon(self.list(|parser| parser.list(Self::position))?)
    }
}

/// Writes a geometry.
pub(in crate::words::geo) fn write(geometry: &Geometry) -> String {
    let mut out = String::new();
    write_tagged(&mut out, geometry);
    out
}

/// Nested as deeply as what is read: not deeply.
fn write_tagged(out: &mut String, geometry: &Geometry) {
    let name = match geometry {
        Geometry::Point(_) => "POINT ",
        Geometry::Line(_) => "LINESTRING ",
        Geometry::Ring(_) => "LINEARRING ",
        Geometry::Polygon(_) => "POLYGON ",
        Geometry::Many(Kind::Points, _) => "MULTIPOINT ",
        Geometry::Many(Kind::Lines, _) => "MULTILINESTRING ",
        Geometry::Many(Kind::Polygons, _) => "MULTIPOLYGON ",
        Geometry::Many(Kind::Any, _) => "GEOMETRYCOLLECTION ",
    };
    out.push_str(name);
    match geometry {
        Geometry::Many(Kind::Any, parts) => write_list(out, parts, write_tagged),
        other => write_body(out, other),
    }
}

fn write_body(out: &mut String, geometry: &Geometry) {
    match geometry {
        Geometry::Point(None) => out.push_str("EMPTY"),
        Geometry::Point(Some(point)) => write_list(out, &[*point], write_position),
        Geometry::Line(points) | Geometry::Ring(points) => write_list(out, points, write_position),
        Geometry::Polygon(rings) => {
            write_list(out, rings, |out, ring| write_list(out, ring, write_position));
        }
        Geometry::Many(_, parts) => write_list(out, parts, write_body),
    }
}

fn write_list<T>(out: &mut String, items: &[T], write: impl Fn(&mut String, &T)) {
    if items.is_empty() {
        out.push_str("EMPTY");
        return;
    }
    out.push('(');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push_str(", ");
        }
        write(out, item);
    }
    out.push(')');
}

fn write_position(out: &mut String, point: &Point) {
    out.push_str(&plain(point.x));
    out.push(' ');
    out.push_str(&plain(point.y));
}

/// A number without exponent and with sixteen digits behind the point at most, halves to even.
fn plain(number: f64) -> String {
    const PLACES: i32 = 16;
    let text = JavaDouble(number.abs()).to_string();
    let (digits, exponent) = match text.split_once('E') {
        Some((digits, exponent)) => (digits, exponent.parse::<i32>().unwrap_or(0)),
        None => (text.as_str(), 0),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let mut digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).map(|b| b - b'0').collect();
    // Where the point stands in the digits.
    let mut point = whole.len() as i32 + exponent;
    let kept = point + PLACES;
    if kept < 0 {
        digits.clear();
    } else if (kept as usize) < digits.len() {
        let kept = kept as usize;
        let even = kept.checked_sub(1).is_none_or(|last| digits[last].is_multiple_of(2));
        let half = digits[kept] == 5 && digits[kept + 1..].iter().all(|d| *d == 0);
        let up = digits[kept] > 5 || (digits[kept] == 5 && !(half && even));
        digits.truncate(kept);
        if up {
            let nines = digits.iter().rev().take_while(|d| **d == 9).count();
            digits.truncate(digits.len() - nines);
            match digits.last_mut() {
                Some(last) => *last += 1,
                None => {
                    digits.push(1);
                    point += 1;
                }
            }
        }
    }
    let digit = |place: i32| {
        let index = usize::try_from(place).ok();
        index.and_then(|index| digits.get(index)).map_or('0', |d| char::from(b'0' + d))
    };
    let mut out = String::new();
    let negative = number.is_sign_negative();
    out.extend((0..point.max(0)).map(digit));
    let whole = out.trim_start_matches('0');
    let mut out = if whole.is_empty() { "0".to_owned() } else { whole.to_owned() };
    let fraction: String = (point.min(0)..0)
        .map(|_| '0')
        .chain((point.max(0)..digits.len() as i32).map(digit))
        .collect();
    let fraction = fraction.trim_end_matches('0');
    if !fraction.is_empty() {
        out.push('.');
        out.push_str(fraction);
    }
    if negative {
        out.insert(0, '-');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_plain() {
        for (number, text) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (2.25, "2.25"),
            (-67.500_000_083_819_03, "-67.50000008381903"),
            (0.099_503_719_020_998_93, "0.0995037190209989"),
            (1e20, "100000000000000000000"),
            (1.5e-10, "0.00000000015"),
            (9.999_999_999_999_999e-9, "0.00000001"),
            (1e-20, "0"),
            (100.0, "100"),
        ] {
            assert_eq!(plain(number), text);
        }
    }

    #[test]
    fn structure_is_kept() {
        for text in [
            "POINT (2.25 48.5)",
            "POINT EMPTY",
            "LINESTRING (0 0, 10 10)",
            "POLYGON ((0 0, 0 9, 9 9, 0 0), (1 1, 1 2, 2 2, 1 1))",
            "MULTIPOINT ((1 2), (3 4))",
            "MULTILINESTRING ((1 2, 3 4), (5 6, 7 8))",
            "MULTIPOLYGON (((0 0, 0 9, 9 9, 0 0)))",
            "GEOMETRYCOLLECTION (POINT (1 2), GEOMETRYCOLLECTION EMPTY)",
        ] {
            assert_eq!(write(&read(text).expect(text)), text);
        }
        for text in ["", "nope", "POINT (1)", "LINESTRING (1 1)", "POLYGON ((0 0, 1 1, 2 2, 3 3))"]
        {
            assert!(read(text).is_err(), "{text}");
        }
        assert!(read(&"GEOMETRYCOLLECTION(".repeat(100_000)).is_err());
    }
}
