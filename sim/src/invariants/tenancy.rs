//! A tenant finds its own series and nobody else's.

use crate::clients::SeriesName;

/// Checks a line of the answer to a find: the series that it names, of a tenant that has `count`.
pub fn check(
    tenant: usize,
    count: usize,
    line: &str,
    named: Option<SeriesName>,
) -> Result<usize, String> {
    match named {
        Some(series) if series.tenant == tenant && series.series < count => Ok(series.series),
        _ => Err(format!("tenant {tenant} found {line}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_the_tenants_is_seen() {
        let series = |tenant, series| Some(SeriesName { tenant, series });
        assert_eq!(check(1, 3, "", series(1, 2)), Ok(2));
        assert!(check(1, 3, "", series(0, 2)).is_err(), "of another tenant");
        assert!(check(1, 3, "", series(1, 3)).is_err(), "never written");
        assert!(check(1, 3, "x", None).is_err(), "no series at all");
    }
}
