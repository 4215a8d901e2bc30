"""Chunks that are no prose, and are meant to be none: tables, lists of references, the short end of a document."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, Literal

from workers.media import Chunk
from workers.metrics.registry import shared
from workers.metrics.repetition import lines_of

Shape = Literal["table", "references", "tail", "prose"]

FEWEST_WORDS: Final = 50
"""Gopher's least count of words: a document's last chunk may have fewer."""

_LEAST = 3  # lines, or words: fewer are no table, and no list
_MOST = 0.5  # of the lines, or of the words: more than that make one
_LOOKED_AT = 300  # characters of a line: a hostile one may have millions
_LONGEST_FIGURE = 40
_WIDE_GAP = re.compile(r"(?<=\S) {3,}(?=\S)")
_LEAST_GAPS = 2
_FIGURE = re.compile(r"[\W_]*\d[\d.,:/%\u2013-]*[\W_]*|[|\u2013-]+")
_YEAR = re.compile(r"\b(?:1[5-9]|20)\d\d\b")
_NUMBERED = re.compile(r"(?:\[\w{1,12}\]|\(?\d{1,3}[.)])\s+\S")
_AUTHOR = re.compile(r"[^\W\d_][\w'\u2019-]+,\s+(?:[^\W\d_]\.[ -]?)+|.{0,80}\bet al\b")
_LOCATOR = re.compile(
    r"\bdoi\b|\barxiv\b|\bISBN\b|\bpp?\.\s?\d|\bvol\.|\d{1,4}\s?\(\d{1,4}\)\s?[:,]|https?://", re.IGNORECASE
)


@shared
def shape(chunk: Chunk) -> Shape:
    """Return what a chunk is recognised as.

    table: of three lines or more, more than half have cells, divided by a tab, a bar between spaces or two wide gaps;
    or, of three words or more, more than half are figures. references: of three lines or more, more than half are
    entries: they have a year, and a number in front, an author's initials, or a locator such as pages or a DOI.
    tail: the last of several chunks of its parent, as its producer counted them, with fewer than 50 words.
    prose: all else.
    """
    lines, tokens = lines_of(chunk.text), chunk.text.split()
    if _most(lines, _is_row) or _most(tokens, _is_figure):
        return "table"
    if _most(lines, _is_reference):
        return "references"
    return "tail" if chunk.tail and len(tokens) < FEWEST_WORDS else "prose"


def _most(pieces: list[str], matches: Callable[[str], bool]) -> bool:
    return len(pieces) >= _LEAST and sum(map(matches, pieces)) > len(pieces) * _MOST


def _is_row(line: str) -> bool:
    line = line[:_LOOKED_AT]
    inner = line.strip(" |\t-+:=")
    if "\t" in inner or " | " in inner or (line.startswith("|") and "|" in inner):
        return True
    return len(_WIDE_GAP.findall(inner)) >= _LEAST_GAPS


def _is_figure(word: str) -> bool:
    return len(word) <= _LONGEST_FIGURE and _FIGURE.fullmatch(word) is not None


def _is_reference(line: str) -> bool:
    line = line[:_LOOKED_AT]
    if _YEAR.search(line) is None:
        return False
    return any((_NUMBERED.match(line), _AUTHOR.match(line), _LOCATOR.search(line)))
