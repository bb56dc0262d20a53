//! Keys of the reference that have no effect here on purpose, and why.

/// How keys end, what else they contain, and why they have no effect.
const IDLE: &[(&str, &str, &str)] = &[
    (".poolsize", ".kafka.", "one producer of the Kafka client sends batches of all requests"),
    (
        "ingress.kafka.metadata.nthreads",
        "",
        "one reader sees every delete; lines are read on all cores",
    ),
    (
        "directory.kafka.nthreads",
        "",
        "one machine has the index; shards (directory.partition) share the work",
    ),
    (
        "directory.init.nthreads",
        "",
        "the table is read in one go; shards (directory.partition) share the work",
    ),
    (
        "ingress.kafka.throttling.groupid",
        "",
        "every ingress reads everything, whatever its group: what it missed comes once more",
    ),
    ("egress.clients.expose", "", "it shows clients to plugins, and there are none"),
    ("warp.trl.startup.delay", "", "nobody is served before the lists of warp.trl.dir are read"),
    ("directory.service.nthreads", "", EVENT_LOOP),
    ("store.nthreads.delete", "", "deletes are done by the worker that reads them, in their order"),
    (
        "runner.kafka.commitperiod",
        "",
        "each request is taken by a commit before it runs, so that it runs once",
    ),
    ("warpscript.rexec.timeout.connect", "", "warpscript.rexec.timeout.read is for the whole call"),
    (".acceptors", "", EVENT_LOOP),
    (".selectors", "", EVENT_LOOP),
    (".threadpool", "", EVENT_LOOP),
    (".maxqueuesize", "", EVENT_LOOP),
];

const EVENT_LOOP: &str = "an event loop serves connections on all cores, without threads for each";

/// Why a key has no effect; `None` when there is no such reason.
pub(super) fn reason(key: &str) -> Option<&'static str> {
    let fits = |(end, part, _): &&(&str, &str, &str)| key.ends_with(end) && key.contains(part);
    IDLE.iter().find(fits).map(|(.., reason)| *reason)
}
