"""Any order and any duplication of a parent's answers gives the same decision, however its parent is cut."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.decisions import Decision
from tests.unit.aggregation.records import NOW, decisions, ended, failed, fed, only, policy, scored, skipped, withdrawn

WINDOWS: list[dict[str, Any]] = [
    {"by": "whole"},
    {"by": "index", "size": 8},  # more than there are: whatever comes once a range is complete is late
    {"by": "time", "length_ms": 1_000},
    {"by": "time", "length_ms": 900, "hop_ms": 300},
]


@st.composite
def answers(draw: st.DrawFn) -> list[bytes]:
    """Return answers in any order: several for an index, of several kinds, heads and scorers, some withdrawn."""
    found = []
    for _ in range(draw(st.integers(1, 14))):
        index = draw(st.integers(0, 6))
        common: dict[str, Any] = {"item_time": index * 250, "item_id": draw(st.sampled_from(["a", "b"]))}
        what = draw(st.sampled_from(["scored", "scored", "scored", "failed", "skipped", "withdrawn"]))
        again = draw(st.sampled_from([0, 0, 0, 1, 2]))
        common["again"] = max(1, again) if what == "withdrawn" else again
        if what == "withdrawn":
            found.append(withdrawn("p", index, **common))
        elif what == "scored":
            common |= {"calibrated": draw(st.booleans()), "scorer": draw(st.sampled_from(["f" * 64, "a" * 64]))}
            common["reasons"] = draw(st.sampled_from([(), ("dark",)]))
            found.append(scored("p", index, draw(st.sampled_from([0.0, 0.1, 0.3, 0.5, 0.9])), **common))
        elif what == "failed":
            found.append(failed("p", index, cause=draw(st.sampled_from(["one", "two"])), **common))
        else:
            found.append(skipped("p", index, **common))
    return found


def _contents(found: list[Decision]) -> dict[str, dict[str, Any]]:
    """Return decisions without what tells how their records arrived."""
    contents = {one.window: one.model_dump(exclude={"through_offset", "first_offset"}) for one in found}
    for content in contents.values():
        content["counts"].pop("duplicate")
    return contents


@pytest.mark.parametrize("window", WINDOWS, ids=["whole", "index", "tumbling", "sliding"])
@given(found=answers(), draw=st.randoms(use_true_random=False), again=st.integers(0, 6))
def test_no_order_and_no_duplicate_changes_a_decision(
    window: dict[str, Any], found: list[bytes], draw: Random, again: int
) -> None:
    used = policy(window=window, method={"name": "mean"}, completeness={"max_missing": 1.0})
    end = ended("p", 7, NOW)
    more = [*found, *(draw.choice(found) for _ in range(again))]
    once, many = (decisions(fed([*some, end], used)) for some in (found, draw.sample(more, len(more))))
    assert _contents(once) == _contents(many)


@given(count=st.integers(1, 40), draw=st.randoms(use_true_random=False))
def test_a_range_is_complete_in_any_order(count: int, draw: Random) -> None:
    items = [scored("p", index, draw.random(), count) for index in draw.sample(range(count), count)]
    found = decisions(fed(items, policy(window={"by": "index", "size": 6})))
    assert {one.cause for one in found} == {"complete"}
    assert sum(one.counts.scored for one in found) == count


def test_two_counts_are_named_in_either_order() -> None:
    for counts in ((4, 3), (3, 4)):
        records = [scored("p", index, 0.9, count) for index, count in enumerate(counts)]
        decision = only(fed([*records, ended("p")], policy(completeness={"max_missing": 1.0})))
        assert (decision.reasons, decision.counts.expected) == (("conflicting_counts",), 4)


@pytest.mark.parametrize("window", WINDOWS[:3], ids=["whole", "index", "time"])
def test_an_index_beyond_the_count_is_named_for_any_window(window: dict[str, Any]) -> None:
    records = [scored("p", 7, 0.9, 2, item_time=0), ended("p", 2)]
    decision = decisions(fed(records, policy(window=window, completeness={"max_missing": 1.0})))[0]
    assert "index_beyond_count" in decision.reasons
    assert decision.action == "review"


def test_the_zeros_of_missing_items_are_no_doubtful_scores() -> None:
    """What the policy counts as zero needs no calibrated head to reject."""
    rule = {"completeness": {"max_missing": 1.0, "missing_as": "zero"}}
    decision = only(fed([scored("p", 0, 0.1, calibrated=False), ended("p", 9)], policy(**rule)))
    assert (decision.action, decision.reasons) == ("reject", ())
