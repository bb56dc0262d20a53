//! Control flow: running macros, choosing, looping, failing, catching.

mod branch;
mod catch;
mod foreach;
mod loops;
mod run;

pub(crate) use catch::run_boxed;

use crate::error::{Fault, Result};
use crate::machine::Machine;
use crate::macros::Macro;
use crate::registry::{Family, word};
use crate::value::{Handle, Value};

pub(super) static FAMILY: Family = Family {
    name: "control",
    words: &[
        word(
            "EVAL",
            run::eval,
            "1.0.0",
            "macro<MACRO> EVAL results<ANY>\nfunction<FUNCTION> EVAL results<ANY>\n\
             script<STRING> EVAL results<ANY>",
            "Runs a macro, a function or the text of a script.",
            &[("1 <% 2 + %> EVAL", "[3]"), ("'1 2' EVAL", "[2,1]")],
        ),
        word(
            "XEVAL",
            run::xeval,
            "2.7.3",
            "script<STRING> XEVAL results<ANY>",
            "Runs the text of a script; macros in it are not secure even when it runs inside a \
             secure macro.",
            &[("'1 2' XEVAL", "[2,1]"), ("<% %> XEVAL", "!can only be applied to a STRING")],
        ),
        word(
            "RUN",
            run::run,
            "1.0.0",
            "name<STRING> RUN results<ANY>\nregister<LONG> RUN results<ANY>",
            "Runs the macro of a name, as `@name` does, or the one in a register.",
            &[("<% 7 %> 'm' STORE 'm' RUN", "[7]"), ("'none' RUN", "!Unknown macro 'none'")],
        ),
        word("NOOP", |_| Ok(()), "2.1.0", "NOOP", "Does nothing.", &[("1 NOOP", "[1]")]),
        word(
            "DEFINEDMACRO",
            run::defined_macro,
            "1.0.0",
            "name<STRING> DEFINEDMACRO known<BOOLEAN>",
            "Says whether `@name` would find a macro.",
            &[("<% %> 'm' STORE 'm' DEFINEDMACRO", "[true]"), ("'x' DEFINEDMACRO", "[false]")],
        ),
        word(
            "CHECKMACRO",
            run::defined_macro,
            "1.0.0",
            "name<STRING> CHECKMACRO",
            "Fails unless `@name` would find a macro.",
            &[("'x' CHECKMACRO", "!macro 'x' could not be loaded.")],
        ),
        word(
            "EVERY",
            run::every,
            "1.0.0",
            "macro<MACRO> delay<LONG> EVERY",
            "Runs a macro; in an interactive session, again and again with that delay in \
             milliseconds.",
            &[("<% 'tick' %> 1000 EVERY", "[\"tick\"]")],
        ),
        word(
            "IFT",
            branch::ift,
            "1.0.0",
            "condition<BOOLEAN> then<MACRO> IFT\ncondition<MACRO> then<MACRO> IFT",
            "Runs a macro if a condition holds.",
            &[("true <% 1 %> IFT", "[1]"), ("<% false %> <% 1 %> IFT", "[]")],
        ),
        word(
            "IFTE",
            branch::ifte,
            "1.0.0",
            "condition<BOOLEAN> then<MACRO> else<MACRO> IFTE\n\
             condition<MACRO> then<MACRO> else<MACRO> IFTE",
            "Runs one macro if a condition holds, another if it does not.",
            &[("false <% 1 %> <% 2 %> IFTE", "[2]")],
        ),
        word(
            "SWITCH",
            branch::switch,
            "1.0.0",
            "case1<MACRO> run1<MACRO> caseN<MACRO> runN<MACRO> default<MACRO> n<LONG> SWITCH",
            "Runs the macro behind the first case macro that leaves true, or the default.",
            &[("<% false %> <% 1 %> <% true %> <% 2 %> <% 3 %> 2 SWITCH", "[2]")],
        ),
        word(
            "FOR",
            loops::for_,
            "1.0.0",
            "from<NUMBER> to<NUMBER> macro<MACRO> FOR\n\
             from<NUMBER> to<NUMBER> macro<MACRO> pushIndex<BOOLEAN> FOR",
            "Runs a macro for each number from `from` up to and including `to`, pushing the number \
             before each round.",
            &[("0 1 4 <% + %> FOR", "[10]"), ("1 0 <% %> FOR", "[]")],
        ),
        word(
            "FORSTEP",
            loops::forstep,
            "1.0.0",
            "from<NUMBER> to<NUMBER> step<MACRO> macro<MACRO> FORSTEP\n\
             from<NUMBER> to<NUMBER> step<MACRO> macro<MACRO> pushIndex<BOOLEAN> FORSTEP",
            "Like FOR, with a macro that turns each number into the next; counts downwards when \
             `from` is the larger bound.",
            &[("1 10 <% 3 + %> <% %> FORSTEP", "[10,7,4,1]")],
        ),
        word(
            "WHILE",
            loops::while_,
            "1.0.0",
            "condition<MACRO> macro<MACRO> WHILE\n\
             condition<MACRO> macro<MACRO> pushIndex<BOOLEAN> WHILE",
            "Runs a macro as long as the condition leaves true.",
            &[("1 <% DUP 100 < %> <% 2 * %> WHILE", "[128]")],
        ),
        word(
            "UNTIL",
            loops::until,
            "1.0.0",
            "macro<MACRO> condition<MACRO> UNTIL\n\
             macro<MACRO> condition<MACRO> pushIndex<BOOLEAN> UNTIL",
            "Runs a macro until the condition leaves true; at least once.",
            &[("1 <% 2 * %> <% DUP 100 > %> UNTIL", "[128]")],
        ),
        word(
            "FOREACH",
            foreach::foreach,
            "1.0.0",
            "collection<ANY> macro<MACRO> FOREACH\n\
             collection<ANY> macro<MACRO> pushIndex<BOOLEAN> FOREACH",
            "Runs a macro for each element of a list or set, entry of a map (key, then value), \
             character of a string or point of a series or encoder (tick, latitude, longitude, \
             elevation, value).",
            &[
                ("0 [ 1 2 3 ] <% + %> FOREACH", "[6]"),
                ("'ab' <% %> true FOREACH", "[1,\"b\",0,\"a\"]"),
            ],
        ),
        word(
            "BREAK",
            |_| Err(Fault::Break),
            "1.0.0",
            "BREAK",
            "Leaves the innermost loop.",
            &[("1 3 <% DUP 2 == <% BREAK %> IFT %> FOR", "[2,1]")],
        ),
        word(
            "CONTINUE",
            |_| Err(Fault::Continue),
            "1.0.0",
            "CONTINUE",
            "Goes on with the next round of the innermost loop.",
            &[("1 3 <% CONTINUE DROP %> FOR", "[3,2,1]")],
        ),
        word(
            "STOP",
            |_| Err(Fault::Stop),
            "1.0.0",
            "STOP",
            "Ends the script.",
            &[("1 STOP 2", "[1]")],
        ),
        word(
            "RETURN",
            |_| Err(Fault::Return(1)),
            "1.0.0",
            "RETURN",
            "Leaves the macro that runs; outside of macros, ends the script.",
            &[("<% 1 RETURN 2 %> EVAL 3", "[3,1]")],
        ),
        word(
            "NRETURN",
            run::nreturn,
            "1.0.0",
            "levels<LONG> NRETURN",
            "Leaves so many macros.",
            &[("<% <% 1 2 NRETURN 2 %> EVAL 3 %> EVAL 4", "[4,1]")],
        ),
        word("FAIL", catch::fail, "1.0.0", "FAIL", "Fails.", &[("FAIL", "!FAIL failed.")]),
        word(
            "MSGFAIL",
            catch::msgfail,
            "1.0.0",
            "message<STRING> MSGFAIL",
            "Fails with a message.",
            &[("'too hot' MSGFAIL", "!MSGFAIL too hot")],
        ),
        word(
            "ASSERT",
            catch::assert,
            "1.0.0",
            "condition<BOOLEAN> ASSERT",
            "Fails if the condition is false.",
            &[("true ASSERT", "[]"), ("false ASSERT", "!ASSERT failed.")],
        ),
        word(
            "ASSERTMSG",
            catch::assertmsg,
            "2.0.0",
            "condition<BOOLEAN> message<STRING> ASSERTMSG",
            "Fails with a message if the condition is false.",
            &[("false 'x' ASSERTMSG", "!ASSERTMSG failed 'x'")],
        ),
        word(
            "TRY",
            catch::try_,
            "2.0.0",
            "try<MACRO> catch<MACRO> finally<MACRO> TRY",
            "Runs a macro; if it fails, a second one; in any case, a third. The stack is not put \
             back to what it was.",
            &[("<% FAIL %> <% 'failed' %> <% 'end' %> TRY", "[\"end\",\"failed\"]")],
        ),
        word(
            "ERROR",
            catch::error,
            "2.0.0",
            "ERROR causes<LIST>",
            "Describes the error that TRY caught last: a list of maps with type and message, the \
             error itself first, then its causes.",
            &[("<% 'x' MSGFAIL %> <% ERROR SIZE %> <% %> TRY", "[2]")],
        ),
        word(
            "RETHROW",
            catch::rethrow,
            "2.0.0",
            "RETHROW",
            "Fails again with the error that TRY caught last, if there was one.",
            &[("<% 'x' MSGFAIL %> <% RETHROW %> <% %> TRY", "!MSGFAIL x")],
        ),
        word(
            "TIMEBOX",
            catch::timebox,
            "1.0.0",
            "macro<MACRO> duration<LONG> TIMEBOX results<ANY>",
            "Runs a macro and fails when it takes longer than a duration in time units.",
            &[("<% 1 2 %> 1000000 TIMEBOX", "[2,1]")],
        ),
        word(
            "SLEEP",
            run::sleep,
            "2.5.0",
            "duration<LONG> SLEEP",
            "Waits for a duration in time units. Needs the capability `sleep.maxtime`, the longest \
             wait in milliseconds.",
            &[("1 SLEEP", "!requires capability sleep.maxtime")],
        ),
    ],
};

/// What a loop takes from the top: a macro, and above it perhaps whether to push the index.
fn macro_and_flag(vm: &mut Machine, default: bool) -> Result<(Value, bool)> {
    match vm.pop()? {
        Value::Boolean(flag) => Ok((vm.pop()?, flag)),
        body => Ok((body, default)),
    }
}

fn as_macro(value: Value) -> Option<Handle<Macro>> {
    match value {
        Value::Macro(body) => Some(body),
        _ => None,
    }
}
