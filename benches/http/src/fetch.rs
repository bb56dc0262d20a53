//! Fetching datapoints.

use std::time::Instant;

use clap::Args;
use http_body_util::BodyExt;
use hyper::Method;

use crate::Failure;
use crate::client::{Client, full};
use crate::server::Server;
use crate::spread::Spread;

#[derive(Args)]
pub(crate) struct Options {
    /// The token that may read.
    #[arg(long)]
    token: String,
    /// Which series.
    #[arg(long, default_value = "bench.one{}")]
    selector: String,
    /// At most so many datapoints of a series.
    #[arg(long, default_value_t = 1_000_000)]
    count: u64,
    /// How they come: text, json, raw, …
    #[arg(long, default_value = "text")]
    format: String,
    /// How often.
    #[arg(long, default_value_t = 7)]
    times: usize,
    /// How many datapoints an answer has, when it is not `count`: for the rate.
    #[arg(long)]
    points: Option<u64>,
}

pub(crate) async fn run(server: &Server, options: &Options) -> Result<(), Failure> {
    let mut client = Client::connect(&server.authority).await?;
    let path = format!(
        "/api/v0/fetch?token={}&selector={}&now=now&timespan=-{}&format={}",
        options.token,
        escape(&options.selector),
        options.count,
        options.format
    );
    let (mut latencies, mut times, mut bytes) = (Spread::default(), Vec::new(), 0);
    for _ in 0..options.times.max(1) {
        let began = Instant::now();
        let answer = client.send(Method::GET, &path, &[], full("")).await?;
        let status = answer.status();
        let mut body = answer.into_body();
        bytes = 0;
        while let Some(frame) = body.frame().await {
            bytes += frame?.data_ref().map_or(0, |data| data.len());
        }
        if !status.is_success() || bytes == 0 {
            return Err(format!("{path}: {status}: {bytes} bytes").into());
        }
        latencies.push(began.elapsed());
        times.push(began.elapsed().as_secs_f64());
    }
    times.sort_unstable_by(f64::total_cmp);
    let points = options.points.unwrap_or(options.count);
    println!(
        "{} as {}: {points} datapoints, {:.1} MB: {:.2} M/s at the median; {latencies}{}",
        options.selector,
        options.format,
        bytes as f64 / 1e6,
        points as f64 / times[times.len() / 2] / 1e6,
        server.usage()
    );
    Ok(())
}

/// Percent-encodes what a query cannot hold.
fn escape(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}
