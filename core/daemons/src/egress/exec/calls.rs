//! What a script writes: requests to ingress, as its clients make them.

use bytes::Bytes;
use weft_gts::percent;
use weft_gts::text::parse_metadata;
use weft_warpscript::error::{Error, Kind};
use weft_warpscript::requests::{Answer, Chunk, Delete, Write};

use super::super::config::EgressConfig;
use super::super::{RequestId, Work};
use crate::contract::peer::{CallResult, PeerAction};
use crate::contract::{ActionId, Effect, RequestHead};

/// Series told at once.
const SERIES_MAX: usize = 1_024;

/// A write of a script, under way.
#[derive(Debug)]
pub(super) struct Call {
    id: ActionId,
    kind: Stage,
}

#[derive(Debug)]
enum Stage {
    Write,
    /// First it is asked which series there are.
    DryRun(Box<Delete>),
    Delete,
}

impl Call {
    /// Datapoints, or attributes (`meta`).
    pub(super) fn write(
        config: &EgressConfig,
        work: &mut Work,
        request: RequestId,
        write: Write,
        meta: bool,
    ) -> Self {
        let names = &config.headers;
        let path = if meta { "/api/v0/meta" } else { "/api/v0/update" };
        let mut headers = vec![
            (names.token.to_ascii_lowercase(), write.token.to_string()),
            ("content-type".to_owned(), "text/plain; charset=utf-8".to_owned()),
        ];
        if write.delta {
            headers.push((names.attributes.to_ascii_lowercase(), "delta".to_owned()));
        }
        let head = RequestHead {
            method: "POST".to_owned(),
            path: path.to_owned(),
            query: String::new(),
            headers,
        };
        let id = call(work, request, head, write.lines.into());
        Self { id, kind: Stage::Write }
    }

    /// A delete begins with the question which series it means.
    pub(super) fn delete(
        config: &EgressConfig,
        work: &mut Work,
        request: RequestId,
        delete: Delete,
    ) -> Self {
        let head = delete_head(config, &delete, true);
        let id = call(work, request, head, Bytes::new());
        Self { id, kind: Stage::DryRun(Box::new(delete)) }
    }

    /// Ingress answered. Nothing when more is to come.
    pub(super) fn answered(
        &mut self,
        config: &EgressConfig,
        work: &mut Work,
        request: RequestId,
        id: ActionId,
        result: CallResult,
    ) -> Option<Vec<Answer>> {
        if id != self.id {
            return None;
        }
        let response = match result {
            Ok(response) => response,
            Err(error) => {
                let error = Error::new(Kind::Script, error.to_string());
                return Some(vec![Answer::Err(error.wrap(Kind::Script, "failed."))]);
            }
        };
        let failed = |what: &str| {
            let reason = reason(response.status);
            let text = format!("failed to complete {what}successfully ({reason})");
            // What ingress says is worth more than its status.
            let said = String::from_utf8_lossy(&response.body);
            let error = match said.trim() {
                "" => Error::new(Kind::Script, text),
                said => Error::new(Kind::Script, said.to_owned()).wrap(Kind::Script, text),
            };
            Some(vec![Answer::Err(error)])
        };
        let is_good = response.status == 200;
        match &self.kind {
            Stage::Write if !is_good => failed(""),
            Stage::Write => Some(vec![Answer::End]),
            Stage::DryRun(_) if !is_good => failed("dryrun request "),
            Stage::DryRun(delete) => {
                let Some(expected) = delete.expected else {
                    return Some(series(&response.body));
                };
                let count = lines(&response.body).count();
                if i64::try_from(count).unwrap_or(i64::MAX) > expected {
                    let message = format!(
                        "expected at most {expected} Geo Time Series to be deleted but {count} \
                         would have been deleted instead."
                    );
                    return Some(vec![Answer::Err(Error::new(Kind::Script, message))]);
                }
                if count == 0 {
                    return Some(counted(0));
                }
                let head = delete_head(config, delete, false);
                self.id = call(work, request, head, Bytes::new());
                self.kind = Stage::Delete;
                None
            }
            Stage::Delete if !is_good => failed("actual request "),
            Stage::Delete => Some(counted(lines(&response.body).count())),
        }
    }

    /// Nobody waits for it any more. What was sent is done all the same.
    pub(super) fn cancel(&self, work: &mut Work) {
        work.calls.remove(&self.id);
    }
}

/// Asks ingress.
fn call(work: &mut Work, request: RequestId, head: RequestHead, body: Bytes) -> ActionId {
    let id = work.ids.next_id();
    work.calls.insert(id, request);
    work.effects.push_back(Effect::Peer(PeerAction::Call { id, head, body }));
    id
}

fn delete_head(config: &EgressConfig, delete: &Delete, dry_run: bool) -> RequestHead {
    let mut query = match &delete.range {
        Some((start, end)) => {
            format!("end={}&start={}", percent::encode(end), percent::encode(start))
        }
        None => "deleteall=true".to_owned(),
    };
    query += &format!("&selector={}", percent::encode(&delete.selector).replace('+', "%2B"));
    if dry_run {
        query += "&dryrun=true";
    }
    let token = (config.headers.token.to_ascii_lowercase(), delete.token.to_string());
    RequestHead {
        method: "GET".to_owned(),
        path: "/api/v0/delete".to_owned(),
        query,
        headers: vec![token],
    }
}

fn lines(body: &[u8]) -> impl Iterator<Item = &[u8]> {
    let lines = body.split(|byte| *byte == b'\n');
    lines.map(<[u8]>::trim_ascii).filter(|line| !line.is_empty())
}

fn counted(count: usize) -> Vec<Answer> {
    vec![Answer::Chunk(Chunk::Count(count as u64)), Answer::End]
}

/// The series that a delete tells.
fn series(body: &[u8]) -> Vec<Answer> {
    let mut series = Vec::new();
    for line in lines(body) {
        match parse_metadata(line) {
            Ok(Some(metadata)) => series.push(metadata),
            _ => {
                let line = String::from_utf8_lossy(line);
                let text = format!("got invalid Metadata from the delete endpoint: {line}");
                return vec![Answer::Err(Error::new(Kind::Script, text))];
            }
        }
    }
    let mut answers = Vec::new();
    while !series.is_empty() {
        let rest = series.split_off(series.len().min(SERIES_MAX));
        answers.push(Answer::Chunk(Chunk::Metadata(std::mem::replace(&mut series, rest))));
    }
    answers.push(Answer::End);
    answers
}

/// The phrase of a status, as the reference's server has them.
const fn reason(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        413 => "Payload Too Large",
        429 => "Too Many Requests",
        503 => "Service Unavailable",
        _ => "Server Error",
    }
}
