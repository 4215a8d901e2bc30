"""What a calibration vouches for: the sources and kinds that were judged, and at which levels."""

from __future__ import annotations

from typing import Any

import pytest

from deploy.errors import ConfigurationError
from deploy.promotion.candidate import Candidate
from deploy.promotion.gates import judged
from deploy.promotion.live import Ledger, Live
from deploy.promotion.proof import Proof
from deploy.settings import Settings
from schemas.policy import Policy
from tests.unit.deploy import promoted
from tests.unit.deploy.promoted import KIND, NEW, OLD, head, live, part, policy, risk

OTHER = ((KIND, "camera-2"),)


def red(candidate: Candidate, proof: Proof, place: Live) -> str:
    (gate,) = [one for one in judged(candidate, proof, place) if one.name == "risk"]
    return "; ".join(gate.problems)


def given(after: Policy, **own: Any) -> tuple[Candidate, Proof]:
    candidate = Candidate(policy=after)
    calibrated = policy(0.35)
    return candidate, promoted.proof(candidate, risk=risk(calibrated, part(0.35, **own)))


def rule(medium: float, source: str, kind: str = KIND) -> dict[str, Any]:
    return {"kind": kind, "source": source, "thresholds": {"high": 0.7, "medium": medium, "low": 0.2}}


def test_one_source_that_was_judged_is_enough_where_no_other_was_decided() -> None:
    assert red(*given(policy(0.35)), live(policy(0.4))) == ""


def test_a_source_that_was_decided_and_not_judged_may_not_be_accepted_more_of() -> None:
    found = red(*given(policy(0.35), unjudged=OTHER), live(policy(0.4)))
    assert "source camera-2 would be accepted from 0.35 and not 0.4" in found
    assert "label some of it and calibrate again" in found
    assert "a rule of its own that accepts no more than now" in found
    kept = policy(0.35, rules=(rule(0.4, "camera-2"),))
    assert red(*given(kept, unjudged=OTHER), live(policy(0.4))) == ""
    assert red(*given(policy(0.4), unjudged=OTHER), live(policy(0.4))) == ""


def test_what_was_judged_may_get_a_rule_of_its_own_down_to_the_threshold() -> None:
    for medium, said in ((0.35, ""), (0.34, "was not calibrated")):
        found = red(*given(policy(0.4, rules=(rule(medium, "camera-1"),)), unjudged=OTHER), live(policy(0.4)))
        assert (said in found) if said else found == ""
    elsewhere = red(*given(policy(0.4, rules=(rule(0.35, "camera-3"),))), live(policy(0.4)))
    assert "camera-3 would be accepted from 0.35" in elsewhere


def test_a_rule_of_its_own_goes_around_neither_the_bound_nor_how_scores_are_made() -> None:
    lenient = live(policy(0.2001))
    below = red(*given(policy(0.35, rules=(rule(0.25, "camera-1"),))), lenient)
    assert "the bound holds from 0.35, and night accepts from 0.25, for kind video-frame and source camera-1" in below
    other = {**rule(0.35, "camera-1"), "method": {"name": "min"}}
    found = red(*given(policy(0.35, rules=(other,))), lenient)
    assert "makes other scores than those that were calibrated, for kind video-frame and source camera-1" in found


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"method": {"name": "min"}}, "would be scored otherwise than now"),
        ({"completeness": {"max_missing": 1.0}}, "would be scored otherwise than now"),
        (
            {"items": [{"name": "short", "when": {"check": "length", "min": 3}, "then": "zero"}]},
            "would be scored otherwise",
        ),
        ({"items": [{"name": "short", "when": {"check": "length", "min": 3}, "then": "review"}]}, ""),
    ],
)
def test_what_was_not_calibrated_is_scored_as_it_was_or_goes_to_review(changed: dict[str, Any], said: str) -> None:
    text = {"kind": "document-chunk", "thresholds": {"high": 0.7, "medium": 0.4, "low": 0.2}}
    before, after = policy(0.4, rules=(text,)), policy(0.4, rules=({**text, **changed},))
    found = red(*given(after), live(before))
    assert (said in found) if said else found == ""


def test_a_scope_is_not_covered_by_labels_of_another_source() -> None:
    candidate = Candidate(policy=policy(0.4, rules=(rule(0.35, "camera-2"),)))
    assert candidate.policy is not None
    proof = promoted.proof(candidate, risk=risk(candidate.policy, part(0.35, scope=(KIND, "camera-2"))))
    assert "camera-2 would be accepted from 0.35" in red(candidate, proof, live(policy(0.4)))


def test_a_head_is_refused_where_it_would_score_a_source_that_nobody_judged() -> None:
    candidate = Candidate(head=head())
    place = live(policy(0.45), ledger=Ledger(releases={KIND: promoted.released(OLD)}))
    for unjudged, said in (((), ""), (OTHER, "by scores of this head"), (((("text", "camera-2")),), "")):
        own = part(0.45, NEW, unjudged=unjudged)
        found = red(candidate, promoted.proof(candidate, risk=risk(policy(0.45), own)), place)
        assert (said in found) if said else found == ""


def test_a_calibration_that_promises_too_little_vouches_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    candidate, proof = given(policy(0.35))
    assert proof.risk is not None
    lax = Proof(proof.canaries, proof.cases, proof.risk, max_risk=(0.05, 0.01))
    found = red(candidate, lax, live(policy(0.4)))
    assert "calibrated with alpha 0.1, and 0.05 is allowed (SLUICE_MAX_RISK)" in found
    assert "calibrated with delta 0.05, and 0.01 is allowed" in found
    assert Settings.load().max_risk == (0.2, 0.2)
    monkeypatch.setenv("SLUICE_MAX_RISK", "0.1,0.05")
    assert Settings.load().max_risk == (0.1, 0.05)
    for wrong in ("0.1", "0.1,1.5", "a,b"):
        monkeypatch.setenv("SLUICE_MAX_RISK", wrong)
        with pytest.raises(ConfigurationError, match="SLUICE_MAX_RISK"):
            Settings.load()
