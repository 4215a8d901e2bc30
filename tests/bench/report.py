"""What a benchmark found: a table for people, and `out/bench/NAME.json` for programs."""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.table import Table

FOLDER = Path("out/bench")
PACKAGES = ("confluent-kafka", "msgspec", "numpy", "pydantic")


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure, beside what it is measured against in the same run."""

    what: str
    value: float
    unit: str
    reference: str = ""
    goal: str = ""
    met: bool | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """All figures of one benchmark."""

    name: str
    figures: Sequence[Figure]
    dataset: str
    seed: int
    versions: dict[str, str]

    def write(self) -> Path:
        """Write the JSON file and return where it is."""
        FOLDER.mkdir(parents=True, exist_ok=True)
        path = FOLDER / f"{self.name}.json"
        found = {
            "name": self.name,
            "figures": [asdict(figure) for figure in self.figures],
            "versions": {"python": platform.python_version()} | _installed() | self.versions,
            "machine": {"cpu": _cpu(), "cores": len(os.sched_getaffinity(0)), "system": platform.platform()},
            "dataset": self.dataset,
            "seed": self.seed,
        }
        path.write_text(json.dumps(found, indent=2) + "\n")
        return path

    def show(self) -> None:
        """Print the table."""
        table = Table("what", "value", "unit", "reference", "goal", "met", title=f"{self.name}: {self.dataset}")
        for figure in self.figures:
            met = "" if figure.met is None else "yes" if figure.met else "no"
            table.add_row(figure.what, _number(figure.value), figure.unit, figure.reference, figure.goal, met)
        Console().print(table)


def median(values: Sequence[float]) -> float:
    """Return the median of repetitions."""
    return statistics.median(values)


def spread(values: Sequence[float]) -> str:
    """Return the lowest and the highest of repetitions, as text."""
    return f"{_number(min(values))} to {_number(max(values))} in {len(values)} runs"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _installed() -> dict[str, str]:
    return {name: version(name) for name in PACKAGES}


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
