"""`sluice publish`: files to raw items."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from deploy.errors import PARTLY_READ


def publish(
    paths: Annotated[list[Path], typer.Argument(help="Videos, NIfTI volumes, texts, Markdown, pictures, or folders.")],
    source: Annotated[str, typer.Option(help="Who sends them; policies are chosen per kind and source.")] = "files",
    fps: Annotated[float, typer.Option(help="Frames a second that are taken from videos.")] = 1.0,
    lossless: Annotated[bool, typer.Option("--lossless", help="Frames as PNG instead of JPEG.")] = False,
    parent_id: Annotated[str | None, typer.Option(help="Parent id, for a single file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Publish files as raw items, each file one parent.

    Exit code 9: some files could not be read; the others are published.

    Example: SLUICE_KAFKA=localhost:9092 sluice publish clips/ scan.nii.gz notes.md --source hospital-7
    """
    from deploy.brokers.ladder import open_kafka
    from deploy.cli.progress import PublishBar
    from deploy.errors import ConfigurationError
    from deploy.publishing import publish_files
    from deploy.settings import Settings
    from streams.publisher import Publisher
    from streams.topics import TopicNames
    from workers.sources import SourceOptions

    if parent_id is not None and (len(paths) != 1 or paths[0].is_dir()):
        raise ConfigurationError("--parent-id names one parent; give it one file, not several and no folder")
    try:
        options = SourceOptions(parent_id=parent_id, frames_per_second=fps, lossless=lossless)
    except ValueError as error:
        raise ConfigurationError(f"--fps: {error}") from error
    settings = Settings.load()
    with open_kafka(settings, settings.data_dir / "kafka") as kafka:
        publisher = Publisher(kafka.properties, TopicNames(settings.topic_prefix).items)
        with PublishBar() as bar:
            published = publish_files(paths, publisher, source, options, bar)
        publisher.close()
    if as_json:
        typer.echo(json.dumps({"parents": published.parents, "items": published.items, "problems": published.problems}))
    else:
        for parent, items in published.parents.items():
            typer.echo(f"{parent}  {items} items")
        for problem in published.problems:
            typer.echo(f"sluice: {problem}", err=True)
    if published.problems:
        raise typer.Exit(PARTLY_READ)
