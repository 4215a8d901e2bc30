"""`sluice sample`: labelled clips to try things on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def sample(
    folder: Annotated[Path, typer.Argument(help="Is made: clips/ with a folder of pictures each, and labels.csv.")],
    parents: Annotated[int, typer.Option(min=1, max=10_000, help="How many clips.")] = 400,
    frames: Annotated[int, typer.Option(min=1, help="Of each clip.")] = 4,
    source: Annotated[str, typer.Option(help="What the labels name as their source.")] = "camera-1",
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same files.")] = 1,
) -> None:
    """Write labelled clips: parts of two real videos, about half of them damaged, more or less.

    The labels are about the damage that was done to them: 1 is intact, 0.05 heavily damaged. Publish the clips under
    the same source, and import the labels.

    Example: sluice sample out/sample --parents 400 && sluice publish out/sample/clips --source camera-1
    """
    from functools import partial

    from deploy.cli.progress import bars
    from deploy.demo.sample import CLIPS, LABELS_FILE, Wanted, write

    with bars() as shown:
        task = shown.add_task("writing clips", total=parents)
        count = write(folder, Wanted(parents, frames, source, seed), partial(shown.advance, task))
    typer.echo(f"{count} clips of {frames} frames in {folder / CLIPS}, labels in {folder / LABELS_FILE}")
