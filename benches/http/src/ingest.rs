//! Sending datapoints.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use clap::Args;
use http_body_util::BodyExt;
use hyper::Method;

use crate::Failure;
use crate::client::{Client, full};
use crate::server::Server;
use crate::shape::{self, Shape};
use crate::spread::Spread;

#[derive(Args)]
pub(crate) struct Options {
    /// The token that may write.
    #[arg(long)]
    token: String,
    /// A token that may read: the time ends when a fetch of the newest datapoints is answered, so
    /// that everything is where reads find it.
    #[arg(long)]
    read_token: Option<String>,
    /// How the datapoints follow each other.
    #[arg(long, value_enum, default_value = "one")]
    shape: Shape,
    /// Lines of the text format instead of a shape.
    #[arg(long, conflicts_with = "shape")]
    file: Option<PathBuf>,
    /// How many datapoints.
    #[arg(long, default_value_t = 30_000_000)]
    points: u64,
    /// Datapoints in a request.
    #[arg(long, default_value_t = 1_000_000)]
    body: u64,
    /// Connections at once.
    #[arg(long, default_value_t = 1)]
    connections: usize,
}

pub(crate) async fn run(server: &Server, options: Options) -> Result<(), Failure> {
    let (points, bodies) = match &options.file {
        Some(path) => shape::of_file(path, options.body)?,
        None => (options.points, options.shape.bodies(options.points, options.body)),
    };
    let name = match &options.file {
        Some(path) => path.display().to_string(),
        None => format!("{:?}", options.shape).to_lowercase(),
    };
    let bytes: usize = bodies.iter().map(Bytes::len).sum();
    let left = Arc::new(Mutex::new(VecDeque::from(bodies)));
    let options = Arc::new(options);
    let began = Instant::now();
    let mut senders = Vec::new();
    for _ in 0..options.connections.max(1) {
        let client = Client::connect(&server.authority).await?;
        senders.push(tokio::spawn(send(client, Arc::clone(&left), Arc::clone(&options))));
    }
    let mut latencies = Spread::default();
    for sender in senders {
        latencies.append(sender.await??);
    }
    let sent = began.elapsed().as_secs_f64();
    let read = match &options.read_token {
        Some(token) => {
            let class = if options.file.is_some() { "~.*" } else { options.shape.class() };
            let path = format!(
                "/api/v0/fetch?token={token}&selector={class}%7B%7D&now=now&timespan=-1&format=text"
            );
            let mut client = Client::connect(&server.authority).await?;
            let answer = client.send(Method::GET, &path, &[], full("")).await?;
            let status = answer.status();
            let newest = answer.into_body().collect().await?.to_bytes();
            if !status.is_success() || newest.is_empty() {
                return Err(format!("{path}: {status}: nothing to read").into());
            }
            began.elapsed().as_secs_f64()
        }
        None => sent,
    };
    println!(
        "{name}: {points} datapoints, {:.1} MB: acknowledged {:.2} M/s ({sent:.2} s), to be read \
         {:.2} M/s ({read:.2} s); {latencies}{}",
        bytes as f64 / 1e6,
        points as f64 / sent / 1e6,
        points as f64 / read / 1e6,
        server.usage()
    );
    Ok(())
}

async fn send(
    mut client: Client,
    left: Arc<Mutex<VecDeque<Bytes>>>,
    options: Arc<Options>,
) -> Result<Spread, Failure> {
    let mut latencies = Spread::default();
    loop {
        let next = left.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let Some(body) = next else { return Ok(latencies) };
        let began = Instant::now();
        let headers = [("X-Warp10-Token", options.token.as_str())];
        let answer = client.send(Method::POST, "/api/v0/update", &headers, full(body)).await?;
        let status = answer.status();
        let text = answer.into_body().collect().await?.to_bytes();
        if !status.is_success() {
            return Err(format!("update: {status}: {}", String::from_utf8_lossy(&text)).into());
        }
        latencies.push(began.elapsed());
    }
}
