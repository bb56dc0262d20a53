//! What an encoder remembers of the latest datapoint, and how that makes the next one short.

use super::output::{Window, is_short};
use crate::layout::{
    DOUBLE_IEEE754, ELEVATION, ELEVATION_DELTA, ELEVATION_IDENTICAL, ELEVATION_VARINT, LOCATION,
    LOCATION_DELTA, LOCATION_IDENTICAL, LONG_DELTA, LONG_VARINT, TICK_DELTA_BASE,
    TICK_DELTA_PREVIOUS, TICK_EQUALS_BASE, TICK_RAW, VALUE_IDENTICAL, VARINT_LIMIT,
};
use crate::{Decimal, NO_ELEVATION, NO_LOCATION};

/// The latest tick, and the latest location, elevation and numbers that a reader knows.
///
/// Each method appends one part of a datapoint and returns its flags.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Last {
    /// 0 before the first datapoint.
    pub(super) tick: i64,
    /// The next tick is written raw: the one before it is unknown to a reader.
    pub(super) tick_raw: bool,
    location: Option<i64>,
    elevation: Option<i64>,
    long: Option<i64>,
    float: Float,
}

/// The latest double: the way it was written decides what can repeat it.
#[derive(Clone, Copy, Debug, Default)]
enum Float {
    #[default]
    Unknown,
    Double(f64),
    Decimal(Decimal),
}

impl Last {
    /// Nothing but the tick, which is not to be relied on either.
    pub(super) fn unknown(self) -> Self {
        Self { tick: self.tick, tick_raw: true, ..Self::default() }
    }

    #[inline(always)]
    pub(super) fn put_tick(&mut self, out: &mut Window<'_>, base: i64, tick: i64) -> u8 {
        let last = std::mem::replace(&mut self.tick, tick);
        if std::mem::take(&mut self.tick_raw) {
            out.put_raw(tick as u64);
            return TICK_RAW;
        }
        if tick == base {
            return TICK_EQUALS_BASE;
        }
        let from_base = tick.wrapping_sub(base);
        let from_last = tick.wrapping_sub(last);
        let by_base = last == 0 || from_base.wrapping_abs() < from_last.wrapping_abs();
        let delta = if by_base { from_base } else { from_last };
        if is_short(delta) {
            out.put_signed(delta);
            if by_base { TICK_DELTA_BASE } else { TICK_DELTA_PREVIOUS }
        } else {
            out.put_raw(tick as u64);
            TICK_RAW
        }
    }

    /// For a datapoint without location and elevation.
    #[inline(always)]
    pub(super) fn put_no_place(&mut self) {
        (self.location, self.elevation) = (None, None);
    }

    #[inline(always)]
    pub(super) fn put_location(&mut self, out: &mut Window<'_>, location: i64) -> u8 {
        if location == NO_LOCATION {
            self.location = None;
            return 0;
        }
        match self.location.replace(location) {
            Some(last) if last == location => LOCATION | LOCATION_IDENTICAL,
            Some(last) if is_short(location.wrapping_sub(last)) => {
                out.put_signed(location.wrapping_sub(last));
                LOCATION | LOCATION_DELTA
            }
            _ => {
                out.put_raw(location as u64);
                LOCATION
            }
        }
    }

    #[inline(always)]
    pub(super) fn put_elevation(&mut self, out: &mut Window<'_>, elevation: i64) -> u8 {
        if elevation == NO_ELEVATION {
            self.elevation = None;
            return 0;
        }
        match self.elevation.replace(elevation) {
            Some(last) if last == elevation => ELEVATION | ELEVATION_IDENTICAL,
            Some(last) if is_short(elevation.wrapping_sub(last)) => {
                out.put_signed(elevation.wrapping_sub(last));
                ELEVATION | ELEVATION_DELTA | ELEVATION_VARINT
            }
            _ if is_short(elevation) => {
                out.put_signed(elevation);
                ELEVATION | ELEVATION_VARINT
            }
            _ => {
                out.put_raw(elevation as u64);
                ELEVATION
            }
        }
    }

    #[inline(always)]
    pub(super) fn put_long(&mut self, out: &mut Window<'_>, long: i64) -> u8 {
        if let Some(last) = self.long.replace(long) {
            if last == long {
                return VALUE_IDENTICAL;
            }
            let delta = long.wrapping_sub(last);
            let magnitude = delta.wrapping_abs();
            if magnitude < long.wrapping_abs() && magnitude < VARINT_LIMIT {
                out.put_signed(delta);
                return LONG_VARINT | LONG_DELTA;
            }
        }
        if is_short(long) {
            out.put_signed(long);
            LONG_VARINT
        } else {
            out.put_raw(long as u64);
            0
        }
    }

    #[inline(always)]
    pub(super) fn put_double(&mut self, out: &mut Window<'_>, double: f64) -> u8 {
        if let Float::Double(last) = self.float
            && (last == double || last.is_nan() && double.is_nan())
        {
            return VALUE_IDENTICAL;
        }
        self.put_new_double(out, double)
    }

    #[inline]
    fn put_new_double(&mut self, out: &mut Window<'_>, double: f64) -> u8 {
        self.float = Float::Double(double);
        out.put_raw(double.to_bits());
        DOUBLE_IEEE754
    }

    #[inline(always)]
    pub(super) fn put_decimal(&mut self, out: &mut Window<'_>, decimal: Decimal) -> u8 {
        let decimal = decimal.normalized();
        if let Float::Decimal(last) = self.float
            && last == decimal
        {
            return VALUE_IDENTICAL;
        }
        let Some(scale) = decimal.compact() else {
            // Never identical to the double before it, not even if that was this decimal.
            return self.put_new_double(out, decimal.to_f64());
        };
        self.float = Float::Decimal(decimal);
        out.put_byte(scale as u8);
        out.put_signed(decimal.unscaled);
        0
    }
}
