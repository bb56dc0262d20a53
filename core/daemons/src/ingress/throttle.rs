//! Records that go out as limits allow: at once, later, or not at all.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use weft_gts::text::format::write_series;
use weft_gts::{Metadata, SeriesId};

use super::line::{BadLine, UPDATE_PREFIX};
use super::task::{Kind, OutRecord, Reader};
use super::{Ingress, upload_of};
use crate::contract::http::RequestId;
use crate::contract::{Effect, Metric};
use crate::throttling::{Refusal, Tenant, Throttling};
use crate::time::{Mono, Now};

/// Bytes of records that wait for their rate, of all requests together: beyond that whoever would
/// have to wait is refused.
const DELAYED_MAX: usize = 64 << 20;

/// Whose datapoints are counted one by one; those of all others are counted together.
const ACCOUNTS_MAX: usize = 10_000;

/// A piece of a body that was read, on its way out.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) reader: Box<Reader>,
    pub(super) records: Vec<OutRecord>,
    pub(super) refused: Option<BadLine>,
    /// Since when the first datapoints among the records wait.
    pub(super) waits_since: Option<Mono>,
}

/// What waits for its rate.
#[derive(Debug, Default)]
pub(super) struct Delays {
    pieces: BTreeMap<RequestId, (Mono, Piece)>,
    in_order: BTreeSet<(Mono, RequestId)>,
    bytes: usize,
}

impl Delays {
    fn insert(&mut self, until: Mono, request: RequestId, piece: Piece) {
        self.bytes += size(&piece.records);
        self.in_order.insert((until, request));
        self.pieces.insert(request, (until, piece));
    }

    pub(super) fn remove(&mut self, request: RequestId) -> Option<Piece> {
        let (until, piece) = self.pieces.remove(&request)?;
        self.in_order.remove(&(until, request));
        self.bytes -= size(&piece.records);
        Some(piece)
    }

    /// When the next piece may go on.
    pub(super) fn deadline(&self) -> Option<Mono> {
        self.in_order.first().map(|(until, _)| *until)
    }

    fn take_due(&mut self, now: Now) -> Option<(RequestId, Piece)> {
        let (until, request) = *self.in_order.first()?;
        let is_due = until <= now.mono;
        let piece = is_due.then(|| self.remove(request)).flatten()?;
        Some((request, piece))
    }

    fn take_any(&mut self) -> Option<(RequestId, Piece)> {
        let (_, request) = *self.in_order.first()?;
        Some((request, self.remove(request)?))
    }
}

/// Where records stop, and why.
enum Stop {
    /// The datapoints there go out then.
    Until(usize, Mono),
    /// They, and all that comes after them, do not.
    Refused(usize, Refusal),
}

impl Ingress {
    /// Sends a piece out, as far as limits allow.
    pub(super) fn send_out(&mut self, now: Now, request: RequestId, mut piece: Piece) {
        let Some(upload) = upload_of(&mut self.requests, request) else { return };
        let tenant = upload.tenant().clone();
        let stop = match (&mut self.throttling, &tenant) {
            (Some(throttling), Some(tenant)) => {
                hold_back(&mut piece.records);
                find_stop(throttling, now, tenant, &piece)
            }
            _ => None,
        };
        match (stop, tenant) {
            (Some(Stop::Until(at, until)), Some(tenant)) => {
                let rest = size(&piece.records[at..]);
                if self.delays.bytes + rest > DELAYED_MAX {
                    self.refuse_rest(&mut piece, at, &Refusal::Crowded, &tenant);
                    return self.finish_piece(now, request, piece);
                }
                let rest = split_off(&mut piece.records, at);
                let first = std::mem::replace(&mut piece.records, rest);
                // Those that wait already go on doing so.
                let is_another = first.iter().any(|r| matches!(r.kind, Kind::Data { .. }));
                let since = piece.waits_since.filter(|_| !is_another).unwrap_or(now.mono);
                piece.waits_since = Some(since);
                self.delays.insert(until, request, piece);
                let metric = Metric::add("weft_throttling_waits_total", 1);
                self.effects.push_back(Effect::Metric(metric));
                let (appends, bytes) = self.append_all(now, request, first);
                if let Some(upload) = upload_of(&mut self.requests, request) {
                    upload.sent(appends, bytes);
                }
                if self.stopping {
                    self.refuse_delayed(now);
                }
            }
            (Some(Stop::Refused(at, refusal)), Some(tenant)) => {
                self.refuse_rest(&mut piece, at, &refusal, &tenant);
                self.finish_piece(now, request, piece);
            }
            _ => self.finish_piece(now, request, piece),
        }
    }

    /// The piece goes out whole.
    fn finish_piece(&mut self, now: Now, request: RequestId, piece: Piece) {
        let (appends, bytes) = self.append_all(now, request, piece.records);
        if let Some(upload) = upload_of(&mut self.requests, request) {
            self.kept -= upload.memory();
            upload.sent(appends, bytes);
            upload.parsed(piece.reader, piece.refused);
            self.kept += upload.memory();
        }
        self.advance(now, request);
    }

    /// The records from there on do not go out.
    fn refuse_rest(&mut self, piece: &mut Piece, at: usize, refusal: &Refusal, tenant: &Tenant) {
        let series = piece.records.get(at).and_then(|record| metadata_of(&piece.records, record));
        let mut name = Vec::new();
        if let Some(metadata) = series {
            write_series(&mut name, &metadata, tenant.exposes);
        }
        piece.refused = Some(BadLine {
            number: 0,
            status: TOO_MANY,
            messages: vec![
                UPDATE_PREFIX.to_owned(),
                refusal.message(&String::from_utf8_lossy(&name)),
            ],
        });
        #[cfg(weft_mutants)]
        if crate::mutants::is(crate::mutants::Planted::RefusedStored) {
            return;
        }
        drop(split_off(&mut piece.records, at));
        piece.reader.lines.break_off();
        let label = ("kind", refusal.kind().to_owned());
        let metric = Metric::add("weft_throttling_refusals_total", 1);
        self.effects.push_back(Effect::Metric(Metric { labels: vec![label], ..metric }));
    }

    /// What has waited long enough goes on.
    pub(super) fn send_due(&mut self, now: Now) {
        #[cfg_attr(not(weft_mutants), expect(unused_mut, reason = "a bug changes it"))]
        while let Some((request, mut piece)) = self.delays.take_due(now) {
            #[cfg(weft_mutants)]
            if crate::mutants::is(crate::mutants::Planted::DelayedLost) {
                piece.records.clear();
            }
            self.send_out(now, request, piece);
        }
    }

    /// There is no time left to wait: what waits is refused.
    pub(super) fn refuse_delayed(&mut self, now: Now) {
        while let Some((request, mut piece)) = self.delays.take_any() {
            piece.records.clear();
            piece.reader.lines.break_off();
            piece.refused = Some(BadLine {
                number: 0,
                status: 503,
                messages: vec![UPDATE_PREFIX.to_owned(), super::STOPPING.to_owned()],
            });
            self.finish_piece(now, request, piece);
        }
    }

    /// Once all requests are over, what was counted is kept.
    pub(super) fn stop_throttling(&mut self, now: Now) {
        if self.stopping
            && self.requests.is_empty()
            && let Some(throttling) = &mut self.throttling
            && throttling.stop(now, &mut self.ids)
        {
            self.finish_stop();
        }
    }

    /// Datapoints were stored for somebody.
    pub(super) fn account(&mut self, tenant: &Arc<Tenant>, points: u64) {
        let is_known = self.accounts.contains(tenant);
        if !is_known && self.accounts.len() < ACCOUNTS_MAX {
            self.accounts.insert(tenant.clone());
        }
        let text = |text: &str| {
            if self.accounts.contains(tenant) { text.to_owned() } else { OTHERS.to_owned() }
        };
        let labels = vec![
            ("owner", text(&tenant.owner)),
            ("producer", text(&tenant.producer)),
            ("application", text(tenant.application())),
        ];
        let metric = Metric::add("weft_ingress_accounted_datapoints_total", points);
        self.effects.push_back(Effect::Metric(Metric { labels, ..metric }));
    }
}

/// Who has no account of their own.
const OTHERS: &str = "others";

/// What a throttled client is answered.
const TOO_MANY: u16 = 429;

/// Where the records of a piece stop.
fn find_stop(throttling: &mut Throttling, now: Now, who: &Tenant, piece: &Piece) -> Option<Stop> {
    let mut waits_since = piece.waits_since;
    for (at, record) in piece.records.iter().enumerate() {
        let Kind::Data { points } = record.kind else { continue };
        let waited = waits_since.take().map_or(Duration::ZERO, |since| now.mono.since(since));
        match throttling.admit(now, who, record.id, points, waited) {
            Ok(None) => {}
            Ok(Some(until)) => return Some(Stop::Until(at, until)),
            Err(refusal) => return Some(Stop::Refused(at, refusal)),
        }
    }
    None
}

/// Metadata wait for the datapoints that they are for, and come once more with them: those may be
/// refused. So what comes once more need not be on its way: where it is, it may be for another
/// request, which fails without this one.
fn hold_back(records: &mut Vec<OutRecord>) {
    let data = series_with_data(records);
    records.retain_mut(|record| match &mut record.kind {
        Kind::Seen { is_again, .. } => {
            *is_again = false;
            data.contains(&record.id)
        }
        _ => true,
    });
}

fn series_with_data(records: &[OutRecord]) -> BTreeSet<SeriesId> {
    let data = records.iter().filter(|record| matches!(record.kind, Kind::Data { .. }));
    data.map(|record| record.id).collect()
}

/// Metadata of the series of a record: it stands before its datapoints.
fn metadata_of(records: &[OutRecord], record: &OutRecord) -> Option<Arc<Metadata>> {
    records.iter().find_map(|other| match &other.kind {
        Kind::Seen { metadata, .. } if other.id == record.id => Some(metadata.clone()),
        _ => None,
    })
}

/// The records from there on. Metadata go with the datapoints that they are for, and with each part
/// where both have some: what comes later looks once more whether the series was deleted.
fn split_off(records: &mut Vec<OutRecord>, at: usize) -> Vec<OutRecord> {
    let later = records.split_off(at);
    let (in_first, in_later) = (series_with_data(records), series_with_data(&later));
    let mut rest = Vec::new();
    records.retain(|record| {
        let Kind::Seen { metadata, activity_ms, .. } = &record.kind else { return true };
        let stays = in_first.contains(&record.id);
        if in_later.contains(&record.id) {
            let (metadata, activity_ms) = (metadata.clone(), *activity_ms);
            let kind = Kind::Seen { metadata, activity_ms, is_again: stays };
            rest.push(OutRecord { kind, ..record.clone() });
        }
        stays
    });
    rest.extend(later);
    rest
}

fn size(records: &[OutRecord]) -> usize {
    records.iter().map(|record| record.value.len() + size_of::<OutRecord>()).sum()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use weft_gts::Labels;

    use super::*;

    #[test]
    fn metadata_that_waited_rest_on_nobody_elses() {
        let record = |number, kind| OutRecord {
            id: SeriesId { class_id: 1, labels_id: number },
            key: Bytes::new(),
            value: Bytes::new(),
            kind,
        };
        let seen = |number, is_again| {
            let metadata = Arc::new(Metadata::new("c", Labels::new()));
            record(number, Kind::Seen { metadata, activity_ms: None, is_again })
        };
        let data = |number| record(number, Kind::Data { points: 1 });
        // The datapoints of the second are not there yet: it comes again with them.
        let mut first = vec![seen(1, false), data(1), seen(2, false)];
        let mut second = vec![seen(2, true), data(2)];
        for records in [&mut first, &mut second] {
            hold_back(records);
        }
        assert_eq!(first.len(), 2);
        assert!(matches!(second[0].kind, Kind::Seen { is_again: false, .. }), "{second:?}");
    }
}
