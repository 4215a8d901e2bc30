"""Compares, chooses and fits a head on the training groups, and calibrates it on others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import Final

from schemas.heads import Calibration, DefectHead, HeadManifest, LabelsUsed, TrainingSource
from schemas.items import MAX_IDENTIFIER
from workers.encoders import Encoder
from workers.heads import Calibrator, Features, Head, Network, Platt
from workers.heads.networks import sigmoid
from workers.heads.store import packed, unpacked
from workers.metrics import METRICS_VERSION
from workers.training import copies
from workers.training.calibrating import (
    ISOTONIC_FROM,
    LEAST_GROUPS,
    LEAST_ITEMS,
    LEAST_OF_CLASS,
    carries_over,
    fit_calibrator,
)
from workers.training.candidates import Judged, choose, fit, inner_folds, judge
from workers.training.defectheads import fit_defects
from workers.training.drawn import Choices, Drawn
from workers.training.labelled import Array, Labelled, Places
from workers.training.learning import fit_fusion
from workers.training.problems import LabelsError, Warnings

SINGLES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {"metrics": ("metrics", "metrics-mlp"), "embedding": ("embedding", "embedding-mlp", "guide")}
)
COMPOSITES: Final = ("blocks", "late", "blocks-mlp", "late-mlp")

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """A trained head as it will be served, and what it is compared with.

    `raw` and `scores` (n,) are of all items, before and after the calibrator; `rivals` are the best of the cheap
    metrics alone, of the embedding alone, and of both together, with their logits (n,).
    """

    head: Head
    weights: bytes
    chosen: Judged
    judged: Mapping[str, Judged]
    raw: Array
    scores: Array
    rivals: Mapping[str, tuple[Judged, Array]]


def fit_head(drawn: Drawn, manifest: HeadManifest, choices: Choices, warnings: Warnings, progress: Progress) -> Fitted:
    """Compare, choose and fit on the training groups, and calibrate on the calibration groups.

    Args:
        drawn: The items.
        manifest: As far as it is known, see `described`.
        choices: What was asked for.
        warnings: Are told what could not be done.
        progress: Called with the stage, the steps done and their total.

    Raises:
        LabelsError: the training groups are too few for inner folds.
    """
    train = drawn.items.take(drawn.places("train"))
    try:
        folds = inner_folds(train, choices.seed)
    except ValueError as error:
        raise LabelsError(f"the training groups are too few: {error}. Add labels from other sources.") from error
    judged = judge(train, folds, choices.seed, progress=partial(progress, "compare"))
    chosen = choose(judged)
    whole = chosen.candidate.whole
    features = fit_fusion(train, whole=whole)
    fused = features.fuse(drawn.items.embeddings, drawn.items.metrics)
    network = fit(chosen, judged, features, train, choices.seed)
    calibrator = _calibrator(drawn, network.logits(fused), warnings)
    named = [one.row.defects for one in drawn.examples]
    defects, records = fit_defects(fused, named, drawn.items.groups, drawn.places("train"), warnings) or (None, ())
    weights = packed(features, network, calibrator, defects)
    head = Head.of(_completed(manifest, drawn, chosen, calibrator, records), unpacked(weights))
    return Fitted(
        head=head,
        weights=weights,
        chosen=chosen,
        judged=judged,
        raw=sigmoid(head.logits(drawn.items.embeddings, drawn.items.metrics)),
        scores=head.score(drawn.items.embeddings, drawn.items.metrics),
        rivals={
            name: (best, refitted(best, judged, train, drawn.items, choices.seed))
            for name, names in {**SINGLES, "composite": COMPOSITES}.items()
            for best in (choose(judged, names),)
        },
    )


def refitted(
    one: Judged,
    judged: Mapping[str, Judged],
    train: Labelled,
    items: Labelled,
    seed: int,
    *,
    fusion: Features | None = None,
) -> Array:
    """Fit a candidate to training items, and return its logits (n,) of items; `fusion` is of these training items."""
    features = fusion or fit_fusion(train, whole=one.candidate.whole)
    network: Network = fit(one, judged, features, train, seed)
    return network.logits(features.fuse(items.embeddings, items.metrics))


def only(judged: Mapping[str, Judged], places: Places) -> dict[str, Judged]:
    """Return what is known of candidates, for some of the training items."""
    return {name: replace(one, logits=one.logits[places]) for name, one in judged.items()}


def _calibrator(drawn: Drawn, logits: Array, warnings: Warnings) -> Calibrator | None:
    places = drawn.places("calibration")
    groups = [drawn.items.groups[place] for place in places.tolist()]
    calibrator = fit_calibrator(logits[places], drawn.items.good[places])
    if calibrator is None:
        warnings.add(
            f"not calibrated: the calibration groups hold {len(places)} items, of which {LEAST_ITEMS} are needed with "
            f"{LEAST_OF_CLASS} of each class, and better ones must score higher. Scores are no probabilities"
        )
    elif not carries_over(logits[places], drawn.items.good[places], groups):
        warnings.add(
            f"not calibrated: there are {len(set(groups))} calibration groups, of which {LEAST_GROUPS} are needed, and"
            " what a calibrator learns of some must carry over to the others. Scores are no probabilities: add labels"
            " from other sources"
        )
        return None
    return calibrator


def _completed(
    manifest: HeadManifest, drawn: Drawn, chosen: Judged, calibrator: Calibrator | None, records: Sequence[DefectHead]
) -> HeadManifest:
    own, calibration = drawn.sizes()["calibration"], None
    if calibrator is not None:
        calibration = Calibration(
            method="platt" if isinstance(calibrator, Platt) else "isotonic",
            binary_cut=drawn.items.cut,
            items=own.items,
            groups=own.groups,
        )
    known = {
        "model": chosen.candidate.model,
        "fusion": "late" if chosen.candidate.part == "late" else "blocks",
        "calibrated": calibration is not None,
        "calibration": calibration,
        "defects": list(records),
    }
    return manifest.model_copy(update=known)


def described(
    drawn: Drawn, encoder: Encoder, versions: Mapping[str, str], choices: Choices, *, source: str, sha256: str
) -> HeadManifest:
    """Return the manifest as far as it is known before the head is trained.

    Args:
        drawn: The items.
        encoder: That made their embeddings.
        versions: Of metrics, by name.
        choices: What was asked for.
        source: The file of labels, by name.
        sha256: Of it.
    """
    words = (
        f"{source}: labels that people gave. Where two classes are needed, good is a label of at least "
        f"{choices.cut:g}. The calibrator is Platt's below {ISOTONIC_FROM} calibration items, and isotonic from there "
        "on. Figures under test/ are over groups that had no part in training, choice, calibration or thresholds; "
        "those under inner/ are AUCs over inner folds of the training groups, by which the candidate was chosen."
    )
    return HeadManifest(
        format=2,
        name=f"{drawn.kind}-labels",
        kind=drawn.kind,
        model="logistic",
        encoding=encoder.encoding,
        metrics=list(drawn.metrics),
        metrics_version=METRICS_VERSION,
        fusion="blocks",
        seed=choices.seed,
        labels=words,
        damages=[],
        sources=_used(drawn),
        results={},
        weights_sha256="0" * 64,
        labels_used=LabelsUsed(sha256=sha256, binary_cut=choices.cut, groups=copies.WORDS, splits=drawn.sizes()),
        metric_versions={name: versions[name] for name in drawn.metrics if versions[name] != METRICS_VERSION},
    )


def _used(drawn: Drawn) -> list[TrainingSource]:
    """Return the contents that have a part in the head's scores, so that nobody judges it by them."""
    used = drawn.places("train", "calibration").tolist()
    return [
        TrainingSource(name=one.row.name[:MAX_IDENTIFIER], sha256=one.sha256, licence="not stated", items=1)
        for one in (drawn.examples[place] for place in used)
        if one.sha256
    ]
