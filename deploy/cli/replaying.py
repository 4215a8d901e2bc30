"""How a replay looks while it runs, and what came of it."""

from __future__ import annotations

from datetime import UTC, datetime

import typer
from rich.console import Console
from rich.progress import MofNCompleteColumn, ProgressColumn, Task, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from deploy.cli.plain import COLOURS, plain
from deploy.cli.progress import Shown, bars, show_notes
from deploy.items.times import is_ago
from deploy.replay.folder import Run
from schemas.policy import Action
from schemas.replays import ReplayRun

_STAGES = ("scoring", "deciding")
_DIGEST = 12  # digits


class _Rate(ProgressColumn):
    """Records a second."""

    def render(self, task: Task) -> Text:
        """Return it, once it is known."""
        return Text("" if task.speed is None else f"{task.speed:,.0f}/s")


class Bar(Shown):
    """A bar for each stage, with its rate and what time is left; on a terminal only, and on stderr."""

    def __init__(self) -> None:
        """Make the bars; they show from `with` on."""
        super().__init__(bars(MofNCompleteColumn(), _Rate(), TimeRemainingColumn()))
        self._tasks = {stage: self._bars.add_task(stage, total=None, visible=False) for stage in _STAGES}

    def planned(self, run: Run, *, resumed: bool) -> None:
        """Say what is read."""
        records = sum(end - first for first, end in run.record.spans.values())
        for stage, task in self._tasks.items():
            self._bars.update(task, total=records, visible=stage == "deciding" or run.record.heads is not None)
        state = "was made before" if run.record.complete else "goes on" if resumed else "begins"
        show_notes([f"replay {state}: {run.path}, {records:,} records"])
        asked = run.record.asked
        if run.record.complete and asked and (is_ago(asked.begin) or is_ago(asked.end)):
            typer.secho(
                f"warning: this is the replay that was made up to {_clock(run.record.to_ms)}, and not one up to now:"
                " name another folder (--out) for that",
                err=True,
                fg="yellow",
            )

    def advance(self, stage: str, records: int) -> None:
        """Count records."""
        self._bars.advance(self._tasks[stage], records)


def show(run: Run, *, as_json: bool) -> None:
    """Print what came of a replay."""
    if as_json:
        typer.echo(run.record.model_dump_json(exclude_none=True))
        return
    console = Console(highlight=False)
    record, counts = run.record, run.record.counts
    console.print(plain(f"{_clock(record.from_ms)} to {_clock(record.to_ms)}, {_decided_under(record)}"))
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("decisions", *Action):
        table.add_column(str(name), justify="right")
    table.add_row(f"{counts.decisions:,}", *(Text(f"{getattr(counts, a):,}", COLOURS[a]) for a in Action))
    console.print(table)
    for line in _lines(record):
        console.print(plain(line))
    show_notes(record.notices)
    typer.echo(f"written: {run.path}")


def _decided_under(record: ReplayRun) -> str:
    policy = "the policies that were in force" if record.policy is None else record.policy.reference
    if record.heads is None:
        return f"under {policy}, scores as they were"
    heads = ", ".join(f"{kind} {digest[:_DIGEST]}" for kind, digest in record.heads.items())
    return f"under {policy}, scored by {heads}"


def _lines(record: ReplayRun) -> list[str]:
    counts = record.counts
    lines = [f"{counts.records:,} records read, {counts.unreadable:,} unreadable"]
    if record.heads is not None:
        lines.append(
            f"{counts.rescored:,} items scored anew: {counts.from_cache:,} from the cache, {counts.encoded:,} embedded,"
            f" {counts.failed:,} failed; {counts.expired:,} expired, {counts.skipped_early:,} had been skipped"
        )
    near = _many(counts.near, "score is", "scores are")
    clock = _many(counts.wall_clock, "window was", "windows were")
    told = f"{near} within {record.epsilon:g} of a threshold; {clock} closed by the wall clock"
    return [*lines, f"{told}; {counts.open:,} still open"]


def _many(count: int, one: str, more: str) -> str:
    return f"{count:,} {one if count == 1 else more}"


def _clock(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%d %H:%M:%S}Z"
