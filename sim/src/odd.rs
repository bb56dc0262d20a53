//! Everything that ingress and egress refuse, and the requests that clients send to be refused.

use crate::node::Component;
use crate::node::Component::{Egress, Ingress};

/// A refusal.
#[derive(Clone, Copy, Debug)]
pub struct Refusal {
    /// Who refuses.
    pub component: Component,
    /// The status.
    pub status: u16,
    /// The beginning of the message, as a format string.
    pub message: &'static str,
    /// A request that is refused so whatever else goes on; `None` where it is the state of things
    /// that refuses.
    pub sent: Option<Sent>,
    /// Whether it needs a platform that was configured with more than it must be, or with less
    /// ([`crate::params::Params::extras`]).
    pub extras: Option<bool>,
}

impl Refusal {
    const fn with(self) -> Self {
        Self { extras: Some(true), ..self }
    }

    const fn without(self) -> Self {
        Self { extras: Some(false), ..self }
    }
}

/// A request that is refused.
#[derive(Clone, Copy, Debug)]
pub struct Sent {
    /// The method.
    pub method: &'static str,
    /// The path.
    pub path: &'static str,
    /// The query; `ALL` stands for a selector of everything.
    pub query: &'static str,
    /// What the query has besides; where there is any, it is refused only if there is something
    /// to read.
    pub also: &'static str,
    /// The token.
    pub token: Token,
    /// A header besides the token's.
    pub header: Option<(&'static str, &'static str)>,
    /// The body; [`LARGE`] stands for one that is larger than any may be.
    pub body: &'static str,
}

/// See [`Sent::body`].
pub const LARGE: &str = "large";

/// Stands for compressed text that ends too early.
pub const CUT_OFF: &str = "cut off";

/// The bytes that [`LARGE`] stands for.
pub const LARGE_BYTES: usize = (1 << 20) + 100_000;

/// What a request has for a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token {
    /// None.
    None,
    /// Letters.
    Letters,
    /// The tenant's own: for ingress the one to write with, for egress the one to read with.
    Own,
    /// The tenant's own with an attribute.
    With(&'static str, &'static str),
    /// One that ran out.
    Expired,
    /// One with hooks.
    Hooks,
    /// One that writes for another owner.
    Foreign,
}

const fn refusal(component: Component, status: u16, message: &'static str, sent: Sent) -> Refusal {
    Refusal { component, status, message, sent: Some(sent), extras: None }
}

const fn update(status: u16, message: &'static str, token: Token) -> Refusal {
    let sent = send("POST", "/api/v0/update", "", token);
    refusal(Ingress, status, message, Sent { body: LINE, ..sent })
}

const fn meta(message: &'static str, token: Token) -> Refusal {
    let sent = send("POST", "/api/v0/meta", "", token);
    refusal(Ingress, 500, message, sent)
}

const fn delete(status: u16, message: &'static str, query: &'static str, token: Token) -> Refusal {
    let sent = send("GET", "/api/v0/delete", query, token);
    refusal(Ingress, status, message, sent)
}

const fn fetch(status: u16, message: &'static str, query: &'static str, token: Token) -> Refusal {
    let sent = send("GET", "/api/v0/fetch", query, token);
    refusal(Egress, status, message, sent)
}

const fn find(status: u16, message: &'static str, query: &'static str, token: Token) -> Refusal {
    let sent = send("GET", "/api/v0/find", query, token);
    refusal(Egress, status, message, sent)
}

const fn send(method: &'static str, path: &'static str, query: &'static str, token: Token) -> Sent {
    Sent { method, path, query, also: "", token, header: None, body: "" }
}

const fn happens(component: Component, status: u16, message: &'static str) -> Refusal {
    Refusal { component, status, message, sent: None, extras: None }
}

const fn signed(message: &'static str, signature: &'static str) -> Refusal {
    let sent = send("GET", "/api/v0/fetch", "selector=ALL&now=1&timespan=1", Token::Own);
    let header = Some(("x-warp10-fetch-signature", signature));
    refusal(Egress, 400, message, Sent { header, ..sent })
}

const fn exec(message: &'static str, header: Header, body: &'static str) -> Refusal {
    let sent = send("POST", "/api/v0/exec", "", Token::None);
    refusal(Egress, 500, message, Sent { header: Some(header), body, ..sent })
}

/// A fetch of everything that is refused where there is anything.
const fn reads(message: &'static str, how: &'static str) -> Refusal {
    let query = "selector=ALL&now=now&timespan=9000000000000000000";
    let sent = send("GET", "/api/v0/fetch", query, Token::Own);
    refusal(Egress, 500, message, Sent { also: how, ..sent })
}

/// A header.
pub type Header = (&'static str, &'static str);

/// Says that the body is a form.
pub const FORM: Option<Header> = Some(("content-type", "application/x-www-form-urlencoded"));

const GZIP: Header = ("content-type", "application/gzip");

const PACKED: &str = "format=pack&maxsize=1";

const LINE: &str = "1// c{} 1\n";

/// The refusals.
const REFUSALS: &[Refusal] = &[
    update(403, "Error when updating data: Write token missing.", Token::None),
    update(403, "Error when updating data: Invalid token.", Token::Letters),
    update(403, "Error when updating data: Token Expired.", Token::Expired),
    update(
        403,
        "Error when updating data: Token cannot be used for updating data.",
        Token::With(".noupdate", "t"),
    ),
    update(
        400,
        "Error when updating data: Invalid '{name}' token attribute, MUST be",
        Token::With(".maxpast", "-1"),
    ),
    update(500, "Error when updating data: For input string: ", Token::With(".maxsize", "x")),
    refusal(
        Ingress,
        400,
        "Error when updating data: Invalid timeshift.",
        Sent {
            header: Some(("x-warp10-timeshift", "x")),
            body: LINE,
            ..send("POST", "/api/v0/update", "", Token::Own)
        },
    ),
    meta("{}Write token missing.", Token::None),
    meta("{}Token cannot be used for updating metadata.", Token::With(".nometa", "t")),
    delete(500, "Missing token.", "selector=ALL&deleteall", Token::None),
    delete(500, "Invalid token.", "selector=ALL&deleteall", Token::Letters),
    delete(
        500,
        "Token cannot be used for deletions.",
        "selector=ALL&deleteall",
        Token::With(".nodelete", "t"),
    ),
    delete(500, "Invalid write token for deletion.", "selector=ALL&deleteall", Token::Foreign),
    delete(500, "Both start and end should be defined.", "selector=ALL&start=1", Token::Own),
    delete(500, "Parameter deleteall or metaonly should be set", "selector=ALL", Token::Own),
    delete(500, "Parameter metaonly cannot be used as", "selector=ALL&metaonly", Token::Own)
        .without(),
    delete(
        500,
        "Parameter metaonly can only be set if no range is specified.",
        "selector=ALL&metaonly&start=1&end=2",
        Token::Own,
    )
    .with(),
    delete(500, "Invalid time range specification.", "selector=ALL&start=2&end=1", Token::Own),
    delete(500, "Invalid value for 'minage', ", "selector=ALL&deleteall&minage=-1", Token::Own),
    delete(500, "{}Missing 'selector' parameter.", "deleteall", Token::Own),
    delete(
        500,
        "Activity based selection is disabled by configuration.",
        "selector=ALL&deleteall&activeafter=1",
        Token::Own,
    )
    .without(),
    delete(400, "Bad Request", "selector=x&deleteall", Token::Own),
    refusal(Ingress, 404, "Not Found", send("GET", "/api/v0/nothing", "", Token::Own)),
    refusal(Egress, 404, "Not Found", send("GET", "/api/v0/nothing", "", Token::Own)),
    // Fetches: what ranges say.
    fetch(400, "Missing either 'start' or '{0}' parameter.", "selector=ALL&timespan=1", Token::Own),
    fetch(
        400,
        "Missing '{0}' or 'start' and 'timespan' parameter.",
        "selector=ALL&start=1",
        Token::Own,
    ),
    fetch(
        400,
        "Invalid time range specification: 'start', '{0}' and 'timespan' cannot all be defined. ",
        "selector=ALL&start=1&end=2&timespan=3",
        Token::Own,
    ),
    fetch(
        400,
        "Invalid format for parameter 'timespan'. ({0})",
        "selector=ALL&now=1&timespan=x",
        Token::Own,
    ),
    fetch(400, "Invalid format for parameter '{0}'.", "selector=ALL&start=x", Token::Own),
    fetch(400, "Parameter 'timespan' is empty.", "selector=ALL&now=1&timespan=", Token::Own),
    fetch(400, "'timespan' cannot be negative.", "selector=ALL&now=1&timespan=PT-1S", Token::Own),
    fetch(
        400,
        "Cannot set 'timespan' to 0 and '{0}' to {1}.",
        "selector=ALL&end=9223372036854775807&timespan=0",
        Token::Own,
    ),
    fetch(
        500,
        "{0} (Text '{1}' could not be parsed at index {2})",
        "selector=ALL&now=1&timespan=1",
        Token::With(".start", "x"),
    ),
    fetch(
        500,
        "Invalid {0} specification.",
        "selector=ALL&now=1&timespan=1",
        Token::With(".count", "x"),
    ),
    // Fetches: the rest.
    fetch(
        500,
        "Cannot specify both '{0}' and '{1}'.",
        "selector=ALL&now=1&timespan=1&nocache&cache",
        Token::Own,
    ),
    fetch(500, "Unsigned request.", "selector=ALL&now=1&timespan=1&format=wrapper", Token::Own),
    signed("Invalid fetch signature.", "x").with(),
    signed("Fetch signature has expired.", "1:1").with(),
    signed("Corrupted fetch signature", "7fffffffffffffff:1").with(),
    signed("Fetch PreSharedKey is not set.", "1:1").without(),
    refusal(
        Egress,
        413,
        "Form is larger than {max} bytes.",
        Sent { header: FORM, body: LARGE, ..send("POST", "/api/v0/fetch", "", Token::Own) },
    ),
    reads("Encountered a value whose length is above the configured threshold of {0}", PACKED),
    reads("Class does not end in '{0}'", "unpack&suffix=x"),
    reads("Invalid value, expected String or byte array.", "unpack&suffix="),
    fetch(403, "Read token missing.", "selector=ALL&now=1&timespan=1", Token::None),
    fetch(403, "Invalid token.", "selector=ALL&now=1&timespan=1", Token::Letters),
    fetch(403, "Token Expired.", "selector=ALL&now=1&timespan=1", Token::Expired),
    fetch(
        403,
        "Token cannot be used for fetching data.",
        "selector=ALL&now=1&timespan=1",
        Token::With(".nofetch", "t"),
    ),
    fetch(
        400,
        "Tokens with hooks cannot be used for fetching data.",
        "selector=ALL&now=1&timespan=1",
        Token::Hooks,
    ),
    fetch(400, "Missing 'selector' parameter.", "now=1&timespan=1", Token::Own),
    fetch(400, "Bad Request", "selector=x&now=1&timespan=1", Token::Own),
    fetch(400, "Invalid time range specification: 'count' is", "selector=ALL&stop=1", Token::Own),
    fetch(
        400,
        "Cannot specify both 'count' and negative 'timespan'.",
        "selector=ALL&now=1&timespan=-1&count=1",
        Token::Own,
    ),
    fetch(
        400,
        "Cannot specify both '{0}' and '{1}'.",
        "selector=ALL&now=1&end=1&timespan=1",
        Token::Own,
    ),
    fetch(
        400,
        "Parameter '{0}' cannot be < 1.",
        "selector=ALL&now=1&timespan=1&step=0",
        Token::Own,
    ),
    fetch(
        400,
        "Invalid chunksize.",
        "selector=ALL&now=1&timespan=1&format=wrapper&chunksize=0",
        Token::Own,
    ),
    fetch(
        400,
        "No support for ambiguous durations containing years or months, please convert those to days.",
        "selector=ALL&now=1&timespan=1&timestep=P1M",
        Token::Own,
    ),
    fetch(
        500,
        "Invalid ISO8601 duration",
        "selector=ALL&now=1&timespan=1&timestep=P999999999999D",
        Token::Own,
    ),
    fetch(500, "For input string: \"{0}\"", "selector=ALL&now=1&timespan=1&step=x", Token::Own),
    find(403, "Missing token.", "selector=ALL", Token::None),
    find(403, "Missing or invalid token.", "selector=ALL", Token::Letters),
    find(
        403,
        "Token cannot be used for finding metadata.",
        "selector=ALL",
        Token::With(".nofind", "t"),
    ),
    find(500, "Missing 'selector' parameter.", "", Token::Own),
    find(500, "Server Error", "selector=ALL&gcount=x", Token::Own),
    // Scripts.
    exec("invalid token.", ("x-warp10-capabilities", "letters"), ""),
    exec("EOFException", GZIP, ""),
    exec("Unexpected end of ZLIB input stream", GZIP, CUT_OFF),
    exec("Not in GZIP format", GZIP, "letters"),
    exec("letters", ("content-type", "text/plain; charset=letters"), "1"),
    refusal(
        Egress,
        400,
        "Each symbol definition must have at least one equal sign.",
        send("POST", "/api/v0/exec/letters", "", Token::None),
    ),
    refusal(
        Egress,
        413,
        "The script is larger than {max} bytes.",
        Sent { body: LARGE, ..send("POST", "/api/v0/exec", "", Token::None) },
    )
    .without(),
    refusal(
        Egress,
        503,
        "All memory for scripts is in use; try again later.",
        Sent { body: LARGE, ..send("POST", "/api/v0/exec", "", Token::None) },
    )
    .with(),
    happens(Egress, 503, "Too many scripts are running; try again later."),
    // What happens to anybody.
    happens(Ingress, 400, "Error when updating data: Parse error at index {}"),
    happens(Ingress, 400, "Error when updating data: The body of the request broke off."),
    happens(Ingress, 400, "Error when updating meta: The body of the request broke off."),
    happens(Ingress, 400, "The body of the request broke off."),
    happens(Ingress, 503, "Error when updating data: the log is unavailable: "),
    happens(Ingress, 503, "Error when updating data: the log did not answer in time: "),
    happens(Ingress, 503, "Error when updating meta: the log is unavailable: "),
    happens(Ingress, 503, "Error when updating meta: the log did not answer in time: "),
    happens(Ingress, 503, "Error when deleting data: the log is unavailable: "),
    happens(Ingress, 503, "Error when deleting data: the log did not answer in time: "),
    happens(Ingress, 503, "The log cannot say what is to be read: {reason}"),
    happens(Ingress, 503, "What was acknowledged is not readable yet, after {} s; "),
    happens(Ingress, 503, "This ingress is stopping."),
    happens(Ingress, 503, "Error when updating data: This ingress is stopping."),
    happens(
        Ingress,
        429,
        "Error when updating data: Geo Time Series {series} would exceed your Monthly Active Data \
         Streams limit ({limit}).",
    ),
    happens(
        Ingress,
        429,
        "Error when updating data: Geo Time Series {series} would exceed the Monthly Active Data \
         Streams limit for application '{application}' ({limit}).",
    ),
    happens(
        Ingress,
        429,
        "Error when updating data: Storing data for {series} would incur a wait greater than {max_wait_ms} ms per \
         datapoint due to your Daily Data Points limit being already exceeded. Current maximum rate \
         is {} datapoints/s.",
    ),
    happens(
        Ingress,
        429,
        "Error when updating data: Storing data for {series} would incur a wait greater than {max_wait_ms} ms per \
         datapoint due to your Daily Data Points limit being already exceeded for application \
         '{application}'. Current max rate is {} datapoints/s.",
    ),
    happens(Ingress, 503, "No directory is registered."),
    happens(Ingress, 503, "Directory shards are missing: {}"),
    happens(Ingress, 503, "directory {} is unavailable"),
    happens(Egress, 400, "The body of the request broke off."),
    happens(Egress, 503, "The log cannot say what is to be read: {reason}"),
    happens(Egress, 503, "What was acknowledged is not readable yet, after {} s; "),
    happens(Egress, 503, "This egress is stopping."),
    happens(Egress, 503, "No directory is registered."),
    happens(Egress, 503, "Directory shards are missing: {}"),
    happens(Egress, 503, "directory {} is unavailable"),
    happens(Egress, 503, "the table is unavailable: "),
];

/// Messages that no request brings about, and why.
pub const EXCUSED: &[(&str, &str)] = &[
    (
        "Storing data for {series} would incur a wait due to your Daily Data Points limit being \
         already exceeded, and too much waits already.",
        "no world has so much waiting",
    ),
    ("Invalid packed value: {0}", "clients write no text, and nothing else is taken for packed"),
    ("cannot call out: this platform does not do it.", "an answer to a script, not to a request"),
];

/// All refusals.
pub fn refusals() -> impl Iterator<Item = &'static Refusal> {
    REFUSALS.iter()
}

/// Those that are brought about by a request, on a platform with or without extras.
pub fn sent(extras: bool) -> Vec<&'static Refusal> {
    let fits = |refusal: &&Refusal| refusal.extras.is_none_or(|wanted| wanted == extras);
    refusals().filter(|refusal| refusal.sent.is_some()).filter(fits).collect()
}
