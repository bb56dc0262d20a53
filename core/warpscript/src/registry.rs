//! Every word of the library, registered once: code, signatures, documentation, examples.

use std::fmt;
use std::sync::LazyLock;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use crate::error::Result;
use crate::function::Role;
use crate::machine::Machine;

/// The code of a word: takes its arguments from the stack and leaves its results there.
pub type Run = fn(&mut Machine) -> Result;

/// What happens when a word is met.
#[derive(Clone, Copy, Debug)]
pub enum Action {
    /// The word runs.
    Run(Run),
    /// The word is a function value and is pushed (`mapper.mean`).
    Push(Role),
}

/// What the machine does itself, without a call, where the values are those that are met most; the
/// word has the whole meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quick {
    No,
    Drop,
    Dup,
    Swap,
    Add,
    Subtract,
    Multiply,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Quick {
    const fn of(name: &str) -> Self {
        match name.as_bytes() {
            b"DROP" => Self::Drop,
            b"DUP" => Self::Dup,
            b"SWAP" => Self::Swap,
            b"+" => Self::Add,
            b"-" => Self::Subtract,
            b"*" => Self::Multiply,
            b"<" => Self::Less,
            b"<=" => Self::LessOrEqual,
            b">" => Self::Greater,
            b">=" => Self::GreaterOrEqual,
            _ => Self::No,
        }
    }
}

/// What a configuration must load for some words to be there (`warpscript.extensions`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extension {
    /// Words that 3.0 dropped.
    Legacy,
    /// Encrypted logs.
    Logging,
    /// Scripts that other platforms run.
    Rexec,
    /// Values that scripts share, and mutexes.
    SharedMemory,
    /// Which scripts run.
    StackPs,
    /// What URLs hold, for scripts that are authenticated.
    UrlFetch,
}

impl Extension {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Legacy,
        Self::Logging,
        Self::Rexec,
        Self::SharedMemory,
        Self::StackPs,
        Self::UrlFetch,
    ];

    /// The name by which configurations load it: the reference's class, or a key of our own.
    pub const fn class(self) -> &'static str {
        match self {
            Self::Legacy => "weft.warpscript.legacy",
            Self::Logging => "io.warp10.script.ext.logging.LoggingWarpScriptExtension",
            Self::Rexec => "io.warp10.script.ext.rexec.RexecWarpScriptExtension",
            Self::SharedMemory => "io.warp10.script.ext.shm.SharedMemoryWarpScriptExtension",
            Self::StackPs => "io.warp10.script.ext.stackps.StackPSWarpScriptExtension",
            Self::UrlFetch => "io.warp10.script.ext.urlfetch.UrlFetchWarpScriptExtension",
        }
    }
}

/// One word of the library.
#[derive(Clone, Copy)]
pub struct Word {
    /// Its name, as scripts write it.
    pub name: &'static str,
    /// What it does.
    pub action: Action,
    /// The release of Warp 10 that had it first.
    pub since: &'static str,
    /// Forms, one a line: `a<LONG> b<LONG> + sum<LONG>`; inputs bottom to top, name, outputs.
    pub signatures: &'static str,
    /// What it does, in prose.
    pub doc: &'static str,
    /// Scripts with the JSON they answer; every one of them is a test. `!text` as the answer means
    /// an error that contains the text.
    pub examples: &'static [(&'static str, &'static str)],
    /// The extension without which it is unknown.
    pub extension: Option<Extension>,
    /// The short way through the machine.
    pub(crate) quick: Quick,
}

/// Words of one topic, in one module.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    /// The topic.
    pub name: &'static str,
    /// Its words.
    pub words: &'static [Word],
}

impl fmt::Debug for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// A word that runs.
pub const fn word(
    name: &'static str,
    run: Run,
    since: &'static str,
    signatures: &'static str,
    doc: &'static str,
    examples: &'static [(&'static str, &'static str)],
) -> Word {
    Word {
        name,
        action: Action::Run(run),
        since,
        signatures,
        doc,
        examples,
        extension: None,
        quick: Quick::of(name),
    }
}

impl Word {
    /// The same word, as one of an extension.
    #[must_use]
    pub const fn of(self, extension: Extension) -> Self {
        Self { extension: Some(extension), ..self }
    }
}

/// A word that is pushed as a function value.
pub const fn function(
    name: &'static str,
    role: Role,
    since: &'static str,
    signatures: &'static str,
    doc: &'static str,
    examples: &'static [(&'static str, &'static str)],
) -> Word {
    let (action, extension, quick) = (Action::Push(role), None, Quick::No);
    Word { name, action, since, signatures, doc, examples, extension, quick }
}

static WORDS: LazyLock<IndexMap<&'static str, &'static Word, FxBuildHasher>> =
    LazyLock::new(|| {
        let words = crate::words::FAMILIES.iter().flat_map(|f| f.words);
        let registers = crate::words::variables::register_words().iter();
        words.chain(registers).map(|word| (word.name, word)).collect()
    });

/// The word of a name.
pub fn find(name: &str) -> Option<&'static Word> {
    WORDS.get(name).copied()
}

/// The names of all words.
pub fn names() -> impl ExactSizeIterator<Item = &'static str> {
    WORDS.keys().copied()
}

/// All families.
pub fn families() -> &'static [&'static Family] {
    crate::words::FAMILIES
}
