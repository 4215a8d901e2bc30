"""The bars and the table of `sluice train` without labels: heads from damaged copies of sample material."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table

from deploy.cli.progress import bars
from deploy.errors import ConfigurationError, MissingPartError
from deploy.settings import Settings
from workers.encoders import EncoderRegistry
from workers.training.kinds import KINDS
from workers.training.parts import SampleError
from workers.training.pipeline import Trained, train


def show(kinds: Sequence[str] | None, out: Path, seed: int, *, as_json: bool) -> None:
    """Train the heads of some kinds, or of all, and print how well they do.

    Raises:
        ConfigurationError: there is no such kind.
        MissingPartError: sample material is not installed.
    """
    trained = run(kinds, out, seed)
    if as_json:
        typer.echo(json.dumps({one.manifest.kind: one.manifest.results for one in trained}))
    else:
        report(trained)


def run(kinds: Sequence[str] | None, out: Path, seed: int) -> list[Trained]:
    """Train the heads of some kinds, or of all, with a bar for each.

    Raises:
        ConfigurationError: there is no such kind.
        MissingPartError: sample material is not installed.
    """
    unknown = sorted(set(kinds or ()) - set(KINDS))
    if unknown:
        raise ConfigurationError(f"--kind {unknown[0]}: can be {', '.join(KINDS)}")
    encoders = EncoderRegistry.of(Settings.load().encoder_folder)
    return [_one(kind, out, seed, encoders) for kind in dict.fromkeys(kinds or KINDS)]


def _one(kind: str, out: Path, seed: int, encoders: EncoderRegistry) -> Trained:
    with bars() as shown:
        task = shown.add_task(kind, total=None)

        def progress(stage: str, done: int, total: int) -> None:
            shown.update(task, description=f"{kind}: {stage}", completed=done, total=total)

        try:
            return train(kind, out, encoders=encoders, seed=seed, progress=progress)
        except SampleError as error:
            raise MissingPartError(str(error)) from error


_COLUMNS = {
    "auc": "AUC",
    "auc_bad": "bad",
    "auc_heavy": "heavy",
    "clean_at_least_0.7": "clean >= .7",
    "heavy_below_0.4": "heavy < .4",
    "heavy_below_0.2": "heavy < .2",
}


def report(trained: Sequence[Trained]) -> None:
    """Print a table per kind: all candidates, on parts they were not trained on."""
    console = Console()
    for one in trained:
        table = Table("head", *_COLUMNS.values(), title=f"{one.manifest.kind}, synthetic labels", title_justify="left")
        for candidate, values in one.candidates.items():
            mark = " *" if candidate == one.manifest.model else ""
            table.add_row(f"{candidate}{mark}", *(f"{values[name]:.3f}" for name in _COLUMNS))
        console.print(table)
    console.print("AUC of undamaged against all damaged items, against severity 3 and up (bad), 4 and up (heavy).")
    console.print(
        "All are over parts held out in five folds; * is the one that was then trained on all parts, and written."
    )
