"""The bars, tables and JSON of `sluice train LABELS`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer
from rich.console import Console
from rich.table import Table

from deploy.cli.plain import plain
from deploy.cli.progress import bars
from deploy.labelled import Wish, layers_of, prepared, thresholds_of
from deploy.settings import Settings
from workers.training.fitting import Progress
from workers.training.fromlabels import TrainedHead, Training, train_from_labels
from workers.training.judging import per_split

__all__ = ["Wish", "show_ablation", "show_heads"]

_STAGES = {"features": "features", "compare": "candidates", "curve": "learning curve", "ablate": "ablation"}


@contextmanager
def shown() -> Iterator[Progress]:
    """Give a progress callback that draws a bar for the stage at hand."""
    with bars() as drawn:
        task = drawn.add_task("labels", total=None)

        def progress(stage: str, done: int, total: int) -> None:
            drawn.update(task, description=_STAGES.get(stage, stage), completed=done, total=total)

        yield progress


def show_heads(wish: Wish, *, as_json: bool) -> None:
    """Train a head for each kind in the labels, write its report, and print what it is worth.

    Raises:
        ConfigurationError: the device, an encoder, a metric or the policy is refused.
        TrainingError: the labels are wrong or too few.
    """
    with prepared(wish, Settings.load()) as (request, featurer), shown() as progress:
        training = train_from_labels(request, featurer, progress)
        if wish.report:
            from deploy.trainreport import write

            cuts = thresholds_of(wish)
            for one in training.heads:
                write(one.evaluation, one.folder, policy=cuts(one.manifest.kind), medical=wish.medical)
    if as_json:
        typer.echo(json.dumps(_data(training)))
        return
    for one in training.heads:
        _show(one, reported=wish.report)
    for kind, problem in training.failed.items():
        typer.echo(f"sluice: no head for {kind}: {problem}", err=True)
    typer.echo(f"encoder calls: {training.encoder_calls}; from the cache: {training.cached}")


def _data(training: Training) -> dict[str, Any]:
    heads = [
        {
            "kind": one.manifest.kind,
            "folder": str(one.folder),
            "chosen": one.evaluation.chosen,
            "calibrated": one.manifest.calibrated,
            "calibration": one.evaluation.calibration,
            "results": one.manifest.results,
            "splits": one.evaluation.counts,
            "losses": [[loss.epoch, loss.train, loss.held_out] for loss in one.evaluation.losses],
            "defects": {defect.name: defect.auc for defect in one.manifest.defects},
            "parents": [own.model_dump(mode="json", exclude_none=True) for own in one.manifest.parents],
            "notes": list(one.evaluation.notes),
        }
        for one in training.heads
    ]
    return {
        "heads": heads,
        "failed": training.failed,
        "encoder_calls": training.encoder_calls,
        "cached": training.cached,
    }


def _show(one: TrainedHead, *, reported: bool) -> None:
    console, evaluation = Console(), one.evaluation
    splits = Table("groups for", "items", "groups", "good", title=f"{evaluation.kind}", title_justify="left")
    for split, sizes in per_split(evaluation.counts).items():
        splits.add_row(split, *map(str, sizes))
    console.print(splits)
    table = Table("candidate", "AUC, inner folds", title="compared on the training groups", title_justify="left")
    for name, value in evaluation.candidates.items():
        table.add_row(f"{name}{' *' if name == evaluation.chosen else ''}", f"{value:.3f}")
    console.print(table)
    figures = Table("held out", "", title="on groups that had no part in any of it", title_justify="left")
    for name, value in (evaluation.held_out or {}).items():
        figures.add_row(name, f"{value:.3f}")
    for name, value in evaluation.thresholds.items():
        figures.add_row(f"threshold to {name}", f"{value:.3f}")
    for defect in one.manifest.defects:
        figures.add_row(f"AUC of {defect.name}", "-" if defect.auc is None else f"{defect.auc:.3f}")
    console.print(figures)
    _show_parents(one, console)
    for note in evaluation.notes:
        for line in note.splitlines():  # a line for each place
            console.print(plain(line), soft_wrap=True)
    typer.echo(f"{evaluation.calibration}")
    typer.echo(f"written: {one.folder}{' (report.html is in it)' if reported else ''}")
    typer.echo(f"use it:  sluice score --heads {one.folder}")
    typer.echo(f"watch it: sluice canary record --heads {one.folder}")


def _show_parents(one: TrainedHead, console: Console) -> None:
    if not one.manifest.parents:
        return
    table = Table(
        "method", "parents", "AUC", "ECE", "ECE of quality", "high", "medium", "low", title="labelled parents"
    )
    table.columns[0].min_width = len("trimmed_mean")
    for own in one.manifest.parents:
        results = [own.results.get(name) for name in ("auc", "ece", "ece_of_quality")]
        bands = [own.thresholds.get(name) for name in ("high", "medium", "low")]
        shown_numbers = ["-" if value is None else f"{value:.3f}" for value in (*results, *bands)]
        table.add_row(own.method, str(own.parents), *shown_numbers)
    console.print(table)


def show_ablation(wish: Wish, *, as_json: bool) -> None:
    """Compare head sizes, features and layers, and print the table.

    Raises:
        ConfigurationError: the device, an encoder, a metric or the policy is refused.
        TrainingError: the labels are wrong or too few.
    """
    from workers.training.ablation import ablate

    settings = Settings.load()
    with prepared(wish, settings) as (request, featurer), shown() as progress:
        found = ablate(request, featurer, progress, layers_of(settings))
    if as_json:
        typer.echo(json.dumps({kind: [row.fields() for row in rows] for kind, rows in found.items()}))
        return
    console = Console()
    for kind, rows in found.items():
        table = Table("features", "head", "numbers", "AUC", "95%", title=f"{kind}, by folds over groups")
        for row in rows:
            table.add_row(row.features, row.head, str(row.width), f"{row.auc:.3f}", f"{row.low:.3f} to {row.high:.3f}")
        console.print(table)
