//! Puts and deletes, batched by server.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};

use super::core::{Attempts, Core, Failure, MULTI, Purpose, Wake};
use super::{Effect, Mutate, MutateKind, OpId};
use crate::error::{Error, Remedy, RemoteError};
use crate::pb;
use crate::region::{Address, Place, Region};
use crate::rpc::Answer;

/// Cells of one call; servers warn of more than 5,000.
const BATCH_CELLS_MAX: usize = 4_096;

/// The attribute of a mutation that says how long its cells live.
const TTL_ATTRIBUTE: &str = "_ttl";

/// Cells of one region, by their places in the operation's block.
type Part = (Arc<Region>, Vec<u32>);

/// A mutation under way.
#[derive(Debug)]
pub(super) struct Mutation {
    of: Mutate,
    attempts: Attempts,
    /// Cells whose region is to be found.
    unplaced: Vec<u32>,
    /// Batches that can be sent.
    ready: VecDeque<(Address, Vec<Part>)>,
    sent: BTreeMap<u64, Vec<Part>>,
    token_last: u64,
}

impl Mutation {
    pub(super) fn new(of: Mutate, attempts: Attempts) -> Self {
        let unplaced = (0..of.cells.len() as u32).collect();
        let (ready, sent) = (VecDeque::new(), BTreeMap::new());
        Self { of, attempts, unplaced, ready, sent, token_last: 0 }
    }

    pub(super) const fn attempts(&self) -> &Attempts {
        &self.attempts
    }

    /// True when it is over.
    pub(super) fn wake(&mut self, core: &mut Core, now: Duration, id: OpId, wake: Wake) -> bool {
        let result = match wake {
            Wake::Go => {
                self.attempts.waited();
                Ok(())
            }
            Wake::Located(Ok(())) | Wake::Renew => Ok(()),
            Wake::Located(Err(failure)) => self.failed(core, now, id, failure),
            Wake::Answered(token, result) => self.answered(core, now, id, token, result),
            Wake::Deadline => self.attempts.check_deadline(core, now, id),
        };
        if let Err(error) = result {
            core.effects.push_back(Effect::Mutated(id, Err(error)));
            return true;
        }
        if !self.attempts.is_waiting() {
            self.place(core, now, id);
        }
        self.send(core, now, id);
        let is_done = self.unplaced.is_empty() && self.ready.is_empty() && self.sent.is_empty();
        if is_done {
            core.stats.cells_written += self.of.cells.len() as u64;
            core.effects.push_back(Effect::Mutated(id, Ok(())));
        }
        is_done
    }

    /// Sorts cells whose region is known into batches, and looks for the region of the first
    /// other one.
    fn place(&mut self, core: &mut Core, now: Duration, id: OpId) {
        let mut batches: BTreeMap<Address, (usize, Vec<Part>)> = BTreeMap::new();
        let (mut unplaced, mut unknown) = (Vec::new(), Vec::<Bytes>::new());
        let mut last: Option<Arc<Region>> = None;
        for index in std::mem::take(&mut self.unplaced) {
            let row = self.of.cells.cell(index as usize).row;
            let known = last.take().filter(|region| region.contains(row)).or_else(|| {
                // A row like the one before it that was not found: not looked for again.
                let row = self.of.cells.shared_row(index as usize);
                if unknown.len() >= LOOKUPS_MAX {
                    return None;
                }
                let found = core.find(now, id, &self.of.table, Place::At(row.clone()));
                unknown.extend(found.is_none().then_some(row));
                found
            });
            let Some(region) = known else {
                unplaced.push(index);
                continue;
            };
            last = Some(region.clone());
            let (count, parts) = batches.entry(region.server.clone()).or_default();
            *count += 1;
            match parts.last_mut() {
                Some((of, cells)) if Arc::ptr_eq(of, &region) || of.name == region.name => {
                    cells.push(index);
                }
                _ => parts.push((region.clone(), vec![index])),
            }
            if *count >= BATCH_CELLS_MAX {
                let full = (region.server.clone(), std::mem::take(parts));
                *count = 0;
                self.ready.push_back(full);
            }
        }
        let rest = batches.into_iter().filter(|(_, (count, _))| *count > 0);
        self.ready.extend(rest.map(|(server, (_, parts))| (server, parts)));
        self.unplaced = unplaced;
    }

    fn send(&mut self, core: &mut Core, now: Duration, id: OpId) {
        while self.sent.len() < core.config.calls_per_operation.max(1) as usize {
            let Some((server, parts)) = self.ready.pop_front() else { return };
            self.token_last += 1;
            let request = pb::MultiRequest {
                region_action: parts.iter().map(|part| self.region_action(part)).collect(),
            };
            let cells = &self.of.cells;
            let indices = parts.iter().flat_map(|(_, indices)| indices);
            let cells = indices.map(|index| cells.encoded(*index as usize));
            let timeout = self.attempts.call_timeout(core, now);
            let purpose = Purpose::Operation(id, self.token_last);
            core.call(now, (&server, MULTI), &request, cells, purpose, timeout);
            self.sent.insert(self.token_last, parts);
        }
    }

    fn region_action(&self, (region, cells): &Part) -> pb::RegionAction {
        let mutate_type = match self.of.kind {
            MutateKind::Put => pb::PUT,
            MutateKind::Delete => pb::DELETE,
        };
        let attribute: Vec<pb::NameBytesPair> = self.of.ttl_ms.into_iter().map(ttl).collect();
        let action = |(place, index): (usize, &u32)| pb::Action {
            index: Some(place as u32),
            mutation: Some(pb::MutationProto {
                row: Some(self.of.cells.shared_row(*index as usize)),
                mutate_type: Some(mutate_type),
                attribute: attribute.clone(),
                associated_cell_count: Some(1),
            }),
        };
        pb::RegionAction {
            region: region.specifier(),
            atomic: None,
            action: cells.iter().enumerate().map(action).collect(),
        }
    }

    fn answered(
        &mut self,
        core: &mut Core,
        now: Duration,
        id: OpId,
        token: u64,
        result: Result<Answer, Failure>,
    ) -> Result<(), Error> {
        let Some(parts) = self.sent.remove(&token) else { return Ok(()) };
        let answer = match result {
            Ok(answer) => answer,
            Err(failure) => {
                for (region, cells) in parts {
                    core.learn(&self.of.table, &region, &failure);
                    self.unplaced.extend(cells);
                }
                return self.failed(core, now, id, failure);
            }
        };
        let malformed = |what: String| Error::Malformed(what);
        let response: pb::MultiResponse =
            answer.decode().map_err(|error| malformed(error.to_string()))?;
        if response.region_action_result.len() != parts.len() {
            return Err(malformed("another number of regions than asked for".to_owned()));
        }
        let mut failure = None;
        for ((region, cells), result) in parts.into_iter().zip(response.region_action_result) {
            let exceptions = exceptions(result, cells.len()).map_err(malformed)?;
            for (place, exception) in exceptions {
                let exception = Failure::Remote(RemoteError::of_pair(exception));
                core.learn(&self.of.table, &region, &exception);
                match place {
                    Some(place) => self.unplaced.push(cells[place]),
                    None => self.unplaced.extend(&cells),
                }
                // One that is final ends it, whatever else there is.
                if failure.is_none() || exception.remedy() == Remedy::Refuse {
                    failure = Some(exception);
                }
            }
        }
        failure.map_or(Ok(()), |failure| self.failed(core, now, id, failure))
    }

    fn failed(
        &mut self,
        core: &mut Core,
        now: Duration,
        id: OpId,
        failure: Failure,
    ) -> Result<(), Error> {
        match failure.remedy() {
            Remedy::Refuse => Err(failure.into_error()),
            _ => self.attempts.again(core, now, id, &failure),
        }
    }
}

/// Regions that one operation looks for at once.
const LOOKUPS_MAX: usize = 4;

fn ttl(ttl_ms: u64) -> pb::NameBytesPair {
    let mut value = BytesMut::new();
    value.put_u64(ttl_ms);
    pb::NameBytesPair { name: TTL_ATTRIBUTE.to_owned(), value: Some(value.freeze()) }
}

/// What did not succeed of the `count` cells of a region: the place of the cell, or the whole.
fn exceptions(
    result: pb::RegionActionResult,
    count: usize,
) -> Result<Vec<(Option<usize>, pb::NameBytesPair)>, String> {
    if let Some(exception) = result.exception {
        return Ok(vec![(None, exception)]);
    }
    if result.result_or_exception.len() != count {
        return Err("another number of results than mutations".to_owned());
    }
    let mut exceptions = Vec::new();
    for one in result.result_or_exception {
        let Some(exception) = one.exception else { continue };
        let place = one.index.map(|index| index as usize).filter(|index| *index < count);
        let place = place.ok_or_else(|| "a result of no mutation".to_owned())?;
        exceptions.push((Some(place), exception));
    }
    Ok(exceptions)
}
