//! What is wrong with a line of text: where, what, and in the words that users of the format know.

use crate::percent::PercentError;
use crate::text::number::NumberError;
use crate::utf8;

/// A line that was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// The line is malformed: the sender's mistake.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// A class or label that cannot be decoded. The reference answers it as a failure of its own.
    #[error(transparent)]
    Escape(#[from] PercentError),
    /// There is no line. Callers skip empty lines.
    #[error("String index out of range: 0")]
    Empty,
}

/// A malformed line or value. Its text is the fault and, in parentheses, its cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// Where, in UTF-16 units from the start.
    pub offset: usize,
    /// What.
    pub fault: Fault,
    /// What made it so, where there is more to say.
    pub cause: Option<Cause>,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A line that begins with `=` and has no line before it.
    #[error("Invalid continuation.")]
    Continuation,
    /// No `/`.
    #[error("Missing timestamp separator.")]
    NoTickSeparator,
    /// The tick is no integer.
    #[error("Invalid timestamp.")]
    Tick,
    /// The tick lies before what is accepted.
    #[error("Timestamp {0} is too far in the past.")]
    TooOld(i64),
    /// The tick lies after what is accepted.
    #[error("Timestamp {0} is too far in the future.")]
    TooNew(i64),
    /// No second `/`.
    #[error("Missing location/elevation separator.")]
    NoPlaceSeparator,
    /// The location is neither `LAT:LON` nor an integer.
    #[error("Invalid location: '{0}'.")]
    Location(String),
    /// The elevation is no integer.
    #[error("Invalid elevation: '{0}'.")]
    Elevation(String),
    /// Nothing behind tick and place.
    #[error("Missing GTS name, labels and value.")]
    NoSeries,
    /// No value behind tick and place, or behind the series.
    #[error("Missing value.")]
    NoValue,
    /// Blanks where the value should be.
    #[error("Missing value")]
    BlankValue,
    /// No `{`, and no line before it.
    #[error("Missing or invalid GTS name and labels.")]
    NoLabels,
    /// Labels that do not end.
    #[error("Missing end of labels '}}'.")]
    OpenLabels,
    /// A label that is not `NAME=VALUE`; the cause is that label.
    #[error("Invalid label definition.")]
    Label,
    /// Attributes that do not end.
    #[error("Missing end of attributes '}}'.")]
    OpenAttributes,
    /// An attribute that is not `NAME=VALUE`; the cause is that attribute.
    #[error("Invalid attribute definition.")]
    Attribute,
    /// The value is of no known form.
    #[error("Cannot parse value.")]
    Value,
    /// A value `:…` that no encoder knows.
    #[error("Unsupported value '{0}'")]
    CustomValue(String),
    /// `HH:` without a second `:`.
    #[error("Invalid value for lat,lon conversion to HHCode.")]
    HhCode,
    /// A latitude that is no number.
    #[error("Cannot parse latitude.")]
    Latitude,
    /// A longitude that is no number.
    #[error("Cannot parse longitude.")]
    Longitude,
    /// `Q:` without four components.
    #[error("Invalid value for Quaternion, expected Q:w:x:y:z")]
    Quaternion,
    /// A component that is no number.
    #[error("Cannot parse quaternion component.")]
    QuaternionComponent,
    /// A component that is infinite or no number.
    #[error("Quaternion values require finite elements.")]
    InfiniteQuaternion,
    /// A multivalue that does not end.
    #[error("Missing closing bracket.")]
    OpenBracket,
    /// A multivalue in a multivalue, and so on.
    #[error("Multivalues are nested deeper than {0} levels.")]
    TooDeep(usize),
    /// A text or binary longer than allowed; the selector of the series before it.
    #[error("Value too large for GTS {0}")]
    TooLarge(String),
    /// Labels or attributes are too long, or attributes are named like labels.
    #[error("Invalid or too large metadata")]
    Metadata,
}

/// What made a value or label invalid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    /// No number.
    #[error(transparent)]
    Number(#[from] NumberError),
    /// A text that cannot be decoded.
    #[error(transparent)]
    Escape(#[from] PercentError),
    /// Hexadecimal digits that come in no pairs.
    #[error("Odd number of hexadecimal digits.")]
    OddHexadecimal,
    /// No hexadecimal digits.
    #[error("Invalid hex character.")]
    Hexadecimal,
    /// Nothing where a value should be.
    #[error("String index out of range: {0}")]
    End(usize),
    /// A quote that is its own end.
    #[error("begin 1, end 0, length 1")]
    LoneQuote,
    /// The label or attribute that is none.
    #[error("{0}")]
    Label(String),
}

impl std::error::Error for ParseError {}

impl std::fmt::Display for ParseError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.fault.fmt(f)?;
        match &self.cause {
            Some(cause) => write!(f, " ({cause})"),
            None => Ok(()),
        }
    }
}

/// A fault at a byte of the text that is being read; a place in UTF-16 units costs a look at all
/// that stands before it, so it is computed last.
#[derive(Debug)]
pub(crate) struct FaultAt {
    pub(crate) byte: usize,
    pub(crate) fault: Fault,
    pub(crate) cause: Option<Cause>,
}

impl FaultAt {
    pub(crate) const fn new(byte: usize, fault: Fault) -> Self {
        Self { byte, fault, cause: None }
    }

    pub(crate) fn because(byte: usize, fault: Fault, cause: impl Into<Cause>) -> Self {
        Self { byte, fault, cause: Some(cause.into()) }
    }

    /// The same fault, of a part that begins at `byte`.
    pub(crate) const fn shifted(mut self, byte: usize) -> Self {
        self.byte += byte;
        self
    }

    /// As reported: in UTF-16 units of `text`.
    pub(crate) fn locate(self, text: &[u8]) -> ParseError {
        let offset = utf16_length(&text[..self.byte.min(text.len())]);
        ParseError { offset, fault: self.fault, cause: self.cause }
    }
}

/// How many UTF-16 units Java makes of `bytes`.
pub(crate) fn utf16_length(bytes: &[u8]) -> usize {
    if bytes.is_ascii() {
        return bytes.len();
    }
    utf8::from_utf8_lossy(bytes).chars().map(char::len_utf16).sum()
}
