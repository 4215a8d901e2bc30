"""`sluice calibrate`: a threshold with a guarantee, from labels."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from deploy.calibrate.figures import Options


class Per(StrEnum):
    """What gets a threshold of its own."""

    RULE = "rule"
    KIND = "kind"
    SOURCE = "source"
    BOTH = "both"


class Conflicts(StrEnum):
    """What becomes of labels of people who disagree."""

    MAJORITY = "majority"
    DROP = "drop"


def calibrate(
    alpha: Annotated[float, typer.Option(help="At most this share of the accepted parents may be bad,")] = 0.1,
    delta: Annotated[float, typer.Option(help="with confidence 1 - delta.")] = 0.05,
    labels: Annotated[
        Path | None, typer.Option(help="CSV, JSONL or Parquet; without it, the topic `labels`.", dir_okay=False)
    ] = None,
    replay: Annotated[
        Path | None, typer.Option(help="Judge the decisions of this replay; without it, the live ones.")
    ] = None,
    policy: Annotated[
        str | None, typer.Option(help="A file or NAME@VERSION; without it, that of the decisions.")
    ] = None,
    source: Annotated[list[str] | None, typer.Option(help="Only this source; may be repeated.")] = None,
    kind: Annotated[list[str] | None, typer.Option(help="Only this kind; may be repeated.")] = None,
    per: Annotated[
        Per, typer.Option(help="A threshold for each of the policy's rules, or each kind, source, or both in them.")
    ] = Per.RULE,
    probability: Annotated[
        float | None, typer.Option(help="With which parents were drawn for judging, for labels that do not say it.")
    ] = None,
    least_probability: Annotated[
        float | None,
        typer.Option(
            help="The smallest with which any parent could be drawn for judging; without it, that of the labels."
        ),
    ] = None,
    one_per_group: Annotated[
        bool, typer.Option("--one-per-group", help="One random parent of each group: a claim about unseen groups.")
    ] = False,
    run: Annotated[
        int, typer.Option(min=0, help="The how-manieth calibration this is: delta is divided. 0: the only one ever.")
    ] = 0,
    conflicts: Annotated[Conflicts, typer.Option(help="Where people disagree.")] = Conflicts.MAJORITY,
    heads: Annotated[
        list[Path] | None,
        typer.Option(
            help="Folder of the heads that made the scores; may be repeated. Without: the bundled ones."
            " SLUICE_HEAD_STORE is looked into, too."
        ),
    ] = None,
    accept_share: Annotated[
        float | None, typer.Option(min=0.0, max=1.0, help="Percentile, beside: accept this share.")
    ] = None,
    costs: Annotated[
        str, typer.Option(help="Expected cost, beside: of a false accept, a false reject and a review.")
    ] = "10,2,1",
    capacity: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Review capacity, beside: the share that people can look at.")
    ] = 0.2,
    seed: Annotated[
        int, typer.Option(min=0, help="Decides which window of a parent, and which parent of a group, counts.")
    ] = 0,
    out: Annotated[
        Path | None, typer.Option(help="Folder for calibration.json, policy.yaml and report.html.", file_okay=False)
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace files that are there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print calibration.json.")] = False,
) -> None:
    """Find the threshold that accepts most while at most alpha of the accepted are bad, with confidence 1 - delta.

    A parent is bad when its label is below the policy's `bad_below`; flagged accepts count as accepted. The claim is
    valid for parents that come as the labelled ones came: same sources, heads, policy, closing causes. Labels must say
    with which probability their parents were drawn; those of parents that a head was trained on are left out. When no
    threshold is valid, everything goes to review.

    Exit code 23: there is no label to go by, or no threshold is valid.

    Example: sluice calibrate --alpha 0.1 --labels labels.csv --probability 1 --out calibrated
    """
    import time

    from deploy.calibrate.parts import Ask
    from deploy.calibrate.run import Request
    from deploy.cli.calibrating import check_levels, show
    from deploy.cli.train import HEADS

    check_levels(alpha, delta, probability, least_probability)
    ask = Ask(
        alpha=alpha,
        delta=delta,
        per=per.value,
        run=run,
        one_per_group=one_per_group,
        seed=seed,
        sources=frozenset(source or ()),
        kinds=frozenset(kind or ()),
        least_probability=least_probability,
        options=_options(accept_share, costs, capacity),
    )
    now = time.time_ns() // 1_000_000
    folders = tuple(heads or [HEADS])
    request = Request(ask, labels, replay, policy, folders, conflicts.value, probability, now)
    show(request, out, force=force, as_json=as_json)


def _options(share: float | None, costs: str, capacity: float) -> Options:
    from deploy.calibrate.figures import Options
    from deploy.errors import ConfigurationError

    try:
        false_accept, false_reject, review = (float(part) for part in costs.split(","))
    except ValueError:
        false_accept = false_reject = review = -1.0
    if not min(false_accept, false_reject, review) >= 0.0:  # true of NaN as well
        raise ConfigurationError(f"--costs {costs!r} is not three numbers from 0 on, such as 10,2,1")
    return Options(share, false_accept, false_reject, review, capacity)
