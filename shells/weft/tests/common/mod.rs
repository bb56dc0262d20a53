//! A node for a test: the real binary, on a free port of this machine, in a folder of its own.

#![allow(dead_code, reason = "every test file uses its part")]

pub(crate) mod formats;
pub(crate) mod http;
pub(crate) mod model;

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use tempfile::TempDir;
use weft_gts::SipKey;
use weft_wire::sign::signature;

use http::{Reply, Request};

/// How long anything may take before a test gives up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// The years 1970 to 2100: every tick of every test.
pub(crate) const TICKS: RangeInclusive<i64> = 0..=4_102_444_800_000_000;

const OWNER: &str = "01234567-89ab-cdef-0123-456789abcdef";

/// The key that fetches are signed with.
const FETCH_KEY: [u8; 16] = *b"fetches are sent";

/// A node that runs.
pub(crate) struct Node {
    home: TempDir,
    conf: PathBuf,
    child: Child,
    address: SocketAddr,
    pub(crate) read: String,
    pub(crate) write: String,
}

impl Node {
    /// Starts an empty node.
    pub(crate) fn start() -> Self {
        Self::start_with("")
    }

    /// Starts an empty node with more lines in its configuration.
    pub(crate) fn start_with(more: &str) -> Self {
        let home = TempDir::new().expect("a folder");
        let conf = home.path().join("node.conf");
        let keys = weft(home.path(), &["keys"]);
        let fetch: String = FETCH_KEY.iter().map(|byte| format!("{byte:02x}")).collect();
        let text = format!(
            "warp.timeunits = us\nstandalone.host = 127.0.0.1\nstandalone.port = 0\n\
             weft.home = {}\nfetch.psk = hex:{fetch}\n{keys}{more}",
            home.path().join("data").display()
        );
        std::fs::write(&conf, text).expect("a file");
        let token = |kind: &str| {
            let conf = conf.to_str().expect("a path");
            let args = ["token", kind, "--conf", conf, "--app", "test", "--owner", OWNER];
            weft(home.path(), &args).trim().to_owned()
        };
        let (read, write) = (token("read"), token("write"));
        let (child, address) = spawn(&conf);
        Self { home, conf, child, address, read, write }
    }

    /// Another node with the same keys and tokens, whose data is in a folder that is there.
    pub(crate) fn twin(&self, data: &Path) -> Self {
        let home = TempDir::new().expect("a folder");
        let conf = home.path().join("node.conf");
        let text = std::fs::read_to_string(&self.conf).expect("a configuration");
        let own = format!("weft.home = {}", self.data().display());
        let others = format!("weft.home = {}", data.display());
        std::fs::write(&conf, text.replace(&own, &others)).expect("a file");
        let (child, address) = spawn(&conf);
        let (read, write) = (self.read.clone(), self.write.clone());
        Self { home, conf, child, address, read, write }
    }

    /// Its `weft.home`.
    pub(crate) fn data(&self) -> PathBuf {
        self.home.path().join("data")
    }

    /// Starts an empty node with the keys and tokens of another server.
    pub(crate) fn start_as(conf_text: &str, read: &str, write: &str) -> Self {
        let home = TempDir::new().expect("a folder");
        let conf = home.path().join("node.conf");
        let data = home.path().join("data");
        let own = format!("standalone.port = 0\nweft.home = {}\n", data.display());
        std::fs::write(&conf, format!("{conf_text}\n{own}")).expect("a file");
        let (child, address) = spawn(&conf);
        let (read, write) = (read.to_owned(), write.to_owned());
        Self { home, conf, child, address, read, write }
    }

    /// The folder that the node has for itself.
    pub(crate) fn folder(&self) -> &Path {
        self.home.path()
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Ends the process at once, as `kill -9` does.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it has ended");
    }

    /// The process's id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Has the process killed, whatever it is at; [`Node::kill`] waits for its end.
    pub(crate) fn signal_kill(&self) {
        use rustix::process::{Pid, Signal, kill_process};
        let pid = Pid::from_raw(self.child.id() as i32).expect("a process");
        kill_process(pid, Signal::KILL).expect("it is ours");
    }

    /// Starts it again where it was.
    pub(crate) fn restart(&mut self) {
        (self.child, self.address) = spawn(&self.conf);
    }

    /// The most memory that the process has had, in bytes; `None` where that is not told.
    pub(crate) fn memory_peak(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        let kilobytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
        Some(kilobytes << 10)
    }

    /// Another write token, with an attribute.
    pub(crate) fn write_token_with(&self, attribute: &str) -> String {
        self.token("write", &["--attribute", attribute])
    }

    /// Another token of the same owner.
    pub(crate) fn token(&self, kind: &str, more: &[&str]) -> String {
        let conf = self.conf.to_str().expect("a path");
        let args = ["token", kind, "--conf", conf, "--app", "test", "--owner", OWNER];
        weft(self.home.path(), &[&args[..], more].concat()).trim().to_owned()
    }

    pub(crate) fn get(&self, path: &str, token: &str) -> Reply {
        self.send(&Request::get(path).header("X-Warp10-Token", token))
    }

    pub(crate) fn post(&self, path: &str, token: &str, body: impl Into<Vec<u8>>) -> Reply {
        self.send(&Request::post(path, body).header("X-Warp10-Token", token))
    }

    pub(crate) fn send(&self, request: &Request) -> Reply {
        request.send(self.address)
    }

    /// Stores lines; nothing else than success will do.
    pub(crate) fn update(&self, lines: impl Into<Vec<u8>>) {
        let reply = self.post("/api/v0/update", &self.write, lines);
        assert_eq!(reply.status, 200, "{}", reply.text());
    }

    /// Fetches everything that `selector` means.
    pub(crate) fn fetch(&self, selector: &str, format: &str) -> Reply {
        let path = format!(
            "/api/v0/fetch?selector={}&start={}&end={}&format={format}",
            model::percent_encode(selector),
            TICKS.start(),
            TICKS.end()
        );
        let now_ms = std::time::UNIX_EPOCH.elapsed().expect("after 1970").as_millis() as i64;
        let signed = signature(SipKey::from_bytes(FETCH_KEY), now_ms, &self.read);
        let mut request = Request::get(&path).header("X-Warp10-Token", &self.read);
        if format == "wrapper" {
            request = request.header("X-Warp10-Fetch-Signature", &signed);
        }
        let reply = self.send(&request);
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply
    }

    /// What is stored of `selector`, fetched as full text.
    pub(crate) fn stored(&self, selector: &str) -> model::Model {
        model::Model::of_lines(&self.fetch(selector, "fulltext").text())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs the binary to its end and returns what it printed.
pub(crate) fn weft(folder: &Path, args: &[&str]) -> String {
    match try_weft(folder, args) {
        Ok(printed) => printed,
        Err(errors) => panic!("weft {args:?}: {errors}"),
    }
}

/// Runs the binary to its end and returns what it printed; on standard error too, when it failed.
pub(crate) fn try_weft(folder: &Path, args: &[&str]) -> Result<String, String> {
    let (succeeded, out, error) = run(folder, args, "");
    if succeeded { Ok(out) } else { Err(format!("{out}{error}")) }
}

/// Runs the binary with an input; whether it succeeded, what it wrote, and what it complained about.
pub(crate) fn run(folder: &Path, args: &[&str], input: &str) -> (bool, String, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_weft"))
        .args(args)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary is there");
    let mut stdin = child.stdin.take().expect("an input");
    // What does not read may have ended.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (output.status.success(), text(output.stdout), text(output.stderr))
}

/// Starts a node and waits until it says where it listens, and then until it is ready.
fn spawn(conf: &Path) -> (Child, SocketAddr) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_weft"))
        .arg("start")
        .arg(conf)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary is there");
    let errors = child.stderr.take().expect("piped");
    let lines = lines_of(BufReader::new(errors));
    let mut said = String::new();
    let address = loop {
        let line = lines.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("it ended: {said}"));
        if let Some((_, address)) = line.split_once("listening at http://") {
            break address.parse().expect("an address");
        }
        said.push_str(&line);
        said.push('\n');
    };
    let begun = std::time::Instant::now();
    while Request::get("/readyz").send(address).status != 200 {
        assert!(begun.elapsed() < PATIENCE, "it is not ready");
        std::thread::yield_now();
    }
    (child, address)
}

/// The lines of a stream, which is read to its end whether anybody wants them or not.
fn lines_of(reader: impl BufRead + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in reader.lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    receiver
}
