//! Series of positions.

use weft_gts::geo::distance::{loxodromic, orthodromic};
use weft_gts::{Columns, NO_ELEVATION, NO_LOCATION};

use super::clip::{cast, clip_series};
use super::dedup::keep;
use super::split;
use crate::error::Result;
use crate::heap::{Gts, Map};
use crate::machine::Machine;
use crate::value::{Handle, Value};
use crate::words::points;

pub(super) fn location_offset(vm: &mut Machine) -> Result {
    let distance = vm.pop()?;
    let distance = points::number(vm, distance)
        .ok_or_else(|| vm.error("expects a distance in meters on top of the stack."))?;
    points::each_gts(vm, |vm, handle| {
        points::claim_copy(vm, handle)?;
        points::sort_in_place(vm, handle, false)?;
        let columns = &vm.heap.gts(handle).series.points;
        let places = apart(columns, distance);
        keep(vm, handle, &places)
    })
}

/// The places of points that are far enough from the one kept before them; the two ends stay.
fn apart(columns: &Columns, distance: f64) -> Vec<u32> {
    let count = columns.len();
    let mut places = Vec::new();
    let mut last = NO_LOCATION;
    for place in 0..count {
        let location = columns.location(place);
        let is_end = place == 0 || place == count - 1;
        let is_far = location != NO_LOCATION
            && (last == NO_LOCATION || loxodromic(last, location) >= distance);
        if is_end || is_far {
            places.push(place as u32);
            last = location;
        }
    }
    places
}

pub(super) fn copy_geo(vm: &mut Machine) -> Result {
    let from = vm.pop_gts("expects a Geo Time Series on top of the stack.")?;
    points::each_gts(vm, |vm, to| {
        points::claim_copy(vm, to)?;
        points::sort_in_place(vm, from, false)?;
        points::sort_in_place(vm, to, false)?;
        let source = vm.heap.gts(from).series.points.clone();
        let mut gts = vm.heap.change_gts(to)?;
        let target = &mut gts.series.points;
        let (mut read, mut write) = (0, 0);
        let mut locations = optional(&target.locations, target.len(), NO_LOCATION);
        let mut elevations = optional(&target.elevations, target.len(), NO_ELEVATION);
        while read < source.len() && write < target.len() {
            let (from_tick, to_tick) = (source.ticks[read], target.ticks[write]);
            if from_tick < to_tick {
                read += 1;
            } else if to_tick < from_tick {
                write += 1;
            } else {
                // Of points with one tick only the first takes a place; each source is used once.
                locations[write] = source.location(read);
                elevations[write] = source.elevation(read);
                read += 1;
            }
        }
        target.locations = trimmed(locations, NO_LOCATION).into();
        target.elevations = trimmed(elevations, NO_ELEVATION).into();
        Ok(Value::Gts(to))
    })
}

fn optional(column: &[i64], count: usize, none: i64) -> Vec<i64> {
    if column.is_empty() { vec![none; count] } else { column.to_vec() }
}

fn trimmed(column: Vec<i64>, none: i64) -> Vec<i64> {
    if column.iter().all(|v| *v == none) { Vec::new() } else { column }
}

/// What MOTIONSPLIT is asked for.
struct Motion {
    number_label: Option<String>,
    type_label: Option<String>,
    stopped_label: Option<String>,
    time: i64,
    distance: f64,
    radius: f64,
    max_speed: f64,
    stop_time: i64,
    max_mean_speed: f64,
    split_stopped: bool,
    per_second: f64,
}

impl Motion {
    fn read(vm: &Machine, map: &Map) -> Result<Self> {
        let fail = |name: &str, what: &str| vm.error(&format!("{name} must be {what}."));
        let number = |name: &str| match map.get_text(name) {
            None => Ok(None),
            Some(value) => match points::number(vm, value) {
                Some(_) => Ok(Some(value)),
                None => Err(fail(name, "a number")),
            },
        };
        let double = |name: &str| {
            let value = number(name)?;
            Ok(value.and_then(|v| points::number(vm, v)).unwrap_or(f64::MAX))
        };
        let long = |name: &str| {
            let value = number(name)?;
            Ok(value.and_then(|v| points::integer(vm, v)).unwrap_or(i64::MAX))
        };
        let label = |name: &str| match map.get_text(name) {
            None => Ok(None),
            Some(value) => match vm.as_text(value) {
                Some(text) => Ok(Some(text.to_string())),
                None => Err(fail(name, "a string")),
            },
        };
        let split_stopped = match map.get_text("stopped.split") {
            None => false,
            Some(Value::Boolean(flag)) => flag,
            Some(_) => return Err(fail("stopped.split", "a boolean")),
        };
        Ok(Self {
            time: long("timesplit")?,
            number_label: label("label.split.number")?,
            type_label: label("label.split.type")?,
            stopped_label: label("label.stopped.time")?,
            distance: double("distance.split")?,
            max_speed: double("stopped.max.speed")?,
            max_mean_speed: double("stopped.max.mean.speed")?,
            stop_time: long("stopped.min.time")?,
            radius: double("stopped.max.radius")?,
            split_stopped,
            per_second: vm.config.time_unit.per_second() as f64,
        })
    }
}

pub(super) fn motion_split(vm: &mut Machine) -> Result {
    let map = vm.pop_map("expects a parameter MAP on top of the stack.")?;
    let motion = Motion::read(vm, vm.heap.map(map))?;
    points::each(vm, |vm, value| {
        let Value::Gts(handle) = value else {
            return Err(vm.error("can only be applied on Geo Time Series."));
        };
        points::claim_copy(vm, handle)?;
        points::sort_in_place(vm, handle, false)?;
        let parts = motion_parts(vm, handle, &motion)?;
        split::list(vm, parts)
    })
}

fn label(gts: &mut Gts, name: Option<&String>, value: impl Into<String>) {
    if let Some(name) = name {
        gts.series.metadata.labels.insert(name.as_str(), value);
    }
}

/// The walk over the points of a series.
struct Walk<'a> {
    motion: &'a Motion,
    parts: Vec<Gts>,
    number: i64,
    reference: (i64, i64),
    last_tick: i64,
    /// Position and tick of the last point that has a position.
    last_place: (i64, i64),
    travelled: f64,
    reason: &'static str,
}

fn motion_parts(vm: &mut Machine, handle: Handle<Gts>, motion: &Motion) -> Result<Vec<Gts>> {
    let gts = vm.heap.gts(handle);
    let columns = gts.series.points.clone();
    let empty = points::empty_like(gts);
    if columns.len() <= 1 {
        let mut only = points::copy(gts);
        label(&mut only, motion.type_label.as_ref(), "end");
        label(&mut only, motion.number_label.as_ref(), "1");
        return Ok(vec![only]);
    }
    let mut walk = Walk {
        motion,
        parts: Vec::new(),
        number: 1,
        reference: (NO_LOCATION, i64::MIN),
        last_tick: i64::MIN,
        last_place: (NO_LOCATION, i64::MIN),
        travelled: 0.0,
        reason: "end",
    };
    for (place, point) in columns.iter().enumerate() {
        let (tick, location) = (point.tick, point.location);
        if walk.reference.0 == NO_LOCATION && location != NO_LOCATION {
            walk.reference = (location, tick);
        }
        let stopped = walk.last_place.1.wrapping_sub(walk.reference.1);
        if walk.must_split(tick, location, stopped) {
            walk.split(vm, stopped)?;
            let mut part = empty.clone();
            label(&mut part, motion.number_label.as_ref(), walk.number.to_string());
            if motion.number_label.is_some() {
                walk.number += 1;
            }
            walk.parts.push(part);
            walk.reference = (location, tick);
            walk.travelled = 0.0;
        }
        if let Some(part) = walk.parts.last_mut() {
            part.append(tick, location, point.elevation, point.value);
        }
        walk.last_tick = tick;
        let before = walk.last_place.1;
        if location != NO_LOCATION {
            walk.last_place = (location, tick);
        }
        if place + 1 == columns.len() {
            walk.finish(vm, before, stopped)?;
        }
    }
    Ok(walk.parts)
}

impl Walk<'_> {
    /// Whether a point starts a new part.
    fn must_split(&mut self, tick: i64, location: i64, stopped: i64) -> bool {
        let motion = self.motion;
        let mut must = self.parts.is_empty();
        let watches = motion.radius < f64::MAX && motion.stop_time < i64::MAX;
        let (last_location, last_tick) = self.last_place;
        let step = || orthodromic(last_location, location);
        let (has_last, has_place) = (last_location != NO_LOCATION, location != NO_LOCATION);
        if watches && self.reference.0 != NO_LOCATION && has_place {
            let mut speed = 0.0;
            if has_last && tick != last_tick {
                speed = step() / (tick.wrapping_sub(last_tick) as f64 / motion.per_second);
            }
            let away = orthodromic(self.reference.0, location) > motion.radius;
            if away || speed > motion.max_speed {
                let mut mean = 0.0;
                if last_tick != self.reference.1 {
                    let time = last_tick.wrapping_sub(self.reference.1) as f64;
                    mean = self.travelled / (time / motion.per_second);
                }
                if stopped > motion.stop_time && mean < motion.max_mean_speed {
                    self.reason = "stopped";
                    must = true;
                    if let Some(part) = self.parts.last_mut() {
                        label(part, motion.stopped_label.as_ref(), stopped.to_string());
                    }
                }
                self.reference = (location, tick);
                self.travelled = 0.0;
            } else if has_last {
                self.travelled += step();
            }
        }
        if !must {
            if has_last && has_place && step() > motion.distance {
                self.reason = "distancesplit";
                must = true;
            } else if tick.wrapping_sub(self.last_tick) > motion.time {
                self.reason = "timesplit";
                must = true;
            }
        }
        must
    }

    /// Closes the current part.
    fn split(&mut self, vm: &mut Machine, stopped: i64) -> Result {
        let Some(part) = self.parts.last_mut() else {
            return Ok(());
        };
        label(part, self.motion.type_label.as_ref(), self.reason);
        if self.motion.split_stopped && self.reason == "stopped" {
            let at = points::last_tick(part).wrapping_sub(stopped);
            if at != points::first_tick(part) {
                self.halve(vm, at)?;
                if self.motion.number_label.is_some() {
                    self.number += 1;
                }
            }
        }
        Ok(())
    }

    /// Splits the current part into where it moved and where it stood.
    fn halve(&mut self, vm: &mut Machine, at: i64) -> Result {
        let Some(part) = self.parts.pop() else {
            return Err(cast());
        };
        let handle = vm.heap.alloc_gts(part)?;
        let mut moving = clip_series(vm, handle, i64::MIN, at)?;
        let mut stopped = clip_series(vm, handle, at.wrapping_add(1), i64::MAX)?;
        label(&mut moving, self.motion.type_label.as_ref(), "moving");
        label(&mut stopped, self.motion.number_label.as_ref(), self.number.to_string());
        self.parts.push(moving);
        self.parts.push(stopped);
        Ok(())
    }

    /// The last point was added; `before` is the tick of the last position before it.
    fn finish(&mut self, vm: &mut Machine, before: i64, stopped: i64) -> Result {
        let motion = self.motion;
        let Some(part) = self.parts.last_mut() else {
            return Ok(());
        };
        if before.wrapping_sub(self.reference.1) > motion.stop_time {
            label(part, motion.stopped_label.as_ref(), stopped.to_string());
            label(part, motion.type_label.as_ref(), "stopped");
            if motion.split_stopped {
                let at = points::last_tick(part).wrapping_sub(stopped);
                self.halve(vm, at)?;
            }
        } else {
            let kind = if motion.split_stopped { "moving" } else { "end" };
            label(part, motion.type_label.as_ref(), kind);
        }
        Ok(())
    }
}
