//! Bugs put in on purpose, between the machines and the world: a simulator that does not find them
//! proves nothing. No machine knows of them.

use std::collections::{BTreeMap, BTreeSet};

use weft_daemons::contract::http::HttpAction;
use weft_daemons::contract::log::{LogAction, LogError, LogEvent, Topic};
use weft_daemons::contract::peer::{Answer, ThrottleAnswer};
use weft_daemons::contract::table::{CellTime, TableAction, TableEvent};
use weft_daemons::contract::{
    ActionId, CoordAction, CoordEvent, Effect, Event, NoTask, PeerAction, PeerEvent,
};
use weft_wire::thrift::{KafkaDataMessage, KafkaDataMessageType, decode_metadata};

use crate::node::Component;
use crate::world::{Address, DATA_TOPIC, METADATA_TOPIC, STORE_GROUP, THROTTLING_TOPIC};

macro_rules! mutants {
    ($($(#[$when:meta])* $name:ident $text:literal $what:literal),* $(,)?) => {
        /// A bug.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Mutant {
            $(#[doc = $what] $(#[$when])* $name,)*
        }

        /// All of them.
        pub const ALL: &[Mutant] = &[$($(#[$when])* Mutant::$name),*];

        impl Mutant {
            /// The name on the command line.
            pub const fn name(self) -> &'static str {
                match self { $($(#[$when])* Self::$name => $text),* }
            }

            /// What the bug is.
            pub const fn what(self) -> &'static str {
                match self { $($(#[$when])* Self::$name => $what),* }
            }
        }
    };
}

mutants! {
    CommitBeforeFlush "commit-before-flush" "The store commits records as they are delivered.",
    FlushSkipped "flush-skipped" "A flush of the table is answered and not done.",
    MetadataAfterData "metadata-after-data" "Metadata count as acknowledged and are appended later.",
    DeleteOvertakesStore "delete-overtakes-store" "Writes are taken for done and happen behind a delete.",
    CommitSkipped "commit-skipped-after-delete" "The commit of a delete is taken for done.",
    EvictedOwnerDeletes "evicted-owner-deletes" "A store repeats its last call after it lost the partition.",
    RegisterBeforeLoaded "register-before-loaded" "A directory registers and answers before it has loaded.",
    AckBeforeFsync "ack-before-fsync" "The log acknowledges what is not durable.",
    LostWatch "lost-watch" "Watches never fire.",
    WrongModulus "wrong-modulus" "A directory registers with another remainder than it serves.",
    OffsetReset "offset-reset-to-latest" "A new owner of a partition begins at its end.",
    StaleCache "stale-cache-after-delete" "An ingress does not see the deletes of others.",
    MissingShard "answer-without-missing-shard" "A shard that fails counts as one that found nothing.",
    NodeClock "cell-time-of-node-clock" "Cells get the time of the node that writes them.",
    PartialPut "partial-put-is-done" "A write that failed in part counts as done.",
    StreamBroken "broken-stream-is-whole" "A stream of the table that breaks off counts as complete.",
    FailedDelete "failed-delete-is-done" "A delete that failed in part counts as done.",
    UnboundedDelete "delete-without-bound" "A delete takes cells with newer timestamps than its own.",
    FailedRow "failed-metadata-row-is-done" "Metadata rows that failed in part count as written.",
    UnknownAppend "unknown-append-is-done" "An append without an answer counts as done.",
    OldAssignment "old-assignment-obeyed" "The log does what was asked for an earlier assignment.",
    SilentlySkipped "bad-record-skipped-silently" "What a store does not understand is passed over and nobody is told.",
    StoredNotSaid "stored-lines-not-said" "A line is refused, and what was stored before it is not said.",
    ScanStopsEarly "scan-stops-early" "A scan of metadata rows ends early, and counts as complete.",
    FirstMessageLost "first-message-lost" "The first message to each topic is lost.",
    DeleteIdle "delete-does-nothing" "A delete is answered and does not reach the log.",
    RowsLost "metadata-rows-lost" "Metadata rows count as written and are not.",
    RowUnbounded "row-delete-without-bound" "A delete of a metadata row takes newer ones, and hides those that come.",
    UpdateLost "attributes-lost" "Directories do not see changes of attributes.",
    SessionUnnoticed "session-end-unnoticed" "A directory does not notice that its session has ended.",
    NotRecalled "limits-not-recalled" "An ingress begins to count anew with each of its lives.",
    EstimatesUnheard "estimates-unheard" "Ingresses do not hear what others counted.",
    EstimateSkipped "bad-estimate-skipped-silently" "A count that cannot be used is passed over and nobody is told.",
    NotificationLost "notification-lost" "A backend is not told that nodes have changed.",
    WrongTopic "wrong-topic" "A backend copies what one frontend wants to another one's topic.",
    CopyUnknown "unknown-copy-is-done" "What a topic of a frontend did not take counts as copied.",
    #[cfg(weft_mutants)]
    DeleteFirst "delete-before-create" "A frontend removes old nodes before it writes new ones.",
    #[cfg(weft_mutants)]
    BackendsNotAsked "backends-not-asked" "A frontend goes by the backends that it saw first.",
    #[cfg(weft_mutants)]
    LapseUnnoticed "lapse-unnoticed" "A frontend does not see that its nodes were gone.",
    #[cfg(weft_mutants)]
    LeaseUnchecked "lease-unchecked" "A backend copies whether or not frontends still see it.",
    #[cfg(weft_mutants)]
    StaleSubscriptions "stale-subscriptions" "A backend applies the first node of each frontend.",
    #[cfg(weft_mutants)]
    UnboundedBuffer "unbounded-buffer" "A frontend cuts nobody off who does not read.",
    #[cfg(weft_mutants)]
    ExpiredToken "expired-token" "A frontend does not look when tokens expire.",
    #[cfg(weft_mutants)]
    ForeignSelector "foreign-selector" "A frontend takes a selector as it is, whatever the token says.",
    #[cfg(weft_mutants)]
    CacheBefore "cache-before-acknowledged" "Metadata count as known as soon as they are sent.",
    #[cfg(weft_mutants)]
    WritesLost "writes-lost-behind-delete" "A store loses writes that stand behind a delete in its queue.",
    #[cfg(weft_mutants)]
    Incomplete "incomplete-directory" "A find asks the shards there are.",
    #[cfg(weft_mutants)]
    StaleBatches "stale-batches" "Batches that were on their way when a consumer began again are taken.",
    #[cfg(weft_mutants)]
    ClockBeginsAnew "clock-begins-anew" "The clock of cells begins anew with each owner of a partition.",
    #[cfg(weft_mutants)]
    StaysPaused "stays-paused" "A partition that begins again stays paused.",
    #[cfg(weft_mutants)]
    NotPublishedAgain "not-published-again" "Metadata that could not be published again are not tried once more.",
    #[cfg(weft_mutants)]
    WritingForgotten "writing-forgotten" "Data on its way does not keep its metadata.",
    #[cfg(weft_mutants)]
    RemovalNotUndone "removal-not-undone" "A delete that ends halfway leaves series without their metadata.",
    #[cfg(weft_mutants)]
    HungScan "hung-scan-waited-for" "A directory waits for ever for a scan that hangs.",
    #[cfg(weft_mutants)]
    SnapshotAhead "snapshot-ahead-of-rows" "A directory saves a snapshot before its rows are written.",
    #[cfg(weft_mutants)]
    ClockGoesBack "clock-goes-back" "Cells have their records' timestamps even where the log's clock went back.",
    #[cfg(weft_mutants)]
    BurstUnbounded "burst-unbounded" "A rate saves more than a second's worth.",
    #[cfg(weft_mutants)]
    RefusedStored "refused-stored" "What limits refuse goes out all the same.",
    #[cfg(weft_mutants)]
    DelayedLost "delayed-lost" "What had to wait for its rate does not go out, and is acknowledged.",
    #[cfg(weft_mutants)]
    KeptWithApplications "kept-with-applications-alone" "Counts are kept only where an application has limits.",
    #[cfg(weft_mutants)]
    LimitsGrow "limits-grow" "A limit grows by the error of estimates each time it is kept.",
    #[cfg(weft_mutants)]
    LateForgotten "late-forgotten" "An ingress forgets what may reach the log late.",
}

/// Plants a bug that is in the machines themselves; any other is put between them and the world.
#[cfg(weft_mutants)]
pub fn plant(mutant: Option<Mutant>) {
    use weft_daemons::mutants::{Planted, plant};
    plant(match mutant {
        Some(Mutant::CacheBefore) => Planted::CacheBeforeAcknowledged,
        Some(Mutant::WritesLost) => Planted::WritesLostBehindDelete,
        Some(Mutant::Incomplete) => Planted::IncompleteDirectory,
        Some(Mutant::StaleBatches) => Planted::StaleBatches,
        Some(Mutant::ClockBeginsAnew) => Planted::ClockBeginsAnew,
        Some(Mutant::ClockGoesBack) => Planted::ClockGoesBack,
        Some(Mutant::StaysPaused) => Planted::StaysPaused,
        Some(Mutant::NotPublishedAgain) => Planted::NotPublishedAgain,
        Some(Mutant::WritingForgotten) => Planted::WritingForgotten,
        Some(Mutant::RemovalNotUndone) => Planted::RemovalNotUndone,
        Some(Mutant::HungScan) => Planted::HungScan,
        Some(Mutant::SnapshotAhead) => Planted::SnapshotAhead,
        Some(Mutant::LateForgotten) => Planted::LateForgotten,
        Some(Mutant::BurstUnbounded) => Planted::BurstUnbounded,
        Some(Mutant::RefusedStored) => Planted::RefusedStored,
        Some(Mutant::DelayedLost) => Planted::DelayedLost,
        Some(Mutant::KeptWithApplications) => Planted::KeptWithApplicationsAlone,
        Some(Mutant::LimitsGrow) => Planted::LimitsGrow,
        Some(Mutant::DeleteFirst) => Planted::DeleteBeforeCreate,
        Some(Mutant::BackendsNotAsked) => Planted::BackendsNotAsked,
        Some(Mutant::LapseUnnoticed) => Planted::LapseUnnoticed,
        Some(Mutant::LeaseUnchecked) => Planted::LeaseUnchecked,
        Some(Mutant::StaleSubscriptions) => Planted::StaleSubscriptions,
        Some(Mutant::UnboundedBuffer) => Planted::UnboundedBuffer,
        Some(Mutant::ExpiredToken) => Planted::ExpiredToken,
        Some(Mutant::ForeignSelector) => Planted::ForeignSelector,
        _ => Planted::Nothing,
    });
}

/// Finds a mutant by its name.
pub fn named(name: &str) -> Option<Mutant> {
    ALL.iter().copied().find(|mutant| mutant.name() == name)
}

/// Where a message of the metadata topic says it comes from.
fn source_of(value: &[u8]) -> Option<String> {
    value.get(16..).map(decode_metadata)?.ok()?.source
}

/// Whether a message of the data topic is a delete.
fn deletes(value: &[u8]) -> bool {
    let message = KafkaDataMessage::decode(value);
    message.is_ok_and(|message| message.kind == KafkaDataMessageType::Delete)
}

/// What a mutant remembers.
#[derive(Debug, Default)]
pub struct Meddler {
    mutant: Option<Mutant>,
    last_call: BTreeMap<Address, TableAction>,
    deleted: BTreeMap<Address, bool>,
    /// Topics that somebody has written to.
    written: BTreeSet<Topic>,
    /// Who has been in contact with coordination.
    connected: BTreeSet<Address>,
}

/// What becomes of an effect.
#[derive(Debug)]
pub enum Meddled {
    /// It goes on.
    Pass(Effect<NoTask>),
    /// The machine is told this at once, and the effect happens later, if at all.
    Fake(Event<NoTask>, Option<Effect<NoTask>>),
    /// Nothing.
    Nothing,
}

impl Meddler {
    /// Puts a bug in, or none.
    pub fn new(mutant: Option<Mutant>) -> Self {
        Self { mutant, ..Self::default() }
    }

    /// The bug.
    pub const fn mutant(&self) -> Option<Mutant> {
        self.mutant
    }

    /// Meddles with what a machine wants done. `wall_ms` is its node's clock.
    pub fn effect(
        &mut self,
        component: Component,
        from: Address,
        wall_ms: i64,
        effect: Effect<NoTask>,
    ) -> Meddled {
        let Some(mutant) = self.mutant else { return Meddled::Pass(effect) };
        match (mutant, component, effect) {
            (
                Mutant::MetadataAfterData,
                Component::Ingress,
                Effect::Log(LogAction::Append { id, topic, records }),
            ) if &*topic == METADATA_TOPIC => {
                let result = Ok(records.iter().map(|record| (record.partition, 0)).collect());
                let fake = Event::Log(LogEvent::Appended { id, result });
                let id = ActionId(u64::MAX);
                let later = Effect::Log(LogAction::Append { id, topic, records });
                Meddled::Fake(fake, Some(later))
            }
            (
                Mutant::DeleteOvertakesStore,
                Component::Store,
                Effect::Table(TableAction::Put { id, puts }),
            ) => {
                let fake = Event::Table(TableEvent::Written { id, result: Ok(()) });
                let later = Effect::Table(TableAction::Put { id: ActionId(u64::MAX), puts });
                Meddled::Fake(fake, Some(later))
            }
            (
                Mutant::CommitSkipped | Mutant::EvictedOwnerDeletes,
                Component::Store,
                Effect::Table(TableAction::Flush { id }),
            ) => Meddled::Pass(Effect::Table(TableAction::Flush { id })),
            (Mutant::CommitSkipped, Component::Store, Effect::Table(action)) => {
                let deletes = matches!(action, TableAction::Delete { .. });
                self.deleted.insert(from, deletes);
                Meddled::Pass(Effect::Table(action))
            }
            (
                Mutant::CommitSkipped,
                Component::Store,
                Effect::Log(LogAction::Commit { id, .. }),
            ) if self.deleted.get(&from) == Some(&true) => {
                Meddled::Fake(Event::Log(LogEvent::Committed { id, result: Ok(()) }), None)
            }
            (
                Mutant::RegisterBeforeLoaded,
                Component::Directory,
                Effect::Peer(PeerAction::Answer { ask, answer: Answer::Failed(error) }),
            ) if error.to_string().contains("still loading") => {
                Meddled::Pass(Effect::Peer(PeerAction::Answer { ask, answer: Answer::End }))
            }
            (Mutant::EvictedOwnerDeletes, Component::Store, Effect::Table(action)) => {
                self.last_call.insert(from, action.clone());
                Meddled::Pass(Effect::Table(action))
            }
            (
                Mutant::WrongModulus,
                Component::Directory,
                Effect::Coord(CoordAction::Create { id, path, data, ephemeral }),
            ) => {
                let text = String::from_utf8_lossy(&data).into_owned();
                let (from, to) = (r#""remainder":"0""#, r#""remainder":"1""#);
                let data = if text.contains(from) && text.contains(r#""modulus":"2""#) {
                    text.replace(from, to)
                } else {
                    text.replace(to, from)
                };
                Meddled::Pass(Effect::Coord(CoordAction::Create {
                    id,
                    path,
                    data: data.into(),
                    ephemeral,
                }))
            }
            (
                Mutant::NodeClock,
                Component::Store,
                Effect::Table(TableAction::Put { id, mut puts }),
            ) => {
                for put in &mut puts {
                    if matches!(put.cell_time, CellTime::At(_)) {
                        put.cell_time = CellTime::At(wall_ms);
                    }
                }
                Meddled::Pass(Effect::Table(TableAction::Put { id, puts }))
            }
            (
                Mutant::UnboundedDelete,
                Component::Store,
                Effect::Table(TableAction::Delete { id, series, start, end, cell_from, .. }),
            ) => {
                let cell_until = i64::MAX;
                let delete = TableAction::Delete { id, series, start, end, cell_from, cell_until };
                Meddled::Pass(Effect::Table(delete))
            }
            (Mutant::SilentlySkipped, Component::Store, Effect::Warn(text))
                if text.contains("is passed over") =>
            {
                Meddled::Nothing
            }
            (Mutant::EstimateSkipped, Component::Ingress, Effect::Warn(text))
                if text.contains("of throttling record") =>
            {
                Meddled::Nothing
            }
            (
                Mutant::StoredNotSaid,
                Component::Ingress,
                Effect::Http(HttpAction::Head { request, mut head }),
            ) => {
                head.headers.retain(|(name, _)| name != "X-Weft-Stored");
                Meddled::Pass(Effect::Http(HttpAction::Head { request, head }))
            }
            (
                Mutant::FirstMessageLost,
                Component::Ingress,
                Effect::Log(LogAction::Append { id, topic, records }),
            ) => {
                if !self.written.insert(topic.clone()) {
                    return Meddled::Pass(Effect::Log(LogAction::Append { id, topic, records }));
                }
                let result = Ok(records.iter().map(|record| (record.partition, 0)).collect());
                Meddled::Fake(Event::Log(LogEvent::Appended { id, result }), None)
            }
            (
                Mutant::DeleteIdle,
                Component::Ingress,
                Effect::Log(LogAction::Append { id, topic, records }),
            ) if &*topic == DATA_TOPIC && records.iter().all(|record| deletes(&record.value)) => {
                let result = Ok(records.iter().map(|record| (record.partition, 0)).collect());
                Meddled::Fake(Event::Log(LogEvent::Appended { id, result }), None)
            }
            (
                Mutant::WrongTopic,
                Component::Backend,
                Effect::Log(LogAction::Append { id, topic, records }),
            ) => {
                // The topic of each but the first goes to the one before.
                self.written.insert(topic.clone());
                let before = self.written.range(..topic.clone()).next_back().cloned();
                let topic = before.unwrap_or_else(|| "plasma".into());
                Meddled::Pass(Effect::Log(LogAction::Append { id, topic, records }))
            }
            (
                Mutant::RowsLost,
                Component::Directory,
                Effect::Table(TableAction::PutMeta { id, .. }),
            ) => Meddled::Fake(Event::Table(TableEvent::Written { id, result: Ok(()) }), None),
            (
                Mutant::RowUnbounded,
                Component::Directory,
                Effect::Table(TableAction::DeleteMeta { id, mut series }),
            ) => {
                for (_, until_ms) in &mut series {
                    *until_ms = i64::MAX;
                }
                Meddled::Pass(Effect::Table(TableAction::DeleteMeta { id, series }))
            }
            (_, _, effect) => Meddled::Pass(effect),
        }
    }

    /// Meddles with what a machine is told: `None` keeps it from it.
    pub fn event(
        &mut self,
        component: Component,
        to: Address,
        event: Event<NoTask>,
    ) -> Option<Event<NoTask>> {
        let Some(mutant) = self.mutant else { return Some(event) };
        match (mutant, component, event) {
            (Mutant::LostWatch, _, Event::Coord(CoordEvent::Changed { .. })) => None,
            (
                Mutant::NotRecalled,
                Component::Ingress,
                Event::Peer(PeerEvent::Throttle { id, result: Ok(ThrottleAnswer::Recalled(_)) }),
            ) => {
                let result = Ok(ThrottleAnswer::Recalled(None));
                Some(Event::Peer(PeerEvent::Throttle { id, result }))
            }
            (
                Mutant::EstimatesUnheard,
                Component::Ingress,
                Event::Log(LogEvent::Records { topic, .. }),
            ) if &*topic == THROTTLING_TOPIC => None,
            (
                Mutant::NotificationLost,
                Component::Backend,
                Event::Coord(CoordEvent::Changed { .. }),
            ) => None,
            (
                Mutant::CopyUnknown,
                Component::Backend,
                Event::Log(LogEvent::Appended { id, result: Err(_) }),
            ) => Some(Event::Log(LogEvent::Appended { id, result: Ok(Vec::new()) })),
            (
                Mutant::StaleCache,
                Component::Ingress,
                Event::Log(LogEvent::Records { topic, group, partition, epoch, mut records }),
            ) if &*topic == METADATA_TOPIC => {
                records.retain(|record| source_of(&record.value).as_deref() != Some("delete"));
                Some(Event::Log(LogEvent::Records { topic, group, partition, epoch, records }))
            }
            (
                Mutant::UpdateLost,
                Component::Directory,
                Event::Log(LogEvent::Records { topic, group, partition, epoch, mut records }),
            ) => {
                for record in &mut records {
                    if source_of(&record.value).is_some_and(|of| of.contains("metadata.update")) {
                        record.value = bytes::Bytes::new();
                    }
                }
                Some(Event::Log(LogEvent::Records { topic, group, partition, epoch, records }))
            }
            (
                Mutant::SessionUnnoticed,
                Component::Directory,
                Event::Coord(CoordEvent::Changed { .. } | CoordEvent::Disconnected),
            ) => None,
            (
                Mutant::SessionUnnoticed,
                Component::Directory,
                Event::Coord(CoordEvent::Connected),
            ) if !self.connected.insert(to) => None,
            (
                Mutant::ScanStopsEarly,
                Component::Directory,
                Event::Table(TableEvent::Rows { id, mut rows }),
            ) => {
                rows.truncate(rows.len() / 2);
                Some(Event::Table(TableEvent::Rows { id, rows }))
            }
            (
                Mutant::MissingShard,
                _,
                Event::Peer(PeerEvent::Answered { id, answer: Answer::Failed(_) }),
            ) => Some(Event::Peer(PeerEvent::Answered { id, answer: Answer::End })),
            (
                Mutant::PartialPut,
                Component::Store,
                Event::Table(TableEvent::Written { id, result: Err(_) }),
            ) => Some(Event::Table(TableEvent::Written { id, result: Ok(()) })),
            (
                Mutant::FailedRow,
                Component::Directory,
                Event::Table(TableEvent::Written { id, result: Err(_) }),
            ) => Some(Event::Table(TableEvent::Written { id, result: Ok(()) })),
            (
                Mutant::FailedDelete,
                Component::Store,
                Event::Table(TableEvent::Deleted { id, result: Err(_) }),
            ) => Some(Event::Table(TableEvent::Deleted { id, result: Ok(0) })),
            (Mutant::StreamBroken, _, Event::Table(TableEvent::End { id, result: Err(_) })) => {
                Some(Event::Table(TableEvent::End { id, result: Ok(()) }))
            }
            (
                Mutant::UnknownAppend,
                Component::Ingress,
                Event::Log(LogEvent::Appended {
                    id,
                    result: Err(LogError::Unknown(_) | LogError::Unavailable(_)),
                }),
            ) => Some(Event::Log(LogEvent::Appended { id, result: Ok(Vec::new()) })),
            (_, _, event) => Some(event),
        }
    }

    /// What a machine does besides what it was told.
    pub fn besides(
        &self,
        component: Component,
        to: Address,
        event: &Event<NoTask>,
    ) -> Option<Effect<NoTask>> {
        match (self.mutant?, component, event) {
            (
                Mutant::CommitBeforeFlush,
                Component::Store,
                Event::Log(LogEvent::Records { partition, epoch, records, .. }),
            ) => Some(Effect::Log(LogAction::Commit {
                id: ActionId(u64::MAX),
                topic: DATA_TOPIC.into(),
                group: STORE_GROUP.into(),
                partition: *partition,
                epoch: *epoch,
                position: (records.last()?.offset + 1).into(),
            })),
            (
                Mutant::EvictedOwnerDeletes,
                Component::Store,
                Event::Log(LogEvent::Revoked { .. }),
            ) => self.last_call.get(&to).cloned().map(Effect::Table),
            _ => None,
        }
    }
}
