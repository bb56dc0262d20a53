//! Tenants and their series, by name.

use weft_gts::{Labels, Metadata};

use super::SeriesName;

/// The application of a tenant.
pub fn app(tenant: usize) -> String {
    format!("app{tenant}")
}

/// The tenant that limits know by that name: its UUID, or its application.
pub fn tenant_of_entity(entity: &str) -> Option<usize> {
    if let Some(tenant) = entity.strip_prefix("app") {
        return tenant.parse().ok();
    }
    let [first, ..] = weft_wire::token::parse_uuid(entity)?;
    usize::from(first).checked_sub(1)
}

/// The class of a series.
pub fn class(series: &SeriesName) -> String {
    format!("t{}.s{}", series.tenant, series.series)
}

/// The class of a selector of all series of a tenant.
pub fn class_of_all(tenant: usize) -> String {
    format!("~t{tenant}[.]s[0-9]*")
}

/// A series as a line of an update names it.
pub(super) fn named(series: &SeriesName) -> String {
    format!("{}{{k=v{}}}", class(series), series.series % 3)
}

/// The metadata of a series as ingress makes them.
pub fn metadata_of(series: &SeriesName) -> Metadata {
    let user = weft_wire::token::uuid(&[series.tenant as u8 + 1; 16]);
    let mut labels = Labels::new();
    labels.insert(".app", app(series.tenant));
    labels.insert(".owner", user.clone());
    labels.insert(".producer", user);
    labels.insert("k", format!("v{}", series.series % 3));
    Metadata::new(class(series), labels)
}

/// The series that a line of find names.
pub(super) fn series_of_line(line: &str) -> Option<SeriesName> {
    let class = line.split('{').next()?;
    let (tenant, series) = class.strip_prefix('t')?.split_once(".s")?;
    Some(SeriesName { tenant: tenant.parse().ok()?, series: series.parse().ok()? })
}

/// The attributes of a series that a line of find names.
pub(super) fn attributes_of_line(line: &str) -> Option<Labels> {
    let metadata = weft_gts::text::parse_metadata(line.as_bytes()).ok()??;
    Some(metadata.attributes)
}
