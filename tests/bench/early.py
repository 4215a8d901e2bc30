"""`make bench-early`: encoder calls that early decisions save, on real frames, beside what an oracle could save.

Every clip is scored whole first, in this process. From these scores the ceiling and what the gate saves alone are
computed (early_oracle.py). Then a real worker and a real decider get the clips from a real Kafka, with an empty cache,
and the worker counts its encoder calls. There the word of a decision takes its time, and what is in an encoder by then
is lost: a batch or two. So what a pipeline saves depends on how many of a parent's items a batch holds, which the
worker keeps low by letting parents take turns.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from rich.progress import track

from deploy.brokers.jars import KAFKA_VERSION
from deploy.brokers.ladder import open_kafka
from deploy.demo.clips import items
from deploy.settings import Settings
from schemas.items import RawItem
from tests.bench.early_material import clips
from tests.bench.early_oracle import Foreseen, foresee
from tests.bench.early_run import FOLDER, Ran, Trial
from tests.bench.report import Figure, Report

METHODS = ("min", "median")
BAD = 0.3
WARM_UP = 8  # frames
GOAL = 0.8


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured."""

    parents: int
    frames: int
    batch: int
    at_once: Sequence[int]  # clips that arrive at a time, one run each
    seed: int


def main(arguments: list[str] | None = None) -> int:
    """Measure, print and write; the exit code tells nothing of the goal."""
    parser = argparse.ArgumentParser(prog="make bench-early", description=__doc__)
    parser.add_argument("--parents", type=int, default=20)
    parser.add_argument("--frames", type=int, default=24, help="of each parent")
    parser.add_argument("--batch-size", type=int, default=4, help="of the worker")
    parser.add_argument("--at-once", type=int, nargs="+", default=[1, 8], help="clips that arrive at a time")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    size = Size(options.parents, options.frames, options.batch_size, options.at_once, options.seed)
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # an encoder with several threads stands still when others work
    FOLDER.mkdir(parents=True, exist_ok=True)
    report = _measured(size)
    report.show()
    sys.stdout.write(f"written to {report.write()}\n")
    return 0


def _measured(size: Size) -> Report:
    material = items(clips(size.parents, size.frames, BAD, size.seed), size.frames, size.seed)
    (first,) = clips(1, WARM_UP, 1.0, size.seed)
    (warm_up,) = items([replace(first, parent_id="warm-up")], WARM_UP, size.seed).values()
    scores = _scored(material, size.batch)
    figures: list[Figure] = []
    with open_kafka(Settings.load(), FOLDER / "kafka") as kafka:
        for method in METHODS:
            foreseen = foresee(method, scores)
            figures += _foreseen_figures(method, foreseen)
            for at_once in size.at_once:
                ran = Trial(kafka, method, at_once, size.batch).run(warm_up, material, foreseen)
                found = _pipeline_figures(method, at_once, foreseen, ran)
                sys.stderr.write(f"{found[0].what}: {found[0].value:.2f} of the ceiling, {found[0].reference}\n")
                figures += found
    return Report(
        name="early",
        figures=figures,
        dataset=f"{size.parents} clips of {size.frames} real frames, {BAD:.0%} damaged; batches of {size.batch}",
        seed=size.seed,
        versions={"kafka": KAFKA_VERSION if kafka.origin == "local" else "the one at SLUICE_KAFKA"},
    )


def _scored(material: Mapping[str, Sequence[RawItem]], batch: int) -> dict[str, list[float]]:
    """Score every item, in this process and without a cache."""
    from deploy.scorer import HEADS  # noqa: PLC0415 (torch heeds OMP_NUM_THREADS when it is imported)
    from workers.results import Scored  # noqa: PLC0415
    from workers.scorer import Scorer  # noqa: PLC0415

    scorer = Scorer.load(HEADS, "cpu", batch_size=batch)
    found = {}
    for parent, ones in track(material.items(), "scoring all", transient=True):
        results = scorer.score(ones)
        found[parent] = [result.score for result in results if isinstance(result, Scored)]
        if len(found[parent]) != len(ones):
            raise RuntimeError(f"{parent}: some frames have no score")
    return found


def _foreseen_figures(method: str, foreseen: Foreseen) -> list[Figure]:
    alone = foreseen.alone / foreseen.ceiling
    return [
        Figure(f"{method}: an oracle saves", foreseen.ceiling, "share of encoder calls", "the ceiling"),
        Figure(f"{method}: the gate alone", alone, "share of the ceiling", f"saves {foreseen.alone:.3f}"),
        _changed(f"{method}: the gate alone", foreseen.changed),
    ]


def _pipeline_figures(method: str, at_once: int, foreseen: Foreseen, ran: Ran) -> list[Figure]:
    what = f"{method}: pipeline, {at_once} {'clip' if at_once == 1 else 'clips'} at a time"
    saved = 1 - ran.encoder_calls / foreseen.items
    share = saved / foreseen.ceiling
    spent = (ran.encoder_calls - foreseen.gate) / max(1, ran.early)
    told = f"saves {saved:.3f}: {ran.encoder_calls} of {foreseen.items} calls"
    return [
        Figure(what, share, "share of the ceiling", told, f">= {GOAL}", share >= GOAL),
        Figure(f"{what}: scored in vain", spent, "items an early decision", f"of {ran.early} in {ran.seconds:.0f} s"),
        Figure(f"{what}: score to decision", ran.delay_ms, "ms", "median, by append times"),
        _changed(what, ran.changed),
    ]


def _changed(what: str, parents: Sequence[str]) -> Figure:
    return Figure(f"{what}: changed actions", len(parents), "parents", "all items scored", "0", not parents)


if __name__ == "__main__":
    sys.exit(main())
