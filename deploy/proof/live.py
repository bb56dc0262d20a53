#!/usr/bin/env python3
"""plasma on separate processes, against real Kafka and ZooKeeper: subscribers of two frontends, two backends, a
dialogue with a WebSocket client that is not Weft's, and a backend that is killed (kill -9) while datapoints come in.

live.py WEFT SERVERS ZOOKEEPER KAFKA [WEFT-BENCH]: SERVERS is the home of deploy/cluster, which is up. With
`weft-bench`, a hundred subscribers first count what reaches them while a backend is killed and started again."""

import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from nodes import Cluster, Node, eventually, make_topics
from websockets import Closed, WebSocket

LOAD = 6.0
COUNTED = 40
OTHER = "76543210-89ab-cdef-0123-456789abcdef"


class Subscriber:
    """Hears everything on a thread of its own."""

    def __init__(self, port):
        self.socket, self.heard, self.closed = WebSocket(port, "/api/v0/plasma"), [], None
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        try:
            while True:
                text = self.socket.hear(600)
                if text is not None:
                    self.heard.append(text)
        except (Closed, OSError) as error:
            self.closed = error

    def says(self, text):
        self.socket.says(text)

    def wait(self, words):
        """Until that was said; it is forgotten then, and what came before it as well."""
        def look():
            if self.closed:
                raise SystemExit(f"waiting for {words}: {self.closed}")
            if words in self.heard:
                del self.heard[:self.heard.index(words) + 1]
                return True
            return False
        eventually(words, look, last=self.heard)

    def points(self):
        """Series and values as they came."""
        found, series = [], None
        for line in "\n".join(self.heard).splitlines():
            if match := re.fullmatch(r"(=)?-?\d+// (?:([^ {]+)\{[^}]*\} )?(\d+)", line):
                series = series if match[1] else match[2]
                found.append((series, int(match[3])))
        return found


def plasma(cluster, zookeeper, kafka, port):
    """Two backends and two frontends beside the cluster's processes."""
    name = cluster.topics["data"].removesuffix("-data")
    znode = f"/{name}-plasma"
    backends, frontends = [], []
    for number in (1, 2):
        at = port + number
        own = {"standalone.port": at, "plasma.backend.kafka.in.topic": cluster.topics["data"],
               "plasma.backend.kafka.in.groupid": f"{name}-plasma", "plasma.backend.subscriptions.znode": znode,
               "plasma.backend.kafka.in.consumer.bootstrap.servers": kafka,
               "plasma.backend.kafka.out.producer.bootstrap.servers": kafka}
        backends.append(Node(cluster, f"plasma-be-{number}", ["plasma-be.conf"], at, own))
        at = port + 10 + number
        own = {"plasma.frontend.port": at, "plasma.frontend.kafka.topic": f"{name}-fe{number}",
               "plasma.frontend.kafka.consumer.bootstrap.servers": kafka, "plasma.frontend.znode": znode}
        frontends.append(Node(cluster, f"plasma-fe-{number}", ["plasma-fe.conf"], at, own))
    return backends, frontends


def expect(what, found, wanted):
    if found != wanted:
        raise SystemExit(f"{what}: {found}, not {wanted}")
    print(f"{what}: as it should be ({len(wanted)})")


def main():
    weft, servers, zookeeper, kafka = sys.argv[1:5]
    bench = sys.argv[5] if len(sys.argv) > 5 else None
    weft = str(Path(weft).resolve())
    home = Path(servers) / "live"
    shutil.rmtree(home, ignore_errors=True)
    port = int(zookeeper.rsplit(":", 1)[1]) + 500
    cluster = Cluster(weft, home, zookeeper, kafka, port)
    backends, frontends = plasma(cluster, zookeeper, kafka, port + 50)
    own = [cluster.topics["data"].removesuffix("-data") + f"-fe{number}" for number in (1, 2)]
    make_topics(servers, kafka, [*cluster.topics.values(), *own])
    nodes = [*backends, *frontends]
    try:
        cluster.start()
        for node in nodes:
            node.start()
        for node in nodes:
            node.wait_ready()
            print(f"{node.name}: ready at 127.0.0.1:{node.port}, pid {node.process.pid}")
        if bench:
            counted(cluster, backends, frontends, bench)
        dialogue(cluster, backends, frontends)
    finally:
        ended = all([node.stop() for node in nodes])
        ended &= cluster.stop()
    if not ended:
        raise SystemExit("a process did not end in time")


def counted(cluster, backends, frontends, bench):
    """A load whose every datapoint is counted by every subscriber; one backend is killed, and comes again."""
    at = [f"http://127.0.0.1:{node.port}" for node in (cluster.ingress[0], cluster.egress, frontends[0])]
    command = [bench, "--url", at[0], "live", "--egress", at[1], "--plasma", at[2], "--write-token", cluster.write,
               "--read-token", cluster.read, "--subscribers", "100", "--groups", "20", "--series", "20", "--rate", "1000",
               "--seconds", str(COUNTED), "--patience", "60"]
    load = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        for line in load.stdout:
            print(f"counted: {line}", end="")
            if "subscribers connected" in line:
                break
        time.sleep(COUNTED / 4)
        backends[0].stop(signal.SIGKILL)
        time.sleep(COUNTED / 4)
        backends[0].start()
        for line in load.stdout:
            print(f"counted: {line}", end="")
        if load.wait() != 0:
            raise SystemExit("counted: datapoints were lost")
    finally:
        load.kill()
        load.wait()
    backends[0].wait_ready()


def dialogue(cluster, backends, frontends):
    first, second, other = (Subscriber(frontends[number].port) for number in (0, 1, 1))
    for subscriber in (first, second, other):
        subscriber.says("ACK")
        subscriber.wait("OK ACK")
    first.says(f"SUBSCRIBE {cluster.read} ~live.*{{}}")
    first.wait("OK SUBSCRIBE ~live.*{}")
    foreign = cluster.token("read", "proof", OTHER)
    other.says(f"SUBSCRIBE {foreign} ~live.*{{}}")
    other.wait("OK SUBSCRIBE ~live.*{}")

    # A series that appears later: its datapoints count once backends know of it.
    def appears():
        status, body = cluster.update(0, "1// live.a{k=1} 0\n1// live.b{k=1} 0")
        if status != 200:
            raise SystemExit(f"update: {status} {body}")
        return {series for series, _ in first.points()} == {"live.a", "live.b"}
    eventually("series that appear later", appears, last=first.heard)
    print("series that appear later: seen")
    eventually("find", lambda: cluster.get("/find?selector=live.a%7B%7D")[1])
    second.says(f"SUBSCRIBE {cluster.read} live.a{{}}")
    second.wait("OK SUBSCRIBE live.a{}")
    first.says("UNSUBSCRIBE " + cluster.read + " live.b{}")
    first.wait("OK UNSUBSCRIBE live.b{}")
    for subscriber in (first, second):
        subscriber.heard.clear()
    cluster.update(1, "".join(f"{n}// live.a{{k=1}} {n}\n{n}// live.b{{k=1}} {n}\n" for n in range(1, 21)))
    wanted = [("live.a", n) for n in range(1, 21)]
    for name, subscriber in (("first", first), ("second", second)):
        eventually(name, lambda: len(subscriber.points()) >= 20, last=subscriber.heard)
        expect(f"what the {name} subscriber is told", subscriber.points(), wanted)
    second.says("SUBSCRIPTIONS")
    eventually("SUBSCRIPTIONS", lambda: any(text.startswith("SUB live.a{") for text in second.heard), last=second.heard)
    second.heard.clear()
    second.says("JSON")
    time.sleep(0.2)
    cluster.update(1, "7// live.a{k=1} 7")
    eventually("JSON", lambda: second.heard, last=second.heard)
    if not re.fullmatch(r'\[\{"c":"live.a","l":\{.*\},"t":7,"v":7\}\]', second.heard[0]):
        raise SystemExit(f"JSON: {second.heard}")
    second.says("TEXT")

    # A backend dies while datapoints come in, and comes again.
    first.heard.clear()
    sent, end, number, began = [], time.monotonic() + LOAD, 1_000, time.monotonic()
    killed = started = False
    while time.monotonic() < end:
        number += 1
        status, _ = cluster.update(number % 2, f"{number}// live.a{{k=1}} {number}")
        if status == 200:
            sent.append(("live.a", number))
        if not killed and time.monotonic() > began + LOAD / 3:
            killed = backends[0].stop(signal.SIGKILL)
        if killed and not started and time.monotonic() > began + 2 * LOAD / 3:
            backends[0].start()
            started = True
        time.sleep(0.005)

    def all_there():
        # What was not committed comes again: the first time counts.
        return list(dict.fromkeys(first.points())) == sent
    eventually("what was stored while a backend was killed", all_there, 60, (len(sent), first.heard[-3:]))
    repeated = len(first.points()) - len(sent)
    print(f"a backend killed and started again: {len(sent)} updates, all told in order, {repeated} of them twice or more")
    if other.points() or other.closed:
        raise SystemExit(f"another tenant was told {other.heard}, {other.closed}")
    print("another tenant: told nothing")
    first.says("FOO")
    eventually("a bad verb", lambda: first.closed)
    if first.closed.args != (1008, "Invalid verb."):
        raise SystemExit(f"a bad verb: {first.closed}")
    # Frontends end in order and say so.
    frontends[1].stop()
    eventually("a frontend that stops", lambda: second.closed)
    if second.closed.args[0] != 1001:
        raise SystemExit(f"a frontend that stops: {second.closed}")
    print("closed with their reasons")


if __name__ == "__main__":
    main()
