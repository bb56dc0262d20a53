//! Scripts on the command line, without a platform behind them.

mod docs;
mod jsonl;
mod repl;
mod run;
mod test;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use weft_warpscript::machine::Clock;
use weft_warpscript::{Config, Limits};

pub(crate) use docs::{doc, words};
pub(crate) use repl::repl;
pub(crate) use test::test;

use crate::config::Settings;
use crate::home;

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
    let config = Arc::new(config(&options.conf)?);
    match &options.file {
        Some(file) => run::run(file, &config),
        None => jsonl::serve(&config),
    }
}

/// A machine's configuration, soft limits lifted.
fn config(files: &[PathBuf]) -> Result<Config, String> {
    let settings = Settings::read(files).map_err(|error| error.to_string())?;
    let config = settings.machine_config().map_err(|error| error.to_string())?;
    Ok(Config { soft: Limits::MAX, ..config })
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
