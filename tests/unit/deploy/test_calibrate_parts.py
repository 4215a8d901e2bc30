"""The parts of a calibration: what counts as accepted, the edges of a policy, joining, audits. Pure."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregation import label_of
from deploy.calibrate.acceptance import NEVER, accept_edge, score_of
from deploy.calibrate.audited import Wanted, audited
from deploy.calibrate.edges import with_edge, with_edges
from deploy.calibrate.joining import Terms, join
from deploy.calibrate.plots import curves
from schemas.policy import Action, Label, Policy, Rule, Thresholds
from tests.unit.aggregation.records import failed, fed, only, policy, scored
from tests.unit.deploy.calibrations import (
    AT,
    Parent,
    decided,
    label,
    parents,
)
from workers.guarantee import Sample


def test_what_no_score_decides_is_never_accepted_and_an_early_decision_counts_at_its_worse_bound() -> None:
    assert score_of(only(fed([failed("a", 0, 1)], policy(completeness={"failed_as": "missing"}))), bad=True) == NEVER
    flagged = only(fed([scored("a", 0, 0.9, 1, flags=("odd",))], policy()))
    assert score_of(flagged, bad=False) == NEVER
    plain = only(fed([scored("a", 0, 0.1, 1, calibrated=False)], policy()))
    assert plain.action == Action.REVIEW  # a head that is not calibrated may not reject
    assert score_of(plain, bad=True) == 0.1
    rule = policy(method={"name": "mean"}, early=True, completeness={"max_missing": 1.0})
    early = only(fed([scored("a", n, 0.9, 4) for n in range(3)], rule))
    assert early.cause == "early"
    assert early.bounds is not None
    assert (score_of(early, bad=True), score_of(early, bad=False)) == (early.bounds.upper, early.bounds.lower)


_LABELS = st.sampled_from([0, 1, 2, 3, 4])
_EDGES = st.lists(st.floats(0.01, 1.0), min_size=3, max_size=3, unique=True).map(sorted)


@given(_EDGES, _LABELS, st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_a_rule_with_another_edge_accepts_from_it_on_and_rejects_no_more_than_before(
    edges: list[float], accepted: int, threshold: float, score: float
) -> None:
    low, medium, high = edges
    actions = {
        one: Action.ACCEPT if place < accepted else Action.REJECT if one == Label.REJECTED else Action.REVIEW
        for place, one in enumerate(Label)
    }
    rule = Rule(thresholds=Thresholds(high=high, medium=medium, low=low), actions=actions)
    made = with_edge(rule, threshold)
    Rule.model_validate(made.model_dump())
    before = rule.actions[label_of(score, rule.thresholds)]
    after = made.actions[label_of(score, made.thresholds)]
    assert (after == Action.ACCEPT) == (score >= max(threshold, 1e-6))
    assert after != Action.REJECT or before == Action.REJECT


def test_a_scope_without_a_rule_gets_one_and_nothing_changes_elsewhere() -> None:
    base = Policy(name="t", rules=[Rule(), Rule(source="s", idle_ms=7)])
    made = Policy.model_validate(with_edges(base, [(("image", "*"), 0.9)]).model_dump())
    assert accept_edge(made.rule_for("image", "other")) == 0.9
    for kind, source in (("image", "s"), ("text", "s"), ("text", "other")):
        one, other = made.rule_for(kind, source), base.rule_for(kind, source)
        assert one.model_dump(exclude={"kind", "source"}) == other.model_dump(exclude={"kind", "source"})


def test_labels_are_joined_with_the_last_revision_of_their_window() -> None:
    made = decided([Parent("a", 0.9, bad=False), Parent("b", 0.9, bad=False)])
    a, b = made
    windows = {"a": {"whole": a}, "b": {"x": b, "y": b.model_copy(update={"window": "y"})}}
    given_labels = [
        label("a", 0.3, probability=1.0),
        label("a", 0.8, item_id="a/0"),
        label("b", 0.8, probability=1.0),
        label("b", 0.1, probability=1.0, window="y"),
        label("b", 0.1, probability=1.0, window="z"),
        label("c", 0.1),
    ]
    found = join(given_labels, windows, Terms(policy()))
    assert [(row.decision.parent_id, row.decision.window, row.bad) for row in found.rows] == [
        ("a", "whole", True),
        ("b", "y", True),
    ]
    assert dict(found.left_out) == {"of_items": ["a"], "which_window": ["b"], "unknown": ["b", "c"]}


def test_the_watch_uses_audits_alone_in_the_order_of_their_labels() -> None:
    material = parents(300, good=1.0)
    made = decided(material, policy(audit={"accept": 0.5}))
    windows = {one.parent_id: {one.window: one} for one in made}
    drawn = [one.parent_id for one in made if one.audit is not None and one.audit.selected]
    others = [one.parent_id for one in made if one.action == Action.ACCEPT and one.parent_id not in drawn]
    given_labels = [label(name, 0.9, at=AT + 100 - place) for place, name in enumerate(drawn[:50])]
    found = audited([*given_labels, label(others[0], 0.0)], windows, Wanted())
    assert [one.decision.parent_id for one in found.found] == drawn[:50][::-1]
    assert {one.probability for one in found.found} == {0.5}
    assert (found.not_drawn, sorted(found.waiting)) == ([others[0]], sorted(drawn[50:]))


def test_the_figure_shows_what_each_threshold_would_accept() -> None:
    sample = Sample(np.array([0.9, 0.5, 0.5, NEVER]), np.array([False, True, False, True]), np.array([1.0, 0.5, 1, 1]))
    thresholds, accepted, risk = curves(sample)
    at = {round(float(edge), 3): (a, r) for edge, a, r in zip(thresholds, accepted, risk, strict=True)}
    assert at[0.5] == at[0.0] == pytest.approx((4 / 5, 0.5))
    assert at[0.502] == pytest.approx((1 / 5, 0.0))
    assert at[1.0][0] == 0.0
    assert np.isnan(at[1.0][1])


def test_an_experiments_other_arm_neither_says_which_head_is_judged_nor_stays_in_the_policy() -> None:
    split = {"name": "e", "share": 0.5, "thresholds": {"high": 0.3, "medium": 0.2, "low": 0.1}}
    base = Policy.model_validate({"name": "t", "rules": [{}], "experiment": split})
    made = decided([Parent(f"p{n}", 0.9, bad=False) for n in range(20)], base)
    arms = {one.parent_id: one.policy.experiment.arm for one in made if one.policy.experiment is not None}
    assert set(arms.values()) == {"control", "candidate"}
    candidate = [one.model_copy(update={"scorers": ("other",)}) for one in made if arms[one.parent_id] == "candidate"]
    control = [one for one in made if arms[one.parent_id] == "control"]
    windows = {one.parent_id: {"whole": one} for one in (*control, *candidate)}
    found = join([label(name, 0.9, probability=1.0) for name in arms], windows, Terms(base))
    assert {row.decision.parent_id for row in found.rows} == {one.parent_id for one in control}
    assert found.left_out["other_scorer"] == [name for name in arms if arms[name] == "candidate"]
    assert with_edges(base, [(("*", "*"), 0.9)]).experiment is None
