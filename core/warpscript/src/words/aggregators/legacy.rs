//! Mappers and bucketizers under names that they had before 3.0: those said what becomes of missing
//! values, which neither ever sees.

use super::*;
use crate::registry::{Extension, Family, function, word};

pub(in super::super) static FAMILY: Family = Family {
    name: "legacy aggregators",
    words: &[
        function(
            "bucketizer.count.exclude-nulls",
            Role::Aggregator(&COUNT_SKIP),
            "1.0.11",
            "bucketizer.count.exclude-nulls f<AGGREGATOR>",
            "What is called bucketizer.count since 3.0.",
            &[(on_buckets!("bucketizer.count.exclude-nulls"), "[[[1,2]]]")],
        )
        .of(Extension::Legacy),
        function(
            "bucketizer.count.include-nulls",
            Role::Aggregator(&COUNT),
            "1.0.11",
            "bucketizer.count.include-nulls f<AGGREGATOR>",
            "What is called bucketizer.count since 3.0.",
            &[(on_buckets!("bucketizer.count.include-nulls"), "[[[1,2]]]")],
        )
        .of(Extension::Legacy),
        function(
            "bucketizer.count.nonnull",
            Role::Aggregator(&COUNT_SKIP),
            "1.0.11",
            "bucketizer.count.nonnull f<AGGREGATOR>",
            "What is called bucketizer.count since 3.0.",
            &[(on_buckets!("bucketizer.count.nonnull"), "[[[1,2]]]")],
        )
        .of(Extension::Legacy),
        word(
            "bucketizer.join.forbid-nulls",
            |vm| separator(vm, &JOIN_FORBID),
            "1.0.11",
            "separator<STRING> bucketizer.join.forbid-nulls f<AGGREGATOR>",
            "What is called bucketizer.join since 3.0.",
            &[(on_buckets!("',' bucketizer.join.forbid-nulls"), "[[[\"3\",\"4,8\"]]]")],
        )
        .of(Extension::Legacy),
        function(
            "bucketizer.max.forbid-nulls",
            Role::Aggregator(&MAX_FORBID),
            "1.0.11",
            "bucketizer.max.forbid-nulls f<AGGREGATOR>",
            "What is called bucketizer.max since 3.0.",
            &[(on_buckets!("bucketizer.max.forbid-nulls"), "[[[3,8]]]")],
        )
        .of(Extension::Legacy),
        word(
            "bucketizer.mean.circular.exclude-nulls",
            |vm| period(vm, &CIRCULAR_SKIP),
            "1.0.11",
            "circumference<NUMBER> bucketizer.mean.circular.exclude-nulls f<AGGREGATOR>",
            "What is called bucketizer.mean.circular since 3.0.",
            &[(on_buckets!("360 bucketizer.mean.circular.exclude-nulls"), "[[[3.0,6.0]]]")],
        )
        .of(Extension::Legacy),
        function(
            "bucketizer.mean.exclude-nulls",
            Role::Aggregator(&MEAN_SKIP),
            "1.0.11",
            "bucketizer.mean.exclude-nulls f<AGGREGATOR>",
            "What is called bucketizer.mean since 3.0.",
            &[(on_buckets!("bucketizer.mean.exclude-nulls"), "[[[3.0,6.0]]]")],
        )
        .of(Extension::Legacy),
        function(
            "bucketizer.median.forbid-nulls",
            Role::Aggregator(&MEDIAN_FORBID),
            "2.4.0",
            "bucketizer.median.forbid-nulls f<AGGREGATOR>",
            "What is called bucketizer.median since 3.0.",
            &[(on_buckets!("bucketizer.median.forbid-nulls"), "[[[3.0,6.0]]]")],
        )
        .of(Extension::Legacy),
        function(
            "bucketizer.min.forbid-nulls",
            Role::Aggregator(&MIN_FORBID),
            "1.0.11",
            "bucketizer.min.forbid-nulls f<AGGREGATOR>",
            "What is called bucketizer.min since 3.0.",
            &[(on_buckets!("bucketizer.min.forbid-nulls"), "[[[3,4]]]")],
        )
        .of(Extension::Legacy),
        word(
            "bucketizer.percentile.forbid-nulls",
            |vm| percentile(vm, &PERCENTILE_FORBID),
            "2.4.0",
            "percentile<NUMBER> bucketizer.percentile.forbid-nulls f<AGGREGATOR>",
            "What is called bucketizer.percentile since 3.0.",
            &[(on_buckets!("50 bucketizer.percentile.forbid-nulls"), "[[[3,4]]]")],
        )
        .of(Extension::Legacy),
        word(
            "bucketizer.sd.forbid-nulls",
            |vm| bessel(vm, &SD_FORBID),
            "2.3.0",
            "corrected<BOOLEAN> bucketizer.sd.forbid-nulls f<AGGREGATOR>",
            "What is called bucketizer.sd since 3.0.",
            &[(on_buckets!("true bucketizer.sd.forbid-nulls"), "[[[0.0,2.8284271247461903]]]")],
        )
        .of(Extension::Legacy),
        function(
            "bucketizer.sum.forbid-nulls",
            Role::Aggregator(&SUM_FORBID),
            "1.0.11",
            "bucketizer.sum.forbid-nulls f<AGGREGATOR>",
            "What is called bucketizer.sum since 3.0.",
            &[(on_buckets!("bucketizer.sum.forbid-nulls"), "[[[3,12]]]")],
        )
        .of(Extension::Legacy),
        function(
            "mapper.count.exclude-nulls",
            Role::Aggregator(&COUNT_SKIP),
            "1.0.11",
            "mapper.count.exclude-nulls f<AGGREGATOR>",
            "What is called mapper.count since 3.0.",
            &[(on_map!("mapper.count.exclude-nulls"), "[[[1,2]]]")],
        )
        .of(Extension::Legacy),
        function(
            "mapper.count.include-nulls",
            Role::Aggregator(&COUNT),
            "1.0.11",
            "mapper.count.include-nulls f<AGGREGATOR>",
            "What is called mapper.count since 3.0.",
            &[(on_map!("mapper.count.include-nulls"), "[[[1,2]]]")],
        )
        .of(Extension::Legacy),
        function(
            "mapper.count.nonnull",
            Role::Aggregator(&COUNT_SKIP),
            "1.0.11",
            "mapper.count.nonnull f<AGGREGATOR>",
            "What is called mapper.count since 3.0.",
            &[(on_map!("mapper.count.nonnull"), "[[[1,2]]]")],
        )
        .of(Extension::Legacy),
        word(
            "mapper.join.forbid-nulls",
            |vm| separator(vm, &JOIN_FORBID),
            "1.0.11",
            "separator<STRING> mapper.join.forbid-nulls f<AGGREGATOR>",
            "What is called mapper.join since 3.0.",
            &[(on_map!("',' mapper.join.forbid-nulls"), "[[[\"4\",\"4,8\"]]]")],
        )
        .of(Extension::Legacy),
        function(
            "mapper.max.forbid-nulls",
            Role::Aggregator(&MAX_FORBID),
            "1.0.11",
            "mapper.max.forbid-nulls f<AGGREGATOR>",
            "What is called mapper.max since 3.0.",
            &[(on_map!("mapper.max.forbid-nulls"), "[[[4,8]]]")],
        )
        .of(Extension::Legacy),
        word(
            "mapper.mean.circular.exclude-nulls",
            |vm| period(vm, &CIRCULAR_SKIP),
            "1.0.11",
            "circumference<NUMBER> mapper.mean.circular.exclude-nulls f<AGGREGATOR>",
            "What is called mapper.mean.circular since 3.0.",
            &[(on_map!("360 mapper.mean.circular.exclude-nulls"), "[[[4.0,6.0]]]")],
        )
        .of(Extension::Legacy),
        function(
            "mapper.mean.exclude-nulls",
            Role::Aggregator(&MEAN_SKIP),
            "1.0.11",
            "mapper.mean.exclude-nulls f<AGGREGATOR>",
            "What is called mapper.mean since 3.0.",
            &[(on_map!("mapper.mean.exclude-nulls"), "[[[4.0,6.0]]]")],
        )
        .of(Extension::Legacy),
        function(
            "mapper.median.forbid-nulls",
            Role::Aggregator(&MEDIAN_FORBID),
            "2.4.0",
            "mapper.median.forbid-nulls f<AGGREGATOR>",
            "What is called mapper.median since 3.0.",
            &[(on_map!("mapper.median.forbid-nulls"), "[[[4.0,6.0]]]")],
        )
        .of(Extension::Legacy),
        function(
            "mapper.min.forbid-nulls",
            Role::Aggregator(&MIN_FORBID),
            "1.0.11",
            "mapper.min.forbid-nulls f<AGGREGATOR>",
            "What is called mapper.min since 3.0.",
            &[(on_map!("mapper.min.forbid-nulls"), "[[[4,4]]]")],
        )
        .of(Extension::Legacy),
        word(
            "mapper.percentile.forbid-nulls",
            |vm| percentile(vm, &PERCENTILE_FORBID),
            "2.4.0",
            "percentile<NUMBER> mapper.percentile.forbid-nulls f<AGGREGATOR>",
            "What is called mapper.percentile since 3.0.",
            &[(on_map!("50 mapper.percentile.forbid-nulls"), "[[[4,4]]]")],
        )
        .of(Extension::Legacy),
        word(
            "mapper.sd.forbid-nulls",
            |vm| bessel(vm, &SD_FORBID),
            "1.0.11",
            "corrected<BOOLEAN> mapper.sd.forbid-nulls f<AGGREGATOR>",
            "What is called mapper.sd since 3.0.",
            &[(on_map!("true mapper.sd.forbid-nulls"), "[[[0.0,2.8284271247461903]]]")],
        )
        .of(Extension::Legacy),
        function(
            "mapper.sum.forbid-nulls",
            Role::Aggregator(&SUM_FORBID),
            "1.0.11",
            "mapper.sum.forbid-nulls f<AGGREGATOR>",
            "What is called mapper.sum since 3.0.",
            &[(on_map!("mapper.sum.forbid-nulls"), "[[[4,12]]]")],
        )
        .of(Extension::Legacy),
        word(
            "mapper.var.forbid-nulls",
            |vm| bessel(vm, &VAR_FORBID),
            "1.0.11",
            "corrected<BOOLEAN> mapper.var.forbid-nulls f<AGGREGATOR>",
            "What is called mapper.var since 3.0.",
            &[(on_map!("true mapper.var.forbid-nulls"), "[[[0.0,8.0]]]")],
        )
        .of(Extension::Legacy),
    ],
};
