"""Processes of Weft from the templates of deploy/conf, on loopback, each with its own pid."""

import http.client
import os
import re
import signal
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CONF = ROOT / "deploy" / "conf"
OWNER = "01234567-89ab-cdef-0123-456789abcdef"


class Node:
    """One process: how it is started, and where it listens."""

    def __init__(self, cluster, name, templates, port, own):
        self.cluster, self.name, self.port = cluster, name, port
        folder = cluster.home / name
        folder.mkdir(parents=True, exist_ok=True)
        local = folder / "local.conf"
        lines = [f"{key} = {value}" for key, value in own.items()]
        local.write_text("\n".join([*lines, f"weft.home = {folder}/data"]) + "\n")
        common = ["common.conf", "hbase.conf"] if cluster.table else ["common.conf"]
        files = [*(CONF / name for name in common), cluster.home / "keys.conf", *(CONF / name for name in templates)]
        self.files = [*files, cluster.home / "more.conf", cluster.home / "servers.conf", local]
        self.log = folder / "log"
        self.process = None

    def start(self):
        out = open(self.log, "ab")
        command = [self.cluster.weft, "start", *map(str, self.files)]
        self.process = subprocess.Popen(command, stdout=out, stderr=out, start_new_session=True)

    def stop(self, sign=signal.SIGTERM):
        """Whether it ended in time."""
        if self.process is None:
            return True
        self.process.send_signal(sign)
        try:
            self.process.wait(40)
            ended = True
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            ended = False
        self.process = None
        return ended

    def ready(self):
        """None when it is ready, and else what it says."""
        try:
            status, body = request(self.port, "GET", "/readyz")
        except OSError as error:
            return str(error)
        return None if status == 200 else body.decode().strip()

    def wait_ready(self, seconds=90):
        end = time.monotonic() + seconds
        while (reason := self.ready()) is not None:
            if self.process and self.process.poll() is not None:
                raise SystemExit(f"{self.name} ended:\n{self.log.read_text()[-4000:]}")
            if time.monotonic() > end:
                raise SystemExit(f"{self.name} is not ready: {reason}\n{self.log.read_text()[-4000:]}")
            time.sleep(0.1)

    def cpu(self):
        """Seconds of processor time so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Cluster:
    """Two ingresses, two shards of two directories, store and egress: in one process, or, where a table of
    HBase is named, two of each. `more` is configuration for all of them."""

    def __init__(self, weft, home, zookeeper, kafka, port, table=None, more=""):
        self.weft, self.home, self.table = weft, Path(home), table
        self.home.mkdir(parents=True, exist_ok=True)
        (self.home / "keys.conf").write_text(self.run("keys", "--cluster"))
        (self.home / "more.conf").write_text(more)
        # Names of its own: runs after each other do not see each other.
        name = f"weft-{os.getpid()}-{int(time.time())}"
        self.topics = {"data": f"{name}-data", "metadata": f"{name}-metadata"}
        # ZooKeeper first: an address of Kafka may begin as the template's of ZooKeeper does.
        text = (CONF / "common.conf").read_text() + (CONF / "hbase.conf").read_text() * bool(table)
        text = text.replace("127.0.0.1:2181", zookeeper).replace("127.0.0.1:9092", kafka)
        lines = [line for line in text.splitlines() if kafka in line or zookeeper in line]
        lines += [f"directory.zk.znode = /{name}"]
        if table:
            lines += [f"{prefix}.table = {table}" for prefix in
                      ("store.hbase.data", "egress.hbase.data", "directory.hbase.metadata")]
        lines += [f"{prefix}.topic = {self.topics[prefix.rsplit('.', 1)[1]]}" for prefix in
                  ("ingress.kafka.data", "ingress.kafka.metadata", "store.kafka.data", "directory.kafka.metadata")]
        (self.home / "servers.conf").write_text("\n".join(lines) + "\n")
        ports = iter(range(port, port + 100))
        self.ingress, self.directories = [], []
        for number in (1, 2):
            at = next(ports)
            self.ingress.append(Node(self, f"ingress-{number}", ["ingress.conf"], at, {"ingress.port": at}))
        for shard in (0, 1):
            for replica in "ab":
                at, thrift = next(ports), next(ports)
                templates = ["directory.conf", f"directories/2-{shard}-{replica}.conf"]
                own = {"directory.streaming.port": at, "directory.port": thrift}
                own["directory.kafka.metadata.groupid"] = f"{name}-directory-2-{shard}-{replica}"
                self.directories.append(Node(self, f"directory-{shard}{replica}", templates, at, own))
        group = {"store.kafka.data.groupid": f"{name}-store"}
        if table:
            self.stores = [Node(self, f"store-{number}", ["store.conf"], at, {"standalone.port": at, **group})
                           for number, at in ((1, next(ports)), (2, next(ports)))]
            self.egresses = [Node(self, f"egress-{number}", ["egress.conf"], at, {"egress.port": at})
                             for number, at in ((1, next(ports)), (2, next(ports)))]
        else:
            at = next(ports)
            both = Node(self, "store-egress", ["store-egress.conf"], at, {"egress.port": at, **group})
            self.stores, self.egresses = [], [both]
        self.egress = self.egresses[0]
        self.read, self.write = (self.token(kind, "proof", OWNER) for kind in ("read", "write"))

    def token(self, kind, app, owner):
        files = [CONF / "common.conf", self.home / "keys.conf", self.home / "more.conf"]
        conf = [argument for file in files for argument in ("--conf", str(file))]
        return self.run("token", kind, *conf, "--app", app, "--owner", owner).strip()

    def nodes(self):
        return [*self.directories, *self.stores, *self.egresses, *self.ingress]

    def start(self):
        for node in self.nodes():
            node.start()
        for node in self.nodes():
            node.wait_ready()

    def stop(self):
        return all([node.stop() for node in self.nodes()])

    def run(self, *arguments):
        return subprocess.run([self.weft, *arguments], check=True, capture_output=True, text=True).stdout

    def update(self, number, lines):
        """Status and body of an update by an ingress."""
        head = {"X-Warp10-Token": self.write}
        return request(self.ingress[number].port, "POST", "/api/v0/update", lines.encode(), head)

    def get(self, path, number=0):
        egress = self.egresses[number % len(self.egresses)]
        return request(egress.port, "GET", f"/api/v0{path}", None, {"X-Warp10-Token": self.read})

    def delete(self, query):
        return request(self.ingress[0].port, "GET", f"/api/v0/delete?{query}", None, {"X-Warp10-Token": self.write})


def request(port, method, path, body=None, headers=None, seconds=60):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=seconds)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read()
    except http.client.HTTPException as error:
        raise OSError(repr(error)) from error
    finally:
        connection.close()


def make_topics(deploy_home, kafka, names, partitions=4):
    """By the broker's own tools, which deploy/cluster has fetched."""
    classes = f"{deploy_home}/conf/kafka:{deploy_home}/jars/kafka/*"
    source = ROOT / "deploy" / "servers" / "Topics.java"
    command = ["java", "-XX:TieredStopAtLevel=1", "-cp", classes, str(source), kafka, str(partitions), *names]
    subprocess.run(command, check=True, capture_output=True)


def make_table(deploy_home, name):
    """In HBase, by its own client; one that is there stays."""
    java(deploy_home, "Table.java", name, "120")


def java(deploy_home, source, *arguments):
    """Runs a source of deploy/servers or deploy/proof; what it prints."""
    return subprocess.run(java_command(deploy_home, source, *arguments), check=True, capture_output=True, text=True).stdout


def java_command(deploy_home, source, *arguments):
    """What runs a source on the classes of HBase that deploy/cluster has fetched."""
    opens = ["java.lang", "java.lang.reflect", "java.io", "java.net", "java.nio", "java.util", "java.util.concurrent",
             "sun.nio.ch", "sun.security.action", "jdk.internal.ref"]
    command = ["java", *(f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in opens)]
    command += ["--add-exports=java.base/jdk.internal.misc=ALL-UNNAMED",
                "--add-exports=java.security.jgss/sun.security.krb5=ALL-UNNAMED"]
    command += ["-cp", f"{deploy_home}/conf/hbase:{deploy_home}/jars/hbase/*"]
    folders = [ROOT / "deploy" / "servers", ROOT / "deploy" / "proof"]
    found = next(folder / source for folder in folders if (folder / source).exists())
    return [*command, str(found), *arguments]


def eventually(what, check, seconds=30, last=None):
    """Reads on a cluster follow writes: asks until the answer is there."""
    end = time.monotonic() + seconds
    while True:
        found = check()
        if found:
            return found
        if time.monotonic() > end:
            raise SystemExit(f"{what}: not after {seconds} s; the last answer: {last}")
        time.sleep(0.1)


def series(text):
    """Lines without labels that every token adds."""
    return re.sub(r"\.app=[^,}]*,?|\.owner=[^,}]*,?|\.producer=[^,}]*,?", "", text)
