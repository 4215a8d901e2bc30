"""All metrics of a chunk of text, in their order."""

from __future__ import annotations

from typing import Final

from workers.metrics.chunks import CHUNKS
from workers.metrics.gopher import GOPHER
from workers.metrics.perplexity import PERPLEXITY
from workers.metrics.registry import Metric
from workers.metrics.tongue import language_confidence

TEXTS: Final[tuple[Metric, ...]] = (*CHUNKS, *GOPHER, language_confidence, *PERPLEXITY)
