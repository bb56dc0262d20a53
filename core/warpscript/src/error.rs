//! Why a script stops: errors with their causes, and the jumps that travel like errors.

use std::borrow::Cow;
use std::fmt;

/// What a word answers with.
pub type Result<T = ()> = std::result::Result<T, Fault>;

/// Something that leaves the current macro.
#[derive(Clone, Debug)]
pub enum Fault {
    /// An error. `TRY` catches it, otherwise the script fails.
    Error(Box<Error>),
    /// `STOP`: the script ends, with success.
    Stop,
    /// `RETURN` and `NRETURN`: how many macros are still to be left.
    Return(i64),
    /// `BREAK`.
    Break,
    /// `CONTINUE`.
    Continue,
}

/// One message of a chain of causes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// What kind of failure this is, for `ERROR`'s `type`.
    pub kind: Kind,
    /// The text.
    pub message: Option<Cow<'static, str>>,
}

/// The kinds of failure that clients can tell apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// The ordinary error of a word.
    #[default]
    Script,
    /// The stack holds fewer values than the word takes.
    EmptyStack,
    /// An index outside its collection.
    Bounds,
    /// A cast between types failed.
    Cast,
    /// A missing value where one is needed.
    Null,
    /// Arithmetic without a result.
    Arithmetic,
    /// An argument outside its domain.
    Argument,
    /// A change of something that cannot be changed.
    Unsupported,
    /// A collection changed while it was walked.
    Concurrent,
    /// An error that `TRY` cannot turn into a normal flow by itself (jumps, guards, signals).
    Control,
    /// A limit of the platform (memory, time) was reached: not to be caught.
    Limit,
}

/// An error: its causes, innermost first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Error {
    layers: Vec<Layer>,
}

impl Kind {
    /// The name that `ERROR` reports, as Java names the class.
    pub const fn class(self) -> &'static str {
        match self {
            Self::Script => "class io.warp10.script.WarpScriptException",
            Self::EmptyStack => "class io.warp10.script.InformativeEmptyStackException",
            Self::Bounds => "class java.lang.IndexOutOfBoundsException",
            Self::Cast => "class java.lang.ClassCastException",
            Self::Null => "class java.lang.NullPointerException",
            Self::Arithmetic => "class java.lang.ArithmeticException",
            Self::Argument => "class java.lang.IllegalArgumentException",
            Self::Unsupported => "class java.lang.UnsupportedOperationException",
            Self::Concurrent => "class java.util.ConcurrentModificationException",
            Self::Control => "class io.warp10.script.WarpScriptATCException",
            Self::Limit => "class io.warp10.script.WarpScriptKillException",
        }
    }

    /// The name that stands for a missing message.
    fn simple_class(self) -> &'static str {
        self.class().rsplit('.').next().unwrap_or_default()
    }
}

impl Error {
    /// An error with one message.
    pub fn new(kind: Kind, message: impl Into<Cow<'static, str>>) -> Self {
        Self { layers: vec![Layer { kind, message: Some(message.into()) }] }
    }

    /// An error without a text: its kind speaks.
    pub fn bare(kind: Kind) -> Self {
        Self { layers: vec![Layer { kind, message: None }] }
    }

    /// The same error as the cause of another message.
    #[must_use]
    pub fn wrap(mut self, kind: Kind, message: impl Into<Cow<'static, str>>) -> Self {
        self.layers.push(Layer { kind, message: Some(message.into()) });
        self
    }

    /// The same error with a word's name in front of the outermost message.
    #[must_use]
    pub fn named(mut self, word: &str) -> Self {
        if let Some(layer) = self.layers.last_mut() {
            layer.message = Some(format!("{word} {}", layer.text()).into());
        }
        self
    }

    /// The messages, outermost first.
    pub fn layers(&self) -> impl DoubleEndedIterator<Item = &Layer> + ExactSizeIterator {
        self.layers.iter().rev()
    }

    /// The kind of the outermost message.
    pub fn kind(&self) -> Kind {
        self.layers.last().map(|l| l.kind).unwrap_or_default()
    }

    /// How many messages there are.
    pub fn depth(&self) -> usize {
        self.layers.len()
    }

    /// The outermost message alone.
    pub fn message(&self) -> &str {
        self.layers.last().map_or("", Layer::text)
    }

    /// The whole text in at most `max` characters: causes are cut in their middles, the innermost
    /// first.
    pub fn brief(&self, max: usize) -> String {
        const MESSAGE_MIN: usize = 32;
        let mut messages: Vec<String> = self.layers().map(|l| l.text().to_owned()).collect();
        let count = |text: &str| text.chars().count();
        let total = |messages: &[String]| {
            messages.iter().map(|m| count(m) + 3).sum::<usize>().saturating_sub(3)
        };
        let length = total(&messages);
        if length > max {
            let most = (max / MESSAGE_MIN).max(1);
            if messages.len() > most {
                messages.truncate(most.saturating_sub(1));
                messages.push("...".to_owned());
            }
            let target = (max / messages.len()).saturating_sub(3);
            let mut excess = length - max;
            for message in messages.iter_mut().rev() {
                if excess == 0 {
                    break;
                }
                let before = count(message);
                *message = cut_middle(message, target.max(before.saturating_sub(excess)));
                excess = excess.saturating_sub(before - count(message));
            }
        }
        let mut text = messages.join(" (");
        text.extend(std::iter::repeat_n(')', messages.len().saturating_sub(1)));
        text
    }

    /// Bytes held, for memory accounting.
    pub fn footprint(&self) -> usize {
        self.layers
            .iter()
            .map(|l| size_of::<Layer>() + l.message.as_deref().map_or(0, str::len))
            .sum()
    }
}

/// The text with `...` for its middle, `length` characters long in all.
fn cut_middle(text: &str, length: usize) -> String {
    const DOTS: &str = "...";
    let count = text.chars().count();
    if length >= count || length < DOTS.len() + 2 {
        return text.to_owned();
    }
    let kept = length - DOTS.len();
    let (head, tail) = (kept / 2 + kept % 2, kept / 2);
    let start: String = text.chars().take(head).collect();
    let end: String = text.chars().skip(count - tail).collect();
    format!("{start}{DOTS}{end}")
}

impl Layer {
    /// The text, or the kind's name when there is none.
    pub fn text(&self) -> &str {
        self.message.as_deref().unwrap_or_else(|| self.kind.simple_class())
    }
}

impl fmt::Display for Error {
    /// `outer (cause (cause of the cause))`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, layer) in self.layers().enumerate() {
            if index > 0 {
                f.write_str(" (")?;
            }
            f.write_str(layer.text())?;
        }
        for _ in 1..self.layers.len() {
            f.write_str(")")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

impl Fault {
    /// An error with exactly this text. Words mostly want
    /// [`Machine::error`](crate::machine::Machine::error), which puts the word's name in front.
    pub fn text(message: impl Into<Cow<'static, str>>) -> Self {
        Self::kind(Kind::Script, message)
    }

    /// An error of a kind.
    pub fn kind(kind: Kind, message: impl Into<Cow<'static, str>>) -> Self {
        Self::Error(Box::new(Error::new(kind, message)))
    }

    /// "Empty stack."
    pub fn empty_stack() -> Self {
        Self::kind(Kind::EmptyStack, "Empty stack.")
    }

    /// "Index out of bound."
    pub fn bounds() -> Self {
        Self::kind(Kind::Bounds, "Index out of bound.")
    }

    /// A change of a read-only collection.
    pub fn unsupported() -> Self {
        Self::Error(Box::new(Error::bare(Kind::Unsupported)))
    }

    /// The error of the reference when a missing value is used.
    pub fn null() -> Self {
        Self::Error(Box::new(Error::bare(Kind::Null)))
    }

    /// A platform limit.
    pub fn limit(message: impl Into<Cow<'static, str>>) -> Self {
        Self::kind(Kind::Limit, message)
    }

    /// The same fault with a message around it. Jumps stay jumps.
    #[must_use]
    pub fn wrap(self, message: impl Into<Cow<'static, str>>) -> Self {
        match self {
            Self::Error(error) => Self::Error(Box::new(error.wrap(Kind::Script, message))),
            jump => jump,
        }
    }

    /// As an error: jumps that nothing caught read like the reference's.
    pub fn into_error(self) -> Error {
        match self {
            Self::Error(error) => *error,
            Self::Stop => Error::new(Kind::Control, "STOP"),
            Self::Return(_) => Error::new(Kind::Control, "RETURN"),
            Self::Break => Error::new(
                Kind::Control,
                "BREAK: must be used in a one of FOR, FOREACH, FORSTEP, WHILE, UNTIL loop.",
            ),
            Self::Continue => Error::new(
                Kind::Control,
                "CONTINUE: must be used in a one of FOR, FOREACH, FORSTEP, WHILE, UNTIL loop.",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_read_from_the_outside_in() {
        let error = Error::new(Kind::Arithmetic, "/ by zero").wrap(Kind::Script, "a");
        assert_eq!(error.wrap(Kind::Script, "b").to_string(), "b (a (/ by zero))");
        assert_eq!(Error::bare(Kind::Unsupported).to_string(), "UnsupportedOperationException");
        assert!(size_of::<Fault>() <= 16);
    }

    #[test]
    fn long_messages_lose_their_middles() {
        let long = "x".repeat(200);
        let error = Error::new(Kind::Script, long).wrap(Kind::Script, "short");
        let brief = error.brief(100);
        assert_eq!(brief.chars().count(), 100);
        assert!(brief.starts_with("short (xxx") && brief.ends_with("xxx)"), "{brief}");
        assert_eq!(Error::new(Kind::Script, "a").brief(100), "a");
    }
}
