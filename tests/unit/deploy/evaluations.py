"""A made-up evaluation of a head, for the report: pictures that are written for it, labels, scores."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from workers.heads.networks import sigmoid
from workers.training.evaluation import CurvePoint, EpochLoss, Evaluation, ItemResult, ParentResult, Split

SPLITS: tuple[Split, ...] = ("train", "train", "calibration", "threshold", "test", "test", "test", "test")


def made_up(folder: Path, groups: int = 96, each: int = 5, *, files: int = 40) -> Evaluation:
    """Return an evaluation in which the head is somewhat better than the metrics, and calibrated."""
    rng = np.random.default_rng(4)
    paths = [_picture(folder / f"picture-{number}.jpg", rng) for number in range(files)]
    items: list[ItemResult] = []
    for group in range(groups):
        for place in range(each):
            truth = float(rng.uniform(-2, 2) + rng.normal(0, 0.3))
            raw, base = truth * 2.5 + rng.normal(0, 1.5), truth + rng.normal(0, 1.6)
            bad = bool(rng.random() > sigmoid(np.array([truth * 1.8]))[0])
            path = paths[len(items) % files]
            items.append(
                ItemResult(
                    name=f"<b>{path.name}",
                    path=path,
                    group=f"source {group}",
                    split=SPLITS[group % len(SPLITS)],
                    label=0.1 if bad else 0.9,
                    score=float(sigmoid(np.array([raw * 0.55]))[0]),
                    raw_score=float(sigmoid(np.array([raw]))[0]),
                    baseline_score=float(sigmoid(np.array([base]))[0]),
                    reasons=("blurry",) if raw < 0 else (),
                    defects=(("noisy", "blurry")[place % 2],) if bad else (),
                )
            )
    return Evaluation(
        kind="video-frame",
        name="video-frame-0123abcd",
        encoder="efficientnet-lite0, pooled",
        seed=7,
        binary_cut=0.5,
        items=tuple(items),
        losses=tuple(EpochLoss(n, 0.65 * 0.9**n + 0.1, 0.6 * 0.92**n + 0.02 * n) for n in range(1, 13)),
        candidates={"metrics": 0.86, "metrics-mlp": 0.85, "blocks": 0.91, "guide": 0.79, "blocks-mlp": 0.9},
        thresholds={"accept": 0.62, "reject": 0.18},
        curve=tuple(
            CurvePoint(labels, model, high - 3 / labels, high - 6 / labels - 0.02, high - 1 / labels + 0.02)
            for labels in (50, 100, 200, 400)
            for model, high in (("metrics", 0.87), ("blocks", 0.92), ("blocks-mlp", 0.93))
        ),
        defects={"noisy": 0.93, "blurry": 0.88},
        parents=tuple(
            ParentResult(
                f"clip {n}", paths[0], f"source {n}", float(n % 3 > 0), "median", 9, 0.3 + 0.2 * (n % 3), 0.66, True
            )
            for n in range(24)
        ),
        counts={"items/train": 120, "groups/train": 24, "encoder_calls": 480, "cached": 0},
        calibrated=True,
        calibration="Platt, on 60 items of 12 groups",
        held_out={"auc": 0.9, "auc_metrics": 0.86, "auc_embedding": 0.84, "auc_composite": 0.9, "ece": 0.04},
        notes=("3 near copies were joined with their groups.",),
        chosen="blocks",
    )


def _picture(path: Path, rng: np.random.Generator) -> Path:
    grid = rng.integers(0, 255, (4, 6, 3), dtype=np.uint8)
    cv2.imwrite(str(path), cv2.resize(grid, (180, 120), interpolation=cv2.INTER_CUBIC))
    return path
