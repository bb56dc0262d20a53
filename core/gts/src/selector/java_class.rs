//! Character classes and escapes of Java regular expressions.

use crate::selector::java::{Flags, PatternError, Translator};

/// Classes in classes.
const DEPTH_MAX: usize = 50;

const DIGIT: &str = "0-9";
const WORD: &str = "a-zA-Z_0-9";
const SPACE: &str = r"\x20\t\n\x0b\x0c\r";
const HORIZONTAL: &str = r"\x20\t\x{a0}\x{1680}\x{180e}\x{2000}-\x{200a}\x{202f}\x{205f}\x{3000}";
const VERTICAL: &str = r"\n\x0b\x0c\r\x{85}\x{2028}\x{2029}";
const PUNCTUATION: &str = r"\x21-\x2f\x3a-\x40\x5b-\x60\x7b-\x7e";

/// What an escape stands for.
pub(crate) enum Escape {
    /// One character.
    Char(char),
    /// A class, in brackets.
    Class(String),
}

/// A class, behind its `[`: translated, in brackets.
pub(crate) fn class(input: &mut Translator<'_>, depth: usize) -> Result<String, PatternError> {
    if depth > DEPTH_MAX {
        return Err(input.error("Classes are nested too deep"));
    }
    let negated = input.take_if('^');
    let set = set(input, depth)?;
    input.take();
    Ok(format!("[{}{set}]", if negated { "^" } else { "" }))
}

/// What stands in a class up to, without, its `]`. An `&&` has everything to its right as its
/// right side.
fn set(input: &mut Translator<'_>, depth: usize) -> Result<String, PatternError> {
    let mut items = String::new();
    loop {
        match input.peek() {
            None => return Err(input.error("Unclosed character class")),
            Some(']') if !items.is_empty() => return Ok(items),
            Some('[') => {
                input.take();
                items.push_str(&class(input, depth + 1)?);
            }
            Some('&') if input.second() == Some('&') => {
                input.take();
                input.take();
                let right = right_side(input, depth)?;
                if items.is_empty() {
                    if right.is_empty() {
                        return Err(input.error("Bad class syntax"));
                    }
                    items = right;
                } else if !right.is_empty() {
                    items = format!("[[{items}]&&[{right}]]");
                }
            }
            Some(_) => range(input, &mut items)?,
        }
    }
}

fn right_side(input: &mut Translator<'_>, depth: usize) -> Result<String, PatternError> {
    if depth > DEPTH_MAX {
        return Err(input.error("Classes are nested too deep"));
    }
    let mut items = String::new();
    loop {
        match input.peek() {
            None => return Err(input.error("Unclosed character class")),
            Some(']' | '&') => return Ok(items),
            Some('[') => {
                input.take();
                items.push_str(&class(input, depth + 1)?);
            }
            Some(_) => items.push_str(&set(input, depth + 1)?),
        }
    }
}

/// A character, a range of them, or an escape.
fn range(input: &mut Translator<'_>, items: &mut String) -> Result<(), PatternError> {
    let low = match bound(input)? {
        Escape::Char(c) => c,
        Escape::Class(class) => {
            items.push_str(&class);
            return Ok(());
        }
    };
    let mut high = low;
    if input.peek() == Some('-') && !matches!(input.second(), None | Some('[' | ']')) {
        input.take();
        let start = input.position();
        high = match bound(input)? {
            Escape::Char(c) if c >= low => c,
            Escape::Class(_) if matches!(input.char_at(start + 1), Some('p' | 'P')) => {
                return Err(input.error_at("Illegal/unsupported escape sequence", start + 1));
            }
            _ => return Err(input.error("Illegal character range")),
        };
    }
    push_range(items, low, high, input.flags);
    Ok(())
}

fn bound(input: &mut Translator<'_>) -> Result<Escape, PatternError> {
    // Skips blanks where these mean nothing.
    input.peek();
    match input.take() {
        Some('\\') => escape(input),
        Some(c) => Ok(Escape::Char(c)),
        None => Err(input.error("Unclosed character class")),
    }
}

/// Appends a range to a class, in both cases where ASCII letters are alike.
pub(crate) fn push_range(items: &mut String, low: char, high: char, flags: Flags) {
    let mut push = |low: char, high: char| {
        for (index, c) in [low, high].into_iter().enumerate() {
            if index == 1 {
                if low == high {
                    break;
                }
                items.push('-');
            }
            if c.is_ascii_alphanumeric() {
                items.push(c);
            } else {
                items.push_str(&format!(r"\x{{{:x}}}", u32::from(c)));
            }
        }
    };
    push(low, high);
    if flags.case_insensitive && !flags.unicode_case {
        for (first, last) in [('a', 'z'), ('A', 'Z')] {
            let (low, high) = (low.max(first), high.min(last));
            if low <= high {
                let toggle = |c: char| char::from(c as u8 ^ 0x20);
                push(toggle(low), toggle(high));
            }
        }
    }
}

/// An escape, behind its `\`.
pub(crate) fn escape(input: &mut Translator<'_>) -> Result<Escape, PatternError> {
    let Some(c) = input.take() else {
        return Err(input.error_at("Unexpected internal error", input.length()));
    };
    let unicode = input.flags.unicode_classes;
    let class = |ascii: &str, unicode_class: &str| {
        let negated = c.is_ascii_uppercase();
        let set = if unicode { unicode_class } else { ascii };
        Ok(Escape::Class(format!("[{}{set}]", if negated { "^" } else { "" })))
    };
    match c {
        'd' | 'D' => class(DIGIT, r"\p{Nd}"),
        'w' | 'W' => class(WORD, r"\w"),
        's' | 'S' => class(SPACE, r"\s"),
        'h' | 'H' => class(HORIZONTAL, HORIZONTAL),
        'v' | 'V' => class(VERTICAL, VERTICAL),
        'p' | 'P' => property(input, c == 'P').map(Escape::Class),
        't' => Ok(Escape::Char('\t')),
        'n' => Ok(Escape::Char('\n')),
        'r' => Ok(Escape::Char('\r')),
        'f' => Ok(Escape::Char('\x0c')),
        'a' => Ok(Escape::Char('\x07')),
        'e' => Ok(Escape::Char('\x1b')),
        'c' => match input.take() {
            Some(control) if control.is_ascii() => Ok(Escape::Char(char::from(control as u8 ^ 64))),
            _ => Err(input.error("Illegal control escape sequence")),
        },
        '0' => octal(input),
        'x' => hexadecimal(input),
        'u' => utf16(input),
        c if c.is_ascii_alphanumeric() => Err(input.error("Illegal/unsupported escape sequence")),
        c => Ok(Escape::Char(c)),
    }
}

/// `\0n`, `\0nn` or `\0mnn`.
fn octal(input: &mut Translator<'_>) -> Result<Escape, PatternError> {
    let mut number = 0;
    for index in 0..3 {
        // Three digits only where they make a byte.
        let fits = index < 2 || number < 0o40;
        match input.char_at(input.position()).and_then(|c| c.to_digit(8)).filter(|_| fits) {
            Some(digit) => number = number * 8 + digit,
            None if index == 0 => return Err(input.error("Illegal octal escape sequence")),
            None => break,
        }
        input.take();
    }
    Ok(Escape::Char(char::from(number as u8)))
}

/// `\xhh` or `\x{h…h}`.
fn hexadecimal(input: &mut Translator<'_>) -> Result<Escape, PatternError> {
    let illegal = "Illegal hexadecimal escape sequence";
    if input.char_at(input.position()) != Some('{') {
        let Some(number) = hexadecimal_digits(input, 2) else {
            return Err(input.error(illegal));
        };
        return char::from_u32(number).map(Escape::Char).ok_or_else(|| input.error(illegal));
    }
    input.take();
    let mut number = 0u32;
    loop {
        match input.take() {
            Some('}') => break,
            Some(c) => match c.to_digit(16) {
                Some(digit) if number <= 0x10_ffff => number = number * 16 + digit,
                Some(_) => return Err(input.error("Hexadecimal codepoint is too big")),
                None => return Err(input.error("Unclosed hexadecimal escape sequence")),
            },
            None => return Err(input.error("Unclosed hexadecimal escape sequence")),
        }
    }
    char::from_u32(number)
        .map(Escape::Char)
        .ok_or_else(|| input.error("Hexadecimal codepoint is too big"))
}

/// `\uhhhh`, two of them for a surrogate pair.
fn utf16(input: &mut Translator<'_>) -> Result<Escape, PatternError> {
    let Some(unit) = hexadecimal_digits(input, 4) else {
        return Err(input.error("Illegal Unicode escape sequence"));
    };
    if let Some(c) = char::from_u32(unit) {
        return Ok(Escape::Char(c));
    }
    if input.char_at(input.position()) == Some('\\')
        && input.char_at(input.position() + 1) == Some('u')
    {
        input.take();
        input.take();
        let pair = hexadecimal_digits(input, 4).map(|low| [unit as u16, low as u16]);
        if let Some(Ok(c)) = pair.and_then(|pair| char::decode_utf16(pair).next()) {
            return Ok(Escape::Char(c));
        }
    }
    // Texts hold no half characters, so none can match.
    Err(input.error("Unpaired surrogates are not supported"))
}

fn hexadecimal_digits(input: &mut Translator<'_>, count: usize) -> Option<u32> {
    (0..count).try_fold(0, |number, _| Some(number * 16 + input.take()?.to_digit(16)?))
}

/// `\pL` or `\p{NAME}`, behind the `p`.
fn property(input: &mut Translator<'_>, negated: bool) -> Result<String, PatternError> {
    let name = match input.take() {
        Some('{') => {
            let mut name = String::new();
            loop {
                match input.take() {
                    Some('}') => break name,
                    Some(c) => name.push(c),
                    None => return Err(input.error("Unclosed character family")),
                }
            }
        }
        Some(c) => c.to_string(),
        None => return Err(input.error("Unclosed character family")),
    };
    if name.is_empty() {
        return Err(input.error("Empty character family"));
    }
    let Some(set) = property_set(&name, input.flags) else {
        return Err(input.error(format!("Unknown character property name {{{name}}}")));
    };
    Ok(format!("[{}{set}]", if negated { "^" } else { "" }))
}

/// The set of a property, as it stands in brackets.
fn property_set(name: &str, flags: Flags) -> Option<String> {
    if let Some((key, value)) = name.split_once('=') {
        return match key.to_ascii_lowercase().as_str() {
            "sc" | "script" => known(format!(r"\p{{sc={value}}}")),
            "gc" | "general_category" => known(format!(r"\p{{gc={value}}}")),
            _ => None,
        };
    }
    if let Some(set) = posix(name, flags).or_else(|| java_property(name)) {
        return Some(set.to_owned());
    }
    match name.strip_prefix("Is") {
        Some(name) => match name.to_ascii_uppercase().as_str() {
            "LETTER" => Some(r"\p{L}".to_owned()),
            "DIGIT" => Some(r"\p{Nd}".to_owned()),
            "PUNCTUATION" => Some(r"\p{P}".to_owned()),
            "CONTROL" => Some(r"\p{Cc}".to_owned()),
            "TITLECASE" => Some(r"\p{Lt}".to_owned()),
            "ASSIGNED" => Some(r"\P{Cn}".to_owned()),
            _ => known(format!(r"\p{{{name}}}")),
        },
        // Without a prefix only categories have names.
        None if name.len() <= 2 => known(format!(r"\p{{gc={name}}}")),
        None => None,
    }
}

/// A set that the engines know.
fn known(set: String) -> Option<String> {
    regex::Regex::new(&set).is_ok().then_some(set)
}

/// POSIX classes: ASCII, and letters of either case where these are alike.
fn posix(name: &str, flags: Flags) -> Option<&'static str> {
    Some(match name {
        "Lower" | "Upper" if flags.case_insensitive => "a-zA-Z",
        "Lower" => "a-z",
        "Upper" => "A-Z",
        "ASCII" => r"\x00-\x7f",
        "Alpha" => "a-zA-Z",
        "Digit" => "0-9",
        "Alnum" => "a-zA-Z0-9",
        "Punct" => PUNCTUATION,
        "Graph" => r"\x21-\x7e",
        "Print" => r"\x20-\x7e",
        "Blank" => r"\x20\t",
        "Cntrl" => r"\x00-\x1f\x7f",
        "XDigit" => "0-9a-fA-F",
        "Space" => SPACE,
        "L1" => r"\x00-\x{ff}",
        "LD" => r"\p{L}\p{Nd}",
        "LC" => r"\p{Lu}\p{Ll}\p{Lt}",
        "all" | "ALL" => r"\s\S",
        _ => return None,
    })
}

/// Properties named after methods of `java.lang.Character`.
fn java_property(name: &str) -> Option<&'static str> {
    Some(match name {
        "javaLowerCase" => r"\p{Lowercase}",
        "javaUpperCase" => r"\p{Uppercase}",
        "javaAlphabetic" => r"\p{Alphabetic}",
        "javaTitleCase" => r"\p{Lt}",
        "javaDigit" => r"\p{Nd}",
        "javaLetter" => r"\p{L}",
        "javaLetterOrDigit" => r"\p{L}\p{Nd}",
        "javaDefined" => r"\P{Cn}",
        "javaSpaceChar" => r"\p{Z}",
        "javaWhitespace" => r"[\p{Z}--[\x{a0}\x{2007}\x{202f}]]\t-\r\x1c-\x1f",
        "javaISOControl" => r"\x00-\x1f\x{7f}-\x{9f}",
        _ => return None,
    })
}
