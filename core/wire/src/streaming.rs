//! What egress asks of a directory's streaming port, and what comes back.
//!
//! ```text
//! POST /directory-streaming     X-Warp10-Directory-Signature: hex(ms):hex(SipHash)
//! selector=OPB64(CLASS{…})&activeafter=MS&quietafter=MS
//!
//! OPB64(Thrift metadata) CR LF  for each series
//!
//! POST /directory-stats
//! OPB64(Thrift signed request)   a line for each
//!
//! OPB64(Thrift estimators) CR LF for each request
//! ```

use weft_gts::selector::SelectorText;
use weft_gts::{Labels, Metadata, SipKey};

use crate::opb64;
use crate::sign::{directory_hash, signature};
use crate::thrift::{
    DirectoryStatsRequest, DirectoryStatsResponse, decode_metadata, encode_metadata,
};

/// Where the request goes.
pub const PATH: &str = "/directory-streaming";

/// Where requests for estimates go.
pub const STATS_PATH: &str = "/directory-stats";

/// A request for the series that one selector means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamingRequest {
    /// The value of `X-Warp10-Directory-Signature`.
    pub signature: String,
    /// The form that is posted.
    pub body: String,
}

impl StreamingRequest {
    /// A request, signed with the key that the directories share with those who ask.
    pub fn new(
        key: SipKey,
        now_ms: i64,
        selector: &SelectorText,
        active_after: Option<i64>,
        quiet_after: Option<i64>,
    ) -> Self {
        let mut text = Vec::new();
        selector.write(&mut text);
        // A selector is written as text.
        let text = String::from_utf8_lossy(&text).into_owned();
        let mut body = format!("selector={}", opb64::encode(text.as_bytes()));
        for (name, moment) in [("activeafter", active_after), ("quietafter", quiet_after)] {
            if let Some(moment) = moment {
                body.push_str(&format!("&{name}={moment}"));
            }
        }
        Self { signature: signature(key, now_ms, &text), body }
    }
}

/// The line of one series.
pub fn write_line(out: &mut Vec<u8>, metadata: &Metadata) {
    opb64::encode_into(out, &encode_metadata(metadata));
    out.extend_from_slice(b"\r\n");
}

/// The series of a line, its end left out; `None` when it is none.
pub fn read_line(line: &[u8]) -> Option<Metadata> {
    decode_metadata(&opb64::decode(line).ok()?).ok()
}

/// The body of a request for estimates of the series that match any of the selectors, signed.
pub fn stats_request(key: SipKey, now_ms: i64, selectors: &[SelectorText]) -> String {
    let classes: Vec<String> = selectors.iter().map(|selector| selector.class.clone()).collect();
    let labels = selectors.iter().map(|selector| {
        selector.labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    });
    let labels: Vec<Labels> = labels.collect();
    let request = DirectoryStatsRequest {
        hash: directory_hash(key, now_ms, &classes, &labels),
        class_selectors: Some(classes),
        labels_selectors: Some(labels),
        timestamp_ms: now_ms,
    };
    format!("{}\r\n", opb64::encode(&request.encode()))
}

/// The estimates of a line, its end left out; `None` when there are none.
pub fn read_stats(line: &[u8]) -> Option<DirectoryStatsResponse> {
    DirectoryStatsResponse::decode(&opb64::decode(line).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sign::is_signed;

    #[test]
    fn a_request_is_signed_for_its_selector() {
        let key = SipKey::new(3, 4);
        let selector = SelectorText::parse("~a%20b.*{l=v}").expect("a selector");
        let request = StreamingRequest::new(key, 1_000, &selector, None, Some(7));
        let (name, text) = request.body.split_once('=').expect("a form");
        let (text, rest) = text.split_once('&').expect("two parameters");
        assert_eq!((name, rest), ("selector", "quietafter=7"));
        let text = String::from_utf8(opb64::decode(text.as_bytes()).expect("OPB64")).expect("text");
        assert_eq!(text, "%7Ea%20b.*{l=v}");
        assert!(is_signed(key, 1_000, 0, &text, &request.signature));
    }

    #[test]
    fn lines_round_trip() {
        let metadata = Metadata::new("a", [("l", "v")].into_iter().collect());
        let mut line = Vec::new();
        write_line(&mut line, &metadata);
        let line = line.strip_suffix(b"\r\n").expect("a line");
        assert_eq!(read_line(line), Some(metadata));
        assert_eq!(read_line(b"!"), None);
    }

    #[test]
    fn a_request_for_estimates_is_signed_for_its_selectors() {
        let key = SipKey::new(3, 4);
        let selectors = ["~a.*{l=v}", "b{}"].map(|s| SelectorText::parse(s).expect("a selector"));
        let body = stats_request(key, 1_000, &selectors);
        let line = body.strip_suffix("\r\n").expect("a line");
        let bytes = opb64::decode(line.as_bytes()).expect("OPB64");
        let request = DirectoryStatsRequest::decode(&bytes).expect("a request");
        let classes = ["~a.*", "b"].map(str::to_owned);
        let labels = [[("l", "=v")].into_iter().collect(), Labels::new()];
        assert_eq!(request.class_selectors.as_deref(), Some(&classes[..]));
        assert_eq!(request.hash, directory_hash(key, 1_000, &classes, &labels));
        assert_eq!(request.labels_selectors.map(|labels| labels.len()), Some(2));
        let answer = DirectoryStatsResponse { gts_count: Some(vec![1]), ..Default::default() };
        let line = opb64::encode(&answer.encode());
        assert_eq!(read_stats(line.as_bytes()), Some(answer));
        assert_eq!(read_stats(b"!"), None);
    }
}
