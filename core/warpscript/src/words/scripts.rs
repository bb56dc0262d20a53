//! Which scripts run beside this one, and ending them.

use crate::error::{Error, Fault, Result};
use crate::heap::{Map, Text};
use crate::machine::{Flow, Machine, Task};
use crate::registry::{Extension, Family, Word, word};
use crate::requests::{Answer, Chunk, Request, RequestId, RunningScript, Scripts, Signal};
use crate::value::Value;
use crate::words::capabilities;

/// The capability that lets a script see and end others.
const CAPABILITY: &str = "stackps";

/// Characters of a name.
const NAME_MAX: usize = 128;

pub(super) static FAMILY: Family = Family {
    name: "scripts",
    words: &[
        of_extension(
            "WSPS",
            list,
            "2.5.0",
            "WSPS scripts<LIST>\nsecret<STRING> WSPS scripts<LIST>",
            "The scripts that run in the same process, a map each: its `uuid` and `attributes` \
             (`creation.time` in milliseconds, `fetch.count`, `gts.count`, `macro.name`, \
             `stack.name`, `section.name`, `stackps.session`). Needs the capability `stackps`; \
             where `stackps.secret` is configured the secret does, too.",
            &[("WSPS", "!WSPS missing capability 'stackps'.")],
        ),
        of_extension(
            "WSINFO",
            info,
            "2.5.0",
            "session<STRING> WSINFO scripts<LIST>",
            "The scripts of a session, as WSPS tells them.",
            &[("1 WSINFO", "!WSINFO expects a session id.")],
        ),
        of_extension(
            "WSSTOP",
            |vm| signal(vm, Signal::Stop),
            "2.5.0",
            "uuid<STRING> WSSTOP found<BOOLEAN>\nuuid<STRING> secret<STRING> WSSTOP found<BOOLEAN>",
            "Ends a script as if it met STOP; FALSE when there is none. Needs what WSPS needs.",
            &[("'x' WSSTOP", "!WSSTOP missing capability 'stackps'.")],
        ),
        of_extension(
            "WSKILL",
            |vm| signal(vm, Signal::Kill),
            "2.5.0",
            "uuid<STRING> WSKILL found<BOOLEAN>\nuuid<STRING> secret<STRING> WSKILL found<BOOLEAN>",
            "Ends a script with an error; FALSE when there is none. Needs what WSPS needs.",
            &[("'x' WSKILL", "!WSKILL missing capability 'stackps'.")],
        ),
        of_extension(
            "WSSTOPSESSION",
            |vm| signal_session(vm, Signal::Stop),
            "2.5.0",
            "session<STRING> WSSTOPSESSION count<LONG>",
            "Ends the scripts of a session as if they met STOP, and tells how many there were.",
            &[("1 WSSTOPSESSION", "!expects a session name (STRING).")],
        ),
        of_extension(
            "WSKILLSESSION",
            |vm| signal_session(vm, Signal::Kill),
            "2.5.0",
            "session<STRING> WSKILLSESSION count<LONG>",
            "Ends the scripts of a session with an error, and tells how many there were.",
            &[("1 WSKILLSESSION", "!expects a session name (STRING).")],
        ),
        of_extension(
            "WSNAME",
            name,
            "2.5.0",
            "name<STRING> WSNAME name<STRING>",
            "Names the script, for WSPS; NULL leaves the name. Gives the name that it has then.",
            &[
                ("'mine' WSNAME NULL WSNAME", "[\"mine\",\"mine\"]"),
                ("1 WSNAME", "!expects a STRING."),
            ],
        ),
        of_extension(
            "WSSESSION",
            session,
            "2.5.0",
            "session<STRING> WSSESSION session<STRING>",
            "Says which session the script belongs to, unless it has one (or its request named one \
             by the header `X-Warp10-WarpScriptSession`). Gives the session that it has then.",
            &[("'a' WSSESSION 'b' WSSESSION", "[\"a\",\"a\"]")],
        ),
        of_extension(
            "STACKPSSECRET",
            change_secret,
            "2.5.0",
            "new<STRING> old<STRING> STACKPSSECRET",
            "Changes the secret of `stackps.secret`, until the process ends.",
            &[(
                "'a' 'b' STACKPSSECRET",
                "!STACKPSSECRET cannot be used if a stackps secret was not configured.",
            )],
        ),
    ],
};

const fn of_extension(
    name: &'static str,
    run: fn(&mut Machine) -> Result,
    since: &'static str,
    signatures: &'static str,
    doc: &'static str,
    examples: &'static [(&'static str, &'static str)],
) -> Word {
    word(name, run, since, signatures, doc, examples).of(Extension::StackPs)
}

/// What lets the script see others: its capability, or the secret on top of the stack.
fn secret(vm: &mut Machine) -> Result<Option<Text>> {
    if capabilities::get(vm, CAPABILITY).is_some() {
        return Ok(None);
    }
    if vm.config.stackps_secret.is_none() {
        return Err(vm.error(&format!("missing capability '{CAPABILITY}'.")));
    }
    vm.pop_text("expects a secret.").map(Some)
}

fn list(vm: &mut Machine) -> Result {
    let secret = secret(vm)?;
    ask(vm, Scripts::List { session: None, secret }, Wanted::List)
}

fn info(vm: &mut Machine) -> Result {
    let session = vm.pop_text("expects a session id.")?;
    ask(vm, Scripts::List { session: Some(session), secret: None }, Wanted::List)
}

fn signal(vm: &mut Machine, signal: Signal) -> Result {
    let secret = secret(vm)?;
    let uuid = vm.pop_text("expects a UUID.")?;
    ask(vm, Scripts::Signal { uuid, signal, secret }, Wanted::Whether)
}

fn signal_session(vm: &mut Machine, signal: Signal) -> Result {
    let session = vm.pop_text("expects a session name (STRING).")?;
    ask(vm, Scripts::SignalSession { session, signal }, Wanted::Count)
}

fn change_secret(vm: &mut Machine) -> Result {
    if vm.config.stackps_secret.is_none() {
        return Err(vm.error("cannot be used if a stackps secret was not configured."));
    }
    let old = vm.pop_text("invalid secret.")?;
    let new = vm.pop_text("expects a new secret which is a non null string.")?;
    ask(vm, Scripts::Secret { old, new }, Wanted::Nothing)
}

/// A name on top of the stack, or NULL.
fn name_or_null(vm: &mut Machine) -> Result<Option<Text>> {
    let name = match vm.pop()? {
        Value::Null => return Ok(None),
        Value::String(text) => Text::clone(vm.heap.text(text)),
        _ => return Err(vm.error("expects a STRING.")),
    };
    if name.encode_utf16().count() > NAME_MAX {
        return Err(vm.error(&format!("expects a name less than {NAME_MAX} characters.")));
    }
    Ok(Some(name))
}

fn name(vm: &mut Machine) -> Result {
    if let Some(name) = name_or_null(vm)? {
        vm.identity.name = Some(name);
    }
    push_or_null(vm, vm.identity.name.clone())
}

fn session(vm: &mut Machine) -> Result {
    let session = name_or_null(vm)?;
    if vm.identity.session.is_none() {
        vm.identity.session = session;
    }
    push_or_null(vm, vm.identity.session.clone())
}

fn push_or_null(vm: &mut Machine, text: Option<Text>) -> Result {
    match text {
        Some(text) => vm.push_string(text),
        None => vm.push(Value::Null),
    }
}

/// What is made of an answer.
#[derive(Clone, Copy)]
enum Wanted {
    List,
    Whether,
    Count,
    Nothing,
}

/// Waits for an answer of the platform.
struct Ask(RequestId, Wanted);

/// Waits until the platform has done what a request says.
pub(super) fn have_done(vm: &mut Machine, request: Request) -> Result {
    let request = vm.request(request);
    vm.push_task(Ask(request, Wanted::Nothing))
}

fn ask(vm: &mut Machine, ask: Scripts, wanted: Wanted) -> Result {
    let request = vm.request(Request::Scripts(ask));
    vm.push_task(Ask(request, wanted))
}

impl Task for Ask {
    fn resume(&mut self, vm: &mut Machine) -> Result<Flow> {
        while let Some(answer) = vm.take_answer(self.0) {
            match (answer, self.1) {
                (Answer::Chunk(Chunk::Scripts(scripts)), Wanted::List) => {
                    vm.charge(scripts.len() * 16);
                    let mut list = Vec::with_capacity(scripts.len());
                    for script in scripts {
                        list.push(as_map(vm, script)?);
                    }
                    vm.push_list(list)?;
                }
                (Answer::Chunk(Chunk::Count(count)), Wanted::Whether) => vm.push(count > 0)?,
                (Answer::Chunk(Chunk::Count(count)), Wanted::Count) => {
                    vm.push(i64::try_from(count).unwrap_or(i64::MAX))?;
                }
                (Answer::Chunk(_), _) => (),
                (Answer::Err(error), _) => return Err(named(vm, error)),
                (Answer::End, _) => return Ok(Flow::Done),
            }
        }
        Ok(Flow::Wait)
    }
}

fn named(vm: &Machine, error: Error) -> Fault {
    Fault::Error(Box::new(error.named(vm.word.name)))
}

/// A script, as WSPS tells it.
fn as_map(vm: &mut Machine, script: RunningScript) -> Result<Value> {
    let sight = script.sight;
    let values = [
        ("creation.time", Value::Long(script.created_ms)),
        ("fetch.count", Value::Long(sight.fetched)),
        ("gts.count", Value::Long(sight.fetched_series)),
        ("macro.name", text(vm, sight.macro_name)?),
        ("stack.name", text(vm, sight.name)?),
        ("section.name", text(vm, sight.section)?),
        ("stackps.session", text(vm, sight.session)?),
    ];
    let attributes = map_of(vm, values)?;
    let uuid = vm.heap.string(script.uuid)?;
    map_of(vm, [("uuid", uuid), ("attributes", attributes)])
}

fn text(vm: &mut Machine, text: Option<Text>) -> Result<Value> {
    text.map_or(Ok(Value::Null), |text| vm.heap.string(text))
}

fn map_of<const N: usize>(vm: &mut Machine, values: [(&str, Value); N]) -> Result<Value> {
    let mut map = Map::default();
    for (name, value) in values {
        map.entries.insert(vm.heap.text_key(name)?, value);
    }
    Ok(Value::Map(vm.heap.alloc_map(map)?))
}
