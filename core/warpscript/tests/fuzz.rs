//! Scripts of any kind: none may panic, hang or pass a limit.

use std::sync::Arc;

use proptest::prelude::*;
use weft_warpscript::error::{Error, Kind};
use weft_warpscript::machine::{Clock, Machine, Run};
use weft_warpscript::registry::{self, Action, families};
use weft_warpscript::requests::Answer;
use weft_warpscript::{Config, Limits};

/// Slices after which a script that has not ended is ended.
const SLICES: usize = 200;

/// Fuel of a slice.
const FUEL: u64 = 2_000;

/// Bytes that a script may hold.
const MEMORY: usize = 8 << 20;

fn config() -> Arc<Config> {
    let soft =
        Limits { ops: 20_000, buckets: 10_000, pixels: 10_000, geocells: 1_000, ..Limits::MAX };
    let mut config = Config { soft, memory: MEMORY, ..Config::default() };
    config.keys.class = Some([1; 16]);
    config.keys.labels = Some([2; 16]);
    config.keys.token = Some([3; 16]);
    config.keys.token_aes = Some(vec![4; 32]);
    config.keys.scripts_aes = Some(vec![5; 32]);
    config.keys.metasets_aes = Some(vec![6; 32]);
    config.extensions = registry::Extension::ALL.map(|e| e.class().to_owned()).into();
    Arc::new(config)
}

/// Runs a script; every request of it fails.
fn run(script: &str) {
    let mut machine = Machine::new(config(), script);
    let mut clock = Clock { wall_ns: 1_700_000_000_000_000_000, mono_ns: 1 };
    let mut slices = 0;
    loop {
        match machine.run(FUEL, clock, [7; 32]) {
            Run::Done => break,
            Run::Need(id, _) => {
                machine.answer(id, Answer::Err(Error::new(Kind::Script, "is not there.")));
            }
            Run::Cancel(_) => {}
            Run::OutOfFuel | Run::Waiting => {
                slices += 1;
                clock.mono_ns += 5_000_000;
                clock.wall_ns += 5_000_000;
                if slices > SLICES {
                    machine.abort("It runs too long.");
                }
            }
        }
        assert!(machine.heap.used() <= 2 * MEMORY, "{} bytes", machine.heap.used());
        assert!(machine.ops() <= 40_000, "{} operations", machine.ops());
    }
    let _ = machine.stack_json();
    if let Some(failure) = machine.failure() {
        let _ = failure.error.brief(1_024);
    }
}

/// Macros that only call reach no end at which operations are looked at.
#[test]
fn calls_without_an_end_are_counted() {
    run("<% 'a' STORE 41 @m + %> 'm' STORE 41 @m");
}

/// Words that run, by name.
fn words() -> Vec<&'static str> {
    let all = families().iter().flat_map(|family| family.words);
    all.filter(|word| !matches!(word.action, Action::Push(_))).map(|word| word.name).collect()
}

/// Function values, by name.
fn functions() -> Vec<&'static str> {
    let all = families().iter().flat_map(|family| family.words);
    all.filter(|word| matches!(word.action, Action::Push(_))).map(|word| word.name).collect()
}

/// Values of all kinds, sane and not.
fn value() -> impl Strategy<Value = String> {
    let numbers = prop_oneof![
        (-3i64..10).prop_map(|n| n.to_string()),
        any::<i64>().prop_map(|n| n.to_string()),
        any::<f64>().prop_filter("a literal", |d| d.is_finite()).prop_map(|d| format!("{d:?}")),
        Just("1.5".to_owned()),
    ];
    let others = prop_oneof![
        "[a-z%A-F0-9 .*{}=~]{0,6}".prop_map(|text| format!("'{}'", text.replace('%', "%25"))),
        prop::sample::select(vec![
            "T",
            "NULL",
            "NaN",
            "Infinity",
            "MINLONG",
            "MAXLONG",
            "[]",
            "{}",
            "()",
            "[[ ]]",
            "MARK",
            "<% %>",
            "<% + %>",
            "<% DUP %>",
            "<% DROP 1 %>",
            "$x",
            "NEWGTS",
            "NEWENCODER",
            "'UTC'",
            "'é😀'",
            "'PT1S'",
            "'2020-01-01T00:00:00Z'",
            "'GMT+1'",
            "'00ff' HEX->",
            "'a' 'UTF-8' ->BYTES",
            "'POLYGON((0 0,1 0,1 1,0 0))'",
            "{ 'a' 1 'b' [ 2 ] }",
            "[ 1 2 3 ]",
            "[ 1.5 'a' NULL ]",
            "[ [ 1 2 ] [ 3 4 ] ]",
            "<% T %>",
            "10 ->BD",
            "'c' RENAME",
            "{ 'k' 'v' } RELABEL",
        ])
        .prop_map(str::to_owned),
        (0i64..8).prop_map(|count| {
            let points = (0..count).map(|i| format!("{i} NaN NaN NaN {i} ADDVALUE "));
            format!("NEWGTS 'g' RENAME {}", points.collect::<String>())
        }),
        Just("NEWGTS 'g' RENAME 1 48.0 2.0 10 1.5 ADDVALUE 7 NaN NaN NaN 2.5 ADDVALUE".to_owned()),
        Just("NEWGTS 0 NaN NaN NaN 'x' ADDVALUE MAXLONG NaN NaN NaN 'y' ADDVALUE".to_owned()),
        Just(
            "NEWGTS 0 NaN NaN NaN T ADDVALUE [ SWAP bucketizer.last 0 10 5 ] BUCKETIZE".to_owned()
        ),
    ];
    prop_oneof![numbers, others]
}

/// A statement: a value, a word, a function value, or a small construct around others.
fn statement() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        4 => value(),
        5 => prop::sample::select(words()).prop_map(str::to_owned),
        1 => prop::sample::select(functions()).prop_map(str::to_owned),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5)
                .prop_map(|s| format!("<% {} %>", s.join(" "))),
            prop::collection::vec(inner.clone(), 0..5).prop_map(|s| format!("[ {} ]", s.join(" "))),
            prop::collection::vec(inner.clone(), 0..4)
                .prop_map(|s| format!("{{ {} }}", s.join(" "))),
            inner.prop_map(|s| format!("0 5 <% {s} %> FOR")),
        ]
    })
}

fn cases() -> u32 {
    // More with PROPTEST_CASES.
    ProptestConfig::default().cases
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]

    #[test]
    fn any_text_ends(text in "\\PC{0,80}") {
        run(&text);
    }

    #[test]
    fn any_bytes_end(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
        run(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn any_statements_end(statements in prop::collection::vec(statement(), 1..12)) {
        run(&statements.join(" "));
    }

    #[test]
    fn any_word_takes_any_values(
        values in prop::collection::vec(value(), 0..5),
        word in prop::sample::select(words()),
    ) {
        run(&format!("{} {word}", values.join(" ")));
    }

    #[test]
    fn any_word_takes_any_list(
        values in prop::collection::vec(prop_oneof![
            value(),
            prop::sample::select(functions()).prop_map(str::to_owned),
        ], 0..6),
        word in prop::sample::select(words()),
    ) {
        run(&format!("[ {} ] {word}", values.join(" ")));
    }
}
