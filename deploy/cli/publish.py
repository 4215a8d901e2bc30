"""`sluice publish`: files to raw items."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from deploy.errors import PARTLY_READ


def publish(
    paths: Annotated[
        list[Path],
        typer.Argument(help="Videos, NIfTI volumes, DICOM, texts, Markdown, HTML, PDF, pictures, or folders of them."),
    ],
    source: Annotated[str, typer.Option(help="Who sends them; policies are chosen per kind and source.")] = "files",
    fps: Annotated[float, typer.Option(help="Frames a second that are taken from videos.")] = 1.0,
    lossless: Annotated[bool, typer.Option("--lossless", help="Frames as PNG instead of JPEG.")] = False,
    plane: Annotated[
        Literal["axial", "coronal", "sagittal", "all"], typer.Option(help="Slices that are taken from NIfTI volumes.")
    ] = "axial",
    words_per_chunk: Annotated[int, typer.Option(min=1, help="Words in a document's chunk, about.")] = 180,
    parent_id: Annotated[str | None, typer.Option(help="Parent id, where there is one parent.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Publish files as raw items, each file one parent; and so is a folder's pictures, and a DICOM series.

    Exit code 9: some files could not be read; the others are published.

    Example: SLUICE_KAFKA=localhost:9092 sluice publish clips/ scan.nii.gz notes.md --source hospital-7
    """
    from deploy import privacykey
    from deploy.brokers.ladder import open_kafka
    from deploy.cli.progress import PublishBar, show_notes
    from deploy.errors import ConfigurationError
    from deploy.publishing import open_publisher, publish_files
    from deploy.settings import Settings
    from workers.sources import SourceOptions

    settings = Settings.load()
    try:
        options = SourceOptions(
            parent_id=parent_id,
            frames_per_second=fps,
            lossless=lossless,
            plane=plane,
            words_per_chunk=words_per_chunk,
            secret=privacykey.load(settings),
        )
    except ValueError as error:
        raise ConfigurationError(f"--fps: {error}") from error
    with open_kafka(settings, settings.data_dir / "kafka") as kafka:
        publisher = open_publisher(kafka.properties, settings)
        with PublishBar() as bar:
            published = publish_files(paths, publisher, source, options, bar)
        publisher.close()
    if as_json:
        typer.echo(json.dumps({"items": published.items, **asdict(published)}))
    else:
        for parent, items in published.parents.items():
            typer.echo(f"{parent}  {items} items")
        show_notes(published.notes)
        for problem in published.problems:
            typer.echo(f"sluice: {problem}", err=True)
    if published.problems:
        raise typer.Exit(PARTLY_READ)
