"""Which heads are compared, by inner folds over the training groups: nothing that judges them later takes part."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from workers.heads import Features, LateHead, LogisticHead, MlpHead, Network
from workers.heads.networks import MLP_WIDTHS
from workers.training.labelled import Array, Labelled, Places
from workers.training.learning import EPOCHS, binary_cross_entropy, descend, fit_fusion, fit_logistic
from workers.training.statistics import auc

Model = Literal["logistic", "mlp"]
Part = Literal["metrics", "embedding", "both", "late"]
PENALTIES: Final = (0.03, 0.3, 3.0)  # inverse, of logistic regression
FOLDS: Final = 5
_LATE_PENALTY: Final = 1.0
_ALIKE: Final = 0.002  # AUC: of candidates this close the simplest is kept


@dataclass(frozen=True, slots=True)
class Candidate:
    """A way to make a head: of which part of the features, with which model, on which form of the embedding."""

    name: str
    part: Part
    model: Model
    whole: bool = False  # all numbers of the embedding, and not its principal components
    widths: tuple[int, int] = MLP_WIDTHS


CANDIDATES: Final = (
    Candidate("metrics", "metrics", "logistic"),
    Candidate("embedding", "embedding", "logistic"),
    Candidate("blocks", "both", "logistic"),
    Candidate("late", "late", "logistic"),
    Candidate("metrics-mlp", "metrics", "mlp"),
    Candidate("embedding-mlp", "embedding", "mlp"),
    Candidate("guide", "embedding", "mlp", whole=True),
    Candidate("blocks-mlp", "both", "mlp"),
    Candidate("late-mlp", "late", "mlp"),
)
"""The simplest first. `guide` is the guide's recipe as written: its network on the embedding alone."""

_PARTS_OF: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {"late": ("embedding", "metrics"), "late-mlp": ("embedding-mlp", "metrics-mlp")}
)


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """A candidate on inner folds.

    `logits` (n,) are of heads that had not seen the item's group; `auc` is theirs; `penalty` and `epochs` are what the
    held-out loss was least at. `train` and `held_out` (e,) are the mean losses after each epoch, of networks only.
    """

    candidate: Candidate
    logits: Array
    auc: float
    penalty: float = PENALTIES[0]
    epochs: int = 0
    train: Array | None = None
    held_out: Array | None = None


def inner_folds(items: Labelled, seed: int) -> list[tuple[Places, Places]]:
    """Return (seen, unseen) places for each fold: whole groups, of both classes as evenly as they allow."""
    good = items.good
    groups = np.array(items.groups)
    count = min(FOLDS, len(set(groups[good])), len(set(groups[~good])))
    if count < 2:  # noqa: PLR2004 (one fold has nothing to be judged by)
        raise ValueError("inner folds need two groups of each class")
    maker = StratifiedGroupKFold(count, shuffle=True, random_state=seed)
    folds = [(np.asarray(seen), np.asarray(unseen)) for seen, unseen in maker.split(good, good, groups)]
    return [(seen, unseen) for seen, unseen in folds if 0 < good[seen].sum() < len(seen) and len(unseen)]


def judge(
    items: Labelled,
    folds: Sequence[tuple[Places, Places]],
    seed: int,
    candidates: Sequence[Candidate] = CANDIDATES,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> dict[str, Judged]:
    """Return each candidate by its name, judged on folds over the items, in their order."""
    fusions = {whole: [fit_fusion(items.take(seen), whole=whole) for seen, _ in folds] for whole in _forms(candidates)}
    found: dict[str, Judged] = {}
    for done, one in enumerate(candidates, 1):
        if one.part == "late":
            found[one.name] = _judge_late(one, items, folds, [found[name].logits for name in _PARTS_OF[one.name]])
        else:
            tables = [_tables(one, items, fold, fusion) for fold, fusion in zip(folds, fusions[one.whole], strict=True)]
            found[one.name] = (_judge_mlp if one.model == "mlp" else _judge_logistic)(one, items, folds, tables, seed)
        progress(done, len(candidates))
    return found


def choose(judged: Mapping[str, Judged], names: Sequence[str] | None = None) -> Judged:
    """Return the candidate with the highest AUC, or the simplest of those that are as good."""
    own = [judged[name] for name in (judged if names is None else names)]
    best = max(one.auc for one in own)
    return next(one for one in own if one.auc >= best - _ALIKE)


def fit(one: Judged, judged: Mapping[str, Judged], features: Features, items: Labelled, seed: int) -> Network:
    """Fit a candidate to all items; its network takes all features, and those that it does not use weigh nothing."""
    fused = features.fuse(items.embeddings, items.metrics)
    cut = features.projection.shape[1]
    if one.candidate.part == "late":
        first, second = (judged[name] for name in _PARTS_OF[one.candidate.name])
        over = np.stack([first.logits, second.logits], axis=1)  # of heads that had not seen the item
        last = fit_logistic(over, items.labels, _LATE_PENALTY)
        parts = [_fit(part, fused[:, own], items, seed) for part, own in ((first, _left(cut)), (second, _right(cut)))]
        return LateHead(cut, parts[0], parts[1], last.weight, last.bias)
    columns = _columns(one.candidate.part, cut)
    network = _fit(one, fused[:, columns], items, seed)
    return padded(network, columns, features.width)


def padded(network: Network, columns: slice, width: int) -> Network:
    """Return a network on some of the features as one on all of them: the others weigh nothing."""
    if isinstance(network, LogisticHead):
        weight = np.zeros(width)
        weight[columns] = network.weight
        return LogisticHead(weight, network.bias)
    if isinstance(network, MlpHead):
        first = np.zeros((network.weights[0].shape[0], width))
        first[:, columns] = network.weights[0]
        return MlpHead((first, *network.weights[1:]), network.biases)
    raise TypeError(f"a {type(network).__name__} has parts of its own")


def _fit(one: Judged, features: Array, items: Labelled, seed: int) -> LogisticHead | MlpHead:
    if one.candidate.model == "logistic":
        return fit_logistic(features, items.labels, one.penalty)
    return descend(features, items.labels, seed=seed, epochs=one.epochs, widths=one.candidate.widths).network


def _forms(candidates: Sequence[Candidate]) -> list[bool]:
    return sorted({one.whole for one in candidates if one.part != "late"})


def _left(cut: int) -> slice:
    return slice(0, cut)


def _right(cut: int) -> slice:
    return slice(cut, None)


def _columns(part: Part, cut: int) -> slice:
    return {"metrics": _right(cut), "embedding": _left(cut)}.get(part, slice(None))


def _tables(
    one: Candidate, items: Labelled, fold: tuple[Places, Places], features: Features
) -> tuple[Array, Array, Array, Array]:
    """Return features and labels of what is seen, and of what is not."""
    columns = _columns(one.part, features.projection.shape[1])
    seen, unseen = (items.take(places) for places in fold)
    fused = [features.fuse(own.embeddings, own.metrics)[:, columns] for own in (seen, unseen)]
    return fused[0], seen.labels, fused[1], unseen.labels


def _judge_logistic(
    one: Candidate,
    items: Labelled,
    folds: Sequence[tuple[Places, Places]],
    tables: Sequence[tuple[Array, Array, Array, Array]],
    _seed: int,
) -> Judged:
    found = {}
    for penalty in PENALTIES:
        logits = np.zeros(len(items))
        for (_, unseen), (features, labels, others, _) in zip(folds, tables, strict=True):
            logits[unseen] = fit_logistic(features, labels, penalty).logits(others)
        found[penalty] = logits
    best = min(found, key=lambda penalty: binary_cross_entropy(found[penalty], items.labels))
    return Judged(one, found[best], auc(items.good, found[best]), penalty=best)


def _judge_mlp(
    one: Candidate,
    items: Labelled,
    folds: Sequence[tuple[Places, Places]],
    tables: Sequence[tuple[Array, Array, Array, Array]],
    seed: int,
) -> Judged:
    runs = [
        descend(features, labels, seed=seed, epochs=EPOCHS, held_out=(others, wanted), widths=one.widths)
        for features, labels, others, wanted in tables
    ]
    sizes = np.array([len(unseen) for _, unseen in folds])
    held_out = np.average([run.held_out for run in runs], axis=0, weights=sizes)
    best = int(held_out.argmin())
    logits = np.zeros(len(items))
    for (_, unseen), run in zip(folds, runs, strict=True):
        logits[unseen] = run.logits[best]
    train = np.average([run.train for run in runs], axis=0, weights=sizes.sum() - sizes)
    return Judged(one, logits, auc(items.good, logits), epochs=best + 1, train=train, held_out=held_out)


def _judge_late(
    one: Candidate, items: Labelled, folds: Sequence[tuple[Places, Places]], parts: Sequence[Array]
) -> Judged:
    """Judge a logistic over the logits of two heads that had not seen the item; nor has the logistic."""
    over, logits = np.stack(parts, axis=1), np.zeros(len(items))
    for seen, unseen in folds:
        logits[unseen] = fit_logistic(over[seen], items.labels[seen], _LATE_PENALTY).logits(over[unseen])
    return Judged(one, logits, auc(items.good, logits))
