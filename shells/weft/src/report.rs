//! What the operator reads: one line an event on standard error.

use std::time::{SystemTime, UNIX_EPOCH};

/// Reports something that the operator should know.
pub(crate) fn warn(component: &str, message: &str) {
    line("WARN", component, message);
}

/// Reports the normal course of things.
pub(crate) fn info(component: &str, message: &str) {
    line("INFO", component, message);
}

fn line(level: &str, component: &str, message: &str) {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    eprintln!("{seconds} {level} {component}: {message}");
}
