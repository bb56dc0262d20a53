//! Variables by interned name.

use indexmap::IndexSet;
use rustc_hash::FxBuildHasher;

use crate::heap::Text;
use crate::macros::Symbol;
use crate::value::Value;

/// The table of variables. Names are interned once and looked up by number from then on.
#[derive(Debug, Default)]
pub struct Symbols {
    names: IndexSet<Text, FxBuildHasher>,
    values: Vec<Option<Value>>,
    set: usize,
}

impl Symbols {
    /// The symbol of a name, and the bytes that a new name takes.
    pub(crate) fn intern(&mut self, name: &str) -> (Symbol, usize) {
        if let Some(index) = self.names.get_index_of(name) {
            return (Symbol(index as u32), 0);
        }
        let (index, _) = self.names.insert_full(name.into());
        self.values.push(None);
        (Symbol(index as u32), name.len() + 64)
    }

    /// The symbol of a name that was seen before.
    pub fn find(&self, name: &str) -> Option<Symbol> {
        self.names.get_index_of(name).map(|i| Symbol(i as u32))
    }

    /// The name of a symbol.
    pub fn name(&self, symbol: Symbol) -> &Text {
        &self.names[symbol.0 as usize]
    }

    /// The value of a variable; `None` when it was never stored or was forgotten.
    #[inline]
    pub fn get(&self, symbol: Symbol) -> Option<Value> {
        self.values[symbol.0 as usize]
    }

    /// Stores a variable.
    #[inline]
    pub(crate) fn set(&mut self, symbol: Symbol, value: Value) {
        let place = &mut self.values[symbol.0 as usize];
        self.set += usize::from(place.is_none());
        *place = Some(value);
    }

    /// Forgets a variable; its value before.
    pub(crate) fn remove(&mut self, symbol: Symbol) -> Option<Value> {
        let value = self.values[symbol.0 as usize].take();
        self.set -= usize::from(value.is_some());
        value
    }

    /// Forgets all variables.
    pub(crate) fn clear(&mut self) {
        self.values.fill(None);
        self.set = 0;
    }

    /// How many variables are stored.
    #[inline]
    pub const fn len(&self) -> usize {
        self.set
    }

    /// Whether none is.
    pub const fn is_empty(&self) -> bool {
        self.set == 0
    }

    /// The variables that are stored, in the order in which their names were first seen.
    pub fn iter(&self) -> impl Iterator<Item = (Symbol, Value)> + '_ {
        let values = self.values.iter().enumerate();
        values.filter_map(|(i, v)| v.map(|v| (Symbol(i as u32), v)))
    }
}
