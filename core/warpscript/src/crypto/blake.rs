//! Blake2b (RFC 7693) without a key, for digests of any size: what Argon2 is made of.

/// The initial state: that of SHA-512.
const START: [u64; 8] = [
    0x6a09_e667_f3bc_c908,
    0xbb67_ae85_84ca_a73b,
    0x3c6e_f372_fe94_f82b,
    0xa54f_f53a_5f1d_36f1,
    0x510e_527f_ade6_82d1,
    0x9b05_688c_2b3e_6c1f,
    0x1f83_d9ab_fb41_bd6b,
    0x5be0_cd19_137e_2179,
];

/// The order of the words of a message, round by round.
const ORDER: [[usize; 16]; 10] = [
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
    [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
    [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
    [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
    [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
    [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
    [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
    [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
    [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
    [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
];

const BLOCK: usize = 128;
const ROUNDS: usize = 12;

/// A digest of `size` bytes, 1 to 64.
pub(crate) fn blake2b(size: usize, data: &[u8]) -> Vec<u8> {
    let mut state = START;
    state[0] ^= 0x0101_0000 ^ size as u64;
    let blocks = data.len().div_ceil(BLOCK).max(1);
    for index in 0..blocks {
        let end = data.len().min((index + 1) * BLOCK);
        let mut block = data[index * BLOCK..end].to_vec();
        block.resize(BLOCK, 0);
        compress(&mut state, &block, end as u128, index + 1 == blocks);
    }
    state.iter().flat_map(|word| word.to_le_bytes()).take(size).collect()
}

fn compress(state: &mut [u64; 8], block: &[u8], count: u128, last: bool) {
    let mut words = [0; 16];
    for (word, bytes) in words.iter_mut().zip(block.chunks_exact(8)) {
        *word = bytes.iter().rev().fold(0, |sum, b| sum << 8 | u64::from(*b));
    }
    let mut v = [0; 16];
    v[..8].copy_from_slice(state);
    v[8..].copy_from_slice(&START);
    v[12] ^= count as u64;
    v[13] ^= (count >> 64) as u64;
    if last {
        v[14] = !v[14];
    }
    for round in 0..ROUNDS {
        let order = &ORDER[round % ORDER.len()];
        for column in 0..4 {
            let places = [column, column + 4, column + 8, column + 12];
            quarter(&mut v, places, words[order[2 * column]], words[order[2 * column + 1]]);
        }
        for row in 0..4 {
            let places = [row, 4 + (row + 1) % 4, 8 + (row + 2) % 4, 12 + (row + 3) % 4];
            quarter(&mut v, places, words[order[2 * row + 8]], words[order[2 * row + 9]]);
        }
    }
    for (place, word) in state.iter_mut().enumerate() {
        *word ^= v[place] ^ v[place + 8];
    }
}

fn quarter(v: &mut [u64; 16], [a, b, c, d]: [usize; 4], x: u64, y: u64) {
    for (word, turn_d, turn_b) in [(x, 32, 24), (y, 16, 63)] {
        v[a] = v[a].wrapping_add(v[b]).wrapping_add(word);
        v[d] = (v[d] ^ v[a]).rotate_right(turn_d);
        v[c] = v[c].wrapping_add(v[d]);
        v[b] = (v[b] ^ v[c]).rotate_right(turn_b);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vector_of_the_rfc() {
        let digest = blake2b(64, b"abc");
        assert_eq!(digest[..4], [0xba, 0x80, 0xa5, 0x3f]);
        assert_eq!(digest[60..], [0xd4, 0x00, 0x99, 0x23]);
        assert_eq!(blake2b(20, &[0; 256])[..4], [0x1b, 0x16, 0x8a, 0xe9]);
    }
}
