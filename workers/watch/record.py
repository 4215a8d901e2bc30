"""Recording: what canaries score while the head and its encoder are known to be sound."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from schemas.canaries import EPSILON, Canary, CanaryRecord
from schemas.items import RawItem
from workers.domains import Domain
from workers.encoders import Encoder
from workers.results import Failed, Scored
from workers.scorer import Scorer
from workers.watch.inputs import InputWatch
from workers.watch.material import Good
from workers.watch.pairs import make_pairs
from workers.watch.store import LEAST_PAIRS, CanaryError, CanarySet, item_of

_MARGIN = 0.2  # between good and damaged canaries, on average: with less, a head says too little to be watched


def record_new(kind: str, domain: Domain, material: Iterable[Good], epsilon: float = EPSILON) -> CanarySet:
    """Make canaries of good media, and record their scores.

    Raises:
        CanaryError: the material is too little, or the head does not tell its damage from it.
    """
    scorer = Scorer({kind: domain})

    def score(item: RawItem) -> float | None:
        result = scorer.score([item])[0]
        return result.score if isinstance(result, Scored) else None

    made = make_pairs(kind, material, score)
    return record(kind, domain, made.canaries, made.values, epsilon)


def record(
    kind: str, domain: Domain, canaries: Sequence[Canary], values: Sequence[bytes], epsilon: float = EPSILON
) -> CanarySet:
    """Record the scores of canaries, on the way that items take, without a cache.

    Raises:
        CanaryError: one gets no score, they are too few, or good and damaged ones are hardly apart.
    """
    scorer = Scorer({kind: domain})
    norms: list[float] = []

    def look(_encoder: Encoder, embeddings: Sequence[NDArray[np.float32] | Failed]) -> None:
        norms.extend(float(np.linalg.norm(one)) for one in embeddings if not isinstance(one, Failed))

    scorer.observe = look
    inputs = InputWatch(every=1)
    inputs.attach(getattr(domain.encoder, "network", None))
    items = tuple(item_of(kind, one, value) for one, value in zip(canaries, values, strict=True))
    results = scorer.score(items)
    inputs.detach()
    scored = []
    for canary, result in zip(canaries, results, strict=True):
        if not isinstance(result, Scored):
            raise CanaryError(f"canary {canary.name} of {kind} gets no score: {result}")
        scored.append(canary.model_copy(update={"score": result.score}))
    found = CanaryRecord(
        kind=kind,
        scorer=domain.head.scorer_digest,
        encoder=domain.encoder.digest,
        epsilon=epsilon,
        norm_low=min(norms),
        norm_high=max(norms),
        inputs=inputs.so_far(),
        canaries=scored,
    )
    _check(found)
    return CanarySet(found, items)


def _check(found: CanaryRecord) -> None:
    pairs = {one.pair for one in found.canaries if one.good} & {one.pair for one in found.canaries if not one.good}
    if len(pairs) < LEAST_PAIRS:
        raise CanaryError(f"{len(pairs)} pairs of canaries are too few for {found.kind}: {LEAST_PAIRS} are needed")
    if found.margin < _MARGIN:
        raise CanaryError(
            f"good and damaged canaries of {found.kind} are {found.margin:.3f} apart, and {_MARGIN} are needed: the "
            "head does not judge such items. Make canaries of items that it does judge, with --good"
        )
