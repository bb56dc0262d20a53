//! Writing pickles, byte for byte as the library of the reference does.

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;
use weft_gts::{Column, Labels};

use crate::error::{Fault, Result};
use crate::heap::{Gts, Key, Map};
use crate::java;
use crate::machine::Machine;
use crate::registry::{self, Action};
use crate::value::{Handle, Value};
use crate::words::points;

/// How deeply collections may be nested.
const DEPTH_MAX: usize = 200;

pub(super) fn pickle(vm: &mut Machine) -> Result {
    if let Value::Encoder(_) = vm.peek(0)?
        && let Some(Action::Run(run)) = registry::find("->GTS").map(|w| w.action)
    {
        run(vm)?;
    }
    let top = vm.pop()?;
    let mut pickler = Pickler::default();
    pickler.out.extend([0x80, 2]);
    pickler.rest.push(Step::Save(top, 1));
    pickler.run(vm)?;
    pickler.out.push(b'.');
    vm.charge(pickler.out.len() / 4);
    let bytes = vm.heap.alloc_bytes(pickler.out.into())?;
    vm.push(Value::Bytes(bytes))
}

/// What is still to be written.
enum Step {
    Save(Value, usize),
    Bytes(&'static [u8]),
    /// Gives a value its number, so that it can be referred to.
    Remember(Value),
    /// Uses a number up, for what no value stands for.
    Skip,
}

#[derive(Default)]
struct Pickler {
    out: Vec<u8>,
    rest: Vec<Step>,
    /// What was written: by hash, one value each, as a table of Java has it.
    memo: IndexMap<i64, (Option<Key>, usize), FxBuildHasher>,
}

impl Pickler {
    fn run(&mut self, vm: &mut Machine) -> Result {
        while let Some(step) = self.rest.pop() {
            vm.heap.claim(self.out.len() + self.rest.len() * size_of::<Step>())?;
            match step {
                Step::Save(value, depth) => self.save(vm, value, depth)?,
                Step::Bytes(bytes) => self.out.extend(bytes),
                Step::Remember(value) => self.remember(vm, value)?,
                Step::Skip => {
                    // No hash of Java is that large.
                    let unique = (2 << 40) + self.memo.len() as i64;
                    self.number(unique, None);
                }
            }
        }
        Ok(())
    }

    fn save(&mut self, vm: &mut Machine, value: Value, depth: usize) -> Result {
        if depth > DEPTH_MAX {
            let message = format!("recursion too deep in Pickler.save (>{DEPTH_MAX})");
            return Err(Fault::text(message).wrap(format!("{} failed.", vm.word.name)));
        }
        match crate::words::counters::as_number(vm, value) {
            Value::Null => self.out.push(b'N'),
            Value::Boolean(v) => self.out.push(if v { 0x88 } else { 0x89 }),
            Value::Long(v) => self.long(v),
            Value::Double(v) => self.double(v),
            value => {
                if !self.refer(vm, value)? {
                    self.object(vm, value, depth)?;
                }
            }
        }
        Ok(())
    }

    fn object(&mut self, vm: &mut Machine, value: Value, depth: usize) -> Result {
        match value {
            Value::String(text) => {
                let text = vm.heap.text(text).clone();
                self.text(&text);
                self.remember(vm, value)?;
            }
            Value::List(list) | Value::Vector(list) => {
                self.out.push(b']');
                self.remember(vm, value)?;
                self.out.push(b'(');
                self.rest.push(Step::Bytes(b"e"));
                let elements = vm.heap.list(list).iter().rev();
                self.rest.extend(elements.map(|v| Step::Save(*v, depth + 1)));
            }
            Value::Map(map) => {
                self.out.push(b'}');
                self.remember(vm, value)?;
                self.out.push(b'(');
                self.rest.push(Step::Bytes(b"u"));
                for (key, value) in vm.heap.map(map).entries.iter().rev() {
                    self.rest.push(Step::Save(*value, depth + 1));
                    self.rest.push(Step::Save(key.value(), depth + 1));
                }
            }
            Value::Set(set) => {
                self.out.extend(b"c__builtin__\nset\n](");
                self.rest.push(Step::Remember(value));
                self.rest.push(Step::Bytes(b"e\x85R"));
                let members = vm.heap.set(set).members.iter().rev();
                self.rest.extend(members.map(|k| Step::Save(k.value(), depth + 1)));
            }
            Value::Bytes(bytes) => {
                self.out.extend(b"c__builtin__\nbytearray\n");
                let text: String = vm.heap.bytes(bytes).iter().map(|b| char::from(*b)).collect();
                for text in [&text, "latin-1"] {
                    self.text(text);
                    let text = vm.heap.string(text)?;
                    self.remember(vm, text)?;
                }
                self.out.extend(b"\x86R");
                self.remember(vm, value)?;
            }
            Value::Decimal(decimal) => {
                self.out.extend(b"cdecimal\nDecimal\n");
                let text = crate::decimal::to_text(vm.heap.decimal(decimal));
                self.text(&text);
                let text = vm.heap.string(text)?;
                self.remember(vm, text)?;
                self.out.extend(b"\x85R");
                self.remember(vm, value)?;
            }
            Value::Gts(gts) => self.series(vm, gts, depth)?,
            other => {
                let name = crate::text::type_name(&vm.heap, other);
                let message = format!("couldn't pickle object of type {name}");
                return Err(Fault::text(message).wrap(format!("{} failed.", vm.word.name)));
            }
        }
        Ok(())
    }

    fn long(&mut self, value: i64) {
        if let Ok(byte) = u8::try_from(value) {
            self.out.extend([b'K', byte]);
        } else if let Ok(short) = u16::try_from(value) {
            self.out.push(b'M');
            self.out.extend(short.to_le_bytes());
        } else if let Ok(int) = i32::try_from(value) {
            self.out.push(b'J');
            self.out.extend(int.to_le_bytes());
        } else {
            self.out.extend(format!("I{value}\n").bytes());
        }
    }

    fn double(&mut self, value: f64) {
        self.out.push(b'G');
        self.out.extend(value.to_be_bytes());
    }

    fn text(&mut self, text: &str) {
        self.out.push(b'X');
        self.out.extend((text.len() as u32).to_le_bytes());
        self.out.extend(text.bytes());
    }

    /// A series: a dictionary in the order of a Java hash table.
    fn series(&mut self, vm: &mut Machine, gts: Handle<Gts>, depth: usize) -> Result {
        let mut fields = fields(vm, gts)?;
        java::hash_order(&mut fields, |(name, _)| java::hash_text(name));
        self.out.push(b'}');
        self.rest.push(Step::Skip);
        self.rest.push(Step::Bytes(b"u"));
        for (name, value) in fields.into_iter().rev() {
            match value {
                Some(value) => self.rest.push(Step::Save(value, depth + 2)),
                // An array without elements.
                None => {
                    self.rest.push(Step::Skip);
                    self.rest.push(Step::Bytes(b"carray\narray\nU\x01l](e\x86R"));
                }
            }
            self.rest.push(Step::Save(vm.heap.string(name)?, depth + 2));
        }
        self.rest.push(Step::Bytes(b"("));
        self.rest.push(Step::Skip);
        Ok(())
    }

    /// Writes a reference to what was written before; whether it was.
    fn refer(&mut self, vm: &Machine, value: Value) -> Result<bool> {
        let Some((Some(known), index)) = self.memo.get(&memo_hash(vm, value)?) else {
            return Ok(false);
        };
        if *known != vm.heap.key(value)? {
            return Ok(false);
        }
        match u8::try_from(*index) {
            Ok(index) => self.out.extend([b'h', index]),
            Err(_) => {
                self.out.push(b'j');
                self.out.extend((*index as u32).to_le_bytes());
            }
        }
        Ok(true)
    }

    fn remember(&mut self, vm: &Machine, value: Value) -> Result {
        let hash = memo_hash(vm, value)?;
        if !self.memo.contains_key(&hash) {
            let key = vm.heap.key(value)?;
            self.number(hash, Some(key));
        }
        Ok(())
    }

    fn number(&mut self, hash: i64, key: Option<Key>) {
        let index = self.memo.len();
        self.memo.insert(hash, (key, index));
        match u8::try_from(index) {
            Ok(index) => self.out.extend([b'q', index]),
            Err(_) => {
                self.out.push(b'r');
                self.out.extend((index as u32).to_le_bytes());
            }
        }
    }
}

/// The hash that the table of written values knows a value by; bytes are known by which they are.
fn memo_hash(vm: &Machine, value: Value) -> Result<i64> {
    match value {
        Value::Bytes(bytes) => Ok((1 << 40) + i64::from(bytes.index)),
        value => Ok(deep_hash(vm, value)?.into()),
    }
}

/// `hashCode` of nested collections.
fn deep_hash(vm: &Machine, value: Value) -> Result<i32> {
    /// A collection whose hash is under way: which, how far, the sum so far, the hash of the key.
    struct Open {
        value: Value,
        next: usize,
        sum: i32,
        key: Option<i32>,
    }
    let start = |value: Value| {
        let sum = i32::from(matches!(value, Value::List(_) | Value::Vector(_)));
        Open { value, next: 0, sum, key: None }
    };
    let mut open: Vec<Open> = Vec::new();
    let mut done: Option<i32> = None;
    let mut current = Some(value);
    loop {
        match current.take() {
            Some(value @ (Value::List(_) | Value::Vector(_) | Value::Map(_) | Value::Set(_))) => {
                if open.len() > 2 * DEPTH_MAX {
                    return Err(Fault::text("A collection is nested too deeply."));
                }
                open.push(start(value));
            }
            Some(simple) => done = Some(java::hash(&vm.heap, simple)),
            None => (),
        }
        let Some(top) = open.last_mut() else {
            return Ok(done.unwrap_or_default());
        };
        if let Some(hash) = done.take() {
            match (top.value, top.key.take()) {
                (Value::Map(_), None) => top.key = Some(hash),
                (Value::Map(_), Some(key)) => top.sum = top.sum.wrapping_add(key ^ hash),
                (Value::Set(_), _) => top.sum = top.sum.wrapping_add(hash),
                _ => top.sum = top.sum.wrapping_mul(31).wrapping_add(hash),
            }
        }
        let index = top.next;
        let next = match top.value {
            Value::List(list) | Value::Vector(list) => vm.heap.list(list).get(index).copied(),
            Value::Set(set) => vm.heap.set(set).members.get_index(index).map(Key::value),
            Value::Map(map) => {
                // Key and value of an entry come one after the other.
                let entry = vm.heap.map(map).entries.get_index(index / 2);
                entry.map(|(key, value)| if index % 2 == 0 { key.value() } else { *value })
            }
            _ => None,
        };
        top.next += 1;
        if next.is_none() {
            done = Some(top.sum);
            open.pop();
            if open.is_empty() {
                return Ok(done.unwrap_or_default());
            }
        }
        current = next;
    }
}

/// Labels in the order of a Java hash table.
fn label_map(vm: &mut Machine, labels: &Labels) -> Result<Value> {
    let mut pairs: Vec<(&str, &str)> = labels.iter().collect();
    java::hash_order(&mut pairs, |(name, _)| java::hash_text(name));
    let mut map = Map::default();
    for (name, value) in pairs {
        let value = vm.heap.string(value)?;
        map.entries.insert(vm.heap.text_key(name)?, value);
    }
    Ok(Value::Map(vm.heap.alloc_map(map)?))
}

/// What is written of a series; `None` for values that are not there.
fn fields(vm: &mut Machine, gts: Handle<Gts>) -> Result<Vec<(&'static str, Option<Value>)>> {
    let series = vm.heap.gts(gts).series.clone();
    let points = &series.points;
    vm.heap.claim_values(points.len().saturating_mul(5))?;
    vm.charge(points.len() * 4);
    let mut fields = vec![
        ("classname", Some(vm.heap.string(series.metadata.class())?)),
        ("labels", Some(label_map(vm, &series.metadata.labels)?)),
        ("attributes", Some(label_map(vm, &series.metadata.attributes)?)),
    ];
    let ticks = points.ticks.iter().map(|t| Value::Long(*t)).collect();
    fields.push(("timestamps", Some(vm.heap.new_list(ticks)?)));
    let values = match &points.values {
        Column::Empty => None,
        column if column.is_empty() => None,
        column => {
            let mut values = Vec::with_capacity(column.len());
            for index in 0..column.len() {
                values.push(points::from_point(vm, &column.get(index))?);
            }
            Some(vm.heap.new_list(values)?)
        }
    };
    fields.push(("values", values));
    if !points.locations.is_empty() {
        let (mut latitudes, mut longitudes) = (Vec::new(), Vec::new());
        for location in points.locations.iter() {
            let (latitude, longitude) = points::location_values(*location);
            let single = |v: Value| Value::Double(f64::from(v.as_f64().unwrap_or(f64::NAN) as f32));
            latitudes.push(single(latitude));
            longitudes.push(single(longitude));
        }
        fields.push(("latitudes", Some(vm.heap.new_list(latitudes)?)));
        fields.push(("longitudes", Some(vm.heap.new_list(longitudes)?)));
    }
    if !points.elevations.is_empty() {
        let elevations = points.elevations.iter().map(|e| Value::Long(*e)).collect();
        fields.push(("elevations", Some(vm.heap.new_list(elevations)?)));
    }
    Ok(fields)
}
