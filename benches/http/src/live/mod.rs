//! Subscribers of plasma under load: how long a datapoint takes from being sent to being pushed, and
//! whether every subscriber gets every datapoint of its series in order.
//!
//! Series are `bench.live{group=…,series=…}`; each subscriber wants one group. A datapoint's tick is
//! when it was to be sent, its value how many of its series came before it, so that a subscriber
//! knows what it has missed. Sending late counts as latency.

mod histogram;
mod sender;
mod subscriber;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use clap::Args;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::sync::Semaphore;
use tokio::time::sleep;

use crate::Failure;
use crate::server::{Server, cpu_seconds};
use histogram::Histogram;
use subscriber::Subscriber;

/// Subscribers that connect at once.
const CONNECTING_MAX: usize = 64;

/// Connections from one loopback address, which has some 28,000 ports for them.
const PER_ADDRESS: usize = 20_000;

#[derive(Args, Clone)]
pub(crate) struct Options {
    /// The token that may write.
    #[arg(long)]
    write_token: String,
    /// The token of the subscribers.
    #[arg(long)]
    read_token: String,
    /// Where plasma listens, if elsewhere.
    #[arg(long)]
    plasma: Option<String>,
    /// Where egress listens, if elsewhere: it is asked whether all series are there.
    #[arg(long)]
    egress: Option<String>,
    /// How many subscribe.
    #[arg(long, default_value_t = 10_000)]
    subscribers: usize,
    /// Groups of series; as many as there are subscribers where none are named. Each datapoint goes
    /// to subscribers/groups of them.
    #[arg(long)]
    groups: Option<usize>,
    /// Series of a group.
    #[arg(long, default_value_t = 100)]
    series: usize,
    /// Datapoints a second.
    #[arg(long, default_value_t = 200_000)]
    rate: usize,
    /// Groups whose series are sent one after another, a datapoint of each: with all of them, what
    /// comes for a subscriber is spread over time.
    #[arg(long, default_value_t = 1)]
    spread: usize,
    /// How long.
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// Milliseconds between two requests of one connection.
    #[arg(long, default_value_t = 50)]
    period: u64,
    /// Connections that send.
    #[arg(long, default_value_t = 2)]
    connections: usize,
    /// Seconds without anything new before what is missing counts as lost.
    #[arg(long, default_value_t = 15)]
    patience: u64,
    /// The series exist already.
    #[arg(long)]
    no_create: bool,
}

impl Options {
    /// The host and port of an endpoint that may be elsewhere.
    fn authority<'a>(elsewhere: &'a Option<String>, server: &'a Server) -> &'a str {
        let url = elsewhere.as_deref().map(|url| url.trim_start_matches("http://"));
        url.unwrap_or(&server.authority).trim_end_matches('/')
    }

    fn groups(&self) -> usize {
        self.groups.unwrap_or(self.subscribers).clamp(1, self.subscribers.max(1))
    }
}

/// What all subscribers have seen.
#[derive(Default)]
pub(crate) struct Seen {
    /// Who is told that its subscription is active.
    active: AtomicUsize,
    points: AtomicU64,
    repeated: AtomicU64,
    missed: AtomicU64,
    messages: AtomicU64,
    reads: AtomicU64,
    latencies: Histogram,
}

/// Microseconds since the epoch.
pub(crate) fn now_us() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_micros()).unwrap_or(i64::MAX)
}

pub(crate) async fn run(server: &Server, options: Options) -> Result<(), Failure> {
    raise_files(options.subscribers)?;
    let options = Arc::new(options);
    if !options.no_create {
        let began = Instant::now();
        sender::create(server, &options).await?;
        let all = options.groups() * options.series;
        println!("{all} series: {:.1} s", began.elapsed().as_secs_f64());
    }
    let seen = Arc::<Seen>::default();
    let subscribers = subscribe(server, &options, &seen).await?;
    let cpu = [server.cpu(), cpu_seconds("self")];
    let began = Instant::now();
    let sent = sender::send(server, &options).await?;
    let sending = began.elapsed().as_secs_f64();
    wait_for_rest(&options, &seen, &sent).await;
    let all = began.elapsed().as_secs_f64();
    let cpu_after = [server.cpu(), cpu_seconds("self")];
    let mut lost = 0;
    for (number, subscriber) in subscribers.into_iter().enumerate() {
        lost += subscriber.end(&sent.counts[number % options.groups()]).await?;
    }
    let (points, latencies) = (seen.points.load(Ordering::Relaxed), &seen.latencies);
    println!(
        "{} points sent in {sending:.1} s, {:.0} a second, {} requests; {points} told, {:.0} a second, in {} messages \
         and {} reads; all there after {all:.1} s",
        sent.points,
        sent.points as f64 / sending,
        sent.requests,
        points as f64 / all,
        seen.messages.load(Ordering::Relaxed),
        seen.reads.load(Ordering::Relaxed),
    );
    println!("latency: {latencies}");
    println!(
        "lost {lost}, out of order {}, repeated {}",
        seen.missed.load(Ordering::Relaxed),
        seen.repeated.load(Ordering::Relaxed)
    );
    for (name, before, after) in
        [("server", cpu[0], cpu_after[0]), ("this tool", cpu[1], cpu_after[1])]
    {
        if let (Some(before), Some(after)) = (before, after) {
            println!("{name}: {:.2} processors", (after - before) / all);
        }
    }
    println!("server{}", server.usage());
    match lost {
        0 => Ok(()),
        _ => Err(format!("{lost} points were lost").into()),
    }
}

/// All subscribers, once they are told that their subscriptions are active.
async fn subscribe(
    server: &Server,
    options: &Arc<Options>,
    seen: &Arc<Seen>,
) -> Result<Vec<Subscriber>, Failure> {
    let began = Instant::now();
    let authority: Arc<str> = Options::authority(&options.plasma, server).into();
    let connecting = Arc::new(Semaphore::new(CONNECTING_MAX));
    let mut begun = Vec::with_capacity(options.subscribers);
    for number in 0..options.subscribers {
        let from = number / PER_ADDRESS;
        let (authority, options, seen) = (authority.clone(), options.clone(), seen.clone());
        let permit = connecting.clone().acquire_owned().await?;
        begun.push(tokio::spawn(async move {
            let _permit = permit;
            Subscriber::begin(&authority, from, number % options.groups(), &options, seen).await
        }));
    }
    let mut subscribers = Vec::with_capacity(begun.len());
    for one in begun {
        subscribers.push(one.await??);
    }
    let connected = began.elapsed().as_secs_f64();
    while seen.active.load(Ordering::Relaxed) < options.subscribers {
        if let Some(early) = subscribers.iter_mut().find(|one| one.has_ended()) {
            return Err(early.reason().await.into());
        }
        sleep(Duration::from_millis(10)).await;
    }
    println!(
        "{} subscribers connected in {connected:.1} s, each active for {} series after {:.1} s{}",
        options.subscribers,
        options.series,
        began.elapsed().as_secs_f64(),
        server.usage()
    );
    Ok(subscribers)
}

/// Waits until everything was told, or nothing new comes any more.
async fn wait_for_rest(options: &Options, seen: &Seen, sent: &sender::Sent) {
    let groups = options.groups();
    let wanted: u64 = (0..options.subscribers)
        .map(|number| {
            sent.counts[number % groups].iter().map(|count| u64::from(*count)).sum::<u64>()
        })
        .sum();
    let (mut last, mut since) = (0, Instant::now());
    loop {
        let points = seen.points.load(Ordering::Relaxed);
        if points >= wanted || since.elapsed().as_secs() >= options.patience {
            return;
        }
        if points != last {
            (last, since) = (points, Instant::now());
        }
        sleep(Duration::from_millis(10)).await;
    }
}

/// Each subscriber is an open file.
fn raise_files(subscribers: usize) -> Result<(), Failure> {
    let wanted = subscribers as u64 + 64;
    let limit = getrlimit(Resource::Nofile);
    if limit.maximum.is_some_and(|maximum| maximum < wanted) {
        let maximum = limit.maximum.unwrap_or_default();
        return Err(format!(
            "{wanted} open files are needed, {maximum} are allowed: raise the limit (ulimit -Hn, as root; \
             LimitNOFILE of a unit), of the server too"
        )
        .into());
    }
    Ok(setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })?)
}
