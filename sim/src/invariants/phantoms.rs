//! What is read was written: this value, of this datapoint, by this tenant.

use crate::clients::{SeriesName, Write, class};

/// Checks a datapoint of an answer, a line of a fetch. `write` is what its value was written as.
pub fn check_line<'a>(
    tenant: usize,
    tick: i64,
    line: &str,
    write: Option<&'a Write>,
) -> Result<&'a SeriesName, String> {
    let is_own = |write: &&Write| {
        write.tick == tick
            && write.series.tenant == tenant
            && line.contains(&format!(" {}", class(&write.series)))
    };
    let own = write.filter(is_own).map(|write| &write.series);
    own.ok_or_else(|| format!("tenant {tenant} read {line}, written as {write:?}"))
}

/// Checks a value that a script answered.
pub fn check_value<'a>(
    tenant: usize,
    value: &str,
    write: Option<&'a Write>,
) -> Result<&'a Write, String> {
    let own = write.filter(|write| write.series.tenant == tenant);
    own.ok_or_else(|| format!("a script of tenant {tenant} read {value}: {write:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_written_so_is_seen() {
        let series = SeriesName { tenant: 1, series: 2 };
        let (sent_ns, acked_ns) = (0, None);
        let write = Write { series, tick: 5, sent_ns, acked_ns, is_unsure: false };
        let (write, line) = (Some(&write), "5// t1.s2{} 7");
        assert!(check_line(1, 5, line, write).is_ok());
        assert!(check_line(1, 5, line, None).is_err(), "never written");
        assert!(check_line(0, 5, line, write).is_err(), "by another tenant");
        assert!(check_line(1, 6, line, write).is_err(), "at another time");
        assert!(check_line(1, 5, "5// t1.s3{} 7", write).is_err(), "to another series");
        assert!(check_value(1, "7", write).is_ok());
        assert!(check_value(0, "7", write).is_err());
        assert!(check_value(1, "7", None).is_err());
    }
}
