"""`sluice labels`: what people said of parents and items, taken in and given out."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()

_AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


class Resolve(StrEnum):
    """What becomes of several people's labels of one target."""

    KEEP = "keep"
    MAJORITY = "majority"
    DROP = "drop"


@app.callback(invoke_without_command=True)
def labels(
    context: typer.Context,
    cut: Annotated[float, typer.Option(min=0.001, max=1.0, help="A label below this is bad.")] = 0.5,
    as_json: _AsJson = False,
) -> None:
    """Say how many labels the topic `labels` holds, by source and kind.

    Of several labels by one person for one target the last counts; of several people, what most of them say.

    Example: sluice labels

    Take in and give out: sluice labels import FILE, sluice labels export --out FILE
    """
    if context.invoked_subcommand is not None:
        return
    from deploy.cli.labelslist import show_tallies

    show_tallies(cut, as_json=as_json)


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="CSV, JSONL or Parquet with the columns parent and label.")],
    who: Annotated[str | None, typer.Option(help="Who judged, for rows that do not say it.")] = None,
    guideline: Annotated[str | None, typer.Option(help="Version of the guideline, for rows that name none.")] = None,
    probability: Annotated[
        float | None, typer.Option(help="With which each parent was drawn for judging, for rows that do not say it.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check, and write nothing.")] = False,
    as_json: _AsJson = False,
) -> None:
    """Append labels to the topic `labels`; each once, however often the file is imported.

    Columns: parent (its id, as in its decision) and label (in [0,1], 1 is good, or cannot_judge); also window, item or
    index (the label is of that item), defects (a;b), who, at (2026-05-31T08:30), guideline, probability, decision,
    group, kind, source. Without `at`, labels are given now. Labels of parents without a decision are imported, and
    named.

    Exit code 2: rows are wrong or contradict each other; nothing is imported.

    Example: sluice labels import monday.csv --who ann --guideline v2 --probability 0.05
    """
    from deploy.cli.labelslist import take_file

    take_file(file, who, guideline, probability, write=not dry_run, as_json=as_json)


@app.command()
def export(
    out: Annotated[
        Path | None, typer.Option(help="A .csv, .jsonl or .parquet file; without one, CSV is printed.", dir_okay=False)
    ] = None,
    guideline: Annotated[str | None, typer.Option(help="Only those given under this version of it.")] = None,
    since: Annotated[
        str | None, typer.Option(help="Only those given at this time or later: 2026-05-31, or 2h.")
    ] = None,
    conflicts: Annotated[
        Resolve,
        typer.Option(
            help="keep: everybody's label, conflicts are listed; majority: one a target, by what most people say; drop:"
            " one a target, and none where people disagree."
        ),
    ] = Resolve.KEEP,
    cut: Annotated[
        float, typer.Option(min=0.001, max=1.0, help="People disagree where their labels are on both sides of this.")
    ] = 0.5,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print each label as one line of JSON.")] = False,
) -> None:
    """Write the labels that count: the last one of each person and target.

    Example: sluice labels export --out labels.csv --conflicts majority
    """
    from deploy.cli.labelslist import Wish, give_out

    give_out(Wish(out, guideline, since, conflicts.value, cut, force=force, as_json=as_json))


@app.command()
def files(
    folder: Annotated[Path, typer.Argument(help="Is made: items/ with a folder for each parent, and labels.csv.")],
    guideline: Annotated[str | None, typer.Option(help="Only labels given under this version of it.")] = None,
    since: Annotated[
        str | None, typer.Option(help="Only those given at this time or later: 2026-05-31, or 2h.")
    ] = None,
    conflicts: Annotated[
        Resolve, typer.Option(help="majority: what most people say of a target; drop: none where people disagree.")
    ] = Resolve.MAJORITY,
    cut: Annotated[
        float, typer.Option(min=0.001, max=1.0, help="People disagree where their labels are on both sides of this.")
    ] = 0.5,
) -> None:
    """Write the items that labels are about as files, for `sluice train`: so corrections make the next head.

    Items are read from the topic `items`, as long as it keeps them. Labels of items train a head; those of parents
    (folders of pictures) make its calibrators and thresholds.

    Example: sluice labels files out/labelled && sluice train out/labelled/labels.csv
    """
    from deploy.cli.labelfiles import write_files
    from deploy.cli.labelslist import Wish

    write_files(Wish(folder, guideline, since, conflicts.value, cut, force=False, as_json=False))
