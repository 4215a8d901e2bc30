"""Trains the head of a kind on damaged copies of sample material, and says how well it does on parts held out.

The damage is synthetic and so are the labels: a head learns to tell these damages, not what people find good.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from schemas.heads import HeadManifest, TrainingSource
from workers.encoders import Encoder, EncoderRegistry
from workers.heads import save
from workers.heads.networks import sigmoid
from workers.metrics import METRIC_NAMES, METRICS_VERSION
from workers.training.anchors import anchors
from workers.training.dataset import Amounts, Collector, Rows, damages, plan
from workers.training.figures import figures, named
from workers.training.fit import Recipe, fit_features, fit_network
from workers.training.kinds import KINDS, KindSpec
from workers.training.parts import Part, folds

Progress = Callable[[str, int, int], None]
Model = Literal["logistic", "mlp"]

CANDIDATES: Mapping[str, Model] = MappingProxyType(
    {"metrics": "logistic", "metrics-mlp": "mlp", "logistic": "logistic", "mlp": "mlp"}
)
"""What is compared: the cheap metrics alone, and fused with the embedding, each with both models."""

_FOLDS = 5
_LABELS = (
    "synthetic: undamaged sample material is 1.0; damage of severity 1 to 5 is 0.7, 0.45, 0.2, 0.05, 0.0. "
    "Figures under cv/ are over parts that were held out in five folds; the head itself was then trained on all parts."
)


@dataclass(frozen=True, slots=True)
class Trained:
    """A head as it was written, and the figures of all candidates, best first; `metrics` is the cheap metrics alone."""

    folder: Path
    manifest: HeadManifest
    candidates: dict[str, dict[str, float]]


def train(
    kind: str,
    out: Path,
    *,
    encoders: EncoderRegistry | None = None,
    seed: int = 0,
    amounts: Amounts | None = None,
    progress: Progress = lambda _stage, _done, _total: None,
) -> Trained:
    """Train and write the head of one kind to `out`/<kind>.

    Args:
        kind: One of `KINDS`.
        out: The folder of heads.
        encoders: Where the encoder is loaded from.
        seed: Decides all that is random: the same seed gives the same head on the same machine.
        amounts: How many items are made, where fewer or more than usual are wanted.
        progress: Called with the stage, the items done and their total.

    Raises:
        KeyError: there is no such kind.
        SampleError: sample material is not installed.
        EncoderError: the encoder cannot be loaded.
    """
    spec = KINDS[kind] if amounts is None else replace(KINDS[kind], amounts=amounts)
    encoder = (encoders or EncoderRegistry()).get(spec.encoder)
    parts = spec.parts()
    rows = _collect(spec, parts, encoder, seed, partial(progress, "train"))
    logits = cross_validate(rows, spec.recipe, seed, lambda done: progress("fit", done, _FOLDS))
    anchored = {name: anchors(rows.severities, values) for name, values in logits.items()}
    candidates = {
        name: figures(rows.severities, sigmoid(values * anchored[name][0] + anchored[name][1]))
        for name, values in logits.items()
    }
    model: Model = "mlp" if candidates["mlp"]["auc"] > candidates["logistic"]["auc"] else "logistic"
    features = fit_features(rows, spec.recipe)
    network = fit_network(model, features, rows, spec.recipe, seed).rescaled(*anchored[model])
    results: dict[str, float] = {}
    for name, values in candidates.items():
        results |= named(f"cv/{name}", values)
    known = {"results": results, "sources": _sources(parts, rows)}
    manifest = _manifest(kind, spec, encoder, model, seed).model_copy(update=known)
    return Trained(out / kind, save(out / kind, manifest, features, network), candidates)


def cross_validate(
    rows: Rows, recipe: Recipe, seed: int, progress: Callable[[int], None] = lambda _done: None
) -> dict[str, NDArray[np.float64]]:
    """Return logits (n,) from heads that have not seen the item's part, for each of `CANDIDATES`."""
    of_part = folds([label.part for label in rows.labels], _FOLDS)
    fold = np.array([of_part[label.part] for label in rows.labels])
    logits = {name: np.zeros(len(rows)) for name in CANDIDATES}
    for place in sorted(set(fold.tolist())):
        seen, unseen = rows.take(fold != place), rows.take(fold == place)
        alone, fused = fit_features(seen, replace(recipe, components=0)), fit_features(seen, recipe)
        for name, model in CANDIDATES.items():
            features = alone if name.startswith("metrics") else fused
            network = fit_network(model, features, seen, recipe, seed)
            logits[name][fold == place] = network.logits(features.fuse(unseen.embeddings, unseen.metrics))
        progress(place + 1)
    return logits


def _collect(
    spec: KindSpec, parts: Sequence[Part], encoder: Encoder, seed: int, progress: Callable[[int, int], None]
) -> Rows:
    names = damages(spec.family)
    total = spec.amounts.items(parts, len(names))
    items = plan(parts, spec.variant, names, spec.amounts, seed)
    return Collector(encoder, spec.family).collect(items, lambda done: progress(done, total))


def _manifest(kind: str, spec: KindSpec, encoder: Encoder, model: Model, seed: int) -> HeadManifest:
    """Return the manifest as far as it is known before the head is judged and written."""
    return HeadManifest(
        name=f"{kind}-synthetic",
        kind=kind,
        model=model,
        encoding=encoder.encoding,
        metrics=list(METRIC_NAMES[spec.family]),
        metrics_version=METRICS_VERSION,
        fusion="blocks",
        calibrated=False,
        seed=seed,
        labels=_LABELS,
        damages=list(damages(spec.family)),
        sources=[],
        results={},
        weights_sha256="0" * 64,
    )


def _sources(parts: Sequence[Part], rows: Rows) -> list[TrainingSource]:
    made = Counter(label.part for label in rows.labels)
    return [part.source(made[part.name]) for part in parts]
