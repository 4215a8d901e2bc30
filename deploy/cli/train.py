"""`sluice train`: heads from damaged copies of the sample material."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

HEADS = Path(__file__).parent.parent / "heads"


def train(
    kind: Annotated[list[str] | None, typer.Option(help="Kind to train; may be repeated. All if left out.")] = None,
    out: Annotated[Path, typer.Option(help="Folder of heads; each kind's is replaced there.")] = HEADS,
    seed: Annotated[int, typer.Option(help="Decides all that is random.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Train heads on damaged copies of sample material, and print how well they do on material held out.

    The labels are synthetic: severities of damage, not people's judgement.

    Example: sluice train --kind mri-slice --out heads --seed 1
    """
    import json

    from deploy.cli.training import report, run

    trained = run(kind, out, seed)
    if as_json:
        typer.echo(json.dumps({one.manifest.kind: one.manifest.results for one in trained}))
    else:
        report(trained)
