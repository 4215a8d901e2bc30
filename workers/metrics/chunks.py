"""The metrics of a chunk of text, in their order. The word lists are English: other languages score low there."""

from __future__ import annotations

import math
import re
from collections import Counter
from functools import partial
from typing import Final

from workers.media import Chunk
from workers.metrics import words as of_words
from workers.metrics.registry import Metric, composed, metric, shared
from workers.metrics.words import share

# ruff: noqa: RUF001 (quotation marks and dashes as they are printed)
_WORD = re.compile(r"\w+(?:['’-]\w+)*")
_PUNCTUATION = frozenset(".,;:!?'\"()-‘’“”–—…")
# A mark, closing quotes, space, opening quotes, and the first letter or digit after them.
_SENTENCE_BREAK = re.compile(r"[.!?][\"'’”)\]]*\s+[\"'‘“(\[]*(\w)")
_MARK = re.compile(r"[.!?](?=[\s\"'’”)\]]|$)")
_LONGEST_SENTENCE = 200.0  # words; beyond, there is no punctuation at all


def character_shares(text: str) -> tuple[float, float, float, float, float]:
    """Return the shares of letters, digits and symbols, of capitals among the letters, and of white space, 0 to 1.

    Symbols are what is neither a letter, a digit, white space nor the punctuation of prose.
    """
    letters = digits = symbols = upper = space = 0
    for character, count in Counter(text).items():  # by distinct character: few, however long the text
        if character.isalpha():
            letters += count
            upper += count * character.isupper()
        elif character.isdigit():
            digits += count
        elif character.isspace():
            space += count
        elif character not in _PUNCTUATION:
            symbols += count
    size = len(text)
    return share(letters, size), share(digits, size), share(symbols, size), share(upper, letters), share(space, size)


def repeated_lines(text: str) -> float:
    """Return the share of lines that are copies of an earlier one, 0 to 1 (after Rae et al. 2021)."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return share(len(lines) - len(set(lines)), len(lines))


def sentence_marks(text: str, words: int) -> float:
    """Return the count of sentence-ending marks per word, 0 to 1: about 0.05 in prose."""
    return min(1.0, share(len(_MARK.findall(text)), words))


def sentence_length(text: str, words: int) -> float:
    """Return the mean length of a sentence in words, 0 to 200: about 20 in prose."""
    return min(_LONGEST_SENTENCE, words / max(1, len(_MARK.findall(text))))


def broken_sentences(text: str) -> float:
    """Return the share of sentence breaks that go on in lower case, 0 to 1: shuffling leaves marks in mid-sentence."""
    starts = _SENTENCE_BREAK.findall(text)
    return share(sum(start.islower() for start in starts), len(starts) + 1)


def whole(chunk: Chunk) -> str:
    """Return the text."""
    return chunk.text


@shared
def words(chunk: Chunk) -> list[str]:
    """Return its words in lower case, without their punctuation."""
    return [word.lower() for word in _WORD.findall(chunk.text)]


@shared
def word_count(chunk: Chunk) -> int:
    """Return how many words it has."""
    return len(words(chunk))


@shared
def characters(chunk: Chunk) -> tuple[float, float, float, float, float]:
    """Return its `character_shares`."""
    return character_shares(chunk.text)


@metric("chunk", low=0.0)
def length(chunk: Chunk) -> float:
    """Return log10(1 + count of characters)."""
    return math.log10(1 + len(chunk.text))


@metric("chunk", low=0.0, high=1.0)
def letters(chunk: Chunk) -> float:
    """Return the share of letters among the characters, 0 to 1."""
    return characters(chunk)[0]


@metric("chunk", low=0.0, high=1.0)
def digits(chunk: Chunk) -> float:
    """Return the share of digits among the characters, 0 to 1."""
    return characters(chunk)[1]


@metric("chunk", low=0.0, high=1.0)
def symbols(chunk: Chunk) -> float:
    """Return the share of what is no letter, digit, white space or punctuation of prose, 0 to 1."""
    return characters(chunk)[2]


@metric("chunk", low=0.0, high=1.0)
def upper(chunk: Chunk) -> float:
    """Return the share of capitals among the letters, 0 to 1."""
    return characters(chunk)[3]


@metric("chunk", low=0.0, high=1.0)
def whitespace(chunk: Chunk) -> float:
    """Return the share of white space among the characters, 0 to 1."""
    return characters(chunk)[4]


_share = partial(composed, "chunk", low=0.0, high=1.0)

CHUNKS: Final[tuple[Metric, ...]] = (
    length,
    composed("chunk", of_words.mean_word_length, words, low=0.0),
    letters,
    digits,
    symbols,
    upper,
    whitespace,
    _share(of_words.odd_words, words),
    _share(of_words.stop_words, words),
    _share(of_words.distinct_words, words),
    _share(of_words.top_word, words),
    _share(repeated_lines, whole),
    _share(of_words.repeated_phrases, words),
    _share(of_words.rare_bigrams, words),
    _share(of_words.odd_pairs, words),
    _share(sentence_marks, whole, word_count),
    composed("chunk", sentence_length, whole, word_count, low=0.0, high=_LONGEST_SENTENCE),
    _share(broken_sentences, whole),
)
