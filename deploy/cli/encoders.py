"""How encoders look on a terminal and as JSON, and the bar of a transfer."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import typer
from rich.progress import DownloadColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.table import Table
from rich.text import Text

from deploy.cli.plain import plain
from deploy.cli.policyrules import print_parts
from deploy.cli.progress import Shown, bars
from deploy.errors import ConfigurationError
from schemas.encoders import Channels
from workers.encoders import EncoderError
from workers.encoders.description import EncoderDescription, describe, names

_CHANNELS = 3


class TransferBar(Shown):
    """A bar for a file that is fetched, on a terminal only."""

    def __init__(self, name: str) -> None:
        """Make the bar; it shows from `with` on."""
        super().__init__(bars(DownloadColumn(binary_units=True), TransferSpeedColumn(), TimeRemainingColumn()))
        self._task = self._bars.add_task(plain(name).plain, total=None)

    def progress(self, done: int, total: int | None) -> None:
        """Show how many bytes are there."""
        self._bars.update(self._task, completed=done, total=total)


def channels(option: str, text: str | None) -> Channels | None:
    """Return three numbers that were given with commas between them.

    Raises:
        ConfigurationError: they are not.
    """
    if text is None:
        return None
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != _CHANNELS:
        raise ConfigurationError(f"{option} {text}: right would be three numbers, such as 0.5,0.5,0.5")
    return numbers[0], numbers[1], numbers[2]


def pins(given: Iterable[str]) -> dict[str, str]:
    """Return files and their SHA-256 from FILE=SHA256.

    Raises:
        ConfigurationError: one is written otherwise.
    """
    found = {}
    for text in given:
        name, mark, sha256 = text.partition("=")
        if not mark:
            raise ConfigurationError(f"--pin {text}: right would be tokenizer.json=SHA256")
        found[name] = sha256.lower()
    return found


def shown(told: EncoderDescription, *, as_json: bool) -> None:
    """Print what an encoder expects and returns."""
    if as_json:
        typer.echo(json.dumps(told.as_dict(), indent=2))
        return
    print_parts(plain(told.name, "bold"), plain("  bundled" if told.bundled else "  added"))
    for name, text in (
        ("architecture", told.architecture),
        ("reads", told.reads),
        ("input", f"{told.input_dtype} {told.input_shape}"),
        ("normalised", told.normalisation),
        ("computes in", told.dtype),
        *(("layer", f"{one.layer}, {one.pooling}: {one.numbers}") for one in told.layers),
        ("returns", told.output),
        ("licence", told.licence),
        ("source", told.source),
        ("weights", f"sha256 {told.weights_sha256}"),
        ("digest", told.digest),
    ):
        print_parts(Text(f"  {name:13}", style="dim"), plain(text))


def show_list(root: Path, *, as_json: bool) -> None:
    """Print all encoders."""
    rows = [_row(name, root) for name in names(root)]
    if as_json:
        found = [row.as_dict() if isinstance(row, EncoderDescription) else row for row in rows]
        typer.echo(json.dumps({"folder": str(root), "encoders": found}))
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("name", "architecture", "reads", "numbers", "computes in", "licence", ""):
        table.add_column(name, overflow="fold", no_wrap=name == "name")
    for row in rows:
        if isinstance(row, EncoderDescription):
            origin = "bundled" if row.bundled else "added"
            cells = (row.name, row.architecture, row.reads, row.dimension, row.dtype, row.licence, origin)
            table.add_row(*(plain(cell) for cell in cells))
        else:
            table.add_row(plain(row["name"]), "", "", "", "", "", plain("broken", "red"))
    print_parts(table)
    for row in rows:
        if not isinstance(row, EncoderDescription):
            print_parts(plain(row["name"], "bold"), plain("  "), plain(row["problem"], "red"))
    print_parts(plain(f"added ones lie in {root}", "dim"))


def _row(name: str, root: Path) -> EncoderDescription | dict[str, str]:
    try:
        return describe(name, root)
    except EncoderError as error:
        return {"name": name, "problem": str(error)}
