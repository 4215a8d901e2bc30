"""How `sluice items` reads, and how its rows look on a terminal, in a pipe or in a file."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import typer
from confluent_kafka import KafkaException
from rich.console import Console
from rich.table import Table
from rich.text import Text

from deploy.brokers.ladder import KafkaAddress, open_kafka
from deploy.cli.plain import COLOURS, plain
from deploy.cli.progress import bars, show_notes
from deploy.errors import BrokerError
from deploy.items import sheet
from deploy.items.columns import FIXED
from deploy.items.export import export, whole
from deploy.items.fields import field
from deploy.items.previews import read_previews
from deploy.items.query import Query
from deploy.items.reading import Passed, Scores, read_decisions
from deploy.items.record import Decided, Item
from deploy.items.selection import Selection, Selector
from deploy.items.spool import Spool
from deploy.items.words import asked, notes, summary
from deploy.report.data import MOST_PREVIEW_CHARS
from deploy.settings import Settings
from deploy.topicset import TopicSet
from schemas.policy import Action
from streams import clients
from streams.topics import TopicNames

TABLE_ROWS = 50  # where no count was asked for
_WIDE = 160  # columns, where there is no edge
_PREVIEW_CHARS = 4 * MOST_PREVIEW_CHARS  # of a page that shows little else
_DIGEST = 8  # characters of a scorer's that are shown


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be made of a selection. Without a file, rows are printed."""

    export: Path | None
    html: Path | None
    force: bool
    medical: bool
    as_json: bool


def run(query: Query, wanted: Wanted) -> None:
    """Read the topics and print or write what is asked for.

    Raises:
        ConfigurationError: the query names what no item has, or a file is there and may not be replaced.
        BrokerError: Kafka did not let the topics be read.
        WriteError, SpoolError: the disk refuses.
    """
    settings = Settings.load()
    with open_kafka(settings, settings.data_dir / "kafka") as kafka, Spool() as spool:
        TopicSet(clients.admin(kafka.properties), settings).verify()
        try:
            _run(query, wanted, kafka, settings, spool)
        except KafkaException as error:
            raise BrokerError(f"Kafka did not let the topics be read: {error.args[0]}") from error


def _run(query: Query, wanted: Wanted, kafka: KafkaAddress, settings: Settings, spool: Spool) -> None:
    selection, passed = _select(query, kafka.properties, settings, spool)
    if wanted.export is not None:
        with _bar("writing", len(selection)) as advance:
            export(selection, wanted.export, advance, force=wanted.force)
    if wanted.html is not None:
        _write_page(selection, passed, wanted, wanted.html, kafka.properties, settings)
    written = [path for path in (wanted.export, wanted.html) if path is not None]
    if wanted.as_json:
        _print_json(selection)
    elif not written:
        show(selection)
    show_notes([summary(selection, passed), *notes(selection, passed)])
    for path in written:
        typer.echo(f"written: {path}", err=wanted.as_json)


def _select(query: Query, properties: clients.Properties, settings: Settings, spool: Spool) -> tuple[Selection, Passed]:
    scores = Scores(properties, settings, parent=query.parent, since=query.since)
    decisions = read_decisions(properties, settings, query.parent)
    selector = Selector(query, spool, decisions)
    with _bar("reading scores", scores.total) as advance:
        for item in scores.read(advance):
            selector.take(item)
    return selector.selection(), scores.passed


def _write_page(
    selection: Selection, passed: Passed, wanted: Wanted, path: Path, properties: clients.Properties, settings: Settings
) -> None:
    rows = list(selection.rows(sheet.MOST_CARDS))
    places = sheet.wanted(rows, medical=wanted.medical)
    names = TopicNames(settings.topic_prefix)
    with _bar("reading items", len(places)) as advance:
        previews = read_previews(properties, names.items, places, advance, _PREVIEW_CHARS)
    told = [line for line in (asked(selection), summary(selection, passed), *notes(selection, passed)) if line]
    page = sheet.render(selection, rows, previews, told, topic_prefix=names.prefix, medical=wanted.medical)
    with whole(path, force=wanted.force) as part:
        part.write_text(page, encoding="utf-8")


@contextmanager
def _bar(text: str, total: int) -> Iterator[Callable[[int], None]]:
    with bars() as progress:
        task = progress.add_task(text, total=total)
        yield lambda steps: progress.advance(task, steps)


def _print_json(selection: Selection) -> None:
    for item, decided in selection.rows():
        typer.echo(json.dumps(as_dict(item, decided), ensure_ascii=False))


def as_dict(item: Item, decided: Decided | None) -> dict[str, object]:
    """Return a row for programs: the columns of a file by the same names, times in ms since 1970, and the metrics."""
    return {name: get(item, decided) for name, (_, get) in FIXED.items()} | {"metrics": item.metrics}


def show(selection: Selection, console: Console | None = None) -> None:
    """Print a selection as a table: all rows where a count was asked for, and otherwise the first ones."""
    console = console or Console(highlight=False)
    if not console.is_terminal:
        console.width = max(console.width, _WIDE)
    if not len(selection):
        console.print("No item matches.", style="yellow")
        return
    shown = len(selection) if selection.query.most is not None else TABLE_ROWS
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("parent", overflow="fold", min_width=12)
    for name in ("item", "score"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("action", no_wrap=True)
    table.add_column("reasons", overflow="fold", min_width=12)
    for name in selection.query.asked:
        table.add_column(plain(name), justify="right")
    for name in ("scorer", "on items"):
        table.add_column(name, no_wrap=True)
    for item, decided in selection.rows(shown):
        table.add_row(*_row(selection, item, decided))
    console.print(table)
    if len(selection) > shown:
        console.print(
            f"{len(selection) - shown:,} more: --top or --bottom choose, --json, --export and --html have them.",
            style="dim",
        )


def _row(selection: Selection, item: Item, decided: Decided | None) -> list[Text]:
    values = [sheet.number(field(name).get(item, decided)) or "-" for name in selection.query.asked]
    action = "" if decided is None else decided.action
    return [
        plain(item.parent_id),
        Text(f"#{item.index}"),
        Text(f"{item.score:.4f}"),
        plain(action, COLOURS[Action(action)] if action in set(Action) else "dim"),
        plain(", ".join(item.reasons)),
        *(plain(value) for value in values),
        plain(item.scorer[:_DIGEST]),
        Text(item.place),
    ]
