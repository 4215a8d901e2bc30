"""How sure the language of a text is, and the code that names one which nothing here was tested with."""

from __future__ import annotations

from workers.language import TESTED, UNDETERMINED, language_of
from workers.media import Chunk
from workers.metrics.registry import metric


def language_codes(chunk: Chunk) -> tuple[str, ...]:
    """Return `language_de` and the like for a text in a language that is not among the tested ones, or nothing."""
    code = language_of(chunk.text).code
    return () if code in TESTED or code == UNDETERMINED else (f"language_{code}",)


@metric("chunk", low=0.0, high=1.0, fused=False, codes=language_codes)
def language_confidence(chunk: Chunk) -> float:
    """Return how sure the likeliest language is, 0 to 1: above 0.8 in a paragraph of any; low in short texts."""
    return language_of(chunk.text).confidence
