"""How `sluice slices` runs, and how its tables look on a terminal."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from deploy.cli.plain import plain
from deploy.cli.progress import bars, show_notes
from deploy.items.export import whole
from deploy.items.fields import metric_of
from deploy.slices import words
from deploy.slices.audits import Audit, Question, Row, ask
from deploy.slices.gathering import Asked, gather
from deploy.slices.population import NAMES
from deploy.slices.testcases import SlicesError, asks_items
from workers.slices.estimates import Estimate

TABLE_ROWS = 40  # of one slicing
_WIDE = 190  # columns, where there is no edge
_COLOURS = {"alarm": "bold red", "above": "yellow", "within": "green", "unsure": "", "unknown": "dim"}
_SHOWN = ("false_accept_rate", "false_reject_rate", "held_back_rate", "bad_among_accepted")

Begin = Callable[[str, int], Callable[[int], None]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be made of an audit."""

    html: Path | None
    force: bool
    as_json: bool


def run(question: Question, asked: Asked, wanted: Wanted) -> None:
    """Gather, answer, print and write.

    Raises:
        ConfigurationError: the question names what nothing has, or labels are wrong.
        ReplayError: there is no replay in the folder.
        BrokerError: Kafka did not let the topics be read.
        SlicesError: a slice is surely above its bound.
        WriteError: the disk refuses.
    """
    with shown() as begin:
        population = gather(_with_metrics(question, asked), begin)
    audit = ask(question, population)
    if wanted.html is not None:
        from deploy.slices.page import render  # it draws, which takes a second to load

        with whole(wanted.html, force=wanted.force) as part:
            part.write_text(render(audit), encoding="utf-8")
    if wanted.as_json:
        typer.echo(json.dumps(audit.as_dict(), ensure_ascii=False))
    else:
        show(audit)
    show_notes(audit.notices)
    if wanted.html is not None:
        typer.echo(f"written: {wanted.html}", err=wanted.as_json)
    if audit.alarms:
        names = ", ".join(one.name if by in one.name else f"{by} {one.name}" for by, one in audit.alarms)
        raise SlicesError(f"surely above a bound: {names}")


def _with_metrics(question: Question, asked: Asked) -> Asked:
    """Return what is to be gathered, with the metrics that the question names."""
    made = [metric_of(name) for name in question.by if name not in NAMES]
    named = {name for name in made if name is not None}
    items = question.where is not None and asks_items(question.where.source.text)
    named |= set() if question.where is None else set(question.where.metrics)
    return replace(asked, items=items, names=frozenset(named), all_metrics=question.hypotheses)


@contextmanager
def shown() -> Iterator[Begin]:
    """Give what begins a bar."""
    with bars() as progress:

        def begin(text: str, total: int) -> Callable[[int], None]:
            task = progress.add_task(text, total=total)
            return lambda steps: progress.advance(task, steps)

        yield begin


def show(audit: Audit, console: Console | None = None) -> None:
    """Print an audit: what was found, a table for each slicing, and metrics beside errors."""
    console = console or Console(highlight=False)
    if not console.is_terminal:
        console.width = max(console.width, _WIDE)
    console.print(plain(words.verdict(audit), "bold"), soft_wrap=True)
    for slicing in audit.slicings:
        console.print()
        if not slicing.rows:
            console.print(plain(f"by {slicing.by}: no window has it", "yellow"))
            continue
        _print(console, audit, slicing.by, slicing.rows)
        for kind, curve in slicing.curves.items():
            name = words.RATES[audit.question.errors]
            console.print(plain(f"{name} of {kind}, as {slicing.by} rises: {words.trend(curve)}"), soft_wrap=True)
    if audit.relations:
        console.print()
        _print_relations(console, audit)
    if audit.whole.slice.count:
        console.print(plain(words.method(audit), "dim"), soft_wrap=True)


def _print(console: Console, audit: Audit, by: str, rows: tuple[Row, ...]) -> None:
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column(plain(f"by {by}"), overflow="fold", min_width=12)
    for name in ("decided", "labelled", "bad", "accepted"):
        table.add_column(name, justify="right", no_wrap=True)
    columns = tuple(dict.fromkeys((*_SHOWN, audit.question.errors)))
    for name in columns:
        table.add_column(words.RATES[name], justify="right", no_wrap=True)
    for row in rows[:TABLE_ROWS]:
        table.add_row(*_cells(row, columns))
    table.add_row(*_cells(audit.whole, columns), style="dim")
    console.print(table)
    if len(rows) > TABLE_ROWS:
        console.print(f"{len(rows) - TABLE_ROWS:,} more: --json and --html have them.", style="dim")


def _cells(row: Row, columns: tuple[str, ...]) -> list[Text]:
    one = row.slice
    return [
        plain(one.name, "bold red" if one.alarmed else ""),
        Text(f"{row.decided:,}"),
        Text(f"{one.count:,}"),
        Text(f"{one.bad:,}"),
        Text(words.percent(row.accept_rate.value)),
        *(_cell(one.rates.get(name), one.standings.get(name)) for name in columns),
    ]


def _cell(found: Estimate | None, standing: str | None) -> Text:
    if found is None or found.value is None:
        return Text("-", style="dim")
    mark = {"alarm": " !", "above": " ?"}.get(standing or "", "")
    few = "*" if found.few_groups else ""
    text = f"{found.value:.1%} [{100 * found.low:.1f}, {100 * found.high:.1f}]{few}{mark}"
    return Text(text, style=_COLOURS.get(standing or "", ""))


def _print_relations(console: Console, audit: Audit) -> None:
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("metric", overflow="fold", min_width=12)
    for name in ("windows", "errors", "correlation", "p", "bits", "by chance", "p"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("found", overflow="fold")
    for one in audit.relations:
        figures = (("{:+.2f}", one.correlation), ("{:.3g}", one.trend_p), ("{:.3f}", one.information))
        cells = ["-" if value is None else form.format(value) for form, value in figures]
        chance = "-" if one.by_chance is None else f"{one.by_chance:.3f}"
        style = "" if one.shape == "none" else "bold"
        counts = (f"{one.count:,}", f"{one.errors:,}", *cells, chance, f"{one.information_p:.3g}")
        table.add_row(plain(one.name, style), *map(Text, counts), plain(words.relation(one), style or "dim"))
    console.print(table)
    for sentence in words.tested(audit):
        console.print(plain(sentence, "dim"), soft_wrap=True)
