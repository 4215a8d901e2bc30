"""From observations to what a test says. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from deploy.experiments.observing import Asked, Observations, Observed
from deploy.experiments.outcomes import OUTCOMES
from deploy.experiments.result import Result, Side
from workers.experiments import (
    Needed,
    difference_bounds,
    fisher_test,
    mean_evidence,
    paired_evidence,
    pairs_needed,
    parents_needed,
    rate_bounds,
    sign_test,
    standing,
    two_arm_evidence,
)
from workers.experiments.bounds import Bounds

_UNKNOWN: Final = (
    "the labels have no probability: they are taken as drawn alike, whatever was decided. Labels that an audit or a"
    " review asked for were not"
)
_UNLIKE: Final = 0.001  # p-value of arms that were labelled alike
_USUAL_RATE: Final = 0.1  # of the outcome, while there is nothing to tell


@dataclass(frozen=True, slots=True)
class Terms:
    """How a test is made.

    Attributes:
        alpha: the share of experiments without a difference that may ever say `differs`.
        power: the share of those with the least difference that are to say it by the planned size.
        least_difference: of the rates, that is of interest.
        planned: parents; None: as many as the power takes.
    """

    alpha: float = 0.05
    power: float = 0.8
    least_difference: float = 0.05
    planned: int | None = None


@dataclass(frozen=True, slots=True)
class _Tested:
    """What one of the tests gives.

    Attributes:
        test: in words.
        log_evidence: after each parent.
        bounds: of the difference.
        one_look: name and p-value of the test for one look.
        needed: parents that the power takes.
    """

    test: str
    log_evidence: NDArray[np.float64]
    bounds: Bounds | None = None
    one_look: tuple[str, float] | None = None
    needed: Needed | None = None


def judge_paired(name: str, seen: Observations, asked: Asked, terms: Terms) -> Result:
    """Test whether both sides have an outcome equally often, of parents that both have judged."""
    parents, notices = _usable(seen)
    sides = (
        _side("control", [(bool(one.control), one.probability) for one in parents], terms.alpha),
        _side("candidate", [(bool(one.candidate), one.probability) for one in parents], terms.alpha),
    )
    differences = np.array([int(bool(one.candidate)) - int(bool(one.control)) for one in parents], dtype=np.int8)
    discordant = int((differences > 0).sum()), int((differences < 0).sum())
    weights = _weights(parents)
    if weights is None:
        tested = _paired(differences, discordant, terms)
    else:
        most = float(weights.max())
        log_evidence = mean_evidence(weights * differences, -most, most)
        tested = _Tested("bets on the weighted difference of the parents that differ", log_evidence)
    return _result(
        "paired",
        name,
        asked,
        terms,
        sides=sides,
        tested=tested,
        seen=seen,
        notices=notices,
        discordant=discordant,
    )


def _paired(differences: NDArray[np.int8], discordant: tuple[int, int], terms: Terms) -> _Tested:
    whole, error = len(differences), terms.alpha / 2
    plus, minus = (rate_bounds(count, whole, error) for count in discordant)
    differ = max(sum(discordant) / whole if whole else 0.0, 1.5 * terms.least_difference)
    parts = (differ - terms.least_difference) / 2, (differ + terms.least_difference) / 2
    return _Tested(
        "bets on the parents that differ: a beta mixture",
        paired_evidence(differences),
        difference_bounds(plus, minus),
        ("the exact McNemar test", sign_test(*discordant)),
        None if terms.planned else pairs_needed(*parts, alpha=terms.alpha, power=terms.power),
    )


def judge_arms(name: str, seen: Observations, asked: Asked, terms: Terms) -> Result:
    """Test whether two arms have an outcome equally often."""
    parents, notices = _usable(seen)
    sides = (
        _side("control", [(one.control, one.probability) for one in parents if one.control is not None], terms.alpha),
        _side(
            "candidate",
            [(one.candidate, one.probability) for one in parents if one.candidate is not None],
            terms.alpha,
        ),
    )
    in_candidate = np.array([one.candidate is not None for one in parents], dtype=np.bool_)
    has = np.array([bool(one.control or one.candidate) for one in parents], dtype=np.bool_)
    shares = np.array([one.share for one in parents], dtype=np.float64)
    weights = _weights(parents)
    if weights is None:
        tested = _arms(in_candidate, has, shares, sides, terms)
        notices += _unlike_labels(seen, sides) if asked.labelled else []
    else:
        each = weights * has * np.where(in_candidate, 1 / shares, -1 / (1 - shares))
        most = float(weights.max())
        log_evidence = mean_evidence(each, -most / (1 - float(shares.max())), most / float(shares.min()))
        tested = _Tested("bets on the weighted difference of the arms", log_evidence)
    return _result("two_arms", name, asked, terms, sides=sides, tested=tested, seen=seen, notices=notices)


def _arms(
    in_candidate: NDArray[np.bool_],
    has: NDArray[np.bool_],
    shares: NDArray[np.float64],
    sides: tuple[Side, Side],
    terms: Terms,
) -> _Tested:
    control, candidate = sides
    of_control, of_candidate = (rate_bounds(one.found, one.parents, terms.alpha / 2) for one in sides)
    rate = _USUAL_RATE if control.rate is None else control.rate
    other = rate - terms.least_difference if rate > terms.least_difference else rate + terms.least_difference
    share = float(shares.mean()) if len(shares) else 0.5
    needed = None if terms.planned else parents_needed(rate, other, share, alpha=terms.alpha, power=terms.power)
    return _Tested(
        "bets on the arm of a parent, given its outcome",
        two_arm_evidence(in_candidate, has, shares),
        difference_bounds(of_candidate, of_control),
        ("Fisher's exact test", fisher_test((control.found, control.parents), (candidate.found, candidate.parents))),
        needed,
    )


def _result(
    design: Literal["paired", "two_arms"],
    name: str,
    asked: Asked,
    terms: Terms,
    *,
    sides: tuple[Side, Side],
    tested: _Tested,
    seen: Observations,
    notices: Sequence[str],
    discordant: tuple[int, int] | None = None,
) -> Result:
    needed = tested.needed
    planned = terms.planned or (None if needed is None else needed.sequential or needed.searched)
    control, candidate = (one.rate for one in sides)
    return Result(
        name=name,
        design=design,
        outcome=asked.outcome,
        outcome_means=OUTCOMES[asked.outcome],
        alpha=terms.alpha,
        sides=sides,
        difference=None if control is None or candidate is None else candidate - control,
        difference_bounds=tested.bounds,
        test=tested.test,
        standing=standing(tested.log_evidence, terms.alpha, planned),
        one_look=tested.one_look,
        planned=planned,
        least_difference=terms.least_difference,
        power=terms.power,
        needed=needed,
        discordant=discordant,
        apart=dict(seen.apart),
        notices=tuple(notices),
    )


def _usable(seen: Observations) -> tuple[list[Observed], list[str]]:
    """Return the parents that a test may use, with what a reader has to know about their labels."""
    known = {one.probability for one in seen.parents}
    if known <= {None} or None not in known:
        labelled = any(reason.startswith("without_label") for reason in seen.apart)
        return seen.parents, [_UNKNOWN] if known == {None} and labelled else []
    usable = [one for one in seen.parents if one.probability is not None]
    seen.apart["unknown_probability"] += len(seen.parents) - len(usable)
    return usable, []


def _weights(parents: Sequence[Observed]) -> NDArray[np.float64] | None:
    """Return one over the probability of each label, where these differ; None where all count alike."""
    known = {one.probability for one in parents}
    if len(known) <= 1:
        return None
    return np.array([1 / (one.probability or 1.0) for one in parents], dtype=np.float64)


def _side(name: str, outcomes: Sequence[tuple[bool, float | None]], alpha: float) -> Side:
    """Return what one side came to: each outcome with the probability of its label."""
    whole, found = len(outcomes), sum(has for has, _ in outcomes)
    if len({probability for _, probability in outcomes}) <= 1:
        return Side(name, whole, found, found / whole if whole else None, rate_bounds(found, whole, alpha / 2))
    weights = [1 / (probability or 1.0) for _, probability in outcomes]
    weighted = sum(weight for weight, (has, _) in zip(weights, outcomes, strict=True) if has)
    return Side(name, whole, found, weighted / sum(weights), None)


def _unlike_labels(seen: Observations, sides: tuple[Side, Side]) -> list[str]:
    """Warn where one arm has been labelled more often than the other: then the odds of a parent's arm are others."""
    counts = [(one.parents, one.parents + seen.apart[f"without_label_{one.name}"]) for one in sides]
    if not all(whole for _, whole in counts) or fisher_test(*counts) >= _UNLIKE:
        return []
    shares = " and ".join(
        f"{labelled / whole:.1%} of {one.name}" for (labelled, whole), one in zip(counts, sides, strict=True)
    )
    advice = "give each label the probability with which its parent was drawn"
    return [f"the arms were not labelled alike ({shares}), so that this test does not hold: {advice}"]
