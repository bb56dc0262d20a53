//! Why a request is refused: statuses and messages as clients know them.

use weft_gts::text::NumberError;
use weft_wire::token::TokenError;

use super::formats::FormatError;
use super::time_range::{AttributeError, TimeRangeError};

/// Why a fetch or a find is refused, or fails.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// Two parameters that exclude each other.
    #[error("Cannot specify both '{0}' and '{1}'.")]
    Both(&'static str, &'static str),
    /// The same, where the reference calls it its own fault.
    #[error("Cannot specify both '{0}' and '{1}'.")]
    BothFlags(&'static str, &'static str),
    /// A count and a negative timespan, which is one too.
    #[error("Cannot specify both 'count' and negative 'timespan'.")]
    BothCounts,
    /// `chunksize` below 1.
    #[error("Invalid chunksize.")]
    ChunkSize,
    /// A parameter that is no number.
    #[error("For input string: \"{0}\"")]
    Number(String),
    /// A parameter that is no double.
    #[error(transparent)]
    Double(#[from] NumberError),
    /// The range of ticks.
    #[error(transparent)]
    TimeRange(#[from] TimeRangeError),
    /// `step` or `timestep` below 1.
    #[error("Parameter '{0}' cannot be < 1.")]
    TooSmall(&'static str),
    /// A `timestep` in months or years.
    #[error(
        "No support for ambiguous durations containing years or months, please convert those to \
         days."
    )]
    AmbiguousDuration,
    /// A `timestep` that is no duration.
    #[error("Invalid ISO8601 duration")]
    Duration,
    /// A signature that is not `TIME:HASH`.
    #[error("Invalid fetch signature.")]
    Signature,
    /// A signature of more than ten seconds ago.
    #[error("Fetch signature has expired.")]
    SignatureExpired,
    /// A signature with another key or for another token.
    #[error("Corrupted fetch signature")]
    SignatureCorrupt,
    /// A signature, where there is no key to check it.
    #[error("Fetch PreSharedKey is not set.")]
    SignatureKey,
    /// The token of a fetch.
    #[error(transparent)]
    Token(TokenError),
    /// A token with hooks.
    #[error("Tokens with hooks cannot be used for fetching data.")]
    TokenHooks,
    /// A token that may not fetch.
    #[error("Token cannot be used for fetching data.")]
    TokenNoFetch,
    /// An attribute of the token.
    #[error(transparent)]
    TokenAttribute(#[from] AttributeError),
    /// A fetch or find without a selector.
    #[error("Missing 'selector' parameter.")]
    SelectorMissing {
        /// 400 for a fetch, 500 for a find.
        status: u16,
    },
    /// A selector that is none.
    #[error("{message}")]
    Selector {
        /// 400 for a fetch, 500 for a find; 500 for a bad regular expression.
        status: u16,
        /// What is wrong with it.
        message: String,
    },
    /// `wrapper` without a signature.
    #[error("Unsigned request.")]
    Unsigned,
    /// A find without a token.
    #[error("Missing token.")]
    FindTokenMissing,
    /// A find with a bad token.
    #[error("Missing or invalid token.")]
    FindToken,
    /// A token that may not find.
    #[error("Token cannot be used for finding metadata.")]
    TokenNoFind,
    /// A find whose `gskip`, `gcount` or `limit` is no number.
    #[error("Server Error")]
    FindWindow,
    /// A form that is too large.
    #[error("Form is larger than {max} bytes.")]
    FormTooLarge {
        /// How large it may be.
        max: usize,
    },
    /// A datapoint cannot be written.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// Something that this stands on does not answer: worth another try.
    #[error("{0}")]
    Unavailable(String),
    /// What is stored cannot be read.
    #[error("{0}")]
    Corrupt(String),
}

impl Refusal {
    /// The status to answer with.
    pub(crate) const fn status(&self) -> u16 {
        match self {
            Self::Both(..)
            | Self::BothCounts
            | Self::ChunkSize
            | Self::TimeRange(_)
            | Self::TooSmall(_)
            | Self::AmbiguousDuration
            | Self::Signature
            | Self::SignatureExpired
            | Self::SignatureCorrupt
            | Self::SignatureKey
            | Self::TokenHooks => 400,
            Self::Token(_)
            | Self::TokenNoFetch
            | Self::FindTokenMissing
            | Self::FindToken
            | Self::TokenNoFind => 403,
            Self::FormTooLarge { .. } => 413,
            Self::BothFlags(..)
            | Self::Number(_)
            | Self::Double(_)
            | Self::Duration
            | Self::TokenAttribute(_)
            | Self::Unsigned
            | Self::FindWindow
            | Self::Format(_)
            | Self::Corrupt(_) => 500,
            Self::Unavailable(_) => 503,
            Self::SelectorMissing { status } | Self::Selector { status, .. } => *status,
        }
    }
}
