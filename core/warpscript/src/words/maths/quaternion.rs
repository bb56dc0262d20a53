//! Rotations as unit quaternions, packed into a LONG: four components of 16 bits.

use crate::error::{Fault, Result};
use crate::machine::Machine;
use crate::value::Value;

/// The largest component.
const SCALE: f64 = 65_535.0;

/// How far from one the norm of a packed quaternion may be.
const PRECISION: f64 = 4.0 / SCALE;

/// Packs a quaternion, scaled to the norm one.
pub(super) fn pack(components: [f64; 4]) -> i64 {
    let norm = components.iter().map(|v| v * v).fold(0.0, |sum, v| sum + v).sqrt();
    components.into_iter().fold(0i64, |packed, component| {
        let component = if norm == 0.0 { component } else { component / norm };
        let bits = ((component + 1.0) / 2.0 * SCALE).floor() as i32 & 0xffff;
        packed << 16 | i64::from(bits)
    })
}

/// The components `w x y z`.
fn unpack(packed: i64) -> Result<[f64; 4]> {
    let component = |shift: u32| 2.0 * ((packed >> shift & 0xffff) as f64 / SCALE) - 1.0;
    let q = [component(48), component(32), component(16), component(0)];
    let norm = q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3];
    if (1.0 - norm).abs() > PRECISION {
        let norm = weft_gts::JavaDouble(norm);
        let text = format!("Input does not appear to be a unit quaternion, norm was {norm}.");
        return Err(Fault::text(text));
    }
    Ok(q)
}

fn pop_quaternion(vm: &mut Machine, message: &str) -> Result<[f64; 4]> {
    unpack(vm.pop_long(message)?)
}

/// Takes doubles, the last one on top.
fn pop_doubles<const N: usize>(vm: &mut Machine, message: &str) -> Result<[f64; N]> {
    let mut values = [0.0; N];
    for place in values.iter_mut().rev() {
        *place = vm.pop_double(message)?;
    }
    Ok(values)
}

fn push_doubles(vm: &mut Machine, values: &[f64]) -> Result {
    values.iter().try_for_each(|value| vm.push(*value))
}

/// `->Q`.
pub(super) fn to_quaternion(vm: &mut Machine) -> Result {
    let message = "expects the quaternion components w x y z as doubles on the stack (z on top).";
    let components: [f64; 4] = pop_doubles(vm, message)?;
    if components.iter().any(|v| !v.is_finite()) {
        return Err(vm.error("expects finite arguments."));
    }
    vm.push(pack(components))
}

/// `Q->`.
pub(super) fn from_quaternion(vm: &mut Machine) -> Result {
    let packed = vm.pop_long("expects a quaternion as a LONG on top of the stack.")?;
    let q = unpack(packed).map_err(|f| f.wrap("Q-> failed."))?;
    push_doubles(vm, &q)
}

pub(super) fn conjugate(vm: &mut Machine) -> Result {
    let [w, x, y, z] = pop_quaternion(vm, "can only operate on a quaternion.")?;
    vm.push(pack([w, -x, -y, -z]))
}

/// QMULTIPLY and QDIVIDE.
pub(super) fn product(vm: &mut Machine) -> Result {
    let divide = vm.word.name == "QDIVIDE";
    let [rw, rx, ry, rz] = pop_quaternion(vm, "expects a quaternion on top of the stack.")?;
    let message = "expects another quaternion below the quaternion on top of the stack.";
    let [qw, qx, qy, qz] = pop_quaternion(vm, message)?;
    if divide {
        let n = rw * rw + rx * rx + ry * ry + rz * rz;
        let w = rw * qw + rx * qx + ry * qy + rz * qz;
        let x = rw * qx - rx * qw - ry * qz + rz * qy;
        let y = rw * qy + rx * qz - ry * qw - rz * qx;
        let z = rw * qz - rx * qy + ry * qx - rz * qw;
        return vm.push(pack([w / n, x / n, y / n, z / n]));
    }
    let w = rw * qw - rx * qx - ry * qy - rz * qz;
    let x = rw * qx + rx * qw - ry * qz + rz * qy;
    let y = rw * qy + rx * qz + ry * qw - rz * qx;
    let z = rw * qz - rx * qy + ry * qx + rz * qw;
    vm.push(pack([w, x, y, z]))
}

/// `ROTATIONQ`: the quaternion of a rotation about an axis.
pub(super) fn from_rotation(vm: &mut Machine) -> Result {
    let message = "expects a vector coordinates and an angle in degrees on the stack.";
    let [mut x, mut y, mut z, angle]: [f64; 4] = pop_doubles(vm, message)?;
    let norm = (x * x + y * y + z * z).sqrt();
    if norm != 0.0 {
        (x, y, z) = (x / norm, y / norm, z / norm);
    }
    let half = to_radians(angle / 2.0);
    let (cos, sin) = (libm::cos(half), libm::sin(half));
    vm.push(pack([cos, x * sin, y * sin, z * sin]))
}

fn to_radians(degrees: f64) -> f64 {
    degrees * 0.017_453_292_519_943_295
}

/// `QROTATION`: the axis and angle of a quaternion.
pub(super) fn to_rotation(vm: &mut Machine) -> Result {
    let [w, mut x, mut y, mut z] = pop_quaternion(vm, "can only operate on a quaternion.")?;
    let angle = libm::acos(w);
    let sin = libm::sin(angle);
    if sin != 0.0 {
        (x, y, z) = (x / sin, y / sin, z / sin);
    }
    push_doubles(vm, &[x, y, z, angle * 2.0 * 57.295_779_513_082_32])
}

/// `QROTATE`: a vector, rotated.
pub(super) fn rotate(vm: &mut Machine) -> Result {
    let packed = vm.pop_long("expects a quaternion on top of the stack.")?;
    let (z, y, x) = (vm.pop()?, vm.pop()?, vm.pop()?);
    let (Value::Double(x), Value::Double(y), Value::Double(z)) = (x, y, z) else {
        return Err(vm.error(
            "operates on a vector whose x,y,z coordinates are doubles below the quaternion.",
        ));
    };
    let [a, b, c, d] = unpack(packed)?;
    let v0 = (1.0 - 2.0 * c * c - 2.0 * d * d) * x
        + 2.0 * (b * c + a * d) * y
        + 2.0 * (b * d - a * c) * z;
    let v1 = 2.0 * (b * c - a * d) * x
        + (1.0 - 2.0 * b * b - 2.0 * d * d) * y
        + 2.0 * (c * d + a * b) * z;
    let v2 = 2.0 * (b * d + a * c) * x
        + 2.0 * (c * d - a * b) * y
        + (1.0 - 2.0 * b * b - 2.0 * c * c) * z;
    push_doubles(vm, &[v0, v1, v2])
}
