//! A fast hash of short texts for tables in memory. Who does not know the seed cannot choose texts
//! that collide.

/// The hash of a text.
#[inline]
pub(crate) fn keyed_hash(seed: u64, text: &[u8]) -> u64 {
    // Sixteen bytes at a time are multiplied into the state.
    let mix = |state: u64, a: u64, b: u64| {
        let product = u128::from(a ^ state) * u128::from((b ^ seed.rotate_left(32)) | 1);
        product as u64 ^ (product >> 64) as u64
    };
    let mut state = seed ^ text.len() as u64;
    let (chunks, rest) = text.as_chunks::<16>();
    for chunk in chunks {
        let word = u128::from_le_bytes(*chunk);
        state = mix(state, word as u64, (word >> 64) as u64);
    }
    let mut last = [0; 16];
    last[..rest.len()].copy_from_slice(rest);
    let word = u128::from_le_bytes(last);
    mix(mix(state, word as u64, (word >> 64) as u64), state, 0x9e37_79b9_7f4a_7c15)
}
