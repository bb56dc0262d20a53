//! Literals: numbers and booleans, and the percent encoding of strings.

use num_bigint::BigInt;

use crate::error::{Fault, Kind, Result};
use crate::value::Value;

/// The value of a number or boolean as scripts write it; `None` when the statement is neither.
///
/// # Errors
/// When it looks like a number but is none.
pub(crate) fn number(statement: &str) -> Result<Option<Value>> {
    let bytes = statement.as_bytes();
    let first = bytes.first().copied().unwrap_or_default();
    if !(first.is_ascii_digit() || matches!(first, b'+' | b'-' | b'N' | b'I')) {
        return Ok(boolean(statement).map(Value::Boolean));
    }
    if bytes.len() > 2 && first == b'0' {
        match bytes[1] {
            b'x' => return radix(&statement[2..], 16, 16).map(Some),
            b'b' => return radix(&statement[2..], 2, 64).map(Some),
            _ => (),
        }
    }
    if is_long(bytes) {
        let value = statement.parse::<i64>();
        return value.map(|v| Some(Value::Long(v))).map_err(|_| not_a_number(statement));
    }
    if is_double(bytes) {
        return match parse_double(statement) {
            Some(v) => Ok(Some(Value::Double(v))),
            None => Err(not_a_number(statement)),
        };
    }
    Ok(None)
}

fn boolean(statement: &str) -> Option<bool> {
    if statement.eq_ignore_ascii_case("T") || statement.eq_ignore_ascii_case("true") {
        Some(true)
    } else if statement.eq_ignore_ascii_case("F") || statement.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

/// `For input string: "x"`.
pub(crate) fn not_a_number(text: &str) -> Fault {
    Fault::kind(Kind::Argument, format!("For input string: \"{text}\""))
}

/// Digits of a radix; longer than `digits` they wrap to 64 bits.
fn radix(text: &str, radix: u32, digits: usize) -> Result<Value> {
    let bad = || {
        let message = format!("For input string: \"{text}\" under radix {radix}");
        Fault::kind(Kind::Argument, message)
    };
    if text.len() < digits {
        return i64::from_str_radix(text, radix).map(Value::Long).map_err(|_| bad());
    }
    // Underscores are no digits here.
    if text.contains('_') {
        return Err(bad());
    }
    let value = BigInt::parse_bytes(text.as_bytes(), radix).ok_or_else(bad)?;
    let low = value.to_signed_bytes_le();
    let fill = if value.sign() == num_bigint::Sign::Minus { 0xff } else { 0 };
    let mut bytes = [fill; 8];
    let count = low.len().min(8);
    bytes[..count].copy_from_slice(&low[..count]);
    Ok(Value::Long(i64::from_le_bytes(bytes)))
}

/// An optional sign and digits.
pub(crate) fn is_long(bytes: &[u8]) -> bool {
    let digits = bytes.strip_prefix(b"-").or_else(|| bytes.strip_prefix(b"+")).unwrap_or(bytes);
    !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
}

/// Digits with a point or an exponent, `NaN` or `Infinity`, with an optional sign.
pub(crate) fn is_double(bytes: &[u8]) -> bool {
    let text = bytes.strip_prefix(b"-").or_else(|| bytes.strip_prefix(b"+")).unwrap_or(bytes);
    if text == b"NaN" || text == b"Infinity" {
        return true;
    }
    if !text.first().is_some_and(u8::is_ascii_digit) {
        return false;
    }
    let (mut exponents, mut signs, mut dots) = (0, 0, 0);
    for byte in text {
        match byte {
            b'0'..=b'9' => (),
            b'e' | b'E' if signs == 0 => exponents += 1,
            b'-' | b'+' if exponents > 0 => signs += 1,
            b'.' if exponents == 0 && signs == 0 => dots += 1,
            _ => return false,
        }
    }
    exponents <= 1 && signs <= 1 && dots <= 1 && exponents + dots > 0
}

/// A double as Java reads it.
pub(crate) fn parse_double(text: &str) -> Option<f64> {
    match text {
        "NaN" | "+NaN" | "-NaN" => Some(f64::NAN),
        "Infinity" | "+Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        _ => text.parse().ok(),
    }
}

/// Decodes `%XX`; what is no UTF-8 afterwards becomes U+FFFD.
///
/// # Errors
/// When two hexadecimal digits do not follow a `%`.
pub(crate) fn url_decode(text: &str) -> Result<String> {
    if !text.contains('%') {
        return Ok(text.to_owned());
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        bytes.extend(&rest.as_bytes()[..at]);
        let Some(digits) = rest.get(at + 1..at + 3) else {
            let tail: String = rest[at..].chars().take(3).collect();
            return Err(Fault::kind(
                Kind::Argument,
                if tail.len() < 3 {
                    "URLDecoder: Incomplete trailing escape (%) pattern".to_owned()
                } else {
                    illegal_hex(&rest[at + 1..])
                },
            ));
        };
        let byte = u8::from_str_radix(digits, 16)
            .ok()
            .filter(|_| !digits.starts_with('+'))
            .ok_or_else(|| Fault::kind(Kind::Argument, illegal_hex(digits)))?;
        bytes.push(byte);
        rest = &rest[at + 3..];
    }
    bytes.extend(rest.as_bytes());
    Ok(match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => weft_gts::utf8::from_utf8_lossy(error.as_bytes()).into_owned(),
    })
}

fn illegal_hex(digits: &str) -> String {
    let digits: String = digits.chars().take(2).collect();
    format!(
        "URLDecoder: Illegal hex characters in escape (%) pattern - \
         Error at index 0 in: \"{digits}\""
    )
}

/// Encodes everything but letters, digits and `.-*_` as `%XX`.
pub(crate) fn url_encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'*' | b'_' => {
                out.push(char::from(byte));
            }
            _ => push_hex(&mut out, byte, true),
        }
    }
    out
}

/// Encodes only what a string literal cannot hold: `%`, `'` and control characters.
pub(crate) fn escape_readable(out: &mut String, text: &str) {
    for c in text.chars() {
        if c == '%' || c == '\'' || c < ' ' {
            push_hex(out, c as u8, false);
        } else {
            out.push(c);
        }
    }
}

fn push_hex(out: &mut String, byte: u8, upper: bool) {
    let digits: &[u8; 16] = if upper { b"0123456789ABCDEF" } else { b"0123456789abcdef" };
    out.push('%');
    out.push(char::from(digits[usize::from(byte >> 4)]));
    out.push(char::from(digits[usize::from(byte & 15)]));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(statement: &str) -> String {
        match number(statement) {
            Ok(Some(value)) => format!("{value:?}"),
            Ok(None) => "word".to_owned(),
            Err(_) => "error".to_owned(),
        }
    }

    #[test]
    fn numbers_are_told_from_words() {
        assert_eq!(shown("12"), "Long(12)");
        assert_eq!(shown("+12"), "Long(12)");
        assert_eq!(shown("5."), "Double(5.0)");
        assert_eq!(shown("1.e3"), "Double(1000.0)");
        assert_eq!(shown(".5"), "word");
        assert_eq!(shown("12L"), "word");
        assert_eq!(shown("0X1"), "word");
        assert_eq!(shown("0x-10"), "Long(-16)");
        assert_eq!(shown("0xffffffffffffffff"), "Long(-1)");
        assert_eq!(shown("tRue"), "Boolean(true)");
        assert_eq!(shown("nan"), "word");
        assert_eq!(shown("-Infinity"), "Double(-inf)");
        assert_eq!(shown("99999999999999999999"), "error");
        assert_eq!(shown("-"), "word");
    }

    #[test]
    fn percent_encoding() {
        assert_eq!(url_decode("a%C3%A9+b").expect("valid"), "aé+b");
        assert!(url_decode("100%").is_err());
        assert!(url_decode("%zz").is_err());
        assert!(url_decode("%+1").is_err());
        assert_eq!(url_encode("a b'é"), "a%20b%27%C3%A9");
    }
}
