"""Perplexity of a text under a small language model, judged at both ends. Optional, since it is slow.

A text that a model finds surprising is noise, shuffled, or in a language that it was not trained on; one that it finds
dull says the same again and again. So neither end is good, and `perplexity_oddness` is the distance from what is usual
in clean text of the same length: a short text is more surprising, since less of it is known.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from workers.media import Chunk
from workers.metrics.registry import Metric, MetricError, metric, shared

MAX_TOKENS: Final = 128
"""Tokens of a chunk that are looked at, from its beginning: about 90 words of prose. Twice as many, twice the time."""

BANDS: Final = ((8, 2.1, 7.7), (16, 2.3, 6.7), (32, 2.1, 5.8), (64, 1.9, 4.8), (128, 1.9, 4.2))
"""Tokens from which a band holds, and its ends: the 1st and 99th percentile of mean surprise in clean text, in nats.

Of the first 8, 16, ... tokens of 177 undamaged chunks from 50 sources to train on: articles of the English Wikipedia,
and Australian news (`workers/training/texts.py`). Text of another kind, such as law or code, has bands of its own.
"""

_MOST_SURPRISE = 14.0  # nats a token: perplexity 1.2 million; the vocabulary has 49 thousand
_MOST = math.exp(_MOST_SURPRISE)


@shared
def surprises(chunk: Chunk) -> NDArray[np.float64]:
    """Return -ln of the probability of each of the first 128 tokens, in nats, (n,).

    Raises:
        LanguageModelError: the model is not installed.
    """
    from workers.metrics.smollm import language_model  # noqa: PLC0415 (torch and the model, for who asks for them)

    return language_model().surprises(chunk.text, MAX_TOKENS)


def mean_surprise(each: NDArray[np.float64]) -> float:
    """Return the mean surprise of tokens, 0 to 14 nats; 0 of none."""
    return min(_MOST_SURPRISE, float(each.mean())) if each.size else 0.0


def oddness(mean: float, tokens: int) -> float:
    """Return how far a mean surprise lies outside of what is usual for so many tokens, in nats, from 0 (usual).

    0 also for fewer than eight tokens, which tell nothing.
    """
    band = next(((low, high) for least, low, high in reversed(BANDS) if tokens >= least), None)
    return 0.0 if band is None else max(0.0, band[0] - mean, mean - band[1])


def _check() -> None:
    from workers.metrics.smollm import LanguageModelError, model_file  # noqa: PLC0415 (as above)

    try:
        model_file()
    except LanguageModelError as error:
        raise MetricError(str(error)) from error


@metric("chunk", low=1.0, high=_MOST, optional=True, check=_check)
def perplexity(chunk: Chunk) -> float:
    """Return the perplexity of the first 128 tokens, 1 to 1.2 million: exp of their mean surprise in nats.

    Under SmolLM2-135M; plain, not its logarithm. About 15 to 60 in English prose, hundreds in scanned noise, a thousand
    in shuffled words, and a few in a text that repeats itself: low is no better than high.
    """
    return math.exp(mean_surprise(surprises(chunk)))


@metric("chunk", low=0.0, high=_MOST_SURPRISE, optional=True, check=_check)
def perplexity_oddness(chunk: Chunk) -> float:
    """Return how far the logarithm of the perplexity lies outside of the usual band, 0 (usual) to 14 nats.

    The band is from the 1st to the 99th percentile of clean English text with as many tokens.
    """
    each = surprises(chunk)
    return oddness(mean_surprise(each), each.size)


PERPLEXITY: Final[tuple[Metric, ...]] = (perplexity, perplexity_oddness)
