//! Elliptic curves over prime fields: points, their sums and their encodings.

use num_bigint::{BigInt, BigUint, Sign};

/// A curve `y² = x³ + ax + b` over the integers modulo a prime.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Curve {
    /// The prime.
    pub(crate) field: BigUint,
    a: BigUint,
    b: BigUint,
    /// The point that keys are multiples of.
    pub(crate) base: Point,
    /// How many multiples there are.
    pub(crate) order: BigUint,
    /// How many times more points the curve has.
    pub(crate) cofactor: u32,
}

/// A point; `None` is the one at infinity.
pub(crate) type Point = Option<(BigUint, BigUint)>;

/// A point as `x/z², y/z³`; `z` is 0 at infinity.
struct Jacobian {
    x: BigUint,
    y: BigUint,
    z: BigUint,
}

/// Why bytes are no point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BadPoint(pub(crate) &'static str);

impl Curve {
    /// A curve from its numbers.
    pub(crate) fn new(numbers: [BigUint; 6], cofactor: u32) -> Self {
        let [field, a, b, x, y, order] = numbers;
        Self { field, a, b, base: Some((x, y)), order, cofactor }
    }

    fn mul(&self, a: &BigUint, b: &BigUint) -> BigUint {
        a * b % &self.field
    }

    fn add(&self, a: &BigUint, b: &BigUint) -> BigUint {
        let sum = a + b;
        if sum >= self.field { sum - &self.field } else { sum }
    }

    fn sub(&self, a: &BigUint, b: &BigUint) -> BigUint {
        if a >= b { a - b } else { a + &self.field - b }
    }

    /// `x³ + ax + b`.
    fn right_side(&self, x: &BigUint) -> BigUint {
        let square = self.add(&self.mul(x, x), &self.a);
        self.add(&self.mul(&square, x), &self.b)
    }

    /// Whether two numbers are the coordinates of a point.
    fn is_on(&self, x: &BigUint, y: &BigUint) -> bool {
        x < &self.field && y < &self.field && self.mul(y, y) == self.right_side(x)
    }

    /// The sum of two points.
    pub(crate) fn sum(&self, a: &Point, b: &Point) -> Point {
        let mut sum = self.lift(a);
        if let Some(b) = b {
            sum = self.mixed(&sum, b);
        }
        self.lower(&sum)
    }

    /// The other point with the same `x`.
    pub(crate) fn negate(&self, point: &Point) -> Point {
        point.as_ref().map(|(x, y)| (x.clone(), self.sub(&BigUint::ZERO, y)))
    }

    /// A multiple of a point.
    pub(crate) fn multiply(&self, point: &Point, factor: &BigInt) -> Point {
        let Some(affine) = point else { return None };
        let mut sum = self.lift(&None);
        for bit in (0..factor.bits()).rev() {
            sum = self.double(&sum);
            if factor.magnitude().bit(bit) {
                sum = self.mixed(&sum, affine);
            }
        }
        let product = self.lower(&sum);
        if factor.sign() == Sign::Minus { self.negate(&product) } else { product }
    }

    fn lift(&self, point: &Point) -> Jacobian {
        match point {
            Some((x, y)) => Jacobian { x: x.clone(), y: y.clone(), z: BigUint::from(1u32) },
            None => Jacobian { x: BigUint::from(1u32), y: BigUint::from(1u32), z: BigUint::ZERO },
        }
    }

    fn lower(&self, point: &Jacobian) -> Point {
        let inverse = point.z.modinv(&self.field)?;
        let square = self.mul(&inverse, &inverse);
        let x = self.mul(&point.x, &square);
        Some((x, self.mul(&self.mul(&point.y, &square), &inverse)))
    }

    fn double(&self, p: &Jacobian) -> Jacobian {
        if p.z == BigUint::ZERO || p.y == BigUint::ZERO {
            return self.lift(&None);
        }
        let yy = self.mul(&p.y, &p.y);
        let four = BigUint::from(4u32);
        let s = self.mul(&self.mul(&four, &p.x), &yy);
        let zz = self.mul(&p.z, &p.z);
        let xx = self.mul(&p.x, &p.x);
        let slope = self
            .add(&self.add(&xx, &self.add(&xx, &xx)), &{ self.mul(&self.a, &self.mul(&zz, &zz)) });
        let x = self.sub(&self.mul(&slope, &slope), &self.add(&s, &s));
        let eighth = self.mul(&BigUint::from(8u32), &self.mul(&yy, &yy));
        let y = self.sub(&self.mul(&slope, &self.sub(&s, &x)), &eighth);
        let yz = self.mul(&p.y, &p.z);
        Jacobian { x, y, z: self.add(&yz, &yz) }
    }

    /// The sum with a point that is not infinity.
    fn mixed(&self, p: &Jacobian, (x, y): &(BigUint, BigUint)) -> Jacobian {
        if p.z == BigUint::ZERO {
            return Jacobian { x: x.clone(), y: y.clone(), z: BigUint::from(1u32) };
        }
        let zz = self.mul(&p.z, &p.z);
        let h = self.sub(&self.mul(x, &zz), &p.x);
        let r = self.sub(&self.mul(y, &self.mul(&zz, &p.z)), &p.y);
        if h == BigUint::ZERO {
            return if r == BigUint::ZERO { self.double(p) } else { self.lift(&None) };
        }
        let hh = self.mul(&h, &h);
        let hhh = self.mul(&hh, &h);
        let v = self.mul(&p.x, &hh);
        let rr = self.sub(&self.mul(&r, &r), &hhh);
        let sum_x = self.sub(&rr, &self.add(&v, &v));
        let sum_y = self.sub(&self.mul(&r, &self.sub(&v, &sum_x)), &self.mul(&p.y, &hhh));
        Jacobian { x: sum_x, y: sum_y, z: self.mul(&h, &p.z) }
    }

    /// Bytes of one coordinate.
    pub(crate) fn width(&self) -> usize {
        self.field.bits().div_ceil(8) as usize
    }

    /// The uncompressed encoding of a point.
    pub(crate) fn encode(&self, point: &Point) -> Vec<u8> {
        let Some((x, y)) = point else { return vec![0] };
        let mut out = vec![4];
        for number in [x, y] {
            let bytes = number.to_bytes_be();
            out.resize(out.len() + self.width().saturating_sub(bytes.len()), 0);
            out.extend(bytes);
        }
        out
    }

    /// The point of an encoding, compressed or not.
    ///
    /// # Errors
    /// When the bytes are no point of this curve.
    pub(crate) fn decode(&self, bytes: &[u8]) -> Result<Point, BadPoint> {
        let (&kind, rest) = bytes.split_first().ok_or(BadPoint("Empty encoding"))?;
        let width = self.width();
        match kind {
            0 if rest.is_empty() => Ok(None),
            0 => Err(BadPoint("Incorrect length for infinity encoding")),
            2 | 3 if rest.len() == width => {
                let x = BigUint::from_bytes_be(rest);
                self.with_x(&x, kind == 3).map(Some)
            }
            2 | 3 => Err(BadPoint("Incorrect length for compressed encoding")),
            4 | 6 | 7 if rest.len() == 2 * width => {
                let x = BigUint::from_bytes_be(&rest[..width]);
                let y = BigUint::from_bytes_be(&rest[width..]);
                if kind != 4 && y.bit(0) != (kind == 7) {
                    return Err(BadPoint("Inconsistent Y coordinate in hybrid encoding"));
                }
                if !self.is_on(&x, &y) {
                    return Err(BadPoint("Invalid point coordinates"));
                }
                self.in_group((x, y)).map(Some)
            }
            4 => Err(BadPoint("Incorrect length for uncompressed encoding")),
            6 | 7 => Err(BadPoint("Incorrect length for hybrid encoding")),
            _ => Err(BadPoint("Invalid point encoding")),
        }
    }

    /// The point with a given `x` and an even or odd `y`.
    fn with_x(&self, x: &BigUint, odd: bool) -> Result<(BigUint, BigUint), BadPoint> {
        let bad = BadPoint("Invalid point compression");
        if x >= &self.field {
            return Err(bad);
        }
        let root = self.root(&self.right_side(x)).ok_or(bad)?;
        let y = if root.bit(0) == odd { root } else { self.sub(&BigUint::ZERO, &root) };
        self.in_group((x.clone(), y))
    }

    fn in_group(&self, point: (BigUint, BigUint)) -> Result<(BigUint, BigUint), BadPoint> {
        if self.cofactor != 1 {
            let order = BigInt::from(self.order.clone());
            if self.multiply(&Some(point.clone()), &order).is_some() {
                return Err(BadPoint("Invalid point"));
            }
        }
        Ok(point)
    }

    /// A square root in the field, after Tonelli and Shanks.
    fn root(&self, square: &BigUint) -> Option<BigUint> {
        let one = BigUint::from(1u32);
        let less = &self.field - &one;
        if square == &BigUint::ZERO {
            return Some(BigUint::ZERO);
        }
        let half = &less >> 1u32;
        if square.modpow(&half, &self.field) != one {
            return None;
        }
        let twos = less.trailing_zeros().unwrap_or(0);
        let odd = &less >> twos;
        let mut other = BigUint::from(2u32);
        while other.modpow(&half, &self.field) != less {
            other += 1u32;
        }
        let mut c = other.modpow(&odd, &self.field);
        let mut root = square.modpow(&((&odd + 1u32) >> 1u32), &self.field);
        let mut t = square.modpow(&odd, &self.field);
        let mut m = twos;
        while t != one {
            let mut place = 0;
            let mut power = t.clone();
            while power != one {
                power = self.mul(&power, &power);
                place += 1;
                if place == m {
                    return None;
                }
            }
            for _ in 0..m - place - 1 {
                c = self.mul(&c, &c);
            }
            root = self.mul(&root, &c);
            c = self.mul(&c, &c);
            t = self.mul(&t, &c);
            m = place;
        }
        Some(root)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::curves;

    #[test]
    fn every_curve_closes() {
        for name in curves::names() {
            let curve = curves::find(name).expect("named");
            let order = BigInt::from(curve.order.clone());
            assert!(curve.decode(&curve.encode(&curve.base)) == Ok(curve.base.clone()), "{name}");
            assert_eq!(curve.multiply(&curve.base, &order), None, "{name}");
            let less = curve.multiply(&curve.base, &(order - 1));
            assert_eq!(less, curve.negate(&curve.base), "{name}");
            assert_eq!(curve.sum(&less, &curve.base), None, "{name}");
        }
    }

    #[test]
    fn compressed_points() {
        for name in ["secp256r1", "secp224r1", "secp112r2", "brainpoolP320t1"] {
            let curve = curves::find(name).expect("named");
            let point = curve.multiply(&curve.base, &BigInt::from(-12345));
            let bytes = curve.encode(&point);
            let mut short = bytes[..=curve.width()].to_vec();
            short[0] = if bytes[bytes.len() - 1] & 1 == 1 { 3 } else { 2 };
            assert_eq!(curve.decode(&short), Ok(point));
            assert!(curve.decode(&bytes[1..]).is_err());
        }
    }
}
