//! How deletes are served: from the directory that finds series to the log, chunk by chunk.

use bytes::Bytes;

use super::delete::Stage;
use super::{DIRECTORY_PATIENCE, Ingress, Request};
use crate::applied::Progress;
use crate::contract::Effect;
use crate::contract::http::{HttpAction, RequestId};
use crate::cors;
use crate::directory_client::{FindEvent, FindId};
use crate::time::Now;

impl Ingress {
    pub(super) fn advance_delete(&mut self, now: Now, request: RequestId) {
        let Some(Request::Delete(delete)) = self.requests.get_mut(&request) else { return };
        match &delete.stage {
            Stage::Received => match delete.plan(&self.config, now) {
                Ok(plan) => {
                    delete.stage = Stage::Settling(plan);
                    for action in self.applied.begin(now, request, &mut self.ids) {
                        self.effects.push_back(Effect::Log(action));
                    }
                    self.settle_delete(now, request);
                }
                Err((status, message)) => self.refuse(request, status, &message),
            },
            Stage::Settling(_) => self.settle_delete(now, request),
            Stage::Deleting(..) => self.delete_on(now, request),
            Stage::Receiving | Stage::Finding(..) | Stage::Listing(..) => {}
        }
    }

    /// Finds the series once the directory knows what was acknowledged before.
    fn settle_delete(&mut self, now: Now, request: RequestId) {
        let (is_ready, progress) = (self.is_ready(), self.applied.progress(now, request));
        let Some(Request::Delete(delete)) = self.requests.get_mut(&request) else { return };
        let Stage::Settling(plan) = &delete.stage else { return };
        match progress {
            Progress::Waiting => {}
            // It goes on once the topics are known, as uploads do.
            Progress::Reached if !is_ready => {}
            Progress::Failed(message) => self.refuse(request, 503, &message),
            Progress::Reached => match self.directory.find(&plan.find_request(), &mut self.ids) {
                Ok(find) => delete.stage = Stage::Finding(plan.clone(), find),
                Err(message) => {
                    let patience = now.mono.after(DIRECTORY_PATIENCE);
                    let until = *delete.patience.get_or_insert(patience);
                    if until <= now.mono {
                        return self.refuse(request, 503, &message);
                    }
                    self.unsettled.insert((until, request));
                }
            },
        }
    }

    /// After the datapoints of a chunk go its metadata and its datapoints once more, then it is
    /// listed.
    fn delete_on(&mut self, now: Now, request: RequestId) {
        let Some(Request::Delete(delete)) = self.requests.get_mut(&request) else { return };
        let records = delete.take_next();
        if records.is_empty() {
            return self.list_delete(request);
        }
        let (appends, _) = self.append_all(now, request, records);
        if let Some(Request::Delete(delete)) = self.requests.get_mut(&request) {
            delete.appending(appends);
        }
    }

    /// Lists the chunk that the log acknowledged.
    fn list_delete(&mut self, request: RequestId) {
        let Some(Request::Delete(delete)) = self.requests.get_mut(&request) else { return };
        let Some(deleted) = delete.deleted() else { return };
        match deleted {
            Err(message) => self.fail_delete(request, 503, &message),
            Ok(lines) => {
                let is_done = delete.is_done();
                let begins = !std::mem::replace(&mut delete.has_answered, true);
                if begins {
                    let head = cors::text_response();
                    self.effects.push_back(Effect::Http(HttpAction::Head { request, head }));
                }
                if is_done {
                    delete.cancel(&mut self.directory);
                } else if lines.is_empty()
                    && let Some(find) = delete.drained()
                {
                    self.directory.next(find);
                }
                if !lines.is_empty() {
                    let bytes = Bytes::from(lines);
                    self.effects.push_back(Effect::Http(HttpAction::Body { request, bytes }));
                }
                if is_done {
                    self.end_delete(request);
                }
            }
        }
    }

    fn end_delete(&mut self, request: RequestId) {
        let Some(Request::Delete(delete)) = self.requests.remove(&request) else { return };
        if !delete.has_answered {
            return self.answer(request, cors::text_response(), Bytes::new());
        }
        self.effects.push_back(Effect::Http(HttpAction::End { request }));
        self.finish_stop();
    }

    /// An answer that has begun cannot become an error any more: it is cut off.
    fn fail_delete(&mut self, request: RequestId, status: u16, message: &str) {
        let Some(Request::Delete(delete)) = self.requests.get(&request) else { return };
        delete.cancel(&mut self.directory);
        if !delete.has_answered {
            return self.refuse(request, status, message);
        }
        self.requests.remove(&request);
        self.effects.push_back(Effect::Http(HttpAction::Abort { request }));
        self.effects.push_back(Effect::Warn(format!("ingress: a delete failed: {message}")));
        self.finish_stop();
    }

    /// What the directory found goes to the deletes that asked.
    pub(super) fn found(&mut self, now: Now) {
        while let Some((find, event)) = self.directory.poll_find() {
            let Some(request) = self.delete_of(find) else { continue };
            match event {
                FindEvent::Failed(message) => self.fail_delete(request, 503, &message),
                FindEvent::End | FindEvent::Counted(_) => self.end_delete(request),
                FindEvent::Found(series) => {
                    let Some(Request::Delete(delete)) = self.requests.get_mut(&request) else {
                        continue;
                    };
                    let records = delete.found(&self.config, series);
                    let (appends, _) = self.append_all(now, request, records);
                    if let Some(Request::Delete(delete)) = self.requests.get_mut(&request) {
                        delete.appending(appends);
                    }
                    self.advance(now, request);
                }
            }
        }
    }

    fn delete_of(&self, find: FindId) -> Option<RequestId> {
        self.requests.iter().find_map(|(request, state)| match state {
            Request::Delete(delete) if delete.find() == Some(find) => Some(*request),
            _ => None,
        })
    }
}
