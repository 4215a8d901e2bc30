"""Labelled parents: their scores, which of them are bad, and how they came into the sample."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.guarantee.errors import GroupsError, GuaranteeError, ProbabilityError

Array = NDArray[np.float64]
Bools = NDArray[np.bool_]

_SAME = 1e-9  # probabilities that differ by less, relatively, are one that was rounded


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Labelled parents, one row each, in any order.

    scores: (n,), in [0,1]; -inf for a parent that no threshold can accept (failed, incomplete, ruled, flagged).
    bad: (n,), what must not be accepted.
    probability: (n,), in (0,1], with which each parent was drawn to be labelled.
    groups: (n,), the patient, camera or site of each, or None where there are none.
    least_probability: the smallest with which any parent could be drawn; None takes that of these labels for it.

    Raises:
        ProbabilityError: a probability is zero, unknown (NaN), above 1, or below the least one.
        GuaranteeError: lengths differ, or a score is NaN, +inf or outside of [0,1].
    """

    scores: Array
    bad: Bools
    probability: Array
    groups: tuple[str, ...] | None = None
    least_probability: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "scores", np.asarray(self.scores, dtype=np.float64))
        object.__setattr__(self, "bad", _booleans(self.bad))
        object.__setattr__(self, "probability", np.asarray(self.probability, dtype=np.float64))
        shapes = {self.scores.shape, self.bad.shape, self.probability.shape}
        if len(shapes) > 1 or self.scores.ndim != 1 or (self.groups is not None and len(self.groups) != len(self)):
            raise GuaranteeError(f"scores, bad, probability and groups must be of one length (n,), not {shapes}")
        _check_scores(self.scores)
        _check_probability(self.probability, self.least_probability)

    def __len__(self) -> int:
        return len(self.scores)

    @property
    def weights(self) -> Array:
        """Return for how many parents each one stands: 1 / probability, (n,)."""
        return np.asarray(1.0 / self.probability)

    @property
    def least(self) -> float:
        """Return the least probability of a draw: the one stated, or that of all labels."""
        if self.least_probability is not None:
            return self.least_probability
        return float(self.probability.min()) if len(self) else 1.0

    @property
    def equally_drawn(self) -> bool:
        """True where all that a threshold can accept were drawn with one probability."""
        return _equal(self.probability[np.isfinite(self.scores)])

    def take(self, rows: NDArray[np.int64]) -> Sample:
        """Return these rows alone."""
        groups = None if self.groups is None else tuple(self.groups[row] for row in rows.tolist())
        return Sample(self.scores[rows], self.bad[rows], self.probability[rows], groups, self.least_probability)

    def one_per_group(self, seed: int) -> Sample:
        """Return one random parent of each group; equal groups, rows and seed give the same ones.

        Raises:
            GroupsError: there are no groups, a parent has none, or parents were drawn with unequal probabilities:
                which one of a group was labelled then says something about it.
        """
        if self.groups is None or not all(self.groups):  # an empty name is none
            raise GroupsError("a claim about unseen groups needs the group of every labelled parent")
        if not _equal(self.probability):
            raise GroupsError("a claim about unseen groups needs parents that were drawn with equal probability")
        members: dict[str, list[int]] = {}
        for row, group in enumerate(self.groups):
            members.setdefault(group, []).append(row)
        drawn = np.random.default_rng(seed).random(len(members))
        rows = [
            members[name][int(part * len(members[name]))] for name, part in zip(sorted(members), drawn, strict=True)
        ]
        return self.take(np.array(rows, dtype=np.int64))


def _equal(values: Array) -> bool:
    return bool(not values.size or np.ptp(values) <= _SAME * values.max())


def _booleans(values: object) -> Bools:
    found = np.asarray(values)
    if found.dtype != np.bool_ and not np.isin(found, (0, 1)).all():
        raise GuaranteeError("bad is yes or no for each parent: cut soft labels first")
    return found.astype(np.bool_)


def _check_scores(scores: Array) -> None:
    usual = (scores >= 0.0) & (scores <= 1.0)
    if not (usual | np.isneginf(scores)).all():
        raise GuaranteeError("scores must be in [0,1], or -inf for a parent that no threshold can accept")


def _check_probability(probability: Array, least: float | None) -> None:
    if least is not None and not (0.0 < least <= 1.0 and (probability >= least * (1 - _SAME)).all()):
        raise ProbabilityError(f"the least probability must be above 0 and not above that of any label, not {least}")
    known = (probability > 0.0) & (probability <= 1.0)
    if not known.all():
        raise ProbabilityError(
            f"{int((~known).sum())} of {len(known)} labels have a sampling probability that is zero, unknown or above "
            "1: they cannot stand for those that were not drawn. Leave them out, or record how they were drawn."
        )
