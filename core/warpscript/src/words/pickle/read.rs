//! Reading pickles: data only, nothing that a pickle names is run.

use std::collections::BTreeMap;

use num_bigint::BigInt;

use crate::decimal;
use crate::error::{Fault, Result};
use crate::heap::{Decimal, Map, Set};
use crate::machine::Machine;
use crate::value::Value;

pub(super) fn unpickle(vm: &mut Machine) -> Result {
    let data = vm.pop_bytes("expects a byte array on top of the stack.")?;
    // A byte makes a value at most.
    vm.heap.claim(data.len().saturating_mul(48))?;
    vm.charge(data.len());
    let mut reader = Reader { data: &data, position: 0, stack: Vec::new(), memo: BTreeMap::new() };
    let value = reader.run(vm)?;
    vm.push(value)
}

/// What the stack of a pickle holds.
#[derive(Clone)]
enum Item {
    Value(Value),
    Mark,
    /// Something that a module names, to be called.
    Name(String, String),
}

struct Reader<'a> {
    data: &'a [u8],
    position: usize,
    stack: Vec<Item>,
    memo: BTreeMap<u64, Item>,
}

fn malformed() -> Fault {
    Fault::text("The bytes are no pickle that can be read.")
}

impl<'a> Reader<'a> {
    fn run(&mut self, vm: &mut Machine) -> Result<Value> {
        loop {
            let [code] = *self.take(1)? else { return Err(malformed()) };
            if code == b'.' {
                return self.pop();
            }
            if let Some(value) = self.constant(vm, code)? {
                self.push(value);
            } else if !self.collection(vm, code)? && !self.memory(code)? {
                self.other(vm, code)?;
            }
        }
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let end = self.position.checked_add(count).ok_or_else(malformed)?;
        let bytes = self.data.get(self.position..end).ok_or_else(malformed)?;
        self.position = end;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        self.take(N)?.try_into().map_err(|_| malformed())
    }

    fn line(&mut self) -> Result<&'a str> {
        let rest = &self.data[self.position..];
        let length = rest.iter().position(|b| *b == b'\n').ok_or_else(malformed)?;
        let line = std::str::from_utf8(self.take(length)?).map_err(|_| malformed())?;
        self.position += 1;
        Ok(line.trim_end_matches('\r'))
    }

    /// The bytes behind a length of one, four or eight bytes.
    fn counted(&mut self, width: usize) -> Result<&'a [u8]> {
        let mut length = [0; 8];
        length[..width].copy_from_slice(self.take(width)?);
        let length = usize::try_from(u64::from_le_bytes(length)).map_err(|_| malformed())?;
        self.take(length)
    }

    fn push(&mut self, value: Value) {
        self.stack.push(Item::Value(value));
    }

    fn pop(&mut self) -> Result<Value> {
        match self.stack.pop() {
            Some(Item::Value(value)) => Ok(value),
            _ => Err(malformed()),
        }
    }

    fn top(&self) -> Result<Value> {
        match self.stack.last() {
            Some(Item::Value(value)) => Ok(*value),
            _ => Err(malformed()),
        }
    }

    /// Takes what is above the topmost mark, and the mark.
    fn pop_to_mark(&mut self) -> Result<Vec<Value>> {
        let mark =
            self.stack.iter().rposition(|i| matches!(i, Item::Mark)).ok_or_else(malformed)?;
        let items = self.stack.split_off(mark);
        let values = items.into_iter().skip(1).map(|item| match item {
            Item::Value(value) => Ok(value),
            _ => Err(malformed()),
        });
        values.collect()
    }

    /// A number, text or binary.
    fn constant(&mut self, vm: &mut Machine, code: u8) -> Result<Option<Value>> {
        Ok(Some(match code {
            b'N' => Value::Null,
            0x88 => Value::Boolean(true),
            0x89 => Value::Boolean(false),
            b'K' => Value::Long(self.array::<1>()?[0].into()),
            b'M' => Value::Long(u16::from_le_bytes(self.array()?).into()),
            b'J' => Value::Long(i32::from_le_bytes(self.array()?).into()),
            b'I' => match self.line()? {
                "00" => Value::Boolean(false),
                "01" => Value::Boolean(true),
                digits => Value::Long(digits.parse().map_err(|_| malformed())?),
            },
            b'L' => {
                let digits = self.line()?.trim_end_matches('L').as_bytes();
                long(vm, BigInt::parse_bytes(digits, 10).ok_or_else(malformed)?)?
            }
            0x8a => {
                let bytes = self.counted(1)?;
                long(vm, BigInt::from_signed_bytes_le(bytes))?
            }
            0x8b => {
                let bytes = self.counted(4)?;
                long(vm, BigInt::from_signed_bytes_le(bytes))?
            }
            b'F' => Value::Double(weft_gts::parse_double(self.line()?).ok_or_else(malformed)?),
            b'G' => Value::Double(f64::from_be_bytes(self.array()?)),
            b'X' => text(vm, self.counted(4)?)?,
            0x8c => text(vm, self.counted(1)?)?,
            0x8d => text(vm, self.counted(8)?)?,
            b'V' => unescaped(vm, self.line()?)?,
            b'S' => {
                let line = self.line()?;
                let inner = line.get(1..line.len().saturating_sub(1)).ok_or_else(malformed)?;
                unescaped(vm, inner)?
            }
            b'T' => latin1(vm, self.counted(4)?)?,
            b'U' => latin1(vm, self.counted(1)?)?,
            b'B' => binary(vm, self.counted(4)?)?,
            b'C' => binary(vm, self.counted(1)?)?,
            0x8e | 0x96 => binary(vm, self.counted(8)?)?,
            _ => return Ok(None),
        }))
    }

    /// Lists, tuples, dictionaries and sets; whether the code was one of them.
    fn collection(&mut self, vm: &mut Machine, code: u8) -> Result<bool> {
        match code {
            b']' | b')' => {
                let list = vm.heap.new_list(Vec::new())?;
                self.push(list);
            }
            b'}' => {
                let map = vm.heap.alloc_map(Map::default())?;
                self.push(Value::Map(map));
            }
            0x8f => {
                let set = vm.heap.alloc_set(Set::default())?;
                self.push(Value::Set(set));
            }
            b'(' => self.stack.push(Item::Mark),
            b'l' | b't' => {
                let values = self.pop_to_mark()?;
                let list = vm.heap.new_list(values)?;
                self.push(list);
            }
            0x85..=0x87 => {
                let count = usize::from(code - 0x84);
                let mut values = Vec::with_capacity(count);
                for _ in 0..count {
                    values.push(self.pop()?);
                }
                values.reverse();
                let list = vm.heap.new_list(values)?;
                self.push(list);
            }
            b'd' => {
                let values = self.pop_to_mark()?;
                let map = Value::Map(vm.heap.alloc_map(Map::default())?);
                put_all(vm, map, &values)?;
                self.push(map);
            }
            b'a' => {
                let value = self.pop()?;
                append_all(vm, self.top()?, &[value])?;
            }
            b'e' => {
                let values = self.pop_to_mark()?;
                append_all(vm, self.top()?, &values)?;
            }
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                put_all(vm, self.top()?, &[key, value])?;
            }
            b'u' => {
                let values = self.pop_to_mark()?;
                put_all(vm, self.top()?, &values)?;
            }
            0x90 => {
                let values = self.pop_to_mark()?;
                add_all(vm, self.top()?, &values)?;
            }
            0x91 => {
                let values = self.pop_to_mark()?;
                let set = Value::Set(vm.heap.alloc_set(Set::default())?);
                add_all(vm, set, &values)?;
                self.push(set);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Remembering and recalling; whether the code was one of them.
    fn memory(&mut self, code: u8) -> Result<bool> {
        let index = match code {
            b'q' | b'h' => u64::from(self.array::<1>()?[0]),
            b'r' | b'j' => u64::from(u32::from_le_bytes(self.array()?)),
            b'p' | b'g' => self.line()?.parse().map_err(|_| malformed())?,
            0x94 => self.memo.len() as u64,
            _ => return Ok(false),
        };
        if matches!(code, b'h' | b'j' | b'g') {
            let item = self.memo.get(&index).cloned().ok_or_else(malformed)?;
            self.stack.push(item);
        } else {
            let item = self.stack.last().cloned().ok_or_else(malformed)?;
            self.memo.insert(index, item);
        }
        Ok(true)
    }

    fn other(&mut self, vm: &mut Machine, code: u8) -> Result {
        match code {
            0x80 => {
                self.take(1)?;
            }
            0x95 => {
                self.take(8)?;
            }
            b'0' => {
                self.stack.pop().ok_or_else(malformed)?;
            }
            b'1' => {
                self.pop_to_mark()?;
            }
            b'2' => {
                let item = self.stack.last().cloned().ok_or_else(malformed)?;
                self.stack.push(item);
            }
            b'c' => {
                let (module, name) = (self.line()?.to_owned(), self.line()?.to_owned());
                self.stack.push(Item::Name(module, name));
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let text = |vm: &Machine, v| vm.as_text(v).map(ToString::to_string);
                match (text(vm, module), text(vm, name)) {
                    (Some(module), Some(name)) => self.stack.push(Item::Name(module, name)),
                    _ => return Err(malformed()),
                }
            }
            b'R' => {
                let arguments = self.pop()?.as_list().ok_or_else(malformed)?;
                let arguments = vm.heap.list(arguments).clone();
                let Some(Item::Name(module, name)) = self.stack.pop() else {
                    return Err(malformed());
                };
                let value = construct(vm, &module, &name, &arguments)?;
                self.push(value);
            }
            _ => return Err(malformed()),
        }
        Ok(())
    }
}

/// The few things that pickles may construct.
fn construct(vm: &mut Machine, module: &str, name: &str, arguments: &[Value]) -> Result<Value> {
    match (module, name, arguments) {
        ("__builtin__" | "builtins", "set" | "frozenset", [elements]) => {
            let elements = elements.as_list().ok_or_else(malformed)?;
            let elements = vm.heap.list(elements).clone();
            let set = Value::Set(vm.heap.alloc_set(Set::default())?);
            add_all(vm, set, &elements)?;
            Ok(set)
        }
        ("__builtin__" | "builtins", "bytearray" | "bytes", []) => binary(vm, &[]),
        ("__builtin__" | "builtins", "bytearray" | "bytes", [bytes @ Value::Bytes(_)]) => {
            Ok(*bytes)
        }
        ("__builtin__" | "builtins", "bytearray" | "bytes", [Value::String(text), _])
        | ("_codecs", "encode", [Value::String(text), _]) => {
            let bytes = vm.heap.text(*text).chars().map(|c| u8::try_from(u32::from(c)).ok());
            let bytes: Vec<u8> = bytes.collect::<Option<_>>().ok_or_else(malformed)?;
            binary(vm, &bytes)
        }
        ("decimal", "Decimal", [Value::String(text)]) => {
            let number = decimal::parse(vm.heap.text(*text))?;
            Ok(Value::Decimal(vm.heap.alloc_decimal(number)?))
        }
        ("array", "array", [Value::String(_), elements]) => Ok(*elements),
        _ => Err(malformed()),
    }
}

fn append_all(vm: &mut Machine, list: Value, values: &[Value]) -> Result {
    match list {
        Value::List(list) => {
            vm.heap.change_list(list)?.extend_from_slice(values);
            Ok(())
        }
        set @ Value::Set(_) => add_all(vm, set, values),
        _ => Err(malformed()),
    }
}

fn add_all(vm: &mut Machine, set: Value, values: &[Value]) -> Result {
    let Value::Set(set) = set else { return Err(malformed()) };
    for value in values {
        let key = vm.heap.key(*value)?;
        vm.heap.change_set(set)?.members.insert(key);
    }
    Ok(())
}

/// Puts keys and values that come in turn.
fn put_all(vm: &mut Machine, map: Value, values: &[Value]) -> Result {
    let Value::Map(map) = map else { return Err(malformed()) };
    for pair in values.chunks(2) {
        let [key, value] = *pair else { return Err(malformed()) };
        let key = vm.heap.key(key)?;
        vm.heap.change_map(map)?.entries.insert(key, value);
    }
    Ok(())
}

/// An integer; one that is no LONG becomes a decimal.
fn long(vm: &mut Machine, number: BigInt) -> Result<Value> {
    match i64::try_from(&number) {
        Ok(value) => Ok(Value::Long(value)),
        Err(_) => {
            let decimal = Decimal { unscaled: number, scale: 0 };
            Ok(Value::Decimal(vm.heap.alloc_decimal(decimal)?))
        }
    }
}

fn text(vm: &mut Machine, bytes: &[u8]) -> Result<Value> {
    let text = std::str::from_utf8(bytes).map_err(|_| malformed())?;
    vm.heap.string(text)
}

fn latin1(vm: &mut Machine, bytes: &[u8]) -> Result<Value> {
    let text: String = bytes.iter().map(|b| char::from(*b)).collect();
    vm.heap.string(text)
}

fn binary(vm: &mut Machine, bytes: &[u8]) -> Result<Value> {
    Ok(Value::Bytes(vm.heap.alloc_bytes(bytes.into())?))
}

/// A text in which a backslash announces a character.
fn unescaped(vm: &mut Machine, text: &str) -> Result<Value> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        let digits = match rest.next() {
            Some('n') => {
                out.push('\n');
                continue;
            }
            Some('r') => {
                out.push('\r');
                continue;
            }
            Some('t') => {
                out.push('\t');
                continue;
            }
            Some('x') => 2,
            Some('u') => 4,
            Some('U') => 8,
            Some(other) => {
                out.push(other);
                continue;
            }
            None => return Err(malformed()),
        };
        let code: String = rest.by_ref().take(digits).collect();
        let code = u32::from_str_radix(&code, 16).map_err(|_| malformed())?;
        out.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
    }
    vm.heap.string(out)
}
