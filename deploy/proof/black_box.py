#!/usr/bin/env python3
"""Kills and stops processes of a cluster while seeded clients judge what they are told.

black_box.py [--hbase] WEFT SERVERS [SECONDS] [SEED]: SERVERS is the home of deploy/cluster, which is up. The clients
and their oracle are shells/weft/tests/black_box.rs. Here each process in turn is killed (kill -9) and started again,
or stands still for a moment. With --hbase the table is HBase's.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from kills import Servers
from nodes import ROOT, Cluster, make_table, make_topics

LIFE = 4.0
PAUSE = 8.0


def main():
    weft, home, *more = [argument for argument in sys.argv[1:] if argument != "--hbase"]
    table = f"weft-black-box-{int(time.time())}" if "--hbase" in sys.argv else None
    seconds, seed = (int(value) for value in [*more, *["60", str(int(time.time()))][len(more):]])
    servers = Servers(home)
    folder = Path(home) / "black-box"
    shutil.rmtree(folder, ignore_errors=True)
    cluster = Cluster(weft, folder, servers.zookeeper, servers.kafka, servers.base + 100, table)
    if table:
        make_table(home, table)
    make_topics(home, servers.kafka, cluster.topics.values())
    urls = [",".join(f"http://127.0.0.1:{node.port}" for node in nodes) for nodes in (cluster.ingress, cluster.egresses)]
    chance = random.Random(seed)
    counts = {"kills": 0, "pauses": 0}
    try:
        cluster.start()
        environment = {"WEFT_BLACK_BOX_WRITE": urls[0], "WEFT_BLACK_BOX_READ": urls[1], "WEFT_BLACK_BOX_SEED": str(seed),
                       "WEFT_BLACK_BOX_TOKENS": f"{cluster.read},{cluster.write}", "WEFT_BLACK_BOX_SECONDS": str(seconds)}
        command = ["cargo", "test", "--package", "weft", "--features", "kafka", "--test", "black_box", "--", "--nocapture"]
        checker = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **environment})
        end = time.monotonic() + seconds
        while checker.poll() is None and time.monotonic() < end:
            time.sleep(chance.uniform(0.5, LIFE))
            node = chance.choice(cluster.nodes())
            if chance.random() < 0.5:
                node.stop(signal.SIGKILL)
                time.sleep(chance.uniform(0, LIFE))
                node.start()
                counts["kills"] += 1
            else:
                node.process.send_signal(signal.SIGSTOP)
                time.sleep(chance.uniform(0, PAUSE))
                node.process.send_signal(signal.SIGCONT)
                counts["pauses"] += 1
        status = checker.wait()
    finally:
        cluster.stop()
    print(f"seed {seed}: {counts['kills']} kills, {counts['pauses']} pauses of processes")
    sys.exit(status)


if __name__ == "__main__":
    main()
