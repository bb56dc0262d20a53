//! What is stored: found, fetched, written, deleted; tokens.

mod columns;
mod fetch;
mod find;
mod metaset;
mod params;
mod range;
mod rexec;
mod select;
pub(crate) mod tokens;
mod urlfetch;
mod web;
mod write;

use crate::error::{Error, Fault, Result};
use crate::machine::{Flow, Machine, Task};
use crate::registry::{Extension, Family, word};
use crate::requests::{Answer, Chunk, RequestId};
use crate::value::Value;

pub(super) static FAMILY: Family = Family {
    name: "store",
    words: &[
        word(
            "FETCH",
            fetch::fetch,
            "1.0.0",
            "[ token<STRING> class<STRING> labels<MAP> end<LONG> timespan<LONG> ] FETCH series<LIST>\n\
             [ token<STRING> class<STRING> labels<MAP> start<STRING> end<STRING> ] FETCH series<LIST>\n\
             params<MAP> FETCH series<LIST>",
            "Reads the datapoints of series, newest first. A negative timespan is a count. The map \
             takes `token`; `selector`, `selectors`, `class` with `labels`, `gts` or `metaset`; two \
             of `start`, `end`, `timespan`, or `end` and `count`; and `skip`, `step`, `timestep`, \
             `sample`, `boundary`, `boundary.pre`, `boundary.post`, `gskip`, `gcount`, \
             `active.after`, `quiet.after`, `type`, `typeattr`, `extra`, `encoders`, `merge`, \
             `keepempty`, `showuuid`, `priority`.",
            &[
                ("1 FETCH", "!FETCH expects a map or a list as parameter."),
                ("{ 'selector' 'a{}' 'end' 0 'count' 1 } FETCH", "!Missing 'token' parameter"),
            ],
        ),
        word(
            "FETCHLONG",
            fetch::fetch_long,
            "1.0.0",
            "params<LIST> FETCHLONG series<LIST>\nparams<MAP> FETCHLONG series<LIST>",
            "Like FETCH; all values become LONG.",
            &[("[] FETCHLONG", "!FETCHLONG expects a list with 5 elements.")],
        ),
        word(
            "FETCHDOUBLE",
            fetch::fetch_double,
            "1.0.0",
            "params<LIST> FETCHDOUBLE series<LIST>\nparams<MAP> FETCHDOUBLE series<LIST>",
            "Like FETCH; all values become DOUBLE.",
            &[("[] FETCHDOUBLE", "!FETCHDOUBLE expects a list with 5 elements.")],
        ),
        word(
            "FETCHSTRING",
            fetch::fetch_string,
            "1.0.0",
            "params<LIST> FETCHSTRING series<LIST>\nparams<MAP> FETCHSTRING series<LIST>",
            "Like FETCH; all values become STRING.",
            &[("[] FETCHSTRING", "!FETCHSTRING expects a list with 5 elements.")],
        ),
        word(
            "FETCHBOOLEAN",
            fetch::fetch_boolean,
            "1.0.0",
            "params<LIST> FETCHBOOLEAN series<LIST>\nparams<MAP> FETCHBOOLEAN series<LIST>",
            "Like FETCH; all values become BOOLEAN.",
            &[("[] FETCHBOOLEAN", "!FETCHBOOLEAN expects a list with 5 elements.")],
        ),
        word(
            "FIND",
            find::find,
            "1.0.0",
            "[ token<STRING> class<STRING> labels<MAP> ] FIND series<LIST>\n\
             [ token<STRING> class<STRING> labels<MAP> uuid<BOOLEAN> ] FIND series<LIST>\n\
             params<MAP> FIND series<LIST>",
            "Finds series, without their datapoints. The map takes `token`; `selector`, \
             `selectors`, or `class` with `labels`; `gskip`, `gcount`, `active.after`, \
             `quiet.after`, `priority`.",
            &[("[ 1 ] FIND", "!FIND expects 3 or 4 parameters.")],
        ),
        word(
            "FINDSETS",
            find::find_sets,
            "1.0.0",
            "[ token<STRING> class<STRING> labels<MAP> ] FINDSETS classes<LIST> labels<MAP> attributes<MAP>\n\
             params<MAP> FINDSETS classes<LIST> labels<MAP> attributes<MAP>",
            "Finds series, and tells which classes there are, and which values each label and each \
             attribute has.",
            &[("[ 1 ] FINDSETS", "!FINDSETS expects 3 or 4 parameters.")],
        ),
        word(
            "FINDSTATS",
            find::find_stats,
            "1.0.0",
            "[ token<STRING> class<STRING> labels<MAP> ] FINDSTATS estimates<MAP>",
            "Estimates how many series, classes, names and values of labels there are among those \
             that match.",
            &[("[ 1 ] FINDSTATS", "!FINDSTATS expects 3 parameters.")],
        ),
        word(
            "METASET",
            find::metaset,
            "1.2.5",
            "[ token<STRING> class<STRING> labels<MAP> notbefore<NUMBER> notafter<NUMBER> \
             maxduration<NUMBER> ttl<LONG> ] METASET metaset<STRING>",
            "Finds series and packs them into a text with which they can be fetched without the \
             token, for `ttl` time units, within the given range. NaN leaves a bound out; a \
             negative duration is a count.",
            &[("1 METASET", "!METASET")],
        ),
        word(
            "UPDATE",
            write::update,
            "1.0.0",
            "series<GTS> token<STRING> UPDATE\nencoder<GTSENCODER> token<STRING> UPDATE\n\
             list<LIST> token<STRING> UPDATE",
            "Stores the datapoints of series or encoders. Series must have been renamed since they \
             were fetched.",
            &[("1 'x' UPDATE", "!UPDATE can only operate on Geo Time Series")],
        ),
        word(
            "META",
            write::meta,
            "1.0.0",
            "series<GTS> token<STRING> META\nlist<LIST> token<STRING> META",
            "Stores the attributes of series or encoders, in the place of those that they have.",
            &[("1 'x' META", "!META can only operate on Geo Time Series")],
        ),
        word(
            "METADIFF",
            write::metadiff,
            "2.3.0",
            "series<GTS> token<STRING> METADIFF\nlist<LIST> token<STRING> METADIFF",
            "Changes attributes of series or encoders; those that are not named stay, those with an \
             empty value go.",
            &[("1 'x' METADIFF", "!METADIFF can only operate on Geo Time Series")],
        ),
        word(
            "DELETE",
            write::delete,
            "1.0.5",
            "token<STRING> selector<STRING> start<LONG> end<LONG> expected<LONG> DELETE deleted<LONG>\n\
             token<STRING> selector<STRING> start<ANY> end<ANY> NULL DELETE series<LIST>",
            "Deletes datapoints in a range, or whole series when both ends are NULL. When more than \
             the expected number of series match, nothing is deleted. With NULL as the expected \
             number it tells which series match.",
            &[("'t' 'a{}' NULL 1 1 DELETE", "!DELETE expects both start and end")],
        ),
        word(
            "WEBCALL",
            web::webcall,
            "1.0.0",
            "token<STRING> method<STRING> url<STRING> headers<MAP> body<STRING> WEBCALL id<STRING>",
            "Has an HTTP request made, GET or POST, when the script goes on: at least once, and once where \
             nothing fails. The request tells the id in the header `X-Warp10-WebCall`. It needs a \
             write token, and hosts must be allowed.",
            &[
                ("'t' 'PUT' 'http://a/' {} '' WEBCALL", "!WEBCALL given invalid method."),
                ("'t' 'GET' 'http://a/' {} 1 WEBCALL", "!WEBCALL expects a request body"),
            ],
        ),
        word(
            "HTTP",
            web::http,
            "2.8.1",
            "params<MAP> HTTP response<MAP>",
            "Makes an HTTP request. The map takes `url`, `method`, `headers`, `body`, `username` and \
             `password`; and `chunk.size` and `chunk.macro`, which takes a map for each chunk of the \
             content, with `chunk.number` from 1 on, and -1 with the last one, which is empty. The \
             response has `status.code`, `status.message`, `headers` and `content`, without chunks. \
             Hosts must be allowed; the capabilities `http.requests`, `http.size` and \
             `http.chunksize` allow more requests and bytes.",
            &[
                ("{} HTTP", "!HTTP expects a url."),
                (
                    "{ 'url' 'http://a/' 'method' 'GET' 'body' '' } HTTP",
                    "!HTTP GET cannot be used with a body.",
                ),
                (
                    "{ 'url' 'http://a/' 'chunk.size' 0 } HTTP",
                    "!HTTP expects chunk.size value to be greater than 0.",
                ),
            ],
        ),
        word(
            "URLFETCH",
            urlfetch::urlfetch,
            "1.0.2",
            "url<STRING> URLFETCH contents<LIST>\nurls<LIST> URLFETCH contents<LIST>\n\
             url<STRING> headers<MAP> URLFETCH contents<LIST>\n\
             urls<LIST> headers<MAP> URLFETCH contents<LIST>",
            "Fetches URLs, in a script that is authenticated: of each a list of status code, status line, headers \
             and content in Base64. Hosts must be allowed.",
            &[("'http://a/' URLFETCH", "!URLFETCH requires the stack to be authenticated.")],
        )
        .of(Extension::UrlFetch),
        word(
            "REXEC",
            rexec::rexec,
            "1.0.8",
            "script<STRING> endpoint<STRING> REXEC results<ANY*>\n\
             body<MACRO> endpoint<STRING> REXEC results<ANY*>",
            "Has another platform run a script or a macro, and leaves what that leaves (64 MiB of \
             it, as SNAPSHOT and ->OPB64 write it). The endpoint is the URL of its `/api/v0/exec`; \
             hosts must be allowed (`warpscript.rexec.endpoint.patterns`).",
            &[("'1 2 +' 'http://a/api/v0/exec' REXEC", "!There is no store behind this script.")],
        )
        .of(Extension::Rexec),
        word(
            "REXECZ",
            rexec::rexec,
            "1.2.5",
            "script<STRING> endpoint<STRING> REXECZ results<ANY*>\n\
             body<MACRO> endpoint<STRING> REXECZ results<ANY*>",
            "As REXEC; the script is sent compressed.",
            &[("'1 2 +' 'http://a/api/v0/exec' REXECZ", "!There is no store behind this script.")],
        )
        .of(Extension::Rexec),
        word(
            "MAXURLFETCHCOUNT",
            urlfetch::max_count,
            "2.0.2",
            "limit<LONG> MAXURLFETCHCOUNT",
            "Sets how many URLs the script may fetch: at most the hard limit of the platform.",
            &[("1 MAXURLFETCHCOUNT", "!requires the stack to be authenticated.")],
        )
        .of(Extension::UrlFetch),
        word(
            "MAXURLFETCHSIZE",
            urlfetch::max_size,
            "2.0.2",
            "limit<LONG> MAXURLFETCHSIZE",
            "Sets how many bytes URLFETCH may bring: at most the hard limit of the platform.",
            &[("1 MAXURLFETCHSIZE", "!requires the stack to be authenticated.")],
        )
        .of(Extension::UrlFetch),
        word(
            "PARSESELECTOR",
            select::parse_selector,
            "1.0.0",
            "selector<STRING> PARSESELECTOR class<STRING> labels<MAP>",
            "Takes a selector apart.",
            &[("'a{b=c,d~e}' PARSESELECTOR", r#"[{"b":"=c","d":"~e"},"a"]"#)],
        ),
        word(
            "METAMATCH",
            select::meta_match,
            "2.11.0",
            "series<GTS> selector<STRING> METAMATCH matches<BOOLEAN>\n\
             series<LIST> selector<STRING> METAMATCH matches<LIST>",
            "Says whether series or encoders match a selector.",
            &[
                ("NEWGTS 'a' RENAME 'a{}' METAMATCH", "[true]"),
                ("[ NEWGTS 'a' RENAME ] 'b{}' METAMATCH", "[[false]]"),
            ],
        ),
        word(
            "TOKENINFO",
            tokens::info,
            "1.0.0",
            "token<STRING> TOKENINFO info<MAP>",
            "What a token says of itself, or why it is not good.",
            &[("'x' TOKENINFO SIZE", "[2]")],
        ),
        word(
            "TOKENGEN",
            tokens::generate,
            "1.2.20",
            "params<MAP> TOKENGEN token<MAP>\n\
             params<MAP> aes<BYTES> siphash<BYTES> TOKENGEN token<MAP>",
            "Makes a token. Without keys those of the platform are used, which needs the \
             capability `tokengen`.",
            &[("{} TOKENGEN", "!TOKENGEN missing capability.")],
        ),
        word(
            "TOKENDUMP",
            tokens::dump,
            "1.2.22",
            "token<STRING> TOKENDUMP params<MAP>\n\
             token<STRING> aes<BYTES> siphash<BYTES> TOKENDUMP params<MAP>",
            "The parameters with which TOKENGEN makes a token again. Without keys those of the \
             platform are used, which needs the capability `tokendump`.",
            &[("'x' TOKENDUMP", "!TOKENDUMP missing capability.")],
        ),
    ],
};

/// An answer's error as the error of the running word.
fn refused(vm: &Machine, error: Error) -> Fault {
    Fault::Error(Box::new(error.named(vm.word.name)))
}

/// Waits for an answer that comes in pieces.
struct Collect<C> {
    request: RequestId,
    collector: C,
}

/// What is made of the pieces.
trait Collector: Send {
    /// Takes a piece in.
    fn take(&mut self, vm: &mut Machine, chunk: Chunk) -> Result;

    /// There are no more: leaves the results.
    fn end(&mut self, vm: &mut Machine) -> Result;

    /// Names the values that it holds.
    fn trace(&self, _visit: &mut dyn FnMut(Value)) {}
}

impl<C: Collector> Task for Collect<C> {
    fn resume(&mut self, vm: &mut Machine) -> Result<Flow> {
        while let Some(answer) = vm.take_answer(self.request) {
            match answer {
                Answer::Chunk(chunk) => {
                    if let Err(fault) = self.collector.take(vm, chunk) {
                        vm.cancel(self.request);
                        return Err(fault);
                    }
                }
                Answer::Err(error) => return Err(refused(vm, error)),
                Answer::End => {
                    self.collector.end(vm)?;
                    return Ok(Flow::Done);
                }
            }
            if vm.should_yield() {
                return Ok(Flow::Again);
            }
        }
        Ok(Flow::Wait)
    }

    fn trace(&self, visit: &mut dyn FnMut(Value)) {
        self.collector.trace(visit);
    }
}
