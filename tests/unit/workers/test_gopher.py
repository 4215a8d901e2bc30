"""Gopher's rules (Rae et al. 2021, appendix A.1.1), against values counted by hand and a second way to count them."""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.unit.workers.samples import item
from workers.decode import InlineDecoder
from workers.media import Chunk
from workers.metrics import METRIC_NAMES, STANDARD, MetricSet
from workers.metrics.gopher import GOPHER, RULES, gopher_violations, violation_codes
from workers.metrics.shapes import shape

PROSE = (
    "The river that crosses the old town has been the reason for most of its bridges, and two of them have stood there "
    "with little change since the market moved to the northern bank. Merchants paid for the first one. "
    "When the second was finished, a toll of one coin was asked of everybody who wished to bring goods across, "
    "and nobody liked it."
)
TABLE = "Year | Output | Share\n1990 | 12.5 | 3.1%\n1991 | 13.0 | 3.3%\n1992 | 13.1 | 3.2%\n1993 | 14.0 | 3.6%"
FIGURES = "12.5 13.7 14.9 22 31 7.5 1,024 88 90"
REFERENCES = (
    "[1] Smith, J. (2001). On bridges. Journal of Rivers 12(3), 3-14.\n"
    "[2] Meyer, K. and Roe, A. (1999). Tolls. River Press.\n"
    "[3] Lund, P. (2010). Banks of rivers. doi:10.1000/182"
)
TAIL = "It was painted again in 1994."

MEASURED = {one.name: one for one in GOPHER}


def value(name: str, text: str) -> float:
    return MEASURED[name](Chunk(text))


def broken(text: str, *, tail: bool = False) -> tuple[str, ...]:
    return violation_codes(Chunk(text, tail=tail))


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("word_count", "one two, three", 3),
        ("hash_ratio", "# one two #three", 2 / 4),
        ("ellipsis_ratio", "one... two three\u2026 four", 2 / 4),
        ("bullet_lines", "- one\n* two\n\u2022 three\nfour", 3 / 4),
        ("bullet_lines", "-1.5\n-2.5", 0),  # figures, not bullets
        ("ellipsis_lines", "one...\n\ntwo\u2026\nthree", 2 / 3),
        ("lettered_words", "a1 22 -- b", 2 / 4),
        ("known_stop_words", "The THE of things", 2),
        ("repeated_line_characters", "abc\nde\nabc\nabc", 6 / 11),
        ("repeated_paragraphs", "one\nline\n\ntwo\n\none\nline", 1 / 3),
        ("repeated_paragraph_characters", "aaaa\n\nbb\n\naaaa", 4 / 10),
        # "to be", twice, is 8 of its 16 letters
        ("top_2_grams", "to be or not to be see", 8 / 16),
        ("top_3_grams", "to be or not to be see", 0),  # nothing comes twice
        ("top_2_grams", "ha ha ha ha", 1),  # each word counts once, though runs overlap
        # the run of five words comes again as the last five of eleven: 11 of 23 letters, "x" in between
        ("repeated_5_grams", "a bb ccc dd eee x a bb ccc dd eee", 11 / 23),
        ("repeated_6_grams", "a bb ccc dd eee x a bb ccc dd eee", 0),
    ],
)
def test_the_values_are_those_counted_by_hand(name: str, text: str, expected: float) -> None:
    assert value(name, text) == pytest.approx(expected)


def covered_again(words: list[str], size: int) -> float:
    """Count, word by word, what lies in a run that began earlier in the text."""
    runs = [" ".join(words[place : place + size]) for place in range(len(words) - size + 1)]
    marked = [False] * len(words)
    for place, run in enumerate(runs):
        if run in runs[:place]:
            marked[place : place + size] = [True] * size
    letters = sum(map(len, words))
    return sum(len(word) for word, mark in zip(words, marked, strict=True) if mark) / letters if letters else 0.0


@given(st.lists(st.sampled_from(["a", "bb", "ccc", "dddd"]), max_size=40), st.integers(5, 10))
def test_repeated_runs_are_counted_as_a_slow_count_finds_them(words: list[str], size: int) -> None:
    assert value(f"repeated_{size}_grams", " ".join(words)) == pytest.approx(covered_again(words, size))


@given(st.lists(st.sampled_from(["a", "bb", "ccc"]), min_size=2, max_size=30))
def test_the_top_pair_covers_what_its_places_cover(words: list[str]) -> None:
    pairs = list(pairwise(words))
    top, count = Counter(pairs).most_common(1)[0]
    places = {place + step for place, pair in enumerate(pairs) if pair == top for step in (0, 1)}
    expected = sum(len(words[place]) for place in places) / sum(map(len, words)) if count > 1 else 0.0
    assert value("top_2_grams", " ".join(words)) == pytest.approx(expected)


def test_there_are_21_rules_with_the_published_thresholds() -> None:
    assert len(RULES) == 21
    assert [rule.high for rule in RULES[8:]] == [
        *(0.3, 0.2, 0.3, 0.2),  # lines, their characters, paragraphs, their characters
        *(0.2, 0.18, 0.16),  # top 2 to 4-grams
        *(0.15, 0.14, 0.13, 0.12, 0.11, 0.1),  # repeated 5 to 10-grams
    ]


def test_clean_prose_breaks_no_rule() -> None:
    assert broken(PROSE) == ()
    assert gopher_violations(Chunk(PROSE)) == 0.0


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Too few words, and one of the rules is about that.", "gopher_word_count"),
        (" ".join([*PROSE.split(), *["internationalisations"] * 60]), "gopher_word_length"),
        (PROSE.replace(" t", " # t"), "gopher_symbols"),
        (PROSE.replace(" t", "... t"), "gopher_symbols"),
        ("\n".join(f"- {part}" for part in re.split(r"(?<=[.,]) ", PROSE)), "gopher_bullets"),
        (PROSE.replace(". ", "...\n"), "gopher_ellipses"),
        (f"{PROSE} {'& ' * 40}", "gopher_letters"),
        (re.sub(r"\b(the|be|to|of|and|that|have|with)\b", "xo", PROSE, flags=re.IGNORECASE), "gopher_stop_words"),
        (f"{PROSE}\n{PROSE}\n{PROSE}", "gopher_repeated_lines"),
        (f"{PROSE}\n\n{PROSE}\n\n{PROSE}", "gopher_repeated_paragraphs"),
        (f"{PROSE} {'going on ' * 20}", "gopher_top_n_grams"),
        (f"{PROSE} {PROSE}", "gopher_repeated_n_grams"),
        ("the " * 200, "gopher_repeated_n_grams"),
    ],
)
def test_what_breaks_a_rule_is_named(text: str, code: str) -> None:
    assert code in broken(text)


@pytest.mark.parametrize(
    ("text", "tail", "expected"),
    [
        (PROSE, False, "prose"),
        (PROSE, True, "prose"),  # the last chunk, and long enough to be judged as any other
        (TABLE, False, "table"),
        (FIGURES, False, "table"),
        (REFERENCES, False, "references"),
        (TAIL, True, "tail"),
        (TAIL, False, "prose"),
        ("Home | About | Contact\n" + PROSE, False, "prose"),  # one line with bars is no table
        (PROSE.replace("l", "|"), False, "prose"),  # bars within words are misread letters
    ],
)
def test_tables_references_and_tails_are_recognised(text: str, tail: bool, expected: str) -> None:
    assert shape(Chunk(text, tail=tail)) == expected


@pytest.mark.parametrize("text", [TABLE, FIGURES, REFERENCES])
def test_tables_and_references_are_exempt(text: str) -> None:
    assert broken(text) == ()


def test_a_short_tail_is_exempt_and_a_short_chunk_elsewhere_is_not() -> None:
    assert broken(TAIL, tail=True) == ()
    assert "gopher_word_count" in broken(TAIL)


def test_a_table_of_one_row_again_and_again_is_still_repeated() -> None:
    assert "gopher_repeated_lines" in broken("\n".join(["a | b | c"] * 10))


@pytest.mark.parametrize(("index", "count", "tail"), [(4, 5, True), (3, 5, False), (0, 1, False), (4, None, False)])
def test_the_last_of_several_chunks_is_a_tail_where_the_producer_counted(
    index: int, count: int | None, tail: bool
) -> None:
    chunk = InlineDecoder().decode(item(TAIL.encode(), "document-chunk", "text/plain", index=index, count=count))
    assert isinstance(chunk, Chunk)
    assert chunk.tail is tail


WHOLE = MetricSet(GOPHER)


@settings(deadline=None)
@given(st.text(max_size=300) | st.lists(st.sampled_from(["a", "- b", "| c |", "#", "...", "\n", "1 "])).map(" ".join))
@example("")
@example(" \n\t ")
@example("word")
@example("\0\0 \0")
@example("\u4f60\u597d\uff0c\u4e16\u754c\u3002")
@example("\U0001f600" * 50)
def test_any_text_has_all_values_within_their_ranges(text: str) -> None:
    found = WHOLE.measure(Chunk(text))
    assert found.failed == ()
    assert set(found.values) == {one.name for one in GOPHER}
    assert (found.values["gopher_violations"] > 0) == any(code.startswith("gopher_") for code in found.codes)


def test_heads_are_trained_with_the_count_of_broken_rules_and_not_with_each_value() -> None:
    assert {one.name for one in GOPHER} & set(METRIC_NAMES["chunk"]) == {"gopher_violations"}
    assert {one.name for one in GOPHER if not one.optional} <= set(STANDARD.versions("chunk"))


@pytest.mark.parametrize("text", ["a" + "|" * 200_000, "1" + "." * 200_000 + "x", "9" * 200_000, "a  " * 70_000])
def test_a_hostile_line_is_measured_in_no_time(text: str) -> None:
    assert (
        WHOLE.measure(Chunk(text)).values["gopher_violations"] > 0
    )  # a slow pattern would run into the suite's time limit
