"""The language of a text, with a confidence. The model is in the package: nothing is fetched."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from py3langid.langid import MODEL_FILE, LanguageIdentifier

_ENOUGH = 4_000  # characters; more of them tell nothing new


class Language(NamedTuple):
    """A language as ISO 639-1, and how sure that is, in [0,1]. Of a text without letters nothing is sure."""

    code: str
    confidence: float


def language_of(text: str) -> Language:
    """Return the language of a text: naive Bayes over runs of bytes, by py3langid, of 97 languages."""
    code, confidence = _identifier().classify(text[:_ENOUGH])
    return Language(str(code), float(confidence))


@cache
def _identifier() -> LanguageIdentifier:
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
