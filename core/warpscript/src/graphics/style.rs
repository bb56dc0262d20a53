//! What drawing depends on beside the place: colours, pens, modes, text.

use super::blend::Blend;
use super::color::Mode;
use super::path::{Cap, Join};

/// What four numbers of a shape mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Box4 {
    /// Corner and size.
    #[default]
    Corner,
    /// Two corners.
    Corners,
    /// Centre and size.
    Center,
    /// Centre and half of the size.
    Radius,
}

/// Where a text stands beside its place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum AlignX {
    #[default]
    Left,
    Center,
    Right,
}

/// Where a text stands above or below its place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum AlignY {
    Top,
    Center,
    Bottom,
    #[default]
    Baseline,
}

/// Everything that `PpushStyle` keeps.
#[derive(Clone, Debug)]
pub(crate) struct Style {
    pub(crate) mode: Mode,
    pub(crate) blend: Blend,
    pub(crate) fill: Option<i32>,
    pub(crate) stroke: Option<i32>,
    pub(crate) tint: Option<i32>,
    pub(crate) weight: f32,
    pub(crate) cap: Cap,
    pub(crate) join: Join,
    pub(crate) rect: Box4,
    pub(crate) ellipse: Box4,
    pub(crate) image: Box4,
    pub(crate) shape: Box4,
    pub(crate) align: (AlignX, AlignY),
    pub(crate) text_size: f32,
    pub(crate) leading: f32,
}

/// The size of text before a script chooses one.
const TEXT_SIZE: f32 = 12.0;

impl Default for Style {
    fn default() -> Self {
        let mut style = Self {
            mode: Mode::default(),
            blend: Blend::Over,
            fill: Some(-1),
            stroke: Some(0xff00_0000_u32 as i32),
            tint: None,
            weight: 1.0,
            cap: Cap::Round,
            join: Join::Miter,
            rect: Box4::Corner,
            ellipse: Box4::Center,
            image: Box4::Corner,
            shape: Box4::Corner,
            align: (AlignX::Left, AlignY::Baseline),
            text_size: TEXT_SIZE,
            leading: 0.0,
        };
        style.set_text_size(TEXT_SIZE);
        style
    }
}

impl Style {
    /// Sets the size of text, and with it the distance of lines.
    pub(crate) fn set_text_size(&mut self, size: f32) {
        self.text_size = size;
        self.leading = (self.ascent() + self.descent()) * 1.275;
    }

    /// How far text reaches above its line.
    pub(crate) fn ascent(&self) -> f32 {
        self.text_size * super::shapes::ASCENT
    }

    /// How far text reaches below its line.
    pub(crate) fn descent(&self) -> f32 {
        self.text_size * super::shapes::DESCENT
    }
}

impl Box4 {
    /// Two opposite corners, left above right.
    pub(crate) fn corners(self, [a, b, c, d]: [f32; 4]) -> [f32; 4] {
        let [x1, y1, x2, y2] = match self {
            Self::Corner => [a, b, a + c, b + d],
            Self::Corners => [a, b, c, d],
            Self::Center => [a - c / 2.0, b - d / 2.0, a + c / 2.0, b + d / 2.0],
            Self::Radius => [a - c, b - d, a + c, b + d],
        };
        [x1.min(x2), y1.min(y2), x1.max(x2), y1.max(y2)]
    }
}
