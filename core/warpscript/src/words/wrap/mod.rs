//! Series and encoders as bytes and back; conversions between the two; multivalues.

mod convert;
mod multivalue;
mod pack;
mod unpack;

pub(crate) use pack::{embedded, wrapped};

use crate::registry::{Family, word};

pub(super) static FAMILY: Family = Family {
    name: "wrap",
    words: &[
        word(
            "WRAP",
            pack::wrap,
            "1.0.0",
            "gts<GTS> WRAP wrapped<STRING>
encoder<GTSENCODER> WRAP wrapped<STRING>
list<LIST> WRAP wrapped<LIST>",
            "Packs a series or encoder into a string that UNWRAP or UNWRAPENCODER reads.",
            &[("NEWGTS 0 NaN NaN NaN 0 ADDVALUE WRAP", "[\"T.7g.0N1..\"]")],
        ),
        word(
            "WRAPOPT",
            pack::wrap,
            "1.2.3",
            "gts<GTS> WRAPOPT wrapped<STRING>
encoder<GTSENCODER> WRAPOPT wrapped<STRING>
list<LIST> WRAPOPT wrapped<LIST>",
            "Packs like WRAP into as little as possible: doubles as decimals, compressed as long \
             as that helps.",
            &[("NEWGTS 0 NaN NaN NaN 0 ADDVALUE WRAPOPT", "[\"T.7g.0N1..\"]")],
        ),
        word(
            "WRAPRAW",
            pack::wrap,
            "1.0.7",
            "gts<GTS> WRAPRAW wrapped<BYTES>
encoder<GTSENCODER> WRAPRAW wrapped<BYTES>
list<LIST> WRAPRAW wrapped<LIST>",
            "Packs like WRAP, into bytes.",
            &[("NEWGTS 0 NaN NaN NaN 0 ADDVALUE WRAPRAW SIZE", "[7]")],
        ),
        word(
            "WRAPRAWOPT",
            pack::wrap,
            "1.2.3",
            "gts<GTS> WRAPRAWOPT wrapped<BYTES>
encoder<GTSENCODER> WRAPRAWOPT wrapped<BYTES>
list<LIST> WRAPRAWOPT wrapped<LIST>",
            "Packs like WRAPOPT, into bytes.",
            &[("NEWGTS 0 NaN NaN NaN 0 ADDVALUE WRAPRAWOPT SIZE", "[7]")],
        ),
        word(
            "WRAPFAST",
            pack::wrap,
            "2.1.0",
            "gts<GTS> WRAPFAST wrapped<BYTES>
encoder<GTSENCODER> WRAPFAST wrapped<BYTES>
list<LIST> WRAPFAST wrapped<LIST>",
            "Packs like WRAPRAW, without compression.",
            &[("NEWGTS 0 NaN NaN NaN 0 ADDVALUE WRAPFAST SIZE", "[7]")],
        ),
        word(
            "WRAPMV",
            pack::wrap,
            "2.1.0",
            "gts<GTS> WRAPMV value<BYTES>
encoder<GTSENCODER> WRAPMV value<BYTES>
list<LIST> WRAPMV values<LIST>",
            "Packs the points alone, without name and labels: a value for a point that holds \
             several values.",
            &[("NEWGTS 0 NaN NaN NaN 0 ADDVALUE WRAPMV SIZE", "[5]")],
        ),
        word(
            "WRAPMV!",
            pack::wrap,
            "2.6.0",
            "gts<GTS> WRAPMV! value<BYTES>
encoder<GTSENCODER> WRAPMV! value<BYTES>
list<LIST> WRAPMV! values<LIST>",
            "Packs like WRAPMV, without compression.",
            &[("NEWGTS 0 NaN NaN NaN 0 ADDVALUE WRAPMV! SIZE", "[5]")],
        ),
        word(
            "GOLDWRAP",
            pack::gold_wrap,
            "2.2.0",
            "x<ANY> GOLDWRAP wrapped<BYTES>
x<ANY> reversed<BOOLEAN> GOLDWRAP wrapped<BYTES>
list<LIST> GOLDWRAP wrapped<LIST>",
            "Sorts the points of a series, encoder or wrapper and packs them so that the same \
             points always give the same bytes. Points of one tick come by type, value, position, \
             elevation.",
            &[("NEWGTS 0 NaN NaN NaN 0 ADDVALUE GOLDWRAP SIZE", "[7]")],
        ),
        word(
            "UNWRAP",
            unpack::unwrap,
            "1.0.0",
            "wrapped<STRING> UNWRAP gts<GTS>
wrapped<BYTES> UNWRAP gts<GTS>
list<LIST> UNWRAP series<LIST>",
            "Unpacks what WRAP and its like packed, as a series of the type of its first point.",
            &[
                ("'T.7g.0N1..' UNWRAP SIZE", "[1]"),
                ("5 UNWRAP", "!operates on a string or byte array"),
            ],
        ),
        word(
            "UNWRAPEMPTY",
            unpack::unwrap_empty,
            "1.2.5",
            "wrapped<STRING> UNWRAPEMPTY gts<GTS>
wrapped<BYTES> UNWRAPEMPTY gts<GTS>
list<LIST> UNWRAPEMPTY series<LIST>",
            "Unpacks name, labels and buckets, without the points.",
            &[("'T.7g.0N1..' UNWRAPEMPTY SIZE", "[0]")],
        ),
        word(
            "UNWRAPSIZE",
            unpack::unwrap_size,
            "1.2.5",
            "wrapped<STRING> UNWRAPSIZE size<LONG>
wrapped<BYTES> UNWRAPSIZE size<LONG>
list<LIST> UNWRAPSIZE sizes<LIST>",
            "Gives how many points a wrapper says that it holds, without unpacking them.",
            &[("'T.7g.0N1..' UNWRAPSIZE", "[1]")],
        ),
        word(
            "UNWRAPENCODER",
            unpack::unwrap_encoder,
            "1.2.9",
            "wrapped<STRING> UNWRAPENCODER encoder<GTSENCODER>
wrapped<BYTES> UNWRAPENCODER encoder<GTSENCODER>",
            "Unpacks a wrapper as an encoder: every point keeps its type.",
            &[("'T.7g.0N1..' UNWRAPENCODER SIZE", "[1]")],
        ),
        word(
            "->ENCODER",
            convert::to_encoder,
            "1.2.9",
            "points<LIST> ->ENCODER encoder<GTSENCODER>",
            "Makes an encoder of a list. An item is a point (`[ tick value ]`, \
             `[ tick elevation value ]`, `[ tick latitude longitude value ]` or all five), or a \
             series or wrapper, whose points are all added.",
            &[("5 ->ENCODER", "!expects a list")],
        ),
        word(
            "ENCODER->",
            convert::encoder_to,
            "1.2.9",
            "encoder<GTSENCODER> ENCODER-> name<STRING> labels<MAP> attributes<MAP> points<LIST>
wrapped<STRING> ENCODER-> name<STRING> labels<MAP> attributes<MAP> points<LIST>
wrapped<BYTES> ENCODER-> name<STRING> labels<MAP> attributes<MAP> points<LIST>",
            "Takes an encoder or wrapper apart. Points are \
             `[ tick latitude longitude elevation value ]`.",
            &[(
                "NEWENCODER 1 NaN NaN NaN 2 ADDVALUE ENCODER->",
                "[[[1,NaN,NaN,NaN,2]],{},{},\"\"]",
            )],
        ),
        word(
            "->ENCODERS",
            convert::to_encoders,
            "2.1.0",
            "encoder<GTSENCODER> ->ENCODERS encoders<MAP>
wrapped<STRING> ->ENCODERS encoders<MAP>
wrapped<BYTES> ->ENCODERS encoders<MAP>",
            "Splits an encoder or wrapper into one encoder for each type: LONG, DOUBLE, BOOLEAN, \
             STRING, BINARY.",
            &[("NEWENCODER ->ENCODERS", "[{}]")],
        ),
        word(
            "->GTS",
            convert::to_gts,
            "1.2.9",
            "encoder<GTSENCODER> ->GTS series<MAP>
list<LIST> ->GTS series<MAP>
encoder<GTSENCODER> types<MAP> ->GTS gts<GTS>
list<LIST> types<MAP> ->GTS series<LIST>",
            "Turns encoders or wrappers into series: one for each type, or, with a map of types to \
             selectors, one of the type whose selector matches first, else of the type of the first \
             point. The type is put into the label `.type`; `label.type` in the map names \
             another label, or none with NULL.",
            &[("NEWENCODER ->GTS", "[{}]")],
        ),
        word(
            "ASENCODERS",
            convert::as_encoders,
            "2.2.0",
            "x<ANY> ASENCODERS encoder<GTSENCODER>
list<LIST> ASENCODERS encoders<LIST>",
            "Turns series and wrappers into encoders; encoders stay as they are.",
            &[("NEWGTS ASENCODERS SIZE", "[0]")],
        ),
        word(
            "OPTIMIZE",
            convert::optimize,
            "1.2.9",
            "gts<GTS> ratio<NUMBER> OPTIMIZE gts<GTS>
encoder<GTSENCODER> ratio<NUMBER> OPTIMIZE encoder<GTSENCODER>
list<LIST> ratio<NUMBER> OPTIMIZE list<LIST>",
            "Gives unused memory of a series or encoder back. The ratio of allocated to used memory \
             from which that pays is for the platform to know: the parameter is checked only.",
            &[("NEWGTS 1.0 OPTIMIZE SIZE", "[0]"), ("'x' 1.0 OPTIMIZE", "!operates on")],
        ),
        word(
            "->MVSTRING",
            multivalue::to_mv_string,
            "2.1.0",
            "x<ANY> ->MVSTRING text<STRING>",
            "Writes the points of a series, encoder or wrapper as a multivalue of the text input \
             format.",
            &[("NEWENCODER 1 NaN NaN NaN 2 ADDVALUE ->MVSTRING", "[\"[! 1/2 ]\"]")],
        ),
        word(
            "MVVALUES",
            multivalue::mv_extract,
            "2.1.0",
            "x<ANY> MVVALUES values<LIST>
list<LIST> MVVALUES lists<LIST>",
            "Gives the values of a series or encoder; those of multivalues as lists.",
            &[("NEWENCODER 1 NaN NaN NaN 2 ADDVALUE MVVALUES", "[[2]]")],
        ),
        word(
            "MVTICKS",
            multivalue::mv_extract,
            "2.1.0",
            "x<ANY> MVTICKS ticks<LIST>
list<LIST> MVTICKS lists<LIST>",
            "Gives the ticks of a series or encoder; those of multivalues as `[ tick ticks ]`.",
            &[("NEWENCODER 1 NaN NaN NaN 2 ADDVALUE MVTICKS", "[[1]]")],
        ),
        word(
            "MVLOCATIONS",
            multivalue::mv_extract,
            "2.1.0",
            "x<ANY> MVLOCATIONS positions<LIST>
list<LIST> MVLOCATIONS lists<LIST>",
            "Gives the positions of a series or encoder as `[ latitude longitude ]`; those of \
             multivalues as `[ position positions ]`.",
            &[("NEWENCODER 1 NaN NaN NaN 2 ADDVALUE MVLOCATIONS", "[[[NaN,NaN]]]")],
        ),
        word(
            "MVELEVATIONS",
            multivalue::mv_extract,
            "2.1.0",
            "x<ANY> MVELEVATIONS elevations<LIST>
list<LIST> MVELEVATIONS lists<LIST>",
            "Gives the elevations of a series or encoder, the smallest LONG where there is none; \
             those of multivalues as `[ elevation elevations ]`.",
            &[("NEWENCODER 1 NaN NaN 7 2 ADDVALUE MVELEVATIONS", "[[7]]")],
        ),
        word(
            "MVHHCODES",
            multivalue::mv_extract,
            "2.1.0",
            "x<ANY> MVHHCODES codes<LIST>
list<LIST> MVHHCODES lists<LIST>",
            "Gives the positions of a series or encoder as HHCodes; those of multivalues as \
             `[ code codes ]`.",
            &[("NEWENCODER 1 NaN NaN 7 2 ADDVALUE MVHHCODES", "[[91480763316633925]]")],
        ),
        word(
            "MVTICKSPLIT",
            multivalue::mv_split,
            "2.1.0",
            "x<ANY> MVTICKSPLIT encoders<LIST>
x<ANY> ticks<LIST> MVTICKSPLIT encoders<LIST>
x<ANY> ticks<LIST> names<MAP> MVTICKSPLIT encoders<LIST>
list<LIST> MVTICKSPLIT encoders<LIST>",
            "Splits multivalues into one encoder for each tick inside them. A list chooses ticks \
             and ranges of ticks, a map renames. A plain value counts as tick 0.",
            &[("NEWENCODER 1 NaN NaN NaN 2 ADDVALUE MVTICKSPLIT SIZE", "[1]")],
        ),
        word(
            "MVINDEXSPLIT",
            multivalue::mv_split,
            "2.1.0",
            "x<ANY> MVINDEXSPLIT encoders<LIST>
x<ANY> indices<LIST> MVINDEXSPLIT encoders<LIST>
x<ANY> indices<LIST> names<MAP> MVINDEXSPLIT encoders<LIST>
list<LIST> MVINDEXSPLIT encoders<LIST>",
            "Splits multivalues into one encoder for each index inside them, as MVTICKSPLIT does \
             by tick.",
            &[("NEWENCODER 1 NaN NaN NaN 2 ADDVALUE MVINDEXSPLIT SIZE", "[1]")],
        ),
        word(
            "PARSEVALUE",
            convert::parse_value,
            "2.1.0",
            "text<STRING> PARSEVALUE value<ANY>",
            "Reads a value of the text input format.",
            &[
                ("'T' PARSEVALUE", "[true]"),
                ("'[ 1 2 ]' PARSEVALUE SIZE", "[7]"),
                ("'12abc' PARSEVALUE", "!parse error"),
            ],
        ),
    ],
};
