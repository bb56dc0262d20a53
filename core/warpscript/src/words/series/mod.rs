//! Series and encoders: making them, naming them, reading their points.

mod make;
mod names;
mod read;

use crate::registry::{Family, word};

pub(super) static FAMILY: Family = Family {
    name: "series",
    words: &[
        word(
            "NEWGTS",
            make::new_gts,
            "1.0.0",
            "NEWGTS gts<GTS>",
            "Makes an empty series without a name.",
            &[("NEWGTS SIZE", "[0]")],
        ),
        word(
            "NEWENCODER",
            make::new_encoder,
            "1.2.9",
            "NEWENCODER encoder<GTSENCODER>",
            "Makes an empty encoder: it takes points of any types, in the order in which they come.",
            &[("NEWENCODER TYPEOF", "[\"GTSENCODER\"]")],
        ),
        word(
            "MAKEGTS",
            make::make_gts,
            "1.0.0",
            "ticks<LIST> latitudes<LIST> longitudes<LIST> elevations<LIST> values<LIST> MAKEGTS \
             gts<GTS>",
            "Makes a series from lists of its parts. Where a list ends early, ticks go on by one, \
             positions and elevations are missing, and the last value is repeated. A NULL value \
             makes no point.",
            &[
                ("[ 10 ] [] [] [] [ 1 2 ] MAKEGTS TICKLIST", "[[10,11]]"),
                ("[ 10 20 ] [] [] [] [ 7 ] MAKEGTS VALUES", "[[7,7]]"),
                ("[ 1 ] [] [] [] 7 MAKEGTS", "!expects a list of values"),
            ],
        ),
        word(
            "ADDVALUE",
            make::add_value,
            "1.0.0",
            "gts<GTS> tick<NUMBER> latitude<NUMBER> longitude<NUMBER> elevation<NUMBER> value<ANY> \
             ADDVALUE gts<GTS>
gts<GTS> point<LIST> ADDVALUE gts<GTS>
encoder<GTSENCODER> tick<NUMBER> latitude<NUMBER> longitude<NUMBER> elevation<NUMBER> value<ANY> \
             ADDVALUE encoder<GTSENCODER>",
            "Appends a point; NaN stands for a missing position or elevation. The first value of \
             a series decides its type, later ones are converted. A series or encoder as the value \
             is stored as its wrapped form.",
            &[
                ("NEWGTS 10 NaN NaN NaN 4 ADDVALUE VALUES", "[[4]]"),
                ("NEWGTS [ 10 4 ] ADDVALUE TICKLIST", "[[10]]"),
                ("NEWGTS [ 1 4 ] ADDVALUE [ 2 5.9 ] ADDVALUE VALUES", "[[4,5]]"),
            ],
        ),
        word(
            "SETVALUE",
            make::set_value,
            "1.0.0",
            "gts<GTS> tick<NUMBER> latitude<NUMBER> longitude<NUMBER> elevation<NUMBER> value<ANY> \
             SETVALUE gts<GTS>
gts<GTS> point<LIST> SETVALUE gts<GTS>",
            "Replaces the first point at the tick, or appends one when there is none.",
            &[("NEWGTS [ 1 4 ] ADDVALUE 1 NaN NaN NaN 5 SETVALUE VALUES", "[[5]]")],
        ),
        word(
            "CLONEEMPTY",
            make::clone_empty,
            "1.0.0",
            "gts<GTS> CLONEEMPTY gts<GTS>
encoder<GTSENCODER> CLONEEMPTY encoder<GTSENCODER>
list<LIST> CLONEEMPTY list<LIST>",
            "Makes a series with the same name, labels, attributes and buckets, without points.",
            &[("[ 1 ] [] [] [] [ 2 ] MAKEGTS 'a' RENAME CLONEEMPTY DUP NAME SWAP SIZE", "[0,\"a\"]")],
        ),
        word(
            "NAME",
            names::name,
            "1.0.0",
            "gts<GTS> NAME name<STRING>
encoder<GTSENCODER> NAME name<STRING>",
            "Gives the class name.",
            &[("NEWGTS 'a' RENAME NAME", "[\"a\"]"), ("1 NAME", "!expects a Geo Time Series")],
        ),
        word(
            "LABELS",
            names::labels,
            "1.0.0",
            "gts<GTS> LABELS labels<MAP>
encoder<GTSENCODER> LABELS labels<MAP>",
            "Gives a copy of the labels.",
            &[("NEWGTS { 'a' 'b' } RELABEL LABELS", "[{\"a\":\"b\"}]")],
        ),
        word(
            "ATTRIBUTES",
            names::attributes,
            "1.0.0",
            "gts<GTS> ATTRIBUTES attributes<MAP>
encoder<GTSENCODER> ATTRIBUTES attributes<MAP>",
            "Gives a copy of the attributes.",
            &[("NEWGTS { 'a' 'b' } SETATTRIBUTES ATTRIBUTES", "[{\"a\":\"b\"}]")],
        ),
        word(
            "RENAME",
            names::rename,
            "1.0.0",
            "gts<GTS> name<STRING> RENAME gts<GTS>
encoder<GTSENCODER> name<STRING> RENAME encoder<GTSENCODER>
list<LIST> name<STRING> RENAME list<LIST>",
            "Changes the class name. A name that starts with `+` is appended without the sign.",
            &[
                ("NEWGTS 'a' RENAME '+b' RENAME NAME", "[\"ab\"]"),
                ("NEWGTS 1 RENAME", "!expects a STRING name."),
            ],
        ),
        word(
            "RELABEL",
            names::relabel,
            "1.0.0",
            "gts<GTS> labels<MAP> RELABEL gts<GTS>
encoder<GTSENCODER> labels<MAP> RELABEL encoder<GTSENCODER>
list<LIST> labels<MAP> RELABEL list<LIST>",
            "Sets labels. An empty or NULL value takes a label away; a NULL key takes all away \
             first.",
            &[
                ("NEWGTS { 'a' 'b' } RELABEL { 'a' '' } RELABEL LABELS", "[{}]"),
                ("NEWGTS { 'a' 'b' } RELABEL { NULL NULL 'c' 'd' } RELABEL LABELS", "[{\"c\":\"d\"}]"),
            ],
        ),
        word(
            "SETATTRIBUTES",
            names::set_attributes,
            "1.0.0",
            "gts<GTS> attributes<MAP> SETATTRIBUTES gts<GTS>
encoder<GTSENCODER> attributes<MAP> SETATTRIBUTES encoder<GTSENCODER>
list<LIST> attributes<MAP> SETATTRIBUTES list<LIST>",
            "Sets attributes, by the rules of RELABEL.",
            &[("NEWGTS { 'a' 'b' } SETATTRIBUTES { 'a' NULL } SETATTRIBUTES ATTRIBUTES", "[{}]")],
        ),
        word(
            "TOSELECTOR",
            names::to_selector,
            "1.0.0",
            "gts<GTS> TOSELECTOR selector<STRING>
encoder<GTSENCODER> TOSELECTOR selector<STRING>
list<LIST> TOSELECTOR selectors<LIST>",
            "Gives the selector that means exactly this series.",
            &[("NEWGTS 'a b' RENAME { 'l' 'm' } RELABEL TOSELECTOR", "[\"a%20b{l=m}\"]")],
        ),
        word(
            "LASTACTIVITY",
            names::last_activity,
            "2.0.0",
            "gts<GTS> LASTACTIVITY tick<LONG>
encoder<GTSENCODER> LASTACTIVITY tick<LONG>",
            "Gives when the series was last written to or changed, in time units; 0 when that is \
             not known.",
            &[("NEWGTS LASTACTIVITY", "[0]")],
        ),
        word(
            "SIZE",
            read::size,
            "1.0.0",
            "x<ANY> SIZE size<LONG>",
            "Gives how many there are: entries of a map, items of a list or set, points of a series \
             or encoder, UTF-16 units of a string, bytes, cells of a shape, statements of a macro.",
            &[("[ 1 2 ] SIZE", "[2]"), ("'a🎈' SIZE", "[3]"), ("1 SIZE", "!operates on")],
        ),
        word(
            "TICKS",
            read::ticks,
            "1.0.0",
            "gts<GTS> TICKS ticks<LIST>
series<LIST> TICKS ticks<LIST>",
            "Gives the ticks of one or several series, each once, in order.",
            &[("[ 2 1 2 ] [] [] [] [ 1 ] MAKEGTS TICKS", "[[1,2]]")],
        ),
        word(
            "TICKLIST",
            read::tick_list,
            "1.0.0",
            "gts<GTS> TICKLIST ticks<LIST>
encoder<GTSENCODER> TICKLIST ticks<LIST>
list<LIST> TICKLIST lists<LIST>",
            "Gives the ticks of the points, in the order of the points.",
            &[("[ 2 1 2 ] [] [] [] [ 1 ] MAKEGTS TICKLIST", "[[2,1,2]]")],
        ),
        word(
            "VALUES",
            read::values,
            "1.0.0",
            "gts<GTS> VALUES values<LIST>
encoder<GTSENCODER> VALUES values<LIST>
list<LIST> VALUES lists<LIST>",
            "Gives the values of the points, in the order of the points.",
            &[("[ 1 2 ] [] [] [] [ 'a' 'b' ] MAKEGTS VALUES", "[[\"a\",\"b\"]]")],
        ),
        word(
            "LOCATIONS",
            read::locations,
            "1.0.0",
            "gts<GTS> LOCATIONS latitudes<LIST> longitudes<LIST>",
            "Gives the latitudes and longitudes of the points, NaN where there is none.",
            &[("NEWGTS [ 1 0 ] ADDVALUE LOCATIONS", "[[NaN],[NaN]]")],
        ),
        word(
            "LOCSTRINGS",
            read::location_strings,
            "1.0.0",
            "gts<GTS> LOCSTRINGS locations<LIST>",
            "Sorts the points by their ticks, and gives their positions as HHCodes of sixteen \
             hexadecimal digits, empty where there is none.",
            &[
                (
                    "NEWGTS 2 1.5 2.5 NaN 0 ADDVALUE [ 1 0 ] ADDVALUE LOCSTRINGS",
                    "[[\"\",\"c009581d09581d09\"]]",
                ),
                ("1 LOCSTRINGS", "!expects a Geo Time Series on top of the stack."),
            ],
        ),
        word(
            "ELEVATIONS",
            read::elevations,
            "1.0.0",
            "gts<GTS> ELEVATIONS elevations<LIST>
series<LIST> ELEVATIONS lists<LIST>",
            "Gives the elevations of the points, NaN where there is none.",
            &[("NEWGTS [ 1 7 0 ] ADDVALUE [ 2 0 ] ADDVALUE ELEVATIONS", "[[7,NaN]]")],
        ),
        word(
            "FIRSTTICK",
            read::first_tick,
            "1.0.0",
            "gts<GTS> FIRSTTICK tick<LONG>
series<LIST> FIRSTTICK tick<LONG>",
            "Gives the oldest tick of one or several series; of a bucketised series that of its \
             first bucket, filled or not. Without points: the largest LONG.",
            &[("[ 5 -7 ] [] [] [] [ 1 ] MAKEGTS FIRSTTICK", "[-7]")],
        ),
        word(
            "LASTTICK",
            read::last_tick,
            "1.0.0",
            "gts<GTS> LASTTICK tick<LONG>
series<LIST> LASTTICK tick<LONG>",
            "Gives the newest tick of one or several series; of a bucketised series that of its \
             last bucket, filled or not. Without points: the smallest LONG.",
            &[("[ 5 -7 ] [] [] [] [ 1 ] MAKEGTS LASTTICK", "[5]")],
        ),
        word(
            "LASTBUCKET",
            read::last_bucket,
            "1.0.0",
            "gts<GTS> LASTBUCKET tick<LONG>",
            "Gives the end of the last bucket; 0 for a series that is not bucketised.",
            &[("NEWGTS LASTBUCKET", "[0]")],
        ),
        word(
            "BUCKETCOUNT",
            read::bucket_count,
            "1.0.0",
            "gts<GTS> BUCKETCOUNT count<LONG>",
            "Gives how many buckets there are; 0 for a series that is not bucketised.",
            &[("NEWGTS BUCKETCOUNT", "[0]")],
        ),
        word(
            "BUCKETSPAN",
            read::bucket_span,
            "1.0.0",
            "gts<GTS> BUCKETSPAN span<LONG>",
            "Gives the width of a bucket in time units; 0 for a series that is not bucketised.",
            &[("NEWGTS BUCKETSPAN", "[0]")],
        ),
        word(
            "ATINDEX",
            read::at_index,
            "1.0.0",
            "gts<GTS> index<NUMBER> ATINDEX point<LIST>
series<LIST> index<NUMBER> ATINDEX points<LIST>",
            "Gives the point at an index as `[ tick latitude longitude elevation value ]`. Negative \
             indices count from the end.",
            &[
                ("[ 1 2 ] [] [] [] [ 'a' 'b' ] MAKEGTS -1 ATINDEX", "[[2,NaN,NaN,NaN,\"b\"]]"),
                ("NEWGTS 0 ATINDEX", "!Index out of bound, 0 >= 0"),
            ],
        ),
        word(
            "ATTICK",
            read::at_tick,
            "1.0.0",
            "gts<GTS> tick<NUMBER> ATTICK point<LIST>
series<LIST> tick<NUMBER> ATTICK points<LIST>",
            "Sorts the series and gives a point at the tick as ATINDEX does; a point of NaN and NULL \
             when there is none.",
            &[
                ("[ 1 2 ] [] [] [] [ 'a' 'b' ] MAKEGTS 2 ATTICK", "[[2,NaN,NaN,NaN,\"b\"]]"),
                ("NEWGTS 2 ATTICK", "[[NaN,NaN,NaN,NaN,null]]"),
            ],
        ),
    ],
};
