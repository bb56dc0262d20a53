//! One process: how its components are wired to each other and to what they stand on.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;
use weft_daemons::contract::{Event, Machine, PeerError, RequestHead, Task};
use weft_daemons::directory::{Directory, Registration};
use weft_daemons::egress::Egress;
use weft_daemons::ingress::Ingress;
use weft_daemons::plasma;
use weft_daemons::runner::{self, Runner};
use weft_daemons::store::Store;
use weft_daemons::webcall::Webcall;
use weft_http::{BuiltIn, Destination, Limits, Responder, Route, Server, Sink};
use weft_wire::streaming;

use crate::backends::{Coord, Log, Table};
use crate::backup::Backups;
use crate::driver::{Backends, Clock, drive};
use crate::endpoints::Endpoints;
use crate::home;
use crate::metrics::Metrics;
use crate::peers::{Asker, Caller, Lister, Peers, Seat};
use crate::plan::{DirectoryPlan, Plan, TopicAccess};
use crate::ready::Readiness;
use crate::report::warn;
use crate::runner::ScriptFolder;
use crate::script::library::Folder;
use crate::thrift;
use crate::throttling::ThrottleFolder;

/// How long the machines may take to end their work.
const STOP_TIME: Duration = Duration::from_secs(20);

/// A process that runs.
pub(crate) struct Node {
    addresses: Vec<SocketAddr>,
    stops: Vec<Box<dyn Fn() + Send>>,
    drivers: Vec<JoinHandle<()>>,
    servers: Vec<JoinHandle<()>>,
    backups: Option<Backups>,
    log: Log,
    table: Table,
}

/// What machines are wired to.
struct Wiring {
    clock: Clock,
    responder: Responder,
    peers: Arc<Peers>,
    metrics: Arc<Metrics>,
    ready: Arc<Readiness>,
    pool: Arc<rayon::ThreadPool>,
    http: Limits,
    log: Log,
    table: Table,
    coord: Coord,
    stops: Vec<Box<dyn Fn() + Send>>,
    drivers: Vec<JoinHandle<()>>,
    addresses: Vec<SocketAddr>,
    servers: Vec<JoinHandle<()>>,
}

impl Node {
    /// Starts what the plan names.
    pub(crate) async fn start(plan: Plan) -> Result<Self, String> {
        let metrics = Arc::<Metrics>::default();
        let ready = Arc::<Readiness>::default();
        let sinks = Arc::new(Sinks::new(&plan));
        let log = Log::open(plan.log, &plan.home, &metrics, &ready)?;
        let table = Table::open(plan.table, &plan.home, &metrics)?;
        let backups = match (log.embedded(), table.embedded()) {
            (Some(log), Some(table)) => Some(Backups::listen(log, table, &plan.home)),
            // Elsewhere the servers that hold the data have means of their own.
            _ => None,
        };
        let pool = rayon::ThreadPoolBuilder::new().build().map_err(|error| error.to_string())?;
        let mut wiring = Wiring {
            clock: Clock::new(),
            responder: Responder::default(),
            peers: Arc::new(Peers::new(plan.tls)),
            metrics,
            ready,
            pool: Arc::new(pool),
            http: plan.http,
            log,
            table,
            coord: Coord::new(plan.coord),
            stops: Vec::new(),
            drivers: Vec::new(),
            addresses: Vec::new(),
            servers: Vec::new(),
        };
        if let Some(network) = plan.network {
            wiring.peers.reach_through(network, tokio::runtime::Handle::current());
        }
        // Everything is listed as not ready from the start, and sockets are there first: who
        // looks at them learns what is waited for.
        let own = [
            plan.ingress.as_ref().map(|plan| plan.address),
            plan.egress.as_ref().map(|p| p.address),
            plan.plasma_frontend.as_ref().map(|p| p.address),
        ];
        let route: Route = {
            let sinks = sinks.clone();
            Arc::new(move |head| sinks.route(head))
        };
        wiring.peers.call_through(caller(route.clone(), wiring.responder.clone(), plan.endpoints));
        for (name, is_wanted) in [
            ("store", plan.store.is_some()),
            ("directory", plan.directory.is_some()),
            ("ingress", plan.ingress.is_some()),
            ("egress", plan.egress.is_some()),
            ("runner", plan.runner.is_some()),
            ("webcall", plan.webcall.is_some()),
            ("plasmaBE", plan.plasma_backend.is_some()),
            ("plasmaFE", plan.plasma_frontend.is_some()),
        ] {
            if is_wanted {
                wiring.ready.set(name, false);
            }
        }
        let mut addresses: Vec<SocketAddr> = own.into_iter().flatten().collect();
        addresses.dedup();
        let has_ports = plan.directory.as_ref().is_some_and(|directory| directory.ports.is_some());
        if addresses.is_empty() && !has_ports {
            addresses.push(plan.address);
        }
        for address in addresses {
            wiring.listen(address, route.clone()).await?;
        }
        // Consumers first: readers are told from the start how far they are.
        if let Some(store) = plan.store {
            for _ in 0..store.workers {
                let machine = Store::new(store.config.clone());
                wiring.start("store", machine, &store.topics).await?;
            }
        }
        if let Some(directory) = plan.directory {
            wiring.start_directory(directory).await?;
        }
        if let Some(root) = plan.throttling {
            let folder = ThrottleFolder::new(root);
            let limits = Arc::new(move |ask| folder.answer(ask));
            wiring.peers.limit_through(limits, tokio::runtime::Handle::current());
        }
        if let Some(ingress) = plan.ingress {
            let machine = Ingress::new(ingress.config);
            let (sink, seat) = wiring.start("ingress", machine, &ingress.topics).await?;
            wiring.peers.is_reader(seat);
            let _ = sinks.ingress.sink.set(sink);
        }
        if let Some(folder) = plan.library {
            wiring.peers.ask_through(asker(folder, wiring.clock));
        }
        if let Some(egress) = plan.egress {
            let machine = Egress::new(egress.config, home::random()?);
            let (sink, seat) = wiring.start("egress", machine, &egress.topics).await?;
            wiring.peers.is_reader(seat);
            let _ = sinks.egress.sink.set(sink);
        }
        if let Some(backend) = plan.plasma_backend {
            for _ in 0..backend.workers {
                let config = backend.config.clone();
                let machine = plasma::backend::Backend::new(config, home::random()?);
                wiring.start("plasmaBE", machine, &backend.topics).await?;
            }
        }
        if let Some(frontend) = plan.plasma_frontend {
            let machine = plasma::frontend::Frontend::new(frontend.config, home::random()?);
            let (sink, seat) = wiring.start("plasmaFE", machine, &frontend.topics).await?;
            wiring.peers.is_reader(seat);
            let _ = sinks.plasma.sink.set(sink);
        }
        if let Some((folder, now)) = plan.revocations {
            wiring.servers.push(tokio::spawn(folder.watch(wiring.peers.clone(), now)));
        }
        if let Some(file) = plan.token_file {
            wiring.servers.push(tokio::spawn(file.watch(wiring.peers.clone())));
        }
        if let Some(webcall) = plan.webcall {
            wiring.start("webcall", Webcall::new(webcall.config), &webcall.topics).await?;
        }
        if let Some(runner) = plan.runner {
            let folder = ScriptFolder::new(runner.root);
            let lister: Lister = Arc::new(move |action| folder.answer(action));
            wiring.peers.list_through(lister, tokio::runtime::Handle::current());
            let machine = Runner::new(runner.config, home::random()?);
            let (sink, _) = wiring.start("runner", machine, &runner.topics).await?;
            let _ = sinks.runner.sink.set(sink);
        }
        Ok(Self {
            addresses: wiring.addresses,
            stops: wiring.stops,
            drivers: wiring.drivers,
            servers: wiring.servers,
            backups,
            log: wiring.log,
            table: wiring.table,
        })
    }

    /// Where it listens for HTTP, at least at one address.
    pub(crate) fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Ends the machines' work in order, then the backends.
    pub(crate) async fn stop(self) {
        for server in &self.servers {
            server.abort();
        }
        drop(self.backups);
        for stop in &self.stops {
            stop();
        }
        let all = async {
            for driver in self.drivers {
                let _ = driver.await;
            }
        };
        if tokio::time::timeout(STOP_TIME, all).await.is_err() {
            warn("stop", "a component did not end in time; what was acknowledged is durable");
        }
        let close = tokio::task::spawn_blocking(move || {
            self.log.close();
            self.table.close();
        });
        let _ = close.await;
    }
}

/// Asks the library of scripts; files are read on threads that may block.
fn asker(folder: Folder, clock: Clock) -> Asker {
    let folder = Arc::new(folder);
    let runtime = tokio::runtime::Handle::current();
    Box::new(move |ask, done| {
        let folder = folder.clone();
        runtime.spawn_blocking(move || done(folder.answer(&ask, clock.now().mono.0 / 1_000_000)));
    })
}

/// Makes the requests of components to each other; `endpoints` knows those of other processes.
fn caller(route: Route, responder: Responder, endpoints: Endpoints) -> Caller {
    let runtime = tokio::runtime::Handle::current();
    Box::new(move |head, body, done| {
        if let Some(call) = endpoints.call(head.clone(), body.clone()) {
            return Some(runtime.spawn(async move { done(call.await) }).abort_handle());
        }
        let sink = match route(&head) {
            Destination::To(sink) => sink,
            other => {
                let error = match other {
                    Destination::Starting(name) => {
                        PeerError::Unavailable(format!("({name} is starting)"))
                    }
                    _ => PeerError::Refused(format!("Nobody serves {}.", head.path)),
                };
                runtime.spawn(async move { done(Err(error)) });
                return None;
            }
        };
        let call = weft_http::call(responder.clone(), sink, head, body);
        Some(runtime.spawn(async move { done(call.await) }).abort_handle())
    })
}

/// A component that is asked over HTTP: whether there is to be one, and where its requests go once
/// it is there.
#[derive(Default)]
struct Place {
    is_wanted: bool,
    sink: OnceLock<Sink>,
}

/// Where requests go.
struct Sinks {
    ingress: Place,
    egress: Place,
    runner: Place,
    plasma: Place,
}

impl Sinks {
    fn new(plan: &Plan) -> Self {
        let place = |is_wanted| Place { is_wanted, sink: OnceLock::new() };
        Self {
            ingress: place(plan.ingress.is_some()),
            egress: place(plan.egress.is_some()),
            runner: place(plan.runner.is_some()),
            plasma: place(plan.plasma_frontend.is_some()),
        }
    }

    /// Ingress has the writing endpoints, plasma and runner their own, egress everything else; where
    /// there is none, another answers that it does not know the path.
    fn route(&self, head: &RequestHead) -> Destination {
        let writing = ["/api/v0/update", "/api/v0/meta", "/api/v0/delete", "/api/v0/streamupdate"];
        let is_write = writing.iter().any(|path| {
            head.path.strip_prefix(path).is_some_and(|r| r.is_empty() || r.starts_with('/'))
        });
        let [ingress, egress] = [("ingress", &self.ingress), ("egress", &self.egress)];
        let plasma = ("plasmaFE", &self.plasma);
        let order = match head.path.as_str() {
            plasma::frontend::PATH => [plasma, egress, ingress],
            runner::PATH => [("runner", &self.runner), egress, ingress],
            _ if is_write => [ingress, egress, plasma],
            _ => [egress, ingress, plasma],
        };
        match order.into_iter().chain([plasma]).find(|(_, place)| place.is_wanted) {
            Some((name, place)) => {
                place.sink.get().cloned().map_or(Destination::Starting(name), Destination::To)
            }
            None => Destination::Nobody,
        }
    }
}

impl Wiring {
    /// Starts a machine. Its sink for HTTP events and its place among the peers.
    async fn start<M>(
        &mut self,
        name: &'static str,
        machine: M,
        topics: &[TopicAccess],
    ) -> Result<(Sink, Seat), String>
    where
        M: Machine + Send + 'static,
    {
        let (sender, events) = unbounded_channel::<Event<M::Task>>();
        let seat = self.peers.join(Arc::new(deliver(&sender, Event::Peer)));
        let ready = self.ready.clone();
        self.ready.set(name, false);
        let (peers, responder) = (self.peers.clone(), self.responder.clone());
        let backends = Backends {
            http: Box::new(move |action| responder.act(action)),
            log: self.log.client(name, topics, deliver(&sender, Event::Log)).await?,
            table: self.table.client(name, deliver(&sender, Event::Table))?,
            coord: self.coord.client(deliver(&sender, Event::Coord)),
            peer: Box::new(move |action| peers.act(seat, action)),
            ready: Box::new(move |is_ready| ready.set(name, is_ready)),
            metrics: self.metrics.clone(),
            pool: self.pool.clone(),
        };
        let sink: Sink = Arc::new(deliver(&sender, Event::Http));
        let stop = sender.clone();
        self.stops.push(Box::new(move || drop(stop.send(Event::Stop))));
        let driver = drive(name, machine, self.clock, sender, events, backends);
        self.drivers.push(tokio::spawn(driver));
        Ok((sink, seat))
    }

    /// Starts a directory: its sockets come first, for it registers their ports.
    async fn start_directory(&mut self, plan: DirectoryPlan) -> Result<(), String> {
        let DirectoryPlan { mut config, topics, mut instance, root, ports } = plan;
        let sink = Arc::<OnceLock<Sink>>::default();
        let mut thrift = None;
        if let Some(ports) = ports {
            let failed = |error: std::io::Error| format!("{}: {error}", ports.thrift);
            let listener = TcpListener::bind(ports.thrift).await.map_err(failed)?;
            instance.port = listener.local_addr().map_err(failed)?.port();
            thrift = Some(listener);
            let sink = sink.clone();
            let paths = [streaming::PATH, streaming::STATS_PATH];
            let route: Route = Arc::new(move |head| match paths.contains(&head.path.as_str()) {
                true => {
                    let own = sink.get().cloned();
                    own.map_or(Destination::Starting("directory"), Destination::To)
                }
                false => Destination::Nobody,
            });
            let port = self.listen(ports.streaming, route).await?.port();
            instance.payload.insert("streaming.port".to_owned(), port.to_string());
        }
        config.registration = root
            .map(|root| Registration { path: instance.path(&root), payload: instance.encode() });
        let (own_sink, seat) = self.start("directory", Directory::new(config), &topics).await?;
        self.peers.is_directory(seat, instance.id.into());
        if let Some(listener) = thrift {
            let serve = thrift::serve(listener, self.responder.clone(), own_sink.clone());
            self.servers.push(tokio::spawn(serve));
        }
        let _ = sink.set(own_sink);
        Ok(())
    }

    /// Serves requests at an address; the address, its port known.
    async fn listen(&mut self, address: SocketAddr, route: Route) -> Result<SocketAddr, String> {
        let failed = |error: std::io::Error| format!("{address}: {error}");
        let (built_in, responder) = (self.built_in(), self.responder.clone());
        let server = Server::bind(address, self.http, route, built_in, responder).await;
        let server = server.map_err(failed)?;
        let bound = server.address().map_err(failed)?;
        self.addresses.push(bound);
        self.servers.push(tokio::spawn(server.run()));
        Ok(bound)
    }

    fn built_in(&self) -> BuiltIn {
        let (ready, metrics) = (self.ready.clone(), self.metrics.clone());
        BuiltIn {
            ready: Arc::new(move || ready.check()),
            metrics: Arc::new(move || metrics.render()),
        }
    }
}

/// Sends what a backend says to a machine.
fn deliver<E, T: Task>(
    sender: &UnboundedSender<Event<T>>,
    wrap: fn(E) -> Event<T>,
) -> impl Fn(E) + Send + Sync + use<E, T> {
    let sender = sender.clone();
    move |event| drop(sender.send(wrap(event)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_starting_is_not_unknown() {
        let place = |is_wanted| Place { is_wanted, sink: OnceLock::new() };
        let [egress, runner, plasma] = [true, false, false].map(place);
        let sinks = Sinks { ingress: place(true), egress, runner, plasma };
        let asked = |path: &str| {
            let head = RequestHead { path: path.to_owned(), ..RequestHead::default() };
            match sinks.route(&head) {
                Destination::To(_) => "served",
                Destination::Starting(name) => name,
                Destination::Nobody => "nobody",
            }
        };
        assert_eq!(asked("/api/v0/update"), "ingress");
        assert_eq!(asked("/api/v0/delete"), "ingress");
        let _ = sinks.ingress.sink.set(Arc::new(|_| {}));
        assert_eq!(asked("/api/v0/update"), "served");
        for path in ["/api/v0/fetch", runner::PATH, plasma::frontend::PATH, "/else"] {
            assert_eq!(asked(path), "egress", "{path}");
        }
    }
}
