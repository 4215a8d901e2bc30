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
from deploy.calibrate.parts import Ask
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
from workers.guarantee.splitting import delta_of_run

_DIGITS = 12


def check_levels(alpha: float, delta: float, probability: float | None, least: float | None = None) -> None:
    """Check what was asked for before anything is read.

    Raises:
        ConfigurationError: a level is not within (0,1), or a probability not within (0,1].
    """
    for name, level in (("alpha", alpha), ("delta", delta)):
        if not 0.0 < level < 1.0:
            raise ConfigurationError(f"--{name} {level:g} is not above 0 and below 1")
    for name, share in (("probability", probability), ("least-probability", least)):
        if share is not None and not 0.0 < share <= 1.0:
            raise ConfigurationError(f"--{name} {share:g} is not above 0 and at most 1")


def show(request: Request, out: Path | None, *, force: bool, as_json: bool) -> None:
    """Calibrate, print what was found, and write it where a folder is named.

    Raises:
        SluiceError: see `calibrate`.
        typer.Exit: no threshold is valid.
    """
    if out is not None:
        check_folder(out, force=force)
    ask = request.ask
    typer.echo(_least(ask), err=as_json)
    with Live(Settings.load()) as live:
        try:
            outcome = calibrate(request, live, bar)
        except KafkaException as error:
            raise BrokerError(f"Kafka did not let the topics be read: {error.args[0]}") from error
    if len(outcome.parts) > 1:
        typer.echo(_least(ask, len(outcome.parts)), err=as_json)
    written = [] if out is None else write(outcome, out)
    if as_json:
        typer.echo(outcome.calibration.model_dump_json(indent=2))
    else:
        show_outcome(outcome)
    for path in written:
        typer.echo(f"written: {path}", err=as_json)
    if outcome.calibration.threshold is None:
        raise typer.Exit(NO_GUARANTEE)


def _least(ask: Ask, parts: int = 1) -> str:
    """Return how many labels a threshold needs, with what a run and a part have of delta."""
    delta = (delta_of_run(ask.delta, ask.run) if ask.run else ask.delta) / parts
    each = f"in each of {parts} parts, which share delta, " if parts > 1 else ""
    run = f" (run {ask.run} of delta {ask.delta:g})" if ask.run else ""
    least, with_one = (least_labels(ask.alpha, delta, bad) for bad in (0, 1))
    told = f"at least {least} labels of accepted parents, none of them bad, are needed"
    return f"{told} {each}for alpha {ask.alpha:g} and delta {delta:.3g}{run}; with one bad, {with_one}"


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
    _show_drawn(part)
    _show_validity(part)


def _show_drawn(part: Part) -> None:
    """Print how much of each action was judged."""
    table = _table("decided", "decisions", "labelled", "stand for")
    for one in part.drawn:
        table.add_row(plain(one.action), str(one.decisions), str(one.labels), f"{one.stands_for:.0f}")
    print_parts()
    print_parts(table)


def _show_validity(part: Part) -> None:
    valid = part.valid_for
    scorers = ", ".join(one[:_DIGITS] for one in valid.scorers)
    told = [
        f"valid for sources {', '.join(valid.sources)}; kinds {', '.join(valid.kinds)}; scorers {scorers}",
        f"windows, method and rules of {valid.policy.name}@{valid.policy.version} ({valid.policy.digest[:_DIGITS]})",
        f"windows closed by {', '.join(valid.causes)}",
        *(f"not for {kind} of {source}, without a label" for kind, source in valid.unjudged),
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
        text = name in {"found by", "source", "kind", "decided"}
        table.add_column(name, justify="left" if text else "right", overflow="fold")
    return table
