//! The `weft` binary: see `weft --help`.

mod cli;
mod config;
mod driver;
mod home;
mod load;
mod metrics;
mod node;
mod peers;
mod report;
mod script;
mod start;
mod token;
mod vectors;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
