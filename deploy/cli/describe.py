"""`sluice describe`: what encoders and heads expect, return, and were made from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from deploy.headfacts import HeadFacts
    from deploy.settings import Settings
    from workers.metrics import MetricSet

app = typer.Typer()

_AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
_Heads = Annotated[
    Path | None, typer.Option(help="Folder of heads. Without one, the bundled, as `sluice score`.", file_okay=False)
]


@app.callback(invoke_without_command=True)
def describe(context: typer.Context, heads: _Heads = None, as_json: _AsJson = False) -> None:
    """Say what a worker would load: the heads by kind, and the encoders.

    Exit code 1: a worker would not start with these heads.

    Example: sluice describe --heads /srv/heads

    One of them: sluice describe head mri-slice, sluice describe encoder efficientnet-lite0
    """
    if context.invoked_subcommand is not None:
        return
    from deploy.cli.describing import show_all
    from deploy.headfacts import read_all
    from deploy.scorer import HEADS
    from deploy.settings import Settings

    settings, folder = Settings.load(), heads or HEADS
    found = read_all(folder, settings.encoder_folder, _measured(settings))
    if not show_all(found, folder, settings.encoder_folder, as_json=as_json):
        raise typer.Exit(1)


@app.command()
def head(
    named: Annotated[str, typer.Argument(metavar="FOLDER_OR_KIND", help="A head's folder, or a kind, or its name.")],
    heads: _Heads = None,
    as_json: _AsJson = False,
) -> None:
    """Say what a head expects, what it returns, and how it was trained, with its figures.

    Example: sluice describe head mri-slice
    """
    import json

    from deploy.cli.describing import show_head

    found = _read(named, heads)
    if as_json:
        typer.echo(json.dumps(found.as_dict(), indent=2, ensure_ascii=False))
    else:
        show_head(found)


@app.command()
def encoder(name: Annotated[str, typer.Argument(help="The encoder's name.")], as_json: _AsJson = False) -> None:
    """Say what an encoder expects and what it returns: the same as `sluice encoder describe`.

    Example: sluice describe encoder all-minilm-l6-v2
    """
    from deploy.cli.encoder import describe as described

    described(name, as_json=as_json)


def _read(named: str, heads: Path | None) -> HeadFacts:
    from deploy.errors import ConfigurationError
    from deploy.headfacts import find, read
    from deploy.scorer import HEADS
    from deploy.settings import Settings
    from workers.heads import HeadError
    from workers.kinds import SHARED

    settings = Settings.load()
    try:
        return read(find(named, heads or HEADS, SHARED), settings.encoder_folder, _measured(settings))
    except HeadError as error:
        raise ConfigurationError(str(error)) from error


def _measured(settings: Settings) -> MetricSet:
    from deploy.errors import ConfigurationError
    from workers.metrics.plugins import metric_set
    from workers.metrics.registry import MetricError

    try:
        return metric_set(settings.metrics)
    except MetricError as error:
        raise ConfigurationError(f"SLUICE_METRICS: {error}") from error
