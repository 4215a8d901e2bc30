"""From what was measured to figures, each with its interval and the number of its sources."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tests.bench.quality_calibration import ITEMS, PARENTS, PREVALENCE, Judged
from tests.bench.quality_material import real
from tests.bench.quality_recipes import Array
from tests.bench.quality_run import BUNDLED, GUIDE, METRICS, Found, Hard
from tests.bench.quality_trial import FAMILIES, good, sources
from tests.bench.report import Figure
from workers.training.dataset import SEVERITIES, Rows
from workers.training.kinds import KINDS
from workers.training.statistics import (
    FEW_GROUPS,
    UndefinedError,
    auc,
    cluster_bootstrap,
    ece,
    ece_by_chance,
    prevalence_weighted,
    prevalence_weights,
)

GOALS: Mapping[str, float] = MappingProxyType({"video-frame": 0.94, "mri-slice": 0.96, "document-chunk": 0.96})
PERPLEXITY_GOAL = 0.99
ECE_GOAL = 0.05
REJECTED, LOW = 0.2, 0.4
"""Scores below which the standard policy says rejected, and low."""

_REPETITIONS = 400
_SEED = 0
Mask = NDArray[np.bool_]


def figures(found: Found, goal: float) -> list[Figure]:
    """Return all figures of a kind; `goal` is for the AUC of the bundled recipe."""
    return [
        *_recipes(found, goal),
        *_severities(found),
        *_defects(found),
        *_families(found),
        *_false_rejects(found),
        *_calibrations(found),
    ]


def headline(kind: str, rows: Rows, logits: Array, what: str, goal: float | None) -> list[Figure]:
    """Return the AUC of one recipe over all sources, and over real ones and those made by code apart.

    The goal is for the real ones where there are ten of them, and else for all.
    """
    is_real = np.array([real(name) for name in sources(rows)])
    chosen = {"all sources": np.ones(len(rows), dtype=bool)}
    if not is_real.all():
        chosen |= {"real sources": is_real, "sources made by code": ~is_real}
    enough = len(set(sources(rows)[is_real])) >= FEW_GROUPS
    judged = "real sources" if enough and len(chosen) > 1 else "all sources"
    return [
        _area(f"{kind}: {what}, {name}", rows, logits, own, goal if name == judged else None)
        for name, own in chosen.items()
    ]


def _recipes(found: Found, goal: float) -> Iterator[Figure]:
    for name, logits in found.logits.items():
        what = name
        if name == BUNDLED:
            what = f"{name} ({', '.join(f'{model} in {count}' for model, count in found.models.items())} folds)"
        yield from headline(found.kind, found.rows, logits, what, goal if name == BUNDLED else None)


def _severities(found: Found) -> Iterator[Figure]:
    severities = found.rows.severities
    for severity in range(1, SEVERITIES + 1):
        own = (severities == 0) | (severities == severity)
        what = f"{found.kind}: {BUNDLED}, severity {severity} against none"
        yield _area(what, found.rows, found.logits[BUNDLED], own)


def _defects(found: Found) -> Iterator[Figure]:
    damage = np.array([label.damage for label in found.rows.labels])
    for name in sorted(set(damage) - {""}):
        own = (damage == "") | (damage == name)
        alone = max(_auc(found.rows, logits, own) for what, logits in found.logits.items() if what.startswith(METRICS))
        last = _auc(found.rows, found.logits[GUIDE], own)
        beside = f"metrics alone {alone:.3f}, guide {last:.3f}"
        yield _area(f"{found.kind}: {BUNDLED}, {name}", found.rows, found.logits[BUNDLED], own, beside=beside)


def _families(found: Found) -> Iterator[Figure]:
    damage = np.array([label.damage for label in found.rows.labels])
    for name, left in found.families.items():
        names = FAMILIES[KINDS[found.kind].family][name]
        seen = _auc(found.rows, found.logits[BUNDLED], (damage == "") | np.isin(damage, names))
        others = [f"{own}, left out {_auc(left.rows, left.logits[own]):.3f}" for own in (METRICS, GUIDE)]
        beside = f"seen in training {seen:.3f}; {'; '.join(others)}"
        what = f"{found.kind}: {BUNDLED}, left out in training: {name} ({', '.join(names)})"
        yield _area(what, left.rows, left.logits[BUNDLED], beside=beside)


def _false_rejects(found: Found) -> Iterator[Figure]:
    ordinary = found.items.before[good(found.rows) == 1.0]
    shares = f"of ordinary clean items held out {(ordinary < REJECTED).mean():.1%}"
    yield Figure(f"{found.kind}: clean items scored below {LOW}", float((ordinary < LOW).mean()), "share", shares)
    for category, hard in found.hard.items():
        yield rejected(found.kind, category, hard)


def rejected(kind: str, category: str, hard: Hard) -> Figure:
    """Return the share of clean but hard items that score low, beside that of the cheap metrics alone."""
    scores, names = hard.scores[BUNDLED], np.array(hard.sources)
    value = _share_low(np.ones(len(names)), scores)
    beside = f"{_interval(_share_low, np.ones(len(names)), scores, names)}; "
    beside += f"below {REJECTED}: {(scores < REJECTED).mean():.2f}; "
    beside += f"metrics alone {_share_low(np.ones(len(names)), hard.scores[METRICS]):.2f}"
    return Figure(f"{kind}: clean but hard scored below {LOW}: {category}", value, "share", beside)


def _share_low(_labels: Array, scores: Array) -> float:
    return float((scores < LOW).mean())


def _calibrations(found: Found) -> Iterator[Figure]:
    for level, judged in (("item", found.items), ("parent", found.parents)):
        what = f"{found.kind}: calibration error, {level}s, at {PREVALENCE:.0%} good"
        yield calibrated(what, judged)
    ranking = auc(found.parents.truth, found.parents.after)
    beside = _interval(_area_of, found.parents.truth, found.parents.after, found.parents.groups)
    beside += f"; a parent is {ITEMS} items, good where nine in ten are; {PARENTS} of each source"
    yield Figure(f"{found.kind}: parents by their median", ranking, "AUC", beside)


def calibrated(what: str, judged: Judged) -> Figure:
    """Return the calibration error at `PREVALENCE`, beside that before calibration and that of chance alone."""
    statistic = prevalence_weighted(ece, PREVALENCE)
    value = float(statistic(judged.truth, judged.after))
    before = ece(judged.truth, judged.before, prevalence_weights(judged.truth, PREVALENCE))
    chance = ece_by_chance(judged.after, seed=_SEED, repetitions=50)
    beside = f"{_interval(statistic, judged.truth, judged.after, judged.groups)}; "
    beside += f"before calibration {before:.3f}; by chance {chance:.3f}"
    return Figure(what, value, "ECE", beside, f"<= {ECE_GOAL}", value <= ECE_GOAL)


def _area(  # noqa: PLR0917 (the rows, and what is said of them)
    what: str, rows: Rows, logits: Array, own: Mask | None = None, goal: float | None = None, beside: str = ""
) -> Figure:
    """Return an AUC with its interval; without one where there are fewer than ten sources."""
    own = np.ones(len(rows), dtype=bool) if own is None else own
    reference = _interval(_area_of, good(rows)[own], logits[own], sources(rows)[own])
    value = _auc(rows, logits, own)
    parts = (what, value, "AUC", "; ".join(filter(None, (reference, beside))))
    return Figure(*parts) if goal is None else Figure(*parts, goal=f">= {goal}", met=value >= goal)


def _area_of(labels: Array, scores: Array) -> float:
    return auc(labels, scores)


def _interval(
    statistic: Callable[[Array, Array], float], labels: ArrayLike, scores: ArrayLike, groups: NDArray[np.str_]
) -> str:
    """Return the interval and the number of sources; the latter alone where they are fewer than ten."""
    names = set(groups.tolist())
    made = sum(not real(name) for name in names)
    counted = f"{len(names)} sources" + (f", {made} of them made by code" if made else "")
    if len(names) < FEW_GROUPS:
        return f"{counted}, too few for an interval"
    try:
        found = cluster_bootstrap(statistic, labels, scores, groups, seed=_SEED, repetitions=_REPETITIONS)
    except UndefinedError:
        return f"no interval, {counted}"
    return f"{found.low:.3f} to {found.high:.3f}, {counted}"


def _auc(rows: Rows, logits: Array, own: Mask | None = None) -> float:
    own = np.ones(len(rows), dtype=bool) if own is None else own
    return auc(good(rows)[own], logits[own])
