#!/usr/bin/env python3
"""webcall and limits on separate processes, against real Kafka: each call made once by two of webcall, at least once while
one of them is killed (kill -9), none inside; series counted by two ingresses together, and not forgotten by one that is killed.

apart.py WEFT SERVERS ZOOKEEPER KAFKA: SERVERS is the home of deploy/cluster, which is up."""

import collections
import http.server
import shutil
import signal
import sys
import threading
import time
from pathlib import Path

from nodes import OWNER, Cluster, Node, eventually, make_topics, request

CALLS = 200
LIMIT = 60


class Receiver(http.server.ThreadingHTTPServer):
    """Counts paths."""

    daemon_threads = True

    def __init__(self, host):
        super().__init__((host, 0), Handler)
        self.seen = collections.Counter()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def url(self):
        return "http://%s:%d" % self.server_address[:2]

    def of(self, name):
        return {path: count for path, count in self.seen.items() if path.startswith(f"/{name}/")}


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.seen[self.path] += 1
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def main():
    weft, servers, zookeeper, kafka = sys.argv[1:]
    weft = str(Path(weft).resolve())
    home = Path(servers) / "apart"
    shutil.rmtree(home, ignore_errors=True)
    limits = home / "limits"
    port = int(zookeeper.rsplit(":", 1)[1]) + 600
    name = f"apart-{int(time.time())}"
    topics = {"webcall": f"{name}-webcall", "throttling": f"{name}-throttling"}
    more = f"""webcall.kafka.topic = {topics["webcall"]}
webcall.kafka.groupid = {topics["webcall"]}
webcall.kafka.brokerlist = {kafka}
weft.webcall.inside = 127.0.0.1/32
warpscript.maxwebcalls = 1000
warpscript.maxops = 100000
warpscript.maxops.hard = 100000
throttling.manager.period = 500
ingress.kafka.throttling.topic = {topics["throttling"]}
ingress.kafka.throttling.producer.bootstrap.servers = {kafka}
"""
    cluster = Cluster(weft, home, zookeeper, kafka, port, more=more)
    for number, node in enumerate(cluster.ingress):
        folder = limits / str(number)
        folder.mkdir(parents=True)
        (folder / "one.throttle").write_text(f"{OWNER}:{LIMIT}:1000000::#\n")
        local = home / node.name / "local.conf"
        local.write_text(local.read_text() + f"throttling.manager.dir = {folder}\n")
    # The topic is the proof's own.
    webcalls = [Node(cluster, f"webcall-{number}", ["webcall.conf"], port + 50 + number, {"standalone.port": port + 50 + number})
                for number in (1, 2)]
    make_topics(servers, kafka, [*cluster.topics.values(), *topics.values()])
    try:
        cluster.start()
        for node in webcalls:
            node.start()
        for node in webcalls:
            node.wait_ready()
            print(f"{node.name}: ready at 127.0.0.1:{node.port}, pid {node.process.pid}")
        calls(cluster, webcalls)
        counts(cluster)
    finally:
        ended = all([node.stop() for node in webcalls])
        ended &= cluster.stop()
    if not ended:
        raise SystemExit("a process did not end in time")


def calls(cluster, webcalls):
    allowed, inside = Receiver("127.0.0.1"), Receiver("127.0.0.2")

    def call(name, receiver, count=CALLS):
        script = f"1 {count} <% 'n' STORE '{cluster.write}' 'POST' '{receiver.url()}/{name}/' $n TOSTRING + {{}} 'body' WEBCALL DROP %> FOR"
        status, body = request(cluster.egress.port, "POST", "/api/v0/exec", script.encode())
        if status != 200:
            raise SystemExit(f"WEBCALL: {status} {body}")

    call("denied", inside, 3)
    call("once", allowed)
    eventually("calls", lambda: len(allowed.of("once")) == CALLS, 60, allowed.of("once"))
    # Offsets are committed once a second: what is not, is made again after a kill.
    time.sleep(3)
    again = sum(allowed.of("once").values()) - CALLS
    call("kill", allowed)
    eventually("the first calls", lambda: allowed.of("kill"), 60)
    webcalls[0].stop(signal.SIGKILL)
    call("after", allowed)
    for name in ("kill", "after"):
        eventually(f"calls of {name}", lambda: len(allowed.of(name)) == CALLS, 90, len(allowed.of(name)))
    webcalls[0].start()
    webcalls[0].wait_ready()
    if again or inside.seen:
        raise SystemExit(f"{again} calls were made twice, {inside.seen} inside")
    twice = sum(allowed.of("kill").values()) + sum(allowed.of("after").values()) - 2 * CALLS
    print(f"{CALLS} calls, each made once; {2 * CALLS} while one of two was killed: all made, {twice} of them twice; none inside")


def counts(cluster):
    def write(ingress, names):
        return cluster.update(ingress, "".join(f"1// {name}{{}} 1\n" for name in names))

    half = LIMIT // 2
    for number in (0, 1):
        status, body = write(number, [f"of{number}.n{n}" for n in range(half)])
        if status != 200:
            raise SystemExit(f"update below the limit: {status} {body}")
    tries = [0]

    # Estimates err by a few of a hundred: so do the limits.
    def refused(number, what):
        def look():
            tries[0] += 1
            status, body = write(number, [f"more{number}.n{tries[0]}"])
            return status == 429 and b"would exceed your Monthly Active Data Streams limit" in body
        eventually(what, look, 30)

    refused(0, "the first ingress knows what the second one counted")
    refused(1, "the second ingress knows what the first one counted")
    added = tries[0]
    if added > LIMIT:
        raise SystemExit(f"{added} series went in above {LIMIT}")
    status, body = write(0, ["of0.n1"])
    if status != 200:
        raise SystemExit(f"a series that counts already: {status} {body}")
    cluster.ingress[0].stop(signal.SIGKILL)
    cluster.ingress[0].start()
    cluster.ingress[0].wait_ready()
    # What it counted in its last half second is forgotten until the other one tells.
    refused(0, "an ingress that was killed knows what was counted")
    after = tries[0] - added - 1
    if after > LIMIT // 4:
        raise SystemExit(f"{after} series went in after a kill")
    print(f"two ingresses count together: {LIMIT} series and {added - 2} more before both refused, {after} after one was killed")


if __name__ == "__main__":
    main()
