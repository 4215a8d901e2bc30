from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import ValidationError

from schemas.itemrules import ItemRule, by_cost
from workers.itemrules import Fired, ItemFacts, apply_rules
from workers.language import language_of

PROSE = "The committee met on Tuesday and agreed that the bridge should be painted before the winter."


def rule(name: str, then: str = "zero", **when: Any) -> ItemRule:
    return ItemRule.model_validate({"name": name, "when": when, "then": then})


def facts(
    text: str | None = PROSE, metrics: Mapping[str, float] | None = None, earlier: str | None = None
) -> ItemFacts:
    size = len((text or "picture").encode())
    return ItemFacts(size, lambda: text, lambda: metrics or {}, lambda _: earlier)


LENGTH = rule("too_short", check="length", unit="words", min=5)
WORDS = rule("flagged", check="words", words=["secret plan", "bomb"])
LANGUAGE = rule("foreign", check="language", allowed=["en"], min_confidence=0.7)
METRIC = rule("blurred", check="metric", metric="sharpness", min=0.2)
DUPLICATE = rule("duplicate", "skip", check="duplicate", within_hours=1)
ALL = by_cost((METRIC, LANGUAGE, WORDS, LENGTH, DUPLICATE))


@pytest.mark.parametrize(
    ("looked_at", "fired"),
    [
        (facts(), None),
        (facts("Too short, this."), "too_short"),
        (facts(PROSE + " It was a SECRET\nplan."), "flagged"),
        (
            facts("Der Ausschuss hat am Dienstag beschlossen, dass die Brücke vor dem Winter gestrichen wird."),
            "foreign",
        ),
        (facts(metrics={"sharpness": 0.1}), "blurred"),
        (facts(earlier="clip-1/3"), "duplicate"),
    ],
)
def test_each_rule_fires_alone(looked_at: ItemFacts, fired: str | None) -> None:
    stopped = apply_rules(ALL, looked_at).stopped
    assert (stopped.name if stopped else None) == fired


def test_a_cheaper_rule_stops_an_item_before_it_is_decoded_or_measured() -> None:
    def fail() -> Any:
        raise AssertionError("this was not needed")

    found = apply_rules(ALL, ItemFacts(10, fail, fail, lambda _: "clip-1/3"))
    assert found == Fired(stopped=DUPLICATE, duplicate_of="clip-1/3")


def test_rules_that_do_not_stop_are_all_named() -> None:
    rules = [
        rule("odd", "note", check="metric", metric="sharpness", max=0.5),
        rule("look", "review", check="length", unit="bytes", max=10),
        rule("again", "review", check="duplicate"),
    ]
    found = apply_rules(by_cost(tuple(rules)), facts(metrics={"sharpness": 0.9}, earlier="a"))
    assert (found.stopped, found.flags, found.notes, found.duplicate_of) == (None, ("again", "look"), ("odd",), "a")


def test_both_ends_of_a_range_belong_to_it() -> None:
    rules = [rule("range", check="metric", metric="noise", min=0.2, max=0.4)]
    fired = [apply_rules(rules, facts(metrics={"noise": value})).stopped is not None for value in (0.1, 0.2, 0.4, 0.5)]
    assert fired == [True, False, False, True]


def test_rules_about_texts_pass_pictures() -> None:
    assert apply_rules([LENGTH, WORDS, LANGUAGE], facts(None)) == Fired()


def test_a_word_within_another_is_not_flagged() -> None:
    assert apply_rules([WORDS], facts("The bombastic speech had no secret, planned or not.")).stopped is None


@pytest.mark.parametrize(
    "when",
    [
        {"check": "length"},
        {"check": "metric", "metric": "noise", "min": 2, "max": 1},
        {"check": "words", "words": []},
        {"check": "language", "allowed": ["English"]},
        {"check": "nothing"},
    ],
)
def test_a_rule_that_can_not_be_meant_is_refused(when: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        rule("x", **when)


def test_the_language_of_nothing_is_not_sure() -> None:
    assert language_of(" 12 ").confidence < 0.5
    found = language_of(PROSE)
    assert (found.code, found.confidence > 0.9) == ("en", True)
