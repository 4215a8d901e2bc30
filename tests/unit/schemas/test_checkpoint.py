from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.checkpoint import FORMAT, Metadata, UnreadableCheckpointError, decode, encode

numbers = st.integers(0, 2**63 - 1)


@given(metadata=st.builds(Metadata, st.just(FORMAT), *[numbers] * 6, policy=st.text(max_size=600)))
def test_metadata_comes_back_as_it_was(metadata: Metadata) -> None:
    text = encode(metadata)
    assert decode(text) == metadata
    assert len(text.encode()) < 4096


@pytest.mark.parametrize("text", ["", "{}", "another tool's note", '{"format":1}', "null"])
def test_what_is_not_ours_is_refused(text: str) -> None:
    with pytest.raises(UnreadableCheckpointError, match="not a decider's"):
        decode(text)


def test_a_newer_format_is_refused() -> None:
    with pytest.raises(UnreadableCheckpointError, match=f"format {FORMAT + 1}, not {FORMAT}"):
        decode(encode(Metadata(FORMAT + 1, 6, 0, 0, 0)))


def test_a_field_that_was_added_has_a_default() -> None:
    older = '{"format":1,"partitions":6,"position":5,"stream_time":7,"decisions_from":0,"policy_version":1}'
    assert decode(older) == Metadata(1, 6, 5, 7, 0, 1, truncated_below=0)
