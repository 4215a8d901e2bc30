from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.items import MAX_READ_AS, ItemEnvelope, RawItem
from streams.envelope import EnvelopeError, item_headers, parse

codes = st.lists(st.text("abcxyz019_", min_size=1, max_size=40), max_size=MAX_READ_AS).map(tuple)


def _envelope(read_as: tuple[str, ...]) -> ItemEnvelope:
    return ItemEnvelope(id="i", source="s", kind="k", parent_id="p", index=0, read_as=read_as)


def _parsed(header: bytes) -> ItemEnvelope:
    item = parse([*item_headers(_envelope(())), ("ce_readas", header)], b"p", b"value")
    assert isinstance(item, RawItem)
    return item.envelope


@given(read_as=codes)
def test_how_an_item_was_read_comes_back_as_it_was_sent(read_as: tuple[str, ...]) -> None:
    assert parse(item_headers(_envelope(read_as)), b"p", b"value") == RawItem(_envelope(read_as), b"value")


def test_it_travels_as_one_header_and_as_none_where_there_is_nothing_to_say() -> None:
    assert dict(item_headers(_envelope(("deinterlaced", "tone_mapped"))))["ce_readas"] == b"deinterlaced,tone_mapped"
    assert "ce_readas" not in dict(item_headers(_envelope(())))


def test_spaces_between_codes_and_an_empty_header_are_passed_over() -> None:
    assert _parsed(b"nan_masked, tone_mapped").read_as == ("nan_masked", "tone_mapped")
    assert _parsed(b"").read_as == ()


@pytest.mark.parametrize("header", [b"Tone Mapped", b"a,,b", b"x" * 41, b"<b>", b",".join([b"a"] * (MAX_READ_AS + 1))])
def test_codes_that_are_none_or_too_many_are_refused(header: bytes) -> None:
    with pytest.raises(EnvelopeError, match="ce_readas: "):
        _parsed(header)
