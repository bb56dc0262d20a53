//! Filters over whole pictures.

use super::Picture;
use super::color::{pack, parts};

/// What a filter does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Filter {
    Threshold(f32),
    Gray,
    Opaque,
    Invert,
    Posterize(i32),
    Blur(f32),
    Erode,
    Dilate,
}

fn luminance(color: i32) -> i32 {
    let [_, r, g, b] = parts(color);
    77 * r + 151 * g + 28 * b
}

impl Filter {
    /// Applies the filter; `None` when the picture is too small for it.
    pub(crate) fn apply(self, picture: &mut Picture) -> Option<()> {
        let each = |picture: &mut Picture, change: &dyn Fn(i32) -> i32| {
            picture.pixels.iter_mut().for_each(|pixel| *pixel = change(*pixel));
        };
        match self {
            Self::Threshold(level) => {
                let level = (level * 255.0) as i32;
                each(picture, &|pixel| {
                    let [_, r, g, b] = parts(pixel);
                    let white = r.max(g).max(b) >= level;
                    pixel & !0xff_ffff | if white { 0xff_ffff } else { 0 }
                });
            }
            Self::Gray => each(picture, &|pixel| {
                let gray = luminance(pixel) >> 8;
                pixel & !0xff_ffff | pack(0, gray, gray, gray)
            }),
            Self::Opaque => each(picture, &|pixel| pixel | !0xff_ffff),
            Self::Invert => each(picture, &|pixel| pixel ^ 0xff_ffff),
            Self::Posterize(levels) => each(picture, &|pixel| {
                let level = |part: i32| ((part * levels) >> 8) * 255 / (levels - 1);
                let [a, r, g, b] = parts(pixel);
                pack(a, level(r), level(g), level(b))
            }),
            Self::Erode => grow(picture, |candidate, now| candidate < now),
            Self::Dilate => grow(picture, |candidate, now| candidate > now),
            Self::Blur(radius) => return blur(picture, radius),
        }
        Some(())
    }
}

/// Each pixel takes the colour of the neighbour whose luminance wins. The neighbour above the
/// first row is the first pixel of the picture, as the reference has it.
fn grow(picture: &mut Picture, wins: impl Fn(i32, i32) -> bool) {
    let (width, height) = (picture.width, picture.height);
    let before = picture.pixels.clone();
    for y in 0..height {
        for x in 0..width {
            let index = y * width + x;
            let neighbours = [
                if x > 0 { index - 1 } else { index },
                if x + 1 < width { index + 1 } else { index },
                if y > 0 { index - width } else { 0 },
                if y + 1 < height { index + width } else { index },
            ];
            let mut best = before[index];
            for neighbour in neighbours {
                if wins(luminance(before[neighbour]), luminance(best)) {
                    best = before[neighbour];
                }
            }
            picture.pixels[index] = best;
        }
    }
}

/// The weights of a blur: squares, one longer on the far side with a weight of 0.
fn kernel(radius: f32) -> Vec<i32> {
    let reach = ((radius * 3.5) as i32).clamp(1, 248);
    let weight = |place: i32| {
        let distance = (place - reach).abs();
        if place > 0 && distance < reach { (reach - distance) * (reach - distance) } else { 0 }
    };
    (0..2 * (reach + 1)).map(weight).collect()
}

/// A blur along the rows, then along the columns. In the rows near the upper edge the columns
/// start from the first pixel with the weights of the distance: pictures that are not higher than
/// the blur reaches have nothing to take an average of.
fn blur(picture: &mut Picture, radius: f32) -> Option<()> {
    let kernel = kernel(radius);
    let reach = kernel.len() / 2 - 1;
    let (width, height) = (picture.width, picture.height);
    let mut rows = picture.pixels.clone();
    for y in 0..height {
        for x in 0..width {
            let start = reach.saturating_sub(x);
            let first = x.saturating_sub(reach);
            let pixels = picture.pixels[y * width..][first..width].iter();
            rows[y * width + x] = average(kernel[start..].iter().zip(pixels))?;
        }
    }
    for y in 0..height {
        for x in 0..width {
            let (start, first, room) = if y < reach {
                (reach - y, 0, height.saturating_sub(reach - y))
            } else {
                (0, y - reach, height - (y - reach))
            };
            let pixels = rows.get(first * width + x..)?.iter().step_by(width).take(room);
            picture.pixels[y * width + x] = average(kernel.get(start..)?.iter().zip(pixels))?;
        }
    }
    Some(())
}

fn average<'a>(weighted: impl Iterator<Item = (&'a i32, &'a i32)>) -> Option<i32> {
    let (mut sum, mut total) = ([0i32; 4], 0i32);
    for (weight, pixel) in weighted {
        for (sum, part) in sum.iter_mut().zip(parts(*pixel)) {
            *sum = sum.wrapping_add(part.wrapping_mul(*weight));
        }
        total = total.wrapping_add(*weight);
    }
    let [a, r, g, b] = sum;
    let part = |sum: i32| sum.checked_div(total);
    Some(pack(part(a)?, part(r)?, part(g)?, part(b)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flat_picture_stays_as_it_is() {
        let mut picture = Picture::new(12, 12);
        picture.pixels.fill(pack(255, 9, 8, 7));
        let before = picture.clone();
        for filter in [Filter::Blur(1.0), Filter::Erode, Filter::Dilate, Filter::Opaque] {
            assert_eq!(filter.apply(&mut picture), Some(()));
            assert_eq!(picture, before);
        }
        assert_eq!(Filter::Blur(1.0).apply(&mut Picture::new(3, 3)), None);
    }
}
