from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from deploy import policyfiles
from deploy.errors import ConfigurationError
from deploy.policy.problems import DocumentError
from deploy.policy.reading import read
from deploy.policy.writing import to_yaml
from deploy.policy.yamltree import parse
from schemas.policy import Policy
from tests.unit.deploy.policies import policies

SIGN = "Q_wrong_Q"  # in no document otherwise
FREE = frozenset({"kind", "source", "name", "metric", "words"})  # any text is right there

Place = tuple[str | int, ...]


def _problems(text: str) -> list[str]:
    with pytest.raises(DocumentError) as caught:
        read(text)
    return [str(problem) for problem in caught.value.problems]


def _one(rule: str) -> str:
    """Return the only problem of a policy with this rule, which begins in column 5 of line 3."""
    (problem,) = _problems(f"name: night\nrules:\n  - {rule}\n")
    return problem


@given(policies())
@settings(max_examples=20, deadline=None)
def test_a_policy_that_is_written_and_read_again_is_the_same(policy: Policy) -> None:
    assert read(to_yaml(policy.model_dump(mode="json"))) == policy
    assert read(policy.model_dump_json()) == policy


@given(st.text("0123456789eE.+-_:oxn~ ", min_size=1, max_size=6))
@example("1e5")
@example("08")
@example("no")
def test_a_text_that_looks_like_something_else_stays_a_text(text: str) -> None:
    assert parse(to_yaml({"name": text})).value == {"name": text}


@given(policies(), st.data())
@settings(max_examples=30, deadline=None)
def test_an_unknown_key_is_found_wherever_it_stands(policy: Policy, data: st.DataObject) -> None:
    document = policy.model_dump(mode="json")
    place = data.draw(st.sampled_from([place for place, value in _walk(document) if isinstance(value, dict)]))
    _at(document, place)[SIGN] = "accept"  # which is right for an action
    text = to_yaml(document)
    (problem,) = _problems(text)
    assert problem.startswith(f"{_where(text)}: ")
    assert f"there is no {SIGN} here" in problem


@given(policies(), st.data())
@settings(max_examples=30, deadline=None)
def test_a_wrong_value_is_found_wherever_it_stands_and_named_with_what_would_be_right(
    policy: Policy, data: st.DataObject
) -> None:
    document = policy.model_dump(mode="json")
    places = [place for place, value in _walk(document) if not isinstance(value, dict | list)]
    strict = [place for place in places if not FREE & set(place[-2:]) or place[-2:] == ("method", "name")]
    place = data.draw(st.sampled_from(strict))
    _at(document, place[:-1])[place[-1]] = SIGN
    text = to_yaml(document)
    (problem,) = _problems(text)
    assert problem.startswith(f"{_where(text)}: ")
    assert f'"{SIGN}" is wrong. Right would be ' in problem


@given(st.text(max_size=40) | st.text("ab:-[]{}&*#!|>'\"%@\n \t<~1.e", max_size=40))
@settings(max_examples=200, deadline=None)
def test_whatever_a_file_holds_is_a_policy_or_has_a_problem(text: str) -> None:
    assert all(problem.isprintable() for problem in _problems(text))


def _walk(value: Any, place: Place = ()) -> Iterator[tuple[Place, Any]]:
    yield place, value
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        yield from _walk(part, (*place, key))


def _at(value: Any, place: Place) -> Any:
    for part in place:
        value = value[part]
    return value


def _where(text: str) -> str:
    before = text[: text.index(SIGN)]
    return f"{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ("idle_sm: 5", "3:5: rules[0].idle_sm: there is no idle_sm here. Did you mean idle_ms? Right would be one of "),
        (
            "method: {name: medain}",
            '3:20: rules[0].method.name: "medain" is wrong. Right would be one of mean, median,',
        ),
        (
            "method: {trim: 0.5}",
            "3:20: rules[0].method.trim: 0.5 is wrong. Right would be a number, 0 or more and below",
        ),
        ("early: yes", '3:12: rules[0].early: "yes" is wrong. Right would be true or false.'),
        ('idle_ms: "5"', '3:14: rules[0].idle_ms: "5" is wrong. Right would be a whole number, 1 or more.'),
        ("late: {allowed_ms: 86400001}", "a whole number from 1 to 86400000."),
        ("completeness: {max_missing: .nan}", "NaN is wrong. Right would be a number from 0 to 1."),
        (
            "window: {by: tme}",
            '3:18: rules[0].window.by: "tme" is wrong. Right would be one of index, time, whole. Did',
        ),
        ("window: {size: 3}", "3:5: rules[0].window: by is missing: one of index, time, whole"),
        ("window: {by: index}", "rules[0].window: size is missing: a whole number from 1 to "),
        ("window: whole", '3:13: rules[0].window: "whole" is wrong. Right would be a mapping with by: one of index, '),
        ("thresholds: {high: 0.1}", "3:5: rules[0].thresholds: thresholds must satisfy 0 < low < medium < high <= 1"),
        ("actions: {hihg: accept}", "3:15: rules[0].actions.hihg: there is no hihg here. Did you mean high?"),
        ("kind: video", "1:1: a rule for kind=* source=* is needed"),
        ("{early: true, early: false}", "3:19: rules[0].early: this key stands at 3:6 already"),
        ("{idle_ms: !!int 5}", "3:15: rules[0].idle_ms: the tag tag:yaml.org,2002:int is not read; leave it out"),
        ("&a {window: *a}", "its aliases (*name) have no end"),
        ("[1, 2", "this is not YAML: while parsing a flow sequence"),
        ("items: [{name: n, when: {check: language, allowed: [no]}, then: skp}]", "Did you mean skip?"),
    ],
)
def test_a_mistake_is_told_with_its_line_and_what_would_be_right(rule: str, told: str) -> None:
    assert told in _one(rule)


def test_all_mistakes_are_told_at_once_in_the_order_of_the_text() -> None:
    text = "nmae: x\nrules:\n  - idle_ms: 0\n    early: 3\n"
    assert [problem.partition(": ")[0] for problem in _problems(text)] == ["1:1", "1:1", "3:14", "4:12"]


def test_anchors_and_merge_keys_are_read() -> None:
    text = "name: n\nrules:\n  - &all {idle_ms: 7, early: true}\n  - {<<: *all, kind: video, idle_ms: 8}\n"
    one, other = read(text).rules
    assert (one.idle_ms, other.idle_ms, other.early, other.kind) == (7, 8, True, "video")


@pytest.mark.parametrize("text", ["", "# nothing", "[" * 1_200, "a: &a [x]\nb: *c", "--- 1\n--- 2"])
def test_what_is_no_document_at_all_is_a_problem_too(text: str) -> None:
    assert len(_problems(text)) == 1


def test_a_file_is_named_in_front_of_line_and_column(tmp_path: Path) -> None:
    path = tmp_path / "night.yaml"
    path.write_text("name: night\nrules: []\n")
    with pytest.raises(ConfigurationError, match=rf"{path}:2:8: rules: a list is wrong. Right would be a list of at"):
        policyfiles.load(path)
    path.write_bytes(b"\xff")
    with pytest.raises(ConfigurationError, match="is not UTF-8"):
        policyfiles.load(path)
    with pytest.raises(ConfigurationError, match="cannot read"):
        policyfiles.load(tmp_path / "absent.yaml")


def test_the_bundled_policies_are_right() -> None:
    assert [policyfiles.load(path).name for path in (policyfiles.DEFAULT, policyfiles.DEMO)] == ["default", "demo"]
