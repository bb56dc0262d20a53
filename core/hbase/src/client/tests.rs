use std::collections::BTreeMap;

use proptest::prelude::*;

use super::fake::{FAMILY, Fake, TABLE, text};
use super::*;
use crate::keyvalue::{CellBlockBuilder, CellType};

fn put(rows: &[String], timestamp: u64) -> Mutate {
    let mut cells = CellBlockBuilder::default();
    for row in rows {
        let value = format!("{row}@{timestamp}");
        let (row, column) = (row.as_bytes(), (&FAMILY[..], &b"a"[..]));
        cells.push(CellType::Put, row, column, timestamp, value.as_bytes());
    }
    Mutate { table: TABLE, kind: MutateKind::Put, cells: cells.finish(), ttl_ms: None }
}

fn rows(count: usize) -> Vec<String> {
    (0..count).map(|row| format!("{row:03}")).collect()
}

/// A cluster with two cells in each of `rows(count)`.
fn filled(splits: &[&str], count: usize, seed: u64) -> Fake {
    let mut fake = Fake::new(splits, seed);
    for row in rows(count) {
        for qualifier in ["a", "b"] {
            let key = (row.clone().into_bytes(), qualifier.as_bytes().to_vec());
            fake.cells.insert(key, (1, b"x".to_vec()));
        }
    }
    fake
}

fn two_cells(rows: impl IntoIterator<Item = String>) -> Vec<(String, String)> {
    rows.into_iter().flat_map(|row| [(row.clone(), "a".into()), (row, "b".into())]).collect()
}

fn scan_of(ranges: &[(&str, &str)]) -> Scan {
    let ranges = ranges.iter().map(|(start, stop)| Range::new(start.to_string(), stop.to_string()));
    Scan::new(TABLE, FAMILY, ranges.collect())
}

#[test]
fn puts_are_batched_by_server() {
    let mut fake = Fake::new(&["100", "200", "300", "400", "500"], 1);
    let mut client = fake.client();
    let rows = rows(600);
    let mutate = Mutate { ttl_ms: Some(77), ..put(&rows, 5) };
    client.submit(fake.now, OpId(1), Operation::Mutate(mutate.clone()));
    assert_eq!(fake.run(&mut client), Some(Effect::Mutated(OpId(1), Ok(()))));
    assert_eq!(fake.cells.len(), 600);
    assert!(fake.cells.values().all(|(timestamp, _)| *timestamp == 5));
    assert_eq!(fake.ttls.iter().map(|ttl| ttl.to_vec()).collect::<Vec<_>>(), [77u64.to_be_bytes()]);
    fake.calls.clear();
    client.submit(fake.now, OpId(2), Operation::Mutate(mutate));
    assert_eq!(fake.run(&mut client), Some(Effect::Mutated(OpId(2), Ok(()))));
    assert_eq!(fake.calls, ["Multi"; 3], "one call for each server, nothing looked up again");
}

#[test]
fn a_refusal_ends_an_operation_at_once() {
    let mut fake = Fake::new(&[], 1);
    fake.refusal = Some("regionserver.NoSuchColumnFamilyException");
    let mut client = fake.client();
    client.submit(fake.now, OpId(1), Operation::Mutate(put(&rows(3), 5)));
    let Some(Effect::Mutated(_, Err(Error::Refused(error)))) = fake.run(&mut client) else {
        panic!("a refusal")
    };
    assert_eq!(error.short_class(), "NoSuchColumnFamilyException");
    assert_eq!(fake.now, Duration::ZERO);
    assert_eq!(client.deadline(), None, "nothing is left of it");
}

#[test]
fn what_hangs_is_given_up_in_time() {
    let mut fake = Fake::new(&[], 1);
    fake.hung.extend(0..3);
    let mut client = fake.client();
    client.core.config.operation_timeout = Duration::from_secs(100);
    client.submit(fake.now, OpId(1), Operation::Mutate(put(&rows(3), 5)));
    let Some(Effect::Mutated(_, Err(Error::Exhausted { .. }))) = fake.run(&mut client) else {
        panic!("an error")
    };
    assert!(fake.now <= Duration::from_secs(100), "{:?}", fake.now);
}

#[test]
fn a_server_that_hangs_is_left_for_another_connection() {
    let mut fake = Fake::new(&[], 1);
    let mut client = fake.client();
    client.submit(fake.now, OpId(1), Operation::Mutate(put(&rows(3), 5)));
    fake.run(&mut client);
    fake.hung.extend(0..3);
    client.submit(fake.now, OpId(2), Operation::Mutate(put(&rows(3), 6)));
    while let Some(effect) = client.poll() {
        let Effect::Send(..) = effect else { continue };
    }
    fake.hung.clear();
    fake.now = client.deadline().expect("a time-out");
    client.handle(fake.now, Event::Tick);
    assert_eq!(fake.run(&mut client), Some(Effect::Mutated(OpId(2), Ok(()))));
    assert_eq!(client.stats().connections_lost, 1);
}

#[test]
fn scans_cross_regions_both_ways() {
    let mut fake = filled(&["010", "020", "030"], 40, 3);
    let mut client = fake.client();
    let all = fake.scan(&mut client, scan_of(&[("", "")])).expect("cells");
    assert_eq!(all, two_cells(rows(40)));
    let some = fake.scan(&mut client, scan_of(&[("005", "025")])).expect("cells");
    assert_eq!(some, two_cells(rows(25).split_off(5)));
    let back = Scan { reversed: true, ..scan_of(&[("034", "007")]) };
    let back = fake.scan(&mut client, back).expect("cells");
    let expected: Vec<String> = rows(35).split_off(8).into_iter().rev().collect();
    assert_eq!(back, two_cells(expected));
    let few = Scan { limit: Some(13), ..scan_of(&[("005", "")]) };
    assert_eq!(fake.scan(&mut client, few).expect("cells"), two_cells(rows(18).split_off(5)));
    let none = Scan { limit: Some(0), ..scan_of(&[("", "")]) };
    assert_eq!(fake.scan(&mut client, none).expect("cells"), []);
}

#[test]
fn many_ranges_are_one_pass() {
    let mut fake = filled(&["020"], 40, 3);
    let mut client = fake.client();
    let ranges = [("003", "005"), ("007", "008"), ("018", "022"), ("030", "031")];
    let found = fake.scan(&mut client, scan_of(&ranges)).expect("cells");
    let expected = [3, 4, 7, 18, 19, 20, 21, 30].map(|row| format!("{row:03}"));
    assert_eq!(found, two_cells(expected));
    // Meta twice, three rows an answer, in two regions.
    assert!(fake.calls.len() <= 2 + 4 + 4, "{:?}", fake.calls);
    let crossed = [("003", "005"), ("004", "008")];
    let error = fake.scan(&mut client, scan_of(&crossed)).expect_err("ranges that overlap");
    assert!(matches!(error, Error::Invalid(_)));
}

#[test]
fn a_scan_reads_one_answer_ahead_and_is_closed_when_cancelled() {
    let mut fake = filled(&[], 100, 3);
    let mut client = fake.client();
    client.submit(fake.now, OpId(1), Operation::Scan(scan_of(&[("", "")])));
    for _ in 0..100 {
        while let Some(effect) = client.poll() {
            fake.effect(effect);
        }
        if let Some(event) = fake.event() {
            client.handle(fake.now, event);
        }
    }
    let scans = fake.calls.iter().filter(|call| *call == "Scan").count();
    assert_eq!(scans, 2, "meta, and one answer that nobody has pulled");
    client.cancel(fake.now, OpId(1));
    while let Some(effect) = client.poll() {
        fake.effect(effect);
    }
    assert_eq!(fake.scanners_open(), 0);
}

#[test]
fn leases_are_renewed_while_nobody_reads() {
    let mut fake = filled(&[], 40, 3);
    let mut client = fake.client();
    client.submit(fake.now, OpId(1), Operation::Scan(scan_of(&[("", "")])));
    client.pull(fake.now, OpId(1));
    let mut found = 0;
    for pull in 0.. {
        match fake.run(&mut client).expect("an outcome") {
            Effect::Cells(_, cells) => found += cells.len(),
            Effect::Scanned(_, result) => {
                assert_eq!(result, Ok(()));
                break;
            }
            other => panic!("cells, not {other:?}"),
        }
        if pull == 3 {
            // Five minutes: ten times as long as a lease.
            fake.wait(&mut client, Duration::from_secs(300));
        }
        client.pull(fake.now, OpId(1));
    }
    assert_eq!(found, 80);
    assert_eq!(client.stats().retries, 0, "the scanner lived");
}

#[test]
fn services_are_called_region_by_region() {
    let mut fake = filled(&["010", "020", "030"], 40, 3);
    let mut client = fake.client();
    let (service, method, request) = ("s", "m", Bytes::new());
    let range = Range::new("012", "030");
    let exec = Exec { table: TABLE, range, service, method, request };
    client.submit(fake.now, OpId(1), Operation::Exec(exec));
    let Some(Effect::Executed(_, Ok(answers))) = fake.run(&mut client) else { panic!("answers") };
    assert_eq!(answers.iter().map(|a| text(a)).collect::<Vec<_>>(), ["010..020", "020..030"]);
}

#[test]
fn the_master_knows_where_meta_is_and_takes_calls() {
    let mut fake = filled(&["010"], 20, 3);
    fake.has_meta_znode = false;
    let mut client = fake.client();
    assert_eq!(fake.scan(&mut client, scan_of(&[("", "")])).expect("cells").len(), 40);
    assert_eq!(fake.calls.iter().filter(|call| *call == "GetMetaRegionLocations").count(), 1);
    let request = MasterCall { method: "CreateTable", request: Bytes::from_static(b"request") };
    client.submit(fake.now, OpId(1), Operation::Master(request));
    let expected = Effect::Executed(OpId(1), Ok(vec![Bytes::from_static(b"done")]));
    assert_eq!(fake.run(&mut client), Some(expected));

    let masters = ["s0:1", "s1:1"].map(|text| Address::parse(text).expect("an address"));
    let config = Config::new(Registry::Masters(masters.to_vec()), "me".to_owned());
    let mut client = Client::new(config, 1);
    assert_eq!(fake.scan(&mut client, scan_of(&[("", "")])).expect("cells").len(), 40);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    /// Regions split, move, are busy, servers die, scanners go, answers are lost: what is put is
    /// there, and a scan tells each cell once and in order.
    #[test]
    fn faults_change_nothing(seed: u64, every in 3u64..40, is_reversed: bool) {
        let mut fake = filled(&["010", "030"], 60, seed);
        fake.fault_every = every;
        let mut client = fake.client();
        let mut expected = BTreeMap::new();
        for timestamp in 5..8u64 {
            let put_rows: Vec<String> = rows(60).into_iter().step_by(timestamp as usize).collect();
            let id = OpId(timestamp);
            client.submit(fake.now, id, Operation::Mutate(put(&put_rows, timestamp)));
            prop_assert_eq!(fake.run(&mut client), Some(Effect::Mutated(id, Ok(()))));
            expected.extend(put_rows.into_iter().map(|row| (row, timestamp)));
        }
        for (row, timestamp) in expected {
            let cell = fake.cells.get(&(row.clone().into_bytes(), b"a".to_vec()));
            let value = format!("{row}@{timestamp}").into_bytes();
            prop_assert_eq!(cell, Some(&(timestamp, value)));
        }
        let (scan, wanted) = if is_reversed {
            let scan = Scan { reversed: true, ..scan_of(&[("055", "004")]) };
            (scan, rows(56).split_off(5).into_iter().rev().collect())
        } else {
            let scan = scan_of(&[("005", "020"), ("025", "026"), ("029", "048")]);
            let is_wanted = |row: &usize| matches!(row, 5..20 | 25 | 29..48);
            (scan, (0..60).filter(is_wanted).map(|row| format!("{row:03}")).collect::<Vec<_>>())
        };
        let found = fake.scan(&mut client, scan);
        prop_assert_eq!(found, Ok(two_cells(wanted)));
    }

    /// Whatever servers send, nothing panics.
    #[test]
    fn hostile_servers_do_no_harm(
        frames in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 1..30),
    ) {
        let fake = Fake::new(&[], 1);
        let mut client = fake.client();
        client.submit(Duration::ZERO, OpId(1), Operation::Scan(scan_of(&[("", "")])));
        let mut frames = frames.into_iter();
        for second in 0..40 {
            while let Some(effect) = client.poll() {
                let event = match effect {
                    Effect::Connect(conn, _) => Event::Connected(conn),
                    Effect::ReadZnode(path) => {
                        let data = frames.next().map(Bytes::from);
                        Event::Znode(path, Ok(data))
                    }
                    Effect::Send(conn, _) => match frames.next() {
                        Some(frame) => Event::Frame(conn, frame.into()),
                        None => continue,
                    },
                    _ => continue,
                };
                client.handle(Duration::from_secs(second), event);
            }
            client.handle(Duration::from_secs(second), Event::Tick);
        }
    }
}
