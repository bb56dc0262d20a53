//! The reducers.

use super::*;
use crate::registry::{Family, function, word};

/// A script that reduces two series which have a tick in common.
macro_rules! on_reduce {
    ($reducer:literal) => {
        concat!(
            "[ [ [ 1 2 ] [ ] [ ] [ ] [ 4 8 ] MAKEGTS { 'k' 'a' } RELABEL ",
            "[ 2 3 ] [ ] [ ] [ ] [ 6 1 ] MAKEGTS { 'k' 'b' } RELABEL ] [ ] ",
            $reducer,
            " ] REDUCE VALUES"
        )
    };
}

pub(in super::super) static FAMILY: Family = Family {
    name: "reducers",
    words: &[
        function(
            "reducer.and",
            Role::Aggregator(&AND),
            "1.0.11",
            "reducer.and f<AGGREGATOR>",
            "Whether all values are true. Position and elevation are those of the newest \
             point that has a value. Nothing when a value is missing.",
            &[(on_reduce!("reducer.and"), "[[[false]]]")],
        ),
        function(
            "reducer.and.exclude-nulls",
            Role::Aggregator(&AND_SKIP),
            "1.0.11",
            "reducer.and.exclude-nulls f<AGGREGATOR>",
            "Whether all values are true. Position and elevation are those of the newest \
             point that has a value. Missing values are left out.",
            &[(on_reduce!("reducer.and.exclude-nulls"), "[[[false,false,false]]]")],
        ),
        word(
            "reducer.argmax",
            |vm| label(vm, &ARGMAX),
            "1.0.11",
            "label<STRING> count<LONG> reducer.argmax f<AGGREGATOR>",
            "The values of a label of the series whose value is the greatest, \
             percent-encoded and joined by commas; at most as many as given, 0 for all.",
            &[(on_reduce!("'k' 0 reducer.argmax"), "[[[\"a\",\"a\",\"b\"]]]")],
        ),
        word(
            "reducer.argmin",
            |vm| label(vm, &ARGMIN),
            "1.0.11",
            "label<STRING> count<LONG> reducer.argmin f<AGGREGATOR>",
            "The values of a label of the series whose value is the least, percent-encoded \
             and joined by commas; at most as many as given, 0 for all.",
            &[(on_reduce!("'k' 0 reducer.argmin"), "[[[\"a\",\"b\",\"b\"]]]")],
        ),
        function(
            "reducer.count",
            Role::Aggregator(&COUNT),
            "1.0.11",
            "reducer.count f<AGGREGATOR>",
            "How many values there are. Position and elevation are those of the newest \
             point. Missing values count too.",
            &[(on_reduce!("reducer.count"), "[[[2,2,2]]]")],
        ),
        function(
            "reducer.count.exclude-nulls",
            Role::Aggregator(&COUNT_SKIP),
            "1.0.11",
            "reducer.count.exclude-nulls f<AGGREGATOR>",
            "How many values there are. Position and elevation are those of the newest \
             point. Missing values are left out.",
            &[(on_reduce!("reducer.count.exclude-nulls"), "[[[1,2,1]]]")],
        ),
        function(
            "reducer.count.include-nulls",
            Role::Aggregator(&COUNT),
            "1.0.11",
            "reducer.count.include-nulls f<AGGREGATOR>",
            "How many values there are. Position and elevation are those of the newest \
             point. Missing values count too.",
            &[(on_reduce!("reducer.count.include-nulls"), "[[[2,2,2]]]")],
        ),
        function(
            "reducer.count.nonnull",
            Role::Aggregator(&COUNT_SKIP),
            "1.0.11",
            "reducer.count.nonnull f<AGGREGATOR>",
            "How many values there are. Position and elevation are those of the newest \
             point. Missing values are left out.",
            &[(on_reduce!("reducer.count.nonnull"), "[[[1,2,1]]]")],
        ),
        word(
            "reducer.join",
            |vm| separator(vm, &JOIN),
            "1.0.11",
            "separator<STRING> reducer.join f<AGGREGATOR>",
            "The values as one text, joined by a separator. Position and elevation are \
             those of the newest point. Missing values are left out.",
            &[(on_reduce!("',' reducer.join"), "[[[\"4\",\"8,6\",\",1\"]]]")],
        ),
        word(
            "reducer.join.forbid-nulls",
            |vm| separator(vm, &JOIN_FORBID),
            "1.0.11",
            "separator<STRING> reducer.join.forbid-nulls f<AGGREGATOR>",
            "The values as one text, joined by a separator. Position and elevation are \
             those of the newest point. Nothing when a value is missing.",
            &[(on_reduce!("',' reducer.join.forbid-nulls"), "[[[\"8,6\"]]]")],
        ),
        word(
            "reducer.join.nonnull",
            |vm| separator(vm, &JOIN_FORBID),
            "1.0.11",
            "separator<STRING> reducer.join.nonnull f<AGGREGATOR>",
            "The values as one text, joined by a separator. Position and elevation are \
             those of the newest point. Nothing when a value is missing.",
            &[(on_reduce!("',' reducer.join.nonnull"), "[[[\"8,6\"]]]")],
        ),
        word(
            "reducer.join.urlencoded",
            |vm| separator(vm, &JOIN_ENCODED),
            "1.0.11",
            "separator<STRING> reducer.join.urlencoded f<AGGREGATOR>",
            "The percent-encoded values as one text, joined by a separator. Nothing when a \
             value is missing.",
            &[(on_reduce!("',' reducer.join.urlencoded"), "[[[\"8,6\"]]]")],
        ),
        function(
            "reducer.mad",
            Role::Aggregator(&MAD),
            "1.2.0",
            "reducer.mad f<AGGREGATOR>",
            "The median of the distances from the median, and the median position and \
             elevation. Missing values are left out.",
            &[(on_reduce!("reducer.mad"), "[[[0,1,0]]]")],
        ),
        function(
            "reducer.max",
            Role::Aggregator(&MAX),
            "1.0.11",
            "reducer.max f<AGGREGATOR>",
            "The point with the greatest value: numbers, texts or booleans. Of equal ones \
             the oldest. Missing values are left out.",
            &[(on_reduce!("reducer.max"), "[[[4,8,1]]]")],
        ),
        function(
            "reducer.max.forbid-nulls",
            Role::Aggregator(&MAX_FORBID),
            "1.0.11",
            "reducer.max.forbid-nulls f<AGGREGATOR>",
            "The point with the greatest value: numbers, texts or booleans. Of equal ones \
             the oldest. Nothing when a value is missing.",
            &[(on_reduce!("reducer.max.forbid-nulls"), "[[[8]]]")],
        ),
        function(
            "reducer.max.nonnull",
            Role::Aggregator(&MAX_FORBID),
            "1.0.11",
            "reducer.max.nonnull f<AGGREGATOR>",
            "The point with the greatest value: numbers, texts or booleans. Of equal ones \
             the oldest. Nothing when a value is missing.",
            &[(on_reduce!("reducer.max.nonnull"), "[[[8]]]")],
        ),
        function(
            "reducer.mean",
            Role::Aggregator(&MEAN),
            "1.0.11",
            "reducer.mean f<AGGREGATOR>",
            "The mean of numbers as a DOUBLE. Position and elevation are the means of \
             those there are. Nothing when a value is missing.",
            &[(on_reduce!("reducer.mean"), "[[[7.0]]]")],
        ),
        word(
            "reducer.mean.circular",
            |vm| period(vm, &CIRCULAR),
            "1.0.11",
            "circumference<NUMBER> reducer.mean.circular f<AGGREGATOR>",
            "The mean of numbers on a circle of the given circumference. Position and \
             elevation are the means of those there are. Nothing when a value is missing.",
            &[(on_reduce!("360 reducer.mean.circular"), "[[[6.999999999999999]]]")],
        ),
        word(
            "reducer.mean.circular.exclude-nulls",
            |vm| period(vm, &CIRCULAR_SKIP),
            "1.0.11",
            "circumference<NUMBER> reducer.mean.circular.exclude-nulls f<AGGREGATOR>",
            "The mean of numbers on a circle of the given circumference. Position and \
             elevation are the means of those there are. Missing values are left out.",
            &[(
                on_reduce!("360 reducer.mean.circular.exclude-nulls"),
                "[[[4.0,6.999999999999999,1.0]]]",
            )],
        ),
        function(
            "reducer.mean.exclude-nulls",
            Role::Aggregator(&MEAN_SKIP),
            "1.0.11",
            "reducer.mean.exclude-nulls f<AGGREGATOR>",
            "The mean of numbers as a DOUBLE. Position and elevation are the means of \
             those there are. Missing values are left out.",
            &[(on_reduce!("reducer.mean.exclude-nulls"), "[[[4.0,7.0,1.0]]]")],
        ),
        function(
            "reducer.median",
            Role::Aggregator(&MEDIAN),
            "1.0.11",
            "reducer.median f<AGGREGATOR>",
            "The median of numbers as a DOUBLE, at the middle of the positions and \
             elevations of the one or two points it comes from. Missing values are left \
             out.",
            &[(on_reduce!("reducer.median"), "[[[4.0,7.0,1.0]]]")],
        ),
        function(
            "reducer.median.forbid-nulls",
            Role::Aggregator(&MEDIAN_FORBID),
            "2.4.0",
            "reducer.median.forbid-nulls f<AGGREGATOR>",
            "The median of numbers as a DOUBLE, at the middle of the positions and \
             elevations of the one or two points it comes from. Fails when a value is \
             missing.",
            &[(
                on_reduce!("reducer.median.forbid-nulls"),
                "!reducer.median.forbid-nulls cannot compute median of null values.",
            )],
        ),
        function(
            "reducer.min",
            Role::Aggregator(&MIN),
            "1.0.11",
            "reducer.min f<AGGREGATOR>",
            "The point with the least value: numbers, texts or booleans. Of equal ones the \
             oldest. Missing values are left out.",
            &[(on_reduce!("reducer.min"), "[[[4,6,1]]]")],
        ),
        function(
            "reducer.min.forbid-nulls",
            Role::Aggregator(&MIN_FORBID),
            "1.0.11",
            "reducer.min.forbid-nulls f<AGGREGATOR>",
            "The point with the least value: numbers, texts or booleans. Of equal ones the \
             oldest. Nothing when a value is missing.",
            &[(on_reduce!("reducer.min.forbid-nulls"), "[[[6]]]")],
        ),
        function(
            "reducer.min.nonnull",
            Role::Aggregator(&MIN_FORBID),
            "1.0.11",
            "reducer.min.nonnull f<AGGREGATOR>",
            "The point with the least value: numbers, texts or booleans. Of equal ones the \
             oldest. Nothing when a value is missing.",
            &[(on_reduce!("reducer.min.nonnull"), "[[[6]]]")],
        ),
        function(
            "reducer.or",
            Role::Aggregator(&OR),
            "1.0.11",
            "reducer.or f<AGGREGATOR>",
            "Whether any value is true. Position and elevation are those of the newest \
             point that has a value. Nothing when a value is missing.",
            &[(on_reduce!("reducer.or"), "[[[false]]]")],
        ),
        function(
            "reducer.or.exclude-nulls",
            Role::Aggregator(&OR_SKIP),
            "1.0.11",
            "reducer.or.exclude-nulls f<AGGREGATOR>",
            "Whether any value is true. Position and elevation are those of the newest \
             point that has a value. Missing values are left out.",
            &[(on_reduce!("reducer.or.exclude-nulls"), "[[[false,false,false]]]")],
        ),
        word(
            "reducer.percentile",
            |vm| percentile(vm, &PERCENTILE),
            "1.0.11",
            "percentile<NUMBER> reducer.percentile f<AGGREGATOR>",
            "The percentile of numbers. The definition is one of the nine of Hyndman and \
             Fan, 'type1' to 'type9'; without it 'type1', which answers with one of the \
             points. Missing values are left out.",
            &[(on_reduce!("50 reducer.percentile"), "[[[4,6,1]]]")],
        ),
        word(
            "reducer.percentile.forbid-nulls",
            |vm| percentile(vm, &PERCENTILE_FORBID),
            "2.4.0",
            "percentile<NUMBER> reducer.percentile.forbid-nulls f<AGGREGATOR>",
            "The percentile of numbers. The definition is one of the nine of Hyndman and \
             Fan, 'type1' to 'type9'; without it 'type1', which answers with one of the \
             points. Fails when a value is missing.",
            &[(
                on_reduce!("50 reducer.percentile.forbid-nulls"),
                "!reducer.percentile.forbid-nulls cannot compute percentile of null values.",
            )],
        ),
        function(
            "reducer.product",
            Role::Aggregator(&PRODUCT),
            "1.0.11",
            "reducer.product f<AGGREGATOR>",
            "The product of numbers: a LONG of longs, otherwise a DOUBLE.",
            &[(on_reduce!("reducer.product"), "[[[4,48,1]]]")],
        ),
        function(
            "reducer.rms",
            Role::Aggregator(&RMS),
            "1.2.18",
            "reducer.rms f<AGGREGATOR>",
            "The root mean square of numbers; of longs cut to a LONG. Position and \
             elevation are those of the newest point. Nothing when a value is missing.",
            &[(on_reduce!("reducer.rms"), "[[[7]]]")],
        ),
        function(
            "reducer.rms.exclude-nulls",
            Role::Aggregator(&RMS_SKIP),
            "1.2.18",
            "reducer.rms.exclude-nulls f<AGGREGATOR>",
            "The root mean square of numbers; of longs cut to a LONG. Position and \
             elevation are those of the newest point. Missing values are left out.",
            &[(on_reduce!("reducer.rms.exclude-nulls"), "[[[4,7,1]]]")],
        ),
        word(
            "reducer.sd",
            |vm| bessel(vm, &SD),
            "1.0.11",
            "corrected<BOOLEAN> reducer.sd f<AGGREGATOR>",
            "The standard deviation of numbers, with Bessel's correction if wanted. \
             Position and elevation are those of the newest point. Missing values are left \
             out.",
            &[(on_reduce!("true reducer.sd"), "[[[0.0,1.4142135623730951,0.0]]]")],
        ),
        word(
            "reducer.sd.forbid-nulls",
            |vm| bessel(vm, &SD_FORBID),
            "1.0.11",
            "corrected<BOOLEAN> reducer.sd.forbid-nulls f<AGGREGATOR>",
            "The standard deviation of numbers, with Bessel's correction if wanted. \
             Position and elevation are those of the newest point. Nothing when a value is \
             missing.",
            &[(on_reduce!("true reducer.sd.forbid-nulls"), "[[[1.4142135623730951]]]")],
        ),
        word(
            "reducer.sd.welford",
            |vm| bessel(vm, &SD_WELFORD),
            "2.9.0",
            "corrected<BOOLEAN> reducer.sd.welford f<AGGREGATOR>",
            "The standard deviation of numbers by Welford's algorithm, with Bessel's \
             correction if wanted. Missing values are left out.",
            &[(
                on_reduce!("true reducer.sd.welford"),
                "[[[0.0,1.4142135623730951,0.7071067811865476]]]",
            )],
        ),
        word(
            "reducer.sd.welford.forbid-nulls",
            |vm| bessel(vm, &SD_WELFORD_FORBID),
            "2.9.0",
            "corrected<BOOLEAN> reducer.sd.welford.forbid-nulls f<AGGREGATOR>",
            "The standard deviation of numbers by Welford's algorithm, with Bessel's \
             correction if wanted. Nothing when a value is missing.",
            &[(on_reduce!("true reducer.sd.welford.forbid-nulls"), "[[[1.4142135623730951]]]")],
        ),
        function(
            "reducer.shannonentropy.0",
            Role::Aggregator(&ENTROPY),
            "1.0.11",
            "reducer.shannonentropy.0 f<AGGREGATOR>",
            "Shannon's entropy of counts in units of its greatest value. One count alone \
             gives 0.",
            &[(on_reduce!("reducer.shannonentropy.0"), "[[[0.0,0.9852281360342515,0.0]]]")],
        ),
        function(
            "reducer.shannonentropy.1",
            Role::Aggregator(&ENTROPY_1),
            "1.0.11",
            "reducer.shannonentropy.1 f<AGGREGATOR>",
            "Shannon's entropy of counts in units of its greatest value. One count alone \
             gives 1.",
            &[(on_reduce!("reducer.shannonentropy.1"), "[[[1.0,0.9852281360342515,1.0]]]")],
        ),
        function(
            "reducer.sum",
            Role::Aggregator(&SUM),
            "1.0.11",
            "reducer.sum f<AGGREGATOR>",
            "The sum of numbers, of the type of the first. Position and elevation are \
             those of the newest point. Missing values are left out.",
            &[(on_reduce!("reducer.sum"), "[[[4,14,1]]]")],
        ),
        function(
            "reducer.sum.forbid-nulls",
            Role::Aggregator(&SUM_FORBID),
            "1.0.11",
            "reducer.sum.forbid-nulls f<AGGREGATOR>",
            "The sum of numbers, of the type of the first. Position and elevation are \
             those of the newest point. Nothing when a value is missing.",
            &[(on_reduce!("reducer.sum.forbid-nulls"), "[[[14]]]")],
        ),
        function(
            "reducer.sum.nonnull",
            Role::Aggregator(&SUM_FORBID),
            "1.0.11",
            "reducer.sum.nonnull f<AGGREGATOR>",
            "The sum of numbers, of the type of the first. Position and elevation are \
             those of the newest point. Nothing when a value is missing.",
            &[(on_reduce!("reducer.sum.nonnull"), "[[[14]]]")],
        ),
        word(
            "reducer.var",
            |vm| bessel(vm, &VAR),
            "1.0.11",
            "corrected<BOOLEAN> reducer.var f<AGGREGATOR>",
            "The variance of numbers, with Bessel's correction if wanted. Position and \
             elevation are those of the newest point. Missing values are left out.",
            &[(on_reduce!("true reducer.var"), "[[[0.0,2.0,0.0]]]")],
        ),
        word(
            "reducer.var.forbid-nulls",
            |vm| bessel(vm, &VAR_FORBID),
            "1.0.11",
            "corrected<BOOLEAN> reducer.var.forbid-nulls f<AGGREGATOR>",
            "The variance of numbers, with Bessel's correction if wanted. Position and \
             elevation are those of the newest point. Nothing when a value is missing.",
            &[(on_reduce!("true reducer.var.forbid-nulls"), "[[[2.0]]]")],
        ),
        word(
            "reducer.var.welford",
            |vm| bessel(vm, &VAR_WELFORD),
            "2.9.0",
            "corrected<BOOLEAN> reducer.var.welford f<AGGREGATOR>",
            "The variance of numbers by Welford's algorithm, with Bessel's correction if \
             wanted. Missing values are left out.",
            &[(on_reduce!("true reducer.var.welford"), "[[[0.0,2.0,0.5]]]")],
        ),
        word(
            "reducer.var.welford.forbid-nulls",
            |vm| bessel(vm, &VAR_WELFORD_FORBID),
            "2.9.0",
            "corrected<BOOLEAN> reducer.var.welford.forbid-nulls f<AGGREGATOR>",
            "The variance of numbers by Welford's algorithm, with Bessel's correction if \
             wanted. Nothing when a value is missing.",
            &[(on_reduce!("true reducer.var.welford.forbid-nulls"), "[[[2.0]]]")],
        ),
    ],
};
