//! Code that reduces windows, shared by mappers, bucketizers and reducers.

mod basic;
mod bulk;

use crate::function::{Aggregator, Role};
use crate::registry::{Family, Word, function};

/// An aggregator as a word.
const fn shared(
    name: &'static str,
    aggregator: &'static Aggregator,
    since: &'static str,
    doc: &'static str,
    examples: &'static [(&'static str, &'static str)],
) -> Word {
    function(name, Role::Aggregator(aggregator), since, name, doc, examples)
}

pub(super) static FAMILY: Family = Family {
    name: "aggregators",
    words: &[
        shared(
            "mapper.mean",
            &basic::MEAN,
            "1.0.11",
            "The mean of the values, its position and elevation the means of those.",
            &[(
                "[ NEWGTS 1 NaN NaN NaN 10 ADDVALUE 2 NaN NaN NaN 15 ADDVALUE mapper.mean 1 0 0 ] \
                 MAP 0 GET VALUES",
                "[[10.0,12.5]]",
            )],
        ),
        shared(
            "mapper.sum",
            &basic::SUM,
            "1.0.11",
            "The sum of the values. Position and elevation are those of the newest point.",
            &[(
                "[ NEWGTS 1 NaN NaN NaN 10 ADDVALUE 2 NaN NaN NaN 15 ADDVALUE mapper.sum 1 0 0 ] \
                 MAP 0 GET VALUES",
                "[[10,25]]",
            )],
        ),
        shared(
            "mapper.count",
            &basic::COUNT,
            "1.0.11",
            "How many points there are. Position and elevation are those of the newest.",
            &[(
                "[ NEWGTS 1 NaN NaN NaN 'a' ADDVALUE 2 NaN NaN NaN 'b' ADDVALUE mapper.count 1 0 0 ] \
                 MAP 0 GET VALUES",
                "[[1,2]]",
            )],
        ),
        shared(
            "mapper.first",
            &basic::FIRST,
            "1.0.11",
            "The oldest point.",
            &[(
                "[ NEWGTS 1 NaN NaN NaN 'a' ADDVALUE 2 NaN NaN NaN 'b' ADDVALUE mapper.first 1 0 0 ] \
                 MAP 0 GET VALUES",
                "[[\"a\",\"a\"]]",
            )],
        ),
        shared(
            "mapper.last",
            &basic::LAST,
            "1.0.11",
            "The newest point.",
            &[(
                "[ NEWGTS 1 NaN NaN NaN 'a' ADDVALUE 2 NaN NaN NaN 'b' ADDVALUE mapper.last 0 1 0 ] \
                 MAP 0 GET VALUES",
                "[[\"b\",\"b\"]]",
            )],
        ),
    ],
};
