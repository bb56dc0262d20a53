//! Well-known binary.

use weft_gts::geo::Point;

use super::{DEPTH_MAX, Geometry, Kind, bad, line, point, polygon};
use crate::error::Result;

/// Reads a geometry. What follows it is ignored.
pub(in crate::words::geo) fn read(bytes: &[u8]) -> Result<Geometry> {
    Reader { rest: bytes, little: false }.geometry(0)
}

struct Reader<'b> {
    rest: &'b [u8],
    little: bool,
}

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (head, rest) = self
            .rest
            .split_first_chunk()
            .ok_or_else(|| bad("Attempt to read past end of input"))?;
        self.rest = rest;
        Ok(*head)
    }

    fn int(&mut self) -> Result<u32> {
        let bytes = self.take()?;
        Ok(if self.little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) })
    }

    fn double(&mut self) -> Result<f64> {
        let bytes = self.take()?;
        Ok(if self.little { f64::from_le_bytes(bytes) } else { f64::from_be_bytes(bytes) })
    }

    fn geometry(&mut self, depth: usize) -> Result<Geometry> {
        if depth > DEPTH_MAX {
            return Err(bad("collections are nested too deeply"));
        }
        self.little = self.take::<1>()?[0] == 1;
        let code = self.int()?;
        let has_z = code & 0x8000_0000 != 0;
        if code & 0x2000_0000 != 0 {
            // The spatial reference.
            self.int()?;
        }
        let kind = match code & 0xff {
            1 => return Ok(Geometry::Point(Some(self.position(has_z)?))),
            2 => return Ok(Geometry::Line(line(self.positions(has_z)?)?)),
            3 => {
                let count = self.int()?;
                let mut rings = Vec::new();
                for _ in 0..count {
                    rings.push(self.positions(has_z)?);
                }
                return polygon(rings);
            }
            4 => Kind::Points,
            5 => Kind::Lines,
            6 => Kind::Polygons,
            7 => Kind::Any,
            other => return Err(bad(format!("Unknown WKB type {other}"))),
        };
        let count = self.int()?;
        let mut parts = Vec::new();
        for _ in 0..count {
            let part = self.geometry(depth + 1)?;
            let fits = match kind {
                Kind::Points => matches!(part, Geometry::Point(_)),
                Kind::Lines => matches!(part, Geometry::Line(_)),
                Kind::Polygons => matches!(part, Geometry::Polygon(_)),
                Kind::Any => true,
            };
            if !fits {
                return Err(bad("Invalid geometry type encountered in a collection"));
            }
            parts.push(part);
        }
        Ok(Geometry::Many(kind, parts))
    }

    fn position(&mut self, has_z: bool) -> Result<Point> {
        let (x, y) = (self.double()?, self.double()?);
        if has_z {
            self.double()?;
        }
        point(x, y)
    }

    fn positions(&mut self, has_z: bool) -> Result<Vec<Point>> {
        let count = self.int()? as usize;
        let mut points = Vec::with_capacity(count.min(self.rest.len() / 16));
        for _ in 0..count {
            points.push(self.position(has_z)?);
        }
        Ok(points)
    }
}

/// Writes a geometry, big endian.
///
/// # Errors
/// When it has an empty point, for which there is no form.
pub(in crate::words::geo) fn write(geometry: &Geometry) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    write_geometry(&mut out, geometry)?;
    Ok(out)
}

/// Nested as deeply as what is read: not deeply.
fn write_geometry(out: &mut Vec<u8>, geometry: &Geometry) -> Result {
    out.push(0);
    let int = |out: &mut Vec<u8>, value: usize| out.extend((value as u32).to_be_bytes());
    let positions = |out: &mut Vec<u8>, points: &[Point]| {
        for point in points {
            out.extend(point.x.to_be_bytes());
            out.extend(point.y.to_be_bytes());
        }
    };
    match geometry {
        Geometry::Point(None) => return Err(bad("Empty Points cannot be represented in WKB")),
        Geometry::Point(Some(point)) => {
            int(out, 1);
            positions(out, &[*point]);
        }
        Geometry::Line(points) | Geometry::Ring(points) => {
            int(out, 2);
            int(out, points.len());
            positions(out, points);
        }
        Geometry::Polygon(rings) => {
            int(out, 3);
            int(out, rings.len().max(1));
            if rings.is_empty() {
                int(out, 0);
            }
            for ring in rings {
                int(out, ring.len());
                positions(out, ring);
            }
        }
        Geometry::Many(kind, parts) => {
            let code = match kind {
                Kind::Points => 4,
                Kind::Lines => 5,
                Kind::Polygons => 6,
                Kind::Any => 7,
            };
            int(out, code);
            int(out, parts.len());
            parts.iter().try_for_each(|part| write_geometry(out, part))?;
        }
    }
    Ok(())
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
            "GEOMETRYCOLLECTION (MULTIPOINT ((1 2)), LINESTRING (3 4, 5 6))",
        ] {
            let geometry = read_wkt(text).expect(text);
            let bytes = write(&geometry).expect(text);
            assert_eq!(read(&bytes).expect(text), geometry);
            for end in 0..bytes.len() {
                assert!(read(&bytes[..end]).is_err());
            }
        }
        assert!(read(&[0, 0, 0, 0, 2, 255, 255, 255, 255]).is_err());
    }
}
