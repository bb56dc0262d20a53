//! How a colour is put over another.

use super::color::{pack, parts};

/// The ways of blending.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Blend {
    #[default]
    Over,
    Add,
    Subtract,
    Darkest,
    Lightest,
    Difference,
    Exclusion,
    Multiply,
    Screen,
    Overlay,
    HardLight,
    SoftLight,
    Dodge,
    Burn,
    Replace,
}

impl Blend {
    /// The way of a name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "BLEND" => Self::Over,
            "ADD" => Self::Add,
            "SUBTRACT" => Self::Subtract,
            "DARKEST" => Self::Darkest,
            "LIGHTEST" => Self::Lightest,
            "DIFFERENCE" => Self::Difference,
            "EXCLUSION" => Self::Exclusion,
            "MULTIPLY" => Self::Multiply,
            "SCREEN" => Self::Screen,
            "OVERLAY" => Self::Overlay,
            "HARD_LIGHT" => Self::HardLight,
            "SOFT_LIGHT" => Self::SoftLight,
            "DODGE" => Self::Dodge,
            "BURN" => Self::Burn,
            "REPLACE" => Self::Replace,
            _ => return None,
        })
    }

    /// One channel where the source is opaque. `blue` is the blue of the source, which soft light
    /// and burn take for every channel: pictures of the reference look like that.
    fn channel(self, d: i32, s: i32, blue: i32) -> i32 {
        let overlay = |d: i32, s: i32| {
            if d < 0x80 { (d * (s + 1)) >> 7 } else { (255 * 128 - (256 - s) * (255 - d)) >> 7 }
        };
        match self {
            Self::Darkest => d.min(s),
            Self::Lightest => d.max(s),
            Self::Difference => (d - s).abs(),
            Self::Exclusion => d + s - ((s * (d + i32::from(d >= 0x7f))) >> 7),
            Self::Multiply => (s * (d + 1)) >> 8,
            Self::Screen => d + s - ((s * (d + 1)) >> 8),
            Self::Overlay => overlay(d, s),
            Self::HardLight => overlay(s, d),
            Self::SoftLight => {
                let near = d + i32::from(blue < 7);
                ((((blue * d) << 9) + 255 * near * (near + 1) - 2 * blue * near * near) >> 16)
                    & 0xff
            }
            Self::Dodge => ((d << 8) / (256 - s)).min(255),
            Self::Burn => 255 - (((255 - d) << 8) / (1 + blue)).min(255),
            Self::Over | Self::Add | Self::Subtract | Self::Replace => s,
        }
    }

    /// The source over what is there, both with their opacity.
    pub(crate) fn mix(self, below: i32, source: i32) -> i32 {
        if self == Self::Replace {
            return source;
        }
        let ([da, dr, dg, db], [sa, sr, sg, sb]) = (parts(below), parts(source));
        let share = sa + i32::from(sa >= 0x7f);
        let part = |d: i32, s: i32| match self {
            Self::Add => (d + ((s * share) >> 8)).min(255),
            Self::Subtract => (d - ((s * share) >> 8)).max(0),
            _ => (d * (0x100 - share) + self.channel(d, s, sb) * share) >> 8,
        };
        pack((da + sa).min(255), part(dr, sr), part(dg, sg), part(db, sb))
    }
}

/// A share of 255 of another, rounded.
fn share(a: i32, b: i32) -> i32 {
    (a * b + 127) / 255
}

/// A colour over another as the canvas paints it: `coverage` of 255 of the pixel is hit.
pub(crate) fn over(below: i32, source: i32, coverage: i32) -> i32 {
    let ([da, dr, dg, db], [sa, sr, sg, sb]) = (parts(below), parts(source));
    let sa = share(coverage, sa);
    if sa == 255 {
        return source;
    }
    let rest = share(255 - sa, da);
    let alpha = sa + rest;
    if alpha == 0 {
        return 0;
    }
    let part = |d: i32, s: i32| {
        let sum = share(sa, s) + share(rest, d);
        if alpha < 255 { ((sum * 255 + alpha / 2) / alpha).min(255) } else { sum.min(255) }
    };
    pack(alpha, part(dr, sr), part(dg, sg), part(db, sb))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blends_of_the_reference() {
        let (below, source) = (pack(255, 60, 200, 20), pack(255, 100, 150, 200));
        for (blend, expected) in [
            (Blend::Over, -10_185_016),
            (Blend::Add, -6_225_956),
            (Blend::Darkest, -12_806_636),
            (Blend::Difference, -14_142_796),
            (Blend::Multiply, -15_239_920),
            (Blend::Overlay, -13_643_489),
            (Blend::SoftLight, -11_083_746),
            (Blend::Exclusion, -9_276_483),
        ] {
            assert_eq!(blend.mix(below, source), expected, "{blend:?}");
        }
        assert_eq!(over(-1, pack(64, 128, 128, 128), 255), -2_105_377);
        assert_eq!(over(0, pack(64, 128, 0, 0), 255), pack(64, 128, 0, 0));
    }
}
