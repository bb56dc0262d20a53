//! Recursive length prefixes.

use super::push_bytes;
use crate::error::{Error, Fault, Kind, Result};
use crate::heap::{Bytes, List};
use crate::machine::{Flow, Machine, Task};
use crate::value::{Handle, Value};

/// The longest content whose length fits into the prefix itself.
const SHORT_MAX: usize = 55;

/// Encodes from the end to the start: a prefix is known when its content is written.
struct Encode {
    /// Lists that are open: how many elements are still to be written, and how long the output was.
    open: Vec<(Handle<List>, usize, usize)>,
    /// The output backwards.
    out: Vec<u8>,
    start: Option<Value>,
}

impl Encode {
    fn push_backwards(&mut self, bytes: &[u8]) {
        self.out.extend(bytes.iter().rev());
    }

    /// A prefix of `base + length`, or of the length of the length and the length.
    fn prefix(&mut self, base: u8, length: usize) {
        if length <= SHORT_MAX {
            self.out.push(base + length as u8);
            return;
        }
        let bytes = (length as u64).to_be_bytes();
        let digits = &bytes[bytes.iter().take_while(|b| **b == 0).count()..];
        let count = digits.len() as u8;
        self.push_backwards(digits);
        self.out.push(base + SHORT_MAX as u8 + count);
    }

    fn string(&mut self, bytes: &[u8]) {
        self.push_backwards(bytes);
        if !matches!(bytes, [0..=0x7f]) {
            self.prefix(0x80, bytes.len());
        }
    }

    fn item(&mut self, vm: &Machine, value: Value) -> Result {
        match value {
            Value::List(list) | Value::Vector(list) => {
                vm.heap.claim((self.open.len() + 1).saturating_mul(32))?;
                self.open.push((list, vm.heap.list(list).len(), self.out.len()));
            }
            Value::String(text) => self.string(vm.heap.text(text).as_bytes()),
            Value::Bytes(bytes) => self.string(vm.heap.bytes(bytes)),
            Value::Long(0) => self.string(&[]),
            Value::Long(number) => {
                let bytes = number.to_be_bytes();
                self.string(&bytes[bytes.iter().take_while(|b| **b == 0).count()..]);
            }
            _ => {
                return Err(Fault::text(
                    "Invalid item type, only LIST, LONG, BYTES and STRING are supported.",
                ));
            }
        }
        vm.heap.claim(self.out.len().saturating_mul(2))
    }

    fn run(&mut self, vm: &mut Machine) -> Result<Flow> {
        if let Some(value) = self.start.take() {
            self.item(vm, value)?;
        }
        while let Some((list, left, mark)) = self.open.last_mut() {
            if *left == 0 {
                let length = self.out.len() - *mark;
                self.open.pop();
                self.prefix(0xc0, length);
            } else {
                *left -= 1;
                let value = vm.heap.list(*list).get(*left).copied().unwrap_or_default();
                self.item(vm, value)?;
            }
            vm.charge(4);
            if vm.should_yield() {
                return Ok(Flow::Again);
            }
        }
        self.out.reverse();
        let out = std::mem::take(&mut self.out);
        push_bytes(vm, out)?;
        Ok(Flow::Done)
    }
}

impl Task for Encode {
    fn resume(&mut self, vm: &mut Machine) -> Result<Flow> {
        self.run(vm).map_err(|f| {
            f.wrap(format!("{} encountered an error while encoding RLP.", vm.word.name))
        })
    }

    fn trace(&self, visit: &mut dyn FnMut(Value)) {
        self.start.iter().for_each(|v| visit(*v));
        self.open.iter().for_each(|(list, _, _)| visit(Value::List(*list)));
    }
}

pub(super) fn to_rlp(vm: &mut Machine) -> Result {
    let value = vm.pop()?;
    vm.push_task(Encode { open: Vec::new(), out: Vec::new(), start: Some(value) })
}

pub(super) fn from_rlp(vm: &mut Machine) -> Result {
    let data = vm.pop_bytes("operates on a byte array.")?;
    vm.charge(data.len());
    let value = decode(vm, &data).map_err(|f| {
        f.wrap(format!("{} encountered an error while decoding RLP.", vm.word.name))
    })?;
    vm.push(value)
}

/// What a prefix announces.
enum Item {
    List(i32),
    String(i32),
}

/// Reads the prefix at `at` and moves behind it.
fn prefix(data: &[u8], at: &mut i32) -> Result<Item> {
    let byte = |at: i32| -> Result<u8> {
        let found = usize::try_from(at).ok().and_then(|at| data.get(at)).copied();
        found.ok_or_else(|| {
            let message = format!("Index {at} out of bounds for length {}", data.len());
            Fault::kind(Kind::Bounds, message)
        })
    };
    let first = byte(*at)?;
    let short_max = SHORT_MAX as u8;
    let (base, long) = match first {
        0..0x80 => return Ok(Item::String(1)),
        0x80..0xc0 => (0x80, first > 0x80 + short_max),
        _ => (0xc0, first > 0xc0 + short_max),
    };
    *at = at.wrapping_add(1);
    let mut size = i64::from(first - base);
    if long {
        let count = first - base - short_max;
        if count > 4 {
            return Err(Fault::text("Unable to support size over 2**32."));
        }
        size = 0;
        for _ in 0..count {
            size = size << 8 | i64::from(byte(*at)?);
            *at = at.wrapping_add(1);
        }
    }
    Ok(if base == 0xc0 { Item::List(size as i32) } else { Item::String(size as i32) })
}

/// Bytes from `at`; zeros where the data has ended.
fn string(vm: &Machine, data: &[u8], at: i32, size: i32) -> Result<Bytes> {
    let bad = || Fault::Error(Box::new(Error::bare(Kind::Bounds)));
    let (from, size) = (usize::try_from(at).ok(), usize::try_from(size).ok());
    let (Some(from), Some(size)) = (from.filter(|at| *at <= data.len()), size) else {
        return Err(bad());
    };
    vm.heap.claim(size)?;
    let mut bytes = data[from..data.len().min(from + size)].to_vec();
    bytes.resize(size, 0);
    Ok(bytes.into())
}

fn decode(vm: &mut Machine, data: &[u8]) -> Result<Value> {
    let mut open: Vec<(i32, List)> = Vec::new();
    let mut at = 0i32;
    loop {
        let mut done = match prefix(data, &mut at)? {
            Item::List(size) => {
                vm.heap.claim((open.len() + 1).saturating_mul(48))?;
                open.push((at.wrapping_add(size), List::new()));
                None
            }
            Item::String(size) => {
                let bytes = string(vm, data, at, size)?;
                at = at.wrapping_add(size);
                Some(Value::Bytes(vm.heap.alloc_bytes(bytes)?))
            }
        };
        loop {
            if let Some(value) = done.take() {
                match open.last_mut() {
                    Some((_, list)) => list.push(value),
                    None => return Ok(value),
                }
            }
            match open.last_mut() {
                Some((end, list)) if at >= *end => {
                    let list = std::mem::take(list);
                    open.pop();
                    done = Some(vm.heap.new_list(list)?);
                }
                _ => break,
            }
        }
    }
}
