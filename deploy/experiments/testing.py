"""From observations to what a test says. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from deploy.experiments.labelled import unlike_actions, unlike_arms, usable, weights_of
from deploy.experiments.observing import Asked, Observations
from deploy.experiments.outcomes import OUTCOMES
from deploy.experiments.result import Result, Side
from workers.experiments import (
    Needed,
    Standing,
    State,
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
        needed: parents that the power takes; None: not known, or no number of them would do.
        weighted: labels count by one over their probability.
    """

    test: str
    log_evidence: NDArray[np.float64]
    bounds: Bounds | None = None
    one_look: tuple[str, float] | None = None
    needed: Needed | None = None
    weighted: bool = False


def judge_paired(name: str, seen: Observations, asked: Asked, terms: Terms) -> Result:
    """Test whether both sides have an outcome equally often, of parents that both have judged."""
    parents, notices = usable(seen)
    sides = (
        _side("control", [(bool(one.control), one.probability) for one in parents], terms.alpha),
        _side("candidate", [(bool(one.candidate), one.probability) for one in parents], terms.alpha),
    )
    differences = np.array([int(bool(one.candidate)) - int(bool(one.control)) for one in parents], dtype=np.int8)
    discordant = int((differences > 0).sum()), int((differences < 0).sum())
    weights = weights_of(parents)
    unlike = unlike_actions(seen, parents, weighted=weights is not None) if asked.labelled else []
    if weights is None:
        tested = _paired(differences, discordant, terms)
    else:
        most = float(weights.max())
        log_evidence = mean_evidence(weights * differences, -most, most)
        words = "bets on the weighted difference of the parents that differ"
        tested = _Tested(words, log_evidence, weighted=True)
    return _result(
        "paired",
        name,
        asked,
        terms,
        sides=sides,
        tested=tested,
        seen=seen,
        notices=notices,
        unlike=unlike,
        discordant=discordant,
    )


def _paired(differences: NDArray[np.int8], discordant: tuple[int, int], terms: Terms) -> _Tested:
    whole, error = len(differences), terms.alpha / 2
    plus, minus = (rate_bounds(count, whole, error) for count in discordant)
    differ = sum(discordant) / whole if whole else 0.0
    return _Tested(
        "bets on the parents that differ: a beta mixture",
        paired_evidence(differences),
        difference_bounds(plus, minus),
        ("the exact McNemar test", sign_test(*discordant)),
        _pairs(differ, terms),
    )


def _pairs(differ: float, terms: Terms) -> Needed | None:
    """Return how many parents the power takes, where such a share of them differs; None where none would do."""
    least = terms.least_difference
    if terms.planned or not 0.0 < least <= 1.0:
        return None
    minus = (min(1.0, max(differ, 1.5 * least)) - least) / 2
    plus = min(1.0 - minus, minus + least)  # sums round
    return pairs_needed(plus, minus, alpha=terms.alpha, power=terms.power)


def judge_arms(name: str, seen: Observations, asked: Asked, terms: Terms) -> Result:
    """Test whether two arms have an outcome equally often."""
    parents, notices = usable(seen)
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
    weights = weights_of(parents)
    unlike = []
    if weights is None:
        tested = _arms(in_candidate, has, shares, sides, terms)
        unlike = unlike_arms(seen, sides) if asked.labelled else []
    else:
        each = weights * has * np.where(in_candidate, 1 / shares, -1 / (1 - shares))
        most = float(weights.max())
        log_evidence = mean_evidence(each, -most / (1 - float(shares.max())), most / float(shares.min()))
        tested = _Tested("bets on the weighted difference of the arms", log_evidence, weighted=True)
    return _result(
        "two_arms", name, asked, terms, sides=sides, tested=tested, seen=seen, notices=notices, unlike=unlike
    )


def _arms(
    in_candidate: NDArray[np.bool_],
    has: NDArray[np.bool_],
    shares: NDArray[np.float64],
    sides: tuple[Side, Side],
    terms: Terms,
) -> _Tested:
    control, candidate = sides
    of_control, of_candidate = (rate_bounds(one.found, one.parents, terms.alpha / 2) for one in sides)
    share = float(shares.mean()) if len(shares) else 0.5
    return _Tested(
        "bets on the arm of a parent, given its outcome",
        two_arm_evidence(in_candidate, has, shares),
        difference_bounds(of_candidate, of_control),
        ("Fisher's exact test", fisher_test((control.found, control.parents), (candidate.found, candidate.parents))),
        _parents(_USUAL_RATE if control.rate is None else control.rate, share, terms),
    )


def _parents(rate: float, share: float, terms: Terms) -> Needed | None:
    """Return how many parents the power takes from a rate of the control arm; None where none would do."""
    others = [one for one in (rate - terms.least_difference, rate + terms.least_difference) if 0.0 <= one <= 1.0]
    if terms.planned or not others:
        return None
    return parents_needed(rate, others[0], share, alpha=terms.alpha, power=terms.power)


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
    unlike: Sequence[str],
    discordant: tuple[int, int] | None = None,
) -> Result:
    needed = tested.needed
    # sizes that were searched in vain promise no power, and reaching them shows nothing
    planned = terms.planned or (None if needed is None else needed.sequential)
    control, candidate = (one.rate for one in sides)
    return Result(
        name=name,
        design=design,
        outcome=asked.outcome,
        outcome_means=OUTCOMES[asked.outcome],
        alpha=terms.alpha,
        sides=sides,
        difference=None if control is None or candidate is None else candidate - control,
        difference_bounds=None if unlike else tested.bounds,
        test=tested.test,
        standing=_standing(standing(tested.log_evidence, terms.alpha, planned), told=not unlike),
        one_look=None if unlike else tested.one_look,
        planned=planned,
        least_difference=terms.least_difference,
        power=terms.power,
        needed=needed,
        discordant=discordant,
        weighted=tested.weighted,
        apart=dict(seen.apart),
        notices=(*notices, *unlike),
    )


def _standing(found: Standing, *, told: bool) -> Standing:
    """Return where a test stands; one whose labels cannot carry it stands nowhere."""
    return found if told else replace(found, state=State.NOT_TOLD, decided_at=None)


def _side(name: str, outcomes: Sequence[tuple[bool, float | None]], alpha: float) -> Side:
    """Return what one side came to: each outcome with the probability of its label."""
    whole, found = len(outcomes), sum(has for has, _ in outcomes)
    if len({probability for _, probability in outcomes}) <= 1:
        return Side(name, whole, found, found / whole if whole else None, rate_bounds(found, whole, alpha / 2))
    weights = [1 / (probability or 1.0) for _, probability in outcomes]
    weighted = sum(weight for weight, (has, _) in zip(weights, outcomes, strict=True) if has)
    return Side(name, whole, found, weighted / sum(weights), None)
