//! Shamir's secret sharing over the field of 256 elements, byte by byte.
//!
//! A share is a row of pairs: a place, and the value of a polynomial there. Every byte of the
//! secret has a polynomial and places of its own. A pair whose place is 0 says nothing: it is
//! written so that places look random.

use crate::entropy::Entropy;

/// The polynomial of the field.
const FIELD: u16 = 0x11d;

fn multiply(a: u8, b: u8) -> u8 {
    let (mut a, mut b, mut product) = (u16::from(a), b, 0);
    while b > 0 {
        if b & 1 == 1 {
            product ^= a;
        }
        a <<= 1;
        if a > 0xff {
            a ^= FIELD;
        }
        b >>= 1;
    }
    product as u8
}

/// The inverse of an element that is not 0: its power of 254.
fn invert(a: u8) -> u8 {
    let (mut result, mut power) = (1, a);
    for _ in 0..7 {
        power = multiply(power, power);
        result = multiply(result, power);
    }
    result
}

/// Splits a secret into `count` shares, of which `needed` bring it back. With `noise` the shares
/// have pairs without meaning between the others.
pub(crate) fn split(
    secret: &[u8],
    count: usize,
    needed: usize,
    noise: bool,
    entropy: &mut Entropy,
) -> Vec<Vec<u8>> {
    let mut shares = vec![Vec::with_capacity(secret.len() * 2); count];
    for byte in secret {
        let mut polynomial = vec![0; needed];
        entropy.fill(&mut polynomial);
        polynomial[0] = *byte;
        let mut used = [false; 256];
        for share in &mut shares {
            let place = loop {
                let mut draw = [0; 2];
                entropy.fill(&mut draw);
                if draw[0] == 0 && noise {
                    share.extend(draw);
                }
                if draw[0] != 0 && !used[usize::from(draw[0])] {
                    break draw[0];
                }
            };
            used[usize::from(place)] = true;
            let value = polynomial.iter().rev().fold(0, |sum, c| multiply(sum, place) ^ c);
            share.extend([place, value]);
        }
    }
    shares
}

/// The secret of shares; `None` when they do not belong together.
pub(crate) fn join(shares: &[impl AsRef<[u8]>]) -> Option<Vec<u8>> {
    let mut rows: Vec<_> = shares
        .iter()
        .map(|share| share.as_ref().chunks_exact(2).filter(|pair| pair[0] != 0))
        .collect();
    if shares.iter().any(|share| !share.as_ref().len().is_multiple_of(2)) {
        return None;
    }
    let mut secret = Vec::new();
    loop {
        let pairs: Vec<&[u8]> = rows.iter_mut().filter_map(Iterator::next).collect();
        if pairs.is_empty() {
            return Some(secret);
        }
        if pairs.len() < rows.len() {
            return None;
        }
        secret.push(at_zero(&pairs)?);
    }
}

/// The value at 0 of the polynomial through some points.
fn at_zero(points: &[&[u8]]) -> Option<u8> {
    let mut sum = 0;
    for (index, point) in points.iter().enumerate() {
        let mut term = point[1];
        for (other, there) in points.iter().enumerate() {
            if other == index {
                continue;
            }
            let distance = point[0] ^ there[0];
            if distance == 0 {
                return None;
            }
            term = multiply(term, multiply(there[0], invert(distance)));
        }
        sum ^= term;
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enough_shares_bring_the_secret_back() {
        let secret: Vec<u8> = (0..=255).collect();
        let mut shares = split(&secret, 5, 3, true, &mut Entropy::default());
        assert!(shares.iter().any(|s| s.len() > 512));
        assert_eq!(join(&shares[1..4]), Some(secret.clone()));
        assert_ne!(join(&shares[..2]), Some(secret));
        shares.push(shares[0].clone());
        assert_eq!(join(&shares), None);
        assert!((1..=255).all(|a| multiply(a, invert(a)) == 1));
    }
}
