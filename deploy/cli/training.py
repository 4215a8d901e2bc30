"""The bars and the table of `sluice train`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from deploy.cli.progress import bars
from deploy.errors import ConfigurationError, MissingPartError
from workers.encoders import EncoderRegistry
from workers.training import KINDS, SampleError, Trained, train


def run(kinds: Sequence[str] | None, out: Path, seed: int) -> list[Trained]:
    """Train the heads of some kinds, or of all, with a bar for each.

    Raises:
        ConfigurationError: there is no such kind.
        MissingPartError: sample material is not installed.
    """
    unknown = sorted(set(kinds or ()) - set(KINDS))
    if unknown:
        raise ConfigurationError(f"--kind {unknown[0]}: can be {', '.join(KINDS)}")
    encoders = EncoderRegistry()
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


def report(trained: Sequence[Trained]) -> None:
    """Print a table of all candidates, with a line for the head that was written."""
    names = ("auc", "auc_bad", "auc_heavy", "clean_at_least_0.7", "heavy_below_0.4", "heavy_below_0.2")
    table = Table("kind", "features and head", *names, title="Held out by part (synthetic labels)")
    for one in trained:
        for candidate, values in one.candidates.items():
            mark = " (written)" if candidate == one.manifest.model else ""
            table.add_row(one.manifest.kind, f"{candidate}{mark}", *(f"{values[name]:.3f}" for name in names))
        shown = (f"{one.held_out[name]:.3f}" for name in names)
        table.add_row(one.manifest.kind, f"{one.manifest.model}, on parts never trained on", *shown)
    Console().print(table)
