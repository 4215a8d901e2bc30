"""What a metric is: one function of one item, with a name, a family, a range, a version and a docstring."""

from __future__ import annotations

import functools
import inspect
import math
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from numbers import Real
from typing import Any, Literal, TypeVar, get_args

from workers.media import Medium

Family = Literal["picture", "slice", "chunk"]

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_ROUNDING = 1e-6  # of the range, or of 1: how far beyond its range a value may lie by rounding

_M = TypeVar("_M", bound=Medium)
_T = TypeVar("_T")


class MetricError(Exception):
    """A metric is declared in a way that cannot work, or its name is taken; the worker must not start with it."""


class BadValueError(Exception):
    """A metric returned what is no finite number within its range."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One figure of one item.

    Attributes:
        name: what it is called in scores, heads, policies and reports.
        family: which media it is for.
        function: takes a medium and returns the value; it must not change the medium.
        low: the least value; -inf where there is none.
        high: the greatest value; inf where there is none.
        version: raised whenever the values change. Heads and cache entries made with another version are refused.
        optional: measured where SLUICE_METRICS asks for it, and not otherwise.
        fused: heads are trained with it unless told otherwise.
        codes: says in codes what of a medium stands behind its value; they go among the reasons of its score.
        check: raises MetricError where what the metric needs is not installed. Called when a worker starts with it.
        doc: what the value means.
    """

    name: str
    family: Family
    function: Callable[[Any], float] = field(repr=False)
    low: float = -math.inf
    high: float = math.inf
    version: str = "1"
    optional: bool = False
    fused: bool = True
    codes: Callable[[Any], tuple[str, ...]] | None = field(default=None, repr=False)
    check: Callable[[], None] | None = field(default=None, repr=False)
    doc: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise MetricError(f"{self.name!r} is no name of a metric: small letters, digits and _, at most 40")
        if self.family not in get_args(Family):
            raise MetricError(f"the metric {self.name} is for {self.family!r}; there are {', '.join(get_args(Family))}")
        if not self.low <= self.high:  # true of NaN as well
            raise MetricError(f"the metric {self.name} has the range {self.low} to {self.high}: low must not be above")
        if not self.version or not self.doc.strip():
            raise MetricError(f"the metric {self.name} needs a version, and a docstring that says what it means")

    def __call__(self, medium: Medium) -> float:
        """Return the value of a medium of the family.

        Raises:
            BadValueError: it is no finite number within the range.
        """
        value: object = self.function(medium)
        if type(value) is not float:
            if isinstance(value, bool) or not isinstance(value, Real):
                raise BadValueError(f"{self.name} returned a {type(value).__name__}, not a number")
            value = float(value)
        if self.low <= value <= self.high and math.isfinite(value):
            return value
        return self._rounded(value)

    def _rounded(self, value: float) -> float:
        """Let a value pass that is outside of the range by rounding alone."""
        span = self.high - self.low
        spare = _ROUNDING * max(1.0, span if math.isfinite(span) else 1.0)
        if math.isfinite(value) and self.low - spare <= value <= self.high + spare:
            return value
        raise BadValueError(f"{self.name} returned {value}, which is not within {self.low} to {self.high}")


def metric(family: Family, **says: Any) -> Callable[[Callable[[Any], float]], Metric]:
    """Make a metric of a function: its name and its docstring become the metric's.

    Args:
        family: which media it is for.
        says: any other field of `Metric`, such as low, high, version, optional and name.

    Raises:
        MetricError: it cannot be a metric; said where it is declared.
    """

    def make(function: Callable[[Any], float]) -> Metric:
        doc = inspect.cleandoc(function.__doc__ or "")
        return Metric(**{"name": function.__name__, "doc": doc, **says}, family=family, function=function)

    return make


def composed(family: Family, core: Callable[..., float], *views: Callable[[Any], Any], **says: Any) -> Metric:
    """Make a metric of a function of what views show of a medium: `core(view(medium), ...)`.

    Args:
        family: which media it is for.
        core: gives the metric its name and its docstring.
        views: what `core` takes, each a function of the medium; `shared` ones are worked out once per medium.
        says: as for `metric`.
    """
    only = views[0] if len(views) == 1 else None

    def of_one(medium: Any) -> float:
        return core(views[0](medium))

    def of_all(medium: Any) -> float:
        return core(*(view(medium) for view in views))

    function = of_all if only is None else of_one
    return Metric(
        **{"name": core.__name__, "doc": inspect.cleandoc(core.__doc__ or ""), **says}, family=family, function=function
    )


class _Known(threading.local):
    """What views have worked out of the medium that this thread measures now."""

    medium: Medium | None = None
    values: dict[Callable[[Any], Any], Any]


_known = _Known()


def shared(view: Callable[[_M], _T]) -> Callable[[_M], _T]:
    """Make a function of a medium be worked out once per medium, for all metrics that use it while it is measured."""

    @functools.wraps(view)
    def once(medium: _M) -> _T:
        if _known.medium is not medium:
            return view(medium)
        values = _known.values
        if view not in values:
            values[view] = view(medium)
        found: _T = values[view]
        return found

    return once


class remembering:  # noqa: N801 (it is used as a function is)
    """While it is open, `shared` views of the medium are remembered, for this thread alone."""

    def __init__(self, medium: Medium, values: dict[Callable[[Any], Any], Any]) -> None:
        """Remember in `values`, which may hold what was worked out before."""
        self._medium, self._values = medium, values

    def __enter__(self) -> None:
        _known.medium, _known.values = self._medium, self._values

    def __exit__(self, *_: object) -> None:
        _known.medium, _known.values = None, {}
