//! PNG, written and read.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;

use super::Picture;
use super::color::pack;

const SIGNATURE: [u8; 8] = [0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a];

/// A text that goes into the file beside the picture.
#[derive(Clone, Debug)]
pub(crate) enum Note {
    /// Latin-1, keyword and text.
    Text(String, String),
    /// The same, compressed.
    Packed(String, String),
    /// UTF-8: keyword, text, language, keyword in that language, whether it is compressed.
    International {
        keyword: String,
        text: String,
        language: String,
        translated: String,
        packed: bool,
    },
}

fn chunk(out: &mut Vec<u8>, kind: &[u8; 4], content: &[u8]) {
    out.extend((content.len() as u32).to_be_bytes());
    let start = out.len();
    out.extend(kind);
    out.extend(content);
    let mut crc = flate2::Crc::new();
    crc.update(&out[start..]);
    out.extend(crc.sum().to_be_bytes());
}

fn compressed(data: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    // Writing into memory does not fail.
    encoder.write_all(data).and_then(|()| encoder.finish()).unwrap_or_default()
}

fn latin1(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')).collect()
}

impl Note {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Text(keyword, text) => {
                chunk(out, b"tEXt", &[&latin1(keyword)[..], &[0], &latin1(text)].concat());
            }
            Self::Packed(keyword, text) => {
                let packed = compressed(&latin1(text));
                chunk(out, b"zTXt", &[&latin1(keyword)[..], &[0, 0], &packed].concat());
            }
            Self::International { keyword, text, language, translated, packed } => {
                let plain = text.as_bytes().to_vec();
                let text = if *packed { compressed(&plain) } else { plain };
                let head = [&latin1(keyword)[..], &[0, u8::from(*packed), 0], &latin1(language)];
                let tail = [&[0], translated.as_bytes(), &[0], &text[..]];
                chunk(out, b"iTXt", &[head.concat(), tail.concat()].concat());
            }
        }
    }
}

/// Writes a picture, with its opacity.
pub(crate) fn encode(picture: &Picture, notes: &[Note]) -> Vec<u8> {
    let mut out = SIGNATURE.to_vec();
    let mut header = Vec::new();
    header.extend((picture.width as u32).to_be_bytes());
    header.extend((picture.height as u32).to_be_bytes());
    header.extend([8, 6, 0, 0, 0]);
    chunk(&mut out, b"IHDR", &header);
    notes.iter().for_each(|note| note.write(&mut out));
    let mut rows = Vec::with_capacity(picture.pixels.len() * 4 + picture.height);
    for row in picture.pixels.chunks(picture.width.max(1)) {
        rows.push(0);
        for pixel in row {
            let [a, r, g, b] = pixel.to_be_bytes();
            rows.extend([r, g, b, a]);
        }
    }
    chunk(&mut out, b"IDAT", &compressed(&rows));
    chunk(&mut out, b"IEND", &[]);
    out
}

/// What the header says.
struct Header {
    width: usize,
    height: usize,
    depth: usize,
    channels: usize,
    palette: bool,
}

/// Reads a picture of at most `pixels_max` pixels; `None` when it is none, or interlaced.
pub(crate) fn decode(bytes: &[u8], pixels_max: usize) -> Option<Picture> {
    let mut rest = bytes.strip_prefix(&SIGNATURE)?;
    let (mut header, mut data) = (None, Vec::new());
    let (mut palette, mut transparent) = (Vec::new(), Vec::new());
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let (kind, after) = after.split_first_chunk::<4>()?;
        let (content, after) = after.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        rest = after.get(4..).unwrap_or_default();
        match kind {
            b"IHDR" => header = Some(read_header(content, pixels_max)?),
            b"PLTE" => palette = content.to_vec(),
            b"tRNS" => transparent = content.to_vec(),
            b"IDAT" => data.extend(content),
            b"IEND" => break,
            _ => (),
        }
    }
    let header = header?;
    let row = (header.width * header.channels * header.depth).div_ceil(8);
    let size = (row + 1) * header.height;
    let mut raw = Vec::new();
    ZlibDecoder::new(&data[..]).take(size as u64).read_to_end(&mut raw).ok()?;
    if raw.len() < size {
        return None;
    }
    unfilter(&mut raw, row, (header.channels * header.depth).div_ceil(8))?;
    let mut picture = Picture::new(header.width, header.height);
    for (y, line) in raw.chunks(row + 1).enumerate() {
        for x in 0..header.width {
            let sample =
                |channel: usize| sample(&line[1..], header.depth, x * header.channels + channel);
            picture.pixels[y * header.width + x] = color(&header, sample, &palette, &transparent)?;
        }
    }
    Some(picture)
}

fn read_header(content: &[u8], pixels_max: usize) -> Option<Header> {
    let [w0, w1, w2, w3, h0, h1, h2, h3, depth, kind, 0, 0, 0] = *content else { return None };
    let width = u32::from_be_bytes([w0, w1, w2, w3]) as usize;
    let height = u32::from_be_bytes([h0, h1, h2, h3]) as usize;
    let channels = match kind {
        0 | 3 => 1,
        2 => 3,
        4 => 2,
        6 => 4,
        _ => return None,
    };
    let fits = width > 0 && height > 0 && width.checked_mul(height)? <= pixels_max;
    let known = matches!(depth, 1 | 2 | 4 | 8 | 16) && (channels == 1 || depth >= 8);
    (fits && known).then_some(Header {
        width,
        height,
        depth: usize::from(depth),
        channels,
        palette: kind == 3,
    })
}

/// Takes the predictions out of the rows.
fn unfilter(raw: &mut [u8], row: usize, step: usize) -> Option<()> {
    let mut above = vec![0u8; row];
    for line in raw.chunks_mut(row + 1) {
        let (kind, line) = line.split_first_mut()?;
        for x in 0..line.len() {
            let left = if x >= step { i32::from(line[x - step]) } else { 0 };
            let corner = if x >= step { i32::from(above[x - step]) } else { 0 };
            let up = i32::from(above[x]);
            let guess = match *kind {
                0 => 0,
                1 => left,
                2 => up,
                3 => (left + up) / 2,
                4 => paeth(left, up, corner),
                _ => return None,
            };
            line[x] = line[x].wrapping_add(guess as u8);
        }
        above.copy_from_slice(line);
    }
    Some(())
}

fn paeth(left: i32, up: i32, corner: i32) -> i32 {
    let guess = left + up - corner;
    let far = |value: i32| (guess - value).abs();
    if far(left) <= far(up) && far(left) <= far(corner) {
        left
    } else if far(up) <= far(corner) {
        up
    } else {
        corner
    }
}

/// One number of a row.
fn sample(line: &[u8], depth: usize, index: usize) -> u16 {
    match depth {
        8 => u16::from(line[index]),
        16 => u16::from_be_bytes([line[index * 2], line[index * 2 + 1]]),
        _ => {
            let bit = index * depth;
            let byte = line[bit / 8] >> (8 - depth - bit % 8);
            u16::from(byte) & ((1 << depth) - 1)
        }
    }
}

/// The colour of a pixel.
fn color(
    header: &Header,
    sample: impl Fn(usize) -> u16,
    palette: &[u8],
    transparent: &[u8],
) -> Option<i32> {
    let byte = |value: u16| {
        let most = (1u32 << header.depth) - 1;
        ((u32::from(value) * 255 + most / 2) / most) as i32
    };
    if header.palette {
        let index = usize::from(sample(0));
        let entry = palette.get(index * 3..index * 3 + 3)?;
        let alpha = transparent.get(index).copied().unwrap_or(255);
        let part = |i: usize| i32::from(entry[i]);
        return Some(pack(i32::from(alpha), part(0), part(1), part(2)));
    }
    // One colour may stand for transparency.
    let gray = header.channels <= 2;
    let colors = if gray { 1 } else { 3 };
    let is_key = header.channels % 2 == 1
        && transparent.len() == colors * 2
        && transparent
            .chunks(2)
            .enumerate()
            .all(|(i, key)| u16::from_be_bytes([key[0], key[1]]) == sample(i));
    let part = |i: usize| byte(sample(if gray { 0 } else { i }));
    let alpha = match header.channels {
        2 => byte(sample(1)),
        4 => byte(sample(3)),
        _ if is_key => 0,
        _ => 255,
    };
    Some(pack(alpha, part(0), part(1), part(2)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mut picture = Picture::new(5, 3);
        for (index, pixel) in picture.pixels.iter_mut().enumerate() {
            *pixel = (index as i32).wrapping_mul(0x1357_9bdf);
        }
        let notes = [Note::Text("a".into(), "b".into()), Note::Packed("c".into(), "d".into())];
        let bytes = encode(&picture, &notes);
        assert_eq!(decode(&bytes, 100), Some(picture));
        assert_eq!(decode(&bytes, 10), None);
        for length in 0..bytes.len() - 13 {
            let _ = decode(&bytes[..length], 100);
        }
    }
}
