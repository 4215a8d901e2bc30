"""The metrics of a chunk of text, in their order. The word lists are English: other languages score low there."""

from __future__ import annotations

import math
import re
from collections import Counter

from workers.media import Chunk
from workers.metrics import words as of_words
from workers.metrics.words import share

CHUNK_METRICS = (
    "length",
    "mean_word_length",
    "letters",
    "digits",
    "symbols",
    "upper",
    "whitespace",
    "odd_words",
    "stop_words",
    "distinct_words",
    "top_word",
    "repeated_lines",
    "repeated_phrases",
    "rare_bigrams",
    "odd_pairs",
    "sentence_marks",
    "sentence_length",
    "broken_sentences",
)

# ruff: noqa: RUF001 (quotation marks and dashes as they are printed)
_WORD = re.compile(r"\w+(?:['’-]\w+)*")
_PUNCTUATION = frozenset(".,;:!?'\"()-‘’“”–—…")
# A mark, closing quotes, space, opening quotes, and the first letter or digit after them.
_SENTENCE_BREAK = re.compile(r"[.!?][\"'’”)\]]*\s+[\"'‘“(\[]*(\w)")
_MARK = re.compile(r"[.!?](?=[\s\"'’”)\]]|$)")
_LONGEST_SENTENCE = 200.0  # words; beyond, there is no punctuation at all


def measure_chunk(chunk: Chunk) -> dict[str, float]:
    """Return a chunk's metrics."""
    text = chunk.text
    words = [word.lower() for word in _WORD.findall(text)]
    values = (
        math.log10(1 + len(text)),
        of_words.mean_word_length(words),
        *character_shares(text),
        of_words.odd_words(words),
        of_words.stop_words(words),
        of_words.distinct_words(words),
        of_words.top_word(words),
        repeated_lines(text),
        of_words.repeated_phrases(words),
        of_words.rare_bigrams(words),
        of_words.odd_pairs(words),
        sentence_marks(text, len(words)),
        sentence_length(text, len(words)),
        broken_sentences(text),
    )
    return dict(zip(CHUNK_METRICS, values, strict=True))


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
