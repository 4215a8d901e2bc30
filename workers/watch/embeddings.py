"""Whether embeddings look like those that were recorded: finite, and of a norm that the encoder makes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.results import Failed

WINDOW = 256  # embeddings
_FACTOR = 2.0  # beyond the smallest and largest norm that was recorded


@dataclass(slots=True)
class NormWatch:
    """Watches the norms of one encoder's embeddings, a window at a time, on the encoder's thread."""

    low: float  # smallest norm of a canary's embedding, as recorded
    high: float
    alarmed: Callable[[str], None] = lambda _: None
    not_finite: int = 0  # embeddings so far; each of their items failed by itself
    mean: float = 0.0  # norm in the last full window
    why: str = ""
    _total: float = 0.0
    _count: int = 0

    def look(self, embeddings: Sequence[NDArray[np.float32] | Failed]) -> None:
        """Look at a batch."""
        rows = [one for one in embeddings if not isinstance(one, Failed)]
        if not rows:
            return
        norms = np.linalg.norm(np.stack(rows).astype(np.float64), axis=1)
        finite = np.isfinite(norms)
        self.not_finite += int((~finite).sum())
        self._total += float(norms[finite].sum())
        self._count += int(finite.sum())
        if self._count >= WINDOW:
            self.mean, self._total, self._count = self._total / self._count, 0.0, 0
            self._judge()

    def _judge(self) -> None:
        usual = self.low / _FACTOR <= self.mean <= self.high * _FACTOR
        known = f"those of the canaries are {self.low:.3g} to {self.high:.3g}"
        why = "" if usual else f"the mean norm of {WINDOW} embeddings is {self.mean:.3g}, and {known}"
        new = bool(why) and not self.why
        self.why = why
        if new:
            self.alarmed(why)
