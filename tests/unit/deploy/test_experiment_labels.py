"""What labels let an experiment say, and what differences it may look for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from deploy.cli import experiments
from deploy.experiments.labelled import settled
from deploy.experiments.observing import paired, two_arms
from deploy.experiments.result import Result
from deploy.experiments.testing import Terms, judge_arms, judge_paired
from schemas.experiments import Arm, arm_of
from tests.unit.deploy.compared import NAME, SHARE, asked, label, side, split
from workers.experiments import State


def _same_on_both_sides(seed: int, drawn: dict[str, float], **more: Any) -> Result:
    """Return what an A/A in shadow comes to: two noisy scorers of equal quality, labels drawn by the live action."""
    rng = np.random.default_rng(seed)
    quality = rng.random(1_500)
    noisy = [np.clip(quality + rng.normal(0, 0.2, 1_500), 0, 1) for _ in range(2)]
    actions = [np.select([scores > 0.6, scores > 0.4], ["accept", "review"], "reject") for scores in noisy]
    names = [f"clip-{number}" for number in range(1_500)]
    live, shadow = (side(dict(zip(names, (str(one) for one in own), strict=True))) for own in actions)
    probabilities = np.array([drawn[str(action)] for action in actions[0]])
    chosen = np.flatnonzero(rng.random(1_500) < probabilities)
    given = [
        label(names[row], float(quality[row] > 0.5), 1_000 + int(row), **({"probability": probabilities[row]} | more))
        for row in chosen.tolist()
    ]
    question = asked("wrong", *given)
    return judge_paired("same", paired(live, shadow, question), question, Terms(planned=100))


@pytest.mark.parametrize(
    ("drawn", "more", "told"),
    [
        ({"accept": 0.0, "review": 1.0, "reject": 0.0}, {"probability": None}, "100.0% of review"),
        ({"accept": 0.05, "review": 0.9, "reject": 0.05}, {"probability": None}, "of accept and"),
        ({"accept": 0.0, "review": 0.5, "reject": 1.0}, {}, "0.0% of accept"),
    ],
)
def test_labels_that_go_by_the_live_action_never_say_that_a_candidate_differs(
    drawn: dict[str, float], more: dict[str, Any], told: str
) -> None:
    for seed in range(5):
        result = _same_on_both_sides(seed, drawn, **more)
        assert (result.standing.state, result.standing.decided_at) == (State.NOT_TOLD, None)
        assert (result.one_look, result.difference_bounds) == (None, None)
        (notice,) = (one for one in result.notices if "not labelled alike" in one)
        assert told in notice


def test_labels_drawn_alike_or_with_known_probabilities_are_tested() -> None:
    alike, known = dict.fromkeys(("accept", "review", "reject"), 0.4), {"accept": 0.2, "review": 0.8, "reject": 0.2}
    for drawn in (alike, known):
        states = [_same_on_both_sides(seed, drawn).standing.state for seed in range(20)]
        assert states.count(State.NO_DIFFERENCE_SHOWN) >= 17
        assert State.NOT_TOLD not in states


def test_without_labels_nothing_depends_on_how_they_were_drawn() -> None:
    live = side({f"clip-{number}": "accept" for number in range(50)})
    result = judge_paired("same", paired(live, live, asked("accept")), asked("accept"), Terms(planned=10))
    assert result.standing.state is State.NO_DIFFERENCE_SHOWN


def test_what_people_disagree_about_is_settled_at_the_edge_of_the_rule() -> None:
    policy = {"name": "p", "version": 1, "digest": "0" * 64, "rule": {"bad_below": 0.3}}
    live = side({"a-1": "accept"}, policy=policy)
    given = [label("a-1", value).model_copy(update={"who": who}) for who, value in (("ann", 0.4), ("bob", 0.9))]
    assert settled(given, live)["a-1", None].value == pytest.approx(0.65)  # both say good
    assert settled(given, live, 0.5) == {}  # a draw
    assert settled(given, side({"b-2": "accept"})) == {}


def test_labels_that_carry_no_test_are_told_without_its_evidence(capsys: pytest.CaptureFixture[str]) -> None:
    drawn = {"accept": 0.0, "review": 1.0, "reject": 0.0}
    experiments.show(_same_on_both_sides(1, drawn, probability=None))
    told = capsys.readouterr()
    assert "cannot be told from these labels" in told.out
    assert "evidence" not in told.out
    assert "not labelled alike" in told.out + told.err


def test_arms_that_were_not_labelled_alike_are_told() -> None:
    live = split({Arm.CONTROL: 0.1, Arm.CANDIDATE: 0.1}, 400)
    labels = [label(parent, 0.9) for parent in live.parents if arm_of(NAME, SHARE, parent) is Arm.CONTROL]
    labels += [label(parent, 0.9) for parent in list(live.parents)[:40]]
    question = asked("wrong", *labels)
    result = judge_arms(NAME, two_arms(live, NAME, question), question, Terms())
    assert any("not labelled alike" in notice for notice in result.notices)
    assert result.standing.state is State.NOT_TOLD


@pytest.mark.parametrize("least", [0.05, 0.34, 0.55, 0.67, 0.7, 0.9, 1.0])
def test_any_difference_of_rates_may_be_of_interest(least: float) -> None:
    terms, question = Terms(least_difference=least), asked("accept")
    live = side({f"clip-{number}": "accept" if number % 2 else "review" for number in range(40)})
    shadow = side(dict.fromkeys(live.parents, "accept"))
    in_shadow = judge_paired("brisk", paired(live, shadow, question), question, terms)
    assert in_shadow.needed is not None
    assert in_shadow.needed.one_look >= 1
    arms = split({Arm.CONTROL: 0.5, Arm.CANDIDATE: 0.5}, 200)
    result = judge_arms(NAME, two_arms(arms, NAME, asked("review")), asked("review"), terms)
    possible = least <= max(rate := result.sides[0].rate or 0.0, 1.0 - rate)
    assert (result.needed is not None) is possible


def test_a_difference_that_cannot_be_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    arms = split({Arm.CONTROL: 0.5, Arm.CANDIDATE: 0.5}, 200)
    experiments.show(
        judge_arms(NAME, two_arms(arms, NAME, asked("review")), asked("review"), Terms(least_difference=0.9))
    )
    assert "a difference of 0.9 cannot be here" in capsys.readouterr().out
