//! JPEG, written: baseline, without subsampling, with the tables of the standard's Annex K.

use super::Picture;
use super::color::parts;

/// Places of a block in the order of their frequency.
const ZIGZAG: [usize; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20,
    13, 6, 7, 14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59,
    52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
];

const LUMINANCE: [u16; 64] = [
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56,
    14, 17, 22, 29, 51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113,
    92, 49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
];

const CHROMINANCE: [u16; 64] = [
    17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99,
    47, 66, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
    99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
];

/// Codes of differences: how many there are of each length, and what they stand for. One table
/// serves brightness and colour.
const DC_COUNTS: [u8; 16] = [0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0];
const DC_VALUES: [u8; 12] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];

const AC_COUNTS: [u8; 16] = [0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 0x7d];
const AC_VALUES: [u8; 162] = [
    0x01, 0x02, 0x03, 0x00, 0x04, 0x11, 0x05, 0x12, 0x21, 0x31, 0x41, 0x06, 0x13, 0x51, 0x61, 0x07,
    0x22, 0x71, 0x14, 0x32, 0x81, 0x91, 0xa1, 0x08, 0x23, 0x42, 0xb1, 0xc1, 0x15, 0x52, 0xd1, 0xf0,
    0x24, 0x33, 0x62, 0x72, 0x82, 0x09, 0x0a, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x25, 0x26, 0x27, 0x28,
    0x29, 0x2a, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3a, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49,
    0x4a, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x5a, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69,
    0x6a, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7a, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89,
    0x8a, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9a, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7,
    0xa8, 0xa9, 0xaa, 0xb2, 0xb3, 0xb4, 0xb5, 0xb6, 0xb7, 0xb8, 0xb9, 0xba, 0xc2, 0xc3, 0xc4, 0xc5,
    0xc6, 0xc7, 0xc8, 0xc9, 0xca, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8, 0xd9, 0xda, 0xe1, 0xe2,
    0xe3, 0xe4, 0xe5, 0xe6, 0xe7, 0xe8, 0xe9, 0xea, 0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8,
    0xf9, 0xfa,
];

/// Code and length of every value.
type Codes = [(u16, u8); 256];

fn codes(counts: &[u8; 16], values: &[u8]) -> Codes {
    let mut codes = [(0, 0); 256];
    let (mut code, mut next) = (0u16, values.iter());
    for (length, count) in (1..).zip(counts) {
        for value in next.by_ref().take(usize::from(*count)) {
            codes[usize::from(*value)] = (code, length);
            code += 1;
        }
        code <<= 1;
    }
    codes
}

#[derive(Default)]
struct Bits {
    out: Vec<u8>,
    held: u32,
    count: u32,
}

impl Bits {
    fn push(&mut self, (code, length): (u16, u8)) {
        self.held = self.held << length | u32::from(code);
        self.count += u32::from(length);
        while self.count >= 8 {
            self.count -= 8;
            let byte = (self.held >> self.count) as u8;
            self.out.push(byte);
            if byte == 0xff {
                self.out.push(0);
            }
        }
        self.held &= (1 << self.count) - 1;
    }

    /// A number as its length in bits and the bits themselves.
    fn number(&mut self, codes: &Codes, run: u8, value: i32) {
        let length = (32 - value.unsigned_abs().leading_zeros()) as u8;
        self.push(codes[usize::from(run << 4 | length)]);
        let bits = if value < 0 { value - 1 + (1 << length) } else { value };
        self.push((bits as u16 & ((1u32 << length) - 1) as u16, length));
    }
}

fn segment(out: &mut Vec<u8>, marker: u8, content: &[u8]) {
    out.extend([0xff, marker]);
    out.extend((content.len() as u16 + 2).to_be_bytes());
    out.extend(content);
}

/// Writes a picture without its opacity, at a quality of 0 to 1.
pub(crate) fn encode(picture: &Picture, quality: f32) -> Option<Vec<u8>> {
    let (width, height) = (u16::try_from(picture.width).ok()?, u16::try_from(picture.height).ok()?);
    let tables = [LUMINANCE, CHROMINANCE].map(|table| scaled(&table, quality));
    let mut out = vec![0xff, 0xd8];
    segment(&mut out, 0xe0, b"JFIF\0\x01\x02\0\0\x01\0\x01\0\0");
    for (id, table) in (0..).zip(&tables) {
        let content: Vec<u8> = [id].into_iter().chain(ZIGZAG.map(|at| table[at] as u8)).collect();
        segment(&mut out, 0xdb, &content);
    }
    let [h1, h0] = height.to_be_bytes();
    let [w1, w0] = width.to_be_bytes();
    let frame = [8, h1, h0, w1, w0, 3, 1, 0x11, 0, 2, 0x11, 1, 3, 0x11, 1];
    segment(&mut out, 0xc0, &frame);
    segment(&mut out, 0xc4, &[&[0x00][..], &DC_COUNTS, &DC_VALUES].concat());
    segment(&mut out, 0xc4, &[&[0x10][..], &AC_COUNTS, &AC_VALUES].concat());
    segment(&mut out, 0xda, &[3, 1, 0, 2, 0, 3, 0, 0, 63, 0]);
    out.extend(blocks(picture, &tables));
    out.extend([0xff, 0xd9]);
    Some(out)
}

/// The table of a quality.
fn scaled(table: &[u16; 64], quality: f32) -> [u16; 64] {
    let quality = quality.clamp(0.01, 1.0);
    let scale = if quality < 0.5 { 0.5 / quality } else { 2.0 - 2.0 * quality };
    table.map(|entry| (f32::from(entry) * scale + 0.5).clamp(1.0, 255.0) as u16)
}

fn blocks(picture: &Picture, tables: &[[u16; 64]; 2]) -> Vec<u8> {
    let (dc, ac) = (codes(&DC_COUNTS, &DC_VALUES), codes(&AC_COUNTS, &AC_VALUES));
    let cosines = cosines();
    let mut bits = Bits::default();
    let mut last = [0; 3];
    for top in (0..picture.height).step_by(8) {
        for left in (0..picture.width).step_by(8) {
            for channel in 0..3 {
                let table = &tables[usize::from(channel > 0)];
                let block = samples(picture, left, top, channel);
                let numbers = quantized(&block, table, &cosines);
                bits.number(&dc, 0, numbers[0] - last[channel]);
                last[channel] = numbers[0];
                let mut zeros = 0u8;
                for place in &ZIGZAG[1..] {
                    let number = numbers[*place];
                    if number == 0 {
                        zeros += 1;
                        continue;
                    }
                    while zeros > 15 {
                        bits.push(ac[0xf0]);
                        zeros -= 16;
                    }
                    bits.number(&ac, zeros, number);
                    zeros = 0;
                }
                if zeros > 0 {
                    bits.push(ac[0]);
                }
            }
        }
    }
    bits.push((0x7f, 7));
    bits.out
}

/// Brightness or a colour difference of 64 pixels; the last row and column repeat.
fn samples(picture: &Picture, left: usize, top: usize, channel: usize) -> [f32; 64] {
    std::array::from_fn(|index| {
        let x = (left + index % 8).min(picture.width - 1);
        let y = (top + index / 8).min(picture.height - 1);
        let [_, r, g, b] = parts(picture.pixels[y * picture.width + x]).map(|part| part as f32);
        match channel {
            0 => 0.299 * r + 0.587 * g + 0.114 * b - 128.0,
            1 => -0.168_736 * r - 0.331_264 * g + 0.5 * b,
            _ => 0.5 * r - 0.418_688 * g - 0.081_312 * b,
        }
    })
}

/// The factors of the cosine transform.
fn cosines() -> [[f32; 8]; 8] {
    std::array::from_fn(|frequency| {
        std::array::from_fn(|place| {
            let angle = (2 * place + 1) as f64 * frequency as f64 * std::f64::consts::PI / 16.0;
            let scale = if frequency == 0 { 0.5 / std::f64::consts::SQRT_2 } else { 0.5 };
            (libm::cos(angle) * scale) as f32
        })
    })
}

fn quantized(block: &[f32; 64], table: &[u16; 64], cosines: &[[f32; 8]; 8]) -> [i32; 64] {
    let mut rows = [0.0; 64];
    for (index, value) in rows.iter_mut().enumerate() {
        let (y, u) = (index / 8, index % 8);
        *value = (0..8).map(|x| block[y * 8 + x] * cosines[u][x]).sum();
    }
    std::array::from_fn(|index| {
        let (v, u) = (index / 8, index % 8);
        let value: f32 = (0..8).map(|y| rows[y * 8 + u] * cosines[v][y]).sum();
        let value = value / f32::from(table[index]);
        (value + 0.5).floor() as i32
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_its_markers() {
        let mut picture = Picture::new(19, 9);
        for (index, pixel) in picture.pixels.iter_mut().enumerate() {
            *pixel = index as i32 * 0x0012_3457;
        }
        let bytes = encode(&picture, 0.75).expect("small enough");
        assert_eq!(bytes[..4], [0xff, 0xd8, 0xff, 0xe0]);
        assert_eq!(bytes[bytes.len() - 2..], [0xff, 0xd9]);
        assert_eq!(encode(&Picture::new(70_000, 1), 1.0), None);
    }
}
