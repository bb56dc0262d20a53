//! Values as Python pickles, and back.

mod read;
mod write;

use crate::registry::{Family, word};

pub(super) static FAMILY: Family = Family {
    name: "pickle",
    words: &[
        word(
            "->PICKLE",
            write::pickle,
            "1.0.7",
            "x<ANY> ->PICKLE bytes<BYTES>",
            "A value as a Python pickle (protocol 2). A series becomes a dictionary of its name, \
             labels, attributes and columns.",
            &[("[ 1 'a' 2.5 ] ->PICKLE PICKLE->", "[[1,\"a\",2.5]]")],
        ),
        word(
            "PICKLE->",
            read::unpickle,
            "1.0.7",
            "bytes<BYTES> PICKLE-> x<ANY>",
            "The value of a Python pickle: numbers, texts, bytes, lists, tuples, sets and \
             dictionaries.",
            &[("1 PICKLE->", "!expects a byte array on top of the stack.")],
        ),
    ],
};
