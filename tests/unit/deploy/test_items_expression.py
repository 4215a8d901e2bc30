"""The language of `sluice items --where`."""

from __future__ import annotations

import ast
import builtins
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy.items.expression import ExpressionError, parse
from deploy.items.record import Decided
from tests.unit.deploy.itemrows import item

BLURRY = item(3, 0.25, reasons=("blurry", "dark"), flags=("nude",), metrics={"sharpness": 1.5, "entropy": 6.0})
NUMBERS = ("score", "sharpness", "absent", "0.25", "1", "-1.5")
TEXTS = ("kind", "parent", "action", "'image'", '"p"')


def _holds(text: str, decided: Decided | None = None) -> bool:
    return parse(text).holds(BLURRY, decided)


@pytest.mark.parametrize(
    "text",
    [
        "score < 0.3",
        "0.2 < score <= 0.25",
        "score == 0.25 and kind == 'image'",
        "score > 0.9 or sharpness >= 1.5",
        "not (score > 0.9 or kind != 'image')",
        "'blurry' in reasons",
        'reason("dark") and not reason("noisy")',
        'flag("nude") and "other" not in flags',
        "kind in ('image', 'video-frame') and index not in (1, 2)",
        "metrics.entropy > 5.9 and metrics['sharpness'] == 1.5",
        "not calibrated and not cached",
        "missing(snr) and missing(action) and not missing(score)",
        "sharpness > score",
        "sharpness > -3",
        "\n  score < 0.3\n  and index == 3  # a remark",
        "model_margin == 0.5 and model_band == 'likely' and model_entropy < 1",
    ],
)
def test_what_holds_of_the_item(text: str) -> None:
    assert _holds(text)


@pytest.mark.parametrize("order", ["<", "<=", ">", ">=", "==", "!="])
def test_what_an_item_lacks_compares_as_false_either_way(order: str) -> None:
    assert not _holds(f"snr {order} 3")
    assert not _holds(f"3 {order} snr")
    assert _holds(f"not snr {order} 3")


def test_what_an_item_lacks_is_in_no_list_and_outside_of_none() -> None:
    assert not _holds("snr in (1, 2)")
    assert not _holds("snr not in (1, 2)")
    assert not _holds("action not in ('accept',)")


def test_the_decision_of_the_parent_can_be_asked_for() -> None:
    decided = Decided("review", "low", 0.3)
    assert _holds("action == 'review' and label == 'low' and parent_score < 0.31", decided)
    assert not _holds("action == 'review'")


@pytest.mark.parametrize(
    ("text", "where", "words"),
    [
        ("score < 0.3 and knd == 'image'", "knd", "Did you mean kind?"),
        ("'é' == kind and sharpness", "sharpness", "neither true nor false"),
        ("score < 0.3 and\n kind > 'image'", "kind", "no order"),
        ("score == 'low'", "score", "cannot be compared with a text"),
        ("reasons == 'blurry'", "reasons", '"..." in reasons'),
        ("kind in 'image'", "'image'", "in (..., ...)"),
        ("score is 1", "1", "'is' has no meaning"),
        ("calibrated == score", "calibrated", "not calibrated"),
        ("score == None", "None", "missing(name)"),
        ("blury('x')", "blury('x')", "three functions"),
        ("reason(kind)", "kind", "takes a text"),
        ("missing('score')", "'score'", "takes the name"),
    ],
)
def test_an_error_points_at_the_place_and_says_what_to_write(text: str, where: str, words: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse(text)
    told, line, marks = str(caught.value).split("\n")
    assert words in told
    assert line[marks.index("^") : marks.rindex("^") + 1] == where


@pytest.mark.parametrize("text", ["", "  ", "score <", "score < 0.3 and", "(", "score = 3", "x" * 5000, "a\0b", "#"])
def test_what_is_no_expression_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError):
        parse(text)


@pytest.mark.parametrize(
    "text", ["not " * 500 + "calibrated", "(" * 250 + "score < 1" + ")" * 250, "-" * 3000 + "1 < 2"]
)
def test_deep_nesting_is_refused_and_crashes_nothing(text: str) -> None:
    with pytest.raises(ExpressionError):
        parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true') == 0",
        "score.__class__ == 1",
        "().__class__.__bases__ == 1",
        "[x for x in reasons]",
        "(lambda: score)() < 1",
        "f'{score}' == 'x'",
        "score + 1 < 2",
        "score if calibrated else 1",
        "(score := 1) < 2",
        "reasons[0] == 'blurry'",
        "b'x' == kind",
        "1j < 2",
        "... == kind",
        "max(score, 1) < 2",
        "reason(*reasons)",
        "await score",
        "score < 2 ** 99999999",
        "'a' * 999999999 == kind",
    ],
)
def test_nothing_but_comparisons_is_understood(text: str) -> None:
    with pytest.raises(ExpressionError):
        parse(text)


def test_nothing_is_ever_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*_: Any, **__: Any) -> None:
        raise AssertionError

    for name in ("eval", "exec"):
        monkeypatch.setattr(builtins, name, run)
    assert _holds("score < 0.3 and 'blurry' in reasons")


def test_a_metric_that_no_item_has_is_named_with_near_ones_and_its_place() -> None:
    expression = parse("score < 1 and sharpnes > 2")
    expression.check({"sharpnes"})
    with pytest.raises(ExpressionError, match=r"no item has a metric 'sharpnes'\. Did you mean sharpness") as caught:
        expression.check({"sharpness", "snr"})
    assert str(caught.value).endswith("              ^^^^^^^^")
    with pytest.raises(ExpressionError, match=r"Metrics here: snr\. Fields: score, parent"):
        parse("zzz > 1").check({"snr"})


def _comparison(names: tuple[str, ...], orders: tuple[str, ...]) -> st.SearchStrategy[str]:
    operand, order = st.sampled_from(names), st.sampled_from(orders)
    return st.builds("{} {} {}".format, operand, order, operand)


_COMPARISON = _comparison(NUMBERS, ("<", "<=", ">", ">=", "==", "!=")) | _comparison(TEXTS, ("==", "!="))
_EXPRESSION = st.recursive(
    _COMPARISON,
    lambda inner: (
        inner.map("not ({})".format) | st.builds("({}) {} ({})".format, inner, st.sampled_from(("and", "or")), inner)
    ),
    max_leaves=12,
)


@settings(deadline=None)
@given(_EXPRESSION)
def test_it_means_what_python_means_where_nothing_is_missing_and_false_where_something_is(text: str) -> None:
    tree = _without_missing(ast.parse(text, mode="eval"))
    names = {"score": 0.25, "sharpness": 1.5, "kind": "image", "parent": "p"}
    meant = eval(compile(tree, "text", "eval"), {}, names)  # noqa: S307  made of the parts above
    assert _holds(text) is bool(meant)


def _without_missing(tree: ast.Expression) -> ast.Expression:
    class Falsify(ast.NodeTransformer):
        def visit_Compare(self, node: ast.Compare) -> ast.expr:
            named = {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}
            return ast.Constant(value=False) if named & {"absent", "action"} else node

    found = ast.fix_missing_locations(Falsify().visit(tree))
    assert isinstance(found, ast.Expression)
    return found


@settings(deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_understood_or_refused_as_such(text: str) -> None:
    with suppress(ExpressionError):
        parse(text)
