"""`make bench-quality`: what scores are worth on sources that no scorer has seen, per kind, recipe and defect.

The damage is synthetic, and so are the labels: good is what was not damaged. Some sources are made by code; the table
says how many. Intervals are 95% ones of a bootstrap over sources. Embeddings are kept in `out/bench/quality`, so that a
second run is quick. Kinds are measured side by side, one a core.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor, wait
from importlib.metadata import version
from multiprocessing import get_context
from multiprocessing.queues import Queue
from pathlib import Path
from queue import Empty

import torch
from rich.progress import Progress, TaskID
from threadpoolctl import threadpool_limits

from deploy.cli.progress import bars
from tests.bench import quality_perplexity as perplexity
from tests.bench.quality_cache import Remembering
from tests.bench.quality_material import FULL, QUICK, Size, material
from tests.bench.quality_run import Job, collected, hard_rows, measured
from tests.bench.quality_tables import GOALS, figures
from tests.bench.report import FOLDER, Figure, Report
from workers.encoders import EncoderRegistry
from workers.training.kinds import KINDS

CACHE = Path(FOLDER, "quality")
PACKAGES = ("torch", "scikit-learn", "opencv-python-headless", "scikit-image", "nilearn", "gensim")
DATASET = "pictures, slices and texts inside packages and made by code, damaged by code; good: not damaged"

_MOST_AT_ONCE = 2  # kinds: each takes about 1 GB
_News = tuple[str, int, int]  # a bar's name, steps done, steps in all


def main(arguments: list[str] | None = None) -> int:
    """Measure, print and write; the exit code tells nothing of the goals."""
    parser = argparse.ArgumentParser(prog="make bench-quality", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer sources and items: under two minutes")
    parser.add_argument("--kind", choices=list(GOALS), action="append", help="of these kinds alone")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args(arguments)
    kinds = chosen.kind or list(GOALS)
    found = _measured(kinds, chosen.seed, quick=chosen.quick)
    name = "-".join(["quality", *(chosen.kind or []), *(["quick"] if chosen.quick else [])])
    report = Report(name, found, DATASET, chosen.seed, {package: version(package) for package in PACKAGES})
    report.show()
    sys.stdout.write(f"written to {report.write()}\n")
    return 0


def _measured(kinds: list[str], seed: int, *, quick: bool) -> list[Figure]:
    """Return the figures of kinds, in their order, each measured in a process of its own."""
    context = get_context("spawn")
    at_once = min(_MOST_AT_ONCE, len(kinds), len(os.sched_getaffinity(0)))
    news: Queue[_News] = context.Queue()
    with ProcessPoolExecutor(at_once, context, _begin, (news,)) as pool, bars() as shown:
        tasks = [pool.submit(of_kind, kind, seed, quick=quick) for kind in kinds]
        _show(shown, news, tasks)
        return [figure for task in tasks for figure in task.result()]


def _show(shown: Progress, news: Queue[_News], tasks: list[Future[list[Figure]]]) -> None:
    """Show how far all tasks are, until they have ended.

    Raises:
        Exception: what the first task to fail raised; those that have not begun are cancelled.
    """
    known: dict[str, TaskID] = {}
    while wait(tasks, timeout=0, return_when="FIRST_EXCEPTION").not_done:
        for task in tasks:
            if task.done() and (error := task.exception()):
                for other in tasks:
                    other.cancel()
                raise error
        try:
            name, done, total = news.get(timeout=0.5)
        except Empty:
            continue
        if name not in known:
            known[name] = shown.add_task(name, total=total)
        shown.update(known[name], completed=done)


_told: list[Queue[_News]] = []  # of this process, if it measures: whom it tells


def _begin(news: Queue[_News]) -> None:
    _told.append(news)
    torch.set_num_threads(1)


def of_kind(kind: str, seed: int, *, quick: bool) -> list[Figure]:
    """Return the figures of one kind, telling the process that started this one how far they are."""

    def tell(stage: str, done: int, total: int) -> None:
        for news in _told:
            news.put((f"{kind}: {stage}", done, total))

    with threadpool_limits(1):  # more threads wait for each other: the matrices are small
        return _of_kind(kind, QUICK if quick else FULL, seed, tell)


def _of_kind(kind: str, size: Size, seed: int, tell: Callable[[str, int, int], None]) -> list[Figure]:
    made = material(kind, size)
    job = Job(made, size.amounts[kind], KINDS[kind].recipe, seed, tell)
    encoder = Remembering(EncoderRegistry().get(made.encoder), CACHE / kind)  # kinds write at the same time
    try:
        rows, hard = collected(job, encoder), hard_rows(job, encoder)
    finally:
        encoder.close()
    found = figures(measured(job, rows, hard), GOALS[kind])
    if kind == "document-chunk":
        found += perplexity.figures(job, rows, size.surprised, CACHE / kind)
    return found


if __name__ == "__main__":
    sys.exit(main())
