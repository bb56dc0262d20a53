//! `weft load`: files of datapoints into a running platform.
//!
//! A file is sent in batches of whole lines over one connection; a batch counts once it was
//! answered. A refused line is reported with its number and left out, and so are the continuation
//! lines that rest on it. A state file, named by the content's hash, remembers how much was stored,
//! so that a load that was interrupted goes on there.

mod batch;
mod client;
mod state;

use std::fs::File;
use std::io::{BufRead, BufReader, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use flate2::read::MultiGzDecoder;

use crate::home;
use batch::{Batch, Batches};
use client::{Answer, Client};
use state::State;

/// What to load, and where to.
#[derive(Args, Debug)]
pub(crate) struct Options {
    /// Files in the text input format, plain or gzip.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// The platform. Default: that of ./weft-data.
    #[arg(long)]
    url: Option<String>,
    /// A write token. Default: that of ./weft-data.
    #[arg(long)]
    token: Option<String>,
    /// Begin anew, whatever was stored before.
    #[arg(long)]
    again: bool,
}

/// How often a batch is tried when the platform cannot be reached.
const TRIES: u32 = 8;

/// Loads all files.
pub(crate) fn load(options: &Options) -> Result<(), String> {
    let own = Path::new("weft-data");
    let token = match &options.token {
        Some(token) => token.clone(),
        None => {
            let path = own.join(home::TOKENS);
            let text = std::fs::read_to_string(&path).map_err(|error| {
                format!("{}: {error}; name a write token with --token", path.display())
            })?;
            home::read_tokens(&text).ok_or("no tokens in weft-data/tokens.json")?.1
        }
    };
    let url = options.url.clone().unwrap_or_else(|| "http://127.0.0.1:8080".to_owned());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    let mut client = Client::new(&url, token)?;
    let mut refused = 0;
    for file in &options.files {
        refused += runtime
            .block_on(load_file(&mut client, file, own, options.again))
            .map_err(|error| format!("{}: {error}", file.display()))?;
    }
    if refused > 0 { Err(format!("{refused} lines were refused")) } else { Ok(()) }
}

/// Loads one file. How many lines were refused.
async fn load_file(
    client: &mut Client,
    path: &Path,
    home: &Path,
    again: bool,
) -> Result<u64, String> {
    let mut state = State::open(home, path, again)?;
    if state.is_done() {
        println!("{}: stored before, skipped (--again loads it anew)", path.display());
        return Ok(0);
    }
    let mut batches = Batches::new(open(path)?);
    let mut progress = Progress::new(path);
    let mut refused = 0;
    while let Some(mut batch) = batches.next_batch().map_err(|error| error.to_string())? {
        let (after, last_line) = (batch.end, batch.last_line());
        if after <= state.stored() {
            progress.skip(last_line);
            continue;
        }
        while !batch.is_empty() {
            match send(client, &batch).await? {
                Answer::Stored => break,
                Answer::Refused { line, message } => {
                    let number = batch.first_line + line - 1;
                    eprintln!("{}, line {number}: {message}", path.display());
                    let skipped = batch.drop_through(line);
                    if skipped > 1 {
                        eprintln!("  with {} continuation lines behind it", skipped - 1);
                    }
                    refused += skipped;
                }
            }
        }
        state.store(after)?;
        progress.show(last_line, false);
    }
    state.done()?;
    progress.show(batches.line(), true);
    Ok(refused)
}

/// Sends a batch, again when the platform cannot be reached: the same datapoints twice do no harm.
async fn send(client: &mut Client, batch: &Batch) -> Result<Answer, String> {
    let mut wait = Duration::from_millis(100);
    for attempt in 1.. {
        match client.update(batch.body()).await {
            Ok(answer) => return Ok(answer),
            Err(error) if error.is_final || attempt >= TRIES => return Err(error.message),
            Err(error) => {
                eprintln!("{}; trying again in {wait:?}", error.message);
                tokio::time::sleep(wait).await;
                wait *= 2;
            }
        }
    }
    unreachable!("the last try returns")
}

/// The text of a file, inflated when it is compressed.
fn open(path: &Path) -> Result<Box<dyn BufRead>, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    let mut reader = BufReader::with_capacity(1 << 20, file);
    let is_gzip = reader.fill_buf().map_err(|error| error.to_string())?.starts_with(&[0x1f, 0x8b]);
    let reader: Box<dyn Read> =
        if is_gzip { Box::new(MultiGzDecoder::new(reader)) } else { Box::new(reader) };
    Ok(Box::new(BufReader::with_capacity(1 << 20, reader)))
}

/// One line that says how far a load is; only on a terminal, but for its end.
struct Progress {
    name: String,
    start: Instant,
    shown: Instant,
    skipped: u64,
    is_terminal: bool,
}

impl Progress {
    fn new(path: &Path) -> Self {
        let now = Instant::now();
        let is_terminal = std::io::stderr().is_terminal();
        Self { name: path.display().to_string(), start: now, shown: now, skipped: 0, is_terminal }
    }

    fn skip(&mut self, line: u64) {
        self.skipped = line;
    }

    fn show(&mut self, line: u64, is_last: bool) {
        let seconds = self.start.elapsed().as_secs_f64();
        let rate = (line - self.skipped) as f64 / seconds.max(1e-9);
        if is_last {
            if self.is_terminal {
                eprint!("\r\x1b[K");
            }
            println!("{}: {line} lines in {seconds:.1} s, {rate:.0} lines/s", self.name);
        } else if self.is_terminal && self.shown.elapsed() > Duration::from_millis(100) {
            self.shown = Instant::now();
            eprint!("\r\x1b[K{}: {line} lines, {rate:.0} lines/s", self.name);
            let _ = std::io::stderr().flush();
        }
    }
}
