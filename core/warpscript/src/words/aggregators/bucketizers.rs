//! The bucketizers.

use super::*;
use crate::registry::{Family, function, word};

pub(in super::super) static FAMILY: Family = Family {
    name: "bucketizers",
    words: &[
        function(
            "bucketizer.and",
            Role::Aggregator(&AND),
            "1.0.11",
            "bucketizer.and f<AGGREGATOR>",
            "Whether all values are true. Position and elevation are those of the newest \
             point that has a value.",
            &[(on_buckets!("bucketizer.and"), "[[[false,false]]]")],
        ),
        function(
            "bucketizer.count",
            Role::Aggregator(&COUNT),
            "1.0.11",
            "bucketizer.count f<AGGREGATOR>",
            "How many values there are. Position and elevation are those of the newest \
             point.",
            &[(on_buckets!("bucketizer.count"), "[[[1,2]]]")],
        ),
        function(
            "bucketizer.first",
            Role::Aggregator(&FIRST),
            "1.0.11",
            "bucketizer.first f<AGGREGATOR>",
            "The oldest point.",
            &[(on_buckets!("bucketizer.first"), "[[[3,4]]]")],
        ),
        word(
            "bucketizer.join",
            |vm| separator(vm, &JOIN),
            "1.0.11",
            "separator<STRING> bucketizer.join f<AGGREGATOR>",
            "The values as one text, joined by a separator. Position and elevation are \
             those of the newest point.",
            &[(on_buckets!("',' bucketizer.join"), "[[[\"3\",\"4,8\"]]]")],
        ),
        function(
            "bucketizer.last",
            Role::Aggregator(&LAST),
            "1.0.11",
            "bucketizer.last f<AGGREGATOR>",
            "The newest point; of points at one tick the first.",
            &[(on_buckets!("bucketizer.last"), "[[[3,8]]]")],
        ),
        function(
            "bucketizer.mad",
            Role::Aggregator(&MAD),
            "1.2.0",
            "bucketizer.mad f<AGGREGATOR>",
            "The median of the distances from the median, and the median position and \
             elevation.",
            &[(on_buckets!("bucketizer.mad"), "[[[0,2]]]")],
        ),
        function(
            "bucketizer.max",
            Role::Aggregator(&MAX),
            "1.0.11",
            "bucketizer.max f<AGGREGATOR>",
            "The point with the greatest value: numbers, texts or booleans. Of equal ones \
             the oldest.",
            &[(on_buckets!("bucketizer.max"), "[[[3,8]]]")],
        ),
        function(
            "bucketizer.mean",
            Role::Aggregator(&MEAN),
            "1.0.11",
            "bucketizer.mean f<AGGREGATOR>",
            "The mean of numbers as a DOUBLE. Position and elevation are the means of \
             those there are.",
            &[(on_buckets!("bucketizer.mean"), "[[[3.0,6.0]]]")],
        ),
        word(
            "bucketizer.mean.circular",
            |vm| period(vm, &CIRCULAR),
            "1.0.11",
            "circumference<NUMBER> bucketizer.mean.circular f<AGGREGATOR>",
            "The mean of numbers on a circle of the given circumference. Position and \
             elevation are the means of those there are.",
            &[(on_buckets!("360 bucketizer.mean.circular"), "[[[3.0,6.0]]]")],
        ),
        function(
            "bucketizer.median",
            Role::Aggregator(&MEDIAN),
            "1.0.11",
            "bucketizer.median f<AGGREGATOR>",
            "The median of numbers as a DOUBLE, at the middle of the positions and \
             elevations of the one or two points it comes from.",
            &[(on_buckets!("bucketizer.median"), "[[[3.0,6.0]]]")],
        ),
        function(
            "bucketizer.min",
            Role::Aggregator(&MIN),
            "1.0.11",
            "bucketizer.min f<AGGREGATOR>",
            "The point with the least value: numbers, texts or booleans. Of equal ones the \
             oldest.",
            &[(on_buckets!("bucketizer.min"), "[[[3,4]]]")],
        ),
        function(
            "bucketizer.or",
            Role::Aggregator(&OR),
            "1.0.11",
            "bucketizer.or f<AGGREGATOR>",
            "Whether any value is true. Position and elevation are those of the newest \
             point that has a value.",
            &[(on_buckets!("bucketizer.or"), "[[[false,false]]]")],
        ),
        word(
            "bucketizer.percentile",
            |vm| percentile(vm, &PERCENTILE),
            "1.0.11",
            "percentile<NUMBER> bucketizer.percentile f<AGGREGATOR>",
            "The percentile of numbers. The definition is one of the nine of Hyndman and \
             Fan, 'type1' to 'type9'; without it 'type1', which answers with one of the \
             points.",
            &[(on_buckets!("50 bucketizer.percentile"), "[[[3,4]]]")],
        ),
        function(
            "bucketizer.rms",
            Role::Aggregator(&RMS),
            "1.2.18",
            "bucketizer.rms f<AGGREGATOR>",
            "The root mean square of numbers; of longs cut to a LONG. Position and \
             elevation are those of the newest point.",
            &[(on_buckets!("bucketizer.rms"), "[[[3,6]]]")],
        ),
        word(
            "bucketizer.sd",
            |vm| bessel(vm, &SD),
            "2.3.0",
            "corrected<BOOLEAN> bucketizer.sd f<AGGREGATOR>",
            "The standard deviation of numbers, with Bessel's correction if wanted. \
             Position and elevation are those of the newest point.",
            &[(on_buckets!("true bucketizer.sd"), "[[[0.0,2.8284271247461903]]]")],
        ),
        word(
            "bucketizer.sd.welford",
            |vm| bessel(vm, &SD_WELFORD),
            "2.9.0",
            "corrected<BOOLEAN> bucketizer.sd.welford f<AGGREGATOR>",
            "The standard deviation of numbers by Welford's algorithm, with Bessel's \
             correction if wanted.",
            &[(on_buckets!("true bucketizer.sd.welford"), "[[[0.0,2.8284271247461903]]]")],
        ),
        function(
            "bucketizer.sum",
            Role::Aggregator(&SUM),
            "1.0.11",
            "bucketizer.sum f<AGGREGATOR>",
            "The sum of numbers, of the type of the first. Position and elevation are \
             those of the newest point.",
            &[(on_buckets!("bucketizer.sum"), "[[[3,12]]]")],
        ),
        word(
            "bucketizer.var",
            |vm| bessel(vm, &VAR),
            "2.9.0",
            "corrected<BOOLEAN> bucketizer.var f<AGGREGATOR>",
            "The variance of numbers, with Bessel's correction if wanted. Position and \
             elevation are those of the newest point.",
            &[(on_buckets!("true bucketizer.var"), "[[[0.0,8.0]]]")],
        ),
        word(
            "bucketizer.var.welford",
            |vm| bessel(vm, &VAR_WELFORD),
            "2.9.0",
            "corrected<BOOLEAN> bucketizer.var.welford f<AGGREGATOR>",
            "The variance of numbers by Welford's algorithm, with Bessel's correction if \
             wanted.",
            &[(on_buckets!("true bucketizer.var.welford"), "[[[0.0,8.0]]]")],
        ),
    ],
};
