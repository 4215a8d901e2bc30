"""What the parts of a head are worth: its size, the embedding, the cheap metrics, early and last layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any, Final

import numpy as np

from workers.encoders import Encoder
from workers.training.candidates import CANDIDATES, Candidate, Judged, inner_folds, judge
from workers.training.drawn import Drawn
from workers.training.featuring import Featurer
from workers.training.fitting import Progress
from workers.training.fromlabels import Request, drawn_of, gather
from workers.training.labelled import Labelled
from workers.training.learning import single_threaded
from workers.training.problems import LabelsError, Warnings
from workers.training.statistics import UndefinedError, auc, cluster_bootstrap

SIZES: Final[tuple[tuple[int, int], ...]] = ((16, 8), (64, 16), (512, 128))  # beside the guide's, 256 and 64
_LAYERED: Final = ("embedding", "blocks")
_WORDS: Final[Mapping[str, str]] = {
    "metrics": "metrics",
    "embedding": "embedding",
    "both": "both",
    "late": "both, late",
}

Layers = Sequence[tuple[str, int]]
"""Layers of an embedding, in order, each with how many of its numbers are theirs."""


@dataclass(frozen=True, slots=True)
class AblationRow:
    """One head: on which features, of which form, with its AUC on folds over groups and a cluster bootstrap's interval.

    `width` is how many numbers an item has before fusion; `layers` which of the embedding's were kept, all if empty.
    """

    features: str
    head: str
    width: int
    layers: tuple[str, ...]
    auc: float
    low: float
    high: float

    def fields(self) -> dict[str, Any]:
        """Return it for programs."""
        return asdict(self)


def ablate(
    request: Request, featurer: Featurer, progress: Progress, layers_of: Callable[[Encoder], Layers] = lambda _: ()
) -> dict[str, list[AblationRow]]:
    """Compare heads on all labelled items of each kind, by folds over groups; nothing is written.

    Args:
        request: What to compare on.
        featurer: Makes features, through the cache.
        progress: Called with the stage, the steps done and their total.
        layers_of: Names the layers of an encoder, each with how many numbers of the embedding are its, in their order.

    Raises:
        LabelsError: the labels are wrong, or there are too few for any kind.
        EncoderError: an encoder is missing or broken.
    """
    _, gathered, warnings = gather(request, featurer, progress)
    found: dict[str, list[AblationRow]] = {}
    problems: list[LabelsError] = []
    for kind in request.kinds or sorted(gathered.items):
        try:
            with single_threaded():
                drawn = drawn_of(gathered, kind, featurer, request.choices, Warnings(list(warnings.texts)))
                layers = layers_of(featurer.encoder(kind))
                found[kind] = rows_of(drawn, layers, request.choices.seed, partial(progress, "ablate"))
        except LabelsError as error:
            problems.append(error)
    if not found:
        raise problems[0]
    return found


def rows_of(drawn: Drawn, layers: Layers, seed: int, progress: Any = lambda _done, _total: None) -> list[AblationRow]:
    """Return the rows of one kind, the candidates first, then sizes of the network, then layers."""
    items = drawn.items
    folds = inner_folds(items, seed)
    sizes = [Candidate(f"{first}-{second}", "both", "mlp", widths=(first, second)) for first, second in SIZES]
    judged = judge(items, folds, seed, (*CANDIDATES, *sizes), progress)
    rows = [_row(one, items, seed) for one in judged.values()]
    layered = [one for one in CANDIDATES if one.name in _LAYERED]
    for names, columns in _columns(layers, items.embeddings.shape[1]):
        part = replace(items, embeddings=np.ascontiguousarray(items.embeddings[:, columns]))
        rows += [_row(one, part, seed, names) for one in judge(part, folds, seed, layered).values()]
    return rows


def _columns(layers: Layers, dimension: int) -> Sequence[tuple[tuple[str, ...], slice]]:
    """Return each layer with its columns; none where there is one layer alone, or they do not make the embedding."""
    if len(layers) < 2 or sum(width for _, width in layers) != dimension:  # noqa: PLR2004 (nothing to tell apart)
        return ()
    ends = np.cumsum([width for _, width in layers]).tolist()
    return [((name,), slice(end - width, end)) for (name, width), end in zip(layers, ends, strict=True)]


def _row(one: Judged, items: Labelled, seed: int, layers: tuple[str, ...] = ()) -> AblationRow:
    candidate, truth = one.candidate, items.good.astype(np.float64)
    low = high = one.auc
    try:
        spread = cluster_bootstrap(auc, truth, one.logits, items.groups, seed=seed, repetitions=300)
        low, high = spread.low, spread.high
    except UndefinedError:
        pass
    embedding, metrics = items.embeddings.shape[1], items.metrics.shape[1]
    width = {"metrics": metrics, "embedding": embedding}.get(candidate.part, embedding + metrics)
    words = _WORDS[candidate.part] + (f", {' '.join(layers)}" if layers else ", all numbers" if candidate.whole else "")
    head = "logistic" if candidate.model == "logistic" else f"{candidate.widths[0]}-{candidate.widths[1]}"
    return AblationRow(words, head, width, layers, round(one.auc, 4), round(low, 4), round(high, 4))
