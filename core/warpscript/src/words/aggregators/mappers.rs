//! The mappers that look at a whole window.

use super::*;
use crate::registry::{Family, function, word};

pub(in super::super) static FAMILY: Family = Family {
    name: "mappers",
    words: &[
        function(
            "mapper.and",
            Role::Aggregator(&AND),
            "1.0.11",
            "mapper.and f<AGGREGATOR>",
            "Whether all values are true. Position and elevation are those of the newest \
             point that has a value.",
            &[(on_map!("mapper.and"), "[[[false,false]]]")],
        ),
        function(
            "mapper.count",
            Role::Aggregator(&COUNT),
            "1.0.11",
            "mapper.count f<AGGREGATOR>",
            "How many values there are. Position and elevation are those of the newest \
             point.",
            &[(on_map!("mapper.count"), "[[[1,2]]]")],
        ),
        function(
            "mapper.delta",
            Role::Aggregator(&DELTA),
            "1.0.11",
            "mapper.delta f<AGGREGATOR>",
            "The newest value less the oldest, at the position of the newest.",
            &[(on_map!("mapper.delta"), "[[[0,4]]]")],
        ),
        function(
            "mapper.first",
            Role::Aggregator(&FIRST),
            "1.0.11",
            "mapper.first f<AGGREGATOR>",
            "The oldest point.",
            &[(on_map!("mapper.first"), "[[[4,4]]]")],
        ),
        function(
            "mapper.hdist",
            Role::Aggregator(&HDIST),
            "1.0.11",
            "mapper.hdist f<AGGREGATOR>",
            "The length in metres of the way through all positions, along lines of \
             constant course.",
            &[(on_map!("mapper.hdist"), "[[[0.0,157144.41316030387]]]")],
        ),
        function(
            "mapper.highest",
            Role::Aggregator(&HIGHEST),
            "1.0.11",
            "mapper.highest f<AGGREGATOR>",
            "The point with the greatest elevation; of equal ones the newest.",
            &[(on_map!("mapper.highest"), "[[[4,8]]]")],
        ),
        function(
            "mapper.hspeed",
            Role::Aggregator(&HSPEED),
            "1.0.11",
            "mapper.hspeed f<AGGREGATOR>",
            "The speed in metres a second on the way through all positions.",
            &[(on_map!("mapper.hspeed"), "[[[0.0,1.5714441316030386E11]]]")],
        ),
        word(
            "mapper.join",
            |vm| separator(vm, &JOIN),
            "1.0.11",
            "separator<STRING> mapper.join f<AGGREGATOR>",
            "The values as one text, joined by a separator. Position and elevation are \
             those of the newest point.",
            &[(on_map!("',' mapper.join"), "[[[\"4\",\"4,8\"]]]")],
        ),
        function(
            "mapper.last",
            Role::Aggregator(&LAST),
            "1.0.11",
            "mapper.last f<AGGREGATOR>",
            "The newest point; of points at one tick the first.",
            &[(on_map!("mapper.last"), "[[[4,8]]]")],
        ),
        function(
            "mapper.lowest",
            Role::Aggregator(&LOWEST),
            "1.0.11",
            "mapper.lowest f<AGGREGATOR>",
            "The point with the least elevation; of equal ones the oldest.",
            &[(on_map!("mapper.lowest"), "[[[4,4]]]")],
        ),
        function(
            "mapper.mad",
            Role::Aggregator(&MAD),
            "1.2.0",
            "mapper.mad f<AGGREGATOR>",
            "The median of the distances from the median, and the median position and \
             elevation.",
            &[(on_map!("mapper.mad"), "[[[0,2]]]")],
        ),
        function(
            "mapper.max",
            Role::Aggregator(&MAX),
            "1.0.11",
            "mapper.max f<AGGREGATOR>",
            "The point with the greatest value: numbers, texts or booleans. Of equal ones \
             the oldest.",
            &[(on_map!("mapper.max"), "[[[4,8]]]")],
        ),
        function(
            "mapper.mean",
            Role::Aggregator(&MEAN),
            "1.0.11",
            "mapper.mean f<AGGREGATOR>",
            "The mean of numbers as a DOUBLE. Position and elevation are the means of \
             those there are.",
            &[(on_map!("mapper.mean"), "[[[4.0,6.0]]]")],
        ),
        word(
            "mapper.mean.circular",
            |vm| period(vm, &CIRCULAR),
            "1.0.11",
            "circumference<NUMBER> mapper.mean.circular f<AGGREGATOR>",
            "The mean of numbers on a circle of the given circumference. Position and \
             elevation are the means of those there are.",
            &[(on_map!("360 mapper.mean.circular"), "[[[4.0,6.0]]]")],
        ),
        function(
            "mapper.median",
            Role::Aggregator(&MEDIAN),
            "1.0.11",
            "mapper.median f<AGGREGATOR>",
            "The median of numbers as a DOUBLE, at the middle of the positions and \
             elevations of the one or two points it comes from.",
            &[(on_map!("mapper.median"), "[[[4.0,6.0]]]")],
        ),
        function(
            "mapper.min",
            Role::Aggregator(&MIN),
            "1.0.11",
            "mapper.min f<AGGREGATOR>",
            "The point with the least value: numbers, texts or booleans. Of equal ones the \
             oldest.",
            &[(on_map!("mapper.min"), "[[[4,4]]]")],
        ),
        function(
            "mapper.or",
            Role::Aggregator(&OR),
            "1.0.11",
            "mapper.or f<AGGREGATOR>",
            "Whether any value is true. Position and elevation are those of the newest \
             point that has a value.",
            &[(on_map!("mapper.or"), "[[[false,false]]]")],
        ),
        word(
            "mapper.percentile",
            |vm| percentile(vm, &PERCENTILE),
            "1.0.0",
            "percentile<NUMBER> mapper.percentile f<AGGREGATOR>",
            "The percentile of numbers. The definition is one of the nine of Hyndman and \
             Fan, 'type1' to 'type9'; without it 'type1', which answers with one of the \
             points.",
            &[(on_map!("50 mapper.percentile"), "[[[4,4]]]")],
        ),
        function(
            "mapper.product",
            Role::Aggregator(&PRODUCT),
            "1.0.11",
            "mapper.product f<AGGREGATOR>",
            "The product of numbers: a LONG of longs, otherwise a DOUBLE.",
            &[(on_map!("mapper.product"), "[[[4,32]]]")],
        ),
        function(
            "mapper.rate",
            Role::Aggregator(&RATE),
            "1.0.11",
            "mapper.rate f<AGGREGATOR>",
            "By how much the value changes in a second, from the oldest point to the \
             newest.",
            &[(on_map!("mapper.rate"), "[[[0.0,4000000.0]]]")],
        ),
        function(
            "mapper.rms",
            Role::Aggregator(&RMS),
            "1.2.18",
            "mapper.rms f<AGGREGATOR>",
            "The root mean square of numbers; of longs cut to a LONG. Position and \
             elevation are those of the newest point.",
            &[(on_map!("mapper.rms"), "[[[4,6]]]")],
        ),
        word(
            "mapper.sd",
            |vm| bessel(vm, &SD),
            "1.0.11",
            "corrected<BOOLEAN> mapper.sd f<AGGREGATOR>",
            "The standard deviation of numbers, with Bessel's correction if wanted. \
             Position and elevation are those of the newest point.",
            &[(on_map!("true mapper.sd"), "[[[0.0,2.8284271247461903]]]")],
        ),
        word(
            "mapper.sd.welford",
            |vm| bessel(vm, &SD_WELFORD),
            "2.9.0",
            "corrected<BOOLEAN> mapper.sd.welford f<AGGREGATOR>",
            "The standard deviation of numbers by Welford's algorithm, with Bessel's \
             correction if wanted.",
            &[(on_map!("true mapper.sd.welford"), "[[[0.0,2.8284271247461903]]]")],
        ),
        function(
            "mapper.sum",
            Role::Aggregator(&SUM),
            "1.0.11",
            "mapper.sum f<AGGREGATOR>",
            "The sum of numbers, of the type of the first. Position and elevation are \
             those of the newest point.",
            &[(on_map!("mapper.sum"), "[[[4,12]]]")],
        ),
        function(
            "mapper.truecourse",
            Role::Aggregator(&COURSE),
            "1.0.11",
            "mapper.truecourse f<AGGREGATOR>",
            "The course in degrees from the first position to the last.",
            &[(on_map!("mapper.truecourse"), "[[[0.0,315.00436474463226]]]")],
        ),
        word(
            "mapper.var",
            |vm| bessel(vm, &VAR),
            "1.0.11",
            "corrected<BOOLEAN> mapper.var f<AGGREGATOR>",
            "The variance of numbers, with Bessel's correction if wanted. Position and \
             elevation are those of the newest point.",
            &[(on_map!("true mapper.var"), "[[[0.0,8.0]]]")],
        ),
        word(
            "mapper.var.welford",
            |vm| bessel(vm, &VAR_WELFORD),
            "2.9.0",
            "corrected<BOOLEAN> mapper.var.welford f<AGGREGATOR>",
            "The variance of numbers by Welford's algorithm, with Bessel's correction if \
             wanted.",
            &[(on_map!("true mapper.var.welford"), "[[[0.0,8.0]]]")],
        ),
        function(
            "mapper.vdist",
            Role::Aggregator(&VDIST),
            "1.0.11",
            "mapper.vdist f<AGGREGATOR>",
            "The metres climbed and descended through all elevations.",
            &[(on_map!("mapper.vdist"), "[[[0.0,0.002]]]")],
        ),
        function(
            "mapper.vspeed",
            Role::Aggregator(&VSPEED),
            "1.0.11",
            "mapper.vspeed f<AGGREGATOR>",
            "The vertical speed in metres a second from the oldest point to the newest.",
            &[(on_map!("mapper.vspeed"), "[[[0.0,2000.0000000000002]]]")],
        ),
    ],
};
