//! A light script beside many long ones.

use std::time::{Duration, Instant};

use clap::Args;
use tokio::time::sleep;

use crate::Failure;
use crate::client::Client;
use crate::server::Server;
use crate::spread::Spread;

#[derive(Args)]
pub(crate) struct Options {
    /// How many long scripts run meanwhile.
    #[arg(long, default_value_t = 0)]
    heavy: usize,
    /// The long script: it should not end before the measurement does.
    #[arg(long, default_value = "0 1 1000000000000 <% + %> FOR")]
    heavy_script: String,
    /// The script that is measured.
    #[arg(long, default_value = "[ 1 1000 ] 0 SWAP <% + %> FOREACH")]
    script: String,
    /// How often it runs.
    #[arg(long, default_value_t = 500)]
    count: usize,
}

pub(crate) async fn run(server: &Server, options: &Options) -> Result<(), Failure> {
    let mut ended = Vec::new();
    for _ in 0..options.heavy {
        let mut client = Client::connect(&server.authority).await?;
        let script = options.heavy_script.clone();
        ended.push(tokio::spawn(async move { client.post(PATH, script.into()).await.err() }));
    }
    // All are to be under way: the server's backlog of connections is the last to take them.
    sleep(Duration::from_secs(1)).await;
    let mut client = Client::connect(&server.authority).await?;
    let mut latencies = Spread::default();
    for _ in 0..options.count {
        let began = Instant::now();
        client.post(PATH, options.script.clone().into()).await?;
        latencies.push(began.elapsed());
    }
    let early = ended.iter().filter(|task| task.is_finished()).count();
    println!(
        "beside {} long scripts ({early} of them ended): {latencies}{}",
        options.heavy,
        server.usage()
    );
    for task in ended {
        if task.is_finished()
            && let Some(failure) = task.await?
        {
            return Err(format!("a long script: {failure}").into());
        }
    }
    Ok(())
}

const PATH: &str = "/api/v0/exec";
