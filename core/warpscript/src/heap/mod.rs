//! The objects of one script.
//!
//! # Representation
//! A [`Value`] is 16 bytes and copied freely. Everything larger than a number lives in a slab of
//! its type and is named by a [`Handle`]; aliases are copies of the handle, so every alias sees a
//! change. The heap is one owned structure without pointers into itself: it moves between threads
//! as a whole.
//!
//! # Garbage
//! Collection is mark and sweep, between words only, and in slices: while a collection is under way
//! the script does not run, so a slice of any length is safe. Cycles are no concern. It starts when
//! the heap has grown by a part of what it held since the last one.
//!
//! # Accounting
//! [`Heap::used`] counts what objects own (its footprint); every change goes through a [`Change`]
//! guard that books the difference. Nothing is allocated beyond the limit: making an object that
//! does not fit is an error, and words ask with [`Heap::claim`] before they build something large.

mod gc;
mod key;
mod object;
mod slab;

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

pub use key::{Key, TextKey};
pub use object::{Bytes, Decimal, Encoder, Function, Gts, List, Map, Object, Order, Set, Text};

use gc::Collector;
use key::Identity;
pub(crate) use slab::Footprint;
use slab::{Slab, slot_cost};
use weft_gts::Series;

use crate::error::{Fault, Result};
use crate::macros::Macro;
use crate::value::{Handle, Value};

/// The objects of one script.
#[derive(Debug)]
pub struct Heap {
    texts: Slab<Text>,
    bytes: Slab<Bytes>,
    decimals: Slab<Decimal>,
    lists: Slab<List>,
    maps: Slab<Map>,
    sets: Slab<Set>,
    series: Slab<Gts>,
    encoders: Slab<Encoder>,
    macros: Slab<Macro>,
    functions: Slab<Function>,
    objects: Slab<Box<dyn Object>>,
    used: usize,
    limit: usize,
    /// `used` at which the next collection starts.
    threshold: usize,
    collector: Option<Collector>,
    /// The one-character texts of ASCII, made once: iterating a string costs nothing.
    ascii: Vec<Option<Handle<Text>>>,
}

/// A change of one object: books the memory it took when dropped.
#[derive(Debug)]
pub struct Change<'a, T: ?Sized + Measured> {
    object: &'a mut T,
    used: &'a mut usize,
    before: usize,
}

/// Objects whose size the heap can tell; implemented for what the heap holds.
#[doc(hidden)]
pub trait Measured {
    #[doc(hidden)]
    fn measure(&self) -> usize;
}

impl<T: Footprint> Measured for T {
    fn measure(&self) -> usize {
        self.footprint()
    }
}

impl<T: Measured> Deref for Change<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        self.object
    }
}

impl<T: Measured> DerefMut for Change<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        self.object
    }
}

impl<T: ?Sized + Measured> Drop for Change<'_, T> {
    #[inline]
    fn drop(&mut self) {
        // Wrapping: objects may have been recounted by a collection since they were made.
        *self.used = (*self.used + self.object.measure()).saturating_sub(self.before);
    }
}

/// The smallest growth that starts a collection.
const GROWTH_MIN: usize = 4 << 20;

macro_rules! kind {
    ($slab:ident, $type:ty, $alloc:ident, $get:ident, $change:ident, $what:literal) => {
        #[doc = concat!("Puts ", $what, " into the heap.")]
        ///
        /// # Errors
        /// When the memory limit is reached.
        pub fn $alloc(&mut self, object: $type) -> Result<Handle<$type>> {
            let size = slot_cost::<$type>() + object.footprint();
            self.claim(size)?;
            self.used += size;
            Ok(Handle::new(self.$slab.insert(object)))
        }

        #[doc = concat!("Looks at ", $what, ".")]
        #[inline]
        pub fn $get(&self, handle: Handle<$type>) -> &$type {
            self.$slab.get(handle.index)
        }

        #[doc = concat!("Changes ", $what, " for all who hold it.")]
        ///
        /// # Errors
        /// When the handle is a read-only view.
        #[inline]
        pub fn $change(&mut self, handle: Handle<$type>) -> Result<Change<'_, $type>> {
            if handle.frozen {
                return Err(Fault::unsupported());
            }
            let object = self.$slab.get_mut(handle.index);
            let before = object.footprint();
            Ok(Change { object, used: &mut self.used, before })
        }
    };
}

impl Heap {
    /// An empty heap that may hold `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self {
            texts: Slab::default(),
            bytes: Slab::default(),
            decimals: Slab::default(),
            lists: Slab::default(),
            maps: Slab::default(),
            sets: Slab::default(),
            series: Slab::default(),
            encoders: Slab::default(),
            macros: Slab::default(),
            functions: Slab::default(),
            objects: Slab::default(),
            used: 0,
            limit,
            threshold: GROWTH_MIN.min(limit / 4),
            collector: None,
            ascii: Vec::new(),
        }
    }

    /// Bytes in use, garbage included.
    pub const fn used(&self) -> usize {
        self.used
    }

    /// Bytes allowed.
    pub const fn limit(&self) -> usize {
        self.limit
    }

    /// Asks for `bytes` before they are allocated.
    ///
    /// # Errors
    /// When they would exceed the limit.
    #[inline]
    pub fn claim(&self, bytes: usize) -> Result {
        if bytes > self.limit.saturating_sub(self.used) {
            return Err(self.exhausted(bytes));
        }
        Ok(())
    }

    /// Books `bytes` that the machine keeps beside the objects (interned names).
    pub(crate) fn book(&mut self, bytes: usize) -> Result {
        self.claim(bytes)?;
        self.used += bytes;
        Ok(())
    }

    /// Asks for a list of `count` values.
    ///
    /// # Errors
    /// When they would exceed the limit.
    pub fn claim_values(&self, count: usize) -> Result {
        self.claim(count.saturating_mul(size_of::<Value>()))
    }

    #[cold]
    fn exhausted(&self, bytes: usize) -> Fault {
        Fault::limit(format!(
            "Memory limit of {} bytes reached ({} in use, {bytes} more asked).",
            self.limit, self.used
        ))
    }

    kind!(texts, Text, alloc_text, text, change_text, "a text");
    kind!(bytes, Bytes, alloc_bytes, bytes, change_bytes, "bytes");
    kind!(decimals, Decimal, alloc_decimal, decimal, change_decimal, "a decimal");
    kind!(lists, List, alloc_list, list, change_list, "a list");
    kind!(maps, Map, alloc_map, map, change_map, "a map");
    kind!(sets, Set, alloc_set, set, change_set, "a set");
    kind!(macros, Macro, alloc_macro, macro_, change_macro, "a macro");
    kind!(functions, Function, alloc_function, function, change_function, "a function");
    kind!(series, Gts, insert_gts, gts, change_gts, "a series");
    kind!(encoders, Encoder, insert_encoder, encoder, change_encoder, "an encoder");
    kind!(objects, Box<dyn Object>, insert_object, any, change_any, "an object");

    /// Puts a text into the heap, as a value.
    ///
    /// # Errors
    /// When the memory limit is reached.
    pub fn string(&mut self, text: impl Into<Text>) -> Result<Value> {
        Ok(Value::String(self.alloc_text(text.into())?))
    }

    /// The text of one character; ASCII characters are shared.
    ///
    /// # Errors
    /// When the memory limit is reached.
    pub fn character(&mut self, c: char) -> Result<Value> {
        let index = c as usize;
        if index >= 128 {
            return self.string(c.encode_utf8(&mut [0; 4]) as &str);
        }
        self.ascii.resize(128, None);
        if let Some(text) = self.ascii[index] {
            return Ok(Value::String(text));
        }
        let text = self.alloc_text(Arc::from(c.encode_utf8(&mut [0; 4]) as &str))?;
        self.ascii[index] = Some(text);
        Ok(Value::String(text))
    }

    /// Puts a list into the heap, as a value.
    ///
    /// # Errors
    /// When the memory limit is reached.
    pub fn new_list(&mut self, values: List) -> Result<Value> {
        Ok(Value::List(self.alloc_list(values)?))
    }

    /// Puts a series into the heap and counts its texts.
    ///
    /// # Errors
    /// When the memory limit is reached.
    pub fn alloc_gts(&mut self, mut gts: Gts) -> Result<Handle<Gts>> {
        gts.text_bytes = object::text_bytes(&gts.series.points);
        self.insert_gts(gts)
    }

    /// Puts a series into the heap, as a value.
    ///
    /// # Errors
    /// When the memory limit is reached.
    pub fn new_gts(&mut self, series: Series) -> Result<Value> {
        Ok(Value::Gts(self.alloc_gts(Gts::new(series))?))
    }

    /// Appends a point to a series for all who hold it, by the rules of its first value. Takes
    /// constant time: nothing but the columns is measured.
    ///
    /// # Errors
    /// When the handle is a read-only view.
    pub fn append_point(
        &mut self,
        handle: Handle<Gts>,
        tick: i64,
        location: i64,
        elevation: i64,
        value: weft_gts::Value,
    ) -> Result {
        if handle.frozen {
            return Err(Fault::unsupported());
        }
        let gts = self.series.get_mut(handle.index);
        let before = object::columns_footprint(&gts.series.points);
        gts.append(tick, location, elevation, value);
        let after = object::columns_footprint(&gts.series.points);
        self.used = (self.used + after).saturating_sub(before);
        Ok(())
    }

    /// Appends a number without a place where that is simple: see [`Gts::append_number`]. `false`:
    /// it is not, and nothing happened.
    #[inline]
    pub(crate) fn append_number(&mut self, handle: Handle<Gts>, tick: i64, value: Value) -> bool {
        if handle.frozen {
            return false;
        }
        let grown = self.series.get_mut(handle.index).append_number(tick, value);
        self.used += grown.unwrap_or(0);
        grown.is_some()
    }

    /// Appends a point to an encoder for all who hold it, likewise.
    ///
    /// # Errors
    /// When the handle is a read-only view.
    pub fn append_encoded(
        &mut self,
        handle: Handle<Encoder>,
        tick: i64,
        location: i64,
        elevation: i64,
        value: weft_gts::Value,
    ) -> Result {
        if handle.frozen {
            return Err(Fault::unsupported());
        }
        let encoder = self.encoders.get_mut(handle.index);
        let before = object::columns_footprint(&encoder.points);
        encoder.points.push(tick, location, elevation, value);
        let after = object::columns_footprint(&encoder.points);
        self.used = (self.used + after).saturating_sub(before);
        Ok(())
    }

    /// Puts an encoder into the heap and counts its texts.
    ///
    /// # Errors
    /// When the memory limit is reached.
    pub fn alloc_encoder(&mut self, mut encoder: Encoder) -> Result<Handle<Encoder>> {
        encoder.text_bytes = object::text_bytes(&encoder.points);
        self.insert_encoder(encoder)
    }

    /// Puts a value of a family's own type into the heap, as a value.
    ///
    /// # Errors
    /// When the memory limit is reached.
    pub fn new_object(&mut self, object: impl Object) -> Result<Value> {
        let handle = self.insert_object(Box::new(object))?;
        Ok(Value::Object(Handle::new(handle.index)))
    }

    /// The object behind a handle, whatever its type.
    pub fn any_object(&self, handle: Handle<dyn Object>) -> &dyn Object {
        self.objects.get(handle.index).as_ref()
    }

    /// The object behind a handle, if it is a `T`.
    pub fn object<T: Object>(&self, handle: Handle<dyn Object>) -> Option<&T> {
        self.any_object(handle).as_any().downcast_ref()
    }

    /// Changes the object behind a handle, if it is a `T`, for all who hold it.
    pub fn update_object<T: Object, R>(
        &mut self,
        handle: Handle<dyn Object>,
        update: impl FnOnce(&mut T) -> R,
    ) -> Option<R> {
        let object = self.objects.get_mut(handle.index);
        let before = Object::footprint(object.as_ref());
        let answer = object.as_any_mut().downcast_mut().map(update);
        let after = Object::footprint(object.as_ref());
        self.used = (self.used + after).saturating_sub(before);
        answer
    }

    /// The key of a text.
    ///
    /// # Errors
    /// When the memory limit is reached.
    pub fn text_key(&mut self, text: &str) -> Result<Key> {
        let value = self.string(text)?;
        self.key(value)
    }

    /// The key that a value makes in a map or set.
    ///
    /// # Errors
    /// When a collection is too large or contains itself.
    pub fn key(&self, value: Value) -> Result<Key> {
        let identity = match value {
            Value::Null => Identity::Null,
            Value::Boolean(v) => Identity::Boolean(v),
            Value::Long(v) => Identity::Long(v),
            Value::Double(v) => Identity::Double(double_identity(v)),
            Value::String(text) => Identity::Text(self.text(text).clone()),
            Value::List(_)
            | Value::Vector(_)
            | Value::Map(_)
            | Value::Set(_)
            | Value::Bytes(_)
            | Value::Decimal(_) => Identity::Content(self.canonical(value)?),
            Value::Mark => Identity::Object(1, 0),
            Value::Gts(h) => Identity::Object(2, h.index),
            Value::Encoder(h) => Identity::Object(3, h.index),
            Value::Macro(h) => Identity::Object(4, h.index),
            Value::Function(h) => Identity::Object(5, h.index),
            Value::Object(h) => Identity::Object(6, h.index),
            Value::Word(word) => Identity::Content(Arc::from(word.name.as_bytes())),
        };
        Ok(Key { value, identity })
    }

    /// Bytes that are equal for collections with equal content (Java's `equals`).
    fn canonical(&self, value: Value) -> Result<Arc<[u8]>> {
        const BYTES_MAX: usize = 16 << 20;
        let mut out = Vec::new();
        let mut rest = vec![value];
        while let Some(value) = rest.pop() {
            if out.len() > BYTES_MAX || rest.len() > BYTES_MAX {
                return Err(Fault::text("A collection is too large to be a key."));
            }
            match value {
                Value::List(h) | Value::Vector(h) => {
                    let list = self.list(h);
                    out.push(b'[');
                    out.extend((list.len() as u64).to_be_bytes());
                    rest.extend(list.iter().rev());
                }
                Value::Map(h) => {
                    let mut pairs = Vec::new();
                    for (key, value) in &self.map(h).entries {
                        pairs.push((self.flat(key)?, *value));
                    }
                    pairs.sort_by(|a, b| a.0.cmp(&b.0));
                    out.push(b'{');
                    out.extend((pairs.len() as u64).to_be_bytes());
                    for (key, value) in pairs.into_iter().rev() {
                        out.extend(key);
                        rest.push(value);
                    }
                }
                Value::Set(h) => {
                    let members = &self.set(h).members;
                    let mut keys = Vec::with_capacity(members.len());
                    for key in members {
                        keys.push(self.flat(key)?);
                    }
                    keys.sort();
                    out.push(b'(');
                    out.extend((keys.len() as u64).to_be_bytes());
                    keys.into_iter().for_each(|k| out.extend(k));
                }
                Value::Bytes(h) => push_tagged(&mut out, b'y', self.bytes(h)),
                Value::Decimal(h) => {
                    let decimal = self.decimal(h);
                    out.extend(decimal.scale.to_be_bytes());
                    push_tagged(&mut out, b'd', &decimal.unscaled.to_signed_bytes_be());
                }
                simple => out.extend(self.flat(&self.key(simple)?)?),
            }
        }
        Ok(out.into())
    }

    /// The canonical bytes of a key.
    #[allow(clippy::unnecessary_wraps)]
    fn flat(&self, key: &Key) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        match &key.identity {
            Identity::Null => out.push(b'n'),
            Identity::Boolean(v) => out.extend([b'b', u8::from(*v)]),
            Identity::Long(v) => push_tagged(&mut out, b'l', &v.to_be_bytes()),
            Identity::Double(v) => push_tagged(&mut out, b'f', &v.to_be_bytes()),
            Identity::Text(text) => push_tagged(&mut out, b's', text.as_bytes()),
            Identity::Object(kind, index) => {
                out.extend([b'o', *kind]);
                out.extend(index.to_be_bytes());
            }
            Identity::Content(bytes) => push_tagged(&mut out, b'c', bytes),
        }
        Ok(out)
    }
}

fn push_tagged(out: &mut Vec<u8>, tag: u8, content: &[u8]) {
    out.push(tag);
    out.extend((content.len() as u64).to_be_bytes());
    out.extend(content);
}

/// The bits that `Double.equals` compares: one NaN, two zeros.
pub(crate) fn double_identity(v: f64) -> u64 {
    if v.is_nan() { f64::NAN.to_bits() } else { v.to_bits() }
}
