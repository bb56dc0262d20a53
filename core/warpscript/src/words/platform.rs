//! What a script can learn from the platform and set on it.

use fancy_regex::Regex;
use weft_wire::opb64;

use crate::error::Result;
use crate::heap::Text;
use crate::machine::Machine;
use crate::registry::{self, Family, word};
use crate::value::Value;
use crate::words::{call, capabilities};

pub(super) static FAMILY: Family = Family {
    name: "platform",
    words: &[
        word(
            "REV",
            |vm| vm.push_string(REVISION),
            "1.0.0",
            "REV revision<STRING>",
            "The release whose scripts the platform runs.",
            &[("REV MINREV", "[true]")],
        ),
        word(
            "MINREV",
            check_revision,
            "1.2.23",
            "revision<STRING> MINREV fits<BOOLEAN>",
            "Whether the platform is of a release or a newer one. `2.7` is met by any 2.7.x.",
            &[
                ("'2.7' MINREV", "[true]"),
                ("'4' MINREV", "[false]"),
                ("'x' MINREV", "!to be of the form"),
            ],
        ),
        word(
            "MAXREV",
            check_revision,
            "3.0.0",
            "revision<STRING> MAXREV fits<BOOLEAN>",
            "Whether the platform is of a release or an older one.",
            &[("'3' MAXREV", "[true]"), ("'2' MAXREV", "[false]")],
        ),
        word(
            "IDENT",
            |vm| match vm.config.ident.clone() {
                Some(ident) => vm.push_string(ident),
                None => vm.push(Value::Null),
            },
            "1.0.0",
            "IDENT name<STRING>",
            "The name of the instance, NULL when it has none.",
            &[("IDENT", "[null]")],
        ),
        word(
            "STU",
            |vm| vm.push(vm.config.time_unit.per_ms() * 1000),
            "1.0.0",
            "STU units<LONG>",
            "How many time units a second has.",
            &[("STU", "[1000000]")],
        ),
        word(
            "MSTU",
            |vm| vm.push(vm.config.time_unit.per_ms()),
            "1.0.0",
            "MSTU units<LONG>",
            "How many time units a millisecond has.",
            &[("MSTU", "[1000]")],
        ),
        word(
            "RTFM",
            |vm| vm.push_string(HOME),
            "1.0.7",
            "RTFM address<STRING>",
            "Where the language is documented.",
            &[("RTFM", "[\"http://www.warp10.io/\"]")],
        ),
        word(
            "MAN",
            manual,
            "1.2.18",
            "name<STRING> MAN address<STRING>",
            "Where a word is documented.",
            &[
                ("'DUP' MAN", "[\"http://www.warp10.io/doc/DUP\"]"),
                ("MAN", "[\"http://www.warp10.io/\"]"),
            ],
        ),
        word(
            "FUNCTIONS",
            functions,
            "1.2.16",
            "FUNCTIONS names<LIST>",
            "The names of all words. Needs the capability `inventory`.",
            &[("FUNCTIONS", "!missing capability 'inventory'")],
        ),
        word(
            "EXTLOADED",
            |vm| {
                let class = vm.pop_text("expects a String extension name.")?;
                vm.push(vm.config.extensions.iter().any(|loaded| **loaded == *class))
            },
            "1.2.13",
            "name<STRING> EXTLOADED loaded<BOOLEAN>",
            "Whether an extension is loaded, by the name of its class.",
            &[("'x' EXTLOADED", "[false]"), ("1 EXTLOADED", "!expects a String")],
        ),
        word(
            "IMPORT",
            import,
            "2.0.3",
            "prefix<STRING> alias<STRING> IMPORT",
            "Makes names of macros that start with the alias mean those that start with the prefix. \
             The longest alias wins; NULL as the prefix removes an alias.",
            &[("<% 7 %> 'lib/v1/m' STORE 'lib/v1/' 'l/' IMPORT @l/m", "[7]")],
        ),
        word(
            "MACROCONFIG",
            macro_config,
            "2.1.0",
            "key<STRING> MACROCONFIG value<STRING>",
            "A configuration value of the named macro that runs: `key@path/of/macro`, or of one of \
             the folders that it is in.",
            &[("'k' MACROCONFIG", "!can only be used from named macro.")],
        ),
        word(
            "MACROCONFIGDEFAULT",
            macro_config,
            "2.1.0",
            "key<STRING> default<ANY> MACROCONFIGDEFAULT value<STRING>",
            "MACROCONFIG with a value for when there is none.",
            &[("'k' 'd' MACROCONFIGDEFAULT", "!can only be used from named macro.")],
        ),
        word(
            "SETMACROCONFIG",
            set_macro_config,
            "2.1.0",
            "value<ANY> key<STRING> SETMACROCONFIG",
            "Sets what MACROCONFIG reads, for this script. Needs the capability `setmacroconfig`, \
             an expression that the key must match.",
            &[("'v' 'k@m' SETMACROCONFIG", "!missing capability.")],
        ),
        word(
            "MACROTTL",
            |vm| {
                let ttl = vm.pop_long("expects a ttl on top of the stack.")?;
                vm.settings.macro_ttl = Some(ttl / vm.config.time_unit.per_ms());
                Ok(())
            },
            "1.2.13",
            "span<LONG> MACROTTL",
            "Says how long the macro of a repository may be kept before it is loaded again.",
            &[("1 60000000 MACROTTL", "[1]"), ("'a' MACROTTL", "!expects a ttl")],
        ),
        word(
            "WF.GETREPOS",
            get_repositories,
            "2.0.3",
            "WF.GETREPOS addresses<LIST>",
            "Where macros are looked up. Needs the capability `wfget`, without which the list is empty.",
            &[("WF.GETREPOS", "[[]]")],
        ),
        word(
            "WF.SETREPOS",
            set_repositories,
            "2.0.3",
            "addresses<LIST> WF.SETREPOS",
            "Sets where macros are looked up; NULL goes back to the configuration. Needs the \
             capability `wfset`.",
            &[("NULL WF.SETREPOS", "!expects the capability 'wfset' to be set.")],
        ),
        word(
            "WF.ADDREPO",
            add_repository,
            "2.0.3",
            "address<STRING> WF.ADDREPO",
            "Adds a place where macros are looked up. Needs the capability `wfset`.",
            &[("'x' WF.ADDREPO", "!expects the capability 'wfset' to be set.")],
        ),
        word(
            "WFON",
            |_| Ok(()),
            "2.1.0",
            "WFON",
            "Lets macros be looked up in remote repositories.",
            &[("1 WFON", "[1]")],
        ),
        word(
            "WFOFF",
            |_| Ok(()),
            "2.1.0",
            "WFOFF",
            "Keeps macros from being looked up in remote repositories.",
            &[("1 WFOFF", "[1]")],
        ),
        word(
            "RUNNERNONCE",
            |vm| {
                vm.pop_text("expects a String.")?;
                vm.push(Value::Null)
            },
            "1.2.6",
            "nonce<STRING> RUNNERNONCE instant<LONG>",
            "When a runner made a nonce; NULL on a platform without the key of runners.",
            &[("'abc' RUNNERNONCE", "[null]"), ("1 RUNNERNONCE", "!expects a String.")],
        ),
        word(
            "RUNNERAT",
            runner,
            "2.11.0",
            "instant<LONG> RUNNERAT",
            "Has the runner run the script again at an instant. Needs the capability \
             `runner.reschedule.min.period`.",
            &[("0 RUNNERAT", "!requires capability runner.reschedule.min.period.")],
        ),
        word(
            "RUNNERIN",
            runner,
            "2.11.0",
            "span<LONG> RUNNERIN",
            "Has the runner run the script again after a span. Needs the capability \
             `runner.reschedule.min.period`, the shortest span in milliseconds.",
            &[("0 RUNNERIN", "!requires capability runner.reschedule.min.period.")],
        ),
        word(
            "CALL",
            call::call,
            "1.0.7",
            "argument<STRING> program<STRING> CALL result<STRING>",
            "Has a program of the folder `warpscript.call.directory` answer a text. A program says on \
             its first line of output how many of it may run, then answers each line with one, both \
             URL-encoded; a line that begins with a space is an error. Waits for one that is free as \
             long as `warpscript.call.maxwait` or the capability `call.maxwait` says, milliseconds.",
            &[("'a' 'b' CALL", "!CALL disabled.")],
        ),
        word(
            "BOOTSTRAP",
            |_| Ok(()),
            "1.0.0",
            "BOOTSTRAP",
            "Does nothing.",
            &[("1 BOOTSTRAP", "[1]")],
        ),
        word(
            "SAFECOMPILE",
            |_| Ok(()),
            "1.2.22",
            "macro<MACRO> SAFECOMPILE macro<MACRO>",
            "Does nothing: macros are compiled when they are read.",
            &[("<% 1 %> SAFECOMPILE EVAL", "[1]")],
        ),
        word(
            "COMPILE",
            |vm| Err(vm.error("Not supported.")),
            "1.2.22",
            "macro<MACRO> COMPILE",
            "Fails: macros are compiled when they are read.",
            &[("<% 1 %> COMPILE", "!COMPILE Not supported.")],
        ),
        word(
            "COMPILED",
            |vm| Err(vm.error("Not supported.")),
            "1.2.22",
            "macro<MACRO> COMPILED",
            "Fails: macros are compiled when they are read.",
            &[("<% 1 %> COMPILED", "!COMPILED Not supported.")],
        ),
    ],
};

/// The release whose scripts run here.
pub(super) const REVISION: &str = "3.5.0";

/// Where the language is documented.
const HOME: &str = "http://www.warp10.io/";

fn numbers(text: &str) -> Option<Vec<i32>> {
    let plain = text.split('-').next().unwrap_or_default();
    // As Java splits: what is empty at the end does not count.
    let parts: Vec<&str> = plain.trim_end_matches('.').split('.').collect();
    parts.iter().map(|part| part.parse().ok()).collect()
}

fn check_revision(vm: &mut Machine) -> Result {
    let text = vm.pop_text("expects a revision string on top of the stack.")?;
    let given = numbers(&text).ok_or_else(|| {
        vm.error(
            "expects the given revision to be of the form 'X', 'X.Y' or 'X.Y.Z'. X, Y and Z are \
             integers.",
        )
    })?;
    let current = numbers(REVISION).unwrap_or_default();
    let pairs = current.iter().zip(&given);
    let mut order =
        pairs.map(|(a, b)| a.cmp(b)).find(|o| o.is_ne()).unwrap_or(std::cmp::Ordering::Equal);
    if order.is_eq() && given.len() > current.len() {
        order = std::cmp::Ordering::Less;
    }
    vm.push(if vm.word.name == "MINREV" { order.is_ge() } else { order.is_le() })
}

fn manual(vm: &mut Machine) -> Result {
    let name = match vm.depth() {
        0 => None,
        _ => {
            let top = vm.pop()?;
            vm.as_text(top).cloned()
        }
    };
    let Some(name) = name else {
        return vm.push_string(HOME);
    };
    if !registry::find(&name).is_some_and(|word| vm.config.has(word)) {
        return vm.push_string(format!("Unknown function name, please check {HOME}"));
    }
    let special = name.contains(|c| "!%&()*+/<=>[]^{|}~".contains(c))
        || matches!(&*name, "-" | "pi" | "PI" | "e" | "E" | "Pfilter");
    let page = if special { opb64::encode(name.as_bytes()) } else { name.to_string() };
    vm.push_string(format!("{HOME}doc/{page}"))
}

fn functions(vm: &mut Machine) -> Result {
    if capabilities::get(vm, "inventory").is_none() {
        return Err(vm.error("missing capability 'inventory'."));
    }
    let mut names = Vec::new();
    let words = registry::names().filter_map(registry::find);
    let config = std::sync::Arc::clone(&vm.config);
    for name in words.filter(|word| config.has(word)).map(|word| word.name) {
        names.push(vm.heap.string(name)?);
    }
    vm.charge(names.len() * 4);
    vm.push_list(names)
}

fn import(vm: &mut Machine) -> Result {
    let message = "expects an alias for the imported namespace on top of the stack.";
    let alias = vm.pop_text(message)?;
    let prefix = match vm.pop()? {
        Value::Null => None,
        Value::String(text) => Some(Text::clone(vm.heap.text(text))),
        _ => {
            let message = "expects the name of the imported namespace or null below its alias.";
            return Err(vm.error(message));
        }
    };
    let rules = &mut vm.settings.imports;
    rules.retain(|(a, _)| *a != alias);
    if let Some(prefix) = prefix {
        // Longest first: the first that fits wins.
        let place = rules.partition_point(|(a, _)| a.len() >= alias.len());
        let bytes = alias.len() + prefix.len() + 64;
        rules.insert(place, (alias, prefix));
        vm.heap.book(bytes)?;
    }
    Ok(())
}

/// A value of the configuration, as the script sees it.
fn property(vm: &Machine, key: &str) -> Option<Text> {
    if let Some(own) = vm.settings.macro_config.get(key) {
        return own.clone();
    }
    let found = vm.config.properties.iter().rev().find(|(name, _)| name == key);
    found.map(|(_, value)| value.as_str().into())
}

fn macro_config(vm: &mut Machine) -> Result {
    let Some(name) = vm.macro_name else {
        return Err(vm.error("can only be used from named macro."));
    };
    let name = Text::clone(vm.symbols.name(name));
    let has_default = vm.word.name == "MACROCONFIGDEFAULT";
    let default = match has_default {
        true => match vm.pop()? {
            Value::Null => Value::Null,
            value => {
                let text = crate::text::to_text(vm, value)?;
                vm.heap.string(text)?
            }
        },
        false => Value::Null,
    };
    let key = vm.pop_text("expects a macro configuration key name.")?;
    let key = key.trim_matches(|c| c <= ' ');
    let mut tried = String::new();
    let mut path = &*name;
    loop {
        let full = format!("{key}@{path}");
        if let Some(value) = property(vm, &full) {
            return vm.push_string(value);
        }
        tried.push_str(&format!(" '{full}'"));
        match path.rfind('/') {
            Some(end) => path = &path[..end],
            None => break,
        }
    }
    if has_default {
        return vm.push(default);
    }
    Err(vm.error(&format!("macro configuration '{key}' not found, need to set one of [{tried} ].")))
}

fn set_macro_config(vm: &mut Machine) -> Result {
    let Some(capability) = capabilities::get(vm, "setmacroconfig") else {
        return Err(vm.error("missing capability."));
    };
    let key = vm.pop_text("expects the configuration key to be a STRING.")?;
    if !key.contains('@') {
        let message = "expects the configuration key to adhere to the format name@scope.";
        return Err(vm.error(message));
    }
    let allowed = Regex::new(&format!("^(?:{capability})$")).ok();
    if !allowed.is_some_and(|regex| regex.is_match(&*key).unwrap_or(false)) {
        return Err(vm.error("key is not modifiable using the current capability."));
    }
    let value: Option<Text> = match vm.pop()? {
        Value::Null => None,
        value => Some(crate::text::to_text(vm, value)?.into()),
    };
    vm.heap.book(key.len() + value.as_deref().map_or(0, str::len) + 64)?;
    vm.settings.macro_config.insert(key, value);
    Ok(())
}

fn get_repositories(vm: &mut Machine) -> Result {
    let known = match capabilities::get(vm, "wfget") {
        Some(_) => vm.settings.repositories.clone().unwrap_or_default(),
        None => Vec::new(),
    };
    let mut list = Vec::with_capacity(known.len());
    for address in known {
        list.push(vm.heap.string(address)?);
    }
    vm.push_list(list)
}

fn check_wfset(vm: &Machine) -> Result {
    match capabilities::get(vm, "wfset") {
        Some(_) => Ok(()),
        None => Err(vm.error("expects the capability 'wfset' to be set.")),
    }
}

fn set_repositories(vm: &mut Machine) -> Result {
    const MESSAGE: &str = "expects a list of repository URLs on top of the stack.";
    check_wfset(vm)?;
    let top = vm.pop()?;
    if top.is_null() {
        vm.settings.repositories = None;
        return Ok(());
    }
    let Some(list) = top.as_list() else {
        return Err(vm.error(MESSAGE));
    };
    let mut addresses = Vec::new();
    for value in vm.heap.list(list) {
        match vm.as_text(*value) {
            Some(text) => addresses.push(Text::clone(text)),
            None => return Err(vm.error(MESSAGE)),
        }
    }
    vm.settings.repositories = Some(addresses);
    Ok(())
}

fn add_repository(vm: &mut Machine) -> Result {
    check_wfset(vm)?;
    let address = vm.pop_text("expects a repository URL on top of the stack.")?;
    vm.heap.book(address.len() + 64)?;
    vm.settings.repositories.get_or_insert_default().push(address);
    Ok(())
}

fn runner(vm: &mut Machine) -> Result {
    const NAME: &str = "runner.reschedule.min.period";
    let Some(text) = capabilities::get(vm, NAME) else {
        return Err(vm.error(&format!("requires capability {NAME}.")));
    };
    let Ok(least) = text.parse::<i64>() else {
        let message = format!("cannot parse capability {NAME}: '{text}' is not a valid LONG");
        return Err(vm.error(&message));
    };
    if least <= 0 {
        return Err(vm.error(&format!(
            "requires capability {NAME} to be set to a value strictly greater than 0 ms."
        )));
    }
    let at = vm.word.name == "RUNNERAT";
    let what = if at { "timestamp" } else { "period" };
    let given = vm.pop_long(&format!("expects a LONG {what} as parameter."))?;
    let ms = given / vm.config.time_unit.per_ms();
    if at {
        let now = vm.clock.wall_ns.div_euclid(1_000_000);
        if ms < now.saturating_add(least) {
            return Err(vm.error(&format!(
                "cannot schedule a task before now + {least} ms defined in {NAME} capability."
            )));
        }
        vm.settings.rerun_at = Some(ms);
    } else {
        if ms < least {
            return Err(vm.error(&format!(
                "cannot set period below {least} ms defined in {NAME} capability."
            )));
        }
        vm.settings.rerun_in = Some(ms);
    }
    Ok(())
}
