"""What differs between two sides: the pure core of `sluice diff`."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy.diff.compare import compare
from deploy.diff.edges import ACTIONS, Edges
from deploy.diff.folder import keep
from deploy.diff.said import Key, Reader, Said
from deploy.diff.sides import Origin, check
from deploy.diff.spread import spread
from deploy.diff.words import verdict
from deploy.errors import ConfigurationError
from schemas.decisions import Decision
from schemas.policy import Action
from tests.unit.aggregation.records import decisions, ended, fed, policy, scored, skipped
from tests.unit.deploy.diffs import STRICT, parents, said

SCORES = {"fine": 0.95, "fair": 0.5, "poor": 0.25, "bad": 0.1}
EDGES = Edges.of(
    {"high": 0.7, "medium": 0.4, "low": 0.2},
    {"high": "accept", "medium": "accept", "low": "review", "rejected": "reject"},
)
scores = st.floats(0.0, 1.0)
names = st.sampled_from("abcdefgh")
sides = st.dictionaries(st.tuples(names, st.sampled_from(("time/0-9", "time/9-18"))), st.tuples(scores, st.booleans()))


def _windows(drawn: dict[Key, tuple[float, bool]]) -> dict[Key, Said]:
    """Return windows with these scores, some of them closed by the wall clock."""
    (one,) = said(parents({"p": 0.5})).values()
    reader = Reader()
    (record,) = decisions(fed(parents({"p": 0.5})))
    found = {}
    for (parent, window), (score, wall_clock) in drawn.items():
        action = Action(EDGES.action(score))
        fields = {"parent_id": parent, "window": window, "score": score, "action": action, "source": f"from-{parent}"}
        read = reader.read(record.model_copy(update=fields).to_json(), wall_clock=wall_clock)
        assert read is not None
        assert read.terms == one.terms
        found[read.key] = read
    return found


@settings(max_examples=30)
@given(sides)
def test_a_side_does_not_differ_from_itself(drawn: dict[Key, tuple[float, bool]]) -> None:
    windows = _windows(drawn)
    found = compare(windows, windows)
    assert found.flips == []
    assert found.only == ([], [])
    assert found.total.compared == len(windows)
    assert found.total.moved == found.total.flips == 0


@settings(max_examples=60)
@given(sides, sides, st.booleans())
def test_every_window_is_counted_once_and_turning_round_transposes(
    one: dict[Key, tuple[float, bool]], other: dict[Key, tuple[float, bool]], set_apart: bool
) -> None:
    before, after = _windows(one), _windows(other)
    found = compare(before, after, set_apart=set_apart)
    total = found.total
    assert total.compared + total.set_apart + sum(total.only) == len(before.keys() | after.keys())
    assert total.flips == len(found.flips)
    assert total.apart_flips == len(found.apart)
    assert sum(total.towards(action) for action in ACTIONS) == 0
    back = compare(after, before, set_apart=set_apart).total
    assert back.moves == {(b, a): count for (a, b), count in total.moves.items()}
    assert back.only == total.only[::-1]
    assert all(flip.before.source == f"from-{flip.before.parent_id}" for flip in found.flips)


@given(scores, scores)
def test_a_score_that_moves_by_less_than_its_margin_keeps_its_action(score: float, other: float) -> None:
    margin = EDGES.margin(score, score)
    assert margin is not None
    if abs(other - score) < margin - 1e-9:  # of a float's rounding
        assert EDGES.action(other) == EDGES.action(score)
    assert EDGES.places == (0.2, 0.4)  # from medium to high the action stays


def test_flips_are_told_from_what_to_what_and_by_source() -> None:
    before = said([*parents(SCORES, source="a"), *parents({"other": 0.5}, source="b")])
    after = said([*parents(SCORES, source="a"), *parents({"other": 0.5}, source="b")], STRICT)
    found = compare(before, after)
    assert {flip.before.parent_id: flip.move for flip in found.flips} == {
        "fair": ("accept", "review"),
        "poor": ("review", "reject"),
        "other": ("accept", "review"),
    }
    tallies = {source: (tally.compared, tally.flips) for (_, source), tally in found.tallies.items()}
    assert tallies == {"a": (4, 2), "b": (1, 1)}
    assert found.ranked()[0][0] == ("video-frame", "b")
    assert found.total.relabelled == 0


def test_how_sure_a_flip_is_is_the_distance_to_the_nearer_edge() -> None:
    found = compare(said(parents({"p": 0.5})), said(parents({"p": 0.45}), STRICT))
    (flip,) = found.flips
    assert flip.margin == pytest.approx(0.1)  # 0.5 is 0.1 above 0.4; 0.45 is 0.15 from 0.3 and from 0.6
    assert flip.because == ("thresholds",)  # 0.5 would go to review as well


@pytest.mark.parametrize(
    ("before", "after", "edge", "because"),
    [(0.5, 0.3, 0.4, ["score"]), (0.5, 0.5, 0.6, ["thresholds"]), (0.5, 0.42, 0.45, ["score", "thresholds"])],
)
def test_what_is_behind_a_flip_is_what_alone_would_make_another_action(
    before: float, after: float, edge: float, because: list[str]
) -> None:
    other = policy(thresholds={"high": 0.7, "medium": edge, "low": 0.2})
    (flip,) = compare(said(parents({"p": before})), said(parents({"p": after}), other)).flips
    assert flip.move == ("accept", "review")
    assert list(flip.because) == because


def test_a_side_without_a_scored_item_has_no_other_thresholds_for_that() -> None:
    rule = policy()
    soft = [scored("p", 0, 0.9, 1, calibrated=False)]
    (flip,) = compare(said(soft, rule), said([skipped("p", 0, 1)], rule)).flips
    assert "thresholds" not in flip.because


def test_the_surest_flips_come_first_and_those_near_a_threshold_last() -> None:
    before = said(parents({"far": 0.9, "sure": 0.55, "hair": 0.45}))
    after = said(parents({"far": 0.1, "sure": 0.3, "hair": 0.3}))
    found = compare(before, after | said(parents({"hair": 0.3}), near=True))
    assert [flip.before.parent_id for flip in found.flips] == ["far", "sure", "hair"]
    assert found.total.near == 1


def test_what_was_not_decided_by_the_score_has_no_margin_and_says_so() -> None:
    strict = policy(completeness={"min_scored": 2})
    found = compare(said(parents({"p": 0.9})), said(parents({"p": 0.9}), strict))
    (flip,) = found.flips
    assert flip.move == ("accept", "review")
    assert flip.margin is None
    assert flip.because == ("reasons",)
    assert found.total.unscored == 1


def test_a_head_that_may_not_reject_has_no_edge_to_reject() -> None:
    (one,) = said(parents({"p": 0.21}, calibrated=False)).values()
    assert one.action == "review"
    assert one.margin == pytest.approx(0.19)  # to 0.4, and not 0.01 to 0.2
    (sure,) = said(parents({"p": 0.21})).values()
    assert sure.margin == pytest.approx(0.01)


def test_an_early_decision_is_as_sure_as_its_bounds() -> None:
    (one,) = said(
        [scored("p", 0, 0.05, 10)], policy(early=True, method={"name": "min"}, completeness={"max_missing": 1.0})
    ).values()
    assert one.cause == "early"
    assert one.margin == pytest.approx(0.15)  # it can only fall: at most 0.05, and reject ends at 0.2


def test_what_is_no_decision_is_passed_over() -> None:
    reader = Reader()
    assert reader.read(b'{"type": "Retraction"}') is None
    assert reader.read(b"no record") is None
    assert reader.read(None) is None


def test_the_last_revision_of_a_window_is_what_counts() -> None:
    first, last = (Reader().read(one.to_json()) for one in _revised())
    assert first is not None
    assert last is not None
    for order in ([first, last], [last, first]):
        kept: dict[Key, Said] = {}
        for one in order:
            keep(kept, one)
        assert [(one.revision, one.action) for one in kept.values()] == [(1, "review")]


def _revised() -> list[Decision]:
    late = policy(late={"rule": "revise"}, method={"name": "mean"})
    values = [scored("p", 0, 0.9, at=1), ended("p", at=2), scored("p", 1, 0.9, at=3), scored("p", 2, 0.0, at=4)]
    found = decisions(fed(values, late))
    return [found[0], found[-1].model_copy(update={"revision": 1, "action": Action.REVIEW})]


def test_windows_that_the_wall_clock_closed_are_set_apart_where_one_side_is_live() -> None:
    before, after = said(parents(SCORES)), said(parents(SCORES), STRICT, wall_clock=True)
    live = compare(before, after, set_apart=True)
    assert live.total.compared == 0
    assert live.total.set_apart == 4
    assert [flip.before.parent_id for flip in live.apart] == ["fair", "poor"]
    assert len(compare(before, after).flips) == 2


def test_a_source_that_was_planted_is_named() -> None:
    fine = {f"p{number}": 0.9 for number in range(20)}
    calm = parents({f"calm-{name}": score for name, score in fine.items()}, source="camera-1")
    noisy = parents({f"noisy-{name}": score for name, score in fine.items()}, source="camera-3")
    worse = parents({f"noisy-{name}": 0.3 for name in fine}, source="camera-3")
    found = compare(said([*calm, *noisy]), said([*calm, *worse]))
    assert found.ranked()[0][0] == ("video-frame", "camera-3")
    assert verdict(found) == (
        "20 of 40 decisions differ (50.0%): 20 from accept to review."
        " Most of all in camera-3 (video-frame): 20 of 20 (100.0%)."
    )


def test_the_spread_counts_every_score_once_and_sees_a_shift() -> None:
    before, after = said(parents(SCORES)), said(parents({name: score / 2 for name, score in SCORES.items()}))
    found = compare(before, after)
    drawn = spread("video-frame", found.scores["video-frame"], (before.values(), after.values()))
    assert [sum(counts) for counts in drawn.counts] == [4, 4]
    assert sum(map(sum, drawn.same)) + sum(map(sum, drawn.flipped)) == 4
    assert drawn.moved
    assert list(drawn.medians) == pytest.approx([0.375, 0.1875])
    assert drawn.edges == ((0.2, 0.4), (0.2, 0.4))


def _origin(name: str, spans: dict[int, tuple[int, int]] | None, **other: Any) -> Origin:
    return Origin(name=name, prefix="sluice.", **{"spans": spans, "since": 0, "until": 1, **other})


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (_origin("a", {0: (0, 9)}), _origin("b", {0: (0, 9), 1: (0, 9)}), "1 partitions and b has 2"),
        (_origin("a", {0: (0, 9)}), _origin("b", {0: (9, 20)}), "do not overlap"),
        (_origin("live", None), _origin("live", None), "both sides are live"),
        (_origin("a", {0: (0, 9)}), Origin("b", "other.", {0: (0, 9)}), "from other."),
    ],
)
def test_what_cannot_be_compared_is_refused_with_the_reason(before: Origin, after: Origin, told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        check(before, after)


def test_what_differs_in_the_question_is_a_warning() -> None:
    same = _origin("a", {0: (0, 9)})
    assert check(same, same) == []
    (spans,) = check(same, _origin("b", {0: (0, 8)}))
    assert "spans differ" in spans
    (sources,) = check(same, _origin("b", {0: (0, 9)}, sources=frozenset({"s"})))
    assert "sources differ: all in a, s in b" in sources
    (live,) = check(same, _origin("live", None))
    assert "wall clock" in live
