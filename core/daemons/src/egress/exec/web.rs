//! Calls of scripts to the outside: WEBCALL, which go out through the log, and HTTP, URLFETCH and REXEC.

use core::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use weft_gts::Labels;
use weft_warpscript::error::{Error, Kind};
use weft_warpscript::requests::{Answer, Chunk, Hosts, Http};
use weft_wire::envelope::Envelope;
use weft_wire::thrift::WebCallRequest;

use super::super::{EgressConfig, RequestId, Work};
use crate::contract::log::{LogAction, LogError, NewRecord, Topic};
use crate::contract::peer::WebResponse;
use crate::contract::{ActionId, Effect};
use crate::time::Now;
use crate::webcall::outcall::{Asked, Next, Outcall, OutcallError};
use crate::webcall::target::{Allowed, Target};

/// What the configuration says of calls to the outside.
#[derive(Clone, Debug)]
pub struct WebConfig {
    /// Where WEBCALLs go: `webcall.kafka.topic`, `.mac`, `.aes`; `None` when nobody would make them.
    pub webcalls: Option<(Topic, Envelope)>,
    /// Hosts of WEBCALL: `webcall.host.patterns`, `weft.webcall.inside`.
    pub allowed: Allowed,
    /// Hosts of HTTP: `warpscript.http.host.patterns`, or those of WEBCALL.
    pub allowed_http: Allowed,
    /// Hosts of URLFETCH: `warpscript.urlfetch.host.patterns`, or those of WEBCALL.
    pub allowed_urlfetch: Allowed,
    /// Hosts of REXEC: `warpscript.rexec.endpoint.patterns`, or those of WEBCALL.
    pub allowed_rexec: Allowed,
    /// `weft.webcall.timeout`.
    pub time_max: Duration,
    /// `warpscript.rexec.timeout.read`: how long another platform may take for a script.
    pub rexec_time_max: Duration,
}

impl WebConfig {
    fn allowed(&self, hosts: Hosts) -> &Allowed {
        match hosts {
            Hosts::WebCall => &self.allowed,
            Hosts::Http => &self.allowed_http,
            Hosts::UrlFetch => &self.allowed_urlfetch,
            Hosts::Rexec => &self.allowed_rexec,
        }
    }
}

/// A call under way.
#[derive(Debug)]
pub(super) struct Web {
    hosts: Hosts,
    /// The action that is waited for.
    id: ActionId,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// It is asked how many partitions there are.
    Describe {
        uuid: Arc<str>,
        value: Bytes,
    },
    Append {
        uuid: Arc<str>,
    },
    Out(Box<Outcall>),
}

/// An outcome of what a call asked for.
#[derive(Debug)]
pub(in super::super) enum Told {
    Described(Result<u32, LogError>),
    Appended(Result<(), LogError>),
    Resolved(Result<Vec<IpAddr>, String>),
    Answered(Result<Box<WebResponse>, String>),
}

impl Web {
    /// Begins a call.
    pub(super) fn begin(
        config: &EgressConfig,
        work: &mut Work,
        request: RequestId,
        call: Http,
        now: Now,
    ) -> Result<Self, Error> {
        let Some(web) = &config.exec.web else {
            return Err(failed("cannot call out: this platform does not do it."));
        };
        match call.token.clone() {
            Some(token) => Self::webcall(config, web, work, request, &token, call, now),
            None => Self::http(web, work, request, call),
        }
    }

    fn webcall(
        config: &EgressConfig,
        web: &WebConfig,
        work: &mut Work,
        request: RequestId,
        token: &str,
        call: Http,
        now: Now,
    ) -> Result<Self, Error> {
        let Some((topic, envelope)) = &web.webcalls else {
            return Err(failed("is unable to forward WebCall request: no topic is configured."));
        };
        // What is not allowed is refused at once; addresses are looked at when it is made.
        let checked = Target::parse(&call.url).and_then(|target| web.allowed.check(&target));
        checked.map_err(|error| failed(&error.to_string()))?;
        config
            .tokens
            .write_token(Some(token), now.wall.as_ms())
            .map_err(|error| failed(&error.to_string()))?;
        let uuid: Arc<str> = draw_uuid(work).into();
        let body = String::from_utf8_lossy(&call.body).into_owned();
        let headers = call.headers.iter().map(|(name, value)| (&**name, &**value));
        let message = WebCallRequest {
            timestamp_ms: now.wall.as_ms(),
            stack_uuid: Some(draw_uuid(work)),
            webcall_uuid: Some(uuid.to_string()),
            token: Some(token.to_owned()),
            url: Some(call.url.to_string()),
            method: if &*call.method == "POST" { 2 } else { 1 },
            headers: Some(headers.collect::<Labels>()),
            body: Some(body),
        };
        let value = Bytes::from(envelope.seal(&message.encode()));
        let id = work.ids.next_id();
        work.outside.insert(id, request);
        if let Some(partitions) = work.webcall_partitions {
            append(work, id, topic, value, partitions);
            return Ok(Self { hosts: call.hosts, id, stage: Stage::Append { uuid } });
        }
        let topic = topic.clone();
        work.effects.push_back(Effect::Log(LogAction::Describe { id, topic }));
        Ok(Self { hosts: call.hosts, id, stage: Stage::Describe { uuid, value } })
    }

    fn http(
        web: &WebConfig,
        work: &mut Work,
        request: RequestId,
        call: Http,
    ) -> Result<Self, Error> {
        let pair = |(name, value): &(Arc<str>, Arc<str>)| (name.to_string(), value.to_string());
        let asked = Asked {
            method: call.method.to_string(),
            headers: call.headers.iter().map(pair).collect(),
            body: call.body.into(),
            time_max: match call.hosts {
                Hosts::Rexec => web.rexec_time_max,
                _ => web.time_max,
            },
            answer_bytes_max: call.answer_bytes_max,
            may_cut: false,
        };
        let (hosts, allowed) = (call.hosts, web.allowed(call.hosts));
        let outcall = Outcall::new(&call.url, asked, allowed);
        let mut outcall = outcall.map_err(|error| refused(&error))?;
        match outcall.begin(allowed, &mut work.ids) {
            Next::Done(Err(error)) => Err(refused(&error)),
            Next::Done(Ok(_)) => Err(failed("has no answer.")),
            Next::Do(action) => {
                let id = outcall.id;
                work.outside.insert(id, request);
                work.effects.push_back(Effect::Peer(action));
                Ok(Self { hosts, id, stage: Stage::Out(Box::new(outcall)) })
            }
        }
    }

    /// An outcome is there. Nothing when more is to come.
    pub(super) fn told(
        &mut self,
        config: &EgressConfig,
        work: &mut Work,
        request: RequestId,
        id: ActionId,
        told: Told,
    ) -> Option<Vec<Answer>> {
        let web = config.exec.web.as_ref().filter(|_| id == self.id)?;
        let forward = |error: LogError| {
            let error = Error::new(Kind::Script, error.to_string());
            let error = error.wrap(Kind::Script, "unable to forward WebCall request.");
            Some(vec![Answer::Err(error)])
        };
        match (&mut self.stage, told) {
            (Stage::Describe { uuid, value }, Told::Described(Ok(partitions)))
                if partitions > 0 =>
            {
                let (uuid, value) = (uuid.clone(), std::mem::take(value));
                work.webcall_partitions = Some(partitions);
                let (topic, _) = web.webcalls.as_ref()?;
                self.id = work.ids.next_id();
                work.outside.insert(self.id, request);
                append(work, self.id, topic, value, partitions);
                self.stage = Stage::Append { uuid };
                None
            }
            (Stage::Describe { .. }, Told::Described(result)) => forward(
                result.err().unwrap_or_else(|| LogError::Refused("no partition".to_owned())),
            ),
            (Stage::Append { uuid }, Told::Appended(Ok(()))) => {
                Some(vec![Answer::Chunk(Chunk::Name(uuid.clone())), Answer::End])
            }
            (Stage::Append { .. }, Told::Appended(Err(error))) => forward(error),
            (Stage::Out(outcall), Told::Resolved(result)) => {
                let next = outcall.resolved(web.allowed(self.hosts), result, &mut work.ids);
                self.go_on(work, request, next)
            }
            (Stage::Out(outcall), Told::Answered(result)) => {
                let next = outcall.answered(web.allowed(self.hosts), result, &mut work.ids);
                self.go_on(work, request, next)
            }
            _ => None,
        }
    }

    fn go_on(&mut self, work: &mut Work, request: RequestId, next: Next) -> Option<Vec<Answer>> {
        match next {
            Next::Do(action) => {
                if let Stage::Out(outcall) = &self.stage {
                    self.id = outcall.id;
                }
                work.outside.insert(self.id, request);
                work.effects.push_back(Effect::Peer(action));
                None
            }
            Next::Done(Ok(WebResponse { status, reason, headers, body })) => {
                let body = body.to_vec();
                let chunk = Chunk::Http { status, reason, headers, body };
                Some(vec![Answer::Chunk(chunk), Answer::End])
            }
            Next::Done(Err(error)) => Some(vec![Answer::Err(refused(&error))]),
        }
    }

    /// Nobody waits for it any more. What was sent is done all the same.
    pub(super) fn cancel(&self, work: &mut Work) {
        work.outside.remove(&self.id);
    }
}

fn append(work: &mut Work, id: ActionId, topic: &Topic, value: Bytes, partitions: u32) {
    let partition = (work.draw() % u64::from(partitions)) as u32;
    let records = vec![NewRecord { partition, key: Bytes::new(), value }];
    let topic = topic.clone();
    work.effects.push_back(Effect::Log(LogAction::Append { id, topic, records }));
}

/// A random UUID.
pub(super) fn draw_uuid(work: &mut Work) -> String {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&work.random.draw(0).to_be_bytes());
    bytes[8..].copy_from_slice(&work.random.draw(1).to_be_bytes());
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    weft_wire::token::uuid(&bytes)
}

fn failed(message: &str) -> Error {
    Error::new(Kind::Script, message.to_owned())
}

fn refused(error: &OutcallError) -> Error {
    match error {
        OutcallError::Target(_) | OutcallError::Request => failed(&error.to_string()),
        OutcallError::Failed(_) | OutcallError::Redirects => {
            let cause = failed(&error.to_string());
            cause.wrap(Kind::Script, "encountered an error while making an HTTP request")
        }
    }
}
