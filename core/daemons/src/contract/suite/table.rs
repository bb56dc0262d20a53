//! Checks of [`crate::contract::table`].

use bytes::Bytes;
use weft_gts::{Columns, NO_ELEVATION, NO_LOCATION, PointRef, SeriesId, Value};

use crate::contract::ActionId;
use crate::contract::table::{
    CHUNK_POINTS_MAX, CellTime, FetchRequest, MetaPut, SeriesPut, Slice, TableAction, TableEvent,
};

/// A table under test, with one client.
pub trait TableHarness {
    /// Asks.
    fn submit(&mut self, action: TableAction);
    /// The next event; panics when none comes.
    fn next(&mut self) -> TableEvent;
    /// Ends the process of the table without any courtesy, and starts it anew.
    fn crash(&mut self);
}

/// Runs every check against tables that `new` makes.
pub fn check_all<H: TableHarness>(mut new: impl FnMut() -> H) {
    points_are_read_newest_first(&mut new());
    values_of_every_kind_come_back(&mut new());
    the_newer_cell_wins(&mut new());
    a_delete_takes_ticks_and_cell_times(&mut new());
    datapoint_time_is_the_cells(&mut new());
    expired_cells_are_not_read(&mut new());
    what_was_flushed_is_durable(&mut new());
    a_flush_changes_nothing(&mut new());
    thinning_out_and_boundaries(&mut new());
    many_series_come_in_the_order_asked(&mut new());
    long_series_come_in_chunks(&mut new());
    a_cancelled_stream_says_nothing_more(&mut new());
    metadata_rows_by_slice(&mut new());
    the_newer_metadata_row_wins(&mut new());
}

const A: SeriesId = SeriesId { class_id: 1, labels_id: 2 };
const B: SeriesId = SeriesId { class_id: -1, labels_id: 5 << 56 };

/// A cell timestamp that never expires within a test.
const NOW_MS: i64 = 1_600_000_000_000;

struct User<'h, H> {
    harness: &'h mut H,
    last: u64,
}

impl<'h, H: TableHarness> User<'h, H> {
    const fn new(harness: &'h mut H) -> Self {
        Self { harness, last: 0 }
    }

    fn id(&mut self) -> ActionId {
        self.last += 1;
        ActionId(self.last)
    }

    fn write(&mut self, make: impl FnOnce(ActionId) -> TableAction) {
        let id = self.id();
        self.harness.submit(make(id));
        match self.harness.next() {
            TableEvent::Written { id: answered, result: Ok(()) } => assert_eq!(answered, id),
            other => panic!("a write, not {other:?}"),
        }
    }

    fn put_meta(&mut self, (series, row): &(SeriesId, Bytes), cell_ms: i64) {
        let rows = vec![MetaPut { series: *series, row: row.clone(), cell_ms }];
        self.write(|id| TableAction::PutMeta { id, rows });
    }

    fn put(&mut self, series: SeriesId, points: &[(i64, i64)], cell_ms: i64) {
        let put = SeriesPut {
            series,
            points: longs(points),
            cell_time: CellTime::At(cell_ms),
            ttl_ms: None,
        };
        self.write(|id| TableAction::Put { id, puts: vec![put] });
    }

    fn delete(&mut self, ticks: (i64, i64), cell_until: i64) {
        let id = self.id();
        let (start, end) = ticks;
        let delete = TableAction::Delete { id, series: A, start, end, cell_from: 0, cell_until };
        self.harness.submit(delete);
        match self.harness.next() {
            TableEvent::Deleted { id: answered, result: Ok(_) } => assert_eq!(answered, id),
            other => panic!("a delete, not {other:?}"),
        }
    }

    fn flush(&mut self) {
        let id = self.id();
        self.harness.submit(TableAction::Flush { id });
        match self.harness.next() {
            TableEvent::Flushed { id: answered, result: Ok(()) } => assert_eq!(answered, id),
            other => panic!("a flush, not {other:?}"),
        }
    }

    /// Everything of a fetch: index of the series and datapoint.
    fn fetch(&mut self, request: FetchRequest) -> Vec<(usize, PointRef)> {
        let id = self.id();
        self.harness.submit(TableAction::Fetch { id, request });
        let mut found = Vec::new();
        loop {
            self.harness.submit(TableAction::Next { id });
            match self.harness.next() {
                TableEvent::Points { series, points, .. } => {
                    assert!((1..=CHUNK_POINTS_MAX).contains(&points.len()));
                    found.extend(points.iter().map(|point| (series, point)));
                }
                TableEvent::End { result, .. } => {
                    assert_eq!(result, Ok(()));
                    return found;
                }
                other => panic!("datapoints, not {other:?}"),
            }
        }
    }

    /// Ticks and values of the series `A`.
    fn of_a(&mut self, start: i64, end: i64) -> Vec<(i64, Value)> {
        let found = self.fetch(FetchRequest::range(vec![A], start, end));
        found.into_iter().map(|(_, point)| (point.tick, point.value)).collect()
    }

    fn rows(&mut self, slice: Slice) -> Vec<(SeriesId, Bytes)> {
        let id = self.id();
        self.harness.submit(TableAction::ScanMeta { id, slice, snapshot: None });
        let mut rows = Vec::new();
        loop {
            self.harness.submit(TableAction::Next { id });
            match self.harness.next() {
                TableEvent::Rows { rows: found, .. } => rows.extend(found),
                TableEvent::End { result, .. } => {
                    assert_eq!(result, Ok(()));
                    rows.sort();
                    return rows;
                }
                other => panic!("rows, not {other:?}"),
            }
        }
    }
}

fn longs(points: &[(i64, i64)]) -> Columns {
    let mut columns = Columns::default();
    for (tick, value) in points {
        columns.push(*tick, NO_LOCATION, NO_ELEVATION, Value::Long(*value));
    }
    columns
}

fn ticks(points: &[(i64, Value)]) -> Vec<i64> {
    points.iter().map(|(tick, _)| *tick).collect()
}

fn points_are_read_newest_first<H: TableHarness>(harness: &mut H) {
    let mut user = User::new(harness);
    let all = [0, -5, 7, i64::MIN, i64::MAX, 3, -1];
    user.put(A, &all.map(|tick| (tick, 1)), NOW_MS);
    let read = user.of_a(i64::MIN, i64::MAX);
    assert_eq!(ticks(&read), [i64::MAX, 7, 3, 0, -1, -5, i64::MIN]);
    assert_eq!(ticks(&user.of_a(-1, 3)), [3, 0, -1]);
    assert_eq!(ticks(&user.of_a(4, 6)), [0; 0]);
    assert_eq!(ticks(&user.of_a(5, 4)), [0; 0], "an empty range");
}

fn values_of_every_kind_come_back<H: TableHarness>(harness: &mut H) {
    let mut user = User::new(harness);
    let mut points = Columns::default();
    let values = [
        Value::Long(i64::MIN),
        Value::Double(-0.0),
        Value::Boolean(true),
        Value::String("é".into()),
        Value::Bytes(vec![0, 255].into()),
    ];
    for (tick, value) in (0..).zip(&values) {
        points.push(tick, 42, -7, value.clone());
    }
    let put = SeriesPut { series: A, points, cell_time: CellTime::At(NOW_MS), ttl_ms: None };
    user.write(|id| TableAction::Put { id, puts: vec![put] });
    let read = user.fetch(FetchRequest::range(vec![A], i64::MIN, i64::MAX));
    for ((_, point), value) in read.iter().rev().zip(&values) {
        assert_eq!((point.location, point.elevation, &point.value), (42, -7, value));
    }
    assert_eq!(read.len(), values.len());
}

fn the_newer_cell_wins<H: TableHarness>(harness: &mut H) {
    let mut user = User::new(harness);
    user.put(A, &[(1, 10)], NOW_MS);
    user.put(A, &[(1, 11)], NOW_MS + 1);
    assert_eq!(user.of_a(0, 9), [(1, Value::Long(11))]);
    user.put(A, &[(1, 12)], NOW_MS);
    assert_eq!(user.of_a(0, 9), [(1, Value::Long(11))], "an older cell hides nothing");
    user.put(A, &[(1, 13)], NOW_MS + 1);
    assert_eq!(user.of_a(0, 9), [(1, Value::Long(13))], "the later one of equals");
    user.put(A, &[(2, 1), (2, 2)], NOW_MS);
    assert_eq!(user.of_a(2, 2), [(2, Value::Long(2))], "in one write as well");
}

fn a_delete_takes_ticks_and_cell_times<H: TableHarness>(harness: &mut H) {
    let mut user = User::new(harness);
    user.put(A, &[(1, 1), (2, 2), (3, 3)], NOW_MS);
    user.put(A, &[(4, 4)], NOW_MS + 10);
    user.put(B, &[(2, 2)], NOW_MS);
    user.delete((2, 9), NOW_MS + 5);
    assert_eq!(ticks(&user.of_a(i64::MIN, i64::MAX)), [4, 1], "newer cells stay");
    user.delete((i64::MIN, i64::MAX), NOW_MS + 20);
    assert_eq!(ticks(&user.of_a(i64::MIN, i64::MAX)), [0; 0]);
    let of_b = user.fetch(FetchRequest::range(vec![B], 0, 9));
    assert_eq!(of_b.len(), 1, "other series stay");
    user.put(A, &[(2, 5)], NOW_MS + 21);
    assert_eq!(user.of_a(0, 9), [(2, Value::Long(5))], "what is written later is seen");
}

fn datapoint_time_is_the_cells<H: TableHarness>(harness: &mut H) {
    let mut user = User::new(harness);
    let put = SeriesPut {
        series: A,
        points: longs(&[(5_000, 1), (9_000, 2)]),
        cell_time: CellTime::OfDatapoint(1_000),
        ttl_ms: None,
    };
    user.write(|id| TableAction::Put { id, puts: vec![put] });
    user.delete((i64::MIN, i64::MAX), 8);
    assert_eq!(ticks(&user.of_a(i64::MIN, i64::MAX)), [9_000], "its cell is at 9 ms");
}

fn expired_cells_are_not_read<H: TableHarness>(harness: &mut H) {
    let mut user = User::new(harness);
    let put = |tick, ttl_ms| SeriesPut {
        series: A,
        points: longs(&[(tick, 1)]),
        cell_time: CellTime::At(NOW_MS),
        ttl_ms: Some(ttl_ms),
    };
    let puts = vec![put(1, 1), put(2, i64::MAX)];
    user.write(|id| TableAction::Put { id, puts });
    assert_eq!(ticks(&user.of_a(0, 9)), [2]);
}

fn what_was_flushed_is_durable<H: TableHarness>(harness: &mut H) {
    let mut user = User::new(harness);
    user.put(A, &[(1, 1), (2, 2)], NOW_MS);
    user.delete((1, 1), NOW_MS);
    let row = (A, Bytes::from_static(b"row"));
    user.put_meta(&row, NOW_MS);
    user.flush();
    harness.crash();
    let mut user = User::new(harness);
    user.last = 1_000;
    assert_eq!(ticks(&user.of_a(0, 9)), [2]);
    assert_eq!(user.rows(Slice { modulus: 1, remainder: 0 }), [row]);
}

fn a_flush_changes_nothing<H: TableHarness>(harness: &mut H) {
    let mut user = User::new(harness);
    user.put(A, &[(1, 1), (2, 2), (3, 3)], NOW_MS + 1);
    user.flush();
    user.put(A, &[(1, 0), (4, 4)], NOW_MS);
    user.put(A, &[(2, 20)], NOW_MS + 1);
    user.flush();
    user.flush();
    let value = |tick, value| (tick, Value::Long(value));
    assert_eq!(user.of_a(0, 9), [value(4, 4), value(3, 3), value(2, 20), value(1, 1)]);
    user.delete((3, 9), NOW_MS);
    assert_eq!(ticks(&user.of_a(0, 9)), [3, 2, 1], "4 is of an older cell than 3");
    user.put(A, &[(4, 5)], NOW_MS + 1);
    user.flush();
    assert_eq!(user.of_a(3, 9), [value(4, 5), value(3, 3)], "written after the delete");
    let mut request = FetchRequest::range(vec![A], 2, 2);
    (request.pre_boundary, request.post_boundary) = (5, 1);
    let around: Vec<i64> = user.fetch(request).iter().map(|(_, point)| point.tick).collect();
    assert_eq!(around, [3, 2, 1]);
}

fn thinning_out_and_boundaries<H: TableHarness>(harness: &mut H) {
    let mut user = User::new(harness);
    let all: Vec<(i64, i64)> = (0..20).map(|tick| (tick, tick)).collect();
    user.put(A, &all, NOW_MS);
    let mut fetched = |change: &dyn Fn(&mut FetchRequest)| {
        let mut request = FetchRequest::range(vec![A], 5, 14);
        change(&mut request);
        user.fetch(request).iter().map(|(_, point)| point.tick).collect::<Vec<i64>>()
    };
    assert_eq!(fetched(&|r| r.count = Some(2)), [14, 13]);
    assert_eq!(fetched(&|r| (r.skip, r.step) = (1, 4)), [13, 9, 5]);
    assert_eq!(fetched(&|r| r.timestep = 6), [14, 8]);
    let around = |r: &mut FetchRequest| {
        (r.pre_boundary, r.post_boundary, r.count) = (2, 3, Some(0));
    };
    assert_eq!(fetched(&around), [15, 16, 17, 4, 3], "after it oldest first, before it newest");
    assert_eq!(fetched(&|r| r.post_boundary = 100).len(), 15, "as many as there are");
}

fn many_series_come_in_the_order_asked<H: TableHarness>(harness: &mut H) {
    let mut user = User::new(harness);
    user.put(A, &[(1, 1), (2, 2)], NOW_MS);
    user.put(B, &[(3, 3)], NOW_MS);
    let none = SeriesId { class_id: 9, labels_id: 9 };
    let read = user.fetch(FetchRequest::range(vec![B, none, A], 0, 9));
    let places: Vec<(usize, i64)> = read.iter().map(|(series, p)| (*series, p.tick)).collect();
    assert_eq!(places, [(0, 3), (2, 2), (2, 1)]);
}

fn long_series_come_in_chunks<H: TableHarness>(harness: &mut H) {
    let mut user = User::new(harness);
    let count = CHUNK_POINTS_MAX as i64 * 2 + 5;
    let all: Vec<(i64, i64)> = (0..count).map(|tick| (tick, tick)).collect();
    user.put(A, &all, NOW_MS);
    let read = user.of_a(i64::MIN, i64::MAX);
    assert_eq!(ticks(&read), (0..count).rev().collect::<Vec<i64>>());
    let mut request = FetchRequest::range(vec![A], count, count);
    request.pre_boundary = count as u64;
    assert_eq!(user.fetch(request).len() as i64, count, "boundaries too");
}

fn a_cancelled_stream_says_nothing_more<H: TableHarness>(harness: &mut H) {
    let mut user = User::new(harness);
    user.put(A, &[(1, 1)], NOW_MS);
    let id = user.id();
    user.harness.submit(TableAction::Fetch { id, request: FetchRequest::range(vec![A], 0, 9) });
    user.harness.submit(TableAction::Cancel { id });
    user.harness.submit(TableAction::Next { id });
    assert_eq!(ticks(&user.of_a(0, 9)), [1], "the next answer is of the next question");
}

fn metadata_rows_by_slice<H: TableHarness>(harness: &mut H) {
    let mut user = User::new(harness);
    let rows = [(A, "a"), (B, "b")].map(|(id, row)| (id, Bytes::from_static(row.as_bytes())));
    rows.iter().for_each(|row| user.put_meta(row, NOW_MS));
    let [a, b] = rows;
    assert_eq!(user.rows(Slice { modulus: 1, remainder: 0 }), [a.clone(), b.clone()]);
    assert_eq!(user.rows(Slice { modulus: 2, remainder: 0 }), std::slice::from_ref(&a));
    assert_eq!(user.rows(Slice { modulus: 2, remainder: 1 }), std::slice::from_ref(&b));
    user.write(|id| TableAction::DeleteMeta { id, series: vec![(A, NOW_MS), (A, NOW_MS)] });
    assert_eq!(user.rows(Slice { modulus: 1, remainder: 0 }), [b]);
}

fn the_newer_metadata_row_wins<H: TableHarness>(harness: &mut H) {
    let mut user = User::new(harness);
    let row = |text: &'static str| (A, Bytes::from_static(text.as_bytes()));
    user.put_meta(&row("new"), NOW_MS + 1);
    user.put_meta(&row("late"), NOW_MS);
    let all = Slice { modulus: 1, remainder: 0 };
    assert_eq!(user.rows(all), [row("new")], "an older row hides nothing");
    user.write(|id| TableAction::DeleteMeta { id, series: vec![(A, NOW_MS)] });
    assert_eq!(user.rows(all), [row("new")], "nor does an older delete");
    user.put_meta(&row("newer"), NOW_MS + 1);
    assert_eq!(user.rows(all), [row("newer")], "the later one of equals");
    user.write(|id| TableAction::DeleteMeta { id, series: vec![(A, NOW_MS + 1)] });
    assert_eq!(user.rows(all), []);
}
