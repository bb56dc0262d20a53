//! How a script is run and answered: output, debugging, sections, audits.

use crate::error::{Fault, Result};
use crate::heap::Map;
use crate::interactive::Interactive;
use crate::machine::{Flow, Machine, Place, Task};
use crate::parser::Source;
use crate::registry::{Family, word};
use crate::value::Value;
use crate::words::{counters, snapshot};

pub(super) static FAMILY: Family = Family {
    name: "session",
    words: &[
        word(
            "JSONSTRICT",
            |vm| set(vm, |vm| vm.settings.json_strict = true),
            "1.0.0",
            "JSONSTRICT",
            "Makes JSON show NaN and infinities as texts.",
            &[("JSONSTRICT NaN", "[\"NaN\"]")],
        ),
        word(
            "JSONLOOSE",
            |vm| set(vm, |vm| vm.settings.json_strict = false),
            "1.0.0",
            "JSONLOOSE",
            "Makes JSON show NaN and infinities bare, which is what it does from the start.",
            &[("JSONSTRICT JSONLOOSE NaN", "[NaN]")],
        ),
        word(
            "JSONPRETTY",
            |vm| set(vm, |vm| vm.settings.json_pretty = true),
            "2.8.0",
            "JSONPRETTY",
            "Makes JSON easy to read.",
            &[("JSONPRETTY [ 1 2 ]", "[[ 1, 2 ]]")],
        ),
        word(
            "JSONCOMPACT",
            |vm| set(vm, |vm| vm.settings.json_pretty = false),
            "2.8.0",
            "JSONCOMPACT",
            "Makes JSON short, which is what it is from the start.",
            &[("JSONPRETTY JSONCOMPACT [ 1 2 ]", "[[1,2]]")],
        ),
        word(
            "JSONSTACK",
            |vm| interactive(vm, |session| session.json = true),
            "2.0.0",
            "JSONSTACK",
            "Makes interactive sessions show the stack as JSON. Does nothing elsewhere.",
            &[("1 JSONSTACK", "[1]")],
        ),
        word(
            "WSSTACK",
            |vm| interactive(vm, |session| session.json = false),
            "2.0.0",
            "WSSTACK",
            "Makes interactive sessions show the stack as a script. Does nothing elsewhere.",
            &[("1 WSSTACK", "[1]")],
        ),
        word(
            "ECHOON",
            echo_on,
            "2.0.0",
            "levels<NUMBER> ECHOON",
            "Makes interactive sessions show so many levels after each line. Does nothing elsewhere.",
            &[("1 2 ECHOON", "[1]")],
        ),
        word(
            "ECHOOFF",
            |vm| interactive(vm, |session| session.echo = None),
            "2.0.0",
            "ECHOOFF",
            "Ends ECHOON.",
            &[("1 ECHOOFF", "[1]")],
        ),
        word(
            "TIMEON",
            |vm| interactive(vm, |session| session.times = true),
            "2.0.0",
            "TIMEON",
            "Makes interactive sessions show how long each line took. Does nothing elsewhere.",
            &[("1 TIMEON", "[1]")],
        ),
        word(
            "TIMEOFF",
            |vm| interactive(vm, |session| session.times = false),
            "2.0.0",
            "TIMEOFF",
            "Ends TIMEON.",
            &[("1 TIMEOFF", "[1]")],
        ),
        word(
            "TIMINGS",
            |vm| set(vm, |vm| vm.settings.timings = true),
            "1.0.0",
            "TIMINGS",
            "Notes from here on how long each line takes, for ELAPSED.",
            &[("TIMINGS", "[]")],
        ),
        word(
            "NOTIMINGS",
            |vm| set(vm, |vm| vm.settings.timings = false),
            "1.0.0",
            "NOTIMINGS",
            "Ends TIMINGS.",
            &[("NOTIMINGS", "[]")],
        ),
        word(
            "ELAPSED",
            elapsed,
            "1.0.0",
            "ELAPSED times<LIST>",
            "How long each line took since TIMINGS, in nanoseconds.",
            &[("ELAPSED", "[[]]")],
        ),
        word(
            "DEBUGON",
            |vm| set(vm, |vm| vm.settings.debug_depth = i32::MAX.into()),
            "1.0.0",
            "DEBUGON",
            "Makes a failing script answer with its stack.",
            &[("1 DEBUGON", "[1]")],
        ),
        word(
            "NDEBUGON",
            |vm| {
                let depth = vm.pop_number("expects a number as parameter.")?;
                vm.settings.debug_depth = (depth as i32).into();
                Ok(())
            },
            "1.0.0",
            "levels<NUMBER> NDEBUGON",
            "Makes a failing script answer with the topmost levels of its stack.",
            &[("1 3 NDEBUGON", "[1]"), ("'a' NDEBUGON", "!expects a number as parameter.")],
        ),
        word(
            "DEBUGOFF",
            |vm| set(vm, |vm| vm.settings.debug_depth = 0),
            "1.0.0",
            "DEBUGOFF",
            "Ends DEBUGON and NDEBUGON.",
            &[("1 DEBUGOFF", "[1]")],
        ),
        word(
            "LINEON",
            |vm| set(vm, |vm| vm.settings.line_sections = true),
            "1.2.15",
            "LINEON",
            "Makes every line from here on a section of its own, so that errors tell the line.",
            &[("LINEON\nGETSECTION", "[\"[Line #2]\"]")],
        ),
        word(
            "LINEOFF",
            |vm| set(vm, |vm| vm.settings.line_sections = false),
            "1.2.15",
            "LINEOFF",
            "Ends LINEON.",
            &[("LINEOFF", "[]")],
        ),
        word(
            "SECTION",
            section,
            "1.2.6",
            "name<STRING> SECTION",
            "Names the part of the script that follows, for error messages. At the end of a macro \
             the name goes back to what it was.",
            &[("'a' SECTION GETSECTION", "[\"a\"]"), ("1 SECTION", "!expected a section name")],
        ),
        word(
            "GETSECTION",
            |vm| {
                let name = vm.symbols.name(vm.section).clone();
                vm.push_string(name)
            },
            "1.2.6",
            "GETSECTION name<STRING>",
            "The name of the section that runs.",
            &[("GETSECTION", "[\"[TOP]\"]")],
        ),
        word(
            "STMTPOS",
            |vm| {
                vm.settings.positions = vm.pop_boolean("expects a BOOLEAN.")?;
                Ok(())
            },
            "3.2.0",
            "flag<BOOLEAN> STMTPOS",
            "Makes statements that are read from here on remember where they stand, for error \
             messages and STACKATTRIBUTE.",
            &[("true STMTPOS", "[]"), ("1 STMTPOS", "!expects a BOOLEAN.")],
        ),
        word(
            "WSAUDITMODE",
            |vm| {
                vm.settings.audit = Some(Vec::new());
                vm.parse.auditing = true;
                Ok(())
            },
            "3.0.0",
            "WSAUDITMODE",
            "Makes mistakes in the macro that follows be noted for WSAUDIT instead of failing. The \
             macro fails where they are when it runs.",
            &[("WSAUDITMODE <% NOPE %> DROP WSAUDIT SIZE", "[1]")],
        ),
        word(
            "WSAUDIT",
            audit,
            "3.0.0",
            "WSAUDIT mistakes<LIST>",
            "The mistakes that WSAUDITMODE found: maps of type, line, positions and statement.",
            &[("WSAUDIT", "[[]]")],
        ),
        word(
            "INFOMODE",
            |vm| set(vm, |vm| vm.settings.info = !vm.settings.info),
            "1.2.14",
            "INFOMODE",
            "Switches the mode in which INFO ends the script.",
            &[("INFOMODE { 'a' 1 } INFO 2", "[{\"a\":1}]")],
        ),
        word(
            "INFO",
            info,
            "1.2.14",
            "description<MAP> INFO",
            "Describes a macro: in the mode of INFOMODE the script ends with the map, otherwise \
             nothing happens.",
            &[("{ 'a' 1 } INFO 2", "[2]"), ("1 INFO", "!expects an info map")],
        ),
        word(
            "STACKATTRIBUTE",
            attribute,
            "1.0.0",
            "name<STRING> STACKATTRIBUTE value<ANY>",
            "A setting of the running script, NULL when there is none of that name.",
            &[("'debug.depth' STACKATTRIBUTE", "[0]"), ("'x' STACKATTRIBUTE", "[null]")],
        ),
        word(
            "HEADER",
            header,
            "1.0.14",
            "name<STRING> value<ANY> HEADER",
            "Sets a header of the answer; its name must start with `X-`. NULL removes it.",
            &[("'X-A' 'b' HEADER", "[]"), ("'A' 'b' HEADER", "!only headers beginning with 'X-'")],
        ),
        word(
            "LOGMSG",
            |vm| vm.pop().map(|_| ()),
            "1.2.5",
            "message<ANY> LOGMSG",
            "Logs a message where the platform keeps a log for scripts.",
            &[("1 'a' LOGMSG", "[1]")],
        ),
        word(
            "LOGINIT",
            |_| Ok(()),
            "3.0.0",
            "LOGINIT",
            "Sets logging up again where the platform allows it.",
            &[("LOGINIT", "[]")],
        ),
        word(
            "NOLOG",
            |_| Ok(()),
            "1.2.18",
            "NOLOG",
            "Ends logging where the platform allows it.",
            &[("NOLOG", "[]")],
        ),
        word(
            "STDOUT",
            |vm| vm.pop().map(|_| ()),
            "1.2.5",
            "message<ANY> STDOUT",
            "Writes to the output of the platform where that allows it.",
            &[("1 'a' STDOUT", "[1]")],
        ),
        word(
            "STDERR",
            |vm| vm.pop().map(|_| ()),
            "1.2.5",
            "message<ANY> STDERR",
            "Writes to the error output of the platform where that allows it.",
            &[("1 'a' STDERR", "[1]")],
        ),
    ],
};

fn set(vm: &mut Machine, change: fn(&mut Machine)) -> Result {
    change(vm);
    Ok(())
}

/// Changes how a session shows values; elsewhere nothing.
fn interactive(vm: &mut Machine, change: fn(&mut Interactive)) -> Result {
    if let Some(session) = &mut vm.settings.interactive {
        change(session);
    }
    Ok(())
}

fn echo_on(vm: &mut Machine) -> Result {
    match vm.pop()?.as_f64() {
        Some(levels) => {
            if let Some(session) = &mut vm.settings.interactive {
                session.echo = Some(levels as i32);
            }
            Ok(())
        }
        None => Err(Fault::kind(crate::error::Kind::Cast, "Not a number.")),
    }
}

fn elapsed(vm: &mut Machine) -> Result {
    let times = vm.settings.elapsed.iter().map(|t| Value::Long(*t)).collect();
    vm.push_list(times)
}

fn section(vm: &mut Machine) -> Result {
    let name = vm.pop_text("expected a section name as a string.")?;
    vm.section = vm.intern(&name)?;
    Ok(())
}

fn audit(vm: &mut Machine) -> Result {
    let findings = vm.settings.audit.clone().unwrap_or_default();
    vm.charge(findings.len() * 16);
    let mut list = Vec::with_capacity(findings.len());
    for finding in findings {
        let mut map = Map::default();
        let kind = vm.heap.string(finding.kind)?;
        let text = vm.heap.string(finding.text)?;
        let fields = [
            ("type", kind),
            ("line", Value::Long(-1)),
            ("position", Value::Long(finding.start as i64)),
            ("position.end", Value::Long(finding.end as i64)),
            ("statement", text),
        ];
        for (name, value) in fields {
            map.entries.insert(vm.heap.text_key(name)?, value);
        }
        list.push(Value::Map(vm.heap.alloc_map(map)?));
    }
    vm.push_list(list)
}

/// Leaves a description and ends the script.
struct Describe {
    script: Option<String>,
}

fn info(vm: &mut Machine) -> Result {
    let map = vm.pop_map("expects an info map on top of the stack.")?;
    if !vm.settings.info {
        return Ok(());
    }
    let script = Some(snapshot::script(vm, Value::Map(map))?);
    vm.push_task(Describe { script })
}

impl Task for Describe {
    fn resume(&mut self, vm: &mut Machine) -> Result<Flow> {
        let Some(script) = self.script.take() else {
            return Err(Fault::Stop);
        };
        let before = std::mem::replace(&mut vm.settings.in_xeval, true);
        vm.push_task(Source::evaluated(script.into(), Some(before)))?;
        Ok(Flow::Again)
    }
}

fn header(vm: &mut Machine) -> Result {
    let value = vm.pop()?;
    let name = vm.pop_text("expects a header name (a string) below the header value.")?;
    if value.is_null() {
        vm.settings.headers.retain(|(n, _)| *n != name);
        return Ok(());
    }
    let value = crate::text::to_text(vm, value)?;
    if !name.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("X-")) {
        return Err(vm.error("only headers beginning with 'X-' can be set."));
    }
    vm.heap.book(name.len() + value.len() + 64)?;
    vm.settings.headers.retain(|(n, _)| *n != name);
    vm.settings.headers.push((name, value.into()));
    Ok(())
}

/// Limits by the names of attributes: in force, or with `.hard` the highest.
fn limit(vm: &Machine, name: &str) -> Option<i64> {
    let (name, limits) = match name.strip_suffix(".hard") {
        Some(name) => (name, &vm.config.hard),
        None => (name, &vm.limits),
    };
    Some(match name {
        "fetch.limit" => limits.fetch,
        "gts.limit" => limits.gts,
        "json.size.max" => limits.json,
        "loop.maxduration" => limits.loop_ms,
        "recursion.maxdepth" => limits.recursion,
        "stack.maxdepth" => limits.depth,
        "stack.maxops" => limits.ops,
        "stack.maxpixels" => limits.pixels,
        "stack.maxbuckets" => limits.buckets,
        "stack.maxgeocells" => limits.geocells,
        "stack.symbols" => limits.symbols,
        _ => return None,
    })
}

fn attribute(vm: &mut Machine) -> Result {
    let name = vm.pop_text("expects a string as the attribute key.")?;
    if let Some(limit) = limit(vm, &name) {
        return vm.push(limit);
    }
    let when = |set: bool| if set { Value::Boolean(true) } else { Value::Null };
    let settings = &vm.settings;
    let value = match &*name {
        "debug.depth" => Value::Long(settings.debug_depth),
        "json.strict" => Value::Boolean(settings.json_strict),
        "json.pretty" => when(settings.json_pretty),
        "timings" => when(settings.timings),
        "lineno" => when(settings.line_sections),
        "infomode" => when(settings.info),
        "in.xeval" => when(settings.in_xeval),
        "in.secure.macro" => Value::Boolean(vm.in_secure),
        "allow.redefined" if !settings.allow_redefined => Value::Boolean(false),
        "stack.ops" => Value::Long(vm.ops),
        "macro.ttl" => settings.macro_ttl.map_or(Value::Null, Value::Long),
        "runner.reschedule.period" => settings.rerun_in.map_or(Value::Null, Value::Long),
        "runner.reschedule.timestamp" => settings.rerun_at.map_or(Value::Null, Value::Long),
        "fetch.count" => counters::new(vm, settings.fetched)?,
        "gts.count" => counters::new(vm, settings.fetched_series)?,
        "elapsed" => return elapsed(vm),
        _ => return text_attribute(vm, &name),
    };
    vm.push(value)
}

/// Attributes that are texts or maps of them.
fn text_attribute(vm: &mut Machine, name: &str) -> Result {
    let place = |place: Option<Place>| place.map(|(start, end)| format!("-1:{start}:{end}"));
    let text: Option<String> = match name {
        "section.name" => Some(vm.symbols.name(vm.section).to_string()),
        "macro.name" => vm.macro_name.map(|n| vm.symbols.name(n).to_string()),
        "secure.key" => vm.settings.secure_key.as_deref().map(str::to_owned),
        // Inside a macro the statement before this one.
        "last.stmtpos" => place(vm.place_before().or(vm.settings.last_position)),
        "last.errorpos" => place(vm.settings.last_failure),
        "import.rules" if !vm.settings.imports.is_empty() => {
            let pairs = vm.settings.imports.clone();
            return push_texts(vm, &pairs);
        }
        "response.headers" if !vm.settings.headers.is_empty() => {
            let pairs = vm.settings.headers.clone();
            return push_texts(vm, &pairs);
        }
        _ => None,
    };
    match text {
        Some(text) => vm.push_string(text),
        None => vm.push(Value::Null),
    }
}

fn push_texts(vm: &mut Machine, pairs: &[(crate::heap::Text, crate::heap::Text)]) -> Result {
    let mut map = Map::default();
    for (name, value) in pairs {
        let value = vm.heap.string(value.clone())?;
        map.entries.insert(vm.heap.text_key(name)?, value);
    }
    vm.push_map(map)
}
