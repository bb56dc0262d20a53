//! `weft token revoke`: adds to the list that is in force, which every process reads that looks at the
//! folder (`warp.trl.dir`).

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use md5::{Digest, Md5};
use weft_wire::revocations::newest;
use weft_wire::token::{Revocations, TokenKeys};

use crate::home::hex;

/// The lists that are made here: others in the folder stay in force beside them.
const LIST: (&str, &str) = ("weft", "full");

/// One at a time: a list takes the place of the one before it.
const LOCK: &str = "weft.lock";

/// Adds lines to the list, and returns the file that is in force then, whole and durable.
pub(super) fn revoke(
    keys: &TokenKeys,
    folder: &Path,
    lines: &[String],
    now_ms: i64,
) -> Result<PathBuf, String> {
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    let lock = File::create(folder.join(LOCK)).map_err(failed)?;
    lock.lock().map_err(failed)?;
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        names.extend(entry.map_err(failed)?.file_name().into_string());
    }
    let last = newest(names.iter().map(String::as_str), LIST);
    let mut text = match last {
        Some((_, name)) => fs::read_to_string(folder.join(name)).map_err(failed)?,
        None => "# Made by weft token revoke.\n".to_owned(),
    };
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    for line in lines {
        if !text.lines().any(|known| known.trim() == line) {
            text.push_str(line);
            text.push('\n');
        }
    }
    // What nobody could read would be passed over as a whole.
    Revocations::default().add_list(keys, &text).map_err(|error| error.to_string())?;
    let after = last.map_or(0, |(time, _)| time.saturating_add(1));
    let time = u64::try_from(now_ms).unwrap_or(0).max(after);
    let (platform, kind) = LIST;
    let path = folder.join(format!("{platform}.{kind}.{time}-{}.trl", hex(&Md5::digest(&text))));
    write_whole(folder, &path, &text).map_err(failed)?;
    // The last one may be being read; those before it are of no use.
    for name in &names {
        let of = newest([name.as_str()], LIST);
        if of.is_some_and(|(time, _)| last.is_some_and(|(last, _)| time < last)) {
            fs::remove_file(folder.join(name)).map_err(failed)?;
        }
    }
    Ok(path)
}

/// All of it or nothing, whenever the machine stops.
fn write_whole(folder: &Path, path: &Path, text: &str) -> std::io::Result<()> {
    let new = folder.join("weft.new");
    let mut file = File::create(&new)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(new, path)?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use weft_gts::{SipKey, WrapKey};

    use super::*;

    fn keys() -> TokenKeys {
        let (sip, app) = (SipKey::from_bytes([1; 16]), SipKey::from_bytes([2; 16]));
        TokenKeys { sip, app, aes: WrapKey::new(&[3; 32]).expect("a key") }
    }

    #[test]
    fn each_list_has_what_the_last_one_had() {
        let folder = tempfile::TempDir::new().expect("a folder");
        let root = folder.path();
        let other = root.join(format!("other.full.9-{}.trl", "0".repeat(32)));
        fs::write(&other, "+other").expect("a file");
        let add = |line: &str, now_ms| {
            let path = revoke(&keys(), root, &[line.to_owned()], now_ms).expect("a list");
            fs::read_to_string(path).expect("a list").lines().skip(1).map(str::to_owned).collect()
        };
        let lists: [Vec<String>; 4] = [
            add("+a", 7),
            // The clock went back.
            add("0123456789abcdef", 3),
            add("+a", 20),
            add("+b c", 21),
        ];
        assert_eq!(lists[0], ["+a"]);
        assert_eq!(lists[1], ["+a", "0123456789abcdef"]);
        assert_eq!(lists[2], lists[1]);
        assert_eq!(lists[3], ["+a", "0123456789abcdef", "+b c"]);
        let error = revoke(&keys(), root, &["junk".to_owned()], 99).expect_err("no list");
        assert!(error.contains("junk"), "{error}");
        assert!(other.exists());
        let mut left: Vec<_> =
            fs::read_dir(root).expect("a folder").map(|e| e.expect("a file").file_name()).collect();
        left.sort();
        let times: Vec<_> = left
            .iter()
            .filter_map(|name| newest([name.to_str().expect("a name")], LIST).map(|(time, _)| time))
            .collect();
        assert_eq!(times, [20, 21], "{left:?}");
    }

    #[test]
    fn lists_that_are_made_at_once_have_all() {
        let folder = tempfile::TempDir::new().expect("a folder");
        std::thread::scope(|scope| {
            for app in 0..8 {
                let root = folder.path();
                scope.spawn(move || revoke(&keys(), root, &[format!("+{app}")], 5));
            }
        });
        let path = revoke(&keys(), folder.path(), &["+last".to_owned()], 5).expect("a list");
        assert_eq!(fs::read_to_string(path).expect("a list").lines().count(), 10);
    }
}
