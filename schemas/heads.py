"""The manifest of a trained head: what it is, what it needs, what it was made from."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from schemas.base import Document
from schemas.items import Code, Identifier, Sha256

Count = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]
Calibrator = Literal["platt", "isotonic"]


class Encoding(Document):
    """The frozen encoder that a head was trained on. A head is refused where any of this differs."""

    name: Identifier
    weights_sha256: Sha256
    preprocessing: Identifier = Field(description="Version of the steps from decoded item to the encoder's input.")
    layers: list[Identifier] = Field(description="Which outputs make up the embedding, in order.")
    pooling: Identifier
    dimension: Annotated[int, Field(ge=1)]


class TrainingSource(Document):
    """One file, or a part of one, that the head was trained on."""

    name: Identifier
    sha256: Sha256 = Field(description="Of the raw bytes of this very part.")
    licence: Identifier
    items: Annotated[int, Field(ge=0)]


class SplitSize(Document):
    """What one of the disjoint sets of groups holds."""

    items: Count
    groups: Count
    good: Count = Field(description="Items whose label is at least the binary cut.")


class LabelsUsed(Document):
    """Which labels a head was trained on, and which of its groups were used for what."""

    sha256: Sha256 = Field(description="Of the file of labels.")
    binary_cut: Share = Field(description="Wherever two classes are needed, a label of at least this is good.")
    groups: str = Field(description="What a group is, in words: no group is in two splits.")
    splits: dict[Identifier, SplitSize]


class Calibration(Document):
    """How logits become probabilities that an item is good. Its parameters lie with the weights."""

    method: Calibrator
    binary_cut: Share
    items: Count = Field(description="That it was fitted to; the head was not trained on them.")
    groups: Count


class DefectHead(Document):
    """A logistic on the fused features that says whether an item has a defect."""

    name: Code
    positives: Count = Field(description="Items with it that it was trained on.")
    auc: Share | None = Field(default=None, description="On held-out groups; None where too few of them have it.")


class ParentCalibration(Document):
    """How the quality of a parent, aggregated by one method, becomes the probability that the parent is good.

    With platt, p = 1 / (1 + exp(-(slope * logit(q) + shift))), where q is held within [1e-6, 1 - 1e-6]; with isotonic,
    p is interpolated linearly between `qualities` and `probabilities`, and constant beyond them.
    """

    kind: Identifier
    method: Identifier
    calibrator: Calibrator
    binary_cut: Share
    parents: Count
    groups: Count
    slope: float | None = None
    shift: float | None = None
    qualities: list[Share] = Field(default=[])
    probabilities: list[Share] = Field(default=[])
    results: dict[str, float] = Field(default={}, description="From folds over groups that it was not fitted to.")
    thresholds: dict[str, Share] = Field(default={}, description="Qualities where the probability reaches a share.")


class HeadManifest(Document):
    """A head and its provenance. The weights lie beside it as safetensors.

    Format 1 has no labels_used, calibration, defects, parents, metric_versions and evaluation_sha256.
    """

    format: Literal[1, 2] = 1
    name: Identifier
    kind: Identifier
    model: Literal["logistic", "mlp"]
    encoding: Encoding
    metrics: list[Identifier] = Field(description="Cheap metrics fused with the embedding, in order.")
    metrics_version: Identifier
    fusion: Literal["blocks", "late"] = Field(
        description="One network on both as blocks of one scale; or one network each, and a logistic over their logits."
    )
    calibrated: bool = Field(default=False, description="A score is the probability that the item is good.")
    seed: int
    labels: str = Field(description="Where the labels came from, in words.")
    damages: list[Identifier] = Field(description="How sample data was damaged to make bad items.")
    sources: list[TrainingSource]
    results: dict[str, float] = Field(description="Held-out figures, each with what it stands beside.")
    weights_sha256: Sha256
    labels_used: LabelsUsed | None = None
    calibration: Calibration | None = None
    defects: list[DefectHead] = Field(default=[])
    parents: list[ParentCalibration] = Field(default=[])
    metric_versions: dict[Identifier, Identifier] = Field(
        default={}, description="Versions of metrics by name, where they are not `metrics_version`."
    )
    evaluation_sha256: Sha256 | None = Field(default=None, description="Of evaluation.json, which lies beside it.")

    def versions(self) -> dict[str, str]:
        """Return the version of each of its metrics, by name and in their order."""
        return {name: self.metric_versions.get(name, self.metrics_version) for name in self.metrics}


SINCE_FORMAT_2: Final = frozenset(
    {"labels_used", "calibration", "defects", "parents", "metric_versions", "evaluation_sha256"}
)
"""Fields that a manifest of format 1 is written without."""
