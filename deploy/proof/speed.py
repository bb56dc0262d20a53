#!/usr/bin/env python3
"""How fast a cluster takes datapoints in and applies them, beside a bare Kafka client in the same run.

speed.py WEFT KAFKA_SPEED SERVERS [POINTS]: SERVERS is the home of deploy/cluster, which is up; KAFKA_SPEED
the example of that name of weft-log. Every request has POINTS datapoints of each of its series, which
become one record: 1, when nothing is said, makes records as small as they get."""

import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

from kills import Servers
from nodes import Cluster, eventually, make_topics

REQUESTS, LINES, SERIES, SENDERS = 400, 2_500, 25_000, 4
POINTS = int(sys.argv[4]) if len(sys.argv) > 4 else 1
if POINTS > 1:
    LINES, SERIES = 20_000, 20_000 // POINTS


def body(number):
    """Some datapoints for each of some series; a line that begins with = goes on with the series before."""
    first = number * LINES // POINTS % SERIES
    lines = []
    for series in range(first, first + LINES // POINTS):
        lines.append(f"{number * POINTS + 1}// speed{{n={series}}} {number}.5")
        lines += [f"={number * POINTS + point}// {number}.{point}" for point in range(2, POINTS + 1)]
    return "\n".join(lines)


def send(cluster, bodies, refused):
    for number, lines in bodies:
        if cluster.update(number % 2, lines)[0] != 200:
            refused.append(number)


def main():
    weft, bare, home = sys.argv[1:4]
    servers = Servers(home)
    folder = Path(home) / "speed"
    shutil.rmtree(folder, ignore_errors=True)
    cluster = Cluster(weft, folder, servers.zookeeper, servers.kafka, servers.base + 200)
    again = f"{cluster.topics['data']}-again"
    make_topics(home, servers.kafka, [*cluster.topics.values(), again])
    try:
        cluster.start()
        # Every series is known, and everything warm.
        warm = [(number, body(number)) for number in range(max(1, SERIES // LINES))]
        refused = []
        send(cluster, warm, refused)
        bodies = [(number, body(number)) for number in range(len(warm), REQUESTS)]
        points = len(bodies) * LINES
        eventually("warm", lambda: applied(cluster, len(warm) * LINES))
        before = {node.name: node.cpu() for node in cluster.nodes()}
        start = time.monotonic()
        parts = [bodies[n::SENDERS] for n in range(SENDERS)]
        threads = [threading.Thread(target=send, args=(cluster, part, refused)) for part in parts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        taken = time.monotonic() - start
        eventually("applied", lambda: applied(cluster, REQUESTS * LINES), 300)
        done = time.monotonic() - start
        cpu = {node.name: node.cpu() - before[node.name] for node in cluster.nodes()}
        print(f"ingest: {points / taken:.0f} datapoints, {points / POINTS / taken:.0f} records a second; "
              f"{len(refused)} requests refused")
        print(f"applied by store: {points / done:.0f} datapoints a second, from the first request on")
        print("processor seconds: " + ", ".join(f"{name} {seconds:.1f}" for name, seconds in cpu.items()))
    finally:
        cluster.stop()
    subprocess.run([bare, servers.kafka, cluster.topics["data"], again], check=True)


def applied(cluster, points):
    """Whether the store has applied so many datapoints, by its own count."""
    from nodes import request
    text = request(cluster.egress.port, "GET", "/metrics")[1].decode()
    counts = [line.rsplit(" ", 1)[1] for line in text.splitlines() if line.startswith("weft_store_datapoints_total")]
    return sum(map(float, counts)) >= points


if __name__ == "__main__":
    main()
