//! `weft-bench`: drives the HTTP endpoints of a Warp 10 platform, ours or another, by URL and token,
//! and says how fast it was. `benches/README.md` has the commands and their figures.

mod client;
mod fetch;
mod ingest;
mod live;
mod scripts;
mod server;
mod shape;
mod spread;

use clap::{Parser, Subcommand};

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[derive(Parser)]
#[command(version, about = "Measures the HTTP endpoints of a Warp 10 platform")]
struct Arguments {
    /// Where it listens.
    #[arg(long, default_value = "http://127.0.0.1:8080", global = true)]
    url: String,
    /// The process that serves, for its memory; on the same machine.
    #[arg(long, global = true)]
    pid: Option<u32>,
    /// The folder of its data, for the space it takes.
    #[arg(long, global = true)]
    data: Option<std::path::PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Sends datapoints.
    Ingest(ingest::Options),
    /// Fetches datapoints.
    Fetch(fetch::Options),
    /// Subscribes to series over many WebSockets, and sends datapoints for them at a steady rate.
    Live(live::Options),
    /// Runs one script again and again beside many others.
    Scripts(scripts::Options),
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let arguments = Arguments::parse();
    let server = server::Server::new(&arguments.url, arguments.pid, arguments.data)?;
    match arguments.command {
        Command::Ingest(options) => ingest::run(&server, options).await,
        Command::Fetch(options) => fetch::run(&server, &options).await,
        Command::Live(options) => live::run(&server, options).await,
        Command::Scripts(options) => scripts::run(&server, &options).await,
    }
}
