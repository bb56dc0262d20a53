//! Scripts on the command line, without a platform behind them.

mod docs;
mod jsonl;
pub(crate) mod library;
pub(crate) mod programs;
mod repl;
mod run;
mod test;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use weft_warpscript::jsonl::finish;
use weft_warpscript::machine::{Clock, Machine};
use weft_warpscript::requests::Library;
use weft_warpscript::{Config, Limits};

pub(crate) use docs::{doc, words};
pub(crate) use repl::repl;
pub(crate) use test::test;

use crate::config::Settings;
use crate::home;
use library::Folder;

/// What `weft exec` is told.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The script; `-` is standard input.
    #[arg(required_unless_present = "jsonl")]
    file: Option<PathBuf>,
    /// Run one script a line: {"name": …, "script": …} in, {"name": …, "ok": …, …} out.
    #[arg(long, conflicts_with = "file")]
    jsonl: bool,
    /// A configuration file: keys, time unit, hard limits. May be given several times.
    #[arg(long)]
    conf: Vec<PathBuf>,
}

/// Runs a script, or one a line.
pub(crate) fn exec(options: &Options) -> Result<(), String> {
    let host = Host::new(&options.conf)?;
    match &options.file {
        Some(file) => run::run(file, &host),
        None => jsonl::serve(&host),
    }
}

/// What scripts run on here: a configuration with soft limits lifted, a clock, a library.
struct Host {
    config: Arc<Config>,
    clocks: Clocks,
    library: Option<Folder>,
}

impl Host {
    fn new(files: &[PathBuf]) -> Result<Self, String> {
        let settings = Settings::read(files).map_err(|error| error.to_string())?;
        let config = settings.machine_config().map_err(|error| error.to_string())?;
        let config = Arc::new(Config { soft: Limits::MAX, ..config });
        let library = Folder::new(&settings).map_err(|error| error.to_string())?;
        Ok(Self { config, clocks: Clocks::new(), library })
    }

    /// A machine that begins with what the bootstrap defines.
    fn machine(&self, script: &str) -> Machine {
        let mut machine = Machine::new(Arc::clone(&self.config), script);
        if self.library.as_ref().is_some_and(Folder::has_bootstrap) {
            machine.bootstrap();
        }
        machine
    }

    /// Runs a script to its end.
    fn run(&self, script: &str) -> Result<Machine, String> {
        let mut machine = self.machine(script);
        let mut library = |ask: &Library| self.ask(ask);
        finish(&mut machine, &mut || self.clocks.now(), entropy()?, &mut library);
        Ok(machine)
    }

    /// Asks the library.
    fn ask(&self, ask: &Library) -> library::Sourced {
        let now_ms = self.clocks.now().mono_ns / 1_000_000;
        self.library.as_ref().map_or(Ok(None), |library| library.answer(ask, now_ms))
    }
}

/// Runs a script of the configuration to its end, without a library.
pub(crate) fn evaluate(config: &Arc<Config>, script: &str) -> Result<Machine, String> {
    let mut machine = Machine::new(Arc::clone(config), script);
    let clocks = Clocks::new();
    finish(&mut machine, &mut || clocks.now(), entropy()?, &mut |_| Ok(None));
    Ok(machine)
}

/// The clock of scripts in this process.
#[derive(Clone, Copy)]
struct Clocks(Instant);

impl Clocks {
    fn new() -> Self {
        Self(Instant::now())
    }

    fn now(self) -> Clock {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Clock {
            wall_ns: i64::try_from(wall.as_nanos()).unwrap_or(i64::MAX),
            mono_ns: u64::try_from(self.0.elapsed().as_nanos()).unwrap_or(u64::MAX),
        }
    }
}

fn entropy() -> Result<[u8; 32], String> {
    home::random()
}
