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
            &[("NEWENCODER SIZE", "[0]")],
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
            &[("MAKEGTS", "!Empty stack.")],
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
            &[("NEWGTS 10 NaN NaN NaN 4 ADDVALUE SIZE", "[1]")],
        ),
        word(
            "SETVALUE",
            make::set_value,
            "1.0.0",
            "gts<GTS> tick<NUMBER> latitude<NUMBER> longitude<NUMBER> elevation<NUMBER> value<ANY> \
             SETVALUE gts<GTS>
gts<GTS> point<LIST> SETVALUE gts<GTS>",
            "Replaces the first point at the tick, or appends one when there is none.",
            &[("NEWGTS 1 NaN NaN NaN 4 ADDVALUE 1 NaN NaN NaN 5 SETVALUE SIZE", "[1]")],
        ),
        word(
            "CLONEEMPTY",
            make::clone_empty,
            "1.0.0",
            "gts<GTS> CLONEEMPTY gts<GTS>
encoder<GTSENCODER> CLONEEMPTY encoder<GTSENCODER>
list<LIST> CLONEEMPTY list<LIST>",
            "Makes a series with the same name, labels, attributes and buckets, without points.",
            &[("NEWGTS 1 NaN NaN NaN 4 ADDVALUE 'a' RENAME CLONEEMPTY DUP NAME SWAP SIZE", "[0,\"a\"]")],
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
            &[("NEWGTS LABELS", "[{}]")],
        ),
        word(
            "ATTRIBUTES",
            names::attributes,
            "1.0.0",
            "gts<GTS> ATTRIBUTES attributes<MAP>
encoder<GTSENCODER> ATTRIBUTES attributes<MAP>",
            "Gives a copy of the attributes.",
            &[("NEWGTS ATTRIBUTES", "[{}]")],
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
            &[("NEWGTS 1 RELABEL", "!expects a map")],
        ),
        word(
            "SETATTRIBUTES",
            names::set_attributes,
            "1.0.0",
            "gts<GTS> attributes<MAP> SETATTRIBUTES gts<GTS>
encoder<GTSENCODER> attributes<MAP> SETATTRIBUTES encoder<GTSENCODER>
list<LIST> attributes<MAP> SETATTRIBUTES list<LIST>",
            "Sets attributes, by the rules of RELABEL.",
            &[("NEWGTS 1 SETATTRIBUTES", "!expects a map")],
        ),
        word(
            "TOSELECTOR",
            names::to_selector,
            "1.0.0",
            "gts<GTS> TOSELECTOR selector<STRING>
encoder<GTSENCODER> TOSELECTOR selector<STRING>
list<LIST> TOSELECTOR selectors<LIST>",
            "Gives the selector that means exactly this series.",
            &[("NEWGTS 'a b' RENAME TOSELECTOR", "[\"a%20b{}\"]")],
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
            &[("'a🎈' SIZE", "[3]"), ("1 SIZE", "!operates on")],
        ),
        word(
            "TICKS",
            read::ticks,
            "1.0.0",
            "gts<GTS> TICKS ticks<LIST>
series<LIST> TICKS ticks<LIST>",
            "Gives the ticks of one or several series, each once, in order.",
            &[("NEWGTS TICKS", "[[]]")],
        ),
        word(
            "TICKLIST",
            read::tick_list,
            "1.0.0",
            "gts<GTS> TICKLIST ticks<LIST>
encoder<GTSENCODER> TICKLIST ticks<LIST>
list<LIST> TICKLIST lists<LIST>",
            "Gives the ticks of the points, in the order of the points.",
            &[("NEWGTS TICKLIST", "[[]]")],
        ),
        word(
            "VALUES",
            read::values,
            "1.0.0",
            "gts<GTS> VALUES values<LIST>
encoder<GTSENCODER> VALUES values<LIST>
list<LIST> VALUES lists<LIST>",
            "Gives the values of the points, in the order of the points.",
            &[("NEWGTS VALUES", "[[]]")],
        ),
        word(
            "LOCATIONS",
            read::locations,
            "1.0.0",
            "gts<GTS> LOCATIONS latitudes<LIST> longitudes<LIST>",
            "Gives the latitudes and longitudes of the points, NaN where there is none.",
            &[("NEWGTS LOCATIONS", "[[],[]]")],
        ),
        word(
            "ELEVATIONS",
            read::elevations,
            "1.0.0",
            "gts<GTS> ELEVATIONS elevations<LIST>
series<LIST> ELEVATIONS lists<LIST>",
            "Gives the elevations of the points, NaN where there is none.",
            &[("NEWGTS ELEVATIONS", "[[]]")],
        ),
        word(
            "FIRSTTICK",
            read::first_tick,
            "1.0.0",
            "gts<GTS> FIRSTTICK tick<LONG>
series<LIST> FIRSTTICK tick<LONG>",
            "Gives the oldest tick of one or several series; of a bucketised series that of its \
             first bucket, filled or not. Without points: the largest LONG.",
            &[("NEWGTS 5 NaN NaN NaN 1 ADDVALUE FIRSTTICK", "[5]")],
        ),
        word(
            "LASTTICK",
            read::last_tick,
            "1.0.0",
            "gts<GTS> LASTTICK tick<LONG>
series<LIST> LASTTICK tick<LONG>",
            "Gives the newest tick of one or several series; of a bucketised series that of its \
             last bucket, filled or not. Without points: the smallest LONG.",
            &[("NEWGTS 5 NaN NaN NaN 1 ADDVALUE LASTTICK", "[5]")],
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
            &[("NEWGTS 0 ATINDEX", "!Index out of bound, 0 >= 0")],
        ),
        word(
            "ATTICK",
            read::at_tick,
            "1.0.0",
            "gts<GTS> tick<NUMBER> ATTICK point<LIST>
series<LIST> tick<NUMBER> ATTICK points<LIST>",
            "Sorts the series and gives a point at the tick as ATINDEX does; a point of NaN and NULL \
             when there is none.",
            &[("NEWGTS 2 ATTICK", "[[NaN,NaN,NaN,NaN,null]]")],
        ),
    ],
};
