"""What stands beside a guaranteed threshold: figures of each source, and thresholds found in other ways. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from deploy.calibrate.acceptance import accept_edge
from deploy.calibrate.joining import Row
from deploy.calibrate.result import OfSource, Option
from schemas.policy import Action, Label, Rule
from workers.guarantee import GuaranteeError, Sample
from workers.guarantee.alternatives import Alternative, Costs, by_capacity, by_cost, by_percentile
from workers.guarantee.bounds import binomial_upper

_INTERVAL: Final = 0.025  # of each side


@dataclass(frozen=True, slots=True)
class Options:
    """What the alternatives go by.

    Attributes:
        share: of the parents that the percentile accepts; None: as many as are accepted now.
        false_accept, false_reject, review: costs, in one unit.
        capacity: the share of all parents that people can look at.
    """

    share: float | None = None
    false_accept: float = 10.0
    false_reject: float = 2.0
    review: float = 1.0
    capacity: float = 0.2


def accepted_share(sample: Sample, threshold: float | None) -> float:
    """Return the estimated share of all parents that a threshold accepts."""
    if threshold is None:
        return 0.0
    return float(sample.weights[sample.scores >= threshold].sum() / sample.weights.sum())


def origins(rows: Sequence[Row]) -> set[tuple[str, str]]:
    """Return the sources and kinds of rows."""
    return {(row.decision.source, row.decision.kind) for row in rows}


def of_sources(rows: Sequence[Row], threshold: float | None) -> tuple[OfSource, ...]:
    """Return what the labels of each source and kind say at a threshold."""
    return tuple(_of_source(origin, rows, threshold) for origin in sorted(origins(rows)))


def _of_source(origin: tuple[str, str], rows: Sequence[Row], threshold: float | None) -> OfSource:
    source, kind = origin
    own = [row for row in rows if (row.decision.source, row.decision.kind) == origin]
    accepted = [row for row in own if threshold is not None and row.score >= threshold]
    bad = sum(row.bad for row in accepted)
    weights = sum(1.0 / row.probability for row in accepted)
    equal = len({row.probability for row in accepted}) == 1
    return OfSource(
        source=source,
        kind=kind,
        labels=len(own),
        bad=sum(row.bad for row in own),
        accepted_labels=len(accepted),
        accepted_bad=bad,
        risk=sum(1.0 / row.probability for row in accepted if row.bad) / weights if accepted else None,
        low=1.0 - float(binomial_upper(len(accepted) - bad, len(accepted), _INTERVAL)) if equal else None,
        high=float(binomial_upper(bad, len(accepted), _INTERVAL)) if equal else None,
    )


def alternatives(sample: Sample, rule: Rule, wanted: Options) -> tuple[Option, ...]:
    """Return the thresholds of other ways; one that cannot be had is left out."""
    edge = accept_edge(rule)
    share = wanted.share if wanted.share is not None else accepted_share(sample, edge)
    found: list[Alternative] = []
    costs = Costs(wanted.false_accept, wanted.false_reject, wanted.review)
    for make in (
        partial(by_percentile, sample, share),
        partial(by_cost, sample, costs),
        partial(by_capacity, sample, wanted.capacity, reject_below=reject_below(rule)),
    ):
        try:
            found.append(make())
        except GuaranteeError:
            continue
    return tuple(
        Option(
            name=one.name,
            threshold=one.threshold,
            accepted=min(1.0, one.accepted),
            reviewed=min(1.0, one.reviewed),
            rejected=min(1.0, one.rejected),
            risk=None if one.risk is None else min(1.0, one.risk),
            words=one.words,
        )
        for one in found
    )


def reject_below(rule: Rule) -> float:
    """Return where rejecting ends."""
    above = {Label.REJECTED: rule.thresholds.low, Label.LOW: rule.thresholds.medium, Label.MEDIUM: rule.thresholds.high}
    return max((edge for label, edge in above.items() if rule.actions[label] == Action.REJECT), default=0.0)
