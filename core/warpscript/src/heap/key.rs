//! Keys of maps and members of sets: any value, compared by content.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use indexmap::Equivalent;

use super::Text;
use crate::value::Value;

/// A value with the identity that maps and sets know it by.
///
/// Numbers, booleans and texts compare by content and type (`1` is not `1.0`), collections by the
/// content they had when the key was made, everything else by which object it is.
/// Made by [`Heap::key`](super::Heap::key).
#[derive(Clone, Debug)]
pub struct Key {
    pub(crate) value: Value,
    pub(crate) identity: Identity,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Identity {
    Null,
    Boolean(bool),
    Long(i64),
    /// Bits, with one NaN.
    Double(u64),
    Text(Text),
    /// Which object: a number for its type, and its index.
    Object(u8, u32),
    /// Canonical bytes of a collection, decimal or binary.
    Content(Arc<[u8]>),
}

impl Key {
    /// The value that was given.
    pub const fn value(&self) -> Value {
        self.value
    }

    /// The text, if the key is one.
    pub fn as_text(&self) -> Option<&Text> {
        match &self.identity {
            Identity::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.identity == other.identity
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match &self.identity {
            Identity::Null => state.write_u8(0),
            Identity::Boolean(v) => state.write_u8(1 + u8::from(*v)),
            Identity::Long(v) => state.write_i64(*v),
            Identity::Double(v) => state.write_u64(!*v),
            Identity::Text(text) => text.hash(state),
            Identity::Object(kind, index) => {
                state.write_u8(*kind);
                state.write_u32(*index);
            }
            Identity::Content(bytes) => bytes.hash(state),
        }
    }
}

/// Looks a text up without making a key.
#[derive(Clone, Copy, Debug)]
pub struct TextKey<'a>(pub &'a str);

impl Hash for TextKey<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl Equivalent<Key> for TextKey<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        matches!(&key.identity, Identity::Text(text) if **text == *self.0)
    }
}
