//! Selectors: read or refused; what was read says which series it means.

#![no_main]

use libfuzzer_sys::fuzz_target;
use weft_gts::{Labels, Metadata, Selector, SelectorText};

fuzz_target!(|text: &str| {
    let Ok(parsed) = SelectorText::parse(text) else {
        return;
    };
    let series = [
        Metadata::default(),
        Metadata::new("class", Labels::from_iter([("label", "value"), ("", "é😀")])),
    ];
    for absent_labels in [false, true] {
        if let Ok(selector) = Selector::new(&parsed, absent_labels) {
            for metadata in &series {
                let _ = selector.matches(metadata);
            }
        }
    }
});
