"""`make bench-memory`: what a decider's open windows take, and whether a score costs more where many are open.

Each case runs in a process of its own (`memorycases.py`), which has all that a decider has but Kafka's client. Time is
CPU time within the gates. `out/bench/memory.svg` shows memory over time, and the cost of a score over open parents.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass

from rich.console import Console

from tests.bench.memorycases import MEASURED
from tests.bench.memoryplot import Line, Panel, draw
from tests.bench.report import FOLDER, Figure, Report

GIB = 2**30
BOUND = 2 * GIB
SHED_BOUND = 512 * 2**20
FLAT = 2.0  # times the cost of a score with 100 open parents; what is flat is for the reader of the plot to say
OPEN = (100, 1_000, 10_000, 100_000, 1_000_000)
ORDERS = ("order", "scattered", "reversed")


@dataclass(frozen=True, slots=True)
class Seen:
    """What a case printed; see `memorycases.main`."""

    base: int
    peak: int
    peak_closing: int
    seconds: float
    samples: list[tuple[int, int, int, float]]
    causes: Counter[str]
    undecided: int
    repeated: int
    shed: int
    reopened: int
    estimate: int

    @property
    def grown(self) -> int:
        """Bytes by which the process had grown at the end."""
        return self.samples[-1][2] - self.base

    def rate(self, first: float, last: float) -> float:
        """Return scores a second of CPU time, between two shares of the samples; 0 where there are too few."""
        begin, end = (self.samples[int(share * (len(self.samples) - 1))] for share in (first, last))
        seconds = end[3] - begin[3]
        return (end[0] - begin[0]) / seconds if seconds > 0 else 0.0

    @property
    def memory(self) -> list[tuple[float, float]]:
        """Millions of scores, and GiB."""
        return [(scores / 1e6, size / GIB) for scores, _, size, _ in self.samples]


def main(arguments: list[str] | None = None) -> int:
    """Measure, print and write; the exit code tells nothing of the goal."""
    parser = argparse.ArgumentParser(prog="make bench-memory", description=__doc__)
    parser.add_argument("--parents", type=int, default=1_000_000, help="open at once, and items of the one long parent")
    most = parser.parse_args(arguments).parents
    cases = [("open-3", most), ("open-10", most), *((order, most) for order in ORDERS), ("bounded", most)]
    rolling = [number for number in OPEN if number <= most]
    seen = {case: _run(case, number) for case, number in cases}
    costs = {number: _run("rolling", number) for number in rolling}
    report = Report("memory", figures(seen, costs, most), f"{most:,} parents or items, made on the fly", 1, {})
    report.show()
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "memory.svg").write_text(_plot(seen, costs))
    sys.stdout.write(f"written to {report.write()} and {FOLDER / 'memory.svg'}\n")
    return 0


def _run(case: str, number: int) -> Seen:
    command = [sys.executable, "-m", "tests.bench.memorycases", case, str(number)]
    with Console(stderr=True).status(f"{case}, {number:,}"):
        found = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return Seen(**found | {"causes": Counter(found["causes"]), "samples": [tuple(one) for one in found["samples"]]})


def figures(seen: dict[str, Seen], costs: dict[int, Seen], most: int) -> list[Figure]:
    """Return all figures, of `most` open parents, or items of one."""
    found = [*_open_parents(seen["open-3"], 3, most), *_open_parents(seen["open-10"], 10, most)]
    found.append(Figure("an item more of an open parent", _bytes_an_item(seen, most), "bytes", "10 against 3 items"))
    for order in ORDERS:
        found += _long_parent(seen[order], order)
    return [*found, *_cost(costs), *_shedding(seen["bounded"], most)]


def _open_parents(case: Seen, items: int, most: int) -> list[Figure]:
    name = f"{most:,} open parents of {items} items"
    rates = f"{case.rate(0, 0.1):,.0f} at the beginning, {case.rate(0.9, 1):,.0f} at the end"
    closing = case.peak_closing
    return [
        Figure(f"{name}: peak", case.peak / GIB, "GiB", _base(case), "<= 2", case.peak <= BOUND),
        Figure(f"{name}: peak when all go idle at once", closing / GIB, "GiB", "", "<= 2", closing <= BOUND),
        Figure(f"{name}: a parent", case.grown / most, "bytes", f"estimate / truth: {case.estimate / case.grown:.2f}"),
        Figure(f"{name}: CPU", case.rate(0, 1), "scores/s", rates),
    ]


def _bytes_an_item(seen: dict[str, Seen], most: int) -> float:
    return (seen["open-10"].grown - seen["open-3"].grown) / most / 7


def _long_parent(case: Seen, order: str) -> list[Figure]:
    items = case.samples[-1][0]
    name = f"one parent of {items:,} items, {order}"
    rates = f"{case.rate(0, 0.1):,.0f} at the beginning, {case.rate(0.85, 0.95):,.0f} before the end"
    most = max(size for _, _, size, _ in case.samples)
    return [
        Figure(f"{name}: peak", case.peak / GIB, "GiB", _base(case), "<= 2", case.peak <= BOUND),
        Figure(f"{name}: an item", (most - case.base) / items, "bytes", f"decided: {dict(case.causes)}"),
        Figure(f"{name}: CPU", case.rate(0, 1), "scores/s", rates),
    ]


def _cost(costs: dict[int, Seen]) -> list[Figure]:
    each = {number: case.seconds / MEASURED for number, case in costs.items()}
    first = each[min(each)]
    found = [
        Figure(f"a score with {number:,} parents open", cost * 1e6, "us CPU", f"{cost / first:.2f} of that with 100")
        for number, cost in each.items()
    ]
    ratio = each[max(each)] / first
    return [*found, Figure("cost, most / fewest open", ratio, "ratio", "the same mix", f"<= {FLAT:g}", ratio <= FLAT)]


def _shedding(case: Seen, most: int) -> list[Figure]:
    name = "bound of 512 MiB"
    grown = case.peak - case.base
    kept = not case.undecided
    safe = all(action == "review" for cause, action in (key.split("/") for key in case.causes) if cause == "memory")
    return [
        Figure(
            f"{name}: windows and decisions, peak", grown / 2**20, "MiB", _base(case), "<= 512", grown <= SHED_BOUND
        ),
        Figure(
            f"{name}: closed for memory", case.shed, "windows", f"all to review: {safe}", "> 0", case.shed > 0 and safe
        ),
        Figure(f"{name}: parents without a decision", case.undecided, "parents", f"of {most:,}", "0", kept),
        Figure(f"{name}: opened again", case.reopened, "windows", f"{case.repeated:,} parents have several decisions"),
    ]


def _base(case: Seen) -> str:
    return f"{case.base / 2**20:.0f} MiB before the first score"


def _plot(seen: dict[str, Seen], costs: dict[int, Seen]) -> str:
    memory = [Line(case, found.memory) for case, found in seen.items()]
    each = [(float(number), found.seconds / MEASURED * 1e6) for number, found in costs.items()]
    return draw(
        [
            Panel("resident memory", "million scores", "GiB", memory, bound=("bound", 2.0)),
            Panel("cost of a score", "open parents", "us CPU", [Line("a score", each)], logarithmic=True),
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
