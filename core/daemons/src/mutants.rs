//! Bugs planted in the machines, where the simulator cannot put them between a machine and the
//! world. They are there with `--cfg weft_mutants` alone; `weft` refuses to be built with it.

use std::sync::atomic::{AtomicU8, Ordering};

/// A bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Planted {
    /// None.
    Nothing,
    /// An ingress takes metadata for known as soon as it sends them.
    CacheBeforeAcknowledged,
    /// A store takes writes behind a delete into its batch, and loses them.
    WritesLostBehindDelete,
    /// A find asks the shards there are.
    IncompleteDirectory,
    /// A consumer takes batches that were on their way when it began again.
    StaleBatches,
    /// The clock of cells begins anew with each owner of a partition.
    ClockBeginsAnew,
    /// Cells have their records' timestamps even where the log's clock went back.
    ClockGoesBack,
    /// An ingress forgets what may reach the log late.
    LateForgotten,
    /// A partition that begins again stays paused.
    StaysPaused,
    /// Metadata that could not be published again are not tried once more.
    NotPublishedAgain,
    /// Data on its way does not keep its metadata.
    WritingForgotten,
    /// A delete that ends halfway leaves series without their metadata.
    RemovalNotUndone,
    /// A directory saves a snapshot before its rows are written.
    SnapshotAhead,
    /// A directory waits for ever for a scan that hangs.
    HungScan,
    /// A worker runs what is overdue, and nothing else, as the reference's does.
    OverdueInverted,
    /// A worker runs a window that was asked for before.
    RepeatedWindow,
    /// A worker does not look what was asked for before it was given a partition.
    NoLookBack,
    /// A worker runs what it has not taken yet.
    RunBeforeTaken,
    /// Any number of calls goes to one host.
    HostUnbounded,
    /// A limit of a rate saves more than a second.
    BurstUnbounded,
    /// What limits refuse goes out, and is said to be refused.
    RefusedStored,
    /// What had to wait for its rate does not go out, and is said to have.
    DelayedLost,
    /// What was counted is kept where an application has limits, and nowhere else.
    KeptWithApplicationsAlone,
    /// What is kept of a limit has the tolerance of estimates in it, each time once more.
    LimitsGrow,
    /// A frontend removes old nodes before it writes new ones.
    DeleteBeforeCreate,
    /// A frontend goes by the backends that it has heard of.
    BackendsNotAsked,
    /// A frontend does not see that its nodes were gone.
    LapseUnnoticed,
    /// A backend copies whether or not frontends still see it.
    LeaseUnchecked,
    /// A backend applies the first node of each frontend.
    StaleSubscriptions,
    /// A frontend cuts nobody off who does not read.
    UnboundedBuffer,
    /// A frontend does not look when tokens expire.
    ExpiredToken,
    /// A frontend takes a selector as it is, whatever the token says.
    ForeignSelector,
}

static PLANTED: AtomicU8 = AtomicU8::new(0);

/// Plants a bug in every machine of the process.
pub fn plant(bug: Planted) {
    PLANTED.store(bug as u8, Ordering::Relaxed);
}

pub(crate) fn is(bug: Planted) -> bool {
    PLANTED.load(Ordering::Relaxed) == bug as u8
}
