#!/usr/bin/env python3
"""The README's walk-through on separate processes, against real Kafka and ZooKeeper; its answers
are those of one embedded process.

walk_through.py [--hbase] WEFT SERVERS ZOOKEEPER KAFKA: SERVERS is the home of deploy/cluster. With --hbase the
table is HBase's, and two stores and two egresses are processes of their own."""

import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from nodes import Cluster, ROOT, eventually, make_table, make_topics, request

LINES = """1700000000000000/48.4:-4.5/ room.temperature{room=attic} 21.5
1700000060000000/48.4:-4.5/ room.temperature{room=attic} 21.7"""
FIND = "/find?selector=~room.*%7B%7D&sortmeta=true"
FETCH = "/fetch?selector=~.*%7Broom=attic%7D&now=now&timespan=PT876000H"
SCRIPT = """[ '%s' 'earthquake.magnitude' {} MAXLONG MAXLONG ] FETCH
[ SWAP bucketizer.count 0 1 h 0 ] BUCKETIZE
[ SWAP [] reducer.sum ] REDUCE
[ SWAP mapper.sum 1 0 0 ] MAP"""
COUNT = "[ '%s' '~earthquake.*' {} MAXLONG MAXLONG ] FETCH DUP SIZE SWAP <%% DROP SIZE %%> LMAP 0 SWAP <%% + %%> FOREACH"
EARTHQUAKES = ROOT / "shells/weft/tests/data/earthquakes.gts"


class Embedded:
    """One process with everything in it."""

    def __init__(self, weft, home, keys, port):
        Path(home).mkdir(parents=True)
        (Path(home) / "weft.conf").write_text(
            f"{keys}\nwarp.timeunits = us\nstandalone.port = {port}\nweft.home = {home}/data\nweft.backend = embedded\n")
        self.port = port
        out = open(f"{home}/log", "ab")
        self.process = subprocess.Popen([weft, "start", f"{home}/weft.conf"], stdout=out, stderr=out)

    def stop(self):
        self.process.terminate()
        self.process.wait(40)


def answers(weft, read, write, ingress, egress, check):
    """What the walk-through answers, step by step; `check` is told how to ask for each."""
    head = {"X-Warp10-Token": write}
    told = {}
    status, body = request(ingress, "POST", "/api/v0/update", LINES.encode(), head)
    told["update"] = [status, body.decode()]
    ask = {"X-Warp10-Token": read}
    told["find"] = check("find", lambda: request(egress, "GET", f"/api/v0{FIND}", None, ask), b"attic")
    told["fetch"] = check("fetch", lambda: request(egress, "GET", f"/api/v0{FETCH}", None, ask), b"21.5")
    load = [weft, "load", "--url", f"http://127.0.0.1:{ingress}", "--token", write, str(EARTHQUAKES)]
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(load, check=True, capture_output=True, cwd=folder)
    run = lambda script: request(egress, "POST", "/api/v0/exec", (script % read).encode(), None, 120)
    check("load", lambda: run(COUNT), b"[300,")
    told["exec"] = check("exec", lambda: run(SCRIPT), b'"v"')
    delete = "/api/v0/delete?selector=room.temperature%7B%7D&deleteall"
    status, body = request(ingress, "GET", delete, None, head)
    told["delete"] = [status, body.decode()]
    told["gone"] = check("gone", lambda: request(egress, "GET", f"/api/v0{FIND}", None, ask), None)
    return told


def main():
    arguments = [argument for argument in sys.argv[1:] if argument != "--hbase"]
    weft, servers, zookeeper, kafka = arguments
    table = f"weft-walk-{int(time.time())}" if "--hbase" in sys.argv else None
    # It is run from other folders too.
    weft = str(Path(weft).resolve())
    home = Path(servers) / "walk-through"
    shutil.rmtree(home, ignore_errors=True)
    # Beside the servers' own, so that two runs on one machine do not meet.
    port = int(zookeeper.rsplit(":", 1)[1]) + 300
    cluster = Cluster(weft, home, zookeeper, kafka, port, table)
    make_topics(servers, kafka, cluster.topics.values())
    if table:
        make_table(servers, table)
    embedded = None
    try:
        cluster.start()
        for node in cluster.nodes():
            print(f"{node.name}: ready at 127.0.0.1:{node.port}, pid {node.process.pid}")

        def on_cluster(what, ask, has):
            def look():
                status, body = ask()
                last[:] = [status, body[:300]]
                found = status == 200 and (has in body if has else not body)
                return [status, body.decode()] if found else None
            last = []
            return eventually(what, look, last=last)

        def at_once(_, ask, __):
            status, body = ask()
            return [status, body.decode()]

        told = answers(weft, cluster.read, cluster.write, cluster.ingress[1].port, cluster.egress.port, on_cluster)
        embedded = Embedded(weft, home / "embedded", (home / "keys.conf").read_text(), port + 90)
        eventually("embedded", lambda: up(port + 90))
        asked = answers(weft, cluster.read, cluster.write, port + 90, port + 90, at_once)
        for step, answer in asked.items():
            if told[step] != answer:
                raise SystemExit(f"{step} differs:\n  cluster:  {told[step]}\n  embedded: {answer}")
            print(f"{step}: as embedded ({answer[0]}, {len(answer[1])} bytes)")
        stats = json.loads(request(cluster.egress.port, "POST", "/api/v0/exec",
            f"[ '{cluster.read}' '~.*' {{}} ] FINDSTATS".encode())[1])
        print(f"series: {stats[0]['gts.estimate']}")
    finally:
        if embedded:
            embedded.stop()
        ended = cluster.stop()
    if not ended:
        raise SystemExit("a process did not end in time")
    print("walk-through: the same answers")


def up(port):
    try:
        return request(port, "GET", "/readyz")[0] == 200
    except OSError:
        return False


if __name__ == "__main__":
    main()
