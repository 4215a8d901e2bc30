from __future__ import annotations

import threading
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.items import RawItem
from tests.unit.workers.pdfs import Page, encrypted, pdf
from tests.unit.workers.samples import item, opened, packaged
from workers.decode import InlineDecoder
from workers.media import UndecodableError
from workers.pdftext import PDF
from workers.sources import SourceError

PROSE = Page(("The tide comes in and the boats", "are afloat again.", "Nobody minds the rain."))
SCAN = Page(scan=True)
BLANK = Page()


def written(folder: Path, value: bytes, name: str = "paper.pdf") -> Path:
    path = folder / name
    path.write_bytes(value)
    return path


def cause(raw: RawItem) -> str:
    with pytest.raises(UndecodableError) as caught:
        InlineDecoder().decode(raw)
    return caught.value.cause


def pdf_item(value: bytes, content_type: str = PDF) -> RawItem:
    return item(value, "document-chunk", content_type)


def test_the_text_of_pages_becomes_chunks_of_plain_text(tmp_path: Path) -> None:
    parent = opened(written(tmp_path, pdf(PROSE, PROSE)), words_per_chunk=8)
    items = list(parent.items)
    assert parent.kind == "document-chunk"
    assert parent.count == len(items) > 1
    assert {raw.envelope.content_type for raw in items} == {"text/plain"}
    assert " ".join(raw.value.decode() for raw in items).split() == 2 * " ".join(PROSE.lines).split()
    assert parent.notes == ()


def test_a_word_that_the_end_of_a_line_divides_is_one_word(tmp_path: Path) -> None:
    path = written(tmp_path, pdf(Page(("a matter of recog-", "nition, said the café"))))
    [only] = opened(path).items
    assert only.value.decode().split() == ["a", "matter", "of", "recognition,", "said", "the", "café"]


def test_a_paper_is_cut_into_chunks_of_about_the_wished_size() -> None:
    cut = [raw.value.decode() for raw in opened(packaged("iscc_samples", "files/text/demo.pdf")).items]
    assert cut[0].startswith("Bitcoin: A Peer-to-Peer Electronic Cash System\nSatoshi Nakamoto")
    assert all(90 <= len(text.split()) <= 270 for text in cut[:-1])
    assert not any(mark in text for text in cut for mark in ("\r", "\x02", "\ufffe"))


@settings(deadline=None, max_examples=30)
@given(
    pages=st.lists(
        st.lists(st.lists(st.sampled_from(["one", "two.", "(three)", "a\\b", "naïve"]), min_size=1), max_size=12),
        min_size=1,
        max_size=4,
    ),
    size=st.integers(1, 40),
)
def test_no_word_of_a_page_is_lost(
    tmp_path_factory: pytest.TempPathFactory, pages: list[list[list[str]]], size: int
) -> None:
    lines = [[" ".join(words[:9]) for words in page] for page in pages]
    path = written(tmp_path_factory.mktemp("pdf"), pdf(*(Page(page) for page in lines)))
    expected = " ".join(line for page in lines for line in page).split()
    if not expected:
        with pytest.raises(SourceError, match="blank"):
            opened(path)
        return
    items = list(opened(path, words_per_chunk=size).items)
    assert " ".join(raw.value.decode() for raw in items).split() == expected


def test_a_scan_publishes_one_item_that_tells_of_the_missing_text(tmp_path: Path) -> None:
    parent = opened(written(tmp_path, pdf(SCAN, SCAN, SCAN)))
    [only] = parent.items
    assert parent.count == only.envelope.count == 1
    assert only.envelope.content_type == PDF
    assert only.value.startswith(b"%PDF-")
    assert cause(only) == "needs_ocr"
    assert parent.notes == ("no page of 3 has a text layer: it needs OCR",)


def test_pages_without_text_are_items_of_their_own_where_others_have_some(tmp_path: Path) -> None:
    parent = opened(written(tmp_path, pdf(PROSE, SCAN, BLANK, PROSE, SCAN)))
    items = list(parent.items)
    kinds = ["text/plain", PDF, "text/plain", PDF]
    assert [raw.envelope.content_type for raw in items] == kinds
    assert [raw.envelope.index for raw in items] == [0, 1, 2, 3]
    assert parent.count == 4
    assert [cause(raw) for raw in items if raw.envelope.content_type == PDF] == ["needs_ocr", "needs_ocr"]
    assert parent.notes == ("no text layer, so OCR is needed, on pages 2, 5", "blank, and left out: page 3")


def test_blank_pages_do_not_cut_the_text(tmp_path: Path) -> None:
    [only] = opened(written(tmp_path, pdf(PROSE, BLANK, PROSE))).items
    assert only.value.decode().count("tide") == 2


def test_the_same_file_gives_the_same_bytes_each_time(tmp_path: Path) -> None:
    path = written(tmp_path, pdf(PROSE, SCAN))
    first, again = (list(opened(path).items) for _ in range(2))
    assert first == again


def test_a_scan_with_a_text_layer_is_text(tmp_path: Path) -> None:
    [only] = opened(written(tmp_path, pdf(Page(PROSE.lines, scan=True)))).items
    assert only.envelope.content_type == "text/plain"


@pytest.mark.parametrize("algorithm", ["RC4-40", "RC4-128"])
def test_an_encrypted_pdf_is_named_and_one_that_is_only_restricted_is_read(tmp_path: Path, algorithm: str) -> None:
    with pytest.raises(SourceError, match=r"locked\.pdf: is encrypted.*without a password"):
        opened(written(tmp_path, encrypted(pdf(PROSE), algorithm=algorithm), "locked.pdf"))
    [only] = opened(written(tmp_path, encrypted(pdf(PROSE), user="", algorithm=algorithm))).items
    assert b"tide" in only.value


@pytest.mark.parametrize("kept", [0.2, 0.6, 0.95])
def test_a_truncated_pdf_is_named(tmp_path: Path, kept: float) -> None:
    whole = pdf(PROSE, SCAN, PROSE)
    with pytest.raises(SourceError, match=r"paper\.pdf.*truncated"):
        opened(written(tmp_path, whole[: int(len(whole) * kept)]))


def test_a_pdf_without_a_page_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"paper\.pdf"):
        opened(written(tmp_path, b"%PDF-1.7\nnothing\n%%EOF\n"))
    with pytest.raises(SourceError, match="blank"):
        opened(written(tmp_path, pdf(BLANK, BLANK)))


def test_a_pdf_is_known_by_its_first_bytes(tmp_path: Path) -> None:
    assert opened(written(tmp_path, pdf(PROSE), "upload")).kind == "document-chunk"


def test_a_whole_pdf_as_an_item_is_read() -> None:
    for raw in (pdf_item(pdf(PROSE)), pdf_item(pdf(PROSE), "application/octet-stream")):
        medium = InlineDecoder().decode(raw)
        assert medium.reasons == ("read_from_pdf",)
        assert "boats" in getattr(medium, "text", "")
    assert InlineDecoder().decode(pdf_item(pdf(PROSE, SCAN))).reasons == ("read_from_pdf", "needs_ocr")


def test_a_pdf_item_that_cannot_be_read_says_why() -> None:
    assert cause(pdf_item(encrypted(pdf(PROSE)))) == "encrypted_pdf"
    assert cause(pdf_item(pdf(SCAN))) == "needs_ocr"
    assert cause(pdf_item(pdf(BLANK))) == "empty"
    assert cause(pdf_item(pdf(PROSE)[:300])) == "bad_pdf"
    assert cause(pdf_item(b"%PDF-1.4 and no more %%EOF")) == "bad_pdf"


@settings(deadline=None, max_examples=150)
@given(flips=st.lists(st.tuples(st.integers(0, 10_000), st.integers(1, 255)), min_size=1, max_size=8))
def test_a_damaged_pdf_is_read_or_refused_and_nothing_else(flips: list[tuple[int, int]]) -> None:
    value = bytearray(pdf(PROSE, SCAN))
    for place, bits in flips:
        value[place % len(value)] ^= bits
    try:
        InlineDecoder().decode(pdf_item(bytes(value)))
    except UndecodableError as error:
        assert error.cause in {"bad_pdf", "encrypted_pdf", "needs_ocr", "empty", "too_large"}  # noqa: PT017


def test_pdfs_are_read_by_many_threads_at_once(tmp_path: Path) -> None:
    path = written(tmp_path, pdf(*[PROSE] * 20))
    expected = list(opened(path, words_per_chunk=5).items)
    read: list[list[RawItem]] = []
    threads = [
        threading.Thread(target=lambda: read.append(list(opened(path, words_per_chunk=5).items))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(read) == 4
    assert all(one == other for one, other in pairwise([expected, *read]))
