//! What goes wrong, and what is to be done about it.

use crate::pb;

/// Why an operation failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A server will not do it, however often it is asked.
    #[error("HBase refuses it: {0}")]
    Refused(RemoteError),
    /// It was tried until its time or its number of attempts was over.
    #[error("no success in {attempts} attempts, at last: {last}")]
    Exhausted {
        /// How often it was tried.
        attempts: u32,
        /// What the last attempt failed with.
        last: String,
    },
    /// A server answers what cannot be.
    #[error("a server answers what cannot be: {0}")]
    Malformed(String),
    /// The operation asks for what cannot be.
    #[error("it cannot be asked for: {0}")]
    Invalid(&'static str),
}

/// An exception of a server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", self.short_class())]
pub struct RemoteError {
    /// Its class, with the package.
    pub class: String,
    /// The first line of its message.
    pub message: String,
    /// Whether the server says that there is no use in trying again.
    pub do_not_retry: bool,
}

/// What to do about an exception.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Remedy {
    /// The region is elsewhere, or about to be: look it up anew.
    Locate,
    /// Ask the same server later.
    Wait,
    /// Open a new scanner where the last row was.
    Reopen,
    /// Give up.
    Refuse,
}

/// The longest message of a server that is kept.
const MESSAGE_LEN_MAX: usize = 500;

/// Regions and servers that come, go or are gone.
const LOCATE: &[&str] = &[
    "NotServingRegionException",
    "RegionMovedException",
    "RegionOpeningException",
    "RegionServerAbortedException",
    "RegionServerStoppedException",
    "ServerNotRunningYetException",
    "PleaseHoldException",
    "MasterNotRunningException",
    "WrongRegionException",
];

/// Too much to do.
const WAIT: &[&str] = &[
    "RegionTooBusyException",
    "CallQueueTooBigException",
    "CallDroppedException",
    "RpcThrottlingException",
    "ServerTooBusyException",
    "MultiActionResultTooLarge",
];

/// The scanner is gone. Their own mark says not to try again: with the same scanner.
const REOPEN: &[&str] = &[
    "UnknownScannerException",
    "OutOfOrderScannerNextException",
    "ScannerResetException",
    "LeaseException",
];

impl RemoteError {
    pub(crate) fn new(exception: pb::ExceptionResponse) -> Self {
        let class = exception.exception_class_name.unwrap_or_default();
        let trace = exception.stack_trace.unwrap_or_default();
        let mut error = Self::from_trace(class, &trace);
        error.do_not_retry = exception.do_not_retry.unwrap_or(false);
        error
    }

    /// One that came within the answer to a [`pb::MultiRequest`].
    pub(crate) fn of_pair(pair: pb::NameBytesPair) -> Self {
        let trace = pair.value.unwrap_or_default();
        Self::from_trace(pair.name, &String::from_utf8_lossy(&trace))
    }

    fn from_trace(class: String, trace: &str) -> Self {
        let first = trace.lines().next().unwrap_or_default();
        let first = first.strip_prefix(class.as_str()).unwrap_or(first);
        let message = first.trim_start_matches([':', ' ']);
        let do_not_retry = class.ends_with(".NoSuchColumnFamilyException")
            || class.ends_with(".DoNotRetryIOException");
        Self { class, message: message.chars().take(MESSAGE_LEN_MAX).collect(), do_not_retry }
    }

    /// The class without its package.
    pub fn short_class(&self) -> &str {
        self.class.rsplit(['.', '$']).next().unwrap_or(&self.class)
    }

    pub(crate) fn remedy(&self) -> Remedy {
        let class = self.short_class();
        if REOPEN.contains(&class) {
            Remedy::Reopen
        } else if LOCATE.contains(&class) {
            Remedy::Locate
        } else if WAIT.contains(&class) {
            Remedy::Wait
        } else if self.do_not_retry {
            Remedy::Refuse
        } else {
            Remedy::Locate
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exception(class: &str, do_not_retry: bool) -> RemoteError {
        RemoteError::new(pb::ExceptionResponse {
            exception_class_name: Some(format!("org.apache.hadoop.hbase.{class}")),
            stack_trace: Some(format!("org.apache.hadoop.hbase.{class}: why\n\tat here")),
            hostname: None,
            port: None,
            do_not_retry: Some(do_not_retry),
        })
    }

    #[test]
    fn exceptions_have_remedies() {
        let remedy = |class, final_| exception(class, final_).remedy();
        assert_eq!(remedy("NotServingRegionException", false), Remedy::Locate);
        assert_eq!(remedy("ipc.ServerNotRunningYetException", false), Remedy::Locate);
        assert_eq!(remedy("RegionTooBusyException", false), Remedy::Wait);
        assert_eq!(remedy("UnknownScannerException", true), Remedy::Reopen);
        assert_eq!(remedy("regionserver.NoSuchColumnFamilyException", true), Remedy::Refuse);
        assert_eq!(remedy("SomethingNew", false), Remedy::Locate);
        assert_eq!(remedy("SomethingNew", true), Remedy::Refuse);
    }

    #[test]
    fn messages_are_one_line_without_the_package() {
        assert_eq!(exception("TooBad", true).to_string(), "TooBad: why");
    }
}
