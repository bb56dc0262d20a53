#!/usr/bin/env python3
"""How fast the table's contract puts into HBase and fetches from it, beside a bare loop of HBase's own client.

hbase_speed.py EXAMPLE SERVERS [CELLS]: SERVERS is the home of deploy/cluster, which is up with HBase; EXAMPLE the
one of the name hbase_speed of weft-table, built for release. Both put the same number of rows, as long as those of
datapoints, and read them again, in turn; the first rounds of each warm servers and clients up and do not count."""

import statistics
import subprocess
import sys
import time
from pathlib import Path

from nodes import java, make_table

WARM, ROUNDS, TURNS = 2, 3, 3


def seconds(out):
    """By kind, those that count."""
    found = {"put": [], "scan": []}
    for line in out.splitlines():
        kind, value = line.split()
        found[kind].append(float(value))
    return {kind: values[WARM:] for kind, values in found.items()}


def main():
    example, home = sys.argv[1:3]
    cells = int(sys.argv[3]) if len(sys.argv) > 3 else 300_000
    base = Path(home, "conf/port-base").read_text().strip()
    own, theirs = {"put": [], "scan": []}, {"put": [], "scan": []}
    name = f"weft-speed-{int(time.time())}"
    make_table(home, name)
    for _ in range(TURNS):
        arguments = [name, str(cells), str(WARM + ROUNDS)]
        command = [example, f"127.0.0.1:{base}/hbase", *arguments]
        out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        for to, found in ((own, seconds(out)), (theirs, seconds(java(home, "HbaseSpeed.java", *arguments)))):
            for kind, values in found.items():
                to[kind] += values
    for kind, what in (("put", "put"), ("scan", "fetched / scanned")):
        a, b = (cells / statistics.median(values[kind]) for values in (own, theirs))
        print(f"{what}: {a:.0f} cells a second by the contract, {b:.0f} by HBase's own client ({a / b * 100:.0f} %)")


if __name__ == "__main__":
    main()
