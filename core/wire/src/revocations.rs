//! Which of a folder's revocation lists are in force.
//!
//! `PLATFORM.KIND.TIME-MD5.trl`: of each platform and kind (`read`, `write`, `full`) the list of
//! the greatest time replaces the others.

use std::collections::BTreeMap;

const SUFFIX: &str = ".trl";
const KINDS: [&str; 3] = ["read", "write", "full"];
const MD5_DIGITS: usize = 32;

/// The lists in force, by name; what is no list is left out.
pub fn lists_in_force<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let mut newest: BTreeMap<(&str, &str), (u64, &str)> = BTreeMap::new();
    for name in names {
        let Some((platform, kind, time)) = parse(name) else { continue };
        let known = newest.entry((platform, kind)).or_insert((time, name));
        if (time, name) > *known {
            *known = (time, name);
        }
    }
    newest.into_values().map(|(_, name)| name).collect()
}

/// The list of one platform and kind that is in force, and its time.
pub fn newest<'a>(
    names: impl IntoIterator<Item = &'a str>,
    (platform, kind): (&str, &str),
) -> Option<(u64, &'a str)> {
    let of = |name| parse(name).filter(|(p, k, _)| (*p, *k) == (platform, kind));
    names.into_iter().filter_map(|name| of(name).map(|(.., time)| (time, name))).max()
}

/// Platform, kind and time.
fn parse(name: &str) -> Option<(&str, &str, u64)> {
    let mut parts = name.strip_suffix(SUFFIX)?.split('.');
    let (platform, kind, rest) = (parts.next()?, parts.next()?, parts.next()?);
    let (time, md5) = rest.split_once('-')?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let is_digit = |c: char| matches!(c, '0'..='9' | 'a'..='f');
    let is_list = parts.next().is_none()
        && platform.chars().all(is_name)
        && KINDS.contains(&kind)
        && md5.len() == MD5_DIGITS
        && md5.chars().all(is_digit)
        && time.chars().all(|c| c.is_ascii_digit());
    Some((platform, kind, time.parse().ok()?)).filter(|_| is_list)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MD5: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn the_newest_list_of_each_kind_is_in_force() {
        let names: Vec<String> = ["a.read.9-", "a.read.10-", "a.write.1-", "b-1.full.5-"]
            .map(|n| format!("{n}{MD5}.trl"))
            .into();
        let found = lists_in_force(names.iter().map(String::as_str));
        assert_eq!(found, [&names[1], &names[2], &names[3]]);
    }

    #[test]
    fn the_newest_of_one_platform_is_found() {
        let names: Vec<String> = ["a.full.9-", "a.full.10-", "a.read.11-", "b.full.12-"]
            .map(|n| format!("{n}{MD5}.trl"))
            .into();
        let names = || names.iter().map(String::as_str);
        assert_eq!(newest(names(), ("a", "full")), names().nth(1).map(|name| (10, name)));
        assert_eq!(newest(names(), ("c", "full")), None);
    }

    #[test]
    fn what_is_no_list_is_left_out() {
        let upper = MD5.to_uppercase();
        for name in [
            format!("a.other.1-{MD5}.trl"),
            format!("a.read.1-{MD5}.txt"),
            format!("a.read.x-{MD5}.trl"),
            format!("a.read.1-{upper}.trl"),
            format!("a.b.read.1-{MD5}.trl"),
            format!("a c.read.1-{MD5}.trl"),
            format!("a.read.+1-{MD5}.trl"),
            format!("a.read.99999999999999999999-{MD5}.trl"),
            "a.read.1-0.trl".to_owned(),
            ".trl".to_owned(),
        ] {
            assert_eq!(lists_in_force([name.as_str()]), [""; 0], "{name}");
        }
    }
}
