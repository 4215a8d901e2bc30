"""`sluice slices`: how often decisions are wrong, slice by slice, beside labels."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from workers.slices.auditing import Bound


class Errors(StrEnum):
    """Rates that can order slices."""

    FALSE_ACCEPT = "false_accept_rate"
    FALSE_REJECT = "false_reject_rate"
    HELD_BACK = "held_back_rate"
    BAD_AMONG_ACCEPTED = "bad_among_accepted"
    WRONG = "wrong_rate"


class Disagreement(StrEnum):
    """What becomes of parents on which people disagree."""

    MAJORITY = "majority"
    DROP = "drop"


def slices(
    by: Annotated[
        list[str] | None,
        typer.Option(
            help="What makes slices: source, kind, action, label, cause, policy, scorer, group, or a metric; may be"
            " repeated."
        ),
    ] = None,
    replay: Annotated[
        Path | None, typer.Option(help="Folder of a replay. Without one, what was decided live.", file_okay=False)
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            help="CSV, JSONL or Parquet with parent and label. Without one, the topic labels.", dir_okay=False
        ),
    ] = None,
    where: Annotated[str | None, typer.Option(help="Which parents: score > 0.7 and sharpness < 3.")] = None,
    errors: Annotated[Errors, typer.Option(help="The rate that puts slices in order.")] = Errors.FALSE_ACCEPT,
    metrics: Annotated[
        bool, typer.Option("--metrics", help="Look at each metric beside these errors: do they go together?")
    ] = False,
    bins: Annotated[int, typer.Option(min=2, max=50, help="How many slices a metric makes.")] = 5,
    max_false_accept: Annotated[
        list[str] | None, typer.Option(help="Bound of false accepts: 0.05 for all, or SLICE=0.1; may be repeated.")
    ] = None,
    max_false_reject: Annotated[list[str] | None, typer.Option(help="The same of false rejects.")] = None,
    max_bad_among_accepted: Annotated[
        list[str] | None, typer.Option(help="The same of bad parents among the accepted.")
    ] = None,
    since: Annotated[
        str | None, typer.Option("--from", help="Closed at this time or later: 2026-05-31, or 2d.")
    ] = None,
    until: Annotated[str | None, typer.Option("--to", help="Closed before this time.")] = None,
    disagreement: Annotated[
        Disagreement, typer.Option(help="Of parents on which people disagree: what most say, or nothing.")
    ] = Disagreement.MAJORITY,
    equally_drawn: Annotated[
        bool, typer.Option("--equally-drawn", help="Take all labels as drawn alike, whatever they say.")
    ] = False,
    level: Annotated[float, typer.Option(min=0.5, max=0.999, help="What each interval is to cover.")] = 0.95,
    alpha: Annotated[
        float, typer.Option(min=0.0001, max=0.5, help="Probability of any false alarm, and of finding chance.")
    ] = 0.05,
    seed: Annotated[int, typer.Option(min=0, help="Of resamples and permutations.")] = 0,
    html: Annotated[Path | None, typer.Option(help="Write a page with figures.", dir_okay=False)] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a page that is there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Compare decisions with labels, slice by slice: false accepts and rejects with intervals, worst slices first.

    A parent is bad where its label is below its rule's bad_below (0.5). False accepts: of the bad parents, how many
    were accepted; false rejects: of the good ones, how many were rejected. Intervals are Clopper-Pearson's; where
    labels were drawn unequally (probability), for as many as the weights are worth; where they name groups, or a parent
    has several windows, bootstraps of whole groups.

    A metric of a parent is the mean over its scored items; min_NAME and max_NAME are the lowest and the highest value.
    --by METRIC cuts the parents of each kind into so many equal parts, and tells whether errors rise or fall with it.

    Exit code 24: a slice is surely above a bound, at a confidence of 1 - alpha for all slices of a table together.

    Example: sluice slices --by source --by noise_sigma --replay out/night --labels labels.csv --max-false-accept 0.05
    """
    from datetime import UTC, datetime

    from deploy.cli.slicetable import Wanted, run
    from deploy.items import export as files
    from deploy.items.expression import parse
    from deploy.items.times import moment
    from deploy.slices.audits import Question
    from deploy.slices.gathering import Asked

    if html is not None:
        files.check(html, force=force, endings=(".html", ".htm"))
    now = datetime.now(UTC)
    question = Question(
        by=tuple(dict.fromkeys(by or ("source",))),
        where=None if where is None else parse(where),
        errors=errors.value,
        bounds=_bounds(
            false_accept_rate=max_false_accept,
            false_reject_rate=max_false_reject,
            bad_among_accepted=max_bad_among_accepted,
        ),
        hypotheses=metrics,
        bins=bins,
        level=level,
        alpha=alpha,
        seed=seed,
    )
    asked = Asked(
        replay=replay,
        labels=labels,
        equally=equally_drawn,
        conflicts=disagreement.value,
        since=None if since is None else moment(since, "--from", now),
        until=None if until is None else moment(until, "--to", now),
    )
    run(question, asked, Wanted(html, force=force, as_json=as_json))


def _bounds(**given: list[str] | None) -> tuple[Bound, ...]:
    from workers.slices.auditing import Bound

    found = []
    for rate, texts in given.items():
        most, slices = 1.0, {}
        for text in texts or ():
            name, _, number = text.rpartition("=")
            if name:
                slices[name] = _share(number, rate, text)
            else:
                most = _share(number, rate, text)
        if texts:
            found.append(Bound(rate, most, slices))
    return tuple(found)


def _share(number: str, rate: str, text: str) -> float:
    from deploy.errors import ConfigurationError

    try:
        found = float(number)
    except ValueError:
        found = -1.0
    if not 0.0 <= found <= 1.0:
        option = f"--max-{rate.removesuffix('_rate').replace('_', '-')}"
        raise ConfigurationError(f"{option} {text!r} is no bound: write a share such as 0.05, or SLICE=0.05")
    return found
