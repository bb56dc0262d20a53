//! One find: series, listed.

use std::collections::VecDeque;

use bytes::Bytes;
use weft_gts::Metadata;
use weft_gts::selector::{Selector, SelectorText};
use weft_gts::text::{write_labels, write_name};
use weft_wire::token::uuid;

use super::access::Reader;
use super::config::EgressConfig;
use super::error::Refusal;
use super::fetch_request::number;
use super::formats::json::write_json_metadata;
use super::{Step, UNSENT_MAX, Work};
use crate::contract::Effect;
use crate::contract::http::{HttpAction, RequestHead, RequestId};
use crate::contract::peer::FindRequest;
use crate::cors;
use crate::directory_client::{FindEvent, FindId};
use crate::params::Params;
use crate::time::Now;

/// The attribute that shows a series' id.
const UUID_ATTRIBUTE: &str = ".uuid";

/// Bytes that are not sent before a selector that is none: what a response of the reference holds.
const HELD_MAX: usize = 32 << 10;

/// A find that is served.
#[derive(Debug)]
pub(super) struct Find {
    /// Those that were not asked for yet.
    selectors: VecDeque<Result<SelectorText, Refusal>>,
    /// Without selectors.
    request: FindRequest,
    /// The find under way, and whether an event of it is to come.
    current: Option<(FindId, bool)>,
    /// What the token's scope leaves.
    scope: Option<Selector>,
    skip: u64,
    count: u64,
    is_json: bool,
    show_attributes: bool,
    show_uuid: bool,
    sort: bool,
    expose: bool,
    show_errors: bool,
    /// What is not sent yet.
    out: Vec<u8>,
    /// Whether any series was listed.
    has_series: bool,
    has_answered: bool,
    /// Pieces of the response that the client has not taken.
    unsent: usize,
    failed: Option<Refusal>,
}

impl Find {
    /// Checks the parameters in the order in which the reference does.
    pub(super) fn new(
        config: &EgressConfig,
        head: &RequestHead,
        params: &Params,
        now: Now,
    ) -> Result<Self, Refusal> {
        let window =
            |name: &str| params.get(name).map(number).transpose().map_err(|_| Refusal::FindWindow);
        let skip = window("gskip")?.unwrap_or(0);
        let limit = window("limit")?;
        let count = window("gcount")?.or(limit).unwrap_or(i64::MAX);
        let token = params.get("token").or_else(|| head.header(&config.headers.token));
        let token = token.ok_or(Refusal::FindTokenMissing)?;
        let moment = |name: &str| params.get(name).map(number).transpose();
        let (active_after, quiet_after) = (moment("activeafter")?, moment("quietafter")?);
        let reader = Reader::for_find(config, Some(token), now.wall.as_ms())?;
        let selectors = reader.find_selectors(params.get("selector"))?;
        let is_json = params.get("format") == Some("json");
        Ok(Self {
            selectors: selectors.into(),
            request: FindRequest { active_after, quiet_after, ..FindRequest::default() },
            current: None,
            scope: reader.scope_of_request(config.absent_labels)?,
            skip: u64::try_from(skip).unwrap_or(0),
            count: u64::try_from(count).unwrap_or(0),
            is_json,
            show_attributes: params.get("showattr") != Some("false"),
            show_uuid: params.is_true("showuuid"),
            sort: params.is_true("sortmeta"),
            expose: config.expose_owner_producer || reader.exposes(),
            show_errors: params.has("showerrors"),
            out: if is_json { b"[\n".to_vec() } else { Vec::new() },
            has_series: false,
            has_answered: false,
            unsent: 0,
            failed: None,
        })
    }

    pub(super) const fn has_answered(&self) -> bool {
        self.has_answered
    }

    pub(super) const fn shows_errors(&self) -> bool {
        self.show_errors
    }

    /// The client has taken everything so far.
    pub(super) const fn drained(&mut self) {
        self.unsent = 0;
    }

    /// Series were found, or there are no more.
    pub(super) fn found(&mut self, event: FindEvent) {
        match event {
            FindEvent::Failed(message) => {
                self.current = None;
                self.failed = Some(Refusal::Unavailable(message));
            }
            FindEvent::End | FindEvent::Counted(_) => self.current = None,
            FindEvent::Found(series) => {
                if let Some((_, is_wanted)) = &mut self.current {
                    *is_wanted = false;
                }
                for metadata in series {
                    if self.scope.as_ref().is_some_and(|scope| !scope.matches(&metadata)) {
                        continue;
                    }
                    if self.skip > 0 {
                        self.skip -= 1;
                    } else if self.count > 0 {
                        self.count -= 1;
                        self.list(metadata);
                    }
                }
            }
        }
    }

    /// Does what can be done now.
    pub(super) fn advance(&mut self, work: &mut Work, request: RequestId) -> Step {
        if let Some(refusal) = self.failed.take() {
            return Step::Failed(refusal);
        }
        if self.count == 0 {
            self.cancel(work);
            self.current = None;
            self.selectors.clear();
        }
        let is_complete = self.current.is_none() && self.selectors.is_empty();
        if is_complete && self.is_json {
            self.out.extend_from_slice(b"\n]\n");
        }
        // Nothing goes out before the first series was found, and little before a selector that is
        // none: until then an error has a status.
        let is_held = self.selectors.iter().any(Result::is_err) && self.out.len() < HELD_MAX;
        if (self.has_series && !is_held || is_complete) && !self.out.is_empty() {
            self.send(work, request);
        }
        if is_complete {
            self.answer(work, request);
            return Step::Done;
        }
        if self.unsent >= UNSENT_MAX {
            return Step::Wait;
        }
        if let Some((id, is_wanted)) = &mut self.current {
            if !std::mem::replace(is_wanted, true) {
                work.directory.next(*id);
            }
        } else if let Some(selector) = self.selectors.pop_front() {
            let selector = match selector {
                Ok(selector) => selector,
                Err(refusal) => return Step::Failed(refusal),
            };
            let find = FindRequest { selectors: vec![selector], ..self.request.clone() };
            match work.directory.find(&find, &mut work.ids) {
                Ok(id) => {
                    work.finds.insert(id, request);
                    self.current = Some((id, true));
                }
                Err(message) => return Step::Failed(Refusal::Unavailable(message)),
            }
        }
        Step::Wait
    }

    /// Nobody wants the rest.
    pub(super) fn cancel(&self, work: &mut Work) {
        if let Some((id, _)) = self.current {
            work.finds.remove(&id);
            work.directory.cancel(id);
        }
    }

    fn list(&mut self, mut metadata: Metadata) {
        if self.show_uuid {
            let mut id = [0; 16];
            id[..8].copy_from_slice(&metadata.id.class_id.to_be_bytes());
            id[8..].copy_from_slice(&metadata.id.labels_id.to_be_bytes());
            metadata.attributes.insert(UUID_ATTRIBUTE, uuid(&id));
        }
        if self.sort {
            metadata.labels.sort();
            metadata.attributes.sort();
        }
        let is_first = !std::mem::replace(&mut self.has_series, true);
        let out = &mut self.out;
        if self.is_json {
            if !is_first {
                out.extend_from_slice(b",\n");
            }
            write_json_metadata(out, &metadata, &metadata.attributes, self.expose);
            return;
        }
        write_name(out, metadata.class());
        write_labels(out, &metadata.labels, self.expose);
        if self.show_attributes {
            write_labels(out, &metadata.attributes, true);
        }
        out.push(b'\n');
    }

    fn send(&mut self, work: &mut Work, request: RequestId) {
        self.answer(work, request);
        self.unsent += 1;
        let bytes = Bytes::from(std::mem::take(&mut self.out));
        work.effects.push_back(Effect::Http(HttpAction::Body { request, bytes }));
    }

    /// Begins the response, if it has not begun.
    fn answer(&mut self, work: &mut Work, request: RequestId) {
        if !std::mem::replace(&mut self.has_answered, true) {
            let head = cors::ok_response();
            work.effects.push_back(Effect::Http(HttpAction::Head { request, head }));
        }
    }
}
