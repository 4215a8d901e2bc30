"""Whether scores mean what they say: calibration of items and of parents, on sources that the calibrator has not seen.

A good item is an undamaged one. A good parent is one of whose items at least nine in ten are good; its score is the
median of its items' probabilities, which is no probability of that until it is calibrated itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from tests.bench.quality_recipes import Array
from tests.bench.quality_trial import Fold, good, sources
from workers.heads.networks import sigmoid
from workers.training.dataset import Rows
from workers.training.statistics import prevalence_weights

PREVALENCE = 0.8
"""The share of good items, and of good parents, that the figures are for."""

ITEMS, PARENTS = 12, 40  # items of a parent, and parents of a source
_GOOD_SHARE = 0.9
_MANY = 1000  # rows from which isotonic regression is fitted: it needs more of them than Platt's two numbers
_EDGE = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """What was tested: whether it is good, its value before and after calibration, and its source, (n,) each."""

    truth: Array
    before: Array
    after: Array
    groups: NDArray[np.str_]


def calibrate(truth: Array, logits: Array, unseen: Array) -> Array:
    """Return probabilities (m,) of `unseen` logits (m,), from a calibrator fitted to others (n,) at `PREVALENCE`.

    Platt's (1999) slope and shift for fewer than 1000, isotonic regression (Zadrozny and Elkan 2002) for more.
    """
    weights = prevalence_weights(truth, PREVALENCE)
    if len(truth) < _MANY:
        model = LogisticRegression(C=1e6).fit(logits[:, None], truth, sample_weight=weights)
        return np.asarray(model.predict_proba(unseen[:, None])[:, 1], dtype=np.float64)
    isotonic = IsotonicRegression(y_min=_EDGE, y_max=1 - _EDGE, out_of_bounds="clip")
    isotonic.fit(logits, truth, sample_weight=weights)
    return np.asarray(isotonic.predict(unseen), dtype=np.float64)


def items(rows: Rows, found: Sequence[Fold]) -> Judged:
    """Return every item with its score before and after calibration."""
    truth, after, before = good(rows), np.zeros(len(rows)), np.zeros(len(rows))
    for fold in found:
        before[fold.unseen] = sigmoid(fold.outer)
        after[fold.unseen] = calibrate(truth[fold.seen], fold.inner, fold.outer)
    return Judged(truth, before, after, sources(rows))


def parents(rows: Rows, found: Sequence[Fold], seed: int) -> Judged:
    """Return parents drawn from the items of each source: the median of the items, before and after calibration."""
    truth, parts = good(rows), []
    for fold in found:
        seen, unseen = rows.take(fold.seen), rows.take(fold.unseen)
        learnt = _drawn(seen, calibrate(truth[fold.seen], fold.inner, fold.inner), seed)
        tested = _drawn(unseen, calibrate(truth[fold.seen], fold.inner, fold.outer), seed)
        after = calibrate(learnt.truth, _logit(learnt.before), _logit(tested.before))
        parts.append(Judged(tested.truth, tested.before, after, tested.groups))
    return Judged(
        np.concatenate([part.truth for part in parts]),
        np.concatenate([part.before for part in parts]),
        np.concatenate([part.after for part in parts]),
        np.concatenate([part.groups for part in parts]),
    )


def _drawn(rows: Rows, probabilities: Array, seed: int) -> Judged:
    """Return parents of the rows' sources, half of them good, with their median; a bad one has one kind of damage."""
    damage, of_source = np.array([label.damage for label in rows.labels]), sources(rows)
    truth, medians, groups = [], [], []
    for source in np.unique(of_source):
        rng = np.random.default_rng([seed, *source.encode()])
        clean = np.flatnonzero((of_source == source) & (damage == ""))
        kinds = np.unique(damage[(of_source == source) & (damage != "")])
        for place in range(PARENTS):
            bad = bad_items(rng, wanted=place % 2 == 0)
            own = np.flatnonzero((of_source == source) & (damage == rng.choice(kinds)))
            drawn = np.concatenate([rng.choice(clean, ITEMS - bad), rng.choice(own, bad)])
            truth.append(float(ITEMS - bad >= _GOOD_SHARE * ITEMS))
            medians.append(float(np.median(probabilities[drawn])))
            groups.append(source)
    after = np.array(medians)
    return Judged(np.array(truth), after, after, np.array(groups))


def bad_items(rng: np.random.Generator, *, wanted: bool) -> int:
    """Return how many of a parent's items are bad: few enough where a good parent is wanted, more where not."""
    most = ITEMS - int(np.ceil(_GOOD_SHARE * ITEMS))
    return int(rng.integers(0, most + 1) if wanted else rng.integers(most + 1, ITEMS + 1))


def _logit(probabilities: Array) -> Array:
    inside = np.clip(probabilities, _EDGE, 1 - _EDGE)
    return np.log(inside / (1 - inside))
