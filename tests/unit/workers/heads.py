"""Small heads and encoders for tests."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from schemas.heads import Encoding, HeadManifest
from workers.encoders import Prepared
from workers.heads import Features, LogisticHead, MlpHead, Network, save
from workers.media import Medium, Picture
from workers.metrics import METRIC_NAMES, METRICS_VERSION

METRICS = METRIC_NAMES["picture"]
ENCODING = Encoding(
    name="mean-level",
    weights_sha256="a" * 64,
    preprocessing="v1",
    layers=["mean"],
    pooling="mean",
    dimension=3,
)


class MeanLevel:
    """An encoder whose embedding is a picture's mean colour; it can be told to fail."""

    def __init__(self) -> None:
        self.name = ENCODING.name
        self.encoding = ENCODING
        self.digest = ENCODING.digest()
        self.dimension = ENCODING.dimension
        self.batches: list[int] = []
        self.poison: set[int] = set()  # levels of the first channel at which it raises
        self.broken: Exception | None = None
        self.nan: set[int] = set()

    def prepare(self, medium: Medium) -> Prepared:
        if not isinstance(medium, Picture):
            raise TypeError("a picture is needed")
        means: NDArray[np.int64] = np.rint(medium.rgb.mean(axis=(0, 1))).astype(np.int64)
        return means

    def bucket(self, prepared: Prepared) -> Hashable:
        return prepared.shape

    def embed(self, batch: Sequence[Prepared]) -> NDArray[np.float32]:
        self.batches.append(len(batch))
        if self.broken is not None:
            raise self.broken
        if any(int(one[0]) in self.poison for one in batch):
            raise RuntimeError("poison")
        rows = np.stack(batch).astype(np.float32)
        rows[[int(one[0]) in self.nan for one in batch]] = np.nan
        return rows


def features(components: int = 2, dimension: int = 3, metrics: int = len(METRICS)) -> Features:
    rng = np.random.default_rng(0)
    return Features(
        mean=np.full(dimension, 127.0),
        projection=rng.normal(0, 0.01, (dimension, components)),
        centre=np.zeros(metrics),
        scale=np.ones(metrics),
        low=np.full(metrics, -1.0),
        high=np.ones(metrics),
    ).rounded()


def network(model: Literal["logistic", "mlp"], width: int) -> Network:
    rng = np.random.default_rng(1)
    if model == "logistic":
        return LogisticHead(rng.normal(0, 0.1, width), np.array([0.5]))
    shapes = ((256, width), (64, 256), (1, 64))
    first, second, third = (rng.normal(0, 0.05, shape) for shape in shapes)
    return MlpHead((first, second, third), (np.zeros(256), np.zeros(64), np.zeros(1)))


def manifest(model: Literal["logistic", "mlp"] = "logistic", kind: str = "video-frame") -> HeadManifest:
    return HeadManifest(
        name="test",
        kind=kind,
        model=model,
        encoding=ENCODING,
        metrics=list(METRICS),
        metrics_version=METRICS_VERSION,
        fusion="blocks",
        seed=0,
        labels="none",
        damages=[],
        sources=[],
        results={},
        weights_sha256="0" * 64,
    )


def write(folder: Path, model: Literal["logistic", "mlp"] = "logistic") -> HeadManifest:
    own = features()
    return save(folder, manifest(model), own, network(model, own.width))
