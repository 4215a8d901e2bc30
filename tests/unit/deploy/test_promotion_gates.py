"""What is refused, and with which reason."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.promotion.candidate import Candidate
from deploy.promotion.gates import evidence_of, judged
from deploy.promotion.live import Ledger, Live, refuted_of
from deploy.promotion.proof import Proof, Suite
from deploy.promotion.steps import ACCEPT_EDGE, accept_edge, steps
from schemas.alarms import RiskAlarm
from schemas.policy import Policy
from tests.unit.deploy import promoted
from tests.unit.deploy.promoted import KIND, NEW, OLD, OTHER, canary, case, cases, head, live, part, policy, risk

NEW_POLICY = Candidate(policy=policy(0.45))
NEW_HEAD = Candidate(head=head())
PAIR = Candidate(policy=policy(0.45), head=head())
IN_FORCE = live(policy(0.4))
FOR_HEAD = live(policy(0.45), ledger=Ledger(releases={KIND: promoted.released(OLD)}))


def problems(candidate: Candidate, proof: Proof, place: Live = IN_FORCE) -> dict[str, str]:
    """Return the reasons of each gate that is red."""
    gates = judged(candidate, proof, place)
    return {gate.name: "; ".join(gate.problems) for gate in gates if not gate.passed}


@pytest.mark.parametrize(
    ("candidate", "place"), [(NEW_POLICY, IN_FORCE), (NEW_HEAD, FOR_HEAD), (PAIR, FOR_HEAD), (PAIR, IN_FORCE)]
)
def test_what_everything_speaks_for_is_green_and_its_evidence_is_kept(candidate: Candidate, place: Live) -> None:
    proof = promoted.proof(candidate)
    assert problems(candidate, proof, place) == {}
    evidence = evidence_of(candidate, proof, place.before(candidate.policy))
    assert evidence.risk is not None
    assert (evidence.risk.threshold, evidence.risk.labels) == (0.45, 400)
    assert evidence.testcases is not None
    assert evidence.testcases.passed == 1
    assert [one.scorer for one in evidence.canaries] == [NEW if candidate.head else OLD]


def test_canaries_of_a_policy_may_be_left_out_and_the_audit_says_so_and_those_of_a_head_may_not() -> None:
    proof = promoted.proof(NEW_POLICY, canaries=(), without_canaries=True)
    assert problems(NEW_POLICY, proof) == {}
    assert judged(NEW_POLICY, proof, IN_FORCE)[0].told == "those of the heads in force left out (--no-canaries)"
    assert evidence_of(NEW_POLICY, proof, policy(0.4)).canaries_left_out
    assert list(problems(PAIR, promoted.proof(PAIR, canaries=(), without_canaries=True))) == ["canaries"]


def test_the_cases_that_each_promotion_has_to_pass_are_known_by_what_they_say() -> None:
    proof = promoted.proof(NEW_POLICY, suite=Suite(Path("needed.yaml"), OTHER))
    assert problems(NEW_POLICY, proof) == {}


@pytest.mark.parametrize(
    ("wrong", "gate", "said"),
    [
        ({"cases": None}, "test cases", "no result of test cases"),
        ({"cases": cases(NEW_POLICY, case("failed"))}, "test cases", "blurred: failed"),
        ({"cases": cases(NEW_POLICY, case(), case("too_few", "dark"))}, "test cases", "dark: too few"),
        ({"cases": cases(NEW_POLICY, policy=None)}, "test cases", "not under this one"),
        ({"cases": cases(Candidate(policy=policy(0.44)))}, "test cases", "they were run under policy"),
        ({"risk": None}, "risk", "no calibration"),
        ({"risk": risk(policy(0.45), part(None))}, "risk", "nothing can be accepted"),
        ({"risk": risk(policy(0.45), part(0.5))}, "risk", "holds from 0.5, and night accepts from 0.45"),
        ({"risk": risk(policy(0.45, method={"name": "min"}))}, "risk", "makes other scores"),
        ({"risk": risk(policy(0.45, bad_below=0.3))}, "risk", "makes other scores"),
        ({"max_step": 0.04}, "step", "thresholds.medium from 0.4 to 0.45"),
        ({"canaries": (canary(OLD, passed=False),)}, "canaries", "3 of 32 differ"),
        ({"canaries": ()}, "canaries", "no canaries of video-frame were scored: name the folder"),
        (
            {"canaries": (canary(OTHER),)},
            "canaries",
            f"is scorer {OTHER[:12]}, and the labels are of scores by {OLD[:12]}",
        ),
        (
            {"cases": cases(NEW_POLICY, scorers={KIND: (OTHER,)})},
            "test cases",
            "and it would be aaaaaa",
        ),
        ({"cases": cases(NEW_POLICY, equally_drawn=True)}, "test cases", "without --equally-drawn"),
        ({"suite": Suite(Path("needed.yaml"), NEW)}, "test cases", "sluice testcases run needed.yaml"),
    ],
)
def test_a_policy_is_refused_with_the_reason(wrong: dict[str, Any], gate: str, said: str) -> None:
    found = problems(NEW_POLICY, promoted.proof(NEW_POLICY, **wrong))
    assert list(found) == [gate]
    assert said in found[gate]


@pytest.mark.parametrize(
    ("wrong", "gate", "said"),
    [
        ({"canaries": ()}, "canaries", "were not scored"),
        ({"canaries": (canary(OTHER),)}, "canaries", "were not scored"),
        ({"canaries": (canary(passed=False),)}, "canaries", "3 of 32 differ"),
        ({"cases": cases(NEW_POLICY, policy=None)}, "test cases", "without this head"),
        ({"cases": cases(Candidate(head=head(OTHER)))}, "test cases", f"by {OTHER[:12]}, and it would be"),
        ({"cases": cases(replace(NEW_HEAD, policy=policy(0.3)))}, "test cases", "the one in force"),
        (
            {"cases": cases(NEW_HEAD, policy_digests=(OTHER,))},
            "test cases",
            f"under policy {OTHER[:12]}",
        ),
        ({"risk": risk(policy(0.45), part(0.45, OLD))}, "risk", f"by {OLD[:12]}, and the scorer is {NEW[:12]}"),
        ({"risk": risk(policy(0.45), part(0.5, NEW))}, "risk", "night@1, which is in force, accepts from 0.45"),
    ],
)
def test_a_head_is_refused_with_the_reason(wrong: dict[str, Any], gate: str, said: str) -> None:
    found = problems(NEW_HEAD, promoted.proof(NEW_HEAD, **wrong), FOR_HEAD)
    assert list(found) == [gate]
    assert said in found[gate]


def test_a_replaced_head_speaks_for_no_policy_and_a_kind_is_that_of_its_own_head_or_of_the_one_it_shares() -> None:
    place = live(policy(0.4), ledger=Ledger(releases={KIND: promoted.released(NEW)}))
    after = promoted.proof(NEW_POLICY, canaries=(canary(NEW),), risk=risk(policy(0.45), part(0.45, NEW)))
    assert f"by {OLD[:12]}, and it would be {NEW[:12]}" in problems(NEW_POLICY, after, place)["test cases"]
    shared = promoted.proof(NEW_POLICY, risk=risk(policy(0.45), part(0.45, OLD, kind="image")))
    assert problems(NEW_POLICY, shared) == {}
    own = replace(shared, canaries=(replace(canary(OTHER), kind="image"), canary(OLD)))
    assert "image: the head here is scorer" in problems(NEW_POLICY, own)["canaries"]


def test_a_calibration_that_audits_have_refuted_vouches_for_nothing() -> None:
    proof = promoted.proof(NEW_POLICY)
    told = RiskAlarm(
        id="a", alpha=0.1, delta=0.05, calibration=OTHER, audits=9, bad=9, sources=("s",), kinds=(KIND,),
        policies=("night@1",), raised_by="label", told_at=1,
    )  # fmt: skip
    refuted = refuted_of([b"{}", told.to_json()])
    assert "audits have shown since" in problems(NEW_POLICY, proof, replace(IN_FORCE, refuted=refuted))["risk"]


def test_labels_of_parents_that_two_heads_scored_vouch_for_none() -> None:
    mixed = part(0.45, NEW)
    mixed = mixed.model_copy(update={"valid_for": mixed.valid_for.model_copy(update={"scorers": (OLD, NEW)})})
    found = problems(NEW_HEAD, promoted.proof(NEW_HEAD, risk=risk(policy(0.45), mixed)), FOR_HEAD)
    assert "the head in force has scored" in found["risk"]


def test_without_a_published_policy_there_is_nothing_to_step_from_or_to_accept_by() -> None:
    assert "sluice policy publish" in problems(NEW_POLICY, promoted.proof(NEW_POLICY), live())["step"]
    assert "sluice policy publish" in problems(NEW_HEAD, promoted.proof(NEW_HEAD), live())["risk"]


def test_a_candidate_that_was_put_in_force_by_hand_is_judged_by_the_step_that_it_made() -> None:
    place = live(policy(0.2001), policy(0.45))
    assert list(problems(NEW_POLICY, promoted.proof(NEW_POLICY), place)) == ["step"]


def test_more_is_accepted_only_where_labels_vouch_for_it() -> None:
    other = {"kind": KIND, "source": "camera-2", "thresholds": {"high": 0.7, "medium": 0.4, "low": 0.2}}
    laxer = {**other, "thresholds": {"high": 0.7, "medium": 0.35, "low": 0.2}}
    before, after = policy(0.4, rules=(other,)), Candidate(policy=policy(0.45, rules=(laxer,)))
    found = problems(after, promoted.proof(after), live(before))
    assert "source camera-2 would be accepted from 0.35 and not 0.4" in found["risk"]
    assert after.policy is not None
    vouched = risk(after.policy, part(0.45), part(0.35, scope=(KIND, "camera-2"), source="camera-2"))
    assert problems(after, promoted.proof(after, risk=vouched), live(before)) == {}


def test_an_action_that_moves_to_another_label_is_a_step() -> None:
    review = policy(0.4, actions={"high": "accept", "medium": "review", "low": "review", "rejected": "reject"})
    (found,) = steps(policy(0.4), review)
    assert (found.field, found.before, found.after, found.size) == (ACCEPT_EDGE, 0.4, 0.7, 0.3)


def test_rules_that_meet_only_where_kind_and_source_do_are_compared_there() -> None:
    kind = {"kind": KIND, "thresholds": {"high": 0.7, "medium": 0.3, "low": 0.2}}
    source = {"source": "camera-1", "thresholds": {"high": 0.7, "medium": 0.5, "low": 0.2}}
    largest = steps(policy(0.4, rules=(kind,)), policy(0.4, rules=(source,)))[0]
    assert (largest.scope, largest.size) == ((KIND, "camera-1"), 0.2)


def test_the_arm_of_an_experiment_is_judged_like_the_rest() -> None:
    arm = {"name": "laxer", "share": 0.1, "thresholds": {"high": 0.7, "medium": 0.25, "low": 0.2}}
    split = Policy.model_validate({**policy(0.45).model_dump(), "experiment": arm})
    found = problems(Candidate(policy=split), promoted.proof(Candidate(policy=split)))
    assert "from 0.4 to 0.25 for all other kinds and sources in the arm of its experiment" in found["step"]
    assert "accepts from 0.25" in found["risk"]


EDGES = st.lists(st.integers(1, 99), min_size=3, max_size=3, unique=True).map(
    lambda found: dict(zip(("low", "medium", "high"), (one / 100 for one in sorted(found)), strict=True))
)
RULES = st.lists(
    st.fixed_dictionaries(
        {"kind": st.sampled_from(["*", "a", "b"]), "source": st.sampled_from(["*", "x"]), "thresholds": EDGES}
    ),
    max_size=5,
    unique_by=lambda rule: (rule["kind"], rule["source"]),
)


def _policy(rules: list[dict[str, Any]]) -> Policy:
    general: list[dict[str, Any]] = [{}] if all((one["kind"], one["source"]) != ("*", "*") for one in rules) else []
    return Policy.model_validate({"name": "p", "rules": [*rules, *general]})


@given(RULES, RULES, st.sampled_from(["a", "b", "c"]), st.sampled_from(["x", "y"]))
def test_no_threshold_moves_further_for_any_parent_than_the_largest_step(
    before: list[dict[str, Any]], after: list[dict[str, Any]], kind: str, source: str
) -> None:
    one, other = _policy(before), _policy(after)
    largest = max((step.size for step in steps(one, other)), default=0.0)
    own: list[Callable[[Policy], float]] = [
        lambda found: found.rule_for(kind, source).thresholds.high,
        lambda found: found.rule_for(kind, source).thresholds.low,
        lambda found: accept_edge(found.rule_for(kind, source)),
    ]
    assert all(abs(edge(one) - edge(other)) <= largest + 1e-9 for edge in own)
    assert steps(one, one) == []
