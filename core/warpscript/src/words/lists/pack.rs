//! PACK and UNPACK: values as runs of bits.

use crate::error::{Fault, Kind, Result};
use crate::heap::List;
use crate::machine::Machine;
use crate::value::Value;

/// What a field of a format holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Type {
    /// Zeros or ones that mean nothing.
    Skip(bool),
    Boolean,
    Double,
    Signed,
    Unsigned,
}

#[derive(Clone, Copy, Debug)]
struct Field {
    kind: Type,
    bits: i32,
    big_endian: bool,
}

/// Reads a format like `<L16>U3BS4`.
fn parse_format(vm: &Machine, format: &str) -> Result<Vec<Field>> {
    let mut chars = format.chars().peekable();
    let mut fields = Vec::new();
    while let Some(c) = chars.next() {
        let ordered = matches!(c, '<' | '>');
        let letter = if ordered {
            chars.next().ok_or_else(|| vm.error("encountered an invalid format specification."))?
        } else {
            c
        };
        let mut digits = || {
            let mut length = 0i32;
            while let Some(digit) = chars.peek().and_then(|c| c.to_digit(10)) {
                length = length.wrapping_mul(10).wrapping_add(digit as i32);
                chars.next();
            }
            length
        };
        let (kind, bits) = match (ordered, letter) {
            (true, 'L' | 'U') => {
                let kind = if letter == 'L' { Type::Signed } else { Type::Unsigned };
                match digits() {
                    0 => (kind, 64),
                    bits @ 1..=64 => (kind, bits),
                    _ => {
                        return Err(
                            vm.error("encountered an invalid length for 'L', max length is 64.")
                        );
                    }
                }
            }
            (true, 'D') => (Type::Double, 64),
            (false, 'S' | 's') => match digits() {
                0 => {
                    return Err(vm.error(
                        "encountered an invalid Skip specification, length must be a strictly \
                         positive number.",
                    ));
                }
                bits => (Type::Skip(letter == 'S'), bits),
            },
            (false, 'B') => (Type::Boolean, 1),
            _ => {
                return Err(
                    vm.error(&format!("encountered an invalid format specification '{letter}'."))
                );
            }
        };
        fields.push(Field { kind, bits: bits.max(0), big_endian: c == '>' });
    }
    Ok(fields)
}

/// Bits one after the other, the first one highest in its byte.
#[derive(Debug, Default)]
struct BitWriter {
    bytes: Vec<u8>,
    current: u8,
    used: u8,
}

impl BitWriter {
    fn push(&mut self, bit: bool) {
        self.current = self.current << 1 | u8::from(bit);
        self.used += 1;
        if self.used == 8 {
            self.bytes.push(self.current);
            (self.current, self.used) = (0, 0);
        }
    }

    fn fill(&mut self, bit: bool, mut count: usize) {
        while count > 0 && self.used != 0 {
            self.push(bit);
            count -= 1;
        }
        let byte = if bit { 0xff } else { 0 };
        self.bytes.resize(self.bytes.len() + count / 8, byte);
        (0..count % 8).for_each(|_| self.push(bit));
    }

    fn finish(mut self) -> Vec<u8> {
        while self.used != 0 {
            self.push(false);
        }
        self.bytes
    }
}

/// The bits of a value for a field.
fn encode(kind: Type, value: Value) -> i64 {
    let value = match value {
        Value::Boolean(v) => Value::Long(i64::from(v)),
        other => other,
    };
    match kind {
        Type::Double => value.as_f64().unwrap_or_default().to_bits() as i64,
        Type::Boolean => i64::from(value.as_i64().unwrap_or_default() != 0),
        _ => value.as_i64().unwrap_or_default(),
    }
}

pub(super) fn pack(vm: &mut Machine) -> Result {
    let format = vm.pop_text("expects a format string on top of the stack.")?;
    let message = "operates on a list of numeric or boolean values.";
    let list = vm.pop_list(message)?;
    let numeric = |v: &Value| match v {
        Value::Decimal(d) => Ok(Value::Double(decimal_to_double(vm, *d))),
        Value::Long(_) | Value::Double(_) | Value::Boolean(_) => Ok(*v),
        _ => Err(vm.error(message)),
    };
    let values: List = vm.heap.list(list).iter().map(numeric).collect::<Result<_>>()?;
    let fields = parse_format(vm, &format)?;
    let bits = fields.iter().map(|f| f.bits as usize).sum::<usize>();
    vm.heap.claim(bits / 4 + values.len() * 16)?;
    vm.charge(bits / 8);
    let mut out = BitWriter::default();
    let mut rest = values.iter();
    for field in fields {
        let Field { kind, bits, big_endian } = field;
        if let Type::Skip(ones) = kind {
            out.fill(ones, bits as usize);
            continue;
        }
        let Some(value) = rest.next() else {
            let count = values.len();
            return Err(Fault::kind(
                Kind::Bounds,
                format!("Index {count} out of bounds for length {count}"),
            ));
        };
        let value = encode(kind, *value);
        for index in 0..bits {
            let shift = if big_endian { bits - 1 - index } else { index };
            out.push(value >> shift & 1 == 1);
        }
    }
    let bytes = vm.heap.alloc_bytes(out.finish().into())?;
    vm.push(Value::Bytes(bytes))
}

fn decimal_to_double(vm: &Machine, decimal: crate::value::Handle<crate::heap::Decimal>) -> f64 {
    crate::decimal::to_text(vm.heap.decimal(decimal)).parse().unwrap_or(f64::NAN)
}

pub(super) fn unpack(vm: &mut Machine) -> Result {
    let format = vm.pop_text("expects a format string on top of the stack.")?;
    let data = vm.pop_bytes("operates on an array of bytes.")?;
    let fields = parse_format(vm, &format)?;
    vm.heap.claim_values(fields.len())?;
    vm.charge(fields.len() * 8);
    let bit = |at: i64| -> Result<bool> {
        let at = usize::try_from(at as i32).map_err(|_| Fault::bounds())?;
        Ok(data.get(at / 8).is_some_and(|byte| byte >> (7 - at % 8) & 1 == 1))
    };
    let mut values = List::with_capacity(fields.len());
    let mut start = 0i64;
    for Field { kind, bits, big_endian } in fields {
        let bits = i64::from(bits);
        if kind == Type::Boolean {
            values.push(Value::Boolean(bit(start)?));
        } else if !matches!(kind, Type::Skip(_)) {
            let mut value = 0i64;
            for index in 0..bits {
                let at = if big_endian { start + index } else { start + bits - 1 - index };
                value = value << 1 | i64::from(bit(at)?);
            }
            values.push(match kind {
                Type::Double => Value::Double(f64::from_bits(value as u64)),
                Type::Signed => Value::Long(value << (64 - bits) >> (64 - bits)),
                _ => Value::Long(value),
            });
        }
        start += bits;
    }
    vm.push_list(values)
}
