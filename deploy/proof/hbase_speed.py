#!/usr/bin/env python3
"""How fast the table's contract puts into HBase and fetches from it, beside a bare loop of HBase's own client.

hbase_speed.py EXAMPLE SERVERS [CELLS]: SERVERS is the home of deploy/cluster, which is up with HBase; EXAMPLE the
one of the name hbase_speed of weft-table, built for release. Both stay up, and are asked in turn, who was second
being first the next time. Rows are as long as those of datapoints. What is scanned was put by the contract, and is
scanned by both: from memory, and then from files. The first rounds warm servers and clients up and do not count."""

import statistics
import subprocess
import sys
import time
from pathlib import Path

from nodes import java_command, make_table

WARM, ROUNDS = 4, 9


class Loop:
    """A process that does what a line asks for, and says how long that took."""

    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True)

    def ask(self, line):
        print(line, file=self.process.stdin, flush=True)
        return float(self.process.stdout.readline())

    def stop(self):
        self.process.stdin.close()
        self.process.wait(30)


def main():
    example, home = sys.argv[1:3]
    cells = int(sys.argv[3]) if len(sys.argv) > 3 else 300_000
    base = Path(home, "conf/port-base").read_text().strip()
    name = f"weft-speed-{int(time.time())}"
    make_table(home, name)
    loops = [Loop([example, f"127.0.0.1:{base}/hbase", name]), Loop(java_command(home, "HbaseSpeed.java", name))]
    taken = {kind: ([], []) for kind in ("put", "scan", "scan of files")}
    try:
        for number in range(WARM + ROUNDS):
            order = (0, 1) if number % 2 else (1, 0)
            # Series of their own; the contract's are those that are scanned, for all read what it wrote.
            for who in order:
                seconds = loops[who].ask(f"put {1_000_000 * (1 + who) + number} {cells}")
                taken["put"][who].extend([seconds] * (number >= WARM))
            for who in order:
                seconds = loops[who].ask(f"scan {1_000_000 + number} {cells}")
                taken["scan"][who].extend([seconds] * (number >= WARM))
        loops[1].ask("flush")
        for number in range(WARM + ROUNDS):
            for who in (0, 1) if number % 2 else (1, 0):
                seconds = loops[who].ask(f"scan {1_000_000 + number} {cells}")
                taken["scan of files"][who].extend([seconds] * (number >= WARM))
    finally:
        for loop in loops:
            loop.stop()
    for kind, values in taken.items():
        own, bare = (cells / statistics.median(seconds) for seconds in values)
        print(f"{kind}: {own:.0f} cells a second by the contract, {bare:.0f} by HBase's own client "
              f"({own / bare * 100:.0f} %)")


if __name__ == "__main__":
    main()
