//! Well-known text: `POINT (2.35 48.85)`, `POLYGON ((0 0, 1 0, 1 1, 0 0))` and the like.
//!
//! Coordinates are longitude then latitude; a third and a fourth one are read and dropped.

use super::geometry::{Geometry, Point, Polygon};

/// How deep collections may be nested.
const DEPTH_MAX: usize = 32;

/// A text that is no geometry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no well-known text: {expected} expected at character {position}")]
pub struct WktError {
    /// What should be there.
    pub expected: &'static str,
    /// Where, in bytes from the start.
    pub position: usize,
}

/// Reads a geometry.
pub fn parse(text: &str) -> Result<Geometry, WktError> {
    let mut parser = Parser { text, position: 0 };
    let geometry = parser.geometry(0)?;
    if !parser.rest().is_empty() {
        return Err(parser.expected("the end"));
    }
    Ok(geometry)
}

struct Parser<'t> {
    text: &'t str,
    position: usize,
}

impl<'t> Parser<'t> {
    fn geometry(&mut self, depth: usize) -> Result<Geometry, WktError> {
        let kind = self.word().to_ascii_uppercase();
        let start = self.position;
        if !matches!(self.word().to_ascii_uppercase().as_str(), "Z" | "M" | "ZM") {
            self.position = start;
        }
        let mut geometry = Geometry::default();
        match kind.as_str() {
            "POINT" => geometry.points = self.list(Self::point)?,
            "MULTIPOINT" => geometry.points = self.list(Self::nested_point)?,
            "LINESTRING" | "LINEARRING" => geometry.lines = vec![self.line()?],
            "MULTILINESTRING" => geometry.lines = self.list(Self::line)?,
            "POLYGON" => geometry.polygons = vec![self.polygon()?],
            "MULTIPOLYGON" => geometry.polygons = self.list(Self::polygon)?,
            "GEOMETRYCOLLECTION" if depth < DEPTH_MAX => {
                for part in self.list(|parser| parser.geometry(depth + 1))? {
                    geometry.append(part);
                }
            }
            _ => {
                self.position = start;
                return Err(self.expected("a kind of geometry"));
            }
        }
        if kind == "POINT" && geometry.points.len() > 1 {
            return Err(self.expected("one position"));
        }
        Ok(geometry)
    }

    /// `EMPTY` or `(item, …)`.
    fn list<T>(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<T, WktError>,
    ) -> Result<Vec<T>, WktError> {
        if self.rest().get(..5).is_some_and(|word| word.eq_ignore_ascii_case("EMPTY")) {
            self.position += 5;
            return Ok(Vec::new());
        }
        self.sign('(', "( or EMPTY")?;
        let mut items = vec![item(self)?];
        while self.rest().starts_with(',') {
            self.position += 1;
            items.push(item(self)?);
        }
        self.sign(')', ", or )")?;
        Ok(items)
    }

    fn line(&mut self) -> Result<Vec<Point>, WktError> {
        let line = self.list(Self::point)?;
        if line.len() == 1 {
            return Err(self.expected("a second position"));
        }
        Ok(line)
    }

    fn polygon(&mut self) -> Result<Polygon, WktError> {
        let rings = self.list(|parser| {
            let ring = parser.list(Self::point)?;
            if ring.len() < 4 && !ring.is_empty() || ring.first() != ring.last() {
                return Err(parser.expected("a ring of four positions that ends where it starts"));
            }
            Ok(ring)
        })?;
        Ok(Polygon { rings })
    }

    /// A position in brackets or without.
    fn nested_point(&mut self) -> Result<Point, WktError> {
        if !self.rest().starts_with('(') {
            return self.point();
        }
        self.position += 1;
        let point = self.point()?;
        self.sign(')', ")")?;
        Ok(point)
    }

    fn point(&mut self) -> Result<Point, WktError> {
        let point = Point { x: self.number()?, y: self.number()? };
        for _ in 0..2 {
            if !self.rest().starts_with([',', ')']) {
                self.number()?;
            }
        }
        Ok(point)
    }

    fn number(&mut self) -> Result<f64, WktError> {
        let rest = self.rest();
        let length = rest
            .find(|c: char| !c.is_ascii_digit() && !matches!(c, '+' | '-' | '.' | 'e' | 'E'))
            .unwrap_or(rest.len());
        match rest[..length].parse::<f64>() {
            Ok(number) if number.is_finite() => {
                self.position += length;
                Ok(number)
            }
            _ => Err(self.expected("a number")),
        }
    }

    fn word(&mut self) -> &'t str {
        let rest = self.rest();
        let length = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
        self.position += length;
        &rest[..length]
    }

    fn sign(&mut self, sign: char, expected: &'static str) -> Result<(), WktError> {
        if !self.rest().starts_with(sign) {
            return Err(self.expected(expected));
        }
        self.position += sign.len_utf8();
        Ok(())
    }

    /// What is left, without blanks in front.
    fn rest(&mut self) -> &'t str {
        let rest = &self.text[self.position..];
        let trimmed = rest.trim_start();
        self.position += rest.len() - trimmed.len();
        trimmed
    }

    fn expected(&self, expected: &'static str) -> WktError {
        WktError { expected, position: self.position }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_kind_is_read() {
        for (text, points, lines, rings) in [
            ("POINT (2.35 48.85)", 1, 0, 0),
            ("point z(1 2 3)", 1, 0, 0),
            ("MULTIPOINT ((1 2), 3 4)", 2, 0, 0),
            ("LINESTRING (0 0, 1e0 -1)", 0, 1, 0),
            ("MULTILINESTRING((0 0,1 1),(2 2,3 3))", 0, 2, 0),
            ("POLYGON ((0 0,9 0,9 9,0 0),(2 2,3 2,3 3,2 2))", 0, 0, 2),
            ("MULTIPOLYGON (((0 0,9 0,9 9,0 0)),((2 2,3 2,3 3,2 2)))", 0, 0, 2),
            ("GEOMETRYCOLLECTION (POINT (1 1), LINESTRING EMPTY, POINT (2 2))", 2, 1, 0),
            (" POLYGON EMPTY ", 0, 0, 0),
        ] {
            let geometry = parse(text).expect(text);
            let found: usize = geometry.polygons.iter().map(|polygon| polygon.rings.len()).sum();
            assert_eq!(
                (geometry.points.len(), geometry.lines.len(), found),
                (points, lines, rings),
                "{text}"
            );
        }
    }

    #[test]
    fn mistakes_are_named() {
        for (text, message) in [
            ("", "no well-known text: a kind of geometry expected at character 0"),
            ("POINT 1 2", "no well-known text: ( or EMPTY expected at character 6"),
            ("POINT (1 x)", "no well-known text: a number expected at character 9"),
            ("POINT (1 2) 3", "no well-known text: the end expected at character 12"),
            ("POINT (1 2, 3 4)", "no well-known text: one position expected at character 16"),
            ("LINESTRING (1 2)", "no well-known text: a second position expected at character 16"),
        ] {
            assert_eq!(parse(text).expect_err(text).to_string(), message);
        }
        assert!(parse("POLYGON ((0 0, 1 1, 2 2, 3 3))").is_err());
        assert!(parse(&"GEOMETRYCOLLECTION(".repeat(100_000)).is_err());
    }

    proptest! {
        #[test]
        fn any_text_ends(text in "[A-Z(), 0-9.é-]{0,60}") {
            let _ = parse(&text);
        }
    }
}
