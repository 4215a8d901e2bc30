"""`make chaos`: kill deciders for minutes, then say what was lost, duplicated or wrong.

Two trials: `whole`, a large one; and `cleaned`, a small one that remembers for seconds instead of a day, in which
`latest` is compacted and `decisions` is deleted as far as nobody needs it, before further faults.

Exit code 0: nothing was. 1: a promise was broken. 3: a trial is void, since too little went wrong in it.
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
from tests.chaos.plan import Outcome, Plan
from tests.chaos.trial import Report, Trial

FOLDER = Path("out/chaos")


def main(arguments: list[str] | None = None) -> int:
    """Run the trials and print what came of them."""
    options = _parser().parse_args(arguments)
    seed = options.seed if options.seed is not None else time.time_ns() % 1_000_000
    plans = [
        Plan(parents=options.parents, items=options.items, faults=options.faults, seed=seed),
        Plan(
            name="cleaned",
            parents=max(1, options.parents // 5),
            items=options.items,
            faults=max(2, options.faults // 2),
            seed=seed + 1,
            idle_ms=5_000,
            late_ms=2_000,
            remember_ms=40_000,
            seconds_a_fault=25.0,
        ),
    ]
    outcomes = []
    with open_kafka(Settings.load(), FOLDER / "kafka") as kafka, _progress() as report:
        for plan in (plan for plan in plans if options.trial in {"both", plan.name}):
            prefix = f"chaos-{time.strftime('%Y%m%d-%H%M%S')}-{seed}-{plan.name}."
            outcome = Trial(plan, kafka, prefix, FOLDER / prefix.rstrip("."), report).run()
            outcomes.append(outcome)
            _say(json.dumps({"seed": seed, **outcome.summary()}) if options.json else "\n".join(outcome.lines()))
    _write(outcomes)
    if not options.json:
        _say(f"seed {seed}\n{_total(outcomes)}")
    codes = {outcome.code for outcome in outcomes}
    return 1 if 1 in codes else max(codes)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _total(outcomes: list[Outcome]) -> str:
    found = [outcome.judgement for outcome in outcomes]
    lost, duplicated, wrong = (
        sum(len(getattr(one, name)) for one in found) for name in ("lost", "duplicated", "wrong")
    )
    return f"lost {lost} duplicated {duplicated} wrong {wrong}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--parents", type=int, default=100_000, help="ordinary ones; others come in proportion")
    parser.add_argument("--items", type=int, default=10, help="of each ordinary parent")
    parser.add_argument("--faults", type=int, default=12)
    parser.add_argument("--trial", choices=("both", "whole", "cleaned"), default="both")
    parser.add_argument("--seed", type=int, help="of the scores and the faults; a new one each time by default")
    parser.add_argument("--json", action="store_true", help="print JSON for programs, a line for each trial")
    return parser


@contextlib.contextmanager
def _progress() -> Iterator[Report]:
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("starting", total=None)

        def report(phase: str, done: int, of: int) -> None:
            progress.update(task, description=phase, completed=done, total=of)

        yield report


def _write(outcomes: list[Outcome]) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    summaries = [outcome.summary() for outcome in outcomes]
    (FOLDER / "summary.json").write_text(json.dumps(summaries, indent=2) + "\n")


if __name__ == "__main__":
    sys.exit(main())
