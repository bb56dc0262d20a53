//! Colours: numbers of a script as packed colours and back.

/// What the numbers of a colour mean, and how large they get.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Mode {
    pub(crate) hsb: bool,
    /// The largest first, second and third number, and opacity.
    pub(crate) max: [f32; 4],
}

impl Default for Mode {
    fn default() -> Self {
        Self { hsb: false, max: [255.0; 4] }
    }
}

/// Packs four numbers of 0 to 255.
pub(crate) const fn pack(a: i32, r: i32, g: i32, b: i32) -> i32 {
    a << 24 | r << 16 | g << 8 | b
}

/// The four numbers of a colour: opacity, red, green, blue.
pub(crate) const fn parts(color: i32) -> [i32; 4] {
    [color >> 24 & 0xff, color >> 16 & 0xff, color >> 8 & 0xff, color & 0xff]
}

/// Java's `Math.round` of a small positive number.
fn rounded(value: f32) -> i32 {
    (value + 0.5).floor() as i32
}

/// A colour between two, by the share of the second.
pub(crate) fn between(a: i32, b: i32, share: f64) -> i32 {
    let (from, to) = (parts(a), parts(b));
    let part = |i: usize| {
        let value = f64::from(from[i]) + f64::from(to[i] - from[i]) * share;
        (value + 0.5).floor() as i32
    };
    pack(part(0), part(1), part(2), part(3))
}

impl Mode {
    /// A gray; a number that is no gray is a packed colour.
    pub(crate) fn gray_or_packed(&self, number: i32, alpha: Option<f32>) -> i32 {
        let alpha = alpha.unwrap_or(self.max[3]);
        if number >> 24 == 0 && number as f32 <= self.max[0] {
            return self.gray(number as f32, alpha);
        }
        if alpha == self.max[3] {
            return number;
        }
        let share = (alpha / self.max[3]).clamp(0.0, 1.0);
        let opacity = ((number >> 24 & 0xff) as f32 * share) as i32;
        opacity << 24 | number & 0xff_ffff
    }

    /// A gray.
    pub(crate) fn gray(&self, gray: f32, alpha: f32) -> i32 {
        let share = |value: f32, max: f32| {
            let value = value.min(max).max(0.0);
            ((if self.is_scaled() { value / max } else { value }) * 255.0) as i32
        };
        let (gray, alpha) = (share(gray, self.max[0]), share(alpha, self.max[3]));
        pack(alpha, gray, gray, gray)
    }

    fn is_scaled(&self) -> bool {
        self.max != [1.0; 4]
    }

    /// A colour of three numbers and opacity.
    pub(crate) fn color(&self, numbers: [f32; 3], alpha: Option<f32>) -> i32 {
        let mut part = [0.0; 4];
        let alpha = alpha.unwrap_or(self.max[3]);
        for (place, value) in numbers.into_iter().chain([alpha]).enumerate() {
            let value = value.min(self.max[place]).max(0.0);
            part[place] = if self.is_scaled() { value / self.max[place] } else { value };
        }
        let [x, y, z, a] = part;
        let [r, g, b] = if self.hsb { from_hsb(x, y, z) } else { [x, y, z] };
        let byte = |value: f32| (255.0 * value) as i32;
        pack(byte(a), byte(r), byte(g), byte(b))
    }

    /// One number of a colour in this mode's range: opacity, red, green or blue.
    pub(crate) fn part(&self, color: i32, which: usize) -> f32 {
        let value = parts(color)[which] as f32;
        let max = self.max[(which + 3) % 4];
        if which > 0 && *self == Self::default() || which == 0 && max == 255.0 {
            return value;
        }
        value / 255.0 * max
    }

    /// Hue, saturation or brightness of a colour in this mode's range.
    pub(crate) fn hsb_part(&self, color: i32, which: usize) -> f32 {
        to_hsb(color)[which] * self.max[which]
    }

    /// A colour between two, by the share of the second.
    pub(crate) fn mix(&self, a: i32, b: i32, share: f32) -> i32 {
        let share = share.clamp(0.0, 1.0);
        let (from, to) = (parts(a), parts(b));
        let part = |i: usize| {
            let (from, to) = (from[i] as f32, to[i] as f32);
            rounded(from + (to - from) * share)
        };
        if !self.hsb {
            return pack(part(0), part(1), part(2), part(3));
        }
        let (from, to) = (to_hsb(a), to_hsb(b));
        let between = |i: usize| from[i] + (to[i] - from[i]) * share;
        let (hue, saturation, brightness) = (between(0), between(1), between(2));
        let [r, g, b] = from_hsb(hue - hue.floor(), saturation, brightness);
        let byte = |value: f32| (value * 255.0 + 0.5) as i32;
        pack(part(0), byte(r), byte(g), byte(b))
    }
}

/// Red, green and blue, all of 0 to 1.
fn from_hsb(hue: f32, saturation: f32, brightness: f32) -> [f32; 3] {
    if saturation == 0.0 {
        return [brightness; 3];
    }
    let sixth = (hue - hue.trunc()) * 6.0;
    let f = sixth - sixth.trunc();
    let p = brightness * (1.0 - saturation);
    let q = brightness * (1.0 - saturation * f);
    let t = brightness * (1.0 - saturation * (1.0 - f));
    match sixth as i32 {
        0 => [brightness, t, p],
        1 => [q, brightness, p],
        2 => [p, brightness, t],
        3 => [p, q, brightness],
        4 => [t, p, brightness],
        _ => [brightness, p, q],
    }
}

/// Hue, saturation and brightness, all of 0 to 1.
fn to_hsb(color: i32) -> [f32; 3] {
    let [_, r, g, b] = parts(color);
    let (most, least) = (r.max(g).max(b), r.min(g).min(b));
    let brightness = most as f32 / 255.0;
    if most == least {
        return [0.0, 0.0, brightness];
    }
    let range = (most - least) as f32;
    let saturation = range / most as f32;
    let far = |part: i32| (most - part) as f32 / range;
    let sixth = if r == most {
        far(b) - far(g)
    } else if g == most {
        2.0 + far(r) - far(b)
    } else {
        4.0 + far(g) - far(r)
    };
    let hue = sixth / 6.0;
    [if hue < 0.0 { hue + 1.0 } else { hue }, saturation, brightness]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_become_colours() {
        let mode = Mode::default();
        assert_eq!(mode.gray_or_packed(0, None), 0xff00_0000u32 as i32);
        assert_eq!(mode.gray_or_packed(300, None), 300);
        assert_eq!(mode.color([10.0, 20.0, 30.0], Some(40.0)), 671_749_150);
        let mode = Mode { hsb: true, max: [360.0, 100.0, 100.0, 255.0] };
        assert_eq!(mode.color([240.0, 100.0, 100.0], None), 0xff00_00ffu32 as i32);
        assert_eq!(Mode::default().hsb_part(0xff, 0), 170.0);
    }
}
