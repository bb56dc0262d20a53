//! The task that drives a client: sockets, clock, ZooKeeper. It decides nothing.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc::{
    Receiver, Sender, UnboundedReceiver, UnboundedSender, channel, unbounded_channel,
};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep_until, timeout};
use weft_daemons::contract::{Metric, TableAction};
use weft_hbase::client::{ConnId, Stats};
use weft_hbase::{Address, Client, Effect, Event, FrameDecoder};

use super::mapper::{Mapper, Output};
use super::{HbaseConfig, HbaseReport, Operator, REPORT_PERIOD, Sink, registry};

/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long ZooKeeper may take.
const ZOOKEEPER_TIMEOUT: Duration = Duration::from_secs(9);

/// Frames that have come and were not looked at: then sockets are not read.
const FRAMES_MAX: usize = 64;

/// Bytes that are read at once, about.
const READ_LEN: usize = 256 << 10;

/// See the module.
pub(super) struct Driver {
    quorum: String,
    mapper: Mapper,
    sink: Sink,
    report: Operator,
    begun: Instant,
    sockets: BTreeMap<ConnId, Socket>,
    events: Sender<Event>,
    incoming: Receiver<Event>,
    questions: JoinSet<Event>,
    reported: Stats,
}

/// A connection's task, and what it is to send.
struct Socket {
    out: UnboundedSender<Bytes>,
    task: JoinHandle<()>,
}

impl Driver {
    pub(super) fn new(config: HbaseConfig, seed: u64, sink: Sink, report: Operator) -> Self {
        let (events, incoming) = channel(FRAMES_MAX);
        Self {
            quorum: registry::with_ports(&config.quorum),
            mapper: Mapper::new(config.columns, Client::new(config.client, seed)),
            sink,
            report,
            begun: Instant::now(),
            sockets: BTreeMap::new(),
            events,
            incoming,
            questions: JoinSet::new(),
            reported: Stats::default(),
        }
    }

    /// Runs until nobody can ask any more.
    pub(super) async fn run(mut self, mut actions: UnboundedReceiver<TableAction>) {
        let mut reports = tokio::time::interval(REPORT_PERIOD);
        loop {
            self.drain();
            let deadline = self.mapper.deadline().map(|at| self.begun + at);
            let tick = async {
                match deadline {
                    Some(deadline) => sleep_until(deadline.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                Some(event) = self.incoming.recv() => self.handle(event),
                Some(Ok(event)) = self.questions.join_next() => self.handle(event),
                action = actions.recv() => match action {
                    Some(action) => self.mapper.act(self.begun.elapsed(), action),
                    None => return,
                },
                () = tick => self.handle(Event::Tick),
                _ = reports.tick() => self.tell_stats(),
            }
        }
    }

    fn handle(&mut self, event: Event) {
        if let Event::Lost(conn, _) = &event {
            self.sockets.remove(conn);
        }
        self.mapper.handle(self.begun.elapsed(), event);
    }

    fn drain(&mut self) {
        while let Some(output) = self.mapper.poll() {
            match output {
                Output::Tell(event) => (self.sink)(event),
                Output::Do(Effect::Connect(conn, address)) => {
                    let (out, waiting) = unbounded_channel();
                    let task = serve(conn, address, waiting, self.events.clone());
                    self.sockets.insert(conn, Socket { out, task: tokio::spawn(task) });
                }
                Output::Do(Effect::Send(conn, bytes)) => {
                    // One that is gone says so by itself.
                    let _ = self.sockets.get(&conn).map(|socket| socket.out.send(bytes));
                }
                Output::Do(Effect::Close(conn)) => drop(self.sockets.remove(&conn)),
                Output::Do(Effect::ReadZnode(path)) => {
                    let quorum = self.quorum.clone();
                    self.questions.spawn(async move {
                        let answer = timeout(ZOOKEEPER_TIMEOUT, registry::read(&quorum, &path));
                        let late = |_| Err(format!("{quorum}: no answer"));
                        let answer = answer.await.unwrap_or_else(late);
                        Event::Znode(path, answer)
                    });
                }
                Output::Do(Effect::Warn(warning)) => (self.report)(HbaseReport::Warning(warning)),
                // The mapper keeps outcomes of operations for itself.
                Output::Do(_) => {}
            }
        }
    }

    fn tell_stats(&mut self) {
        let now = self.mapper.stats();
        let before = std::mem::replace(&mut self.reported, now);
        for (name, now, before) in [
            ("weft_hbase_calls_total", now.calls, before.calls),
            ("weft_hbase_retries_total", now.retries, before.retries),
            ("weft_hbase_lookups_total", now.lookups, before.lookups),
            ("weft_hbase_connections_lost_total", now.connections_lost, before.connections_lost),
            ("weft_hbase_sent_bytes_total", now.bytes_sent, before.bytes_sent),
            ("weft_hbase_received_bytes_total", now.bytes_received, before.bytes_received),
            ("weft_hbase_cells_written_total", now.cells_written, before.cells_written),
            ("weft_hbase_cells_read_total", now.cells_read, before.cells_read),
        ] {
            if now > before {
                (self.report)(HbaseReport::Metric(Metric::add(name, now - before)));
            }
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// One connection, from the attempt to make it to its end.
async fn serve(
    conn: ConnId,
    address: Address,
    waiting: UnboundedReceiver<Bytes>,
    events: Sender<Event>,
) {
    let connected = timeout(CONNECT_TIMEOUT, TcpStream::connect((&*address.host, address.port)));
    let reason = match connected.await {
        Ok(Ok(stream)) => {
            // Requests are written whole.
            let _ = stream.set_nodelay(true);
            let (read, write) = stream.into_split();
            if events.send(Event::Connected(conn)).await.is_err() {
                return;
            }
            tokio::select! {
                reason = receive(conn, read, &events) => reason,
                reason = send(write, waiting) => reason,
            }
        }
        Ok(Err(error)) => error.to_string(),
        Err(_) => "it does not take connections".to_owned(),
    };
    let _ = events.send(Event::Lost(conn, reason)).await;
}

/// Why it ended.
async fn receive(conn: ConnId, mut read: OwnedReadHalf, events: &Sender<Event>) -> String {
    let mut decoder = FrameDecoder::default();
    loop {
        decoder.buffer().reserve(READ_LEN);
        match read.read_buf(decoder.buffer()).await {
            Ok(0) => return "it closed the connection".to_owned(),
            Ok(_) => {}
            Err(error) => return error.to_string(),
        }
        loop {
            match decoder.next_frame() {
                Ok(Some(frame)) => {
                    if events.send(Event::Frame(conn, frame)).await.is_err() {
                        return "nobody listens".to_owned();
                    }
                }
                Ok(None) => break,
                Err(error) => return error.to_string(),
            }
        }
    }
}

/// Why it ended.
async fn send(mut write: OwnedWriteHalf, mut waiting: UnboundedReceiver<Bytes>) -> String {
    while let Some(bytes) = waiting.recv().await {
        if let Err(error) = write.write_all(&bytes).await {
            return error.to_string();
        }
    }
    "nobody sends".to_owned()
}
