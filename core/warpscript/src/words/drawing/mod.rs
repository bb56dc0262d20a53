//! Drawing: a flat canvas in the manner of Processing.
//!
//! Most words take a canvas and what lies above it, and leave the canvas with a result above.

mod arguments;
mod color;
mod pictures;
mod shapes;
mod table_colors;
mod table_pictures;
mod table_shapes;
mod table_state;

use crate::registry::Family;

pub(super) static COLORS: Family = Family { name: "colors", words: table_colors::COLORS };

pub(super) static PICTURES: Family = Family { name: "pictures", words: table_pictures::PICTURES };

pub(super) static SHAPES: Family = Family { name: "shapes", words: table_shapes::SHAPES };

pub(super) static STATE: Family = Family { name: "drawing", words: table_state::STATE };
