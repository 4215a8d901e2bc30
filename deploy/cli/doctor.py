from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from deploy.checks import Report


def doctor(
    json_output: Annotated[bool, typer.Option("--json", help="Write one JSON object, for programs.")] = False,
) -> None:
    """Say what is here, what is missing, and what to do. Exit code 0: the main job can run; 1: it cannot."""
    from deploy.doctor import examine

    report = examine()
    if json_output:
        typer.echo(json.dumps(report.as_dict(), indent=2, ensure_ascii=False))
    else:
        _show(report)
    if not report.ready:
        raise typer.Exit(1)


def _show(report: Report) -> None:
    from rich.console import Console

    console = Console()  # colours on a terminal only
    console.print(_table(report))
    verdict = "Ready." if report.ready else "Not ready: see the rows marked 'missing'."
    console.print(verdict, style="green" if report.ready else "red")


def _table(report: Report) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table("what", "state", box=box.SIMPLE)
    table.add_column("found", overflow="fold")
    table.add_column("what to do", overflow="fold")
    styles = {"ok": "green", "warning": "yellow", "missing": "red"}
    for check in report.checks:
        optional = check.status == "missing" and not check.required
        state = Text("not there" if optional else check.status, style="dim" if optional else styles[check.status])
        # As Text, since square brackets would be read as markup.
        table.add_row(check.name, state, Text(check.found), Text(check.advice))
    return table
