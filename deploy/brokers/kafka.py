"""A real Apache Kafka on this machine: one node, on the loopback interface, dead when its starter is."""

from __future__ import annotations

import base64
import contextlib
import os
import shutil
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from deploy.brokers.folder import claimed
from deploy.brokers.guard import Guarded
from deploy.brokers.jars import KAFKA_VERSION, classpath
from deploy.brokers.java import java_home
from deploy.brokers.start import LOOPBACK, clean_environment, log_tail, wait_until_ready, with_free_ports
from deploy.errors import StartError

_FORMAT_S: Final = 60.0
_START_S: Final = 90.0  # 3 s on an idle machine; a busy one must not fail its tests

_JVM: Final = (
    "-Xmx512m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",  # a short life: quick to start is worth more than fast at last
    "-XX:-UsePerfData",  # leaves no file in the system's temporary folder
    "-Djava.net.preferIPv4Stack=true",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSZ",
)

# Why the less obvious ones: a lone node can keep one replica only, and few partitions of the internal topics start and
# recover faster. The session minima let tests take a dead member's work over after seconds, in both group protocols.
# A dead producer's transaction holds readers back until it is aborted: look for those every second, not every ten.
SETTINGS: Final = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "auto.create.topics.enable": "false",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
    "group.consumer.min.session.timeout.ms": "1000",
    "group.consumer.session.timeout.ms": "6000",
    "group.consumer.min.heartbeat.interval.ms": "500",
    "group.consumer.heartbeat.interval.ms": "1500",
    "num.network.threads": "2",
    "num.io.threads": "4",
    "log.cleaner.dedupe.buffer.size": str(8 * 1024 * 1024),  # 128 MiB of the heap by default
}


@dataclass(frozen=True)
class LocalKafka:
    """A running local Apache Kafka."""

    bootstrap: str
    cluster_id: str
    pid: int
    log: Path
    version: str = KAFKA_VERSION


@contextlib.contextmanager
def local_kafka(folder: Path) -> Iterator[LocalKafka]:
    """Run an Apache Kafka in the folder while the context lasts. What an earlier one kept there is there again.

    Raises:
        FolderInUseError: another process has the folder.
        JarError: a jar is missing and cannot be fetched, or differs from jars.lock.
        MissingPartError: the packages of the extra `local` are not installed.
        StartError: it did not come up; holds the end of its log.
    """
    folder = folder.resolve()
    node = _Node(folder, [str(java_home() / "bin" / "java"), "-cp", os.pathsep.join(map(str, classpath()))])
    with claimed(folder) as lock:  # the guard keeps a copy of the lock until the broker has ended
        node.format()
        child = with_free_ports(2, lambda ports: node.start(ports, lock))
    with child:
        yield LocalKafka(node.bootstrap, node.cluster_id, child.pid, node.log)


class _Node:
    """One Kafka in one folder: its files, and how it is started."""

    def __init__(self, folder: Path, java: list[str]) -> None:
        self.bootstrap = ""
        self.cluster_id = ""
        self.log = folder / "kafka.log"
        self._java = java
        self._data = folder / "data"
        self._scratch = folder / "tmp"
        self._properties = folder / "server.properties"

    def format(self) -> None:
        """Prepare the data folder, unless an earlier run did."""
        shutil.rmtree(self._scratch, ignore_errors=True)
        self._scratch.mkdir()
        meta = self._data / "meta.properties"
        if not meta.exists():
            self._write_properties([9, 10])  # formatting reads them, and opens none
            self._run_format()
        lines = dict(line.split("=", 1) for line in meta.read_text().splitlines() if "=" in line)
        self.cluster_id = lines["cluster.id"]

    def start(self, ports: list[int], lock: int) -> Guarded:
        self._write_properties(ports)
        self.bootstrap = f"{LOOPBACK}:{ports[0]}"
        child = self._guarded("kafka.Kafka", str(self._properties), log=self.log, keep=[lock])
        with quick_admin(self.bootstrap) as admin:
            wait_until_ready(
                child,
                lambda: answers_as(self.cluster_id, admin),
                name="The local Kafka",
                log=self.log,
                timeout_s=_START_S,
            )
        return child

    def _run_format(self) -> None:
        log = self.log.with_name("format.log")
        tool = ("kafka.tools.StorageTool", "format", "--ignore-formatted", "-t", new_cluster_id())
        with self._guarded(*tool, "-c", str(self._properties), log=log) as child:
            code = child.wait(_FORMAT_S)
        if code != 0:
            raise StartError(f"The data folder {self._data} could not be prepared.\n{log_tail(log)}")

    def _guarded(self, *arguments: str, log: Path, keep: list[int] | None = None) -> Guarded:
        command = [*self._java[:1], *_JVM, f"-Djava.io.tmpdir={self._scratch}", *self._java[1:], *arguments]
        return Guarded(command, log=log, env=clean_environment(), cwd=self._scratch, keep=keep or ())

    def _write_properties(self, ports: list[int]) -> None:
        broker, controller = ports
        lines = SETTINGS | {
            "log.dirs": str(self._data),
            "listeners": f"PLAINTEXT://{LOOPBACK}:{broker},CONTROLLER://{LOOPBACK}:{controller}",
            "advertised.listeners": f"PLAINTEXT://{LOOPBACK}:{broker}",
            "controller.quorum.voters": f"1@{LOOPBACK}:{controller}",  # static, so that the port may change
        }
        self._properties.write_text("".join(f"{name}={value}\n" for name, value in lines.items()))


def quick_admin(bootstrap: str) -> AdminClient:
    """Return a client for a broker that is about to start: it asks again soon, and logs no refusal."""
    quick = {"reconnect.backoff.ms": 20, "reconnect.backoff.max.ms": 100}
    return AdminClient({"bootstrap.servers": bootstrap, "log_level": 0, **quick})


def answers_as(cluster_id: str, admin: AdminClient) -> bool:
    """Tell whether it is our Kafka that answers, and its broker takes requests (a fenced one is not listed)."""
    try:
        metadata = admin.list_topics(timeout=1.0)
    except KafkaException:
        return False
    return str(metadata.cluster_id) == cluster_id and len(metadata.brokers) == 1


def new_cluster_id() -> str:
    """Return 16 random bytes as Kafka writes them; one that begins with a dash would read as an option."""
    text = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    return text if not text.startswith("-") else new_cluster_id()
