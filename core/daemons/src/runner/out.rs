//! What the parts of a runner want done, and how each begins and tells its runs.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use weft_wire::opb64;

use super::RunnerConfig;
use super::program::{Run, program};
use crate::contract::http::RequestHead;
use crate::contract::peer::{CallResult, PeerAction};
use crate::contract::{ActionId, ActionIds, Change, Effect, Metric, NoTask};
use crate::random::Random;
use crate::time::Now;

/// The header with what shows that a request is the runner's.
const NONCE_HEADER: &str = "x-warp10-runner-nonce";

/// Characters of a failure that are kept.
const FAILURE_MAX: usize = 256;

/// Where the effects of all parts are gathered.
#[derive(Debug)]
pub(super) struct Out {
    pub(super) ids: ActionIds,
    pub(super) effects: VecDeque<Effect<NoTask>>,
    random: Random,
}

/// The last run of a script.
#[derive(Clone, Debug)]
pub(super) struct Last {
    pub(super) began_ms: i64,
    pub(super) duration: Option<Duration>,
    pub(super) failure: Option<String>,
}

/// What is told of a script.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) period_ms: i64,
    pub(super) last: Option<Last>,
    pub(super) next_ms: Option<i64>,
    pub(super) state: String,
}

impl Out {
    pub(super) fn new(seed: [u8; 32]) -> Self {
        let (ids, effects) = (ActionIds::default(), VecDeque::new());
        Self { ids, effects, random: Random::new(seed) }
    }

    /// Runs a script on egress.
    pub(super) fn call(
        &mut self,
        config: &RunnerConfig,
        now: Now,
        (path, period_ms, scheduled_ms): (&str, i64, i64),
        text: &str,
    ) -> ActionId {
        let nonce = config.key.as_ref().map(|key| {
            let mut blob = self.random.draw(0).to_be_bytes().to_vec();
            blob.extend_from_slice(&now.wall.0.to_be_bytes());
            opb64::encode(&key.wrap(&blob))
        });
        let run = Run { path, period_ms, scheduled_ms, nonce: nonce.as_deref() };
        let body = program(&run, text);
        let mut headers = vec![("content-type".to_owned(), "text/plain; charset=utf-8".to_owned())];
        headers.extend(nonce.map(|nonce| (NONCE_HEADER.to_owned(), nonce)));
        let head = RequestHead {
            method: "POST".to_owned(),
            path: "/api/v0/exec".to_owned(),
            query: String::new(),
            headers,
        };
        let id = self.ids.next_id();
        self.effects.push_back(Effect::Peer(PeerAction::Call { id, head, body: body.into() }));
        id
    }

    /// A run is over.
    pub(super) fn ended(
        &mut self,
        now: Now,
        path: &Arc<str>,
        began: Now,
        failure: Option<String>,
    ) -> Last {
        let duration = now.mono.since(began.mono);
        let began_ms = began.wall.as_ms();
        let mut tell = |name, change| {
            let labels = vec![("path", path.to_string())];
            self.effects.push_back(Effect::Metric(Metric { name, labels, change }));
        };
        tell("weft_runner_runs_total", Change::Add(1));
        tell("weft_runner_failures_total", Change::Add(u64::from(failure.is_some())));
        tell("weft_runner_run_seconds", Change::Set(duration.as_secs_f64()));
        tell("weft_runner_last_run_timestamp_seconds", Change::Set(began_ms as f64 / 1e3));
        if let Some(failure) = &failure {
            self.warn(format!("runner: {path} failed: {failure}"));
        }
        Last { began_ms, duration: Some(duration), failure }
    }

    /// Says when a script is due next.
    pub(super) fn next(&mut self, path: &Arc<str>, next_ms: i64) {
        self.effects.push_back(Effect::Metric(Metric {
            name: "weft_runner_next_run_timestamp_seconds",
            labels: vec![("path", path.to_string())],
            change: Change::Set(next_ms as f64 / 1e3),
        }));
    }

    pub(super) fn peer(&mut self, action: PeerAction) {
        self.effects.push_back(Effect::Peer(action));
    }

    pub(super) fn metric(&mut self, metric: Metric) {
        self.effects.push_back(Effect::Metric(metric));
    }

    pub(super) fn warn(&mut self, text: String) {
        self.effects.push_back(Effect::Warn(text));
    }
}

/// What went wrong with a run, in a line.
pub(super) fn failure(result: CallResult) -> Option<String> {
    let text = match result {
        Ok(response) if response.status == 200 => return None,
        Ok(response) => {
            let body = String::from_utf8_lossy(&response.body[..response.body.len().min(2_048)])
                .into_owned();
            let line = body.lines().map(str::trim).find(|line| !line.is_empty());
            line.map_or_else(|| format!("status {}", response.status), str::to_owned)
        }
        Err(error) => error.to_string(),
    };
    Some(text.chars().take(FAILURE_MAX).collect())
}

/// What the end of a run, or none yet, makes of a state.
pub(super) fn state_of(last: Option<&Last>) -> String {
    match last {
        None => "waiting".to_owned(),
        Some(Last { failure: Some(failure), .. }) => format!("failed: {failure}"),
        Some(_) => "done".to_owned(),
    }
}
