"""How labels are taken in and given out, and how they look on a terminal."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import typer
from confluent_kafka import KafkaException
from rich.console import Console
from rich.table import Table

from deploy.brokers.ladder import open_kafka
from deploy.cli.plain import plain, printable
from deploy.cli.progress import bars, show_notes
from deploy.errors import BrokerError, ConfigurationError
from deploy.items.export import check
from deploy.items.times import moment
from deploy.labels.counting import Conflicts, conflicting, counted, last_of_each
from deploy.labels.files import read_file
from deploy.labels.intake import Intake, log_of, take_in
from deploy.labels.output import ENDINGS, as_row, export, to_csv
from deploy.labels.problems import some
from deploy.labels.rows import Defaults
from deploy.labels.tally import Tally, tallies
from deploy.settings import Settings
from deploy.topicset import TopicSet
from schemas.labels import LabelGiven
from streams import clients

_WIDE = 140  # columns, where there is no edge


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be given out, and how."""

    out: Path | None
    guideline: str | None
    since: str | None
    conflicts: Literal["keep", "majority", "drop"]
    cut: float
    force: bool
    as_json: bool


@contextmanager
def topics(settings: Settings) -> Iterator[clients.Properties]:
    """Give the properties of the brokers that have the topics.

    Raises:
        TopicsError: the topics are missing or not as they must be.
        BrokerError: Kafka cannot be used.
    """
    with open_kafka(settings, settings.data_dir / "kafka") as kafka:
        TopicSet(clients.admin(kafka.properties), settings).verify()
        try:
            yield kafka.properties
        except KafkaException as error:
            raise BrokerError(f"Kafka did not do what was asked of it: {error.args[0]}") from error


def take_file(
    file: Path, who: str | None, guideline: str | None, probability: float | None, *, write: bool, as_json: bool
) -> None:
    """Import a file and say what came of it.

    Raises:
        LabelsError: the file cannot be used.
        BrokerError: Kafka cannot be used.
    """
    if probability is not None and not 0.0 < probability <= 1.0:
        raise ConfigurationError(f"--probability {probability:g} is not above 0 and at most 1")
    now = time.time_ns() // 1_000_000
    read = read_file(file, Defaults(now, who, guideline, probability))
    settings = Settings.load()
    with topics(settings) as properties, bars() as progress:
        task = progress.add_task("importing", total=len(read.labels))
        found = take_in(
            read.labels, properties, settings, lambda steps: progress.advance(task, steps), now=now, write=write
        )
    if as_json:
        typer.echo(json.dumps(_as_dict(found, read.repeated, read.ignored), ensure_ascii=False))
        return
    told = "imported" if write else "to import"
    typer.echo(f"{told} {len(found.new)} labels, {found.there} were there already")
    show_notes(_notes(found, read.repeated, read.ignored))


def _as_dict(found: Intake, repeated: int, ignored: Sequence[str]) -> dict[str, object]:
    return {
        "imported": len(found.new),
        "there": found.there,
        "repeated": repeated,
        "unknown_parents": list(found.unknown),
        "contrary_parents": list(found.contrary),
        "ignored_columns": list(ignored),
    }


def _notes(found: Intake, repeated: int, ignored: Sequence[str]) -> Iterator[str]:
    if repeated:
        yield f"{repeated} rows say what another row of the file says"
    if ignored:
        yield f"columns that nothing is made of: {', '.join(printable(name) for name in ignored)}"
    if found.unknown:
        yield f"parents without a decision: {len(found.unknown)}{_named(found.unknown)}"
    if found.contrary:
        names = _named(found.contrary)
        yield f"parents of another kind or source than their decision says: {len(found.contrary)}{names}"


def _named(names: Sequence[str]) -> str:
    return "".join(f"\n  {printable(name)}" for name in some(names))


def give_out(wish: Wish) -> None:
    """Write or print the labels that count.

    Raises:
        ConfigurationError: an option is wrong, or the file is there.
        BrokerError: Kafka cannot be used.
    """
    if wish.out is not None:
        check(wish.out, force=wish.force, endings=ENDINGS)
    since = None if wish.since is None else moment(wish.since, "--since", datetime.now(UTC))
    settings = Settings.load()
    with topics(settings) as properties:
        log = log_of(properties, settings)
        found = [one for one in last_of_each(log.read()) if fits(one, wish.guideline, since)]
    clashes = conflicting(found, wish.cut)
    chosen = found if wish.conflicts == "keep" else resolved(found, wish)
    if wish.out is not None:
        export(chosen, wish.out, force=wish.force)
        typer.echo(f"written: {wish.out}", err=wish.as_json)
    if wish.as_json:
        for one in chosen:
            typer.echo(json.dumps(as_row(one), ensure_ascii=False))
    elif wish.out is None:
        typer.echo(to_csv([as_row(one) for one in chosen]), nl=False)
    show_notes(_told(chosen, clashes, log.unreadable, wish))


def fits(label: LabelGiven, guideline: str | None, since: int | None) -> bool:
    """Whether a label was given under a version of the guideline, and since a time (ms since 1970); None: any."""
    return guideline in {None, label.guideline} and (since is None or label.at >= since)


def conflicts_of(wish: Wish) -> Conflicts:
    """Return what becomes of targets on which people disagree, where each is to have one label."""
    return "drop" if wish.conflicts == "drop" else "majority"


def resolved(found: Sequence[LabelGiven], wish: Wish) -> list[LabelGiven]:
    """Return one label a target, as the wish says."""
    return [one.label for one in counted(found, conflicts_of(wish), wish.cut).judged]


def _told(
    chosen: Sequence[LabelGiven], clashes: Sequence[Sequence[LabelGiven]], unreadable: int, wish: Wish
) -> Iterator[str]:
    yield f"{len(chosen)} labels"
    if unreadable:
        yield f"left out: {unreadable} records that are no labels"
    if clashes:
        names = [f"{own[0].parent_id}: " + ", ".join(f"{one.who} {one.value:g}" for one in own) for own in clashes]
        done = {"keep": "all are kept", "majority": "most people win, draws are left out", "drop": "left out"}
        yield f"targets on which people disagree: {len(clashes)} ({done[wish.conflicts]}){_named(names)}"


def show_tallies(cut: float, *, as_json: bool) -> None:
    """Print how many labels there are, by source and kind.

    Raises:
        BrokerError: Kafka cannot be used.
    """
    settings = Settings.load()
    with topics(settings) as properties:
        log = log_of(properties, settings)
        found = tallies(log.read(), cut)
    if as_json:
        typer.echo(json.dumps({"tallies": [one.as_dict() for one in found], "unreadable": log.unreadable}))
        return
    if not found:
        typer.echo("no labels yet: sluice labels import FILE")
    else:
        _table(found)
    if log.unreadable:
        show_notes([f"left out: {log.unreadable} records that are no labels"])


def _table(found: Sequence[Tally]) -> None:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("source", "kind"):
        table.add_column(name, overflow="fold")
    numbers = ("labels", "people", "parents", "items", "bad", "disagreed", "cannot judge", "probability known")
    for name in numbers:
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("guidelines", overflow="fold")
    table.add_column("last", no_wrap=True)
    for one in found:
        counts = (one.labels, one.people, one.parents, one.items, one.bad, one.conflicts, one.not_judged)
        table.add_row(
            plain(one.source or "-"),
            plain(one.kind or "-"),
            *(str(count) for count in (*counts, one.with_probability)),
            plain(", ".join(one.guidelines) or "-"),
            f"{datetime.fromtimestamp(one.last_at / 1000, UTC):%Y-%m-%d %H:%M}Z",
        )
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = max(console.width, _WIDE)
    console.print(table)
