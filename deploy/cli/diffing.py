"""How `sluice diff` reads both sides, and what it writes and prints."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import typer
from confluent_kafka import KafkaException

from deploy.cli.difftables import show
from deploy.cli.difftopics import UNSEEN, Pair, Topics, opened
from deploy.cli.progress import bars, show_notes
from deploy.diff import folder, labels, markdown, words
from deploy.diff.behind import Place, Shown
from deploy.diff.compare import Comparison, compare
from deploy.diff.errors import FlipsError
from deploy.diff.flips import Flip
from deploy.diff.judging import Judgement, edges, judge
from deploy.diff.labels import Read
from deploy.diff.live import LiveDecisions
from deploy.diff.looking import Advance, Looker, chosen
from deploy.diff.result import Diff, as_dict
from deploy.diff.said import Said
from deploy.diff.sides import LIVE, Origin, Side, check
from deploy.diff.spread import spread
from deploy.errors import BrokerError, ConfigurationError
from deploy.items import export as files
from deploy.replay.folder import Run
from deploy.settings import Settings
from streams.topics import TopicNames

if TYPE_CHECKING:
    from deploy.report.previews import Preview

_MARKDOWN: Final = (".md", ".markdown")
_PAGES: Final = (".html", ".htm")
_PREVIEW_CHARS: Final = 24_000_000  # of all thumbnails and excerpts together
_MOST_SHOWN: Final = 200  # flips with their items, of all kinds and sources
_MOST_APART: Final = 20
Runs = tuple[Run | None, Run | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is asked for: see the options of `sluice diff`."""

    names: tuple[str, str]
    labels: Path | None
    topic_labels: bool
    bad_below: float | None
    kind: str | None
    source: str | None
    flips: int
    html: Path | None
    markdown: Path | None
    items: bool
    medical: bool
    most_flips: float | None
    force: bool
    as_json: bool

    def wants(self, said: Said) -> bool:
        """Return whether a window is compared."""
        return self.kind in {None, said.kind} and self.source in {None, said.source}


def run(wish: Wish) -> None:
    """Compare both sides, and print and write what is asked for.

    Raises:
        ConfigurationError: an argument is wrong, or both sides cannot be compared.
        ReplayError: a folder is no finished replay.
        BrokerError, TopicsError: the topics are needed and cannot be read.
        WriteError: the disk refuses.
        FlipsError: a larger share of decisions differs than was allowed.
    """
    _check_files(wish)
    settings = Settings.load()
    given = labels.read_file(wish.labels, time.time_ns() // 1_000_000) if wish.labels is not None else None
    (before, run_before), (after, run_after) = (_open(name, settings) for name in wish.names)
    origins, runs = (before, after), (run_before, run_after)
    warnings = check(*origins)
    needed = wish.topic_labels or any(origin.live for origin in origins)
    with opened(settings, origins, needed=needed, wanted=wish.items and wish.html is not None) as found:
        try:
            diff = _compare(wish, settings, origins, runs, found, given, warnings)
        except KafkaException as error:
            raise BrokerError(f"Kafka did not let the topics be read: {error.args[0]}") from error
    _write(wish, diff)
    if wish.as_json:
        typer.echo(json.dumps(as_dict(diff), ensure_ascii=False))
    else:
        show(diff)
    show_notes(found.notes)
    for path in (wish.html, wish.markdown):
        if path is not None:
            typer.echo(f"written: {path}", err=wish.as_json)
    _judge_flips(wish, diff.comparison)


def _check_files(wish: Wish) -> None:
    if wish.html is not None:
        files.check(wish.html, force=wish.force, endings=_PAGES)
    if wish.markdown is not None:
        files.check(wish.markdown, force=wish.force, endings=_MARKDOWN)
    if wish.labels is not None and wish.topic_labels:
        raise ConfigurationError("--labels and --topic-labels are two places to take labels from: name one of them")


def _open(name: str, settings: Settings) -> tuple[Origin, Run | None]:
    if name == LIVE:
        return Origin(name=LIVE, prefix=settings.topic_prefix), None
    return folder.open_side(Path(name), name)


def _compare(
    wish: Wish,
    settings: Settings,
    origins: Pair,
    runs: Runs,
    found: Topics,
    given: Read | None,
    warnings: list[str],
) -> Diff:
    names = TopicNames(origins[0].prefix)
    if wish.topic_labels and found.properties is not None:
        given = labels.read_topic(found.properties, names.labels, settings.partitions)
    sides = _read_sides(wish, origins, runs, found, names)
    comparison = compare(sides[0].windows, sides[1].windows, set_apart=any(origin.live for origin in origins))
    judgement: Judgement | None = None
    if given is not None:
        settled = given.settled(edges(sides[1].windows, wish.bad_below))
        judgement = judge(sides[0].windows, sides[1].windows, settled, bad_below=wish.bad_below)
    shown, told = _look(_looker(wish, sides, runs, found), _shown(comparison, wish.flips), found)
    windows = (sides[0].windows.values(), sides[1].windows.values())
    return Diff(
        sides,
        comparison,
        [spread(kind, scores, windows) for kind, scores in comparison.scores.items()],
        judgement,
        shown,
        [*warnings, *words.warnings(comparison, sides), *told],
    )


def _looker(wish: Wish, sides: tuple[Side, Side], runs: Runs, found: Topics) -> Looker:
    properties = found.properties if wish.items else None
    if wish.html is None:
        return Looker(sides, runs, properties, bar=_bar)
    from deploy.items.previews import read_previews
    from deploy.report.choice import MEDICAL

    def previews(places: Sequence[Place], advance: Advance) -> Mapping[Place, Preview]:
        if properties is None:
            return {}
        topic = TopicNames(sides[0].origin.prefix).items
        return read_previews(properties, topic, places, advance, _PREVIEW_CHARS)

    return Looker(sides, runs, properties, previews, frozenset() if wish.medical else MEDICAL, _bar)


def _look(looker: Looker, flips: Sequence[Flip], found: Topics) -> tuple[list[Shown], list[str]]:
    try:
        return looker.look(flips)
    except KafkaException as error:
        if found.needed:
            raise
        found.notes.append(f"{UNSEEN}: {error.args[0]}")
        return replace(looker, properties=None, previews=None).look(flips)


def _shown(comparison: Comparison, each: int) -> list[Flip]:
    return [*chosen(comparison.flips, each, _MOST_SHOWN), *chosen(comparison.apart, each, _MOST_APART)]


def _read_sides(wish: Wish, origins: Pair, runs: Runs, found: Topics, names: TopicNames) -> tuple[Side, Side]:
    replay = origins[1] if origins[0].live else origins[0]

    def read(origin: Origin, own: Run | None) -> Side:
        if own is not None:
            with _bar(f"reading {origin.name}", folder.count(own)) as advance:
                return folder.read_side(origin, own, wish.wants, advance)
        if found.properties is None:
            raise BrokerError("live decisions need Kafka: set SLUICE_KAFKA")
        live = LiveDecisions(found.properties, names.decisions, replay)
        with _bar("reading live decisions", live.total) as advance:
            return live.read(wish.wants, advance)

    return read(origins[0], runs[0]), read(origins[1], runs[1])


def _write(wish: Wish, diff: Diff) -> None:
    if wish.html is not None:
        from deploy.diff import page

        with files.whole(wish.html, force=wish.force) as part:
            part.write_text(page.render(diff), encoding="utf-8")
    if wish.markdown is not None:
        with files.whole(wish.markdown, force=wish.force) as part:
            part.write_text(markdown.render(diff), encoding="utf-8")


def _judge_flips(wish: Wish, comparison: Comparison) -> None:
    total = comparison.total
    if wish.most_flips is None:
        return
    if not total.compared:
        raise FlipsError("no window is on both sides, so that nothing shows that decisions stay as they are")
    if total.share > wish.most_flips:
        raise FlipsError(
            f"{total.flips:,} of {total.compared:,} decisions differ ({total.share:.2%}), more than the "
            f"{wish.most_flips:.2%} that --fail-on-flips allows"
        )


@contextmanager
def _bar(text: str, total: int) -> Iterator[Advance]:
    with bars() as progress:
        task = progress.add_task(text, total=total)
        yield lambda steps: progress.advance(task, steps)
