//! Records on their way to the machine: copied once, counted until the last is dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::Sender;

use bytes::Bytes;
use weft_daemons::contract::Record;

use super::consumer::Command;

/// Bytes delivered to one member and not dropped yet.
pub(crate) const OUTSTANDING_MAX: usize = 16 << 20;

/// Records of one partition.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    bytes: Vec<u8>,
    heads: Vec<Head>,
}

/// A record without its bytes.
#[derive(Debug)]
struct Head {
    offset: u64,
    timestamp_ms: i64,
    key: usize,
    value: usize,
}

impl Batch {
    pub(crate) fn is_empty(&self) -> bool {
        self.heads.is_empty()
    }

    pub(crate) fn push(&mut self, offset: u64, timestamp_ms: i64, key: &[u8], value: &[u8]) {
        self.bytes.extend_from_slice(key);
        self.bytes.extend_from_slice(value);
        self.heads.push(Head { offset, timestamp_ms, key: key.len(), value: value.len() });
    }

    /// The records. They count as outstanding until all are dropped, which wakes the thread.
    pub(crate) fn records(
        self,
        outstanding: &Arc<AtomicUsize>,
        wake: &Sender<Command>,
    ) -> Vec<Record> {
        let size = self.bytes.len() + self.heads.len() * size_of::<Record>();
        outstanding.fetch_add(size, Ordering::AcqRel);
        let (outstanding, wake) = (outstanding.clone(), wake.clone());
        let tracked = Tracked { bytes: self.bytes, size, outstanding, wake };
        let mut rest = Bytes::from_owner(tracked);
        let record = |head: Head| Record {
            offset: head.offset,
            timestamp_ms: head.timestamp_ms,
            key: rest.split_to(head.key),
            value: rest.split_to(head.value),
        };
        self.heads.into_iter().map(record).collect()
    }
}

/// Bytes that count.
struct Tracked {
    bytes: Vec<u8>,
    size: usize,
    outstanding: Arc<AtomicUsize>,
    wake: Sender<Command>,
}

impl AsRef<[u8]> for Tracked {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Tracked {
    fn drop(&mut self) {
        let before = self.outstanding.fetch_sub(self.size, Ordering::AcqRel);
        let half = OUTSTANDING_MAX / 2;
        if before > half && before - self.size <= half {
            let _ = self.wake.send(Command::Wake);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn records_count_until_the_last_is_dropped() {
        let (wake, woken) = channel();
        let outstanding = Arc::new(AtomicUsize::new(0));
        let mut batch = Batch::default();
        batch.push(3, 30, b"k", b"value");
        batch.push(5, 31, b"", &vec![7; OUTSTANDING_MAX]);
        batch.push(6, 32, b"k2", b"");
        let records = batch.records(&outstanding, &wake);
        let found: Vec<(u64, i64, &[u8], usize)> =
            records.iter().map(|r| (r.offset, r.timestamp_ms, &r.key[..], r.value.len())).collect();
        let expected: Vec<(u64, i64, &[u8], usize)> =
            vec![(3, 30, b"k", 5), (5, 31, b"", OUTSTANDING_MAX), (6, 32, b"k2", 0)];
        assert_eq!(found, expected);
        assert!(outstanding.load(Ordering::Acquire) > OUTSTANDING_MAX);
        let last = records[0].value.clone();
        drop(records);
        assert!(outstanding.load(Ordering::Acquire) > OUTSTANDING_MAX, "one is still held");
        drop(last);
        assert_eq!(outstanding.load(Ordering::Acquire), 0);
        assert!(matches!(woken.try_recv(), Ok(Command::Wake)));
    }
}
