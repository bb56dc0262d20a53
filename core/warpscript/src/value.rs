//! What a word sees: small copyable values, everything larger behind a handle into the heap.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;

use crate::heap::{Bytes, Decimal, Encoder, Function, Gts, List, Map, Object, Set, Text};
use crate::macros::Macro;
use crate::registry::Word;

/// A reference to an object of type `T` in the [`Heap`](crate::heap::Heap) of one script.
///
/// Handles are copied freely; every copy sees the same object. A handle that a word took from the
/// stack stays valid until the word returns: garbage is collected between words only. State that
/// outlives a word ([`Task`](crate::machine::Task)) names its values in `trace`.
pub struct Handle<T: ?Sized> {
    pub(crate) index: u32,
    /// A read-only view (`IMMUTABLE`): changing through this handle is an error.
    pub(crate) frozen: bool,
    kind: PhantomData<fn() -> T>,
}

impl<T: ?Sized> Handle<T> {
    pub(crate) const fn new(index: u32) -> Self {
        Self { index, frozen: false, kind: PhantomData }
    }

    /// The same object, seen read-only.
    #[must_use]
    pub const fn frozen(self) -> Self {
        Self { frozen: true, ..self }
    }

    /// The same object, to be changed in ways that scripts cannot see (its order, its cached ids).
    #[must_use]
    pub(crate) const fn thawed(self) -> Self {
        Self { frozen: false, ..self }
    }

    /// Whether changes through this handle are refused.
    pub const fn is_frozen(self) -> bool {
        self.frozen
    }
}

impl<T: ?Sized> Clone for Handle<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: ?Sized> Copy for Handle<T> {}

impl<T: ?Sized> PartialEq for Handle<T> {
    fn eq(&self, other: &Self) -> bool {
        self.index == other.index
    }
}

impl<T: ?Sized> Eq for Handle<T> {}

impl<T: ?Sized> Hash for Handle<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.index.hash(state);
    }
}

impl<T: ?Sized> fmt::Debug for Handle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.index)
    }
}

/// A value of the language. 16 bytes, no allocation for numbers.
#[derive(Clone, Copy, Debug, Default)]
pub enum Value {
    /// `NULL`.
    #[default]
    Null,
    /// `MARK`, and the opening half of every literal of a collection.
    Mark,
    /// `BOOLEAN`.
    Boolean(bool),
    /// `LONG`.
    Long(i64),
    /// `DOUBLE`.
    Double(f64),
    /// `STRING`.
    String(Handle<Text>),
    /// `BYTES`.
    Bytes(Handle<Bytes>),
    /// `BIGDECIMAL`.
    Decimal(Handle<Decimal>),
    /// `LIST`.
    List(Handle<List>),
    /// `VLIST`, made by `[[ … ]]`; in all else a list.
    Vector(Handle<List>),
    /// `MAP`, in order of insertion.
    Map(Handle<Map>),
    /// `SET`, in order of insertion.
    Set(Handle<Set>),
    /// `GTS`.
    Gts(Handle<Gts>),
    /// `GTSENCODER`.
    Encoder(Handle<Encoder>),
    /// `MACRO`.
    Macro(Handle<Macro>),
    /// A word of the library as a value: `mapper.mean`, or what `FUNCREF` leaves.
    Word(&'static Word),
    /// A function with parameters (`5 mapper.gt`) or one that the script defined.
    Function(Handle<Function>),
    /// Anything else: matrices, shapes, images, counters, contexts, …
    Object(Handle<dyn Object>),
}

impl Value {
    /// Whether this is `NULL`.
    pub const fn is_null(self) -> bool {
        matches!(self, Self::Null)
    }

    /// A LONG or DOUBLE as a double; `None` for everything else.
    pub const fn as_f64(self) -> Option<f64> {
        match self {
            Self::Long(v) => Some(v as f64),
            Self::Double(v) => Some(v),
            _ => None,
        }
    }

    /// A LONG, or a DOUBLE cut to one as Java's cast does; `None` for everything else.
    pub const fn as_i64(self) -> Option<i64> {
        match self {
            Self::Long(v) => Some(v),
            Self::Double(v) => Some(v as i64),
            _ => None,
        }
    }

    /// The handle of a LIST or VLIST.
    pub const fn as_list(self) -> Option<Handle<List>> {
        match self {
            Self::List(list) | Self::Vector(list) => Some(list),
            _ => None,
        }
    }
}

impl From<i64> for Value {
    fn from(v: i64) -> Self {
        Self::Long(v)
    }
}

impl From<f64> for Value {
    fn from(v: f64) -> Self {
        Self::Double(v)
    }
}

impl From<bool> for Value {
    fn from(v: bool) -> Self {
        Self::Boolean(v)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_stays_small() {
        assert_eq!(size_of::<Value>(), 16);
    }
}
