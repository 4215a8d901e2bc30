"""The language of a text, with a confidence. The model is in the package: nothing is fetched."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Final, NamedTuple

from py3langid.langid import MODEL_FILE, LanguageIdentifier

UNDETERMINED: Final = "und"
"""ISO 639's code for a text whose language cannot be told: a table of figures, a heading."""

TESTED: Final = frozenset({"en"})
"""The languages that the word lists, the bundled heads and the language model of the metrics were tested with."""

_ENOUGH = 4_000  # characters; more of them tell nothing new
_SURE = 0.8
_FEW = 200  # letters; of English paragraphs' first 80 characters one in eleven is not sure, of 150 one in ninety
_LEAST_LETTERS = 0.5  # of the characters: below, it is figures, signs or symbols


class Language(NamedTuple):
    """A language as ISO 639-1 or -3, and how sure that is, in [0,1]. Of a text without letters nothing is sure."""

    code: str
    confidence: float


def language_of(text: str) -> Language:
    """Return the language of a text: naive Bayes over runs of bytes, by py3langid.

    It is `UNDETERMINED` where less than half of the characters are letters, or where the text is short and the model is
    not sure. A long text of which the model is not sure keeps the likeliest language, with its low confidence.
    """
    return _language_of(text[:_ENOUGH])


@lru_cache(maxsize=64)  # a rule and a metric ask for the same text, one after the other
def _language_of(text: str) -> Language:
    found, confidence = _identifier().classify(text)
    code, sure = str(found), min(1.0, max(0.0, float(confidence)))
    letters = sum(map(str.isalpha, text))
    shown = len(text) - sum(map(str.isspace, text))
    if letters < shown * _LEAST_LETTERS or (sure < _SURE and letters < _FEW):
        code = UNDETERMINED
    return Language(code, sure)


@cache
def _identifier() -> LanguageIdentifier:
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
