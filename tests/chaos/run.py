"""`make chaos`: kill deciders for minutes, then say what was lost, duplicated or wrong.

Exit code 0: nothing was. 1: a promise was broken. 3: the trial is void, since too little went wrong in it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from deploy.brokers.ladder import open_kafka
from deploy.settings import Settings
from tests.chaos.trial import Outcome, Plan, Report, Trial

FOLDER = Path("out/chaos")


def main(arguments: list[str] | None = None) -> int:
    """Run one trial and print what came of it."""
    options = _parser().parse_args(arguments)
    seed = options.seed if options.seed is not None else time.time_ns() % 1_000_000
    plan = Plan(parents=options.parents, items=options.items, faults=options.faults, seed=seed)
    prefix = f"chaos-{time.strftime('%Y%m%d-%H%M%S')}-{seed}."
    with open_kafka(Settings.load(), FOLDER / "kafka") as kafka, _progress() as report:
        outcome = Trial(plan, kafka, prefix, FOLDER / prefix.rstrip("."), report).run()
    _write(plan, outcome)
    lines = [json.dumps({"seed": seed, **outcome.summary()})] if options.json else [*outcome.lines(), f"seed {seed}"]
    sys.stdout.write("\n".join(lines) + "\n")
    return outcome.code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--parents", type=int, default=100_000)
    parser.add_argument("--items", type=int, default=10, help="of each parent")
    parser.add_argument("--faults", type=int, default=12)
    parser.add_argument("--seed", type=int, help="of the scores and the faults; a new one each time by default")
    parser.add_argument("--json", action="store_true", help="print JSON for programs")
    return parser


@contextlib.contextmanager
def _progress() -> Iterator[Report]:
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("starting", total=None)

        def report(phase: str, done: int, of: int) -> None:
            progress.update(task, description=phase, completed=done, total=of)

        yield report


def _write(plan: Plan, outcome: Outcome) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    summary = {"seed": plan.seed, "parents": plan.parents, "items": plan.items, **outcome.summary()}
    (FOLDER / "summary.json").write_text(json.dumps(summary, indent=2) + "\n")


if __name__ == "__main__":
    sys.exit(main())
