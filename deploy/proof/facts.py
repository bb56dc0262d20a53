#!/usr/bin/env python3
"""Recorded facts on separate processes, with real Kafka, ZooKeeper and HBase: the answers are those of one process.

facts.py WEFT SERVERS ZOOKEEPER KAFKA TOOLS: SERVERS is the home of deploy/cluster; TOOLS has replay.py, which replays
WEFT_VECTORS as .ci/facts has it done on one process, with the same differences listed. The data of WEFT_DATA are loaded
into the cluster and into one embedded process, which then answer scripts alike.

On a cluster reads follow writes by a moment. What is replayed goes through an address of its own, which answers a write
once every directory and every egress shows a series that was written behind it, in each partition."""

import http.client
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from nodes import Cluster, ROOT, eventually, make_table, make_topics, request
from walk_through import Embedded, up

LISTED = ROOT / "conformance"
# So many series that each partition has one of them.
MARKS = 48
# Of nobody whose series are replayed.
MARKS_OWNER = "fedcba98-7654-3210-fedc-ba9876543210"
WRITES = ("/api/v0/update", "/api/v0/meta", "/api/v0/delete")
HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "host", "date", "server"}

# Everything of all series, in an order that does not depend on who answers.
SCRIPTS = [
    "[ '%s' '~.*' {} ] FINDSETS",
    "[ '%s' '~.*' {} ] FIND SIZE",
    "[ '%s' '~.*' {} MAXLONG MINLONG ] FETCH DUP SIZE SWAP 0 SWAP <%% SIZE + %%> FOREACH",
    "[ '%s' '~.*' {} MAXLONG -3 ] FETCH <%% DROP [ SWAP DUP TOSELECTOR SWAP DUP TICKLIST SWAP DUP VALUES SWAP DUP "
    "LOCATIONS 2 ->LIST SWAP ELEVATIONS ] %%> LMAP",
    "[ [ '%s' '~.*' {} MAXLONG MINLONG ] FETCH bucketizer.count 0 1 h 0 ] BUCKETIZE [ SWAP [] reducer.sum ] REDUCE",
    "[ '%s' '~.*' {} MAXLONG MINLONG ] FETCH <%% DROP DUP TOSELECTOR SWAP DUP VALUES ->JSON SWAP TICKLIST ->JSON + "
    "'UTF-8' ->BYTES SHA1 ->HEX + %%> LMAP LSORT",
]


class Front(ThreadingHTTPServer):
    """An address whose writes can be read when they are answered."""

    daemon_threads = True

    def __init__(self, port):
        super().__init__(("127.0.0.1", port), Handler)
        self.cluster, self.writes = None, 0
        self.lock = threading.Lock()

    def serve_for(self, cluster):
        self.cluster = cluster
        self.tokens = [cluster.token(kind, "marks", MARKS_OWNER) for kind in ("read", "write")]

    def forward(self, method, path, body, headers):
        cluster = self.cluster
        is_write = path.split("?")[0].startswith(WRITES)
        with self.lock:
            self.writes += is_write
            number = self.writes
        node = cluster.ingress[number % 2] if is_write else cluster.egresses[number % 2]
        connection = http.client.HTTPConnection("127.0.0.1", node.port, timeout=120)
        connection.request(method, path, body, headers, encode_chunked="Transfer-Encoding" in headers)
        answer = connection.getresponse()
        said = answer.read()
        connection.close()
        if is_write and method in ("POST", "GET"):
            self.wait_read(number)
        return answer, said

    def wait_read(self, number):
        """Writes marks behind everything, and waits until they can be read."""
        read, write = self.tokens
        points = "".join(f"{number}// mark{{n={n}}} {number}\n" for n in range(MARKS))
        attributes = "".join(f"mark{{n={n}}}{{at={number}}}\n" for n in range(MARKS))
        self.ask(self.cluster.ingress[0], "POST", "/api/v0/update", points, write)
        self.ask(self.cluster.ingress[0], "POST", "/api/v0/meta", attributes, write)
        fetch = f"/api/v0/fetch?selector=mark%7B%7D&now={number}&timespan=-1&format=text"
        find = "/api/v0/find?selector=mark%7B%7D&showattr=true"
        for egress in self.cluster.egresses:
            sees = lambda path, what: self.ask(egress, "GET", path, None, read).count(what) == MARKS
            eventually("marks", lambda: sees(fetch, f" {number}\n".encode()), 60)
            # Replicas take turns: each answers one of two.
            eventually("marks", lambda: all([sees(find, f"at={number}}}".encode()) for _ in range(2)]), 60)

    @staticmethod
    def ask(node, method, path, body, token):
        status, said = request(node.port, method, path, body and body.encode(), {"X-Warp10-Token": token})
        if status != 200:
            raise SystemExit(f"{node.name}, {path}: {status} {said[:300]}")
        return said.replace(b"\r\n", b"\n")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle_any(self):
        headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP}
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            body, headers["Transfer-Encoding"] = list(self.chunks()), "chunked"
        else:
            length = self.headers.get("Content-Length")
            body = None if length is None else self.rfile.read(int(length))
        answer, said = self.server.forward(self.command, self.path, body, headers)
        self.send_response_only(answer.status, answer.reason)
        for name, value in answer.getheaders():
            if name.lower() not in HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    do_GET = do_POST = do_PUT = do_DELETE = do_OPTIONS = do_HEAD = handle_any

    def chunks(self):
        while length := int(self.rfile.readline().split(b";")[0], 16):
            yield self.rfile.read(length)
            self.rfile.readline()
        self.rfile.readline()

    def log_message(self, *_):
        pass


class Run:
    """A cluster with nothing in it, for as long as a block takes."""

    def __init__(self, weft, servers, zookeeper, kafka, front, name, more):
        table = f"weft-facts-{name}-{int(time.time())}"
        home = Path(servers) / "facts" / name
        shutil.rmtree(home, ignore_errors=True)
        port = int(zookeeper.rsplit(":", 1)[1]) + 500
        self.cluster = Cluster(weft, home, zookeeper, kafka, port, table, more)
        make_topics(servers, kafka, self.cluster.topics.values())
        make_table(servers, table)
        front.serve_for(self.cluster)

    def __enter__(self):
        try:
            self.cluster.start()
        except BaseException:
            self.cluster.stop()
            raise
        return self.cluster

    def __exit__(self, *_):
        if not self.cluster.stop():
            raise SystemExit("a process did not end in time")


def replay(tools, file, front, listed=None):
    """True when nothing differs that is not listed."""
    command = [sys.executable, str(Path(tools) / "replay.py"), *(["--listed", str(LISTED / listed)] if listed else [])]
    print(f"{Path(file).name}:", flush=True)
    return subprocess.run([*command, str(file), str(front.server_port)], check=False).returncode == 0


def some_lines(file, choose):
    """A file of those lines."""
    with open(file, encoding="utf-8") as lines:
        return [line for number, line in enumerate(lines) if choose(number, line)]


def facts(run, tools, vectors, front):
    """Transcripts and store programs, each on an empty cluster, as .ci/facts has them."""
    conf = Path(vectors, "http/server.conf").read_text()
    at = f"http://127.0.0.1:{front.server_port}/api/v0"
    conf += "".join(f"warpscript.{what}.endpoint = {at}/{what}\n" for what in ("update", "meta", "delete"))
    transcript = Path(vectors, "http/2.11.1.jsonl")
    load = some_lines(transcript, lambda number, _: number < 3)
    scripts = some_lines(Path(vectors, "http/3.5.0.jsonl"), lambda _, line: '"group": "exec"' in line)
    well = []
    with tempfile.TemporaryDirectory() as folder:
        loads, execs = Path(folder, "load.jsonl"), Path(folder, "exec.jsonl")
        loads.write_text("".join(load), encoding="utf-8")
        execs.write_text("".join(load + scripts), encoding="utf-8")
        with run("transcript", conf):
            well.append(replay(tools, transcript, front, "http-2.11.1.txt"))
        with run("exec", conf):
            well.append(replay(tools, execs, front, "exec-3.5.0.txt"))
        with run("store", conf):
            well.append(replay(tools, loads, front))
            programs = Path(vectors, "scripts-store-3.5.0.jsonl")
            well.append(replay(tools, programs, front, "scripts-store-3.5.0.txt"))
    return all(well)


def data(run, weft, folder, front, home):
    """Real data, in the cluster and in one process: the same answers to the same scripts."""
    files = [Path(folder, name) for name in ("earthquakes.gts", "flights.gts.gz")]
    keys = Path(home, "facts-embedded")
    shutil.rmtree(keys, ignore_errors=True)
    well = True
    with run("data", "warpscript.maxfetch.hard = 100000000\nwarpscript.maxfetch = 100000000\n"
             "warpscript.maxops = 1000000000\nwarpscript.maxops.hard = 1000000000\n"
             "warpscript.maxbuckets = 100000000\nwarpscript.maxbuckets.hard = 100000000\n") as cluster:
        conf = (cluster.home / "keys.conf").read_text() + (cluster.home / "more.conf").read_text()
        port = front.server_port + 1
        embedded = Embedded(weft, keys, conf, port)
        try:
            eventually("embedded", lambda: up(port))
            for to in (cluster.ingress[1].port, port):
                for file in files:
                    load = [weft, "load", "--url", f"http://127.0.0.1:{to}", "--token", cluster.write, str(file)]
                    with tempfile.TemporaryDirectory() as work:
                        begun = time.monotonic()
                        subprocess.run(load, check=True, capture_output=True, cwd=work)
                    print(f"{file.name}: loaded in {time.monotonic() - begun:.1f} s", flush=True)
            front.wait_read(1)
            for number, script in enumerate(SCRIPTS):
                script = script.replace("%s", cluster.read).replace("%%", "%").encode()
                asked = request(port, "POST", "/api/v0/exec", script, None, 300)
                for egress in cluster.egresses:
                    begun = time.monotonic()
                    told = request(egress.port, "POST", "/api/v0/exec", script, None, 300)
                    same = told == asked and told[0] == 200
                    well &= same
                    print(f"script {number + 1}, {egress.name}: {'as embedded' if same else 'differs'} ({told[0]}, "
                          f"{len(told[1])} bytes, {time.monotonic() - begun:.1f} s)", flush=True)
                    if not same:
                        print(f"  cluster:  {told[0]} {told[1][:300]}\n  embedded: {asked[0]} {asked[1][:300]}")
        finally:
            embedded.stop()
    return well


def main():
    weft, servers, zookeeper, kafka, tools = sys.argv[1:]
    # It is run from other folders too.
    weft = str(Path(weft).resolve())
    front = Front(int(zookeeper.rsplit(":", 1)[1]) + 480)
    threading.Thread(target=front.serve_forever, daemon=True).start()
    run = lambda name, more: Run(weft, servers, zookeeper, kafka, front, name, more)
    well = []
    if folder := os.environ.get("WEFT_DATA"):
        well.append(data(run, weft, folder, front, servers))
    else:
        print("WEFT_DATA is not set: no data")
    if vectors := os.environ.get("WEFT_VECTORS"):
        well.append(facts(run, tools, vectors, front))
    else:
        print("WEFT_VECTORS is not set: nothing to replay")
    if not all(well):
        raise SystemExit("facts: some answers differ")
    print("facts: the same answers")


if __name__ == "__main__":
    main()
