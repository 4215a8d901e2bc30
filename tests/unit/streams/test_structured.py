"""Structured content mode: whole events as JSON."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.items import ITEM_TYPE, PARENT_ENDED_TYPE, ItemEnvelope, ParentEndedEvent, RawItem
from streams.envelope import EnvelopeError, Headers, identify, parse

JSON: Headers = [("content-type", b"application/cloudevents+json; charset=UTF-8")]


def _event(**more: Any) -> dict[str, Any]:
    event = {
        "specversion": "1.0",
        "type": ITEM_TYPE,
        "id": "p/1",
        "source": "lab",
        "kind": "document-chunk",
        "parentid": "p",
        "index": 1,
        "count": 2,
        "datacontenttype": "text/plain",
        "data": "words",
    }
    return {name: value for name, value in {**event, **more}.items() if value is not ...}


def _parse(event: object, headers: Headers = JSON, key: bytes | None = b"p") -> RawItem | ParentEndedEvent:
    return parse(headers, key, event if isinstance(event, bytes) else json.dumps(event).encode())


def _refused(event: object, headers: Headers = JSON, key: bytes | None = b"p") -> EnvelopeError:
    with pytest.raises(EnvelopeError) as caught:
        _parse(event, headers, key)
    return caught.value


@given(value=st.binary(max_size=50), key=st.sampled_from([b"p", None]))
def test_bytes_come_as_base64(value: bytes, key: bytes | None) -> None:
    event = _event(data=..., data_base64=base64.b64encode(value).decode(), datacontenttype="image/png", kind="image")
    expected = ItemEnvelope(
        id="p/1", source="lab", kind="image", parent_id="p", index=1, count=2, content_type="image/png"
    )
    assert _parse(event, key=key) == RawItem(expected, value)


@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=50), escaped=st.booleans())
def test_text_comes_as_it_is(text: str, escaped: bool) -> None:
    item = _parse(json.dumps(_event(data=text), ensure_ascii=escaped).encode())
    assert isinstance(item, RawItem)
    assert item.value == text.encode()


@pytest.mark.parametrize("index", [1, "1", 1.0])
def test_numbers_may_be_numbers_or_strings(index: object) -> None:
    item = _parse(_event(index=index, windowlow=0.5, windowhigh="9", empty=True, readas="nan_masked", time=None))
    assert isinstance(item, RawItem)
    envelope = item.envelope
    assert (envelope.index, envelope.window_low, envelope.window_high, envelope.empty) == (1, 0.5, 9.0, True)
    assert (envelope.read_as, envelope.time) == (("nan_masked",), None)


def test_the_end_of_a_parent_and_a_claim_check_have_no_data() -> None:
    ended = _parse(_event(type=PARENT_ENDED_TYPE, data=..., index=...))
    assert ended == ParentEndedEvent(id="p/1", source="lab", kind="document-chunk", parent_id="p", count=2)
    claim = _parse(_event(data=..., dataref="file:///a/b", contenthash="0" * 64))
    assert isinstance(claim, RawItem)
    assert claim.is_claim


def test_the_key_stands_in_for_a_missing_parent_and_must_be_the_parent_otherwise() -> None:
    item = _parse(_event(parentid=...), key=b"k")
    assert isinstance(item, RawItem)
    assert item.envelope.parent_id == "k"
    assert _refused(_event(), key=b"k").cause == "key_mismatch"
    assert _refused(_event(parentid=...), key=None).cause == "no_parent_id"


def test_other_extensions_are_passed_over_whatever_they_hold() -> None:
    plain = _parse(_event())
    assert _parse(b"\xef\xbb\xbf" + json.dumps(_event(colour={"a": [1, 2**99]}, traceparent="00-x")).encode()) == plain


@pytest.mark.parametrize(
    "content_type",
    [
        "application/cloudevents+json",
        "Application/CloudEvents+JSON;charset=utf-8",
        'application/cloudevents+json ; foo=bar;  Charset="UTF-8"',
    ],
)
def test_a_content_type_is_read_in_any_case_and_with_any_blanks(content_type: str) -> None:
    assert _parse(_event(), [("Content-Type", content_type)]) == _parse(_event())


@pytest.mark.parametrize(
    ("content_type", "cause"),
    [
        ("application/cloudevents-batch+json", "batched_mode"),
        ("application/CloudEvents-Batch+JSON; charset=utf-8", "batched_mode"),
        ("application/cloudevents+avro", "event_format"),
        ("application/cloudevents", "event_format"),
        ("application/cloudevents+json; charset=utf-16", "event_format"),
    ],
)
def test_other_formats_are_refused_by_name(content_type: str, cause: str) -> None:
    assert _refused(_event(), [("content-type", content_type)]).cause == cause


@pytest.mark.parametrize(
    ("event", "cause", "told"),
    [
        (b"", "bad_json", "no event in JSON"),
        (b"[]", "bad_json", "object"),
        (b'{"a":' + b"[" * 100_000, "bad_json", "recursion"),
        (b'{"specversion": "1.0", \xff}', "bad_json", "JSON"),
        (_event(specversion="0.3"), "spec_version", "1.0"),
        (_event(type="org.sluice.item.v2"), "unknown_schema_version", "v2"),
        (_event(type="other"), "unknown_type", "other"),
        (_event(index={}), "bad_envelope", "index: must be a string, a number or a boolean"),
        (_event(index=2), "index_beyond_count", "index 2 is not below count 2"),
        (_event(index=1.5), "bad_envelope", "ce_index: must be a whole number in digits"),
        (_event(index="1_0", count=100), "bad_envelope", "ce_index: must be a whole number in digits"),
        (_event(source=...), "bad_envelope", "ce_source: Field required"),
        (_event(data_base64="eA=="), "bad_data", "both"),
        (_event(data=..., data_base64="?"), "bad_data", "not base64"),
        (_event(data=..., data_base64=7), "bad_data", "not base64"),
        (_event(data=7), "bad_data", "string"),
        (_event(data={"a": 1}), "bad_data", "string"),
        (_event(datacontenttype="image/png"), "bad_data", "data_base64"),
        (_event(datacontenttype=...), "bad_data", "data_base64"),
        (json.dumps(_event()).encode().replace(b"words", b"\\udc00"), "bad_json", "surrogate"),
    ],
)
def test_what_is_no_item_is_refused_by_name(event: object, cause: str, told: str) -> None:
    refused = _refused(event)
    assert refused.cause == cause
    assert told in refused.detail


def _known(event: object, key: bytes | None) -> dict[str, Any] | None:
    return identify(JSON, key, event if isinstance(event, bytes) else json.dumps(event).encode())


def test_the_parent_of_a_refused_event_is_known_where_it_can_be() -> None:
    place = {"parent_id": "p", "index": 1, "item_id": "p/1", "kind": "document-chunk", "source": "lab"}
    assert _known(_event(data_base64="?"), None) == place
    assert _known(_event(time={}, source=[]), b"q") == {**place, "source": "unknown"}
    assert _known(_event(parentid=...), b"q") == {**place, "parent_id": "q"}
    assert _known(_event(index=...), b"p") is None
    assert _known(b"no json", b"p") is None


@given(value=st.binary(max_size=100))
def test_any_value_is_an_event_or_is_refused(value: bytes) -> None:
    assert isinstance(_refused(value), EnvelopeError)
    assert identify(JSON, b"p", value) is None
