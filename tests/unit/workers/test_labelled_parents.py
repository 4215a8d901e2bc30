from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from aggregation.methods import aggregate
from schemas.policy import Method
from tests.unit.workers.labelled import row
from workers.training.gathering import ParentExample
from workers.training.parentlabels import Methods, ScoredParents, fit_parents, logit
from workers.training.problems import Warnings


def parents(count: int, seed: int = 0) -> ScoredParents:
    """Return parents of ten items each: bad ones have three bad items, of which their median tells little."""
    rng = np.random.default_rng(seed)
    made, scores = [], []
    for place in range(count):
        bad = bool(place % 2)
        own = rng.uniform(0.5, 1.0, 10)
        own[: 3 * bad] = rng.uniform(0.0, 0.4, 3 * bad)
        name = row(place + 2, 0.1 if bad else 0.9, of_parent=True, name=f"{place}.mp4")
        made.append(ParentExample(name, "video-frame", (), (), 0))
        scores.append(own)
    return ScoredParents(tuple(made), tuple(scores), tuple(f"p{place}" for place in range(count)), 0.5)


def methods() -> Methods:
    def quality_by(method: Method) -> Callable[[Sequence[float]], float]:
        return lambda scores: aggregate(scores, method).score

    return {name: quality_by(Method.model_validate({"name": name})) for name in ("mean", "median", "min", "quantile")}


def test_labels_of_parents_calibrate_each_method_and_suggest_thresholds() -> None:
    own = parents(120)
    fits = fit_parents(own, "video-frame", methods(), 0, Warnings())
    assert [fit.method for fit in fits] == ["mean", "median", "min", "quantile"]
    for fit in fits:
        assert fit.record is not None
        assert (fit.record.parents, fit.record.groups) == (120, 120)
        assert not np.isnan(fit.probabilities).any()
    best = next(fit for fit in fits if fit.method == "min")
    assert best.record is not None
    assert best.record.results["auc"] > 0.99
    assert best.record.results["ece"] < best.record.results["ece_of_quality"]
    assert 0 < best.record.thresholds["low"] < best.record.thresholds["medium"] < best.record.thresholds["high"] < 1


def test_few_labels_of_parents_leave_the_quality_a_quality() -> None:
    warnings = Warnings()
    fits = fit_parents(parents(12), "video-frame", methods(), 0, warnings)
    assert all(fit.record is None and np.isnan(fit.probabilities).all() for fit in fits)
    assert "12 labelled parents" in warnings.texts[0]
    assert "20 are needed" in warnings.texts[0]
    assert "no probability" in warnings.texts[0]


def test_qualities_of_0_and_1_have_logits() -> None:
    assert np.isfinite(logit(np.array([0.0, 0.5, 1.0]))).all()


def test_methods_are_those_of_policies_seed_faults_9_to_12() -> None:
    from deploy.labelled import methods as of_policy  # noqa: PLC0415
    from deploy.policyfiles import load  # noqa: PLC0415

    own = of_policy(load(), "video-frame")
    scores: Sequence[float] = [0.95, 0.92, 0.90, 0.10]
    assert own["median"](scores) == pytest.approx(0.91)
    assert own["min"](scores) == 0.10
    assert own["trimmed_mean"]([0.2, 0.4, 0.9]) == pytest.approx(0.5)
    assert set(own) == {"mean", "median", "min", "trimmed_mean", "quantile", "share_below"}
    with pytest.raises(ValueError, match="no score"):
        own["mean"]([])
