//! Servers that crash, are cut off and come back while clients upload.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use weft_daemons::contract::RequestHead;

use crate::net::{Log, SERVER, View, client, limits, serve_ingress, wait, world, write_token};

const CLIENTS: i64 = 3;

/// How long the clients go on.
const TIME: Duration = Duration::from_secs(8);

/// What clients know: what they sent, what was acknowledged, and everything in turn.
#[derive(Default)]
struct Known {
    sent: BTreeSet<(i64, i64)>,
    acknowledged: BTreeSet<(i64, i64)>,
    failed: usize,
    last: Vec<bool>,
    history: Vec<String>,
}

/// One upload; whether it was acknowledged.
async fn upload(client: &weft_http::Client, points: &[(i64, i64)]) -> Result<bool, String> {
    let head = RequestHead {
        method: "POST".to_owned(),
        path: "/api/v0/update".to_owned(),
        query: String::new(),
        headers: vec![("X-Warp10-Token".to_owned(), write_token())],
    };
    let body: String = points.iter().map(|(t, v)| format!("{t}// a{{}} {v}\n")).collect();
    let answer = client.call(SERVER, &head, Bytes::from(body)).await;
    let mut answer = answer.map_err(|error| error.to_string())?;
    while answer.piece().await.map_err(|error| error.to_string())?.is_some() {}
    Ok(answer.status == 200)
}

/// What clients see under a seed. Where crashes are silent, as when power is lost, it is the same
/// each time: else ends of connections go out in the order in which tokio drops tasks, which depends on
/// what else the process does.
fn history(seed: u64, is_silent: bool) -> Vec<String> {
    let mut sim = world(seed).build();
    let (log, known) = (Log::default(), Arc::<Mutex<Known>>::default());
    let own = log.clone();
    sim.host("server", move || serve_ingress(limits(), View::default(), own.clone(), 100));
    for number in 0..CLIENTS {
        let known = known.clone();
        sim.client(format!("client{number}"), async move {
            let client = client(Duration::from_millis(200));
            let mut value = number;
            while turmoil::elapsed() < TIME {
                let points: Vec<(i64, i64)> = (0..10)
                    .map(|_| {
                        value += CLIENTS;
                        (value, 1_000_000 + value)
                    })
                    .collect();
                known.lock().expect("whole").sent.extend(&points);
                let answer = upload(&client, &points).await;
                {
                    let mut known = known.lock().expect("whole");
                    let at = turmoil::elapsed().as_millis();
                    known.history.push(format!("{at} {number} {value} {answer:?}"));
                    match answer {
                        Ok(true) => known.acknowledged.extend(points),
                        Ok(false) => panic!("refused"),
                        Err(_) => known.failed += 1,
                    }
                }
                wait(Duration::from_millis(20)).await;
            }
            // The faults are over.
            wait(Duration::from_secs(2)).await;
            value += CLIENTS;
            let point = (value, 1_000_000 + value);
            known.lock().expect("whole").sent.insert(point);
            let answer = upload(&client, &[point]).await;
            known.lock().expect("whole").last.push(answer == Ok(true));
            Ok(())
        });
    }
    // What goes wrong, and when, comes from the seed as well.
    let mut random = seed;
    let mut below = |bound: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        (random >> 33) % bound
    };
    let faults = 8;
    for fault in 0..faults {
        let at = TIME / faults * fault + Duration::from_millis(below(400));
        while sim.elapsed() < at {
            sim.step().expect("it runs");
        }
        let lasts = Duration::from_millis(below(500));
        let others: Vec<String> = (0..CLIENTS).map(|number| format!("client{number}")).collect();
        let is_cut = below(2) == 0 || is_silent;
        if is_cut {
            others.iter().for_each(|other| sim.partition(other.as_str(), "server"));
        }
        if below(3) > 0 {
            sim.crash("server");
        }
        while sim.elapsed() < at + lasts {
            sim.step().expect("it runs");
        }
        if is_cut {
            others.iter().for_each(|other| sim.repair(other.as_str(), "server"));
        }
        if !sim.is_host_running("server") {
            sim.bounce("server");
        }
    }
    sim.run().expect("everything comes to its end");
    let known = known.lock().expect("whole");
    let stored: BTreeSet<(i64, i64)> = log.points().into_iter().collect();
    let lost: Vec<_> = known.acknowledged.difference(&stored).collect();
    assert!(lost.is_empty(), "seed {seed}: acknowledged and not stored: {lost:?}");
    let phantoms: Vec<_> = stored.difference(&known.sent).collect();
    assert!(phantoms.is_empty(), "seed {seed}: stored and never sent: {phantoms:?}");
    assert_eq!(known.last, [true; CLIENTS as usize], "seed {seed}: requests succeed again");
    assert!(known.failed > 3 && known.acknowledged.len() > 1_000, "seed {seed}: there was load");
    known.history.clone()
}

#[test]
fn what_was_acknowledged_survives_restarts_and_requests_succeed_again() {
    for seed in 1..=3 {
        history(seed, false);
    }
}

#[test]
fn a_seed_is_a_history() {
    let (first, again) = (history(7, true), history(7, true));
    let same = first.iter().zip(&again).take_while(|(one, other)| one == other).count();
    assert_eq!(first.get(same), again.get(same), "after {same} of {}", first.len());
    assert!(first != history(8, true), "seeds differ");
}
