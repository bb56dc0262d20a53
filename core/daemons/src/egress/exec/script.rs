//! One script as work for the pool: set up, run in slices, its result written in steps.

use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use flate2::bufread::GzDecoder;
use weft_gts::utf8::{from_latin1, from_utf8_lossy};
use weft_warpscript::json::JsonWriter;
use weft_warpscript::machine::{Clock, Failure, Identity, Machine, Run};
use weft_warpscript::requests::{Answer, Request, RequestId};
use weft_warpscript::{Config, Fault};
use weft_wire::token::TokenAuthority;

use crate::charset::Charset;
use crate::contract::Task;
use crate::params;

/// Bytes of a result that are written in one step.
const OUTPUT_STEP: usize = 256 << 10;

/// Requests of one slice.
const NEEDS_MAX: usize = 64;

/// Characters of an error's text in a header, and in a body without the values of the stack.
pub(super) const MESSAGE_MAX: usize = 1_024;

/// Names and the values of each.
pub(super) type Headers = Vec<(String, Vec<String>)>;

/// Names of variables and expressions for them.
type Definitions = Vec<(Arc<str>, Arc<str>)>;

/// What a script begins with.
#[derive(Debug)]
pub(super) struct Setup {
    pub(super) config: Arc<Config>,
    /// `NAME=EXPR/…` of the path, not decoded.
    pub(super) definitions: String,
    /// Whether the bootstrap runs first.
    pub(super) has_bootstrap: bool,
    /// The variable that holds the request's headers, and those.
    pub(super) headers: Option<(String, Headers)>,
    pub(super) capabilities: Vec<(String, String)>,
    /// What it is called, and its session.
    pub(super) identity: Identity,
    /// Time units that it may take.
    pub(super) time_limit: Option<i64>,
    /// Whether each line is a section.
    pub(super) line_sections: bool,
    /// Who says which tokens are good.
    pub(super) authority: TokenAuthority,
    /// Whether it is an interactive session.
    pub(super) is_interactive: bool,
    pub(super) content_type: Option<String>,
    pub(super) body: Vec<u8>,
    pub(super) body_max: usize,
}

/// Why a script does not begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SetupError {
    pub(super) status: u16,
    pub(super) message: String,
}

/// A script.
#[derive(Debug)]
pub(super) enum Script {
    /// Not begun.
    New(Box<Setup>),
    /// Begun. With a writer it is over, and its result is being written.
    Begun(Box<Machine>, Option<JsonWriter>),
    /// It could not begin.
    Refused(SetupError),
}

/// A slice of a script.
#[derive(Debug)]
pub struct ExecTask {
    pub(super) script: Script,
    pub(super) answers: Vec<(RequestId, Answer)>,
    /// Why it must end now.
    pub(super) abort: Option<String>,
    /// Whether it must end now with what it has.
    pub(super) stop: bool,
    /// What an interactive session runs next.
    pub(super) line: Option<String>,
    pub(super) fuel: u64,
    pub(super) clock: Clock,
    pub(super) entropy: [u8; 32],
}

/// What came of a slice.
#[derive(Debug)]
pub struct ExecDone {
    pub(super) script: Script,
    pub(super) needs: Vec<(RequestId, Request)>,
    pub(super) cancelled: Vec<RequestId>,
    /// A piece of the result.
    pub(super) out: Vec<u8>,
    pub(super) state: State,
}

/// How far a script is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It goes on at once.
    Running,
    /// It waits for answers.
    Waiting,
    /// It is over, and more of its result is to be written.
    Writing,
    /// Its result is written.
    Written,
    /// A line of an interactive session is over, and has shown this.
    Line(Vec<String>),
    /// It failed, and shows no values.
    Failed,
    /// Its result cannot be written.
    Unwritable(String),
}

impl Task for ExecTask {
    type Done = ExecDone;

    fn run(self) -> ExecDone {
        let mut done = ExecDone {
            script: self.script,
            needs: Vec::new(),
            cancelled: Vec::new(),
            out: Vec::new(),
            state: State::Running,
        };
        if let Script::New(setup) = done.script {
            done.script = match contained(|| setup.begin()) {
                Ok(Ok(machine)) => Script::Begun(Box::new(machine), None),
                Ok(Err(error)) => Script::Refused(error),
                Err(message) => Script::Refused(SetupError::failed(message)),
            };
        }
        let Script::Begun(machine, writer) = &mut done.script else {
            done.state = State::Failed;
            return done;
        };
        if writer.is_none() {
            if let Some(line) = self.line {
                machine.go_on(line);
            }
            for (id, answer) in self.answers {
                machine.answer(id, answer);
            }
            if let Some(reason) = self.abort {
                machine.abort(reason);
            } else if self.stop {
                machine.stop();
            }
            let (needs, cancelled) = (&mut done.needs, &mut done.cancelled);
            let mut slice = || run(machine, self.fuel, self.clock, self.entropy, needs, cancelled);
            let state = contained(&mut slice);
            done.state = state.unwrap_or_else(|message| {
                machine.abort(format!("{} {message}", machine.word.name));
                // Tells what is cancelled, and that the script is over.
                run(machine, self.fuel, self.clock, self.entropy, needs, cancelled)
            });
            if done.state == State::Writing && machine.settings.interactive.is_some() {
                done.state = State::Line(shown(machine));
            } else if done.state == State::Writing {
                *writer = result_writer(machine);
                if writer.is_none() {
                    done.state = State::Failed;
                }
            }
        }
        if let Some(writer) = writer {
            let written = contained(|| writer.write(machine, &mut done.out, OUTPUT_STEP));
            done.state = match written {
                Ok(Ok(true)) => State::Written,
                Ok(Ok(false)) => State::Writing,
                Ok(Err(fault)) => State::Unwritable(text(fault)),
                Err(message) => State::Unwritable(message),
            };
        }
        done
    }
}

/// A mistake in one of a thousand words ends the script that met it, and nothing else: `Err` says
/// that `work` panicked. What it changed belongs to that script alone, which is thrown away.
fn contained<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|_| {
        "met a mistake in Weft, which is told in its log; please report it.".to_owned()
    })
}

/// What a line has shown.
fn shown(machine: &mut Machine) -> Vec<String> {
    let echoed = match machine.failure() {
        None => contained(|| machine.show_echo()).unwrap_or(Ok(())),
        Some(_) => Ok(()),
    };
    let mut shown = machine.take_shown();
    if let Err(fault) = echoed {
        shown.push(format!("// {}\n", text(fault)));
    }
    shown
}

/// Runs a slice.
fn run(
    machine: &mut Machine,
    fuel: u64,
    clock: Clock,
    entropy: [u8; 32],
    needs: &mut Vec<(RequestId, Request)>,
    cancelled: &mut Vec<RequestId>,
) -> State {
    while needs.len() < NEEDS_MAX {
        match machine.run(fuel, clock, entropy) {
            Run::Need(id, request) => needs.push((id, request)),
            Run::Cancel(id) => cancelled.push(id),
            Run::OutOfFuel => return State::Running,
            Run::Waiting => return State::Waiting,
            Run::Done => return State::Writing,
        }
    }
    State::Running
}

/// What writes the result of a script that is over; nothing for a failure that shows no values.
fn result_writer(machine: &mut Machine) -> Option<JsonWriter> {
    if let Some(failure) = machine.failure() {
        let message = format!("{}{}", line_prefix(failure), failure.error);
        let depth = usize::try_from(machine.settings.debug_depth).unwrap_or(0);
        if depth == 0 {
            return None;
        }
        machine.show_failure(depth, &message);
    }
    Some(JsonWriter::stack(machine.json_format()))
}

/// `ERROR line #N: `, when a line was running.
pub(super) fn line_prefix(failure: &Failure) -> String {
    match (&failure.position, failure.line) {
        (_, 0) => String::new(),
        (Some(position), _) => format!("ERROR line #{position}: "),
        (None, line) => format!("ERROR line #{line}: "),
    }
}

fn text(fault: Fault) -> String {
    fault.into_error().brief(MESSAGE_MAX)
}

impl SetupError {
    fn failed(message: impl Into<String>) -> Self {
        Self { status: 500, message: message.into() }
    }
}

impl Setup {
    /// Makes the machine, up to its first line.
    fn begin(self) -> Result<Machine, SetupError> {
        let definitions = definitions(&self.definitions)?;
        let script = script_text(self.body, self.content_type.as_deref(), self.body_max)?;
        let mut machine = Machine::new(self.config, script);
        if let Some((name, headers)) = self.headers {
            machine
                .store_lists(&name, &headers)
                .map_err(|fault| SetupError::failed(text(fault)))?;
        }
        for (name, value) in self.capabilities {
            machine.grant(&name, &value);
        }
        machine.identity = self.identity;
        machine.authority = Some(Arc::new(self.authority));
        machine.settings.line_sections = self.line_sections;
        machine.settings.interactive = self.is_interactive.then(Box::default);
        if let Some(limit) = self.time_limit {
            machine.limit_time(limit);
        }
        machine.define(definitions);
        if self.has_bootstrap {
            machine.bootstrap();
        }
        Ok(machine)
    }
}

/// `NAME=EXPR/…` as names and expressions.
fn definitions(path: &str) -> Result<Definitions, SetupError> {
    let path = decode_path(path);
    let parts = path.trim_end_matches('/').split('/');
    let parts = parts.filter(|_| !path.is_empty());
    parts
        .map(|part| {
            let (name, expression) = part.split_once('=').ok_or_else(|| SetupError {
                status: 400,
                message: "Each symbol definition must have at least one equal sign.".to_owned(),
            })?;
            // As the reference: once as a path, once more as a parameter.
            Ok((
                params::decode(name.as_bytes()).into(),
                params::decode(expression.as_bytes()).into(),
            ))
        })
        .collect()
}

/// In a path a `+` is a `+`.
fn decode_path(path: &str) -> String {
    params::decode(path.replace('+', "%2B").as_bytes())
}

/// The body as text: inflated, and decoded as its type says.
fn script_text(
    body: Vec<u8>,
    content_type: Option<&str>,
    max: usize,
) -> Result<String, SetupError> {
    if content_type == Some("application/gzip") {
        return Ok(into_utf8(inflate(&body, max)?));
    }
    let charset = content_type.map(Charset::of_media_type).transpose();
    match charset.map_err(|error| SetupError::failed(error.to_string()))?.flatten() {
        // The reference takes Latin-1; what is UTF-8 is meant as that.
        None => Ok(String::from_utf8(body).unwrap_or_else(|e| from_latin1(e.as_bytes()))),
        Some(Charset::Utf8) => Ok(into_utf8(body)),
        Some(charset) => Ok(charset.decode(&body)),
    }
}

fn into_utf8(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| from_utf8_lossy(error.as_bytes()).into_owned())
}

fn inflate(body: &[u8], max: usize) -> Result<Vec<u8>, SetupError> {
    let start = body.get(..2).ok_or_else(|| SetupError::failed("EOFException"))?;
    if start != [0x1f, 0x8b] {
        return Err(SetupError::failed("Not in GZIP format"));
    }
    let limit = u64::try_from(max).unwrap_or(u64::MAX);
    let mut text = Vec::new();
    let mut rest = body;
    let mut read = Ok(0);
    // What follows the last member does not count, as in the reference.
    while read.is_ok() && text.len() <= max && rest.starts_with(start) {
        let left = limit.saturating_add(1) - text.len() as u64;
        let mut member = GzDecoder::new(rest).take(left);
        read = member.read_to_end(&mut text);
        rest = member.into_inner().into_inner();
    }
    match read {
        Ok(_) if text.len() > max => Err(too_large(max)),
        Ok(_) => Ok(text),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            Err(SetupError::failed("Unexpected end of ZLIB input stream"))
        }
        Err(error) => Err(SetupError::failed(error.to_string())),
    }
}

/// A script that is too large.
pub(super) fn too_large(max: usize) -> SetupError {
    SetupError { status: 413, message: format!("The script is larger than {max} bytes.") }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    #[test]
    fn what_follows_a_compressed_script_does_not_count() {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(b"1 2").expect("a vector takes all");
        let member = encoder.finish().expect("a vector takes all");
        let text = |body: Vec<u8>, max| script_text(body, Some("application/gzip"), max);
        for rest in [&b""[..], b"junk", &[0; 20], b"\x1f"] {
            assert_eq!(text([&member, rest].concat(), 10), Ok("1 2".to_owned()), "{rest:?}");
        }
        assert_eq!(text([&member[..], &member].concat(), 10), Ok("1 21 2".to_owned()));
        assert!(text([&member[..], &member].concat(), 5).is_err(), "more than a script may have");
        assert!(text(member[..member.len() - 1].to_vec(), 10).is_err(), "cut");
    }

    #[test]
    fn the_path_defines_variables() {
        let names = |path: &str| {
            let all = definitions(path).expect("definitions");
            all.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>()
        };
        assert_eq!(names(""), Vec::<String>::new());
        assert_eq!(names("x=1%202%20%2B/y=%252B+"), ["x=1 2  ", "y=+ "]);
        assert_eq!(names("a=b=c/"), ["a=b=c"]);
        let status = |path: &str| definitions(path).map_err(|error| error.status);
        assert_eq!(status("a=1//b=2"), Err(400));
        assert_eq!(status("a"), Err(400));
    }

    #[test]
    fn a_mistake_of_ours_is_an_error() {
        assert_eq!(contained(|| 1), Ok(1));
        let failed = contained(|| std::hint::black_box([1, 2].as_slice())[2]);
        assert!(failed.is_err_and(|message| message.contains("mistake in Weft")));
    }

    #[test]
    fn bodies_are_decoded() {
        let decode = |body: &[u8], content_type: Option<&str>| {
            script_text(body.to_vec(), content_type, 100).map_err(|error| error.message)
        };
        assert_eq!(decode("é".as_bytes(), None).as_deref(), Ok("é"));
        assert_eq!(decode(&[0xe9], None).as_deref(), Ok("é"));
        assert_eq!(decode("é".as_bytes(), Some("a/b; charset=ISO-8859-1")).as_deref(), Ok("Ã©"));
        assert_eq!(decode(&[0xe9], Some("a/b;charset=\"utf-8\"")).as_deref(), Ok("\u{fffd}"));
        assert_eq!(decode(b"1", Some("a/b; charset=x")), Err("x".to_owned()));
        let gzip = Some("application/gzip");
        assert_eq!(decode(b"1 2", gzip), Err("Not in GZIP format".to_owned()));
        assert_eq!(decode(b"1", gzip), Err("EOFException".to_owned()));
        let cut = [0x1f, 0x8b, 8, 0];
        assert_eq!(decode(&cut, gzip), Err("Unexpected end of ZLIB input stream".to_owned()));
    }
}
