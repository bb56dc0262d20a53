//! The words of the frameworks.

use super::{apply, bucketize, calendar, map, partition, reduce, wrap};
use crate::registry::{Family, word};

pub(in super::super) static FAMILY: Family = Family {
    name: "frameworks",
    words: &[
        word(
            "APPLY",
            apply::apply,
            "1.0.0",
            "[ series<LIST> labels<LIST> operation<AGGREGATOR> validator<MACRO> ] APPLY result<LIST>",
            "Runs an operation over the values that series of several collections have at one \
             tick, for each class of series that have the values of some labels in common (all \
             labels when the list is NULL). A collection of one series belongs to every class. \
             The validator, if there is one, gets the series of a class by collection and their \
             common labels and says whether the class is worked on.",
            &[(
                "[ [ [ 1 2 ] [ ] [ ] [ ] [ 4 8 ] MAKEGTS ] [ ] 5 ] APPLY",
                "!expects an operation in the parameter list.",
            )],
        ),
        word(
            "ATBUCKET",
            bucketize::at_bucket,
            "1.0.0",
            "series<GTS> index<LONG> ATBUCKET point<LIST>",
            "The tick, latitude, longitude, elevation and value in a bucket of a bucketised \
             series; 0 is the oldest one. NaN and NULL when nothing is in it.",
            &[(
                "[ [ 1 2 3 ] [ ] [ ] [ ] [ 4 8 3 ] MAKEGTS bucketizer.sum 4 2 2 ] BUCKETIZE 0 GET \
                 0 ATBUCKET",
                "[[2,NaN,NaN,NaN,12]]",
            )],
        ),
        word(
            "BUCKETIZE",
            bucketize::bucketize,
            "1.0.0",
            "[ series<GTS> bucketizer<AGGREGATOR> last<LONG> span<LONG> count<LONG> ] BUCKETIZE \
             result<LIST>",
            "Reduces the points of equal stretches of time to one, at the end of the stretch. \
             `last` is the end of the newest bucket, 0 for the newest tick; `span` is their \
             width, 0 to have `count` buckets cover all points; `count` says how many there are, \
             0 for as many as it takes. A macro gets the points as a series and leaves tick, \
             latitude, longitude, elevation and value, or the same as a list. NULL in place of \
             the bucketizer sets the buckets and leaves the points alone.",
            &[(
                "[ [ 1 2 3 ] [ ] [ ] [ ] [ 4 8 3 ] MAKEGTS bucketizer.sum 4 2 2 ] BUCKETIZE \
                 0 GET DUP TICKLIST SWAP VALUES",
                "[[3,12],[4,2]]",
            )],
        ),
        word(
            "BUCKETIZE.CALENDAR",
            calendar::bucketize_calendar,
            "2.5.0",
            "[ series<GTS> bucketizer<AGGREGATOR> last<LONG> duration<STRING> count<LONG> \
             zone<STRING> ] BUCKETIZE.CALENDAR result<LIST>",
            "Reduces the points of calendar durations (`P1M`, `P1D`) to one. `last` is the end of \
             the newest bucket; `count` limits how many buckets are filled, 0 does not. Ticks of \
             the result number the durations since 1970; attributes keep duration, offset and time \
             zone for UNBUCKETIZE.CALENDAR.",
            &[(
                "[ [ 1 2678400000000 ] [ ] [ ] [ ] [ 4 8 ] MAKEGTS bucketizer.sum 2678400000001 \
                 'P1M' 0 ] BUCKETIZE.CALENDAR 0 GET DUP TICKLIST SWAP VALUES",
                "[[4,8],[0,1]]",
            )],
        ),
        word(
            "MACROBUCKETIZER",
            wrap::macro_aggregator,
            "1.0.0",
            "macro<MACRO> MACROBUCKETIZER f<AGGREGATOR>",
            "Makes a bucketizer of a macro. See MACROMAPPER.",
            &[(
                "[ [ 1 2 3 ] [ ] [ ] [ ] [ 4 8 3 ] MAKEGTS <% 7 GET SIZE 1 ->LIST %> \
                 MACROBUCKETIZER 4 2 2 ] BUCKETIZE VALUES",
                "[[[1,2]]]",
            )],
        ),
        word(
            "MACROMAPPER",
            wrap::macro_aggregator,
            "1.0.0",
            "macro<MACRO> MACROMAPPER f<AGGREGATOR>",
            "Makes a mapper of a macro, which is also a bucketizer and a reducer. The macro gets \
             a list: the tick of the output, names, labels, ticks, latitudes, longitudes, \
             elevations and values. It leaves tick, latitude, longitude, elevation and value, the \
             same as a list, or a map of such lists by the name of a series.",
            &[(
                "[ [ 1 2 3 ] [ ] [ ] [ ] [ 4 8 3 ] MAKEGTS <% 7 GET SIZE 1 ->LIST %> MACROMAPPER \
                 1 1 0 ] MAP VALUES",
                "[[[2,3,2]]]",
            )],
        ),
        word(
            "MACROREDUCER",
            wrap::macro_aggregator,
            "1.0.0",
            "macro<MACRO> MACROREDUCER f<AGGREGATOR>",
            "Makes a reducer of a macro. See MACROMAPPER.",
            &[(
                "[ [ [ 1 2 ] [ ] [ ] [ ] [ 4 8 ] MAKEGTS ] [ ] <% 7 GET 0 GET 1 ->LIST %> \
                 MACROREDUCER ] REDUCE VALUES",
                "[[[4,8]]]",
            )],
        ),
        word(
            "MAP",
            map::map,
            "1.0.0",
            "[ series<GTS> mapper<AGGREGATOR> pre<LONG> post<LONG> occurrences<LONG> step<LONG> \
             override<BOOLEAN> ] MAP result<LIST>\n\
             series<GTS> parameters<MAP> MAP result<LIST>\n\
             series<LIST> parameters<MAP> MAP result<LIST>",
            "Runs a mapper or a macro over a window that slides along each series, tick by tick \
             or, in bucketised series, bucket by bucket, and makes a series of what it answers.\n\
             The window reaches `pre` points before the tick and `post` points after it; negative \
             numbers are time units. `occurrences` limits how many ticks are visited; a negative \
             number starts at the newest. A sorted list of ticks in its place gives the ticks of \
             the result. `step` leaves ticks out; with `override` results stand at the tick that \
             the mapper says.\n\
             A macro gets the window as a series and leaves tick, latitude, longitude, elevation \
             and value, the same as a list, or a map of such lists by name, which makes several \
             series.",
            &[
                (
                    "[ [ 1 2 ] [ ] [ ] [ ] [ 10 20 ] MAKEGTS mapper.sum 1 0 0 ] MAP VALUES",
                    "[[[10,30]]]",
                ),
                (
                    "[ 1 2 ] [ ] [ ] [ ] [ 10 20 ] MAKEGTS \
                     { 'mapper' <% SIZE 1 ->LIST %> 'post' 1 } MAP VALUES",
                    "[[[2,1]]]",
                ),
                ("[ NEWGTS 5 0 0 ] MAP", "!expects a mapper function or a macro"),
            ],
        ),
        word(
            "PAPPLY",
            apply::papply,
            "1.0.0",
            "[ series<LIST> labels<LIST> operation<AGGREGATOR> validator<MACRO> ] PAPPLY \
             result<MAP>",
            "As APPLY, with the results by the labels that the series of a class have in common.",
            &[("[ [ ] [ ] 5 ] PAPPLY", "!expects an operation in the parameter list.")],
        ),
        word(
            "PARTITION",
            partition::partition_by,
            "1.0.0",
            "series<LIST> labels<LIST> PARTITION classes<MAP>",
            "Puts series into classes that have the values of some labels in common (all labels \
             when the list is NULL): a map from all labels that the series of a class have in \
             common to these series.",
            &[(
                "[ NEWGTS { 'a' '1' 'b' '2' } RELABEL NEWGTS { 'a' '1' 'b' '2' } RELABEL ] \
                 [ 'a' ] PARTITION KEYLIST",
                "[[{\"a\":\"1\",\"b\":\"2\"}]]",
            )],
        ),
        word(
            "PREDUCE",
            reduce::preduce,
            "1.0.5",
            "[ series<LIST> labels<LIST> reducer<AGGREGATOR> override<BOOLEAN> ] PREDUCE \
             result<MAP>",
            "As REDUCE, with the results by the labels that the series of a class have in common.",
            &[("[ [ [ 1 2 ] [ ] [ ] [ ] [ 4 8 ] MAKEGTS ] [ ] reducer.sum ] PREDUCE SIZE", "[1]")],
        ),
        word(
            "REDUCE",
            reduce::reduce,
            "1.0.0",
            "[ series<LIST> labels<LIST> reducer<AGGREGATOR> override<BOOLEAN> ] REDUCE \
             result<LIST>",
            "Reduces the values that the series of one class have at one tick to one value. A \
             class is made of series that have the values of some labels in common (all labels \
             when the list is NULL). With `override` results stand at the tick that the reducer \
             says.",
            &[(
                "[ [ [ 1 2 ] [ ] [ ] [ ] [ 4 8 ] MAKEGTS [ 2 3 ] [ ] [ ] [ ] [ 6 1 ] MAKEGTS ] [ ] \
                 reducer.sum ] REDUCE VALUES",
                "[[[4,14,1]]]",
            )],
        ),
        word(
            "STRICTMAPPER",
            wrap::strict_mapper,
            "1.0.0",
            "mapper<AGGREGATOR> min<LONG> max<LONG> STRICTMAPPER f<AGGREGATOR>\n\
             macro<MACRO> min<LONG> max<LONG> STRICTMAPPER f<MACRO>",
            "Makes a mapper that makes no point when the window has fewer or more points than \
             given. A negative bound is one of the time that the window spans, 0 is none.",
            &[(
                "[ [ 1 2 3 ] [ ] [ ] [ ] [ 4 8 3 ] MAKEGTS mapper.sum 2 2 STRICTMAPPER 1 0 0 ] MAP \
                 VALUES",
                "[[[12,11]]]",
            )],
        ),
        word(
            "STRICTPARTITION",
            partition::strict_partition,
            "1.0.0",
            "series<LIST> labels<LIST> STRICTPARTITION classes<MAP>",
            "As PARTITION, with none but the given labels in the keys.",
            &[(
                "[ NEWGTS { 'a' '1' 'b' '2' } RELABEL NEWGTS { 'a' '1' 'b' '2' } RELABEL ] \
                 [ 'a' ] STRICTPARTITION KEYLIST",
                "[[{\"a\":\"1\"}]]",
            )],
        ),
        word(
            "STRICTREDUCER",
            wrap::strict_reducer,
            "1.0.6",
            "reducer<AGGREGATOR> STRICTREDUCER f<AGGREGATOR>",
            "Makes a reducer that makes no point where a value is missing.",
            &[(
                "[ [ [ 1 2 ] [ ] [ ] [ ] [ 4 8 ] MAKEGTS [ 2 3 ] [ ] [ ] [ ] [ 6 1 ] MAKEGTS ] [ ] \
                 reducer.sum STRICTREDUCER ] REDUCE VALUES",
                "[[[14]]]",
            )],
        ),
        word(
            "UNBUCKETIZE",
            bucketize::unbucketize,
            "1.0.0",
            "series<GTS> UNBUCKETIZE series<GTS>\nseries<LIST> UNBUCKETIZE series<LIST>",
            "Forgets the buckets of a series; the points stay.",
            &[(
                "[ [ 1 2 3 ] [ ] [ ] [ ] [ 4 8 3 ] MAKEGTS NULL 4 2 2 ] BUCKETIZE 0 GET \
                 UNBUCKETIZE BUCKETCOUNT",
                "[0]",
            )],
        ),
        word(
            "UNBUCKETIZE.CALENDAR",
            calendar::unbucketize_calendar,
            "2.5.0",
            "series<GTS> UNBUCKETIZE.CALENDAR result<GTS>\n\
             series<LIST> UNBUCKETIZE.CALENDAR result<LIST>",
            "Gives the points of a series that BUCKETIZE.CALENDAR made the ticks at the ends of \
             their buckets.",
            &[(
                "[ [ 1 2678400000000 ] [ ] [ ] [ ] [ 4 8 ] MAKEGTS bucketizer.sum 2678400000001 \
                 'P1M' 0 ] BUCKETIZE.CALENDAR UNBUCKETIZE.CALENDAR 0 GET TICKLIST",
                "[[1,2678400000001]]",
            )],
        ),
        word(
            "max.tick.sliding.window",
            |vm| vm.push(i64::MAX / 2),
            "1.0.0",
            "max.tick.sliding.window count<LONG>",
            "The widest window by count of points.",
            &[("max.tick.sliding.window", "[4611686018427387903]")],
        ),
        word(
            "max.time.sliding.window",
            |vm| vm.push(i64::MIN / 2),
            "1.0.0",
            "max.time.sliding.window duration<LONG>",
            "The widest window by time, as MAP takes it.",
            &[("max.time.sliding.window", "[-4611686018427387904]")],
        ),
    ],
};
