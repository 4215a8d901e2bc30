from __future__ import annotations

import math
from datetime import UTC, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.items import ItemEnvelope, ParentEndedEvent, RawItem
from schemas.scores import ItemFailed
from streams.envelope import EnvelopeError, Headers, identify, item_headers, parent_ended_headers, parse

identifiers = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
zones = st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30)), timezone(timedelta(hours=-8))])
times = st.none() | st.datetimes(timezones=zones).filter(lambda time: 1 < time.year < 9999)
digests = st.none() | st.text("0123456789abcdef", min_size=64, max_size=64)
intensities = st.none() | st.floats(allow_nan=False, allow_infinity=False)


@st.composite
def envelopes(draw: st.DrawFn) -> ItemEnvelope:
    count = draw(st.none() | st.integers(1, 2**31))
    return ItemEnvelope(
        id=draw(identifiers),
        source=draw(identifiers),
        kind=draw(identifiers),
        parent_id=draw(identifiers),
        index=draw(st.integers(0, min(count or 2**31, 2**31) - 1)),
        count=count,
        content_type=draw(identifiers),
        content_hash=draw(digests),
        time=draw(times),
        window_low=draw(intensities),
        window_high=draw(intensities),
        empty=draw(st.booleans()),
        data_ref=draw(st.none() | identifiers),
    )


ends = st.builds(
    ParentEndedEvent,
    id=identifiers,
    source=identifiers,
    kind=identifiers,
    parent_id=identifiers,
    count=st.none() | st.integers(0, 2**31),
    time=times,
)


def _read(headers: Headers, key: bytes | None = None, value: bytes | None = b"") -> RawItem | ParentEndedEvent:
    return parse([(name, text) for name, text in headers], key, value)


def _valid() -> dict[str, Any]:
    return dict(item_headers(ItemEnvelope(id="i", source="s", kind="k", parent_id="p", index=1, count=2)))


@given(envelope=envelopes(), value=st.binary(max_size=50))
def test_an_item_comes_back_as_it_was(envelope: ItemEnvelope, value: bytes) -> None:
    assert _read(item_headers(envelope), envelope.parent_id.encode(), value) == RawItem(envelope, value)


@given(event=ends)
def test_the_end_of_a_parent_comes_back_as_it_was(event: ParentEndedEvent) -> None:
    assert _read(parent_ended_headers(event), value=None) == event


@given(envelope=envelopes())
def test_headers_are_those_of_cloudevents(envelope: ItemEnvelope) -> None:
    headers = dict(item_headers(envelope))
    names = set(headers) - {"content-type"}
    assert headers["ce_specversion"] == b"1.0"
    assert all(name.startswith("ce_") and name[3:].isalnum() and name.islower() for name in names)


def test_names_are_read_in_any_case_and_unknown_ones_passed_over() -> None:
    headers = [(name.upper(), value) for name, value in _valid().items()]
    others: Headers = [("traceparent", b"00-x"), ("ce_colour", b"blue")]
    assert _read(headers + others) == _read(list(_valid().items()))


def test_the_key_stands_in_for_a_missing_parent() -> None:
    headers = _valid()
    del headers["ce_parentid"]
    item = _read(list(headers.items()), key=b"from-key")
    assert isinstance(item, RawItem)
    assert item.envelope.parent_id == "from-key"


@pytest.mark.parametrize("name", ["ce_id", "ce_source", "ce_kind", "ce_parentid", "ce_index"])
def test_a_missing_header_is_named(name: str) -> None:
    headers = _valid()
    del headers[name]
    with pytest.raises(EnvelopeError, match=f"{name}: Field required") as caught:
        _read(list(headers.items()))
    assert caught.value.cause == ("no_parent_id" if name == "ce_parentid" else "bad_envelope")


def test_a_key_that_is_not_the_parent_is_refused_and_both_are_named() -> None:
    with pytest.raises(EnvelopeError, match="ce_parentid is 'p', but the key is 'q'") as caught:
        _read(list(_valid().items()), key=b"q")
    assert caught.value.cause == "key_mismatch"
    assert _read(list(_valid().items()), key=b"p") == _read(list(_valid().items()), key=None)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ce_index", b"-1"),
        ("ce_index", b"first"),
        ("ce_count", b"0"),
        ("ce_time", b"yesterday"),
        ("ce_time", b"2026-01-01T00:00:00"),
        ("ce_contenthash", b"0123"),
        ("ce_windowlow", b"dark"),
        ("ce_windowhigh", str(math.inf).encode()),
        ("ce_empty", b"perhaps"),
        ("ce_id", b""),
        ("content-type", b""),
        ("ce_parentid", b"x" * 513),
    ],
)
def test_a_bad_header_is_named(name: str, value: bytes) -> None:
    with pytest.raises(EnvelopeError, match=f"^bad_envelope: {name}: "):
        _read(list((_valid() | {name: value}).items()))


def test_every_bad_header_is_named() -> None:
    headers = _valid() | {"ce_index": b"x", "ce_count": b"y"}
    with pytest.raises(EnvelopeError, match=r"ce_index: .*; ce_count: "):
        _read(list(headers.items()))


def test_an_index_that_does_not_fit_the_count_is_refused() -> None:
    with pytest.raises(EnvelopeError, match="index 2 is not below count 2") as caught:
        _read(list((_valid() | {"ce_index": b"2"}).items()))
    assert caught.value.cause == "index_beyond_count"


@pytest.mark.parametrize(
    ("name", "value", "cause"),
    [
        ("ce_specversion", b"0.3", "spec_version"),
        ("ce_type", b"com.example.invoice.v1", "unknown_type"),
        ("ce_type", b"org.sluice.items", "unknown_type"),
        ("ce_type", b"org.sluice.item.v2", "unknown_schema_version"),
        ("ce_type", b"org.sluice.parent.ended.v3", "unknown_schema_version"),
    ],
)
def test_events_of_another_make_are_refused(name: str, value: bytes, cause: str) -> None:
    with pytest.raises(EnvelopeError) as caught:
        _read(list((_valid() | {name: value}).items()))
    assert caught.value.cause == cause


def test_a_refusal_stays_short_whatever_was_sent() -> None:
    with pytest.raises(EnvelopeError) as caught:
        _read(list((_valid() | {"ce_type": b"x" * 5_000_000}).items()))
    assert len(caught.value.detail) < 1100


names = st.sampled_from(["ce_id", "ce_source", "ce_kind", "ce_parentid", "ce_index", "ce_type", "content-type"])
texts = st.binary(max_size=20) | st.sampled_from([b"9" * 5000, b"", b"x" * 600, b"application/cloudevents+json"])
headers_of_anybody = st.dictionaries(names, texts)


@given(headers=headers_of_anybody, key=st.none() | st.binary(max_size=600), value=st.binary(max_size=20))
def test_whatever_is_sent_is_read_or_refused_and_its_parent_can_be_told(
    headers: dict[str, bytes], key: bytes | None, value: bytes
) -> None:
    sent = list((_valid() | headers).items())
    try:
        parse(sent, key, value)
    except EnvelopeError as error:
        known = identify(sent, key, value)
        if known is not None:
            place = {"appended_at": 0, "item_partition": 0, "item_offset": 0}
            ItemFailed(**known, **place, cause=error.cause, detail=error.detail).to_json()


@pytest.mark.parametrize("headers", [None, [], [("ce_id", None)]])
def test_a_message_without_headers_is_refused(headers: list[tuple[str, bytes | None]] | None) -> None:
    with pytest.raises(EnvelopeError, match="ce_id: Field required"):
        parse(headers, b"key", b"value")
