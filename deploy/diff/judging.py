"""How right both sides are where labels are given: on the same windows, before and after. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from scipy.special import bdtr

from deploy.diff.compare import Windows
from deploy.diff.edges import ACCEPT, REJECT
from deploy.diff.flips import Flip
from deploy.diff.labels import Given, Labels, Target
from deploy.diff.said import Said
from deploy.labels.counting import CUT
from workers.slices.estimates import share
from workers.training.intervals import Array, UndefinedError
from workers.training.statistics import Bin, auc, ece, ece_by_chance, reliability

_LEAST_FOR_FIGURES: Final = 10  # labelled windows with a score; of fewer a curve says nothing
_SEED: Final = 0

_UNKNOWN: Final = "of parents that are on neither side"
_SEVERAL: Final = "of parents with several windows, without saying which one"
_ONE_SIDE: Final = "of windows that are on one side alone"


@dataclass(frozen=True, slots=True)
class Rate:
    """A share of labelled windows, with its 95% interval (Clopper-Pearson); None where it would be of none."""

    count: int
    of: int
    share: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Judged:
    """One side against the labels.

    Attributes:
        actions: Windows by whether they are good, and their action.
        bad_among_accepted: Bad ones, of those accepted.
        good_among_rejected: Good ones, of those rejected.
        auc: Of the score; None where one class alone is labelled.
        ece: Expected calibration error of the score: it is a quality and no probability unless it was made one.
        by_chance: What that error would be by chance alone.
        bins: Of the reliability diagram.
    """

    actions: Counter[tuple[bool, str]]
    bad_among_accepted: Rate
    good_among_rejected: Rate
    auc: float | None
    ece: float | None
    by_chance: float | None
    bins: tuple[Bin, ...]


@dataclass(frozen=True, slots=True)
class Judgement:
    """Both sides against the same labels.

    Attributes:
        labels: Windows that are labelled and on both sides.
        bad: Of them, those whose label is below the rule's edge.
        scored: Of them, those with a score on both sides: figures about scores are of these.
        weighted: Each counts with one over the probability with which it was drawn.
        partly: Only some name that probability, so that all count alike.
        mended: Wrong before and not after; wrong is a bad one that is accepted, or a good one that is rejected.
        broken: Wrong after and not before.
        p: Of McNemar's exact test, two-sided: how likely so uneven a split is where neither side is better.
        unused: Labels of which nothing is made, by cause.
    """

    sides: tuple[Judged, Judged]
    labels: int
    bad: int
    scored: int
    weighted: bool
    partly: bool
    mended: int
    broken: int
    p: float
    unused: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class _Labelled:
    pair: Flip
    good: bool
    weight: float


def judge(before: Windows, after: Windows, labels: Labels, *, bad_below: float | None = None) -> Judgement:
    """Hold both sides against labels.

    A label below `bad_below` means bad; left out, it is what the rule of the side after says. Where each label names
    the probability with which it was drawn, it counts with one over that (Horvitz and Thompson 1952).

    Args:
        before: what the one side says.
        after: what the other one says.
        labels: of parents, or of single windows.
        bad_below: in [0,1].
    """
    unused = Counter(labels.unusable)
    given = list(_given(before, after, labels, unused))
    weighted = bool(given) and all(one.probability is not None for _, one in given)
    found = [_labelled(pair, one, bad_below, weighted=weighted) for pair, one in given]
    wrong = [(_wrong(one.pair.before, good=one.good), _wrong(one.pair.after, good=one.good)) for one in found]
    mended, broken = wrong.count((True, False)), wrong.count((False, True))
    scored = [one for one in found if one.pair.before.score is not None and one.pair.after.score is not None]
    return Judgement(
        sides=(_judged(found, scored, lambda one: one.before), _judged(found, scored, lambda one: one.after)),
        labels=len(found),
        bad=sum(not one.good for one in found),
        scored=len(scored),
        weighted=weighted,
        partly=not weighted and any(one.probability is not None for _, one in given),
        mended=mended,
        broken=broken,
        p=_mcnemar(mended, broken),
        unused=unused,
    )


def edges(after: Windows, bad_below: float | None = None) -> Callable[[Target], float]:
    """Return the edge below which a label of a target is bad: `bad_below`, else that of the rule of the side after."""
    of_parent = {parent: said.terms.bad_below for (parent, _), said in after.items()}

    def edge(target: Target) -> float:
        own = None if target[1] is None else after.get((target[0], target[1]))
        rule = of_parent.get(target[0], CUT) if own is None else own.terms.bad_below
        return rule if bad_below is None else bad_below

    return edge


def _given(before: Windows, after: Windows, labels: Labels, unused: Counter[str]) -> Iterator[tuple[Flip, Given]]:
    """Yield the windows with a label. One of a parent with several windows says nothing about each of them."""
    both = [key for key in before if key in after]
    windows = Counter(parent for parent, _ in before.keys() | after.keys())
    used: set[Target] = set()
    for key in both:
        parent = key[0]
        target: Target = key if key in labels.by_target else (parent, None)
        given = labels.by_target.get(target)
        if given is not None and (target == key or windows[parent] == 1):
            used.add(target)
            yield Flip(before[key], after[key]), given
    known = {parent for parent, _ in (*before, *after)}
    for parent, own in labels.by_target.keys() - used:
        several = own is None and windows[parent] > 1
        unused[_UNKNOWN if parent not in known else _SEVERAL if several else _ONE_SIDE] += 1


def _labelled(pair: Flip, given: Given, bad_below: float | None, *, weighted: bool) -> _Labelled:
    edge = pair.after.terms.bad_below if bad_below is None else bad_below
    weight = 1.0 / given.probability if weighted and given.probability else 1.0
    return _Labelled(pair, given.value >= edge, weight)


def _mcnemar(mended: int, broken: int) -> float:
    """Return the p-value of McNemar's exact test (1947), two-sided: of so uneven a split where both are as likely."""
    return min(1.0, 2.0 * float(bdtr(min(mended, broken), mended + broken, 0.5)))


def _wrong(said: Said, *, good: bool) -> bool:
    return said.action == (REJECT if good else ACCEPT)


def _judged(found: Sequence[_Labelled], scored: Sequence[_Labelled], side: Callable[[Flip], Said]) -> Judged:
    actions = Counter((one.good, side(one.pair).action) for one in found)
    accepted = [one for one in found if side(one.pair).action == ACCEPT]
    rejected = [one for one in found if side(one.pair).action == REJECT]
    heaviest = max((one.weight for one in found), default=1.0)
    figures = _figures(scored, [side(one.pair).score or 0.0 for one in scored])
    return Judged(
        actions,
        _rate(accepted, lambda one: not one.good, heaviest),
        _rate(rejected, lambda one: one.good, heaviest),
        *figures,
    )


def _rate(among: Sequence[_Labelled], holds: Callable[[_Labelled], bool], heaviest: float) -> Rate:
    """Return a weighted share; its interval is for as many labels as the weights are worth beside the heaviest one."""
    hits = np.array([holds(one) for one in among], dtype=np.bool_)
    found = share(hits, np.array([one.weight for one in among], dtype=np.float64), heaviest=heaviest)
    if found.value is None:
        return Rate(0, 0, None, None, None)
    return Rate(int(hits.sum()), found.count, found.value, found.low, found.high)


def _figures(
    scored: Sequence[_Labelled], scores: Sequence[float]
) -> tuple[float | None, float | None, float | None, tuple[Bin, ...]]:
    if len(scored) < _LEAST_FOR_FIGURES:
        return None, None, None, ()
    truth, values, weights = (
        np.array(column, dtype=np.float64)
        for column in ([one.good for one in scored], scores, [one.weight for one in scored])
    )
    return (
        _area(truth, values, weights),
        ece(truth, values, weights),
        ece_by_chance(values, seed=_SEED),
        reliability(truth, values, weights),
    )


def _area(truth: Array, values: Array, weights: Array) -> float | None:
    try:
        return auc(truth, values, weights)
    except UndefinedError:
        return None
