"""How a calibration looks on a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import typer
from confluent_kafka import KafkaException
from rich.table import Table

from deploy.calibrate.errors import NO_GUARANTEE
from deploy.calibrate.live import Live
from deploy.calibrate.result import Calibration, Part
from deploy.calibrate.run import Outcome, Request, calibrate
from deploy.calibrate.writing import check_folder, write
from deploy.cli.plain import plain, printable
from deploy.cli.policyrules import print_parts
from deploy.cli.progress import bars, show_notes
from deploy.errors import BrokerError, ConfigurationError
from deploy.policy.compare import scope_name
from deploy.settings import Settings
from workers.guarantee import least_labels

_DIGITS = 12


def check_levels(alpha: float, delta: float, probability: float | None) -> None:
    """Check what was asked for before anything is read.

    Raises:
        ConfigurationError: a level is not within (0,1), or a probability not within (0,1].
    """
    for name, level in (("alpha", alpha), ("delta", delta)):
        if not 0.0 < level < 1.0:
            raise ConfigurationError(f"--{name} {level:g} is not above 0 and below 1")
    if probability is not None and not 0.0 < probability <= 1.0:
        raise ConfigurationError(f"--probability {probability:g} is not above 0 and at most 1")


def show(request: Request, out: Path | None, *, force: bool, as_json: bool) -> None:
    """Calibrate, print what was found, and write it where a folder is named.

    Raises:
        SluiceError: see `calibrate`.
        typer.Exit: no threshold is valid.
    """
    if out is not None:
        check_folder(out, force=force)
    ask = request.ask
    least = least_labels(ask.alpha, ask.delta)
    told = f"at least {least} labels of accepted parents, none of them bad, are needed for alpha {ask.alpha:g}"
    typer.echo(f"{told} and delta {ask.delta:g}; with one bad, {least_labels(ask.alpha, ask.delta, 1)}", err=as_json)
    with Live(Settings.load()) as live:
        try:
            outcome = calibrate(request, live, bar)
        except KafkaException as error:
            raise BrokerError(f"Kafka did not let the topics be read: {error.args[0]}") from error
    written = [] if out is None else write(outcome, out)
    if as_json:
        typer.echo(outcome.calibration.model_dump_json(indent=2))
    else:
        show_outcome(outcome)
    for path in written:
        typer.echo(f"written: {path}", err=as_json)
    if outcome.calibration.threshold is None:
        raise typer.Exit(NO_GUARANTEE)


@contextmanager
def bar(text: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show a bar, and give what advances it."""
    with bars() as progress:
        task = progress.add_task(text, total=total)
        yield lambda steps: progress.advance(task, steps)


def show_outcome(outcome: Outcome) -> None:
    """Print what was found for each part, and on stderr what was left out."""
    record = outcome.calibration
    for one in outcome.parts:
        _show_part(one.part)
    if len(record.parts) > 1:
        print_parts(plain(record.claim))
    show_notes(_notes(record))


def _show_part(part: Part) -> None:
    print_parts()
    print_parts(plain("; ".join(scope_name(scope) for scope in part.scopes), "bold"))
    print_parts(plain(part.claim, "" if part.threshold is not None else "yellow"))
    table = _table("found by", "threshold", "accepted", "bad among them", "review", "reject")
    edge = "none" if part.threshold is None else f"{part.threshold:.4f}"
    bound = "-" if part.threshold is None else f"at most {part.upper_bound:.1%}"
    table.add_row("labels, with a guarantee", edge, f"{part.accepted:.1%}", bound, "-", "-", style="bold")
    for one in part.alternatives:
        risk = "-" if one.risk is None else f"{one.risk:.1%}"
        edge = "none" if one.threshold is None else f"{one.threshold:.4f}"
        table.add_row(one.name, edge, f"{one.accepted:.1%}", risk, f"{one.reviewed:.1%}", f"{one.rejected:.1%}")
    print_parts(table)
    sources = _table("source", "kind", "labels", "bad", "accepted", "bad among them", "95%")
    for own in part.sources:
        interval = "-" if own.low is None or own.high is None else f"{own.low:.1%} to {own.high:.1%}"
        counts = (own.labels, own.bad, own.accepted_labels, own.accepted_bad)
        sources.add_row(plain(own.source), plain(own.kind), *map(str, counts), interval)
    print_parts()
    print_parts(sources)
    _show_validity(part)


def _show_validity(part: Part) -> None:
    valid = part.valid_for
    scorers = ", ".join(one[:_DIGITS] for one in valid.scorers)
    told = [
        f"valid for sources {', '.join(valid.sources)}; kinds {', '.join(valid.kinds)}; scorers {scorers}",
        f"windows, method and rules of {valid.policy.name}@{valid.policy.version} ({valid.policy.digest[:_DIGITS]})",
        f"windows closed by {', '.join(valid.causes)}",
        "groups without a label, too" if valid.unseen_groups else "groups like those that were judged",
    ]
    print_parts(plain("; ".join(told), "dim"))


def _notes(record: Calibration) -> Iterator[str]:
    yield from record.notes
    for part in record.parts:
        yield from part.notes
    for one in record.left_out:
        names = ", ".join(printable(parent) for parent in one.parents)
        yield f"left out: {one.count} labels {one.words}: {names}{', ...' * (one.count > len(one.parents))}"


def _table(*names: str) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in names:
        text = name in {"found by", "source", "kind"}
        table.add_column(name, justify="left" if text else "right", overflow="fold")
    return table
