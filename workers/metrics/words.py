"""What a text's words tell. `words` are lower-case words without their punctuation."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from workers.metrics.english import COMMON_BIGRAMS, FORBIDDEN_AFTER, STOP_WORDS

_ORDINAL = re.compile(r"\d+(?:st|nd|rd|th|s)")  # "3rd" and "1980s" are as they should be
_PHRASE = 4  # words: short enough to be found again, too long to come again by chance


def share(part: float, whole: float) -> float:
    """Return part / whole, and 0 of nothing."""
    return part / whole if whole else 0.0


def mean_word_length(words: Sequence[str]) -> float:
    """Return the mean count of characters in a word: 4 to 6 in English prose."""
    return share(sum(map(len, words)), len(words))


def stop_words(words: Sequence[str]) -> float:
    """Return the share of common function words, 0 to 1: about 0.4 in English prose, 0 in lists and other languages."""
    return share(sum(word in STOP_WORDS for word in words), len(words))


def odd_words(words: Sequence[str]) -> float:
    """Return the share of words that mix letters and digits, as "he11o", 0 to 1: recognition mistakes."""
    return share(sum(_mixes(word) for word in words), len(words))


def _mixes(word: str) -> bool:
    has_digit = any(character.isdigit() for character in word)
    has_letter = any(character.isalpha() for character in word)
    return has_digit and has_letter and not _ORDINAL.fullmatch(word)


def distinct_words(words: Sequence[str]) -> float:
    """Return the type-token ratio, 0 to 1: low where words repeat."""
    return share(len(set(words)), len(words))


def top_word(words: Sequence[str]) -> float:
    """Return the share of the most frequent word, 0 to 1: about 0.07 ("the") in English prose (Rae et al. 2021)."""
    return share(max(Counter(words).values(), default=0), len(words))


def repeated_phrases(words: Sequence[str]) -> float:
    """Return the share of runs of four words that occur before in the text, 0 to 1 (after Rae et al. 2021)."""
    runs = list(zip(*(words[start:] for start in range(_PHRASE)), strict=False))
    return share(len(runs) - len(set(runs)), len(runs))


def rare_bigrams(words: Sequence[str]) -> float:
    """Return the share of letter pairs within words that English (nearly) never has, 0 to 1.

    Pairs with a digit or sign within a word are rare ones; words of digits alone are left out.
    """
    pairs = rare = 0
    for word in words:
        if any(character.isalpha() for character in word):
            found = [first + second for first, second in pairwise(word.replace("'", "").replace("-", ""))]
            pairs += len(found)
            rare += sum(pair not in COMMON_BIGRAMS for pair in found)
    return share(rare, pairs)


def odd_pairs(words: Sequence[str]) -> float:
    """Return the share, among pairs of neighbouring function words, of those that no sentence has, 0 to 1.

    "the of", "a is", "the the": near 0 in prose, about 0.3 where the words were shuffled.
    """
    pairs = [(a, b) for a, b in pairwise(words) if a in STOP_WORDS and b in STOP_WORDS]
    odd = sum(b in FORBIDDEN_AFTER.get(a, ()) for a, b in pairs)
    return share(odd, len(pairs) + 2)  # two more: one odd pair of three is no proof yet
