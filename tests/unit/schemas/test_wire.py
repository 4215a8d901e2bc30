from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas import wire
from schemas.scores import SCORE_RECORD, ItemFailed, ItemRuled, ItemScored, ItemSkipped, ParentEnded, PolicyActivated

identifiers = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
codes = st.text("abc_1", min_size=1, max_size=10)
offsets = st.integers(0, 2**53)
counts = st.none() | st.integers(1, 2**31)
digests = st.text("0123456789abcdef", min_size=64, max_size=64)
origin: dict[str, Any] = {"parent_id": identifiers, "kind": identifiers, "source": identifiers, "appended_at": offsets}
answer: dict[str, Any] = origin | {
    "item_id": identifiers,
    "index": st.integers(0, 2**31 - 1),
    "count": counts,
    "item_partition": st.integers(0, 1000),
    "item_offset": offsets,
    "content_hash": st.none() | digests,
    "item_time": st.none() | offsets,
}
records = st.one_of(
    st.builds(
        ItemScored,
        **answer,
        score=st.floats(0.0, 1.0),
        reasons=st.lists(identifiers, max_size=3).map(tuple),
        flags=st.lists(codes, max_size=2).map(tuple),
        metrics=st.dictionaries(identifiers, st.floats(allow_nan=False, allow_infinity=False), max_size=3),
        scorer=identifiers,
        calibrated=st.booleans(),
        embedding=identifiers,
        cached=st.booleans(),
    ),
    st.builds(ItemFailed, **answer, cause=identifiers, detail=st.text(st.characters(exclude_categories=["Cs"]))),
    st.builds(ItemSkipped, **answer, cause=identifiers),
    st.builds(ItemRuled, **answer, rule=codes, flags=st.lists(codes, max_size=2).map(tuple), policy=identifiers),
    st.builds(ParentEnded, **origin, count=st.none() | st.integers(0, 2**31)),
    st.builds(PolicyActivated, name=identifiers, version=st.integers(1, 10**6), digest=digests),
)
SCORED: dict[str, Any] = {
    "type": "ItemScored",
    "parent_id": "p",
    "kind": "k",
    "source": "s",
    "appended_at": 0,
    "item_id": "i",
    "index": 0,
    "item_partition": 0,
    "item_offset": 0,
    "score": 0.5,
    "scorer": "d",
    "embedding": "e",
}


@given(record=records)
def test_both_readers_read_the_same_from_a_valid_record(
    record: ItemScored | ItemRuled | ItemFailed | ItemSkipped | ParentEnded | PolicyActivated,
) -> None:
    value = record.to_json()
    fast = wire.decode(value)
    assert SCORE_RECORD.validate_json(value) == record
    assert type(fast).__name__ == type(record).__name__
    for field in fast.__struct_fields__:
        assert getattr(fast, field) == getattr(record, field), field


@pytest.mark.parametrize(
    "change",
    [
        {"score": None},
        {"score": 1.0000001},
        {"score": -0.1},
        {"score": "high"},
        {"index": -1},
        {"index": 0.5},
        {"count": 0},
        {"appended_at": -1},
        {"parent_id": ""},
        {"scorer": ""},
        {"type": "ItemJudged"},
        {"type": None},
        {"reasons": "dark"},
        {"calibrated": "yes, very"},
    ],
)
def test_both_readers_refuse_the_same_bad_fields(change: dict[str, Any]) -> None:
    _refused(json.dumps(SCORED | change).encode())


@pytest.mark.parametrize("field", ["type", "parent_id", "kind", "source", "appended_at", "item_id", "index", "score"])
def test_both_readers_refuse_a_record_without(field: str) -> None:
    _refused(json.dumps({name: value for name, value in SCORED.items() if name != field}).encode())


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf])
def test_both_readers_refuse_what_is_no_number(score: float) -> None:
    _refused(json.dumps(SCORED | {"score": score}).encode())


@pytest.mark.parametrize("value", [b"", b"\xff\xfe", b"null", b"[]", b"{", b'{"type":"ItemScored"}'])
def test_both_readers_refuse_what_is_no_record(value: bytes) -> None:
    _refused(value)


def _refused(value: bytes) -> None:
    with pytest.raises(wire.UNREADABLE):
        wire.decode(value)
    with pytest.raises(ValidationError):
        SCORE_RECORD.validate_json(value)


@given(junk=st.binary(max_size=60))
def test_no_bytes_make_the_fast_reader_fail_otherwise(junk: bytes) -> None:
    try:
        wire.decode(junk)
    except wire.UNREADABLE:
        return


def test_fields_of_a_later_version_are_passed_over() -> None:
    value = json.dumps(SCORED | {"colour": "blue"}).encode()
    assert isinstance(wire.decode(value), wire.ItemScored)
    assert isinstance(SCORE_RECORD.validate_json(value), ItemScored)
