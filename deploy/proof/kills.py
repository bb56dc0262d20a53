#!/usr/bin/env python3
"""Kills each process, the broker and ZooKeeper in turn (kill -9) under load, and counts what is lost.

kills.py [--hbase] WEFT SERVERS [NAME…]: SERVERS is the home of deploy/cluster, which is up. NAMEs choose what
is killed. With --hbase the table is HBase's: its region server and master are killed, too, and (regions) every
region of the table is split, closed and opened again. Each row: writers send requests, each with datapoints of ticks of their own, one
datapoint that overwrites the one before, and one new series; at half time something is killed and
started again. In the end everything that was acknowledged is asked for.

acknowledged  answered 200              unknown   anything else: it may be stored
lost          acknowledged and not read doubled   records of the topic that are there twice
out of order  an overwrite that an older one survived    finds    failed / all, while it went on
off           seconds until everything was ready again, without any other process started anew
idle          processor time of the busiest process while nothing was asked of it, % of a core
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from nodes import ROOT, Cluster, eventually, java, make_table, make_topics, request

WRITERS = 4
POINTS = 20
LOAD = 4.0
DOWN = 4.0
IDLE = 3.0


class Load:
    """Writers, and one who finds."""

    def __init__(self, cluster, row):
        self.cluster, self.row = cluster, row
        self.acknowledged, self.unknown, self.finds, self.failed = {}, {}, 0, 0
        self.running, self.paused = True, False
        self.threads = [threading.Thread(target=self.write, args=(writer,)) for writer in range(WRITERS)]
        self.threads.append(threading.Thread(target=self.find))
        for thread in self.threads:
            thread.start()

    def write(self, writer):
        sequence, acknowledged, unknown = 0, [], []
        while self.running:
            if self.paused:
                time.sleep(0.05)
                continue
            sequence += 1
            lines = [f"{sequence * POINTS + n}// {self.row}.seq{{writer={writer}}} {sequence}" for n in range(POINTS)]
            lines.append(f"1// {self.row}.last{{writer={writer}}} {sequence}")
            lines.append(f"1// {self.row}.new{{writer={writer},request={sequence}}} {sequence}")
            try:
                status, _ = self.cluster.update((writer + sequence) % 2, "\n".join(lines))
            except OSError:
                status = 0
            (acknowledged if status == 200 else unknown).append(sequence)
            if status != 200:
                time.sleep(0.05)
        self.acknowledged[writer], self.unknown[writer] = acknowledged, unknown

    def find(self):
        while self.running:
            if self.paused:
                time.sleep(0.05)
                continue
            try:
                status, _ = self.cluster.get(f"/find?selector={self.row}.seq%7B%7D")
            except OSError:
                status = 0
            self.finds += 1
            self.failed += status != 200
            time.sleep(0.02)

    def stop(self):
        self.running = False
        for thread in self.threads:
            thread.join()


def values(cluster, row, name):
    """Values of a class by writer: ticks and values."""
    path = f"/fetch?selector={row}.{name}%7B%7D&now=now&timespan=PT876000H&format=fulltext"
    status, body = cluster.get(path)
    if status != 200:
        return None
    found = {}
    for line in body.decode().splitlines():
        tick = int(line.split("/", 1)[0])
        writer = int(re.search(r"writer=(\d+)", line).group(1))
        found.setdefault(writer, []).append((tick, int(line.rsplit(" ", 1)[1])))
    return found


def missing(cluster, load):
    """Acknowledged and not there: datapoints, series; and overwrites that did not last."""
    found, last = values(cluster, load.row, "seq"), values(cluster, load.row, "last")
    status, body = cluster.get(f"/find?selector={load.row}.new%7B%7D")
    if found is None or last is None or status != 200:
        return None
    series = re.findall(r"request=(\d+),writer=(\d+)|writer=(\d+),request=(\d+)", body.decode())
    series = [(int(w1 or w2), int(r1 or r2)) for r1, w1, w2, r2 in series]
    points = order = names = 0
    for writer, acknowledged in load.acknowledged.items():
        ticks = {tick for tick, _ in found.get(writer, [])}
        points += sum(s * POINTS + n not in ticks for s in acknowledged for n in range(POINTS))
        if acknowledged:
            order += last.get(writer, [(1, 0)])[0][1] < acknowledged[-1]
        known = {request for of, request in series if of == writer}
        names += sum(request not in known for request in acknowledged)
    return points, names, order, len(series) - len(set(series))


class Servers:
    """Kafka, ZooKeeper and HBase of deploy/cluster."""

    def __init__(self, home, table=None):
        self.home, self.table = home, table
        self.base = int(Path(home, "conf/port-base").read_text())
        self.zookeeper, self.kafka = f"127.0.0.1:{self.base}", f"127.0.0.1:{self.base + 1}"

    def kill(self, name):
        if name == "regions":
            print(f"regions: {java(self.home, 'Regions.java', self.table).strip()}", file=sys.stderr)
            return
        os.kill(int(Path(self.home, f"run/{name}.pid").read_text()), signal.SIGKILL)

    def up(self):
        names = ["zookeeper", "kafka", "hbase"] if self.table else ["zookeeper", "kafka"]
        command = [str(ROOT / "deploy/cluster"), "up", "--home", self.home, *names]
        subprocess.run(command, check=True, capture_output=True)

    def doubles(self, topic):
        classes = f"{self.home}/conf/kafka:{self.home}/jars/kafka/*"
        source = str(ROOT / "deploy/servers/Doubles.java")
        command = ["java", "-XX:TieredStopAtLevel=1", "-cp", classes, source, self.kafka, topic]
        out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        return [int(number) for number in out.split()]


def ready(cluster):
    return all(node.ready() is None for node in cluster.nodes())


def one(cluster, servers, name, doubled_before):
    """One row of the table."""
    row = f"k{int(time.time() * 1000)}"
    before = {node.name: node.process.pid for node in cluster.nodes()}
    load = Load(cluster, row)
    time.sleep(LOAD)
    node = next((node for node in cluster.nodes() if node.name == name), None)
    if node:
        node.process.kill()
        node.process.wait()
    else:
        servers.kill(name)
    killed = time.monotonic()
    time.sleep(DOWN)
    load.paused = True
    others = [other for other in cluster.nodes() if other is not node]
    time.sleep(1)
    cpu = {other.name: other.cpu() for other in others}
    time.sleep(IDLE)
    busy = max((other.cpu() - cpu[other.name]) / IDLE for other in others)
    was_ready = [other.name for other in others if other.ready() is not None]
    if node:
        node.start()
        del before[node.name]
    else:
        servers.up()
    eventually(f"{name}: ready again", lambda: ready(cluster), 120)
    off = time.monotonic() - killed
    load.paused = False
    time.sleep(LOAD)
    load.stop()
    for other in cluster.nodes():
        if other.name in before and (other.process.poll() is not None or other.process.pid != before[other.name]):
            raise SystemExit(f"{other.name} ended:\n{other.log.read_text()[-3000:]}")
    lost = (None,)
    stopped = time.monotonic()
    while time.monotonic() < stopped + 120:
        lost = missing(cluster, load)
        if lost is not None and not any(lost):
            break
        time.sleep(0.5)
    print(f"{name}: everything was read {time.monotonic() - stopped:.1f} s after the last request", file=sys.stderr)
    records, doubled = servers.doubles(cluster.topics["data"])
    acknowledged = sum(map(len, load.acknowledged.values()))
    unknown = sum(map(len, load.unknown.values()))
    points, names, order, twice = lost or (-1, -1, -1, 0)
    print(f"| {name} | {acknowledged + unknown} | {acknowledged} | {unknown} | {points} + {names} | "
          f"{doubled - doubled_before + twice} | {order} | {load.failed} / {load.finds} | {off:.1f} | {busy * 100:.0f} | "
          f"{', '.join(was_ready) or '-'} |", flush=True)
    return lost == (0, 0, 0, 0) and doubled == doubled_before, doubled


def main():
    weft, home, *names = [argument for argument in sys.argv[1:] if argument != "--hbase"]
    table = f"weft-kills-{int(time.time())}" if "--hbase" in sys.argv else None
    servers = Servers(home, table)
    folder = Path(home) / "kills"
    shutil.rmtree(folder, ignore_errors=True)
    cluster = Cluster(weft, folder, servers.zookeeper, servers.kafka, servers.base + 100, table)
    make_topics(home, servers.kafka, cluster.topics.values())
    if table:
        make_table(home, table)
    of_hbase = ["region", "master", "regions"] if table else []
    names = names or [*(node.name for node in cluster.nodes()), "kafka", "zookeeper", *of_hbase]
    is_well, doubled = True, 0
    try:
        cluster.start()
        print("| killed | requests | acknowledged | unknown | lost points + series | doubled | out of order | finds failed | "
              "off, s | idle, % | others not ready meanwhile |\n|---|---|---|---|---|---|---|---|---|---|---|", flush=True)
        for name in names:
            well, doubled = one(cluster, servers, name, doubled)
            is_well &= well
    finally:
        cluster.stop()
    if not is_well:
        raise SystemExit("something was lost, doubled or out of order")


if __name__ == "__main__":
    main()
