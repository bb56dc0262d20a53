//! What a series is called.

use crate::{Labels, SeriesId};

/// Name, labels, ids and attributes of one series; the reference's Thrift `Metadata`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    /// Class name. `None` only in messages that leave it out.
    pub name: Option<String>,
    /// Labels; they are part of the identity.
    pub labels: Labels,
    /// Ids as written in a message; receivers compute them anew ([`crate::IdKeys::series_id`]).
    pub id: SeriesId,
    /// Attributes: mutable, not part of the identity.
    pub attributes: Labels,
    /// Which endpoint made this (`ingress`, `delete`, …); only on the metadata topic.
    pub source: Option<String>,
    /// Last activity, milliseconds since the epoch.
    pub last_activity: Option<i64>,
}

impl Metadata {
    /// Metadata with a name and labels and nothing else.
    pub fn new(name: impl Into<String>, labels: Labels) -> Self {
        Self { name: Some(name.into()), labels, ..Self::default() }
    }

    /// The class name, empty when there is none.
    pub fn class(&self) -> &str {
        self.name.as_deref().unwrap_or_default()
    }
}
