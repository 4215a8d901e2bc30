"""Both sides of a comparison held against labels."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from deploy.diff.judging import edges, judge
from deploy.diff.labels import Given, Labels, Target, read_file
from deploy.diff.said import Key, Said
from deploy.labels import LabelsError
from tests.unit.aggregation.records import policy, scored
from tests.unit.deploy.diffs import STRICT, parents, said

SCORES = {"good-high": 0.95, "bad-fair": 0.5, "good-fair": 0.55, "bad-low": 0.05, "good-low": 0.1}
TRUTH = {name: 1.0 if name.startswith("good") else 0.0 for name in SCORES}


def _labels(values: Mapping[str, float], probability: float | None = None) -> Labels:
    return Labels({(name, None): Given(value, probability) for name, value in values.items()})


def test_the_bad_among_accepted_and_the_good_among_rejected_are_counted_on_both_sides() -> None:
    found = judge(said(parents(SCORES)), said(parents(SCORES), STRICT), _labels(TRUTH))
    before, after = found.sides
    assert (found.labels, found.bad) == (5, 2)
    assert (before.bad_among_accepted.count, before.bad_among_accepted.of) == (1, 3)
    assert (after.bad_among_accepted.count, after.bad_among_accepted.of) == (0, 1)
    assert (before.good_among_rejected.count, before.good_among_rejected.of) == (1, 2)
    assert (found.mended, found.broken) == (1, 0)  # bad-fair goes to review
    assert before.actions[False, "accept"] == 1
    assert after.actions[False, "review"] == 1
    assert before.bad_among_accepted.low is not None
    assert before.bad_among_accepted.low < 1 / 3 < (before.bad_among_accepted.high or 0)


def test_the_edge_of_what_is_bad_can_be_moved() -> None:
    sides = said(parents(SCORES)), said(parents(SCORES))
    halves = _labels(dict.fromkeys(SCORES, 0.4))
    assert judge(*sides, halves).bad == 5
    assert judge(*sides, halves, bad_below=0.3).bad == 0


def test_labels_that_say_nothing_about_a_window_are_counted_by_cause() -> None:
    index = policy(window={"by": "index", "size": 1})
    values = [scored("cut", number, 0.9, 2) for number in range(2)]
    before = said(values, index) | said(parents({"p": 0.9, "alone": 0.9}))
    after = said(values, index) | said(parents({"p": 0.9}))
    given = _labels({"cut": 0.0, "p": 1.0, "alone": 1.0, "stranger": 1.0})
    given.by_target["cut", "index/0-0"] = Given(0.0)
    short = {key: one for key, one in after.items() if key != ("cut", "index/1-1")}  # a span that ends in its middle
    assert judge(before, short, _labels({"cut": 0.0})).labels == 0
    found = judge(before, after, given)
    assert (found.labels, found.bad) == (2, 1)
    assert sum(found.unused.values()) == 3
    assert {why.split(",")[0] for why in found.unused} == {
        "of parents with several windows",
        "of windows that are on one side alone",
        "of parents that are on neither side",
    }


def test_without_a_usable_label_there_is_no_figure_and_no_traceback() -> None:
    found = judge(said(parents(SCORES)), said(parents(SCORES)), _labels({"stranger": 1.0}))
    assert found.labels == 0
    assert found.sides[0].bad_among_accepted.share is None
    assert found.p == 1.0


def _many(seed: int, noise: float) -> tuple[dict[Key, Said], dict[str, float]]:
    """Return windows whose labels are right with the probability of their score, moved by some noise."""
    chance = np.random.default_rng(seed)
    truth = chance.random(400)
    seen = np.clip(truth + noise * chance.standard_normal(400), 0, 1)
    labels = (chance.random(400) < truth).astype(float)
    windows = said(parents({f"p{number:03}": float(score) for number, score in enumerate(seen)}))
    return windows, {f"p{number:03}": float(label) for number, label in enumerate(labels)}


def test_a_noisier_side_has_the_worse_figures() -> None:
    sharp, labels = _many(1, 0.0)
    noisy, _ = _many(1, 0.5)
    before, after = judge(sharp, noisy, _labels(labels)).sides
    assert before.auc is not None
    assert after.auc is not None
    assert before.auc > after.auc + 0.05
    assert (after.ece or 0) > 0.1 > (before.ece or 1)
    assert (before.by_chance or 0) > 0
    assert len(before.bins) == 10


def test_labels_drawn_unequally_count_with_one_over_their_probability() -> None:
    scores = {"bad": 0.9, **{f"good{number}": 0.9 for number in range(9)}}
    given: dict[Target, Given] = {
        (name, None): Given(0.0 if name == "bad" else 1.0, 0.1 if name == "bad" else 1.0) for name in scores
    }
    sides = said(parents(scores)), said(parents(scores))
    found = judge(*sides, Labels(dict(given)))
    assert found.weighted
    assert found.sides[0].bad_among_accepted.share == pytest.approx(10 / 19)
    given["bad", None] = Given(0.0)  # of one the probability is not known: none is weighted
    plain = judge(*sides, Labels(dict(given)))
    assert (plain.weighted, plain.partly) == (False, True)
    assert plain.sides[0].bad_among_accepted.share == pytest.approx(0.1)


def test_a_share_of_labels_drawn_unequally_is_no_surer_than_the_heaviest_one_lets_it_be() -> None:
    scores = {"seldom": 0.9, **{f"often{number}": 0.05 for number in range(50)}}
    given: dict[Target, Given] = {
        (name, None): Given(1.0 if name == "seldom" else 0.0, 0.01 if name == "seldom" else 1.0) for name in scores
    }
    found = judge(said(parents(scores)), said(parents(scores)), Labels(given)).sides[0].good_among_rejected
    assert (found.count, found.of, found.low) == (0, 50, 0.0)
    assert (found.high or 0) > 0.9  # fifty that were all drawn are worth half of one that was drawn once in a hundred


def test_what_people_disagree_about_is_settled_at_the_edge_of_the_rule(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("parent,label,who\np,0.4,ann\np,0.9,bob\nq,0.4,ann\nq,0.9,bob\n", encoding="utf-8")
    lenient = policy(bad_below=0.3)
    after = said(parents({"p": 0.9}), lenient)
    found = read_file(path, 0).settled(edges(after))
    assert {target: one.value for target, one in found.by_target.items()} == {("p", None): pytest.approx(0.65)}
    assert found.unusable == {"of parents on which people disagree": 1}  # of q no rule is known
    assert len(read_file(path, 0).settled(edges(after, 0.3)).by_target) == 2


def test_a_file_of_labels_is_read_and_one_that_is_wrong_is_told_by_its_lines(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("parent,label,item\np,1,\nq,cannot_judge,\nr,0.2,7\n", encoding="utf-8")
    found = read_file(path, 0).settled(lambda _: 0.5)
    assert found.by_target == {("p", None): Given(1.0)}
    assert found.unusable == {"of items": 1, "of parents that could not be judged": 1}
    path.write_text("parent,label\np,1\nq,2\n", encoding="utf-8")
    with pytest.raises(LabelsError, match="line 3"):
        read_file(path, 0)
