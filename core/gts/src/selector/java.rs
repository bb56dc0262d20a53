//! Java regular expressions, translated to the syntax of the `regex` and `fancy-regex` crates.
//!
//! The translation resolves what differs: flags act on the letters, classes and dots they cover
//! (`(?i)` is ASCII only unless `(?u)` says otherwise), `\d`, `\w` and `\s` are ASCII, a dot stops
//! at every line end Java knows, `\Q…\E`, `\h`, `\v`, `\R`, possessive quantifiers, unions and
//! intersections of classes, POSIX and `java…` properties. Not supported: blocks (`\p{InGreek}`),
//! grapheme boundaries (`\b{g}`) and character names (`\N{…}`).
//!
//! `^`, `$` and `\Z` without `(?m)` mean the very ends of the text. In Java `$` and `\Z` are also
//! met before a final line end, which no match of a whole text can make use of.

use crate::selector::java_class;

/// Groups in groups: the engines have limits of their own, this one protects the native stack.
const DEPTH_MAX: usize = 100;

/// Matches nothing.
const NEVER: &str = r"[^\s\S]";

/// What Java and the engines call a line end.
pub(crate) const LINE_ENDS: &str = r"\n\r\x{85}\x{2028}\x{2029}";

/// Whether `c` is one of [`LINE_ENDS`].
pub(crate) const fn is_line_end(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// A pattern that Java would refuse, or that is not supported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatternError {
    /// What is wrong.
    pub description: String,
    /// Where, in characters; `None` when the fault has no place.
    pub index: Option<usize>,
    /// The pattern.
    pub pattern: String,
}

impl std::error::Error for PatternError {}

/// As Java's `PatternSyntaxException`: the description, the pattern, and a caret below the place.
impl std::fmt::Display for PatternError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.description)?;
        match self.index {
            None => write!(f, "\n{}", self.pattern),
            Some(index) => {
                write!(f, " near index {index}\n{}", self.pattern)?;
                let below = index < self.pattern.chars().count();
                if !below {
                    return Ok(());
                }
                // Not by a width in the format: those are limited to 16 bits.
                f.write_str("\n")?;
                (0..index).try_for_each(|_| f.write_str(" "))?;
                f.write_str("^")
            }
        }
    }
}

/// A translated pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Translation {
    /// The pattern; its groups are numbered as in Java.
    pub text: String,
    /// It needs `fancy-regex`: look-around, back-references, atomic groups.
    pub backtracks: bool,
    /// The names of groups, and their numbers.
    pub names: Vec<(String, usize)>,
}

/// Translates a Java regular expression that is to match whole texts.
pub fn translate(pattern: &str) -> Result<Translation, PatternError> {
    translate_for(pattern, false)
}

/// Translates a Java regular expression that is to be searched for in texts: `$` and `\Z` are also
/// met before a final line end.
pub fn translate_search(pattern: &str) -> Result<Translation, PatternError> {
    translate_for(pattern, true)
}

fn translate_for(pattern: &str, search: bool) -> Result<Translation, PatternError> {
    let mut translator = Translator {
        pattern,
        chars: unquote(pattern),
        at: 0,
        out: String::with_capacity(pattern.len() * 2),
        flags: Flags::default(),
        depth: 0,
        groups: 0,
        names: Vec::new(),
        backtracks: false,
        search,
    };
    translator.alternatives()?;
    if translator.peek().is_some() {
        let index = translator.at.checked_sub(1);
        return Err(PatternError { index, ..translator.error("Unmatched closing ')'") });
    }
    let Translator { out, backtracks, names, .. } = translator;
    Ok(Translation { text: out, backtracks, names })
}

/// The flags that an expression can set on itself.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Flags {
    pub(crate) case_insensitive: bool,
    pub(crate) unicode_case: bool,
    pub(crate) unicode_classes: bool,
    multiline: bool,
    dot_all: bool,
    unix_lines: bool,
    comments: bool,
}

impl Flags {
    fn set(&mut self, flag: char, on: bool) -> bool {
        match flag {
            'i' => self.case_insensitive = on,
            'u' => self.unicode_case = on,
            'U' => (self.unicode_classes, self.unicode_case) = (on, on),
            'm' => self.multiline = on,
            's' => self.dot_all = on,
            'd' => self.unix_lines = on,
            'x' => self.comments = on,
            _ => return false,
        }
        true
    }
}

/// What may stand before a quantifier.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Atom {
    /// Something that takes characters.
    Text,
    /// A place between characters.
    Place,
    /// Nothing: flags.
    Nothing,
}

pub(crate) struct Translator<'p> {
    pattern: &'p str,
    /// The pattern without `\Q…\E`.
    chars: Vec<char>,
    at: usize,
    out: String,
    pub(crate) flags: Flags,
    depth: usize,
    groups: usize,
    names: Vec<(String, usize)>,
    backtracks: bool,
    /// `$` may be met before a final line end.
    search: bool,
}

/// Replaces `\Q…\E` by escapes.
fn unquote(pattern: &str) -> Vec<char> {
    let mut chars = Vec::with_capacity(pattern.len());
    let mut rest = pattern;
    while let Some(c) = rest.chars().next() {
        if let Some(quoted) = rest.strip_prefix(r"\Q") {
            let (literal, behind) = quoted.split_once(r"\E").unwrap_or((quoted, ""));
            for c in literal.chars() {
                if c.is_ascii() && !c.is_ascii_alphanumeric() {
                    chars.push('\\');
                }
                chars.push(c);
            }
            rest = behind;
            continue;
        }
        // What an escape escapes does not start a quotation.
        let length = match rest.strip_prefix('\\').and_then(|escaped| escaped.chars().next()) {
            Some(escaped) if c == '\\' => 1 + escaped.len_utf8(),
            _ => c.len_utf8(),
        };
        chars.extend(rest[..length].chars());
        rest = &rest[length..];
    }
    chars
}

impl Translator<'_> {
    /// The next character; blanks and comments are skipped where they are.
    pub(crate) fn peek(&mut self) -> Option<char> {
        if self.flags.comments {
            while let Some(&c) = self.chars.get(self.at) {
                match c {
                    ' ' | '\t'..='\r' => self.at += 1,
                    '#' => {
                        let rest = &self.chars[self.at..];
                        self.at += rest.iter().position(|&c| is_line_end(c)).unwrap_or(rest.len());
                    }
                    _ => break,
                }
            }
        }
        self.chars.get(self.at).copied()
    }

    /// Takes the next character, whatever it is.
    pub(crate) fn take(&mut self) -> Option<char> {
        let c = self.chars.get(self.at).copied();
        self.at += usize::from(c.is_some());
        c
    }

    pub(crate) fn take_if(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        self.at += usize::from(found);
        found
    }

    /// The character behind the next one.
    pub(crate) fn second(&self) -> Option<char> {
        self.chars.get(self.at + 1).copied()
    }

    /// The character at a place.
    pub(crate) fn char_at(&self, index: usize) -> Option<char> {
        self.chars.get(index).copied()
    }

    /// How many characters were taken.
    pub(crate) fn position(&self) -> usize {
        self.at
    }

    /// How many characters the pattern has.
    pub(crate) fn length(&self) -> usize {
        self.chars.len()
    }

    /// A fault at the character that was taken last.
    pub(crate) fn error(&self, description: impl Into<String>) -> PatternError {
        self.error_at(description, self.at.saturating_sub(1))
    }

    pub(crate) fn error_at(&self, description: impl Into<String>, index: usize) -> PatternError {
        PatternError {
            description: description.into(),
            index: Some(index),
            pattern: self.pattern.to_owned(),
        }
    }

    fn alternatives(&mut self) -> Result<(), PatternError> {
        loop {
            while let Some(c) = self.peek() {
                if c == '|' || c == ')' {
                    break;
                }
                let start = self.out.len();
                let atom = self.atom(c)?;
                if atom != Atom::Nothing {
                    self.quantifier(start, atom)?;
                }
            }
            if !self.take_if('|') {
                return Ok(());
            }
            self.out.push('|');
        }
    }

    fn atom(&mut self, c: char) -> Result<Atom, PatternError> {
        // A brace in the first place counts nothing, so often.
        if c == '{' {
            self.out.push_str("(?:)");
            return Ok(Atom::Text);
        }
        self.at += 1;
        match c {
            '^' => self.out.push_str(if self.flags.multiline { "(?m:^)" } else { r"\A" }),
            '$' if self.flags.multiline => self.out.push_str("(?m:$)"),
            '$' => self.push_end(),
            '*' | '+' | '?' => {
                return Err(self.error(format!("Dangling meta character '{c}'")));
            }
            '.' => {
                self.push_dot();
                return Ok(Atom::Text);
            }
            '[' => {
                let class = java_class::class(self, 0)?;
                self.push_class(&class);
                return Ok(Atom::Text);
            }
            '(' => return self.group(),
            '\\' => return self.escape(),
            _ => {
                self.push_literal(c);
                return Ok(Atom::Text);
            }
        }
        Ok(Atom::Place)
    }

    /// The end of the text; in a search, a final line end may follow.
    fn push_end(&mut self) {
        self.out.push_str(match (self.search, self.flags.unix_lines) {
            (false, _) => r"\z",
            (true, true) => r"(?=\n?\z)",
            (true, false) => r"(?=(?:\r\n|(?<!\r)\n|[\r\x{85}\x{2028}\x{2029}])?\z)",
        });
        self.backtracks |= self.search;
    }

    fn push_dot(&mut self) {
        if self.flags.dot_all {
            self.out.push_str(r"[\s\S]");
        } else if self.flags.unix_lines {
            self.out.push_str(r"[^\n]");
        } else {
            self.out.push_str("[^");
            self.out.push_str(LINE_ENDS);
            self.out.push(']');
        }
    }

    /// A class, made insensitive to case as a whole where that is not ASCII only.
    fn push_class(&mut self, class: &str) {
        if self.flags.case_insensitive && self.flags.unicode_case {
            self.out.push_str("(?i:");
            self.out.push_str(class);
            self.out.push(')');
        } else {
            self.out.push_str(class);
        }
    }

    fn push_literal(&mut self, c: char) {
        if self.flags.case_insensitive && (self.flags.unicode_case || c.is_ascii_alphabetic()) {
            let mut class = String::from("[");
            java_class::push_range(&mut class, c, c, self.flags);
            class.push(']');
            self.push_class(&class);
            return;
        }
        if matches!(c, '\\' | '.' | '+' | '*' | '?' | '(' | ')' | '|' | '[' | ']' | '{' | '}')
            || matches!(c, '^' | '$')
        {
            self.out.push('\\');
        }
        self.out.push(c);
    }

    /// `*`, `+`, `?` or a count behind what was written since `start`.
    fn quantifier(&mut self, start: usize, atom: Atom) -> Result<(), PatternError> {
        let quantifier = match self.peek() {
            Some(c @ ('*' | '+' | '?')) => {
                self.at += 1;
                c.to_string()
            }
            Some('{') => self.count()?,
            _ => return Ok(()),
        };
        let (lazy, possessive) = match self.peek() {
            Some('?') => (true, false),
            Some('+') => (false, true),
            _ => (false, false),
        };
        self.at += usize::from(lazy || possessive);
        if atom == Atom::Place {
            // Once is as good as often; the engines would not take more.
            if quantifier.starts_with(['*', '?']) || quantifier.starts_with("{0") {
                self.out.insert_str(start, "(?:");
                self.out.push_str("|)");
            }
        } else if self.out[start..] != *"(?:)" {
            self.out.push_str(&quantifier);
            if lazy {
                self.out.push('?');
            } else if possessive {
                self.out.insert_str(start, "(?>");
                self.out.push(')');
                self.backtracks = true;
            }
        }
        Ok(())
    }

    /// `{n}`, `{n,}` or `{n,m}`.
    fn count(&mut self) -> Result<String, PatternError> {
        if !self.second().is_some_and(|c| c.is_ascii_digit()) {
            return Err(self.error_at("Illegal repetition", self.at + 1));
        }
        self.at += 1;
        let least = self.digits();
        let most = if self.take_if(',') { Some(self.digits()) } else { None };
        if !self.take_if('}') {
            return Err(self.error_at("Unclosed counted closure", self.at));
        }
        let parse = |digits: &str| digits.parse::<i32>().ok();
        let range = || self.error_at("Illegal repetition range", self.at - 1);
        let low = parse(&least).ok_or_else(range)?;
        match most.as_deref() {
            None => Ok(format!("{{{low}}}")),
            Some("") => Ok(format!("{{{low},}}")),
            Some(digits) => {
                let high = parse(digits).filter(|&high| high >= low).ok_or_else(range)?;
                Ok(format!("{{{low},{high}}}"))
            }
        }
    }

    fn digits(&mut self) -> String {
        let mut digits = String::new();
        while let Some(c) = self.peek().filter(char::is_ascii_digit) {
            digits.push(c);
            self.at += 1;
        }
        digits
    }

    /// A group, behind its `(`.
    fn group(&mut self) -> Result<Atom, PatternError> {
        let flags = self.flags;
        let atom = if self.take_if('?') {
            match self.special_group()? {
                Some(atom) => atom,
                // Flags act up to the end of the group around them.
                None => return Ok(Atom::Nothing),
            }
        } else {
            self.groups += 1;
            self.out.push('(');
            Atom::Text
        };
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.error("Groups are nested too deep"));
        }
        self.alternatives()?;
        self.depth -= 1;
        self.flags = flags;
        if self.peek().is_none() {
            return Err(self.error_at("Unclosed group", self.at));
        }
        self.at += 1;
        self.out.push(')');
        Ok(atom)
    }

    /// What stands between `(?` and the content of a group; `None` for flags alone.
    fn special_group(&mut self) -> Result<Option<Atom>, PatternError> {
        let c = self.take();
        let (open, atom, backtracks) = match c {
            Some(':') => ("(?:", Atom::Text, false),
            Some('=') => ("(?=", Atom::Place, true),
            Some('!') => ("(?!", Atom::Place, true),
            Some('>') => ("(?>", Atom::Text, true),
            Some('<') => match self.take() {
                Some('=') => ("(?<=", Atom::Place, true),
                Some('!') => ("(?<!", Atom::Place, true),
                Some(first) if first.is_ascii_alphabetic() => {
                    let name = self.group_name(first)?;
                    if self.names.iter().any(|(known, _)| *known == name) {
                        let message = format!("Named capturing group <{name}> is already defined");
                        return Err(self.error(message));
                    }
                    self.groups += 1;
                    self.names.push((name, self.groups));
                    ("(", Atom::Text, false)
                }
                _ => return Err(self.error("Unknown look-behind group")),
            },
            _ => {
                self.at -= usize::from(c.is_some());
                self.set_flags()?;
                return match self.take() {
                    Some(')') => Ok(None),
                    Some(':') => {
                        self.out.push_str("(?:");
                        Ok(Some(Atom::Text))
                    }
                    Some(_) => Err(self.error("Unknown inline modifier")),
                    None => Err(self.error_at("Unknown inline modifier", self.at)),
                };
            }
        };
        self.out.push_str(open);
        self.backtracks |= backtracks;
        Ok(Some(atom))
    }

    fn set_flags(&mut self) -> Result<(), PatternError> {
        let mut on = true;
        while let Some(c) = self.take() {
            if c == '-' && on {
                on = false;
            } else if !self.flags.set(c, on) {
                self.at -= 1;
                break;
            }
        }
        Ok(())
    }

    /// The rest of a group's name, and the `>` behind it.
    fn group_name(&mut self, first: char) -> Result<String, PatternError> {
        let mut name = String::from(first);
        loop {
            match self.take() {
                Some(c) if c.is_ascii_alphanumeric() => name.push(c),
                Some('>') => return Ok(name),
                _ => {
                    let message = "named capturing group is missing trailing '>'";
                    return Err(self.error(message));
                }
            }
        }
    }

    /// An escape outside of classes, behind its `\`.
    fn escape(&mut self) -> Result<Atom, PatternError> {
        let place = match self.chars.get(self.at) {
            Some('A' | 'G') => r"\A",
            Some('Z') => {
                self.at += 1;
                self.push_end();
                return Ok(Atom::Place);
            }
            Some('z') => r"\z",
            Some('b') if self.chars[self.at..].starts_with(&['b', '{', 'g']) => {
                return Err(self.error("Grapheme boundaries are not supported"));
            }
            Some('b') => r"\b",
            Some('B') => r"\B",
            Some('R') => return self.push_escape(r"(?:\r\n|[\x0b\x0c\n\r\x{85}\x{2028}\x{2029}])"),
            Some('X') => return self.push_escape(r"(?:\P{M}\p{M}*|\p{M}+)"),
            Some('1'..='9') => return self.back_reference(),
            Some('k') => return self.named_back_reference(),
            _ => {
                match java_class::escape(self)? {
                    java_class::Escape::Char(c) => self.push_literal(c),
                    java_class::Escape::Class(class) => self.push_class(&class),
                }
                return Ok(Atom::Text);
            }
        };
        self.push_escape(place)?;
        Ok(Atom::Place)
    }

    fn push_escape(&mut self, text: &str) -> Result<Atom, PatternError> {
        self.at += 1;
        self.out.push_str(text);
        Ok(Atom::Text)
    }

    /// `\12`: as many digits as there are groups for.
    fn back_reference(&mut self) -> Result<Atom, PatternError> {
        let mut number = 0;
        while let Some(digit) = self.chars.get(self.at).and_then(|c| c.to_digit(10)) {
            let longer = number * 10 + digit as usize;
            if number > 0 && longer > self.groups {
                break;
            }
            number = longer;
            self.at += 1;
        }
        self.push_reference(number)
    }

    fn named_back_reference(&mut self) -> Result<Atom, PatternError> {
        self.at += 1;
        if !self.take_if('<') {
            return Err(self.error("\\k is not followed by '<' for named capturing group"));
        }
        let Some(first) = self.take() else {
            return Err(self.error("named capturing group is missing trailing '>'"));
        };
        let name = self.group_name(first)?;
        match self.names.iter().find(|(known, _)| *known == name) {
            Some(&(_, number)) => self.push_reference(number),
            None => Err(self.error(format!("named capturing group <{name}> does not exist"))),
        }
    }

    fn push_reference(&mut self, number: usize) -> Result<Atom, PatternError> {
        if number > self.groups {
            // A group that is not there, or not yet, has matched nothing that could be repeated.
            self.out.push_str(NEVER);
            return Ok(Atom::Text);
        }
        self.backtracks = true;
        let flag = if self.flags.case_insensitive { "i" } else { "" };
        self.out.push_str(&format!(r"(?{flag}:\{number})"));
        Ok(Atom::Text)
    }
}
