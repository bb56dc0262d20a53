//! Requests to run a script, as they stand in the log.

use std::io::{Read, Write};
use std::sync::Arc;

use bytes::Bytes;
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use weft_wire::envelope::Envelope;
use weft_wire::kafka::partition;
use weft_wire::thrift::RunRequest;

use super::program::period_ms;
use super::scripts::window_of;
use crate::contract::log::{NewRecord, Record};
use crate::contract::peer::SCRIPT_BYTES_MAX;

/// How far the clocks of schedulers and workers may be apart, in milliseconds: a request is overdue
/// when its window has been over for longer.
const CLOCKS_APART_MS: i64 = 2_000;

/// Bytes of a script below which gzip makes it longer.
const COMPRESSED_MIN: usize = 256;

/// A request to run a script in one window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) path: Arc<str>,
    pub(super) period_ms: i64,
    pub(super) scheduled_ms: i64,
    content: Bytes,
    compressed: bool,
}

impl Request {
    /// The record that asks for a run, as the reference's scheduler writes it; the same window gives the
    /// same record. Its key is the path: what is asked of one script stays in one partition, in order.
    pub(super) fn record(
        (path, period_ms, window): (&str, i64, i64),
        text: &str,
        scheduler: &str,
        envelope: &Envelope,
        partitions: u32,
    ) -> NewRecord {
        let compressed = text.len() >= COMPRESSED_MIN;
        let content = match compressed {
            true => {
                let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
                // Writing to memory does not fail.
                gzip.write_all(text.as_bytes()).and_then(|()| gzip.finish()).ok()
            }
            false => Some(text.as_bytes().to_vec()),
        };
        let request = RunRequest {
            scheduled_at_ms: window.saturating_mul(period_ms),
            period_ms,
            path: Some(path.to_owned()),
            content,
            compressed,
            scheduler: Some(scheduler.to_owned()),
        };
        let value = envelope.seal(&request.encode()).into();
        let key = Bytes::copy_from_slice(path.as_bytes());
        NewRecord { partition: partition(&key, partitions), key, value }
    }

    /// What a record asks for; `Err` says why it is no request.
    pub(super) fn read(record: &Record, envelope: &Envelope) -> Result<Self, String> {
        let plain = envelope.open(&record.value).map_err(|error| error.to_string())?;
        let request = RunRequest::decode(&plain).map_err(|error| error.to_string())?;
        let path = request.path.ok_or("it names no script")?;
        if record.key != path.as_bytes() {
            return Err("its key is not its path".to_owned());
        }
        if request.period_ms <= 0 || period_ms(&path).is_some_and(|own| own != request.period_ms) {
            return Err("its period is not its path's".to_owned());
        }
        Ok(Self {
            path: path.into(),
            period_ms: request.period_ms,
            scheduled_ms: request.scheduled_at_ms,
            content: request.content.unwrap_or_default().into(),
            compressed: request.compressed,
        })
    }

    pub(super) fn window(&self) -> i64 {
        window_of(self.scheduled_ms, self.period_ms)
    }

    /// Whether its window is over.
    pub(super) fn is_overdue(&self, now_ms: i64) -> bool {
        let end_ms = self.scheduled_ms.saturating_add(self.period_ms);
        #[cfg(weft_mutants)]
        if crate::mutants::is(crate::mutants::Planted::OverdueInverted) {
            return end_ms >= now_ms;
        }
        end_ms.saturating_add(CLOCKS_APART_MS) < now_ms
    }

    pub(super) fn bytes(&self) -> usize {
        self.content.len() + self.path.len()
    }

    /// The script.
    pub(super) fn text(&self) -> Result<String, String> {
        let mut text = Vec::new();
        let limit = SCRIPT_BYTES_MAX as u64 + 1;
        let content = &self.content[..];
        let read = match self.compressed {
            true => MultiGzDecoder::new(content).take(limit).read_to_end(&mut text),
            false => content.take(limit).read_to_end(&mut text),
        };
        read.map_err(|error| format!("its script cannot be inflated: {error}"))?;
        if text.len() > SCRIPT_BYTES_MAX {
            return Err(format!("its script is longer than {SCRIPT_BYTES_MAX} bytes"));
        }
        Ok(weft_gts::utf8::from_utf8_lossy(&text).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use weft_gts::{SipKey, WrapKey};

    use super::*;

    fn envelope() -> Envelope {
        Envelope { mac: Some(SipKey::new(1, 2)), aes: WrapKey::new(&[7; 16]).ok() }
    }

    fn written(text: &str) -> Record {
        let path = "a/2000/b.mc2";
        let new = Request::record((path, 2_000, 21), text, "me", &envelope(), 4);
        assert_eq!(new.partition, partition(path.as_bytes(), 4));
        Record { offset: 3, timestamp_ms: 5, key: new.key, value: new.value }
    }

    #[test]
    fn scripts_of_any_size_come_through() {
        // The reference's scheduler sends no script of more than 8,192 bytes.
        for size in [0u64, 1, 8_191, 8_192, 8_193, 1 << 20] {
            let text: String = (0..size).map(|i| char::from(b'a' + (i * i % 23) as u8)).collect();
            let request = Request::read(&written(&text), &envelope()).expect("a request");
            assert_eq!(request.text().as_deref(), Ok(&*text));
            assert_eq!((request.window(), request.scheduled_ms), (21, 42_000));
        }
    }

    #[test]
    fn what_is_no_request_is_refused() {
        let good = written("1");
        assert!(Request::read(&good, &envelope()).is_ok());
        let other = Envelope { mac: Some(SipKey::new(1, 3)), ..envelope() };
        assert!(Request::read(&good, &other).is_err());
        let renamed = Record { key: "a/2000/c.mc2".into(), ..good.clone() };
        assert!(Request::read(&renamed, &envelope()).is_err_and(|why| why.contains("key")));
        let cut = Record { value: good.value.slice(..9), ..good };
        assert!(Request::read(&cut, &envelope()).is_err());
    }

    #[test]
    fn what_inflates_without_end_is_refused() {
        let text = " ".repeat(SCRIPT_BYTES_MAX + 1);
        let request = Request::read(&written(&text), &envelope()).expect("a request");
        assert!(request.text().is_err_and(|why| why.contains("longer")));
    }

    #[test]
    fn a_request_is_overdue_when_its_window_is_over() {
        // The reference's worker drops those that are not.
        let request = Request::read(&written(""), &envelope()).expect("a request");
        assert!(!request.is_overdue(42_000));
        assert!(!request.is_overdue(44_000 + CLOCKS_APART_MS));
        assert!(request.is_overdue(44_001 + CLOCKS_APART_MS));
    }

    proptest::proptest! {
        #[test]
        fn bytes_from_outside_do_no_harm(
            value in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200),
            cut in 0usize..200,
        ) {
            let own = written("some text");
            let mut other = own.value.to_vec();
            other.truncate(cut);
            for value in [value, other] {
                for envelope in [Envelope::default(), envelope()] {
                    let (key, value) = (own.key.clone(), value.clone().into());
                    let record = Record { key, value, ..own.clone() };
                    if let Ok(request) = Request::read(&record, &envelope) {
                        let _ = (request.text(), request.window(), request.is_overdue(0));
                    }
                }
            }
        }
    }
}
