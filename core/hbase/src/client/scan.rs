//! Scans: over many regions, in many ranges, however often a region or a scanner goes away.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::core::{Attempts, Core, Failure, Purpose, SCAN, Timer, Wake};
use super::{Effect, OpId, Range, Scan};
use crate::error::{Error, Remedy};
use crate::filter::multi_row_range;
use crate::keyvalue::CellBlock;
use crate::pb;
use crate::region::{Place, Region};
use crate::rpc::Answer;

/// A scan under way.
#[derive(Debug)]
pub(super) struct Scanning {
    of: Scan,
    attempts: Attempts,
    /// What is still to be read, the next first; what was read is cut off.
    ranges: VecDeque<Range>,
    /// Whether the first row of the first range is wanted.
    is_inclusive: bool,
    /// How many cells of that row came already.
    row_seen: usize,
    /// How many of those the scanner sends again, for it was opened after they came.
    again: usize,
    /// Of the scanner that sent them: another one sees the row as it was then.
    read_point: Option<u64>,
    rows_left: Option<u64>,
    scanner: Option<Scanner>,
    has_renew_timer: bool,
    /// The call under way, and the region that it is sent to.
    sent: Option<(u64, Arc<Region>)>,
    token_last: u64,
    blocks: VecDeque<CellBlock>,
    is_pulled: bool,
    /// Everything is in `blocks`, or will not come.
    end: Option<Result<(), Error>>,
}

/// A scanner that is open at a server.
#[derive(Debug)]
struct Scanner {
    id: u64,
    region: Arc<Region>,
    call_next: u64,
    lease: Duration,
    renew_at: Duration,
}

impl Scanning {
    pub(super) fn new(mut of: Scan, attempts: Attempts) -> Self {
        let ranges = VecDeque::from(std::mem::take(&mut of.ranges));
        let end = match check(&of, &ranges) {
            Err(error) => Some(Err(error)),
            Ok(()) if ranges.is_empty() || of.limit == Some(0) => Some(Ok(())),
            Ok(()) => None,
        };
        Self {
            rows_left: of.limit,
            of,
            attempts,
            ranges,
            is_inclusive: true,
            row_seen: 0,
            again: 0,
            read_point: None,
            scanner: None,
            has_renew_timer: false,
            sent: None,
            token_last: 0,
            blocks: VecDeque::new(),
            is_pulled: false,
            end,
        }
    }

    /// The next cells are wanted, or the end. True when it is over.
    pub(super) fn pull(&mut self, core: &mut Core, now: Duration, id: OpId) -> bool {
        // While nobody pulled, its time did not run.
        self.attempts.progress(core, now);
        self.is_pulled = true;
        self.go_on(core, now, id)
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
            Wake::Located(Ok(())) => Ok(()),
            Wake::Located(Err(failure)) => self.attempts.again(core, now, id, &failure),
            Wake::Answered(token, result) => self.answered(core, now, id, token, result),
            Wake::Deadline if self.is_pulled => self.attempts.check_deadline(core, now, id),
            Wake::Deadline => {
                self.attempts.progress(core, now);
                self.attempts.check_deadline(core, now, id)
            }
            Wake::Renew => {
                self.renew(core, now, id);
                Ok(())
            }
        };
        if let Err(error) = result {
            self.finish(core, now, Err(error));
        }
        self.go_on(core, now, id)
    }

    /// What is left at servers is closed.
    pub(super) fn close(&mut self, core: &mut Core, now: Duration) {
        let Some(scanner) = self.scanner.take() else { return };
        let request = pb::ScanRequest {
            scanner_id: Some(scanner.id),
            close_scanner: Some(true),
            number_of_rows: Some(0),
            ..pb::ScanRequest::default()
        };
        let (server, timeout) = (&scanner.region.server, core.config.call_timeout);
        core.call(now, (server, SCAN), &request, std::iter::empty(), Purpose::Nobody, timeout);
    }

    fn finish(&mut self, core: &mut Core, now: Duration, result: Result<(), Error>) {
        self.close(core, now);
        self.end.get_or_insert(result);
    }

    /// Delivers what is pulled, and reads ahead. True when it is over.
    fn go_on(&mut self, core: &mut Core, now: Duration, id: OpId) -> bool {
        if self.is_pulled {
            if let Some(cells) = self.blocks.pop_front() {
                self.is_pulled = false;
                core.effects.push_back(Effect::Cells(id, cells));
            } else if let Some(result) = self.end.take() {
                core.effects.push_back(Effect::Scanned(id, result));
                return true;
            }
        }
        let is_busy = self.sent.is_some() || self.attempts.is_waiting();
        if self.end.is_none() && !is_busy && self.blocks.is_empty() {
            self.ask(core, now, id);
        }
        false
    }

    fn ask(&mut self, core: &mut Core, now: Duration, id: OpId) {
        let request = match &mut self.scanner {
            Some(scanner) => {
                scanner.call_next += 1;
                pb::ScanRequest {
                    scanner_id: Some(scanner.id),
                    next_call_seq: Some(scanner.call_next),
                    ..pb::ScanRequest::default()
                }
            }
            None => {
                let Some(first) = self.ranges.front() else { return };
                let place = match self.of.reversed && !self.is_inclusive {
                    true => Place::Before(first.start.clone()),
                    false => Place::At(first.start.clone()),
                };
                let Some(region) = core.find(now, id, &self.of.table, place) else { return };
                let scan = self.opening(core, &region);
                self.again = self.row_seen;
                let request = pb::ScanRequest {
                    region: Some(region.specifier()),
                    scan: Some(scan),
                    next_call_seq: Some(0),
                    ..pb::ScanRequest::default()
                };
                self.send(core, now, id, region, request);
                return;
            }
        };
        let Some(region) = self.scanner.as_ref().map(|scanner| scanner.region.clone()) else {
            return;
        };
        self.send(core, now, id, region, request);
    }

    fn send(
        &mut self,
        core: &mut Core,
        now: Duration,
        id: OpId,
        region: Arc<Region>,
        mut request: pb::ScanRequest,
    ) {
        let left = self.rows_left.map(|left| u32::try_from(left).unwrap_or(u32::MAX));
        request.number_of_rows = Some(self.of.rows_per_call.max(1));
        request.close_scanner = Some(false);
        request.client_handles_partials = Some(true);
        request.client_handles_heartbeats = Some(true);
        request.limit_of_rows = left;
        self.token_last += 1;
        let purpose = Purpose::Operation(id, self.token_last);
        let timeout = self.attempts.call_timeout(core, now);
        let none = std::iter::empty();
        core.call(now, (&region.server, SCAN), &request, none, purpose, timeout);
        self.sent = Some((self.token_last, region));
    }

    /// The scan of what is left, as far as it lies in the region.
    fn opening(&self, core: &Core, region: &Region) -> pb::Scan {
        let start = self.ranges.front().map(|range| range.start.clone()).unwrap_or_default();
        let within = self.ranges.iter().take_while(|range| {
            self.of.reversed || region.end.is_empty() || range.start < region.end
        });
        let within: Vec<&Range> = within.collect();
        let stop = within.last().map(|range| range.stop.clone()).unwrap_or_default();
        let filter = match &self.of.filter {
            Some(filter) => Some(filter.to_message()),
            None if within.len() > 1 => Some(multi_row_range(&within, self.is_inclusive)),
            None => None,
        };
        let of = &self.of;
        let read_point = self.read_point.filter(|_| self.row_seen > 0);
        let time_range = of.time_range.map(|(from, until)| pb::TimeRange {
            from: Some(from),
            to: Some(until.saturating_add(1)),
        });
        let column = pb::Column { family: of.family.clone(), qualifier: Vec::new() };
        pb::Scan {
            column: vec![column],
            start_row: Some(start),
            stop_row: Some(stop),
            filter,
            time_range,
            max_versions: Some(of.versions.max(1)),
            cache_blocks: Some(of.cache_blocks),
            max_result_size: Some(core.config.scan_bytes_max),
            reversed: of.reversed.then_some(true),
            caching: Some(of.rows_per_call.max(1)),
            mvcc_read_point: read_point,
            include_start_row: Some(self.is_inclusive),
            include_stop_row: Some(false),
            ..pb::Scan::default()
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
        let Some((_, region)) = self.sent.take_if(|(sent, _)| *sent == token) else {
            return Ok(());
        };
        let malformed = |error: String| Error::Malformed(error);
        match result {
            Ok(answer) => {
                let response: pb::ScanResponse =
                    answer.decode().map_err(|error| malformed(error.to_string()))?;
                let cells =
                    CellBlock::parse(answer.cells).map_err(|error| malformed(error.to_string()))?;
                self.read(core, now, id, region, &response, cells)
            }
            Err(failure) => {
                // What a scanner that failed has still to tell is not known: another begins where
                // the last row was.
                self.scanner = None;
                core.learn(&self.of.table, &region, &failure);
                match failure.remedy() {
                    Remedy::Refuse => Err(failure.into_error()),
                    _ => self.attempts.again(core, now, id, &failure),
                }
            }
        }
    }

    fn read(
        &mut self,
        core: &mut Core,
        now: Duration,
        id: OpId,
        region: Arc<Region>,
        response: &pb::ScanResponse,
        cells: CellBlock,
    ) -> Result<(), Error> {
        let counted: u64 = response.cells_per_result.iter().map(|count| u64::from(*count)).sum();
        if counted != cells.len() as u64 {
            return Err(Error::Malformed("results with another number of cells".to_owned()));
        }
        self.attempts.progress(core, now);
        core.stats.cells_read += cells.len() as u64;
        let partial = |place: usize| response.partial_flag_per_result.get(place) == Some(&true);
        let results = response.cells_per_result.len();
        let whole = (0..results).filter(|place| !partial(*place)).count() as u64;
        if let Some(left) = &mut self.rows_left {
            *left = left.saturating_sub(whole);
        }
        if !cells.is_empty() {
            self.passed(cells, partial(results.saturating_sub(1)));
        }
        self.read_point = response.mvcc_read_point.or(self.read_point);
        let is_over = self.rows_left == Some(0) || self.ranges.is_empty();
        let is_region_done = response.more_results == Some(false)
            || match response.more_results_in_region {
                Some(more) => !more,
                // Servers before 1.1 do not tell.
                None => results == 0 && response.heartbeat_message != Some(true),
            };
        if is_region_done {
            // The server has closed it.
            self.scanner = None;
            self.leave(&region);
        } else if let Some(scanner_id) =
            response.scanner_id.or_else(|| self.scanner.as_ref().map(|scanner| scanner.id))
        {
            self.keep(core, now, id, region, scanner_id, response);
        }
        if is_over || self.ranges.is_empty() {
            self.finish(core, now, Ok(()));
        }
        Ok(())
    }

    /// Takes cells in, and cuts off what is read.
    fn passed(&mut self, cells: CellBlock, is_partial: bool) {
        let first = self.ranges.front().map(|range| range.start.clone()).unwrap_or_default();
        let last = cells.shared_row(cells.len() - 1);
        let again = cells.iter().take(self.again).take_while(|cell| cell.row == &first[..]);
        let again = again.count();
        self.again = if again == cells.len() { self.again - again } else { 0 };
        let cells = cells.without_first(again);
        let of_last = cells.iter().rev().take_while(|cell| cell.row == &last[..]).count();
        let before = if self.is_inclusive && last == first { self.row_seen } else { 0 };
        self.row_seen = if is_partial { before + of_last } else { 0 };
        self.cut(&last, is_partial);
        if !cells.is_empty() {
            self.blocks.push_back(cells);
        }
    }

    /// What is left begins at this row, or after it.
    fn cut(&mut self, row: &Bytes, is_inclusive: bool) {
        if !self.of.reversed {
            while let Some(first) = self.ranges.front() {
                let is_past = !first.stop.is_empty()
                    && (*row >= first.stop || (!is_inclusive && is_next(row, &first.stop)));
                if !is_past {
                    break;
                }
                self.ranges.pop_front();
            }
        }
        let Some(first) = self.ranges.front_mut() else { return };
        if self.of.reversed || *row >= first.start {
            first.start = row.clone();
            self.is_inclusive = is_inclusive;
        } else {
            self.is_inclusive = true;
        }
    }

    /// The region has no more: what is left is in the next ones.
    fn leave(&mut self, region: &Region) {
        (self.row_seen, self.again) = (0, 0);
        if self.of.reversed {
            let stop = self.ranges.front().map(|range| range.stop.clone()).unwrap_or_default();
            if region.start.is_empty() || region.start <= stop {
                self.ranges.clear();
            } else {
                self.cut(&region.start.clone(), false);
            }
        } else if region.end.is_empty() {
            self.ranges.clear();
        } else {
            self.cut(&region.end.clone(), true);
        }
    }

    fn keep(
        &mut self,
        core: &mut Core,
        now: Duration,
        id: OpId,
        region: Arc<Region>,
        scanner_id: u64,
        response: &pb::ScanResponse,
    ) {
        let known = self.scanner.take();
        let lease = response.ttl.map(|ms| Duration::from_millis(u64::from(ms)));
        let before = || known.as_ref().map(|known| known.lease);
        let lease = lease.or_else(before).unwrap_or(LEASE_DEFAULT);
        let renew_at = now.saturating_add(lease / 3);
        if !std::mem::replace(&mut self.has_renew_timer, true) {
            core.timers.insert((renew_at, Timer::Renew(id)));
        }
        self.scanner = Some(Scanner {
            id: scanner_id,
            region,
            call_next: known.map_or(0, |known| known.call_next),
            lease,
            renew_at,
        });
    }

    /// Keeps the scanner's lease while nobody reads on.
    fn renew(&mut self, core: &mut Core, now: Duration, id: OpId) {
        self.has_renew_timer = self.scanner.is_some();
        let Some(scanner) = &mut self.scanner else { return };
        let is_due = self.sent.is_none() && now >= scanner.renew_at;
        if now >= scanner.renew_at {
            scanner.renew_at = now.saturating_add(scanner.lease / 3);
        }
        core.timers.insert((scanner.renew_at, Timer::Renew(id)));
        if !is_due {
            return;
        }
        scanner.call_next += 1;
        let request = pb::ScanRequest {
            scanner_id: Some(scanner.id),
            number_of_rows: Some(0),
            close_scanner: Some(false),
            next_call_seq: Some(scanner.call_next),
            renew: Some(true),
            ..pb::ScanRequest::default()
        };
        let region = scanner.region.clone();
        let timeout = core.config.call_timeout;
        let none = std::iter::empty();
        // A renewal that fails shows when the next rows are asked for.
        core.call(now, (&region.server, SCAN), &request, none, Purpose::Nobody, timeout);
    }
}

/// How long a lease lasts where the server does not say.
const LEASE_DEFAULT: Duration = Duration::from_secs(30);

fn check(of: &Scan, ranges: &VecDeque<Range>) -> Result<(), Error> {
    if of.reversed {
        let is_one = ranges.len() <= 1 && ranges.iter().all(|range| range.start > range.stop);
        return if is_one { Ok(()) } else { Err(Error::Invalid("a backward scan of ranges")) };
    }
    let is_last = |index: usize| index + 1 == ranges.len();
    let are_apart = ranges.iter().enumerate().all(|(index, range)| {
        let is_open = range.stop.is_empty();
        (is_open && is_last(index) || range.start < range.stop)
            && ranges.get(index + 1).is_none_or(|next| range.stop <= next.start)
    });
    if are_apart { Ok(()) } else { Err(Error::Invalid("ranges that are not in order")) }
}

/// Whether no row is between the two.
fn is_next(row: &[u8], next: &[u8]) -> bool {
    next.strip_prefix(row) == Some(&[0])
}
