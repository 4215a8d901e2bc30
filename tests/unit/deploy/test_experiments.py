"""What `sluice experiment` makes of decisions and labels."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
from typer.testing import CliRunner

from deploy.cli import app, experiments
from deploy.errors import ConfigurationError
from deploy.experiments.candidates import ShadowOption, SplitOption, shadow_options, split_option
from deploy.experiments.decided import Decided, Seen, decided
from deploy.experiments.observing import paired, scorers_of, two_arms
from deploy.experiments.result import Result
from deploy.experiments.shadows import checked_name
from deploy.experiments.testing import Terms, judge_arms, judge_paired
from schemas.experiments import Arm, arm_of
from schemas.policy import Experiment, Policy, Rule, Thresholds
from tests.unit.aggregation.records import decisions, fed, scored
from tests.unit.deploy.compared import NAME, SHARE, asked, label, seen, side, split
from workers.experiments import State


def test_decisions_are_read_as_they_are_written() -> None:
    policy = Policy(
        name="test",
        rules=[Rule()],
        experiment=Experiment(name=NAME, share=SHARE, thresholds=Thresholds(high=0.9, medium=0.8)),
    )
    (made,) = decisions(fed([scored("clip-1", 0, 0.75, 1)], policy))
    read = msgspec.json.decode(made.to_json(), type=Seen)
    assert (read.parent_id, read.action, read.items) == ("clip-1", made.action, 1)
    assert read.policy.experiment is not None
    assert read.policy.experiment.arm is arm_of(NAME, SHARE, "clip-1")
    assert read.policy.rule.bad_below == 0.5


def test_of_a_parent_the_last_revision_of_its_first_window_counts() -> None:
    found = decided(
        [
            seen("clip-1", "accept"),
            seen("clip-1", "reject", revision=1),
            seen("clip-1", "review", window="index/3-5", timings={"first_item_at": 9, "decided_at": 9}),
        ]
    )
    assert found.parents["clip-1"].action == "reject"
    assert found.further == 1


def test_only_what_both_sides_have_judged_from_the_same_items_is_compared() -> None:
    names = ["live-1", "other-2", "early-3", "mixed-4", "alike-5", "cut-6"]
    live = side(dict.fromkeys(names, "accept"))
    live.parents["early-3"] = seen("early-3", cause="early")
    shadow = side(dict.fromkeys([*names[1:], "shadow-7"], "accept"))
    shadow.parents["other-2"] = seen("other-2", counts={"scored": 2, "failed": 0, "skipped": 0})
    shadow.parents["mixed-4"] = seen("mixed-4", reasons=("mixed_scorers",))
    shadow.parents["cut-6"] = seen("cut-6", window="index/0-2")
    found = paired(live, shadow, asked("accept"))
    assert [one.parent_id for one in found.parents] == ["alike-5"]
    reasons = ("live_only", "shadow_only", "other_items", "decided_early", "mixed_scorers", "other_windows")
    assert found.apart == dict.fromkeys(reasons, 1)


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        ("wrong", [True, False, False, True, False]),
        ("false_accept", [True, False, False, False, False]),
        ("false_reject", [False, False, False, True, False]),
    ],
)
def test_an_outcome_is_told_by_action_and_label(outcome: str, expected: list[bool]) -> None:
    live = side({"a-1": "accept", "b-2": "accept", "c-3": "reject", "d-4": "reject", "e-5": "review", "f-6": "accept"})
    labels = [label(parent, value) for parent, value in zip(live.parents, [0.1, 0.9, 0.1, 0.9, 0.1], strict=False)]
    found = paired(live, live, asked(outcome, *labels))
    assert [one.control for one in found.parents] == expected
    assert found.apart == {"without_label": 1}


def test_parents_come_in_the_order_in_which_their_labels_did() -> None:
    live = side({"a-1": "accept", "b-2": "accept", "c-3": "accept"})
    found = paired(live, live, asked("wrong", label("a-1", 0.9, 30), label("b-2", 0.9, 20), label("c-3", 0.9, 20)))
    assert [one.parent_id for one in found.parents] == ["b-2", "c-3", "a-1"]


def _judged(differ: int, *, agree: int = 100, labels: Callable[[str], float | None] = lambda _: None) -> Result:
    parents = [f"clip-{number}" for number in range(differ + agree)]
    live = side(dict.fromkeys(parents, "accept"))
    shadow = side({parent: "reject" if place < differ else "accept" for place, parent in enumerate(parents)})
    given = [label(parent, 0.9, 1_000 + place, probability=labels(parent)) for place, parent in enumerate(parents)]
    return judge_paired("brisk", paired(live, shadow, asked("wrong", *given)), asked("wrong", *given), Terms())


def test_a_candidate_that_is_wrong_where_live_is_right_differs() -> None:
    result = _judged(30)
    assert result.discordant == (30, 0)
    assert result.standing.state is State.DIFFERS
    assert (result.standing.decided_at or 0) < 20
    assert result.difference == pytest.approx(30 / 130)
    assert result.difference_bounds is not None
    assert result.difference_bounds[0] > 0
    assert result.one_look is not None
    assert result.one_look[1] < 1e-6
    assert result.needed is not None
    assert result.planned == result.needed.sequential


def test_a_candidate_that_decides_alike_is_looked_at_until_the_planned_size() -> None:
    assert _judged(0).standing.state is State.GO_ON
    assert _judged(0, agree=600).standing.state is State.NO_DIFFERENCE_SHOWN


def test_labels_that_were_drawn_unequally_are_weighted() -> None:
    result = _judged(60, labels=lambda parent: 0.5 if parent.endswith("1") else 1.0)
    assert "weighted" in result.test
    assert result.standing.state is State.DIFFERS
    assert (result.one_look, result.needed, result.difference_bounds) == (None, None, None)
    half = _judged(60, labels=lambda parent: None if parent.endswith("1") else 1.0)
    assert (half.apart or {})["unknown_probability"] > 0
    assert half.standing.looked_at < 160


def test_arms_that_differ_are_found_and_arms_that_do_not_are_not() -> None:
    apart = split({Arm.CONTROL: 0.1, Arm.CANDIDATE: 0.25})
    found = judge_arms(NAME, two_arms(apart, NAME, asked("review")), asked("review"), Terms())
    assert found.standing.state is State.DIFFERS
    assert (found.standing.decided_at or 0) < 2_000
    assert found.difference == pytest.approx(0.15, abs=0.03)
    alike = split({Arm.CONTROL: 0.1, Arm.CANDIDATE: 0.1})
    result = judge_arms(NAME, two_arms(alike, NAME, asked("review")), asked("review"), Terms(least_difference=0.09))
    assert result.standing.state is State.NO_DIFFERENCE_SHOWN


def test_parents_outside_of_an_experiment_are_set_apart() -> None:
    live = decided([seen("a-1"), seen("b-2", arm=Arm.CONTROL), seen("c-3", arm=Arm.CANDIDATE)])
    found = two_arms(live, NAME, asked("accept"))
    assert [(one.control, one.candidate) for one in found.parents] == [(True, None), (None, True)]
    assert found.apart == {"outside": 1}
    assert two_arms(live, "another", asked("accept")).apart == {"outside": 3}


def test_heads_that_did_not_keep_to_the_arms_are_told() -> None:
    control = seen("a-1", arm=Arm.CONTROL, scorers=("old",))
    candidate = seen("b-2", arm=Arm.CANDIDATE, scorers=("new",))
    alone = decided([control, candidate, seen("c-3", arm=Arm.CANDIDATE, scorers=("old",), kind="text")])
    assert scorers_of(alone, NAME).digests == {Arm.CONTROL: ["old"], Arm.CANDIDATE: ["new", "old"]}
    assert not scorers_of(alone, NAME).strayed
    assert scorers_of(decided([control, candidate, seen("d-4", arm=Arm.CANDIDATE, scorers=("old",))]), NAME).strayed


def test_no_difference_is_said_only_at_a_size_that_has_the_power(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.experiments.power.MOST", 60)  # too few to find the difference
    result = _judged(0, agree=200)
    assert result.needed is not None
    assert (result.needed.sequential, result.needed.searched) == (None, 60)
    assert (result.planned, result.standing.state) == (None, State.GO_ON)


def test_a_result_is_told_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    experiments.show(_judged(30))
    told = capsys.readouterr().out
    for words in ("brisk", "differs since the parent", "30 parents differ: 30 with the candidate alone", "power:"):
        assert words in told


def test_nothing_to_look_at_is_no_error() -> None:
    empty = asked("accept")
    result = judge_arms(NAME, two_arms(Decided(), NAME, empty), empty, Terms())
    assert (result.standing.state, result.difference) == (State.GO_ON, None)
    assert judge_paired("brisk", paired(Decided(), Decided(), empty), empty, Terms()).standing.looked_at == 0


def test_what_a_worker_is_told_of_candidates_is_read() -> None:
    (one,) = shadow_options(["brisk=heads/a=b"])
    assert one == ShadowOption("brisk", one.folder)
    assert str(one.folder) == "heads/a=b"
    option = split_option("sharper:0.1=heads/new")
    assert option is not None
    assert option == SplitOption("sharper", 0.1, option.folder)
    assert split_option(None) is None


@pytest.mark.parametrize("text", ["brisk", "=folder", "brisk=", "two words=folder", "a.b=folder", "../x=folder"])
def test_a_shadow_that_is_no_name_and_folder_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"Right would be|are right"):
        shadow_options([text])
    with pytest.raises(ConfigurationError, match="one name"):
        shadow_options(["a=x", "a=y"])


@pytest.mark.parametrize("text", ["a=x", "a:1=x", "a:0=x", "a:nan=x", "a:half=x", "a:0.5", ":0.5=x"])
def test_an_experiment_without_a_share_between_0_and_1_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"Right would be|are right"):
        split_option(text)


def test_names_become_parts_of_topics() -> None:
    assert checked_name("brisk_2-b") == "brisk_2-b"
    for wrong in ("", "a.b", "a/b", "a" * 61, "ä"):
        with pytest.raises(ConfigurationError, match="is no name"):
            checked_name(wrong)


def test_the_commands_say_how_they_are_used() -> None:
    for command in (["experiment"], ["shadow", "create"], ["shadow", "list"], ["shadow", "delete"]):
        told = CliRunner().invoke(app, [*command, "--help"])
        assert told.exit_code == 0
        assert "Example: sluice" in told.stdout
