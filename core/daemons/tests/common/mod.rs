//! What the tests of machines share: moments, records, draining.

#![allow(dead_code, reason = "every test file uses a part of it")]

use std::collections::VecDeque;

use bytes::Bytes;
use weft_daemons::contract::{
    ActionId, CoordAction, CoordEvent, Effect, Event, HttpAction, LogAction, Machine, Record,
    ResponseHead, TableAction, Task,
};
use weft_daemons::{Mono, Now, Wall};
use weft_gts::{Encoder, IdKeys, NO_ELEVATION, NO_LOCATION, SeriesId, SipKey, ValueRef, WrapKey};
use weft_wire::envelope::Envelope;
use weft_wire::thrift::{KafkaDataMessage, KafkaDataMessageType};
use weft_wire::token::{ReadToken, TokenKeys, WriteToken};
use weft_wire::znode::{DIRECTORY_SERVICE, ServiceInstance};

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
/// Tells a machine which directories there are, each of all series; what it wants done then.
pub(crate) fn directories_are<M: Machine>(
    machine: &mut M,
    now: Now,
    names: &[&str],
) -> Vec<Effect<M::Task>> {
    let mut effects = step(machine, now, Event::Coord(CoordEvent::Connected));
    let mut seen = Vec::new();
    while !effects.is_empty() {
        for effect in std::mem::take(&mut effects) {
            let event = match effect {
                Effect::Coord(CoordAction::Children { id, .. }) => {
                    let names = names.iter().map(|&name| name.to_owned()).collect();
                    CoordEvent::Children { id, result: Ok(names) }
                }
                Effect::Coord(CoordAction::Get { id, .. }) => {
                    CoordEvent::Data { id, result: Ok(the_directory().encode().into()) }
                }
                other => {
                    seen.push(other);
                    continue;
                }
            };
            effects.extend(step(machine, now, Event::Coord(event)));
        }
    }
    seen
}

fn the_directory() -> ServiceInstance {
    let payload = [("modulus", "1"), ("remainder", "0")];
    ServiceInstance {
        name: DIRECTORY_SERVICE.to_owned(),
        id: "one".to_owned(),
        address: "here".to_owned(),
        port: 1,
        payload: payload.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        registered_ms: 0,
    }
}

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

/// Runs the tasks among effects at once, and what they lead to, until there is nothing to run.
/// Everything else that the machine wanted done.
pub(crate) fn run<M: Machine>(
    machine: &mut M,
    now: Now,
    effects: Vec<Effect<M::Task>>,
) -> Vec<Effect<M::Task>> {
    let mut rest = Vec::new();
    let mut effects: VecDeque<_> = effects.into();
    while let Some(effect) = effects.pop_front() {
        match effect {
            Effect::Compute(id, task) => {
                effects.extend(step(machine, now, Event::Computed(id, task.run())));
            }
            other => rest.push(other),
        }
    }
    rest
}

/// [`step`], then [`run`].
pub(crate) fn step_and_run<M: Machine>(
    machine: &mut M,
    now: Now,
    event: Event<M::Task>,
) -> Vec<Effect<M::Task>> {
    let effects = step(machine, now, event);
    run(machine, now, effects)
}

/// What is to be sent to clients, among effects.
pub(crate) fn http_actions<T: Task>(effects: &[Effect<T>]) -> Vec<HttpAction> {
    let pick = |effect: &Effect<T>| match effect {
        Effect::Http(action) => Some(action.clone()),
        _ => None,
    };
    effects.iter().filter_map(pick).collect()
}

/// The status and headers of the only response that begins among effects; `None` for none.
pub(crate) fn the_head<T: Task>(effects: &[Effect<T>]) -> Option<ResponseHead> {
    let mut heads = http_actions(effects).into_iter().filter_map(|action| match action {
        HttpAction::Head { head, .. } => Some(head),
        _ => None,
    });
    let head = heads.next();
    assert_eq!(heads.next(), None, "one response");
    head
}

/// What response bodies among effects say.
pub(crate) fn body_text<T: Task>(effects: &[Effect<T>]) -> String {
    let pick = |action| match action {
        HttpAction::Body { bytes, .. } => Some(String::from_utf8_lossy(&bytes).into_owned()),
        _ => None,
    };
    http_actions(effects).into_iter().filter_map(pick).collect()
}

const OWNER: [u8; 16] = [7; 16];

/// Keys of tokens.
pub(crate) fn token_keys() -> TokenKeys {
    TokenKeys {
        sip: SipKey::new(5, 6),
        app: SipKey::new(7, 8),
        aes: WrapKey::new(&[9; 32]).expect("a key"),
    }
}

/// A token that reads everything of one owner in one application, with attributes.
pub(crate) fn read_token(attributes: &[(&str, &str)]) -> String {
    token_keys().encode_read(&ReadToken {
        expiry_ms: i64::MAX,
        app_name: Some("test".to_owned()),
        apps: vec!["test".to_owned()],
        owners: vec![OWNER.to_vec()],
        billed_id: OWNER.to_vec(),
        attributes: Some(attributes.iter().map(|(name, value)| (*name, *value)).collect()),
        ..ReadToken::default()
    })
}

/// A token that writes for that owner.
pub(crate) fn write_token() -> String {
    token_keys().encode_write(&WriteToken {
        expiry_ms: i64::MAX,
        app_name: "test".to_owned(),
        producer_id: OWNER.to_vec(),
        owner_id: OWNER.to_vec(),
        ..WriteToken::default()
    })
}

/// The id of the only commit among actions, and its offset.
pub(crate) fn the_commit(actions: &[LogAction]) -> (ActionId, u64) {
    let mut commits = actions.iter().filter_map(|action| match action {
        LogAction::Commit { id, position, .. } => Some((*id, position.offset)),
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
