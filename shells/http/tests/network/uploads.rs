//! Uploads that are cut: at every byte by the end of the connection, and at every chunk by a
//! network that says nothing more.

use std::time::Duration;

use crate::net::{
    Cut, LATENCY, Log, View, connect, limits, read_all, run, serve_ingress, wait, world, write,
    write_token,
};

/// The lines, whose every beginning would be a line too, with another value.
fn lines() -> Vec<(i64, i64)> {
    (0..16).map(|line| (1_000 + line, 123_456 + line)).collect()
}

/// Bytes of a record: an upload becomes several.
const RECORD_BYTES: usize = 60;

/// The request's head, and its body in chunks that end within lines.
fn upload() -> (String, Vec<Vec<u8>>) {
    let head = format!(
        "POST /api/v0/update HTTP/1.1\r\nHost: server\r\nX-Warp10-Token: {}\r\n\
         Transfer-Encoding: chunked\r\n\r\n",
        write_token()
    );
    let text: String =
        lines().iter().map(|(tick, value)| format!("{tick}// a{{}} {value}\n")).collect();
    let framed = |piece: &[u8]| {
        let mut chunk = format!("{:x}\r\n", piece.len()).into_bytes();
        chunk.extend_from_slice(piece);
        chunk.extend_from_slice(b"\r\n");
        chunk
    };
    let mut chunks: Vec<Vec<u8>> = text.as_bytes().chunks(13).map(framed).collect();
    chunks.push(b"0\r\n\r\n".to_vec());
    (head, chunks)
}

/// How many lines are whole in the first bytes of a chunked body.
fn whole_lines(bytes: &[u8]) -> usize {
    // Only lines have these: the sizes of chunks end in two bytes.
    let ends = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
    ends.filter(|(end, _)| *end == 0 || bytes[end - 1] != b'\r').count()
}

/// What is stored is the beginning of the lines that were sent whole. How many they are.
fn check(log: &Log, sent: &[u8]) -> usize {
    let stored = log.points();
    let whole = &lines()[..whole_lines(sent)];
    assert!(whole.starts_with(&stored), "{stored:?} of {whole:?}");
    log.clear();
    stored.len()
}

#[test]
fn an_upload_cut_anywhere_leaves_whole_lines() {
    let mut sim = world(1).build();
    let (log, view) = (Log::default(), View::default());
    let (own, seen) = (log.clone(), view.clone());
    sim.host("server", move || serve_ingress(limits(), seen.clone(), own.clone(), RECORD_BYTES));
    sim.client("client", async move {
        let (head, chunks) = upload();
        let body = chunks.concat();
        let mut most = 0;
        for cut in 0..body.len() {
            let mut stream = connect().await;
            write(&mut stream, &head).await;
            write(&mut stream, &body[..cut]).await;
            // Everything that is to be read has been.
            wait(3 * LATENCY).await;
            drop(stream);
            wait(3 * LATENCY).await;
            most = most.max(check(&log, &body[..cut]));
            assert!(view.is_released(), "cut at {cut}: {:?}", view.take());
            let told = view.take();
            assert!(told.iter().any(|what| what == "broken" || what == "gone"), "{cut}: {told:?}");
        }
        assert!(most > 10, "{most} lines are the most that were stored");
        // And the whole of it.
        let mut stream = connect().await;
        write(&mut stream, head.replace("Host", "Connection: close\r\nHost")).await;
        write(&mut stream, &body).await;
        let answer = read_all(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert_eq!(check(&log, &body), lines().len());
        Ok(())
    });
    run(sim);
}

#[test]
fn an_upload_whose_network_goes_is_given_up_in_time() {
    for seed in 1..=3 {
        let mut sim = world(seed).build();
        let (log, view) = (Log::default(), View::default());
        let (own, seen) = (log.clone(), view.clone());
        sim.host("server", move || {
            serve_ingress(limits(), seen.clone(), own.clone(), RECORD_BYTES)
        });
        sim.client("client", async move {
            let (head, chunks) = upload();
            for cut in 0..chunks.len() {
                let mut stream = connect().await;
                write(&mut stream, &head).await;
                for chunk in &chunks[..cut] {
                    write(&mut stream, chunk).await;
                }
                wait(3 * LATENCY).await;
                let net = Cut::off("client");
                // This one is lost, and so is the end of the connection.
                write(&mut stream, &chunks[cut]).await;
                drop(stream);
                wait(limits().body_time - 5 * LATENCY).await;
                assert!(!view.is_released(), "cut at {cut}: too early");
                wait(10 * LATENCY + Duration::from_millis(5)).await;
                assert!(view.is_released(), "cut at {cut}: {:?}", view.take());
                let told = view.take();
                assert!(told.iter().any(|what| what == "broken"), "{cut}: {told:?}");
                drop(net);
                check(&log, &chunks[..cut].concat());
            }
            Ok(())
        });
        run(sim);
    }
}
