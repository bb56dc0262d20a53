//! What bytes on disk may do to the log: be read, be cut as a torn tail, or be told to be damaged.
//! For fuzz targets, and for the same properties as tests. No fuzzer guesses a checksum, so those
//! are put right.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use weft_files::{Files, SimulatedDisk};

use super::check::check;
use super::commits::Commits;
use super::partition::{Cursor, Partition};

const FOLDER: &str = "/log/topics/t/0";
const SEGMENT: &str = "00000000000000000000.log";

/// A segment, as it is, and as the contents of records with lengths and checksums: the partition
/// is opened and all of it read, or its damage is told; opened again, it is the same.
pub fn segment(bytes: &[u8]) {
    open(bytes);
    let mut sealed = Vec::new();
    for (offset, body) in (0..).zip(bytes.split(|&byte| byte == 0xff)) {
        // Mostly the right offset, so that more than the first record is looked at.
        let mut content = body.to_vec();
        if content.first().is_some_and(|first| first % 8 > 0) && content.len() > 20 {
            content[..8].copy_from_slice(&u64::to_le_bytes(offset));
            content[18..20].copy_from_slice(&[0; 2]);
        }
        sealed.extend((content.len() as u32).to_le_bytes());
        sealed.extend(crc32fast::hash(&content).to_le_bytes());
        sealed.extend(content);
    }
    open(&sealed);
}

/// What groups have done, as it is, and with the right checksum.
pub fn commits(text: &[u8]) {
    let sealed = format!("crc32 {:08x}\n", crc32fast::hash(text));
    for bytes in [text.to_vec(), [text, sealed.as_bytes()].concat()] {
        let disk = SimulatedDisk::new(1);
        write(&disk, Path::new("/log"), "commits", &bytes);
        let files: Arc<dyn Files> = Arc::new(disk);
        if let Ok(commits) = Commits::open(files.clone(), Path::new("/log")) {
            let ends = commits.ends();
            let again = commits.text();
            let disk = SimulatedDisk::new(1);
            write(&disk, Path::new("/log"), "commits", again.as_bytes());
            let again = Commits::open(Arc::new(disk), Path::new("/log")).expect("what was written");
            assert_eq!(again.ends(), ends);
        }
    }
}

fn open(bytes: &[u8]) {
    let disk = SimulatedDisk::new(1);
    write(&disk, Path::new(FOLDER), SEGMENT, bytes);
    let files: Arc<dyn Files> = Arc::new(disk);
    let _ = check(&files, Path::new("/log"));
    let partition = || Partition::open(files.clone(), Path::new(FOLDER), 1_000);
    let Ok(opened) = partition() else { return };
    let mut cursor = Cursor::at(0);
    let (mut count, end) = (0, opened.end());
    assert!(end <= bytes.len() as u64, "{end} records of {} bytes", bytes.len());
    loop {
        let records = opened.read(&mut cursor, 64, Bytes::from).expect("it was checked");
        if records.is_empty() {
            break;
        }
        for record in records {
            assert_eq!(record.offset, count);
            count += 1;
        }
    }
    assert_eq!(count, end);
    assert_eq!(partition().expect("it was opened before").end(), end);
}

fn write(disk: &SimulatedDisk, folder: &Path, name: &str, bytes: &[u8]) {
    disk.create_folder(folder).expect("a folder");
    let file = disk.append(&folder.join(name), 0);
    file.and_then(|mut file| file.write_all(bytes)).expect("a disk");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::segment::write_record;
    use super::*;

    proptest! {
        #[test]
        fn hostile_bytes_are_read_or_told(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            segment(&bytes);
            commits(&bytes);
        }

        #[test]
        fn segments_that_were_altered_are_read_or_told(
            values in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..30), 1..9),
            place in any::<prop::sample::Index>(),
            to in any::<u8>(),
            length in any::<prop::sample::Index>(),
        ) {
            let mut bytes = Vec::new();
            for (offset, value) in (0..).zip(&values) {
                write_record(&mut bytes, offset, 1, b"k", value);
            }
            let place = place.index(bytes.len());
            bytes[place] = to;
            segment(&bytes);
            segment(&bytes[..length.index(bytes.len())]);
        }

        #[test]
        fn commits_that_were_altered_are_read_or_told(
            lines in prop::collection::vec(
                "[0-9]{0,20}\\t[0-9]{0,4}\\t[a-z]{0,3}\\t[a-z\\r]{0,3}(\\t[a-z\\r]{0,2})?",
                0..5,
            ),
        ) {
            commits(lines.join("\n").as_bytes());
        }
    }

    #[test]
    fn a_group_of_control_characters_is_damage() {
        commits(b"2\t1\t1\t\t0\n72\t1\t2\t\r");
    }
}
