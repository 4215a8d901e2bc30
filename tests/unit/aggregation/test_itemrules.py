"""Items that a rule of the policy has answered or flagged, as their parent's decision sees them."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from schemas.policy import Action
from tests.unit.aggregation.records import ended, fed, only, policy, ruled, scored

MEAN = policy(method={"name": "mean"})


def test_an_item_that_a_rule_answers_counts_as_zero() -> None:
    decision = only(fed([scored("p", 0, 0.9, 2), ruled("p", 1, 2)], MEAN))
    assert (decision.score, decision.counts.scored, decision.counts.ruled) == (0.45, 1, 1)
    assert decision.reasons == ("ruled_items",)
    assert (decision.worst[0].index, decision.worst[0].reasons) == (1, ("too_short",))


def test_a_rule_may_reject_where_the_head_may_not() -> None:
    low = {"calibrated": False}
    by_head = only(fed([scored("p", 0, 0.0, 2, **low), scored("p", 1, 0.0, 2, **low)], MEAN))
    by_rule = only(fed([ruled("p", 0, 2), ruled("p", 1, 2)], MEAN))
    least = policy(method={"name": "min"})
    by_both = only(fed([ruled("p", 0, 2), scored("p", 1, 0.9, 2, **low)], least))
    assert (by_head.action, by_rule.action, by_both.action) == (Action.REVIEW, Action.REJECT, Action.REJECT)
    assert "uncalibrated_head" in by_head.reasons


def test_a_flag_sends_the_parent_to_review_by_its_name() -> None:
    decision = only(fed([scored("p", 0, 0.9, 2, flags=("odd",)), scored("p", 1, 0.9, 2)]))
    assert (decision.action, decision.reasons, decision.score) == (Action.REVIEW, ("odd",), 0.9)


def test_a_flag_settles_a_parent_early() -> None:
    early = policy(early=True)
    decision = only(fed([scored("p", 0, 0.9, 100), scored("p", 1, 0.9, 100, flags=("odd",))], early))
    assert (decision.cause, decision.action, decision.counts.remaining) == ("early", Action.REVIEW, 98)


@given(
    answers=st.lists(
        st.tuples(st.integers(0, 3), st.sampled_from([None, 0.0, 0.3, 0.9]), st.booleans(), st.booleans()), min_size=1
    ),
    draw=st.randoms(use_true_random=False),
)
def test_no_order_of_scores_rules_and_flags_changes_a_decision(
    answers: list[tuple[int, float | None, bool, bool]], draw: random.Random
) -> None:
    records = [
        ruled("p", index, flags=("odd",) if flagged else ())
        if score is None
        else scored("p", index, score, calibrated=calibrated, flags=("odd",) if flagged else ())
        for index, score, calibrated, flagged in answers
    ]
    one, other = (only(fed([*order, ended("p")], MEAN)) for order in (records, draw.sample(records, len(records))))
    assert one.model_copy(update={"through_offset": 0}) == other.model_copy(update={"through_offset": 0})
