"""`sluice canary`: known items by which a running worker notices that its model has gone wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

HEADS = Path(__file__).parent.parent / "heads"

app = typer.Typer(
    help="Canaries: known items with recorded scores, by which workers notice that their model has gone wrong.",
    no_args_is_help=True,
)

_Heads = Annotated[Path, typer.Option(help="Folder of heads. Without one, the bundled.", file_okay=False, exists=True)]
_Kinds = Annotated[list[str] | None, typer.Option("--kind", help="May be repeated. All if left out.")]
_Device = Annotated[str, typer.Option(help="auto, cpu or cuda:N.")]
_AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


@app.command()
def record(
    heads: _Heads = HEADS,
    kind: _Kinds = None,
    good: Annotated[
        list[Path] | None,
        typer.Option(help="Files or folders of good items to make new canaries of; may be repeated.", exists=True),
    ] = None,
    new: Annotated[
        bool, typer.Option("--new", help="Make new canaries of the sample material, where there are some already.")
    ] = False,
    epsilon: Annotated[float, typer.Option(min=1e-4, max=0.2, help="How far a score may lie from its record.")] = 0.02,
    device: _Device = "cpu",
    as_json: _AsJson = False,
) -> None:
    """Record what canaries score by the heads of a folder, as they are now. Do it when a head is trained and judged.

    Canaries that lie beside a head are scored again. A head without any gets the bundled ones of its kind, or pairs
    made of your own good items and damaged copies of them.

    Example: sluice canary record --heads heads --kind video-frame --good clips/
    """
    from deploy.cli.canaries import Recording, recorded, shown

    found = recorded(Recording(heads, kind, good or [], new, epsilon, device))
    shown(found, as_json=as_json)


@app.command()
def check(heads: _Heads = HEADS, kind: _Kinds = None, device: _Device = "cpu", as_json: _AsJson = False) -> None:
    """Score the canaries of a folder of heads once. Exit code 0: all as recorded; 1: some are not.

    Example: sluice canary check --heads heads --device cuda:0
    """
    from deploy.cli.canaries import checked, shown

    found = checked(heads, kind, device)
    shown(found, as_json=as_json)
    if not all(one.passed for one in found):
        raise typer.Exit(1)
