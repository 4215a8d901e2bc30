"""How `sluice testcases` runs cases, and how they look on a terminal."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from deploy.cli.plain import plain
from deploy.cli.progress import show_notes
from deploy.cli.slicetable import shown
from deploy.errors import ConfigurationError
from deploy.items.export import whole
from deploy.slices.gathering import Asked, gather
from deploy.slices.suite import load
from deploy.slices.testcases import SlicesError, metrics_of, run_cases, wants_items, wants_labels
from schemas.testcases import CaseResult, CasesResult, ModelCases

_WIDE = 160  # columns, where there is no edge
_COLOURS = {"passed": "green", "failed": "bold red", "too_few": "yellow"}


def run(path: Path, asked: Asked, out: Path | None, seed: int, *, as_json: bool) -> None:
    """Run cases, print and write what came of them.

    Raises:
        ConfigurationError: the cases or the labels are wrong.
        ReplayError: there is no replay in the folder.
        BrokerError: Kafka did not let the topics be read.
        SlicesError: a case is not passed.
        WriteError: the disk refuses.
    """
    cases = load(path)
    if out is not None and (out.suffix != ".json" or out.is_dir()):
        raise ConfigurationError(f"--out {out}: the name must end in .json")
    wanted = replace(asked, labelled=wants_labels(cases), items=wants_items(cases), names=metrics_of(cases))
    with shown() as begin:
        population = gather(wanted, begin)
    result = run_cases(cases, population, seed=seed)
    text = result.model_dump_json(indent=2)
    if out is not None:
        with whole(out, force=True) as part:
            part.write_text(f"{text}\n", encoding="utf-8")
    if as_json:
        typer.echo(text)
    else:
        show(result)
    show_notes(result.notices)
    if out is not None:
        typer.echo(f"written: {out}", err=as_json)
    if not result.passed:
        names = ", ".join(repr(one.name) for one in result.cases if one.result != "passed")
        raise SlicesError(f"not passed: {names}")


def show(result: CasesResult, console: Console | None = None) -> None:
    """Print what became of each case."""
    console = console or _console()
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("result", no_wrap=True)
    table.add_column("case", overflow="fold", min_width=16)
    table.add_column("metric", no_wrap=True)
    for name in ("assertion", "parents"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("why", overflow="fold", min_width=16)
    for one in result.cases:
        table.add_row(*_cells(one))
    console.print(table)
    passed = sum(one.result == "passed" for one in result.cases)
    told = f"{result.name}: {passed} of {len(result.cases)} cases passed"
    console.print(plain(told, "green" if result.passed else "red"))


def show_checked(path: Path, cases: ModelCases) -> None:
    """Print the cases of a file."""
    console = _console()
    console.print(plain(f"{path}: {cases.name}, {len(cases.cases)} cases, intervals of {cases.level:.4g}"))
    for one in cases.cases:
        judged = f"{one.metric} {one.assertion}, judged by the {one.judge_by}, {one.least} parents or more"
        console.print(plain(f"  {one.name}: {judged}{f'; where {one.where}' if one.where else ''}"), soft_wrap=True)


def _cells(one: CaseResult) -> list[Text]:
    result = Text(one.result.replace("_", " "), style=_COLOURS[one.result])
    return [result, plain(one.name), Text(one.metric), plain(one.assertion), Text(f"{one.count:,}"), plain(one.why)]


def _console() -> Console:
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = max(console.width, _WIDE)
    return console
