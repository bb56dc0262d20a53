//! Rearranging series: sorting, merging, splitting, cutting, thinning out.

mod chunk;
mod clip;
pub(super) mod dedup;
mod fill;
mod merge;
mod motion;
mod pivot;
mod shape;
mod sort;
mod split;
mod values;

pub(crate) use sort::sort_by_value;

use crate::registry::{Extension, Family, word};

pub(super) static FAMILY: Family = Family {
    name: "manip",
    words: &[
        word(
            "SORT",
            sort::sort,
            "1.0.0",
            "gts<GTS> SORT gts<GTS>
series<LIST> SORT series<LIST>",
            "Sorts the points of series by tick, oldest first, in place.",
            &[
                ("[ 2 1 ] [] [] [] [ 'b' 'a' ] MAKEGTS SORT VALUES", "[[\"a\",\"b\"]]"),
                ("1 SORT", "!can only operate on"),
            ],
        ),
        word(
            "RSORT",
            sort::sort,
            "1.0.0",
            "gts<GTS> RSORT gts<GTS>
series<LIST> RSORT series<LIST>",
            "Sorts the points of series by tick, newest first, in place.",
            &[("[ 1 2 ] [] [] [] [ 'a' 'b' ] MAKEGTS RSORT VALUES", "[[\"b\",\"a\"]]")],
        ),
        word(
            "VALUESORT",
            sort::value_sort,
            "1.0.0",
            "gts<GTS> VALUESORT gts<GTS>
series<LIST> VALUESORT series<LIST>",
            "Sorts the points of series by value, those of one value by tick, in place.",
            &[("[ 1 2 3 ] [] [] [] [ 7 5 7 ] MAKEGTS VALUESORT TICKLIST", "[[2,1,3]]")],
        ),
        word(
            "RVALUESORT",
            sort::value_sort,
            "1.0.0",
            "gts<GTS> RVALUESORT gts<GTS>
series<LIST> RVALUESORT series<LIST>",
            "Sorts the points of series by value, largest first, those of one value newest \
             first, in place.",
            &[("[ 1 2 3 ] [] [] [] [ 7 5 7 ] MAKEGTS RVALUESORT TICKLIST", "[[3,1,2]]")],
        ),
        word(
            "LASTSORT",
            sort::last_sort,
            "1.0.0",
            "series<LIST> LASTSORT series<LIST>",
            "Sorts a list of series by their newest value, in place; series with the same one \
             newest first, then by name. Empty series come last. The points of the series are \
             sorted newest first.",
            &[(
                "[ NEWGTS 'a' RENAME [ 1 2 ] ADDVALUE NEWGTS 'b' RENAME [ 1 1 ] ADDVALUE ] LASTSORT <% NAME %> F LMAP",
                "[[\"b\",\"a\"]]",
            )],
        ),
        word(
            "METASORT",
            sort::meta_sort,
            "1.0.0",
            "series<LIST> fields<LIST> METASORT series<LIST>
series<LIST> fields<LIST> attributes<BOOLEAN> METASORT series<LIST>",
            "Sorts a list of series by labels, in place. A NULL field is the class name, an \
             empty list sorts by name, labels and attributes. With `true`, attributes stand in \
             for labels that are missing.",
            &[(
                "[ NEWGTS 'b' RENAME NEWGTS 'a' RENAME ] [ NULL ] METASORT <% NAME %> F LMAP",
                "[[\"a\",\"b\"]]",
            )],
        ),
        word(
            "DEDUP",
            dedup::dedup,
            "1.0.0",
            "gts<GTS> DEDUP gts<GTS>
list<LIST> DEDUP list<LIST>
gts<GTS> mapper<ANY> DEDUP gts<GTS>
list<LIST> mapper<ANY> DEDUP list<LIST>",
            "Keeps of points with one tick the last one, in their order; with a mapper or macro \
             what that makes of them, oldest first.",
            &[
                ("[ 2 1 2 ] [] [] [] [ 'a' 'b' 'c' ] MAKEGTS DEDUP VALUES", "[[\"b\",\"c\"]]"),
                ("[ 2 1 2 ] [] [] [] [ 3 4 5 ] MAKEGTS mapper.sum DEDUP VALUES", "[[4,8]]"),
            ],
        ),
        word(
            "VALUEDEDUP",
            dedup::value_dedup,
            "1.0.0",
            "gts<GTS> first<BOOLEAN> VALUEDEDUP gts<GTS>
series<LIST> first<BOOLEAN> VALUEDEDUP series<LIST>",
            "Sorts series by value and keeps of each value the oldest point, or the newest with \
             `false`.",
            &[("[ 1 2 3 ] [] [] [] [ 7 5 7 ] MAKEGTS true VALUEDEDUP TICKLIST", "[[2,1]]")],
        ),
        word(
            "COMPACT",
            dedup::compact,
            "1.0.0",
            "gts<GTS> COMPACT gts<GTS>
series<LIST> COMPACT series<LIST>",
            "Leaves out points that repeat position, elevation and value of the one before. The \
             last point stays.",
            &[("[ 1 2 3 4 ] [] [] [] [ 7 7 8 8 ] MAKEGTS COMPACT TICKLIST", "[[1,3,4]]")],
        ),
        word(
            "RANGECOMPACT",
            dedup::compact,
            "1.0.0",
            "gts<GTS> RANGECOMPACT gts<GTS>
series<LIST> RANGECOMPACT series<LIST>",
            "Keeps the first and last point of each run of points with one position, elevation \
             and value.",
            &[("[ 1 2 3 4 ] [] [] [] [ 7 7 7 8 ] MAKEGTS RANGECOMPACT TICKLIST", "[[1,3,4]]")],
        ),
        word(
            "MERGE",
            merge::merge,
            "1.0.0",
            "list<LIST> MERGE gts<GTS>
list<LIST> MERGE encoder<GTSENCODER>
list<LIST> reversed<BOOLEAN> MERGE encoder<GTSENCODER>",
            "Appends the points of series, or of encoders, under the name of the first. The \
             first value decides the type of a series. With a flag, inputs must be sorted, \
             newest first for `true`, and are merged in that order into an encoder.",
            &[("[ NEWGTS [ 2 1 ] ADDVALUE NEWGTS [ 1 7.9 ] ADDVALUE ] MERGE VALUES", "[[1,7]]")],
        ),
        word(
            "FUSE",
            merge::fuse,
            "1.0.0",
            "series<LIST> FUSE gts<GTS>",
            "Appends the points of series of one type. The name and the labels that all agree \
             on stay, and buckets that fit together.",
            &[
                ("[ NEWGTS [ 2 1 ] ADDVALUE NEWGTS [ 1 7 ] ADDVALUE ] FUSE TICKLIST", "[[2,1]]"),
                (
                    "[ NEWGTS [ 2 1 ] ADDVALUE NEWGTS [ 1 'x' ] ADDVALUE ] FUSE",
                    "!Inconsistent types",
                ),
            ],
        ),
        word(
            "SHRINK",
            clip::shrink,
            "1.0.0",
            "gts<GTS> size<LONG> SHRINK gts<GTS>
list<LIST> size<LONG> SHRINK list<LIST>",
            "Cuts larger series to so many of their oldest points, or newest with a negative \
             size, in place.",
            &[("[ 1 2 3 ] [] [] [] [ 7 ] MAKEGTS -2 SHRINK TICKLIST", "[[3,2]]")],
        ),
        word(
            "TIMESHIFT",
            clip::time_shift,
            "1.0.0",
            "gts<GTS> offset<LONG> TIMESHIFT gts<GTS>
series<LIST> offset<LONG> TIMESHIFT series<LIST>",
            "Adds an offset to all ticks, and to the buckets.",
            &[("[ 1 2 ] [] [] [] [ 7 ] MAKEGTS 10 TIMESHIFT TICKLIST", "[[11,12]]")],
        ),
        word(
            "TIMESCALE",
            clip::time_scale,
            "1.0.0",
            "gts<GTS> scale<NUMBER> TIMESCALE gts<GTS>
series<LIST> scale<NUMBER> TIMESCALE series<LIST>",
            "Multiplies all ticks.",
            &[("[ 1 2 ] [] [] [] [ 7 ] MAKEGTS 1.5 TIMESCALE TICKLIST", "[[1,3]]")],
        ),
        word(
            "TIMECLIP",
            clip::time_clip,
            "1.0.0",
            "gts<GTS> end<LONG> span<LONG> TIMECLIP gts<GTS>
gts<GTS> end<STRING> start<STRING> TIMECLIP gts<GTS>
encoder<GTSENCODER> end<LONG> span<LONG> TIMECLIP encoder<GTSENCODER>
list<LIST> end<LONG> span<LONG> TIMECLIP list<LIST>",
            "Keeps the points of a span of time that ends at a tick, or between two ISO 8601 \
             instants.",
            &[
                ("[ 1 2 3 ] [] [] [] [ 7 ] MAKEGTS 3 2 TIMECLIP TICKLIST", "[[2,3]]"),
                (
                    "NEWGTS [ 1000000 7 ] ADDVALUE '1970-01-01T00:00:02Z' '1970-01-01T00:00:01Z' TIMECLIP SIZE",
                    "[1]",
                ),
            ],
        ),
        word(
            "CLIP",
            clip::clip,
            "1.2.0",
            "gts<GTS> limits<LIST> CLIP series<LIST>
encoder<GTSENCODER> limits<LIST> CLIP encoders<LIST>
list<LIST> limits<LIST> CLIP lists<LIST>",
            "Makes one series for each pair of ticks, of the points between them, both \
             included.",
            &[(
                "[ 1 2 3 ] [] [] [] [ 7 ] MAKEGTS [ [ 2 3 ] [ 9 10 ] ] CLIP <% TICKLIST %> F LMAP",
                "[[[2,3],[]]]",
            )],
        ),
        word(
            "CROP",
            clip::crop,
            "1.0.0",
            "gts<GTS> CROP gts<GTS>
series<LIST> CROP series<LIST>",
            "Takes away the empty buckets at both ends of bucketised series.",
            &[("NEWGTS [ 1 7 ] ADDVALUE CROP TICKLIST", "[[1]]")],
        ),
        word(
            "ONLYBUCKETS",
            clip::only_buckets,
            "1.0.0",
            "gts<GTS> ONLYBUCKETS gts<GTS>
series<LIST> ONLYBUCKETS series<LIST>",
            "Takes the points that are no buckets out of bucketised series.",
            &[("NEWGTS [ 1 7 ] ADDVALUE ONLYBUCKETS TICKLIST", "[[1]]")],
        ),
        word(
            "REMOVETICK",
            clip::remove_tick,
            "1.2.19",
            "gts<GTS> tick<LONG> REMOVETICK gts<GTS>
gts<GTS> ticks<LIST> REMOVETICK gts<GTS>
gts<GTS> ticks<SET> REMOVETICK gts<GTS>",
            "Leaves out the points at one tick or several.",
            &[("[ 1 2 3 ] [] [] [] [ 7 ] MAKEGTS [ 1 3 ] REMOVETICK TICKLIST", "[[2]]")],
        ),
        word(
            "EMPTY",
            merge::choose_empty,
            "1.2.5",
            "series<LIST> EMPTY empty<LIST>",
            "Gives the series of a list, and of the lists in it, that have no points.",
            &[(
                "[ NEWGTS 'a' RENAME NEWGTS [ 1 7 ] ADDVALUE ] EMPTY <% NAME %> F LMAP",
                "[[\"a\"]]",
            )],
        ),
        word(
            "NONEMPTY",
            merge::choose_empty,
            "1.0.0",
            "series<LIST> NONEMPTY filled<LIST>",
            "Gives the series of a list, and of the lists in it, that have points.",
            &[(
                "[ NEWGTS NEWGTS 'b' RENAME [ 1 7 ] ADDVALUE ] NONEMPTY <% NAME %> F LMAP",
                "[[\"b\"]]",
            )],
        ),
        word(
            "COMMONTICKS",
            merge::common_ticks,
            "1.0.0",
            "series<LIST> COMMONTICKS series<LIST>",
            "Sorts series and keeps the points at ticks that all of them have.",
            &[(
                "[ [ 1 2 3 ] [] [] [] [ 7 ] MAKEGTS [ 3 2 ] [] [] [] [ 7 ] MAKEGTS ] COMMONTICKS <% TICKLIST %> F LMAP",
                "[[[2,3],[2,3]]]",
            )],
        ),
        word(
            "CHUNK",
            chunk::chunk,
            "1.0.0",
            "gts<GTS> last<LONG> width<LONG> overlap<LONG> count<LONG> label<STRING> \
             empty<BOOLEAN> CHUNK chunks<LIST>
encoder<GTSENCODER> last<LONG> width<LONG> overlap<LONG> count<LONG> \
             label<STRING> empty<BOOLEAN> CHUNK chunks<LIST>
list<LIST> last<LONG> width<LONG> overlap<LONG> count<LONG> label<STRING> \
             empty<BOOLEAN> CHUNK lists<LIST>",
            "Cuts by time into pieces of one width. The newest ends at `last`, or behind the \
             newest point for 0; 0 pieces are as many as it takes. Each takes points of its \
             neighbours as far as `overlap` says, and its end in a label. The flag keeps empty \
             pieces.",
            &[(
                "[ 1 2 3 ] [] [] [] [ 7 ] MAKEGTS 3 2 0 0 'end' false CHUNK <% DUP LABELS 'end' GET SWAP TICKLIST 2 ->LIST %> F LMAP",
                "[[[\"1\",[1]],[\"3\",[3,2]]]]",
            )],
        ),
        word(
            "CHUNKENCODER",
            chunk::chunk,
            "1.2.9",
            "encoder<GTSENCODER> last<LONG> width<LONG> overlap<LONG> count<LONG> label<STRING> \
             empty<BOOLEAN> CHUNKENCODER chunks<LIST>",
            "CHUNK of an encoder.",
            &[
                (
                    "NEWENCODER 1 NaN NaN NaN 7 ADDVALUE 3 2 0 0 'end' false CHUNKENCODER SIZE",
                    "[1]",
                ),
                ("1 3 2 0 0 'end' false CHUNKENCODER", "!operates on an encoder instance."),
            ],
        )
        .of(Extension::Legacy),
        word(
            "TIMESPLIT",
            split::time_split,
            "1.0.0",
            "gts<GTS> quiet<LONG> least<LONG> label<STRING> TIMESPLIT parts<LIST>
series<LIST> quiet<LONG> least<LONG> label<STRING> TIMESPLIT lists<LIST>",
            "Splits series where there is no point for so long, leaves out parts with fewer \
             points than `least`, and numbers the others in a label.",
            &[(
                "[ 1 2 9 ] [] [] [] [ 7 ] MAKEGTS 5 1 'n' TIMESPLIT <% TICKLIST %> F LMAP",
                "[[[1,2],[9]]]",
            )],
        ),
        word(
            "TIMEMODULO",
            split::time_modulo,
            "1.0.0",
            "gts<GTS> modulo<LONG> label<STRING> TIMEMODULO parts<LIST>
series<LIST> modulo<LONG> label<STRING> TIMEMODULO lists<LIST>",
            "Splits series by the quotient of ticks, which goes into a label, and keeps the \
             remainders as ticks.",
            &[(
                "[ 1 12 ] [] [] [] [ 7 ] MAKEGTS 10 'q' TIMEMODULO <% DUP LABELS 'q' GET SWAP TICKLIST 2 ->LIST %> F LMAP",
                "[[[\"0\",[1]],[\"1\",[2]]]]",
            )],
        ),
        word(
            "VALUESPLIT",
            split::value_split,
            "1.0.0",
            "gts<GTS> label<STRING> VALUESPLIT parts<LIST>
series<LIST> label<STRING> VALUESPLIT lists<LIST>",
            "Sorts series by value and makes one of each value, which goes into a label.",
            &[(
                "[ 1 2 3 ] [] [] [] [ 7 5 7 ] MAKEGTS 'v' VALUESPLIT <% DUP LABELS 'v' GET SWAP TICKLIST 2 ->LIST %> F LMAP",
                "[[[\"5\",[2]],[\"7\",[1,3]]]]",
            )],
        ),
        word(
            "PIVOT",
            pivot::pivot,
            "2.2.0",
            "list<LIST> labeling<LIST> PIVOT series<LIST>",
            "Splits series by the values of labeling series at the same ticks. Each labeling \
             series gives a label of its name; points at ticks that it does not have go \
             without.",
            &[(
                "[ [ 1 2 ] [] [] [] [ 7 ] MAKEGTS ] [ NEWGTS 'l' RENAME [ 1 'x' ] ADDVALUE ] PIVOT <% SIZE %> F LMAP",
                "[[1,1]]",
            )],
        ),
        word(
            "PIVOTSTRICT",
            pivot::pivot,
            "2.2.0",
            "list<LIST> labeling<LIST> PIVOTSTRICT series<LIST>",
            "Splits like PIVOT, leaving out the ticks that one of the labeling series does not \
             have.",
            &[(
                "[ [ 1 2 ] [] [] [] [ 7 ] MAKEGTS ] [ NEWGTS 'l' RENAME [ 1 'x' ] ADDVALUE ] PIVOTSTRICT <% TOSELECTOR %> F LMAP",
                "[[\"{l=x}\"]]",
            )],
        ),
        word(
            "RESETS",
            values::resets,
            "1.0.0",
            "gts<GTS> decreasing<BOOLEAN> RESETS gts<GTS>
series<LIST> decreasing<BOOLEAN> RESETS series<LIST>",
            "Takes the resets out of counters: where one jumps back, all that follows is raised \
             by the value before. `true` is for counters that count down.",
            &[("[ 1 2 3 ] [] [] [] [ 5 7 1 ] MAKEGTS false RESETS VALUES", "[[5,7,8]]")],
        ),
        word(
            "MONOTONIC",
            values::monotonic,
            "1.0.0",
            "gts<GTS> decreasing<BOOLEAN> MONOTONIC gts<GTS>
series<LIST> decreasing<BOOLEAN> MONOTONIC series<LIST>",
            "Replaces each value by the largest up to it, or the smallest with `true`.",
            &[("[ 1 2 3 ] [] [] [] [ 5 3 7 ] MAKEGTS false MONOTONIC VALUES", "[[5,5,7]]")],
        ),
        word(
            "QUANTIZE",
            values::quantize,
            "1.0.0",
            "gts<GTS> bounds<LIST> values<LIST> QUANTIZE gts<GTS>
series<LIST> bounds<LIST> values<LIST> QUANTIZE series<LIST>",
            "Replaces numbers by the value of the range that they are in; bounds are the upper \
             ends of ranges, the last one is open. Without values ranges are numbered.",
            &[(
                "[ 1 2 3 ] [] [] [] [ 1 5 9 ] MAKEGTS [ 1 7 ] [ 'a' 'b' 'c' ] QUANTIZE VALUES",
                "[[\"a\",\"b\",\"c\"]]",
            )],
        ),
        word(
            "INTEGRATE",
            values::integrate,
            "1.0.0",
            "gts<GTS> initial<NUMBER> INTEGRATE gts<GTS>
series<LIST> initial<NUMBER> INTEGRATE series<LIST>",
            "Takes values as rates per second that hold until the next point, and sums them up.",
            &[("[ 0 1000000 ] [] [] [] [ 5 7 ] MAKEGTS 1 INTEGRATE VALUES", "[[1.0,6.0]]")],
        ),
        word(
            "INTERPOLATE",
            values::interpolate,
            "1.0.0",
            "gts<GTS> INTERPOLATE gts<GTS>
series<LIST> INTERPOLATE series<LIST>",
            "Fills the empty buckets between two points of bucketised numeric series, and \
             missing positions and elevations, on straight lines.",
            &[("NEWGTS [ 1 7 ] ADDVALUE INTERPOLATE TICKLIST", "[[1]]")],
        ),
        word(
            "LOCATIONOFFSET",
            motion::location_offset,
            "1.0.0",
            "gts<GTS> distance<NUMBER> LOCATIONOFFSET gts<GTS>
series<LIST> distance<NUMBER> LOCATIONOFFSET series<LIST>",
            "Keeps points that are at least so many metres from the one kept before, and the \
             two ends.",
            &[(
                "[ 1 2 3 ] [ 0.0 0.0 1.0 ] [ 0.0 0.0 0.0 ] [] [ 7 ] MAKEGTS 10 LOCATIONOFFSET TICKLIST",
                "[[1,3]]",
            )],
        ),
        word(
            "COPYGEO",
            motion::copy_geo,
            "1.0.0",
            "gts<GTS> places<GTS> COPYGEO gts<GTS>
series<LIST> places<GTS> COPYGEO series<LIST>",
            "Copies position and elevation from a series to the points of others at the same \
             ticks, in place.",
            &[("NEWGTS [ 1 7 ] ADDVALUE NEWGTS [ 1 99 8 ] ADDVALUE COPYGEO ELEVATIONS", "[[99]]")],
        ),
        word(
            "MOTIONSPLIT",
            motion::motion_split,
            "2.3.0",
            "gts<GTS> parameters<MAP> MOTIONSPLIT parts<LIST>
series<LIST> parameters<MAP> MOTIONSPLIT lists<LIST>",
            "Splits series of positions after a pause (`timesplit`), a jump (`distance.split`, \
             metres) or a stop: longer than `stopped.min.time` within `stopped.max.radius`, no \
             faster than `stopped.max.speed` and `stopped.max.mean.speed` (metres a second). \
             `stopped.split` sets stops apart. `label.split.number`, `label.split.type` and \
             `label.stopped.time` name labels.",
            &[(
                "[ 1 2 9 ] [] [] [] [ 7 ] MAKEGTS { 'timesplit' 5 } MOTIONSPLIT <% TICKLIST %> F LMAP",
                "[[[1,2],[9]]]",
            )],
        ),
        word(
            "LTTB",
            shape::lttb,
            "1.0.11",
            "gts<GTS> count<LONG> LTTB gts<GTS>
series<LIST> count<LONG> LTTB series<LIST>",
            "Thins numeric series out to so many points that look much the same: of ranges of \
             equally many points it keeps the one that makes the largest triangle.",
            &[
                ("[ 1 2 3 4 5 ] [] [] [] [ 1 1 9 1 1 ] MAKEGTS 3 LTTB TICKLIST", "[[1,3,5]]"),
                ("[ 1 2 3 4 5 ] [] [] [] [ 1 ] MAKEGTS 1 LTTB", "!Threshold MUST be >= 3."),
            ],
        ),
        word(
            "TLTTB",
            shape::lttb,
            "1.0.11",
            "gts<GTS> count<LONG> TLTTB gts<GTS>
series<LIST> count<LONG> TLTTB series<LIST>",
            "Thins numeric series out like LTTB, of ranges of equal length in time.",
            &[("[ 1 2 3 4 5 ] [] [] [] [ 1 1 9 1 1 ] MAKEGTS 3 TLTTB TICKLIST", "[[1,3,4,5]]")],
        ),
        word(
            "LOWERHULL",
            shape::hull,
            "3.4.0",
            "gts<GTS> LOWERHULL gts<GTS>
series<LIST> LOWERHULL series<LIST>",
            "Keeps the points of the lower half of the convex hull of numeric series.",
            &[("[ 0 1 2 ] [] [] [] [ 0 5 0 ] MAKEGTS LOWERHULL TICKLIST", "[[0,2]]")],
        ),
        word(
            "UPPERHULL",
            shape::hull,
            "3.4.0",
            "gts<GTS> UPPERHULL gts<GTS>
series<LIST> UPPERHULL series<LIST>",
            "Keeps the points of the upper half of the convex hull of numeric series.",
            &[("[ 0 1 2 ] [] [] [] [ 0 -5 0 ] MAKEGTS UPPERHULL TICKLIST", "[[0,2]]")],
        ),
        word(
            "FILLPREVIOUS",
            fill::fill_from_side,
            "1.0.0",
            "gts<GTS> FILLPREVIOUS gts<GTS>
series<LIST> FILLPREVIOUS series<LIST>",
            "Fills empty buckets with the last point before them.",
            &[("NEWGTS [ 1 7 ] ADDVALUE FILLPREVIOUS TICKLIST", "[[1]]")],
        ),
        word(
            "FILLNEXT",
            fill::fill_from_side,
            "1.0.0",
            "gts<GTS> FILLNEXT gts<GTS>
series<LIST> FILLNEXT series<LIST>",
            "Fills empty buckets with the first point after them.",
            &[("NEWGTS [ 1 7 ] ADDVALUE FILLNEXT TICKLIST", "[[1]]")],
        ),
        word(
            "FILLVALUE",
            fill::fill_value,
            "1.0.0",
            "gts<GTS> point<LIST> FILLVALUE gts<GTS>
series<LIST> point<LIST> FILLVALUE series<LIST>",
            "Fills empty buckets with a value at a position: `[ latitude longitude elevation \
             value ]`.",
            &[("NEWGTS [ 1 7 ] ADDVALUE [ NaN NaN NaN 0 ] FILLVALUE TICKLIST", "[[1]]")],
        ),
        word(
            "FILLTICKS",
            fill::fill_ticks,
            "1.0.0",
            "gts<GTS> point<LIST> FILLTICKS gts<GTS>
series<LIST> point<LIST> FILLTICKS series<LIST>",
            "Adds points at given ticks to series without buckets: `[ latitude longitude \
             elevation value ticks ]`.",
            &[(
                "NEWGTS [ 1 7 ] ADDVALUE [ NaN NaN NaN 0 [ 5 3 ] ] FILLTICKS TICKLIST",
                "[[1,3,5]]",
            )],
        ),
        word(
            "TICKINDEX",
            fill::tick_index,
            "1.0.0",
            "gts<GTS> TICKINDEX gts<GTS>
encoder<GTSENCODER> TICKINDEX encoder<GTSENCODER>
list<LIST> TICKINDEX list<LIST>",
            "Replaces ticks by the index of each point.",
            &[("[ 7 5 ] [] [] [] [ 1 ] MAKEGTS TICKINDEX TICKLIST", "[[0,1]]")],
        ),
    ],
};
