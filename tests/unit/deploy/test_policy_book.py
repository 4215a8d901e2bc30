"""Versions and activations, as they are read from the topic; what is found for a marker; what is in force."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from aggregation import UnknownPolicyError
from deploy.metrics.decide import DecideMetrics
from deploy.policy.book import Book, NewerPolicyError, PublishedPolicy, digest_of
from deploy.policy.compare import changed_windows, compare
from deploy.policy.finder import PolicyFinder
from deploy.policy.gates import GateMaker, PolicyGate
from deploy.policy.publication import PolicyError, find
from schemas.activation import PolicyActivation
from schemas.checkpoint import Checkpoint
from schemas.policy import Label, Policy, Rule
from schemas.scores import PolicyActivated
from schemas.windows import IndexRanges
from streams.policies import Document, DocumentReader
from tests.unit.aggregation.records import decisions, scored
from tests.unit.deploy.policies import policies

NOW = 1_700_000_000_000


def _policy(version: int, **rule: Any) -> Policy:
    return Policy(name="night", version=version, rules=[Rule(**rule)])


def _document(policy: Policy) -> Document:
    return Document(policy.reference, policy.model_dump_json().encode(), NOW)


def _activation(sequence: int, policy: Policy, *markers: int) -> Document:
    record = PolicyActivation(
        sequence=sequence, name=policy.name, version=policy.version, digest=policy.digest(), markers=markers
    )
    return Document(record.key, record.to_json(), NOW + sequence)


def _marker(policy: Policy, digest: str = "") -> bytes:
    record = PolicyActivated(name=policy.name, version=policy.version, digest=digest or policy.digest())
    return record.to_json()


def _book(sequence: Sequence[int]) -> Book:
    used = {number: _policy(number) for number in sequence}
    return Book.of(
        [*map(_document, used.values()), *(_activation(place, used[n]) for place, n in enumerate(sequence, 1))]
    )


class _Topic(DocumentReader):
    """A topic that is read without brokers, which may be away at first."""

    def __init__(self, *documents: Document, failures: int = 0) -> None:
        self.documents: dict[str, Document] = {}
        self.coming = list(documents)
        self.failures = failures
        self.looks = 0

    def refresh(self, seconds: float) -> None:
        del seconds
        self.looks += 1
        if self.failures:
            self.failures -= 1
            raise KafkaException(KafkaError(KafkaError._TRANSPORT))
        self.documents |= {one.key: one for one in self.coming}


@given(policies())
@settings(max_examples=20, deadline=None)
def test_the_digest_of_what_is_published_is_that_of_the_policy(policy: Policy) -> None:
    published = PublishedPolicy.of(policy.model_dump_json().encode())
    assert published.digest() == policy.digest() == digest_of(policy.model_dump_json().encode())
    assert published.model_dump() == policy.model_dump()


def test_a_digest_does_not_hang_on_the_order_of_a_set() -> None:
    dumped = Rule(review_flag=frozenset(Label)).model_dump(mode="json")
    assert dumped["review_flag"] == ["high", "medium", "low", "rejected"]


def test_a_policy_of_an_older_sluice_keeps_its_digest() -> None:
    document = _policy(1).model_dump(mode="json")
    del document["rules"][0]["items"]  # which that one did not know
    value = json.dumps(document).encode()
    policy = PublishedPolicy.of(value)
    assert policy.rules[0].items == ()
    assert policy.digest() == digest_of(value) != _policy(1).digest()
    finder = PolicyFinder(_Topic(Document("night@1", value, NOW)))
    assert finder.find("night", 1, digest_of(value)) == policy


def test_a_policy_of_a_newer_sluice_is_not_taken_for_one_that_is_not_there() -> None:
    value = json.dumps(_policy(1).model_dump(mode="json") | {"moon": "full"}).encode()
    finder = PolicyFinder(_Topic(Document("night@1", value, NOW)))
    with pytest.raises(NewerPolicyError, match="Update this decider"):
        finder.find("night", 1, digest_of(value))


@given(st.lists(st.integers(1, 5), max_size=12))
def test_rolling_back_ends_at_the_first_and_comes_to_nothing_twice(sequence: list[int]) -> None:
    active = [number for place, number in enumerate(sequence) if number != (sequence[place - 1] if place else 0)]
    seen: list[str] = [f"night@{number}" for number in active[-1:]]
    while (before := _book(active).before()) is not None:
        seen.append(before)
        active.append(int(before.removeprefix("night@")))
        assert len(seen) <= len(set(sequence))
    assert len(set(seen)) == len(seen)


@pytest.mark.parametrize(
    ("sequence", "before"),
    [([], None), ([1], None), ([1, 2], "night@1"), ([1, 2, 3, 2], "night@1"), ([1, 2, 1, 4], "night@1")],
)
def test_what_was_undone_is_not_gone_back_to(sequence: list[int], before: str | None) -> None:
    assert _book(sequence).before() == before


def test_a_version_is_found_by_its_number_alone_where_a_policy_is_active() -> None:
    assert find(_book([1, 2]), "1").reference == "night@1"
    with pytest.raises(PolicyError, match=r"no policy night@3. Published: night@1, night@2"):
        find(_book([1, 2]), "3")
    with pytest.raises(PolicyError, match="needs a name, such as night@3"):
        find(Book(), "3")


def test_records_of_somebody_else_are_passed_over() -> None:
    book = Book.of([Document("note", b"to myself", 1), Document("activation/1", b"{}", 1), _document(_policy(4))])
    assert (list(book.versions), book.active, book.next_version("night")) == (["night@4"], None, 5)


def test_brokers_that_do_not_answer_are_no_answer() -> None:
    topic = _Topic(_document(_policy(1)), failures=1)
    finder = PolicyFinder(topic)
    with pytest.raises(KafkaException):
        finder.find("night", 1, _policy(1).digest())
    assert finder.find("night", 1, _policy(1).digest()) is not None
    assert finder.find("night", 1, _policy(1).digest()) is not None
    assert topic.looks == 2  # what was read is not read again


def test_another_digest_is_another_document() -> None:
    assert PolicyFinder(_Topic(_document(_policy(1)))).find("night", 1, "0" * 64) is None


def test_a_gate_goes_over_to_what_a_marker_names_and_tells_of_it() -> None:
    strict, told = _policy(2, thresholds={"high": 0.9, "medium": 0.8, "low": 0.7}), []
    finder = PolicyFinder(_Topic(_document(strict)))
    maker = GateMaker(_policy(1), finder, lambda event, **fields: told.append((event, fields)))
    metrics = DecideMetrics(registry := CollectorRegistry(), "night@1")
    gate = metrics.watch(3, maker.make(3, Checkpoint(0, 0, 0)))
    assert _active(registry) == {("3", "night@1", "own")}
    gate.apply(enumerate([scored("a", 0, 0.75, 1), _marker(strict), scored("b", 0, 0.75, 1)]), NOW)
    assert [(one.policy.version, one.label) for one in decisions(gate)] == [(1, "high"), (2, "low")]
    assert told == [("policy_activated", {"partition": 3, "policy": "night@2", "position": 3})]
    assert _active(registry) == {("3", "night@2", "topic")}


def _active(registry: CollectorRegistry) -> set[tuple[str, ...]]:
    (family,) = [one for one in registry.collect() if one.name == "sluice_policy_active"]
    return {(one.labels["partition"], one.labels["policy"], one.labels["origin"]) for one in family.samples}


def _begun(book: list[Document], resume: Checkpoint) -> PolicyGate:
    return GateMaker(_policy(9), PolicyFinder(_Topic(*book)), lambda *_, **__: None).make(1, resume)


def test_where_markers_were_deleted_the_activations_say_what_was_in_force() -> None:
    one, other = _policy(1), _policy(2)
    book = [_document(one), _document(other), _activation(1, one, 5, 10), _activation(2, other, 6, 20)]
    assert _begun(book, Checkpoint(0, 0, 0)).policy == ""
    assert _begun(book, Checkpoint(10, 0, 0, truncated_below=30)).policy == ""
    assert _begun(book, Checkpoint(11, 0, 0, truncated_below=30)).policy == "night@1"
    assert _begun(book, Checkpoint(25, 0, 0, truncated_below=30)).policy == "night@2"
    assert _begun(book, Checkpoint(25, 25, 0, policy="night@1")).policy == "night@1"


def test_a_policy_that_was_in_force_and_is_gone_ends_the_search_with_an_error() -> None:
    with pytest.raises(UnknownPolicyError, match="night@7 is not to be found"):
        _begun([_document(_policy(1))], Checkpoint(25, 25, 0, policy="night@7"))


@given(policies(), policies())
@settings(max_examples=20, deadline=None)
def test_a_comparison_names_what_differs_and_nothing_else(one: Policy, other: Policy) -> None:
    assert compare(one, one).differences == []
    found = compare(one, other)
    for difference in found.differences:
        assert difference.before != difference.after
        assert one.rule_for(difference.kind, difference.source) != other.rule_for(difference.kind, difference.source)
    back = compare(other, one).differences
    assert {(d.kind, d.source, d.field) for d in back} == {(d.kind, d.source, d.field) for d in found.differences}


def test_only_those_that_are_cut_otherwise_are_warned_of() -> None:
    cut = Rule(kind="video", window=IndexRanges(size=3))
    one, other = _policy(1), Policy(name="night", version=2, rules=[Rule(), cut])
    assert changed_windows(one, other) == [("video", "*")]
