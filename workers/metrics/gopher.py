"""The heuristics of Rae et al. 2021 ("Scaling Language Models: ... Gopher", appendix A.1.1) with their thresholds.

They were made for web pages in English; a chunk is a piece of a document. So some rules do not hold for what is no
prose and need not be (`shapes`), and none of them decides here: the values are metrics, `gopher_violations` counts the
rules that a chunk breaks, and the codes of those stand among its reasons. Words are what white space divides; where
their length or their repetition counts, they are lower-case words without their punctuation. The values that the
repetition rules look at are optional metrics, since there are many: a score's record stays small.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from workers.media import Chunk
from workers.metrics import repetition
from workers.metrics.chunks import words as bare_words
from workers.metrics.registry import Metric, metric, shared
from workers.metrics.shapes import FEWEST_WORDS, Shape, shape
from workers.metrics.words import mean_word_length, share

STOP_WORDS: Final = frozenset({"the", "be", "to", "of", "and", "that", "have", "with"})

_BULLETS = ("\u2022", "\u2023", "\u25e6", "\u25aa", "\u25cf", "\u00b7", "- ", "* ", "\u2013 ")
_ELLIPSES = ("...", "\u2026")
_MOST_RATIO = 1_000.0  # signs per word: a word of signs alone may have any number of them


def _raw(**says: Any) -> Callable[[Callable[[Chunk], float]], Metric]:
    """Make a metric of a function that a rule asks as well, so that it is worked out once."""

    def make(function: Callable[[Chunk], float]) -> Metric:
        return metric("chunk", **{"fused": False, "low": 0.0, **says})(shared(function))

    return make


_raw_share = partial(_raw, high=1.0)
_raw_repetition = partial(_raw_share, optional=True)


@shared
def tokens(chunk: Chunk) -> list[str]:
    """Return what white space divides."""
    return chunk.text.split()


@shared
def lines(chunk: Chunk) -> list[str]:
    """Return its lines, stripped, without blank ones."""
    return repetition.lines_of(chunk.text)


@shared
def paragraphs(chunk: Chunk) -> list[str]:
    """Return its paragraphs, stripped."""
    return repetition.paragraphs_of(chunk.text)


@_raw()
def word_count(chunk: Chunk) -> float:
    """Return the count of words, of what white space divides."""
    return float(len(tokens(chunk)))


@_raw(high=_MOST_RATIO)
def hash_ratio(chunk: Chunk) -> float:
    """Return the count of number signs (#) per word, 0 to 1000."""
    return min(_MOST_RATIO, share(chunk.text.count("#"), len(tokens(chunk))))


@_raw(high=_MOST_RATIO)
def ellipsis_ratio(chunk: Chunk) -> float:
    """Return the count of ellipses (of three points, or the one character) per word, 0 to 1000."""
    return min(_MOST_RATIO, share(sum(map(chunk.text.count, _ELLIPSES)), len(tokens(chunk))))


@_raw_share()
def bullet_lines(chunk: Chunk) -> float:
    """Return the share of lines that begin with a bullet, 0 to 1."""
    return share(sum(line.startswith(_BULLETS) for line in lines(chunk)), len(lines(chunk)))


@_raw_share()
def ellipsis_lines(chunk: Chunk) -> float:
    """Return the share of lines that end in an ellipsis, 0 to 1: excerpts, cut off."""
    return share(sum(line.endswith(_ELLIPSES) for line in lines(chunk)), len(lines(chunk)))


@_raw_share()
def lettered_words(chunk: Chunk) -> float:
    """Return the share of words with a letter in them, 0 to 1: near 1 in prose, low in tables."""
    return share(sum(any(map(str.isalpha, token)) for token in tokens(chunk)), len(tokens(chunk)))


@_raw(high=float(len(STOP_WORDS)))
def known_stop_words(chunk: Chunk) -> float:
    """Return how many of eight stop words occur, 0 to 8: the, be, to, of, and, that, have, with."""
    return float(len(STOP_WORDS.intersection(bare_words(chunk))))


@_raw_repetition()
def repeated_line_characters(chunk: Chunk) -> float:
    """Return the share of the lines' characters that are in copies of an earlier line, 0 to 1."""
    return repetition.repeated_characters(lines(chunk))


@_raw_repetition()
def repeated_paragraphs(chunk: Chunk) -> float:
    """Return the share of paragraphs that are copies of an earlier one, 0 to 1."""
    return repetition.repeated(paragraphs(chunk))


@_raw_repetition()
def repeated_paragraph_characters(chunk: Chunk) -> float:
    """Return the share of the paragraphs' characters that are in copies of an earlier paragraph, 0 to 1."""
    return repetition.repeated_characters(paragraphs(chunk))


def _of_runs(name: str, measured: Callable[..., float], size: int, doc: str) -> Metric:
    def function(chunk: Chunk) -> float:
        return measured(bare_words(chunk), size)

    return _raw_repetition(name=name, doc=doc)(function)


TOP_N_GRAMS: Final = tuple(
    _of_runs(
        f"top_{size}_grams",
        repetition.top_n_grams,
        size,
        f"Return the share of characters in the most frequent run of {size} words, 0 to 1; 0 where none comes twice.",
    )
    for size in (2, 3, 4)
)
REPEATED_N_GRAMS: Final = tuple(
    _of_runs(
        f"repeated_{size}_grams",
        repetition.repeated_n_grams,
        size,
        f"Return the share of characters in runs of {size} words that were there before, 0 to 1.",
    )
    for size in range(5, 11)
)


def _mean_word_length(chunk: Chunk) -> float:
    return mean_word_length(bare_words(chunk))


def _repeated_lines(chunk: Chunk) -> float:
    return repetition.repeated(lines(chunk))


@dataclass(frozen=True, slots=True)
class Rule:
    """A threshold of Gopher's: broken by a value below `low` or above `high`.

    Attributes:
        code: stands among a chunk's reasons.
        value: of a chunk.
        low: the least that is allowed.
        high: the most that is allowed.
        exempt: chunks that the rule does not hold for.
    """

    code: str
    value: Callable[[Any], float]
    low: float = 0.0
    high: float = float("inf")
    exempt: Collection[Shape] = ()

    def broken_by(self, chunk: Chunk) -> bool:
        """Whether a chunk breaks it."""
        return shape(chunk) not in self.exempt and not self.low <= self.value(chunk) <= self.high


_NO_PROSE: Final = ("table", "references")
_NO_TEXT: Final = (*_NO_PROSE, "tail")

RULES: Final = (
    Rule("gopher_word_count", word_count, low=FEWEST_WORDS, high=100_000, exempt=_NO_TEXT),
    Rule("gopher_word_length", _mean_word_length, low=3, high=10, exempt=_NO_PROSE),
    Rule("gopher_symbols", hash_ratio, high=0.1, exempt=_NO_PROSE),
    Rule("gopher_symbols", ellipsis_ratio, high=0.1, exempt=_NO_PROSE),
    Rule("gopher_bullets", bullet_lines, high=0.9, exempt=_NO_PROSE),
    Rule("gopher_ellipses", ellipsis_lines, high=0.3, exempt=_NO_PROSE),
    Rule("gopher_letters", lettered_words, low=0.8, exempt=_NO_PROSE),
    Rule("gopher_stop_words", known_stop_words, low=2, exempt=_NO_TEXT),
    Rule("gopher_repeated_lines", _repeated_lines, high=0.3),
    Rule("gopher_repeated_lines", repeated_line_characters, high=0.2),
    Rule("gopher_repeated_paragraphs", repeated_paragraphs, high=0.3),
    Rule("gopher_repeated_paragraphs", repeated_paragraph_characters, high=0.2),
    *(
        Rule("gopher_top_n_grams", one, high=high, exempt=_NO_TEXT)
        for one, high in zip(TOP_N_GRAMS, (0.2, 0.18, 0.16), strict=True)
    ),
    *(
        Rule("gopher_repeated_n_grams", one, high=high, exempt=_NO_PROSE)
        for one, high in zip(REPEATED_N_GRAMS, (0.15, 0.14, 0.13, 0.12, 0.11, 0.1), strict=True)
    ),
)
"""Table A1 and the paragraphs before it, in their order."""


@shared
def broken_rules(chunk: Chunk) -> tuple[Rule, ...]:
    """Return the rules that a chunk breaks."""
    return tuple(rule for rule in RULES if rule.broken_by(chunk))


def violation_codes(chunk: Chunk) -> tuple[str, ...]:
    """Return the codes of the rules that a chunk breaks, each once."""
    return tuple(dict.fromkeys(rule.code for rule in broken_rules(chunk)))


@_raw(high=float(len(RULES)), codes=violation_codes, fused=True)
def gopher_violations(chunk: Chunk) -> float:
    """Return how many of Gopher's 21 rules the chunk breaks, 0 to 21; which ones is said in its reasons."""
    return float(len(broken_rules(chunk)))


GOPHER: Final[tuple[Metric, ...]] = (
    word_count,
    hash_ratio,
    ellipsis_ratio,
    bullet_lines,
    ellipsis_lines,
    lettered_words,
    known_stop_words,
    repeated_line_characters,
    repeated_paragraphs,
    repeated_paragraph_characters,
    *TOP_N_GRAMS,
    *REPEATED_N_GRAMS,
    gopher_violations,
)
