from __future__ import annotations

import hashlib
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.experiments import Arm, arm_of
from schemas.policy import Experiment, Policy, Rule, Thresholds
from schemas.windows import IndexRanges

STRICT = Thresholds(high=0.9, medium=0.8, low=0.5)


def test_an_arm_follows_from_the_names_alone_by_sha256() -> None:
    digest = hashlib.sha256(b"sharper\nclip-1").digest()
    drawn = int.from_bytes(digest[:8], "big") / 2**64
    assert arm_of("sharper", drawn + 1e-9, "clip-1") is Arm.CANDIDATE
    assert arm_of("sharper", drawn - 1e-9, "clip-1") is Arm.CONTROL


def test_arms_have_their_shares_and_experiments_split_apart() -> None:
    parents = [f"parent-{number}" for number in range(20_000)]
    one, other = ([arm_of(name, 0.3, parent) for parent in parents] for name in ("one", "other"))
    assert sum(arm is Arm.CANDIDATE for arm in one) == pytest.approx(6_000, abs=250)
    both = Counter(zip(one, other, strict=True))
    assert both[Arm.CANDIDATE, Arm.CANDIDATE] == pytest.approx(1_800, abs=160)


@given(st.text(min_size=1), st.floats(0.01, 0.98), st.floats(0.001, 0.01))
def test_a_larger_share_keeps_who_was_in_the_candidates_arm(parent: str, share: float, more: float) -> None:
    if arm_of("sharper", share, parent) is Arm.CANDIDATE:
        assert arm_of("sharper", share + more, parent) is Arm.CANDIDATE


def test_the_candidates_thresholds_apply_in_every_rule_of_its_arm() -> None:
    policy = Policy(
        name="night",
        rules=[Rule(), Rule(kind="image", idle_ms=1)],
        experiment=Experiment(name="sharper", share=0.5, thresholds=STRICT),
    )
    assert policy.rule_for("image", "lab", Arm.CANDIDATE) == Rule(kind="image", idle_ms=1, thresholds=STRICT)
    assert policy.rule_for("other", "lab", Arm.CANDIDATE) == Rule(thresholds=STRICT)
    assert policy.rule_for("image", "lab") == policy.rule_for("image", "lab", Arm.CONTROL) == policy.rules[1]


def test_the_candidates_rule_takes_the_place_of_the_one_for_its_kind_and_source() -> None:
    own = Rule(kind="image", thresholds=STRICT)
    beside = Rule(source="lab", thresholds=STRICT)
    policy = Policy(
        name="night",
        rules=[Rule(), Rule(kind="image", source="clinic"), Rule(kind="image")],
        experiment=Experiment(name="sharper", share=0.5, rules=[own, beside]),
    )
    assert policy.rule_for("image", "lab", Arm.CANDIDATE) == own
    assert policy.rule_for("image", "clinic", Arm.CANDIDATE) == policy.rules[1]
    assert policy.rule_for("video-frame", "lab", Arm.CANDIDATE) == beside
    assert policy.rule_for("video-frame", "lab") == policy.rules[0]


@pytest.mark.parametrize(
    ("experiment", "told"),
    [
        ({"rules": [{"window": {"by": "index", "size": 10}}]}, "must have the window"),
        ({"rules": [{"items": [{"name": "short", "when": {"check": "duplicate"}, "then": "skip"}]}]}, "the items of"),
        ({"rules": [{}, {}]}, "two rules for one kind and source"),
        ({"rules": [{}], "thresholds": {"high": 0.9}}, "not both"),
        ({"share": 1.0}, "less than 1"),
        ({"name": "two words"}, "match pattern"),
    ],
)
def test_a_candidate_that_cannot_be_compared_is_refused(experiment: dict[str, object], told: str) -> None:
    document = {"name": "night", "rules": [{}], "experiment": {"name": "sharper", "share": 0.5, **experiment}}
    with pytest.raises(ValidationError, match=told):
        Policy.model_validate(document)
    assert Policy.model_validate(document | {"experiment": None}).arm_for("clip-1") is None


def test_a_rule_for_a_kind_that_is_cut_takes_the_window_that_applies_there() -> None:
    cut = Rule(kind="video-frame", window=IndexRanges(size=10))
    allowed = Rule(kind="video-frame", source="lab", window=IndexRanges(size=10), thresholds=STRICT)
    Policy(name="night", rules=[Rule(), cut], experiment=Experiment(name="sharper", share=0.5, rules=[allowed]))
