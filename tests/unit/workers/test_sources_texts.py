from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.workers.samples import opened, packaged
from workers.decode import InlineDecoder
from workers.sources import SourceError


def texts(path: Path, **options: object) -> list[str]:
    return [raw.value.decode() for raw in opened(path, **options).items]


def test_a_document_is_cut_at_sentences_and_loses_no_word() -> None:
    path = packaged("iscc_samples", "files/text/demo.md")
    parent = opened(path)
    cut = [raw.value.decode() for raw in parent.items]
    assert parent.count == len(cut) > 10
    assert " ".join(cut).split() == path.read_text().split()
    assert all(90 <= len(text.split()) <= 270 for text in cut[:-1])
    assert cut == texts(path)
    assert {raw.envelope.content_type for raw in opened(path).items} == {"text/markdown"}


@settings(deadline=None, max_examples=60)
@given(
    words=st.lists(st.sampled_from(["a", "bee", "end.", "why?", 'said."', "\n", "\n\n", "x" * 50]), min_size=1),
    size=st.integers(1, 30),
)
def test_any_text_is_cut_without_loss_into_bounded_chunks(
    tmp_path_factory: pytest.TempPathFactory, words: list[str], size: int
) -> None:
    path = tmp_path_factory.mktemp("text") / "any.txt"
    path.write_text(" ".join(words))
    if not path.read_text().strip():
        with pytest.raises(SourceError, match="no text"):
            opened(path)
        return
    cut = texts(path, words_per_chunk=size)
    assert " ".join(cut).split() == path.read_text().split()
    assert all(text.strip() and len(text.split()) <= size * 1.5 for text in cut)


def test_bytes_that_are_not_utf8_reach_the_gate_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9 noir")
    [only] = opened(tmp_path / "latin.txt").items
    assert only.value == b"caf\xe9 noir"
    assert "invalid_utf8" in InlineDecoder().decode(only).reasons


def test_a_long_document_is_streamed(tmp_path: Path) -> None:
    path = tmp_path / "long.txt"
    path.write_text("word " * 200_000)  # one line of 1 MB, 12 MB as a list of words
    tracemalloc.start()
    parent = opened(path)
    counted = sum(1 for _ in parent.items)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert counted == parent.count
    assert peak < 3_000_000


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_says_how_a_text_is_read(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "note.txt").write_text("naïve café 犬", encoding=encoding)
    assert texts(tmp_path / "note.txt") == ["naïve café 犬"]


def test_scripts_without_spaces_are_cut_too(tmp_path: Path) -> None:
    sentence = "今日は海に行きました。"
    (tmp_path / "diary.txt").write_text(sentence * 100 + "\n\n" + "犬" * 500, encoding="utf-8")
    cut = texts(tmp_path / "diary.txt", words_per_chunk=50)
    assert "".join("".join(cut).split()) == sentence * 100 + "犬" * 500
    assert all(len(text) <= 150 for text in cut)
    assert all(text.endswith("。") for text in cut[:10])
