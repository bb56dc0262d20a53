//! Selectors: which series a request means.
//!
//! `CLASS{NAME=VALUE,NAME~REGEX}`, percent-encoded. A class is `~REGEX`, `=EXACT` or plain and exact.
//! A name means a label or, where a series has no such label, an attribute. Regular expressions are
//! Java's and match whole texts ([`java`], [`pattern`]).
//!
//! [`SelectorText`] is a selector as text: split and decoded, which requests carry. [`Selector`]
//! is compiled and matches metadata.

pub mod java;
mod java_class;
pub mod pattern;

pub use self::java::{PatternError, Translation, translate, translate_search};
pub use self::pattern::Pattern;

use crate::Metadata;
use crate::percent::{self, PercentError};
use crate::text::labels::{LabelsError, merge_terms, split_terms};

/// A selector, split and decoded but not compiled.
///
/// Expressions keep the sign that says what they are: `~REGEX`, `=EXACT`, or plain and exact.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SelectorText {
    /// The expression for the class.
    pub class: String,
    /// Names of labels or attributes and the expressions for their values, as they were written;
    /// no name comes twice.
    pub labels: Vec<(String, String)>,
}

/// Why a text is no selector.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SelectorError {
    /// Not `CLASS{…}`.
    #[error(" invalid syntax for selector.")]
    Syntax,
    /// A term that is neither `NAME=VALUE` nor `NAME~REGEX`.
    #[error("java.text.ParseException: {0}")]
    Term(String),
    /// An escape that is none.
    #[error(transparent)]
    Escape(#[from] PercentError),
    /// A regular expression that is none.
    #[error(transparent)]
    Pattern(#[from] PatternError),
}

impl SelectorText {
    /// Reads `CLASS{…}`.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        let (class, rest) = text.split_once('{').ok_or(SelectorError::Syntax)?;
        let list = rest.strip_suffix('}').ok_or(SelectorError::Syntax)?;
        // A dot does not match line ends in the reference's expression for selectors.
        if class.is_empty() || list.contains(java::is_line_end) {
            return Err(SelectorError::Syntax);
        }
        let class = percent::decode(class)?.into_owned();
        let terms = split_terms(list).map_err(|error| match error {
            LabelsError::Term(term) => SelectorError::Term(term),
            LabelsError::Escape(error) => SelectorError::Escape(error),
        })?;
        let labels = merge_terms(terms)
            .into_iter()
            .map(|term| {
                let sign = if term.exact { '=' } else { '~' };
                (term.name, format!("{sign}{}", term.value))
            })
            .collect();
        Ok(Self { class, labels })
    }

    /// Appends the selector as egress sends it to the directory, which signs these very bytes.
    pub fn write(&self, out: &mut Vec<u8>) {
        percent::encode_into(out, &self.class);
        out.push(b'{');
        for (index, (name, expression)) in self.labels.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            write_selected_name(out, name);
            let (sign, value) = match expression.as_bytes() {
                [b'~', ..] => (b'~', &expression[1..]),
                [b'=', ..] => (b'=', &expression[1..]),
                _ => (b'=', expression.as_str()),
            };
            out.push(sign);
            percent::encode_into(out, value);
        }
        out.push(b'}');
    }
}

/// Appends a name as the reference does, which encodes none; what would be read as something else
/// is encoded here.
fn write_selected_name(out: &mut Vec<u8>, name: &str) {
    let mut buffer = [0; 4];
    for c in name.chars() {
        let text = c.encode_utf8(&mut buffer);
        if c <= ' ' || matches!(c, '%' | ',' | '=' | '~' | '{' | '}') {
            percent::encode_into(out, text);
        } else {
            out.extend_from_slice(text.as_bytes());
        }
    }
}

/// What a class or a value must be.
#[derive(Clone, Debug)]
pub enum Matcher {
    /// This text.
    Exact(String),
    /// Selected by this expression.
    Pattern(Pattern),
}

impl Matcher {
    /// From `~REGEX`, `=EXACT` or an exact text.
    pub fn parse(expression: &str) -> Result<Self, PatternError> {
        Ok(match expression.as_bytes() {
            [b'~', ..] => Self::Pattern(Pattern::new(&expression[1..])?),
            [b'=', ..] => Self::Exact(expression[1..].to_owned()),
            _ => Self::Exact(expression.to_owned()),
        })
    }

    /// Whether `text` is what this asks for.
    pub fn matches(&self, text: &str) -> bool {
        match self {
            Self::Exact(exact) => exact == text,
            Self::Pattern(pattern) => pattern.selects(text),
        }
    }

    /// The only text that matches, where there is one.
    pub fn exact(&self) -> Option<&str> {
        match self {
            Self::Exact(exact) => Some(exact),
            Self::Pattern(_) => None,
        }
    }
}

/// A compiled selector.
#[derive(Clone, Debug)]
pub struct Selector {
    /// What the class must be.
    pub class: Matcher,
    /// What labels or attributes must be.
    pub labels: Vec<(String, Matcher)>,
    /// Labels and attributes that must not be there.
    pub absent: Vec<String>,
}

impl Selector {
    /// Compiles a selector. With `absent_labels` (`warp10.absent.label.support`) an empty value
    /// asks for series that have neither a label nor an attribute of that name; without, for one
    /// that is empty.
    pub fn new(text: &SelectorText, absent_labels: bool) -> Result<Self, PatternError> {
        let mut selector =
            Self { class: Matcher::parse(&text.class)?, labels: Vec::new(), absent: Vec::new() };
        for (name, expression) in &text.labels {
            if absent_labels && matches!(expression.as_str(), "" | "=") {
                selector.absent.push(name.clone());
            } else {
                selector.labels.push((name.clone(), Matcher::parse(expression)?));
            }
        }
        Ok(selector)
    }

    /// [`SelectorText::parse`] and [`Selector::new`].
    pub fn parse(text: &str, absent_labels: bool) -> Result<Self, SelectorError> {
        Ok(Self::new(&SelectorText::parse(text)?, absent_labels)?)
    }

    /// Whether a series is meant.
    pub fn matches(&self, metadata: &Metadata) -> bool {
        self.class.matches(metadata.class()) && self.matches_labels(metadata)
    }

    /// [`Selector::matches`] for a series whose class matches.
    pub fn matches_labels(&self, metadata: &Metadata) -> bool {
        let value =
            |name: &str| metadata.labels.get(name).or_else(|| metadata.attributes.get(name));
        self.absent.iter().all(|name| value(name).is_none())
            && self
                .labels
                .iter()
                .all(|(name, matcher)| value(name).is_some_and(|value| matcher.matches(value)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Labels;

    fn text(class: &str, labels: &[(&str, &str)]) -> SelectorText {
        let labels = labels.iter().map(|&(n, e)| (n.to_owned(), e.to_owned())).collect();
        SelectorText { class: class.to_owned(), labels }
    }

    #[test]
    fn selectors_are_split_and_decoded() {
        for (selector, expected) in [
            ("c{}", text("c", &[])),
            ("~%5Ec%24{a=b,c~d}", text("~^c$", &[("a", "=b"), ("c", "~d")])),
            ("c{ a = b ,}", text("c", &[("a ", "= b")])),
            ("c{a=1,b=2,a~3}", text("c", &[("a", "~3"), ("b", "=2")])),
            ("c{a~}", text("c", &[("a", "~")])),
            ("~a{2}b{c=d}", text("~a", &[("2}b{c", "=d")])),
        ] {
            assert_eq!(SelectorText::parse(selector), Ok(expected), "{selector}");
        }
        for selector in ["", "c", "{}", "c{", "c}", "c{}x", "c{a=\n}"] {
            assert_eq!(SelectorText::parse(selector), Err(SelectorError::Syntax), "{selector}");
        }
        assert_eq!(SelectorText::parse("c{a}"), Err(SelectorError::Term("a".to_owned())));
        assert!(matches!(SelectorText::parse("c%{}"), Err(SelectorError::Escape(_))));
    }

    #[test]
    fn labels_come_before_attributes() {
        let metadata = Metadata {
            attributes: [("both", "attribute"), ("unit", "")].into_iter().collect(),
            ..Metadata::new("c", [("both", "label")].into_iter().collect())
        };
        let matches = |selector: &str, absent: bool| {
            Selector::parse(selector, absent).unwrap().matches(&metadata)
        };
        assert!(matches("c{both=label}", false));
        assert!(!matches("c{both=attribute}", false));
        assert!(matches("~.{unit~}", false) && matches("=c{unit=}", false));
        assert!(!matches("c{unit=}", true) && matches("c{other=}", true));
        assert!(!matches("c{other=}", false) && !matches("c{other~.*}", true));
    }

    proptest! {
        #[test]
        fn what_is_sent_reads_back(
            class in ".+",
            labels in prop::collection::btree_map(any::<String>(), "[=~].*", 0..4),
        ) {
            let selector = SelectorText { class, labels: labels.into_iter().collect() };
            let mut sent = Vec::new();
            selector.write(&mut sent);
            let sent = String::from_utf8(sent).unwrap();
            // Names keep the line ends that end a selector.
            prop_assume!(!sent.contains(java::is_line_end));
            prop_assert_eq!(SelectorText::parse(&sent), Ok(selector));
        }

        #[test]
        fn anything_is_a_selector_or_not(selector in "[a-z%~=]{0,3}\\{?.{0,12}\\}?") {
            if let Ok(selector) = Selector::parse(&selector, true) {
                selector.matches(&Metadata::new("abc", Labels::new()));
            }
        }
    }
}
