//! The body of a response.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::mpsc::UnboundedReceiver;
use weft_daemons::contract::HttpEvent;

use crate::exchange::{Exchange, Part};
use crate::server::AbortOnDrop;

/// What a response sends: everything at once, or what its machine hands over piece by piece.
pub(crate) enum ResponseBody {
    /// All of it.
    Whole(Option<Bytes>),
    /// Piece by piece.
    Stream(Box<Stream>),
}

/// A body under way.
pub(crate) struct Stream {
    /// Parts that came before hyper asked for them.
    early: VecDeque<Part>,
    parts: UnboundedReceiver<Part>,
    gzip: Option<GzEncoder<Vec<u8>>>,
    exchange: Exchange,
    /// Reads the request as long as the response goes on.
    _reader: AbortOnDrop,
    /// Whether something was handed over since the machine was last told that it went out.
    owes_drained: bool,
    has_ended: bool,
}

impl Stream {
    pub(crate) fn new(
        early: VecDeque<Part>,
        parts: UnboundedReceiver<Part>,
        exchange: Exchange,
        reader: AbortOnDrop,
        gzip: bool,
    ) -> Self {
        let gzip = gzip.then(|| GzEncoder::new(Vec::new(), Compression::fast()));
        Self {
            early,
            parts,
            gzip,
            exchange,
            _reader: reader,
            owes_drained: false,
            has_ended: false,
        }
    }

    /// The bytes that a piece becomes.
    fn encode(&mut self, piece: Bytes) -> io::Result<Bytes> {
        self.owes_drained = true;
        let Some(gzip) = &mut self.gzip else { return Ok(piece) };
        gzip.write_all(&piece)?;
        // A reader sees every piece when it was handed over.
        gzip.flush()?;
        Ok(std::mem::take(gzip.get_mut()).into())
    }

    fn finish(&mut self) -> io::Result<Option<Bytes>> {
        self.has_ended = true;
        self.exchange.finish();
        let Some(gzip) = self.gzip.take() else { return Ok(None) };
        Ok(Some(gzip.finish()?.into()))
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let stream = match &mut *self {
            Self::Whole(bytes) => return Poll::Ready(bytes.take().map(|b| Ok(Frame::data(b)))),
            Self::Stream(stream) => stream,
        };
        if stream.has_ended {
            return Poll::Ready(None);
        }
        let part = match stream.early.pop_front() {
            Some(part) => Poll::Ready(Some(part)),
            None => stream.parts.poll_recv(context),
        };
        match part {
            Poll::Ready(Some(Part::Body(piece))) => {
                Poll::Ready(Some(stream.encode(piece).map(Frame::data)))
            }
            Poll::Ready(Some(Part::End)) => {
                Poll::Ready(stream.finish().transpose().map(|last| last.map(Frame::data)))
            }
            // A response that breaks must not look complete.
            Poll::Ready(Some(_) | None) => {
                stream.has_ended = true;
                stream.exchange.finish();
                Poll::Ready(Some(Err(io::Error::other("the response was cut off"))))
            }
            Poll::Pending => {
                // Being asked for more than there is: what there was has been taken.
                if std::mem::take(&mut stream.owes_drained) {
                    let request = stream.exchange.request();
                    stream.exchange.tell(HttpEvent::Drained { request });
                }
                Poll::Pending
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_none(),
            Self::Stream(stream) => stream.has_ended,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Self::Stream(_) => SizeHint::default(),
        }
    }
}

/// A whole body, compressed.
pub(crate) fn gzip(body: &[u8]) -> io::Result<Bytes> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body)?;
    Ok(encoder.finish()?.into())
}
