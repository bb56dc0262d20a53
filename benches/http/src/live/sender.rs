//! What is sent, and how fast.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::Method;
use tokio::time::{Instant, interval_at, sleep};

use super::{Options, now_us};
use crate::Failure;
use crate::client::{Client, full};
use crate::server::Server;

/// Datapoints in a request that makes series.
const CREATED: usize = 20_000;

/// Series that are listed all.
const LISTED: usize = 20_000;

/// What was sent.
#[derive(Default)]
pub(crate) struct Sent {
    pub(crate) points: u64,
    pub(crate) requests: u64,
    /// Datapoints of each series, by group.
    pub(crate) counts: Vec<Vec<u32>>,
}

/// Writes a datapoint of every series, and waits until they are found.
pub(crate) async fn create(server: &Server, options: &Options) -> Result<(), Failure> {
    let mut client = Client::connect(&server.authority).await?;
    let (mut body, mut count) = (String::new(), 0);
    let groups = options.groups();
    for group in 0..groups {
        for series in 0..options.series {
            // Before the first datapoint that is counted.
            let _ = writeln!(body, "0// bench.live{{group={group},series={series}}} 0");
            count += 1;
        }
        if count >= CREATED || group + 1 == groups {
            update(&mut client, &options.write_token, std::mem::take(&mut body).into()).await?;
            count = 0;
        }
    }
    // Not all of very many are listed, again and again.
    let all = groups * options.series;
    let (which, wanted) = match all {
        0..LISTED => (String::new(), all),
        _ => (format!("group%3D{}", groups - 1), options.series),
    };
    let token = &options.read_token;
    let path = format!("/api/v0/find?token={token}&selector=bench.live%7B{which}%7D");
    let mut client = Client::connect(Options::authority(&options.egress, server)).await?;
    loop {
        let answer = client.send(Method::GET, &path, &[], full("")).await?;
        if !answer.status().is_success() {
            return Err(format!("find: {}", answer.status()).into());
        }
        let found = answer.into_body().collect().await?.to_bytes();
        if memchr::memchr_iter(b'\n', &found).count() >= wanted {
            return Ok(());
        }
        sleep(Duration::from_millis(100)).await;
    }
}

/// Sends datapoints at the wanted rate; each connection has groups of its own, so that the order
/// within a series is kept.
pub(crate) async fn send(server: &Server, options: &Arc<Options>) -> Result<Sent, Failure> {
    let groups = options.groups();
    let connections = options.connections.clamp(1, groups);
    let mut senders = Vec::new();
    for own in 0..connections {
        let client = Client::connect(&server.authority).await?;
        let own: Vec<usize> = (own..groups).step_by(connections).collect();
        let rate = options.rate * own.len() / groups;
        senders.push(tokio::spawn(send_groups(client, own, rate, options.clone())));
    }
    let mut all = Sent { counts: vec![Vec::new(); groups], ..Sent::default() };
    for sender in senders {
        let (own, sent) = sender.await??;
        all.points += sent.points;
        all.requests += sent.requests;
        for (group, counts) in own.into_iter().zip(sent.counts) {
            all.counts[group] = counts;
        }
    }
    Ok(all)
}

async fn send_groups(
    mut client: Client,
    own: Vec<usize>,
    rate: usize,
    options: Arc<Options>,
) -> Result<(Vec<usize>, Sent), Failure> {
    let mut sent = Sent { counts: vec![vec![0; options.series]; own.len()], ..Sent::default() };
    let period = Duration::from_millis(options.period.max(1));
    let begin = Instant::now() + period;
    let first_us = now_us() + period.as_micros() as i64;
    let mut clock = interval_at(begin, period);
    let rounds = options.seconds * 1_000 / options.period.max(1);
    let spread = options.spread.clamp(1, own.len());
    let (mut place, mut owed) = (0, 0.0);
    for round in 0..rounds {
        clock.tick().await;
        owed += rate as f64 * period.as_secs_f64();
        // When it was to be sent, whether it is late or not.
        let tick = first_us + (round * options.period * 1_000) as i64;
        let mut body = String::new();
        while owed >= 1.0 {
            // A block is `spread` groups; in it all groups take turns.
            let block = spread * options.series;
            let (base, within) = (place / block * spread, place % block);
            let width = spread.min(own.len() - base);
            let (index, series) = (base + within % width, within / width);
            if series >= options.series {
                place = (place / block + 1) * block;
            } else {
                let value = sent.counts[index][series];
                sent.counts[index][series] += 1;
                let group = own[index];
                let _ =
                    writeln!(body, "{tick}// bench.live{{group={group},series={series}}} {value}");
                sent.points += 1;
                owed -= 1.0;
                place += 1;
            }
            if place >= own.len().div_ceil(spread) * block {
                place = 0;
            }
        }
        if !body.is_empty() {
            update(&mut client, &options.write_token, body.into()).await?;
            sent.requests += 1;
        }
    }
    Ok((own, sent))
}

async fn update(client: &mut Client, token: &str, body: Bytes) -> Result<(), Failure> {
    let headers = [("X-Warp10-Token", token)];
    let answer = client.send(Method::POST, "/api/v0/update", &headers, full(body)).await?;
    let status = answer.status();
    let text = answer.into_body().collect().await?.to_bytes();
    if !status.is_success() {
        return Err(format!("update: {status}: {}", String::from_utf8_lossy(&text)).into());
    }
    Ok(())
}
