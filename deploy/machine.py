"""The checks of `sluice doctor` that need no settings: Python, packages, GPU, and what containers need."""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Final

from deploy.brokers.engine import answering_socket, engine_version
from deploy.checks import Check, version_of
from deploy.errors import MissingPartError, SluiceError

_MIN_PYTHON: Final = (3, 11)
_ANSWER_S: Final = 5.0
_SHOWN_PACKAGES: Final = ("confluent-kafka", "numpy", "pydantic", "redis")
_CONTAINER_PACKAGES: Final = "pip install 'sluice[container]'"
_NO_CONTAINERS_NEEDED: Final = "None is needed: Kafka and Valkey run locally without one."


def machine_checks() -> Iterator[Check]:
    """Make the checks of what every command needs, and of the GPU."""
    yield _python()
    yield _packages()
    yield _torch()
    yield _gpu()


def container_checks(*, required: bool) -> tuple[Check, Check]:
    """Make the checks of what SLUICE_KAFKA=container and SLUICE_REDIS=container need; `required` where one is set."""
    return _testcontainers(required=required), _container_engine(required=required)


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
    versions = ", ".join(f"{name} {version_of(name)}" for name in _SHOWN_PACKAGES if version_of(name))
    return Check(
        "packages", "ok", f"sluice {metadata.version('sluice')} and all {len(requirements)} it needs: {versions}"
    )


def _requirement_problem(requirement: str) -> str | None:
    match = re.match(r"([A-Za-z0-9_.-]+)\s*(?:>=\s*([0-9.]+))?", requirement)
    if match is None:
        return None
    name, minimum = match[1], match[2] or "0"
    found = version_of(name)
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


def _torch() -> Check:
    """Find torch without importing it, which takes seconds."""
    found = version_of("torch")
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


def _testcontainers(*, required: bool) -> Check:
    found = version_of("testcontainers")
    if found is not None:
        return Check("testcontainers", "ok", found, required=required)
    advice = f"Run: {_CONTAINER_PACKAGES}" if required else _NO_CONTAINERS_NEEDED
    return Check("testcontainers", "missing", "not installed", advice, required)


def _container_engine(*, required: bool) -> Check:
    """Ask where testcontainers would; where it finds nothing, look at the usual sockets, Podman's among them."""
    try:
        return Check("container engine", "ok", engine_version(timeout_s=_ANSWER_S), required=required)
    except SluiceError as error:
        found, reason = answering_socket(), error
    if found is None:
        advice = str(reason) if required else _NO_CONTAINERS_NEEDED
        return Check("container engine", "missing", "no Docker or Podman answers", advice, required)
    if isinstance(reason, MissingPartError):
        return Check("container engine", "ok", f"answers at {found}", "See testcontainers.", required)
    advice = f"Set DOCKER_HOST=unix://{found} to use it with SLUICE_KAFKA=container or SLUICE_REDIS=container."
    return Check("container engine", "missing", f"answers at {found}, where nobody looks for it", advice, required)
