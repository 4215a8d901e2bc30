"""Fits a logistic to each defect that labels name often enough."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

import numpy as np
from sklearn.linear_model import LogisticRegression

from schemas.heads import DefectHead
from workers.heads import Defects
from workers.training.labelled import Array, Places
from workers.training.problems import Warnings
from workers.training.statistics import auc

LEAST_POSITIVES: Final = 10  # items with a defect that are trained on
LEAST_GROUPS: Final = 3  # that they are of
_LEAST_JUDGED: Final = 3  # held-out items with it, and without it, for an AUC
_INVERSE_PENALTY: Final = 0.3

Named = Sequence[tuple[str, ...] | None]


def fit_defects(
    features: Array, named: Named, groups: Sequence[str], train: Places, warnings: Warnings
) -> tuple[Defects, tuple[DefectHead, ...]] | None:
    """Fit defect heads to the training items; those without a word about defects have no part in it.

    Items with a defect weigh together as much as those without it: 0.5 is where the evidence for it begins, whatever
    its share. So what comes out is no probability.

    Args:
        features: (n, f) of all items.
        named: Their defects; None where nothing is said.
        groups: Their groups.
        train: Which may be trained on. The AUC is of all others.
        warnings: Are told which defects are too rare.

    Returns:
        None where no defect is frequent enough.
    """
    known = [place for place in train.tolist() if named[place] is not None]
    counts = Counter(name for place in known for name in named[place] or ())
    rare, rows, made = [], [], []
    for name in sorted(set(counts) | {name for own in named for name in own or ()}):
        with_it = np.array([name in (named[place] or ()) for place in known], dtype=bool)
        sources = {groups[place] for place, own in zip(known, with_it, strict=True) if own}
        if counts[name] < LEAST_POSITIVES or len(sources) < LEAST_GROUPS or with_it.all():
            rare.append(f"{name}: {counts[name]} items of {len(sources)} groups")
            continue
        model = LogisticRegression(C=_INVERSE_PENALTY, max_iter=5000, class_weight="balanced")
        model.fit(features[known], with_it)
        rows.append((model.coef_[0], model.intercept_[0]))
        made.append((name, counts[name]))
    if rare:
        warnings.add(
            f"defects that are too rare among the training groups for a head of their own: {LEAST_POSITIVES} items of "
            f"{LEAST_GROUPS} groups are needed",
            rare,
        )
    if not made:
        return None
    defects = Defects(
        tuple(name for name, _ in made), np.array([row for row, _ in rows]), np.array([bias for _, bias in rows])
    )
    return defects, tuple(
        DefectHead(name=name, positives=count, auc=_held_out(name, defects, features, named, train))
        for name, count in made
    )


def _held_out(name: str, defects: Defects, features: Array, named: Named, train: Places) -> float | None:
    trained = set(train.tolist())
    places = [place for place in range(len(named)) if place not in trained and named[place] is not None]
    truth = np.array([name in (named[place] or ()) for place in places], dtype=np.float64)
    if min(truth.sum(), len(truth) - truth.sum()) < _LEAST_JUDGED:
        return None
    scores = defects.scores(features[places])[:, defects.names.index(name)]
    return round(auc(truth, scores), 4)
