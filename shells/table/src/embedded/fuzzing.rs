//! What bytes on disk may do to the table: be read, or be told to be damaged. For fuzz targets, and
//! for the same properties as tests. No fuzzer guesses a checksum, so those are put right.

use std::path::Path;

use weft_files::{Files, SimulatedDisk};

use super::block;
use super::check::check_blocks;
use super::cursor::Cursor;
use super::manifest::Manifest;

/// The contents of a block: cells or damage; cells that were read are written so that they are
/// read as the same.
pub fn block(bytes: &[u8]) {
    let Ok(cells) = block::read(bytes) else { return };
    assert!(cells.len() <= block::BLOCK_CELLS, "{} cells", cells.len());
    let mut again = Vec::new();
    block::write(&mut again, &cells);
    let Ok(read) = block::read(&again) else { panic!("what was written is not read") };
    assert_eq!(read.points.ticks, cells.points.ticks);
    assert_eq!((&read.cell_ms, &read.ttl_ms), (&cells.cell_ms, &cells.ttl_ms));
    let mut twice = Vec::new();
    block::write(&mut twice, &read);
    assert_eq!(again, twice);
}

/// A manifest and a file of blocks, each checksum put right: the table is opened and read, or its
/// damage is told. The first byte says which part the bytes are.
pub fn files(bytes: &[u8]) {
    let Some((&kind, bytes)) = bytes.split_first() else { return };
    let (folder, name) = (Path::new("/blocks"), "0000000000000001.blocks");
    let disk = SimulatedDisk::new(1);
    disk.create_folder(folder).expect("a folder");
    let write = |name: &str, bytes: &[u8]| {
        disk.append(&folder.join(name), 0).and_then(|mut f| f.write_all(bytes)).expect("a disk");
    };
    if kind % 4 == 0 {
        write("manifest", &sealed(&[b"weftman1", bytes].concat()));
    } else {
        Manifest { next: 2, files: vec![1] }.store(&disk, folder).expect("a disk");
        write(name, &file(kind, bytes));
    }
    let _ = check_blocks(&disk, folder);
    let _ = super::engine::Engine::open(std::sync::Arc::new(disk.clone()), folder, 1);
}

/// A file of one block, one page and a directory, of which one is hostile.
fn file(kind: u8, bytes: &[u8]) -> Vec<u8> {
    use weft_gts::varint;
    let block = if kind % 4 == 1 { bytes } else { &[][..] };
    let mut out = b"weftblk1".to_vec();
    out.extend(sealed(block));
    let page = match kind % 4 {
        2 => bytes.to_vec(),
        _ => {
            // One series, no tombstone, one block.
            let mut page = vec![1; 16];
            page.extend([0, 1, 8]);
            let count = Cursor::new(block).length().unwrap_or_default();
            varint::write_unsigned(&mut page, block.len() as u64 + 4);
            varint::write_signed(&mut page, i64::from(kind));
            varint::write_unsigned(&mut page, 0);
            varint::write_unsigned(&mut page, count as u64);
            page.push(0);
            page
        }
    };
    let position = out.len() as u64;
    out.extend(sealed(&page));
    let directory = match kind % 4 {
        3 => bytes.to_vec(),
        _ => {
            let mut directory = vec![1];
            directory.extend([1; 16]);
            varint::write_signed(&mut directory, i64::from(kind));
            varint::write_unsigned(&mut directory, position);
            varint::write_unsigned(&mut directory, page.len() as u64 + 4);
            directory
        }
    };
    let position = out.len() as u64;
    out.extend(sealed(&directory));
    for number in [position, directory.len() as u64 + 4, 1] {
        out.extend(number.to_le_bytes());
    }
    out.extend(b"weftblk1");
    out
}

fn sealed(bytes: &[u8]) -> Vec<u8> {
    [&crc32fast::hash(bytes).to_le_bytes(), bytes].concat()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::block::tests::any_cells;
    use super::*;

    proptest! {
        #[test]
        fn hostile_bytes_are_read_or_told(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            block(&bytes);
            files(&bytes);
        }

        #[test]
        fn blocks_that_were_altered_are_read_or_told(
            cells in any_cells(),
            place in any::<prop::sample::Index>(),
            to in any::<u8>(),
        ) {
            let mut bytes = vec![1];
            block::write(&mut bytes, &cells);
            files(&bytes);
            let place = 1 + place.index(bytes.len() - 1);
            bytes[place] = to;
            block(&bytes[1..]);
            files(&bytes);
        }
    }
}
