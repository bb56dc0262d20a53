//! Calls of coprocessor services, region by region, and of the master.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::core::{Attempts, Core, EXEC_SERVICE, Failure, Method, Purpose, Wake};
use super::{Effect, Exec, MasterCall, OpId};
use crate::error::{Error, Remedy};
use crate::pb;
use crate::region::{Address, Place, Region};
use crate::rpc::Answer;

/// A call of every region of a range, one after the other.
#[derive(Debug)]
pub(super) struct Executing {
    of: Exec,
    attempts: Attempts,
    sent: Option<(u64, Arc<Region>)>,
    token_last: u64,
    answers: Vec<Bytes>,
}

impl Executing {
    pub(super) const fn new(of: Exec, attempts: Attempts) -> Self {
        Self { of, attempts, sent: None, token_last: 0, answers: Vec::new() }
    }

    pub(super) const fn attempts(&self) -> &Attempts {
        &self.attempts
    }

    /// True when it is over.
    pub(super) fn wake(&mut self, core: &mut Core, now: Duration, id: OpId, wake: Wake) -> bool {
        let result = match wake {
            Wake::Go => {
                self.attempts.waited();
                Ok(false)
            }
            Wake::Located(Ok(())) | Wake::Renew => Ok(false),
            Wake::Located(Err(failure)) => {
                self.attempts.again(core, now, id, &failure).map(|()| false)
            }
            Wake::Answered(token, result) => self.answered(core, now, id, token, result),
            Wake::Deadline => self.attempts.check_deadline(core, now, id).map(|()| false),
        };
        let result = match result {
            Ok(false) => {
                self.go_on(core, now, id);
                return false;
            }
            Ok(true) => Ok(std::mem::take(&mut self.answers)),
            Err(error) => Err(error),
        };
        core.effects.push_back(Effect::Executed(id, result));
        true
    }

    fn go_on(&mut self, core: &mut Core, now: Duration, id: OpId) {
        if self.sent.is_some() || self.attempts.is_waiting() {
            return;
        }
        let place = Place::At(self.of.range.start.clone());
        let Some(region) = core.find(now, id, &self.of.table, place) else { return };
        let call = pb::CoprocessorServiceCall {
            row: self.of.range.start.clone(),
            service_name: self.of.service.to_owned(),
            method_name: self.of.method.to_owned(),
            request: self.of.request.clone(),
        };
        let request = pb::CoprocessorServiceRequest { region: region.specifier(), call };
        self.token_last += 1;
        let purpose = Purpose::Operation(id, self.token_last);
        // What a service does may take long: nothing but the operation's end ends it.
        let timeout = self.attempts.time_left(now);
        let none = std::iter::empty();
        core.call(now, (&region.server, EXEC_SERVICE), &request, none, purpose, timeout);
        self.sent = Some((self.token_last, region));
    }

    /// True when that was the last region.
    fn answered(
        &mut self,
        core: &mut Core,
        now: Duration,
        id: OpId,
        token: u64,
        result: Result<Answer, Failure>,
    ) -> Result<bool, Error> {
        let Some((_, region)) = self.sent.take_if(|(sent, _)| *sent == token) else {
            return Ok(false);
        };
        match result {
            Ok(answer) => {
                let response: pb::CoprocessorServiceResponse =
                    answer.decode().map_err(|error| Error::Malformed(error.to_string()))?;
                self.answers.push(response.value.value.unwrap_or_default());
                self.attempts.progress(core, now);
                let stop = &self.of.range.stop;
                let is_last = region.end.is_empty() || (!stop.is_empty() && region.end >= *stop);
                self.of.range.start = region.end.clone();
                Ok(is_last)
            }
            Err(failure) => {
                core.learn(&self.of.table, &region, &failure);
                match failure.remedy() {
                    Remedy::Refuse => Err(failure.into_error()),
                    _ => self.attempts.again(core, now, id, &failure).map(|()| false),
                }
            }
        }
    }
}

/// A call of the active master.
#[derive(Debug)]
pub(super) struct Mastering {
    of: MasterCall,
    attempts: Attempts,
    sent: Option<(u64, Address)>,
    token_last: u64,
}

impl Mastering {
    pub(super) const fn new(of: MasterCall, attempts: Attempts) -> Self {
        Self { of, attempts, sent: None, token_last: 0 }
    }

    pub(super) const fn attempts(&self) -> &Attempts {
        &self.attempts
    }

    /// True when it is over.
    pub(super) fn wake(&mut self, core: &mut Core, now: Duration, id: OpId, wake: Wake) -> bool {
        let result = match wake {
            Wake::Go => {
                self.attempts.waited();
                Ok(None)
            }
            Wake::Located(Ok(())) | Wake::Renew => Ok(None),
            Wake::Located(Err(failure)) => {
                self.attempts.again(core, now, id, &failure).map(|()| None)
            }
            Wake::Answered(token, result) => self.answered(core, now, id, token, result),
            Wake::Deadline => self.attempts.check_deadline(core, now, id).map(|()| None),
        };
        let result = match result {
            Ok(None) => {
                self.go_on(core, now, id);
                return false;
            }
            Ok(Some(answer)) => Ok(vec![answer]),
            Err(error) => Err(error),
        };
        core.effects.push_back(Effect::Executed(id, result));
        true
    }

    fn go_on(&mut self, core: &mut Core, now: Duration, id: OpId) {
        if self.sent.is_some() || self.attempts.is_waiting() {
            return;
        }
        let Some(master) = core.find_master(now, id) else { return };
        let method = Method { service: "MasterService", name: self.of.method };
        self.token_last += 1;
        let purpose = Purpose::Operation(id, self.token_last);
        let timeout = self.attempts.call_timeout(core, now);
        let none = std::iter::empty();
        let request = Raw(self.of.request.clone());
        core.call(now, (&master, method), &request, none, purpose, timeout);
        self.sent = Some((self.token_last, master));
    }

    fn answered(
        &mut self,
        core: &mut Core,
        now: Duration,
        id: OpId,
        token: u64,
        result: Result<Answer, Failure>,
    ) -> Result<Option<Bytes>, Error> {
        if self.sent.take_if(|(sent, _)| *sent == token).is_none() {
            return Ok(None);
        }
        match result {
            Ok(answer) => Ok(Some(answer.message)),
            Err(failure) => match failure.remedy() {
                Remedy::Refuse => Err(failure.into_error()),
                _ => {
                    core.forget_master();
                    self.attempts.again(core, now, id, &failure).map(|()| None)
                }
            },
        }
    }
}

/// A message that is encoded already.
#[derive(Clone, Debug, Default)]
struct Raw(Bytes);

impl prost::Message for Raw {
    fn encode_raw(&self, buffer: &mut impl bytes::BufMut) {
        buffer.put_slice(&self.0);
    }

    fn merge_field(
        &mut self,
        tag: u32,
        wire_type: prost::encoding::WireType,
        buffer: &mut impl bytes::Buf,
        context: prost::encoding::DecodeContext,
    ) -> Result<(), prost::DecodeError> {
        // It is never decoded.
        prost::encoding::skip_field(wire_type, tag, buffer, context)
    }

    fn encoded_len(&self) -> usize {
        self.0.len()
    }

    fn clear(&mut self) {
        self.0.clear();
    }
}
