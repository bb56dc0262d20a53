//! Pictures: drawn by scripts, pixel by pixel, in the manner of Processing on a canvas of Java.
//!
//! Colours are packed as `0xAARRGGBB` in an `i32`, as scripts see them. Coordinates are `f32`
//! where scripts give them and `f64` once they are transformed.

pub(crate) mod blend;
pub(crate) mod canvas;
pub(crate) mod color;
pub(crate) mod filter;
pub(crate) mod jpeg;
pub(crate) mod path;
pub(crate) mod png;
pub(crate) mod raster;
pub(crate) mod shapes;
pub(crate) mod style;

/// Pixels in rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Picture {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) pixels: Vec<i32>,
}

impl Picture {
    /// A transparent picture.
    pub(crate) fn new(width: usize, height: usize) -> Self {
        Self { width, height, pixels: vec![0; width * height] }
    }

    /// The pixel at a place; 0 outside.
    pub(crate) fn get(&self, x: i32, y: i32) -> i32 {
        self.index(x, y).map_or(0, |index| self.pixels[index])
    }

    /// Where a pixel is kept.
    pub(crate) fn index(&self, x: i32, y: i32) -> Option<usize> {
        let (x, y) = (usize::try_from(x).ok()?, usize::try_from(y).ok()?);
        (x < self.width && y < self.height).then(|| y * self.width + x)
    }

    /// Sets a pixel; nothing outside.
    pub(crate) fn set(&mut self, x: i32, y: i32, color: i32) {
        if let Some(index) = self.index(x, y) {
            self.pixels[index] = color;
        }
    }

    /// A part; what lies outside is transparent.
    pub(crate) fn part(&self, x: i32, y: i32, width: usize, height: usize) -> Self {
        let mut part = Self::new(width, height);
        for row in 0..height {
            for column in 0..width {
                let at = (x.wrapping_add(column as i32), y.wrapping_add(row as i32));
                part.pixels[row * width + column] = self.get(at.0, at.1);
            }
        }
        part
    }

    /// Puts another picture over this one, replacing what is there.
    pub(crate) fn paste(&mut self, x: i32, y: i32, other: &Self) {
        for row in 0..other.height {
            for column in 0..other.width {
                let at = (x.wrapping_add(column as i32), y.wrapping_add(row as i32));
                self.set(at.0, at.1, other.pixels[row * other.width + column]);
            }
        }
    }

    /// The picture at another size, with straight lines between the pixels.
    pub(crate) fn resized(&self, width: usize, height: usize) -> Self {
        let mut out = Self::new(width, height);
        if self.pixels.is_empty() {
            return out;
        }
        let source = |place: usize, size: usize, full: usize| {
            let at = (place as f64 + 0.5) * full as f64 / size as f64 - 0.5;
            let low = at.floor().clamp(0.0, (full - 1) as f64);
            let high = (low + 1.0).min((full - 1) as f64);
            (low as usize, high as usize, (at - low).clamp(0.0, 1.0))
        };
        for y in 0..height {
            let (top, bottom, down) = source(y, height, self.height);
            for x in 0..width {
                let (left, right, over) = source(x, width, self.width);
                let at = |x: usize, y: usize| self.pixels[y * self.width + x];
                let upper = color::between(at(left, top), at(right, top), over);
                let lower = color::between(at(left, bottom), at(right, bottom), over);
                out.pixels[y * width + x] = color::between(upper, lower, down);
            }
        }
        out
    }
}
