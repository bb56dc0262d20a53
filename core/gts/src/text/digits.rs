//! Decimal digits, eight at a time.

use crate::double::{DoubleBuffer, thousandths};

/// What eight digits count.
const EIGHT: u64 = 100_000_000;

/// Zeros as eight characters.
const ZEROS: u64 = 0x3030_3030_3030_3030;

/// Bytes of the longest integer, and room to write its digits as words.
const LONG_ROOM: usize = 32;

/// Bytes of a [`NumberLine`] before it has to be moved out.
const LINE_LENGTH: usize = 128;

/// Appends an integer.
pub fn write_long(out: &mut Vec<u8>, long: i64) {
    let mut text = [0; LONG_ROOM];
    let length = put_long(&mut text, 0, long);
    out.extend_from_slice(&text[..length]);
}

/// A short piece of text, numbers above all: put together here and appended at once.
#[derive(Clone, Debug)]
pub struct NumberLine {
    bytes: [u8; LINE_LENGTH],
    length: usize,
    /// All but the last eight digits of the latest tick, which most often are those of the next.
    head: [u8; 16],
    head_length: usize,
    head_of: u64,
}

impl Default for NumberLine {
    fn default() -> Self {
        Self {
            bytes: [0; LINE_LENGTH],
            length: 0,
            head: [0; 16],
            head_length: 0,
            head_of: u64::MAX,
        }
    }
}

impl NumberLine {
    /// The most bytes that may be put before [`NumberLine::move_to`].
    pub const LENGTH_MAX: usize = LINE_LENGTH - LONG_ROOM;

    /// Puts bytes.
    ///
    /// # Panics
    /// When there is no room.
    #[inline(always)]
    pub fn put(&mut self, text: &[u8]) {
        self.bytes[self.length..self.length + text.len()].copy_from_slice(text);
        self.length += text.len();
    }

    /// Puts an integer.
    ///
    /// # Panics
    /// When there is no room.
    #[inline(always)]
    pub fn put_long(&mut self, long: i64) {
        self.length = put_long(&mut self.bytes, self.length, long);
    }

    /// Puts a double, in Java's layout.
    ///
    /// # Panics
    /// When there is no room.
    #[inline(always)]
    pub fn put_double(&mut self, double: f64) {
        let Some(thousandths) = thousandths(double.abs()) else {
            return self.put(DoubleBuffer::new().format(double).as_bytes());
        };
        let (whole, rest) = (thousandths / 1_000, thousandths % 1_000);
        self.bytes[self.length] = b'-';
        self.length += usize::from(double < 0.0);
        self.length = put_head(&mut self.bytes, self.length, whole);
        let digits = [rest / 100, rest / 10 % 10, rest % 10].map(|digit| b'0' + digit as u8);
        let text = [b'.', digits[0], digits[1], digits[2]];
        self.bytes[self.length..self.length + 4].copy_from_slice(&text);
        let zeros = if rest % 100 == 0 { 2 } else { usize::from(rest % 10 == 0) };
        self.length += 4 - zeros;
    }

    /// Puts a tick, which is near the one before it.
    ///
    /// # Panics
    /// When there is no room.
    #[inline(always)]
    pub fn put_tick(&mut self, tick: i64) {
        let magnitude = tick as u64;
        if tick < EIGHT as i64 {
            return self.put_long(tick);
        }
        let (head, tail) = (magnitude / EIGHT, magnitude % EIGHT);
        if head != self.head_of {
            self.learn(head);
        }
        self.bytes[self.length..self.length + 16].copy_from_slice(&self.head);
        self.length += self.head_length;
        put_word(&mut self.bytes, self.length, digits(tail) | ZEROS);
        self.length += 8;
    }

    /// Appends what was put to `out`, and begins again.
    #[inline(always)]
    pub fn move_to(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.bytes[..self.length]);
        self.length = 0;
    }

    #[cold]
    fn learn(&mut self, head: u64) {
        let mut text = [0; LONG_ROOM];
        self.head_length = put_long(&mut text, 0, head as i64);
        self.head.copy_from_slice(&text[..16]);
        self.head_of = head;
    }
}

/// Writes an integer at `start`: where it ends.
#[inline(always)]
fn put_long(bytes: &mut [u8], start: usize, long: i64) -> usize {
    let magnitude = long.unsigned_abs();
    bytes[start] = b'-';
    let at = start + usize::from(long < 0);
    if magnitude < EIGHT {
        return put_head(bytes, at, magnitude);
    }
    let (head, tail) = (magnitude / EIGHT, magnitude % EIGHT);
    let at = if head < EIGHT {
        put_head(bytes, at, head)
    } else {
        let at = put_head(bytes, at, head / EIGHT);
        put_word(bytes, at, digits(head % EIGHT) | ZEROS);
        at + 8
    };
    put_word(bytes, at, digits(tail) | ZEROS);
    at + 8
}

/// Writes up to eight digits without zeros in front: where they end.
#[inline(always)]
fn put_head(bytes: &mut [u8], at: usize, number: u64) -> usize {
    let digits = digits(number);
    let zeros = (digits.trailing_zeros() / 8).min(7);
    put_word(bytes, at, (digits | ZEROS) >> (8 * zeros));
    at + 8 - zeros as usize
}

#[inline(always)]
fn put_word(bytes: &mut [u8], at: usize, word: u64) {
    bytes[at..at + 8].copy_from_slice(&word.to_le_bytes());
}

/// The eight digits of a number below 10⁸ as bytes, the first one lowest.
#[inline(always)]
const fn digits(number: u64) -> u64 {
    // Two numbers of four digits, then four of two, then eight of one, side by side. Division by a
    // hundred and by ten is multiplication and a shift for numbers this small.
    let fours = (number / 10_000) | ((number % 10_000) << 32);
    let hundreds = ((fours * 10_486) >> 20) & 0x0000_007f_0000_007f;
    let twos = hundreds | ((fours - hundreds * 100) << 16);
    let tens = ((twos * 103) >> 10) & 0x000f_000f_000f_000f;
    tens | ((twos - tens * 10) << 8)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(long: i64, before: i64) {
        let mut out = b"x".to_vec();
        write_long(&mut out, long);
        assert_eq!(String::from_utf8(out), Ok(format!("x{long}")));
        let mut line = NumberLine::default();
        line.put_tick(before);
        line.put(b"/");
        line.put_tick(long);
        line.put(b" ");
        line.put_long(long);
        let mut out = Vec::new();
        line.move_to(&mut out);
        assert_eq!(String::from_utf8(out), Ok(format!("{before}/{long} {long}")));
    }

    #[test]
    fn doubles_as_elsewhere() {
        let few = (1..20_000).chain(9_999_990_000..10_000_001_000u64).map(|n| n as f64 / 1e3);
        let odd = [0.0, -0.0, 1e-4, 0.1 + 0.2, 1e7, 1e300, f64::NAN, f64::INFINITY, f64::MIN];
        for value in few.flat_map(|v| [v, -v]).chain(odd) {
            let mut line = NumberLine::default();
            line.put_double(value);
            let mut out = Vec::new();
            line.move_to(&mut out);
            assert_eq!(String::from_utf8(out), Ok(crate::JavaDouble(value).to_string()));
        }
    }

    #[test]
    fn every_length() {
        let mut power = 1i64;
        loop {
            for long in [power - 1, power, power + 1] {
                check(long, power);
                check(-long, -1);
            }
            match power.checked_mul(10) {
                Some(next) => power = next,
                None => break,
            }
        }
        check(i64::MIN, i64::MAX);
        check(i64::MAX, i64::MIN);
    }

    #[test]
    fn four_digits_come_apart() {
        for number in 0..10_000u64 {
            let text = format!("{number:04}{:04}", 9_999 - number);
            let both = number * 10_000 + 9_999 - number;
            assert_eq!((digits(both) | ZEROS).to_le_bytes(), text.as_bytes());
        }
    }

    proptest! {
        #[test]
        fn any_integer(long: i64, before: i64, shift in 0u32..64, step in -1_000i64..1_000) {
            check(long >> shift, before);
            check(long >> shift, (long >> shift).saturating_add(step));
        }
    }
}
