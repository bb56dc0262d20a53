//! Words that releases before 3.0 had and that scripts may still use.

use crate::error::{Fault, Result};
use crate::machine::Machine;
use crate::registry::{Extension, Family, word};
use crate::tokens;
use crate::words::operators::bits;

pub(super) static FAMILY: Family = Family {
    name: "legacy",
    words: &[
        word(
            "TOBITS",
            bits::double_bits,
            "1.0.0",
            "x<NUMBER> TOBITS bits<LONG>\ngts<GTS> TOBITS bits<GTS>",
            "The bits of a DOUBLE, as a LONG: what ->DOUBLEBITS was called.",
            &[("1.0 TOBITS", "[4607182418800017408]")],
        ),
        word(
            "FROMBITS",
            bits::bits_double,
            "1.0.0",
            "bits<LONG> FROMBITS x<DOUBLE>\nbits<GTS> FROMBITS gts<GTS>",
            "The DOUBLE that has these bits: what DOUBLEBITS-> was called.",
            &[("4607182418800017408 FROMBITS", "[1.0]")],
        ),
        word(
            "DOCMODE",
            |vm| {
                vm.settings.doc = !vm.settings.doc;
                Ok(())
            },
            "1.0.0",
            "DOCMODE",
            "Switches the mode in which DOC ends the script.",
            &[("DOCMODE 'about' DOC 2", "[\"about\"]")],
        ),
        word(
            "DOC",
            doc,
            "1.0.0",
            "text<STRING> DOC",
            "Describes a macro: in the mode of DOCMODE the script ends with the text, otherwise \
             nothing happens.",
            &[("'about' DOC 2", "[2]"), ("1 DOC", "!expects a documentation string")],
        ),
        word(
            "AUTHENTICATE",
            authenticate,
            "1.0.0",
            "token<STRING> AUTHENTICATE",
            "Says who runs the script, once, by a read token.",
            &[("'x' AUTHENTICATE", "!given an invalid read token.")],
        ),
        word(
            "ISAUTHENTICATED",
            |vm| vm.push(vm.settings.authenticated),
            "1.2.10",
            "ISAUTHENTICATED known<BOOLEAN>",
            "Whether AUTHENTICATE was called.",
            &[("ISAUTHENTICATED", "[false]")],
        ),
        word(
            "MACROCONFIGSECRET",
            |vm| Err(vm.error("cannot be used if macroconfig secret was not configured.")),
            "2.1.0",
            "new<STRING> old<STRING> MACROCONFIGSECRET",
            "Changes the secret of SETMACROCONFIG. There is none any more: a capability stands in \
             its place.",
            &[("'a' 'b' MACROCONFIGSECRET", "!cannot be used")],
        ),
        word(
            "UNIXTIMEALIGN",
            |vm| {
                let tick = vm.pop_long("expects a Unix timestamp on top of the stack.")?;
                vm.push(tick)
            },
            "1.0.0",
            "tick<LONG> UNIXTIMEALIGN tick<LONG>",
            "The end of the row of the store that has a tick. Rows have one tick.",
            &[("7 UNIXTIMEALIGN", "[7]"), ("'a' UNIXTIMEALIGN", "!expects a Unix timestamp")],
        )
        .of(Extension::Legacy),
        word(
            "UNIXTIMEEND",
            |vm| vm.push(i64::MAX),
            "1.0.0",
            "UNIXTIMEEND tick<LONG>",
            "The last tick that there can be: what is called MAXLONG.",
            &[("UNIXTIMEEND MAXLONG ==", "[true]")],
        )
        .of(Extension::Legacy),
        word(
            "UDF",
            udf,
            "1.0.0",
            "class<STRING> UDF",
            "Runs a function of a Java archive. This platform has none.",
            &[("'a.B' UDF", "!Class 'a.B' was not found in any of the current jars.")],
        ),
        word(
            "CUDF",
            udf,
            "1.0.0",
            "class<STRING> CUDF",
            "UDF that keeps the function for the next call.",
            &[("1 CUDF", "!expects UDF class name to be a string.")],
        ),
    ],
};

fn doc(vm: &mut Machine) -> Result {
    let text = vm.pop_text("expects a documentation string on top of the stack.")?;
    if !vm.settings.doc {
        return Ok(());
    }
    vm.push_string(text)?;
    Err(Fault::Stop)
}

fn authenticate(vm: &mut Machine) -> Result {
    if vm.settings.authenticated {
        return Err(Fault::text("Stack is already authenticated."));
    }
    let token = vm.pop_text("expects a string on top of the stack.")?;
    let token = tokens::read(vm, &token).map_err(|error| {
        Fault::text(error.to_string())
            .wrap(format!("{} given an invalid read token.", vm.word.name))
    })?;
    if token.attributes.is_some_and(|attributes| attributes.contains(".noauth")) {
        return Err(vm.error("given a read token which cannot be used for authentication."));
    }
    vm.settings.authenticated = true;
    Ok(())
}

fn udf(vm: &mut Machine) -> Result {
    let class = vm.pop_text("expects UDF class name to be a string.")?;
    Err(Fault::text(format!("Class '{class}' was not found in any of the current jars.")))
}
