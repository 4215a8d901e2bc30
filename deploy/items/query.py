"""What is asked for: which items, in which order, how many, which columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from deploy.errors import ConfigurationError
from deploy.items.expression import Expression
from deploy.items.fields import canonical, metric_of, numeric, unknown
from deploy.items.record import Decided, Item

Group = Literal["parent", "kind", "source"]


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked for. All conditions must hold; what is None asks nothing.

    Attributes:
        sort: name of a metric or of a field that is a number; None: as they lie on the topic, and by score for `most`.
        descending: the highest first.
        most: how many at most: the highest where descending, else the lowest.
        outliers: a metric or field; items are kept whose value lies outside of the fences of their kind.
        reach: how many interquartile ranges the fences are from the quartiles (Tukey, 1977).
        per: `most` is how many of each parent, kind or source.
        since, until: ms since 1970, half open, of when the broker appended the item.
        columns: further names that are shown.
    """

    sort: str | None = None
    descending: bool = False
    most: int | None = None
    where: Expression | None = None
    outliers: str | None = None
    reach: float = 1.5
    kind: str | None = None
    source: str | None = None
    parent: str | None = None
    per: Group | None = None
    since: int | None = None
    until: int | None = None
    columns: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check that what is ordered has an order.

        Raises:
            ConfigurationError: it has none.
        """
        for name, option in self._ordered:
            numeric(name, option)
        if self.per is not None and self.most is None:
            raise ConfigurationError(f"--per {self.per} needs --top or --bottom: how many of each?")
        if not self.reach >= 0.0:  # true of NaN as well
            raise ConfigurationError(f"--iqr {self.reach} is not a number of interquartile ranges, such as 1.5 or 2.5")
        if self.since is not None and self.until is not None and self.since >= self.until:
            raise ConfigurationError("--from must be before --to")

    @property
    def order(self) -> str | None:
        """The name whose values put rows in order."""
        return "score" if self.sort is None and self.most is not None else self.sort

    @property
    def asked(self) -> tuple[str, ...]:
        """The names that are asked for, metrics and others, each once: they become columns and figures."""
        used = () if self.where is None else tuple(f"metrics.{name}" for name in self.where.metrics)
        named = [canonical(name) for name in (*(name for name, _ in self._ordered), *used)]
        return tuple(dict.fromkeys(name for name in named if name != "score"))

    @property
    def _ordered(self) -> list[tuple[str, str]]:
        options = ((self.sort, "--sort"), (self.outliers, "--outliers"), *((name, "--metric") for name in self.columns))
        return [(name, option) for name, option in options if name is not None]

    def group(self, item: Item) -> str:
        """Return the group that an item is counted in."""
        match self.per:
            case "parent":
                return item.parent_id
            case "kind":
                return item.kind
            case "source":
                return item.source
        return ""

    def fits(self, item: Item, decided: Decided | None) -> bool:
        """Tell whether an item is one of those that are asked for; outliers are found later."""
        return (
            (self.kind is None or item.kind == self.kind)
            and (self.source is None or item.source == self.source)
            and (self.parent is None or item.parent_id == self.parent)
            and (self.since is None or item.appended_at >= self.since)
            and (self.until is None or item.appended_at < self.until)
            and (self.where is None or self.where.holds(item, decided))
        )

    def check(self, known: frozenset[str]) -> None:
        """Check that each metric that is named is one that items have.

        Raises:
            ConfigurationError: one is not; the text lists near ones.
        """
        if self.where is not None:
            self.where.check(known)
        for name, option in self._ordered:
            wanted = metric_of(name)
            if wanted is not None and wanted not in known:
                raise ConfigurationError(f"{option} {name}: {unknown(wanted, known)}")
