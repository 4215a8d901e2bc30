"""What a trained head is worth: figures on groups that it has never seen, and all that a report shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np

from schemas.heads import ParentCalibration
from workers.heads import Features
from workers.heads.networks import sigmoid
from workers.training.calibrating import thresholds
from workers.training.candidates import Judged
from workers.training.curves import Judged as CurvePart
from workers.training.curves import learning_curve
from workers.training.drawn import Choices, Drawn
from workers.training.evaluation import CurvePoint, EpochLoss, Evaluation, ItemResult, ParentResult
from workers.training.fitting import SINGLES, Fitted, Progress, only, refitted
from workers.training.gathering import ParentExample
from workers.training.labelled import Array, Places
from workers.training.learning import fit_fusion
from workers.training.parentlabels import Methods, ParentFit, ScoredParents, fit_parents
from workers.training.problems import Warnings
from workers.training.statistics import UndefinedError, auc, cluster_bootstrap, ece, ece_by_chance

_LOSSES_OF: Final = "blocks-mlp"  # whose losses are shown where what was chosen has no epochs
_CURVE_OF: Final = ("metrics", "blocks", "blocks-mlp")  # of one form, so that they share a fusion
_LEAST_GAIN: Final = 0.0005  # of an AUC: less is nothing in three decimals


@dataclass(frozen=True, slots=True, eq=False)
class Verdict:
    """Figures for the manifest, all data for the report, and the calibrators of parents."""

    results: dict[str, float]
    evaluation: Evaluation
    parents: tuple[ParentCalibration, ...]


def evaluate(
    drawn: Drawn, fitted: Fitted, choices: Choices, *, methods: Methods, warnings: Warnings, progress: Progress
) -> Verdict:
    """Judge a head on its test groups, and fit what labels of parents are good for."""
    held_out, finding = _held_out(drawn, fitted, choices.seed)
    warnings.notes.append(finding)
    if held_out.get("ece", 0.0) > max(held_out.get("ece_uncalibrated", 0.0), held_out.get("ece_by_chance", 0.0)):
        warnings.add(
            f"the calibrator makes the score a worse probability on the test groups: ECE {held_out['ece']:.3f}, and "
            f"{held_out['ece_uncalibrated']:.3f} before. Its {drawn.sizes()['calibration'].groups} groups tell too "
            "little of others: add labels from other sources"
        )
    known = drawn.places("threshold")
    cuts = thresholds(fitted.scores[known], drawn.items.good[known])
    if len(cuts) < 2:  # noqa: PLR2004 (accept and reject)
        warnings.add(f"{len(known)} threshold items suffice for {' and '.join(cuts) or 'no threshold'} alone")
    curve = _curve(drawn, fitted, choices, progress) if choices.curve else ()
    scored, fits = _parents(drawn, fitted, methods, choices, warnings)
    encoding = fitted.head.manifest.encoding
    evaluation = Evaluation(
        kind=drawn.kind,
        name=f"{drawn.kind}-labels",
        encoder=f"{encoding.name}: {', '.join(encoding.layers)}; {encoding.pooling}; {encoding.dimension} numbers",
        seed=choices.seed,
        binary_cut=choices.cut,
        items=_items(drawn, fitted),
        losses=_losses(fitted),
        candidates={name: round(one.auc, 4) for name, one in fitted.judged.items()},
        thresholds=cuts,
        curve=curve,
        defects={one.name: one.auc for one in fitted.head.manifest.defects if one.auc is not None},
        parents=tuple(_of_parents(scored, fits)) if scored else (),
        counts=_counts(drawn),
        calibrated=fitted.head.calibrated,
        calibration=_words(fitted),
        held_out=held_out,
        notes=(*warnings.notes, *warnings.texts),
        chosen=fitted.chosen.candidate.name,
    )
    results = {f"inner/{name}": round(one.auc, 4) for name, one in fitted.judged.items()}
    results |= {f"test/{name}": round(value, 4) for name, value in held_out.items()}
    results |= {f"threshold/{name}": value for name, value in cuts.items()}
    return Verdict(results, evaluation, tuple(one.record for one in fits if one.record is not None))


def _held_out(drawn: Drawn, fitted: Fitted, seed: int) -> tuple[dict[str, float], str]:
    """Return figures on the test groups, and in words whether both together beat the best of them alone."""
    places = drawn.places("test")
    truth = drawn.items.good[places].astype(np.float64)
    groups = [drawn.items.groups[place] for place in places.tolist()]
    found = {"auc": auc(truth, fitted.scores[places])}
    found |= {f"auc_{name}": auc(truth, logits[places]) for name, (_, logits) in fitted.rivals.items()}
    if fitted.head.calibrated:
        found["ece"] = ece(truth, fitted.scores[places])
        found["ece_by_chance"] = ece_by_chance(fitted.scores[places], seed=seed)
        found["ece_uncalibrated"] = ece(truth, fitted.raw[places])
    single = max(SINGLES, key=lambda name: fitted.rivals[name][0].auc)  # by inner folds, not by what judges
    pair = np.stack([fitted.rivals[name][1][places] for name in ("composite", single)], axis=1)
    gain = found["auc_composite"] - found[f"auc_{single}"]
    interval = ""
    try:
        spread = cluster_bootstrap(_difference, truth, pair, groups, seed=seed)
    except UndefinedError:
        low = -np.inf
    else:
        low = spread.low
        found |= {"composite_gain": gain, "composite_gain_low": low, "composite_gain_high": spread.high}
        interval = f" [{low:+.3f}, {spread.high:+.3f}]"
    verb = "beat" if low > 0 else "are better than, within chance," if gain > _LEAST_GAIN else "do not beat"
    return found, (
        f"Embedding and cheap metrics together ({fitted.rivals['composite'][0].candidate.name}) {verb} the better "
        f"one alone ({fitted.rivals[single][0].candidate.name}) on held-out groups: AUC {found['auc_composite']:.3f} "
        f"against {found[f'auc_{single}']:.3f}, {gain:+.3f}{interval}."
    )


def _difference(truth: Array, pair: Array) -> float:
    return auc(truth, pair[:, 0]) - auc(truth, pair[:, 1])


def _items(drawn: Drawn, fitted: Fitted) -> tuple[ItemResult, ...]:
    head, items = fitted.head, drawn.items
    baseline = sigmoid(fitted.rivals["metrics"][1])
    defects = head.defects(items.embeddings, items.metrics)
    return tuple(
        ItemResult(
            name=one.row.name,
            path=one.row.path,
            group=items.groups[place],
            split=drawn.splits[place],
            label=float(items.labels[place]),
            score=float(fitted.scores[place]),
            raw_score=float(fitted.raw[place]),
            baseline_score=float(baseline[place]),
            reasons=head.reasons(float(fitted.scores[place]), items.metrics[place], items.embeddings[place]),
            defects=one.row.defects or (),
            defect_scores={name: float(values[place]) for name, values in defects.items()} or None,
        )
        for place, one in enumerate(drawn.examples)
    )


def _losses(fitted: Fitted) -> tuple[EpochLoss, ...]:
    one: Judged = fitted.chosen if fitted.chosen.train is not None else fitted.judged[_LOSSES_OF]
    if one.train is None or one.held_out is None:
        return ()
    pairs = zip(one.train.tolist(), one.held_out.tolist(), strict=True)
    return tuple(EpochLoss(epoch, train, held_out) for epoch, (train, held_out) in enumerate(pairs, 1))


def _counts(drawn: Drawn) -> dict[str, int]:
    found: dict[str, int] = {}
    for split, size in drawn.sizes().items():
        found |= {f"items/{split}": size.items, f"groups/{split}": size.groups, f"good/{split}": size.good}
    return found


def _words(fitted: Fitted) -> str:
    own = fitted.head.manifest.calibration
    if own is None:
        return "not calibrated: a score is no probability"
    return (
        f"{own.method}, on {own.items} items of {own.groups} groups that the head was not trained on: a score is the "
        f"probability that the label is at least {own.binary_cut:g}"
    )


def _curve(drawn: Drawn, fitted: Fitted, choices: Choices, progress: Progress) -> tuple[CurvePoint, ...]:
    """Return the AUC on the test groups, for ever more labels: of both models, and of the cheap metrics alone."""
    train, test = (drawn.items.take(drawn.places(split)) for split in ("train", "test"))
    fusions: dict[bytes, Features] = {}

    def fit_of(name: str, rows: Places, seed: int) -> Array:
        own, mark = train.take(rows), rows.tobytes()
        fusion = fusions[mark] = fusions.get(mark) or fit_fusion(own)
        return refitted(fitted.judged[name], only(fitted.judged, rows), own, test, seed, fusion=fusion)

    parts = [CurvePart(own.good.astype(np.float64), own.groups) for own in (train, test)]
    fits = {name: partial(fit_of, name) for name in _CURVE_OF}
    return learning_curve(fits, *parts, seed=choices.seed, progress=partial(progress, "curve"))


def _parents(
    drawn: Drawn, fitted: Fitted, methods: Methods, choices: Choices, warnings: Warnings
) -> tuple[ScoredParents | None, Sequence[ParentFit]]:
    """Return labelled parents that share no group with what the head was trained on, and what each method makes."""
    seen = drawn.groups("train", "calibration")
    pairs = zip(drawn.parents, drawn.parent_groups, strict=True)
    fresh = [(one, group) for one, group in pairs if group not in seen]
    if len(fresh) < len(drawn.parents):
        lost = [str(one.row) for one, group in zip(drawn.parents, drawn.parent_groups, strict=True) if group in seen]
        warnings.add("parents that share a group with what the head was trained or calibrated on are not used", lost)
    scored = [(one, group, _scores(one, fitted)) for one, group in fresh]
    kept = [each for each in scored if len(each[2])]
    if not kept:
        return None, ()
    examples, groups, scores = (tuple(column) for column in zip(*kept, strict=True))
    parents = ScoredParents(examples, scores, groups, choices.cut)
    return parents, fit_parents(parents, drawn.kind, methods, choices.seed, warnings)


def _scores(parent: ParentExample, fitted: Fitted) -> Array:
    """Return the scores of a parent's items, those left out whose metrics are not all there."""
    names = fitted.head.manifest.metrics
    whole = [own for own in parent.entries if all(name in own.metrics for name in names)]
    if not whole:
        return np.zeros(0)
    metrics = np.array([[own.metrics[name] for name in names] for own in whole], dtype=np.float64)
    return fitted.head.score(np.stack([own.embedding for own in whole]), metrics)


def _of_parents(parents: ScoredParents, fits: Sequence[ParentFit]) -> Sequence[ParentResult]:
    return [
        ParentResult(
            name=one.row.name,
            path=one.row.path,
            group=parents.groups[place],
            label=one.row.label,
            method=fit.method,
            items=len(parents.scores[place]),
            quality=float(fit.qualities[place]),
            probability=None if np.isnan(fit.probabilities[place]) else float(fit.probabilities[place]),
            held_out=not np.isnan(fit.probabilities[place]),
        )
        for fit in fits
        for place, one in enumerate(parents.examples)
    ]


def per_split(counts: Mapping[str, int]) -> dict[str, tuple[int, int, int]]:
    """Return (items, groups, good) of each split, from an evaluation's counts."""
    splits = [name.removeprefix("items/") for name in counts if name.startswith("items/")]
    return {split: (counts[f"items/{split}"], counts[f"groups/{split}"], counts[f"good/{split}"]) for split in splits}
