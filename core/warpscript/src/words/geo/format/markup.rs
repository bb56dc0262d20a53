//! GML 2 and KML geometries.

use weft_gts::double::JavaDouble;
use weft_gts::geo::Point;

use super::{DEPTH_MAX, Geometry, Kind, bad, line, point, polygon, ring};
use crate::error::Result;

/// The two ways to write geometries as elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::words::geo) enum Dialect {
    Gml,
    Kml,
}

/// What elements have come to.
enum Part {
    Geometry(Geometry),
    Positions(Vec<Point>),
    Ring(Vec<Point>),
    Outline(Vec<Point>),
    Hole(Vec<Point>),
    Number(char, f64),
}

/// An element that is open.
struct Element<'t> {
    name: &'t str,
    text: String,
    parts: Vec<Part>,
}

/// Reads a geometry. Elements that say something else are errors.
pub(in crate::words::geo) fn read(text: &str) -> Result<Geometry> {
    let mut open: Vec<Element<'_>> = Vec::new();
    let mut done: Option<Part> = None;
    let mut scanner = Scanner { rest: text };
    while let Some(event) = scanner.next()? {
        match event {
            Event::Open(name) => {
                if open.len() > 4 * DEPTH_MAX || (open.is_empty() && done.is_some()) {
                    return Err(bad("an element is not expected here"));
                }
                open.push(Element { name, text: String::new(), parts: Vec::new() });
            }
            Event::Text(text) => match open.last_mut() {
                Some(element) => element.text.push_str(&text),
                None if text.trim().is_empty() => (),
                None => return Err(bad("Content is not allowed here")),
            },
            Event::Close(name) => {
                let element = open.pop().filter(|element| element.name == name);
                let element = element.ok_or_else(|| bad("an element ends that is not open"))?;
                let part = close(element)?;
                match open.last_mut() {
                    Some(parent) => parent.parts.push(part),
                    None => done = Some(part),
                }
            }
        }
    }
    match done {
        Some(Part::Geometry(geometry)) if open.is_empty() => Ok(geometry),
        Some(Part::Ring(points)) if open.is_empty() => Ok(Geometry::Ring(points)),
        _ => Err(bad("XML document structures must start and end within the same entity.")),
    }
}

/// What an element means.
fn close(element: Element<'_>) -> Result<Part> {
    let Element { name, text, parts } = element;
    let local = name.rsplit(':').next().unwrap_or_default().to_ascii_lowercase();
    Ok(match local.as_str() {
        "coordinates" => Part::Positions(coordinates(&text)?),
        "x" | "y" | "z" => {
            let number = weft_gts::parse_double(&text).ok_or_else(|| bad("no number"))?;
            Part::Number(local.chars().next().unwrap_or('x'), number)
        }
        "coord" => {
            let number = |axis| {
                let number = parts.iter().find_map(|part| match part {
                    Part::Number(name, number) if *name == axis => Some(*number),
                    _ => None,
                });
                number.ok_or_else(|| bad("Cannot create a coordinate without X and Y"))
            };
            Part::Positions(vec![point(number('x')?, number('y')?)?])
        }
        "point" => match positions(parts)?.as_slice() {
            [point] => Part::Geometry(Geometry::Point(Some(*point))),
            _ => return Err(bad("Cannot create a point without exactly one coordinate")),
        },
        "linestring" => Part::Geometry(Geometry::Line(line(positions(parts)?)?)),
        "linearring" => Part::Ring(ring(positions(parts)?)?),
        "outerboundaryis" => Part::Outline(one_ring(parts)?),
        "innerboundaryis" => Part::Hole(one_ring(parts)?),
        "polygon" => Part::Geometry(polygon(polygon_rings(parts)?)?),
        "pointmember" | "linestringmember" | "polygonmember" | "geometrymember" => {
            let mut geometries = geometries(parts)?;
            match (geometries.pop(), geometries.is_empty()) {
                (Some(geometry), true) => Part::Geometry(geometry),
                _ => return Err(bad("Geometry members may only contain one geometry.")),
            }
        }
        "multipoint" => many(Kind::Points, parts)?,
        "multilinestring" => many(Kind::Lines, parts)?,
        "multipolygon" => many(Kind::Polygons, parts)?,
        "multigeometry" => many(Kind::Any, parts)?,
        _ => return Err(bad(format!("{name} is no element of a geometry"))),
    })
}

/// `x,y x,y`; coordinates after the second are dropped.
fn coordinates(text: &str) -> Result<Vec<Point>> {
    let tuple = |tuple: &str| {
        let mut numbers = tuple.split(',').map(weft_gts::parse_double);
        match (numbers.next().flatten(), numbers.next().flatten()) {
            (Some(x), Some(y)) => point(x, y),
            _ => Err(bad(format!("'{tuple}' is no position"))),
        }
    };
    // Blanks around commas belong to the position.
    let mut joined = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        let sticks = joined.ends_with(',') || word.starts_with(',');
        if !joined.is_empty() && !sticks {
            joined.push(' ');
        }
        joined.push_str(word);
    }
    joined.split_whitespace().map(tuple).collect()
}

fn positions(parts: Vec<Part>) -> Result<Vec<Point>> {
    let mut all = Vec::new();
    for part in parts {
        match part {
            Part::Positions(points) => all.extend(points),
            _ => return Err(bad("coordinates are expected")),
        }
    }
    Ok(all)
}

fn one_ring(parts: Vec<Part>) -> Result<Vec<Point>> {
    match <[Part; 1]>::try_from(parts) {
        Ok([Part::Ring(points)]) => Ok(points),
        _ => Err(bad("a boundary has one ring")),
    }
}

fn polygon_rings(parts: Vec<Part>) -> Result<Vec<Vec<Point>>> {
    let mut rings = Vec::new();
    for part in parts {
        match part {
            Part::Outline(points) if rings.is_empty() => rings.push(points),
            Part::Hole(points) if !rings.is_empty() => rings.push(points),
            _ => return Err(bad("a polygon has an outer boundary and then inner ones")),
        }
    }
    Ok(rings)
}

fn geometries(parts: Vec<Part>) -> Result<Vec<Geometry>> {
    let geometry = |part| match part {
        Part::Geometry(geometry) => Ok(geometry),
        Part::Ring(points) => Ok(Geometry::Ring(points)),
        _ => Err(bad("geometries are expected")),
    };
    parts.into_iter().map(geometry).collect()
}

fn many(kind: Kind, parts: Vec<Part>) -> Result<Part> {
    let parts = geometries(parts)?;
    if parts.is_empty() {
        return Err(bad("a collection has a member at least"));
    }
    let fits = |part: &Geometry| match kind {
        Kind::Points => matches!(part, Geometry::Point(_)),
        Kind::Lines => matches!(part, Geometry::Line(_)),
        Kind::Polygons => matches!(part, Geometry::Polygon(_)),
        Kind::Any => true,
    };
    if !parts.iter().all(fits) {
        return Err(bad("a member of a collection is of another kind"));
    }
    Ok(Part::Geometry(Geometry::Many(kind, parts)))
}

enum Event<'t> {
    Open(&'t str),
    Close(&'t str),
    Text(String),
}

/// Splits a document into elements and text. Of XML it knows what geometries are written with.
struct Scanner<'t> {
    rest: &'t str,
}

impl<'t> Scanner<'t> {
    fn next(&mut self) -> Result<Option<Event<'t>>> {
        loop {
            let rest = self.rest;
            if rest.is_empty() {
                return Ok(None);
            }
            if let Some(end) = self.skipped()? {
                self.rest = &rest[end..];
                continue;
            }
            if let Some(text) = rest.strip_prefix("<![CDATA[") {
                let (text, rest) = text.split_once("]]>").ok_or_else(|| bad("CDATA is open"))?;
                self.rest = rest;
                return Ok(Some(Event::Text(text.to_owned())));
            }
            let Some(tag) = rest.strip_prefix('<') else {
                let end = rest.find('<').unwrap_or(rest.len());
                self.rest = &rest[end..];
                return Ok(Some(Event::Text(unescape(&rest[..end])?)));
            };
            return self.tag(tag).map(Some);
        }
    }

    /// Where a comment, a declaration or an instruction ends that starts here.
    fn skipped(&self) -> Result<Option<usize>> {
        for (start, end) in [("<?", "?>"), ("<!--", "-->")] {
            if self.rest.starts_with(start) {
                let found = self.rest.find(end).ok_or_else(|| bad("markup is open"))?;
                return Ok(Some(found + end.len()));
            }
        }
        Ok(None)
    }

    /// What stands between `<` and `>`.
    fn tag(&mut self, tag: &'t str) -> Result<Event<'t>> {
        let mut quote = None;
        let end = tag.find(|c| {
            match quote {
                Some(open) if c == open => quote = None,
                None if matches!(c, '"' | '\'') => quote = Some(c),
                _ => return quote.is_none() && c == '>',
            }
            false
        });
        let end = end.ok_or_else(|| bad("an element's tag is open"))?;
        let (inner, rest) = (&tag[..end], &tag[end + 1..]);
        let is_name = |c: char| c.is_alphanumeric() || matches!(c, ':' | '_' | '-' | '.');
        if let Some(name) = inner.strip_prefix('/') {
            self.rest = rest;
            return Ok(Event::Close(name.trim_end()));
        }
        let name = &inner[..inner.find(|c| !is_name(c)).unwrap_or(inner.len())];
        if name.is_empty() {
            return Err(bad("an element has no name"));
        }
        if inner.ends_with('/') {
            // An empty element holds no geometry.
            return Err(bad(format!("{name} is empty")));
        }
        self.rest = rest;
        Ok(Event::Open(name))
    }
}

/// Text with its entities replaced.
fn unescape(text: &str) -> Result<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((plain, entity)) = rest.split_once('&') {
        out.push_str(plain);
        let (name, after) = entity.split_once(';').ok_or_else(|| bad("an entity is open"))?;
        let code = match name.strip_prefix('#') {
            Some(number) => match number.strip_prefix('x') {
                Some(hex) => u32::from_str_radix(hex, 16).ok(),
                None => number.parse().ok(),
            },
            None => ["lt<", "gt>", "amp&", "quot\"", "apos'"]
                .iter()
                .find(|known| known[..known.len() - 1] == *name)
                .and_then(|known| known.chars().last())
                .map(u32::from),
        };
        let c = code.and_then(char::from_u32).ok_or_else(|| bad("an entity is unknown"))?;
        out.push(c);
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

/// Writes a geometry.
pub(in crate::words::geo) fn write(geometry: &Geometry, dialect: Dialect) -> String {
    let mut writer = Writer { out: String::new(), dialect };
    writer.geometry(geometry);
    writer.out
}

struct Writer {
    out: String,
    dialect: Dialect,
}

impl Writer {
    /// An element around what `inside` writes.
    fn element(&mut self, name: &str, inside: impl FnOnce(&mut Self)) {
        let prefix = if self.dialect == Dialect::Gml { "gml:" } else { "" };
        self.out.push_str(&format!("<{prefix}{name}>"));
        inside(self);
        self.out.push_str(&format!("</{prefix}{name}>"));
    }

    fn coordinates(&mut self, points: &[Point]) {
        self.element("coordinates", |writer| {
            for point in points {
                let (x, y) = (JavaDouble(point.x), JavaDouble(point.y));
                writer.out.push_str(&format!("{x},{y} "));
            }
        });
    }

    /// Nested as deeply as what is read: not deeply.
    fn geometry(&mut self, geometry: &Geometry) {
        match geometry {
            Geometry::Point(point) => {
                self.element("Point", |w| w.coordinates(point.as_slice()));
            }
            Geometry::Line(points) => self.element("LineString", |w| w.coordinates(points)),
            Geometry::Ring(points) => self.element("LinearRing", |w| w.coordinates(points)),
            Geometry::Polygon(rings) => self.element("Polygon", |w| {
                let empty = [Vec::new()];
                let rings = if rings.is_empty() { &empty[..] } else { rings };
                for (index, ring) in rings.iter().enumerate() {
                    let boundary = if index == 0 { "outerBoundaryIs" } else { "innerBoundaryIs" };
                    w.element(boundary, |w| w.element("LinearRing", |w| w.coordinates(ring)));
                }
            }),
            Geometry::Many(kind, parts) => self.many(*kind, parts),
        }
    }

    fn many(&mut self, kind: Kind, parts: &[Geometry]) {
        let (name, member) = match kind {
            Kind::Points => ("MultiPoint", "pointMember"),
            Kind::Lines => ("MultiLineString", "lineStringMember"),
            Kind::Polygons => ("MultiPolygon", "polygonMember"),
            Kind::Any => ("MultiGeometry", "geometryMember"),
        };
        if self.dialect == Dialect::Kml && kind != Kind::Any {
            return self.element("MultiGeometry", |w| parts.iter().for_each(|p| w.geometry(p)));
        }
        self.element(name, |w| {
            parts.iter().for_each(|part| w.element(member, |w| w.geometry(part)));
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::geo::format::read_wkt;

    #[test]
    fn what_is_written_reads_back() {
        for text in [
            "POINT (1 2)",
            "POLYGON ((0 0, 0 9, 9 9, 0 0), (1 1, 1 2, 2 2, 1 1))",
            "GEOMETRYCOLLECTION (POINT (1 2), LINESTRING (3 4, 5 6))",
        ] {
            let geometry = read_wkt(text).expect(text);
            for dialect in [Dialect::Gml, Dialect::Kml] {
                assert_eq!(read(&write(&geometry, dialect)).expect(text), geometry);
            }
        }
    }

    #[test]
    fn documents_are_checked() {
        let point = "<!-- a -->\n<Point a='>'><coordinates> 1 , 2 </coordinates></Point>\n";
        assert_eq!(
            read(point).expect("well formed"),
            read_wkt("POINT (1 2)").expect("well formed")
        );
        for text in ["", "<nope>", "<Point></Point>", "<Point/>", "<a></b>", "x<Point>", "<"] {
            assert!(read(text).is_err(), "{text}");
        }
        assert!(read(&"<MultiGeometry>".repeat(100_000)).is_err());
    }
}
