//! The embedded log keeps the contract, and what a crash leaves behind.

mod common;

use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use common::Clients;
use tempfile::TempDir;
use weft_daemons::contract::log::{Start, Topic};
use weft_daemons::contract::suite::log::{LogHarness, PARTITIONS, check_all};
use weft_daemons::contract::{ActionId, LogAction, LogError, LogEvent};
use weft_log::{EmbeddedLog, LogClient, LogOptions};

/// How long an answer may take before the test fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long silence must last to count as silence.
const SILENCE: Duration = Duration::from_millis(50);

struct Harness {
    folder: TempDir,
    log: Arc<EmbeddedLog>,
    clients: Clients<LogClient>,
}

fn options() -> LogOptions {
    LogOptions { partitions: PARTITIONS, ..LogOptions::default() }
}

impl Harness {
    fn new() -> Self {
        let folder = TempDir::new().expect("a folder");
        let log = EmbeddedLog::open(folder.path(), options()).expect("a fresh log");
        Self { folder, log, clients: Clients::new(PATIENCE, SILENCE) }
    }
}

impl LogHarness for Harness {
    fn client(&mut self) -> usize {
        self.clients.add(|sender| self.log.client(move |event| drop(sender.send(event))))
    }

    fn leave(&mut self, client: usize) {
        self.clients.leave(client);
    }

    fn submit(&mut self, client: usize, action: LogAction) {
        self.clients.get(client).submit(action);
    }

    fn next(&mut self, client: usize) -> LogEvent {
        self.clients.next(client)
    }

    fn next_soon(&mut self, client: usize) -> Option<LogEvent> {
        self.clients.next_soon(client)
    }

    fn crash(&mut self) {
        // Nothing is flushed at a close that was not durable before: what is on disk now is what
        // a killed process leaves. It is copied as it is, and opened.
        let copy = TempDir::new().expect("a folder");
        copy_folder(self.folder.path(), copy.path());
        self.clients.clear();
        self.log = EmbeddedLog::open(copy.path(), options()).expect("a log after a crash");
        self.folder = copy;
    }
}

fn copy_folder(from: &std::path::Path, to: &std::path::Path) {
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            std::fs::create_dir_all(&target).expect("a folder");
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("a copy");
        }
    }
}

#[test]
fn the_embedded_log_keeps_the_contract() {
    check_all(Harness::new);
}

mod torn {
    use bytes::Bytes;
    use weft_daemons::contract::log::{NewRecord, Start};
    use weft_daemons::contract::{ActionId, LogAction, LogEvent};

    use super::*;

    /// A log with ten records in one partition. The path of its segment.
    fn filled(folder: &TempDir) -> std::path::PathBuf {
        let log = EmbeddedLog::open(folder.path(), LogOptions { partitions: 1, ..options() })
            .expect("a fresh log");
        let (sender, receiver) = channel();
        let client = log.client(move |event| drop(sender.send(event)));
        let record =
            |n: u8| NewRecord { partition: 0, key: Bytes::new(), value: Bytes::from(vec![n; 20]) };
        let records = (0..10).map(record).collect();
        client.submit(LogAction::Append { id: ActionId(1), topic: "t".into(), records });
        receiver.recv_timeout(PATIENCE).expect("an acknowledgement");
        folder.path().join("topics/t/0/00000000000000000000.log")
    }

    /// What a log has after a crash, up to a record that is appended to it now.
    fn values(folder: &TempDir) -> Vec<u8> {
        const MARK: u8 = 255;
        let log = EmbeddedLog::open(folder.path(), options()).expect("a log after a crash");
        let (sender, receiver) = channel();
        let client = log.client(move |event| drop(sender.send(event)));
        let mark = Bytes::from(vec![MARK]);
        let records = vec![NewRecord { partition: 0, key: Bytes::new(), value: mark }];
        client.submit(LogAction::Append { id: ActionId(1), topic: "t".into(), records });
        let (topic, group) = ("t".into(), "".into());
        client.submit(LogAction::Subscribe { topic, group, start: Start::Earliest });
        let mut values = Vec::new();
        while values.last() != Some(&MARK) {
            let event = receiver.recv_timeout(PATIENCE).expect("what was appended");
            if let LogEvent::Records { records, .. } = event {
                values.extend(records.iter().map(|record| record.value[0]));
            }
        }
        values.pop();
        values
    }

    #[test]
    fn a_tail_torn_anywhere_is_cut() {
        let folder = TempDir::new().expect("a folder");
        let segment = filled(&folder);
        let whole = std::fs::read(&segment).expect("a segment");
        let record = whole.len() / 10;
        for cut in (0..whole.len()).step_by(7) {
            std::fs::write(&segment, &whole[..cut]).expect("a torn segment");
            let expected: Vec<u8> = (0..(cut / record) as u8).collect();
            assert_eq!(values(&folder), expected, "cut at {cut}");
        }
    }

    #[test]
    fn damage_in_the_middle_is_an_error_not_a_loss() {
        let folder = TempDir::new().expect("a folder");
        let segment = filled(&folder);
        let mut bytes = std::fs::read(&segment).expect("a segment");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&segment, &bytes).expect("a damaged segment");
        let error = EmbeddedLog::open(folder.path(), options()).expect_err("damage");
        assert!(error.to_string().contains("damaged at byte"), "{error}");
    }

    #[test]
    fn a_second_process_is_kept_out() {
        let folder = TempDir::new().expect("a folder");
        let _log = EmbeddedLog::open(folder.path(), options()).expect("a fresh log");
        let error = EmbeddedLog::open(folder.path(), options()).expect_err("locked");
        assert!(error.to_string().contains("another process"), "{error}");
    }
}

#[test]
fn a_group_with_control_characters_commits_nothing() {
    let mut harness = Harness::new();
    let client = harness.client();
    let id = ActionId(1);
    harness.submit(client, LogAction::Describe { id, topic: "t".into() });
    assert!(matches!(harness.next(client), LogEvent::Described { .. }));
    let (topic, group): (Topic, Topic) = ("t".into(), "a\tb".into());
    let start = Start::Earliest;
    harness
        .submit(client, LogAction::Subscribe { topic: topic.clone(), group: group.clone(), start });
    let LogEvent::Assigned { epoch, .. } = harness.next(client) else { panic!("an assignment") };
    let commit = LogAction::Commit { id, topic, group, partition: 0, epoch, position: 0.into() };
    harness.submit(client, commit);
    let LogEvent::Committed { result, .. } = harness.next(client) else { panic!("an answer") };
    assert!(matches!(result, Err(LogError::Refused(_))), "{result:?}");
    // The line of such a group could not be read again.
    harness.crash();
}
