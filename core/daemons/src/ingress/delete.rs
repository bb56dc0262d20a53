//! One `delete` request: finds the series, puts deletes into the log, and lists what it deleted.
//!
//! Series by series in chunks: a chunk is listed in the answer only after its deletes were
//! acknowledged, so what a client reads is what was deleted.

use std::sync::Arc;

use bytes::Bytes;
use weft_gts::Metadata;
use weft_gts::selector::{Selector, SelectorError, SelectorText};
use weft_gts::text::{parse_long, write_labels, write_series};
use weft_gts::time::{instant_end, parse_instant};
use weft_wire::thrift::{KafkaDataMessage, KafkaDataMessageType};

use super::config::IngressConfig;
use super::options::Refused;
use super::task::{Kind, OutRecord};
use super::writer::Writer;
use crate::contract::http::RequestHead;
use crate::contract::log::LogError;
use crate::contract::peer::FindRequest;
use crate::directory_client::{DirectoryClient, FindId};
use crate::messages::chain_after;
use crate::params::{FORM_BYTES_MAX, Params, is_form};
use crate::time::{Mono, Now};

const SERVER_ERROR: u16 = 500;

/// What stands before errors.
const PREFIX: &str = "Error when deleting data: ";

/// A delete that is served.
#[derive(Debug)]
pub(super) struct Delete {
    head: RequestHead,
    body: Vec<u8>,
    pub(super) stage: Stage,
    /// Until when it waits for a complete directory, once it had to.
    pub(super) patience: Option<Mono>,
    /// Lines of the chunk under way.
    lines: Vec<u8>,
    /// Metadata of the chunk under way that go once its datapoints are: a delete that fails
    /// halfway must not leave datapoints that nobody finds.
    metadata: Vec<OutRecord>,
    /// Deletes of whole series once more, for after their metadata: what another ingress wrote in
    /// between, without publishing the metadata again, goes with them.
    again: Vec<OutRecord>,
    appends: usize,
    failure: Option<String>,
    /// Whether the answer has begun.
    pub(super) has_answered: bool,
}

/// How far it is.
#[derive(Debug)]
pub(super) enum Stage {
    /// The body is not complete.
    Receiving,
    /// Wanted, and not begun.
    Received,
    /// Waits until the directory knows what was acknowledged.
    Settling(Plan),
    /// Waits for the directory.
    Finding(Plan, FindId),
    /// Waits for the log.
    Deleting(Plan, FindId),
    /// Waits until the client has read what was listed.
    Listing(Plan, FindId),
}

/// What is to be deleted.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    selector: SelectorText,
    /// What the token's scope leaves.
    scope: Option<Selector>,
    start: i64,
    end: i64,
    min_age_ms: i64,
    is_dry: bool,
    metadata_only: bool,
    /// Nothing of the series is left: its metadata goes as well.
    is_complete: bool,
    expose: bool,
    skip: u64,
    count: u64,
    active_after: Option<i64>,
    quiet_after: Option<i64>,
}

impl Delete {
    /// A delete whose body may follow.
    pub(super) fn new(head: &RequestHead) -> Self {
        Self {
            head: head.clone(),
            body: Vec::new(),
            stage: Stage::Receiving,
            patience: None,
            lines: Vec::new(),
            metadata: Vec::new(),
            again: Vec::new(),
            appends: 0,
            failure: None,
            has_answered: false,
        }
    }

    /// A piece of the body.
    pub(super) fn receive(&mut self, bytes: &Bytes) {
        if self.body.len() + bytes.len() <= FORM_BYTES_MAX {
            self.body.extend_from_slice(bytes);
        }
    }

    /// The body is complete.
    pub(super) fn ended(&mut self) {
        self.stage = Stage::Received;
    }

    /// The client has read everything so far.
    pub(super) fn drained(&mut self) -> Option<FindId> {
        let Stage::Listing(..) = self.stage else { return None };
        let Stage::Listing(plan, find) = std::mem::replace(&mut self.stage, Stage::Receiving)
        else {
            return None;
        };
        self.stage = Stage::Finding(plan, find);
        Some(find)
    }

    /// Reads head and body: what to delete, or why not.
    pub(super) fn plan(&self, config: &IngressConfig, now: Now) -> Result<Plan, Refused> {
        if config.reject_deletes {
            let message = "/api/v0/delete endpoint is not activated.".to_owned();
            return Err((SERVER_ERROR, message));
        }
        if let Some(reason) = &config.delete_disabled {
            return Err((403, reason.clone()));
        }
        let plain = |message: &str| (SERVER_ERROR, message.to_owned());
        let token = self.head.header(&config.headers.token);
        let token = token.ok_or_else(|| plain("Missing token."))?;
        let writer = Writer::new(config, Some(token), now.wall.as_ms())
            .map_err(|error| plain(&error.to_string()))?;
        if writer.attribute(".nodelete").is_some() {
            return Err(plain("Token cannot be used for deletions."));
        }
        if !writer.owns_what_it_produces() {
            return Err(plain("Invalid write token for deletion."));
        }
        let mut form = Params::parse(&self.head.query);
        if is_form(&self.head.method, self.head.header("content-type")) {
            form.extend(&self.body);
        }
        self.plan_of(config, &writer, &form)
    }

    fn plan_of(
        &self,
        config: &IngressConfig,
        writer: &Writer,
        form: &Params,
    ) -> Result<Plan, Refused> {
        let plain = |message: &str| (SERVER_ERROR, message.to_owned());
        let bad = |messages: &[&str]| (SERVER_ERROR, chain_after(PREFIX, messages));
        let (start, end) = (form.get("start"), form.get("end"));
        if start.is_some() != end.is_some() {
            return Err(plain("Both start and end should be defined."));
        }
        let tick = |text: Option<&str>, otherwise: i64| match text {
            None => Ok(otherwise),
            Some(text) if text.contains('T') => parse_instant(text, config.unit).map_err(|error| {
                let at = instant_end(text);
                bad(&[&format!("{error} (Text '{text}' could not be parsed at index {at})")])
            }),
            Some(text) => number(text).map_err(|message| bad(&[&message])),
        };
        let has_range = start.is_some();
        let (start, end) = (tick(start, i64::MIN)?, tick(end, i64::MAX)?);
        let metadata_only = form.get("metaonly").is_some();
        if !has_range && form.get("deleteall").is_none() && !metadata_only {
            return Err(plain(
                "Parameter deleteall or metaonly should be set when no time range is specified.",
            ));
        }
        if metadata_only && !config.delete_metadata_only {
            return Err(plain(
                "Parameter metaonly cannot be used as metaonly support is not enabled.",
            ));
        }
        if metadata_only && has_range {
            return Err(plain("Parameter metaonly can only be set if no range is specified."));
        }
        if start > end {
            return Err(plain("Invalid time range specification."));
        }
        let long = |name: &str| {
            let parsed = form.get(name).map(number).transpose();
            parsed.map_err(|message| bad(&[&message]))
        };
        let min_age_ms = long("minage")?.unwrap_or(0);
        if min_age_ms < 0 {
            return Err(plain("Invalid value for 'minage', expected a number of ms >= 0"));
        }
        let selector =
            form.get("selector").ok_or_else(|| bad(&["Missing 'selector' parameter."]))?;
        let (active_after, quiet_after) = (long("activeafter")?, long("quietafter")?);
        if (active_after.is_some() || quiet_after.is_some()) && !config.delete_by_activity {
            return Err(plain("Activity based selection is disabled by configuration."));
        }
        Ok(Plan {
            selector: restricted(selector, writer)?,
            scope: writer.scope().map_err(|message| bad(&[&message]))?,
            start,
            end,
            min_age_ms,
            is_dry: form.get("dryrun").is_some(),
            metadata_only,
            // A range, however wide, leaves the series: what stays findable can be written again.
            is_complete: !has_range && min_age_ms == 0,
            expose: config.expose_owner_producer || writer.attribute(".expose").is_some(),
            skip: long("gskip")?.map_or(0, |skip| skip.max(0) as u64),
            count: long("gcount")?.map_or(u64::MAX, |count| count.max(0) as u64),
            active_after,
            quiet_after,
        })
    }

    /// Series were found: the records that delete them.
    pub(super) fn found(
        &mut self,
        config: &Arc<IngressConfig>,
        series: Vec<Metadata>,
    ) -> Vec<OutRecord> {
        let Stage::Finding(plan, find) = std::mem::replace(&mut self.stage, Stage::Receiving)
        else {
            return Vec::new();
        };
        let mut plan = plan;
        let mut records = Vec::new();
        for metadata in series {
            if plan.scope.as_ref().is_some_and(|scope| !scope.matches(&metadata)) {
                continue;
            }
            if plan.skip > 0 {
                plan.skip -= 1;
                continue;
            }
            if plan.count == 0 {
                break;
            }
            plan.count -= 1;
            self.list(&metadata, plan.expose);
            if plan.is_dry {
                continue;
            }
            let metadata = Arc::new(metadata);
            if !plan.metadata_only {
                let record = delete_record(config, &plan, &metadata);
                if plan.is_complete {
                    let kind = Kind::DeletedAgain(metadata.clone());
                    self.again.push(OutRecord { kind, ..record.clone() });
                }
                records.push(record);
            }
            if plan.is_complete {
                let kind = Kind::Removed((!plan.metadata_only).then(|| metadata.clone()));
                self.metadata.push(OutRecord::deleted(config, &metadata, kind));
            }
        }
        self.stage = Stage::Deleting(plan, find);
        records
    }

    /// So many appends are under way.
    pub(super) const fn appending(&mut self, appends: usize) {
        self.appends += appends;
    }

    /// Records were acknowledged, or were not.
    pub(super) fn appended(&mut self, result: Result<(), LogError>) {
        self.appends -= 1;
        if let Err(error) = result {
            self.failure.get_or_insert_with(|| chain_after(PREFIX, &[&error.to_string()]));
        }
    }

    /// What is to go next now that everything so far was acknowledged: metadata, then datapoints
    /// once more.
    pub(super) fn take_next(&mut self) -> Vec<OutRecord> {
        let is_next = matches!(self.stage, Stage::Deleting(..))
            && self.appends == 0
            && self.failure.is_none();
        match (is_next, self.metadata.is_empty()) {
            (false, _) => Vec::new(),
            (true, false) => std::mem::take(&mut self.metadata),
            (true, true) => std::mem::take(&mut self.again),
        }
    }

    /// The lines of a chunk whose deletes were acknowledged, or why they were not. `None` while
    /// the log has not answered.
    pub(super) fn deleted(&mut self) -> Option<Result<Vec<u8>, String>> {
        if !matches!(self.stage, Stage::Deleting(..)) || self.appends > 0 {
            return None;
        }
        if let Some(message) = self.failure.take() {
            return Some(Err(message));
        }
        let Stage::Deleting(plan, find) = std::mem::replace(&mut self.stage, Stage::Receiving)
        else {
            return None;
        };
        self.stage = Stage::Listing(plan, find);
        Some(Ok(std::mem::take(&mut self.lines)))
    }

    /// Whether as many series as wanted were deleted.
    pub(super) const fn is_done(&self) -> bool {
        matches!(&self.stage, Stage::Listing(plan, _) if plan.count == 0)
    }

    /// The find under way.
    pub(super) const fn find(&self) -> Option<FindId> {
        match &self.stage {
            Stage::Finding(_, find) | Stage::Deleting(_, find) | Stage::Listing(_, find) => {
                Some(*find)
            }
            _ => None,
        }
    }

    /// The client is gone.
    pub(super) fn cancel(&self, directory: &mut DirectoryClient) {
        if let Some(find) = self.find() {
            directory.cancel(find);
        }
    }

    fn list(&mut self, metadata: &Metadata, expose: bool) {
        write_series(&mut self.lines, metadata, expose);
        write_labels(&mut self.lines, &metadata.attributes, true);
        self.lines.extend_from_slice(b"\r\n");
    }
}

impl Plan {
    /// What to ask of the directory.
    pub(super) fn find_request(&self) -> FindRequest {
        FindRequest {
            sorted: true,
            selectors: vec![self.selector.clone()],
            active_after: self.active_after,
            quiet_after: self.quiet_after,
            estimates: false,
        }
    }
}

/// The selector, with the labels that the token asks for.
fn restricted(selector: &str, writer: &Writer) -> Result<SelectorText, Refused> {
    let mut parsed = SelectorText::parse(selector).map_err(|error| match error {
        SelectorError::Syntax => (400, "Bad Request".to_owned()),
        error => (SERVER_ERROR, chain_after(PREFIX, &[&error.to_string()])),
    })?;
    for (name, value) in writer.delete_labels().iter() {
        parsed.labels.retain(|(other, _)| other != name);
        parsed.labels.push((name.to_owned(), value.to_owned()));
    }
    // A bad expression is the sender's mistake and not a failure of the directory.
    Selector::new(&parsed, false)
        .map_err(|error| (SERVER_ERROR, chain_after(PREFIX, &[&error.to_string()])))?;
    Ok(parsed)
}

fn delete_record(config: &IngressConfig, plan: &Plan, metadata: &Metadata) -> OutRecord {
    let message = KafkaDataMessage {
        class_id: metadata.id.class_id,
        labels_id: metadata.id.labels_id,
        deletion_start: Some(plan.start),
        deletion_end: Some(plan.end),
        deletion_min_age: Some(plan.min_age_ms),
        metadata: config.metadata_on_delete.then(|| metadata.clone().into()),
        ..KafkaDataMessage::new(KafkaDataMessageType::Delete)
    };
    let value = config.data_envelope.seal(&message.encode());
    OutRecord::new(metadata.id, value, Kind::Data { points: 0 })
}

fn number(text: &str) -> Result<i64, String> {
    parse_long(text.as_bytes()).ok_or_else(|| format!("For input string: \"{text}\""))
}
