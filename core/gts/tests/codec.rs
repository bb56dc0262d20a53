//! What is encoded is decoded, and nothing that is fed to the decoder hurts it.

use proptest::collection::vec;
use proptest::prelude::*;
use weft_gts::{
    Decoder, Encoder, NO_ELEVATION, NO_LOCATION, PointRef, Value, ValueRef, WrapKey, dedup,
};

/// Longs of every size, near each other often enough for deltas.
fn longs() -> impl Strategy<Value = i64> {
    prop_oneof![
        Just(0),
        Just(i64::MIN),
        Just(i64::MAX),
        -5i64..5,
        (any::<i64>(), 0u32..64).prop_map(|(long, shift)| long >> shift),
        prop::sample::select(vec![1i64 << 48, (1 << 48) - 1, -(1 << 48), 1_440_000_000_000_000]),
    ]
}

fn doubles() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<u64>().prop_map(f64::from_bits),
        prop::sample::select(vec![0.0, -0.0, 1.5, f64::NAN, f64::INFINITY, f64::MIN_POSITIVE]),
    ]
}

fn texts() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), Just("é".to_owned()), "\\PC{0,12}"]
}

fn values() -> impl Strategy<Value = Value> {
    prop_oneof![
        longs().prop_map(Value::Long),
        doubles().prop_map(Value::Double),
        (longs(), -140i32..140)
            .prop_map(|(unscaled, scale)| Value::Decimal(weft_gts::Decimal { unscaled, scale })),
        any::<bool>().prop_map(Value::Boolean),
        texts().prop_map(|text| Value::String(text.into())),
        prop_oneof![Just(vec![0xe9]), vec(any::<u8>(), 0..12)]
            .prop_map(|bytes| Value::Bytes(bytes.into())),
        Just(Value::Deleted),
    ]
}

fn points() -> impl Strategy<Value = Vec<PointRef>> {
    let location = prop_oneof![2 => Just(NO_LOCATION), 1 => longs()];
    let elevation = prop_oneof![2 => Just(NO_ELEVATION), 1 => longs()];
    let point =
        (longs(), location, elevation, values()).prop_map(|(tick, location, elevation, value)| {
            PointRef { tick, location, elevation, value }
        });
    vec(point, 0..20)
}

fn encode(base: i64, points: &[PointRef]) -> Encoder {
    let mut encoder = Encoder::new(base);
    for point in points {
        encoder.add(point.tick, point.location, point.elevation, &point.value);
    }
    encoder
}

fn decode(decoder: Decoder<'_>) -> Vec<PointRef> {
    decoder.map(|point| point.expect("what was encoded is well formed")).collect()
}

/// Whether a value came back as the format keeps it: decimals as equal numbers, NaN as any NaN, a
/// zero without its sign when it repeats one.
fn is_kept(before: &Value, after: &Value) -> bool {
    match (before, after) {
        (Value::Double(a), Value::Double(b)) => a == b || a.is_nan() && b.is_nan(),
        (Value::Decimal(a), Value::Decimal(b)) => a.normalized() == *b,
        (Value::Decimal(a), Value::Double(b)) => a.to_f64() == *b,
        (a, b) => a == b,
    }
}

#[track_caller]
fn assert_kept(before: &[PointRef], after: &[PointRef]) {
    assert_eq!(before.len(), after.len());
    for (before, after) in before.iter().zip(after) {
        assert_eq!(before.tick, after.tick);
        assert!(is_kept(&before.value, &after.value), "{before:?} became {after:?}");
        let place = match before.value {
            Value::Deleted => (NO_LOCATION, NO_ELEVATION),
            _ => (before.location, before.elevation),
        };
        assert_eq!(place, (after.location, after.elevation));
    }
}

fn key() -> WrapKey {
    WrapKey::new(&[7; 32]).expect("32 bytes")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn points_come_back(base in longs(), points in points()) {
        let encoder = encode(base, &points);
        prop_assert_eq!(encoder.count(), points.len() as u64);
        assert_kept(&points, &decode(Decoder::new(base, &encoder.bytes(), None)));
    }

    #[test]
    fn encrypted_points_come_back_with_the_key_alone(base in longs(), points in points()) {
        let mut encoder = encode(base, &points);
        encoder.set_key(Some(key()));
        let bytes = encoder.bytes();
        assert_kept(&points, &decode(Decoder::new(base, &bytes, Some(&key()))));
        prop_assert_eq!(decode(Decoder::new(base, &bytes, None)), []);
        let other = WrapKey::new(&[8; 16]).expect("16 bytes");
        prop_assert_eq!(decode(Decoder::new(base, &bytes, Some(&other))), []);
    }

    #[test]
    fn merged_points_come_back(
        (base, other_base) in prop_oneof![longs().prop_map(|b| (b, b)), (longs(), longs())],
        (first, second, third) in (points(), points(), points()),
        encrypted in any::<bool>(),
    ) {
        let [mut a, mut b] = [encode(base, &first), encode(other_base, &second)];
        if encrypted {
            a.set_key(Some(key()));
            b.set_key(Some(key()));
        }
        a.merge(&b).expect("what was encoded is well formed");
        for point in &third {
            a.add(point.tick, point.location, point.elevation, &point.value);
        }
        let all = [first, second, third].concat();
        assert_kept(&all, &decode(a.decoder()));
        assert_kept(&all, &decode(Decoder::new(a.base(), &a.bytes(), Some(&key()))));
    }

    #[test]
    fn the_rest_is_what_was_not_read(
        points in points(), more in points(), read in 0usize..20, encrypted in any::<bool>(),
    ) {
        let mut encoder = encode(0, &points);
        encoder.set_key(encrypted.then(key));
        let bytes = encoder.bytes();
        let mut decoder = Decoder::new(0, &bytes, Some(&key()));
        let read = read.min(points.len());
        for _ in 0..read {
            decoder.next_point().expect("well formed");
        }
        let mut rest = decoder.rest();
        for point in &more {
            rest.add(point.tick, point.location, point.elevation, &point.value);
        }
        assert_kept(&[&points[read..], &more].concat(), &decode(rest.decoder()));
        // Merging re-encodes what another decoder could not read.
        let mut merged = Encoder::new(0);
        merged.add(1, NO_LOCATION, NO_ELEVATION, ValueRef::Long(1));
        merged.merge(&rest).expect("well formed");
        let all = decode(Decoder::new(0, &merged.bytes(), None));
        assert_kept(&[&points[read..], &more].concat(), &all[1..]);
    }

    #[test]
    fn a_flushed_encoder_is_readable_alone(dropped in points(), points in points()) {
        let mut encoder = encode(5, &dropped);
        encoder.flush();
        for point in &points {
            encoder.add(point.tick, point.location, point.elevation, &point.value);
        }
        assert_kept(&points, &decode(Decoder::new(5, &encoder.bytes(), None)));
    }

    #[test]
    fn columns_hold_the_same_points(points in points()) {
        let encoder = encode(0, &points);
        let columns = encoder.decoder().columns().expect("well formed");
        assert_kept(&points, &columns.iter().collect::<Vec<_>>());
        let mut again = Encoder::new(0);
        again.add_columns(&columns);
        assert_kept(&points, &decode(again.decoder()));
    }

    #[test]
    fn numbers_at_once_are_the_same_bytes(
        before in points(),
        numbers in vec((any::<i64>(), prop_oneof![any::<i64>(), -3i64..3]), 0..40),
        near: bool,
        is_double: bool,
        size_max in 0usize..400,
    ) {
        let ticks: Vec<i64> =
            numbers.iter().map(|(tick, _)| if near { tick >> 40 } else { *tick }).collect();
        let longs: Vec<i64> = numbers.iter().map(|(_, number)| *number).collect();
        let doubles: Vec<f64> = longs.iter().map(|long| *long as f64 / 4.0).collect();
        let (mut once, mut each) = (encode(7, &before), encode(7, &before));
        let added = if is_double {
            once.add_doubles(&ticks, &doubles, size_max)
        } else {
            once.add_longs(&ticks, &longs, size_max)
        };
        for (index, tick) in ticks.iter().enumerate() {
            if index > 0 && each.size() >= size_max {
                break;
            }
            let value = match is_double {
                true => ValueRef::Double(doubles[index]),
                false => ValueRef::Long(longs[index]),
            };
            each.add(*tick, NO_LOCATION, NO_ELEVATION, value);
        }
        prop_assert_eq!(once.bytes(), each.bytes());
        prop_assert_eq!(once.count(), each.count());
        prop_assert_eq!(added as u64, each.count() - before.len() as u64);
        // What comes after rests on the same memory.
        for encoder in [&mut once, &mut each] {
            encoder.add(8, 1, 2, ValueRef::Long(3));
            encoder.add(9, NO_LOCATION, NO_ELEVATION, ValueRef::Double(3.0));
        }
        prop_assert_eq!(once.bytes(), each.bytes());
    }

    #[test]
    fn series_have_one_type_and_every_point(points in points()) {
        let encoder = encode(0, &points);
        let columns = encoder.decoder().series_columns().expect("well formed");
        let expected: Vec<_> =
            decode(encoder.decoder()).into_iter().filter(|p| p.value != Value::Deleted).collect();
        prop_assert_eq!(columns.len(), expected.len());
        prop_assert_eq!(columns.values.len(), expected.len());
        for (got, expected) in columns.iter().zip(&expected) {
            prop_assert_eq!((got.tick, got.location, got.elevation),
                (expected.tick, expected.location, expected.elevation));
        }
        let mut optimized = Encoder::new(0);
        optimized.add_columns_optimized(&columns);
        let again = optimized.decoder().series_columns().expect("well formed");
        for (before, after) in columns.iter().zip(again.iter()) {
            prop_assert!(is_kept(&before.value, &after.value), "{:?} {:?}", before, after);
        }
    }

    #[test]
    fn deduplication_keeps_the_ends_of_runs(points in points()) {
        let kept = decode(dedup(encode(0, &points).decoder()).expect("well formed").decoder());
        let all = decode(encode(0, &points).decoder());
        prop_assert!(kept.len() <= all.len());
        prop_assert_eq!(kept.first().map(|p| p.tick), all.first().map(|p| p.tick));
        prop_assert_eq!(kept.last().map(|p| p.tick), all.last().map(|p| p.tick));
    }

    #[test]
    fn any_bytes_end(bytes in vec(any::<u8>(), 0..200), encrypted in any::<bool>()) {
        // With the key, so that what is inside a chunk is just as hostile.
        let bytes = if encrypted {
            let mut chunk = vec![0];
            let wrapped = key().wrap(&bytes);
            weft_gts::varint::write_unsigned(&mut chunk, wrapped.len() as u64);
            chunk.extend(wrapped);
            chunk.extend(&bytes);
            chunk
        } else {
            bytes
        };
        let decoder = || Decoder::new(0, &bytes, Some(&key())).with_count(u64::MAX);
        let read = decoder().count();
        prop_assert!(read <= bytes.len() + 1);
        let _ = decoder().columns();
        let _ = decoder().series_columns();
        let mut half = decoder();
        for _ in 0..read / 2 {
            let _ = half.next_point();
        }
        prop_assert!(half.rest().decoder().count() <= bytes.len() + 1);
    }

    #[test]
    fn damaged_bytes_end(points in points(), damage in any::<(prop::sample::Index, u8)>()) {
        let mut bytes = encode(0, &points).into_bytes();
        prop_assume!(!bytes.is_empty());
        let index = damage.0.index(bytes.len());
        bytes[index] ^= damage.1;
        let mut decoder = Decoder::new(0, &bytes, None);
        while let Ok(Some(_)) = decoder.next_point() {}
        prop_assert_eq!(decoder.next_point(), Ok(None));
    }
}

/// A datapoint may be cut by the end of an encrypted chunk and go on behind it.
#[test]
fn a_point_may_leave_its_chunk() {
    let encoder = encode(
        0,
        &[PointRef {
            tick: 1_000_000,
            location: 5,
            elevation: 7,
            value: Value::String("across".into()),
        }],
    );
    let clear = encoder.clear_bytes();
    for cut in 1..clear.len() {
        let wrapped = key().wrap(&clear[..cut]);
        let mut bytes = vec![0];
        weft_gts::varint::write_unsigned(&mut bytes, wrapped.len() as u64);
        bytes.extend(wrapped);
        bytes.extend(&clear[cut..]);
        let points = decode(Decoder::new(0, &bytes, Some(&key())));
        assert_eq!(points, decode(encoder.decoder()), "cut at {cut}");
    }
}

#[test]
fn errors_name_the_place() {
    let mut bytes = encode(
        0,
        &[PointRef {
            tick: 1,
            location: NO_LOCATION,
            elevation: NO_ELEVATION,
            value: Value::Long(1),
        }],
    )
    .into_bytes();
    let offset = bytes.len();
    bytes.extend([0x78, 1, 2]);
    let mut decoder = Decoder::new(0, &bytes, None);
    assert!(decoder.next().is_some_and(|point| point.is_ok()));
    let error = decoder.next().and_then(Result::err).expect("an error");
    assert_eq!(error.offset, offset);
    assert_eq!(
        error.to_string(),
        "malformed encoder data, datapoint at byte 3: the bytes end inside a datapoint"
    );
    assert!(decoder.next().is_none());
}
