"""Heads on measures alone, fitted by Sluice's own training code, and a random forest beside them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from itertools import permutations
from typing import Final

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import cohen_kappa_score
from sklearn.model_selection import StratifiedKFold

from tests.bench.ratings_data import Rule, Scan, verdict
from workers.training.candidates import CANDIDATES, Judged, fit, inner_folds, judge
from workers.training.labelled import Array, Labelled, Places
from workers.training.learning import fit_fusion
from workers.training.statistics import UndefinedError, auc

FOREST: Final = "random forest"
HEAD: Final = "logistic head"
NETWORK: Final = "small network"
FOLDS: Final = 5
_EPOCHS: Final = 20  # of the network: inner folds would choose them, at twenty times the cost
_TREES: Final = 300
_OF: Final = {one.name: one for one in CANDIDATES}

Fold = tuple[Places, Places]


def labelled(scans: Sequence[Scan], rule: Rule, *, by_site: bool) -> Labelled:
    """Return scans as items whose metrics are their measures; there is no embedding. Unsettled ones are left out.

    Their groups are sites, or the scans themselves. "What is usual in good items" is taken from those that are trained
    on, as for any head.
    """
    settled = [(scan, good) for scan in scans if (good := verdict(list(scan.ratings.values()), rule)) is not None]
    return Labelled(
        embeddings=np.zeros((len(settled), 1), dtype=np.float32),
        metrics=np.array([scan.measures for scan, _ in settled], dtype=np.float64),
        labels=np.array([good for _, good in settled], dtype=np.float64),
        groups=tuple(scan.site if by_site else f"{scan.dataset} {scan.name}" for scan, _ in settled),
        cut=0.5,
    )


def random_folds(items: Labelled, seed: int) -> list[Fold]:
    """Return (seen, unseen) places of folds that know no sites."""
    maker = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    return [(np.asarray(seen), np.asarray(unseen)) for seen, unseen in maker.split(items.metrics, items.good)]


def site_folds(sites: Sequence[str]) -> list[Fold]:
    """Return (seen, unseen) places, each site left out in turn."""
    of = np.array(sites)
    return [(np.flatnonzero(of != site), np.flatnonzero(of == site)) for site in sorted(set(sites))]


def predicted(items: Labelled, unseen: Labelled, seed: int) -> dict[str, Array]:
    """Return scores of `unseen` by each model, fitted to `items` alone; inner folds choose the logistic's penalty."""
    judged = judge(items, inner_folds(items, seed), seed, [_OF["metrics"]])
    judged["metrics-mlp"] = Judged(_OF["metrics-mlp"], np.zeros(0), 0.5, epochs=_EPOCHS)
    features = fit_fusion(items)
    fused = features.fuse(unseen.embeddings, unseen.metrics)
    heads = {HEAD: judged["metrics"], NETWORK: judged["metrics-mlp"]}
    found = {name: fit(one, judged, features, items, seed).logits(fused) for name, one in heads.items()}
    forest = RandomForestClassifier(_TREES, class_weight="balanced", random_state=seed, n_jobs=1)
    forest.fit(items.metrics, items.good)
    return found | {FOREST: np.asarray(forest.predict_proba(unseen.metrics)[:, 1], dtype=np.float64)}


def cross_predicted(items: Labelled, folds: Sequence[Fold], seed: int) -> dict[str, Array]:
    """Return scores (n,) by each model, each from one that was fitted to the other folds.

    They are compared across folds as they are: a pooled AUC includes what it costs that each fold has its own level.
    """
    scores: dict[str, Array] = {}
    for seen, unseen in folds:
        for name, own in predicted(items.take(seen), items.take(unseen), seed).items():
            scores.setdefault(name, np.zeros(len(items)))[unseen] = own
    return scores


def within_sites(good: Array, scores: Array, sites: Sequence[str]) -> tuple[float, int]:
    """Return the mean AUC within sites, weighted by their scans, and how many sites have both classes."""
    of, found = np.array(sites), []
    for site in sorted(set(sites)):
        try:
            found.append((auc(good[of == site], scores[of == site]), int((of == site).sum())))
        except UndefinedError:
            continue
    areas, weights = zip(*found, strict=True)
    return float(np.average(areas, weights=weights)), len(found)


def agreement(scans: Sequence[Scan], first: str, second: str) -> tuple[int, float, float, float]:
    """Return of two raters: scans both rated, share rated alike, Cohen's kappa, kappa of exclude against the rest."""
    both = [(scan.ratings[first], scan.ratings[second]) for scan in scans if {first, second} <= scan.ratings.keys()]
    one, other = (np.array(column) for column in zip(*both, strict=True))
    kappa, excluding = cohen_kappa_score(one, other), cohen_kappa_score(one == -1, other == -1)
    return len(both), float((one == other).mean()), float(kappa), float(excluding)


def rater_auc(scans: Sequence[Scan]) -> dict[tuple[str, str], float]:
    """Return the AUC of one rater's three grades for what another excludes, of each ordered pair with both classes."""
    raters = sorted({name for scan in scans for name in scan.ratings})
    found = {}
    for judge_of, judged in permutations(raters, 2):
        both = [scan.ratings for scan in scans if {judge_of, judged} <= scan.ratings.keys()]
        labels = [float(ratings[judged] != -1) for ratings in both]
        with suppress(UndefinedError):
            found[judge_of, judged] = auc(labels, [float(ratings[judge_of]) for ratings in both])
    return found
