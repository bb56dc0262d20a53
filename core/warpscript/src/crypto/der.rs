//! The few forms of DER that signatures need.

use num_bigint::BigUint;

const INTEGER: u8 = 0x02;
const SEQUENCE: u8 = 0x30;

fn push(out: &mut Vec<u8>, tag: u8, content: &[u8]) {
    out.push(tag);
    let length = content.len();
    if length < 0x80 {
        out.push(length as u8);
    } else {
        let bytes = length.to_be_bytes();
        let first = bytes.iter().position(|b| *b != 0).unwrap_or(0);
        out.push(0x80 | (bytes.len() - first) as u8);
        out.extend(&bytes[first..]);
    }
    out.extend(content);
}

/// A sequence of two integers.
pub(crate) fn pair(a: &BigUint, b: &BigUint) -> Vec<u8> {
    let mut content = Vec::new();
    for number in [a, b] {
        let mut bytes = number.to_bytes_be();
        if bytes[0] & 0x80 != 0 {
            bytes.insert(0, 0);
        }
        push(&mut content, INTEGER, &bytes);
    }
    let mut out = Vec::new();
    push(&mut out, SEQUENCE, &content);
    out
}

/// Takes one element off the front.
fn element<'a>(bytes: &mut &'a [u8], tag: u8) -> Option<&'a [u8]> {
    let (&[found, length], mut rest) = bytes.split_first_chunk::<2>()?;
    let mut size = usize::from(length);
    if length & 0x80 != 0 {
        let count = usize::from(length & 0x7f);
        if count == 0 || count > 4 {
            return None;
        }
        let (digits, after) = rest.split_at_checked(count)?;
        size = digits.iter().fold(0, |sum, b| sum << 8 | usize::from(*b));
        rest = after;
    }
    let (content, after) = rest.split_at_checked(size)?;
    *bytes = after;
    (found == tag).then_some(content)
}

/// Reads exactly what [`pair`] writes.
pub(crate) fn read_pair(bytes: &[u8]) -> Option<(BigUint, BigUint)> {
    let mut rest = bytes;
    let mut content = element(&mut rest, SEQUENCE)?;
    let a = BigUint::from_bytes_be(element(&mut content, INTEGER)?);
    let b = BigUint::from_bytes_be(element(&mut content, INTEGER)?);
    (pair(&a, &b) == bytes).then_some((a, b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_read_strictly() {
        let (a, b) = (BigUint::from(0x80u32), BigUint::from(1u32) << 1200);
        let bytes = pair(&a, &b);
        assert_eq!(bytes[..4], [0x30, 0x81, 0x9e, 0x02]);
        assert_eq!(read_pair(&bytes), Some((a, b)));
        assert_eq!(read_pair(&bytes[1..]), None);
        let mut longer = bytes.clone();
        longer.push(0);
        assert_eq!(read_pair(&longer), None);
        assert_eq!(read_pair(&[0x30, 0x06, 2, 1, 0xff, 2, 1, 1]), None);
    }
}
