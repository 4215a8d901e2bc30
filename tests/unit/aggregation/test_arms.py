"""Experiments of policies: parents are decided under the rules of their arm, which their decisions name."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from aggregation import PartitionGate
from aggregation.remake import differences
from schemas import wire
from schemas.checkpoint import Checkpoint
from schemas.decisions import ArmRef, Decision
from schemas.experiments import Arm, arm_of
from schemas.policy import Experiment, Late, Policy, Rule, Thresholds
from tests.unit.aggregation.records import NOW, decisions, fed, policy, scored, taken

STRICT = Thresholds(high=0.9, medium=0.8, low=0.1)
NAME, SHARE = "sharper", 0.5
SPLIT = Policy(
    name="test",
    rules=[Rule(late=Late(rule="revise"))],
    experiment=Experiment(name=NAME, share=SHARE, thresholds=STRICT),
)
PARENTS = [f"parent-{number}" for number in range(40)]


def _arm(parent: str) -> Arm:
    return arm_of(NAME, SHARE, parent)


def _scores(parents: list[str], score: float, index: int = 0, count: int = 1) -> Iterator[bytes]:
    return (scored(parent, index, score, count) for parent in parents)


def test_each_parent_is_decided_under_the_thresholds_of_its_arm_and_says_which() -> None:
    made = decisions(fed(_scores(PARENTS, 0.75), SPLIT))
    assert {_arm(parent) for parent in PARENTS} == set(Arm)
    for one in made:
        arm = _arm(one.parent_id)
        assert one.policy.experiment == ArmRef(name=NAME, share=SHARE, arm=arm)
        assert one.action == ("accept" if arm is Arm.CONTROL else "review")
        assert one.policy.rule.thresholds == (Thresholds() if arm is Arm.CONTROL else STRICT)


def test_without_an_experiment_a_decision_names_none() -> None:
    (verdict,) = taken(fed(_scores(["clip-1"], 0.75), policy()))
    assert b"experiment" not in verdict.value
    assert Decision.model_validate_json(verdict.value).policy.experiment is None


def test_a_revision_stays_in_the_arm_of_its_parent() -> None:
    late = [scored(parent, 1, 0.05, 1) for parent in PARENTS]
    made = decisions(fed([*_scores(PARENTS, 0.95), *late], SPLIT))
    revised = [one for one in made if one.revision == 1]
    assert {one.parent_id for one in revised} == set(PARENTS)
    assert all(one.policy.experiment is not None and one.policy.experiment.arm is _arm(one.parent_id) for one in made)


@settings(max_examples=25)
@given(st.integers(0, 80))
def test_whoever_takes_over_decides_in_the_same_arms(cut: int) -> None:
    log = [*_scores(PARENTS, 0.75, 0, 2), *_scores(PARENTS, 0.75, 1, 2)]
    whole = {one.parent_id: one for one in decisions(fed(log, SPLIT))}
    first = fed(log[:cut], SPLIT)
    before = decisions(first)
    mark = first.checkpoint()
    second = PartitionGate(0, SPLIT, Checkpoint(mark.low_watermark, mark.position, mark.stream_time))
    for one in before:
        second.recall(one.to_json())
    second.apply(list(enumerate(log))[mark.low_watermark :], NOW)
    after = {one.parent_id: one for one in (*before, *decisions(second))}
    assert {parent: one.policy for parent, one in after.items()} == {p: one.policy for p, one in whole.items()}


def test_a_decision_of_either_arm_is_made_again_from_its_record() -> None:
    log = list(_scores(PARENTS, 0.75))
    records = [(offset, wire.decode(value)) for offset, value in enumerate(log)]
    for one in decisions(fed(log, SPLIT)):
        assert differences(one, records, 0) == []
