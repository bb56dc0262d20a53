//! Request bodies as lines of text: inflating, character set, line ends.

use std::io::Write;

use flate2::write::GzDecoder;
use memchr::{memchr2, memrchr2};

use crate::charset::{Charset, NotKnown};

/// Bytes of compressed input taken at once: what one step can inflate to stays bounded.
const INFLATE_STEP: usize = 4 << 10;

/// What compressed data begins with.
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Bytes that a header has at least.
const GZIP_HEADER: usize = 10;

/// Why a body cannot be read on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BodyError {
    /// It says that it is compressed, and is not.
    #[error("Not in GZIP format")]
    NotGzip,
    /// It ends in the middle of compressed data.
    #[error("Unexpected end of ZLIB input stream")]
    Truncated,
    /// It ends before the compressed data begins.
    #[error("EOFException")]
    Empty,
    /// The compressed data is damaged.
    #[error("{0}")]
    Damaged(String),
    /// Nobody knows its character set.
    #[error(transparent)]
    Charset(#[from] NotKnown),
    /// A line has no end in sight.
    #[error("Line {number} is longer than {max} bytes.")]
    LineTooLong {
        /// Which line, from 1.
        number: u64,
        /// How long a line may be.
        max: usize,
    },
}

/// Turns chunks of a body into lines. Lines end with `\n`, `\r` or `\r\n`; the last one need not.
#[derive(Debug)]
pub(crate) struct BodyReader {
    gzip: Option<Gzip>,
    charset: Charset,
    /// The start of a line whose end has not come.
    carry: Vec<u8>,
    /// A `\n` at the start of the next chunk belongs to the line end before it.
    skip_newline: bool,
    lines: u64,
    line_max: usize,
    scratch: Vec<u8>,
}

/// A compressed body.
#[derive(Debug)]
struct Gzip {
    /// Of the current member.
    decoder: GzDecoder<Vec<u8>>,
    /// Bytes of it so far.
    received: usize,
    /// Members before it.
    members: u64,
    /// What follows the last member is not compressed, and does not count.
    is_over: bool,
}

/// Whole lines of a body, taken one after the other.
#[derive(Debug)]
pub(crate) struct TextLines<'a> {
    text: &'a [u8],
    charset: Charset,
    line_max: usize,
    lines: &'a mut u64,
    scratch: &'a mut Vec<u8>,
}

impl<'a> TextLines<'a> {
    /// Whether bytes are text as they are.
    pub(crate) fn is_utf8(&self) -> bool {
        self.charset == Charset::Utf8
    }

    /// The lines that are left, as they were sent.
    pub(crate) const fn rest(&self) -> &'a [u8] {
        self.text
    }

    /// Passes over one line of so many bytes, its end included.
    #[inline(always)]
    pub(crate) fn skip(&mut self, length: usize) {
        self.text = &self.text[length..];
        *self.lines += 1;
    }

    /// Bytes of a line.
    pub(crate) const fn line_max(&self) -> usize {
        self.line_max
    }

    /// The number of the next line, from 1, and the line.
    pub(crate) fn next(&mut self) -> Result<Option<(u64, &str)>, BodyError> {
        if self.text.is_empty() {
            return Ok(None);
        }
        let text = self.text;
        let length = memchr2(b'\n', b'\r', text).unwrap_or(text.len());
        let is_both = text.get(length..length + 2) == Some(b"\r\n");
        self.skip((length + 1 + usize::from(is_both)).min(text.len()));
        if length > self.line_max {
            return Err(BodyError::LineTooLong { number: *self.lines, max: self.line_max });
        }
        Ok(Some((*self.lines, decode(self.charset, &text[..length], self.scratch))))
    }
}

impl BodyReader {
    /// A reader for a body with that `Content-Type`.
    ///
    /// # Errors
    /// A character set that is not known.
    pub(crate) fn new(content_type: Option<&str>, line_max: usize) -> Result<Self, BodyError> {
        let gzip = (content_type == Some("application/gzip")).then(Gzip::new);
        // As the reference: a servlet's reader for plain bodies, the platform's for inflated ones.
        let charset = match content_type {
            Some(of) if gzip.is_none() => Charset::of_media_type(of)?.unwrap_or(Charset::Latin1),
            Some(_) => Charset::Utf8,
            None => Charset::Latin1,
        };
        Ok(Self { gzip, charset, ..Self::text(line_max) })
    }

    /// A reader for text as it is.
    pub(crate) const fn text(line_max: usize) -> Self {
        Self {
            gzip: None,
            charset: Charset::Utf8,
            carry: Vec::new(),
            skip_newline: false,
            lines: 0,
            line_max,
            scratch: Vec::new(),
        }
    }

    /// Whether each byte of the body is taken for a character.
    pub(crate) fn is_latin1(&self) -> bool {
        self.charset == Charset::Latin1
    }

    /// Takes a chunk in, hands the lines that it completes to `take`, and stops when `take` says
    /// that it wants no more (by an error).
    pub(crate) fn feed<E: From<BodyError>>(
        &mut self,
        chunk: &[u8],
        mut take: impl FnMut(&mut TextLines<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.gzip.is_none() {
            return self.lines(chunk, &mut take);
        }
        for step in chunk.chunks(INFLATE_STEP) {
            let inflated = self.gzip.as_mut().map_or(Ok(Vec::new()), |gzip| gzip.inflate(step))?;
            self.lines(&inflated, &mut take)?;
        }
        Ok(())
    }

    /// The body is complete: what is left is the last line.
    pub(crate) fn finish<E: From<BodyError>>(
        &mut self,
        mut take: impl FnMut(&mut TextLines<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        if let Some(gzip) = &mut self.gzip {
            let inflated = gzip.finish()?;
            self.lines(&inflated, &mut take)?;
        }
        let rest = std::mem::take(&mut self.carry);
        self.hand_over(&rest, &mut take)
    }

    fn lines<E: From<BodyError>>(
        &mut self,
        mut chunk: &[u8],
        take: &mut impl FnMut(&mut TextLines<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.skip_newline && !chunk.is_empty() {
            self.skip_newline = false;
            chunk = chunk.strip_prefix(b"\n").unwrap_or(chunk);
        }
        if !self.carry.is_empty() {
            let Some(length) = memchr2(b'\n', b'\r', chunk) else {
                return self.keep(chunk);
            };
            let is_both = chunk.get(length..length + 2) == Some(b"\r\n");
            let (end, rest) = chunk.split_at(length + 1 + usize::from(is_both));
            let mut first = std::mem::take(&mut self.carry);
            first.extend_from_slice(end);
            self.skip_newline = rest.is_empty() && end.ends_with(b"\r");
            self.hand_over(&first, take)?;
            first.clear();
            self.carry = first;
            chunk = rest;
        }
        if let Some(last) = memrchr2(b'\n', b'\r', chunk) {
            let (whole, rest) = chunk.split_at(last + 1);
            self.skip_newline = rest.is_empty() && whole.ends_with(b"\r");
            self.hand_over(whole, take)?;
            chunk = rest;
        }
        self.keep(chunk)
    }

    /// Keeps the start of a line.
    fn keep<E: From<BodyError>>(&mut self, start: &[u8]) -> Result<(), E> {
        self.carry.extend_from_slice(start);
        if self.carry.len() > self.line_max {
            let (number, max) = (self.lines + 1, self.line_max);
            return Err(BodyError::LineTooLong { number, max }.into());
        }
        Ok(())
    }

    fn hand_over<E>(
        &mut self,
        text: &[u8],
        take: &mut impl FnMut(&mut TextLines<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        take(&mut TextLines {
            text,
            charset: self.charset,
            line_max: self.line_max,
            lines: &mut self.lines,
            scratch: &mut self.scratch,
        })
    }
}

impl Gzip {
    fn new() -> Self {
        Self { decoder: GzDecoder::new(Vec::new()), received: 0, members: 0, is_over: false }
    }

    fn inflate(&mut self, mut rest: &[u8]) -> Result<Vec<u8>, BodyError> {
        while !rest.is_empty() && !self.is_over {
            let magic = GZIP_MAGIC.iter().skip(self.received);
            let is_member = magic.zip(rest).all(|(magic, byte)| magic == byte);
            let written = if is_member {
                self.decoder.write(rest).map_err(|error| gzip_error(&error))
            } else {
                Err(BodyError::NotGzip)
            };
            match written {
                Err(BodyError::NotGzip) if self.members > 0 => self.is_over = true,
                Err(error) => return Err(error),
                // The member is complete.
                Ok(0) => {
                    self.decoder.try_finish().map_err(|error| gzip_error(&error))?;
                    let inflated = std::mem::take(self.decoder.get_mut());
                    self.decoder = GzDecoder::new(inflated);
                    self.received = 0;
                    self.members += 1;
                }
                Ok(length) => {
                    self.received += length;
                    rest = &rest[length..];
                }
            }
        }
        Ok(std::mem::take(self.decoder.get_mut()))
    }

    /// There is no more.
    fn finish(&mut self) -> Result<Vec<u8>, BodyError> {
        if self.members > 0 && self.received < GZIP_HEADER {
            // Nothing, or what is too short for a member, does not count either.
            return Ok(Vec::new());
        }
        if self.received < GZIP_MAGIC.len() {
            return Err(BodyError::Empty);
        }
        self.decoder.try_finish().map_err(|error| gzip_error(&error))?;
        Ok(std::mem::take(self.decoder.get_mut()))
    }
}

fn gzip_error(error: &std::io::Error) -> BodyError {
    match error.kind() {
        std::io::ErrorKind::UnexpectedEof => BodyError::Truncated,
        std::io::ErrorKind::InvalidInput if error.to_string().contains("header") => {
            BodyError::NotGzip
        }
        // The end of the stream, which may also be missing in part.
        std::io::ErrorKind::InvalidInput => BodyError::Damaged("Corrupt GZIP trailer".to_owned()),
        _ => BodyError::Damaged(error.to_string()),
    }
}

/// A line as text. ASCII, the usual case, is not copied.
fn decode<'a>(charset: Charset, line: &'a [u8], scratch: &'a mut Vec<u8>) -> &'a str {
    if line.is_ascii() {
        return std::str::from_utf8(line).unwrap_or_default();
    }
    if charset == Charset::Utf8
        && let Ok(text) = std::str::from_utf8(line)
    {
        return text;
    }
    *scratch = charset.decode(line).into_bytes();
    std::str::from_utf8(scratch).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use proptest::prelude::*;

    use super::*;

    fn lines_of(
        content_type: Option<&str>,
        chunks: &[&[u8]],
    ) -> Result<Vec<(u64, String)>, BodyError> {
        let mut reader = BodyReader::new(content_type, 1_000)?;
        let mut lines = Vec::new();
        let mut take = |text: &mut TextLines<'_>| -> Result<(), BodyError> {
            while let Some((number, line)) = text.next()? {
                lines.push((number, line.to_owned()));
            }
            Ok(())
        };
        for chunk in chunks {
            reader.feed(chunk, &mut take)?;
        }
        reader.finish(&mut take)?;
        Ok(lines)
    }

    fn gzip(data: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(data).expect("a vector takes all");
        encoder.finish().expect("a vector takes all")
    }

    fn texts(lines: Vec<(u64, String)>) -> Vec<String> {
        lines.into_iter().map(|(_, line)| line).collect()
    }

    #[test]
    fn every_kind_of_line_end() {
        let lines = lines_of(None, &[b"a\nb\r", b"\nc\rd\r\n\ne"]).expect("plain text");
        assert_eq!(texts(lines), ["a", "b", "c", "d", "", "e"]);
    }

    #[test]
    fn plain_bodies_are_latin1_unless_they_say_otherwise() {
        let body: &[u8] = "é\n".as_bytes();
        let plain = lines_of(Some("text/plain"), &[body]).expect("text");
        assert_eq!(texts(plain), ["Ã©"]);
        let utf8 = lines_of(Some("text/plain; charset=UTF-8"), &[body]).expect("text");
        assert_eq!(texts(utf8), ["é"]);
        let inflated = lines_of(Some("application/gzip"), &[&gzip(body)]).expect("text");
        assert_eq!(texts(inflated), ["é"]);
        let json = lines_of(Some("application/json"), &[body]).expect("text");
        assert_eq!(texts(json), ["é"]);
        let unknown = lines_of(Some("text/plain; charset=foo"), &[body]).expect_err("unknown");
        assert_eq!(unknown.to_string(), "foo");
    }

    #[test]
    fn damaged_gzip_says_what_the_reference_says() {
        let error = |body: &[u8]| {
            lines_of(Some("application/gzip"), &[body]).expect_err("damaged").to_string()
        };
        assert_eq!(error(b"notgzip"), "Not in GZIP format");
        assert_eq!(error(b"not gzip, and long enough for a header"), "Not in GZIP format");
        let whole = gzip(&[b'x'; 500]);
        assert_eq!(error(&whole[..whole.len() - 9]), "Unexpected end of ZLIB input stream");
        assert_eq!(error(&whole[..whole.len() - 1]), "Corrupt GZIP trailer");
        assert_eq!(error(b""), "EOFException");
    }

    #[test]
    fn what_follows_compressed_data_does_not_count() {
        let whole = [gzip(b"a\n"), gzip(b"b")].concat();
        for rest in [&b""[..], b"\0", b"junk", &[0; 600], b"\x1f\x8b", b"\x1f\x8bno, not one more"]
        {
            let body = [&whole, rest].concat();
            for chunk in [1, 7, body.len()] {
                let chunks: Vec<&[u8]> = body.chunks(chunk).collect();
                let lines = lines_of(Some("application/gzip"), &chunks).expect("text");
                assert_eq!(texts(lines), ["a", "b"], "{rest:?}");
            }
        }
        let cut = [&whole[..], &whole[..whole.len() / 2 - 1]].concat();
        assert!(lines_of(Some("application/gzip"), &[&cut]).is_err(), "a member without its end");
    }

    #[test]
    fn a_line_without_end_is_refused() {
        let error = lines_of(None, &[b"ok\n", &[b'x'; 1_001]]).expect_err("too long");
        assert_eq!(error, BodyError::LineTooLong { number: 2, max: 1_000 });
    }

    proptest! {
        #[test]
        fn chunking_changes_nothing(body in "[ab\r\n]{0,60}", cut in 0usize..60) {
            let cut = cut.min(body.len());
            let (a, b) = body.as_bytes().split_at(cut);
            prop_assert_eq!(lines_of(None, &[body.as_bytes()]), lines_of(None, &[a, b]));
        }

        #[test]
        fn arbitrary_gzip_never_panics(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = lines_of(Some("application/gzip"), &[&body]);
            let mut damaged = gzip(&body);
            for byte in damaged.iter_mut().skip(12) {
                *byte ^= 1;
            }
            let _ = lines_of(Some("application/gzip"), &[&damaged]);
        }
    }
}
