//! What protects payloads of the log and the table: AES key wrap, then a MAC.

use std::borrow::Cow;

use weft_gts::{SipKey, WrapKey};

/// Bytes of a MAC.
const MAC_LEN: usize = 8;

/// The keys of one kind of payload. A step whose key is not set is left out.
#[derive(Clone, Debug, Default)]
pub struct Envelope {
    /// Key of the MAC, a palindromic SipHash behind the payload.
    pub mac: Option<SipKey>,
    /// Key of the wrapping.
    pub aes: Option<WrapKey>,
}

/// Why a payload cannot be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// It is shorter than its MAC.
    #[error("it is shorter than a MAC: {0} bytes")]
    TooShort(usize),
    /// Its MAC is not that of the key.
    #[error("its MAC does not fit: it was altered, or sealed with another key")]
    Mac,
    /// It cannot be unwrapped.
    #[error(transparent)]
    Unwrap(#[from] weft_gts::UnwrapError),
}

impl Envelope {
    /// Seals a payload: wraps it, then puts the MAC behind it.
    pub fn seal(&self, payload: &[u8]) -> Vec<u8> {
        let mut sealed = payload.to_vec();
        self.seal_from(&mut sealed, 0);
        sealed
    }

    /// Seals, in its place, the payload that begins at `start`.
    pub fn seal_from(&self, bytes: &mut Vec<u8>, start: usize) {
        if let Some(key) = &self.aes {
            let wrapped = key.wrap(&bytes[start..]);
            bytes.truncate(start);
            bytes.extend_from_slice(&wrapped);
        }
        if let Some(key) = self.mac {
            let mac = key.hash_palindromic(&bytes[start..]).to_be_bytes();
            bytes.extend_from_slice(&mac);
        }
    }

    /// Opens what [`Envelope::seal`] sealed.
    pub fn open<'a>(&self, sealed: &'a [u8]) -> Result<Cow<'a, [u8]>, EnvelopeError> {
        let wrapped = match self.mac {
            Some(key) => remove_mac(key, sealed)?,
            None => sealed,
        };
        match &self.aes {
            Some(key) => Ok(Cow::Owned(key.unwrap(wrapped)?)),
            None => Ok(Cow::Borrowed(wrapped)),
        }
    }
}

/// Puts a MAC behind `data`.
pub fn add_mac(key: SipKey, data: &mut Vec<u8>) {
    let mac = key.hash_palindromic(data).to_be_bytes();
    data.extend_from_slice(&mac);
}

/// Checks the MAC behind `data` and returns what stands before it.
pub fn remove_mac(key: SipKey, data: &[u8]) -> Result<&[u8], EnvelopeError> {
    let Some((payload, mac)) = data.split_last_chunk::<MAC_LEN>() else {
        return Err(EnvelopeError::TooShort(data.len()));
    };
    if key.hash_palindromic(payload).to_be_bytes() == *mac {
        Ok(payload)
    } else {
        Err(EnvelopeError::Mac)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn envelope(mac: bool, aes: bool) -> Envelope {
        let key = WrapKey::new(&[7; 32]).expect("a key of 32 bytes");
        Envelope { mac: mac.then(|| SipKey::new(1, 2)), aes: aes.then_some(key) }
    }

    proptest! {
        #[test]
        fn round_trip(
            payload in prop::collection::vec(any::<u8>(), 0..100),
            mac: bool,
            aes: bool,
        ) {
            let envelope = envelope(mac, aes);
            let sealed = envelope.seal(&payload);
            let opened = envelope.open(&sealed).map(Cow::into_owned);
            prop_assert_eq!(opened, Ok(payload));
        }

        #[test]
        fn altered_bytes_are_found(
            payload in prop::collection::vec(any::<u8>(), 0..100),
            at: prop::sample::Index,
            aes: bool,
        ) {
            let envelope = envelope(true, aes);
            let mut sealed = envelope.seal(&payload);
            let at = at.index(sealed.len());
            sealed[at] ^= 1;
            prop_assert_eq!(envelope.open(&sealed), Err(EnvelopeError::Mac));
        }

        #[test]
        fn arbitrary_bytes_never_panic(sealed in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = envelope(true, true).open(&sealed);
            let _ = envelope(false, true).open(&sealed);
        }
    }
}
