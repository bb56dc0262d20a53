//! Java regular expressions: searching, matching, replacing.

use fancy_regex::{Captures, RegexBuilder};
use weft_gts::selector::{Translation, translate_search};

use crate::error::{Error, Fault, Kind, Result};

/// The most steps back that one match may take.
const BACKTRACKS_MAX: usize = 1_000_000;

/// The most bytes that a compiled expression may take.
const SIZE_MAX: usize = 4 << 20;

/// A compiled Java regular expression.
#[derive(Clone, Debug)]
pub(crate) struct Regex {
    /// As given.
    pub(crate) pattern: String,
    search: fancy_regex::Regex,
    whole: fancy_regex::Regex,
    names: Vec<(String, usize)>,
}

impl Regex {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// When Java would refuse it, or when it is too large.
    pub(crate) fn new(pattern: &str) -> Result<Self> {
        let refuse = |text: String| Fault::kind(Kind::Argument, text);
        let Translation { text, names, .. } =
            translate_search(pattern).map_err(|error| refuse(error.to_string()))?;
        let build = |text: &str| {
            let built = RegexBuilder::new(text)
                .backtrack_limit(BACKTRACKS_MAX)
                .delegate_size_limit(SIZE_MAX)
                .build();
            built.map_err(|error| refuse(error.to_string()))
        };
        let whole = build(&format!(r"\A(?:{text})\z"))?;
        Ok(Self { pattern: pattern.to_owned(), search: build(&text)?, whole, names })
    }

    /// The groups of a match of the whole text.
    ///
    /// # Errors
    /// When matching takes too many steps.
    pub(crate) fn match_whole<'t>(&self, text: &'t str) -> Result<Option<Captures<'t, str>>> {
        self.whole.captures(text).map_err(too_long)
    }

    /// The next match from a byte on.
    ///
    /// # Errors
    /// When matching takes too many steps.
    pub(crate) fn find_at<'t>(
        &self,
        text: &'t str,
        from: usize,
    ) -> Result<Option<Captures<'t, str>>> {
        if from > text.len() {
            return Ok(None);
        }
        self.search.captures_from_pos(text, from).map_err(too_long)
    }

    /// The number of a named group.
    pub(crate) fn group(&self, name: &str) -> Option<usize> {
        self.names.iter().find(|(n, _)| n == name).map(|(_, number)| *number)
    }

    /// The named groups and their numbers.
    pub(crate) fn named_groups(&self) -> Vec<(String, usize)> {
        self.names.clone()
    }

    /// Replaces the first match, or all of them, as `replaceFirst` and `replaceAll` do.
    ///
    /// # Errors
    /// When the replacement means groups that do not exist, or the result grows beyond `limit`.
    pub(crate) fn replace(
        &self,
        text: &str,
        replacement: &str,
        all: bool,
        limit: usize,
    ) -> Result<String> {
        let mut out = String::new();
        let (mut from, mut copied) = (0, 0);
        while let Some(captures) = self.find_at(text, from)? {
            let (start, end) = span(&captures);
            out.push_str(&text[copied..start]);
            self.expand(&mut out, &captures, replacement)?;
            copied = end;
            if out.len() > limit {
                return Err(Fault::limit("Memory limit reached by a replacement."));
            }
            if !all {
                break;
            }
            from = next_start(text, start, end);
        }
        out.push_str(&text[copied..]);
        Ok(out)
    }

    /// Appends a replacement with its `$1` and `${name}`.
    fn expand(&self, out: &mut String, captures: &Captures<'_, str>, replacement: &str) -> Result {
        let illegal = |text: &str| Fault::kind(Kind::Argument, text.to_owned());
        let mut chars = replacement.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '\\' => match chars.next() {
                    Some(c) => out.push(c),
                    None => return Err(illegal("character to be escaped is missing")),
                },
                '$' => {
                    let group = match chars.next() {
                        Some('{') => {
                            let name: String =
                                std::iter::from_fn(|| chars.next_if(char::is_ascii_alphanumeric))
                                    .collect();
                            if name.is_empty() || chars.next() != Some('}') {
                                return Err(illegal(
                                    "named capturing group is missing trailing '}'",
                                ));
                            }
                            let missing = format!("No group with name {{{name}}}");
                            self.group(&name).ok_or_else(|| illegal(&missing))?
                        }
                        Some(digit) => {
                            let Some(mut group) = digit.to_digit(10).map(|d| d as usize) else {
                                return Err(illegal("Illegal group reference"));
                            };
                            if group >= captures.len() {
                                let text = format!("No group {group}");
                                return Err(Fault::kind(Kind::Bounds, text));
                            }
                            while let Some(digit) = chars.peek().and_then(|c| c.to_digit(10)) {
                                let longer = group * 10 + digit as usize;
                                if longer >= captures.len() {
                                    break;
                                }
                                group = longer;
                                chars.next();
                            }
                            group
                        }
                        None => {
                            return Err(illegal("Illegal group reference: group index is missing"));
                        }
                    };
                    out.push_str(captures.get(group).map_or("", |m| m.as_str()));
                }
                c => out.push(c),
            }
        }
        Ok(())
    }
}

/// Where a match starts and ends.
pub(crate) fn span(captures: &Captures<'_, str>) -> (usize, usize) {
    captures.get(0).map_or((0, 0), |m| (m.start(), m.end()))
}

/// Where the search for the match after another one starts: behind it, and one character further
/// when it is empty.
pub(crate) fn next_start(text: &str, start: usize, end: usize) -> usize {
    if end > start {
        return end;
    }
    let step = text.get(end..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8);
    end + step
}

fn too_long(error: fancy_regex::Error) -> Fault {
    Fault::Error(Box::new(Error::new(Kind::Script, error.to_string())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replaced(text: &str, pattern: &str, with: &str) -> String {
        let regex = Regex::new(pattern).expect("a valid pattern");
        regex.replace(text, with, true, usize::MAX).expect("a valid replacement")
    }

    #[test]
    fn empty_matches_follow_others() {
        assert_eq!(replaced("baac", "a*", "-"), "-b--c-");
        assert_eq!(replaced("abc", "", "."), ".a.b.c.");
    }

    #[test]
    fn the_end_may_be_before_a_line_end() {
        assert_eq!(replaced("a\n", "$", "!"), "a!\n!");
        assert_eq!(replaced("a\r\n", "a$", "b"), "b\r\n");
        assert_eq!(replaced("a\nb", "a$", "b"), "a\nb");
    }
}
