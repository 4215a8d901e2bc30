"""The language of `--where`: comparisons of an item's fields and metrics, joined by and, or and not.

Python's own grammar is parsed (`ast`), and only the kinds of nodes that are named here are translated; nothing of it is
ever run as Python. What an item lacks compares as false, whatever it is compared with: `sharpness < 3` and
`sharpness >= 3` are both false of an item without that metric, and `missing(sharpness)` is true.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from deploy.items import conditions
from deploy.items.conditions import Condition
from deploy.items.fields import FIELDS, Field, Getter, Sort, field, meant, metric, unknown
from deploy.items.source import ExpressionError, Source

_DEEPEST: Final = 60
_LISTS: Final = {"reason": "reasons", "flag": "flags"}  # functions, and the list that each looks into
_ORDERS: Final[Mapping[type[ast.cmpop], Callable[[Any, Any], bool]]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_SORTS: Final[Mapping[Sort, str]] = {
    "number": "a number",
    "text": "a text",
    "texts": "a list of texts",
    "truth": "true or false",
}


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression that was understood. `metrics` are those in it, each with the place where it is first used."""

    source: Source
    holds: Condition
    metrics: Mapping[str, ast.expr]

    def check(self, known: Collection[str]) -> None:
        """Check that each metric in it is one that items have.

        Raises:
            ExpressionError: one is not; the text lists near ones.
        """
        for name, node in self.metrics.items():
            if name not in known:
                raise self.source.fault(node, unknown(name, known))


def parse(text: str) -> Expression:
    """Understand an expression.

    Raises:
        ExpressionError: it is not one; the text says what is wrong, and where.
    """
    source = Source(text)
    reader = _Reader(source)
    return Expression(source, reader.condition(source.tree(), 0), reader.metrics)


@dataclass(frozen=True, slots=True)
class _Operand:
    """One side of a comparison: a name, or a constant, which has none."""

    sort: Sort
    get: Getter
    node: ast.expr
    name: str = ""

    @property
    def told(self) -> str:
        return f"{self.name} ({_SORTS[self.sort]})" if self.name else _SORTS[self.sort]


class _Reader:
    """Translates a tree into conditions, and remembers the metrics in it."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.metrics: dict[str, ast.expr] = {}

    def condition(self, node: ast.expr, depth: int) -> Condition:
        """Return the condition of a node that is true or false."""
        if depth > _DEEPEST:
            raise self._source.fault(node, "this is nested too deeply")
        match node:
            case ast.BoolOp(op=op, values=values):
                parts = [self.condition(value, depth + 1) for value in values]
                return conditions.every(parts) if isinstance(op, ast.And) else conditions.either(parts)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return conditions.negated(self.condition(operand, depth + 1))
            case ast.Compare():
                sides = [node.left, *node.comparators]
                pairs = zip(sides, node.ops, sides[1:], strict=False)
                return conditions.every([self._pair(left, op, right) for left, op, right in pairs])
            case ast.Call():
                return self._call(node)
        alone = self._operand(node)
        if alone.sort != "truth":
            raise self._source.fault(node, f"{alone.told} is neither true nor false: compare it with something")
        return conditions.true(alone.get)

    def _pair(self, left: ast.expr, op: ast.cmpop, right: ast.expr) -> Condition:
        if isinstance(op, ast.In | ast.NotIn):
            return self._within(left, right, wanted=isinstance(op, ast.In))
        if type(op) not in _ORDERS:
            raise self._source.fault(right, "'is' has no meaning here: write == or !=, or missing(name)")
        one, other = self._operand(left), self._operand(right)
        self._comparable(one, other)
        if one.sort == "text" and not isinstance(op, ast.Eq | ast.NotEq):
            raise self._source.fault(left, "texts have no order here: use ==, != or in (...)")
        return conditions.compared(_ORDERS[type(op)], one.get, other.get)

    def _comparable(self, one: _Operand, other: _Operand) -> None:
        for side in (one, other):
            if side.sort == "truth":
                raise self._source.fault(side.node, f"write {side.name} or not {side.name}, without a comparison")
            if side.sort == "texts":
                raise self._source.fault(side.node, f'{side.name} is a list: write "..." in {side.name}')
        if one.sort != other.sort:
            guess = "".join(meant(side.name, ()) for side in (one, other) if side.name in self.metrics)
            raise self._source.fault(one.node, f"{one.told} cannot be compared with {other.told}.{guess}")

    def _within(self, left: ast.expr, right: ast.expr, *, wanted: bool) -> Condition:
        one = self._operand(left)
        if isinstance(right, ast.Tuple | ast.List | ast.Set):
            others = [self._operand(value) for value in right.elts]
            for other in others:
                self._comparable(one, other)
            return conditions.among(one.get, [other.get for other in others], wanted=wanted)
        whole = self._operand(right)
        if whole.sort != "texts":
            raise self._source.fault(right, f"nothing can be in {whole.told}: write in (..., ...)")
        if one.sort != "text":
            raise self._source.fault(left, f"{one.told} cannot be in {whole.told}")
        return conditions.within(one.get, whole.get, wanted=wanted)

    def _call(self, node: ast.Call) -> Condition:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name != "missing" and name not in _LISTS:
            raise self._source.fault(node, 'there are three functions: reason("..."), flag("...") and missing(name)')
        if len(node.args) != 1 or node.keywords:
            raise self._source.fault(node, f"{name}(...) takes one thing between its brackets")
        operand = self._operand(node.args[0])
        if name == "missing":
            if not operand.name:
                raise self._source.fault(node.args[0], "missing(...) takes the name of a field or a metric")
            return conditions.missing(operand.get)
        if operand.sort != "text" or operand.name:
            raise self._source.fault(node.args[0], f'{name}(...) takes a text: {name}("blurry")')
        return conditions.within(operand.get, FIELDS[_LISTS[name]].get, wanted=True)

    def _operand(self, node: ast.expr) -> _Operand:
        match node:
            case ast.Constant(value=bool() | None):
                raise self._source.fault(node, "write name, not name or missing(name)")
            case ast.Constant(value=str() as text):
                return _Operand("text", conditions.constant(text), node)
            case ast.Constant(value=int() | float() as number):
                return _Operand("number", conditions.constant(number), node)
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
                return _Operand("number", conditions.constant(-number), node)
            case ast.Name(id=name):
                return self._named(node, name, field(name), is_metric=name not in FIELDS)
            case (
                ast.Attribute(value=ast.Name(id="metrics"), attr=str() as name)
                | ast.Subscript(value=ast.Name(id="metrics"), slice=ast.Constant(value=str() as name))
            ):
                return self._named(node, name, metric(name), is_metric=True)
        raise self._source.fault(node, "this cannot be used here: there are names, numbers, texts and comparisons")

    def _named(self, node: ast.expr, name: str, found: Field, *, is_metric: bool) -> _Operand:
        if is_metric:
            self.metrics.setdefault(name, node)
        return _Operand(found.sort, found.get, node, name)


__all__ = ["Expression", "ExpressionError", "parse"]
