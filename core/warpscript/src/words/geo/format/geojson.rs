//! GeoJSON geometries; features are refused, as the reference refuses them.

use serde_json::Value;
use weft_gts::double::JavaDouble;
use weft_gts::geo::Point;

use super::{DEPTH_MAX, Geometry, Kind, bad, line, point, polygon};
use crate::error::Result;

/// Reads a geometry.
pub(in crate::words::geo) fn read(text: &str) -> Result<Geometry> {
    let value: Value = serde_json::from_str(text).map_err(|error| bad(error.to_string()))?;
    geometry(&value, 0)
}

fn geometry(value: &Value, depth: usize) -> Result<Geometry> {
    if depth > DEPTH_MAX {
        return Err(bad("collections are nested too deeply"));
    }
    let kind = value.get("type").and_then(Value::as_str).ok_or_else(|| bad("no type"))?;
    let coordinates = || value.get("coordinates").ok_or_else(|| bad("no coordinates"));
    Ok(match kind {
        "Point" => Geometry::Point(Some(position(coordinates()?)?)),
        "LineString" => Geometry::Line(line(positions(coordinates()?)?)?),
        "Polygon" => polygon(rings(coordinates()?)?)?,
        "MultiPoint" => {
            let points = positions(coordinates()?)?;
            let parts = points.into_iter().map(|point| Geometry::Point(Some(point)));
            Geometry::Many(Kind::Points, parts.collect())
        }
        "MultiLineString" => {
            let lines = rings(coordinates()?)?.into_iter();
            let lines = lines.map(|points| line(points).map(Geometry::Line));
            Geometry::Many(Kind::Lines, lines.collect::<Result<_>>()?)
        }
        "MultiPolygon" => {
            let parts = items(coordinates()?)?.iter().map(|part| polygon(rings(part)?));
            Geometry::Many(Kind::Polygons, parts.collect::<Result<_>>()?)
        }
        "GeometryCollection" => {
            let parts = value.get("geometries").ok_or_else(|| bad("no geometries"))?;
            let parts = items(parts)?.iter().map(|part| geometry(part, depth + 1));
            Geometry::Many(Kind::Any, parts.collect::<Result<_>>()?)
        }
        other => return Err(bad(format!("{other} is no geometry"))),
    })
}

fn items(value: &Value) -> Result<&[Value]> {
    value.as_array().map(Vec::as_slice).ok_or_else(|| bad("an array is expected"))
}

fn position(value: &Value) -> Result<Point> {
    let number = |index: usize| value.get(index).and_then(Value::as_f64);
    match (number(0), number(1)) {
        (Some(x), Some(y)) => point(x, y),
        _ => Err(bad("a position is expected")),
    }
}

fn positions(value: &Value) -> Result<Vec<Point>> {
    items(value)?.iter().map(position).collect()
}

fn rings(value: &Value) -> Result<Vec<Vec<Point>>> {
    items(value)?.iter().map(positions).collect()
}

/// Writes a geometry.
pub(in crate::words::geo) fn write(geometry: &Geometry) -> String {
    let mut out = String::new();
    write_geometry(&mut out, geometry);
    out
}

/// Nested as deeply as what is read: not deeply.
fn write_geometry(out: &mut String, geometry: &Geometry) {
    let kind = match geometry {
        Geometry::Point(_) => "Point",
        Geometry::Line(_) | Geometry::Ring(_) => "LineString",
        Geometry::Polygon(_) => "Polygon",
        Geometry::Many(Kind::Points, _) => "MultiPoint",
        Geometry::Many(Kind::Lines, _) => "MultiLineString",
        Geometry::Many(Kind::Polygons, _) => "MultiPolygon",
        Geometry::Many(Kind::Any, parts) => {
            out.push_str("{\"type\":\"GeometryCollection\",\"geometries\":");
            write_list(out, parts, write_geometry);
            out.push('}');
            return;
        }
    };
    out.push_str(&format!("{{\"type\":\"{kind}\",\"coordinates\":"));
    write_coordinates(out, geometry);
    out.push('}');
}

fn write_coordinates(out: &mut String, geometry: &Geometry) {
    match geometry {
        Geometry::Point(None) => out.push_str("[]"),
        Geometry::Point(Some(point)) => write_position(out, point),
        Geometry::Line(points) | Geometry::Ring(points) => write_list(out, points, write_position),
        Geometry::Polygon(rings) => {
            write_list(out, rings, |out, ring| write_list(out, ring, write_position));
        }
        Geometry::Many(_, parts) => write_list(out, parts, write_coordinates),
    }
}

fn write_list<T>(out: &mut String, items: &[T], write: impl Fn(&mut String, &T)) {
    out.push('[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write(out, item);
    }
    out.push(']');
}

fn write_position(out: &mut String, point: &Point) {
    out.push_str(&format!("[{},{}]", JavaDouble(point.x), JavaDouble(point.y)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        let text = "{\"type\":\"GeometryCollection\",\"geometries\":[\
                    {\"type\":\"MultiPoint\",\"coordinates\":[[1.0,2.0]]},\
                    {\"type\":\"Polygon\",\"coordinates\":[[[0.0,0.0],[0.0,9.5],[9.0,9.0],[0.0,0.0]]]}]}";
        assert_eq!(write(&read(text).expect(text)), text);
        for text in ["", "{", "{\"type\":\"Feature\"}", "{\"type\":\"Point\",\"coordinates\":[1]}"]
        {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
