//! Regular expressions that match whole texts, with Java's meaning.

use crate::selector::java::{PatternError, Translation, is_line_end, translate};

/// The most bytes that a compiled expression may take.
const SIZE_MAX: usize = 4 << 20;

/// The most steps back that one match may take. Expressions without look-around, back-references
/// and atomic groups never step back.
const BACKTRACKS_MAX: usize = 20_000;

/// A compiled Java regular expression.
#[derive(Clone, Debug)]
pub struct Pattern {
    text: String,
    engine: Engine,
    /// See [`Pattern::selects`].
    fragment: Option<String>,
}

#[derive(Clone, Debug)]
enum Engine {
    /// `.*`, which in selectors means any text, line ends included.
    All(regex::Regex),
    Linear(regex::Regex),
    Backtracking(Box<fancy_regex::Regex>),
}

impl Pattern {
    /// Compiles a Java regular expression.
    pub fn new(pattern: &str) -> Result<Self, PatternError> {
        let Translation { text, backtracks, .. } = translate(pattern)?;
        let whole = format!(r"\A(?:{text})\z");
        let refuse = |description: String| PatternError {
            description,
            index: None,
            pattern: pattern.to_owned(),
        };
        let engine = if backtracks {
            let built = fancy_regex::RegexBuilder::new(&whole)
                .backtrack_limit(BACKTRACKS_MAX)
                .delegate_size_limit(SIZE_MAX)
                .build();
            Engine::Backtracking(Box::new(built.map_err(|error| refuse(error.to_string()))?))
        } else {
            let built = regex::RegexBuilder::new(&whole).size_limit(SIZE_MAX).build();
            let regex = built.map_err(|error| refuse(error.to_string()))?;
            match pattern {
                ".*" | "^.*" | "^.*$" => Engine::All(regex),
                _ => Engine::Linear(regex),
            }
        };
        Ok(Self { text: pattern.to_owned(), engine, fragment: longest_fragment(pattern) })
    }

    /// The expression as given.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the expression matches the whole of `text`.
    ///
    /// A match that would step back too often is given up: it counts as none.
    pub fn is_match(&self, text: &str) -> bool {
        match &self.engine {
            Engine::All(regex) | Engine::Linear(regex) => regex.is_match(text),
            Engine::Backtracking(regex) => regex.is_match(text).unwrap_or(false),
        }
    }

    /// Whether the expression, in a selector, selects `text`: as [`Pattern::is_match`], with two
    /// exceptions that Warp 10's directory makes. `.*` selects any text. And a text must contain
    /// the longest run of plain letters and digits of the expression as it is written there, even
    /// where `(?i)` or a `?` would do without: `(?i)cpu` does not select `CPU`.
    pub fn selects(&self, text: &str) -> bool {
        if matches!(self.engine, Engine::All(_)) {
            return true;
        }
        self.fragment.as_ref().is_none_or(|fragment| text.contains(fragment.as_str()))
            && self.is_match(text)
    }
}

/// The longest run of ASCII letters and digits of an expression, outside of groups, classes and
/// counts and before the first escape; none when the expression has alternatives.
fn longest_fragment(pattern: &str) -> Option<String> {
    let mut plain = pattern.to_owned();
    for (open, close) in [('(', ')'), ('[', ']'), ('{', '}')] {
        plain = blank_out(&plain, open, close);
    }
    if plain.contains('|') {
        return None;
    }
    let runs = lines(&plain)
        .map(|line| line.split('\\').next().unwrap_or_default())
        .collect::<Vec<_>>()
        .join(" ");
    let mut longest = "";
    for run in runs.split(|c: char| !c.is_ascii_alphanumeric()) {
        if run.len() > longest.len() {
            longest = run;
        }
    }
    (!longest.is_empty()).then(|| longest.to_owned())
}

/// Replaces all from the first `open` to the last `close` of each line by a blank.
fn blank_out(text: &str, open: char, close: char) -> String {
    let mut out = String::with_capacity(text.len());
    for (index, line) in lines(text).enumerate() {
        if index > 0 {
            out.push('\n');
        }
        match (line.find(open), line.rfind(close)) {
            (Some(first), Some(last)) if first < last => {
                out.push_str(&line[..first]);
                out.push(' ');
                out.push_str(&line[last + close.len_utf8()..]);
            }
            _ => out.push_str(line),
        }
    }
    out
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split(is_line_end)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn patterns_mean_what_they_mean_in_java() {
        for (pattern, yes, no) in [
            ("os[.]cpu", &["os.cpu"][..], &["os.cpu.", "xos.cpu", "oscpu"][..]),
            ("a|bc", &["a", "bc"], &["ac", "abc"]),
            ("a.b", &["a\tb", "aéb"], &["a\nb", "a\u{2028}b"]),
            ("(?s)a.b", &["a\nb"], &["ab"]),
            ("(?i)kö", &["Kö", "kö"], &["KÖ", "\u{212a}ö"]),
            ("(?iu)kö", &["KÖ", "\u{212a}ö"], &["o"]),
            (r"\d\w\s", &["1a ", "9_\t"], &["٣a ", "1é ", "1a\u{a0}"]),
            (r"(?U)\d\w\s", &["٣é\u{a0}"], &["x"]),
            (r"a\Q.*[\Eb", &["a.*[b"], &["axb"]),
            ("[a-z&&[^aeiou]]+", &["xyz"], &["xaz", ""]),
            ("[a-c[x-z]]", &["b", "y"], &["m", "["]),
            ("[]a]", &["]", "a"], &["b"]),
            ("(?i)[a-c&&[^b]]", &["A", "c"], &["b", "B"]),
            (r"[\d.-]+", &["1.2-3"], &["a"]),
            (r"\p{Lower}\p{IsGreek}\p{Lu}", &["aαÀ"], &["éαÀ"]),
            (r"\h\v\R", &["\u{a0}\x0b\r\n"], &["x"]),
            (r"(a|b)\1", &["aa", "bb"], &["ab"]),
            (r"(?<x>a|b)\k<x>", &["aa"], &["ab"]),
            ("(?=a)[a-z]+(?<!b)", &["a", "abc"], &["ab", "bc"]),
            ("a*+a", &[], &["aaa"]),
            ("(?>a|ab)c", &["ac"], &["abc"]),
            ("(?x) a b # c", &["ab"], &["a b"]),
            (r"\x41\u0042\x{43}\0104", &["ABCD"], &["abcd"]),
            ("^a$", &["a"], &["a\n", "ba"]),
            ("a{2,3}?", &["aa", "aaa"], &["a", "aaaa"]),
            ("", &[""], &["a"]),
        ] {
            let compiled = Pattern::new(pattern).unwrap();
            for text in yes {
                assert!(compiled.is_match(text), "{pattern} should match {text:?}");
            }
            for text in no {
                assert!(!compiled.is_match(text), "{pattern} should not match {text:?}");
            }
        }
    }

    #[test]
    fn a_mistake_far_behind_is_told() {
        let pattern = format!("{}**b", "a".repeat(70_000));
        let error = Pattern::new(&pattern).expect_err("a mistake").to_string();
        assert!(error.ends_with(&format!("\n{}^", " ".repeat(70_001))));
    }

    #[test]
    fn refusals_are_worded_as_java_words_them() {
        for (pattern, message) in [
            ("[", "Unclosed character class near index 0\n[\n^"),
            ("a)", "Unmatched closing ')' near index 0\na)\n^"),
            ("(a", "Unclosed group near index 2\n(a"),
            ("a**", "Dangling meta character '*' near index 2\na**\n  ^"),
            ("a{x", "Illegal repetition near index 2\na{x\n  ^"),
            ("a{2,1}", "Illegal repetition range near index 5\na{2,1}\n     ^"),
            ("[b-a]", "Illegal character range near index 3\n[b-a]\n   ^"),
            (r"\q", "Illegal/unsupported escape sequence near index 1\n\\q\n ^"),
            (r"\p{Foo}", "Unknown character property name {Foo} near index 6\n\\p{Foo}\n      ^"),
        ] {
            assert_eq!(Pattern::new(pattern).unwrap_err().to_string(), message);
        }
        assert!(Pattern::new(&"(".repeat(100_000)).is_err());
        assert!(Pattern::new(&"[".repeat(100_000)).is_err());
        assert!(Pattern::new(&"[a&&".repeat(100_000)).is_err());
        assert!(Pattern::new("(a{999}){999}{999}").is_err(), "too large");
    }

    #[test]
    fn runaway_matches_are_given_up() {
        let pattern = Pattern::new(r"(a*)*\1b").unwrap();
        assert!(!pattern.is_match(&"a".repeat(200)));
        let linear = Pattern::new("(a*)*b").unwrap();
        assert!(linear.is_match(&("a".repeat(10_000) + "b")));
    }

    #[test]
    fn selecting_takes_the_longest_fragment_literally() {
        for (pattern, fragment) in [
            ("os[.]cpu", Some("cpu")),
            ("(?i)h1", Some("h1")),
            ("(a)bc(d)", None),
            ("a|b", None),
            ("(a|b)c", Some("c")),
            (r"x\{y\}", Some("x")),
            (r"ab.cde\d+", Some("cde")),
            ("ab.cd", Some("ab")),
            (".*", None),
        ] {
            assert_eq!(longest_fragment(pattern).as_deref(), fragment, "{pattern}");
        }
        let pattern = Pattern::new("(?i)cpu").unwrap();
        assert!(pattern.is_match("CPU") && !pattern.selects("CPU") && pattern.selects("cpu"));
        let all = Pattern::new(".*").unwrap();
        assert!(all.selects("a\nb") && !all.is_match("a\nb"));
    }

    proptest! {
        #[test]
        fn anything_is_a_pattern_or_not(
            pattern in r"[\[\](){}|*+?^$.&~a-zA-Z0-9\\<>=!:, é-]{0,20}",
            text in ".{0,10}",
        ) {
            if let Ok(pattern) = Pattern::new(&pattern) {
                pattern.selects(&text);
            }
        }

        #[test]
        fn quoted_text_matches_itself(text in "[^\\\\]*") {
            let pattern = Pattern::new(&format!(r"\Q{text}\E")).unwrap();
            prop_assert!(pattern.is_match(&text));
        }
    }
}
