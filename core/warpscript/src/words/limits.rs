//! Words that move the soft limits of a script.

use super::capabilities;
use crate::config::Limits;
use crate::error::Result;
use crate::machine::Machine;
use crate::registry::{Family, word};

pub(super) static FAMILY: Family = Family {
    name: "limits",
    words: &[
        word(
            "LIMIT",
            set_limit,
            "1.0.0",
            "limit<LONG> LIMIT",
            "Sets how many datapoints the script may fetch: at most the hard limit of the platform or what the \
             capability `limit` says. Needs that capability or `limits`.",
            &[("1 LIMIT", "!missing capability 'limit'")],
        ),
        word(
            "MAXGTS",
            set_limit,
            "1.0.0",
            "limit<LONG> MAXGTS",
            "Sets how many series the script may fetch: at most the hard limit of the platform or what the \
             capability `maxgts` says. Needs that capability or `limits`.",
            &[("1 MAXGTS", "!missing capability 'maxgts'")],
        ),
        word(
            "MAXOPS",
            set_limit,
            "1.0.0",
            "limit<LONG> MAXOPS",
            "Sets how many operations the script may do: at most the hard limit of the platform or what the \
             capability `maxops` says. Needs that capability or `limits`.",
            &[("1 MAXOPS", "!missing capability 'maxops'")],
        ),
        word(
            "MAXDEPTH",
            set_limit,
            "1.0.0",
            "limit<LONG> MAXDEPTH",
            "Sets how many levels the stack may have: at most the hard limit of the platform or what the \
             capability `maxdepth` says. Needs that capability or `limits`.",
            &[("1 MAXDEPTH", "!missing capability 'maxdepth'")],
        ),
        word(
            "MAXSYMBOLS",
            set_limit,
            "1.0.0",
            "limit<LONG> MAXSYMBOLS",
            "Sets how many variables the script may have: at most the hard limit of the platform or what the \
             capability `maxsymbols` says. Needs that capability or `limits`.",
            &[("1 MAXSYMBOLS", "!missing capability 'maxsymbols'")],
        ),
        word(
            "MAXRECURSION",
            set_limit,
            "1.0.0",
            "limit<LONG> MAXRECURSION",
            "Sets how many levels macros may be nested: at most the hard limit of the platform or what the \
             capability `maxrecursion` says. Needs that capability or `limits`.",
            &[("1 MAXRECURSION", "!missing capability 'maxrecursion'")],
        ),
        word(
            "MAXLOOP",
            set_limit,
            "1.0.0",
            "limit<LONG> MAXLOOP",
            "Sets how many milliseconds one loop may run: at most the hard limit of the platform or what the \
             capability `maxloop` says. Needs that capability or `limits`.",
            &[("1 MAXLOOP", "!missing capability 'maxloop'")],
        ),
        word(
            "MAXBUCKETS",
            set_limit,
            "1.0.0",
            "limit<LONG> MAXBUCKETS",
            "Sets how many buckets one series may have: at most the hard limit of the platform or what the \
             capability `maxbuckets` says. Needs that capability or `limits`.",
            &[("1 MAXBUCKETS", "!missing capability 'maxbuckets'")],
        ),
        word(
            "MAXPIXELS",
            set_limit,
            "1.0.0",
            "limit<LONG> MAXPIXELS",
            "Sets how many pixels one image may have: at most the hard limit of the platform or what the \
             capability `maxpixels` says. Needs that capability or `limits`.",
            &[("1 MAXPIXELS", "!missing capability 'maxpixels'")],
        ),
        word(
            "MAXGEOCELLS",
            set_limit,
            "1.0.0",
            "limit<LONG> MAXGEOCELLS",
            "Sets how many cells one geographic area may have: at most the hard limit of the platform or what the \
             capability `maxgeocells` says. Needs that capability or `limits`.",
            &[("1 MAXGEOCELLS", "!missing capability 'maxgeocells'")],
        ),
        word(
            "MAXJSON",
            set_limit,
            "2.1.0",
            "limit<LONG> MAXJSON",
            "Sets how many bytes one JSON text may have: at most the hard limit of the platform or what the \
             capability `maxjson` says. Needs that capability or `limits`.",
            &[("1 MAXJSON", "!missing capability 'maxjson'")],
        ),
        word(
            "OPS",
            |vm| vm.push(vm.ops()),
            "1.0.0",
            "OPS count<LONG>",
            "How many operations the script has done.",
            &[("OPS OPS < ", "[true]")],
        ),
    ],
};

fn set_limit(vm: &mut Machine) -> Result {
    let name = vm.word.name;
    let capability = name.to_ascii_lowercase();
    if capabilities::get(vm, "limits").is_none() && capabilities::get(vm, &capability).is_none() {
        return Err(vm.error(&format!("missing capability '{capability}' or 'limits'.")));
    }
    let limit = vm.pop_long("expects a numeric (long) limit.")?;
    let hard = *field(&mut vm.config.hard.clone(), name);
    let most = capabilities::get_long(vm, &capability, hard)?;
    if limit > most {
        return Err(vm.error(&format!("cannot extend limit past {most}")));
    }
    if name == "MAXDEPTH" && limit < vm.stack.len() as i64 {
        return Err(crate::error::Fault::text(
            "The stack depth is over the requested maximum depth.",
        ));
    }
    *field(&mut vm.limits, name) = limit;
    Ok(())
}

fn field<'a>(limits: &'a mut Limits, name: &str) -> &'a mut i64 {
    match name {
        "LIMIT" => &mut limits.fetch,
        "MAXGTS" => &mut limits.gts,
        "MAXOPS" => &mut limits.ops,
        "MAXDEPTH" => &mut limits.depth,
        "MAXSYMBOLS" => &mut limits.symbols,
        "MAXRECURSION" => &mut limits.recursion,
        "MAXLOOP" => &mut limits.loop_ms,
        "MAXBUCKETS" => &mut limits.buckets,
        "MAXPIXELS" => &mut limits.pixels,
        "MAXGEOCELLS" => &mut limits.geocells,
        _ => &mut limits.json,
    }
}
