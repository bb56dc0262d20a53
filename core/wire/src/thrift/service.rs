//! Calls of the directory's Thrift service, in the compact protocol.
//!
//! ```text
//! call   0x82  kind << 5 | 1  varint sequence  name  struct { 1: request }
//! reply  0x82  kind << 5 | 1  varint sequence  name  struct { 0: answer }
//! ```
//!
//! The framed transport puts the length of each before it, four bytes, big endian.

use super::compact::{Reader, ThriftError, Writer, kind};
use super::structs::{
    DirectoryFindRequest, DirectoryFindResponse, DirectoryGetRequest, DirectoryGetResponse,
    DirectoryStatsResponse,
};

const PROTOCOL: u8 = 0x82;
const VERSION: u8 = 1;

/// Kinds of messages.
const CALL: u8 = 1;
const REPLY: u8 = 2;
const EXCEPTION: u8 = 3;

/// Kinds of exceptions, as Thrift numbers them.
const UNKNOWN_METHOD: i32 = 1;
const PROTOCOL_ERROR: i32 = 7;

/// Bytes of the longest name that is looked at.
const NAME_MAX: usize = 64;

/// What can be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Series that match.
    Find,
    /// One series by its ids.
    Get,
    /// Estimates of how much matches.
    Stats,
}

/// A request.
#[derive(Clone, Debug, PartialEq)]
pub enum DirectoryCall {
    /// Signed.
    Find(DirectoryFindRequest),
    /// Not signed.
    Get(DirectoryGetRequest),
    /// Signed, with the same fields as a find.
    Stats(DirectoryFindRequest),
}

/// A call, read.
#[derive(Clone, Debug, PartialEq)]
pub struct ServiceCall {
    /// Echoed in the reply.
    pub sequence: u32,
    /// What is called, with what.
    pub call: DirectoryCall,
}

/// Why a message is no call of the service.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// Not even the head can be read: nothing can be answered.
    #[error("not a call in the compact protocol: {0}")]
    Head(&'static str),
    /// There is no such method; the reply that says so.
    #[error("there is no method {name}")]
    Method {
        /// Its name.
        name: String,
        /// What to answer.
        reply: Vec<u8>,
    },
    /// The arguments cannot be read; the reply that says so.
    #[error("the arguments of {name} cannot be read: {error}")]
    Arguments {
        /// The method.
        name: &'static str,
        /// What is wrong with them.
        error: ThriftError,
        /// What to answer.
        reply: Vec<u8>,
    },
}

impl Method {
    const fn name(self) -> &'static str {
        match self {
            Self::Find => "find",
            Self::Get => "get",
            Self::Stats => "stats",
        }
    }
}

impl ServiceCall {
    /// Encodes, as a client sends it.
    pub fn encode(&self) -> Vec<u8> {
        let method = match &self.call {
            DirectoryCall::Find(_) => Method::Find,
            DirectoryCall::Get(_) => Method::Get,
            DirectoryCall::Stats(_) => Method::Stats,
        };
        let mut writer = head(CALL, self.sequence, method.name());
        writer.nested(1, |writer| match &self.call {
            DirectoryCall::Find(request) | DirectoryCall::Stats(request) => request.write(writer),
            DirectoryCall::Get(request) => request.write(writer),
        });
        writer.finish()
    }

    /// Reads a message without its frame.
    pub fn decode(bytes: &[u8]) -> Result<Self, CallError> {
        let mut reader = Reader::new(bytes);
        let (sequence, name) = read_head(&mut reader, CALL).map_err(|_| CallError::Head("head"))?;
        let method = match name.as_str() {
            "find" => Method::Find,
            "get" => Method::Get,
            "stats" => Method::Stats,
            _ => {
                let shown: String = name.chars().take(NAME_MAX).collect();
                let message = format!("Invalid method name: '{shown}'");
                let reply = exception(sequence, &shown, &message, UNKNOWN_METHOD);
                return Err(CallError::Method { name: shown, reply });
            }
        };
        match read_arguments(&mut reader, method) {
            Ok(call) => Ok(Self { sequence, call }),
            Err(error) => {
                let name = method.name();
                let reply = exception(sequence, name, &error.to_string(), PROTOCOL_ERROR);
                Err(CallError::Arguments { name, error, reply })
            }
        }
    }

    /// The reply to a find.
    pub fn found(sequence: u32, answer: &DirectoryFindResponse) -> Vec<u8> {
        reply(sequence, Method::Find, |writer| answer.write(writer))
    }

    /// The reply to a look-up.
    pub fn got(sequence: u32, answer: &DirectoryGetResponse) -> Vec<u8> {
        reply(sequence, Method::Get, |writer| answer.write(writer))
    }

    /// The reply to a request for estimates.
    pub fn counted(sequence: u32, answer: &DirectoryStatsResponse) -> Vec<u8> {
        reply(sequence, Method::Stats, |writer| answer.write(writer))
    }
}

/// Reads the answer of a reply by `answer`, as a client does; `None` when it is none.
pub(crate) fn read_reply<T>(
    bytes: &[u8],
    answer: impl FnOnce(&mut Reader<'_>) -> Result<T, ThriftError>,
) -> Option<T> {
    let mut reader = Reader::new(bytes);
    read_head(&mut reader, REPLY).ok()?;
    match reader.field().ok()?? {
        (0, kind::STRUCT) => reader.nested(answer).ok(),
        _ => None,
    }
}

impl DirectoryFindResponse {
    /// Reads the reply to a find; `None` when it is none.
    pub fn from_reply(bytes: &[u8]) -> Option<Self> {
        read_reply(bytes, Self::read)
    }
}

impl DirectoryGetResponse {
    /// Reads the reply to a look-up; `None` when it is none.
    pub fn from_reply(bytes: &[u8]) -> Option<Self> {
        read_reply(bytes, Self::read)
    }
}

impl DirectoryStatsResponse {
    /// Reads the reply to a request for estimates; `None` when it is none.
    pub fn from_reply(bytes: &[u8]) -> Option<Self> {
        read_reply(bytes, Self::read)
    }
}

fn read_head(reader: &mut Reader<'_>, wanted: u8) -> Result<(u32, String), ThriftError> {
    let (protocol, head) = (reader.u8()?, reader.u8()?);
    if protocol != PROTOCOL || head & 0x1f != VERSION || head >> 5 != wanted {
        return Err(ThriftError::Kind { kind: head, at: 1 });
    }
    // A sequence is 32 bits, as they are; a negative one takes five bytes.
    let sequence = u32::try_from(reader.varint()?).map_err(|_| ThriftError::Number(2))?;
    Ok((sequence, reader.text()?))
}

fn read_arguments(reader: &mut Reader<'_>, method: Method) -> Result<DirectoryCall, ThriftError> {
    let mut call = None;
    while let Some((id, kind)) = reader.field()? {
        if id != 1 {
            reader.skip(kind)?;
            continue;
        }
        reader.expect_struct(kind)?;
        call = Some(match method {
            Method::Find => DirectoryCall::Find(reader.nested(DirectoryFindRequest::read)?),
            Method::Get => DirectoryCall::Get(reader.nested(DirectoryGetRequest::read)?),
            Method::Stats => DirectoryCall::Stats(reader.nested(DirectoryFindRequest::read)?),
        });
    }
    call.ok_or(ThriftError::Missing("request"))
}

/// A message whose outermost struct is open.
fn head(message: u8, sequence: u32, name: &str) -> Writer {
    let mut writer = Writer::behind(vec![PROTOCOL, message << 5 | VERSION]);
    writer.varint(u64::from(sequence));
    writer.bytes(name.as_bytes());
    writer
}

fn reply(sequence: u32, method: Method, answer: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut writer = head(REPLY, sequence, method.name());
    writer.nested(0, answer);
    writer.finish()
}

fn exception(sequence: u32, name: &str, message: &str, kind: i32) -> Vec<u8> {
    let mut writer = head(EXCEPTION, sequence, name);
    writer.string(1, message);
    writer.i32(2, kind);
    writer.finish()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn find() -> ServiceCall {
        let request = DirectoryFindRequest {
            class_selectors: Some(vec!["~a.*".to_owned()]),
            labels_selectors: Some(vec![[("l", "=v")].into_iter().collect()]),
            timestamp_ms: 1_000,
            hash: -7,
        };
        ServiceCall { sequence: u32::MAX, call: DirectoryCall::Find(request) }
    }

    #[test]
    fn calls_are_laid_out_as_thrift_does() {
        let request = DirectoryGetRequest { class_id: 1, labels_id: -1 };
        let call = ServiceCall { sequence: 1, call: DirectoryCall::Get(request) };
        // Field 1, a struct; its field 1, an i64 (zigzag 1 is 2); its field 2.
        let bytes = [0x82, 0x21, 1, 3, b'g', b'e', b't', 0x1c, 0x16, 2, 0x16, 1, 0, 0];
        assert_eq!(call.encode(), bytes);
        assert_eq!(ServiceCall::decode(&bytes), Ok(call));
        // Field 0 has a long head.
        let reply = ServiceCall::got(1, &DirectoryGetResponse::default());
        assert_eq!(reply, [0x82, 0x41, 1, 3, b'g', b'e', b't', 0x0c, 0, 0, 0]);
    }

    #[test]
    fn calls_and_replies_round_trip() {
        assert_eq!(ServiceCall::decode(&find().encode()), Ok(find()));
        let answer = DirectoryFindResponse {
            error: Some("no".to_owned()),
            ..DirectoryFindResponse::default()
        };
        let reply = ServiceCall::found(3, &answer);
        assert_eq!(DirectoryFindResponse::from_reply(&reply), Some(answer));
    }

    #[test]
    fn what_cannot_be_called_is_answered() {
        let mut unknown = find().encode();
        let name = unknown.windows(4).position(|bytes| bytes == b"find").expect("the name");
        unknown[name] = b'k';
        let Err(CallError::Method { name, reply }) = ServiceCall::decode(&unknown) else {
            panic!("unknown")
        };
        assert_eq!((name.as_str(), reply[1]), ("kind", EXCEPTION << 5 | VERSION));
        let mut cut = find().encode();
        cut.truncate(cut.len() - 4);
        let Err(CallError::Arguments { name: "find", reply, .. }) = ServiceCall::decode(&cut)
        else {
            panic!("cut")
        };
        assert_eq!(DirectoryFindResponse::from_reply(&reply), None);
        assert!(matches!(ServiceCall::decode(&[0x80, 1, 0, 1]), Err(CallError::Head(_))));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let _ = ServiceCall::decode(&bytes);
            let mut call = find().encode();
            call.truncate(9);
            call.extend_from_slice(&bytes);
            let _ = ServiceCall::decode(&call);
        }
    }
}
