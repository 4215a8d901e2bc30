"""How `sluice risk` looks on a terminal."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import typer
from confluent_kafka import KafkaException

from deploy.calibrate.audited import Audits, Wanted
from deploy.calibrate.errors import NO_GUARANTEE
from deploy.calibrate.live import Live
from deploy.calibrate.risk import Realised, read_calibration, realised
from deploy.cli.calibrating import bar, check_levels
from deploy.cli.plain import plain
from deploy.cli.policyrules import print_parts
from deploy.cli.progress import show_notes
from deploy.errors import BrokerError, ConfigurationError
from deploy.items.times import moment
from deploy.labels.files import read_file
from deploy.labels.rows import Defaults
from deploy.settings import Settings

_ALPHA, _DELTA = 0.1, 0.05


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be watched, as it was written on the command line."""

    calibration: Path | None
    alpha: float | None
    delta: float | None
    labels: Path | None
    sources: tuple[str, ...]
    kinds: tuple[str, ...]
    since: str | None
    excess: float | None
    least_probability: float | None = None


def show(wish: Wish, *, write: bool, as_json: bool) -> None:
    """Judge the realised risk and print it.

    Raises:
        ConfigurationError: an option or a file is wrong.
        BrokerError: Kafka cannot be used.
        typer.Exit: it alarms.
    """
    alpha, delta, wanted = _wanted(wish)
    check_levels(alpha, delta, None, wish.least_probability)
    wanted = replace(wanted, least_probability=wish.least_probability)
    excess = min(alpha, 1.0 - alpha) if wish.excess is None else wish.excess
    if not 0.0 < excess <= 1.0 - alpha:
        raise ConfigurationError(f"--excess {excess:g} is not above 0 and at most {1 - alpha:g}")
    labels = None
    if wish.labels is not None:
        labels = read_file(wish.labels, Defaults(time.time_ns() // 1_000_000, who=wish.labels.name)).labels
    with Live(Settings.load()) as live:
        try:
            found = realised(labels, wanted, (alpha, delta), live, bar, excess=excess, write=write)
        except KafkaException as error:
            raise BrokerError(f"Kafka did not let the topics be read: {error.args[0]}") from error
    if as_json:
        typer.echo(json.dumps(found.as_dict()))
    else:
        _print(found)
    if found.alarm is not None:
        raise typer.Exit(NO_GUARANTEE)


def _wanted(wish: Wish) -> tuple[float, float, Wanted]:
    since = 0 if wish.since is None else moment(wish.since, "--since", datetime.now(UTC))
    sources, kinds = frozenset(wish.sources), frozenset(wish.kinds)
    if wish.calibration is None:
        alpha = _ALPHA if wish.alpha is None else wish.alpha
        delta = _DELTA if wish.delta is None else wish.delta
        return alpha, delta, Wanted(sources=sources, kinds=kinds, since=since)
    if wish.alpha is not None or wish.delta is not None:
        raise ConfigurationError("--calibration has alpha and delta: leave out --alpha and --delta")
    record, rules = read_calibration(wish.calibration)
    return record.alpha, record.delta, Wanted(record, rules, sources, kinds, since)


def _print(found: Realised) -> None:
    monitor = found.monitor
    share = "unknown" if monitor.risk is None else f"{monitor.risk:.1%}"
    typer.echo(f"{monitor.audits} audited parents among the accepted, {monitor.bad} of them bad: about {share}")
    typer.echo(f"guaranteed: at most {found.alpha:.1%}, with confidence {1 - found.delta:.1%}")
    if found.alarm is not None:
        told = "told on the topic of alarms" if found.told else "told before, or not to be told"
        print_parts(plain(f"ALARM: the guarantee is refuted, since audit {monitor.alarmed_at}; {told}", "bold red"))
    else:
        reached = f"evidence against it {monitor.evidence:.3g}, alarm from {1 / found.delta:.3g}"
        typer.echo(f"not refuted; {reached}")
        if found.within is not None:
            rate = found.alpha + found.excess
            typer.echo(f"if it became {rate:.1%}, this would alarm within {found.within} audits in 95 of 100 cases")
        else:
            show_notes([f"an excess of {found.excess:g} is so small that no number of audits promises an alarm"])
    show_notes(_notes(found.audits))


def _notes(audits: Audits) -> Iterator[str]:
    for count, told in (
        (len(audits.waiting), "accepted parents were drawn for an audit and have no label yet"),
        (len(audits.not_judged), "could not be judged, or people disagree"),
        (len(audits.further), "were further windows of a parent that counts already: the first one counts"),
        (len(audits.not_covered), "are older than the guarantee, or of other heads, sources or edges"),
        (
            len(audits.not_drawn),
            "labelled accepts were not drawn by an audit, and may be chosen for a reason: not used",
        ),
    ):
        if count:
            yield f"{count} {told}"
