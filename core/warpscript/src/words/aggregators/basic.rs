//! Mean, sum, count, first, last.

use weft_gts::{NO_ELEVATION, NO_LOCATION, Value as PointValue, ValueRef, geo::hhcode};

use crate::error::{Fault, Kind, Result};
use crate::function::{Point, Window};
use crate::machine::Machine;
use crate::value::Value;

/// The error of a cast that the reference does without asking.
#[cold]
pub(super) fn no_number() -> Fault {
    Fault::kind(Kind::Cast, "A number was expected.")
}

/// A number as a double.
#[inline]
pub(super) fn double(value: ValueRef<'_>) -> Result<f64> {
    match value {
        ValueRef::Long(v) => Ok(v as f64),
        ValueRef::Double(v) => Ok(v),
        ValueRef::Decimal(v) => Ok(v.to_f64()),
        _ => Err(no_number()),
    }
}

/// A number as a long, cut as Java does.
#[inline]
pub(super) fn long(value: ValueRef<'_>) -> Result<i64> {
    match value {
        ValueRef::Long(v) => Ok(v),
        ValueRef::Double(v) => Ok(v as i64),
        ValueRef::Decimal(v) => Ok(v.to_f64() as i64),
        _ => Err(no_number()),
    }
}

/// Position and elevation of the point that is newest so far.
pub(super) struct Newest {
    tick: i64,
    pub(super) location: i64,
    pub(super) elevation: i64,
}

impl Newest {
    pub(super) const fn new() -> Self {
        Self { tick: i64::MIN, location: NO_LOCATION, elevation: NO_ELEVATION }
    }

    #[inline]
    pub(super) fn see(&mut self, window: &Window<'_>, index: usize) {
        let tick = window.ticks[index];
        if tick > self.tick {
            self.tick = tick;
            self.location = window.location(index);
            self.elevation = window.elevation(index);
        }
    }

    pub(super) const fn point(&self, tick: i64, value: Option<PointValue>) -> Point {
        Point { tick, location: self.location, elevation: self.elevation, value }
    }
}

/// The means of positions and elevations.
#[derive(Default)]
pub(super) struct Middle {
    latitudes: i64,
    longitudes: i64,
    located: i64,
    elevations: i64,
    elevated: i64,
}

impl Middle {
    #[inline]
    pub(super) fn see(&mut self, window: &Window<'_>, index: usize) {
        let location = window.location(index);
        if location != NO_LOCATION {
            let (latitude, longitude) = hhcode::to_steps(location);
            self.latitudes += latitude;
            self.longitudes += longitude;
            self.located += 1;
        }
        let elevation = window.elevation(index);
        if elevation != NO_ELEVATION {
            self.elevations = self.elevations.wrapping_add(elevation);
            self.elevated += 1;
        }
    }

    pub(super) const fn location(&self) -> i64 {
        if self.located == 0 {
            return NO_LOCATION;
        }
        hhcode::from_steps(self.latitudes / self.located, self.longitudes / self.located)
    }

    pub(super) const fn elevation(&self) -> i64 {
        if self.elevated == 0 { NO_ELEVATION } else { self.elevations / self.elevated }
    }
}

/// What is summed: the first value says it.
enum Sum {
    Nothing,
    Long(i64),
    Double(f64),
}

impl Sum {
    /// Adds a value; `false` when it is the first and no number.
    #[inline]
    fn add(&mut self, value: ValueRef<'_>) -> Result<bool> {
        match self {
            Self::Long(sum) => *sum = sum.wrapping_add(long(value)?),
            Self::Double(sum) => *sum += double(value)?,
            Self::Nothing => match value {
                ValueRef::Long(v) => *self = Self::Long(v),
                ValueRef::Double(v) => *self = Self::Double(v),
                _ => return Ok(false),
            },
        }
        Ok(true)
    }
}

pub(super) fn mean<const SKIP: bool>(
    _: &mut Machine,
    window: &Window<'_>,
    _: &[Value],
) -> Result<Point> {
    let Some(origin) = window.ticks.first() else {
        return Ok(Point::none(i64::MAX));
    };
    let (mut sum, mut middle) = (Sum::Nothing, Middle::default());
    let (mut ticks, mut missing) = (0i64, 0usize);
    for (index, tick) in window.ticks.iter().enumerate() {
        let Some(value) = window.at(index) else {
            missing += 1;
            continue;
        };
        ticks = ticks.wrapping_add(tick.wrapping_sub(*origin));
        middle.see(window, index);
        if !sum.add(value)? {
            return Ok(Point::none(i64::MAX));
        }
    }
    let count = (window.len() - missing) as f64;
    let value = match sum {
        Sum::Long(v) => Some(v as f64 / count),
        Sum::Double(v) => Some(v / count),
        Sum::Nothing => None,
    };
    if !SKIP && missing > 0 {
        return Ok(Point::none(i64::MAX));
    }
    Ok(Point {
        tick: origin.wrapping_add(ticks / window.len() as i64),
        location: middle.location(),
        elevation: middle.elevation(),
        value: value.map(PointValue::Double),
    })
}

pub(super) fn sum<const SKIP: bool>(
    _: &mut Machine,
    window: &Window<'_>,
    _: &[Value],
) -> Result<Point> {
    if window.is_empty() {
        return Ok(Point::none(i64::MAX));
    }
    let (mut sum, mut newest, mut holes) = (Sum::Nothing, Newest::new(), false);
    for index in 0..window.len() {
        newest.see(window, index);
        match window.at(index) {
            None => holes = true,
            Some(value) => {
                if !sum.add(value)? {
                    return Ok(Point::none(i64::MAX));
                }
            }
        }
    }
    let value = match sum {
        _ if holes && !SKIP => None,
        Sum::Long(v) => Some(PointValue::Long(v)),
        Sum::Double(v) => Some(PointValue::Double(v)),
        Sum::Nothing => None,
    };
    Ok(newest.point(0, value))
}

pub(super) fn count<const SKIP: bool>(
    _: &mut Machine,
    window: &Window<'_>,
    _: &[Value],
) -> Result<Point> {
    if window.is_empty() {
        return Ok(Point::none(i64::MAX));
    }
    let (mut newest, mut count) = (Newest::new(), 0);
    for index in 0..window.len() {
        newest.see(window, index);
        count += i64::from(!SKIP || window.at(index).is_some());
    }
    Ok(newest.point(window.tick, Some(PointValue::Long(count))))
}

/// The point at an index.
pub(super) fn point_at(window: &Window<'_>, index: usize) -> Point {
    Point {
        tick: window.ticks[index],
        location: window.location(index),
        elevation: window.elevation(index),
        value: window.value(index),
    }
}

/// The first of the oldest points.
pub(super) fn oldest(ticks: &[i64]) -> Option<usize> {
    (0..ticks.len()).min_by_key(|i| ticks[*i])
}

/// The first of the newest points.
pub(super) fn newest(ticks: &[i64]) -> Option<usize> {
    (0..ticks.len()).min_by_key(|i| !ticks[*i])
}

pub(super) fn first(_: &mut Machine, window: &Window<'_>, _: &[Value]) -> Result<Point> {
    Ok(oldest(window.ticks).map_or(Point::none(i64::MAX), |i| point_at(window, i)))
}

pub(super) fn last(_: &mut Machine, window: &Window<'_>, _: &[Value]) -> Result<Point> {
    Ok(newest(window.ticks).map_or(Point::none(i64::MAX), |i| point_at(window, i)))
}
