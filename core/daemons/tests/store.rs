//! The promises of `store`, one test each.

mod common;

use std::time::Duration;

use common::{
    at, delete_message, drain, log_actions, record, step, store_message, table_actions, the_commit,
};
use weft_daemons::contract::log::Position;
use weft_daemons::contract::table::CellTime;
use weft_daemons::contract::{
    ActionId, Effect, Event, LogAction, LogEvent, NoTask, PeerAction, Record, TableAction,
    TableError, TableEvent, Topic,
};
use weft_daemons::store::{Store, StoreConfig};
use weft_gts::TimeUnit;
use weft_wire::envelope::Envelope;

const COMMIT_MS: u64 = 1_000;
const HUNG_MS: u64 = 10_000;

fn topic() -> Topic {
    "data".into()
}

fn store() -> Store {
    store_from(5.into())
}

/// A store that gets the partition there.
fn store_from(position: Position) -> Store {
    let mut store = Store::new(StoreConfig {
        topic: topic(),
        group: "store".into(),
        envelope: Envelope::default(),
        commit_period: Duration::from_millis(COMMIT_MS),
        call_time_max: Duration::from_millis(HUNG_MS),
        put_points_max: 1_000,
        unit: TimeUnit::Microseconds,
    });
    let effects = drain(&mut store);
    assert!(matches!(log_actions(effects)[..], [LogAction::Subscribe { .. }]));
    let assigned = LogEvent::Assigned {
        topic: topic(),
        group: "store".into(),
        epoch: 0,
        partitions: vec![(0, position)],
    };
    step(&mut store, at(0), Event::Log(assigned));
    store
}

fn records(epoch: u64, records: Vec<Record>) -> Event<NoTask> {
    let (topic, group) = (topic(), "store".into());
    Event::Log(LogEvent::Records { topic, group, partition: 0, epoch, records })
}

fn written(id: ActionId, result: Result<(), TableError>) -> Event<NoTask> {
    Event::Table(TableEvent::Written { id, result })
}

fn committed(id: ActionId) -> Event<NoTask> {
    Event::Log(LogEvent::Committed { id, result: Ok(()) })
}

/// Answers the only flush among effects; what is wanted then.
fn flush(store: &mut Store, ms: u64, effects: Vec<Effect<NoTask>>) -> Vec<Effect<NoTask>> {
    match &table_actions(effects)[..] {
        [TableAction::Flush { id }] => {
            let flushed = TableEvent::Flushed { id: *id, result: Ok(()) };
            step(store, at(ms), Event::Table(flushed))
        }
        other => panic!("a flush, not {other:?}"),
    }
}

/// The id and cell timestamp of the only put among effects.
fn the_put(effects: Vec<Effect<NoTask>>) -> (ActionId, i64) {
    match &table_actions(effects)[..] {
        [TableAction::Put { id, puts }] => match puts[0].cell_time {
            CellTime::At(ms) => (*id, ms),
            other => panic!("{other:?}"),
        },
        other => panic!("a put, not {other:?}"),
    }
}

#[test]
fn offsets_are_committed_after_the_table_flushed() {
    let mut store = store();
    let effects =
        step(&mut store, at(0), records(0, vec![record(5, 100, store_message(&[(1, 1)]))]));
    let (put, _) = the_put(effects);
    let effects = step(&mut store, at(COMMIT_MS * 5), Event::Tick);
    assert!(log_actions(effects).is_empty(), "nothing is committed before the table answers");
    let effects = step(&mut store, at(COMMIT_MS * 5), written(put, Ok(())));
    assert!(effects.iter().any(|effect| matches!(
        effect,
        Effect::Peer(PeerAction::Applied { partition: 0, offset: 6, .. })
    )));
    let effects = step(&mut store, at(COMMIT_MS * 6), Event::Tick);
    assert!(
        !effects.iter().any(|effect| matches!(effect, Effect::Log(_))),
        "nor before it flushed"
    );
    // What is written meanwhile is not in the flush.
    let more = records(0, vec![record(6, 100, store_message(&[(2, 2)]))]);
    let (put, _) = the_put(step(&mut store, at(COMMIT_MS * 6), more));
    assert!(step(&mut store, at(COMMIT_MS * 6), written(put, Ok(()))).len() == 1);
    let effects = flush(&mut store, COMMIT_MS * 6, effects);
    assert_eq!(the_commit(&log_actions(effects)).1, 6);
}

#[test]
fn a_flush_that_fails_or_hangs_is_tried_again() {
    let mut store = store();
    let one = records(0, vec![record(5, 100, store_message(&[(1, 1)]))]);
    let (put, _) = the_put(step(&mut store, at(0), one));
    step(&mut store, at(0), written(put, Ok(())));
    let effects = step(&mut store, at(1_000), Event::Tick);
    let [TableAction::Flush { id }] = table_actions(effects)[..] else { panic!("a flush") };
    let failed = TableEvent::Flushed { id, result: Err(TableError::Unavailable("no".to_owned())) };
    let effects = step(&mut store, at(1_001), Event::Table(failed));
    assert!(table_actions(effects).is_empty());
    // Again, and no answer.
    let effects = step(&mut store, at(2_000), Event::Tick);
    assert!(matches!(table_actions(effects)[..], [TableAction::Flush { .. }]));
    assert!(store_deadline_ms(&store) <= 2_000 + HUNG_MS);
    let effects = step(&mut store, at(2_000 + HUNG_MS), Event::Tick);
    let effects = flush(&mut store, 2_000 + HUNG_MS, effects);
    assert_eq!(the_commit(&log_actions(effects)).1, 6);
}

#[test]
fn a_failed_write_is_tried_again_and_not_committed() {
    let mut store = store();
    let effects =
        step(&mut store, at(0), records(0, vec![record(5, 100, store_message(&[(1, 1)]))]));
    let (put, _) = the_put(effects);
    let failed = Err(TableError::Unavailable("no".to_owned()));
    let effects = step(&mut store, at(1), written(put, failed));
    assert!(table_actions(effects).is_empty());
    let effects = step(&mut store, at(1_000), Event::Tick);
    let (again, _) = the_put(effects);
    assert_ne!(put, again);
    step(&mut store, at(1_001), written(again, Ok(())));
    let effects = step(&mut store, at(3_000), Event::Tick);
    let effects = flush(&mut store, 3_000, effects);
    assert_eq!(the_commit(&log_actions(effects)).1, 6);
}

#[test]
fn a_delete_is_a_barrier() {
    let mut store = store();
    let batch = vec![
        record(5, 100, store_message(&[(1, 1)])),
        record(6, 100, delete_message(0, 10)),
        record(7, 100, store_message(&[(2, 2)])),
    ];
    let (put, before_ms) = the_put(step(&mut store, at(0), records(0, batch)));
    // What is before it is written, flushed, then committed.
    let effects = step(&mut store, at(1), written(put, Ok(())));
    let effects = flush(&mut store, 1, effects);
    let (commit, offset) = the_commit(&log_actions(effects));
    assert_eq!(offset, 6);
    // Then it deletes.
    let deletes = table_actions(step(&mut store, at(2), committed(commit)));
    let [TableAction::Delete { id, start: 0, end: 10, cell_until, .. }] = &deletes[..] else {
        panic!("a delete, not {deletes:?}");
    };
    assert!(*cell_until >= before_ms, "it takes what was written before it");
    // Then the offset past it is committed.
    let deleted = Event::Table(TableEvent::Deleted { id: *id, result: Ok(1) });
    let effects = step(&mut store, at(3), deleted);
    let effects = flush(&mut store, 3, effects);
    let actions = log_actions(effects);
    let (commit, offset) = the_commit(&actions);
    assert_eq!(offset, 7);
    // And only then what comes after it is written, with a newer cell timestamp.
    let (_, after_ms) = the_put(step(&mut store, at(4), committed(commit)));
    assert!(after_ms > *cell_until, "a late delete cannot hide newer data");
}

#[test]
fn the_next_owner_goes_on_with_the_clock_of_the_commit() {
    // The cells of the first record are moved past its millisecond, and so is the delete.
    let mut store = store();
    let batch =
        vec![record(5, 100, store_message(&[(1, 1)])), record(6, 100, delete_message(0, 10))];
    let (put, _) = the_put(step(&mut store, at(0), records(0, batch)));
    let effects = step(&mut store, at(1), written(put, Ok(())));
    let effects = flush(&mut store, 1, effects);
    let (commit, _) = the_commit(&log_actions(effects));
    let deletes = table_actions(step(&mut store, at(2), committed(commit)));
    let [TableAction::Delete { id, cell_until, .. }] = deletes[..] else { panic!("a delete") };
    let deleted = Event::Table(TableEvent::Deleted { id, result: Ok(1) });
    let effects = step(&mut store, at(3), deleted);
    let actions = log_actions(flush(&mut store, 3, effects));
    let [LogAction::Commit { id: commit, position, .. }] = &actions[..] else { panic!("a commit") };
    let after = || records(0, vec![record(7, 100, store_message(&[(1, 2)]))]);
    let (_, next_ms) = the_put(step(&mut store_from(position.clone()), at(0), after()));
    assert!(next_ms > cell_until, "the delete before it cannot hide it: {position:?}");
    step(&mut store, at(4), committed(*commit));
    let (_, same_ms) = the_put(step(&mut store, at(4), after()));
    assert_eq!(next_ms, same_ms, "whoever writes it");
}

#[test]
fn a_log_whose_clock_went_back_does_not_hide_newer_data() {
    let mut store = store();
    let one = |ms, value| records(0, vec![record(5, ms, store_message(&[(1, value)]))]);
    let (put, before_ms) = the_put(step(&mut store, at(0), one(100, 1)));
    step(&mut store, at(1), written(put, Ok(())));
    let (_, after_ms) = the_put(step(&mut store, at(1), one(90, 2)));
    assert!(after_ms > before_ms);
}

#[test]
fn a_replay_gives_the_same_cells() {
    let batch =
        || vec![record(5, 100, store_message(&[(1, 1)])), record(6, 90, store_message(&[(1, 2)]))];
    let puts = |store: &mut Store| table_actions(step(store, at(0), records(0, batch())));
    let (first, second) = (puts(&mut store()), puts(&mut store()));
    assert_eq!(first, second);
}

#[test]
fn after_losing_a_partition_nothing_is_asked_of_the_table_for_it() {
    let mut store = store();
    let batch =
        vec![record(5, 100, store_message(&[(1, 1)])), record(6, 100, delete_message(0, 10))];
    let (put, _) = the_put(step(&mut store, at(0), records(0, batch)));
    let revoked = LogEvent::Revoked { topic: topic(), group: "store".into(), partitions: vec![0] };
    assert!(table_actions(step(&mut store, at(1), Event::Log(revoked))).is_empty());
    assert!(table_actions(step(&mut store, at(2), written(put, Ok(())))).is_empty());
    let late = records(0, vec![record(7, 100, store_message(&[(3, 3)]))]);
    assert!(table_actions(step(&mut store, at(3), late)).is_empty());
    assert!(table_actions(step(&mut store, at(HUNG_MS * 2), Event::Tick)).is_empty());
}

#[test]
fn a_hung_call_begins_again_at_the_last_commit() {
    let mut store = store();
    let effects =
        step(&mut store, at(0), records(0, vec![record(5, 100, store_message(&[(1, 1)]))]));
    the_put(effects);
    assert!(store_deadline_ms(&store) <= HUNG_MS);
    let effects = step(&mut store, at(HUNG_MS), Event::Tick);
    let waits = |effect: &Effect<NoTask>| {
        matches!(effect, Effect::Peer(PeerAction::Applied { partition: 0, offset: 5, .. }))
    };
    assert!(effects.iter().any(waits), "readers wait until it is done again: {effects:?}");
    let actions = log_actions(effects);
    assert!(
        matches!(actions[..], [LogAction::Seek { offset: 5, epoch: 1, partition: 0, .. }]),
        "{actions:?}"
    );
    let stale = records(0, vec![record(6, 100, store_message(&[(9, 9)]))]);
    assert!(table_actions(step(&mut store, at(HUNG_MS), stale)).is_empty(), "older batches");
    let again = records(1, vec![record(5, 100, store_message(&[(1, 1)]))]);
    the_put(step(&mut store, at(HUNG_MS), again));
}

fn store_deadline_ms(store: &Store) -> u64 {
    use weft_daemons::Machine;
    store.deadline().map_or(u64::MAX, |deadline| deadline.0 / 1_000_000)
}

#[test]
fn what_cannot_be_read_is_passed_over_and_told() {
    let mut store = store();
    let effects = step(&mut store, at(0), records(0, vec![record(5, 100, b"garbage".to_vec())]));
    assert!(effects.iter().any(|effect| matches!(
        effect,
        Effect::Warn(warning) if warning.contains("record 5 of partition 0 of data")
    )));
    let effects = step(&mut store, at(COMMIT_MS), Event::Tick);
    let effects = flush(&mut store, COMMIT_MS, effects);
    assert_eq!(the_commit(&log_actions(effects)).1, 6);
}
