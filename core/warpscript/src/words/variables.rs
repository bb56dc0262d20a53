//! Variables, registers, and words that scripts define.

use std::any::Any;

use crate::error::{Fault, Result};
use crate::function::Role;
use crate::heap::{Function, Object, Text};
use crate::machine::Machine;
use crate::macros::{RegisterWord, Symbol};
use crate::registry::{Family, Word, word};
use crate::value::{Handle, Value};

pub(super) static FAMILY: Family = Family {
    name: "variables",
    words: &[
        word(
            "STORE",
            store,
            "1.0.0",
            "value<ANY> name<STRING> STORE\nvalue<ANY> register<LONG> STORE\n\
             value1<ANY> valueN<ANY> names<LIST> STORE",
            "Stores a value into a variable or register, or with a list as many values as it \
             names; NULL in the list skips a value.",
            &[("1 'x' STORE $x", "[1]"), ("1 2 [ 'a' 'b' ] STORE $a", "[1]")],
        ),
        word(
            "CSTORE",
            cstore,
            "1.0.0",
            "value<ANY> name<STRING> CSTORE\nvalue<ANY> register<LONG> CSTORE",
            "Stores a value unless the variable exists, or the register holds something.",
            &[("1 'x' CSTORE 2 'x' CSTORE $x", "[1]")],
        ),
        word(
            "LOAD",
            load,
            "1.0.0",
            "name<STRING> LOAD value<ANY>\nregister<LONG> LOAD value<ANY>",
            "Pushes the value of a variable or register.",
            &[("1 'x' STORE 'x' LOAD", "[1]"), ("'x' LOAD", "!LOAD symbol 'x' does not exist.")],
        ),
        word(
            "LSTORE",
            lstore,
            "2.1.0",
            "values<LIST> names<LIST> LSTORE",
            "Stores the elements of a list into the variables or registers that another names.",
            &[("[ 1 2 ] [ 'a' 'b' ] LSTORE $b", "[2]")],
        ),
        word(
            "LCSTORE",
            lstore,
            "2.7.0",
            "values<LIST> names<LIST> LCSTORE",
            "LSTORE for those variables that do not exist yet.",
            &[("9 'a' STORE [ 1 2 ] [ 'a' 'b' ] LCSTORE $a $b", "[2,9]")],
        ),
        word(
            "MSTORE",
            mstore,
            "2.1.0",
            "values<MAP> MSTORE\nvalues<MAP> names<LIST> MSTORE",
            "Stores the values of a map into the variables or registers that its keys name, or \
             into those of a list.",
            &[("{ 'a' 1 'b' 2 } MSTORE $b $a", "[1,2]")],
        ),
        word(
            "MCSTORE",
            mstore,
            "2.7.0",
            "values<MAP> MCSTORE\nvalues<MAP> names<LIST> MCSTORE",
            "MSTORE for those variables that do not exist yet.",
            &[("9 'a' STORE { 'a' 1 } MCSTORE $a", "[9]")],
        ),
        word(
            "FORGET",
            forget,
            "1.0.0",
            "name<STRING> FORGET",
            "Removes a variable.",
            &[("1 'x' STORE 'x' FORGET 'x' DEFINED", "[false]")],
        ),
        word(
            "DEFINED",
            defined,
            "1.0.0",
            "name<STRING> DEFINED exists<BOOLEAN>",
            "Says whether a variable exists.",
            &[("1 'x' STORE 'x' DEFINED", "[true]")],
        ),
        word(
            "SYMBOLS",
            symbols,
            "1.0.0",
            "SYMBOLS names<LIST>",
            "The names of all variables.",
            &[("1 'x' STORE SYMBOLS", "[[\"x\"]]")],
        ),
        word(
            "CLEARSYMBOLS",
            clear_symbols,
            "1.0.0",
            "CLEARSYMBOLS",
            "Removes all variables.",
            &[("1 'x' STORE CLEARSYMBOLS SYMBOLS", "[[]]")],
        ),
        word(
            "CLEARREGS",
            clear_registers,
            "2.0.0",
            "CLEARREGS",
            "Empties all registers.",
            &[("1 POPR0 CLEARREGS PUSHR0", "[null]")],
        ),
        word(
            "EXPORT",
            export,
            "1.0.0",
            "name<STRING> EXPORT\nnames<LIST> EXPORT",
            "Names variables whose values are added as a map on top of the result when the script \
             ends. NULL in a list means all.",
            &[("1 'x' STORE 'x' EXPORT 7", "[{\"x\":1},7]")],
        ),
        word(
            "SAVE",
            save,
            "2.0.0",
            "SAVE context<CONTEXT>",
            "Pushes a copy of variables, registers and defined words, for RESTORE.",
            &[("1 'x' STORE SAVE 2 'x' STORE RESTORE $x", "[1]")],
        ),
        word(
            "RESTORE",
            restore,
            "2.0.0",
            "context<CONTEXT> RESTORE",
            "Puts variables, registers and defined words back to what they were at SAVE.",
            &[("1 RESTORE", "!Invalid stack context.")],
        ),
        word(
            "DEF",
            def,
            "1.0.0",
            "macro<MACRO> name<STRING> DEF",
            "Makes a macro a word. Macros that were read before keep the word they meant. NULL \
             instead of a macro makes the word unknown.",
            &[("<% 2 * %> 'DOUBLE' DEF 4 'DOUBLE' FUNCREF TYPEOF", "[\"FUNCTION\",4]")],
        ),
        word(
            "CLEARDEFS",
            clear_defs,
            "1.0.0",
            "CLEARDEFS",
            "Makes all words unknown that DEF made.",
            &[("<% 1 %> 'ONE' DEF CLEARDEFS ONE", "!ONE is undefined.")],
        ),
        word(
            "REDEFS",
            redefs,
            "2.1.0",
            "allowed<BOOLEAN> REDEFS",
            "Says whether words that DEF made may be used from here on.",
            &[("<% 1 %> 'ONE' DEF false REDEFS ONE", "!Disallowed redefined function 'ONE'.")],
        ),
        word(
            "FUNCREF",
            funcref,
            "2.3.0",
            "name<STRING> FUNCREF function<FUNCTION>",
            "Pushes a word itself, to be run later.",
            &[("1 'DUP' FUNCREF EVAL", "[1,1]"), ("'NOPE' FUNCREF", "!Unknown function 'NOPE'")],
        ),
    ],
};

/// `PUSHR0` … `RUNR255`: one word a register and action, made once.
pub(crate) fn register_words() -> &'static [Word] {
    const COUNT: usize = 256;
    type Description = (&'static str, fn(&mut Machine) -> Result, &'static str);
    const WORDS: [Description; 4] = [
        ("PUSHR", push_register, "Pushes the value of a register."),
        ("POPR", pop_register, "Stores the top of the stack into a register."),
        ("CPOPR", pop_register, "Stores the top of the stack into a register if that is empty."),
        ("RUNR", run_register, "Runs the macro in a register."),
    ];
    let words = WORDS.iter().flat_map(|(prefix, run, doc)| {
        (0..COUNT).map(move |n| {
            let name: &'static str = format!("{prefix}{n}").leak();
            word(name, *run, "2.0.0", name, doc, &[])
        })
    });
    words.collect::<Vec<_>>().leak()
}

fn push_register(vm: &mut Machine) -> Result {
    match RegisterWord::parse(vm.word.name) {
        Some(RegisterWord::Push(n)) => {
            let value = vm.register(n.into())?;
            vm.push(value)
        }
        _ => Err(vm.error("names no register.")),
    }
}

fn pop_register(vm: &mut Machine) -> Result {
    let value = vm.pop()?;
    match RegisterWord::parse(vm.word.name) {
        Some(RegisterWord::Pop(n)) => vm.set_register(n.into(), value),
        Some(RegisterWord::PopIfNull(n)) if vm.register(n.into())?.is_null() => {
            vm.set_register(n.into(), value)
        }
        Some(_) => Ok(()),
        None => Err(vm.error("names no register.")),
    }
}

fn run_register(vm: &mut Machine) -> Result {
    let Some(RegisterWord::Run(n)) = RegisterWord::parse(vm.word.name) else {
        return Err(vm.error("names no register."));
    };
    match vm.register(n.into())? {
        Value::Macro(body) => vm.exec(body),
        _ => Err(vm.error(&format!("expects register number {n} to contain a macro."))),
    }
}

/// Where a value is stored.
#[derive(Clone, Copy)]
enum Place {
    Variable(Symbol),
    Register(i64),
}

/// A variable's name or a register's number; `None` for everything else.
fn place(vm: &mut Machine, value: Value) -> Result<Option<Place>> {
    Ok(match value {
        Value::String(name) => {
            let name = Text::clone(vm.heap.text(name));
            Some(Place::Variable(vm.intern(&name)?))
        }
        Value::Long(n) => Some(Place::Register(n)),
        _ => None,
    })
}

fn put(vm: &mut Machine, place: Place, value: Value) -> Result {
    match place {
        Place::Variable(symbol) => vm.store(symbol, value),
        Place::Register(n) => vm.set_register(n, value),
    }
}

/// Stores unless there is something already.
fn put_if_free(vm: &mut Machine, place: Place, value: Value) -> Result {
    let free = match place {
        Place::Variable(symbol) => vm.symbols().get(symbol).is_none(),
        Place::Register(n) => vm.register(n)?.is_null(),
    };
    if free { put(vm, place, value) } else { Ok(()) }
}

/// Names in a list: NULL skips; anything but names and numbers is an error.
fn places(vm: &mut Machine, list: &[Value], message: &str) -> Result<Vec<Option<Place>>> {
    vm.charge(list.len());
    let mut places = Vec::with_capacity(list.len());
    for value in list {
        let place = place(vm, *value)?;
        if place.is_none() && !value.is_null() {
            return Err(vm.error(message));
        }
        places.push(place);
    }
    Ok(places)
}

fn store(vm: &mut Machine) -> Result {
    const MESSAGE: &str =
        "expects a variable name or register number or a list thereof on top of the stack.";
    let target = vm.pop()?;
    if let Some(place) = place(vm, target)? {
        let value = vm.pop()?;
        return put(vm, place, value);
    }
    let Some(list) = target.as_list() else {
        return Err(vm.error(MESSAGE));
    };
    let names = vm.heap.list(list).clone();
    let places = places(vm, &names, MESSAGE)?;
    if places.is_empty() {
        // As the reference does: the text of the list is the name.
        let value = vm.pop()?;
        let symbol = vm.intern("[]")?;
        return vm.store(symbol, value);
    }
    if vm.depth() < places.len() {
        let (wanted, found) = (places.len(), vm.depth());
        return Err(
            vm.error(&format!("expects {wanted} elements on the stack, only found {found}"))
        );
    }
    let base = vm.depth() - places.len();
    for (index, place) in places.into_iter().enumerate() {
        if let Some(place) = place {
            let value = vm.visible()[base + index];
            put(vm, place, value)?;
        }
    }
    vm.truncate(base);
    Ok(())
}

fn cstore(vm: &mut Machine) -> Result {
    let target = vm.pop()?;
    let Some(place) = place(vm, target)? else {
        return Err(vm.error("expects variable name to be a string or a register number."));
    };
    let value = vm.pop()?;
    put_if_free(vm, place, value)
}

fn load(vm: &mut Machine) -> Result {
    let source = vm.pop()?;
    let value = match place(vm, source)? {
        Some(Place::Variable(symbol)) => match vm.symbols().get(symbol) {
            Some(value) => value,
            None => {
                let name = vm.symbols().name(symbol);
                return Err(vm.error(&format!("symbol '{name}' does not exist.")));
            }
        },
        Some(Place::Register(n)) => vm.register(n)?,
        None => {
            return Err(vm.error(
                "expects a variable name (STRING) or a register number (LONG) on top of the stack.",
            ));
        }
    };
    vm.push(value)
}

const SECOND_ARGUMENT: &str =
    "expects a list of variable names or register numbers as second argument.";

fn lstore(vm: &mut Machine) -> Result {
    let names = vm.pop_list(SECOND_ARGUMENT)?;
    let names = vm.heap.list(names).clone();
    let places = places(vm, &names, SECOND_ARGUMENT)?;
    let values = vm.pop_list("expects a list as first argument.")?;
    let values = vm.heap.list(values).clone();
    let conditional = vm.word.name == "LCSTORE";
    for (place, value) in places.into_iter().zip(values) {
        match place {
            Some(place) if conditional => put_if_free(vm, place, value)?,
            Some(place) => put(vm, place, value)?,
            None => (),
        }
    }
    Ok(())
}

fn mstore(vm: &mut Machine) -> Result {
    let mut top = vm.pop()?;
    let names = match top.as_list() {
        Some(list) => {
            let names = vm.heap.list(list).clone();
            places(vm, &names, SECOND_ARGUMENT)?;
            top = vm.pop()?;
            Some(names)
        }
        None => None,
    };
    let Value::Map(map) = top else {
        return Err(vm.error("expects a Map as argument."));
    };
    let keys = match names {
        Some(names) => names,
        None => vm.heap.map(map).entries.keys().map(|k| k.value()).collect(),
    };
    let conditional = vm.word.name == "MCSTORE";
    for name in keys {
        let key = vm.heap.key(name)?;
        let Some(value) = vm.heap.map(map).entries.get(&key).copied() else { continue };
        match place(vm, name)? {
            Some(place) if conditional => put_if_free(vm, place, value)?,
            Some(place) => put(vm, place, value)?,
            None if name.is_null() => (),
            None => return Err(vm.error(SECOND_ARGUMENT)),
        }
    }
    Ok(())
}

fn forget(vm: &mut Machine) -> Result {
    let name = vm.pop_text("expects variable name to be a string.")?;
    if let Some(symbol) = vm.symbols.find(&name) {
        vm.symbols.remove(symbol);
    }
    Ok(())
}

fn defined(vm: &mut Machine) -> Result {
    let name = vm.pop_text("expects a string on top of the stack.")?;
    let symbol = vm.symbols.find(&name);
    vm.push(symbol.is_some_and(|s| vm.symbols.get(s).is_some()))
}

fn symbols(vm: &mut Machine) -> Result {
    vm.charge(vm.symbols.len());
    let names: Vec<Text> =
        vm.symbols.iter().map(|(s, _)| Text::clone(vm.symbols.name(s))).collect();
    let mut list = Vec::with_capacity(names.len());
    for name in names {
        list.push(vm.heap.string(name)?);
    }
    vm.push_list(list)
}

fn clear_symbols(vm: &mut Machine) -> Result {
    vm.symbols.clear();
    Ok(())
}

fn clear_registers(vm: &mut Machine) -> Result {
    vm.registers.fill(Value::Null);
    Ok(())
}

fn export(vm: &mut Machine) -> Result {
    const MESSAGE: &str = "expects a symbol name or a list thereof on top of the stack.";
    match vm.pop()? {
        Value::String(name) => {
            let name = Some(Text::clone(vm.heap.text(name)));
            if !vm.settings.exports.contains(&name) {
                vm.settings.exports.push(name);
            }
            Ok(())
        }
        top => {
            let Some(list) = top.as_list() else {
                return Err(vm.error(MESSAGE));
            };
            let mut exports = Vec::new();
            for value in vm.heap.list(list) {
                match value {
                    Value::Null => exports.push(None),
                    Value::String(name) => exports.push(Some(Text::clone(vm.heap.text(*name)))),
                    _ => return Err(vm.error(MESSAGE)),
                }
            }
            vm.settings.exports = exports;
            Ok(())
        }
    }
}

/// What SAVE keeps.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    symbols: Vec<(Symbol, Value)>,
    registers: Vec<Value>,
    defined: Vec<(Text, Handle<Function>)>,
}

impl Object for Context {
    fn type_name(&self) -> &'static str {
        "CONTEXT"
    }

    fn footprint(&self) -> usize {
        (self.symbols.len() + self.defined.len()) * 32 + self.registers.len() * 16
    }

    fn trace(&self, visit: &mut dyn FnMut(Value)) {
        self.symbols.iter().for_each(|(_, v)| visit(*v));
        self.registers.iter().for_each(|v| visit(*v));
        self.defined.iter().for_each(|(_, f)| visit(Value::Function(*f)));
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}

/// Variables, registers and words as they are.
pub(crate) fn save_context(vm: &mut Machine) -> Context {
    vm.charge(vm.symbols.len() + vm.registers.len());
    Context {
        symbols: vm.symbols.iter().collect(),
        registers: vm.registers.clone(),
        defined: vm.defined.iter().map(|(n, f)| (Text::clone(n), *f)).collect(),
    }
}

fn save(vm: &mut Machine) -> Result {
    let context = save_context(vm);
    let context = vm.heap.new_object(context)?;
    vm.push(context)
}

fn restore(vm: &mut Machine) -> Result {
    let Value::Object(object) = vm.pop()? else {
        return Err(Fault::text("Invalid stack context."));
    };
    let Some(context) = vm.heap.object::<Context>(object).cloned() else {
        return Err(Fault::text("Invalid stack context."));
    };
    restore_context(vm, context);
    Ok(())
}

/// Puts variables, registers and words back.
pub(crate) fn restore_context(vm: &mut Machine, context: Context) {
    vm.charge(context.symbols.len() + context.registers.len());
    vm.symbols.clear();
    for (symbol, value) in context.symbols {
        vm.symbols.set(symbol, value);
    }
    vm.registers.copy_from_slice(&context.registers);
    vm.defined = context.defined.into_iter().collect();
}

fn def(vm: &mut Machine) -> Result {
    let name = vm.pop_text("expects statement name to be a string.")?;
    let role = match vm.pop()? {
        Value::Macro(body) => Role::Defined(body),
        Value::Null if vm.config.unshadow => {
            vm.defined.shift_remove(&name);
            return Ok(());
        }
        Value::Null => Role::Undefined,
        _ => return Err(vm.error("needs a macro below the statement name.")),
    };
    define(vm, name, role)
}

fn define(vm: &mut Machine, name: Text, role: Role) -> Result {
    let parameters = Vec::new();
    let function = Function { word: None, name: Some(Text::clone(&name)), role, parameters };
    let function = vm.heap.alloc_function(function)?;
    if vm.defined.insert(Text::clone(&name), function).is_none() {
        vm.heap.book(name.len() + 64)?;
    }
    Ok(())
}

fn clear_defs(vm: &mut Machine) -> Result {
    if vm.config.unshadow {
        vm.defined.clear();
        return Ok(());
    }
    let names: Vec<Text> = vm.defined.keys().cloned().collect();
    for name in names {
        define(vm, name, Role::Undefined)?;
    }
    Ok(())
}

fn redefs(vm: &mut Machine) -> Result {
    vm.settings.allow_redefined = vm.pop_boolean("expects a boolean on top of the stack.")?;
    Ok(())
}

fn funcref(vm: &mut Machine) -> Result {
    let name = vm.pop_text("expects the function name as a STRING.")?;
    let value = match vm.resolve(&name)? {
        crate::macros::Instruction::Call(word) => Value::Word(word),
        crate::macros::Instruction::Apply(function) => Value::Function(function),
        crate::macros::Instruction::Push(value) => value,
        _ => Value::Null,
    };
    vm.push(value)
}
