//! A series: metadata, bucket parameters and datapoints.

use crate::{Columns, Metadata};

/// The parameters of a bucketised series.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bucket {
    /// End of the last bucket, in time units.
    pub last: i64,
    /// Width of a bucket, in time units.
    pub span: i64,
    /// How many buckets there are.
    pub count: i64,
}

/// One geo time series.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    /// Name, labels, attributes.
    pub metadata: Metadata,
    /// Set when the series is bucketised.
    pub bucket: Option<Bucket>,
    /// The datapoints.
    pub points: Columns,
}
