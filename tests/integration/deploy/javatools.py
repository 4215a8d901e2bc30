"""Kafka's own console producer, a plain Java producer: the local broker's jars, and the one jar that has the tool."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

import pytest

from deploy.brokers.jars import KAFKA_VERSION, classpath
from deploy.brokers.java import java_home
from deploy.errors import SluiceError

_TOOLS_SHA256: Final = "b88bc6ccc520d648142515526e4042c285612ce94b032434a88e3e936e38b600"
_SECONDS: Final = 60
_NULL: Final = "NULL"

Record = tuple[Mapping[str, str], str, str | None]  # headers, key, value


def console_produce(bootstrap: str, topic: str, records: Iterable[Record]) -> None:
    """Send records, none with a line break or a tab in it."""
    lines = [
        "\t".join(
            (",".join(f"{name}:{text}" for name, text in headers.items()), key, _NULL if value is None else value)
        )
        for headers, key, value in records
    ]
    tool = ["org.apache.kafka.tools.ConsoleProducer", "--bootstrap-server", bootstrap, "--topic", topic]
    reading = ("parse.key=true", "parse.headers=true", f"null.marker={_NULL}")
    command = [*_java(), *tool, *(word for value in reading for word in ("--reader-property", value))]
    subprocess.run(command, input="\n".join(lines), text=True, check=True, capture_output=True, timeout=_SECONDS)


def _java() -> list[str]:
    try:
        jars = [*classpath(), _tools_jar()]
        java = java_home() / "bin" / "java"
    except SluiceError as error:
        pytest.skip(f"no Java producer here: {error}")
    return [str(java), "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", os.pathsep.join(map(str, jars))]


def _tools_jar() -> Path:
    """Return the jar of Kafka's tools (700 kB), from Maven's cache or, once, from the network."""
    os.environ["JAVA_HOME"] = str(java_home())  # or jgo looks for a Java on the network
    from jgo.maven import MavenContext  # noqa: PLC0415 (with the extra `local` alone)

    project = MavenContext().project("org.apache.kafka", "kafka-tools")
    try:
        jar = Path(project.at_version(KAFKA_VERSION).artifact().resolve())
    except (RuntimeError, OSError) as error:
        pytest.skip(f"the jar of Kafka's tools cannot be fetched: {error}")
    assert hashlib.sha256(jar.read_bytes()).hexdigest() == _TOOLS_SHA256
    return jar
