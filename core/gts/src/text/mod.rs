//! The text formats: what senders write and readers get.
//!
//! - [`parse`]: lines of input; [`value`]: their values; [`series`]: class, labels, attributes;
//!   [`scan`]: plain lines, faster.
//! - [`mod@format`]: the writers; [`digits`]: integers.
//! - [`number`], [`binary`], [`labels`]: the pieces.
//! - [`error`]: what is wrong with a line, in the reference's words.

pub mod binary;
pub mod digits;
pub mod error;
pub mod format;
pub mod labels;
mod multivalue;
pub mod number;
pub mod parse;
pub mod scan;
pub mod series;
pub mod value;

pub use digits::{NumberLine, write_long};
pub use error::{Cause, Fault, LineError, ParseError};
pub use format::{
    write_labels, write_name, write_place, write_point, write_selector, write_series, write_value,
};
pub use labels::{LabelsError, parse_labels};
pub use number::{NumberError, parse_double, parse_long};
pub use parse::{Line, ParseOptions, parse_line};
pub use series::{
    MetadataLimits, OWNER_LABEL, PRODUCER_LABEL, SeriesText, parse_metadata, update_attributes,
};
pub use value::{TextValue, pack_quaternion, parse_value};
