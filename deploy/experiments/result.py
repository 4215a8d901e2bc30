"""What came of an experiment so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from workers.experiments import Needed, Standing
from workers.experiments.bounds import Bounds


@dataclass(frozen=True, slots=True)
class Side:
    """One side of an experiment.

    Attributes:
        name: `control` or `candidate`.
        parents: that were looked at.
        found: of them with the outcome.
        rate: their share; weighted where labels were drawn unequally. None without parents.
        bounds: of the rate, at all times at once; None where the labels are weighted.
    """

    name: str
    parents: int
    found: int
    rate: float | None
    bounds: Bounds | None


@dataclass(frozen=True, slots=True)
class Result:
    """What a test says of an experiment.

    Attributes:
        name: of the experiment or the shadow.
        design: `paired`, where both sides judge each parent, or `two_arms`.
        outcome: what is compared.
        outcome_means: in words.
        sides: control first.
        discordant: parents on which the candidate alone, and the live side alone, has the outcome; only where paired.
        difference: of the rates, candidate less control.
        difference_bounds: of it, at all times at once.
        test: the sequential test in words.
        standing: where it stands.
        one_look: name and p-value of the test that holds for a single look at a size that was fixed before.
        planned: parents at which a difference of interest would have been found; None: no size is known to do.
        least_difference: that difference.
        power: with which.
        needed: how the planned size came about; None where it was given, or cannot be told.
        weighted: labels were drawn with several probabilities, and count by one over these.
        apart: how many parents were set apart, by the reason.
        notices: what a reader has to know.
    """

    name: str
    design: Literal["paired", "two_arms"]
    outcome: str
    outcome_means: str
    alpha: float
    sides: tuple[Side, Side]
    difference: float | None
    difference_bounds: Bounds | None
    test: str
    standing: Standing
    one_look: tuple[str, float] | None
    planned: int | None
    least_difference: float
    power: float
    needed: Needed | None
    discordant: tuple[int, int] | None = None
    weighted: bool = False
    apart: Mapping[str, int] | None = None
    scorers: Mapping[str, Sequence[str]] | None = None
    notices: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return it for programs."""
        return asdict(self)
