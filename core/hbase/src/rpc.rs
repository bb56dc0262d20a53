//! Frames: how requests and responses travel on a connection.
//!
//! ```text
//! connection: "HBas" | 0 | 80 (no authentication) | length: u32 | ConnectionHeader
//! request:    length: u32 | len, RequestHeader  | len, parameter | cell block
//! response:   length: u32 | len, ResponseHeader | len, message   | cell block
//! ```
//!
//! Lengths of messages are varints; those of cell blocks are in the headers.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use prost::Message;

use crate::error::RemoteError;
use crate::pb;

/// The longest frame that is taken in. Servers answer scans with 2 MB and a row more.
pub const FRAME_LEN_MAX: usize = 256 << 20;

/// How cells are encoded in cell blocks.
const CODEC: &str = "org.apache.hadoop.hbase.codec.KeyValueCodec";

/// What a server sent and should not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// A frame that announces more than [`FRAME_LEN_MAX`].
    #[error("a frame of {0} bytes is longer than any answer")]
    TooLong(u32),
    /// A frame that is no response.
    #[error("a response that cannot be read: {0}")]
    Malformed(String),
}

/// Cuts what comes from a connection into frames. Memory grows with what has come, not with what
/// is announced.
#[derive(Debug, Default)]
pub struct FrameDecoder {
    buffer: BytesMut,
}

impl FrameDecoder {
    /// Where to append what was received.
    pub const fn buffer(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    /// The next frame, if it is whole.
    pub fn next_frame(&mut self) -> Result<Option<Bytes>, FrameError> {
        let Some(length) = self.buffer.first_chunk::<4>() else { return Ok(None) };
        let announced = u32::from_be_bytes(*length);
        let length = announced as usize;
        if length > FRAME_LEN_MAX {
            return Err(FrameError::TooLong(announced));
        }
        if self.buffer.len() - 4 < length {
            return Ok(None);
        }
        self.buffer.advance(4);
        Ok(Some(self.buffer.split_to(length).freeze()))
    }
}

/// What a connection to `service` begins with.
pub(crate) fn hello(service: &str, user: &str) -> Bytes {
    let header = pb::ConnectionHeader {
        user_info: Some(pb::UserInformation { effective_user: user.to_owned() }),
        service_name: Some(service.to_owned()),
        cell_block_codec_class: Some(CODEC.to_owned()),
    };
    let mut hello = BytesMut::from(&b"HBas\x00\x50"[..]);
    hello.put_u32(header.encoded_len() as u32);
    header.encode_raw(&mut hello);
    hello.freeze()
}

/// A request. `cells` are the pieces of its cell block, one after the other.
pub(crate) fn request<'c>(
    call: u32,
    method: &str,
    timeout_ms: u32,
    parameter: &impl Message,
    cells: impl Iterator<Item = &'c [u8]> + Clone,
) -> Bytes {
    let cells_len: usize = cells.clone().map(<[u8]>::len).sum();
    let header = pb::RequestHeader {
        call_id: Some(call),
        method_name: Some(method.to_owned()),
        request_param: Some(true),
        cell_block_meta: (cells_len > 0)
            .then_some(pb::CellBlockMeta { length: Some(cells_len as u32) }),
        priority: None,
        timeout: Some(timeout_ms),
    };
    let delimited = |length: usize| length + prost::length_delimiter_len(length);
    let length = delimited(header.encoded_len()) + delimited(parameter.encoded_len()) + cells_len;
    let mut frame = BytesMut::with_capacity(4 + length);
    frame.put_u32(length as u32);
    put_delimited(&mut frame, &header);
    put_delimited(&mut frame, parameter);
    cells.for_each(|piece| frame.put_slice(piece));
    frame.freeze()
}

fn put_delimited(frame: &mut BytesMut, message: &impl Message) {
    // A buffer that grows takes everything.
    message.encode_length_delimited(frame).expect("memory for a message");
}

/// A frame, understood.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Response {
    pub(crate) call: u32,
    pub(crate) result: Result<Answer, RemoteError>,
}

/// What a call was answered with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The message, still encoded.
    pub(crate) message: Bytes,
    /// The cell block; empty when there is none.
    pub(crate) cells: Bytes,
}

impl Answer {
    pub(crate) fn decode<M: Message + Default>(&self) -> Result<M, FrameError> {
        M::decode(self.message.clone()).map_err(malformed)
    }
}

fn malformed(error: impl ToString) -> FrameError {
    FrameError::Malformed(error.to_string())
}

pub(crate) fn response(mut frame: Bytes) -> Result<Response, FrameError> {
    let header = take_delimited(&mut frame)?;
    let header = pb::ResponseHeader::decode(header).map_err(malformed)?;
    let call = header.call_id.ok_or_else(|| malformed("it names no call"))?;
    if let Some(exception) = header.exception {
        return Ok(Response { call, result: Err(RemoteError::new(exception)) });
    }
    let message = if frame.is_empty() { Bytes::new() } else { take_delimited(&mut frame)? };
    let cells_len = header.cell_block_meta.and_then(|meta| meta.length).unwrap_or(0) as usize;
    if cells_len != frame.len() {
        return Err(malformed("its cell block has another length than announced"));
    }
    Ok(Response { call, result: Ok(Answer { message, cells: frame }) })
}

fn take_delimited(frame: &mut Bytes) -> Result<Bytes, FrameError> {
    let length = prost::decode_length_delimiter(&mut *frame).map_err(malformed)?;
    if length > frame.len() {
        return Err(malformed("it ends within a message"));
    }
    Ok(frame.split_to(length))
}

/// A response as a server writes it, for tests.
#[cfg(test)]
pub(crate) fn response_frame(
    call: u32,
    outcome: Result<(Vec<u8>, &[u8]), pb::ExceptionResponse>,
) -> Bytes {
    let (message, cells, exception) = match outcome {
        Ok((message, cells)) => (Some(message), cells, None),
        Err(exception) => (None, &[][..], Some(exception)),
    };
    let header = pb::ResponseHeader {
        call_id: Some(call),
        exception,
        cell_block_meta: (!cells.is_empty())
            .then_some(pb::CellBlockMeta { length: Some(cells.len() as u32) }),
    };
    let mut body = BytesMut::new();
    put_delimited(&mut body, &header);
    if let Some(message) = message {
        prost::encode_length_delimiter(message.len(), &mut body).expect("memory");
        body.put_slice(&message);
    }
    body.put_slice(cells);
    body.freeze()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_connection_begins_with_preamble_and_header() {
        let hello = hello("ClientService", "weft");
        assert_eq!(hello[..6], *b"HBas\x00\x50");
        let header = pb::ConnectionHeader::decode(&hello[10..]).expect("a header");
        assert_eq!(hello[6..10], (header.encoded_len() as u32).to_be_bytes());
        assert_eq!(header.user_info.expect("a user").effective_user, "weft");
        assert!(hello.windows(13).any(|part| part == b"ClientService"));
    }

    #[test]
    fn a_request_carries_its_cells_behind_its_parameter() {
        let parameter = pb::TimeRange { from: Some(1), to: Some(2) };
        let cells = [&b"ab"[..], b"c"];
        let frame = request(7, "Multi", 1_000, &parameter, cells.into_iter());
        assert_eq!(frame[..4], (frame.len() as u32 - 4).to_be_bytes());
        let mut rest = frame.slice(4..);
        let header = take_delimited(&mut rest).expect("a header");
        let header = pb::RequestHeader::decode(header).expect("a header");
        assert_eq!((header.call_id, header.method_name.as_deref()), (Some(7), Some("Multi")));
        assert_eq!(header.cell_block_meta.and_then(|meta| meta.length), Some(3));
        let got = take_delimited(&mut rest).expect("a parameter");
        assert_eq!(pb::TimeRange::decode(got).expect("a parameter"), parameter);
        assert_eq!(rest[..], *b"abc");
    }

    proptest! {
        #[test]
        fn frames_come_out_as_they_went_in(
            frames in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..6),
            piece in 1usize..9,
        ) {
            let mut sent = BytesMut::new();
            for frame in &frames {
                sent.put_u32(frame.len() as u32);
                sent.put_slice(frame);
            }
            let (mut decoder, mut got) = (FrameDecoder::default(), Vec::new());
            for piece in sent.chunks(piece) {
                decoder.buffer().extend_from_slice(piece);
                while let Some(frame) = decoder.next_frame().expect("a frame") {
                    got.push(frame.to_vec());
                }
            }
            prop_assert_eq!(got, frames);
        }

        #[test]
        fn hostile_responses_are_refused_or_read(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            if let Ok(Response { result: Ok(answer), .. }) = response(bytes.into()) {
                let _ = answer.decode::<pb::ScanResponse>();
                let _ = answer.decode::<pb::MultiResponse>();
            }
        }

        #[test]
        fn damaged_responses_do_no_harm(
            message in proptest::collection::vec(any::<u8>(), 0..30), at: usize, to: u8,
        ) {
            let mut frame = response_frame(3, Ok((message.clone(), b"cells"))).to_vec();
            let whole = response(frame.clone().into()).expect("a response");
            prop_assert_eq!(whole.call, 3);
            let whole = whole.result.expect("an answer");
            prop_assert_eq!((&whole.message[..], &whole.cells[..]), (&message[..], &b"cells"[..]));
            let at = at % frame.len();
            frame[at] = to;
            let _ = response(frame.into());
        }
    }

    #[test]
    fn a_frame_that_announces_too_much_is_refused() {
        let mut decoder = FrameDecoder::default();
        decoder.buffer().extend_from_slice(&u32::MAX.to_be_bytes());
        assert_eq!(decoder.next_frame(), Err(FrameError::TooLong(u32::MAX)));
    }
}
