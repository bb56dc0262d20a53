//! Where messages go in the log.

use weft_gts::SipKey;

/// The fixed key of the partitioner.
const PARTITIONER: SipKey = SipKey::new(0x7ce9_5e3a_16db_4fa3, 0x9503_7e0c_0db5_b059);

/// The partition, of `count`, of a message with that key.
pub fn partition(key: &[u8], count: u32) -> u32 {
    (PARTITIONER.hash(key) as u32 & 0x7fff_ffff) % count
}
