from __future__ import annotations

import io
import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from deploy.cli.plain import printable
from deploy.cli.watching import Filter, Printer, line
from deploy.explain import account as account_of
from deploy.explain.account import near
from deploy.explain.trace import DeadLetter
from deploy.explain.words import digits
from schemas.policy import Action, Rule, Thresholds
from tests.unit.aggregation.records import ended, failed, fed, only, policy, scored, skipped
from tests.unit.deploy.explained import printed, told


def test_the_arithmetic_is_shown_with_the_numbers_as_they_were() -> None:
    account = told([scored("p", 0, 0.2, 3), scored("p", 1, 0.9, 3), scored("p", 2, 0.5, 3)])
    assert account.sentences == [
        "median of 3 scores = 0.5000",
        "bands: high >= 0.7, medium >= 0.4, low >= 0.2; 0.5000 is medium",
        "medium -> accept",
        "made again from the records below: the same",
    ]


@pytest.mark.parametrize(
    ("method", "sentence"),
    [
        ({"name": "median"}, "median of 4 scores (between 0.4000 and 0.6000) = 0.5000"),
        ({"name": "median", "median": "low"}, "median of 4 scores (the lower of 0.4000 and 0.6000) = 0.4000"),
        ({"name": "mean"}, "mean of 4 scores = 0.5250"),
        ({"name": "min"}, "lowest of 4 scores = 0.3000"),
        ({"name": "trimmed_mean"}, "mean of 2 of 4 scores, 1 dropped at each end = 0.5000"),
    ],
)
def test_every_method_is_a_sentence(method: dict[str, str], sentence: str) -> None:
    values = [scored("p", index, score, 4) for index, score in enumerate((0.6, 0.3, 0.8, 0.4))]
    assert told(values, policy(method=method)).sentences[0] == sentence


def test_an_item_that_could_not_be_read_is_told_with_what_it_counts_as() -> None:
    account = told([scored("p", 0, 0.9, 2), failed("p", 1, 2)])
    assert "1 item that could not be read counts as 0" in account.sentences
    assert "truncated_image" in printed(account)


def test_an_action_that_is_not_the_labels_own_is_told_with_its_reason() -> None:
    account = told([scored("p", 0, 0.1, 1, calibrated=False)])
    assert "rejected -> reject, but review instead: uncalibrated head" in account.sentences


def test_duplicates_and_late_answers_are_marked_and_do_not_count() -> None:
    account = told([scored("p", 0, 0.9, 2), scored("p", 0, 0.3, 2), scored("p", 1, 0.9, 2), scored("p", 1, 0.1, 2)])
    items = account.as_dict()["items"]
    found = [(item["index"], item["score"], item["standing"]) for item in items]
    assert found == [(0, 0.9, "duplicate"), (0, 0.3, "counted"), (1, 0.9, "counted"), (1, 0.1, "late")]
    assert "no, duplicate" in printed(account)
    assert "no, late" in printed(account)
    assert account.reproduced


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 4), st.floats(0, 1) | st.sampled_from(["failed", "skipped"])), min_size=1),
    st.sampled_from(["mean", "median", "min", "trimmed_mean"]),
)
def test_a_decision_is_always_made_again_from_its_records(found: list[tuple[int, float | str]], method: str) -> None:
    made = {"failed": failed, "skipped": skipped}
    values = [made[what]("p", at) if isinstance(what, str) else scored("p", at, what) for at, what in found]
    account = told([*values, ended("p")], policy(method={"name": method}))
    assert account.decision is not None
    assert account.reproduced
    counts = account.decision.counts
    standings = [item["standing"] for item in account.as_dict()["items"]]
    assert standings.count("counted") == counts.scored + counts.failed + counts.skipped
    assert standings.count("duplicate") == counts.duplicate


def test_records_that_retention_has_deleted_are_no_reproduction() -> None:
    found = told([scored("p", 0, 0.9, 2), scored("p", 1, 0.9, 2)]).trace
    again = account_of(replace(found, records=(), scores_from=2), None, policy())
    assert not again.reproduced
    assert "retention" in again.sentences[0]
    partly = account_of(replace(found, records=found.records[1:], scores_from=1), None, policy())
    assert not partly.reproduced
    assert "retention has deleted the scores below offset 1, and it began at 0" in partly.sentences[-1]


def test_an_open_parent_tells_what_it_waits_for() -> None:
    account = told([scored("p", 0, 0.9, 5), scored("p", 1, 0.9, 5)], unanswered=[2])
    assert account.state == "open"
    assert account.sentences[:3] == [
        "answered: 2 of 5 items",
        "on items, and not answered by a worker yet: #2",
        "not there yet: #3, #4",
    ]
    assert "60 s after its last item" in account.sentences[3]
    assert "no decision yet" in printed(account)


def test_a_count_of_billions_is_explained_at_once() -> None:
    account = told([scored("p", 0, 0.9, 2**31)])
    assert "#1, #2, #3" in account.sentences[1]
    assert f"and {2**31 - 1 - 12} more" in account.sentences[1]


def test_an_open_parents_rule_is_that_of_the_last_decision_of_its_kind_unless_a_policy_is_named() -> None:
    other = only(fed([scored("other", 0, 0.9, 1)], policy(idle_ms=5_000)))
    account = told([scored("p", 0, 0.9, 2)], others=[other])
    assert any("5 s after" in sentence for sentence in account.sentences)
    assert "other" in account.rule_from
    named = told([scored("p", 0, 0.9, 2)], others=[other], named=policy(idle_ms=7_000))
    assert any("7 s after" in sentence for sentence in named.sentences)


def test_dead_letters_are_told_with_their_cause() -> None:
    letter = DeadLetter(3, "sluice.items", (1, 7), "score", "truncated", "ends within a row")
    account = told([scored("p", 0, 0.9, 1)], dead=[letter])
    assert "sluice.items 1/7" in printed(account)
    assert account.as_dict()["dead_letters"][0]["cause"] == "truncated"
    json.dumps(account.as_dict())


@given(st.floats(0, 1))
def test_a_score_is_never_shown_as_an_edge_that_it_does_not_reach(score: float) -> None:
    rule = Rule(thresholds=Thresholds(high=0.7, medium=0.4, low=0.2))
    shown = float(digits(rule, score))
    assert [shown >= edge for edge in (0.7, 0.4, 0.2)] == [score >= edge for edge in (0.7, 0.4, 0.2)]


def test_a_misspelt_parent_is_recognised() -> None:
    assert near("clip-l2", ["scan-9", "clip-12", "notes"]) == ["clip-12"]


@given(st.text())
def test_no_text_of_a_record_steers_a_terminal(text: str) -> None:
    assert printable(text).isprintable()


def test_a_parent_id_with_an_escape_sequence_does_nothing() -> None:
    account = told([scored("\x1b[2Jp[bold]", 0, 0.9, 1)])
    assert "\x1b" not in printed(account)
    assert "\\u001b[2Jp[bold]" in printed(account)


def test_a_line_of_watch_has_action_label_score_kind_parent_and_reasons() -> None:
    decision = only(fed([scored("clip-1", 0, 0.31, 1, reasons=("blurry",))]))
    shown = line(decision, short=False).plain.split()
    assert shown[1:] == ["review", "look", "low", "0.310", "video-frame", "clip-1", "blurry"]
    assert shown[0].endswith("Z")


def test_watch_shows_what_is_wanted_and_passes_over_foreign_records() -> None:
    good = only(fed([scored("good", 0, 0.9, 1)]))
    bad = only(fed([scored("bad", 0, 0.1, 1)]))
    out = io.StringIO()
    printer = Printer(as_json=True, console=Console(file=out))
    for value in (good.to_json(), b"no decision", None, bad.to_json()):
        printer.show(value, Filter(actions=frozenset({Action.REJECT})))
        printer.show(value, Filter(kinds=frozenset({"mri-slice"})))
    assert [json.loads(text)["parent_id"] for text in out.getvalue().splitlines()] == ["bad"]
    assert printer.shown == 1
