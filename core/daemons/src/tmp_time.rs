use weft_gts::TimeUnit;
pub(crate) fn parse_duration(_: &str, _: TimeUnit) -> Result<i64, String> {
    Err(String::new())
}
pub(crate) fn parse_instant(_: &str, _: TimeUnit) -> Result<i64, String> {
    Err(String::new())
}
