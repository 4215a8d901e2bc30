"""How much of a text comes again: the repetition heuristics of Rae et al. 2021 (Gopher), table A1, as shares.

A share of characters is one of the characters within words, so that it is 0 to 1 exactly. A word that lies in several
repeated runs counts once, as there.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from workers.metrics.words import share

_PARAGRAPH_BREAK = re.compile(r"\n\s*\n")
_MOST_WORDS = 10_000  # of a text are looked at: a chunk has hundreds, and a file of 4 MB shall not take seconds


def lines_of(text: str) -> list[str]:
    """Return the lines that are not blank, stripped."""
    return [line.strip() for line in text.splitlines() if line.strip()]


def paragraphs_of(text: str) -> list[str]:
    """Return the paragraphs, which blank lines divide, stripped."""
    return [part.strip() for part in _PARAGRAPH_BREAK.split(text) if part.strip()]


def repeated(pieces: Sequence[str]) -> float:
    """Return the share of pieces that are copies of an earlier one, 0 to 1."""
    return share(len(pieces) - len(set(pieces)), len(pieces))


def repeated_characters(pieces: Sequence[str]) -> float:
    """Return the share of the pieces' characters that are in copies of an earlier one, 0 to 1."""
    total = sum(map(len, pieces))
    return share(total - sum(map(len, set(pieces))), total)


def top_n_grams(words: Sequence[str], size: int) -> float:
    """Return the share of characters in the most frequent run of `size` words, 0 to 1; 0 where none comes twice.

    Of several that are as frequent, the one that comes first.
    """
    words = words[:_MOST_WORDS]
    runs = _runs(words, size)
    (top, count), *_ = Counter(runs).most_common(1) or [((), 0)]
    if count < 2:  # noqa: PLR2004 (what is there once is not repeated; in a short text it would be a large share)
        return 0.0
    return _covered(words, (place for place, run in enumerate(runs) if run == top), size)


def repeated_n_grams(words: Sequence[str], size: int) -> float:
    """Return the share of characters in runs of `size` words that were there before, 0 to 1."""
    words = words[:_MOST_WORDS]
    seen: set[tuple[str, ...]] = set()
    again = []
    for place, run in enumerate(_runs(words, size)):
        if run in seen:
            again.append(place)
        seen.add(run)
    return _covered(words, again, size)


def _runs(words: Sequence[str], size: int) -> list[tuple[str, ...]]:
    return list(zip(*(words[start:] for start in range(size)), strict=False))


def _covered(words: Sequence[str], places: Iterable[int], size: int) -> float:
    """Return the share of characters in the words of the runs that begin at these places."""
    covered = {place + step for place in places for step in range(size)}
    return share(sum(len(words[place]) for place in covered), sum(map(len, words)))
