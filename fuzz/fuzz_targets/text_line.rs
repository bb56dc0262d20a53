//! Lines of the text format: read or refused with an offset inside the line.

#![no_main]

use libfuzzer_sys::fuzz_target;
use weft_gts::text::{LineError, MetadataLimits, ParseOptions, parse_line, parse_metadata};
use weft_gts::{Labels, Metadata};

fuzz_target!(|line: &[u8]| {
    let previous = Metadata::new("c", Labels::from_iter([("l", "v")]));
    let strict = ParseOptions {
        now: 1_000,
        timeshift: -1,
        oldest: Some(-1_000_000),
        newest: Some(1_000_000),
        value_length_max: 16,
        ..ParseOptions::default()
    };
    let lenient = ParseOptions { ignore_out_of_range: true, ..strict.clone() };
    let limits = MetadataLimits { labels_size_max: 8, attributes_size_max: 8 };
    for options in [ParseOptions::default(), strict, lenient] {
        for previous in [None, Some(&previous)] {
            match parse_line(line, previous, &options) {
                Ok(read) => {
                    let _ = read.value.as_ref();
                    if let Some(series) = read.series {
                        let _ = series.attributes();
                        if let Ok(metadata) = series.metadata(&Labels::new()) {
                            let _ = read.check_metadata(&metadata, &limits);
                        }
                    }
                }
                // Offsets are in characters, which are never more than bytes.
                Err(LineError::Parse(error)) => assert!(error.offset <= line.len(), "{error}"),
                Err(_) => {}
            }
        }
    }
    let _ = parse_metadata(line);
});
