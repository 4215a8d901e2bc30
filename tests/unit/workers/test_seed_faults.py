"""Mistakes of the texts that this product began from, each by its number: heads, scores and how they are aggregated."""

from __future__ import annotations

import ast
import json
import math
import subprocess
import sys
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError

from aggregation.labels import label_of
from aggregation.methods import aggregate
from schemas.policy import Label, Method, MethodName, Thresholds
from tests.unit.workers.heads import ENCODING, METRICS, write
from workers.heads import Head
from workers.heads.errors import NonFiniteError
from workers.metrics import METRICS_VERSION

ROOT = Path(__file__).parents[3]
REFUSED = """
import sys
from pathlib import Path
from tests.unit.workers.heads import ENCODING, METRICS
from workers.heads import Head, HeadError
try:
    Head.load(Path(sys.argv[1]), ENCODING, dict.fromkeys(METRICS, "1"))
except HeadError as error:
    print("refused:", error)
"""


def load(folder: Path) -> Head:
    return Head.load(folder, ENCODING, dict.fromkeys(METRICS, METRICS_VERSION))


def inputs() -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    rng = np.random.default_rng(3)
    return rng.integers(0, 255, (7, 3)).astype(np.float32), rng.normal(0, 2, (7, len(METRICS)))


def by(name: str, **more: float) -> Method:
    return Method.model_validate({"name": name, **more})


def test_seed_faults_1_and_2_what_heads_return_can_be_printed_sent_and_aggregated(tmp_path: Path) -> None:
    """An array cannot be formatted with `.3f`, and torch's functions take no array."""
    write(tmp_path)
    scores = load(tmp_path).score(*inputs()).tolist()
    assert all(float(f"{score:.3f}") == pytest.approx(score, abs=5e-4) for score in scores)
    for name in get_args(MethodName):
        found = aggregate(scores, by(name)).score
        assert type(found) is float
        assert json.loads(json.dumps(found)) == found


def test_seed_fault_9_the_median_of_an_even_count_is_the_middle_of_both() -> None:
    assert aggregate([0.95, 0.92, 0.90, 0.10], by("median")).score == pytest.approx(0.91)


@pytest.mark.parametrize(("count", "dropped"), [(1, 0), (3, 0), (4, 1), (5, 1), (7, 1), (8, 2)])
def test_seed_fault_10_what_was_really_trimmed_is_said(count: int, dropped: int) -> None:
    found = aggregate([place / count for place in range(count)], by("trimmed_mean", trim=0.25))
    assert found.effective_trim == pytest.approx(dropped / count)


def test_seed_fault_11_an_unknown_method_and_empty_input_are_errors() -> None:
    with pytest.raises(ValidationError, match="name"):
        by("mode")
    with pytest.raises(ValueError, match="no score"):
        aggregate([], by("mean"))


@pytest.mark.parametrize("edge", [0.2, 0.4, 0.7])
def test_seed_fault_12_bands_have_no_gaps(edge: float) -> None:
    bands = [Label.REJECTED, Label.LOW, Label.MEDIUM, Label.HIGH]
    above, below = (label_of(score, Thresholds()) for score in (edge, math.nextafter(edge, 0)))
    assert bands.index(above) == bands.index(below) + 1


def test_seed_fault_13_nan_is_an_error_and_not_a_rejection(tmp_path: Path) -> None:
    write(tmp_path)
    embeddings, metrics = inputs()
    embeddings[2, 1] = math.nan
    with pytest.raises(NonFiniteError) as caught:
        load(tmp_path).score(embeddings, metrics)
    assert caught.value.rows == (2,)
    with pytest.raises(ValueError, match="must be in"):
        label_of(math.nan, Thresholds())


def test_seed_fault_14_a_label_is_that_of_the_score_that_is_kept() -> None:
    kept = json.loads(json.dumps(aggregate([0.6996], by("mean")).score))
    assert kept == 0.6996
    assert label_of(kept, Thresholds()) is Label.MEDIUM


@pytest.mark.parametrize("package", ["schemas", "workers", "aggregation"])
def test_seed_fault_25_no_check_is_an_assert(package: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in sorted((ROOT / package).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Assert)
    ]
    assert found == []


def test_seed_fault_25_checks_hold_under_dash_o(tmp_path: Path) -> None:
    write(tmp_path)
    weights = tmp_path / "head.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    ran = subprocess.run(
        [sys.executable, "-O", "-c", REFUSED, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ran.stdout.startswith("refused:"), ran.stderr


def test_seed_fault_28_few_bad_items_show_where_the_median_hides_them() -> None:
    scores = [0.9] * 6 + [0.05] * 4
    assert aggregate(scores, by("median")).score == 0.9
    assert aggregate(scores, by("quantile", q=0.1)).score < 0.1
    assert aggregate(scores, by("share_below", threshold=0.4)).score == pytest.approx(0.6)
