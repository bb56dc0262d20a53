//! The `weft` binary: see `weft --help`.

#[cfg(weft_mutants)]
compile_error!("weft is not built with planted bugs: unset --cfg weft_mutants");

mod backends;
mod backup;
mod cli;
mod config;
mod driver;
mod endpoints;
mod home;
mod load;
mod metrics;
mod node;
#[cfg(feature = "kafka")]
mod offsets;
mod outside;
mod peers;
mod plan;
mod ready;
mod report;
mod revocations;
mod runner;
mod script;
mod start;
mod thrift;
mod throttling;
mod token;
mod vectors;
mod zookeeper;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
