#!/usr/bin/env python3
"""How fast store moves datapoints from Kafka into HBase, and egress out of it, beside bare loops of HBase's own client.

store_speed.py WEFT SERVERS [CELLS]: SERVERS is the home of deploy/cluster, which is up with HBase; WEFT is built for
release, with Kafka. In each round CELLS datapoints are in Kafka before store begins, and it is timed from the first one
applied to the last; the bare loop puts as many, and who was second is first the next time. Then everything is fetched
as text, and scanned by the bare loop. The first rounds warm servers and clients up and do not count."""

import shutil
import statistics
import sys
import time
from pathlib import Path

from hbase_speed import Loop
from kills import Servers
from nodes import Cluster, eventually, java_command, make_table, make_topics, request

WARM, ROUNDS, SERIES, LINES = 3, 5, 100, 20_000


def bodies(number, cells):
    """Requests with datapoints of all series, whose ticks no other round has."""
    lines, each = [], cells // SERIES
    for series in range(SERIES):
        for point in range(each):
            tick = 1_600_000_000_000_000 + (number * each + point) * 1_000_000
            lines.append(f"={tick}// {point}" if point and len(lines) % LINES else f"{tick}// speed{{n={series}}} {point}")
    return ["\n".join(lines[start:start + LINES]) for start in range(0, len(lines), LINES)]


def applied(store):
    """Datapoints that this process has applied."""
    try:
        text = request(store.port, "GET", "/metrics")[1].decode()
    except OSError:
        return 0
    counts = [line.rsplit(" ", 1)[1] for line in text.splitlines() if line.startswith("weft_store_datapoints_total")]
    return int(sum(map(float, counts)))


def store_round(cluster, number, cells):
    """Seconds for as many datapoints."""
    store = cluster.stores[0]
    for body in bodies(number, cells):
        status, answer = cluster.update(0, body)
        if status != 200:
            raise SystemExit(f"an update was answered {status}: {answer[:300]}")
    store.start()
    first = None
    end = time.monotonic() + 300
    while time.monotonic() < end:
        count, now = applied(store), time.monotonic()
        if first is None and count:
            first = (count, now)
        if count >= cells:
            store.stop()
            if first[0] >= cells:
                raise SystemExit("all was applied before anybody looked: more CELLS are needed")
            return (now - first[1]) * cells / (count - first[0])
        time.sleep(0.02)
    raise SystemExit(f"{applied(store)} of {cells} applied after five minutes\n{store.log.read_text()[-2000:]}")


def fetch(cluster, cells):
    begun = time.monotonic()
    status, body = cluster.get("/fetch?selector=speed%7B%7D&start=1600000000000000&stop=1900000000000000&format=text")
    taken = time.monotonic() - begun
    found = body.count(b"\n")
    if status != 200 or found < cells:
        raise SystemExit(f"fetch: {status}, {found} of {cells} datapoints")
    return taken


def main():
    weft, home = sys.argv[1:3]
    cells = int(sys.argv[3]) if len(sys.argv) > 3 else 300_000
    servers = Servers(home)
    name = f"weft-store-speed-{int(time.time())}"
    make_table(home, name)
    make_table(home, f"{name}-bare")
    folder = Path(home) / "store-speed"
    shutil.rmtree(folder, ignore_errors=True)
    cluster = Cluster(weft, folder, servers.zookeeper, servers.kafka, servers.base + 200, name)
    make_topics(home, servers.kafka, cluster.topics.values())
    # Who is not asked would only take its share of the processor.
    used = [*cluster.directories[::2], cluster.egress, cluster.ingress[0]]
    bare = Loop(java_command(home, "HbaseSpeed.java", f"{name}-bare"))
    scan = Loop(java_command(home, "HbaseSpeed.java", name))
    puts, reads = ([], []), ([], [])
    try:
        for node in used:
            node.start()
        for node in used:
            node.wait_ready()
        for number in range(WARM + ROUNDS):
            own = lambda: store_round(cluster, number, cells)
            other = lambda: bare.ask(f"put {number} {cells}")
            seconds = [0.0, 0.0]
            for who in (0, 1) if number % 2 else (1, 0):
                seconds[who] = (own, other)[who]()
            for who in (0, 1):
                puts[who].extend([seconds[who]] * (number >= WARM))
        total = (WARM + ROUNDS) * cells
        eventually("found", lambda: fetch(cluster, total), 60)
        for number in range(WARM + ROUNDS):
            seconds = [0.0, 0.0]
            for who in (0, 1) if number % 2 else (1, 0):
                seconds[who] = fetch(cluster, total) if who == 0 else scan.ask(f"all {total}")
            for who in (0, 1):
                reads[who].extend([seconds[who]] * (number >= WARM))
    finally:
        bare.stop()
        scan.stop()
        cluster.stop()
    for kind, values, count in (("store", puts, cells), ("fetch", reads, total)):
        own, other = (count / statistics.median(seconds) for seconds in values)
        print(f"{kind}: {own:.0f} datapoints a second, {other:.0f} cells by HBase's own client ({own / other * 100:.0f} %)")


if __name__ == "__main__":
    main()
