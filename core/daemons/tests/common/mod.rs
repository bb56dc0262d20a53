//! What the tests of machines share: moments, records, draining.

#![allow(dead_code, reason = "every test file uses a part of it")]

use bytes::Bytes;
use weft_daemons::contract::{
    ActionId, Effect, Event, LogAction, Machine, Record, TableAction, Task,
};
use weft_daemons::{Mono, Now, Wall};
use weft_gts::{Encoder, IdKeys, NO_ELEVATION, NO_LOCATION, SeriesId, SipKey, ValueRef};
use weft_wire::envelope::Envelope;
use weft_wire::thrift::{KafkaDataMessage, KafkaDataMessageType};

/// A moment, `ms` milliseconds after the start of both clocks.
pub(crate) fn at(ms: u64) -> Now {
    Now { mono: Mono(ms * 1_000_000), wall: Wall(ms as i64 * 1_000_000) }
}

/// Keys of ids.
pub(crate) fn ids() -> IdKeys {
    IdKeys { class: SipKey::new(1, 2), labels: SipKey::new(3, 4) }
}

/// A series for tests of what does not look at names.
pub(crate) const SERIES: SeriesId = SeriesId { class_id: 7, labels_id: 8 };

/// Hands an event over and returns everything that the machine wants done.
pub(crate) fn step<M: Machine>(
    machine: &mut M,
    now: Now,
    event: Event<M::Task>,
) -> Vec<Effect<M::Task>> {
    machine.handle(now, event);
    drain(machine)
}

/// Everything that the machine wants done.
pub(crate) fn drain<M: Machine>(machine: &mut M) -> Vec<Effect<M::Task>> {
    std::iter::from_fn(|| machine.poll()).collect()
}

/// The actions for the table among effects.
pub(crate) fn table_actions<T: Task>(effects: Vec<Effect<T>>) -> Vec<TableAction> {
    let pick = |effect| match effect {
        Effect::Table(action) => Some(action),
        _ => None,
    };
    effects.into_iter().filter_map(pick).collect()
}

/// The actions for the log among effects.
pub(crate) fn log_actions<T: Task>(effects: Vec<Effect<T>>) -> Vec<LogAction> {
    let pick = |effect| match effect {
        Effect::Log(action) => Some(action),
        _ => None,
    };
    effects.into_iter().filter_map(pick).collect()
}

/// The id of the only commit among actions, and its offset.
pub(crate) fn the_commit(actions: &[LogAction]) -> (ActionId, u64) {
    let mut commits = actions.iter().filter_map(|action| match action {
        LogAction::Commit { id, offset, .. } => Some((*id, *offset)),
        _ => None,
    });
    let commit = commits.next().unwrap_or_else(|| panic!("a commit is among {actions:?}"));
    assert_eq!(commits.next(), None, "one commit");
    commit
}

/// A record of a partition.
pub(crate) fn record(offset: u64, timestamp_ms: i64, value: Vec<u8>) -> Record {
    Record {
        offset,
        timestamp_ms,
        key: Bytes::copy_from_slice(&SERIES.to_bytes()),
        value: value.into(),
    }
}

/// A message that stores long values at ticks.
pub(crate) fn store_message(points: &[(i64, i64)]) -> Vec<u8> {
    let mut encoder = Encoder::new(0);
    for (tick, value) in points {
        encoder.add(*tick, NO_LOCATION, NO_ELEVATION, ValueRef::Long(*value));
    }
    let message = KafkaDataMessage {
        class_id: SERIES.class_id,
        labels_id: SERIES.labels_id,
        data: Some(encoder.into_bytes()),
        ..KafkaDataMessage::new(KafkaDataMessageType::Store)
    };
    Envelope::default().seal(&message.encode())
}

/// A message that deletes a range of ticks.
pub(crate) fn delete_message(start: i64, end: i64) -> Vec<u8> {
    let message = KafkaDataMessage {
        class_id: SERIES.class_id,
        labels_id: SERIES.labels_id,
        deletion_start: Some(start),
        deletion_end: Some(end),
        ..KafkaDataMessage::new(KafkaDataMessageType::Delete)
    };
    Envelope::default().seal(&message.encode())
}
