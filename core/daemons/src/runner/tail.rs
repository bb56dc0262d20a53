//! The end of the topic of requests, read before one goes on: which window of each script was
//! asked for last.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use weft_wire::envelope::Envelope;

use super::request::Request;
use super::scripts::comes_after;
use crate::consumer::Consumer;
use crate::contract::log::Record;
use crate::contract::peer::SCRIPTS_MAX;
use crate::time::Now;

/// Records that are read before it is looked whether they reach back far enough.
const SPAN: u64 = 1_024;

/// What is older than this, and than two of the longest periods, was not sent late.
const LATE_MAX: Duration = Duration::from_secs(600);

/// What is known of one partition.
#[derive(Debug, Default)]
pub(super) struct Tail {
    /// Reading back, while it does.
    back: Option<Back>,
    windows: BTreeMap<Arc<str>, (i64, i64)>,
}

/// Reading back.
#[derive(Debug)]
struct Back {
    /// Where one goes on.
    until: u64,
    span: u64,
    /// When the first record of what is read was taken by the log.
    first: Option<(u64, i64)>,
    longest_ms: i64,
}

impl Tail {
    /// The partition begins: its records before where one goes on are wanted first. `longest_ms` is
    /// the longest period that is known of.
    pub(super) fn begin(consumer: &mut Consumer, partition: u32, longest_ms: i64) -> Self {
        let until = consumer.applied_offset(partition).unwrap_or(0);
        #[cfg(weft_mutants)]
        let until = if crate::mutants::is(crate::mutants::Planted::NoLookBack) { 0 } else { until };
        let mut tail = Self::default();
        if until > 0 {
            tail.back = Some(Back { until, span: SPAN, first: None, longest_ms });
            consumer.look_back(partition, until.saturating_sub(SPAN));
        }
        tail
    }

    /// Whether everything before where one goes on is known.
    pub(super) const fn is_known(&self) -> bool {
        self.back.is_none()
    }

    /// A record of the partition: true when it is new, false when one has been there.
    pub(super) fn is_new(
        &mut self,
        now: Now,
        consumer: &mut Consumer,
        partition: u32,
        record: &Record,
        envelope: &Envelope,
    ) -> bool {
        let Some(back) = &mut self.back else { return true };
        let (first, first_ms) = *back.first.get_or_insert((record.offset, record.timestamp_ms));
        if record.offset < back.until
            && let Ok(request) = Request::read(record, envelope)
        {
            back.longest_ms = back.longest_ms.max(request.period_ms);
        }
        let is_end = record.offset + 1 >= back.until;
        if record.offset == first || is_end {
            let late_ms = i64::try_from(LATE_MAX.as_millis()).unwrap_or(i64::MAX);
            let reach_ms = back.longest_ms.saturating_mul(2).max(late_ms);
            // Whoever asked for more and was given this was given all there is.
            let wanted = back.until.saturating_sub(back.span);
            let is_all = wanted == 0 || first > wanted;
            if !is_all && first_ms > now.wall.as_ms().saturating_sub(reach_ms) {
                back.span = back.span.saturating_mul(4);
                back.first = None;
                let from = back.until.saturating_sub(back.span);
                self.windows.clear();
                consumer.look_back(partition, from);
                return false;
            }
        }
        let is_new = record.offset >= back.until;
        if is_end {
            self.back = None;
        }
        if !is_new
            && let Ok(request) = Request::read(record, envelope)
            && !request.is_overdue(record.timestamp_ms)
        {
            self.take(now, &request);
        }
        is_new
    }

    /// Takes the window of a request in; false when it is not newer than the last one of its script.
    pub(super) fn take(&mut self, now: Now, request: &Request) -> bool {
        let (window, period_ms) = (request.window(), request.period_ms);
        if let Some((last, _)) = self.windows.get_mut(&request.path) {
            let is_newer = comes_after(window, *last, period_ms);
            #[cfg(weft_mutants)]
            let is_newer = is_newer || crate::mutants::is(crate::mutants::Planted::RepeatedWindow);
            if is_newer {
                *last = window;
            }
            return is_newer;
        }
        if self.windows.len() >= SCRIPTS_MAX {
            // Those that are over need not be known any more.
            let now_ms = now.wall.as_ms();
            self.windows.retain(|_, (last, period_ms)| {
                last.saturating_add(2).saturating_mul(*period_ms) > now_ms
            });
            if self.windows.len() >= SCRIPTS_MAX {
                return false;
            }
        }
        self.windows.insert(request.path.clone(), (window, period_ms));
        true
    }

    /// The last window of a script, when one is known.
    pub(super) fn last(&self, path: &str) -> Option<i64> {
        self.windows.get(path).map(|(last, _)| *last)
    }
}
