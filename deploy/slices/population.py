"""Windows that were decided, with labels and metrics, as slices are made of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from deploy.errors import ConfigurationError
from deploy.items import fields
from deploy.items.expression import Expression
from deploy.items.record import Decided, Item
from deploy.slices.measured import HIGHEST, LOWEST, Window
from deploy.slices.outcomes import Outcome
from deploy.slices.truths import Truth
from schemas.policy import Action
from schemas.replays import ReplayPolicy
from workers.slices.estimates import Array, Estimate, Flags, mean, share
from workers.slices.outcomes import Cases

NAMES: Final[Mapping[str, Callable[[Outcome, Truth | None], str | None]]] = MappingProxyType(
    {
        "source": lambda one, _: one.source,
        "kind": lambda one, _: one.kind,
        "action": lambda one, _: one.action,
        "label": lambda one, _: one.label,
        "cause": lambda one, _: one.cause,
        "policy": lambda one, _: one.policy.reference,
        "scorer": lambda one, _: "+".join(sorted(scorer[:8] for scorer in one.scorers)) or None,
        "group": lambda _, truth: truth.group if truth else None,
    }
)
"""What is no number and makes slices: each value is one."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where decisions and labels come from. `replay` is the id of a replay, None for what was decided live."""

    name: str
    replay: str | None = None
    heads: Mapping[str, str] | None = None
    policy: ReplayPolicy | None = None


@dataclass(frozen=True)
class Population:
    """Windows, one a row, with what is known of each.

    Attributes:
        origin: where they come from.
        outcomes: the last decision of each.
        truths: what people say of each; None where nobody was asked.
        windows: metrics, reasons and flags of each window's items; `NOTHING` where they were not asked for.
        known: names of the metrics that items have.
        labels_digest: SHA-256 of the labels that were used.
        weighted: the labels' probabilities are to be used.
        equally_drawn: they are not on purpose, whatever they say.
        notices: what a reader has to know.
    """

    origin: Origin
    outcomes: Sequence[Outcome]
    truths: Sequence[Truth | None]
    windows: Sequence[Window]
    labels_digest: str
    known: frozenset[str] = frozenset()
    weighted: bool = False
    equally_drawn: bool = False
    notices: tuple[str, ...] = field(default=())

    def __len__(self) -> int:
        """Return how many windows there are."""
        return len(self.outcomes)

    @cached_property
    def labelled(self) -> Flags:
        """Which rows have a label, (n,)."""
        return np.array([one is not None for one in self.truths], dtype=np.bool_)

    @cached_property
    def accepted(self) -> Flags:
        """Which rows were accepted, (n,); the review flag changes nothing."""
        return np.array([one.action == Action.ACCEPT for one in self.outcomes], dtype=np.bool_)

    @cached_property
    def bad(self) -> Flags:
        """Which rows are bad by their label, (n,)."""
        return np.array([one is not None and one.bad for one in self.truths], dtype=np.bool_)

    @cached_property
    def scores(self) -> Array:
        """Scores, (n,); NaN where nothing was scored."""
        return np.array([np.nan if one.score is None else one.score for one in self.outcomes], dtype=np.float64)

    @cached_property
    def families(self) -> NDArray[np.str_] | None:
        """The parent of each row, (n,), where one has several windows, which are alike; None where none has."""
        parents = [one.parent_id for one in self.outcomes]
        return None if len(set(parents)) == len(parents) else np.array(parents)

    def cases(self, rows: Flags | None = None) -> tuple[Cases, NDArray[np.intp]]:
        """Return the labelled rows, or those of some rows, as cases, and their numbers."""
        found = np.flatnonzero(self.labelled if rows is None else self.labelled & rows)
        truths = [one for one in (self.truths[row] for row in found.tolist()) if one is not None]
        weights = np.array([1.0 / (one.probability or 1.0) for one in truths]) if self.weighted else None
        rejected = np.array([self.outcomes[row].action == Action.REJECT for row in found.tolist()], dtype=np.bool_)
        groups = self._groups(found, truths)
        return Cases(self.accepted[found], rejected, self.bad[found], weights, groups, self._heaviest), found

    @cached_property
    def _heaviest(self) -> float | None:
        """The largest weight of all labels; None where they are not weighed."""
        known = [one.probability or 1.0 for one in self.truths if one is not None]
        return 1.0 / min(known) if self.weighted and known else None

    def _groups(self, rows: NDArray[np.intp], truths: Sequence[Truth]) -> NDArray[np.str_] | None:
        """Return what rows belong to: their labels' groups, and otherwise their parent."""
        parents = [self.outcomes[row].parent_id for row in rows.tolist()]
        if not any(one.group for one in truths):
            return None if len(set(parents)) == len(parents) else np.array(parents)
        own = zip(truths, parents, strict=True)
        return np.array([f"group {one.group}" if one.group else f"parent {parent}" for one, parent in own])

    def accept_rate(self, rows: Flags, level: float, seed: int = 0) -> Estimate:
        """Return the share of some windows that were accepted, labelled or not."""
        groups = None if self.families is None else self.families[rows]
        return share(self.accepted[rows], groups=groups, level=level, seed=seed)

    def mean_score(self, rows: Flags, level: float, seed: int = 0) -> Estimate:
        """Return the mean score of some windows, labelled or not; those without a score are left out."""
        scored = rows & ~np.isnan(self.scores)
        groups = None if self.families is None else self.families[scored]
        return mean(self.scores[scored], groups, level=level, seed=seed)

    def values(self, name: str) -> Array:
        """Return a metric, or a field that is a number, of each row (n,); NaN where it is missing.

        Raises:
            ConfigurationError: the name is a field that is no number, or no window has such a metric.
        """
        wanted = fields.metric_of(name)
        if wanted is not None and wanted not in self.known:
            raise ConfigurationError(f"--by {name}: {fields.unknown(wanted, self.known)}")
        get = fields.numeric(name, "--by").get
        found = [get(item, decided) for item, decided in self.items]
        return np.array([np.nan if not isinstance(one, int | float) else one for one in found], dtype=np.float64)

    def plain(self, name: str) -> bool:
        """Return whether a metric is the mean of an items' metric, and not its lowest or highest value."""
        bare = name.removeprefix(LOWEST).removeprefix(HIGHEST)
        return bare == name or f"{LOWEST}{name}" in self.known

    def names(self, name: str) -> list[str | None]:
        """Return what one of `NAMES` says of each row.

        Raises:
            KeyError: it is none of them.
        """
        get = NAMES[name]
        return [get(one, truth) for one, truth in zip(self.outcomes, self.truths, strict=True)]

    def where(self, expression: Expression | None) -> Flags:
        """Return the rows for which an expression holds, (n,).

        Raises:
            ExpressionError: it names a metric that no window has.
        """
        if expression is None:
            return np.ones(len(self), dtype=np.bool_)
        if len(self):
            expression.check(self.known)
        return np.array([expression.holds(item, decided) for item, decided in self.items], dtype=np.bool_)

    @cached_property
    def items(self) -> list[tuple[Item, Decided]]:
        """Each window as the fields of `sluice items` have it."""
        rows = zip(self.outcomes, self.windows, strict=True)
        return [(as_item(one, window), Decided(one.action, one.label, one.score)) for one, window in rows]


def as_item(outcome: Outcome, window: Window) -> Item:
    """Return a window as an item: its score, its items' metrics and reasons; what only an item has is missing."""
    values: dict[str, Any] = {
        "parent_id": outcome.parent_id,
        "kind": outcome.kind,
        "source": outcome.source,
        "appended_at": outcome.timings.closed_at,
        "item_id": None,
        "index": None,
        "score": outcome.score,
        "scorer": outcome.scorers[0] if outcome.scorers else None,
        "count": outcome.counts.expected,
        "reasons": tuple(sorted({*outcome.reasons, *window.codes})),
        "flags": window.flags,
        "metrics": window.metrics,
        "calibrated": not outcome.uncalibrated,
    }
    return Item(**values)
